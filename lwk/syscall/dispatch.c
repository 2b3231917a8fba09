/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a system call number to what is done for it. The switch is generated from the call table; here is the path of calls that Linux
 * executes: pointers are checked against the program's range, and the pages behind them made present, so that the twin rarely meets a
 * page fault. A range that leaves the program's part is replaced by an address that Linux refuses too, so that Linux judges everything
 * in its own order.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "seccomp.h"
#include "string.h"
#include "syscall_desc.h"
#include "syscall_dispatch.h"

#define STRING_USUAL	256
#define NOWHERE		(1ULL << 63)	/* in nobody's part of the address space */
#define POPULATE_MAX	(64 * LARGE_SIZE)	/* a larger buffer is populated as Linux touches it */

/* Not inlined below: the switch then has one caller and becomes a part of this one, which saves each call a jump. */
__attribute__((noinline)) long syscall_dispatch(struct frame *f)
{
	return syscall_switch(f, (u32)f->orig_ax);	/* Linux too looks at 32 bits */
}

/* An emulator comes first, as on Linux: it sees calls that the filters of its own program forbid. */
long syscall_dispatch_judged(struct frame *f)
{
	long ret;

	if (user_dispatch_takes(f))
		return f->orig_ax;
	return seccomp_takes(f, &ret) ? ret : syscall_dispatch(f);
}

static bool outside(u64 addr, u64 bytes)
{
	return addr >= AZ_USER_END || bytes > AZ_USER_END - addr;
}

/* Checks pointer argument @i, @bytes long, and makes its pages present. */
static long prepare_range(struct aspace *as, u64 addr, u64 bytes, bool write)
{
	if (!addr)
		return 0;
	if (outside(addr, bytes) || !aspace_keys_allow(as, addr, bytes ? bytes : 1, write))
		return -EFAULT;
	if (bytes && bytes <= POPULATE_MAX)
		aspace_prepare(as, addr, bytes, write);
	return 0;
}

/* The page behind is looked at only if the string is likely to reach it; if not, the twin asks for it. */
void populate_string(struct aspace *as, uaddr_t addr)
{
	if (addr && !outside(addr, STRING_USUAL))
		aspace_prepare(as, addr, STRING_USUAL, false);
}

#define IOVEC_MAX	1024u	/* Linux's UIO_MAXIOV */
#define MMSGHDR_BYTES	64

#define NAME_MAX_BYTES	128	/* sizeof(struct sockaddr_storage): Linux looks at no more */

struct message {		/* Linux's struct user_msghdr */
	u64 name;
	s32 name_len, pad;
	u64 iov, iov_count;
	u64 control, control_len;
	u64 flags;
};

/* The buffers behind an iovec array; wrong lengths are for Linux to refuse, which then does not look at the array. */
static long prepare_iovec(struct aspace *as, u64 addr, u64 count, bool write)
{
	struct { u64 base, len; } v;
	long ret = 0;

	for (u64 i = 0; i < count && count <= IOVEC_MAX && thread_goes_on(); i++) {
		if (outside(addr + i * sizeof(v), sizeof(v)))
			return -EFAULT;
		if (copy_from_user(&v, addr + i * sizeof(v), sizeof(v)))
			return 0;
		if ((s64)v.len < 0)
			return 0;
		if (v.len && prepare_range(as, v.base, v.len, write))
			ret = -EFAULT;		/* unless a later length is wrong */
	}
	return ret;
}

static long prepare_message(struct aspace *as, u64 addr, bool write)
{
	struct message m;
	u64 name_len;

	if (outside(addr, sizeof(m)) || copy_from_user(&m, addr, sizeof(m)))
		return -EFAULT;
	name_len = m.name_len > 0 ? min(m.name_len, NAME_MAX_BYTES) : 0;
	if ((name_len && prepare_range(as, m.name, name_len, write)) ||
	    (m.control_len && prepare_range(as, m.control, m.control_len, write)))
		return -EFAULT;
	return prepare_iovec(as, m.iov, m.iov_count, write);
}

/* Several messages, each followed by a length: as Linux, those before a wrong one are sent. How many there are. */
static u64 prepare_messages(struct aspace *as, u64 addr, u64 count, bool write)
{
	u64 i;

	for (i = 0; i < count; i++)
		if (!thread_goes_on() || prepare_message(as, addr + i * MMSGHDR_BYTES, write))
			return i;
	return count;
}

/* What an argument of these kinds points to in turn; itself it is read, and what Linux writes there the twin asks for. */
static long prepare_behind(struct aspace *as, const struct syscall_arg *arg, u64 addr, u64 bytes, unsigned long value[6])
{
	bool write = arg->direction & SYSCALL_OUT;
	u64 set[2], count;

	switch (arg->kind) {
	case SYSCALL_ARG_IOVEC:
		return prepare_iovec(as, addr, bytes / 16, write);
	case SYSCALL_ARG_MSGHDR:
		return prepare_message(as, addr, write);
	case SYSCALL_ARG_MMSGHDR:
		count = prepare_messages(as, addr, bytes / MMSGHDR_BYTES, write);
		if (!count)
			return -EFAULT;
		value[arg->count_arg - 1] = count;
		return 0;
	default:	/* SYSCALL_ARG_SIGARG; Linux looks at no set of another size */
		if (copy_from_user(set, addr, sizeof(set)))
			return -EFAULT;
		return set[0] && set[1] == sizeof(u64) && outside(set[0], set[1]) ? -EFAULT : 0;
	}
}

static bool leads_on(u32 kind)
{
	return kind == SYSCALL_ARG_IOVEC || kind == SYSCALL_ARG_MSGHDR || kind == SYSCALL_ARG_MMSGHDR || kind == SYSCALL_ARG_SIGARG;
}

/* An argument that leads out of the program's part is replaced by one that Linux refuses when it comes to it. */
static void prepare_argument(struct aspace *as, const struct syscall_desc *desc, int i, unsigned long value[6])
{
	const struct syscall_arg *arg = &desc->arg[i];
	bool write = arg->direction & SYSCALL_OUT;
	u64 bytes = syscall_arg_bytes(desc, i, value);
	u32 count;
	long ret;

	if (arg->count_deref && value[arg->count_arg - 1] && !outside(value[arg->count_arg - 1], 4) &&
	    copy_from_user(&count, value[arg->count_arg - 1], sizeof(count)) == 0 && (s32)count > 0)
		bytes = count;
	if (arg->kind == SYSCALL_ARG_PATH || arg->kind == SYSCALL_ARG_STR) {
		populate_string(as, value[i]);
		bytes = 1;
	}
	if (leads_on(arg->kind) && value[i] && !outside(value[i], bytes))
		ret = prepare_behind(as, arg, value[i], bytes, value);
	else
		ret = prepare_range(as, value[i], bytes, write);
	if (ret)
		value[i] = NOWHERE;
}

long forward_call(u64 nr, struct frame *f)
{
	unsigned long value[6] = { f->di, f->si, f->dx, f->r10, f->r8, f->r9 };
	const struct syscall_desc *desc = syscall_desc_find(nr, value);
	struct thread *t = current_thread();
	struct aspace *as = t->proc->aspace;
	long ret;

	if (!desc)
		return -ENOSYS;
	for (int i = 0; i < desc->arg_count; i++)
		if (desc->arg[i].direction)
			prepare_argument(as, desc, i, value);
	this_cpu()->shared->stats.calls_local--;	/* the entry counted it */
	while (!forward_begins(nr, (const u64 *)value, &ret)) {
		if (thread_interrupted(t)) {
			thread_interrupt(t, WORK_RESTART);
			return -ERESTARTNOINTR;
		}
	}
	return ret;
}
