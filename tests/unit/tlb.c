/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flushes beside CPUs that halt and wake all the time: whoever is awake never goes by a translation that a flush has ended. The page tables are
 * a number, which a CPU reads anew when it flushes its TLB.
 */
#include "unit.h"
#include "cpu.h"
#include "arch/x86/x86.h"

#define ROUNDS		20000u
#define MANY_PAGES	(64 * PAGE_SIZE)

static struct cpu cpus[THREADS];
struct cpu *boot_cpus[AZ_CPUS_MAX];
u32 boot_cpu_count = THREADS;
static struct az_handover no_handover;
struct az_handover *handover = &no_handover;
static struct aspace *const as = (struct aspace *)&no_handover;		/* compared only */
static u64 active;			/* a: CPUs that have it loaded */
static u32 tables, flushed, wrong;	/* a */
static _Thread_local u32 cached;	/* what the TLB has of the tables */

void aspace_set_active(struct aspace *a, u32 cpu, bool on)
{
	if (on)
		__atomic_fetch_or(&active, 1ULL << cpu, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&active, ~(1ULL << cpu), __ATOMIC_SEQ_CST);
}

void aspace_active(const struct aspace *a, u64 *set, u32 words)
{
	set[0] = __atomic_load_n(&active, __ATOMIC_SEQ_CST);
}

paddr_t aspace_pgd(struct aspace *a)
{
	return 0;
}

void cpu_kick(u32 cpu)			/* they look by themselves */
{
}

static void flush(void)
{
	cached = __atomic_load_n(&tables, __ATOMIC_SEQ_CST);
}

#define this_cpu()		(&cpus[host_cpu])
#define read_cr3()		0
#define write_cr3(v)		((void)(v), flush())
#define arch_relax		tlb_relax
#define arch_tlb_flush		tlb_flush
#define arch_barrier		tlb_barrier
void tlb_relax(void);
#include "arch/x86/tlb.c"

static void change_tables(void)
{
	for (u32 i = 1; i <= ROUNDS; i++) {
		__atomic_store_n(&tables, i, __ATOMIC_SEQ_CST);
		tlb_flush(as, 0, MANY_PAGES);
		__atomic_store_n(&flushed, i, __ATOMIC_SEQ_CST);
	}
}

static void use_memory(void)
{
	if (cached < __atomic_load_n(&flushed, __ATOMIC_SEQ_CST))
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	u32 seed = host_cpu;

	if (host_cpu == 0) {
		change_tables();
		return NULL;
	}
	while (__atomic_load_n(&flushed, __ATOMIC_SEQ_CST) < ROUNDS) {
		for (u32 n = next_random(&seed) % 4; n; n--) {
			use_memory();
			tlb_serve();
		}
		tlb_rest_begin();
		for (u32 n = next_random(&seed) % 8; n; n--)
			asm volatile("pause");
		tlb_rest_end();
	}
	return NULL;
}

static void nobody_awake_is_left_out(void **state)
{
	for (u32 i = 0; i < THREADS; i++) {
		boot_cpus[i] = &cpus[i];
		cpus[i].index = i;
		cpus[i].aspace = i ? as : NULL;
		aspace_set_active(as, i, i != 0);
	}
	run_threads(run);
	assert_int_equal(wrong, 0);
	assert_int_equal(active, (1u << THREADS) - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nobody_awake_is_left_out) };

	return cmocka_run_group_tests_name("tlb", tests, NULL, NULL);
}
