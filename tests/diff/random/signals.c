// SPDX-License-Identifier: GPL-2.0
/*
 * Random signal calls of one thread that signals itself: everything it sends is there before the call returns, so order, information,
 * masks and stacks are Linux's to determine. A signal that would end the process has a handler or is ignored, and so has one that is
 * reset to its default by its first delivery: SA_RESETHAND is for those whose default is to be ignored.
 */
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "random.h"

#define ALT_SIZE	(64 << 10)
#define DEPTH		3
#define BIT(sig)	(1ul << ((sig) - 1))

struct action {			/* the kernel's */
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static const int signals[] = {
	SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGPIPE, 34, 35, 36, 64, SIGCHLD, SIGCONT, SIGURG, SIGWINCH,
};
#define SIGNALS		((int)(sizeof(signals) / sizeof(*signals)))
#define HARMLESS	4	/* at the end */

static uint64_t all, handled;
static int depth, nested;
static char altstack[ALT_SIZE] __attribute__((aligned(64)));
static int self, skip, fd = -1, no_reader;
static uid_t user;

asm(".text\n"
    "restore_signal:	mov $15, %eax\n"
    "			syscall\n"
    "fault_breakpoint:	int3\n"
    "			ret\n"
    "fault_invalid:	ud2\n"
    "			ret\n"
    "fault_divide:	xor %ecx, %ecx\n"
    "			div %ecx\n"
    "			ret\n"
    "fault_privileged:	hlt\n"
    "			ret\n"
    "fault_address:	mov (%rdi), %rax\n"
    "			ret\n");
extern void restore_signal(void);
extern void fault_breakpoint(void), fault_invalid(void), fault_divide(void), fault_privileged(void), fault_address(const void *p);

/* ---- Choices ---- */

static int some_signal(void)
{
	return signals[pick(SIGNALS)];
}

static uint64_t some_set(void)
{
	uint64_t set = 0;
	int i, n = pick(6);

	if (chance(10))
		return all;
	for (i = 0; i < n; i++)
		set |= BIT(some_signal());
	return set;
}

static void t_set(const char *what, uint64_t set)
{
	int i;

	t_str(" ");
	t_str(what);
	t_str("={");
	for (i = 0; i < SIGNALS; i++) {
		if (set & BIT(signals[i])) {
			t_str(" ");
			t_num(signals[i]);
		}
	}
	t_str(" }");
}

static uint64_t mask_now(void)
{
	uint64_t mask = 0;

	raw(rt_sigprocmask, 0, NULL, &mask, 8);
	return mask;
}

static uint64_t pending_now(void)
{
	uint64_t set = 0;

	raw(rt_sigpending, &set, 8);
	return set;
}

/* ---- Handlers ---- */

static void t_info(const siginfo_t *info)
{
	t_arg("sig", info->si_signo);
	t_arg("code", info->si_code);
	if (info->si_code == SI_QUEUE || info->si_code == SI_TIMER)
		t_arg("value", info->si_value.sival_int);
	if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL)
		t_str(info->si_pid == self && info->si_uid == user ? " own" : " ALIEN");
	if (info->si_signo == SIGCHLD && info->si_code > 0)
		t_arg("status", info->si_status);
}

static void send_one(void);

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char here;

	t_str(" [");
	if (sig != info->si_signo)
		t_str(" WRONG");
	t_info(info);
	if (&here > altstack && &here < altstack + ALT_SIZE)
		t_str(" on-stack");
	t_set("mask", mask_now());
	t_set("before", *(uint64_t *)&uc->uc_sigmask);
	t_arg("flags", uc->uc_stack.ss_flags & 0xff);
	depth++;
	if (depth < DEPTH && nested > 0 && chance(60)) {
		nested--;
		send_one();
	}
	depth--;
	t_str(" ]");
}

static void fault_handler(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	t_str(" fault");
	t_arg("sig", sig);
	t_arg("code", info->si_code);
	t_arg("trap", regs[REG_TRAPNO]);
	t_arg("error", regs[REG_ERR]);
	if (sig == SIGSEGV)
		t_arg("address", (long)info->si_addr);
	else
		t_arg("away", (long)info->si_addr ? (long)info->si_addr - regs[REG_RIP] : -1);
	t_set("mask", mask_now());
	regs[REG_RIP] += skip;
}

static long set_action(int sig, void *action, unsigned long flags, uint64_t mask)
{
	struct action act = { action, flags | 0x04000000, restore_signal, mask }, old = { 0 };
	long ret = raw(rt_sigaction, sig, &act, &old, 8);

	if (ret)
		return ret;
	t_str(old.handler == handler ? " was-handled" : old.handler == (void *)SIG_IGN ? " was-ignored" : " was-default");
	t_arg("flags", old.flags & ~0x04000000ul);
	t_set("mask", old.mask);
	if (action == handler)
		handled |= BIT(sig);
	else
		handled &= ~BIT(sig);
	return 0;
}

/* ---- Operations ---- */

static void op_action(void)
{
	int i = pick(SIGNALS), sig = signals[i];
	bool harmless = i >= SIGNALS - HARMLESS;
	unsigned long flags = SA_SIGINFO;
	void *action = handler;

	if (chance(20))
		action = harmless && chance(50) ? (void *)SIG_DFL : (void *)SIG_IGN;
	if (chance(30))
		flags |= SA_ONSTACK;
	if (chance(20))
		flags |= SA_NODEFER;
	if (chance(20))
		flags |= SA_RESTART;
	if (harmless && chance(20))
		flags |= SA_RESETHAND;
	t_str(" action");
	t_arg("sig", sig);
	t_arg("how", action == handler ? 2 : (long)action);
	t_arg("flags", flags);
	t_ret("ret", set_action(sig, action, flags, some_set()));
	if (flags & SA_RESETHAND)
		handled &= ~BIT(sig);
}

static void op_mask(void)
{
	int how = pick_of(0, 0, 1, 1, 2, 2, 2, 3);
	uint64_t set = some_set(), old = 0;

	t_str(" mask");
	t_arg("how", how);
	t_set("set", set);
	t_ret("ret", raw(rt_sigprocmask, how, &set, &old, 8));
	t_set("old", old);
}

static void send_one(void)
{
	int sig = some_signal(), how = pick(5);
	siginfo_t info = { 0 };

	t_str(" send");
	t_arg("sig", sig);
	t_arg("how", how);
	info.si_signo = sig;
	info.si_code = SI_QUEUE;
	info.si_pid = self;
	info.si_uid = user;
	info.si_value.sival_int = pick(1000);
	switch (how) {
	case 0: t_ret("kill", raw(kill, self, sig)); break;
	case 1: t_ret("tkill", raw(tkill, self, sig)); break;
	case 2: t_ret("tgkill", raw(tgkill, self, self, sig)); break;
	case 3: t_ret("queue", raw(rt_sigqueueinfo, self, sig, &info)); break;
	case 4: t_ret("tgqueue", raw(rt_tgsigqueueinfo, self, self, sig, &info)); break;
	}
}

static void op_send(void)
{
	int i, n = chance(70) ? 1 : 2 + pick(3);

	for (i = 0; i < n; i++)
		send_one();
}

static void op_pending(void)
{
	t_set("pending", pending_now());
}

static void op_wait(void)
{
	struct timespec zero = { 0, 0 };
	uint64_t set = chance(30) ? all : some_set();
	siginfo_t info = { 0 };
	long ret;

	t_str(" wait");
	t_set("set", set);
	ret = t_ret("ret", raw(rt_sigtimedwait, &set, &info, &zero, 8));
	if (ret > 0)
		t_info(&info);
}

/* A mask that lets a pending signal with a handler through. */
static bool opening_mask(uint64_t *mask)
{
	*mask = some_set();
	return pending_now() & handled & ~*mask;
}

static void op_suspend(void)
{
	uint64_t mask;

	t_str(" suspend");
	if (!opening_mask(&mask))
		return;
	t_set("mask", mask);
	t_ret("ret", raw(rt_sigsuspend, &mask, 8));
}

static void op_poll(void)
{
	struct timespec zero = { 0, 0 };
	uint64_t mask;

	t_str(" poll");
	if (!opening_mask(&mask))
		zero.tv_nsec = 1;
	t_set("mask", mask);
	t_ret("ret", raw(ppoll, NULL, 0, &zero, &mask, 8));
}

static void op_altstack(void)
{
	int kind = pick(6);
	stack_t new = { altstack, kind == 5 ? (int)pick_of(4, 3, 1 << 30) : 0, ALT_SIZE }, old = { 0 };

	t_str(" altstack");
	t_arg("kind", kind);
	if (kind == 2)
		new.ss_flags = SS_DISABLE;
	if (kind == 3)
		new.ss_flags = 1u << 31;
	if (kind == 4)
		new.ss_size = pick_of(100, 2047);
	t_ret("ret", raw(sigaltstack, kind ? &new : NULL, &old));
	t_arg("flags", (unsigned int)old.ss_flags);
	t_arg("size", old.ss_size);
	t_arg("at", old.ss_sp ? (char *)old.ss_sp - altstack : -1);
}

static void op_fault(void)
{
	int kind = pick(6);

	t_arg("kind", kind);
	skip = (const int[]){ 0, 2, 2, 1, 3, 3 }[kind];
	switch (kind) {
	case 0: fault_breakpoint(); break;
	case 1: fault_invalid(); break;
	case 2: fault_divide(); break;
	case 3: fault_privileged(); break;
	case 4: fault_address((void *)0x123456); break;
	case 5: fault_address((void *)0x4141414141414141); break;
	}
}

static void op_signalfd(void)
{
	struct signalfd_siginfo info = { 0 };
	uint64_t set = some_set();
	long ret;

	t_str(" signalfd");
	t_set("set", set);
	ret = raw(signalfd4, fd, &set, 8, SFD_NONBLOCK);
	t_ret("ret", ret < 0 ? ret : 0);
	if (ret >= 0)
		fd = ret;
	ret = t_ret("read", raw(read, fd, &info, sizeof(info)));
	if (ret > 0) {
		t_arg("sig", info.ssi_signo);
		t_arg("code", info.ssi_code);
		t_arg("value", info.ssi_int);
		t_str(info.ssi_pid == (unsigned int)self ? " own" : " other");
	}
}

static void op_pipe(void)
{
	t_str(" pipe");
	t_ret("write", raw(write, no_reader, "x", 1));
}

static void op_child(void)
{
	int status = 0, code = pick_of(0, 1, 255);
	long pid;

	t_str(" child");
	pid = ALWAYS(fork());
	if (!pid) {
		self = getpid();
		t_set("pending", pending_now());
		t_set("mask", mask_now());
		raw(kill, self, SIGUSR1);
		_exit(code);
	}
	t_str(raw(wait4, pid, &status, 0, NULL) == pid ? " done" : " NOT");
	t_arg("status", status);
}

static void op_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = some_signal() };
	struct itimerspec soon = { .it_value.tv_nsec = 1000 };
	struct timespec long_time = { 20, 0 };
	uint64_t set = BIT(event.sigev_signo), old;
	siginfo_t info = { 0 };
	int timer;

	t_str(" timer");
	if (pending_now() & set)
		return;
	event.sigev_value.sival_int = pick(1000);
	raw(rt_sigprocmask, SIG_BLOCK, &set, &old, 8);
	ALWAYS(raw(timer_create, CLOCK_MONOTONIC, &event, &timer));
	t_ret("set", raw(timer_settime, timer, 0, &soon, NULL));
	t_ret("wait", raw(rt_sigtimedwait, &set, &info, &long_time, 8));
	t_info(&info);
	raw(timer_delete, timer);
	raw(rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

static const struct operation operations[] = {
	{ 14, op_action }, { 20, op_mask }, { 30, op_send }, { 5, op_pending }, { 10, op_wait }, { 8, op_suspend }, { 5, op_poll },
	{ 8, op_altstack }, { 6, op_fault }, { 5, op_signalfd }, { 3, op_pipe }, { 1, op_child }, { 2, op_timer },
};

static void signal_op(int index)
{
	nested = 2;
	run_one(operations, sizeof(operations) / sizeof(*operations));
	(void)index;
}

static void signal_prepare(void)
{
	struct action act = { fault_handler, SA_SIGINFO | 0x04000000, restore_signal, 0 };
	static const int faults[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP };
	int i, pipes[2];

	for (i = 0; i < SIGNALS; i++)
		all |= BIT(signals[i]);
	for (i = 0; i < 4; i++)
		ALWAYS(raw(rt_sigaction, faults[i], &act, NULL, 8));
	self = getpid();
	user = getuid();
	ALWAYS(pipe(pipes));
	close(pipes[0]);
	no_reader = pipes[1];
}

static void signal_begin(void)
{
	struct action ignore = { (void *)SIG_IGN, 0x04000000, restore_signal, 0 };
	struct action act = { handler, SA_SIGINFO | 0x04000000, restore_signal, 0 };
	stack_t none = { .ss_flags = SS_DISABLE };
	uint64_t empty = 0;
	int i;

	for (i = 0; i < SIGNALS; i++) {		/* ignoring forgets what is pending */
		raw(rt_sigaction, signals[i], &ignore, NULL, 8);
		raw(rt_sigaction, signals[i], &act, NULL, 8);
	}
	ALWAYS(raw(rt_sigprocmask, SIG_SETMASK, &empty, NULL, 8));
	ALWAYS(raw(sigaltstack, &none, NULL));
	handled = all;
}

static void signal_end(void)
{
	uint64_t empty = 0;

	nested = 0;
	t_set("pending", pending_now());
	ALWAYS(raw(rt_sigprocmask, SIG_SETMASK, &empty, NULL, 8));
	t_set("left", pending_now());
	if (fd >= 0)
		close(fd);
	fd = -1;
}

const struct group signal_group = { "signal", 40, signal_prepare, signal_begin, signal_op, signal_end };
