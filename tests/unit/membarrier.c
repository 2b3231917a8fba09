/* SPDX-License-Identifier: GPL-2.0 */
/* membarrier(2) on the fake machine: who must be registered, and which CPUs are interrupted. */
#include "fake_user.h"
#include "syscall/membarrier.c"

#define CPUS	4

static struct az_handover no_handover = { .procs = HOST_PHYS_START };
struct az_handover *handover = &no_handover;
static struct az_cpu shared[CPUS];
static struct cpu cpus[CPUS];
struct cpu *boot_cpus[AZ_CPUS_MAX];
u32 boot_cpu_count = CPUS;
static struct proc proc;
static struct thread threads[2];
static u32 forwarded;

/* The process runs on CPUs 0 and 1, process 1 on CPU 2, and CPU 3 is free. */
bool aspace_is_active(const struct aspace *as, u32 cpu)
{
	return cpu < 2;
}

long forward_call(u64 nr, struct frame *f)
{
	forwarded = nr;
	return 0;
}

static struct az_proc *shared_proc(u32 index)
{
	return (struct az_proc *)phys_to_virt(handover->procs) + index;
}

static int setup(void **state)
{
	memset(&proc, 0, sizeof(proc));
	memset(threads, 0, sizeof(threads));
	memset(registered, 0, sizeof(registered));
	list_init(&proc.threads);
	for (u32 i = 0; i < CPUS; i++) {
		boot_cpus[i] = &cpus[i];
		cpus[i].shared = &shared[i];
		cpus[i].proc = i < 2 ? 0 : i == 2 ? 1 : AZ_NONE;
	}
	for (u32 i = 0; i < 2; i++) {
		threads[i].proc = &proc;
		list_add_tail(&threads[i].sibling, &proc.threads);
		shared_proc(i)->pid = 100 + i;
	}
	proc.pid = 100;
	host_thread = &threads[0];
	host_barrier = forwarded = 0;
	return 0;
}

static void mistakes_are_named_as_linux_does(void **state)
{
	assert_int_equal(sys_membarrier(NULL, QUERY, 0, 0), 0x1ff);
	assert_int_equal(sys_membarrier(NULL, QUERY, 1, 0), -EINVAL);
	assert_int_equal(sys_membarrier(NULL, 1 << 9, 0, 0), -EINVAL);
	assert_int_equal(sys_membarrier(NULL, -1, 0, 0), -EINVAL);
	assert_int_equal(sys_membarrier(NULL, PRIVATE | GLOBAL, 0, 0), -EINVAL);
	assert_int_equal(sys_membarrier(NULL, PRIVATE, 1, 0), -EINVAL);
	assert_int_equal(sys_membarrier(NULL, PRIVATE_RSEQ, 2, 0), -EINVAL);
}

static void private_commands_want_registration(void **state)
{
	for (u32 cmd = PRIVATE; cmd <= PRIVATE_RSEQ; cmd <<= 2) {
		assert_int_equal(sys_membarrier(NULL, cmd, 0, 0), -EPERM);
		assert_int_equal(host_barrier, 0);
		assert_int_equal(sys_membarrier(NULL, cmd << 1, 0, 0), 0);
		assert_int_equal(sys_membarrier(NULL, cmd, 0, 0), 0);
		assert_int_equal(host_barrier, 3);
		assert_int_equal(threads[1].work, cmd == PRIVATE_RSEQ ? WORK_RSEQ : 0);
		host_barrier = 0;
	}
	assert_int_equal(threads[0].work, 0);
	assert_int_equal(sys_membarrier(NULL, PRIVATE_RSEQ, FLAG_CPU, 7), 0);
	assert_int_equal(forwarded, 0);
}

static void global_commands_reach_who_has_registered(void **state)
{
	assert_int_equal(sys_membarrier(NULL, GLOBAL, 0, 0), 0);
	assert_int_equal(forwarded, NR_MEMBARRIER);
	assert_int_equal(host_barrier, 15);
	assert_int_equal(sys_membarrier(NULL, GLOBAL_EXPEDITED, 0, 0), 0);
	assert_int_equal(host_barrier, 3);
	proc.index = 1;
	proc.pid = 101;
	assert_int_equal(sys_membarrier(NULL, REGISTER_GLOBAL, 0, 0), 0);
	assert_int_equal(sys_membarrier(NULL, GLOBAL_EXPEDITED, 0, 0), 0);
	assert_int_equal(host_barrier, 7);
	cpus[3].proc = 1;			/* wherever it runs */
	assert_int_equal(sys_membarrier(NULL, GLOBAL_EXPEDITED, 0, 0), 0);
	assert_int_equal(host_barrier, 15);
	cpus[3].proc = AZ_NONE;
	shared_proc(1)->pid = 102;		/* another process has taken its place */
	assert_int_equal(sys_membarrier(NULL, GLOBAL_EXPEDITED, 0, 0), 0);
	assert_int_equal(host_barrier, 3);
	proc.pid = 102;				/* a child that began with what its parent had */
	membarrier_inherit(&proc);
	assert_int_equal(sys_membarrier(NULL, GLOBAL_EXPEDITED, 0, 0), 0);
	assert_int_equal(host_barrier, 7);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mistakes_are_named_as_linux_does), TEST(private_commands_want_registration),
		TEST(global_commands_reach_who_has_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
