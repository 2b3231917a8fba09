/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of sched/ that wait for words of a program share: the buckets where waiters queue. Nobody else includes this.
 *
 *	futex.c		the queues, plain waits and wakes, the system call
 *	futex_pi.c	locks whose waiters know their owner
 *	futex_waitv.c	waits for one of several words
 *	robust.c	what the dead leave behind
 *
 * Key of struct futex_waiter (thread.h): everything in it changes only under the lock of the bucket where it queues. Once woken it is
 * its thread's alone again, and the waker looks at it no more.
 */
#ifndef LWK_FUTEX_H
#define LWK_FUTEX_H

#include "deadline.h"
#include "errno.h"
#include "mm.h"
#include "thread.h"

#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define FUTEX_FD		2	/* long gone */
#define FUTEX_REQUEUE		3
#define FUTEX_CMP_REQUEUE	4
#define FUTEX_WAKE_OP		5
#define FUTEX_LOCK_PI		6
#define FUTEX_UNLOCK_PI		7
#define FUTEX_TRYLOCK_PI	8
#define FUTEX_WAIT_BITSET	9
#define FUTEX_WAKE_BITSET	10
#define FUTEX_WAIT_REQUEUE_PI	11
#define FUTEX_CMP_REQUEUE_PI	12
#define FUTEX_LOCK_PI2		13
#define FUTEX_PRIVATE		128
#define FUTEX_CLOCK_REALTIME	256
#define FUTEX_COMMAND(op)	((op) & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME))

#define FUTEX_MATCH_ANY		0xffffffffu

/* The word of a lock that the kernel understands: robust and priority-inheritance locks. */
#define FUTEX_WAITERS		0x80000000u
#define FUTEX_OWNER_DIED	0x40000000u
#define FUTEX_TID_MASK		0x3fffffffu

#define FUTEX_BUCKET_BITS	10
#define FUTEX_BUCKETS		(1u << FUTEX_BUCKET_BITS)

struct futex_bucket {
	struct spinlock lock;		/* rank: futex */
	struct list waiters;		/* lock; longest waiting first */
	u32 count;			/* lock, and a: of waiters */
} __aligned(64);

extern struct futex_bucket futex_buckets[FUTEX_BUCKETS];

struct futex_bucket *futex_bucket_of(struct aspace *as, uaddr_t addr);
void futex_lock(struct futex_bucket *b);
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock(struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);

bool futex_waits_for(const struct futex_waiter *w, struct aspace *as, uaddr_t addr) REQUIRES(bucket);
void futex_queue(struct futex_bucket *b, struct futex_waiter *w, uaddr_t addr) REQUIRES(bucket);
/* Moves @w to the end of the queue for @addr in bucket @to. */
void futex_move(struct futex_waiter *w, struct futex_bucket *to, uaddr_t addr) REQUIRES(both buckets);
/* Ends the wait of @w, in bucket @b, with @result. Its thread may go on at once, and @w be gone. */
void futex_end_wait(struct futex_bucket *b, struct futex_waiter *w, long result) REQUIRES(bucket);

/* Can there be a futex at @addr? Linux needs the page of a shared one in order to name it, and so reports a missing page. */
long futex_check_word(uaddr_t addr, u32 op);
/* Queues @w, bitset and kind filled in, if the word at @addr has the expected value; else -EAGAIN, or -EFAULT. */
long futex_queue_if(struct futex_waiter *w, uaddr_t addr, u32 expected);
/*
 * Sleeps until one of the current thread's @count waits at @w has ended: 0. -ETIMEDOUT, or -EINTR if a signal or the end of the process
 * comes first: the caller unqueues them.
 */
long futex_sleep(struct futex_waiter *w, u32 count, const struct deadline *end);
/* Leaves the bucket, wherever it is now. False if somebody has woken @w before. */
bool futex_unqueue(struct futex_waiter *w);
/* Is the word for Linux to wait for and to wake, because other processes may do so? */
bool futex_is_linux(uaddr_t addr, u32 op);
/* Notes that the result may make the program call again. */
long futex_interrupted(long restart);

/* ---- futex_pi.c: results are those of futex(2) ---- */
struct requeue {
	uaddr_t from, to;
	u32 wake, move;
	const u32 *expected;		/* NULL: whatever the word is */
};

long futex_lock_pi(uaddr_t addr, const struct deadline *end, bool try);
long futex_unlock_pi(uaddr_t addr, u32 op);
/* Waits for a change of @addr, to be moved to the lock @lock by futex_requeue_pi() and to return as its owner. */
long futex_wait_requeue_pi(uaddr_t addr, u32 expected, uaddr_t lock, const struct deadline *end);
long futex_requeue_pi(const struct requeue *r);

#endif
