// SPDX-License-Identifier: GPL-2.0
/*
 * One task of a mix, a simulated user: does all jobs of the mix in an order that its seed gives, in the current folder.
 *
 *	mix-task MIX SEED
 *
 * What it says to the manager (manager.c) on standard output, and what it waits for on standard input, a byte each time:
 *
 *	ready		files and tree are there
 *			waits: all tasks begin at once
 *	NAME COUNT	for each kind of job, how many were done with the right result
 *	end		all is said; the last thing that is measured
 *			waits: nobody tidies up while another task is being measured
 *
 * Jobs run one after the other; a job with a wrong result is named on standard error and is the last one. The end of standard input
 * means that the run is over.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../icount/mark.h"
#include "../icount/windows.h"
#include "mixfile.h"

/* The window's number must be a constant, hence the switch. */
#define JOB_CASE(name, class)							\
	case JOB_##name:							\
		azalea_mark(AZALEA_OPEN(FIRST_WINDOW_JOB + JOB_##name));	\
		good = job_##name(random);					\
		azalea_mark(AZALEA_CLOSE(FIRST_WINDOW_JOB + JOB_##name));	\
		break;

static bool job_run(unsigned int job, struct random *random)
{
	bool good = false;

	switch (job) {
	JOBS(JOB_CASE)
	}
	return good;
}

/* ---- The order ------------------------------------------------------------------------------------------------- */

/* Every job as often as the mix says, shuffled. */
static unsigned char *order_make(const struct mix *mix, struct random *random)
{
	unsigned char *order = malloc(mix->total);
	unsigned int count = 0;

	if (!order)
		err(1, "order of jobs");
	for (unsigned int job = 0; job < JOB_COUNT; job++)
		for (unsigned int i = 0; i < mix->hits[job]; i++)
			order[count++] = job;
	for (unsigned int i = count - 1; i > 0; i--) {
		unsigned int other = random_below(random, i + 1);
		unsigned char job = order[i];

		order[i] = order[other];
		order[other] = job;
	}
	return order;
}

/* Returns whether all results were right; @done counts the jobs whose result was. */
static bool order_run(const unsigned char *order, unsigned int count, struct random *random, unsigned int *done)
{
	for (unsigned int i = 0; i < count; i++) {
		errno = 0;
		if (!job_run(order[i], random)) {
			warn("%s: wrong result; last error", job_names[order[i]]);
			return false;
		}
		done[order[i]]++;
	}
	return true;
}

/* ---- The folder ------------------------------------------------------------------------------------------------ */

static void must(bool good, const char *what)
{
	if (!good)
		err(1, "cannot make or remove %s", what);
}

static void data_make(void)
{
	uint64_t *words = malloc(DATA_WORDS * sizeof(*words));
	size_t size = DATA_WORDS * sizeof(*words);
	int fd = open(DATA_NAME, O_WRONLY | O_CREAT | O_EXCL, 0600);

	must(words && fd >= 0, DATA_NAME);
	for (unsigned int i = 0; i < DATA_WORDS; i++)
		words[i] = DATA_WORD(i);
	must(write(fd, words, size) == (ssize_t)size && !close(fd), DATA_NAME);
	free(words);
}

static bool file_make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd >= 0 && !close(fd);
}

static bool dir_make(const char *path)
{
	return !mkdir(path, 0700);
}

static bool is_removed(const char *path)
{
	return !remove(path);
}

/* Makes the tree from above, or removes it from below. */
static void tree_each(const char *path, int depth, bool make)
{
	bool (*act)(const char *) = make ? depth < 3 ? dir_make : file_make : is_removed;

	if (make)
		must(act(path), path);
	for (int i = 0; depth < 3 && i < TREE_WIDTH; i++) {
		char below[64];

		snprintf(below, sizeof(below), "%.40s/%s-%d", path, depth < 2 ? "dir" : "leaf", i);
		tree_each(below, depth + 1, make);
	}
	if (!make)
		must(act(path), path);
}

static void folder_make(void)
{
	data_make();
	tree_each(TREE_NAME, 0, true);
}

static void folder_remove(void)
{
	must(!unlink(DATA_NAME), DATA_NAME);
	tree_each(TREE_NAME, 0, false);
}

/* ---- The manager ----------------------------------------------------------------------------------------------- */

static bool told_to_go_on(void)
{
	char byte;

	return read(STDIN_FILENO, &byte, 1) == 1;
}

static void say(const char *text, size_t length)
{
	if (write(STDOUT_FILENO, text, length) != (ssize_t)length)
		err(1, "the manager does not listen");
}

/* In one piece: what is said costs the same for each mix. */
static void report(const unsigned int *done)
{
	char text[JOB_COUNT * 44 + 8];
	size_t length = 0;

	for (int job = 0; job < JOB_COUNT; job++)
		length += snprintf(text + length, sizeof(text) - length, "%s %u\n", job_names[job], done[job]);
	length += snprintf(text + length, sizeof(text) - length, "end\n");
	say(text, length);
}

int main(int argc, char **argv)
{
	unsigned int done[JOB_COUNT] = { 0 };
	struct random random;
	unsigned char *order;
	struct mix mix;
	bool good;

	if (argc != 3)
		errx(2, "usage: mix-task MIX SEED, in an empty folder; it is the program mix that starts it");
	mix_read(&mix, argv[1]);
	random.state = strtoull(argv[2], NULL, 0);
	order = order_make(&mix, &random);
	folder_make();
	say("ready\n", 6);
	good = told_to_go_on() && order_run(order, mix.total, &random, done);
	report(done);
	told_to_go_on();
	folder_remove();
	free(order);
	return good ? 0 : 1;
}
