// SPDX-License-Identifier: GPL-2.0
/*
 * One process looks into the memory of another, or of its own, and changes it: process_vm_readv(2), process_vm_writev(2), /proc/PID/mem,
 * process_madvise(2), process_mrelease(2).
 *
 *	peek self
 *	peek victim spin|pause|read	makes memory, writes where it is to the file "where", ends when it finds a word changed, or at
 *					the end of its input, and says what others have changed
 *	peek at PID			looks at a victim, changes its memory, and lets it end
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define PAGE	4096ul
#define LARGE	(2ul << 20)

struct places {
	char *touched, *untouched, *file, *read_only, *forbidden, *shared, *copied, *hole;
	volatile int *done;
};

static char *map(int fd, size_t size, int prot, int flags)
{
	char *p = mmap(NULL, size, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

/* The child keeps what the parent has as it is, and both have it copy on write. */
static void share_with_child(char *memory)
{
	int status;

	strcpy(memory, "before fork");
	if (need("fork", fork()) == 0)
		_exit(strcmp(memory, "before fork") != 0);
	wait(&status);
}

static void make_places(struct places *p, volatile int *done)
{
	int rw = PROT_READ | PROT_WRITE, fd = need("open", open("/proc/self/exe", O_RDONLY));

	p->touched = map(-1, 3 * LARGE, rw, MAP_PRIVATE);
	fill((unsigned char *)p->touched, 3 * LARGE, 1);
	p->untouched = map(-1, LARGE, rw, MAP_PRIVATE);
	p->file = map(fd, 4 * PAGE, rw, MAP_PRIVATE);
	p->read_only = map(-1, PAGE, PROT_READ, MAP_PRIVATE);
	p->forbidden = map(-1, PAGE, PROT_NONE, MAP_PRIVATE);
	p->shared = map(-1, 2 * PAGE, rw, MAP_SHARED);
	strcpy(p->shared, "shared");
	p->copied = map(-1, 2 * PAGE, rw, MAP_PRIVATE);
	share_with_child(p->copied);
	p->hole = map(-1, 3 * PAGE, rw, MAP_PRIVATE);
	munmap(p->hole + PAGE, PAGE);
	p->done = done;
	close(fd);
}

static ssize_t get(pid_t pid, void *to, const void *from, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)from, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

static ssize_t put(pid_t pid, void *to, const void *from, size_t size)
{
	struct iovec local = { (void *)from, size }, remote = { to, size };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

static void look(pid_t pid, const struct places *p)
{
	unsigned char *big = malloc(3 * LARGE);
	char text[64] = "", elf[4] = "";

	say("read much", get(pid, big, p->touched, 3 * LARGE));
	ok("it is all right", is_filled(big, 3 * LARGE, 1));
	say("read what is not there yet", get(pid, big, p->untouched, LARGE));
	ok("it is zero", is_zero(big, LARGE));
	say("read a file", get(pid, elf, p->file, sizeof(elf)));
	ok("it is a program", !memcmp(elf, "\177ELF", 4));
	say("read what may be read only", get(pid, text, p->read_only, 10));
	say("read what is forbidden", get(pid, text, p->forbidden, 10));
	say("read shared memory", get(pid, text, p->shared, 10));
	ok("shared", !strcmp(text, "shared"));
	say("read what was shared by fork", get(pid, text, p->copied, 20));
	ok("before fork", !strcmp(text, "before fork"));
	say("read up to a hole", get(pid, big, p->hole, 3 * PAGE));
	say("read a hole", get(pid, big, p->hole + PAGE, 10));
	say("read beyond all", get(pid, big, (void *)(1ul << 63), 10));
	say("read to nowhere", get(pid, (void *)8, p->touched, 10));
	free(big);
}

static void change(pid_t pid, const struct places *p)
{
	say("write", put(pid, p->touched + LARGE - 3, "across", 7));
	say("write where nothing is yet", put(pid, p->untouched + 5 * PAGE, "fresh", 6));
	say("write to a file's copy", put(pid, p->file + PAGE, "mine", 5));
	say("write to what was shared by fork", put(pid, p->copied, "after fork", 11));
	say("write to shared memory", put(pid, p->shared + PAGE, "new", 4));
	say("write to what may be read only", put(pid, p->read_only, "no", 3));
	say("write to what is forbidden", put(pid, p->forbidden, "no", 3));
	say("write up to a hole", put(pid, p->hole + PAGE - 2, "hole", 5));
}

static void vectors(pid_t pid, const struct places *p)
{
	char a[3] = "", b[8] = "";
	struct iovec local[2] = { { a, 3 }, { b, 5 } };
	struct iovec remote[3] = { { p->touched, 2 }, { p->copied, 4 }, { p->shared, 2 } };

	say("vectors of different shape", process_vm_readv(pid, local, 2, remote, 3, 0));
	say("first", !memcmp(a, p->touched, 2) || a[2] == 'a' || a[2] == 'b');
	printf("rest: %.5s\n", b);
	say("nothing local", process_vm_readv(pid, local, 0, remote, 3, 0));
	say("nothing remote", process_vm_readv(pid, local, 2, remote, 0, 0));
	say("too many", process_vm_readv(pid, local, 2, remote, 2000, 0));
	say("flags", process_vm_readv(pid, local, 2, remote, 3, 1));
	say("no array", process_vm_readv(pid, local, 2, (void *)8, 3, 0));
	say("array out of range", process_vm_readv(pid, local, 2, (void *)(-64ul), 3, 0));
	say("no process", process_vm_readv(0x3fffffff, local, 2, remote, 3, 0));
}

static void through_proc(pid_t pid, const struct places *p)
{
	char path[64], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = need("open mem", open(path, O_RDWR));
	say("read mem", pread(fd, text, 11, (off_t)p->copied));
	printf("text: %s\n", text);
	say("write mem", pwrite(fd, "by mem", 7, (off_t)p->copied + PAGE));
	say("read a hole of mem", pread(fd, text, 10, (off_t)p->hole + PAGE));
	close(fd);
}

static void advise(pid_t pid, const struct places *p)
{
	struct iovec range[2] = { { p->touched, LARGE }, { p->untouched, PAGE } };
	int fd = need("pidfd_open", syscall(SYS_pidfd_open, pid, 0));

	say("cold", syscall(SYS_process_madvise, fd, range, 2, MADV_COLD, 0));
	say("not for others", syscall(SYS_process_madvise, fd, range, 2, MADV_DONTFORK, 0));
	say("no such range", syscall(SYS_process_madvise, fd, (void *)8, 2, MADV_COLD, 0));
	say("release of the living", syscall(SYS_process_mrelease, fd, 0));
	close(fd);
}

static void report(const struct places *p)
{
	printf("touched: %s\n", p->touched + LARGE - 3);
	printf("untouched: %s\n", p->untouched + 5 * PAGE);
	printf("file: %s\n", p->file + PAGE);
	printf("copied: %s, %s\n", p->copied, p->copied + PAGE);
	printf("shared: %s\n", p->shared + PAGE);
	printf("hole: %.2s\n", p->hole + PAGE - 2);
	ok("read only memory is zero", is_zero((unsigned char *)p->read_only, PAGE));
	fflush(stdout);
}

static void wait_as(const char *way, const struct places *p)
{
	char byte;

	if (!strcmp(way, "read"))
		need("read", read(0, &byte, 1));
	while (!*p->done)
		if (!strcmp(way, "pause"))
			usleep(10000);
}

static void victim(const char *way)
{
	static volatile int done;
	struct places p;
	int fd;

	make_places(&p, &done);
	fd = need("open", open("where.new", O_WRONLY | O_CREAT | O_TRUNC, 0600));
	need("write", write(fd, &p, sizeof(p)));
	close(fd);
	rename("where.new", "where");
	wait_as(way, &p);
	report(&p);
}

static void at(pid_t pid)
{
	struct places p;
	int fd, one = 1;

	while ((fd = open("where", O_RDONLY)) < 0)
		usleep(10000);
	need("read", read(fd, &p, sizeof(p)));
	close(fd);
	unlink("where");
	usleep(50000);
	look(pid, &p);
	change(pid, &p);
	through_proc(pid, &p);
	advise(pid, &p);
	say("end", put(pid, (void *)p.done, &one, sizeof(one)));
}

int main(int argc, char **argv)
{
	static volatile int done;
	struct places p;

	if (argc == 3 && !strcmp(argv[1], "victim")) {
		victim(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "at")) {
		at(atoi(argv[2]));
	} else {
		make_places(&p, &done);
		look(getpid(), &p);
		change(getpid(), &p);
		vectors(getpid(), &p);
		through_proc(getpid(), &p);
		advise(getpid(), &p);
		report(&p);
	}
	return 0;
}
