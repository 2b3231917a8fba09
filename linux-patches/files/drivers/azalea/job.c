// SPDX-License-Identifier: GPL-2.0
/*
 * Life of a job: open, CREATE (leases CPUs and memory), START (maps the program range, and the LWK runs it), and the last close,
 * which ends and gives back everything, in whatever order proxy, yod and the LWK came to their ends. The jobs of processes that a
 * program makes begin with CHILD instead, which shares the lease:
 *
 *   fork     CHILD by the parent, which then clones itself; START by the clone, whose descriptor the new file has become
 *   exec     CHILD, then the proxy executes itself: that closes the old file and ends the old job before the new one STARTs
 *
 * The last close happens when the last thread of the proxy has exited and its address space is gone, before its parent hears of
 * it: when yod's caller gets the exit status, the CPUs are free again.
 */
#include <linux/bitmap.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "job.h"

static DEFINE_MUTEX(jobs_lock);
static LIST_HEAD(jobs);				/* jobs_lock */
static DECLARE_BITMAP(procs_used, AZ_PROCS);	/* jobs_lock */
static DEFINE_MUTEX(look_lock);
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
	az_cputime_init(job);
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

/* Gives the job the index @proc, whose az_proc is filled. */
static void job_enter(struct az_job *job, struct az_lease *lease, u32 proc) __must_hold(&jobs_lock)
{
	lease->users++;
	job->lease = lease;
	job->proc = proc;
	job->cpu = first_cpu(proc);
	set_bit(proc, procs_used);
	job_of_set(proc, job);
	list_add(&job->link, &jobs);
}

static struct az_lease *lease_create(u32 proc, struct az_ioc_create *request)
{
	struct az_lease *lease = kzalloc(sizeof(*lease), GFP_KERNEL);
	int ret = lease ? az_memory_lease(request->memory, request->error) : -ENOMEM;

	if (ret)
		goto free;
	memset(az_proc(proc), 0, sizeof(struct az_proc));
	ret = az_cpus_lease(proc, request);
	if (ret)
		goto return_memory;
	lease->trace = az_trace_create(request, request->error);
	ret = PTR_ERR_OR_ZERO(lease->trace);
	if (ret)
		goto return_cpus;
	az_proc(proc)->memory = request->memory;
	az_proc(proc)->flags = request->flags;
	memcpy(az_proc(proc)->trace, request->trace, sizeof(request->trace));
	lease->proc = proc;
	lease->memory = request->memory;
	strscpy(lease->linux_programs, request->linux_programs, sizeof(lease->linux_programs));
	return lease;
return_cpus:
	az_cpus_return(proc);
return_memory:
	az_memory_return(request->memory);
free:
	kfree(lease);
	return ERR_PTR(ret);
}

static void lease_free(struct az_lease *lease)
{
	az_cpus_return(lease->proc);
	az_memory_return(lease->memory);
	az_trace_free(lease->trace);
	if (lease->proxy)
		fput(lease->proxy);
	kfree(lease);
}

/* az.lock keeps boot, stop and failure away. */
static int job_create_locked(struct az_job *job, struct az_ioc_create *request)
{
	u32 proc = find_first_zero_bit(procs_used, AZ_PROCS);
	struct az_lease *lease;

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
	if (request->flags & ~AZ_PROC_FLAGS) {
		strscpy(request->error, "an option unknown to this kernel: install yod and Linux of one version", AZ_ERROR_SIZE);
		return -EINVAL;
	}
	lease = lease_create(proc, request);
	if (IS_ERR(lease))
		return PTR_ERR(lease);
	job->space = az_space_create(job->file, proc);
	if (!job->space) {
		lease_free(lease);
		return -ENOMEM;
	}
	job_enter(job, lease, proc);
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

/* ---- CHILD ----------------------------------------------------------------------------------------------------- */

/* May the caller execute the file? What execve(2) would say. */
int az_exec_check(struct file *file)
{
	int ret;

	if (!S_ISREG(file_inode(file)->i_mode) || path_noexec(&file->f_path))
		return -EACCES;
	ret = file_permission(file, MAY_EXEC);
	if (!ret)
		ret = deny_write_access(file);
	if (!ret)
		allow_write_access(file);
	return ret;
}

/* Chosen by yod, or the proxy: a yod that was started on the LWK itself executes it for its own program. */
static bool runs_on_linux(const struct az_lease *lease, const struct file *file)
{
	const char *name = file->f_path.dentry->d_name.name, *word = lease->linux_programs;
	size_t length;

	if (file_inode(file) == file_inode(lease->proxy))
		return true;
	for (; *word; word += length + (word[length] == ',')) {
		length = strcspn(word, ",");
		if (length == strlen(name) && !memcmp(word, name, length))
			return true;
	}
	return false;
}

/* Is the file of a descriptor to be executed: -errno, 0, or 1 for on Linux. */
static int job_executable(struct az_job *job, int fd)
{
	struct fd f = fdget(fd);
	int ret = f.file && job->lease ? az_exec_check(f.file) : -EBADF;

	if (!ret)
		ret = runs_on_linux(job->lease, f.file);
	fdput(f);
	return ret;
}

/* Fresh, or with the files of the address space that fork copies. One that is shared (CLONE_VM) is found by START. */
static int child_space(struct az_job *child, struct az_job *parent, u32 proc, const u64 *arg)
{
	int ret = 0;

	if (child->forked && (arg[0] & CLONE_VM))
		return 0;
	child->space = az_space_create(child->file, proc);
	if (!child->space)
		return -ENOMEM;
	if (child->forked)
		ret = az_space_copy_files(child->space, parent->space);
	if (ret) {
		az_space_free(child->space);
		child->space = NULL;
	}
	return ret;
}

static int child_enter(struct az_job *child, struct az_job *parent, const u64 *arg) __must_hold(&jobs_lock)
{
	u32 proc = find_first_zero_bit(procs_used, AZ_PROCS);
	struct az_proc *from = az_job_proc(parent), *to;
	int ret;

	if (!az_lwk_running() || proc == AZ_PROCS)
		return -EAGAIN;
	to = az_proc(proc);
	memset(to, 0, sizeof(*to));
	memcpy(to->cpus, from->cpus, sizeof(to->cpus));
	to->cpu_count = from->cpu_count;
	to->memory = from->memory;
	to->flags = from->flags;
	to->nascent = arg[5];
	memcpy(to->trace, from->trace, sizeof(to->trace));
	ret = child_space(child, parent, proc, arg);
	if (ret)
		return ret;
	job_enter(child, parent->lease, proc);
	return 0;
}

static int child_create(struct file *file, struct az_job *parent, struct az_twin *twin)
{
	struct az_job *child = file->private_data;
	int ret;

	child->forked = az_twin_handed(twin) == AZ_CALL_FORK;
	mutex_lock(&az.lock);
	mutex_lock(&jobs_lock);
	ret = child_enter(child, parent, twin->slot->arg);
	mutex_unlock(&jobs_lock);
	mutex_unlock(&az.lock);
	return ret;
}

/* A descriptor beyond the program's limit is allowed, because Linux needs none for fork and exec. */
static int install_file(struct file *file, int flags)
{
	int fd = __get_unused_fd_flags(flags, rlimit(RLIMIT_NOFILE) + 2);

	if (fd >= 0)
		fd_install(fd, file);
	else
		fput(file);
	return fd;
}

/*
 * A fork's is closed in programs that other threads of the parent execute meanwhile in children of their own (close_strays()). The
 * proxy that is to be executed anew, whose threads have ended but for this one, must still have its own.
 */
static int install_child(struct az_job *parent, struct az_twin *twin)
{
	/* not what the program asked for: its domain (landlock) need not allow it */
	const struct cred *own = override_creds(&init_cred);
	struct file *file = dentry_open(&parent->file->f_path, O_RDWR, own);
	int ret;

	revert_creds(own);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = child_create(file, parent, twin);
	if (ret) {
		fput(file);
		return ret;
	}
	return install_file(file, az_twin_handed(twin) == AZ_CALL_FORK ? O_CLOEXEC : 0);
}

static long job_child(struct az_job *parent, struct az_ioc_child __user *user)
{
	struct az_twin *twin = az_twin_current(parent);
	u32 call = twin ? az_twin_handed(twin) : 0;
	struct az_ioc_child request = { .proxy = -1 };
	int ret = 0;

	if (call != AZ_CALL_FORK && call != AZ_CALL_EXEC)
		return -EINVAL;
	if (call == AZ_CALL_EXEC)
		ret = request.proxy = install_file(get_file(parent->lease->proxy), O_CLOEXEC);
	if (ret >= 0)
		ret = request.fd = install_child(parent, twin);
	if (ret < 0 && request.proxy >= 0)
		close_fd(request.proxy);
	if (ret < 0)
		return ret;
	return copy_to_user(user, &request, sizeof(request)) ? -EFAULT : 0;
}

/* ---- START ----------------------------------------------------------------------------------------------------- */

static u64 ignored_signals(void)
{
	u64 ignored = 0;
	int sig;

	spin_lock_irq(&current->sighand->siglock);
	for (sig = 1; sig <= _NSIG; sig++)
		if (current->sighand->action[sig - 1].sa.sa_handler == SIG_IGN)
			ignored |= 1ULL << (sig - 1);
	spin_unlock_irq(&current->sighand->siglock);
	return ignored;
}

static void job_fill_proc(struct az_job *job, struct az_twin *twin, u64 exec_size)
{
	struct az_proc *proc = az_job_proc(job);

	proc->pid = task_tgid_vnr(current);
	proc->slot = az_twin_slot_index(twin);
	proc->exec_size = exec_size;
	proc->small_pages = test_bit(MMF_DISABLE_THP, &current->mm->flags);
	proc->ignored = ignored_signals();
	proc->rlimit_stack = rlimit(RLIMIT_STACK);
	proc->rlimit_as = rlimit(RLIMIT_AS);
	proc->rlimit_data = rlimit(RLIMIT_DATA);
	proc->rlimit_memlock = rlimit(RLIMIT_MEMLOCK);
}

#define DESCRIPTOR_MOST	4096	/* a higher one makes the table of descriptors large, which each fork copies */

/*
 * The device moves out of the program's way, to a descriptor that no call of its own can make: the first one beyond its limit. The
 * calling process has one thread, nobody else uses its descriptors. Returns the descriptor.
 */
static int move_descriptor(struct file *file, unsigned int fd)
{
	struct files_struct *files = current->files;
	unsigned int beyond = min_t(unsigned long, rlimit(RLIMIT_NOFILE), DESCRIPTOR_MOST), next;
	int high;

	spin_lock(&files->file_lock);
	next = files->next_fd;
	files->next_fd = beyond;	/* where Linux begins to look */
	spin_unlock(&files->file_lock);
	high = __get_unused_fd_flags(O_CLOEXEC, INT_MAX);
	spin_lock(&files->file_lock);
	files->next_fd = next;
	spin_unlock(&files->file_lock);
	if (high < 0)
		return high;
	fd_install(high, get_file(file));
	close_fd(fd);
	return high;
}

/*
 * The job takes the place of the parent's at a descriptor that the child has inherited, whatever the limit of descriptors is now.
 */
static int take_descriptor(struct file *file, unsigned int fd)
{
	struct files_struct *files = current->files;
	struct file *old = NULL;
	struct fdtable *fdt;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	if (fd < fdt->max_fds)
		old = rcu_dereference_protected(fdt->fd[fd], lockdep_is_held(&files->file_lock));
	if (old) {
		rcu_assign_pointer(fdt->fd[fd], get_file(file));
		__set_bit(fd, fdt->close_on_exec);
	}
	spin_unlock(&files->file_lock);
	return old ? filp_close(old, files) : -EBADF;
}

/* The lowest descriptor from @fd on that stands for a new process other than @own; -1: there is none. */
static int stray_find(const struct file *own, unsigned int fd)
{
	struct files_struct *files = current->files;
	struct fdtable *fdt;
	int found = -1;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	for_each_set_bit_from(fd, fdt->open_fds, fdt->max_fds) {
		const struct file *file = rcu_dereference_protected(fdt->fd[fd], lockdep_is_held(&files->file_lock));

		if (file && file != own && file->f_op == own->f_op && ((struct az_job *)file->private_data)->forked) {
			found = fd;
			break;
		}
	}
	spin_unlock(&files->file_lock);
	return found;
}

/* While a parent waits for one child (vfork) its other threads make more, which inherit that one's descriptor. They must not keep it. */
static void close_strays(const struct file *own)
{
	int fd = 0;

	while ((fd = stray_find(own, fd)) >= 0)
		close_fd(fd);
}

/* A process has the mirror to map, but if it shares its parent's memory it finds it there. */
static long start_memory(struct az_job *job)
{
	if (!job->space)
		WRITE_ONCE(job->space, job->forked ? az_mirror_share() : NULL);
	else if (!job->space->mm)
		return az_mirror_begin(job);
	return job->space && job->space->mm == current->mm ? 0 : -EINVAL;
}

/* The calling thread becomes the twin of the program's first thread and inherits it the blocked signals. */
static long job_start_locked(struct az_job *job, const struct az_ioc_start *request)
{
	struct az_twin *twin;
	int fd = request->fd;
	long ret;

	if (job->started || job->proc == AZ_NONE || !thread_group_leader(current))
		return -EINVAL;
	ret = start_memory(job);
	if (ret)
		return ret;
	if (az_twin_in(job->space))
		return -EINVAL;
	ret = job->forked ? take_descriptor(job->file, fd) : move_descriptor(job->file, fd);
	if (ret < 0)
		return ret;
	if (job->forked)
		close_strays(job->file);
	fd = job->forked ? fd : ret;
	twin = az_twin_bind(job, AZ_SLOT_IDLE, 0);
	if (IS_ERR(twin))
		return PTR_ERR(twin);
	twin->slot->sigmask = current->blocked.sig[0];
	twin->slot->twin_masked = twin->slot->sigmask != 0;
	job->handler = request->handler;
	job->restorer = request->restorer;
	job->fd = fd;
	job->owner = task_tgid_nr(current);
	job_fill_proc(job, twin, request->exec_size);
	if (!job->lease->proxy)
		job->lease->proxy = get_mm_exe_file(current->mm);
	if (!job->forked) {
		az_name_exe(request->exe);
		az_name_arguments(request->arg_start);
	}
	job->started = true;
	az_cputime_start(job);
	if (!az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_START, job->proc)))
		return -EIO;
	return fd;
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
	case AZ_IOC_CHILD:
		return job_child(job, user);
	case AZ_IOC_EXECUTABLE:
		return job_executable(job, arg);
	case AZ_IOC_SERVE:
		return az_twin_serve(job, user);
	case AZ_IOC_SIGNAL:
		return az_signal_deliver(job, user);
	}
	return -ENOTTY;
}

/* ---- End ------------------------------------------------------------------------------------------------------- */

/* Not killable: what the LWK may still use is not given back. A dead LWK ends all waits. */
void az_job_halt(struct az_job *job)
{
	if (!READ_ONCE(job->stopped))
		az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_KILL, job->proc));
	wait_event(az_job_wait, READ_ONCE(job->stopped) || !az_lwk_running());
}

/*
 * The job is done with its address space, which nobody finds by it any more. Returns the space if no other job uses it: then what Linux
 * still uses of its memory is marked, and it can be freed.
 */
static struct az_space *job_leave_space(struct az_job *job)
{
	struct az_space *space = job->space;

	if (!space)
		return NULL;
	az_twins_unbind(job);
	mutex_lock(&jobs_lock);
	az_withdraw_forget(job);
	mutex_unlock(&jobs_lock);
	if (!az_space_leave(space))
		return NULL;
	az_mirror_quarantine(job);
	return space;
}

static void job_free_process(struct az_job *job)
{
	az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_FREE, job->proc));
	wait_event(az_job_wait, READ_ONCE(job->gone) || !az_lwk_running());
}

/* The index of a lease stays in use until its last job has ended. */
static void job_leave(struct az_job *job)
{
	struct az_lease *lease = job->lease;

	mutex_lock(&jobs_lock);
	list_del(&job->link);
	if (job->proc != lease->proc)
		clear_bit(job->proc, procs_used);
	if (--lease->users == 0) {
		clear_bit(lease->proc, procs_used);
		lease_free(lease);
	}
	mutex_unlock(&jobs_lock);
}

static void job_end(struct az_job *job)
{
	struct az_space *unused;

	mutex_lock(&look_lock);
	job->ending = true;
	mutex_unlock(&look_lock);
	if (az_job_proc(job)->nascent && !job->started)
		az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_UNBORN, az_job_proc(job)->nascent));
	az_cputime_stop(job);
	if (job->started)
		az_job_halt(job);
	unused = job_leave_space(job);
	if (job->started)
		job_free_process(job);
	job_of_set(job->proc, NULL);
	if (unused)
		az_space_free(unused);
	az_job_proc(job)->nascent = 0;
	WRITE_ONCE(az_job_proc(job)->state, AZ_PROC_FREE);
	job_leave(job);
}

/* Not just a thread that had descriptors of its own. */
static bool process_exits(void)
{
	return current->flags & PF_EXITING && (current->signal->flags & SIGNAL_GROUP_EXIT || !atomic_read(&current->signal->live));
}

/*
 * Each close of a descriptor. When the process that runs the program exits or executes another one, its threads must stop even if a
 * child that shares its memory keeps the mapping, and with it this file, for longer.
 */
int az_job_flush(struct file *file, fl_owner_t id)
{
	struct az_job *job = file->private_data;
	bool ends = process_exits() || current->in_execve;

	if (!ends || !job->started || job->owner != task_tgid_nr(current))
		return 0;
	az_event_to_lwk(job->cpu, AZ_EVENT(AZ_EV_PROC_KILL, job->proc));
	az_trace_end(job);
	return 0;
}

int az_job_release(struct inode *inode, struct file *file)
{
	struct az_job *job = file->private_data;

	if (job->proc != AZ_NONE)
		job_end(job);
	kfree(job);
	return 0;
}

/* ---- Looking at jobs ------------------------------------------------------------------------------------------- */

static struct az_job *job_find(struct mm_struct *mm)
{
	struct az_job *job, *found = NULL;

	mutex_lock(&jobs_lock);
	list_for_each_entry(job, &jobs, link) {
		if (READ_ONCE(job->started) && job->space && job->space->mm == mm && !READ_ONCE(job->ending))
			found = job;
	}
	mutex_unlock(&jobs_lock);
	return found;
}

struct az_job *az_job_look(struct mm_struct *mm)
{
	struct az_job *job;

	mutex_lock(&look_lock);
	job = az_lwk_running() ? job_find(mm) : NULL;
	if (!job)
		mutex_unlock(&look_lock);
	return job;
}

void az_job_look_away(void)
{
	mutex_unlock(&look_lock);
}

bool az_job_is_of(struct mm_struct *mm)
{
	return mm && job_find(mm);
}

struct az_job *az_job_of_mm(const struct mm_struct *mm, u32 first)
{
	struct az_job *found = NULL;
	u32 proc;

	spin_lock_irq(&job_of_lock);
	for (proc = first; proc < AZ_PROCS && !found; proc++) {
		struct az_space *space = job_of[proc] ? READ_ONCE(job_of[proc]->space) : NULL;

		if (space && READ_ONCE(space->mm) == mm)
			found = job_of[proc];
	}
	spin_unlock_irq(&job_of_lock);
	return found;
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
	else if (type == AZ_EV_ANSWER)
		wake_up_all(&az_job_wait);
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
		struct az_space *space = READ_ONCE(job->space);

		if (!space)
			continue;
		az_twins_interrupt(job);
		az_mirror_remove(space);
	}
	mutex_unlock(&jobs_lock);
}
