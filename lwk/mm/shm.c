/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System V shared memory. Segments are Linux's; attaching one is a Linux-backed mapping of it, at an address that the LWK chooses as for
 * any other. One attachment is one struct file_ref: what is left of it, whatever else was mapped or unmapped there, shares that.
 */
#include "aspace.h"
#include "offload.h"
#include "syscall_proto.h"

#define SHM_RDONLY		010000
#define SHM_RND			020000
#define SHM_REMAP		040000
#define SHM_EXEC		0100000

#define MAP_SHARED		0x01u
#define MAP_FIXED		0x10u
#define MAP_FIXED_NOREPLACE	0x100000u

static bool is_attached_at(const struct region *r, uaddr_t addr)
{
	return r->file && r->file->handle == FILE_SHM && r->start - r->offset == addr;
}

static long detach_all(struct aspace *as, struct region *r)
{
	struct file_ref *file = r->file;
	long ret = 0;

	file->refs++;
	while (r && !ret) {
		uaddr_t end = r->end;

		if (r->file == file)
			ret = range_unmap(as, r->start, end);
		r = region_next(&as->regions, end);
	}
	file_put(as, file);
	return ret;
}

long aspace_detach(struct aspace *as, uaddr_t addr)
{
	struct region *r;
	long ret = -EINVAL;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	aspace_begin(as);
	r = region_next(&as->regions, addr);
	while (r && !is_attached_at(r, addr))
		r = region_next(&as->regions, r->end);
	if (r)
		ret = detach_all(as, r);
	aspace_end(as);
	return ret;
}

/* As Linux: an address must fit, may be rounded down, and is taken from others only with SHM_REMAP. */
static long attach_args(struct map_args *a, int flags)
{
	if (!a->addr)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (flags & SHM_RND)
		a->addr = ALIGN_DOWN(a->addr, PAGE_SIZE);
	if ((a->addr & (PAGE_SIZE - 1)) || (!a->addr && (flags & SHM_REMAP)))
		return -EINVAL;
	a->flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	return 0;
}

long sys_shmat(struct frame *f, int id, uaddr_t addr, int flags)
{
	struct map_args a = { .addr = addr, .flags = MAP_SHARED, .fd = id };
	long ret = attach_args(&a, flags);

	if (ret)
		return ret;
	a.prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	ret = FORWARD(AZ_CALL_SHM_SIZE, id, a.prot);
	if (ret < 0)
		return ret;
	a.len = ALIGN_DOWN(ret, PAGE_SIZE);
	ret = aspace_attach(aspace_current(), &a, AZ_CALL_SHM_ATTACH, ret & (PAGE_SIZE - 1));
	return ret == -EEXIST ? -EINVAL : ret;
}

long sys_shmdt(struct frame *f, uaddr_t addr)
{
	return aspace_detach(aspace_current(), addr);
}
