// SPDX-License-Identifier: GPL-2.0
/*
 * The process as it sees itself: numbers, credentials, limits, affinity, names, /proc, random bytes, restartable
 * sequences, and calls that are refused.
 */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static void numbers(void)
{
	char link[64] = "";
	struct stat st;

	ok("getpid", getpid() == syscall(SYS_getpid) && getpid() > 1);
	ok("gettid", gettid() == getpid());
	ok("getppid", getppid() > 0 && getppid() != getpid());
	ok("/proc/self", readlink("/proc/self", link, sizeof(link)) > 0 && atoi(link) == getpid());
	snprintf(link, sizeof(link), "/proc/%d/task/%d", getpid(), gettid());
	say("own task", stat(link, &st));
	say("getuid", getuid());
	say("geteuid", geteuid());
	say("getgid", getgid());
	ok("getpgrp", getpgrp() == getpgid(0));
	/* 0 when the session's leader lives outside our PID namespace, as in a container */
	ok("getsid", getsid(0) >= 0 && getsid(0) == getsid(getpid()));
	say("getpriority", getpriority(PRIO_PROCESS, 0));
	say("sched_getscheduler", sched_getscheduler(0));
	say("wait", waitpid(-1, NULL, 0));
}

static void limits(void)
{
	static const int all[] = { RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_DATA, RLIMIT_CORE, RLIMIT_FSIZE };
	struct rlimit limit;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		need("getrlimit", getrlimit(all[i], &limit));
		printf("limit %d: %lx %lx\n", all[i], limit.rlim_cur, limit.rlim_max);
	}
	limit = (struct rlimit){ 100, 200 };
	say("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
	say("raise it", setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 150, 200 }));
	getrlimit(RLIMIT_NOFILE, &limit);
	say("limit", limit.rlim_cur);
	say("soft above hard", setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 300, 200 }));
	say("dup beyond it", dup2(0, 180));
	say("unknown limit", setrlimit(99, &limit));
}

static int deep(int levels)
{
	volatile char frame[64 * 1024];

	frame[0] = levels;
	return levels ? deep(levels - 1) + frame[0] - frame[0] : 0;
}

/* As compilers do that recurse deeply: the limit of the main thread's stack is raised while the program runs. */
static void stack_limit(void)
{
	struct rlimit limit;
	int status;
	pid_t pid = fork();

	if (!pid) {
		getrlimit(RLIMIT_STACK, &limit);
		limit.rlim_cur = 64 << 20;
		need("setrlimit", setrlimit(RLIMIT_STACK, &limit));
		_exit(deep(48 * 1024 * 1024 / (64 * 1024)));
	}
	need("waitpid", waitpid(pid, &status, 0));
	say("deep recursion", status);
}

/* More than a GB at once, of which only the ends are touched, and 48 MB page by page. */
static int bottomless(void)
{
	volatile char frame[1200l << 20];
	struct rlimit limit;

	frame[0] = 1;
	need("getrlimit", getrlimit(RLIMIT_STACK, &limit));
	ok("no limit", limit.rlim_cur == RLIM_INFINITY);
	say("deep recursion", deep(48 * 1024 * 1024 / (64 * 1024)));
	return frame[0] - 1;
}

static void affinity(void)
{
	cpu_set_t set, one, now;
	int i, cpu = -1;

	ok("sched_getaffinity", sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set))
			cpu = i;
	}
	ok("sched_getcpu", CPU_ISSET(sched_getcpu(), &set));
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	say("sched_setaffinity", sched_setaffinity(0, sizeof(one), &one));
	ok("moved", sched_getcpu() == cpu);
	sched_getaffinity(0, sizeof(now), &now);
	ok("new mask", CPU_EQUAL(&now, &one));
	CPU_ZERO(&one);
	say("empty mask", sched_setaffinity(0, sizeof(one), &one));
	CPU_SET(1023, &one);
	say("no such CPU", sched_setaffinity(0, sizeof(one), &one));
	say("too short a mask", syscall(SYS_sched_getaffinity, 0, 1, &now));
	say("other process", sched_getaffinity(0x3ffffff, sizeof(now), &now));
	say("back", sched_setaffinity(0, sizeof(set), &set));
	ok("processors", get_nprocs() > 0);
	say("yield", sched_yield());
}

static void names(void)
{
	char name[16] = "", file[64], text[32] = "", exe[4096] = "";
	struct utsname u;
	int fd;

	say("PR_SET_NAME", prctl(PR_SET_NAME, "my-name"));
	say("PR_GET_NAME", prctl(PR_GET_NAME, name));
	printf("name: %s\n", name);
	snprintf(file, sizeof(file), "/proc/%d/comm", getpid());
	fd = open(file, O_RDONLY);
	say("read comm", read(fd, text, sizeof(text)));
	printf("comm: %s", text);
	close(fd);
	ok("readlink exe", readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	printf("exe: %s\n", exe);
	say("uname", uname(&u));
	printf("%s %s %s\n", u.sysname, u.release, u.machine);
	say("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE));
	say("prctl unknown", prctl(12345));
	say("personality", personality(0xffffffff));
}

static void chance(void)
{
	unsigned char a[512] = { 0 }, b[512] = { 0 };

	say("getrandom", getrandom(a, sizeof(a), 0));
	say("getrandom", getrandom(b, sizeof(b), GRND_NONBLOCK));
	ok("random", memcmp(a, b, sizeof(a)) && !is_zero(a + 256, 16));
	say("getrandom wrong flags", getrandom(a, 1, 0x100));
}

static void restartable(void)
{
	struct rseq *r = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	ok("rseq registered", __rseq_size > 0);
	ok("its cpu", __rseq_size > 0 && r->cpu_id == (unsigned int)sched_getcpu());
	say("register again", syscall(SYS_rseq, r, 32, 0, RSEQ_SIG));
	say("register elsewhere", syscall(SYS_rseq, (char *)r + 32, 32, 0, RSEQ_SIG));
	say("membarrier", syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	say("membarrier", syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
}

static void refused(void)
{
	say("call 9999", syscall(9999));
	say("call -1", syscall(-1));
	say("call 350", syscall(350));
	say("call 423", syscall(423));
	say("call 0x1000", syscall(0x1000, 0, 0, 0, 0, 0, 0));
	say("call 0x1003", syscall(0x1003, 11, 0, 0));
	say("x32 call", syscall(0x40000000 + 39));
	ok("call 2^32 + getpid", syscall(0x100000027) == getpid());
	say("arch_prctl unknown", syscall(SYS_arch_prctl, 0x9999, 0));
	say("futex unknown", syscall(SYS_futex, &(int){ 0 }, 99, 0, 0));
	say("futex unaligned", syscall(SYS_futex, (char *)&(long){ 0 } + 1, 128, 0, 0));
	say("set_robust_list", syscall(SYS_set_robust_list, &(long[3]){ 0 }, 23));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "bottomless"))
		return bottomless();
	numbers();
	limits();
	stack_limit();
	affinity();
	names();
	chance();
	restartable();
	refused();
	return 0;
}
