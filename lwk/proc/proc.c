/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes as Linux asks for them: start, kill, free. These run as events, with interrupts off and in no thread's context, so nothing here
 * forwards a call.
 *
 * A process ends in one way only: Linux sees the proxy's last reference go and sends KILL; every thread leaves; the last one says
 * STOPPED; Linux checks what it still uses and sends FREE; everything is given back and GONE ends it.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"

static struct proc *procs[AZ_PROCS];	/* a: by index; use proc_of() and proc_publish() */

static struct proc *proc_of(u32 index)
{
	/* proc_of:A, pairs with proc_publish:A: another CPU may ask what is mapped */
	return index < AZ_PROCS ? __atomic_load_n(&procs[index], __ATOMIC_ACQUIRE) : NULL;
}

static void proc_publish(u32 index, struct proc *proc)
{
	/* proc_publish:A, pairs with proc_of:A: the process has its address space by now, or will never have one */
	__atomic_store_n(&procs[index], proc, __ATOMIC_RELEASE);
}

static struct az_proc *shared_proc(u32 index)
{
	return (struct az_proc *)phys_to_virt(handover->procs) + index;
}

struct proc *proc_create(void)
{
	struct proc *proc = kmalloc(sizeof(*proc));

	if (!proc)
		return NULL;
	proc->spare_batch = 4;
	list_init(&proc->threads);
	list_init(&proc->tellers);
	return proc;
}

/* yod's program: nothing is inherited from a process of the LWK. */
static struct proc *proc_first(const struct az_proc *shared)
{
	struct proc *proc = proc_create();

	if (!proc)
		return NULL;
	proc->budget = budget_create(shared->memory);
	proc->first = thread_create(proc, exec_main, NULL);
	if (proc->first)
		memcpy(proc->first->affinity, shared->cpus, sizeof(proc->first->affinity));
	return proc;
}

/* A new program gets its address space. False if memory is short. */
static bool proc_memory(struct proc *proc)
{
	struct az_proc *shared = proc->shared;

	if (!proc->aspace && proc->budget)
		proc->aspace = aspace_create(proc->budget, shared->rlimit_stack);
	if (proc->budget)
		budget_put(proc->budget);	/* the address space has its own reference */
	proc->budget = NULL;
	if (!proc->aspace)
		return false;
	if (!proc->shares_memory)
		aspace_bind(proc->aspace, &shared->used);
	aspace_set_small_pages(proc->aspace, shared->small_pages);
	aspace_set_limits(proc->aspace, shared->rlimit_as, shared->rlimit_data);
	aspace_set_lock_limit(proc->aspace, shared->rlimit_memlock);
	return true;
}

/* The process has no thread that could ask its twin, so the twin is told directly. */
static void tell_twin(u32 index, u32 nr, u64 arg0, u64 arg1)
{
	struct az_slot *slot = (struct az_slot *)phys_to_virt(handover->slots) + shared_proc(index)->slot;

	slot->nr = nr;
	slot->arg[0] = arg0;
	slot->arg[1] = arg1;
	__atomic_store_n(&slot->state, AZ_SLOT_CALL, __ATOMIC_SEQ_CST);
	event_to_linux(AZ_EVENT(AZ_EV_CALL, shared_proc(index)->slot));
}

/* A program inherits the mask of the one before, and what is ignored. */
static void program_signals(struct proc *proc, struct thread *t)
{
	for (u32 i = 0; i < ARRAY_SIZE(proc->action); i++)
		if (proc->shared->ignored >> i & 1)
			proc->action[i].handler = SIG_IGN;
	t->sigmask = t->slot->sigmask;
}

/* Makes @proc, which may lack memory, the process that Linux knows by @index. False if it cannot run. */
static bool proc_enter(struct proc *proc, u32 index)
{
	struct thread *t = proc->first;
	bool whole;

	proc->index = index;
	proc->shared = shared_proc(index);
	proc->pid = proc->shared->pid;
	whole = proc_memory(proc) && t;
	proc_publish(index, proc);
	if (!whole)
		return false;
	thread_bind(t, proc->shared->slot);
	if (!proc->forked)
		program_signals(proc, t);
	membarrier_inherit(proc);
	proc->shared->pgd = aspace_pgd(proc->aspace);
	__atomic_store_n(&proc->shared->state, AZ_PROC_RUNNING, __ATOMIC_RELEASE);
	proc->first = NULL;
	thread_place(t, NULL);
	return true;
}

void proc_start(u32 index)
{
	struct az_proc *shared = shared_proc(index);
	struct proc *proc;

	if (index >= AZ_PROCS || proc_of(index) || shared->slot >= AZ_SLOTS)
		return;
	proc = shared->nascent ? nascent_take(shared->nascent) : proc_first(shared);
	if (!proc && shared->nascent)
		tell_twin(index, AZ_CALL_DIE, SIGKILL, 0);	/* its parent was killed while it forked */
	else if (!proc || !proc_enter(proc, index))
		tell_twin(index, AZ_CALL_EXEC_FAILED, ENOMEM, AZ_EXEC_NO_MEMORY);
}

void proc_kill(u32 index)
{
	struct proc *proc = proc_of(index);
	struct list *at;
	bool none = true;

	if (proc) {
		spin_lock(&proc->lock);
		proc->kill = true;
		none = proc->thread_count == 0;
		list_for_each(at, &proc->threads)
			thread_interrupt(list_entry(at, struct thread, sibling), WORK_KILL);
		spin_unlock(&proc->lock);
	}
	if (none)
		event_to_linux(AZ_EVENT(AZ_EV_STOPPED, index));
}

void proc_free(u32 index)
{
	struct proc *proc = proc_of(index);

	if (proc) {
		check(proc->thread_count == 0);
		nascent_drop_orphans(proc);
		proc_publish(index, NULL);
		shared_proc(index)->pgd = 0;
		if (proc->first)
			thread_recycle(proc->first);
		remains_free(proc);
		if (proc->aspace) {
			aspace_unbind(proc->aspace, &proc->shared->used);
			aspace_put(proc->aspace);
		}
		kfree(proc);
	}
	event_to_linux(AZ_EVENT(AZ_EV_GONE, index));
}

void proc_spare(u32 index)
{
	struct az_slot *slot = (struct az_slot *)phys_to_virt(handover->slots) + index;
	struct proc *proc = index < AZ_SLOTS ? proc_of(slot->proc) : NULL;

	if (proc)
		spare_announced(proc, slot, index);
}

void proc_query(u32 index)
{
	struct proc *proc = proc_of(index);
	struct az_query *q = phys_to_virt(handover->query);

	q->count = 0;
	if (proc && proc->aspace)	/* there was no memory for one: the proxy says so and ends */
		aspace_query(proc->aspace, q);
	/* proc_query:A, pairs with the driver's acquire load */
	__atomic_store_n(&q->answered, q->asked, __ATOMIC_RELEASE);
	event_to_linux(AZ_EVENT(AZ_EV_ANSWER, index));
}

void proc_page(u32 index)
{
	struct proc *proc = proc_of(index);
	struct az_page_query *q = phys_to_virt(handover->page_query);

	if (proc && proc->aspace)
		aspace_page(proc->aspace, q);
	else
		q->ret = -EFAULT;
	/* proc_page:A, pairs with the driver's acquire load */
	__atomic_store_n(&q->answered, q->asked, __ATOMIC_RELEASE);
	event_to_linux(AZ_EVENT(AZ_EV_ANSWER, index));
}

void proc_withdraw(u32 index)
{
	struct proc *proc = proc_of(index);
	struct az_withdraw *w = phys_to_virt(handover->withdraw);

	if (proc && proc->aspace)
		aspace_withdraw(proc->aspace, w->start, min(w->end, AZ_USER_END));
	/* proc_withdraw:A, pairs with the driver's acquire load */
	__atomic_store_n(&w->answered, w->asked, __ATOMIC_RELEASE);
	event_to_linux(AZ_EVENT(AZ_EV_ANSWER, index));
}

bool thread_interrupted(struct thread *t)
{
	u32 work = thread_work();

	return work & WORK_KILL || (work & WORK_SIGNAL && t->sigpending & ~t->sigmask);
}
