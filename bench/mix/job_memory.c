// SPDX-License-Identifier: GPL-2.0
/* Jobs that ask for memory page by page: new pages must be empty, and keep what is stored there until they are given back. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "jobs.h"

#define PAGE		4096
#define PAGE_WORDS	(PAGE / sizeof(uint64_t))

/* Stores something in each page, which is empty. */
static bool pages_fill(uint64_t *start, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t *page = start + i * PAGE_WORDS;

		if (page[0] || page[PAGE_WORDS - 1])
			return false;
		page[0] = seed + i;
		page[PAGE_WORDS - 1] = seed - i;
	}
	return true;
}

static bool pages_check(const uint64_t *start, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		if (start[i * PAGE_WORDS] != seed + i || start[(i + 1) * PAGE_WORDS - 1] != seed - i)
			return false;
	return true;
}

/* The heap grows in steps and shrinks in one. */
bool job_brk(struct random *random)
{
	char *before = sbrk(0), *start = (char *)(((uintptr_t)before + PAGE - 1) & -PAGE);
	uint64_t seed = random_next(random);
	const int steps = 40, step_pages = 4;
	bool good = before != (void *)-1 && !brk(start);

	for (int i = 0; good && i < steps; i++) {
		uint64_t *step = sbrk(step_pages * PAGE);

		good = (char *)step == start + i * step_pages * PAGE && pages_fill(step, step_pages, seed);
	}
	for (int i = 0; good && i < steps; i++)
		good = pages_check((uint64_t *)start + i * step_pages * PAGE_WORDS, step_pages, seed);
	return !brk(before) && good;
}

/* Mappings of random sizes, some of them made read-only before they go. */
bool job_pages(struct random *random)
{
	for (int i = 0; i < 20; i++) {
		size_t count = 1 + random_below(random, 32);
		uint64_t seed = random_next(random);
		uint64_t *map = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		bool good = map != MAP_FAILED && pages_fill(map, count, seed);

		if (good && i % 4 == 0)
			good = !mprotect(map, count * PAGE, PROT_READ);
		good = good && pages_check(map, count, seed);
		if (map == MAP_FAILED || munmap(map, count * PAGE) || !good)
			return false;
	}
	return true;
}
