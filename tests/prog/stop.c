// SPDX-License-Identifier: GPL-2.0
/*
 * Whether computing threads stand still while their process is stopped: `stop N` has N threads that look at the clock all the time,
 * without a system call, until SIGUSR1 comes; each remembers the longest time between two looks. `stop N block` blocks the stop
 * signal of the terminal.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define STOPPED		1000000000ll	/* the test stops it for longer */

static volatile sig_atomic_t done;

static void finish(int sig)
{
	(void)sig;
	done = 1;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void *look(void *arg)
{
	int64_t last = now(), t, longest = 0;

	while (!done) {
		t = now();
		if (t - last > longest)
			longest = t - last;
		last = t;
	}
	(void)arg;
	return (void *)(long)(longest >= STOPPED);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, i;
	pthread_t t[64];
	long stood_still = 0;
	void *result;
	sigset_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGUSR1, finish);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	if (argc > 2)
		sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < n && i < 64; i++)
		pthread_create(&t[i], NULL, look, NULL);
	puts("ready");
	while (i--) {
		pthread_join(t[i], &result);
		stood_still += (long)result;
	}
	say("stood still", stood_still);
	return 0;
}
