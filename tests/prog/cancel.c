// SPDX-License-Identifier: GPL-2.0
/*
 * Cancellation of threads in every kind of wait: cancel
 * For each wait a thread is cancelled while it waits, deferred and asynchronously; it must end, and its clean-up handler must run.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static int empty[2], full[2], listener, queue, epoll;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t sleeper;
static sem_t started, never;
static volatile int cleaned;

static void wait_read(void) { char c; if (read(empty[0], &c, 1)) abort(); }
static void wait_write(void) { static char block[65536]; if (write(full[1], block, sizeof(block))) abort(); }
static void wait_accept(void) { accept(listener, NULL, NULL); }
static void wait_recv(void) { char c; recv(listener + 1, &c, 1, 0); }
static void wait_poll(void) { struct pollfd p = { .fd = empty[0], .events = POLLIN }; poll(&p, 1, -1); }
static void wait_select(void) { fd_set set; FD_ZERO(&set); FD_SET(empty[0], &set); select(empty[0] + 1, &set, NULL, NULL, NULL); }
static void wait_epoll(void) { struct epoll_event e; epoll_wait(epoll, &e, 1, -1); }
static void wait_message(void) { struct { long type; char c; } m; msgrcv(queue, &m, 1, 0, 0); }
static void wait_sleep(void) { sleep(1000); }
static void wait_pause(void) { pause(); }
static void wait_semaphore(void) { sem_wait(&never); }
static void wait_join(void) { pthread_join(sleeper, NULL); }
static void wait_suspend(void) { sigset_t none; sigemptyset(&none); sigsuspend(&none); }
static void wait_signal(void) { sigset_t one; int sig; sigemptyset(&one); sigaddset(&one, SIGUSR2); sigwait(&one, &sig); }
static void wait_raw_futex(void) { static int word; syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0); }
static void wait_test(void) { for (;;) pthread_testcancel(); }
static void wait_compute(void) { for (;;) asm volatile("pause"); }

static void unlock(void *arg)
{
	cleaned += 10 * !pthread_mutex_unlock(arg);
}

static void wait_condition(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
}

static const struct way { const char *name; void (*wait)(void); int async_only; } ways[] = {
	{ "read", wait_read, 0 }, { "write", wait_write, 0 }, { "accept", wait_accept, 0 }, { "recv", wait_recv, 0 },
	{ "poll", wait_poll, 0 }, { "select", wait_select, 0 }, { "epoll_wait", wait_epoll, 0 }, { "msgrcv", wait_message, 0 },
	{ "sleep", wait_sleep, 0 }, { "pause", wait_pause, 0 }, { "sem_wait", wait_semaphore, 0 },
	{ "pthread_cond_wait", wait_condition, 0 }, { "pthread_join", wait_join, 0 }, { "sigsuspend", wait_suspend, 0 },
	{ "sigwait", wait_signal, 0 }, { "testcancel", wait_test, 0 }, { "futex", wait_raw_futex, 1 }, { "compute", wait_compute, 1 },
};

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static void *body(void *arg)
{
	const struct way *w = arg;

	pthread_cleanup_push(clean, NULL);
	sem_post(&started);
	w->wait();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *async_body(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	return body(arg);
}

static void cancel_one(const struct way *w, void *(*f)(void *), const char *how)
{
	pthread_t t;
	void *result;

	cleaned = 0;
	errno = pthread_create(&t, NULL, f, (void *)w);
	if (errno)
		fail("pthread_create");
	while (sem_wait(&started))
		;
	usleep(30000);
	pthread_cancel(t);
	pthread_join(t, &result);
	printf("%s, %s: %s, cleaned %d\n", w->name, how, result == PTHREAD_CANCELED ? "cancelled" : "NO", cleaned);
}

static void *not_now(void *arg)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&started);
	usleep(100000);
	*(int *)arg = 1;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	*(int *)arg = 2;
	return NULL;
}

static void disabled(void)
{
	pthread_t t;
	void *result;
	int reached = 0;

	pthread_create(&t, NULL, not_now, &reached);
	while (sem_wait(&started))
		;
	pthread_cancel(t);
	pthread_join(t, &result);
	say("disabled until", reached);
	ok("then cancelled", result == PTHREAD_CANCELED);
}

static void *sleep_long(void *arg)
{
	for (;;)
		sleep(1000);
	return arg;
}

static void prepare(void)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	struct epoll_event none = { .events = EPOLLIN };
	static char block[65536];
	int pair[2];

	need("pipe", pipe(empty));
	need("pipe", pipe2(full, O_NONBLOCK));
	while (write(full[1], block, sizeof(block)) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	need("socket", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	listener = need("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	need("dup2", dup2(pair[0], listener + 1));
	need("bind", bind(listener, (void *)&here, sizeof(sa_family_t)));
	need("listen", listen(listener, 1));
	queue = need("msgget", msgget(IPC_PRIVATE, 0600));
	epoll = need("epoll", epoll_create1(0));
	need("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, empty[0], &none));
	sem_init(&started, 0, 0);
	sem_init(&never, 0, 0);
	pthread_create(&sleeper, NULL, sleep_long, NULL);
}

int main(void)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!ways[i].async_only)
			cancel_one(&ways[i], body, "deferred");
		cancel_one(&ways[i], async_body, "asynchronous");
	}
	disabled();
	say("msgctl", msgctl(queue, IPC_RMID, NULL));
	return 0;
}
