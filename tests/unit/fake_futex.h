/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads of one process that wait for words of the fake program: included after the files of sched/ under test, once per test program.
 */
#ifndef FAKE_FUTEX_H
#define FAKE_FUTEX_H

#define WORD		(MEMORY + 64)		/* words that the tests use */
#define WORD2		(MEMORY + 128)
#define TIMESPEC	(MEMORY + 256)
#define LIST		(MEMORY + 512)
#define PRIVATE		FUTEX_PRIVATE
#define WAITERS		4
#define MS		1000000ULL
#define WALL_AHEAD	3600			/* seconds that the wall clock is ahead of the monotonic one */

static struct proc proc;
static struct thread threads[WAITERS + 1];
static struct az_slot slots[WAITERS + 1];
static struct az_handover no_handover;
struct az_handover *handover = &no_handover;

/* ---- What the rest of the LWK would do ---- */

static bool linux_clock;		/* Linux's clock is not the TSC: it stands still here, at 0 */
static void (*on_forward)(void);	/* what others do while a call is at Linux */

bool clock_now(u32 clock, u64 *sec, u64 *nsec)
{
	u64 now = arch_cycles();

	if (linux_clock)
		return false;
	*sec = now / NSEC_PER_SEC + (clock == CLOCK_REALTIME ? WALL_AHEAD : 0);
	*nsec = now % NSEC_PER_SEC;
	return true;
}

static bool linux_backed;		/* the second page */
static u64 forwarded;			/* number of the last call that went to Linux */
static uaddr_t forwarded_addr;

bool aspace_is_linux(struct aspace *as, uaddr_t addr)
{
	return linux_backed && addr >= ABSENT && addr < UNMAPPED;
}

long forward(u32 nr, const u64 arg[6])
{
	forwarded = nr;
	forwarded_addr = arg[0];
	if (on_forward)
		on_forward();
	return -ENOSYS;
}

long forward_call(u64 nr, struct frame *f)
{
	forwarded = nr;
	return -ESRCH;
}

/* ---- Helpers ---- */

static int setup(void **state)
{
	memset(memory, 0, sizeof(memory));
	memset(threads, 0, sizeof(threads));
	present = linux_backed = linux_clock = false;
	on_forward = NULL;
	no_handover.time = HOST_PHYS_START;
	forwarded = 0;
	proc.aspace = (struct aspace *)&proc;
	list_init(&proc.threads);
	for (u32 i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i].proc = &proc;
		threads[i].slot = &slots[i];
		threads[i].tid = 100 + i;
		threads[i].futex.thread = &threads[i];
		list_init(&threads[i].futex.link);
		list_add_tail(&threads[i].sibling, &proc.threads);
	}
	host_thread = &threads[WAITERS];
	return 0;
}

static int nobody_waits(void **state)
{
	for (u32 i = 0; i < FUTEX_BUCKETS; i++)
		if (spin_is_locked(&futex_buckets[i].lock) || futex_buckets[i].count ||
		    (futex_buckets[i].waiters.next && !list_empty(&futex_buckets[i].waiters)))
			return -1;
	return 0;
}

static u32 waiters_of(uaddr_t addr)
{
	struct futex_bucket *b = futex_bucket_of(proc.aspace, addr);
	struct list *at;
	u32 n = 0;

	futex_lock(b);
	list_for_each(at, &b->waiters)
		n += list_entry(at, struct futex_waiter, link)->addr == addr;
	spin_unlock(&b->lock);
	return n;
}

static void until_waiting(uaddr_t addr, u32 n)
{
	while (waiters_of(addr) != n)
		sched_yield();
}

static void set_timespec(s64 sec, s64 nsec)
{
	put_pair(TIMESPEC, sec, nsec);
}

#endif
