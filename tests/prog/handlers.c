// SPDX-License-Identifier: GPL-2.0
/*
 * Signal handlers: what they are told, on which stack they run, what is blocked meanwhile, and that the interrupted
 * computation goes on unharmed.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "say.h"

static sigjmp_buf back;
static volatile int caught, caught_code, on_alternate;
static volatile uintptr_t caught_address, caught_error;
static char alternate[65536] __attribute__((aligned(64)));
static int value_seen;

static void set(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	need("sigaction", sigaction(sig, &action, NULL));
}

static void note(int sig, siginfo_t *info)
{
	char here;

	caught = sig;
	caught_code = info->si_code;
	caught_address = (uintptr_t)info->si_addr;
	on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
	value_seen = info->si_value.sival_int;
}

static void jump_back(int sig, siginfo_t *info, void *context)
{
	note(sig, info);
	caught_error = ((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR];
	siglongjmp(back, 1);
}

static void go_on(int sig, siginfo_t *info, void *context)
{
	(void)context;
	note(sig, info);
}

static void skip_two_bytes(int sig, siginfo_t *info, void *context)
{
	note(sig, info);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void report(const char *what, uintptr_t address)
{
	printf("%s: signal %d code %d address %s alternate stack %d\n", what, caught, caught_code,
	       caught_address == address ? "right" : "WRONG", on_alternate);
	caught = caught_code = 0;
	caught_address = 1;
}

static void faults(void)
{
	char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uintptr_t low = 16;
	char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	set(SIGSEGV, jump_back, SA_ONSTACK);
	if (!sigsetjmp(back, 1))
		*(volatile char *)0x4321000 = 1;
	report("write to unmapped", 0x4321000);
	if (!sigsetjmp(back, 1))
		page[4097] = 1;
	report("write to read-only", (uintptr_t)page + 4097);
	(void)*(volatile char *)page;
	if (!sigsetjmp(back, 1))
		page[1] = 1;
	report("write to read-only that was read", (uintptr_t)page + 1);
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)none;
	report("read of PROT_NONE", (uintptr_t)none);
	if (!sigsetjmp(back, 1))
		((void (*)(void))page)();
	report("execution of data", (uintptr_t)page);
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)0xffff800000001000;
	report("read of kernel address", 0xffff800000001000);
	printf("its error code: %lx\n", caught_error);
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)0x8888000000000000;
	report("noncanonical", 0);
	if (!sigsetjmp(back, 1))
		asm volatile("hlt");
	report("hlt", 0);
	if (!sigsetjmp(back, 1))
		asm volatile("mov %0, %%es" : : "r"(0xfff));	/* of the local descriptor table, which nobody has */
	report("local descriptor", 0);
	printf("its error code: %lx\n", caught_error);
	munmap(page, 8192);
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)page;
	report("read after munmap", (uintptr_t)page);
	set(SIGSEGV, jump_back, 0);
	if (!sigsetjmp(back, 1))
		*(volatile char *)low = 1;
	report("without SA_ONSTACK", 16);
}

static int steps, flagged;

static void count_step(int sig, siginfo_t *info, void *context)
{
	note(sig, info);
	steps++;
	flagged += !!(((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] & 0x100);
}

/* Below the red zone, which pushing would overwrite. */
static void single_steps(void)
{
	set(SIGTRAP, count_step, 0);
	asm volatile("sub $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop; nop\n\t"
		     "pushfq; andq $~0x100, (%%rsp); popfq; add $128, %%rsp" : : : "memory", "cc");
	printf("steps %d, told in the frame %d, signal %d code %d\n", steps, flagged, caught, caught_code);
	signal(SIGTRAP, SIG_DFL);
}

static void bus(void)
{
	FILE *f = tmpfile();
	char *p;

	need("ftruncate", ftruncate(fileno(f), 4096));
	p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fileno(f), 0);
	set(SIGBUS, jump_back, 0);
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)(p + 4096);
	report("beyond the end of a file", (uintptr_t)p + 4096);
	fclose(f);
}

static void exceptions(void)
{
	extern char division[], illegal[];
	int zero = 0;

	set(SIGFPE, jump_back, 0);
	if (!sigsetjmp(back, 1))
		asm volatile("mov $1, %%eax; cltd; .globl division; division: idivl %0" :: "r" (zero) : "eax", "edx");
	report("division by zero", (uintptr_t)division);
	set(SIGILL, skip_two_bytes, SA_ONSTACK);
	asm volatile(".globl illegal; illegal: ud2");
	report("ud2, skipped", (uintptr_t)illegal);
	set(SIGTRAP, go_on, 0);
	asm volatile("int3");
	report("int3", 0);
	set(SIGTRAP, go_on, 0);
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	printf("single step: signal %d code %d\n", caught, caught_code);
	asm volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

/* SIMD floating-point exceptions, and the control word that asks for them, survive the handler's own arithmetic. */
static void floating(void)
{
	unsigned int csr = 0x1f80 & ~(1 << 9);
	volatile double zero = 0, one = 1;

	set(SIGFPE, jump_back, 0);
	if (!sigsetjmp(back, 1)) {
		asm volatile("ldmxcsr %0" :: "m" (csr));
		one = one / zero;
	}
	caught_address = 0;
	report("SSE division by zero", 0);
	csr = 0x1f80;
	asm volatile("ldmxcsr %0" :: "m" (csr));
}

static void use_registers(int sig, siginfo_t *info, void *context)
{
	(void)context;
	note(sig, info);
	asm volatile("pcmpeqb %%xmm0, %%xmm0; pcmpeqb %%xmm15, %%xmm15; mov $-1, %%r10; mov $-1, %%r8"
		     ::: "xmm0", "xmm15", "r10", "r8");
	asm volatile("fninit; fld1; fld1");
}

static void registers(void)
{
	unsigned long low = 0x1122334455667788, seen, high, integer = 0x99;
	double top = 0;

	set(SIGUSR1, use_registers, 0);
	asm volatile("fldpi; movq %[low], %%xmm15; movq %[low], %%xmm0; mov %[low], %%r8; mov %[low], %%r10\n"
		     "mov %[pid], %%edi; mov %[sig], %%esi; mov $62, %%eax; syscall\n"
		     "movq %%xmm15, %[seen]; movq %%xmm0, %[high]; mov %%r8, %[integer]; fstpl %[top]"
		     : [seen] "=&r" (seen), [high] "=&r" (high), [integer] "=&r" (integer), [top] "=m" (top)
		     : [low] "r" (low), [pid] "r" (getpid()), [sig] "i" (SIGUSR1)
		     : "rax", "rcx", "r11", "rdi", "rsi", "r8", "r10", "xmm0", "xmm15", "memory");
	ok("handler ran", caught == SIGUSR1);
	ok("registers survive", seen == low && high == low && integer == low && top > 3.14 && top < 3.15);
}

static void origins(void)
{
	union sigval value = { .sival_int = 4711 };

	set(SIGUSR1, go_on, 0);
	set(SIGRTMIN, go_on, 0);
	kill(getpid(), SIGUSR1);
	printf("kill: code %d\n", caught_code);
	raise(SIGUSR1);
	printf("raise: code %d\n", caught_code);
	say("sigqueue", sigqueue(getpid(), SIGRTMIN, value));
	printf("sigqueue: code %d value %d\n", caught_code, value_seen);
	say("kill with 0", kill(getpid(), 0));
	say("kill of nobody", kill(0x3ffffff, SIGUSR1));
	say("kill with a bad signal", kill(getpid(), 65));
}

static volatile int depth, deepest;

static void nest(int sig, siginfo_t *info, void *context)
{
	(void)context;
	(void)info;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (depth < 3)
		raise(sig);
	depth--;
}

static int is_blocked(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, sig);
}

static void mask_inside(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	printf("inside: own %d other %d third %d\n", is_blocked(sig), is_blocked(SIGUSR2), is_blocked(SIGHUP));
}

static void masks(void)
{
	struct sigaction action = { .sa_sigaction = mask_inside, .sa_flags = SA_SIGINFO }, old;
	struct timespec soon = { 0, 1000000 };
	sigset_t set_, pending;
	siginfo_t info;
	int sig;

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	printf("after: own %d other %d\n", is_blocked(SIGUSR1), is_blocked(SIGUSR2));
	set(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	printf("nested with SA_NODEFER: %d\n", deepest);
	deepest = 0;
	set(SIGUSR1, go_on, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	ok("SA_RESETHAND", caught == SIGUSR1 && old.sa_handler == SIG_DFL);

	set(SIGUSR1, go_on, 0);
	caught = 0;
	sigemptyset(&set_);
	sigaddset(&set_, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set_, NULL);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigpending(&pending);
	printf("held back: caught %d pending %d\n", caught, sigismember(&pending, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &set_, NULL);
	printf("released: caught %d\n", caught);
	sigpending(&pending);
	printf("pending afterwards: %d\n", sigismember(&pending, SIGUSR1));

	sigprocmask(SIG_BLOCK, &set_, NULL);
	kill(getpid(), SIGUSR1);
	say("sigwait", sigwait(&set_, &sig));
	say("sigwait's signal", sig);
	say("sigtimedwait", sigtimedwait(&set_, &info, &soon));
	raise(SIGUSR1);
	say("sigtimedwait of a thread's signal", sigtimedwait(&set_, &info, &soon));
	say("its code", info.si_code);
	kill(getpid(), SIGUSR1);
	caught = 0;
	sigemptyset(&set_);
	say("sigsuspend", sigsuspend(&set_));
	printf("sigsuspend: caught %d blocked again %d\n", caught, is_blocked(SIGUSR1));
}

/* What is pending goes when its signal is ignored, also by who ignored it before. */
static void ignored(int sig, void (*how)(int))
{
	struct sigaction action = { .sa_handler = how };
	sigset_t set_, pending;

	sigemptyset(&set_);
	sigaddset(&set_, sig);
	sigaction(sig, &action, NULL);
	sigprocmask(SIG_BLOCK, &set_, NULL);
	kill(getpid(), sig);
	sigpending(&pending);
	printf("ignored and blocked: pending %d\n", sigismember(&pending, sig));
	sigaction(sig, &action, NULL);
	sigpending(&pending);
	printf("ignored again: pending %d\n", sigismember(&pending, sig));
	sigprocmask(SIG_UNBLOCK, &set_, NULL);
}

/* Nobody is told of children who ignores them, even if it has waited for their signal before. What others send is kept while blocked. */
static void ignored_children(void)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	struct timespec none = { 0 };
	sigset_t set_, pending;

	sigemptyset(&set_);
	sigaddset(&set_, SIGCHLD);
	sigaction(SIGCHLD, &action, NULL);
	sigprocmask(SIG_BLOCK, &set_, NULL);
	say("nothing came", sigtimedwait(&set_, NULL, &none));
	if (!fork())
		_exit(0);
	say("no zombie", wait(NULL));
	sigpending(&pending);
	printf("of a child: pending %d\n", sigismember(&pending, SIGCHLD));
	kill(getpid(), SIGCHLD);
	sigpending(&pending);
	printf("sent: pending %d\n", sigismember(&pending, SIGCHLD));
	say("it came", sigtimedwait(&set_, NULL, &none));
	kill(getpid(), SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &set_, NULL);
	sigpending(&pending);
	printf("unblocked: pending %d\n", sigismember(&pending, SIGCHLD));
	signal(SIGCHLD, SIG_DFL);
}

static void *wait_for_hangup(void *arg)
{
	sigset_t set_;

	sigemptyset(&set_);
	sigaddset(&set_, SIGHUP);
	say("sigwaitinfo", sigwaitinfo(&set_, NULL));
	return arg;
}

/* What is ignored stays so in a child and over execve, also if a thread waits for it. */
static void ignored_but_awaited(void)
{
	pthread_t thread;
	sigset_t set_;
	int status;

	sigemptyset(&set_);
	sigaddset(&set_, SIGHUP);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set_, NULL);
	pthread_create(&thread, NULL, wait_for_hangup, NULL);
	usleep(100000);		/* until it waits */
	if (!fork()) {
		sigprocmask(SIG_UNBLOCK, &set_, NULL);
		execl("/bin/sh", "sh", "-c", "kill -HUP $$; exit 7", NULL);
		_exit(127);
	}
	wait(&status);
	printf("child ended with %x\n", status);
	pthread_kill(thread, SIGHUP);
	pthread_join(thread, NULL);
	sigprocmask(SIG_UNBLOCK, &set_, NULL);
	signal(SIGHUP, SIG_DFL);
}

static void arguments(void)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	stack_t small = { .ss_sp = alternate, .ss_size = 100 }, old;

	say("sigaction SIGKILL", sigaction(SIGKILL, &action, NULL));
	say("sigaction 65", sigaction(65, &action, NULL));
	say("sigaltstack small", sigaltstack(&small, NULL));
	say("sigaltstack query", sigaltstack(NULL, &old));
	ok("alternate stack is what was set", old.ss_sp == alternate && old.ss_size == sizeof(alternate) && !old.ss_flags);
	signal(SIGUSR2, SIG_IGN);
	say("ignored", raise(SIGUSR2));
	say("SIGCHLD by default", raise(SIGCHLD));
	say("SIGCONT by default", raise(SIGCONT));
	say("SIGWINCH by default", raise(SIGWINCH));
}

/* ---- Alternate stacks that are disarmed, and that are too small ---- */

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static void look_at_stack(int sig, siginfo_t *info, void *context)
{
	const stack_t *saved = &((ucontext_t *)context)->uc_stack;
	stack_t now;

	note(sig, info);
	say("handler on alternate stack", on_alternate);
	sigaltstack(NULL, &now);
	printf("in the handler: flags %#x, saved %#x size %zu\n", now.ss_flags, saved->ss_flags, saved->ss_size);
	if (sig == SIGUSR1)
		raise(SIGUSR2);
}

static void disarmed(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate), .ss_flags = SS_AUTODISARM }, old;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	set(SIGUSR1, look_at_stack, SA_ONSTACK);
	set(SIGUSR2, look_at_stack, SA_ONSTACK);
	raise(SIGUSR1);
	say("sigaltstack SS_AUTODISARM", sigaltstack(&stack, &old));
	printf("before: flags %#x\n", old.ss_flags);
	raise(SIGUSR1);
	stack.ss_flags = SS_DISABLE;
	say("sigaltstack SS_DISABLE", sigaltstack(&stack, &old));
	printf("before: flags %#x size %zu\n", old.ss_flags, old.ss_size);
	raise(SIGUSR1);
	stack.ss_flags = 0;
	sigaltstack(&stack, &old);
	printf("before: flags %#x size %zu\n", old.ss_flags, old.ss_size);
}

static void tell_and_leave(int sig, siginfo_t *info, void *context)
{
	(void)context;
	printf("instead: signal %d code %d\n", sig, info->si_code);
	_exit(3);
}

/* The frame does not fit, which is a fault. What lies below the stack is not its. */
static void too_small(int handled)
{
	stack_t stack = { .ss_sp = alternate + 8192, .ss_size = 2048 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		if (handled)
			set(SIGSEGV, tell_and_leave, 0);
		say("sigaltstack 2048", sigaltstack(&stack, NULL));
		stack.ss_size = 2047;
		say("sigaltstack 2047", sigaltstack(&stack, NULL));
		set(SIGUSR1, go_on, SA_ONSTACK);
		raise(SIGUSR1);
		_exit(1);
	}
	need("waitpid", waitpid(pid, &status, 0));
	printf("too small a stack: signal %d status %d\n", WTERMSIG(status), WEXITSTATUS(status));
}

static void *own_thread(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	*(volatile int *)arg = 1;
	while (!caught)
		usleep(1000);
	return (void *)(long)caught;
}

static void threads(void)
{
	volatile int running = 0;
	pthread_t t;
	void *result;
	sigset_t all;

	caught = 0;
	set(SIGUSR2, go_on, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_create(&t, NULL, own_thread, (void *)&running);
	while (!running)
		usleep(1000);
	say("pthread_kill", pthread_kill(t, SIGUSR2));
	pthread_join(t, &result);
	say("caught in the thread", (long)result);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

/* sigaction(2): what is not there is not read back. SA_UNSUPPORTED never is. */
static void known_flags(void)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = { SIG_IGN, ~0ul, NULL, 0 };

	say("all flags", syscall(SYS_rt_sigaction, SIGUSR2, &action, NULL, 8L));
	say("read back", syscall(SYS_rt_sigaction, SIGUSR2, NULL, &action, 8L));
	printf("flags: %#lx\n", action.flags);
	signal(SIGUSR2, SIG_DFL);
}

/* ---- handlers fork: processes are made while another thread changes an action ------------------------------------ */

#define CHILDREN	60

static int done;

static void *changer(void *arg)
{
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		signal(SIGUSR1, SIG_IGN);
		set(SIGUSR1, go_on, 0);
	}
	return arg;
}

/* What a process believes of its action is what happens to it. */
static int as_believed(void)
{
	struct sigaction action;

	caught = 0;
	sigaction(SIGUSR1, NULL, &action);
	kill(getpid(), SIGUSR1);
	return action.sa_handler == SIG_IGN ? !caught : caught == SIGUSR1;
}

static void forks(void)
{
	int status, wrong = 0;
	pthread_t thread;

	set(SIGUSR1, go_on, 0);
	pthread_create(&thread, NULL, changer, NULL);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = need("fork", fork());

		if (!pid)
			_exit(!as_believed());
		need("waitpid", waitpid(pid, &status, 0));
		wrong += status != 0;
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	say("wrong", wrong);
}

int main(int argc, char **argv __attribute__((unused)))
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		forks();
		return 0;
	}
	need("sigaltstack", sigaltstack(&stack, NULL));
	faults();
	single_steps();
	bus();
	exceptions();
	floating();
	registers();
	origins();
	masks();
	ignored(SIGPIPE, SIG_IGN);
	ignored(SIGWINCH, SIG_DFL);
	ignored_children();
	ignored_but_awaited();
	arguments();
	known_flags();
	disarmed();
	too_small(0);
	too_small(1);
	threads();
	return 0;
}
