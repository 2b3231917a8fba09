// SPDX-License-Identifier: GPL-2.0
/*
 * Protection keys: memory that a thread locks away from itself, for its own accesses and for those of calls that it makes; what new
 * threads, children and signal handlers may do; memory that can only be executed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "say.h"

#define PAGE	4096

static sigjmp_buf back;
static int key = -1;
static char *area;			/* of 3 pages */

static unsigned int rights(void)
{
	unsigned int all, high;

	asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(all), "=d"(high) : "c"(0));
	return all;
}

static void set(int for_key, unsigned int denied)
{
	unsigned int all = (rights() & ~(3u << (2 * for_key))) | denied << (2 * for_key);

	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(all), "c"(0), "d"(0) : "memory");
}

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)context;
	printf("signal %d, code %d, %s, key %s\n", sig, info->si_code, info->si_addr == area + PAGE ? "the page" : "elsewhere",
		info->si_code != SEGV_PKUERR ? "none" : info->si_pkey == (unsigned int)key ? "as set" : "another");
	printf("a handler's rights %s\n", rights() == 0x55555554 ? "are the usual ones" : "WRONG");
	siglongjmp(back, 1);
}

/* A jump out of the handler keeps its rights, so they are put back. */
static void try(const char *what, void (*fn)(void))
{
	unsigned int before = rights();

	if (!sigsetjmp(back, 1)) {
		fn();
		printf("%s: done\n", what);
	} else {
		printf("%s: not done\n", what);
	}
	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(before), "c"(0), "d"(0) : "memory");
}

static void load(void) { *(volatile char *)(area + PAGE); }
static void store(void) { *(volatile char *)(area + PAGE) = 1; }
static void beside(void) { *(volatile char *)area = *(volatile char *)(area + 2 * PAGE); }

static void *in_thread(void *arg)
{
	(void)arg;
	try("load in a new thread", load);
	try("store in a new thread", store);
	return NULL;
}

/* By calls that Linux makes with the memory. */
static void calls(const char *what)
{
	struct iovec iov[2] = { { area, 10 }, { area + PAGE, 10 } };
	int fd[2];

	printf("%s:\n", what);
	need("pipe", pipe(fd));
	say("write from it", write(fd[1], area + PAGE, 10));
	say("write from beside", write(fd[1], area, 10));
	say("read into it", read(fd[0], area + PAGE, 5));
	say("into beside", read(fd[0], area + 2 * PAGE, 5));
	say("getcwd", syscall(SYS_getcwd, area + PAGE, 100) > 0 ? 0 : -1);
	say("vector", writev(fd[1], iov, 2) == 20 ? 0 : -1);
	say("clock", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, area + PAGE));
	close(fd[0]);
	close(fd[1]);
}

static void all_keys(void)
{
	int n = 0, keys[16], one;

	while (n < 16 && (one = syscall(SYS_pkey_alloc, 0, 0)) >= 0)
		keys[n++] = one;
	say("keys", n);
	say("then", syscall(SYS_pkey_alloc, 0, 0));
	while (n)
		syscall(SYS_pkey_free, keys[--n]);
}

static void execute_only(void)
{
	static const unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 };	/* mov $42, %eax; ret */

	memcpy(area + PAGE, code, sizeof(code));
	say("execute only", mprotect(area + PAGE, PAGE, PROT_EXEC));
	say("runs", ((int (*)(void))(area + PAGE))());
	try("load", load);
	say("readable again", mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE));
	try("load", load);
}

static void protect(void)
{
	say("flags", syscall(SYS_pkey_alloc, 1, 0));
	say("rights", syscall(SYS_pkey_alloc, 0, 4));
	say("free unused", syscall(SYS_pkey_free, 5));
	say("free wrong", syscall(SYS_pkey_free, 16));
	say("protect with unused", syscall(SYS_pkey_mprotect, area, PAGE, PROT_READ, 7));
	say("protect with wrong", syscall(SYS_pkey_mprotect, area, PAGE, PROT_READ, -2));
	say("protect without", syscall(SYS_pkey_mprotect, area, PAGE, PROT_READ | PROT_WRITE, -1));
	all_keys();
	key = syscall(SYS_pkey_alloc, 0, 2);
	say("key", key >= 0 ? 0 : -1);
	say("protect", syscall(SYS_pkey_mprotect, area + PAGE, PAGE, PROT_READ | PROT_WRITE, key));
	try("load, no writing", load);
	try("store, no writing", store);
	calls("no writing");
	set(key, 1);
	try("load, no access", load);
	try("store, no access", store);
	try("beside", beside);
	calls("no access");
	set(key, 0);
	try("store, all allowed", store);
	calls("all allowed");
	set(key, 1);
	calls("no access after Linux has seen it");
}

static void inherit(void)
{
	pthread_t t;
	int status;

	set(key, 0);
	area[PAGE] = 5;
	set(key, 2);
	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
	fflush(stdout);
	if (!fork()) {
		try("load in a child", load);
		try("store in a child", store);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	say("mprotect keeps the key", mprotect(area + PAGE, PAGE, PROT_READ));
	set(key, 1);
	try("load", load);
	say("moved", mremap(area + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 8 * PAGE) == area + 8 * PAGE);
	say("key 0", syscall(SYS_pkey_mprotect, area + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE, 0));
	say("as before", area[8 * PAGE]);
	mmap(area + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	try("mapped anew", store);
	say("free", syscall(SYS_pkey_free, key));
	say("free again", syscall(SYS_pkey_free, key));
}

int main(void)
{
	struct sigaction act = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };

	setvbuf(stdout, NULL, _IOLBF, 0);
	area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &act, NULL);
	if (syscall(SYS_pkey_alloc, 0, 0) < 0) {
		say("no keys", syscall(SYS_pkey_mprotect, area, PAGE, PROT_READ, 0));
		return 0;
	}
	syscall(SYS_pkey_free, 1);
	protect();
	inherit();
	execute_only();
	return 0;
}
