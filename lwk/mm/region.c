/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tree of regions: a treap. Keys are start addresses in order from left to right, priorities are pseudo-random and fall
 * from the root down, so the depth is logarithmic whatever the program does. A new node becomes a leaf beside its neighbour and is
 * rotated up until its priority fits, two rotations on average; one that goes is rotated down.
 *
 * Regions are also linked in order of address. Each node knows the largest hole before a region of its subtree, which lets region_gap()
 * skip subtrees without room. What changes one hole goes up only as far as that changes the largest.
 */
#include "log.h"
#include "mm.h"
#include "region.h"

static u64 hole_before(const struct region *r)
{
	return r->start - (r->prev ? r->prev->end : 0);
}

static u64 largest_hole(const struct region *r)
{
	u64 gap = hole_before(r);

	if (r->left)
		gap = max(gap, r->left->gap);
	if (r->right)
		gap = max(gap, r->right->gap);
	return gap;
}

/* The hole before @r, or a subtree of it, has changed. NULL: nothing to do. */
static void gap_changed(struct region *r)
{
	for (; r; r = r->up) {
		u64 gap = largest_hole(r);

		if (gap == r->gap)
			break;
		r->gap = gap;
	}
}

static void replace_child(struct region **tree, struct region *up, const struct region *old, struct region *new)
{
	if (!up)
		*tree = new;
	else if (up->left == old)
		up->left = new;
	else
		up->right = new;
	if (new)
		new->up = up;
}

/* @r takes the place of the node above it, which goes down on the other side. */
static void rotate_up(struct region **tree, struct region *r)
{
	struct region *p = r->up, *between;

	replace_child(tree, p->up, p, r);
	if (p->left == r) {
		between = p->left = r->right;
		r->right = p;
	} else {
		between = p->right = r->left;
		r->left = p;
	}
	p->up = r;
	if (between)
		between->up = p;
	p->gap = largest_hole(p);
	r->gap = largest_hole(r);
}

static struct region *last_of(struct region *t)
{
	while (t && t->right)
		t = t->right;
	return t;
}

/* Adds @r between two neighbours: one of them has a free place on that side, because they are neighbours. */
static void tree_add(struct region **tree, struct region *r, struct region *prev, struct region *next)
{
	r->prev = prev;
	r->next = next;
	r->left = r->right = NULL;
	if (prev)
		prev->next = r;
	if (next)
		next->prev = r;
	if (next && !next->left) {
		next->left = r;
		r->up = next;
	} else if (prev) {
		prev->right = r;
		r->up = prev;
	} else {
		*tree = r;
		r->up = NULL;
	}
	r->gap = 0;
	gap_changed(r);
	gap_changed(next);
	while (r->up && r->priority > r->up->priority)
		rotate_up(tree, r);
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
	struct region *next = region_next(*tree, r->start);

	r->priority = random_priority();
	tree_add(tree, r, next ? next->prev : last_of(*tree), next);
}

void region_remove(struct region **tree, struct region *r)
{
	struct region *a, *b;

	while ((a = r->left) && (b = r->right))
		rotate_up(tree, a->priority > b->priority ? a : b);
	replace_child(tree, r->up, r, r->left ? r->left : r->right);
	if (r->prev)
		r->prev->next = r->next;
	if (r->next)
		r->next->prev = r->prev;
	gap_changed(r->up);
	gap_changed(r->next);
}

void region_resize(struct region *r, uaddr_t start, uaddr_t end)
{
	if (r->file)
		r->offset += start - r->start;
	r->start = start;
	r->end = end;
	gap_changed(r);
	gap_changed(r->next);
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
	upper->priority = random_priority();
	tree_add(tree, upper, r, r->next);
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

bool region_join(struct region **tree, struct region *r)
{
	if (!r->prev || !can_merge(r->prev, r))
		return false;
	r->prev->end = r->start = r->end;	/* before it goes, so that there is no hole that comes and goes */
	region_remove(tree, r);
	return true;
}

struct region *region_merge(struct region **tree, uaddr_t at)
{
	struct region *r = region_find(*tree, at);

	return r && r->start == at && region_join(tree, r) ? r : NULL;
}

bool region_absorb(struct region *tree, const struct region *new)
{
	struct region *next = region_next(tree, new->start), *prev = next ? next->prev : last_of(tree);
	bool below = prev && can_merge(prev, new), above = next && can_merge(new, next);

	if (below == above)
		return false;
	if (below)
		region_resize(prev, prev->start, new->end);
	else
		region_resize(next, new->start, next->end);
	return true;
}

/* The highest place of @len bytes in [low, high); 0 if there is none. */
static uaddr_t place_in(uaddr_t low, uaddr_t high, u64 len, u64 align)
{
	uaddr_t start;

	if (high < low || high - low < len)
		return 0;
	start = ALIGN_DOWN(high - len, align);
	return start >= low ? start : 0;
}

/* In the holes before regions, from right to left; subtrees without a large one are passed over. */
static uaddr_t gap_below(const struct region *t, uaddr_t low, uaddr_t high, u64 len, u64 align)
{
	bool down = true;	/* @t's right side comes first; otherwise we come from there */
	uaddr_t start;

	while (t) {
		if (down && t->right && t->right->gap >= len && t->end < high) {
			t = t->right;
			continue;
		}
		if (hole_before(t) >= len) {
			start = place_in(max(low, t->start - hole_before(t)), min(high, t->start), len, align);
			if (start)
				return start;
		}
		if (t->start <= low)
			break;
		down = t->left && t->left->gap >= len;
		if (down) {
			t = t->left;
			continue;
		}
		while (t->up && t->up->left == t)
			t = t->up;
		t = t->up;
	}
	return 0;
}

uaddr_t region_gap(struct region *t, uaddr_t low, uaddr_t high, u64 len, u64 align)
{
	struct region *last = last_of(t);
	uaddr_t start = place_in(max(low, last ? last->end : 0), high, len, align);

	return start ? start : gap_below(t, low, high, len, align);
}

static u32 check_node(const struct region *t, const struct region **before)
{
	u32 count = 1;

	check(t->start < t->end && !((t->start | t->end) & (PAGE_SIZE - 1)));
	check(!t->left || (t->left->up == t && t->left->priority <= t->priority));
	check(!t->right || (t->right->up == t && t->right->priority <= t->priority));
	if (t->left)
		count += check_node(t->left, before);
	check(t->prev == *before && (!t->prev || (t->prev->next == t && t->prev->end <= t->start)));
	check(t->gap == largest_hole(t));
	*before = t;
	if (t->right)
		count += check_node(t->right, before);
	return count;
}

u32 region_check(struct region *t)
{
	const struct region *last = NULL;
	u32 count = 0;

	if (t) {
		check(!t->up);
		count = check_node(t, &last);
		check(!last->next);
	}
	return count;
}
