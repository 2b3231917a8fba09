// SPDX-License-Identifier: GPL-2.0
/*
 * More threads than CPUs without time sharing: some compute until the others, which sleep and wake each other, are done. That ends if those
 * who compute leave room for the others.
 *
 *   crowd COMPUTING [pinned]	pinned: one of those who compute may not leave its CPU, which was the main thread's
 *   crowd apart			a thread is made for another CPU than its maker's, which computes until it has run
 *   crowd behind		a thread wakes on a CPU that two others may not leave, which compute until it has run
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "say.h"

#define BUSY	8
#define ROUNDS	50

static volatile int over;
static pthread_barrier_t begun;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long turn;

static void keep_to(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		say("one CPU", -1);
}

static void *compute(void *arg)
{
	if (arg)
		keep_to(*(int *)arg);
	pthread_barrier_wait(&begun);
	while (!over)
		;
	return NULL;
}

static void *wait_for_turn(void *arg)
{
	long me = (long)arg;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_mutex_lock(&lock);
		while (turn % BUSY != me)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
		if (round % 10 == 0)
			usleep(1000);
	}
	return NULL;
}

static void *finish(void *arg)
{
	over = 1;
	return arg;
}

static int apart(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t others;

	sched_getaffinity(0, sizeof(others), &others);
	keep_to(sched_getcpu());
	CPU_CLR(sched_getcpu(), &others);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(others), &others);
	if (say("create", pthread_create(&thread, &attr, finish, NULL)))
		return 1;
	while (!over)
		;
	return say("join", pthread_join(thread, NULL));
}

static sem_t wake;
static volatile int where = -1;

static void *sleep_and_finish(void *arg)
{
	where = sched_getcpu();
	sem_wait(&wake);
	over = 1;
	return arg;
}

static void *compute_there(void *arg)
{
	keep_to(where);
	while (!over)
		;
	return arg;
}

static int behind(void)
{
	pthread_t sleeper, others[2];
	int i;

	sem_init(&wake, 0, 0);
	pthread_create(&sleeper, NULL, sleep_and_finish, NULL);
	while (where < 0)
		usleep(1000);
	usleep(50000);		/* until it sleeps, and then until the others are there */
	for (i = 0; i < 2; i++)
		pthread_create(&others[i], NULL, compute_there, NULL);
	usleep(50000);
	say("wake", sem_post(&wake));
	say("join", pthread_join(sleeper, NULL));
	for (i = 0; i < 2; i++)
		pthread_join(others[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	int computing = argc > 1 ? atoi(argv[1]) : 0, cpu = sched_getcpu();
	pthread_t threads[64];
	long i;

	if (argc > 1 && !strcmp(argv[1], "apart"))
		return apart();
	if (argc > 1 && !strcmp(argv[1], "behind"))
		return behind();
	if (computing < 1 || computing + BUSY > 64) {
		fprintf(stderr, "usage: crowd COMPUTING [pinned]\n       crowd apart | behind\n");
		return 2;
	}
	pthread_barrier_init(&begun, NULL, computing + 1);
	for (i = 0; i < computing; i++)
		pthread_create(&threads[i], NULL, compute, argc > 2 && i == 0 ? &cpu : NULL);
	pthread_barrier_wait(&begun);
	for (i = 0; i < BUSY; i++)
		pthread_create(&threads[computing + i], NULL, wait_for_turn, (void *)i);
	for (i = 0; i < BUSY; i++)
		pthread_join(threads[computing + i], NULL);
	over = 1;
	for (i = 0; i < computing; i++)
		pthread_join(threads[i], NULL);
	say("turns", turn);
	return 0;
}
