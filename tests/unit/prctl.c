/* SPDX-License-Identifier: GPL-2.0 */
/* prctl(2): what of Linux's answers the LWK changes. */
#include "fake_user.h"
#include "arch/x86/x86.h"
#include "proc/prctl.c"

static struct thread thread;
static long linux_says;
static bool small;

void aspace_set_small_pages(struct aspace *as, bool to) { small = to; }

long forward_call(u64 nr, struct frame *f)
{
	assert_int_equal(nr, 157);
	return linux_says;
}

void thread_set_mode(u32 mode, bool on) { }
long seccomp_set_strict(void) { return 0; }
long seccomp_set_filter(u32 flags, uaddr_t program) { return 0; }
long user_dispatch_set(u64 mode, u64 start, u64 length, uaddr_t selector) { return 0; }

static void speculation_cannot_be_set_for_one_thread(void **state)
{
	static const long says[][2] = { { 0, 0 }, { 3, 2 }, { 5, 4 }, { 8, 8 }, { -EINVAL, -EINVAL }, { -ENODEV, -ENODEV } };
	struct frame f = { 0 };

	host_thread = &thread;
	for (u32 i = 0; i < ARRAY_SIZE(says); i++) {
		linux_says = says[i][0];
		assert_int_equal(sys_prctl(&f, PR_GET_SPECULATION_CTRL, 0, 0, 0, 0), says[i][1]);
	}
}

/* Linux refuses it with other arguments than 0. */
static void large_pages_are_switched_off_if_linux_agrees(void **state)
{
	struct frame f = { 0 };

	linux_says = -EINVAL;
	assert_int_equal(sys_prctl(&f, PR_SET_THP_DISABLE, 1, 1, 0, 0), -EINVAL);
	assert_false(small);
	linux_says = 0;
	assert_int_equal(sys_prctl(&f, PR_SET_THP_DISABLE, 1ULL << 32, 0, 0, 0), 0);
	assert_true(small);
	assert_int_equal(sys_prctl(&f, PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
	assert_false(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speculation_cannot_be_set_for_one_thread), cmocka_unit_test(large_pages_are_switched_off_if_linux_agrees),
	};

	return cmocka_run_group_tests_name("prctl", tests, NULL, NULL);
}
