// SPDX-License-Identifier: GPL-2.0
/*
 * mremap: growing, shrinking and moving memory of every kind, what stays behind, what other mappings see, and what wrong arguments
 * give. Needs an empty, writable current directory.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"
#include "touch.h"

#define PAGE	4096ul
#define MB	(1ul << 20)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define RW	(PROT_READ | PROT_WRITE)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Address space that nobody uses, 2 MB aligned. */
static unsigned char *room(size_t size)
{
	unsigned char *p = mmap(NULL, size + 2 * MB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return (void *)(((uintptr_t)p + 2 * MB - 1) & ~(2 * MB - 1));
}

static unsigned char *map_at(unsigned char *p, size_t size, int prot, int flags, int fd)
{
	p = mmap(p, size, prot, flags | (p ? MAP_FIXED : 0), fd, 0);
	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static unsigned char *move(void *p, size_t old, size_t size, int flags, void *to)
{
	return (void *)syscall(SYS_mremap, p, old, size, flags, to);
}

static void error_of(const char *what, void *p, size_t old, size_t size, int flags, void *to)
{
	long ret = syscall(SYS_mremap, p, old, size, flags, to);

	say(what, ret == -1 ? -1 : 0);
}

static void errors(void)
{
	unsigned char *p = map_at(room(16 * MB), 4 * PAGE, RW, ANON, -1), *far = p + 8 * MB;

	munmap(p + 4 * PAGE, 4 * PAGE);
	map_at(p + 4 * PAGE, PAGE, PROT_READ, ANON, -1);
	error_of("unknown flag", p, PAGE, PAGE, 8, 0);
	error_of("fixed that may not move", p, PAGE, PAGE, MREMAP_FIXED, far);
	error_of("dontunmap that may not move", p, PAGE, PAGE, MREMAP_DONTUNMAP, 0);
	error_of("dontunmap that grows", p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	error_of("odd address", p + 1, PAGE, PAGE, 0, 0);
	error_of("no new size", p, PAGE, 0, 0, 0);
	error_of("no new size and a far one", p, PAGE, 0, MREMAP_MAYMOVE, 0);
	error_of("a hole", p + 5 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
	error_of("two mappings", p, 5 * PAGE, 9 * PAGE, MREMAP_MAYMOVE, 0);
	error_of("two mappings, shrinking", p + 3 * PAGE, 2 * PAGE, PAGE, 0, 0);
	map_at(p + 4 * PAGE, PAGE, PROT_READ, ANON, -1);
	error_of("private twice", p, 0, PAGE, MREMAP_MAYMOVE, 0);
	error_of("no room", p, PAGE, 8 * PAGE, 0, 0);
	error_of("no such room", p, PAGE, 1ul << 46, MREMAP_MAYMOVE, 0);
	error_of("to an odd address", p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, far + 1);
	error_of("to nowhere", p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)~0xffful);
	error_of("onto itself", p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE);
	error_of("same size", p, PAGE, PAGE, 0, 0);
	error_of("old size too large", p, 1ul << 63, PAGE, 0, 0);
}

/* What has been advised differently is not one mapping. */
static void advised(void)
{
	static const int advice[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DODUMP, MADV_DONTDUMP,
	};
	unsigned char *p = room(16 * MB);
	size_t i;

	for (i = 0; i < sizeof(advice) / sizeof(*advice); i++) {
		map_at(p, 4 * PAGE, RW, ANON, -1);
		printf("advice %d: ", advice[i]);
		say("madvise", madvise(p + PAGE, PAGE, advice[i]));
		error_of("all of it", p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * MB);
		map_at(p, 4 * PAGE, RW, ANON, -1);
		madvise(p, 4 * PAGE, advice[i]);
		error_of("after the same for all", p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * MB);
	}
}

static void in_place(void)
{
	unsigned char *p = map_at(room(16 * MB), 4 * MB, RW, ANON, -1);

	munmap(p + 4 * MB, 4 * MB);
	fill(p, 4 * MB, 1);
	ok("grows where it is", move(p, 4 * MB, 6 * MB, 0, 0) == p);
	ok("the old contents", is_filled(p, 4 * MB, 1));
	ok("zeros behind", is_zero(p + 4 * MB, 2 * MB));
	ok("shrinks", move(p, 6 * MB, 2 * MB + 1, 0, 0) == p);
	printf("ends: %d %d\n", reading(p + 2 * MB + PAGE - 1), reading(p + 2 * MB + PAGE));
	ok("grows again", move(p, 2 * MB + PAGE, 3 * MB, MREMAP_MAYMOVE, 0) == p);
	ok("what was cut off is zero", is_zero(p + 2 * MB + PAGE, MB - PAGE));
	ok("the rest is there", is_filled(p, 2 * MB + PAGE, 1));
	ok("in its middle it may not grow", move(p, MB, 2 * MB, 0, 0) == MAP_FAILED);
}

static void moving(void)
{
	unsigned char *base = room(32 * MB), *p = map_at(base, 4 * MB, RW, ANON, -1), *q;

	fill(p, 4 * MB, 2);
	map_at(p + 4 * MB, PAGE, PROT_READ, ANON, -1);
	q = move(p, 4 * MB, 9 * MB, MREMAP_MAYMOVE, 0);
	ok("moves", q != MAP_FAILED && q != p);
	ok("with its contents", is_filled(q, 4 * MB, 2) && is_zero(q + 4 * MB, 5 * MB));
	printf("the old place: %d\n", reading(p));
	ok("to an odd place", move(q, 4 * MB, 4 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, base + 5 * PAGE) == base + 5 * PAGE);
	ok("all of it", is_filled(base + 5 * PAGE, 4 * MB, 2));
	printf("the old place: %d %d\n", reading(q), reading(q + 4 * MB));
	ok("a part of it", move(base + 5 * PAGE + MB, MB, MB, MREMAP_MAYMOVE | MREMAP_FIXED, base + 16 * MB) == base + 16 * MB);
	ok("the part", memcmp(base + 16 * MB, base + 5 * PAGE, 16) != 0 && reading(base + 5 * PAGE + MB) == SIGSEGV);
	ok("over something", move(base + 16 * MB, MB, MB / 2, MREMAP_MAYMOVE | MREMAP_FIXED, base + 6 * PAGE) == base + 6 * PAGE);
	ok("writes", (base[6 * PAGE] = 3) == 3 && base[6 * PAGE] == 3);
	ok("page before stays", is_filled(base + 5 * PAGE, PAGE, 2));
}

static void what_stays(void)
{
	unsigned char *p = map_at(NULL, 4 * MB, RW, ANON, -1), *q;

	fill(p, 4 * MB, 3);
	q = move(p, 4 * MB, 4 * MB, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	ok("the old place stays", q != MAP_FAILED && q != p);
	ok("and is empty", is_zero(p, 4 * MB));
	ok("the new one is not", is_filled(q, 4 * MB, 3));
	p[0] = 9;
	ok("they are not the same", is_filled(q, 4 * MB, 3));
	need("mprotect", mprotect(q, 4 * MB, PROT_READ));
	p = move(q, 4 * MB, 8 * MB, MREMAP_MAYMOVE, 0);
	ok("read-only grows", p != MAP_FAILED && is_filled(p, 4 * MB, 3) && is_zero(p + 4 * MB, 4 * MB));
}

/* realloc of glibc uses it for large blocks. */
static void reallocated(void)
{
	unsigned char *p = NULL;
	size_t size;
	int good = 1;

	for (size = MB; size <= 64 * MB; size *= 2) {
		p = realloc(p, size);
		good = good && p && (size == MB || is_filled(p, size / 2, 7));
		fill(p, size, 7);
	}
	ok("realloc", good);
	p = realloc(p, 3 * MB);
	ok("realloc down", is_filled(p, 3 * MB, 7));
	free(p);
}

static int file_of(const char *name, size_t size)
{
	int fd = need("open", open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	unsigned char *data = malloc(size);

	fill(data, size, 4);
	if (write(fd, data, size) != (ssize_t)size)
		fail("write");
	free(data);
	return fd;
}

static void files(void)
{
	int fd = file_of("data", 64 * PAGE);
	unsigned char *base = room(8 * MB), *p = map_at(base, 8 * PAGE, RW, MAP_PRIVATE, fd), *whole, *q;

	whole = map_at(NULL, 64 * PAGE, RW, MAP_SHARED, fd);
	p[PAGE] = 77;
	q = move(p, 8 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + MB);
	ok("private file", q == base + MB && q[PAGE] == 77 && !memcmp(q + 2 * PAGE, whole + 2 * PAGE, 62 * PAGE));
	q = move(q + 4 * PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 2 * MB);
	ok("a part of it", q == base + 2 * MB && !memcmp(q, whole + 4 * PAGE, 4 * PAGE));
	p = map_at(base, 8 * PAGE, RW, MAP_SHARED, fd);
	p[3 * PAGE] = 88;
	q = move(p, 8 * PAGE, 32 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 3 * MB);
	ok("shared file", q == base + 3 * MB && q[3 * PAGE] == 88 && whole[3 * PAGE] == 88);
	q[20 * PAGE] = 99;
	ok("others see it", whole[20 * PAGE] == 99);
	printf("the old place: %d\n", reading(p));
	ok("written to the old place", map_at(p, PAGE, RW, ANON, -1)[0] == 0);
	ok("it grows", move(q, 32 * PAGE, 40 * PAGE, 0, 0) == MAP_FAILED || !memcmp(q + 32 * PAGE, whole + 32 * PAGE, 8 * PAGE));
	munmap(base + 4 * MB, MB);
	p = map_at(base + 4 * MB, 2 * PAGE, RW, MAP_SHARED, fd);
	munmap(p + 2 * PAGE, 8 * PAGE);
	ok("shared grows in place", move(p, 2 * PAGE, 8 * PAGE, 0, 0) == p && !memcmp(p, whole, 8 * PAGE));
	ok("shrinks", move(p, 8 * PAGE, PAGE, 0, 0) == p && reading(p + PAGE) == SIGSEGV);
	close(fd);
}

/* An old size of 0 makes a second mapping of the same memory. */
static void twice(unsigned char *p, size_t size)
{
	unsigned char *q;

	if (p == MAP_FAILED)
		fail("mmap");
	p[0] = 1;
	q = move(p, 0, size, MREMAP_MAYMOVE, 0);
	ok("a second mapping", q != MAP_FAILED && q != p && q[0] == 1);
	q[PAGE] = 2;
	p[2 * PAGE] = 3;
	ok("of the same memory", p[PAGE] == 2 && q[2 * PAGE] == 3);
	munmap(p, size);
	ok("outlives the first", q[PAGE] == 2);
	munmap(q, size);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = caught_by_touch };
	int fd;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	errors();
	advised();
	in_place();
	moving();
	what_stays();
	reallocated();
	files();
	fd = file_of("other", 8 * PAGE);
	twice(mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0), 8 * PAGE);
	return 0;
}
