// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks: never backwards, on all cores alike, sleeps that last, and `clock compare FILE`: the same time as Linux, which
 * gives a file it makes its own time stamp. `clock vsyscall`: the functions of the kernel that old static programs call.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

static int64_t ns(struct timespec t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	need("clock_gettime", clock_gettime(clock, &t));
	return ns(t);
}

static int64_t last;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Taken under a lock: each reading is later than all before, whichever core made it. */
static void *forward(void *arg)
{
	long i, wrong = 0;
	int64_t t;

	(void)arg;
	for (i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		t = now(CLOCK_MONOTONIC);
		wrong += t < last;
		last = t;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)wrong;
}

static void monotonic(void)
{
	pthread_t t[4];
	void *result;
	long wrong = 0;
	int i;

	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, forward, NULL);
	for (i = 0; i < 4; i++) {
		pthread_join(t[i], &result);
		wrong += (long)result;
	}
	say("backwards", wrong);
}

static void all_clocks(void)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI };
	struct timespec t, a, b;
	struct timeval tv;
	size_t i;

	for (i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		printf("clock %d: %s, ", clocks[i], clock_gettime(clocks[i], &t) ? "fails" : "works");
		printf("getres %s, ", clock_getres(clocks[i], &b) ? "fails" : "works");
		syscall(SYS_clock_gettime, clocks[i], &a);
		printf("by call %s, valid %d\n", ns(a) >= ns(t) && ns(a) - ns(t) < 2000000000 ? "alike" : "DIFFERENT",
		       t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	}
	gettimeofday(&tv, NULL);
	ok("gettimeofday", llabs(tv.tv_sec * 1000000000ll + tv.tv_usec * 1000ll - now(CLOCK_REALTIME)) < 2000000000);
	ok("time", labs(time(NULL) - tv.tv_sec) < 3);
	say("clock 9999", clock_gettime(9999, &t));
	say("clock_getres 9999", clock_getres(9999, &t));
}

static void sleeps(void)
{
	struct timespec t = { 0, 30000000 }, wrong = { 0, 1000000000 };
	int64_t start = now(CLOCK_MONOTONIC), end;
	int error;

	say("nanosleep", nanosleep(&t, NULL));
	end = now(CLOCK_MONOTONIC);
	ok("long enough", end - start >= 30000000);
	ok("not much longer", end - start < 3000000000);
	say("nanosleep nonsense", nanosleep(&wrong, NULL));
	wrong.tv_sec = -1;
	wrong.tv_nsec = 0;
	say("nanosleep negative", nanosleep(&wrong, NULL));
	clock_gettime(CLOCK_REALTIME, &t);
	start = ns(t) + 20000000;
	t.tv_sec = start / 1000000000;
	t.tv_nsec = start % 1000000000;
	error = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
	say("clock_nanosleep", error);
	ok("long enough", now(CLOCK_REALTIME) >= start);
	error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ 0, 0 }, NULL);
	say("clock_nanosleep in the past", error);
}

/* Linux's own time on both sides of ours: a file's time stamp is at most a tick behind. */
static void compare(const char *name)
{
	int64_t tick = 20000000, before, after, stamp;
	struct timespec both[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct stat st;
	int fd, i, right = 0;

	fd = need("open", open(name, O_CREAT | O_RDWR, 0600));
	for (i = 0; i < 10; i++) {
		before = now(CLOCK_REALTIME);
		need("futimens", futimens(fd, both));
		after = now(CLOCK_REALTIME);
		need("fstat", fstat(fd, &st));
		stamp = ns(st.st_mtim);
		if (stamp >= before - tick && stamp <= after)
			right++;
		else
			printf("%ld ns before, %ld ns after\n", (long)(stamp - before), (long)(after - stamp));
		usleep(20000);
	}
	say("time stamps within bounds", right);
	unlink(name);
}

/* ---- The vsyscall page ---- */

#define VSYSCALL	0xffffffffff600000ul

static sigjmp_buf back;

static void jump_back(int sig)
{
	siglongjmp(back, sig);
}

static long at(unsigned long offset, void *a, void *b)
{
	return ((long (*)(void *, void *))(VSYSCALL + offset))(a, b);
}

static int dies(unsigned long offset, void *a, void *b)
{
	int sig = sigsetjmp(back, 1);

	if (!sig)
		at(offset, a, b);
	return sig == SIGSEGV;
}

static void filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_time, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	need("prctl", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	need("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	ok("a filter's error", at(1024, NULL, NULL) == -ENOTTY);
	ok("not of another call", at(0, NULL, NULL) == 0);
}

static int vsyscall(void)
{
	struct timeval then, tv = { 0 }, now;
	unsigned int cpu = ~0u, node = ~0u;
	time_t t = 0;

	signal(SIGSEGV, jump_back);
	gettimeofday(&then, NULL);
	ok("gettimeofday", at(0, &tv, NULL) == 0);
	gettimeofday(&now, NULL);
	ok("in order", !timercmp(&tv, &then, <) && !timercmp(&now, &tv, <));
	ok("time", at(1024, &t, NULL) == t && t >= tv.tv_sec && t < tv.tv_sec + 60);
	ok("time nowhere", at(1024, NULL, NULL) >= t);
	ok("getcpu", at(2048, &cpu, &node) == 0 && (int)cpu == sched_getcpu() && node < 64);
	ok("a fourth", dies(3072, NULL, NULL));
	ok("not at the beginning", dies(1, NULL, NULL) && dies(1025, NULL, NULL));
	ok("wrong pointer", dies(0, (void *)8, NULL) && dies(1024, (void *)VSYSCALL, NULL));
	ok("nothing to read", !sigsetjmp(back, 1) ? (void)*(volatile char *)VSYSCALL, 0 : 1);
	filtered();
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "vsyscall"))
		return vsyscall();
	monotonic();
	all_clocks();
	sleeps();
	if (argc > 1)
		compare(argv[1]);
	return 0;
}
