// SPDX-License-Identifier: GPL-2.0
/*
 * What the program starts with (arguments, environment, what Linux says of the machine and the user), written where the LWK asks for
 * it, and the messages when it cannot start.
 */
#include <linux/auxvec.h>

#include "proxy.h"

static uint64_t aux(uint64_t type)
{
	for (uint64_t *a = start_info.auxv; a[0] != AT_NULL; a += 2)
		if (a[0] == type)
			return a[1];
	return 0;
}

static uint64_t strings_size(char **strings, uint32_t *count)
{
	uint64_t size = 0;

	for (*count = 0; strings[*count]; ++*count)
		size += string_length(strings[*count]) + 1;
	return size;
}

uint64_t exec_size(void)
{
	uint32_t count;

	return sizeof(struct az_exec) + string_length(start_info.path) + 1 + strings_size(start_info.argv, &count) +
		strings_size(start_info.envp, &count);
}

static char *put_string(char *at, const char *s)
{
	size_t size = string_length(s) + 1;

	__builtin_memcpy(at, s, size);
	return at + size;
}

static void put_facts(struct az_exec *x)
{
	const void *random = (const void *)aux(AT_RANDOM);

	x->exe = start_info.exe;
	x->uid = aux(AT_UID);
	x->euid = aux(AT_EUID);
	x->gid = aux(AT_GID);
	x->egid = aux(AT_EGID);
	x->secure = aux(AT_SECURE);
	x->hwcap = aux(AT_HWCAP);
	x->hwcap2 = aux(AT_HWCAP2);
	x->clktck = aux(AT_CLKTCK);
	if (random)
		__builtin_memcpy(x->random, random, sizeof(x->random));
	__builtin_memcpy(x->platform, "x86_64", 7);
}

long exec_write(void *buffer, uint64_t size)
{
	struct az_exec *x = buffer;
	char *at = (char *)(x + 1);

	if (exec_size() > size)
		return -ENOMEM;
	__builtin_memset(x, 0, sizeof(*x));
	put_facts(x);
	strings_size(start_info.argv, &x->argc);
	strings_size(start_info.envp, &x->envc);
	x->path = at - (char *)buffer;
	at = put_string(at, start_info.path);
	x->strings = at - (char *)buffer;
	for (char **s = start_info.argv; *s; s++)
		at = put_string(at, *s);
	for (char **s = start_info.envp; *s; s++)
		at = put_string(at, *s);
	x->length = at - (char *)buffer;
	return x->length;
}

static const char *const fault_text[] = {
	[AZ_EXEC_NOT_ELF] = ": neither an ELF program nor a script that starts with #!",
	[AZ_EXEC_OTHER_MACHINE] = ": a program for another machine; build it for x86-64",
	[AZ_EXEC_CORRUPT] = ": the ELF file is damaged; build or install it again",
	[AZ_EXEC_INTERPRETER] = ": its dynamic loader cannot be loaded; 'readelf -l' shows which one it wants",
	[AZ_EXEC_NO_MEMORY] = ": not enough LWK memory; give it more (-M), end other jobs ('lwkctl status' shows them) or boot with more "
		"(lwkmem=)",
};

static const char *error_text(long error)
{
	switch (error) {
	case ENOENT:
		return ": no such file";
	case EACCES:
		return ": permission denied; the file must be executable (chmod +x) and not on a file system mounted noexec";
	}
	return NULL;
}

void exec_failed(long error, uint32_t fault)
{
	int status = error == ENOENT ? 127 : 126;
	const char *text = error_text(error);
	char digits[24];

	if (fault && fault < sizeof(fault_text) / sizeof(fault_text[0]))
		text = fault_text[fault];
	if (text)
		FAIL(status, "yod: ", start_info.path, text);
	FAIL(status, "yod: ", start_info.path, ": cannot be started (Linux's error ", number(digits, error), ")");
}

/* It has touched memory that cannot be given; programs expect that as little as on Linux, where somebody else would be killed, too. */
void say_no_memory(uint64_t reserved)
{
	char digits[24], *kilobytes = number(digits, reserved >> 10);

	if (reserved)
		print((const char *const[]) { "yod: ", start_info.path, ": ended for lack of memory: the ", kilobytes,
			" KB given by -M are too small for it", NULL });
	else
		print((const char *const[]) { "yod: ", start_info.path, ": ended for lack of LWK memory; end other jobs ('lwkctl status' shows "
			"them) or boot with more (lwkmem=)", NULL });
}
