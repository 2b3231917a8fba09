/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The end of this LWK: say what failed and where, stop all its CPUs, tell Linux. Linux goes on, ends the proxies with a message and
 * can boot the LWK afresh.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "log.h"

static void log_backtrace(void)
{
	u64 *fp = __builtin_frame_address(0);

	for (int i = 0; i < 16 && (u64)fp >= AZ_DIRECT_BASE && !((u64)fp & 7); i++) {
		log_line("  called from %lx", fp[1]);
		if (fp[0] <= (u64)fp)
			break;
		fp = (u64 *)fp[0];
	}
}

void panic(const char *fmt, ...)
{
	static u32 panicking;
	struct cpu *cpu = this_cpu();
	va_list args;

	asm volatile("cli");
	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL))
		for (;;)
			asm volatile("hlt");
	va_start(args, fmt);
	log_args(fmt, args);
	va_end(args);
	if (cpu->current && cpu->current->proc)
		log_line("panic: thread %u of process %u, call %lu", cpu->current->tid, cpu->current->proc->shared->pid,
			cpu->frame->orig_ax);
	for (u32 i = 0; i < cpu->lock_count && i < ARRAY_SIZE(cpu->locks); i++)
		log_line("panic: lock %p held", cpu->locks[i]);
	log_backtrace();
	__atomic_store_n(&handover->lwk_state, AZ_LWK_PANICKED, __ATOMIC_RELEASE);
	for (u32 i = 0; i < boot_cpu_count; i++)
		if (boot_cpus[i] && boot_cpus[i] != cpu)
			x86_apic_send_nmi(boot_cpus[i]->shared->apic_id);
	event_to_linux(AZ_EVENT(AZ_EV_PANIC, 0));
	for (;;)
		asm volatile("hlt");
}
