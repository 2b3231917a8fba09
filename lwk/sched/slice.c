/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time sharing, for jobs that ask for it: threads that are ready on one CPU take turns. A slice is timed only while somebody waits for
 * its end, so a CPU with one thread takes no interrupt. When it is over, the timer finds the CPU in user mode, idle, or between two steps
 * of long work; the thread lets the others run in leave_kernel().
 *
 * Only the CPU itself starts and ends its slices. Whoever makes a thread ready on another CPU sees in slice_end, by the queue's lock,
 * whether that one must be told.
 */
#include "arch.h"
#include "cpu.h"

void slice_begin(struct cpu *cpu, const struct thread *t)
{
	u64 end = t->slice && !list_empty(&cpu->runq.ready) ? arch_cycles() + t->slice : 0;

	if (end == cpu->slice_end)
		return;
	cpu->slice_end = end;
	timers_arm(cpu);
}

void slice_look(struct cpu *cpu)
{
	spin_lock(&cpu->runq.lock);
	if (!cpu->slice_end)
		slice_begin(cpu, cpu->current);
	spin_unlock(&cpu->runq.lock);
}

void slice_expire(struct cpu *cpu)
{
	if (!cpu->slice_end || cpu->slice_end > arch_cycles())
		return;
	spin_lock(&cpu->runq.lock);
	cpu->slice_end = 0;
	spin_unlock(&cpu->runq.lock);
	thread_interrupt(cpu->current, WORK_YIELD);
}
