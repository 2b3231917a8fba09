/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Windows of the system's own programs; callcost's (64 to 191) are listed in
 * bench/callcost/calls.h, the jobs of a mix (4096 to 4351) in bench/mix/jobs.h,
 * scaling's (256 to 319, 0x4100 to 0x413f) in bench/scaling/operations.h.
 * Each number is given out once.
 */
#ifndef AZALEA_ICOUNT_WINDOWS_H
#define AZALEA_ICOUNT_WINDOWS_H

/*
 * edge_detect: each thread opens it before its share of each step and
 * closes it after, when all memory involved has been touched already.
 */
#define WINDOW_EDGE_COMPUTE	32

/* noise: a closing for each sample on each core. */
#define WINDOW_NOISE_FTQ	40
#define WINDOW_NOISE_FWQ	41
#define WINDOW_NOISE_HOURGLASS	42
#define WINDOW_NOISE_SELFISH	43

/*
 * Global windows: one CPU opens, another may close; marks 0x8000 and up.
 * Boot: opened by lwkctl just before it asks the driver to boot, closed by the
 * first instruction of a program on an LWK CPU (bench/callcost/first).
 */
#define WINDOW_BOOT		0x4000
#define MARK_BOOT_OPEN		0x8000
#define MARK_BOOT_CLOSE		0x8001

/*
 * Its phases, each of which begins where the one before ends: the driver prepares and starts the first LWK CPU; that one prepares
 * what all share; the others come up; yod starts the program.
 */
#define WINDOW_BOOT_DRIVER	0x4001
#define WINDOW_BOOT_FIRST	0x4002
#define WINDOW_BOOT_OTHERS	0x4003
#define WINDOW_BOOT_LAUNCH	0x4004
#define MARK_BOOT_DRIVER_OPEN	0x8002
#define MARK_BOOT_DRIVER_CLOSE	0x8003
#define MARK_BOOT_FIRST_OPEN	0x8004
#define MARK_BOOT_FIRST_CLOSE	0x8005
#define MARK_BOOT_OTHERS_OPEN	0x8006
#define MARK_BOOT_OTHERS_CLOSE	0x8007
#define MARK_BOOT_LAUNCH_OPEN	0x8008
#define MARK_BOOT_LAUNCH_CLOSE	0x8009

/* bench/mix: opened by the manager when all tasks are ready to begin, closed when the last one has reported. */
#define WINDOW_MIX		0x4010
#define MARK_MIX_OPEN		0x8020
#define MARK_MIX_CLOSE		0x8021

/* Offload: a round of many threads' calls (bench/offload). */
#define WINDOW_OFFLOAD		0x4020

#endif
