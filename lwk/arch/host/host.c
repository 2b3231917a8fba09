/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fake machine for unit tests: the arch_ functions, and the few of the scheduler that mm/ needs, over mmap and pthreads.
 * Modules of the LWK run on it unchanged, under sanitizers. This file is compiled with the C library's headers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "log.h"
#include "mm.h"
#include "thread.h"

_Thread_local u32 host_cpu;
_Thread_local u32 host_node;
u64 host_tlb_flushes;
u64 host_barrier;
u64 host_unparks;
struct aspace *host_aspace;
bool host_panic_expected;
void (*host_on_park)(void);
u32 host_steps;
_Thread_local struct thread *host_thread;

static pthread_mutex_t park_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t unparked = PTHREAD_COND_INITIALIZER;
static u64 ahead;			/* a, written under park_lock: ns that were jumped */
static char *arena;
static u64 kernel_pgd[512] __aligned(4096);

__attribute__((constructor)) static void arena_create(void)
{
	arena = mmap(NULL, HOST_PHYS_SIZE + LARGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED) {
		perror("unit tests: cannot reserve address space for the arena");
		exit(1);
	}
	arena = (char *)ALIGN_UP((uintptr_t)arena, LARGE_SIZE);	/* kernel objects are aligned as their frames are */
	for (u32 i = 256; i < 512; i++)
		kernel_pgd[i] = 0x1000 * i;
}

void *phys_to_virt(paddr_t p)
{
	check(p >= HOST_PHYS_START && p < HOST_PHYS_START + HOST_PHYS_SIZE);
	return arena + (p - HOST_PHYS_START);
}

paddr_t virt_to_phys(const void *v)
{
	check((char *)v >= arena && (char *)v < arena + HOST_PHYS_SIZE);
	return (paddr_t)((char *)v - arena) + HOST_PHYS_START;
}

void arch_relax(void)
{
	sched_yield();
}

u32 arch_cpu(void)
{
	return host_cpu;
}

u32 arch_node(void)
{
	return host_node;
}

u64 arch_cycles(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec + __atomic_load_n(&ahead, __ATOMIC_SEQ_CST);
}

void host_jump(u64 ns)
{
	pthread_mutex_lock(&park_lock);
	__atomic_fetch_add(&ahead, ns, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&unparked);
	pthread_mutex_unlock(&park_lock);
}

void arch_zero(void *dst, u64 len)
{
	memset(dst, 0, len);
}

void arch_tlb_flush(struct aspace *as, uaddr_t start, uaddr_t end)
{
	__atomic_fetch_add(&host_tlb_flushes, 1, __ATOMIC_SEQ_CST);
}

void arch_barrier(const u64 *cpus)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	host_barrier = cpus[0];
}

u64 *arch_kernel_pgd(void)
{
	return kernel_pgd;
}

struct aspace *aspace_current(void)
{
	return host_aspace;
}

struct thread *current_thread(void)
{
	return host_thread;
}

/* As sched/runq.c: a wake-up that came before is consumed at once. A pthread without a thread of the LWK only yields. */
void thread_park(u64 deadline)
{
	struct thread *t = host_thread;
	void (*on_park)(void) = host_on_park;
	int err = 0;

	if (on_park) {
		host_on_park = NULL;
		on_park();
		return;
	}
	if (!t) {
		sched_yield();
		return;
	}
	pthread_mutex_lock(&park_lock);
	while (!t->token && !err) {
		u64 end = deadline - min(ahead, deadline);
		struct timespec until = { end / 1000000000, end % 1000000000 };

		err = deadline ? pthread_cond_clockwait(&unparked, &park_lock, CLOCK_MONOTONIC, &until) :
			pthread_cond_wait(&unparked, &park_lock);
	}
	t->token = 0;
	pthread_mutex_unlock(&park_lock);
}

void thread_unpark(struct thread *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&park_lock);
	host_unparks++;
	t->token = 1;
	pthread_cond_broadcast(&unparked);
	pthread_mutex_unlock(&park_lock);
}

u32 thread_work(void)
{
	return host_thread ? __atomic_load_n(&host_thread->work, __ATOMIC_ACQUIRE) : 0;
}

bool thread_goes_on(void)
{
	__atomic_fetch_add(&host_steps, 1, __ATOMIC_RELAXED);
	return !(thread_work() & WORK_KILL);
}

void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	if (host_panic_expected)
		_exit(HOST_PANIC_STATUS);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* ---- Protection keys: no memory is protected, only the rights are kept ---- */

static u32 key_rights = 0x55555554;

u32 arch_keys(void)
{
	return 16;
}

u32 arch_key_rights(void)
{
	return key_rights;
}

void arch_key_set_rights(u32 key, u32 rights)
{
	key_rights = (key_rights & ~(3u << (2 * key))) | rights << (2 * key);
}
