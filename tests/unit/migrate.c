/* SPDX-License-Identifier: GPL-2.0 */
/* Pages move between nodes, with what is in them, and stay where somebody else uses them. */
#include "unit.h"
#include "fake_driver.h"
#include "mm/migrate.c"

#define RW		(PROT_READ | PROT_WRITE)
#define PRIVATE		0x02
#define FIXED		0x10
#define ANON		0x20
#define P(n)		(0x10000000ULL + (n) * PAGE_SIZE)

static struct az_node_stats stats[4];
static struct aspace *as;
static struct thread thread;
static struct proc proc = { .pid = 100 };

static int setup_memory(void **state)
{
	frame_stats_bind(stats, 4);
	frame_add_range(HOST_PHYS_START, 32 * MB, 0);
	frame_add_range(HOST_PHYS_START + 32 * MB, 32 * MB, 1);
	frame_add_range(HOST_PHYS_START + 64 * MB, 32 * MB, 3);
	return 0;
}

static int setup(void **state)
{
	struct map_args a = { P(0), 4 * MB, RW, PRIVATE | ANON | FIXED, -1, 0 };

	as = aspace_create(budget_create(0), 8 * MB);
	memset(&fake, 0, sizeof(fake));
	memset(&thread, 0, sizeof(thread));
	list_init(&proc.threads);
	thread.proc = &proc;
	fake.as = host_aspace = as;
	host_thread = &thread;
	host_node = 0;
	return aspace_map(as, &a) == P(0) ? 0 : -1;
}

static int teardown(void **state)
{
	aspace_check(as);
	aspace_put(as);
	host_thread = NULL;
	return 0;
}

static u64 entry(uaddr_t addr)
{
	u64 span, *e = pt_find(as->pgd, addr, &span);

	return e ? pte_load(e) : 0;
}

/* Small pages, each with its number in it. */
static void touch_small(u32 count)
{
	assert_int_equal(aspace_protect(as, P(600), PAGE_SIZE, PROT_READ), 0);	/* no large page there */
	for (u32 i = 512; i < 512 + count; i++) {
		assert_int_equal(aspace_populate(as, P(i), PAGE_SIZE, true), 0);
		*(u32 *)phys_to_virt(pte_frame(entry(P(i)))) = i;
	}
}

static u32 content(uaddr_t addr)
{
	u64 e = entry(addr), span = pte_span(e);

	return *(u32 *)((char *)phys_to_virt(pte_frame(e)) + (ALIGN_DOWN(addr, PAGE_SIZE) & (span - 1)));
}

static void one_page(void **state)
{
	touch_small(2);
	assert_int_equal(page_node(as, P(512)), 0);
	assert_int_equal(page_move(as, P(512) + 5, 3), 3);
	assert_int_equal(page_node(as, P(512)), 3);
	assert_int_equal(page_node(as, P(513)), 0);
	assert_int_equal(content(P(512)), 512);
	assert_true(pte_present(entry(P(512))) && pte_writable(entry(P(512))));
	assert_int_equal(page_move(as, P(512), 3), 3);
	assert_int_equal(fake.calls, 0);
}

static void a_large_page(void **state)
{
	assert_int_equal(aspace_populate(as, P(0), PAGE_SIZE, true), 0);
	assert_int_equal(pte_span(entry(P(0))), LARGE_SIZE);
	*(u32 *)((char *)phys_to_virt(pte_frame(entry(P(0)))) + 7 * PAGE_SIZE) = 77;
	assert_int_equal(page_move(as, P(7), 1), 1);
	assert_int_equal(pte_span(entry(P(0))), LARGE_SIZE);
	assert_int_equal(page_node(as, P(0)), 1);
	assert_int_equal(content(P(7)), 77);
}

static void not_there(void **state)
{
	assert_int_equal(page_node(as, P(3)), -ENOENT);
	assert_int_equal(page_move(as, P(3), 1), -ENOENT);
	assert_int_equal(page_node(as, P(-1)), -EFAULT);
	assert_int_equal(page_move(as, ~0ULL, 1), -EFAULT);
}

/* Linux forgets its mirror first; a device that still uses the frame keeps the page where it is. */
static void a_mirrored_page(void **state)
{
	touch_small(1);
	assert_true(fake_mirror(P(512)));
	assert_int_equal(page_move(as, P(512), 1), 1);
	assert_int_equal(fake.zaps, 1);
	assert_false(entry(P(512)) & AZ_PTE_MIRRORED);
	assert_true(fake_mirror(P(512)));
	fake.pin = true;
	assert_int_equal(page_move(as, P(512), 3), -EBUSY);
	assert_int_equal(page_node(as, P(512)), 1);
	assert_true(pte_present(entry(P(512))) && pte_writable(entry(P(512))));
	assert_int_equal(content(P(512)), 512);
	frame_unpin(fake.pinned, fake.pin_order);
	fake.pin = false;
	assert_int_equal(page_move(as, P(512), 3), 3);
}

static void a_shared_page(void **state)
{
	struct aspace *child;

	touch_small(1);
	assert_int_equal(aspace_fork_begin(as, &child), 0);
	aspace_fork_end(as);
	assert_int_equal(page_move(as, P(512), 1), -EACCES);
	assert_int_equal(page_node(as, P(512)), 0);
	aspace_put(child);
	assert_int_equal(page_move(as, P(512), 1), 1);
	assert_true(pte_writable(entry(P(512))) && !(entry(P(512)) & AZ_PTE_COW));
}

static void protection_stays(void **state)
{
	touch_small(2);
	assert_int_equal(aspace_protect(as, P(512), PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(aspace_protect(as, P(513), PAGE_SIZE, 0), 0);
	assert_int_equal(page_move(as, P(512), 1), 1);
	assert_int_equal(page_move(as, P(513), 1), 1);
	assert_true(pte_present(entry(P(512))) && !pte_writable(entry(P(512))));
	assert_false(pte_present(entry(P(513))));
	assert_int_equal(content(P(513)), 513);
}

static void nodes_pair(void **state)
{
	const struct moves same = { 1 | 2, 2 | 8 }, fewer = { 1 | 2 | 8, 2 };

	assert_int_equal(new_node(&same, 0), 1);
	assert_int_equal(new_node(&same, 1), 3);
	assert_int_equal(new_node(&same, 3), 3);
	assert_int_equal(new_node(&fewer, 0), 1);
	assert_int_equal(new_node(&fewer, 1), 1);
	assert_int_equal(new_node(&fewer, 3), 1);
}

static void everything(void **state)
{
	const struct moves m = { 1, 8 };

	touch_small(3);
	assert_int_equal(aspace_populate(as, P(0), PAGE_SIZE, true), 0);
	assert_true(fake_mirror(P(513)));
	fake.pin = true;
	assert_int_equal(move_all(as, &m), 1);
	assert_int_equal(page_node(as, P(0)), 3);
	assert_int_equal(page_node(as, P(512)), 3);
	assert_int_equal(page_node(as, P(513)), 0);
	assert_int_equal(page_node(as, P(514)), 3);
	assert_int_equal(content(P(514)), 514);
	frame_unpin(fake.pinned, fake.pin_order);
}

static void others_are_linux_s(void **state)
{
	assert_int_equal(sys_move_pages(NULL, 101, 0, 0, 0, 0, 0), -ESRCH);
	assert_int_equal(sys_move_pages(NULL, 100, 0, 0, 0, 0, 0), 0);
	assert_int_equal(sys_move_pages(NULL, 0, 0, 0, 0, 0, 1), -EINVAL);
	assert_int_equal(sys_move_pages(NULL, 0, 0, 0, 0, 0, MPOL_MF_MOVE_ALL), -EPERM);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_page), T(a_large_page), T(not_there), T(a_mirrored_page), T(a_shared_page), T(protection_stays), T(nodes_pair),
		T(everything), T(others_are_linux_s),
	};

	return cmocka_run_group_tests(tests, setup_memory, NULL);
}
