/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mlock and its family. The LWK never takes a page away, so locking its own memory means to make it present and to say so: the region
 * is marked, counts against RLIMIT_MEMLOCK, and refuses advice that would drop pages. Linux-backed regions are locked in Linux too.
 *
 * MCL_FUTURE is kept in as->lock_new, REGION_* flags for every new region; map.c and the heap apply it.
 */
#include "aspace.h"
#include "offload.h"
#include "syscall_proto.h"

#define MCL_CURRENT	1u
#define MCL_FUTURE	2u
#define MCL_ONFAULT	4u
#define MLOCK_ONFAULT	1u
#define MAP_LOCKED	0x2000u

#define LINUX_MUNLOCK	150
#define LINUX_MLOCK2	325
#define CAP_IPC_LOCK	14

void aspace_set_lock_limit(struct aspace *as, u64 bytes)
{
	spin_lock(&as->lock);
	as->limit_locked = bytes;
	spin_unlock(&as->lock);
}

static u64 range_locked(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *r;
	u64 bytes = 0;

	for_each_region(as, r, start, end)
		if (r->flags & REGION_LOCKED)
			bytes += min(end, r->end) - max(start, r->start);
	return bytes;
}

/* May the process lock whatever it likes? Only Linux knows. No lock held. */
static bool is_privileged(void)
{
	return FORWARD(AZ_CALL_CAPABLE, CAP_IPC_LOCK) == 1;
}

static bool may_lock_at_all(struct aspace *as)
{
	u64 limit;

	spin_lock(&as->lock);
	limit = as->limit_locked;
	spin_unlock(&as->lock);
	return limit || is_privileged();
}

/* @bytes more than are locked already? */
static bool may_lock(struct aspace *as, u64 bytes)
{
	bool room;

	spin_lock(&as->lock);
	room = bytes <= as->limit_locked && as->locked <= as->limit_locked - bytes;
	spin_unlock(&as->lock);
	return room || is_privileged();
}

static bool may_lock_everything(struct aspace *as)
{
	bool room;

	spin_lock(&as->lock);
	room = as->mapped <= as->limit_locked;
	spin_unlock(&as->lock);
	return room || is_privileged();
}

long aspace_lock_new(struct aspace *as, u32 map_flags, u64 len, u32 *region_flags)
{
	if ((map_flags & MAP_LOCKED) && !may_lock_at_all(as))
		return -EPERM;
	spin_lock(&as->lock);
	*region_flags |= as->lock_new;
	spin_unlock(&as->lock);
	if (map_flags & MAP_LOCKED)
		*region_flags |= REGION_LOCKED;
	return (*region_flags & REGION_LOCKED) && !may_lock(as, len) ? -EAGAIN : 0;
}

bool lock_may_grow(struct aspace *as, u64 bytes)
{
	bool may;

	spin_unlock(&as->lock);
	may = may_lock(as, bytes);
	spin_lock(&as->lock);
	return may;
}

/* Linux locks its own part and brings nothing: range_populate() does, when all is locked. Drops the lock meanwhile. */
static long lock_in_linux(struct aspace *as, const struct region *r, u32 flags)
{
	uaddr_t start = r->start, end = r->end;
	long ret;

	spin_unlock(&as->lock);
	if (flags & REGION_LOCKED)
		ret = FORWARD(LINUX_MLOCK2, start, end - start, MLOCK_ONFAULT);
	else
		ret = FORWARD(LINUX_MUNLOCK, start, end - start);
	spin_lock(&as->lock);
	return ret;
}

long region_lock(struct aspace *as, struct region *r, u32 flags)
{
	long ret = 0;

	if (r->flags & REGION_KERNEL)
		return 0;
	if ((r->flags & REGION_LINUX) && (r->flags & LOCK_FLAGS) != flags)
		ret = lock_in_linux(as, r, flags);
	aspace_set_flags(as, r, LOCK_FLAGS, flags);
	return ret;
}

/* As Linux: what comes before a hole is done. Of Linux's large pages, which cannot go anyway, a lock may name a part. */
static long range_lock(struct aspace *as, uaddr_t start, uaddr_t end, u32 flags)
{
	long ret = aspace_split_ends(as, start, end);
	uaddr_t at;

	if (ret == -EINVAL)
		ret = 0;
	for (at = start; at < end && !ret;) {
		struct region *r = region_find(&as->regions, at);

		if (!r)
			ret = -ENOMEM;
		else
			ret = region_lock(as, r, flags);
		at = r ? r->end : end;
	}
	range_merge(as, start, end);
	return ret;
}

/* What is to be present now, region by region; @errors: stop at what cannot be. No lock held. */
static long range_populate(struct aspace *as, uaddr_t start, uaddr_t end, bool errors)
{
	struct region r;
	long ret = 0;

	while (start < end && region_copy_next(as, start, end, &r)) {
		bool write = (r.prot & PROT_WRITE) && !(r.flags & REGION_SHARED);

		if ((r.flags & LOCK_FLAGS) == REGION_LOCKED)
			ret = r.prot ? aspace_populate(as, r.start, r.end - r.start, write) : -EFAULT;
		if (ret == -EINTR)
			return ret;
		if (ret && errors)
			return -ENOMEM;
		start = r.end;
	}
	return 0;
}

void lock_populate(struct aspace *as, uaddr_t start, uaddr_t end)
{
	bool any;

	spin_lock(&as->lock);
	any = as->locked;
	spin_unlock(&as->lock);
	if (any)
		range_populate(as, start, end, false);
}

/* [addr, addr + len) in whole pages. */
static long lock_bounds(uaddr_t addr, u64 len, uaddr_t *start, uaddr_t *end)
{
	*start = ALIGN_DOWN(addr, PAGE_SIZE);
	*end = ALIGN_UP(addr + len, PAGE_SIZE);
	if (*end < *start || addr + len < addr)
		return -EINVAL;
	return *end > AZ_USER_END && *end > *start ? -ENOMEM : 0;
}

static long aspace_lock(struct aspace *as, uaddr_t addr, u64 len, u32 flags)
{
	uaddr_t start, end;
	u64 counted;
	long ret;

	if (!may_lock_at_all(as))
		return -EPERM;
	ret = lock_bounds(addr, len, &start, &end);
	if (ret)
		return ret;
	spin_lock(&as->lock);
	counted = range_locked(as, start, end);
	spin_unlock(&as->lock);
	if (!may_lock(as, end - start - counted))
		return -ENOMEM;
	aspace_begin(as);
	ret = range_lock(as, start, end, flags);
	aspace_end(as);
	return ret ? ret : range_populate(as, start, end, true);
}

static void lock_all(struct aspace *as, u32 flags)
{
	struct region *r;

	for_each_region(as, r, 0, AZ_USER_END)
		region_lock(as, r, flags);
	range_merge(as, 0, AZ_USER_END);
}

long sys_mlock(struct frame *f, uaddr_t addr, u64 len)
{
	return aspace_lock(aspace_current(), addr, len, REGION_LOCKED);
}

long sys_mlock2(struct frame *f, uaddr_t addr, u64 len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return aspace_lock(aspace_current(), addr, len, flags ? LOCK_FLAGS : REGION_LOCKED);
}

long sys_munlock(struct frame *f, uaddr_t addr, u64 len)
{
	struct aspace *as = aspace_current();
	uaddr_t start, end;
	long ret = lock_bounds(addr, len, &start, &end);

	if (ret)
		return ret;
	aspace_begin(as);
	ret = range_lock(as, start, end, 0);
	aspace_end(as);
	return ret;
}

long sys_mlockall(struct frame *f, int flags)
{
	struct aspace *as = aspace_current();
	u32 lock = flags & MCL_ONFAULT ? LOCK_FLAGS : REGION_LOCKED;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock_at_all(as))
		return -EPERM;
	if ((flags & MCL_CURRENT) && !may_lock_everything(as))
		return -ENOMEM;
	aspace_begin(as);
	as->lock_new = flags & MCL_FUTURE ? lock : 0;
	if (flags & MCL_CURRENT)
		lock_all(as, lock);
	aspace_end(as);
	if (flags & MCL_CURRENT)
		range_populate(as, 0, AZ_USER_END, false);
	return 0;
}

long sys_munlockall(struct frame *f)
{
	struct aspace *as = aspace_current();

	aspace_begin(as);
	as->lock_new = 0;
	lock_all(as, 0);
	aspace_end(as);
	return 0;
}
