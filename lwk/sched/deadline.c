/* SPDX-License-Identifier: GPL-2.0 */
/* Points in time on Linux's clocks; see deadline.h. */
#include "cpu.h"
#include "deadline.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "timepage.h"

#define SLEEP_MAX	(1ULL << 55)	/* ns; about a year, keeps cycle counts within 64 bits */
#define NR_TIME		201

long timespec_from_user(uaddr_t from, u64 *ns)
{
	struct { s64 sec; u64 nsec; } ts;

	if (copy_from_user(&ts, from, sizeof(ts)))
		return -EFAULT;
	if (ts.sec < 0 || ts.nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = ts.sec >= (s64)(DEADLINE_MAX / NSEC_PER_SEC) ? DEADLINE_MAX : ts.sec * NSEC_PER_SEC + ts.nsec;
	return 0;
}

/* What @clock read at Linux's last tick. */
static u64 stamp(const struct az_time *page, u32 clock)
{
	u64 mono, wall, boot, tai;
	u32 seq;

	do {
		seq = timepage_begin(page);
		wall = page->wall_sec * NSEC_PER_SEC + page->wall_coarse_nsec;
		mono = page->mono_sec * NSEC_PER_SEC + page->mono_coarse_nsec;
		boot = page->boot_offset_ns;
		tai = page->tai_offset * NSEC_PER_SEC;
	} while (timepage_changed(page, seq));
	switch (clock) {
	case CLOCK_REALTIME:
		return wall;
	case CLOCK_TAI:
		return wall + tai;
	case CLOCK_BOOTTIME:
		return mono + boot;
	default:
		return mono;
	}
}

static u64 now_ns(u32 clock)
{
	u64 sec, nsec;

	if (clock_now(clock, &sec, &nsec))
		return sec * NSEC_PER_SEC + nsec;
	/* Any call brings an idle Linux CPU back to its tick. The stamp is behind the clock, so nobody wakes too early. */
	FORWARD(NR_TIME, 0);
	return stamp(phys_to_virt(handover->time), clock);
}

struct deadline deadline_after(u32 clock, u64 duration)
{
	u64 now = now_ns(clock);

	return (struct deadline){ clock, duration > DEADLINE_MAX - now ? DEADLINE_MAX : now + duration };
}

u64 deadline_left(const struct deadline *d)
{
	u64 now = now_ns(d->clock);

	return now < d->ns ? d->ns - now : 0;
}

u64 deadline_cycles(const struct deadline *d)
{
	u64 left = deadline_left(d);

	return left ? arch_cycles() + cycles_from_ns(min(left, SLEEP_MAX)) + 1 : 0;
}
