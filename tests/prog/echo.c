// SPDX-License-Identifier: GPL-2.0
/*
 * Prints what a program is started with: arguments, environment, auxiliary vector, working directory, file mode mask,
 * the nature of its standard descriptors. Linked dynamically, statically, as static-pie and at a fixed address.
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

extern char **environ;

/* What the vector's entries are worth comparing by. */
static void auxv(void)
{
	static const struct { unsigned long type; const char *name; } same[] = {
		{ AT_PAGESZ, "AT_PAGESZ" }, { AT_CLKTCK, "AT_CLKTCK" }, { AT_PHENT, "AT_PHENT" }, { AT_PHNUM, "AT_PHNUM" },
		{ AT_FLAGS, "AT_FLAGS" }, { AT_UID, "AT_UID" }, { AT_EUID, "AT_EUID" }, { AT_GID, "AT_GID" },
		{ AT_EGID, "AT_EGID" }, { AT_SECURE, "AT_SECURE" }, { AT_HWCAP, "AT_HWCAP" }, { AT_HWCAP2, "AT_HWCAP2" },
	}, present[] = {
		{ AT_PHDR, "AT_PHDR" }, { AT_ENTRY, "AT_ENTRY" }, { AT_RANDOM, "AT_RANDOM" },
		{ AT_SYSINFO_EHDR, "AT_SYSINFO_EHDR" },
	};
	size_t i;

	for (i = 0; i < sizeof(same) / sizeof(*same); i++)
		say(same[i].name, getauxval(same[i].type));
	for (i = 0; i < sizeof(present) / sizeof(*present); i++)
		ok(present[i].name, getauxval(present[i].type) != 0);
	printf("AT_EXECFN: %s\n", (char *)getauxval(AT_EXECFN));
	printf("AT_PLATFORM: %s\n", (char *)getauxval(AT_PLATFORM));
	ok("AT_RANDOM is random", memcmp((void *)getauxval(AT_RANDOM), "\0\0\0\0\0\0\0", 8) != 0);
}

/* Is the program where its segments may be? */
static void alignment(void)
{
	const Elf64_Phdr *p = (const Elf64_Phdr *)getauxval(AT_PHDR);
	unsigned long align = 0, bias = 0, i;

	for (i = 0; i < getauxval(AT_PHNUM); i++) {
		if (p[i].p_type == PT_PHDR)
			bias = getauxval(AT_PHDR) - p[i].p_vaddr;
		if (p[i].p_type == PT_LOAD && p[i].p_align > align)
			align = p[i].p_align;
	}
	printf("segments are aligned to %#lx: %s\n", align, bias % align ? "NO" : "yes");
}

int main(int argc, char **argv)
{
	char cwd[4096];
	struct stat st;
	int i;

	printf("name: %s %s\n", program_invocation_name, program_invocation_short_name);
	for (i = 0; i < argc; i++)
		printf("argv[%d]: '%s'\n", i, argv[i]);
	ok("argv ends with NULL", !argv[argc]);
	for (i = 0; environ[i]; i++) {
		if (!strncmp(environ[i], "TEST_", 5))
			printf("environment: '%s'\n", environ[i]);
	}
	say("environment size", i);
	auxv();
	alignment();
	printf("cwd: %s\n", getcwd(cwd, sizeof(cwd)));
	printf("umask: %03o\n", umask(0));
	for (i = 0; i < 3; i++) {
		if (say("fstat", fstat(i, &st)) == 0)
			printf("descriptor %d: type %o, tty %d\n", i, st.st_mode & S_IFMT, isatty(i));
	}
	say("next descriptor", open("/dev/null", O_RDONLY));
	return 0;
}
