/* SPDX-License-Identifier: GPL-2.0 */
/* Where threads may run, on the fake machine: masks, and the count of threads per CPU that processes keep together. */
#include "fake_user.h"
#include "sched/affinity.c"

#define CPUS	2
#define MASK	MEMORY
#define FIRST	5			/* Linux's number of CPU 0 */
#define FORWARDED 1000

static struct az_cpu shared_cpu[CPUS];
static struct cpu cpus[CPUS];
struct cpu *boot_cpus[AZ_CPUS_MAX];
u32 boot_cpu_count = CPUS;
static struct az_proc shared[THREADS];
static struct proc procs[THREADS];
static struct thread threads[THREADS];

u32 thread_choose_cpu(const struct thread *t)
{
	return cpus_has(t->affinity, 0) ? 0 : 1;
}

static u32 looks;

void runq_look_again(void)
{
	looks++;
}

void thread_migrate(u32 cpu)
{
	current_thread()->cpu = cpu;
}

long forward_call(u64 nr, struct frame *f)
{
	return FORWARDED + nr;
}

static int setup(void **state)
{
	memset(threads, 0, sizeof(threads));
	for (u32 i = 0; i < CPUS; i++) {
		boot_cpus[i] = &cpus[i];
		cpus[i].shared = &shared_cpu[i];
		cpus[i].runq.placed = 0;
		shared_cpu[i].linux_cpu = FIRST + i;
	}
	for (u32 i = 0; i < THREADS; i++) {
		list_init(&procs[i].threads);
		procs[i].shared = &shared[i];
		shared[i].cpus[0] = (1 << CPUS) - 1;
		threads[i].proc = &procs[i];
		threads[i].tid = 100 + i;
		threads[i].affinity[0] = shared[i].cpus[0];
		list_add_tail(&threads[i].sibling, &procs[i].threads);
	}
	cpus[0].runq.placed = THREADS;
	host_thread = &threads[0];
	return 0;
}

static void masks_keep_to_the_lease(void **state)
{
	struct frame f = { .orig_ax = 203 };
	u64 mask = 1ULL << (FIRST + 1) | 1;

	copy_to_user(MASK, &mask, sizeof(mask));
	assert_int_equal(sys_sched_setaffinity(&f, 0, sizeof(mask), MASK), 0);
	assert_int_equal(threads[0].affinity[0], 2);
	assert_int_equal(threads[0].work, WORK_MIGRATE);
	assert_int_equal(looks, 1);
	assert_int_equal(sys_sched_getaffinity(&f, 100, sizeof(mask), MASK), sizeof(mask));
	copy_from_user(&mask, MASK, sizeof(mask));
	assert_int_equal(mask, 1ULL << (FIRST + 1));
	mask = 1;
	copy_to_user(MASK, &mask, sizeof(mask));
	assert_int_equal(sys_sched_setaffinity(&f, 0, sizeof(mask), MASK), -EINVAL);
	assert_int_equal(sys_sched_getaffinity(&f, 0, 4, MASK), -EINVAL);
	assert_int_equal(sys_sched_getaffinity(&f, 0, sizeof(mask), UNMAPPED), -EFAULT);
	assert_int_equal(sys_sched_setaffinity(&f, 101, sizeof(mask), MASK), FORWARDED + 203);	/* another process's */
}

static void sets_are_walked_by_members(void **state)
{
	u64 set[CPU_WORDS] = { 1ULL << 63 | 2, 0, 1 };
	u32 found[4], n = 0, i;

	boot_cpu_count = 129;
	for_each_cpu(i, set)
		found[n++] = i;
	boot_cpu_count = 128;
	assert_int_equal(cpus_next(set, 64), 128);
	boot_cpu_count = CPUS;
	assert_int_equal(n, 3);
	assert_true(found[0] == 1 && found[1] == 63 && found[2] == 128);
	assert_int_equal(cpus_next(set, 2), CPUS);
}

static void *hop(void *arg)
{
	struct thread *t = &threads[(uintptr_t)arg];

	host_thread = t;
	for (u32 i = 0; i < 20001; i++) {
		t->affinity[0] = 1 << (t->cpu ^ 1);
		thread_move_if_needed(t);
	}
	return NULL;
}

/* Each process moves its thread under its own lock. */
static void threads_are_counted_where_they_are(void **state)
{
	run_threads(hop);
	assert_int_equal(cpus[0].runq.placed, 0);
	assert_int_equal(cpus[1].runq.placed, THREADS);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(masks_keep_to_the_lease), TEST(sets_are_walked_by_members), TEST(threads_are_counted_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
