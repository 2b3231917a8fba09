/* SPDX-License-Identifier: GPL-2.0 */
/* Address spaces: Linux's errors, contents, and accounts. */
#include "one_space.h"

#define LINUX_END	0x7ffffffff000ULL	/* of what programs may name */

static void linux_errors_of_mmap(void **state)
{
	assert_int_equal(map_anon(0, 0, RW, 0), -EINVAL);
	assert_int_equal(map(0, 1, RW, ANON, -1, 0), -EINVAL);
	assert_int_equal(map(0, 1, RW, ANON | 3, -1, 0), -EINVAL);
	assert_int_equal(map(0, 1, RW, PRIVATE | ANON, -1, 1), -EINVAL);
	assert_int_equal(map(0, 1, RW, PRIVATE, 99, 0), -EBADF);
	assert_int_equal(map(0, 1, RW, PRIVATE, 5, 0), -EACCES);
	assert_int_equal(map(0, 1, RW, SHARED, 99, 0), -EBADF);
}

static void linux_errors_of_addresses(void **state)
{
	assert_int_equal(map_anon(0, ~0ULL, RW, 0), -ENOMEM);
	assert_int_equal(map_anon(0, 1ULL << 47, RW, NORESERVE), -ENOMEM);
	assert_int_equal(map_anon(P(0) + 1, 1, RW, FIXED), -EINVAL);
	assert_int_equal(map_anon(0xffffffffff600000, 1, RW, FIXED), -ENOMEM);
	assert_int_equal(map_anon(AZ_USER_END - PAGE_SIZE, 2 * PAGE_SIZE, RW, FIXED), -ENOMEM);
	assert_int_equal(map_anon(0, 1, RW, FIXED), -EPERM);
	assert_int_equal(map_anon(P(0), 1, RW, NOREPLACE), P(0));
	assert_int_equal(map_anon(P(0), 1, RW, NOREPLACE), -EEXIST);
	assert_int_equal(map_anon(P(0) - PAGE_SIZE, 2 * PAGE_SIZE, RW, NOREPLACE), -EEXIST);
	assert_int_equal(map(0, PAGE_SIZE, RW, PRIVATE, 3, 1ULL << 63), -EOVERFLOW);
	assert_int_equal(map(0, 2 * PAGE_SIZE, RW, PRIVATE, 3, (1ULL << 63) - PAGE_SIZE), -EOVERFLOW);
	assert_int_equal(map_anon(0, MB, RW, LOW | HUGETLB | 30u << 26), -EINVAL);
	assert_int_equal(map(0, 0, RW, PRIVATE, 3, 0), -EINVAL);
	assert_int_equal(map(0, 0, RW, PRIVATE, 99, 0), -EBADF);
	assert_int_equal(map(0, 0, RW, PRIVATE, 99, 1), -EINVAL);
	assert_int_equal(fake.opened, fake.closed);
}

static void placement(void **state)
{
	long a = map_anon(0, PAGE_SIZE, RW, 0), b = map_anon(0, 3 * PAGE_SIZE, PROT_READ, 0), c;

	assert_true(a > 0 && (u64)a + PAGE_SIZE == as->mmap_top);
	assert_int_equal(b + 3 * PAGE_SIZE, a);
	c = map_anon(0, 5 * MB, RW, 0);
	assert_int_equal(c % LARGE_SIZE, 0);
	assert_int_equal(map_anon(P(5) + 1, PAGE_SIZE, RW, 0), P(6));
	assert_int_not_equal(map_anon(P(6), PAGE_SIZE, RW, 0), P(6));
	a = map_anon(0, MB, RW, LOW);
	assert_true(a >= 0x40000000 && a + MB <= 0x80000000);
	assert_int_equal(map_anon(0, 1, RW, HUGETLB) % LARGE_SIZE, 0);
	assert_int_equal(map_anon(AZ_USER_END + PAGE_SIZE, PAGE_SIZE, RW, 0) % PAGE_SIZE, 0);
}

static void neighbours_merge(void **state)
{
	map_anon(P(0), PAGE_SIZE, RW, FIXED);
	map_anon(P(2), PAGE_SIZE, RW, FIXED);
	assert_int_equal(aspace_check(as), 2);
	map_anon(P(1), PAGE_SIZE, RW, FIXED);
	assert_int_equal(aspace_check(as), 1);
	map_anon(P(1), PAGE_SIZE, PROT_READ, FIXED);
	assert_int_equal(aspace_check(as), 3);
	assert_int_equal(aspace_unmap(as, P(0), 3 * PAGE_SIZE), 0);
	assert_int_equal(aspace_check(as), 0);
}

static void faults_without_right(void **state)
{
	map_anon(P(0), PAGE_SIZE, PROT_READ, FIXED);
	map_anon(P(1), PAGE_SIZE, 0, FIXED);
	map_anon(P(2), PAGE_SIZE, PROT_WRITE, FIXED);
	assert_int_equal(fault(P(3), 0), MAPERR);
	assert_int_equal(fault(0, 0), MAPERR);
	assert_int_equal(fault(AZ_USER_END - 1, 0), MAPERR);
	assert_int_equal(fault(P(0), FAULT_WRITE), ACCERR);
	assert_int_equal(fault(P(0), FAULT_EXEC), ACCERR);
	assert_int_equal(fault(P(1), 0), ACCERR);
	assert_int_equal(fault(P(2), 0), 0);
	assert_int_equal(used.resident, PAGE_SIZE);
	assert_int_equal(fault(P(0), 0), 0);
	assert_int_equal(fault(P(0), FAULT_WRITE), ACCERR);
}

static void large_pages_where_they_fit(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB + 5 * PAGE_SIZE, RW, 0);

	assert_int_equal(fault(a + 3 * MB, FAULT_WRITE), 0);
	assert_int_equal(span_at(a + 2 * MB), LARGE_SIZE);
	assert_int_equal(span_at(a), 0);
	assert_int_equal(*at(a + 3 * MB), 0);
	assert_int_equal(used.resident, LARGE_SIZE);
	assert_int_equal(fault(a + 4 * MB, FAULT_WRITE), 0);
	assert_int_equal(span_at(a + 4 * MB), PAGE_SIZE);
	assert_int_equal(used.resident, LARGE_SIZE + 5 * PAGE_SIZE);
	assert_int_equal(used.committed, 4 * MB + 5 * PAGE_SIZE);
}

static void small_pages_where_they_are_asked_for(void **state)
{
	uaddr_t a = map_anon(8 * MB, 8 * MB, RW, FIXED);

	assert_int_equal(fault(a, FAULT_WRITE), 0);
	assert_int_equal(aspace_advise(as, a, 4 * MB, MADV_NOHUGEPAGE), 0);
	assert_int_equal(fault(a + 2 * MB, FAULT_WRITE), 0);
	assert_int_equal(fault(a + 4 * MB, FAULT_WRITE), 0);
	assert_int_equal(span_at(a), LARGE_SIZE);	/* stays */
	assert_int_equal(span_at(a + 2 * MB), PAGE_SIZE);
	assert_int_equal(span_at(a + 4 * MB), LARGE_SIZE);
	assert_int_equal(used.resident, 2 * LARGE_SIZE + 16 * PAGE_SIZE);
	assert_int_equal(aspace_check(as), 2);
	assert_int_equal(aspace_advise(as, a, 8 * MB, MADV_NOHUGEPAGE), 0);
	assert_int_equal(aspace_advise(as, a, 8 * MB, MADV_HUGEPAGE), 0);
	assert_int_equal(fault(a + 6 * MB, FAULT_WRITE), 0);
	assert_int_equal(span_at(a + 6 * MB), LARGE_SIZE);
	assert_int_equal(aspace_check(as), 1);
}

static void small_pages_everywhere(void **state)
{
	uaddr_t a = map_anon(8 * MB, 8 * MB, RW, FIXED);

	aspace_set_small_pages(as, true);
	assert_int_equal(fault(a, FAULT_WRITE), 0);
	assert_int_equal(span_at(a), PAGE_SIZE);
	aspace_set_small_pages(as, false);
	assert_int_equal(fault(a + 2 * MB, FAULT_WRITE), 0);
	assert_int_equal(span_at(a + 2 * MB), LARGE_SIZE);
}

static void stacks_have_small_pages(void **state)
{
	uaddr_t top = aspace_map_stack(as), a;

	assert_int_equal(top, AZ_USER_END);
	assert_int_equal(used.committed, 0);
	assert_int_equal(fault(top - 8, FAULT_WRITE), 0);
	assert_int_equal(used.resident, 16 * PAGE_SIZE);
	assert_int_equal(used.committed, 16 * PAGE_SIZE);
	assert_int_equal(fault(top - 8 * MB, FAULT_WRITE), 0);
	assert_int_equal(fault(top - 8 * MB - 1, FAULT_WRITE), MAPERR);
	assert_int_equal(aspace_map_stack(as), -EEXIST);
	a = map_anon(0, 8 * MB, RW, STACK);
	assert_int_equal(fault(a + 4 * MB, FAULT_WRITE), 0);
	assert_int_equal(span_at(a + 4 * MB), PAGE_SIZE);
}

static void deep_stacks(void **state)
{
	uaddr_t top = aspace_map_stack(as);

	aspace_set_stack_limit(as, ~0ULL);
	assert_int_equal(as->mapped, 8 * MB);
	assert_int_equal(fault(top - 8 * MB - 1, FAULT_WRITE), 0);
	assert_int_equal(as->mapped, 16 * MB);
	assert_int_equal(fault(top - 3000 * MB, FAULT_WRITE), 0);
	assert_int_equal(as->mapped, 3000 * MB);
	assert_int_equal(used.resident, 32 * PAGE_SIZE);
	aspace_set_limits(as, 3001 * MB, ~0ULL);
	assert_int_equal(fault(top - 3000 * MB - 1, FAULT_WRITE), 0);	/* by a page only */
	assert_int_equal(as->mapped, 3000 * MB + PAGE_SIZE);
	aspace_set_limits(as, ~0ULL, ~0ULL);
	aspace_set_stack_limit(as, 3002 * MB);
	assert_int_equal(fault(top - 3002 * MB - 1, FAULT_WRITE), MAPERR);
	assert_int_equal(fault(top - 3001 * MB - 1, FAULT_WRITE), 0);
	assert_int_equal(as->mapped, 3002 * MB);
	map_anon(top - 3009 * MB, PAGE_SIZE, PROT_READ, FIXED);
	aspace_set_stack_limit(as, ~0ULL);
	assert_int_equal(fault(top - 3006 * MB, FAULT_WRITE), 0);	/* not close to what is below */
	assert_int_equal(as->mapped, 3006 * MB + PAGE_SIZE);
	assert_int_equal(aspace_check(as), 2);
}

static void stacks_grow(void **state)
{
	assert_int_equal(map(P(1000), PAGE_SIZE, RW, PRIVATE | FIXED | GROWSDOWN, 3, 0), -EINVAL);
	assert_int_equal(map(P(1000), PAGE_SIZE, RW, SHARED | ANON | FIXED | GROWSDOWN, -1, 0), -EINVAL);
	map_anon(P(1000), 2 * PAGE_SIZE, RW, FIXED | GROWSDOWN);
	assert_int_equal(fault(P(998) + 5, FAULT_WRITE | FAULT_NOWAIT), MAPERR);
	assert_int_equal(fault(P(998) + 5, FAULT_WRITE), 0);
	assert_int_equal(region_find(&as->regions, P(1001))->start, P(998));
	assert_int_equal(fault(P(900), 0), 0);
	assert_int_equal(aspace_check(as), 1);
	assert_int_equal(used.committed, used.resident);
	assert_int_equal(as->data, 0);
	assert_int_equal(fault(P(1002) - 8 * MB - 1, 0), MAPERR);
	map_anon(P(500), PAGE_SIZE, PROT_READ, FIXED);
	assert_int_equal(fault(P(501) + MB - 1, 0), MAPERR);	/* too close to what is below */
	assert_int_equal(fault(P(501) + MB, 0), 0);
	assert_int_equal(aspace_protect(as, P(500), PAGE_SIZE, 0), 0);
	assert_int_equal(fault(P(501), 0), 0);
	assert_int_equal(aspace_unmap(as, P(500), PAGE_SIZE), 0);
	aspace_set_limits(as, as->mapped + 3 * PAGE_SIZE, ~0ULL);
	assert_int_equal(fault(P(497), 0), MAPERR);
	assert_int_equal(fault(P(498), 0), 0);
	aspace_set_limits(as, ~0ULL, ~0ULL);
	aspace_set_stack_limit(as, 16 * MB);
	assert_int_equal(fault(P(1002) - 8 * MB - 1, 0), 0);
	aspace_set_stack_limit(as, 8 * MB);
	assert_int_equal(fault(P(1002) - 9 * MB, 0), MAPERR);
}

static void rights_of_a_whole_stack(void **state)
{
	const u32 down = 0x01000000, up = 0x02000000;

	map_anon(P(100), 8 * PAGE_SIZE, RW, FIXED | GROWSDOWN);
	map_anon(P(50), PAGE_SIZE, RW, FIXED);
	assert_int_equal(aspace_protect(as, P(106), PAGE_SIZE, PROT_READ | down), 0);
	assert_int_equal(fault(P(100), FAULT_WRITE), ACCERR);
	assert_int_equal(fault(P(107), FAULT_WRITE), 0);
	assert_int_equal(aspace_protect(as, P(50), PAGE_SIZE, PROT_READ | down), -EINVAL);
	assert_int_equal(aspace_protect(as, P(60), PAGE_SIZE, PROT_READ | down), -ENOMEM);
	assert_int_equal(aspace_protect(as, P(100), PAGE_SIZE, PROT_READ | up), -EINVAL);
}

static void memory_of_the_faulting_node(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB, RW, 0);

	host_node = 1;
	fault(a, FAULT_WRITE);
	assert_true(virt_to_phys(at(a)) >= HOST_PHYS_START + 64 * MB);
	host_node = 0;
	fault(a + 2 * MB, FAULT_WRITE);
	assert_true(virt_to_phys(at(a + 2 * MB)) < HOST_PHYS_START + 64 * MB);
}

static void frames_are_zeroed_again(void **state)
{
	uaddr_t a = map_anon(0, 2 * MB, RW, POPULATE);

	memset(at(a), 0x5a, LARGE_SIZE);
	aspace_unmap(as, a, 2 * MB);
	for (u32 i = 0; i < 40; i++) {
		a = map_anon(0, PAGE_SIZE, RW, POPULATE);
		assert_int_equal(*at(a) | *at(a + PAGE_SIZE - 1), 0);
	}
}

static void partial_unmap_splits_large_pages(void **state)
{
	uaddr_t a = map_anon(0, 2 * MB, RW, POPULATE);

	for (u32 i = 0; i < 512; i++)
		*at(a + i * PAGE_SIZE) = i;
	assert_int_equal(aspace_unmap(as, a + 7 * PAGE_SIZE, 100), 0);
	aspace_check(as);
	assert_int_equal(used.resident, 2 * MB - PAGE_SIZE);
	assert_int_equal(used.committed, 2 * MB - PAGE_SIZE);
	assert_int_equal(span_at(a + 7 * PAGE_SIZE), 0);
	assert_int_equal(*pt_find(as->pgd, a, &(u64){ 0 }) & PTE_LARGE, 0);	/* another meaning in a small entry */
	for (u32 i = 0; i < 512; i++) {
		if (i != 7)
			assert_int_equal(*at(a + i * PAGE_SIZE), (u8)i);
	}
	assert_int_equal(fault(a + 7 * PAGE_SIZE, 0), MAPERR);
}

static void unmap_errors_and_holes(void **state)
{
	assert_int_equal(aspace_unmap(as, P(0), 0), -EINVAL);
	assert_int_equal(aspace_unmap(as, P(0) + 1, 1), -EINVAL);
	assert_int_equal(aspace_unmap(as, AZ_USER_END, PAGE_SIZE), 0);
	assert_int_equal(aspace_unmap(as, LINUX_END - PAGE_SIZE, 2 * PAGE_SIZE), -EINVAL);
	assert_int_equal(aspace_unmap(as, P(0), ~0ULL), -EINVAL);
	assert_int_equal(aspace_unmap(as, P(0), LINUX_END), -EINVAL);
	assert_int_equal(aspace_unmap(as, P(0), MB), 0);
	map_anon(P(0), PAGE_SIZE, RW, FIXED);
	assert_int_equal(aspace_unmap(as, P(0), LINUX_END - P(0)), 0);
	assert_int_equal(as->region_count, 0);
}

static void fixed_replaces(void **state)
{
	map_anon(P(0), 8 * PAGE_SIZE, RW, FIXED | POPULATE);
	memset(at(P(3)), 1, PAGE_SIZE);
	assert_int_equal(map_anon(P(2), 3 * PAGE_SIZE, RW, FIXED), P(2));
	assert_int_equal(span_at(P(3)), 0);
	assert_int_equal(used.committed, 8 * PAGE_SIZE);
	assert_int_equal(fault(P(3), 0), 0);
	assert_int_equal(*at(P(3)), 0);
	assert_int_equal(aspace_check(as), 1);
}

static void protect_keeps_contents(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB, RW, POPULATE);

	*at(a + 9 * PAGE_SIZE) = 77;
	assert_int_equal(aspace_protect(as, a + 9 * PAGE_SIZE, PAGE_SIZE, 0), 0);
	aspace_check(as);
	assert_int_equal(fault(a + 9 * PAGE_SIZE, 0), ACCERR);
	assert_int_equal(span_at(a + 9 * PAGE_SIZE), 0);
	assert_int_equal(span_at(a + 2 * MB), LARGE_SIZE);
	assert_int_equal(aspace_protect(as, a, 4 * MB, PROT_READ), 0);
	assert_int_equal(*at(a + 9 * PAGE_SIZE), 77);
	assert_int_equal(fault(a + 9 * PAGE_SIZE, FAULT_WRITE), ACCERR);
	assert_int_equal(aspace_protect(as, a, 4 * MB, RW), 0);
	assert_int_equal(aspace_check(as), 1);
	assert_int_equal(fault(a + 9 * PAGE_SIZE, FAULT_WRITE), 0);
	assert_int_equal(*at(a + 9 * PAGE_SIZE), 77);
}

static void protect_errors(void **state)
{
	map_anon(P(0), PAGE_SIZE, RW, FIXED);
	map_anon(P(2), PAGE_SIZE, RW, FIXED);
	assert_int_equal(aspace_protect(as, P(0) + 1, 1, PROT_READ), -EINVAL);
	assert_int_equal(aspace_protect(as, P(0), 1, 0x100), -EINVAL);
	assert_int_equal(aspace_protect(as, P(0), 0, PROT_READ), 0);
	assert_int_equal(aspace_protect(as, P(0), 3 * PAGE_SIZE, PROT_READ), -ENOMEM);
	assert_int_equal(aspace_protect(as, P(1), PAGE_SIZE, PROT_READ), -ENOMEM);
	assert_int_equal(aspace_protect(as, P(0), ~0ULL - P(1), PROT_READ), -ENOMEM);
	assert_int_equal(aspace_protect(as, AZ_USER_END, PAGE_SIZE, PROT_READ), -ENOMEM);
	aspace_check(as);
	assert_int_equal(used.committed, 2 * PAGE_SIZE);
}

static void touch_before_protect(void)
{
	assert_int_equal(aspace_populate(as, P(0), 1, false), 0);
}

/* A range that is partly Linux's: where memory is short nothing happens on either side. */
static void protect_checks_before_linux_acts(void **state)
{
	map_anon(P(0), 4 * PAGE_SIZE, PROT_READ, FIXED);
	map(P(4), PAGE_SIZE, PROT_READ, SHARED | FIXED, 4, 0);
	aspace_set_limits(as, ~0ULL, 2 * PAGE_SIZE);
	assert_int_equal(aspace_protect(as, P(0), 5 * PAGE_SIZE, RW), -ENOMEM);
	assert_int_equal(fake.protects, 0);
	aspace_set_limits(as, ~0ULL, ~0ULL);
	fake.fail = -EACCES;
	assert_int_equal(aspace_protect(as, P(0), 5 * PAGE_SIZE, RW), -EACCES);
	assert_int_equal(used.committed, 4 * PAGE_SIZE);	/* as on Linux, what comes before the obstacle is done */
	assert_int_equal(fault(P(1), FAULT_WRITE), 0);
	map_anon(P(0), 4 * PAGE_SIZE, PROT_READ, FIXED);
	assert_int_equal(used.committed, 0);
	fake.during = touch_before_protect;
	assert_int_equal(aspace_protect(as, P(0), 5 * PAGE_SIZE, RW), 0);
	assert_int_equal(fake.protects, 1);
	assert_int_equal(used.committed, 4 * PAGE_SIZE);
}

static void commitment_by_kind(void **state)
{
	uaddr_t none = map_anon(0, 64 * MB, 0, 0), a;

	assert_int_equal(used.committed, 0);
	assert_int_equal(aspace_protect(as, none, MB, RW), 0);
	assert_int_equal(used.committed, MB);
	assert_int_equal(aspace_protect(as, none, MB, PROT_READ), 0);
	assert_int_equal(used.committed, MB);
	assert_int_equal(aspace_unmap(as, none, 64 * MB), 0);
	assert_int_equal(used.committed, 0);
	a = map_anon(0, 64 * MB, PROT_READ, 0);
	assert_int_equal(fault(a, 0), 0);
	assert_int_equal(used.committed, LARGE_SIZE);
	assert_int_equal(aspace_protect(as, a, 4 * MB, RW), 0);
	assert_int_equal(used.committed, 4 * MB);
	aspace_check(as);
	a = map_anon(0, 1ULL << 40, RW, NORESERVE);
	assert_true(a > 0);
	assert_int_equal(used.committed, 4 * MB);
	assert_int_equal(fault(a + (1ULL << 39), FAULT_WRITE), 0);
	assert_int_equal(used.committed, 4 * MB + LARGE_SIZE);
}

static void too_much_is_refused_at_once(void **state)
{
	u64 all = (stats[0].total + stats[1].total) << PAGE_SHIFT;
	long none;

	assert_int_equal(map_anon(0, all, RW, 0), -ENOMEM);
	assert_int_equal(used.committed, 0);
	none = map_anon(0, all, 0, 0);
	assert_int_equal(aspace_protect(as, none, all, RW), -ENOMEM);
	assert_int_equal(used.committed, 0);
	assert_true(map_anon(0, all / 2, RW, 0) > 0);
	assert_int_equal(map_anon(0, all / 2, RW, 0), -ENOMEM);
}

/* What was promised is there, to the last page. */
static void promises_are_kept(void **state)
{
	u64 all = ALIGN_DOWN(((stats[0].total + stats[1].total) << PAGE_SHIFT) * 63 / 64, PAGE_SIZE) - 9 * MB;
	long a = map_anon(0, all, RW, POPULATE);

	assert_true(a > 0);
	assert_int_equal(used.resident, all);
}

static void a_limited_process(void **state)
{
	destroy();
	create(8 * MB);
	assert_int_equal(commit_in_use(), commit_before + 8 * MB);
	assert_int_equal(map_anon(0, 9 * MB, RW, 0), -ENOMEM);
	assert_true(map_anon(0, 6 * MB, RW, 0) > 0);
	assert_int_equal(map_anon(0, 3 * MB, RW, 0), -ENOMEM);
	assert_int_equal(commit_in_use(), commit_before + 8 * MB);
	assert_null(budget_create(1ULL << 40));
	/* untouched so far: fails when touched */
	long a = map_anon(0, 8 * MB, RW, NORESERVE);

	assert_int_equal(fault(a, FAULT_WRITE), 0);
	assert_int_equal(fault(a + 4 * MB, FAULT_WRITE), -ENOMEM);
	aspace_check(as);
}

/* Who has taken all that mmap gives can still run code that was never touched before. */
static void text_fits_when_nothing_else_does(void **state)
{
	destroy();
	create(8 * MB);
	long text = map_anon(0, 4 * PAGE_SIZE, PROT_READ, 0);

	while (map_anon(0, PAGE_SIZE, RW, 0) > 0)
		;
	assert_int_equal(fault(text, 0), 0);
	assert_int_equal(map_anon(0, PAGE_SIZE, RW, 0), -ENOMEM);
}

static void limits_of_the_process(void **state)
{
	aspace_set_limits(as, 4 * MB, 2 * MB);
	assert_int_equal(map_anon(0, 3 * MB, RW, 0), -ENOMEM);
	assert_true(map_anon(0, 3 * MB, PROT_READ, 0) > 0);
	assert_int_equal(map_anon(0, 2 * MB, PROT_READ, 0), -ENOMEM);
	assert_int_equal(map_anon(P(0), MB, RW, FIXED), P(0));
	assert_int_equal(map_anon(P(0), MB, RW, FIXED), P(0));
	aspace_set_brk(as, P(10000));
	assert_int_equal(aspace_brk(as, P(10000) + 2 * MB), P(10000));
}

static void heap(void **state)
{
	uaddr_t start = P(0);

	aspace_set_brk(as, start - 5);
	assert_int_equal(aspace_brk(as, 0), start);
	assert_int_equal(aspace_brk(as, start + 100), start + 100);
	assert_int_equal(used.committed, PAGE_SIZE);
	assert_int_equal(fault(start, FAULT_WRITE), 0);
	assert_int_equal(aspace_brk(as, start + 5 * MB), start + 5 * MB);
	assert_int_equal(aspace_check(as), 1);
	assert_int_equal(fault(start + 3 * MB, FAULT_WRITE), 0);
	assert_int_equal(aspace_brk(as, start + MB), start + MB);
	assert_int_equal(used.committed, MB);
	assert_int_equal(aspace_brk(as, start - 1), start + MB);
	assert_int_equal(aspace_brk(as, ~0ULL), start + MB);
	map_anon(start + 2 * MB, PAGE_SIZE, RW, FIXED);
	assert_int_equal(aspace_brk(as, start + 3 * MB), start + MB);
	assert_int_equal(aspace_brk(as, start + 2 * MB), start + 2 * MB);
	assert_int_equal(aspace_brk(as, start), start);
	aspace_check(as);
}

/* A table that a walk has found empty is passed over by the next one, until there is something again. */
static void empty_tables(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB, RW, NORESERVE), b = a + 5 * PAGE_SIZE;
	u64 span, *entry;

	assert_int_equal(aspace_advise(as, a, 4 * MB, MADV_NOHUGEPAGE), 0);
	for (u32 round = 0; round < 3; round++) {
		assert_int_equal(fault(b, FAULT_WRITE), 0);
		assert_true(used.resident > 0);
		aspace_check(as);
		assert_int_equal(aspace_advise(as, a, 4 * MB, MADV_DONTNEED), 0);
		assert_int_equal(used.resident, 0);
		aspace_check(as);	/* walks through all */
		entry = pt_find(as->pgd, b, &span);
		pte_set(entry, 1);	/* behind everybody's back */
		assert_null(pt_first(as->pgd, &(uaddr_t){ a }, a + 4 * MB, &span));
		pte_set(entry, 0);
	}
}

static void advice(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB, RW, POPULATE);

	memset(at(a), 1, LARGE_SIZE);
	assert_int_equal(aspace_advise(as, a + PAGE_SIZE, 2 * PAGE_SIZE, MADV_DONTNEED), 0);
	aspace_check(as);
	assert_int_equal(used.resident, 4 * MB - 2 * PAGE_SIZE);
	assert_int_equal(used.committed, 4 * MB);
	assert_int_equal(*at(a), 1);
	assert_int_equal(*at(a + 3 * PAGE_SIZE), 1);
	assert_int_equal(fault(a + PAGE_SIZE, 0), 0);
	assert_int_equal(*at(a + PAGE_SIZE), 0);
	assert_int_equal(aspace_advise(as, a, 4 * MB, MADV_FREE), 0);
	assert_int_equal(used.resident, 0);
	assert_int_equal(aspace_advise(as, a + 1, 1, MADV_DONTNEED), -EINVAL);
	assert_int_equal(aspace_advise(as, a, 0, MADV_DONTNEED), 0);
	assert_int_equal(aspace_advise(as, a, ~0ULL, MADV_DONTNEED), -EINVAL);
	assert_int_equal(aspace_advise(as, a, 1, 9), -EINVAL);
	assert_int_equal(aspace_advise(as, a, 1, 12345), -EINVAL);
	assert_int_equal(aspace_advise(as, a, 1, MADV_HUGEPAGE), 0);
	assert_int_equal(aspace_advise(as, P(0), 1, MADV_HUGEPAGE), -ENOMEM);
	aspace_unmap(as, a + MB, MB);
	assert_int_equal(aspace_populate(as, a, MB, true), 0);
	assert_int_equal(aspace_populate(as, a + 2 * MB, MB, true), 0);
	assert_int_equal(aspace_advise(as, a, 4 * MB, MADV_DONTNEED), -ENOMEM);
	assert_int_equal(used.resident, 0);
}

static void populate(void **state)
{
	uaddr_t a = map_anon(0, 3 * MB, RW, 0), b = map_anon(0, MB, PROT_READ, 0);

	assert_int_equal(aspace_populate(as, a + 5, 3 * MB - 5, true), 0);
	assert_int_equal(used.resident, 3 * MB);
	assert_int_equal(aspace_populate(as, a + 5, 3 * MB, true), -EFAULT);
	assert_int_equal(aspace_populate(as, b, 1, true), -EFAULT);
	assert_int_equal(aspace_populate(as, b, 1, false), 0);
	assert_int_equal(aspace_populate(as, 0, 1, false), -EFAULT);
	assert_int_equal(aspace_populate(as, a, 0, true), 0);
	assert_int_equal(aspace_populate(as, a, ~0ULL, true), -EFAULT);
	assert_int_equal(aspace_populate(as, ~0ULL, 1, true), -EFAULT);
}

/* Much to do must not make a CPU deaf, and ends with the process. */
static void populate_lets_others_in(void **state)
{
	uaddr_t a = map_anon(0, 16 * MB, RW, 0);
	struct thread t = { .work = 0 };
	u32 before = host_steps;

	host_thread = &t;
	assert_int_equal(aspace_populate(as, a, 8 * MB, true), 0);
	assert_true(host_steps - before >= 4);
	t.work = WORK_KILL;
	assert_int_equal(aspace_populate(as, a, 16 * MB, true), -EINTR);
	host_thread = NULL;
	assert_int_equal(used.resident, 8 * MB);
}

static void kernel_half_is_the_kernels(void **state)
{
	for (u32 i = 0; i < 512; i++)
		assert_int_equal(as->pgd[i], i < 256 ? 0 : arch_kernel_pgd()[i]);
	assert_int_equal(aspace_pgd(as), virt_to_phys(as->pgd));
	aspace_set_active(as, 1000, true);
	assert_true(aspace_is_active(as, 1000) && !aspace_is_active(as, 999));
	aspace_set_active(as, 1000, false);
	assert_false(aspace_is_active(as, 1000));
}

/* vfork: the process whose counters are used may be the one that goes first. */
static void one_space_of_two_processes(void **state)
{
	struct az_memory other = { 5, 5, 5 };

	map_anon(0, 2 * MB, RW, POPULATE);
	assert_ptr_equal(aspace_get(as), as);
	aspace_unbind(as, &other);
	assert_int_equal(other.resident + other.committed, 0);
	assert_int_equal(used.resident, 2 * MB);
	aspace_unbind(as, &used);
	assert_int_equal(used.resident + used.committed, 0);
	aspace_put(as);
	map_anon(0, 2 * MB, RW, POPULATE);
	assert_int_equal(used.resident + used.committed, 0);
	aspace_bind(as, &used);
	assert_int_equal(used.resident, 4 * MB);
	assert_int_equal(used.committed, 4 * MB);
	assert_int_equal(aspace_unmap(as, AZ_USER_START, AZ_USER_END - AZ_USER_START), 0);
	assert_int_equal(used.peak, 4 * MB);
}

static void too_many_regions(void **state)
{
	uaddr_t a = map_anon(0, 140000 * PAGE_SIZE, PROT_READ, NORESERVE);
	long ret = 0;
	u32 i;

	for (i = 0; i < 70000 && !ret; i++)
		ret = aspace_protect(as, a + 2 * i * PAGE_SIZE, PAGE_SIZE, 0);
	assert_int_equal(ret, -ENOMEM);
	assert_true(as->region_count <= REGIONS_MAX);
	assert_int_equal(map_anon(0, PAGE_SIZE, PROT_READ, 0), -ENOMEM);
	assert_int_equal(aspace_unmap(as, a, 140000 * PAGE_SIZE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(linux_errors_of_mmap), T(linux_errors_of_addresses), T(placement), T(neighbours_merge),
		T(faults_without_right), T(large_pages_where_they_fit), T(small_pages_where_they_are_asked_for),
		T(small_pages_everywhere), T(stacks_have_small_pages), T(stacks_grow), T(deep_stacks), T(rights_of_a_whole_stack),
		T(memory_of_the_faulting_node), T(frames_are_zeroed_again), T(partial_unmap_splits_large_pages), T(unmap_errors_and_holes), T(fixed_replaces),
		T(protect_keeps_contents), T(protect_errors), T(protect_checks_before_linux_acts), T(commitment_by_kind),
		T(too_much_is_refused_at_once), T(promises_are_kept), T(a_limited_process), T(text_fits_when_nothing_else_does),
		T(limits_of_the_process), T(heap), T(empty_tables), T(advice), T(populate), T(populate_lets_others_in),
		T(kernel_half_is_the_kernels), T(one_space_of_two_processes), T(too_many_regions),
	};

	return cmocka_run_group_tests_name("aspace", tests, setup_memory, NULL);
}
