// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a mix with a number of tasks, each a program of its own (task.c), and counts what they have done.
 *
 *	mix [-n TASKS] [-s SEED] [-c CPU] [-d FOLDER] [-t] MIX [COMMAND...]
 *	mix -n 4 compute.mix
 *	mix -n 4 compute.mix yod -c 1
 *
 * COMMAND stands before each task's program, so that it can run on the LWK. All tasks are started and prepare themselves, begin at
 * once when the last one is ready, and tidy up when the last one has finished. The time between, and with bench/icount the
 * instructions of the whole machine (WINDOW_MIX), are what is measured: start and end of the programs are not.
 *
 * Every task must have done every job of the mix as often as the mix says, no more and no fewer, and have left nothing behind;
 * else the exit status is 1 and a message names the task and the job.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../icount/mark.h"
#include "../icount/windows.h"
#include "mixfile.h"

#define TASKS_MAX	4096

struct task {
	pid_t pid;
	int to;			/* its standard input */
	FILE *from;		/* its standard output */
	char *folder;
	unsigned int done[JOB_COUNT];
	bool ended;		/* said "end" */
};

static struct options {
	unsigned int tasks;
	unsigned long long seed;
	int first_cpu;		/* task i runs on this CPU + i; -1: where Linux likes */
	const char *folder;
	bool timed;
	char mix[PATH_MAX], program[PATH_MAX];
	char **command;		/* stands before the program; ends with NULL */
	unsigned int words;	/* of it */
} options = { .tasks = 1, .seed = 1, .first_cpu = -1, .folder = "/tmp" };

/* ---- Starting -------------------------------------------------------------------------------------------------- */

static void pin(unsigned int number)
{
	cpu_set_t set;

	if (options.first_cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(options.first_cpu + number, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %u", options.first_cpu + number);
}

static _Noreturn void task_execute(const struct task *task, unsigned int number, const int in[2], const int out[2])
{
	char seed[32], *argv[options.words + 4];

	pin(number);
	snprintf(seed, sizeof(seed), "%llu", options.seed * TASKS_MAX + number);
	memcpy(argv, options.command, options.words * sizeof(*argv));
	argv[options.words] = options.program;
	argv[options.words + 1] = options.mix;
	argv[options.words + 2] = seed;
	argv[options.words + 3] = NULL;
	if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 || chdir(task->folder))
		err(1, "%s", task->folder);
	execvp(argv[0], argv);
	err(1, "%s", argv[0]);
}

/* Our ends of the pipes close when others are executed, so each task sees the end of its own. */
static void task_start(struct task *task, unsigned int number)
{
	int in[2], out[2];

	if (asprintf(&task->folder, "%s/mix-%d-%u", options.folder, getpid(), number) < 0 || mkdir(task->folder, 0700))
		err(1, "cannot make %s", task->folder);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		err(1, "pipe for task %u", number);
	task->pid = fork();
	if (!task->pid)
		task_execute(task, number, in, out);
	close(in[0]);
	close(out[1]);
	task->to = in[1];
	task->from = fdopen(out[0], "r");
	if (task->pid < 0 || !task->from)
		err(1, "task %u", number);
}

/* ---- Running --------------------------------------------------------------------------------------------------- */

static bool task_ready(struct task *task)
{
	char line[64];

	return fgets(line, sizeof(line), task->from) && !strcmp(line, "ready\n");
}

static void task_go(struct task *task)
{
	if (write(task->to, "", 1) != 1)
		warn("process %d cannot be told to go on", task->pid);
}

/* Reads until the task has said all; what is not understood makes the counts wrong, which is noticed then. */
static void task_hear(struct task *task)
{
	char line[64], name[32];
	unsigned int count;

	while (!task->ended && fgets(line, sizeof(line), task->from)) {
		task->ended = !strcmp(line, "end\n");
		if (!task->ended && sscanf(line, "%31s %u", name, &count) == 2 && job_find(name) >= 0)
			task->done[job_find(name)] += count;
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Returns how long the tasks took. */
static double tasks_run(struct task *tasks)
{
	double before = seconds();

	azalea_mark(MARK_MIX_OPEN);
	for (unsigned int i = 0; i < options.tasks; i++)
		task_go(&tasks[i]);
	for (unsigned int i = 0; i < options.tasks; i++)
		task_hear(&tasks[i]);
	azalea_mark(MARK_MIX_CLOSE);
	return seconds() - before;
}

/* ---- Judging --------------------------------------------------------------------------------------------------- */

/* The task ends when its input does; what it should have removed keeps its folder from being removed. */
static bool task_finish(struct task *task, unsigned int number)
{
	bool good = true;
	int status;

	close(task->to);
	fclose(task->from);
	if (waitpid(task->pid, &status, 0) != task->pid)
		err(1, "task %u", number);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		warnx("task %u ended with %s %d", number, WIFEXITED(status) ? "status" : "signal",
		      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		good = false;
	}
	if (rmdir(task->folder)) {
		warn("task %u left something behind: %s", number, task->folder);
		good = false;
	}
	free(task->folder);
	return good;
}

static bool task_counts_right(const struct task *task, unsigned int number, const struct mix *mix)
{
	bool good = task->ended;

	if (!task->ended)
		warnx("task %u ended before it had said all", number);
	for (int job = 0; job < JOB_COUNT; job++)
		if (task->done[job] != mix->hits[job]) {
			warnx("task %u did %u of %u jobs '%s'", number, task->done[job], mix->hits[job], job_names[job]);
			good = false;
		}
	return good;
}

static void result_print(const struct task *tasks, const struct mix *mix, double duration)
{
	unsigned int total = 0;

	for (int job = 0; job < JOB_COUNT; job++) {
		unsigned int done = 0;

		for (unsigned int i = 0; i < options.tasks; i++)
			done += tasks[i].done[job];
		if (mix->hits[job] || done)
			printf("%-12s %6u of %u\n", job_names[job], done, mix->hits[job] * options.tasks);
		total += done;
	}
	printf("%-12s %6u of %u, %u tasks\n", "all", total, mix->total * options.tasks, options.tasks);
	if (options.timed)
		printf("jobs per minute: %.1f (%.3f s)\n", total * 60 / duration, duration);
}

/* ---- The program ----------------------------------------------------------------------------------------------- */

static unsigned long long number(const char *text, unsigned long long min, unsigned long long max, char option)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < min || value > max)
		errx(2, "-%c %s: not a number from %llu to %llu", option, text, min, max);
	return value;
}

/* The task's program lies beside this one. */
static void program_find(void)
{
	ssize_t length = readlink("/proc/self/exe", options.program, sizeof(options.program) - 6);

	if (length < 0)
		err(1, "/proc/self/exe");
	strcpy(options.program + length, "-task");
	if (access(options.program, X_OK))
		err(1, "%s", options.program);
}

static void options_read(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+n:s:c:d:t")) != -1) {
		switch (option) {
		case 'n': options.tasks = number(optarg, 1, TASKS_MAX, option); break;
		case 's': options.seed = number(optarg, 0, 1ull << 40, option); break;
		case 'c': options.first_cpu = number(optarg, 0, CPU_SETSIZE - 1, option); break;
		case 'd': options.folder = optarg; break;
		case 't': options.timed = true; break;
		default: exit(2);
		}
	}
	if (optind == argc)
		errx(2, "usage: mix [-n TASKS] [-s SEED] [-c FIRST_CPU] [-d FOLDER] [-t] MIX [COMMAND...]");
	if (!realpath(argv[optind], options.mix))
		err(2, "%s", argv[optind]);
	options.command = argv + optind + 1;
	options.words = argc - optind - 1;
}

int main(int argc, char **argv)
{
	bool good = true;
	struct task *tasks;
	struct mix mix;
	double duration = 0;

	options_read(argc, argv);
	mix_read(&mix, options.mix);
	program_find();
	signal(SIGPIPE, SIG_IGN);
	tasks = calloc(options.tasks, sizeof(*tasks));
	if (!tasks)
		err(1, "tasks");
	for (unsigned int i = 0; i < options.tasks; i++)
		task_start(&tasks[i], i);
	for (unsigned int i = 0; i < options.tasks; i++)
		good &= task_ready(&tasks[i]);
	if (good)
		duration = tasks_run(tasks);
	for (unsigned int i = 0; i < options.tasks; i++)
		good &= task_finish(&tasks[i], i);
	for (unsigned int i = 0; i < options.tasks; i++)
		good &= task_counts_right(&tasks[i], i, &mix);
	result_print(tasks, &mix, duration);
	free(tasks);
	return good ? 0 : 1;
}
