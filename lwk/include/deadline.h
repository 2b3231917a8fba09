/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Points in time on Linux's clocks, for whoever waits: an end is nanoseconds of a clock, and is looked at again after each sleep,
 * so that a clock that is steered or set meanwhile is followed. All of this needs thread context and no lock: when Linux's clock
 * is not the TSC, Linux is asked. The thread may sleep then and a wake-up be consumed, so whoever waits looks at its condition afterwards.
 */
#ifndef LWK_DEADLINE_H
#define LWK_DEADLINE_H

#include "types.h"

#define CLOCK_REALTIME		0
#define CLOCK_MONOTONIC		1
#define CLOCK_PROCESS_CPUTIME	2
#define CLOCK_THREAD_CPUTIME	3
#define CLOCK_MONOTONIC_RAW	4
#define CLOCK_REALTIME_COARSE	5
#define CLOCK_MONOTONIC_COARSE	6
#define CLOCK_BOOTTIME		7
#define CLOCK_TAI		11

#define NSEC_PER_SEC		1000000000ULL
#define DEADLINE_MAX		INT64_MAX	/* for ever */

struct deadline {
	u32 clock;			/* REALTIME, MONOTONIC, BOOTTIME or TAI */
	u64 ns;
};

/* Reads a program's struct timespec as a time or a duration. -EFAULT, or -EINVAL if it is negative or not normalised. */
long timespec_from_user(uaddr_t from, u64 *ns);
/* @duration from now. */
struct deadline deadline_after(u32 clock, u64 duration);
/* Cycle count until which to sleep; 0: it has come. */
u64 deadline_cycles(const struct deadline *d);
/* Nanoseconds left, 0 if it has come. */
u64 deadline_left(const struct deadline *d);

#endif
