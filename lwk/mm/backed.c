/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that mean something for Linux-backed memory: msync, remap_file_pages, and advice that changes it or what Linux does with it.
 * Linux does them on the proxy's mapping of the same range. And what Linux takes away of a file, whoever has truncated it.
 */
#include "aspace.h"
#include "offload.h"
#include "syscall_proto.h"

#define MS_ASYNC	1
#define MS_INVALIDATE	2
#define MS_SYNC		4

#define LINUX_MSYNC		26
#define LINUX_MADVISE		28
#define LINUX_REMAP_FILE_PAGES	216

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
		ret = (flags & (MS_SYNC | MS_ASYNC)) && (r.flags & REGION_LINUX) ? FORWARD(LINUX_MSYNC, r.start, r.end - r.start, flags) : 0;
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
 * Has Linux put other pages behind a range. The entries go first, so that no CPU writes into a page that is no longer the file's; faults wait
 * until Linux is done. Drops the lock meanwhile.
 */
static long change_pages(struct aspace *as, uaddr_t start, uaddr_t end, u32 nr, const u64 arg[6]) REQUIRES(as->lock)
{
	uaddr_t addr = start;
	u64 span, *entry;
	long ret;

	range_hide(as, start, end);
	for_each_entry(as->pgd, entry, addr, end, span)
		entry_release(as, entry, span, true);
	as->zap_start = start;
	as->zap_end = end;
	as->taken_back++;
	spin_unlock(&as->lock);
	ret = forward(nr, arg);
	spin_lock(&as->lock);
	as->zap_start = as->zap_end = 0;
	aspace_wake(as);
	return ret;
}

static long region_punch(struct aspace *as, const struct region *r, uaddr_t start, uaddr_t end) REQUIRES(as->lock)
{
	const u64 arg[6] = { start, end - start, MADV_REMOVE };

	if ((r->flags & REGION_LOCKED) || (!r->file && !(r->flags & REGION_SHARED)))
		return -EINVAL;
	if (!(r->flags & REGION_LINUX))
		return -EACCES;		/* whether the others may be written only Linux knows */
	return change_pages(as, start, end, LINUX_MADVISE, arg);
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

/* ---- Truncation: Linux has taken pages out of a file, or will not use them for it any more ---- */

static void range_withdraw(struct aspace *as, uaddr_t start, uaddr_t end) REQUIRES(as->lock)
{
	u64 span, *entry;

	range_hide(as, start, end);
	for_each_entry(as->pgd, entry, start, end, span)
		entry_release(as, entry, span, true);
}

/* What is hidden at the moment, because somebody changes it, goes as well: whoever brings entries back brings what there is. */
void aspace_withdraw(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *r;

	spin_lock(&as->lock);
	as->taken_back++;
	for_each_region(as, r, start, end) {
		if (r->flags & REGION_LINUX)
			range_withdraw(as, max(start, r->start), min(end, r->end));
	}
	spin_unlock(&as->lock);
}

/* ---- remap_file_pages(2): a part of a shared mapping shows another part of its file ---- */

/* All of the range is shared memory of one file, mapped alike. */
static bool is_one_mapping(struct aspace *as, uaddr_t start, uaddr_t end) REQUIRES(as->lock)
{
	struct region *first = region_find(&as->regions, start), *r;

	if (!first || (first->flags & (REGION_SHARED | REGION_LINUX)) != (REGION_SHARED | REGION_LINUX))
		return false;
	for_each_region(as, r, start, end)
		if (r->file != first->file || r->prot != first->prot || r->flags != first->flags)
			return false;
	return !range_whole(as, start, end);
}

static long range_reorder(struct aspace *as, uaddr_t start, uaddr_t end, u64 page, u32 flags) REQUIRES(as->lock)
{
	const u64 arg[6] = { start, end - start, 0, page, flags };
	struct region *r;
	long ret;

	if (!is_one_mapping(as, start, end))
		return -EINVAL;
	ret = aspace_split_ends(as, start, end);
	if (ret)
		return ret;
	ret = change_pages(as, start, end, LINUX_REMAP_FILE_PAGES, arg);
	if (ret)
		return ret;
	for_each_region(as, r, start, end)
		r->offset = (page << PAGE_SHIFT) + (r->start - start);
	return 0;
}

long sys_remap_file_pages(struct frame *f, uaddr_t start, u64 size, int prot, u64 page, int flags)
{
	struct aspace *as = aspace_current();
	long ret;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	size = ALIGN_DOWN(size, PAGE_SIZE);
	if (prot || !size || !range_valid(start, size) || page + (size >> PAGE_SHIFT) < page)
		return -EINVAL;
	aspace_begin(as);
	ret = range_reorder(as, start, start + size, page, flags);
	range_merge(as, start, start + size);
	aspace_end(as);
	return ret;
}
