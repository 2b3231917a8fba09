// SPDX-License-Identifier: GPL-2.0
/*
 * New processes. The LWK has prepared a nascent process, with a copy of the program's memory or sharing it; here the proxy clones
 * itself, and the clone, with a job of its own in place of its parent's, has the LWK start that process.
 *
 * The child runs on a new stack: a copy of the proxy would find its stacks missing (they are not copied), and one that shares the
 * proxy's memory (CLONE_VM) needs its own anyway.
 */
#include "proxy.h"

#define CLONE_VM		0x00000100ULL
#define CLONE_VFORK		0x00004000ULL
#define SIGKILL			9
#define EXIT_SIGNAL_SHIFT	56

/* clone3(2)'s arguments */
enum { FLAGS, PIDFD, CHILD_TID, PARENT_TID, EXIT_SIGNAL, STACK, STACK_LENGTH, TLS, SET_TID, SET_TID_SIZE, CGROUP, CLONE_ARGS };

#define ARGUMENT_SIZE		64	/* of struct child, keeps the stack aligned */

struct child {
	int fd;				/* its job */
	struct twin *twin;
};

/* Nothing of the program has run yet, and its parent takes it for started: it ends as if it had been killed. */
static void give_up(void)
{
	for (;;)
		sys3(__NR_kill, sys3(__NR_getpid, 0, 0, 0), SIGKILL, 0);
}

static void child_main(void *arg)
{
	struct child *child = arg;
	struct twin *twin = child->twin;
	struct az_ioc_start start = {
		.fd = start_info.fd, .exe = -1, .handler = (uint64_t)on_signal, .restorer = (uint64_t)signal_return,
	};
	int fd = child->fd;

	if (sys3(__NR_ioctl, fd, AZ_IOC_START, (uint64_t)&start) < 0)
		give_up();
	sys3(__NR_close, fd, 0, 0);
	serve(twin);
}

/* All signals are blocked, in the child until the LWK says which it lets through. */
static long clone_proxy(const uint64_t arg[6], void *stack, struct child *child)
{
	uint64_t args[CLONE_ARGS] = {
		[FLAGS] = arg[0] & ((1ULL << EXIT_SIGNAL_SHIFT) - 1), [EXIT_SIGNAL] = arg[0] >> EXIT_SIGNAL_SHIFT, [PIDFD] = arg[1],
		[STACK] = (uint64_t)stack, [STACK_LENGTH] = (char *)child - (char *)stack, [SET_TID] = arg[2], [SET_TID_SIZE] = arg[3], [CGROUP] = arg[4],
	};

	return process_start(args, sizeof(args), child_main, child);
}

/* A child that shares our memory and does not make us wait keeps its stack, and with it the argument at the upper end. */
long fork_process(const uint64_t arg[6])
{
	int keeps_stack = (arg[0] & (CLONE_VM | CLONE_VFORK)) == CLONE_VM;
	struct az_ioc_child request = { 0 };
	struct child *child;
	struct twin *twin;
	uint64_t mask;
	void *top;
	long ret;

	twin = stack_create(&top, keeps_stack);
	if (!twin)
		return -ENOMEM;
	ret = sys3(__NR_ioctl, start_info.fd, AZ_IOC_CHILD, (uint64_t)&request);
	if (ret == 0) {
		child = (struct child *)((char *)top - ARGUMENT_SIZE);
		*child = (struct child){ request.fd, twin };
		block_signals(&mask);
		ret = clone_proxy(arg, twin, child);
		restore_signals(mask);
		sys3(__NR_close, request.fd, 0, 0);
	}
	if (ret < 0 || !keeps_stack)
		stack_destroy(twin);
	return ret;
}
