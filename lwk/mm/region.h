/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Regions: what a program has mapped where. A tree ordered by address, without overlaps, that also finds free room.
 * The tree does not know page tables, frames or accounts; aspace.c keeps those in step. All calls REQUIRE as->lock.
 */
#ifndef LWK_REGION_H
#define LWK_REGION_H

#include "mm.h"
#include "types.h"

#define REGION_SHARED	1u	/* MAP_SHARED */
#define REGION_CHARGED	2u	/* all of it is committed; otherwise each frame is when it is touched */
#define REGION_LAZY	4u	/* never charged as a whole: MAP_NORESERVE, stacks */
#define REGION_SMALL	8u	/* 4 KB pages only: stacks */
#define REGION_LINUX	16u	/* Linux-backed: AZ_CALL_LINUX_MAP */
#define REGION_KERNEL	32u	/* the kernel's own pages: borrow.c */
#define REGION_DONTFORK	64u	/* madvise: a child does not get it */
#define REGION_WIPEONFORK 128u	/* madvise: a child gets it empty */
#define REGION_GROWSDOWN 256u	/* a touch below it extends it: stacks */
#define REGION_LOCKED	512u	/* mlock */
#define REGION_ONFAULT	1024u	/* with LOCKED: not made present ahead */
#define REGION_NODUMP	2048u	/* madvise: not in a core file */
#define REGION_WRITTEN	4096u	/* a private file that is or was writable: memory may differ from the file */
#define REGION_NOHUGE	8192u	/* madvise: new pages are 4 KB */
#define REGION_HUGE	16384u	/* madvise; here, as the next two, it only parts mappings where Linux parts them */
#define REGION_RANDOM	32768u
#define REGION_SEQUENTIAL 65536u

/* Above Linux's PROT_* in a region's prot, and in what pagetable.h makes of it: the protection key. */
#define PROT_KEY_SHIFT	8
#define PROT_KEY	(15u << PROT_KEY_SHIFT)

#define FILE_LINUX	-1
#define FILE_SHM	-2	/* a System V segment */

/* A file behind regions. Its address identifies one mmap call for as long as somebody holds a reference. */
struct file_ref {
	u32 refs;		/* as->lock */
	s64 handle;		/* AZ_CALL_FILE_OPEN's, or FILE_* for Linux-backed regions */
	u32 shift;		/* log2 of the size of its pages, which nothing may divide; 0: 4 KB */
	struct file_ref *next;	/* as->lock: in as->closing */
	struct file_ref *copy;	/* the child's, while fork.c copies regions */
};

struct region {
	uaddr_t start, end;
	u32 prot;		/* Linux's PROT_*, and PROT_KEY */
	u32 flags;		/* REGION_* */
	struct file_ref *file;	/* NULL: anonymous */
	u64 offset;		/* in the file, of start */
	struct policy policy;	/* mbind; MPOL_DEFAULT: the thread's */

	struct region *prev, *next;	/* by address */
	struct region *left, *right, *up;
	u32 priority;		/* heap order keeps the tree balanced */
	u64 gap;		/* largest hole before a region, here and below */
};

static inline bool policy_is_same(const struct policy *a, const struct policy *b)
{
	return a->mode == b->mode && a->flags == b->flags && a->home == b->home && a->nodes == b->nodes && a->asked == b->asked;
}

/* Bytes of a page whose size is given as in file_ref. */
static inline u64 unit_of(u32 shift)
{
	return shift ? 1ULL << shift : PAGE_SIZE;
}

/* Where it begins and ends, and what is done to a part of it, is a multiple of this. */
static inline u64 region_unit(const struct region *r)
{
	return r->file ? unit_of(r->file->shift) : PAGE_SIZE;
}

/* All regions of an address space. All zero: none. */
struct regions {
	struct region *root;
	struct region *seen;	/* found or added last, NULL: none */
	/* Below @full_high, but above @full, the hole before it not included, no hole has @full_len bytes. NULL: nothing is known. */
	struct region *full;
	u64 full_len;
	uaddr_t full_high;
};

/* The lowest region that ends above @addr, NULL if none: it contains @addr or is the next one. */
struct region *region_next(struct regions *t, uaddr_t addr);
/* The region that contains @addr, or NULL. */
struct region *region_find(struct regions *t, uaddr_t addr);
void region_insert(struct regions *t, struct region *r);
void region_remove(struct regions *t, struct region *r);
/* Gives @r other ends, with the same neighbours; what is left of a file stays where it was. */
void region_resize(struct regions *t, struct region *r, uaddr_t start, uaddr_t end);
/* Extends a region beside @new, which is in no tree, by it. False: nothing may be extended, or two regions and @new become one. */
bool region_absorb(struct regions *t, const struct region *new);
/* Cuts the region that contains @at strictly inside in two. Returns the new upper part, NULL when memory is short. */
struct region *region_split(struct regions *t, struct region *r, uaddr_t at);
/* Joins @r to the one below it if they meet and nothing tells them apart. True: @r is no longer in the tree, and to be freed. */
bool region_join(struct regions *t, struct region *r);
/* Highest start of @len free bytes in [@low, @high), a multiple of @align; 0 if none. */
uaddr_t region_gap(struct regions *t, uaddr_t low, uaddr_t high, u64 len, u64 align);
/* Fails a check if the tree is not ordered, balanced by priority and summed up right; number of regions. */
u32 region_check(const struct regions *t);

#endif
