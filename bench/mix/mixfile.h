/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mix: how many times a task does each job. Plain text, a line per job, its name and its number of hits; what follows a '#' is a
 * comment. Both the manager and its tasks read it, so a task cannot be told about fewer jobs than the manager counts.
 */
#ifndef AZALEA_MIXFILE_H
#define AZALEA_MIXFILE_H

#include "jobs.h"

#define MIX_HITS_MAX	1000000u

struct mix {
	unsigned int hits[JOB_COUNT];
	unsigned int total;
};

/* Ends the program with a message if the file cannot be read or is wrong. */
void mix_read(struct mix *mix, const char *path);

/* Returns the job's number, or -1. */
int job_find(const char *name);

#endif
