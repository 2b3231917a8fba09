/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fork: a second address space with the same contents. Private memory is not copied but shared (cow.c): both lose the right to
 * write, so everything the parent has is hidden and flushed once, and zapped if Linux mirrors a part of it. A frame that Linux goes
 * on using for I/O cannot be shared: the result of a read must arrive in the parent. The child gets a copy of it at once.
 *
 * The child is charged as if it had copied everything, so that a write never finds that memory was promised twice. It inherits no locks.
 * Nobody else knows it yet, so its own lock is not taken.
 */
#include "aspace.h"
#include "string.h"

/* The child's hold on the file behind a region. */
static struct file_ref *file_copy(struct file_ref *f)
{
	if (!f->copy) {
		f->copy = kmalloc(sizeof(*f));
		if (!f->copy)
			return NULL;
		f->copy->handle = f->handle;
		f->copy->shift = f->shift;
	}
	f->copy->refs++;
	return f->copy;
}

static bool region_copy(struct aspace *child, const struct region *r)
{
	struct region *copy = kmalloc(sizeof(*copy));

	if (!copy)
		return false;
	*copy = *r;
	copy->flags &= ~LOCK_FLAGS;
	if (r->file) {
		copy->file = file_copy(r->file);
		if (!copy->file) {
			kfree(copy);
			return false;
		}
	}
	aspace_add(child, copy);
	return true;
}

/* What the child is charged for a region. */
static u64 region_charge(struct aspace *parent, const struct region *r) REQUIRES(parent->lock)
{
	if (r->flags & REGION_CHARGED)
		return r->end - r->start;
	return r->flags & REGION_WIPEONFORK ? 0 : range_touched(parent, r->start, r->end);
}

static long copy_regions(struct aspace *parent, struct aspace *child) REQUIRES(parent->lock)
{
	bool whole = true;
	struct region *r;
	u64 charge = 0;

	for_each_region(parent, r, 0, AZ_USER_END) {
		if (r->flags & REGION_DONTFORK)
			continue;
		whole = whole && region_copy(child, r);
		charge += region_charge(parent, r);
	}
	for_each_region(parent, r, 0, AZ_USER_END) {
		if (r->file)
			r->file->copy = NULL;
	}
	return whole && aspace_promise(child, charge) ? 0 : -ENOMEM;
}

static void put_entry(struct aspace *child, u64 *to, u64 e)
{
	pte_set(to, e);
	if (!(e & AZ_PTE_FOREIGN))
		child->used->resident += pte_span(e);
}

/* A copy of the contents now; where a large page is not to be had, in small ones. */
static long copy_contents(struct aspace *child, const struct region *r, uaddr_t addr, paddr_t from, u64 span)
{
	u64 *to = pt_make(child->pgd, addr, span);
	paddr_t copy = to ? frame_alloc(span_order(span), arch_node()) : 0;
	long ret = 0;

	if (copy) {
		memcpy(phys_to_virt(copy), phys_to_virt(from), span);
		put_entry(child, to, pte_make(copy, r->prot, span));
		return 0;
	}
	if (!to || span == PAGE_SIZE)
		return -ENOMEM;
	for (u64 at = 0; at < span && !ret; at += PAGE_SIZE)
		ret = copy_contents(child, r, addr + at, from + at, PAGE_SIZE);
	return ret;
}

/* @entry of the parent is hidden, @to the child's for the same address. */
static long copy_entry(struct aspace *child, const struct region *r, uaddr_t addr, u64 *entry, u64 *to)
{
	u64 e, span = pte_span(pte_load(entry));

	entry_settle(entry, span);
	e = pte_load(entry);
	if (e & AZ_PTE_FOREIGN) {
		put_entry(child, to, pte_make(pte_frame(e), r->prot, span) | AZ_PTE_FOREIGN);
	} else if (frame_share(pte_frame(e), span_order(span))) {
		pte_set(entry, e | AZ_PTE_COW);
		put_entry(child, to, pte_make(pte_frame(e), prot_unwritable(r->prot), span) | AZ_PTE_COW);
	} else {
		return copy_contents(child, r, addr, pte_frame(e), span);
	}
	return 0;
}

static long copy_entries(struct aspace *parent, struct aspace *child, const struct region *r) REQUIRES(parent->lock)
{
	uaddr_t addr = r->start, next = 0;
	u64 span, *entry, *to = NULL;
	long ret = 0;

	for_each_entry(parent->pgd, entry, addr, r->end, span) {
		to = pt_make_after(child->pgd, addr == next ? to : NULL, addr, span);
		ret = to ? copy_entry(child, r, addr, entry, to) : -ENOMEM;
		if (ret)
			break;
		next = addr + span;
	}
	return ret;
}

static long copy_memory(struct aspace *parent, struct aspace *child) REQUIRES(parent->lock)
{
	struct region *r;
	u64 seen = 0;
	long ret = 0;

	for_each_region(parent, r, 0, AZ_USER_END)
		seen |= range_hide_later(parent, r->start, r->end);
	if (pte_present(seen))
		arch_tlb_flush(parent, AZ_USER_START, AZ_USER_END);
	/* no entry comes or goes while the lock is dropped: faults wait for the end of a zap */
	if (pte_mirrored(seen))
		ret = range_zap(parent, AZ_USER_START, AZ_USER_END);
	if (ret)
		return ret;
	for_each_region(parent, r, 0, AZ_USER_END) {
		if (!ret && !(r->flags & (REGION_DONTFORK | REGION_WIPEONFORK | REGION_LINUX)))
			ret = copy_entries(parent, child, r);
	}
	for_each_region(parent, r, 0, AZ_USER_END)
		range_allow(parent, r->start, r->end, r->prot, true);
	return ret;
}

long aspace_fork_begin(struct aspace *parent, struct aspace **child)
{
	struct aspace *as = aspace_create(parent->budget, parent->stack_size);
	long ret;

	if (!as)
		return -ENOMEM;
	aspace_begin(parent);
	as->mmap_top = parent->mmap_top;
	as->keys = parent->keys;
	as->exec_key = parent->exec_key;
	as->keyed = parent->keyed;
	as->brk_start = parent->brk_start;
	as->brk = parent->brk;
	as->limit_as = parent->limit_as;
	as->limit_data = parent->limit_data;
	as->limit_locked = parent->limit_locked;
	ret = copy_regions(parent, as);
	if (!ret)
		ret = copy_memory(parent, as);
	if (ret) {
		aspace_end(parent);
		aspace_put(as);
		return ret;
	}
	spin_unlock(&parent->lock);
	*child = as;
	return 0;
}

void aspace_fork_end(struct aspace *parent)
{
	spin_lock(&parent->lock);
	aspace_end(parent);
}
