// SPDX-License-Identifier: GPL-2.0
/*
 * CPU time of LWK threads as Linux sees it. Each slot says how long its thread has been on a CPU; here the difference to what is already
 * known is added to the times of the twin, as user time, and everything that Linux has for CPU time works: times and getrusage,
 * CPU clocks, ps and top, RLIMIT_CPU, timers on CPU time.
 *
 * A process is credited before each of its calls that can show or use CPU time, when a thread ends, and at least once a
 * second, so what others see of it is at most that old. Linux looks for expired timers of a task only while the task runs, and a twin
 * sleeps while its thread computes: whoever is found with one is sent to look. Until the next one can expire, no more is done.
 *
 * What else getrusage(2) tells, the peak of the program's memory, is handed to Linux at the same places.
 */
#include <linux/math64.h>
#include <linux/posix-timers.h>
#include <linux/smp.h>
#include <linux/task_work.h>
#include <asm/msr.h>

#include <linux/azalea.h>

#include "job.h"

#define PERIOD		HZ	/* jiffies between credits when nothing asks for more */

/* False if it must be done on the CPU where the task is. */
static bool credit_locked(struct az_twin *twin)
{
	u64 ns, cycles, faults;

	if (!twin->task || !az_lwk_running())
		return true;
	cycles = az_cpu_time_cycles(READ_ONCE(twin->slot->cpu_time), rdtsc_ordered());
	ns = max(mul_u64_u64_div_u64(cycles, USEC_PER_SEC, az.handover->tsc_khz), twin->credited_ns);
	faults = max(READ_ONCE(twin->slot->faults), twin->credited_faults);
	if (ns == twin->credited_ns && faults == twin->credited_faults)
		return true;
	if (!azalea_account_user_time(twin->task, ns - twin->credited_ns, faults - twin->credited_faults))
		return false;
	twin->credited_ns = ns;
	twin->credited_faults = faults;
	return true;
}

/* Negative: done. Otherwise the CPU where it must be done. */
static int try_credit(struct az_twin *twin)
{
	unsigned long flags;
	int cpu;

	spin_lock_irqsave(&twin->lock, flags);
	cpu = credit_locked(twin) ? -1 : task_cpu(twin->task);
	spin_unlock_irqrestore(&twin->lock, flags);
	return cpu;
}

struct visit {
	struct az_twin *twin;
	int cpu;
};

static void credit_there(void *arg)
{
	struct visit *visit = arg;

	visit->cpu = try_credit(visit->twin);
}

void az_cputime_credit(struct az_twin *twin)
{
	struct visit visit = { twin, try_credit(twin) };
	int tries;

	for (tries = 0; visit.cpu >= 0 && tries < 3; tries++)	/* it may be on its way to yet another CPU */
		smp_call_function_single(visit.cpu, credit_there, &visit, 1);
}

/* Before Linux looks at the peak of the caller's memory: it knows that of the proxy. */
void az_peak_credit(struct az_job *job)
{
	struct az_memory *used = &az_job_proc(job)->used;
	u64 pages = PHYS_PFN(max(READ_ONCE(used->peak), READ_ONCE(used->resident)));

	if (current->mm == job->space->mm && current->mm->hiwater_rss < pages)
		current->mm->hiwater_rss = pages;
}

void az_cputime_credit_all(struct az_job *job)
{
	struct az_twin *twin;
	unsigned long pid;

	az_peak_credit(job);
	xa_for_each(&job->space->twins, pid, twin)
		az_cputime_credit(twin);
}

/* ---- Timers on CPU time ---------------------------------------------------------------------------------------- */

/* How much CPU time there is to the first timer, when clocks stand at @prof, @virt and @sched. */
static u64 timers_left(const struct posix_cputimers *timers, u64 prof, u64 virt, u64 sched)
{
	const u64 now[CPUCLOCK_MAX] = { [CPUCLOCK_PROF] = prof, [CPUCLOCK_VIRT] = virt, [CPUCLOCK_SCHED] = sched };
	u64 left = U64_MAX, next;
	int i;

	for (i = 0; i < CPUCLOCK_MAX; i++) {
		next = READ_ONCE(timers->bases[i].nextevt);
		if (next != U64_MAX)
			left = min(left, next > now[i] ? next - now[i] : 0);
	}
	return left;
}

static u64 process_left(struct signal_struct *signal)
{
	const struct task_cputime_atomic *sum = &signal->cputimer.cputime_atomic;
	u64 virt = atomic64_read(&sum->utime);

	if (!READ_ONCE(signal->posix_cputimers.timers_active))
		return U64_MAX;
	return timers_left(&signal->posix_cputimers, virt + atomic64_read(&sum->stime), virt, atomic64_read(&sum->sum_exec_runtime));
}

static void check_timers(struct callback_head *head)
{
	struct az_twin *twin = container_of(head, struct az_twin, check);

	spin_lock_irq(&twin->lock);
	twin->checking = false;
	spin_unlock_irq(&twin->lock);
	local_irq_disable();
	run_posix_cpu_timers();
	local_irq_enable();
}

/* CPU time to the next timer of the twin's task or, with all @threads computing, of its process. If there is none, it looks which it is. */
static u64 twin_left(struct az_twin *twin, u32 threads)
{
	struct task_struct *task;
	u64 left = U64_MAX;

	spin_lock_irq(&twin->lock);
	task = twin->task;
	if (task)
		left = min(timers_left(&task->posix_cputimers, task->utime + task->stime, task->utime, task->se.sum_exec_runtime),
			   div_u64(process_left(task->signal), threads));
	if (!left && !twin->checking) {
		init_task_work(&twin->check, check_timers);
		twin->checking = !task_work_add(task, &twin->check, TWA_SIGNAL);
	}
	spin_unlock_irq(&twin->lock);
	return left;
}

/* ---- When ------------------------------------------------------------------------------------------------------ */

static void credit_work(struct work_struct *work)
{
	struct az_job *job = container_of(to_delayed_work(work), struct az_job, cputime);
	u64 left = U64_MAX;
	struct az_twin *twin;
	unsigned long pid;
	u32 threads = 1;

	xa_for_each(&job->space->twins, pid, twin) {
		try_credit(twin);	/* one that is busy here will do for the next time */
		threads++;
	}
	xa_for_each(&job->space->twins, pid, twin)
		left = min(left, twin_left(twin, threads));
	schedule_delayed_work(&job->cputime, clamp_t(u64, nsecs_to_jiffies64(left), 1, PERIOD));
}

void az_cputime_init(struct az_job *job)
{
	INIT_DELAYED_WORK(&job->cputime, credit_work);
}

void az_cputime_start(struct az_job *job)
{
	schedule_delayed_work(&job->cputime, PERIOD);
}

void az_cputime_stop(struct az_job *job)
{
	cancel_delayed_work_sync(&job->cputime);
}

/* Calls that show CPU time, or that start something which depends on it: that is looked after from the next tick on. */
void az_cputime_before_call(struct az_twin *twin, u32 nr, const u64 *arg)
{
	switch (nr) {
	case __NR_clock_gettime:
		if (arg[0] == CLOCK_THREAD_CPUTIME_ID)
			return az_cputime_credit(twin);
		fallthrough;
	case __NR_getrusage:
	case __NR_times:
	case __NR_getitimer:
	case __NR_timer_gettime:
	case __NR_exit_group:
	case AZ_CALL_EXEC:
		return az_cputime_credit_all(twin->job);
	case __NR_setitimer:
	case __NR_timer_settime:
	case __NR_clock_nanosleep:
	case __NR_setrlimit:
	case __NR_prlimit64:
		az_cputime_credit_all(twin->job);
		mod_delayed_work(system_wq, &twin->job->cputime, 1);
	}
}
