// SPDX-License-Identifier: GPL-2.0
/*
 * A process of the LWK as /proc shows it. The LWK is asked what is mapped (query.c), its page tables tell what is there (mirror.c),
 * the files behind mappings are those that the driver holds for it (file.c) or the proxy has mapped. Everything else is Linux's text
 * about the proxy, in which the numbers that are the LWK's are replaced.
 *
 * Sizes follow Linux's meaning: a page of a private file mapping is the LWK's own copy, so it is private, and counts as the file's
 * where the mapping cannot be written.
 */
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/nodemask.h>
#include <linux/pid_namespace.h>

#include "view.h"

#define KB(bytes)	((bytes) >> 10)

/* ---- Mappings -------------------------------------------------------------------------------------------------- */

/* The file behind a mapping, with a reference, or NULL. */
static struct file *region_file(const struct az_look *look, const struct az_region *region)
{
	struct file *file = NULL;
	struct vm_area_struct *vma;

	if (region->linux_backed) {
		mmap_read_lock(look->mm);
		vma = vma_lookup(look->mm, region->start);
		if (vma && vma->vm_file)
			file = get_file(vma->vm_file);
		mmap_read_unlock(look->mm);
	} else if (region->handle >= 0) {
		file = az_file_get(look->job, region->handle);
	}
	return file;
}

static const char *region_name(const struct az_region *region)
{
	static const char * const names[] = {
		[AZ_REGION_HEAP] = "[heap]", [AZ_REGION_STACK] = "[stack]", [AZ_REGION_TIME] = "[vvar]", [AZ_REGION_VDSO] = "[vdso]",
	};

	return region->kind < ARRAY_SIZE(names) ? names[region->kind] : NULL;
}

/* The line of maps, as wide as Linux's. */
static void put_region(const struct az_look *look, const struct az_region *region)
{
	struct file *file = region_file(look, region);
	struct inode *inode = file ? file_inode(file) : NULL;
	dev_t dev = inode ? inode->i_sb->s_dev : 0;
	const char *name = region_name(region);
	struct seq_file *out = look->out;

	seq_setwidth(out, 25 + sizeof(void *) * 6 - 1);
	seq_printf(out, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %lu ", region->start, region->end,
		   region->prot & PROT_READ ? 'r' : '-', region->prot & PROT_WRITE ? 'w' : '-', region->prot & PROT_EXEC ? 'x' : '-',
		   region->shared ? 's' : 'p', region->offset, MAJOR(dev), MINOR(dev), inode ? inode->i_ino : 0);
	if (file || name)
		seq_pad(out, ' ');
	if (file)
		seq_file_path(out, file, "\n");
	else if (name)
		seq_puts(out, name);
	seq_putc(out, '\n');
	if (file)
		fput(file);
}

struct each {
	const struct az_look *look;
	void (*function)(const struct az_look *look, const struct az_region *region, void *arg);
	void *arg;
};

static bool call_each(const struct az_region *region, void *arg)
{
	const struct each *each = arg;

	each->function(each->look, region, each->arg);
	return !seq_has_overflowed(each->look->out);
}

/* Calls @function for all mappings, lowest first. */
static int for_each_region(const struct az_look *look, void (*function)(const struct az_look *, const struct az_region *, void *), void *arg)
{
	struct each each = { look, function, arg };

	return az_query_regions(look->job, call_each, &each);
}

static void maps_region(const struct az_look *look, const struct az_region *region, void *unused)
{
	put_region(look, region);
}

int az_view_maps(const struct az_look *look)
{
	return for_each_region(look, maps_region, NULL);
}

/* ---- What is there --------------------------------------------------------------------------------------------- */

static bool is_file(const struct az_region *region)
{
	return region->handle >= 0 || region->linux_backed;
}

/* Bytes that are there, by Linux's kinds. */
struct resident { u64 clean, dirty, shared, anonymous, large; };

static void add_resident(struct resident *r, const struct az_look *look, const struct az_region *region)
{
	struct az_usage usage = { };

	az_mirror_usage(look->job, region->start, region->end, &usage);
	if (region->kind == AZ_REGION_TIME || region->kind == AZ_REGION_VDSO)
		return;
	r->shared += usage.foreign;
	if (is_file(region) && !(region->prot & PROT_WRITE)) {
		r->clean += usage.own;
		return;
	}
	r->dirty += usage.own;
	r->anonymous += usage.own;
	r->large += usage.large;
}

static void put_kb(struct seq_file *out, const char *name, u64 bytes)
{
	seq_printf(out, "%-16s%8llu kB\n", name, KB(bytes));
}

static void put_resident(struct seq_file *out, const struct resident *r, bool rollup)
{
	u64 all = r->clean + r->dirty + r->shared;

	put_kb(out, "Rss:", all);
	put_kb(out, "Pss:", all);
	put_kb(out, "Pss_Dirty:", r->dirty);
	if (rollup) {
		put_kb(out, "Pss_Anon:", r->anonymous);
		put_kb(out, "Pss_File:", all - r->anonymous);
		put_kb(out, "Pss_Shmem:", 0);
	}
	put_kb(out, "Shared_Clean:", 0);
	put_kb(out, "Shared_Dirty:", r->shared);
	put_kb(out, "Private_Clean:", r->clean);
	put_kb(out, "Private_Dirty:", r->dirty);
	put_kb(out, "Referenced:", all);
	put_kb(out, "Anonymous:", r->anonymous);
	put_kb(out, "LazyFree:", 0);
	put_kb(out, "AnonHugePages:", r->large);
	put_kb(out, "ShmemPmdMapped:", 0);
	put_kb(out, "FilePmdMapped:", 0);
	put_kb(out, "Shared_Hugetlb:", 0);
	put_kb(out, "Private_Hugetlb:", 0);
	put_kb(out, "Swap:", 0);
	put_kb(out, "SwapPss:", 0);
	put_kb(out, "Locked:", 0);
}

static void smaps_region(const struct az_look *look, const struct az_region *region, void *unused)
{
	struct resident r = { };
	struct seq_file *out = look->out;

	put_region(look, region);
	add_resident(&r, look, region);
	put_kb(out, "Size:", region->end - region->start);
	put_kb(out, "KernelPageSize:", PAGE_SIZE);
	put_kb(out, "MMUPageSize:", PAGE_SIZE);
	put_resident(out, &r, false);
	seq_printf(out, "THPeligible:    %d\nVmFlags: %s%s%s%smr mw me ac\n", !is_file(region) && region->kind != AZ_REGION_STACK,
		   region->prot & PROT_READ ? "rd " : "", region->prot & PROT_WRITE ? "wr " : "",
		   region->prot & PROT_EXEC ? "ex " : "", region->shared ? "sh " : "");
}

int az_view_smaps(const struct az_look *look)
{
	return for_each_region(look, smaps_region, NULL);
}

struct rollup {
	u64 start, end;
	struct resident resident;
};

static void rollup_region(const struct az_look *look, const struct az_region *region, void *arg)
{
	struct rollup *rollup = arg;

	if (!rollup->end)
		rollup->start = region->start;
	rollup->end = region->end;
	add_resident(&rollup->resident, look, region);
}

int az_view_smaps_rollup(const struct az_look *look)
{
	struct rollup rollup = { };
	int ret = for_each_region(look, rollup_region, &rollup);

	seq_setwidth(look->out, 25 + sizeof(void *) * 6 - 1);
	seq_printf(look->out, "%08llx-%08llx ---p 00000000 00:00 0 ", rollup.start, rollup.end);
	seq_pad(look->out, ' ');
	seq_puts(look->out, "[rollup]\n");
	put_resident(look->out, &rollup.resident, true);
	return ret;
}

static void numa_region(const struct az_look *look, const struct az_region *region, void *unused)
{
	struct file *file = region_file(look, region);
	struct seq_file *out = look->out;
	struct az_usage usage = { };
	u32 node;

	az_mirror_usage(look->job, region->start, region->end, &usage);
	seq_printf(out, "%08llx default", region->start);
	if (file) {
		seq_puts(out, " file=");
		seq_file_path(out, file, "\n\t= ");
		fput(file);
	} else if (region->kind == AZ_REGION_HEAP) {
		seq_puts(out, " heap");
	} else if (region->kind == AZ_REGION_STACK) {
		seq_puts(out, " stack");
	}
	if (usage.own)
		seq_printf(out, " %s=%llu", is_file(region) ? "mapped" : "anon", usage.own >> PAGE_SHIFT);
	if (usage.own && !is_file(region))
		seq_printf(out, " dirty=%llu", usage.own >> PAGE_SHIFT);
	for (node = 0; node < AZ_NODES_MAX; node++) {
		if (usage.node[node])
			seq_printf(out, " N%u=%llu", node, usage.node[node] >> PAGE_SHIFT);
	}
	seq_puts(out, usage.own ? " kernelpagesize_kB=4\n" : "\n");
}

int az_view_numa_maps(const struct az_look *look)
{
	return for_each_region(look, numa_region, NULL);
}

/* ---- Sums ------------------------------------------------------------------------------------------------------ */

struct sums { u64 size, data, stack, code, libraries, resident, file; };

static void sum_region(const struct az_look *look, const struct az_region *region, void *arg)
{
	u64 bytes = region->end - region->start;
	struct resident r = { };
	struct sums *s = arg;

	s->size += bytes;
	if (region->kind == AZ_REGION_STACK)
		s->stack += bytes;
	else if (!region->shared && (region->prot & PROT_WRITE))
		s->data += bytes;
	if ((region->prot & PROT_EXEC) && region->start < look->mm->end_code && region->end > look->mm->start_code)
		s->code += bytes;
	else if (region->prot & PROT_EXEC)
		s->libraries += bytes;
	add_resident(&r, look, region);
	s->resident += r.clean + r.dirty + r.shared;
	s->file += r.clean + r.shared;
}

static int sum_up(const struct az_look *look, struct sums *s)
{
	memset(s, 0, sizeof(*s));
	return for_each_region(look, sum_region, s);
}

int az_view_statm(const struct az_look *look)
{
	struct sums s;
	int ret = sum_up(look, &s);

	seq_printf(look->out, "%llu %llu %llu %llu 0 %llu 0\n", s.size >> PAGE_SHIFT, s.resident >> PAGE_SHIFT, s.file >> PAGE_SHIFT,
		   s.code >> PAGE_SHIFT, (s.data + s.stack) >> PAGE_SHIFT);
	return ret;
}

/* ---- Status ---------------------------------------------------------------------------------------------------- */

static struct az_slot *slot_of(const struct az_look *look, pid_t pid)
{
	struct az_twin *twin = xa_load(&look->job->space->twins, pid);

	return twin ? az_slot(az_twin_slot_index(twin)) : NULL;
}

static bool is_running(const struct az_look *look)
{
	struct az_slot *slot = slot_of(look, look->task->pid);

	return slot && az_view_runs(look->job, READ_ONCE(slot->tid));
}

static bool put_sum(const struct az_look *look, const char *line, const struct sums *s)
{
	u64 peak = READ_ONCE(az_job_proc(look->job)->used.peak);
	const struct { const char *name; u64 bytes; } rows[] = {
		{ "VmPeak:", s->size }, { "VmSize:", s->size }, { "VmHWM:", max(s->resident, peak) }, { "VmRSS:", s->resident },
		{ "RssAnon:", s->resident - s->file }, { "RssFile:", s->file }, { "RssShmem:", 0 }, { "VmData:", s->data },
		{ "VmStk:", s->stack }, { "VmExe:", s->code }, { "VmLib:", s->libraries },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strncmp(line, rows[i].name, strlen(rows[i].name)))
			continue;
		seq_printf(look->out, "%s\t%8llu kB\n", rows[i].name, KB(rows[i].bytes));
		return true;
	}
	return false;
}

static bool put_sets(const struct az_look *look, const char *line)
{
	nodemask_t nodes;
	cpumask_t cpus;

	az_view_cpus(look->job, &cpus);
	az_view_nodes(look->job, &nodes);
	if (!strncmp(line, "Cpus_allowed:", 13))
		seq_printf(look->out, "Cpus_allowed:\t%*pb\n", cpumask_pr_args(&cpus));
	else if (!strncmp(line, "Cpus_allowed_list:", 18))
		seq_printf(look->out, "Cpus_allowed_list:\t%*pbl\n", cpumask_pr_args(&cpus));
	else if (!strncmp(line, "Mems_allowed:", 13))
		seq_printf(look->out, "Mems_allowed:\t%*pb\n", nodemask_pr_args(&nodes));
	else if (!strncmp(line, "Mems_allowed_list:", 18))
		seq_printf(look->out, "Mems_allowed_list:\t%*pbl\n", nodemask_pr_args(&nodes));
	else
		return false;
	return true;
}

static bool status_line(const struct az_look *look, const char *line, const void *sums)
{
	struct az_slot *slot = slot_of(look, look->task->pid);

	if (put_sum(look, line, sums) || put_sets(look, line))
		return true;
	if (!strncmp(line, "Threads:", 8))
		seq_printf(look->out, "Threads:\t%u\n", READ_ONCE(az_job_proc(look->job)->threads));
	else if (!strncmp(line, "State:\tS", 8) && is_running(look))
		seq_puts(look->out, "State:\tR (running)\n");
	else if (!strncmp(line, "SigBlk:", 7) && slot)
		seq_printf(look->out, "SigBlk:\t%016llx\n", READ_ONCE(slot->sigmask));
	else
		return false;
	return true;
}

int az_view_status(const struct az_look *look)
{
	struct sums s;
	int ret = sum_up(look, &s);

	return ret ?: az_view_rewrite(look, status_line, &s);
}

/* Field @n, counted from 1 as in proc(5), replaced; other fields as they are. */
static bool put_field(const struct az_look *look, u32 n, const char *field, const struct sums *s)
{
	struct az_slot *slot = slot_of(look, look->task->pid);
	u32 cpu = slot ? READ_ONCE(slot->cpu) : AZ_NONE;

	if (n == 3 && *field == 'S' && is_running(look))
		seq_puts(look->out, " R");
	else if (n == 20)
		seq_printf(look->out, " %u", READ_ONCE(az_job_proc(look->job)->threads));
	else if (n == 23)
		seq_printf(look->out, " %llu", s->size);
	else if (n == 24)
		seq_printf(look->out, " %llu", s->resident >> PAGE_SHIFT);
	else if (n == 39 && cpu < az.cpu_count)
		seq_printf(look->out, " %u", az.cpu[cpu].linux_cpu);
	else
		return false;
	return true;
}

int az_view_process_stat(const struct az_look *look)
{
	char *text = az_view_original(look), *rest, *field;
	struct sums s;
	u32 n = 3;
	int ret;

	if (IS_ERR(text))
		return PTR_ERR(text);
	ret = sum_up(look, &s);
	rest = strrchr(text, ')');	/* the name may hold anything */
	if (rest && rest[1] == ' ') {
		rest[1] = '\0';
		seq_puts(look->out, text);
		rest += 2;
		for (; (field = strsep(&rest, " \n")) && *field; n++) {
			if (!put_field(look, n, field, &s))
				seq_printf(look->out, " %s", field);
		}
		seq_putc(look->out, '\n');
	}
	kvfree(text);
	return ret;
}

/* ---- Folders --------------------------------------------------------------------------------------------------- */

/* Twins that wait for a thread to come are none of the program's threads. */
bool az_view_has_thread(const struct az_folder *folder, const char *name)
{
	u32 tid, i;

	if (kstrtou32(name, 10, &tid))
		return true;
	for (i = 0; i < AZ_SLOTS; i++) {
		struct az_slot *slot = az_slot(i);

		if (READ_ONCE(slot->state) == AZ_SLOT_SPARE && READ_ONCE(slot->tid) == tid && READ_ONCE(slot->proc) == folder->proc)
			return false;
	}
	return true;
}

/* The job's device is the proxy's, not the program's. */
bool az_view_has_descriptor(const struct az_folder *folder, const char *name)
{
	u32 fd;

	return kstrtou32(name, 10, &fd) || fd != folder->fd;
}
