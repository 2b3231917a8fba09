/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs the steps of steps.h on all threads, with a clock.
 */
#ifndef EDGE_DETECT_COMPUTE_H
#define EDGE_DETECT_COMPUTE_H

#include "planes.h"

enum method { SOBEL, CANNY };

#define MAX_STEPS	5u

/* Seconds; `best` and `total` are over all repetitions. */
struct step_time {
	const char *name;
	double best;
	double total;
};

/* The CPUs on which a thread began and ended the computation. */
struct placement {
	int first_cpu;
	int last_cpu;
};

struct report {
	unsigned int steps;
	struct step_time step[MAX_STEPS];
	unsigned int threads;
	struct placement *placement;	/* one per thread */
};

double seconds_now(void);

/*
 * Maps and touches all memory and all code that compute() will use, each thread
 * its own part, and fills in the source.
 */
void prepare(struct planes *planes, const struct image *image);

void compute(const struct planes *planes, enum method method,
	     unsigned int repetitions, struct report *report);

#endif
