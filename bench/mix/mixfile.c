// SPDX-License-Identifier: GPL-2.0
/* Reads mixes; see mixfile.h. */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mixfile.h"

#define JOB_NAME(name, class)	#name,
const char *const job_names[JOB_COUNT] = { JOBS(JOB_NAME) };

int job_find(const char *name)
{
	for (int i = 0; i < JOB_COUNT; i++)
		if (!strcmp(job_names[i], name))
			return i;
	return -1;
}

static void line_read(struct mix *mix, const char *text, const char *path, unsigned int number)
{
	char name[32], rest;
	unsigned int hits;
	int job;

	if (sscanf(text, " %c", &rest) != 1)
		return;
	if (sscanf(text, "%31s %7u %c", name, &hits, &rest) != 2 || !hits || hits > MIX_HITS_MAX)
		errx(2, "%s:%u: not a job and its number of hits, as in 'sort 10'", path, number);
	job = job_find(name);
	if (job < 0)
		errx(2, "%s:%u: no job is called '%s': bench/mix/jobs.h lists them", path, number, name);
	if (mix->hits[job])
		errx(2, "%s:%u: '%s' is there twice: write the sum of its hits once", path, number, name);
	mix->hits[job] = hits;
	mix->total += hits;
}

void mix_read(struct mix *mix, const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		err(2, "%s", path);
	memset(mix, 0, sizeof(*mix));
	while (getline(&line, &size, file) >= 0) {
		line[strcspn(line, "#\n")] = 0;
		line_read(mix, line, path, ++number);
	}
	if (ferror(file))
		err(2, "%s", path);
	if (!mix->total || mix->total > MIX_HITS_MAX)
		errx(2, "%s: a mix has 1 to %u jobs, not %u", path, MIX_HITS_MAX, mix->total);
	free(line);
	fclose(file);
}
