/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commitment: how much memory has been promised to programs. Promises never exceed what there is, so that mmap says ENOMEM
 * instead of a later touch killing the program. A small part is never promised: it is for page tables and kernel objects.
 * Another is promised to nobody who asks, because programs touch their text and stacks without asking: who has used up all that
 * mmap gives must still be able to run the code that says so.
 *
 * Promises are made from a budget. The common one is everything that nobody has set aside; a family of processes for which memory
 * was set aside has one of its own, which is taken from the common one as a whole.
 */
#include "log.h"
#include "mm.h"

#define COMMIT_UNASKED_SHARE	16
#define COMMIT_UNASKED_MAX	(8ULL << 20)

struct budget {
	u64 limit;	/* I; of the common one a */
	u64 used;	/* a */
	u32 refs;	/* a; means nothing for the common one, which stays */
};

static struct budget common __aligned(64);	/* all processes change it */

void commit_add(u64 bytes)
{
	__atomic_fetch_add(&common.limit, bytes - bytes / AZ_KERNEL_SHARE, __ATOMIC_RELAXED);
}

u64 commit_in_use(void)
{
	return __atomic_load_n(&common.used, __ATOMIC_RELAXED);
}

static bool reserve(struct budget *b, u64 bytes, u64 keep)
{
	u64 limit = __atomic_load_n(&b->limit, __ATOMIC_RELAXED);
	u64 used = __atomic_load_n(&b->used, __ATOMIC_RELAXED);

	do {
		if (bytes > limit - used || limit - used - bytes < keep)
			return false;
	} while (!__atomic_compare_exchange_n(&b->used, &used, used + bytes, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

bool budget_reserve(struct budget *b, u64 bytes)
{
	return reserve(b, bytes, 0);
}

bool budget_promise(struct budget *b, u64 bytes)
{
	u64 limit = __atomic_load_n(&b->limit, __ATOMIC_RELAXED);

	return !bytes || reserve(b, bytes, min(limit / COMMIT_UNASKED_SHARE, COMMIT_UNASKED_MAX));
}

void budget_release(struct budget *b, u64 bytes)
{
	u64 before = __atomic_fetch_sub(&b->used, bytes, __ATOMIC_RELAXED);

	check(before >= bytes);
}

struct budget *budget_create(u64 limit)
{
	struct budget *b;

	if (!limit)
		return &common;
	b = kmalloc(sizeof(*b));
	if (!b || !budget_reserve(&common, limit)) {
		kfree(b);
		return NULL;
	}
	b->limit = limit;
	b->refs = 1;
	return b;
}

struct budget *budget_get(struct budget *b)
{
	__atomic_fetch_add(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void budget_put(struct budget *b)
{
	/* budget_put:A, pairs with itself: the last one sees what all others have released */
	if (b == &common || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL))
		return;
	check(b->used == 0);
	budget_release(&common, b->limit);
	kfree(b);
}
