// SPDX-License-Identifier: GPL-2.0
/*
 * In which order pending signals come, which of them a handler's mask keeps back, and what a signal finds that is ignored while somebody
 * waits for it. One thread signals itself, so all of it is determined.
 */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

static char altstack[65536];
static int nested;		/* a signal that the next handler sends */

static void to_thread(int sig)
{
	need("tgkill", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig));
}

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	sigset_t mask;
	int send = nested;

	nested = 0;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	printf("[ %d, code %d, masks %lx %lx, stack %x %d\n", sig, info->si_code, mask.__val[0], uc->uc_sigmask.__val[0], uc->uc_stack.ss_flags,
	       (char *)&mask > altstack && (char *)&mask < altstack + sizeof(altstack));
	if (send)
		to_thread(send);
	printf("] %d\n", sig);
}

static void handle(int sig, int blocked, int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigemptyset(&sa.sa_mask);
	if (blocked)
		sigaddset(&sa.sa_mask, blocked);
	sigaction(sig, &sa, NULL);
}

static sigset_t set_of(int a, int b, int c)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		if ((int[]){ a, b, c }[i])
			sigaddset(&set, (int[]){ a, b, c }[i]);
	return set;
}

static void block(int how, int a, int b, int c)
{
	sigset_t set = set_of(a, b, c);

	sigprocmask(how, &set, NULL);
}

/* What was sent to the thread comes before what was sent to the process. */
static void order(void)
{
	sigset_t set = set_of(SIGHUP, SIGUSR1, SIGUSR2);
	struct timespec zero = { 0, 0 };

	puts("-- unblocked together");
	block(SIG_BLOCK, SIGHUP, SIGUSR1, SIGUSR2);
	kill(getpid(), SIGHUP);
	to_thread(SIGUSR2);
	to_thread(SIGUSR1);
	block(SIG_UNBLOCK, SIGHUP, SIGUSR1, SIGUSR2);
	puts("-- the first keeps the others back");
	handle(SIGUSR1, SIGHUP, 0);
	block(SIG_BLOCK, SIGHUP, SIGUSR1, SIGUSR2);
	kill(getpid(), SIGHUP);
	to_thread(SIGUSR1);
	nested = SIGUSR2;
	block(SIG_UNBLOCK, SIGHUP, SIGUSR1, 0);
	block(SIG_UNBLOCK, SIGUSR2, 0, 0);
	handle(SIGUSR1, 0, 0);
	puts("-- waited for");
	block(SIG_BLOCK, SIGHUP, SIGUSR1, SIGUSR2);
	kill(getpid(), SIGHUP);
	to_thread(SIGUSR2);
	say("first", sigtimedwait(&set, NULL, &zero));
	say("second", sigtimedwait(&set, NULL, &zero));
	say("no more", sigtimedwait(&set, NULL, &zero));
	block(SIG_UNBLOCK, SIGHUP, SIGUSR1, SIGUSR2);
}

/* In the handler of a signal that ppoll let through, that mask still holds. */
static void polled(void)
{
	sigset_t mask = set_of(SIGHUP, 0, 0);
	struct timespec zero = { 0, 0 };

	puts("-- ppoll");
	block(SIG_BLOCK, SIGUSR1, SIGUSR2, 0);
	to_thread(SIGUSR1);
	nested = SIGUSR2;
	say("ppoll", ppoll(NULL, 0, &zero, &mask));
	block(SIG_UNBLOCK, SIGUSR1, SIGUSR2, 0);
}

static void ignored(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec soon = { .it_value.tv_nsec = 1000 };
	struct timespec limit = { 10, 0 };
	sigset_t set = set_of(SIGRTMIN, 0, 0);
	timer_t timer;

	puts("-- ignored and waited for");
	signal(SIGRTMIN, SIG_IGN);
	block(SIG_BLOCK, SIGRTMIN, 0, 0);
	need("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
	timer_settime(timer, 0, &soon, NULL);
	ok("sigtimedwait", sigtimedwait(&set, NULL, &limit) == SIGRTMIN);
	to_thread(SIGRTMIN);
	to_thread(SIGRTMIN);
	limit.tv_sec = 0;
	ok("queued", sigtimedwait(&set, NULL, &limit) == SIGRTMIN && sigtimedwait(&set, NULL, &limit) == SIGRTMIN);
	to_thread(SIGRTMIN);
	block(SIG_UNBLOCK, SIGRTMIN, 0, 0);
	say("nothing left", sigtimedwait(&set, NULL, &limit));
}

static void disarmed(void)
{
	stack_t stack = { .ss_sp = altstack, .ss_size = sizeof(altstack), .ss_flags = 1 << 31 }, now;

	puts("-- a stack that is disarmed");
	handle(SIGUSR1, 0, SA_ONSTACK);
	handle(SIGUSR2, 0, SA_ONSTACK);
	say("sigaltstack", sigaltstack(&stack, NULL));
	nested = SIGUSR2;
	to_thread(SIGUSR1);
	sigaltstack(NULL, &now);
	printf("armed again: %d, %zu bytes\n", now.ss_flags == 1 << 31, now.ss_size);
}

int main(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaltstack(&none, NULL);
	handle(SIGHUP, 0, 0);
	handle(SIGUSR1, 0, 0);
	handle(SIGUSR2, 0, 0);
	order();
	polled();
	ignored();
	disarmed();
	return 0;
}
