/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading clocks and sleeping. Clocks come from the time page that Linux keeps; the twin is asked for all others, which are those of
 * CPU time (see sched/cputime.c) and of devices, and while Linux itself does not use the TSC.
 */
#include "cpu.h"
#include "deadline.h"
#include "errno.h"
#include "mm.h"
#include "syscall_proto.h"

#define TIMER_ABSTIME		1

struct user_timespec { u64 sec, nsec; };

static bool clock_is_coarse(int clock)
{
	return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
}

/* False if Linux must be asked. */
static bool clock_read(int clock, struct user_timespec *ts)
{
	return clock_now(clock, &ts->sec, &ts->nsec);
}

long sys_clock_gettime(struct frame *f, int clock, uaddr_t to)
{
	struct user_timespec ts;

	if (!clock_read(clock, &ts))
		return forward_call(228, f);
	return copy_to_user(to, &ts, sizeof(ts));
}

long sys_clock_getres(struct frame *f, int clock, uaddr_t to)
{
	struct user_timespec ts, one_ns = { 0, 1 };

	if (clock_is_coarse(clock) || !clock_read(clock, &ts))
		return forward_call(229, f);
	return to ? copy_to_user(to, &one_ns, sizeof(one_ns)) : 0;
}

long sys_gettimeofday(struct frame *f, uaddr_t tv, uaddr_t tz)
{
	const struct az_time *page = phys_to_virt(handover->time);
	s32 zone[2] = { page->tz_minuteswest, page->tz_dsttime };
	struct user_timespec now;

	if (!clock_now(CLOCK_REALTIME, &now.sec, &now.nsec))
		return forward_call(96, f);
	now.nsec /= 1000;
	if (tv && copy_to_user(tv, &now, sizeof(now)))
		return -EFAULT;
	return tz ? copy_to_user(tz, zone, sizeof(zone)) : 0;
}

long sys_time(struct frame *f, uaddr_t to)
{
	struct user_timespec now;

	if (!clock_now(CLOCK_REALTIME, &now.sec, &now.nsec))
		return forward_call(201, f);
	return to && copy_to_user(to, &now.sec, sizeof(now.sec)) ? -EFAULT : (long)now.sec;
}

/* ---- Sleeping ---- */

/* 0 when it is time, -EINTR if a signal or the end of the process comes first. */
static long sleep_until(const struct deadline *end)
{
	struct thread *t = current_thread();
	u64 cycles;

	while ((cycles = deadline_cycles(end))) {
		if (thread_interrupted(t))
			return -EINTR;
		thread_park(cycles);
	}
	return 0;
}

static long sleep_duration(struct deadline end, uaddr_t remaining);

static long restart_sleep(struct thread *t)
{
	return sleep_duration(t->restart.end, t->restart.addr);
}

/* A duration that a signal interrupts says what is left of it, and goes on to the same end if no handler runs. */
static long sleep_duration(struct deadline end, uaddr_t remaining)
{
	struct thread *t = current_thread();
	struct user_timespec ts;
	u64 left;

	if (!sleep_until(&end))
		return 0;
	if (remaining) {
		left = deadline_left(&end);
		if (!left)
			return 0;
		ts = (struct user_timespec){ left / NSEC_PER_SEC, left % NSEC_PER_SEC };
		if (copy_to_user(remaining, &ts, sizeof(ts)))
			return -EFAULT;
	}
	t->restart = (struct restart){ .run = restart_sleep, .end = end, .addr = remaining };
	thread_interrupt(t, WORK_RESTART);
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_to_time(struct deadline end)
{
	if (!sleep_until(&end))
		return 0;
	thread_interrupt(current_thread(), WORK_RESTART);
	return -ERESTARTNOHAND;
}

long sys_nanosleep(struct frame *f, uaddr_t duration, uaddr_t remaining)
{
	struct user_timespec now;
	u64 ns;
	long err = timespec_from_user(duration, &ns);

	if (err)
		return err;
	if (!clock_read(CLOCK_MONOTONIC, &now))
		return forward_call(35, f);
	return sleep_duration(deadline_after(CLOCK_MONOTONIC, ns), remaining);
}

static bool clock_can_sleep(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}

long sys_clock_nanosleep(struct frame *f, int clock, int flags, uaddr_t request, uaddr_t remaining)
{
	struct user_timespec now;
	u64 ns;
	long err;

	if (!clock_can_sleep(clock) || !clock_read(clock, &now))
		return forward_call(230, f);
	err = timespec_from_user(request, &ns);
	if (err)
		return err;
	if (flags & TIMER_ABSTIME)
		return sleep_to_time((struct deadline){ clock, ns });
	/* setting the wall clock does not change a duration */
	return sleep_duration(deadline_after(clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : clock, ns), remaining);
}

long sys_restart_syscall(struct frame *f)
{
	struct thread *t = current_thread();
	long ret;

	if (t->restart.run)
		return t->restart.run(t);
	ret = forward_call(219, f);
	return ret == -ERESTARTNOINTR ? -ERESTART_RESTARTBLOCK : ret;	/* a handler comes first, so there is nothing to go on with */
}
