/* SPDX-License-Identifier: GPL-2.0 */
/* What clone.c and fork.c share: Linux's flags and arguments of clone3(2), and what a new thread gets from the calling one. */
#ifndef LWK_CLONE_H
#define LWK_CLONE_H

#include "thread.h"

#define CLONE_EXIT_SIGNAL	0x000000ffu	/* these bits of clone(2)'s flags */
#define CLONE_NEWTIME		0x00000080u
#define CLONE_VM		0x00000100u
#define CLONE_FS		0x00000200u
#define CLONE_FILES		0x00000400u
#define CLONE_SIGHAND		0x00000800u
#define CLONE_PIDFD		0x00001000u
#define CLONE_PTRACE		0x00002000u
#define CLONE_VFORK		0x00004000u
#define CLONE_PARENT		0x00008000u
#define CLONE_THREAD		0x00010000u
#define CLONE_SYSVSEM		0x00040000u
#define CLONE_SETTLS		0x00080000u
#define CLONE_PARENT_SETTID	0x00100000u
#define CLONE_CHILD_CLEARTID	0x00200000u
#define CLONE_DETACHED		0x00400000u
#define CLONE_UNTRACED		0x00800000u
#define CLONE_CHILD_SETTID	0x01000000u
#define CLONE_NEWPID		0x20000000u
#define CLONE_IO		0x80000000u
#define CLONE_CLEAR_SIGHAND	0x100000000ULL
#define CLONE_INTO_CGROUP	0x200000000ULL

struct clone_args {			/* clone3(2) */
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/*
 * CLONE_PARENT_SETTID is also the new process' to do: while it uses the caller's memory the caller waits. Its number as the caller sees it, if
 * that is another namespace, only the caller knows.
 */
static inline bool clone_tells_parent(const struct clone_args *a)
{
	return (a->flags & (CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_NEWPID)) == (CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID);
}

/* First function of a thread that thread_inherit() has prepared: on to the program, where clone() returns 0. */
void thread_main(void *arg);
/* Registers, extended state and signal mask of the calling thread @parent for the new thread @t, as @a says. */
void thread_inherit(struct thread *t, struct thread *parent, const struct frame *f, const struct clone_args *a);
/* A new process; its id or -errno. */
long fork_process(struct frame *f, const struct clone_args *a);

#endif
