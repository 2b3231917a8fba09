/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads and processes: the structures that scheduler, system calls, signals and offload share.
 *
 * Keys:  I set once before use   a atomic   q runq.lock of the thread's CPU   p proc->lock   t the thread itself, in kernel mode
 *
 * Threads are type-stable: a dead one goes to a pool and never back to the allocator, so a wake-up that comes late finds a
 * thread, perhaps another one. Therefore every sleeper looks at its condition again after thread_park() returns.
 */
#ifndef LWK_THREAD_H
#define LWK_THREAD_H

#include "azalea.h"
#include "deadline.h"
#include "list.h"
#include "mm.h"
#include "spinlock.h"

struct frame;
struct aspace;
struct thread;

#define CPU_WORDS	(AZ_CPUS_MAX / 64)

enum thread_state { THREAD_DEAD, THREAD_PARKED, THREAD_READY, THREAD_RUNNING };	/* DEAD: also not yet placed, and a CPU's idle thread */

/* thread->work: why a thread must leave the kernel by the slow way */
#define WORK_SIGNAL	1u	/* a signal may be deliverable */
#define WORK_KILL	2u	/* the process ends: the thread must end */
#define WORK_RESTART	4u	/* a system call returned -ERESTART* */
#define WORK_MIGRATE	8u	/* not allowed on this CPU any more */
#define WORK_RSEQ	16u	/* another thread ran meanwhile, or the CPU is another one */
#define WORK_PAUSE	32u	/* slot->paused has changed */
#define WORK_YIELD	64u	/* the time slice is over */
#define WORK_MODES	128u	/* thread->modes has changed */
#define WORK_GIVE_WAY	256u	/* threads wait behind this one, and a CPU idles or one of them is to end */

/* thread->modes: what a CPU does otherwise than usual while it runs the thread */
#define MODE_JUDGED	1u	/* calls come to syscall_dispatch_judged() */
#define MODE_NO_TSC	2u	/* the program cannot read the cycle counter */
#define MODE_TRACED	4u	/* calls come to syscall_dispatch_traced() */

struct sigqueue {
	struct list link;
	u8 info[128];			/* Linux's siginfo_t; the first word is the number */
};

struct ksigaction {			/* Linux's kernel layout for x86-64 */
	uaddr_t handler;
	u64 flags;
	uaddr_t restorer;
	u64 mask;
};

struct altstack {			/* Linux's stack_t */
	uaddr_t sp;
	u32 flags, pad;
	u64 size;
};

/* How a call that returned -ERESTART_RESTARTBLOCK goes on if no handler runs: restart_syscall(2). */
struct restart {
	long (*run)(struct thread *t);	/* NULL: Linux knows, in the twin */
	struct deadline end;
	uaddr_t addr;			/* futex: the word; nanosleep: where to write the time left, or 0 */
	u32 value, bitset;		/* futex */
};

enum futex_kind {
	FUTEX_PLAIN,
	FUTEX_REQUEUED,			/* waits for a word, until it is moved to a lock */
	FUTEX_PI,			/* waits for a lock whose owner is known */
};

/* A thread that waits for a word: sched/futex.h. Members belong to the bucket's lock. */
struct futex_waiter {
	struct list link;
	struct thread *thread;
	uaddr_t addr;			/* a: read without the lock in order to find the lock */
	uaddr_t lock;			/* REQUEUED: where it will be moved */
	u32 bitset;
	u32 kind;			/* enum futex_kind */
	u32 woken;			/* a */
	s32 result;			/* of the wait, once woken */
};

/* prctl(PR_SET_SYSCALL_USER_DISPATCH): proc/user_dispatch.c */
struct user_dispatch {
	bool on;
	uaddr_t start;			/* calls from [start, start + length) are made */
	u64 length;
	uaddr_t selector;		/* 0: always on */
};

struct filter;

struct thread {
	/* these survive from one thread to the next in the same memory: a late wake-up may be looking at them */
	u32 state;			/* q: enum thread_state */
	u32 cpu;			/* q: index; changed by the thread itself */
	u32 token;			/* q: a wake-up not yet consumed */

	u64 ksp;			/* saved kernel stack pointer while not running */
	void *kstack;			/* I: top */
	struct az_registers *registers;	/* I: for Linux when the process is killed (proc/remains.c) */
	void *fpu;			/* I: XSAVE area, in registers */
	u64 fs_base, gs_base;		/* t */
	u32 work;			/* a: WORK_* */
	struct list run;		/* q: in runq.ready */
	void (*entry)(void *);		/* I: first function, with entry_arg */
	void *entry_arg;		/* I */

	struct proc *proc;		/* I; NULL for idle threads */
	struct list sibling;		/* p: in proc->threads */
	struct az_slot *slot;		/* I */
	u32 slot_index;			/* I */
	u32 tid;			/* I */
	u32 pid;			/* I: proc's, at hand for getpid(2) */
	u32 stamp;			/* p: what its twin passes on to new ones: proc/spare.c */
	u64 slice;			/* I: cycles; 0: others never interrupt it for their turns */
	u64 affinity[CPU_WORDS];	/* p: allowed CPUs by index */

	u64 sigmask;			/* t: blocked, and read by signal_post() at any time; a copy is in the slot for the twin */
	u64 saved_sigmask;		/* t: to restore after sigsuspend */
	bool restore_sigmask;		/* t */
	u64 sigpending;			/* p */
	u64 forced;			/* t: faults among them, which come first */
	u64 awaited;			/* p: what rt_sigtimedwait(2) lets through, until one has come */
	struct list sigqueue;		/* p: struct sigqueue */
	struct altstack altstack;	/* t */
	bool deferred;			/* t: leave_kernel() runs the system call, with a full frame */
	u64 trap_nr, trap_error, trap_addr;	/* t: the last trap, for signal frames */

	u32 modes;			/* a: MODE_*; a CPU that has the thread's registers goes by its own copy */
	u32 seccomp;			/* p: SECCOMP_MODE_*, 0: none */
	struct filter *filter;		/* p; the thread itself reads it as it is: proc/seccomp.c */
	struct user_dispatch dispatch;	/* t */
	bool read_implies_exec;		/* t: personality(2) */

	uaddr_t clear_child_tid;	/* t */
	uaddr_t set_child_tid;		/* t: CLONE_CHILD_SETTID, until the thread has begun */
	uaddr_t set_parent_tid;		/* t: CLONE_PARENT_SETTID where it is clone_tells_parent()'s, until then */
	uaddr_t robust_list;		/* t */
	uaddr_t rseq;			/* t */
	u32 rseq_signature;		/* t */
	struct restart restart;		/* t */
	struct policy policy;		/* t: where its frames come from */
	u32 interleaved;		/* t: frames taken by MPOL_INTERLEAVE */

	struct futex_waiter futex;	/* its only wait, unless it waits for several words */
	struct thread *pi_owner;	/* p: holder of the lock that this thread waits for, NULL: it waits for none */
	bool pi_waited;			/* p: somebody has waited for a lock of this thread */
	bool pi_gone;			/* p: it has given its locks away and will not do so again */
	struct trace *trace;		/* t: of its system calls, NULL: they are not traced */
};

struct spare {				/* a twin that serves no thread yet: proc/spare.c */
	u32 slot;
	u32 stamp;
};

#define UID_UNKNOWN	(~0u)

struct proc {
	struct spinlock lock;
	u32 index;			/* I: in procs */
	u32 pid;			/* I */
	struct az_proc *shared;		/* I */
	struct aspace *aspace;		/* I */
	struct budget *budget;		/* I until it starts: a new program's, which has no address space before */
	struct thread *first;		/* I until it starts */
	u32 uid;			/* I: Linux's real one, for threads with stamp 0; UID_UNKNOWN if that is not certain */
	bool forked;			/* I: begun by fork(2) or the like, not with a program */
	bool shares_memory;		/* I: the address space is its parent's, whose counters it keeps */
	struct list threads;		/* p */
	u32 thread_count;		/* p */
	bool kill;			/* p: AZ_EV_PROC_KILL has come */
	struct spare spare[AZ_SLOTS / 16];	/* p */
	u32 spare_count;		/* p */
	u32 spare_batch;		/* p: how many to ask for next time */
	u32 last_stamp;			/* p */
	struct ksigaction action[64];	/* p: by signal number - 1 */
	bool telling;			/* p: a thread tells Linux about signals; only that one changes actions and claims */
	struct list tellers;		/* p: struct teller, who want to do so next */
	u16 claims[64];			/* whoever tells: threads that wait for the signal in rt_sigtimedwait(2) */
	u64 claimed;			/* I until the first thread begins and clears it: what threads of the parent waited for at the fork */
	u64 vdso_base;			/* I */
	u32 membarrier;			/* a: registrations of membarrier(2) */
	struct az_registers *remains;	/* p: of threads that were killed, linked by next */
	struct leftover *leftovers;	/* p: what twins of killed threads may still use */
};

#include "current.h"		/* current_thread(), of the architecture */

/* The thread of @proc with that number, NULL if there is none. */
static inline struct thread *thread_find(struct proc *proc, u32 tid) REQUIRES(proc->lock)
{
	struct list *at;

	list_for_each(at, &proc->threads)
		if (list_entry(at, struct thread, sibling)->tid == tid)
			return list_entry(at, struct thread, sibling);
	return NULL;
}

/* ---- sched/thread.c ---- */

/* A new thread of @proc that will run @entry(@arg) once it has a slot, CPUs where it may run, and is placed; NULL if memory is short. */
struct thread *thread_create(struct proc *proc, void (*entry)(void *), void *arg);
/* Gives it the twin of @slot. */
void thread_bind(struct thread *t, u32 slot);
/* Chooses the least loaded allowed CPU and makes the thread ready there. @parent: of the same process, which makes it; NULL: the first. */
void thread_place(struct thread *t, struct thread *parent);
/* The allowed CPU with the fewest threads; REQUIRES proc->lock. */
u32 thread_choose_cpu(const struct thread *t);
/* The thread bound to a slot, NULL if none. It may be gone by the time it is used: see above. */
struct thread *thread_of_slot(u32 slot);
/* Posts a signal to the thread bound to a slot, if there is one. */
void thread_signal(u32 slot, const u8 info[128]);
/* Ends the current thread: leaves its CPU for ever. */
void thread_exit(u32 status) __noreturn;
/* Takes back a thread that no CPU runs on any more, or never did. */
void thread_recycle(struct thread *t);

/* ---- sched/runq.c ---- */

/*
 * Sleeps until thread_unpark() or, if @deadline is not 0, until the cycle counter passes it. A wake-up that came before is
 * consumed at once. May return early: look at the condition again. No spin lock may be held.
 */
void thread_park(u64 deadline);
void thread_unpark(struct thread *t);
/* Makes a new thread ready on @cpu. */
void thread_begin_on(struct thread *t, u32 cpu);
/* Lets other ready threads of this CPU run. */
void thread_yield(void);
/* Who waits behind the current thread gets this CPU or one that idles, if that is possible. True if it gave up its turn. */
bool thread_give_way(void);
/* Moves the current thread to CPU @cpu. */
void thread_migrate(u32 cpu);
/*
 * The WORK_* bits of the current thread. Whoever asks acts on them, so the thread returns to the program only after leave_kernel() has:
 * the interrupt that says so may still be on its way from the CPU that set them.
 */
u32 thread_work(void);
/*
 * Between two steps of work that may take long, no lock held: what Linux and other CPUs want of this CPU is done. False if the process of
 * the current thread ends: then the work is for nothing, -EINTR.
 */
bool thread_goes_on(void);
/* Switches a mode of the current thread. */
void thread_set_mode(u32 mode, bool on);
/* First thing on the new stack after a switch: finishes what the thread before could not do while it still ran. */
void finish_switch(void);
/* Sets WORK_* bits and makes the thread notice: interrupts its CPU or wakes it. */
void thread_interrupt(struct thread *t, u32 work);
/* The idle loop; never returns. */
void idle_loop(void) __noreturn;
/* Runs something else on this CPU; the caller's state is already changed. */
void schedule(void);

/* ---- sched/cputime.c ---- */
void cputime_begin(struct thread *t);
void cputime_end(struct thread *t);

/* ---- proc/proc.c ---- */
void proc_start(u32 index);		/* the events of azalea.h */
void proc_kill(u32 index);
void proc_free(u32 index);
void proc_spare(u32 slot);
void proc_query(u32 index);
void proc_page(u32 index);
void proc_withdraw(u32 index);
/* True when @t, the current thread, should stop waiting: a signal is deliverable or the process ends. */
bool thread_interrupted(struct thread *t);

/* A process that nobody knows yet; NULL if memory is short. */
struct proc *proc_create(void);

/* ---- proc/spare.c ---- */
/* The driver has a new twin for @proc. */
void spare_announced(struct proc *proc, struct az_slot *slot, u32 index);
/* Takes the slot of a twin for a thread that @t, the current one, makes, asking Linux for more when there is none; -errno. */
long spare_take(struct thread *t);
/*
 * The slot of a new twin that has copies of what the twin of @t, the current thread, has open (@apart has CLONE_FILES) or of its current
 * folder and the like (CLONE_FS), as they are now. Its thread gets *@stamp.
 */
long spare_make_apart(struct thread *t, u32 apart, u32 *stamp);

/* ---- proc/fork.c ---- */
/* The nascent process that Linux starts, no longer in the table; NULL if there is none. */
struct proc *nascent_take(u32 id);
/* It will never be started. */
void nascent_drop(u32 id);
/* @parent ends: whatever it has prepared and Linux has not claimed. */
void nascent_drop_orphans(const struct proc *parent);

/* ---- sched/affinity.c ---- */
/* @t may run where @parent may. */
void affinity_inherit(struct thread *t, struct thread *parent);
/* Moves the current thread if its affinity no longer allows this CPU. */
void thread_move_if_needed(struct thread *t);

/* ---- syscall/membarrier.c ---- */
/* @proc, which is about to start, may have been registered by its parent. */
void membarrier_inherit(const struct proc *proc);

/* ---- syscall/deferred.c ---- */
/* Runs the system call that waited for a full frame (rows with "full" in the call table); its result. */
long syscall_deferred(struct frame *f);
long do_clone(struct frame *f, u64 flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid, u64 tls);
long do_clone3(struct frame *f, uaddr_t args, u64 size);
long do_fork(struct frame *f);
long do_vfork(struct frame *f);
long do_sigaltstack(struct frame *f, uaddr_t ss, uaddr_t old_ss);
long do_rt_sigsuspend(uaddr_t set, u64 sigsetsize);

/* ---- proc/remains.c ---- */
/* The current thread, killed, leaves the registers with which it would have returned to the program by @f. */
void remains_leave(struct thread *t, const struct frame *f);
/* Begins memory of kmalloc() that a call of Linux reads or writes, behind this. If the thread is killed meanwhile, it must be kept. */
struct leftover {
	struct leftover *next;
};

/* Keeps it until the process is freed, when no twin is inside a call any more. */
void remains_keep(struct proc *proc, struct leftover *l);
void remains_free(struct proc *proc);

/* ---- proc/vdso.c ---- */
/* Address for AT_SYSINFO_EHDR; 0 if there is no vDSO: programs then make system calls. */
long vdso_map(struct aspace *as);

/* ---- proc/rseq.c ---- */
/*
 * The thread was interrupted at *@ip: brings its rseq area up to date and leaves a restartable sequence by its abort address. False if the
 * area cannot be used: that is worth a SIGSEGV.
 */
bool rseq_interrupted(struct thread *t, u64 *ip);

/* ---- proc/seccomp.c ---- */
/* @t, which does not run yet, is judged as @from is. */
void seccomp_inherit(struct thread *t, struct thread *from);
/* @t has ended. */
void seccomp_free(struct thread *t);

/* ---- syscall/membarrier.c ---- */
/* All threads of @proc but the current one have been in the kernel, or are. */
void membarrier_process(const struct proc *proc);

/* ---- proc/exec.c ---- */
void exec_main(void *arg);

/* ---- proc/signal.c ---- */
/* Queues Linux's siginfo for @t; a full memory drops the information, not the signal. */
void signal_post(struct thread *t, const u8 info[128]);
/* Around telling Linux what actions signals have, and around copying what both know of them: one thread at a time. Forwards in between. */
void signal_tell_begin(struct proc *proc);
void signal_tell_end(struct proc *proc);
/* In a new process, before it begins: Linux does what the program wants, whatever threads of its parent waited for. */
void signal_forked(struct proc *proc);
/* Around execve: while it @begins Linux ignores what the program ignores, also if threads wait for it; not so any more if it has failed. */
void signal_exec(struct proc *proc, bool begins);
/* A fault of the program itself: delivered even if blocked or ignored, then by default action. */
void signal_force(u32 sig, s32 code, uaddr_t addr);
void signal_no_memory(uaddr_t addr);		/* SIGBUS, since there is no memory for a page; its owner learns why if it dies of that */
/* The same for an access that a protection key forbids. */
void signal_force_key(uaddr_t addr, u32 key);
/* The same for a call that is not made. */
void signal_force_sigsys(const struct frame *f, s32 code, u32 data);
/* The process dies of @sig, whatever handler it has; returns only when the KILL that follows has come. */
void signal_die(u32 sig, s32 code, uaddr_t addr);
/* The slow way out of the kernel, full frame: restarts, signals, ending. May not return. */
void leave_kernel(struct frame *f);
void signal_set_mask(struct thread *t, u64 mask);

/* ---- sched/futex.c, robust.c, futex_pi.c ---- */
long futex_wake_addr(uaddr_t addr, u32 count);
/* The current thread ends: others learn of its locks. In this order. */
void futex_exit_robust(struct thread *t);
void futex_exit_pi(struct thread *t);

#endif
