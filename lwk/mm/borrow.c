/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of the kernel itself in a program's address space: the vDSO and the time page. They belong to no region's account and are
 * never freed or written; the program may unmap them. Linux reads the vDSO as it does other memory: the dynamic loader prints names in it.
 */
#include "aspace.h"

static long borrow_part(struct aspace *as, uaddr_t addr, const struct borrowed *part) REQUIRES(as->lock)
{
	struct region *r = kmalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->start = addr;
	r->end = addr + part->len;
	r->prot = part->prot;
	r->flags = REGION_KERNEL | REGION_SMALL;
	aspace_add(as, r);
	for (u64 at = 0; at < part->len; at += PAGE_SIZE) {
		u64 *entry = pt_make(as->pgd, addr + at, PAGE_SIZE);

		if (!entry)
			return -ENOMEM;
		pte_set(entry, pte_make(part->start + at, part->prot, PAGE_SIZE) | AZ_PTE_FOREIGN);
	}
	return 0;
}

long aspace_borrow(struct aspace *as, const struct borrowed *part, u32 count)
{
	uaddr_t start, at;
	u64 len = 0;
	long ret;

	for (u32 i = 0; i < count; i++)
		len += part[i].len;
	aspace_begin(as);
	start = at = region_gap(&as->regions, AZ_USER_START, as->mmap_top, len, PAGE_SIZE);
	ret = start ? aspace_room(as, len, 0, 0) : -ENOMEM;
	for (u32 i = 0; i < count && !ret; i++) {
		ret = borrow_part(as, at, &part[i]);
		at += part[i].len;
	}
	if (ret && start)
		range_unmap(as, start, start + len);
	aspace_end(as);
	return ret ? ret : (long)start;
}
