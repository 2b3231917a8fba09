/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time: the one-shot clock and Linux's clocks. The timer of a CPU is armed only while a thread that lives there waits with a deadline,
 * or waits for the end of a time slice; otherwise it is off. Clock values come from the page that Linux's timekeeping writes, so both
 * kernels agree.
 */
#include "cpu.h"
#include "log.h"
#include "timepage.h"

u64 cycles_from_ns(u64 ns)
{
	return arch_mul_div(min(ns, (u64)1 << 61), handover->tsc_khz, 1000000);	/* 73 years are as good as for ever */
}

void timers_arm(struct cpu *cpu)
{
	u64 deadline = list_empty(&cpu->timers) ? 0 : list_first(&cpu->timers, struct timer, link)->deadline;

	if (cpu->slice_end && (!deadline || cpu->slice_end < deadline))
		deadline = cpu->slice_end;
	arch_timer_arm(deadline);
}

/* A timer belongs to the CPU on which its thread sleeps; only that CPU touches it. */
void timer_start(struct timer *t, u64 deadline)
{
	struct cpu *cpu = this_cpu();
	struct list *at;

	t->deadline = deadline;
	list_for_each(at, &cpu->timers)
		if (list_entry(at, struct timer, link)->deadline > deadline)
			break;
	list_add_tail(&t->link, at);
	if (cpu->timers.next == &t->link)
		timers_arm(cpu);
}

void timer_stop(struct timer *t)
{
	bool first = this_cpu()->timers.next == &t->link;

	list_del(&t->link);
	if (first)
		timers_arm(this_cpu());
}

void timers_expire(void)
{
	struct cpu *cpu = this_cpu();
	struct timer *t;

	while (!list_empty(&cpu->timers)) {
		t = list_first(&cpu->timers, struct timer, link);
		if (t->deadline > arch_cycles())
			break;
		list_del(&t->link);
		thread_unpark(t->thread);
	}
	slice_expire(cpu);
	timers_arm(cpu);
}

bool clock_now(u32 clock, u64 *sec, u64 *nsec)
{
	struct time_value now;

	if (!timepage_read(phys_to_virt(handover->time), clock, arch_cycles, &now))
		return false;
	*sec = now.sec;
	*nsec = now.nsec;
	return true;
}
