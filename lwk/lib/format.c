/* SPDX-License-Identifier: GPL-2.0 */
/* See format.h. */
#include "format.h"

struct out {
	char *buf;
	size_t size, used;
};

static void put(struct out *o, char c)
{
	if (o->used + 1 < o->size)
		o->buf[o->used++] = c;
}

static void put_number(struct out *o, u64 v, u32 base, u32 width, char pad)
{
	char digits[24];
	u32 n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	for (u32 i = n; i < width; i++)
		put(o, pad);
	while (n)
		put(o, digits[--n]);
}

static void put_signed(struct out *o, s64 v, u32 width, char pad)
{
	if (v < 0)
		put(o, '-');
	put_number(o, v < 0 ? -(u64)v : (u64)v, 10, width, pad);
}

static void put_string(struct out *o, const char *s)
{
	while (s && *s)
		put(o, *s++);
}

size_t format_args(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		char pad = ' ';
		u32 width = 0;
		bool l = false;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = *fmt++;
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			l = true;
		switch (*fmt) {
		case 'd': put_signed(&o, l ? va_arg(args, long) : va_arg(args, int), width, pad); break;
		case 'u': put_number(&o, l ? va_arg(args, u64) : va_arg(args, u32), 10, width, pad); break;
		case 'x': put_number(&o, l ? va_arg(args, u64) : va_arg(args, u32), 16, width, pad); break;
		case 'p': put_number(&o, va_arg(args, u64), 16, 16, '0'); break;
		case 'c': put(&o, va_arg(args, int)); break;
		case 's': put_string(&o, va_arg(args, const char *)); break;
		case '%': put(&o, '%'); break;
		default: fmt--;
		}
	}
	if (size)
		buf[o.used] = 0;
	return o.used;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = format_args(buf, size, fmt, args);
	va_end(args);
	return n;
}
