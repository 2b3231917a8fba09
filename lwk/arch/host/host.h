/* SPDX-License-Identifier: GPL-2.0 */
/* The fake machine for unit tests: an arena as physical memory, a pthread as a CPU. */
#ifndef HOST_H
#define HOST_H

#include "types.h"

struct aspace;
struct thread;

#define HOST_PHYS_START	0x40000000ULL	/* of the arena */
#define HOST_PHYS_SIZE	(1ULL << 30)	/* untouched parts cost nothing */

extern _Thread_local u32 host_cpu;	/* what arch_cpu() returns */
extern _Thread_local u32 host_node;	/* what arch_node() returns */
extern _Thread_local struct thread *host_thread;	/* what current_thread() returns */
extern u64 host_tlb_flushes;		/* a: calls of arch_tlb_flush() */
extern u64 host_barrier;		/* the first CPUs of the last arch_barrier() */
extern u64 host_unparks;		/* calls of thread_unpark(), when nobody makes one */
extern struct aspace *host_aspace;	/* what aspace_current() returns */
extern bool host_panic_expected;	/* a failed check ends this process with HOST_PANIC_STATUS, quietly */
extern void (*host_on_park)(void);	/* called once by thread_park(): what others do while a thread sleeps */
extern u32 host_steps;			/* a: calls of thread_goes_on() */
#define HOST_PANIC_STATUS	42

/* Lets time pass: arch_cycles() is @ns ahead of what it was, and parks whose deadline that passes end. */
void host_jump(u64 ns);

#endif
