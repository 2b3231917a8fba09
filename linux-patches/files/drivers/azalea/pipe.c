// SPDX-License-Identifier: GPL-2.0
/*
 * vmsplice(2) into a pipe, by copying: a pipe that kept pages of the LWK would keep the LWK from using them again for as long as nobody
 * reads it. As Linux's own it waits until the pipe has room for something, and then does not wait for more.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "job.h"

#define BATCH	16		/* pages */

static void release_page(struct splice_pipe_desc *spd, unsigned int i)
{
	__free_page(spd->pages[i]);
}

/* New pages with the next bytes of @iter; the number of bytes, or -errno. */
static ssize_t take_batch(struct splice_pipe_desc *spd, struct iov_iter *iter)
{
	ssize_t taken = 0;

	for (spd->nr_pages = 0; spd->nr_pages < BATCH && iov_iter_count(iter); spd->nr_pages++) {
		struct page *page = alloc_page(GFP_USER);
		size_t length = page ? copy_page_from_iter(page, 0, PAGE_SIZE, iter) : 0;

		if (!length) {
			if (page)
				__free_page(page);
			return taken ?: page ? -EFAULT : -ENOMEM;
		}
		spd->pages[spd->nr_pages] = page;
		spd->partial[spd->nr_pages] = (struct partial_page){ .len = length };
		taken += length;
	}
	return taken;
}

static ssize_t give_batch(struct pipe_inode_info *pipe, struct iov_iter *iter)
{
	struct partial_page partial[BATCH];
	struct page *pages[BATCH];
	struct splice_pipe_desc spd = { pages, partial, 0, BATCH, &default_pipe_buf_ops, release_page };
	ssize_t taken = take_batch(&spd, iter), given;

	if (taken <= 0)
		return taken;
	pipe_lock(pipe);
	given = splice_to_pipe(pipe, &spd);
	pipe_unlock(pipe);
	if (given < taken)
		iov_iter_revert(iter, taken - max_t(ssize_t, given, 0));
	if (given <= 0)
		return given;
	wake_up_interruptible(&pipe->rd_wait);
	kill_fasync(&pipe->fasync_readers, SIGIO, POLL_IN);
	return given;
}

static bool has_room(const struct pipe_inode_info *pipe)
{
	return !READ_ONCE(pipe->readers) || !pipe_full(READ_ONCE(pipe->head), READ_ONCE(pipe->tail), READ_ONCE(pipe->max_usage));
}

static ssize_t give(struct pipe_inode_info *pipe, struct iov_iter *iter, bool wait)
{
	ssize_t given = 0, ret;

	while (iov_iter_count(iter)) {
		ret = give_batch(pipe, iter);
		if (ret == -EAGAIN && wait && !given)
			ret = wait_event_interruptible(pipe->wr_wait, has_room(pipe));
		if (ret < 0)
			return given ?: ret;
		given += ret;
	}
	return given;
}

static long vmsplice_to(struct file *file, const u64 *arg)
{
	struct pipe_inode_info *pipe = get_pipe_info(file, true);
	struct iovec fast[UIO_FASTIOV], *iov = fast;
	struct iov_iter iter;
	long ret = import_iovec(WRITE, (const struct iovec __user *)arg[1], arg[2], UIO_FASTIOV, &iov, &iter);

	if (ret < 0)
		return ret;
	if (!iov_iter_count(&iter))
		ret = 0;
	else
		ret = pipe ? give(pipe, &iter, !(arg[3] & SPLICE_F_NONBLOCK)) : -EBADF;
	kfree(iov);
	return ret;
}

/* (descriptor, vector, its length, flags): true if the pipe is written to, and then the result in *@ret. Reading from one copies anyway. */
bool az_pipe_vmsplice(const u64 *arg, long *ret)
{
	struct fd f = fdget((u32)arg[0]);
	bool writes = f.file && f.file->f_mode & FMODE_WRITE && !((u32)arg[3] & ~SPLICE_F_ALL);

	if (writes)
		*ret = vmsplice_to(f.file, arg);
	fdput(f);
	return writes;
}
