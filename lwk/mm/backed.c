/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that mean something for Linux-backed memory: msync, and advice that changes it or what Linux does with it. Linux does them on the
 * proxy's mapping of the same range.
 */
#include "aspace.h"
#include "offload.h"
#include "syscall_proto.h"

#define MS_ASYNC	1
#define MS_INVALIDATE	2
#define MS_SYNC		4

#define LINUX_MSYNC		26
#define LINUX_MADVISE		28

long sys_msync(struct frame *f, uaddr_t addr, u64 len, int flags)
{
	struct aspace *as = aspace_current();
	uaddr_t end = addr + ALIGN_UP(len, PAGE_SIZE);
	struct region r;
	long ret, hole = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & (PAGE_SIZE - 1)) || ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < addr)
		return -ENOMEM;
	for (; addr < end; addr = r.end) {
		if (!region_copy_next(as, addr, end, &r))
			return -ENOMEM;
		if (r.start > addr)
			hole = -ENOMEM;
		if ((flags & MS_INVALIDATE) && (r.flags & REGION_LOCKED))
			return -EBUSY;
		ret = (flags & MS_SYNC) && (r.flags & REGION_LINUX) ? FORWARD(LINUX_MSYNC, r.start, r.end - r.start, flags) : 0;
		if (ret)
			return ret;
	}
	return hole;
}

long backed_advise(struct aspace *as, uaddr_t start, uaddr_t end, u32 advice)
{
	long ret;

	spin_unlock(&as->lock);
	ret = FORWARD(LINUX_MADVISE, start, end - start, advice);
	spin_lock(&as->lock);
	return ret < 0 ? ret : 0;
}

/*
 * The entries go first, so that no CPU writes into a page that is no longer the file's; faults wait until Linux is done. Drops the lock
 * meanwhile.
 */
static long region_punch(struct aspace *as, const struct region *r, uaddr_t start, uaddr_t end) REQUIRES(as->lock)
{
	uaddr_t addr = start;
	u64 span, *entry;
	long ret;

	if ((r->flags & REGION_LOCKED) || (!r->file && !(r->flags & REGION_SHARED)))
		return -EINVAL;
	if (!(r->flags & REGION_LINUX))
		return -EACCES;		/* whether the others may be written only Linux knows */
	range_hide(as, start, end);
	for_each_entry(as->pgd, entry, addr, end, span)
		entry_release(as, entry, span, true);
	as->zap_start = start;
	as->zap_end = end;
	as->taken_back++;
	spin_unlock(&as->lock);
	ret = FORWARD(LINUX_MADVISE, start, end - start, MADV_REMOVE);
	spin_lock(&as->lock);
	as->zap_start = as->zap_end = 0;
	aspace_wake(as);
	return ret;
}

long range_punch(struct aspace *as, uaddr_t start, uaddr_t end)
{
	long ret = 0, hole = range_whole(as, start, end);
	struct region *r;

	for_each_region(as, r, start, end) {
		if (!ret)
			ret = region_punch(as, r, max(start, r->start), min(end, r->end));
	}
	return ret ? ret : hole;
}
