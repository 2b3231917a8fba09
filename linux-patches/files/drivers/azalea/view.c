// SPDX-License-Identifier: GPL-2.0
/*
 * Views: when a program of the LWK opens a file of /proc, /sys or a cgroup that describes the machine, it sees its partition; when anybody
 * opens a file of /proc that describes a process of the LWK, he sees what the LWK has, not the proxy.
 *
 * Linux calls azalea_view() for every file it opens (a hook in fs/open.c), before the file system's own open. The file stays what
 * it is (name, inode, owner, mode); only where its text comes from changes. So access and most of stat need nothing, and it does not
 * matter which call opened it. Directories keep their entries except those that the program should not see. The links of /proc/#/task
 * alone say something of what is in it: a hook in fs/proc/base.c asks how many threads there are.
 */
#include <linux/azalea.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "view.h"
#include "view_path.h"

#define PATH_SIZE	256		/* longer paths are no views */
#define TEXT_SIZE	(16 << 10)	/* first try for Linux's own text */

/* A path within its file system; each # stands for a number. Exactly one of show and has is set. */
struct view {
	u32 magic;
	bool is_private;		/* as Linux: only for those who could trace the process */
	const char *path;
	int (*show)(const struct az_look *look);
	bool (*has)(const struct az_folder *folder, const char *name);	/* a directory: does it have this entry? */
};

#define CPU	"/devices/system/cpu"
#define NODE	"/devices/system/node"

/* Threads' folders, /#/task/#/, are looked up as processes'. */
static const struct view views[] = {
	{ PROC_SUPER_MAGIC, false, "/cpuinfo", az_view_cpuinfo },
	{ PROC_SUPER_MAGIC, false, "/meminfo", az_view_meminfo },
	{ PROC_SUPER_MAGIC, false, "/stat", az_view_machine_stat },
	{ PROC_SUPER_MAGIC, false, "/loadavg", az_view_loadavg },
	{ PROC_SUPER_MAGIC, true, "/#/maps", az_view_maps },
	{ PROC_SUPER_MAGIC, true, "/#/smaps", az_view_smaps },
	{ PROC_SUPER_MAGIC, true, "/#/smaps_rollup", az_view_smaps_rollup },
	{ PROC_SUPER_MAGIC, true, "/#/numa_maps", az_view_numa_maps },
	{ PROC_SUPER_MAGIC, false, "/#/status", az_view_status },
	{ PROC_SUPER_MAGIC, false, "/#/stat", az_view_process_stat },
	{ PROC_SUPER_MAGIC, false, "/#/statm", az_view_statm },
	{ PROC_SUPER_MAGIC, false, "/#/task", NULL, az_view_has_thread },
	{ PROC_SUPER_MAGIC, false, "/#/fd", NULL, az_view_has_descriptor },
	{ PROC_SUPER_MAGIC, false, "/#/fdinfo", NULL, az_view_has_descriptor },
	{ SYSFS_MAGIC, false, CPU, NULL, az_view_has_cpu },
	{ SYSFS_MAGIC, false, "/bus/cpu/devices", NULL, az_view_has_cpu },
	{ SYSFS_MAGIC, false, CPU "/online", az_view_cpu_list },
	{ SYSFS_MAGIC, false, CPU "/present", az_view_cpu_list },
	{ SYSFS_MAGIC, false, CPU "/possible", az_view_cpu_list },
	{ SYSFS_MAGIC, false, CPU "/offline", az_view_no_cpu },
	{ SYSFS_MAGIC, false, CPU "/cpu#/online", az_view_cpu_online },
	{ SYSFS_MAGIC, false, NODE, NULL, az_view_has_node },
	{ SYSFS_MAGIC, false, "/bus/node/devices", NULL, az_view_has_node },
	{ SYSFS_MAGIC, false, NODE "/online", az_view_node_list },
	{ SYSFS_MAGIC, false, NODE "/possible", az_view_node_list },
	{ SYSFS_MAGIC, false, NODE "/has_cpu", az_view_node_list },
	{ SYSFS_MAGIC, false, NODE "/has_memory", az_view_node_memory_list },
	{ SYSFS_MAGIC, false, NODE "/has_normal_memory", az_view_node_memory_list },
	{ SYSFS_MAGIC, false, NODE "/node#/cpulist", az_view_node_cpu_list },
	{ SYSFS_MAGIC, false, NODE "/node#/cpumap", az_view_node_cpu_map },
	{ SYSFS_MAGIC, false, NODE "/node#/meminfo", az_view_node_meminfo },
	{ CGROUP2_SUPER_MAGIC, false, "*/cpuset.cpus.effective", az_view_cpu_list },
	{ CGROUP2_SUPER_MAGIC, false, "*/cpuset.mems.effective", az_view_node_memory_list },
	{ CGROUP_SUPER_MAGIC, false, "*/cpuset.cpus", az_view_cpu_list },
	{ CGROUP_SUPER_MAGIC, false, "*/cpuset.effective_cpus", az_view_cpu_list },
	{ CGROUP_SUPER_MAGIC, false, "*/cpuset.mems", az_view_node_memory_list },
	{ CGROUP_SUPER_MAGIC, false, "*/cpuset.effective_mems", az_view_node_memory_list },
};

/* ---- Which file is a view -------------------------------------------------------------------------------------- */

static const struct view *view_find(const struct file *file, u32 number[2])
{
	u32 magic = file_inode(file)->i_sb->s_magic;
	char buffer[PATH_SIZE];
	const char *path;
	size_t i;

	if (magic != PROC_SUPER_MAGIC && magic != SYSFS_MAGIC && magic != CGROUP2_SUPER_MAGIC && magic != CGROUP_SUPER_MAGIC)
		return NULL;
	path = dentry_path_raw(file->f_path.dentry, buffer, sizeof(buffer));
	if (IS_ERR(path))
		return NULL;
	if (magic == PROC_SUPER_MAGIC)
		path = without_group(path);
	for (i = 0; i < ARRAY_SIZE(views); i++) {
		if (views[i].magic == magic && path_matches(views[i].path, path, number))
			return &views[i];
	}
	return NULL;
}

static bool is_of_process(const struct view *view)
{
	return view->path[1] == '#';
}

/* The thread whose folder of /proc holds the file, with a reference. */
static struct task_struct *task_get(const struct file *file, u32 number)
{
	struct task_struct *task;

	rcu_read_lock();
	task = find_task_by_pid_ns(number, proc_pid_ns(file_inode(file)->i_sb));
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

/* Calls @with a look at the job that the file is about; -ESRCH if it is gone. */
static int look_with(const struct file *file, int (*with)(const struct view *view, struct az_look *look, void *arg), void *arg)
{
	struct az_look look = { };
	const struct view *view = view_find(file, look.number);
	int ret = -ESRCH;

	if (!view)
		return -ESRCH;
	look.task = is_of_process(view) ? task_get(file, look.number[0]) : get_task_struct(current);
	if (!look.task)
		return -ESRCH;
	look.mm = get_task_mm(look.task);
	look.job = look.mm ? az_job_look(look.mm) : NULL;
	if (look.job) {
		ret = with(view, &look, arg);
		az_job_look_away();
	}
	if (look.mm)
		mmput(look.mm);
	put_task_struct(look.task);
	return ret;
}

static int show(const struct view *view, struct az_look *look, void *arg)
{
	look->out = arg;
	return view->show(look);
}

static int view_show(struct seq_file *out, void *unused)
{
	return look_with(out->file, show, out);
}

static int may_read(const struct view *view, struct az_look *look, void *arg)
{
	return !view->is_private || ptrace_may_access(look->task, PTRACE_MODE_READ_FSCREDS) ? 0 : -EACCES;
}

static int view_open(struct inode *inode, struct file *file)
{
	int ret = look_with(file, may_read, NULL);

	return ret ?: single_open(file, view_show, NULL);
}

static const struct file_operations text_operations = {
	.open = view_open,
	.read_iter = seq_read_iter,
	.splice_read = generic_file_splice_read,
	.llseek = seq_lseek,
	.release = single_release,
};

/* ---- Directories ----------------------------------------------------------------------------------------------- */

struct filter {
	struct dir_context context;
	struct dir_context *caller;
	const struct view *view;
	struct az_folder folder;
};

static bool pass_on(struct dir_context *context, const char *name, int length, loff_t offset, u64 ino, unsigned int type)
{
	struct filter *filter = container_of(context, struct filter, context);
	char word[24];

	/* no name that is filtered is as long as this */
	if (length < sizeof(word)) {
		memcpy(word, name, length);
		word[length] = '\0';
		if (!filter->view->has(&filter->folder, word))
			return true;
	}
	filter->caller->pos = context->pos;
	return filter->caller->actor(filter->caller, name, length, offset, ino, type);
}

static int look_at_folder(const struct view *view, struct az_look *look, void *arg)
{
	struct filter *filter = arg;

	filter->view = view;
	filter->folder.proc = look->job->proc;
	filter->folder.fd = look->job->fd;
	az_view_cpus(look->job, &filter->folder.cpus);
	az_view_nodes(look->job, &filter->folder.nodes);
	return 0;
}

/* Entries are written to the reader's memory, which may wait for anything: nobody is looked at meanwhile. */
static int view_iterate(struct file *file, struct dir_context *caller)
{
	struct filter filter = { .context.actor = pass_on, .context.pos = caller->pos, .caller = caller };
	int ret = look_with(file, look_at_folder, &filter);

	if (ret)
		return ret;
	ret = file_inode(file)->i_fop->iterate_shared(file, &filter.context);
	caller->pos = filter.context.pos;
	return ret;
}

static int directory_release(struct inode *inode, struct file *file)
{
	return inode->i_fop->release ? inode->i_fop->release(inode, file) : 0;
}

/* Neither /proc nor /sys does anything when such a directory is opened. */
static const struct file_operations directory_operations = {
	.read = generic_read_dir,
	.iterate_shared = view_iterate,
	.llseek = generic_file_llseek,
	.release = directory_release,
};

/* ---- The hooks ------------------------------------------------------------------------------------------------- */

static bool concerns_job(struct file *file, const struct view *view, u32 pid)
{
	struct task_struct *task;
	bool concerns;

	if (!is_of_process(view))
		return az_job_is_of(current->mm);
	task = task_get(file, pid);
	if (!task)
		return false;
	concerns = az_job_is_of(READ_ONCE(task->mm));
	put_task_struct(task);
	return concerns;
}

/* Files opened by the kernel itself, as in az_view_original(), are Linux's own. */
void azalea_view(struct file *file)
{
	u32 number[2];
	const struct view *view;

	if (!az_lwk_running() || (file->f_mode & (FMODE_WRITE | FMODE_NOACCOUNT)))
		return;
	view = view_find(file, number);
	if (view && concerns_job(file, view, number[0]))
		file->f_op = view->show ? &text_operations : &directory_operations;
}

int azalea_threads(struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);
	struct az_job *job = mm ? az_job_look(mm) : NULL;
	int threads = job ? READ_ONCE(az_job_proc(job)->threads) : get_nr_threads(task);

	if (job)
		az_job_look_away();
	if (mm)
		mmput(mm);
	return threads;
}

/* ---- For the texts --------------------------------------------------------------------------------------------- */

static ssize_t read_all(struct file *file, char *text, size_t size)
{
	size_t done = 0;
	ssize_t n;

	do {
		struct kvec vec = { text + done, size - done };
		struct kiocb kiocb;
		struct iov_iter iter;

		init_sync_kiocb(&kiocb, file);
		kiocb.ki_pos = done;
		iov_iter_kvec(&iter, READ, &vec, 1, vec.iov_len);
		n = seq_read_iter(&kiocb, &iter);
		done += max(n, (ssize_t)0);
	} while (n > 0 && done < size);
	return n < 0 ? n : done;
}

char *az_view_original(const struct az_look *look)
{
	const struct file *view = look->out->file;
	struct file *file;
	size_t size = TEXT_SIZE;
	ssize_t n;
	char *text;

	file = open_with_fake_path(&view->f_path, O_RDONLY, file_inode(view), current_cred());
	if (IS_ERR(file))
		return ERR_CAST(file);
	for (;; size *= 2) {
		text = kvmalloc(size, GFP_KERNEL);
		n = text ? read_all(file, text, size) : -ENOMEM;
		if (n < (ssize_t)size)
			break;
		kvfree(text);
	}
	fput(file);
	if (n < 0) {
		kvfree(text);
		return ERR_PTR(n);
	}
	text[n] = '\0';
	return text;
}

int az_view_rewrite(const struct az_look *look, az_view_line *line, const void *arg)
{
	char *text = az_view_original(look), *rest = text, *at;

	if (IS_ERR(text))
		return PTR_ERR(text);
	while ((at = strsep(&rest, "\n"))) {
		if ((*at || rest) && !line(look, at, arg))
			seq_printf(look->out, "%s\n", at);
	}
	kvfree(text);
	return 0;
}

void az_view_cpus(const struct az_job *job, cpumask_t *cpus)
{
	u32 i;

	cpumask_clear(cpus);
	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count)
		cpumask_set_cpu(az.cpu[i].linux_cpu, cpus);
}

void az_view_nodes(const struct az_job *job, nodemask_t *nodes)
{
	u32 i;

	nodes_clear(*nodes);
	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count)
		node_set(az.cpu[i].node, *nodes);
	for (i = 0; i < az.range_count; i++)
		node_set(az.range[i].node, *nodes);
}

u64 az_view_memory(const struct az_job *job, u64 *free)
{
	u64 total = 0, resident = READ_ONCE(az_job_proc(job)->used.resident);
	u32 node;

	if (job->lease->memory) {
		*free = job->lease->memory - min(job->lease->memory, resident);
		return job->lease->memory;
	}
	*free = 0;
	for (node = 0; node < az.handover->node_count; node++) {
		total += READ_ONCE(az.handover->node[node].total) * PAGE_SIZE;
		*free += READ_ONCE(az.handover->node[node].free) * PAGE_SIZE;
	}
	return total;
}

bool az_view_runs(const struct az_job *job, u32 tid)
{
	u32 i;

	for_each_set_bit(i, (unsigned long *)az_job_proc(job)->cpus, az.cpu_count) {
		if (READ_ONCE(az.cpu[i].shared->tid) == tid)
			return true;
	}
	return false;
}
