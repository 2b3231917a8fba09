// SPDX-License-Identifier: GPL-2.0
/* Jobs with the other things that a kernel keeps for a process: pipes, System V objects, signals, numbers of processes and users. */
#define _GNU_SOURCE
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "jobs.h"

#define PIPE_BYTES	1024

bool job_pipe(struct random *random)
{
	char sent[PIPE_BYTES], received[PIPE_BYTES];
	int ends[2];
	bool good = !pipe(ends);

	for (int i = 0; good && i < 100; i++) {
		size_t size = 1 + random_below(random, PIPE_BYTES);

		memset(sent, random_next(random), size);
		good = write(ends[1], sent, size) == (ssize_t)size && read(ends[0], received, PIPE_BYTES) == (ssize_t)size &&
		       !memcmp(sent, received, size);
	}
	return !close(ends[1]) && good && read(ends[0], received, 1) == 0 && !close(ends[0]);
}

#define SHM_WORDS	(32 << 10)

static bool semaphore_add(int id, int number)
{
	struct sembuf operation = { .sem_op = number, .sem_flg = SEM_UNDO };

	return !semop(id, &operation, 1);
}

/* One segment in two places; a semaphore guards each store. */
static bool shm_use(int memory, int semaphore, uint64_t seed)
{
	uint64_t *one = shmat(memory, NULL, 0), *other = shmat(memory, NULL, SHM_RDONLY);
	bool good = one != (void *)-1 && other != (void *)-1 && one != other;

	for (int i = 0; good && i < 100; i++) {
		int place = i * (SHM_WORDS / 100);

		good = semaphore_add(semaphore, -1);
		one[place] += seed + i;
		good = good && semaphore_add(semaphore, 1) && other[place] == seed + i;
	}
	return !shmdt(one) && !shmdt(other) && good;
}

bool job_shm(struct random *random)
{
	int memory = shmget(IPC_PRIVATE, SHM_WORDS * sizeof(uint64_t), 0600), semaphore = semget(IPC_PRIVATE, 1, 0600);
	bool good = memory >= 0 && semaphore >= 0 && semaphore_add(semaphore, 1) &&
		    shm_use(memory, semaphore, random_next(random) | 1);

	return !shmctl(memory, IPC_RMID, NULL) && !semctl(semaphore, 0, IPC_RMID) && good;
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	signals += number == SIGUSR1 ? 1 : 1000;
}

/* Signals to oneself: some arrive at once, others when they are no longer blocked. */
bool job_signal(struct random *random)
{
	struct sigaction action = { .sa_handler = count_signal }, before;
	sigset_t set;
	bool good = !sigaction(SIGUSR1, &action, &before);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signals = 0;
	for (int i = 1; good && i <= 50; i++) {
		if (random_below(random, 4))
			good = !kill(getpid(), SIGUSR1);
		else
			good = !sigprocmask(SIG_BLOCK, &set, NULL) && !kill(getpid(), SIGUSR1) && signals == i - 1 &&
			       !sigprocmask(SIG_UNBLOCK, &set, NULL);
		good = good && signals == i;
	}
	return !sigaction(SIGUSR1, &before, NULL) && good;
}

/* Who am I, and where? */
bool job_ids(struct random *random)
{
	pid_t pid = getpid(), parent = getppid();
	clock_t before = times(&(struct tms){ 0 });
	int rounds = 40 + random_below(random, 8);

	for (int i = 0; i < rounds; i++) {
		struct utsname name;
		gid_t groups[64];
		int count = getgroups(64, groups);

		if (getpid() != pid || getppid() != parent || getpgrp() <= 0 || getuid() != geteuid() || getgid() != getegid() ||
		    count < 0 || uname(&name) || strcmp(name.sysname, "Linux") || times(&(struct tms){ 0 }) < before)
			return false;
	}
	return true;
}
