// SPDX-License-Identifier: GPL-2.0
/*
 * Twins: threads that serve one LWK thread each, nearly always inside the driver. Here is what must be done in user space: calls that
 * the driver hands out, new twins, and the handler that passes signals on.
 */
#include "proxy.h"

#define STACK_SIZE	(64 * 1024)	/* signal frames with all vector registers, and little else */
#define GUARD_SIZE	4096

#define TWIN_FLAGS	0x50f00		/* CLONE_VM | _FS | _FILES | _SIGHAND | _THREAD | _SYSVSEM */
#define MAY_BE_APART	0x00600		/* CLONE_FS | CLONE_FILES */
#define SIG_SETMASK	2
#define FUTEX_WAIT	128		/* | FUTEX_PRIVATE_FLAG */
#define FUTEX_WAKE	129
#define PROT_READ	1
#define PROT_WRITE	2
#define MADV_DONTFORK	10
#define MAP_PRIVATE	2
#define MAP_ANONYMOUS	0x20

/* Where the interrupted registers lie in what Linux gives a signal handler (struct ucontext on x86-64). */
struct context {
	uint64_t flags, link, stack[3];
	uint64_t r8_to_r15[8], rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, others[15], sigmask;
};

_Static_assert(offsetof(struct az_ioc_serve, nr) == 0 && offsetof(struct az_ioc_serve, flags) == 4 &&
	       offsetof(struct az_ioc_serve, arg) == 8 && AZ_SERVE_SIGNALLED == 4, "as in start.S");

/* New twins of one call, on the stack of the twin that makes them and waits for them. */
struct batch {
	uint32_t pending;		/* atomic: threads that have not yet reported */
	uint32_t failed;		/* atomic */
	uint64_t stamp;			/* for the LWK */
	uint64_t flags;			/* of clone(2) */
};

/* At the low end of a twin's stack. */
struct twin {
	void *stack;
	int detached;			/* frees its stack itself when it ends */
	struct batch *batch;
	struct left left;
};

void *map_memory(size_t size)
{
	const uint64_t rest[3] = { MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 };
	long ret = sys6(__NR_mmap, 0, size, PROT_READ | PROT_WRITE, rest);

	return ret < 0 ? NULL : (void *)ret;
}

void unmap_memory(void *memory, size_t size)
{
	sys3(__NR_munmap, (uint64_t)memory, size, 0);
}

static void set_signal_mask(uint64_t mask, uint64_t *old)
{
	const uint64_t rest[3] = { sizeof(mask) };

	sys6(__NR_rt_sigprocmask, SIG_SETMASK, (uint64_t)&mask, (uint64_t)old, rest);
}

void block_signals(uint64_t *old)
{
	set_signal_mask(~0ULL, old);
}

void restore_signals(uint64_t old)
{
	set_signal_mask(old, NULL);
}

/*
 * All signals are blocked. If Linux is about to make an interrupted call again (or had not made it yet), the LWK must decide about
 * that instead: the program's own handler comes first, and it may not want a restart.
 */
void on_signal(int sig, void *siginfo, void *context)
{
	struct context *c = context;
	struct az_ioc_signal signal = { .siginfo = (uint64_t)siginfo, .mask = c->sigmask };

	(void)sig;
	if (c->rip >= (uint64_t)user_call_looked && c->rip <= (uint64_t)user_call_insn) {
		c->rip = (uint64_t)user_call_insn + 2;
		c->rax = -(uint64_t)ERESTARTSYS;
	}
	if (sys3(__NR_ioctl, start_info.fd, AZ_IOC_SIGNAL, (uint64_t)&signal) == 0)
		c->sigmask = signal.mask;
}

static long serve_ioctl(struct az_ioc_serve *serve)
{
	char digits[24];
	long ret = sys3(__NR_ioctl, start_info.fd, AZ_IOC_SERVE, (uint64_t)serve);

	if (ret == -EIO)
		FAIL(1, "yod: the LWK has failed; see 'lwkctl log', restart it with 'lwkctl boot'");
	if (ret == -ESHUTDOWN)
		FAIL(1, "yod: the LWK was stopped ('lwkctl stop -f') while the program ran");
	if (ret < 0 && ret != -EINTR && ret != -EAGAIN)
		FAIL(1, "yod: the proxy lost its connection to the LWK (Linux's error ", number(digits, -ret), ")");
	return ret;
}

/* ---- New twins ------------------------------------------------------------------------------------------------- */

struct twin *stack_create(void **top, int detached)
{
	char *stack = map_memory(STACK_SIZE + GUARD_SIZE);
	struct twin *twin = (struct twin *)(stack + GUARD_SIZE);

	if (!stack)
		return NULL;
	sys3(__NR_mprotect, (uint64_t)stack, GUARD_SIZE, 0);
	twin->stack = stack;
	twin->detached = detached;
	*top = stack + GUARD_SIZE + STACK_SIZE;
	return twin;
}

void stack_destroy(struct twin *twin)
{
	if (twin->left.memory)
		unmap_memory(twin->left.memory, twin->left.size);
	unmap_memory(twin->stack, STACK_SIZE + GUARD_SIZE);
}

/* @status counts if it is the last thread of the process. */
static void end_twin(struct twin *twin, int status)
{
	block_signals(NULL);
	thread_end(twin->stack, STACK_SIZE + GUARD_SIZE, status);
}

static void report(struct batch *batch, uint32_t failed)
{
	__atomic_fetch_add(&batch->failed, failed, __ATOMIC_RELAXED);
	/* report:A, pairs with wait_for:A: after this the batch may be gone, a wake-up of its address does no harm */
	if (__atomic_sub_fetch(&batch->pending, 1, __ATOMIC_RELEASE) == 0)
		sys3(__NR_futex, (uint64_t)&batch->pending, FUTEX_WAKE, 1);
}

static void wait_for(struct batch *batch)
{
	const uint64_t forever[3] = { 0 };
	uint32_t pending;

	/* wait_for:A, pairs with report:A */
	while ((pending = __atomic_load_n(&batch->pending, __ATOMIC_ACQUIRE)))
		sys6(__NR_futex, (uint64_t)&batch->pending, FUTEX_WAIT, pending, forever);
}

static void twin_main(void *arg)
{
	struct twin *twin = arg;
	struct az_ioc_serve request = { .flags = AZ_SERVE_NEW, .arg = { twin->batch->stamp } };
	long ret = serve_ioctl(&request);

	report(twin->batch, ret != 0);
	if (ret)
		end_twin(twin, 0);
	serve(twin);
}

/* 0 or -errno. */
static long make_twin(struct batch *batch)
{
	void *top;
	struct twin *twin = stack_create(&top, 1);
	long ret;

	if (!twin)
		return -ENOMEM;
	twin->batch = batch;
	sys3(__NR_madvise, (uint64_t)twin->stack, STACK_SIZE + GUARD_SIZE, MADV_DONTFORK);	/* a forked process has one thread */
	__atomic_fetch_add(&batch->pending, 1, __ATOMIC_RELAXED);
	ret = thread_start(batch->flags, top, twin_main, twin);
	if (ret > 0)
		return 0;
	__atomic_fetch_sub(&batch->pending, 1, __ATOMIC_RELAXED);
	stack_destroy(twin);
	return ret;
}

/* New twins start with all signals blocked: they have no LWK thread yet. */
static long more_twins(uint64_t wanted, uint64_t stamp, uint64_t apart)
{
	struct batch batch = { .stamp = stamp, .flags = TWIN_FLAGS & ~(apart & MAY_BE_APART) };
	uint64_t made = 0, mask;
	long ret = 0;

	block_signals(&mask);
	while (made < wanted && !(ret = make_twin(&batch)))
		made++;
	wait_for(&batch);
	restore_signals(mask);
	made -= batch.failed;
	return made ? (long)made : ret ? ret : -EAGAIN;
}

/* ---- Calls handed out by the driver ---------------------------------------------------------------------------- */

static long make_call(struct twin *twin, const struct az_ioc_serve *serve)
{
	switch (serve->nr) {
	case AZ_CALL_EXEC_INFO:
		return exec_write((void *)serve->arg[0], serve->arg[1]);
	case AZ_CALL_EXEC_FAILED:
		exec_failed(serve->arg[0], serve->arg[1]);
	case AZ_CALL_NO_MEMORY:
		say_no_memory(serve->arg[0]);
		return 0;
	case AZ_CALL_FORK:
		return fork_process(serve->arg);
	case AZ_CALL_EXEC:
		return exec_program(serve->arg, &twin->left);
	case AZ_CALL_MORE_TWINS:
		return more_twins(serve->arg[0], serve->arg[1], serve->arg[2]);
	case __NR_exit:
		if (twin->detached)
			end_twin(twin, serve->arg[0]);
	}
	return user_call(serve);
}

void serve(struct twin *twin)
{
	struct az_ioc_serve request = { 0 };
	static struct twin first;

	if (!twin)
		twin = &first;
	for (;;) {
		if (serve_ioctl(&request))
			continue;
		request.ret = make_call(twin, &request);
		request.flags = AZ_SERVE_RESULT;
	}
}
