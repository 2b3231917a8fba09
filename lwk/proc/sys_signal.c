/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The signal system calls that the LWK answers. What Linux must know of them is little: whether a signal has a handler (then the proxy
 * catches it for us), is ignored, or has its default action, which is then done to the proxy itself.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"
#include "syscall_proto.h"

#define NR_RT_SIGACTION	13

enum { CLASS_DEFAULT, CLASS_IGNORE, CLASS_HANDLER };	/* azalea.h: what rt_sigaction carries to Linux */

static u64 handler_class(uaddr_t handler)
{
	return handler == SIG_DFL ? CLASS_DEFAULT : handler == SIG_IGN ? CLASS_IGNORE : CLASS_HANDLER;
}

/* ---- One thread at a time tells Linux, so that Linux ends with what holds here ---- */

struct teller {
	struct list link;
	struct thread *thread;
};

void signal_tell_begin(struct proc *proc)
{
	struct teller me = { .thread = current_thread() };

	spin_lock(&proc->lock);
	while (proc->telling) {
		list_add_tail(&me.link, &proc->tellers);
		spin_unlock(&proc->lock);
		thread_park(0);
		spin_lock(&proc->lock);
		list_del(&me.link);
	}
	proc->telling = true;
	spin_unlock(&proc->lock);
}

void signal_tell_end(struct proc *proc)
{
	struct list *at;

	spin_lock(&proc->lock);
	proc->telling = false;
	list_for_each(at, &proc->tellers)
		thread_unpark(list_entry(at, struct teller, link)->thread);
	spin_unlock(&proc->lock);
}

/* While a thread waits for a signal that has no handler, Linux must not perform its default action: to Linux it has one. */
static u64 told_class(const struct proc *proc, u32 sig, uaddr_t handler)
{
	return proc->claims[sig - 1] ? CLASS_HANDLER : handler_class(handler);
}

/*
 * The flags that Linux must know are those of SIGCHLD. Who ignores it has no zombies, which must hold as well while Linux is told that it
 * has a handler; signal_post() drops what Linux sends on children then.
 */
static u64 told_flags(u32 sig, const struct ksigaction *act)
{
	return sig != SIGCHLD ? 0 : (act->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)) | (act->handler == SIG_IGN ? SA_NOCLDWAIT : 0);
}

/* ---- A thread signals itself ---- */

/*
 * raise(3) and the like: nobody else has a part in it, and Linux would only send the signal back. Not those that Linux queues and limits,
 * and only while it is certain which user Linux would name as the sender.
 */
static bool is_own_business(const struct thread *t, u32 sig)
{
	uaddr_t handler;

	if (sig < 1 || sig >= SIGRTMIN || t->sigmask & SIGBIT(sig) || t->stamp || t->proc->uid == UID_UNKNOWN)
		return false;
	handler = signal_action(t->proc, sig).handler;
	return handler != SIG_DFL && handler != SIG_IGN;
}

static void signal_oneself(struct thread *t, u32 sig)
{
	u32 info[32] = { sig, 0, SI_TKILL, 0, t->pid, t->proc->uid };

	signal_post(t, (const u8 *)info);
}

long sys_tkill(struct frame *f, int tid, int sig)
{
	struct thread *t = current_thread();

	if ((u32)tid != t->tid || !is_own_business(t, sig))
		return forward_call(f->orig_ax, f);
	signal_oneself(t, sig);
	return 0;
}

long sys_tgkill(struct frame *f, int pid, int tid, int sig)
{
	return (u32)pid == current_thread()->pid ? sys_tkill(f, tid, sig) : forward_call(f->orig_ax, f);
}

/* ---- Actions ---- */

static bool ignores(u32 sig, const struct ksigaction *act)
{
	return act->handler == SIG_IGN || (act->handler == SIG_DFL && SIG_IGNORED_BY_DEFAULT & SIGBIT(sig));
}

/* Whoever ignores a signal, again even, drops the pending one, which Linux has. */
static long set_action(struct proc *proc, u32 sig, const struct ksigaction *new, struct ksigaction *old)
{
	u64 class;
	long ret = 0;

	signal_tell_begin(proc);
	*old = signal_action(proc, sig);
	class = told_class(proc, sig, new->handler);
	if (ignores(sig, new) && class == CLASS_HANDLER)	/* somebody waits for it: Linux drops what is pending, then has a handler again */
		FORWARD(NR_RT_SIGACTION, sig, handler_class(new->handler), told_flags(sig, new));
	if (class != told_class(proc, sig, old->handler) || told_flags(sig, new) != told_flags(sig, old) || ignores(sig, new))
		ret = FORWARD(NR_RT_SIGACTION, sig, class, told_flags(sig, new));
	if (!ret) {
		spin_lock(&proc->lock);
		proc->action[sig - 1] = *new;
		proc->action[sig - 1].mask &= ~SIG_UNBLOCKABLE;
		spin_unlock(&proc->lock);
	}
	signal_tell_end(proc);
	return ret;
}

long sys_rt_sigaction(struct frame *f, int sig, uaddr_t act, uaddr_t oldact, u64 sigsetsize)
{
	struct proc *proc = current_thread()->proc;
	struct ksigaction new = { 0 }, old;
	long ret = 0;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (act && copy_from_user(&new, act, sizeof(new)))
		return -EFAULT;
	if (sig < 1 || sig > 64 || (act && SIG_UNBLOCKABLE & SIGBIT(sig)))
		return -EINVAL;
	new.flags &= SA_KNOWN;		/* what is read back tells a program which flags there are */
	if (act)
		ret = set_action(proc, sig, &new, &old);
	else
		old = signal_action(proc, sig);
	if (!ret && oldact && copy_to_user(oldact, &old, sizeof(old)))
		return -EFAULT;
	return ret;
}

long sys_rt_sigprocmask(int how, uaddr_t set, uaddr_t oldset, u64 sigsetsize)
{
	struct thread *t = current_thread();
	u64 old = t->sigmask, new;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (set) {
		if (copy_from_user(&new, set, sizeof(new)))
			return -EFAULT;
		switch (how) {
		case 0: new = old | new; break;		/* SIG_BLOCK */
		case 1: new = old & ~new; break;	/* SIG_UNBLOCK */
		case 2: break;				/* SIG_SETMASK */
		default: return -EINVAL;
		}
		signal_set_mask(t, new);
	}
	return oldset && copy_to_user(oldset, &old, sizeof(old)) ? -EFAULT : 0;
}

long sys_rt_sigpending(struct frame *f, uaddr_t set, u64 sigsetsize)
{
	struct thread *t = current_thread();
	u64 pending = t->sigpending & t->sigmask, linux_pending = 0;

	if (sigsetsize > sizeof(u64))
		return -EINVAL;
	if (__atomic_load_n(&t->slot->twin_masked, __ATOMIC_ACQUIRE)) {	/* Linux holds some back: ask into the same place */
		long ret = forward_call(f->orig_ax, f);

		if (ret)
			return ret;
		if (copy_from_user(&linux_pending, set, sigsetsize))
			return -EFAULT;
	}
	pending |= linux_pending;
	return copy_to_user(set, &pending, sigsetsize);
}

/* Sleeps until a signal is deliverable; the result restarts the call if that signal turns out to have no handler. */
static long wait_for_signal(struct thread *t)
{
	while (!thread_interrupted(t))
		thread_park(0);
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	return wait_for_signal(current_thread());
}

long do_rt_sigsuspend(uaddr_t set, u64 sigsetsize)
{
	struct thread *t = current_thread();
	u64 mask;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (copy_from_user(&mask, set, sizeof(mask)))
		return -EFAULT;
	t->saved_sigmask = t->sigmask;
	signal_set_mask(t, mask);
	t->restore_sigmask = true;
	return wait_for_signal(t);
}

/* The first thread that waits for a signal claims it, the last one gives it back. */
static bool claim_changes(struct proc *proc, u32 sig, bool claim)
{
	u16 *claims = &proc->claims[sig - 1];

	return claim ? !(*claims)++ : !--*claims;
}

static void claim_tell(struct proc *proc, u32 sig, bool claim)
{
	struct ksigaction act = signal_action(proc, sig);

	if (handler_class(act.handler) != CLASS_HANDLER)
		FORWARD(NR_RT_SIGACTION, sig, claim ? CLASS_HANDLER : AZ_ACTION_KEEPS + handler_class(act.handler), told_flags(sig, &act));
}

static void claim_signals(struct proc *proc, u64 set, bool claim)
{
	signal_tell_begin(proc);
	for (u32 sig = 1; sig <= 64; sig++) {
		if (set & SIGBIT(sig) && claim_changes(proc, sig, claim))
			claim_tell(proc, sig, claim);
	}
	signal_tell_end(proc);
}

void signal_forked(struct proc *proc)
{
	for (u32 sig = 1; sig <= 64; sig++) {
		if (proc->claimed & SIGBIT(sig))
			claim_tell(proc, sig, false);
	}
	proc->claimed = 0;
}

void signal_exec(struct proc *proc, bool begins)
{
	signal_tell_begin(proc);
	for (u32 sig = 1; sig <= 64; sig++) {
		if (proc->claims[sig - 1] && signal_action(proc, sig).handler == SIG_IGN)
			claim_tell(proc, sig, !begins);
	}
	signal_tell_end(proc);
}

static long take_wanted(struct thread *t, u64 set, uaddr_t info_addr)
{
	u8 info[128];
	u32 sig = signal_dequeue(t, set, info);

	if (!sig)
		return 0;
	return info_addr && copy_to_user(info_addr, info, sizeof(info)) ? -EFAULT : (long)sig;
}

static void set_awaited(struct thread *t, u64 set)
{
	spin_lock(&t->proc->lock);
	t->awaited = set;
	spin_unlock(&t->proc->lock);
}

long sys_rt_sigtimedwait(uaddr_t set_addr, uaddr_t info, uaddr_t timeout, u64 sigsetsize)
{
	struct thread *t = current_thread();
	u64 set, mask = t->sigmask, duration = 0, cycles = 0;
	struct deadline end;
	bool interrupted;
	long ret;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (copy_from_user(&set, set_addr, sizeof(set)))
		return -EFAULT;
	ret = timeout ? timespec_from_user(timeout, &duration) : 0;
	if (ret)
		return ret;
	end = deadline_after(CLOCK_MONOTONIC, duration);
	set &= ~SIG_UNBLOCKABLE;
	claim_signals(t->proc, set, true);
	set_awaited(t, set & mask);
	signal_set_mask(t, mask & ~set);
	for (;;) {
		if (timeout)
			cycles = deadline_cycles(&end);
		interrupted = thread_interrupted(t);	/* perhaps by what is wanted, so that is looked for afterwards */
		ret = take_wanted(t, set, info);
		if (!ret && interrupted)
			ret = -EINTR;
		if (!ret && timeout && !cycles)
			ret = -EAGAIN;
		if (ret)
			break;
		thread_park(cycles);
	}
	set_awaited(t, 0);
	signal_set_mask(t, mask);
	claim_signals(t->proc, set, false);
	return ret;
}

long altstack_set(struct thread *t, const struct altstack *new)
{
	u32 mode = new->flags & ~SS_AUTODISARM;

	if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		t->altstack = (struct altstack){ .flags = new->flags };
		return 0;
	}
	if (new->size < MINSIGSTKSZ)
		return -ENOMEM;
	t->altstack = *new;
	return 0;
}

long do_sigaltstack(struct frame *f, uaddr_t ss, uaddr_t old_ss)
{
	struct thread *t = current_thread();
	struct altstack old = t->altstack, new;
	long ret;

	old.flags = altstack_flags(t, f->sp) | (old.flags & SS_AUTODISARM);
	if (ss) {
		if (copy_from_user(&new, ss, sizeof(new)))
			return -EFAULT;
		if (altstack_flags(t, f->sp) & SS_ONSTACK)
			return -EPERM;
		ret = altstack_set(t, &new);
		if (ret)
			return ret;
	}
	return old_ss && copy_to_user(old_ss, &old, sizeof(old)) ? -EFAULT : 0;
}
