/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs what the generator makes: the switch with stub handlers, the descriptors, the allow-list. Prints `ok name` or
 * `not ok name` per check and fails if one failed. The stubs (made by generator.py) return 1000 + number; forwarding
 * returns 2000 + number, or 3000 + number for calls that change what threads inherit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "types.h"

struct frame {
	u64 di, si, dx, r10, r8, r9;
};

#include "syscall_allow.h"
#include "syscall_desc.h"
#include "syscall_dispatch.h"

extern unsigned long seen[6];
static int failures;

long forward_call(u64 nr, struct frame *f)
{
	(void)f;
	return 2000 + (long)nr;
}

long forward_stamp(u64 nr, struct frame *f)
{
	(void)f;
	return 3000 + (long)nr;
}

static void expect(bool good, const char *name)
{
	printf("%s %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static long call(u64 nr, u64 di, u64 si, u64 dx)
{
	struct frame f = { di, si, dx, 4, 5, 6 };

	return syscall_switch(&f, nr);
}

static void test_switch(void)
{
	struct frame f = { 1, 2, 3, 4, 5, 6 };

	expect(call(39, 0, 0, 0) == 1039, "switch: a local call reaches its handler");
	expect(call(0, 0, 0, 0) == 2000 && call(439, 0, 0, 0) == 2439, "switch: a forwarded call is forwarded under its number");
	expect(call(101, 0, 0, 0) == -EPERM && call(323, 0, 0, 0) == -ENOSYS && call(172, 0, 0, 0) == -EPERM,
	       "switch: a refused call has its errno");
	expect(call(335, 0, 0, 0) == -ENOSYS && call(423, 0, 0, 0) == -ENOSYS && call(451, 0, 0, 0) == -ENOSYS &&
	       call(~0ull, 0, 0, 0) == -ENOSYS && call(0x40000000, 0, 0, 0) == -ENOSYS, "switch: numbers without a row are ENOSYS");
	expect(syscall_switch(&f, 9) == 1009 && seen[0] == 1 && seen[1] == 2 && (int)seen[2] == 3 && (int)seen[3] == 4 &&
	       (int)seen[4] == 5 && seen[5] == 6, "switch: six arguments arrive in order");
	expect(syscall_switch(&f, 231) == 1231 && seen[0] == (unsigned long)&f && (int)seen[1] == 1,
	       "switch: a split call gets the frame first");
	expect(syscall_switch(&f, 15) == 1015 && seen[0] == (unsigned long)&f, "switch: a full call gets the frame first");
}

static void test_ops(void)
{
	expect(call(28, 0x10000, 4096, 4) == 1028 && call(28, 0x10000, 4096, 12) == -EINVAL &&
	       call(28, 0x10000, 4096, 12345) == -EINVAL, "ops: madvise, implemented, refused and unknown");
	expect(call(202, 0, 0, 0) == 1202 && call(202, 0, 0x80, 0) == 1202 && call(202, 0, 0x189, 0) == 1202,
	       "ops: futex flags do not hide the op");
	expect(call(202, 0, 2, 0) == -ENOSYS && call(202, 0, 0x82, 0) == -ENOSYS && call(202, 0, 0x200, 0) == -ENOSYS,
	       "ops: futex refuses what it lacks");
	expect(call(202, 0, 0xffffffff00000001ull, 0) == 1202, "ops: only the low half of the register counts");
	expect(call(16, 1, 0x5401, 0) == 2016 && call(16, 1, 0xdeadbeef, 0) == 2016, "ops: every ioctl is forwarded");
	expect(call(157, 7, 0, 0) == 2157 && call(157, 99, 0, 0) == -EINVAL, "ops: prctl forwards what it knows");
	expect(call(157, 15, 0, 0) == 3157 && call(105, 0, 0, 0) == 3105, "ops: what new threads inherit is noted");
	expect(call(158, 0x1002, 0, 0) == 1158 && call(158, 0x3001, 0, 0) == -EINVAL && call(158, 0x1012, 0, 0) == -ENODEV,
	       "ops: arch_prctl");
	expect(call(135, 0xffffffff, 0, 0) == 2135 && call(135, 0, 0, 0) == 1135, "ops: an op may have all bits set");
}

/* bytes behind argument number (from 1) of call nr with these three arguments, all others 0 */
static unsigned long bytes(unsigned long nr, int number, unsigned long a, unsigned long b, unsigned long c)
{
	unsigned long value[6] = { a, b, c };

	return syscall_arg_bytes(syscall_desc_find(nr, value), number - 1, value);
}

static void test_lengths(void)
{
	expect(bytes(0, 2, 1, 2, 77) == 77, "lengths: read");
	expect(bytes(5, 2, 0, 0, 0) == 144, "lengths: fstat");
	expect(bytes(7, 1, 0, 3, 0) == 24 && bytes(7, 1, 0, ~0ul, 0) == 8 * 0xffffffffUL, "lengths: poll, 32 unsigned bits");
	expect(bytes(232, 2, 0, 0, -1ul) == 0 && bytes(232, 2, 0, 0, 0xffffffff00000002ul) == 24,
	       "lengths: epoll_wait, a negative count is none");
	expect(bytes(20, 2, 0, 0, 2) == 32 && bytes(20, 2, 0, 0, ~0ul / 2) == ~0ul, "lengths: writev, overflow is all ones");
	expect(bytes(23, 2, 65, 0, 0) == 16 && bytes(23, 2, 64, 0, 0) == 8 && bytes(23, 2, 0, 0, 0) == 0, "lengths: select");
	expect(bytes(69, 2, 0, 0, 100) == 108 && bytes(69, 2, 0, 0, ~0ul) == ~0ul, "lengths: msgsnd");
	expect(bytes(51, 2, 0, 0, 0x10000) == 0 && bytes(51, 3, 0, 0, 0) == 4, "lengths: getsockname, counted elsewhere");
	expect(bytes(16, 3, 0, 0x5401, 0) == 36 && bytes(16, 3, 0, 0x80045430, 0) == 4 && bytes(16, 3, 0, 0x1234, 0) == 0,
	       "lengths: ioctl, by row and by request number");
}

static void test_descriptors(void)
{
	unsigned long lock[6] = { 3, 6, 0x10000 }, other[6] = { 3, 99999 }, wait[6] = { 0, 0x80 };
	const struct syscall_desc *desc;

	expect(!syscall_desc_find(335, lock) && !syscall_desc_find(~0ul, lock), "descriptors: none without a row");
	desc = syscall_desc_find(72, lock);
	expect(!strcmp(desc->name, "F_SETLK") && desc->arg[2].direction == SYSCALL_IN && desc->arg[2].fixed == 32 &&
	       desc->arg[0].kind == SYSCALL_ARG_FD, "descriptors: an op has its own arguments after the op");
	desc = syscall_desc_find(72, other);
	expect(desc->nr == SYSCALL_OP_OTHER && desc->disposition == SYSCALL_FORWARD && desc->arg[0].kind == SYSCALL_ARG_FD,
	       "descriptors: an unknown op finds the last sub-row");
	expect(!strcmp(syscall_desc_find(202, wait)->name, "FUTEX_WAIT"), "descriptors: the op is masked");
}

static void test_consistency(void)
{
	bool indexed = true, allowed = true;

	for (unsigned long nr = 0; nr < 1024; nr++) {
		int i = syscall_desc_index(nr);
		int disposition = i < 0 ? 0 : syscall_descs[i].disposition;

		indexed &= i < 0 || syscall_descs[i].nr == nr;
		allowed &= syscall_is_allowed(nr) == (disposition == SYSCALL_FORWARD || disposition == SYSCALL_SPLIT);
	}
	expect(indexed && syscall_desc_index(SYSCALL_NR_MAX) > 0, "descriptors: every number finds its own");
	expect(allowed, "allow-list: exactly forward and split");
}

int main(void)
{
	test_switch();
	test_ops();
	test_lengths();
	test_descriptors();
	test_consistency();
	return failures != 0;
}
