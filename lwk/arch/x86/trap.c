/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traps and interrupts, after entry.S has saved the registers. A trap from a program becomes a page made present or a signal; a trap
 * in the kernel is either a user copy with a fix-up or a failed check. Interrupts are taken in user mode, in the
 * idle loop, and where long work lets them in (thread_goes_on).
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "string.h"

struct gate {
	u16 offset0, selector, attr, offset1;
	u32 offset2, reserved;
};

struct extable_entry { u64 insn, fixup; };
extern const struct extable_entry extable_start[], extable_end[], extable_nofault_start[], extable_nofault_end[];

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_USER		4
#define PF_RESERVED	8
#define PF_FETCH	16
#define PF_KEY		32	/* the page is there, and its protection key forbids the access */

#define SIGILL		4
#define SIGTRAP		5
#define SIGBUS		7
#define SIGFPE		8
#define SIGSEGV		11
#define SI_KERNEL	0x80

static struct gate idt[256] __aligned(64);

/* All CPUs share one table; each fills in the same values, so the order does not matter. */
void x86_idt_build(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	for (u32 v = 0; v < 256; v++) {
		u64 at = x86_vector_stubs[v];
		u32 ist = v == 8 ? 1 : v == 2 ? 2 : v == 18 ? 3 : 0;
		u32 dpl = v == 3 || v == 4 ? 3 : 0;	/* INT3 and INTO are the program's */

		idt[v] = (struct gate){ at, KERNEL_CS, 0x8e00 | dpl << 13 | ist, at >> 16, at >> 32, 0 };
	}
	asm volatile("lidt %0" : : "m"(idtr));
}

static u64 extable_find(const struct extable_entry *e, const struct extable_entry *end, u64 ip)
{
	for (; e < end; e++)
		if (e->insn == ip)
			return e->fixup;
	return 0;
}

static void kernel_trap(struct frame *f, u64 vector)
{
	panic("trap %lu in the kernel at %lx, error %lx, cr2 %lx, sp %lx, flags %lx", vector, f->ip, f->orig_ax, read_cr2(), f->sp,
		f->flags);
}

/*
 * Makes present what a user copy of this thread touched. Not for one that is killed: it may find entries that stay hidden, since what hid
 * them was cut short, and would come back for ever. Nor where a protection key forbids it.
 */
static bool user_copy_goes_on(u64 addr, u64 error)
{
	struct thread *t = this_cpu()->current;
	int code;

	if ((error & PF_KEY) || !t->proc || thread_work() & WORK_KILL)
		return false;
	return aspace_fault(t->proc->aspace, addr, error & PF_WRITE ? FAULT_WRITE : 0, &code) == 0;
}

/* The CPU touched a program's memory in a user copy, or the kernel has failed. */
static void kernel_page_fault(struct frame *f, u64 addr)
{
	u64 fixup = extable_find(extable_nofault_start, extable_nofault_end, f->ip);

	if (!fixup && addr < AZ_USER_END) {
		fixup = extable_find(extable_start, extable_end, f->ip);
		if (fixup && user_copy_goes_on(addr, f->orig_ax))
			return;
	}
	if (!fixup)
		kernel_trap(f, 14);
	f->ip = fixup;
}

static void user_page_fault(struct frame *f, u64 addr)
{
	u64 error = f->orig_ax;
	int code = 1;
	long ret;

	this_cpu()->shared->stats.faults++;
	current_thread()->slot->faults++;
	if (addr >= AZ_USER_END && addr == f->ip && x86_vsyscall(f))
		return;
	if (addr >= AZ_USER_END || error & PF_RESERVED) {
		if (addr >= LINUX_USER_END)	/* Linux tells nobody whether anything is mapped there */
			current_thread()->trap_error |= PF_PRESENT;
		signal_force(SIGSEGV, 1, addr);
		return;
	}
	if (error & PF_KEY) {
		signal_force_key(addr, aspace_key_at(current_thread()->proc->aspace, addr));
		return;
	}
	ret = aspace_fault(current_thread()->proc->aspace, addr,
		(error & PF_WRITE ? FAULT_WRITE : 0) | (error & PF_FETCH ? FAULT_EXEC : 0), &code);
	if (ret == -EFAULT)
		signal_force(SIGSEGV, code, addr);
	else if (ret == -ENOMEM)
		signal_no_memory(addr);
	else if (ret)
		signal_force(SIGBUS, 2, addr);
}

/* si_code of a floating-point exception: the first in Linux's order that is raised and not masked. */
static int fpe_code(u64 vector)
{
	static const struct { u16 bits, code; } codes[] = { { 1, 7 }, { 4, 3 }, { 8, 4 }, { 0x12, 5 }, { 0x20, 6 } };
	u16 control, status;
	u32 csr, raised;

	if (vector == 16) {
		asm volatile("fnstcw %0; fnstsw %1" : "=m"(control), "=m"(status));
		raised = status & ~control;
	} else {
		asm volatile("stmxcsr %0" : "=m"(csr));
		raised = csr & ~(csr >> 7);
	}
	for (u32 i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (raised & codes[i].bits)
			return codes[i].code;
	return 0;
}

/* Linux's signal and si_code for each exception of a program (arch/x86/kernel/traps.c behaves so; Intel SDM for vectors). */
static void user_trap(struct frame *f, u64 vector)
{
	switch (vector) {
	case 0:
		signal_force(SIGFPE, 1, f->ip);		/* FPE_INTDIV */
		break;
	case 1:		/* single steps go on after the handler, as FLAGS_TF in its frame says */
		signal_force(SIGTRAP, 2, f->ip);
		break;
	case 3:
		signal_force(SIGTRAP, SI_KERNEL, 0);
		break;
	case 6:
		signal_force(SIGILL, 2, f->ip);		/* ILL_ILLOPN */
		break;
	case 11:
	case 12:
		signal_force(SIGBUS, SI_KERNEL, 0);	/* segment not present, stack pointer not canonical */
		break;
	case 16:
	case 19:
		signal_force(SIGFPE, fpe_code(vector), f->ip);
		break;
	case 17:
		signal_force(SIGBUS, 1, 0);		/* BUS_ADRALN */
		break;
	default:
		signal_force(SIGSEGV, SI_KERNEL, 0);
	}
}

static void interrupt(u64 vector)
{
	struct cpu *cpu = this_cpu();

	cpu->shared->stats.interrupts++;
	switch (vector) {
	case AZ_VECTOR_LWK:
		events_drain();
		break;
	case VECTOR_PEER:
		tlb_serve();
		slice_look(cpu);
		break;
	case VECTOR_TIMER:
		cpu->shared->stats.timers++;
		timers_expire();
		break;
	case VECTOR_SPURIOUS:
		return;
	default:
		log_line("unexpected interrupt %lu", vector);
	}
	x86_apic_eoi();
}

static void exception_in_user(struct frame *f, u64 vector, u64 addr)
{
	current_thread()->trap_nr = vector;
	current_thread()->trap_error = (s64)f->orig_ax == -1 ? 0 : f->orig_ax;
	current_thread()->trap_addr = addr;
	if (vector == 14)
		user_page_fault(f, addr);
	else
		user_trap(f, vector);
}

static void exception_in_kernel(struct frame *f, u64 vector, u64 addr)
{
	if (vector == 14)
		kernel_page_fault(f, addr);
	else if (extable_find(extable_nofault_start, extable_nofault_end, f->ip))
		f->ip = extable_find(extable_nofault_start, extable_nofault_end, f->ip);
	else
		kernel_trap(f, vector);
}

void x86_trap(struct frame *f, u64 vector)
{
	bool user = f->cs & 3;
	u64 addr = read_cr2();

	if (x86_features.smap)		/* a fault inside a user copy: the permission ends here */
		asm volatile("clac");
	if (vector >= 32)
		interrupt(vector);
	else if (user)
		exception_in_user(f, vector, addr);
	else
		exception_in_kernel(f, vector, addr);
	if (!user)
		return;
	f->orig_ax = -1;
	if (current_thread()->work)
		leave_kernel(f);
}

/* GS may be the program's, which can set it to any address; the GDT is ours for certain and lies in struct cpu. */
static void find_cpu(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) gdtr;

	asm volatile("sgdt %0" : "=m"(gdtr));
	wrmsr(MSR_GS_BASE, gdtr.base - offsetof(struct cpu, tables.gdt));
}

void x86_fatal(struct frame *f, u64 vector)
{
	find_cpu();
	panic(vector == 18 ? "machine check at %lx" : "double fault at %lx, sp %lx", f->ip, f->sp);
}

/* Another CPU panics or Linux does: stop here for ever. Or Linux has waited too long for us. Nothing else that we know sends NMIs. */
void x86_nmi(u64 ip)
{
	u32 stop = __atomic_load_n(&handover->stop, __ATOMIC_RELAXED);

	if (stop == AZ_STOP_HALT || handover->lwk_state == AZ_LWK_PANICKED)
		for (;;)
			asm volatile("cli; hlt");
	if (stop == AZ_STOP_TELL) {
		find_cpu();
		panic("this CPU does not answer Linux: it is at %lx", ip);
	}
}
