// SPDX-License-Identifier: GPL-2.0
/*
 * CPU lists in Linux's notation: "2-5,8,10-11". The numbers are Linux's CPU numbers.
 *
 * libnuma has a parser too, but it rejects CPUs that Linux does not have online, and LWK CPUs never are.
 */
#include <stdio.h>
#include <string.h>

#include "tools.h"

static int cpu_in(const uint64_t *set, unsigned int cpu)
{
	return set[cpu / 64] >> (cpu % 64) & 1;
}

/* Reads a CPU number at *@text and moves past it. Returns -1 if there is none below AZ_CPUS_MAX. */
static int number_parse(const char **text)
{
	const char *p = *text;
	int n = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (*p - '0');
		if (n >= AZ_CPUS_MAX)
			return -1;
	}
	*text = p;
	return n;
}

/* Fills @set (CPUSET_WORDS words) from @text. Returns 0, or -1 if @text is not a list of CPUs below AZ_CPUS_MAX. */
int cpulist_parse(const char *text, uint64_t *set)
{
	int first, last;

	memset(set, 0, CPUSET_WORDS * sizeof(*set));
	for (;;) {
		first = last = number_parse(&text);
		if (first < 0)
			return -1;
		if (*text == '-') {
			text++;
			last = number_parse(&text);
		}
		if (last < first)
			return -1;
		for (; first <= last; first++)
			set[first / 64] |= 1ULL << (first % 64);
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -1;
	}
}

/* Writes @set as a list into @text, which is cut if @size is too small; 5 * AZ_CPUS_MAX always suffices. */
void cpulist_format(const uint64_t *set, char *text, size_t size)
{
	unsigned int first, last;
	size_t used = 0;

	text[0] = '\0';
	for (first = 0; first < AZ_CPUS_MAX && used < size; first = last + 1) {
		last = first;
		if (!cpu_in(set, first))
			continue;
		while (last + 1 < AZ_CPUS_MAX && cpu_in(set, last + 1))
			last++;
		used += snprintf(text + used, size - used, first == last ? "%s%u" : "%s%u-%u", used ? "," : "", first, last);
	}
}

unsigned int cpulist_count(const uint64_t *set)
{
	unsigned int i, count = 0;

	for (i = 0; i < CPUSET_WORDS; i++)
		count += __builtin_popcountll(set[i]);
	return count;
}
