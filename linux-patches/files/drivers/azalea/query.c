// SPDX-License-Identifier: GPL-2.0
/*
 * Questions to the LWK about a process: what it has mapped. An LWK CPU answers from an interrupt into a structure that both share, so
 * there is one question at a time; az_job_look() sees to that and keeps the process alive.
 *
 * A program that looks at itself is answered by the CPU where its thread waits for this very call: no computing CPU is disturbed.
 */
#include <linux/io.h>
#include <linux/slab.h>

#include "job.h"

static u32 answering_cpu(struct az_job *job)
{
	struct az_twin *twin = az_twin_current(job);
	u32 cpu = twin ? READ_ONCE(twin->slot->cpu) : job->cpu;

	return cpu < az.cpu_count ? cpu : job->cpu;
}

/* What is mapped from @from on, as much as fits; ERR_PTR if the LWK does not answer. Valid until the next question. */
static struct az_query *ask(struct az_job *job, u64 from)
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

int az_query_regions(struct az_job *job, az_query_each *each, void *arg)
{
	struct az_region *copy = kmalloc(sizeof(((struct az_query *)NULL)->region), GFP_KERNEL);
	struct az_query *query;
	u32 i, count = 0;
	bool more = true;
	u64 from = 0;
	int ret = copy ? 0 : -ENOMEM;

	do {
		query = ret ? ERR_PTR(ret) : ask(job, from);
		if (IS_ERR(query)) {
			ret = PTR_ERR(query);
			break;
		}
		count = query->count;
		memcpy(copy, query->region, count * sizeof(*copy));
		for (i = 0; i < count && more; i++)
			more = each(&copy[i], arg);
		from = count ? max(from + 1, copy[count - 1].end) : from;
	} while (count == AZ_QUERY_REGIONS && from < AZ_USER_END && more && !fatal_signal_pending(current));
	kfree(copy);
	return ret;
}
