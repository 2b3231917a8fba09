// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of calls: what the call table finds plausible, and garbage. The C library is of no use here: a worker lives on what is left
 * of it.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fuzz.h"
#include "ioctl.h"

static char texts[][24] = { "f.a", "f.b", "f.dir", "f.dir/f.c", "f.link", "", ".", "..", "f.none/x", "user.name", "tmpfs", "lo", "/f.q" };
static char *look_only[] = { "/proc/self/maps", "/proc/self/status", "/proc/meminfo", "/dev/null", "/sys/devices/system/cpu/online", "/" };

unsigned long any_number(struct random *r)
{
	static const unsigned long usual[] = { 0, 0, 0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 64, 100, 4095, 4096, 4097, -1ul, -2ul, 0x7fffffff,
		0x80000000, 0xffffffff, 1ul << 32, 1ul << 63, -4096ul };

	switch (below(r, 8)) {
	case 0:
		return 1ul << below(r, 64);
	case 1:
		return (1ul << below(r, 32)) | (1ul << below(r, 32)) | (1ul << below(r, 32));
	case 2:
		return next(r) >> below(r, 56);
	}
	return PICK(r, usual);
}

static unsigned long any_size(struct random *r)
{
	static const unsigned long large[] = { 1ul << 21, (1ul << 21) + PAGE, 1ul << 31, -1ul, 1ul << 47, -PAGE, 1ul << 63 };

	switch (below(r, 16)) {
	case 0:
		return PICK(r, large);
	case 1:
		return any_number(r);
	case 2: case 3: case 4:
		return PAGE << below(r, 9);
	}
	return below(r, 3) ? below(r, 130) : below(r, 3 * PAGE);
}

static unsigned long wrong_address(struct random *r)
{
	static const unsigned long wrong[] = { 0, 0, 0, 1, 0x1000, 0xfff8, 0x10000, 0x6ffffffff000, 0x6fffffffffff, 0x700000000000, 0x700000003000,
		0x7fffffffe000, 0x800000000000, 0x4141414141414141, 0xffff800000100000, 0xffffffff80001000, 0xffffffffc0000000, -8ul, -1ul };

	return PICK(r, wrong);
}

unsigned long any_address(struct random *r)
{
	unsigned long at = (unsigned long)arena + below(r, ARENA / PAGE) * PAGE;

	switch (below(r, 12)) {
	case 0:
		return wrong_address(r);
	case 1:
		return at + PAGE - below(r, 64);	/* over the page's end */
	case 2: case 3: case 4: case 5:
		return (unsigned long)arena + below(r, 16) * PAGE + below(r, 512) * 8;	/* where others are busy */
	}
	return at + below(r, 512) * 8;
}

static unsigned long any_page(struct random *r)
{
	if (below(r, 10) == 0)
		return below(r, 2) ? wrong_address(r) : any_address(r);
	return (unsigned long)arena + below(r, below(r, 2) ? 16 : ARENA / PAGE) * PAGE;
}

static unsigned long any_text(struct random *r)
{
	return below(r, 8) ? (unsigned long)PICK(r, texts) : any_address(r);
}

static unsigned long any_fd(struct random *r)
{
	static const unsigned long wrong[] = { -1ul, -100ul, 0, 1, 2, DEVICE_FD, 1000000, 0x7fffffff, 0x80000000, 0xffffffff00000003 };

	return below(r, 6) ? (unsigned long)fds[below(r, FDS)] : below(r, 3) ? FIRST_FREE_FD + below(r, 8) : PICK(r, wrong);
}

/* Never anybody else: as root that would be obeyed. */
static unsigned long any_pid(struct random *r)
{
	switch (below(r, 6)) {
	case 0:
		return 0;
	case 1:
		return 0x7fffff00;
	case 2:
		return -own_pid;
	case 3:
		return own_tid[below(r, thread_count)];
	}
	return own_pid;
}

/* Mostly what workers survive. The signals that keep them going stay theirs. */
static unsigned long any_signal(struct random *r)
{
	static const unsigned char harmless[] = { 0, SIGHUP, SIGINT, SIGUSR1, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGURG, SIGXCPU,
		SIGVTALRM, SIGWINCH, SIGIO, SIGPWR, SIGSYS, 34, 35, 50, 64 };
	unsigned long sig = below(r, 30) ? PICK(r, harmless) : any_number(r);

	return (int)sig == TICK || (int)sig == SIGSEGV || (int)sig == SIGBUS ? 0 : sig;
}

static unsigned long any_op(struct random *r, const struct syscall_desc *row)
{
	unsigned long op = syscall_descs[row->first_sub + below(r, row->sub_count)].nr;

	if (below(r, 12) == 0)
		return any_number(r);
	return below(r, 3) ? op : op | (~row->op_mask & (1ul << below(r, 16)));
}

/* The driver's own requests; root may boot and stop the LWK with them. */
static unsigned long device_request(struct random *r)
{
	static const unsigned long job[] = { AZ_IOC_CREATE, AZ_IOC_START, AZ_IOC_SERVE, AZ_IOC_SIGNAL, AZ_IOC_CHILD, AZ_IOC_EXECUTABLE,
		AZ_IOC_LOG };
	static const unsigned long admin[] = { AZ_IOC_BOOT, AZ_IOC_STOP, AZ_IOC_CRASH };

	return as_root || below(r, 4) ? PICK(r, job) : PICK(r, admin);
}

static unsigned long number_argument(struct random *r, const struct syscall_desc *row, int kind)
{
	switch (kind) {
	case SYSCALL_ARG_FD:
		return any_fd(r);
	case SYSCALL_ARG_PID:
		return any_pid(r);
	case SYSCALL_ARG_SIG:
		return any_signal(r);
	case SYSCALL_ARG_OP:
		return any_op(r, row);
	case SYSCALL_ARG_ADDR:
		return any_page(r);
	case SYSCALL_ARG_SIZE:
		return any_size(r);
	}
	return any_number(r);
}

static bool counts(const struct syscall_desc *row, int number)
{
	int i;

	for (i = 0; i < row->arg_count; i++)
		if (row->arg[i].count_arg == number && !row->arg[i].count_deref)
			return true;
	return false;
}

static unsigned long argument(struct random *r, const struct syscall_desc *row, int i)
{
	const struct syscall_arg *arg = &row->arg[i];

	if (!arg->direction)
		return counts(row, i + 1) && below(r, 8) ? any_size(r) : number_argument(r, row, arg->kind);
	if (arg->kind == SYSCALL_ARG_PATH || arg->kind == SYSCALL_ARG_STR)
		return any_text(r);
	return any_address(r);
}

/* ---- Calls that need care ---- */

static void care_for_clone(struct random *r, unsigned long nr, unsigned long v[6])
{
	static const unsigned long usual[] = { SIGCHLD, 0x4111, CLONE_VM | CLONE_VFORK | SIGCHLD, 0x3d0f00, CLONE_FILES | SIGCHLD,
		SIGCHLD | CLONE_PIDFD, CLONE_VM | SIGCHLD, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD };
	unsigned long *args = (unsigned long *)(arena + below(r, 16) * PAGE);

	if (nr == SYS_clone && below(r, 8)) {
		v[0] = PICK(r, usual);
		v[1] = v[0] & CLONE_VM ? any_address(r) & ~15ul : 0;
	} else if (nr == SYS_clone3 && below(r, 4)) {
		v[0] = (unsigned long)args;
		v[1] = below(r, 4) ? 88 : 64;
		args[0] = PICK(r, usual) & ~0xfful;
		args[4] = args[0] & CLONE_THREAD ? 0 : SIGCHLD;
		args[5] = args[0] & CLONE_VM ? any_page(r) : 0;
		args[6] = args[5] ? PAGE : 0;
		args[8] = args[9] = 0;
	}
}

static void care(struct random *r, unsigned long nr, unsigned long v[6])
{
	static const unsigned long maps[] = { 0x22, 0x22, 0x32, 0x21, 0x31, 0x8022, 0x8021, 0x2, 0x1, 0x11, 0x12, 0x100022, 0x4022,
		0x40022, 0x20122 };

	switch (nr) {
	case SYS_mmap:
		v[1] = v[1] > 8ul << 20 && below(r, 4) ? PAGE : v[1];
		if (v[1] > 8ul << 20 && v[1] < 1ul << 40)	/* Linux's memory is small */
			v[1] = 1ul << 40;
		v[2] = below(r, 8) ? below(r, 8) : v[2];
		v[3] = below(r, 8) ? PICK(r, maps) : v[3];
		break;
	case SYS_mprotect:
		v[2] = below(r, 8) ? below(r, 8) : v[2];
		/* fall through */
	case SYS_munmap:
	case SYS_mremap:
	case SYS_madvise:
		v[1] = v[1] > AROUND && below(r, 8) ? PAGE : v[1];
		break;
	case SYS_open:
	case SYS_stat:
	case SYS_lstat:
	case SYS_access:
	case SYS_statfs:
		if (below(r, 4) == 0) {
			v[0] = (unsigned long)PICK(r, look_only);
			v[1] = nr == SYS_open ? O_RDONLY | O_NONBLOCK : v[1];
		}
		break;
	case SYS_ioctl:
		if (below(r, 4) == 0) {
			v[0] = DEVICE_FD;
			v[1] = device_request(r);
		} else if (as_root && (v[1] & 0xff00) == 'Z' << 8) {
			v[1] = 0;
		}
		break;
	case SYS_execve:
		v[0] = below(r, 2) ? (unsigned long)"/bin/true" : v[0];
		break;
	}
}

void choose_arguments(struct random *r, unsigned long nr, unsigned long v[6])
{
	const struct syscall_desc *row = &syscall_descs[syscall_desc_index(nr)], *desc;
	int i;

	for (i = 0; i < 6; i++)
		v[i] = i < row->arg_count ? argument(r, row, i) : any_number(r);
	desc = syscall_desc_find(nr, v);
	for (i = row->op_arg; desc != row && i < desc->arg_count; i++)
		v[i] = argument(r, desc, i);
	care(r, nr, v);
	if (call_kind[nr] == CALL_FORKS)
		care_for_clone(r, nr, v);
}
