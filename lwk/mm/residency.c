/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is present, and making it so on request: mincore, MADV_POPULATE_READ and _WRITE. Of private files mincore tells what the program
 * has in its own frames, not what Linux could give it without reading a disk.
 */
#include "aspace.h"
#include "offload.h"
#include "string.h"
#include "syscall_proto.h"

#define LINUX_MINCORE		27
#define LINUX_MADVISE		28
#define BATCH			512u

static void pages_look(struct aspace *as, uaddr_t start, u64 pages, u8 *vec)
{
	spin_lock(&as->lock);
	for (u64 i = 0; i < pages; i++) {
		u64 span, *entry = pt_find(as->pgd, start + i * PAGE_SIZE, &span);

		vec[i] = entry && pte_load(entry);
	}
	spin_unlock(&as->lock);
}

static long mincore_own(struct aspace *as, uaddr_t start, uaddr_t end, uaddr_t vec)
{
	u8 found[BATCH];

	for (; start < end; start += BATCH * PAGE_SIZE, vec += BATCH) {
		u64 pages = min((end - start) >> PAGE_SHIFT, (u64)BATCH);

		pages_look(as, start, pages, found);
		if (copy_to_user(vec, found, pages))
			return -EFAULT;
	}
	return 0;
}

long sys_mincore(struct frame *f, uaddr_t addr, u64 len, uaddr_t vec)
{
	struct aspace *as = aspace_current();
	struct region r;
	uaddr_t at, end;
	long ret;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (addr > AZ_USER_END || len > AZ_USER_END - addr)
		return -ENOMEM;
	end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (vec >= AZ_USER_END || (end - addr) >> PAGE_SHIFT > AZ_USER_END - vec)
		return -EFAULT;
	for (at = addr; at < end; at = r.end) {
		uaddr_t to = vec + ((at - addr) >> PAGE_SHIFT);

		if (!region_copy_next(as, at, end, &r) || r.start > at)
			return -ENOMEM;
		if (r.flags & REGION_LINUX)
			ret = FORWARD(LINUX_MINCORE, at, r.end - at, to);
		else
			ret = mincore_own(as, at, r.end, to);
		if (ret)
			return ret;
	}
	return 0;
}

/* One region: Linux provides what it backs, all at once, before we ask page by page. */
static long region_populate(struct aspace *as, const struct region *r, bool write)
{
	long ret = 0;

	if (!(r->prot & (write ? PROT_WRITE : PROT_READ)))
		return -EINVAL;
	if (r->flags & REGION_LINUX)
		ret = FORWARD(LINUX_MADVISE, r->start, r->end - r->start, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	return ret ? ret : aspace_populate(as, r->start, r->end - r->start, write);
}

/* Holes are passed over, and reported at the end. */
long aspace_populate_all(struct aspace *as, uaddr_t addr, u64 len, bool write)
{
	uaddr_t end = addr + len;
	long ret, hole = 0;
	struct region r;

	for (; addr < end; addr = r.end) {
		if (!region_copy_next(as, addr, end, &r))
			return -ENOMEM;
		if (r.start > addr)
			hole = -ENOMEM;
		ret = region_populate(as, &r, write);
		if (ret)
			return ret;
	}
	return hole;
}
