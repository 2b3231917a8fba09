/* SPDX-License-Identifier: GPL-2.0 */
/* A program's accesses to an address space: the entry decides, a fault helps, then the byte is read or written. */
#ifndef TOUCH_H
#define TOUCH_H

#include "unit.h"
#include "mm/aspace.h"

static inline u64 entry_at(struct aspace *as, uaddr_t addr)
{
	u64 span, *entry = pt_find(as->pgd, addr, &span);

	return entry ? pte_load(entry) : 0;
}

static inline paddr_t frame_at(struct aspace *as, uaddr_t addr)
{
	u64 e = entry_at(as, addr);

	assert_true(e);
	return pte_frame(e) + (addr & (pte_span(e) - 1) & ~(PAGE_SIZE - 1));
}

static inline long fault(struct aspace *as, uaddr_t addr, u32 access)
{
	int code;

	return aspace_fault(as, addr, access, &code);
}

/* What a CPU does: a fault if the entry does not allow the access, then the access. */
static inline void poke(struct aspace *as, uaddr_t addr, u8 value)
{
	while (!pte_present(entry_at(as, addr)) || !pte_writable(entry_at(as, addr)))
		assert_int_equal(fault(as, addr, FAULT_WRITE), 0);
	*((u8 *)phys_to_virt(frame_at(as, addr)) + addr % PAGE_SIZE) = value;
}

static inline u8 peek(struct aspace *as, uaddr_t addr)
{
	while (!pte_present(entry_at(as, addr)))
		assert_int_equal(fault(as, addr, 0), 0);
	return *((u8 *)phys_to_virt(frame_at(as, addr)) + addr % PAGE_SIZE);
}

#endif
