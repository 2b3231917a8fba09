/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What scaling has all threads do at the same time: the name, the rounds of each thread, and whether threads have to do with each other by
 * the nature of it:
 *
 *	alone	nothing that a thread needs is anybody else's: its cost must not depend on the number of threads
 *	one	the first thread alone does it while all others sleep: its cost must not depend on them either
 *	linux	Linux carries it out, on a few CPUs for all
 *	all	the threads wait for each other, or translations must go from the TLBs of all CPUs. What n threads do then costs n * n, and
 *		under emulation minutes, so more than 16 threads do it in fewer rounds
 *
 * Each operation has two windows (bench/icount/mark.h): in the first a thread does it once, in the second, a global one, all threads
 * do it in all their rounds. run-scaling reads this list as well.
 */
#ifndef AZALEA_OPERATIONS_H
#define AZALEA_OPERATIONS_H

#define FIRST_WINDOW_SCALING		256
#define FIRST_GLOBAL_WINDOW_SCALING	0x4100

#define OPERATIONS(OP)			\
	OP(empty, 10, alone)		\
	OP(getpid, 10, alone)		\
	OP(gettid, 10, alone)		\
	OP(clock_gettime, 10, alone)	\
	OP(futex_wake, 10, alone)	\
	OP(sched_yield, 10, alone)	\
	OP(mmap, 10, alone)		\
	OP(fault, 8, alone)		\
	OP(touch_4k, 2, alone)		\
	OP(touch_2m, 2, alone)		\
	OP(unmap_alone, 10, one)	\
	OP(mprotect, 10, all)		\
	OP(mmap_touch, 10, all)		\
	OP(thread, 10, all)		\
	OP(malloc, 10, all)		\
	OP(barrier, 10, all)		\
	OP(signal, 10, alone)		\
	OP(getppid, 10, linux)		\
	OP(pread_4k, 10, linux)

#define OPERATION_NUMBER(name, rounds, nature)	OPERATION_##name,
enum nature { NATURE_alone, NATURE_one, NATURE_linux, NATURE_all };
enum operation { OPERATIONS(OPERATION_NUMBER) };

#endif
