/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Futexes with priority inheritance (man 2 futex): locks whose word holds the owner's thread id, so that the kernel can hand a lock
 * to the thread that has waited longest. Nobody's priority changes here: a thread normally has its core for itself, and where owner
 * and waiter share one, the waiter sleeps and the owner runs anyway. What remains is everything that programs can see: who gets the lock,
 * the bits of the word, what a dead owner leaves, and the errors, which are Linux's.
 *
 *	word = 0			free
 *	word = tid			held; taken and released without a call
 *	word = tid | WAITERS		held, and the kernel must be asked to release it
 *	OWNER_DIED			the last owner ended while it held the lock
 *
 * A waiter knows the owner (thread->pi_owner) and so does everybody behind it; they must agree with the word, or the program has
 * written to it: -EINVAL. Owners are looked for among the threads of the process, since only they see its memory. What relates threads to
 * locks is guarded by proc->lock; it is taken before the bucket's.
 */
#include "futex.h"

#define CHAIN_MAX	1024	/* locks that wait for each other; longer is as bad as a circle, as in Linux */

enum { WAIT, TAKEN, RETRY };	/* besides -errno */

/* An attempt to take the lock for a thread, which need not be the current one. */
struct claim {
	struct thread *thread;
	struct futex_bucket *bucket;
	uaddr_t addr;
	bool contended;			/* others will wait behind it: WAITERS is set at once */
	struct thread *owner;		/* result: whom to wait for, or who waits next to it */
};

static struct claim claim_make(struct thread *t, uaddr_t addr)
{
	return (struct claim){ .thread = t, .addr = addr, .bucket = futex_bucket_of(t->proc->aspace, addr) };
}

static void pi_lock(struct proc *proc, struct futex_bucket *a, struct futex_bucket *b)
{
	spin_lock(&proc->lock);
	futex_lock_two(a, b);
}

static void pi_unlock(struct proc *proc, struct futex_bucket *a, struct futex_bucket *b)
{
	futex_unlock_two(a, b);
	spin_unlock(&proc->lock);
}

static long make_writable(uaddr_t addr)
{
	int code;

	return aspace_fault(current_thread()->proc->aspace, addr, FAULT_WRITE, &code) ? -EFAULT : 0;
}

static struct futex_waiter *first_waiter(struct futex_bucket *b, struct aspace *as, uaddr_t addr) REQUIRES(bucket)
{
	struct list *at;

	list_for_each(at, &b->waiters)
		if (futex_waits_for(list_entry(at, struct futex_waiter, link), as, addr))
			return list_entry(at, struct futex_waiter, link);
	return NULL;
}

static struct thread *find_owner(struct proc *proc, u32 tid) REQUIRES(proc->lock)
{
	struct thread *t = thread_find(proc, tid);

	return t && !t->pi_gone ? t : NULL;
}

/* Would waiting for @owner mean that @t waits for itself? */
static bool would_deadlock(const struct thread *t, const struct thread *owner) REQUIRES(proc->lock)
{
	u32 n = 0;

	for (; owner && owner != t && n < CHAIN_MAX; n++)
		owner = owner->pi_owner;
	return owner != NULL;
}

/* ---- Taking ---- */

/* Somebody waits already: does the word say what the waiters know? */
static long claim_behind(struct claim *c, u32 word, const struct futex_waiter *top) REQUIRES(proc->lock and bucket)
{
	u32 tid = word & FUTEX_TID_MASK;

	if (top->kind != FUTEX_PI)
		return -EINVAL;
	c->owner = top->thread->pi_owner;
	if (word & FUTEX_OWNER_DIED && !tid)
		return WAIT;		/* the dying owner is about to hand it over */
	return tid == c->owner->tid ? WAIT : -EINVAL;
}

static long claim_owned(struct claim *c, u32 word) REQUIRES(proc->lock and bucket)
{
	u32 seen = word;
	long err = user_cmpxchg32(c->addr, &seen, word | FUTEX_WAITERS);

	if (err)
		return err;
	c->owner = find_owner(c->thread->proc, word & FUTEX_TID_MASK);
	return c->owner ? WAIT : -ESRCH;
}

static long claim_free(struct claim *c, u32 word) REQUIRES(proc->lock and bucket)
{
	u32 seen = word;
	long err = user_cmpxchg32(c->addr, &seen, (word & FUTEX_OWNER_DIED) | c->thread->tid | (c->contended ? FUTEX_WAITERS : 0));

	c->owner = c->thread;
	return err ? err : TAKEN;
}

/* TAKEN; WAIT for c->owner; or an error: -EFAULT and -EAGAIN ask for the page and for another attempt. */
static long claim(struct claim *c) REQUIRES(proc->lock and bucket)
{
	struct futex_waiter *top;
	u32 word;

	if (user_load32(&word, c->addr))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) == c->thread->tid)
		return -EDEADLK;
	top = first_waiter(c->bucket, c->thread->proc->aspace, c->addr);
	if (top)
		return claim_behind(c, word, top);
	return word & FUTEX_TID_MASK ? claim_owned(c, word) : claim_free(c, word);
}

/* From now on @t waits for c->owner, in the bucket or on its way there. */
static long attach(struct thread *t, struct thread *owner) REQUIRES(proc->lock and bucket)
{
	if (would_deadlock(t, owner))
		return -EDEADLK;
	t->pi_owner = owner;
	owner->pi_waited = true;
	return 0;
}

static long take_or_queue(struct claim *c, bool try)
{
	struct thread *t = c->thread;
	long ret;

	pi_lock(t->proc, c->bucket, c->bucket);
	ret = claim(c);
	if (ret == WAIT && !try)
		ret = attach(t, c->owner);
	if (ret == WAIT && !try) {
		t->futex.kind = FUTEX_PI;
		futex_queue(c->bucket, &t->futex, c->addr);
	}
	pi_unlock(t->proc, c->bucket, c->bucket);
	return ret;
}

/* Gives up the place in the queue; false if the wait is over already. The lock's word keeps WAITERS, as in Linux. */
static bool leave_queue(struct thread *t)
{
	bool left;

	spin_lock(&t->proc->lock);
	left = futex_unqueue(&t->futex);
	if (left)
		t->pi_owner = NULL;
	spin_unlock(&t->proc->lock);
	return left;
}

long futex_lock_pi(uaddr_t addr, const struct deadline *end, bool try)
{
	struct thread *t = current_thread();
	struct claim c = claim_make(t, addr);
	long ret;

	while ((ret = take_or_queue(&c, try)) == -EFAULT || ret == -EAGAIN)
		if (ret == -EFAULT && make_writable(addr))
			return -EFAULT;
	if (ret != WAIT)
		return ret == TAKEN ? 0 : ret;
	if (try)
		return -EAGAIN;
	ret = futex_sleep(&t->futex, 1, end);
	if (!ret || !leave_queue(t))
		return t->futex.result;
	return ret == -EINTR ? futex_interrupted(-ERESTARTNOINTR) : ret;
}

/* ---- Handing over ---- */

/* @next has become the owner; those who still wait now wait for it. */
static void hand_over(struct futex_bucket *b, struct futex_waiter *next) REQUIRES(proc->lock and bucket)
{
	struct thread *owner = next->thread;
	uaddr_t addr = next->addr;
	struct list *at;

	owner->pi_owner = NULL;
	futex_end_wait(b, next, 0);
	list_for_each(at, &b->waiters) {
		struct futex_waiter *w = list_entry(at, struct futex_waiter, link);

		if (!futex_waits_for(w, owner->proc->aspace, addr) || w->kind != FUTEX_PI)
			continue;
		w->thread->pi_owner = owner;
		owner->pi_waited = true;
	}
}

/* Writes @next into the lock's word if that is still *@word, else -EAGAIN. WAITERS stays even if nobody is left, as in Linux. */
static long pass_on(struct futex_bucket *b, struct futex_waiter *next, u32 *word, u32 bits) REQUIRES(proc->lock and bucket)
{
	long err = user_cmpxchg32(next->addr, word, next->thread->tid | FUTEX_WAITERS | bits);

	if (!err)
		hand_over(b, next);
	return err;
}

/* @word is what the program believes. If only WAITERS has been added since, somebody was faster: RETRY. */
static long unlock_locked(struct futex_bucket *b, uaddr_t addr, u32 word) REQUIRES(proc->lock and bucket)
{
	struct thread *t = current_thread();
	struct futex_waiter *top = first_waiter(b, t->proc->aspace, addr);
	u32 seen = word;
	long err;

	if (!top)
		return user_cmpxchg32(addr, &seen, 0);
	if (top->kind != FUTEX_PI || top->thread->pi_owner != t)
		return -EINVAL;
	err = pass_on(b, top, &seen, 0);
	if (err != -EAGAIN)
		return err;
	return (seen & FUTEX_TID_MASK) == word ? RETRY : -EINVAL;
}

static long unlock_once(struct thread *t, uaddr_t addr, u32 op)
{
	struct futex_bucket *b;
	u32 word;
	long ret;

	if (copy_from_user(&word, addr, sizeof(word)))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) != t->tid)
		return -EPERM;
	ret = futex_check_word(addr, op);
	if (ret)
		return ret;
	b = futex_bucket_of(t->proc->aspace, addr);
	pi_lock(t->proc, b, b);
	ret = unlock_locked(b, addr, word);
	pi_unlock(t->proc, b, b);
	if (ret == -EFAULT)
		return make_writable(addr) ? -EFAULT : RETRY;
	return ret;
}

long futex_unlock_pi(uaddr_t addr, u32 op)
{
	long ret;

	do {
		ret = unlock_once(current_thread(), addr, op);
	} while (ret == RETRY);
	return ret;
}

/* ---- Condition variables: waiting for one word, then for a lock ---- */

/* Leaves whatever queue it is in. False if the wait is over; *@requeued: it waited for the lock already. */
static bool leave_requeue(struct thread *t, bool *requeued)
{
	bool left;

	spin_lock(&t->proc->lock);	/* nothing is requeued meanwhile */
	left = futex_unqueue(&t->futex);
	*requeued = t->futex.kind == FUTEX_PI;
	if (left)
		t->pi_owner = NULL;
	spin_unlock(&t->proc->lock);
	return left;
}

long futex_wait_requeue_pi(uaddr_t addr, u32 expected, uaddr_t lock, const struct deadline *end)
{
	struct thread *t = current_thread();
	bool requeued;
	long err;

	t->futex.kind = FUTEX_REQUEUED;
	t->futex.bitset = FUTEX_MATCH_ANY;
	t->futex.lock = lock;
	err = futex_queue_if(&t->futex, addr, expected);
	if (err)
		return err;
	err = futex_sleep(&t->futex, 1, end);
	if (!err || !leave_requeue(t, &requeued))
		return t->futex.result;
	if (err == -EINTR)
		return requeued ? -EAGAIN : futex_interrupted(-ERESTARTNOINTR);	/* the word has changed: no use in trying again */
	return err;
}

static bool is_movable(const struct futex_waiter *w, const struct requeue *r) REQUIRES(bucket)
{
	return w->kind == FUTEX_REQUEUED && w->lock == r->to;
}

/* Moves waiters to the lock while fewer than one plus r->move are done. Their number, or an error, with some perhaps moved. */
static long move_to_lock(const struct requeue *r, struct futex_bucket *from, struct claim *c, u32 done)
	REQUIRES(proc->lock and both buckets)
{
	struct list *at, *next;

	list_for_each_safe(at, next, &from->waiters) {
		struct futex_waiter *w = list_entry(at, struct futex_waiter, link);
		long err;

		if ((s64)done - 1 >= (s64)r->move)
			break;
		if (!futex_waits_for(w, current_thread()->proc->aspace, r->from))
			continue;
		if (!is_movable(w, r))
			return -EINVAL;
		err = attach(w->thread, c->owner);
		if (err)
			return err;
		w->kind = FUTEX_PI;
		futex_move(w, c->bucket, r->to);
		done++;
	}
	return done;
}

static long requeue_locked(const struct requeue *r, struct futex_bucket *from, struct claim *c) REQUIRES(proc->lock and both buckets)
{
	struct futex_waiter *top;
	u32 value;
	long ret;

	if (user_load32(&value, r->from))
		return -EFAULT;
	if (value != *r->expected)
		return -EAGAIN;
	top = first_waiter(from, current_thread()->proc->aspace, r->from);
	if (!top)
		return 0;
	if (!is_movable(top, r))
		return -EINVAL;
	c->thread = top->thread;
	ret = claim(c);
	if (ret == -EAGAIN)
		return -ERESTARTNOINTR;	/* the lock's word has changed: once more */
	if (ret == TAKEN)
		futex_end_wait(from, top, 0);
	return ret < 0 ? ret : move_to_lock(r, from, c, ret == TAKEN);
}

static long make_both_present(const struct requeue *r)
{
	u32 value;

	return copy_from_user(&value, r->from, sizeof(value)) || make_writable(r->to) ? -EFAULT : 0;
}

long futex_requeue_pi(const struct requeue *r)
{
	struct thread *t = current_thread();
	struct futex_bucket *from = futex_bucket_of(t->proc->aspace, r->from);
	struct claim c = claim_make(t, r->to);
	long ret;

	c.contended = r->move != 0;
	do {
		pi_lock(t->proc, from, c.bucket);
		ret = requeue_locked(r, from, &c);
		pi_unlock(t->proc, from, c.bucket);
		if (ret == -EFAULT && make_both_present(r))
			return -EFAULT;
	} while (ret == -EFAULT || ret == -ERESTARTNOINTR);
	return ret;
}

/* ---- Death of an owner ---- */

static struct futex_waiter *first_waiter_for(struct futex_bucket *b, const struct thread *owner) REQUIRES(proc->lock and bucket)
{
	struct list *at;

	list_for_each(at, &b->waiters) {
		struct futex_waiter *w = list_entry(at, struct futex_waiter, link);

		if (w->kind == FUTEX_PI && w->thread->pi_owner == owner)
			return w;
	}
	return NULL;
}

/* The first waiter gets a lock of @owner, or -EFAULT if its word cannot be written. False if there is none in this bucket. */
static bool give_away_one(struct futex_bucket *b, struct thread *owner, bool unwritable, uaddr_t *faulted)
{
	struct futex_waiter *w;
	u32 word;
	long err = -EFAULT;

	pi_lock(owner->proc, b, b);
	*faulted = 0;
	w = first_waiter_for(b, owner);
	if (w && unwritable) {
		w->thread->pi_owner = NULL;
		futex_end_wait(b, w, -EFAULT);
	} else if (w) {
		if (!user_load32(&word, w->addr))
			err = pass_on(b, w, &word, FUTEX_OWNER_DIED);
		if (err == -EFAULT)
			*faulted = w->addr;
	}
	pi_unlock(owner->proc, b, b);
	return w != NULL;
}

/* After this nobody waits for @t, and nobody begins to. */
void futex_exit_pi(struct thread *t)
{
	bool waited, unwritable;
	uaddr_t faulted;

	spin_lock(&t->proc->lock);
	t->pi_gone = true;
	waited = t->pi_waited;
	spin_unlock(&t->proc->lock);
	for (u32 i = 0; waited && i < FUTEX_BUCKETS; i++) {
		unwritable = false;
		while (give_away_one(&futex_buckets[i], t, unwritable, &faulted))
			unwritable = faulted && make_writable(faulted);
	}
}
