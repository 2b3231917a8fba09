/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that Linux executes. forward() may sleep: no spin lock may be held. The result is Linux's, -ERESTART* included; the
 * exit path of the system call turns those into EINTR or a restart.
 */
#ifndef LWK_OFFLOAD_H
#define LWK_OFFLOAD_H

#include "types.h"

/* Runs call @nr (Linux's number or enum az_call) with six arguments on the current thread's twin. */
long forward(u32 nr, const u64 arg[6]);

/*
 * The same for a call that may wait until a signal comes, with the result in @ret. False: nothing was done, because a signal came before
 * the call began, although perhaps not one that the thread lets through.
 */
bool forward_begins(u32 nr, const u64 arg[6], long *ret);

/* Tells the twin that its thread is over: it exits with @status and gives the slot back. Does not wait. */
struct az_slot;
void slot_exit(struct az_slot *slot, u32 index, u32 status);
/* slot->paused has changed, perhaps several times: its thread looks. */
void slot_pause_seen(u32 slot);
/* Before the current thread looks at its signals. */
void slot_signals_seen(struct az_slot *slot);
/* The siginfo that Linux left for a slot, handed to its thread. */
void slot_take_signal(u32 slot);

/* With the result of AZ_CALL_LINUX_FAULT: what Linux lends around the page, AZ_LENT_MAX at most. */
const u64 *slot_lent(void);

#define FORWARD(nr, ...) ({ const u64 arg_[6] = { __VA_ARGS__ }; forward(nr, arg_); })

#endif
