/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program's extended state (x87, SSE, AVX, AVX-512, …), saved in XSAVE's standard format, which is also what a signal frame
 * holds. The kernel itself uses general registers only, so state is switched only between threads.
 */
#include "arch/x86/x86.h"
#include "string.h"

#define XSTATE_BV	512		/* offset */
#define PKRU		(1ULL << 9)
#define PKRU_START	0x55555554	/* memory with key 0 only */

/* The state a program starts with (System V ABI: MXCSR 0x1f80, x87 control word 0x37f), and a signal handler. */
void x86_fpu_init(void *area)
{
	memset(area, 0, x86_features.xsave_size);
	*(u16 *)area = 0x37f;
	*(u32 *)((u8 *)area + 24) = 0x1f80;
	if (!x86_features.pku)
		return;
	*(u64 *)((u8 *)area + XSTATE_BV) = PKRU;	/* all else is in its initial state */
	*(u32 *)((u8 *)area + x86_features.pkru_offset) = PKRU_START;
}

void x86_fpu_save(void *area)
{
	asm volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
}

/* An area that a program has damaged makes XRSTOR fault: its fix-up reports it, and the initial state is loaded. */
void x86_fpu_restore(void *area)
{
	u32 failed;

	asm volatile("1: xrstor64 (%1)\n\txorl %0, %0\n\tjmp 3f\n"
		"2: movl $1, %0\n3:\n"
		".pushsection .extable_nofault, \"a\"\n\t.quad 1b, 2b\n.popsection"
		: "=&r"(failed) : "r"(area), "a"(-1), "d"(-1) : "memory");
	if (failed) {
		x86_fpu_init(area);
		asm volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
	}
}
