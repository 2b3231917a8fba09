// SPDX-License-Identifier: GPL-2.0
/*
 * Locked and present memory: mlock and its kin with their limits, mincore, msync, and the advice that fills, empties and marks. Needs
 * an empty, writable current directory; gives up root's rights on the way if it has them.
 */
#include <fcntl.h>
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

static unsigned char *map(size_t size, int prot, int flags, int fd)
{
	unsigned char *p = mmap(NULL, size, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

/* All pages of the range present? */
static int present(unsigned char *p, size_t pages)
{
	unsigned char vec[64] = { 0 };
	size_t i;

	need("mincore", mincore(p, pages * PAGE, vec));
	for (i = 0; i < pages && (vec[i] & 1); i++)
		;
	return i == pages;
}

static void residency(void)
{
	unsigned char *p = map(64 * PAGE, RW, ANON, -1), *s, vec[64];
	int fd = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));

	ok("nothing touched", mincore(p, 64 * PAGE, vec) == 0 && !(vec[63] & 1));
	memset(p, 1, 64 * PAGE);
	ok("all touched", present(p, 64));
	say("MADV_DONTNEED", madvise(p + 8 * PAGE, 8 * PAGE, MADV_DONTNEED));
	ok("gone", mincore(p, 64 * PAGE, vec) == 0 && (vec[7] & 1) && !(vec[8] & 1) && !(vec[15] & 1) && (vec[16] & 1));
	say("MADV_POPULATE_WRITE", madvise(p, 64 * PAGE, MADV_POPULATE_WRITE));
	ok("all there", present(p, 64) && is_zero(p + 8 * PAGE, 8 * PAGE));
	need("ftruncate", ftruncate(fd, 64 * PAGE));
	s = map(64 * PAGE, RW, MAP_SHARED, fd);
	say("MADV_POPULATE_WRITE shared", madvise(s, 64 * PAGE, MADV_POPULATE_WRITE));
	ok("all there", present(s, 64));
	memset(s, 2, 64 * PAGE);
	say("msync", msync(s, 64 * PAGE, MS_SYNC));
	say("msync async", msync(s, 64 * PAGE, MS_ASYNC | MS_INVALIDATE));
	say("msync both", msync(s, PAGE, MS_SYNC | MS_ASYNC));
	say("msync unaligned", msync(s + 1, PAGE, MS_SYNC));
	say("msync anonymous", msync(p, PAGE, MS_SYNC));
	munmap(p + PAGE, PAGE);
	say("msync over a hole", msync(p, 3 * PAGE, MS_SYNC));
	say("mincore over a hole", mincore(p, 3 * PAGE, vec));
	say("mincore unaligned", mincore(p + 1, PAGE, vec));
	say("mincore, wrong vector", syscall(SYS_mincore, p, PAGE, 8));
	say("mincore of nothing", mincore(p, 0, vec));
	say("populate over a hole", madvise(p, 3 * PAGE, MADV_POPULATE_READ));
	mprotect(p, PAGE, PROT_READ);
	say("populate without right", madvise(p, PAGE, MADV_POPULATE_WRITE));
	say("populate for reading", madvise(p, PAGE, MADV_POPULATE_READ));
	munmap(p, 64 * PAGE);
	munmap(s, 64 * PAGE);
	close(fd);
}

static void holes(void)
{
	int fd = need("memfd", memfd_create("holes", 0));
	unsigned char *s, *p = map(PAGE, RW, ANON, -1), *r;
	volatile unsigned char *v;

	need("ftruncate", ftruncate(fd, 8 * PAGE));
	s = map(8 * PAGE, RW, MAP_SHARED, fd);
	fill(s, 8 * PAGE, 1);
	say("MADV_REMOVE", madvise(s + PAGE, 2 * PAGE, MADV_REMOVE));
	ok("a hole", is_zero(s + PAGE, 2 * PAGE) && is_filled(s, PAGE, 1));
	r = map(PAGE, PROT_READ, MAP_SHARED, fd);
	say("MADV_REMOVE private", madvise(p, PAGE, MADV_REMOVE));
	say("MADV_REMOVE read-only", madvise(r, PAGE, MADV_REMOVE));
	v = s;
	v[4 * PAGE] = 4;
	v[5 * PAGE] = 5;
	v[PAGE] = 7;
	ok("usable again", v[PAGE] == 7 && v[4 * PAGE] == 4 && v[5 * PAGE] == 5);
	say("MADV_DONTDUMP", madvise(s, 2 * PAGE, MADV_DONTDUMP));
	say("MADV_DODUMP", madvise(s, 8 * PAGE, MADV_DODUMP));
	say("MADV_DONTDUMP over a hole", (munmap(p, PAGE), madvise(p, PAGE, MADV_DONTDUMP)));
	munmap(s, 8 * PAGE);
	munmap(r, PAGE);
	close(fd);
}

static void locks(void)
{
	unsigned char *p = map(32 * PAGE, RW, ANON, -1), *q;

	say("mlock", mlock(p + 4 * PAGE + 7, 7 * PAGE));
	ok("present", present(p + 4 * PAGE, 8));
	say("MADV_DONTNEED locked", madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED));
	say("MADV_FREE locked", madvise(p + 4 * PAGE, PAGE, MADV_FREE));
	say("MADV_PAGEOUT locked", madvise(p + 4 * PAGE, PAGE, MADV_PAGEOUT));
	p[4 * PAGE] = 1;
	say("MADV_DONTNEED_LOCKED", madvise(p + 4 * PAGE, PAGE, 24));
	ok("dropped", p[4 * PAGE] == 0);
	say("msync locked", msync(p + 4 * PAGE, PAGE, MS_INVALIDATE));
	say("munlock", munlock(p, 32 * PAGE));
	say("MADV_DONTNEED", madvise(p, 32 * PAGE, MADV_DONTNEED));
	say("mlock2", mlock2(p, 32 * PAGE, MLOCK_ONFAULT));
	say("mlock2, wrong flag", mlock2(p, PAGE, 2));
	say("mlockall, no flag", mlockall(0));
	say("mlockall, only on fault", mlockall(4));
	say("mlockall, wrong flag", mlockall(8));
	munmap(p + 8 * PAGE, PAGE);
	say("mlock over a hole", mlock(p, 16 * PAGE));
	mprotect(p, PAGE, PROT_NONE);
	say("mlock without rights", mlock(p, PAGE));
	say("mlock of nothing", mlock(p, 0));
	say("munlockall", munlockall());
	say("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
	q = map(16 * PAGE, RW, ANON, -1);
	ok("present", present(q, 16));
	say("MADV_DONTNEED future", madvise(q, PAGE, MADV_DONTNEED));
	say("munlockall", munlockall());
	say("MADV_DONTNEED", madvise(q, PAGE, MADV_DONTNEED));
	munmap(p, 32 * PAGE);
	munmap(q, 16 * PAGE);
	q = map(16 * PAGE, RW, ANON | MAP_LOCKED, -1);
	ok("MAP_LOCKED", present(q, 16));
	munmap(q, 16 * PAGE);
}

/* What cannot be made present is locked all the same, and so is what comes after it. */
static void beyond_the_end(void)
{
	int fd = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	unsigned char *p = map(8 * PAGE, RW, MAP_SHARED, fd);

	need("mmap", (long)mmap(p + 4 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("mlock beyond the file's end", mlock(p, 8 * PAGE));
	say("MADV_DONTNEED of what comes after it", madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED));
	say("munlock", munlock(p, 8 * PAGE));
	say("MADV_DONTNEED", madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED));
	munmap(p, 8 * PAGE);
	close(fd);
}

/* A child has no locks; what is locked stays so when it moves and grows. */
static void inheritance(void)
{
	unsigned char *p = map(8 * PAGE, RW, ANON, -1), *q;
	int status;
	pid_t pid;

	say("mlock", mlock(p, 8 * PAGE));
	fflush(stdout);
	pid = need("fork", fork());
	if (!pid)
		_exit(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 0 ? 0 : 1);
	need("waitpid", waitpid(pid, &status, 0));
	ok("no lock in the child", status == 0);
	say("MADV_DONTNEED in the parent", madvise(p, PAGE, MADV_DONTNEED));
	q = mremap(p, 8 * PAGE, 40 * PAGE, MREMAP_MAYMOVE);
	ok("grown and present", q != MAP_FAILED && present(q, 40));
	say("MADV_DONTNEED of what is new", madvise(q + 39 * PAGE, PAGE, MADV_DONTNEED));
	munmap(q, 40 * PAGE);
}

static void limits(void)
{
	struct rlimit limit = { 64 * 1024, 64 * 1024 };
	unsigned char *p = map(32 * PAGE, RW, ANON, -1);

	need("setrlimit", setrlimit(RLIMIT_MEMLOCK, &limit));
	if (geteuid() == 0)
		need("setuid", setresuid(65534, 65534, 65534));
	say("mlock beyond the limit", mlock(p, 17 * PAGE));
	say("mlock up to it", mlock(p, 16 * PAGE));
	say("mlock again", mlock(p + PAGE, 15 * PAGE));
	say("one more", mlock(p + 16 * PAGE, PAGE));
	say("mlockall", mlockall(MCL_CURRENT));
	ok("MAP_LOCKED", mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0) == MAP_FAILED && errno == EAGAIN);
	say("munlock", munlock(p, PAGE));
	ok("MAP_LOCKED again", mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0) != MAP_FAILED);
	say("munlockall", munlockall());
	say("MCL_FUTURE", mlockall(MCL_FUTURE));
	ok("too much", mmap(NULL, 17 * PAGE, RW, ANON, -1, 0) == MAP_FAILED && errno == EAGAIN);
	limit.rlim_cur = 0;
	need("setrlimit", setrlimit(RLIMIT_MEMLOCK, &limit));
	say("mlock, no right", mlock(p, PAGE));
	say("mlockall, no right", mlockall(MCL_CURRENT));
	ok("MAP_LOCKED, no right", mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0) == MAP_FAILED && errno == EPERM);
	say("munlock", munlock(p, PAGE));
}

int main(void)
{
	residency();
	holes();
	locks();
	beyond_the_end();
	inheritance();
	limits();
	return 0;
}
