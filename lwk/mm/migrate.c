/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Moving what is there to another node: move_pages(2), migrate_pages(2), and for mbind(2). A page gets a frame on the wanted node, in the
 * order of unmap.c: its entry is hidden, flushed and zapped before the frame is copied. A frame that a device or another process still uses
 * stays where it is; so does what Linux backs. Of other processes Linux is asked, which sees what it has mapped of them.
 */
#include "aspace.h"
#include "offload.h"
#include "string.h"
#include "syscall_proto.h"
#include "thread.h"

#define MPOL_MF_MOVE		2u
#define MPOL_MF_MOVE_ALL	4u
#define CAP_SYS_NICE		23
#define NR_MIGRATE_PAGES	256
#define NR_MOVE_PAGES		279

static bool node_exists(s64 node)
{
	return node >= 0 && node < AZ_NODES_MAX && frame_nodes() >> node & 1;
}

/* Gives the page that @entry stands for the frame @to. On an error that is not -EBUSY the process ends. */
static long replace(struct aspace *as, const struct region *r, uaddr_t start, u64 *entry, paddr_t to) REQUIRES(as->lock)
{
	u64 span = pte_span(pte_load(entry));
	paddr_t from = pte_frame(pte_load(entry));
	bool mirrored = pte_mirrored(range_hide(as, start, start + span));
	long ret = mirrored ? range_zap(as, start, start + span) : 0;

	if (ret)
		return ret;
	entry_settle(entry, span);
	if (!frame_share(from, span_order(span))) {	/* pinned */
		range_allow(as, start, start + span, r->prot, false);
		return -EBUSY;
	}
	frame_free(from, span_order(span));
	memcpy(phys_to_virt(to), phys_to_virt(from), span);
	pte_set(entry, pte_make(to, r->prot, span));
	frame_free(from, span_order(span));
	return 0;
}

long entry_move(struct aspace *as, uaddr_t addr, u64 *entry, u32 node)
{
	u64 e = pte_load(entry), span = pte_span(e);
	const struct region *r = region_find(&as->regions, addr);
	paddr_t to;
	long ret;

	if (e & AZ_PTE_FOREIGN)
		return -EBUSY;
	if (frame_node(pte_frame(e)) == node)
		return 0;
	if ((e & AZ_PTE_COW) && frame_is_shared(pte_frame(e), span_order(span)))
		return -EACCES;
	to = frame_alloc_from(span_order(span), node, 1ULL << node);
	if (!to)
		return -ENOMEM;
	ret = replace(as, r, ALIGN_DOWN(addr, span), entry, to);
	if (ret)
		frame_free(to, span_order(span));
	return ret;
}

/* The entry of the page at @addr, NULL: *@why there is none. */
static u64 *entry_at(struct aspace *as, uaddr_t addr, long *why) REQUIRES(as->lock)
{
	u64 span, *entry = addr < AZ_USER_END ? pt_find(as->pgd, addr, &span) : NULL;

	*why = addr < AZ_USER_END && region_find(&as->regions, addr) ? -ENOENT : -EFAULT;
	return entry && pte_load(entry) ? entry : NULL;
}

long page_node(struct aspace *as, uaddr_t addr)
{
	bool foreign = false;
	u64 *entry;
	long ret;

	spin_lock(&as->lock);
	entry = entry_at(as, addr, &ret);
	if (entry)
		foreign = pte_load(entry) & AZ_PTE_FOREIGN;
	if (entry && !foreign)
		ret = frame_node(pte_frame(pte_load(entry)));
	spin_unlock(&as->lock);
	return foreign ? FORWARD(AZ_CALL_LINUX_NODE, addr) : ret;
}

/* @node, where the page at @addr is then; or -errno. */
static long page_move(struct aspace *as, uaddr_t addr, u32 node)
{
	u64 *entry;
	long ret;

	aspace_begin(as);
	entry = entry_at(as, addr, &ret);
	if (entry)
		ret = entry_move(as, addr, entry, node);
	aspace_end(as);
	return ret ? ret : (long)node;
}

/* @pid is the process, or a thread of it. */
static bool is_own(u32 pid)
{
	struct proc *proc = current_thread()->proc;
	bool own;

	spin_lock(&proc->lock);
	own = !pid || pid == proc->pid || thread_find(proc, pid);
	spin_unlock(&proc->lock);
	return own;
}

/* One element of the arrays. The error of a page is told to the program; what is returned ends the call. */
static long move_one(struct aspace *as, uaddr_t page, uaddr_t node_at, uaddr_t status_at)
{
	uaddr_t addr;
	s32 node = 0;
	s32 status;

	if (copy_from_user(&addr, page, sizeof(addr)) || (node_at && copy_from_user(&node, node_at, sizeof(node))))
		return -EFAULT;
	if (node_at && !node_exists(node))
		return -ENODEV;
	status = node_at ? page_move(as, addr, node) : page_node(as, addr);
	return copy_to_user(status_at, &status, sizeof(status));
}

long sys_move_pages(struct frame *f, int pid, u64 count, uaddr_t pages, uaddr_t nodes, uaddr_t status, int flags)
{
	struct thread *t = current_thread();
	long ret = 0;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && FORWARD(AZ_CALL_CAPABLE, CAP_SYS_NICE) != 1)
		return -EPERM;
	if (!is_own(pid))
		return forward_call(NR_MOVE_PAGES, f);
	for (u64 i = 0; i < count && !ret; i++) {
		arch_relax();		/* the arrays may be long, and others wait for us to flush */
		if (thread_work() & WORK_KILL)
			return -EINTR;
		ret = move_one(t->proc->aspace, pages + i * 8, nodes ? nodes + i * 4 : 0, status + i * 4);
	}
	return ret;
}

/* ---- All pages of some nodes ---- */

struct moves {
	u64 from, to;			/* nodes, not empty */
};

static u32 count(u64 nodes)
{
	u32 n = 0;

	for (; nodes; nodes &= nodes - 1)
		n++;
	return n;
}

/* As Linux pairs nodes: the first of one set with the first of the other, and so on. What is on a wanted node stays if they do not pair. */
static u32 new_node(const struct moves *m, u32 node)
{
	if (!(m->from >> node & 1) || (count(m->from) != count(m->to) && m->to >> node & 1))
		return node;
	return nodes_nth(m->to, count(m->from & ((1ULL << node) - 1)));
}

/* Pages of 4 KB that could not be moved. */
static long move_all(struct aspace *as, const struct moves *m)
{
	uaddr_t addr = AZ_USER_START;
	u64 span, *entry, left = 0;

	aspace_begin(as);
	for (; (entry = pt_first(as->pgd, &addr, AZ_USER_END, &span)); addr += span) {
		u64 e = pte_load(entry);

		arch_relax();
		if (!(e & AZ_PTE_FOREIGN) && entry_move(as, addr, entry, new_node(m, frame_node(pte_frame(e)))))
			left += span / PAGE_SIZE;
	}
	aspace_end(as);
	return left;
}

long sys_migrate_pages(struct frame *f, int pid, u64 max_node, uaddr_t old_nodes, uaddr_t new_nodes)
{
	struct moves m;
	long ret = nodes_from_user(&m.from, old_nodes, max_node);

	if (!ret)
		ret = nodes_from_user(&m.to, new_nodes, max_node);
	if (ret)
		return ret;
	if (!is_own(pid))
		return forward_call(NR_MIGRATE_PAGES, f);
	if (m.to & ~frame_nodes() && FORWARD(AZ_CALL_CAPABLE, CAP_SYS_NICE) != 1)
		return -EPERM;
	m.to &= frame_nodes();
	if (!m.to)
		return -EINVAL;
	return move_all(current_thread()->proc->aspace, &m);
}
