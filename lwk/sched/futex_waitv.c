/* SPDX-License-Identifier: GPL-2.0 */
/*
 * futex_waitv(2): a thread waits for a change of any of up to 128 words. It queues once per word and leaves all queues when one of
 * its waits has ended; the index of that word is the result, of the last one if there were several, as in Linux.
 */
#include "futex.h"
#include "syscall_proto.h"

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

static long read_end(uaddr_t timeout, int clock, struct deadline *end)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return -EINVAL;
	end->clock = clock;
	return timespec_from_user(timeout, &end->ns);
}

long sys_futex_waitv(uaddr_t words, unsigned int count, unsigned int flags, uaddr_t timeout, int clock)
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
		ret = wait_for_any(m, timeout ? &end : NULL);
	kfree(m);
	return ret;
}
