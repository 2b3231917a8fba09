// SPDX-License-Identifier: GPL-2.0
/*
 * The time page: at every update of Linux's timekeeping its parameters are copied to struct az_time, so that programs on the LWK
 * compute the same nanosecond from the same TSC as Linux does. Runs under the timekeeper's lock with interrupts off.
 */
#include <linux/pvclock_gtod.h>
#include <linux/time.h>
#include <linux/timekeeper_internal.h>
#include <linux/clocksource.h>

#include "internal.h"

static struct az_time *page;

static void seq_begin(struct az_time *time)
{
	/* seq_begin, pairs with the reader's check of seq after it has read the rest */
	WRITE_ONCE(time->seq, time->seq + 1);
	smp_wmb();
}

static void seq_end(struct az_time *time)
{
	/* seq_end, pairs with the reader's first look at seq */
	smp_wmb();
	WRITE_ONCE(time->seq, time->seq + 1);
}

/* Leaves less than a second in @snsec. */
static void carry(u64 *sec, u64 *snsec, u32 shift)
{
	while (*snsec >= (u64)NSEC_PER_SEC << shift) {
		*snsec -= (u64)NSEC_PER_SEC << shift;
		(*sec)++;
	}
}

static int update(struct notifier_block *block, unsigned long was_set, void *data)
{
	const struct timekeeper *tk = data;
	const struct tk_read_base *mono = &tk->tkr_mono;
	struct az_time *time = page;

	seq_begin(time);
	time->mode = mono->clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
	time->cycle_last = mono->cycle_last;
	time->mult = mono->mult;
	time->shift = mono->shift;
	time->wall_sec = tk->xtime_sec;
	time->wall_snsec = mono->xtime_nsec;
	time->mono_sec = tk->xtime_sec + tk->wall_to_monotonic.tv_sec;
	time->mono_snsec = mono->xtime_nsec + ((u64)tk->wall_to_monotonic.tv_nsec << mono->shift);
	carry(&time->mono_sec, &time->mono_snsec, mono->shift);
	time->raw_sec = tk->raw_sec;
	time->raw_snsec = tk->tkr_raw.xtime_nsec;
	time->raw_mult = tk->tkr_raw.mult;
	time->raw_shift = tk->tkr_raw.shift;
	time->boot_offset_ns = ktime_to_ns(tk->offs_boot);
	time->tai_offset = tk->tai_offset;
	time->tz_minuteswest = sys_tz.tz_minuteswest;
	time->tz_dsttime = sys_tz.tz_dsttime;
	time->wall_coarse_nsec = time->wall_snsec >> mono->shift;
	time->mono_coarse_nsec = time->mono_snsec >> mono->shift;
	seq_end(time);
	return NOTIFY_OK;
}

static struct notifier_block timekeeping = { .notifier_call = update };

/* @time is zero. It is filled when this returns. */
void az_clock_start(struct az_time *time)
{
	page = time;
	pvclock_gtod_register_notifier(&timekeeping);
}

void az_clock_stop(void)
{
	pvclock_gtod_unregister_notifier(&timekeeping);
}
