/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of the kernel in a program's address space cannot be written, are not the program's memory, and survive it. */
#include "unit.h"
#include "fake_driver.h"
#include "mm/borrow.c"

#define FRAME	(HOST_PHYS_START + 64 * MB)	/* outside of what the allocator has */

static const struct borrowed parts[] = { { FRAME, PAGE_SIZE, PROT_READ }, { FRAME + MB, 2 * PAGE_SIZE, PROT_READ | PROT_EXEC } };

static int setup(void **state)
{
	static struct az_node_stats stats[1];
	static bool added;

	if (!added) {
		frame_stats_bind(stats, 1);
		frame_add_range(HOST_PHYS_START, 64 * MB, 0);
		added = true;
	}
	memset(&fake, 0, sizeof(fake));
	fake.as = host_aspace = aspace_create(budget_create(0), 8 * MB);
	return fake.as ? 0 : -1;
}

static int teardown(void **state)
{
	aspace_check(fake.as);
	aspace_put(fake.as);
	return 0;
}

static u64 entry_at(uaddr_t addr)
{
	u64 span, *entry = pt_find(fake.as->pgd, addr, &span);

	return entry ? pte_load(entry) : 0;
}

static void pages_lie_one_after_the_other(void **state)
{
	long addr = aspace_borrow(fake.as, parts, ARRAY_SIZE(parts));

	assert_true(addr > 0);
	assert_int_equal(pte_frame(entry_at(addr)), FRAME);
	assert_int_equal(pte_frame(entry_at(addr + PAGE_SIZE)), FRAME + MB);
	assert_int_equal(pte_frame(entry_at(addr + 2 * PAGE_SIZE)), FRAME + MB + PAGE_SIZE);
	assert_int_equal(entry_at(addr) & (PTE_WRITE | PTE_NX | AZ_PTE_FOREIGN), PTE_NX | AZ_PTE_FOREIGN);
	assert_int_equal(entry_at(addr + PAGE_SIZE) & (PTE_WRITE | PTE_NX | AZ_PTE_FOREIGN), AZ_PTE_FOREIGN);
	assert_int_equal(aspace_check(fake.as), 2);
}

static void nothing_can_be_changed(void **state)
{
	long addr = aspace_borrow(fake.as, parts, ARRAY_SIZE(parts));
	int code;

	assert_int_equal(aspace_protect(fake.as, addr, PAGE_SIZE, PROT_READ | PROT_WRITE), -EACCES);
	assert_int_equal(aspace_protect(fake.as, addr + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC), -EACCES);
	assert_int_equal(aspace_fault(fake.as, addr, FAULT_WRITE, &code), -EFAULT);
	assert_int_equal(aspace_advise(fake.as, addr, PAGE_SIZE, 4), -EINVAL);
	assert_false(fake_mirror(addr));
	assert_int_equal(entry_at(addr) & PTE_WRITE, 0);
	aspace_withdraw(fake.as, 0, AZ_USER_END);
	assert_int_equal(pte_frame(entry_at(addr)), FRAME);
}

static void the_program_may_unmap_them(void **state)
{
	long addr = aspace_borrow(fake.as, parts, ARRAY_SIZE(parts));

	assert_int_equal(aspace_unmap(fake.as, addr + PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(entry_at(addr + PAGE_SIZE), 0);
	assert_int_equal(pte_frame(entry_at(addr + 2 * PAGE_SIZE)), FRAME + MB + PAGE_SIZE);
	assert_int_equal(aspace_check(fake.as), 2);
	assert_int_equal(aspace_unmap(fake.as, addr, 3 * PAGE_SIZE), 0);
	assert_int_equal(aspace_check(fake.as), 0);
}

static void limits_hold(void **state)
{
	aspace_set_limits(fake.as, 2 * PAGE_SIZE, ~0ULL);
	assert_int_equal(aspace_borrow(fake.as, parts, ARRAY_SIZE(parts)), -ENOMEM);
	assert_int_equal(aspace_check(fake.as), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_lie_one_after_the_other), TEST(nothing_can_be_changed), TEST(the_program_may_unmap_them), TEST(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
