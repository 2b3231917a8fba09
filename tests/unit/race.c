/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads of one address space that map, unmap, protect and fault at once, while Linux mirrors and pins. Each has a range of
 * its own whose contents it knows, and all fight over a common one. In the end every account is zero.
 */
#include "unit.h"
#include "fake_driver.h"
#include "mm/aspace.h"
#include "thread.h"

#define RW		(PROT_READ | PROT_WRITE)
#define SHARED_FIXED	0x11
#define PRIVATE_FIXED	0x12
#define ANON		0x20
#define NORESERVE	0x4000
#define DONTNEED	4

#define COMMON		0x40000000ULL
#define COMMON_PAGES	2048u
#define OWN(t)		(0x80000000ULL + (t) * 0x1000000ULL)
#define OWN_PAGES	600u
#define ROUNDS		600
#define SLABS_KEPT	10

static struct az_node_stats stats[1];
static struct aspace *as;

static int setup(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 256 * MB, 0);
	return 0;
}

static void any_map(u32 *seed, uaddr_t addr, u64 len)
{
	u32 kind = next_random(seed) % 4;
	struct map_args a = { addr, len, RW, PRIVATE_FIXED | ANON, -1, 0 };

	if (kind == 1)
		a.flags |= NORESERVE;
	if (kind == 2)
		a = (struct map_args){ addr, len, RW, PRIVATE_FIXED, 3, (next_random(seed) % 64) * PAGE_SIZE };
	if (kind == 3)
		a = (struct map_args){ addr, len, RW, SHARED_FIXED, 4, 0 };
	assert_int_equal(aspace_map(as, &a), addr);
}

/* Mostly it fails, because the range is not in one region. */
static void any_remap(u32 *seed, uaddr_t addr, u64 len)
{
	struct remap_args a = { addr, len, (1 + next_random(seed) % 300) * PAGE_SIZE, next_random(seed) % 8, 0 };

	a.new_addr = COMMON + next_random(seed) % COMMON_PAGES * PAGE_SIZE;
	if (!(a.flags & 2))
		a.flags &= ~1ULL;	/* in place only: nothing may stay outside the common range */
	aspace_remap(as, &a);
}

static void any_fork(void)
{
	struct aspace *child;

	assert_int_equal(aspace_fork_begin(as, &child), 0);
	aspace_fork_end(as);
	aspace_put(child);
}

/* One step in the common range; nothing is known about the outcome but that nothing breaks. */
static void fight(u32 *seed)
{
	uaddr_t addr = COMMON + next_random(seed) % COMMON_PAGES * PAGE_SIZE;
	u64 len = (1 + next_random(seed) % (next_random(seed) % 4 ? 16 : 1024)) * PAGE_SIZE;
	int code;

	switch (next_random(seed) % 14) {
	case 12:
		any_remap(seed, addr, len);
		break;
	case 13:
		any_fork();
		break;
	case 0:
		any_map(seed, addr, len);
		break;
	case 1:
		assert_int_equal(aspace_unmap(as, addr, len), 0);
		break;
	case 2:
		aspace_protect(as, addr, len, next_random(seed) % 4);
		break;
	case 3:
		aspace_advise(as, addr, len, DONTNEED);
		break;
	case 4:
		aspace_populate(as, addr, min(len, 8 * PAGE_SIZE), next_random(seed) % 2);
		break;
	case 5:
	case 6:
	case 7:
		fake_mirror(addr);
		break;
	default:
		aspace_fault(as, addr, next_random(seed) % 2 ? FAULT_WRITE : 0, &code);
	}
}

/* The own range holds in each page its number, whatever is done to the page's rights and neighbours. */
static void own_check(uaddr_t base, u32 page)
{
	uaddr_t addr = base + page * PAGE_SIZE;
	u64 span, *entry;
	u32 *word;

	assert_int_equal(aspace_populate(as, addr, PAGE_SIZE, true), 0);
	entry = pt_find(as->pgd, addr, &span);
	word = (u32 *)((char *)phys_to_virt(pte_frame(pte_load(entry))) + (addr & (span - 1)));
	assert_true(*word == 0 || *word == page + 1);
	*word = page + 1;
}

static void own_step(u32 *seed, uaddr_t base)
{
	u32 page = next_random(seed) % OWN_PAGES, count = 1 + next_random(seed) % 20;
	u64 len = min(count, OWN_PAGES - page) * PAGE_SIZE;
	uaddr_t addr = base + page * PAGE_SIZE;

	switch (next_random(seed) % 4) {
	case 0:
		assert_int_equal(aspace_protect(as, addr, len, next_random(seed) % 2), 0);
		assert_int_equal(aspace_protect(as, addr, len, RW), 0);
		break;
	case 1:
		assert_int_equal(aspace_advise(as, addr, len, DONTNEED), 0);
		break;
	case 2:
		fake_mirror(addr);
		break;
	default:
		own_check(base, page);
	}
}

static void *run(void *arg)
{
	u32 seed = (uintptr_t)arg * 77 + 5;
	uaddr_t base = OWN((uintptr_t)arg);
	struct map_args a = { base, OWN_PAGES * PAGE_SIZE, RW, PRIVATE_FIXED | ANON, -1, 0 };

	assert_int_equal(aspace_map(as, &a), base);
	for (u32 i = 0; i < ROUNDS; i++) {
		fight(&seed);
		own_step(&seed, base);
	}
	for (u32 page = 0; page < OWN_PAGES; page++)
		own_check(base, page);
	assert_int_equal(aspace_unmap(as, base, OWN_PAGES * PAGE_SIZE), 0);
	return NULL;
}

static void many_threads_one_space(void **state)
{
	struct az_memory used;

	as = aspace_create(budget_create(0), 8 * MB);
	aspace_bind(as, &used);
	memset(&fake, 0, sizeof(fake));
	fake.as = as;
	fake.threads = true;
	run_threads(run);
	aspace_check(as);
	assert_true(fake.zaps > 0 && fake.reads > 0 && fake.faults > 0);
	assert_int_equal(aspace_unmap(as, COMMON, 2 * COMMON_PAGES * PAGE_SIZE), 0);
	assert_int_equal(used.resident, 0);
	assert_int_equal(used.committed, 0);
	assert_int_equal(fake.opened, fake.closed);
	aspace_put(as);
	assert_int_equal(commit_in_use(), 0);
	assert_true(stats[0].total - stats[0].free <= SLABS_KEPT);
}

static void *touch_all(void *arg)
{
	assert_int_equal(aspace_populate(as, COMMON, 64 * MB, true), 0);
	return NULL;
}

/* All threads fault the same large pages: each is there once in the end. */
static void same_pages_at_once(void **state)
{
	struct map_args a = { COMMON, 64 * MB, RW, PRIVATE_FIXED | ANON, -1, 0 };

	as = aspace_create(budget_create(0), 8 * MB);
	assert_int_equal(aspace_map(as, &a), COMMON);
	run_threads(touch_all);
	aspace_check(as);
	assert_int_equal(as->used->resident, 64 * MB);
	aspace_put(as);
	assert_true(stats[0].total - stats[0].free <= SLABS_KEPT);
}

static struct thread changers[THREADS];
static u32 changed[THREADS], changed_count;	/* who had its turn, in this order; the aspace's lock */

static void *change(void *arg)
{
	host_thread = &changers[(uintptr_t)arg];
	aspace_begin(as);
	changed[changed_count++] = (uintptr_t)arg;
	aspace_end(as);
	host_thread = NULL;
	return NULL;
}

static u32 waiting(void)
{
	struct list *at;
	u32 count = 0;

	spin_lock(&as->lock);
	list_for_each(at, &as->turns)
		count++;
	spin_unlock(&as->lock);
	return count;
}

/* Who changes mappings wakes the next one that wants to, and nobody else. */
static void turns_are_taken_one_by_one(void **state)
{
	pthread_t thread[THREADS];
	u64 unparks;

	as = aspace_create(budget_create(0), 8 * MB);
	aspace_begin(as);
	spin_unlock(&as->lock);
	for (uintptr_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, change, (void *)i), 0);
		while (waiting() <= i)
			sched_yield();
	}
	unparks = host_unparks;
	spin_lock(&as->lock);
	aspace_end(as);
	for (u32 i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(host_unparks - unparks, THREADS);
	for (u32 i = 0; i < THREADS; i++)
		assert_int_equal(changed[i], i);
	aspace_put(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_are_taken_one_by_one),
		cmocka_unit_test(many_threads_one_space),
		cmocka_unit_test(same_pages_at_once),
	};

	return cmocka_run_group_tests_name("race", tests, setup, NULL);
}
