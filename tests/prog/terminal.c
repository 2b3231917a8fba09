// SPDX-License-Identifier: GPL-2.0
/*
 * Job control at a terminal, as a shell does it: a child in a group of its own makes itself the foreground, which it may while it blocks
 * SIGTTOU; otherwise the terminal stops it until it is told to go on.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "say.h"

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(how, &set, NULL);
}

/* In a child with a group of its own: takes the terminal, with SIGTTOU blocked if @blocks. */
static void take(int terminal, int blocks)
{
	setpgid(0, 0);
	block(blocks ? SIG_BLOCK : SIG_UNBLOCK);
	say("foreground", tcsetpgrp(terminal, getpid()));
	ok("is it", tcgetpgrp(terminal) == getpid());
	fflush(stdout);
	_exit(7);
}

static void job(const char *what, int terminal, int blocks)
{
	int status = 0;
	pid_t child;

	printf("%s\n", what);
	fflush(stdout);
	child = need("fork", fork());
	if (!child)
		take(terminal, blocks);
	need("wait", waitpid(child, &status, WUNTRACED));
	if (WIFSTOPPED(status)) {
		printf("stopped by SIG%s\n", sigabbrev_np(WSTOPSIG(status)));
		need("foreground for it", tcsetpgrp(terminal, child));
		kill(child, SIGCONT);
		need("wait", waitpid(child, &status, 0));
	}
	printf("ended with %x\n", status);
	block(SIG_BLOCK);
	say("back", tcsetpgrp(terminal, getpgrp()));
	block(SIG_UNBLOCK);
}

/* The leader of a session with a terminal. */
static int session(const char *name)
{
	int terminal;

	need("setsid", setsid());
	terminal = need("open", open(name, O_RDWR));
	need("controlling terminal", ioctl(terminal, TIOCSCTTY, 0));
	for (int i = 0; i < 20; i++)
		job("blocked", terminal, 1);
	job("not blocked", terminal, 0);
	fflush(stdout);
	return 0;
}

int main(void)
{
	int master = need("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY)), status = 0;
	pid_t child;

	need("grantpt", grantpt(master));
	need("unlockpt", unlockpt(master));
	child = need("fork", fork());
	if (!child)
		_exit(session(ptsname(master)));
	need("wait", waitpid(child, &status, 0));
	printf("session: %x\n", status);
	return 0;
}
