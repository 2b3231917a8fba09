/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tree of regions: a treap. Keys are start addresses in order from left to right, priorities are pseudo-random and fall
 * from the root down, so the depth is logarithmic whatever the program does. A new node becomes a leaf beside its neighbour and is
 * rotated up until its priority fits, two rotations on average; one that goes is rotated down.
 *
 * Regions are also linked in order of address. Each node knows the largest hole before a region of its subtree, which lets region_gap()
 * skip subtrees without room. What changes one hole goes up only as far as that changes the largest.
 *
 * Most calls need no walk through the tree, however many regions there are. Whoever maps, looks or unmaps mostly means the region that was
 * seen last, which is tried first. And the search for room begins where the last one ended: it went from top to bottom, so nothing
 * above has room for as much, until a hole there grows.
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

/* The hole before @r, NULL: after the last region, has grown: the next search must not begin below it. */
static void hole_grown(struct regions *t, struct region *r)
{
	if (!r || (t->full && r->start >= t->full->start && hole_before(r) >= t->full_len))
		t->full = r;
}

static struct region *last_of(struct region *t)
{
	while (t && t->right)
		t = t->right;
	return t;
}

/* Adds @r between two neighbours: one of them has a free place on that side, because they are neighbours. */
static void tree_add(struct regions *t, struct region *r, struct region *prev, struct region *next)
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
		t->root = r;
		r->up = NULL;
	}
	r->gap = 0;
	gap_changed(r);
	gap_changed(next);
	while (r->up && r->priority > r->up->priority)
		rotate_up(&t->root, r);
	t->seen = r;
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

static struct region *find_next(struct region *t, uaddr_t addr)
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

/* Is @r, which ends above @addr, the lowest that does? */
static bool is_next(const struct region *r, uaddr_t addr)
{
	return addr >= r->start || !r->prev || addr >= r->prev->end;
}

struct region *region_next(struct regions *t, uaddr_t addr)
{
	struct region *r = t->seen;

	if (r && addr < r->end) {
		if (is_next(r, addr))
			return r;
		r = r->prev;	/* what was split off is above the part that is meant next */
		if (is_next(r, addr))
			return t->seen = r;
	}
	r = find_next(t->root, addr);
	if (r)
		t->seen = r;
	return r;
}

struct region *region_find(struct regions *t, uaddr_t addr)
{
	struct region *r = region_next(t, addr);

	return r && r->start <= addr ? r : NULL;
}

void region_insert(struct regions *t, struct region *r)
{
	struct region *next = region_next(t, r->start);

	r->priority = random_priority();
	tree_add(t, r, next ? next->prev : last_of(t->root), next);
}

/* Takes @r out of the tree and the list; it keeps its neighbours. */
static void tree_remove(struct regions *t, struct region *r)
{
	struct region *a, *b;

	while ((a = r->left) && (b = r->right))
		rotate_up(&t->root, a->priority > b->priority ? a : b);
	replace_child(&t->root, r->up, r, r->left ? r->left : r->right);
	if (r->prev)
		r->prev->next = r->next;
	if (r->next)
		r->next->prev = r->prev;
	gap_changed(r->up);
	gap_changed(r->next);
	if (t->full == r)
		t->full = r->next;
}

void region_remove(struct regions *t, struct region *r)
{
	tree_remove(t, r);
	hole_grown(t, r->next);
	t->seen = r->next;
}

void region_resize(struct regions *t, struct region *r, uaddr_t start, uaddr_t end)
{
	if (r->file)
		r->offset += start - r->start;
	r->start = start;
	r->end = end;
	gap_changed(r);
	gap_changed(r->next);
	hole_grown(t, r);
	hole_grown(t, r->next);
}

struct region *region_split(struct regions *t, struct region *r, uaddr_t at)
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
	tree_add(t, upper, r, r->next);
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

bool region_join(struct regions *t, struct region *r)
{
	if (!r->prev || !can_merge(r->prev, r))
		return false;
	r->prev->end = r->start = r->end;	/* before it goes, so that there is no hole that comes and goes */
	tree_remove(t, r);
	t->seen = r->prev;
	return true;
}

bool region_absorb(struct regions *t, const struct region *new)
{
	struct region *next = region_next(t, new->start), *prev = next ? next->prev : last_of(t->root);
	bool below = prev && can_merge(prev, new), above = next && can_merge(new, next);

	if (below == above)
		return false;
	if (below)
		region_resize(t, prev, prev->start, new->end);
	else
		region_resize(t, next, new->start, next->end);
	return true;
}

/* What region_gap() is asked for. */
struct search {
	uaddr_t low, high;
	u64 len, align;
};

/* The highest place in [start, end); 0 if there is none. */
static uaddr_t place_in(const struct search *s, uaddr_t start, uaddr_t end)
{
	uaddr_t place;

	start = max(start, s->low);
	end = min(end, s->high);
	if (end < start || end - start < s->len)
		return 0;
	place = ALIGN_DOWN(end - s->len, s->align);
	return place >= start ? place : 0;
}

/*
 * The highest place in a hole before a region, and that region in *@r; 0 if there is none. From right to left, passing over subtrees
 * without a large hole: through the whole of *@r's subtree if @down, and then, or otherwise, from the hole before *@r on.
 */
static uaddr_t gap_below(const struct search *s, struct region **r, bool down)
{
	struct region *t;
	uaddr_t place;

	for (t = *r; t;) {
		if (down && t->right && t->right->gap >= s->len && t->end < s->high) {
			t = t->right;
			continue;
		}
		if (hole_before(t) >= s->len) {
			place = place_in(s, t->start - hole_before(t), t->start);
			if (place) {
				*r = t;
				return place;
			}
		}
		if (t->start <= s->low)
			break;
		down = t->left && t->left->gap >= s->len;
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

uaddr_t region_gap(struct regions *t, uaddr_t low, uaddr_t high, u64 len, u64 align)
{
	const struct search s = { low, high, len, align };
	bool begun = t->full && len >= t->full_len && high == t->full_high;
	struct region *r = begun ? t->full : t->root, *last;
	uaddr_t place;

	if (!begun) {
		last = last_of(r);
		place = place_in(&s, last ? last->end : 0, high);
		if (place)
			return place;
	}
	place = gap_below(&s, &r, !begun);
	if (place) {
		t->full = t->seen = r;
		t->full_len = len + align - PAGE_SIZE;	/* where a hole of that size begins does not matter */
		t->full_high = high;
	}
	return place;
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

static void check_is_in(const struct regions *t, const struct region *r)
{
	for (; r && r->up; r = r->up)
		check(r->up->left == r || r->up->right == r);
	check(!r || r == t->root);
}

/* No region from @r on has before it what the next search would look for in vain below. */
static void check_full(const struct regions *t, const struct region *last)
{
	for (const struct region *r = t->full ? last : NULL; r != t->full; r = r->prev)
		check(r->prev->end + t->full_len > min(r->start, t->full_high));
	check(!t->full || last->end + t->full_len > t->full_high);
}

u32 region_check(const struct regions *t)
{
	const struct region *last = NULL;
	u32 count = 0;

	if (t->root) {
		check(!t->root->up);
		count = check_node(t->root, &last);
		check(!last->next);
	}
	check_is_in(t, t->seen);
	check_is_in(t, t->full);
	check_full(t, last);
	return count;
}
