// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a program whose proxy is killed, or exits as a whole. Linux is about to release what the proxy's threads hold in memory that
 * others share: robust locks, whose list each thread has shown to Linux, and locks with priority inheritance. Whoever gets such a lock
 * may rely on it that the old owner does nothing any more, so the program's threads are stopped first.
 *
 * A thread that ends alone has released its locks in the LWK, and its twin is none any more when it comes here.
 */
#include <linux/azalea.h>
#include <linux/sched/signal.h>

#include "job.h"

static bool in_program(u64 addr)
{
	return addr >= AZ_USER_START && addr < AZ_USER_END;
}

void azalea_exit(void)
{
	struct az_twin *twin = az_twin_of(current);
	u64 list;

	if (!twin || !(current->signal->flags & SIGNAL_GROUP_EXIT))
		return;
	az_job_halt(twin->job);
	az_peak_credit(twin->job);
	/* nobody waits for a call of this twin: what it now reads of the program's memory must be there or is not read (mirror.c) */
	WRITE_ONCE(twin->slot->state, AZ_SLOT_IDLE);
	list = READ_ONCE(twin->slot->robust_list);
	if (in_program(list))
		current->robust_list = (struct robust_list_head __user *)list;
}
