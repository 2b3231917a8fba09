// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: mappings of files and of nothing, protection, holes, fixed places, the heap's end, contents at every step, and
 * what wrong arguments give. Needs an empty, writable current directory.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define PAGE	4096ul
#define MB	(1ul << 20)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define RW	(PROT_READ | PROT_WRITE)

static sigjmp_buf back;

static void handler(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static int readable(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return 0;
	(void)*p;
	return 1;
}

static int writable(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return 0;
	*p = *p;
	return 1;
}

static char *map(size_t size, int prot)
{
	char *p = mmap(NULL, size, prot, ANON, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static long map_error(void *address, size_t size, int prot, int flags, int fd, long offset)
{
	long p = syscall(SYS_mmap, address, size, prot, flags, fd, offset);

	return p == -1 ? -1 : 0;
}

static void anonymous(void)
{
	unsigned char *p = (void *)map(5 * MB, RW);

	ok("aligned", ((uintptr_t)p & 4095) == 0);
	ok("zero", is_zero(p, 5 * MB));
	fill(p, 5 * MB, 1);
	say("munmap in the middle", munmap(p + MB, 2 * MB));
	ok("below stays", is_filled(p, MB, 1));
	printf("readable: %d %d %d %d\n", readable((char *)p + MB - 1), readable((char *)p + MB),
	       readable((char *)p + 3 * MB - 1), readable((char *)p + 3 * MB));
	ok("fills the hole", mmap(p + MB, 2 * MB, RW, ANON | MAP_FIXED, -1, 0) == p + MB);
	ok("hole is zero", is_zero(p + MB, 2 * MB));
	ok("MAP_FIXED over used", mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p);
	ok("new page is zero", is_zero(p, PAGE));
	ok("next page is not", !is_zero(p + PAGE, PAGE));
	say("munmap", munmap(p, 5 * MB));
	say("munmap again", munmap(p, 5 * MB));
	printf("readable: %d\n", readable((char *)p));
	ok("MAP_FIXED_NOREPLACE", mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
	say("MAP_FIXED_NOREPLACE again", map_error(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	munmap(p, PAGE);
	p = (void *)map(300 * MB, RW);
	p[0] = p[150 * MB] = p[300 * MB - 1] = 7;
	ok("sparse", p[0] + p[150 * MB] + p[300 * MB - 1] + p[77 * MB] == 21);
	munmap(p, 300 * MB);
	ok("PROT_NONE of 100 GB", mmap(NULL, 100ul << 30, PROT_NONE, ANON | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

static void protection(void)
{
	char *p = map(8 * PAGE, RW);

	memset(p, 5, 8 * PAGE);
	say("mprotect", mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ));
	printf("writable: %d %d %d %d\n", writable(p + 2 * PAGE - 1), writable(p + 2 * PAGE), writable(p + 4 * PAGE - 1),
	       writable(p + 4 * PAGE));
	say("mprotect none", mprotect(p + 3 * PAGE, 3 * PAGE, PROT_NONE));
	printf("readable: %d %d %d %d\n", readable(p + 3 * PAGE - 1), readable(p + 3 * PAGE), readable(p + 6 * PAGE - 1),
	       readable(p + 6 * PAGE));
	say("mprotect all", mprotect(p, 8 * PAGE, RW));
	ok("contents stay", !memcmp(p, p + PAGE, 7 * PAGE) && *p == 5);
	say("mprotect of a hole", (munmap(p + PAGE, PAGE), mprotect(p, 3 * PAGE, PROT_READ)));
	say("mprotect unaligned", mprotect(p + 1, PAGE, PROT_READ));
	say("mprotect of nothing", mprotect(p, 0, PROT_READ));
	say("mprotect wrong bits", mprotect(p, PAGE, 0x100));
	p += 4 * PAGE;
	memcpy(p, "\xb8\x2a\0\0\0\xc3", 6);
	say("mprotect exec", mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	say("code", ((int (*)(void))p)());
	printf("writable: %d\n", writable(p));
}

static void files(void)
{
	int fd = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	unsigned char *data = malloc(3 * MB), *p, *q;

	fill(data, 3 * MB, 9);
	need("write", write(fd, data, 2 * MB + 100));
	p = mmap(NULL, 3 * MB, RW, MAP_PRIVATE, fd, 0);
	ok("private", p != MAP_FAILED && !memcmp(p, data, 2 * MB + 100));
	ok("zero behind the end", is_zero(p + 2 * MB + 100, PAGE - 100));
	printf("readable: %d %d\n", readable((char *)p + 2 * MB + PAGE - 1), readable((char *)p + 2 * MB + PAGE));
	p[10] = ~p[10];
	need("pread", pread(fd, data, 100, 0));
	ok("file unchanged", data[10] != p[10]);
	q = mmap(NULL, 2 * MB, PROT_READ, MAP_SHARED, fd, 0);
	ok("shared read-only", q != MAP_FAILED && !memcmp(q, data, 2 * MB));
	need("pwrite", pwrite(fd, "changed", 7, 4096));
	ok("shared sees a write", q != MAP_FAILED && !memcmp(q + 4096, "changed", 7));
	printf("writable: %d\n", writable((char *)q));
	munmap(q, 2 * MB);
	q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, MB);
	ok("offset", q != MAP_FAILED && !memcmp(q, data + MB, PAGE));
	say("unaligned offset", map_error(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100));
	close(fd);
	ok("after close", !memcmp(q, data + MB, PAGE));
	ok("MAP_FIXED over", mmap(p + MB, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + MB && is_zero(p + MB, PAGE));
	ok("neighbours stay", !memcmp(p + MB - PAGE, data + MB - PAGE, PAGE) && !memcmp(p + MB + PAGE, data + MB + PAGE, PAGE));
	fd = need("open", open("file", O_RDONLY));
	say("shared writable of read-only", map_error(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	say("private writable of read-only", map_error(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	close(fd);
	fd = need("open", open("file", O_WRONLY));
	say("of write-only", map_error(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
	say("of a directory", map_error(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0));
	say("of no file", map_error(NULL, PAGE, PROT_READ, MAP_PRIVATE, 777, 0));
	munmap(p, 3 * MB);
	free(data);
}

/* Memory of nothing, as it was asked for before there was MAP_ANONYMOUS. */
static void zero_device(void)
{
	int fd = need("open", open("/dev/zero", O_RDWR)), status;
	unsigned char *p = mmap(NULL, 3 * MB, RW, MAP_PRIVATE, fd, 5 * PAGE);
	unsigned char *q = mmap(NULL, MB, RW, MAP_SHARED, fd, 0);

	ok("/dev/zero", p != MAP_FAILED && q != MAP_FAILED);
	close(fd);
	ok("zero", is_zero(p, 3 * MB) && is_zero(q, MB));
	fill(p, 3 * MB, 4);
	if (need("fork", fork()) == 0) {
		ok("a copy", is_filled(p, 3 * MB, 4));
		memset(p, 0, 3 * MB);
		q[77] = 7;
		_exit(0);
	}
	wait(&status);
	ok("only what is shared changes", is_filled(p, 3 * MB, 4) && q[77] == 7);
	say("munmap", munmap(p, 3 * MB));
	say("munmap", munmap(q, MB));
	fd = need("open", open("/dev/zero", O_RDONLY));
	ok("private writable", mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	say("shared writable", map_error(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	say("unaligned offset", map_error(NULL, PAGE, RW, MAP_PRIVATE, fd, 1));
	close(fd);
	fd = need("open", open("/dev/zero", O_WRONLY));
	say("of write-only", map_error(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	close(fd);
	say("/dev/null", map_error(NULL, PAGE, PROT_READ, MAP_PRIVATE, open("/dev/null", O_RDONLY), 0));
}

static void arguments(void)
{
	say("length 0", map_error(NULL, 0, RW, ANON, -1, 0));
	say("length of everything", map_error(NULL, -PAGE, RW, ANON, -1, 0));
	say("neither shared nor private", map_error(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	say("MAP_FIXED unaligned", map_error((void *)0x12345, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("MAP_FIXED in the kernel", map_error((void *)0xffff800000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("MAP_FIXED at the end", map_error((void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("MAP_FIXED overflow", map_error((void *)0x600000000000, -PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("munmap unaligned", munmap((void *)0x12345, PAGE));
	say("munmap of length 0", munmap((void *)0x10000, 0));
	say("munmap where nothing ever is", syscall(SYS_munmap, 0x700000000000, PAGE));
	say("munmap beyond the end", syscall(SYS_munmap, 0x7ffffffff000 - PAGE, 2 * PAGE));
	say("munmap of the kernel", syscall(SYS_munmap, 0xffff800000000000, PAGE));
	say("munmap overflow", syscall(SYS_munmap, 0x600000000000, -PAGE));
	say("mprotect of the kernel", syscall(SYS_mprotect, 0xffff800000000000, PAGE, PROT_READ));
	say("madvise of a hole", madvise((void *)0x610000000000, PAGE, MADV_DONTNEED));
	say("madvise unknown", madvise((void *)0x610000000000, PAGE, 9999));
}

/* With pages that Linux has written to. */
static void everything_given_back(void)
{
	int status, zero = open("/dev/zero", O_RDONLY);
	char *p = map(PAGE, RW);

	fflush(stdout);
	if (fork() == 0) {
		read(zero, p, PAGE);
		munmap(NULL, 0x7fffffffe000);
		_exit(0);
	}
	wait(&status);
	say("a program that gives back all its memory", status);
	close(zero);
}

static void advice(void)
{
	unsigned char *p = (void *)map(4 * MB, RW);

	memset(p, 3, 4 * MB);
	say("MADV_DONTNEED", madvise(p + MB, MB, MADV_DONTNEED));
	ok("zero again", is_zero(p + MB, MB) && p[MB - 1] == 3 && p[2 * MB] == 3);
	say("MADV_HUGEPAGE", madvise(p, 4 * MB, MADV_HUGEPAGE));
	say("madvise unaligned", madvise(p + 1, PAGE, MADV_DONTNEED));
	munmap(p, 4 * MB);
}

static void heap(void)
{
	char *start = sbrk(0), *p;

	ok("sbrk", sbrk(3 * MB) == start);
	ok("zero", is_zero((unsigned char *)start, 3 * MB));
	memset(start, 1, 3 * MB);
	ok("shrink", sbrk(-2 * (long)MB) != (void *)-1);
	printf("readable: %d %d\n", readable(start + MB - 1), readable(start + 2 * MB));
	ok("grow", sbrk(2 * MB) != (void *)-1);
	ok("zero again", is_zero((unsigned char *)start + MB + PAGE, 2 * MB - PAGE));
	ok("brk to nonsense", syscall(SYS_brk, 0xffff800000000000) == (long)sbrk(0));
	ok("brk below", syscall(SYS_brk, 0x1000) == (long)sbrk(0));
	sbrk(-3 * (long)MB);
	p = malloc(100);
	ok("malloc", p != NULL);
	free(p);
}

/* A pseudo-random series of mappings; each keeps its pattern until it is given back. */
static void stress(void)
{
	struct { unsigned char *p; size_t size; } slot[64] = { { NULL, 0 } };
	unsigned int seed = 12345, i, n, bad = 0;

	for (n = 0; n < 1500; n++) {
		seed = seed * 1103515245 + 12345;
		i = seed >> 16 & 63;
		if (slot[i].p) {
			bad += !is_filled(slot[i].p, slot[i].size < 40000 ? slot[i].size : 40000, i);
			if (i & 1)
				free(slot[i].p);
			else
				bad += munmap(slot[i].p, slot[i].size) != 0;
			slot[i].p = NULL;
			continue;
		}
		slot[i].size = (seed >> 8 & 0x3ffff) + 1;
		slot[i].p = i & 1 ? malloc(slot[i].size) : (void *)map(slot[i].size, RW);
		if (!(i & 1))
			bad += !is_zero(slot[i].p, slot[i].size);
		fill(slot[i].p, slot[i].size < 40000 ? slot[i].size : 40000, i);
	}
	say("bad", bad);
}

static void stack(void)
{
	volatile char large[6 * MB];	/* below the usual limit of 8 MB */

	large[0] = large[6 * MB - 1] = 1;
	ok("large stack frame", large[0] == 1);
}

/* What a call that fails has done, and what it must not have done. */
static void half_done(void)
{
	int fd = need("open", open("file", O_RDONLY));
	char *p = map(8 * PAGE, RW);

	memset(p, 6, 8 * PAGE);
	munmap(p + 4 * PAGE, PAGE);
	say("mprotect up to a hole", mprotect(p, 8 * PAGE, PROT_READ));
	printf("writable: %d %d %d\n", writable(p), writable(p + 3 * PAGE), writable(p + 5 * PAGE));
	say("MADV_POPULATE_WRITE beyond a hole", madvise(p + 4 * PAGE, 4 * PAGE, 23));
	say("of nothing writable", madvise(p, 8 * PAGE, 23));
	mprotect(p, PAGE, PROT_WRITE);
	say("MADV_POPULATE_READ of nothing readable", madvise(p, PAGE, 22));
	say("shared writable over something", map_error(p + 6 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0));
	printf("still there: %d\n", p[6 * PAGE]);
	say("no length and no file", map_error(NULL, 0, RW, MAP_PRIVATE, 777, 0));
	say("a flag that is not validated", map_error(p + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, fd, 0));
	say("MADV_KEEPONFORK of shared", madvise(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), PAGE, MADV_KEEPONFORK));
	close(fd);
}

/* To the processor what can be written can be read. */
static void write_only(void)
{
	volatile char *p = map(4 * PAGE, PROT_WRITE);
	int status = 0, pid;

	p[0] = p[PAGE] = 5;
	pid = need("fork", fork());
	if (!pid)
		_exit(p[0] + p[PAGE]++);
	need("waitpid", waitpid(pid, &status, 0));
	printf("a child read what it could only write: %d, the parent %d\n", WEXITSTATUS(status), p[PAGE]);
}

static void growing_stack(void)
{
	char *room = map(8 * MB, PROT_NONE), *p = room + 4 * MB;

	munmap(room, 8 * MB);
	ok("MAP_GROWSDOWN", mmap(p, 2 * PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == p);
	printf("it grows: %d %d\n", writable(p - PAGE), writable(p - MB));
	ok("what it grew by is mapped", mmap(p - MB, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED);
	ok("something below", mmap(room, PAGE, RW, ANON | MAP_FIXED, -1, 0) == room);
	printf("not close to that: %d %d\n", readable(room + MB), readable(room + MB + PAGE));
	say("rights of all of it", mprotect(p + PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
	printf("writable: %d %d\n", writable(p - MB), writable(p));
	say("of no stack", mprotect(room, PAGE, PROT_READ | PROT_GROWSDOWN));
	say("of nothing", mprotect(room + PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
	say("shared", map_error(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
	say("the main stack", mprotect((void *)((uintptr_t)&room & ~(PAGE - 1)), PAGE, RW | PROT_GROWSDOWN));
}

int main(void)
{
	stack_t alternate = { .ss_sp = malloc(65536), .ss_size = 65536 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaltstack(&alternate, NULL);
	signal(SIGSEGV, handler);
	signal(SIGBUS, handler);
	anonymous();
	protection();
	files();
	zero_device();
	arguments();
	everything_given_back();
	advice();
	heap();
	stress();
	stack();
	growing_stack();
	half_done();
	write_only();
	return 0;
}
