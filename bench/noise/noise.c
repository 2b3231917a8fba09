// SPDX-License-Identifier: GPL-2.0
/*
 * How much of a core the system takes from a program that only computes: four published benchmarks, written anew from their definitions.
 *
 *	ftq		fixed time quantum: how many pieces of work fit into each of many equal lengths of time (Sottile and Minnich, 2004)
 *	fwq		fixed work quantum: how long each of many equal pieces of work takes
 *	hourglass	reads the time without pause; how often which gap was between two readings (Regehr, 2002)
 *	selfish		reads the time without pause; when, and how long, was each gap beyond a threshold: a detour (Beckman and others, 2006)
 *
 * One thread runs on each core that the program may use. All of them begin together, and none makes a system call, touches new memory or
 * ends before the last one has finished, so that whatever interrupts a core comes from elsewhere.
 *
 * A benchmark is a number of samples. On a processor each sample has a value in cycles of the time-stamp counter: work done (ftq), time
 * taken (fwq), the largest gap (hourglass, selfish). Under the counting plug-in each sample is a closing of the benchmark's window
 * (bench/icount): where one ends the next begins, and no interrupt fits in between. All but ftq's execute the same number
 * of the program's own instructions in each sample, hourglass and selfish by doing without branches: what is more is somebody else's.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../icount/windows.h"
#include "../measure.h"

#define UNIT		64		/* instructions of one unit of work */
#define BUCKETS		64		/* of the histogram: gaps by powers of two */
#define DETOURS		65536u		/* kept per core; more are counted only */
#define CALIBRATION	100000		/* readings that tell the smallest gap */
#define THRESHOLD	9		/* detours: gaps of so many times the smallest one */

struct detour {
	uint64_t at, length;
};

struct core {
	pthread_t thread;
	int cpu;
	uint64_t begin;			/* of its first sample, in cycles */
	uint64_t *values;		/* one per sample */
	uint64_t gaps[BUCKETS];
	uint64_t threshold;
	struct detour *detours;		/* one more than are kept */
	uint64_t detour_count;
} __attribute__((aligned(128)));

static struct benchmark {
	const char *name, *value;
	void (*run)(struct core *core);
} const benchmarks[];

static const struct benchmark *benchmark;
static struct core *cores;
static unsigned long core_count, samples = 1000, work, readings = 100000;
static uint64_t quantum = 1000000, threshold;
static bool list;
static unsigned long arrived, left;	/* threads, at the start and at the end */

/* ---- The four benchmarks ---------------------------------------------------------------------------------------- */

/* UNIT instructions for each unit, on most processors as many cycles: each one needs the result of the one before. */
static inline void work_do(unsigned long units)
{
	unsigned long sum = 0;

	asm volatile("1:	.rept %c2\n\t"
		     "add	$1, %1\n\t"
		     ".endr\n\t"
		     "dec	%0\n\t"
		     "jnz	1b"
		     : "+r" (units), "+r" (sum) : "i" (UNIT - 2) : "cc");
}

static inline uint64_t cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* Closes a window and opens it again; one block of code for the emulator, which takes interrupts between blocks only. */
#define WINDOW_NEXT(window)							\
	asm volatile(".balign 16\n\t"						\
		     AZALEA_MARK_ASM("%c0") AZALEA_MARK_ASM("%c1")		\
		     : : "i" (AZALEA_CLOSE(window)), "i" (AZALEA_OPEN(window)) : "memory")

/* Takes all samples of a core: @take is an expression, the value of one. */
#define SAMPLES(core, window, take)						\
do {										\
	unsigned long count = 0;						\
										\
	(core)->begin = cycles();						\
	azalea_mark(AZALEA_OPEN(window));					\
	for (;;) {								\
		(core)->values[count] = (take);				\
		if (++count == samples)						\
			break;							\
		WINDOW_NEXT(window);						\
	}									\
	azalea_mark(AZALEA_CLOSE(window));					\
} while (0)

/* Quanta follow each other without a gap: an interruption longer than one leaves empty ones behind. */
static inline uint64_t ftq_sample(uint64_t *end)
{
	uint64_t done = 0;

	*end += quantum;
	for (; cycles() < *end; done++)
		work_do(work);
	return done;
}

static void ftq_run(struct core *core)
{
	uint64_t end = cycles();

	SAMPLES(core, WINDOW_NOISE_FTQ, ftq_sample(&end));
}

static inline uint64_t fwq_sample(void)
{
	uint64_t begin = measure_cycles();

	work_do(work);
	return measure_cycles() - begin;
}

static void fwq_run(struct core *core)
{
	SAMPLES(core, WINDOW_NOISE_FWQ, fwq_sample());
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
	asm("cmp	%1, %0\n\tcmovb	%1, %0" : "+r" (a) : "r" (b) : "cc");
	return a;
}

static inline uint64_t hourglass_sample(struct core *core, uint64_t *last)
{
	uint64_t largest = 0;

	for (unsigned long n = readings; n; n--) {
		uint64_t now = cycles(), gap = now - *last;

		*last = now;
		core->gaps[63 - __builtin_clzl(gap | 1)]++;
		largest = larger(largest, gap);
	}
	return largest;
}

static void hourglass_run(struct core *core)
{
	uint64_t last = cycles();

	SAMPLES(core, WINDOW_NOISE_HOURGLASS, hourglass_sample(core, &last));
}

static uint64_t gap_smallest(void)
{
	uint64_t smallest = UINT64_MAX, last = cycles();

	for (int n = 0; n < CALIBRATION; n++) {
		uint64_t now = cycles(), gap = now - last;

		last = now;
		if (gap && gap < smallest)
			smallest = gap;
	}
	return smallest;
}

/* Writes every gap down where the next detour belongs, and moves on if it was one. */
static inline uint64_t selfish_sample(struct core *core, uint64_t *last)
{
	uint64_t largest = 0;

	for (unsigned long n = readings; n; n--) {
		uint64_t now = cycles(), gap = now - *last, place = core->detour_count;

		asm("cmp	%1, %0\n\tcmova	%1, %0" : "+r" (place) : "r" ((uint64_t)DETOURS) : "cc");
		core->detours[place].at = *last;
		core->detours[place].length = gap;
		core->detour_count += gap > core->threshold;
		largest = larger(largest, gap);
		*last = now;
	}
	return largest;
}

static void selfish_run(struct core *core)
{
	uint64_t last = cycles();

	SAMPLES(core, WINDOW_NOISE_SELFISH, selfish_sample(core, &last));
}

static struct benchmark const benchmarks[] = {
	{ "ftq", "work", ftq_run },
	{ "fwq", "cycles", fwq_run },
	{ "hourglass", "largest gap", hourglass_run },
	{ "selfish", "largest gap", selfish_run },
	{ NULL, NULL, NULL },
};

/* ---- Threads ---------------------------------------------------------------------------------------------------- */

static void die(const char *what, int error)
{
	fprintf(stderr, "noise: %s: %s\n", what, strerror(error));
	exit(1);
}

/* Memory that will not fault any more. */
static void *memory(size_t size)
{
	void *found = aligned_alloc(128, (size + 127) & -128ul);

	if (!found)
		die("results", ENOMEM);
	return memset(found, 0, size);
}

/* Waits in user mode: who sleeps has to be woken, and who ends changes memory that all have. */
static void meet(unsigned long *place)
{
	__atomic_add_fetch(place, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(place, __ATOMIC_ACQUIRE) < core_count)
		__builtin_ia32_pause();
}

static void *core_run(void *arg)
{
	struct core *core = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", errno);
	core->values = memory(samples * sizeof(*core->values));
	core->detours = memory((DETOURS + 1) * sizeof(*core->detours));
	core->threshold = threshold ? threshold : THRESHOLD * gap_smallest();
	meet(&arrived);
	benchmark->run(core);
	meet(&left);
	return NULL;
}

/* One core for each CPU that the program may use, or the first --cores of them. */
static void cores_find(void)
{
	unsigned long wanted = core_count;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		die("sched_getaffinity", errno);
	if (wanted > (unsigned long)CPU_COUNT(&set)) {
		fprintf(stderr, "noise: %lu cores wanted, but only %d may be used: say fewer, or allow more (taskset, yod -c)\n", wanted,
			CPU_COUNT(&set));
		exit(1);
	}
	core_count = wanted ? wanted : (unsigned long)CPU_COUNT(&set);
	cores = memory(core_count * sizeof(*cores));
	for (unsigned long n = 0, cpu = 0; n < core_count; cpu++)
		if (CPU_ISSET(cpu, &set))
			cores[n++].cpu = cpu;
}

/* The main thread is the first core's: one more thread would have to share a core with another. */
static void cores_run(void)
{
	int error;

	for (unsigned long n = 1; n < core_count; n++) {
		error = pthread_create(&cores[n].thread, NULL, core_run, &cores[n]);
		if (error)
			die("pthread_create", error);
	}
	core_run(&cores[0]);
	for (unsigned long n = 1; n < core_count; n++)
		pthread_join(cores[n].thread, NULL);
}

/* ---- Output ----------------------------------------------------------------------------------------------------- */

static void core_list(const struct core *core)
{
	for (unsigned long i = 0; i < samples; i++)
		printf("sample,%d,%lu,%lu\n", core->cpu, i, core->values[i]);
	for (int i = 0; i < BUCKETS; i++)
		if (core->gaps[i])
			printf("gaps,%d,%llu,%lu\n", core->cpu, 1ull << i, core->gaps[i]);
	for (uint64_t i = 0; i < core->detour_count && i < DETOURS; i++)
		printf("detour,%d,%lu,%lu\n", core->cpu, core->detours[i].at - core->begin, core->detours[i].length);
}

/* The samples' values go where the other programs of this folder write theirs; x is the core. */
static void core_print(struct core *core)
{
	struct measure m = { benchmark->name, .x = core->cpu, .limit = samples };

	if (list)
		core_list(core);
	for (unsigned long i = 0; i < samples; i++)
		measure_add(&m, core->values[i]);
	measure_print(&m);
	qsort(core->values, samples, sizeof(*core->values), measure_compare);
	printf("# core %d: %lu samples, %s %lu to %lu, median %lu, 99 of 100 at most %lu", core->cpu, samples, benchmark->value, core->values[0],
	       core->values[samples - 1], core->values[samples / 2], core->values[samples * 99 / 100]);
	if (benchmark->run == selfish_run)
		printf("; %lu detours of more than %lu cycles", core->detour_count, core->threshold);
	putchar('\n');
}

/* ---- Options ---------------------------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "cores", 'c', "N", 0, "Run on so many cores (all that the program may use)", 0 },
	{ "samples", 'n', "N", 0, "Take so many samples on each (1000)", 0 },
	{ "quantum", 'q', "CYCLES", 0, "ftq: time of a sample (1000000)", 0 },
	{ "work", 'w', "N", 0, "ftq, fwq: work in units of 64 instructions, of one piece (16) or of a sample (16384)", 0 },
	{ "readings", 'r', "N", 0, "hourglass, selfish: readings of the time in a sample (100000)", 0 },
	{ "threshold", 't', "CYCLES", 0, "selfish: longer gaps are detours (9 times the smallest gap)", 0 },
	{ "list", 'l', NULL, 0, "Print every sample, every gap and every detour, not only sums", 0 },
	{ 0 }
};

static unsigned long number(const char *text, struct argp_state *state)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '1' || *text > '9' || *end)
		argp_error(state, "'%s' is not a positive number", text);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'c':
		core_count = number(arg, state);
		break;
	case 'n':
		samples = number(arg, state);
		break;
	case 'q':
		quantum = number(arg, state);
		break;
	case 'w':
		work = number(arg, state);
		break;
	case 'r':
		readings = number(arg, state);
		break;
	case 't':
		threshold = number(arg, state);
		break;
	case 'l':
		list = true;
		break;
	case ARGP_KEY_ARG:
		for (benchmark = benchmarks; benchmark->name && strcmp(benchmark->name, arg); benchmark++)
			;
		if (!benchmark->name || state->arg_num)
			argp_error(state, "'%s' is not one of ftq, fwq, hourglass, selfish", arg);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which one: ftq, fwq, hourglass or selfish?");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "ftq|fwq|hourglass|selfish",
	"Measures what the system takes from programs that only compute.\v"
	"Values are cycles of the time-stamp counter, of ftq pieces of work. With --list: sample,CORE,NUMBER,VALUE; gaps,CORE,SIZE,COUNT "
	"(of gaps below twice that size); detour,CORE,TIME,LENGTH. The variable AZALEA_CYCLES names a file for the distribution.",
	NULL, NULL, NULL
};

int main(int argc, char **argv)
{
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!work)
		work = benchmark->run == ftq_run ? 16 : 16384;
	cores_find();
	cores_run();
	for (unsigned long n = 0; n < core_count; n++)
		core_print(&cores[n]);
	return 0;
}
