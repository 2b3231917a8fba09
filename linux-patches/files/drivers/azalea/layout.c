// SPDX-License-Identifier: GPL-2.0
/*
 * What lies at the start of LWK memory before the LWK runs: image, page tables, hand-over and all shared structures, in the order
 * that abi/azalea.h draws. Made anew by every boot, of a size that does not depend on the amount of memory.
 *
 * The image comes from user space and is checked before anything is written.
 */
#include <linux/build_bug.h>
#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/topology.h>
#include <linux/uaccess.h>
#include <asm/apic.h>
#include <asm/e820/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/types.h>
#include <asm/irq_vectors.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/realmode.h>
#include <asm/tsc.h>

#include "internal.h"

#define LOG_SIZE	SZ_256K

static u64 start_up __ro_after_init;	/* physical; 0 if there is no place for it */

/* ---- Image ----------------------------------------------------------------------------------------------------- */

static bool sizes_match(const struct az_image *image)
{
	return image->version == AZ_VERSION && image->handover_size == sizeof(struct az_handover) &&
	       image->cpu_size == sizeof(struct az_cpu) && image->slot_size == sizeof(struct az_slot) &&
	       image->proc_size == sizeof(struct az_proc);
}

static bool offsets_make_sense(const struct az_image *image, u64 size)
{
	return image->file_size == size && image->mem_size >= image->file_size && image->mem_size <= SZ_64M &&
	       image->text_end > AZ_IMAGE_ENTRY && image->text_end <= image->rodata_end && image->rodata_end <= image->file_size &&
	       PAGE_ALIGNED(image->text_end) && PAGE_ALIGNED(image->rodata_end) && image->tramp_size &&
	       image->tramp_size <= AZ_TRAMP_PARAMS && image->tramp_offset <= size - image->tramp_size;
}

static int image_check(const struct az_ioc_boot *request, struct az_image *image, char *error)
{
	if (request->size < sizeof(*image) || request->size > SZ_64M) {
		strscpy(error, "this is not an LWK image: wrong size", AZ_ERROR_SIZE);
		return -ENOEXEC;
	}
	if (copy_from_user(image, u64_to_user_ptr(request->image), sizeof(*image)))
		return -EFAULT;
	if (image->magic != AZ_MAGIC)
		strscpy(error, "this is not an LWK image: wrong magic number", AZ_ERROR_SIZE);
	else if (!sizes_match(image))
		snprintf(error, AZ_ERROR_SIZE, "the image is version %u and this Linux kernel's driver %u, or they differ in layout: build both together",
			 image->version, AZ_VERSION);
	else if (!offsets_make_sense(image, request->size))
		strscpy(error, "the image is damaged: sizes and offsets in its header make no sense", AZ_ERROR_SIZE);
	else
		return 0;
	return -ENOEXEC;
}

static int image_load(const struct az_ioc_boot *request, const struct az_image *image)
{
	void *base = phys_to_virt(az.range[0].start);

	if (copy_from_user(base, u64_to_user_ptr(request->image), image->file_size))
		return -EFAULT;
	/* the header was checked as it is here, not as user space may have changed it meanwhile */
	memcpy(base, image, sizeof(*image));
	memset(base + image->file_size, 0, image->mem_size - image->file_size);
	return 0;
}

/* ---- Start-up page --------------------------------------------------------------------------------------------- */

/*
 * Two pages of RAM below 1 MB, which Linux keeps out of its allocator as a whole. Firmware likes the first 64 KB, and Linux's own
 * start-up code lies somewhere.
 */
static int __init start_up_find(void)
{
	u64 blob = real_mode_header ? virt_to_phys(real_mode_header) : 0;
	u64 blob_end = blob + real_mode_size_needed();
	u64 page;

	for (page = SZ_1M - 2 * PAGE_SIZE; page >= SZ_64K && !start_up; page -= PAGE_SIZE) {
		bool is_free = page >= blob_end || page + 2 * PAGE_SIZE <= blob;

		if (is_free && e820__mapped_all(page, page + 2 * PAGE_SIZE, E820_TYPE_RAM))
			start_up = page;
	}
	return 0;
}
device_initcall(start_up_find);

static void start_up_fill(const struct az_image *image)
{
	void *page = phys_to_virt(start_up);
	struct az_tramp *tramp = page + AZ_TRAMP_PARAMS;

	memcpy(page, phys_to_virt(az.range[0].start + image->tramp_offset), image->tramp_size);
	tramp->entry = AZ_IMAGE_BASE + AZ_IMAGE_ENTRY;
	tramp->handover = AZ_DIRECT_BASE + az.handover->phys;
	tramp->efer = EFER_LME | EFER_NX | EFER_SCE;
	tramp->cr3 = start_up + PAGE_SIZE;
	tramp->cr4 = X86_CR4_PAE | X86_CR4_PGE;
}

/* ---- Serving CPUs ---------------------------------------------------------------------------------------------- */

/* The Linux CPU for @cpu: the wanted one if it is there, else the one of its node, else any, with the fewest to serve. */
static u32 util_choose(const struct az_lwk_cpu *cpu, const u32 *load)
{
	u32 other, best = AZ_NONE, best_cost = AZ_NONE;

	if (cpu->wanted_util != AZ_NONE && cpu_online(cpu->wanted_util))
		return cpu->wanted_util;
	for_each_online_cpu(other) {
		u32 cost = load[other] + (cpu_to_node(other) == cpu->node ? 0 : AZ_CPUS_MAX);

		if (cost < best_cost) {
			best_cost = cost;
			best = other;
		}
	}
	return best;
}

static struct az_util_cpu *util_get(u32 linux_cpu)
{
	struct az_util_cpu *util;
	u32 i;

	for (i = 0; i < az.handover->util_count; i++) {
		if (az.util[i].linux_cpu == linux_cpu)
			return &az.util[i];
	}
	util = &az.util[az.handover->util_count];
	util->linux_cpu = linux_cpu;
	util->shared = &az.handover->util[az.handover->util_count++];
	util->shared->linux_cpu = linux_cpu;
	util->shared->apic_id = per_cpu(x86_cpu_to_apicid, linux_cpu);
	return util;
}

/* Linux CPUs stay online from here until az.busy is false again. */
static int utils_assign(void)
{
	u32 *load = kcalloc(nr_cpu_ids, sizeof(*load), GFP_KERNEL);
	int ret = -ENOMEM;
	u32 i;

	cpus_read_lock();
	az.util = kcalloc(num_online_cpus(), sizeof(*az.util), GFP_KERNEL);
	if (!load || !az.util)
		goto out;
	az.busy = true;
	for (i = 0; i < az.cpu_count; i++) {
		u32 linux_cpu = util_choose(&az.cpu[i], load);
		struct az_util_cpu *util = util_get(linux_cpu);

		load[linux_cpu]++;
		az.cpu[i].util = az.cpu[i].shared->util = util - az.util;
	}
	ret = 0;
out:
	cpus_read_unlock();
	kfree(load);
	return ret;
}

void az_layout_free(void)
{
	cpus_read_lock();	/* cpu_goes_offline() looks at az.util while az.busy is set */
	az.busy = false;
	cpus_read_unlock();
	kfree(az.util);
	az.util = NULL;
}

/* ---- Shared structures ----------------------------------------------------------------------------------------- */

/* Takes @size bytes at a multiple of @align; the caller has checked that all fit. */
static u64 take(struct az_pagetable *from, u64 size, u64 align)
{
	u64 phys = ALIGN(from->next, align);

	from->next = phys + size;
	return phys;
}

static void *take_zeroed(struct az_pagetable *from, u64 size, u64 *phys)
{
	*phys = take(from, size, 64);
	return memset(phys_to_virt(*phys), 0, size);
}

static struct az_ring *take_ring(struct az_pagetable *from, u64 *phys)
{
	struct az_ring *ring;

	*phys = take(from, sizeof(*ring), 64);
	ring = phys_to_virt(*phys);
	ring->head = ring->tail = 0;	/* entries need no zeroing */
	return ring;
}

static void cpus_fill(struct az_pagetable *from)
{
	struct az_cpu *shared = take_zeroed(from, az.cpu_count * sizeof(*shared), &az.handover->cpus);
	u32 i;

	for (i = 0; i < az.cpu_count; i++, shared++) {
		struct az_lwk_cpu *cpu = &az.cpu[i];

		shared->linux_cpu = cpu->linux_cpu;
		shared->apic_id = cpu->apic_id;
		shared->node = cpu->node;
		shared->state = AZ_CPU_OFF;
		shared->proc = AZ_NONE;
		cpu->to_lwk = take_ring(from, &shared->to_lwk);
		cpu->to_linux = take_ring(from, &shared->to_linux);
		cpu->shared = shared;
		cpu->owner = AZ_NONE;
		cpu->kicked_at = jiffies;
	}
	az.handover->cpu_count = az.cpu_count;
}

static void structures_fill(struct az_pagetable *from)
{
	struct az_handover *handover = az.handover;

	cpus_fill(from);
	az.procs = take_zeroed(from, AZ_PROCS * sizeof(struct az_proc), &handover->procs);
	az.slots = take_zeroed(from, AZ_SLOTS * sizeof(struct az_slot), &handover->slots);
	from->next = PAGE_ALIGN(from->next);
	take_zeroed(from, PAGE_SIZE, &handover->time);
	take_zeroed(from, sizeof(struct az_query), &handover->query);
	take_zeroed(from, sizeof(struct az_page_query), &handover->page_query);
	take_zeroed(from, sizeof(struct az_withdraw), &handover->withdraw);
	az.log = take_zeroed(from, sizeof(struct az_log), &handover->log);
	take(from, LOG_SIZE, 64);
	az.log_size = az.log->size = handover->log_size = LOG_SIZE;
	handover->first_free = PAGE_ALIGN(from->next);
}

static void machine_fill(struct az_handover *handover)
{
	handover->x2apic = x2apic_mode;
	handover->vector_linux = X86_PLATFORM_IPI_VECTOR;
	handover->start_page = start_up >> PAGE_SHIFT;
	handover->tsc_khz = tsc_khz;
	handover->apic_timer_khz = div_u64((u64)lapic_timer_period * HZ, 1000);
	handover->tsc_deadline = boot_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER);
	handover->xcr0 = boot_cpu_has(X86_FEATURE_XSAVE) ? fpu_user_cfg.default_features : XFEATURE_MASK_FPSSE;
	handover->spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) ? x86_spec_ctrl_base : 0;
	handover->hypervisor = boot_cpu_has(X86_FEATURE_HYPERVISOR);
	handover->each_event_rings = !az_batch;
	handover->node_count = min_t(u32, nr_node_ids, AZ_NODES_MAX);
}

static void handover_fill(struct az_pagetable *from)
{
	struct az_handover *handover;
	u64 phys;

	from->next = PAGE_ALIGN(from->next);
	handover = take_zeroed(from, sizeof(*handover), &phys);
	handover->magic = AZ_MAGIC;
	handover->version = AZ_VERSION;
	handover->size = sizeof(*handover);
	handover->phys = phys;
	handover->image = az.range[0].start;
	handover->pgd = from->root;
	handover->lwk_state = AZ_LWK_OFF;
	handover->range_count = az.range_count;
	memcpy(handover->range, az.range, az.range_count * sizeof(az.range[0]));
	az.handover = handover;
	machine_fill(handover);
	structures_fill(from);
}

/* More than the structures need, so that nothing after this check can fail for lack of memory. */
static bool memory_suffices(u64 next)
{
	u64 need = next - az.range[0].start + sizeof(struct az_handover) + LOG_SIZE + SZ_1M +
		   (u64)az.cpu_count * (2 * sizeof(struct az_ring) + sizeof(struct az_cpu) + 128) +
		   AZ_PROCS * sizeof(struct az_proc) + AZ_SLOTS * sizeof(struct az_slot);

	return need <= az.range[0].size;
}

int az_layout_build(const struct az_ioc_boot *request, char *error)
{
	struct az_pagetable table = { .end = az.range[0].start + az.range[0].size };
	struct az_image image;
	int ret;

	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT) || !start_up) {
		strscpy(error, "this machine's memory is encrypted or has no RAM below 1 MB, the LWK cannot start", AZ_ERROR_SIZE);
		return -EOPNOTSUPP;
	}
	ret = image_check(request, &image, error);
	if (ret)
		return ret;
	table.next = PAGE_ALIGN(az.range[0].start + image.mem_size);
	if (!memory_suffices(table.next)) {
		snprintf(error, AZ_ERROR_SIZE, "LWK memory is too small or too scattered, its largest piece is %llu MB",
			 az.range[0].size >> 20);
		return -ENOMEM;
	}
	ret = image_load(request, &image);
	ret = ret ?: az_pagetable_build(&table, &image);
	ret = ret ?: az_pagetable_start_up(&table, start_up);
	if (ret)
		return ret;
	if (!memory_suffices(table.next)) {
		strscpy(error, "LWK memory is too small for its page tables, set more aside", AZ_ERROR_SIZE);
		return -ENOMEM;
	}
	handover_fill(&table);
	start_up_fill(&image);
	ret = utils_assign();
	if (ret)
		az_layout_free();
	return ret;
}
