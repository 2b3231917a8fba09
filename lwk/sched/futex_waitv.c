/* SPDX-License-Identifier: GPL-2.0 */
/*
 * futex_waitv(2): a thread waits for a change of any of up to 128 words. It queues once per word and leaves all queues when one of
 * its waits has ended; the index of that word is the result, of the last one if there were several, as in Linux. Words that Linux
 * must wait for (futex.c) go there together; a thread cannot wait in both kernels at once, so a mixture is refused: -EINVAL.
 */
#include "futex.h"
#include "syscall_proto.h"

#define NR_FUTEX_WAITV	449
#define WORDS_MAX	128
#define WORD_32		2u	/* the only size there is */

struct user_word {		/* linux/futex.h: struct futex_waitv */
	u64 value, addr;
	u32 flags, reserved;
};

struct many {
	u32 count;
	struct user_word word[WORDS_MAX];
	struct futex_waiter waiter[WORDS_MAX];
};

static long read_words(struct many *m, uaddr_t from)
{
	for (u32 i = 0; i < m->count; i++) {
		struct user_word *w = &m->word[i];

		if (copy_from_user(w, from + i * sizeof(*w), sizeof(*w)))
			return -EFAULT;
		if (w->flags & ~(FUTEX_PRIVATE | WORD_32) || w->reserved || !(w->flags & WORD_32))
			return -EINVAL;
	}
	return 0;
}

/* The index of the last word that was woken, -1 if none was. */
static long unqueue_first(struct many *m, u32 count)
{
	long woken = -1;

	for (u32 i = 0; i < count; i++)
		if (!futex_unqueue(&m->waiter[i]))
			woken = i;
	return woken;
}

/* Nobody waits if one word has changed already; but if another was woken meanwhile that is the result: *@woken. */
static long queue_all(struct many *m, long *woken)
{
	long err = 0;

	for (u32 i = 0; i < m->count && !err; i++)
		err = futex_check_word(m->word[i].addr, m->word[i].flags);
	for (u32 i = 0; i < m->count && !err; i++) {
		struct futex_waiter *w = &m->waiter[i];

		w->thread = current_thread();
		w->kind = FUTEX_PLAIN;
		w->bitset = FUTEX_MATCH_ANY;
		err = futex_queue_if(w, m->word[i].addr, m->word[i].value);
		if (err)
			*woken = unqueue_first(m, i);
	}
	return err;
}

static long wait_for_any(struct many *m, const struct deadline *end)
{
	long woken = -1, err = queue_all(m, &woken);

	if (!err) {
		err = futex_sleep(m->waiter, m->count, end);
		woken = unqueue_first(m, m->count);
	}
	if (woken >= 0)
		return woken;
	return err == -EINTR ? futex_interrupted(-ERESTARTSYS) : err;
}

static u32 count_linux(const struct many *m)
{
	u32 n = 0;

	for (u32 i = 0; i < m->count; i++)
		n += futex_is_linux(m->word[i].addr, m->word[i].flags);
	return n;
}

static long wait_where_possible(struct many *m, const struct deadline *end, struct frame *f)
{
	u32 theirs = count_linux(m);

	if (!theirs)
		return wait_for_any(m, end);
	return theirs == m->count ? forward_call(NR_FUTEX_WAITV, f) : -EINVAL;
}

static long read_end(uaddr_t timeout, int clock, struct deadline *end)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return -EINVAL;
	end->clock = clock;
	return timespec_from_user(timeout, &end->ns);
}

long sys_futex_waitv(struct frame *f, uaddr_t words, unsigned int count, unsigned int flags, uaddr_t timeout, int clock)
{
	struct deadline end;
	struct many *m;
	long ret;

	if (flags || !count || count > WORDS_MAX || !words)
		return -EINVAL;
	ret = timeout ? read_end(timeout, clock, &end) : 0;
	if (ret)
		return ret;
	m = kmalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->count = count;
	ret = read_words(m, words);
	if (!ret)
		ret = wait_where_possible(m, timeout ? &end : NULL, f);
	kfree(m);
	return ret;
}
