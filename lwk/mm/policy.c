/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NUMA policy: from which nodes a thread, or a range of memory whoever touches it, gets its frames. Only nodes with LWK memory count.
 * Linux places what it backs by its own policy; here such ranges only remember what they were told.
 *
 * Interleaving goes by 4 KB, and by 2 MB where a large page fits.
 */
#include "aspace.h"
#include "offload.h"
#include "string.h"
#include "syscall_proto.h"
#include "thread.h"

enum { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED_MANY, MPOL_MAX };

#define MPOL_F_STATIC_NODES	(1u << 15)
#define MPOL_F_RELATIVE_NODES	(1u << 14)
#define MPOL_F_NUMA_BALANCING	(1u << 13)
#define MPOL_MODE_FLAGS		(MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)
#define MPOL_USER_NODES		(MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)

#define MPOL_F_NODE		1u
#define MPOL_F_ADDR		2u
#define MPOL_F_MEMS_ALLOWED	4u

#define MPOL_MF_STRICT		1u
#define MPOL_MF_MOVE		2u
#define MPOL_MF_MOVE_ALL	4u

#define CAP_SYS_NICE		23
#define NODE_WORDS_MAX		512	/* 64-bit words in a mask: Linux takes no more than a page */

u32 nodes_nth(u64 nodes, u64 n)
{
	u32 count = 0;

	for (u64 rest = nodes; rest; rest &= rest - 1)
		count++;
	for (n %= count; n; n--)
		nodes &= nodes - 1;
	return __builtin_ctzll(nodes);
}

static struct placement place(const struct policy *p, u64 turn)
{
	struct placement where = { .first = arch_node(), .nodes = ~0ULL };

	switch (p->mode) {
	case MPOL_PREFERRED:
		where.first = __builtin_ctzll(p->nodes);
		break;
	case MPOL_BIND:
		where.strict = true;
		/* fall through */
	case MPOL_PREFERRED_MANY:
		where.nodes = p->nodes;
		where.first = p->home ? p->home - 1 : where.first;
		break;
	case MPOL_INTERLEAVE:
		where.first = nodes_nth(p->nodes, turn);
		where.alternates = true;
	}
	return where;
}

struct placement policy_place(const struct region *r, uaddr_t addr, u64 span)
{
	struct thread *t = current_thread();

	if (r->policy.mode != MPOL_DEFAULT)
		return place(&r->policy, (r->file ? addr - r->start + r->offset : addr) / span);
	if (!t || t->policy.mode == MPOL_DEFAULT)
		return (struct placement){ .first = arch_node(), .nodes = ~0ULL };
	return place(&t->policy, t->interleaved++);
}

paddr_t policy_alloc(const struct placement *from, u32 order)
{
	paddr_t p = frame_alloc_from(order, from->first, from->nodes);

	/* where all nodes have been asked, nobody is left */
	return p || from->strict || from->nodes == ~0ULL ? p : frame_alloc(order, from->first);
}

/* ---- Masks and modes from and to the program ---- */

long nodes_from_user(u64 *nodes, uaddr_t mask, u64 max_node)
{
	u64 bits = max_node - 1, word;		/* 0 wraps, and is too many */

	*nodes = 0;
	if (!bits || !mask)
		return 0;
	if (bits > NODE_WORDS_MAX * 64)
		return -EINVAL;
	for (u64 i = 0; i < bits; i += 64) {
		if (copy_from_user(&word, mask + i / 8, sizeof(word)))
			return -EFAULT;
		if (bits - i < 64)
			word &= (1ULL << (bits - i)) - 1;
		if (i && word)
			return -EINVAL;		/* more nodes than there can be */
		*nodes |= i ? 0 : word;
	}
	return 0;
}

static long nodes_to_user(u64 nodes, uaddr_t mask, u64 max_node)
{
	u64 bytes = ALIGN_UP(max_node - 1, 64) / 8;

	if (bytes > PAGE_SIZE)
		return -EINVAL;
	if (bytes && copy_to_user(mask, &nodes, min(bytes, (u64)sizeof(nodes))))
		return -EFAULT;
	return bytes > sizeof(nodes) ? clear_user(mask + sizeof(nodes), bytes - sizeof(nodes)) : 0;
}

/* Linux checks these before it looks at the mask. */
static long mode_check(u32 mode_and_flags)
{
	u32 flags = mode_and_flags & MPOL_MODE_FLAGS, mode = mode_and_flags & ~MPOL_MODE_FLAGS;

	if (mode >= MPOL_MAX || (flags & MPOL_USER_NODES) == MPOL_USER_NODES)
		return -EINVAL;
	return (flags & MPOL_F_NUMA_BALANCING) && mode != MPOL_BIND ? -EINVAL : 0;
}

/* Checks as Linux and fills @p. */
static long policy_make(struct policy *p, u32 mode_and_flags, u64 nodes)
{
	u32 flags = mode_and_flags & MPOL_MODE_FLAGS, mode = mode_and_flags & ~MPOL_MODE_FLAGS;

	*p = (struct policy){ .mode = mode, .flags = flags, .nodes = nodes & frame_nodes(), .asked = nodes };
	if (mode == MPOL_PREFERRED && !nodes)
		mode = MPOL_LOCAL;
	if (mode == MPOL_DEFAULT || mode == MPOL_LOCAL) {
		bool wrong = nodes || (mode == MPOL_LOCAL && (flags & MPOL_USER_NODES));

		*p = (struct policy){ .mode = mode };
		return wrong ? -EINVAL : 0;
	}
	if (flags & MPOL_F_RELATIVE_NODES) {
		p->nodes = 0;
		for (u32 i = 0; i < 64; i++)
			if (nodes >> i & 1)
				p->nodes |= 1ULL << nodes_nth(frame_nodes(), i);
	}
	if (mode == MPOL_PREFERRED && p->nodes)
		p->nodes &= -p->nodes;
	return p->nodes ? 0 : -EINVAL;
}

static u64 shown_nodes(const struct policy *p)
{
	return p->flags & MPOL_USER_NODES ? p->asked : p->nodes;
}

/* ---- Calls ---- */

long sys_set_mempolicy(struct frame *f, int mode, uaddr_t mask, u64 max_node)
{
	struct thread *t = current_thread();
	struct policy p;
	u64 nodes;
	long ret = mode_check(mode);

	if (!ret)
		ret = nodes_from_user(&nodes, mask, max_node);
	if (!ret)
		ret = policy_make(&p, mode, nodes);
	if (ret)
		return ret;
	t->policy = p;
	t->interleaved = 0;
	return 0;
}

/* The node of the page at @addr, which is made present. */
static long node_at(struct aspace *as, uaddr_t addr)
{
	long node;
	int code;

	if (aspace_fault(as, addr, 0, &code))
		return -EFAULT;
	node = page_node(as, addr);
	return node < 0 ? -EFAULT : node;
}

/* What get_mempolicy() tells: a mode or a node, and nodes. */
static long policy_ask(struct aspace *as, uaddr_t addr, u32 flags, u64 *nodes)
{
	struct thread *t = current_thread();
	struct policy p = t->policy;
	struct region r;

	if (flags & MPOL_F_MEMS_ALLOWED) {
		*nodes = frame_nodes();
		return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
	}
	if (flags & MPOL_F_ADDR) {
		if (!region_copy_next(as, addr, addr + 1, &r))
			return -EFAULT;
		p = r.policy;
	} else if (addr) {
		return -EINVAL;
	}
	*nodes = shown_nodes(&p);
	if ((flags & MPOL_F_NODE) && (flags & MPOL_F_ADDR))
		return node_at(as, addr);
	if (flags & MPOL_F_NODE)
		return p.mode == MPOL_INTERLEAVE ? (long)nodes_nth(p.nodes, t->interleaved) : -EINVAL;
	return p.mode | p.flags;
}

long sys_get_mempolicy(struct frame *f, uaddr_t mode, uaddr_t mask, u64 max_node, uaddr_t addr, u64 flags)
{
	u64 nodes = 0;
	s32 value;
	long ret;

	if ((flags & ~(u64)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) || (mask && frame_nodes() >> min(max_node, (u64)63)))
		return -EINVAL;
	ret = policy_ask(aspace_current(), addr, flags, &nodes);
	if (ret < 0)
		return ret;
	value = ret;
	if (mode && copy_to_user(mode, &value, sizeof(value)))
		return -EFAULT;
	return mask ? nodes_to_user(nodes, mask, max_node) : 0;
}

/* Is the page behind @entry where the policy does not want it? What Linux backs it places itself. */
static bool is_misplaced(const u64 *entry, u64 nodes)
{
	u64 e = pte_load(entry);

	return !(e & AZ_PTE_FOREIGN) && !(nodes >> frame_node(pte_frame(e)) & 1);
}

static bool any_misplaced(struct aspace *as, uaddr_t start, uaddr_t end, u64 nodes)
{
	u64 span, *entry;

	for (; (entry = pt_first(as->pgd, &start, end, &span)); start += span)
		if (is_misplaced(entry, nodes))
			return true;
	return false;
}

/* Moves what is misplaced, as far as it can be. Drops the lock meanwhile. */
static void gather(struct aspace *as, uaddr_t start, uaddr_t end, const struct policy *p, u64 nodes) REQUIRES(as->lock)
{
	u64 span, *entry;

	for (; (entry = pt_first(as->pgd, &start, end, &span)); start += span) {
		u32 first = place(p, start / span).first;

		if (is_misplaced(entry, nodes))
			entry_move(as, start, entry, nodes >> first & 1 ? first : nodes_nth(nodes, 0));
	}
}

static long range_set_policy(struct aspace *as, uaddr_t start, uaddr_t end, const struct policy *p)
{
	long ret = aspace_split_ends(as, start, end);
	struct region *r;

	if (ret)
		return ret;
	for_each_region(as, r, start, end)
		r->policy = *p;
	range_merge(as, start, end);
	return 0;
}

/* Linux says that a page is misplaced before it changes anything, or, if it was to move pages, of those that stay. */
static long range_bind(struct aspace *as, uaddr_t start, uaddr_t end, const struct policy *p, u32 flags)
{
	u64 nodes = p->nodes ? p->nodes : frame_nodes();
	bool moves = flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL);
	long ret;

	if (range_whole(as, start, end))
		return -EFAULT;
	if ((flags & MPOL_MF_STRICT) && !moves && any_misplaced(as, start, end, nodes))
		return -EIO;
	ret = range_set_policy(as, start, end, p);
	if (ret || !moves)
		return ret;
	gather(as, start, end, p, nodes);
	return (flags & MPOL_MF_STRICT) && any_misplaced(as, start, end, nodes) ? -EIO : 0;
}

/* [addr, addr + len) in whole pages; 1: it is empty. */
static long policy_bounds(uaddr_t addr, u64 len, uaddr_t *end)
{
	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	*end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (*end < addr)
		return -EINVAL;
	if (*end == addr)
		return 1;
	return *end > AZ_USER_END ? -EFAULT : 0;
}

long sys_mbind(struct frame *f, uaddr_t addr, u64 len, int mode, uaddr_t mask, u64 max_node, unsigned int flags)
{
	struct aspace *as = aspace_current();
	struct policy p;
	uaddr_t end;
	u64 nodes;
	long ret = mode_check(mode);

	if (!ret)
		ret = nodes_from_user(&nodes, mask, max_node);
	if (ret)
		return ret;
	if (flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && FORWARD(AZ_CALL_CAPABLE, CAP_SYS_NICE) != 1)
		return -EPERM;
	if ((mode & ~MPOL_MODE_FLAGS) == MPOL_DEFAULT)
		flags &= ~MPOL_MF_STRICT;
	ret = policy_bounds(addr, len, &end);
	if (ret)
		return ret < 0 ? ret : 0;
	ret = policy_make(&p, mode, nodes);
	if (ret)
		return ret;
	aspace_begin(as);
	ret = range_bind(as, addr, end, &p, flags);
	aspace_end(as);
	return ret;
}

static long range_set_home(struct aspace *as, uaddr_t start, uaddr_t end, u32 node)
{
	long ret = aspace_split_ends(as, start, end);
	struct region *r;

	if (ret)
		return ret;
	ret = -ENOENT;
	for_each_region(as, r, start, end) {
		ret = r->policy.mode == MPOL_BIND || r->policy.mode == MPOL_PREFERRED_MANY ? 0 : -EOPNOTSUPP;
		if (ret)
			break;
		r->policy.home = node + 1;
	}
	range_merge(as, start, end);
	return ret;
}

long sys_set_mempolicy_home_node(struct frame *f, uaddr_t addr, u64 len, u64 node, u64 flags)
{
	struct aspace *as = aspace_current();
	uaddr_t end;
	long ret = policy_bounds(addr, len, &end);

	if (ret < 0 || flags || node >= AZ_NODES_MAX || !(frame_nodes() >> node & 1))
		return -EINVAL;
	if (ret)
		return 0;
	aspace_begin(as);
	ret = range_set_home(as, addr, end, node);
	aspace_end(as);
	return ret;
}
