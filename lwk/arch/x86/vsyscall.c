/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vsyscall page: before there was a vDSO, programs called three functions of the kernel at fixed addresses above their own, and static
 * ones of that time still do. Nothing is mapped there. Whoever jumps to such an address has the call made and goes on where he came from,
 * as on Linux with vsyscall=xonly.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "seccomp.h"
#include "syscall_proto.h"

#define VSYSCALL	0xffffffffff600000ULL
#define SPACING		1024

#define NR_GETTIMEOFDAY	96
#define NR_TIME		201
#define NR_GETCPU	309

static const u32 numbers[] = { NR_GETTIMEOFDAY, NR_TIME, NR_GETCPU };	/* by address */

static long call(struct frame *f, u32 nr)
{
	switch (nr) {
	case NR_GETTIMEOFDAY:
		return sys_gettimeofday(f, f->di, f->si);
	case NR_TIME:
		return sys_time(f, f->di);
	}
	return sys_getcpu(f->di, f->si, 0);
}

bool x86_vsyscall(struct frame *f)
{
	u64 place = f->ip - VSYSCALL;
	uaddr_t caller;
	long ret;

	if (place % SPACING || place / SPACING >= ARRAY_SIZE(numbers))
		return false;
	if (copy_from_user(&caller, f->sp, sizeof(caller)) || caller >= AZ_USER_END)
		return false;
	f->orig_ax = numbers[place / SPACING];	/* for filters, which see this address as that of the call */
	this_cpu()->shared->stats.calls_local++;
	if (!seccomp_takes(f, &ret))
		ret = call(f, f->orig_ax);
	if (ret == -EFAULT)
		return false;
	if (must_restart(ret))		/* Linux was asked and a signal came: the program jumps here again */
		return true;
	f->ax = ret;
	f->ip = caller;
	f->sp += sizeof(caller);
	return true;
}
