/* SPDX-License-Identifier: GPL-2.0 */
/* What all unit tests share: cmocka, and a way to prove that a check fails. */
#ifndef UNIT_H
#define UNIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/host/host.h"

#define MB		(1024ULL * 1024)

/* Runs the statement in a child process and insists that a check() of the LWK fails there. */
#define assert_check_fails(statement) \
	do { \
		int status_; \
		pid_t pid_ = fork(); \
		if (pid_ == 0) { \
			host_panic_expected = true; \
			statement; \
			_exit(0); \
		} \
		assert_true(pid_ > 0 && waitpid(pid_, &status_, 0) == pid_); \
		assert_true(WIFEXITED(status_)); \
		assert_int_equal(WEXITSTATUS(status_), HOST_PANIC_STATUS); \
	} while (0)

#define THREADS		4

struct start {
	void *(*body)(void *);
	uintptr_t index;
};

static inline void *thread_start(void *arg)
{
	struct start *start = arg;

	host_cpu = start->index;
	return start->body((void *)start->index);
}

/* Runs @body on THREADS pthreads, each on a CPU of its own, with their index as argument. */
static inline void run_threads(void *(*body)(void *))
{
	pthread_t thread[THREADS];
	struct start start[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++) {
		start[i] = (struct start){ body, i };
		assert_int_equal(pthread_create(&thread[i], NULL, thread_start, &start[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

/* Each thread's own, repeatable. */
static inline uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#endif
