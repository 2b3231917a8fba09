/* SPDX-License-Identifier: GPL-2.0 */
/* Which paths of /proc and /sys are views: whole paths only, with numbers where the pattern has them. */
#include "unit.h"
#include "view_path.h"

static u32 number[2];

static void whole_paths_match(void **state)
{
	assert_true(path_matches("/stat", "/stat", number));
	assert_false(path_matches("/stat", "/statm", number));
	assert_false(path_matches("/statm", "/stat", number));
	assert_false(path_matches("/stat", "", number));
	assert_false(path_matches("/stat", "/", number));
}

static void numbers_are_taken(void **state)
{
	assert_true(path_matches("/#/maps", "/4711/maps", number));
	assert_int_equal(number[0], 4711);
	assert_true(path_matches("/node#/cpu#", "/node3/cpu12", number));
	assert_int_equal(number[0], 3);
	assert_int_equal(number[1], 12);
	assert_false(path_matches("/#/maps", "//maps", number));
	assert_false(path_matches("/#/maps", "/self/maps", number));
	assert_false(path_matches("/#/maps", "/12a/maps", number));
	assert_false(path_matches("/cpu#/online", "/cpu/online", number));
}

static void large_numbers_are_nobodys(void **state)
{
	assert_true(path_matches("/#/maps", "/4294967296/maps", number));
	assert_int_equal(number[0], 0xffffffffu);
	assert_true(path_matches("/#/maps", "/99999999999999999999999999999999/maps", number));
	assert_int_equal(number[0], 0xffffffffu);
}

static void a_star_is_any_folder(void **state)
{
	assert_true(path_matches("*/cpuset.cpus", "/cpuset.cpus", number));
	assert_true(path_matches("*/cpuset.cpus", "/user/task_0/cpuset.cpus", number));
	assert_false(path_matches("*/cpuset.cpus", "/cpuset.cpus/tasks", number));
	assert_false(path_matches("*/cpuset.cpus", "/a/cpuset.cpus.effective", number));
	assert_false(path_matches("*/cpuset.cpus", "/a/my.cpuset.cpus", number));
	assert_false(path_matches("*/cpuset.cpus", "", number));
}

static void threads_are_like_processes(void **state)
{
	assert_string_equal(without_group("/7/task/8/maps"), "/8/maps");
	assert_string_equal(without_group("/7/task/8"), "/8");
	assert_string_equal(without_group("/7/task"), "/7/task");
	assert_string_equal(without_group("/7/tasks/8"), "/7/tasks/8");
	assert_string_equal(without_group("/7/maps"), "/7/maps");
	assert_string_equal(without_group("/stat"), "/stat");
	assert_string_equal(without_group("/"), "/");
	assert_string_equal(without_group(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_paths_match), cmocka_unit_test(numbers_are_taken), cmocka_unit_test(large_numbers_are_nobodys),
		cmocka_unit_test(a_star_is_any_folder), cmocka_unit_test(threads_are_like_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
