// SPDX-License-Identifier: GPL-2.0
/*
 * What is seldom done with a table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "table.h"

#define FIRST_SIZE	1024

void table_grow(struct table *table, unsigned int keys, unsigned int values)
{
	struct table old = *table;
	size_t width = keys + values, position = 0;
	const uint64_t *entry;

	table->size = old.size ? old.size * 2 : FIRST_SIZE;
	table->words = calloc(table->size * width, sizeof(*table->words));
	if (!table->words) {
		perror("icount: table");
		exit(1);
	}
	while ((entry = table_next(&old, width, &position)))
		memcpy(table_find(table, keys, values, entry + values), entry, width * sizeof(*entry));
	free(old.words);
}

const uint64_t *table_next(const struct table *table, unsigned int width, size_t *position)
{
	while (*position < table->size) {
		const uint64_t *entry = &table->words[(*position)++ * width];

		if (*entry)
			return entry;
	}
	return NULL;
}
