/* SPDX-License-Identifier: GPL-2.0 */
/* Protection keys: who has which, what becomes of a range's key when its rights change, and what entries say of it. */
#include "unit.h"
#include "fake_driver.h"
#include "mm/keys.c"

#define PRIVATE		2
#define ANONYMOUS	0x20
#define FIXED		0x10
#define AT		0x10000000ULL
#define P(i)		(AT + (i) * PAGE_SIZE)
#define RW		(PROT_READ | PROT_WRITE)

static int setup(void **state)
{
	static struct az_node_stats stats[1];
	static bool added;
	struct map_args a = { AT, 8 * PAGE_SIZE, RW, PRIVATE | ANONYMOUS | FIXED, -1, 0 };

	if (!added) {
		frame_stats_bind(stats, 1);
		frame_add_range(HOST_PHYS_START, 64 * MB, 0);
		added = true;
	}
	memset(&fake, 0, sizeof(fake));
	for (u32 key = 0; key < 16; key++)
		arch_key_set_rights(key, key ? 1 : 0);
	fake.as = host_aspace = aspace_create(budget_create(0), 8 * MB);
	return aspace_map(fake.as, &a) == AT ? 0 : -1;
}

static int teardown(void **state)
{
	aspace_check(fake.as);
	aspace_put(fake.as);
	return 0;
}

static u32 key_in_entry(uaddr_t addr)
{
	u64 span, *entry = pt_find(fake.as->pgd, addr, &span);

	return entry ? pte_load(entry) >> 59 & 15 : ~0u;
}

static void given_and_taken(void **state)
{
	assert_int_equal(aspace_key_alloc(fake.as, 1, 0), -EINVAL);
	assert_int_equal(aspace_key_alloc(fake.as, 0, 4), -EINVAL);
	for (int key = 1; key < 16; key++)
		assert_int_equal(aspace_key_alloc(fake.as, 0, 2), key);
	assert_int_equal(arch_key_rights(), 0xaaaaaaa8);
	assert_int_equal(aspace_key_alloc(fake.as, 0, 0), -ENOSPC);
	assert_int_equal(aspace_key_free(fake.as, 7), 0);
	assert_int_equal(aspace_key_free(fake.as, 7), -EINVAL);
	assert_int_equal(aspace_key_free(fake.as, -1), -EINVAL);
	assert_int_equal(aspace_key_free(fake.as, 16), -EINVAL);
	assert_int_equal(aspace_key_alloc(fake.as, 0, 0), 7);
}

static void in_regions_and_entries(void **state)
{
	int code;

	assert_int_equal(aspace_fault(fake.as, P(1), FAULT_WRITE, &code), 0);
	assert_int_equal(aspace_protect_key(fake.as, P(1), PAGE_SIZE, RW, 3), -EINVAL);
	assert_int_equal(aspace_key_alloc(fake.as, 0, 0), 1);
	assert_int_equal(aspace_protect_key(fake.as, P(1), 2 * PAGE_SIZE, RW, 1), 0);
	assert_int_equal(key_in_entry(P(1)), 1);
	assert_int_equal(key_in_entry(P(0)), 0);
	assert_int_equal(aspace_key_at(fake.as, P(2)), 1);
	assert_int_equal(aspace_check(fake.as), 3);
	assert_int_equal(aspace_protect(fake.as, P(0), 8 * PAGE_SIZE, PROT_READ), 0);	/* each keeps its own */
	assert_int_equal(key_in_entry(P(1)), 1);
	assert_int_equal(key_in_entry(P(0)), 0);
	assert_int_equal(aspace_protect_key(fake.as, P(0), 8 * PAGE_SIZE, RW, 0), 0);
	assert_int_equal(key_in_entry(P(1)), 0);
	assert_int_equal(aspace_check(fake.as), 1);
}

/* A key that only takes rights away must leave no entry behind in a TLB, and no mirror: it is hidden first. */
static void another_key_zaps(void **state)
{
	int code;

	assert_int_equal(aspace_fault(fake.as, P(1), FAULT_WRITE, &code), 0);
	assert_true(fake_mirror(P(1)));
	assert_int_equal(aspace_key_alloc(fake.as, 0, 0), 1);
	assert_int_equal(aspace_protect_key(fake.as, P(0), 8 * PAGE_SIZE, RW, 1), 0);
	assert_int_equal(fake.zaps, 1);
}

static void execute_only(void **state)
{
	assert_int_equal(aspace_protect(fake.as, P(0), PAGE_SIZE, PROT_EXEC), 0);
	assert_int_equal(aspace_key_at(fake.as, P(0)), 1);
	assert_int_equal(arch_key_rights() >> 2 & 3, 1);
	assert_int_equal(aspace_key_free(fake.as, 1), -EINVAL);		/* not the program's */
	assert_int_equal(aspace_protect_key(fake.as, P(1), PAGE_SIZE, RW, 1), -EINVAL);
	assert_int_equal(aspace_key_alloc(fake.as, 0, 0), 2);
	assert_int_equal(aspace_protect(fake.as, P(0), PAGE_SIZE, PROT_EXEC | PROT_READ), 0);
	assert_int_equal(aspace_key_at(fake.as, P(0)), 0);
}

static void calls_are_judged(void **state)
{
	assert_true(aspace_keys_allow(fake.as, P(0), 8 * PAGE_SIZE, true));
	aspace_key_alloc(fake.as, 0, 2);
	aspace_protect_key(fake.as, P(2), PAGE_SIZE, RW, 1);
	assert_true(aspace_keys_allow(fake.as, P(0), 8 * PAGE_SIZE, false));
	assert_false(aspace_keys_allow(fake.as, P(0), 8 * PAGE_SIZE, true));
	assert_true(aspace_keys_allow(fake.as, P(0), 2 * PAGE_SIZE, true));
	assert_false(aspace_keys_allow(fake.as, P(0), 2 * PAGE_SIZE + 1, true));
	assert_true(aspace_keys_allow(fake.as, P(3), PAGE_SIZE, true));
	arch_key_set_rights(1, 1);
	assert_false(aspace_keys_allow(fake.as, P(2) + 5, 1, false));
	arch_key_set_rights(1, 0);
	assert_true(aspace_keys_allow(fake.as, P(0), 8 * PAGE_SIZE, true));
}

static void children_have_them(void **state)
{
	struct aspace *child;

	aspace_key_alloc(fake.as, 0, 2);
	aspace_protect_key(fake.as, P(2), PAGE_SIZE, RW, 1);
	assert_int_equal(aspace_fork_begin(fake.as, &child), 0);
	aspace_fork_end(fake.as);
	assert_int_equal(aspace_key_at(child, P(2)), 1);
	assert_int_equal(aspace_key_alloc(child, 0, 0), 2);
	aspace_put(child);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(given_and_taken), TEST(in_regions_and_entries), TEST(another_key_zaps), TEST(execute_only), TEST(calls_are_judged),
		TEST(children_have_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
