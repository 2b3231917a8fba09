/* SPDX-License-Identifier: GPL-2.0 */
/* The system calls on the calling program's mappings. */
#include "aspace.h"
#include "thread.h"
#include "syscall_proto.h"

/* personality(2) */
static u64 implied(u64 prot)
{
	return prot & PROT_READ && current_thread()->read_implies_exec ? prot | PROT_EXEC : prot;
}

/* A file on a file system without programs can be read all the same. */
long sys_mmap(uaddr_t addr, u64 length, int prot, int flags, int fd, u64 offset)
{
	struct map_args a = { .addr = addr, .len = length, .prot = implied(prot), .flags = flags, .fd = fd, .offset = offset };
	long ret = aspace_map(aspace_current(), &a);

	if (ret != -EPERM || a.prot == (u32)prot)
		return ret;
	a.prot = prot;
	return aspace_map(aspace_current(), &a);
}

long sys_mprotect(uaddr_t addr, u64 length, u64 prot)
{
	/* bits above 32 are as wrong as unknown ones below */
	return aspace_protect(aspace_current(), addr, length, prot > UINT32_MAX ? UINT32_MAX : implied(prot));
}

long sys_pkey_mprotect(uaddr_t addr, u64 length, u64 prot, int key)
{
	return aspace_protect_key(aspace_current(), addr, length, prot > UINT32_MAX ? UINT32_MAX : implied(prot), key);
}

long sys_pkey_alloc(u64 flags, u64 rights)
{
	return aspace_key_alloc(aspace_current(), flags, rights);
}

long sys_pkey_free(int key)
{
	return aspace_key_free(aspace_current(), key);
}

long sys_munmap(uaddr_t addr, u64 length)
{
	return aspace_unmap(aspace_current(), addr, length);
}

long sys_mremap(uaddr_t addr, u64 old_length, u64 new_length, u64 flags, uaddr_t new_addr)
{
	struct remap_args a = { .addr = addr, .old_len = old_length, .new_len = new_length, .flags = flags, .new_addr = new_addr };

	return aspace_remap(aspace_current(), &a);
}

long sys_brk(uaddr_t brk)
{
	return aspace_brk(aspace_current(), brk);
}

long sys_madvise(struct frame *f, uaddr_t addr, u64 length, int advice)
{
	return aspace_advise(aspace_current(), addr, length, advice);
}
