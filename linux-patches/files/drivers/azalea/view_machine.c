// SPDX-License-Identifier: GPL-2.0
/*
 * The machine as a program of the LWK sees it: the CPUs that were leased for it, the nodes they are on, and the memory that it can
 * have. What the LWK does not have (caches of files, swap, interrupts of devices) is zero; facts about the processor are Linux's,
 * because all CPUs are of the same kind.
 */
#include <linux/kernel_stat.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched/loadavg.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "view.h"

#define KB(bytes)	((bytes) >> 10)

static bool starts_with(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word));
}

/* ---- Processors ------------------------------------------------------------------------------------------------ */

static const struct az_lwk_cpu *cpu_of(u32 linux_cpu)
{
	u32 i;

	for (i = 0; i < az.cpu_count; i++) {
		if (az.cpu[i].linux_cpu == linux_cpu)
			return &az.cpu[i];
	}
	return NULL;
}

static u32 count_siblings(const struct az_job *job, const struct az_lwk_cpu *cpu, struct az_shifts shifts)
{
	u32 i, count = 0;

	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count)
		count += az.cpu[i].apic_id >> shifts.package == cpu->apic_id >> shifts.package;
	return count;
}

/* How many cores of the package of @cpu the job has CPUs on. */
static u32 count_cores(const struct az_job *job, const struct az_lwk_cpu *cpu, struct az_shifts shifts)
{
	u32 i, j, count = 0;

	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count) {
		bool first = az.cpu[i].apic_id >> shifts.package == cpu->apic_id >> shifts.package;

		for_each_set_bit(j, (unsigned long *)az_job_proc(job)->cpus, i)
			first = first && az.cpu[j].apic_id >> shifts.core != az.cpu[i].apic_id >> shifts.core;
		count += first;
	}
	return count;
}

/* One line of the description of Linux's first CPU, made one of @cpu. */
static void cpuinfo_line(const struct az_look *look, const struct az_lwk_cpu *cpu, const char *line)
{
	struct az_shifts shifts = az_apic_shifts();

	if (starts_with(line, "processor\t"))
		seq_printf(look->out, "processor\t: %u\n", cpu->linux_cpu);
	else if (starts_with(line, "physical id\t"))
		seq_printf(look->out, "physical id\t: %u\n", cpu->apic_id >> shifts.package);
	else if (starts_with(line, "siblings\t"))
		seq_printf(look->out, "siblings\t: %u\n", count_siblings(look->job, cpu, shifts));
	else if (starts_with(line, "core id\t"))
		seq_printf(look->out, "core id\t\t: %u\n", (cpu->apic_id & ((1U << shifts.package) - 1)) >> shifts.core);
	else if (starts_with(line, "cpu cores\t"))
		seq_printf(look->out, "cpu cores\t: %u\n", count_cores(look->job, cpu, shifts));
	else if (starts_with(line, "apicid\t"))
		seq_printf(look->out, "apicid\t\t: %u\n", cpu->apic_id);
	else if (starts_with(line, "initial apicid\t"))
		seq_printf(look->out, "initial apicid\t: %u\n", cpu->apic_id);
	else
		seq_printf(look->out, "%s\n", line);
}

int az_view_cpuinfo(const struct az_look *look)
{
	char *text = az_view_original(look), *end, *line, *next;
	cpumask_t cpus;
	u32 cpu;

	if (IS_ERR(text))
		return PTR_ERR(text);
	end = strstr(text, "\n\n");
	if (end)
		*end = '\0';
	az_view_cpus(look->job, &cpus);
	for_each_cpu(cpu, &cpus) {
		for (line = text; line; line = next) {
			next = strchr(line, '\n');
			if (next)
				*next = '\0';
			cpuinfo_line(look, cpu_of(cpu), line);
			if (next)
				*next++ = '\n';
		}
		seq_putc(look->out, '\n');
	}
	kvfree(text);
	return 0;
}

int az_view_cpu_list(const struct az_look *look)
{
	cpumask_t cpus;

	az_view_cpus(look->job, &cpus);
	seq_printf(look->out, "%*pbl\n", cpumask_pr_args(&cpus));
	return 0;
}

int az_view_no_cpu(const struct az_look *look)
{
	seq_putc(look->out, '\n');
	return 0;
}

static bool job_has_cpu(const struct az_look *look, u32 cpu)
{
	cpumask_t cpus;

	az_view_cpus(look->job, &cpus);
	return cpu < nr_cpu_ids && cpumask_test_cpu(cpu, &cpus);
}

int az_view_cpu_online(const struct az_look *look)
{
	seq_printf(look->out, "%d\n", job_has_cpu(look, look->number[0]));
	return 0;
}

/* The number of an entry such as cpu7, or AZ_NONE for one of another kind. */
static u32 entry_number(const char *name, const char *kind)
{
	u32 number;

	return starts_with(name, kind) && !kstrtou32(name + strlen(kind), 10, &number) ? number : AZ_NONE;
}

bool az_view_has_cpu(const struct az_folder *folder, const char *name)
{
	u32 cpu = entry_number(name, "cpu");

	return cpu == AZ_NONE || (cpu < nr_cpu_ids && cpumask_test_cpu(cpu, &folder->cpus));
}

/* ---- Nodes ----------------------------------------------------------------------------------------------------- */

int az_view_node_list(const struct az_look *look)
{
	nodemask_t nodes;

	az_view_nodes(look->job, &nodes);
	seq_printf(look->out, "%*pbl\n", nodemask_pr_args(&nodes));
	return 0;
}

int az_view_node_memory_list(const struct az_look *look)
{
	nodemask_t nodes = NODE_MASK_NONE;
	u32 i;

	for (i = 0; i < az.range_count; i++)
		node_set(az.range[i].node, nodes);
	seq_printf(look->out, "%*pbl\n", nodemask_pr_args(&nodes));
	return 0;
}

bool az_view_has_node(const struct az_folder *folder, const char *name)
{
	u32 node = entry_number(name, "node");

	return node == AZ_NONE || (node < MAX_NUMNODES && node_isset(node, folder->nodes));
}

static void node_cpus(const struct az_look *look, cpumask_t *cpus)
{
	u32 i;

	cpumask_clear(cpus);
	for_each_set_bit(i, (unsigned long *)az_job_proc(look->job)->cpus, az.cpu_count) {
		if (az.cpu[i].node == look->number[0])
			cpumask_set_cpu(az.cpu[i].linux_cpu, cpus);
	}
}

int az_view_node_cpu_list(const struct az_look *look)
{
	cpumask_t cpus;

	node_cpus(look, &cpus);
	seq_printf(look->out, "%*pbl\n", cpumask_pr_args(&cpus));
	return 0;
}

int az_view_node_cpu_map(const struct az_look *look)
{
	cpumask_t cpus;

	node_cpus(look, &cpus);
	seq_printf(look->out, "%*pb\n", cpumask_pr_args(&cpus));
	return 0;
}

int az_view_node_meminfo(const struct az_look *look)
{
	u32 node = look->number[0];
	u64 total = 0, free = 0;

	if (node < az.handover->node_count) {
		total = READ_ONCE(az.handover->node[node].total) * PAGE_SIZE;
		free = READ_ONCE(az.handover->node[node].free) * PAGE_SIZE;
	}
	seq_printf(look->out, "Node %u MemTotal:       %8llu kB\nNode %u MemFree:        %8llu kB\nNode %u MemUsed:        %8llu kB\n",
		   node, KB(total), node, KB(free), node, KB(total - min(total, free)));
	return 0;
}

/* ---- Memory ---------------------------------------------------------------------------------------------------- */

static bool meminfo_line(const struct az_look *look, const char *line, const void *unused)
{
	static const char * const kept[] = { "Hugepagesize:", "VmallocTotal:", "HugePages_" };
	const struct az_proc *proc = az_job_proc(look->job);
	u64 free, total = az_view_memory(look->job, &free), value = 0;
	int name = strcspn(line, ":") + 1, spaces;
	size_t i;

	if (!strchr(line, ':'))
		return false;
	spaces = strspn(line + name, " ");
	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		if (starts_with(line, kept[i]))
			return false;
	}
	if (starts_with(line, "MemTotal:") || starts_with(line, "CommitLimit:"))
		value = total;
	else if (starts_with(line, "MemFree:") || starts_with(line, "MemAvailable:"))
		value = free;
	else if (starts_with(line, "AnonPages:") || starts_with(line, "Active:") || starts_with(line, "Active(anon):"))
		value = READ_ONCE(proc->used.resident);
	else if (starts_with(line, "Committed_AS:"))
		value = READ_ONCE(proc->used.committed);
	/* numbers end in one column: what stands before them is as long as it was */
	seq_printf(look->out, "%.*s%*llu kB\n", name, line, spaces + (int)strcspn(line + name + spaces, " "), KB(value));
	return true;
}

int az_view_meminfo(const struct az_look *look)
{
	return az_view_rewrite(look, meminfo_line, NULL);
}

/* ---- Time and load --------------------------------------------------------------------------------------------- */

/* CPU time since the LWK was booted; a program's own CPU has no system time to speak of. */
static void cpu_times(u32 index, u64 *user, u64 *idle)
{
	u64 all = rdtsc() - az.handover->boot_tsc, per_tick = (u64)tsc_khz * 1000 / USER_HZ;

	*idle = min(az_idle_cycles(&az.cpu[index].shared->stats), all) / per_tick;
	*user = all / per_tick - *idle;
}

static void stat_cpus(const struct az_look *look)
{
	u64 user, idle, all_user = 0, all_idle = 0;
	u32 i;

	for_each_set_bit(i, (unsigned long *)az_job_proc(look->job)->cpus, az.cpu_count) {
		cpu_times(i, &user, &idle);
		all_user += user;
		all_idle += idle;
	}
	seq_printf(look->out, "cpu  %llu 0 0 %llu 0 0 0 0 0 0\n", all_user, all_idle);
	for_each_set_bit(i, (unsigned long *)az_job_proc(look->job)->cpus, az.cpu_count) {
		cpu_times(i, &user, &idle);
		seq_printf(look->out, "cpu%u %llu 0 0 %llu 0 0 0 0 0 0\n", az.cpu[i].linux_cpu, user, idle);
	}
}

/* The job's threads that are on a CPU. */
static u32 threads_running(const struct az_job *job)
{
	u32 i, count = 0;

	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count)
		count += READ_ONCE(az.cpu[i].shared->tid) != 0;
	return count;
}

static bool stat_line(const struct az_look *look, const char *line, const void *unused)
{
	const struct az_job *job = look->job;
	u64 interrupts = 0, switches = 0;
	u32 i;

	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count) {
		interrupts += READ_ONCE(az.cpu[i].shared->stats.interrupts);
		switches += READ_ONCE(az.cpu[i].shared->stats.switches);
	}
	if (starts_with(line, "cpu ")) {
		stat_cpus(look);
		return true;
	}
	if (starts_with(line, "cpu") || starts_with(line, "softirq "))
		return true;
	if (starts_with(line, "intr "))
		seq_printf(look->out, "intr %llu\n", interrupts);
	else if (starts_with(line, "ctxt "))
		seq_printf(look->out, "ctxt %llu\n", switches);
	else if (starts_with(line, "procs_running "))
		seq_printf(look->out, "procs_running %u\n", threads_running(job));
	else
		return false;
	return true;
}

int az_view_machine_stat(const struct az_look *look)
{
	return az_view_rewrite(look, stat_line, NULL);
}

/* The LWK keeps no averages: a thread per CPU makes the load of this moment that of the last quarter of an hour as a rule. */
static bool loadavg_line(const struct az_look *look, const char *line, const void *unused)
{
	const char *last = strrchr(line, ' ');
	u32 running = threads_running(look->job);

	if (!last)
		return false;
	seq_printf(look->out, "%u.00 %u.00 %u.00 %u/%u%s\n", running, running, running, running,
		   READ_ONCE(az_job_proc(look->job)->threads), last);
	return true;
}

int az_view_loadavg(const struct az_look *look)
{
	return az_view_rewrite(look, loadavg_line, NULL);
}
