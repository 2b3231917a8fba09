// SPDX-License-Identifier: GPL-2.0
/*
 * Files that a program maps privately: the LWK holds them open here by handle, and has their contents read straight into its
 * frames. Permission is checked once, when the mapping is made, by the rules of Linux's mmap.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/major.h>
#include <linux/mman.h>
#include <linux/security.h>

#include "job.h"

#define ZERO_MINOR	5

/* Linux too makes private mappings of it anonymous memory (mmap_zero() in drivers/char/mem.c). */
static bool is_zero_device(struct file *file)
{
	struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) && inode->i_rdev == MKDEV(MEM_MAJOR, ZERO_MINOR);
}

static int mapping_allowed(struct file *file, unsigned long prot, unsigned long flags)
{
	bool shared_write = (flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE);

	if ((flags & MAP_HUGETLB) && !is_file_hugepages(file))
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ) || (shared_write && !(file->f_mode & FMODE_WRITE)))
		return -EACCES;
	if ((prot & PROT_EXEC) && path_noexec(&file->f_path))
		return -EPERM;
	if (!file->f_op->mmap || !(S_ISREG(file_inode(file)->i_mode) || is_zero_device(file)) || is_file_hugepages(file))
		return -ENODEV;
	return security_mmap_file(file, prot, flags);
}

/* (fd, prot, flags): handle, or AZ_FILE_ZERO */
long az_file_open(struct az_job *job, const u64 *arg)
{
	struct file *file = fget(arg[0]);
	u32 handle;
	long ret;

	if (!file)
		return -EBADF;
	ret = mapping_allowed(file, arg[1], arg[2]);
	if (!ret && is_zero_device(file))
		ret = AZ_FILE_ZERO;
	if (!ret)
		ret = xa_alloc(&job->space->files, &handle, file, xa_limit_31b, GFP_KERNEL);
	if (ret) {
		fput(file);
		return ret;
	}
	return handle;
}

/* The file behind a handle, with a reference: another twin may close it meanwhile. NULL if there is none. */
struct file *az_file_get(struct az_job *job, u64 handle)
{
	struct file *file;

	xa_lock(&job->space->files);
	file = xa_load(&job->space->files, handle);
	if (file)
		get_file(file);
	xa_unlock(&job->space->files);
	return file;
}

/* What is mapped comes through the page cache, also of a descriptor that bypasses it, as it may at any time (F_SETFL). */
static struct file *get_buffered(struct az_job *job, u64 handle)
{
	struct file *file = az_file_get(job, handle), *direct = file;

	if (!file)
		return ERR_PTR(-EBADF);
	if (!(file->f_flags & O_DIRECT))
		return file;
	file = dentry_open(&direct->f_path, O_RDONLY | O_LARGEFILE, direct->f_cred);
	fput(direct);
	return file;
}

/* (handle, offset, physical address, length): bytes read, less than length only at the end of the file */
long az_file_read(struct az_job *job, const u64 *arg)
{
	struct file *file;
	loff_t offset = arg[1];
	size_t done = 0;
	ssize_t ret;

	if (!az_phys_is_lwk(arg[2], arg[3]) || offset < 0)
		return -EINVAL;
	file = get_buffered(job, arg[0]);
	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		ret = kernel_read(file, __va(arg[2]) + done, arg[3] - done, &offset);
		done += max(ret, (ssize_t)0);
	} while (ret > 0 && done < arg[3]);
	fput(file);
	return ret < 0 ? ret : done;
}

/*
 * The calling thread holds the lock of the file's inode: it is inside a call that writes to this very file, and some file systems take
 * that lock for reading.
 */
static bool is_locked_by_caller(struct az_job *job, u64 handle)
{
	struct file *file = az_file_get(job, handle);
	bool locked;

	if (!file)
		return false;
	locked = (struct task_struct *)(atomic_long_read(&file_inode(file)->i_rwsem.owner) & ~7L) == current;	/* the low bits are flags */
	fput(file);
	return locked;
}

/* A signal is handled only after the outer call: to try an interrupted read again would be in vain. */
long az_file_read_inside(struct az_job *job, const u64 *arg)
{
	long ret = is_locked_by_caller(job, arg[0]) ? -EDEADLK : az_file_read(job, arg);

	return ret < 0 && signal_pending(current) ? -EIO : ret;
}

long az_file_close(struct az_job *job, const u64 *arg)
{
	struct file *file = xa_erase(&job->space->files, arg[0]);

	if (!file)
		return -EBADF;
	fput(file);
	return 0;
}

void az_files_release(struct az_space *space)
{
	unsigned long handle;
	struct file *file;

	xa_for_each(&space->files, handle, file)
		fput(file);
}
