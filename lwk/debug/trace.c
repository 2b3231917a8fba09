/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traces system calls: `yod --trace`. A traced thread has a line of text in memory that Linux sees; before and after each call that was
 * asked for, it has its twin write that (AZ_CALL_TRACE), and goes on when it is written. So nothing is lost, each thread's lines come in
 * order, and a call that hangs can be seen hanging.
 *
 * Threads of processes that are not traced never come here: the choice is in the CPU's system-call entry, which changes with the thread
 * (x86_load_modes()).
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "offload.h"
#include "trace.h"

#define NR_EXECVE	59
#define NR_EXIT		60
#define NR_EXIT_GROUP	231
#define NR_EXECVEAT	322

struct trace {
	struct leftover leftover;
	struct trace_call call;
	bool open;			/* the call has begun and is being written */
	u32 column;			/* how long its line is */
	u64 start;			/* cycles, when it began */
	char line[TRACE_TEXT];		/* Linux is told its physical address */
};

static struct text fresh(struct trace *tr)
{
	return (struct text){ tr->line, 0 };
}

/* slot->nr stays AZ_CALL_TRACE until the thread forwards something else. */
static void send(struct trace *tr, const struct text *t, u32 kind, u32 name_length)
{
	FORWARD(AZ_CALL_TRACE, virt_to_phys(t->at), t->used, kind, name_length);
}

static bool is_traced(const struct proc *proc)
{
	for (u32 i = 0; i < AZ_TRACE_WORDS; i++)
		if (proc->shared->trace[i])
			return true;
	return false;
}

void trace_thread(struct thread *t)
{
	if (!is_traced(t->proc))
		return;
	t->trace = kmalloc(sizeof(*t->trace));
	if (!t->trace)
		log_line("process %u: no memory to trace thread %u: its calls are missing", t->proc->pid, t->tid);
	else
		__atomic_fetch_or(&t->modes, MODE_TRACED, __ATOMIC_RELAXED);
}

void trace_leave(struct thread *t)
{
	if (t->trace)
		remains_keep(t->proc, &t->trace->leftover);
	t->trace = NULL;
}

static bool is_selected(const struct az_proc *shared, u32 nr)
{
	u32 bit = syscall_desc_index(nr) < 0 ? AZ_TRACE_UNKNOWN : nr;

	return shared->trace[bit / 64] >> (bit % 64) & 1;
}

/* Who has done the call. */
static const char *where(const struct trace_call *c, u32 last_forwarded)
{
	if (!c->row || c->desc->disposition == SYSCALL_REFUSE)
		return "refused";
	if (last_forwarded == AZ_CALL_TRACE)
		return "local";
	return c->desc->disposition == SYSCALL_FORWARD ? "forward" : "split";
}

/* This thread leaves for good. The end of a process is told by the driver, which also knows of those that are killed. */
static void write_exit(struct trace *tr)
{
	struct text t = fresh(tr);

	decode_begin(&t, &tr->call);
	text_add(&t, ")");
	text_pad(&t, 0);
	text_add(&t, " = ?");
	send(tr, &t, AZ_TRACE_LINE, 0);
	if (tr->call.nr == NR_EXIT && current_thread()->proc->thread_count > 1) {
		t = fresh(tr);
		text_add(&t, "+++ exited with %u +++", (u32)tr->call.value[0] & 0xff);
		send(tr, &t, AZ_TRACE_LINE, 0);
	}
}

static void begin(struct trace *tr)
{
	struct trace_call *c = &tr->call;
	u32 kind = c->nr == NR_EXECVE || c->nr == NR_EXECVEAT ? AZ_TRACE_EXEC : AZ_TRACE_BEGIN;
	struct text t = fresh(tr);

	decode_begin(&t, c);
	tr->column = t.used;
	tr->open = true;
	send(tr, &t, kind, 0);
	tr->start = arch_cycles();
}

static void end(struct trace *tr, long ret)
{
	u64 cycles = arch_cycles() - tr->start;
	const char *by = where(&tr->call, current_thread()->slot->nr);
	struct text t = fresh(tr);
	u32 name;

	tr->open = false;
	decode_name(&t, &tr->call);
	name = t.used;
	decode_end(&t, &tr->call, ret, tr->column - name);
	text_add(&t, " <%s %lu>", by, cycles);
	send(tr, &t, AZ_TRACE_END, name);
}

static long dispatch(const struct thread *t, struct frame *f)
{
	return t->modes & MODE_JUDGED ? syscall_dispatch_judged(f) : syscall_dispatch(f);
}

long syscall_dispatch_traced(struct frame *f)
{
	struct thread *thread = current_thread();
	struct trace *tr = thread->trace;
	u32 nr = f->orig_ax;
	long ret;

	if (!is_selected(thread->proc->shared, nr))
		return dispatch(thread, f);
	tr->call = (struct trace_call){ .nr = nr, .value = { f->di, f->si, f->dx, f->r10, f->r8, f->r9 } };
	tr->call.desc = syscall_desc_find(nr, tr->call.value);
	tr->call.row = tr->call.desc ? &syscall_descs[syscall_desc_index(nr)] : NULL;
	if (nr == NR_EXIT || nr == NR_EXIT_GROUP)
		write_exit(tr);
	else
		begin(tr);
	ret = dispatch(thread, f);
	if (!thread->deferred && tr->open)
		end(tr, ret);
	return ret;
}

void trace_deferred(struct trace *tr, long ret)
{
	if (tr->open)
		end(tr, ret);
}

void trace_signal(struct trace *tr, const u8 info[128])
{
	struct text t = fresh(tr);

	decode_signal(&t, info);
	send(tr, &t, AZ_TRACE_LINE, 0);
}
