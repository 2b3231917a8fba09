/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations that callcost and scaling have in common, and what they need: nothing that two threads share. An operation is a function
 * op_NAME() that tells whether its result is right. Included once, by a program of one file.
 */
#ifndef AZALEA_COMMON_OPS_H
#define AZALEA_COMMON_OPS_H

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SMALL_PAGE	4096ul
#define LARGE_PAGE	(2ul << 20)

/* The thread's own. */
static _Thread_local unsigned int futex_word;
static _Thread_local int file;			/* of at least a page */
static _Thread_local char *page, *buffer;	/* a touched page; at least as large as what is read of the file */
static _Thread_local volatile sig_atomic_t signals;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

/* @size bytes that begin on a large page. */
static char *map(size_t size, int advice)
{
	char *area = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(area != MAP_FAILED, "mmap");
	area += -(unsigned long)area & (LARGE_PAGE - 1);
	must(!madvise(area, size, advice), "madvise");
	return area;
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

/* What the operations below need; the buffer and the file get @size bytes. */
static void ops_prepare(size_t size)
{
	page = map(SMALL_PAGE, MADV_NORMAL);
	*page = 1;
	buffer = map(size, MADV_NORMAL);
	memset(buffer, 1, size);
	file = memfd_create("measured", 0);
	must(file >= 0 && write(file, buffer, size) == (ssize_t)size, "memfd");
}

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

static bool op_mprotect(void)
{
	return !mprotect(page, SMALL_PAGE, PROT_READ) && !mprotect(page, SMALL_PAGE, PROT_READ | PROT_WRITE);
}

static bool touch(char *start, size_t size, size_t step)
{
	for (size_t i = 0; i < size; i += step)
		*(volatile char *)(start + i) = 1;
	return true;
}

static void *thread_run(void *arg)
{
	return arg;
}

/* The new thread inherits its maker's CPU. */
static bool create_and_join(const pthread_attr_t *attr)
{
	pthread_t thread;

	return !pthread_create(&thread, attr, thread_run, NULL) && !pthread_join(thread, NULL);
}

static void count_signal(int number)
{
	signals += number == SIGUSR1;
}

/* count_signal() handles SIGUSR1. */
static bool op_signal(void)
{
	sig_atomic_t before = signals;

	return !syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) && signals == before + 1;
}

static bool op_getppid(void)
{
	return syscall(SYS_getppid) > 0;
}

static bool op_pread_4k(void)
{
	return pread(file, buffer, SMALL_PAGE, 0) == (ssize_t)SMALL_PAGE;
}

#endif
