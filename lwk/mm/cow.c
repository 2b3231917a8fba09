/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that address spaces share until one of them writes. An entry for such a frame carries AZ_PTE_COW: it is not writable,
 * whatever the region allows, and the driver does not mirror it. So nobody but the owners' CPUs, by reading, knows the frame
 * through it, and giving the page a frame of its own needs no zap.
 *
 * The bit says that there may be other owners. When they are gone the frame is simply kept. It is copied without the lock: a
 * share taken for that time keeps it from being freed, and from being found exclusive and written by the other owner.
 */
#include "aspace.h"
#include "string.h"

/* Makes the 2 MB entry at @addr 512 of 4 KB. */
static long cow_split(struct aspace *as, u64 *entry, uaddr_t addr) REQUIRES(as->lock)
{
	paddr_t frame = pte_frame(pte_load(entry));

	if (!pt_split(entry))
		return -ENOMEM;
	frame_split(frame, LARGE_ORDER);
	addr = ALIGN_DOWN(addr, LARGE_SIZE);
	arch_tlb_flush(as, addr, addr + LARGE_SIZE);
	return 0;
}

/* Replaces the shared frame, unless the world has changed. Whichever of the two the page does not have loses an owner. */
static void cow_install(struct aspace *as, uaddr_t addr, u64 e, paddr_t copy) REQUIRES(as->lock)
{
	struct region *r = region_find(&as->regions, addr);
	u64 span, *entry = pt_find(as->pgd, addr, &span);

	/* a range that is being zapped has hidden its entries */
	if (!r || !entry || pte_load(entry) != e) {
		frame_free(copy, span_order(pte_span(e)));
		return;
	}
	addr = ALIGN_DOWN(addr, span);
	pte_hide(entry);
	arch_tlb_flush(as, addr, addr + span);
	pte_set(entry, pte_make(copy, r->prot, span));
	frame_free(pte_frame(e), span_order(span));
}

long cow_break(struct aspace *as, uaddr_t addr, u64 *entry, bool small)
{
	u64 e = pte_load(entry), span = pte_span(e);
	struct placement from = policy_place(region_find(&as->regions, addr), addr, span);
	u32 order = span_order(span);
	paddr_t copy;
	bool held;

	if (!frame_is_shared(pte_frame(e), order)) {
		pte_set(entry, pte_make(pte_frame(e), region_find(&as->regions, addr)->prot, span));
		return 0;
	}
	copy = small && order ? 0 : policy_alloc(&from, order);
	if (!copy)
		return order ? cow_split(as, entry, addr) : -ENOMEM;
	held = frame_share(pte_frame(e), order);
	check(held);		/* what is not mirrored is not pinned */
	spin_unlock(&as->lock);
	memcpy(phys_to_virt(copy), phys_to_virt(pte_frame(e)), span);
	spin_lock(&as->lock);
	cow_install(as, addr, e, copy);
	frame_free(pte_frame(e), order);
	return 0;
}
