// SPDX-License-Identifier: GPL-2.0
/*
 * Waits to be disturbed from outside: wait HOW [handle]
 * HOW is spin (no calls at all), sleep, read (standard input), futex, pipe, memory (page faults), calls (local and
 * forwarded ones all the time), threads (all of these at once). Says "ready" first. With `handle`, SIGINT, SIGTERM
 * and SIGUSR1 are caught: they are named and the program exits with 40 plus the signal's number.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

static const char *how;

static void handler(int sig)
{
	char text[] = "signal 00\n";

	text[7] += sig / 10;
	text[8] += sig % 10;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(97);
	_exit(40 + sig);
}

static void spin(void)
{
	for (;;)
		asm volatile("pause");
}

static void wait_pipe(void)
{
	int ends[2];
	char c;

	need("pipe", pipe(ends));
	for (;;) {
		if (read(ends[0], &c, 1) < 0)
			fail("read");
	}
}

static void wait_input(void)
{
	char buffer[100];
	ssize_t n;

	while ((n = read(0, buffer, sizeof(buffer))) > 0) {
		if (write(1, buffer, n) != n)
			fail("write");
	}
	say("end of input", n);
	exit(0);
}

static void wait_futex(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&mutex);
}

static void use_memory(void)
{
	size_t size = 1 << 20;
	char *p;

	for (;;) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			fail("mmap");
		memset(p, 1, size);
		munmap(p, size);
	}
}

static void make_calls(void)
{
	for (;;) {
		syscall(SYS_getpid);
		syscall(SYS_getppid);
		syscall(SYS_read, -1, NULL, 0);
	}
}

static void wait_sleep(void)
{
	for (;;)
		sleep(1000);
}

static void *run(void *f)
{
	((void (*)(void))f)();
	return NULL;
}

static void wait_threads(void)
{
	static void (* const all[])(void) = { spin, wait_pipe, wait_futex, use_memory, make_calls, wait_sleep };
	pthread_t t;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		errno = pthread_create(&t, NULL, run, (void *)all[i]);
		if (errno)
			fail("pthread_create");
	}
	wait_sleep();
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(void); } ways[] = {
		{ "spin", spin }, { "sleep", wait_sleep }, { "read", wait_input }, { "futex", wait_futex }, { "pipe", wait_pipe },
		{ "memory", use_memory }, { "calls", make_calls }, { "threads", wait_threads },
	};
	size_t i;

	how = argc > 1 ? argv[1] : "sleep";
	if (argc > 2) {
		signal(SIGINT, handler);
		signal(SIGTERM, handler);
		signal(SIGUSR1, handler);
	}
	puts("ready");
	fflush(stdout);
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(ways[i].name, how))
			ways[i].run();
	}
	printf("%s: no such way to wait\n", how);
	return 98;
}
