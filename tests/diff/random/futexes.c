// SPDX-License-Identifier: GPL-2.0
/*
 * Random futex calls of several threads, one at a time: the first thread tells another what to do and goes on only when that is done or
 * sleeps. Who sleeps is counted by requeueing a word's sleepers to the word itself, and a plain wake does not like sleepers who want a
 * lock. Linux wakes threads of equal priority in the order in which they came, so who is woken is determined; but where those come who are
 * requeued to a word that has sleepers already depends on how the words hash, so none are.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "random.h"

#define WORKERS		4
#define WORDS		4
#define PI_WORD		WORDS		/* a lock of its own */
#define FREE		-1
#define ALL		0x7fffffff
#define PATIENCE	20		/* seconds until a thread that should have done something is told as stuck */

struct worker {
	uint32_t go;			/* rises by one with each order */
	uint32_t done;			/* follows */
	long arg[6];			/* of futex(2) */
	long ret;
	int tid;
	int word;			/* where it sleeps, or FREE */
	uint32_t bits;			/* for which it sleeps */
	long since;
};

static struct worker workers[WORKERS];
static uint32_t *word, *areas[2];	/* private, shared */
static long flag;			/* FUTEX_PRIVATE_FLAG or 0 */
static long clock_of_sleeps;
static struct timespec past = { 0, 1 };

/* Lets others run; false when that has gone on for too long since *@end was 0. */
static bool yield(time_t *end)
{
	struct timespec now;

	raw(sched_yield);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!*end)
		*end = now.tv_sec + PATIENCE;
	return now.tv_sec < *end;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	uint32_t seen = 0;

	__atomic_store_n(&w->tid, (int)raw(gettid), __ATOMIC_RELEASE);
	for (;;) {
		while (__atomic_load_n(&w->go, __ATOMIC_ACQUIRE) == seen)
			raw(futex, &w->go, FUTEX_WAIT_PRIVATE, seen, NULL);
		seen++;
		w->ret = raw_call(SYS_futex, w->arg);
		__atomic_store_n(&w->done, seen, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool is_done(const struct worker *w)
{
	return __atomic_load_n(&w->done, __ATOMIC_ACQUIRE) == w->go;
}

static void start(struct worker *w, const long arg[6])
{
	memcpy(w->arg, arg, sizeof(w->arg));
	__atomic_fetch_add(&w->go, 1, __ATOMIC_RELEASE);
	raw(futex, &w->go, FUTEX_WAKE_PRIVATE, 1);
}

/* False if it does not end in a long time. */
static bool finish(struct worker *w)
{
	time_t end = 0;

	while (!is_done(w) && yield(&end))
		;
	w->word = FREE;
	return is_done(w);
}

static struct worker *idle_worker(void)
{
	int i, n = pick(WORKERS);

	for (i = 0; i < WORKERS; i++)
		if (workers[(n + i) % WORKERS].word == FREE)
			return &workers[(n + i) % WORKERS];
	return NULL;
}

static long sleepers(int at)
{
	long i, n = 0;

	for (i = 0; i < WORKERS; i++)
		n += workers[i].word == at;
	return n;
}

/* The one that has slept longest at a word, of those with one of the bits. */
static struct worker *first_sleeper(int at, uint32_t bits)
{
	struct worker *first = NULL;
	int i;

	for (i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];

		if (w->word == at && w->bits & bits && (!first || w->since < first->since))
			first = w;
	}
	return first;
}

static void t_word(uint32_t value)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		if ((value & FUTEX_TID_MASK) == (uint32_t)workers[i].tid)
			value = (value & ~FUTEX_TID_MASK) | (i + 1);
	t_arg("word", value);
}

/* These must wake now. */
static void expect_woken(int at, uint32_t bits, long n)
{
	struct worker *w;

	for (; n > 0 && (w = first_sleeper(at, bits)); n--) {
		t_arg("woken", w - workers);
		if (!finish(w))
			t_str(" NOT");
		t_ret("with", w->ret);
	}
}

static void check_sleepers(void)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		if (workers[i].word != FREE && is_done(&workers[i]))
			t_arg("TOO", i);
}

/* ---- Operations ---- */

static void op_wait(void)
{
	struct worker *w = idle_worker();
	int at = pick(WORDS), kind = pick(6);
	uint32_t bits = 1 + pick(7);
	time_t end = 0;
	long op = (chance(50) ? FUTEX_WAIT : FUTEX_WAIT_BITSET) | flag, value = word[at];

	t_str(" wait");
	t_arg("at", at);
	t_arg("op", op);
	t_arg("bits", bits);
	t_arg("kind", kind);
	if (!w)
		return;
	t_arg("worker", w - workers);
	if (kind == 0) {
		start(w, (long[]){ (long)&word[at], op, value + 1, 0, 0, bits });
	} else if (kind == 1) {
		start(w, (long[]){ (long)&word[at], op, value, (long)&past, 0, bits });
	} else {
		start(w, (long[]){ (long)&word[at], op, value, 0, 0, bits });
		w->word = at;
		w->bits = (op & ~FUTEX_PRIVATE_FLAG) == FUTEX_WAIT ? ~0u : bits;
		w->since = clock_of_sleeps++;
		while (raw(futex, &word[at], FUTEX_CMP_REQUEUE | flag, 0, ALL, &word[at], value) != sleepers(at) && !is_done(w))
			if (!yield(&end))
				break;
		if (is_done(w) || !yield(&end))
			t_str(" WRONG");
		return;
	}
	finish(w);
	t_ret("ret", w->ret);
}

static void op_wake(void)
{
	int at = pick(WORDS);
	long n = pick_of(1, 1, 1, 2, ALL, 0);
	uint32_t bits = 1 + pick(7);

	t_str(" wake");
	t_arg("at", at);
	t_arg("n", n);
	if (chance(50)) {
		t_arg("bits", bits);
		expect_woken(at, bits, t_ret("ret", raw(futex, &word[at], FUTEX_WAKE_BITSET | flag, n, 0, 0, bits)));
	} else {
		expect_woken(at, ~0u, t_ret("ret", raw(futex, &word[at], FUTEX_WAKE | flag, n)));
	}
}

static void op_requeue(void)
{
	int from = pick(WORDS), to = pick(WORDS);
	long wake = pick(3), move = pick_of(0, 1, 1, 2, ALL), op = chance(70) ? FUTEX_CMP_REQUEUE : FUTEX_REQUEUE, ret;
	struct worker *w;

	if (to != from && sleepers(to))
		move = 0;
	t_str(" requeue");
	t_arg("from", from);
	t_arg("to", to);
	t_arg("op", op);
	t_arg("wake", wake);
	t_arg("move", move);
	ret = t_ret("ret", raw(futex, &word[from], op | flag, wake, move, &word[to], word[from] + chance(10)));
	if (ret <= 0)
		return;
	expect_woken(from, ~0u, wake);
	for (; from != to && move > 0 && (w = first_sleeper(from, ~0u)); move--) {
		w->word = to;
		w->since = clock_of_sleeps++;
	}
}

static void op_wake_op(void)
{
	int from = pick(WORDS), to = pick(WORDS), op = pick(5), cmp = pick(6), oparg = pick(5), cmparg = pick(5);
	long wake = 1 + pick(2), also = 1 + pick(2), ret;
	struct worker *w;

	t_str(" wake-op");
	t_arg("from", from);
	t_arg("to", to);
	t_arg("op", op);
	t_arg("cmp", cmp);
	ret = raw(futex, &word[from], FUTEX_WAKE_OP | flag, wake, also, &word[to], FUTEX_OP(op, oparg, cmp, cmparg));
	t_ret("ret", ret);
	t_arg("becomes", word[to]);
	for (; wake > 0 && ret > 0 && (w = first_sleeper(from, ~0u)); wake--, ret--)
		expect_woken(from, ~0u, 1);
	expect_woken(to, ~0u, ret);
}

static void op_set(void)
{
	int at = pick(WORDS);

	t_str(" set");
	t_arg("at", at);
	word[at] = pick(4);
	t_arg("value", word[at]);
}

static void op_wrong(void)
{
	long kind = pick(8), at = pick(WORDS);
	struct timespec bad = { 0, 1000000000 };

	t_arg("wrong", kind);
	switch (kind) {
	case 0: t_ret("ret", raw(futex, (char *)&word[at] + 1, FUTEX_WAIT | flag, 0, NULL)); break;
	case 1: t_ret("ret", raw(futex, (char *)&word[at] + 2, FUTEX_WAKE | flag, 1)); break;
	case 2: t_ret("ret", raw(futex, 0x1000, FUTEX_WAIT | flag, 0, NULL)); break;
	case 3: t_ret("ret", raw(futex, &word[at], 77 | flag, 1)); break;
	case 4: t_ret("ret", raw(futex, &word[at], FUTEX_WAIT | flag, word[at], &bad)); break;
	case 5: t_ret("ret", raw(futex, &word[at], FUTEX_WAIT_BITSET | flag, word[at], NULL, 0, 0)); break;
	case 6: t_ret("ret", raw(futex, &word[at], FUTEX_CMP_REQUEUE | flag, 1, -1, &word[at], word[at])); break;
	case 7: t_ret("ret", raw(futex, &word[at], FUTEX_CMP_REQUEUE | flag, 1, 1, (char *)&word[at] + 1, word[at])); break;
	}
}

static struct worker *pi_owner(void)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		if ((word[PI_WORD] & FUTEX_TID_MASK) == (uint32_t)workers[i].tid)
			return &workers[i];
	return NULL;
}

static void op_lock(void)
{
	struct worker *w = idle_worker(), *owner = pi_owner();
	time_t end = 0;
	long op = (chance(60) ? FUTEX_LOCK_PI : FUTEX_TRYLOCK_PI) | flag;

	t_str(" lock");
	t_arg("op", op);
	if (!w)
		return;
	t_arg("worker", w - workers);
	if (owner && owner != w && (op & ~FUTEX_PRIVATE_FLAG) == FUTEX_LOCK_PI) {
		if (sleepers(PI_WORD))
			return;
		start(w, (long[]){ (long)&word[PI_WORD], op, 0, 0, 0, 0 });
		w->word = PI_WORD;
		w->bits = ~0u;
		while (raw(futex, &word[PI_WORD], FUTEX_WAKE | flag, 1) != -EINVAL && !is_done(w))
			if (!yield(&end))
				break;
	} else {
		start(w, (long[]){ (long)&word[PI_WORD], op, 0, 0, 0, 0 });
		finish(w);
		t_ret("ret", w->ret);
	}
	t_word(word[PI_WORD]);
}

static void op_unlock(void)
{
	struct worker *w = pi_owner();

	t_str(" unlock");
	if (!w || w->word != FREE || chance(20))
		w = idle_worker();
	if (!w)
		return;
	t_arg("worker", w - workers);
	start(w, (long[]){ (long)&word[PI_WORD], FUTEX_UNLOCK_PI | flag, 0, 0, 0, 0 });
	finish(w);
	if (t_ret("ret", w->ret) == 0)
		expect_woken(PI_WORD, ~0u, 1);
	t_word(word[PI_WORD]);
}

static const struct operation operations[] = {
	{ 30, op_wait }, { 15, op_wake }, { 12, op_requeue }, { 8, op_wake_op }, { 6, op_set }, { 4, op_wrong }, { 8, op_lock }, { 8, op_unlock },
};

static void futex_op(int index)
{
	run_one(operations, sizeof(operations) / sizeof(*operations));
	check_sleepers();
	(void)index;
}

static void futex_prepare(void)
{
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		areas[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | (i ? MAP_SHARED : MAP_PRIVATE), -1, 0);
		ALWAYS(areas[i] == MAP_FAILED ? -1 : 0);
	}
	for (i = 0; i < WORKERS; i++) {
		workers[i].word = FREE;
		ALWAYS(-pthread_create(&thread, NULL, worker_main, &workers[i]));
		while (!__atomic_load_n(&workers[i].tid, __ATOMIC_ACQUIRE))
			raw(sched_yield);
	}
}

static void futex_begin(void)
{
	bool shared = chance(40);

	word = areas[shared];
	flag = shared ? 0 : FUTEX_PRIVATE_FLAG;
	memset(word, 0, (WORDS + 1) * sizeof(*word));
}

static void futex_end(void)
{
	struct worker *w;
	int i;

	for (i = 0; i < WORDS; i++) {
		t_arg("value", word[i]);
		expect_woken(i, ~0u, t_ret("woke", raw(futex, &word[i], FUTEX_WAKE | flag, ALL)));
	}
	while ((w = pi_owner()) && w->word == FREE) {
		start(w, (long[]){ (long)&word[PI_WORD], FUTEX_UNLOCK_PI | flag, 0, 0, 0, 0 });
		finish(w);
		t_ret("unlock", w->ret);
		expect_woken(PI_WORD, ~0u, 1);
	}
	t_word(word[PI_WORD]);
}

const struct group futex_group = { "futex", 40, futex_prepare, futex_begin, futex_op, futex_end };
