/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mremap: a range shrinks, grows where it is, or moves. Memory moves by its entries: what the program has written is not copied, and
 * large pages stay large where the new place allows. What Linux has mapped it moves itself, and the program faults again.
 *
 * A move makes the places for all entries first, then hides, flushes and zaps the old ones as unmap.c does, and only then moves them,
 * which cannot fail.
 */
#include "aspace.h"
#include "offload.h"

#define MREMAP_MAYMOVE		1u
#define MREMAP_FIXED		2u
#define MREMAP_DONTUNMAP	4u
#define MREMAP_ALL		7u

#define LINUX_MREMAP		25
#define REGIONS_SPARE		3	/* a move may split two regions and add one */

static long check_args(const struct remap_args *a)
{
	if (a->flags & ~(u64)MREMAP_ALL)
		return -EINVAL;
	if ((a->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(a->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((a->flags & MREMAP_DONTUNMAP) && a->old_len != a->new_len)
		return -EINVAL;
	if ((a->addr & (PAGE_SIZE - 1)) || !ALIGN_UP(a->new_len, PAGE_SIZE))
		return -EINVAL;
	return 0;
}

/* Does the old range stay mapped as well? */
static bool keeps_old(const struct remap_args *a)
{
	return (a->flags & MREMAP_DONTUNMAP) || !a->old_len;
}

/* Bytes that are mapped afterwards and were not before. */
static u64 grown(const struct remap_args *a)
{
	return keeps_old(a) ? a->new_len : a->new_len - a->old_len;
}

/* May the range, which does not shrink, become what is asked for? */
static long check_region(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	struct region *r = region_find(&as->regions, a->addr);

	if (!r)
		return -EFAULT;
	if (!a->old_len && !(r->flags & REGION_LINUX))
		return -EINVAL;		/* only what others may share can be there twice */
	if ((r->flags & REGION_KERNEL) && (a->flags & MREMAP_DONTUNMAP))
		return -EINVAL;
	if (a->old_len > r->end - a->addr)
		return -EFAULT;
	if (!grown(a))
		return 0;
	if (r->flags & REGION_KERNEL)
		return -EFAULT;
	if ((r->flags & REGION_LOCKED) && !lock_may_grow(as, grown(a)))
		return -EAGAIN;
	return aspace_room(as, grown(a), region_is_data(r) ? grown(a) : 0, 0);
}

static u64 charge_of(const struct region *r, u64 bytes)
{
	return r->flags & REGION_CHARGED ? bytes : 0;
}

/* Has Linux do the same in the proxy. Drops the lock meanwhile; faults in the old range wait. */
static long remap_in_linux(struct aspace *as, const struct remap_args *a, u64 flags) REQUIRES(as->lock)
{
	long ret;

	as->zap_start = a->addr;
	as->zap_end = a->addr + a->old_len;
	as->taken_back++;
	spin_unlock(&as->lock);
	ret = FORWARD(LINUX_MREMAP, a->addr, a->old_len, a->new_len, flags, a->new_addr);
	spin_lock(&as->lock);
	as->zap_start = as->zap_end = 0;
	aspace_wake(as);
	return ret < 0 ? ret : 0;
}

/* ---- Growing in place ---- */

static bool can_grow(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	struct region *r = region_find(&as->regions, a->addr), *next = region_next(&as->regions, r->end);
	uaddr_t end = a->addr + a->new_len;

	return a->old_len && a->addr + a->old_len == r->end && a->new_len <= AZ_USER_END - a->addr && (!next || next->start >= end);
}

static long grow(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	struct region *r = region_find(&as->regions, a->addr);
	u64 charge = charge_of(r, grown(a));
	long ret = 0;

	if (!aspace_promise(as, charge))
		return -ENOMEM;
	if (r->flags & REGION_LINUX)
		ret = remap_in_linux(as, a, 0);
	if (ret) {
		aspace_uncharge(as, charge);
		return ret;
	}
	aspace_remove(as, r);
	r->end = a->addr + a->new_len;
	aspace_add(as, r);
	aspace_merge(as, a->addr + a->new_len);
	return a->addr;
}

/* ---- Moving ---- */

/* Tables for all entries of the old range at the new one. A large page that does not fit there is split. */
static long make_places(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	uaddr_t addr = a->addr;
	u64 span, *entry;

	while ((entry = pt_first(as->pgd, &addr, a->addr + a->old_len, &span))) {
		uaddr_t to = addr - a->addr + a->new_addr;

		if (!(to & (span - 1)) && pt_make(as->pgd, to, span))
			addr += span;
		else if (span == PAGE_SIZE || range_split(as, addr + PAGE_SIZE))
			return -ENOMEM;
	}
	return 0;
}

static void move_entries(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	uaddr_t addr = a->addr;
	u64 span, *entry, *to;

	for_each_entry(as->pgd, entry, addr, a->addr + a->old_len, span) {
		to = pt_make(as->pgd, addr - a->addr + a->new_addr, span);
		check(to && !pte_load(to));
		entry_settle(entry, span);
		pte_set(to, pte_load(entry));
		pte_set(entry, 0);
	}
}

static long move_memory(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	long ret = make_places(as, a);

	if (!ret && pte_mirrored(range_hide(as, a->addr, a->addr + a->old_len)))
		ret = range_zap(as, a->addr, a->addr + a->old_len);
	if (!ret)
		move_entries(as, a);
	return ret;
}

/* Frames of Linux are found again by faults, at the old place too if that stays. */
static long move_linux(struct aspace *as, const struct remap_args *a, u32 prot) REQUIRES(as->lock)
{
	uaddr_t addr = a->addr, end = a->addr + a->old_len;
	u64 span, *entry;
	long ret;

	range_hide(as, addr, end);
	ret = remap_in_linux(as, a, a->flags | MREMAP_MAYMOVE | MREMAP_FIXED);
	if (ret) {
		range_allow(as, addr, end, prot, false);
		return ret;
	}
	for_each_entry(as->pgd, entry, addr, end, span)
		entry_release(as, entry, span, true);
	return 0;
}

/* The region of the new range: the old one's, or @copy if that stays. */
static void move_region(struct aspace *as, const struct remap_args *a, struct region *r, struct region *copy) REQUIRES(as->lock)
{
	u64 offset = r->offset + (a->addr - r->start);

	if (copy) {
		*copy = *r;
		if (r->file)
			r->file->refs++;
		if (a->flags & MREMAP_DONTUNMAP)
			aspace_set_flags(as, r, LOCK_FLAGS, 0);		/* the lock goes with the contents */
		r = copy;
	} else {
		aspace_remove(as, r);
	}
	r->start = a->new_addr;
	r->end = a->new_addr + a->new_len;
	r->offset = r->file ? offset : 0;
	aspace_add(as, r);
	range_allow(as, r->start, r->end, r->prot, false);
	aspace_merge(as, a->new_addr + a->new_len);
	aspace_merge(as, a->new_addr);
}

static long move(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	uaddr_t end = a->addr + a->old_len;
	struct region *r, *copy = NULL;
	long ret;
	u64 charge;

	if (as->region_count + REGIONS_SPARE >= REGIONS_MAX)
		return -ENOMEM;
	ret = a->old_len ? aspace_split_ends(as, a->addr, end) : 0;
	if (ret)
		goto merge;
	ret = -ENOMEM;
	r = region_find(&as->regions, a->addr);
	if (keeps_old(a)) {
		copy = kmalloc(sizeof(*copy));
		if (!copy)
			goto merge;
	}
	charge = charge_of(r, grown(a));
	if (aspace_promise(as, charge)) {
		ret = r->flags & REGION_LINUX ? move_linux(as, a, r->prot) : move_memory(as, a);
		if (ret)
			aspace_uncharge(as, charge);
	}
	if (!ret)
		move_region(as, a, r, copy);
	else
		kfree(copy);
merge:
	range_merge(as, a->addr, end);
	return ret ? ret : (long)a->new_addr;
}

/* Where the range may go; large pages stay large only if it lies as before within 2 MB. 0 if there is no room. */
static uaddr_t choose_place(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	u64 offset = a->addr & (LARGE_SIZE - 1);
	uaddr_t start = 0;

	if (a->new_len >= LARGE_SIZE && a->new_len < AZ_USER_END)
		start = region_gap(&as->regions, AZ_USER_START, as->mmap_top, a->new_len + LARGE_SIZE, PAGE_SIZE);
	if (start)
		return ALIGN_UP(start - offset, LARGE_SIZE) + offset;
	return region_gap(&as->regions, AZ_USER_START, as->mmap_top, a->new_len, PAGE_SIZE);
}

static long shrink(struct aspace *as, const struct remap_args *a) REQUIRES(as->lock)
{
	long ret;

	if (a->old_len == a->new_len)
		return a->addr;
	if (!range_valid(a->addr + a->new_len, a->old_len - a->new_len))
		return -EINVAL;
	ret = range_unmap(as, a->addr + a->new_len, a->addr + a->old_len);
	return ret ? ret : (long)a->addr;
}

/* MREMAP_FIXED: to this place, whatever is there. MREMAP_DONTUNMAP alone: there if it is free. */
static long remap_to(struct aspace *as, struct remap_args *a) REQUIRES(as->lock)
{
	bool fixed = a->flags & MREMAP_FIXED;
	long ret = 0;

	if ((a->new_addr & (PAGE_SIZE - 1)) || a->new_len > AZ_USER_END || a->new_addr > AZ_USER_END - a->new_len)
		return -EINVAL;
	if (a->addr + a->old_len > a->new_addr && a->new_addr + a->new_len > a->addr)
		return -EINVAL;
	if (fixed && a->new_addr < AZ_USER_START)
		return -EPERM;
	if (fixed)
		ret = range_unmap(as, a->new_addr, a->new_addr + a->new_len);
	if (!ret && a->old_len > a->new_len) {
		ret = min(shrink(as, a), 0L);
		a->old_len = a->new_len;
	}
	if (!ret)
		ret = check_region(as, a);
	if (ret)
		return ret;
	if (!fixed && (a->new_addr < AZ_USER_START || !range_is_free(as, a->new_addr, a->new_len)))
		a->new_addr = choose_place(as, a);
	return a->new_addr ? move(as, a) : -ENOMEM;
}

/* As Linux: what consists of its large pages is moved and made shorter by whole ones, and never grows. */
static long fit_large_pages(const struct region *r, struct remap_args *a)
{
	u64 unit = region_unit(r);

	if (unit == PAGE_SIZE)
		return 0;
	a->old_len = ALIGN_UP(a->old_len, unit);
	a->new_len = ALIGN_UP(a->new_len, unit);
	return ((a->addr | a->new_addr) & (unit - 1)) || a->new_len > a->old_len ? -EINVAL : 0;
}

static long remap(struct aspace *as, struct remap_args *a) REQUIRES(as->lock)
{
	struct region *r = region_find(&as->regions, a->addr);
	long ret = r ? fit_large_pages(r, a) : -EFAULT;

	if (ret)
		return ret;
	if (a->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(as, a);
	if (a->old_len >= a->new_len)
		return shrink(as, a);
	ret = check_region(as, a);
	if (ret)
		return ret;
	if (can_grow(as, a))
		return grow(as, a);
	a->new_addr = a->flags & MREMAP_MAYMOVE ? choose_place(as, a) : 0;
	return a->new_addr ? move(as, a) : -ENOMEM;
}

long aspace_remap(struct aspace *as, const struct remap_args *args)
{
	struct remap_args a = *args;
	long ret = check_args(&a);

	if (ret)
		return ret;
	a.old_len = ALIGN_UP(a.old_len, PAGE_SIZE);
	a.new_len = ALIGN_UP(a.new_len, PAGE_SIZE);
	aspace_begin(as);
	ret = remap(as, &a);
	aspace_end(as);
	if (ret > 0 && a.new_len > a.old_len)
		lock_populate(as, ret + a.old_len, ret + a.new_len);
	return ret;
}
