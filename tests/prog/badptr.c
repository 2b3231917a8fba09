// SPDX-License-Identifier: GPL-2.0
/*
 * Wrong pointers to every call of the call table: badptr [CALL]
 *
 * For every call and sub-call that is implemented and each of its pointer arguments, the call is made with each kind of
 * wrong pointer in that place and plausible values in all others. One line per argument tells what came back: on Linux and
 * on the LWK it must be the same. Needs an empty, writable current directory.
 *
 * After that come the pointers behind pointers: in vectors, in messages and in pselect6's last argument.
 *
 * Left out: calls that do not return or would end the program, and a null pointer where it means to wait for ever.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "say.h"
#include "syscall_desc.h"

#define PAGE		4096ul
#define LAST		0x6fffffffffff	/* the range's last byte, and all beyond it belongs to others */
#define AREA		(16 * PAGE)
#define BUFFER		5000	/* bytes where a call lets us choose */

static char *good[6];		/* one plausible target for each argument, zeroed before every call */
static char *end_of_map, *none, *readonly, *unmapped;
static int file, directory, terminal, stream, peer, epoll, timer, notify;

static struct { const char *name; unsigned long value; } wrong[] = {
	{ "NULL", 0 }, { "low", 0x1000 }, { "unmapped", 0 }, { "none", 0 }, { "readonly", 0 }, { "end-1", 0 }, { "end-9", 0 },
	{ "last", LAST }, { "high", 0x700000000000 }, { "high2", 0x700000003000 }, { "noncanonical", 0x800000000000 },
	{ "middle", 0x4141414141414141 }, { "kernel", 0xffff800000100000 }, { "image", 0xffffffff80001000 }, { "-8", -8ul },
	{ "-1", -1ul },
};
#define WRONG (sizeof(wrong) / sizeof(*wrong))

static bool is_one_of(const char *name, const char * const *list)
{
	for (; *list; list++) {
		if (!strcmp(name, *list))
			return true;
	}
	return false;
}

/* Calls that do not come back, or leave a state in which later lines mean nothing, or would change this machine. */
static bool is_left_out(const char *name)
{
	static const char * const list[] = { "exit", "exit_group", "rt_sigreturn", "clone", "pause", "vfork", "fork", "execve",
		"execveat", "chroot", "restart_syscall", "acct", "pivot_root", "sethostname", "setdomainname", "KEYCTL_JOIN_SESSION_KEYRING", NULL };

	return is_one_of(name, list);
}

/* A null pointer at this argument (from 1) means no time limit or no condition. */
static bool null_waits(const char *name, int argument)
{
	static const char * const list[] = { "select 5", "pselect6 5", "ppoll 3", "rt_sigtimedwait 3", "FUTEX_WAIT 4",
		"FUTEX_WAIT_BITSET 4", "epoll_pwait2 4", NULL };
	char text[64];

	snprintf(text, sizeof(text), "%s %d", name, argument);
	return is_one_of(text, list);
}

static bool starts(const char *name, const char *start)
{
	return !strncmp(name, start, strlen(start));
}

/* A descriptor that takes the call so far that it looks at its pointers. */
static long descriptor_for(const char *name)
{
	static const char * const sockets[] = { "connect", "accept", "accept4", "sendto", "recvfrom", "sendmsg", "recvmsg",
		"bind", "getsockname", "getpeername", "setsockopt", "getsockopt", "sendmmsg", "recvmmsg", NULL };
	static const char * const at[] = { "mkdirat", "mknodat", "fchownat", "futimesat", "newfstatat", "unlinkat", "renameat",
		"renameat2", "linkat", "symlinkat", "readlinkat", "fchmodat", "faccessat", "faccessat2", "openat", "openat2",
		"utimensat", "statx", "getdents", "getdents64", "name_to_handle_at", NULL };

	if (is_one_of(name, sockets) || starts(name, "SIO"))
		return stream;
	if (is_one_of(name, at))
		return directory;
	if (starts(name, "epoll"))
		return epoll;
	if (starts(name, "timerfd"))
		return timer;
	if (starts(name, "inotify"))
		return notify;
	if (starts(name, "TC") || starts(name, "TIO"))
		return terminal;
	return file;
}

/* How many elements to pass where argument @number (from 1) says how many there are; 0: it does not. */
static long count_for(const struct syscall_desc *desc, int number)
{
	int i;

	for (i = 0; i < desc->arg_count; i++) {
		const struct syscall_arg *arg = &desc->arg[i];

		if (!arg->direction || arg->count_arg != number || arg->count_deref)
			continue;
		if (arg->kind == SYSCALL_ARG_FDSET)
			return 64;
		return arg->each == 1 ? BUFFER : 1;
	}
	return 0;
}

static long plain_value(const struct syscall_desc *desc, int i, const char *call)
{
	long count = count_for(desc, i + 1);

	if (count)
		return count;
	switch (desc->arg[i].kind) {
	case SYSCALL_ARG_FD:
		return descriptor_for(desc->name);
	case SYSCALL_ARG_SIG:
		return starts(call, "rt_sigaction") ? SIGUSR1 : 0;
	case SYSCALL_ARG_SIZE:
		return 8;
	default:
		return 0;
	}
}

/* Arguments that suit the call: pointers to zeros, paths of a file that is there. */
static void plausible(const struct syscall_desc *desc, const struct syscall_desc *row, unsigned long *value)
{
	int i;

	memset(end_of_map - PAGE, 0, PAGE);
	for (i = 0; i < 6; i++) {
		value[i] = 0;
		memset(good[i], 0, AREA / 2);
		if (i >= desc->arg_count)
			continue;
		if (desc->arg[i].kind == SYSCALL_ARG_PATH)
			strcpy(good[i], "target");
		if (desc->arg[i].direction)
			value[i] = (unsigned long)good[i];
		else
			value[i] = plain_value(desc, i, row->name);
	}
	if (starts(row->name, "futex"))
		value[2] = 1;		/* not the word's value: no waiting */
	if (!strcmp(row->name, "setrlimit"))
		value[0] = RLIMIT_CORE;	/* a limit of zero that does no harm */
	if (!strcmp(row->name, "prlimit64"))
		value[1] = RLIMIT_CORE;
	if (row != desc && row->op_arg)
		value[row->op_arg - 1] = desc->nr == SYSCALL_OP_OTHER ? 0x7777 : desc->nr;
}

static void show(const char *name, long result, long *last)
{
	const char *text = result < 0 && result > -4096 ? strerrorname_np(-result) : NULL;

	if (last && *last == result)
		return;
	if (text)
		printf(" %s=%s", name, text);
	else if (result < 0)
		printf(" %s=%s", name, "negative");
	else
		printf(" %s=%ld", name, result);
	*last = result;
}

static long call(unsigned long nr, const unsigned long *v)
{
	long result = syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5]);

	return result == -1 ? -errno : result;
}

/* What a call may have made must not be in the next one's way. */
static void tidy(void)
{
	int fd;

	syscall(SYS_close_range, 100, ~0u, 0);
	fd = open("target", O_CREAT | O_RDWR, 0644);
	if (fd >= 0)
		close(fd);
	unlink("new");
	lseek(file, 0, SEEK_SET);
}

/* What such a call returns differs from run to run; descriptors are closed again. */
static bool varies(const char *name)
{
	static const char * const list[] = { "open", "openat", "openat2", "creat", "memfd_create", "mq_open", "accept",
		"accept4", "pidfd_open", "inotify_add_watch", "time", "times", NULL };

	return is_one_of(name, list);
}

/* One byte may do for these: whether it is there depends on the stack's place. */
static bool is_string(const struct syscall_desc *desc, int i)
{
	return desc->arg[i].kind == SYSCALL_ARG_PATH || desc->arg[i].kind == SYSCALL_ARG_STR;
}

/* The LWK gives no addresses from here on to programs, so that it may refuse them earlier than Linux. */
static bool is_beyond(unsigned long address)
{
	return address >= LAST && address < LAST + 0x10000;
}

/*
 * Where Linux's answer is a matter of its inside: whether it takes a futex for one of a file when nobody has touched the
 * page, and how much of a CPU mask it reads, which depends on how many CPUs it was built for.
 */
static bool is_undefined(const char *call, const char *what)
{
	return (!strcmp(call, "futex") && !strcmp(what, "readonly")) ||
	       (!strcmp(call, "sched_setaffinity") && !strcmp(what, "end-9"));
}

static void try_argument(const struct syscall_desc *desc, const struct syscall_desc *row, int i)
{
	/* a call that waits all the same is interrupted, and its line tells */
	struct itimerval every_second = { { 1, 0 }, { 1, 0 } };
	unsigned long value[6];
	long result, unmapped_result = 0, last = -1000000;
	size_t w;

	printf("%s%s%s %d:", row == desc ? "" : row->name, row == desc ? "" : ".", desc->name, i + 1);
	for (w = 0; w < WRONG; w++) {
		if (!wrong[w].value && null_waits(desc->name, i + 1))
			continue;
		if ((wrong[w].value == LAST && is_string(desc, i)) || is_undefined(row->name, wrong[w].name))
			continue;
		setitimer(ITIMER_REAL, &every_second, NULL);
		plausible(desc, row, value);
		value[i] = wrong[w].value;
		result = call(row->nr, value);
		if (varies(row->name) && result > 0) {
			if (strncmp(row->name, "time", 4))
				close(result);
			result = 1;
		}
		if (!strcmp(wrong[w].name, "unmapped"))
			unmapped_result = result;
		if (!is_beyond(wrong[w].value) || (result != -EFAULT && result != unmapped_result))
			show(wrong[w].name, result, &last);
		tidy();
	}
	putchar('\n');
}

static void try_call(const struct syscall_desc *desc, const struct syscall_desc *row)
{
	int i;

	if (desc->disposition == SYSCALL_REFUSE || is_left_out(row->name) || is_left_out(desc->name))
		return;
	for (i = 0; i < desc->arg_count; i++) {
		if (desc->arg[i].direction)
			try_argument(desc, row, i);
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void prepare(void)
{
	char *p = mmap(NULL, 10 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction action = { .sa_handler = on_alarm };
	int sockets[2], i;

	if (p == MAP_FAILED)
		fail("mmap");
	for (i = 0; i < 6; i++)
		good[i] = p + i * AREA;
	end_of_map = p + 6 * AREA + PAGE;
	unmapped = end_of_map;
	readonly = p + 7 * AREA;
	none = p + 8 * AREA;
	memset(p + 6 * AREA, 0, PAGE);
	munmap(end_of_map, AREA - PAGE);
	mprotect(readonly, AREA, PROT_READ);
	mprotect(none, AREA, PROT_NONE);
	wrong[2].value = (unsigned long)unmapped;
	wrong[3].value = (unsigned long)none;
	wrong[4].value = (unsigned long)readonly;
	wrong[5].value = (unsigned long)end_of_map - 1;
	wrong[6].value = (unsigned long)end_of_map - 9;

	file = need("open", open("contents", O_RDWR | O_CREAT, 0600));
	memset(good[0], 'c', 10000);
	need("write", write(file, good[0], 10000));
	tidy();
	directory = need("open", open(".", O_RDONLY));
	terminal = need("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
	need("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets));
	stream = sockets[0];
	peer = sockets[1];
	epoll = need("epoll_create1", epoll_create1(0));
	timer = need("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	notify = need("inotify_init1", inotify_init1(IN_NONBLOCK));
	need("sigaction", sigaction(SIGALRM, &action, NULL));
	signal(SIGPIPE, SIG_IGN);
}

/* What is behind the argument of a call: two buffers, the second of which is replaced, and what else a message may have. */
struct behind {
	struct iovec vector[2];
	struct mmsghdr message[2];
	struct { void *at; size_t size; } mask;
};

enum place { BUFFER_OF_TWO, VECTOR, NAME, CONTROL, SECOND_MESSAGE };

static void set_behind(struct behind *b, enum place place, void *wrong_one)
{
	*b = (struct behind){ .vector = { { good[0], 8 }, { good[1], 8 } }, .mask = { wrong_one, 8 } };
	b->message[0].msg_hdr = b->message[1].msg_hdr = (struct msghdr){ .msg_iov = b->vector, .msg_iovlen = 2 };
	switch (place) {
	case BUFFER_OF_TWO:
		b->vector[1].iov_base = wrong_one;
		break;
	case VECTOR:
		b->message[0].msg_hdr.msg_iov = wrong_one;
		break;
	case NAME:
		b->message[0].msg_hdr.msg_name = wrong_one;
		b->message[0].msg_hdr.msg_namelen = 16;
		break;
	case CONTROL:
		b->message[0].msg_hdr.msg_control = wrong_one;
		b->message[0].msg_hdr.msg_controllen = 32;
		break;
	case SECOND_MESSAGE:
		b->message[1].msg_hdr.msg_iov = wrong_one;
	}
}

static long call_behind(unsigned long nr, struct behind *b, int fd)
{
	struct timespec now = { 0, 0 };
	char bytes[64] = "";
	long result;

	if (fd == stream)
		need("write", write(peer, bytes, sizeof(bytes)));
	switch (nr) {
	case SYS_readv:
	case SYS_writev:
		result = syscall(nr, fd, b->vector, 2);
		break;
	case SYS_sendmsg:
	case SYS_recvmsg:
		result = syscall(nr, fd, b->message, 0);
		break;
	case SYS_pselect6:
		result = syscall(nr, 0, NULL, NULL, NULL, &now, &b->mask);
		break;
	default:
		result = syscall(nr, fd, b->message, 2, 0, NULL);
	}
	result = result == -1 ? -errno : result;
	while (recv(stream, bytes, sizeof(bytes), 0) > 0 || recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return result;
}

static void try_behind(const char *name, unsigned long nr, enum place place, int fd)
{
	long result, unmapped_result = 0, last = -1000000;
	struct behind b;
	size_t w;

	printf("%s:", name);
	for (w = 1; w < WRONG; w++) {
		set_behind(&b, place, (void *)wrong[w].value);
		result = call_behind(nr, &b, fd);
		if (!strcmp(wrong[w].name, "unmapped"))
			unmapped_result = result;
		if (!is_beyond(wrong[w].value) || (result != -EFAULT && result != unmapped_result))
			show(wrong[w].name, result, &last);
	}
	putchar('\n');
}

static void try_all_behind(void)
{
	try_behind("buffer of readv", SYS_readv, BUFFER_OF_TWO, stream);
	try_behind("buffer of writev", SYS_writev, BUFFER_OF_TWO, stream);
	try_behind("buffer of writev, bad descriptor", SYS_writev, BUFFER_OF_TWO, -1);
	try_behind("buffer of sendmsg", SYS_sendmsg, BUFFER_OF_TWO, stream);
	try_behind("buffer of sendmsg, bad descriptor", SYS_sendmsg, BUFFER_OF_TWO, -1);
	try_behind("vector of sendmsg", SYS_sendmsg, VECTOR, stream);
	try_behind("name of sendmsg", SYS_sendmsg, NAME, stream);
	try_behind("control of sendmsg", SYS_sendmsg, CONTROL, stream);
	try_behind("buffer of recvmsg", SYS_recvmsg, BUFFER_OF_TWO, stream);
	try_behind("vector of recvmsg", SYS_recvmsg, VECTOR, stream);
	try_behind("buffer of sendmmsg", SYS_sendmmsg, BUFFER_OF_TWO, stream);
	try_behind("second message of sendmmsg", SYS_sendmmsg, SECOND_MESSAGE, stream);
	try_behind("vector of recvmmsg", SYS_recvmmsg, VECTOR, stream);
	try_behind("second message of recvmmsg", SYS_recvmmsg, SECOND_MESSAGE, stream);
	try_behind("mask of pselect6", SYS_pselect6, BUFFER_OF_TWO, -1);
}

int main(int argc, char **argv)
{
	const struct syscall_desc *row;
	unsigned long nr, tried = 0;
	int sub;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	for (nr = 0; nr <= SYSCALL_NR_MAX; nr++) {
		if (syscall_desc_index(nr) < 0)
			continue;
		row = &syscall_descs[syscall_desc_index(nr)];
		if (argc > 1 && strcmp(argv[1], row->name))
			continue;
		tried++;
		if (!row->op_arg)
			try_call(row, row);
		for (sub = 0; row->op_arg && sub < row->sub_count; sub++)
			try_call(&syscall_descs[row->first_sub + sub], row);
	}
	if (argc == 1)
		try_all_behind();
	printf("calls: %lu\n", tried);
	return 0;
}
