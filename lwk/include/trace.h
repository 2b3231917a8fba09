/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls written for `yod --trace`. Threads of a traced process have a struct trace and enter the kernel by syscall_entry_traced;
 * nobody else comes here. When a line is written: debug/trace.c; how it reads: debug/decode.c.
 */
#ifndef LWK_TRACE_H
#define LWK_TRACE_H

#include "azalea.h"
#include "syscall_desc.h"
#include "types.h"

#define TRACE_TEXT	AZ_TRACE_LENGTH	/* of a line; a longer one is cut and says so */

struct text {
	char *at;		/* TRACE_TEXT bytes */
	u32 used;
};

/* A call that is being written. */
struct trace_call {
	u32 nr;
	unsigned long value[6];
	const struct syscall_desc *row;		/* NULL: a number without a row */
	const struct syscall_desc *desc;	/* the row, or what its op selects */
	u32 next;				/* first argument that is not written yet */
};

/* ---- debug/decode.c ---- */

void text_add(struct text *t, const char *fmt, ...) __printf(2, 3);
/* Blanks up to where results begin, if the line is @column longer than the text. */
void text_pad(struct text *t, u32 column);
void decode_name(struct text *t, const struct trace_call *c);
/* The name and all arguments that are known before the call has run. */
void decode_begin(struct text *t, struct trace_call *c);
/* The other arguments, then the result. @column: how long the line is already. */
void decode_end(struct text *t, struct trace_call *c, long ret, u32 column);
/* "--- SIGUSR1 {...} ---" for Linux's siginfo_t. */
void decode_signal(struct text *t, const u8 info[128]);

/* ---- debug/trace.c ---- */

struct thread;
struct trace;
struct frame;

/* Called when a thread gets its slot: from now on it is traced if its process is. */
void trace_thread(struct thread *t);
/* The thread was killed and ends; its twin may still be reading a line. */
void trace_leave(struct thread *t);
/* Runs the call in @f and writes it. */
long syscall_dispatch_traced(struct frame *f);
/* A call that waited for a full frame (syscall/deferred.c) has this result. */
void trace_deferred(struct trace *tr, long ret);
/* The current thread gets a signal that it handles or dies of. */
void trace_signal(struct trace *tr, const u8 info[128]);

#endif
