/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The windows of callcost, one per system call and per kernel, so that one run
 * of the test machine can hold the figures of both.  WINDOW_ numbers below 32
 * are callcost's.
 */
#ifndef AZALEA_CALLCOST_WINDOWS_H
#define AZALEA_CALLCOST_WINDOWS_H

#define WINDOW_LINUX_EMPTY	1
#define WINDOW_LINUX_GETPID	2
#define WINDOW_LINUX_GETPPID	3
#define WINDOW_LINUX_FUTEX_WAKE	4
#define WINDOW_LINUX_SCHED_YIELD 5

#define WINDOW_LWK_EMPTY	17
#define WINDOW_LWK_GETPID	18
#define WINDOW_LWK_GETPPID	19
#define WINDOW_LWK_FUTEX_WAKE	20
#define WINDOW_LWK_SCHED_YIELD	21

#endif
