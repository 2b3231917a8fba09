/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that the call table refuses with a note that begins with "not yet". A program may do without, or fail in a way that does not
 * name the call; so the log names it, once per process and number.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "log.h"
#include "syscall_desc.h"
#include "syscall_proto.h"

static void say(const struct frame *f, u32 nr)
{
	const u64 value[6] = { f->di, f->si, f->dx, f->r10, f->r8, f->r9 };
	const struct syscall_desc *row = &syscall_descs[syscall_desc_index(nr)];
	u32 pid = current_thread()->proc->pid;

	if (row->op_arg)
		log_line("process %u: %s with operation 0x%lx is not supported yet", pid, row->name, value[row->op_arg - 1]);
	else
		log_line("process %u: %s is not supported yet", pid, row->name);
}

long syscall_not_yet(struct frame *f, long err)
{
	u32 nr = f->orig_ax;		/* below 512: it has a row */
	u64 bit = 1ULL << (nr % 64);

	if (!(__atomic_fetch_or(&current_thread()->proc->missed[nr / 64], bit, __ATOMIC_RELAXED) & bit))
		say(f, nr);
	return -err;
}
