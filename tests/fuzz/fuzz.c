// SPDX-License-Identifier: GPL-2.0
/*
 * Random system calls: fuzz [--seed N] [--calls N] [--threads N] [--workers N] [--left-out]
 *
 * Makes calls with arguments that the call table finds plausible, and with garbage, in many threads at once that unmap, protect and fork
 * away the memory which the others' calls use. What the calls do to the process is of no interest, so this one only starts one worker
 * process after the other, some at a time, counts, and kills those that come no further. It fails if one cannot be killed. What else must
 * not happen (failures and warnings of either kernel, leaks) is for the caller to look at: tests/fuzz/run.
 *
 * The same seed makes the same calls, as far as threads that race allow. For a virtual machine only: as root it takes no care of the
 * files in the current directory, which should be empty. --left-out lists the calls that are never made, and why.
 */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../prog/say.h"
#include "fuzz.h"

#define STANDSTILL_MS	3000		/* of a whole worker, which is killed then */
#define KILL_LIMIT_MS	60000

bool as_root;
long thread_count = 8;
struct shared *shared;

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct {
	unsigned long complete, early, signalled, late;
} ends;
static unsigned long rounds;
static long worker_count = 1;

/* One worker, as this process sees it. */
struct job {
	pid_t pid;			/* 0: none */
	unsigned long seed, calls;	/* calls seen */
	long since;			/* when the last one was seen, in ms; or when it was killed */
	bool killed;
};

static unsigned long calls_of(int number)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < THREADS_MAX; i++)
		sum += __atomic_load_n(&shared->done[number][i], __ATOMIC_RELAXED);
	return sum;
}

static void start(struct job *job, int number, unsigned long seed)
{
	fflush(stdout);
	memset(shared->done[number], 0, sizeof(shared->done[number]));
	*job = (struct job){ need("fork", fork()), seed, 0, now_ms(), false };
	if (job->pid == 0)
		worker(seed, number);
}

static void has_come_to_its_end(struct job *job, int status)
{
	if (job->killed)
		ends.late++;
	else if (WIFSIGNALED(status))
		ends.signalled++;
	else if (WEXITSTATUS(status))
		ends.early++;
	else
		ends.complete++;
	job->pid = 0;
}

/* Kills it if it has not come further for long. */
static void look_after(struct job *job, int number)
{
	unsigned long calls = calls_of(number);

	if (!job->killed && calls != job->calls) {
		job->calls = calls;
		job->since = now_ms();
	} else if (!job->killed && now_ms() - job->since > STANDSTILL_MS) {
		kill(job->pid, SIGKILL);
		job->killed = true;
		job->since = now_ms();
	} else if (job->killed && now_ms() - job->since > KILL_LIMIT_MS) {
		printf("fuzz: HANG: process %d, seed %lu, cannot be killed\n", job->pid, job->seed);
		exit(1);
	}
}

/* Takes all that have ended, orphans of workers too. Returns how many calls those workers had made. */
static unsigned long reap(struct job *jobs)
{
	unsigned long calls = 0;
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < worker_count; i++) {
			if (jobs[i].pid != pid)
				continue;
			calls += calls_of(i);
			has_come_to_its_end(&jobs[i], status);
		}
	}
	return calls;
}

/* Calls of those that run. */
static unsigned long under_way(const struct job *jobs)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < worker_count; i++)
		sum += jobs[i].pid ? calls_of(i) : 0;
	return sum;
}

/* Keeps workers going until all calls are made; returns how many were. */
static unsigned long run_all(unsigned long seed, unsigned long calls)
{
	static const struct timespec pause = { 0, 5000000 };
	static struct job jobs[WORKERS_MAX];
	unsigned long made = 0;
	int i, running;

	do {
		for (i = running = 0; i < worker_count; i++) {
			if (jobs[i].pid)
				look_after(&jobs[i], i);
			else if (made + under_way(jobs) < calls)
				start(&jobs[i], i, seed + rounds++);
			running += jobs[i].pid != 0;
		}
		nanosleep(&pause, NULL);
		made += reap(jobs);
	} while (running);
	return made;
}

/* Says which calls were never made although they could have been; how many. */
static unsigned long report_missed(void)
{
	unsigned long nr, missed = 0;

	for (nr = 0; nr <= SYSCALL_NR_MAX; nr++)
		if (call_kind[nr] != CALL_LEFT_OUT && !shared->made[nr] && ++missed < 10)
			printf("fuzz: never made: %s\n", syscall_descs[syscall_desc_index(nr)].name);
	return missed;
}

static long number_below(const char *what, const char *text, long most)
{
	char *end;
	long n = strtol(text, &end, 0);

	if (*end || n < 1 || n > most) {
		fprintf(stderr, "fuzz: --%s %s: say a number from 1 to %ld\n", what, text, most);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", 1, NULL, 's' }, { "calls", 1, NULL, 'c' }, { "threads", 1, NULL, 't' },
		{ "workers", 1, NULL, 'w' }, { "left-out", 0, NULL, 'l' }, { 0 } };
	unsigned long seed = time(NULL), calls = 100000;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': seed = strtoul(optarg, NULL, 0); break;
		case 'c': calls = number_below("calls", optarg, LONG_MAX); break;
		case 't': thread_count = number_below("threads", optarg, THREADS_MAX); break;
		case 'w': worker_count = number_below("workers", optarg, WORKERS_MAX); break;
		case 'l': list_left_out(); return 0;
		default: return 2;
		}
	}
	as_root = geteuid() == 0;
	sort_calls();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap");
	printf("fuzz: seed %lu, %ld workers of %ld threads, %s\n", seed, worker_count, thread_count, as_root ? "as root" : "as an ordinary user");
	calls = run_all(seed, calls);
	printf("fuzz: %lu calls in %lu processes: %lu came to their end, %lu ended early, %lu died of a signal, %lu were killed\n",
		calls, rounds, ends.complete, ends.early, ends.signalled, ends.late);
	report_missed();
	return 0;
}
