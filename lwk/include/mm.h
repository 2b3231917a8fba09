/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory: frames, small kernel objects, address spaces, user copies. One section per file of mm/.
 */
#ifndef LWK_MM_H
#define LWK_MM_H

#include "azalea.h"
#include "list.h"
#include "spinlock.h"

#define LINUX_USER_END	0x7ffffffff000ULL	/* a program gets nothing beyond AZ_USER_END, but up to here it may give back */

/* ---- frame.c: physical memory per NUMA node, orders 0 (4 KB) to LARGE_ORDER (2 MB) ---- */

#define FRAME_ORDERS	(LARGE_ORDER + 1)

struct frame_pool {			/* free blocks, of a node or of a CPU: frame.c */
	struct spinlock lock;		/* rank: frame; a CPU's comes before its node's */
	u32 node;			/* I */
	u64 *count;			/* I; 4 KB frames, and the value: lock */
	struct list free[FRAME_ORDERS];	/* lock */
} __aligned(64);

/* Gives [start, start+size) to the allocator of @node; no work in proportion to size. At boot only. */
void frame_add_range(paddr_t start, u64 size, u32 node);
/* From now on counts are kept in @shared[@count], one element per node. Before the first range is added. */
void frame_stats_bind(struct az_node_stats *shared, u32 count);
/* Gives @cpu, which is on this CPU's node, a pool of its own. *@count has the frames that are free there; the node's does not have them. */
void frame_pool_add(u32 cpu, struct frame_pool *pool, u64 *count);
/* A naturally aligned block of 4 KB << order, contents undefined; from @node, else from any node with memory; 0 if none. */
paddr_t frame_alloc(u32 order, u32 node);
/* The same, from @first or the node after it that is in @nodes; 0 if none of those has one. */
paddr_t frame_alloc_from(u32 order, u32 first, u64 nodes);
u64 frame_nodes(void);			/* nodes with memory, one bit each */
u32 frame_node(paddr_t p);
/* An owner gives a block up. The last one's is free then; if it is pinned only after the last frame_unpin(). */
void frame_free(paddr_t p, u32 order);
/* Makes a block of @order 4 KB blocks, to be freed one by one; pins and owners are inherited. Another owner may have done it. */
void frame_split(paddr_t p, u32 order);
/* Makes 4 KB blocks of the first @count and frees the others. The block is its owner's alone, and nobody else knows it. */
void frame_carve(paddr_t p, u32 order, u64 count);
/* One more owner, each of whom calls frame_free(). False, and nothing has changed, if a part is pinned: Linux may write there. */
bool frame_share(paddr_t p, u32 order);
/* Has any part another owner? Only owners make new ones, so a no stays true while the caller does not share it. */
bool frame_is_shared(paddr_t p, u32 order);
u32 frame_order(paddr_t p);
/* Linux uses the block: one for each AZ_PTE_PINNED that is found; it ends by one frame_unpin(), the event AZ_EV_FRAME_FREE. */
void frame_pin(paddr_t p, u32 order);
void frame_unpin(paddr_t p, u32 order);

/* ---- commit.c: promises of memory never exceed memory ---- */

struct budget;			/* what promises are made from; counted references */

void commit_add(u64 bytes);
/* Bytes that are promised or set aside. */
u64 commit_in_use(void);
/* Sets @limit bytes aside for a family of processes, NULL if they are not to be had; with 0 the common budget that all others share. */
struct budget *budget_create(u64 limit);
struct budget *budget_get(struct budget *b);
void budget_put(struct budget *b);
/* Both return false and change nothing when @bytes are not to be had. */
bool budget_reserve(struct budget *b, u64 bytes);	/* for what is touched now */
bool budget_promise(struct budget *b, u64 bytes);	/* for mmap and the like: leaves some for what is touched without asking */
void budget_release(struct budget *b, u64 bytes);

/* ---- kmalloc.c: kernel objects up to 2 MB, zeroed; NULL if memory is short ---- */
void *kmalloc(size_t size);
void kfree(void *p);

/* ---- region.c, aspace.c, fault.c, cow.c, fork.c ---- */

struct aspace;			/* mm/aspace.h */

/* Where frames come from: set_mempolicy(2), of a thread or of a region. */
struct policy {
	u16 mode;		/* MPOL_*; all zero is MPOL_DEFAULT */
	u16 flags;		/* MPOL_F_STATIC_NODES and others, only remembered */
	u32 home;		/* node + 1 that is tried first, 0: none */
	u64 nodes;		/* that count: with LWK memory */
	u64 asked;		/* as the program named them */
};

#define FAULT_WRITE	1
#define FAULT_EXEC	2
#define FAULT_NOWAIT	4	/* the twin waits for this page: nothing can be forwarded but reads of files; -EAGAIN if that is needed */
#define FAULT_NOSLEEP	16	/* and nothing can be waited for: -EAGAIN */
#define FAULT_UNSHARE	8	/* not shared with another address space, even if it may not be written: Linux mirrors only such pages */

/* An empty address space whose memory counts against @budget, of which it holds a reference of its own. NULL if memory is short. */
struct aspace *aspace_create(struct budget *budget, u64 stack_limit);
struct budget *aspace_budget(struct aspace *as);	/* for the address spaces of its family */
/*
 * Processes may share an address space (vfork); each holds a reference. The last put frees all regions, frames and page tables
 * except PINNED frames: no thread may run in it then, and nothing is forwarded. Threads that end while they wait in forward() must
 * return through it with an error first, or what they hold is lost.
 */
struct aspace *aspace_get(struct aspace *as);
void aspace_put(struct aspace *as);
/* Counts its memory there from now on (struct az_proc). */
void aspace_bind(struct aspace *as, struct az_memory *used);
/* The process with these counters leaves: they are 0 then; if the address space counted there, it counts in itself now. */
void aspace_unbind(struct aspace *as, struct az_memory *used);
/* Soft limits RLIMIT_AS and RLIMIT_DATA; ~0 is none. */
void aspace_set_limits(struct aspace *as, u64 limit_as, u64 limit_data);
void aspace_set_stack_limit(struct aspace *as, u64 bytes);	/* RLIMIT_STACK: how far stacks grow from now on */
void aspace_set_lock_limit(struct aspace *as, u64 bytes);	/* RLIMIT_MEMLOCK */
void aspace_set_small_pages(struct aspace *as, bool small);	/* from now on no large ones: PR_SET_THP_DISABLE */
/* Proves the structure consistent: number of regions; fails a check otherwise. */
long aspace_check(struct aspace *as);
paddr_t aspace_pgd(struct aspace *as);
/* Which CPUs, by index, have it loaded: set before loading, cleared after. */
void aspace_set_active(struct aspace *as, u32 cpu, bool active);
bool aspace_is_active(const struct aspace *as, u32 cpu);
void aspace_active(const struct aspace *as, u64 *cpus, u32 words);	/* all of them, as a set */

/*
 * Makes the page at @addr present for @access (FAULT_*), in thread context: may forward a file read and sleep. Returns 0, or
 * -EFAULT (SIGSEGV: *si_code SEGV_MAPERR 1 or SEGV_ACCERR 2), or -EIO (SIGBUS), or -ENOMEM (SIGBUS as well).
 */
long aspace_fault(struct aspace *as, uaddr_t addr, u32 access, int *si_code);
/* The same for every page of [addr, addr+len), for Linux to read or write. Returns 0, -EFAULT, or -EINTR because the process ends. */
long aspace_populate(struct aspace *as, uaddr_t addr, u64 len, bool write);
/* The same before a call is forwarded: not where Linux has the memory itself. */
long aspace_prepare(struct aspace *as, uaddr_t addr, u64 len, bool write);

/* Makes a page present that somebody else on Linux asks for. May be called from an interrupt. */
void aspace_page(struct aspace *as, struct az_page_query *q);

/* Forgets Linux's pages in a range, and answers that bring such. May be called from an interrupt. */
void aspace_withdraw(struct aspace *as, uaddr_t start, uaddr_t end);

/* Does @addr lie in memory that Linux owns and other processes may share? */
bool aspace_is_linux(struct aspace *as, uaddr_t addr);

/* mmap for the loader and the system call; file may be NULL. Returns the address or -errno. */
struct map_args {
	uaddr_t addr;
	u64 len;
	u32 prot, flags;	/* Linux's PROT_*, MAP_* */
	long fd;		/* of aspace_attach(): the segment's id, or where the program has its aio context */
	u64 offset;
};
long aspace_map(struct aspace *as, const struct map_args *a);
long aspace_unmap(struct aspace *as, uaddr_t addr, u64 len);
/*
 * Maps a System V segment or an aio ring, all of it, by @call: AZ_CALL_SHM_ATTACH or AZ_CALL_AIO_ATTACH. @shift: log2 of the size of its
 * pages, 0: 4 KB.
 */
long aspace_attach(struct aspace *as, const struct map_args *a, u32 call, u32 shift);
/* shmdt(2): removes what is left of the segment that was attached at @addr. */
long aspace_detach(struct aspace *as, uaddr_t addr);
long aspace_protect(struct aspace *as, uaddr_t addr, u64 len, u32 prot);
#define KEY_KEEP	-1	/* each region its own */
long aspace_protect_key(struct aspace *as, uaddr_t addr, u64 len, u32 prot, int key);
/* Protection keys: pkey_alloc(2), pkey_free(2); the key at an address; whether the current thread's rights allow an access. */
long aspace_key_alloc(struct aspace *as, u64 flags, u64 rights);
long aspace_key_free(struct aspace *as, int key);
u32 aspace_key_at(struct aspace *as, uaddr_t addr);
bool aspace_keys_allow(struct aspace *as, uaddr_t addr, u64 len, bool write);
/* mremap. Returns the new address or -errno. */
struct remap_args {
	uaddr_t addr;
	u64 old_len, new_len;
	u64 flags;		/* Linux's MREMAP_* */
	uaddr_t new_addr;
};
long aspace_remap(struct aspace *as, const struct remap_args *a);
/* The heap starts at @start (end of the program's bss); once, by the loader. */
void aspace_set_brk(struct aspace *as, uaddr_t start);
/* brk(2): moves the heap's end and returns it; the old end if that is impossible. */
uaddr_t aspace_brk(struct aspace *as, uaddr_t end);
/* madvise(2) with a Linux MADV_*. */
long aspace_advise(struct aspace *as, uaddr_t addr, u64 len, u32 advice);
/* Creates the main stack below AZ_USER_END, which grows to the size given to aspace_create; returns its top. */
long aspace_map_stack(struct aspace *as);

/*
 * fork, called by a thread of @parent, first half: *@child becomes a copy of the address space, with one reference for the caller and
 * counted in full against @parent's budget. Private memory is shared until one of them writes; Linux-backed regions are empty in the
 * copy and fault again in the child's proxy; file handles have the same numbers in both, so the driver must copy its table.
 *
 * On 0 @parent stays closed for changes (threads that map or unmap wait, faults do not) until aspace_fork_end(), which the caller must
 * come to: the regions that Linux copies meanwhile are those that were copied here, and no handle that they use is closed. No child
 * after all? aspace_put(). On -ENOMEM, or -EINTR because the process ends, there is no child and nothing to end.
 */
long aspace_fork_begin(struct aspace *parent, struct aspace **child);
void aspace_fork_end(struct aspace *parent);

/* Puts pages of the kernel, one after the other, where there is room: read-only, never freed. Returns the address or -ENOMEM. */
struct borrowed {
	paddr_t start;
	u64 len;
	u32 prot;
};
long aspace_borrow(struct aspace *as, const struct borrowed *part, u32 count);

/* Makes a string present before a call is forwarded, as far as strings usually go. */
void populate_string(struct aspace *as, uaddr_t addr);

/* query.c: answers a question of Linux about what is mapped. */
void aspace_query(struct aspace *as, struct az_query *q);
/* The region at @addr; false if there is none. */
bool aspace_region_at(struct aspace *as, uaddr_t addr, struct az_region *to);

/* What the machine and the scheduler offer to mm/. */
u32 arch_node(void);			/* NUMA node of this CPU */
u64 *arch_kernel_pgd(void);		/* top-level page table whose upper half is the kernel's */
struct aspace *aspace_current(void);	/* of the running thread */

/* ---- usercopy.c: the only code that touches user memory; the current aspace must be loaded ---- */
long copy_from_user(void *dst, uaddr_t src, u64 len);	/* 0 or -EFAULT */
long copy_to_user(uaddr_t dst, const void *src, u64 len);
long clear_user(uaddr_t dst, u64 len);
/* Bytes without the NUL, or -EFAULT, or -ERANGE if no NUL within size. */
long copy_string_from_user(char *dst, uaddr_t src, u64 size);
/* Atomic 32-bit accesses that never fault pages in: -EFAULT if not present. Allowed under spin locks. */
long user_load32(u32 *value, uaddr_t addr);
long user_cmpxchg32(uaddr_t addr, u32 *expected, u32 desired);	/* 0 swapped, -EAGAIN and *expected updated, -EFAULT */

#endif
