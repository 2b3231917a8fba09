/* SPDX-License-Identifier: GPL-2.0 */
/*
 * prctl(PR_SET_SYSCALL_USER_DISPATCH): calls from outside a range of addresses become a SIGSYS, as long as a byte of the program says so.
 * That is how another system's programs are run. Of one thread only: neither its threads nor its children inherit it.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "seccomp.h"
#include "signal.h"

#define MODE_OFF		0
#define MODE_ON			1
#define SELECTOR_ALLOW		0
#define SELECTOR_BLOCK		1
#define SYS_USER_DISPATCH	2

bool user_dispatch_takes(struct frame *f)
{
	const struct user_dispatch *d = &current_thread()->dispatch;
	u8 selector = SELECTOR_BLOCK;

	if (!d->on || f->ip - d->start < d->length)
		return false;
	if (d->selector && copy_from_user(&selector, d->selector, 1)) {
		signal_die(SIGSEGV, SI_KERNEL, 0);
		return true;
	}
	if (selector == SELECTOR_ALLOW)
		return false;
	if (selector == SELECTOR_BLOCK)
		signal_force_sigsys(f, SYS_USER_DISPATCH, 0);
	else
		signal_die(SIGSYS, SI_KERNEL, 0);
	return true;
}

long user_dispatch_set(u64 mode, uaddr_t start, u64 length, uaddr_t selector)
{
	struct thread *t = current_thread();

	if (mode > MODE_ON || (mode == MODE_OFF && (start || length || selector)))
		return -EINVAL;
	if (mode == MODE_ON && start && start + length <= start)
		return -EINVAL;
	if (selector >= AZ_USER_END)
		return -EFAULT;
	t->dispatch = (struct user_dispatch){ mode == MODE_ON, start, length, selector };
	spin_lock(&t->proc->lock);		/* another thread may be about to give this one its filters */
	thread_set_mode(MODE_JUDGED, t->dispatch.on || t->seccomp);
	spin_unlock(&t->proc->lock);
	return 0;
}
