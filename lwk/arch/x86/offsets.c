/* SPDX-License-Identifier: GPL-2.0 */
/* Compiled to assembly only; the Makefile turns its lines into offsets.h, so that head.S and entry.S follow the C structures. */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "azalea.h"

#define DEFINE(name, value) asm volatile("\n#define " #name " %c0" : : "i"(value))

void offsets(void);
void offsets(void)
{
	DEFINE(CPU_USER_RSP, offsetof(struct cpu, user_rsp));
	DEFINE(CPU_FRAME, offsetof(struct cpu, frame));
	DEFINE(CPU_WORK, offsetof(struct cpu, work));
	DEFINE(CPU_SHARED, offsetof(struct cpu, shared));
	DEFINE(CALLS_LOCAL, offsetof(struct az_cpu, stats.calls_local));
	DEFINE(CPU_BOOT_STACK_TOP, offsetof(struct cpu, boot_stack) + CPU_BOOT_STACK);
	DEFINE(F_R15, offsetof(struct frame, r15));
	DEFINE(F_R14, offsetof(struct frame, r14));
	DEFINE(F_R13, offsetof(struct frame, r13));
	DEFINE(F_R12, offsetof(struct frame, r12));
	DEFINE(F_BP, offsetof(struct frame, bp));
	DEFINE(F_BX, offsetof(struct frame, bx));
	DEFINE(F_R11, offsetof(struct frame, r11));
	DEFINE(F_R10, offsetof(struct frame, r10));
	DEFINE(F_R9, offsetof(struct frame, r9));
	DEFINE(F_R8, offsetof(struct frame, r8));
	DEFINE(F_AX, offsetof(struct frame, ax));
	DEFINE(F_CX, offsetof(struct frame, cx));
	DEFINE(F_DX, offsetof(struct frame, dx));
	DEFINE(F_SI, offsetof(struct frame, si));
	DEFINE(F_DI, offsetof(struct frame, di));
	DEFINE(F_ORIG_AX, offsetof(struct frame, orig_ax));
	DEFINE(F_IP, offsetof(struct frame, ip));
	DEFINE(F_CS, offsetof(struct frame, cs));
	DEFINE(F_FLAGS, offsetof(struct frame, flags));
	DEFINE(F_SP, offsetof(struct frame, sp));
	DEFINE(F_SS, offsetof(struct frame, ss));
	DEFINE(THREAD_SP, offsetof(struct thread, ksp));
	DEFINE(AZ_SIZEOF_HANDOVER, sizeof(struct az_handover));
	DEFINE(AZ_SIZEOF_CPU, sizeof(struct az_cpu));
	DEFINE(AZ_SIZEOF_SLOT, sizeof(struct az_slot));
	DEFINE(AZ_SIZEOF_PROC, sizeof(struct az_proc));
	DEFINE(HANDOVER_PGD, offsetof(struct az_handover, pgd));
	DEFINE(HANDOVER_CPUS, offsetof(struct az_handover, cpus));
	DEFINE(HANDOVER_CPU_COUNT, offsetof(struct az_handover, cpu_count));
	DEFINE(AZ_CPU_APIC_ID, offsetof(struct az_cpu, apic_id));
}
