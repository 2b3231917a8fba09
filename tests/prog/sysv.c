// SPDX-License-Identifier: GPL-2.0
/*
 * System V shared memory: segments, attaching at chosen and given addresses, rights, parts, and what Linux counts.
 *
 *   sysv                 all of it in one process
 *   sysv leave|take KEY  two processes: one leaves a segment with a pattern, the other finds and removes it
 */
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "touch.h"

#define PAGE	4096ul
#define SIZE	(3 * PAGE + 100)

static long attached(int id)
{
	struct shmid_ds ds;

	need("IPC_STAT", shmctl(id, IPC_STAT, &ds));
	return ds.shm_nattch;
}

static unsigned char *attach(int id, void *at, int flags)
{
	unsigned char *p = shmat(id, at, flags);

	if (p == (void *)-1)
		fail("shmat");
	return p;
}

static long attach_error(int id, void *at, int flags)
{
	return (intptr_t)shmat(id, at, flags) == -1 ? -1 : 0;
}

static void places(int id)
{
	unsigned char *room = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *p;

	say("over a mapping", attach_error(id, room, 0));
	ok("SHM_REMAP", attach(id, room, SHM_REMAP) == room);
	say("attached", attached(id));
	munmap(room + 8 * PAGE, 8 * PAGE);
	say("unaligned", attach_error(id, room + 8 * PAGE + 1, 0));
	p = attach(id, room + 8 * PAGE + 1, SHM_RND);
	ok("SHM_RND", p == room + 8 * PAGE);
	ok("the same memory", is_filled(p, SIZE, 1) && is_filled(room, SIZE, 1));
	say("SHM_REMAP without address", attach_error(id, NULL, SHM_REMAP));
	say("munmap of the middle", munmap(p + PAGE, PAGE));
	say("attached", attached(id));
	say("shmdt", shmdt(p));
	say("attached", attached(id));
	say("shmdt again", shmdt(p));
	say("shmdt inside", shmdt(room + PAGE));
	say("shmdt", shmdt(room));
	say("attached", attached(id));
}

static void with_a_child(int id, unsigned char *p)
{
	pid_t pid;

	fflush(stdout);
	pid = need("fork", fork());
	if (!pid) {
		fill(p, SIZE, 2);
		_exit(shmdt(p) != 0);
	}
	need("waitpid", waitpid(pid, NULL, 0));
	ok("what a child wrote", is_filled(p, SIZE, 2));
	say("attached", attached(id));
	fill(p, SIZE, 1);
}

static void one_process(void)
{
	int id = need("shmget", shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600));
	unsigned char *p = attach(id, NULL, 0), *q = attach(id, NULL, SHM_RDONLY);

	ok("zero", is_zero(p, 4 * PAGE));
	fill(p, SIZE, 1);
	ok("two views", is_filled(q, SIZE, 1));
	printf("writing: %d %d\n", writing(p), writing(q));
	say("mprotect", mprotect(q, PAGE, PROT_READ | PROT_WRITE));
	say("attached", attached(id));
	with_a_child(id, p);
	places(id);
	say("IPC_RMID", shmctl(id, IPC_RMID, NULL));
	ok("still there", is_filled(q, SIZE, 1));
	say("shmdt", shmdt(p));
	say("shmdt", shmdt(q));
	say("gone", shmctl(id, IPC_RMID, NULL));
	say("shmat of nothing", attach_error(12345678, NULL, 0));
	say("shmctl, wrong buffer", syscall(SYS_shmctl, id, IPC_STAT, 8));
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = caught_by_touch };
	unsigned char *p;
	int id;

	sigaction(SIGSEGV, &sa, NULL);
	if (argc < 3) {
		one_process();
		return 0;
	}
	id = need("shmget", shmget(atoi(argv[2]), SIZE, IPC_CREAT | 0600));
	p = attach(id, NULL, 0);
	if (argv[1][0] == 'l') {
		fill(p, SIZE, 7);
		return 0;
	}
	ok("what another process left", is_filled(p, SIZE, 7));
	return shmctl(id, IPC_RMID, NULL) != 0;
}
