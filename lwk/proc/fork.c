/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New processes, and new programs in old ones. The LWK prepares a nascent process, complete with its first thread but known to nobody,
 * and has the proxy fork or execute itself. What comes out of that is a job of its own, which starts the process by its id:
 *
 *	LWK, calling thread	proxy, driver				LWK, event
 *	nascent_add(): id
 *	AZ_CALL_FORK(id) ---->	CHILD: a job that knows id
 *				clone; the child: START -------------->	proc_start(): nascent_take(id), place its thread
 *				or the job ends unstarted ------------>	AZ_EV_UNBORN: nascent_drop(id)
 *
 * Whoever takes an id out of the table owns the process. Ids are not used again soon, so a late event finds nothing. If the calling
 * thread is killed meanwhile (an exec that succeeds does that), it cannot know how far Linux has come; then the driver's note in
 * az_proc.nascent decides when the calling process is freed, after which nobody can claim the id any more.
 */
#include "clone.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"
#include "syscall_proto.h"

#define AT_FDCWD		(-100)
#define AT_SYMLINK_NOFOLLOW	0x100
#define AT_EMPTY_PATH		0x1000
#define EXIT_SIGNAL_SHIFT	56
#define SET_TIDS_MAX		32	/* Linux's levels of pid namespaces */
#define PROXY_DOES_NOT		(CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED)
#define NOT_SUPPORTED		(CLONE_FILES | CLONE_SIGHAND | CLONE_NEWTIME)

static struct spinlock nascent_lock;		/* rank: process */
static struct proc *nascents[AZ_PROCS];		/* nascent_lock; [id % AZ_PROCS] */
static u32 nascent_count;			/* nascent_lock */
static struct proc *parents[AZ_PROCS];		/* nascent_lock; who has prepared it; compared only */
static u32 ids[AZ_PROCS];			/* nascent_lock; the last id given to that place */

/* An id, or 0 if there are too many already. */
static u32 nascent_add(struct proc *proc)
{
	u32 id = 0;

	spin_lock(&nascent_lock);
	for (u32 i = 0; i < AZ_PROCS && !id; i++) {
		if (nascents[i])
			continue;
		id = ids[i] = max(ids[i] + AZ_PROCS, i + AZ_PROCS);	/* also after an overflow */
		nascents[i] = proc;
		nascent_count++;
		parents[i] = current_thread()->proc;
	}
	spin_unlock(&nascent_lock);
	return id;
}

struct proc *nascent_take(u32 id)
{
	struct proc *proc = NULL;
	u32 i = id % AZ_PROCS;

	spin_lock(&nascent_lock);
	if (id && ids[i] == id) {
		proc = nascents[i];
		nascents[i] = NULL;
		nascent_count -= proc != NULL;
	}
	spin_unlock(&nascent_lock);
	return proc;
}

/* Gives a process back that nobody has seen; all of it may be missing. */
static void nascent_free(struct proc *proc)
{
	if (!proc)
		return;
	if (proc->first)
		thread_recycle(proc->first);
	if (proc->aspace)
		aspace_put(proc->aspace);
	if (proc->budget)
		budget_put(proc->budget);
	kfree(proc);
}

void nascent_drop(u32 id)
{
	nascent_free(nascent_take(id));
}

/* The forwarded call is over and the process was not started. */
static void nascent_failed(u32 id)
{
	if (!(thread_work() & WORK_KILL))
		nascent_drop(id);
}

static bool is_claimed(u32 id)
{
	const struct az_proc *shared = phys_to_virt(handover->procs);

	for (u32 i = 0; i < AZ_PROCS; i++)
		if (shared[i].nascent == id)
			return true;
	return false;
}

/* The id of one that @parent has prepared and nobody has claimed, 0 if there is none. */
static u32 find_orphan(const struct proc *parent)
{
	u32 id = 0;

	spin_lock(&nascent_lock);
	for (u32 i = 0; nascent_count && i < AZ_PROCS && !id; i++)
		if (nascents[i] && parents[i] == parent && !is_claimed(ids[i]))
			id = ids[i];
	spin_unlock(&nascent_lock);
	return id;
}

void nascent_drop_orphans(const struct proc *parent)
{
	u32 id;

	while ((id = find_orphan(parent)))
		nascent_drop(id);
}

/* ---- fork ---- */

static void inherit_process(struct proc *child, struct proc *parent, u64 flags)
{
	child->uid = current_thread()->stamp ? UID_UNKNOWN : parent->uid;
	child->vdso_base = parent->vdso_base;
	child->forked = true;
	child->membarrier = parent->membarrier;
	spin_lock(&parent->lock);
	memcpy(child->action, parent->action, sizeof(child->action));
	spin_unlock(&parent->lock);
	for (u32 i = 0; i < ARRAY_SIZE(parent->claims); i++)
		child->claimed |= parent->claims[i] ? SIGBIT(i + 1) : 0;
	for (u32 i = 0; flags & CLONE_CLEAR_SIGHAND && i < ARRAY_SIZE(child->action); i++)
		if (child->action[i].handler > 1)	/* ignored signals stay so */
			memset(&child->action[i], 0, sizeof(child->action[i]));
}

/* Everything of the calling thread that survives fork(2). */
static void inherit_thread(struct thread *t, struct thread *parent, struct frame *f, const struct clone_args *a)
{
	thread_inherit(t, parent, f, a);
	affinity_inherit(t, parent);
	seccomp_inherit(t, parent);
	if ((a->flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM)
		t->altstack = parent->altstack;
	if (!(a->flags & CLONE_VM)) {
		t->rseq = parent->rseq;
		t->rseq_signature = parent->rseq_signature;
	}
}

/* On success with CLONE_VM unset, aspace_fork_end() of the parent must follow. */
static long fork_prepare(struct frame *f, const struct clone_args *a, struct proc **made)
{
	struct thread *parent = current_thread();
	struct proc *child = proc_create();
	long ret = -ENOMEM;

	if (child)
		child->first = thread_create(child, thread_main, NULL);
	if (child && child->first) {
		inherit_process(child, parent->proc, a->flags);
		inherit_thread(child->first, parent, f, a);
		if (a->flags & CLONE_VM) {
			child->aspace = aspace_get(parent->proc->aspace);
			child->shares_memory = true;
			ret = 0;
		} else {
			ret = aspace_fork_begin(parent->proc->aspace, &child->aspace);
		}
	}
	if (ret)
		nascent_free(child);
	*made = child;
	return ret;
}

static long fork_it(struct frame *f, const struct clone_args *a)
{
	struct aspace *as = current_thread()->proc->aspace;
	u64 exit_signal = a->flags & CLONE_PARENT ? 0 : a->exit_signal;		/* a sibling tells its parent as the caller does */
	u64 flags = (a->flags & ~(u64)PROXY_DOES_NOT) | exit_signal << EXIT_SIGNAL_SHIFT;
	struct proc *child;
	u32 id, tid;
	long pid;

	pid = fork_prepare(f, a, &child);
	if (pid)
		return pid == -ENOMEM ? -ENOMEM : -EAGAIN;
	id = nascent_add(child);
	if (id)
		pid = FORWARD(AZ_CALL_FORK, flags, a->pidfd, a->set_tid, a->set_tid_size, a->cgroup, id);
	else
		nascent_free(child);
	if (!(a->flags & CLONE_VM))
		aspace_fork_end(as);
	if (!id)
		return -EAGAIN;
	tid = pid;
	if (pid < 0)
		nascent_failed(id);
	else if (a->flags & CLONE_PARENT_SETTID)
		copy_to_user(a->parent_tid, &tid, sizeof(tid));
	return pid;
}

/* What Linux reads and writes for clone3(2) must not be the proxy's own. More numbers than it takes are its to refuse. */
static bool is_beyond_program(const struct clone_args *a)
{
	if (a->flags & CLONE_PIDFD && a->pidfd > AZ_USER_END - sizeof(u32))
		return true;
	return a->set_tid_size && a->set_tid_size <= SET_TIDS_MAX && a->set_tid > AZ_USER_END - a->set_tid_size * sizeof(u32);
}

/*
 * The LWK copies the actions of signals first, Linux much later; no other thread changes them in between. But for vfork(2), where the call
 * lasts until the child executes a program or ends: others may want to change actions until then, and a new program begins with what
 * Linux says is ignored.
 */
long fork_process(struct frame *f, const struct clone_args *a)
{
	struct proc *proc = current_thread()->proc;
	long ret;

	if (a->flags & NOT_SUPPORTED)
		return -EINVAL;
	if (is_beyond_program(a))
		return -EFAULT;
	if (a->flags & CLONE_VFORK)
		return fork_it(f, a);
	signal_tell_begin(proc);
	ret = fork_it(f, a);
	signal_tell_end(proc);
	return ret;
}

/* ---- exec ---- */

/* The new program starts where this thread may run, with this family's memory and from the same nodes; the rest Linux carries over. */
static struct proc *exec_prepare(struct thread *t)
{
	struct proc *next = proc_create();

	if (!next)
		return NULL;
	next->budget = budget_get(aspace_budget(t->proc->aspace));
	next->first = thread_create(next, exec_main, NULL);
	if (!next->first) {
		nascent_free(next);
		return NULL;
	}
	affinity_inherit(next->first, t);
	seccomp_inherit(next->first, t);
	next->first->modes |= t->modes & MODE_NO_TSC;
	next->first->policy = t->policy;
	return next;
}

/* Makes a NULL-terminated array of strings present, so that Linux finds all of it. Wrong pointers are for Linux to refuse. */
static void populate_strings(struct aspace *as, uaddr_t array)
{
	uaddr_t string;

	for (; array && !copy_from_user(&string, array, sizeof(string)) && string; array += sizeof(string)) {
		if (aspace_populate(as, array, sizeof(string), false))
			return;
		populate_string(as, string);
	}
	if (array)
		aspace_populate(as, array, sizeof(string), false);
}

long sys_execveat(struct frame *f, int dir, uaddr_t path, uaddr_t argv, uaddr_t envp, int flags)
{
	struct thread *t = current_thread();
	struct proc *next;
	long ret;
	u32 id;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))	/* newer Linux has one that must not execute anything */
		return -EINVAL;
	next = exec_prepare(t);
	id = next ? nascent_add(next) : 0;
	if (!id) {
		nascent_free(next);
		return -ENOMEM;
	}
	populate_string(t->proc->aspace, path);
	populate_strings(t->proc->aspace, argv);
	populate_strings(t->proc->aspace, envp);
	signal_exec(t->proc, true);
	ret = FORWARD(AZ_CALL_EXEC, (u64)(s64)dir, path, argv, envp, (u32)flags | (t->seccomp ? AZ_EXEC_ON_LWK : 0), id);
	signal_exec(t->proc, false);
	nascent_failed(id);
	return ret;
}

long sys_execve(struct frame *f, uaddr_t path, uaddr_t argv, uaddr_t envp)
{
	return sys_execveat(f, AT_FDCWD, path, argv, envp, 0);
}
