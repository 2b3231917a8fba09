/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Restartable sequences, rseq(2): a program keeps its CPU number where it can read it without a call, and may mark short pieces of code
 * that must not be resumed in the middle after the thread was switched, moved, or ran a signal handler. Such a piece is left by its
 * abort address instead. A thread is switched inside a piece when it sleeps in a page fault or its
 * time slice ends there.
 */
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "signal.h"
#include "syscall_proto.h"

#define RSEQ_SIZE	32
#define RSEQ_UNREGISTER	1
#define RSEQ_CS		8		/* offset of the pointer to struct rseq_cs in the area */

struct rseq_cs {			/* Linux's uapi/linux/rseq.h */
	u32 version, flags;
	u64 start_ip, post_commit_offset, abort_ip;
};

static long write_cpu(struct thread *t)
{
	u32 cpu[2] = { this_cpu()->shared->linux_cpu, this_cpu()->shared->linux_cpu };

	return copy_to_user(t->rseq, cpu, sizeof(cpu));
}

/* What @f->ip becomes if it lies in the marked piece; 0 if it does not; -EFAULT if the description is not one. */
static long abort_address(const struct thread *t, uaddr_t at, u64 ip)
{
	struct rseq_cs cs;
	u32 signature;

	if (copy_from_user(&cs, at, sizeof(cs)) || cs.version || cs.start_ip >= AZ_USER_END || cs.abort_ip >= AZ_USER_END ||
	    cs.abort_ip < sizeof(signature) || cs.post_commit_offset > AZ_USER_END - cs.start_ip ||
	    cs.abort_ip - cs.start_ip < cs.post_commit_offset)
		return -EFAULT;
	if (ip - cs.start_ip >= cs.post_commit_offset)
		return 0;
	if (copy_from_user(&signature, cs.abort_ip - sizeof(signature), sizeof(signature)) || signature != t->rseq_signature)
		return -EFAULT;
	return cs.abort_ip;
}

bool rseq_interrupted(struct thread *t, u64 *ip)
{
	u64 cs = 0, none = 0;
	long to = 0;

	if (!t->rseq)
		return true;
	if (write_cpu(t) || copy_from_user(&cs, t->rseq + RSEQ_CS, sizeof(cs)))
		to = -EFAULT;
	else if (cs)
		to = abort_address(t, cs, *ip);
	if (cs && to >= 0 && copy_to_user(t->rseq + RSEQ_CS, &none, sizeof(none)))
		to = -EFAULT;
	if (to > 0)
		*ip = to;
	return to >= 0;
}

static long unregister(struct thread *t, uaddr_t area, u32 length, u32 signature)
{
	u32 none[2] = { 0, -1u };

	if (t->rseq != area || !area || length != RSEQ_SIZE)
		return -EINVAL;
	if (t->rseq_signature != signature)
		return -EPERM;
	t->rseq = 0;
	return copy_to_user(area, none, sizeof(none));
}

long sys_rseq(uaddr_t area, unsigned int length, int flags, unsigned int signature)
{
	struct thread *t = current_thread();

	if (flags & ~RSEQ_UNREGISTER)
		return -EINVAL;
	if (flags)
		return unregister(t, area, length, signature);
	if (t->rseq)
		return t->rseq != area || length != RSEQ_SIZE ? -EINVAL : t->rseq_signature != signature ? -EPERM : -EBUSY;
	if (area % 32 || length != RSEQ_SIZE)
		return -EINVAL;
	if (area >= AZ_USER_END)
		return -EFAULT;
	t->rseq = area;
	t->rseq_signature = signature;
	write_cpu(t);
	return 0;
}
