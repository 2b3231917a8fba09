// SPDX-License-Identifier: GPL-2.0
/*
 * Questions to the LWK about a process: what it has mapped. An LWK CPU answers from an interrupt into a structure that both share, so
 * there is one question at a time; az_job_look() sees to that and keeps the process alive.
 *
 * A program that looks at itself is answered by the CPU where its thread waits for this very call: no computing CPU is disturbed.
 */
#include <linux/io.h>

#include "job.h"

static u32 answering_cpu(struct az_job *job)
{
	struct az_twin *twin = az_twin_current(job);
	u32 cpu = twin ? READ_ONCE(twin->slot->cpu) : job->cpu;

	return cpu < az.cpu_count ? cpu : job->cpu;
}

struct az_query *az_query(struct az_job *job, u64 from)
{
	struct az_query *query = phys_to_virt(az.handover->query);
	u32 number = query->asked + 1;

	query->from = from;
	WRITE_ONCE(query->asked, number);
	if (!az_event_to_lwk(answering_cpu(job), AZ_EVENT(AZ_EV_QUERY, job->proc)))
		return ERR_PTR(-EIO);
	/* pairs with the LWK's release in proc_query() */
	wait_event(az_job_wait, smp_load_acquire(&query->answered) == number || !az_lwk_running());
	if (READ_ONCE(query->answered) != number)
		return ERR_PTR(-EIO);
	return query->count <= AZ_QUERY_REGIONS ? query : ERR_PTR(-EIO);
}
