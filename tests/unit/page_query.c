/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that somebody else on Linux asks for: made present without waiting and without forwarding, from files in two steps. */
#include "unit.h"
#include "fake_driver.h"
#include "touch.h"

#define RW	(PROT_READ | PROT_WRITE)
#define PRIVATE	2
#define FIXED	0x10
#define ANON	0x20
#define P(n)	(0x10000000ULL + (n) * PAGE_SIZE)

static struct az_node_stats stats[1];
static struct aspace *as;
static struct az_page_query q;
static struct az_memory used;

static int setup(void **state)
{
	struct budget *budget;
	static bool added;

	if (!added) {
		frame_stats_bind(stats, 1);
		frame_add_range(HOST_PHYS_START, 64 * MB, 0);
		added = true;
	}
	budget = budget_create(0);
	as = aspace_create(budget, 8 * MB);
	budget_put(budget);
	aspace_bind(as, &used);
	memset(&fake, 0, sizeof(fake));
	memset(&q, 0, sizeof(q));
	fake.as = host_aspace = as;
	return 0;
}

static int teardown(void **state)
{
	aspace_check(as);
	aspace_put(as);
	assert_int_equal(used.resident, 0);
	assert_int_equal(used.committed, 0);
	return 0;
}

static void map(uaddr_t addr, u64 len, u32 prot, int fd, u64 offset)
{
	struct map_args a = { addr, len, prot, PRIVATE | FIXED | (fd < 0 ? ANON : 0), fd, offset };

	assert_true(aspace_map(as, &a) == (long)addr);
	fake.calls = 0;
}

static int ask(uaddr_t addr, bool write)
{
	q = (struct az_page_query){ .addr = addr, .write = write };
	aspace_page(as, &q);
	aspace_check(as);
	assert_int_equal(fake.calls, 0);
	return q.ret;
}

/* As the driver does when it is given a frame. */
static int fill_and_ask(void)
{
	assert_int_equal(q.ret, AZ_PAGE_READ);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		((u8 *)phys_to_virt(q.frame))[i] = fake_file_byte(q.offset + i);
	q.filled = 1;
	aspace_page(as, &q);
	aspace_check(as);
	return q.ret;
}

static void anonymous(void **state)
{
	map(P(0), 4 * PAGE_SIZE, RW, -1, 0);
	map(P(4), PAGE_SIZE, PROT_READ, -1, 0);
	map(P(5), PAGE_SIZE, 0, -1, 0);
	assert_int_equal(ask(P(1) + 5, false), 0);
	assert_int_equal(peek(as, P(1)), 0);
	assert_int_equal(ask(P(2), true), 0);
	assert_int_equal(ask(P(4), true), -EFAULT);
	assert_int_equal(ask(P(4), false), 0);
	assert_int_equal(ask(P(5), false), -EFAULT);
	assert_int_equal(ask(P(6), false), -EFAULT);
	assert_int_equal(ask(AZ_USER_END, false), -EFAULT);
}

static void of_a_file(void **state)
{
	u64 before;

	map(P(0), 4 * PAGE_SIZE, RW, 3, PAGE_SIZE);
	assert_int_equal(ask(P(1) + 7, true), AZ_PAGE_READ);
	assert_int_equal(q.offset, 2 * PAGE_SIZE);
	assert_int_equal(fill_and_ask(), 0);
	assert_int_equal(peek(as, P(1) + 7), fake_file_byte(2 * PAGE_SIZE + 7));
	assert_true(pte_writable(entry_at(as, P(1))));
	assert_int_equal(ask(P(1), false), 0);
	/* nothing to read there: the frame comes back */
	before = stats[0].free;
	assert_int_equal(ask(P(3), false), AZ_PAGE_READ);
	aspace_page(as, &q);
	assert_int_equal(q.ret, -EIO);
	assert_int_equal(stats[0].free, before);
}

static void somebody_is_faster(void **state)
{
	map(P(0), PAGE_SIZE, RW, 3, 0);
	assert_int_equal(ask(P(0), false), AZ_PAGE_READ);
	poke(as, P(0), 99);
	assert_int_equal(fill_and_ask(), 0);
	assert_int_equal(peek(as, P(0)), 99);
}

static void the_file_goes_meanwhile(void **state)
{
	map(P(0), PAGE_SIZE, RW, 3, 0);
	assert_int_equal(ask(P(0), false), AZ_PAGE_READ);
	assert_int_equal(aspace_unmap(as, P(0), PAGE_SIZE), 0);
	assert_int_equal(fake.closed, 0);
	map(P(0), PAGE_SIZE, RW, 3, 0);
	assert_int_equal(fill_and_ask(), -EAGAIN);
	assert_int_equal(fake.closed, 0);		/* not from here */
	assert_int_equal(aspace_unmap(as, P(0), PAGE_SIZE), 0);
	assert_int_equal(fake.closed, 2);
}

static int during;

static void ask_during_zap(void)
{
	u32 calls = fake.calls;

	q = (struct az_page_query){ .addr = P(0) };
	aspace_page(as, &q);
	during = q.ret;
	assert_int_equal(fake.calls, calls);
}

static void not_while_a_range_changes(void **state)
{
	u64 span;

	map(P(0), PAGE_SIZE, RW, -1, 0);
	poke(as, P(0), 1);
	*pt_find(as->pgd, P(0), &span) |= AZ_PTE_MIRRORED;
	fake.during = ask_during_zap;
	assert_int_equal(aspace_protect(as, P(0), PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(fake.zaps, 1);
	assert_int_equal(during, -EAGAIN);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(anonymous), T(of_a_file), T(somebody_is_faster), T(the_file_goes_meanwhile), T(not_while_a_range_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
