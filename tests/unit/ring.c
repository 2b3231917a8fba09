/* SPDX-License-Identifier: GPL-2.0 */
/* The ring between the kernels: nothing lost, nothing doubled, in order, with one producer and one consumer at a time. */
#include "unit.h"
#include "ring.h"
#include "spinlock.h"

#define EVENTS	60000u

static struct az_ring ring;
static struct spinlock producers;

static int setup(void **state)
{
	ring.head = ring.tail = 0;
	return 0;
}

static void empty_and_full(void **state)
{
	u64 event = 5;

	assert_false(ring_pop(&ring, &event));
	assert_int_equal(event, 5);
	for (u32 i = 0; i < AZ_RING_ENTRIES; i++)
		assert_true(ring_push(&ring, i));
	assert_false(ring_push(&ring, 1));
	for (u32 i = 0; i < AZ_RING_ENTRIES; i++) {
		assert_true(ring_pop(&ring, &event));
		assert_int_equal(event, i);
	}
	assert_false(ring_pop(&ring, &event));
}

static void indices_wrap(void **state)
{
	u64 event;

	ring.head = ring.tail = UINT32_MAX - 2;
	for (u32 i = 0; i < AZ_RING_ENTRIES; i++)
		assert_true(ring_push(&ring, i));
	assert_false(ring_push(&ring, 1));
	for (u32 i = 0; i < AZ_RING_ENTRIES; i++) {
		assert_true(ring_pop(&ring, &event));
		assert_int_equal(event, i);
	}
	assert_false(ring_pop(&ring, &event));
}

static void events_keep_type_and_payload(void **state)
{
	u64 event = AZ_EVENT(AZ_EV_FRAME_FREE, 0xabcdef012345ULL << 8 | 9);

	assert_int_equal(AZ_EVENT_TYPE(event), AZ_EV_FRAME_FREE);
	assert_int_equal(AZ_EVENT_PAYLOAD(event), 0xabcdef01234509ULL);
}

static void push_until_done(u64 event)
{
	while (!ring_push(&ring, event))
		arch_relax();
}

static void *one_producer(void *arg)
{
	for (u64 i = 0; i < EVENTS; i++)
		push_until_done(i);
	return NULL;
}

static void two_threads_keep_order(void **state)
{
	pthread_t thread;
	u64 event;

	assert_int_equal(pthread_create(&thread, NULL, one_producer, NULL), 0);
	for (u64 i = 0; i < EVENTS; i++) {
		while (!ring_pop(&ring, &event))
			arch_relax();
		assert_int_equal(event, i);
	}
	pthread_join(thread, NULL);
	assert_false(ring_pop(&ring, &event));
}

static void *locked_producer(void *arg)
{
	for (u64 i = 0; i < EVENTS / THREADS; i++) {
		spin_lock(&producers);
		push_until_done(AZ_EVENT((uintptr_t)arg, i));
		spin_unlock(&producers);
	}
	return NULL;
}

static void many_producers_keep_their_order(void **state)
{
	pthread_t thread[THREADS];
	u64 next[THREADS] = { 0 }, event;

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, locked_producer, (void *)i), 0);
	for (u32 i = 0; i < EVENTS; i++) {
		while (!ring_pop(&ring, &event))
			arch_relax();
		assert_int_equal(AZ_EVENT_PAYLOAD(event), next[AZ_EVENT_TYPE(event)]++);
	}
	for (u32 i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_false(ring_pop(&ring, &event));
}

static u32 kicked, interrupts;	/* as in struct az_cpu; interrupts stands for the IPI */

static void *kicking_producer(void *arg)
{
	for (u64 i = 0; i < EVENTS / 4; i++) {
		push_until_done(i);
		if (!__atomic_exchange_n(&kicked, 1, __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&interrupts, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* The doorbell of azalea.h. Drains only after an interrupt, as a sleeping CPU does. Hangs, and is ended by the time limit, if a wake-up is lost. */
static void doorbell_loses_nothing(void **state)
{
	u64 taken = 0, event;
	u32 served = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, kicking_producer, NULL), 0);
	while (taken < EVENTS / 4) {
		while (__atomic_load_n(&interrupts, __ATOMIC_SEQ_CST) == served)
			arch_relax();
		served++;
		__atomic_exchange_n(&kicked, 0, __ATOMIC_SEQ_CST);
		while (ring_pop(&ring, &event))
			assert_int_equal(event, taken++);
	}
	pthread_join(thread, NULL);
}

static struct az_ring rings[THREADS];
static u64 marked;		/* as in struct az_util */
static u64 rounds_done;		/* in each, every producer pushes once: no later event makes up for a lost wake-up */

static void *marking_producer(void *arg)
{
	uintptr_t index = (uintptr_t)arg;

	for (u64 round = 0; round < EVENTS / 4; round++) {
		while (__atomic_load_n(&rounds_done, __ATOMIC_ACQUIRE) != round)
			arch_relax();
		assert_true(ring_push(&rings[index], round));
		__atomic_fetch_or(&marked, 1ULL << index, __ATOMIC_SEQ_CST);
		if (!__atomic_exchange_n(&kicked, 1, __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&interrupts, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* How many events the marked rings had. */
static u32 take_marked(u64 round)
{
	u64 marks = __atomic_exchange_n(&marked, 0, __ATOMIC_SEQ_CST), event;
	u32 taken = 0;

	for (; marks; marks &= marks - 1)
		while (ring_pop(&rings[__builtin_ctzll(marks)], &event)) {
			assert_int_equal(event, round);
			taken++;
		}
	return taken;
}

/* Many rings behind one doorbell: only the marked ones are looked at, and none is forgotten. */
static void marks_lose_nothing(void **state)
{
	pthread_t thread[THREADS];
	u32 served = 0, taken;

	kicked = interrupts = 0;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, marking_producer, (void *)i), 0);
	for (u64 round = 0; round < EVENTS / 4; round++) {
		for (taken = 0; taken < THREADS; served++) {
			while (__atomic_load_n(&interrupts, __ATOMIC_SEQ_CST) == served)
				arch_relax();
			__atomic_exchange_n(&kicked, 0, __ATOMIC_SEQ_CST);
			taken += take_marked(round);
		}
		__atomic_store_n(&rounds_done, round + 1, __ATOMIC_RELEASE);
	}
	for (u32 i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty_and_full, setup),
		cmocka_unit_test_setup(indices_wrap, setup),
		cmocka_unit_test_setup(events_keep_type_and_payload, setup),
		cmocka_unit_test_setup(two_threads_keep_order, setup),
		cmocka_unit_test_setup(many_producers_keep_their_order, setup),
		cmocka_unit_test_setup(doorbell_loses_nothing, setup),
		cmocka_unit_test_setup(marks_lose_nothing, setup),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
