// SPDX-License-Identifier: GPL-2.0
/*
 * Open addressing, at most half full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define FIRST_SIZE	1024

static uint64_t hash(const uint64_t *key, unsigned int keys)
{
	uint64_t h = 0;

	for (unsigned int i = 0; i < keys; i++)
		h = (h ^ key[i]) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

static uint64_t *entry_find(const struct table *table, const uint64_t *key)
{
	size_t width = table->keys + table->values;

	for (uint64_t i = hash(key, table->keys);; i++) {
		uint64_t *entry = &table->words[(i & (table->size - 1)) * width];

		if (!*entry || !memcmp(entry + table->values, key, table->keys * sizeof(*key)))
			return entry;
	}
}

static void grow(struct table *table)
{
	struct table old = *table;
	size_t width = table->keys + table->values, position = 0;
	const uint64_t *entry;

	table->size = old.size ? old.size * 2 : FIRST_SIZE;
	table->words = calloc(table->size * width, sizeof(*table->words));
	if (!table->words) {
		perror("icount: table");
		exit(1);
	}
	while ((entry = table_next(&old, &position)))
		memcpy(entry_find(table, entry + table->values), entry, width * sizeof(*entry));
	free(old.words);
}

uint64_t *table_at(struct table *table, const uint64_t *key)
{
	uint64_t *entry;

	if (table->used * 2 >= table->size)
		grow(table);
	entry = entry_find(table, key);
	if (!*entry) {
		memcpy(entry + table->values, key, table->keys * sizeof(*key));
		table->used++;
	}
	return entry;
}

const uint64_t *table_next(const struct table *table, size_t *position)
{
	size_t width = table->keys + table->values;

	while (*position < table->size) {
		const uint64_t *entry = &table->words[(*position)++ * width];

		if (*entry)
			return entry;
	}
	return NULL;
}
