/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spin locks. Waiting CPUs go on answering TLB flushes, so a holder may wait for other CPUs. Not fair on purpose: a virtual CPU
 * that waits its turn may not be running when the turn comes, and then all others wait for nothing.
 *
 * Lock order, outermost first; a lock may be taken only while holding locks above it:
 *	0 leaving	sched/thread.c		threads with a signal on its way do not end
 *	1 process	proc->lock		threads of a process, spare slots, signals; also the table of nascent ones, never with another
 *	2 aspace	as->lock		regions and page tables, of one address space: a child that fork makes needs no lock yet
 *	3 futex		futex bucket		(two buckets: lower address first)
 *	4 runqueue	cpu->runq.lock
 *	5 object	a class of kmalloc, kernel stacks, pool of threads; never two of them
 *	6 frame		a pool of free frames	(a CPU's, then its node's)
 *	7 log
 */
#ifndef LWK_SPINLOCK_H
#define LWK_SPINLOCK_H

#include "arch.h"
#include "current.h"

struct spinlock {
	u32 held;	/* a */
};

#define SPINLOCK_INIT	{ 0 }

static inline void spin_lock(struct spinlock *l)
{
	/* spin_lock:A, pairs with spin_unlock:A */
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
			arch_relax();
	lock_noted(l);
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_forgotten();
	/* spin_unlock:A, pairs with spin_lock:A */
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

static inline bool spin_is_locked(struct spinlock *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED);
}

#endif
