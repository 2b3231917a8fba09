// SPDX-License-Identifier: GPL-2.0
/*
 * Signals on their way to the LWK.
 *
 * Linux keeps the truth about what is pending for the proxy. For each signal that the program handles, the proxy has the
 * same small handler, which calls az_signal_deliver(); the LWK then builds the program's frame. All other signals do to the
 * proxy what they would do to the program.
 *
 * Which signals a thread blocks changes often, so a twin does not follow each change: it blocks nothing until a signal comes,
 * and then applies the LWK thread's mask from the slot before Linux decides what to deliver. twin_masked tells the LWK that Linux
 * may hold something back. Two things must not wait so long: Linux ends a process as soon as a fatal signal is sent to a
 * thread that does not block it, and drops at once what is ignored and not blocked. The set in real_blocked (Linux's own for
 * sigtimedwait) prevents both while a twin serves. So also signalfd and sigtimedwait find what the program blocks.
 */
#include <linux/signal.h>
#include <linux/uaccess.h>

#include "job.h"

static bool may_guard(int sig)
{
	return sig != SIGKILL && !siginmask(sig, SIG_KERNEL_STOP_MASK);
}

static void real_blocked_set(bool guard)
{
	int sig;

	spin_lock_irq(&current->sighand->siglock);
	sigemptyset(&current->real_blocked);
	for (sig = 1; guard && sig <= _NSIG; sig++)
		if (may_guard(sig))
			sigaddset(&current->real_blocked, sig);
	spin_unlock_irq(&current->sighand->siglock);
}

void az_signal_guard(void)
{
	if (sigisemptyset(&current->real_blocked))
		real_blocked_set(true);
}

void az_signal_unguard(void)
{
	real_blocked_set(false);
}

/* What the twin is to block now. */
static u64 mask_wanted(struct az_slot *slot)
{
	u64 mask;

	/* mask_wanted:A, pairs with signal_set_mask() of the LWK: one of us sees what the other wrote */
	xchg(&slot->twin_masked, 1);
	mask = READ_ONCE(slot->sigmask);
	if (!mask)
		WRITE_ONCE(slot->twin_masked, 0);
	return mask;
}

/* Not while a call's own temporary mask (ppoll and the like) is in force: Linux delivers by that one, then restores. */
void az_signal_apply_mask(struct az_twin *twin)
{
	sigset_t mask;

	if (twin->dying || test_restore_sigmask())
		return;
	mask.sig[0] = mask_wanted(twin->slot);
	set_current_blocked(&mask);
}

void az_signal_block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	set_current_blocked(&all);
}

/* The program did not change the action: what is pending stays, whereas do_sigaction() drops what is ignored from now on. */
static long action_keep_pending(int sig, const struct k_sigaction *action)
{
	struct k_sigaction *old;
	bool fixed;

	if (!valid_signal(sig) || sig < 1 || sig_kernel_only(sig))
		return -EINVAL;
	old = &current->sighand->action[sig - 1];
	spin_lock_irq(&current->sighand->siglock);
	fixed = old->sa.sa_flags & SA_IMMUTABLE;
	if (!fixed)
		*old = *action;
	spin_unlock_irq(&current->sighand->siglock);
	return fixed ? -EINVAL : 0;
}

/* (signal, what: 0 default, 1 ignore, 2 the program has a handler, plus perhaps AZ_ACTION_KEEPS; its sa_flags) */
long az_signal_action(struct az_job *job, const u64 *arg)
{
	static void (*const plain[])(int) = { (__force void (*)(int))SIG_DFL, (__force void (*)(int))SIG_IGN };
	struct k_sigaction action = { .sa.sa_flags = arg[2] & (SA_NOCLDSTOP | SA_NOCLDWAIT) };
	u64 what = arg[1] & ~AZ_ACTION_KEEPS;

	if (what > 2)
		return -EINVAL;
	if (what < 2) {
		action.sa.sa_handler = (__force __sighandler_t)plain[what];
	} else {
		action.sa.sa_handler = (__force __sighandler_t)job->handler;
		action.sa.sa_restorer = (__force __sigrestore_t)job->restorer;
		action.sa.sa_flags |= SA_SIGINFO | SA_RESTART | SA_RESTORER;
		sigfillset(&action.sa.sa_mask);
	}
	if (arg[1] & AZ_ACTION_KEEPS)
		return action_keep_pending(arg[0], &action);
	return do_sigaction(arg[0], &action, NULL);
}

/* The LWK has found that the program must die by a signal, typically for a fault: the proxy dies by it. */
void az_signal_die(struct az_twin *twin, const u64 *arg)
{
	int sig = valid_signal(arg[0]) && arg[0] ? arg[0] : SIGKILL;

	twin->dying = true;
	if (!sig_kernel_only(sig))
		kernel_sigaction(sig, SIG_DFL);
	force_sig_fault(sig, (int)arg[1], (void __user *)arg[2]);
}

static bool mailbox_is_empty(const struct az_slot *slot)
{
	return smp_load_acquire(&slot->sig_full) == 0 || READ_ONCE(slot->state) == AZ_SLOT_EXIT;
}

static bool more_is_pending(void)
{
	bool more;

	spin_lock_irq(&current->sighand->siglock);
	more = !sigisemptyset(&current->pending.signal) || !sigisemptyset(&current->signal->shared_pending.signal);
	spin_unlock_irq(&current->sighand->siglock);
	return more;
}

/*
 * Called by the proxy's handler, all signals blocked. Returns when the LWK has the signal: the result of the call that it
 * interrupted is stored only afterwards, so the LWK cannot restart that call before it knows why it ended. By then the slot's mask is the
 * one that the program's handler will have: if more is pending, that mask decides whether it follows at once. And if the call had
 * opened a mask of its own (ppoll), what the thread blocks outside of that call does not apply in its handler.
 */
long az_signal_deliver(struct az_job *job, struct az_ioc_signal __user *user)
{
	struct az_twin *twin = az_twin_current(job);
	struct az_ioc_signal signal;
	struct az_slot *slot;

	if (!twin)
		return -EINVAL;
	slot = twin->slot;
	if (copy_from_user(&signal, user, sizeof(signal)) ||
	    copy_from_user(slot->siginfo, u64_to_user_ptr(signal.siginfo), sizeof(slot->siginfo)))
		return -EFAULT;
	twin->delivered = true;
	if (twin->handed && put_user(AZ_SERVE_SIGNALLED, &twin->request->flags))
		return -EFAULT;
	smp_store_release(&slot->sig_full, 1);
	az_twin_event(twin, AZ_EV_SIGNAL);
	if (wait_event_killable(twin->wait, mailbox_is_empty(slot) || !az_lwk_running()))
		return -EINTR;
	if (!more_is_pending() && !(signal.mask & ~READ_ONCE(slot->sigmask)))
		return 0;
	return put_user(mask_wanted(slot), &user->mask);
}
