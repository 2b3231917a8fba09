// SPDX-License-Identifier: GPL-2.0
/* Scheduling policies, priorities and affinities: what is set is read back, for each thread its own; mistakes are Linux's. As root. */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

struct attr {			/* Linux's struct sched_attr */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static void policy(const char *what, pid_t pid, int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	struct timespec slice;

	puts(what);
	say("setscheduler", sched_setscheduler(pid, policy, &param));
	say("getscheduler", sched_getscheduler(pid));
	say("getparam", sched_getparam(pid, &param));
	say("priority", param.sched_priority);
	say("rr_get_interval", sched_rr_get_interval(pid, &slice));
}

static void attributes(pid_t pid)
{
	struct attr attr = { .size = sizeof(attr), .policy = SCHED_BATCH, .nice = 3 };

	say("setattr", syscall(SYS_sched_setattr, pid, &attr, 0));
	memset(&attr, 0, sizeof(attr));
	say("getattr", syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0));
	printf("policy %u, nice %d, priority %u\n", attr.policy, attr.nice, attr.priority);
	attr.size = sizeof(attr);
	attr.policy = 77;
	say("no such policy", syscall(SYS_sched_setattr, pid, &attr, 0));
	say("getattr too short", syscall(SYS_sched_getattr, pid, &attr, 8, 0));
}

static volatile pid_t tid;
static volatile int over;

static void *other(void *arg)
{
	tid = gettid();
	while (!over)
		usleep(1000);
	return arg;
}

static void affinity(pid_t pid)
{
	cpu_set_t all, one, now;
	int cpu;

	say("getaffinity", sched_getaffinity(pid, sizeof(all), &all));
	for (cpu = 0; !CPU_ISSET(cpu, &all); cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	say("setaffinity", sched_setaffinity(pid, sizeof(one), &one));
	say("getaffinity", sched_getaffinity(pid, sizeof(now), &now));
	ok("as set", CPU_EQUAL(&one, &now));
	say("no CPU", sched_setaffinity(pid, sizeof(one), &(cpu_set_t){ { 0 } }));
	say("setaffinity", sched_setaffinity(pid, sizeof(all), &all));
}

int main(void)
{
	struct sched_param param = { .sched_priority = 1 };
	pthread_t thread;
	cpu_set_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	say("max fifo", sched_get_priority_max(SCHED_FIFO));
	say("min rr", sched_get_priority_min(SCHED_RR));
	say("no such policy", sched_get_priority_max(77));
	pthread_create(&thread, NULL, other, NULL);
	while (!tid)
		usleep(1000);
	say("nice", nice(4));
	say("getpriority", getpriority(PRIO_PROCESS, 0));
	say("of the other thread", getpriority(PRIO_PROCESS, tid));
	say("setpriority", setpriority(PRIO_PROCESS, tid, 7));
	say("of the other thread", getpriority(PRIO_PROCESS, tid));
	say("getpriority", getpriority(PRIO_PROCESS, 0));
	policy("fifo", 0, SCHED_FIFO, 10);
	policy("the other thread", tid, SCHED_RR, 20);
	say("getscheduler", sched_getscheduler(0));
	say("setparam", sched_setparam(0, &param));
	policy("other", 0, SCHED_OTHER, 0);
	policy("mistake", 0, SCHED_OTHER, 1);
	attributes(tid);
	affinity(0);
	affinity(tid);
	say("affinity of init", sched_getaffinity(1, sizeof(set), &set));
	say("affinity of nobody", sched_getaffinity(0x3fffff, sizeof(set), &set));
	say("setaffinity of nobody", sched_setaffinity(0x3fffff, sizeof(set), &set));
	say("scheduler of nobody", sched_getscheduler(0x3fffff));
	over = 1;
	pthread_join(thread, NULL);
	return 0;
}
