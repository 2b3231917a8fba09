/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel objects: aligned, zeroed, disjoint, all given back. */
#include "unit.h"
#include "../../lwk/mm/kmalloc.c"

static struct az_node_stats stats[1];

static int setup(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 64 * MB, 0);
	return 0;
}

/* Frames not free, apart from the one empty slab that each class may keep. */
static u64 frames_held(void)
{
	u64 held = stats[0].total - stats[0].free;

	for (u32 i = 0; i < ARRAY_SIZE(classes); i++)
		held -= classes[i].empty;
	return held;
}

static bool is_zero(const u8 *p, size_t n)
{
	while (n--) {
		if (*p++)
			return false;
	}
	return true;
}

static void all_sizes_are_zeroed_and_aligned(void **state)
{
	for (size_t size = 1; size <= 3 * PAGE_SIZE; size += size < 300 ? 1 : 97) {
		u8 *p = kmalloc(size), *q = kmalloc(size);

		assert_true(p && q && is_zero(p, size) && is_zero(q, size));
		assert_true(p + size <= q || q + size <= p);
		assert_int_equal((uintptr_t)p % (size <= 32 ? 32 : 64), 0);
		if (size > 1984)
			assert_int_equal((uintptr_t)p % PAGE_SIZE, 0);
		memset(p, 0xff, size);
		memset(q, 0xff, size);
		kfree(p);
		kfree(q);
	}
	assert_int_equal(frames_held(), 0);
}

static void up_to_2_mb(void **state)
{
	u8 *p = kmalloc(LARGE_SIZE);

	assert_true(p && is_zero(p, LARGE_SIZE));
	kfree(p);
	assert_null(kmalloc(LARGE_SIZE + 1));
	assert_int_equal(frames_held(), 0);
}

static void slabs_fill_up_and_go(void **state)
{
	static void *p[1000];

	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = kmalloc(64);
			assert_non_null(p[i]);
		}
		for (u32 i = 0; i < ARRAY_SIZE(p); i++)
			kfree(p[(i * 7) % ARRAY_SIZE(p)]);
		assert_int_equal(frames_held(), 0);
	}
}

static void shortage_is_null(void **state)
{
	struct list held;
	struct list *l, *next;

	list_init(&held);
	while ((l = kmalloc(LARGE_SIZE)) || (l = kmalloc(PAGE_SIZE)))
		list_add(l, &held);
	while ((l = kmalloc(1984)))
		list_add(l, &held);
	assert_null(kmalloc(1984));
	list_for_each_safe(l, next, &held)
		kfree(l);
	assert_int_equal(frames_held(), 0);
}

static void mistakes_fail_checks(void **state)
{
	char *p = kmalloc(100), *q = kmalloc(2 * PAGE_SIZE);

	assert_check_fails(kfree(p + 1));
	assert_check_fails(kfree(q + PAGE_SIZE));
	kfree(NULL);
	kfree(p);
	kfree(q);
	assert_check_fails(kfree(p));
	assert_check_fails(kfree(q));
}

static void *churn(void *arg)
{
	u32 seed = (uintptr_t)arg + 1;
	u8 *held[64] = { 0 };
	size_t size[64];

	for (u32 i = 0; i < 8000; i++) {
		u32 n = next_random(&seed) % 64;

		if (held[n]) {
			assert_int_equal(held[n][0], n + 1);
			assert_int_equal(held[n][size[n] - 1], n + 1);
			kfree(held[n]);
			held[n] = NULL;
		} else {
			size[n] = 1 + next_random(&seed) % 5000;
			held[n] = kmalloc(size[n]);
			assert_non_null(held[n]);
			memset(held[n], n + 1, size[n]);
		}
	}
	for (u32 n = 0; n < 64; n++)
		kfree(held[n]);
	return NULL;
}

static void threads_share(void **state)
{
	run_threads(churn);
	assert_int_equal(frames_held(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes_are_zeroed_and_aligned),
		cmocka_unit_test(up_to_2_mb),
		cmocka_unit_test(slabs_fill_up_and_go),
		cmocka_unit_test(shortage_is_null),
		cmocka_unit_test(mistakes_fail_checks),
		cmocka_unit_test(threads_share),
	};

	return cmocka_run_group_tests_name("kmalloc", tests, setup, NULL);
}
