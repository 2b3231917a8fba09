/* SPDX-License-Identifier: GPL-2.0 */
/* Calls around mappings: locking, residency, msync and its kin, System V segments, advice. Linux's errors and what Linux hears of it. */
#include "unit.h"
#include "fake_driver.h"
#include "mm/aspace.h"
#include "syscall_proto.h"

#define RW		(PROT_READ | PROT_WRITE)
#define SHARED		0x01
#define PRIVATE		0x02
#define FIXED		0x10
#define ANON		0x20
#define LOCKED		0x2000
#define SLABS_KEPT	10

#define P(n)		(0x10000000ULL + (n) * PAGE_SIZE)

static struct az_node_stats stats[1];
static struct aspace *as;

static int setup_memory(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 64 * MB, 0);
	return 0;
}

static int setup(void **state)
{
	as = aspace_create(budget_create(0), 8 * MB);
	memset(&fake, 0, sizeof(fake));
	fake.as = as;
	host_aspace = as;
	return 0;
}

static int teardown(void **state)
{
	aspace_check(as);
	aspace_put(as);
	assert_true(stats[0].total - stats[0].free <= SLABS_KEPT);
	return 0;
}

static long map(uaddr_t addr, u64 len, u32 prot, u32 flags)
{
	struct map_args a = { addr, len, prot, flags, flags & ANON ? -1 : flags & SHARED ? 4 : 3, 0 };
	long ret = aspace_map(as, &a);

	aspace_check(as);
	return ret;
}

static bool is_present(uaddr_t addr)
{
	u64 span, *entry = pt_find(as->pgd, addr, &span);

	return entry && pte_present(pte_load(entry));
}

static void locking_makes_present(void **state)
{
	map(P(0), 100 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	assert_int_equal(sys_mlock(NULL, P(20) + 5, 50 * PAGE_SIZE - 5), 0);
	assert_int_equal(as->locked, 50 * PAGE_SIZE);
	assert_int_equal(aspace_check(as), 3);
	assert_true(is_present(P(20)) && is_present(P(69)));
	assert_int_equal(sys_munlock(NULL, P(0), 40 * PAGE_SIZE), 0);
	assert_int_equal(as->locked, 30 * PAGE_SIZE);
	assert_int_equal(aspace_unmap(as, P(60), 100 * PAGE_SIZE), 0);
	assert_int_equal(as->locked, 20 * PAGE_SIZE);
	assert_int_equal(sys_munlockall(NULL), 0);
	assert_int_equal(as->locked, 0);
	assert_int_equal(aspace_check(as), 1);
	assert_int_equal(fake.calls, 0);
}

static void locking_errors(void **state)
{
	map(P(0), PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	map(P(2), PAGE_SIZE, 0, PRIVATE | ANON | FIXED);
	assert_int_equal(sys_mlock(NULL, P(0), 2 * PAGE_SIZE), -ENOMEM);
	assert_int_equal(as->locked, PAGE_SIZE);
	assert_int_equal(sys_mlock(NULL, P(2), PAGE_SIZE), -ENOMEM);
	assert_int_equal(sys_mlock(NULL, P(0), ~0ULL), -EINVAL);
	assert_int_equal(sys_mlock2(NULL, P(0), PAGE_SIZE, 2), -EINVAL);
	assert_int_equal(sys_mlockall(NULL, 0), -EINVAL);
	assert_int_equal(sys_mlockall(NULL, 4), -EINVAL);
	assert_int_equal(sys_mlockall(NULL, 8), -EINVAL);
	assert_int_equal(sys_mlock(NULL, P(0), 0), 0);
}

static void locking_has_a_limit(void **state)
{
	map(P(0), 100 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	aspace_set_lock_limit(as, 10 * PAGE_SIZE);
	assert_int_equal(sys_mlock(NULL, P(0), 11 * PAGE_SIZE), -ENOMEM);
	assert_int_equal(sys_mlock(NULL, P(0), 10 * PAGE_SIZE), 0);
	assert_int_equal(sys_mlock(NULL, P(5), 5 * PAGE_SIZE), 0);
	assert_int_equal(sys_mlock(NULL, P(5), 6 * PAGE_SIZE), -ENOMEM);
	assert_int_equal(sys_mlockall(NULL, 1), -ENOMEM);
	assert_int_equal(map(P(200), PAGE_SIZE, RW, PRIVATE | ANON | LOCKED), -EAGAIN);
	fake.privileged = true;
	assert_int_equal(sys_mlock(NULL, P(5), 6 * PAGE_SIZE), 0);
	fake.privileged = false;
	aspace_set_lock_limit(as, 0);
	assert_int_equal(sys_mlock(NULL, P(0), PAGE_SIZE), -EPERM);
	assert_int_equal(sys_mlockall(NULL, 1), -EPERM);
	assert_int_equal(map(P(200), PAGE_SIZE, RW, PRIVATE | ANON | LOCKED), -EPERM);
	assert_int_equal(sys_munlock(NULL, P(0), PAGE_SIZE), 0);
}

static void what_comes_is_locked(void **state)
{
	uaddr_t a;

	assert_int_equal(sys_mlockall(NULL, 2), 0);
	a = map(0, 50 * PAGE_SIZE, RW, PRIVATE | ANON);
	assert_true(is_present(a + 49 * PAGE_SIZE));
	aspace_set_brk(as, P(0));
	assert_int_equal(aspace_brk(as, P(30)), P(30));
	assert_true(is_present(P(29)));
	assert_int_equal(as->locked, 80 * PAGE_SIZE);
	assert_int_equal(sys_mlockall(NULL, 2 | 4), 0);
	a = map(0, 50 * PAGE_SIZE, RW, PRIVATE | ANON);
	assert_false(is_present(a));
	assert_int_equal(as->locked, 130 * PAGE_SIZE);
	aspace_set_lock_limit(as, as->locked);
	assert_int_equal(map(0, PAGE_SIZE, RW, PRIVATE | ANON), -EAGAIN);
	assert_int_equal(aspace_brk(as, P(31)), P(30));
	assert_int_equal(sys_munlockall(NULL), 0);
	assert_true(map(0, PAGE_SIZE, RW, PRIVATE | ANON) > 0);
	assert_int_equal(as->locked, 0);
}

static void linux_locks_its_own(void **state)
{
	map(P(0), 4 * PAGE_SIZE, RW, SHARED | FIXED);
	map(P(4), 4 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	assert_int_equal(sys_mlock(NULL, P(2), 4 * PAGE_SIZE), 0);
	assert_int_equal(fake.locks, 1);
	assert_int_equal(sys_munlockall(NULL), 0);
	assert_int_equal(fake.unlocks, 1);
	map(P(10), PAGE_SIZE, RW, SHARED | FIXED | LOCKED);
	assert_int_equal(fake.locks, 2);
	assert_int_equal(as->locked, PAGE_SIZE);
}

static void locked_memory_is_not_dropped(void **state)
{
	map(P(0), 4 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	assert_int_equal(sys_mlock(NULL, P(0), 2 * PAGE_SIZE), 0);
	assert_int_equal(aspace_advise(as, P(0), PAGE_SIZE, 4), -EINVAL);
	assert_int_equal(aspace_advise(as, P(0), PAGE_SIZE, 8), -EINVAL);
	assert_int_equal(aspace_advise(as, P(0), PAGE_SIZE, 21), -EINVAL);
	assert_true(is_present(P(0)));
	assert_int_equal(aspace_advise(as, P(0), PAGE_SIZE, 24), 0);
	assert_false(is_present(P(0)));
	assert_int_equal(aspace_advise(as, P(3), PAGE_SIZE, 4), 0);
}

static void residency(void **state)
{
	map(P(0), 64 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	map(P(64), 2 * PAGE_SIZE, RW, SHARED | FIXED);
	assert_int_equal(aspace_populate(as, P(20), PAGE_SIZE, true), 0);
	assert_int_equal(sys_mincore(NULL, P(0), 66 * PAGE_SIZE, BUFFER), 0);
	assert_int_equal(fake_buffer[0], 0);
	assert_int_equal(fake_buffer[20], 1);
	assert_int_equal(fake_buffer[63], 0);
	assert_int_equal(fake_buffer[65], 1);
	assert_int_equal(fake.cores, 1);
	assert_int_equal(sys_mincore(NULL, P(0) + 1, PAGE_SIZE, BUFFER), -EINVAL);
	assert_int_equal(sys_mincore(NULL, P(65), 2 * PAGE_SIZE, BUFFER), -ENOMEM);
	assert_int_equal(sys_mincore(NULL, P(0), PAGE_SIZE, BUFFER - 1), -EFAULT);
	assert_int_equal(sys_mincore(NULL, P(0), PAGE_SIZE, AZ_USER_END), -EFAULT);
	assert_int_equal(sys_mincore(NULL, P(100), 0, BUFFER), 0);
}

static void population(void **state)
{
	map(P(0), 40 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	map(P(40), PAGE_SIZE, PROT_READ, SHARED | FIXED);
	assert_int_equal(aspace_advise(as, P(0), 40 * PAGE_SIZE, 23), 0);
	assert_true(is_present(P(0)) && is_present(P(39)));
	assert_int_equal(aspace_advise(as, P(39), 2 * PAGE_SIZE, 23), -EINVAL);
	assert_int_equal(aspace_advise(as, P(39), 2 * PAGE_SIZE, 22), 0);
	assert_int_equal(fake.advices, 1);
	assert_int_equal(aspace_advise(as, P(40), 2 * PAGE_SIZE, 22), -ENOMEM);
}

static void holes_in_files(void **state)
{
	map(P(0), PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	map(P(1), PAGE_SIZE, RW, PRIVATE | FIXED);
	map(P(2), PAGE_SIZE, PROT_READ, SHARED | FIXED);
	map(P(3), PAGE_SIZE, RW, SHARED | ANON | FIXED);
	assert_int_equal(aspace_advise(as, P(0), PAGE_SIZE, 9), -EINVAL);
	assert_int_equal(aspace_advise(as, P(1), PAGE_SIZE, 9), -EACCES);
	fake.fail = -EACCES;
	assert_int_equal(aspace_advise(as, P(2), PAGE_SIZE, 9), -EACCES);
	assert_int_equal(aspace_populate(as, P(3), PAGE_SIZE, true), 0);
	assert_int_equal(aspace_advise(as, P(3), PAGE_SIZE, 9), 0);
	assert_false(is_present(P(3)));
	assert_int_equal(fake.advices, 1);
}

static void dumping(void **state)
{
	map(P(0), 3 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	assert_int_equal(aspace_advise(as, P(1), PAGE_SIZE, 16), 0);
	assert_int_equal(region_find(&as->regions, P(1))->flags & REGION_NODUMP, REGION_NODUMP);
	assert_int_equal(aspace_check(as), 3);
	assert_int_equal(aspace_advise(as, P(0), 3 * PAGE_SIZE, 17), 0);
	assert_int_equal(aspace_check(as), 1);
	assert_int_equal(aspace_advise(as, P(0), 4 * PAGE_SIZE, 16), -ENOMEM);
	assert_int_equal(fake.advices, 0);
	map(P(3), PAGE_SIZE, RW, SHARED | FIXED);
	assert_int_equal(aspace_advise(as, P(2), 2 * PAGE_SIZE, 16), 0);
	assert_int_equal(fake.advices, 1);	/* what Linux has mapped, Linux leaves out */
}

static void syncing(void **state)
{
	map(P(0), 2 * PAGE_SIZE, RW, SHARED | FIXED);
	map(P(3), PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	assert_int_equal(sys_msync(NULL, P(0), 2 * PAGE_SIZE, 4), 0);
	assert_int_equal(fake.syncs, 1);
	assert_int_equal(sys_msync(NULL, P(0), 2 * PAGE_SIZE, 1), 0);	/* Linux learns that they are dirty */
	assert_int_equal(fake.syncs, 2);
	assert_int_equal(sys_msync(NULL, P(3), PAGE_SIZE, 4), 0);
	assert_int_equal(sys_msync(NULL, P(0), PAGE_SIZE, 0), 0);
	assert_int_equal(fake.syncs, 2);
	assert_int_equal(sys_msync(NULL, P(0), 4 * PAGE_SIZE, 4), -ENOMEM);
	assert_int_equal(fake.syncs, 3);
	assert_int_equal(sys_msync(NULL, P(0), PAGE_SIZE, 5), -EINVAL);
	assert_int_equal(sys_msync(NULL, P(0) + 1, PAGE_SIZE, 4), -EINVAL);
	assert_int_equal(sys_msync(NULL, P(0), ~0ULL - PAGE_SIZE, 4), -ENOMEM);
	assert_int_equal(sys_mlock(NULL, P(0), PAGE_SIZE), 0);
	assert_int_equal(sys_msync(NULL, P(0), PAGE_SIZE, 2), -EBUSY);
}

/* No lock goes to a child; what a locked region grows by is made present. */
static void locks_and_forks_and_growth(void **state)
{
	struct remap_args grow = { P(0), 4 * PAGE_SIZE, 20 * PAGE_SIZE, 0, 0 };
	struct aspace *child;

	map(P(0), 4 * PAGE_SIZE, RW, PRIVATE | ANON | FIXED);
	assert_int_equal(sys_mlockall(NULL, 3), 0);
	assert_int_equal(aspace_fork_begin(as, &child), 0);
	aspace_fork_end(as);
	assert_int_equal(child->locked, 0);
	assert_int_equal(child->lock_new, 0);
	assert_int_equal(aspace_check(child), 1);
	aspace_put(child);
	assert_int_equal(as->locked, 4 * PAGE_SIZE);
	aspace_set_lock_limit(as, 10 * PAGE_SIZE);
	assert_int_equal(aspace_remap(as, &grow), -EAGAIN);
	fake.privileged = true;
	assert_int_equal(aspace_remap(as, &grow), P(0));
	assert_int_equal(as->locked, 20 * PAGE_SIZE);
	assert_true(is_present(P(4)) && is_present(P(19)));
}

static void segments(void **state)
{
	uaddr_t a, b;

	fake.segment = 3 * PAGE_SIZE;
	assert_int_equal(sys_shmat(NULL, 8, 0, 0), -EINVAL);
	a = sys_shmat(NULL, 7, 0, 0);
	b = sys_shmat(NULL, 7, P(0) + 5, 020000 | 010000);
	assert_true(a > P(0));
	assert_int_equal(b, P(0));
	assert_int_equal(region_find(&as->regions, b)->prot, PROT_READ);
	assert_int_equal(sys_shmat(NULL, 7, P(1), 0), -EINVAL);
	assert_int_equal(sys_shmat(NULL, 7, P(1) + 1, 0), -EINVAL);
	assert_int_equal(sys_shmat(NULL, 7, 0, 040000), -EINVAL);
	assert_int_equal(sys_shmat(NULL, 7, P(1), 040000), P(1));
	assert_int_equal(sys_shmdt(NULL, P(1) + 1), -EINVAL);
	assert_int_equal(sys_shmdt(NULL, P(5)), -EINVAL);
	assert_int_equal(sys_shmdt(NULL, P(0)), 0);
	assert_null(region_find(&as->regions, P(0)));
	assert_non_null(region_find(&as->regions, P(1)));
	assert_int_equal(aspace_unmap(as, P(2), PAGE_SIZE), 0);
	assert_int_equal(sys_shmdt(NULL, P(1)), 0);
	assert_int_equal(sys_shmdt(NULL, P(1)), -EINVAL);
	assert_int_equal(sys_shmdt(NULL, a), 0);
	assert_int_equal(aspace_check(as), 0);
	aspace_check(as);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(locking_makes_present), T(locking_errors), T(locking_has_a_limit), T(what_comes_is_locked), T(linux_locks_its_own),
		T(locked_memory_is_not_dropped), T(residency), T(population), T(holes_in_files), T(dumping), T(syncing),
		T(locks_and_forks_and_growth), T(segments),
	};

	return cmocka_run_group_tests_name("memory calls", tests, setup_memory, NULL);
}
