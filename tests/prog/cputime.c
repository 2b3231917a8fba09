// SPDX-License-Identifier: GPL-2.0
/*
 * CPU time: clocks, rusage, timers and limits on it. `cputime` tests all but the limit, `cputime limit` is killed by RLIMIT_CPU,
 * `cputime spin` computes for a fifth of a second.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define MS	1000000ll
#define THREADS	3

static int64_t now(clockid_t clock)
{
	struct timespec t;

	need("clock_gettime", clock_gettime(clock, &t));
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static void spin(long turns)
{
	volatile long i;

	for (i = 0; i < turns; i++)
		;
}

/* Until this thread has had @ns more of CPU time. */
static void spin_for(int64_t ns)
{
	int64_t end = now(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		spin(100000);
}

static int64_t of(struct timeval t)
{
	return t.tv_sec * 1000 * MS + t.tv_usec * 1000;
}

static void one_thread(void)
{
	int64_t t = now(CLOCK_THREAD_CPUTIME_ID), p = now(CLOCK_PROCESS_CPUTIME_ID), last = t, next;
	int i, backwards = 0;

	spin(3000000);
	ok("thread clock goes", now(CLOCK_THREAD_CPUTIME_ID) > t + MS / 10);
	ok("process clock goes", now(CLOCK_PROCESS_CPUTIME_ID) > p + MS / 10);
	for (i = 0; i < 200; i++) {
		next = now(CLOCK_THREAD_CPUTIME_ID);
		backwards += next < last;
		last = next;
	}
	say("backwards", backwards);
	p = now(CLOCK_PROCESS_CPUTIME_ID);
	usleep(300000);
	ok("sleeping costs nothing", now(CLOCK_PROCESS_CPUTIME_ID) - p < 100 * MS);
	t = now(CLOCK_MONOTONIC);
	p = now(CLOCK_PROCESS_CPUTIME_ID);
	spin(3000000);
	p = now(CLOCK_PROCESS_CPUTIME_ID) - p;
	ok("not faster than time", p <= now(CLOCK_MONOTONIC) - t + 20 * MS);
}

static pthread_barrier_t spun, asked;
static int64_t said[THREADS];

static void *compute(void *arg)
{
	long n = (long)arg;

	spin_for((n + 1) * 20 * MS);
	said[n] = now(CLOCK_THREAD_CPUTIME_ID);
	pthread_barrier_wait(&spun);
	pthread_barrier_wait(&asked);
	return NULL;
}

static void many_threads(void)
{
	int64_t sum, process, other;
	int i, known = 0, honest = 0;
	pthread_t t[THREADS];
	clockid_t clock;

	pthread_barrier_init(&spun, NULL, THREADS + 1);
	pthread_barrier_init(&asked, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, compute, (void *)(long)i);
	pthread_barrier_wait(&spun);
	sum = now(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < THREADS; i++) {
		known += !pthread_getcpuclockid(t[i], &clock);
		other = now(clock);
		honest += other >= said[i] && other < said[i] + 50 * MS;
		sum += other;
	}
	process = now(CLOCK_PROCESS_CPUTIME_ID);
	say("clocks of other threads", known);
	say("that tell what the threads told", honest);
	ok("threads make the process", process >= sum && process - sum < 100 * MS);
	pthread_barrier_wait(&asked);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ok("ended threads count", now(CLOCK_PROCESS_CPUTIME_ID) >= process);
}

static void usage(void)
{
	struct rusage before, after, thread;
	int64_t user, process, tick = 1000 * MS / sysconf(_SC_CLK_TCK);
	struct tms tms;
	char *pages;
	long i;

	need("getrusage", getrusage(RUSAGE_SELF, &before));
	spin_for(100 * MS);
	process = now(CLOCK_PROCESS_CPUTIME_ID);
	need("getrusage", getrusage(RUSAGE_SELF, &after));
	need("getrusage", getrusage(RUSAGE_THREAD, &thread));
	need("times", times(&tms));
	user = of(after.ru_utime) - of(before.ru_utime);
	/* Linux's own share for the thread counts as system time; a slow emulator makes it large */
	ok("it is user time", user > 25 * MS);
	ok("rusage like the clock", of(after.ru_utime) + of(after.ru_stime) + MS >= process);
	ok("a thread has less than all", of(thread.ru_utime) + of(thread.ru_stime) <= of(after.ru_utime) + of(after.ru_stime) + 20 * MS);
	ok("times like rusage", (tms.tms_utime + tms.tms_stime + 2) * tick >= of(after.ru_utime) + of(after.ru_stime));
	say("children", tms.tms_cutime + tms.tms_cstime);
	pages = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < 8 << 20; i += 4096)
		pages[i] = 1;
	getrusage(RUSAGE_SELF, &after);
	ok("page faults are counted", after.ru_minflt > before.ru_minflt);
}

static void odd_clocks(void)
{
	struct timespec t;

	say("getres process", clock_getres(CLOCK_PROCESS_CPUTIME_ID, &t));
	printf("%ld.%09ld\n", (long)t.tv_sec, t.tv_nsec);
	say("getres thread", clock_getres(CLOCK_THREAD_CPUTIME_ID, &t));
	say("no such process", clock_gettime(~0x3fffff * 8 | 2, &t));
	say("no such kind", clock_gettime(~getpid() * 8 | 7, &t));
	say("settime", clock_settime(CLOCK_PROCESS_CPUTIME_ID, &t));
	t = (struct timespec){ 0, 1000 };
	say("sleep on the own clock", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL));
}

/* ---- Timers ---- */

static volatile sig_atomic_t hits;

static void hit(int sig)
{
	(void)sig;
	hits++;
}

/* Until the timer has hit @times; a minute of computing at most. */
static int spin_until_hit(int times)
{
	int64_t end = now(CLOCK_THREAD_CPUTIME_ID) + 60000 * MS;

	while (hits < times && now(CLOCK_THREAD_CPUTIME_ID) < end)
		spin(100000);
	return hits >= times;
}

static void interval_timer(const char *what, int which, int sig)
{
	struct itimerval set = { { 0, 30000 }, { 0, 50000 } }, old, off = { { 0, 0 }, { 0, 0 } };
	int64_t start = now(CLOCK_PROCESS_CPUTIME_ID);

	hits = 0;
	signal(sig, hit);
	say(what, setitimer(which, &set, NULL));
	ok("hits", spin_until_hit(2));
	/* Linux counts a tick as a whole for who runs then, even if others (or a hypervisor) had the CPU for most of it */
	ok("not too early", now(CLOCK_PROCESS_CPUTIME_ID) - start >= 20 * MS);
	say("getitimer", getitimer(which, &old));
	ok("interval", old.it_interval.tv_usec == 30000 || old.it_interval.tv_usec == 32000);
	say("off", setitimer(which, &off, &old));
	hits = 0;
	spin_for(100 * MS);
	say("hits when off", hits);
}

static void cpu_timer(const char *what, clockid_t clock)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec set = { { 0, 0 }, { 0, 50 * MS } };
	timer_t timer;

	hits = 0;
	signal(SIGUSR1, hit);
	say(what, timer_create(clock, &event, &timer));
	say("settime", timer_settime(timer, 0, &set, NULL));
	ok("hits", spin_until_hit(1));
	say("delete", timer_delete(timer));
}

static volatile int stop;

static void *other(void *arg)
{
	while (!stop)
		spin(1000);
	return arg;
}

static void sleep_on_clock(void)
{
	struct timespec t = { 0, 100 * MS };
	int64_t start;
	pthread_t thread;

	pthread_create(&thread, NULL, other, NULL);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	say("sleep while another computes", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &t, NULL));
	ok("long enough", now(CLOCK_PROCESS_CPUTIME_ID) - start >= 100 * MS);
	stop = 1;
	pthread_join(thread, NULL);
}

static void limit(void)
{
	struct rlimit limit = { 1, 3 };

	need("setrlimit", setrlimit(RLIMIT_CPU, &limit));
	spin_for(10000 * MS);
	ok("killed", 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "limit"))
		limit();
	else if (argc > 1)
		spin_for(200 * MS);
	if (argc > 1)
		return 0;
	one_thread();
	many_threads();
	usage();
	odd_clocks();
	interval_timer("virtual", ITIMER_VIRTUAL, SIGVTALRM);
	interval_timer("prof", ITIMER_PROF, SIGPROF);
	cpu_timer("timer of the thread", CLOCK_THREAD_CPUTIME_ID);
	cpu_timer("timer of the process", CLOCK_PROCESS_CPUTIME_ID);
	sleep_on_clock();
	return 0;
}
