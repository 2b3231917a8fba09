/* SPDX-License-Identifier: GPL-2.0 */
/* What is wanted of struct cpu in one instruction, through GS: the running thread, the locks held. cpu.c asserts the offsets. */
#ifndef X86_CURRENT_H
#define X86_CURRENT_H

#include "types.h"

struct thread;

#define CPU_CURRENT	24
#define CPU_LOCK_COUNT	36
#define CPU_LOCKS	40

static inline struct thread *current_thread(void)
{
	struct thread *t;

	asm volatile("mov %%gs:%c1, %0" : "=r"(t) : "i"(CPU_CURRENT));
	return t;
}

/* The last lock taken, for the report of a failed check. */
static inline void lock_noted(const void *lock)
{
	u64 n;

	asm volatile("movl %%gs:%c2, %k0; movq %1, %%gs:%c3(,%0,8); incl %%gs:%c2"
		: "=&r"(n) : "r"(lock), "i"(CPU_LOCK_COUNT), "i"(CPU_LOCKS) : "memory", "cc");
}

static inline void lock_forgotten(void)
{
	asm volatile("decl %%gs:%c0" : : "i"(CPU_LOCK_COUNT) : "memory", "cc");
}

#endif
