/* SPDX-License-Identifier: GPL-2.0 */
/* The order in which memory is taken away from Linux. */
#include "one_space.h"

static void what_was_not_mirrored_costs_no_call(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB, RW, POPULATE);

	aspace_protect(as, a, MB, PROT_READ);
	aspace_advise(as, a, 3 * MB, MADV_DONTNEED);
	aspace_unmap(as, a, 4 * MB);
	assert_int_equal(fake.calls, 0);
}

static void mirrored_memory_is_zapped_first(void **state)
{
	uaddr_t a = map_anon(0, 4 * MB, RW, POPULATE);

	assert_true(fake_mirror(a));
	assert_int_equal(aspace_protect(as, a, 4 * MB, RW), 0);
	assert_int_equal(fake.zaps, 0);
	assert_int_equal(aspace_protect(as, a, 4 * MB, PROT_READ), 0);
	assert_int_equal(fake.zaps, 1);
	assert_int_equal(*pt_find(as->pgd, a, &(u64){ 0 }) & AZ_PTE_MIRRORED, 0);
	assert_true(pte_present(*pt_find(as->pgd, a, &(u64){ 0 })));
	assert_true(fake_mirror(a + 3 * PAGE_SIZE));
	assert_int_equal(aspace_advise(as, a + MB, PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(fake.zaps, 2);
	assert_int_equal(aspace_unmap(as, a, PAGE_SIZE), 0);
	assert_int_equal(fake.zaps, 3);
	assert_int_equal(aspace_unmap(as, a, 4 * MB), 0);
	assert_int_equal(fake.zaps, 4);
	assert_int_equal(fake.pins, 0);
}

static void pinned_frames_are_quarantined(void **state)
{
	uaddr_t a = map_anon(0, 2 * MB, RW, POPULATE);

	fake_mirror(a);
	fake.pin = true;
	assert_int_equal(aspace_unmap(as, a, 2 * MB), 0);
	assert_int_equal(fake.pins, 1);
	assert_int_equal(stats[0].quarantined, 512);
	assert_int_equal(used.resident, 0);
	frame_unpin(fake.pinned, fake.pin_order);
	assert_int_equal(stats[0].quarantined, 0);
}

/* mprotect keeps a frame that Linux uses; it must still not be reused before Linux is done. */
static void pinned_frames_that_stay(void **state)
{
	map_anon(P(0), PAGE_SIZE, RW, FIXED | POPULATE);
	fake_mirror(P(0));
	fake.pin = true;
	assert_int_equal(aspace_protect(as, P(0), PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(fake.pins, 1);
	assert_true(span_at(P(0)));
	assert_int_equal(aspace_unmap(as, P(0), PAGE_SIZE), 0);
	assert_int_equal(fake.zaps, 1);
	assert_int_equal(stats[0].quarantined, 1);
	frame_unpin(fake.pinned, fake.pin_order);
	assert_int_equal(stats[0].quarantined, 0);
}

static void pinned_at_the_end(void **state)
{
	u64 *entry, span;
	paddr_t p;

	map_anon(P(0), PAGE_SIZE, RW, FIXED | POPULATE);
	fake_mirror(P(0));
	entry = pt_find(as->pgd, P(0), &span);
	*entry |= AZ_PTE_PINNED;
	p = pte_frame(*entry);
	destroy();
	assert_int_equal(stats[0].quarantined, 1);
	frame_unpin(p, 0);
	assert_int_equal(stats[0].quarantined, 0);
	create(0);
}

static void fault_during_zap(void)
{
	/* another thread faults at the edge of what is zapped: neighbours are not disturbed */
	assert_int_equal(aspace_populate(as, P(1), PAGE_SIZE, true), 0);
	assert_int_equal(aspace_populate(as, P(0), PAGE_SIZE, true), -EFAULT);
}

static void faults_while_a_range_goes(void **state)
{
	map_anon(P(0), 2 * PAGE_SIZE, RW, FIXED | POPULATE);
	fake_mirror(P(0));
	aspace_advise(as, P(1), PAGE_SIZE, MADV_DONTNEED);
	assert_int_equal(aspace_unmap(as, P(1), PAGE_SIZE), 0);
	map_anon(P(1), PAGE_SIZE, PROT_READ | PROT_WRITE, FIXED);
	fake.during = fault_during_zap;
	/* P(0) is out of the tree already, so that fault does not wait */
	assert_int_equal(aspace_unmap(as, P(0), PAGE_SIZE), 0);
}

static void zap_ends(void)
{
	assert_int_equal(used.resident, 0);
	as->zap_start = as->zap_end = 0;
}

static void zap_begins(void)
{
	as->zap_start = P(0);
	as->zap_end = P(8);
	host_on_park = zap_ends;
}

/* A fault that began before a zap must not put pages into the range while Linux is at it. */
static void zap_begins_during_a_fault(void **state)
{
	map(P(0), 8 * PAGE_SIZE, PROT_READ, PRIVATE | FIXED, 3, 0);
	fake.during = zap_begins;
	assert_int_equal(fault(P(1), 0), 0);
	assert_null(host_on_park);
	assert_int_equal(used.resident, 8 * PAGE_SIZE);
}

/* Linux zaps only where the LWK maps. */
static void all_that_a_program_may_name(void **state)
{
	map_anon(P(0), PAGE_SIZE, RW, FIXED | POPULATE);
	fake_mirror(P(0));
	assert_int_equal(aspace_unmap(as, 0, 0x7ffffffff000), 0);
	assert_int_equal(fake.zaps, 1);
	assert_int_equal(used.resident + used.committed + as->region_count, 0);
}

static u64 entry_at(uaddr_t addr)
{
	return pte_load(pt_find(as->pgd, addr, &(u64){ 0 }));
}

/* The process ends while a zap is under way, and one that shares its memory goes on: what should go is out of reach but not lost. */
static void failed_zap(void **state)
{
	map_anon(P(0), 4 * PAGE_SIZE, RW, FIXED | POPULATE);
	fake_mirror(P(0));
	fake.fail = -EINTR;
	assert_int_equal(aspace_unmap(as, P(0), 4 * PAGE_SIZE), -EINTR);
	assert_int_equal(used.resident, 4 * PAGE_SIZE);
	assert_int_equal(fault(P(0), 0), -EFAULT * 10 - SEGV_ACCERR);
	fake.fail = -EINTR;
	assert_int_equal(map_anon(P(0), PAGE_SIZE, RW, FIXED), -EINTR);
	assert_int_equal(aspace_unmap(as, P(0), 4 * PAGE_SIZE), 0);
	assert_int_equal(used.resident + used.committed + as->region_count, 0);
}

/* As before, but the memory should not go: hidden, it would be there for faults and not there for the processor, for ever. */
static void failed_zap_of_what_stays(void **state)
{
	struct aspace *child;

	map_anon(P(0), 4 * PAGE_SIZE, RW, FIXED | POPULATE);
	fake_mirror(P(0));
	fake.fail = -EINTR;
	assert_int_equal(aspace_fork_begin(as, &child), -EINTR);
	assert_true(pte_writable(entry_at(P(0))) && pte_writable(entry_at(P(3))));
	fake.fail = -EINTR;
	assert_int_equal(aspace_advise(as, P(0), PAGE_SIZE, MADV_DONTNEED), -EINTR);
	assert_true(pte_present(entry_at(P(0))));
	fake.fail = -EINTR;
	assert_int_equal(aspace_protect(as, P(0), 4 * PAGE_SIZE, PROT_READ), -EINTR);
	assert_true(pte_present(entry_at(P(0))) && !pte_writable(entry_at(P(0))));
	assert_int_equal(aspace_unmap(as, P(0), 4 * PAGE_SIZE), 0);
	assert_int_equal(used.resident + used.committed + as->region_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_not_mirrored_costs_no_call), T(mirrored_memory_is_zapped_first), T(pinned_frames_are_quarantined),
		T(pinned_frames_that_stay), T(pinned_at_the_end), T(faults_while_a_range_goes), T(zap_begins_during_a_fault),
		T(all_that_a_program_may_name), T(failed_zap), T(failed_zap_of_what_stays),
	};

	return cmocka_run_group_tests_name("mirror", tests, setup_memory, NULL);
}
