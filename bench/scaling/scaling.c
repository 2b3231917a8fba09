// SPDX-License-Identifier: GPL-2.0
/*
 * What operations cost when all threads do them at the same time. There is one thread on each CPU of the affinity mask, or on as many as
 * the argument says; it stays there. Before each operation the threads meet at a barrier; then each does it in its rounds, every round
 * between two marks (bench/icount/mark.h). Before a round it pauses: where CPUs take turns (tools/vm --turns), all others do one first.
 * What an operation needs is each thread's own, so whatever depends on the number of threads is the kernel's doing, or the library's. The
 * same binary runs on Linux and on the LWK.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <string.h>

#include "../common_ops.h"
#include "../measure.h"
#include "operations.h"

#define FAULTED		(256ul << 10)
#define ROUNDS_MAX	16
#define STACK_SIZE	(64ul << 10)	/* so small that the library keeps those of all threads for the next ones */
#define BLOCKS		64
#define FULL_ROUNDS	16		/* threads: more do what concerns all of them less often */

struct worker {
	pthread_t thread;
	unsigned int index;
	int cpu;
} __attribute__((aligned(128)));

static struct worker *workers;
static unsigned int worker_count;
static pthread_barrier_t start, meeting;
static pthread_attr_t small_stack;
static uint64_t *cycles;		/* of the current operation: ROUNDS_MAX for each worker */
static _Thread_local char *small_pages, *large_pages, *stack;
static _Thread_local char *next;	/* what the next round touches first; NULL: it is the first */

/* ---- Operations that callcost does not have: true if the result is right ------------------------------------------ */

static bool op_unmap_alone(void)
{
	return map_one(true);
}

/* Every round touches memory that none has touched before. */
static bool touch_next(char *first, size_t size, size_t step)
{
	char *start = next ? next : first;

	next = start + size;
	return touch(start, size, step);
}

static bool op_touch_4k(void)
{
	return touch_next(small_pages, LARGE_PAGE, SMALL_PAGE);
}

static bool op_touch_2m(void)
{
	return touch_next(large_pages, LARGE_PAGE, LARGE_PAGE);
}

static bool op_fault(void)
{
	return touch_next(stack, FAULTED, SMALL_PAGE);
}

static bool op_thread(void)
{
	return create_and_join(&small_stack);
}

/* Blocks of all sizes; some 500 KB, more than an arena keeps when they are free. */
static bool op_malloc(void)
{
	char *block[BLOCKS];
	bool good = true;

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

static bool op_barrier(void)
{
	int ret = pthread_barrier_wait(&meeting);

	return !ret || ret == PTHREAD_BARRIER_SERIAL_THREAD;
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

/* The window's number must be a constant, hence a function for each operation. The first time finds everything cold: it is for nothing. */
#define WORK(name, rounds, nature)							\
static void work_##name(struct worker *w)						\
{											\
	unsigned int count = rounds_of(w, rounds, NATURE_##nature);		\
	uint64_t *mine = &cycles[w->index * ROUNDS_MAX];				\
	bool good;									\
											\
	_Static_assert((rounds) <= ROUNDS_MAX, "room for samples");			\
	next = NULL;									\
	good = op_##name();								\
	pthread_barrier_wait(&start);							\
	memset(mine, 0, ROUNDS_MAX * sizeof(*mine));					\
	if (w->index == 0)								\
		azalea_mark(AZALEA_OPEN(FIRST_GLOBAL_WINDOW_SCALING + OPERATION_##name));	\
	pthread_barrier_wait(&start);							\
	for (unsigned int round = 0; round < count && good; round++) {			\
		uint64_t from;								\
											\
		__builtin_ia32_pause();							\
		from = measure_cycles();						\
		azalea_mark(AZALEA_OPEN(FIRST_WINDOW_SCALING + OPERATION_##name));	\
		good = op_##name();							\
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

/* A stack never gets large pages on the LWK. One mapping, since more of them would make the search for any longer. */
static char *map_small_pages(size_t size)
{
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

	must(area != MAP_FAILED && !madvise(area, size, MADV_NOHUGEPAGE), "mmap");
	return area;
}

static void worker_prepare(struct worker *w)
{
	stay_on(w->cpu);
	ops_prepare(SMALL_PAGE);
	small_pages = map(3 * LARGE_PAGE, MADV_NOHUGEPAGE);
	large_pages = map(3 * LARGE_PAGE, MADV_HUGEPAGE);
	stack = map_small_pages((ROUNDS_MAX + 1) * FAULTED);
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
