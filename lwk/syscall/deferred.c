/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows marked "full" in the call table need all of the program's registers, which the short way into the kernel does not save. Their
 * entries only note that; leave_kernel() then runs them with the complete frame.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "signal.h"
#include "syscall_proto.h"

static long defer(void)
{
	struct cpu *cpu = this_cpu();

	cpu->current->deferred = true;
	cpu->work = 1;
	return 0;
}

long sys_clone(struct frame *f, u64 flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid, u64 tls) { return defer(); }
long sys_clone3(struct frame *f, uaddr_t args, u64 size) { return defer(); }
long sys_fork(struct frame *f) { return defer(); }
long sys_vfork(struct frame *f) { return defer(); }
long sys_rt_sigreturn(struct frame *f) { return defer(); }
long sys_rt_sigsuspend(struct frame *f, uaddr_t set, u64 sigsetsize) { return defer(); }
long sys_sigaltstack(struct frame *f, uaddr_t ss, uaddr_t old_ss) { return defer(); }

static long rt_sigreturn(struct frame *f)
{
	if (sigframe_pop(current_thread(), f))
		signal_force(SIGSEGV, SI_KERNEL, 0);
	f->orig_ax = -1;		/* no restart: this call is over, and AX is the program's */
	return f->ax;
}

long syscall_deferred(struct frame *f)
{
	switch (f->orig_ax) {
	case 15: return rt_sigreturn(f);
	case 56: return do_clone(f, f->di, f->si, f->dx, f->r10, f->r8);
	case 57: return do_fork(f);
	case 58: return do_vfork(f);
	case 130: return do_rt_sigsuspend(f->di, f->si);
	case 131: return do_sigaltstack(f, f->di, f->si);
	case 435: return do_clone3(f, f->di, f->si);
	}
	return -ENOSYS;
}
