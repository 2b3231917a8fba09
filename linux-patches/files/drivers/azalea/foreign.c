// SPDX-License-Identifier: GPL-2.0
/*
 * Foreign memory: what the program maps but Linux must own (files shared for writing, /dev/shm). The proxy really maps
 * it at the program's address, in place of the mirror, and the LWK asks for a 4 KB frame where the program has touched it, and gets with
 * it those around that Linux has at hand. They stay pinned until the mapping goes. The LWK marks such entries FOREIGN.
 *
 * An address has at most two pins, one for reading and one for writing, and the first of each kind stays: what another thread of the
 * LWK was told a moment ago, and installs a moment later, is held. Pins go only after the mapping has changed, so none of what
 * was mapped before is taken once more, or after the file has (withdraw.c). Answers that cross with that the LWK itself throws away
 * (fault_linux()).
 */
#define pr_fmt(fmt) "azalea: " fmt

#include <linux/hugetlb.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/net.h>
#include <linux/secretmem.h>
#include <linux/shm.h>
#include <linux/syscalls.h>
#include <asm/syscall.h>

#include <linux/azalea.h>

#include "job.h"

static bool range_is_programs(u64 start, u64 length)
{
	return !offset_in_page(start) && length && start >= AZ_USER_START && length <= AZ_USER_END &&
	       start + length <= AZ_USER_END;
}

/* Linux does not see what the LWK's CPUs write, so every page that they may write is dirty. */
void az_unpin(struct page *page, bool writable)
{
	unpin_user_pages_dirty_lock(&page, 1, writable);
}

static void unpin_range(struct az_space *space, u64 start, u64 length)
{
	unsigned long index, last = az_pin_index(start + length - 1, true);
	struct page *page;

	xa_for_each_range(&space->pins, index, page, az_pin_index(start, false), last) {
		page = xa_erase(&space->pins, index);	/* only one of those who find it */
		if (page)
			az_unpin(page, index & 1);
	}
}

/* Gives the range back to the mirror. */
static long map_mirror(struct az_space *space, u64 start, u64 length)
{
	unsigned long ret = vm_mmap(space->file, start, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0);

	return IS_ERR_VALUE(ret) ? (long)ret : 0;
}

/* Without the mirror calls would not find what the LWK maps there, and the program cannot go on. */
static void end_program(void)
{
	pr_err("process %d is ended: Linux has no memory for its mappings\n", task_tgid_nr(current));
	send_sig(SIGKILL, current, 0);
}

/* A call of Linux has removed something, by failing late or by moving it away: the mirror is put back. */
static void mend_mirror(struct az_space *space, u64 start, u64 length)
{
	if (az_mirror_fill(space, start, start + length))
		end_program();
}

/*
 * Does the range consist of pages of memory that can be held? The registers and memory of devices cannot; their frames have no owner that
 * would tell when they go.
 */
static bool is_lendable(u64 start, u64 length)
{
	VMA_ITERATOR(vmi, current->mm, start);
	struct vm_area_struct *vma;
	bool lendable = true;

	mmap_read_lock(current->mm);
	for_each_vma_range(vmi, vma, start + length)
		if ((vma->vm_flags & (VM_IO | VM_PFNMAP)) || vma_is_fsdax(vma) || vma_is_secretmem(vma))
			lendable = false;
	mmap_read_unlock(current->mm);
	return lendable;
}

/* log2 of the size of a file's pages, 0: 4 KB. */
static u32 file_shift(struct file *file)
{
	return is_file_hugepages(file) ? huge_page_shift(hstate_file(file)) : 0;
}

static u32 pool_shift(u32 flags)
{
	struct hstate *pool = flags & MAP_HUGETLB ? hstate_sizelog(flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK) : NULL;

	return pool ? huge_page_shift(pool) : 0;
}

/* As file_shift(), of what is to be mapped; -ENODEV: what loses pages unseen. What else may be wrong Linux will say. */
static int object_shift(u32 flags, int fd)
{
	struct socket *socket;
	struct file *file;
	int ret;

	if (flags & MAP_ANONYMOUS)
		return pool_shift(flags);
	file = fget(fd);
	if (!file)
		return 0;
	socket = sock_from_file(file);
	/* TCP_ZEROCOPY_RECEIVE exchanges the pages that are mapped */
	ret = socket && socket->type == SOCK_STREAM ? -ENODEV : file_shift(file);
	fput(file);
	return ret;
}

/* (address, length, prot, flags and the LWK's idea of the size of pages, fd, offset) */
long az_foreign_map(struct az_job *job, const u64 *arg)
{
	u32 flags = arg[3];
	int shift = object_shift(flags, arg[4]);
	struct pt_regs regs = {
		.di = arg[0], .si = arg[1], .dx = arg[2], .r10 = flags | MAP_FIXED, .r8 = arg[4], .r9 = arg[5],
	};
	long ret;

	if (!range_is_programs(arg[0], arg[1]))
		return -EINVAL;
	if (shift < 0)
		return shift;
	if (shift != arg[3] >> 32)
		return shift ?: -EINVAL;
	if (shift && (arg[0] | arg[1]) & ((1ULL << shift) - 1))
		return -EINVAL;		/* Linux would round the length up, over what comes next */
	ret = x64_sys_call(&regs, __NR_mmap);
	if (IS_ERR_VALUE(ret)) {
		mend_mirror(job->space, arg[0], arg[1]);
		return ret;
	}
	if (is_lendable(arg[0], arg[1]))
		return 0;
	if (map_mirror(job->space, arg[0], arg[1]))
		end_program();
	return -ENODEV;
}

/* (address, length) */
long az_foreign_unmap(struct az_job *job, const u64 *arg)
{
	long ret;

	if (!range_is_programs(arg[0], arg[1]))
		return -EINVAL;
	ret = map_mirror(job->space, arg[0], arg[1]);
	unpin_range(job->space, arg[0], arg[1]);
	return ret;
}

/* (address, length, prot): mprotect for a range that is mapped here */
long az_foreign_protect(const u64 *arg)
{
	struct pt_regs regs = { .di = arg[0], .si = arg[1], .dx = arg[2] };

	if (!range_is_programs(arg[0], arg[1]))
		return -EINVAL;
	return x64_sys_call(&regs, __NR_mprotect);
}

/*
 * (address, length, new length, flags, new address): mremap of a range that is mapped here. With MREMAP_FIXED it moves; else it grows
 * where it is, into what is the mirror's so far.
 */
long az_foreign_remap(struct az_job *job, const u64 *arg)
{
	bool moves = arg[3] & MREMAP_FIXED, leaves = moves && arg[1] && !(arg[3] & MREMAP_DONTUNMAP);
	u64 fresh = moves ? arg[4] : arg[0] + arg[1], fresh_length = moves ? arg[2] : arg[2] - arg[1];
	struct pt_regs regs = { .di = arg[0], .si = arg[1], .dx = arg[2], .r10 = arg[3], .r8 = arg[4] };
	long ret;

	if (!range_is_programs(arg[0], arg[1] ?: PAGE_SIZE) || !range_is_programs(fresh, fresh_length))
		return -EINVAL;
	if (!moves)
		vm_munmap(fresh, fresh_length);
	ret = x64_sys_call(&regs, __NR_mremap);
	if (IS_ERR_VALUE(ret)) {
		mend_mirror(job->space, fresh, fresh_length);
		return ret;
	}
	if (leaves)
		mend_mirror(job->space, arg[0], arg[1]);
	if (moves && arg[1])
		unpin_range(job->space, arg[0], arg[1]);
	return ret;
}

static bool advice_is_known(u64 advice)
{
	return advice == MADV_DONTFORK || advice == MADV_DOFORK || advice == MADV_DONTDUMP || advice == MADV_DODUMP ||
	       advice == MADV_REMOVE || advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
}

/* (address, length, advice): madvise for a range that is mapped here. Of what is removed the LWK has no frames any more. */
long az_foreign_advise(struct az_job *job, const u64 *arg)
{
	struct pt_regs regs = { .di = arg[0], .si = arg[1], .dx = arg[2] };
	long ret;

	if (!range_is_programs(arg[0], arg[1]) || !advice_is_known(arg[2]))
		return -EINVAL;
	ret = x64_sys_call(&regs, __NR_madvise);
	if (arg[2] == MADV_REMOVE)
		unpin_range(job->space, arg[0], arg[1]);
	return ret;
}

/* (start, size, 0, page, flags): remap_file_pages of a range that is mapped here. The LWK has no frames of it any more. */
long az_foreign_reorder(struct az_job *job, const u64 *arg)
{
	struct pt_regs regs = { .di = arg[0], .si = arg[1], .dx = arg[2], .r10 = arg[3], .r8 = arg[4] };
	long ret;

	if (!range_is_programs(arg[0], arg[1]))
		return -EINVAL;
	ret = x64_sys_call(&regs, __NR_remap_file_pages);
	unpin_range(job->space, arg[0], arg[1]);
	return ret;
}

/* The page behind a pin, with a reference: another twin may unpin it meanwhile. NULL if it has done so. */
static struct page *pinned_page(struct az_space *space, unsigned long index)
{
	struct page *page;

	xa_lock(&space->pins);
	page = xa_load(&space->pins, index);
	if (page)
		get_page(page);
	xa_unlock(&space->pins);
	return page;
}

/* As in az_unpin(), every page of [@start, @end) that the LWK may write is dirty. */
static void dirty_pins(struct az_space *space, u64 start, u64 end)
{
	unsigned long index, last = az_pin_index(end - 1, true);
	struct page *page;

	xa_for_each_range(&space->pins, index, page, az_pin_index(start, false), last) {
		page = index & 1 ? pinned_page(space, index) : NULL;
		if (!page)
			continue;
		set_page_dirty_lock(page);
		put_page(page);
	}
}

/* (address, length, flags): msync */
long az_foreign_sync(struct az_job *job, const u64 *arg)
{
	struct pt_regs regs = { .di = arg[0], .si = arg[1], .dx = arg[2] };

	if (!range_is_programs(arg[0], arg[1]))
		return -EINVAL;
	dirty_pins(job->space, arg[0], arg[0] + arg[1]);
	return x64_sys_call(&regs, __NR_msync);
}

/* What stacks on other file systems has another file mapped (vma_set_file()). */
static bool maps(const struct vm_area_struct *vma, const struct file *file)
{
	const struct file *mapped = vma->vm_file;

	return mapped && (mapped->f_mapping == file->f_mapping || file_inode(mapped) == d_real_inode(file->f_path.dentry));
}

/* Dirties what is mapped shared of @file or, if NULL, of all files. */
static void flush_mappings(struct az_space *space, const struct file *file)
{
	VMA_ITERATOR(vmi, current->mm, AZ_USER_START);
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	for_each_vma_range(vmi, vma, AZ_USER_END) {
		if (!azalea_is_mirror(vma) && (!file || maps(vma, file)))
			dirty_pins(space, vma->vm_start, vma->vm_end);
	}
	mmap_read_unlock(current->mm);
}

void az_foreign_flush(struct az_space *space, int fd)
{
	struct fd f = fdget(fd);

	if (f.file)
		flush_mappings(space, f.file);
	fdput(f);
}

void az_foreign_flush_all(struct az_space *space)
{
	flush_mappings(space, NULL);
}

/* ---- System V segments ----------------------------------------------------------------------------------------- */

static long shm_attach(u64 id, u64 addr, u64 prot, unsigned long *at)
{
	int flags = (prot & PROT_WRITE ? 0 : SHM_RDONLY) | (prot & PROT_EXEC ? SHM_EXEC : 0) | (addr ? SHM_REMAP : 0);

	return do_shmat(id, (char __user *)addr, flags, at, SHMLBA);
}

/* Bytes from @start on, and file_shift() of what is mapped there. */
static u64 mapped_at(unsigned long start)
{
	struct vm_area_struct *vma;
	u64 found = 0;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, start);
	if (vma)
		found = (vma->vm_end - start) | (vma->vm_file ? file_shift(vma->vm_file) : 0);
	mmap_read_unlock(current->mm);
	return found;
}

static u64 mapped_length(unsigned long start)
{
	return mapped_at(start) & PAGE_MASK;
}

/* (id, prot): Linux tells the size of a segment only to those who may attach it, so attach it for a moment, wherever there is room. */
long az_foreign_shm_size(const u64 *arg)
{
	unsigned long start;
	long ret = shm_attach(arg[0], 0, arg[1], &start);

	if (ret)
		return ret;
	ret = mapped_at(start);
	ksys_shmdt((char __user *)start);
	return ret;
}

/* (address, length, id, prot) */
long az_foreign_shm_attach(struct az_job *job, const u64 *arg)
{
	unsigned long start;
	u64 length;
	long ret;

	if (!range_is_programs(arg[0], arg[1]))
		return -EINVAL;
	ret = shm_attach(arg[2], arg[0], arg[3], &start);
	length = ret ? arg[1] : mapped_length(start);
	if (!ret && length != arg[1]) {
		ret = -EIDRM;		/* the number has passed to another segment meanwhile */
		ksys_shmdt((char __user *)start);
	}
	if (ret)
		mend_mirror(job->space, arg[0], length);
	return ret;
}

/* ---- Rings of aio ---------------------------------------------------------------------------------------------- */

#define AIO_RING_MAX	SZ_512M		/* Linux refuses what needs more than 256 MB for its events */

/* (count, address of the context): io_setup; bytes of the ring, which is still where Linux put it */
long az_foreign_aio_setup(const u64 *arg)
{
	struct pt_regs regs = { .di = arg[0], .si = arg[1] };
	unsigned long context;
	long ret = x64_sys_call(&regs, __NR_io_setup);

	if (ret)
		return ret;
	return get_user(context, (unsigned long __user *)arg[1]) ? -EFAULT : mapped_length(context);
}

/* (address, length, address of the context): moves the ring to the address, by which it is known from then on */
long az_foreign_aio_attach(struct az_job *job, const u64 *arg)
{
	struct pt_regs regs = { .si = arg[1], .dx = arg[1], .r10 = MREMAP_MAYMOVE | MREMAP_FIXED, .r8 = arg[0] };
	unsigned long __user *context = (unsigned long __user *)arg[2];
	long ret;

	if (!range_is_programs(arg[0], arg[1]) || get_user(regs.di, context))
		return -EFAULT;
	if (regs.di < AZ_USER_END || mapped_length(regs.di) != arg[1])
		return -EINVAL;			/* the program has changed it meanwhile */
	ret = x64_sys_call(&regs, __NR_mremap);
	if (!IS_ERR_VALUE(ret))
		return put_user(arg[0], context);
	mend_mirror(job->space, arg[0], arg[1]);
	return ret;
}

/* (context): io_destroy, which also unmaps; bytes of the ring, or 0 if something else was mapped there */
long az_foreign_aio_destroy(struct az_job *job, const u64 *arg)
{
	struct pt_regs regs = { .di = arg[0] };
	struct vm_area_struct *vma;
	u64 length;
	long ret;

	if (!range_is_programs(arg[0], PAGE_SIZE))
		return -EINVAL;
	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, arg[0]);
	length = vma && !azalea_is_mirror(vma) ? vma->vm_end - arg[0] : 0;
	mmap_read_unlock(current->mm);
	ret = x64_sys_call(&regs, __NR_io_destroy);
	mend_mirror(job->space, arg[0], min_t(u64, AIO_RING_MAX, AZ_USER_END - arg[0]));
	return ret ?: length;
}

/* ---- Frames ---------------------------------------------------------------------------------------------------- */

/* Keeps @page, unless there is a pin already. One of a page that Linux has taken out of the file goes first. */
static long pin_store(struct az_job *job, u64 addr, struct page *page, bool write)
{
	struct az_space *space = job->space;
	unsigned long index = az_pin_index(addr, write);
	struct page *there;

	for (;;) {
		there = xa_cmpxchg(&space->pins, index, NULL, page, GFP_KERNEL);
		if (xa_is_err(there) || !az_withdraw_is_stale(space, index, there, page))
			break;
		az_withdraw_stale(space, addr);
	}
	if (there)
		az_unpin(page, write);
	if (xa_is_err(there))
		return xa_err(there);
	return page_to_phys(there ?: page) | write;
}

/* Up to @count pages that Linux has mapped in a row, no fault is taken for them; how many. */
static int lend_run(struct az_job *job, u64 start, int count, bool write, u64 *lent)
{
	struct page *page[AZ_LENT_MAX];
	int i, got = pin_user_pages_fast_only(start, count, FOLL_LONGTERM | (write ? FOLL_WRITE : 0), page);

	for (i = 0; i < got; i++) {
		long frame = -EFAULT;

		if (az_phys_is_lwk(page_to_phys(page[i]), PAGE_SIZE))
			unpin_user_page(page[i]);
		else
			frame = pin_store(job, start + i * PAGE_SIZE, page[i], write);
		lent[i] = frame < 0 ? 0 : frame;
	}
	return max(got, 0);
}

/* The pages of a window that are mapped in the proxy, for writing where they are. */
static void lend_around(struct az_job *job, u64 start, int count, bool may_write, u64 *lent)
{
	int i, got;

	memset(lent, 0, AZ_LENT_MAX * sizeof(*lent));
	for (i = 0; i < count; i += got ?: 1) {
		got = may_write ? lend_run(job, start + i * PAGE_SIZE, count - i, true, lent + i) : 0;
		if (!got)
			got = lend_run(job, start + i * PAGE_SIZE, count - i, false, lent + i);
	}
}

/*
 * (address, write, start, pages, may write): physical address of the frame, bit 0: may be written. Reading has Linux map the pages
 * around that are in its page cache (do_fault_around()), writing does not; so a page that is written first is read before.
 */
static long lend(struct az_twin *twin, const u64 *arg)
{
	struct az_job *job = twin->job;
	bool around = arg[3] > 1 && arg[3] <= AZ_LENT_MAX && range_is_programs(arg[2], arg[3] * PAGE_SIZE);
	u64 index = ((arg[0] & PAGE_MASK) - arg[2]) >> PAGE_SHIFT;
	struct page *page;
	long frame;
	char byte;
	int ret;

	if (around && arg[1] && !xa_load(&job->space->pins, az_pin_index(arg[0], false)))
		ret = get_user(byte, (char __user *)arg[0]);
	ret = pin_user_pages_fast(arg[0] & PAGE_MASK, 1, FOLL_LONGTERM | (arg[1] ? FOLL_WRITE : 0), &page);
	if (ret != 1)
		return ret < 0 ? ret : -EFAULT;
	if (az_phys_is_lwk(page_to_phys(page), PAGE_SIZE)) {
		unpin_user_page(page);
		return -EFAULT;
	}
	frame = pin_store(job, arg[0], page, arg[1] != 0);
	if (frame < 0 || !around)
		return frame;
	lend_around(job, arg[2], arg[3], arg[4], twin->slot->lent);
	return index < arg[3] && twin->slot->lent[index] & 1 ? twin->slot->lent[index] : frame;
}

long az_foreign_fault(struct az_twin *twin, const u64 *arg)
{
	long ret;

	if (!range_is_programs(arg[0] & PAGE_MASK, PAGE_SIZE))
		return -EINVAL;
	az_withdraw_lend(twin->job->space);
	ret = lend(twin, arg);
	az_withdraw_lent(twin->job->space);
	return ret;
}

/* (address): NUMA node of the page that is mapped here */
long az_foreign_node(const u64 *arg)
{
	struct page *page;
	long node;

	if (!range_is_programs(arg[0] & PAGE_MASK, PAGE_SIZE) || get_user_pages_fast(arg[0] & PAGE_MASK, 1, 0, &page) != 1)
		return -EFAULT;
	node = page_to_nid(page);
	put_page(page);
	return node;
}

void az_foreign_release(struct az_space *space)
{
	cancel_work_sync(&space->leave);
	unpin_range(space, AZ_USER_START, AZ_USER_END - AZ_USER_START);
}
