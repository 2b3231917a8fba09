/* SPDX-License-Identifier: GPL-2.0 */
/* Touches memory that may not be there. Whoever uses this has caught_by_touch() handle SIGSEGV, SIGBUS or both. */
#ifndef TOUCH_H
#define TOUCH_H

#include <setjmp.h>

static sigjmp_buf touch_back;

static void caught_by_touch(int sig)
{
	siglongjmp(touch_back, sig);
}

/* The signal that reading the byte gives, 0 for none. */
static inline int reading(volatile unsigned char *p)
{
	int sig = sigsetjmp(touch_back, 1);

	if (!sig)
		(void)*p;
	return sig;
}

/* The same for reading and writing it. */
static inline int writing(volatile unsigned char *p)
{
	int sig = sigsetjmp(touch_back, 1);

	if (!sig)
		*p = *p;
	return sig;
}

#endif
