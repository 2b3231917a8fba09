// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of the LWK about a process: what it has mapped, to make a page present that somebody else wants to see, and to drop pages
 * that Linux takes back. An LWK CPU answers from an interrupt into structures that both share, so there is one question of each kind at a
 * time. For mappings az_job_look() sees to that and keeps the process alive; who wants a page holds mmap_lock, hence the mapping of the
 * mirror and with it the job; for dropping pages see withdraw.c.
 *
 * A program that looks at itself is answered by the CPU where its thread waits for this very call, all others by one that idles, of the same
 * program or of any. Only if no CPU of the LWK idles, a computing one is disturbed.
 */
#include <linux/io.h>
#include <linux/slab.h>

#include "job.h"

static DEFINE_MUTEX(page_lock);		/* one question for a page at a time */

static u32 answering_cpu(struct az_job *job)
{
	struct az_twin *twin = az_twin_current(job);
	u32 cpu = twin ? READ_ONCE(twin->slot->cpu) : az_idle_cpu((unsigned long *)az_job_proc(job)->cpus);

	if (!twin && cpu == az.cpu_count)
		cpu = az_idle_cpu(NULL);
	return cpu < az.cpu_count ? cpu : job->cpu;
}

/* Sends @event and waits until the answer has the question's number. -EIO if the LWK does not answer. */
static int ask(struct az_job *job, u32 event, u32 *asked, u32 *answered)
{
	u32 number = *asked + 1;

	WRITE_ONCE(*asked, number);
	if (!az_event_to_lwk(answering_cpu(job), AZ_EVENT(event, job->proc)))
		return -EIO;
	/* pairs with the LWK's release in proc_query(), proc_page() and proc_withdraw() */
	wait_event(az_job_wait, smp_load_acquire(answered) == number || !az_lwk_running());
	return READ_ONCE(*answered) == number ? 0 : -EIO;
}

/* ---- Mappings -------------------------------------------------------------------------------------------------- */

/* What is mapped from @from on, as much as fits; ERR_PTR if the LWK does not answer. Valid until the next question. */
static struct az_query *ask_regions(struct az_job *job, u64 from)
{
	struct az_query *query = phys_to_virt(az.handover->query);
	int ret;

	query->from = from;
	ret = ask(job, AZ_EV_QUERY, &query->asked, &query->answered);
	if (!ret && query->count > AZ_QUERY_REGIONS)
		ret = -EIO;
	return ret ? ERR_PTR(ret) : query;
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
		query = ret ? ERR_PTR(ret) : ask_regions(job, from);
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

/* ---- Pages ----------------------------------------------------------------------------------------------------- */

static int ask_page(struct az_job *job, struct az_page_query *query)
{
	int ret = ask(job, AZ_EV_PAGE, &query->asked, &query->answered);

	return ret ?: query->ret;
}

/* The LWK has given a frame for a page of a file. Whoever wants the page may be writing to that very file. */
static int page_read(struct az_job *job, struct az_page_query *query)
{
	const u64 arg[] = { query->handle, query->offset, query->frame, PAGE_SIZE };
	long ret = az_file_read_inside(job, arg);

	query->filled = ret > 0;
	if (query->filled)
		memset(phys_to_virt(query->frame) + ret, 0, PAGE_SIZE - ret);
	return ask_page(job, query);
}

int az_query_page(struct az_job *job, u64 addr, bool write)
{
	struct az_page_query *query = phys_to_virt(az.handover->page_query);
	int ret;

	mutex_lock(&page_lock);
	query->addr = addr;
	query->write = write;
	query->frame = 0;
	ret = ask_page(job, query);
	if (ret == AZ_PAGE_READ)
		ret = page_read(job, query);
	mutex_unlock(&page_lock);
	return ret;
}

/* ---- Pages that Linux takes back ------------------------------------------------------------------------------- */

void az_query_withdraw(struct az_job *job, u64 start, u64 end)
{
	struct az_withdraw *range = phys_to_virt(az.handover->withdraw);

	range->start = start;
	range->end = end;
	ask(job, AZ_EV_WITHDRAW, &range->asked, &range->answered);
}
