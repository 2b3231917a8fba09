/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making pages present. Frames are found, zeroed or read without the lock, so that many threads can do so at once; then the
 * lock is taken, everything is looked at again, and what somebody else has provided meanwhile stays.
 *
 * A fault fills a window: 2 MB as one page when the region covers it and nothing is there yet; else up to 16 pages of
 * anonymous memory; of a file the 2 MB around the address, as far as the region goes. All in one block of frames; those that
 * find no place go back.
 */
#include "aspace.h"
#include "offload.h"
#include "thread.h"

#define AROUND		(AZ_LENT_MAX * PAGE_SIZE)
#define SEGV_MAPERR	1
#define SEGV_ACCERR	2
#define AGAIN		1	/* the world has changed: look again */

struct window {
	uaddr_t start, end;
	struct file_ref *file;	/* whose contents it gets */
	u64 offset;		/* in the file, of start */
	u64 valid;		/* bytes with contents; pages beyond stay away */
	bool large;		/* may be one 2 MB page */
	struct placement from;
	u32 order;
	paddr_t block;
};

/* By CPU: where it has found a region last. Threads touch the same region many times, however many others there are. */
static struct {
	struct aspace *as;
	u64 changes;		/* as->changes then: while it is the same, the region is there */
	struct region *region;
} __aligned(64) found[AZ_CPUS_MAX];	/* each is its CPU's */

static struct region *find(struct aspace *as, uaddr_t addr) REQUIRES(as->lock)
{
	u32 cpu = arch_cpu();
	struct region *r = found[cpu].region;

	if (found[cpu].as == as && found[cpu].changes == as->changes && addr >= r->start && addr < r->end)
		return r;
	r = region_find(&as->regions, addr);
	if (r) {
		found[cpu].as = as;
		found[cpu].changes = as->changes;
		found[cpu].region = r;
	}
	return r;
}

static bool is_zapped(const struct aspace *as, uaddr_t start, uaddr_t end)
{
	return start < as->zap_end && end > as->zap_start;
}

static long access_check(const struct region *r, u32 access, int *si_code)
{
	u32 need = PROT_ALL;	/* on x86 any right implies reading */

	if (!r) {
		*si_code = SEGV_MAPERR;
		return -EFAULT;
	}
	if (access & FAULT_WRITE)
		need = PROT_WRITE;
	else if (access & FAULT_EXEC)
		need = PROT_EXEC;
	if (r->prot & need)
		return 0;
	*si_code = SEGV_ACCERR;
	return -EFAULT;
}

/* What the error of a forwarded call means for the fault. No lock held. */
static long forward_failed(long err)
{
	/* a file system may be interrupted by a signal; only of a process that ends is nothing known about what Linux still does */
	if (err == -EINTR || must_restart(err))
		return thread_goes_on() ? AGAIN : -EINTR;
	return err == -ENOMEM ? -ENOMEM : -EIO;
}

/* ---- Windows ---- */

static void window_clip(struct window *w, const struct region *r, uaddr_t addr, u64 size)
{
	uaddr_t start = ALIGN_DOWN(addr, size);

	w->start = max(start, r->start);
	w->end = min(start + size, r->end);
	w->offset = r->offset + (w->start - r->start);
}

/* Nothing is there yet, not even a table of small pages. */
static bool is_untouched(struct aspace *as, uaddr_t addr)
{
	u64 span;

	return !pt_find(as->pgd, addr, &span) && span >= LARGE_SIZE;
}

static void window_choose(struct window *w, struct aspace *as, const struct region *r, uaddr_t addr)
{
	w->file = r->file;
	window_clip(w, r, addr, LARGE_SIZE);
	w->large = w->end - w->start == LARGE_SIZE && !as->small_pages && !(r->flags & (REGION_SMALL | REGION_NOHUGE)) && is_untouched(as, addr);
	w->from = policy_place(r, addr, w->large ? LARGE_SIZE : PAGE_SIZE);
	if (!w->large && w->from.alternates)
		window_clip(w, r, addr, PAGE_SIZE);
	else if (!w->large && !r->file)
		window_clip(w, r, addr, AROUND);
}

/* Smaller, still around @addr. False if it is one page already. */
static bool window_shrink(struct window *w, uaddr_t addr)
{
	u64 size = w->end - w->start > AROUND ? AROUND : PAGE_SIZE;
	uaddr_t start = max(w->start, ALIGN_DOWN(addr, size));

	if (w->end - w->start == PAGE_SIZE)
		return false;
	w->offset += start - w->start;
	w->end = min(w->end, ALIGN_DOWN(addr, size) + size);
	w->start = start;
	w->large = false;
	return true;
}

static bool window_alloc(struct window *w, uaddr_t addr)
{
	do {
		w->order = 0;
		while ((PAGE_SIZE << w->order) < w->end - w->start)
			w->order++;
		w->block = policy_alloc(&w->from, w->order);
	} while (!w->block && window_shrink(w, addr));
	return w->block;
}

/* Contents: zeros, or the file's and zeros up to the end of its last page. No lock held: forwards. */
static long window_fill(struct window *w)
{
	u64 len = w->end - w->start;
	long ret;

	if (!w->file) {
		arch_zero(phys_to_virt(w->block), len);
		w->valid = len;
		return 0;
	}
	ret = FORWARD(AZ_CALL_FILE_READ, w->file->handle, w->offset, w->block, len);
	if (ret < 0)
		return forward_failed(ret);
	w->valid = ALIGN_UP(min((u64)ret, len), PAGE_SIZE);
	arch_zero((char *)phys_to_virt(w->block) + ret, w->valid - ret);
	return 0;
}

static bool window_fits(const struct aspace *as, const struct window *w, const struct region *r)
{
	if (!r || (r->flags & REGION_LINUX) || r->file != w->file || w->start < r->start || w->end > r->end)
		return false;
	if (is_zapped(as, w->start, w->end))
		return false;
	return !w->file || r->offset + (w->start - r->start) == w->offset;
}

/* Puts @frame at @addr. -EEXIST if something is there already; the frame is the caller's then, and on other errors. */
static long page_install(struct aspace *as, const struct region *r, uaddr_t addr, paddr_t frame, u64 span)
{
	u64 there, *entry = pt_find(as->pgd, addr, &there);

	if (entry && (pte_load(entry) || there < span))
		return -EEXIST;
	entry = pt_make(as->pgd, addr, span);
	if (!entry)
		return there < span ? -EEXIST : -ENOMEM;
	if (!(r->flags & REGION_CHARGED) && !aspace_charge(as, span))
		return -ENOMEM;
	as->used->resident += span;
	pte_set(entry, pte_make(frame, r->prot, span));
	return 0;
}

/*
 * Small pages, all in one page table. Where memory cannot be promised for all that are missing it may be for @addr's: that one must
 * succeed, the others may fail.
 */
static long pages_install(struct aspace *as, const struct window *w, const struct region *r, uaddr_t addr)
{
	u64 mine = (addr - w->start) >> PAGE_SHIFT, count = w->valid >> PAGE_SHIFT, first = 0, end = count, missing = 0;
	u64 span, *entries = mine < count ? pt_make(as->pgd, w->start, PAGE_SIZE) : NULL;
	u64 rights = pte_make(0, r->prot, PAGE_SIZE);

	frame_carve(w->block, w->order, entries ? count : 0);
	if (!entries && mine >= count)
		return -EIO;
	if (!entries)
		return pt_find(as->pgd, w->start, &span) ? 0 : -ENOMEM;		/* a large page came first, or no table is to be had */
	for (u64 i = 0; i < count; i++)
		missing += !pte_load(&entries[i]);
	if (!(r->flags & REGION_CHARGED) && !aspace_charge(as, missing * PAGE_SIZE)) {
		first = mine;
		end = !pte_load(&entries[mine]) && aspace_charge(as, PAGE_SIZE) ? mine + 1 : mine;
	}
	for (u64 i = 0; i < count; i++) {
		paddr_t frame = w->block + i * PAGE_SIZE;

		if (i < first || i >= end || pte_load(&entries[i])) {
			frame_free(frame, 0);
			continue;
		}
		as->used->resident += PAGE_SIZE;
		pte_set(&entries[i], rights | frame);
	}
	return pte_load(&entries[mine]) ? 0 : -ENOMEM;
}

static long window_install(struct aspace *as, const struct window *w, const struct region *r, uaddr_t addr)
{
	if (w->large && w->valid == LARGE_SIZE && !page_install(as, r, w->start, w->block, LARGE_SIZE))
		return 0;
	return pages_install(as, w, r, addr);
}

/*
 * The process ends while the driver reads into the window: its frames are kept until the address space goes, which the driver
 * asks for only after its last read. If even the note of that cannot be kept, the frames are lost rather than corrupted.
 */
static void window_abandon(struct aspace *as, const struct window *w)
{
	struct limbo *l = kmalloc(sizeof(*l));

	if (!l) {
		log_line("memory: %lu KB lost at %lx", (u64)(PAGE_SIZE << w->order) >> 10, w->block);
		return;
	}
	l->block = w->block;
	l->order = w->order;
	l->next = as->limbo;
	as->limbo = l;
}

/* A page with frames of the LWK. Called with the lock, returns without. */
static long fault_own(struct aspace *as, const struct region *r, uaddr_t addr)
{
	struct window w = { 0 };
	long ret = -ENOMEM;

	window_choose(&w, as, r, addr);
	if (w.file)
		w.file->refs++;
	spin_unlock(&as->lock);

	if (window_alloc(&w, addr))
		ret = window_fill(&w);

	spin_lock(&as->lock);
	r = find(as, addr);
	if (!ret && window_fits(as, &w, r)) {
		ret = window_install(as, &w, r, addr);
	} else if (ret == -EINTR) {
		window_abandon(as, &w);
	} else if (w.block) {
		frame_free(w.block, w.order);
		ret = ret ? ret : AGAIN;
	}
	if (w.file)
		file_put(as, w.file);
	spin_unlock(&as->lock);
	if (w.file)		/* what has none may be asked for where nothing can be forwarded */
		aspace_close_files(as);
	return ret;
}

/* ---- Linux's frames ---- */

/* The pages around one that was touched, of the same mapping and in the same page table. */
static void foreign_window(const struct region *r, uaddr_t page, uaddr_t *start, uaddr_t *end)
{
	uaddr_t around = ALIGN_DOWN(page, AROUND);

	*start = max(around, r->start);
	*end = min(around + AROUND, r->end);
}

/* What Linux has lent around the page that was asked for. */
static void foreign_install_around(struct aspace *as, const struct region *r, uaddr_t start, uaddr_t end, const u64 *lent)
{
	u64 *entry = pt_make(as->pgd, start, PAGE_SIZE);

	if (!entry || is_zapped(as, start, end))
		return;
	for (; start < end; start += PAGE_SIZE, entry++, lent++) {
		u32 prot = *lent & 1 ? r->prot : prot_unwritable(r->prot);

		if (*lent && start >= r->start && start < r->end && !pte_load(entry))
			pte_set(entry, pte_make(pte_frame(*lent), prot, PAGE_SIZE) | AZ_PTE_FOREIGN);
	}
}

static void foreign_install(struct aspace *as, const struct region *r, uaddr_t page, u64 granted)
{
	u32 prot = granted & 1 ? r->prot : prot_unwritable(r->prot);
	u64 *entry = pt_make(as->pgd, page, PAGE_SIZE);
	u64 old;

	if (!entry)
		return;		/* memory is short: the fault comes again */
	old = pte_load(entry);
	if (old && !(granted & 1))
		return;		/* another thread was faster and may have got more */
	pte_set(entry, pte_make(pte_frame(granted), prot, PAGE_SIZE) | AZ_PTE_FOREIGN);
	if (pte_present(old))
		arch_tlb_flush(as, page, page + PAGE_SIZE);
}

/*
 * Called with the lock, returns without. Linux holds a frame that it lends until the LWK tells it to let go of the range. If that happens
 * between Linux's answer and the lock, the answer is worth nothing, even if the region looks as before.
 */
static long fault_linux(struct aspace *as, struct region *r, uaddr_t addr, u32 access)
{
	struct file_ref *file = r->file;
	uaddr_t page = ALIGN_DOWN(addr, PAGE_SIZE);
	/* the processor has no right to write alone, and Linux gives nothing to read that may only be written */
	bool write = (access & FAULT_WRITE) || (r->prot & (PROT_READ | PROT_WRITE)) == PROT_WRITE;
	u64 taken_back = as->taken_back;
	bool may_write = r->prot & PROT_WRITE;
	uaddr_t start, end;
	long granted, ret = 0;

	foreign_window(r, page, &start, &end);
	file->refs++;
	spin_unlock(&as->lock);
	granted = FORWARD(AZ_CALL_LINUX_FAULT, page, write, start, (end - start) >> PAGE_SHIFT, may_write);
	if (granted < 0)
		ret = forward_failed(granted);
	spin_lock(&as->lock);
	r = region_find(&as->regions, addr);
	if (!r || r->file != file || is_zapped(as, page, page + PAGE_SIZE) || as->taken_back != taken_back) {
		ret = AGAIN;
	} else if (!ret && (access & FAULT_WRITE) && !(granted & 1)) {
		ret = -EIO;
	} else if (!ret) {
		foreign_install(as, r, page, granted);
		if (end - start > PAGE_SIZE)
			foreign_install_around(as, r, start, end, slot_lent());
	}
	file_put(as, file);
	spin_unlock(&as->lock);
	aspace_close_files(as);
	return ret;
}

/* ---- Entry points ---- */

/* One look at the page. 0, -errno or AGAIN. */
static long fault_once(struct aspace *as, uaddr_t addr, u32 access, int *si_code)
{
	struct region *r;
	u64 span, *entry;
	long ret;
	u64 e;

	spin_lock(&as->lock);
	r = find(as, addr);
	ret = access_check(r, access, si_code);
	if (ret)
		goto unlock;
	if (is_zapped(as, addr, addr + 1)) {
		ret = access & FAULT_NOSLEEP ? -EAGAIN : AGAIN;
		if (ret == AGAIN)
			aspace_wait(as);
		goto unlock;
	}
	entry = pt_find(as->pgd, addr, &span);
	e = entry ? pte_load(entry) : 0;
	if ((e & AZ_PTE_COW) && (access & (FAULT_WRITE | FAULT_UNSHARE))) {
		ret = cow_break(as, addr, entry, access & FAULT_NOWAIT);
		ret = ret ? ret : AGAIN;
		goto unlock;
	}
	/* somebody was faster, or the TLB has not noticed that more is allowed now */
	if (e && (!(e & AZ_PTE_FOREIGN) || pte_writable(e) || !(access & FAULT_WRITE)))
		goto unlock;
	if ((r->flags & REGION_LINUX) ? access & FAULT_NOWAIT : r->file && (access & FAULT_NOSLEEP)) {
		ret = -EAGAIN;
		goto unlock;
	}
	return r->flags & REGION_LINUX ? fault_linux(as, r, addr, access) : fault_own(as, r, addr);
unlock:
	spin_unlock(&as->lock);
	return ret;
}

long aspace_fault(struct aspace *as, uaddr_t addr, u32 access, int *si_code)
{
	long ret;

	do {
		ret = fault_once(as, addr, access, si_code);
		if (ret == -EFAULT && *si_code == SEGV_MAPERR && !(access & FAULT_NOWAIT) && aspace_extend_stack(as, addr))
			ret = AGAIN;
	} while (ret == AGAIN);
	return ret;
}

static bool is_usable(const u64 *entry, bool write)
{
	u64 e = pte_load(entry);

	return pte_present(e) && !(e & AZ_PTE_COW) && (pte_writable(e) || !write);
}

/*
 * Bytes from @addr that need no fault, as far as one table tells; those behind @end are not looked at. Without the lock, because tables are
 * never freed while threads run.
 */
static u64 present_at(struct aspace *as, uaddr_t addr, uaddr_t end, bool write)
{
	u64 span, *entry = pt_find(as->pgd, addr, &span);
	u64 bytes = span - (addr & (span - 1));

	if (!entry || !is_usable(entry, write))
		return 0;
	while (addr + bytes < end && (entry = pt_neighbour(entry, span)) && is_usable(entry, write))
		bytes += span;
	return bytes;
}

/* Bytes from @addr that Linux has anyway, because the region is Linux-backed. */
static u64 linux_at(struct aspace *as, uaddr_t addr)
{
	struct region *r;
	u64 bytes = 0;

	spin_lock(&as->lock);
	r = region_find(&as->regions, addr);
	if (r && (r->flags & REGION_LINUX))
		bytes = r->end - addr;
	spin_unlock(&as->lock);
	return bytes;
}

long aspace_prepare(struct aspace *as, uaddr_t addr, u64 len, bool write)
{
	uaddr_t end = addr + len;
	u64 there;

	if (addr > AZ_USER_END || len > AZ_USER_END - addr)
		return -EFAULT;
	for (; addr < end; addr += there) {
		there = present_at(as, addr, end, write);
		if (!there)
			there = linux_at(as, addr);
		if (!there && aspace_populate(as, addr, 1, write))
			return -EFAULT;
	}
	return 0;
}

long aspace_populate(struct aspace *as, uaddr_t addr, u64 len, bool write)
{
	uaddr_t end = addr + len;
	int si_code;

	if (addr > AZ_USER_END || len > AZ_USER_END - addr)
		return -EFAULT;
	while (addr < end) {
		u64 present = present_at(as, addr, end, write);

		if (!thread_goes_on())
			return -EINTR;
		if (present)
			addr += present;
		else if (aspace_fault(as, addr, write ? FAULT_WRITE : FAULT_UNSHARE, &si_code))
			return -EFAULT;
	}
	return 0;
}

/* ---- For others on Linux ---- */

/* A frame for a page of a private file, which the driver fills and gives back. */
static void page_lend(struct aspace *as, struct az_page_query *q)
{
	uaddr_t page = ALIGN_DOWN(q->addr, PAGE_SIZE);
	struct placement from;
	struct region *r;

	spin_lock(&as->lock);
	r = region_find(&as->regions, page);
	if (r && r->file && !(r->flags & REGION_LINUX)) {
		from = policy_place(r, page, PAGE_SIZE);
		q->frame = policy_alloc(&from, 0);
		q->ret = q->frame ? AZ_PAGE_READ : -ENOMEM;
	}
	if (q->frame) {
		r->file->refs++;
		q->file = (u64)r->file;
		q->handle = r->file->handle;
		q->offset = r->offset + (page - r->start);
	}
	spin_unlock(&as->lock);
}

/* The file may have been unmapped meanwhile; then the next thread that changes mappings has it closed. */
static void page_take_back(struct aspace *as, struct az_page_query *q)
{
	uaddr_t page = ALIGN_DOWN(q->addr, PAGE_SIZE);
	struct window w = { .start = page, .end = page + PAGE_SIZE, .file = (struct file_ref *)q->file, .offset = q->offset };
	struct region *r;

	spin_lock(&as->lock);
	r = region_find(&as->regions, page);
	q->ret = -EAGAIN;
	if (!q->filled)
		q->ret = -EIO;
	else if (window_fits(as, &w, r))
		q->ret = page_install(as, r, page, q->frame, PAGE_SIZE);
	if (q->ret)
		frame_free(q->frame, 0);
	if (q->ret == -EEXIST)
		q->ret = 0;
	file_put(as, w.file);
	spin_unlock(&as->lock);
}

void aspace_page(struct aspace *as, struct az_page_query *q)
{
	u32 access = FAULT_NOWAIT | FAULT_NOSLEEP | (q->write ? FAULT_WRITE : FAULT_UNSHARE);
	int code;

	if (q->frame) {
		page_take_back(as, q);
		return;
	}
	q->ret = aspace_fault(as, q->addr, access, &code);
	if (q->ret == -EAGAIN)
		page_lend(as, q);
}
