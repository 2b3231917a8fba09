/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the job side share. A job is an open file of the device and, once the proxy has started it, one process
 * of the LWK. A twin is a thread of the proxy that carries out the calls of one LWK thread.
 *
 *   job.c      life of a job, from open to the last close       twin.c     the loop in which twins live
 *   signal.c   signals on their way to the LWK                  file.c     files that the LWK maps privately
 *   mirror.c   LWK memory as Linux sees it                      foreign.c  Linux memory as the LWK sees it
 *   space.c    what processes that share an address space share          cputime.c  CPU time of LWK threads as Linux sees it
 *   name.c     the program's name in Linux's /proc               query.c   what the LWK has mapped
 *   withdraw.c pages that Linux takes out of files that the LWK has mapped
 *   trace.c    system calls as text
 *   view.c     files of /proc and /sys that show the LWK: view_machine.c, view_process.c
 *   core.c     core files
 *
 * A lease belongs to the program that yod started and to all its descendants, each a job of its own.
 *
 * Locks, outermost first: az.lock, az_job.lock, look_lock, jobs_lock (job.c); az_trace.lock; mmap_lock, page_lock (query.c),
 * az_space.mirror, withdraw_lock (withdraw.c). job_of_lock and az_twin.lock: innermost, interrupts off.
 */
#ifndef AZALEA_JOB_H
#define AZALEA_JOB_H

#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "internal.h"

/* CPUs and memory, under the index of the process that yod started, which stays reserved as long as the lease. */
struct az_lease {
	u32 proc;			/* I */
	u32 users;			/* jobs_lock */
	u64 memory;			/* I: bytes reserved */
	struct file *proxy;		/* set once by the first START: the proxy's program */
	struct az_trace *trace;		/* I: where system calls are written, NULL: they are not traced */
	char linux_programs[256];	/* I: names of what runs on Linux if executed, separated by commas */
};

/* An address space of the LWK and the mm of Linux that goes with it; vfork and the like make several jobs share one. */
struct az_space {
	refcount_t users;
	struct file *file;		/* I: of the job that mapped the mirror, which the mapping keeps open: for those who have it */
	struct inode *device;		/* I: the file's, with a reference */
	struct mm_struct *mm;		/* set once by START; compared only */
	pgoff_t first_page;		/* I: offset of the mirror within the device, tells address spaces apart */
	struct rw_semaphore mirror;	/* read: an entry is looked at and inserted; write: the mirror is removed */
	struct xarray twins;		/* by Linux's global thread id: struct az_twin */
	struct xarray files;		/* by handle: struct file */
	struct xarray pins;		/* foreign.c: struct page, held for the LWK */
	atomic_t lending;		/* twins that may be about to store a pin */
	struct work_struct leave;	/* withdraw.c: lets go of pins */
};

struct az_job {
	struct list_head link;		/* jobs_lock: all jobs that have created their process */
	struct mutex lock;		/* CREATE and START happen once each */
	struct file *file;		/* I: the job lives exactly as long; no reference */
	struct az_space *space;		/* set once, by CREATE, CHILD, or START if it is shared with the parent;
					   jobs_lock and withdraw_lock: NULL again at the end */
	struct az_lease *lease;		/* I from CREATE or CHILD */
	bool forked;			/* I from CHILD: a new process, not a new program in the old one */
	pid_t owner;			/* lock: the process that started it */
	u32 proc;			/* lock: index of the LWK process, AZ_NONE before CREATE */
	u32 cpu;			/* lock: first leased CPU, takes the events of the process */
	bool started;			/* lock */
	bool ending;			/* look_lock: not to be looked at any more */
	bool stopped, gone;		/* set by events, job_wait is woken */
	bool executing;			/* az_trace.lock: a traced execve is under way */
	unsigned int fd;		/* I from START: the proxy's descriptor, which the program may not close */
	unsigned long handler, restorer;	/* I from START: the proxy's signal handler */
	struct delayed_work cputime;	/* from START to the end: twins are credited what their threads computed */
};

/* One per slot, same index. Members without a key are the twin thread's own. */
struct az_twin {
	spinlock_t lock;
	struct task_struct *task;	/* lock: NULL when unbound, else a reference is held */
	pid_t pid;			/* I while bound: the task's, by which it is found; a thread that executes takes over the leader's */
	struct az_job *job;
	struct az_slot *slot;		/* I while bound */
	wait_queue_head_t wait;		/* the slot's state or mailbox has changed */
	bool handed;			/* the proxy is making a call and owes the result */
	struct az_ioc_serve __user *request;	/* where that call stands, while it is handed */
	bool running;			/* inside a call of the program, which may be one to this device */
	bool kept;			/* result is not in the slot yet: a signal goes first */
	bool delivered;			/* the LWK was handed a signal since the call began */
	bool dying;			/* a fatal signal is on its way and must not be blocked */
	u64 credited_ns, credited_faults;	/* lock: what Linux knows of the thread's CPU time and page faults */
	struct callback_head check;	/* of CPU-time timers, in the task */
	bool checking;			/* lock: check is under way */
	bool dumping;			/* Linux writes a core file, which shows the program in place of the proxy */
	long result;
	unsigned long denied;		/* address + 1 that the LWK refused to make present, 0: none */
} ____cacheline_aligned;		/* its neighbours serve on other CPUs */

static inline struct az_proc *az_job_proc(const struct az_job *job)
{
	return az_proc(job->proc);
}

/* job.c */
extern wait_queue_head_t az_job_wait;			/* a process has stopped or is gone, or the LWK has failed */
int az_exec_check(struct file *file);			/* may the caller execute it: 0 or -errno as of execve(2) */
void az_job_halt(struct az_job *job);			/* ends all threads of the program; returns when none runs any more */

/* space.c */
struct az_space *az_space_create(struct file *file, u32 proc);
struct az_space *az_space_share(struct az_space *space);
long az_space_copy_files(struct az_space *to, struct az_space *from);	/* for a fork; the LWK keeps those of @from open meanwhile */
bool az_space_leave(struct az_space *space);		/* true: nobody uses it any more */
void az_space_free(struct az_space *space);
#define AZ_SPACE_PAGES_SHIFT	(47 - PAGE_SHIFT)	/* the program range fits */

/*
 * The job whose proxy has this address space, NULL if there is none. The job and its LWK process stay until az_job_look_away(); one
 * looks at a time. az_job_is_of() just says whether there is one.
 */
struct az_job *az_job_look(struct mm_struct *mm);
void az_job_look_away(void);
bool az_job_is_of(struct mm_struct *mm);
/* For withdraw.c, which sees to it that the job stays: the one of the lowest index from @first on that has this address space. */
struct az_job *az_job_of_mm(const struct mm_struct *mm, u32 first);

/*
 * query.c; between az_job_look() and az_job_look_away(). Calls @each for what is mapped, lowest first, until it returns false. -errno if
 * the LWK does not answer.
 */
typedef bool az_query_each(const struct az_region *region, void *arg);
int az_query_regions(struct az_job *job, az_query_each *each, void *arg);
/* Has the LWK make a page present that no thread of the program waits for. 0, -EAGAIN or another -errno. Under mmap_lock. */
int az_query_page(struct az_job *job, u64 addr, bool write);
/* Has the LWK drop what it has of Linux's pages in a range; when this returns it has done so, or does not run any more. For withdraw.c. */
void az_query_withdraw(struct az_job *job, u64 start, u64 end);

/* twin.c */
void az_twins_init(void);
struct az_twin *az_twin_bind(struct az_job *job, u32 state, u64 stamp);	/* stamp: of a spare, for the LWK */
void az_twin_unbind(struct az_twin *twin);
struct az_twin *az_twin_current(struct az_job *job);	/* NULL: the caller is no twin of the job */
struct az_twin *az_twin_in(struct az_space *space);	/* the same for any job that shares the space */
u32 az_twin_handed(const struct az_twin *twin);		/* the call that the proxy is making for it, 0 if none */
void az_twins_unbind(struct az_job *job);
struct az_twin *az_twin_of(const struct task_struct *task);	/* of whatever job; NULL: it is no twin */
long az_twin_serve(struct az_job *job, struct az_ioc_serve __user *user);
u32 az_twin_slot_index(const struct az_twin *twin);
void az_twin_wake_lwk(struct az_twin *twin);		/* after a change of slot->state, if the LWK thread sleeps */
void az_twin_event(struct az_twin *twin, u32 type);	/* sends an event about the slot to the thread's CPU */
bool az_twin_has_request(struct az_twin *twin);		/* or will be woken for one; for conditions of wait_event */
bool az_twin_inner_call(struct az_twin *twin);		/* runs the call that the LWK makes inside another one, if that is what it wants */
void az_twin_poke(u32 slot);				/* hard interrupt: the LWK has written to the slot */
void az_twins_interrupt(struct az_job *job);		/* calls that wait end with a restart code */

/* cputime.c */
void az_cputime_init(struct az_job *job);
void az_cputime_start(struct az_job *job);
void az_cputime_stop(struct az_job *job);
void az_cputime_credit(struct az_twin *twin);		/* process context: Linux knows all CPU time of the thread up to now */
void az_cputime_credit_all(struct az_job *job);		/* the same for all threads */
void az_cputime_before_call(struct az_twin *twin, u32 nr, const u64 *arg);
void az_peak_credit(struct az_job *job);			/* process context of the program: Linux knows the peak of its memory */

/* signal.c */
void az_signal_guard(void);				/* fatal signals wake the twin instead of ending the process at once */
void az_signal_unguard(void);
void az_signal_apply_mask(struct az_twin *twin);
void az_signal_block_all(void);
long az_signal_action(struct az_job *job, const u64 *arg);
void az_signal_die(struct az_twin *twin, const u64 *arg);
long az_signal_deliver(struct az_job *job, struct az_ioc_signal __user *user);

/* mirror.c */
int az_mirror_map(struct az_job *job, struct vm_area_struct *vma);
struct az_space *az_mirror_share(void);			/* the calling process's, one more user; NULL if it has none */
long az_mirror_begin(struct az_job *job);		/* the calling process gets the program range, around what it has inherited there */
long az_mirror_fill(struct az_space *space, u64 start, u64 end);	/* maps it where nothing is mapped */
long az_mirror_zap(struct az_job *job, u64 start, u64 length);
void az_mirror_remove(struct az_space *space);		/* Linux sees nothing of the LWK's memory there any more */
/* What stands behind a range: bytes of frames of the LWK, in 2 MB pages, of Linux, and by node. Adds to *@usage. */
struct az_usage { u64 own, large, foreign, node[AZ_NODES_MAX]; };
void az_mirror_usage(struct az_job *job, u64 start, u64 end, struct az_usage *usage);
void az_mirror_quarantine(struct az_job *job);		/* the process is stopped and unmapped: marks frames still in use */
bool az_mirror_has_pinned(void);
/* The program's page at @addr with a reference, whatever its rights are; NULL if it has none of the LWK. The process is stopped. */
struct page *az_mirror_page(struct az_job *job, u64 addr);

/* file.c */
long az_file_open(struct az_job *job, const u64 *arg);
long az_file_read(struct az_job *job, const u64 *arg);
long az_file_read_inside(struct az_job *job, const u64 *arg);	/* inside another call, which may hold locks */
struct file *az_file_get(struct az_job *job, u64 handle);
long az_file_close(struct az_job *job, const u64 *arg);
void az_files_release(struct az_space *space);

/* pipe.c */
bool az_pipe_vmsplice(const u64 *arg, long *ret);

/* name.c: of the calling process */
void az_name_exe(int fd);
void az_name_arguments(u64 arg_start);
long az_name_program(const u64 *arg);
long az_name_write(struct az_job *job, const u64 *arg);

/* trace.c */
struct az_trace *az_trace_create(const struct az_ioc_create *request, char *error);	/* NULL: nothing is to be traced; or ERR_PTR */
void az_trace_free(struct az_trace *trace);
long az_trace_write(struct az_job *job, const u64 *arg);
void az_trace_end(struct az_job *job);

/* foreign.c */
long az_foreign_map(struct az_job *job, const u64 *arg);
long az_foreign_unmap(struct az_job *job, const u64 *arg);
long az_foreign_protect(const u64 *arg);
long az_foreign_advise(struct az_job *job, const u64 *arg);
long az_foreign_remap(struct az_job *job, const u64 *arg);
long az_foreign_sync(struct az_job *job, const u64 *arg);
void az_foreign_flush(struct az_space *space, int fd);	/* before fsync and the like: Linux learns what the program has written there */
void az_foreign_flush_all(struct az_space *space);
long az_foreign_reorder(struct az_job *job, const u64 *arg);
long az_foreign_shm_size(const u64 *arg);
long az_foreign_shm_attach(struct az_job *job, const u64 *arg);
long az_foreign_aio_setup(const u64 *arg);
long az_foreign_aio_attach(struct az_job *job, const u64 *arg);
long az_foreign_aio_destroy(struct az_job *job, const u64 *arg);
long az_foreign_fault(struct az_twin *twin, const u64 *arg);
long az_foreign_node(const u64 *arg);
void az_foreign_release(struct az_space *space);
static inline unsigned long az_pin_index(u64 addr, bool write)	/* in az_space.pins */
{
	return PHYS_PFN(addr) << 1 | write;
}
void az_unpin(struct page *page, bool writable);		/* may wait for the page's lock */

/* withdraw.c */
void az_withdraw_init(struct az_space *space);
/* Around finding pages for the LWK and storing their pins. */
void az_withdraw_lend(struct az_space *space);
void az_withdraw_lent(struct az_space *space);
/* Is the pin @there, found at @index, in the way of @page, which Linux has mapped there now? Then az_withdraw_stale() removes it. */
bool az_withdraw_is_stale(struct az_space *space, unsigned long index, struct page *there, struct page *page);
void az_withdraw_stale(struct az_space *space, u64 addr);
void az_withdraw_forget(struct az_job *job);			/* the job has no space any more, and nobody uses it by the one it had */

#endif
