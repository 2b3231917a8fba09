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
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../common_ops.h"
#include "../measure.h"
#include "calls.h"

#define TOUCHED		(64ul << 20)
#define FILE_SIZE	(4ul << 20)
#define SHARED		(64 * SMALL_PAGE)

static int pipe_fd[2], socket_fd[2];
static char *small_pages, *large_pages, *shared_pages;

/* ---- Operations that scaling does not have: true if the result is right ------------------------------------------- */

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

static bool op_touch_4k(void)
{
	return touch(small_pages, TOUCHED, SMALL_PAGE);
}

static bool op_touch_2m(void)
{
	return touch(large_pages, TOUCHED, LARGE_PAGE);
}

/* The next 64 pages of a shared file that is in Linux's page cache. */
static bool op_touch_shared(void)
{
	static size_t offset;
	char *start = shared_pages + offset;

	offset += SHARED;
	return offset <= FILE_SIZE && touch(start, SHARED, SMALL_PAGE);
}

static bool op_thread(void)
{
	return create_and_join(NULL);
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

static void prepare(void)
{
	stay_on(sched_getcpu());	/* a window must close on the CPU that opened it */
	ops_prepare(FILE_SIZE);
	small_pages = map(TOUCHED, MADV_NOHUGEPAGE);
	large_pages = map(TOUCHED, MADV_HUGEPAGE);
	shared_pages = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(shared_pages != MAP_FAILED, "shared mmap");
	must(!pipe(pipe_fd), "pipe");
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fd), "socketpair");
	must(signal(SIGUSR1, count_signal) != SIG_ERR, "signal");
}

int main(int argc, char **argv)
{
	pthread_t partner;

	if (argc != 2 || (strcmp(argv[1], "linux") && strcmp(argv[1], "lwk"))) {
		fprintf(stderr, "usage: callcost linux|lwk  (which windows to use)\n");
		return 1;
	}
	prepare();
	must(!pthread_create(&partner, NULL, partner_run, NULL), "thread");
	if (!strcmp(argv[1], "linux"))
		count_on_linux();
	else
		count_on_lwk();
	turn = 2;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	pthread_join(partner, NULL);
	return 0;
}
