// SPDX-License-Identifier: GPL-2.0
/*
 * What a system call costs, in instructions: makes a few simple calls, each
 * between two marks (bench/icount/mark.h), a hundred times over.  Every single
 * call is a closing of its own in the plug-in's file, so the first, cold ones
 * and those an interrupt hit do not disturb the minimum and the median.
 *
 * The same binary runs on Linux and on the LWK.  Numbers of windows are part
 * of the instructions, so the argument chooses between two copies of the code.
 * Between the marks there is nothing but the syscall instruction: the user
 * count of each call is 1.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../icount/mark.h"
#include "windows.h"

#define ROUNDS 100

static unsigned int futex_word;

/* The window's number must be a constant, hence no function. */
#define COUNT(window, instruction, nr, arg1, arg2, arg3, result)	\
do {									\
	for (int round = 0; round < ROUNDS; round++) {			\
		(result) = (nr);					\
		asm volatile(AZALEA_MARK_ASM("%c[open]")		\
			     instruction				\
			     AZALEA_MARK_ASM("%c[close]")		\
			     : "+a" (result)				\
			     : [open] "i" (AZALEA_OPEN(window)),	\
			       [close] "i" (AZALEA_CLOSE(window)),	\
			       "D" (arg1), "S" (arg2), "d" (arg3)	\
			     : "rcx", "r11", "memory");			\
	}								\
} while (0)

struct results {
	long pid;
	long ppid;
	long woken;
	long yield;
};

#define COUNT_ALL(set, r)						\
do {									\
	long none;							\
	COUNT(WINDOW_##set##_EMPTY, "", 0L, 0L, 0L, 0L, none);		\
	COUNT(WINDOW_##set##_GETPID, "syscall\n\t",			\
	      (long)SYS_getpid, 0L, 0L, 0L, (r)->pid);			\
	COUNT(WINDOW_##set##_GETPPID, "syscall\n\t",			\
	      (long)SYS_getppid, 0L, 0L, 0L, (r)->ppid);		\
	COUNT(WINDOW_##set##_FUTEX_WAKE, "syscall\n\t",			\
	      (long)SYS_futex, &futex_word,				\
	      (long)FUTEX_WAKE_PRIVATE, 1L, (r)->woken);		\
	COUNT(WINDOW_##set##_SCHED_YIELD, "syscall\n\t",		\
	      (long)SYS_sched_yield, 0L, 0L, 0L, (r)->yield);		\
	(void)none;							\
} while (0)

/* A window must close on the CPU that opened it. */
static int stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	if (cpu < 0)
		return -1;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int check_results(const struct results *r)
{
	if (r->pid == getpid() && r->ppid == getppid() && !r->woken && !r->yield)
		return 0;
	fprintf(stderr, "callcost: wrong result: getpid %ld (%d), getppid %ld (%d), futex %ld (0), sched_yield %ld (0)\n",
		r->pid, getpid(), r->ppid, getppid(), r->woken, r->yield);
	return 1;
}

int main(int argc, char **argv)
{
	struct results results;

	if (argc != 2 || (strcmp(argv[1], "linux") && strcmp(argv[1], "lwk"))) {
		fprintf(stderr, "usage: callcost linux|lwk  (which windows to use)\n");
		return 1;
	}
	if (stay_on_one_cpu()) {
		perror("callcost: cannot stay on one CPU");
		return 1;
	}
	if (!strcmp(argv[1], "linux"))
		COUNT_ALL(LINUX, &results);
	else
		COUNT_ALL(LWK, &results);
	return check_results(&results);
}
