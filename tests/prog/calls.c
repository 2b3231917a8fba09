// SPDX-License-Identifier: GPL-2.0
/*
 * A number of system calls that is known exactly, for traces: calls THREADS NUMBER. Each thread calls getppid(2) and a call that does
 * not exist so often, while others send it signals, which it handles.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

#define NO_CALL		399

static long number;
static pthread_barrier_t all;

static void on_signal(int sig)
{
	(void)sig;
}

static void *caller(void *other)
{
	long i;

	pthread_barrier_wait(&all);
	for (i = 0; i < number; i++) {
		if (syscall(SYS_getppid) < 0 || syscall(NO_CALL, i) != -1 || errno != ENOSYS)
			fail("call");
		if (i % 8 == 0)
			pthread_kill(*(pthread_t *)other, SIGUSR1);
	}
	pthread_barrier_wait(&all);
	return NULL;
}

int main(int argc, char **argv)
{
	long threads = argc > 2 ? atol(argv[1]) : 1, i;
	pthread_t *thread = calloc(threads, sizeof(*thread));
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	number = argc > 2 ? atol(argv[2]) : 1;
	if (!thread || sigaction(SIGUSR1, &action, NULL))
		fail("start");
	pthread_barrier_init(&all, NULL, threads);
	thread[0] = pthread_self();
	for (i = 1; i < threads; i++)
		if (pthread_create(&thread[i], NULL, caller, &thread[i - 1]))
			fail("pthread_create");
	caller(&thread[threads - 1]);
	for (i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
