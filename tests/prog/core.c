// SPDX-License-Identifier: GPL-2.0
/*
 * Dies in the way that its argument names, for a debugger to look at the core file: with threads that compute, wait here and wait in
 * Linux, each with registers and variables of its own, and with memory of all kinds. Compiled without optimization.
 *
 *	core segv | abort | quit | fork | filtered | undumpable
 *
 * quit: waits to be killed from outside. fork: a child dies, which shares the parent's pages. filtered: prints where memory is.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define PAGE	4096ul
#define FILE_SIZE (6ul << 20)

struct node {
	struct node *next;
	int value;
};

int initialized = 1234;
int zero_at_first;
const char *const relocated[] = { "read", "only", "after", "relocation" };
const char constant[] = "in the program's file";
__thread int own = 1;
struct node *list;
char *anonymous, *untouched, *secret, *shared, *file, *locked, *protected;
volatile int started;
sem_t never;
int pipe_end[2];

static void *computes(void *arg)
{
	own = 2;
	started++;
	asm volatile("mov $0x1111222233334444, %%rbx\n\t"
		"movq %%rbx, %%xmm3\n\t"
		"movddup %%xmm3, %%xmm3\n\t"
		"mov $0x0123456789abcdef, %%r9\n\t"
		"fld1\n\t"
		"1: jmp 1b" : : "a"(arg) : "rbx", "r9", "xmm3");
	return NULL;
}

static void *waits_here(void *arg)
{
	own = 3;
	started++;
	sem_wait(&never);
	return arg;
}

static void *waits_in_linux(void *arg)
{
	char buffer[8];

	own = 4;
	started++;
	return read(pipe_end[0], buffer, sizeof(buffer)) ? arg : NULL;
}

static char *map(int fd, size_t size, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

/* Every second page of the file has its number at its start; the first page is then changed in memory. */
static void map_file(void)
{
	int fd = need("open", open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600));
	char page[PAGE] = "";
	size_t i;

	for (i = 0; i < FILE_SIZE; i += PAGE) {
		snprintf(page, sizeof(page), "page %zu of the file", i / PAGE);
		need("write", write(fd, page, sizeof(page)));
	}
	file = map(fd, FILE_SIZE, MAP_PRIVATE);
	close(fd);
	unlink("mapped");
	strcpy(file, "changed in memory");
}

static void make_memory(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		struct node *n = malloc(sizeof(*n));

		*n = (struct node){ list, i * 10 };
		list = n;
	}
	zero_at_first = initialized++;
	anonymous = map(-1, 3 * PAGE, MAP_PRIVATE);
	strcpy(anonymous + PAGE, "anonymous");
	untouched = map(-1, 3 * PAGE, MAP_PRIVATE);
	secret = map(-1, PAGE, MAP_PRIVATE);
	strcpy(secret, "secret");
	need("madvise", madvise(secret, PAGE, MADV_DONTDUMP));
	shared = map(-1, PAGE, MAP_SHARED);
	strcpy(shared, "shared");
	locked = map(-1, PAGE, MAP_SHARED);
	strcpy(locked, "shared and secret");
	need("madvise", madvise(locked, PAGE, MADV_DONTDUMP));
	protected = map(-1, PAGE, MAP_PRIVATE);
	strcpy(protected, "protected");
	need("mprotect", mprotect(protected, PAGE, PROT_NONE));
	map_file();
}

static void start_threads(void)
{
	static void *(*const mains[])(void *) = { computes, waits_here, waits_in_linux };
	pthread_t thread;
	size_t i;

	sem_init(&never, 0, 0);
	need("pipe", pipe(pipe_end));
	for (i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, mains[i], (void *)(i + 1));
		while (started <= (int)i)
			sched_yield();
	}
	usleep(200000);		/* until they wait */
}

/* All registers are known when it happens. */
static void die_by_fault(void)
{
	asm volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n\t"
		"mov $0x5555666677778888, %%rax\n\tmovq %%rax, %%xmm7\n\tvinsertf128 $1, %%xmm7, %%ymm7, %%ymm7\n\t"
		"fldpi\n\t"
		"mov $1, %%rax\n\tmov $2, %%rbx\n\tmov $3, %%rcx\n\tmov $4, %%rdx\n\tmov $5, %%rsi\n\tmov $0x5a5a0, %%rdi\n\t"
		"mov $8, %%r8\n\tmov $9, %%r9\n\tmov $10, %%r10\n\tmov $11, %%r11\n\tmov $12, %%r12\n\tmov $13, %%r13\n\t"
		"mov $14, %%r14\n\tmov $15, %%r15\n\t"
		"xor %%eax, %%eax\n\tstc\n\tmov %%rbx, 8(%%rdi)"
		: : : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
}

static void deeper(const char *way, int depth)
{
	volatile int here = depth * 100;

	if (depth < 3)
		deeper(way, depth + 1);
	else if (!strcmp(way, "segv") || !strcmp(way, "fork"))
		die_by_fault();
	else if (!strcmp(way, "quit") && write(1, "ready\n", 6))
		pause();
	else
		abort();
	started += here;
}

static void fork_child(void)
{
	int status = 0;

	if (need("fork", fork()) == 0) {
		started = 0;
		start_threads();
		list->value = -1;		/* its own page from now on */
		deeper("fork", 1);
	}
	wait(&status);
	list->value = -2;
	printf("child: signal %d, core %d\n", WTERMSIG(status), !!WCOREDUMP(status));
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	make_memory();
	if (!strcmp(way, "fork")) {
		fork_child();
		return 0;
	}
	if (!strcmp(way, "undumpable"))
		need("prctl", prctl(PR_SET_DUMPABLE, 0));
	start_threads();
	deeper(way, 1);
	printf("alive\n");
	return 0;
}
