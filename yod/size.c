// SPDX-License-Identifier: GPL-2.0
/*
 * Amounts of memory as people write them: "512M", "8G", "4096". Suffixes are powers of 1024, either case.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools.h"

static const char suffixes[] = "KMGT";

/* Returns 0 with *@bytes > 0, or -1 if @text is not a size or does not fit. */
int size_parse(const char *text, uint64_t *bytes)
{
	const char *suffix;
	unsigned int shift = 0;
	uint64_t n;
	char *end;

	if (!isdigit((unsigned char)*text))	/* strtoull would take blanks and signs */
		return -1;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -1;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return -1;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (!n || n > UINT64_MAX >> shift)
		return -1;
	*bytes = n << shift;
	return 0;
}

/* The shortest exact form: 8589934592 is "8G", 1536 is "1536". */
void size_format(uint64_t bytes, char *text, size_t size)
{
	int i = -1;

	while (bytes && bytes % 1024 == 0 && i < 3) {
		bytes /= 1024;
		i++;
	}
	snprintf(text, size, i < 0 ? "%llu" : "%llu%c", (unsigned long long)bytes, suffixes[i < 0 ? 0 : i]);
}
