// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/azalea: what there is to know about the partition and the LWK, one value or one small table per file. Tables have a
 * header line and columns of fixed width, so that a table longer than a page can be read in pieces.
 *
 * Everything is read from shared memory as it is at the moment; no LWK CPU is asked.
 */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <asm/cpufeature.h>
#include <asm/tsc.h>

#include "internal.h"

#define KB(frames)	((u64)(frames) * (PAGE_SIZE / 1024))

/* ---- Values ---------------------------------------------------------------------------------------------------- */

static const char *state_name(void)
{
	if (az_lwk_running())
		return "running";
	if (az.crashed)
		return "failed";
	return az.busy ? "booting" : "off";
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, az.crashed ? "%s: %s\n" : "%s\n", state_name(), az.why);
}

static ssize_t errors_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%s", az_errors);
}

static ssize_t cpus_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%*pbl\n", cpumask_pr_args(&az.lwk_mask));
}

static ssize_t cpus_free_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	cpumask_var_t available;
	ssize_t length;
	u32 i;

	if (!zalloc_cpumask_var(&available, GFP_KERNEL))
		return -ENOMEM;
	for (i = 0; i < az.cpu_count && az_lwk_running(); i++) {
		if (READ_ONCE(az.cpu[i].owner) == AZ_NONE)
			cpumask_set_cpu(az.cpu[i].linux_cpu, available);
	}
	length = sysfs_emit(page, "%*pbl\n", cpumask_pr_args(available));
	free_cpumask_var(available);
	return length;
}

static ssize_t slots_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	u32 i, used = 0;

	for (i = 0; i < AZ_SLOTS && az_lwk_running(); i++)
		used += READ_ONCE(az_slot(i)->state) != AZ_SLOT_FREE;
	return sysfs_emit(page, "%u of %u\n", used, AZ_SLOTS);
}

static ssize_t threads_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%u\n", az_lwk_running() ? READ_ONCE(az.handover->threads) : 0);
}

static ssize_t boots_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%u\n", az.generation);
}

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%u\n", AZ_VERSION);
}

/* The LWK takes over IA32_SPEC_CTRL as Linux set it; what else Linux does against leaks between programs stops at its own CPUs. */
static ssize_t mitigations_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	static const char * const where[] = { "none", "Linux only" };

	return sysfs_emit(page, "page table isolation %s\nretpolines %s\nibrs on entry %s\nclear cpu buffers %s\nspec_ctrl %#llx\n",
			  where[boot_cpu_has(X86_FEATURE_PTI)], where[boot_cpu_has(X86_FEATURE_RETPOLINE)],
			  where[boot_cpu_has(X86_FEATURE_KERNEL_IBRS)], where[boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF)],
			  az.handover ? az.handover->spec_ctrl : 0);
}

#define VALUE(name) static struct kobj_attribute name##_attr = __ATTR_RO(name)
VALUE(state);
VALUE(errors);
VALUE(cpus);
VALUE(cpus_free);
VALUE(slots);
VALUE(threads);
VALUE(boots);
VALUE(version);
VALUE(mitigations);

static struct attribute *values[] = {
	&state_attr.attr, &errors_attr.attr, &cpus_attr.attr, &cpus_free_attr.attr, &slots_attr.attr, &threads_attr.attr,
	&boots_attr.attr, &version_attr.attr, &mitigations_attr.attr, NULL
};

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static const char *cpu_state_name(u32 state)
{
	return state == AZ_CPU_ONLINE ? "online" : "off";
}

static u32 pid_of(u32 proc)
{
	return proc < AZ_PROCS ? READ_ONCE(az_proc(proc)->pid) : 0;
}

static void table_cpus(struct seq_buf *out)
{
	u32 i;

	seq_buf_printf(out, "%5s %5s %4s %-8s %8s %8s %15s %15s %12s %12s %12s %12s %14s %12s\n", "cpu", "util", "node", "state", "job",
		       "tid", "calls_local", "calls_forwarded", "faults", "interrupts", "ipis_sent", "switches",
		       "idle_us", "timers");
	for (i = 0; i < az.cpu_count && az_lwk_running(); i++) {
		const struct az_cpu *cpu = az.cpu[i].shared;
		const struct az_cpu_stats *stats = &cpu->stats;

		seq_buf_printf(out, "%5u %5u %4u %-8s %8u %8u %15llu %15llu %12llu %12llu %12llu %12llu %14llu %12llu\n", cpu->linux_cpu,
			       az.handover->util[az.cpu[i].util].linux_cpu, cpu->node, cpu_state_name(READ_ONCE(cpu->state)),
			       pid_of(READ_ONCE(az.cpu[i].owner)), READ_ONCE(cpu->tid), stats->calls_local,
			       stats->calls_forwarded, stats->faults, stats->interrupts, stats->ipis_sent, stats->switches,
			       div_u64(az_idle_cycles(stats), tsc_khz / 1000 ?: 1), stats->timers);
	}
}

static void table_processes(struct seq_buf *out)
{
	u32 i;

	seq_buf_printf(out, "%8s %-8s %7s %5s %14s %14s %14s\n", "pid", "state", "threads", "cpus", "reserved_kb",
		       "resident_kb", "committed_kb");
	for (i = 0; i < AZ_PROCS && az_lwk_running(); i++) {
		const struct az_proc *proc = az_proc(i);

		if (READ_ONCE(proc->state) != AZ_PROC_RUNNING)
			continue;
		seq_buf_printf(out, "%8u %-8s %7u %5u %14llu %14llu %14llu\n", proc->pid, "running", proc->threads,
			       proc->cpu_count, proc->memory >> 10, proc->used.resident >> 10, proc->used.committed >> 10);
	}
}

static u64 node_set_aside(u32 node)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < az.range_count; i++)
		bytes += az.range[i].node == node ? az.range[i].size : 0;
	return bytes;
}

/* In frames: the node's own, and those at hand for its CPUs. */
static u64 node_free(u32 node)
{
	u64 frames = READ_ONCE(az.handover->node[node].free);
	u32 i;

	for (i = 0; i < az.cpu_count; i++)
		frames += az.cpu[i].shared->node == node ? READ_ONCE(az.cpu[i].shared->free_frames) : 0;
	return frames;
}

static void table_memory(struct seq_buf *out)
{
	static const struct az_node_stats none;
	u32 node;

	seq_buf_printf(out, "%4s %14s %14s %14s %14s\n", "node", "set_aside_kb", "total_kb", "free_kb", "quarantined_kb");
	for (node = 0; node < AZ_NODES_MAX; node++) {
		const struct az_node_stats *stats = az_lwk_running() ? &az.handover->node[node] : &none;

		if (node_set_aside(node))
			seq_buf_printf(out, "%4u %14llu %14llu %14llu %14llu\n", node, node_set_aside(node) >> 10,
				       KB(stats->total), KB(az_lwk_running() ? node_free(node) : 0), KB(stats->quarantined));
	}
}

static void table_ranges(struct seq_buf *out)
{
	u32 i;

	seq_buf_printf(out, "%18s %18s %4s\n", "start", "size", "node");
	for (i = 0; i < az.range_count; i++)
		seq_buf_printf(out, "%#18llx %#18llx %4u\n", az.range[i].start, az.range[i].size, az.range[i].node);
}

#define TABLE_MAX	(128 + 180 * (size_t)AZ_CPUS_MAX)

static ssize_t table_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr, char *page, loff_t offset,
			  size_t count)
{
	void (*write)(struct seq_buf *out) = attr->private;
	char *text = kvmalloc(TABLE_MAX, GFP_KERNEL);
	struct seq_buf out;
	ssize_t length;

	if (!text)
		return -ENOMEM;
	seq_buf_init(&out, text, TABLE_MAX);
	mutex_lock(&az.lock);
	write(&out);
	mutex_unlock(&az.lock);
	length = memory_read_from_buffer(page, count, &offset, text, seq_buf_used(&out));
	kvfree(text);
	return length;
}

#define TABLE(_name, _write) { .attr = { .name = _name, .mode = 0444 }, .read = table_read, .private = _write }
static struct bin_attribute tables[] = {
	TABLE("cpu_table", table_cpus),
	TABLE("processes", table_processes),
	TABLE("memory", table_memory),
	TABLE("ranges", table_ranges),
};

static int __init azalea_files_init(void)
{
	static const struct attribute_group group = { .attrs = values };
	struct kobject *kobj = kobject_create_and_add("azalea", kernel_kobj);
	int ret = kobj ? sysfs_create_group(kobj, &group) : -ENOMEM;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables) && !ret; i++) {
		sysfs_bin_attr_init(&tables[i]);
		ret = sysfs_create_bin_file(kobj, &tables[i]);
	}
	return ret;
}
device_initcall(azalea_files_init);
