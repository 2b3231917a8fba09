// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that a program gives up: seccomp in all its ways, dispatch of calls to the program itself, and the cycle counter. Every part runs
 * in a process of its own, which it may lose.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <x86intrin.h>

#include "say.h"

#define LOAD(field)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value)	BPF_STMT(BPF_RET | BPF_K, value)
#define UNLESS(k, skip)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip)
#define ERROR(e)	(SECCOMP_RET_ERRNO | (e))
#define COUNT(a)	(sizeof(a) / sizeof(*(a)))
#define FOUR_MB		(1 << 22)

static long seccomp(unsigned int operation, unsigned int flags, void *args)
{
	return syscall(SYS_seccomp, operation, flags, args);
}

static long install(struct sock_filter *filter, size_t length, unsigned int flags)
{
	struct sock_fprog program = { length, filter };

	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* Call @nr gets @value, all others are allowed. */
static long forbid(int nr, unsigned int value, unsigned int flags)
{
	struct sock_filter filter[] = { LOAD(nr), UNLESS(nr, 1), RETURN(value), RETURN(SECCOMP_RET_ALLOW) };

	return install(filter, COUNT(filter), flags);
}

static void give_up_privileges(void)
{
	need("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void errors(void)
{
	struct sock_filter by_argument[] = {
		LOAD(nr), UNLESS(SYS_lseek, 5), LOAD(args[1]), UNLESS(FOUR_MB, 3), LOAD(args[2]),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 1), RETURN(ERROR(EDOM)), RETURN(SECCOMP_RET_ALLOW),
	};

	say("mode", prctl(PR_GET_SECCOMP));
	say("local", forbid(SYS_getpid, ERROR(EXDEV), 0));
	say("mode", prctl(PR_GET_SECCOMP));
	say("forwarded", forbid(SYS_getppid, ERROR(ENOTDIR), 0));
	say("with a full frame", forbid(SYS_clone3, ERROR(ENOSYS), 0));
	say("no such call", forbid(4000, ERROR(EL2HLT), 0));
	say("none at all", forbid(SYS_getgid, ERROR(0), 0));
	say("beyond all errors", forbid(SYS_getegid, ERROR(0xffff), 0));
	say("by argument", install(by_argument, COUNT(by_argument), SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW));
	say("getpid", syscall(SYS_getpid));
	say("getppid", syscall(SYS_getppid));
	say("clone3", syscall(SYS_clone3, NULL, 0));
	say("4000", syscall(4000));
	say("getgid", syscall(SYS_getgid));
	say("getegid", syscall(SYS_getegid) == -1 ? errno : 0);
	say("lseek", lseek(0, FOUR_MB, SEEK_END));
	say("lseek elsewhere", lseek(-1, FOUR_MB + 1, SEEK_END));
	say("again", forbid(SYS_getpid, ERROR(EXFULL), 0));
	say("the newest counts", syscall(SYS_getpid));
	say("lenient", forbid(SYS_getppid, SECCOMP_RET_LOG, 0));
	say("the strictest counts", syscall(SYS_getppid));
	say("nobody traces", forbid(SYS_getuid, SECCOMP_RET_TRACE, 0));
	say("getuid", syscall(SYS_getuid));
	say("nobody listens", forbid(SYS_geteuid, SECCOMP_RET_USER_NOTIF, 0));
	say("geteuid", syscall(SYS_geteuid));
	say("logged", forbid(SYS_umask, SECCOMP_RET_LOG, 0));
	say("umask", syscall(SYS_umask, 022) >= 0);
}

static void refused(void)
{
	struct sock_filter never = RETURN(SECCOMP_RET_ALLOW), code = { 0x90, 0, 0, 0 };
	struct sock_filter unaligned[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), never };
	struct sock_filter beyond[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), never }, far[] = { BPF_STMT(BPF_JMP | BPF_JA, 1), never };
	struct sock_filter memory[] = { BPF_STMT(BPF_LD | BPF_MEM, 3), never }, zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), never };
	struct sock_filter endless[] = { LOAD(nr) }, half[] = { BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), never };
	struct sock_fprog none = { 1, NULL };
	unsigned int action = SECCOMP_RET_TRAP, unknown = 0x12340000;

	say("no program", seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL));
	say("empty", install(&never, 0, 0));
	say("too long", install(&never, 4097, 0));
	say("no instructions", seccomp(SECCOMP_SET_MODE_FILTER, 0, &none));
	say("unknown code", install(&code, 1, 0));
	say("unaligned", install(unaligned, 2, 0));
	say("beyond", install(beyond, 2, 0));
	say("too far", install(far, 2, 0));
	say("memory never written", install(memory, 2, 0));
	say("by zero", install(zero, 2, 0));
	say("without end", install(endless, 1, 0));
	say("half a word", install(half, 2, 0));
	say("flags", install(&never, 1, 0x8000));
	say("strict with flags", seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL));
	say("strict with arguments", seccomp(SECCOMP_SET_MODE_STRICT, 0, &none));
	say("unknown", seccomp(77, 0, NULL));
	say("action", seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action));
	say("unknown action", seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &unknown));
	say("action nowhere", seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL));
	say("mode 3", prctl(PR_SET_SECCOMP, 3, NULL));
	say("strict after filter", install(&never, 1, 0) ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	if (!geteuid() && !setresuid(1000, 1000, 1000)) {
		say("without privileges", install(&never, 1, 0));
		give_up_privileges();
		say("having given them up", install(&never, 1, 0));
	}
}

static void full(void)
{
	static struct sock_filter filter[4096];
	long n = 0;

	/* how many, depends on what Linux makes of the instructions */
	for (unsigned int i = 0; i < COUNT(filter); i++)
		filter[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	while (n < 100 && !install(filter, COUNT(filter), 0))
		n++;
	printf("filters: %s, then %s\n", n > 1 ? "some" : "WRONG", strerrorname_np(errno));
}

static volatile int trapped;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	printf("signal %d, code %d, data %d, call %d, machine %s, register %lld, address %s\n", sig, info->si_code, info->si_errno,
		info->si_syscall, info->si_arch == AUDIT_ARCH_X86_64 ? "ours" : "WRONG", uc->uc_mcontext.gregs[REG_RAX],
		info->si_call_addr == (void *)uc->uc_mcontext.gregs[REG_RIP] ? "known" : "WRONG");
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
	trapped++;
}

static void catch_sigsys(void)
{
	struct sigaction act = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &act, NULL);
}

static void trap(void)
{
	catch_sigsys();
	say("trap", forbid(SYS_getpid, SECCOMP_RET_TRAP | 77, 0));
	say("trap forwarded", forbid(SYS_getppid, SECCOMP_RET_TRAP | 78, 0));
	say("getpid", syscall(SYS_getpid));
	say("getppid", syscall(SYS_getppid));
	say("trapped", trapped);
}

static void trap_blocked(void)
{
	sigset_t set;

	catch_sigsys();
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	forbid(SYS_getpid, SECCOMP_RET_TRAP, 0);
	say("not reached: WRONG", syscall(SYS_getpid));
}

static void kill_process(void)
{
	catch_sigsys();
	say("kill", forbid(SYS_getpid, SECCOMP_RET_KILL_PROCESS, 0));
	say("not reached: WRONG", syscall(SYS_getpid));
}

static void kill_unknown(void)
{
	forbid(SYS_getpid, 0x12340000, 0);
	say("not reached: WRONG", syscall(SYS_getpid));
}

static void *dies(void *arg)
{
	(void)arg;
	say("kill the thread", forbid(SYS_getpid, SECCOMP_RET_KILL_THREAD, 0));
	say("not reached: WRONG", syscall(SYS_getpid));
	return NULL;
}

static void kill_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, dies, NULL);
	pthread_join(t, NULL);
	say("the others live", syscall(SYS_getpid) > 0);
	dies(NULL);
}

static void strict(void)
{
	fflush(stdout);
	need("strict", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	syscall(SYS_write, 1, "still writing\n", 14);
	syscall(SYS_exit, 5);
}

static void strict_kill(void)
{
	fflush(stdout);
	need("strict", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	syscall(SYS_getpid);
	syscall(SYS_write, 1, "not reached: WRONG\n", 19);
}

static volatile int go, ready;

static void *obeys(void *arg)
{
	(void)arg;
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		;
	say("another thread", syscall(SYS_getpid));
	say("its privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("its mode", prctl(PR_GET_SECCOMP));
	return NULL;
}

static void *sleeps(void *arg)
{
	char c;
	int *fd = arg;

	if (read(fd[0], &c, 1) == 1)
		say("a thread that slept", syscall(SYS_getpid));
	return NULL;
}

static void *goes_apart(void *arg)
{
	*(long *)arg = syscall(SYS_gettid);
	say("apart", forbid(SYS_getgid, ERROR(EPERM), 0));
	__atomic_store_n(&ready, 2, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) == 2)
		usleep(1000);
	return NULL;
}

static void all_threads(void)
{
	pthread_t t, u;
	int fd[2];
	long tid, ret;

	need("pipe", pipe(fd));
	pthread_create(&t, NULL, obeys, NULL);
	pthread_create(&u, NULL, sleeps, fd);
	while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
		usleep(1000);
	give_up_privileges();
	say("all", forbid(SYS_getpid, ERROR(EXDEV), SECCOMP_FILTER_FLAG_TSYNC));
	__atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
	need("wake", write(fd[1], "x", 1));
	pthread_join(u, NULL);
	pthread_create(&t, NULL, goes_apart, &tid);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) != 2)
		usleep(1000);
	ret = forbid(SYS_getppid, ERROR(EXDEV), SECCOMP_FILTER_FLAG_TSYNC);
	ok("the one apart is named", ret == tid);
	say("or not", forbid(SYS_getppid, ERROR(EXDEV), SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
	say("nothing has changed", syscall(SYS_getppid) > 0);
	__atomic_store_n(&ready, 3, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
}

static void *inherits(void *arg)
{
	say(arg, syscall(SYS_getpid));
	return NULL;
}

static void inherit(void)
{
	pthread_t t;
	int status;

	give_up_privileges();
	say("install", forbid(SYS_getpid, ERROR(EXDEV), 0));
	pthread_create(&t, NULL, inherits, "a new thread");
	pthread_join(t, NULL);
	fflush(stdout);
	if (!fork()) {
		inherits("a child");
		fflush(stdout);
		execl("/proc/self/exe", "seccomp", "inner", NULL);
		_exit(99);
	}
	wait(&status);
	say("status", status);
}

/* ---- Dispatch to the program ---- */

static volatile char selector;

/* The handler's own calls would be blocked as well. */
static void on_dispatch(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	on_sigsys(sig, info, uc);
}

static void dispatch(void)
{
	long pid;

	say("unknown", prctl(PR_SET_SYSCALL_USER_DISPATCH, 2, 0, 0, 0));
	say("off with arguments", prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, &selector));
	say("a range that wraps", prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, -10L, 20, &selector));
	say("selector nowhere", prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, -1L));
	say("on", prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, &fflush, 1, &selector));
	say("allowed", syscall(SYS_getpid) > 0);
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	asm volatile("syscall" : "=a"(pid) : "0"(SYS_getpid), "D"(0) : "rcx", "r11", "memory");
	say("blocked", pid);
}

static void user_dispatch(void)
{
	struct sigaction act = { .sa_sigaction = on_dispatch, .sa_flags = SA_SIGINFO };
	int status;

	sigaction(SIGSYS, &act, NULL);
	dispatch();
	fflush(stdout);
	if (!fork()) {
		selector = SYSCALL_DISPATCH_FILTER_BLOCK;
		printf("a child has no dispatch: %s\n", syscall(SYS_getpid) > 0 ? "yes" : "NO");
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	say("status", status);
}

static void dispatch_wrong(void)
{
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector);
	selector = 9;
	syscall(SYS_getpid);
}

/* ---- The cycle counter ---- */

static void on_segv(int sig)
{
	(void)sig;
	syscall(SYS_write, 1, "no cycle counter\n", 17);
	syscall(SYS_exit_group, 3);
}

static void counter(void)
{
	int state = 0, status;

	say("state", prctl(PR_GET_TSC, &state) ? -1 : state);
	say("unknown", prctl(PR_SET_TSC, 3));
	say("off", prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	say("state", prctl(PR_GET_TSC, &state) ? -1 : state);
	say("nowhere", prctl(PR_GET_TSC, NULL));
	fflush(stdout);
	signal(SIGSEGV, on_segv);
	if (!fork()) {
		state = __rdtsc();
		syscall(SYS_exit_group, 4);
	}
	wait(&status);
	printf("a child: %d\n", WEXITSTATUS(status));
	say("on", prctl(PR_SET_TSC, PR_TSC_ENABLE));
	ok("counts", __rdtsc() != __rdtsc());
}

static const struct part { const char *name; void (*fn)(void); } parts[] = {
	{ "errors", errors }, { "refused", refused }, { "full", full }, { "trap", trap }, { "trap blocked", trap_blocked },
	{ "kill process", kill_process }, { "kill unknown", kill_unknown }, { "kill thread", kill_thread }, { "strict", strict },
	{ "strict kill", strict_kill }, { "all threads", all_threads }, { "inherit", inherit }, { "user dispatch", user_dispatch },
	{ "dispatch wrong", dispatch_wrong }, { "counter", counter },
};

int main(int argc, char **argv)
{
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "inner")) {
		inherits("a program");
		return 0;
	}
	for (const struct part *p = parts; p < parts + COUNT(parts); p++) {
		printf("== %s\n", p->name);
		fflush(stdout);
		if (!fork()) {
			p->fn();
			fflush(stdout);
			_exit(0);
		}
		wait(&status);
		printf("%s ends with %x\n", p->name, status);
	}
	return 0;
}
