/* SPDX-License-Identifier: GPL-2.0 */
/* The tree of regions against a plain array that does the same slowly. */
#include "unit.h"
#include "../../lwk/mm/region.c"

#define PAGES	256
#define BASE	0x100000ULL

static struct az_node_stats stats[1];
static struct regions tree;

/* The model: for each page the region that covers it, by its serial number in prot; 0: free. */
static u32 model[PAGES];

static int setup_memory(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 64 * MB, 0);
	return 0;
}

static uaddr_t page(u32 n)
{
	return BASE + n * PAGE_SIZE;
}

static struct region *make(u32 start, u32 end, u32 prot)
{
	struct region *r = kmalloc(sizeof(*r));

	r->start = page(start);
	r->end = page(end);
	r->prot = prot;
	region_insert(&tree, r);
	return r;
}

static int teardown(void **state)
{
	while (tree.root) {
		struct region *r = tree.root;

		region_remove(&tree, r);
		kfree(r);
	}
	return 0;
}

static void empty_tree(void **state)
{
	assert_null(region_next(&tree, 0));
	assert_null(region_find(&tree, BASE));
	assert_int_equal(region_check(&tree), 0);
	assert_int_equal(region_gap(&tree, page(0), page(10), 3 * PAGE_SIZE, PAGE_SIZE), page(7));
	assert_int_equal(region_gap(&tree, page(0), page(10), 11 * PAGE_SIZE, PAGE_SIZE), 0);
}

static void borders_belong_to_the_upper_region(void **state)
{
	struct region *a = make(2, 4, 1), *b = make(4, 6, 2), *c = make(9, 10, 3);

	assert_null(region_find(&tree, page(2) - 1));
	assert_ptr_equal(region_find(&tree, page(2)), a);
	assert_ptr_equal(region_find(&tree, page(4) - 1), a);
	assert_ptr_equal(region_find(&tree, page(4)), b);
	assert_null(region_find(&tree, page(6)));
	assert_ptr_equal(region_next(&tree, page(6)), c);
	assert_null(region_next(&tree, page(10)));
	assert_int_equal(region_check(&tree), 3);
}

static void split_and_join(void **state)
{
	struct file_ref file = { .refs = 1 };
	struct region *r = make(0, 10, 1), *upper;

	r->file = &file;
	r->offset = 0x5000;
	upper = region_split(&tree, r, page(4));
	assert_int_equal(upper->offset, 0x9000);
	assert_int_equal(file.refs, 2);
	assert_int_equal(region_check(&tree), 2);
	upper->prot = 2;
	assert_false(region_join(&tree, upper));
	upper->prot = 1;
	upper->offset += PAGE_SIZE;
	assert_false(region_join(&tree, upper));
	upper->offset -= PAGE_SIZE;
	assert_true(region_join(&tree, upper));
	kfree(upper);
	assert_int_equal(region_check(&tree), 1);
	assert_int_equal(r->end, page(10));
	assert_false(region_join(&tree, r));
}

static void what_is_beside_is_absorbed(void **state)
{
	struct region *a = make(2, 4, 1), *b = make(6, 8, 1), new = { .start = page(4), .end = page(5), .prot = 1 };

	assert_true(region_absorb(&tree, &new));
	assert_int_equal(a->end, page(5));
	new.start = page(5);
	new.end = page(6);
	assert_false(region_absorb(&tree, &new));	/* all three would be one */
	new.prot = 2;
	assert_false(region_absorb(&tree, &new));
	b->prot = 2;
	assert_true(region_absorb(&tree, &new));
	assert_int_equal(b->start, page(5));
	assert_int_equal(region_check(&tree), 2);
	assert_false(region_join(&tree, a));
	assert_false(region_join(&tree, b));
	b->prot = 1;
	assert_true(region_join(&tree, b));
	kfree(b);
	assert_int_equal(a->end, page(8));
	assert_int_equal(region_check(&tree), 1);
}

static void resized_files_stay_where_they_are(void **state)
{
	struct file_ref file = { .refs = 1 };
	struct region *r = make(2, 6, 1);

	make(9, 10, 1);
	r->file = &file;
	r->offset = 0x5000;
	region_resize(&tree, r, page(3), page(5));
	assert_int_equal(r->offset, 0x6000);
	assert_int_equal(region_gap(&tree, page(0), page(10), 4 * PAGE_SIZE, PAGE_SIZE), page(5));
	region_resize(&tree, r, page(1), page(6));
	assert_int_equal(r->offset, 0x4000);
	assert_int_equal(region_check(&tree), 2);
}

static uaddr_t gap(u32 pages, u32 align)
{
	region_check(&tree);
	return region_gap(&tree, page(0), page(50), pages * PAGE_SIZE, align * PAGE_SIZE);
}

static void search_begins_where_the_last_ended(void **state)
{
	struct region *a = make(20, 30, 1), *b = make(40, 41, 1), *c = make(44, 50, 1);

	assert_int_equal(gap(8, 8), page(32));
	assert_ptr_equal(tree.full, b);
	assert_int_equal(gap(2, 1), page(42));	/* less room is needed, so it begins anew */
	assert_ptr_equal(tree.full, c);
	assert_int_equal(gap(8, 8), page(32));
	make(30, 39, 1);
	region_remove(&tree, b);
	kfree(b);
	assert_int_equal(gap(8, 8), page(8));
	assert_ptr_equal(tree.full, a);
	region_resize(&tree, c, page(48), page(50));
	assert_int_equal(gap(8, 8), page(40));
	region_remove(&tree, c);
	kfree(c);
	assert_int_equal(gap(8, 1), page(42));
}

static uaddr_t model_gap(u32 low, u32 high, u32 len, u32 align)
{
	for (u32 start = high - len + 1; start-- > low;) {
		u32 n = 0;

		if (page(start) % (align * PAGE_SIZE))
			continue;
		while (n < len && !model[start + n])
			n++;
		if (n == len)
			return page(start);
	}
	return 0;
}

/* Mostly the same as last time, as programs do: such a search for room begins where the last one ended. */
static void compare(u32 *seed)
{
	bool same = next_random(seed) % 4;
	u32 low = next_random(seed) % 64, high = PAGES - (same ? 8 : next_random(seed) % 64);
	u32 len = same ? 3 : 1 + next_random(seed) % 12, align = same ? 1 : 1 << next_random(seed) % 4;

	region_check(&tree);
	for (u32 i = 0; i < PAGES; i++) {
		struct region *r = region_find(&tree, page(i) + 123);

		assert_int_equal(r ? r->prot : 0, model[i]);
	}
	if (next_random(seed) % 2)
		assert_int_equal(region_gap(&tree, page(low), page(high), len * PAGE_SIZE, align * PAGE_SIZE),
				 model_gap(low, high, len, align));
}

/* Gives @r one more page or one less, at either end. */
static void resize(struct region *r, u32 *seed)
{
	u32 start = (r->start - BASE) / PAGE_SIZE, end = (r->end - BASE) / PAGE_SIZE;
	u32 from = start, to = end;

	switch (next_random(seed) % 4) {
	case 0: from += end - start > 1; break;
	case 1: to -= end - start > 1; break;
	case 2: from -= start && !model[start - 1]; break;
	default: to += end < PAGES && !model[end];
	}
	region_resize(&tree, r, page(from), page(to));
	for (u32 i = start; i < end; i++)
		model[i] = 0;
	for (u32 i = from; i < to; i++)
		model[i] = r->prot;
}

static void random_against_model(void **state)
{
	u32 seed = 7, serial = 0;

	memset(model, 0, sizeof(model));
	for (u32 round = 0; round < 10000; round++) {
		u32 at = next_random(&seed) % PAGES, len = 1 + next_random(&seed) % 8;
		struct region *r = region_find(&tree, page(at));

		if (r && next_random(&seed) % 3 == 0 && r->start < page(at)) {
			r = region_split(&tree, r, page(at));
			r->prot = ++serial;
			for (uaddr_t a = r->start; a < r->end; a += PAGE_SIZE)
				model[(a - BASE) / PAGE_SIZE] = serial;
		} else if (r && next_random(&seed) % 2) {
			resize(r, &seed);
		} else if (r) {
			for (uaddr_t a = r->start; a < r->end; a += PAGE_SIZE)
				model[(a - BASE) / PAGE_SIZE] = 0;
			region_remove(&tree, r);
			kfree(r);
		} else {
			u32 n = 0;

			serial++;
			while (n < len && at + n < PAGES && !model[at + n])
				model[at + n++] = serial;
			make(at, at + n, serial);
		}
		compare(&seed);
	}
}

static u32 depth(const struct region *r)
{
	return r ? 1 + max(depth(r->left), depth(r->right)) : 0;
}

static void stays_shallow(void **state)
{
	for (u32 i = 0; i < 20000; i++)
		make(2 * i, 2 * i + 1, 1);
	assert_int_equal(region_check(&tree), 20000);
	assert_true(depth(tree.root) < 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(empty_tree, teardown),
		cmocka_unit_test_teardown(borders_belong_to_the_upper_region, teardown),
		cmocka_unit_test_teardown(split_and_join, teardown),
		cmocka_unit_test_teardown(what_is_beside_is_absorbed, teardown),
		cmocka_unit_test_teardown(resized_files_stay_where_they_are, teardown),
		cmocka_unit_test_teardown(search_begins_where_the_last_ended, teardown),
		cmocka_unit_test_teardown(random_against_model, teardown),
		cmocka_unit_test_teardown(stays_shallow, teardown),
	};

	return cmocka_run_group_tests_name("region", tests, setup_memory, NULL);
}
