/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Physical memory: a buddy allocator per NUMA node, blocks of 4 KB << order up to 2 MB.
 *
 * Free blocks are in pools: each node has one, and each CPU one for what it takes from its own node. A CPU's pool gets its memory
 * from the node's by 2 MB, and a frame goes back to where it came from. So CPUs that take and free frames all the time neither wait for each
 * other nor use each other's frames, whose contents would travel. What is free as a whole goes back to the node, but for one 2 MB. If the
 * nodes have nothing left, anybody takes from anybody's pool: memory is short only when no pool has a block.
 *
 * Nothing is initialised in proportion to memory. Each range begins with its metadata, four bytes per frame, which nobody
 * writes at boot; the 2 MB blocks after it are handed out in order of address, and a block's metadata is cleared when the
 * block is first taken:
 *
 *   | metadata | small rest | taken at least once: metadata valid | fresh: neither memory nor metadata was ever touched |
 *   base                                                           fresh                                            end
 *
 * Behind the frames' metadata are two bytes for each 2 MB, its pool. That changes only while all of it is free.
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

enum frame_state { FRAME_INSIDE, FRAME_FREE, FRAME_USED, FRAME_QUARANTINED };

#define SHARES_MAX	4095u

/* Who may own a frame: each address space of a process, of a nascent one, or in the making by a fork, and each CPU that copies it. */
_Static_assert(SHARES_MAX >= 3 * AZ_PROCS + AZ_CPUS_MAX, "all possible owners");

/* Key: p lock of the block's pool, n of the range's node, I set once, a atomic. */
struct frame_meta {
	uint32_t state : 2;	/* p: enum frame_state */
	uint32_t order : 4;	/* p: of the block it begins */
	uint32_t shares : 12;	/* p: owners but one */
	int32_t pins : 14;	/* p: the driver lists a block once, so there are never many */
};

_Static_assert(sizeof(struct frame_meta) == 4, "four bytes per frame");

struct frame_range {
	paddr_t base;		/* I: of metadata[0], 2 MB aligned, at or below the first frame */
	paddr_t first, end;	/* I: of what can be handed out */
	paddr_t fresh;		/* n, and a */
	struct frame_meta *metadata;	/* I */
	u16 *pool;		/* by 2 MB, CPU + 1, 0: the node's; p and a */
	u32 node;		/* I */
};

static struct frame_range ranges[AZ_RANGES_MAX];
static u32 range_count;			/* I after boot; the largest comes first: it is looked at first and used first */
static struct frame_pool nodes[AZ_NODES_MAX];		/* count is NULL: the node has no memory */
static struct frame_pool *cpu_pools[AZ_CPUS_MAX];	/* a; NULL: the CPU uses the node's */
static u32 cpus_end;			/* a: behind the last CPU with a pool */
static struct az_node_stats own_stats[AZ_NODES_MAX];
static struct az_node_stats *stats = own_stats;
static u32 node_count = AZ_NODES_MAX;

void frame_stats_bind(struct az_node_stats *shared, u32 count)
{
	check(count <= AZ_NODES_MAX && !range_count);
	memcpy(shared, stats, count * sizeof(*shared));
	stats = shared;
	node_count = count;
}

static void pool_init(struct frame_pool *pool, u32 node, u64 *count)
{
	for (u32 order = 0; order < FRAME_ORDERS; order++)
		list_init(&pool->free[order]);
	pool->node = node;
	pool->count = count;
}

void frame_pool_add(u32 cpu, struct frame_pool *pool, u64 *count)
{
	check(cpu < AZ_CPUS_MAX && !cpu_pools[cpu]);
	pool_init(pool, arch_node(), count);
	/* frame_pool_add:A, pairs with pool_of_cpu:A: whoever sees the pool sees it ready */
	__atomic_store_n(&cpu_pools[cpu], pool, __ATOMIC_RELEASE);
	for (u32 end = 0; end <= cpu;)
		if (__atomic_compare_exchange_n(&cpus_end, &end, cpu + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			break;
}

static struct frame_pool *pool_of_cpu(u32 cpu)
{
	/* pool_of_cpu:A, pairs with frame_pool_add:A */
	return __atomic_load_n(&cpu_pools[cpu], __ATOMIC_ACQUIRE);
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

static u16 *owner_of(struct frame_range *r, paddr_t p)
{
	return &r->pool[(p - r->base) >> LARGE_SHIFT];
}

/* Stays the same while any block in these 2 MB is used, and under the pool's lock. */
static struct frame_pool *pool_of(struct frame_range *r, paddr_t p)
{
	u16 owner = __atomic_load_n(owner_of(r, p), __ATOMIC_RELAXED);

	return owner ? pool_of_cpu(owner - 1) : &nodes[r->node];
}

static u64 frames_in(u32 order)
{
	return 1ULL << order;
}

static bool has_metadata(struct frame_range *r, paddr_t p)
{
	return p >= r->first && p < __atomic_load_n(&r->fresh, __ATOMIC_RELAXED);
}

static void block_put(struct frame_pool *pool, struct frame_range *r, paddr_t p, u32 order) REQUIRES(pool->lock)
{
	struct frame_meta *f = metadata_of(r, p);

	f->state = FRAME_FREE;
	f->order = order;
	f->pins = 0;
	list_add(phys_to_virt(p), &pool->free[order]);
}

static void block_remove(struct frame_range *r, paddr_t p) REQUIRES(pool->lock)
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
	memset(metadata_of(r, p), 0, frames_in(LARGE_ORDER) * sizeof(struct frame_meta));
	*owner_of(r, p) = 0;
	__atomic_store_n(&r->fresh, p + LARGE_SIZE, __ATOMIC_RELAXED);
	return p;
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
	u64 total, metadata, owners;

	start = ALIGN_UP(start, PAGE_SIZE);
	base = ALIGN_DOWN(start, LARGE_SIZE);
	check(range_count < AZ_RANGES_MAX && node < node_count);
	if (start >= end)
		return;
	metadata = ((end - base) >> PAGE_SHIFT) * sizeof(struct frame_meta);
	owners = ((end - base) >> LARGE_SHIFT) * sizeof(u16);
	/* what is left of the last block that holds metadata is not worth the work at every boot */
	first = ALIGN_UP(start + metadata + owners, LARGE_SIZE);
	if (first >= end)
		return;
	if (!nodes[node].count)
		pool_init(&nodes[node], node, &stats[node].free);
	*range_place(end - base) = (struct frame_range){
		.base = base, .first = first, .end = end, .fresh = first, .metadata = phys_to_virt(start), .pool = phys_to_virt(start + metadata),
		.node = node,
	};

	total = (end - first) >> PAGE_SHIFT;
	stats[node].total += total;
	stats[node].free += total;
	commit_add(total << PAGE_SHIFT);
}

/* Hands out @order of the block at @p, which is @have and in no list; what is left of it is free. */
static paddr_t block_use(struct frame_pool *pool, struct frame_range *r, paddr_t p, u32 have, u32 order) REQUIRES(pool->lock)
{
	while (have > order) {
		have--;
		block_put(pool, r, p + (PAGE_SIZE << have), have);
		*pool->count += frames_in(have);
	}
	*metadata_of(r, p) = (struct frame_meta){ .state = FRAME_USED, .order = order };
	return p;
}

/* A block of @order from the smallest free one below @end_order that holds it; 0 if there is none. */
static paddr_t pool_take(struct frame_pool *pool, u32 order, u32 end_order) REQUIRES(pool->lock)
{
	struct frame_range *r;
	u32 have = order;
	paddr_t p;

	while (have < end_order && list_empty(&pool->free[have]))
		have++;
	if (have >= end_order)
		return 0;
	p = virt_to_phys(pool->free[have].next);
	r = range_of(p);
	block_remove(r, p);
	*pool->count -= frames_in(have);
	return block_use(pool, r, p, have, order);
}

/* 2 MB of the node, in *@r; 0 if it has none. */
static paddr_t large_take(struct frame_pool *n, struct frame_range **r) REQUIRES(n->lock)
{
	paddr_t p = 0;

	if (!list_empty(&n->free[LARGE_ORDER])) {
		p = virt_to_phys(n->free[LARGE_ORDER].next);
		*r = range_of(p);
		block_remove(*r, p);
	}
	for (u32 i = 0; i < range_count && !p; i++) {
		*r = &ranges[i];
		if (ranges[i].node == n->node)
			p = range_take_fresh(*r);
	}
	if (p)
		*n->count -= frames_in(LARGE_ORDER);
	return p;
}

static paddr_t node_take(struct frame_pool *n, u32 order) REQUIRES(n->lock)
{
	paddr_t p = pool_take(n, order, LARGE_ORDER);
	struct frame_range *r;

	if (p)
		return p;
	p = large_take(n, &r);
	return p ? block_use(n, r, p, LARGE_ORDER, order) : 0;
}

/* The CPU's pool has no such block: the node's parts of 2 MB are used up first, then 2 MB of it become the CPU's. */
static paddr_t cpu_refill(struct frame_pool *mine, u32 order) REQUIRES(mine->lock)
{
	struct frame_pool *n = &nodes[mine->node];
	struct frame_range *r;
	paddr_t p, large = 0;

	spin_lock(&n->lock);
	p = pool_take(n, order, LARGE_ORDER);
	if (!p)
		large = large_take(n, &r);
	if (large)
		__atomic_store_n(owner_of(r, large), arch_cpu() + 1, __ATOMIC_RELAXED);
	spin_unlock(&n->lock);
	return large ? block_use(mine, r, large, LARGE_ORDER, order) : p;
}

static paddr_t node_alloc(u32 node, u32 order)
{
	struct frame_pool *n = &nodes[node], *mine = pool_of_cpu(arch_cpu()), *pool = n;
	paddr_t p;

	if (!n->count)
		return 0;
	if (mine && mine->node == node && order < LARGE_ORDER)
		pool = mine;
	spin_lock(&pool->lock);
	if (pool == n) {
		p = node_take(n, order);
	} else {
		p = pool_take(mine, order, FRAME_ORDERS);
		if (!p)
			p = cpu_refill(mine, order);
	}
	spin_unlock(&pool->lock);
	return p;
}

/* Memory is short: from any CPU's pool on these nodes. */
static paddr_t others_alloc(u32 order, u64 nodes_wanted)
{
	u32 end = __atomic_load_n(&cpus_end, __ATOMIC_RELAXED);
	paddr_t p = 0;

	for (u32 cpu = 0; cpu < end && !p; cpu++) {
		struct frame_pool *pool = pool_of_cpu(cpu);

		if (!pool || !(nodes_wanted >> pool->node & 1))
			continue;
		spin_lock(&pool->lock);
		p = pool_take(pool, order, FRAME_ORDERS);
		spin_unlock(&pool->lock);
	}
	return p;
}

paddr_t frame_alloc_from(u32 order, u32 first, u64 nodes_wanted)
{
	paddr_t p = 0;

	check(order < FRAME_ORDERS);
	for (u32 i = 0; i < node_count && !p; i++) {
		u32 node = (first + i) % node_count;

		if (nodes_wanted >> node & 1)
			p = node_alloc(node, order);
	}
	return p ? p : others_alloc(order, nodes_wanted);
}

paddr_t frame_alloc(u32 order, u32 node)
{
	return frame_alloc_from(order, node, ~0ULL);
}

u64 frame_nodes(void)
{
	u64 with_memory = 0;

	for (u32 node = 0; node < node_count; node++)
		with_memory |= (u64)(nodes[node].count != NULL) << node;
	return with_memory;
}

u32 frame_node(paddr_t p)
{
	struct frame_range *r = range_of(p);

	check(r);
	return r->node;
}

/* Two blocks of 2 MB are free in a CPU's pool: this one goes back to the node. */
static void cpu_give_back(struct frame_pool *pool, struct frame_range *r, paddr_t p) REQUIRES(pool->lock)
{
	struct frame_pool *n = &nodes[r->node];

	block_remove(r, p);
	*pool->count -= frames_in(LARGE_ORDER);
	spin_lock(&n->lock);
	__atomic_store_n(owner_of(r, p), 0, __ATOMIC_RELAXED);
	block_put(n, r, p, LARGE_ORDER);
	*n->count += frames_in(LARGE_ORDER);
	spin_unlock(&n->lock);
}

static void block_free(struct frame_pool *pool, struct frame_range *r, paddr_t p, u32 order) REQUIRES(pool->lock)
{
	bool have_large = !list_empty(&pool->free[LARGE_ORDER]);

	*pool->count += frames_in(order);
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
	block_put(pool, r, p, order);
	if (order == LARGE_ORDER && have_large && pool != &nodes[r->node])
		cpu_give_back(pool, r, p);
}

/* The pool of the 4 KB << @order at @p, which is one used block or several, locked; *@r is their range. */
static struct frame_pool *span_lock(paddr_t p, u32 order, struct frame_range **r)
{
	struct frame_pool *pool;

	*r = range_of(p);
	check(*r && order < FRAME_ORDERS && !(p & ((PAGE_SIZE << order) - 1)) && has_metadata(*r, p));
	pool = pool_of(*r, p);
	spin_lock(&pool->lock);
	return pool;
}

/* The used block at @p, which is no larger than @order. */
static struct frame_meta *used_block(struct frame_range *r, paddr_t p, u32 order) REQUIRES(pool->lock)
{
	struct frame_meta *f = metadata_of(r, p);

	check(f->state == FRAME_USED && f->order <= order);
	return f;
}

/* Takes one owner away from the block at @p; returns its order. */
static u32 block_drop(struct frame_pool *pool, struct frame_range *r, paddr_t p, u32 max_order) REQUIRES(pool->lock)
{
	struct frame_meta *f = used_block(r, p, max_order);
	u32 order = f->order;

	if (f->shares > 0) {
		f->shares--;
	} else if (f->pins > 0) {
		f->state = FRAME_QUARANTINED;
		__atomic_fetch_add(&stats[r->node].quarantined, frames_in(order), __ATOMIC_RELAXED);
	} else {
		block_free(pool, r, p, order);
	}
	return order;
}

void frame_free(paddr_t p, u32 order)
{
	struct frame_range *r;
	struct frame_pool *pool = span_lock(p, order, &r);
	paddr_t end = p + (PAGE_SIZE << order);

	while (p < end)
		p += PAGE_SIZE << block_drop(pool, r, p, order);
	spin_unlock(&pool->lock);
}

void frame_split(paddr_t p, u32 order)
{
	struct frame_range *r;
	struct frame_pool *pool = span_lock(p, order, &r);
	struct frame_meta *f = used_block(r, p, order), part = *f;

	/* less than @order: another owner was faster */
	for (u64 i = 0; part.order == order && i < frames_in(order); i++) {
		f[i] = part;
		f[i].order = 0;
	}
	spin_unlock(&pool->lock);
}

void frame_carve(paddr_t p, u32 order, u64 count)
{
	struct frame_range *r;
	struct frame_pool *pool = span_lock(p, order, &r);
	struct frame_meta *f = used_block(r, p, order);
	u64 at;

	check(f->order == order && !f->shares && !f->pins && count <= frames_in(order));
	for (at = 0; at < count; at++)
		f[at] = (struct frame_meta){ .state = FRAME_USED };
	for (u32 o; at < frames_in(order); at += frames_in(o)) {
		o = at ? (u32)__builtin_ctzll(at) : order;
		block_free(pool, r, p + at * PAGE_SIZE, o);
	}
	spin_unlock(&pool->lock);
}

/* The largest number of pins of a block in the span. */
static s32 span_pins(struct frame_range *r, paddr_t p, u32 order) REQUIRES(pool->lock)
{
	paddr_t end = p + (PAGE_SIZE << order);
	s32 pins = 0;

	for (; p < end; p += PAGE_SIZE << metadata_of(r, p)->order)
		pins = max(pins, (s32)used_block(r, p, order)->pins);
	return pins;
}

bool frame_share(paddr_t p, u32 order)
{
	struct frame_range *r;
	struct frame_pool *pool = span_lock(p, order, &r);
	paddr_t end = p + (PAGE_SIZE << order);
	bool possible = span_pins(r, p, order) <= 0;

	for (; possible && p < end; p += PAGE_SIZE << metadata_of(r, p)->order) {
		struct frame_meta *f = used_block(r, p, order);

		check(f->shares < SHARES_MAX);
		f->shares++;
	}
	spin_unlock(&pool->lock);
	return possible;
}

bool frame_is_shared(paddr_t p, u32 order)
{
	struct frame_range *r;
	struct frame_pool *pool = span_lock(p, order, &r);
	paddr_t end = p + (PAGE_SIZE << order);
	bool shared = false;

	for (; !shared && p < end; p += PAGE_SIZE << metadata_of(r, p)->order)
		shared = used_block(r, p, order)->shares > 0;
	spin_unlock(&pool->lock);
	return shared;
}

void frame_pin(paddr_t p, u32 order)
{
	struct frame_range *r;
	struct frame_pool *pool = span_lock(p, order, &r);
	paddr_t end = p + (PAGE_SIZE << order);

	for (; p < end; p += PAGE_SIZE << metadata_of(r, p)->order)
		used_block(r, p, order)->pins++;
	spin_unlock(&pool->lock);
}

/* Takes one pin from the block that begins at @p; returns the block's order. */
static u32 block_unpin(struct frame_pool *pool, struct frame_range *r, paddr_t p) REQUIRES(pool->lock)
{
	struct frame_meta *f = metadata_of(r, p);
	u32 order = f->order;

	/* another pool by now: the 2 MB were free as a whole */
	if (pool != pool_of(r, p) || (f->state != FRAME_USED && f->state != FRAME_QUARANTINED)) {
		log_line("memory: Linux gives back frame %lx, which it does not have", p);
		return 0;
	}
	f->pins--;
	if (f->state == FRAME_QUARANTINED && f->pins <= 0) {
		__atomic_fetch_sub(&stats[r->node].quarantined, frames_in(order), __ATOMIC_RELAXED);
		block_free(pool, r, p, order);
	}
	return order;
}

void frame_unpin(paddr_t p, u32 order)
{
	struct frame_range *r = range_of(p);
	struct frame_pool *pool;
	paddr_t end;

	if (!r || order >= FRAME_ORDERS || (p & ((PAGE_SIZE << order) - 1)) || !has_metadata(r, p)) {
		log_line("memory: Linux gives back frame %lx order %u, which is not ours", p, order);
		return;
	}
	end = p + (PAGE_SIZE << order);
	pool = pool_of(r, p);
	spin_lock(&pool->lock);
	while (p < end)
		p += PAGE_SIZE << block_unpin(pool, r, p);
	spin_unlock(&pool->lock);
}

u32 frame_order(paddr_t p)
{
	struct frame_range *r = range_of(p);

	check(r && has_metadata(r, p) && metadata_of(r, p)->state == FRAME_USED);
	return metadata_of(r, p)->order;
}
