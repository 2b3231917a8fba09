/* SPDX-License-Identifier: GPL-2.0 */
/*
 * personality(2). Linux keeps it, in the twin, and goes by what concerns calls that it executes (uname26, sticky timeouts, the names of
 * other machines). The LWK goes by READ_IMPLIES_EXEC; it never randomizes addresses, and has no memory at address 0 to give. As on Linux,
 * execve(2) of a 64-bit program ends READ_IMPLIES_EXEC.
 */
#include "errno.h"
#include "syscall_proto.h"
#include "thread.h"

#define READ_IMPLIES_EXEC	0x0400000u
#define NR_PERSONALITY		135

long sys_personality(struct frame *f, int persona)
{
	long ret = forward_stamp(NR_PERSONALITY, f);

	if (ret >= 0)
		current_thread()->read_implies_exec = persona & READ_IMPLIES_EXEC;
	return ret;
}
