/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the first C instruction to the idle loop. The driver starts the first CPU; it prepares what all share, then starts the others,
 * which come up in parallel. So nobody spins while one works. The hand-over is checked before it is used.
 *
 *	first CPU	hand-over, memory, per-CPU structures, start-up IPI to the others
 *	every CPU	registers, tables, APIC, idle stack, online, idle loop
 */
#include "../bench/icount/mark.h"
#include "../bench/icount/windows.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "log.h"
#include "mm.h"
#include "string.h"

struct az_handover *handover;
struct cpu *boot_cpus[AZ_CPUS_MAX];
u32 boot_cpu_count;
u32 boot_ready;			/* a: boot_cpus is filled; head.S looks, in case a CPU was started twice */

void boot_main(struct az_handover *h);
void cpu_start(struct cpu *cpu);

/* Nothing can be reported before the hand-over is known to be good, so a bad one stops here: the driver times out and says so. */
static void check_handover(struct az_handover *h)
{
	bool good = h->magic == AZ_MAGIC && h->version == AZ_VERSION && h->size == sizeof(*h) && h->cpu_count &&
		h->cpu_count <= AZ_CPUS_MAX && h->range_count && h->range_count <= AZ_RANGES_MAX && h->tsc_khz &&
		h->first_free >= h->range[0].start && h->first_free <= h->range[0].start + h->range[0].size;

	while (!good)
		asm volatile("cli; hlt");
}

static void setup_memory(void)
{
	frame_stats_bind(handover->node, AZ_NODES_MAX);
	for (u32 i = 0; i < handover->range_count; i++) {
		struct az_range *r = &handover->range[i];
		u64 used = i ? 0 : handover->first_free - r->start;

		frame_add_range(r->start + used, r->size - used, r->node);
	}
}

static void setup_cpu(struct cpu *cpu, u32 index)
{
	cpu->self = cpu;
	cpu->index = index;
	cpu->shared = (struct az_cpu *)phys_to_virt(handover->cpus) + index;
	cpu->current = &cpu->idle;
	cpu->idle.cpu = index;
	cpu->proc = AZ_NONE;
	list_init(&cpu->runq.ready);
	list_init(&cpu->timers);
	boot_cpus[index] = cpu;
}

static void setup_other_cpus(void)
{
	for (u32 i = 1; i < boot_cpu_count; i++) {
		struct cpu *cpu = kmalloc(sizeof(*cpu));

		check(cpu);
		setup_cpu(cpu, i);
	}
}

/* Runs on the first CPU's boot stack. The memory allocator asks which CPU it runs on, so the first one's structure is in the image. */
void boot_main(struct az_handover *h)
{
	static struct cpu first;

	azalea_mark(MARK_BOOT_DRIVER_CLOSE);	/* marks count the phases of a boot: bench/run-boot */
	azalea_mark(MARK_BOOT_FIRST_OPEN);
	check_handover(h);
	handover = h;
	boot_cpu_count = h->cpu_count;
	setup_cpu(&first, 0);
	wrmsr(MSR_GS_BASE, (u64)&first);
	setup_memory();
	setup_other_cpus();
	x86_features_detect(h->xcr0);
	x86_kstack_setup();
	x86_apic_setup();
	azalea_mark(MARK_BOOT_FIRST_CLOSE);
	azalea_mark(MARK_BOOT_OTHERS_OPEN);
	/* boot_main:A, pairs with the wait in head.S: everything above before the others use it */
	__atomic_store_n(&boot_ready, 1, __ATOMIC_RELEASE);
	for (u32 i = 1; i < boot_cpu_count; i++)
		x86_apic_start(boot_cpus[i]->shared->apic_id);
	cpu_start(&first);
}

static void cpu_online(void)
{
	struct cpu *cpu = this_cpu();

	frame_pool_add(cpu->index, &cpu->frames, &cpu->shared->free_frames);
	__atomic_store_n(&cpu->shared->state, AZ_CPU_ONLINE, __ATOMIC_RELEASE);
	if (__atomic_add_fetch(&handover->online, 1, __ATOMIC_ACQ_REL) == boot_cpu_count) {
		__atomic_store_n(&handover->lwk_state, AZ_LWK_RUNNING, __ATOMIC_RELEASE);
		azalea_mark(MARK_BOOT_OTHERS_CLOSE);
		azalea_mark(MARK_BOOT_LAUNCH_OPEN);
		log_line("running on %u CPUs", boot_cpu_count);
	}
	idle_loop();
}

/* Every CPU, on its small boot stack (the first: on the image's). */
void cpu_start(struct cpu *cpu)
{
	void *stack;

	wrmsr(MSR_GS_BASE, (u64)cpu);
	stack = x86_kstack_alloc();
	check(stack);
	x86_cpu_setup(cpu);
	x86_set_kernel_stack(cpu, stack);
	x86_call_on(stack, cpu_online);
}
