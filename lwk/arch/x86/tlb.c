/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables loaded per CPU, and getting rid of stale translations on others. A request is a count: whoever changed entries raises
 * tlb_wanted of each CPU that has the address space loaded, interrupts it, and waits until tlb_done has caught up. A CPU serves
 * requests in the interrupt, and also wherever it waits in the kernel (arch_relax), so holders of locks may wait for others. One that
 * halts is not interrupted, nobody waits for it, and only the first request looks at it.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "mm.h"
#include "string.h"

static void flush_user(void)
{
	write_cr3(read_cr3());		/* kernel entries are global and stay */
}

void tlb_serve(void)
{
	struct cpu *cpu = this_cpu();
	/* tlb_serve:A, pairs with serve_on:A: entries changed before the request are seen after it */
	u32 wanted = __atomic_load_n(&cpu->tlb_wanted, __ATOMIC_ACQUIRE);

	if (wanted == cpu->tlb_done)
		return;
	flush_user();
	__atomic_store_n(&cpu->tlb_done, wanted, __ATOMIC_RELEASE);
}

void arch_relax(void)
{
	asm volatile("pause" : : : "memory");
	tlb_serve();
}

void cpu_load_aspace(struct aspace *as)
{
	struct cpu *cpu = this_cpu();
	struct aspace *old = cpu->aspace;

	if (old == as)
		return;
	if (as)
		aspace_set_active(as, cpu->index, true);	/* before the load: flushes from now on reach us */
	cpu->aspace = as;
	write_cr3(as ? aspace_pgd(as) : handover->pgd);
	if (old)
		aspace_set_active(old, cpu->index, false);
}

static void flush_local(struct aspace *as, uaddr_t start, uaddr_t end)
{
	if (this_cpu()->aspace != as)
		return;
	if (end - start > 32 * PAGE_SIZE) {
		flush_user();
		return;
	}
	for (; start < end; start += PAGE_SIZE)
		asm volatile("invlpg (%0)" : : "r"(start) : "memory");
}

/*
 * A CPU that halts need not be woken: it looks for requests before anything touches a program's memory again, and until then the old
 * translations that it may have are of no use. Page-table pages outlive them all.
 *
 *	tlb_rest_begin		serve_on		tlb_rest_end
 *	RESTING			wanted++		AWAKE
 *	halt			RESTING? done		wanted? flush
 *				else kick, wait
 *
 * Whoever flushes an address space takes a resting CPU out of the set of those that have it loaded, so that the next ones need not look at
 * it: a program may have many threads that sleep. It comes back before it uses the memory.
 *
 *	left_alone		tlb_rest_end
 *	RESTING -> LEAVING	LEAVING? wait
 *	out of the set		LEFT? into the set, AWAKE
 *	LEFT			LEFT or wanted? flush
 */
enum tlb_rest { AWAKE, RESTING, LEAVING, LEFT };

void tlb_rest_begin(void)
{
	/* tlb_rest_begin:A, full barrier: what used old entries is over; pairs with serve_on:B */
	__atomic_store_n(&this_cpu()->tlb_rest, RESTING, __ATOMIC_SEQ_CST);
}

void tlb_rest_end(void)
{
	struct cpu *cpu = this_cpu();
	u32 rest = RESTING;
	bool left = false;

	/* tlb_rest_end:A, pairs with serve_on:B: it has waited, or we see its request now */
	while (!__atomic_compare_exchange_n(&cpu->tlb_rest, &rest, AWAKE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (rest == LEAVING) {		/* soon it will have LEFT, which must be seen */
			arch_relax();
			rest = RESTING;
			continue;
		}
		left = true;
		if (cpu->aspace)
			aspace_set_active(cpu->aspace, cpu->index, true);
	}
	if (left)			/* there were more requests than we were told of */
		flush_user();
	tlb_serve();
}

/*
 * Whether @cpu, which has been asked, rests, so that nobody need wait for it. @as: which it had loaded just before the request; if it has
 * another one by now, or none, it is woken once in vain.
 */
static bool left_alone(struct cpu *cpu, struct aspace *as)
{
	u32 rest = RESTING;

	/* serve_on:B, pairs with tlb_rest_begin:A and tlb_rest_end:A */
	if (!as)
		return __atomic_load_n(&cpu->tlb_rest, __ATOMIC_SEQ_CST) != AWAKE;
	if (!__atomic_compare_exchange_n(&cpu->tlb_rest, &rest, LEAVING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	aspace_set_active(as, cpu->index, false);
	__atomic_store_n(&cpu->tlb_rest, LEFT, __ATOMIC_SEQ_CST);
	return true;
}

/* Every CPU of the set but this one serves a request that is made now, unless it rests. @as: whose entries have changed; NULL: none. */
static void serve_on(u64 *cpus, struct aspace *as)
{
	u32 self = arch_cpu(), i;

	cpus[self / 64] &= ~(1ULL << (self % 64));
	for_each_cpu(i, cpus) {
		/* serve_on:A, pairs with tlb_serve:A; full barrier: the entries are written before the request */
		__atomic_fetch_add(&boot_cpus[i]->tlb_wanted, 1, __ATOMIC_SEQ_CST);
		if (left_alone(boot_cpus[i], as))
			cpus[i / 64] &= ~(1ULL << (i % 64));
		else
			cpu_kick(i);
	}
	for_each_cpu(i, cpus) {
		struct cpu *cpu = boot_cpus[i];
		u32 wanted = __atomic_load_n(&cpu->tlb_wanted, __ATOMIC_RELAXED);

		while ((s32)(__atomic_load_n(&cpu->tlb_done, __ATOMIC_ACQUIRE) - wanted) < 0)
			arch_relax();
	}
}

void arch_tlb_flush(struct aspace *as, uaddr_t start, uaddr_t end)
{
	u64 cpus[CPU_WORDS] = { 0 };

	flush_local(as, start, end);
	/* arch_tlb_flush:B, pairs with aspace_set_active:A */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	aspace_active(as, cpus, (boot_cpu_count + 63) / 64);
	serve_on(cpus, as);
}

void arch_barrier(const u64 *cpus)
{
	u64 others[CPU_WORDS];

	memcpy(others, cpus, sizeof(others));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	serve_on(others, NULL);
}
