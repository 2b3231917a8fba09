/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of mm/ that work on address spaces share. Nobody else includes this.
 *
 * Two things keep an address space in order:
 *   as->lock      a spin lock over everything: tree, entries, accounts. Never held while something is forwarded.
 *   as->changing  held from aspace_begin() to aspace_end() by the one thread that changes mappings. It stays while that thread
 *                 drops the lock to wait for Linux, so a range it has emptied cannot be taken by another.
 * Faults need the lock only. A range whose mirror is being zapped (as->zap_*) has hidden entries; faults there wait.
 */
#ifndef LWK_ASPACE_H
#define LWK_ASPACE_H

#include "../arch/x86/pagetable.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "region.h"

#define PROT_READ		1u
#define PROT_WRITE		2u
#define PROT_EXEC		4u
#define PROT_ALL		7u
#define PROT_KEYED		(1u << 12)	/* of a request: its PROT_KEY counts, otherwise a region keeps what it has */

/* What is left of @prot while the frame may not be written. To the processor writable is readable, so it must stay that. */
static inline u32 prot_unwritable(u32 prot)
{
	return prot & PROT_WRITE ? (prot & ~PROT_WRITE) | PROT_READ : prot;
}

#define MADV_NORMAL	0
#define MADV_RANDOM	1
#define MADV_SEQUENTIAL	2
#define MADV_WILLNEED	3
#define MADV_DONTNEED	4
#define MADV_FREE	8
#define MADV_REMOVE	9
#define MADV_DONTFORK	10
#define MADV_DOFORK	11
#define MADV_HUGEPAGE	14
#define MADV_NOHUGEPAGE	15
#define MADV_DONTDUMP	16
#define MADV_DODUMP	17
#define MADV_WIPEONFORK	18
#define MADV_KEEPONFORK	19
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#define MADV_DONTNEED_LOCKED	24

#define REGIONS_MAX		65530u		/* Linux's default vm.max_map_count */

struct limbo {
	struct limbo *next;
	paddr_t block;
	u32 order;
};

/* Key: l as->lock, I set once. */
struct aspace {
	struct spinlock lock;
	u32 refs;			/* a */
	bool changing;			/* l */
	struct list waiters;		/* l: threads in aspace_wait(), for a range that is zapped */
	struct list turns;		/* l: threads in aspace_begin(), first come first */
	u64 *pgd;			/* I; entries below it: l */
	struct regions regions;		/* l */
	u64 changes;			/* l: of all address spaces none has the same; another one whenever a region goes */
	u32 region_count;		/* l */
	uaddr_t zap_start, zap_end;	/* l */
	u64 taken_back;			/* l: how often Linux was told to let go of frames that it had lent; see fault_linux() */
	struct region *detached;	/* l: taken out by range_unmap(), linked by next */
	struct file_ref *closing;	/* l: nobody uses these any more; to be closed without the lock */
	struct limbo *limbo;		/* l: frames that Linux may still be writing to, until it is certain that it does not */
	uaddr_t mmap_top;		/* I: mappings are placed below */
	u64 stack_size;			/* l: that a stack may have: RLIMIT_STACK within bounds */
	uaddr_t brk_start, brk;		/* l */
	struct budget *budget;		/* I */
	u64 limit_as, limit_data;	/* l */
	u64 mapped, data;		/* l: bytes of all regions, of private writable ones */
	u64 locked;			/* l: bytes of LOCKED regions */
	u64 limit_locked;		/* l: RLIMIT_MEMLOCK */
	u32 lock_new;			/* l: REGION_* flags of new regions: mlockall(MCL_FUTURE) */
	u16 keys;			/* l: protection keys in use, one bit each */
	s16 exec_key;			/* l: that of memory that may only be executed; -1: none */
	bool keyed;			/* a: a region has had another key than 0 */
	bool small_pages;		/* l: all new pages are 4 KB */
	struct az_memory *used;		/* l, and what it points to */
	struct az_memory own_used;
	u64 active[AZ_CPUS_MAX / 64];	/* a: CPUs where it is loaded */
};

/* Steps through all regions that have a part in [from, to). */
#define for_each_region(as, r, from, to) \
	for (r = region_next(&(as)->regions, from); r && r->start < (to); r = r->next)

/* ---- aspace.c ---- */
void aspace_begin(struct aspace *as);			/* returns with the lock held */
void aspace_end(struct aspace *as) REQUIRES(as->lock);	/* drops it */
void aspace_wait(struct aspace *as) REQUIRES(as->lock);	/* for as->zap_*; drops and retakes it, anything may have changed */
void aspace_wake(struct aspace *as) REQUIRES(as->lock);
void aspace_close_files(struct aspace *as);		/* no lock held: forwards */
void file_put(struct aspace *as, struct file_ref *f) REQUIRES(as->lock);
bool aspace_charge(struct aspace *as, u64 bytes) REQUIRES(as->lock);	/* for a page that is touched now */
bool aspace_promise(struct aspace *as, u64 bytes) REQUIRES(as->lock);	/* ahead; see commit.c on what it leaves */
void aspace_uncharge(struct aspace *as, u64 bytes) REQUIRES(as->lock);
/* Adds a region to tree and counters, removes it. */
void aspace_add(struct aspace *as, struct region *r) REQUIRES(as->lock);
void aspace_remove(struct aspace *as, struct region *r) REQUIRES(as->lock);
/* Gives it other ends, as region_resize(). */
void aspace_resize(struct aspace *as, struct region *r, uaddr_t start, uaddr_t end) REQUIRES(as->lock);
/* Adds what @new describes to a region beside it; see region_absorb(). */
bool aspace_absorb(struct aspace *as, const struct region *new) REQUIRES(as->lock);
bool region_is_data(const struct region *r);
/*
 * Makes @at a border of regions, and of entries: none belongs to two regions. 0, -ENOMEM, or -EINVAL because it lies inside one of Linux's
 * large pages.
 */
long aspace_split(struct aspace *as, uaddr_t at) REQUIRES(as->lock);
long aspace_split_ends(struct aspace *as, uaddr_t start, uaddr_t end) REQUIRES(as->lock);	/* at both ends of a range */
/* Does so at both ends of a range; *@first is the first region that ends above its start, or NULL. */
long aspace_cut(struct aspace *as, uaddr_t start, uaddr_t end, struct region **first) REQUIRES(as->lock);
/* Joins @r to the region below it if nothing tells them apart; it is gone then. */
void aspace_join(struct aspace *as, struct region *r) REQUIRES(as->lock);
void aspace_merge(struct aspace *as, uaddr_t at) REQUIRES(as->lock);	/* the same for the region that begins at @at */
void aspace_set_flags(struct aspace *as, struct region *r, u32 clear, u32 set) REQUIRES(as->lock);
/* Copies the first region in [start, end), cut to that; false if there is none. For those who forward region by region. No lock held. */
bool region_copy_next(struct aspace *as, uaddr_t start, uaddr_t end, struct region *copy);
/* Room for one more region of @len bytes, @data of which are private and writable, that replaces @old bytes? 0 or -ENOMEM. */
long aspace_room(struct aspace *as, u64 len, u64 data, u64 old) REQUIRES(as->lock);

/* Extends a stack (REGION_GROWSDOWN) down to @addr, where nothing is mapped. True: look again. No lock held. */
bool aspace_extend_stack(struct aspace *as, uaddr_t addr);

/* ---- unmap.c: emptying and changing ranges; all REQUIRE aspace_begin() and the lock ---- */
/* Makes @at a border of entries. 0 or -ENOMEM. */
long range_split(struct aspace *as, uaddr_t at);
/*
 * Hides all entries and flushes them from the TLBs. Returns the bits of all as they were: 0, there are none; if one is pte_mirrored() for
 * Linux, range_zap() must follow.
 */
u64 range_hide(struct aspace *as, uaddr_t start, uaddr_t end);
/* As range_hide(), but leaves the flush to the caller, who must do it before anything else if an entry was pte_present(). */
u64 range_hide_later(struct aspace *as, uaddr_t start, uaddr_t end);
/*
 * Has Linux remove its mirror; drops the lock meanwhile. An error means that the process ends. Others may live on in its memory (vfork), so
 * the entries are visible again then, with what their regions allow; of what is in no region they must stay hidden.
 */
long range_zap(struct aspace *as, uaddr_t start, uaddr_t end);
/*
 * Gives entries the rights @prot again, as far as others agree: whether a frame of Linux may be written only Linux knows, and a shared
 * one must not be. @zapped: range_zap() came before. Returns the bits of all entries as they were.
 */
u64 range_allow(struct aspace *as, uaddr_t start, uaddr_t end, u32 prot, bool zapped);
/* Joins all regions from @start to @end that nothing tells apart. */
void range_merge(struct aspace *as, uaddr_t start, uaddr_t end);
/* After a zap: the entry forgets its mirror, its frame remembers whether Linux still uses it. */
void entry_settle(u64 *entry, u64 span);
/* Frees the frame behind an entry and empties it. @charged: the frame was committed with its region, not by itself. */
void entry_release(struct aspace *as, u64 *entry, u64 span, bool charged);
/* Bytes of frames in the range that are the LWK's. */
u64 range_touched(struct aspace *as, uaddr_t start, uaddr_t end);
/* Removes all regions in the range with everything behind them; drops the lock meanwhile. On error some may still be there. */
long range_unmap(struct aspace *as, uaddr_t start, uaddr_t end);

bool range_is_free(struct aspace *as, uaddr_t start, u64 len);
/* -ENOMEM if the range has a hole. */
long range_whole(struct aspace *as, uaddr_t start, uaddr_t end);

/* ---- policy.c ---- */
struct placement {
	u32 first;			/* node to try first */
	u64 nodes;			/* that come next */
	bool strict;			/* no others */
	bool alternates;		/* neighbours come from other nodes: one page at a time */
};
/* Where the frame for the page of @span bytes at @addr comes from, when the current thread touches it. */
struct placement policy_place(const struct region *r, uaddr_t addr, u64 span);
paddr_t policy_alloc(const struct placement *from, u32 order);
/* The node at place @n of a set that is not empty, around and around. */
u32 nodes_nth(u64 nodes, u64 n);
/* A mask of nodes as set_mempolicy(2) takes it. 0, -EINVAL, -EFAULT. */
long nodes_from_user(u64 *nodes, uaddr_t mask, u64 max_node);

/* ---- migrate.c ---- */
/* The node of the page at @addr, -ENOENT if it is not present, -EFAULT. No lock held: may forward. */
long page_node(struct aspace *as, uaddr_t addr);
/* The page behind @entry, at @addr, moves to @node: 0, or why it does not. REQUIRES aspace_begin() too; may drop the lock. */
long entry_move(struct aspace *as, uaddr_t addr, u64 *entry, u32 node) REQUIRES(as->lock);

/* ---- lock.c ---- */
#define LOCK_FLAGS	(REGION_LOCKED | REGION_ONFAULT)
/* What a new region of @len bytes, made with MAP_* flags, gets of LOCK_FLAGS. 0, -EPERM, -EAGAIN. No lock held: forwards. */
long aspace_lock_new(struct aspace *as, u32 map_flags, u64 len, u32 *region_flags);
/* May a locked region grow by @bytes? Drops the lock meanwhile. */
bool lock_may_grow(struct aspace *as, u64 bytes) REQUIRES(as->lock);
/* Gives @r the lock flags @flags; may drop the lock meanwhile. */
long region_lock(struct aspace *as, struct region *r, u32 flags) REQUIRES(as->lock);
/* Makes present what is locked in the range and can be. No lock held. */
void lock_populate(struct aspace *as, uaddr_t start, uaddr_t end);

/* ---- residency.c, backed.c: parts of madvise, for whole pages inside the program's range ---- */
/* Has Linux take the advice for memory that it backs. REQUIRES aspace_begin() and the lock; drops it meanwhile. */
long backed_advise(struct aspace *as, uaddr_t start, uaddr_t end, u32 advice);
/* No lock held. */
long aspace_populate_all(struct aspace *as, uaddr_t addr, u64 len, bool write);
/* MADV_REMOVE. REQUIRES aspace_begin() and the lock; drops it meanwhile. */
long range_punch(struct aspace *as, uaddr_t start, uaddr_t end);

/* ---- keys.c ---- */
bool key_is_allocated(const struct aspace *as, int key) REQUIRES(as->lock);	/* to the program */
/* What the region's prot becomes if @wanted is asked for, by the rules of mprotect(2) and pkey_mprotect(2). */
u32 key_for(struct aspace *as, const struct region *r, u32 wanted) REQUIRES(as->lock);

/* ---- cow.c ---- */
/*
 * The page at @addr, behind *@entry with AZ_PTE_COW, becomes its address space's own, as the region allows; of 2 MB only 4 KB if
 * @small. Drops the lock meanwhile: on 0 look again. -ENOMEM.
 */
long cow_break(struct aspace *as, uaddr_t addr, u64 *entry, bool small) REQUIRES(as->lock);

static inline u32 span_order(u64 span)
{
	return span == LARGE_SIZE ? LARGE_ORDER : 0;
}

/* Is [addr, addr+len) inside the program's range and page aligned at its start; len is not 0. */
static inline bool range_valid(uaddr_t addr, u64 len)
{
	return !(addr & (PAGE_SIZE - 1)) && addr < AZ_USER_END && len <= AZ_USER_END - addr;
}

#endif
