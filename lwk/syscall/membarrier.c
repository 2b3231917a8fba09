/* SPDX-License-Identifier: GPL-2.0 */
/*
 * membarrier(2): the caller has every other CPU that runs threads of its process pass through the kernel, which is a full barrier there
 * and, because a control register is written on the way (arch/x86/tlb.c), makes the CPU forget instructions it has fetched ahead.
 *
 * The global commands concern other processes as well, and Linux does its own. GLOBAL_EXPEDITED interrupts only those that have
 * registered: nobody disturbs a job that has not agreed to it. GLOBAL is for all, and as slow as Linux makes it.
 */
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "syscall_proto.h"

#define QUERY			0
#define GLOBAL			(1 << 0)
#define GLOBAL_EXPEDITED	(1 << 1)
#define REGISTER_GLOBAL		(1 << 2)
#define PRIVATE			(1 << 3)
#define REGISTER_PRIVATE	(1 << 4)
#define PRIVATE_CORE		(1 << 5)
#define REGISTER_CORE		(1 << 6)
#define PRIVATE_RSEQ		(1 << 7)
#define REGISTER_RSEQ		(1 << 8)
#define ALL_COMMANDS		0x1ff

#define FLAG_CPU		1

#define NR_MEMBARRIER		324

/* By index: the pid of the process that has registered for the global commands, which no later process at this index has. */
static u32 registered[AZ_PROCS];	/* a */

static bool has_registered(u32 index)
{
	const struct az_proc *procs = phys_to_virt(handover->procs);
	u32 pid;

	if (index >= AZ_PROCS)
		return false;
	pid = __atomic_load_n(&registered[index], __ATOMIC_RELAXED);
	return pid && pid == procs[index].pid;
}

static void barrier_on_cpus(const struct proc *proc, u32 command)
{
	u64 cpus[CPU_WORDS] = { 0 };

	/* barrier_on_cpus:A, pairs with load_user:A and aspace_set_active:A */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < boot_cpu_count; i++)
		if (aspace_is_active(proc->aspace, i) || command == GLOBAL ||
		    (command == GLOBAL_EXPEDITED && has_registered(__atomic_load_n(&boot_cpus[i]->proc, __ATOMIC_RELAXED))))
			cpus[i / 64] |= 1ULL << (i % 64);
	arch_barrier(cpus);
}

void membarrier_process(const struct proc *proc)
{
	barrier_on_cpus(proc, PRIVATE);
}

/* All threads but this one, which is in a system call, leave their restartable sequences before they run on. */
static void abort_sequences(struct proc *proc)
{
	struct list *at;

	spin_lock(&proc->lock);
	list_for_each(at, &proc->threads) {
		struct thread *t = list_entry(at, struct thread, sibling);

		if (t != current_thread())
			thread_interrupt(t, WORK_RSEQ);
	}
	spin_unlock(&proc->lock);
}

static long private(struct proc *proc, u32 registration)
{
	if (!(__atomic_load_n(&proc->membarrier, __ATOMIC_RELAXED) & registration))
		return -EPERM;
	if (registration == REGISTER_RSEQ)
		abort_sequences(proc);
	barrier_on_cpus(proc, PRIVATE);
	return 0;
}

static long global(struct frame *f, struct proc *proc, u32 command)
{
	barrier_on_cpus(proc, command);
	return forward_call(NR_MEMBARRIER, f);
}

static long register_for(struct proc *proc, u32 registration)
{
	__atomic_fetch_or(&proc->membarrier, registration, __ATOMIC_RELAXED);
	membarrier_inherit(proc);
	return 0;
}

void membarrier_inherit(const struct proc *proc)
{
	if (__atomic_load_n(&proc->membarrier, __ATOMIC_RELAXED) & REGISTER_GLOBAL)
		__atomic_store_n(&registered[proc->index], proc->pid, __ATOMIC_RELAXED);
}

long sys_membarrier(struct frame *f, int cmd, unsigned int flags, int cpu)
{
	struct proc *proc = current_thread()->proc;

	if (flags && (cmd != PRIVATE_RSEQ || flags != FLAG_CPU))
		return -EINVAL;		/* with FLAG_CPU all CPUs will do: a sequence may be left at any time */
	switch (cmd) {
	case QUERY:
		return ALL_COMMANDS;
	case GLOBAL:
	case GLOBAL_EXPEDITED:
		return global(f, proc, cmd);
	case PRIVATE:
	case PRIVATE_CORE:
	case PRIVATE_RSEQ:
		return private(proc, cmd << 1);
	case REGISTER_GLOBAL:
	case REGISTER_PRIVATE:
	case REGISTER_CORE:
	case REGISTER_RSEQ:
		return register_for(proc, cmd);
	}
	return -EINVAL;
}
