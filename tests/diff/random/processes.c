// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls on processes: children that do as they are told over a pipe, so that they take turns, how they end and who learns of it,
 * groups and sessions, limits, attributes that are inherited, and the execution of this program by itself. Process numbers are told as
 * the number of the child, 90 for the first process.
 */
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "random.h"

#define CHILDREN	4
#define FIRST		90

struct child {
	int pid;		/* 0: none */
	bool stopped;
	int order[2], answer[2];
};

static struct child children[CHILDREN];
static int self;
static long *shared;			/* memory that all have */
static long own;			/* memory that each has */
static const int ways[] = { SIGTERM, SIGKILL, SIGUSR1, SIGABRT, SIGPIPE };

static long told(long pid)
{
	int i;

	if (pid == self)
		return FIRST;
	for (i = 0; pid > 0 && i < CHILDREN; i++)
		if (children[i].pid == pid)
			return i + 1;
	return pid > 0 ? 99 : pid;
}

static struct child *some_child(void)
{
	struct child *c = &children[pick(CHILDREN)];

	t_arg("child", c - children + 1);
	return c->pid ? c : NULL;
}

static void forget(struct child *c)
{
	close(c->order[1]);
	close(c->answer[0]);
	c->pid = 0;
	c->stopped = false;
}

/* ---- What any process does when it is told to ---- */

static void attributes(void)
{
	static const int limits[] = { RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_MSGQUEUE, RLIMIT_STACK };
	struct rlimit limit = { 0 };
	int number = pick(4), value = pick(100);

	t_arg("limit", number);
	t_ret("get", raw(prlimit64, 0, limits[number], NULL, &limit));
	limit.rlim_cur = limit.rlim_max > 1000000 ? 100000u + value : limit.rlim_max;
	t_arg("soft", limit.rlim_cur);
	t_ret("set", raw(prlimit64, 0, limits[number], &limit, NULL));
	t_ret("nice", raw(getpriority, PRIO_PROCESS, 0));
	t_ret("umask", raw(umask, pick_of(022, 077)));
	t_ret("dumpable", raw(prctl, PR_GET_DUMPABLE));
	t_ret("set", raw(prctl, PR_SET_DUMPABLE, pick_of(0, 1, 1, 2)));
	t_ret("new-privileges", raw(prctl, PR_GET_NO_NEW_PRIVS));
	t_ret("death", raw(prctl, PR_SET_PDEATHSIG, pick_of(0, 0, 70)));
}

static void memory(void)
{
	t_arg("own", own);
	t_arg("shared", *shared);
	own += 1 + pick(100);
	*shared += 1 + pick(100);
}

static void identity(void)
{
	t_arg("parent", getppid() == self ? FIRST : 0);
	t_arg("group", raw(getpgid, 0) == self ? FIRST : raw(getpgid, 0) == getpid());
	t_arg("tid", raw(gettid) == getpid());
	t_ret("setpgid", raw(setpgid, 0, 0));
	t_arg("session", raw(getsid, 0) == getpid());
}

/* A child of the child, which ends before anything else happens. */
static void grandchild(void)
{
	long way = pick(3), pid, status = 0;

	pid = raw(fork);
	if (!pid) {
		t_str(" (grandchild");
		memory();
		t_str(")");
		if (way == 0)
			_exit(3);
		if (way == 1)
			raw(kill, getpid(), SIGKILL);
		raw(exit_group, 300);
	}
	t_arg("waited", raw(wait4, -1, &status, 0, NULL) == pid);
	t_arg("status", status);
	t_ret("no more", raw(wait4, -1, &status, 0, NULL));
}

static void do_something(int what)
{
	switch (what) {
	case 0: attributes(); break;
	case 1: memory(); break;
	case 2: identity(); break;
	case 3: grandchild(); break;
	}
}

/* ---- Children ---- */

/* Each order is a number and the state of the choices; the end of the pipe ends the child. */
static void child_main(const struct child *c)
{
	int from = c->order[0], to = c->answer[1], i;
	long order[2];

	for (i = 0; i < CHILDREN; i++)
		if (children[i].pid)
			close(children[i].order[1]), close(children[i].answer[0]);
	close(c->order[1]);
	close(c->answer[0]);
	memset(children, 0, sizeof(children));
	while (raw(read, from, order, sizeof(order)) == sizeof(order)) {
		restart_choices(order[1]);
		if (order[0] >= 100)
			raw(exit_group, order[0] - 100);
		if (order[0] < 0)
			raw(kill, getpid(), -order[0]);
		do_something(order[0]);
		raw(write, to, "", 1);
	}
	_exit(0);
}

static void tell(struct child *c, long what)
{
	long order[2] = { what, draw() };

	ALWAYS(write(c->order[1], order, sizeof(order)));
}

/* True if it answers, false if it has ended. */
static bool ask(struct child *c, long what)
{
	char answer;

	tell(c, what);
	return raw(read, c->answer[0], &answer, 1) == 1;
}

static void op_fork(void)
{
	struct child *c = &children[pick(CHILDREN)];
	int kind = pick(3);
	long pid;

	t_str(" fork");
	t_arg("child", c - children + 1);
	if (c->pid)
		return;
	ALWAYS(pipe(c->order));
	ALWAYS(pipe(c->answer));
	pid = kind ? raw(fork) : raw(clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		child_main(c);
	t_ret("ret", pid > 0 ? 0 : pid);
	close(c->order[0]);
	close(c->answer[1]);
	c->pid = pid;
}

static void op_do(void)
{
	struct child *c = some_child();
	int what = pick(4);

	t_arg("does", what);
	if (c && !c->stopped && !ask(c, what))
		t_str(" GONE");
}

static void t_status(long pid, int status)
{
	t_arg("of", told(pid));
	t_arg("status", status & ~0x80);
}

static void end(struct child *c)
{
	int status = 0, options = pick_of(0, 0, WUNTRACED), kind = pick(3);
	siginfo_t info = { 0 };

	if (kind == 0) {
		t_ret("waitid", raw(waitid, P_PID, c->pid, &info, WEXITED | WNOWAIT, NULL));
		t_arg("code", info.si_code);
		t_arg("with", info.si_status);
	}
	t_ret("waited", told(raw(wait4, kind == 1 ? -1 : c->pid, &status, options, NULL)));
	t_status(c->pid, status);
	forget(c);
}

static void op_exit(void)
{
	struct child *c = some_child();
	int code = pick_of(0, 1, 77, 255, 256, 300);

	t_str(" exit");
	t_arg("code", code);
	if (!c || c->stopped)
		return;
	if (ask(c, 100 + code))
		t_str(" LIVES");
	end(c);
}

static void op_die(void)
{
	struct child *c = some_child();
	int sig = ways[pick(5)];
	bool itself = chance(50);

	t_str(" die");
	t_arg("sig", sig);
	t_arg("itself", itself);
	if (!c || (c->stopped && (itself || sig != SIGKILL)))
		return;
	if (itself)
		tell(c, -sig);
	else
		t_ret("kill", raw(kill, c->pid, sig));
	end(c);
}

static void op_stop(void)
{
	struct child *c = some_child();
	int status = 0;

	t_str(" stop");
	if (!c)
		return;
	t_ret("kill", raw(kill, c->pid, c->stopped ? SIGCONT : SIGSTOP));
	t_ret("waited", told(raw(wait4, c->pid, &status, WUNTRACED | WCONTINUED, NULL)));
	t_arg("status", status);
	c->stopped = !c->stopped;
}

static void op_self(void)
{
	int what = pick_of(0, 1, 2, 3);
	struct child *c;

	t_arg("self", what);
	for (c = children; c < children + CHILDREN; c++)
		if (what == 3 && c->pid)
			return;		/* it waits for anybody */
	do_something(what);
}

static void op_wait(void)
{
	struct child *c = some_child();
	int status = 0;

	t_str(" wait");
	t_ret("nothing yet", told(raw(wait4, c ? c->pid : -1, &status, WNOHANG, NULL)));
	t_ret("alive", raw(kill, c ? c->pid : self, 0));
	t_ret("group", c ? raw(setpgid, c->pid, pick_of(0, self)) : 0);
	t_ret("options", raw(wait4, -1, &status, 0x40, NULL));
	t_ret("nobody", raw(wait4, 1 << 22, &status, 0, NULL));
}

/* This program, executed by a child, with arguments that only say who it is. */
static void op_exec(void)
{
	static char *const words[] = { "random", "-h", NULL };
	bool v = chance(30);
	int status = 0;
	long pid;

	t_str(" exec");
	pid = v ? vfork() : raw(fork);
	if (!pid) {
		close(1);
		close(2);
		raw(execve, v ? "/proc/self/exe" : "nowhere", words, NULL);
		raw(execve, "/proc/self/exe", words, NULL);
		_exit(9);
	}
	t_ret("waited", raw(wait4, pid, &status, 0, NULL) == pid);
	t_arg("status", status);
}

static const struct operation operations[] = {
	{ 25, op_fork }, { 30, op_do }, { 8, op_exit }, { 8, op_die }, { 6, op_stop }, { 8, op_self }, { 8, op_wait }, { 2, op_exec },
};

static void process_op(int index)
{
	if (index < 2)
		operations[0].op();
	else
		run_one(operations, sizeof(operations) / sizeof(*operations));
}

static void process_prepare(void)
{
	self = getpid();
	raw(setpgid, 0, 0);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ALWAYS(shared == MAP_FAILED ? -1 : 0);
}

static void process_begin(void)
{
	struct rlimit limit;
	int i;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		if (i == RLIMIT_CORE)
			continue;
		raw(prlimit64, 0, i, NULL, &limit);
		limit.rlim_cur = i == RLIMIT_STACK ? 8 << 20 : limit.rlim_max;
		raw(prlimit64, 0, i, &limit, NULL);
	}
	raw(prctl, PR_SET_DUMPABLE, 1);
	raw(umask, 022);
	*shared = own = 0;
}

static void process_end(void)
{
	struct child *c;
	int status;

	for (c = children; c < children + CHILDREN; c++) {
		if (!c->pid)
			continue;
		t_ret("kill", raw(kill, c->pid, SIGKILL));
		t_ret("waited", told(raw(wait4, c->pid, &status, 0, NULL)));
		t_status(c->pid, status);
		forget(c);
	}
	t_ret("none", raw(wait4, -1, &status, 0, NULL));
	memory();
}

const struct group process_group = { "process", 30, process_prepare, process_begin, process_op, process_end };
