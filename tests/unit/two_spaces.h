/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of fork share: a parent and a child with their set-up, and mmap and fork for either. */
#ifndef TWO_SPACES_H
#define TWO_SPACES_H

#include "unit.h"
#include "fake_driver.h"
#include "scarce.h"
#include "touch.h"
#include "mm/aspace.h"

#define RW		(PROT_READ | PROT_WRITE)
#define SHARED_FIXED	0x11
#define PRIVATE_FIXED	0x12
#define ANON		0x20
#define NORESERVE	0x4000
#define POPULATE	0x8000
#define P(n)		(0x10000000ULL + (n) * PAGE_SIZE)
#define LARGE(n)	(0x40000000ULL + (n) * LARGE_SIZE)
#define SLABS_KEPT	10

static struct az_node_stats stats[1];
static struct aspace *p, *c;	/* parent and child */
static u64 commit_before;

static inline u64 frames_in_use(void)
{
	return stats[0].total - stats[0].free;
}

static inline struct aspace *create(u64 limit)
{
	struct budget *budget = budget_create(limit);
	struct aspace *as = aspace_create(budget, 8 * MB);

	budget_put(budget);
	assert_non_null(as);
	return as;
}

static inline int setup_memory(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 256 * MB, 0);
	return 0;
}

static inline int setup(void **state)
{
	commit_before = commit_in_use();
	memset(&fake, 0, sizeof(fake));
	p = fake.as = create(0);
	c = NULL;
	return 0;
}

static inline void put(struct aspace **as)
{
	if (*as) {
		aspace_check(*as);
		aspace_put(*as);
	}
	*as = NULL;
}

static inline int teardown(void **state)
{
	put(&c);
	put(&p);
	assert_int_equal(commit_in_use(), commit_before);
	assert_int_equal(stats[0].quarantined, 0);
	assert_true(frames_in_use() <= SLABS_KEPT);
	return 0;
}

static inline struct aspace *fork_of(struct aspace *as)
{
	struct aspace *child = NULL, *before = fake.as;

	fake.as = as;
	assert_int_equal(aspace_fork_begin(as, &child), 0);
	aspace_fork_end(as);
	fake.as = before;
	aspace_check(as);
	aspace_check(child);
	return child;
}

static inline void map(struct aspace *as, uaddr_t addr, u64 len, u32 prot, u32 flags)
{
	struct map_args a = { addr, len, prot, PRIVATE_FIXED | ANON | flags, -1, 0 };

	assert_int_equal(aspace_map(as, &a), addr);
}

static inline void map_file(struct aspace *as, uaddr_t addr, u64 len, u32 prot, u32 flags, int fd)
{
	struct map_args a = { addr, len, prot, flags, fd, 0 };

	assert_int_equal(aspace_map(as, &a), addr);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
