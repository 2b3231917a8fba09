/* SPDX-License-Identifier: GPL-2.0 */
/* exit_group(2) is asked for until the process ends. */
#include "fake_user.h"
#include "syscall/misc.c"

#define SIGNALS	2		/* that come first */

static struct thread thread;
static u32 asked;
static struct az_handover no_handover;
struct az_handover *handover = &no_handover;
struct cpu *boot_cpus[AZ_CPUS_MAX];
u32 boot_cpu_count;
struct x86_features x86_features;

long forward(u32 nr, const u64 arg[6])
{
	assert_int_equal(nr, 231);
	assert_int_equal(arg[0], 7);
	if (asked++ < SIGNALS)
		return -ERESTARTSYS;
	thread.work = WORK_KILL;
	return -EINTR;
}

long forward_call(u64 nr, struct frame *f) { return 0; }
void aspace_set_limits(struct aspace *as, u64 limit_as, u64 limit_data) { }
void aspace_set_lock_limit(struct aspace *as, u64 bytes) { }
void aspace_set_stack_limit(struct aspace *as, u64 bytes) { }
void thread_yield(void) { }
void thread_exit(u32 status) { abort(); }

static void the_process_ends_whatever_comes(void **state)
{
	host_thread = &thread;
	sys_exit_group(NULL, 7);
	assert_int_equal(asked, SIGNALS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_process_ends_whatever_comes) };

	return cmocka_run_group_tests_name("misc", tests, NULL, NULL);
}
