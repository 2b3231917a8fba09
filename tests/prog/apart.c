// SPDX-License-Identifier: GPL-2.0
/*
 * What a thread has for itself alone: it leaves what threads share (unshare, setns, close_range), or changes its own credentials,
 * priority and name by bare system calls. Its new threads have what it has, and all others what they had.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static pthread_barrier_t barrier;
static char home[4096];

/* Runs @fn in a thread and waits for its end. */
static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg)) {
		puts("no thread: WRONG");
		return;
	}
	pthread_join(t, NULL);
}

/* Not by libc, which remembers. */
static long my_tid(void)
{
	return syscall(SYS_gettid);
}

/* Everything that a thread inherits, as this one has it. */
static void *show(void *arg)
{
	char name[16] = "", folder[200] = "";

	prctl(PR_GET_NAME, name);
	if (!getcwd(folder, sizeof(folder)))
		strcpy(folder, "?");
	printf("%s: effective user %ld, nice %d, name %s, folder %s, slack %d, umask %o, descriptor 50 %s\n", (const char *)arg,
		syscall(SYS_geteuid), getpriority(PRIO_PROCESS, 0), name, strrchr(folder, '/'), prctl(PR_GET_TIMERSLACK), umask(022),
		fcntl(50, F_GETFD) >= 0 ? "open" : "closed");
	return NULL;
}

static void *first(void *arg)
{
	(void)arg;
	say("unshare folder", unshare(CLONE_FS));
	say("chdir", chdir("inner"));
	say("unshare files", unshare(CLONE_FILES));
	say("dup2", dup2(1, 50));
	say("nice", setpriority(PRIO_PROCESS, 0, 5));
	say("name", prctl(PR_SET_NAME, "first"));
	say("slack", prctl(PR_SET_TIMERSLACK, 77000));
	say("user", syscall(SYS_setresuid, -1, 1000, -1));
	show("first");
	in_thread(show, "child of first");
	in_thread(show, "second child of first");
	return NULL;
}

static void *ranger(void *arg)
{
	(void)arg;
	say("close all", syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE));
	say("close beyond", syscall(SYS_close_range, 2000, 1000, CLOSE_RANGE_UNSHARE));
	say("close with wrong flags", syscall(SYS_close_range, 3, ~0u, 0x12));
	show("ranger");
	in_thread(show, "child of ranger");
	return NULL;
}

/* Another thread changes this one's priority. */
static void *changed(void *arg)
{
	*(long *)arg = my_tid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	in_thread(show, "child of one whose priority another has set");
	return NULL;
}

static void set_another(void)
{
	pthread_t t;
	long tid;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&t, NULL, changed, &tid);
	pthread_barrier_wait(&barrier);
	say("nice of another", setpriority(PRIO_PROCESS, tid, 3));
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
	in_thread(show, "child of main");
}

static void *companion(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void child_in_namespace(const char *what)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		printf("%s: child %s, user %ld\n", what, getpid() == 1 ? "is the first" : "has a number", syscall(SYS_getuid));
		in_thread(show, "thread of the child");
		fflush(stdout);
		_exit(7);
	}
	if (pid < 0) {
		say("fork", -1);
		return;
	}
	waitpid(pid, &status, 0);
	printf("%s: child ended with %d\n", what, WEXITSTATUS(status));
}

/* A joined thread may be Linux's for a moment more. */
static void until_alone(void)
{
	struct stat st;

	while (!stat("/proc/self/task", &st) && st.st_nlink > 3)
		usleep(1000);
}

static void namespaces(void)
{
	pthread_t t;
	int fd;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&t, NULL, companion, NULL);
	pthread_barrier_wait(&barrier);
	say("user namespace with threads", unshare(CLONE_NEWUSER));
	say("address space with threads", unshare(CLONE_VM));
	say("clock", unshare(CLONE_NEWTIME));
	say("unknown", unshare(0x40));
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
	until_alone();
	say("address space", unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
	fd = open("/proc/self/ns/user", O_RDONLY);
	say("own user namespace", setns(fd, CLONE_NEWUSER));
	say("not a namespace", setns(1, 0));
	say("closed", setns(999, 0));
	say("wrong type", setns(fd, CLONE_NEWNET));
	close(fd);
	say("semaphores", unshare(CLONE_SYSVSEM));
	say("network", unshare(CLONE_NEWNET));
	if (!say("mounts", unshare(CLONE_NEWNS)))
		child_in_namespace("mounts");
	if (!say("processes", unshare(CLONE_NEWPID))) {
		say("thread for others", pthread_create(&t, NULL, companion, NULL));
		child_in_namespace("processes");
	}
	if (!say("users", unshare(CLONE_NEWUSER)))
		say("nobody", syscall(SYS_getuid));
}

/* ---- Threads that have copies from the start: made by hand, so they use their maker's thread-local data, which waits ---- */

#define BARE	(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

struct bare {
	volatile int tid, may_look;
	char stack[65536] __attribute__((aligned(16)));
	char folder[200];
	long open[3];			/* descriptors 60, 61, 62 */
};

static struct bare maker, copier, sharer;

static void look(struct bare *b)
{
	syscall(SYS_getcwd, b->folder, sizeof(b->folder));
	for (int i = 0; i < 3; i++)
		b->open[i] = syscall(SYS_fcntl, 60 + i, F_GETFD) >= 0;
}

static void print(const char *what, const struct bare *b)
{
	const char *folder = strrchr(b->folder, '/');

	printf("%s: folder %s, descriptors %ld %ld %ld\n", what, folder ? folder : "?", b->open[0], b->open[1], b->open[2]);
}

static long begin(struct bare *b, int (*fn)(void *), int flags)
{
	return clone(fn, b->stack + sizeof(b->stack), BARE | flags, b, &b->tid, NULL, &b->tid);
}

static void await(struct bare *b)
{
	int tid;

	while ((tid = b->tid))
		syscall(SYS_futex, &b->tid, 0 /* FUTEX_WAIT */, tid, NULL);
}

static int sharing(void *arg)
{
	look(arg);
	syscall(SYS_exit, 0);
	return 0;
}

static int copying(void *arg)
{
	struct bare *b = arg;

	while (!b->may_look)
		sched_yield();
	look(b);
	syscall(SYS_dup2, 1, 62);
	syscall(SYS_chdir, "/");
	if (begin(&sharer, sharing, CLONE_FS | CLONE_FILES) > 0)
		await(&sharer);
	syscall(SYS_exit, 0);
	return 0;
}

/* The thread is made, then its maker closes 60, opens 61 and goes elsewhere, then the thread opens 62 and goes to the root. */
static void with_copies(const char *what, int flags)
{
	memset(&copier, 0, sizeof(copier));
	memset(&sharer, 0, sizeof(sharer));
	dup2(1, 60);
	close(61);
	close(62);
	if (begin(&copier, copying, flags) < 0) {
		say(what, -1);
		return;
	}
	close(60);
	dup2(1, 61);
	need("chdir", chdir("inner"));
	copier.may_look = 1;
	await(&copier);
	look(&maker);
	puts(what);
	print("it", &copier);
	print("a thread of it that shares", &sharer);
	print("its maker", &maker);
	need("chdir", chdir(strcmp(maker.folder, "/") ? ".." : home));
}

static void by_hand(void)
{
	need("getcwd", getcwd(home, sizeof(home)) ? 0 : -1);
	with_copies("shares both", CLONE_FS | CLONE_FILES);
	with_copies("copies the folder", CLONE_FILES);
	with_copies("copies descriptors", CLONE_FS);
	with_copies("copies both", 0);
	with_copies("flags that say nothing of a thread", CLONE_FS | CLONE_FILES | CLONE_UNTRACED | CLONE_PTRACE | CLONE_IO | CLONE_PARENT);
	say("a descriptor of a thread", begin(&sharer, sharing, CLONE_FS | CLONE_FILES | CLONE_PIDFD));
	in_thread(show, "child of main");
}

static void *execute(void *arg)
{
	(void)arg;
	if (unshare(CLONE_FILES))
		return NULL;
	execl("/bin/echo", "echo", "executed by a thread with its own files", NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "exec")) {
		in_thread(execute, NULL);
		return 1;
	}
	need("mkdir", mkdir("outer", 0777));
	need("chdir", chdir("outer"));
	need("mkdir", mkdir("inner", 0777));
	if (argc > 1) {
		by_hand();
		return 0;
	}
	in_thread(show, "at first");
	in_thread(first, NULL);
	show("main");
	say("dup2", dup2(1, 50));
	in_thread(ranger, NULL);
	in_thread(show, "child of main");
	set_another();
	show("main");
	namespaces();
	return 0;
}
