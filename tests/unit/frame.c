/* SPDX-License-Identifier: GPL-2.0 */
/* The frame allocator: no frame twice, none lost, none touched before it is needed. */
#include "unit.h"
#include "../../lwk/mm/frame.c"

#define NODE_SIZE	(64 * MB)

#define CPUS		8	/* with pools of their own, in some tests; every second one on node 1 */

static struct az_node_stats shared[2];
static struct frame_pool pools[CPUS];
static u64 pool_free[CPUS];

/* Two nodes; the first range begins in the middle of a 2 MB block, as it does after the kernel's image. */
static int setup(void **state)
{
	range_count = 0;
	host_cpu = host_node = 0;
	memset(nodes, 0, sizeof(nodes));
	memset(cpu_pools, 0, sizeof(cpu_pools));
	memset(pools, 0, sizeof(pools));
	memset(pool_free, 0, sizeof(pool_free));
	cpus_end = 0;
	memset(shared, 0, sizeof(shared));
	memset(own_stats, 0, sizeof(own_stats));
	stats = own_stats;
	frame_stats_bind(shared, 2);
	frame_add_range(HOST_PHYS_START + 0x53000, NODE_SIZE - 0x53000, 0);
	frame_add_range(HOST_PHYS_START + NODE_SIZE, NODE_SIZE, 1);
	return 0;
}

static void be_cpu(u32 cpu)
{
	host_cpu = cpu;
	host_node = cpu % 2;
}

/* The same, and CPUs have pools. */
static int setup_pools(void **state)
{
	setup(state);
	for (u32 cpu = CPUS; cpu-- > 0;) {
		be_cpu(cpu);
		frame_pool_add(cpu, &pools[cpu], &pool_free[cpu]);
	}
	return 0;
}

static u64 total_free(void)
{
	u64 frames = shared[0].free + shared[1].free;

	for (u32 cpu = 0; cpu < CPUS; cpu++)
		frames += pool_free[cpu];
	return frames;
}

static void counts_start_full(void **state)
{
	u64 frames = NODE_SIZE >> PAGE_SHIFT;

	assert_int_equal(shared[0].free, shared[0].total);
	assert_int_equal(shared[1].free, shared[1].total);
	/* metadata takes four bytes per frame, in whole 2 MB blocks */
	assert_int_equal(shared[1].total, frames - ALIGN_UP(frames * 4 / PAGE_SIZE, LARGE_SIZE >> PAGE_SHIFT));
	assert_int_equal(shared[0].total, frames - ALIGN_UP(0x53 + frames * 4 / PAGE_SIZE, LARGE_SIZE >> PAGE_SHIFT));
}

/* Takes everything at one order, checks that it is disjoint and inside, gives it back in a mixed order. */
static void exhaust(u32 order)
{
	u64 size = PAGE_SIZE << order, count = 0, before = total_free();
	static paddr_t got[2 * NODE_SIZE / PAGE_SIZE];
	static u8 seen[2 * NODE_SIZE / PAGE_SIZE];
	paddr_t p;

	memset(seen, 0, sizeof(seen));
	while ((p = frame_alloc(order, 0))) {
		u64 first = (p - HOST_PHYS_START) >> PAGE_SHIFT;

		assert_int_equal(p % size, 0);
		assert_true(p >= HOST_PHYS_START && p + size <= HOST_PHYS_START + 2 * NODE_SIZE);
		for (u64 i = 0; i < 1u << order; i++)
			assert_int_equal(seen[first + i]++, 0);
		got[count++] = p;
	}
	assert_int_equal(total_free(), before - (count << order));
	for (u64 i = 0; i < count; i += 2)
		frame_free(got[i], order);
	for (u64 i = 1; i < count; i += 2)
		frame_free(got[i], order);
	assert_int_equal(total_free(), before);
}

static void all_orders_give_all_memory(void **state)
{
	for (u32 order = 0; order < FRAME_ORDERS; order++)
		exhaust(order);
	/* everything has merged again: as many large blocks as at the start */
	for (u32 order = LARGE_ORDER + 1; order-- > 0;)
		exhaust(order);
	exhaust(0);
	assert_true(frame_alloc(LARGE_ORDER, 0) != 0);
}

static void prefers_its_node_then_any(void **state)
{
	u64 node1 = HOST_PHYS_START + NODE_SIZE;
	u64 count = shared[1].total;

	for (u64 i = 0; i < count; i++)
		assert_true(frame_alloc(0, 1) >= node1);
	assert_int_equal(shared[1].free, 0);
	assert_true(frame_alloc(0, 1) < node1);
}

static void fresh_memory_is_not_touched(void **state)
{
	struct frame_range *r = &ranges[1];
	paddr_t fresh = r->fresh;
	u32 *memory = phys_to_virt(fresh + LARGE_SIZE);
	struct frame_meta *meta = metadata_of(r, fresh + LARGE_SIZE);

	memset(memory, 0xa5, PAGE_SIZE);
	memset(meta, 0xa5, sizeof(*meta));
	assert_true(frame_alloc(0, 1) < fresh + LARGE_SIZE);
	assert_true(r->fresh <= fresh + LARGE_SIZE);
	assert_int_equal(*memory, 0xa5a5a5a5);
	assert_int_equal(*(u8 *)meta, 0xa5);
}

/* Metadata that was left by an earlier kernel must not count. */
static void garbage_metadata_is_harmless(void **state)
{
	struct frame_range *r = &ranges[1];

	memset(metadata_of(r, r->fresh), FRAME_FREE, 8 * 512 * sizeof(struct frame_meta));
	memset(owner_of(r, r->fresh), 0xff, 8 * sizeof(u16));
	for (u32 order = 0; order < FRAME_ORDERS; order++) {
		paddr_t p = frame_alloc(order, 1);

		frame_free(p, order);
	}
	exhaust(3);
}

static void mistakes_fail_checks(void **state)
{
	paddr_t p = frame_alloc(2, 0), q = frame_alloc(0, 0);

	frame_free(q, 0);
	assert_check_fails(frame_free(q, 0));
	assert_check_fails(frame_free(p, 1));
	assert_check_fails(frame_free(p + PAGE_SIZE, 2));
	assert_check_fails(frame_free(p + PAGE_SIZE, 0));
	assert_check_fails(frame_free(p + 12, 0));
	assert_check_fails(frame_free(0x1000, 0));
	assert_check_fails(frame_free(ranges[1].fresh, 0));
	assert_check_fails(frame_alloc(FRAME_ORDERS, 0));
	frame_free(p, 2);
	assert_check_fails(frame_free(p, 2));
	assert_check_fails(frame_share(p, 2));
	assert_check_fails(frame_is_shared(p, 2));
	assert_check_fails(frame_split(p, 2));
	assert_check_fails(frame_pin(p, 2));
}

static void split_blocks_are_freed_one_by_one(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(LARGE_ORDER, 0);

	frame_split(p, LARGE_ORDER);
	for (u32 i = 0; i < 512; i++)
		frame_free(p + (i ^ 5) * PAGE_SIZE, 0);
	assert_int_equal(total_free(), before);
	assert_int_equal(frame_alloc(LARGE_ORDER, 0), p);
}

/* What is kept of a block is freed page by page, the rest is at once what the largest blocks can be made of. */
static void carved_blocks(void **state)
{
	static const u64 counts[] = { 0, 1, 2, 7, 375, 511, 512 };
	u64 before = total_free();
	paddr_t p, half;

	for (u32 n = 0; n < ARRAY_SIZE(counts); n++) {
		p = frame_alloc(LARGE_ORDER, 0);
		frame_carve(p, LARGE_ORDER, counts[n]);
		assert_int_equal(total_free(), before - counts[n]);
		if (counts[n] == 7) {
			half = frame_alloc(LARGE_ORDER - 1, 0);
			assert_int_equal(half, p + LARGE_SIZE / 2);
			frame_free(half, LARGE_ORDER - 1);
		}
		for (u64 i = 0; i < counts[n]; i++)
			frame_free(p + i * PAGE_SIZE, 0);
		assert_int_equal(total_free(), before);
	}
	p = frame_alloc(0, 0);
	frame_carve(p, 0, 1);
	frame_free(p, 0);
	assert_int_equal(total_free(), before);
	p = frame_alloc(1, 0);
	assert_true(frame_share(p, 1));
	assert_check_fails(frame_carve(p, 1, 1));
}

static void the_last_owner_frees(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(3, 0);

	assert_false(frame_is_shared(p, 3));
	assert_true(frame_share(p, 3));
	assert_true(frame_share(p, 3));
	assert_true(frame_is_shared(p, 3));
	frame_free(p, 3);
	frame_free(p, 3);
	assert_false(frame_is_shared(p, 3));
	assert_int_equal(total_free(), before - 8);
	frame_free(p, 3);
	assert_int_equal(total_free(), before);
	p = frame_alloc(0, 0);
	for (u32 i = 0; i < SHARES_MAX; i++)
		assert_true(frame_share(p, 0));
	assert_check_fails(frame_share(p, 0));
}

/* One owner splits a block and frees parts; the other goes on with the whole. */
static void owners_of_different_sizes(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(LARGE_ORDER, 0);

	assert_true(frame_share(p, LARGE_ORDER));
	frame_split(p, LARGE_ORDER);
	frame_split(p, LARGE_ORDER);
	for (u32 i = 0; i < 512; i++) {
		if (i != 7)
			frame_free(p + i * PAGE_SIZE, 0);
	}
	assert_int_equal(total_free(), before - 512);
	assert_true(frame_is_shared(p, LARGE_ORDER));
	assert_false(frame_is_shared(p, 0));
	assert_true(frame_is_shared(p + 7 * PAGE_SIZE, 0));
	assert_true(frame_share(p, LARGE_ORDER));
	frame_free(p, LARGE_ORDER);
	assert_int_equal(total_free(), before - 512);
	frame_free(p, LARGE_ORDER);
	assert_int_equal(total_free(), before - 1);
	frame_free(p + 7 * PAGE_SIZE, 0);
	assert_int_equal(total_free(), before);
	assert_int_equal(frame_alloc(LARGE_ORDER, 0), p);
}

static void pinned_frames_are_not_shared(void **state)
{
	paddr_t p = frame_alloc(LARGE_ORDER, 0);

	frame_split(p, LARGE_ORDER);
	frame_pin(p + 9 * PAGE_SIZE, 0);
	assert_false(frame_share(p, LARGE_ORDER));
	assert_false(frame_is_shared(p, LARGE_ORDER));
	assert_true(frame_share(p, 0));
	frame_free(p, 0);
	frame_pin(p, LARGE_ORDER);
	frame_unpin(p, LARGE_ORDER);
	frame_unpin(p + 9 * PAGE_SIZE, 0);
	assert_true(frame_share(p, LARGE_ORDER));
}

static void pinned_frames_wait_in_quarantine(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(0, 0);

	frame_pin(p, 0);
	frame_pin(p, 0);
	frame_free(p, 0);
	assert_int_equal(total_free(), before - 1);
	assert_int_equal(shared[0].quarantined, 1);
	frame_unpin(p, 0);
	assert_int_equal(shared[0].quarantined, 1);
	frame_unpin(p, 0);
	assert_int_equal(shared[0].quarantined, 0);
	assert_int_equal(total_free(), before);
}

static void unpin_may_come_first(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(LARGE_ORDER, 0);

	frame_unpin(p, LARGE_ORDER);
	frame_pin(p, LARGE_ORDER);
	frame_free(p, LARGE_ORDER);
	assert_int_equal(total_free(), before);
	assert_int_equal(shared[0].quarantined, 0);
}

static void pins_survive_a_split(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(LARGE_ORDER, 0);

	frame_pin(p, LARGE_ORDER);
	frame_split(p, LARGE_ORDER);
	for (u32 i = 0; i < 512; i++)
		frame_free(p + i * PAGE_SIZE, 0);
	assert_int_equal(shared[0].quarantined, 512);
	frame_unpin(p, LARGE_ORDER);
	assert_int_equal(shared[0].quarantined, 0);
	assert_int_equal(total_free(), before);
}

/* Linux is not believed. */
static void wrong_unpins_change_nothing(void **state)
{
	u64 before = total_free();
	paddr_t p = frame_alloc(0, 0);

	frame_free(p, 0);
	frame_unpin(p, 0);
	frame_unpin(0x1000, 0);
	frame_unpin(p + 1, 0);
	frame_unpin(p, 60);
	frame_unpin(ranges[1].end - PAGE_SIZE, 0);
	assert_int_equal(total_free(), before);
}

static void *churn(void *arg)
{
	u32 seed = (uintptr_t)arg + 1;
	paddr_t held[32] = { 0 };
	u32 order[32];

	for (u32 i = 0; i < 8000; i++) {
		u32 n = next_random(&seed) % 32;

		if (held[n]) {
			assert_int_equal(*(u64 *)phys_to_virt(held[n]), held[n] ^ (uintptr_t)arg);
			frame_free(held[n], order[n]);
			held[n] = 0;
		} else {
			order[n] = next_random(&seed) % FRAME_ORDERS;
			held[n] = frame_alloc(order[n], (uintptr_t)arg & 1);
			if (held[n])
				*(u64 *)phys_to_virt(held[n]) = held[n] ^ (uintptr_t)arg;
		}
	}
	for (u32 n = 0; n < 32; n++) {
		if (held[n])
			frame_free(held[n], order[n]);
	}
	return NULL;
}

static void threads_share(void **state)
{
	u64 before = total_free();

	run_threads(churn);
	assert_int_equal(total_free(), before);
	exhaust(LARGE_ORDER);
}

/* ---- Pools of CPUs ---- */

static void a_frame_stays_with_its_cpu(void **state)
{
	paddr_t first, second;

	be_cpu(0);
	first = frame_alloc(4, 0);
	assert_int_equal(pool_free[0], 512 - 16);
	assert_int_equal(shared[0].free, shared[0].total - 512);
	be_cpu(2);
	second = frame_alloc(4, 0);
	assert_true(ALIGN_DOWN(first, LARGE_SIZE) != ALIGN_DOWN(second, LARGE_SIZE));
	frame_free(first, 4);		/* on another CPU, but back to where it came from */
	assert_int_equal(pool_free[0], 512);
	assert_int_equal(pool_free[2], 512 - 16);
	assert_int_equal(frame_alloc(4, 0) ^ second, PAGE_SIZE << 4);
	be_cpu(0);
	assert_int_equal(frame_alloc(4, 0), first);
	assert_int_equal(total_free(), shared[0].total + shared[1].total - 3 * 16);
}

/* What is asked of another node, and what is a whole 2 MB, comes from the node's pool. */
static void pools_are_for_small_blocks_of_their_node(void **state)
{
	be_cpu(0);
	assert_true(frame_alloc(0, 1) >= HOST_PHYS_START + NODE_SIZE);
	assert_true(frame_alloc(LARGE_ORDER, 0) < HOST_PHYS_START + NODE_SIZE);
	assert_int_equal(pool_free[0] + pool_free[1], 0);
	assert_int_equal(shared[1].free, shared[1].total - 1);
	assert_int_equal(shared[0].free, shared[0].total - 512);
}

/* Parts of 2 MB that the node has are used before another 2 MB is taken. */
static void parts_are_used_up_first(void **state)
{
	paddr_t p = frame_alloc(LARGE_ORDER, 0);

	frame_carve(p, LARGE_ORDER, 500);
	for (u32 i = 0; i < 12; i++)
		assert_int_equal(ALIGN_DOWN(frame_alloc(0, 0), LARGE_SIZE), p);
	assert_int_equal(pool_free[0], 0);
	assert_true(ALIGN_DOWN(frame_alloc(0, 0), LARGE_SIZE) != p);
	assert_int_equal(pool_free[0], 511);
}

static void a_pool_keeps_one_free_block(void **state)
{
	static paddr_t got[3 * 512];

	for (u32 i = 0; i < 3 * 512; i++)
		got[i] = frame_alloc(0, 0);
	assert_int_equal(pool_free[0], 0);
	for (u32 i = 0; i < 3 * 512; i++)
		frame_free(got[i], 0);
	assert_int_equal(pool_free[0], 512);
	assert_int_equal(shared[0].free, shared[0].total - 512);
}

/* Memory is short only when no pool has a frame: one CPU can have all that others have left over. */
static void shortage_empties_all_pools(void **state)
{
	static paddr_t held[CPUS];
	u64 count = 0, all;

	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		be_cpu(cpu);
		held[cpu] = frame_alloc(3, cpu % 2);
		if (cpu >= 4)
			frame_free(held[cpu], 3);	/* a whole block is left there, else parts of one */
	}
	be_cpu(3);
	all = total_free();
	while (frame_alloc(LARGE_ORDER, 0))
		count += 512;
	assert_int_equal(total_free(), 4 * (512 - 8));
	while (frame_alloc(0, 0))
		count++;
	assert_int_equal(count, all);
	assert_int_equal(total_free(), 0);
	frame_free(held[0], 3);
	assert_int_equal(frame_alloc(3, 1), held[0]);
}

/* A policy that names nodes is kept when it comes to the pools of others. */
static void shortage_keeps_to_nodes(void **state)
{
	be_cpu(1);
	frame_alloc(0, 1);
	be_cpu(0);
	while (frame_alloc_from(0, 0, 1))
		;
	assert_int_equal(total_free(), shared[1].total - 1);
}

static void wrong_unpins_with_pools(void **state)
{
	paddr_t p = frame_alloc(0, 0);
	u64 before;

	memset(ranges[0].pool, 0xff, 2);		/* of the metadata itself, which has no pool */
	frame_unpin(ranges[0].base, 0);
	frame_pin(p, 0);
	frame_free(p, 0);
	before = total_free();
	assert_int_equal(shared[0].quarantined, 1);
	frame_unpin(p, 0);
	assert_int_equal(total_free(), before + 1);
	frame_unpin(p, 0);
	assert_int_equal(total_free(), before + 1);
	assert_int_equal(shared[0].quarantined, 0);
}

static void *churn_on_cpu(void *arg)
{
	be_cpu((uintptr_t)arg % CPUS);
	return churn(arg);
}

/* Frames that one CPU has taken are freed on another, while both use their pools. */
static void *churn_crosswise(void *arg)
{
	static paddr_t mailbox[64];
	u32 seed = (uintptr_t)arg + 77;

	be_cpu((uintptr_t)arg % CPUS);
	for (u32 i = 0; i < 8000; i++) {
		paddr_t mine = frame_alloc(next_random(&seed) % 2 * 4, host_node), other;

		other = __atomic_exchange_n(&mailbox[next_random(&seed) % 64], mine, __ATOMIC_ACQ_REL);
		if (other)
			frame_free(other, frame_order(other));
	}
	for (u32 i = 0; i < 64; i++) {
		paddr_t other = __atomic_exchange_n(&mailbox[i], 0, __ATOMIC_ACQ_REL);

		if (other)
			frame_free(other, frame_order(other));
	}
	return NULL;
}

static void threads_use_pools(void **state)
{
	u64 before = total_free();

	run_threads(churn_on_cpu);
	assert_int_equal(total_free(), before);
	run_threads(churn_crosswise);
	be_cpu(0);
	assert_int_equal(total_free(), before);
	exhaust(LARGE_ORDER);
	exhaust(0);
}

static void commitment_is_bounded(void **state)
{
	struct budget *common = budget_create(0);
	u64 used = commit_in_use();

	assert_false(budget_reserve(common, 1ULL << 60));
	assert_false(budget_reserve(common, ~0ULL));
	assert_int_equal(commit_in_use(), used);
	assert_true(budget_reserve(common, MB));
	assert_int_equal(commit_in_use(), used + MB);
	budget_release(common, MB);
	assert_check_fails(budget_release(common, used + 1));
}

/* A family's budget is one for all who hold it, and goes back when the last of them is gone. */
static void a_familys_budget(void **state)
{
	u64 used = commit_in_use();
	struct budget *b = budget_create(8 * MB);

	assert_non_null(b);
	assert_null(budget_create(1ULL << 40));
	assert_int_equal(commit_in_use(), used + 8 * MB);
	assert_ptr_equal(budget_get(b), b);
	assert_true(budget_reserve(b, 5 * MB));
	assert_false(budget_reserve(b, 4 * MB));
	assert_false(budget_promise(b, 3 * MB));	/* the rest is for what is touched without asking */
	assert_true(budget_reserve(b, 3 * MB));
	assert_int_equal(commit_in_use(), used + 8 * MB);
	budget_put(b);
	assert_check_fails(budget_put(b));		/* still in use */
	budget_release(b, 8 * MB);
	assert_int_equal(commit_in_use(), used + 8 * MB);
	budget_put(b);
	assert_int_equal(commit_in_use(), used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_start_full, setup),
		cmocka_unit_test_setup(all_orders_give_all_memory, setup),
		cmocka_unit_test_setup(all_orders_give_all_memory, setup_pools),
		cmocka_unit_test_setup(prefers_its_node_then_any, setup),
		cmocka_unit_test_setup(prefers_its_node_then_any, setup_pools),
		cmocka_unit_test_setup(fresh_memory_is_not_touched, setup),
		cmocka_unit_test_setup(garbage_metadata_is_harmless, setup),
		cmocka_unit_test_setup(garbage_metadata_is_harmless, setup_pools),
		cmocka_unit_test_setup(mistakes_fail_checks, setup),
		cmocka_unit_test_setup(mistakes_fail_checks, setup_pools),
		cmocka_unit_test_setup(split_blocks_are_freed_one_by_one, setup),
		cmocka_unit_test_setup(split_blocks_are_freed_one_by_one, setup_pools),
		cmocka_unit_test_setup(carved_blocks, setup),
		cmocka_unit_test_setup(the_last_owner_frees, setup),
		cmocka_unit_test_setup(the_last_owner_frees, setup_pools),
		cmocka_unit_test_setup(owners_of_different_sizes, setup),
		cmocka_unit_test_setup(pinned_frames_are_not_shared, setup),
		cmocka_unit_test_setup(pinned_frames_wait_in_quarantine, setup),
		cmocka_unit_test_setup(pinned_frames_wait_in_quarantine, setup_pools),
		cmocka_unit_test_setup(unpin_may_come_first, setup),
		cmocka_unit_test_setup(pins_survive_a_split, setup),
		cmocka_unit_test_setup(pins_survive_a_split, setup_pools),
		cmocka_unit_test_setup(wrong_unpins_change_nothing, setup),
		cmocka_unit_test_setup(wrong_unpins_change_nothing, setup_pools),
		cmocka_unit_test_setup(threads_share, setup),
		cmocka_unit_test_setup(a_frame_stays_with_its_cpu, setup_pools),
		cmocka_unit_test_setup(pools_are_for_small_blocks_of_their_node, setup_pools),
		cmocka_unit_test_setup(parts_are_used_up_first, setup_pools),
		cmocka_unit_test_setup(a_pool_keeps_one_free_block, setup_pools),
		cmocka_unit_test_setup(shortage_empties_all_pools, setup_pools),
		cmocka_unit_test_setup(shortage_keeps_to_nodes, setup_pools),
		cmocka_unit_test_setup(wrong_unpins_with_pools, setup_pools),
		cmocka_unit_test_setup(threads_use_pools, setup_pools),
		cmocka_unit_test_setup(commitment_is_bounded, setup),
		cmocka_unit_test_setup(a_familys_budget, setup),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
