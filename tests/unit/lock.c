/* SPDX-License-Identifier: GPL-2.0 */
/* Spin locks exclude; lists keep order and know what is in none. */
#include "unit.h"
#include "list.h"
#include "spinlock.h"

#define ROUNDS	5000

struct item {
	u32 value;
	struct list link;
};

static struct spinlock lock;
static u64 counter;
static struct list queue = LIST_INIT(queue);

static void *increment(void *arg)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		spin_lock(&lock);
		counter++;
		spin_unlock(&lock);
	}
	return NULL;
}

static void lock_excludes(void **state)
{
	counter = 0;
	run_threads(increment);
	assert_int_equal(counter, THREADS * ROUNDS);
	assert_false(spin_is_locked(&lock));
}

static void lock_is_seen(void **state)
{
	spin_lock(&lock);
	assert_true(spin_is_locked(&lock));
	spin_unlock(&lock);
	assert_false(spin_is_locked(&lock));
}

static struct item *pop(void)
{
	struct item *item = NULL;

	spin_lock(&lock);
	if (!list_empty(&queue)) {
		item = list_first(&queue, struct item, link);
		list_del(&item->link);
	}
	spin_unlock(&lock);
	return item;
}

static void *produce_and_consume(void *arg)
{
	static struct item items[THREADS][64];
	struct item *mine = items[(uintptr_t)arg], *item;

	for (u32 i = 0; i < 64; i++)
		list_init(&mine[i].link);
	for (u32 i = 0; i < ROUNDS; i++) {
		struct item *one = &mine[i % 64];

		spin_lock(&lock);
		if (list_empty(&one->link)) {
			one->value++;
			list_add_tail(&one->link, &queue);
		}
		spin_unlock(&lock);
		item = pop();
		if (item)
			__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void list_under_a_lock(void **state)
{
	counter = 0;
	run_threads(produce_and_consume);
	while (pop())
		counter++;
	assert_true(counter > 0 && list_empty(&queue));
}

static void list_keeps_order(void **state)
{
	struct item item[4] = { { .value = 0 }, { .value = 1 }, { .value = 2 }, { .value = 3 } };
	struct list *l, *next;
	u32 expected = 0;

	for (u32 i = 1; i < 4; i++)
		list_add_tail(&item[i].link, &queue);
	list_add(&item[0].link, &queue);
	list_for_each(l, &queue)
		assert_int_equal(list_entry(l, struct item, link)->value, expected++);
	assert_int_equal(expected, 4);
	list_del(&item[2].link);
	assert_true(list_empty(&item[2].link));
	list_del(&item[2].link);	/* allowed when in no list */
	list_for_each_safe(l, next, &queue)
		list_del(l);
	assert_true(list_empty(&queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lock_excludes),
		cmocka_unit_test(lock_is_seen),
		cmocka_unit_test(list_keeps_order),
		cmocka_unit_test(list_under_a_lock),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
