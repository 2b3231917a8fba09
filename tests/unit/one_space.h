/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of one address space share: its set-up, with accounts that must end at zero, and a program's mmap and faults. */
#ifndef ONE_SPACE_H
#define ONE_SPACE_H

#include "unit.h"
#include "fake_driver.h"
#include "mm/aspace.h"
#include "thread.h"

#define RW		(PROT_READ | PROT_WRITE)
#define SHARED		0x01
#define PRIVATE		0x02
#define FIXED		0x10
#define ANON		0x20
#define LOW		0x40
#define NORESERVE	0x4000
#define POPULATE	0x8000
#define GROWSDOWN	0x100
#define STACK		0x20000
#define HUGETLB		0x40000
#define NOREPLACE	0x100000
#define MAYMOVE		1
#define TO_FIXED	2

#define SLABS_KEPT	10	/* kmalloc: one empty slab for each size */

#define P(n)		(0x10000000ULL + (n) * PAGE_SIZE)

static struct az_node_stats stats[2];
static struct aspace *as;
static struct az_memory used;
static u64 commit_before;

static inline u64 frames_in_use(void)
{
	return stats[0].total - stats[0].free + stats[1].total - stats[1].free;
}

static inline void create(u64 limit)
{
	struct budget *budget = budget_create(limit);

	as = aspace_create(budget, 8 * MB);
	budget_put(budget);
	assert_non_null(as);
	aspace_bind(as, &used);
	memset(&fake, 0, sizeof(fake));
	fake.as = as;
}

static inline void destroy(void)
{
	aspace_check(as);
	aspace_put(as);
	assert_int_equal(used.resident, 0);
	assert_int_equal(used.committed, 0);
}

static inline int setup_memory(void **state)
{
	frame_stats_bind(stats, 2);
	frame_add_range(HOST_PHYS_START + 0x1000, 64 * MB - 0x1000, 0);
	frame_add_range(HOST_PHYS_START + 64 * MB, 64 * MB, 1);
	return 0;
}

static inline int setup(void **state)
{
	commit_before = commit_in_use();
	create(0);
	return 0;
}

static inline int teardown(void **state)
{
	destroy();
	assert_int_equal(commit_in_use(), commit_before);
	assert_true(frames_in_use() <= SLABS_KEPT);
	assert_int_equal(stats[0].quarantined + stats[1].quarantined, 0);
	return 0;
}

static inline long map(uaddr_t addr, u64 len, u32 prot, u32 flags, int fd, u64 offset)
{
	struct map_args a = { addr, len, prot, flags, fd, offset };
	long ret = aspace_map(as, &a);

	aspace_check(as);
	return ret;
}

static inline long map_anon(uaddr_t addr, u64 len, u32 prot, u32 flags)
{
	return map(addr, len, prot, PRIVATE | ANON | flags, -1, 0);
}

static inline long fault(uaddr_t addr, u32 access)
{
	int code = 0;
	long ret = aspace_fault(as, addr, access, &code);

	aspace_check(as);
	return ret == -EFAULT ? -EFAULT * 10 - code : ret;
}

#define MAPERR	(-EFAULT * 10 - 1)
#define ACCERR	(-EFAULT * 10 - 2)

/* The byte that the program sees at @addr; it must be present. */
static inline u8 *at(uaddr_t addr)
{
	u64 span, *entry = pt_find(as->pgd, addr, &span);

	assert_true(entry && pte_present(*entry));
	return (u8 *)phys_to_virt(pte_frame(*entry)) + (addr & (span - 1));
}

static inline u64 span_at(uaddr_t addr)
{
	u64 span, *entry = pt_find(as->pgd, addr, &span);

	return entry && pte_present(*entry) ? span : 0;
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
