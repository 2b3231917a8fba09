/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hash table from a key of some words to some counts. One CPU's thread uses it, or all do under a lock; it only grows.
 *
 * It is looked into at every run of instructions, so what finds an entry is here, and the words of a key are a constant in each use.
 */
#ifndef AZALEA_ICOUNT_TABLE_H
#define AZALEA_ICOUNT_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct table {
	uint64_t *words;		/* of each entry the values, then the key */
	size_t size, used;		/* entries; size is a power of two */
};

static inline uint64_t table_hash(const uint64_t *key, unsigned int keys)
{
	uint64_t h = 0;

	for (unsigned int i = 0; i < keys; i++)
		h = (h ^ key[i]) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

/* Where @key is, or the free entry where it would be. Open addressing; the table is never full. */
static inline uint64_t *table_find(const struct table *table, unsigned int keys, unsigned int values, const uint64_t *key)
{
	for (uint64_t i = table_hash(key, keys);; i++) {
		uint64_t *entry = &table->words[(i & (table->size - 1)) * (keys + values)];

		if (!*entry || !memcmp(entry + values, key, keys * sizeof(*key)))
			return entry;
	}
}

/* Doubles the table. Ends QEMU without memory. */
void table_grow(struct table *table, unsigned int keys, unsigned int values);

/* The values for @key, all 0 if it is new. The caller must make the first one positive: 0 marks free entries. */
static inline uint64_t *table_at(struct table *table, unsigned int keys, unsigned int values, const uint64_t *key)
{
	uint64_t *entry;

	if (__builtin_expect(table->used * 2 >= table->size, 0))
		table_grow(table, keys, values);
	entry = table_find(table, keys, values, key);
	if (__builtin_expect(!*entry, 0)) {
		memcpy(entry + values, key, keys * sizeof(*key));
		table->used++;
	}
	return entry;
}

/* The next entry that is in use, of @width words, its values and then its key, NULL after the last; *@position begins at 0. */
const uint64_t *table_next(const struct table *table, unsigned int width, size_t *position);

#endif
