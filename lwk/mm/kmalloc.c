/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel objects. Sizes up to 1984 bytes come from slabs: a 4 KB frame with a header and objects of one size. Larger ones are
 * whole blocks of frames, recognised by being page aligned, which a slab's objects never are. All memory is zeroed.
 * Objects of 64 bytes and more are 64-byte aligned, blocks are naturally aligned.
 *
 *   | struct slab, 64 bytes | object 0 | object 1 | ... | unused |
 */
#include "log.h"
#include "mm.h"
#include "string.h"

#define SLAB_HEADER	64
#define SLAB_WORDS	2	/* of the bitmap: 126 objects of the smallest size */

/* Key: c lock of the class. */
struct slab {
	struct list link;		/* c: in class->partial while an object is free */
	u64 used[SLAB_WORDS];		/* c: one bit per object */
	u32 class;
	u32 count;			/* c: objects in use */
};

struct class {
	struct spinlock lock;		/* rank: object */
	u32 size;			/* I */
	u32 capacity;			/* I: objects in a slab */
	struct list partial;		/* c; emptiest not sorted */
	u32 empty;			/* c: slabs in partial without objects */
};

#define CLASS(n, bytes)	[n] = { SPINLOCK_INIT, bytes, (PAGE_SIZE - SLAB_HEADER) / (bytes), LIST_INIT(classes[n].partial), 0 }

static struct class classes[] = {
	CLASS(0, 32), CLASS(1, 64), CLASS(2, 128), CLASS(3, 192), CLASS(4, 256), CLASS(5, 384), CLASS(6, 512), CLASS(7, 768),
	CLASS(8, 1344), CLASS(9, 1984),
};

_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "slab header");

static struct slab *slab_create(struct class *c)
{
	paddr_t p = frame_alloc(0, arch_node());
	struct slab *s;

	if (!p)
		return NULL;
	s = phys_to_virt(p);
	memset(s, 0, sizeof(*s));
	s->class = c - classes;
	return s;
}

static void *slab_take(struct class *c, struct slab *s) REQUIRES(c->lock)
{
	u32 word = ~s->used[0] ? 0 : 1, bit = __builtin_ctzll(~s->used[word]);

	s->used[word] |= 1ULL << bit;
	if (s->count++ == 0)
		c->empty--;
	if (s->count == c->capacity)
		list_del(&s->link);
	return (char *)s + SLAB_HEADER + (word * 64 + bit) * c->size;
}

static void *class_alloc(struct class *c)
{
	struct slab *s;
	void *p;

	spin_lock(&c->lock);
	if (list_empty(&c->partial)) {
		s = slab_create(c);
		if (!s) {
			spin_unlock(&c->lock);
			return NULL;
		}
		list_add(&s->link, &c->partial);
		c->empty++;
	}
	p = slab_take(c, list_first(&c->partial, struct slab, link));
	spin_unlock(&c->lock);
	return memset(p, 0, c->size);
}

static void *block_alloc(size_t size)
{
	u32 order = 0;
	paddr_t p;

	while ((PAGE_SIZE << order) < size)
		order++;
	if (order > LARGE_ORDER)
		return NULL;
	p = frame_alloc(order, arch_node());
	if (!p)
		return NULL;
	arch_zero(phys_to_virt(p), PAGE_SIZE << order);
	return phys_to_virt(p);
}

void *kmalloc(size_t size)
{
	for (u32 i = 0; i < ARRAY_SIZE(classes); i++) {
		if (size <= classes[i].size)
			return class_alloc(&classes[i]);
	}
	return block_alloc(size);
}

/* Returns the slab if it is to be given back: the class keeps one empty slab at most. */
static struct slab *slab_put(struct class *c, struct slab *s, void *p) REQUIRES(c->lock)
{
	u32 offset = (char *)p - (char *)s - SLAB_HEADER, i = offset / c->size;

	check(offset % c->size == 0 && i < c->capacity && (s->used[i / 64] & (1ULL << (i % 64))));
	s->used[i / 64] &= ~(1ULL << (i % 64));
	if (s->count-- == c->capacity)
		list_add_tail(&s->link, &c->partial);
	if (s->count)
		return NULL;
	if (c->empty == 0) {
		c->empty = 1;
		return NULL;
	}
	list_del(&s->link);
	return s;
}

void kfree(void *p)
{
	struct slab *s = (struct slab *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);
	struct class *c;

	if (!p)
		return;
	if ((void *)s == p) {
		frame_free(virt_to_phys(p), frame_order(virt_to_phys(p)));
		return;
	}
	check(s->class < ARRAY_SIZE(classes));
	c = &classes[s->class];
	spin_lock(&c->lock);
	s = slab_put(c, s, p);
	spin_unlock(&c->lock);
	if (s)
		frame_free(virt_to_phys(s), 0);
}
