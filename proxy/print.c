// SPDX-License-Identifier: GPL-2.0
/*
 * Strings and messages. A message is one line, written by one call, so that lines of several processes do not mix.
 */
#include "proxy.h"

#define LINE	1024

/* The compiler may call these. */
void *memcpy(void *to, const void *from, size_t size)
{
	void *ret = to;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return ret;
}

void *memset(void *to, int value, size_t size)
{
	void *ret = to;

	asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
	return ret;
}

size_t string_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/' && path[1])
			base = path + 1;
	return base;
}

char *number(char buffer[24], long value)
{
	unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;
	char *at = buffer + 23;

	*at = 0;
	do {
		*--at = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return at;
}

void exit_process(int status)
{
	for (;;)
		sys3(__NR_exit_group, status, 0, 0);
}

void print(const char *const *words)
{
	size_t used = 0;
	char line[LINE];

	for (; *words; words++)
		for (const char *c = *words; *c && used < LINE - 1; c++)
			line[used++] = *c;
	line[used++] = '\n';
	sys3(__NR_write, 2, (uint64_t)line, used);
}

/*
 * Only the first thread of a process that fails speaks: when the LWK dies, all twins learn it at once. A child of vfork(2) shares this
 * memory and speaks for itself; nobody waits for another process to end.
 */
void fail(int status, const char *const *words)
{
	static uint32_t speaker;	/* its process */
	uint32_t self = sys3(__NR_getpid, 0, 0, 0);

	while (__atomic_exchange_n(&speaker, self, __ATOMIC_RELAXED) == self)
		sys3(__NR_pause, 0, 0, 0);
	print(words);
	exit_process(status);
}
