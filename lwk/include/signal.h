/* SPDX-License-Identifier: GPL-2.0 */
/* Linux's signal numbers, flags and codes that the LWK handles, and what proc/sig*.c offer to each other. */
#ifndef LWK_SIGNAL_H
#define LWK_SIGNAL_H

#include "thread.h"

#define SIGILL		4
#define SIGTRAP		5
#define SIGBUS		7
#define SIGFPE		8
#define SIGKILL		9
#define SIGSEGV		11
#define SIGCHLD		17
#define SIGCONT		18
#define SIGSTOP		19
#define SIGURG		23
#define SIGWINCH	28
#define SIGSYS		31

#define SIG_DFL		0
#define SIG_IGN		1

#define SA_NOCLDSTOP	1
#define SA_NOCLDWAIT	2
#define SA_SIGINFO	4
#define SA_EXPOSE_TAGBITS 0x800
#define SA_RESTORER	0x04000000
#define SA_ONSTACK	0x08000000
#define SA_RESTART	0x10000000
#define SA_NODEFER	0x40000000
#define SA_RESETHAND	0x80000000
#define SA_KNOWN	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
			 SA_RESETHAND)

#define SS_ONSTACK	1
#define SS_DISABLE	2
#define SS_AUTODISARM	(1u << 31)

#define MINSIGSTKSZ	2048	/* a frame may need more (AT_MINSIGSTKSZ); Linux asks for that only with strict_sas_size */

#define SI_KERNEL	0x80
#define SI_TKILL	(-6)
#define SIGRTMIN	32	/* the kernel's: from here on signals are queued, and Linux counts them */
#define SEGV_PKUERR	4
#define BUS_ADRERR	2
#define AUDIT_ARCH_X86_64	0xc000003eu

#define SIGBIT(sig)	(1ULL << ((sig) - 1))
#define SIG_IGNORED_BY_DEFAULT (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT))
#define SIG_UNBLOCKABLE	(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

/* Makes the frame of handler @act on the program's stack and points @f at the handler; -EFAULT if the stack is unusable. */
long sigframe_push(struct thread *t, struct frame *f, const struct ksigaction *act, const u8 info[128], u64 oldmask);
/* rt_sigreturn(2): everything back from the frame at the stack pointer; -EFAULT if there is none. */
long sigframe_pop(struct thread *t, struct frame *f);
/* SS_* for sigaltstack(2) when the stack pointer is @sp. */
u32 altstack_flags(const struct thread *t, uaddr_t sp);
/* What is to be done about @sig: a copy, because another thread may be changing it. */
struct ksigaction signal_action(struct proc *proc, u32 sig);
u32 signal_dequeue(struct thread *t, u64 wanted, u8 info[128]);
/* sigaltstack(2)'s rules for a new stack. */
long altstack_set(struct thread *t, const struct altstack *new);

#endif
