/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Futexes (man 2 futex): threads wait for a word of their program's memory to change, first come, first woken. A word is known by
 * its address space and address. Memory that processes share is Linux's, and so is a call without FUTEX_PRIVATE_FLAG for a word
 * there: the twin makes it, and meets whoever maps the same object, here or on Linux. For all other words private and shared calls are
 * the same.
 *
 * Why no wake-up is lost: the waiter queues before it reads the word, the waker changes the word before it looks whether somebody
 * queues, and both have a full barrier in between (bucket_is_idle:A, queue_and_look:A). So either the waker sees the waiter in the bucket's
 * count and takes the lock, or the waiter sees the new word. Most wakes find nobody and are spared the lock.
 *
 *	futex_wait			futex_wake
 *	lock bucket			(program) word = new
 *	queue: count += 1		barrier
 *	barrier				count == 0: done
 *	word != expected: dequeue	lock bucket
 *	unlock				dequeue the waiter, woken = 1, unpark it
 *	park until woken		unlock
 *
 * A waiter may be moved to another bucket while it sleeps. Waiters for locks with priority inheritance (futex_pi.c) queue here too, because
 * a plain wake must notice them: the program has mixed up its words then.
 */
#include "futex.h"
#include "offload.h"
#include "syscall_proto.h"

#define NR_FUTEX	202

struct futex_bucket futex_buckets[FUTEX_BUCKETS];

static struct aspace *current_aspace(void)
{
	return current_thread()->proc->aspace;
}

struct futex_bucket *futex_bucket_of(struct aspace *as, uaddr_t addr)
{
	return &futex_buckets[((addr >> 2) + (uintptr_t)as) * 0x9e3779b97f4a7c15ULL >> (64 - FUTEX_BUCKET_BITS)];
}

void futex_lock(struct futex_bucket *b)
{
	spin_lock(&b->lock);
	if (!b->waiters.next)
		list_init(&b->waiters);
}

void futex_unlock(struct futex_bucket *b)
{
	spin_unlock(&b->lock);
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	futex_lock(min(a, b));
	if (a != b)
		futex_lock(max(a, b));
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

bool futex_waits_for(const struct futex_waiter *w, struct aspace *as, uaddr_t addr) REQUIRES(bucket)
{
	return w->addr == addr && w->thread->proc->aspace == as;
}

/* Only ever changed under the lock, but read without it. */
static void count_waiter(struct futex_bucket *b, u32 more) REQUIRES(bucket)
{
	__atomic_store_n(&b->count, b->count + more, __ATOMIC_RELAXED);
}

static struct futex_bucket *bucket_of(const struct futex_waiter *w, uaddr_t addr)
{
	return futex_bucket_of(w->thread->proc->aspace, addr);
}

static void dequeue(struct futex_bucket *b, struct futex_waiter *w) REQUIRES(bucket)
{
	list_del(&w->link);
	count_waiter(b, -1);
}

void futex_queue(struct futex_bucket *b, struct futex_waiter *w, uaddr_t addr) REQUIRES(bucket)
{
	__atomic_store_n(&w->addr, addr, __ATOMIC_RELAXED);
	w->woken = 0;
	w->result = 0;
	list_add_tail(&w->link, &b->waiters);
	count_waiter(b, 1);
}

void futex_move(struct futex_waiter *w, struct futex_bucket *to, uaddr_t addr) REQUIRES(both buckets)
{
	dequeue(bucket_of(w, w->addr), w);
	list_add_tail(&w->link, &to->waiters);
	count_waiter(to, 1);
	__atomic_store_n(&w->addr, addr, __ATOMIC_RELAXED);
}

void futex_end_wait(struct futex_bucket *b, struct futex_waiter *w, long result) REQUIRES(bucket)
{
	struct thread *t = w->thread;

	dequeue(b, w);
	w->result = result;
	/* futex_end_wait:A, pairs with is_woken:A; the waiter may go on at once, thread_unpark() allows for that */
	__atomic_store_n(&w->woken, 1, __ATOMIC_RELEASE);
	thread_unpark(t);
}

static bool is_woken(struct futex_waiter *w)
{
	/* is_woken:A, pairs with futex_end_wait:A */
	return __atomic_load_n(&w->woken, __ATOMIC_ACQUIRE);
}

/*
 * Wakes up to @count waiters with a bit of @bitset, but one even if @count is less, as Linux does. Waiters for a lock with priority
 * inheritance are not woken like that: -EINVAL.
 */
static long wake_matching(struct futex_bucket *b, uaddr_t addr, s32 count, u32 bitset) REQUIRES(bucket)
{
	struct aspace *as = current_aspace();
	struct list *at, *next;
	long woken = 0;

	list_for_each_safe(at, next, &b->waiters) {
		struct futex_waiter *w = list_entry(at, struct futex_waiter, link);

		if (!futex_waits_for(w, as, addr))
			continue;
		if (w->kind != FUTEX_PLAIN)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		futex_end_wait(b, w, 0);
		if (++woken >= count)
			break;
	}
	return woken;
}

long futex_check_word(uaddr_t addr, u32 op)
{
	u32 value;

	if (addr % sizeof(u32))
		return -EINVAL;
	if (addr >= AZ_USER_END)
		return -EFAULT;
	return op & FUTEX_PRIVATE ? 0 : copy_from_user(&value, addr, sizeof(value));
}

static bool bucket_is_idle(const struct futex_bucket *b)
{
	/* bucket_is_idle:A, pairs with queue_and_look:A: the program has changed the word before */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&b->count, __ATOMIC_RELAXED) == 0;
}

static __attribute__((noinline)) long wake_some(struct futex_bucket *b, uaddr_t addr, s32 count, u32 bitset)
{
	long woken;

	futex_lock(b);
	woken = wake_matching(b, addr, count, bitset);
	futex_unlock(b);
	return woken;
}

static long futex_wake(uaddr_t addr, s32 count, u32 bitset)
{
	struct futex_bucket *b = futex_bucket_of(current_aspace(), addr);

	return bucket_is_idle(b) ? 0 : wake_some(b, addr, count, bitset);
}

bool futex_is_linux(uaddr_t addr, u32 op)
{
	return !(op & FUTEX_PRIVATE) && aspace_is_linux(current_aspace(), addr);
}

long futex_wake_addr(uaddr_t addr, u32 count)
{
	if (addr % sizeof(u32))
		return -EINVAL;
	if (futex_is_linux(addr, FUTEX_WAKE))
		return FORWARD(NR_FUTEX, addr, FUTEX_WAKE, count);
	return futex_wake(addr, count, FUTEX_MATCH_ANY);
}

/* ---- Waiting ---- */

static long queue_and_look(struct futex_waiter *w, uaddr_t addr, u32 expected)
{
	struct futex_bucket *b = bucket_of(w, addr);
	long ret = 0;
	u32 value;

	futex_lock(b);
	futex_queue(b, w, addr);
	/* queue_and_look:A, pairs with bucket_is_idle:A */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (user_load32(&value, addr))
		ret = -EFAULT;
	else if (value != expected)
		ret = -EAGAIN;
	if (ret)
		dequeue(b, w);
	futex_unlock(b);
	return ret;
}

long futex_queue_if(struct futex_waiter *w, uaddr_t addr, u32 expected)
{
	u32 value;
	long ret;

	do
		ret = queue_and_look(w, addr, expected);
	while (ret == -EFAULT && !copy_from_user(&value, addr, sizeof(value)));
	return ret;
}

bool futex_unqueue(struct futex_waiter *w)
{
	struct futex_bucket *b;
	uaddr_t addr;
	bool queued;

	for (;;) {
		addr = __atomic_load_n(&w->addr, __ATOMIC_RELAXED);
		b = bucket_of(w, addr);
		futex_lock(b);
		if (w->addr == addr)
			break;
		futex_unlock(b);
	}
	queued = !w->woken;
	if (queued)
		dequeue(b, w);
	futex_unlock(b);
	return queued;
}

static bool any_woken(struct futex_waiter *w, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (is_woken(&w[i]))
			return true;
	return false;
}

long futex_sleep(struct futex_waiter *w, u32 count, const struct deadline *end)
{
	u64 cycles = 0;

	for (;;) {
		if (end)
			cycles = deadline_cycles(end);	/* first: it may ask Linux, and a wake-up that comes meanwhile is consumed there */
		if (any_woken(w, count))
			return 0;
		if (end && !cycles)
			return -ETIMEDOUT;
		if (thread_interrupted(w->thread))
			return -EINTR;
		thread_park(cycles);
	}
}

long futex_interrupted(long restart)
{
	thread_interrupt(current_thread(), WORK_RESTART);
	return restart;
}

struct wait {
	uaddr_t addr;
	u32 value, bitset;
	const struct deadline *end;	/* NULL: none */
};

static long restart_wait(struct thread *t);

static long futex_wait(const struct wait *w)
{
	struct thread *t = current_thread();
	long err;

	t->futex.kind = FUTEX_PLAIN;
	t->futex.bitset = w->bitset;
	err = futex_queue_if(&t->futex, w->addr, w->value);
	if (err)
		return err;
	err = futex_sleep(&t->futex, 1, w->end);
	if (!err || !futex_unqueue(&t->futex))
		return 0;
	if (err == -ETIMEDOUT)
		return err;
	if (!w->end)
		return futex_interrupted(-ERESTARTSYS);
	t->restart = (struct restart){ restart_wait, *w->end, w->addr, w->value, w->bitset };
	return futex_interrupted(-ERESTART_RESTARTBLOCK);
}

/* A duration that a signal interrupted goes on to its original end. */
static long restart_wait(struct thread *t)
{
	struct deadline end = t->restart.end;
	struct wait w = { t->restart.addr, t->restart.value, t->restart.bitset, &end };

	return futex_wait(&w);
}

/* ---- Moving waiters ---- */

static long move_waiters(const struct requeue *r, struct futex_bucket *from, struct futex_bucket *to) REQUIRES(both buckets)
{
	struct aspace *as = current_aspace();
	struct list *at, *next;
	u32 done = 0;

	list_for_each_safe(at, next, &from->waiters) {
		struct futex_waiter *w = list_entry(at, struct futex_waiter, link);

		if (!futex_waits_for(w, as, r->from))
			continue;
		if (done >= (u64)r->wake + r->move)
			break;
		if (w->kind != FUTEX_PLAIN)
			return -EINVAL;
		if (done++ < r->wake)
			futex_end_wait(from, w, 0);
		else if (r->from != r->to)
			futex_move(w, to, r->to);
	}
	return done;
}

static long futex_requeue(const struct requeue *r)
{
	struct futex_bucket *from = futex_bucket_of(current_aspace(), r->from);
	struct futex_bucket *to = futex_bucket_of(current_aspace(), r->to);
	long ret = 0;
	u32 value;

	futex_lock_two(from, to);
	while (r->expected && user_load32(&value, r->from)) {
		futex_unlock_two(from, to);
		if (copy_from_user(&value, r->from, sizeof(value)))
			return -EFAULT;
		futex_lock_two(from, to);
	}
	if (r->expected && value != *r->expected)
		ret = -EAGAIN;
	else
		ret = move_waiters(r, from, to);
	futex_unlock_two(from, to);
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
	struct futex_bucket *b = futex_bucket_of(current_aspace(), addr);
	struct futex_bucket *b2 = futex_bucket_of(current_aspace(), addr2);
	long ret;
	int si_code;

	futex_lock_two(b, b2);
	while ((ret = operate(code, addr2)) == -EFAULT) {
		futex_unlock_two(b, b2);
		if (aspace_fault(current_aspace(), addr2, FAULT_WRITE, &si_code))
			return -EFAULT;
		futex_lock_two(b, b2);
	}
	if (ret >= 0) {
		bool both = ret;

		ret = wake_matching(b, addr, wake, FUTEX_MATCH_ANY);
		if (both && ret >= 0) {
			long more = wake_matching(b2, addr2, wake2, FUTEX_MATCH_ANY);

			ret = more < 0 ? more : ret + more;
		}
	}
	futex_unlock_two(b, b2);
	return ret;
}

/* ---- The system call ---- */

static bool has_timeout(u32 command)
{
	return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 ||
		command == FUTEX_WAIT_REQUEUE_PI;
}

static bool has_second_word(u32 command)
{
	return command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_WAKE_OP ||
		command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_CMP_REQUEUE_PI;
}

static bool is_known(u32 command)
{
	return command <= FUTEX_LOCK_PI2 && command != FUTEX_FD;
}

static bool may_choose_clock(u32 command)
{
	return command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_LOCK_PI2;
}

/* The end of a wait: FUTEX_WAIT takes a duration, the others a time, FUTEX_LOCK_PI always one of the wall clock. */
static long wait_end(u32 op, uaddr_t timeout, struct deadline *end)
{
	u32 command = FUTEX_COMMAND(op);
	u64 ns;
	long err = timespec_from_user(timeout, &ns);

	if (err)
		return err;
	if (command == FUTEX_WAIT)
		*end = deadline_after(CLOCK_MONOTONIC, ns);
	else
		*end = (struct deadline){ op & FUTEX_CLOCK_REALTIME || command == FUTEX_LOCK_PI ? CLOCK_REALTIME : CLOCK_MONOTONIC, ns };
	return 0;
}

/* What can be said without the words, in Linux's order. */
static long check_arguments(u32 op, u32 bitset, const struct requeue *r)
{
	u32 command = FUTEX_COMMAND(op);
	bool requeues = command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_CMP_REQUEUE_PI;

	if (!is_known(command) || (op & FUTEX_CLOCK_REALTIME && !may_choose_clock(command)))
		return -ENOSYS;
	if (!bitset)
		return -EINVAL;
	if (requeues && ((s32)r->wake < 0 || (s32)r->move < 0))
		return -EINVAL;
	if (command == FUTEX_CMP_REQUEUE_PI && r->wake != 1)
		return -EINVAL;
	if ((command == FUTEX_CMP_REQUEUE_PI || command == FUTEX_WAIT_REQUEUE_PI) && r->from == r->to)
		return -EINVAL;
	return 0;
}

static long check_words(u32 op, uaddr_t addr, uaddr_t addr2)
{
	u32 command = FUTEX_COMMAND(op);
	long err = command == FUTEX_UNLOCK_PI ? 0 : futex_check_word(addr, op);	/* that one looks for the owner first */

	if (!err && has_second_word(command))
		err = futex_check_word(addr2, op);
	return err;
}

static long futex_pi(u32 op, const struct requeue *r, u32 value, const struct deadline *end)
{
	switch (FUTEX_COMMAND(op)) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(r->from, end, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(r->from, NULL, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(r->from, op);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(r->from, value, r->to, end);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue_pi(r);
	}
	return -ENOSYS;
}

/*
 * True if the words are Linux's: it then does the whole call. A call with one word on each side is possible nowhere: *@err, or what is
 * wrong with the words in the first place.
 */
static bool is_for_linux(u32 op, uaddr_t addr, uaddr_t addr2, long *err)
{
	bool theirs = futex_is_linux(addr, op);

	if (has_second_word(FUTEX_COMMAND(op)) && futex_is_linux(addr2, op) != theirs)
		*err = check_words(op, addr, addr2) ?: -EINVAL;
	return theirs && !*err;
}

/* @timeout is a pointer for waits, and a second count for the others. */
static __attribute__((noinline))
long futex_any(struct frame *f, uaddr_t addr, int op, unsigned int value, uaddr_t timeout, uaddr_t addr2, unsigned int value3)
{
	u32 command = FUTEX_COMMAND(op);
	bool timed = has_timeout(command) && timeout;
	u32 bitset = command == FUTEX_WAIT_BITSET || command == FUTEX_WAKE_BITSET ? value3 : FUTEX_MATCH_ANY;
	struct deadline end;
	struct requeue move = { addr, addr2, value, timeout, command == FUTEX_REQUEUE ? NULL : &value3 };
	struct wait wait = { addr, value, bitset, timed ? &end : NULL };
	long err = 0;

	if (is_for_linux(op, addr, addr2, &err))
		return forward_call(NR_FUTEX, f);
	if (!err && timed)
		err = wait_end(op, timeout, &end);
	if (!err)
		err = check_arguments(op, bitset, &move);
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
	return futex_pi(op, &move, value, wait.end);
}

static __attribute__((noinline)) long wait_private(uaddr_t addr, u32 value)
{
	struct wait wait = { addr, value, FUTEX_MATCH_ANY, NULL };
	long err = futex_check_word(addr, FUTEX_PRIVATE);

	return err ? err : futex_wait(&wait);
}

/* Most calls are plain ones for private words. What others need is not inlined, so that these save no registers for it. */
long sys_futex(struct frame *f, uaddr_t addr, int op, unsigned int value, uaddr_t timeout, uaddr_t addr2, unsigned int value3)
{
	long err;

	if (op == (FUTEX_WAKE | FUTEX_PRIVATE)) {
		err = futex_check_word(addr, FUTEX_PRIVATE);
		return err ? err : futex_wake(addr, value, FUTEX_MATCH_ANY);
	}
	if (op == (FUTEX_WAIT | FUTEX_PRIVATE) && !timeout)
		return wait_private(addr, value);
	return futex_any(f, addr, op, value, timeout, addr2, value3);
}
