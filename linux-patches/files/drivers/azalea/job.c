// SPDX-License-Identifier: GPL-2.0
/*
 * Life of a job: open, CREATE (leases CPUs and memory), mmap of the program range, START (the LWK runs it), and the last close,
 * which ends and gives back everything, in whatever order proxy, yod and the LWK came to their ends.
 *
 * The last close happens when the last thread of the proxy has exited and its address space is gone, before its parent hears of
 * it: when yod's caller gets the exit status, the CPUs are free again.
 */
#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "job.h"

static DEFINE_MUTEX(jobs_lock);
static LIST_HEAD(jobs);				/* jobs_lock */
static DECLARE_BITMAP(procs_used, AZ_PROCS);	/* jobs_lock */
static DEFINE_SPINLOCK(job_of_lock);
static struct az_job *job_of[AZ_PROCS];		/* job_of_lock: for events */

DECLARE_WAIT_QUEUE_HEAD(az_job_wait);

void az_job_init(void)
{
	az_twins_init();
}

int az_job_open(struct inode *inode, struct file *file)
{
	struct az_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return -ENOMEM;
	mutex_init(&job->lock);
	init_rwsem(&job->mirror);
	xa_init(&job->twins);
	xa_init_flags(&job->files, XA_FLAGS_ALLOC);
	xa_init(&job->pins);
	job->proc = AZ_NONE;
	job->file = file;
	file->private_data = job;
	return 0;
}

/* ---- CREATE ---------------------------------------------------------------------------------------------------- */

static void job_of_set(u32 proc, struct az_job *job)
{
	spin_lock_irq(&job_of_lock);
	job_of[proc] = job;
	spin_unlock_irq(&job_of_lock);
}

static u32 first_cpu(u32 proc)
{
	return find_first_bit((unsigned long *)az_proc(proc)->cpus, AZ_CPUS_MAX);
}

static int job_lease(u32 proc, struct az_ioc_create *request)
{
	int ret;

	ret = az_memory_lease(request->memory, request->error);
	if (ret)
		return ret;
	memset(az_proc(proc), 0, sizeof(struct az_proc));
	ret = az_cpus_lease(proc, request);
	if (ret) {
		az_memory_return(request->memory);
		return ret;
	}
	az_proc(proc)->memory = request->memory;
	return 0;
}

/* az.lock keeps boot, stop and failure away. */
static int job_create_locked(struct az_job *job, struct az_ioc_create *request)
{
	u32 proc = find_first_zero_bit(procs_used, AZ_PROCS);
	int ret;

	if (job->proc != AZ_NONE) {
		strscpy(request->error, "this file already is a job", AZ_ERROR_SIZE);
		return -EBUSY;
	}
	if (!az_lwk_running()) {
		strscpy(request->error, "no LWK is running: start it with 'lwkctl boot'", AZ_ERROR_SIZE);
		return -ENODEV;
	}
	if (proc == AZ_PROCS) {
		snprintf(request->error, AZ_ERROR_SIZE, "%d programs are running, which is the most there can be", AZ_PROCS);
		return -EAGAIN;
	}
	ret = job_lease(proc, request);
	if (ret)
		return ret;
	set_bit(proc, procs_used);
	job->proc = proc;
	job->cpu = first_cpu(proc);
	job->memory = request->memory;
	job_of_set(proc, job);
	list_add(&job->link, &jobs);
	return 0;
}

static long job_create(struct az_job *job, struct az_ioc_create __user *user)
{
	struct az_ioc_create *request = memdup_user(user, sizeof(*user));
	long ret;

	if (IS_ERR(request))
		return PTR_ERR(request);
	request->error[0] = 0;
	mutex_lock(&az.lock);
	mutex_lock(&job->lock);
	mutex_lock(&jobs_lock);
	ret = job_create_locked(job, request);
	mutex_unlock(&jobs_lock);
	mutex_unlock(&job->lock);
	mutex_unlock(&az.lock);
	if (copy_to_user(user, request, sizeof(*request)))
		ret = -EFAULT;
	kfree(request);
	return ret;
}

/* ---- START ----------------------------------------------------------------------------------------------------- */

static void job_fill_proc(struct az_job *job, struct az_twin *twin, u64 exec_size)
{
	struct az_proc *proc = az_job_proc(job);

	proc->pid = task_tgid_vnr(current);
	proc->slot = az_twin_slot_index(twin);
	proc->exec_size = exec_size;
	proc->rlimit_stack = rlimit(RLIMIT_STACK);
	proc->rlimit_as = rlimit(RLIMIT_AS);
	proc->rlimit_data = rlimit(RLIMIT_DATA);
	proc->rlimit_memlock = rlimit(RLIMIT_MEMLOCK);
}

/*
 * /proc/PID/exe is the program, not the proxy: dynamic linkers look there for what $ORIGIN means. Allowed is what exec would allow;
 * for anything else it stays the proxy.
 */
static void job_set_exe(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return;
	if (S_ISREG(file_inode(file)->i_mode) && !path_noexec(&file->f_path) && !file_permission(file, MAY_EXEC))
		set_mm_exe_file(current->mm, file);
	fput(file);
}

/* The calling thread becomes the twin of the program's first thread and inherits it the blocked signals. */
static long job_start_locked(struct az_job *job, const struct az_ioc_start *request)
{
	struct az_twin *twin;

	if (job->started || job->mm != current->mm || !thread_group_leader(current))
		return -EINVAL;
	twin = az_twin_bind(job, AZ_SLOT_IDLE);
	if (IS_ERR(twin))
		return PTR_ERR(twin);
	twin->slot->sigmask = current->blocked.sig[0];
	twin->slot->twin_masked = twin->slot->sigmask != 0;
	job->handler = request->handler;
	job->restorer = request->restorer;
	job->fd = request->fd;
	job_fill_proc(job, twin, request->exec_size);
	job_set_exe(request->exe);
	job->started = true;
	if (!az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_START, job->proc)))
		return -EIO;
	return 0;
}

static long job_start(struct az_job *job, const struct az_ioc_start __user *user)
{
	struct az_ioc_start request;
	long ret;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	mutex_lock(&job->lock);
	ret = job_start_locked(job, &request);
	mutex_unlock(&job->lock);
	return ret;
}

int az_job_mmap(struct file *file, struct vm_area_struct *vma)
{
	return az_mirror_map(file->private_data, vma);
}

long az_job_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct az_job *job = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case AZ_IOC_CREATE:
		return job_create(job, user);
	case AZ_IOC_START:
		return job_start(job, user);
	case AZ_IOC_SERVE:
		return az_twin_serve(job, user);
	case AZ_IOC_SIGNAL:
		return az_signal_deliver(job, user);
	}
	return -ENOTTY;
}

/* ---- End ------------------------------------------------------------------------------------------------------- */

/* Not killable: what the LWK may still use is not given back. A dead LWK ends all waits. */
static void job_stop(struct az_job *job)
{
	az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_KILL, job->proc));
	wait_event(az_job_wait, READ_ONCE(job->stopped) || !az_lwk_running());
	az_mirror_quarantine(job);
	az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_FREE, job->proc));
	wait_event(az_job_wait, READ_ONCE(job->gone) || !az_lwk_running());
}

static void job_end(struct az_job *job)
{
	struct az_twin *twin;
	unsigned long pid;

	if (job->started)
		job_stop(job);
	job_of_set(job->proc, NULL);
	az_files_release(job);
	az_foreign_release(job);
	xa_for_each(&job->twins, pid, twin)
		az_twin_unbind(twin);
	WRITE_ONCE(az_job_proc(job)->state, AZ_PROC_FREE);
	az_cpus_return(job->proc);
	az_memory_return(job->memory);
	mutex_lock(&jobs_lock);
	list_del(&job->link);
	clear_bit(job->proc, procs_used);
	mutex_unlock(&jobs_lock);
}

int az_job_release(struct inode *inode, struct file *file)
{
	struct az_job *job = file->private_data;

	if (job->proc != AZ_NONE)
		job_end(job);
	xa_destroy(&job->twins);
	xa_destroy(&job->files);
	xa_destroy(&job->pins);
	kfree(job);
	return 0;
}

/* ---- Called by the other half of the driver -------------------------------------------------------------------- */

static void job_event(u32 type, u64 proc)
{
	unsigned long flags;
	struct az_job *job;

	if (proc >= AZ_PROCS)
		return;
	spin_lock_irqsave(&job_of_lock, flags);
	job = job_of[proc];
	if (job && type == AZ_EV_STOPPED)
		WRITE_ONCE(job->stopped, true);
	if (job && type == AZ_EV_GONE)
		WRITE_ONCE(job->gone, true);
	spin_unlock_irqrestore(&job_of_lock, flags);
	wake_up_all(&az_job_wait);
}

void az_job_event(u32 type, u64 payload)
{
	if (type == AZ_EV_STOPPED || type == AZ_EV_GONE)
		job_event(type, payload);
	else if (payload < AZ_SLOTS)
		az_twin_poke(payload);
}

bool az_jobs_exist(void)
{
	return !list_empty_careful(&jobs) || az_mirror_has_pinned();
}

void az_jobs_lwk_died(void)
{
	struct az_job *job;

	wake_up_all(&az_job_wait);
	mutex_lock(&jobs_lock);
	list_for_each_entry(job, &jobs, link) {
		az_twins_interrupt(job);
		az_mirror_remove(job);
	}
	mutex_unlock(&jobs_lock);
}
