// SPDX-License-Identifier: GPL-2.0
/*
 * Files that lose pages while they are mapped and in use. Who shortens a file or punches a hole into it changes what all see that have
 * mapped it, from the moment the call returns. Needs an empty, writable current directory.
 *
 *   truncate                    a process changes its own files; a child that has inherited the mapping
 *   truncate threads            several threads touch what goes and comes back all the time
 *   truncate watch|change FILE  two processes: one changes FILE, the other has it mapped and looks
 *   truncate vfork              children that share the memory come and go meanwhile
 *   truncate pins               how many pages the kernel holds for devices and the like
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define PAGE	4096ul
#define PAGES	64
#define SIZE	(PAGES * PAGE)
#define RW	(PROT_READ | PROT_WRITE)
#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static __thread sigjmp_buf back;
static __thread volatile int expected;

static void handler(int sig)
{
	if (!expected)
		_exit(98);
	siglongjmp(back, sig);
}

/* The signal that touching the byte gives, 0 for none. */
static int touching(volatile unsigned char *p, int write)
{
	int sig = sigsetjmp(back, 1);

	expected = !sig;
	if (!sig && write)
		*p = *p + 1;
	else if (!sig)
		(void)*p;
	expected = 0;
	return sig;
}

static unsigned char *map(int fd, int prot)
{
	unsigned char *p = mmap(NULL, SIZE, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static int sized(int fd)
{
	need("ftruncate", ftruncate(fd, SIZE));
	return fd;
}

static int file(const char *name)
{
	return sized(need("open", open(name, O_RDWR | O_CREAT, 0600)));
}

static void alone(const char *what, int fd)
{
	unsigned char *p = map(fd, RW), *q = map(fd, PROT_READ), byte = 7;

	printf("-- %s\n", what);
	fill(p, SIZE, 1);
	ok("seen twice", is_filled(q, SIZE, 1));
	say("shorter", ftruncate(fd, 5 * PAGE + 100));
	printf("beyond: %d %d\n", touching(p + 6 * PAGE, 0), touching(p + 7 * PAGE, 1));
	printf("by the other: %d %d\n", touching(q + 6 * PAGE, 0), touching(q + SIZE - 1, 0));
	ok("what is left", is_filled(p, 5 * PAGE + 100, 1) && is_filled(q, 5 * PAGE + 100, 1));
	ok("zeros in the last page", is_zero(p + 5 * PAGE + 100, PAGE - 100) && is_zero(q + 5 * PAGE + 100, PAGE - 100));
	say("longer", ftruncate(fd, SIZE));
	ok("zeros", is_zero(p + 5 * PAGE + 100, SIZE - 5 * PAGE - 100) && is_zero(q + 6 * PAGE, SIZE - 6 * PAGE));
	p[9 * PAGE] = 9;
	say("pread", pread(fd, &byte, 1, 9 * PAGE));
	ok("in the file", byte == 9 && q[9 * PAGE] == 9);
	fill(p, SIZE, 2);
	say("hole", fallocate(fd, PUNCH, 8 * PAGE - 10, 4 * PAGE));
	ok("zeros", is_zero(p + 8 * PAGE - 10, 4 * PAGE) && is_zero(q + 8 * PAGE - 10, 4 * PAGE));
	ok("around it", is_filled(p, 8 * PAGE - 10, 2) && q[8 * PAGE - 11] == p[8 * PAGE - 11] && p[12 * PAGE]);
	p[9 * PAGE] = 10;
	say("pread", pread(fd, &byte, 1, 9 * PAGE));
	ok("in the file", byte == 10 && q[9 * PAGE] == 10);
	fill(p, SIZE, 3);
	if (!say("removed", madvise(p + 20 * PAGE, 10 * PAGE, MADV_REMOVE))) {
		ok("zeros by the other mapping", is_zero(q + 20 * PAGE, 10 * PAGE) && is_zero(p + 20 * PAGE, 10 * PAGE));
		ok("around it", is_filled(q, 20 * PAGE, 3));
	}
	say("nothing left", ftruncate(fd, 0));
	printf("beyond: %d %d\n", touching(p, 1), touching(q, 0));
	say("longer", ftruncate(fd, PAGE));
	printf("there, beyond: %d %d\n", touching(p, 1), touching(p + PAGE, 1));
	ok("one byte", *p == 1 && *q == 1 && is_zero(p + 1, PAGE - 1));
	munmap(p, SIZE);
	munmap(q, SIZE);
	close(fd);
}

static void of_a_child(void)
{
	int fd = file("inherited"), there[2], back_here[2], status;
	unsigned char *p = map(fd, RW);
	char c = 0;
	pid_t pid;

	printf("-- a child\n");
	fflush(stdout);
	fill(p, SIZE, 1);
	need("pipe", pipe(there) | pipe(back_here));
	pid = need("fork", fork());
	if (!pid) {
		int good = is_filled(p, SIZE, 1);

		good &= write(back_here[1], &c, 1) == 1 && read(there[0], &c, 1) == 1;
		good &= touching(p + 2 * PAGE, 1) == SIGBUS && is_filled(p, PAGE, 1);
		_exit(!good);
	}
	need("read", read(back_here[0], &c, 1));
	say("shorter", ftruncate(fd, PAGE));
	need("write", write(there[1], &c, 1));
	need("waitpid", waitpid(pid, &status, 0));
	say("child", status);
	close(fd);
}

/* ---- Two processes --------------------------------------------------------------------------------------------- */

static void wait_for(volatile unsigned char *turn, unsigned char value)
{
	while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != value)
		sched_yield();
}

static void set(volatile unsigned char *turn, unsigned char value)
{
	__atomic_store_n(turn, value, __ATOMIC_RELEASE);
}

/* The first byte says whose turn it is. */
static void watch(const char *name)
{
	int fd = file(name);
	unsigned char *p = map(fd, RW);

	fill(p + 1, SIZE - 1, 1);
	set(p, 1);
	wait_for(p, 2);
	printf("beyond: %d %d\n", touching(p + 2 * PAGE, 0), touching(p + SIZE - 1, 1));
	ok("what is left", is_filled(p + 1, PAGE + 99, 1));
	ok("zeros in the last page", is_zero(p + PAGE + 100, PAGE - 100));
	set(p, 3);
	wait_for(p, 4);
	ok("longer: zeros", is_zero(p + 2 * PAGE, SIZE - 2 * PAGE));
	fill(p + 1, SIZE - 1, 2);
	set(p, 5);
	wait_for(p, 6);
	ok("hole: zeros", is_zero(p + 4 * PAGE, 4 * PAGE));
	ok("around it", is_filled(p + 1, 4 * PAGE - 1, 2) && p[9 * PAGE]);
	p[5 * PAGE] = 55;
	set(p, 7);
	wait_for(p, 8);
	ok("what the other wrote", p[10 * PAGE] == 'x' && is_zero(p + 10 * PAGE + 1, 2 * PAGE - 1));
}

static void change(const char *name)
{
	int fd = need("open", open(name, O_RDWR | O_CREAT, 0600));
	unsigned char *p, byte = 0;

	need("ftruncate", ftruncate(fd, SIZE));
	p = map(fd, RW);
	wait_for(p, 1);
	say("shorter", truncate(name, PAGE + 100));
	set(p, 2);
	wait_for(p, 3);
	say("longer", ftruncate(fd, SIZE));
	set(p, 4);
	wait_for(p, 5);
	say("hole", fallocate(fd, PUNCH, 4 * PAGE, 4 * PAGE));
	set(p, 6);
	wait_for(p, 7);
	say("pread", pread(fd, &byte, 1, 5 * PAGE));
	ok("what the other wrote", byte == 55 && p[5 * PAGE] == 55);
	say("removed", madvise(p + 10 * PAGE, 2 * PAGE, MADV_REMOVE));
	p[10 * PAGE] = 'x';
	set(p, 8);
}

/* ---- Threads --------------------------------------------------------------------------------------------------- */

#define THREADS	3
#define ROUNDS	300

static unsigned char *common;
static int done;

/* All pages but the last. */
static void *toucher(void *arg)
{
	unsigned int n = (uintptr_t)arg;

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		n = n * 1103515245 + 12345;
		if (touching(common + (n >> 16) % (PAGES - 1) * PAGE + 8 * (uintptr_t)arg, n >> 9 & 1) & ~SIGBUS)
			ok("a signal", 0);
	}
	return NULL;
}

static void threads(void)
{
	unsigned char *last, byte;
	pthread_t thread[THREADS];
	int fd = file("common"), wrong = 0;

	common = map(fd, RW);
	last = common + (PAGES - 1) * PAGE;
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, toucher, (void *)i);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		*last = i;
		if (i % 3 == 2) {
			need("fallocate", fallocate(fd, PUNCH, 3 * PAGE, SIZE - 3 * PAGE));
		} else {
			need("ftruncate", ftruncate(fd, i % 7 * PAGE));
			wrong += touching(last, 0) != SIGBUS;
			wrong += touching(common + 7 * PAGE, 1) != SIGBUS;
			need("ftruncate", ftruncate(fd, SIZE));
		}
		wrong += *last != 0;
		*last = i + 1;
		wrong += pread(fd, &byte, 1, (PAGES - 1) * PAGE) != 1 || byte != (unsigned char)(i + 1);
		byte = i + 2;
		wrong += pwrite(fd, &byte, 1, (PAGES - 1) * PAGE) != 1 || *last != byte;
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	say("wrong", wrong);
	unlink("common");
}

/* ---- Children that share the memory ---------------------------------------------------------------------------- */

#define CHILDREN	400

static void *changer(void *arg)
{
	int fd = *(int *)arg;

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		common[PAGE] = 1;
		need("ftruncate", ftruncate(fd, PAGE));
		need("ftruncate", ftruncate(fd, SIZE));
	}
	return NULL;
}

static void children(void)
{
	int fd = file("common"), status, wrong = 0;
	pthread_t thread;

	common = map(fd, RW);
	pthread_create(&thread, NULL, changer, &fd);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = need("vfork", vfork());

		if (!pid)
			_exit(common[0]);
		need("waitpid", waitpid(pid, &status, 0));
		wrong += status != 0;
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	say("wrong", wrong);
	unlink("common");
}

/* ---- Pins ------------------------------------------------------------------------------------------------------ */

static long counter(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char line[100];
	long value = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name));
	if (f)
		fclose(f);
	return value;
}

/* Counts of single CPUs are added up only when somebody asks. */
static long pins(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1)
		fail("stat_refresh");
	close(fd);
	return counter("nr_foll_pin_acquired ") - counter("nr_foll_pin_released ");
}

/* What has gone is not kept for long. */
static void pins_go(void)
{
	int fd = file("pinned"), turns = 0;
	unsigned char *p = map(fd, RW);
	long before = pins();

	fill(p, SIZE, 1);
	need("ftruncate", ftruncate(fd, 0));
	while (pins() > before && turns++ < 100)
		usleep(50000);
	ok("no page is kept", pins() <= before);
	munmap(p, SIZE);
	unlink("pinned");
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = handler };
	char what = argc > 1 ? argv[1][0] : 0;

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	if (what == 't') {
		threads();
	} else if (what == 'v') {
		children();
	} else if (what == 'p') {
		pins_go();
		say("pins", pins());
	} else if (what) {
		(what == 'w' ? watch : change)(argv[2]);
	} else {
		alone("a file", file("file"));
		alone("a memory file", sized(need("memfd", memfd_create("test", 0))));
		of_a_child();
	}
	return 0;
}
