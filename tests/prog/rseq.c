// SPDX-License-Identifier: GPL-2.0
/*
 * A restartable sequence that never ends by itself: the thread leaves it by its abort address when it is interrupted, and the
 * handler must run as well. Uses the area that glibc has registered. `rseq share`: it is interrupted because another thread gets the
 * CPU, without any signal. `rseq gone`: the area is not there when a handler must begin.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static volatile sig_atomic_t handled;

static void handler(__attribute__((unused)) int sig)
{
	handled++;
}

/* 1 when the sequence was aborted, 2 when the thread came out at its end. */
static int spin_in_sequence(struct rseq *area)
{
	int how;

	asm volatile(
		".pushsection .data.rel, \"aw\"\n\t"
		".balign 32\n"
		"7:	.long 0, 0\n\t"
		".quad 1f, 2f - 1f, 4f\n\t"
		".popsection\n\t"
		"movl $2, %0\n\t"
		"leaq 7b(%%rip), %%rax\n\t"
		"movq %%rax, 8(%1)\n"
		"1:	pause\n\t"
		"jmp 1b\n"
		"2:	jmp 5f\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t"	/* an undefined instruction carries the signature */
		".long 0x53053053\n"
		"4:	movl $1, %0\n"
		"5:"
		: "=&r"(how) : "r"(area) : "rax", "memory");
	return how;
}

static volatile int done;

static void *other(void *arg)
{
	while (!done)
		;
	return arg;
}

static void share(struct rseq *area)
{
	cpu_set_t one;
	pthread_t t;
	int i;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	say("one CPU", sched_setaffinity(0, sizeof(one), &one));
	pthread_create(&t, NULL, other, NULL);
	for (i = 0; i < 3; i++) {
		say("left", spin_in_sequence(area));
		say("pointer after it", area->rseq_cs);
	}
	done = 1;
	pthread_join(t, NULL);
}

/* Linux tells by SIGSEGV, whose handler cannot begin either. */
static void gone(struct rseq *area)
{
	struct sigaction again = { .sa_handler = handler, .sa_flags = SA_NODEFER };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;

	if (fork() == 0) {
		sigaction(SIGSEGV, &again, NULL);
		sigaction(SIGUSR1, &again, NULL);
		say("unregister", syscall(SYS_rseq, area, 32, 1, RSEQ_SIG));
		say("register", syscall(SYS_rseq, page, 32, 0, RSEQ_SIG));
		fflush(stdout);
		munmap(page, 4096);
		raise(SIGUSR1);
		_exit(handled);
	}
	wait(&status);
	say("status", status & ~0x80);
}

int main(int argc, char **argv)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (argc > 1 && !strcmp(argv[1], "share")) {
		share(area);
		return 0;
	}
	if (argc > 1) {
		gone(area);
		return 0;
	}
	signal(SIGALRM, handler);
	for (int i = 0; i < 3; i++) {
		int how;

		handled = 0;
		alarm(1);
		do
			how = spin_in_sequence(area);
		while (how == 1 && !handled);	/* Linux also aborts it whenever another task had the CPU */
		say("left", how);
		say("handled", handled);
		say("pointer after it", area->rseq_cs);
	}
	return 0;
}
