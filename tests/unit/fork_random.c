/* SPDX-License-Identifier: GPL-2.0 */
/* fork and copy on write at random against a simple model, and with threads on both sides. */
#include "two_spaces.h"

/* ---- Everything at random against a simple model ---- */

#define SPACES		5
#define PAGES		1536u		/* three large pages */
#define GONE		-1		/* not mapped */

static struct aspace *space[SPACES];
static short model[SPACES][PAGES];

static uaddr_t page_addr(u32 page)
{
	return LARGE(0) + page * PAGE_SIZE;
}

static void model_fork(u32 from, u32 to)
{
	put(&space[to]);
	space[to] = fork_of(space[from]);
	memcpy(model[to], model[from], sizeof(model[to]));
}

static void model_look(u32 s, u32 page)
{
	if (model[s][page] == GONE)
		assert_int_equal(fault(space[s], page_addr(page), 0), -EFAULT);
	else
		assert_int_equal(peek(space[s], page_addr(page)), model[s][page]);
}

static void model_fill(u32 s, u32 page, u32 count, short value, bool if_there)
{
	for (; count--; page++) {
		if (!if_there || model[s][page] != GONE)
			model[s][page] = value;
	}
}

static void model_step(u32 *seed)
{
	u32 s = next_random(seed) % SPACES, page = next_random(seed) % PAGES;
	u32 count = min(1 + next_random(seed) % (next_random(seed) % 8 ? 8 : 700), PAGES - page);
	uaddr_t addr = page_addr(page);
	u64 len = count * PAGE_SIZE;

	fake.as = space[s];
	switch (next_random(seed) % 16) {
	case 0:
		model_fork(s, (s + 1 + next_random(seed) % (SPACES - 1)) % SPACES);
		break;
	case 1:
		assert_int_equal(aspace_unmap(space[s], addr, len), 0);
		model_fill(s, page, count, GONE, false);
		break;
	case 2:
		map(space[s], addr, len, RW, next_random(seed) % 2 ? POPULATE : NORESERVE);
		model_fill(s, page, count, 0, false);
		break;
	case 3:
		aspace_advise(space[s], addr, len, MADV_DONTNEED);
		model_fill(s, page, count, 0, true);
		break;
	case 4:
		aspace_protect(space[s], addr, len, next_random(seed) % 2 ? PROT_READ : 0);
		aspace_protect(space[s], addr, len, RW);
		for (u32 i = page; i < page + count; i++)	/* stopped by a hole, the first call changes nothing */
			aspace_protect(space[s], page_addr(i), PAGE_SIZE, RW);
		break;
	case 5:
	case 6:
		fake_mirror(addr);
		break;
	case 7:
		if (model[s][page] != GONE)
			assert_int_equal(aspace_populate(space[s], addr, PAGE_SIZE, next_random(seed) % 2), 0);
		break;
	case 8:
		no_large = !no_large;
		break;
	default:
		if (model[s][page] == GONE)
			break;
		model[s][page] = next_random(seed) % 256;
		poke(space[s], addr, model[s][page]);
	}
}

static void everything_at_random(void **state)
{
	u32 seed = 4711;

	map(p, LARGE(0), PAGES * PAGE_SIZE, RW, POPULATE);
	space[0] = p;
	p = NULL;
	memset(model, 0, sizeof(model));
	for (u32 s = 1; s < SPACES; s++)
		model_fork(0, s);
	for (u32 i = 0; i < 6000; i++) {
		model_step(&seed);
		model_look(next_random(&seed) % SPACES, next_random(&seed) % PAGES);
	}
	no_large = false;
	for (u32 s = 0; s < SPACES; s++) {
		aspace_check(space[s]);
		for (u32 page = 0; page < PAGES; page++)
			model_look(s, page);
	}
	for (u32 s = 0; s < SPACES; s++)
		put(&space[s]);
}

/* ---- Threads ---- */

#define ROUNDS		60

/* Two threads each in parent and child fight for the same shared pages; each writes one byte of every page that is its own. */
static void *use(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	struct aspace *as = me % 2 ? p : c;
	u32 seed = me + 1;

	fake_own_as = as;
	for (u32 i = 0; i < 600; i++) {
		uaddr_t addr = LARGE(0) + next_random(&seed) % PAGES * PAGE_SIZE;

		if (next_random(&seed) % 4 == 0) {
			assert_int_equal(aspace_populate(as, addr, PAGE_SIZE, false), 0);
			fake_mirror(addr);
		} else {
			poke(as, addr + me, me + 1);
			assert_int_equal(peek(as, addr + me), me + 1);
		}
	}
	return NULL;
}

static void threads_on_both_sides(void **state)
{
	map(p, LARGE(0), PAGES * PAGE_SIZE, RW, POPULATE);
	fake.threads = true;
	for (u32 round = 0; round < 8; round++) {
		c = fork_of(p);
		run_threads(use);
		for (u32 page = 0; page < PAGES; page++) {
			u8 *byte = phys_to_virt(frame_at(p, page_addr(page))), *of_child = phys_to_virt(frame_at(c, page_addr(page)));

			assert_true(byte[0] == 0 && byte[2] == 0);
			assert_true(of_child[1] == byte[1] || of_child[1] == 0 || byte[1] == 2);
		}
		put(&c);
	}
}

static struct aspace *forks[THREADS];

/* One thread forks again and again while others write: each child is a moment of the parent. */
static void *fork_or_write(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	u32 seed = me + 9;

	fake_own_as = p;
	for (u32 i = 0; i < ROUNDS; i++) {
		if (me < 2) {
			assert_int_equal(aspace_fork_begin(p, &forks[me]), 0);
			aspace_fork_end(p);
			poke(forks[me], LARGE(0) + next_random(&seed) % PAGES * PAGE_SIZE, 7);
			aspace_check(forks[me]);
			aspace_put(forks[me]);
			continue;
		}
		for (u32 k = 0; k < 40; k++) {
			uaddr_t addr = LARGE(0) + next_random(&seed) % PAGES * PAGE_SIZE;

			assert_int_equal(aspace_populate(p, addr, PAGE_SIZE, next_random(&seed) % 2), 0);
			fake_mirror(addr);
		}
		assert_int_equal(aspace_advise(p, LARGE(0) + next_random(&seed) % 8 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
	}
	return NULL;
}

static void forks_while_threads_run(void **state)
{
	map(p, LARGE(0), PAGES * PAGE_SIZE, RW, POPULATE);
	fake.threads = true;
	run_threads(fork_or_write);
	aspace_check(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(everything_at_random), T(threads_on_both_sides), T(forks_while_threads_run),
	};

	return cmocka_run_group_tests_name("fork_random", tests, setup_memory, NULL);
}
