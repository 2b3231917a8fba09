// SPDX-License-Identifier: GPL-2.0
/*
 * A worker: threads that make random calls. It lives on what is left of it, so its loop uses neither the C library nor thread-local
 * storage: both may be gone.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../prog/say.h"
#include "fuzz.h"

#define ROUND_CALLS	600		/* of one thread */
#define TICK_MS		5		/* calls that wait longer are interrupted so often */
#define PATIENCE_TICKS	40		/* for a worker none of whose calls is interrupted by that */

char *arena;
long own_pid, own_tid[THREADS_MAX];
int fds[FDS];
static unsigned long *done;		/* this worker's part of shared->done */

/* What comes out of it as a child, on whatever stack, ends at once by call @end. */
static long raw_fork(long nr, const unsigned long v[6], long end)
{
	register unsigned long d asm("r10") = v[3], e asm("r8") = v[4], f asm("r9") = v[5], last asm("r12") = end;
	long ret;

	asm volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tmov %%r12, %%rax\n\txor %%edi, %%edi\n\tsyscall\n\tud2\n1:"
		: "=a"(ret) : "0"(nr), "D"(v[0]), "S"(v[1]), "d"(v[2]), "r"(d), "r"(e), "r"(f), "r"(last) : "rcx", "r11", "memory");
	return ret;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* A page of the arena that another thread has taken away comes back; anything else ends the worker. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	unsigned long at = (unsigned long)info->si_addr & -PAGE;

	(void)sig;
	(void)context;
	if (at - (unsigned long)arena >= ARENA ||
	    RAW(SYS_mmap, at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1ul) < 0)
		RAW(SYS_exit_group, 3);
}

/* All but SIGILL: that ends a child whose last call was refused (raw_fork). */
static void handle_signals(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER }, other = { .sa_handler = on_signal };
	int sig;

	for (sig = 1; sig <= 64; sig++)
		if (sig != SIGILL)
			sigaction(sig, sig == SIGSEGV || sig == SIGBUS ? &fault : &other, NULL);
}

static void open_fds(void)
{
	int pair[2], i;

	fds[0] = open("f.a", O_RDWR | O_CREAT, 0666);
	fds[1] = open("f.b", O_RDWR | O_CREAT | O_APPEND, 0666);
	fds[2] = open(".", O_RDONLY);
	fds[3] = open("/dev/zero", O_RDWR);
	fds[4] = open("/dev/null", O_RDWR);
	fds[5] = open("/proc/self/maps", O_RDONLY);
	fds[6] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	fds[7] = epoll_create1(0);
	fds[8] = eventfd(1, EFD_NONBLOCK);
	fds[9] = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	fds[10] = inotify_init1(IN_NONBLOCK);
	fds[11] = memfd_create("memory", MFD_ALLOW_SEALING);
	fds[12] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	fds[13] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		fail("socketpair");
	fds[14] = pair[0];
	fds[15] = pair[1];
	if (pipe2(pair, O_NONBLOCK))
		fail("pipe");
	fds[16] = pair[0];
	fds[17] = pair[1];
	fds[18] = syscall(SYS_pidfd_open, own_pid, 0);
	fds[19] = open("f.dir", O_RDONLY);
	for (i = 0; i < FDS; i++)
		dup2(fds[i], FIRST_FREE_FD - FDS + i);
}

/* What earlier calls have closed or filled up. */
static void tidy(void)
{
	int i;

	RAW(SYS_close_range, FIRST_FREE_FD + 10, DEVICE_FD - 1, 0);
	for (i = 0; i < FDS; i++)
		RAW(SYS_dup2, FIRST_FREE_FD - FDS + i, fds[i]);
}

static void dirty_arena(struct random *r)
{
	unsigned long *at = (unsigned long *)(arena + below(r, 16) * PAGE);
	int i;

	for (i = 0; i < 8; i++)
		at[below(r, PAGE / 8)] = below(r, 2) ? any_address(r) : any_number(r);
}

static unsigned long choose_call(struct random *r)
{
	static const unsigned long one_in[] = {
		[CALL_LEFT_OUT] = -1ul, [CALL_LWK] = 1, [CALL_LINUX] = 3, [CALL_REFUSED] = 8, [CALL_SELDOM] = 40, [CALL_WAITS] = 10, [CALL_FORKS] = 8,
	};

	for (;;) {
		unsigned long nr = below(r, SYSCALL_NR_MAX + 1);

		if (below(r, one_in[call_kind[nr]]) == 0)
			return nr;
	}
}

static void one_call(struct random *r)
{
	static const unsigned long nothing_blocked;
	unsigned long nr = choose_call(r), v[6];

	choose_arguments(r, nr, v);
	__atomic_fetch_add(&shared->made[nr], 1, __ATOMIC_RELAXED);
	if (call_kind[nr] == CALL_FORKS)
		raw_fork(nr, v, nr == SYS_clone && v[0] & CLONE_THREAD ? SYS_exit : SYS_exit_group);
	else
		raw(nr, v);
	if (nr == SYS_rt_sigprocmask)
		RAW(SYS_rt_sigprocmask, SIG_SETMASK, (unsigned long)&nothing_blocked, 0, 8);
}

static struct random seed_of(unsigned long seed, unsigned long index)
{
	struct random r = { seed * 0x9e3779b97f4a7c15ul + index * 0xbf58476d1ce4e5b9ul + 1 };
	int i;

	for (i = 0; i < 8; i++)
		next(&r);
	return r;
}

struct start {
	unsigned long seed;
	long index;
};
static volatile bool has_ended[THREADS_MAX];

static void *fuzz_thread(void *arg)
{
	struct start *start = arg;
	struct random r = seed_of(start->seed, start->index);
	int i;

	own_tid[start->index] = RAW(SYS_gettid);
	for (i = 0; i < ROUND_CALLS; i++) {
		if (below(&r, 4) == 0)
			dirty_arena(&r);
		one_call(&r);
		__atomic_store_n(&done[start->index], i + 1, __ATOMIC_RELAXED);
		if (i % 64 == 63 && start->index == 0)
			tidy();
	}
	has_ended[start->index] = true;
	for (;;)
		RAW(SYS_exit, 0);
	return NULL;
}

/* True if thread @i has made calls since it had made @before. If not, what it waits in is interrupted, or it is gone. */
static bool comes_further(int i, unsigned long *before)
{
	unsigned long now = __atomic_load_n(&done[i], __ATOMIC_RELAXED);

	if (now != *before) {
		*before = now;
		return true;
	}
	if (own_tid[i] && RAW(SYS_tgkill, own_pid, own_tid[i], TICK) == -ESRCH)
		has_ended[i] = true;
	return false;
}

/* Interrupts calls that wait, until all threads have ended or none comes further: some wait for ever. */
static void tick(void)
{
	static const struct timespec pause = { 0, TICK_MS * 1000000 };
	static unsigned long before[THREADS_MAX];
	int i, left, patience = PATIENCE_TICKS;

	do {
		RAW(SYS_nanosleep, (unsigned long)&pause, 0);
		for (i = left = 0; i < thread_count; i++) {
			if (has_ended[i])
				continue;
			left++;
			if (comes_further(i, &before[i]))
				patience = PATIENCE_TICKS;
		}
	} while (left && patience--);
	RAW(SYS_exit_group, left ? 5 : 0);
}

static void make_arena(struct random *r)
{
	char *p = mmap(NULL, ARENA + 2 * AROUND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	arena = p + AROUND;
	if (p == MAP_FAILED || mprotect(arena, ARENA, PROT_READ | PROT_WRITE))
		fail("mmap");
	for (int i = 0; i < 200; i++)
		dirty_arena(r);
}

void worker(unsigned long seed, int number)
{
	static struct start start[THREADS_MAX];
	struct random r = seed_of(seed, THREADS_MAX);
	struct rlimit files = { 16 << 20, 16 << 20 }, none = { 0, 0 };
	pthread_t thread;
	long i;

	done = shared->done[number];
	own_pid = getpid();
	setsid();
	setrlimit(RLIMIT_FSIZE, &files);
	setrlimit(RLIMIT_CORE, &none);
	mkdir("f.dir", 0777);
	dup2(need("open", open("/dev/null", O_RDWR)), 0);
	dup2(0, 1);
	dup2(0, 2);
	handle_signals();
	make_arena(&r);
	open_fds();
	for (i = 0; i < thread_count; i++) {
		start[i] = (struct start){ seed, i };
		if (pthread_create(&thread, NULL, fuzz_thread, &start[i]))
			_exit(4);
	}
	tick();
}
