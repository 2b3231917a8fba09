/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every machine must offer to the rest of the LWK. arch/x86 is the real one; arch/host implements the same over pthreads
 * and malloc so that modules run as ordinary programs under sanitizers.
 *
 * The kernel runs with interrupts off; they arrive only in user mode, in the idle loop, and where long work lets them in. So anything that
 * waits for another CPU must call arch_relax(), which answers the requests that other CPUs may be waiting for in turn (TLB flushes).
 */
#ifndef LWK_ARCH_H
#define LWK_ARCH_H

#include "types.h"

struct aspace;

/* Kernel virtual address of LWK memory at @p. */
void *phys_to_virt(paddr_t p);
paddr_t virt_to_phys(const void *v);

/* One turn of a wait loop; services TLB flush requests. */
void arch_relax(void);

/* Index of this CPU, 0-based. */
u32 arch_cpu(void);

/* Monotonic cycle counter. */
u64 arch_cycles(void);

/* a * b / c; the result must fit in 64 bits. */
u64 arch_mul_div(u64 a, u64 b, u64 c);

/* Fills @len bytes at @dst with zero, fast for pages. */
void arch_zero(void *dst, u64 len);

/*
 * Removes [start, end) of @as from the TLBs of all CPUs where it is active, and returns when none can use old entries.
 * May be called with the address-space lock held: waiting CPUs answer in arch_relax().
 */
void arch_tlb_flush(struct aspace *as, uaddr_t start, uaddr_t end);

/*
 * Has each other CPU of the set, by index, pass a full barrier and, if it runs a program, enter and leave the kernel; returns when
 * all have. Locks may be held as above.
 */
void arch_barrier(const u64 *cpus);

/* How many protection keys the CPU has: 16, or 0. The running program's rights: 2 bits for each, 1 no access, 2 no writing. */
u32 arch_keys(void);
u32 arch_key_rights(void);
void arch_key_set_rights(u32 key, u32 rights);

#endif
