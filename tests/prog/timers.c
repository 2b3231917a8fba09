// SPDX-License-Identifier: GPL-2.0
/* Timers: of each clock and each kind of notification, the old interval timer and alarm, descriptors; and clocks that nobody may set so. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define MS	1000000l

static volatile sig_atomic_t hits, where, code, value;

static void hit(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	where = gettid();
	code = info->si_code;
	value = info->si_value.sival_int;
	hits++;
}

static void catch(int sig)
{
	struct sigaction act = { .sa_sigaction = hit, .sa_flags = SA_SIGINFO };

	hits = 0;
	need("sigaction", sigaction(sig, &act, NULL));
}

static void wait_for_hits(int n)
{
	int i;

	for (i = 0; i < 10000 && hits < n; i++)
		usleep(1000);
	ok("hits", hits >= n);
}

static void each_clock(void)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	struct itimerspec set = { { 0, 10 * MS }, { 0, 20 * MS } }, left;
	size_t i;

	for (i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77 + i };
		timer_t timer;

		catch(SIGUSR1);
		printf("clock %d\n", clocks[i]);
		say("create", timer_create(clocks[i], &event, &timer));
		say("settime", timer_settime(timer, 0, &set, NULL));
		wait_for_hits(3);
		say("code", code);
		say("value", value);
		say("gettime", timer_gettime(timer, &left));
		ok("interval", left.it_interval.tv_nsec == 10 * MS && left.it_value.tv_nsec <= 10 * MS);
		ok("overrun", timer_getoverrun(timer) >= 0);
		say("delete", timer_delete(timer));
		say("delete again", syscall(SYS_timer_delete, timer));
	}
}

/* ---- Who is told ---- */

static volatile pid_t sleeper;
static volatile int over;

static void *sleep_here(void *arg)
{
	sleeper = gettid();
	while (!over)
		usleep(1000);
	return arg;
}

static void one_thread(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	struct itimerspec set = { { 0, 0 }, { 0, 20 * MS } };
	pthread_t thread;
	timer_t timer;

	catch(SIGUSR2);
	pthread_create(&thread, NULL, sleep_here, NULL);
	while (!sleeper)
		usleep(1000);
	event._sigev_un._tid = sleeper;
	say("for a thread", timer_create(CLOCK_MONOTONIC, &event, &timer));
	say("settime", timer_settime(timer, 0, &set, NULL));
	wait_for_hits(1);
	ok("in that thread", where == sleeper);
	say("delete", timer_delete(timer));
	event._sigev_un._tid = 1;
	say("for somebody else's thread", timer_create(CLOCK_MONOTONIC, &event, &timer));
	over = 1;
	pthread_join(thread, NULL);
}

static void called(union sigval v)
{
	value = v.sival_int;
	hits++;
}

static void helper_thread(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = called, .sigev_value.sival_int = 5 };
	struct itimerspec set = { { 0, 10 * MS }, { 0, 10 * MS } };
	timer_t timer;

	hits = 0;
	say("in a new thread", timer_create(CLOCK_MONOTONIC, &event, &timer));
	say("settime", timer_settime(timer, 0, &set, NULL));
	wait_for_hits(3);
	say("value", value);
	say("delete", timer_delete(timer));
}

static void nobody(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	struct itimerspec set = { { 0, 0 }, { 50, 0 } }, old = { { 1, 1 }, { 1, 1 } };
	timer_t timer;

	say("nobody", timer_create(CLOCK_MONOTONIC, &event, &timer));
	say("settime", timer_settime(timer, 0, &set, &old));
	say("old", old.it_value.tv_sec + old.it_value.tv_nsec);
	usleep(20000);
	say("gettime", timer_gettime(timer, &old));
	say("left", old.it_value.tv_sec);
	say("delete", timer_delete(timer));
}

static void overruns(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec set = { { 0, 5 * MS }, { 0, 5 * MS } };
	siginfo_t info;
	timer_t timer;
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &one, NULL);
	say("overruns", timer_create(CLOCK_MONOTONIC, &event, &timer));
	say("settime", timer_settime(timer, 0, &set, NULL));
	usleep(100000);
	say("sigwaitinfo", sigwaitinfo(&one, &info) == SIGRTMIN);
	say("code", info.si_code);
	ok("missed", info.si_overrun > 3);
	ok("getoverrun", timer_getoverrun(timer) > 3);
	say("delete", timer_delete(timer));
}

/* ---- The older ones, descriptors ---- */

static void old_timers(void)
{
	struct itimerval set = { { 0, 10000 }, { 0, 20000 } }, off = { { 0, 0 }, { 0, 0 } }, left;

	catch(SIGALRM);
	say("setitimer", setitimer(ITIMER_REAL, &set, NULL));
	wait_for_hits(3);
	say("getitimer", getitimer(ITIMER_REAL, &left));
	ok("interval", left.it_interval.tv_usec == 10000);
	say("off", setitimer(ITIMER_REAL, &off, NULL));
	say("alarm", alarm(100));
	say("alarm again", alarm(0));
	say("no such timer", setitimer(9, &set, NULL));
	say("wrong", setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 1000000 } }, NULL));
	catch(SIGALRM);
	alarm(1);
	say("pause", pause());
	say("hits", hits);
}

static void descriptors(void)
{
	struct itimerspec set = { { 0, 10 * MS }, { 0, 20 * MS } }, left;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct pollfd p = { fd, POLLIN, 0 };
	uint64_t n = 0;

	say("read too early", read(fd, &n, sizeof(n)));
	say("timerfd", timerfd_settime(fd, 0, &set, NULL));
	say("poll", poll(&p, 1, 10000));
	say("read", read(fd, &n, sizeof(n)));
	ok("expired", n >= 1);
	usleep(100000);
	say("read", read(fd, &n, sizeof(n)));
	ok("expired often", n >= 5);
	say("timerfd_gettime", timerfd_gettime(fd, &left));
	ok("interval", left.it_interval.tv_nsec == 10 * MS);
	close(fd);
}

static void mistakes(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	struct timex timex = { .modes = 0 };
	struct timeval wrong = { 0, 1000000 };
	int timer;

	say("no such signal", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	say("no such clock", syscall(SYS_timer_create, 9999, NULL, &timer));
	say("bad address", syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (void *)16));
	say("no such timer", syscall(SYS_timer_settime, 12345, 0, &(struct itimerspec){ 0 }, NULL));
	ok("adjtimex tells", adjtimex(&timex) >= 0);
	timex.modes = 0;
	ok("clock_adjtime tells", clock_adjtime(CLOCK_REALTIME, &timex) >= 0);
	say("clock_settime before time", clock_settime(CLOCK_REALTIME, &(struct timespec){ -1, 0 }));
	say("clock_settime monotonic", clock_settime(CLOCK_MONOTONIC, &(struct timespec){ 0, 0 }));
	say("settimeofday", settimeofday(&wrong, NULL));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	each_clock();
	one_thread();
	helper_thread();
	nobody();
	overruns();
	old_timers();
	descriptors();
	mistakes();
	return 0;
}
