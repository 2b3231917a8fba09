/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waits for one of several words on the fake machine.
 */
#include "fake_user.h"
#include "sched/futex.c"
#include "sched/futex_pi.c"
#include "sched/futex_waitv.c"
#include "sched/robust.c"
#include "fake_futex.h"

#define WORDS		(MEMORY + 1024)		/* the array of the call */
#define NTH(i)		(MEMORY + 64 + 4 * (uaddr_t)(i))
#define PLAIN		(WORD_32 | PRIVATE)

static long result;
static uaddr_t timeout;
static u32 count;

static void put_word(u32 i, uaddr_t addr, u64 value, u32 flags)
{
	struct user_word w = { value, addr, flags, 0 };

	copy_to_user(WORDS + i * sizeof(w), &w, sizeof(w));
}

static void put_words(u32 n)
{
	count = n;
	timeout = 0;
	for (u32 i = 0; i < n; i++)
		put_word(i, NTH(i), 0, i % 2 ? WORD_32 : PLAIN);
}

static long wait_now(void)
{
	return sys_futex_waitv(NULL, WORDS, count, 0, timeout, CLOCK_MONOTONIC);
}

static void *wait_body(void *arg)
{
	host_thread = &threads[0];
	result = wait_now();
	return NULL;
}

/* Thread 0 waits for the words when this returns. */
static pthread_t start(void)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, wait_body, NULL), 0);
	until_waiting(NTH(count - 1), 1);
	return t;
}

static long join(pthread_t t)
{
	assert_int_equal(pthread_join(t, NULL), 0);
	return result;
}

static long wake(uaddr_t addr)
{
	return sys_futex(NULL, addr, FUTEX_WAKE | PRIVATE, 1, 0, 0, 0);
}

static void mistakes_are_named_as_linux_does(void **state)
{
	put_words(2);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 2, 1, 0, 0), -EINVAL);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 129, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex_waitv(NULL, 0, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex_waitv(NULL, UNMAPPED, 1, 0, 0, 0), -EFAULT);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 2, 0, UNMAPPED, CLOCK_MONOTONIC), -EFAULT);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 2, 0, TIMESPEC, CLOCK_BOOTTIME), -EINVAL);
	set_timespec(0, NSEC_PER_SEC);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 2, 0, TIMESPEC, CLOCK_REALTIME), -EINVAL);
	put_word(1, NTH(1), 0, PRIVATE);
	assert_int_equal(wait_now(), -EINVAL);
	put_word(1, NTH(1), 0, PLAIN | 1);
	assert_int_equal(wait_now(), -EINVAL);
	put_word(1, NTH(1) + 2, 0, PLAIN);
	assert_int_equal(wait_now(), -EINVAL);
	put_word(1, UNMAPPED, 0, PLAIN);
	assert_int_equal(wait_now(), -EFAULT);
	put_word(1, NTH(1), 1, PLAIN);
	assert_int_equal(wait_now(), -EAGAIN);
	*word(NTH(0)) = 1;
	put_word(0, NTH(0), 1ULL << 32 | 1, PLAIN);	/* the upper half is not looked at */
	assert_int_equal(wait_now(), -EAGAIN);
}

static void words_that_others_share_are_linuxs(void **state)
{
	put_words(2);
	linux_backed = present = true;
	put_word(1, ABSENT, 1, WORD_32);
	assert_int_equal(wait_now(), -EINVAL);		/* one here, one there */
	put_word(0, ABSENT + 4, 1, WORD_32);
	assert_int_equal(wait_now(), -ESRCH);
	assert_int_equal(forwarded, NR_FUTEX_WAITV);
	put_word(0, ABSENT + 4, 1, PLAIN);
	put_word(1, ABSENT, 1, PLAIN);
	assert_int_equal(wait_now(), -EAGAIN);
}

static void the_index_is_told(void **state)
{
	pthread_t t;

	for (u32 i = 0; i < WORDS_MAX; i += 127) {
		put_words(WORDS_MAX);
		t = start();
		assert_int_equal(wake(NTH(i)), 1);
		assert_int_equal(join(t), i);
	}
	put_words(3);
	put_word(2, NTH(0), 0, PLAIN);			/* one word twice: two waits */
	assert_int_equal(pthread_create(&t, NULL, wait_body, NULL), 0);
	until_waiting(NTH(0), 2);
	assert_int_equal(sys_futex(NULL, NTH(0), FUTEX_WAKE, 9, 0, 0, 0), 2);
	assert_int_equal(join(t), 2);
}

static void waits_can_be_moved(void **state)
{
	pthread_t t;

	put_words(3);
	t = start();
	assert_int_equal(sys_futex(NULL, NTH(1), FUTEX_REQUEUE | PRIVATE, 0, 1, LIST, 0), 1);
	assert_int_equal(wake(NTH(1)), 0);
	assert_int_equal(wake(LIST), 1);
	assert_int_equal(join(t), 1);
}

static void waits_end_early(void **state)
{
	u64 end;
	pthread_t t;

	put_words(5);
	end = arch_cycles() + 20 * MS;
	set_timespec(end / NSEC_PER_SEC, end % NSEC_PER_SEC);
	timeout = TIMESPEC;
	assert_int_equal(wait_now(), -ETIMEDOUT);
	assert_true(arch_cycles() >= end);
	set_timespec(WALL_AHEAD + end / NSEC_PER_SEC, end % NSEC_PER_SEC);
	assert_int_equal(sys_futex_waitv(NULL, WORDS, 5, 0, TIMESPEC, CLOCK_REALTIME), -ETIMEDOUT);
	timeout = 0;
	t = start();
	thread_interrupt(&threads[0], WORK_SIGNAL);
	assert_int_equal(join(t), -ERESTARTSYS);
	assert_true(threads[0].work & WORK_RESTART);
}

static void an_absent_page_is_fetched(void **state)
{
	pthread_t t;

	put_words(3);
	put_word(1, ABSENT, 0, PLAIN);
	t = start();
	assert_true(present);
	assert_int_equal(wake(ABSENT), 1);
	assert_int_equal(join(t), 1);
}

/* Pairs: one thread passes a token round through words that the next waits for among others. */
#define ROUNDS	3000

static void *pass_token(void *arg)
{
	u32 self = (uintptr_t)arg, next = (self + 1) % THREADS;

	host_thread = &threads[self];
	for (u32 i = 0; i < ROUNDS; i++) {
		while (!__atomic_load_n(word(NTH(self)), __ATOMIC_ACQUIRE))
			sys_futex_waitv(NULL, WORDS + 256 * self, 2, 0, 0, 0);
		__atomic_store_n(word(NTH(self)), 0, __ATOMIC_RELEASE);
		__atomic_store_n(word(NTH(next)), 1, __ATOMIC_RELEASE);
		wake(NTH(next));
		wake(LIST);			/* the other word of all: a wake for nothing */
	}
	return NULL;
}

static void no_wake_is_lost(void **state)
{
	for (u32 i = 0; i < THREADS; i++) {
		struct user_word w[2] = { { 0, LIST, PLAIN, 0 }, { 0, NTH(i), PLAIN, 0 } };

		copy_to_user(WORDS + 256 * i, w, sizeof(w));
	}
	*word(NTH(0)) = 1;
	run_threads(pass_token);
	assert_int_equal(*word(NTH(0)), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nobody_waits)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mistakes_are_named_as_linux_does), TEST(words_that_others_share_are_linuxs), TEST(the_index_is_told), TEST(waits_can_be_moved),
		TEST(waits_end_early), TEST(an_absent_page_is_fetched), TEST(no_wake_is_lost),
	};

	frame_add_range(HOST_PHYS_START, 64 * MB, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
