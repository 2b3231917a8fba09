/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program's page tables: four levels, leaves of 4 KB and 2 MB. "Entry" below always means a leaf entry.
 *
 * An entry is empty (0), present, or hidden: not present but still with frame, size and software bits. The driver walks these
 * tables from Linux without a lock and may set AZ_PTE_MIRRORED in a present entry at any moment. Therefore entries are changed
 * atomically, and table pages are freed only together with the address space. Writers hold the address space's lock.
 */
#ifndef X86_PAGETABLE_H
#define X86_PAGETABLE_H

#include "azalea.h"
#include "types.h"

#define PTE_PRESENT	(1ULL << 0)
#define PTE_WRITE	(1ULL << 1)
#define PTE_USER	(1ULL << 2)
#define PTE_ACCESSED	(1ULL << 5)
#define PTE_DIRTY	(1ULL << 6)
#define PTE_LARGE	(1ULL << 7)
#define PTE_KEY_SHIFT	59
#define PTE_KEY		(15ULL << PTE_KEY_SHIFT)
#define PTE_NX		(1ULL << 63)
#define PTE_FRAME	0x000ffffffffff000ULL

/* The entry for @addr, or NULL if no table goes down that far; *@span: bytes it stands for, or bytes without any entry. */
u64 *pt_find(u64 *pgd, uaddr_t addr, u64 *span);

/* What pt_find() would find behind @entry, if that is for @span bytes and the next one is sure to be in the same table; otherwise NULL. */
static inline u64 *pt_neighbour(u64 *entry, u64 span)
{
	return span == PAGE_SIZE && (u64)(entry + 1) % PAGE_SIZE ? entry + 1 : NULL;
}

/* The place for an entry of @span bytes, tables made as needed; NULL if memory is short or another span is in use there. */
u64 *pt_make(u64 *pgd, uaddr_t addr, u64 span);
/* The first entry that is not empty in [*@addr, @end); moves *@addr to what it stands for. NULL if there is none. */
u64 *pt_first(u64 *pgd, uaddr_t *addr, uaddr_t end, u64 *span);
/* Replaces a 2 MB entry by 512 of 4 KB with the same meaning. False if memory is short. */
bool pt_split(u64 *entry);
/* Frees all tables below 512 entries / 2 of @pgd, and @pgd; the entries' frames are the caller's business. */
void pt_destroy(u64 *pgd);

/* A present entry with a region's prot (hidden for PROT_NONE). */
u64 pte_make(paddr_t frame, u32 prot, u64 span);

static inline u64 pte_load(const u64 *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline bool pte_present(u64 e)
{
	return e & PTE_PRESENT;
}

static inline bool pte_mirrored(u64 e)
{
	return e & AZ_PTE_MIRRORED;
}

static inline bool pte_writable(u64 e)
{
	return e & PTE_WRITE;
}

/* Bytes that entry @e, not empty, stands for. */
static inline u64 pte_span(u64 e)
{
	return e & PTE_LARGE ? LARGE_SIZE : PAGE_SIZE;
}

static inline paddr_t pte_frame(u64 e)
{
	return e & PTE_FRAME;
}

/* pte_hide:A and pte_set:A order against the driver's cmpxchg that sets AZ_PTE_MIRRORED. Returns the entry as it was. */
static inline u64 pte_hide(u64 *entry)
{
	return __atomic_fetch_and(entry, ~PTE_PRESENT, __ATOMIC_ACQ_REL);
}

static inline void pte_set(u64 *entry, u64 e)
{
	__atomic_store_n(entry, e, __ATOMIC_RELEASE);
}

/* The entry after @entry, which stands for *@addr and *@span; otherwise as pt_first(). Quick if it is the next one of the same table. */
static inline u64 *pt_after(u64 *pgd, u64 *entry, uaddr_t *addr, uaddr_t end, u64 *span)
{
	*addr += *span;
	if (*span == PAGE_SIZE && (*addr & (LARGE_SIZE - 1)) && *addr < end && pte_load(entry + 1))
		return entry + 1;
	return pt_first(pgd, addr, end, span);
}

/* As pt_make(), when @before is what was made for the address before, or NULL. Quick if it is in the same table. */
static inline u64 *pt_make_after(u64 *pgd, u64 *before, uaddr_t addr, u64 span)
{
	if (before && span == PAGE_SIZE && (addr & (LARGE_SIZE - 1)))
		return before + 1;
	return pt_make(pgd, addr, span);
}

/* Visits all entries from @addr to @end; @addr and @span say what @entry stands for. The body may empty or change it, not split it. */
#define for_each_entry(pgd, entry, addr, end, span)				\
	for ((entry) = pt_first(pgd, &(addr), end, &(span)); (entry);		\
	     (entry) = pt_after(pgd, entry, &(addr), end, &(span)))

/* Changes what is allowed; frame and software bits stay, whatever the driver does meanwhile. Returns the entry as it was. */
u64 pte_protect(u64 *entry, u32 prot);

#endif
