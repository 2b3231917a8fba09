/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New threads: clone(2) and clone3(2) for what pthread_create() asks. A thread needs a twin; spare ones are made ahead. Also where a
 * thread may run: affinity masks use Linux's CPU numbers and never leave the process's own CPUs.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "signal.h"
#include "string.h"
#include "syscall_proto.h"

#define CLONE_VM		0x00000100
#define CLONE_FS		0x00000200
#define CLONE_FILES		0x00000400
#define CLONE_SIGHAND		0x00000800
#define CLONE_THREAD		0x00010000
#define CLONE_SYSVSEM		0x00040000
#define CLONE_SETTLS		0x00080000
#define CLONE_PARENT_SETTID	0x00100000
#define CLONE_CHILD_CLEARTID	0x00200000
#define CLONE_DETACHED		0x00400000
#define CLONE_CHILD_SETTID	0x01000000
#define THREAD_FLAGS		(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define KNOWN_FLAGS		(THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | \
				 CLONE_DETACHED | CLONE_CHILD_SETTID)

struct clone_args {			/* clone3(2) */
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static void thread_main(void *arg)
{
	struct thread *t = arg;
	u32 tid = t->tid;

	signal_set_mask(t, t->saved_sigmask);
	if (t->set_child_tid)		/* CLONE_CHILD_SETTID, as Linux does it: in the child, errors ignored */
		copy_to_user(t->set_child_tid, &tid, sizeof(tid));
	t->set_child_tid = 0;
	if (t->work)
		leave_kernel((struct frame *)t->kstack - 1);
	x86_enter_user((struct frame *)t->kstack - 1);
}

static void inherit(struct thread *t, const struct thread *parent, const struct frame *f, const struct clone_args *a)
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
	spin_lock(&parent->proc->lock);
	memcpy(t->affinity, parent->affinity, sizeof(t->affinity));
	spin_unlock(&parent->proc->lock);
	if (a->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = a->child_tid;
	if (a->flags & CLONE_CHILD_SETTID)
		t->set_child_tid = a->child_tid;
}

static long clone_thread(struct frame *f, const struct clone_args *a)
{
	struct thread *parent = current_thread(), *t;
	u32 tid;
	long slot;

	if ((a->flags & THREAD_FLAGS) != THREAD_FLAGS)
		return -ENOSYS;		/* a new process: not yet */
	if (a->flags & ~(u64)KNOWN_FLAGS || a->set_tid_size)
		return -EINVAL;
	if (a->flags & CLONE_SETTLS && a->tls >= AZ_USER_END)
		return -EPERM;
	slot = proc_take_spare(parent->proc);
	if (slot < 0)
		return slot;
	t = thread_create(parent->proc, slot, thread_main, NULL);
	if (!t) {
		slot_exit((struct az_slot *)phys_to_virt(handover->slots) + slot, slot, 0);
		return -EAGAIN;
	}
	t->entry_arg = t;
	inherit(t, parent, f, a);
	tid = t->tid;
	if (a->flags & CLONE_PARENT_SETTID)
		copy_to_user(a->parent_tid, &tid, sizeof(tid));
	thread_place(t);
	return tid;
}

long do_clone(struct frame *f, u64 flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid, u64 tls)
{
	struct clone_args a = { .flags = flags & ~0xffULL, .stack = stack, .parent_tid = parent_tid, .child_tid = child_tid, .tls = tls };

	return clone_thread(f, &a);
}

long do_clone3(struct frame *f, uaddr_t args, u64 size)
{
	struct clone_args a = { 0 };

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
	if (!!a.stack != !!a.stack_size || a.flags & 0xff)
		return -EINVAL;
	return clone_thread(f, &a);
}

long sys_set_tid_address(uaddr_t clear_tid)
{
	current_thread()->clear_child_tid = clear_tid;
	return current_thread()->tid;
}

/* ---- affinity ---- */

static bool mask_test(const u64 *mask, u32 bit)
{
	return mask[bit / 64] >> (bit % 64) & 1;
}

static u32 linux_cpu(u32 index)
{
	return boot_cpus[index]->shared->linux_cpu;
}

/* Bytes of a mask that covers all CPUs of the machine that programs can see, as Linux's nr_cpu_ids does. */
static u32 mask_bytes(void)
{
	u32 highest = 0;

	for (u32 i = 0; i < boot_cpu_count; i++)
		highest = max(highest, linux_cpu(i));
	return (highest / 64 + 1) * 8;
}

static struct thread *find_thread(struct proc *proc, u32 tid) REQUIRES(proc->lock)
{
	struct list *at;

	list_for_each(at, &proc->threads)
		if (list_entry(at, struct thread, sibling)->tid == tid)
			return list_entry(at, struct thread, sibling);
	return NULL;
}

static struct thread *affinity_target(struct thread *self, int pid) REQUIRES(self->proc->lock)
{
	return pid ? find_thread(self->proc, pid) : self;
}

long sys_sched_getaffinity(int pid, unsigned int size, uaddr_t mask)
{
	struct thread *self = current_thread(), *t;
	u64 bits[CPU_WORDS] = { 0 };
	u32 bytes = mask_bytes();

	if (size < bytes || size & 7)
		return -EINVAL;
	spin_lock(&self->proc->lock);
	t = affinity_target(self, pid);
	for (u32 i = 0; t && i < boot_cpu_count; i++)
		if (mask_test(t->affinity, i))
			bits[linux_cpu(i) / 64] |= 1ULL << (linux_cpu(i) % 64);
	spin_unlock(&self->proc->lock);
	if (!t)
		return -ESRCH;
	return copy_to_user(mask, bits, bytes) ? -EFAULT : (long)bytes;
}

long sys_sched_setaffinity(int pid, unsigned int size, uaddr_t mask)
{
	struct thread *self = current_thread(), *t;
	u64 bits[CPU_WORDS] = { 0 }, new[CPU_WORDS] = { 0 };
	bool any = false;
	long ret = 0;

	if (copy_from_user(bits, mask, min(size, (u32)sizeof(bits))))
		return -EFAULT;
	for (u32 i = 0; i < boot_cpu_count; i++)
		if (mask_test(self->proc->shared->cpus, i) && mask_test(bits, linux_cpu(i))) {
			new[i / 64] |= 1ULL << (i % 64);
			any = true;
		}
	spin_lock(&self->proc->lock);
	t = affinity_target(self, pid);
	if (!t)
		ret = -ESRCH;
	else if (!any)
		ret = -EINVAL;
	else
		memcpy(t->affinity, new, sizeof(new));
	if (!ret)
		thread_interrupt(t, WORK_MIGRATE);
	spin_unlock(&self->proc->lock);
	return ret;
}

void thread_move_if_needed(struct thread *t)
{
	u32 to;

	spin_lock(&t->proc->lock);
	to = mask_test(t->affinity, t->cpu) ? t->cpu : thread_choose_cpu(t);
	if (to != t->cpu) {
		boot_cpus[t->cpu]->runq.placed--;
		boot_cpus[to]->runq.placed++;
	}
	spin_unlock(&t->proc->lock);
	if (to != t->cpu)
		thread_migrate(to);
}
