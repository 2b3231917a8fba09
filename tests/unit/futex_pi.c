/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks with priority inheritance on the fake machine: who gets the lock, what the word says, what a dead owner leaves.
 */
#include "fake_user.h"
#include "sched/futex.c"
#include "sched/futex_pi.c"
#include "sched/robust.c"
#include "fake_futex.h"
#include "log.h"

#define TID(i)		(100u + (i))
#define SELF		WAITERS			/* the test's own thread */

struct call {
	pthread_t pthread;
	u32 i, op, value;
	uaddr_t addr, addr2, timeout;
	long result;
};

static struct call call[WAITERS];

static void *call_body(void *arg)
{
	struct call *c = arg;

	host_thread = &threads[c->i];
	c->result = sys_futex(NULL, c->addr, c->op, c->value, c->timeout, c->addr2, 0);
	return NULL;
}

/* Thread @i makes a call that waits; it is queued at c->addr when this returns. */
static void start(u32 i, struct call c)
{
	u32 before = waiters_of(c.addr);

	c.i = i;
	c.result = 12345;
	call[i] = c;
	assert_int_equal(pthread_create(&call[i].pthread, NULL, call_body, &call[i]), 0);
	until_waiting(c.addr, before + 1);
}

static void start_lock(u32 i, uaddr_t addr, uaddr_t timeout)
{
	start(i, (struct call){ .op = FUTEX_LOCK_PI2 | PRIVATE, .addr = addr, .timeout = timeout });
}

static void start_condition(u32 i, uaddr_t addr, uaddr_t lock, uaddr_t timeout)
{
	start(i, (struct call){ .op = FUTEX_WAIT_REQUEUE_PI | PRIVATE, .addr = addr, .addr2 = lock, .timeout = timeout });
}

static long join(u32 i)
{
	assert_int_equal(pthread_join(call[i].pthread, NULL), 0);
	return call[i].result;
}

static long as_thread(u32 i, uaddr_t addr, u32 op)
{
	long ret;

	host_thread = &threads[i];
	ret = sys_futex(NULL, addr, op | PRIVATE, 0, 0, 0, 0);
	host_thread = &threads[SELF];
	return ret;
}

static long requeue(uaddr_t from, uaddr_t to, u32 move)
{
	return sys_futex(NULL, from, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, move, to, *word(from));
}

static void time_from_now(u64 ns, u64 ahead_s)
{
	u64 at = arch_cycles() + ns + ahead_s * NSEC_PER_SEC;

	set_timespec(at / NSEC_PER_SEC, at % NSEC_PER_SEC);
}

static void a_free_lock_is_taken(void **state)
{
	assert_int_equal(as_thread(SELF, WORD, FUTEX_LOCK_PI), 0);
	assert_int_equal(*word(WORD), TID(SELF));
	assert_int_equal(as_thread(SELF, WORD, FUTEX_LOCK_PI), -EDEADLK);
	assert_int_equal(as_thread(SELF, WORD, FUTEX_TRYLOCK_PI), -EDEADLK);
	assert_int_equal(as_thread(0, WORD, FUTEX_TRYLOCK_PI), -EAGAIN);
	assert_int_equal(*word(WORD), TID(SELF) | FUTEX_WAITERS);
	assert_int_equal(as_thread(0, WORD, FUTEX_UNLOCK_PI), -EPERM);
	assert_int_equal(as_thread(SELF, WORD, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(*word(WORD), 0);
	*word(WORD) = FUTEX_OWNER_DIED | FUTEX_WAITERS;
	assert_int_equal(as_thread(SELF, WORD, FUTEX_TRYLOCK_PI), 0);
	assert_int_equal(*word(WORD), FUTEX_OWNER_DIED | TID(SELF));
	assert_int_equal(as_thread(SELF, ABSENT, FUTEX_LOCK_PI), 0);
	present = false;
	assert_int_equal(as_thread(SELF, ABSENT, FUTEX_UNLOCK_PI), 0);
}

static void mistakes_are_named_as_linux_does(void **state)
{
	u32 stale = 7;

	*word(WORD) = 4711;
	assert_int_equal(as_thread(SELF, WORD, FUTEX_LOCK_PI), -ESRCH);
	assert_int_equal(*word(WORD), 4711 | FUTEX_WAITERS);
	assert_int_equal(as_thread(SELF, WORD + 1, FUTEX_LOCK_PI), -EINVAL);
	assert_int_equal(as_thread(SELF, UNMAPPED, FUTEX_LOCK_PI), -EFAULT);
	assert_int_equal(as_thread(SELF, UNMAPPED, FUTEX_UNLOCK_PI), -EFAULT);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_REQUEUE_PI, 0, 0, WORD, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_REQUEUE_PI, 0, 0, WORD2, 0), -EAGAIN);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAIT_REQUEUE_PI, 0, 0, WORD2 + 2, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE_PI, 1, 1, WORD, *word(WORD)), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE_PI, 2, 1, WORD2, *word(WORD)), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE_PI, 1, -1u, WORD2, *word(WORD)), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE_PI, 1, 1, WORD2, stale), -EAGAIN);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_CMP_REQUEUE_PI, 1, 1, WORD2, *word(WORD)), 0);
}

static void locks_and_plain_waits_do_not_mix(void **state)
{
	*word(WORD) = TID(SELF);
	start_lock(0, WORD, 0);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_REQUEUE, 1, 1, WORD2, 0), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD2, FUTEX_WAKE_OP, 1, 1, WORD, 0x20000000 | 1 << 24), -EINVAL);
	assert_int_equal(requeue(WORD, WORD2, 1), -EINVAL);
	*word(WORD) = TID(1) | FUTEX_WAITERS;		/* written by the program */
	assert_int_equal(as_thread(2, WORD, FUTEX_LOCK_PI), -EINVAL);
	assert_int_equal(as_thread(1, WORD, FUTEX_UNLOCK_PI), -EINVAL);
	*word(WORD) = TID(SELF) | FUTEX_WAITERS;
	assert_int_equal(as_thread(SELF, WORD, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(join(0), 0);
	start(0, (struct call){ .op = FUTEX_WAIT | PRIVATE, .addr = WORD, .value = *word(WORD) });
	assert_int_equal(as_thread(2, WORD, FUTEX_LOCK_PI), -EINVAL);
	assert_int_equal(as_thread(0, WORD, FUTEX_UNLOCK_PI), -EINVAL);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_WAKE, 1, 0, 0, 0), 1);
	assert_int_equal(join(0), 0);
	start_condition(0, WORD2, WORD, 0);
	assert_int_equal(sys_futex(NULL, WORD2, FUTEX_WAKE, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(requeue(WORD2, LIST, 1), -EINVAL);
	*word(WORD) = 0;
	assert_int_equal(requeue(WORD2, WORD, 1), 1);
	assert_int_equal(join(0), 0);
}

static void the_longest_waiting_gets_it(void **state)
{
	*word(WORD) = TID(SELF);
	for (u32 i = 0; i < WAITERS; i++)
		start_lock(i, WORD, 0);
	assert_int_equal(as_thread(SELF, WORD, FUTEX_UNLOCK_PI), 0);
	for (u32 i = 0; i < WAITERS; i++) {
		assert_int_equal(join(i), 0);
		assert_int_equal(*word(WORD), TID(i) | FUTEX_WAITERS);
		assert_int_equal(as_thread(SELF, WORD, FUTEX_UNLOCK_PI), -EPERM);
		assert_int_equal(as_thread(i, WORD, FUTEX_UNLOCK_PI), 0);
	}
	assert_int_equal(*word(WORD), 0);
}

static void waits_end_early(void **state)
{
	*word(WORD) = TID(SELF);
	time_from_now(20 * MS, 0);
	assert_int_equal((host_thread = &threads[0], sys_futex(NULL, WORD, FUTEX_LOCK_PI2, 0, TIMESPEC, 0, 0)), -ETIMEDOUT);
	time_from_now(20 * MS, WALL_AHEAD);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_LOCK_PI, 0, TIMESPEC, 0, 0), -ETIMEDOUT);
	assert_int_equal(sys_futex(NULL, WORD, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, TIMESPEC, 0, 0), -ETIMEDOUT);
	host_thread = &threads[SELF];
	assert_null(threads[0].pi_owner);
	start_lock(0, WORD, 0);
	start_lock(1, WORD, 0);
	thread_interrupt(&threads[0], WORK_SIGNAL);
	assert_int_equal(join(0), -ERESTARTNOINTR);
	assert_true(threads[0].work & WORK_RESTART);
	assert_int_equal(as_thread(SELF, WORD, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(join(1), 0);
	assert_int_equal(*word(WORD), TID(1) | FUTEX_WAITERS);
}

static void circles_are_found(void **state)
{
	*word(WORD) = TID(0);
	*word(WORD2) = TID(1);
	*word(LIST) = TID(2);
	start_lock(0, WORD2, 0);			/* 0 waits for 1, who waits for 2 */
	start_lock(1, LIST, 0);
	assert_int_equal(as_thread(2, WORD, FUTEX_LOCK_PI), -EDEADLK);
	assert_int_equal(as_thread(2, WORD2, FUTEX_LOCK_PI), -EDEADLK);
	start_condition(3, MEMORY, WORD2, 0);
	assert_int_equal(requeue(MEMORY, WORD2, 1), 1);
	assert_int_equal(as_thread(2, LIST, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(join(1), 0);
	assert_int_equal(as_thread(1, WORD2, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(join(0), 0);
	assert_int_equal(as_thread(0, WORD2, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(join(3), 0);
}

static void a_circle_stops_a_requeue(void **state)
{
	*word(WORD) = TID(1);
	*word(WORD2) = TID(0);
	start_lock(0, WORD, 0);			/* 0 owns WORD2 and waits for 1, who is to wait for WORD2 */
	start_condition(1, LIST, WORD2, 0);
	assert_int_equal(requeue(LIST, WORD2, 1), -EDEADLK);
	thread_interrupt(&threads[1], WORK_SIGNAL);
	assert_int_equal(join(1), -ERESTARTNOINTR);
	assert_int_equal(as_thread(1, WORD, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(join(0), 0);
}

static void conditions_hand_out_the_lock(void **state)
{
	for (u32 i = 0; i < WAITERS; i++)
		start_condition(i, WORD, WORD2, 0);
	assert_int_equal(requeue(WORD, WORD2, 2), 3);
	assert_int_equal(join(0), 0);
	assert_int_equal(*word(WORD2), TID(0) | FUTEX_WAITERS);
	assert_int_equal(waiters_of(WORD2), 2);
	assert_int_equal(requeue(WORD, WORD2, 10), 1);
	for (u32 i = 1; i < WAITERS; i++) {
		assert_int_equal(as_thread(i - 1, WORD2, FUTEX_UNLOCK_PI), 0);
		assert_int_equal(join(i), 0);
	}
	*word(WORD2) = 0;
	start_condition(0, WORD, WORD2, 0);
	assert_int_equal(requeue(WORD, WORD2, 0), 1);
	assert_int_equal(join(0), 0);
	assert_int_equal(*word(WORD2), TID(0));
	start_condition(0, WORD, WORD2, 0);
	assert_int_equal(requeue(WORD, WORD2, 0), -EDEADLK);	/* it holds the lock it is to get */
	thread_interrupt(&threads[0], WORK_KILL);
	assert_int_equal(join(0), -ERESTARTNOINTR);
}

static void condition_waits_end_early(void **state)
{
	time_from_now(3600 * NSEC_PER_SEC, 0);
	start_condition(0, WORD, WORD2, TIMESPEC);
	host_jump(3600 * NSEC_PER_SEC);
	assert_int_equal(join(0), -ETIMEDOUT);
	start_condition(0, WORD, WORD2, 0);
	start_condition(1, WORD, WORD2, 0);
	*word(WORD2) = TID(SELF);
	assert_int_equal(requeue(WORD, WORD2, 0), 1);
	thread_interrupt(&threads[0], WORK_SIGNAL);
	thread_interrupt(&threads[1], WORK_SIGNAL);
	assert_int_equal(join(0), -EAGAIN);			/* moved already */
	assert_int_equal(join(1), -ERESTARTNOINTR);
	assert_null(threads[0].pi_owner);
}

static void death_hands_over(void **state)
{
	*word(WORD) = TID(SELF);
	*word(WORD2) = TID(SELF);
	start_lock(0, WORD, 0);
	start_lock(1, WORD, 0);
	start_lock(2, WORD2, 0);
	*word(WORD2) = FUTEX_OWNER_DIED | FUTEX_WAITERS;	/* as the robust list's walk leaves it */
	start_lock(3, WORD2, 0);
	futex_exit_pi(&threads[SELF]);
	assert_int_equal(join(0), 0);
	assert_int_equal(join(2), 0);
	assert_int_equal(*word(WORD), TID(0) | FUTEX_WAITERS | FUTEX_OWNER_DIED);
	assert_int_equal(*word(WORD2), TID(2) | FUTEX_WAITERS | FUTEX_OWNER_DIED);
	*word(LIST) = TID(SELF);
	assert_int_equal(as_thread(0, LIST, FUTEX_LOCK_PI), -ESRCH);
	futex_exit_pi(&threads[0]);
	futex_exit_pi(&threads[2]);
	assert_int_equal(join(1), 0);
	assert_int_equal(join(3), 0);
}

/* The program has taken the word away: there is nothing to hand over, but nobody may sleep for ever. */
static void death_with_a_lost_word_ends_waits(void **state)
{
	*word(WORD) = TID(SELF);
	start_lock(0, WORD, 0);
	start_lock(1, WORD, 0);
	for (u32 i = 0; i < 2; i++) {
		struct futex_bucket *b = futex_bucket_of(proc.aspace, UNMAPPED), *old = futex_bucket_of(proc.aspace, WORD);

		futex_lock_two(old, b);
		futex_move(&threads[i].futex, b, UNMAPPED);
		futex_unlock_two(old, b);
	}
	futex_exit_pi(&threads[SELF]);
	assert_int_equal(join(0), -EFAULT);
	assert_int_equal(join(1), -EFAULT);
	assert_int_equal(waiters_of(UNMAPPED), 0);
}

/* Everything at once: the lock as C libraries take it, waits cut short, conditions, in every thread. */
#define ROUNDS	2000

static u64 guarded;

static bool lock_word(u32 i, uaddr_t timeout)
{
	u32 seen = 0;

	if (__atomic_compare_exchange_n(word(WORD), &seen, TID(i), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	for (;;) {
		long ret = sys_futex(NULL, WORD, FUTEX_LOCK_PI2 | PRIVATE, 0, timeout, 0, 0);

		if (ret != -ERESTARTNOINTR)
			return !ret;
		__atomic_fetch_and(&host_thread->work, ~(WORK_SIGNAL | WORK_RESTART), __ATOMIC_SEQ_CST);
	}
}

static void unlock_word(u32 i)
{
	u32 seen = TID(i);
	long ret = 0;

	if (__atomic_compare_exchange_n(word(WORD), &seen, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return;
	do {
		ret = sys_futex(NULL, WORD, FUTEX_UNLOCK_PI | PRIVATE, 0, 0, 0, 0);
	} while (ret == -EAGAIN);		/* somebody came and went */
	check(ret == 0);
}

static void *hammer(void *arg)
{
	u32 i = (uintptr_t)arg, random = i + 1;

	host_thread = &threads[i];
	for (u32 n = 0; n < ROUNDS; n++) {
		u32 r = next_random(&random) % 8;

		if (r == 0 && sys_futex(NULL, WORD, FUTEX_TRYLOCK_PI | PRIVATE, 0, 0, 0, 0))
			continue;
		if (r && !lock_word(i, r == 1 ? TIMESPEC : 0))
			continue;
		guarded++;
		if (r == 2) {
			sys_futex(NULL, WORD2, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, 3, WORD, 0);
		} else if (r == 3) {
			unlock_word(i);
			if (sys_futex(NULL, WORD2, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 0, TIMESPEC, WORD, 0))
				continue;
			guarded++;
		} else if (r == 4) {
			thread_interrupt(&threads[n % THREADS], WORK_SIGNAL);
		}
		unlock_word(i);
	}
	return NULL;
}

static void one_owner_at_a_time(void **state)
{
	guarded = 0;
	set_timespec(1, 0);			/* long ago: such waits end at once */
	run_threads(hammer);
	assert_int_equal(*word(WORD), 0);
	assert_true(guarded > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, nobody_waits)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_free_lock_is_taken), TEST(mistakes_are_named_as_linux_does), TEST(locks_and_plain_waits_do_not_mix),
		TEST(the_longest_waiting_gets_it), TEST(waits_end_early), TEST(circles_are_found), TEST(a_circle_stops_a_requeue),
		TEST(conditions_hand_out_the_lock), TEST(condition_waits_end_early), TEST(death_hands_over),
		TEST(death_with_a_lost_word_ends_waits), TEST(one_owner_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
