/* SPDX-License-Identifier: GPL-2.0 */
/* CPU time of threads: what the word in the slot says at each moment, also when clocks of two CPUs disagree a little. */
#include "unit.h"
#include "host.h"
#include "sched/cputime.c"

static struct az_slot slot;
static struct thread thread = { .slot = &slot };

static void counts_only_while_on_a_cpu(void **state)
{
	u64 before, first, now;

	slot.cpu_time = 0;
	before = arch_cycles();
	cputime_begin(&thread);
	assert_true(slot.cpu_time & AZ_CPU_TIME_RUNS);
	while (arch_cycles() - before < 1000000)
		;
	cputime_end(&thread);
	first = slot.cpu_time;
	assert_in_range(first, 1000000 - 100000, arch_cycles() - before);
	now = arch_cycles() + 1000000000;
	assert_int_equal(az_cpu_time_cycles(slot.cpu_time, now), first);	/* off its CPU: time goes by without it */
	cputime_begin(&thread);
	assert_in_range(az_cpu_time_cycles(slot.cpu_time, arch_cycles()), first, first + arch_cycles() - before);
	cputime_end(&thread);
	assert_true(slot.cpu_time >= first);
}

static void a_counter_behind_gives_no_time(void **state)
{
	u64 begun = 5000 | AZ_CPU_TIME_RUNS;

	assert_int_equal(az_cpu_time_cycles(begun, 5000), 0);
	assert_int_equal(az_cpu_time_cycles(begun, 4990), 0);
	assert_int_equal(az_cpu_time_cycles(begun, 5010), 10);
}

/* The machine has just been started, the thread has run for longer than its counter says. */
static void a_beginning_before_zero_is_no_problem(void **state)
{
	u64 begun = (100 - 5000) | AZ_CPU_TIME_RUNS;

	assert_int_equal(az_cpu_time_cycles(begun, 100), 5000);
	assert_int_equal(az_cpu_time_cycles(begun, 300), 5200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_only_while_on_a_cpu),
		cmocka_unit_test(a_counter_behind_gives_no_time),
		cmocka_unit_test(a_beginning_before_zero_is_no_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
