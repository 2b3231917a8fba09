// SPDX-License-Identifier: GPL-2.0
/*
 * Core files. When the proxy dies of a signal that asks for one, Linux decides whether, where and by which limits it is written, and writes
 * it. What stands in it is the program's: while Linux works it asks here
 *
 *   azalea_core_begin()	for the mappings: those of the program, as far as they are the LWK's, in place of the proxy's
 *   azalea_core_page()		for their contents: the LWK's frames themselves, wherever they are
 *   azalea_core_skips()	which threads have one of the program behind them
 *   azalea_core_registers()	for the registers that those had when they were stopped
 *
 * First all threads of the program are stopped, which leaves their registers (AZ_EV_STOPPED). Nothing is given back before Linux is done,
 * because the thread that writes the file keeps the job.
 */
#include <linux/azalea.h>
#include <linux/bsearch.h>
#include <linux/coredump.h>
#include <linux/elf.h>
#include <linux/elfcore.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/sort.h>

#include "job.h"

#define XSAVE_MAX	(64 << 10)	/* more than any processor has */

/* The twin that writes a core file of its program, if the caller is one. */
static struct az_twin *dumper(void)
{
	struct az_twin *twin = az_twin_of(current);

	return twin && twin->dumping ? twin : NULL;
}

/* ---- Contents -------------------------------------------------------------------------------------------------- */

/* A page of a private file that the program has not touched; NULL beyond the end. */
static struct page *file_page(const struct core_vma_metadata *meta, unsigned long addr)
{
	loff_t offset = ((loff_t)meta->pgoff << PAGE_SHIFT) + (addr - meta->start);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (page && kernel_read(meta->file, page_address(page), PAGE_SIZE, &offset) <= 0) {
		put_page(page);
		return NULL;
	}
	return page;
}

static struct page *program_page(struct az_job *job, const struct core_vma_metadata *meta, unsigned long addr)
{
	struct page *page = az_mirror_page(job, addr);

	return page || !meta->file ? page : file_page(meta, addr);
}

static int compare_address(const void *key, const void *element)
{
	unsigned long addr = *(const unsigned long *)key;
	const struct core_vma_metadata *meta = element;

	if (addr < meta->start)
		return -1;
	return addr >= meta->end;
}

/* Large pages bring many zeros with them, which need no room in a file. */
struct page *azalea_core_page(const struct coredump_params *cprm, unsigned long addr)
{
	struct az_twin *twin = dumper();
	const struct core_vma_metadata *meta;
	struct page *page;

	if (!twin)
		return get_dump_page(addr);
	meta = bsearch(&addr, cprm->vma_meta, cprm->vma_count, sizeof(*meta), compare_address);
	if (!meta)
		return NULL;
	if (meta->flags & VM_SHARED)
		return get_dump_page(addr);
	page = program_page(twin->job, meta, addr);
	if (page && !memchr_inv(page_address(page), 0, PAGE_SIZE)) {
		put_page(page);
		return NULL;
	}
	return page;
}

/* ---- Mappings -------------------------------------------------------------------------------------------------- */

struct mappings {
	struct az_job *job;
	unsigned long mm_flags;
	struct core_vma_metadata *meta;
	int count, room;
};

static bool has_memory(struct az_job *job, const struct az_region *region)
{
	struct az_usage usage = { };

	az_mirror_usage(job, region->start, region->end, &usage);
	return usage.own || usage.foreign;
}

static bool starts_as_elf(struct az_job *job, const struct core_vma_metadata *meta)
{
	struct page *page = program_page(job, meta, meta->start);
	bool is_elf;

	if (!page)
		return false;
	is_elf = !memcmp(page_address(page), ELFMAG, SELFMAG);
	put_page(page);
	return is_elf;
}

/* Linux's rules for private memory: core(5), "Controlling which mappings are written to the core dump". */
static unsigned long dump_size(const struct mappings *m, const struct az_region *region, const struct core_vma_metadata *meta)
{
	unsigned long whole = meta->end - meta->start;

	if (region->core == AZ_CORE_ALWAYS)
		return whole;
	if (region->core == AZ_CORE_NOTHING)
		return 0;
	if (region->core == AZ_CORE_MEMORY && (m->mm_flags & BIT(MMF_DUMP_ANON_PRIVATE)) && has_memory(m->job, region))
		return whole;
	if (!meta->file)
		return 0;
	if (m->mm_flags & BIT(MMF_DUMP_MAPPED_PRIVATE))
		return whole;
	if (!(m->mm_flags & BIT(MMF_DUMP_ELF_HEADERS)) || meta->pgoff || !(meta->flags & VM_READ))
		return 0;
	return (file_inode(meta->file)->i_mode & 0111) || starts_as_elf(m->job, meta) ? PAGE_SIZE : 0;
}

static bool count_region(const struct az_region *region, void *arg)
{
	struct mappings *m = arg;

	m->room += !region->linux_backed;
	return true;
}

static bool add_region(const struct az_region *region, void *arg)
{
	struct mappings *m = arg;
	struct core_vma_metadata *meta = m->meta + m->count;

	if (region->linux_backed)
		return true;
	if (m->count == m->room)
		return false;
	*meta = (struct core_vma_metadata){
		.start = region->start, .end = region->end, .flags = region->prot & (VM_READ | VM_WRITE | VM_EXEC),
		.pgoff = region->offset >> PAGE_SHIFT, .file = region->handle >= 0 ? az_file_get(m->job, region->handle) : NULL,
	};
	meta->dump_size = dump_size(m, region, meta);
	m->count++;
	return true;
}

static bool is_programs(const struct az_job *job, const struct core_vma_metadata *meta)
{
	return meta->start >= AZ_USER_START && meta->end <= AZ_USER_END && meta->file != job->space->file;
}

static int compare_start(const void *a, const void *b)
{
	const struct core_vma_metadata *first = a, *second = b;

	return first->start < second->start ? -1 : first->start > second->start;
}

/* What Linux has found is the proxy's, the mirror among it, except what it backs for the program. */
static void keep_linux_backed(struct mappings *m, struct coredump_params *cprm)
{
	int i;

	for (i = 0; i < cprm->vma_count; i++) {
		if (is_programs(m->job, &cprm->vma_meta[i]))
			m->meta[m->count++] = cprm->vma_meta[i];
		else if (cprm->vma_meta[i].file)
			fput(cprm->vma_meta[i].file);
	}
	kvfree(cprm->vma_meta);
	sort(m->meta, m->count, sizeof(*m->meta), compare_start, NULL);
	cprm->vma_meta = m->meta;
	cprm->vma_count = m->count;
	cprm->vma_data_size = 0;
	for (i = 0; i < m->count; i++)
		cprm->vma_data_size += m->meta[i].dump_size;
}

static int replace_mappings(struct coredump_params *cprm, struct az_job *job)
{
	struct mappings m = { .job = job, .mm_flags = cprm->mm_flags };
	int ret = az_query_regions(job, count_region, &m);

	if (ret)
		return ret;
	m.meta = kvmalloc_array(m.room + cprm->vma_count, sizeof(*m.meta), GFP_KERNEL);
	if (!m.meta)
		return -ENOMEM;
	ret = az_query_regions(job, add_region, &m);
	keep_linux_backed(&m, cprm);
	return ret;
}

/* ---- Threads --------------------------------------------------------------------------------------------------- */

static const struct az_registers *registers_of(const struct az_twin *twin)
{
	u64 phys = READ_ONCE(twin->slot->registers);
	const struct az_registers *registers = phys_to_virt(phys);

	if (!phys || !az_phys_is_lwk(phys, sizeof(*registers)) || registers->xsave_size > XSAVE_MAX)
		return NULL;
	return az_phys_is_lwk(phys, sizeof(*registers) + registers->xsave_size) ? registers : NULL;
}

/* Twins without a thread wait for the next one. */
bool azalea_core_skips(const struct task_struct *task)
{
	struct az_twin *twin = az_twin_of(task);

	return task != current && dumper() && (!twin || !registers_of(twin));
}

/* A call that the twin has come back from without telling the LWK any more ended with the twin's result. */
static void put_general(struct elf_prstatus *status, const struct az_twin *twin, const struct az_registers *registers)
{
	struct user_regs_struct *to = (struct user_regs_struct *)&status->pr_reg;

	memcpy(to, registers, offsetofend(struct az_registers, gs_base));
	if (twin->kept && twin->slot->nr == registers->orig_ax)
		to->ax = twin->result;
	status->common.pr_sighold = twin->slot->sigmask;
}

/* Linux has filled in what is not state of the program: padding, and the words that describe the format. */
static void put_extended(void *to, size_t size, const struct az_registers *registers)
{
	const struct xregs_state *from = (const void *)registers->xsave;
	size_t legacy = offsetof(struct fxregs_state, padding);

	memcpy(to, from, legacy);
	size = min_t(size_t, size, registers->xsave_size);
	if (size > sizeof(struct fxregs_state))
		memcpy(to + sizeof(struct fxregs_state), (const void *)from + sizeof(struct fxregs_state), size - sizeof(struct fxregs_state));
}

void azalea_core_registers(const struct task_struct *task, int note, void *data, size_t size)
{
	struct az_twin *twin = dumper() ? az_twin_of(task) : NULL;
	const struct az_registers *registers = twin ? registers_of(twin) : NULL;

	if (!registers)
		return;
	if (note == NT_PRSTATUS && size == sizeof(struct elf_prstatus))
		put_general(data, twin, registers);
	if ((note == NT_PRFPREG || note == NT_X86_XSTATE) && size >= sizeof(struct fxregs_state))
		put_extended(data, size, registers);
}

/* ---- Beginning ------------------------------------------------------------------------------------------------- */

/* An LWK that has failed cannot be asked: the file shows the proxy then. */
void azalea_core_begin(struct coredump_params *cprm)
{
	struct az_twin *twin = az_twin_of(current);
	struct az_job *job;
	int ret;

	if (!twin)
		return;
	az_job_halt(twin->job);
	job = az_job_look(current->mm);
	if (!job)
		return;
	az_cputime_credit_all(twin->job);
	twin->dumping = true;
	ret = replace_mappings(cprm, job);
	az_job_look_away();
	if (ret)
		pr_warn("azalea: the core file of process %d is not complete (error %d)\n", task_tgid_nr(current), ret);
}
