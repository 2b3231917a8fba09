/* SPDX-License-Identifier: GPL-2.0 */
/* What is behind mappings: files that are read at a fault, and memory that is Linux's. */
#include "one_space.h"

static void private_file(void **state)
{
	uaddr_t a = map(0, 4 * LARGE_SIZE, PROT_READ, PRIVATE, 3, 0);
	u64 last = ALIGN_DOWN(FILE_SIZE, PAGE_SIZE);

	assert_int_equal(fault(a + 123456, FAULT_NOWAIT), 0);	/* a read is what can be forwarded even then */
	assert_int_equal(fake.reads, 1);
	for (u64 i = 0; i < LARGE_SIZE - a % LARGE_SIZE; i += 999)
		assert_int_equal(*at(a + i), fake_file_byte(i));
	assert_int_equal(used.committed, used.resident);
	assert_int_equal(fault(a + last, 0), 0);
	assert_int_equal(*at(a + FILE_SIZE - 1), fake_file_byte(FILE_SIZE - 1));
	assert_int_equal(*at(a + FILE_SIZE), 0);
	assert_int_equal(*at(a + last + PAGE_SIZE - 1), 0);
	assert_int_equal(fault(a + last + PAGE_SIZE, 0), -EIO);
	assert_int_equal(fault(a + last, FAULT_WRITE), ACCERR);
	assert_int_equal(aspace_unmap(as, a, 4 * LARGE_SIZE), 0);
	assert_int_equal(fake.opened, 1);
	assert_int_equal(fake.closed, 1);
	assert_int_equal(used.committed, 0);
}

static void private_file_large_page(void **state)
{
	uaddr_t a = map(8 * LARGE_SIZE, 2 * LARGE_SIZE, PROT_READ | PROT_EXEC, PRIVATE | FIXED, 3, PAGE_SIZE);

	assert_int_equal(fault(a, FAULT_EXEC), 0);
	assert_int_equal(span_at(a), LARGE_SIZE);
	assert_int_equal(*at(a + 4097), fake_file_byte(PAGE_SIZE + 4097));
}

/* The loader's way: one mapping for all, then parts of it again with other rights. */
static void parts_of_a_file(void **state)
{
	uaddr_t a = map(0, 64 * PAGE_SIZE, PROT_READ, PRIVATE, 3, 0);

	assert_int_equal(map(a + 16 * PAGE_SIZE, 16 * PAGE_SIZE, PROT_READ | PROT_EXEC, PRIVATE | FIXED, 3, 16 * PAGE_SIZE),
			 a + 16 * PAGE_SIZE);
	assert_int_equal(map(a + 32 * PAGE_SIZE, 8 * PAGE_SIZE, RW, PRIVATE | FIXED, 3, 31 * PAGE_SIZE), a + 32 * PAGE_SIZE);
	assert_int_equal(map_anon(a + 40 * PAGE_SIZE, 24 * PAGE_SIZE, RW, FIXED), a + 40 * PAGE_SIZE);
	assert_int_equal(fault(a + 20 * PAGE_SIZE, FAULT_EXEC), 0);
	assert_int_equal(*at(a + 20 * PAGE_SIZE + 1), fake_file_byte(20 * PAGE_SIZE + 1));
	assert_int_equal(fault(a + 33 * PAGE_SIZE, FAULT_WRITE), 0);
	assert_int_equal(*at(a + 33 * PAGE_SIZE + 2), fake_file_byte(32 * PAGE_SIZE + 2));
	*at(a + 33 * PAGE_SIZE) = 200;
	assert_int_equal(aspace_protect(as, a + 32 * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ), 0);
	aspace_check(as);
	assert_int_equal(*at(a + 33 * PAGE_SIZE), 200);
	assert_int_equal(aspace_advise(as, a + 33 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(fault(a + 33 * PAGE_SIZE, 0), 0);
	assert_int_equal(*at(a + 33 * PAGE_SIZE), fake_file_byte(32 * PAGE_SIZE));
	assert_int_equal(fake.opened, 3);
	assert_int_equal(aspace_unmap(as, a, 64 * PAGE_SIZE), 0);
	assert_int_equal(fake.closed, 3);
}

static void unmap_during_read(void)
{
	aspace_unmap(as, P(0), 8 * PAGE_SIZE);
}

static void replace_during_read(void)
{
	map_anon(P(0), 8 * PAGE_SIZE, RW, FIXED);
}

static void world_changes_during_a_read(void **state)
{
	map(P(0), 8 * PAGE_SIZE, PROT_READ, PRIVATE | FIXED, 3, 0);
	fake.during = unmap_during_read;
	assert_int_equal(fault(P(1), 0), MAPERR);
	assert_int_equal(fake.closed, 1);
	map(P(0), 8 * PAGE_SIZE, PROT_READ, PRIVATE | FIXED, 3, 0);
	fake.during = replace_during_read;
	assert_int_equal(fault(P(1), 0), 0);
	assert_int_equal(*at(P(1)), 0);
	assert_int_equal(fake.closed, 2);
	assert_int_equal(used.resident, 8 * PAGE_SIZE);
}

static void failed_reads(void **state)
{
	map(P(0), 8 * PAGE_SIZE, PROT_READ, PRIVATE | FIXED, 3, 0);
	fake.fail = -EACCES;
	assert_int_equal(fault(P(1), 0), -EIO);
	/* the thread is killed, the twin reads on: the frames must stay away from others */
	fake.fail = -EINTR;
	u64 before = frames_in_use();
	struct thread t = { .work = WORK_KILL };

	host_thread = &t;
	assert_int_equal(fault(P(1), 0), -EINTR);
	host_thread = NULL;
	assert_true(frames_in_use() >= before + 8);
	assert_int_equal(used.resident, 0);
	assert_int_equal(fault(P(1), 0), 0);
	assert_int_equal(*at(P(1)), fake_file_byte(PAGE_SIZE));
}

/* A signal may interrupt a file system: the fault goes on, and nothing is kept aside. */
static void interrupted_reads(void **state)
{
	map(P(0), 8 * PAGE_SIZE, PROT_READ, PRIVATE | FIXED, 3, 0);
	fake.fail = -EINTR;
	assert_int_equal(fault(P(1), 0), 0);
	assert_int_equal(*at(P(1)), fake_file_byte(PAGE_SIZE));
	assert_null(as->limbo);
	map(P(8), PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	fake.fail = -ERESTARTSYS;
	assert_int_equal(fault(P(8), FAULT_WRITE), 0);
}

static void linux_lends_around(void **state)
{
	uaddr_t a = map(P(AZ_LENT_MAX), 20 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	u64 span, *entry;

	fake.lends_around = true;
	assert_int_equal(fault(a + 2 * PAGE_SIZE, 0), 0);
	for (u64 i = 0; i < 20; i++) {
		entry = pt_find(as->pgd, a + i * PAGE_SIZE, &span);
		assert_true(i < AZ_LENT_MAX ? entry && pte_frame(*entry) == FOREIGN_BASE + a + i * PAGE_SIZE : !entry || !*entry);
		assert_true(i >= AZ_LENT_MAX || pte_writable(*entry) == (i & 1));
	}
	assert_int_equal(fault(a + 5 * PAGE_SIZE, FAULT_WRITE), 0);
	assert_int_equal(fault(a + 7 * PAGE_SIZE, 0), 0);
	assert_int_equal(fake.faults, 1);
	assert_int_equal(fault(a + 6 * PAGE_SIZE, FAULT_WRITE), 0);
	assert_true(pte_writable(*pt_find(as->pgd, a + 6 * PAGE_SIZE, &span)));
	assert_int_equal(fault(a + 17 * PAGE_SIZE, 0), 0);
	assert_int_equal(fake.faults, 3);
	/* what lies before a mapping, or behind it, is not lent */
	assert_null(pt_find(as->pgd, a + 20 * PAGE_SIZE, &span) ? (void *)*pt_find(as->pgd, a + 20 * PAGE_SIZE, &span) : NULL);
	assert_int_equal(used.resident, 0);
	fake.lends_around = false;
}

static void linux_backed(void **state)
{
	uaddr_t a = map(0, 4 * PAGE_SIZE, RW, SHARED, 4, 0);

	assert_int_equal(fake.maps, 1);
	assert_int_equal(fault(a + 5, FAULT_NOWAIT), -EAGAIN);
	assert_int_equal(fault(a + 5, 0), 0);
	assert_int_equal(fault(a + 5, 0), 0);
	assert_int_equal(fake.faults, 1);
	assert_int_equal(pte_frame(*pt_find(as->pgd, a, &(u64){ 0 })), FOREIGN_BASE + a);
	assert_int_equal(fault(a, FAULT_WRITE), 0);
	assert_int_equal(fake.faults, 2);
	assert_int_equal(used.resident, 0);
	assert_int_equal(used.committed, 0);
	fake.read_only = true;
	assert_int_equal(fault(a + PAGE_SIZE, FAULT_WRITE), -EIO);
	assert_int_equal(aspace_protect(as, a, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(aspace_protect(as, a, PAGE_SIZE, RW), 0);
	assert_false(pte_writable(*pt_find(as->pgd, a, &(u64){ 0 })));
	assert_int_equal(fake.protects, 2);
	fake.fail = -EACCES;
	assert_int_equal(aspace_protect(as, a, PAGE_SIZE, RW), -EACCES);
	assert_int_equal(aspace_advise(as, a, PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(aspace_unmap(as, a + PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(fake.unmaps, 1);
	assert_int_equal(aspace_unmap(as, a, 4 * PAGE_SIZE), 0);
	assert_int_equal(fake.unmaps, 3);
	assert_int_equal(fake.zaps, 0);
}

static void nothing_shared_is_linux_backed(void **state)
{
	uaddr_t a = map(0, 4 * MB, RW, SHARED | ANON, -1, 8 * PAGE_SIZE);

	assert_int_equal(fake.maps, 1);
	assert_int_equal(a % LARGE_SIZE, 0);
	assert_int_equal(region_find(&as->regions, a)->offset, 0);
	assert_int_equal(used.committed, 0);
	assert_int_equal(fault(a + MB, FAULT_WRITE), 0);
	assert_int_equal(aspace_prepare(as, a, 4 * MB, true), 0);
	assert_int_equal(fake.faults, 1);
	assert_int_equal(aspace_prepare(as, a, 4 * MB + 1, true), -EFAULT);
	assert_int_equal(aspace_populate(as, a, 16 * PAGE_SIZE, true), 0);
	assert_int_equal(fake.faults, 17);
	assert_int_equal(used.resident, 0);
	assert_int_equal(aspace_unmap(as, a, 4 * MB), 0);
	assert_int_equal(fake.unmaps, 1);
	assert_int_equal(span_at(a), 0);
}

/* What Linux has in pages of 2 MB is mapped and divided by whole ones. */
static void large_pages_of_linux(void **state)
{
	struct remap_args grow = { .old_len = 6 * MB, .new_len = 8 * MB, .flags = 1 }, shrink = { .old_len = 6 * MB, .new_len = 3 * MB };
	uaddr_t a;

	fake.shift = LARGE_SHIFT;
	assert_int_equal(map(P(1), 4 * MB, RW, SHARED | FIXED, 4, 0), -EINVAL);
	fake.maps = 0;
	a = map(0, 5 * MB, RW, SHARED, 4, 0);
	assert_int_equal(fake.maps, 2);
	assert_int_equal(a % LARGE_SIZE, 0);
	assert_int_equal(region_find(&as->regions, a)->end, a + 6 * MB);
	assert_int_equal(fault(a + 5 * MB, FAULT_WRITE), 0);
	assert_int_equal(aspace_unmap(as, a, 5 * MB), -EINVAL);
	assert_int_equal(aspace_unmap(as, a + PAGE_SIZE, 2 * MB - PAGE_SIZE), -EINVAL);
	assert_int_equal(aspace_protect(as, a + MB, MB, PROT_READ), -EINVAL);
	assert_int_equal(aspace_advise(as, a, PAGE_SIZE, MADV_DONTFORK), -EINVAL);
	shrink.addr = grow.addr = a;
	assert_int_equal(aspace_remap(as, &grow), -EINVAL);
	assert_int_equal(aspace_remap(as, &shrink), a);
	assert_int_equal(region_find(&as->regions, a)->end, a + 4 * MB);
	assert_int_equal(aspace_unmap(as, a + 2 * MB, 2 * MB), 0);
	assert_int_equal(aspace_unmap(as, a, 2 * MB), 0);
	fake.maps = 0;
	assert_int_equal(map(0, 1, RW, SHARED | ANON | HUGETLB, -1, 0) % LARGE_SIZE, 0);
	assert_int_equal(fake.maps, 1);
	fake.shift = 30;
	assert_int_equal(map(0, 1, RW, SHARED, 4, 0) % (1 << 30), 0);
	fake.shift = 63;
	assert_int_equal(map(0, 1, RW, SHARED, 4, 0), -EINVAL);
}

static void linux_backed_goes_during_a_fault(void **state)
{
	map(P(0), 8 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	fake.during = unmap_during_read;
	assert_int_equal(fault(P(1), 0), MAPERR);
}

/* What Linux could not unmap is not free for others, and not the program's either. */
static void linux_cannot_unmap(void **state)
{
	map(P(0), 8 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	assert_int_equal(fault(P(1), FAULT_WRITE), 0);
	fake.fail = -ENOMEM;
	assert_int_equal(aspace_unmap(as, P(0), 4 * PAGE_SIZE), -ENOMEM);
	aspace_check(as);
	assert_int_equal(fault(P(1), 0), ACCERR);
	assert_int_equal(*pt_find(as->pgd, P(1), &(u64){ 0 }), 0);
	assert_int_equal(map_anon(P(1), PAGE_SIZE, RW, NOREPLACE), -EEXIST);
	assert_int_equal(aspace_unmap(as, P(0), 8 * PAGE_SIZE), 0);
	assert_int_equal(fault(P(1), 0), MAPERR);
	assert_int_equal(fake.unmaps, 2);
}

static void punch_during_fault(void)
{
	assert_int_equal(aspace_advise(as, P(1), PAGE_SIZE, MADV_REMOVE), 0);
}

static void move_and_return_during_fault(void)
{
	struct remap_args there = { P(0), 8 * PAGE_SIZE, 8 * PAGE_SIZE, MAYMOVE | TO_FIXED, P(100) };
	struct remap_args back = { P(100), 8 * PAGE_SIZE, 8 * PAGE_SIZE, MAYMOVE | TO_FIXED, P(0) };

	assert_int_equal(aspace_remap(as, &there), P(100));
	assert_int_equal(aspace_remap(as, &back), P(0));
}

/* Linux has answered, and lets the frame go before it is installed: the region looks as before, but the answer is void. */
static void a_lent_frame_is_taken_back_during_its_fault(void **state)
{
	map(P(0), 8 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	fake.during = punch_during_fault;
	assert_int_equal(fault(P(1), 0), 0);
	assert_int_equal(fake.faults, 2);
	fake.during = move_and_return_during_fault;
	assert_int_equal(fault(P(2), 0), 0);
	assert_int_equal(fake.faults, 4);
	fake.during = punch_during_fault;	/* now of another page: that may cost a question, no more */
	assert_int_equal(fault(P(3), FAULT_WRITE), 0);
	assert_true(span_at(P(3)));
}

static void withdraw_during_fault(void)
{
	aspace_withdraw(as, P(7), P(8));
}

static bool is_lent(uaddr_t addr)
{
	u64 span, *entry = pt_find(as->pgd, addr, &span);

	return entry && pte_load(entry);
}

static void linux_withdraws_pages(void **state)
{
	uaddr_t own;
	u64 flushes;

	map(P(0), 8 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	own = map_anon(P(8), PAGE_SIZE, RW, FIXED);
	map(P(9), PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	for (u64 i = 0; i < 10; i++)
		assert_int_equal(fault(P(i), FAULT_WRITE), 0);
	*at(own) = 5;
	flushes = host_tlb_flushes;
	aspace_withdraw(as, P(2), P(5));
	for (u64 i = 0; i < 10; i++)
		assert_int_equal(is_lent(P(i)), i < 2 || i >= 5);
	assert_int_equal(host_tlb_flushes, flushes + 1);
	aspace_withdraw(as, P(2), P(5));	/* nothing is left that a TLB could have */
	assert_int_equal(host_tlb_flushes, flushes + 1);
	fake.faults = 0;
	assert_int_equal(fault(P(3), 0), 0);
	assert_int_equal(fake.faults, 1);
	aspace_withdraw(as, 0, AZ_USER_END);	/* what is the program's own stays */
	assert_int_equal(*at(own), 5);
	assert_int_equal(used.resident, PAGE_SIZE);
	assert_false(is_lent(P(0)) || is_lent(P(9)));
	aspace_check(as);
	/* an answer that was under way is void, whichever page it brings */
	fake.faults = 0;
	fake.during = withdraw_during_fault;
	assert_int_equal(fault(P(1), FAULT_WRITE), 0);
	assert_int_equal(fake.faults, 2);
}

static void withdraw_during_call(void)
{
	aspace_withdraw(as, P(0), P(8));
}

/* While Linux changes or moves a mapping its entries are hidden; they may go meanwhile, and none comes back. */
static void pages_are_withdrawn_while_they_are_hidden(void **state)
{
	struct remap_args move = { P(0), 8 * PAGE_SIZE, 8 * PAGE_SIZE, MAYMOVE | TO_FIXED, P(100) };

	map(P(0), 8 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	assert_int_equal(fault(P(1), FAULT_WRITE), 0);
	fake.during = withdraw_during_call;
	assert_int_equal(aspace_protect(as, P(0), 8 * PAGE_SIZE, PROT_READ), 0);
	assert_false(is_lent(P(1)));
	assert_int_equal(fault(P(2), 0), 0);
	fake.during = withdraw_during_call;
	fake.fail = -ENOMEM;
	assert_int_equal(aspace_remap(as, &move), -ENOMEM);
	assert_false(is_lent(P(2)));
	assert_int_equal(fault(P(3), 0), 0);
	fake.during = withdraw_during_call;
	assert_int_equal(aspace_unmap(as, P(0), 8 * PAGE_SIZE), 0);
	assert_false(is_lent(P(3)));
	aspace_check(as);
}

static void more_rights_during_a_fault(void)
{
	assert_int_equal(fault(P(1), FAULT_WRITE), 0);
}

static void a_slower_fault_takes_no_right_away(void **state)
{
	map(P(0), 8 * PAGE_SIZE, RW, SHARED | FIXED, 4, 0);
	fake.during = more_rights_during_a_fault;
	assert_int_equal(fault(P(1), 0), 0);
	assert_true(pte_writable(*pt_find(as->pgd, P(1), &(u64){ 0 })));
	assert_int_equal(fake.faults, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(private_file), T(private_file_large_page), T(parts_of_a_file), T(world_changes_during_a_read), T(failed_reads),
		T(interrupted_reads), T(linux_lends_around), T(linux_backed), T(nothing_shared_is_linux_backed),
		T(large_pages_of_linux), T(linux_backed_goes_during_a_fault),
		T(linux_cannot_unmap), T(a_lent_frame_is_taken_back_during_its_fault), T(a_slower_fault_takes_no_right_away),
		T(linux_withdraws_pages), T(pages_are_withdrawn_while_they_are_hidden),
	};

	return cmocka_run_group_tests_name("backing", tests, setup_memory, NULL);
}
