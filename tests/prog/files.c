// SPDX-License-Identifier: GPL-2.0
/*
 * File calls, in the current directory, which must be empty and writable.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static void basics(void)
{
	char buffer[64] = "";
	int fd;

	say("open missing", open("missing", O_RDONLY));
	fd = say("create", open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	say("create again", open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	say("write", write(fd, "hello, world\n", 13));
	say("lseek", lseek(fd, 7, SEEK_SET));
	say("read", read(fd, buffer, 5));
	printf("text: %s\n", buffer);
	say("lseek end", lseek(fd, -3, SEEK_END));
	say("lseek back", lseek(fd, -100, SEEK_CUR));
	say("pread", pread(fd, buffer, 4, 1));
	printf("text: %s\n", buffer);
	say("pwrite", pwrite(fd, "J", 1, 0));
	say("position", lseek(fd, 0, SEEK_CUR));
	say("ftruncate", ftruncate(fd, 5));
	say("read at the end", pread(fd, buffer, sizeof(buffer), 5));
	say("ftruncate longer", ftruncate(fd, 20));
	say("read", pread(fd, buffer, sizeof(buffer), 0));
	ok("text", !memcmp(buffer, "Jello\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
	say("fsync", fsync(fd));
	say("fdatasync", fdatasync(fd));
	say("close", close(fd));
	say("close again", close(fd));
	say("write to closed", write(fd, "x", 1));
	say("read of bad descriptor", read(-1, buffer, 1));
	fd = say("open to append", open("a", O_WRONLY | O_APPEND));
	say("append", write(fd, "tail", 4));
	say("size", lseek(fd, 0, SEEK_END));
	say("read of a write-only", read(fd, buffer, 1));
	close(fd);
	fd = say("O_TRUNC", open("a", O_RDWR | O_TRUNC));
	say("size", lseek(fd, 0, SEEK_END));
	close(fd);
}

static void vectors(void)
{
	char a[4] = "", b[4] = "", c[16] = "";
	struct iovec out[] = { { "abc", 3 }, { "", 0 }, { "defg", 4 }, { "hi", 2 } };
	struct iovec in[] = { { a, 2 }, { b, 3 }, { c, 10 } };
	int fd = need("open", open("v", O_RDWR | O_CREAT, 0600));

	say("writev", writev(fd, out, 4));
	say("lseek", lseek(fd, 0, SEEK_SET));
	say("readv", readv(fd, in, 3));
	printf("text: %s %s %s\n", a, b, c);
	say("preadv", preadv(fd, in, 2, 4));
	printf("text: %s %s\n", a, b);
	say("pwritev", pwritev(fd, out, 1, 20));
	say("size", lseek(fd, 0, SEEK_END));
	say("readv of -1", syscall(SYS_readv, fd, in, -1));
	say("writev of 1025", syscall(SYS_writev, fd, out, 1025));
	out[1].iov_base = (void *)(1l << 62);
	out[1].iov_len = 1;
	say("writev from no memory", writev(fd, out, 4));
	out[3].iov_len = -1;
	say("and a negative length", writev(fd, out, 4));
	close(fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

/* What Linux reads at the vDSO's address, also when the program has put something else there. */
static void kernel_pages(void)
{
	char *vdso = (char *)getauxval(AT_SYSINFO_EHDR), got[4] = "";
	int p[2], status;

	need("pipe", pipe(p));
	say("write of the vDSO", write(p[1], vdso, 4));
	say("read", read(p[0], got, 4));
	say("is ELF", !memcmp(got, "\177ELF", 4));
	if (!fork()) {
		syscall(SYS_mmap, vdso, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		memcpy(vdso, "mine", 4);
		_exit(write(p[1], vdso, 4) != 4);
	}
	wait(&status);
	say("child", status);
	close(p[1]);	/* from Linux 6.16 on the vDSO may be sealed (mseal(2)): then nothing was written */
	say("read again", read(p[0], got, 4));
	printf("%.4s\n", got);
	say("read into it", read(open("/dev/zero", O_RDONLY), vdso, 1));
	close(p[0]);
}

static void directories(void)
{
	char *names[512], cwd[4096];
	struct dirent *entry;
	int i, count = 0, fd;
	DIR *dir;

	say("mkdir", mkdir("d", 0755));
	say("mkdir again", mkdir("d", 0755));
	for (i = 0; i < 300; i++) {
		char name[32];

		sprintf(name, "d/file-%03d", i);
		close(need("open", open(name, O_CREAT | O_WRONLY, 0600)));
	}
	dir = opendir("d");
	while (dir && (entry = readdir(dir)) && count < 512)
		names[count++] = strdup(entry->d_name);
	qsort(names, count, sizeof(*names), by_name);
	printf("entries: %d, %s, %s ... %s\n", count, names[0], names[2], names[count - 1]);
	closedir(dir);
	say("rmdir of a full one", rmdir("d"));
	say("chdir", chdir("d"));
	ok("getcwd", getcwd(cwd, sizeof(cwd)) && !strcmp(cwd + strlen(cwd) - 2, "/d"));
	say("getcwd too short", syscall(SYS_getcwd, cwd, 2));
	say("unlink", unlink("file-000"));
	say("unlink again", unlink("file-000"));
	say("rename", rename("file-001", "../renamed"));
	say("link", link("file-002", "linked"));
	say("symlink", symlink("../renamed", "pointer"));
	say("readlink", readlink("pointer", cwd, sizeof(cwd)));
	printf("%.10s\n", cwd);
	say("readlink of a file", readlink("linked", cwd, sizeof(cwd)));
	say("chdir up", chdir(".."));
	fd = say("open directory", open("d", O_RDONLY | O_DIRECTORY));
	say("openat", openat(fd, "pointer", O_RDONLY));
	say("openat no follow", openat(fd, "pointer", O_RDONLY | O_NOFOLLOW));
	say("mkdirat", mkdirat(fd, "sub", 0700));
	say("unlinkat", unlinkat(fd, "sub", 0));
	say("unlinkat directory", unlinkat(fd, "sub", AT_REMOVEDIR));
	say("faccessat", faccessat(fd, "file-003", X_OK, 0));
	say("read of a directory", read(fd, cwd, 10));
	say("fchdir", fchdir(fd));
	say("chdir up", chdir(".."));
	close(fd);
	for (i = 0; i < count; i++)
		free(names[i]);
}

static void attributes(void)
{
	struct timespec times[2] = { { 1000000000, 500 }, { 1100000000, 600 } };
	struct statx sx;
	struct statfs sf;
	struct stat st;

	say("chmod", chmod("a", 0604));
	say("utimensat", utimensat(AT_FDCWD, "a", times, 0));
	say("stat", stat("a", &st));
	printf("mode %o links %ld size %ld mtime %ld.%03ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size,
	       (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	say("lstat", lstat("d/pointer", &st));
	printf("mode %o\n", st.st_mode & S_IFMT);
	say("statx", statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &sx));
	printf("mode %o size %lld\n", sx.stx_mode, sx.stx_size);
	say("stat missing", stat("missing", &st));
	say("stat under a file", stat("a/b", &st));
	say("access", access("a", R_OK));
	say("access missing", access("missing", F_OK));
	say("truncate", truncate("a", 12345));
	say("stat", stat("a", &st));
	say("size", st.st_size);
	say("statfs", statfs(".", &sf));
	say("umask", umask(077));
	close(need("open", open("masked", O_CREAT | O_WRONLY, 0666)));
	stat("masked", &st);
	printf("mode %o\n", st.st_mode);
	say("long name", open(memset(memset(malloc(5000), 0, 5000), 'x', 4999), O_RDONLY));
	say("empty name", open("", O_RDONLY));
}

static void descriptors(void)
{
	int a = need("open", open("a", O_RDWR)), b;
	struct flock lock = { .l_type = F_WRLCK, .l_len = 10 };
	int value;

	b = say("dup", dup(a));
	say("dup2", dup2(a, 50));
	say("dup3 to itself", dup3(a, a, 0));
	say("dup2 of bad", dup2(999, 5));
	say("shared position", (lseek(a, 5, SEEK_SET), lseek(b, 0, SEEK_CUR)));
	say("F_DUPFD", fcntl(a, F_DUPFD, 60));
	say("F_GETFD", fcntl(a, F_GETFD));
	say("F_SETFD", fcntl(a, F_SETFD, FD_CLOEXEC));
	say("F_GETFD", fcntl(a, F_GETFD));
	say("F_GETFL", fcntl(a, F_GETFL) & ~0100000);
	say("F_SETFL", fcntl(a, F_SETFL, O_APPEND | O_NONBLOCK));
	say("F_GETFL", fcntl(a, F_GETFL) & ~0100000);
	say("F_SETLK", fcntl(a, F_SETLK, &lock));
	say("F_GETLK", fcntl(a, F_GETLK, &lock));
	say("lock type", lock.l_type);
	say("flock", flock(a, LOCK_EX | LOCK_NB));
	say("fcntl unknown", fcntl(a, 9999));
	say("ioctl of a file", ioctl(a, TIOCGWINSZ, &value));
	say("FIONREAD", ioctl(a, FIONREAD, &value));
	say("isatty", isatty(a));
	say("close_range", close_range(50, 70, 0));
	say("closed", fcntl(60, F_GETFD));
	close(a);
	close(b);
}

static void pipes(void)
{
	char buffer[16] = "";
	struct pollfd p[2];
	int ends[2], value;

	say("pipe2", pipe2(ends, O_NONBLOCK));
	say("read empty", read(ends[0], buffer, 8));
	p[0] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
	say("poll", poll(p, 2, 0));
	printf("events: %x %x\n", p[0].revents, p[1].revents);
	say("write", write(ends[1], "pipe", 4));
	say("FIONREAD", ioctl(ends[0], FIONREAD, &value));
	say("bytes", value);
	say("poll", poll(p, 2, -1));
	printf("events: %x %x\n", p[0].revents, p[1].revents);
	say("read", read(ends[0], buffer, 16));
	printf("text: %s\n", buffer);
	say("lseek", lseek(ends[0], 0, SEEK_SET));
	close(ends[1]);
	say("read at the end", read(ends[0], buffer, 16));
	close(ends[0]);
}

static void events(void)
{
	struct itimerspec soon = { .it_value = { 0, 2000000 } };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x123456789abcdef0 };
	int e = say("epoll_create1", epoll_create1(0)), fd = say("eventfd", eventfd(3, EFD_NONBLOCK)), t;
	uint64_t value = 4;
	fd_set set;

	say("epoll_ctl", epoll_ctl(e, EPOLL_CTL_ADD, fd, &event));
	say("epoll_ctl again", epoll_ctl(e, EPOLL_CTL_ADD, fd, &event));
	event.data.u64 = 0;
	say("epoll_wait", epoll_wait(e, &event, 1, 100));
	ok("its data", event.data.u64 == 0x123456789abcdef0);
	say("write", write(fd, &value, 8));
	say("read", read(fd, &value, 8));
	say("value", value);
	say("read again", read(fd, &value, 8));
	say("read of 4", read(fd, &value, 4));
	say("epoll_wait", epoll_wait(e, &event, 1, 1));
	t = say("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
	say("timerfd_settime", timerfd_settime(t, 0, &soon, NULL));
	say("read timer", read(t, &value, 8));
	say("expirations", value);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	value = 1;
	say("write", write(fd, &value, 8));
	say("select", select(fd + 1, &set, NULL, NULL, NULL));
	ok("is set", FD_ISSET(fd, &set));
	say("select of nothing", select(0, NULL, NULL, NULL, &(struct timeval){ 0, 1000 }));
	close(t);
	close(e);
	close(fd);
}

static void transfers(void)
{
	int a = need("open", open("v", O_RDWR)), b = need("open", open("copy", O_RDWR | O_CREAT, 0600)), ends[2];
	off_t offset = 1;
	char text[8] = "";

	say("sendfile", sendfile(b, a, &offset, 5));
	say("offset", offset);
	need("pipe", pipe(ends));
	offset = 2;
	say("splice", splice(a, &offset, ends[1], NULL, 4, 0));
	say("read", read(ends[0], text, 8));
	printf("text: %s\n", text);
	say("copy_file_range", copy_file_range(a, &(off_t){ 0 }, b, &(off_t){ 100 }, 3, 0));
	say("size", lseek(b, 0, SEEK_END));
	say("fallocate", fallocate(b, FALLOC_FL_KEEP_SIZE, 0, 10));
	say("posix_fadvise", posix_fadvise(b, 0, 0, POSIX_FADV_SEQUENTIAL));
	close(ends[0]);
	close(ends[1]);
	close(a);
	close(b);
}

static void others(void)
{
	char buffer[256];
	int fd = say("memfd_create", memfd_create("name", 0)), i;

	say("write", write(fd, "memory", 6));
	say("pread", pread(fd, buffer, 6, 0));
	close(fd);
	i = say("inotify", inotify_init1(IN_NONBLOCK));
	say("watch", inotify_add_watch(i, ".", IN_CREATE));
	close(need("open", open("watched", O_CREAT | O_WRONLY, 0600)));
	ok("event", read(i, buffer, sizeof(buffer)) > 0);
	close(i);
	fd = open("/dev/zero", O_RDONLY);
	memset(buffer, 1, sizeof(buffer));
	say("read zeros", read(fd, buffer, sizeof(buffer)));
	ok("zeros", is_zero((unsigned char *)buffer, sizeof(buffer)));
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	say("write to full", write(fd, "x", 1));
	close(fd);
	say("sync", (sync(), 0));
	say("mknod fifo", mknod("fifo", S_IFIFO | 0600, 0));
	say("open fifo", open("fifo", O_WRONLY | O_NONBLOCK));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
	basics();
	vectors();
	kernel_pages();
	directories();
	attributes();
	descriptors();
	pipes();
	events();
	transfers();
	others();
	return 0;
}
