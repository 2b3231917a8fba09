// SPDX-License-Identifier: GPL-2.0
/*
 * yod --trace[=CALLS]: which system calls are to be traced, as bits by number. CALLS are names and classes, separated by commas; what
 * they mean is read from the call table.
 */
#include <err.h>
#include <string.h>

#include "syscall_desc.h"
#include "tools.h"

/* Does a call, or one of its ops, take an argument of this kind? */
static int takes(const struct syscall_desc *row, int kind)
{
	int i;

	for (i = 0; i < row->arg_count; i++)
		if (row->arg[i].kind == kind)
			return 1;
	return 0;
}

static int is_file(const struct syscall_desc *row)
{
	return takes(row, SYSCALL_ARG_PATH);
}

static int is_desc(const struct syscall_desc *row)
{
	return takes(row, SYSCALL_ARG_FD);
}

static int is_signal(const struct syscall_desc *row)
{
	return takes(row, SYSCALL_ARG_SIG) || !strncmp(row->name, "rt_sig", 6) || !strcmp(row->name, "sigaltstack") ||
	       !strcmp(row->name, "pause");
}

static int is_local(const struct syscall_desc *row)
{
	return row->disposition == SYSCALL_LOCAL;
}

static int is_split(const struct syscall_desc *row)
{
	return row->disposition == SYSCALL_SPLIT;
}

static int is_forward(const struct syscall_desc *row)
{
	return row->disposition == SYSCALL_FORWARD;
}

static int is_refuse(const struct syscall_desc *row)
{
	return row->disposition == SYSCALL_REFUSE;
}

static int is_any(const struct syscall_desc *row)
{
	(void)row;
	return 1;
}

static const struct {
	const char *name;
	int (*has)(const struct syscall_desc *row);
} classes[] = {
	{ "%file", is_file }, { "%desc", is_desc }, { "%signal", is_signal },
	{ "local", is_local }, { "split", is_split }, { "forward", is_forward }, { "refuse", is_refuse }, { "all", is_any },
};

static void set(uint64_t *bits, unsigned int number)
{
	bits[number / 64] |= 1ULL << number % 64;
}

static int is_word(const char *name, const char *word, size_t length)
{
	return strlen(name) == length && !memcmp(name, word, length);
}

/* Sets the bits of what @word means; 0 if that is nothing. */
static int select_word(const char *word, size_t length, uint64_t *bits)
{
	int (*has)(const struct syscall_desc *row) = NULL;
	int number, found = 0;
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (is_word(classes[i].name, word, length))
			has = classes[i].has;
	for (number = 0; number <= SYSCALL_NR_MAX; number++) {
		const struct syscall_desc *row = syscall_desc_index(number) < 0 ? NULL : &syscall_descs[syscall_desc_index(number)];

		if (!row || (has ? !has(row) : !is_word(row->name, word, length)))
			continue;
		set(bits, number);
		found = 1;
	}
	if (has == is_any)
		set(bits, AZ_TRACE_UNKNOWN);
	return found;
}

/* Ends the process if a word of @text means nothing. */
void trace_select(const char *text, uint64_t *bits)
{
	size_t length;

	do {
		length = strcspn(text, ",");
		if (!select_word(text, length, bits))
			errx(1, "--trace: '%.*s' is no system call and no class of them (%%file, %%desc, %%signal, local, split, forward, refuse, all)",
				(int)length, text);
		text += length + (text[length] == ',');
	} while (*text);
}
