// SPDX-License-Identifier: GPL-2.0
/*
 * New processes: fork, vfork, clone and posix_spawn with everything that a child inherits, shares or does not, and execve in all its
 * forms. The program runs itself as the executed program: "fork child WHAT".
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

extern char **environ;
static char self[4096];
static volatile uintptr_t null = 8;

/* ---- Ends ---- */

static void say_status(const char *what, int status)
{
	if (WIFEXITED(status))
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: status %x\n", what, status);
}

static void wait_for(const char *what, pid_t pid)
{
	int status = -1;

	ok(what, pid > 0 && waitpid(pid, &status, 0) == pid);
	say_status(what, status);
}

static void ends(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGUSR1 };
	siginfo_t info;
	pid_t pid;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		pid = fork();
		if (!pid) {
			raise(signals[i]);
			_exit(1);
		}
		wait_for("raise", pid);
	}
	pid = fork();
	if (!pid)
		*(volatile int *)null = 1;
	wait_for("fault", pid);
	pid = fork();
	if (!pid)
		for (;;)
			;
	kill(pid, SIGKILL);
	wait_for("killed while it computes", pid);
	pid = fork();
	if (!pid)
		_exit(77);
	say("waitid", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	ok("waitid pid", info.si_pid == pid);
	printf("waitid: %d %d\n", info.si_code, info.si_status);
	wait_for("after WNOWAIT", pid);
	say("nobody left", waitpid(-1, NULL, 0));
}

/* ---- Memory ---- */

static char data[3 << 20] = { 1 };
static int counter = 5;

static void memory(void)
{
	size_t size = 8 << 20;
	char *heap = malloc(size), *map, *shared;
	int on_stack = 7, pipes[2];
	pid_t pid;

	memset(heap, 'h', size);
	memset(data, 'd', sizeof(data));
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(map, 'm', size / 2);
	shared = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need("mmap", shared == MAP_FAILED);
	strcpy(shared, "parent");
	need("pipe", pipe(pipes));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int good = counter == 5 && on_stack == 7 && heap[size - 1] == 'h' && data[sizeof(data) - 1] == 'd' &&
			map[100] == 'm' && map[size - 1] == 0;

		counter = 50, on_stack = 70;
		memset(heap, 'H', size);
		memset(data, 'D', sizeof(data));
		memset(map, 'M', size);
		strcpy(shared + 4096, strcmp(shared, "parent") ? "what?" : "child");
		good = good && heap[12345] == 'H' && data[54321] == 'D' && map[size - 1] == 'M' && counter == 50;
		write(pipes[1], heap + 1000, 4);
		_exit(good ? 3 : 4);
	}
	heap[5] = 'x';			/* while the child runs */
	wait_for("memory", pid);
	ok("parent's heap", heap[5] == 'x' && heap[6] == 'h' && heap[size - 1] == 'h');
	ok("parent's data", data[0] == 'd' && data[sizeof(data) - 1] == 'd');
	ok("parent's mapping", map[0] == 'm' && map[size - 1] == 0);
	ok("parent's stack", counter == 5 && on_stack == 7);
	ok("shared memory", !strcmp(shared + 4096, "child"));
	ok("pipe", read(pipes[0], heap, 4) == 4 && heap[0] == 'H' && heap[3] == 'H' && heap[4] == 'h');
	close(pipes[0]);
	close(pipes[1]);
	munmap(map, size);
	munmap(shared, 4 << 20);
	free(heap);
}

/* Regions that begin within what may be one large page; each side changes and drops its own part of it. */
static void parts(void)
{
	size_t page = 4096, size = 8 << 20;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	need("mmap", map == MAP_FAILED);
	memset(map, 'm', size);
	need("mlock", mlock(map, page));
	need("madvise", madvise(map + size / 2, page, MADV_DONTDUMP));
	pid = fork();
	if (!pid) {
		munmap(map, page);
		memset(map + page, 'M', page);
		munmap(map + size / 2, page);
		_exit(map[page] == 'M' && map[2 * page] == 'm' && map[size - 1] == 'm' ? 3 : 4);
	}
	wait_for("parts", pid);
	ok("parent's parts", map[0] == 'm' && map[page] == 'm' && map[size / 2] == 'm');
	munmap(map, size);
}

/* A chain of processes, each with the memory of the one before and one change of its own. */
static void generations(void)
{
	static int depth;
	int level = 0, status;
	pid_t pid;

	fflush(stdout);
	for (;;) {
		if (level == 6)
			_exit(depth);
		pid = fork();
		if (pid)
			break;
		level++;
		depth += 10;
	}
	waitpid(pid, &status, 0);
	if (level)
		_exit(WIFEXITED(status) && depth == level * 10 ? WEXITSTATUS(status) : 1);
	say_status("generations", status);
	say("depth", depth);
}

static void many(void)
{
	pid_t pid[12];
	int i, sum = 0, status;

	for (i = 0; i < 12; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			volatile long n = 0;

			while (n < 200000)
				n++;
			_exit(i);
		}
	}
	for (i = 0; i < 12; i++) {
		waitpid(pid[i], &status, 0);
		sum += WEXITSTATUS(status);
	}
	say("sum", sum);
}

/* ---- What a child has of its parent ---- */

static int caught;

static void handler(int sig)
{
	caught += sig;
}

static void inherited(void)
{
	struct sigaction action = { .sa_handler = handler };
	sigset_t set, now;
	pid_t parent = getpid(), pid;
	int fd = open("inherited", O_RDWR | O_CREAT, 0600), i, status;
	cpu_set_t cpus, child_cpus;

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_NAME, "inheritor");
	write(fd, "0123456789", 10);
	lseek(fd, 2, SEEK_SET);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		char name[16] = "", byte = 0;
		struct sigaction old;

		ok("getppid", getppid() == parent);
		ok("own pid", getpid() != parent && getpid() == syscall(SYS_gettid));
		sigprocmask(SIG_BLOCK, NULL, &now);
		say("blocked", sigismember(&now, SIGTERM));
		sigaction(SIGUSR2, NULL, &old);
		ok("ignored", old.sa_handler == SIG_IGN);
		raise(SIGUSR1);
		say("caught", caught);
		prctl(PR_GET_NAME, name);
		printf("name %s\n", name);
		say("read", read(fd, &byte, 1));
		say("byte", byte);
		sched_getaffinity(0, sizeof(child_cpus), &child_cpus);
		ok("affinity", CPU_EQUAL(&cpus, &child_cpus));
		ok("group", getpgrp() == getpgid(parent) && getsid(0) == getsid(parent));
		printf("floating point %.3f\n", 1.0 / 3);
		fflush(stdout);
		raise(SIGTERM);
		sigpending(&now);
		_exit(sigismember(&now, SIGTERM));
	}
	waitpid(pid, &status, 0);
	say_status("inherited", status);
	say("offset", lseek(fd, 0, SEEK_CUR));
	sigpending(&now);
	say("not pending here", sigismember(&now, SIGTERM));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	close(fd);
	unlink("inherited");
	for (i = 0; i < 3; i++) {
		caught = 0;
		signal(SIGCHLD, handler);
		pid = fork();
		if (!pid)
			_exit(0);
		while (waitpid(pid, &status, 0) < 0)
			;
		ok("SIGCHLD", caught == SIGCHLD);
	}
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static void *thread_main(void *arg)
{
	volatile int *stop = arg;

	while (!*stop)
		sched_yield();
	return NULL;
}

/* Only the thread that forks goes on in the child. */
static void threads(void)
{
	volatile int stop = 0;
	pthread_t thread;
	pid_t pid;

	need("pthread_create", pthread_create(&thread, NULL, thread_main, (void *)&stop));
	pid = fork();
	if (!pid) {
		pthread_t other;

		stop = 1;
		if (pthread_create(&other, NULL, thread_main, (void *)&stop) || pthread_join(other, NULL))
			_exit(1);
		_exit(8);
	}
	wait_for("child with threads", pid);
	stop = 1;
	pthread_join(thread, NULL);
}

/* ---- vfork and clone ---- */

/* A child makes another child of its own parent. */
static void sibling(void)
{
	pid_t self = getpid(), pid = fork(), made;
	int status;

	if (!pid) {
		pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		_exit(pid ? pid < 0 : 20 + (getppid() == self));
	}
	wait_for("makes a sibling", pid);
	made = waitpid(-1, &status, 0);
	ok("sibling", made > 0 && made != pid);
	say("its status", status);
}

static pid_t told;

static int vfork_child(void *arg)
{
	(void)arg;
	_exit(told == getpid() ? 30 : 31);
}

/* Who is told the child's number, when, and what is no place for it. */
static void clone_numbers(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD };
	pid_t pid, number[1] = { 1 };
	int status = 0;

	pid = clone(vfork_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, NULL, &told);
	wait_for("vfork that tells", pid);
	ok("told", told == pid);
	args.pidfd = args.parent_tid = (uintptr_t)&told;
	say("both to one place", syscall(SYS_clone3, &args, sizeof(args)));
	say("PIDFD and DETACHED", syscall(SYS_clone, CLONE_PIDFD | 0x00400000 | SIGCHLD, 0, &told, 0, 0));
	say("PIDFD far away", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 0x7ffffffff000, 0, 0));
	args = (struct clone_args){ .exit_signal = SIGCHLD, .set_tid = 0x7ffffffff000, .set_tid_size = 1 };
	say("numbers far away", syscall(SYS_clone3, &args, sizeof(args)));
	args = (struct clone_args){ .exit_signal = SIGCHLD, .set_tid = (uintptr_t)number, .set_tid_size = 1 };
	say("a number that is taken", syscall(SYS_clone3, &args, sizeof(args)));
	args = (struct clone_args){ .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	say("cgroup beyond the size", syscall(SYS_clone3, &args, 80));
	pid = syscall(SYS_clone, 100, 0, 0, 0, 0);
	if (!pid)
		_exit(32);
	say("no such signal: waitpid", waitpid(pid, &status, 0));
	say("with __WCLONE", waitpid(pid, &status, __WCLONE) == pid && WEXITSTATUS(status) == 32);
}

static int clone_child(void *arg)
{
	*(int *)arg += 1;
	return 9;
}

static void sharing(void)
{
	static char stack[65536];
	volatile int value = 1;
	int pidfd = -1, tid = 0;
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD };
	pid_t pid;

	pid = vfork();
	if (!pid) {
		value = 2;
		_exit(6);
	}
	say("vfork shares memory", value);
	wait_for("vfork", pid);
	value = 1;
	pid = clone(clone_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&value);
	say("clone shares memory", value);
	wait_for("clone", pid);
	pid = clone(clone_child, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)&value);
	wait_for("clone, side by side", pid);
	say("value", value);
	pid = clone(clone_child, stack + sizeof(stack), SIGCHLD, (void *)&value);
	wait_for("clone with a copy", pid);
	say("value", value);
	args.pidfd = (uintptr_t)&pidfd;
	args.parent_tid = (uintptr_t)&tid;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		_exit(11);
	ok("pidfd", pidfd >= 0 && tid == pid);
	say("poll", poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, -1));
	wait_for("clone3", pid);
	close(pidfd);
	sibling();
	clone_numbers();
	say("SIGHAND without VM", syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
	say("THREAD alone", syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
}

/* ---- exec ---- */

static pid_t run(char *const argv[], const char *path)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		execv(path, argv);
		_exit(100 + errno % 100);
	}
	return pid;
}

/* The interpreter finds a script by the descriptor, and cannot if that is gone by then. */
static void script_by_descriptor(void)
{
	static const char text[] = "#!/bin/sh\necho \"script: $0 $*\"\ncat /proc/$$/comm\nexit 5\n";
	int fd = need("open", open("script", O_WRONLY | O_CREAT, 0700)), folder = 50;
	pid_t pid;

	need("write", write(fd, text, sizeof(text) - 1));
	close(fd);
	fd = need("folder", open(".", O_RDONLY));
	need("dup2", dup2(fd, folder));
	close(fd);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, folder, "script", (char *[]) { "x", "y", NULL }, environ, 0);
		_exit(100 + errno % 100);
	}
	wait_for("script in a folder", pid);
	close(folder);
	fd = need("open", open("script", O_RDONLY | O_CLOEXEC));
	say("script by a descriptor that closes", syscall(SYS_execveat, fd, "", (char *[]) { "x", NULL }, environ, AT_EMPTY_PATH));
	close(fd);
	fd = need("folder", open(".", O_RDONLY | O_CLOEXEC));
	say("script in a folder that closes", syscall(SYS_execveat, fd, "script", (char *[]) { "x", NULL }, environ, 0));
	close(fd);
	unlink("script");
}

static void executing(void)
{
	static char *const environment[] = { "ONLY=this", NULL };
	char *const echo[] = { "the name", "child", "echo", "a b", "", NULL };
	char script[] = "#!/bin/sh\necho \"script: $0 $*\"\nexit 4\n", link[64];
	int fd;
	pid_t pid;

	wait_for("exec", run(echo, self));
	pid = fork();
	if (!pid) {
		execle(self, "env", "child", "env", (char *)NULL, environment);
		_exit(1);
	}
	wait_for("environment", pid);
	fd = open("s", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	write(fd, script, sizeof(script) - 1);
	wait_for("open for writing", run((char *const[]){ "s", NULL }, "./s"));
	close(fd);
	wait_for("script", run((char *const[]){ "zero", "x", "y z", NULL }, "./s"));
	chmod("s", 0600);
	wait_for("not executable", run((char *const[]){ "s", NULL }, "./s"));
	chmod("s", 0755);
	truncate("s", 0);
	wait_for("empty", run((char *const[]){ "s", NULL }, "./s"));
	fd = open("s", O_WRONLY | O_TRUNC);
	write(fd, "#!/no/such/thing\n", 17);
	close(fd);
	wait_for("no interpreter", run((char *const[]){ "s", NULL }, "./s"));
	wait_for("no such file", run((char *const[]){ "s", NULL }, "./nothing"));
	wait_for("a folder", run((char *const[]){ "s", NULL }, "/tmp"));
	need("mkfifo", mkfifo("fifo", 0755));
	wait_for("a FIFO", run((char *const[]){ "s", NULL }, "./fifo"));
	fd = open("s", O_WRONLY | O_TRUNC);
	write(fd, "#!./fifo\n", 9);
	close(fd);
	wait_for("a FIFO as interpreter", run((char *const[]){ "s", NULL }, "./s"));
	unlink("fifo");
	wait_for("a device", run((char *const[]){ "s", NULL }, "/dev/tty"));
	fd = open(self, O_RDONLY | O_CLOEXEC);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	pid = fork();
	if (!pid) {
		fexecve(fd, echo, environ);
		_exit(1);
	}
	wait_for("fexecve", pid);
	need("dup2", dup2(fd, 60));
	snprintf(link, sizeof(link), "/dev/fd/60");
	wait_for("a descriptor's path", run(echo, link));
	close(60);
	close(fd);
	say("bad path pointer", syscall(SYS_execve, 8, echo, environ));
	say("bad argument pointer", syscall(SYS_execve, self, 8, environ));
	say("bad argument", syscall(SYS_execve, self, (char *[]){ (char *)8, NULL }, environ));
	say("bad environment", syscall(SYS_execve, self, echo, 8));
	say("unknown flag", syscall(SYS_execveat, AT_FDCWD, self, echo, environ, 0x10000));
	script_by_descriptor();
	say("the folder itself", syscall(SYS_execveat, AT_FDCWD, "", echo, environ, AT_EMPTY_PATH));
	say("unknown flag and an empty path", syscall(SYS_execveat, AT_FDCWD, "", echo, environ, AT_EMPTY_PATH | 1));
	unlink("s");
}

static void spawning(void)
{
	posix_spawn_file_actions_t actions;
	char *const argv[] = { "spawned", "child", "echo", "hello", NULL };
	pid_t pid = 0;
	int i;

	fflush(stdout);
	say("spawn", posix_spawn(&pid, self, NULL, NULL, argv, environ));
	wait_for("spawned", pid);
	say("spawn of nothing", posix_spawn(&pid, "./nothing", NULL, NULL, argv, environ));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "out", O_WRONLY | O_CREAT, 0600);
	for (i = 0; i < 5; i++) {
		say("spawn with actions", posix_spawn(&pid, self, &actions, NULL, argv, environ));
		wait_for("with actions", pid);
	}
	fflush(stdout);
	say("system", system("cat out; exit 3"));
	unlink("out");
	{
		FILE *p = popen("read a; echo \"popen $a\"", "w");

		fprintf(p, "text\n");
		say("pclose", pclose(p));
	}
}

/* ---- The executed program ---- */

static int child(int argc, char **argv)
{
	char comm[64] = "";
	int i, fd;

	if (!strcmp(argv[2], "echo")) {
		fd = open("/proc/self/comm", O_RDONLY);
		read(fd, comm, sizeof(comm) - 1);
		printf("comm %s", comm);
		for (i = 0; i < argc; i++)
			printf("[%s]", argv[i]);
		printf("\n");
		close(fd);
		printf("first free descriptor %d\n", open("/dev/null", O_RDONLY));
		return 2;
	}
	for (i = 0; environ[i]; i++)
		printf("%s\n", environ[i]);
	return i;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	need("readlink", readlink("/proc/self/exe", self, sizeof(self) - 1) < 0);
	if (argc > 2 && !strcmp(argv[1], "child"))
		return child(argc, argv);
	ends();
	memory();
	parts();
	generations();
	many();
	inherited();
	threads();
	sharing();
	executing();
	spawning();
	return 0;
}
