/* SPDX-License-Identifier: GPL-2.0 */
/* What calls a thread may still make, and who else gets to see them first: seccomp.c, user_dispatch.c, prctl.c. */
#ifndef LWK_SECCOMP_H
#define LWK_SECCOMP_H

#include "thread.h"

#define SECCOMP_MODE_STRICT	1u
#define SECCOMP_MODE_FILTER	2u

/* True: the call is not to be made, *@ret is its result. May end the thread. */
bool seccomp_takes(struct frame *f, long *ret);
bool user_dispatch_takes(struct frame *f);

long seccomp_set_strict(void);
long seccomp_set_filter(u32 flags, uaddr_t args);
long user_dispatch_set(u64 mode, uaddr_t start, u64 length, uaddr_t selector);

#endif
