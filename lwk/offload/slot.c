/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The LWK's side of a call slot: put a request, wait for Linux, serve the page faults that the twin meets on the way, take the result.
 * States and the sleeping protocol are drawn in azalea.h.
 */
#include "cpu.h"
#include "errno.h"
#include "log.h"
#include "mm.h"
#include "offload.h"
#include "string.h"

#define SPIN_HYPERVISOR	10	/* turns before sleeping: under a hypervisor a spinning CPU takes time from the one it waits for */
#define SPIN_METAL	20000

/* Hands the slot to the twin in @state, waking it if it sleeps. */
static void slot_release(struct az_slot *slot, u32 index, u32 state)
{
	/* slot_release:A, pairs with the twin's load of state after it set twin_sleeping; full barrier between the two */
	__atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->twin_sleeping, __ATOMIC_SEQ_CST))
		event_to_linux(AZ_EVENT(AZ_EV_CALL, index));
}

static u32 slot_state(struct az_slot *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

static bool slot_answered(struct az_slot *slot)
{
	u32 state = slot_state(slot);

	return state == AZ_SLOT_DONE || state == AZ_SLOT_FAULT || state == AZ_SLOT_BACK;
}

/* Waits until the twin has answered; false if the process ends first. */
static bool slot_wait(struct thread *t)
{
	struct az_slot *slot = t->slot;

	for (u32 i = handover->hypervisor ? SPIN_HYPERVISOR : SPIN_METAL; i && !slot_answered(slot); i--)
		arch_relax();
	while (!slot_answered(slot)) {
		__atomic_store_n(&slot->lwk_waiting, 1, __ATOMIC_SEQ_CST);
		if (!slot_answered(slot)) {
			if (thread_work() & WORK_KILL)
				return false;
			thread_park(0);
		}
		__atomic_store_n(&slot->lwk_waiting, 0, __ATOMIC_SEQ_CST);
	}
	return true;
}

const u64 *slot_lent(void)
{
	return current_thread()->slot->lent;
}

/* Hands over a request and counts it. */
static void slot_request(struct thread *t, u32 state)
{
	this_cpu()->shared->stats.calls_forwarded++;
	slot_release(t->slot, t->slot_index, state);
}

/* A call while the twin waits in a page fault for this thread. */
static long forward_inner(struct thread *t, u32 nr, const u64 arg[6])
{
	struct az_slot *slot = t->slot;

	check(nr == AZ_CALL_FILE_READ || nr == AZ_CALL_FILE_CLOSE);
	slot->inner_nr = nr;
	memcpy(slot->inner_arg, arg, sizeof(slot->inner_arg));
	slot_request(t, AZ_SLOT_INNER);
	return slot_wait(t) ? slot->inner_ret : -EINTR;
}

/* The twin touched a page of the program that is not there. */
static void serve_fault(struct thread *t)
{
	struct az_slot *slot = t->slot;
	u32 access = FAULT_NOWAIT | (slot->fault_write ? FAULT_WRITE : FAULT_UNSHARE);
	struct aspace *as = t->proc->aspace;
	int code;

	if (aspace_keys_allow(as, slot->fault_addr, 1, slot->fault_write) && !aspace_fault(as, slot->fault_addr, access, &code))
		slot->fault_ret = 0;
	else
		slot->fault_ret = -EFAULT;
	slot_release(slot, t->slot_index, AZ_SLOT_CALL);
}

/* A full barrier: a signal that came before is found when the caller looks, and one that comes later sets it again. */
void slot_signals_seen(struct az_slot *slot)
{
	__atomic_store_n(&slot->sig_due, 0, __ATOMIC_SEQ_CST);
}

bool forward_begins(u32 nr, const u64 arg[6], long *ret)
{
	struct thread *t = current_thread();
	struct az_slot *slot = t->slot;
	bool begun;

	*ret = -EINTR;
	if (thread_work() & WORK_KILL)
		return true;
	if (slot_state(slot) == AZ_SLOT_FAULT) {
		*ret = forward_inner(t, nr, arg);
		return true;
	}
	slot->nr = nr;
	memcpy(slot->arg, arg, sizeof(slot->arg));
	slot_request(t, AZ_SLOT_CALL);
	for (;;) {
		if (!slot_wait(t))
			return true;
		if (slot_state(slot) != AZ_SLOT_FAULT)
			break;
		serve_fault(t);
	}
	begun = slot_state(slot) == AZ_SLOT_DONE;
	if (begun)
		*ret = slot->ret;
	else
		slot_signals_seen(slot);
	__atomic_store_n(&slot->state, AZ_SLOT_IDLE, __ATOMIC_RELAXED);
	if (*ret == -ERESTART_RESTARTBLOCK)
		t->restart.run = NULL;
	if (*ret <= -ERESTARTSYS && *ret >= -ERESTART_RESTARTBLOCK)
		thread_interrupt(t, WORK_RESTART);
	return begun;
}

long forward(u32 nr, const u64 arg[6])
{
	long ret;

	while (!forward_begins(nr, arg, &ret))
		;
	return ret;
}

void slot_exit(struct az_slot *slot, u32 index, u32 status)
{
	slot->arg[0] = status;
	slot_release(slot, index, AZ_SLOT_EXIT);
}

void slot_pause_seen(u32 index)
{
	struct az_slot *slot = (struct az_slot *)phys_to_virt(handover->slots) + index;
	struct thread *t;

	if (index >= AZ_SLOTS)
		return;
	/* slot_pause_seen:A, pairs with the driver's xchg: it sees 0 and tells again, or the thread sees the new value of paused */
	__atomic_exchange_n(&slot->pause_told, 0, __ATOMIC_SEQ_CST);
	t = thread_of_slot(index);
	if (t)
		thread_interrupt(t, WORK_PAUSE);
}

void slot_take_signal(u32 index)
{
	struct az_slot *slot = (struct az_slot *)phys_to_virt(handover->slots) + index;
	u8 info[128];

	if (index >= AZ_SLOTS)
		return;
	/* slot_take_signal:A, pairs with the driver's release of sig_full; empty: the twin that sent the event has ended meanwhile */
	if (!__atomic_load_n(&slot->sig_full, __ATOMIC_ACQUIRE))
		return;
	memcpy(info, slot->siginfo, sizeof(info));
	thread_signal(index, info);
	/*
	 * slot_take_signal:B, pairs with the driver's acquire load: the thread has the signal before the twin stores a result, or finds out
	 * whether it has seen it before it made the next call
	 */
	__atomic_store_n(&slot->sig_due, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->sig_full, 0, __ATOMIC_RELEASE);
	event_to_linux(AZ_EVENT(AZ_EV_SIG_TAKEN, index));
}
