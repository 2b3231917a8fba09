/* SPDX-License-Identifier: GPL-2.0 */
/* prctl(2), as far as the LWK answers: what concerns the CPU or the way into the kernel. All else is the twin's. */
#include "errno.h"
#include "mm.h"
#include "seccomp.h"
#include "syscall_proto.h"

#define PR_GET_SECCOMP			21
#define PR_SET_SECCOMP			22
#define PR_GET_TSC			25
#define PR_SET_TSC			26
#define PR_SET_THP_DISABLE		41
#define PR_GET_SPECULATION_CTRL		52
#define PR_SET_SYSCALL_USER_DISPATCH	59

#define NR_PRCTL	157
#define PR_SPEC_PRCTL	1		/* can be set for a single thread */

#define TSC_ENABLE	1
#define TSC_SIGSEGV	2

static long set_seccomp(u64 mode, uaddr_t filter)
{
	switch (mode) {
	case SECCOMP_MODE_STRICT:
		return seccomp_set_strict();
	case SECCOMP_MODE_FILTER:
		return seccomp_set_filter(0, filter);
	}
	return -EINVAL;
}

static long get_tsc(uaddr_t to)
{
	u32 state = current_thread()->modes & MODE_NO_TSC ? TSC_SIGSEGV : TSC_ENABLE;

	return copy_to_user(to, &state, sizeof(state));
}

static long set_tsc(u32 state)
{
	if (state != TSC_ENABLE && state != TSC_SIGSEGV)
		return -EINVAL;
	thread_set_mode(MODE_NO_TSC, state == TSC_SIGSEGV);
	return 0;
}

/* Linux remembers it, answers PR_GET_THP_DISABLE, and tells us of children and new programs, which inherit it. */
static long set_small_pages(struct frame *f, bool small)
{
	long ret = forward_call(NR_PRCTL, f);

	if (!ret)
		aspace_set_small_pages(aspace_current(), small);
	return ret;
}

static long get_speculation(struct frame *f)
{
	long state = forward_call(NR_PRCTL, f);

	return state < 0 ? state : state & ~PR_SPEC_PRCTL;
}

long sys_prctl(struct frame *f, int option, u64 a, u64 b, u64 c, u64 d)
{
	switch (option) {
	case PR_GET_SECCOMP:
		return current_thread()->seccomp;
	case PR_SET_SECCOMP:
		return set_seccomp(a, b);
	case PR_GET_TSC:
		return get_tsc(a);
	case PR_SET_TSC:
		return set_tsc(a);
	case PR_SET_THP_DISABLE:
		return set_small_pages(f, a);
	case PR_GET_SPECULATION_CTRL:
		return get_speculation(f);
	case PR_SET_SYSCALL_USER_DISPATCH:
		return user_dispatch_set(a, b, c, d);
	}
	return -EINVAL;
}
