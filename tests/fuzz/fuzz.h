/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the fuzzer share: sizes, the calls' kinds, a worker's state, random numbers, and calls without the C library. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>

#include "syscall_desc.h"

#define PAGE		4096ul
#define ARENA		(4ul << 20)
#define AROUND		(16ul << 20)	/* nothing of ours lies so close to the arena */
#define THREADS_MAX	64
#define WORKERS_MAX	16
#define FDS		20
#define FIRST_FREE_FD	100
#define DEVICE_FD	1024		/* where the proxy keeps it: the first beyond the usual limit */
#define TICK		SIGUSR2

/* ---- Kinds of calls: calls.c ---- */

enum { CALL_LEFT_OUT, CALL_LWK, CALL_LINUX, CALL_REFUSED, CALL_SELDOM, CALL_WAITS, CALL_FORKS };

extern unsigned char call_kind[SYSCALL_NR_MAX + 1];	/* what is known of each number, so that workers need not compare names */

void sort_calls(void);			/* finds the kinds of all numbers, for this user */
void list_left_out(void);

/* ---- State ---- */

extern bool as_root;
extern long thread_count;

/* Of this worker: worker.c */
extern char *arena;
extern long own_pid, own_tid[THREADS_MAX];
extern int fds[FDS];

/* Shared by all workers and the process that started them. */
extern struct shared {
	unsigned long made[SYSCALL_NR_MAX + 1];
	unsigned long done[WORKERS_MAX][THREADS_MAX];	/* calls of each thread of the workers that run; only the thread writes */
} *shared;

/* Runs as worker @number until all threads have made their calls or none comes further. */
void worker(unsigned long seed, int number);

/* ---- Random numbers ---- */

struct random {
	unsigned long state;
};

/* Marsaglia's xorshift64*. */
static inline unsigned long next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dul >> 8;
}

static inline unsigned long below(struct random *r, unsigned long n)
{
	return next(r) % n;
}

#define PICK(r, list) ((list)[below(r, sizeof(list) / sizeof(*(list)))])

/* ---- Arguments: arguments.c ---- */

unsigned long any_number(struct random *r);
unsigned long any_address(struct random *r);

/* Fills in @v, the arguments of call @nr. */
void choose_arguments(struct random *r, unsigned long nr, unsigned long v[6]);

/* ---- Calls without the C library ---- */

static inline long raw(long nr, const unsigned long v[6])
{
	register unsigned long d asm("r10") = v[3], e asm("r8") = v[4], f asm("r9") = v[5];
	long ret;

	asm volatile("syscall" : "=a"(ret) : "0"(nr), "D"(v[0]), "S"(v[1]), "d"(v[2]), "r"(d), "r"(e), "r"(f) : "rcx", "r11", "memory");
	return ret;
}
#define RAW(nr, ...) raw(nr, (const unsigned long[6]){ __VA_ARGS__ })

#endif
