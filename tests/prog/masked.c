// SPDX-License-Identifier: GPL-2.0
/* Waits under a signal mask of their own: a signal that only that mask lets through ends the wait, whenever it came. */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static volatile int caught;
static sigset_t none, all;
static int epoll;

static void handler(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	caught += sig == SIGCHLD ? 100 : 1;
	if (!sigismember(&now, sig))
		caught += 1000;
}

static long wait_masked(int how, long timeout_ms, const sigset_t *mask)
{
	struct timespec timeout = { 0, timeout_ms * 1000000 }, *t = timeout_ms < 0 ? NULL : &timeout;
	struct epoll_event event;

	switch (how) {
	case 0:
		return pselect(0, NULL, NULL, NULL, t, mask);
	case 1:
		return ppoll(NULL, 0, t, mask);
	default:
		return epoll_pwait(epoll, &event, 1, timeout_ms, mask);
	}
}

static void waits(int how)
{
	sigset_t now;
	pid_t pid;

	caught = 0;
	raise(SIGUSR1);
	say("blocked", wait_masked(how, 20, &all));
	say("caught", caught);
	say("pending", wait_masked(how, -1, &none));
	say("caught", caught);
	pid = fork();
	if (!pid) {
		usleep(50000);
		_exit(0);
	}
	say("a child ends", wait_masked(how, -1, &none));
	say("caught", caught);
	ok("wait", waitpid(pid, NULL, 0) == pid);
	say("nothing comes", wait_masked(how, 20, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	ok("blocked as before", sigismember(&now, SIGUSR1) && sigismember(&now, SIGCHLD));
}

int main(void)
{
	struct sigaction action = { .sa_handler = handler };
	sigset_t mine;
	int how;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&none);
	sigfillset(&all);
	sigemptyset(&mine);
	sigaddset(&mine, SIGUSR1);
	sigaddset(&mine, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mine, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	epoll = need("epoll_create1", epoll_create1(0));
	for (how = 0; how < 3; how++) {
		printf("way %d\n", how);
		waits(how);
	}
	return 0;
}
