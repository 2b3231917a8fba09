/* SPDX-License-Identifier: GPL-2.0 */
/* What the LWK says to operators (log ring) and what it insists on (checks). */
#ifndef LWK_LOG_H
#define LWK_LOG_H

#include <stdarg.h>
#include "types.h"

/* Appends a formatted line to the log ring. Understands %d %u %x %lx %lu %ld %s %p %c with widths and zero padding. */
void log_line(const char *fmt, ...) __printf(1, 2);

/* The same without telling Linux that there is something to read. */
void log_args(const char *fmt, va_list args);

/* debug/fatal.c: the program dies of a signal that it causes now; thread context, asks Linux for names. */
void log_fatal_signal(u32 sig, s32 code, uaddr_t addr);

/* Reports what failed and where, stops all LWK CPUs, tells Linux. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* States what this kernel guarantees. Never for input from programs, proxies or Linux: those get an errno. */
#define check(x) \
	do { \
		if (unlikely(!(x))) \
			panic("check failed: %s at %s:%d", #x, __FILE__, __LINE__); \
	} while (0)

#endif
