// SPDX-License-Identifier: GPL-2.0
/*
 * lwkctl top: what runs on the LWK, again and again. Reads the driver's tables (cpu_table, processes, memory) twice and shows the
 * differences per second: what a CPU did, and summed up for the job that it is leased to. No LWK CPU is asked for it.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools.h"

#define TEXT_MAX	(256 << 10)
#define CLEAR_SCREEN	"\033[H\033[J"

/* A CPU as cpu_table has it. */
struct top_cpu {
	unsigned int cpu, node, job, tid;
	char state[16];
	unsigned long long local, forwarded, faults, interrupts, switches, idle_us;
};

struct top_job {
	unsigned int pid, threads, cpus;
	unsigned long long resident_kb;
};

struct snapshot {
	struct timespec time;
	struct top_cpu cpu[AZ_CPUS_MAX];
	struct top_job job[AZ_PROCS];
	unsigned int cpus, jobs;
	unsigned long long total_kb, free_kb;
};

/* ---- Reading --------------------------------------------------------------------------------------------------- */

/* The text of a table; to be freed. NULL, after saying so, if it cannot be read. */
static char *table_read(const char *directory, const char *name)
{
	char path[PATH_MAX], *text = calloc(1, TEXT_MAX);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = text ? fopen(path, "re") : NULL;
	if (!file) {
		table_missing("top", path);
		free(text);
		return NULL;
	}
	if (!fread(text, 1, TEXT_MAX - 1, file))
		text[0] = '\0';
	fclose(file);
	return text;
}

/* Calls @row for each line of a table below its header. Returns 0, or -1 if there is no table. */
static int table_rows(const char *directory, const char *name, void (*row)(struct snapshot *s, const char *line), struct snapshot *s)
{
	char *text = table_read(directory, name), *rest = text, *line;

	if (!text)
		return -1;
	strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			row(s, line);
	}
	free(text);
	return 0;
}

static void cpu_row(struct snapshot *s, const char *line)
{
	struct top_cpu *c = &s->cpu[s->cpus];

	if (s->cpus < AZ_CPUS_MAX && sscanf(line, "%u %*u %u %15s %u %u %llu %llu %llu %llu %*u %llu %llu", &c->cpu, &c->node, c->state,
	    &c->job, &c->tid, &c->local, &c->forwarded, &c->faults, &c->interrupts, &c->switches, &c->idle_us) == 11)
		s->cpus++;
}

static void job_row(struct snapshot *s, const char *line)
{
	struct top_job *j = &s->job[s->jobs];

	if (s->jobs < AZ_PROCS && sscanf(line, "%u %*s %u %u %*u %llu", &j->pid, &j->threads, &j->cpus, &j->resident_kb) == 4)
		s->jobs++;
}

static void memory_row(struct snapshot *s, const char *line)
{
	unsigned long long total, available;

	if (sscanf(line, "%*u %*u %llu %llu", &total, &available) == 2) {
		s->total_kb += total;
		s->free_kb += available;
	}
}

/* A new snapshot, to be freed; NULL after saying why. */
static struct snapshot *snapshot_take(const char *directory)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		err(1, "top");
	clock_gettime(CLOCK_MONOTONIC, &s->time);
	if (table_rows(directory, "cpu_table", cpu_row, s) || table_rows(directory, "processes", job_row, s) ||
	    table_rows(directory, "memory", memory_row, s)) {
		free(s);
		return NULL;
	}
	return s;
}

/* ---- Showing --------------------------------------------------------------------------------------------------- */

/* What happened between two snapshots, in events per second; busy in percent. */
struct rates { double local, forwarded, faults, interrupts, switches, busy; };

static double per_second(unsigned long long now, unsigned long long before, double seconds)
{
	return now > before ? (now - before) / seconds : 0;
}

static struct rates cpu_rates(const struct top_cpu *now, const struct top_cpu *before, double seconds)
{
	double idle = per_second(now->idle_us, before->idle_us, seconds) / 1e4;

	return (struct rates){
		.local = per_second(now->local, before->local, seconds),
		.forwarded = per_second(now->forwarded, before->forwarded, seconds),
		.faults = per_second(now->faults, before->faults, seconds),
		.interrupts = per_second(now->interrupts, before->interrupts, seconds),
		.switches = per_second(now->switches, before->switches, seconds),
		.busy = idle < 100 ? 100 - idle : 0,
	};
}

/* The name of a process, from the directory of processes. */
static void name_of(const char *proc, unsigned int pid, char name[32])
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%u/comm", proc, pid);
	strcpy(name, "?");
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, 32, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}

static void print_summary(const struct snapshot *s)
{
	unsigned int i, leased = 0, running = 0;

	for (i = 0; i < s->cpus; i++) {
		leased += s->cpu[i].job != 0;
		running += s->cpu[i].tid != 0;
	}
	printf("CPUs: %u, leased %u, with a thread %u; jobs: %u; memory: %llu of %llu MB free\n\n", s->cpus, leased, running, s->jobs,
	       s->free_kb >> 10, s->total_kb >> 10);
}

static void print_job(const struct snapshot *now, const struct snapshot *before, const struct top_job *job, const char *name,
		      double seconds)
{
	struct rates sum = { 0 };
	unsigned int i;

	for (i = 0; i < now->cpus && i < before->cpus; i++) {
		struct rates r = cpu_rates(&now->cpu[i], &before->cpu[i], seconds);

		if (now->cpu[i].job != job->pid)
			continue;
		sum.local += r.local;
		sum.forwarded += r.forwarded;
		sum.faults += r.faults;
		sum.busy += r.busy;
	}
	printf("%8u %5u %7u %6.0f %11llu %10.0f %10.0f %9.0f %s\n", job->pid, job->cpus, job->threads, sum.busy, job->resident_kb, sum.local,
	       sum.forwarded, sum.faults, name);
}

/* @proc: where processes have folders. */
static void print_difference(const struct snapshot *now, const struct snapshot *before, const char *proc)
{
	double seconds = now->time.tv_sec - before->time.tv_sec + (now->time.tv_nsec - before->time.tv_nsec) / 1e9;
	char name[32];
	unsigned int i;

	seconds = seconds > 0.001 ? seconds : 0.001;
	print_summary(now);
	printf("%8s %5s %7s %6s %11s %10s %10s %9s %s\n", "job", "cpus", "threads", "busy%", "resident_kb", "local/s", "forwarded/s", "faults/s",
	       "program");
	for (i = 0; i < now->jobs; i++) {
		name_of(proc, now->job[i].pid, name);
		print_job(now, before, &now->job[i], name, seconds);
	}
	printf("\n%5s %4s %8s %8s %6s %10s %11s %9s %12s %10s\n", "cpu", "node", "job", "thread", "busy%", "local/s", "forwarded/s", "faults/s",
	       "interrupts/s", "switches/s");
	for (i = 0; i < now->cpus && i < before->cpus; i++) {
		const struct top_cpu *c = &now->cpu[i];
		struct rates r = cpu_rates(c, &before->cpu[i], seconds);

		printf("%5u %4u %8u %8u %6.0f %10.0f %11.0f %9.0f %12.0f %10.0f\n", c->cpu, c->node, c->job, c->tid, r.busy, r.local,
		       r.forwarded, r.faults, r.interrupts, r.switches);
	}
}

static void wait_for(double seconds)
{
	struct timespec t = { .tv_sec = seconds, .tv_nsec = (seconds - (long)seconds) * 1e9 };

	nanosleep(&t, NULL);
}

/* Shows @o->count differences, or goes on until it is interrupted. Returns the exit status of lwkctl. */
int top_run(const char *directory, const char *proc, const struct top_options *o)
{
	struct snapshot *before = snapshot_take(directory), *now = before;
	unsigned long i;

	for (i = 0; now && now->cpus && (!o->count || i < o->count); i++) {
		wait_for(o->seconds);
		now = snapshot_take(directory);
		if (!now || !now->cpus)
			break;
		fputs(o->batch ? (i ? "\n" : "") : CLEAR_SCREEN, stdout);
		print_difference(now, before, proc);
		if (fflush(stdout))
			err(1, "top: standard output");
		free(before);
		before = now;
	}
	if (now && !now->cpus)
		warnx("top: no LWK is booted: lwkctl boot");
	if (now != before)
		free(now);
	free(before);
	return o->count && i == o->count ? 0 : 1;
}
