/* SPDX-License-Identifier: GPL-2.0 */
/* Where a thread may run: affinity masks use Linux's CPU numbers and never leave the CPUs of the lease. */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "string.h"
#include "syscall_proto.h"

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

void affinity_inherit(struct thread *t, struct thread *parent)
{
	spin_lock(&parent->proc->lock);
	memcpy(t->affinity, parent->affinity, sizeof(t->affinity));
	spin_unlock(&parent->proc->lock);
}

static struct thread *affinity_target(struct thread *self, int pid) REQUIRES(self->proc->lock)
{
	return pid ? thread_find(self->proc, pid) : self;
}

long sys_sched_getaffinity(struct frame *f, int pid, unsigned int size, uaddr_t mask)
{
	struct thread *self = current_thread(), *t;
	u64 bits[CPU_WORDS] = { 0 };
	u32 bytes = mask_bytes();

	if (size < bytes || size & 7)
		return -EINVAL;
	spin_lock(&self->proc->lock);
	t = affinity_target(self, pid);
	for (u32 i = 0; t && i < boot_cpu_count; i++)
		if (cpus_has(t->affinity, i))
			bits[linux_cpu(i) / 64] |= 1ULL << (linux_cpu(i) % 64);
	spin_unlock(&self->proc->lock);
	if (!t)
		return forward_call(f->orig_ax, f);
	return copy_to_user(mask, bits, bytes) ? -EFAULT : (long)bytes;
}

long sys_sched_setaffinity(struct frame *f, int pid, unsigned int size, uaddr_t mask)
{
	struct thread *self = current_thread(), *t;
	u64 bits[CPU_WORDS] = { 0 }, new[CPU_WORDS] = { 0 };
	bool any = false;

	if (copy_from_user(bits, mask, min(size, (u32)sizeof(bits))))
		return -EFAULT;
	for (u32 i = 0; i < boot_cpu_count; i++)
		if (cpus_has(self->proc->shared->cpus, i) && cpus_has(bits, linux_cpu(i))) {
			new[i / 64] |= 1ULL << (i % 64);
			any = true;
		}
	spin_lock(&self->proc->lock);
	t = affinity_target(self, pid);
	if (t && any) {
		memcpy(t->affinity, new, sizeof(new));
		thread_interrupt(t, WORK_MIGRATE);
	}
	spin_unlock(&self->proc->lock);
	if (!t)
		return forward_call(f->orig_ax, f);
	if (any)
		runq_look_again();
	return any ? 0 : -EINVAL;
}

void thread_move_if_needed(struct thread *t)
{
	u32 to;

	spin_lock(&t->proc->lock);
	to = cpus_has(t->affinity, t->cpu) ? t->cpu : thread_choose_cpu(t);
	if (to != t->cpu) {
		runq_add_placed(t->cpu, -1);
		runq_add_placed(to, 1);
	}
	spin_unlock(&t->proc->lock);
	if (to != t->cpu)
		thread_migrate(to);
}
