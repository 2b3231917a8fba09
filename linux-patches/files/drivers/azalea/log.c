// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the LWK's log ring. The LWK writes on without looking at readers: what was overwritten while it was copied is
 * noticed and skipped. The log of a stopped or failed LWK stays readable until the next boot.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "internal.h"

#define CHUNK	SZ_16K

static u64 written(void)
{
	struct az_log *log = READ_ONCE(az.log);

	return log ? smp_load_acquire(&log->written) : 0;
}

/* Copies from *@offset, which moves to the oldest byte there is, or to 0 if the log is not that long (a new boot). */
static u32 log_copy(u64 *offset, void *buffer, u32 size)
{
	u64 end, from;
	u32 length, part;

	do {
		end = written();
		from = *offset > end ? 0 : *offset;
		if (end - from > az.log_size)
			from = end - az.log_size;
		length = min_t(u64, size, end - from);
		part = min_t(u64, length, az.log_size - from % az.log_size);
		memcpy(buffer, az.log->data + from % az.log_size, part);
		memcpy(buffer + part, az.log->data, length - part);
		smp_rmb();	/* log_copy, pairs with the LWK's release of written: data before the second look */
	} while (written() - from > az.log_size);
	*offset = from;
	return length;
}

static int log_chunk(struct az_ioc_log *request)
{
	u32 size = min_t(u32, request->size, CHUNK);
	void *buffer = kvmalloc(CHUNK, GFP_KERNEL);
	int ret = 0;

	if (!buffer)
		return -ENOMEM;
	mutex_lock(&az.lock);	/* no boot may move the log meanwhile */
	request->size = az.log ? log_copy(&request->offset, buffer, size) : 0;
	mutex_unlock(&az.lock);
	if (copy_to_user(u64_to_user_ptr(request->buffer), buffer, request->size))
		ret = -EFAULT;
	kvfree(buffer);
	return ret;
}

int az_log_read(struct az_ioc_log __user *user)
{
	struct az_ioc_log request;
	int ret;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	/* An LWK in trouble may not ring; look once a second all the same. */
	while (request.wait && written() == request.offset) {
		ret = wait_event_interruptible_timeout(az.log_wait, written() != request.offset, HZ);
		if (ret < 0)
			return ret;
	}
	ret = log_chunk(&request);
	if (!ret && copy_to_user(user, &request, sizeof(request)))
		ret = -EFAULT;
	return ret;
}
