/* SPDX-License-Identifier: GPL-2.0 */
/*
 * x86-64 for the LWK: register frame, instructions, and what the files of arch/x86 offer to each other. Only arch/x86 and
 * code that must know a program's registers (signals, exec, system-call entry) include this.
 */
#ifndef X86_H
#define X86_H

#include "types.h"

/* A program's registers at the top of its kernel stack. After SYSCALL, bx, bp, r12..r15 are valid only when marked "full". */
struct frame {
	u64 r15, r14, r13, r12, bp, bx;
	u64 r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 orig_ax;		/* system call number, else -1; error code on the way into a trap */
	u64 ip, cs, flags, sp, ss;
};

#define MSR_APIC_BASE		0x1b
#define MSR_SPEC_CTRL		0x48
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

#define FLAGS_TF	0x100
#define FLAGS_IF	0x200
#define FLAGS_DF	0x400
#define FLAGS_NT	0x4000
#define FLAGS_RF	0x10000
#define FLAGS_AC	0x40000
#define FLAGS_USER	0x00050dd5	/* what sigreturn may set: CF PF AF ZF SF TF DF OF AC RF */

#define CR4_TSD		(1u << 2)
#define CR4_MCE		(1u << 6)
#define CR4_OSFXSR	(1u << 9)
#define CR4_OSXMMEXCPT	(1u << 10)
#define CR4_UMIP	(1u << 11)
#define CR4_FSGSBASE	(1u << 16)
#define CR4_OSXSAVE	(1u << 18)
#define CR4_SMEP	(1u << 20)
#define CR4_SMAP	(1u << 21)
#define CR4_PKE		(1u << 22)
#define CR4_PAE		(1u << 5)
#define CR4_PGE		(1u << 7)

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static inline u64 read_cr2(void) { u64 v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline u64 read_cr3(void) { u64 v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline void write_cr3(u64 v) { asm volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static inline u64 read_cr4(void) { u64 v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr4(u64 v) { asm volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }

/* ---- cpu.c ---- */
struct x86_features {
	u32 xsave_size;		/* bytes of the XSAVE area for xcr0 */
	u64 xcr0;
	bool fsgsbase, smap, smep, umip, rdtscp, pku;
	u32 pkru_offset;	/* of PKRU in that area */
};
extern struct x86_features x86_features;
struct cpu;
void x86_features_detect(u64 xcr0);
void x86_cpu_setup(struct cpu *cpu);
void x86_set_kernel_stack(struct cpu *cpu, void *top);
void x86_load_modes(struct cpu *cpu, u32 modes);	/* MODE_* of the thread that this CPU runs next */

/* ---- vsyscall.c ---- */
bool x86_vsyscall(struct frame *f);	/* True: the program jumped into the vsyscall page, and what it called has been done */

/* ---- trap.c, entry.S ---- */
void x86_idt_build(void);
void x86_trap(struct frame *f, u64 vector);
void x86_nmi(u64 ip);
void x86_fatal(struct frame *f, u64 vector) __noreturn;
void x86_call_on(void *stack_top, void (*fn)(void)) __noreturn;
void syscall_entry(void);
void syscall_entry_traced(void);
void syscall_entry_judged(void);
long syscall_dispatch(struct frame *f);
long syscall_dispatch_judged(struct frame *f);
extern const u64 x86_vector_stubs[256];
struct thread;
void x86_switch(struct thread *prev, struct thread *next);
void x86_thread_start(void);
__noreturn void x86_enter_user(struct frame *f);

/* ---- apic.c ---- */
void x86_apic_setup(void);
void x86_apic_eoi(void);
void x86_apic_send(u32 apic_id, u32 vector);
void x86_apic_send_nmi(u32 apic_id);
/* Start-up IPI: a CPU that waits after INIT begins at the start-up page. */
void x86_apic_start(u32 apic_id);

/* ---- fpu.c: a program's FPU, vector and extended state ---- */
void x86_fpu_init(void *area);
void x86_fpu_save(void *area);
void x86_fpu_restore(void *area);	/* a damaged area becomes the initial state */

/* ---- kstack.c: kernel stacks between guard pages ---- */
#define KSTACK_SIZE	(4 * PAGE_SIZE)
void x86_kstack_setup(void);
/* Top of a stack, NULL if memory is short. Freed ones are kept for the next. */
void *x86_kstack_alloc(void);
void x86_kstack_free(void *top);

#endif
