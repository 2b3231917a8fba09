// SPDX-License-Identifier: GPL-2.0
/*
 * The LWK kernel's page tables, made before its first instruction: its memory at AZ_DIRECT_BASE, its image at AZ_IMAGE_BASE,
 * the local APIC. Nothing of Linux is in them, and nothing is both writable and executable: the image's text and constants are
 * read only in the direct map, too.
 *
 * Pages for tables come from LWK memory, one after the other. The largest page that fits is used, so the number of tables depends
 * on the number of ranges and not on their size (where the CPU has 1 GB pages).
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/pgtable_types.h>

#include "internal.h"

#define TABLE	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)

#define LEAF	(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL)
#define CODE	LEAF
#define CONST	(LEAF | _PAGE_NX)
#define DATA	(LEAF | _PAGE_NX | _PAGE_RW)

static int table_init(struct az_pagetable *table)
{
	if (table->next + PAGE_SIZE > table->end)
		return -ENOMEM;
	table->root = table->next;
	table->next += PAGE_SIZE;
	clear_page(phys_to_virt(table->root));
	return 0;
}

/* The entry for @virt in the table whose entries map 1 << @shift bytes; NULL if memory is used up. */
static u64 *entry_find(struct az_pagetable *table, u64 virt, unsigned int shift)
{
	u64 *entry = phys_to_virt(table->root);
	unsigned int level;

	entry += virt >> 39 & 511;
	for (level = 39; level > shift; level -= 9) {
		if (!(*entry & _PAGE_PRESENT)) {
			if (table->next + PAGE_SIZE > table->end)
				return NULL;
			clear_page(phys_to_virt(table->next));
			*entry = table->next | TABLE;
			table->next += PAGE_SIZE;
		}
		entry = phys_to_virt(*entry & PTE_PFN_MASK);
		entry += virt >> (level - 9) & 511;
	}
	return entry;
}

static unsigned int largest_shift(u64 address_bits, u64 size)
{
	if (boot_cpu_has(X86_FEATURE_GBPAGES) && !(address_bits & (PUD_SIZE - 1)) && size >= PUD_SIZE)
		return PUD_SHIFT;
	if (!(address_bits & (PMD_SIZE - 1)) && size >= PMD_SIZE)
		return PMD_SHIFT;
	return PAGE_SHIFT;
}

static int map(struct az_pagetable *table, u64 virt, u64 phys, u64 size, u64 flags)
{
	while (size) {
		unsigned int shift = largest_shift(virt | phys, size);
		u64 *entry = entry_find(table, virt, shift);

		if (!entry)
			return -ENOMEM;
		*entry = phys | flags | (shift > PAGE_SHIFT ? _PAGE_PSE : 0);
		virt += 1ULL << shift;
		phys += 1ULL << shift;
		size -= 1ULL << shift;
	}
	return 0;
}

static int map_image(struct az_pagetable *table, const struct az_image *image)
{
	u64 base = az.range[0].start;
	int ret;

	ret = map(table, AZ_IMAGE_BASE, base, image->text_end, CODE);
	ret = ret ?: map(table, AZ_IMAGE_BASE + image->text_end, base + image->text_end,
				      image->rodata_end - image->text_end, CONST);
	return ret ?: map(table, AZ_IMAGE_BASE + image->rodata_end, base + image->rodata_end,
				       PAGE_ALIGN(image->mem_size) - image->rodata_end, DATA);
}

static int map_direct(struct az_pagetable *table, const struct az_range *range, u64 constant)
{
	u64 virt = AZ_DIRECT_BASE + range->start;
	int ret = map(table, virt, range->start, constant, CONST);

	return ret ?: map(table, virt + constant, range->start + constant, range->size - constant, DATA);
}

int az_pagetable_build(struct az_pagetable *table, const struct az_image *image)
{
	int ret = table_init(table);
	u32 i;

	ret = ret ?: map_image(table, image);
	for (i = 0; !ret && i < az.range_count; i++)
		ret = map_direct(table, &az.range[i], i ? 0 : image->rodata_end);
	if (!ret && !x2apic_mode)
		ret = map(table, AZ_APIC_VA, mp_lapic_addr, PAGE_SIZE, DATA | _PAGE_PCD | _PAGE_PWT);
	return ret;
}

/*
 * A CPU arrives without paging at @start_up, a page below 1 MB. The page after it becomes a copy of the top-level table that also
 * maps both pages one to one.
 */
int az_pagetable_start_up(struct az_pagetable *table, u64 start_up)
{
	struct az_pagetable copy = *table;
	int ret;

	copy.root = start_up + PAGE_SIZE;
	copy_page(phys_to_virt(copy.root), phys_to_virt(table->root));
	ret = map(&copy, start_up, start_up, 2 * PAGE_SIZE, (CODE | _PAGE_RW) & ~_PAGE_GLOBAL);
	table->next = copy.next;
	return ret;
}
