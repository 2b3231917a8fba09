// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of address space and data, as batch systems set them: what goes beyond fails, and everything else goes on: threads, processes,
 * other programs, which inherit the limit, and shared memory.
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define MB (1UL << 20)

static void limit(int what, unsigned long soft)
{
	struct rlimit r;

	need("getrlimit", getrlimit(what, &r));
	r.rlim_cur = soft;
	say("setrlimit", setrlimit(what, &r));
}

static int maps(size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 0;
	memset(p, 1, 4096);
	munmap(p, size);
	return 1;
}

static void *thread(void *arg)
{
	return arg;
}

static void threads(const char *what)
{
	static char stack[65536] __attribute__((aligned(4096)));
	pthread_attr_t attr;
	void *value = NULL;
	pthread_t t;
	int i, ran = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, sizeof(stack));
	for (i = 0; i < 20; i++)
		ran += !pthread_create(&t, &attr, thread, stack) && !pthread_join(t, &value) && value == stack;
	say(what, ran);
}

static void processes(const char *self)
{
	char *const argv[] = { (char *)self, "inherited", NULL };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = need("fork", fork());
	if (!pid)
		_exit(maps(32 * MB, MAP_PRIVATE) + 2 * maps(512 * MB, MAP_PRIVATE));
	need("waitpid", waitpid(pid, &status, 0));
	say("a child has the same limit", status >> 8);
	ok("a program can be started", posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0);
	waitpid(pid, &status, 0);
	say("its status", status);
}

static void inherited(void)
{
	struct rlimit r;

	need("getrlimit", getrlimit(RLIMIT_AS, &r));
	say("the program's limit, MB", r.rlim_cur / MB);
	say("32 MB", maps(32 * MB, MAP_PRIVATE));
	say("512 MB", maps(512 * MB, MAP_PRIVATE));
	threads("its threads");
}

static void address_space(const char *self)
{
	void *p, *q;

	limit(RLIMIT_AS, 256 * MB);
	say("32 MB", maps(32 * MB, MAP_PRIVATE));
	say("512 MB", maps(512 * MB, MAP_PRIVATE));
	say("32 MB shared", maps(32 * MB, MAP_SHARED));
	say("512 MB shared", maps(512 * MB, MAP_SHARED));
	p = mmap(NULL, 16 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	q = mremap(p, 16 * MB, 512 * MB, MREMAP_MAYMOVE);
	say("mremap to 512 MB", q == MAP_FAILED ? -1 : 0);
	q = mmap(NULL, 16 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	say("shared memory in place of private", mmap(p, 8 * MB, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	say("and back", mmap(p, 8 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	munmap(p, 16 * MB);
	munmap(q, 16 * MB);
	threads("threads");
	processes(self);
	limit(RLIMIT_AS, RLIM_INFINITY);
	say("512 MB after the limit is lifted", maps(512 * MB, MAP_PRIVATE | MAP_NORESERVE));
}

static void *of_a_thread(void *arg)
{
	struct rlimit r;

	need("getrlimit", getrlimit(RLIMIT_AS, &r));
	r.rlim_cur = 256 * MB;
	say("prlimit of a thread's number", prlimit(syscall(SYS_gettid), RLIMIT_AS, &r, NULL));
	say("512 MB", maps(512 * MB, MAP_PRIVATE));
	return arg;
}

static void named_by_a_thread(void)
{
	static char stack[65536] __attribute__((aligned(4096)));	/* one of libc's would stay, and count as data */
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, sizeof(stack));
	errno = pthread_create(&t, &attr, of_a_thread, NULL);
	if (errno)
		fail("pthread_create");
	pthread_join(t, NULL);
	say("512 MB", maps(512 * MB, MAP_PRIVATE));
	limit(RLIMIT_AS, RLIM_INFINITY);
}

static void data(void)
{
	int status;
	pid_t pid;

	limit(RLIMIT_DATA, 8 * MB);
	say("2 MB of data", maps(2 * MB, MAP_PRIVATE));
	say("16 MB of data", maps(16 * MB, MAP_PRIVATE));
	say("16 MB shared", maps(16 * MB, MAP_SHARED));
	limit(RLIMIT_DATA, 4096);
	threads("threads without more data");
	fflush(stdout);
	pid = need("fork", fork());
	if (!pid)
		_exit(maps(MB, MAP_PRIVATE));
	waitpid(pid, &status, 0);
	say("more data in a child", status);
	pid = need("fork", fork());
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	ok("a program with less data than it has does not start", status != 0);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		inherited();
		return 0;
	}
	address_space(argv[0]);
	named_by_a_thread();
	data();
	return 0;
}
