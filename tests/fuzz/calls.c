// SPDX-License-Identifier: GPL-2.0
/* Which calls are made, and how often: kinds of the call table's rows. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

unsigned char call_kind[SYSCALL_NR_MAX + 1];

static const struct { const char *name, *why; bool root; } left_out[] = {
	{ "reboot", "would end the machine", false },
	{ "kexec_load", "would end the machine", false },
	{ "kexec_file_load", "would end the machine", false },
	{ "init_module", "changes the kernel", false },
	{ "finit_module", "changes the kernel", false },
	{ "delete_module", "changes the kernel", false },
	{ "swapon", "changes the machine", false },
	{ "swapoff", "changes the machine", false },
	{ "iopl", "would reach the hardware", false },
	{ "ioperm", "would reach the hardware", false },
	{ "mount", "changes the machine for all", true },
	{ "umount2", "changes the machine for all", true },
	{ "pivot_root", "changes the machine for all", true },
	{ "move_mount", "changes the machine for all", true },
	{ "fsmount", "changes the machine for all", true },
	{ "open_tree", "changes the machine for all", true },
	{ "mount_setattr", "changes the machine for all", true },
	{ "chroot", "the worker's files would be elsewhere", true },
	{ "acct", "changes the machine for all", true },
	{ "quotactl", "changes the machine for all", true },
	{ "quotactl_fd", "changes the machine for all", true },
	{ "mknod", "makes devices that reach the hardware", true },
	{ "mknodat", "makes devices that reach the hardware", true },
	{ "fanotify_init", "may stop every process that opens a file", true },
	{ "sethostname", "changes the machine for all", true },
	{ "setdomainname", "changes the machine for all", true },
	{ "settimeofday", "time limits would mean nothing", true },
	{ "clock_settime", "time limits would mean nothing", true },
	{ "adjtimex", "time limits would mean nothing", true },
	{ "clock_adjtime", "time limits would mean nothing", true },
	{ "syslog", "the log is what we look at afterwards", true },
	{ "vhangup", "the terminal is not ours", true },
	{ "sched_setscheduler", "a real-time twin may starve Linux", true },
	{ "sched_setparam", "a real-time twin may starve Linux", true },
	{ "sched_setattr", "a real-time twin may starve Linux", true },
};

/* These end a worker or make it wait long, so they come seldom. */
static const char *const seldom[] = {
	"exit", "exit_group", "rt_sigreturn", "execve", "execveat", "rt_sigsuspend", "pause", "sync", "syncfs", "brk", "setrlimit",
	"prlimit64", "mlockall", "munlockall", "chdir", "fchdir", "truncate", "fallocate",
};

/* Most of these wait until they are interrupted. */
static const char *const waits[] = {
	"nanosleep", "clock_nanosleep", "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2", "rt_sigtimedwait",
	"wait4", "waitid", "semop", "semtimedop", "msgrcv", "msgsnd", "mq_timedsend", "mq_timedreceive", "flock", "accept", "accept4", "connect",
	"futex_waitv", "fsync", "fdatasync", "sync_file_range", "msync", "recvmmsg", "sched_yield",
};

static const char *const forks[] = { "fork", "vfork", "clone", "clone3" };

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	while (count--)
		if (!strcmp(name, list[count]))
			return true;
	return false;
}
#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof(*(list)))

static int kind_of(const struct syscall_desc *row)
{
	size_t i;

	for (i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		if (!strcmp(left_out[i].name, row->name) && (as_root || !left_out[i].root))
			return CALL_LEFT_OUT;
	if (IS_ONE_OF(row->name, forks))
		return CALL_FORKS;
	if (IS_ONE_OF(row->name, waits))
		return CALL_WAITS;
	if (IS_ONE_OF(row->name, seldom))
		return CALL_SELDOM;
	return row->disposition == SYSCALL_FORWARD ? CALL_LINUX : row->disposition == SYSCALL_REFUSE ? CALL_REFUSED : CALL_LWK;
}

void sort_calls(void)
{
	unsigned long nr;

	for (nr = 0; nr <= SYSCALL_NR_MAX; nr++)
		if (syscall_desc_index(nr) >= 0)
			call_kind[nr] = kind_of(&syscall_descs[syscall_desc_index(nr)]);
}

void list_left_out(void)
{
	size_t i;

	for (i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		printf("%s%s: %s\n", left_out[i].name, left_out[i].root ? " (as root)" : "", left_out[i].why);
}
