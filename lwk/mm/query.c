/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an address space has mapped, told to Linux for those who look at the process there (/proc/PID/maps). Linux asks piece by piece; between
 * two pieces the program may change its mappings, as it may on Linux while somebody reads that file.
 */
#include "aspace.h"

static u8 region_kind(const struct aspace *as, const struct region *r)
{
	if (r->flags & REGION_KERNEL)
		return r->prot & PROT_EXEC ? AZ_REGION_VDSO : AZ_REGION_TIME;
	if (r->end == AZ_USER_END)
		return AZ_REGION_STACK;
	if (!r->file && r->start < as->brk && r->end > as->brk_start)
		return AZ_REGION_HEAP;
	return AZ_REGION_PLAIN;
}

static u8 region_core(const struct region *r)
{
	if (r->flags & REGION_KERNEL)
		return AZ_CORE_ALWAYS;
	if (r->flags & REGION_NODUMP)
		return AZ_CORE_NOTHING;
	return r->file && !(r->flags & REGION_WRITTEN) ? AZ_CORE_FILE : AZ_CORE_MEMORY;
}

static void answer(const struct aspace *as, const struct region *r, struct az_region *to)
{
	*to = (struct az_region){
		.start = r->start, .end = r->end, .offset = r->file ? r->offset : 0, .handle = r->file ? max(r->file->handle, -1) : -1,
		.prot = r->prot & PROT_ALL, .kind = region_kind(as, r), .shared = !!(r->flags & REGION_SHARED),
		.linux_backed = !!(r->flags & REGION_LINUX), .core = region_core(r),
	};
}

bool aspace_region_at(struct aspace *as, uaddr_t addr, struct az_region *to)
{
	struct region *r;

	spin_lock(&as->lock);
	r = region_find(&as->regions, addr);
	if (r)
		answer(as, r, to);
	spin_unlock(&as->lock);
	return r;
}

void aspace_query(struct aspace *as, struct az_query *q)
{
	u32 count = 0;
	struct region *r;

	spin_lock(&as->lock);
	for (r = region_next(&as->regions, q->from); r && count < AZ_QUERY_REGIONS; r = r->next)
		answer(as, r, &q->region[count++]);
	spin_unlock(&as->lock);
	q->count = count;
}
