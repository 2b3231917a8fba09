// SPDX-License-Identifier: GPL-2.0
/*
 * The profile: each CPU has a table of its own from window and address to a count, so nothing is shared while the guest runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "counters.h"
#include "profile.h"
#include "table.h"

#define KEYS	2	/* window, address */

static struct {
	struct table counts;
} __attribute__((aligned(64))) cpus[MAX_CPUS];
static FILE *out;

bool profile_begin(const char *path)
{
	out = fopen(path, "w");
	if (!out)
		perror(path);
	return out;
}

void profile_add(unsigned int vcpu, uint64_t vaddr, uint64_t n)
{
	uint64_t key[KEYS];

	if (!out)
		return;
	key[0] = window_of(vcpu);
	key[1] = mode_of(vaddr) == KERNEL ? vaddr : 0;
	if (key[0])
		*table_at(&cpus[vcpu].counts, KEYS, 1, key) += n;
}

void profile_end(void)
{
	const uint64_t *entry;
	size_t position;

	if (!out)
		return;
	fprintf(out, "window,vcpu,address,count\n");
	for (unsigned int vcpu = 0; vcpu < MAX_CPUS; vcpu++)
		for (position = 0; (entry = table_next(&cpus[vcpu].counts, KEYS + 1, &position));)
			fprintf(out, "%" PRIu64 ",%u,%" PRIx64 ",%" PRIu64 "\n", entry[1], vcpu, entry[2], entry[0]);
	fclose(out);
}
