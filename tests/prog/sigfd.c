// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that are blocked and taken otherwise: by signalfd, sigtimedwait, sigpending; also those that nobody would miss when they are not
 * blocked (SIGCHLD), those that would be fatal, and the note that a message queue sends.
 */
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static sigset_t set_of(int a, int b, int c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	if (c)
		sigaddset(&set, c);
	return set;
}

/* Reads one signal and says what it is. */
static void take(const char *what, int fd)
{
	struct signalfd_siginfo info;
	long n = read(fd, &info, sizeof(info));

	if (n != sizeof(info))
		say(what, n);
	else
		printf("%s: signal %d, code %d, value %d, own %d\n", what, info.ssi_signo, info.ssi_code, info.ssi_int,
			(pid_t)info.ssi_pid == getpid());
}

static int is_pending(int sig)
{
	sigset_t set;

	need("sigpending", sigpending(&set));
	return sigismember(&set, sig);
}

static void one_by_one(int fd)
{
	static const int signals[] = { SIGUSR1, SIGTERM, SIGCHLD };
	struct pollfd p = { fd, POLLIN, 0 };
	size_t i;

	take("nothing", fd);
	say("poll", poll(&p, 1, 0));
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		say("kill", kill(getpid(), signals[i]));
		say("pending", is_pending(signals[i]));
		say("poll", poll(&p, 1, 10000));
		take("read", fd);
		say("pending", is_pending(signals[i]));
		say("raise", raise(signals[i]));
		take("read", fd);
		take("nothing", fd);
	}
}

static void queued(void)
{
	sigset_t set = set_of(SIGRTMIN, 0, 0);
	int fd, i;

	need("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
	fd = need("signalfd", signalfd(-1, &set, SFD_CLOEXEC));
	for (i = 1; i <= 3; i++)
		say("sigqueue", sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }));
	for (i = 1; i <= 3; i++)
		take("read", fd);
	say("pending", is_pending(SIGRTMIN));
	close(fd);
}

static void *reader(void *arg)
{
	take("other thread", *(int *)arg);
	return NULL;
}

/* A reader that already waits, in another thread, gets what is sent to the process. */
static void waiting(void)
{
	sigset_t set = set_of(SIGUSR2, 0, 0);
	pthread_t thread;
	int fd, sent;

	need("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
	fd = need("signalfd", signalfd(-1, &set, 0));
	pthread_create(&thread, NULL, reader, &fd);
	usleep(100000);
	sent = kill(getpid(), SIGUSR2);
	pthread_join(thread, NULL);
	say("kill", sent);
	close(fd);
}

static void timed(int sig)
{
	sigset_t set = set_of(sig, 0, 0);
	struct timespec none = { 0, 0 }, some = { 0, 50000000 };
	siginfo_t info;

	need("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
	printf("signal %d\n", sig);
	say("none", sigtimedwait(&set, &info, &none));
	say("kill", kill(getpid(), sig));
	say("one", sigtimedwait(&set, &info, &none));
	ok("from here", info.si_code == SI_USER && info.si_pid == getpid());
	say("no second", sigtimedwait(&set, &info, &some));
	say("kill", kill(getpid(), sig));
	say("pending", is_pending(sig));
	say("sigwaitinfo", sigwaitinfo(&set, NULL));
	say("pending", is_pending(sig));
}

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	handled = sig;
}

/* What no descriptor took goes to the handler as soon as it may. */
static void after_all(int fd)
{
	sigset_t set = set_of(SIGUSR1, 0, 0);

	signal(SIGUSR1, handler);
	say("kill", kill(getpid(), SIGUSR1));
	say("handled", handled);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say("handled", handled);
	take("nothing", fd);
}

static void message_queue(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 42 };
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 16 };
	sigset_t set = set_of(SIGRTMIN + 1, 0, 0);
	char name[32];
	siginfo_t info;
	mqd_t q;

	snprintf(name, sizeof(name), "/test-%d", getpid());
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	if (q == -1) {
		say("mq_open", q);
		return;
	}
	mq_unlink(name);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say("mq_notify", mq_notify(q, &event));
	say("mq_notify again", mq_notify(q, &event));
	say("mq_send", mq_send(q, "hello", 5, 0));
	say("sigwaitinfo", sigwaitinfo(&set, &info) == SIGRTMIN + 1);
	say("code", info.si_code);
	say("value", info.si_value.sival_int);
	mq_close(q);
}

/* Who ignores SIGCHLD has no zombies and hears nothing of children, also after, and while, it is waited for. */
static void ignored_children(void)
{
	sigset_t set = set_of(SIGCHLD, 0, 0);
	struct timespec none = { 0, 0 }, soon = { 0, 300000000 };
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	say("no child yet", sigtimedwait(&set, NULL, &none));
	pid = need("fork", fork());
	if (!pid)
		_exit(3);
	say("a child that leaves no zombie", waitpid(pid, NULL, 0));
	pid = need("fork", fork());
	if (!pid)
		_exit(3);
	say("its end is no signal", sigtimedwait(&set, NULL, &soon));
	say("nor is it left", waitpid(pid, NULL, 0));
	kill(getpid(), SIGCHLD);
	say("others may send it", sigtimedwait(&set, NULL, &soon) == SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
	sigset_t set = set_of(SIGUSR1, SIGTERM, SIGCHLD);
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	say("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
	fd = need("signalfd", signalfd(-1, &set, SFD_NONBLOCK));
	one_by_one(fd);
	queued();
	waiting();
	timed(SIGUSR2);
	timed(SIGCHLD);
	timed(SIGWINCH);
	timed(SIGTERM);
	after_all(fd);
	message_queue();
	ignored_children();
	say("signalfd of a file", signalfd(1, &set, 0));
	say("flags", signalfd(-1, &set, 1));
	return 0;
}
