// SPDX-License-Identifier: GPL-2.0
/*
 * The mirror: LWK memory as Linux sees it through the proxy's mapping of the program range.
 *
 * A fault on the mapping walks the LWK's page tables and inserts the frame that it finds there as an ordinary page, so that
 * get_user_pages() and with it direct I/O work. If there is none, the LWK thread whose call the faulting twin carries out is
 * asked to make it present; where there is no such thread, or it cannot, an LWK CPU does so in an interrupt.
 *
 * An entry with AZ_PTE_COW has a frame that other address spaces may have too. It is never inserted: asked for it, the LWK gives the
 * page a frame of its own first. So when that happens for other reasons there is nothing to zap.
 *
 * The LWK may take a frame back at any time. It makes its entry not present first and then, if MIRRORED is set, has a twin call
 * az_mirror_zap(). The lock space->mirror decides races: a fault that inserted before the zap is undone by it; one that comes
 * after it finds the entry not present. MIRRORED is set by cmpxchg before the insertion, so the LWK cannot miss it.
 *
 * The offset of the mapping within the device tells jobs apart: unmap_mapping_range() then finds all pages of one job
 * without mmap_lock, which a twin that waits for the LWK in a page fault may hold.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rmap.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/azalea.h>

#include "job.h"

#define PTE_FRAME	PTE_PFN_MASK
#define TOP_SHIFT	39			/* the LWK uses four levels */
#define TABLES_MAX	(1UL << 20)		/* more than any real process has: a corrupt tree ends the walk */
#define FETCH_TRIES	250		/* ticks that a change of mappings may take; whoever makes it might wait for our mmap_lock */
#define PINNED_POLL	msecs_to_jiffies(100)
#define PINNED_BATCH	1024		/* given back in one turn: the ring has room for more */

/*
 * Blocks that Linux still used when the LWK wanted them back, or to change them: their orders, by frame number. A block is in here once
 * however often that happens, so a program that keeps one busy and changes it all the time costs nothing.
 */
static DEFINE_XARRAY(pinned);
static DEFINE_MUTEX(pinned_lock);

struct leaf {
	u64 *entry;
	u64 value;
	u32 shift;
};

static u64 *table_entry(u64 table, u64 addr, u32 shift)
{
	if (!az_phys_is_lwk(table, PAGE_SIZE))
		return NULL;
	return (u64 *)__va(table) + ((addr >> shift) & (PTRS_PER_PTE - 1));
}

static bool is_leaf(u64 value, u32 shift)
{
	return shift == PAGE_SHIFT || (value & _PAGE_PSE);
}

/* Finds the leaf for @addr, which may be hidden (not present). leaf->value has _PAGE_RW only if all levels allow writing. */
static bool leaf_find(struct az_job *job, u64 addr, struct leaf *leaf)
{
	u64 table = READ_ONCE(az_job_proc(job)->pgd) & PTE_FRAME, allowed = ~0ULL, value;
	u32 shift;

	if (!table)
		return false;
	for (shift = TOP_SHIFT; ; shift -= 9) {
		leaf->entry = table_entry(table, addr, shift);
		if (!leaf->entry)
			return false;
		value = READ_ONCE(*leaf->entry);
		allowed &= value | ~(u64)_PAGE_RW;
		if (is_leaf(value, shift))
			break;
		if (!(value & _PAGE_PRESENT))
			return false;
		table = value & PTE_FRAME;
	}
	leaf->value = value & allowed;
	leaf->shift = shift;
	return value;
}

static bool is_present(const struct leaf *leaf)
{
	return (leaf->value & _PAGE_PRESENT) && (leaf->value & _PAGE_USER);
}

static u64 leaf_frame(const struct leaf *leaf)
{
	return leaf->value & PTE_FRAME & ~((1ULL << leaf->shift) - 1);
}

/* Inserts one page unless something is there, which can only be the same page or one that a refault replaces. */
static void insert_page_locked(struct vm_area_struct *vma, pte_t *pte, unsigned long addr, struct page *page, pgprot_t prot)
{
	if (!pte_none(*pte))
		return;
	get_page(page);
	inc_mm_counter(vma->vm_mm, mm_counter_file(page));
	page_add_file_rmap(page, vma, false);
	set_pte_at(vma->vm_mm, addr, pte, mk_pte(page, prot));
}

/* Inserts the page at @addr, for a large leaf all pages of it that share the page-table page. */
static vm_fault_t insert_leaf(struct vm_fault *vmf, u64 lwk_addr, const struct leaf *leaf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK, first = addr, end = addr + PAGE_SIZE;
	pgprot_t prot = vm_get_page_prot(leaf->value & _PAGE_RW ? VM_SHARED | VM_READ | VM_WRITE : VM_SHARED | VM_READ);
	u64 phys = leaf_frame(leaf) + (lwk_addr & ((1ULL << leaf->shift) - 1));
	spinlock_t *lock;
	pte_t *pte;

	if (leaf->shift > PAGE_SHIFT) {
		first = max(addr & PMD_MASK, vma->vm_start);
		end = min((addr & PMD_MASK) + PMD_SIZE, vma->vm_end);
		phys -= addr - first;
	}
	pte = get_locked_pte(vma->vm_mm, first, &lock);
	if (!pte)
		return VM_FAULT_OOM;
	for (addr = first; addr < end; addr += PAGE_SIZE, phys += PAGE_SIZE, pte++)
		insert_page_locked(vma, pte, addr, pfn_to_page(PHYS_PFN(phys)), prot);
	pte_unmap_unlock(pte - 1, lock);
	return VM_FAULT_NOPAGE;
}

/* Maps what the LWK has at @lwk_addr; 0 if it has nothing there that suits. */
static vm_fault_t mirror_try(struct az_job *job, struct vm_fault *vmf, u64 lwk_addr)
{
	struct leaf leaf;
	vm_fault_t ret = 0;

	down_read(&job->space->mirror);
	while (az_lwk_running() && leaf_find(job, lwk_addr, &leaf) && is_present(&leaf)) {
		u64 old = READ_ONCE(*leaf.entry);

		if ((leaf.value & AZ_PTE_COW) || ((vmf->flags & FAULT_FLAG_WRITE) && !(leaf.value & _PAGE_RW)))
			break;
		ret = VM_FAULT_SIGBUS;
		if (!az_phys_is_lwk(leaf_frame(&leaf), 1ULL << leaf.shift))	/* the proxy maps those itself */
			break;
		ret = 0;
		if ((old | _PAGE_RW) != (leaf.value | _PAGE_RW))
			continue;
		if (!(old & AZ_PTE_MIRRORED) && cmpxchg(leaf.entry, old, old | AZ_PTE_MIRRORED) != old)
			continue;
		ret = insert_leaf(vmf, lwk_addr, &leaf);
		break;
	}
	up_read(&job->space->mirror);
	return ret;
}

/* Has the LWK thread that waits for @twin make @lwk_addr present. True if it did. */
static bool mirror_ask(struct az_twin *twin, u64 lwk_addr, bool write)
{
	struct az_slot *slot = twin->slot;

	slot->fault_addr = lwk_addr;
	slot->fault_write = write;
	do {
		smp_store_release(&slot->state, AZ_SLOT_FAULT);
		az_twin_wake_lwk(twin);
		if (wait_event_killable(twin->wait, az_twin_has_request(twin) || !az_lwk_running()))
			return false;
		WRITE_ONCE(slot->twin_sleeping, 0);
	} while (az_twin_inner_call(twin));
	if (az_lwk_running() && READ_ONCE(slot->fault_ret) == 0)
		return true;
	twin->denied = (lwk_addr & PAGE_MASK) + 1;
	return false;
}

/*
 * No thread can provide the page: somebody else than the program wants it (process_vm_readv, /proc/PID/mem), or it comes from a file and
 * the thread that could read it waits for this call. So the LWK is asked by an interrupt.
 */
static vm_fault_t mirror_fetch(struct az_job *job, struct vm_fault *vmf, u64 lwk_addr)
{
	vm_fault_t found = 0;
	int ret, tries;

	for (tries = 0; tries < FETCH_TRIES && !found && !fatal_signal_pending(current); tries++) {
		ret = az_query_page(job, lwk_addr, vmf->flags & FAULT_FLAG_WRITE);
		if (ret && ret != -EAGAIN)
			break;
		if (ret)
			schedule_timeout_uninterruptible(1);	/* the program is changing the mapping */
		found = mirror_try(job, vmf, lwk_addr);
	}
	return found ?: VM_FAULT_SIGBUS;
}

/*
 * Asks without holding mmap_lock where Linux lets us: another thread of the program may at this moment hold an LWK lock that the
 * asked thread needs, and wait for a twin that needs mmap_lock.
 */
static vm_fault_t mirror_ask_unlocked(struct az_job *job, struct az_twin *twin, struct vm_fault *vmf, u64 lwk_addr)
{
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct file *file;

	if (!fault_flag_allow_retry_first(vmf->flags)) {
		if (mirror_ask(twin, lwk_addr, write))
			return VM_FAULT_NOPAGE;
		twin->denied = 0;
		return mirror_fetch(job, vmf, lwk_addr);
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	file = get_file(vmf->vma->vm_file);
	mmap_read_unlock(vmf->vma->vm_mm);
	mirror_ask(twin, lwk_addr, write);
	fput(file);
	return VM_FAULT_RETRY;
}

static vm_fault_t mirror_fault(struct vm_fault *vmf)
{
	struct az_job *job = vmf->vma->vm_file->private_data;
	u64 lwk_addr = (u64)(vmf->pgoff - job->space->first_page) << PAGE_SHIFT;
	struct az_twin *twin = az_twin_in(job->space);
	bool denied = twin && twin->denied == lwk_addr + 1;
	vm_fault_t ret;

	if (twin)
		twin->denied = 0;
	ret = mirror_try(job, vmf, lwk_addr);
	if (ret)
		return ret;
	/* work that an earlier call has left behind (io_uring) may be done between calls */
	if (denied || !twin || smp_load_acquire(&twin->slot->state) != AZ_SLOT_CALL)
		return mirror_fetch(job, vmf, lwk_addr);
	return mirror_ask_unlocked(job, twin, vmf, lwk_addr);
}

/* A write to a page that was inserted read-only: take it out and fault again, which asks the LWK if need be. */
static vm_fault_t mirror_page_mkwrite(struct vm_fault *vmf)
{
	unmap_mapping_range(vmf->vma->vm_file->f_mapping, (loff_t)vmf->pgoff << PAGE_SHIFT, PAGE_SIZE, 1);
	return VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct mirror_ops = {
	.fault = mirror_fault,
	.page_mkwrite = mirror_page_mkwrite,
};

bool azalea_is_mirror(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &mirror_ops;
}

/* Any part of the program range, by the process that owns the job. */
int az_mirror_map(struct az_job *job, struct vm_area_struct *vma)
{
	bool inside = vma->vm_start >= AZ_USER_START && vma->vm_end <= AZ_USER_END;

	if (!job->space || job->space->mm != current->mm || !(vma->vm_flags & VM_SHARED) || !inside)
		return -EINVAL;
	vma->vm_pgoff = job->space->first_page + (vma->vm_start >> PAGE_SHIFT);
	vma->vm_flags |= VM_MIXEDMAP | VM_DONTCOPY | VM_DONTDUMP | VM_DONTEXPAND;
	vma->vm_ops = &mirror_ops;
	return 0;
}

struct az_space *az_mirror_share(void)
{
	VMA_ITERATOR(vmi, current->mm, AZ_USER_START);
	struct az_space *space = NULL;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	for_each_vma_range(vmi, vma, AZ_USER_END) {
		if (!azalea_is_mirror(vma))
			continue;
		space = az_space_share(((struct az_job *)vma->vm_file->private_data)->space);
		break;
	}
	mmap_read_unlock(current->mm);
	return space;
}

/* The first of [*start, end) where nothing is mapped, up to *gap_end; false if there is none. */
static bool gap_find(u64 *start, u64 end, u64 *gap_end)
{
	VMA_ITERATOR(vmi, current->mm, *start);
	struct vm_area_struct *vma;

	*gap_end = end;
	mmap_read_lock(current->mm);
	for_each_vma(vmi, vma) {
		if (vma->vm_start > *start || vma->vm_start >= end) {
			*gap_end = min_t(u64, vma->vm_start, end);
			break;
		}
		*start = vma->vm_end;
	}
	mmap_read_unlock(current->mm);
	return *start < end;
}

long az_mirror_fill(struct az_space *space, u64 start, u64 end)
{
	unsigned long ret;
	u64 gap_end;

	for (; gap_find(&start, end, &gap_end); start = gap_end) {
		ret = vm_mmap(space->file, start, gap_end - start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, 0);
		if (IS_ERR_VALUE(ret))
			return ret;
	}
	return 0;
}

/* An mm whose program range is a mirror's; bits as high as this Linux does not use. It stays as long as the mm. */
#define MMF_MIRRORED	63

bool azalea_limits(const struct mm_struct *mm)
{
	return test_bit(MMF_MIRRORED, &mm->flags);
}

long az_mirror_begin(struct az_job *job)
{
	job->space->mm = current->mm;
	set_bit(MMF_MIRRORED, &current->mm->flags);
	return az_mirror_fill(job->space, AZ_USER_START, AZ_USER_END);
}

static void mirror_unmap(struct az_space *space, u64 start, u64 length)
{
	unmap_mapping_range(space->device->i_mapping, ((loff_t)space->first_page << PAGE_SHIFT) + start, length, 1);
}

/* ---- Frames that Linux still uses ---------------------------------------------------------------------------- */

static bool frame_in_use(u64 phys, u32 order)
{
	unsigned long pfn = PHYS_PFN(phys), end = pfn + (1UL << order);

	for (; pfn < end; pfn++)
		if (page_count(pfn_to_page(pfn)) > 1)
			return true;
	return false;
}

static bool pinned_paused = true;	/* pinned_lock: the last turn is long ago */

/* It has taken what was sent in earlier turns: one that is busy for long would find its ring full some turns later. */
static bool pinned_taken(const struct az_lwk_cpu *cpu)
{
	return READ_ONCE(cpu->to_lwk->head) == READ_ONCE(cpu->to_lwk->tail);
}

/*
 * The CPU that takes frames back: one that idles or else has entered its kernel since the last turn, which must not be long ago. One that
 * only computes is not interrupted for what others leave behind. False: all do, the frames have to wait.
 */
static bool pinned_taker(u32 *taker)
{
	static u64 seen[AZ_CPUS_MAX];
	u32 cpu, idle = az.cpu_count, entered = az_lwk_running() ? az.cpu_count : 0;

	for (cpu = 0; cpu < az.cpu_count; cpu++) {
		struct az_cpu_stats *stats = &az.cpu[cpu].shared->stats;
		u64 entries = READ_ONCE(stats->calls_local) + READ_ONCE(stats->calls_forwarded) + READ_ONCE(stats->faults);

		if (!pinned_taken(&az.cpu[cpu]))
			continue;
		if (READ_ONCE(stats->idle_since))
			idle = cpu;
		if (entries != seen[cpu] && !pinned_paused)
			entered = cpu;
		seen[cpu] = entries;
	}
	*taker = idle < az.cpu_count ? idle : entered;
	return *taker < az.cpu_count;
}

static void pinned_poll(struct work_struct *work)
{
	unsigned long pfn;
	u32 taker, freed = 0;
	bool taken;
	void *entry;

	mutex_lock(&pinned_lock);
	taken = pinned_taker(&taker);
	xa_for_each(&pinned, pfn, entry) {
		u64 order = xa_to_value(entry);

		if (frame_in_use(PFN_PHYS(pfn), order))
			continue;
		if (!taken || freed++ == PINNED_BATCH)
			break;
		az_event_to_lwk(taker, AZ_EVENT(AZ_EV_FRAME_FREE, (u64)pfn << 8 | order));
		xa_erase(&pinned, pfn);
	}
	pinned_paused = xa_empty(&pinned);
	if (!pinned_paused)
		schedule_delayed_work(to_delayed_work(work), PINNED_POLL);
	mutex_unlock(&pinned_lock);
}

static DECLARE_DELAYED_WORK(pinned_work, pinned_poll);

/* In there already, by itself or with the 2 MB that it was a part of? (Small pages never become a large one again.) */
static bool pinned_known(unsigned long pfn)
{
	void *large = xa_load(&pinned, pfn & ~(PTRS_PER_PTE - 1UL));

	return xa_load(&pinned, pfn) || (large && xa_to_value(large) > 0);
}

/* True if the LWK has to be told. */
static bool pinned_add(u64 phys, u32 order)
{
	unsigned long pfn = PHYS_PFN(phys);
	bool fresh;

	mutex_lock(&pinned_lock);
	fresh = !pinned_known(pfn);
	if (fresh)
		xa_store(&pinned, pfn, xa_mk_value(order), GFP_KERNEL | __GFP_NOFAIL);
	mutex_unlock(&pinned_lock);
	schedule_delayed_work(&pinned_work, PINNED_POLL);
	return fresh;
}

bool az_mirror_has_pinned(void)
{
	return !xa_empty(&pinned);
}

/* ---- Walking the LWK's tables --------------------------------------------------------------------------------- */

struct walk {
	u64 start, end;
	void (*leaf)(struct walk *walk, u64 *entry, u64 addr, u32 shift);	/* for each entry that is not empty */
	struct az_usage *usage;		/* of usage_leaf */
	bool present;			/* of zap_leaf: also entries that are still present, as nobody uses them any more */
	unsigned long tables;		/* page tables seen */
};

/* Nothing in eight entries, a line of the cache: most tables are nearly empty. */
static bool line_is_empty(const u64 *entry)
{
	return !((uintptr_t)entry & 63) && !(entry[0] | entry[1] | entry[2] | entry[3] | entry[4] | entry[5] | entry[6] | entry[7]);
}

/* The part of the tree at @table, which maps addresses from @base, one entry per 1 << @shift bytes. */
static void walk_table(struct walk *walk, u64 table, u64 base, u32 shift)
{
	u64 size = 1ULL << shift, addr = max(base, walk->start & ~(size - 1)), end = min(base + (size << 9), walk->end);
	u64 *entries = __va(table);

	if (walk->tables++ > TABLES_MAX || !az_phys_is_lwk(table, PAGE_SIZE))
		return;
	cond_resched();
	for (; addr < end; addr += size) {
		u64 *entry = &entries[(addr >> shift) & (PTRS_PER_PTE - 1)], value = READ_ONCE(*entry);

		if (!value && line_is_empty(entry))
			addr += 7 * size;
		else if ((value & _PAGE_PRESENT) && !is_leaf(value, shift) && value & AZ_PTE_EMPTY)
			continue;
		else if ((value & _PAGE_PRESENT) && !is_leaf(value, shift))
			walk_table(walk, value & PTE_FRAME, addr, shift - 9);
		else if (value && shift < TOP_SHIFT)
			walk->leaf(walk, entry, addr, shift);
	}
}

/* Without the LWK's locks: it never frees a table while its process lives. */
static void walk_tables(struct az_job *job, struct walk *walk)
{
	u64 pgd = READ_ONCE(az_job_proc(job)->pgd) & PTE_FRAME;

	if (pgd)
		walk_table(walk, pgd, 0, TOP_SHIFT);
}

/* ---- Looking --------------------------------------------------------------------------------------------------- */

static u32 node_of(u64 phys)
{
	u32 i;

	for (i = 0; i < az.range_count; i++) {
		if (phys >= az.range[i].start && phys - az.range[i].start < az.range[i].size)
			return az.range[i].node % AZ_NODES_MAX;
	}
	return 0;
}

static void usage_leaf(struct walk *walk, u64 *entry, u64 addr, u32 shift)
{
	u64 value = READ_ONCE(*entry), bytes = min(walk->end, addr + (1ULL << shift)) - max(walk->start, addr);

	if (value & AZ_PTE_FOREIGN) {
		walk->usage->foreign += bytes;
		return;
	}
	walk->usage->own += bytes;
	walk->usage->large += shift > PAGE_SHIFT ? bytes : 0;
	walk->usage->node[node_of(value & PTE_FRAME)] += bytes;
}

void az_mirror_usage(struct az_job *job, u64 start, u64 end, struct az_usage *usage)
{
	struct walk walk = { .start = start, .end = min(end, AZ_USER_END), .leaf = usage_leaf, .usage = usage };

	walk_tables(job, &walk);
}

struct page *az_mirror_page(struct az_job *job, u64 addr)
{
	struct page *page;
	struct leaf leaf;
	u64 phys;

	if (!leaf_find(job, addr, &leaf))
		return NULL;
	phys = leaf_frame(&leaf) + (addr & ((1ULL << leaf.shift) - 1) & PAGE_MASK);
	if (!az_phys_is_lwk(phys, PAGE_SIZE))
		return NULL;
	page = pfn_to_page(PHYS_PFN(phys));
	get_page(page);
	return page;
}

/* ---- Zap ------------------------------------------------------------------------------------------------------- */

static void zap_leaf(struct walk *walk, u64 *entry, u64 addr, u32 shift)
{
	u64 value = READ_ONCE(*entry), phys = value & PTE_FRAME & ~((1ULL << shift) - 1);

	if (!(value & AZ_PTE_MIRRORED) || (value & (AZ_PTE_FOREIGN | AZ_PTE_PINNED)))
		return;
	if ((value & _PAGE_PRESENT) && !walk->present)
		return;
	if (!az_phys_is_lwk(phys, 1ULL << shift) || !frame_in_use(phys, shift - PAGE_SHIFT))
		return;
	if (pinned_add(phys, shift - PAGE_SHIFT))
		set_bit(ilog2(AZ_PTE_PINNED), (unsigned long *)entry);
}

long az_mirror_zap(struct az_job *job, u64 start, u64 length)
{
	struct walk walk = { .start = start & PAGE_MASK, .end = PAGE_ALIGN(start + length), .leaf = zap_leaf };

	if (start < AZ_USER_START || length > AZ_USER_END || start + length > AZ_USER_END)
		return -EINVAL;
	down_write(&job->space->mirror);
	mirror_unmap(job->space, walk.start, walk.end - walk.start);
	walk_tables(job, &walk);
	up_write(&job->space->mirror);
	return 0;
}

void az_mirror_remove(struct az_space *space)
{
	down_write(&space->mirror);
	mirror_unmap(space, 0, AZ_USER_END);
	up_write(&space->mirror);
}

void az_mirror_quarantine(struct az_job *job)
{
	struct walk walk = { .end = AZ_USER_END, .leaf = zap_leaf, .present = true };

	walk_tables(job, &walk);
}
