/* SPDX-License-Identifier: GPL-2.0 */
/* Text formatting for the log; host tests use it as well. */
#ifndef LWK_FORMAT_H
#define LWK_FORMAT_H

#include <stdarg.h>
#include "types.h"

/*
 * Writes at most @size bytes including a NUL; returns the bytes before the NUL. Knows %d %u %x %s %c %p %%, the length l, a width
 * and the flag 0; of anything else only the % is dropped.
 */
size_t format_args(char *buf, size_t size, const char *fmt, va_list args);
size_t format(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
