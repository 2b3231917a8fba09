// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that wait, interrupted by a signal whose handler returns: which fail with EINTR and which go on, with and without
 * SA_RESTART.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define SIGNAL_MS	60
#define DATA_MS		400	/* a call that goes on finds data after this time */

static volatile int handled;
static int ends[2], late_fd;
static pthread_t waiter;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void set(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	need("sigaction", sigaction(SIGALRM, &action, NULL));
}

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t))
		;
}

/* The other thread sends the signal, later the data. */
static void *disturb(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	sleep_ms(SIGNAL_MS);
	pthread_kill(waiter, SIGALRM);
	if (!late_fd)
		return arg;
	sleep_ms(DATA_MS);
	if (write(late_fd, "12345678", 8) != 8)
		perror("write");
	return arg;
}

static pthread_t disturber;

static void disturbed(int with_data)
{
	late_fd = with_data ? ends[1] : 0;
	handled = 0;
	waiter = pthread_self();
	errno = pthread_create(&disturber, NULL, disturb, NULL);
	if (errno)
		fail("pthread_create");
}

static void result(const char *what, int flags, long value)
{
	int error = errno;

	pthread_join(disturber, NULL);
	printf("%s%s: %s, handler ran %d times\n", what, flags ? " SA_RESTART" : "",
	       value == -1 ? strerrorname_np(error) : value == -2 ? "WRONG" : value ? "some" : "0", handled);
}

static void descriptors(int flags)
{
	struct pollfd p = { .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN };
	int e = epoll_create1(0), sockets[2];
	char buffer[8];
	fd_set set_;

	need("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	disturbed(flags);
	result("read", flags, read(ends[0], buffer, 8));
	p.fd = ends[0];
	disturbed(0);
	result("poll", flags, poll(&p, 1, 2000));
	FD_ZERO(&set_);
	FD_SET(ends[0], &set_);
	disturbed(0);
	result("select", flags, select(ends[0] + 1, &set_, NULL, NULL, NULL));
	need("epoll_ctl", epoll_ctl(e, EPOLL_CTL_ADD, ends[0], &event));
	disturbed(0);
	result("epoll_wait", flags, epoll_wait(e, &event, 1, 2000));
	if (!flags) {
		disturbed(0);
		result("recv", flags, recv(sockets[0], buffer, 8, 0));
	}
	close(e);
	close(sockets[0]);
	close(sockets[1]);
}

static void sleeps(int flags)
{
	struct timespec t = { 1, 0 }, left = { 0 }, now;
	int error;

	disturbed(0);
	result("nanosleep", flags, nanosleep(&t, &left));
	ok("time left", left.tv_sec == 0 && left.tv_nsec > 100000000);
	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec++;
	disturbed(0);
	error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
	errno = error;
	result("clock_nanosleep", flags, error ? -1 : 0);
	disturbed(0);
	result("pause", flags, pause());
}

static void futexes(int flags)
{
	struct timespec soon;
	static int word;
	sem_t sem;

	sem_init(&sem, 0, 0);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec++;
	disturbed(0);
	result("sem_timedwait", flags, sem_timedwait(&sem, &soon));
	if (!flags) {
		disturbed(0);
		result("sem_wait", flags, sem_wait(&sem));
		disturbed(0);
		result("futex", flags, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL));
	}
	soon = (struct timespec){ 0, 300000000 };
	disturbed(0);
	result("futex with time limit", flags, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon));
}

/* From timers, without another thread. */
static void timers(void)
{
	struct itimerval once = { .it_value = { 0, 50000 } }, left;
	struct timespec t = { 2, 0 };

	handled = 0;
	say("setitimer", setitimer(ITIMER_REAL, &once, NULL));
	say("getitimer", getitimer(ITIMER_REAL, &left));
	ok("time is running", left.it_value.tv_usec > 0 && left.it_value.tv_usec <= 50000);
	say("nanosleep until the timer", nanosleep(&t, NULL));
	say("handler ran", handled);
	handled = 0;
	say("setitimer", setitimer(ITIMER_REAL, &once, NULL));
	while (!handled)	/* the signal must reach a thread that never makes a call */
		;
	say("handler ran while computing", handled);
	say("alarm", alarm(100));
	say("alarm off", alarm(0));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	need("pipe", pipe(ends));
	set(0);
	descriptors(0);
	sleeps(0);
	futexes(0);
	set(SA_RESTART);
	descriptors(SA_RESTART);
	sleeps(SA_RESTART);
	futexes(SA_RESTART);
	set(0);
	timers();
	return 0;
}
