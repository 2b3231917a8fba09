/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the groups of random operations share: choices, the trace, and touching memory that may not be there.
 *
 * A sequence is some tens of operations on a state that every sequence finds the same. All choices of an operation follow from the seed,
 * the group, the number of the sequence and the number of the operation, and from results that every correct kernel must give; so one
 * sequence, or a part of it, does the same when it is run alone. Whatever Linux leaves open (addresses it chooses, process numbers,
 * times) must neither reach the trace nor steer a choice.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE		4096l
#define ALWAYS(...)	need(#__VA_ARGS__, (__VA_ARGS__))

struct group {
	const char *name;
	int ops;			/* of a sequence, at most */
	void (*prepare)(void);		/* once per process */
	void (*begin)(void);		/* makes the state that each sequence begins with */
	void (*op)(int index);
	void (*end)(void);		/* says what has become of the state, and takes it away */
};

extern const struct group memory_group, signal_group, futex_group, process_group, file_group;

/* ---- Choices ---- */

uint64_t mix(uint64_t a, uint64_t b);
uint64_t draw(void);
void restart_choices(uint64_t state);
long pick(long n);			/* 0 to n - 1 */
bool chance(int percent);

/* One of the arguments. */
#define pick_of(...) \
	((const long[]){ __VA_ARGS__ })[pick(sizeof((const long[]){ __VA_ARGS__ }) / sizeof(long))]

struct operation {
	int weight;
	void (*op)(void);
};

/* Runs one of the operations, each as often as its weight says. */
void run_one(const struct operation *operations, int count);

/* ---- Trace: one line per operation, in memory that forked children write to as well ---- */

void t_str(const char *s);
void t_num(long n);
void t_hex(uint64_t n);
long t_ret(const char *what, long ret);	/* " what=N" or " what=-errno", for a result as raw_call() gives it; returns it */
void t_arg(const char *what, long n);	/* " what=N" */

/* ---- Calls without libc's habits: -errno on failure ---- */

#define raw(name, ...)	raw_six(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define raw_six(nr, a, b, c, d, e, f, ...) \
	raw_call(nr, (const long[]){ (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f) })
long raw_call(long nr, const long arg[6]);

long need(const char *what, long ret);	/* ends the program if the executor itself cannot work */

/* ---- Memory that may not be there ---- */

struct fault {
	int sig;		/* 0: none */
	int code;
	uintptr_t addr;
};

struct fault peek(const void *p, uint64_t *value);
struct fault poke(void *p, uint64_t value);
void catch_faults(void);

uint64_t hash_bytes(uint64_t h, const void *p, size_t n);
void fill_bytes(void *p, size_t n, uint64_t seed);

#endif
