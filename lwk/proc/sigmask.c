/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that wait in Linux under a signal mask of their own: pselect6, ppoll, epoll_pwait, epoll_pwait2, io_pgetevents and
 * io_uring_enter. Linux opens the mask for the wait itself, so nothing gets lost before it; here the thread takes on the same mask, so that
 * a signal which ends the wait finds its handler. The twin is not told: outside the wait it holds back what the thread's ordinary mask blocks.
 */
#include "arch/x86/x86.h"
#include "errno.h"
#include "mm.h"
#include "signal.h"
#include "syscall_proto.h"

/* What is wrong with the mask is for Linux to say. */
static bool read_mask(uaddr_t at, u64 size, u64 *mask)
{
	return at && size == sizeof(*mask) && !copy_from_user(mask, at, sizeof(*mask));
}

/* Runs the call with the mask at @at. leave_kernel() restores the ordinary one after an interruption, when handlers have their frames. */
static long forward_masked(struct frame *f, uaddr_t at, u64 size)
{
	struct thread *t = current_thread();
	long ret = -ERESTARTNOHAND;
	u64 mask;

	if (!read_mask(at, size, &mask))
		return forward_call(f->orig_ax, f);
	t->saved_sigmask = t->sigmask;
	t->sigmask = mask & ~SIG_UNBLOCKABLE;
	t->restore_sigmask = true;
	if (!thread_interrupted(t))
		ret = forward_call(f->orig_ax, f);
	if (ret == -ERESTARTNOINTR)		/* not begun */
		ret = -ERESTARTNOHAND;
	if (ret == -ERESTARTNOHAND || ret == -EINTR) {
		thread_interrupt(t, WORK_SIGNAL | WORK_RESTART);
		return ret;
	}
	t->sigmask = t->saved_sigmask;
	t->restore_sigmask = false;
	return ret;
}

/* @at: { address, size } of the mask. */
static long forward_masked_at(struct frame *f, uaddr_t at)
{
	struct { uaddr_t at; u64 size; } m = { 0 };

	if (at)
		copy_from_user(&m, at, sizeof(m));
	return forward_masked(f, m.at, m.size);
}

long sys_pselect6(struct frame *f, int nfds, uaddr_t in, uaddr_t out, uaddr_t ex, uaddr_t timeout, uaddr_t mask)
{
	return forward_masked_at(f, mask);
}

long sys_io_pgetevents(struct frame *f, u64 context, long min, long max, uaddr_t events, uaddr_t timeout, uaddr_t mask)
{
	return forward_masked_at(f, mask);
}

long sys_ppoll(struct frame *f, uaddr_t fds, unsigned int count, uaddr_t timeout, uaddr_t mask, u64 mask_size)
{
	return forward_masked(f, mask, mask_size);
}

long sys_epoll_pwait(struct frame *f, int fd, uaddr_t events, int count, int timeout, uaddr_t mask, u64 mask_size)
{
	return forward_masked(f, mask, mask_size);
}

long sys_epoll_pwait2(struct frame *f, int fd, uaddr_t events, int count, uaddr_t timeout, uaddr_t mask, u64 mask_size)
{
	return forward_masked(f, mask, mask_size);
}

#define URING_GETEVENTS		1u
#define URING_EXT_ARG		8u

/* What Linux's IORING_ENTER_EXT_ARG passes. */
struct uring_arg {
	u64 mask;
	u32 mask_size;
	u32 pad;
	u64 timeout;
};

long sys_io_uring_enter(struct frame *f, int fd, unsigned int submit, unsigned int complete, unsigned int flags, uaddr_t arg, u64 size)
{
	struct uring_arg ext;

	if (!(flags & URING_GETEVENTS))
		return forward_call(f->orig_ax, f);
	if (!(flags & URING_EXT_ARG))
		return forward_masked(f, arg, size);
	if (size != sizeof(ext) || copy_from_user(&ext, arg, sizeof(ext)))
		return forward_call(f->orig_ax, f);
	return forward_masked(f, ext.mask, ext.mask_size);
}
