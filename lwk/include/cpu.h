/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The LWK's own state of each CPU, found through GS in kernel mode.
 * Keys: I set once before use   o owning CPU only   a atomic   q runq.lock
 */
#ifndef LWK_CPU_H
#define LWK_CPU_H

#include "thread.h"

#define CPU_BOOT_STACK	2048

struct runq {
	struct spinlock lock;
	struct list ready;		/* q: threads READY, in the order in which they will run */
	u32 placed;			/* a: threads of all processes that live on this CPU, in any state */
	bool crowded;			/* q: threads are READY behind one that runs */
	bool asked;			/* q: which has WORK_GIVE_WAY and has not looked yet */
};

struct x86_cpu_tables {			/* arch/x86/cpu.c */
	u64 gdt[9];
	u8 tss[104] __aligned(16);
};

struct cpu {
	struct cpu *self;		/* I */
	u64 user_rsp;			/* o: scratch of the system-call entry */
	struct frame *frame;		/* o: where the current thread's user frame goes */
	struct thread *current;		/* q, written by the owning CPU */
	u32 work;			/* o: nonzero: leave the kernel by the slow way */
	u32 lock_count;			/* o: spin locks held */
	struct spinlock *locks[16];	/* o: those, in the order taken (more than there are ranks) */
	u32 index;			/* I */
	struct az_cpu *shared;		/* I */
	struct aspace *aspace;		/* o: whose page tables are loaded; NULL: the kernel's */
	u32 proc;			/* a: index of the last process that was loaded, which may have gone; AZ_NONE: none yet */
	u32 modes;			/* o: MODE_* in force */
	struct thread *user;		/* o: whose FPU and segment bases are in the registers, NULL: nobody's */
	struct thread *leaving;		/* o: thread switched away from for good: DEAD, or moving to its ->cpu */
	struct thread idle;
	struct runq runq __aligned(64);	/* what others write has lines of its own */
	bool idles __aligned(64);	/* q, but others look without it: the CPU halts or is about to */
	u32 tlb_wanted __aligned(64);	/* a: flushes asked of this CPU */
	u32 tlb_done;			/* a: flushes done by it */
	u32 tlb_rest;			/* a: enum tlb_rest; it halts, and will look at tlb_wanted before it uses a program's memory */
	struct frame_pool frames;	/* mm/frame.c */
	struct list timers;		/* o: struct timer, earliest first */
	u64 slice_end;			/* q, written by the owning CPU: when the current thread lets others run, 0: never */
	struct x86_cpu_tables tables;
	u8 boot_stack[CPU_BOOT_STACK] __aligned(16);
} __aligned(64);

extern struct cpu *boot_cpus[AZ_CPUS_MAX];
extern u32 boot_cpu_count;
extern struct az_handover *handover;

static inline bool cpus_has(const u64 *set, u32 i)
{
	return set[i / 64] >> (i % 64) & 1;
}

/* The first CPU of the set from @i on; boot_cpu_count: none. Time goes by members and words, not by CPUs. */
static inline u32 cpus_next(const u64 *set, u32 i)
{
	for (; i < boot_cpu_count; i = (i | 63) + 1) {
		u64 rest = set[i / 64] >> (i % 64);

		if (rest)
			return i + __builtin_ctzll(rest);
	}
	return boot_cpu_count;
}

#define for_each_cpu(i, set) \
	for (i = cpus_next(set, 0); i < boot_cpu_count; i = cpus_next(set, i + 1))

static inline u32 runq_placed(u32 cpu)
{
	return __atomic_load_n(&boot_cpus[cpu]->runq.placed, __ATOMIC_RELAXED);
}

static inline void runq_add_placed(u32 cpu, s32 count)
{
	__atomic_fetch_add(&boot_cpus[cpu]->runq.placed, count, __ATOMIC_RELAXED);
}

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/* Loads @as (NULL: the kernel's page tables) on this CPU. */
void cpu_load_aspace(struct aspace *as);
/* Drains the ring of this CPU. Interrupts off, no lock held. */
void events_drain(void);
/* Sends an event to Linux from this CPU. */
void event_to_linux(u64 event);
/* Interrupts another LWK CPU: it looks at its run queue, its thread's work and TLB requests. */
void cpu_kick(u32 cpu);
void tlb_serve(void);
/* This CPU halts, and has nothing to do with a program's memory until it no longer does. */
void tlb_rest_begin(void);
void tlb_rest_end(void);

/* ---- sched/runq.c ---- */
/* Asks again on behalf of all CPUs of this one's lease that idle. No lock of a queue held. */
void runq_look_again(void);

/* ---- sched/clock.c ---- */
struct timer {
	struct list link;
	u64 deadline;			/* cycles */
	struct thread *thread;
};
void timer_start(struct timer *t, u64 deadline);
void timer_stop(struct timer *t);
void timers_expire(void);
void timers_arm(struct cpu *cpu);	/* this CPU's timer for whatever comes first */
u64 cycles_from_ns(u64 ns);
/* Linux's clocks from the time page; false if Linux's clock is not the TSC. */
bool clock_now(u32 clock, u64 *sec, u64 *nsec);

/* ---- sched/slice.c ---- */
/* @t runs on this CPU from now on, or somebody began to wait behind it; REQUIRES runq.lock. */
void slice_begin(struct cpu *cpu, const struct thread *t);
/* Another CPU has perhaps made a thread ready here. */
void slice_look(struct cpu *cpu);
/* Interrupts the current thread if its slice is over. */
void slice_expire(struct cpu *cpu);

void arch_timer_arm(u64 deadline);	/* cycles; 0 disarms */
void arch_halt_until_interrupt(void);	/* enables interrupts, halts, disables them */
void arch_take_interrupts(void);	/* those that wait */
u32 arch_node(void);

#endif
