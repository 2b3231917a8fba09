/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel stacks, each 16 KB with 16 KB of nothing below it, so that an overflow becomes a double fault with a report instead of
 * damage. They live in one top-level entry of the kernel page tables, which all address spaces share; a stack once made is never
 * unmapped, so no TLB ever holds an old entry of it.
 */
#include "arch/x86/x86.h"
#include "arch/x86/pagetable.h"
#include "cpu.h"
#include "log.h"
#include "mm.h"

#define KSTACK_BASE	0xffffc00000000000ULL
#define KSTACK_STRIDE	(2 * KSTACK_SIZE)
#define KERNEL_RW	(1ULL << 63 | 0x103)	/* NX, global, writable, present */

static struct spinlock kstack_lock;		/* rank: object */
static u64 *free_stacks;			/* linked through the last word of each free stack */
static u64 kstack_count;			/* stacks ever made */

u64 *arch_kernel_pgd(void)
{
	return phys_to_virt(handover->pgd);
}

/* The entry of @table that covers @va at @shift, with a table below it made if there is none; NULL if memory is short. */
static u64 *descend(u64 *table, u64 va, u32 shift)
{
	u64 *entry = &table[va >> shift & 511];
	paddr_t p;

	if (!*entry) {
		p = frame_alloc(0, 0);
		if (!p)
			return NULL;
		arch_zero(phys_to_virt(p), PAGE_SIZE);
		*entry = p | 3;
	}
	return phys_to_virt(*entry & 0x000ffffffffff000ULL);
}

static bool map_page(u64 va)
{
	u64 *table = arch_kernel_pgd();
	paddr_t p;

	for (u32 shift = 39; shift > 12; shift -= 9) {
		table = descend(table, va, shift);
		if (!table)
			return false;
	}
	if (table[va >> 12 & 511])	/* left by an attempt that ran out of memory */
		return true;
	p = frame_alloc(0, arch_node());
	if (!p)
		return false;
	table[va >> 12 & 511] = p | KERNEL_RW;
	return true;
}

/* Makes the shared top-level entry, before the first address space copies the kernel's half. */
void x86_kstack_setup(void)
{
	check(descend(arch_kernel_pgd(), KSTACK_BASE, 39));
}

void *x86_kstack_alloc(void)
{
	u64 *top = NULL;
	u64 base;

	spin_lock(&kstack_lock);
	if (free_stacks) {
		top = free_stacks;
		free_stacks = (u64 *)top[-1];
	} else {
		base = KSTACK_BASE + kstack_count * KSTACK_STRIDE + KSTACK_SIZE;
		for (u64 va = base; va < base + KSTACK_SIZE; va += PAGE_SIZE)
			if (!map_page(va))
				goto out;
		kstack_count++;
		top = (u64 *)(base + KSTACK_SIZE);
	}
out:
	spin_unlock(&kstack_lock);
	return top;
}

void x86_kstack_free(void *top)
{
	spin_lock(&kstack_lock);
	((u64 *)top)[-1] = (u64)free_stacks;
	free_stacks = top;
	spin_unlock(&kstack_lock);
}
