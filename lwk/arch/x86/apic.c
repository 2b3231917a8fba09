/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The local APIC: interrupts between CPUs and the one-shot timer, in xAPIC or x2APIC mode as Linux runs (Intel SDM volume 3,
 * chapter 11). The timer uses the TSC deadline where the hand-over says it works, else a count.
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"

#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_ICR	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_INIT_COUNT	0x380
#define APIC_DIVIDE	0x3e0

#define SVR_ENABLE	0x100
#define LVT_MASKED	0x10000
#define LVT_DEADLINE	0x40000
#define ICR_BUSY	0x1000
#define ICR_ASSERT	0x4000
#define ICR_NMI		0x400
#define ICR_STARTUP	0x600
#define BASE_ENABLE	0x800
#define BASE_X2APIC	0x400

static void apic_write(u32 reg, u32 value)
{
	if (handover->x2apic)
		wrmsr(0x800 + reg / 16, value);
	else
		*(volatile u32 *)(AZ_APIC_VA + reg) = value;
}

static u32 apic_read(u32 reg)
{
	return *(volatile u32 *)(AZ_APIC_VA + reg);
}

void x86_apic_setup(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, handover->x2apic ? base | BASE_X2APIC : base);
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	apic_write(APIC_DIVIDE, 0xb);		/* by one */
	apic_write(APIC_LVT_TIMER, handover->tsc_deadline ? LVT_DEADLINE | VECTOR_TIMER : VECTOR_TIMER);
}

void x86_apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static void icr_send(u32 apic_id, u32 command)
{
	if (handover->x2apic) {
		asm volatile("mfence; lfence" : : : "memory");	/* x2APIC writes are not ordered after stores (SDM 11.12.3) */
		wrmsr(0x830, (u64)apic_id << 32 | command);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_BUSY)
		asm volatile("pause");
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR, command);
}

void x86_apic_send(u32 apic_id, u32 vector)
{
	this_cpu()->shared->stats.ipis_sent++;
	icr_send(apic_id, ICR_ASSERT | vector);
}

void x86_apic_send_nmi(u32 apic_id)
{
	icr_send(apic_id, ICR_ASSERT | ICR_NMI);
}

void x86_apic_start(u32 apic_id)
{
	icr_send(apic_id, ICR_STARTUP | handover->start_page);
}

/* Programs this CPU's timer to fire when the cycle counter reaches @deadline; 0 disarms. */
void arch_timer_arm(u64 deadline)
{
	u64 now, count;

	if (handover->tsc_deadline) {
		asm volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_TSC_DEADLINE, deadline);
		return;
	}
	if (!deadline) {
		apic_write(APIC_INIT_COUNT, 0);
		return;
	}
	now = arch_cycles();
	count = deadline > now ? min(deadline - now, (u64)1 << 40) : 1;
	count = arch_mul_div(count, handover->apic_timer_khz, handover->tsc_khz) + 1;
	apic_write(APIC_INIT_COUNT, min(count, (u64)0xffffffff));	/* too early is allowed: the deadline is looked at again */
}
