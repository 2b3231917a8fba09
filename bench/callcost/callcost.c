// SPDX-License-Identifier: GPL-2.0
/*
 * What operations of a kernel cost: carries each out many times, and measures every time (bench/measure.h).
 * Every single one is a closing of its own in the plug-in's file, so the first, cold ones and those an interrupt hit do not disturb
 * the minimum and the median.
 *
 * The same binary runs on Linux and on the LWK. Numbers of windows are part of the instructions, so the argument chooses between two
 * copies of the code. Everything stays on one CPU, where the marks are; what other CPUs do meanwhile is counted apart.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../measure.h"
#include "calls.h"

#define SMALL_PAGE	4096ul
#define LARGE_PAGE	(2ul << 20)
#define TOUCHED		(64ul << 20)
#define FILE_SIZE	(4ul << 20)
#define SHARED		(64 * SMALL_PAGE)

static unsigned int futex_word;
static int file, pipe_fd[2], socket_fd[2];
static char *page, *small_pages, *large_pages, *shared_pages, *buffer;
static volatile sig_atomic_t signals;

/* ---- The operations: true if the result is right --------------------------------------------------------------- */

static bool op_empty(void)
{
	return true;
}

static bool op_getpid(void)
{
	return syscall(SYS_getpid) > 0;
}

static bool op_gettid(void)
{
	return syscall(SYS_gettid) > 0;
}

static bool op_clock_gettime(void)
{
	struct timespec now;

	return !clock_gettime(CLOCK_MONOTONIC, &now);
}

static bool op_futex_wake(void)
{
	return !syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1);
}

static bool op_sched_yield(void)
{
	return !syscall(SYS_sched_yield);
}

/* Two threads on one CPU take turns: one round is two switches, a wake-up and a wait on each side. */
static unsigned int turn;

/* Passes the turn to @to and waits until it is not @to's any more. */
static void turn_pass(unsigned int to)
{
	__atomic_store_n(&turn, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == to)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL);
}

static void *partner_run(void *arg)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == 0)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 0, NULL);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2)
		turn_pass(0);
	return arg;
}

static bool op_switch(void)
{
	turn_pass(1);
	return turn == 0;
}

static void count_signal(int number)
{
	signals += number == SIGUSR1;
}

static bool op_signal(void)
{
	sig_atomic_t before = signals;

	return !syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) && signals == before + 1;
}

static bool op_mprotect(void)
{
	return !mprotect(page, SMALL_PAGE, PROT_READ) && !mprotect(page, SMALL_PAGE, PROT_READ | PROT_WRITE);
}

static bool map_one(bool touch)
{
	char *map = mmap(NULL, SMALL_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return false;
	if (touch)
		*(volatile char *)map = 1;
	return !munmap(map, SMALL_PAGE);
}

static bool op_mmap(void)
{
	return map_one(false);
}

static bool op_mmap_touch(void)
{
	return map_one(true);
}

static bool touch(char *start, size_t size, size_t step)
{
	for (size_t i = 0; i < size; i += step)
		*(volatile char *)(start + i) = 1;
	return true;
}

static bool touch_all(char *start, size_t step)
{
	return touch(start, TOUCHED, step);
}

static bool op_touch_4k(void)
{
	return touch_all(small_pages, SMALL_PAGE);
}

static bool op_touch_2m(void)
{
	return touch_all(large_pages, LARGE_PAGE);
}

/* The next 64 pages of a shared file that is in Linux's page cache. */
static bool op_touch_shared(void)
{
	static size_t offset;
	char *start = shared_pages + offset;

	offset += SHARED;
	return offset <= FILE_SIZE && touch(start, SHARED, SMALL_PAGE);
}

static void *thread_run(void *arg)
{
	return arg;
}

static bool op_thread(void)
{
	pthread_t thread;

	return !pthread_create(&thread, NULL, thread_run, NULL) && !pthread_join(thread, NULL);
}

static bool op_getppid(void)
{
	return syscall(SYS_getppid) > 0;
}

static bool op_pread_4k(void)
{
	return pread(file, buffer, SMALL_PAGE, 0) == (ssize_t)SMALL_PAGE;
}

static bool op_pread_1m(void)
{
	return pread(file, buffer, 1 << 20, 0) == 1 << 20;
}

static bool op_pread_4m(void)
{
	return pread(file, buffer, FILE_SIZE, 0) == (ssize_t)FILE_SIZE;
}

static bool op_pwrite_4k(void)
{
	return pwrite(file, buffer, SMALL_PAGE, 0) == (ssize_t)SMALL_PAGE;
}

static bool op_pwrite_1m(void)
{
	return pwrite(file, buffer, 1 << 20, 0) == 1 << 20;
}

static bool op_pwrite_4m(void)
{
	return pwrite(file, buffer, FILE_SIZE, 0) == (ssize_t)FILE_SIZE;
}

static bool op_open(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fd >= 0 && !close(fd);
}

static bool op_stat(void)
{
	struct stat st;

	return !stat("/dev/null", &st);
}

static bool round_trip(int out, int in)
{
	char byte = 1;

	return write(out, &byte, 1) == 1 && read(in, &byte, 1) == 1;
}

static bool op_pipe(void)
{
	return round_trip(pipe_fd[1], pipe_fd[0]);
}

static bool op_socket(void)
{
	return round_trip(socket_fd[1], socket_fd[0]);
}

static bool child_ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool op_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid > 0 && child_ended(pid);
}

static bool op_spawn(void)
{
	char *const argv[] = { "true", NULL };
	pid_t pid;

	return !posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) && child_ended(pid);
}

/* ---- Counting -------------------------------------------------------------------------------------------------- */

/* Fresh memory for each round; a round of one size must not find the pages of another. */
static bool touch_prepare(void)
{
	return !madvise(small_pages, TOUCHED, MADV_DONTNEED) && !madvise(large_pages, TOUCHED, MADV_DONTNEED);
}

static void round_ends(const char *name, bool good)
{
	if (good && touch_prepare())
		return;
	fprintf(stderr, "callcost: %s: wrong result\n", name);
	exit(1);
}

/* The window's number must be a constant, hence no function. */
#define COUNT(call, rounds)							\
	for (int round = 0; round < (rounds); round++) {			\
		static struct measure measure = { #call, .limit = (rounds) };	\
		bool good;							\
										\
		MEASURE(&measure, FIRST_WINDOW + CALL_##call, good = op_##call());	\
		round_ends(#call, good);					\
		if (round == (rounds) - 1)					\
			measure_print(&measure);				\
	}

static void count_on_linux(void)
{
	enum { FIRST_WINDOW = FIRST_WINDOW_LINUX };

	CALLS(COUNT)
}

static void count_on_lwk(void)
{
	enum { FIRST_WINDOW = FIRST_WINDOW_LWK };

	CALLS(COUNT)
}

/* ---- Preparing ------------------------------------------------------------------------------------------------- */

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* A window must close on the CPU that opened it. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(cpu >= 0 && !sched_setaffinity(0, sizeof(set), &set), "callcost: cannot stay on one CPU");
}

static char *map(size_t size, int advice)
{
	char *start = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(start != MAP_FAILED, "callcost: mmap");
	start += -(unsigned long)start & (LARGE_PAGE - 1);
	must(!madvise(start, size, advice), "callcost: madvise");
	return start;
}

static void prepare(void)
{
	page = map(SMALL_PAGE, MADV_NORMAL);
	*page = 1;
	small_pages = map(TOUCHED, MADV_NOHUGEPAGE);
	large_pages = map(TOUCHED, MADV_HUGEPAGE);
	buffer = map(FILE_SIZE, MADV_NORMAL);
	memset(buffer, 1, FILE_SIZE);
	file = memfd_create("callcost", 0);
	must(file >= 0 && write(file, buffer, FILE_SIZE) == (ssize_t)FILE_SIZE, "callcost: memfd");
	shared_pages = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(shared_pages != MAP_FAILED, "callcost: shared mmap");
	must(!pipe(pipe_fd), "callcost: pipe");
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fd), "callcost: socketpair");
	must(signal(SIGUSR1, count_signal) != SIG_ERR, "callcost: signal");
}

int main(int argc, char **argv)
{
	pthread_t partner;

	if (argc != 2 || (strcmp(argv[1], "linux") && strcmp(argv[1], "lwk"))) {
		fprintf(stderr, "usage: callcost linux|lwk  (which windows to use)\n");
		return 1;
	}
	stay_on_one_cpu();
	prepare();
	must(!pthread_create(&partner, NULL, partner_run, NULL), "callcost: thread");
	if (!strcmp(argv[1], "linux"))
		count_on_linux();
	else
		count_on_lwk();
	turn = 2;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	pthread_join(partner, NULL);
	return 0;
}
