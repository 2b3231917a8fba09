// SPDX-License-Identifier: GPL-2.0
/* Built with gcc's address and undefined-behaviour sanitizers: works, and makes the mistake that its argument names. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS	4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void *work(void *unused)
{
	for (int i = 0; i < 500; i++) {
		char *p = malloc(i + 1);

		memset(p, 1, i + 1);
		pthread_mutex_lock(&lock);
		sum += p[i];
		pthread_mutex_unlock(&lock);
		free(p);
	}
	return unused;
}

/* Returns something, so that nothing is optimized away. */
static int mistake(const char *which, int ten)
{
	char stack[10];
	char *volatile heap = calloc(1, ten);
	int result = 0;

	memset(stack, 1, sizeof(stack));
	if (!strcmp(which, "free"))
		free(heap);
	if (!strcmp(which, "free") || !strcmp(which, "heap"))
		result = heap[ten - (*which == 'f')];
	else if (!strcmp(which, "stack"))
		result = ((char *volatile)stack)[ten];
	else if (!strcmp(which, "shift"))
		result = 1 << (ten * 4);
	free(heap);
	return result;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%ld\n", sum);
	fflush(stdout);
	return argc > 1 ? mistake(argv[1], strlen("ten bytes!")) : 0;
}
