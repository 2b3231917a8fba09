/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What callcost counts, and how often. Each operation has a window (bench/icount/mark.h) when it runs on Linux and another on the
 * LWK, so that one run of the test machine can hold the figures of both. run-counts reads this list as well.
 */
#ifndef AZALEA_CALLS_H
#define AZALEA_CALLS_H

#define FIRST_WINDOW_LINUX	64
#define FIRST_WINDOW_LWK	128

#define CALLS(CALL)			\
	CALL(empty, 100)		\
	CALL(getpid, 100)		\
	CALL(gettid, 100)		\
	CALL(clock_gettime, 100)	\
	CALL(futex_wake, 100)		\
	CALL(sched_yield, 100)		\
	CALL(switch, 100)		\
	CALL(signal, 100)		\
	CALL(mprotect, 100)		\
	CALL(mmap, 100)			\
	CALL(mmap_touch, 100)		\
	CALL(touch_4k, 4)		\
	CALL(touch_2m, 4)		\
	CALL(thread, 50)		\
	CALL(getppid, 100)		\
	CALL(pread_4k, 100)		\
	CALL(pread_1m, 50)		\
	CALL(pread_4m, 20)		\
	CALL(pwrite_4k, 100)		\
	CALL(pwrite_1m, 50)		\
	CALL(pwrite_4m, 20)		\
	CALL(open, 100)			\
	CALL(stat, 100)			\
	CALL(pipe, 100)			\
	CALL(socket, 100)		\
	CALL(fork, 10)			\
	CALL(spawn, 10)			\
	CALL(touch_shared, 16)

#define CALL_NUMBER(name, rounds)	CALL_##name,
enum call { CALLS(CALL_NUMBER) };

#endif
