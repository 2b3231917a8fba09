/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the programs of this folder measure: under QEMU the counting plug-in counts the instructions between two marks
 * (icount/mark.h), on a processor the same code takes the cycles of its time-stamp counter. The reads of the counter lie outside the
 * marks, so that they are not counted.
 *
 *	static struct measure open_close = { "open", .limit = 100 };
 *	for (i = 0; i < 100; i++)
 *		MEASURE(&open_close, WINDOW_OPEN, close(open(path, O_RDONLY)));
 *	measure_print(&open_close);
 *
 * The cycles go to the file that the variable AZALEA_CYCLES names; without it they go nowhere.
 */
#ifndef AZALEA_MEASURE_H
#define AZALEA_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icount/mark.h"

struct measure {
	const char *name;
	unsigned long x;	/* what was varied: threads, bytes, the CPU; 0 if nothing was */
	unsigned int limit;	/* samples at most */
	unsigned int count;
	uint64_t *cycles;
};

/* The counter's value once everything before is done, and nothing after begun (Intel SDM 3B, 18.17; volume 2, RDTSCP). */
static inline uint64_t measure_cycles(void)
{
	uint32_t low, high;

	asm volatile("rdtscp\n\tlfence" : "=a" (low), "=d" (high) : : "rcx", "memory");
	return (uint64_t)high << 32 | low;
}

/* Not in the measured code: may allocate memory the first time. */
static inline void measure_add(struct measure *m, uint64_t cycles)
{
	if (!m->cycles)
		m->cycles = calloc(m->limit, sizeof(*m->cycles));
	if (m->cycles && m->count < m->limit)
		m->cycles[m->count++] = cycles;
}

#define MEASURE(m, window, ...)					\
do {								\
	uint64_t measure_from = measure_cycles();		\
								\
	azalea_mark(AZALEA_OPEN(window));			\
	__VA_ARGS__;						\
	azalea_mark(AZALEA_CLOSE(window));			\
	measure_add(m, measure_cycles() - measure_from);	\
} while (0)

static inline int measure_compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

	return (one > two) - (one < two);
}

/* Appends NAME,X,rounds,min,median,p90,p99,max to the file and forgets the samples. */
static inline void measure_print(struct measure *m)
{
	const char *path = getenv("AZALEA_CYCLES");
	FILE *file = path && m->count ? fopen(path, "a") : NULL;
	unsigned int n = m->count;

	if (file) {
		qsort(m->cycles, n, sizeof(*m->cycles), measure_compare);
		fprintf(file, "%s,%lu,%u,%lu,%lu,%lu,%lu,%lu\n", m->name, m->x, n, m->cycles[0], m->cycles[n / 2],
			m->cycles[n * 9ul / 10], m->cycles[n * 99ul / 100], m->cycles[n - 1]);
		fclose(file);
	}
	free(m->cycles);
	m->cycles = NULL;
	m->count = 0;
}

#endif
