// SPDX-License-Identifier: GPL-2.0
/*
 * Traces of system calls (yod --trace). The LWK makes the text, a thread at a time; here all threads and processes of a lease get their
 * turns in one file, in whole lines, and what only Linux knows is added: how a process ended, that it became another program.
 *
 * A call's line stays open until its result is known. If somebody else writes meanwhile, it is left with "unfinished", and its end is
 * written on a line of its own as "resumed".
 *
 * Signals are held back while a twin writes, so that no text is lost when one comes; SIGKILL ends the process all the same.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "job.h"
#include "syscall_signals.h"

#define PREFIX_MAX	128		/* what we put before and behind a text of the LWK */
#define BUFFER_SIZE	(AZ_TRACE_LENGTH + PREFIX_MAX)

struct az_trace {
	struct file *file;		/* I */
	struct mutex lock;
	pid_t open_tid, open_tgid;	/* lock: whose line is open, 0: nobody's */
	bool failed;			/* lock: something could not be written */
	size_t used;			/* lock */
	char buffer[BUFFER_SIZE];	/* lock */
};

struct az_trace *az_trace_create(const struct az_ioc_create *request, char *error)
{
	struct az_trace *trace;

	if (!memchr_inv(request->trace, 0, sizeof(request->trace)))
		return NULL;
	trace = kzalloc(sizeof(*trace), GFP_KERNEL);
	if (!trace)
		return ERR_PTR(-ENOMEM);
	trace->file = fget(request->trace_fd);
	if (!trace->file || !(trace->file->f_mode & FMODE_CAN_WRITE)) {
		strscpy(error, "the trace cannot be written: its descriptor is not open for writing", AZ_ERROR_SIZE);
		az_trace_free(trace);
		return ERR_PTR(-EBADF);
	}
	mutex_init(&trace->lock);
	return trace;
}

void az_trace_free(struct az_trace *trace)
{
	if (!trace)
		return;
	if (trace->file)
		fput(trace->file);
	kfree(trace);
}

/* ---- Writing --------------------------------------------------------------------------------------------------- */

/* Everything that is added to one line fits: a text and PREFIX_MAX. */
static __printf(2, 3) void add(struct az_trace *trace, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	trace->used += vscnprintf(trace->buffer + trace->used, BUFFER_SIZE - trace->used, format, args);
	va_end(args);
}

/* As kernel_write(), which refuses devices that have a second way to be written, /dev/null among them. */
static ssize_t write_out(struct file *file, void *from, size_t length, loff_t *pos)
{
	struct kvec part = { from, length };
	struct iov_iter iter;
	ssize_t n;

	iov_iter_kvec(&iter, WRITE, &part, 1, length);
	file_start_write(file);
	n = vfs_iter_write(file, &iter, pos, 0);
	file_end_write(file);
	return n;
}

static void flush(struct az_trace *trace)
{
	struct file *file = trace->file;
	loff_t *pos = file->f_mode & FMODE_STREAM ? NULL : &file->f_pos;
	size_t done = 0;
	ssize_t n = 1;

	if (pos)
		mutex_lock(&file->f_pos_lock);
	while (done < trace->used && n > 0) {
		n = write_out(file, trace->buffer + done, trace->used - done, pos);
		done += n > 0 ? n : 0;
	}
	if (pos)
		mutex_unlock(&file->f_pos_lock);
	if (done < trace->used && !trace->failed && !fatal_signal_pending(current)) {
		trace->failed = true;
		pr_warn("azalea: the trace of process %d is incomplete: it cannot be written (error %zd)\n", task_tgid_nr(current), -n);
	}
	trace->used = 0;
}

static void close_line(struct az_trace *trace)
{
	if (trace->open_tid)
		add(trace, " <unfinished ...>\n");
	trace->open_tid = 0;
}

/* Begins a line of the calling thread; who it is is said if there are several. */
static void begin_line(struct az_trace *trace, struct az_job *job)
{
	close_line(trace);
	if (READ_ONCE(job->lease->users) > 1 || READ_ONCE(az_job_proc(job)->threads) > 1)
		add(trace, "[pid %5d] ", task_pid_vnr(current));
}

static void write_text(struct az_job *job, u32 kind, const char *text, u32 length, u32 name)
{
	struct az_trace *trace = job->lease->trace;
	pid_t tid = task_pid_nr(current);

	if (kind != AZ_TRACE_END)
		begin_line(trace, job);
	else if (trace->open_tid != tid) {
		begin_line(trace, job);
		add(trace, "<... %.*s resumed>", name, text);
	}
	if (kind == AZ_TRACE_END)
		add(trace, "%.*s\n", length - name, text + name);
	else
		add(trace, kind == AZ_TRACE_LINE ? "%.*s\n" : "%.*s", length, text);
	trace->open_tid = kind == AZ_TRACE_BEGIN || kind == AZ_TRACE_EXEC ? tid : 0;
	trace->open_tgid = task_tgid_nr(current);
	flush(trace);
}

/* (physical address, length, kind, length of the name) */
long az_trace_write(struct az_job *job, const u64 *arg)
{
	struct az_trace *trace = job->lease->trace;
	sigset_t old = current->blocked;
	long ret;

	if (!trace || arg[1] > AZ_TRACE_LENGTH || !az_phys_is_lwk(arg[0], arg[1]) || arg[2] > AZ_TRACE_END || arg[3] > arg[1])
		return -EINVAL;
	az_signal_block_all();
	ret = mutex_lock_killable(&trace->lock);
	if (!ret) {
		job->executing = arg[2] == AZ_TRACE_EXEC;
		write_text(job, arg[2], __va(arg[0]), arg[1], arg[3]);
		mutex_unlock(&trace->lock);
	}
	set_current_blocked(&old);
	return ret;
}

/* ---- Ends ------------------------------------------------------------------------------------------------------ */

static int exit_code(void)
{
	if (current->signal->flags & SIGNAL_GROUP_EXIT)
		return current->signal->group_exit_code;
	return current->group_leader->exit_code;
}

static void write_end(struct az_trace *trace, struct az_job *job)
{
	int code = exit_code(), sig = code & 0x7f;

	begin_line(trace, job);
	if (!sig)
		add(trace, "+++ exited with %d +++\n", code >> 8 & 0xff);
	else if (sig < ARRAY_SIZE(syscall_signals))
		add(trace, "+++ killed by %s%s +++\n", syscall_signals[sig], code & 0x80 ? " (core dumped)" : "");
	else
		add(trace, "+++ killed by SIGRT_%d +++\n", sig - 32);
}

/* The call that began it is over for good. */
static void write_exec(struct az_trace *trace, struct az_job *job)
{
	if (trace->open_tid && trace->open_tgid == task_tgid_nr(current)) {
		trace->open_tid = 0;
	} else {
		begin_line(trace, job);
		add(trace, "<... execve resumed>");
	}
	add(trace, ") = 0\n");
}

/* The process ends, or has become another program. */
void az_trace_end(struct az_job *job)
{
	struct az_trace *trace = job->lease->trace;

	if (!trace)
		return;
	mutex_lock(&trace->lock);
	if (current->flags & PF_EXITING)
		write_end(trace, job);
	else if (job->executing)
		write_exec(trace, job);
	flush(trace);
	mutex_unlock(&trace->lock);
}
