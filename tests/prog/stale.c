// SPDX-License-Identifier: GPL-2.0
/*
 * Old translations: one thread changes what is behind an address again and again, by MAP_FIXED, MADV_DONTNEED and mprotect, while others,
 * who have just used it there, wait in a futex, wait for a pipe, or go on computing. Whoever looks next must find what is there now.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <unistd.h>

#include "say.h"

#define ROUNDS	200
#define PAGE	4096

enum { IN_FUTEX, IN_PIPE, COMPUTING, READERS };

static volatile uint32_t *page;
static uint32_t round_now, readers_done;	/* atomic */
static int wake_pipe[2];
static long stale[READERS], written[READERS];
static __thread sigjmp_buf no_right;

static void futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL);
}

static uint32_t seen(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void await(int how, uint32_t round)
{
	char byte;

	if (how == IN_PIPE)
		need("read", read(wake_pipe[0], &byte, 1));
	while (seen(&round_now) < round) {
		if (how != COMPUTING)
			futex(&round_now, FUTEX_WAIT, round - 1);
	}
}

static void refused(int signal)
{
	siglongjmp(no_right, signal);
}

static void try_to_write(int how)
{
	if (sigsetjmp(no_right, 1))
		return;
	*page = 0;
	written[how]++;
}

/* In every third round the page can only be read. */
static void *reader(void *arg)
{
	long how = (long)arg;

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		await(how, round);
		stale[how] += *page != (round % 3 == 1 ? 0 : round);
		if (round % 3 == 0)
			try_to_write(how);
		__atomic_fetch_add(&readers_done, 1, __ATOMIC_SEQ_CST);
		futex(&readers_done, FUTEX_WAKE, 1);
	}
	return NULL;
}

/* Round 1, 4, ...: the page is empty again. 2, 5, ...: it is another one. 3, 6, ...: another one, and it must not be written. */
static void change(uint32_t round)
{
	if (round % 3 == 1) {
		need("madvise", madvise((void *)page, PAGE, MADV_DONTNEED));
		return;
	}
	if (mmap((void *)page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		fail("mmap");
	*page = round;
	if (round % 3 == 0)
		need("mprotect", mprotect((void *)page, PAGE, PROT_READ));
}

static void change_and_tell(uint32_t round)
{
	uint32_t done;

	for (int i = 0; i < 50; i++)		/* they shall sleep by now, mostly */
		sched_yield();
	change(round);
	__atomic_store_n(&round_now, round, __ATOMIC_SEQ_CST);
	futex(&round_now, FUTEX_WAKE, READERS);
	need("write", write(wake_pipe[1], "", 1));
	while ((done = seen(&readers_done)) < READERS * round)
		futex(&readers_done, FUTEX_WAIT, done);
	if (round % 3 == 0)
		need("mprotect", mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE));
}

int main(void)
{
	static const char *const name[] = { "in a futex", "in a pipe", "computing" };
	pthread_t thread[READERS];

	signal(SIGSEGV, refused);
	need("pipe", pipe(wake_pipe));
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		fail("mmap");
	for (long i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, reader, (void *)i))
			fail("pthread_create");
	for (uint32_t round = 1; round <= ROUNDS; round++)
		change_and_tell(round);
	for (int i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < READERS; i++)
		printf("%s: %ld old pages, %ld writes that are not allowed\n", name[i], stale[i], written[i]);
	return 0;
}
