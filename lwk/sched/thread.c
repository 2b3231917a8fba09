/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Birth, placement and death of threads. Structures are pooled and never freed (see thread.h); a new thread is placed on the allowed CPU
 * with the fewest threads, so that with enough CPUs each has a core for itself.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"
#include "trace.h"

static struct spinlock pool_lock;		/* rank: object */
static struct list pool = LIST_INIT(pool);	/* linked by run */
static struct thread *by_slot[AZ_SLOTS];	/* a */
static struct spinlock leaving_lock;		/* rank: leaving */

struct thread *thread_of_slot(u32 slot)
{
	return slot < AZ_SLOTS ? __atomic_load_n(&by_slot[slot], __ATOMIC_ACQUIRE) : NULL;
}

/*
 * The event may be handled on a CPU that the thread has left, so only the lock keeps the thread, and with it its process, from ending
 * meanwhile.
 */
void thread_signal(u32 slot, const u8 info[128])
{
	struct thread *t;

	spin_lock(&leaving_lock);
	t = thread_of_slot(slot);
	if (t)
		signal_post(t, info);
	spin_unlock(&leaving_lock);
}

static struct thread *pool_take(void)
{
	struct thread *t = NULL;

	spin_lock(&pool_lock);
	if (!list_empty(&pool)) {
		t = list_first(&pool, struct thread, run);
		list_del(&t->run);
	}
	spin_unlock(&pool_lock);
	return t;
}

/* Runs on the next thread's stack, when nothing uses the dead one's any more. */
void thread_recycle(struct thread *t)
{
	x86_kstack_free(t->kstack);
	kfree(t->registers);
	kfree(t->trace);
	seccomp_free(t);
	t->kstack = NULL;
	t->registers = NULL;
	t->trace = NULL;
	spin_lock(&pool_lock);
	list_add(&t->run, &pool);
	spin_unlock(&pool_lock);
}

static void thread_begin(void *arg)
{
	struct thread *t = arg;

	finish_switch();
	t->entry(t->entry_arg);
}

/* A stack on which x86_switch() will find x86_thread_start, and that thread_begin() and its argument. */
static void prepare_stack(struct thread *t)
{
	u64 *sp = (u64 *)((struct frame *)t->kstack - 1);	/* the program's frame lies above */

	*--sp = 0;
	*--sp = (u64)t;
	*--sp = (u64)thread_begin;
	*--sp = (u64)x86_thread_start;
	for (int i = 0; i < 6; i++)
		*--sp = 0;
	t->ksp = (u64)sp;
}

struct thread *thread_create(struct proc *proc, void (*entry)(void *), void *arg)
{
	struct thread *t = pool_take();

	if (!t)
		t = kmalloc(sizeof(*t));
	if (!t)
		return NULL;
	memset(&t->ksp, 0, sizeof(*t) - offsetof(struct thread, ksp));
	list_init(&t->run);
	list_init(&t->sibling);
	list_init(&t->sigqueue);
	list_init(&t->futex.link);
	t->futex.thread = t;
	t->kstack = x86_kstack_alloc();
	t->registers = kmalloc(sizeof(*t->registers) + x86_features.xsave_size);
	if (!t->kstack || !t->registers) {
		if (t->kstack)
			x86_kstack_free(t->kstack);
		kfree(t->registers);
		spin_lock(&pool_lock);
		list_add(&t->run, &pool);
		spin_unlock(&pool_lock);
		return NULL;
	}
	t->fpu = t->registers->xsave;
	x86_fpu_init(t->fpu);
	t->altstack.flags = SS_DISABLE;
	t->proc = proc;
	t->entry = entry;
	t->entry_arg = arg;
	prepare_stack(t);
	return t;
}

void thread_bind(struct thread *t, u32 slot)
{
	t->slot = (struct az_slot *)phys_to_virt(handover->slots) + slot;
	t->slot_index = slot;
	t->tid = t->slot->tid;
	t->pid = t->proc->pid;
	t->slice = cycles_from_ns(AZ_PROC_SLICE_MS(t->proc->shared->flags) * 1000000ULL);
	trace_thread(t);
}

u32 thread_choose_cpu(const struct thread *t)
{
	u32 best = AZ_NONE, i;

	for_each_cpu(i, t->affinity)
		if (best == AZ_NONE || runq_placed(i) < runq_placed(best))
			best = i;
	check(best != AZ_NONE);
	return best;
}

void thread_place(struct thread *t, struct thread *parent)
{
	struct proc *proc = t->proc;
	u32 cpu;

	spin_lock(&proc->lock);
	cpu = thread_choose_cpu(t);
	runq_add_placed(cpu, 1);
	list_add_tail(&t->sibling, &proc->threads);
	proc->thread_count++;
	proc->shared->threads = proc->thread_count;
	if (proc->kill)
		t->work = WORK_KILL;
	if (parent)		/* not before: another thread may just have given its filters to all that are in the list */
		seccomp_inherit(t, parent);
	spin_unlock(&proc->lock);
	t->slot->cpu = cpu;
	t->slot->sigmask = t->sigmask;
	__atomic_store_n(&t->slot->state, AZ_SLOT_IDLE, __ATOMIC_RELEASE);
	__atomic_store_n(&by_slot[t->slot_index], t, __ATOMIC_RELEASE);
	/* thread_place:A, pairs with the ring: AZ_EV_PAUSE finds the thread, or its cause is seen here */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->slot->paused, __ATOMIC_RELAXED))
		__atomic_fetch_or(&t->work, WORK_PAUSE, __ATOMIC_RELAXED);
	__atomic_fetch_add(&handover->threads, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&handover->slots_used, 1, __ATOMIC_RELAXED);
	thread_begin_on(t, cpu);
}

/* What other threads may be waiting for: robust futexes and the clear_child_tid word (man 2 set_tid_address). */
static void announce_death(struct thread *t)
{
	u32 zero = 0;

	futex_exit_robust(t);
	futex_exit_pi(t);
	if (t->clear_child_tid && copy_to_user(t->clear_child_tid, &zero, sizeof(zero)) == 0)
		futex_wake_addr(t->clear_child_tid, 1);
}

void thread_exit(u32 status)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = cpu->current;
	struct proc *proc = t->proc;
	struct sigqueue *q;
	bool killed = proc->kill, last;

	if (!killed)
		announce_death(t);
	spin_lock(&leaving_lock);
	__atomic_store_n(&by_slot[t->slot_index], NULL, __ATOMIC_RELEASE);
	spin_unlock(&leaving_lock);
	cpu = this_cpu();
	cpu->user = NULL;
	cpu_load_aspace(NULL);
	cputime_end(t);
	if (killed)
		trace_leave(t);
	else		/* while we still count: when all have left, Linux may give the slot to another program */
		slot_exit(t->slot, t->slot_index, status);
	spin_lock(&proc->lock);
	while (!list_empty(&t->sigqueue)) {
		q = list_first(&t->sigqueue, struct sigqueue, link);
		list_del(&q->link);
		kfree(q);
	}
	list_del(&t->sibling);
	last = --proc->thread_count == 0 && proc->kill;
	proc->shared->threads = proc->thread_count;
	runq_add_placed(cpu->index, -1);
	spin_unlock(&proc->lock);
	__atomic_fetch_sub(&handover->threads, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&handover->slots_used, 1, __ATOMIC_RELAXED);
	if (last)
		event_to_linux(AZ_EVENT(AZ_EV_STOPPED, proc->index));
	spin_lock(&cpu->runq.lock);
	t->state = THREAD_DEAD;
	spin_unlock(&cpu->runq.lock);
	cpu->leaving = t;
	schedule();
	panic("a dead thread runs");
}
