/* SPDX-License-Identifier: GPL-2.0 */
/* Call slots: a call, the fault that the twin meets in it, and the call that the fault needs; what events about a slot do. */
#include "unit.h"
#include "host.h"
#include "cpu.h"
#include "offload.h"

#define OUTER		17
#define ADDRESS		0x123456000ULL

static struct cpu cpu;
static struct az_cpu shared;
static struct az_handover hand;
struct az_handover *handover = &hand;
static struct thread thread;
static struct proc proc;
static struct az_slot *slot;
static u32 faults, backs, inner_nr, signals, interrupts;

#define this_cpu()	(&cpu)
#include "offload/slot.c"

/* The twin, which always sleeps, so that the LWK has to wake it. */
void event_to_linux(u64 event)
{
	if (AZ_EVENT_TYPE(event) == AZ_EV_SIG_TAKEN)
		return;
	assert_int_equal(event, AZ_EVENT(AZ_EV_CALL, thread.slot_index));
	assert_int_equal(slot->nr, OUTER);
	assert_int_equal(slot->arg[5], 6);
	if (slot->state == AZ_SLOT_INNER) {
		assert_int_equal(slot->inner_nr, inner_nr);
		assert_int_equal(slot->inner_arg[3], 40);
		slot->inner_ret = 123;
		slot->state = AZ_SLOT_FAULT;
	} else if (backs) {
		backs--;
		assert_int_equal(slot->sig_due, 1);
		slot->state = AZ_SLOT_BACK;
	} else if (faults) {
		faults--;
		slot->fault_addr = ADDRESS;
		slot->state = AZ_SLOT_FAULT;
	} else {
		slot->ret = 55;
		slot->state = AZ_SLOT_DONE;
	}
}

bool aspace_keys_allow(struct aspace *as, uaddr_t addr, u64 len, bool write)
{
	return true;
}

long aspace_fault(struct aspace *as, uaddr_t addr, u32 access, int *si_code)
{
	assert_int_equal(addr, ADDRESS);
	assert_true(access & FAULT_NOWAIT);
	if (inner_nr)
		assert_int_equal(FORWARD(inner_nr, 10, 20, 30, 40), 123);
	return 0;
}

struct thread *thread_of_slot(u32 index)
{
	return index == thread.slot_index ? &thread : NULL;
}

void thread_interrupt(struct thread *t, u32 work)
{
	assert_ptr_equal(t, &thread);
	t->work |= work;
	interrupts++;
}

void thread_signal(u32 index, const u8 info[128])
{
	assert_int_equal(index, thread.slot_index);
	signals += info[0];
}

static int setup(void **state)
{
	hand.slots = HOST_PHYS_START;
	hand.hypervisor = 1;
	cpu.shared = &shared;
	slot = (struct az_slot *)phys_to_virt(hand.slots) + 3;
	memset(slot, 0, sizeof(*slot));
	slot->state = AZ_SLOT_IDLE;
	slot->twin_sleeping = 1;
	thread = (struct thread){ .slot = slot, .slot_index = 3, .proc = &proc };
	host_thread = &thread;
	faults = backs = inner_nr = signals = interrupts = 0;
	return 0;
}

static void a_call(void **state)
{
	assert_int_equal(FORWARD(OUTER, 1, 2, 3, 4, 5, 6), 55);
	assert_int_equal(slot->state, AZ_SLOT_IDLE);
}

static void a_call_with_faults(void **state)
{
	faults = 3;
	assert_int_equal(FORWARD(OUTER, 1, 2, 3, 4, 5, 6), 55);
	assert_int_equal(slot->fault_ret, 0);
}

static void a_call_inside_a_call(void **state)
{
	faults = 2;
	inner_nr = AZ_CALL_FILE_READ;
	assert_int_equal(FORWARD(OUTER, 1, 2, 3, 4, 5, 6), 55);
	assert_int_equal(slot->state, AZ_SLOT_IDLE);
	inner_nr = AZ_CALL_ZAP;		/* may wait for locks that the outer call holds */
	faults = 1;
	assert_check_fails(FORWARD(OUTER, 1, 2, 3, 4, 5, 6));
}

static void nothing_for_who_is_killed(void **state)
{
	thread.work = WORK_KILL;
	assert_int_equal(FORWARD(OUTER, 1, 2, 3, 4, 5, 6), -EINTR);
	assert_int_equal(slot->state, AZ_SLOT_IDLE);
}

static void a_call_after_a_signal(void **state)
{
	long ret;

	backs = 1;
	slot->sig_due = 1;
	assert_false(forward_begins(OUTER, (const u64[6]){ 1, 2, 3, 4, 5, 6 }, &ret));
	assert_int_equal(slot->sig_due, 0);
	assert_int_equal(slot->state, AZ_SLOT_IDLE);
	assert_true(forward_begins(OUTER, (const u64[6]){ 1, 2, 3, 4, 5, 6 }, &ret));
	assert_int_equal(ret, 55);
	backs = 1;		/* what the LWK itself asks for does not wait for handlers */
	slot->sig_due = 1;
	assert_int_equal(FORWARD(OUTER, 1, 2, 3, 4, 5, 6), 55);
	assert_int_equal(backs, 0);
}

static void pauses_are_told_again_once_seen(void **state)
{
	slot->pause_told = 1;
	slot_pause_seen(3);
	assert_int_equal(slot->pause_told, 0);
	assert_int_equal(thread.work, WORK_PAUSE);
	slot->pause_told = 1;
	thread.slot_index = 5;		/* no thread yet: it will look when it is placed */
	slot_pause_seen(3);
	assert_int_equal(slot->pause_told, 0);
	slot_pause_seen(AZ_SLOTS);
	assert_int_equal(interrupts, 1);
}

static void a_signal_is_taken_once(void **state)
{
	slot->siginfo[0] = 10;
	slot->sig_full = 1;
	slot_take_signal(3);
	slot_take_signal(3);
	slot_take_signal(AZ_SLOTS);
	assert_int_equal(signals, 10);
	assert_int_equal(slot->sig_full, 0);
	assert_int_equal(slot->sig_due, 1);
}

#define T(f)	cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_call), T(a_call_with_faults), T(a_call_inside_a_call), T(nothing_for_who_is_killed), T(pauses_are_told_again_once_seen),
		T(a_signal_is_taken_once), T(a_call_after_a_signal),
	};

	return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
