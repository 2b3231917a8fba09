/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tree of regions: a treap. Keys are start addresses in order from left to right, priorities are pseudo-random and fall
 * from the root down, so the depth is logarithmic whatever the program does. To insert is to go down to where the priority belongs and
 * cut what is there into those below and those above; to remove is to join them again.
 *
 * Each node sums up its subtree: first and last address, and the largest hole inside, which lets region_gap() skip subtrees
 * without room.
 */
#include "log.h"
#include "mm.h"
#include "region.h"

static void node_sum(struct region *r)
{
	struct region *a = r->left, *b = r->right;

	r->first = a ? a->first : r->start;
	r->last = b ? b->last : r->end;
	r->gap = 0;
	if (a)
		r->gap = max(a->gap, r->start - a->last);
	if (b)
		r->gap = max(r->gap, max(b->gap, b->first - r->end));
}

static void tree_cut(struct region *t, uaddr_t at, struct region **below, struct region **above)
{
	if (!t) {
		*below = *above = NULL;
	} else if (t->start < at) {
		tree_cut(t->right, at, &t->right, above);
		*below = t;
		node_sum(t);
	} else {
		tree_cut(t->left, at, below, &t->left);
		*above = t;
		node_sum(t);
	}
}

static struct region *tree_join(struct region *below, struct region *above)
{
	if (!below || !above)
		return below ? below : above;
	if (below->priority > above->priority) {
		below->right = tree_join(below->right, above);
		node_sum(below);
		return below;
	}
	above->left = tree_join(below, above->left);
	node_sum(above);
	return above;
}

static struct region *tree_insert(struct region *t, struct region *r)
{
	if (!t || r->priority > t->priority) {
		tree_cut(t, r->start, &r->left, &r->right);
		t = r;
	} else if (t->start < r->start) {
		t->right = tree_insert(t->right, r);
	} else {
		t->left = tree_insert(t->left, r);
	}
	node_sum(t);
	return t;
}

static struct region *tree_remove(struct region *t, const struct region *r)
{
	check(t);
	if (t == r)
		return tree_join(t->left, t->right);
	if (t->start < r->start)
		t->right = tree_remove(t->right, r);
	else
		t->left = tree_remove(t->left, r);
	node_sum(t);
	return t;
}

/* @r has another end, and the same neighbours. */
static void tree_resum(struct region *t, const struct region *r)
{
	if (t != r)
		tree_resum(t->start < r->start ? t->right : t->left, r);
	node_sum(t);
}

/* Need not be good or equal on all CPUs: only keeps the tree shallow. */
static u32 random_priority(void)
{
	static u32 state = 2463534242u;
	u32 x = __atomic_load_n(&state, __ATOMIC_RELAXED);

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	__atomic_store_n(&state, x, __ATOMIC_RELAXED);
	return x;
}

struct region *region_next(struct region *t, uaddr_t addr)
{
	struct region *found = NULL;

	while (t) {
		if (t->end > addr) {
			found = t;
			t = t->left;
		} else {
			t = t->right;
		}
	}
	return found;
}

struct region *region_find(struct region *t, uaddr_t addr)
{
	struct region *r = region_next(t, addr);

	return r && r->start <= addr ? r : NULL;
}

void region_insert(struct region **tree, struct region *r)
{
	r->priority = random_priority();
	*tree = tree_insert(*tree, r);
}

void region_remove(struct region **tree, struct region *r)
{
	*tree = tree_remove(*tree, r);
}

struct region *region_split(struct region **tree, struct region *r, uaddr_t at)
{
	struct region *upper = kmalloc(sizeof(*upper));

	check(r->start < at && at < r->end);
	if (!upper)
		return NULL;
	*upper = *r;
	upper->start = at;
	upper->offset += at - r->start;
	if (r->file)
		r->file->refs++;
	r->end = at;
	tree_resum(*tree, r);
	region_insert(tree, upper);
	return upper;
}

static bool can_merge(const struct region *a, const struct region *b)
{
	if (a->end != b->start || a->prot != b->prot || a->flags != b->flags || a->file != b->file)
		return false;
	if (!policy_is_same(&a->policy, &b->policy))
		return false;
	return !a->file || a->offset + (a->end - a->start) == b->offset;
}

struct region *region_merge(struct region **tree, uaddr_t at)
{
	struct region *a = at ? region_find(*tree, at - 1) : NULL;
	struct region *b = region_find(*tree, at);

	if (!a || !b || a == b || !can_merge(a, b))
		return NULL;
	region_remove(tree, b);
	a->end = b->end;
	tree_resum(*tree, a);
	return b;
}

uaddr_t region_gap(struct region *t, uaddr_t low, uaddr_t high, u64 len, u64 align)
{
	uaddr_t start;

	if (high < low || high - low < len)
		return 0;
	if (!t || t->last <= low || t->first >= high) {
		start = ALIGN_DOWN(high - len, align);
		return start >= low ? start : 0;
	}
	if (t->gap < len && t->first < low + len && t->last > high - len)
		return 0;
	start = region_gap(t->right, max(low, t->end), high, len, align);
	return start ? start : region_gap(t->left, low, min(high, t->start), len, align);
}

u32 region_check(struct region *t)
{
	struct region sum;
	u32 count = 1;

	if (!t)
		return 0;
	sum = *t;
	node_sum(&sum);
	check(sum.first == t->first && sum.last == t->last && sum.gap == t->gap);
	check(t->start < t->end && !((t->start | t->end) & (PAGE_SIZE - 1)));
	if (t->left) {
		check(t->left->priority <= t->priority && t->left->last <= t->start);
		count += region_check(t->left);
	}
	if (t->right) {
		check(t->right->priority <= t->priority && t->right->first >= t->end);
		count += region_check(t->right);
	}
	return count;
}
