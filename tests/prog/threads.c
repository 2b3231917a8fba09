// SPDX-License-Identifier: GPL-2.0
/*
 * Threads: threads [COUNT [ROUNDS [one]]] (default 64; `one`: for one core, where a thread that never waits would keep all
 * others out): creation and end, mutexes, condition variables, barriers, read-write
 * locks, semaphores, thread-local data, cancellation, affinity, names of threads, floating-point state of each.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define MOST 1024

static int count = 64, rounds = 200;
static pthread_t thread[MOST];
static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static long total, turn;
static __thread long own = 42;
static __thread char own_large[10000];

static void run_all(void *(*f)(void *), long *sum)
{
	void *result;
	long i;

	*sum = 0;
	for (i = 0; i < count; i++) {
		errno = pthread_create(&thread[i], NULL, f, (void *)i);
		if (errno)
			fail("pthread_create");
	}
	for (i = 0; i < count; i++) {
		errno = pthread_join(thread[i], &result);
		if (errno)
			fail("pthread_join");
		*sum += (long)result;
	}
}

static void *just_return(void *arg)
{
	return (void *)((long)arg + 1);
}

static void *locals(void *arg)
{
	long start = own, zero = is_zero((unsigned char *)own_large, sizeof(own_large));

	own = (long)arg;
	memset(own_large, own, sizeof(own_large));
	pthread_barrier_wait(&barrier);
	return (void *)(long)(start == 42 && zero && own == (long)arg && own_large[9999] == (char)own);
}

static void *lock(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < rounds; i++) {
		pthread_mutex_lock(&mutex);
		total++;
		pthread_mutex_unlock(&mutex);
		pthread_rwlock_rdlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
		if (i % 16 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			turn++;
			pthread_rwlock_unlock(&rwlock);
		}
	}
	return NULL;
}

/* One after the other, in order. */
static void *in_turn(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (turn != (long)arg)
		pthread_cond_wait(&condition, &mutex);
	turn++;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *barriers(void *arg)
{
	long i, serial = 0;

	(void)arg;
	for (i = 0; i < 20; i++)
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
	return (void *)serial;
}

static void *hand_on(void *arg)
{
	(void)arg;
	sem_wait(&semaphore);
	total++;
	sem_post(&semaphore);
	return NULL;
}

/* A value in every kind of register must survive that other threads use the core in between. */
static void *floats(void *arg)
{
	double x = (long)arg, y = 0;
	int i;

	for (i = 0; i < 50; i++) {
		asm volatile("movsd %1, %%xmm7; fldl %1; mov $24, %%eax; syscall; movsd %%xmm7, %0; fstpl %1"
			     : "=m" (y), "+m" (x) :: "xmm7", "rax", "rcx", "r11", "memory");
		if (x != (long)arg || y != x)
			return (void *)1;
	}
	return NULL;
}

static void *numbers(void *arg)
{
	char path[64];
	int self = syscall(SYS_gettid);

	(void)arg;
	snprintf(path, sizeof(path), "/proc/self/task/%d", self);
	return (void *)(long)(access(path, F_OK) == 0 && self != getpid() && tgkill(getpid(), self, 0) == 0);
}

static void *wait_for_cancel(void *arg)
{
	(void)arg;
	sem_post(&semaphore);
	for (;;)
		pause();
	return NULL;
}

static void cancel(void)
{
	long i, cancelled = 0;
	void *result;

	for (i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, wait_for_cancel, (void *)(i | 1));
	for (i = 0; i < 8; i++)
		sem_wait(&semaphore);
	for (i = 0; i < 8; i++)
		pthread_cancel(thread[i]);
	for (i = 0; i < 8; i++) {
		pthread_join(thread[i], &result);
		cancelled += result == PTHREAD_CANCELED;
	}
	say("cancelled", cancelled);
}

static void *asynchronous(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	*(volatile int *)arg = 1;
	for (;;)
		asm volatile("pause");
	return NULL;
}

static void cancel_asynchronously(void)
{
	volatile int running = 0;
	void *result;

	pthread_create(&thread[0], NULL, asynchronous, (void *)&running);
	while (!running)
		usleep(1000);
	pthread_cancel(thread[0]);
	pthread_join(thread[0], &result);
	ok("cancelled while computing", result == PTHREAD_CANCELED);
}

static void *detached(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void details(void)
{
	struct timespec soon;
	pthread_attr_t attr;
	size_t size;
	void *base;
	long i;

	total = 0;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < count; i++)
		say("detached", pthread_create(&thread[0], &attr, detached, NULL)), i += count / 4;
	while (__atomic_load_n(&total, __ATOMIC_SEQ_CST) < (count + count / 4) / (count / 4 + 1))
		usleep(1000);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 3000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	pthread_mutex_lock(&mutex);
	say("timed wait", pthread_cond_timedwait(&condition, &mutex, &soon) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &base, &size);
	ok("main's stack", (char *)&i > (char *)base && (char *)&i < (char *)base + size);
	say("setname", pthread_setname_np(pthread_self(), "renamed"));
}

static void robust(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t dying;
	void *lock_it(void *arg) { pthread_mutex_lock(arg); return NULL; }

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&dying, &attr);
	pthread_create(&thread[0], NULL, lock_it, &dying);
	pthread_join(thread[0], NULL);
	ok("owner died", pthread_mutex_lock(&dying) == EOWNERDEAD);
	say("consistent", pthread_mutex_consistent(&dying));
	say("unlock", pthread_mutex_unlock(&dying));
}

int main(int argc, char **argv)
{
	long sum;

	if (argc > 1)
		count = atoi(argv[1]);
	if (argc > 2)
		rounds = atoi(argv[2]);
	if (count < 8 || count > MOST)
		return 98;
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&barrier, NULL, count);
	sem_init(&semaphore, 0, 1);
	run_all(just_return, &sum);
	say("returned", sum);
	run_all(just_return, &sum);
	say("returned", sum);
	run_all(locals, &sum);
	say("thread-local data right", sum);
	run_all(lock, &sum);
	say("locked", total);
	say("locked for writing", turn);
	turn = total = 0;
	run_all(in_turn, &sum);
	say("in turn", turn);
	run_all(barriers, &sum);
	say("serial threads", sum);
	run_all(hand_on, &sum);
	say("semaphore", total);
	run_all(floats, &sum);
	say("registers lost", sum);
	run_all(numbers, &sum);
	say("numbers right", sum);
	sem_init(&semaphore, 0, 0);
	cancel();
	if (argc < 4)
		cancel_asynchronously();
	details();
	robust();
	return 0;
}
