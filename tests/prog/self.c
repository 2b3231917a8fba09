// SPDX-License-Identifier: GPL-2.0
/*
 * What a program reads about itself in /proc, held against what it knows better:
 *
 *   auxv      /proc/self/auxv is the auxiliary vector on the stack
 *   name      command line, environment, file and name, as Linux shows them to everybody
 */
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/prctl.h>

#include "say.h"

static char text[1 << 20];

/* The whole of a file in @text, which ends with a NUL. Returns its size. */
static size_t slurp(const char *path)
{
	int fd = need(path, open(path, O_RDONLY));
	size_t size = 0;
	ssize_t n;

	while ((n = need("read", read(fd, text + size, sizeof(text) - 1 - size))) > 0)
		size += n;
	close(fd);
	text[size] = '\0';
	return size;
}

static void auxv(void)
{
	size_t i, size = slurp("/proc/self/auxv");
	const Elf64_auxv_t *a = (const void *)text;
	char **e = environ;

	for (i = 0; i < size / sizeof(*a) && a[i].a_type; i++)
		;
	while (*e++)
		;
	ok("auxv: as on the stack", !memcmp(e, a, (i + 1) * sizeof(*a)));
	ok("auxv: enough of it", i > 15);
	ok("auxv: ends with AT_NULL", i == size / sizeof(*a) - 1);
	say("auxv: prctl PR_SET_MM", prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0) == -1 && (errno == EPERM || errno == EINVAL) ? 0 : 1);
}

static void name(char **argv)
{
	const char *base = strrchr(argv[0], '/');
	size_t size = slurp("/proc/self/cmdline"), at = 0;
	char link[4096] = "";
	int i;

	for (i = 0; argv[i] && at < size; at += strlen(text + at) + 1, i++)
		printf("cmdline %d: %s\n", i, strcmp(argv[i], text + at) ? "WRONG" : "right");
	ok("cmdline: all", at == size && !argv[i]);
	text[slurp("/proc/self/comm") - 1] = '\0';
	ok("comm", base && !strcmp(text, base + 1));
	slurp("/proc/self/environ");
	ok("environ", getenv("TEST_A") && strstr(text, "TEST_A="));
	need("readlink", readlink("/proc/self/exe", link, sizeof(link) - 1));
	ok("exe", base && strstr(link, base));
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		puts("usage: self auxv|name");
		return 98;
	}
	if (!strcmp(argv[1], "auxv"))
		auxv();
	else if (!strcmp(argv[1], "name"))
		name(argv);
	else
		return 98;
	return 0;
}
