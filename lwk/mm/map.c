/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mmap: what Linux would refuse is refused with the same error, then room is found, accounted for and taken. Three kinds:
 *
 *   anonymous       the LWK's frames, zeroed
 *   private file    the LWK's frames; the driver holds the file and reads it into them
 *   Linux-backed    all shared mappings, of files and of nothing: the proxy maps them at the same address, the LWK borrows the
 *                   frames. Whoever shares them (other processes, children after a fork) shares Linux's pages
 */
#include "aspace.h"
#include "offload.h"

#define MAP_SHARED		0x01u
#define MAP_PRIVATE		0x02u
#define MAP_SHARED_VALIDATE	0x03u
#define MAP_TYPE		0x0fu
#define MAP_FIXED		0x10u
#define MAP_ANONYMOUS		0x20u
#define MAP_32BIT		0x40u
#define MAP_GROWSDOWN		0x0100u
#define MAP_LOCKED		0x2000u
#define MAP_NORESERVE		0x4000u
#define MAP_POPULATE		0x8000u
#define MAP_NONBLOCK		0x10000u
#define MAP_STACK		0x20000u
#define MAP_HUGETLB		0x40000u
#define MAP_FIXED_NOREPLACE	0x100000u
#define MAP_HUGE_SHIFT		26
#define MAP_HUGE_MASK		0x3fu

#define LOW_START		0x40000000ULL	/* where Linux puts MAP_32BIT */
#define LOW_END			0x80000000ULL
#define FILE_END		(1ULL << 63)	/* offsets are signed */
#define SHIFT_MAX		30		/* the processor has no larger pages */

struct request {
	const struct map_args *args;
	u64 len;
	u32 prot;
	u32 region_flags;
	u32 attach;		/* what the proxy maps, if no file: AZ_CALL_SHM_ATTACH, AZ_CALL_AIO_ATTACH */
	u32 shift;		/* log2 of the size of pages: all of the range and its ends; 0: 4 KB */
	struct file_ref *file;
};

static bool wants_fixed(const struct map_args *a)
{
	return a->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
}

static bool is_anonymous(const struct map_args *a)
{
	return a->flags & MAP_ANONYMOUS;
}

/*
 * Large pages that are asked for: what is private gets ours. Who wants to share has Linux's pool in mind and gets its pages, by default
 * of this size; whether they are meant for a file Linux says.
 */
static u32 large_shift(const struct map_args *a)
{
	return is_anonymous(a) && (a->flags & MAP_HUGETLB) ? LARGE_SHIFT : 0;
}

static long check_type(const struct map_args *a)
{
	u32 type = a->flags & MAP_TYPE;

	if (type != MAP_SHARED && type != MAP_PRIVATE && (type != MAP_SHARED_VALIDATE || is_anonymous(a)))
		return -EINVAL;
	if ((a->flags & MAP_GROWSDOWN) && (type != MAP_PRIVATE || !is_anonymous(a)))
		return -EINVAL;
	if ((a->flags & MAP_HUGETLB) && is_anonymous(a) && type == MAP_PRIVATE) {
		u32 shift = (a->flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;

		if (shift && shift != LARGE_SHIFT)
			return -EINVAL;
	}
	return 0;
}

/* The size of pages may be known only later: then once more. */
static long check_args(const struct map_args *a, u32 shift, u64 *len)
{
	u64 unit = unit_of(shift);
	bool fixed = wants_fixed(a);

	if (a->offset & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!a->len)
		return -EINVAL;
	*len = ALIGN_UP(a->len, unit);
	if (!*len)
		return -ENOMEM;
	if (!is_anonymous(a) && (a->offset >= FILE_END || *len > FILE_END - a->offset))
		return -EOVERFLOW;
	if (*len > AZ_USER_END - AZ_USER_START)
		return -ENOMEM;
	if (fixed && a->addr > AZ_USER_END - *len)
		return -ENOMEM;
	if (fixed && (a->addr & (unit - 1)))
		return -EINVAL;
	if (fixed && a->addr < AZ_USER_START)
		return -EPERM;
	return check_type(a);
}

static void request_flags(struct request *rq)
{
	const struct map_args *a = rq->args;
	u32 type = a->flags & MAP_TYPE;

	rq->prot = a->prot & PROT_ALL;
	rq->region_flags = 0;
	if (type != MAP_PRIVATE)
		rq->region_flags |= REGION_SHARED | REGION_LINUX;
	else if (!is_anonymous(a) && (rq->prot & PROT_WRITE))
		rq->region_flags |= REGION_WRITTEN;
	if (a->flags & MAP_GROWSDOWN)
		rq->region_flags |= REGION_GROWSDOWN;
	if ((a->flags & (MAP_STACK | MAP_GROWSDOWN)) && is_anonymous(a))
		rq->region_flags |= REGION_SMALL;
	if (a->flags & (MAP_STACK | MAP_GROWSDOWN | MAP_NORESERVE))
		rq->region_flags |= REGION_LAZY;
	else if ((rq->prot & PROT_WRITE) && !(rq->region_flags & REGION_LINUX))
		rq->region_flags |= REGION_CHARGED;
}

/* Takes hold of the file, or makes what stands for a Linux-backed mapping. AZ_FILE_ZERO if the file is /dev/zero. */
static long request_open(struct request *rq)
{
	const struct map_args *a = rq->args;
	long handle = rq->attach == AZ_CALL_SHM_ATTACH ? FILE_SHM : FILE_LINUX;

	rq->file = kmalloc(sizeof(*rq->file));
	if (!rq->file)
		return -ENOMEM;
	if (!(rq->region_flags & REGION_LINUX)) {
		handle = FORWARD(AZ_CALL_FILE_OPEN, a->fd, a->prot, a->flags);
		if (handle < 0 || handle == AZ_FILE_ZERO) {
			kfree(rq->file);
			return handle;
		}
	}
	rq->file->refs = 1;
	rq->file->handle = handle;
	rq->file->shift = rq->shift;
	return 0;
}

bool range_is_free(struct aspace *as, uaddr_t start, u64 len)
{
	struct region *r = region_next(&as->regions, start);

	return !r || r->start >= start + len;
}

/* Anonymous memory of 2 MB and more begins on a large page. */
static u64 alignment(const struct request *rq)
{
	bool large = is_anonymous(rq->args) && rq->len >= LARGE_SIZE && !(rq->region_flags & REGION_SMALL);

	return max(large ? LARGE_SIZE : PAGE_SIZE, unit_of(rq->shift));
}

/* The address the mapping gets, or -errno. */
static long place(struct aspace *as, const struct request *rq)
{
	const struct map_args *a = rq->args;
	u64 unit = unit_of(rq->shift);
	uaddr_t hint = ALIGN_UP(a->addr, unit);
	uaddr_t start;

	if (wants_fixed(a)) {
		if ((a->flags & MAP_FIXED_NOREPLACE) && !range_is_free(as, a->addr, rq->len))
			return -EEXIST;
		return a->addr;
	}
	if (a->addr && hint >= AZ_USER_START && hint <= AZ_USER_END - rq->len && range_is_free(as, hint, rq->len))
		return hint;
	if (a->flags & MAP_32BIT)
		start = region_gap(&as->regions, LOW_START, LOW_END, rq->len, unit);
	else
		start = region_gap(&as->regions, AZ_USER_START, as->mmap_top, rq->len, alignment(rq));
	if (!start && !(a->flags & MAP_32BIT))
		start = region_gap(&as->regions, AZ_USER_START, as->mmap_top, rq->len, unit);
	return start ? (long)start : -ENOMEM;
}

static u64 range_mapped(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *r;
	u64 bytes = 0;

	for (r = region_next(&as->regions, start); r && r->start < end; r = r->next)
		bytes += min(end, r->end) - max(start, r->start);
	return bytes;
}

/*
 * Has the proxy map the object; drops the lock meanwhile. 0, -errno, or log2 of the size of its pages if that is not what the request says:
 * nothing is mapped then.
 */
static long map_in_linux(struct aspace *as, const struct request *rq, uaddr_t start)
{
	const struct map_args *a = rq->args;
	u32 flags = (a->flags & ~(MAP_FIXED_NOREPLACE | MAP_POPULATE | MAP_LOCKED)) | MAP_FIXED;
	long ret;

	spin_unlock(&as->lock);
	if (rq->attach)
		ret = FORWARD(rq->attach, start, rq->len, a->fd, a->prot);
	else
		ret = FORWARD(AZ_CALL_LINUX_MAP, start, rq->len, a->prot, (u64)rq->shift << 32 | flags, a->fd, a->offset);
	spin_lock(&as->lock);
	return ret;
}

/*
 * Would Linux map the object? Asked where something must give way that a refusal leaves as it is. Only Linux knows all reasons, so it does
 * it for a moment at a place that nobody uses.
 */
static long rehearse(struct aspace *as, const struct request *rq)
{
	uaddr_t start = region_gap(&as->regions, AZ_USER_START, as->mmap_top, rq->len, unit_of(rq->shift));
	long ret = start ? map_in_linux(as, rq, start) : -ENOMEM;

	if (ret)
		return ret;
	spin_unlock(&as->lock);
	FORWARD(AZ_CALL_LINUX_UNMAP, start, rq->len);
	spin_lock(&as->lock);
	return 0;
}

/* Empties the range that the request names, if it may have it. */
static long make_way(struct aspace *as, const struct request *rq, uaddr_t start)
{
	long ret = 0;

	if (range_is_free(as, start, rq->len))
		return 0;
	if ((rq->region_flags & REGION_LINUX) && (!is_anonymous(rq->args) || rq->shift))
		ret = rehearse(as, rq);
	return ret ? ret : range_unmap(as, start, start + rq->len);
}

/*
 * Fills @r with the request, at the address it gets. On error, or if it returns another size of pages, nothing is charged and nothing new
 * is mapped.
 */
static long map_region(struct aspace *as, const struct request *rq, struct region *r)
{
	u64 charge = rq->region_flags & REGION_CHARGED ? rq->len : 0;
	long start = place(as, rq);
	long ret;

	if (start < 0)
		return start;
	r->start = start;
	r->end = start + rq->len;
	r->prot = key_for(as, r, rq->prot);
	if (r->prot & PROT_KEY)
		as->keyed = true;
	r->flags = rq->region_flags;
	r->file = rq->file;
	r->offset = is_anonymous(rq->args) ? 0 : rq->args->offset;
	if ((rq->args->flags & MAP_TYPE) == MAP_SHARED_VALIDATE && (rq->args->flags & MAP_FIXED_NOREPLACE))
		return -EOPNOTSUPP;	/* none of the flags that Linux knows to be meant */
	ret = aspace_room(as, rq->len, region_is_data(r) ? rq->len : 0, range_mapped(as, r->start, r->end));
	if (!ret && wants_fixed(rq->args))
		ret = make_way(as, rq, start);
	if (!ret && !aspace_promise(as, charge))
		ret = -ENOMEM;
	if (!ret && (r->flags & REGION_LINUX)) {
		ret = map_in_linux(as, rq, start);
		if (ret)
			aspace_uncharge(as, charge);
	}
	return ret;
}

/* The region says so already, but Linux does not know. */
static void lock_new_in_linux(struct aspace *as, struct region *r)
{
	u32 flags = r->flags & LOCK_FLAGS;

	aspace_set_flags(as, r, flags, 0);
	region_lock(as, r, flags);
}

/* Adds @new, or rather a copy of it: to a region beside it where that is possible, which is what happens to most anonymous memory. */
static void add_region(struct aspace *as, const struct region *new, struct region *r) REQUIRES(as->lock)
{
	if (!new->file && aspace_absorb(as, new)) {
		kfree(r);
		return;
	}
	*r = *new;
	aspace_add(as, r);
	if ((r->flags & REGION_LINUX) && (r->flags & REGION_LOCKED))
		lock_new_in_linux(as, r);
	aspace_merge(as, new->end);
	aspace_merge(as, new->start);
}

/* What is to be shared has pages of another size. */
static long request_resize(struct request *rq, long shift)
{
	if (shift <= PAGE_SHIFT || shift > SHIFT_MAX)
		return -EINVAL;
	rq->shift = rq->file->shift = shift;
	return check_args(rq->args, shift, &rq->len);
}

static long map_request(struct aspace *as, struct request *rq)
{
	struct region new = { 0 }, *r = kmalloc(sizeof(*r));
	long ret = -ENOMEM;

	aspace_begin(as);
	if (r)
		ret = map_region(as, rq, &new);
	while (ret > 0) {
		ret = request_resize(rq, ret);
		if (!ret)
			ret = map_region(as, rq, &new);
	}
	if (!ret) {
		add_region(as, &new, r);
		ret = new.start;
	} else {
		kfree(r);
		if (rq->file)
			file_put(as, rq->file);
	}
	aspace_end(as);
	return ret;
}

static bool wants_presence(const struct request *rq)
{
	if (rq->region_flags & REGION_LOCKED)
		return !(rq->region_flags & REGION_ONFAULT);
	return (rq->args->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
}

/* What else may be wrong with a request for a file is found after a descriptor that names none. */
static long refuse(const struct request *rq, long err)
{
	long handle;

	if (rq->attach || is_anonymous(rq->args) || (rq->args->offset & (PAGE_SIZE - 1)))
		return err;
	handle = FORWARD(AZ_CALL_FILE_OPEN, rq->args->fd, rq->args->prot, rq->args->flags);
	if (handle >= 0 && handle != AZ_FILE_ZERO)
		FORWARD(AZ_CALL_FILE_CLOSE, handle);
	return handle == -EBADF ? -EBADF : err;
}

/* What programs did before there was MAP_ANONYMOUS. */
static long map_zero(struct aspace *as, const struct map_args *a)
{
	struct map_args anonymous = *a;

	anonymous.flags |= MAP_ANONYMOUS;
	return aspace_map(as, &anonymous);
}

static long map_any(struct aspace *as, struct request *rq)
{
	const struct map_args *a = rq->args;
	long ret = rq->shift > SHIFT_MAX ? -EINVAL : check_args(a, rq->shift, &rq->len);

	if (ret)
		return refuse(rq, ret);
	request_flags(rq);
	ret = aspace_lock_new(as, a->flags, rq->len, &rq->region_flags);
	if (ret)
		return ret;
	if (!is_anonymous(a) || (rq->region_flags & REGION_LINUX)) {
		ret = request_open(rq);
		if (ret == AZ_FILE_ZERO)
			return map_zero(as, a);
		if (ret)
			return ret;
	}
	ret = map_request(as, rq);
	/* as Linux: the mapping stands even if not all of it can be made present now */
	if (ret > 0 && rq->prot && wants_presence(rq))
		aspace_populate(as, ret, rq->len, rq->prot & PROT_WRITE);
	return ret;
}

long aspace_map(struct aspace *as, const struct map_args *a)
{
	struct request rq = { .args = a, .shift = large_shift(a) };

	return map_any(as, &rq);
}

long aspace_attach(struct aspace *as, const struct map_args *a, u32 call, u32 shift)
{
	struct request rq = { .args = a, .attach = call, .shift = shift };

	return map_any(as, &rq);
}
