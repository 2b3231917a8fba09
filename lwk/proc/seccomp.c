/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seccomp(2): a thread gives up calls, for itself and for all that it makes. Judged is what the program asks for, here, before anything is
 * done for it; the calls that twin, proxy and driver make on its behalf are nobody's business. A thread with a filter enters the kernel by
 * a way of its own (MODE_JUDGED), so all others pay nothing.
 *
 * Filters form a chain from the newest to the oldest; threads share them and chains share their ends. What one filter says never
 * loosens what another has said: the strictest counts.
 */
#include "arch/x86/x86.h"
#include "bpf.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "seccomp.h"
#include "signal.h"
#include "syscall_proto.h"

#define SECCOMP_SET_MODE_STRICT		0
#define SECCOMP_SET_MODE_FILTER		1
#define SECCOMP_GET_ACTION_AVAIL	2

#define FLAG_TSYNC		1u
#define FLAG_LOG		2u		/* what Linux would log is not: there is no audit here */
#define FLAG_SPEC_ALLOW		4u		/* speculation is as Linux chose for all */
#define FLAG_TSYNC_ESRCH	16u
#define KNOWN_FLAGS		(FLAG_TSYNC | FLAG_LOG | FLAG_SPEC_ALLOW | FLAG_TSYNC_ESRCH)

/* What a filter returns: an action, in this order from strict to lenient as signed numbers, and 16 bits of data. */
#define RET_KILL_PROCESS	0x80000000u
#define RET_KILL_THREAD		0x00000000u
#define RET_TRAP		0x00030000u
#define RET_ERRNO		0x00050000u
#define RET_USER_NOTIF		0x7fc00000u
#define RET_TRACE		0x7ff00000u
#define RET_LOG			0x7ffc0000u
#define RET_ALLOW		0x7fff0000u
#define RET_ACTION		0xffff0000u
#define RET_DATA		0x0000ffffu

#define ERRNO_MAX		4095u
#define CHAIN_MAX		32768u		/* instructions, and as many for each filter but the newest: */
#define CHAIN_LINK		4u
#define SYS_SECCOMP		1
#define CAP_SYS_ADMIN		21
#define PR_GET_NO_NEW_PRIVS	39
#define NR_READ			0
#define NR_WRITE		1
#define NR_RT_SIGRETURN		15
#define NR_EXIT			60
#define NR_PRCTL		157

struct filter {
	u32 refs;			/* a: threads, and the next newer filter */
	u32 chain;			/* I: instructions as CHAIN_MAX counts them */
	struct filter *prev;		/* I */
	struct bpf_insn program[];	/* I */
};

static struct filter *filter_get(struct filter *filter)
{
	if (filter)
		__atomic_fetch_add(&filter->refs, 1, __ATOMIC_RELAXED);
	return filter;
}

static void filter_put(struct filter *filter)
{
	while (filter && __atomic_sub_fetch(&filter->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct filter *prev = filter->prev;

		kfree(filter);
		filter = prev;
	}
}

void seccomp_inherit(struct thread *t, struct thread *from)
{
	struct filter *old = t->filter;

	t->filter = filter_get(from->filter);
	t->seccomp = from->seccomp;
	filter_put(old);
	if (t->seccomp)
		__atomic_fetch_or(&t->modes, MODE_JUDGED, __ATOMIC_RELAXED);
}

void seccomp_free(struct thread *t)
{
	filter_put(t->filter);
	t->filter = NULL;
}

/* ---- Judging ---- */

/* The thread ends; the whole process if it is the only one, or @all. As Linux: by @sig if the process ends. */
static void end(u32 sig, s32 code, uaddr_t ip, bool all)
{
	if (!all && current_thread()->proc->thread_count > 1)
		thread_exit(sig);
	signal_die(sig, code, ip);
}

static bool strict_takes(const struct frame *f)
{
	switch (f->orig_ax) {
	case NR_READ:
	case NR_WRITE:
	case NR_RT_SIGRETURN:
	case NR_EXIT:
		return false;
	}
	end(SIGKILL, 0, 0, false);
	return true;
}

static u32 run_filters(const struct filter *filter, const struct frame *f)
{
	const struct bpf_data data = {
		.nr = f->orig_ax, .arch = AUDIT_ARCH_X86_64, .ip = f->ip, .arg = { f->di, f->si, f->dx, f->r10, f->r8, f->r9 },
	};
	u32 ret = RET_ALLOW, one;

	for (; filter; filter = filter->prev) {
		one = bpf_run(filter->program, &data);
		if ((s32)(one & RET_ACTION) < (s32)(ret & RET_ACTION))
			ret = one;
	}
	return ret;
}

bool seccomp_takes(struct frame *f, long *ret)
{
	struct thread *t = current_thread();
	u32 value;

	if (t->seccomp == SECCOMP_MODE_STRICT)
		return strict_takes(f);
	if (!t->seccomp)
		return false;
	/* seccomp_takes:A, pairs with share:A. A filter in use stays: whatever replaces it has it in its chain */
	value = run_filters(__atomic_load_n(&t->filter, __ATOMIC_ACQUIRE), f);
	switch (value & RET_ACTION) {
	case RET_ALLOW:
	case RET_LOG:
		return false;
	case RET_ERRNO:
		*ret = -(long)min(value & RET_DATA, ERRNO_MAX);
		return true;
	case RET_TRACE:
	case RET_USER_NOTIF:
		*ret = -ENOSYS;		/* as Linux when nobody listens */
		return true;
	case RET_TRAP:
		signal_force_sigsys(f, SYS_SECCOMP, value & RET_DATA);
		break;
	default:
		end(SIGSYS, SYS_SECCOMP, f->ip, (value & RET_ACTION) != RET_KILL_THREAD);
	}
	*ret = f->orig_ax;		/* the handler finds the call as it was made */
	return true;
}

/* ---- Installing ---- */

static bool is_permitted(void)
{
	return FORWARD(NR_PRCTL, PR_GET_NO_NEW_PRIVS) > 0 || FORWARD(AZ_CALL_CAPABLE, CAP_SYS_ADMIN, 1) > 0;
}

/* The filter that the program describes at @args goes to *@made, without a chain. */
static long filter_read(uaddr_t args, struct filter **made)
{
	struct { u16 length; u16 pad[3]; uaddr_t program; } user;	/* Linux's struct sock_fprog */
	struct filter *filter;
	u64 bytes;
	long ret = 0;

	if (copy_from_user(&user, args, sizeof(user)))
		return -EFAULT;
	if (!user.length || user.length > BPF_LENGTH_MAX)
		return -EINVAL;
	if (!is_permitted())
		return -EACCES;
	if (!user.program)
		return -EINVAL;
	bytes = user.length * sizeof(struct bpf_insn);
	filter = kmalloc(sizeof(*filter) + bytes);
	if (!filter)
		return -ENOMEM;
	if (copy_from_user(filter->program, user.program, bytes))
		ret = -EFAULT;
	else if (!bpf_check(filter->program, user.length))
		ret = -EINVAL;
	if (ret) {
		kfree(filter);
		return ret;
	}
	filter->refs = 1;
	filter->chain = user.length;
	*made = filter;
	return 0;
}

static bool is_in_chain(const struct filter *filter, const struct filter *chain)
{
	while (chain && chain != filter)
		chain = chain->prev;
	return chain || !filter;
}

/* A thread of the process that does not have the caller's filters and perhaps others; 0 if there is none. */
static u32 find_apart(struct thread *self) REQUIRES(self->proc->lock)
{
	struct list *at;

	list_for_each(at, &self->proc->threads) {
		struct thread *t = list_entry(at, struct thread, sibling);

		if (t != self && t->seccomp && (t->seccomp != SECCOMP_MODE_FILTER || !is_in_chain(t->filter, self->filter)))
			return t->tid;
	}
	return 0;
}

/* All other threads get the caller's filters. */
static void share(struct thread *self) REQUIRES(self->proc->lock)
{
	struct list *at;

	list_for_each(at, &self->proc->threads) {
		struct thread *t = list_entry(at, struct thread, sibling);
		struct filter *old = t->filter;

		if (t == self)
			continue;
		/* share:A, pairs with seccomp_takes:A */
		__atomic_store_n(&t->filter, filter_get(self->filter), __ATOMIC_RELEASE);
		__atomic_store_n(&t->seccomp, SECCOMP_MODE_FILTER, __ATOMIC_RELEASE);
		filter_put(old);
		__atomic_fetch_or(&t->modes, MODE_JUDGED, __ATOMIC_RELEASE);
		thread_interrupt(t, WORK_MODES);
	}
}

static long attach(struct thread *self, struct filter *filter, u32 flags) REQUIRES(self->proc->lock)
{
	u32 apart;

	if (self->seccomp == SECCOMP_MODE_STRICT)
		return -EINVAL;
	if (self->filter)
		filter->chain += self->filter->chain + CHAIN_LINK;
	if (filter->chain > CHAIN_MAX)
		return -ENOMEM;
	apart = flags & FLAG_TSYNC ? find_apart(self) : 0;
	if (apart)
		return flags & FLAG_TSYNC_ESRCH ? -ESRCH : (long)apart;
	filter->prev = self->filter;
	self->filter = filter;
	self->seccomp = SECCOMP_MODE_FILTER;
	if (flags & FLAG_TSYNC)
		share(self);
	return 0;
}

/* The other threads are judged before the caller goes on: each has been in the kernel, and leaves it by what share() has set. */
static void finish_share(struct thread *self)
{
	FORWARD(AZ_CALL_NO_NEW_PRIVS);
	membarrier_process(self->proc);
}

long seccomp_set_filter(u32 flags, uaddr_t args)
{
	struct thread *self = current_thread();
	struct filter *filter;
	long ret;

	if (flags & ~KNOWN_FLAGS)
		return -EINVAL;
	ret = filter_read(args, &filter);
	if (ret)
		return ret;
	spin_lock(&self->proc->lock);
	ret = attach(self, filter, flags);
	spin_unlock(&self->proc->lock);
	if (ret) {
		kfree(filter);
		return ret;
	}
	thread_set_mode(MODE_JUDGED, true);
	if (flags & FLAG_TSYNC)
		finish_share(self);
	return 0;
}

long seccomp_set_strict(void)
{
	struct thread *self = current_thread();
	long ret = -EINVAL;

	spin_lock(&self->proc->lock);
	if (self->seccomp != SECCOMP_MODE_FILTER) {
		self->seccomp = SECCOMP_MODE_STRICT;
		ret = 0;
	}
	spin_unlock(&self->proc->lock);
	if (!ret)
		thread_set_mode(MODE_JUDGED, true);
	return ret;
}

static long action_available(uaddr_t args)
{
	u32 action;

	if (copy_from_user(&action, args, sizeof(action)))
		return -EFAULT;
	switch (action) {
	case RET_KILL_PROCESS:
	case RET_KILL_THREAD:
	case RET_TRAP:
	case RET_ERRNO:
	case RET_TRACE:
	case RET_LOG:
	case RET_ALLOW:
		return 0;
	}
	return -EOPNOTSUPP;
}

long sys_seccomp(struct frame *f, unsigned int operation, unsigned int flags, uaddr_t args)
{
	switch (operation) {
	case SECCOMP_SET_MODE_STRICT:
		return flags || args ? -EINVAL : seccomp_set_strict();
	case SECCOMP_SET_MODE_FILTER:
		return seccomp_set_filter(flags, args);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags ? -EINVAL : action_available(args);
	}
	return -EINVAL;
}
