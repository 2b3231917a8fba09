/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs for the classic BPF machine as seccomp(2) uses them: two 32-bit registers, 16 words of memory, jumps forward only, and the data
 * of one system call to look at. A program that bpf_check() has accepted always ends and touches nothing else.
 */
#ifndef LWK_BPF_H
#define LWK_BPF_H

#include "types.h"

#define BPF_LENGTH_MAX	4096u		/* instructions */

struct bpf_insn {			/* Linux's struct sock_filter */
	u16 code;
	u8 jt, jf;			/* instructions to skip if the condition holds, if not */
	u32 k;
};

struct bpf_data {			/* Linux's struct seccomp_data */
	s32 nr;
	u32 arch;
	u64 ip;
	u64 arg[6];
};

/* Does Linux take @program, of @length instructions, for a filter of system calls? */
bool bpf_check(const struct bpf_insn *program, u32 length);
/* The value that a checked program returns for @data. */
u32 bpf_run(const struct bpf_insn *program, const struct bpf_data *data);

#endif
