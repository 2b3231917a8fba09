// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel is entered where its system call entry or one of its interrupt stubs begins. No other way leads there, so to execute the
 * first instruction of one is to enter, once; nothing is inferred from what came before. Hence the count is exact.
 *
 * A CPU sends an interrupt to others, or to itself, by storing to the low half of the command register of its APIC. Device registers are
 * written by plain stores of 32 bits, so only those of the kernels are watched, and only at the register's offset in a page. Counted are
 * commands, not receivers: one command can reach many CPUs. x2APIC has no such page; QEMU 7.2 does not emulate it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "entries.h"
#include "insn.h"

#define PAGE_MASK	0xfffu
#define APIC_ICR	0xfee00300u	/* low half; a store to it sends */

/* Kinds of entries, by the word for them in the file. An interrupt from another CPU counts as an interrupt, too. */
static const struct kind {
	const char *name;
	enum counter counters[2];	/* USER: no second one */
} kinds[] = {
	{ "syscall", { SYSCALLS } },
	{ "exception", { EXCEPTIONS } },
	{ "interrupt", { INTERRUPTS } },
	{ "ipi", { INTERRUPTS, IPIS_RECEIVED } },
};

static struct entry {
	uint64_t vaddr;
	const struct kind *kind;
} *entries;				/* in the order of addresses */
static size_t entry_count;

static int entry_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct entry *)a)->vaddr, y = ((const struct entry *)b)->vaddr;

	return x < y ? -1 : x > y;
}

static const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static bool entry_add(uint64_t vaddr, const struct kind *kind)
{
	struct entry *more = realloc(entries, (entry_count + 1) * sizeof(*entries));

	if (!more)
		return false;
	entries = more;
	entries[entry_count++] = (struct entry){ vaddr, kind };
	return true;
}

bool entries_begin(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256], name[32];
	const struct kind *kind;
	bool good = true;
	uint64_t vaddr;

	if (!file) {
		perror(path);
		return false;
	}
	while (good && fgets(line, sizeof(line), file)) {
		kind = sscanf(line, "%" SCNx64 " %31s", &vaddr, name) == 2 ? kind_find(name) : NULL;
		good = kind && entry_add(vaddr, kind);
		if (!good)
			fprintf(stderr, "icount: %s: not of the form 'ADDRESS KIND' that bench/icount/entries writes: %s", path, line);
	}
	fclose(file);
	qsort(entries, entry_count, sizeof(*entries), entry_compare);
	for (int i = SYSCALLS; i <= IPIS_SENT; i++)
		counted[i] = true;
	return good;
}

static const struct entry *entry_find(uint64_t vaddr)
{
	struct entry key = { .vaddr = vaddr };

	return entry_count ? bsearch(&key, entries, entry_count, sizeof(*entries), entry_compare) : NULL;
}

bool entry_is(uint64_t vaddr)
{
	return entry_find(vaddr);
}

static void entered(unsigned int vcpu, void *data)
{
	const struct kind *kind = data;

	for (int i = 0; i < 2; i++)
		if (kind->counters[i])
			counter_add(vcpu, kind->counters[i], 1);
}

static void stored(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct qemu_plugin_hwaddr *where;

	(void)data;
	if (!qemu_plugin_mem_is_store(info) || (vaddr & PAGE_MASK) != (APIC_ICR & PAGE_MASK))
		return;
	where = qemu_plugin_get_hwaddr(info, vaddr);
	if (where && qemu_plugin_hwaddr_is_io(where) && qemu_plugin_hwaddr_phys_addr(where) == APIC_ICR)
		counter_add(vcpu, IPIS_SENT, 1);
}

void entries_watch(struct qemu_plugin_insn *insn)
{
	uint64_t vaddr = qemu_plugin_insn_vaddr(insn);
	const struct entry *entry = entry_find(vaddr);

	if (!entry_count)
		return;
	if (entry)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, entered, QEMU_PLUGIN_CB_NO_REGS, (void *)entry->kind);
	if (mode_of(vaddr) == KERNEL && insn_is_store32(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn)))
		qemu_plugin_register_vcpu_mem_cb(insn, stored, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}
