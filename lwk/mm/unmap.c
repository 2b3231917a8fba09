/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking memory away: munmap, replacement by MAP_FIXED, madvise(MADV_DONTNEED), mprotect's reductions.
 *
 * The order protects three parties that may use a frame: LWK CPUs by their TLBs, the program's proxy by its mirror, and devices
 * that do I/O for Linux into pinned pages:
 *
 *   1 hide the entries     no new translation; the driver mirrors present entries only
 *   2 flush the TLBs       no CPU of ours reaches the frames
 *   3 zap the mirror       only if an entry was mirrored; no process of Linux reaches them; the driver marks what is pinned
 *   4 free the frames      pinned ones are quarantined by frame.c until the driver says so
 */
#include "aspace.h"
#include "offload.h"

long range_split(struct aspace *as, uaddr_t at)
{
	u64 span, *entry = pt_find(as->pgd, at, &span);
	u64 e = entry ? pte_load(entry) : 0;

	if (!e || !(at & (span - 1)))
		return 0;
	if (!pt_split(entry))
		return -ENOMEM;
	frame_split(pte_frame(e), LARGE_ORDER);
	at = ALIGN_DOWN(at, span);
	arch_tlb_flush(as, at, at + span);
	return 0;
}

u64 range_hide_later(struct aspace *as, uaddr_t start, uaddr_t end)
{
	u64 span, *entry, seen = 0;

	for_each_entry(as->pgd, entry, start, end, span)
		seen |= pte_hide(entry);
	return seen;
}

u64 range_hide(struct aspace *as, uaddr_t start, uaddr_t end)
{
	u64 seen = range_hide_later(as, start, end);

	if (pte_present(seen))
		arch_tlb_flush(as, start, end);
	return seen;
}

long range_zap(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *r;
	long ret;

	as->zap_start = start;
	as->zap_end = end;
	spin_unlock(&as->lock);
	ret = FORWARD(AZ_CALL_ZAP, start, end - start);
	spin_lock(&as->lock);
	as->zap_start = as->zap_end = 0;
	if (ret < 0) {
		for_each_region(as, r, start, end)
			range_allow(as, max(r->start, start), min(r->end, end), r->prot, false);
	}
	aspace_wake(as);
	return ret < 0 ? ret : 0;
}

void entry_settle(u64 *entry, u64 span)
{
	u64 old = __atomic_fetch_and(entry, ~(AZ_PTE_MIRRORED | AZ_PTE_PINNED), __ATOMIC_ACQ_REL);

	if (old & AZ_PTE_PINNED)
		frame_pin(pte_frame(old), span_order(span));
}

void entry_release(struct aspace *as, u64 *entry, u64 span, bool charged)
{
	u64 e;

	entry_settle(entry, span);
	e = pte_load(entry);
	pte_set(entry, 0);
	if (e & AZ_PTE_FOREIGN)
		return;
	frame_free(pte_frame(e), span_order(span));
	as->used->peak = max(as->used->peak, as->used->resident);
	as->used->resident -= span;
	if (!charged)
		aspace_uncharge(as, span);
}

u64 range_touched(struct aspace *as, uaddr_t start, uaddr_t end)
{
	uaddr_t addr = start;
	u64 bytes = 0, span, *entry;

	for_each_entry(as->pgd, entry, addr, end, span) {
		if (!(pte_load(entry) & AZ_PTE_FOREIGN))
			bytes += span;
	}
	return bytes;
}

/* Frees the frames in the range, which lies in one region; its entries are hidden and zapped. */
static void range_free(struct aspace *as, uaddr_t start, uaddr_t end, bool charged)
{
	u64 span, *entry;

	for_each_entry(as->pgd, entry, start, end, span) {
		check(!pte_present(pte_load(entry)));	/* or a TLB may still know it */
		entry_release(as, entry, span, charged);
	}
}

/* Takes the regions of the range out of the tree, so that faults find nothing, and collects them in as->detached. */
static void range_detach(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *r;

	while ((r = region_next(&as->regions, start)) && r->start < end) {
		aspace_remove(as, r);
		r->next = as->detached;
		as->detached = r;
	}
}

/* Linux takes its mapping away; drops the lock meanwhile. */
static long unmap_in_linux(struct aspace *as, const struct region *r)
{
	long ret;

	as->taken_back++;
	spin_unlock(&as->lock);
	ret = FORWARD(AZ_CALL_LINUX_UNMAP, r->start, r->end - r->start);
	spin_lock(&as->lock);
	return ret < 0 ? ret : 0;
}

/*
 * Linux could not zap the mirror or give the range back to it: what it would find there is not what the LWK maps. So nothing may be mapped
 * there: the region comes back without rights. Another munmap tries again.
 */
static void region_block(struct aspace *as, struct region *r)
{
	r->prot = 0;
	r->flags &= ~LOCK_FLAGS;
	aspace_add(as, r);
}

/*
 * Gives up what is behind the regions in as->detached, which had entries if @touched, unless Linux had to zap its mirror and did not:
 * @zapped is that error, or 0.
 */
static long detached_free(struct aspace *as, bool touched, long zapped)
{
	long ret = zapped, err;
	struct region *r;

	while ((r = as->detached)) {
		as->detached = r->next;
		err = zapped;
		if (!zapped) {
			err = r->flags & REGION_LINUX ? unmap_in_linux(as, r) : 0;
			if (touched)
				range_free(as, r->start, r->end, r->flags & REGION_CHARGED);
			if (r->flags & REGION_CHARGED)
				aspace_uncharge(as, r->end - r->start);
		}
		if (err) {
			region_block(as, r);
			ret = err;
			continue;
		}
		if (r->file)
			file_put(as, r->file);
		kfree(r);
	}
	return ret;
}

static long unmap_any(struct aspace *as, uaddr_t start, uaddr_t end) REQUIRES(as->lock)
{
	long zapped, ret = aspace_split_ends(as, start, end);
	u64 seen;

	if (ret)
		return ret;
	range_detach(as, start, end);
	seen = range_hide(as, start, end);
	zapped = pte_mirrored(seen) ? range_zap(as, start, end) : 0;
	return detached_free(as, seen, zapped);
}

/* The upper or the lower part of @r goes. */
static long unmap_part(struct aspace *as, struct region *r, uaddr_t start, uaddr_t end) REQUIRES(as->lock)
{
	bool charged = r->flags & REGION_CHARGED, lower = r->start == start;
	long ret;
	u64 seen;

	if (range_split(as, lower ? end : start))
		return -ENOMEM;
	seen = range_hide(as, start, end);
	if (pte_mirrored(seen)) {	/* that may fail, and then what is left needs a region */
		ret = unmap_any(as, start, end);
		if (ret == -ENOMEM)
			range_allow(as, start, end, r->prot, false);
		return ret;
	}
	aspace_resize(as, r, lower ? end : r->start, lower ? r->end : start);
	if (seen)
		range_free(as, start, end, charged);
	if (charged)
		aspace_uncharge(as, end - start);
	return 0;
}

/* Most of what munmap is asked to remove is one end of a region: that becomes smaller. */
long range_unmap(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *r = region_find(&as->regions, start);

	if (r && end <= r->end && (r->start == start) != (r->end == end) && !(r->flags & REGION_LINUX))
		return unmap_part(as, r, start, end);
	return unmap_any(as, start, end);
}

long aspace_unmap(struct aspace *as, uaddr_t addr, u64 len)
{
	uaddr_t start, end;
	long ret;

	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len || (addr & (PAGE_SIZE - 1)) || addr > LINUX_USER_END || len > LINUX_USER_END - addr)
		return -EINVAL;
	start = max(addr, AZ_USER_START);
	end = min(addr + len, AZ_USER_END);
	if (start >= end)
		return 0;
	aspace_begin(as);
	ret = range_unmap(as, start, end);
	aspace_end(as);
	return ret;
}

/* Forgets the contents of a range in one region, which stays. */
static long range_drop(struct aspace *as, struct region *r, uaddr_t start, uaddr_t end)
{
	long ret = 0;
	u64 seen;

	if (range_split(as, start) || range_split(as, end))
		return -ENOMEM;
	seen = range_hide(as, start, end);
	if (pte_mirrored(seen))
		ret = range_zap(as, start, end);
	if (seen && !ret)
		range_free(as, start, end, r->flags & REGION_CHARGED);
	return ret;
}

static bool may_drop(const struct region *r, u32 advice)
{
	if (r->flags & REGION_KERNEL)
		return false;
	if ((r->flags & REGION_LOCKED) && advice != MADV_DONTNEED_LOCKED)
		return false;
	return advice != MADV_FREE || !(r->file || (r->flags & REGION_SHARED));
}

/* As Linux: holes are passed over, and reported at the end. Linux-backed regions have nothing that the LWK could free. */
static long drop_all(struct aspace *as, uaddr_t start, uaddr_t end, u32 advice)
{
	struct region *r;
	long ret = 0, err = 0;

	while (start < end && !err) {
		r = region_next(&as->regions, start);
		if (!r || r->start > start)
			ret = -ENOMEM;
		if (!r || r->start >= end)
			break;
		start = max(start, r->start);
		if (!may_drop(r, advice))
			err = -EINVAL;
		else if (!(r->flags & REGION_LINUX))
			err = range_drop(as, r, start, min(end, r->end));
		start = r->end;
	}
	return err ? err : ret;
}

long range_whole(struct aspace *as, uaddr_t start, uaddr_t end)
{
	while (start < end) {
		struct region *r = region_find(&as->regions, start);

		if (!r)
			return -ENOMEM;
		start = r->end;
	}
	return 0;
}

/* Advice that regions remember */
struct mark {
	u32 advice;
	u32 flags, set;		/* what it is about, and which of these it leaves set */
};

static const struct mark *mark_of(u32 advice)
{
	static const struct mark marks[] = {
		{ MADV_NORMAL, REGION_RANDOM | REGION_SEQUENTIAL, 0 },
		{ MADV_RANDOM, REGION_RANDOM | REGION_SEQUENTIAL, REGION_RANDOM },
		{ MADV_SEQUENTIAL, REGION_RANDOM | REGION_SEQUENTIAL, REGION_SEQUENTIAL },
		{ MADV_HUGEPAGE, REGION_HUGE | REGION_NOHUGE, REGION_HUGE },
		{ MADV_NOHUGEPAGE, REGION_HUGE | REGION_NOHUGE, REGION_NOHUGE },
		{ MADV_DONTDUMP, REGION_NODUMP, REGION_NODUMP },
		{ MADV_DODUMP, REGION_NODUMP, 0 },
		{ MADV_DONTFORK, REGION_DONTFORK, REGION_DONTFORK },
		{ MADV_DOFORK, REGION_DONTFORK, 0 },
		{ MADV_WIPEONFORK, REGION_WIPEONFORK, REGION_WIPEONFORK },
		{ MADV_KEEPONFORK, REGION_WIPEONFORK, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(marks); i++)
		if (marks[i].advice == advice)
			return &marks[i];
	return NULL;
}

static bool may_mark(const struct region *r, u32 advice)
{
	if (advice == MADV_DODUMP)		/* Linux never dumps the kernel's own pages */
		return !(r->flags & REGION_KERNEL);
	return advice != MADV_WIPEONFORK || !(r->file || (r->flags & (REGION_SHARED | REGION_KERNEL)));
}

/* Regions that are as advised stay whole. Of what Linux has mapped it dumps, and copies in the proxy's fork, what the LWK would. */
static long range_mark(struct aspace *as, uaddr_t start, uaddr_t end, const struct mark *m)
{
	long hole = range_whole(as, start, end), ret = 0;
	uaddr_t at, to;

	for (at = start; at < end && !ret; at = to) {
		struct region *r = region_next(&as->regions, at);

		if (!r || r->start >= end)
			break;
		at = max(at, r->start);
		to = min(end, r->end);
		if (!may_mark(r, m->advice))
			ret = -EINVAL;
		if (!ret && (r->flags & REGION_LINUX) && m->flags & (REGION_NODUMP | REGION_DONTFORK))
			ret = backed_advise(as, at, to, m->advice);
		if (ret || (r->flags & m->flags) == m->set)
			continue;
		ret = aspace_split_ends(as, at, to);
		if (!ret)
			aspace_set_flags(as, region_find(&as->regions, at), m->flags, m->set);
	}
	range_merge(as, start, end);
	return ret ? ret : hole;
}

/* Advice that has no effect here; Linux refuses to push out what is locked. */
static long range_hint(struct aspace *as, uaddr_t start, uaddr_t end, u32 advice)
{
	struct region *r;

	for_each_region(as, r, start, end) {
		if ((advice == MADV_COLD || advice == MADV_PAGEOUT) && (r->flags & (REGION_LOCKED | REGION_KERNEL)))
			return -EINVAL;
	}
	return range_whole(as, start, end);
}

static long advise_range(struct aspace *as, uaddr_t start, uaddr_t end, u32 advice)
{
	const struct mark *m = mark_of(advice);

	if (m)
		return range_mark(as, start, end, m);
	switch (advice) {
	case MADV_DONTNEED: case MADV_DONTNEED_LOCKED: case MADV_FREE:
		return drop_all(as, start, end, advice);
	case MADV_REMOVE:
		return range_punch(as, start, end);
	default:
		return range_hint(as, start, end, advice);
	}
}

long aspace_advise(struct aspace *as, uaddr_t addr, u64 len, u32 advice)
{
	long ret;

	switch (advice) {
	case MADV_NORMAL: case MADV_RANDOM: case MADV_SEQUENTIAL: case MADV_WILLNEED: case MADV_DONTNEED: case MADV_FREE:
	case MADV_HUGEPAGE: case MADV_NOHUGEPAGE: case MADV_COLD: case MADV_PAGEOUT: case MADV_DONTFORK: case MADV_DOFORK:
	case MADV_WIPEONFORK: case MADV_KEEPONFORK: case MADV_DONTDUMP: case MADV_DODUMP: case MADV_REMOVE:
	case MADV_POPULATE_READ: case MADV_POPULATE_WRITE: case MADV_DONTNEED_LOCKED:
		break;
	default:
		return -EINVAL;
	}
	if ((addr & (PAGE_SIZE - 1)) || (len && !ALIGN_UP(len, PAGE_SIZE)) || addr + ALIGN_UP(len, PAGE_SIZE) < addr)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len)
		return 0;
	if (!range_valid(addr, len))
		return -ENOMEM;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return aspace_populate_all(as, addr, len, advice == MADV_POPULATE_WRITE);
	aspace_begin(as);
	ret = advise_range(as, addr, addr + len, advice);
	aspace_end(as);
	return ret;
}
