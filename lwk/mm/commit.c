/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commitment: how much memory has been promised to programs. Promises never exceed what there is, so that mmap says ENOMEM
 * instead of a later touch killing the program. A small part is never promised: it is for page tables and kernel objects.
 * Another is promised to nobody who asks, because programs touch their text and stacks without asking: who has used up all that
 * mmap gives must still be able to run the code that says so.
 */
#include "log.h"
#include "mm.h"

#define COMMIT_KERNEL_SHARE	64	/* one in so many bytes is not promised; page tables alone need one in 512 */
#define COMMIT_UNASKED_SHARE	16
#define COMMIT_UNASKED_MAX	(8ULL << 20)

static u64 commit_total;	/* a */
static u64 commit_used;		/* a */

void commit_add(u64 bytes)
{
	__atomic_fetch_add(&commit_total, bytes - bytes / COMMIT_KERNEL_SHARE, __ATOMIC_RELAXED);
}

static bool reserve(u64 bytes, u64 keep)
{
	u64 total = __atomic_load_n(&commit_total, __ATOMIC_RELAXED);
	u64 used = __atomic_load_n(&commit_used, __ATOMIC_RELAXED);

	do {
		if (bytes > total - used || total - used - bytes < keep)
			return false;
	} while (!__atomic_compare_exchange_n(&commit_used, &used, used + bytes, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

bool commit_reserve(u64 bytes)
{
	return reserve(bytes, 0);
}

u64 commit_unasked(u64 limit)
{
	return min(limit / COMMIT_UNASKED_SHARE, COMMIT_UNASKED_MAX);
}

bool commit_promise(u64 bytes)
{
	return !bytes || reserve(bytes, commit_unasked(__atomic_load_n(&commit_total, __ATOMIC_RELAXED)));
}

void commit_release(u64 bytes)
{
	u64 before = __atomic_fetch_sub(&commit_used, bytes, __ATOMIC_RELAXED);

	check(before >= bytes);
}

u64 commit_in_use(void)
{
	return __atomic_load_n(&commit_used, __ATOMIC_RELAXED);
}
