/* SPDX-License-Identifier: GPL-2.0 */
/* What is mapped is told piece by piece, lowest first, each region once, with what tells it apart. */
#include "unit.h"
#include "fake_driver.h"
#include "mm/query.c"

#define PRIVATE		2
#define ANONYMOUS	0x20
#define AT		0x10000000ULL
#define FIXED		0x10

static struct az_query q;

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
	memset(&q, 0, sizeof(q));
	fake.as = host_aspace = aspace_create(budget_create(0), 8 * MB);
	return fake.as ? 0 : -1;
}

static int teardown(void **state)
{
	aspace_check(fake.as);
	aspace_put(fake.as);
	return 0;
}

static void map(uaddr_t addr, u64 len, u32 prot)
{
	struct map_args a = { addr, len, prot, PRIVATE | ANONYMOUS | FIXED, -1, 0 };

	assert_true(aspace_map(fake.as, &a) == (long)addr);
}

static void nothing_is_mapped(void **state)
{
	aspace_query(fake.as, &q);
	assert_int_equal(q.count, 0);
}

static void regions_have_kinds(void **state)
{
	aspace_set_brk(fake.as, AT);
	assert_int_equal(aspace_brk(fake.as, AT + 3 * PAGE_SIZE), AT + 3 * PAGE_SIZE);
	map(AT + MB, PAGE_SIZE, PROT_READ);
	aspace_map_stack(fake.as);
	aspace_query(fake.as, &q);
	assert_int_equal(q.count, 3);
	assert_int_equal(q.region[0].kind, AZ_REGION_HEAP);
	assert_int_equal(q.region[0].end, AT + 3 * PAGE_SIZE);
	assert_int_equal(q.region[0].prot, PROT_READ | PROT_WRITE);
	assert_int_equal(q.region[1].kind, AZ_REGION_PLAIN);
	assert_int_equal(q.region[1].handle, -1);
	assert_int_equal(q.region[2].kind, AZ_REGION_STACK);
	assert_int_equal(q.region[2].end, AZ_USER_END);
}

static void pieces_make_the_whole(void **state)
{
	u32 regions = 2 * AZ_QUERY_REGIONS + 7, seen = 0;

	for (u32 i = 0; i < regions; i++)
		map(AT + i * PAGE_SIZE, PAGE_SIZE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE);
	do {
		aspace_query(fake.as, &q);
		for (u32 i = 0; i < q.count; i++, seen++)
			assert_int_equal(q.region[i].start, AT + seen * PAGE_SIZE);
		q.from = q.count ? q.region[q.count - 1].end : 0;
	} while (q.count == AZ_QUERY_REGIONS);
	assert_int_equal(seen, regions);
}

static u8 core_of(uaddr_t addr)
{
	struct az_region r;

	assert_true(aspace_region_at(fake.as, addr, &r));
	return r.core;
}

static void a_core_file_holds_what_may_differ_from_files(void **state)
{
	struct map_args file = { AT + MB, 4 * PAGE_SIZE, PROT_READ, PRIVATE | FIXED, 3, 0 };
	uaddr_t page = AT + MB + PAGE_SIZE;

	map(AT, 2 * PAGE_SIZE, PROT_READ);
	assert_int_equal(core_of(AT), AZ_CORE_MEMORY);
	aspace_advise(fake.as, AT, PAGE_SIZE, MADV_DONTDUMP);
	assert_int_equal(core_of(AT), AZ_CORE_NOTHING);
	assert_int_equal(core_of(AT + PAGE_SIZE), AZ_CORE_MEMORY);
	assert_true(aspace_map(fake.as, &file) == (long)file.addr);
	assert_int_equal(core_of(page), AZ_CORE_FILE);
	/* as a dynamic linker does it: relocated, then read-only for ever */
	aspace_protect(fake.as, page, PAGE_SIZE, PROT_READ | PROT_WRITE);
	assert_int_equal(core_of(page), AZ_CORE_MEMORY);
	assert_int_equal(core_of(page - PAGE_SIZE), AZ_CORE_FILE);
	aspace_protect(fake.as, page, PAGE_SIZE, PROT_READ);
	assert_int_equal(core_of(page), AZ_CORE_MEMORY);
}

static void one_address(void **state)
{
	struct az_region r;

	map(AT, 2 * PAGE_SIZE, PROT_READ);
	assert_true(aspace_region_at(fake.as, AT + PAGE_SIZE + 5, &r));
	assert_int_equal(r.start, AT);
	assert_false(aspace_region_at(fake.as, AT + 2 * PAGE_SIZE, &r));
	assert_false(aspace_region_at(fake.as, 0, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_mapped, setup, teardown),
		cmocka_unit_test_setup_teardown(regions_have_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(pieces_make_the_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_core_file_holds_what_may_differ_from_files, setup, teardown),
		cmocka_unit_test_setup_teardown(one_address, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
