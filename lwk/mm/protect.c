/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mprotect. Taking rights away is a change of entries and a flush. Only where Linux has mirrored one, it follows the order of unmap.c (hide,
 * flush, zap), and then the entries come back.
 * PROT_NONE hides entries and keeps their frames. A private region that becomes writable is committed as a whole. A protection key (keys.c)
 * changes along with the rights.
 */
#include "aspace.h"
#include "offload.h"

#define LINUX_MPROTECT	10
#define PROT_SEM	8u
#define PROT_GROWSDOWN	0x01000000u
#define PROT_GROWSUP	0x02000000u

static bool must_charge(const struct region *r, u32 prot)
{
	return (prot & PROT_WRITE) && !(r->flags & (REGION_CHARGED | REGION_LAZY | REGION_LINUX));
}

/* The regions from @first on that begin before @end: the range has been cut at its ends. */
#define for_each_from(r, first, end)	for (r = first; r && r->start < (end); r = r->next)

/* What is to be committed so that everything in the range is: what was touched there is already. */
static u64 missing_charge(struct aspace *as, struct region *first, uaddr_t end, u32 prot) REQUIRES(as->lock)
{
	struct region *r;
	u64 charge = 0;

	for_each_from(r, first, end)
		if (must_charge(r, prot))
			charge += r->end - r->start - range_touched(as, r->start, r->end);
	return charge;
}

static long protect_room(struct aspace *as, struct region *first, uaddr_t end, u32 prot) REQUIRES(as->lock)
{
	struct region *r;
	u64 data = 0;

	if (!(prot & PROT_WRITE))
		return 0;
	for_each_from(r, first, end) {
		if (!region_is_data(r) && !(r->flags & (REGION_SHARED | REGION_SMALL)))
			data += r->end - r->start;
	}
	if (data && as->data + data > as->limit_data)
		return -ENOMEM;
	return 0;
}

/* What forbids the rights to all of [start, *end), which begins and ends where regions do; what comes before that may have them. */
static long protect_obstacle(struct region *first, uaddr_t start, uaddr_t *end, u32 prot)
{
	struct region *r = first;
	long err = 0;

	while (start < *end && !err) {
		if (!r || r->start != start)
			err = -ENOMEM;
		else if ((r->flags & REGION_KERNEL) && (prot & PROT_WRITE))
			err = -EACCES;
		if (err) {
			*end = start;
		} else {
			start = r->end;
			r = r->next;
		}
	}
	return err;
}

/*
 * Linux's own mappings keep in step, up to where Linux refuses: EACCES for a file that is open for reading only. Drops the lock
 * meanwhile.
 */
static long protect_linux(struct aspace *as, struct region *first, uaddr_t *end, u32 prot) REQUIRES(as->lock)
{
	struct region *r;
	long ret;

	for_each_from(r, first, *end) {
		uaddr_t from = r->start;

		if (!(r->flags & REGION_LINUX))
			continue;
		spin_unlock(&as->lock);
		ret = FORWARD(LINUX_MPROTECT, from, r->end - from, prot & PROT_ALL);
		spin_lock(&as->lock);
		if (ret < 0) {
			*end = from;
			return ret;
		}
	}
	return 0;
}

/* Returns true if a region had a right that it loses now, or may lose with another key. */
static bool protect_regions(struct aspace *as, struct region *first, uaddr_t end, u32 prot) REQUIRES(as->lock)
{
	bool reduced = false;
	struct region *r;

	for_each_from(r, first, end) {
		bool was_data = region_is_data(r);
		u32 now;

		if (must_charge(r, prot))
			r->flags |= REGION_CHARGED;
		if ((prot & PROT_WRITE) && r->file && !(r->flags & REGION_LINUX))
			r->flags |= REGION_WRITTEN;
		now = key_for(as, r, prot);
		reduced |= r->prot & PROT_ALL & ~now || (r->prot ^ now) & PROT_KEY;
		if (now & PROT_KEY)
			__atomic_store_n(&as->keyed, true, __ATOMIC_RELAXED);
		r->prot = now;
		if (region_is_data(r) && !was_data)
			as->data += r->end - r->start;
		else if (was_data && !region_is_data(r))
			as->data -= r->end - r->start;
	}
	return reduced;
}

u64 range_allow(struct aspace *as, uaddr_t start, uaddr_t end, u32 prot, bool zapped)
{
	u64 span, *entry, seen = 0;

	for_each_entry(as->pgd, entry, start, end, span) {
		u64 e = pte_load(entry);

		if (zapped)
			entry_settle(entry, span);
		/* a write fault will ask Linux, or give the page a frame of its own */
		if ((e & AZ_PTE_COW) || ((e & AZ_PTE_FOREIGN) && !pte_writable(e)))
			seen |= pte_protect(entry, prot_unwritable(prot));
		else
			seen |= pte_protect(entry, prot);
	}
	return seen;
}

static void merge_from(struct aspace *as, struct region *r, uaddr_t end) REQUIRES(as->lock)
{
	struct region *next;

	for (; r && r->start <= end; r = next) {
		next = r->next;
		aspace_join(as, r);
	}
}

void range_merge(struct aspace *as, uaddr_t start, uaddr_t end)
{
	merge_from(as, region_next(&as->regions, start), end);
}

static u64 allow_regions(struct aspace *as, struct region *first, uaddr_t end, bool zapped) REQUIRES(as->lock)
{
	struct region *r;
	u64 seen = 0;

	for_each_from(r, first, end)
		seen |= range_allow(as, r->start, r->end, r->prot, zapped);
	return seen;
}

/*
 * Entries get the rights of their regions. If some are taken away, that is all once the TLBs are flushed, unless Linux has a mirror: it may
 * be one with the old rights, so it is zapped, while the entries are hidden, so that Linux makes no new one meanwhile.
 */
static long protect_entries(struct aspace *as, struct region *first, uaddr_t end, bool reduced) REQUIRES(as->lock)
{
	uaddr_t start = first->start;
	u64 seen = allow_regions(as, first, end, false);
	long ret;

	if (reduced && pte_present(seen))
		arch_tlb_flush(as, start, end);
	if (!reduced || !pte_mirrored(seen))
		return 0;
	range_hide(as, start, end);
	ret = range_zap(as, start, end);
	if (!ret)
		allow_regions(as, first, end, true);
	return ret;
}

/* As Linux: an obstacle is told when all before it is done. */
static long protect_from(struct aspace *as, struct region *first, uaddr_t start, uaddr_t end, u32 prot) REQUIRES(as->lock)
{
	long ret, obstacle, refusal;
	u64 charge;

	obstacle = protect_obstacle(first, start, &end, prot);
	if (start == end)
		return obstacle;
	ret = protect_room(as, first, end, prot);
	if (ret)
		return ret;
	charge = missing_charge(as, first, end, prot);
	if (!aspace_promise(as, charge))
		return -ENOMEM;
	refusal = protect_linux(as, first, &end, prot);
	/* pages that were touched while Linux was asked have been charged by themselves */
	if (charge)
		aspace_uncharge(as, charge - missing_charge(as, first, end, prot));
	if (start < end) {
		bool reduced = protect_regions(as, first, end, prot);

		ret = protect_entries(as, first, end, reduced);
	}
	if (ret)
		return ret;
	return refusal ? refusal : obstacle;
}

static long range_protect(struct aspace *as, uaddr_t start, uaddr_t end, u32 prot) REQUIRES(as->lock)
{
	struct region *first;
	long ret = aspace_cut(as, start, end, &first);

	if (ret) {
		range_merge(as, start, end);
		return ret;
	}
	ret = protect_from(as, first, start, end, prot);
	merge_from(as, first, end);
	return ret;
}

/* PROT_GROWSDOWN: the range begins where the stack that it is in does. */
static long protect_stack(struct aspace *as, uaddr_t start, uaddr_t end, u32 prot) REQUIRES(as->lock)
{
	struct region *r = region_next(&as->regions, start);

	if (!r || r->start >= end)
		return -ENOMEM;
	if (!(r->flags & REGION_GROWSDOWN))
		return -EINVAL;
	return range_protect(as, r->start, end, prot);
}

long aspace_protect_key(struct aspace *as, uaddr_t addr, u64 len, u32 prot, int key)
{
	u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	long ret;

	prot &= ~grows;
	if ((addr & (PAGE_SIZE - 1)) || (grows & PROT_GROWSUP))		/* nothing grows up here */
		return -EINVAL;
	if (!len)
		return 0;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len || addr + len <= addr)
		return -ENOMEM;
	if (prot & ~(PROT_ALL | PROT_SEM))
		return -EINVAL;
	if (!range_valid(addr, len))
		return -ENOMEM;
	prot &= PROT_ALL;
	if (key != KEY_KEEP)
		prot |= PROT_KEYED | (key << PROT_KEY_SHIFT & PROT_KEY);
	aspace_begin(as);
	if (key != KEY_KEEP && !key_is_allocated(as, key))
		ret = -EINVAL;
	else if (grows)
		ret = protect_stack(as, addr, addr + len, prot);
	else
		ret = range_protect(as, addr, addr + len, prot);
	aspace_end(as);
	return ret;
}

long aspace_protect(struct aspace *as, uaddr_t addr, u64 len, u32 prot)
{
	return aspace_protect_key(as, addr, len, prot, KEY_KEEP);
}
