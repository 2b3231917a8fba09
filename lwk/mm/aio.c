/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux's aio (io_setup and what follows). A context has a ring of completions in memory that Linux maps at the address which then
 * names the context. It chooses one beyond the program's range, so the ring is moved to where the LWK has room and mapped here as other
 * memory of Linux's.
 */
#include "aspace.h"
#include "offload.h"
#include "syscall_proto.h"

#define MAP_SHARED		0x01u
#define LINUX_IO_DESTROY	207

long sys_io_setup(struct frame *f, unsigned int count, uaddr_t context)
{
	struct map_args a = { .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED, .fd = context };
	long ret = FORWARD(AZ_CALL_AIO_SETUP, count, context);
	u64 id;

	if (ret < 0)
		return ret;
	a.len = ret;
	ret = aspace_attach(aspace_current(), &a, AZ_CALL_AIO_ATTACH, 0);
	if (ret >= 0)
		return 0;
	if (!copy_from_user(&id, context, sizeof(id)))
		FORWARD(LINUX_IO_DESTROY, id);
	return ret;
}

/* Linux unmaps the ring on the way; nobody may map or move anything meanwhile. */
long sys_io_destroy(struct frame *f, u64 context)
{
	struct aspace *as = aspace_current();
	long len;

	aspace_begin(as);
	spin_unlock(&as->lock);
	len = FORWARD(AZ_CALL_AIO_DESTROY, context);
	spin_lock(&as->lock);
	if (len > 0)
		range_unmap(as, context, context + len);
	aspace_end(as);
	return len < 0 ? len : 0;
}
