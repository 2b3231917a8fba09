/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What system calls meet on the fake machine: a program memory of three pages, the second of which is made present by a fault only,
 * the third never; signals as a bit in thread->work; cycles that are nanoseconds. Included once per test program.
 */
#ifndef FAKE_USER_H
#define FAKE_USER_H

#include "unit.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"

#define MEMORY		0x200000ULL
#define ABSENT		(MEMORY + PAGE_SIZE)	/* present after a fault */
#define UNMAPPED	(MEMORY + 2 * PAGE_SIZE)

static u8 memory[2 * PAGE_SIZE] __aligned(4096);
static bool present;			/* a: the second page */

static u8 *user(uaddr_t addr, u64 len, bool fault)
{
	if (addr < MEMORY || addr > UNMAPPED || len > UNMAPPED - addr)
		return NULL;
	if (fault)
		__atomic_store_n(&present, true, __ATOMIC_SEQ_CST);
	if (addr + len > ABSENT && !__atomic_load_n(&present, __ATOMIC_SEQ_CST))
		return NULL;
	return memory + (addr - MEMORY);
}

static u32 *word(uaddr_t addr)
{
	return (u32 *)(memory + (addr - MEMORY));
}

long copy_from_user(void *dst, uaddr_t src, u64 len)
{
	u8 *p = user(src, len, true);

	if (!p)
		return -EFAULT;
	if (len == sizeof(u32))
		*(u32 *)dst = __atomic_load_n((u32 *)p, __ATOMIC_SEQ_CST);
	else
		memcpy(dst, p, len);
	return 0;
}

long copy_to_user(uaddr_t dst, const void *src, u64 len)
{
	u8 *p = user(dst, len, true);

	if (p)
		memcpy(p, src, len);
	return p ? 0 : -EFAULT;
}

static void (*on_load)(void);		/* what others do right after a word was read */

long user_load32(u32 *value, uaddr_t addr)
{
	u32 *p = (u32 *)user(addr, sizeof(*p), false);

	if (p)
		*value = __atomic_load_n(p, __ATOMIC_SEQ_CST);
	if (on_load)
		on_load();
	return p ? 0 : -EFAULT;
}

long user_cmpxchg32(uaddr_t addr, u32 *expected, u32 desired)
{
	u32 *p = (u32 *)user(addr, sizeof(*p), false);

	if (!p)
		return -EFAULT;
	return __atomic_compare_exchange_n(p, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ? 0 : -EAGAIN;
}

long aspace_fault(struct aspace *as, uaddr_t addr, u32 access, int *si_code)
{
	return user(addr, 1, true) ? 0 : -EFAULT;
}

bool thread_interrupted(struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_ACQUIRE) & (WORK_SIGNAL | WORK_KILL);
}

void thread_interrupt(struct thread *t, u32 work)
{
	__atomic_fetch_or(&t->work, work, __ATOMIC_ACQ_REL);
	thread_unpark(t);
}

u64 cycles_from_ns(u64 ns)
{
	return ns;
}

/* Writes a struct timespec or timeval. */
static inline void put_pair(uaddr_t to, s64 a, s64 b)
{
	s64 pair[2] = { a, b };

	copy_to_user(to, pair, sizeof(pair));
}

#endif
