/* SPDX-License-Identifier: GPL-2.0 */
/* Small system calls that need nothing but the current thread. */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "string.h"
#include "syscall_proto.h"

#define ARCH_SET_GS	0x1001
#define ARCH_SET_FS	0x1002
#define ARCH_GET_FS	0x1003
#define ARCH_GET_GS	0x1004
#define ARCH_GET_CPUID		0x1011
#define ARCH_GET_XCOMP_SUPP	0x1021
#define ARCH_GET_XCOMP_PERM	0x1022
#define ARCH_REQ_XCOMP_PERM	0x1023
#define ARCH_GET_XCOMP_GUEST_PERM 0x1024
#define ARCH_REQ_XCOMP_GUEST_PERM 0x1025

#define XSTATE_COMPONENTS	19	/* that Linux 6.1 knows */

long sys_getpid(void)
{
	return current_thread()->pid;
}

long sys_gettid(void)
{
	return current_thread()->tid;
}

long sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

long sys_arch_prctl(int option, uaddr_t addr)
{
	u64 value;

	switch (option) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (addr >= AZ_USER_END)
			return -EPERM;
		wrmsr(option == ARCH_SET_FS ? MSR_FS_BASE : MSR_KERNEL_GS_BASE, addr);
		return 0;
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		value = rdmsr(option == ARCH_GET_FS ? MSR_FS_BASE : MSR_KERNEL_GS_BASE);
		return copy_to_user(addr, &value, sizeof(value));
	case ARCH_GET_CPUID:
		return 1;		/* it never faults */
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM:
	case ARCH_GET_XCOMP_GUEST_PERM:
		return copy_to_user(addr, &x86_features.xcr0, sizeof(x86_features.xcr0));
	case ARCH_REQ_XCOMP_PERM:
	case ARCH_REQ_XCOMP_GUEST_PERM:
		return addr < XSTATE_COMPONENTS ? -EOPNOTSUPP : -EINVAL;	/* none has to be asked for */
	}
	return -EINVAL;
}

long sys_getcpu(uaddr_t cpu, uaddr_t node, uaddr_t unused)
{
	struct az_cpu *shared = this_cpu()->shared;

	if ((cpu && copy_to_user(cpu, &shared->linux_cpu, 4)) || (node && copy_to_user(node, &shared->node, 4)))
		return -EFAULT;
	return 0;
}

/* ---- the machine, as /proc/meminfo and /proc/loadavg show it (view_machine.c of the driver) ---- */

struct sysinfo {			/* Linux's layout for x86-64 */
	u64 uptime;
	u64 loads[3];			/* with 16 bits after the point */
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u64 totalhigh, freehigh;
	u32 mem_unit;
};

static void sysinfo_memory(const struct az_proc *shared, struct sysinfo *info)
{
	info->totalram = info->freeram = 0;
	for (u32 i = 0; i < handover->node_count && i < AZ_NODES_MAX; i++) {
		info->totalram += handover->node[i].total * PAGE_SIZE;
		info->freeram += handover->node[i].free * PAGE_SIZE;
	}
	if (shared->memory) {
		info->totalram = shared->memory;
		info->freeram = shared->memory - min(shared->memory, shared->used.resident);
	}
	info->sharedram = info->bufferram = info->totalswap = info->freeswap = 0;
	info->mem_unit = 1;
}

static u32 threads_running(const struct az_proc *shared)
{
	u32 count = 0;

	for (u32 i = 0; i < boot_cpu_count; i++)
		count += shared->cpus[i / 64] >> (i % 64) & 1 && boot_cpus[i]->shared->tid;
	return count;
}

#define NR_SYSINFO	99

long sys_sysinfo(struct frame *f, uaddr_t user)
{
	const struct az_proc *shared = current_thread()->proc->shared;
	struct sysinfo info;
	long ret = forward_call(NR_SYSINFO, f);

	if (ret)
		return ret;
	if (copy_from_user(&info, user, sizeof(info)))
		return -EFAULT;
	sysinfo_memory(shared, &info);
	info.loads[0] = info.loads[1] = info.loads[2] = (u64)threads_running(shared) << 16;
	info.procs = shared->threads;
	return copy_to_user(user, &info, sizeof(info));
}

long sys_exit(struct frame *f, int status)
{
	thread_exit(status & 0xff);
}

/* The proxy exits for all; what is left of the program is ended by the KILL that follows. */
long sys_exit_group(struct frame *f, int status)
{
	do {
		FORWARD(231, (u32)status);	/* returns early if a signal comes just then */
	} while (thread_goes_on());
	return 0;
}

/* ---- resource limits: Linux keeps them; the LWK notes what it enforces itself ---- */

struct rlimit { u64 cur, max; };

#define RLIMIT_DATA	2
#define RLIMIT_STACK	3
#define RLIMIT_MEMLOCK	8
#define RLIMIT_AS	9
#define NR_PRLIMIT64	302

static void note_limit(struct proc *proc, u32 resource, u64 cur)
{
	struct az_proc *shared = proc->shared;

	if (proc->shares_memory)	/* its parent goes on with its own limits */
		return;
	switch (resource) {
	case RLIMIT_STACK:
		aspace_set_stack_limit(proc->aspace, cur);
		break;
	case RLIMIT_MEMLOCK:
		aspace_set_lock_limit(proc->aspace, cur);
		break;
	case RLIMIT_AS:
		shared->rlimit_as = cur;
		break;
	case RLIMIT_DATA:
		shared->rlimit_data = cur;
	}
	aspace_set_limits(proc->aspace, shared->rlimit_as, shared->rlimit_data);
}

/* To Linux the number of each of its threads names a process. */
static bool names_caller(struct proc *proc, u32 pid)
{
	bool own = !pid || pid == proc->pid;

	if (!own) {
		spin_lock(&proc->lock);
		own = thread_find(proc, pid);
		spin_unlock(&proc->lock);
	}
	return own;
}

long sys_prlimit64(struct frame *f, int pid, unsigned int resource, uaddr_t new_limit, uaddr_t old_limit)
{
	struct thread *t = current_thread();
	struct rlimit new = { 0 };
	long ret;

	if (new_limit && copy_from_user(&new, new_limit, sizeof(new)))
		return -EFAULT;
	ret = forward_call(NR_PRLIMIT64, f);
	if (!ret && new_limit && names_caller(t->proc, pid))
		note_limit(t->proc, resource, new.cur);
	return ret;
}

long sys_getrlimit(struct frame *f, unsigned int resource, uaddr_t limit)
{
	return forward_call(f->orig_ax, f);
}

long sys_setrlimit(struct frame *f, unsigned int resource, uaddr_t limit)
{
	struct rlimit new;
	long ret;

	if (copy_from_user(&new, limit, sizeof(new)))
		return -EFAULT;
	ret = forward_call(f->orig_ax, f);
	if (!ret)
		note_limit(current_thread()->proc, resource, new.cur);
	return ret;
}
