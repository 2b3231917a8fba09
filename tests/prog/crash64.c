// SPDX-License-Identifier: GPL-2.0
/*
 * crash64 [THREADS [spin]]: of 64 threads one touches an unmapped address while the others sleep in a futex or are in a
 * call on Linux; with `spin`, for as many cores as threads, some compute. The whole process must die of SIGSEGV.
 */
#include <pthread.h>
#include <unistd.h>

#include "say.h"

static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int ends[2], spin;

static void *thread(void *arg)
{
	long number = (long)arg;
	char byte;

	pthread_barrier_wait(&barrier);
	switch (number == 7 ? 3 : number % 3) {
	case 0:
		if (spin) {
			for (;;)
				asm volatile("pause");
		}
		/* fall through */
	case 1:
		pthread_mutex_lock(&mutex);
		break;
	case 2:
		if (read(ends[0], &byte, 1) < 0)
			fail("read");
		break;
	case 3:
		usleep(10000);
		*(volatile char *)0x123456789000 = 1;
		puts("alive");
	}
	return arg;
}

int main(int argc, char **argv)
{
	long i, count = argc > 1 ? atoi(argv[1]) : 64;
	pthread_t t;

	spin = argc > 2;
	need("pipe", pipe(ends));
	pthread_mutex_lock(&mutex);
	pthread_barrier_init(&barrier, NULL, count + 1);
	for (i = 0; i < count; i++) {
		errno = pthread_create(&t, NULL, thread, (void *)i);
		if (errno)
			fail("pthread_create");
	}
	puts("started");
	fflush(stdout);
	pthread_barrier_wait(&barrier);
	pause();
	return 98;
}
