/* SPDX-License-Identifier: GPL-2.0 */
/* NUMA policy: modes and masks as Linux checks them, frames from the right nodes. */
#include "unit.h"
#include "fake_driver.h"
#include "mm/aspace.h"
#include "syscall_proto.h"
#include "thread.h"

#define RW		(PROT_READ | PROT_WRITE)
#define PRIVATE		0x02
#define FIXED		0x10
#define ANON		0x20
#define SLABS_KEPT	10

enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY };

#define F_NODE		1
#define F_ADDR		2
#define F_ALLOWED	4
#define STRICT		1
#define MOVE		2
#define STATIC_NODES	(1 << 15)

#define P(n)		(0x10000000ULL + (n) * PAGE_SIZE)
#define MASK		BUFFER
#define MODE		(BUFFER + 64)

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
	as = aspace_create(budget_create(0), 8 * MB);
	memset(&fake, 0, sizeof(fake));
	memset(&thread, 0, sizeof(thread));
	thread.proc = &proc;
	fake.as = as;
	host_aspace = as;
	host_thread = &thread;
	host_node = 0;
	return 0;
}

static int teardown(void **state)
{
	u64 used = 0;

	aspace_check(as);
	aspace_put(as);
	host_thread = NULL;
	for (u32 i = 0; i < 4; i++)
		used += stats[i].total - stats[i].free;
	assert_true(used <= SLABS_KEPT);
	return 0;
}

static void map(uaddr_t addr, u64 len)
{
	struct map_args a = { addr, len, RW, PRIVATE | ANON | FIXED, -1, 0 };

	assert_int_equal(aspace_map(as, &a), addr);
}

static u32 touch(uaddr_t addr)
{
	u64 span;

	assert_int_equal(aspace_populate(as, addr, PAGE_SIZE, true), 0);
	return frame_node(pte_frame(pte_load(pt_find(as->pgd, addr, &span))));
}

static void put_mask(u64 nodes)
{
	memset(fake_buffer, 0, 128);
	memcpy(fake_buffer, &nodes, sizeof(nodes));
}

static long set(int mode, u64 nodes)
{
	put_mask(nodes);
	return sys_set_mempolicy(NULL, mode, MASK, 65);
}

static long bind(uaddr_t addr, u64 len, int mode, u64 nodes, u32 flags)
{
	long ret;

	put_mask(nodes);
	ret = sys_mbind(NULL, addr, len, mode, MASK, 65, flags);
	aspace_check(as);
	return ret;
}

/* get_mempolicy()'s mode or node; its mask is in *@nodes. */
static long get(u64 *nodes, uaddr_t addr, u64 flags)
{
	s32 mode;
	long ret = sys_get_mempolicy(NULL, MODE, MASK, 65, addr, flags);

	memcpy(&mode, fake_buffer + 64, sizeof(mode));
	memcpy(nodes, fake_buffer, sizeof(*nodes));
	return ret ? ret : mode;
}

static void modes_and_masks(void **state)
{
	u64 nodes;

	assert_int_equal(set(6, 1), -EINVAL);
	assert_int_equal(set(DEFAULT, 1), -EINVAL);
	assert_int_equal(set(BIND, 0), -EINVAL);
	assert_int_equal(set(BIND, 4), -EINVAL);
	assert_int_equal(set(LOCAL, 1), -EINVAL);
	assert_int_equal(set(BIND | STATIC_NODES | 1 << 14, 1), -EINVAL);
	assert_int_equal(set(INTERLEAVE | 1 << 13, 1), -EINVAL);
	assert_int_equal(sys_set_mempolicy(NULL, BIND, 8, 65), -EFAULT);
	assert_int_equal(sys_set_mempolicy(NULL, BIND, MASK, 40000), -EINVAL);
	assert_int_equal(sys_set_mempolicy(NULL, BIND, MASK, 0), -EINVAL);
	assert_int_equal(sys_set_mempolicy(NULL, 6, 8, 65), -EINVAL);
	memset(fake_buffer, 0xff, 16);
	assert_int_equal(sys_set_mempolicy(NULL, BIND, MASK, 129), -EINVAL);
	assert_int_equal(get(&nodes, 0, 0), DEFAULT);
	assert_int_equal(nodes, 0);
	assert_int_equal(set(BIND, 2 | 4), 0);
	assert_int_equal(get(&nodes, 0, 0), BIND);
	assert_int_equal(nodes, 2);
	assert_int_equal(set(BIND | STATIC_NODES, 2 | 4), 0);
	assert_int_equal(get(&nodes, 0, 0), BIND | STATIC_NODES);
	assert_int_equal(nodes, 6);
	assert_int_equal(set(PREFERRED, 0), 0);
	assert_int_equal(get(&nodes, 0, 0), LOCAL);
	assert_int_equal(get(&nodes, 0, F_ALLOWED), 0);
	assert_int_equal(nodes, 1 | 2 | 8);
	assert_int_equal(get(&nodes, 0, F_ALLOWED | F_ADDR), -EINVAL);
	assert_int_equal(get(&nodes, 0, F_NODE), -EINVAL);
	assert_int_equal(get(&nodes, 0, 8), -EINVAL);
	assert_int_equal(get(&nodes, P(0), 0), -EINVAL);
	assert_int_equal(get(&nodes, P(0), F_ADDR), -EFAULT);
	assert_int_equal(sys_get_mempolicy(NULL, MODE, MASK, 3, 0, 0), -EINVAL);
	assert_int_equal(sys_get_mempolicy(NULL, 0, 0, 0, 0, 0), 0);
}

static void frames_of_a_thread(void **state)
{
	u64 nodes;

	map(P(0), 2048 * PAGE_SIZE);
	assert_int_equal(touch(P(0)), 0);
	assert_int_equal(set(BIND, 2), 0);
	assert_int_equal(touch(P(512)), 1);
	assert_int_equal(set(PREFERRED, 8 | 2), 0);
	assert_int_equal(touch(P(1024)), 1);
	assert_int_equal(set(PREFERRED_MANY, 8), 0);
	assert_int_equal(touch(P(1536)), 3);
	assert_int_equal(get(&nodes, P(1536), F_ADDR | F_NODE), 3);
	assert_int_equal(get(&nodes, P(1536), F_ADDR), DEFAULT);
}

static void a_thread_interleaves(void **state)
{
	const u32 turns[] = { 1, 3, 0 };
	u64 nodes;
	u32 first;

	map(P(1), 16 * PAGE_SIZE);
	assert_int_equal(set(INTERLEAVE, 1 | 2 | 8), 0);
	first = get(&nodes, 0, F_NODE);
	assert_int_equal(touch(P(1)), first);
	for (u32 i = 2; i < 14; i++)
		assert_int_equal(touch(P(i)), turns[(i - 2) % 3]);
	map(0x40000000, 2 * LARGE_SIZE);
	assert_int_not_equal(touch(0x40000000), touch(0x40000000 + LARGE_SIZE));
}

static void a_range_interleaves(void **state)
{
	uaddr_t a = 0x40000000;

	map(a, 8 * LARGE_SIZE);
	assert_int_equal(bind(a, 8 * LARGE_SIZE, INTERLEAVE, 1 | 2, 0), 0);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(touch(a + i * LARGE_SIZE), i % 2);
	map(P(1), 16 * PAGE_SIZE);
	assert_int_equal(bind(P(1), 16 * PAGE_SIZE, INTERLEAVE, 1 | 2, 0), 0);
	assert_int_equal(touch(P(9)), 1);
	assert_int_equal(touch(P(2)), 0);
	assert_int_equal(touch(P(3)), 1);
}

static void a_full_node(void **state)
{
	u64 pages = stats[3].free;

	map(P(0), (pages + 512) * PAGE_SIZE);
	assert_int_equal(bind(P(0), (pages + 512) * PAGE_SIZE, BIND, 8, 0), 0);
	assert_int_equal(aspace_populate(as, P(0), (pages + 512) * PAGE_SIZE, true), -EFAULT);
	assert_int_equal(stats[3].free, 0);
	assert_int_equal(bind(P(0), (pages + 512) * PAGE_SIZE, PREFERRED_MANY, 8, 0), 0);
	assert_int_equal(aspace_populate(as, P(0), (pages + 512) * PAGE_SIZE, true), 0);
}

static void ranges_have_policies(void **state)
{
	u64 nodes;

	map(P(0), 16 * PAGE_SIZE);
	assert_int_equal(bind(P(4), 4 * PAGE_SIZE, BIND, 2, 0), 0);
	assert_int_equal(aspace_check(as), 3);
	assert_int_equal(get(&nodes, P(4), F_ADDR), BIND);
	assert_int_equal(nodes, 2);
	assert_int_equal(get(&nodes, P(8), F_ADDR), DEFAULT);
	assert_int_equal(touch(P(5)), 1);
	assert_int_equal(touch(P(8)), 0);
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, DEFAULT, 0, 0), 0);
	assert_int_equal(aspace_check(as), 1);
	assert_int_equal(bind(P(0), 17 * PAGE_SIZE, BIND, 2, 0), -EFAULT);
	assert_int_equal(bind(P(0) + 1, PAGE_SIZE, BIND, 2, 0), -EINVAL);
	assert_int_equal(bind(P(0), 0, BIND, 2, 0), 0);
	assert_int_equal(bind(P(0), PAGE_SIZE, BIND, 2, 8), -EINVAL);
	assert_int_equal(bind(P(0), PAGE_SIZE, BIND, 2, 4), -EPERM);
}

static void homes(void **state)
{
	map(P(0), 2048 * PAGE_SIZE);
	assert_int_equal(sys_set_mempolicy_home_node(NULL, P(0), PAGE_SIZE, 1, 0), -EOPNOTSUPP);
	assert_int_equal(bind(P(0), 2048 * PAGE_SIZE, BIND, 1 | 2 | 8, 0), 0);
	assert_int_equal(sys_set_mempolicy_home_node(NULL, P(0), 2048 * PAGE_SIZE, 3, 0), 0);
	assert_int_equal(touch(P(600)), 3);
	assert_int_equal(sys_set_mempolicy_home_node(NULL, P(0), PAGE_SIZE, 2, 0), -EINVAL);
	assert_int_equal(sys_set_mempolicy_home_node(NULL, P(0), PAGE_SIZE, 1, 1), -EINVAL);
	assert_int_equal(sys_set_mempolicy_home_node(NULL, P(4000), PAGE_SIZE, 1, 0), -ENOENT);
}

/* What is there stays where it is unless it is to move, and Linux's errors say so to those who ask. */
static void pages_stay_or_move(void **state)
{
	u64 nodes;

	map(P(0), 16 * PAGE_SIZE);
	assert_int_equal(touch(P(3)), 0);
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, BIND, 1, STRICT), 0);
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, BIND, 2, STRICT), -EIO);
	assert_int_equal(get(&nodes, P(3), F_ADDR), BIND);
	assert_int_equal(nodes, 1);
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, BIND, 2, 0), 0);
	assert_int_equal(touch(P(3)), 0);
	assert_true(fake_mirror(P(3)));
	fake.pin = true;
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, BIND, 2, STRICT | MOVE), -EIO);
	get(&nodes, P(3), F_ADDR);
	assert_int_equal(nodes, 2);
	assert_int_equal(touch(P(3)), 0);
	assert_int_equal(touch(P(4)), 1);
	frame_unpin(fake.pinned, fake.pin_order);
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, BIND, 2, STRICT | MOVE), 0);
	assert_int_equal(touch(P(3)), 1);
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, INTERLEAVE, 1 | 8, MOVE), 0);
	assert_int_not_equal(touch(P(3)), touch(P(4)));
	assert_int_equal(bind(P(0), 16 * PAGE_SIZE, DEFAULT, 0, MOVE), 0);
	assert_int_equal(touch(P(3)) + touch(P(4)), 3);
}

/* A child has the policies of its parent's ranges, and its copies of pages come from where they say. */
static void forks_keep_policies(void **state)
{
	struct aspace *parent = as;

	map(P(0), 4 * PAGE_SIZE);
	touch(P(0));
	assert_int_equal(bind(P(0), 4 * PAGE_SIZE, BIND, 8, 0), 0);
	assert_int_equal(aspace_fork_begin(parent, &as), 0);
	aspace_fork_end(parent);
	assert_int_equal(touch(P(0)), 3);
	aspace_check(as);
	aspace_put(as);
	as = parent;
	assert_int_equal(touch(P(0)), 0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(modes_and_masks), T(frames_of_a_thread), T(a_thread_interleaves), T(a_range_interleaves), T(a_full_node),
		T(ranges_have_policies), T(homes), T(pages_stay_or_move), T(forks_keep_policies),
	};

	return cmocka_run_group_tests_name("policy", tests, setup_memory, NULL);
}
