/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Doorbells: events between this CPU and Linux, and kicks between LWK CPUs. Everything here runs with interrupts off and no lock held by
 * this CPU unless said otherwise; the protocol of the kicked flags is in azalea.h.
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "log.h"
#include "mm.h"
#include "offload.h"
#include "ring.h"

/* May be called with locks held: waits only for ring space, which Linux makes in interrupt context. */
void event_to_linux(u64 event)
{
	struct cpu *cpu = this_cpu();
	struct az_util *util = &handover->util[cpu->shared->util];

	while (!ring_push(phys_to_virt(cpu->shared->to_linux), event))
		arch_relax();
	__atomic_fetch_or(&util->marked[cpu->index / 64], 1ULL << (cpu->index % 64), __ATOMIC_SEQ_CST);
	if (!__atomic_exchange_n(&util->kicked, 1, __ATOMIC_SEQ_CST) || handover->each_event_rings)
		x86_apic_send(util->apic_id, handover->vector_linux);
}

static void handle_event(u64 event)
{
	u64 payload = AZ_EVENT_PAYLOAD(event);
	struct thread *t;

	switch (AZ_EVENT_TYPE(event)) {
	case AZ_EV_DONE:
		t = thread_of_slot(payload);
		if (t)
			thread_unpark(t);
		break;
	case AZ_EV_SIGNAL:
		slot_take_signal(payload);
		break;
	case AZ_EV_PROC_START:
		proc_start(payload);
		break;
	case AZ_EV_PROC_KILL:
		proc_kill(payload);
		break;
	case AZ_EV_PROC_FREE:
		proc_free(payload);
		break;
	case AZ_EV_FRAME_FREE:
		frame_unpin((payload >> 8) << PAGE_SHIFT, payload & 0xff);
		break;
	case AZ_EV_SPARE:
		proc_spare(payload);
		break;
	case AZ_EV_UNBORN:
		nascent_drop(payload);
		break;
	case AZ_EV_PAUSE:
		slot_pause_seen(payload);
		break;
	case AZ_EV_QUERY:
		proc_query(payload);
		break;
	case AZ_EV_PAGE:
		proc_page(payload);
		break;
	case AZ_EV_WITHDRAW:
		proc_withdraw(payload);
		break;
	case AZ_EV_CRASH:
		check(AZ_EVENT_TYPE(event) != AZ_EV_CRASH);
		break;
	default:
		log_line("unknown event %lx from Linux", event);
	}
}

void events_drain(void)
{
	struct cpu *cpu = this_cpu();
	u64 event;

	__atomic_exchange_n(&cpu->shared->kicked, 0, __ATOMIC_SEQ_CST);
	for (u32 n = 0; n < AZ_RING_ENTRIES && ring_pop(phys_to_virt(cpu->shared->to_lwk), &event); n++)
		handle_event(event);
}

void cpu_kick(u32 index)
{
	x86_apic_send(boot_cpus[index]->shared->apic_id, VECTOR_PEER);
}
