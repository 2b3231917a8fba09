// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that come when a call is just about to begin. If it waits, the handler runs all the same, and what it does ends the wait; if it is
 * the last one of the process, it is that all the same.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define ROUNDS	1500
#define EXITS	200
#define SPREAD	4000		/* turns of an empty loop, about as long as a signal is under way */

static int self[2], epoll;
static volatile int *go;

static void handler(int sig)
{
	if (write(self[1], "", 1) != 1)
		_exit(sig);
}

static void no_handler(int sig)
{
	(void)sig;
}

static unsigned int draw(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 8;
}

static void spin(unsigned int turns)
{
	for (volatile unsigned int i = 0; i < turns; i++)
		;
}

/* Sends a signal some time after each step of *go. */
static void sender(void)
{
	unsigned int state = 1;
	int seen = 0, now;

	while ((now = *go) >= 0) {
		if (now == seen)
			continue;
		seen = now;
		spin(draw(&state) % SPREAD);
		kill(getppid(), SIGUSR1);
	}
}

static void wait_once(int how)
{
	struct pollfd p = { .fd = self[0], .events = POLLIN };
	struct epoll_event event;

	if (how == 0)
		(void)!poll(&p, 1, -1);
	else if (how == 1)
		(void)!epoll_wait(epoll, &event, 1, -1);
}

/* How many signals came through. */
static int rounds(int how)
{
	unsigned int state = 2;
	char byte;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		(*go)++;
		spin(draw(&state) % SPREAD);
		wait_once(how);
		while (read(self[0], &byte, 1) != 1)
			;
	}
	return i;
}

/* Signals that have a handler come while the process ends. How many ended as they meant to. */
static int exits(void)
{
	unsigned int state = 3;
	int i, status, right = 0;
	pid_t pid;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = no_handler }, NULL);
	for (i = 0; i < EXITS; i++) {
		pid = need("fork", fork());
		if (!pid) {
			spin(draw(&state) % SPREAD);
			_exit(7);
		}
		draw(&state);
		while (waitpid(pid, &status, WNOHANG) == 0)
			kill(pid, SIGUSR1);
		right += WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	return right;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	need("pipe", pipe(self));
	epoll = need("epoll_create1", epoll_create1(0));
	need("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, self[0], &event));
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = handler }, NULL);
	go = mmap(NULL, sizeof(*go), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = need("fork", fork());
	if (!pid) {
		sender();
		_exit(0);
	}
	say("poll", rounds(0));
	say("epoll_wait", rounds(1));
	say("read", rounds(2));
	*go = -1;
	ok("wait", waitpid(pid, NULL, 0) == pid);
	say("exit", exits());
	return 0;
}
