/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU time of threads: how long each was on a CPU, whatever it did there. Counted where threads are switched, so calls cost nothing more;
 * a thread that waits is not counted, one that spins while Linux works for it is. The number lies in the thread's slot, where the driver
 * reads it to credit the twin, so that Linux answers all questions about CPU time.
 */
#include "arch.h"
#include "thread.h"

/* @t is about to run on this CPU. */
void cputime_begin(struct thread *t)
{
	u64 had = t->slot->cpu_time;

	__atomic_store_n(&t->slot->cpu_time, (arch_cycles() - had) | AZ_CPU_TIME_RUNS, __ATOMIC_RELAXED);
}

/* @t leaves this CPU; its slot is still its own. */
void cputime_end(struct thread *t)
{
	__atomic_store_n(&t->slot->cpu_time, az_cpu_time_cycles(t->slot->cpu_time, arch_cycles()), __ATOMIC_RELAXED);
}
