/* SPDX-License-Identifier: GPL-2.0 */
/* Clock calls and sleeps on the fake machine: what is read, refused, forwarded, and what is left when a signal comes. */
#include "fake_user.h"
#include "syscall/time.c"

#define TO		(MEMORY + 64)
#define TIMESPEC	(MEMORY + 256)
#define LEFT		(MEMORY + 512)
#define MS		1000000ULL
#define HOUR		(3600 * NSEC_PER_SEC)
#define FORWARDED	1000		/* what a forwarded call returns here, plus its number */

static struct proc proc;
static struct thread thread;
static struct az_handover host_handover;
struct az_handover *handover = &host_handover;
static bool linux_clock;		/* Linux's clock is not the TSC */
static s64 wall_ahead;			/* seconds */

bool clock_now(u32 clock, u64 *sec, u64 *nsec)
{
	u64 now = arch_cycles();

	if (linux_clock || clock == CLOCK_PROCESS_CPUTIME || clock == CLOCK_THREAD_CPUTIME || clock == 8 || (s32)clock < 0)
		return false;
	*sec = now / NSEC_PER_SEC + (clock == CLOCK_REALTIME ? wall_ahead : 0);
	*nsec = now % NSEC_PER_SEC;
	return true;
}

long forward(u32 nr, const u64 arg[6])
{
	return FORWARDED + nr;
}

long forward_call(u64 nr, struct frame *f)
{
	return FORWARDED + nr;
}

static int setup(void **state)
{
	memset(&thread, 0, sizeof(thread));
	thread.proc = &proc;
	host_thread = &thread;
	linux_clock = false;
	wall_ahead = 3600;
	host_handover.time = HOST_PHYS_START;
	put_pair(LEFT, -1, -1);
	return 0;
}

static u64 read_ns(uaddr_t from)
{
	s64 ts[2];

	copy_from_user(ts, from, sizeof(ts));
	return ts[0] * NSEC_PER_SEC + ts[1];
}

/* Interrupts the sleeper in 20 ms. */
static void *signal_soon(void *arg)
{
	usleep(20000);
	thread_interrupt(&thread, WORK_SIGNAL);
	return NULL;
}

static long interrupted(long (*call)(void))
{
	pthread_t p;
	long ret;

	pthread_create(&p, NULL, signal_soon, NULL);
	ret = call();
	pthread_join(p, NULL);
	return ret;
}

static void clocks_are_read(void **state)
{
	u64 before = arch_cycles();

	assert_int_equal(sys_clock_gettime(NULL, CLOCK_MONOTONIC, TO), 0);
	assert_in_range(read_ns(TO), before, arch_cycles());
	assert_int_equal(sys_clock_gettime(NULL, CLOCK_REALTIME, TO), 0);
	assert_true(read_ns(TO) > before + 3600 * NSEC_PER_SEC);
	assert_int_equal(sys_clock_gettime(NULL, CLOCK_MONOTONIC, UNMAPPED), -EFAULT);
	assert_int_equal(sys_time(NULL, TO), read_ns(TO) / NSEC_PER_SEC);
	assert_int_equal(sys_time(NULL, UNMAPPED), -EFAULT);
	assert_int_equal(sys_clock_getres(NULL, CLOCK_MONOTONIC, TO), 0);
	assert_int_equal(read_ns(TO), 1);
	assert_int_equal(sys_clock_getres(NULL, CLOCK_MONOTONIC, 0), 0);
	assert_int_equal(sys_gettimeofday(NULL, TO, 0), 0);
	assert_int_equal(sys_gettimeofday(NULL, UNMAPPED, 0), -EFAULT);
}

static void cpu_time_is_linux_s(void **state)
{
	static const int clocks[] = { 2, 3, -6, -7, -2, -14 };	/* of the process, the thread, and of others by number */

	for (u32 i = 0; i < ARRAY_SIZE(clocks); i++) {
		assert_int_equal(sys_clock_gettime(NULL, clocks[i], TO), FORWARDED + 228);
		assert_int_equal(sys_clock_getres(NULL, clocks[i], TO), FORWARDED + 229);
		assert_int_equal(sys_clock_nanosleep(NULL, clocks[i], 0, TIMESPEC, 0), FORWARDED + 230);
	}
}

static void the_rest_is_linux_s(void **state)
{
	put_pair(TIMESPEC, 0, 1);
	assert_int_equal(sys_clock_gettime(NULL, 8, TO), FORWARDED + 228);
	assert_int_equal(sys_clock_gettime(NULL, -29, TO), FORWARDED + 228);	/* a device: ~3 << 3 | 3 */
	assert_int_equal(sys_clock_getres(NULL, CLOCK_MONOTONIC_COARSE, TO), FORWARDED + 229);
	assert_int_equal(sys_clock_nanosleep(NULL, CLOCK_MONOTONIC_RAW, 0, TIMESPEC, 0), FORWARDED + 230);
	assert_int_equal(sys_restart_syscall(NULL), FORWARDED + 219);
	linux_clock = true;
	assert_int_equal(sys_clock_gettime(NULL, CLOCK_MONOTONIC, TO), FORWARDED + 228);
	assert_int_equal(sys_clock_getres(NULL, CLOCK_MONOTONIC, TO), FORWARDED + 229);
	assert_int_equal(sys_gettimeofday(NULL, TO, 0), FORWARDED + 96);
	assert_int_equal(sys_time(NULL, 0), FORWARDED + 201);
	assert_int_equal(sys_nanosleep(NULL, TIMESPEC, 0), FORWARDED + 35);
	assert_int_equal(sys_clock_nanosleep(NULL, CLOCK_MONOTONIC, 0, TIMESPEC, 0), FORWARDED + 230);
}

static void sleeps_last(void **state)
{
	u64 start = arch_cycles(), end;

	put_pair(TIMESPEC, 0, 10 * MS);
	assert_int_equal(sys_nanosleep(NULL, TIMESPEC, LEFT), 0);
	assert_true(arch_cycles() - start >= 10 * MS);
	assert_int_equal(sys_clock_nanosleep(NULL, CLOCK_REALTIME, 0, TIMESPEC, LEFT), 0);
	assert_true(arch_cycles() - start >= 20 * MS);
	end = arch_cycles() + 10 * MS;
	put_pair(TIMESPEC, 3600 + end / NSEC_PER_SEC, end % NSEC_PER_SEC);
	assert_int_equal(sys_clock_nanosleep(NULL, CLOCK_REALTIME, TIMER_ABSTIME, TIMESPEC, LEFT), 0);
	assert_true(arch_cycles() >= end);
	put_pair(TIMESPEC, 0, 0);
	assert_int_equal(sys_clock_nanosleep(NULL, CLOCK_MONOTONIC, TIMER_ABSTIME, TIMESPEC, LEFT), 0);
	assert_int_equal(read_ns(LEFT), -1 * NSEC_PER_SEC - 1);
}

static void mistakes_are_named(void **state)
{
	put_pair(TIMESPEC, 0, NSEC_PER_SEC);
	assert_int_equal(sys_nanosleep(NULL, TIMESPEC, 0), -EINVAL);
	assert_int_equal(sys_clock_nanosleep(NULL, CLOCK_REALTIME, 0, TIMESPEC, 0), -EINVAL);
	put_pair(TIMESPEC, 0, -1);
	assert_int_equal(sys_nanosleep(NULL, TIMESPEC, 0), -EINVAL);
	put_pair(TIMESPEC, -1, 0);
	assert_int_equal(sys_nanosleep(NULL, TIMESPEC, 0), -EINVAL);
	assert_int_equal(sys_nanosleep(NULL, UNMAPPED, 0), -EFAULT);
}

static long sleep_long(void)
{
	put_pair(TIMESPEC, INT64_MAX, 0);
	return sys_nanosleep(NULL, TIMESPEC, LEFT);
}

static long sleep_nowhere(void)
{
	put_pair(TIMESPEC, 100, 0);
	return sys_nanosleep(NULL, TIMESPEC, UNMAPPED);
}

static long sleep_to_late_time(void)
{
	put_pair(TIMESPEC, INT64_MAX, 0);
	return sys_clock_nanosleep(NULL, CLOCK_BOOTTIME, TIMER_ABSTIME, TIMESPEC, LEFT);
}

static void signals_say_what_is_left(void **state)
{
	assert_int_equal(interrupted(sleep_long), -ERESTART_RESTARTBLOCK);
	assert_true(thread.work & WORK_RESTART);
	assert_true(read_ns(LEFT) > 1ULL << 62);
	thread.work = 0;
	assert_int_equal(interrupted(sleep_nowhere), -EFAULT);
	thread.work = 0;
	put_pair(LEFT, 77, 0);
	assert_int_equal(interrupted(sleep_to_late_time), -ERESTARTNOHAND);
	assert_true(thread.work & WORK_RESTART);
	assert_int_equal(read_ns(LEFT), 77 * NSEC_PER_SEC);
}

static long sleep_an_hour(void)
{
	put_pair(TIMESPEC, 3600, 0);
	return sys_nanosleep(NULL, TIMESPEC, LEFT);
}

static void restarted_sleeps_keep_their_end(void **state)
{
	assert_int_equal(interrupted(sleep_an_hour), -ERESTART_RESTARTBLOCK);
	assert_in_range(read_ns(LEFT), 1, HOUR - 1);
	thread.work = 0;
	host_jump(HOUR);
	assert_int_equal(sys_restart_syscall(NULL), 0);
}

static long sleep_to_wall_time(void)
{
	return sys_clock_nanosleep(NULL, CLOCK_REALTIME, TIMER_ABSTIME, TIMESPEC, 0);
}

static void *set_clock_back(void *arg)
{
	usleep(10000);
	__atomic_store_n(&wall_ahead, 3500, __ATOMIC_SEQ_CST);
	usleep(60000);
	__atomic_store_n(&wall_ahead, 3600, __ATOMIC_SEQ_CST);
	thread_unpark(&thread);
	return NULL;
}

static void a_clock_set_back_is_followed(void **state)
{
	u64 start = arch_cycles(), end = start + 40 * MS;
	pthread_t p;

	put_pair(TIMESPEC, 3600 + end / NSEC_PER_SEC, end % NSEC_PER_SEC);
	pthread_create(&p, NULL, set_clock_back, NULL);
	assert_int_equal(sleep_to_wall_time(), 0);
	pthread_join(p, NULL);
	assert_true(arch_cycles() - start >= 60 * MS);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(clocks_are_read), TEST(cpu_time_is_linux_s), TEST(the_rest_is_linux_s), TEST(sleeps_last), TEST(mistakes_are_named),
		TEST(signals_say_what_is_left), TEST(restarted_sleeps_keep_their_end), TEST(a_clock_set_back_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
