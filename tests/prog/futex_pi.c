// SPDX-License-Identifier: GPL-2.0
/*
 * Locks with priority inheritance: futex_pi
 * The calls themselves, with every error and the bits of the word, and what C libraries make of them: mutexes that inherit, robust
 * ones, condition variables with such mutexes.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>

#include "say.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define THREADS 6

static volatile uint32_t lock, lock2, word;
static volatile int tid_of[THREADS], turn;

/* What happened to whom, said by the first thread when all is over: lines of several threads would come in any order. */
static struct { long place, got, unlocked; uint32_t word; } story[THREADS];

static long futex(volatile uint32_t *addr, int op, uint32_t value, const void *timeout, volatile uint32_t *addr2, uint32_t value3)
{
	return syscall(SYS_futex, addr, op, value, timeout, addr2, value3);
}

static long pi(volatile uint32_t *addr, int op)
{
	return futex(addr, op, 0, NULL, NULL, 0);
}

static void nap(void)
{
	usleep(100000);
}

static struct timespec soon(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* What the word says, without numbers that differ from run to run. */
static void say_word(const char *what, uint32_t value)
{
	uint32_t tid = value & FUTEX_TID_MASK;
	int i, who = -1;

	for (i = 0; i < THREADS; i++) {
		if (tid && tid_of[i] == (int)tid)
			who = i;
	}
	printf("%s: %s%d%s%s\n", what, who < 0 && tid ? "unknown " : "", tid ? who : 0, value & FUTEX_WAITERS ? " waiters" : "",
	       value & FUTEX_OWNER_DIED ? " died" : "");
}

static pthread_t start(void *(*f)(void *), long i)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, f, (void *)i);
	if (errno)
		fail("pthread_create");
	return t;
}

static void errors(void)
{
	struct timespec past = { 1, 0 }, wrong = { 0, 1000000000 };
	uint32_t self = tid_of[0];

	say("lock", pi(&lock, FUTEX_LOCK_PI));
	say_word("locked", lock);
	say("again", pi(&lock, FUTEX_LOCK_PI));
	say("try", pi(&lock, FUTEX_TRYLOCK_PI));
	say("unlock", pi(&lock, FUTEX_UNLOCK_PI_PRIVATE));
	say_word("unlocked", lock);
	say("unlock once more", pi(&lock, FUTEX_UNLOCK_PI));
	lock = 0x3ffffff0;
	say("nobody's", pi(&lock, FUTEX_LOCK_PI_PRIVATE));
	say("waiters set", lock == (0x3ffffff0 | FUTEX_WAITERS));
	lock = FUTEX_OWNER_DIED;
	say("died", pi(&lock, FUTEX_TRYLOCK_PI));
	say_word("died", lock);
	say("clock", futex(&lock, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, &past, NULL, 0));
	say("bad time", futex(&lock, FUTEX_LOCK_PI, 0, &wrong, NULL, 0));
	say("odd", pi((void *)((char *)&lock + 1), FUTEX_LOCK_PI));
	say("null", pi(NULL, FUTEX_LOCK_PI));
	say("null unlock", pi(NULL, FUTEX_UNLOCK_PI));
	say("one word", futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &word, 0));
	say("changed", futex(&word, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &lock, 0));
	say("timed out", futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, &lock, 0));
	say("requeue one word", futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word, 0));
	say("requeue two wakes", futex(&word, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &lock, 0));
	say("requeue changed", futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock, 1));
	say("requeue nobody", futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock, 0));
	lock = self;
	say("unlock", pi(&lock, FUTEX_UNLOCK_PI));
}

/* The thread has the lock: notes how, and releases it. */
static void owns(long i, long got)
{
	story[i].place = turn++;
	story[i].got = got;
	story[i].word = lock;
	story[i].unlocked = pi(&lock, FUTEX_UNLOCK_PI);
}

static void tell(int first, int last)
{
	int i;

	for (i = first; i <= last; i++) {
		printf("thread %d, place %ld: got %ld unlocked %ld", i, story[i].place, story[i].got, story[i].unlocked);
		say_word("", story[i].word);
	}
	turn = 0;
}

static void *locker(void *arg)
{
	tid_of[(long)arg] = gettid();
	owns((long)arg, pi(&lock, FUTEX_LOCK_PI));
	return NULL;
}

static void in_order(void)
{
	pthread_t t[THREADS];
	int i;

	say("lock", pi(&lock, FUTEX_LOCK_PI));
	for (i = 1; i < THREADS; i++) {
		t[i] = start(locker, i);
		nap();
		while (!(lock & FUTEX_WAITERS))
			nap();
	}
	say_word("waited for", lock);
	say("plain wake", futex(&lock, FUTEX_WAKE, 1, NULL, NULL, 0));
	say("plain requeue", futex(&lock, FUTEX_REQUEUE, 1, (void *)1, &word, 0));
	say("hand over", pi(&lock, FUTEX_UNLOCK_PI));
	for (i = 1; i < THREADS; i++)
		pthread_join(t[i], NULL);
	tell(1, THREADS - 1);
	say_word("free", lock);
}

static void *owner(void *arg)
{
	(void)arg;
	tid_of[1] = gettid();
	say("owner locks", pi(&lock, FUTEX_LOCK_PI));
	word = 1;
	while (word == 1)
		nap();
	if (word == 2)
		say("owner unlocks", pi(&lock, FUTEX_UNLOCK_PI));
	return NULL;
}

static void timeouts(void)
{
	struct timespec end;
	pthread_t t;

	lock = word = 0;
	t = start(owner, 0);
	while (!word)
		nap();
	end = soon(CLOCK_REALTIME, 30);
	say("timed", futex(&lock, FUTEX_LOCK_PI, 0, &end, NULL, 0));
	end = soon(CLOCK_MONOTONIC, 30);
	say("timed 2", futex(&lock, FUTEX_LOCK_PI2, 0, &end, NULL, 0));
	end = soon(CLOCK_REALTIME, 30);
	say("timed 2 wall", futex(&lock, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &end, NULL, 0));
	say("try", pi(&lock, FUTEX_TRYLOCK_PI));
	say("not mine", pi(&lock, FUTEX_UNLOCK_PI));
	say_word("held", lock);
	word = 2;
	pthread_join(t, NULL);
	say_word("free", lock);
}

static void owner_dies(void)
{
	pthread_t t;

	lock = word = 0;
	t = start(owner, 0);
	while (!word)
		nap();
	pthread_create(&t, NULL, locker, (void *)2L);
	while (!(lock & FUTEX_WAITERS))
		nap();
	nap();
	word = 3;
	pthread_join(t, NULL);
	tell(2, 2);
	say_word("after a death", lock);
	lock = 0;
}

static void *second_of_two(void *arg)
{
	(void)arg;
	tid_of[1] = gettid();
	say("second locks", pi(&lock2, FUTEX_LOCK_PI));
	word = 1;
	owns(1, pi(&lock, FUTEX_LOCK_PI));
	story[1].unlocked += pi(&lock2, FUTEX_UNLOCK_PI);
	return NULL;
}

static void circle(void)
{
	pthread_t t;

	lock = lock2 = word = 0;
	say("first locks", pi(&lock, FUTEX_LOCK_PI));
	t = start(second_of_two, 0);
	while (!word || !(lock & FUTEX_WAITERS))
		nap();
	nap();
	say("circle", pi(&lock2, FUTEX_LOCK_PI));
	say("first unlocks", pi(&lock, FUTEX_UNLOCK_PI));
	pthread_join(t, NULL);
	tell(1, 1);
}

static void *condition(void *arg)
{
	tid_of[(long)arg] = gettid();
	owns((long)arg, futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lock, 0));
	return NULL;
}

static void conditions(void)
{
	pthread_t t[4];
	int i, moved;

	lock = word = 0;
	for (i = 1; i < 4; i++) {
		t[i] = start(condition, i);
		nap();
		nap();
	}
	say("other lock", futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock2, 0));
	say("plain wake", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	say("plain requeue", futex(&word, FUTEX_REQUEUE, 1, (void *)1, &lock, 0));
	say("lock", pi(&lock, FUTEX_LOCK_PI));
	for (moved = 0; moved < 3; moved += i)
		i = say("moved", futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)(moved ? 10L : 0L), &lock, 0));
	say_word("moved", lock);
	say("unlock", pi(&lock, FUTEX_UNLOCK_PI));
	for (i = 1; i < 4; i++)
		pthread_join(t[i], NULL);
	tell(1, 3);
}

static volatile int handled;

static void handler(int sig)
{
	handled = sig;
}

static void *interrupted(void *arg)
{
	(void)arg;
	tid_of[2] = gettid();
	owns(2, pi(&lock, FUTEX_LOCK_PI) + 100 * handled);
	return NULL;
}

/* Such a wait goes on after a handler, whatever its flags. */
static void signals(void)
{
	struct sigaction action = { .sa_handler = handler };
	pthread_t t;

	sigaction(SIGUSR1, &action, NULL);
	lock = 0;
	say("lock", pi(&lock, FUTEX_LOCK_PI));
	t = start(interrupted, 0);
	while (!(lock & FUTEX_WAITERS))
		nap();
	nap();
	pthread_kill(t, SIGUSR1);
	while (!handled)
		nap();
	nap();
	say("unlock", pi(&lock, FUTEX_UNLOCK_PI));
	pthread_join(t, NULL);
	tell(2, 2);
}

/* ---- What C libraries make of it ---- */

static pthread_mutex_t mutex;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void make_mutex(int kind, int robust)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	say("protocol", pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	pthread_mutexattr_settype(&attr, kind);
	pthread_mutexattr_setrobust(&attr, robust);
	say("mutex", pthread_mutex_init(&mutex, &attr));
}

static void *count(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 500; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		if (i % 50 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *take_turns(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (counter % THREADS != (long)arg)
		pthread_cond_wait(&cond, &mutex);
	counter++;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *lock_and_end(void *arg)
{
	(void)arg;
	say("locked", pthread_mutex_lock(&mutex));
	counter = 1;
	nap();
	nap();
	return NULL;
}

static void run_all(void *(*f)(void *))
{
	pthread_t t[THREADS];
	long i;

	for (i = 0; i < THREADS; i++)
		t[i] = start(f, i);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void mutexes(void)
{
	struct timespec end;
	pthread_t t;

	make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED);
	run_all(count);
	say("counted", counter);
	counter = 0;
	run_all(take_turns);
	say("turns", counter);
	pthread_mutex_lock(&mutex);
	end = soon(CLOCK_REALTIME, 20);
	say("wait", pthread_cond_timedwait(&cond, &mutex, &end) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	make_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST);
	counter = 0;
	t = start(lock_and_end, 0);
	while (!__atomic_load_n(&counter, __ATOMIC_SEQ_CST))
		usleep(1000);
	say("owner died", pthread_mutex_lock(&mutex) == EOWNERDEAD);
	pthread_join(t, NULL);
	say("deadlock", pthread_mutex_lock(&mutex) == EDEADLK);
	say("consistent", pthread_mutex_consistent(&mutex));
	say("unlock", pthread_mutex_unlock(&mutex));
	say("lock", pthread_mutex_lock(&mutex));
	end = soon(CLOCK_REALTIME, 20);
	say("timed", pthread_mutex_timedlock(&mutex, &end) == EDEADLK);
	say("unlock", pthread_mutex_unlock(&mutex));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	tid_of[0] = gettid();
	errors();
	in_order();
	timeouts();
	owner_dies();
	circle();
	conditions();
	signals();
	mutexes();
	return 0;
}
