// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls on files, pipes, sockets and what waits for them, in the current directory, with buffers in memory of several kinds.
 * Descriptors are what Linux determines: the lowest free numbers. Inode numbers, times and the order of a directory are left out.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "random.h"

#define MOST		24		/* descriptors */
#define NAMES		8
#define FILE_MOST	20000l
#define AREA_PAGES	8		/* 0-1 writable, 2 read-only, 3 not mapped, 4-5 writable and shared, 6 not accessible, 7 writable */

static const char *const names[NAMES] = { "a", "b", "c", "d/a", "d/b", "d", "link", "nowhere/a" };
static int fds[MOST], count;
static int first_free;
static char *area;

/* ---- Choices ---- */

static int some_fd(void)
{
	return count && !chance(3) ? fds[pick(count)] : (int)pick_of(-1, 999, AT_FDCWD);
}

/* Event counters and their like have one inode for the whole machine: who else has locked it is not for us to know. */
static bool has_own_locks(int fd)
{
	struct stat st;

	return fstat(fd, &st) || st.st_mode & S_IFMT;
}

static const char *some_name(void)
{
	return names[pick(NAMES)];
}

static char *some_buffer(void)
{
	char *p = area + PAGE * pick_of(0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7) + (chance(50) ? 0 : pick(PAGE));

	t_arg("at", p - area);
	return p;
}

static long some_size(void)
{
	long n = pick_of(0, 1, 7, 100, 511, 1000, PAGE, PAGE + 1, 6000, 9000);

	t_arg("bytes", n);
	return n;
}

static long keep(long fd)
{
	t_ret("fd", fd);
	if (fd >= 0 && count < MOST)
		fds[count++] = fd;
	else if (fd >= 0)
		raw(close, fd);
	return fd;
}

/* What may have been read. */
static void t_area(void)
{
	t_str(" ");
	t_hex(hash_bytes(hash_bytes(hash_bytes(1, area, 3 * PAGE), area + 4 * PAGE, 2 * PAGE), area + 7 * PAGE, PAGE));
}

/* ---- Operations ---- */

static void op_open(void)
{
	long flags = pick_of(O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_RDWR) | pick_of(0, O_CREAT, O_CREAT, O_CREAT | O_EXCL) |
		     pick_of(0, 0, 0, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH);
	const char *name = some_name();

	t_str(" open ");
	t_str(name);
	t_arg("flags", flags);
	keep(raw(openat, chance(90) ? AT_FDCWD : some_fd(), name, flags | O_NONBLOCK, pick_of(0644, 0600, 0755)));
}

static void op_close(void)
{
	int i = count ? pick(count) : 0;

	t_str(" close");
	if (!count)
		return;
	t_arg("fd", fds[i]);
	t_ret("ret", raw(close, fds[i]));
	fds[i] = fds[--count];
}

static void op_dup(void)
{
	int fd = some_fd(), kind = pick(3);

	t_str(" dup");
	t_arg("of", fd);
	if (kind == 0)
		keep(raw(dup, fd));
	else if (kind == 1)
		keep(raw(fcntl, fd, F_DUPFD_CLOEXEC, 20 + pick(10)));
	else if (count)
		t_ret("dup3", raw(dup3, fd, fds[pick(count)], pick_of(0, O_CLOEXEC)));
}

static void op_write(void)
{
	int fd = some_fd();
	char *p;
	long n;

	t_str(" write");
	t_arg("fd", fd);
	p = some_buffer();
	n = some_size();
	if (chance(60))
		t_ret("ret", raw(write, fd, p, n));
	else
		t_ret("pwrite", raw(pwrite64, fd, p, n, pick_of(0, 100, PAGE, FILE_MOST - 10000, -1)));
}

static void op_read(void)
{
	int fd = some_fd();
	char *p;
	long n;

	t_str(" read");
	t_arg("fd", fd);
	p = some_buffer();
	n = some_size();
	if (chance(60))
		t_ret("ret", raw(read, fd, p, n));
	else
		t_ret("pread", raw(pread64, fd, p, n, pick_of(0, 100, PAGE, -1)));
	t_area();
}

static void op_vector(void)
{
	struct iovec v[3];
	int i, fd = some_fd(), n = pick_of(1, 2, 3, 3, 0, -1);

	t_str(" vector");
	t_arg("fd", fd);
	for (i = 0; i < 3; i++) {
		v[i].iov_base = some_buffer();
		v[i].iov_len = some_size();
	}
	if (chance(50))
		t_ret("readv", raw(readv, fd, v, n));
	else
		t_ret("writev", raw(writev, fd, v, n));
	t_area();
}

static void op_seek(void)
{
	int fd = some_fd();

	t_str(" seek");
	t_arg("fd", fd);
	t_ret("ret", raw(lseek, fd, pick_of(0, 0, 10, 5000, -1, FILE_MOST), pick_of(SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 9)));
}

static void op_truncate(void)
{
	int fd = some_fd();

	t_str(" truncate");
	t_arg("fd", fd);
	t_ret("ret", raw(ftruncate, fd, pick_of(0, 1, 4095, PAGE, FILE_MOST, -1)));
	t_ret("name", raw(truncate, some_name(), pick_of(0, 3000)));
}

static void op_flags(void)
{
	int fd = some_fd();

	t_str(" flags");
	t_arg("fd", fd);
	switch (pick(5)) {
	case 0: t_ret("getfd", raw(fcntl, fd, F_GETFD)); break;
	case 1: t_ret("setfd", raw(fcntl, fd, F_SETFD, pick(2))); break;
	case 2: t_ret("getfl", raw(fcntl, fd, F_GETFL)); break;
	case 3: t_ret("setfl", raw(fcntl, fd, F_SETFL, O_NONBLOCK | pick_of(0, O_APPEND))); break;
	case 4: t_ret("flock", raw(flock, has_own_locks(fd) ? fd : -1, pick_of(LOCK_SH, LOCK_EX, LOCK_UN) | LOCK_NB)); break;
	}
}

static void op_lock(void)
{
	struct flock lock = { .l_type = pick_of(F_RDLCK, F_WRLCK, F_UNLCK), .l_start = pick(100), .l_len = pick(100) };
	int fd = some_fd();

	t_str(" lock");
	t_arg("fd", fd);
	t_ret("ret", raw(fcntl, has_own_locks(fd) ? fd : -1, pick_of(F_SETLK, F_GETLK, F_OFD_SETLK, F_OFD_GETLK), &lock));
	t_arg("type", lock.l_type);
	t_arg("start", lock.l_start);
}

static void op_name(void)
{
	const char *a = some_name(), *b = some_name();
	int kind = pick(8);

	t_str(" name ");
	t_str(a);
	t_str(" ");
	t_str(b);
	t_arg("kind", kind);
	switch (kind) {
	case 0: t_ret("rename", raw(renameat2, AT_FDCWD, a, AT_FDCWD, b, pick_of(0, 0, 1, 2))); break;
	case 1: t_ret("link", raw(linkat, AT_FDCWD, a, AT_FDCWD, b, 0)); break;
	case 2: t_ret("symlink", raw(symlink, b, a)); break;
	case 3: t_ret("unlink", raw(unlink, a)); break;
	case 4: t_ret("mkdir", raw(mkdir, a, 0755)); break;
	case 5: t_ret("rmdir", raw(rmdir, a)); break;
	case 6: t_ret("chmod", raw(chmod, a, pick_of(0644, 0400, 0))); break;
	case 7: t_ret("access", raw(access, a, pick(8))); break;
	}
}

static void t_stat(const struct stat *st)
{
	t_arg("mode", st->st_mode);
	t_arg("links", S_ISDIR(st->st_mode) ? 0 : st->st_nlink);
	t_arg("size", S_ISDIR(st->st_mode) ? 0 : st->st_size);
}

static void op_stat(void)
{
	struct stat st = { 0 };
	char target[16];
	long n;

	t_str(" stat");
	if (chance(50))
		n = t_ret("fstat", raw(fstat, some_fd(), &st));
	else
		n = t_ret("name", raw(newfstatat, AT_FDCWD, some_name(), &st, pick_of(0, AT_SYMLINK_NOFOLLOW)));
	if (!n)
		t_stat(&st);
	n = t_ret("readlink", raw(readlink, "link", target, 5));
	t_hex(hash_bytes(1, target, n > 0 ? n : 0));
	t_ret("limit", raw(getrlimit, RLIMIT_CORE, some_buffer()));
}

static void op_list(void)
{
	static char entries[4096];
	uint64_t sum = 0;
	long n, at, fd;

	t_str(" list");
	fd = raw(openat, AT_FDCWD, pick_of(0, 1) ? "d" : ".", O_RDONLY | O_DIRECTORY);
	t_ret("fd", fd);
	n = raw(getdents64, fd, entries, sizeof(entries));
	for (at = 0; at < n;) {
		struct dirent64 *e = (void *)(entries + at);

		sum += hash_bytes(e->d_type, e->d_name, strlen(e->d_name));
		at += e->d_reclen;
	}
	t_ret("ret", n < 0 ? n : 0);
	t_hex(sum);
	if (fd >= 0)
		raw(close, fd);
}

static void op_make(void)
{
	int pair[2], kind = pick(5), i;
	long ret = 0;

	t_str(" make");
	t_arg("kind", kind);
	if (kind == 0)
		ret = raw(pipe2, pair, O_NONBLOCK);
	else if (kind == 1)
		ret = raw(socketpair, AF_UNIX, pick_of(SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET) | SOCK_NONBLOCK, 0, pair);
	else if (kind == 2)
		keep(raw(eventfd2, pick(3), EFD_NONBLOCK | pick_of(0, EFD_SEMAPHORE)));
	else if (kind == 3)
		keep(raw(epoll_create1, 0));
	else
		keep(raw(memfd_create, "random", pick_of(0, MFD_ALLOW_SEALING)));
	t_ret("ret", ret);
	for (i = 0; kind < 2 && !ret && i < 2; i++)
		keep(pair[i]);
}

static void op_poll(void)
{
	struct pollfd p[4];
	int i;

	t_str(" poll");
	for (i = 0; i < 4; i++)
		p[i] = (struct pollfd){ some_fd(), pick(32), 0 };
	t_ret("ret", raw(poll, p, 4, 0));
	for (i = 0; i < 4; i++)
		t_arg("events", p[i].revents);
}

static void op_epoll(void)
{
	struct epoll_event e = { .events = pick_of(EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT | EPOLLET), .data.u64 = pick(100) }, got[1];
	int fd = some_fd(), of = some_fd();
	long n;

	t_str(" epoll");
	t_arg("fd", fd);
	t_arg("of", of);
	t_ret("ctl", raw(epoll_ctl, fd, pick_of(EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD), of, &e));
	n = t_ret("wait", raw(epoll_wait, fd, got, 1, 0));
	if (n == 1) {
		t_arg("events", got[0].events);
		t_arg("data", got[0].data.u64);
	}
}

static void op_move(void)
{
	int in = some_fd(), out = some_fd(), kind = pick(4);
	long n = pick_of(1, 100, PAGE, 9000);

	t_str(" move");
	t_arg("in", in);
	t_arg("out", out);
	t_arg("bytes", n);
	switch (kind) {
	case 0: t_ret("splice", raw(splice, in, NULL, out, NULL, n, SPLICE_F_NONBLOCK)); break;
	case 1: t_ret("sendfile", raw(sendfile, out, in, NULL, n)); break;
	case 2: t_ret("copy", raw(copy_file_range, in, NULL, out, NULL, n, 0)); break;
	case 3: t_ret("tee", raw(tee, in, out, n, SPLICE_F_NONBLOCK)); break;
	}
}

static void op_space(void)
{
	int fd = some_fd();

	t_str(" space");
	t_arg("fd", fd);
	t_ret("fallocate", raw(fallocate, fd, pick_of(0, 1, 3), pick_of(0, 100, PAGE), pick_of(0, 100, PAGE)));
	t_ret("seals", raw(fcntl, fd, F_GET_SEALS));
	if (chance(20))
		t_ret("seal", raw(fcntl, fd, F_ADD_SEALS, pick_of(F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK)));
}

/* Bytes, and perhaps a descriptor, through a socket. */
static void op_message(void)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec v;
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fd = some_fd(), passed = some_fd();
	bool sends = chance(50);

	t_str(sends ? " sendmsg" : " recvmsg");
	t_arg("fd", fd);
	v.iov_base = some_buffer();
	v.iov_len = some_size();
	memset(&control, 0, sizeof(control));
	control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	if (sends && chance(50))
		m.msg_controllen = 0;
	t_arg("passed", sends && m.msg_controllen ? passed : -2);
	if (sends) {
		t_ret("ret", raw(sendmsg, fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
		return;
	}
	if (t_ret("ret", raw(recvmsg, fd, &m, MSG_DONTWAIT | pick_of(0, MSG_PEEK, MSG_CMSG_CLOEXEC))) >= 0 && m.msg_controllen) {
		memcpy(&passed, CMSG_DATA(&control.header), sizeof(passed));
		keep(passed);
	}
	t_arg("flags", m.msg_flags);
	t_area();
}

static const struct operation operations[] = {
	{ 16, op_open }, { 6, op_close }, { 5, op_dup }, { 16, op_write }, { 14, op_read }, { 6, op_vector }, { 6, op_seek }, { 4, op_truncate },
	{ 5, op_flags }, { 3, op_lock }, { 10, op_name }, { 5, op_stat }, { 2, op_list }, { 8, op_make }, { 4, op_poll }, { 5, op_epoll },
	{ 7, op_move }, { 3, op_space }, { 8, op_message },
};

static void file_op(int index)
{
	run_one(operations, sizeof(operations) / sizeof(*operations));
	(void)index;
}

static void file_prepare(void)
{
	first_free = ALWAYS(dup(0));
	close(first_free);
	signal(SIGPIPE, SIG_IGN);
}

static void file_begin(void)
{
	area = mmap((void *)0x210000000000, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ALWAYS(area == MAP_FAILED ? -1 : 0);
	ALWAYS(raw(mmap, area + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	fill_bytes(area, AREA_PAGES * PAGE, 3);
	raw(umask, 022);
	ALWAYS(mprotect(area + 2 * PAGE, PAGE, PROT_READ));
	ALWAYS(munmap(area + 3 * PAGE, PAGE));
	ALWAYS(mprotect(area + 6 * PAGE, PAGE, PROT_NONE));
	mkdir("d", 0755);
}

/* Everything below the open directory, which is closed. */
static void remove_below(int dir)
{
	char entries[2048];
	long n, at;

	while ((n = raw(getdents64, dir, entries, sizeof(entries))) > 0) {
		for (at = 0; at < n;) {
			struct dirent64 *e = (void *)(entries + at);

			at += e->d_reclen;
			if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !raw(unlinkat, dir, e->d_name, 0))
				continue;
			remove_below(ALWAYS(openat(dir, e->d_name, O_RDONLY | O_DIRECTORY)));
			ALWAYS(raw(unlinkat, dir, e->d_name, AT_REMOVEDIR));
		}
		raw(lseek, dir, 0, SEEK_SET);
		if (n <= 48)		/* the directory and its parent are left */
			break;
	}
	close(dir);
}

static void file_end(void)
{

	t_arg("descriptors", count);
	t_area();
	count = 0;
	raw(close_range, first_free, ~0u, 0);
	remove_below(ALWAYS(open(".", O_RDONLY | O_DIRECTORY)));
}

const struct group file_group = { "file", 60, file_prepare, file_begin, file_op, file_end };
