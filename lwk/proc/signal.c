/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Signals, the LWK's half. Linux decides who gets a signal and performs default actions on the proxy; what arrives here has (or had a
 * moment ago) a handler in the program. A thread that signals itself need not ask (sys_signal.c). The LWK queues it per thread, and on the
 * way out of the kernel builds the handler's frame or restarts the interrupted call by Linux's rules (signal(7), "Interruption of system
 * calls").
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"
#include "syscall_proto.h"
#include "trace.h"

#define NR_RT_SIGPROCMASK	14
#define NR_RESTART_SYSCALL	219

static u32 info_signal(const u8 info[128])
{
	return *(const u32 *)info;
}

/* The mask is also in the slot: the twin applies it when a signal arrives, and says in twin_masked that Linux may hold some back. */
void signal_set_mask(struct thread *t, u64 mask)
{
	u64 opened = t->sigmask & ~mask, held;

	/* a signal_post() that sees an older mask foresees the wrong one, which leave_kernel() puts right */
	__atomic_store_n(&t->sigmask, mask & ~SIG_UNBLOCKABLE, __ATOMIC_RELAXED);
	held = __atomic_exchange_n(&t->slot->sigmask, t->sigmask, __ATOMIC_SEQ_CST);
	if (opened & __atomic_load_n(&t->sigpending, __ATOMIC_RELAXED))
		thread_interrupt(t, WORK_SIGNAL);
	if (held & ~mask && __atomic_load_n(&t->slot->twin_masked, __ATOMIC_SEQ_CST))
		FORWARD(NR_RT_SIGPROCMASK, t->sigmask);
}

/*
 * A handler will run for @sig, so what that blocks Linux keeps pending from now on: then it is Linux that says in which order signals come,
 * as it would if it made the frames itself. @next: others that are not blocked came before this one.
 */
static void foresee_mask(struct thread *t, u32 sig, bool next) REQUIRES(t->proc->lock)
{
	struct ksigaction *act = &t->proc->action[sig - 1];
	u64 mask = __atomic_load_n(next ? &t->slot->sigmask : &t->sigmask, __ATOMIC_RELAXED);

	if (act->handler == SIG_DFL || act->handler == SIG_IGN || mask & SIGBIT(sig))
		return;
	__atomic_store_n(&t->slot->sigmask, mask | act->mask | (act->flags & SA_NODEFER ? 0 : SIGBIT(sig)), __ATOMIC_SEQ_CST);
}

/* Linux tells nobody of children who ignores them; it does not know so while a thread waits for SIGCHLD. */
static bool is_of_ignored_child(struct proc *proc, u32 sig, const u8 info[128]) REQUIRES(proc->lock)
{
	return sig == SIGCHLD && ((const s32 *)info)[2] > 0 && proc->action[sig - 1].handler == SIG_IGN;
}

void signal_post(struct thread *t, const u8 info[128])
{
	struct sigqueue *q = kmalloc(sizeof(*q));
	u32 sig = info_signal(info);
	bool next;

	if (!sig || sig > 64) {
		kfree(q);
		return;
	}
	spin_lock(&t->proc->lock);
	if (is_of_ignored_child(t->proc, sig, info)) {
		spin_unlock(&t->proc->lock);
		kfree(q);
		return;
	}
	next = t->sigpending & ~__atomic_load_n(&t->sigmask, __ATOMIC_RELAXED);
	__atomic_store_n(&t->sigpending, t->sigpending | SIGBIT(sig), __ATOMIC_RELAXED);
	if (q) {
		memcpy(q->info, info, sizeof(q->info));
		list_add_tail(&q->link, &t->sigqueue);
	}
	if (t->awaited & SIGBIT(sig)) {		/* Linux keeps all others pending, as if the thread had blocked them again already */
		__atomic_fetch_or(&t->slot->sigmask, t->awaited, __ATOMIC_SEQ_CST);
		t->awaited = 0;
	} else if (!t->awaited) {
		foresee_mask(t, sig, next);
	}
	spin_unlock(&t->proc->lock);
	thread_interrupt(t, WORK_SIGNAL);	/* even if it is blocked: the thread may be unblocking it just now */
}

/* The first queued signal of those wanted goes to @info (a bare number if memory was short); 0 if there is none. */
u32 signal_dequeue(struct thread *t, u64 wanted, u8 info[128])
{
	struct list *at, *next;
	bool more = false;
	u32 sig = 0;

	/* signal_post() interrupts the thread afterwards, so it will look again */
	if (!(__atomic_load_n(&t->sigpending, __ATOMIC_RELAXED) & wanted))
		return 0;
	spin_lock(&t->proc->lock);
	list_for_each_safe(at, next, &t->sigqueue) {
		struct sigqueue *q = list_entry(at, struct sigqueue, link);

		if (sig && info_signal(q->info) == sig) {
			more = true;
			break;
		}
		if (sig || !(SIGBIT(info_signal(q->info)) & wanted))
			continue;
		memcpy(info, q->info, 128);
		sig = info_signal(info);
		list_del(&q->link);
		kfree(q);
	}
	if (!sig && t->sigpending & wanted) {
		sig = __builtin_ctzll(t->sigpending & wanted) + 1;
		memset(info, 0, 128);
		*(u32 *)info = sig;
	}
	if (sig && !more)
		__atomic_store_n(&t->sigpending, t->sigpending & ~SIGBIT(sig), __ATOMIC_RELAXED);
	spin_unlock(&t->proc->lock);
	return sig;
}

struct ksigaction signal_action(struct proc *proc, u32 sig)
{
	struct ksigaction act;

	spin_lock(&proc->lock);
	act = proc->action[sig - 1];
	spin_unlock(&proc->lock);
	return act;
}

/* The same for a signal that is delivered now: a handler may be for once only. */
static struct ksigaction take_action(struct proc *proc, u32 sig)
{
	struct ksigaction *at = &proc->action[sig - 1], act;

	spin_lock(&proc->lock);
	act = *at;
	if (act.handler != SIG_DFL && act.handler != SIG_IGN && act.flags & SA_RESETHAND)
		at->handler = SIG_DFL;
	spin_unlock(&proc->lock);
	return act;
}

/* As Linux would have it die. */
static void die(u32 sig, s32 code, uaddr_t addr)
{
	FORWARD(AZ_CALL_DIE, sig, (u64)(s64)code, addr);
}

static void set_info(u8 info[128], u32 sig, s32 code, uaddr_t addr)
{
	memset(info, 0, 128);
	((u32 *)info)[0] = sig;
	((s32 *)info)[2] = code;
	((u64 *)info)[2] = addr;
}

static bool is_killed(void)
{
	return thread_work() & WORK_KILL;
}

void signal_die(u32 sig, s32 code, uaddr_t addr)
{
	if (is_killed())
		return;			/* the fault is only that nothing can be forwarded any more */
	log_fatal_signal(sig, code, addr);
	die(sig, code, addr);
}

/* Nothing of the program's runs if it meets this signal now. */
static bool is_fatal(const struct thread *t, u32 sig)
{
	struct ksigaction act = signal_action(t->proc, sig);

	return t->sigmask & SIGBIT(sig) || act.handler == SIG_IGN || act.handler == SIG_DFL;
}

/* A signal of the thread's own doing, of which @info tells. */
static void force(const u8 info[128])
{
	struct thread *t = current_thread();
	u32 sig = info_signal(info);

	if (is_fatal(t, sig)) {
		if (t->trace && !is_killed())
			trace_signal(t->trace, info);
		signal_die(sig, ((const s32 *)info)[2], ((const u64 *)info)[2]);
		return;
	}
	t->forced |= SIGBIT(sig);
	signal_post(t, info);
}

void signal_force(u32 sig, s32 code, uaddr_t addr)
{
	u8 info[128];

	set_info(info, sig, code, addr);
	force(info);
}

void signal_no_memory(uaddr_t addr)
{
	struct thread *t = current_thread();

	if (is_fatal(t, SIGBUS) && !is_killed())
		FORWARD(AZ_CALL_NO_MEMORY, t->proc->shared->memory);
	signal_force(SIGBUS, BUS_ADRERR, addr);
}

void signal_force_key(uaddr_t addr, u32 key)
{
	u8 info[128];

	set_info(info, SIGSEGV, SEGV_PKUERR, addr);
	((u32 *)info)[8] = key;
	force(info);
}

void signal_force_sigsys(const struct frame *f, s32 code, u32 data)
{
	u8 info[128];

	set_info(info, SIGSYS, code, f->ip);
	((u32 *)info)[1] = data;
	((u32 *)info)[6] = f->orig_ax;
	((u32 *)info)[7] = AUDIT_ARCH_X86_64;
	force(info);
}

/* Puts the result of the interrupted call right for a handler that does (or does not) restart calls. */
static void fix_result(struct frame *f, bool handled, u64 sa_flags)
{
	long ret = f->ax;
	bool restart;

	if (ret == -ERESTARTSYS)
		restart = !handled || sa_flags & SA_RESTART;
	else if (ret == -ERESTARTNOINTR)
		restart = true;
	else if (ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK)
		restart = !handled;
	else
		return;
	if (!restart) {
		f->ax = -EINTR;
		return;
	}
	f->ax = ret == -ERESTART_RESTARTBLOCK ? NR_RESTART_SYSCALL : f->orig_ax;
	f->ip -= 2;			/* SYSCALL is two bytes long */
}

/* The handler of @sig cannot begin. That of SIGSEGV, which may have a better stack, is told so; if it is the one, nothing helps. */
static void cannot_begin(u32 sig)
{
	if (sig == SIGSEGV)
		die(SIGSEGV, SI_KERNEL, 0);
	else
		signal_force(SIGSEGV, SI_KERNEL, 0);
}

/* Makes @f run the handler of @sig; without one (any more) the default action is Linux's to take. */
static void deliver(struct thread *t, struct frame *f, u32 sig, const u8 info[128], bool *syscall)
{
	struct ksigaction act = take_action(t->proc, sig);
	u64 oldmask = t->restore_sigmask ? t->saved_sigmask : t->sigmask;

	if (act.handler == SIG_IGN)
		return;
	if (t->trace)
		trace_signal(t->trace, info);
	if (act.handler == SIG_DFL) {
		if (!(SIG_IGNORED_BY_DEFAULT & SIGBIT(sig)))
			die(sig, ((s32 *)info)[2], 0);
		return;
	}
	if (*syscall)
		fix_result(f, true, act.flags);
	*syscall = false;
	if (!rseq_interrupted(t, &f->ip))
		cannot_begin(sig);
	if (sigframe_push(t, f, &act, info, oldmask)) {
		cannot_begin(sig);
		return;
	}
	t->restore_sigmask = false;
	if (t->altstack.flags & SS_AUTODISARM)
		t->altstack = (struct altstack){ .flags = SS_DISABLE };
	/* Linux knows this mask already, unless several handlers begin at once: then it learns the last one */
	t->sigmask |= act.mask | (act.flags & SA_NODEFER ? 0 : SIGBIT(sig));
}

/* Faults come first, as in Linux: they tell of the registers as they are, not of those with which a handler begins. */
static u32 next_signal(struct thread *t, u8 info[128])
{
	u64 forced = t->forced;
	u32 sig;

	t->forced = 0;
	sig = forced ? signal_dequeue(t, forced, info) : 0;
	return sig ? sig : signal_dequeue(t, ~t->sigmask, info);
}

static void run_deferred(struct thread *t, struct frame *f)
{
	if (!t->deferred)
		return;
	t->deferred = false;
	f->ax = syscall_deferred(f);
	if (t->trace)
		trace_deferred(t->trace, f->ax);
}

/* As long as the twin is out for a signal; it may be stopped. */
static void stand_still(struct thread *t)
{
	while (__atomic_load_n(&t->slot->paused, __ATOMIC_ACQUIRE) && !is_killed())
		thread_park(0);
}

void leave_kernel(struct frame *f)
{
	struct thread *t = current_thread();
	bool syscall = (s64)f->orig_ax >= 0;
	u8 info[128];
	u32 work, sig;

	this_cpu()->work = 0;
	run_deferred(t, f);
	if (f->orig_ax == -1ULL)		/* sigreturn ends the call it interrupted */
		syscall = false;
	do {
		this_cpu()->work = 0;
		work = __atomic_exchange_n(&t->work, 0, __ATOMIC_ACQ_REL);
		if (work & WORK_KILL) {
			__atomic_fetch_or(&t->work, WORK_KILL, __ATOMIC_RELAXED);
			remains_leave(t, f);
			thread_exit(0);
		}
		if (work & WORK_MIGRATE)		/* first what others wait for */
			thread_move_if_needed(t);
		if (work & WORK_GIVE_WAY && thread_give_way())
			work &= ~WORK_YIELD;
		if (work & WORK_YIELD)
			thread_yield();
		if (work & WORK_PAUSE)
			stand_still(t);
		if (work & WORK_MODES)
			thread_set_mode(0, true);
		if (work & WORK_RSEQ && !rseq_interrupted(t, &f->ip))
			signal_force(SIGSEGV, SI_KERNEL, 0);
		if (work & WORK_SIGNAL)
			slot_signals_seen(t->slot);
		while (!is_killed() && (sig = next_signal(t, info)))
			deliver(t, f, sig, info, &syscall);
		if (t->restore_sigmask) {
			t->restore_sigmask = false;
			signal_set_mask(t, t->saved_sigmask);
		} else if (t->slot->sigmask != t->sigmask) {	/* not all was as foreseen */
			signal_set_mask(t, t->sigmask);
		}
	} while (__atomic_load_n(&t->work, __ATOMIC_ACQUIRE));
	if (syscall)
		fix_result(f, false, 0);
}
