/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Protection keys, pkeys(7). Each region has one, in its prot and so in its entries; what a thread may do with a key's memory is in a
 * register of its own (PKRU), which the CPU applies to the program and to our user copies alike. Linux, which works on the program's
 * memory through the mirror, does not see that register: addresses of forwarded calls are judged here, before Linux gets them.
 */
#include "aspace.h"

#define RIGHTS_MASK	3u	/* of pkey_alloc(2): 1 no access, 2 no writing */

static u32 key_of(const struct region *r)
{
	return (r->prot & PROT_KEY) >> PROT_KEY_SHIFT;
}

bool key_is_allocated(const struct aspace *as, int key)
{
	/* nobody but mprotect and mmap give the key for memory that may only be executed */
	return key >= 0 && (u32)key < arch_keys() && as->keys >> key & 1 && key != as->exec_key;
}

static int key_take(struct aspace *as) REQUIRES(as->lock)
{
	for (u32 key = 0; key < arch_keys(); key++) {
		if (as->keys >> key & 1)
			continue;
		as->keys |= 1u << key;
		return key;
	}
	return -1;
}

/* The key of memory that may only be executed, as in a region's prot; 0 if there is none. */
static u32 key_exec_only(struct aspace *as) REQUIRES(as->lock)
{
	if (as->exec_key < 0)
		as->exec_key = key_take(as);
	if (as->exec_key < 0)
		return 0;
	arch_key_set_rights(as->exec_key, 1);
	return (u32)as->exec_key << PROT_KEY_SHIFT;
}

u32 key_for(struct aspace *as, const struct region *r, u32 wanted)
{
	u32 prot = wanted & PROT_ALL, exec_only;

	if (wanted & PROT_KEYED)
		return prot | (wanted & PROT_KEY);
	exec_only = prot == PROT_EXEC ? key_exec_only(as) : 0;
	if (exec_only)
		return prot | exec_only;
	if ((r->prot & PROT_ALL) == PROT_EXEC && as->exec_key >= 0 && key_of(r) == (u32)as->exec_key)
		return prot;
	return prot | (r->prot & PROT_KEY);
}

long aspace_key_alloc(struct aspace *as, u64 flags, u64 rights)
{
	int key;

	if (flags || rights & ~(u64)RIGHTS_MASK)
		return -EINVAL;
	spin_lock(&as->lock);
	key = key_take(as);
	spin_unlock(&as->lock);
	if (key < 0)
		return -ENOSPC;
	arch_key_set_rights(key, rights);
	return key;
}

long aspace_key_free(struct aspace *as, int key)
{
	bool ours;

	spin_lock(&as->lock);
	ours = key_is_allocated(as, key);
	if (ours)
		as->keys &= ~(1u << key);
	spin_unlock(&as->lock);
	return ours ? 0 : -EINVAL;
}

u32 aspace_key_at(struct aspace *as, uaddr_t addr)
{
	struct region *r;
	u32 key;

	spin_lock(&as->lock);
	r = region_find(&as->regions, addr);
	key = r ? key_of(r) : 0;
	spin_unlock(&as->lock);
	return key;
}

static bool rights_allow(u32 rights, u32 key, bool write)
{
	u32 denied = rights >> (2 * key) & RIGHTS_MASK;

	return !denied || (denied == 2 && !write);
}

bool aspace_keys_allow(struct aspace *as, uaddr_t addr, u64 len, bool write)
{
	bool allowed = true;
	struct region *r;
	u32 rights;

	if (!__atomic_load_n(&as->keyed, __ATOMIC_RELAXED))
		return true;
	rights = arch_key_rights();
	spin_lock(&as->lock);
	for_each_region(as, r, addr, addr + len)
		allowed &= rights_allow(rights, key_of(r), write);
	spin_unlock(&as->lock);
	return allowed;
}
