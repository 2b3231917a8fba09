/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux's clocks from the time page (struct az_time): the one reader, for the LWK and for programs, whose vDSO is compiled from it.
 * The coarse clocks read the same as the fine ones: an idle Linux has no tick, so its last one may be long ago.
 */
#ifndef LWK_TIMEPAGE_H
#define LWK_TIMEPAGE_H

#include "azalea.h"
#include "deadline.h"
#include "types.h"

struct time_value {
	u64 sec, nsec;
};

/* How to get from the cycle counter to a clock. */
struct time_base {
	u64 sec, snsec, offset_ns;
	u32 mult, shift;
};

/* False for clocks that need Linux: those of CPU time, alarms and devices. */
static inline bool timepage_base(const struct az_time *p, u32 clock, struct time_base *b)
{
	*b = (struct time_base){ p->mono_sec, p->mono_snsec, 0, p->mult, p->shift };
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		b->sec = p->wall_sec;
		b->snsec = p->wall_snsec;
		return true;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
		return true;
	case CLOCK_MONOTONIC_RAW:
		*b = (struct time_base){ p->raw_sec, p->raw_snsec, 0, p->raw_mult, p->raw_shift };
		return true;
	case CLOCK_BOOTTIME:
		b->offset_ns = p->boot_offset_ns;
		return true;
	case CLOCK_TAI:
		b->sec = p->wall_sec + p->tai_offset;
		b->snsec = p->wall_snsec;
		return true;
	}
	return false;
}

/* Waits until nobody writes the page; the value to give to timepage_changed(). */
static inline u32 timepage_begin(const struct az_time *page)
{
	u32 seq;

	/* timepage_begin:A, pairs with the driver's writes of seq around an update */
	while ((seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE)) & 1)
		__builtin_ia32_pause();
	return seq;
}

static inline bool timepage_changed(const struct az_time *page, u32 seq)
{
	/* timepage_changed:A, the reads before it were of one update if seq is still the same */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&page->seq, __ATOMIC_RELAXED) != seq;
}

/* Reads @clock with the cycle counter @cycles; false if Linux must be asked. */
static inline __attribute__((always_inline)) bool timepage_read(const struct az_time *page, u32 clock, u64 (*cycles)(void),
	struct time_value *value)
{
	struct time_base b;
	u64 now, last, ns;
	bool known;
	u32 seq;

	do {
		seq = timepage_begin(page);
		known = page->mode == 1 && timepage_base(page, clock, &b);
		last = page->cycle_last;
		now = known ? cycles() : 0;
	} while (timepage_changed(page, seq));
	if (!known)
		return false;
	now = now < last ? last : now;
	ns = (((unsigned __int128)(now - last) * b.mult + b.snsec) >> b.shift) + b.offset_ns;
	value->sec = b.sec + ns / NSEC_PER_SEC;
	value->nsec = ns % NSEC_PER_SEC;
	return true;
}

#endif
