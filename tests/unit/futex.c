/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Futexes and robust lists on the fake machine: pthreads with a struct thread each.
 */
#include "fake_user.h"
#include "sched/futex.c"
#include "sched/futex_pi.c"
#include "sched/robust.c"
#include "fake_futex.h"

struct waiter {
	pthread_t pthread;
	struct thread *thread;
	int op;
	uaddr_t timeout;
	u32 bitset;
	long result;
	u32 turn;			/* when it came back */
};

static struct waiter waiter[WAITERS];
static u32 turns;

static void *wait_body(void *arg)
{
	struct waiter *w = arg;

	host_thread = w->thread;
	w->result = sys_futex(NULL, WORD, w->op, *word(WORD), w->timeout, 0, w->bitset);
	w->turn = __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Starts waiter @i; it is queued when this returns. */
static void start_waiter(u32 i, int op, uaddr_t timeout, u32 bitset)
{
	u32 before = waiters_of(WORD);

	waiter[i] = (struct waiter){ .thread = &threads[i], .op = op, .timeout = timeout, .bitset = bitset, .result = 12345 };
	assert_int_equal(pthread_create(&waiter[i].pthread, NULL, wait_body, &waiter[i]), 0);
	until_waiting(WORD, before + 1);
}

static void start_waiters(void)
{
	turns = 0;
	for (u32 i = 0; i < WAITERS; i++)
		start_waiter(i, FUTEX_WAIT | PRIVATE, 0, 0);
}

static long join_waiter(u32 i)
{
	assert_int_equal(pthread_join(waiter[i].pthread, NULL), 0);
	return waiter[i].result;
}

static long wake(uaddr_t addr, u32 count)
{
	return sys_futex(NULL, addr, FUTEX_WAKE | PRIVATE, count, 0, 0, 0);
}

/* ---- Tests ---- */

static void mistakes_are_named_as_linux_does(void **state)
{
	*word(WORD) = 5;
	set_timespec(0, 1);
	assert_int_equal(sys_futex(NULL, WORD + 1, FUTEX_WAIT, 5, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD + 2, FUTEX_WAKE, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, AZ_USER_END, FUTEX_WAKE | PRIVATE, 1, 0, 0, 0), -EFAULT);
	assert_int_equal(sys_futex(NULL, UNMAPPED, FUTEX_WAIT | PRIVATE, 0, 0, 0, 0), -EFAULT);
	assert_int_equal(sys_futex(NULL, UNMAPPED, FUTEX_WAKE | PRIVATE, 1, 0, 0, 0), 0);
	assert_int_equal(sys_futex(NULL, UNMAPPED, FUTEX_WAKE, 1, 0, 0, 0), -EFAULT);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT, 6, 0, 0, 0), -EAGAIN);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_BITSET, 5, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE_BITSET, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, 0, 0, 0), -ENOSYS);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0), -ENOSYS);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT, 5, UNMAPPED, 0, 0), -EFAULT);
	set_timespec(0, 1000000000);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT, 5, TIMESPEC, 0, 0), -EINVAL);
	set_timespec(-1, 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_BITSET, 5, TIMESPEC, 0, 1), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, -1, 1, WORD2, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 1, -1u, WORD2, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 1, 1, WORD2 + 1, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE, 1, 1, WORD2, 6), -EAGAIN);
	assert_int_equal(sys_futex(NULL, UNMAPPED, FUTEX_CMP_REQUEUE | PRIVATE, 1, 1, WORD2, 6), -EFAULT);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE_OP | PRIVATE, 1, 1, UNMAPPED, 0), -EFAULT);
	assert_int_equal(sys_futex(NULL, WORD, 2, 5, 0, 0, 0), -ENOSYS);
	assert_int_equal(sys_futex(NULL, WORD, 99, 5, 0, 0, 0), -ENOSYS);
	assert_int_equal(sys_futex(NULL, WORD + 1, 99, 5, 0, 0, 0), -ENOSYS);	/* whatever the word */
	assert_int_equal(sys_futex(NULL, AZ_USER_END, 14, 5, 0, 0, 0), -ENOSYS);
}

static void words_that_others_share_are_linuxs(void **state)
{
	linux_backed = present = true;
	assert_int_equal(sys_futex(NULL, ABSENT, FUTEX_WAIT, 1, 0, 0, 0), -ESRCH);
	assert_int_equal(forwarded, NR_FUTEX);
	forwarded = 0;
	assert_int_equal(sys_futex(NULL, ABSENT, FUTEX_WAIT | PRIVATE, 1, 0, 0, 0), -EAGAIN);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT, 1, 0, 0, 0), -EAGAIN);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 1, 1, ABSENT, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, ABSENT, FUTEX_WAKE_OP, 1, 1, WORD, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, ABSENT, FUTEX_REQUEUE, 1, 1, UNMAPPED, 0), -EFAULT);
	assert_int_equal(forwarded, 0);
	assert_int_equal(sys_futex(NULL, ABSENT, FUTEX_REQUEUE, 1, 1, ABSENT + 4, 0), -ESRCH);
	assert_int_equal(forwarded, NR_FUTEX);
	futex_wake_addr(ABSENT + 8, 1);		/* as the end of a thread does */
	assert_int_equal(forwarded_addr, ABSENT + 8);
}

static void first_come_first_woken(void **state)
{
	start_waiters();
	assert_int_equal(wake(WORD2, 10), 0);
	for (u32 i = 0; i < WAITERS; i++) {
		assert_int_equal(wake(WORD, 1), 1);
		assert_int_equal(join_waiter(i), 0);
		assert_int_equal(waiter[i].turn, i + 1);
	}
	assert_int_equal(wake(WORD, 1), 0);
}

static void counts_of_wakes(void **state)
{
	start_waiters();
	assert_int_equal(wake(WORD, 0), 1);	/* as Linux */
	assert_int_equal(wake(WORD, 2), 2);
	assert_int_equal(wake(WORD, INT32_MAX), 1);
	for (u32 i = 0; i < WAITERS; i++)
		assert_int_equal(join_waiter(i), 0);
}

static void bitsets_choose(void **state)
{
	start_waiter(0, FUTEX_WAIT_BITSET, 0, 1);
	start_waiter(1, FUTEX_WAIT_BITSET, 0, 2);
	start_waiter(2, FUTEX_WAIT, 0, 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE_BITSET, 10, 0, 0, 4), 1);
	assert_int_equal(join_waiter(2), 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE_BITSET, 10, 0, 0, 2), 1);
	assert_int_equal(join_waiter(1), 0);
	assert_int_equal(wake(WORD, 10), 1);
	assert_int_equal(join_waiter(0), 0);
}

static void a_page_is_made_present(void **state)
{
	assert_int_equal(sys_futex(NULL, ABSENT, FUTEX_WAIT | PRIVATE, 1, 0, 0, 0), -EAGAIN);
	assert_true(present);
	present = false;
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE_OP | PRIVATE, 1, 1, ABSENT, 7 << 12), 0);
	assert_true(present);
	assert_int_equal(*word(ABSENT), 7);
}

static void timeouts_end_waits(void **state)
{
	u64 start = arch_cycles(), now;

	set_timespec(0, 20 * MS);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT | PRIVATE, 0, TIMESPEC, 0, 0), -ETIMEDOUT);
	now = arch_cycles();
	assert_true(now - start >= 20 * MS);
	set_timespec((now + 20 * MS) / NSEC_PER_SEC, (now + 20 * MS) % NSEC_PER_SEC);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_BITSET, 0, TIMESPEC, 0, FUTEX_MATCH_ANY), -ETIMEDOUT);
	assert_true(arch_cycles() - now >= 20 * MS);
	now = arch_cycles();
	set_timespec(3600 + (now + 20 * MS) / NSEC_PER_SEC, (now + 20 * MS) % NSEC_PER_SEC);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, TIMESPEC, 0, FUTEX_MATCH_ANY), -ETIMEDOUT);
	assert_true(arch_cycles() - now >= 20 * MS);
	set_timespec(0, 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT, 0, TIMESPEC, 0, 0), -ETIMEDOUT);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT, 1, TIMESPEC, 0, 0), -EAGAIN);
}

static void signals_end_waits(void **state)
{
	set_timespec(3600, 0);
	start_waiter(0, FUTEX_WAIT, 0, 0);
	start_waiter(1, FUTEX_WAIT, TIMESPEC, 0);
	thread_unpark(&threads[0]);		/* a late wake-up of something else */
	thread_interrupt(&threads[0], WORK_SIGNAL);
	thread_interrupt(&threads[1], WORK_SIGNAL);
	assert_int_equal(join_waiter(0), -ERESTARTSYS);
	assert_int_equal(join_waiter(1), -ERESTART_RESTARTBLOCK);
	assert_true(threads[0].work & WORK_RESTART);
	assert_true(threads[1].work & WORK_RESTART);
	assert_int_equal(waiters_of(WORD), 0);
}

static void wake_and_consume(void)
{
	if (!waiters_of(WORD))
		return;
	wake(WORD, 1);
	host_thread->token = 0;
}

/* The time is asked of Linux, and the wake-up comes meanwhile. */
static void wake_ups_while_the_time_is_asked(void **state)
{
	u64 start = arch_cycles();

	linux_clock = true;
	on_forward = wake_and_consume;
	set_timespec(5, 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT | PRIVATE, 0, TIMESPEC, 0, 0), 0);
	assert_true(arch_cycles() - start < 3000 * MS);
}

static void *restart_body(void *arg)
{
	struct waiter *w = arg;

	host_thread = w->thread;
	w->result = w->thread->restart.run(w->thread);
	return NULL;
}

static void restarted_waits_keep_their_end(void **state)
{
	set_timespec(3600, 0);
	start_waiter(0, FUTEX_WAIT, TIMESPEC, 0);
	thread_interrupt(&threads[0], WORK_SIGNAL);
	assert_int_equal(join_waiter(0), -ERESTART_RESTARTBLOCK);
	threads[0].work = 0;
	set_timespec(1000000, 0);		/* not read again */
	host_jump(3600 * NSEC_PER_SEC);
	assert_int_equal(pthread_create(&waiter[0].pthread, NULL, restart_body, &waiter[0]), 0);
	assert_int_equal(join_waiter(0), -ETIMEDOUT);
}

static void requeue_moves_in_order(void **state)
{
	start_waiters();
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE, 1, 2, WORD2, 0), 3);
	assert_int_equal(join_waiter(0), 0);
	assert_int_equal(waiters_of(WORD), 1);
	assert_int_equal(waiters_of(WORD2), 2);
	assert_int_equal(wake(WORD2, 1), 1);
	assert_int_equal(join_waiter(1), 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 0, 10, WORD, 0), 1);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 0, 10, WORD2, 0), 1);
	thread_interrupt(&threads[2], WORK_KILL);	/* leaves the bucket where it is now */
	assert_int_equal(join_waiter(2), -ERESTARTSYS);
	assert_int_equal(wake(WORD2, 10), 1);
	assert_int_equal(join_waiter(3), 0);
}

#define OP(op, arg, cmp, cmparg) ((u32)(op) << 28 | (u32)(cmp) << 24 | ((arg) & 0xfff) << 12 | ((cmparg) & 0xfff))

static void operations(void **state)
{
	static const struct { u32 code, before, after; long result; } row[] = {
		{ OP(0, 9, 0, 3), 3, 9, 2 }, { OP(0, -1, 0, 3), 4, -1u, 1 }, { OP(1, 5, 1, 3), 3, 8, 1 },
		{ OP(1, -5, 1, -3), 10, 5, 2 }, { OP(2, 6, 2, 2), 1, 7, 2 }, { OP(3, 6, 3, 7), 7, 1, 2 },
		{ OP(4, 5, 4, 6), 6, 3, 1 }, { OP(4, 5, 5, 6), 6, 3, 2 }, { OP(8, 31, 2, 0), -7u, 0x80000000u, 2 },
		{ OP(8 | 2, 4, 5, 0), -7u, -7u | 16, 1 }, { OP(5, 1, 0, 0), 3, 3, -ENOSYS }, { OP(1, 1, 6, 0), 3, 4, -ENOSYS },
	};

	for (u32 i = 0; i < ARRAY_SIZE(row); i++) {
		long left;

		start_waiter(0, FUTEX_WAIT, 0, 0);
		start_waiter(1, FUTEX_WAIT, 0, 0);
		assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 0, 1, WORD2, 0), 1);
		*word(WORD2) = row[i].before;
		assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE_OP, 1, 1, WORD2, row[i].code), row[i].result);
		assert_int_equal(*word(WORD2), row[i].after);
		left = 2 - (row[i].result < 0 ? 0 : row[i].result);
		assert_int_equal(wake(WORD, 1) + wake(WORD2, 1), left);
		assert_int_equal(join_waiter(0), 0);
		assert_int_equal(join_waiter(1), 0);
	}
}

/* A lock as in C libraries: 0 free, 1 held, 2 held and perhaps waited for. Every wait may be cut short. */
#define LOCK_ROUNDS	3000

static u64 guarded;

static void lock_word(uaddr_t addr, bool timed)
{
	u32 seen = 0;

	if (__atomic_compare_exchange_n(word(addr), &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word(addr), 2, __ATOMIC_ACQUIRE))
		sys_futex(NULL, addr, FUTEX_WAIT | PRIVATE, 2, timed ? TIMESPEC : 0, 0, 0);
}

static void *locked_count(void *arg)
{
	host_thread = &threads[(uintptr_t)arg];
	for (u32 i = 0; i < LOCK_ROUNDS; i++) {
		lock_word(WORD, i % 3 == 0);
		guarded++;
		if (__atomic_exchange_n(word(WORD), 0, __ATOMIC_RELEASE) == 2) {
			if (i % 5 == 0)
				sys_futex(NULL, WORD, FUTEX_REQUEUE | PRIVATE, 0, 2, WORD2, 0);
			sys_futex(NULL, WORD2, FUTEX_REQUEUE | PRIVATE, 1, 10, WORD, 0);
			wake(WORD, 1);
		}
		thread_unpark(&threads[i % THREADS]);
	}
	return NULL;
}

static void no_wake_is_lost(void **state)
{
	guarded = 0;
	set_timespec(3600, 0);
	run_threads(locked_count);
	assert_int_equal(guarded, THREADS * LOCK_ROUNDS);
}

static pthread_t waker;
static long woken;

static void *change_and_wake(void *arg)
{
	host_thread = &threads[0];
	*word(WORD) = 1;
	woken = wake(WORD, 1);
	return NULL;
}

/* The waker finishes before the waiter goes on, or it waits for the bucket's lock. */
static void wake_now(void)
{
	on_load = NULL;
	assert_int_equal(pthread_create(&waker, NULL, change_and_wake, NULL), 0);
	usleep(50000);
}

static void a_wake_between_reading_and_sleeping(void **state)
{
	set_timespec(5, 0);
	on_load = wake_now;
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT | PRIVATE, 0, TIMESPEC, 0, 0), 0);
	assert_int_equal(pthread_join(waker, NULL), 0);
	assert_int_equal(woken, 1);
}

/* ---- Robust lists ---- */

#define TID	(100 + WAITERS)			/* of the test's own thread */

static void put64(uaddr_t addr, u64 value)
{
	copy_to_user(addr, &value, sizeof(value));
}

/* Three locks at LIST+32, +64, +96, their words 8 bytes behind the links. */
static void make_list(void)
{
	put64(LIST, LIST + 32);
	put64(LIST + 8, 8);
	put64(LIST + 16, 0);
	put64(LIST + 32, LIST + 64);
	put64(LIST + 64, LIST + 96);
	put64(LIST + 96, LIST);
	assert_int_equal(sys_set_robust_list(LIST, 24), 0);
}

static void dead_owners_are_marked(void **state)
{
	make_list();
	*word(LIST + 40) = TID;
	*word(LIST + 72) = 7;			/* somebody else's */
	*word(LIST + 104) = TID | FUTEX_WAITERS;
	put64(LIST + 16, LIST + 128);
	*word(LIST + 136) = TID;
	start_waiters();
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 0, 2, LIST + 104, 0), 2);
	futex_exit_robust(host_thread);
	assert_int_equal(*word(LIST + 40), FUTEX_OWNER_DIED);
	assert_int_equal(*word(LIST + 72), 7);
	assert_int_equal(*word(LIST + 104), FUTEX_OWNER_DIED | FUTEX_WAITERS);
	assert_int_equal(*word(LIST + 136), FUTEX_OWNER_DIED);
	assert_int_equal(join_waiter(0), 0);
	assert_int_equal(wake(LIST + 104, 10) + wake(WORD, 10), 3);
	for (u32 i = 1; i < WAITERS; i++)
		join_waiter(i);
}

static void an_unlock_cut_short_wakes(void **state)
{
	make_list();
	put64(LIST, LIST);
	put64(LIST + 16, WORD - 8);
	start_waiter(0, FUTEX_WAIT, 0, 0);
	futex_exit_robust(host_thread);
	assert_int_equal(join_waiter(0), 0);
}

static void bad_lists_are_survived(void **state)
{
	assert_int_equal(sys_set_robust_list(LIST, 23), -EINVAL);
	make_list();
	put64(LIST + 96, LIST + 32);		/* a circle */
	*word(LIST + 104) = TID;
	futex_exit_robust(host_thread);
	assert_int_equal(*word(LIST + 104), FUTEX_OWNER_DIED);
	put64(LIST + 96, UNMAPPED);
	futex_exit_robust(host_thread);
	put64(LIST + 8, 9);
	futex_exit_robust(host_thread);
	sys_set_robust_list(UNMAPPED, 24);
	futex_exit_robust(host_thread);
	sys_set_robust_list(0, 24);
	futex_exit_robust(host_thread);
}

static void lists_are_reported(void **state)
{
	u64 head, length;

	sys_set_robust_list(LIST, 24);
	assert_int_equal(slots[WAITERS].robust_list, LIST);	/* for Linux, should all be killed */
	threads[1].robust_list = 0x1234;
	assert_int_equal(sys_get_robust_list(NULL, 101, WORD, WORD2), 0);
	copy_from_user(&head, WORD, 8);
	copy_from_user(&length, WORD2, 8);
	assert_int_equal(head, 0x1234);
	assert_int_equal(length, 24);
	assert_int_equal(sys_get_robust_list(NULL, 0, WORD, UNMAPPED), -EFAULT);
	assert_int_equal(sys_get_robust_list(NULL, 55, WORD, WORD2), -ESRCH);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nobody_waits)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mistakes_are_named_as_linux_does), TEST(words_that_others_share_are_linuxs), TEST(first_come_first_woken),
		TEST(counts_of_wakes), TEST(bitsets_choose),
		TEST(a_page_is_made_present), TEST(timeouts_end_waits), TEST(signals_end_waits),
		TEST(wake_ups_while_the_time_is_asked), TEST(restarted_waits_keep_their_end),
		TEST(requeue_moves_in_order), TEST(operations), TEST(no_wake_is_lost), TEST(a_wake_between_reading_and_sleeping),
		TEST(dead_owners_are_marked),
		TEST(an_unlock_cut_short_wakes), TEST(bad_lists_are_survived), TEST(lists_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
