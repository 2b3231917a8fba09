// SPDX-License-Identifier: GPL-2.0
/*
 * Shared memory: of files, of memory files and of nothing. What the program writes, Linux reads, and the other way round; rights
 * that change, parts that go. Needs an empty, writable current directory.
 *
 *   shared               all of that in one process
 *   shared first|second FILE   two processes that pass a counter and data to each other through FILE, in turns
 *   shared write FILE    fills FILE on a disk through memory, has it written, and fills it again, in all ways there are
 */
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"
#include "touch.h"

#define PAGE	4096ul
#define MB	(1ul << 20)
#define RW	(PROT_READ | PROT_WRITE)

static unsigned char *map(size_t size, int prot, int flags, int fd, off_t offset)
{
	unsigned char *p = mmap(NULL, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static int file(const char *name, off_t size)
{
	int fd = need("open", open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));

	need("ftruncate", ftruncate(fd, size));
	return fd;
}

/* Does the descriptor's file hold the pattern? */
static int file_is_filled(int fd, size_t size, unsigned int seed)
{
	unsigned char *copy = malloc(size);
	int yes = pread(fd, copy, size, 0) == (ssize_t)size && is_filled(copy, size, seed);

	free(copy);
	return yes;
}

static void both_ways(const char *what, int fd)
{
	unsigned char *p = map(5 * MB, RW, MAP_SHARED, fd, 0), *q, *data = malloc(5 * MB);

	printf("-- %s\n", what);
	ok("zero", is_zero(p, 5 * MB));
	fill(p, 5 * MB, 1);
	ok("Linux reads what was written", file_is_filled(fd, 5 * MB, 1));
	fill(data, 5 * MB, 2);
	say("pwrite", pwrite(fd, data, 5 * MB, 0));
	ok("the program reads what Linux wrote", is_filled(p, 5 * MB, 2));
	q = map(2 * MB, RW, MAP_SHARED, fd, MB);
	ok("a second mapping", !memcmp(q, p + MB, 2 * MB));
	q[5] ^= 0xff;
	ok("sees the other's writes", q[5] == p[MB + 5]);
	say("read into it", pread(fd, q, MB, 3 * MB));
	ok("arrives", !memcmp(p + MB, p + 3 * MB, MB));
	say("munmap of a part", munmap(p + MB, MB));
	printf("reading: %d %d %d %d\n", reading(p + MB - 1), reading(p + MB), reading(p + 2 * MB - 1), reading(p + 2 * MB));
	ok("the rest stays", is_filled(p, MB, 2) && !memcmp(q + MB, p + 2 * MB, MB));
	say("munmap", munmap(p, 5 * MB));
	say("munmap", munmap(q, 2 * MB));
	free(data);
}

static void rights(int fd)
{
	unsigned char *p = map(4 * PAGE, RW, MAP_SHARED, fd, 0), *q;
	int readonly = need("open", open("file", O_RDONLY));

	printf("-- rights\n");
	p[0] = p[PAGE] = 1;
	say("mprotect", mprotect(p, PAGE, PROT_READ));
	printf("writing: %d %d\n", writing(p), writing(p + PAGE));
	say("mprotect none", mprotect(p, PAGE, PROT_NONE));
	printf("reading: %d %d\n", reading(p), reading(p + PAGE));
	say("mprotect back", mprotect(p, PAGE, RW));
	printf("writing: %d\n", writing(p));
	ok("contents stay", p[0] == 1);
	munmap(p, 4 * PAGE);
	ok("write to a read-only file", mmap(NULL, PAGE, RW, MAP_SHARED, readonly, 0) == MAP_FAILED && errno == EACCES);
	q = map(PAGE, PROT_READ, MAP_SHARED, readonly, 0);
	printf("reading, writing: %d %d\n", reading(q), writing(q));
	say("mprotect to write", mprotect(q, PAGE, RW));
	p = map(PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
	printf("only to write: %d\n", writing(p));
	ok("wrong type", mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
	ok("MAP_SYNC", mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0) == MAP_FAILED && errno == EOPNOTSUPP);
	ok("unknown flag", mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x200000, fd, 0) == MAP_FAILED && errno == EOPNOTSUPP);
	ok("not a file", mmap(NULL, PAGE, RW, MAP_SHARED, 99, 0) == MAP_FAILED && errno == EBADF);
	munmap(p, PAGE);
	munmap(q, PAGE);
	close(readonly);
}

static void of_nothing(void)
{
	unsigned char *p = map(9 * MB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned char *q = map(8 * MB, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	printf("-- of nothing\n");
	ok("zero", is_zero(p, 9 * MB) && is_zero(q, 8 * MB));
	fill(p, 9 * MB, 4);
	say("MADV_DONTNEED", madvise(p, 4 * MB, MADV_DONTNEED));
	ok("keeps what is shared", is_filled(p, 9 * MB, 4));
	say("MADV_FREE", madvise(p, PAGE, MADV_FREE));
	ok("replaced in the middle", mmap(p + MB, MB, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + MB);
	ok("by zeros", is_zero(p + MB, MB) && is_filled(p, MB, 4));
	fill(p + MB, MB, 5);
	ok("replaced again", mmap(p + MB, MB, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + MB);
	ok("by zeros", is_zero(p + MB, MB));
	say("munmap", munmap(p, 9 * MB));
	printf("reading: %d\n", reading(p));
	say("munmap", munmap(q, 8 * MB));
}

static int take_turns(int first, const char *name)
{
	int fd = need("open", open(name, O_RDWR | O_CREAT, 0600));
	unsigned char *p;
	unsigned int *turn, i;

	need("ftruncate", ftruncate(fd, MB));
	p = map(MB, RW, MAP_SHARED, fd, 0);
	turn = (unsigned int *)p;
	for (i = !first; i < 40; i += 2) {
		while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		if (i && !is_filled(p + PAGE, MB - PAGE, i - 1))
			return !ok("the other's data", 0);
		fill(p + PAGE, MB - PAGE, i);
		__atomic_store_n(turn, i + 1, __ATOMIC_RELEASE);
	}
	return !ok(first ? "first" : "second", 1);
}

/* What the disk itself holds of the first @size bytes. */
static int disk_is_filled(const char *name, size_t size, unsigned int seed)
{
	int fd = need("open", open(name, O_RDONLY | O_DIRECT)), yes;
	unsigned char *copy = map(size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	yes = need("pread", pread(fd, copy, size, 0)) == (long)size && is_filled(copy, size, seed);
	munmap(copy, size);
	close(fd);
	return yes;
}

static int write_file(const char *name)
{
	int fd = file(name, 3 * MB + 100);
	unsigned char *p = map(3 * MB + 100, RW, MAP_SHARED, fd, 0);
	unsigned int seed = 0;

	for (; seed < 2; ) {
		fill(p, 3 * MB + 100, ++seed);
		need("fsync", fsync(fd));
		ok("on the disk after fsync", disk_is_filled(name, 3 * MB, seed));
	}
	fill(p, 3 * MB + 100, ++seed);
	need("fdatasync", fdatasync(fd));
	ok("after fdatasync", disk_is_filled(name, 3 * MB, seed));
	fill(p, 3 * MB + 100, ++seed);
	need("msync", msync(p, 3 * MB + 100, MS_ASYNC));
	need("sync_file_range", sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	ok("after msync and sync_file_range", disk_is_filled(name, 3 * MB, seed));
	fill(p, 3 * MB + 100, ++seed);
	sync();
	ok("after sync", disk_is_filled(name, 3 * MB, seed));
	fill(p, 3 * MB + 100, ++seed);
	ok("the last is there", file_is_filled(fd, 3 * MB + 100, seed));
	return 0;
}

/* Parts of a mapping show other parts of its file. */
static void reorder(void)
{
	int fd = file("reordered", 16 * PAGE);
	unsigned char *p = map(16 * PAGE, RW, MAP_SHARED, fd, 0), *own = map(4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 16; i++)
		memset(p + i * PAGE, 'a' + i, PAGE);
	say("one page", remap_file_pages(p, PAGE, 0, 5, 0));
	say("some", remap_file_pages(p + 4 * PAGE, 3 * PAGE, 0, 0, MAP_NONBLOCK));
	printf("%c %c %c %c %c %c\n", p[0], p[PAGE], p[4 * PAGE], p[5 * PAGE], p[6 * PAGE], p[7 * PAGE]);
	p[0] = 'X';
	own[0] = 0;
	need("pread", pread(fd, own, 1, 5 * PAGE));
	printf("in the file: %c\n", own[0]);
	say("all again", remap_file_pages(p, 16 * PAGE, 0, 0, 0));
	printf("%c %c\n", p[0], p[5 * PAGE]);
	say("beyond the end", remap_file_pages(p + 15 * PAGE, PAGE, 0, 99, 0));
	printf("gives %d\n", reading(p + 15 * PAGE));
	say("with rights", remap_file_pages(p, PAGE, PROT_READ, 0, 0));
	say("nothing", remap_file_pages(p, 0, 0, 0, 0));
	say("private memory", remap_file_pages(own, PAGE, 0, 0, 0));
	munmap(p + 8 * PAGE, PAGE);
	say("over a hole", remap_file_pages(p + 7 * PAGE, 3 * PAGE, 0, 0, 0));
	say("nowhere", remap_file_pages((void *)(1ul << 40), PAGE, 0, 0, 0));
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = caught_by_touch };
	int fd, memory = need("memfd", memfd_create("test", 0));

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	if (argc == 3)
		return argv[1][0] == 'w' ? write_file(argv[2]) : take_turns(argv[1][0] == 'f', argv[2]);
	fd = file("file", 5 * MB);
	need("ftruncate", ftruncate(memory, 5 * MB));
	both_ways("a file", fd);
	both_ways("a memory file", memory);
	rights(fd);
	of_nothing();
	reorder();
	return 0;
}
