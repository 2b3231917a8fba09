/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fork and copy on write: what is written on one side is never seen on the other, whatever else is done to the pages; nothing is
 * copied twice, lost or kept too long; who cannot have memory learns it from fork.
 */
#include "two_spaces.h"

/* ---- Copy on write ---- */

static void both_sides_write(void **state)
{
	u64 flushes, frames;

	map(p, P(0), 4 * PAGE_SIZE, RW, POPULATE);
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	poke(p, P(0), 1);
	poke(p, LARGE(0) + 5, 2);
	frames = frames_in_use();
	flushes = host_tlb_flushes;
	c = fork_of(p);
	assert_int_equal(host_tlb_flushes, flushes + 1);
	assert_true(frames_in_use() < frames + 16);		/* tables and structures */
	assert_int_equal(c->used->resident, p->used->resident);
	assert_int_equal(c->used->committed, p->used->committed);
	assert_int_equal(frame_at(c, P(0)), frame_at(p, P(0)));
	assert_int_equal(peek(c, P(0)), 1);
	assert_int_equal(peek(c, LARGE(0) + 5), 2);
	poke(c, P(0), 11);
	poke(p, P(1), 12);
	poke(c, LARGE(0) + 5, 13);
	assert_int_equal(peek(p, P(0)), 1);
	assert_int_equal(peek(c, P(0)), 11);
	assert_int_equal(peek(c, P(1)), 0);
	assert_int_equal(peek(p, LARGE(0) + 5), 2);
	assert_int_equal(pte_span(entry_at(c, LARGE(0))), LARGE_SIZE);
	poke(p, LARGE(0) + 5, 14);
	assert_int_equal(peek(c, LARGE(0) + 5), 13);
	assert_int_equal(c->used->resident, p->used->resident);
	assert_int_equal(fake.calls, 0);
}

/* Who is left alone keeps the frame and does not copy. */
static void the_last_owner_keeps_it(void **state)
{
	paddr_t small, large;

	map(p, P(0), PAGE_SIZE, RW, POPULATE);
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	small = frame_at(p, P(0));
	large = frame_at(p, LARGE(0));
	c = fork_of(p);
	put(&c);
	poke(p, P(0), 1);
	poke(p, LARGE(0), 1);
	assert_int_equal(frame_at(p, P(0)), small);
	assert_int_equal(frame_at(p, LARGE(0)), large);
	c = fork_of(p);
	poke(p, P(0), 2);
	poke(c, P(0), 3);
	assert_int_equal(frame_at(c, P(0)), small);
	aspace_check(p);
}

/* One side has split its large page and lost parts; the other still uses the whole. */
static void large_here_small_there(void **state)
{
	paddr_t frame;

	map(p, LARGE(0), 2 * LARGE_SIZE, RW, POPULATE);
	frame = frame_at(p, LARGE(0));
	for (u32 i = 0; i < 512; i++)
		poke(p, LARGE(0) + i * PAGE_SIZE, i);
	c = fork_of(p);
	assert_int_equal(aspace_unmap(c, LARGE(0) + 3 * PAGE_SIZE, PAGE_SIZE), 0);
	aspace_check(c);
	aspace_check(p);
	poke(c, LARGE(0) + 4 * PAGE_SIZE, 77);
	assert_int_equal(peek(p, LARGE(0) + 3 * PAGE_SIZE), 3);
	assert_int_equal(peek(p, LARGE(0) + 4 * PAGE_SIZE), 4);
	assert_int_equal(frame_at(p, LARGE(0)), frame);
	poke(p, LARGE(0), 99);				/* 510 parts are still shared: a copy of all */
	assert_int_not_equal(frame_at(p, LARGE(0)), frame);
	assert_int_equal(peek(c, LARGE(0)), 0);
	assert_int_equal(peek(c, LARGE(0) + 511 * PAGE_SIZE), (u8)511);
	assert_int_equal(peek(p, LARGE(0) + 4 * PAGE_SIZE), 4);
	poke(c, LARGE(0) + 9 * PAGE_SIZE, 55);		/* exclusive by now */
	assert_int_equal(frame_at(c, LARGE(0) + 9 * PAGE_SIZE), frame + 9 * PAGE_SIZE);
	put(&c);
	aspace_check(p);
	assert_int_equal(pte_span(entry_at(p, LARGE(0))), LARGE_SIZE);
}

/* Something that tells a part of a large page from the rest: the page is not copied, and not counted, once for each region. */
static void regions_inside_a_large_page(void **state)
{
	map(p, LARGE(0), 2 * LARGE_SIZE, RW, POPULATE);
	poke(p, LARGE(0) + 5 * PAGE_SIZE, 5);
	assert_int_equal(aspace_advise(p, LARGE(0) + 3 * PAGE_SIZE, 4 * PAGE_SIZE, MADV_DONTDUMP), 0);
	assert_int_equal(aspace_advise(p, LARGE(1) + 3 * PAGE_SIZE, PAGE_SIZE, MADV_DONTDUMP), 0);
	aspace_check(p);
	c = fork_of(p);
	assert_int_equal(c->used->resident, 2 * LARGE_SIZE);
	poke(c, LARGE(0) + 5 * PAGE_SIZE, 6);
	assert_int_equal(peek(p, LARGE(0) + 5 * PAGE_SIZE), 5);
	assert_int_equal(aspace_advise(p, LARGE(0), 2 * LARGE_SIZE, MADV_DODUMP), 0);
	assert_int_equal(p->region_count, 1);
}

/* The parent splits, the child keeps the block whole and is left alone with what is left of it. */
static void whole_block_of_small_ones(void **state)
{
	paddr_t frame;

	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	frame = frame_at(p, LARGE(0));
	c = fork_of(p);
	assert_int_equal(aspace_protect(p, LARGE(0), PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(aspace_unmap(p, LARGE(0), LARGE_SIZE), 0);
	poke(c, LARGE(0), 1);
	assert_int_equal(frame_at(c, LARGE(0)), frame);
	assert_int_equal(pte_span(entry_at(c, LARGE(0))), LARGE_SIZE);
	fake.as = c;
	assert_true(fake_mirror(LARGE(0)));
	fake.pin = true;
	assert_int_equal(aspace_unmap(c, LARGE(0), LARGE_SIZE), 0);
	assert_int_equal(stats[0].quarantined, 512);
	frame_unpin(frame, LARGE_ORDER);
	fake.as = p;
}

static void without_large_blocks(void **state)
{
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	poke(p, LARGE(0) + 7 * PAGE_SIZE, 7);
	c = fork_of(p);
	no_large = true;
	poke(c, LARGE(0) + 6 * PAGE_SIZE, 6);
	no_large = false;
	assert_int_equal(pte_span(entry_at(c, LARGE(0))), PAGE_SIZE);
	assert_int_equal(peek(c, LARGE(0) + 7 * PAGE_SIZE), 7);
	assert_int_equal(frame_at(c, LARGE(0)), frame_at(p, LARGE(0)));
	assert_int_not_equal(frame_at(c, LARGE(0) + 6 * PAGE_SIZE), frame_at(p, LARGE(0) + 6 * PAGE_SIZE));
	assert_int_equal(c->used->resident, LARGE_SIZE);
	aspace_check(c);
}

static void rights_come_back_without_sharing(void **state)
{
	map(p, P(0), 4 * PAGE_SIZE, RW, POPULATE);
	poke(p, P(0), 1);
	poke(p, P(1), 2);
	assert_int_equal(aspace_protect(p, P(0), PAGE_SIZE, 0), 0);
	assert_int_equal(aspace_protect(p, P(1), PAGE_SIZE, PROT_READ), 0);
	c = fork_of(p);
	assert_int_equal(fault(c, P(0), 0), -EFAULT);
	assert_int_equal(fault(c, P(1), FAULT_WRITE), -EFAULT);
	assert_int_equal(aspace_protect(c, P(0), 4 * PAGE_SIZE, RW), 0);
	aspace_check(c);
	poke(c, P(0), 11);
	poke(c, P(1), 12);
	assert_int_equal(aspace_protect(p, P(0), 4 * PAGE_SIZE, RW), 0);
	assert_int_equal(peek(p, P(0)), 1);
	assert_int_equal(peek(p, P(1)), 2);
	poke(p, P(0), 21);
	assert_int_equal(peek(c, P(0)), 11);
	assert_int_equal(aspace_check(p), aspace_check(c));
}

static void one_side_drops_and_unmaps(void **state)
{
	map(p, P(0), 4 * PAGE_SIZE, RW, POPULATE);
	for (u32 i = 0; i < 4; i++)
		poke(p, P(i), i + 1);
	c = fork_of(p);
	assert_int_equal(aspace_advise(c, P(0), PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(aspace_unmap(p, P(1), PAGE_SIZE), 0);
	assert_int_equal(peek(c, P(0)), 0);
	assert_int_equal(peek(p, P(0)), 1);
	assert_int_equal(peek(c, P(1)), 2);
	put(&p);
	for (u32 i = 1; i < 4; i++)
		assert_int_equal(peek(c, P(i)), i + 1);
	poke(c, P(3), 9);
	assert_int_equal(c->used->resident, 4 * PAGE_SIZE);
}

static void generations(void **state)
{
	struct aspace *as[6] = { p };

	map(p, P(0), 8 * PAGE_SIZE, RW, POPULATE);
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	for (u32 i = 1; i < 6; i++) {
		poke(as[i - 1], P(i), i);
		as[i] = fork_of(as[i - 1]);
	}
	for (u32 i = 0; i < 6; i++)
		poke(as[i], P(0), 100 + i);
	poke(as[3], LARGE(0), 33);
	put(&as[2]);
	put(&as[4]);
	for (u32 i = 0; i < 6; i++) {
		if (!as[i])
			continue;
		aspace_check(as[i]);
		assert_int_equal(peek(as[i], P(0)), 100 + i);
		assert_int_equal(peek(as[i], LARGE(0)), i == 3 ? 33 : 0);
		/* P(k) was written before k was born, so all later ones have it, and its writer */
		for (u32 k = 1; k < 6; k++)
			assert_int_equal(peek(as[i], P(k)), k <= i + 1 ? k : 0);
	}
	for (u32 i = 1; i < 6; i++)
		put(&as[i]);
}

static void heap_and_stack_go_on(void **state)
{
	uaddr_t top = aspace_map_stack(p);

	aspace_set_brk(p, P(0));
	assert_int_equal(aspace_brk(p, P(5)), P(5));
	poke(p, P(2), 5);
	poke(p, top - 8, 6);
	c = fork_of(p);
	assert_int_equal(aspace_brk(c, 0), P(5));
	assert_int_equal(aspace_brk(c, P(9)), P(9));
	assert_int_equal(aspace_brk(p, 0), P(5));
	poke(c, top - 8, 7);
	poke(c, top - 20 * PAGE_SIZE, 8);
	assert_int_equal(peek(p, top - 8), 6);
	assert_int_equal(peek(c, P(2)), 5);
}

/* ---- Files, Linux's pages, the kernel's pages ---- */

static void files(void **state)
{
	map_file(p, P(0), 16 * PAGE_SIZE, PROT_READ, PRIVATE_FIXED, 3);
	map_file(p, P(32), 4 * PAGE_SIZE, RW, PRIVATE_FIXED, 3);
	assert_int_equal(aspace_protect(p, P(4), PAGE_SIZE, RW), 0);	/* three regions of one mapping */
	poke(p, P(4), 200);
	c = fork_of(p);
	assert_int_equal(region_find(&c->regions, P(0))->file->handle, 77);
	assert_ptr_not_equal(region_find(&c->regions, P(0))->file, region_find(&p->regions, P(0))->file);
	assert_ptr_equal(region_find(&c->regions, P(0))->file, region_find(&c->regions, P(8))->file);
	assert_int_equal(region_find(&c->regions, P(0))->file->refs, 3);
	assert_int_equal(peek(c, P(4)), 200);
	poke(c, P(4), 201);
	assert_int_equal(peek(p, P(4)), 200);
	assert_int_equal(peek(c, P(32)), fake_file_byte(0));
	poke(c, P(32), 1);
	assert_int_equal(peek(p, P(32)), fake_file_byte(0));
	fake.as = c;
	assert_int_equal(aspace_unmap(c, P(0), 64 * PAGE_SIZE), 0);
	assert_int_equal(fake.closed, 2);
	fake.as = p;
	assert_int_equal(aspace_unmap(p, P(0), 64 * PAGE_SIZE), 0);
	assert_int_equal(fake.closed, 4);
}

static void linux_backed(void **state)
{
	map_file(p, P(0), 4 * PAGE_SIZE, RW, SHARED_FIXED, 4);
	assert_int_equal(fault(p, P(0), FAULT_WRITE), 0);
	c = fork_of(p);
	assert_int_equal(entry_at(c, P(0)), 0);
	assert_true(entry_at(p, P(0)) & AZ_PTE_FOREIGN && pte_writable(entry_at(p, P(0))));
	fake.as = c;
	assert_int_equal(fault(c, P(0), FAULT_WRITE), 0);
	assert_int_equal(fake.faults, 2);
	assert_int_equal(aspace_unmap(c, P(0), PAGE_SIZE), 0);
	assert_int_equal(fake.unmaps, 1);
	fake.as = p;
	assert_true(pte_present(entry_at(p, P(0))));
}

static void the_kernels_pages(void **state)
{
	const struct borrowed part = { 0x123000, PAGE_SIZE, PROT_READ };
	uaddr_t at = aspace_borrow(p, &part, 1);

	c = fork_of(p);
	assert_int_equal(entry_at(c, at), entry_at(p, at));
	assert_int_equal(pte_frame(entry_at(c, at)), 0x123000);
	assert_int_equal(aspace_unmap(c, at, PAGE_SIZE), 0);
	assert_true(pte_present(entry_at(p, at)));
}

/* ---- The mirror ---- */

static void shared_pages_are_not_mirrored(void **state)
{
	map(p, P(0), 2 * PAGE_SIZE, RW, POPULATE);
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	assert_true(fake_mirror(P(0)) && fake_mirror(LARGE(0)));
	c = fork_of(p);
	assert_int_equal(fake.zaps, 1);
	assert_false(fake_mirror(P(0)) || fake_mirror(LARGE(0)));
	assert_int_equal(fault(p, P(0), FAULT_UNSHARE | FAULT_NOWAIT), 0);
	assert_int_equal(fault(p, LARGE(0) + PAGE_SIZE, FAULT_UNSHARE | FAULT_NOWAIT), 0);
	assert_true(fake_mirror(P(0)) && fake_mirror(LARGE(0) + PAGE_SIZE));
	assert_false(fake_mirror(LARGE(0)));
	assert_int_equal(pte_span(entry_at(p, LARGE(0))), PAGE_SIZE);
	fake.as = c;
	assert_int_equal(aspace_populate(c, LARGE(0), LARGE_SIZE, false), 0);
	assert_true(fake_mirror(LARGE(0)));
	assert_int_equal(aspace_protect(p, P(1), PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(fault(p, P(1), FAULT_UNSHARE), 0);
	assert_false(pte_writable(entry_at(p, P(1))) || (entry_at(p, P(1)) & AZ_PTE_COW));
	assert_int_equal(aspace_unmap(c, LARGE(0), LARGE_SIZE), 0);
	assert_int_equal(fake.zaps, 2);
	fake.as = p;
	aspace_check(p);
	assert_int_equal(aspace_unmap(p, LARGE(0), LARGE_SIZE), 0);
	assert_int_equal(fake.zaps, 3);
}

/* Pages of I/O in flight stay the parent's: what a device writes there must be seen by the parent, and by nobody else. */
static void pinned_frames_are_copied(void **state)
{
	paddr_t small, large;

	map(p, P(0), 2 * PAGE_SIZE, RW, POPULATE);
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	poke(p, P(0), 1);
	poke(p, LARGE(0) + 9 * PAGE_SIZE, 2);
	small = frame_at(p, P(0));
	large = frame_at(p, LARGE(0));
	assert_true(fake_mirror(P(0)) && fake_mirror(LARGE(0)));
	fake.pin = true;
	c = fork_of(p);
	assert_int_equal(fake.pins, 2);
	assert_int_equal(frame_at(p, P(0)), small);
	assert_true(pte_writable(entry_at(p, P(0))) && pte_writable(entry_at(p, LARGE(0))));
	assert_true(pte_writable(entry_at(c, P(0))) && pte_writable(entry_at(c, LARGE(0))));
	assert_false(pte_writable(entry_at(p, P(1))));
	assert_int_not_equal(frame_at(c, LARGE(0)), large);
	*(u8 *)phys_to_virt(small) = 42;		/* the device, later */
	assert_int_equal(peek(c, P(0)), 1);
	assert_int_equal(peek(c, LARGE(0) + 9 * PAGE_SIZE), 2);
	put(&c);
	no_large = true;
	fake.pin = false;
	c = fork_of(p);			/* still pinned, though nothing is mirrored any more */
	no_large = false;
	assert_int_equal(pte_span(entry_at(c, LARGE(0))), PAGE_SIZE);
	assert_int_equal(peek(c, LARGE(0) + 9 * PAGE_SIZE), 2);
	assert_int_equal(peek(c, P(0)), 42);
	frame_unpin(small, 0);
	frame_unpin(large, LARGE_ORDER);
}

static void a_fork_that_cannot_zap(void **state)
{
	map(p, P(0), 2 * PAGE_SIZE, RW, POPULATE);
	fake_mirror(P(0));
	fake.fail = -EINTR;
	assert_int_equal(aspace_fork_begin(p, &c), -EINTR);
	assert_null(c);
	assert_false(p->changing);
	aspace_check(p);
}

/* ---- madvise ---- */

static void what_fork_leaves_out(void **state)
{
	map(p, P(0), 8 * PAGE_SIZE, RW, POPULATE);
	for (u32 i = 0; i < 8; i++)
		poke(p, P(i), i + 1);
	assert_int_equal(aspace_advise(p, P(2), 2 * PAGE_SIZE, MADV_DONTFORK), 0);
	assert_int_equal(aspace_advise(p, P(6), PAGE_SIZE, MADV_WIPEONFORK), 0);
	assert_int_equal(aspace_check(p), 5);
	c = fork_of(p);
	assert_int_equal(fault(c, P(2), 0), -EFAULT);
	assert_int_equal(c->used->committed, 6 * PAGE_SIZE);
	assert_int_equal(peek(c, P(6)), 0);
	assert_int_equal(peek(c, P(1)), 2);
	assert_int_equal(peek(p, P(6)), 7);
	assert_true(pte_writable(entry_at(p, P(2))) && pte_writable(entry_at(p, P(6))));
	put(&c);
	assert_int_equal(aspace_advise(p, P(0), 8 * PAGE_SIZE, MADV_DOFORK), 0);
	assert_int_equal(aspace_advise(p, P(0), 8 * PAGE_SIZE, MADV_KEEPONFORK), 0);
	assert_int_equal(aspace_check(p), 1);
	c = fork_of(p);
	assert_int_equal(peek(c, P(2)), 3);
	assert_int_equal(peek(c, P(6)), 7);
}

/* Whatever makes regions of a large page splits it, or a fork would copy it once for each. */
static void regions_of_a_large_page(void **state)
{
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	poke(p, LARGE(0) + PAGE_SIZE, 1);
	assert_int_equal(aspace_advise(p, LARGE(0), PAGE_SIZE, MADV_DONTDUMP), 0);
	assert_int_equal(aspace_check(p), 2);
	c = fork_of(p);
	assert_int_equal(c->used->resident, LARGE_SIZE);
	assert_int_equal(aspace_unmap(c, LARGE(0), PAGE_SIZE), 0);
	poke(c, LARGE(0) + PAGE_SIZE, 2);
	assert_int_equal(peek(p, LARGE(0) + PAGE_SIZE), 1);
}

static void advice_and_its_errors(void **state)
{
	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	map_file(p, P(0), PAGE_SIZE, PROT_READ, PRIVATE_FIXED, 3);
	map_file(p, P(4), PAGE_SIZE, PROT_READ, SHARED_FIXED, 4);
	assert_int_equal(aspace_advise(p, P(0), PAGE_SIZE, MADV_WIPEONFORK), -EINVAL);
	assert_int_equal(aspace_advise(p, P(0), PAGE_SIZE, MADV_KEEPONFORK), 0);
	assert_int_equal(aspace_advise(p, P(0), 5 * PAGE_SIZE, MADV_DONTFORK), -ENOMEM);
	assert_int_equal(fake.advices, 1);
	assert_true(region_find(&p->regions, P(4))->flags & REGION_DONTFORK);
	fake.fail = -EINVAL;
	assert_int_equal(aspace_advise(p, P(4), PAGE_SIZE, MADV_DOFORK), -EINVAL);
	assert_int_equal(aspace_advise(p, LARGE(0) + PAGE_SIZE, PAGE_SIZE, MADV_DONTFORK), 0);
	assert_int_equal(pte_span(entry_at(p, LARGE(0))), PAGE_SIZE);	/* an entry lies in one region */
	c = fork_of(p);
	assert_null(region_find(&c->regions, P(0)));
	assert_int_equal(fault(c, LARGE(0) + PAGE_SIZE, 0), -EFAULT);
	assert_int_equal(fault(c, LARGE(0) + 2 * PAGE_SIZE, FAULT_WRITE), 0);
}

/* ---- Accounts ---- */

static void a_familys_memory(void **state)
{
	struct aspace *grandchild;

	put(&p);
	p = fake.as = create(16 * MB);
	map(p, LARGE(0), 8 * MB, RW, POPULATE);
	assert_int_equal(aspace_fork_begin(p, &c), -ENOMEM);
	aspace_check(p);
	poke(p, LARGE(0), 1);
	assert_int_equal(aspace_unmap(p, LARGE(2), 4 * MB), 0);
	c = fork_of(p);
	assert_int_equal(c->used->committed, 4 * MB);
	assert_int_equal(commit_in_use(), commit_before + 16 * MB);
	struct map_args a = { LARGE(8), 8 * MB, RW, PRIVATE_FIXED | ANON, -1, 0 };
	assert_int_equal(aspace_map(c, &a), -ENOMEM);
	grandchild = fork_of(c);
	put(&p);
	put(&c);
	assert_int_equal(commit_in_use(), commit_before + 16 * MB);
	assert_int_equal(aspace_map(grandchild, &a), LARGE(8));
	assert_ptr_equal(aspace_budget(grandchild), grandchild->budget);
	put(&grandchild);
	assert_int_equal(commit_in_use(), commit_before);
}

static void all_promises_are_kept(void **state)
{
	map(p, LARGE(0), 100 * MB, RW, POPULATE);
	c = fork_of(p);
	assert_int_equal(aspace_populate(c, LARGE(0), 100 * MB, true), 0);
	assert_int_equal(aspace_populate(p, LARGE(0), 100 * MB, true), 0);
	put(&c);
	map(p, LARGE(100), 40 * MB, RW, 0);
	assert_int_equal(aspace_fork_begin(p, &c), -ENOMEM);
}

/* Memory ends at every step once; nothing has happened then. */
static void out_of_memory(void **state)
{
	long ret = -ENOMEM;
	u32 steps;

	map(p, P(0), 4 * PAGE_SIZE, RW, POPULATE);
	map_file(p, P(8), 4 * PAGE_SIZE, RW, PRIVATE_FIXED, 3);
	map(p, LARGE(0), 2 * LARGE_SIZE, RW, POPULATE);
	poke(p, P(0), 1);
	poke(p, P(8), 2);
	poke(p, LARGE(1), 3);
	fake.pin = true;
	for (steps = 0; ret; steps++) {
		u64 frames, commit = commit_in_use();

		fake_mirror(P(1));
		fake_mirror(LARGE(0));
		frames = frames_in_use();
		fail_after = steps;
		ret = aspace_fork_begin(p, &c);
		fail_after = -1;
		aspace_check(p);
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(commit_in_use(), commit);
		assert_true(frames_in_use() <= frames + SLABS_KEPT);
		poke(p, LARGE(1) + 1, 3);
		for (; fake.pins; fake.pins--)
			frame_unpin(fake.pins == 1 ? frame_at(p, P(1)) : frame_at(p, LARGE(0)), fake.pins == 1 ? 0 : LARGE_ORDER);
	}
	aspace_fork_end(p);
	assert_true(steps > 10);
	frame_unpin(frame_at(p, P(1)), 0);
	frame_unpin(frame_at(p, LARGE(0)), LARGE_ORDER);
	assert_int_equal(peek(c, P(0)) + peek(c, P(8)) + peek(c, LARGE(1)), 6);
}

static void out_of_memory_at_a_write(void **state)
{
	long ret = -ENOMEM;

	map(p, LARGE(0), LARGE_SIZE, RW, POPULATE);
	poke(p, LARGE(0), 5);
	c = fork_of(p);
	for (u32 i = 0; ret; i++) {
		no_large = true;
		fail_after = i;
		ret = fault(c, LARGE(0), FAULT_WRITE);
		fail_after = -1;
		aspace_check(c);
		aspace_check(p);
	}
	no_large = false;
	poke(c, LARGE(0), 6);
	assert_int_equal(peek(p, LARGE(0)), 5);
}

/* ---- The parent is closed meanwhile ---- */

static u32 changed;

static void *change(void *arg)
{
	map(p, P(100), PAGE_SIZE, RW, 0);
	__atomic_store_n(&changed, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void changes_wait_for_the_end(void **state)
{
	pthread_t thread;

	map(p, P(0), 4 * PAGE_SIZE, RW, POPULATE);
	fake.threads = true;
	changed = 0;
	assert_int_equal(aspace_fork_begin(p, &c), 0);
	assert_int_equal(pthread_create(&thread, NULL, change, NULL), 0);
	poke(p, P(1), 5);			/* faults do not wait */
	for (u32 i = 0; i < 200; i++)
		arch_relax();
	assert_int_equal(__atomic_load_n(&changed, __ATOMIC_SEQ_CST), 0);
	aspace_fork_end(p);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(changed, 1);
	assert_null(region_find(&c->regions, P(100)));
	assert_int_equal(peek(c, P(1)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_sides_write), T(the_last_owner_keeps_it), T(large_here_small_there), T(regions_inside_a_large_page),
		T(whole_block_of_small_ones), T(without_large_blocks), T(rights_come_back_without_sharing),
		T(one_side_drops_and_unmaps), T(generations), T(heap_and_stack_go_on), T(files), T(linux_backed),
		T(the_kernels_pages), T(shared_pages_are_not_mirrored), T(pinned_frames_are_copied), T(a_fork_that_cannot_zap),
		T(what_fork_leaves_out), T(regions_of_a_large_page), T(advice_and_its_errors), T(a_familys_memory),
		T(all_promises_are_kept), T(out_of_memory), T(out_of_memory_at_a_write), T(changes_wait_for_the_end),
	};

	return cmocka_run_group_tests_name("fork", tests, setup_memory, NULL);
}
