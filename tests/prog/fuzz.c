// SPDX-License-Identifier: GPL-2.0
/*
 * Random system calls: fuzz [--seed N] [--calls N] [--threads N] [--workers N] [--left-out]
 *
 * Makes calls with arguments that the call table finds plausible, and with garbage, in many threads at once that unmap, protect and fork
 * away the memory which the others' calls use. What the calls do to the process is of no interest, so this one only starts one worker
 * process after the other, some at a time, counts, and kills those that come no further. It fails if one cannot be killed. What else must
 * not happen (failures and warnings of either kernel, leaks) is for the caller to look at: tests/fuzz/run.
 *
 * The same seed makes the same calls, as far as threads that race allow. For a virtual machine only: as root it takes no care of the
 * files in the current directory, which should be empty. --left-out lists the calls that are never made, and why.
 *
 * A worker lives on what is left of it, so its loop uses neither the C library nor thread-local storage: both may be gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ioctl.h"
#include "say.h"
#include "syscall_desc.h"

#define PAGE		4096ul
#define ARENA		(4ul << 20)
#define AROUND		(16ul << 20)	/* nothing of ours lies so close to the arena */
#define THREADS_MAX	64
#define WORKERS_MAX	16
#define ROUND_CALLS	600		/* of one thread */
#define STANDSTILL_MS	3000		/* of a whole worker, which is killed then */
#define KILL_LIMIT_MS	60000
#define TICK_MS		5		/* calls that wait longer are interrupted so often */
#define PATIENCE_TICKS	40		/* for a worker none of whose calls is interrupted by that */
#define FDS		20
#define FIRST_FREE_FD	100
#define DEVICE_FD	1024		/* where the proxy keeps it: the first beyond the usual limit */
#define TICK		SIGUSR2

/* ---- What is not done ------------------------------------------------------------------------------------------ */

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

/* ---- State ----------------------------------------------------------------------------------------------------- */

enum { CALL_LEFT_OUT, CALL_LWK, CALL_LINUX, CALL_REFUSED, CALL_SELDOM, CALL_WAITS, CALL_FORKS };

static unsigned char call_kind[SYSCALL_NR_MAX + 1];	/* what is known of each number, so that workers need not compare names */
static bool as_root;
static char *arena;
static long own_pid, own_tid[THREADS_MAX];
static long thread_count = 8;
static int fds[FDS];
static char texts[][24] = { "f.a", "f.b", "f.dir", "f.dir/f.c", "f.link", "", ".", "..", "f.none/x", "user.name", "tmpfs", "lo", "/f.q" };
static char *look_only[] = { "/proc/self/maps", "/proc/self/status", "/proc/meminfo", "/dev/null", "/sys/devices/system/cpu/online", "/" };

/* Shared by all workers and this process. */
static struct shared {
	unsigned long made[SYSCALL_NR_MAX + 1];
	unsigned long done[WORKERS_MAX][THREADS_MAX];	/* calls of each thread of the workers that run; only the thread writes */
} *shared;
static unsigned long *done;				/* this worker's */

struct random {
	unsigned long state;
};

/* Marsaglia's xorshift64*. */
static unsigned long next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dul >> 8;
}

static unsigned long below(struct random *r, unsigned long n)
{
	return next(r) % n;
}

#define PICK(r, list) ((list)[below(r, sizeof(list) / sizeof(*(list)))])

/* ---- Calls without the C library ------------------------------------------------------------------------------- */

static long raw(long nr, const unsigned long v[6])
{
	register unsigned long d asm("r10") = v[3], e asm("r8") = v[4], f asm("r9") = v[5];
	long ret;

	asm volatile("syscall" : "=a"(ret) : "0"(nr), "D"(v[0]), "S"(v[1]), "d"(v[2]), "r"(d), "r"(e), "r"(f) : "rcx", "r11", "memory");
	return ret;
}
#define RAW(nr, ...) raw(nr, (const unsigned long[6]){ __VA_ARGS__ })

/* What comes out of it as a child, on whatever stack, ends at once by call @end. */
static long raw_fork(long nr, const unsigned long v[6], long end)
{
	register unsigned long d asm("r10") = v[3], e asm("r8") = v[4], f asm("r9") = v[5], last asm("r12") = end;
	long ret;

	asm volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tmov %%r12, %%rax\n\txor %%edi, %%edi\n\tsyscall\n\tud2\n1:"
		: "=a"(ret) : "0"(nr), "D"(v[0]), "S"(v[1]), "d"(v[2]), "r"(d), "r"(e), "r"(f), "r"(last) : "rcx", "r11", "memory");
	return ret;
}

/* ---- Arguments ------------------------------------------------------------------------------------------------- */

static unsigned long any_number(struct random *r)
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

static unsigned long any_address(struct random *r)
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

/* ---- Calls that need care -------------------------------------------------------------------------------------- */

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

/* ---- A worker -------------------------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
}

/* A page of the arena that another thread has taken away comes back; anything else ends the worker. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	unsigned long at = (unsigned long)info->si_addr & -PAGE;

	(void)sig;
	(void)context;
	if (at - (unsigned long)arena >= ARENA ||
	    RAW(SYS_mmap, at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1ul) < 0)
		RAW(SYS_exit_group, 3);
}

static void handle_signals(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER }, other = { .sa_handler = on_signal };
	int sig;

	for (sig = 1; sig <= 64; sig++)
		sigaction(sig, sig == SIGSEGV || sig == SIGBUS ? &fault : &other, NULL);
}

static void open_fds(void)
{
	int pair[2], i;

	fds[0] = open("f.a", O_RDWR | O_CREAT, 0666);
	fds[1] = open("f.b", O_RDWR | O_CREAT | O_APPEND, 0666);
	fds[2] = open(".", O_RDONLY);
	fds[3] = open("/dev/zero", O_RDWR);
	fds[4] = open("/dev/null", O_RDWR);
	fds[5] = open("/proc/self/maps", O_RDONLY);
	fds[6] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	fds[7] = epoll_create1(0);
	fds[8] = eventfd(1, EFD_NONBLOCK);
	fds[9] = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	fds[10] = inotify_init1(IN_NONBLOCK);
	fds[11] = memfd_create("memory", MFD_ALLOW_SEALING);
	fds[12] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	fds[13] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		fail("socketpair");
	fds[14] = pair[0];
	fds[15] = pair[1];
	if (pipe2(pair, O_NONBLOCK))
		fail("pipe");
	fds[16] = pair[0];
	fds[17] = pair[1];
	fds[18] = syscall(SYS_pidfd_open, own_pid, 0);
	fds[19] = open("f.dir", O_RDONLY);
	for (i = 0; i < FDS; i++)
		dup2(fds[i], FIRST_FREE_FD - FDS + i);
}

/* What earlier calls have closed or filled up. */
static void tidy(void)
{
	int i;

	RAW(SYS_close_range, FIRST_FREE_FD + 10, DEVICE_FD - 1, 0);
	for (i = 0; i < FDS; i++)
		RAW(SYS_dup2, FIRST_FREE_FD - FDS + i, fds[i]);
}

static void dirty_arena(struct random *r)
{
	unsigned long *at = (unsigned long *)(arena + below(r, 16) * PAGE);
	int i;

	for (i = 0; i < 8; i++)
		at[below(r, PAGE / 8)] = below(r, 2) ? any_address(r) : any_number(r);
}

static unsigned long choose_call(struct random *r)
{
	static const unsigned long one_in[] = {
		[CALL_LEFT_OUT] = -1ul, [CALL_LWK] = 1, [CALL_LINUX] = 3, [CALL_REFUSED] = 8, [CALL_SELDOM] = 40, [CALL_WAITS] = 10, [CALL_FORKS] = 8,
	};

	for (;;) {
		unsigned long nr = below(r, SYSCALL_NR_MAX + 1);

		if (below(r, one_in[call_kind[nr]]) == 0)
			return nr;
	}
}

static void one_call(struct random *r)
{
	static const unsigned long nothing_blocked;
	unsigned long nr = choose_call(r), v[6];
	const struct syscall_desc *row = &syscall_descs[syscall_desc_index(nr)], *desc;
	int i;

	for (i = 0; i < 6; i++)
		v[i] = i < row->arg_count ? argument(r, row, i) : any_number(r);
	desc = syscall_desc_find(nr, v);
	for (i = row->op_arg; desc != row && i < desc->arg_count; i++)
		v[i] = argument(r, desc, i);
	care(r, nr, v);
	__atomic_fetch_add(&shared->made[nr], 1, __ATOMIC_RELAXED);
	if (call_kind[nr] == CALL_FORKS) {
		care_for_clone(r, nr, v);
		raw_fork(nr, v, nr == SYS_clone && v[0] & CLONE_THREAD ? SYS_exit : SYS_exit_group);
	} else {
		raw(nr, v);
	}
	if (nr == SYS_rt_sigprocmask)
		RAW(SYS_rt_sigprocmask, SIG_SETMASK, (unsigned long)&nothing_blocked, 0, 8);
}

static struct random seed_of(unsigned long seed, unsigned long index)
{
	struct random r = { seed * 0x9e3779b97f4a7c15ul + index * 0xbf58476d1ce4e5b9ul + 1 };
	int i;

	for (i = 0; i < 8; i++)
		next(&r);
	return r;
}

struct start {
	unsigned long seed;
	long index;
};
static volatile bool has_ended[THREADS_MAX];

static void *fuzz_thread(void *arg)
{
	struct start *start = arg;
	struct random r = seed_of(start->seed, start->index);
	int i;

	own_tid[start->index] = RAW(SYS_gettid);
	for (i = 0; i < ROUND_CALLS; i++) {
		if (below(&r, 4) == 0)
			dirty_arena(&r);
		one_call(&r);
		__atomic_store_n(&done[start->index], i + 1, __ATOMIC_RELAXED);
		if (i % 64 == 63 && start->index == 0)
			tidy();
	}
	has_ended[start->index] = true;
	for (;;)
		RAW(SYS_exit, 0);
	return NULL;
}

/* True if thread @i has made calls since it had made @before. If not, what it waits in is interrupted, or it is gone. */
static bool comes_further(int i, unsigned long *before)
{
	unsigned long now = __atomic_load_n(&done[i], __ATOMIC_RELAXED);

	if (now != *before) {
		*before = now;
		return true;
	}
	if (own_tid[i] && RAW(SYS_tgkill, own_pid, own_tid[i], TICK) == -ESRCH)
		has_ended[i] = true;
	return false;
}

/* Interrupts calls that wait, until all threads have ended or none comes further: some wait for ever. */
static void tick(void)
{
	static const struct timespec pause = { 0, TICK_MS * 1000000 };
	static unsigned long before[THREADS_MAX];
	int i, left, patience = PATIENCE_TICKS;

	do {
		RAW(SYS_nanosleep, (unsigned long)&pause, 0);
		for (i = left = 0; i < thread_count; i++) {
			if (has_ended[i])
				continue;
			left++;
			if (comes_further(i, &before[i]))
				patience = PATIENCE_TICKS;
		}
	} while (left && patience--);
	RAW(SYS_exit_group, left ? 5 : 0);
}

static void make_arena(struct random *r)
{
	char *p = mmap(NULL, ARENA + 2 * AROUND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	arena = p + AROUND;
	if (p == MAP_FAILED || mprotect(arena, ARENA, PROT_READ | PROT_WRITE))
		fail("mmap");
	for (int i = 0; i < 200; i++)
		dirty_arena(r);
}

static void worker(unsigned long seed)
{
	static struct start start[THREADS_MAX];
	struct random r = seed_of(seed, THREADS_MAX);
	struct rlimit files = { 16 << 20, 16 << 20 }, none = { 0, 0 };
	pthread_t thread;
	long i;

	own_pid = getpid();
	setsid();
	setrlimit(RLIMIT_FSIZE, &files);
	setrlimit(RLIMIT_CORE, &none);
	mkdir("f.dir", 0777);
	dup2(need("open", open("/dev/null", O_RDWR)), 0);
	dup2(0, 1);
	dup2(0, 2);
	handle_signals();
	make_arena(&r);
	open_fds();
	for (i = 0; i < thread_count; i++) {
		start[i] = (struct start){ seed, i };
		if (pthread_create(&thread, NULL, fuzz_thread, &start[i]))
			_exit(4);
	}
	tick();
}

/* ---- Supervision ----------------------------------------------------------------------------------------------- */

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct {
	unsigned long complete, early, signalled, late;
} ends;
static unsigned long rounds;
static long worker_count = 1;

/* One worker, as this process sees it. */
struct job {
	pid_t pid;			/* 0: none */
	unsigned long seed, calls;	/* calls seen */
	long since;			/* when the last one was seen, in ms; or when it was killed */
	bool killed;
};

static unsigned long calls_of(int number)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < THREADS_MAX; i++)
		sum += __atomic_load_n(&shared->done[number][i], __ATOMIC_RELAXED);
	return sum;
}

static void start(struct job *job, int number, unsigned long seed)
{
	fflush(stdout);
	memset(shared->done[number], 0, sizeof(shared->done[number]));
	*job = (struct job){ need("fork", fork()), seed, 0, now_ms(), false };
	if (job->pid == 0) {
		done = shared->done[number];
		worker(seed);
	}
}

static void has_come_to_its_end(struct job *job, int status)
{
	if (job->killed)
		ends.late++;
	else if (WIFSIGNALED(status))
		ends.signalled++;
	else if (WEXITSTATUS(status))
		ends.early++;
	else
		ends.complete++;
	job->pid = 0;
}

/* Kills it if it has not come further for long. */
static void look_after(struct job *job, int number)
{
	unsigned long calls = calls_of(number);

	if (!job->killed && calls != job->calls) {
		job->calls = calls;
		job->since = now_ms();
	} else if (!job->killed && now_ms() - job->since > STANDSTILL_MS) {
		kill(job->pid, SIGKILL);
		job->killed = true;
		job->since = now_ms();
	} else if (job->killed && now_ms() - job->since > KILL_LIMIT_MS) {
		printf("fuzz: HANG: process %d, seed %lu, cannot be killed\n", job->pid, job->seed);
		exit(1);
	}
}

/* Takes all that have ended, orphans of workers too. Returns how many calls those workers had made. */
static unsigned long reap(struct job *jobs)
{
	unsigned long calls = 0;
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < worker_count; i++) {
			if (jobs[i].pid != pid)
				continue;
			calls += calls_of(i);
			has_come_to_its_end(&jobs[i], status);
		}
	}
	return calls;
}

/* Calls of those that run. */
static unsigned long under_way(const struct job *jobs)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < worker_count; i++)
		sum += jobs[i].pid ? calls_of(i) : 0;
	return sum;
}

/* Keeps workers going until all calls are made; returns how many were. */
static unsigned long run_all(unsigned long seed, unsigned long calls)
{
	static const struct timespec pause = { 0, 5000000 };
	static struct job jobs[WORKERS_MAX];
	unsigned long made = 0;
	int i, running;

	do {
		for (i = running = 0; i < worker_count; i++) {
			if (jobs[i].pid)
				look_after(&jobs[i], i);
			else if (made + under_way(jobs) < calls)
				start(&jobs[i], i, seed + rounds++);
			running += jobs[i].pid != 0;
		}
		nanosleep(&pause, NULL);
		made += reap(jobs);
	} while (running);
	return made;
}

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

/* Kinds of all numbers, for this user. */
static void sort_calls(void)
{
	unsigned long nr;

	for (nr = 0; nr <= SYSCALL_NR_MAX; nr++)
		if (syscall_desc_index(nr) >= 0)
			call_kind[nr] = kind_of(&syscall_descs[syscall_desc_index(nr)]);
}

static void list_left_out(void)
{
	size_t i;

	for (i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		printf("%s%s: %s\n", left_out[i].name, left_out[i].root ? " (as root)" : "", left_out[i].why);
}

/* Says which calls were never made although they could have been; how many. */
static unsigned long report_missed(void)
{
	unsigned long nr, missed = 0;

	for (nr = 0; nr <= SYSCALL_NR_MAX; nr++)
		if (call_kind[nr] != CALL_LEFT_OUT && !shared->made[nr] && ++missed < 10)
			printf("fuzz: never made: %s\n", syscall_descs[syscall_desc_index(nr)].name);
	return missed;
}

static long number_below(const char *what, const char *text, long most)
{
	char *end;
	long n = strtol(text, &end, 0);

	if (*end || n < 1 || n > most) {
		fprintf(stderr, "fuzz: --%s %s: say a number from 1 to %ld\n", what, text, most);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", 1, NULL, 's' }, { "calls", 1, NULL, 'c' }, { "threads", 1, NULL, 't' },
		{ "workers", 1, NULL, 'w' }, { "left-out", 0, NULL, 'l' }, { 0 } };
	unsigned long seed = time(NULL), calls = 100000;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': seed = strtoul(optarg, NULL, 0); break;
		case 'c': calls = number_below("calls", optarg, LONG_MAX); break;
		case 't': thread_count = number_below("threads", optarg, THREADS_MAX); break;
		case 'w': worker_count = number_below("workers", optarg, WORKERS_MAX); break;
		case 'l': list_left_out(); return 0;
		default: return 2;
		}
	}
	as_root = geteuid() == 0;
	sort_calls();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap");
	printf("fuzz: seed %lu, %ld workers of %ld threads, %s\n", seed, worker_count, thread_count, as_root ? "as root" : "as an ordinary user");
	calls = run_all(seed, calls);
	printf("fuzz: %lu calls in %lu processes: %lu came to their end, %lu ended early, %lu died of a signal, %lu were killed\n",
		calls, rounds, ends.complete, ends.early, ends.signalled, ends.late);
	report_missed();
	return 0;
}
