/* SPDX-License-Identifier: GPL-2.0 */
/* A program's page tables; see pagetable.h for the rules. Accessed and dirty bits are preset, so the CPU never writes here. */
#include "log.h"
#include "mm.h"
#include "pagetable.h"
#include "../../mm/region.h"

#define LEVELS		4
#define ENTRIES		512
#define LINE_ENTRIES	8
#define USER_ENTRIES	(ENTRIES / 2)	/* of the top level */
#define PROT_WRITE	2
#define PROT_EXEC	4
#define PROT_ALL	7

#define PTE_TABLE	(PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define PTE_PROTECTION	(PTE_PRESENT | PTE_WRITE | PTE_KEY | PTE_NX)

/* Bytes that one entry of @level stands for; level 0 has the 4 KB pages. */
static u64 level_span(u32 level)
{
	return PAGE_SIZE << (9 * level);
}

static u32 level_index(uaddr_t addr, u32 level)
{
	return (addr >> (PAGE_SHIFT + 9 * level)) % ENTRIES;
}

static bool is_table(u64 e)
{
	return pte_present(e) && !(e & PTE_LARGE);
}

static u64 *table_of(u64 e)
{
	return phys_to_virt(pte_frame(e));
}

u64 *pt_find(u64 *pgd, uaddr_t addr, u64 *span)
{
	u64 *table = pgd;

	for (u32 level = LEVELS - 1;; level--) {
		u64 *entry = &table[level_index(addr, level)];
		u64 e = pte_load(entry);

		*span = level_span(level);
		if (level == 0 || (e && !is_table(e)))
			return entry;
		if (!e)
			return NULL;
		table = table_of(e);
	}
}

static u64 *table_create(void)
{
	paddr_t p = frame_alloc(0, arch_node());

	if (!p)
		return NULL;
	arch_zero(phys_to_virt(p), PAGE_SIZE);
	return phys_to_virt(p);
}

u64 *pt_make(u64 *pgd, uaddr_t addr, u64 span)
{
	u64 *table = pgd;

	for (u32 level = LEVELS - 1;; level--) {
		u64 *entry = &table[level_index(addr, level)];
		u64 e = pte_load(entry);

		if (level_span(level) == span)
			return level > 0 && is_table(e) ? NULL : entry;
		if (!e) {
			u64 *lower = table_create();

			if (!lower)
				return NULL;
			e = virt_to_phys(lower) | PTE_TABLE;
			pte_set(entry, e);
		} else if (!is_table(e)) {
			return NULL;
		} else if (e & AZ_PTE_EMPTY) {
			pte_set(entry, e & ~AZ_PTE_EMPTY);
		}
		table = table_of(e);
	}
}

/* Is nothing in the line of the cache that begins at @entry? Tables are often nearly empty: whoever looks for entries passes eight at once. */
static bool line_is_empty(const u64 *entry)
{
	u64 any = 0;

#pragma GCC unroll 8
	for (u32 i = 0; i < LINE_ENTRIES; i++)
		any |= __atomic_load_n(&entry[i], __ATOMIC_RELAXED);
	return !any;
}

static u64 *next_in(u64 *table, u32 level, uaddr_t *addr, uaddr_t end);

/* The same in the table below @entry, of @level. If that is a table of pages without any, nobody looks there again before one is made. */
static u64 *next_below(u64 *entry, u32 level, uaddr_t *addr, uaddr_t end)
{
	bool all = level == 1 && !(*addr & (LARGE_SIZE - 1)) && end - *addr >= LARGE_SIZE;
	u64 e = pte_load(entry), *found;

	if (e & AZ_PTE_EMPTY)
		return NULL;
	found = next_in(table_of(e), level - 1, addr, end);
	if (!found && all)
		pte_set(entry, e | AZ_PTE_EMPTY);
	return found;
}

/* The first entry that is not empty in the part of @table from *@addr to @end; moves *@addr there. */
static u64 *next_in(u64 *table, u32 level, uaddr_t *addr, uaddr_t end)
{
	u32 shift = PAGE_SHIFT + 9 * level;
	u64 first = *addr >> shift, last = min((end - 1) >> shift, first | (ENTRIES - 1));

	for (u64 n = first; n <= last; n++) {
		u64 *entry = &table[n % ENTRIES];
		u64 e;

		while (n % LINE_ENTRIES == 0 && n <= last && line_is_empty(entry)) {
			n += LINE_ENTRIES;
			entry = &table[n % ENTRIES];
		}
		if (n > last)
			break;
		e = pte_load(entry);
		if (!e)
			continue;
		if (n != first)
			*addr = n << shift;
		if (level && is_table(e))
			entry = next_below(entry, level, addr, end);
		if (entry)
			return entry;
	}
	return NULL;
}

u64 *pt_first(u64 *pgd, uaddr_t *addr, uaddr_t end, u64 *span)
{
	u64 *entry;

	if (*addr >= end)
		return NULL;
	entry = pt_find(pgd, *addr, span);
	if (!entry || !pte_load(entry)) {
		uaddr_t next = ALIGN_DOWN(*addr, *span) + *span;

		if (next >= end)
			return NULL;
		if (!entry)
			*addr = next;	/* otherwise the table is looked through from where we are, perhaps as a whole */
		entry = next_in(pgd, LEVELS - 1, addr, end);
		if (!entry)
			return NULL;
		*span = pte_span(pte_load(entry));
	}
	*addr = ALIGN_DOWN(*addr, *span);
	return entry;
}

bool pt_split(u64 *entry)
{
	u64 *table = table_create();
	u64 e = pte_load(entry);

	if (!table)
		return false;
	/* pt_split:A, pairs with the driver's cmpxchg: a bit it sets meanwhile must be in the copies */
	do {
		u64 small = e & ~PTE_LARGE;

		for (u32 i = 0; i < ENTRIES; i++)
			table[i] = small + i * PAGE_SIZE;
	} while (!__atomic_compare_exchange_n(entry, &e, virt_to_phys(table) | PTE_TABLE, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return true;
}

static void table_destroy(u64 *table, u32 level, u32 entries)
{
	for (u32 i = 0; i < entries && level > 0; i++) {
		if (is_table(table[i]))
			table_destroy(table_of(table[i]), level - 1, ENTRIES);
	}
	frame_free(virt_to_phys(table), 0);
}

void pt_destroy(u64 *pgd)
{
	table_destroy(pgd, LEVELS - 1, USER_ENTRIES);
}

static u64 protection(u32 prot)
{
	u64 e = prot & PROT_ALL ? PTE_PRESENT : 0;

	if (prot & PROT_WRITE)
		e |= PTE_WRITE;
	if (!(prot & PROT_EXEC))
		e |= PTE_NX;
	return e | (u64)(prot & PROT_KEY) >> PROT_KEY_SHIFT << PTE_KEY_SHIFT;
}

u64 pte_make(paddr_t frame, u32 prot, u64 span)
{
	u64 e = frame | PTE_USER | PTE_ACCESSED | PTE_DIRTY | protection(prot);

	return span == LARGE_SIZE ? e | PTE_LARGE : e;
}

u64 pte_protect(u64 *entry, u32 prot)
{
	u64 e = pte_load(entry), rights = protection(prot);

	while (!__atomic_compare_exchange_n(entry, &e, (e & ~PTE_PROTECTION) | rights, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	return e;
}
