/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spare twins: threads of the proxy that are made ahead, so that a new thread does not wait for Linux.
 *
 * A thread of Linux inherits much from the one that makes it: credentials, namespaces, open files and the current folder (shared or, after
 * unshare(2), not), name, priority, rules of landlock(7). So does a twin from the twin that makes it, at that time. A stamp says what there is
 * to inherit: it is equal in threads whose twins have the same to pass on, and a spare has that of its maker. A thread that makes a call
 * marked `stamp` in the call table gets a new one. Its new threads then get twins that it makes afterwards, which carry its stamp.
 */
#include "arch/x86/x86.h"
#include "clone.h"
#include "cpu.h"
#include "errno.h"
#include "offload.h"
#include "syscall_desc.h"
#include "syscall_proto.h"

#define BATCH_MAX	64
#define NO_STAMP	(~0u)
#define ALONE_TRIES	500

#define NR_UNSHARE	272
#define NR_SETNS	308

void spare_announced(struct proc *proc, struct az_slot *slot, u32 index)
{
	bool room;

	spin_lock(&proc->lock);
	room = proc->spare_count < ARRAY_SIZE(proc->spare);
	if (room)
		proc->spare[proc->spare_count++] = (struct spare){ index, slot->arg[0] };
	spin_unlock(&proc->lock);
	if (!room)		/* many threads asked at once: others may want the slot */
		slot_exit(slot, index, 0);
}

/* The slot of a spare with that stamp, or without it if @other; -EAGAIN if there is none. */
static long take(struct proc *proc, u32 stamp, bool other)
{
	long slot = -EAGAIN;

	spin_lock(&proc->lock);
	for (u32 i = proc->spare_count; i-- && slot < 0;) {
		if ((proc->spare[i].stamp == stamp) == other)
			continue;
		slot = proc->spare[i].slot;
		proc->spare[i] = proc->spare[--proc->spare_count];
	}
	spin_unlock(&proc->lock);
	return slot;
}

/* Ends all spares without that stamp. True if there were any. */
static bool end_others(struct proc *proc, u32 stamp)
{
	struct az_slot *slots = phys_to_virt(handover->slots);
	bool any = false;
	long slot;

	while ((slot = take(proc, stamp, true)) >= 0) {
		slot_exit(slots + slot, slot, 0);
		any = true;
	}
	return any;
}

/*
 * Has Linux make @count twins and takes one of them; -EAGAIN may also mean that another thread was faster. Linux announces each twin by
 * an event to the process's first CPU before MORE_TWINS returns; the event may still be on its way there when we look, hence the wait.
 */
static long make(struct proc *proc, u32 count, u32 stamp, u32 apart, long *slot)
{
	long made = FORWARD(AZ_CALL_MORE_TWINS, count, stamp, apart);

	*slot = -EAGAIN;
	for (u32 i = 0; made > 0 && i < 1000 && (*slot = take(proc, stamp, false)) < 0; i++) {
		events_drain();
		arch_relax();
	}
	return made ? made : -EAGAIN;
}

/*
 * Batches double, so that n threads cost about log n waits; they begin small again when what was made ahead was in vain. Spares of other
 * threads are ended once only: two threads cannot take each other's away for ever.
 */
long spare_take(struct thread *t)
{
	struct proc *proc = t->proc;
	long slot = take(proc, t->stamp, false), made;
	u32 batch;

	if (slot < 0 && end_others(proc, t->stamp))
		proc->spare_batch = 1;
	while (slot < 0) {
		batch = proc->spare_batch;
		proc->spare_batch = min(batch * 2, (u32)BATCH_MAX);
		made = make(proc, batch, t->stamp, 0, &slot);
		if (made < 0)
			return made;
	}
	return slot;
}

/* Its stamp is nobody else's, but another thread may end it meanwhile in order to have the slot. */
long spare_make_apart(struct thread *t, u32 apart, u32 *stamp)
{
	struct proc *proc = t->proc;
	long slot = -EAGAIN, made;

	spin_lock(&proc->lock);
	*stamp = ++proc->last_stamp;
	spin_unlock(&proc->lock);
	while (slot < 0) {
		made = make(proc, 1, *stamp, apart, &slot);
		if (made < 0)
			return made;
	}
	return slot;
}

/* ---- Stamps ---- */

static void restamp(struct thread *t) REQUIRES(t->proc->lock)
{
	t->stamp = ++t->proc->last_stamp;
}

/* The thread of this process that a pid among the arguments names, if it is not the caller; NULL: the caller is meant. */
static struct thread *named_thread(const struct syscall_desc *desc, const unsigned long value[6]) REQUIRES(current_thread()->proc->lock)
{
	struct thread *named = NULL;

	for (int i = 0; i < desc->arg_count && !named; i++)
		if (desc->arg[i].kind == SYSCALL_ARG_PID)
			named = thread_find(current_thread()->proc, value[i]);
	return named;
}

long forward_stamp(u64 nr, struct frame *f)
{
	const unsigned long value[6] = { f->di, f->si, f->dx, f->r10, f->r8, f->r9 };
	struct thread *self = current_thread(), *other;
	long ret = forward_call(nr, f);

	if (ret < 0)
		return ret;
	spin_lock(&self->proc->lock);
	other = named_thread(syscall_desc_find(nr, value), value);
	restamp(other ? other : self);
	spin_unlock(&self->proc->lock);
	return ret;
}

/*
 * Linux lets only a process of one thread leave some of what threads share. Twins that serve nobody are not threads of the program, so
 * they end first; some may not have been announced yet. If others remain for long (threads that Linux has made itself for the process),
 * Linux decides.
 */
static void be_alone(struct proc *proc)
{
	long alone = 0;

	for (u32 i = 0; i < ALONE_TRIES && !alone; i++) {
		end_others(proc, NO_STAMP);
		alone = FORWARD(AZ_CALL_ALONE);
	}
}

static long leave(struct frame *f, u64 nr)
{
	struct thread *t = current_thread();
	long ret;

	if (t->proc->thread_count == 1)
		be_alone(t->proc);
	ret = forward_call(nr, f);
	if (ret)
		return ret;
	spin_lock(&t->proc->lock);
	restamp(t);
	spin_unlock(&t->proc->lock);
	return 0;
}

long sys_unshare(struct frame *f, u64 flags)
{
	return flags & CLONE_NEWTIME ? -EINVAL : leave(f, NR_UNSHARE);
}

long sys_setns(struct frame *f, int fd, int type)
{
	return (u32)type & CLONE_NEWTIME ? -EINVAL : leave(f, NR_SETNS);
}
