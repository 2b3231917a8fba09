// SPDX-License-Identifier: GPL-2.0
/*
 * The running totals. What CPUs without a window do belongs to the window that any CPU opened last, since what the others do
 * meanwhile is part of what an operation costs.
 */
#include "counters.h"

struct cpu_counts cpu_counts[MAX_CPUS];
bool counted[COUNTERS] = { [USER] = true, [KERNEL] = true };

static unsigned int watched;		/* that any CPU opened last; relaxed: where a window of others begins is no exact place */

struct counts counts_read(unsigned int vcpu)
{
	struct counts counts;

	for (int i = 0; i < COUNTERS; i++)
		counts.count[i] = __atomic_load_n(&cpu_counts[vcpu].totals.count[i], __ATOMIC_RELAXED);
	return counts;
}

void window_set(unsigned int vcpu, unsigned int own, unsigned int others)
{
	cpu_counts[vcpu].window = own;
	__atomic_store_n(&watched, others, __ATOMIC_RELAXED);
}

unsigned int window_of(unsigned int vcpu)
{
	unsigned int own = cpu_counts[vcpu].window;

	return own ? own : __atomic_load_n(&watched, __ATOMIC_RELAXED);
}
