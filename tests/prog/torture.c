// SPDX-License-Identifier: GPL-2.0
/*
 * Threads of POSIX, of C11, and OpenMP tasks, much of everything: torture [COUNT]   (default 8 threads)
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define MOST	512
#define ROUNDS	20

static int count = 8;
static pthread_t thread[MOST];
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static sem_t items, room;
static long total, writers, readers_saw;
static volatile long signalled, destroyed, produced, consumed;

static struct timespec soon(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static long run_all(void *(*f)(void *))
{
	long i, sum = 0;
	void *result;

	for (i = 0; i < count; i++) {
		errno = pthread_create(&thread[i], NULL, f, (void *)i);
		if (errno)
			fail("pthread_create");
	}
	for (i = 0; i < count; i++) {
		pthread_join(thread[i], &result);
		sum += (long)result;
	}
	return sum;
}

static void *barriers(void *arg)
{
	long i, serial = 0;

	(void)arg;
	for (i = 0; i < ROUNDS; i++)
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
	return (void *)serial;
}

static void *spins(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		pthread_spin_lock(&spin);
		total++;
		pthread_spin_unlock(&spin);
	}
	return NULL;
}

static void *reads_and_writes(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (((long)arg + i) % 4 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			writers++;
			total++;
			pthread_rwlock_unlock(&rwlock);
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (writers != total)
				__atomic_add_fetch(&readers_saw, 1, __ATOMIC_SEQ_CST);
			pthread_rwlock_unlock(&rwlock);
		}
	}
	return NULL;
}

static void *exchange(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		sem_wait((long)arg % 2 ? &items : &room);
		__atomic_add_fetch((long)arg % 2 ? &consumed : &produced, 1, __ATOMIC_SEQ_CST);
		sem_post((long)arg % 2 ? &room : &items);
	}
	return NULL;
}

static void *timed_waits(void *arg)
{
	struct timespec end = soon(5 + (long)arg % 20);
	long timed_out;

	pthread_mutex_lock(&mutex);
	timed_out = pthread_cond_timedwait(&cond, &mutex, &end) == ETIMEDOUT;
	pthread_mutex_unlock(&mutex);
	return (void *)timed_out;
}

static void destroy(void *value)
{
	if ((long)value < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(key, (void *)((long)value + 1));
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static void *specifics(void *arg)
{
	(void)arg;
	pthread_setspecific(key, (void *)1);
	return NULL;
}

static void handler(int sig)
{
	(void)sig;
	__atomic_add_fetch(&signalled, 1, __ATOMIC_SEQ_CST);
}

static void *be_signalled(void *arg)
{
	sigset_t none;

	(void)arg;
	sigemptyset(&none);
	pthread_barrier_wait(&barrier);
	sigsuspend(&none);
	return NULL;
}

static void signals(void)
{
	sigset_t one;
	long i;

	signal(SIGUSR1, handler);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	pthread_barrier_destroy(&barrier);
	pthread_barrier_init(&barrier, NULL, count + 1);
	for (i = 0; i < count; i++)
		pthread_create(&thread[i], NULL, be_signalled, NULL);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < count; i++)
		pthread_kill(thread[i], SIGUSR1);
	for (i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	say("signalled", signalled);
	say("no such signal", pthread_kill(pthread_self(), 65));
}

/* Each thread moves to every CPU it may use. */
static void *affinity(void *arg)
{
	cpu_set_t all, one, now;
	int i, wrong = 0;

	(void)arg;
	pthread_getaffinity_np(pthread_self(), sizeof(all), &all);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		wrong += pthread_setaffinity_np(pthread_self(), sizeof(one), &one) != 0;
		wrong += sched_getcpu() != i;
		pthread_getaffinity_np(pthread_self(), sizeof(now), &now);
		wrong += !CPU_EQUAL(&one, &now);
	}
	return (void *)(long)wrong;
}

static void *nothing(void *arg)
{
	return arg;
}

static void many_cycles(void)
{
	long i, sum = 0;
	void *result;

	for (i = 0; i < 1000; i++) {
		errno = pthread_create(&thread[0], NULL, nothing, (void *)i);
		if (errno)
			fail("pthread_create");
		pthread_join(thread[0], &result);
		sum += (long)result;
	}
	say("1000 threads", sum);
}

static void *nap(void *arg)
{
	usleep(50000);
	return arg;
}

static void joins(void)
{
	struct timespec end = soon(5);

	pthread_create(&thread[0], NULL, nap, (void *)7);
	say("tryjoin", pthread_tryjoin_np(thread[0], NULL) == EBUSY);
	say("timedjoin", pthread_timedjoin_np(thread[0], NULL, &end) == ETIMEDOUT);
	end = soon(20000);
	say("joined in time", pthread_timedjoin_np(thread[0], NULL, &end));
	say("deadlock", pthread_join(pthread_self(), NULL) == EDEADLK);
}

/* ---- C11 ---- */

static mtx_t c_mutex;
static cnd_t c_cond;
static tss_t c_key;
static once_flag c_once = ONCE_FLAG_INIT;
static long c_total, c_once_ran;

static void c_init(void)
{
	c_once_ran++;
}

static void c_destroy(void *value)
{
	__atomic_add_fetch(&c_total, (long)value, __ATOMIC_SEQ_CST);
}

static int c_thread(void *arg)
{
	call_once(&c_once, c_init);
	tss_set(c_key, (void *)100);
	mtx_lock(&c_mutex);
	while (c_total != (long)arg)
		cnd_wait(&c_cond, &c_mutex);
	c_total++;
	cnd_broadcast(&c_cond);
	mtx_unlock(&c_mutex);
	return (int)(long)arg;
}

static void c11(void)
{
	struct timespec end = soon(5);
	thrd_t t[8];
	int result, sum = 0;
	long i;

	mtx_init(&c_mutex, mtx_timed);
	cnd_init(&c_cond);
	tss_create(&c_key, NULL);
	for (i = 0; i < 8; i++)
		thrd_create(&t[i], c_thread, (void *)i);
	for (i = 0; i < 8; i++) {
		thrd_join(t[i], &result);
		sum += result;
	}
	say("C11 sum", sum);
	say("in turn", c_total);
	say("once", c_once_ran);
	tss_delete(c_key);
	tss_create(&c_key, c_destroy);
	c_total = 0;
	thrd_create(&t[0], c_thread, (void *)0);
	thrd_join(t[0], &result);
	say("destructor", c_total);
	mtx_lock(&c_mutex);
	say("timed wait", cnd_timedwait(&c_cond, &c_mutex, &end) == thrd_timedout);
	mtx_unlock(&c_mutex);
}

/* ---- OpenMP ---- */

static long fibonacci(int n)
{
	long a, b;

	if (n < 2)
		return n;
	#pragma omp task shared(a) firstprivate(n) if(n > 10)
	a = fibonacci(n - 1);
	#pragma omp task shared(b) firstprivate(n) if(n > 10)
	b = fibonacci(n - 2);
	#pragma omp taskwait
	return a + b;
}

static void tasks(void)
{
	int chain[17] = { 0 }, i;
	long result = 0, sum = 0;

	#pragma omp parallel
	#pragma omp single
	result = fibonacci(16);
	say("tasks", result);
	#pragma omp parallel
	#pragma omp single
	for (i = 1; i <= 16; i++) {
		#pragma omp task depend(in: chain[i - 1]) depend(out: chain[i]) firstprivate(i)
		chain[i] = chain[i - 1] + i;
	}
	say("dependences", chain[16]);
	#pragma omp parallel
	#pragma omp single
	#pragma omp taskgroup
	#pragma omp taskloop grainsize(10)
	for (i = 0; i < 200; i++) {
		#pragma omp atomic
		sum += i;
	}
	say("taskloop", sum);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		count = atoi(argv[1]);
	if (count < 2 || count > MOST || count % 2)
		return 98;
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&barrier, NULL, count);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	pthread_key_create(&key, destroy);
	sem_init(&items, 0, 0);
	sem_init(&room, 0, 3);
	say("serial threads", run_all(barriers));
	run_all(spins);
	say("spun", total);
	total = 0;
	run_all(reads_and_writes);
	say("written", total);
	say("readers saw a writer", readers_saw);
	run_all(exchange);
	say("produced", produced);
	say("consumed", consumed);
	say("timed out", run_all(timed_waits));
	run_all(specifics);
	say("destroyed", destroyed);
	say("wrong CPUs", run_all(affinity));
	many_cycles();
	joins();
	signals();
	c11();
	tasks();
	return 0;
}
