// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that synchronise through memory they share: meet FILE ROLE
 *
 *   make		creates FILE with everything in it; first, once
 *   side 0, side 1	two processes at once that wait for each other in every way
 *   hold [pi]		locks a robust mutex, says "ready", and goes on writing until it is killed
 *   leave [pi]		locks it in a thread that ends, and again in main(), which ends
 *   inherit [pi]	waits for that mutex and says what it finds
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>

#include "say.h"

#define ROUNDS 200

static struct area {
	pthread_mutex_t mutex, inheriting, robust, robust_pi;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	pthread_rwlock_t rwlock;
	sem_t sem[2];
	volatile uint32_t word[4];
	long count, turn;
	volatile long written;
} *area;

static int side;

static void make_mutex(pthread_mutex_t *mutex, int protocol, int robust)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutex_init(mutex, &attr);
}

static void make(void)
{
	pthread_barrierattr_t barrier;
	pthread_rwlockattr_t rwlock;
	pthread_condattr_t cond;

	make_mutex(&area->mutex, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
	make_mutex(&area->inheriting, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
	make_mutex(&area->robust, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
	make_mutex(&area->robust_pi, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&area->cond, &cond);
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&area->barrier, &barrier, 2);
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&area->rwlock, &rwlock);
	sem_init(&area->sem[0], 1, 0);
	sem_init(&area->sem[1], 1, 0);
}

static void meet(void)
{
	pthread_barrier_wait(&area->barrier);
}

static void count(const char *what, pthread_mutex_t *mutex)
{
	int i;

	area->count = 0;
	meet();
	for (i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(mutex);
		area->count++;
		if (i % 10 == 0)
			sched_yield();
		pthread_mutex_unlock(mutex);
	}
	meet();
	say(what, area->count);
	meet();
}

static void conditions(void)
{
	area->turn = 0;
	meet();
	pthread_mutex_lock(&area->mutex);
	while (area->turn < ROUNDS) {
		if (area->turn % 2 == side) {
			area->turn++;
			pthread_cond_signal(&area->cond);
		} else {
			pthread_cond_wait(&area->cond, &area->mutex);
		}
	}
	pthread_cond_signal(&area->cond);
	pthread_mutex_unlock(&area->mutex);
	say("turns", area->turn);
	meet();
}

static void semaphores(void)
{
	int i, failed = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (side == 0)
			sem_post(&area->sem[1]);
		failed += sem_wait(&area->sem[side]);
		if (side == 1)
			sem_post(&area->sem[0]);
	}
	say("semaphores", failed);
	meet();
}

static void read_write(void)
{
	int i;

	area->count = 0;
	meet();
	for (i = 0; i < ROUNDS; i++) {
		pthread_rwlock_wrlock(&area->rwlock);
		area->count++;
		pthread_rwlock_unlock(&area->rwlock);
		pthread_rwlock_rdlock(&area->rwlock);
		pthread_rwlock_unlock(&area->rwlock);
	}
	meet();
	say("written", area->count);
	meet();
}

static long futex(int word, int op, uint32_t value, const void *value2, int word2, uint32_t value3)
{
	return syscall(SYS_futex, &area->word[word], op, value, value2, &area->word[word2], value3);
}

/* Repeats a call that finds the other side not yet waiting. */
#define until(wanted, call) \
	({ long got_; while ((got_ = (call)) != (wanted) && got_ >= 0) usleep(1000); got_; })

static void calls(void)
{
	struct futex_waitv list[2] = {
		{ .uaddr = (uintptr_t)&area->word[0], .flags = FUTEX_32 }, { .uaddr = (uintptr_t)&area->word[1], .flags = FUTEX_32 },
	};

	if (side == 0) {
		say("wait", futex(0, FUTEX_WAIT, 0, NULL, 0, 0));
		say("moved", futex(0, FUTEX_WAIT, 0, NULL, 0, 0));
		say("bitset", futex(0, FUTEX_WAIT_BITSET, 0, NULL, 0, 2));
		say("operation", futex(1, FUTEX_WAIT, 0, NULL, 0, 0));
		say("several", syscall(SYS_futex_waitv, list, 2, 0, NULL, 0));
	} else {
		say("wake", until(1, futex(0, FUTEX_WAKE, 1, NULL, 0, 0)));
		say("move", until(1, futex(0, FUTEX_CMP_REQUEUE, 0, (void *)1, 1, 0)));
		say("wake moved", futex(1, FUTEX_WAKE, 1, NULL, 0, 0));
		say("wake bitset", until(1, futex(0, FUTEX_WAKE_BITSET, 1, NULL, 0, 2)));
		say("wake operation", until(1, futex(2, FUTEX_WAKE_OP, 1, (void *)1, 1, FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0))));
		say("wake several", until(1, futex(1, FUTEX_WAKE, 1, NULL, 0, 0)));
	}
	meet();
}

static struct timespec soon(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += t.tv_nsec > 970000000;
	t.tv_nsec = (t.tv_nsec + 30000000) % 1000000000;
	return t;
}

static volatile int handled;

static void handler(int sig)
{
	handled = sig;
}

static void early_ends(void)
{
	struct sigaction action = { .sa_handler = handler };
	struct timespec end = soon();

	say("timed wait", sem_timedwait(&area->sem[side], &end));
	pthread_mutex_lock(&area->mutex);
	end = soon();
	say("timed condition", pthread_cond_timedwait(&area->cond, &area->mutex, &end) == ETIMEDOUT);
	pthread_mutex_unlock(&area->mutex);
	meet();
	if (side == 0)
		pthread_mutex_lock(&area->inheriting);
	meet();
	end = soon();
	if (side == 1)
		say("timed lock", pthread_mutex_timedlock(&area->inheriting, &end) == ETIMEDOUT);
	meet();
	if (side == 0)
		pthread_mutex_unlock(&area->inheriting);
	sigaction(SIGALRM, &action, NULL);
	ualarm(50000, 0);
	say("interrupted", sem_wait(&area->sem[side]));
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	handled = 0;
	ualarm(50000, 0);
	if (side == 1)
		while (!handled)
			usleep(1000);
	meet();
	if (side == 1)
		sem_post(&area->sem[0]);
	else
		say("restarted", sem_wait(&area->sem[0]));
	meet();
}

static void both_sides(void)
{
	count("counted", &area->mutex);
	count("inheriting", &area->inheriting);
	conditions();
	semaphores();
	read_write();
	calls();
	early_ends();
}

/* ---- Owners that die ---- */

static void hold(pthread_mutex_t *mutex)
{
	say("locked", pthread_mutex_lock(mutex));
	puts("ready");
	for (;;)
		area->written++;
}

static void *lock_and_end(void *mutex)
{
	say("locked", pthread_mutex_lock(mutex));
	return NULL;
}

static void leave(pthread_mutex_t *mutex)
{
	pthread_t t;

	pthread_create(&t, NULL, lock_and_end, mutex);
	pthread_join(t, NULL);
	say("after a thread", pthread_mutex_lock(mutex));
	say("consistent", pthread_mutex_consistent(mutex));
	puts("ready");
	usleep(300000);
}

static void inherit(pthread_mutex_t *mutex)
{
	long result = pthread_mutex_lock(mutex), before = area->written;

	ok("owner died", result == EOWNERDEAD);
	usleep(100000);
	ok("and does nothing any more", before == area->written);
	say("consistent", pthread_mutex_consistent(mutex));
	say("unlock", pthread_mutex_unlock(mutex));
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
	int pi = argc > 3 && !strcmp(argv[3], "pi");

	if (fd < 0)
		return 98;
	setvbuf(stdout, NULL, _IOLBF, 0);
	need("ftruncate", ftruncate(fd, sizeof(*area)));
	area = mmap(NULL, sizeof(*area), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area == MAP_FAILED)
		fail("mmap");
	if (!strcmp(argv[2], "make"))
		make();
	if (!strcmp(argv[2], "side") && argc > 3) {
		side = atoi(argv[3]);
		both_sides();
	}
	if (!strcmp(argv[2], "hold"))
		hold(pi ? &area->robust_pi : &area->robust);
	if (!strcmp(argv[2], "leave"))
		leave(pi ? &area->robust_pi : &area->robust);
	if (!strcmp(argv[2], "inherit"))
		inherit(pi ? &area->robust_pi : &area->robust);
	return 0;
}
