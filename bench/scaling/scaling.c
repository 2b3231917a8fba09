// SPDX-License-Identifier: GPL-2.0
/*
 * What operations cost when all threads do them at the same time. There is one thread on each CPU of the affinity mask, or on as many as
 * the argument says; it stays there. Before each operation the threads meet at a barrier; then each does it in its rounds, every round
 * between two marks (bench/icount/mark.h). What an operation needs is each thread's own, so whatever depends on the number of threads
 * is the kernel's doing, or the library's. The same binary runs on Linux and on the LWK.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../measure.h"
#include "operations.h"

#define SMALL_PAGE	4096ul
#define LARGE_PAGE	(2ul << 20)
#define FAULTED		(256ul << 10)
#define ROUNDS_MAX	16
#define STACK_SIZE	(64ul << 10)	/* so small that the library keeps those of all threads for the next ones */
#define BLOCKS		64
#define FULL_ROUNDS	16		/* threads: more do what concerns all of them less often */

struct worker {
	pthread_t thread;
	unsigned int index;
	int cpu;
	unsigned int futex_word;
	int file;
	char *page, *next;		/* next: what the next round touches first */
	char *small_pages, *large_pages, *stack;
	char buffer[SMALL_PAGE];
} __attribute__((aligned(128)));

static struct worker *workers;
static unsigned int worker_count;
static pthread_barrier_t start, meeting;
static pthread_attr_t small_stack;
static uint64_t *cycles;		/* of the current operation: ROUNDS_MAX for each worker */
static _Thread_local volatile sig_atomic_t signals;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "scaling: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- The operations: true if the result is right --------------------------------------------------------------- */

static bool op_empty(struct worker *w)
{
	return w;
}

static bool op_getpid(struct worker *w)
{
	return w && syscall(SYS_getpid) > 0;
}

static bool op_gettid(struct worker *w)
{
	return w && syscall(SYS_gettid) > 0;
}

static bool op_clock_gettime(struct worker *w)
{
	struct timespec now;

	return w && !clock_gettime(CLOCK_MONOTONIC, &now);
}

static bool op_futex_wake(struct worker *w)
{
	return !syscall(SYS_futex, &w->futex_word, FUTEX_WAKE_PRIVATE, 1);
}

static bool op_sched_yield(struct worker *w)
{
	return w && !syscall(SYS_sched_yield);
}

static bool map_one(bool touch)
{
	char *map = mmap(NULL, SMALL_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return false;
	if (touch)
		*(volatile char *)map = 1;
	return !munmap(map, SMALL_PAGE);
}

static bool op_mmap(struct worker *w)
{
	return w && map_one(false);
}

static bool op_mmap_touch(struct worker *w)
{
	return w && map_one(true);
}

static bool op_unmap_alone(struct worker *w)
{
	return w && map_one(true);
}

static bool op_mprotect(struct worker *w)
{
	return !mprotect(w->page, SMALL_PAGE, PROT_READ) && !mprotect(w->page, SMALL_PAGE, PROT_READ | PROT_WRITE);
}

/* Every round touches memory that none has touched before. */
static bool touch(struct worker *w, char *first, size_t size, size_t step)
{
	if (!w->next)
		w->next = first;
	for (size_t i = 0; i < size; i += step)
		*(volatile char *)(w->next + i) = 1;
	w->next += size;
	return true;
}

static bool op_touch_4k(struct worker *w)
{
	return touch(w, w->small_pages, LARGE_PAGE, SMALL_PAGE);
}

static bool op_touch_2m(struct worker *w)
{
	return touch(w, w->large_pages, LARGE_PAGE, LARGE_PAGE);
}

static bool op_fault(struct worker *w)
{
	return touch(w, w->stack, FAULTED, SMALL_PAGE);
}

static void *thread_run(void *arg)
{
	return arg;
}

/* The new thread inherits its maker's CPU. */
static bool op_thread(struct worker *w)
{
	pthread_t thread;

	return w && !pthread_create(&thread, &small_stack, thread_run, NULL) && !pthread_join(thread, NULL);
}

/* Blocks of all sizes; some 500 KB, more than an arena keeps when they are free. */
static bool op_malloc(struct worker *w)
{
	char *block[BLOCKS];
	bool good = w;

	for (unsigned int i = 0; i < BLOCKS; i++) {
		block[i] = malloc(16 + i * i * 6);
		good &= !!block[i];
		if (block[i])
			*(volatile char *)block[i] = 1;
	}
	for (unsigned int i = 0; i < BLOCKS; i++)
		free(block[i]);
	return good;
}

static bool op_barrier(struct worker *w)
{
	int ret = pthread_barrier_wait(&meeting);

	return w && (!ret || ret == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void count_signal(int number)
{
	signals += number == SIGUSR1;
}

static bool op_signal(struct worker *w)
{
	sig_atomic_t before = signals;

	return w && !syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) && signals == before + 1;
}

static bool op_getppid(struct worker *w)
{
	return w && syscall(SYS_getppid) > 0;
}

static bool op_pread_4k(struct worker *w)
{
	return pread(w->file, w->buffer, SMALL_PAGE, 0) == (ssize_t)SMALL_PAGE;
}

/* ---- Counting -------------------------------------------------------------------------------------------------- */

static void cycles_print(const char *name, unsigned int rounds)
{
	struct measure m = { name, .x = worker_count, .limit = worker_count * rounds };

	for (unsigned int i = 0; i < worker_count; i++)
		for (unsigned int round = 0; round < rounds; round++)
			if (cycles[i * ROUNDS_MAX + round])
				measure_add(&m, cycles[i * ROUNDS_MAX + round]);
	measure_print(&m);
}

static unsigned int rounds_of(const struct worker *w, unsigned int rounds, enum nature nature)
{
	unsigned int fewer = rounds * FULL_ROUNDS / worker_count;

	if (nature == NATURE_one && w->index > 0)
		return 0;
	if (nature != NATURE_all || worker_count <= FULL_ROUNDS)
		return rounds;
	return fewer ? fewer : 1;
}

/* The window's number must be a constant, hence a function for each operation. The first time, which finds everything cold, is for nothing. */
#define WORK(name, rounds, nature)							\
static void work_##name(struct worker *w)						\
{											\
	unsigned int count = rounds_of(w, rounds, NATURE_##nature);		\
	uint64_t *mine = &cycles[w->index * ROUNDS_MAX];				\
	bool good;									\
											\
	_Static_assert((rounds) <= ROUNDS_MAX, "room for samples");			\
	w->next = NULL;									\
	good = op_##name(w);								\
	pthread_barrier_wait(&start);							\
	memset(mine, 0, ROUNDS_MAX * sizeof(*mine));					\
	if (w->index == 0)								\
		azalea_mark(AZALEA_OPEN(FIRST_GLOBAL_WINDOW_SCALING + OPERATION_##name));	\
	pthread_barrier_wait(&start);							\
	for (unsigned int round = 0; round < count && good; round++) {			\
		uint64_t from = measure_cycles();					\
											\
		azalea_mark(AZALEA_OPEN(FIRST_WINDOW_SCALING + OPERATION_##name));	\
		good = op_##name(w);							\
		azalea_mark(AZALEA_CLOSE(FIRST_WINDOW_SCALING + OPERATION_##name));	\
		mine[round] = measure_cycles() - from;					\
	}										\
	must(good, #name ": wrong result");						\
	pthread_barrier_wait(&start);							\
	if (w->index == 0) {								\
		azalea_mark(AZALEA_CLOSE(FIRST_GLOBAL_WINDOW_SCALING + OPERATION_##name));	\
		cycles_print(#name, count);						\
	}										\
	pthread_barrier_wait(&start);	/* nobody begins the next one before */		\
}

OPERATIONS(WORK)

/* ---- Preparing ------------------------------------------------------------------------------------------------- */

static char *map(size_t size, int advice)
{
	char *area = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(area != MAP_FAILED, "mmap");
	area += -(unsigned long)area & (LARGE_PAGE - 1);
	must(!madvise(area, size, advice), "madvise");
	return area;
}

/* A stack never gets large pages on the LWK. One mapping, since more of them would make the search for any longer. */
static char *map_small_pages(size_t size)
{
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

	must(area != MAP_FAILED && !madvise(area, size, MADV_NOHUGEPAGE), "mmap");
	return area;
}

static void worker_prepare(struct worker *w)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	w->page = map(SMALL_PAGE, MADV_NORMAL);
	*w->page = 1;
	w->small_pages = map(3 * LARGE_PAGE, MADV_NOHUGEPAGE);
	w->large_pages = map(3 * LARGE_PAGE, MADV_HUGEPAGE);
	w->stack = map_small_pages((ROUNDS_MAX + 1) * FAULTED);
	w->file = memfd_create("scaling", 0);
	must(w->file >= 0 && write(w->file, w->buffer, SMALL_PAGE) == (ssize_t)SMALL_PAGE, "memfd");
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	worker_prepare(w);
#define RUN(name, rounds, nature)	work_##name(w);
	OPERATIONS(RUN)
	return NULL;
}

/* As many workers as @wanted, 0: as there are CPUs; each gets one. */
static void workers_create(unsigned int wanted)
{
	unsigned int cpus, count = 0;
	cpu_set_t set;

	must(!sched_getaffinity(0, sizeof(set), &set), "sched_getaffinity");
	cpus = CPU_COUNT(&set);
	if (wanted > cpus) {
		fprintf(stderr, "scaling: %u threads need as many CPUs, there are %u\n", wanted, cpus);
		exit(1);
	}
	worker_count = wanted ? wanted : cpus;
	workers = aligned_alloc(_Alignof(struct worker), worker_count * sizeof(*workers));
	cycles = calloc(worker_count * ROUNDS_MAX, sizeof(*cycles));
	must(workers && cycles, "memory");
	memset(workers, 0, worker_count * sizeof(*workers));
	for (int cpu = 0; count < worker_count; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		workers[count].index = count;
		workers[count++].cpu = cpu;
	}
}

int main(int argc, char **argv)
{
	char *end = "";
	long wanted = argc == 2 ? strtol(argv[1], &end, 10) : 0;

	if (argc > 2 || *end || wanted < 0 || wanted > CPU_SETSIZE) {
		fprintf(stderr, "usage: scaling [THREADS]  (as many as there are CPUs)\n");
		return 1;
	}
	workers_create(wanted);
	must(!pthread_barrier_init(&start, NULL, worker_count) && !pthread_barrier_init(&meeting, NULL, worker_count), "barrier");
	must(!pthread_attr_init(&small_stack) && !pthread_attr_setstacksize(&small_stack, STACK_SIZE), "stack");
	must(signal(SIGUSR1, count_signal) != SIG_ERR, "signal");
	for (unsigned int i = 1; i < worker_count; i++) {
		errno = pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
		must(!errno, "pthread_create");
	}
	worker_run(&workers[0]);
	for (unsigned int i = 1; i < worker_count; i++)
		pthread_join(workers[i].thread, NULL);
	return 0;
}
