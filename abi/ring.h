/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring: a queue of 64-bit events with one producer and one consumer at a time, on memory that two kernels share.
 *
 * Indices run freely and are reduced on use, so that full and empty differ. The producer owns tail, the consumer owns head;
 * neither ever waits. Where several CPUs produce, they hold a lock of their own kernel around ring_push().
 * The consumer may not trust the indices of a failed peer: at most AZ_RING_ENTRIES events are taken per drain by callers.
 */
#ifndef AZALEA_RING_H
#define AZALEA_RING_H

#include "azalea.h"

/* Appends @event. Returns 0 if the ring is full (nothing happened), else 1. */
static inline int ring_push(struct az_ring *ring, uint64_t event)
{
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);

	/* ring_push:A, pairs with ring_pop:B: the consumer is done reading the entry we overwrite */
	if (tail - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) >= AZ_RING_ENTRIES)
		return 0;
	__atomic_store_n(&ring->entry[tail % AZ_RING_ENTRIES], event, __ATOMIC_RELAXED);
	/* ring_push:B, pairs with ring_pop:A: the entry is written before it is announced */
	__atomic_store_n(&ring->tail, tail + 1, __ATOMIC_RELEASE);
	return 1;
}

/* Takes the oldest event into *@event. Returns 0 if the ring is empty, else 1. */
static inline int ring_pop(struct az_ring *ring, uint64_t *event)
{
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);

	/* ring_pop:A, pairs with ring_push:B */
	if (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == head)
		return 0;
	*event = __atomic_load_n(&ring->entry[head % AZ_RING_ENTRIES], __ATOMIC_RELAXED);
	/* ring_pop:B, pairs with ring_push:A */
	__atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
	return 1;
}

#endif
