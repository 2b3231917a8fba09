// SPDX-License-Identifier: GPL-2.0
/*
 * Shared memory in pages of 2 MB from Linux's pool: memory files, System V segments, nothing. They are mapped, divided, moved and lost by
 * whole pages. Needs 16 of them in /proc/sys/vm/nr_hugepages.
 */
#include <fcntl.h>
#include <linux/mman.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "touch.h"

#define PAGE	4096ul
#define MB	(1ul << 20)
#define LARGE	(2 * MB)
#define RW	(PROT_READ | PROT_WRITE)

static int is_large(const void *p)
{
	return ((uintptr_t)p & (LARGE - 1)) == 0;
}

static long map_error(void *at, size_t size, int flags, int fd, off_t offset)
{
	return mmap(at, size, RW, flags, fd, offset) == MAP_FAILED ? -1 : 0;
}

static unsigned char *map(size_t size, int flags, int fd)
{
	unsigned char *p = mmap(NULL, size, RW, MAP_SHARED | flags, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	ok("on a large page", is_large(p));
	return p;
}

static void child_fills(unsigned char *p, size_t size, unsigned int seed)
{
	pid_t pid;

	fflush(stdout);
	pid = need("fork", fork());
	if (!pid) {
		fill(p, size, seed);
		_exit(0);
	}
	need("waitpid", waitpid(pid, NULL, 0));
	ok("what a child wrote", is_filled(p, size, seed));
}

/* A call of Linux writes to memory that lies where a part of the mapping was. */
static void read_into_hole(unsigned char *hole, const unsigned char *file, int fd)
{
	unsigned char *p = mmap(hole, LARGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ok("the hole is free", p == hole);
	say("pread", pread(fd, p, 5 * PAGE, 0));
	ok("read there", !memcmp(p, file, 5 * PAGE));
	say("munmap", munmap(p, LARGE));
}

/* All of 6 MB, which 5 MB were rounded up to. */
static void divided(unsigned char *p, int fd)
{
	unsigned char *q;

	printf("-- divided\n");
	say("munmap to the middle of a page", munmap(p, 5 * MB));
	say("munmap from the middle of a page", munmap(p + PAGE, LARGE - PAGE));
	say("mprotect of a part", mprotect(p, PAGE, PROT_READ));
	say("mlock of a part", mlock(p, PAGE));
	say("munlock of a part", munlock(p, PAGE));
	say("madvise of a part", madvise(p, PAGE, MADV_DONTFORK));
	say("larger", mremap(p, 6 * MB, 8 * MB, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	say("to the middle of a page", mremap(p, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * MB + PAGE) == MAP_FAILED ? -1 : 0);
	ok("as before", is_filled(p, 6 * MB, 1));
	say("mprotect", mprotect(p, LARGE, PROT_READ));
	printf("touching: %d %d\n", writing(p), writing(p + LARGE));
	say("mprotect", mprotect(p, LARGE, RW));
	say("munmap", munmap(p + LARGE, LARGE));
	printf("touching: %d %d %d\n", writing(p + LARGE - 1), writing(p + LARGE), writing(p + 2 * LARGE));
	read_into_hole(p + LARGE, p, fd);
	q = mremap(p + 2 * LARGE, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + LARGE);
	ok("moved", q == p + LARGE && p[LARGE] == ((2 * LARGE * 2654435761u + 1) >> 13 & 255));
	printf("touching: %d %d\n", writing(q), writing(q + LARGE));
	ok("smaller", mremap(p, 2 * LARGE, LARGE - PAGE, 0) == p);
	printf("touching: %d %d\n", writing(p + LARGE - 1), writing(p + LARGE));
	say("munmap", munmap(p, LARGE));
}

static void lost(int fd)
{
	unsigned char *p = map(8 * MB, 0, fd), *q = map(8 * MB, 0, fd);

	printf("-- lost\n");
	fill(p, 8 * MB, 2);
	ok("seen twice", is_filled(q, 8 * MB, 2));
	say("shorter", ftruncate(fd, 4 * MB));
	printf("touching: %d %d %d\n", writing(p + 4 * MB - 1), writing(p + 4 * MB), writing(q + 6 * MB));
	say("longer", ftruncate(fd, 8 * MB));
	ok("zeros", is_zero(p + 4 * MB, 4 * MB) && is_zero(q + 4 * MB, 4 * MB));
	fill(p, 8 * MB, 3);
	say("hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, LARGE, LARGE));
	ok("zeros", is_zero(p + LARGE, LARGE) && is_zero(q + LARGE, LARGE));
	p[LARGE] = 9;
	ok("the same page", q[LARGE] == 9);
	say("removed", madvise(p + 2 * LARGE, LARGE, MADV_REMOVE));
	ok("zeros", is_zero(q + 2 * LARGE, LARGE) && is_zero(p + 2 * LARGE, LARGE));
	ok("what is left", is_filled(p, LARGE, 3) && q[6 * MB] == p[6 * MB] && q[8 * MB - 1]);
	say("munmap", munmap(p, 8 * MB));
	say("munmap", munmap(q, 8 * MB));
}

static void of_a_file(void)
{
	int fd = need("memfd_create", memfd_create("test", MFD_HUGETLB)), plain = need("memfd_create", memfd_create("plain", 0));
	unsigned char *p, *q;

	printf("-- a file\n");
	need("ftruncate", ftruncate(fd, 8 * MB));
	p = map(5 * MB, 0, fd);
	fill(p, 6 * MB, 1);
	q = map(1, MAP_HUGETLB, fd);
	ok("seen twice", is_filled(q, LARGE, 1));
	say("munmap", munmap(q, LARGE));
	say("MAP_FIXED in the middle of a page", map_error(p + PAGE, LARGE, MAP_SHARED | MAP_FIXED, fd, 0));
	say("from the middle of a page", map_error(NULL, LARGE, MAP_SHARED, fd, PAGE));
	say("MAP_HUGETLB of small pages", map_error(NULL, LARGE, MAP_SHARED | MAP_HUGETLB, plain, 0));
	say("private, of small pages", map_error(NULL, LARGE, MAP_PRIVATE | MAP_HUGETLB, plain, 0));
	say("over itself", map_error(p + LARGE, PAGE, MAP_SHARED | MAP_FIXED, fd, LARGE));
	ok("as before", is_filled(p, 6 * MB, 1));
	divided(p, fd);
	lost(fd);
	close(fd);
	close(plain);
}

static void of_a_segment(void)
{
	int id = need("shmget", shmget(IPC_PRIVATE, 3 * MB, IPC_CREAT | SHM_HUGETLB | 0600));
	unsigned char *p = shmat(id, NULL, 0), *q;

	printf("-- a segment\n");
	need("shmat", p == (void *)-1 ? -1 : 0);
	ok("on a large page", is_large(p));
	ok("zero", is_zero(p, 4 * MB));
	q = shmat(id, NULL, SHM_RDONLY);
	need("shmat", q == (void *)-1 ? -1 : 0);
	child_fills(p, 4 * MB, 4);
	ok("seen twice", is_filled(q, 4 * MB, 4));
	say("shmat in the middle of a page", shmat(id, p + PAGE, SHM_REMAP) == (void *)-1 ? -1 : 0);
	say("shmdt", shmdt(q));
	say("shmdt", shmdt(p));
	printf("touching: %d\n", writing(p));
	say("IPC_RMID", shmctl(id, IPC_RMID, NULL));
}

static void of_nothing(void)
{
	unsigned char *p;

	printf("-- nothing\n");
	p = map(3 * MB, MAP_ANONYMOUS | MAP_HUGETLB, -1);
	ok("zero", is_zero(p, 4 * MB));
	child_fills(p, 4 * MB, 5);
	say("more than there are", map_error(NULL, 64 * MB, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
	say("in the place of others", map_error(p, 64 * MB, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED_NOREPLACE, -1, 0));
	say("of no such size", map_error(NULL, LARGE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | 17 << MAP_HUGE_SHIFT, -1, 0));
	say("munmap of a part", munmap(p, PAGE));
	say("munmap", munmap(p, 4 * MB));
}

int main(void)
{
	struct sigaction sa = { .sa_handler = caught_by_touch };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	of_a_file();
	of_a_segment();
	of_nothing();
	return 0;
}
