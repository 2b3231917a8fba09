/* SPDX-License-Identifier: GPL-2.0 */
/* Time slices on the fake machine: when the timer is armed, and when the thread must give way. */
#include "unit.h"
#include "host.h"
#include "sched/slice.c"

static struct cpu cpu;
static struct thread sharing = { .slice = 1000000000 }, alone, waiting;
static u32 armed;
static u32 work;

void timers_arm(struct cpu *c)
{
	assert_ptr_equal(c, &cpu);
	armed++;
}

void thread_interrupt(struct thread *t, u32 bits)
{
	assert_ptr_equal(t, &sharing);
	work |= bits;
}

static int setup(void **state)
{
	memset(&cpu, 0, sizeof(cpu));
	list_init(&cpu.runq.ready);
	cpu.current = &sharing;
	list_init(&waiting.run);
	armed = work = 0;
	return 0;
}

static void no_timer_for_one_thread(void **state)
{
	slice_begin(&cpu, &sharing);
	slice_look(&cpu);
	slice_expire(&cpu);
	assert_int_equal(armed, 0);
	assert_int_equal(work, 0);
}

static void no_timer_without_the_option(void **state)
{
	list_add_tail(&waiting.run, &cpu.runq.ready);
	slice_begin(&cpu, &alone);
	cpu.current = &alone;
	slice_look(&cpu);
	assert_int_equal(armed, 0);
}

static void a_second_thread_begins_a_slice(void **state)
{
	u64 end;

	slice_begin(&cpu, &sharing);
	list_add_tail(&waiting.run, &cpu.runq.ready);
	slice_look(&cpu);
	assert_int_equal(armed, 1);
	end = cpu.slice_end;
	assert_in_range(end - arch_cycles(), 1, sharing.slice);
	slice_look(&cpu);				/* a third one does not begin it anew */
	assert_int_equal(cpu.slice_end, end);
	slice_expire(&cpu);
	assert_int_equal(work, 0);
	cpu.slice_end = arch_cycles();
	slice_expire(&cpu);
	assert_int_equal(work, WORK_YIELD);
	assert_int_equal(cpu.slice_end, 0);
}

static void the_last_one_ends_it(void **state)
{
	list_add_tail(&waiting.run, &cpu.runq.ready);
	slice_begin(&cpu, &sharing);
	assert_int_equal(armed, 1);
	list_del(&waiting.run);
	slice_begin(&cpu, &sharing);			/* it runs again, alone */
	assert_int_equal(cpu.slice_end, 0);
	assert_int_equal(armed, 2);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_timer_for_one_thread), TEST(no_timer_without_the_option), TEST(a_second_thread_begins_a_slice),
		TEST(the_last_one_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
