// SPDX-License-Identifier: GPL-2.0
/*
 * What lwkctl status shows: the driver's files in /sys/kernel/azalea/, arranged for people.
 *
 * Nothing here changes from one call to the next unless the LWK's resources do, so that comparing two outputs finds a leak;
 * memory is therefore shown to the kilobyte. The tables (memory, processes, cpu_table) have a header line and are shown as
 * the driver writes them, except that the per-CPU table is left out without -v.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools.h"

#define STATUS_MAX	(256 << 10)	/* the largest file, cpu_table, has 180 bytes for each CPU */
#define LABEL		"%-13s"

enum { STATUS_RUNNING = 0, STATUS_ERROR = 1, STATUS_OFF = 3, STATUS_FAILED = 4 };

/* The text of a file without its last newline; to be freed. NULL, after saying so, if it cannot be read. */
static char *file_read(const char *directory, const char *name)
{
	char path[PATH_MAX], *text = calloc(1, STATUS_MAX);
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = text ? fopen(path, "re") : NULL;
	if (!file) {
		table_missing("status", path);
		free(text);
		return NULL;
	}
	n = fread(text, 1, STATUS_MAX - 1, file);
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	fclose(file);
	return text;
}

/* Prints @text with @label before its first line, the further lines below the first. */
static void print_labelled(const char *label, const char *text)
{
	int length;

	do {
		length = strcspn(text, "\n");
		printf(LABEL "%.*s\n", label, length, text);
		label = "";
		text += length;
	} while (*text++);
}

/* Lines of a table without its header; only those that contain @word, unless that is NULL. */
static unsigned int rows(const char *table, const char *word)
{
	const char *hit, *end;
	unsigned int count = 0;

	for (table = strchr(table, '\n'); table; table = end) {
		end = strchr(++table, '\n');
		hit = word ? strstr(table, word) : table;
		count += hit && (!end || hit < end);
	}
	return count;
}

/* "2-5" becomes "2-5 (4)". */
static void print_cpus(const char *what, const char *list)
{
	uint64_t set[CPUSET_WORDS];

	if (cpulist_parse(list, set))	/* an empty list */
		printf("%s none (0)", what);
	else
		printf("%s %s (%u)", what, list, cpulist_count(set));
}

/* Several lines as one. */
static void print_joined(const char *label, char *text)
{
	const char *separator = "";
	char *line;

	printf(LABEL, label);
	while ((line = strsep(&text, "\n"))) {
		printf("%s%s", separator, line);
		separator = ", ";
	}
	putchar('\n');
}

enum { STATE, CPUS, CPUS_FREE, CPU_TABLE, MEMORY, PROCESSES, THREADS, SLOTS, MITIGATIONS, ERRORS, VERSION, BOOTS, FILES };

static const char *const names[FILES] = {
	"state", "cpus", "cpus_free", "cpu_table", "memory", "processes", "threads", "slots", "mitigations", "errors", "version",
	"boots"
};

static void print_all(char *const text[FILES], int verbose)
{
	print_labelled("state", text[STATE]);
	printf(LABEL, "LWK CPUs");
	print_cpus("all", text[CPUS]);
	printf(", online %u, ", rows(text[CPU_TABLE], " online "));
	print_cpus("free", text[CPUS_FREE]);
	putchar('\n');
	print_labelled("memory", text[MEMORY]);
	printf(LABEL "%u\n", "processes", rows(text[PROCESSES], NULL));
	if (rows(text[PROCESSES], NULL))
		print_labelled("", text[PROCESSES]);
	print_labelled("threads", text[THREADS]);
	print_labelled("slots", text[SLOTS]);
	print_joined("mitigations", text[MITIGATIONS]);
	print_labelled("boot errors", *text[ERRORS] ? text[ERRORS] : "none");
	if (!verbose)
		return;
	print_labelled("interface", text[VERSION]);
	print_labelled("boots", text[BOOTS]);
	printf("\n%s\n", text[CPU_TABLE]);
}

/* Prints the state found in @directory. Returns the exit status of lwkctl. */
int status_print(const char *directory, int verbose)
{
	char *text[FILES] = { NULL };
	int i, status = STATUS_OFF;

	for (i = 0; i < FILES; i++) {
		text[i] = file_read(directory, names[i]);
		if (!text[i])
			break;
	}
	if (i < FILES) {
		status = STATUS_ERROR;
	} else {
		print_all(text, verbose);
		if (!strncmp(text[STATE], "running", 7))
			status = STATUS_RUNNING;
		else if (!strncmp(text[STATE], "failed", 6))
			status = STATUS_FAILED;
		if (fflush(stdout)) {
			warn("status: standard output");
			status = STATUS_ERROR;
		}
	}
	while (i--)
		free(text[i]);
	return status;
}
