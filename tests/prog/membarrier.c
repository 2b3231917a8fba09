// SPDX-License-Identifier: GPL-2.0
/*
 * Memory barriers for other threads: membarrier
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

#define ROUNDS 300

static volatile int x, y, seen_by_fast, started, left;
static pthread_barrier_t barrier;

static long membarrier(int cmd, unsigned int flags, int cpu)
{
	return syscall(SYS_membarrier, cmd, flags, cpu);
}

static void errors(void)
{
	static const int wants[] = { MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
		MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ };
	size_t i;

	say("query", membarrier(MEMBARRIER_CMD_QUERY, 0, 0));
	say("query flags", membarrier(MEMBARRIER_CMD_QUERY, 1, 0));
	say("unknown", membarrier(1 << 20, 0, 0));
	say("two", membarrier(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	for (i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
		say("not registered", membarrier(wants[i], 0, 0));
		say("register", membarrier(wants[i] << 1, 0, 0));
		say("register again", membarrier(wants[i] << 1, 0, 0));
		say("registered", membarrier(wants[i], 0, 0));
		say("flags", membarrier(wants[i], MEMBARRIER_CMD_FLAG_CPU, 0));
		say("no such CPU", membarrier(wants[i], MEMBARRIER_CMD_FLAG_CPU, 100000));
		say("wrong flags", membarrier(wants[i], 2, 0));
	}
	say("global", membarrier(MEMBARRIER_CMD_GLOBAL, 0, 0));
	say("expedited", membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
	say("register", membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
	say("expedited", membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
}

/* The fast side has no barrier of its own: without the slow side's, both could miss what the other wrote. */
static void *fast(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&barrier);
		x = 1;
		asm volatile("" : : : "memory");
		seen_by_fast = y;
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void litmus(int cmd)
{
	int i, seen, missed = 0;
	pthread_t t;

	pthread_create(&t, NULL, fast, NULL);
	for (i = 0; i < ROUNDS; i++) {
		x = y = 0;
		pthread_barrier_wait(&barrier);
		y = 1;
		membarrier(cmd, 0, 0);
		seen = x;
		pthread_barrier_wait(&barrier);
		missed += !seen && !seen_by_fast;
	}
	pthread_join(t, NULL);
	say("missed", missed);
}

/* Never leaves its sequence by itself. */
static void *stay_in_sequence(void *arg)
{
	struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	(void)arg;
	started = 1;
	asm volatile(".pushsection __rseq_cs, \"aw\"; .balign 32\n"
		     "3: .long 0, 0; .quad 1f, 2f - 1f, 4f\n"
		     ".popsection\n"
		     "lea 3b(%%rip), %%rax; mov %%rax, %0\n"
		     "1: pause; jmp 1b\n"
		     "2: ud2\n"
		     ".long 0x53053053\n"
		     "4:"
		     : "=m"(area->rseq_cs) : : "rax", "memory", "cc");
	left = 1;
	return NULL;
}

static void sequences(void)
{
	pthread_t t;

	if (!__rseq_size)
		fail("no rseq in this C library");
	pthread_create(&t, NULL, stay_in_sequence, NULL);
	while (!started)
		usleep(1000);
	usleep(10000);
	say("rseq", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	pthread_join(t, NULL);
	say("left", left);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	errors();
	litmus(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	litmus(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
	litmus(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
	sequences();
	return 0;
}
