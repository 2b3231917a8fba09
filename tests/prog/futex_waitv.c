// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for one of several words: futex_waitv
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>

#include "say.h"

#define PLAIN	(FUTEX_32 | FUTEX_PRIVATE_FLAG)

static volatile uint32_t word[FUTEX_WAITV_MAX], elsewhere;
static struct futex_waitv waiters[FUTEX_WAITV_MAX + 1];
static volatile long count, result, handled, waiting;

static long waitv(const void *list, unsigned int n, unsigned int flags, const void *timeout, int clock)
{
	return syscall(SYS_futex_waitv, list, n, flags, timeout, clock);
}

static long futex(volatile uint32_t *addr, int op, uint32_t value, void *value2, volatile uint32_t *addr2)
{
	return syscall(SYS_futex, addr, op, value, value2, addr2, 0);
}

static void set(int i, volatile uint32_t *addr, uint32_t value, uint32_t flags)
{
	waiters[i] = (struct futex_waitv){ .val = value, .uaddr = (uintptr_t)addr, .flags = flags };
}

static void errors(void)
{
	struct timespec past = { 1, 0 }, wrong = { 0, 1000000000 }, negative = { -1, 0 };

	say("flags", waitv(waiters, 2, 1, NULL, 0));
	say("none", waitv(waiters, 0, 0, NULL, 0));
	say("too many", waitv(waiters, FUTEX_WAITV_MAX + 1, 0, NULL, 0));
	say("null", waitv(NULL, 1, 0, NULL, 0));
	say("bad list", waitv((void *)8, 1, 0, NULL, 0));
	say("clock", waitv(waiters, 2, 0, &past, CLOCK_BOOTTIME));
	say("bad time", waitv(waiters, 2, 0, &wrong, CLOCK_MONOTONIC));
	say("negative time", waitv(waiters, 2, 0, &negative, CLOCK_MONOTONIC));
	say("no time", waitv(waiters, 2, 0, (void *)8, CLOCK_MONOTONIC));
	say("past", waitv(waiters, 2, 0, &past, CLOCK_MONOTONIC));
	say("past wall", waitv(waiters, FUTEX_WAITV_MAX, 0, &past, CLOCK_REALTIME));
	word[1] = 1;
	say("changed", waitv(waiters, 2, 0, NULL, 0));
	word[1] = 0;
	set(1, word, 0, FUTEX_PRIVATE_FLAG);
	say("no size", waitv(waiters, 2, 0, NULL, 0));
	set(1, word, 0, PLAIN | 1);
	say("unknown flag", waitv(waiters, 2, 0, NULL, 0));
	set(1, (void *)((char *)word + 1), 0, PLAIN);
	say("odd", waitv(waiters, 2, 0, NULL, 0));
	set(1, NULL, 0, PLAIN);
	say("null word", waitv(waiters, 2, 0, NULL, 0));
	set(1, NULL, 0, FUTEX_32);
	say("null shared word", waitv(waiters, 2, 0, NULL, 0));
	set(1, &word[1], 0, PLAIN);
	waiters[1].__reserved = 1;
	say("reserved", waitv(waiters, 2, 0, NULL, 0));
	set(1, &word[1], 0, PLAIN);
}

static void *waiter(void *arg)
{
	(void)arg;
	waiting = gettid();
	result = waitv(waiters, count, 0, NULL, 0);
	if (result < 0)
		result = -errno;
	return NULL;
}

static pthread_t start(int n)
{
	pthread_t t;

	count = n;
	waiting = 0;
	errno = pthread_create(&t, NULL, waiter, NULL);
	if (errno)
		fail("pthread_create");
	while (!waiting)
		usleep(1000);
	usleep(100000);
	return t;
}

static void wakes(void)
{
	static const int which[] = { 0, 1, 64, 127 };
	pthread_t t;
	size_t i;

	for (i = 0; i < sizeof(which) / sizeof(*which); i++) {
		t = start(FUTEX_WAITV_MAX);
		say("wake", futex(&word[which[i]], FUTEX_WAKE_PRIVATE, 1, NULL, NULL));
		pthread_join(t, NULL);
		say("woken", result);
	}
	t = start(3);
	say("move", futex(&word[1], FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &elsewhere));
	say("wake", futex(&elsewhere, FUTEX_WAKE_PRIVATE, 1, NULL, NULL));
	pthread_join(t, NULL);
	say("woken", result);
	set(2, &word[2], 0, FUTEX_32);
	t = start(3);
	say("wake shared", futex(&word[2], FUTEX_WAKE, 1, NULL, NULL));
	pthread_join(t, NULL);
	say("woken", result);
}

static void handler(int sig)
{
	handled = sig;
}

static void signals(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	pthread_t t;

	sigaction(SIGUSR1, &action, NULL);
	handled = 0;
	t = start(3);
	pthread_kill(t, SIGUSR1);
	while (!handled)
		usleep(1000);
	usleep(100000);
	say("wake after a signal", futex(&word[0], FUTEX_WAKE_PRIVATE, 1, NULL, NULL));
	pthread_join(t, NULL);
	say("result", result);
}

int main(void)
{
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i <= FUTEX_WAITV_MAX; i++)
		set(i, &word[i % FUTEX_WAITV_MAX], 0, PLAIN);
	errors();
	wakes();
	signals(0);
	signals(SA_RESTART);
	return 0;
}
