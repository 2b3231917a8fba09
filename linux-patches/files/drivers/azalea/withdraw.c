// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of files that are truncated, punched or invalidated. Linux takes them out of page tables, also of the proxy's; an LWK that has them
 * on loan (foreign.c) must let go of them too, or the program goes on with what is no longer the file's. Whoever truncates waits
 * for that, so when the call returns nobody sees the old pages.
 *
 *   1 Linux's entries are gone: nobody can get the old pages by them any more
 *   2 mark the pins of the range: they are leaving
 *   3 ask the LWK to drop the range, and wait; it throws away answers that were under way
 *   4 unpin what is marked: later, by a worker, because dirty pages are locked for that
 *
 * A twin may have got an old page before 1 and store its pin after 2. Its answer is one of those that are thrown away, so the LWK has
 * no entry, and whoever finds that pin in the way of a new page does 2 to 4 for it (az_withdraw_stale()).
 *
 * Whoever truncates holds locks, i_mmap_rwsem and maybe one of a page. All that is waited for here is an LWK CPU's interrupt handler, which
 * waits for nobody on Linux; and nothing is allocated.
 */
#include <linux/mm.h>
#include <linux/workqueue.h>

#include <linux/azalea.h>

#include "job.h"

#define LEAVING		XA_MARK_0	/* of pins */
#define BATCH		32

/*
 * One question at a time. While it is held no job leaves its space (az_withdraw_forget()), hence neither goes. Innermost of all that
 * sleep.
 */
static DEFINE_MUTEX(withdraw_lock);

#define for_each_job(job, mm) \
	for ((job) = az_job_of_mm(mm, 0); (job); (job) = az_job_of_mm(mm, (job)->proc + 1))

/* Marks the pins of a range. True if there are any, or if a twin may be about to make some. */
static bool pins_mark(struct az_space *space, u64 start, u64 end)
{
	unsigned long index;
	struct page *page;
	bool any;

	/* pins_mark:A, pairs with az_withdraw_lend:A: a twin that we do not see finds the entry gone */
	smp_mb();
	any = atomic_read_acquire(&space->lending);
	xa_for_each_range(&space->pins, index, page, az_pin_index(start, false), az_pin_index(end - 1, true)) {
		xa_set_mark(&space->pins, index, LEAVING);
		any = true;
		cond_resched();
	}
	return any;
}

static void withdraw(struct mm_struct *mm, u64 start, u64 end)
{
	bool any = false;
	struct az_job *job;

	mutex_lock(&withdraw_lock);
	for_each_job(job, mm)
		any |= pins_mark(job->space, start, end);
	if (any) {
		for_each_job(job, mm)
			az_query_withdraw(job, start, end);
		for_each_job(job, mm)
			schedule_work(&job->space->leave);
	}
	mutex_unlock(&withdraw_lock);
}

void azalea_zapped(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	if (azalea_limits(vma->vm_mm) && !azalea_is_mirror(vma) && start < AZ_USER_END)
		withdraw(vma->vm_mm, start, end);
}

/* ---- Unpinning ------------------------------------------------------------------------------------------------- */

/* Takes a pin that was marked; NULL if the mapping went meanwhile, even if there is a new one with a pin that is not leaving. */
static struct page *take_marked(struct az_space *space, unsigned long index)
{
	struct page *page;

	xa_lock(&space->pins);
	page = xa_get_mark(&space->pins, index, LEAVING) ? __xa_erase(&space->pins, index) : NULL;
	xa_unlock(&space->pins);
	return page;
}

/* Takes up to BATCH pins that are marked, of pages that the LWK has dropped; how many. */
static int leaving_take(struct az_space *space, struct page **pages, unsigned long *indices)
{
	unsigned long index;
	struct page *page;
	int count = 0;

	mutex_lock(&withdraw_lock);
	xa_for_each_marked(&space->pins, index, page, LEAVING) {
		pages[count] = take_marked(space, index);
		indices[count] = index;
		count += pages[count] != NULL;
		if (count == BATCH)
			break;
	}
	mutex_unlock(&withdraw_lock);
	return count;
}

static void leaving_unpin(struct az_space *space)
{
	struct page *pages[BATCH];
	unsigned long indices[BATCH];
	int i, count;

	do {
		count = leaving_take(space, pages, indices);
		for (i = 0; i < count; i++)
			az_unpin(pages[i], indices[i] & 1);
		cond_resched();
	} while (count == BATCH);
}

static void leave_work(struct work_struct *work)
{
	leaving_unpin(container_of(work, struct az_space, leave));
}

bool az_withdraw_is_stale(struct az_space *space, unsigned long index, struct page *there, struct page *page)
{
	return there && (there != page || xa_get_mark(&space->pins, index, LEAVING));
}

void az_withdraw_stale(struct az_space *space, u64 addr)
{
	withdraw(current->mm, addr & PAGE_MASK, (addr & PAGE_MASK) + PAGE_SIZE);
	leaving_unpin(space);
}

/* ---- The others' part ------------------------------------------------------------------------------------------ */

void az_withdraw_lend(struct az_space *space)
{
	atomic_inc(&space->lending);
	/* az_withdraw_lend:A, pairs with pins_mark:A */
	smp_mb__after_atomic();
}

void az_withdraw_lent(struct az_space *space)
{
	atomic_dec_return_release(&space->lending);
}

void az_withdraw_init(struct az_space *space)
{
	INIT_WORK(&space->leave, leave_work);
}

void az_withdraw_forget(struct az_job *job)
{
	mutex_lock(&withdraw_lock);
	WRITE_ONCE(job->space, NULL);
	mutex_unlock(&withdraw_lock);
}
