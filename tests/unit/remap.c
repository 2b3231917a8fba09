/* SPDX-License-Identifier: GPL-2.0 */
/* mremap: Linux's errors, contents that move without being copied, accounts, and places that do not suit large pages. */
#include "unit.h"
#include "fake_driver.h"
#include "scarce.h"
#include "touch.h"

#define RW		(PROT_READ | PROT_WRITE)
#define SHARED_FIXED	0x11
#define PRIVATE_FIXED	0x12
#define ANON		0x20
#define NORESERVE	0x4000
#define POPULATE	0x8000
#define MAYMOVE		1
#define FIXED		2
#define DONTUNMAP	4
#define P(n)		(0x10000000ULL + (n) * PAGE_SIZE)
#define LARGE(n)	(0x40000000ULL + (n) * LARGE_SIZE)
#define KB		1024ULL
#define SLABS_KEPT	10

static struct az_node_stats stats[1];
static struct aspace *as;
static struct az_memory used;

static int setup_memory(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 256 * MB, 0);
	return 0;
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	as = fake.as = aspace_create(budget_create(0), 8 * MB);
	assert_non_null(as);
	aspace_bind(as, &used);
	return 0;
}

static int teardown(void **state)
{
	aspace_check(as);
	aspace_put(as);
	assert_int_equal(commit_in_use(), 0);
	assert_int_equal(stats[0].quarantined, 0);
	assert_true(stats[0].total - stats[0].free <= SLABS_KEPT);
	return 0;
}

static void map(uaddr_t addr, u64 len, u32 prot, u32 flags)
{
	struct map_args a = { addr, len, prot, PRIVATE_FIXED | ANON | flags, -1, 0 };

	assert_int_equal(aspace_map(as, &a), addr);
}

static void map_file(uaddr_t addr, u64 len, u32 flags, int fd)
{
	struct map_args a = { addr, len, RW, flags, fd, 0 };

	assert_int_equal(aspace_map(as, &a), addr);
}

static long remap(uaddr_t addr, u64 old_len, u64 new_len, u64 flags, uaddr_t to)
{
	struct remap_args a = { addr, old_len, new_len, flags, to };
	long ret = aspace_remap(as, &a);

	aspace_check(as);
	return ret;
}

static void linux_errors(void **state)
{
	map(P(0), 4 * PAGE_SIZE, RW, 0);
	map(P(4), 4 * PAGE_SIZE, PROT_READ, 0);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, 8, 0), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, 1ULL << 32, 0), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, FIXED, P(100)), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, DONTUNMAP, 0), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE | DONTUNMAP, 0), -EINVAL);
	assert_int_equal(remap(P(0) + 1, PAGE_SIZE, PAGE_SIZE, 0, 0), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, 0, 0, 0), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, ~0ULL, 0, 0), -EINVAL);
	assert_int_equal(remap(P(50), PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE, 0), -EFAULT);
	assert_int_equal(remap(P(2), 4 * PAGE_SIZE, 8 * PAGE_SIZE, MAYMOVE, 0), -EFAULT);
	assert_int_equal(remap(P(0), 0, PAGE_SIZE, MAYMOVE, 0), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, 2 * PAGE_SIZE, 0, 0), -ENOMEM);
	assert_int_equal(remap(P(0), PAGE_SIZE, 1ULL << 46, MAYMOVE, 0), -ENOMEM);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, MAYMOVE | FIXED, P(100) + 1), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE | FIXED, AZ_USER_END - PAGE_SIZE), -EINVAL);
	assert_int_equal(remap(P(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE | FIXED, P(1)), -EINVAL);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, MAYMOVE | FIXED, 0), -EPERM);
	assert_int_equal(remap(P(0), ~0ULL << 13, PAGE_SIZE, 0, 0), -EINVAL);
	assert_int_equal(aspace_check(as), 2);
	assert_int_equal(used.committed, 4 * PAGE_SIZE);
}

static void shrinks(void **state)
{
	map(P(0), 8 * PAGE_SIZE, RW, POPULATE);
	poke(as, P(1), 5);
	assert_int_equal(remap(P(0), 8 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0), P(0));
	assert_int_equal(remap(P(0), 8 * PAGE_SIZE, 5 * KB, 0, 0), P(0));
	assert_int_equal(used.resident, 2 * PAGE_SIZE);
	assert_int_equal(used.committed, 2 * PAGE_SIZE);
	assert_int_equal(peek(as, P(1)), 5);
	assert_int_equal(remap(P(0), 2 * PAGE_SIZE, PAGE_SIZE, MAYMOVE | FIXED, P(50)), P(50));
	assert_int_equal(fault(as, P(0), 0), -EFAULT);
	assert_int_equal(fault(as, P(1), 0), -EFAULT);
	assert_int_equal(used.committed, PAGE_SIZE);
}

static void grows_in_place(void **state)
{
	map(P(0), 2 * PAGE_SIZE, RW, POPULATE);
	map(P(8), PAGE_SIZE, RW, 0);
	poke(as, P(1), 5);
	assert_int_equal(remap(P(0), 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0), P(0));
	assert_int_equal(used.committed, 5 * PAGE_SIZE);
	assert_int_equal(peek(as, P(1)), 5);
	assert_int_equal(peek(as, P(3)), 0);
	assert_int_equal(remap(P(1), 3 * PAGE_SIZE, 7 * PAGE_SIZE, MAYMOVE, 0), P(1));
	assert_int_equal(aspace_check(as), 1);		/* it meets what is alike */
	assert_int_equal(remap(P(0), 9 * PAGE_SIZE, 10 * PAGE_SIZE, 0, 0), P(0));
	map(P(10), PAGE_SIZE, PROT_READ, 0);
	assert_int_equal(remap(P(0), 10 * PAGE_SIZE, 11 * PAGE_SIZE, 0, 0), -ENOMEM);
	aspace_set_limits(as, 12 * PAGE_SIZE, ~0ULL);
	assert_int_equal(remap(P(0), 10 * PAGE_SIZE, 12 * PAGE_SIZE, MAYMOVE, 0), -ENOMEM);
	aspace_set_limits(as, ~0ULL, 11 * PAGE_SIZE);
	assert_int_equal(remap(P(0), 10 * PAGE_SIZE, 12 * PAGE_SIZE, MAYMOVE, 0), -ENOMEM);
	aspace_set_limits(as, ~0ULL, ~0ULL);
	assert_int_equal(remap(P(0), 10 * PAGE_SIZE, 1ULL << 40, MAYMOVE, 0), -ENOMEM);	/* not promised */
	assert_int_equal(used.committed, 10 * PAGE_SIZE);
}

static void moves_without_a_copy(void **state)
{
	paddr_t small, large;
	uaddr_t a, b;

	map(P(0), 2 * PAGE_SIZE, RW, POPULATE);
	map(P(2), PAGE_SIZE, PROT_READ, 0);
	map(LARGE(0), LARGE_SIZE, RW, POPULATE);
	map(LARGE(1), PAGE_SIZE, PROT_READ, 0);
	poke(as, P(1), 5);
	poke(as, LARGE(0) + 9 * PAGE_SIZE, 6);
	small = frame_at(as, P(1));
	large = frame_at(as, LARGE(0));
	a = remap(P(0), 2 * PAGE_SIZE, 9 * PAGE_SIZE, MAYMOVE, 0);
	b = remap(LARGE(0), LARGE_SIZE, 3 * LARGE_SIZE, MAYMOVE, 0);
	assert_int_equal(frame_at(as, a + PAGE_SIZE), small);
	assert_int_equal(frame_at(as, b), large);
	assert_int_equal(pte_span(entry_at(as, b)), LARGE_SIZE);
	assert_int_equal(peek(as, b + 9 * PAGE_SIZE), 6);
	poke(as, a + PAGE_SIZE, 7);
	assert_int_equal(fault(as, P(1), 0), -EFAULT);
	assert_int_equal(fault(as, LARGE(0), 0), -EFAULT);
	assert_int_equal(used.resident, LARGE_SIZE + 2 * PAGE_SIZE);
	assert_int_equal(used.committed, 3 * LARGE_SIZE + 9 * PAGE_SIZE);
	assert_int_equal(fake.calls, 0);
}

/* The new place does not lie as the old one within 2 MB: the page is split. */
static void large_pages_at_odd_places(void **state)
{
	paddr_t frame;

	map(LARGE(0), 2 * LARGE_SIZE, RW, POPULATE);
	for (u32 i = 0; i < 1024; i++)
		poke(as, LARGE(0) + i * PAGE_SIZE, i);
	frame = frame_at(as, LARGE(0));
	assert_int_equal(remap(LARGE(0), LARGE_SIZE, LARGE_SIZE, MAYMOVE | FIXED, LARGE(8) + 3 * PAGE_SIZE), LARGE(8) + 3 * PAGE_SIZE);
	assert_int_equal(frame_at(as, LARGE(8) + 10 * PAGE_SIZE), frame + 7 * PAGE_SIZE);
	assert_int_equal(remap(LARGE(8) + 3 * PAGE_SIZE, LARGE_SIZE, LARGE_SIZE, MAYMOVE | FIXED, LARGE(0)), LARGE(0));
	for (u32 i = 0; i < 1024; i++)
		assert_int_equal(peek(as, LARGE(0) + i * PAGE_SIZE), (u8)i);
	assert_int_equal(pte_span(entry_at(as, LARGE(1))), LARGE_SIZE);
	/* a table of small entries stands where the large one should go */
	assert_int_equal(remap(LARGE(1), LARGE_SIZE, LARGE_SIZE, MAYMOVE | FIXED, LARGE(8)), LARGE(8));
	assert_int_equal(pte_span(entry_at(as, LARGE(8))), PAGE_SIZE);
	assert_int_equal(peek(as, LARGE(8) + 7 * PAGE_SIZE), (u8)(512 + 7));
	assert_int_equal(aspace_check(as), 2);
}

static void parts_move_over_others(void **state)
{
	map(P(0), 8 * PAGE_SIZE, RW, POPULATE);
	for (u32 i = 0; i < 8; i++)
		poke(as, P(i), i);
	assert_int_equal(remap(P(1), 2 * PAGE_SIZE, 3 * PAGE_SIZE, MAYMOVE | FIXED, P(4)), P(4));
	assert_int_equal(peek(as, P(4)), 1);
	assert_int_equal(peek(as, P(5)), 2);
	assert_int_equal(peek(as, P(6)), 0);
	assert_int_equal(peek(as, P(7)), 7);
	assert_int_equal(fault(as, P(1), 0), -EFAULT);
	assert_int_equal(aspace_check(as), 2);
	assert_int_equal(used.committed, 6 * PAGE_SIZE);
}

static void rights_move_with_the_pages(void **state)
{
	map(P(0), 2 * PAGE_SIZE, RW, POPULATE);
	poke(as, P(0), 5);
	assert_int_equal(aspace_protect(as, P(0), PAGE_SIZE, 0), 0);
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, MAYMOVE | FIXED, P(50)), P(50));
	assert_int_equal(fault(as, P(50), 0), -EFAULT);
	assert_int_equal(aspace_protect(as, P(50), PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(peek(as, P(50)), 5);
	assert_int_equal(fault(as, P(50), FAULT_WRITE), -EFAULT);
}

static void the_old_place_may_stay(void **state)
{
	uaddr_t a;

	map(P(0), 4 * PAGE_SIZE, RW, POPULATE);
	map(P(8), 4 * PAGE_SIZE, PROT_READ, NORESERVE);
	poke(as, P(1), 5);
	assert_int_equal(fault(as, P(8), 0), 0);
	a = remap(P(1), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE | DONTUNMAP, 0);
	assert_int_equal(peek(as, a), 5);
	assert_int_equal(peek(as, P(1)), 0);
	assert_int_equal(used.committed, 6 * PAGE_SIZE + 4 * PAGE_SIZE);
	assert_int_equal(remap(P(8), PAGE_SIZE, PAGE_SIZE, MAYMOVE | DONTUNMAP | FIXED, P(40)), P(40));
	assert_int_equal(remap(P(0), PAGE_SIZE, PAGE_SIZE, MAYMOVE | DONTUNMAP, P(60)), P(60));
	assert_int_not_equal(remap(P(3), PAGE_SIZE, PAGE_SIZE, MAYMOVE | DONTUNMAP, P(60)), P(60));
	aspace_set_limits(as, 16 * PAGE_SIZE, ~0ULL);
	assert_int_equal(remap(P(0), 4 * PAGE_SIZE, 4 * PAGE_SIZE, MAYMOVE | DONTUNMAP, 0), -ENOMEM);
}

static void private_files(void **state)
{
	map_file(P(0), 8 * PAGE_SIZE, PRIVATE_FIXED, 3);
	assert_int_equal(peek(as, P(2)), fake_file_byte(2 * PAGE_SIZE));
	poke(as, P(3), 200);
	assert_int_equal(remap(P(2), 3 * PAGE_SIZE, 10 * PAGE_SIZE, MAYMOVE | FIXED, P(100)), P(100));
	assert_int_equal(peek(as, P(101)), 200);
	assert_int_equal(peek(as, P(109)), fake_file_byte(11 * PAGE_SIZE));
	assert_int_equal(remap(P(101), PAGE_SIZE, PAGE_SIZE, MAYMOVE | FIXED | DONTUNMAP, P(200)), P(200));
	assert_int_equal(peek(as, P(200)), 200);
	assert_int_equal(peek(as, P(101)), fake_file_byte(3 * PAGE_SIZE));
	assert_int_equal(aspace_unmap(as, P(0), 300 * PAGE_SIZE), 0);
	assert_int_equal(fake.opened, 1);
	assert_int_equal(fake.closed, 1);
}

static void linux_backed(void **state)
{
	map_file(P(0), 4 * PAGE_SIZE, SHARED_FIXED, 4);
	assert_int_equal(fault(as, P(0), FAULT_WRITE), 0);
	assert_int_equal(fault(as, P(3), FAULT_WRITE), 0);
	assert_int_equal(remap(P(0), 4 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0), P(0));
	assert_int_equal(fake.remaps, 1);
	assert_true(entry_at(as, P(3)) & AZ_PTE_FOREIGN);
	assert_int_equal(remap(P(3), 2 * PAGE_SIZE, 3 * PAGE_SIZE, MAYMOVE | FIXED, P(100)), P(100));
	assert_int_equal(fake.remaps, 2);
	assert_int_equal(entry_at(as, P(3)) | entry_at(as, P(100)), 0);
	assert_true(entry_at(as, P(0)) & AZ_PTE_FOREIGN);
	assert_int_equal(fault(as, P(100), FAULT_WRITE), 0);
	assert_int_equal(remap(P(0), 0, 2 * PAGE_SIZE, MAYMOVE | FIXED, P(200)), P(200));
	assert_int_equal(fake.remaps, 3);
	assert_true(pte_present(entry_at(as, P(0))));
	assert_int_equal(remap(P(100), PAGE_SIZE, PAGE_SIZE, MAYMOVE | DONTUNMAP, P(300)), P(300));
	assert_int_equal(fault(as, P(100), FAULT_WRITE), 0);
	fake.fail = -EFAULT;
	assert_int_equal(remap(P(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE | FIXED, P(400)), -EFAULT);
	assert_true(pte_present(entry_at(as, P(0))));
	fake.fail = -ENOMEM;
	assert_int_equal(remap(P(200), 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0), -ENOMEM);
	assert_int_equal(remap(P(200), 0, PAGE_SIZE, 0, 0), -ENOMEM);
	assert_int_equal(used.committed, 0);
	assert_int_equal(fake.zaps, 0);
}

static void the_kernels_pages(void **state)
{
	const struct borrowed part = { 0x123000, PAGE_SIZE, PROT_READ };
	uaddr_t at = aspace_borrow(as, &part, 1);

	assert_int_equal(remap(at, PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE, 0), -EFAULT);
	assert_int_equal(remap(at, PAGE_SIZE, PAGE_SIZE, MAYMOVE | DONTUNMAP, 0), -EINVAL);
	assert_int_equal(remap(at, PAGE_SIZE, PAGE_SIZE, MAYMOVE | FIXED, P(0)), P(0));
	assert_int_equal(pte_frame(entry_at(as, P(0))), 0x123000);
}

static void mirrored_pages(void **state)
{
	paddr_t frame;

	map(P(0), 2 * PAGE_SIZE, RW, POPULATE);
	frame = frame_at(as, P(0));
	fake_mirror(P(0));
	fake.pin = true;
	assert_int_equal(remap(P(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE | FIXED, P(100)), P(100));
	assert_int_equal(fake.zaps, 1);
	assert_int_equal(entry_at(as, P(100)) & (AZ_PTE_MIRRORED | AZ_PTE_PINNED), 0);
	assert_int_equal(frame_at(as, P(100)), frame);		/* a device that writes there is seen */
	assert_int_equal(aspace_unmap(as, P(100), PAGE_SIZE), 0);
	assert_int_equal(stats[0].quarantined, 1);
	frame_unpin(frame, 0);
}

static void a_move_that_cannot_zap(void **state)
{
	map(P(0), 2 * PAGE_SIZE, RW, POPULATE);
	fake_mirror(P(0));
	fake.fail = -EINTR;
	assert_int_equal(remap(P(0), 2 * PAGE_SIZE, 3 * PAGE_SIZE, MAYMOVE | FIXED, P(100)), -EINTR);
	assert_int_equal(used.committed, 2 * PAGE_SIZE);
	assert_int_equal(used.resident, 2 * PAGE_SIZE);
	assert_true(pte_present(entry_at(as, P(0))));
}

static void shared_with_a_child(void **state)
{
	struct aspace *child;

	map(LARGE(0), LARGE_SIZE, RW, POPULATE);
	poke(as, LARGE(0) + 5 * PAGE_SIZE, 5);
	assert_int_equal(aspace_fork_begin(as, &child), 0);
	aspace_fork_end(as);
	assert_int_equal(remap(LARGE(0), LARGE_SIZE, LARGE_SIZE, MAYMOVE | FIXED, LARGE(4) + PAGE_SIZE), LARGE(4) + PAGE_SIZE);
	assert_false(pte_writable(entry_at(as, LARGE(4) + PAGE_SIZE)));
	poke(as, LARGE(4) + 6 * PAGE_SIZE, 6);
	assert_int_equal(peek(child, LARGE(0) + 5 * PAGE_SIZE), 5);
	poke(child, LARGE(0) + 5 * PAGE_SIZE, 7);
	assert_int_equal(peek(as, LARGE(4) + 6 * PAGE_SIZE), 6);
	aspace_check(child);
	aspace_put(child);
}

/* Memory ends at every step once; nothing is lost and nothing half moved. */
static void out_of_memory(void **state)
{
	long ret = -ENOMEM;

	map(LARGE(0), 2 * LARGE_SIZE, RW, POPULATE);
	for (u32 i = 0; i < 1024; i++)
		poke(as, LARGE(0) + i * PAGE_SIZE, i);
	for (u32 step = 0; ret < 0; step++) {
		u64 flags = step % 2 ? MAYMOVE | FIXED : MAYMOVE | FIXED | DONTUNMAP;

		assert_true(step < 100);
		fail_after = step / 2;
		ret = remap(LARGE(0) + PAGE_SIZE, 1000 * PAGE_SIZE, 1000 * PAGE_SIZE, flags, LARGE(20) + 7 * PAGE_SIZE);
		fail_after = -1;
		aspace_check(as);
		for (u32 i = 0; i < 1024 && ret < 0; i += 31)
			assert_int_equal(peek(as, LARGE(0) + i * PAGE_SIZE), (u8)i);
	}
	assert_int_equal(ret, LARGE(20) + 7 * PAGE_SIZE);
	for (u32 i = 1; i < 1001; i++)
		assert_int_equal(peek(as, LARGE(20) + (i + 6) * PAGE_SIZE), (u8)i);
}

/* ---- At random against a simple model ---- */

#define PAGES		2048u
#define GONE		-1

static short model[PAGES];

static uaddr_t page_addr(u32 page)
{
	return LARGE(0) + page * PAGE_SIZE;
}

static u32 run_of(u32 page)
{
	u32 count = 0;

	while (page + count < PAGES && model[page + count] != GONE)
		count++;
	return count;
}

static void model_move(u32 from, u32 old, u32 to, u32 new)
{
	short moved[PAGES];

	memcpy(moved, &model[from], old * sizeof(short));
	for (u32 i = 0; i < old; i++)
		model[from + i] = GONE;
	for (u32 i = 0; i < new; i++)
		model[to + i] = i < old ? moved[i] : 0;
}

static void random_remap(u32 *seed)
{
	u32 from = next_random(seed) % PAGES, to = next_random(seed) % PAGES, have = run_of(from);
	u32 old = have ? 1 + next_random(seed) % have : 1, new = 1 + next_random(seed) % (next_random(seed) % 4 ? 20 : 600);
	long ret;

	if (next_random(seed) % 2)
		to = ALIGN_DOWN(to, 512) + from % 512;
	if (to + new > PAGES)
		return;
	ret = remap(page_addr(from), old * PAGE_SIZE, new * PAGE_SIZE, MAYMOVE | FIXED, page_addr(to));
	if (ret > 0) {
		assert_true(have);
		for (u32 i = new; i < old; i++)
			model[from + i] = GONE;
		model_move(from, min(old, new), to, new);
	} else if (ret == -EFAULT) {
		assert_false(have);
	} else {
		assert_int_equal(ret, -EINVAL);
		assert_true(!have || (from < to + new && to < from + old));
	}
}

static void random_step(u32 *seed)
{
	u32 page = next_random(seed) % PAGES, count = min(1 + next_random(seed) % 600, PAGES - page);

	switch (next_random(seed) % 8) {
	case 0:
		assert_int_equal(aspace_unmap(as, page_addr(page), PAGE_SIZE), 0);
		model[page] = GONE;
		break;
	case 1:
		map(page_addr(page), count * PAGE_SIZE, RW, POPULATE);
		for (u32 i = 0; i < count; i++)
			model[page + i] = 0;
		break;
	case 2:
		fake_mirror(page_addr(page));
		break;
	case 3:
	case 4:
		random_remap(seed);
		break;
	default:
		if (model[page] == GONE)
			break;
		model[page] = next_random(seed) % 256;
		poke(as, page_addr(page), model[page]);
	}
}

static void everything_at_random(void **state)
{
	u32 seed = 815;

	for (u32 page = 0; page < PAGES; page++)
		model[page] = GONE;
	for (u32 i = 0; i < 4000; i++)
		random_step(&seed);
	for (u32 page = 0; page < PAGES; page++) {
		if (model[page] == GONE)
			assert_int_equal(fault(as, page_addr(page), 0), -EFAULT);
		else
			assert_int_equal(peek(as, page_addr(page)), model[page]);
	}
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(linux_errors), T(shrinks), T(grows_in_place), T(moves_without_a_copy), T(large_pages_at_odd_places),
		T(parts_move_over_others), T(rights_move_with_the_pages), T(the_old_place_may_stay), T(private_files), T(linux_backed),
		T(the_kernels_pages), T(mirrored_pages), T(a_move_that_cannot_zap), T(shared_with_a_child), T(out_of_memory),
		T(everything_at_random),
	};

	return cmocka_run_group_tests_name("remap", tests, setup_memory, NULL);
}
