/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the proxy share. The proxy is the Linux process that stands for one program on the LWK: its pid, its files, its
 * credentials. It has no C library, and everything of its own lies above the program's address range.
 */
#ifndef PROXY_H
#define PROXY_H

#include <asm/unistd_64.h>
#include <stddef.h>
#include <stdint.h>

#include "ioctl.h"

#define EPERM		1
#define ENOENT		2
#define EINTR		4
#define EIO		5
#define E2BIG		7
#define ENOEXEC		8
#define EAGAIN		11
#define ENOMEM		12
#define EACCES		13
#define EFAULT		14
#define ELOOP		40
#define ESHUTDOWN	108
#define ERESTARTSYS	512	/* Linux's own code, understood by the LWK */

/* What Linux gave the proxy and the program is to have. */
struct start_info {
	int fd;				/* the device: a job that yod has created */
	int exe;			/* the program's file; the LWK reads and closes it; or -errno */
	const char *path;		/* what was executed */
	const char *name;		/* of the process */
	char **argv, **envp;		/* of the program */
	uint64_t *auxv;
};

extern struct start_info start_info;

static inline long sys3(long nr, uint64_t a, uint64_t b, uint64_t c)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

static inline long sys6(long nr, uint64_t a, uint64_t b, uint64_t c, const uint64_t *rest)
{
	register uint64_t d asm("r10") = rest[0];
	register uint64_t e asm("r8") = rest[1];
	register uint64_t f asm("r9") = rest[2];
	long ret;

	asm volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f) : "rcx", "r11", "memory");
	return ret;
}

/* start.S */
long user_call(const struct az_ioc_serve *request);
extern char user_call_looked[], user_call_insn[];
long thread_start(unsigned long flags, void *stack_top, void (*fn)(void *), void *arg);
long process_start(const uint64_t *clone_args, size_t size, void (*fn)(void *), void *arg);
void thread_end(void *stack, size_t size, int status) __attribute__((noreturn));
void signal_return(void);

/* twin.c */
struct twin;
void on_signal(int sig, void *siginfo, void *context);
void serve(struct twin *twin) __attribute__((noreturn));	/* @twin: NULL for a first thread, whose stack is Linux's */
struct twin *stack_create(void **top, int detached);	/* a twin at the low end of its stack, or NULL; @detached: it frees that itself */
void stack_destroy(struct twin *twin);
void *map_memory(size_t size);				/* NULL if there is none */
void unmap_memory(void *memory, size_t size);
void block_signals(uint64_t *old);
void restore_signals(uint64_t old);

/* fork.c */
long fork_process(const uint64_t arg[6]);		/* AZ_CALL_FORK */

/* program.c */
struct left {						/* memory that a successful exec leaves to whoever shares it (vfork) */
	void *memory;
	size_t size;
};
long exec_program(const uint64_t arg[6], struct left *left);	/* AZ_CALL_EXEC */

/* exec.c */
uint64_t exec_size(void);
long exec_write(void *buffer, uint64_t size);
void exec_failed(long error, uint32_t fault) __attribute__((noreturn));
void say_no_memory(uint64_t reserved);

/* print.c */
size_t string_length(const char *s);
const char *base_name(const char *path);
void print(const char *const *words);			/* one line on stderr */
void fail(int status, const char *const *words) __attribute__((noreturn));	/* one line on stderr, then the end of all threads */
void exit_process(int status) __attribute__((noreturn));
char *number(char buffer[24], long value);
#define FAIL(status, ...) fail(status, (const char *const[]) { __VA_ARGS__, NULL })

#endif
