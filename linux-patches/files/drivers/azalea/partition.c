// SPDX-License-Identifier: GPL-2.0
/*
 * Partition: what lwkcpus= and lwkmem= set aside, decided once while Linux boots.
 *
 *   lwkcpus=2-127                    these CPUs; Linux CPUs of the same node serve them
 *   lwkcpus=0.2-63:1.64-127          the same with the serving CPU in front of each list
 *   lwkcpus=...,visit  ...,direct    Linux does (not) bring the CPUs up once before the LWK gets them
 *   lwkmem=8G   lwkmem=0:4G,1:4G     memory, spread over the nodes or per node
 *
 * Whatever is wrong with them is named in the kernel log and kept for sysfs, and Linux boots with what is right. Memory is
 * taken in the largest aligned pieces there are, from the top, so that Linux keeps what old devices can reach.
 */
#define pr_fmt(fmt) "azalea: " fmt

#include <linux/azalea.h>
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/memblock.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/setup.h>
#include <asm/smp.h>

#include "internal.h"

struct az_state az = {
	.lock = __MUTEX_INITIALIZER(az.lock),
	.lease_lock = __MUTEX_INITIALIZER(az.lease_lock),
	.log_wait = __WAIT_QUEUE_HEAD_INITIALIZER(az.log_wait),
};

char az_errors[AZ_ERRORS_SIZE];

static char cpus_text[COMMAND_LINE_SIZE] __initdata;
static char memory_text[COMMAND_LINE_SIZE] __initdata;
static bool visiting;			/* Linux may bring LWK CPUs up for now */

static __printf(1, 2) __init void complain(const char *format, ...)
{
	size_t used = strlen(az_errors);
	va_list args;

	va_start(args, format);
	vsnprintf(az_errors + used, AZ_ERRORS_SIZE - used - 1, format, args);
	va_end(args);
	pr_err("%s\n", az_errors + used);
	strlcat(az_errors, "\n", AZ_ERRORS_SIZE);
}

static int __init keep_cpus(char *text)
{
	strscpy(cpus_text, text ?: "", sizeof(cpus_text));
	return 0;
}
early_param("lwkcpus", keep_cpus);

static int __init keep_memory(char *text)
{
	strscpy(memory_text, text ?: "", sizeof(memory_text));
	return 0;
}
early_param("lwkmem", keep_memory);

/* ---- Memory ---------------------------------------------------------------------------------------------------- */

static bool __init range_add(u64 start, u64 size, u32 node)
{
	u32 i;

	for (i = 0; i < az.range_count; i++) {
		struct az_range *range = &az.range[i];

		if (range->node == node && start + size == range->start) {
			range->start = start;
			range->size += size;
			return true;
		}
	}
	if (az.range_count == AZ_RANGES_MAX)
		return false;
	az.range[az.range_count++] = (struct az_range){ .start = start, .size = size, .node = node };
	return true;
}

/* The highest free piece that holds @want, or the largest. Aligned; its size is 0 if there is none. */
static struct az_range __init piece_find(int node, u64 want, u64 align)
{
	struct az_range best = { };
	phys_addr_t start, end;
	u64 i;

	for_each_free_mem_range(i, node, MEMBLOCK_NONE, &start, &end, NULL) {
		start = ALIGN(max_t(phys_addr_t, start, SZ_16M), align);
		end = ALIGN_DOWN(end, align);
		if (end <= start)
			continue;
		if (min_t(u64, end - start, want) >= min_t(u64, best.size, want)) {
			best.start = start;
			best.size = end - start;
		}
	}
	return best;
}

/* Reserves up to @want bytes on @node in pieces of @align; returns how much. */
static u64 __init node_reserve_aligned(int node, u64 want, u64 align)
{
	u64 got = 0;

	want = ALIGN_DOWN(want, align);
	while (got < want) {
		struct az_range piece = piece_find(node, want - got, align);
		u64 size = min_t(u64, piece.size, want - got);
		u64 start = piece.start + piece.size - size;

		if (!size || !range_add(start, size, node))
			break;
		memblock_reserve(start, size);
		got += size;
	}
	return got;
}

static u64 __init node_reserve(int node, u64 want)
{
	u64 got = node_reserve_aligned(node, want, SZ_1G);

	return got + node_reserve_aligned(node, want - got, SZ_2M);
}

/* What may be taken without starving Linux: it keeps 256 MB and the page structures of the whole machine. */
static u64 __init memory_available(void)
{
	u64 total = memblock_phys_mem_size();
	u64 linux_needs = SZ_256M + total / 64 + memblock_reserved_size();

	return total > linux_needs ? ALIGN_DOWN(total - linux_needs, SZ_2M) : 0;
}

static u64 __init memory_limit(u64 want, u64 available)
{
	if (want > available) {
		complain("lwkmem=: %llu MB wanted, but only %llu MB can be set aside (Linux keeps 256 MB and its page structures)",
			 want >> 20, available >> 20);
		want = available;
	}
	return want;
}

/* Without nodes: an equal share of each, and what one node lacks from the others. */
static void __init reserve_spread(u64 want)
{
	u64 share, got = 0;
	int node;

	want = memory_limit(want, memory_available());
	share = ALIGN(want / num_online_nodes(), SZ_2M);
	for_each_online_node(node)
		got += node_reserve(node, min(share, want - got));
	for_each_online_node(node)
		got += node_reserve(node, want - got);
	if (got < want)
		complain("lwkmem=: only %llu MB of %llu MB found in 2 MB pieces", got >> 20, want >> 20);
}

/* @text is "node:size"; false if it is not even that. */
static bool __init reserve_on_node(char *text)
{
	char *colon = strchr(text, ':'), *end;
	unsigned int node;
	u64 want, got;

	if (!colon)
		return false;
	*colon = '\0';
	want = ALIGN(memparse(colon + 1, &end), SZ_2M);
	if (kstrtouint(text, 10, &node) || end == colon + 1 || *end)
		return false;
	if (node >= MAX_NUMNODES || !node_online(node)) {
		complain("lwkmem=: there is no node %u with memory", node);
		return true;
	}
	want = memory_limit(want, memory_available());
	got = node_reserve(node, want);
	if (got < want)
		complain("lwkmem=: only %llu MB of %llu MB found on node %u", got >> 20, want >> 20, node);
	return true;
}

static void __init reserve_per_node(char *text)
{
	char *item;

	while ((item = strsep(&text, ","))) {
		if (!reserve_on_node(item))
			complain("lwkmem=: '%s' is not node:size, for example 0:4G", item);
	}
}

void __init azalea_reserve_memory(void)
{
	u64 size;
	char *end;
	u32 i, largest = 0;

	if (!memory_text[0])
		return;
	size = memparse(memory_text, &end);
	if (strchr(memory_text, ':'))
		reserve_per_node(memory_text);
	else if (end == memory_text || *end || !size)
		complain("lwkmem=: '%s' is neither a size (8G) nor node:size,node:size", memory_text);
	else
		reserve_spread(ALIGN(size, SZ_2M));

	for (i = 0; i < az.range_count; i++) {
		if (az.range[i].size > az.range[largest].size)
			largest = i;
		pr_info("memory [%#llx-%#llx] on node %u set aside\n", az.range[i].start,
			az.range[i].start + az.range[i].size - 1, az.range[i].node);
	}
	swap(az.range[0], az.range[largest]);
}

bool az_phys_is_lwk(u64 phys, u64 length)
{
	u32 i;

	for (i = 0; i < az.range_count; i++) {
		u64 offset = phys - az.range[i].start;

		if (phys >= az.range[i].start && offset < az.range[i].size && length <= az.range[i].size - offset)
			return true;
	}
	return false;
}

/* Shows the ranges in /proc/iomem, inside System RAM. */
static int __init show_in_iomem(void)
{
	struct resource *res = kcalloc(az.range_count, sizeof(*res), GFP_KERNEL);
	u32 i;

	for (i = 0; res && i < az.range_count; i++) {
		res[i].name = "Azalea LWK";
		res[i].flags = IORESOURCE_MEM | IORESOURCE_BUSY;
		res[i].start = az.range[i].start;
		res[i].end = az.range[i].start + az.range[i].size - 1;
		if (insert_resource(&iomem_resource, &res[i]))
			pr_warn("%pR cannot be shown in /proc/iomem\n", &res[i]);
	}
	return 0;
}
subsys_initcall(show_in_iomem);

/* ---- CPUs ------------------------------------------------------------------------------------------------------ */

bool azalea_refuses_cpu(unsigned int cpu)
{
	if (visiting || !cpumask_test_cpu(cpu, &az.lwk_mask))
		return false;
	if (system_state >= SYSTEM_RUNNING)
		pr_warn_ratelimited("CPU %u belongs to the LWK (lwkcpus=) and cannot be brought up\n", cpu);
	return true;
}

static bool __init parse_span(char *text, unsigned int *first, unsigned int *last)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = '\0';
	if (kstrtouint(text, 10, first))
		return false;
	*last = *first;
	return (!dash || !kstrtouint(dash, 10, last)) && *first <= *last;
}

static void __init cpu_add(unsigned int cpu, u32 util)
{
	struct az_lwk_cpu *lwk = &az.cpu[az.cpu_count];

	if (cpu == 0) {
		complain("lwkcpus=: CPU 0 stays with Linux");
	} else if (cpumask_test_and_set_cpu(cpu, &az.lwk_mask)) {
		complain("lwkcpus=: CPU %u is named twice", cpu);
	} else {
		lwk->linux_cpu = cpu;
		lwk->apic_id = per_cpu(x86_cpu_to_apicid, cpu);
		lwk->node = cpu_to_node(cpu) == NUMA_NO_NODE ? 0 : cpu_to_node(cpu);
		lwk->wanted_util = util;
		lwk->owner = AZ_NONE;
		raw_spin_lock_init(&lwk->push_lock);
		az.cpu_count++;
	}
}

/* A comma-separated list of numbers and spans; false if it is not that. */
static bool __init parse_list(char *text, u32 util)
{
	unsigned int first, last, cpu, missing = 0, end = min_t(u32, nr_cpu_ids, AZ_CPUS_MAX);
	char *item;

	while ((item = strsep(&text, ","))) {
		if (!parse_span(item, &first, &last))
			return false;
		for (cpu = first; cpu <= last && cpu < end; cpu++) {
			if (cpu_present(cpu))
				cpu_add(cpu, util);
			else
				missing++;
		}
		if (cpu <= last && end < nr_cpu_ids)
			complain("lwkcpus=: CPUs from %u on stay with Linux: give the LWK lower ones", end);
		else if (missing || cpu <= last)
			complain("lwkcpus=: not all of CPUs %u-%u are in this machine, it has %u", first, last,
				 num_present_cpus());
		missing = 0;
	}
	return true;
}

/* One "list" or "util.list". */
static bool __init parse_group(char *text)
{
	char *dot = strchr(text, '.');
	u32 util = AZ_NONE;

	if (!dot)
		return parse_list(text, AZ_NONE);
	*dot = '\0';
	return !kstrtouint(text, 10, &util) && parse_list(dot + 1, util);
}

static void __init check_utils(void)
{
	u32 i, last = AZ_NONE;

	for (i = 0; i < az.cpu_count; i++) {
		u32 util = az.cpu[i].wanted_util;

		if (util == AZ_NONE || (util < nr_cpu_ids && cpu_present(util) && !cpumask_test_cpu(util, &az.lwk_mask)))
			continue;
		az.cpu[i].wanted_util = AZ_NONE;
		if (util == last)
			continue;
		last = util;
		complain("lwkcpus=: CPU %u cannot serve LWK CPUs, it is %s; others do", util,
			 util < nr_cpu_ids && cpu_present(util) ? "one itself" : "not in this machine");
	}
}

/* Cuts @word off the end of @text. */
static bool __init cut_suffix(char *text, const char *word)
{
	size_t length = strlen(text), cut = strlen(word);

	if (length < cut || strcmp(text + length - cut, word))
		return false;
	text[length - cut] = '\0';
	return true;
}

/* Before Linux brings up its second CPU. */
static int __init partition_cpus(void)
{
	bool direct = boot_cpu_has(X86_FEATURE_HYPERVISOR);
	char *text, *group;

	if (!cpus_text[0])
		return 0;
	az.cpu = kcalloc(min_t(u32, nr_cpu_ids, AZ_CPUS_MAX) + 1, sizeof(*az.cpu), GFP_KERNEL);
	if (!az.cpu)
		return -ENOMEM;
	if (cut_suffix(cpus_text, ",visit"))
		direct = false;
	else if (cut_suffix(cpus_text, ",direct"))
		direct = true;

	text = kstrdup(cpus_text, GFP_KERNEL);
	while ((group = strsep(&text, ":"))) {
		if (parse_group(group))
			continue;
		complain("lwkcpus=: '%s' is neither a CPU list (2-127) nor util.list (0.2-63); no CPU is set aside",
			 cpus_text);
		cpumask_clear(&az.lwk_mask);
		az.cpu_count = 0;
		return 0;
	}
	check_utils();
	az.visit = visiting = !direct && az.cpu_count;
	pr_info("CPUs %*pbl set aside%s\n", cpumask_pr_args(&az.lwk_mask), az.visit ? " after a visit" : "");
	return 0;
}
early_initcall(partition_cpus);

/*
 * Takes visiting CPUs down again. They must not count as booted any more: Linux sends broadcast interrupts only when it
 * knows all present CPUs, and these are no longer its own.
 */
static void __init end_visit(void)
{
	unsigned int cpu;

	for_each_cpu(cpu, &az.lwk_mask) {
		if (cpu_online(cpu) && remove_cpu(cpu))
			complain("lwkcpus=: CPU %u cannot be taken from Linux", cpu);
	}
	visiting = false;
	cpus_read_lock();
	cpumask_andnot(&cpus_booted_once_mask, &cpus_booted_once_mask, &az.lwk_mask);
	apic_smt_update();
	cpus_read_unlock();
}

/* When Linux has brought up all CPUs that it ever will. */
static int __init partition_done(void)
{
	if (visiting)
		end_visit();
	az_topology_init();
	return 0;
}
late_initcall_sync(partition_done);
