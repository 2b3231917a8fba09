// SPDX-License-Identifier: GPL-2.0
/*
 * Twins: each LWK thread has a thread of the proxy that carries out its calls, here, inside one long ioctl.
 *
 * A plain call runs in the kernel, through Linux's own table. A call goes to user space and is made by a real system-call
 * instruction if it needs the thread's user registers or never returns, or if somebody watches the thread (ptrace, seccomp, audit,
 * tracing). Between calls the twin polls its slot for a short time, then sleeps.
 *
 * A signal takes the twin out to user space, where the proxy's handler passes it on (signal.c). The result of the call that it
 * interrupted is kept until the twin is back, so that the LWK finds the signal when it sees the result. If no handler ran
 * (the signal was ignored, blocked, or stopped the process), the call is made again and the program notices nothing.
 *
 * While a twin is out for a signal, Linux may stop it, by job control or for a debugger or freezer, and no code of ours would run there
 * to say so. So the LWK thread stands still until its twin is back.
 */
#include <linux/capability.h>
#include <linux/entry-common.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/proc_fs.h>
#include <linux/proc_ns.h>
#include <linux/resume_user_mode.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <linux/close_range.h>
#include <asm/syscall.h>

#include <linux/azalea.h>

#include "job.h"
#include "syscall_allow.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"azalea."

/*
 * How often a twin looks for the next call before it sleeps. About what sleeping and waking up cost (2,600 instructions, a turn has 10),
 * so that being wrong costs at most twice as much as being right. 0: it sleeps at once.
 */
static unsigned int poll_turns = 250;
module_param_named(poll, poll_turns, uint, 0644);

/* Off: the proxy makes in user space whatever call it can, as if the twin were watched. To see what calls inside the kernel save. */
static bool inside = true;
module_param(inside, bool, 0644);

static struct az_twin *twins;
static DEFINE_SPINLOCK(slots_lock);
static DECLARE_BITMAP(slots_used, AZ_SLOTS);	/* slots_lock */
static DEFINE_XARRAY(all_twins);		/* by Linux's global thread id */

enum outcome { AGAIN, HANDED, ENDED, FAILED_LWK, SIGNALLED };

void az_twins_init(void)
{
	u32 i;

	twins = kvcalloc(AZ_SLOTS, sizeof(*twins), GFP_KERNEL);
	if (!twins)
		panic("azalea: no memory for twins");
	for (i = 0; i < AZ_SLOTS; i++) {
		spin_lock_init(&twins[i].lock);
		init_waitqueue_head(&twins[i].wait);
	}
}

u32 az_twin_slot_index(const struct az_twin *twin)
{
	return twin - twins;
}

/* ---- Binding --------------------------------------------------------------------------------------------------- */

static u32 slot_take(void)
{
	u32 slot;

	spin_lock(&slots_lock);
	slot = find_first_zero_bit(slots_used, AZ_SLOTS);
	if (slot < AZ_SLOTS)
		__set_bit(slot, slots_used);
	spin_unlock(&slots_lock);
	return slot;
}

static void slot_give_back(u32 slot)
{
	spin_lock(&slots_lock);
	__clear_bit(slot, slots_used);
	spin_unlock(&slots_lock);
}

static void twin_set_task(struct az_twin *twin, struct task_struct *task)
{
	spin_lock_irq(&twin->lock);
	twin->task = task;
	spin_unlock_irq(&twin->lock);
}

/* Makes the calling thread a twin on a slot of its own. */
struct az_twin *az_twin_bind(struct az_job *job, u32 state, u64 stamp)
{
	u32 index = slot_take();
	struct az_twin *twin;
	struct az_slot *slot;
	int ret;

	if (index == AZ_SLOTS)
		return ERR_PTR(-EAGAIN);
	twin = &twins[index];
	ret = xa_err(xa_store(&all_twins, current->pid, twin, GFP_KERNEL));	/* an old twin with this id is no task any more */
	if (ret)
		goto give_back;
	ret = xa_insert(&job->space->twins, current->pid, twin, GFP_KERNEL);
	if (ret)
		goto forget;
	slot = az_slot(index);
	memset(slot, 0, sizeof(*slot));
	slot->proc = job->proc;
	slot->arg[0] = stamp;
	slot->cpu = job->cpu;
	slot->tid = task_pid_vnr(current);
	slot->sigmask = ~0ULL;
	slot->twin_masked = 1;
	twin->pid = current->pid;
	twin->job = job;
	twin->slot = slot;
	twin->handed = twin->running = twin->kept = twin->delivered = twin->dying = twin->dumping = false;
	twin->denied = 0;
	twin->credited_ns = twin->credited_faults = 0;
	twin_set_task(twin, get_task_struct(current));
	smp_store_release(&slot->state, state);
	return twin;
forget:
	xa_erase(&all_twins, current->pid);
give_back:
	slot_give_back(index);
	return ERR_PTR(ret);
}

void az_twin_unbind(struct az_twin *twin)
{
	struct task_struct *task = twin->task;

	xa_cmpxchg(&all_twins, twin->pid, twin, NULL, GFP_KERNEL);
	xa_erase(&twin->job->space->twins, twin->pid);
	twin_set_task(twin, NULL);
	put_task_struct(task);
	smp_store_release(&twin->slot->state, AZ_SLOT_FREE);
	slot_give_back(az_twin_slot_index(twin));
}

struct az_twin *az_twin_in(struct az_space *space)
{
	struct az_twin *twin = xa_load(&space->twins, current->pid);

	return twin && twin->task == current ? twin : NULL;
}

struct az_twin *az_twin_current(struct az_job *job)
{
	struct az_twin *twin = job->space ? az_twin_in(job->space) : NULL;

	return twin && twin->job == job ? twin : NULL;
}

u32 az_twin_handed(const struct az_twin *twin)
{
	return twin->handed ? READ_ONCE(twin->slot->nr) : 0;
}

void az_twins_unbind(struct az_job *job)
{
	struct az_twin *twin;
	unsigned long pid;

	xa_for_each(&job->space->twins, pid, twin)
		if (twin->job == job)
			az_twin_unbind(twin);
}

struct az_twin *az_twin_of(const struct task_struct *task)
{
	struct az_twin *twin = xa_load(&all_twins, task->pid);

	return twin && twin->task == task ? twin : NULL;
}

bool azalea_is_twin(void)
{
	return az_twin_of(current);
}

/* A new thread of the proxy: a spare for the LWK's next clone. It blocks all signals until then. */
static long twin_new(struct az_job *job, u64 stamp)
{
	struct az_twin *twin;

	if (!READ_ONCE(job->started) || job->space->mm != current->mm || az_twin_in(job->space))
		return -EINVAL;
	if (!az_lwk_running())
		return -EIO;
	twin = az_twin_bind(job, AZ_SLOT_SPARE, stamp);
	if (IS_ERR(twin))
		return PTR_ERR(twin);
	az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_SPARE, az_twin_slot_index(twin)));
	return 0;
}

/* ---- To and from the LWK thread -------------------------------------------------------------------------------- */

void az_twin_event(struct az_twin *twin, u32 type)
{
	u32 cpu = READ_ONCE(twin->slot->cpu);

	if (cpu >= az.cpu_count)
		cpu = twin->job->cpu;
	az_event_to_lwk(cpu, AZ_EVENT(type, az_twin_slot_index(twin)));
}

void az_twin_wake_lwk(struct az_twin *twin)
{
	/* pairs with the LWK's barrier between lwk_waiting = 1 and its last look at state */
	smp_mb();
	if (READ_ONCE(twin->slot->lwk_waiting) && xchg(&twin->slot->lwk_waiting, 0))
		az_twin_event(twin, AZ_EV_DONE);
}

static void twin_answer(struct az_twin *twin, u32 state)
{
	smp_store_release(&twin->slot->state, state);
	az_twin_wake_lwk(twin);
}

static void twin_complete(struct az_twin *twin, long ret)
{
	twin->kept = false;
	twin->slot->ret = ret;
	twin_answer(twin, AZ_SLOT_DONE);
}

void az_twin_poke(u32 slot)
{
	wake_up_all(&twins[slot].wait);
}

static bool slot_has_request(const struct az_slot *slot)
{
	u32 state = smp_load_acquire(&slot->state);

	return state == AZ_SLOT_CALL || state == AZ_SLOT_EXIT || state == AZ_SLOT_INNER;
}

bool az_twin_has_request(struct az_twin *twin)
{
	if (slot_has_request(twin->slot))
		return true;
	/* xchg is the full barrier that pairs with the LWK's between state = CALL and its look at twin_sleeping */
	xchg(&twin->slot->twin_sleeping, 1);
	return slot_has_request(twin->slot);
}

static bool twin_poll(struct az_twin *twin)
{
	unsigned int turns = READ_ONCE(poll_turns);

	for (; turns && !need_resched() && !signal_pending(current); turns--) {
		if (slot_has_request(twin->slot))
			return true;
		cpu_relax();
	}
	return false;
}

static void twin_wait(struct az_twin *twin)
{
	if (twin_poll(twin))
		return;
	wait_event_interruptible(twin->wait, az_twin_has_request(twin) || !az_lwk_running());
	WRITE_ONCE(twin->slot->twin_sleeping, 0);
}

void az_twins_interrupt(struct az_job *job)
{
	struct az_twin *twin;
	unsigned long pid;

	xa_for_each(&job->space->twins, pid, twin) {
		if (twin->job != job)
			continue;
		spin_lock_irq(&twin->lock);
		if (twin->task)
			set_notify_signal(twin->task);
		spin_unlock_irq(&twin->lock);
		wake_up_all(&twin->wait);
	}
}

/* ---- Calls ----------------------------------------------------------------------------------------------------- */

static long run_linux_call(u32 nr, const u64 *arg)
{
	struct pt_regs regs = {
		.di = arg[0], .si = arg[1], .dx = arg[2], .r10 = arg[3], .r8 = arg[4], .r9 = arg[5],
		.ax = -ENOSYS, .orig_ax = nr, .cs = __USER_CS, .ss = __USER_DS, .flags = X86_EFLAGS_IF,
	};

	return x64_sys_call(&regs, array_index_nospec(nr, NR_syscalls));
}

/* The device's descriptor in the proxy does not exist for the program, which may close all that it does not know. */
static long run_close_range(unsigned int fd, const u64 *arg)
{
	unsigned int first = arg[0], last = arg[1];
	u64 flags = arg[2] & ~(u64)CLOSE_RANGE_UNSHARE;
	u64 below[6] = { first, fd - 1, flags }, above[6] = { fd + 1, last, flags };
	long ret = 0;

	if (fd < first || fd > last || first > last || flags & ~(u64)CLOSE_RANGE_CLOEXEC)
		return run_linux_call(__NR_close_range, arg);
	if (arg[2] & CLOSE_RANGE_UNSHARE)
		ret = ksys_unshare(CLONE_FILES);
	if (ret)
		return ret;
	if (first < fd)
		ret = run_linux_call(__NR_close_range, below);
	if (!ret && fd < last)
		ret = run_linux_call(__NR_close_range, above);
	return ret;
}

/* The LWK has one page with the clocks of all programs. */
static bool is_time_namespace(int fd)
{
	struct fd f = fdget(fd);
	bool is = f.file && proc_ns_file(f.file) && get_proc_ns(file_inode(f.file))->ops->type == CLONE_NEWTIME;

	fdput(f);
	return is;
}

static long spread_no_new_privs(void)
{
	struct task_struct *thread;

	if (!task_no_new_privs(current))
		return 0;
	rcu_read_lock();
	for_each_thread(current, thread)
		task_set_no_new_privs(thread);
	rcu_read_unlock();
	return 0;
}

/* Linux counts a thread until it is gone for good, and nobody would wake us then. */
static long is_alone(void)
{
	if (!thread_group_empty(current))
		schedule_timeout_interruptible(1);
	return thread_group_empty(current);
}

static bool closes(u32 nr, const u64 *arg, unsigned int fd)
{
	return (nr == __NR_close && (unsigned int)arg[0] == fd) ||
	       ((nr == __NR_dup2 || nr == __NR_dup3) && (unsigned int)arg[1] == fd);
}

/* Calls that mean something else in a slot, or that must not do all they say; never made in user space. */
static bool is_special(const struct az_twin *twin, u32 nr, const u64 *arg)
{
	switch (nr) {
	case __NR_mprotect:
	case __NR_rt_sigaction:
	case __NR_rt_sigprocmask:
	case __NR_mremap:
	case __NR_msync:
	case __NR_madvise:
	case __NR_remap_file_pages:
	case __NR_vmsplice:
	case __NR_setns:
	case __NR_close_range:
		return true;
	}
	return nr >= AZ_CALL_PRIVATE || closes(nr, arg, twin->job->fd);
}

/* Calls that use the thread's own registers or stack, or never return. */
static bool needs_user_space(u32 nr)
{
	switch (nr) {
	case __NR_exit:
	case __NR_exit_group:
	case __NR_rt_sigreturn:
	case __NR_sigaltstack:
	case AZ_CALL_EXEC_INFO:
	case AZ_CALL_FORK:
	case AZ_CALL_EXEC:
	case AZ_CALL_MORE_TWINS:
	case AZ_CALL_EXEC_FAILED:
	case AZ_CALL_NO_MEMORY:
		return true;
	}
	return false;
}

static bool is_watched(void)
{
	return current_thread_info()->syscall_work & (SYSCALL_WORK_ENTER | SYSCALL_WORK_EXIT);
}

static long run_special_call(struct az_twin *twin, u32 nr, const u64 *arg)
{
	long ret;

	switch (nr) {
	case __NR_rt_sigaction:
		return az_signal_action(twin->job, arg);
	case __NR_rt_sigprocmask:
		az_signal_apply_mask(twin);
		return 0;
	case __NR_mprotect:
		return az_foreign_protect(arg);
	case __NR_mremap:
		return az_foreign_remap(twin->job, arg);
	case __NR_madvise:
		return az_foreign_advise(twin->job, arg);
	case __NR_msync:
		return az_foreign_sync(twin->job, arg);
	case __NR_vmsplice:
		return az_pipe_vmsplice(arg, &ret) ? ret : run_linux_call(nr, arg);
	case __NR_setns:
		return is_time_namespace(arg[0]) ? -EINVAL : run_linux_call(nr, arg);
	case __NR_remap_file_pages:
		return az_foreign_reorder(twin->job, arg);
	case __NR_close_range:
		return run_close_range(twin->job->fd, arg);
	case __NR_close:
	case __NR_dup2:
	case __NR_dup3:
		return -EBADF;
	case AZ_CALL_DIE:
		az_signal_die(twin, arg);
		return -EINTR;
	case AZ_CALL_FILE_OPEN:
		return az_file_open(twin->job, arg);
	case AZ_CALL_FILE_READ:
		return az_file_read(twin->job, arg);
	case AZ_CALL_FILE_CLOSE:
		return az_file_close(twin->job, arg);
	case AZ_CALL_ZAP:
		return az_mirror_zap(twin->job, arg[0], arg[1]);
	case AZ_CALL_LINUX_MAP:
		return az_foreign_map(twin->job, arg);
	case AZ_CALL_LINUX_UNMAP:
		return az_foreign_unmap(twin->job, arg);
	case AZ_CALL_SHM_SIZE:
		return az_foreign_shm_size(arg);
	case AZ_CALL_SHM_ATTACH:
		return az_foreign_shm_attach(twin->job, arg);
	case AZ_CALL_AIO_SETUP:
		return az_foreign_aio_setup(arg);
	case AZ_CALL_AIO_ATTACH:
		return az_foreign_aio_attach(twin->job, arg);
	case AZ_CALL_AIO_DESTROY:
		return az_foreign_aio_destroy(twin->job, arg);
	case AZ_CALL_CAPABLE:
		return cap_valid(arg[0]) && ns_capable(arg[1] ? current_user_ns() : &init_user_ns, arg[0]);
	case AZ_CALL_NO_NEW_PRIVS:
		return spread_no_new_privs();
	case AZ_CALL_ALONE:
		return is_alone();
	case AZ_CALL_LINUX_FAULT:
		return az_foreign_fault(twin, arg);
	case AZ_CALL_LINUX_NODE:
		return az_foreign_node(arg);
	case AZ_CALL_PROGRAM:
		return az_name_program(arg);
	case AZ_CALL_NAME:
		return az_name_write(twin->job, arg);
	case AZ_CALL_TRACE:
		return az_trace_write(twin->job, arg);
	}
	return -ENOSYS;
}

/* What Linux does not know of the program by itself: its CPU time, what it has stored through shared mappings. */
static void before_call(struct az_twin *twin, u32 nr, const u64 *arg)
{
	struct az_space *space = twin->job->space;

	az_cputime_before_call(twin, nr, arg);
	switch (nr) {
	case __NR_fsync:
	case __NR_fdatasync:
	case __NR_sync_file_range:
		return az_foreign_flush(space, arg[0]);
	case __NR_sync:
	case __NR_syncfs:
		return az_foreign_flush_all(space);
	}
}

static long run_call(struct az_twin *twin, u32 nr, const u64 *arg)
{
	if (is_special(twin, nr, arg))
		return run_special_call(twin, nr, arg);
	return syscall_is_allowed(nr) ? run_linux_call(nr, arg) : -ENOSYS;
}

bool az_twin_inner_call(struct az_twin *twin)
{
	struct az_slot *slot = twin->slot;

	if (smp_load_acquire(&slot->state) != AZ_SLOT_INNER)
		return false;
	switch (READ_ONCE(slot->inner_nr)) {
	case AZ_CALL_FILE_READ:
		slot->inner_ret = az_file_read_inside(twin->job, slot->inner_arg);
		break;
	case AZ_CALL_FILE_CLOSE:
		slot->inner_ret = az_file_close(twin->job, slot->inner_arg);
		break;
	default:
		slot->inner_ret = -ENOSYS;
	}
	return true;
}

static bool is_restart(long ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
}

static void twin_run(struct az_twin *twin, u32 nr, const u64 *arg)
{
	long ret;

	az_signal_guard();
	twin->delivered = false;
	twin->running = true;
	ret = run_call(twin, nr, arg);
	twin->running = false;
	if (signal_pending(current) || is_restart(ret)) {
		twin->kept = true;
		twin->result = ret;
	} else {
		twin_complete(twin, ret);
	}
}

/* Back from a signal: was it one that the program gets to see? */
static void twin_finish_kept(struct az_twin *twin)
{
	long ret = twin->result;
	u32 nr = twin->slot->nr;

	twin->kept = false;
	if (twin->delivered || (!is_restart(ret) && ret != -EINTR) || nr == __NR_close)
		return twin_complete(twin, ret);
	restore_saved_sigmask();
	twin_run(twin, ret == -ERESTART_RESTARTBLOCK ? __NR_restart_syscall : nr, twin->slot->arg);
}

static void hand_out(struct az_twin *twin, struct az_ioc_serve *serve, u32 nr)
{
	serve->nr = nr;
	memcpy(serve->arg, twin->slot->arg, sizeof(serve->arg));
}

static enum outcome twin_call(struct az_twin *twin, struct az_ioc_serve *serve)
{
	u32 nr = READ_ONCE(twin->slot->nr);
	bool outside = needs_user_space(nr) || ((!inside || is_watched()) && !is_special(twin, nr, twin->slot->arg));

	/* the terminal stops who is in the background and does not block that: tcsetpgrp(3) of a shell's child must find the mask */
	if (nr == __NR_ioctl && READ_ONCE(twin->slot->sigmask) & (sigmask(SIGTTOU) | sigmask(SIGTTIN)))
		az_signal_apply_mask(twin);
	twin->denied = 0;
	before_call(twin, nr, twin->slot->arg);
	if (outside && (nr >= AZ_CALL_PRIVATE || syscall_is_allowed(nr))) {
		twin->delivered = false;
		twin->handed = true;
		hand_out(twin, serve, nr);
		return HANDED;
	}
	twin_run(twin, nr, twin->slot->arg);
	return AGAIN;
}

/* One event is enough however often signals come before the LWK looks. */
static void twin_set_paused(struct az_twin *twin, u32 paused)
{
	WRITE_ONCE(twin->slot->paused, paused);
	/* twin_set_paused:A, pairs with slot_pause_seen:A of the LWK: it sees paused, or we see that it has not looked yet */
	if (!xchg(&twin->slot->pause_told, 1))
		az_twin_event(twin, AZ_EV_PAUSE);
}

/* A thread with a request waits for its twin in any case. */
static void twin_pause(struct az_twin *twin)
{
	if (!slot_has_request(twin->slot))
		twin_set_paused(twin, 1);
}

static void twin_resume(struct az_twin *twin)
{
	if (twin->slot->paused)
		twin_set_paused(twin, 0);
}

static enum outcome twin_exit(struct az_twin *twin, struct az_ioc_serve *serve)
{
	hand_out(twin, serve, __NR_exit);	/* the status counts if this is the first thread */
	az_signal_block_all();
	az_cputime_credit(twin);
	az_peak_credit(twin->job);
	az_twin_unbind(twin);
	return ENDED;
}

/* ---- The loop -------------------------------------------------------------------------------------------------- */

/* What a thread does on its way to user space, done between calls: a closed file must not stay open until the next signal. */
static void pending_work(void)
{
	if (test_thread_flag(TIF_NOTIFY_SIGNAL))
		clear_notify_signal();
	if (task_work_pending(current))
		task_work_run();
	if (test_thread_flag(TIF_NOTIFY_RESUME))
		resume_user_mode_work(current_pt_regs());
	cond_resched();
}

static enum outcome twin_step(struct az_twin *twin, struct az_ioc_serve *serve)
{
	pending_work();
	if (!az_lwk_running())
		return FAILED_LWK;
	if (signal_pending(current)) {
		az_signal_apply_mask(twin);
		if (signal_pending(current))
			return SIGNALLED;
	}
	if (twin->kept) {
		twin_finish_kept(twin);
		return AGAIN;
	}
	switch (smp_load_acquire(&twin->slot->state)) {
	case AZ_SLOT_CALL:
		if (READ_ONCE(twin->slot->sig_due)) {
			twin_answer(twin, AZ_SLOT_BACK);
			return AGAIN;
		}
		return twin_call(twin, serve);
	case AZ_SLOT_EXIT:
		return twin_exit(twin, serve);
	}
	twin_wait(twin);
	return AGAIN;
}

static enum outcome twin_loop(struct az_twin *twin, struct az_ioc_serve *serve)
{
	enum outcome outcome;

	do {
		az_signal_guard();
		outcome = twin_step(twin, serve);
	} while (outcome == AGAIN);
	if (outcome == HANDED)
		az_signal_apply_mask(twin);
	az_signal_unguard();
	return outcome;
}

long az_twin_serve(struct az_job *job, struct az_ioc_serve __user *user)
{
	struct az_ioc_serve serve;
	struct az_twin *twin;

	if (copy_from_user(&serve, user, sizeof(serve)) || put_user(0, &user->flags))
		return -EFAULT;
	if (serve.flags & AZ_SERVE_NEW)
		return twin_new(job, serve.arg[0]);
	twin = az_twin_current(job);
	/* a program that asks its own twin to serve would have it run that same call again, one inside the other */
	if (!twin || twin->running || twin->handed != !!(serve.flags & AZ_SERVE_RESULT))
		return -EINVAL;
	if (serve.flags & AZ_SERVE_RESULT && serve.ret == -ERESTARTNOINTR)
		twin_answer(twin, AZ_SLOT_BACK);
	else if (serve.flags & AZ_SERVE_RESULT)
		twin_complete(twin, serve.ret);
	twin->handed = false;
	twin->request = user;
	twin_resume(twin);
	switch (twin_loop(twin, &serve)) {
	case FAILED_LWK:
		return READ_ONCE(az.crashed) ? -EIO : -ESHUTDOWN;
	case SIGNALLED:
		twin_pause(twin);
		az_cputime_credit(twin);	/* it may be about to end */
		return -EINTR;
	default:
		return copy_to_user(user, &serve, sizeof(serve)) ? -EFAULT : 0;
	}
}
