/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this CPU can do, and its own tables: GDT, TSS, and the control registers and MSRs that every LWK CPU must have
 * alike. x86_cpu_setup() runs once on each CPU, on its way to the idle loop.
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "log.h"
#include "string.h"

#define XCR0_PKRU	(1ULL << 9)

struct x86_features x86_features;

struct tss {				/* Intel SDM volume 3, 64-bit TSS */
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __attribute__((packed));

_Static_assert(sizeof(struct tss) == 104, "tss");
_Static_assert(offsetof(struct cpu, current) == CPU_CURRENT, "current.h");
_Static_assert(offsetof(struct cpu, lock_count) == CPU_LOCK_COUNT, "current.h");
_Static_assert(offsetof(struct cpu, locks) == CPU_LOCKS, "current.h");

void x86_features_detect(u64 xcr0)
{
	u32 r[4], leaf7[4], ext[4];

	cpuid(7, 0, leaf7);
	cpuid(0x80000001, 0, ext);
	x86_features.smep = leaf7[1] & (1 << 7);
	x86_features.smap = leaf7[1] & (1 << 20);
	x86_features.fsgsbase = leaf7[1] & (1 << 0);
	x86_features.umip = leaf7[2] & (1 << 2);
	x86_features.rdtscp = ext[3] & (1 << 27);
	cpuid(0xd, 0, r);
	x86_features.xcr0 = xcr0 & (r[0] | (u64)r[3] << 32);
	x86_features.pku = leaf7[2] & (1 << 3) && x86_features.xcr0 & XCR0_PKRU;
	if (!x86_features.pku)
		x86_features.xcr0 &= ~XCR0_PKRU;
	cpuid(0xd, 9, r);
	x86_features.pkru_offset = r[1];
	check(x86_features.xcr0 & 1);
}

static void setup_tables(struct cpu *cpu)
{
	struct x86_cpu_tables *t = &cpu->tables;
	struct tss *tss = (struct tss *)t->tss;
	u64 base = (u64)tss;
	struct { u16 limit; u64 base; } __attribute__((packed)) gdtr = { sizeof(t->gdt) - 1, (u64)t->gdt };

	tss->iomap = sizeof(*tss);
	for (int i = 0; i < 3; i++) {
		void *stack = x86_kstack_alloc();

		check(stack);
		tss->ist[i] = (u64)stack;
	}
	t->gdt[1] = 0x00af9b000000ffff;		/* KERNEL_CS */
	t->gdt[2] = 0x00cf93000000ffff;		/* KERNEL_DS */
	t->gdt[4] = 0x00cffb000000ffff;		/* USER32_CS, only there because SYSRET counts it */
	t->gdt[5] = 0x00cff3000000ffff;		/* USER_DS */
	t->gdt[6] = 0x00affb000000ffff;		/* USER_CS */
	t->gdt[7] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 | (base >> 24 & 0xff) << 56;
	t->gdt[8] = base >> 32;
	asm volatile("lgdt %0" : : "m"(gdtr));
	asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(KERNEL_CS) : "rax", "memory");
	asm volatile("mov %0, %%ss; mov %1, %%ds; mov %1, %%es; mov %1, %%fs; mov %1, %%gs" : : "r"(KERNEL_DS), "r"(0));
	asm volatile("ltr %w0; lldt %w1" : : "r"(TSS_SEL), "r"(0));
}

static void setup_registers(struct cpu *cpu)
{
	u64 cr4 = CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;

	if (x86_features.smep)
		cr4 |= CR4_SMEP;
	if (x86_features.smap)
		cr4 |= CR4_SMAP;
	if (x86_features.umip)
		cr4 |= CR4_UMIP;
	if (x86_features.fsgsbase)
		cr4 |= CR4_FSGSBASE;
	if (x86_features.pku)
		cr4 |= CR4_PKE;
	write_cr4(cr4);
	asm volatile("xsetbv" : : "c"(0), "a"((u32)x86_features.xcr0), "d"((u32)(x86_features.xcr0 >> 32)));
	wrmsr(MSR_GS_BASE, (u64)cpu);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_STAR, (u64)USER32_CS << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_CSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, FLAGS_IF | FLAGS_DF | FLAGS_TF | FLAGS_AC | FLAGS_NT | FLAGS_RF);
	if (x86_features.rdtscp)
		wrmsr(MSR_TSC_AUX, cpu->shared->node << 12 | cpu->shared->linux_cpu);	/* as Linux's getcpu expects */
	if (handover->spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, handover->spec_ctrl);
}

/* Everything this CPU needs before it may take a trap or run a program. */
void x86_cpu_setup(struct cpu *cpu)
{
	u32 r[4];

	setup_registers(cpu);
	setup_tables(cpu);
	wrmsr(MSR_GS_BASE, (u64)cpu);		/* loading the selector cleared it */
	cpuid(0xd, 0, r);			/* EBX: size for what XCR0 enables now */
	x86_features.xsave_size = r[1];
	x86_idt_build();
	x86_apic_setup();
}

/* Where the CPU's stack pointer goes when a program traps. */
void x86_set_kernel_stack(struct cpu *cpu, void *top)
{
	((struct tss *)cpu->tables.tss)->rsp[0] = (u64)top;
	cpu->frame = (struct frame *)top - 1;
}

u32 arch_keys(void)
{
	return x86_features.pku ? 16 : 0;
}

u32 arch_key_rights(void)
{
	u32 rights, high;

	asm volatile("rdpkru" : "=a"(rights), "=d"(high) : "c"(0));
	return rights;
}

void arch_key_set_rights(u32 key, u32 rights)
{
	u32 all = (arch_key_rights() & ~(3u << (2 * key))) | rights << (2 * key);

	asm volatile("wrpkru" : : "a"(all), "c"(0), "d"(0) : "memory");
}

void x86_load_modes(struct cpu *cpu, u32 modes)
{
	u32 changed = cpu->modes ^ modes;
	void (*entry)(void) = modes & MODE_TRACED ? syscall_entry_traced : modes & MODE_JUDGED ? syscall_entry_judged : syscall_entry;

	if (changed & (MODE_JUDGED | MODE_TRACED))
		wrmsr(MSR_LSTAR, (u64)entry);
	if (changed & MODE_NO_TSC)
		write_cr4(read_cr4() ^ CR4_TSD);
	cpu->modes = modes;
}

u32 arch_cpu(void)
{
	return this_cpu()->index;
}

u32 arch_node(void)
{
	return this_cpu()->shared->node;
}

u64 arch_cycles(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

u64 arch_mul_div(u64 a, u64 b, u64 c)
{
	u64 high;

	asm("mulq %3; divq %4" : "=a"(a), "=&d"(high) : "0"(a), "r"(b), "r"(c) : "cc");
	return a;
}

void arch_zero(void *dst, u64 len)
{
	asm volatile("rep stosb" : "+D"(dst), "+c"(len) : "a"(0) : "memory");
}

void *phys_to_virt(paddr_t p)
{
	return (void *)(AZ_DIRECT_BASE + p);
}

paddr_t virt_to_phys(const void *v)
{
	return (u64)v - AZ_DIRECT_BASE;
}

void arch_halt_until_interrupt(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

void arch_take_interrupts(void)
{
	asm volatile("sti; nop; cli" : : : "memory");	/* they come after the instruction that follows STI */
}
