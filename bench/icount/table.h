/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hash table from a key of some words to some counts. One CPU's thread uses it, or all do under a lock; it only grows.
 */
#ifndef AZALEA_ICOUNT_TABLE_H
#define AZALEA_ICOUNT_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table {
	unsigned int keys, values;	/* words; set before the first use */
	uint64_t *words;		/* of each entry the values, then the key */
	size_t size, used;		/* entries; size is a power of two */
};

/* The values for @key, all 0 if it is new. The caller must make the first one positive: 0 marks free entries. Ends QEMU without memory. */
uint64_t *table_at(struct table *table, const uint64_t *key);

/* The next entry that is in use, its values and then its key, NULL after the last; *@position begins at 0. */
const uint64_t *table_next(const struct table *table, size_t *position);

#endif
