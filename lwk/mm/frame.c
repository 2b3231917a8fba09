/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Physical memory: a buddy allocator per NUMA node, blocks of 4 KB << order up to 2 MB.
 *
 * Nothing is initialised in proportion to memory. Each range begins with its metadata, four bytes per frame, which nobody
 * writes at boot; the 2 MB blocks after it are handed out in order of address, and a block's metadata is cleared when the
 * block is first taken:
 *
 *   | metadata | small rest | taken at least once: metadata valid | fresh: neither memory nor metadata was ever touched |
 *   base                                                           fresh                                            end
 *
 * A frame's metadata counts only if the frame is the first of a block. The buddy of a block always is, because blocks nest.
 * Free blocks are linked through their own first bytes.
 *
 * Frames that Linux pins (for I/O in flight) are counted in pins. Pin and unpin come from different kernels and may arrive
 * in either order, so the count may be negative for a moment. A frame freed while pinned is quarantined until unpinned.
 *
 * A block may have several owners, address spaces that share it copy on write; all but one are counted in shares. One of them may
 * split it into 4 KB blocks and free some of those while another goes on using the 2 MB as one. So whoever frees, shares or pins
 * 2 MB means all the blocks in there.
 */
#include "azalea.h"
#include "log.h"
#include "mm.h"
#include "string.h"

#define ORDERS		(LARGE_ORDER + 1)

enum frame_state { FRAME_INSIDE, FRAME_FREE, FRAME_USED, FRAME_QUARANTINED };

#define SHARES_MAX	4095u

/* Who may own a frame: each address space of a process, of a nascent one, or in the making by a fork, and each CPU that copies it. */
_Static_assert(SHARES_MAX >= 3 * AZ_PROCS + AZ_CPUS_MAX, "all possible owners");

/* Key: n lock of the range's node, I set once. */
struct frame_meta {
	uint32_t state : 2;	/* n: enum frame_state */
	uint32_t order : 4;	/* n: of the block it begins */
	uint32_t shares : 12;	/* n: owners but one */
	int32_t pins : 14;	/* n: the driver lists a block once, so there are never many */
};

_Static_assert(sizeof(struct frame_meta) == 4, "four bytes per frame");

struct frame_range {
	paddr_t base;		/* I: of metadata[0], 2 MB aligned, at or below the first frame */
	paddr_t end;		/* I */
	paddr_t fresh;		/* n */
	struct frame_meta *metadata;	/* I */
	u32 node;		/* I */
};

struct frame_node {
	struct spinlock lock;		/* rank: frame */
	struct list free[ORDERS];	/* n */
	bool present;			/* I: has a range */
};

static struct frame_range ranges[AZ_RANGES_MAX];
static u32 range_count;			/* I after boot; the largest comes first: it is looked at first and used first */
static struct frame_node nodes[AZ_NODES_MAX];
static struct az_node_stats own_stats[AZ_NODES_MAX];
static struct az_node_stats *stats = own_stats;
static u32 node_count = AZ_NODES_MAX;

void frame_stats_bind(struct az_node_stats *shared, u32 count)
{
	check(count <= AZ_NODES_MAX);
	memcpy(shared, stats, count * sizeof(*shared));
	stats = shared;
	node_count = count;
}

static struct frame_range *range_of(paddr_t p)
{
	for (u32 i = 0; i < range_count; i++) {
		if (p >= ranges[i].base && p < ranges[i].end)
			return &ranges[i];
	}
	return NULL;
}

static struct frame_meta *metadata_of(struct frame_range *r, paddr_t p)
{
	return &r->metadata[(p - r->base) >> PAGE_SHIFT];
}

static u64 frames_in(u32 order)
{
	return 1ULL << order;
}

static void block_put(struct frame_range *r, paddr_t p, u32 order) REQUIRES(node lock)
{
	struct frame_meta *f = metadata_of(r, p);

	f->state = FRAME_FREE;
	f->order = order;
	f->pins = 0;
	list_add(phys_to_virt(p), &nodes[r->node].free[order]);
}

static void block_remove(struct frame_range *r, paddr_t p) REQUIRES(node lock)
{
	list_del(phys_to_virt(p));
	metadata_of(r, p)->state = FRAME_INSIDE;
}

/* Makes the next fresh 2 MB block an ordinary one; 0 if the range has none left. */
static paddr_t range_take_fresh(struct frame_range *r) REQUIRES(node lock)
{
	paddr_t p = r->fresh;

	if (p >= r->end)
		return 0;
	r->fresh += LARGE_SIZE;
	memset(metadata_of(r, p), 0, frames_in(LARGE_ORDER) * sizeof(struct frame_meta));
	return p;
}

static void node_init(struct frame_node *n)
{
	for (u32 order = 0; order < ORDERS; order++)
		list_init(&n->free[order]);
	n->present = true;
}

/* A place for a range of @size bytes, behind the larger ones. */
static struct frame_range *range_place(u64 size)
{
	u32 i = range_count++;

	for (; i > 0 && ranges[i - 1].end - ranges[i - 1].base < size; i--)
		ranges[i] = ranges[i - 1];
	return &ranges[i];
}

void frame_add_range(paddr_t start, u64 size, u32 node)
{
	paddr_t end = ALIGN_DOWN(start + size, LARGE_SIZE), base, first;
	u64 total;

	start = ALIGN_UP(start, PAGE_SIZE);
	base = ALIGN_DOWN(start, LARGE_SIZE);
	check(range_count < AZ_RANGES_MAX && node < node_count);
	/* what is left of the last block that holds metadata is not worth the work at every boot */
	first = ALIGN_UP(start + ((end - base) >> PAGE_SHIFT) * sizeof(struct frame_meta), LARGE_SIZE);
	if (start >= end || first >= end)
		return;
	if (!nodes[node].present)
		node_init(&nodes[node]);
	*range_place(end - base) = (struct frame_range){
		.base = base, .end = end, .fresh = first, .metadata = phys_to_virt(start), .node = node,
	};

	total = (end - first) >> PAGE_SHIFT;
	stats[node].total += total;
	stats[node].free += total;
	commit_add(total << PAGE_SHIFT);
}

/* The smallest free block that holds one of @order, else a fresh one; *@have is its order. */
static paddr_t node_take(u32 node, u32 order, u32 *have) REQUIRES(node lock)
{
	struct frame_node *n = &nodes[node];
	paddr_t p = 0;

	for (u32 o = order; o < ORDERS; o++) {
		if (!list_empty(&n->free[o])) {
			*have = o;
			p = virt_to_phys(n->free[o].next);
			block_remove(range_of(p), p);
			return p;
		}
	}
	*have = LARGE_ORDER;
	for (u32 i = 0; i < range_count && !p; i++) {
		if (ranges[i].node == node)
			p = range_take_fresh(&ranges[i]);
	}
	return p;
}

static paddr_t node_alloc(u32 node, u32 order)
{
	struct frame_node *n = &nodes[node];
	struct frame_range *r;
	u32 have;
	paddr_t p;

	if (!n->present)
		return 0;
	spin_lock(&n->lock);
	p = node_take(node, order, &have);
	if (p) {
		r = range_of(p);
		while (have > order) {
			have--;
			block_put(r, p + (PAGE_SIZE << have), have);
		}
		*metadata_of(r, p) = (struct frame_meta){ .state = FRAME_USED, .order = order };
		stats[node].free -= frames_in(order);
	}
	spin_unlock(&n->lock);
	return p;
}

paddr_t frame_alloc_from(u32 order, u32 first, u64 nodes_wanted)
{
	paddr_t p = 0;

	check(order < ORDERS);
	for (u32 i = 0; i < node_count && !p; i++) {
		u32 node = (first + i) % node_count;

		if (nodes_wanted >> node & 1)
			p = node_alloc(node, order);
	}
	return p;
}

paddr_t frame_alloc(u32 order, u32 node)
{
	return frame_alloc_from(order, node, ~0ULL);
}

u64 frame_nodes(void)
{
	u64 with_memory = 0;

	for (u32 node = 0; node < node_count; node++)
		with_memory |= (u64)nodes[node].present << node;
	return with_memory;
}

u32 frame_node(paddr_t p)
{
	struct frame_range *r = range_of(p);

	check(r);
	return r->node;
}

static void block_free(struct frame_range *r, paddr_t p, u32 order) REQUIRES(node lock)
{
	stats[r->node].free += frames_in(order);
	metadata_of(r, p)->state = FRAME_INSIDE;
	while (order < LARGE_ORDER) {
		paddr_t buddy = p ^ (PAGE_SIZE << order);
		struct frame_meta *f = metadata_of(r, buddy);

		if (f->state != FRAME_FREE || f->order != order)
			break;
		block_remove(r, buddy);
		p = min(p, buddy);
		order++;
	}
	block_put(r, p, order);
}

/* The range of the 4 KB << @order at @p, which is one used block or several, its node locked. */
static struct frame_range *span_lock(paddr_t p, u32 order)
{
	struct frame_range *r = range_of(p);

	check(r && order < ORDERS && !(p & ((PAGE_SIZE << order) - 1)));
	spin_lock(&nodes[r->node].lock);
	check(p < r->fresh);
	return r;
}

static void span_unlock(struct frame_range *r)
{
	spin_unlock(&nodes[r->node].lock);
}

/* The used block at @p, which is no larger than @order. */
static struct frame_meta *used_block(struct frame_range *r, paddr_t p, u32 order) REQUIRES(node lock)
{
	struct frame_meta *f = metadata_of(r, p);

	check(f->state == FRAME_USED && f->order <= order);
	return f;
}

/* Takes one owner away from the block at @p; returns its order. */
static u32 block_drop(struct frame_range *r, paddr_t p, u32 max_order) REQUIRES(node lock)
{
	struct frame_meta *f = used_block(r, p, max_order);
	u32 order = f->order;

	if (f->shares > 0) {
		f->shares--;
	} else if (f->pins > 0) {
		f->state = FRAME_QUARANTINED;
		stats[r->node].quarantined += frames_in(order);
	} else {
		block_free(r, p, order);
	}
	return order;
}

void frame_free(paddr_t p, u32 order)
{
	struct frame_range *r = span_lock(p, order);
	paddr_t end = p + (PAGE_SIZE << order);

	while (p < end)
		p += PAGE_SIZE << block_drop(r, p, order);
	span_unlock(r);
}

void frame_split(paddr_t p, u32 order)
{
	struct frame_range *r = span_lock(p, order);
	struct frame_meta *f = used_block(r, p, order), part = *f;

	/* less than @order: another owner was faster */
	for (u64 i = 0; part.order == order && i < frames_in(order); i++) {
		f[i] = part;
		f[i].order = 0;
	}
	span_unlock(r);
}

void frame_carve(paddr_t p, u32 order, u64 count)
{
	struct frame_range *r = span_lock(p, order);
	struct frame_meta *f = used_block(r, p, order);
	u64 at;

	check(f->order == order && !f->shares && !f->pins && count <= frames_in(order));
	for (at = 0; at < count; at++)
		f[at] = (struct frame_meta){ .state = FRAME_USED };
	for (u32 o; at < frames_in(order); at += frames_in(o)) {
		o = at ? (u32)__builtin_ctzll(at) : order;
		block_free(r, p + at * PAGE_SIZE, o);
	}
	span_unlock(r);
}

/* The largest number of pins of a block in the span. */
static s32 span_pins(struct frame_range *r, paddr_t p, u32 order) REQUIRES(node lock)
{
	paddr_t end = p + (PAGE_SIZE << order);
	s32 pins = 0;

	for (; p < end; p += PAGE_SIZE << metadata_of(r, p)->order)
		pins = max(pins, (s32)used_block(r, p, order)->pins);
	return pins;
}

bool frame_share(paddr_t p, u32 order)
{
	struct frame_range *r = span_lock(p, order);
	paddr_t end = p + (PAGE_SIZE << order);
	bool possible = span_pins(r, p, order) <= 0;

	for (; possible && p < end; p += PAGE_SIZE << metadata_of(r, p)->order) {
		struct frame_meta *f = used_block(r, p, order);

		check(f->shares < SHARES_MAX);
		f->shares++;
	}
	span_unlock(r);
	return possible;
}

bool frame_is_shared(paddr_t p, u32 order)
{
	struct frame_range *r = span_lock(p, order);
	paddr_t end = p + (PAGE_SIZE << order);
	bool shared = false;

	for (; !shared && p < end; p += PAGE_SIZE << metadata_of(r, p)->order)
		shared = used_block(r, p, order)->shares > 0;
	span_unlock(r);
	return shared;
}

void frame_pin(paddr_t p, u32 order)
{
	struct frame_range *r = span_lock(p, order);
	paddr_t end = p + (PAGE_SIZE << order);

	for (; p < end; p += PAGE_SIZE << metadata_of(r, p)->order)
		used_block(r, p, order)->pins++;
	span_unlock(r);
}

/* Takes one pin from the block that begins at @p; returns the block's order. */
static u32 block_unpin(struct frame_range *r, paddr_t p) REQUIRES(node lock)
{
	struct frame_meta *f = metadata_of(r, p);
	u32 order = f->order;

	if (f->state != FRAME_USED && f->state != FRAME_QUARANTINED) {
		log_line("memory: Linux gives back frame %lx, which it does not have", p);
		return 0;
	}
	f->pins--;
	if (f->state == FRAME_QUARANTINED && f->pins <= 0) {
		stats[r->node].quarantined -= frames_in(order);
		block_free(r, p, order);
	}
	return order;
}

void frame_unpin(paddr_t p, u32 order)
{
	struct frame_range *r = range_of(p);
	paddr_t end;

	if (!r || order >= ORDERS || (p & ((PAGE_SIZE << order) - 1))) {
		log_line("memory: Linux gives back frame %lx order %u, which is not ours", p, order);
		return;
	}
	end = p + (PAGE_SIZE << order);
	spin_lock(&nodes[r->node].lock);
	while (p < end && p < r->fresh)
		p += PAGE_SIZE << block_unpin(r, p);
	spin_unlock(&nodes[r->node].lock);
}

u32 frame_order(paddr_t p)
{
	struct frame_range *r = range_of(p);

	check(r && p < r->fresh && metadata_of(r, p)->state == FRAME_USED);
	return metadata_of(r, p)->order;
}
