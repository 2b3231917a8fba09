// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that share one CPU: each computes until another one, which needs the CPU for it, has done something. `share sleep`: one that
 * sleeps meanwhile is not kept from its CPU by the others.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define THREADS	3
#define ROUNDS	20

static volatile long turn;

static void *take_turns(void *arg)
{
	long me = (long)arg, round;

	for (round = 0; round < ROUNDS; round++) {
		while (turn % THREADS != me)
			;
		turn++;
	}
	return NULL;
}

static volatile int woken;

static void *compute(void *arg)
{
	while (!woken)
		;
	return arg;
}

static void *sleep_and_say(void *arg)
{
	usleep(20000);
	woken = 1;
	return arg;
}

static void run(void *(*body)(void *), void *(*last)(void *))
{
	pthread_t t[THREADS];
	long i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, i == THREADS - 1 ? last : body, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	say("one CPU", sched_setaffinity(0, sizeof(one), &one));
	if (argc > 1 && !strcmp(argv[1], "sleep"))
		run(compute, sleep_and_say);
	else
		run(take_turns, take_turns);
	say("turns", turn);
	return 0;
}
