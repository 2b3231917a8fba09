/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clone(2) and clone3(2). Threads are made here: each needs a twin, and spare ones are made ahead. New processes are made by fork.c; what
 * both have in common, the registers and the state of the calling thread, is thread_inherit().
 */
#include "arch/x86/x86.h"
#include "clone.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"
#include "syscall_proto.h"

#define THREAD_FLAGS		(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define SHARED_OR_COPIED	(CLONE_FS | CLONE_FILES)
/* For a thread these say nothing that a program could see: nobody traces it, it has the parent of all, CLONE_IO is for Linux's disks. */
#define WITHOUT_EFFECT		(CLONE_PTRACE | CLONE_UNTRACED | CLONE_PARENT | CLONE_IO)
#define KNOWN_FLAGS		(THREAD_FLAGS | SHARED_OR_COPIED | WITHOUT_EFFECT | CLONE_SYSVSEM | CLONE_SETTLS | \
				 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_CHILD_SETTID)

void thread_main(void *arg)
{
	struct thread *t = current_thread();
	u32 tid = t->tid;

	if (t->proc->claimed)
		signal_forked(t->proc);
	signal_set_mask(t, t->saved_sigmask);
	if (t->set_child_tid)		/* CLONE_CHILD_SETTID, as Linux does it: in the child, errors ignored */
		copy_to_user(t->set_child_tid, &tid, sizeof(tid));
	if (t->set_parent_tid)
		copy_to_user(t->set_parent_tid, &tid, sizeof(tid));
	t->set_child_tid = t->set_parent_tid = 0;
	if (t->work)
		leave_kernel((struct frame *)t->kstack - 1);
	x86_enter_user((struct frame *)t->kstack - 1);
}

void thread_inherit(struct thread *t, struct thread *parent, const struct frame *f, const struct clone_args *a)
{
	struct frame *child = (struct frame *)t->kstack - 1;

	*child = *f;
	child->ax = 0;
	child->orig_ax = -1;
	if (a->stack)
		child->sp = a->stack + a->stack_size;
	x86_fpu_save(parent->fpu);
	memcpy(t->fpu, parent->fpu, x86_features.xsave_size);
	t->fs_base = a->flags & CLONE_SETTLS ? a->tls : rdmsr(MSR_FS_BASE);
	t->gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	t->sigmask = ~SIG_UNBLOCKABLE;		/* as its twin; thread_main() tells it what to let through */
	t->saved_sigmask = parent->sigmask;
	t->policy = parent->policy;
	t->modes = parent->modes & MODE_NO_TSC;
	t->read_implies_exec = parent->read_implies_exec;
	t->stamp = parent->proc == t->proc ? parent->stamp : 0;
	if (a->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = a->child_tid;
	if (a->flags & CLONE_CHILD_SETTID)
		t->set_child_tid = a->child_tid;
	if (clone_tells_parent(a))
		t->set_parent_tid = a->parent_tid;
}

static long clone_thread(struct frame *f, const struct clone_args *a)
{
	struct thread *parent = current_thread(), *t;
	u32 apart = SHARED_OR_COPIED & ~(u32)a->flags, stamp, tid;
	long slot;

	if ((a->flags & THREAD_FLAGS) != THREAD_FLAGS || a->flags & ~(u64)KNOWN_FLAGS || a->set_tid_size)
		return -EINVAL;
	slot = apart ? spare_make_apart(parent, apart, &stamp) : spare_take(parent);
	if (slot < 0)
		return slot;
	t = thread_create(parent->proc, thread_main, NULL);
	if (!t) {
		slot_exit((struct az_slot *)phys_to_virt(handover->slots) + slot, slot, 0);
		return -EAGAIN;
	}
	affinity_inherit(t, parent);
	thread_inherit(t, parent, f, a);
	if (apart)
		t->stamp = stamp;
	thread_bind(t, slot);
	tid = t->tid;
	if (a->flags & CLONE_PARENT_SETTID)
		copy_to_user(a->parent_tid, &tid, sizeof(tid));
	thread_place(t, parent);
	return tid;
}

static long clone_any(struct frame *f, const struct clone_args *a)
{
	if (a->flags & CLONE_PIDFD && a->flags & CLONE_PARENT_SETTID && a->pidfd == a->parent_tid)
		return -EINVAL;
	if (a->flags & CLONE_PIDFD && a->flags & CLONE_DETACHED)
		return -EINVAL;
	if (a->flags & CLONE_SETTLS && a->tls >= AZ_USER_END)
		return -EPERM;
	return a->flags & CLONE_THREAD ? clone_thread(f, a) : fork_process(f, a);
}

/* clone(2) takes a number that is no signal, and then nobody gets one; clone3(2), which makes the process on Linux, refuses it. */
static u64 exit_signal(u64 flags)
{
	u64 signal = flags & CLONE_EXIT_SIGNAL;

	return signal <= 64 ? signal : 0;
}

long do_clone(struct frame *f, u64 flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid, u64 tls)
{
	struct clone_args a = {
		.flags = (u32)flags & ~CLONE_EXIT_SIGNAL, .exit_signal = exit_signal(flags), .stack = stack,
		.parent_tid = parent_tid, .pidfd = parent_tid, .child_tid = child_tid, .tls = tls,
	};

	return clone_any(f, &a);
}

long do_fork(struct frame *f)
{
	return do_clone(f, SIGCHLD, 0, 0, 0, 0);
}

long do_vfork(struct frame *f)
{
	return do_clone(f, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}

/* What Linux too looks at before anything else. */
static long check_clone3(const struct clone_args *a, u64 size)
{
	if (a->flags & CLONE_INTO_CGROUP && size < offsetof(struct clone_args, cgroup) + sizeof(a->cgroup))
		return -EINVAL;
	if (a->flags & (CLONE_DETACHED | (CLONE_EXIT_SIGNAL & ~CLONE_NEWTIME)) || a->exit_signal & ~(u64)CLONE_EXIT_SIGNAL)
		return -EINVAL;
	if (a->flags & (CLONE_THREAD | CLONE_PARENT) && a->exit_signal)
		return -EINVAL;
	if (!!a->stack != !!a->stack_size || a->stack > AZ_USER_END || a->stack_size > AZ_USER_END - a->stack)
		return -EINVAL;
	return 0;
}

long do_clone3(struct frame *f, uaddr_t args, u64 size)
{
	struct clone_args a = { 0 };
	long ret;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < 64)
		return -EINVAL;
	if (copy_from_user(&a, args, min(size, (u64)sizeof(a))))
		return -EFAULT;
	for (u64 i = sizeof(a); i < size; i++) {
		u8 byte;

		if (copy_from_user(&byte, args + i, 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	ret = check_clone3(&a, size);
	return ret ? ret : clone_any(f, &a);
}

long sys_set_tid_address(uaddr_t clear_tid)
{
	current_thread()->clear_child_tid = clear_tid;
	return current_thread()->tid;
}
