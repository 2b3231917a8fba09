/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted, per virtual CPU, and the window to which it belongs. A column of the result is written only if something counts it.
 *
 * Only the CPU itself adds to its counters, other CPUs' marks read them, so they are accessed with relaxed atomics: no order is
 * needed, only whole values.
 */
#ifndef AZALEA_ICOUNT_COUNTERS_H
#define AZALEA_ICOUNT_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_CPUS	1024

/* The first two are the modes of the CPU, by bit 63 of the instruction's address; so are pairs of others. Columns have these names. */
#define ALL_COUNTERS(COUNTER)				\
	COUNTER(USER, user)				\
	COUNTER(KERNEL, kernel)				\
	COUNTER(SYSCALLS, syscalls)			\
	COUNTER(EXCEPTIONS, exceptions)			\
	COUNTER(INTERRUPTS, interrupts)			\
	COUNTER(IPIS_RECEIVED, ipis_received)		\
	COUNTER(IPIS_SENT, ipis_sent)			\
	COUNTER(USER_ACCESSES, user_accesses)		\
	COUNTER(KERNEL_ACCESSES, kernel_accesses)	\
	COUNTER(USER_L1_MISSES, user_l1_misses)		\
	COUNTER(KERNEL_L1_MISSES, kernel_l1_misses)	\
	COUNTER(USER_L2_MISSES, user_l2_misses)		\
	COUNTER(KERNEL_L2_MISSES, kernel_l2_misses)	\
	COUNTER(USER_TRANSFERS, user_transfers)		\
	COUNTER(KERNEL_TRANSFERS, kernel_transfers)	\
	COUNTER(USER_INVALIDATIONS, user_invalidations)	\
	COUNTER(KERNEL_INVALIDATIONS, kernel_invalidations)

#define COUNTER_ENUM(name, column)	name,
enum counter { ALL_COUNTERS(COUNTER_ENUM) COUNTERS };

struct counts {
	uint64_t count[COUNTERS];
};

struct cpu_counts {
	struct counts totals;
	unsigned int window;		/* that this CPU opened last of those still open, 0: none */
} __attribute__((aligned(64)));

extern struct cpu_counts cpu_counts[MAX_CPUS];
extern bool counted[COUNTERS];		/* set before the guest starts */

static inline enum counter mode_of(uint64_t vaddr)
{
	return vaddr >> 63 ? KERNEL : USER;
}

static inline void counter_add(unsigned int vcpu, enum counter counter, uint64_t n)
{
	uint64_t *count = &cpu_counts[vcpu].totals.count[counter];

	__atomic_store_n(count, *count + n, __ATOMIC_RELAXED);
}

/* The totals of @vcpu at this moment. */
struct counts counts_read(unsigned int vcpu);

/* From now on what @vcpu does belongs to window @own, and what CPUs without a window of their own do to @others; 0: to none. */
void window_set(unsigned int vcpu, unsigned int own, unsigned int others);

/* The window to which what @vcpu does now belongs: the one it opened last, else the one that any CPU opened last; 0: none. */
unsigned int window_of(unsigned int vcpu);

#endif
