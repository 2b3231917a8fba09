// SPDX-License-Identifier: GPL-2.0
/*
 * prctl: what one thread sets, it reads again, and the others do not. `prctl run COMMAND...`: runs it without large pages; `prctl small
 * TEXT`: whether it has none.
 */
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static long get(int option)
{
	int value = -1;
	long result = prctl(option, &value, 0, 0, 0);

	return result ? result : value;
}

static void *other(void *arg)
{
	char name[16];

	(void)arg;
	prctl(PR_GET_NAME, name);
	printf("inherited name: %s\n", name);
	say("inherited slack", prctl(PR_GET_TIMERSLACK));
	say("inherited keepcaps", prctl(PR_GET_KEEPCAPS));
	say("death signal", get(PR_GET_PDEATHSIG));
	say("name", prctl(PR_SET_NAME, "other"));
	say("slack", prctl(PR_SET_TIMERSLACK, 70000));
	say("keepcaps", prctl(PR_SET_KEEPCAPS, 1));
	say("keepcaps", prctl(PR_GET_KEEPCAPS));
	say("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return NULL;
}

static long run_code(void *code)
{
	return ((long (*)(void))code)();
}

static void personalities(void)
{
	static const unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 };	/* mov $42, %eax; ret */
	struct utsname name;
	char *p;

	say("personality", personality(0xffffffff));
	say("implied execution", personality(READ_IMPLIES_EXEC));
	say("personality", personality(0xffffffff));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(p, code, sizeof(code));
	say("executed", run_code(p));
	say("no randomization", personality(ADDR_NO_RANDOMIZE | UNAME26));
	ok("version 2.6", !uname(&name) && !strncmp(name.release, "2.6", 3));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(p, code, sizeof(code));
	say("implied again", personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE));
	say("protect", mprotect(p, 4096, PROT_READ));
	say("executed", run_code(p));
	say("none", personality(0));
	say("personality", personality(0xffffffff));
}

/* Which of it there is depends on the machine. */
static void speculation(void)
{
	for (long what = 0; what < 3; what++) {
		long state = prctl(PR_GET_SPECULATION_CTRL, what, 0, 0, 0);
		int can_be_set = state > 0 && state & PR_SPEC_PRCTL;

		ok("speculation can be set if it says so",
		   !can_be_set || !prctl(PR_SET_SPECULATION_CTRL, what, PR_SPEC_ENABLE, 0, 0) || errno == EPERM);
	}
	say("speculation of nothing", prctl(PR_GET_SPECULATION_CTRL, 99, 0, 0, 0));
}

static void machine(void)
{
	unsigned long supported = 0, permitted = 0;

	say("CPUID", syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0));
	say("CPUID", syscall(SYS_arch_prctl, 0x1012, 1));
	say("states", syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &supported));
	say("states", syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &permitted));
	printf("states %#lx, %#lx\n", supported, permitted);
	say("states nowhere", syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, 8));
	say("a state", syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 2));
	say("no state", syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 77));
}

/* Whether memory that asks for large pages comes in small ones. */
static int is_small(void)
{
	const size_t large = 2 << 20;
	char *p = mmap(NULL, 3 * large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;
	struct rusage before, after;

	need("mmap", p == MAP_FAILED ? -1 : 0);
	at = (char *)(((uintptr_t)p + large - 1) & ~(large - 1));
	madvise(at, 2 * large, MADV_HUGEPAGE);
	getrusage(RUSAGE_SELF, &before);
	memset(at, 1, 2 * large);
	getrusage(RUSAGE_SELF, &after);
	munmap(p, 3 * large);
	return after.ru_minflt - before.ru_minflt > 32;		/* Azalea maps 64 KB at a time */
}

static int is_still_small(const char *what)
{
	say(what, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	ok("has small pages", is_small());
	return 0;
}

static void small_pages(char *self)
{
	int status;

	say("large pages", prctl(PR_SET_THP_DISABLE, 1, 1, 0, 0));
	say("large pages", prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
	say("large pages", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	is_still_small("no large pages");
	fflush(stdout);
	if (!fork()) {
		is_still_small("nor in a child");
		fflush(stdout);
		execl(self, self, "small", "nor in a new program", NULL);
	}
	wait(&status);
	say("status", status);
	say("large pages", prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	say("large pages", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
}

int main(int argc, char **argv)
{
	char name[16] = "";
	pthread_t t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "small"))
		return is_still_small(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "run")) {
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
		execvp(argv[2], argv + 2);
		return 1;
	}
	say("death signal", prctl(PR_SET_PDEATHSIG, SIGUSR1));
	say("death signal", get(PR_GET_PDEATHSIG));
	say("death signal", prctl(PR_SET_PDEATHSIG, 65));
	say("death signal", prctl(PR_SET_PDEATHSIG, 0));
	say("dumpable", prctl(PR_SET_DUMPABLE, 0));
	say("dumpable", prctl(PR_GET_DUMPABLE));
	say("dumpable", prctl(PR_SET_DUMPABLE, 2));
	say("dumpable", prctl(PR_SET_DUMPABLE, 1));
	say("timing", prctl(PR_GET_TIMING));
	say("timing", prctl(PR_SET_TIMING, 1));
	say("name", prctl(PR_SET_NAME, "a name that is too long"));
	say("name", prctl(PR_GET_NAME, name));
	puts(name);
	say("slack", prctl(PR_SET_TIMERSLACK, 60000));
	say("slack", prctl(PR_GET_TIMERSLACK));
	say("counter", get(PR_GET_TSC));
	say("perf", prctl(PR_TASK_PERF_EVENTS_DISABLE));
	say("perf", prctl(PR_TASK_PERF_EVENTS_ENABLE));
	say("memory errors", prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	say("memory errors", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	say("memory errors", prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0));
	small_pages(argv[0]);
	say("reaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
	say("reaper", get(PR_GET_CHILD_SUBREAPER));
	say("bounding set", prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) >= 0);
	say("bounding set", prctl(PR_CAPBSET_READ, 1000));
	say("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0));
	say("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	say("endian", get(PR_GET_ENDIAN));
	say("unaligned", get(PR_GET_UNALIGN));
	say("floating point", get(PR_GET_FPEXC));
	say("unknown", prctl(12345));
	say("privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("keepcaps", prctl(PR_SET_KEEPCAPS, 2));
	personalities();
	speculation();
	machine();
	pthread_create(&t, NULL, other, NULL);
	pthread_join(t, NULL);
	say("slack", prctl(PR_GET_TIMERSLACK));
	say("keepcaps", prctl(PR_GET_KEEPCAPS));
	say("privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("name", prctl(PR_GET_NAME, name));
	puts(name);
	return 0;
}
