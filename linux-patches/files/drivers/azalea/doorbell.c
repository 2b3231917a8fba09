// SPDX-License-Identifier: GPL-2.0
/*
 * Doorbells: events to an LWK CPU and from all of them, by the protocol at struct az_cpu. An interrupt is sent only if the other
 * side has taken note of the one before.
 *
 * The LWK rings at X86_PLATFORM_IPI_VECTOR, where Linux offers a callback. Nothing in an event is believed.
 */
#define pr_fmt(fmt) "azalea: " fmt

#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/barrier.h>
#include <asm/irq.h>

#include "internal.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"azalea."

/* Off, from the LWK's next boot on: an interrupt for each event, on both sides. To see what waiting for the other side saves. */
bool az_batch = true;
module_param_named(batch, az_batch, bool, 0644);

void az_send_ipi(u32 apic_id, u32 command)
{
	unsigned long flags;

	local_irq_save(flags);
	weak_wrmsr_fence();
	safe_apic_wait_icr_idle();
	apic_icr_write(command, apic_id);
	local_irq_restore(flags);
}

bool az_event_to_lwk(u32 index, u64 event)
{
	struct az_lwk_cpu *cpu = &az.cpu[index];
	unsigned long flags;
	bool pushed = false, ring_bell = false;

	raw_spin_lock_irqsave(&cpu->push_lock, flags);
	if (az_lwk_running()) {
		pushed = ring_push(cpu->to_lwk, event);
		/* az_event_to_lwk:A, pairs with the LWK's xchg before it drains: it sees the event or we see 0 */
		ring_bell = !xchg(&cpu->shared->kicked, 1) || az.handover->each_event_rings;
		if (ring_bell) {
			cpu->kicked_at = jiffies;
			az_send_ipi(cpu->apic_id, APIC_DM_FIXED | AZ_VECTOR_LWK);
		}
		if (!pushed)
			az_cpu_is_deaf(cpu);
	}
	raw_spin_unlock_irqrestore(&cpu->push_lock, flags);
	return pushed;
}

u32 az_idle_cpu(const unsigned long *cpus)
{
	u32 cpu;

	for (cpu = 0; cpu < az.cpu_count; cpu++)
		if ((!cpus || test_bit(cpu, cpus)) && READ_ONCE(az.cpu[cpu].shared->stats.idle_since))
			break;
	return cpu;
}

static void dispatch(u64 event)
{
	u32 type = AZ_EVENT_TYPE(event);

	switch (type) {
	case AZ_EV_PANIC:
		az_lwk_failed("a check failed in it, see lwkctl log");
		break;
	case AZ_EV_LOG:
		wake_up_interruptible(&az.log_wait);
		break;
	default:
		az_job_event(type, AZ_EVENT_PAYLOAD(event));
	}
}

static void drain(struct az_ring *ring)
{
	u32 limit = AZ_RING_ENTRIES;	/* a failed LWK must not keep us here */
	u64 event;

	while (limit-- && ring_pop(ring, &event))
		dispatch(event);
}

/* A ring has one consumer: a mark for a CPU that another one serves is a mistake of the LWK. */
static void drain_marked(u32 util, u64 marks, u32 first)
{
	for (; marks; marks &= marks - 1) {
		u32 cpu = first + __ffs64(marks);

		if (cpu < az.cpu_count && az.cpu[cpu].util == util)
			drain(az.cpu[cpu].to_linux);
	}
}

static void answer(u32 util)
{
	struct az_util *shared = az.util[util].shared;
	u32 i;

	/* answer:A, pairs with the LWK's xchg after it has pushed and marked */
	xchg(&shared->kicked, 0);
	for (i = 0; i < DIV_ROUND_UP(az.cpu_count, 64); i++) {
		if (READ_ONCE(shared->marked[i]))
			drain_marked(util, xchg(&shared->marked[i], 0), i * 64);
	}
}

/* Hard interrupt on a serving Linux CPU. Others may get here, too: the vector is also Hyper-V's. */
static void doorbell(void)
{
	u32 i, self = smp_processor_id(), count = smp_load_acquire(&az.util_count);

	for (i = 0; i < count; i++) {
		if (az.util[i].linux_cpu == self)
			answer(i);
	}
}

void az_doorbell_init(void)
{
	x86_platform_ipi_callback = doorbell;
}

/* Afterwards nobody is inside doorbell() with the old az.util, and nobody pushes who saw az.running. */
void az_doorbell_quiesce(void)
{
	WRITE_ONCE(az.util_count, 0);
	synchronize_rcu();
}
