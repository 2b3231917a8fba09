// SPDX-License-Identifier: GPL-2.0
/*
 * The profile: each CPU has a hash table of its own from window and address to a count, so nothing is shared while the guest runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "counters.h"
#include "profile.h"

#define FIRST_SIZE	1024		/* entries, a power of two */

struct entry {
	uint64_t vaddr;
	uint64_t count;			/* 0: free */
	unsigned int window;
};

struct table {
	struct entry *entries;
	size_t size, used;
} __attribute__((aligned(64)));

static struct table tables[MAX_CPUS];
static FILE *out;

bool profile_begin(const char *path)
{
	out = fopen(path, "w");
	if (!out)
		perror(path);
	return out;
}

static struct entry *entry_find(struct entry *entries, size_t size, uint64_t vaddr, unsigned int window)
{
	size_t i = (vaddr * 0x9e3779b97f4a7c15ull >> 20) + window;

	for (;; i++) {
		struct entry *entry = &entries[i & (size - 1)];

		if (!entry->count || (entry->vaddr == vaddr && entry->window == window))
			return entry;
	}
}

static void table_grow(struct table *table)
{
	size_t size = table->size ? table->size * 2 : FIRST_SIZE;
	struct entry *entries = calloc(size, sizeof(*entries));

	if (!entries) {
		perror("icount: profile");
		exit(1);
	}
	for (size_t i = 0; i < table->size; i++) {
		struct entry *old = &table->entries[i];

		if (old->count)
			*entry_find(entries, size, old->vaddr, old->window) = *old;
	}
	free(table->entries);
	table->entries = entries;
	table->size = size;
}

void profile_add(unsigned int vcpu, uint64_t vaddr, uint64_t n)
{
	struct table *table = &tables[vcpu];
	unsigned int window;
	struct entry *entry;

	if (!out)
		return;
	window = window_of(vcpu);
	if (!window)
		return;
	if (!(vaddr >> 63))
		vaddr = 0;
	if (table->used * 2 >= table->size)
		table_grow(table);
	entry = entry_find(table->entries, table->size, vaddr, window);
	if (!entry->count) {
		entry->vaddr = vaddr;
		entry->window = window;
		table->used++;
	}
	entry->count += n;
}

void profile_end(void)
{
	if (!out)
		return;
	fprintf(out, "window,vcpu,address,count\n");
	for (unsigned int vcpu = 0; vcpu < MAX_CPUS; vcpu++)
		for (size_t i = 0; i < tables[vcpu].size; i++) {
			struct entry *entry = &tables[vcpu].entries[i];

			if (entry->count)
				fprintf(out, "%u,%u,%" PRIx64 ",%" PRIu64 "\n", entry->window, vcpu, entry->vaddr, entry->count);
		}
	fclose(out);
}
