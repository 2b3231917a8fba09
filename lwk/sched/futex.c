/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Futexes (man 2 futex): threads wait for a word of their program's memory to change, first come, first woken. A word is known by
 * its address space and address, because no memory is shared between processes; private and shared calls therefore meet.
 *
 * Why no wake-up is lost: the waiter reads the word and queues itself under the bucket's lock, the waker changes the word before it
 * takes that lock.
 *
 *	futex_wait			futex_wake
 *	lock bucket			(program) word = new
 *	word == expected: queue		lock bucket
 *	unlock				dequeue the waiter, woken = 1, unpark it
 *	park until woken		unlock
 *
 * If the waiter's turn comes second it sees the new word. A thread in a bucket changes only under that bucket's lock, but it may be
 * moved to another bucket while it sleeps.
 */
#include "deadline.h"
#include "errno.h"
#include "mm.h"
#include "syscall_proto.h"
#include "thread.h"

#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define FUTEX_REQUEUE		3
#define FUTEX_CMP_REQUEUE	4
#define FUTEX_WAKE_OP		5
#define FUTEX_WAIT_BITSET	9
#define FUTEX_WAKE_BITSET	10
#define FUTEX_PRIVATE		128
#define FUTEX_CLOCK_REALTIME	256
#define FUTEX_COMMAND(op)	((op) & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME))

#define MATCH_ANY		0xffffffffu

#define BUCKET_BITS		10

struct bucket {
	struct spinlock lock;		/* rank: futex */
	struct list waiters;		/* lock; threads by futex_link, longest waiting first */
} __aligned(64);

static struct bucket buckets[1 << BUCKET_BITS];

static struct aspace *current_aspace(void)
{
	return current_thread()->proc->aspace;
}

static struct bucket *bucket_of(struct aspace *as, uaddr_t addr)
{
	return &buckets[((addr >> 2) + (uintptr_t)as) * 0x9e3779b97f4a7c15ULL >> (64 - BUCKET_BITS)];
}

static void bucket_lock(struct bucket *b)
{
	spin_lock(&b->lock);
	if (!b->waiters.next)
		list_init(&b->waiters);
}

static void bucket_lock_two(struct bucket *a, struct bucket *b)
{
	bucket_lock(min(a, b));
	if (a != b)
		bucket_lock(max(a, b));
}

static void bucket_unlock_two(struct bucket *a, struct bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

static bool waits_for(struct thread *t, struct aspace *as, uaddr_t addr) REQUIRES(bucket)
{
	return t->futex_addr == addr && t->proc->aspace == as;
}

static void wake_one(struct thread *t) REQUIRES(bucket)
{
	list_del(&t->futex_link);
	/* wake_one:A, pairs with is_woken:A; the waiter may go on at once, thread_unpark() allows for that */
	__atomic_store_n(&t->futex_woken, 1, __ATOMIC_RELEASE);
	thread_unpark(t);
}

static bool is_woken(struct thread *t)
{
	/* is_woken:A, pairs with wake_one:A */
	return __atomic_load_n(&t->futex_woken, __ATOMIC_ACQUIRE);
}

/* Wakes up to @count waiters with a bit of @bitset, but one even if @count is less, as Linux does. */
static long wake_matching(struct bucket *b, uaddr_t addr, s32 count, u32 bitset) REQUIRES(bucket)
{
	struct aspace *as = current_aspace();
	struct list *at, *next;
	long woken = 0;

	list_for_each_safe(at, next, &b->waiters) {
		struct thread *t = list_entry(at, struct thread, futex_link);

		if (!waits_for(t, as, addr) || !(t->futex_bitset & bitset))
			continue;
		wake_one(t);
		if (++woken >= count)
			break;
	}
	return woken;
}

/* Can there be a futex at @addr? Linux needs the page of a shared one in order to name it, and so reports a missing page. */
static long check_word(uaddr_t addr, u32 op)
{
	u32 value;

	if (addr % sizeof(u32))
		return -EINVAL;
	if (addr >= AZ_USER_END)
		return -EFAULT;
	return op & FUTEX_PRIVATE ? 0 : copy_from_user(&value, addr, sizeof(value));
}

static long futex_wake(uaddr_t addr, s32 count, u32 bitset)
{
	struct bucket *b = bucket_of(current_aspace(), addr);
	long woken;

	bucket_lock(b);
	woken = wake_matching(b, addr, count, bitset);
	spin_unlock(&b->lock);
	return woken;
}

long futex_wake_addr(uaddr_t addr, u32 count)
{
	return addr % sizeof(u32) ? -EINVAL : futex_wake(addr, count, MATCH_ANY);
}

/* ---- Waiting ---- */

struct wait {
	uaddr_t addr;
	u32 value, bitset;
	const struct deadline *end;	/* NULL: none */
};

/* Queues the current thread if the word has the expected value. */
static long queue_if_equal(struct thread *t, const struct wait *w)
{
	struct bucket *b = bucket_of(t->proc->aspace, w->addr);
	u32 value;

	bucket_lock(b);
	while (user_load32(&value, w->addr)) {
		spin_unlock(&b->lock);
		if (copy_from_user(&value, w->addr, sizeof(value)))
			return -EFAULT;
		bucket_lock(b);
	}
	if (value == w->value) {
		__atomic_store_n(&t->futex_addr, w->addr, __ATOMIC_RELAXED);
		t->futex_bitset = w->bitset;
		t->futex_woken = 0;
		list_add_tail(&t->futex_link, &b->waiters);
	}
	spin_unlock(&b->lock);
	return value == w->value ? 0 : -EAGAIN;
}

/* Leaves the bucket, wherever it is now. False if somebody has woken the thread before. */
static bool unqueue(struct thread *t)
{
	struct bucket *b;
	uaddr_t addr;
	bool queued;

	for (;;) {
		addr = __atomic_load_n(&t->futex_addr, __ATOMIC_RELAXED);
		b = bucket_of(t->proc->aspace, addr);
		bucket_lock(b);
		if (t->futex_addr == addr)
			break;
		spin_unlock(&b->lock);
	}
	queued = !t->futex_woken;
	if (queued)
		list_del(&t->futex_link);
	spin_unlock(&b->lock);
	return queued;
}

static long restart_wait(struct thread *t);

static long futex_wait(const struct wait *w)
{
	struct thread *t = current_thread();
	u64 cycles = 0;
	long err = queue_if_equal(t, w);

	if (err)
		return err;
	while (!is_woken(t)) {
		if (w->end) {
			cycles = deadline_cycles(w->end);
			if (!cycles)
				err = -ETIMEDOUT;
		}
		if (!err && thread_interrupted(t))
			err = w->end ? -ERESTART_RESTARTBLOCK : -ERESTARTSYS;
		if (err)
			break;
		thread_park(cycles);
	}
	if (!err || !unqueue(t))
		return 0;
	if (err == -ERESTART_RESTARTBLOCK)
		t->restart = (struct restart){ restart_wait, *w->end, w->addr, w->value, w->bitset };
	if (err != -ETIMEDOUT)
		thread_interrupt(t, WORK_RESTART);
	return err;
}

/* A duration that a signal interrupted goes on to its original end. */
static long restart_wait(struct thread *t)
{
	struct deadline end = t->restart.end;
	struct wait w = { t->restart.addr, t->restart.value, t->restart.bitset, &end };

	return futex_wait(&w);
}

/* ---- Moving waiters ---- */

struct requeue {
	uaddr_t from, to;
	u32 wake, move;
	const u32 *expected;		/* NULL: whatever the word is */
};

static long move_waiters(const struct requeue *r, struct bucket *from, struct bucket *to) REQUIRES(both buckets)
{
	struct aspace *as = current_aspace();
	struct list *at, *next;
	u32 done = 0;

	list_for_each_safe(at, next, &from->waiters) {
		struct thread *t = list_entry(at, struct thread, futex_link);

		if (!waits_for(t, as, r->from))
			continue;
		if (done >= r->wake + r->move)
			break;
		if (done++ < r->wake) {
			wake_one(t);
		} else if (r->from != r->to) {
			list_del(&t->futex_link);
			list_add_tail(&t->futex_link, &to->waiters);
			__atomic_store_n(&t->futex_addr, r->to, __ATOMIC_RELAXED);
		}
	}
	return done;
}

static long futex_requeue(const struct requeue *r)
{
	struct bucket *from = bucket_of(current_aspace(), r->from);
	struct bucket *to = bucket_of(current_aspace(), r->to);
	long ret = 0;
	u32 value;

	bucket_lock_two(from, to);
	while (r->expected && user_load32(&value, r->from)) {
		bucket_unlock_two(from, to);
		if (copy_from_user(&value, r->from, sizeof(value)))
			return -EFAULT;
		bucket_lock_two(from, to);
	}
	if (r->expected && value != *r->expected)
		ret = -EAGAIN;
	else
		ret = move_waiters(r, from, to);
	bucket_unlock_two(from, to);
	return ret;
}

/* ---- Waking with an operation on a second word ---- */

/* The packed argument: o....... cmp. | operand, 12 bits | operand of the comparison, 12 bits; the highest bit: shift. */
static s32 low_operand(u32 code)
{
	return (s32)(code << 20) >> 20;
}

static long apply_operation(u32 code, u32 old, u32 *new)
{
	u32 operand = low_operand(code >> 12);

	if (code >> 31)
		operand = 1u << (operand & 31);
	switch (code >> 28 & 7) {
	case 0:
		*new = operand;
		return 0;
	case 1:
		*new = old + operand;
		return 0;
	case 2:
		*new = old | operand;
		return 0;
	case 3:
		*new = old & ~operand;
		return 0;
	case 4:
		*new = old ^ operand;
		return 0;
	}
	return -ENOSYS;
}

/* 1 or 0, or -ENOSYS. */
static long compare_operand(u32 code, s32 old)
{
	s32 operand = low_operand(code);

	switch (code >> 24 & 15) {
	case 0:
		return old == operand;
	case 1:
		return old != operand;
	case 2:
		return old < operand;
	case 3:
		return old <= operand;
	case 4:
		return old > operand;
	case 5:
		return old >= operand;
	}
	return -ENOSYS;
}

/* Changes the word at @addr; the result of the comparison with what was there, or an error. Takes no page fault. */
static long operate(u32 code, uaddr_t addr)
{
	u32 old, new;
	long err = user_load32(&old, addr);

	while (!err) {
		err = apply_operation(code, old, &new);
		if (err)
			break;
		err = user_cmpxchg32(addr, &old, new);
		if (!err)
			return compare_operand(code, old);
		if (err == -EAGAIN)
			err = 0;
	}
	return err;
}

static long futex_wake_op(uaddr_t addr, uaddr_t addr2, s32 wake, s32 wake2, u32 code)
{
	struct bucket *b = bucket_of(current_aspace(), addr);
	struct bucket *b2 = bucket_of(current_aspace(), addr2);
	long ret;
	int si_code;

	bucket_lock_two(b, b2);
	while ((ret = operate(code, addr2)) == -EFAULT) {
		bucket_unlock_two(b, b2);
		if (aspace_fault(current_aspace(), addr2, FAULT_WRITE, &si_code))
			return -EFAULT;
		bucket_lock_two(b, b2);
	}
	if (ret >= 0) {
		bool both = ret;

		ret = wake_matching(b, addr, wake, MATCH_ANY);
		if (both)
			ret += wake_matching(b2, addr2, wake2, MATCH_ANY);
	}
	bucket_unlock_two(b, b2);
	return ret;
}

/* ---- The system call ---- */

static bool is_wait(u32 command)
{
	return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
}

/* The end of a wait: FUTEX_WAIT takes a duration, the others a time. */
static long wait_end(u32 op, uaddr_t timeout, struct deadline *end)
{
	u64 ns;
	long err = timespec_from_user(timeout, &ns);

	if (err)
		return err;
	if (FUTEX_COMMAND(op) == FUTEX_WAIT)
		*end = deadline_after(CLOCK_MONOTONIC, ns);
	else
		*end = (struct deadline){ op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, ns };
	return 0;
}

/* What can be said without the words, in Linux's order. */
static long check_arguments(u32 op, u32 value, u32 value2, u32 bitset)
{
	u32 command = FUTEX_COMMAND(op);

	if (op & FUTEX_CLOCK_REALTIME && command != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	if (!bitset)
		return -EINVAL;
	if ((command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE) && ((s32)value < 0 || (s32)value2 < 0))
		return -EINVAL;
	return 0;
}

static long check_words(u32 op, uaddr_t addr, uaddr_t addr2)
{
	u32 command = FUTEX_COMMAND(op);
	long err = check_word(addr, op);

	if (!err && (command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_WAKE_OP))
		err = check_word(addr2, op);
	return err;
}

/* @timeout is a pointer for waits, and a second count for the others. */
long sys_futex(uaddr_t addr, int op, unsigned int value, uaddr_t timeout, uaddr_t addr2, unsigned int value3)
{
	u32 command = FUTEX_COMMAND(op);
	bool timed = is_wait(command) && timeout;
	u32 bitset = command == FUTEX_WAIT_BITSET || command == FUTEX_WAKE_BITSET ? value3 : MATCH_ANY;
	struct deadline end;
	struct requeue move = { addr, addr2, value, timeout, command == FUTEX_CMP_REQUEUE ? &value3 : NULL };
	struct wait wait = { addr, value, bitset, timed ? &end : NULL };
	long err = timed ? wait_end(op, timeout, &end) : 0;

	if (!err)
		err = check_arguments(op, value, timeout, bitset);
	if (!err)
		err = check_words(op, addr, addr2);
	if (err)
		return err;
	switch (command) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return futex_wait(&wait);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return futex_wake(addr, value, bitset);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(&move);
	case FUTEX_WAKE_OP:
		return futex_wake_op(addr, addr2, value, timeout, value3);
	}
	return -ENOSYS;
}
