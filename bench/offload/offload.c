// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads that make system calls at the same time. Each thread has its own files and buffers, so that on Linux the calls share nothing
 * but what Linux itself shares. One source for Linux and the LWK, where the calls are forwarded.
 *
 *	offload OPERATION CALLS ROUNDS THREADS...
 *
 * makes CALLS calls in each of so many threads, ROUNDS times for each number of threads. Each round is a closing of the global window
 * WINDOW_OFFLOAD and a line of output:
 *
 *	OPERATION threads calls fewest most sleeps
 *
 * with all calls, the fewest and the most of one thread, and how often a thread of the process slept on Linux: on the LWK, its twins.
 * Special operations: `nothing` is the frame alone; in `fair` the threads take calls from one supply; in `blocked` the last thread waits in
 * a read for which nothing comes until all others are done.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../icount/windows.h"
#include "../measure.h"

#define THREADS_MAX	1024
#define ROUNDS_MAX	100

struct worker {
	pthread_t thread;
	unsigned int start;		/* futex: number of the round to take part in */
	unsigned long calls;		/* made in this round */
	bool good;
	char *buffer;
	int file;
	int pipe[2];
} __attribute__((aligned(128)));

struct operation {
	const char *name;
	size_t size;			/* of the worker's file and buffer */
	bool (*call)(struct worker *w, size_t size);
};

static struct worker workers[THREADS_MAX];
static const struct operation *operation;
static unsigned long calls_each;
static unsigned int active;		/* workers[0 .. active) take part, the first is the main thread */
static unsigned int finished __attribute__((aligned(128)));	/* futex: how many are done */
static unsigned long supply __attribute__((aligned(128)));	/* of calls, for `fair` */

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* ---- Operations: true if the result is right ------------------------------------------------------------------- */

static bool call_nothing(struct worker *w, size_t size)
{
	(void)w;
	return size == 0;
}

static bool call_getppid(struct worker *w, size_t size)
{
	(void)w;
	return syscall(SYS_getppid) > 0 && size == 0;
}

static bool call_pread(struct worker *w, size_t size)
{
	return pread(w->file, w->buffer, size, 0) == (ssize_t)size;
}

static bool call_pwrite(struct worker *w, size_t size)
{
	return pwrite(w->file, w->buffer, size, 0) == (ssize_t)size;
}

/* A pipe's two ends in one thread: nobody waits. */
static bool call_pipe(struct worker *w, size_t size)
{
	return write(w->pipe[1], w->buffer, size) == (ssize_t)size && read(w->pipe[0], w->buffer, size) == (ssize_t)size;
}

static const struct operation operations[] = {
	{ "nothing", 0, call_nothing },
	{ "getppid", 0, call_getppid },
	{ "fair", 0, call_getppid },
	{ "blocked", 0, call_getppid },
	{ "pread-64", 64, call_pread },
	{ "pread-4k", 4096, call_pread },
	{ "pread-1m", 1 << 20, call_pread },
	{ "pread-4m", 4 << 20, call_pread },
	{ "pwrite-64", 64, call_pwrite },
	{ "pwrite-4k", 4096, call_pwrite },
	{ "pwrite-1m", 1 << 20, call_pwrite },
	{ "pwrite-4m", 4 << 20, call_pwrite },
	{ "pipe-64", 64, call_pipe },
};

static bool is_operation(const char *name)
{
	return !strcmp(operation->name, name);
}

/* ---- One thread's part ----------------------------------------------------------------------------------------- */

static void futex_wait_while(unsigned int *word, unsigned int value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

static void futex_set(unsigned int *word, unsigned int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static void make_calls(struct worker *w, unsigned long count)
{
	while (w->good && w->calls < count) {
		w->good = operation->call(w, operation->size);
		w->calls++;
	}
}

static void share_supply(struct worker *w)
{
	while (w->good && __atomic_fetch_sub(&supply, 1, __ATOMIC_RELAXED) - 1 < ~0ul / 2) {
		w->good = operation->call(w, operation->size);
		w->calls++;
	}
}

static void wait_in_read(struct worker *w)
{
	w->good = read(w->pipe[0], w->buffer, 1) == 1;
}

static void take_part(struct worker *w)
{
	w->good = true;
	w->calls = 0;
	if (is_operation("fair"))
		share_supply(w);
	else if (is_operation("blocked") && w == &workers[active - 1])
		wait_in_read(w);
	else
		make_calls(w, calls_each);
}

/* The main thread waits for all others, in `blocked` first for all but the last. */
static unsigned int others_free(void)
{
	return active - 1 - is_operation("blocked");
}

static void part_ends(void)
{
	if (__atomic_add_fetch(&finished, 1, __ATOMIC_ACQ_REL) >= others_free())
		syscall(SYS_futex, &finished, FUTEX_WAKE_PRIVATE, 1);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	for (unsigned int round = 0; ; round++) {
		futex_wait_while(&w->start, round);
		take_part(w);
		part_ends();
	}
	return NULL;
}

/* ---- Rounds ---------------------------------------------------------------------------------------------------- */

static void wait_for(unsigned int count)
{
	unsigned int done;

	while ((done = __atomic_load_n(&finished, __ATOMIC_ACQUIRE)) < count)
		syscall(SYS_futex, &finished, FUTEX_WAIT_PRIVATE, done, NULL);
}

static void start_others(void)
{
	for (unsigned int i = 1; i < active; i++)
		futex_set(&workers[i].start, workers[i].start + 1);
}

static void run_round(void)
{
	start_others();
	take_part(&workers[0]);
	wait_for(others_free());
}

/* The thread that is blocked must be so until all others are done, and no longer. */
static void release_blocked(void)
{
	struct worker *w = &workers[active - 1];

	must(__atomic_load_n(&finished, __ATOMIC_ACQUIRE) == others_free(), "offload: the read did not block");
	must(write(w->pipe[1], "", 1) == 1, "offload: pipe");
	wait_for(active - 1);
}

static long sleeps(void)
{
	struct rusage usage;

	must(!getrusage(RUSAGE_SELF, &usage), "offload: getrusage");
	return usage.ru_nvcsw;
}

static void report(long slept)
{
	unsigned int counted = is_operation("blocked") ? active - 1 : active;
	unsigned long sum = 0, fewest = ~0ul, most = 0;

	for (unsigned int i = 0; i < active; i++)
		must(workers[i].good, "offload: wrong result");
	for (unsigned int i = 0; i < counted; i++) {
		unsigned long calls = workers[i].calls;

		sum += calls;
		fewest = calls < fewest ? calls : fewest;
		most = calls > most ? calls : most;
	}
	printf("%s %u %lu %lu %lu %ld\n", operation->name, active, sum, fewest, most, slept);
	fflush(stdout);
}

static void measure_threads(unsigned int threads, unsigned int rounds)
{
	struct measure m = { operation->name, .x = threads, .limit = ROUNDS_MAX };
	long before, after;

	active = threads;
	for (unsigned int round = 0; round < rounds; round++) {
		finished = 0;
		supply = calls_each * threads;
		before = sleeps();
		MEASURE(&m, WINDOW_OFFLOAD, run_round());
		after = sleeps();
		if (is_operation("blocked"))
			release_blocked();
		report(after - before);
	}
	measure_print(&m);
}

/* ---- Preparing ------------------------------------------------------------------------------------------------- */

static void worker_prepare(struct worker *w)
{
	size_t size = operation->size ? operation->size : 1;

	w->buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	must(w->buffer != MAP_FAILED, "offload: mmap");
	memset(w->buffer, 1, size);
	w->file = memfd_create("offload", 0);
	must(w->file >= 0 && pwrite(w->file, w->buffer, size, 0) == (ssize_t)size, "offload: memfd");
	must(!pipe(w->pipe), "offload: pipe");
}

static void prepare(unsigned int threads)
{
	for (unsigned int i = 0; i < threads; i++) {
		worker_prepare(&workers[i]);
		if (i)
			must(!pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), "offload: thread");
	}
}

static void usage(void)
{
	fputs("usage: offload OPERATION CALLS ROUNDS THREADS...\noperations:", stderr);
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		fprintf(stderr, " %s", operations[i].name);
	fputc('\n', stderr);
	exit(1);
}

static void choose_operation(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(operations[i].name, name))
			operation = &operations[i];
	if (!operation)
		usage();
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 4 ? atoi(argv[3]) : 0, most = 0;

	if (argc < 5 || rounds < 1 || rounds > ROUNDS_MAX)
		usage();
	choose_operation(argv[1]);
	calls_each = atol(argv[2]);
	for (int i = 4; i < argc; i++) {
		unsigned int threads = atoi(argv[i]);

		if (threads < (is_operation("blocked") ? 2u : 1u) || threads > THREADS_MAX)
			usage();
		most = threads > most ? threads : most;
	}
	prepare(most);
	for (int i = 4; i < argc; i++)
		measure_threads(atoi(argv[i]), rounds);
	return 0;
}
