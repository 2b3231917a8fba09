/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What yod and lwkctl share: CPU lists and sizes as people write them, the device, and the place where the other
 * pieces are installed. Functions that can fail on bad input print nothing unless their comment says so.
 */
#ifndef AZALEA_TOOLS_H
#define AZALEA_TOOLS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "../abi/ioctl.h"

#define TOOLS_VERSION	"0.1"

/* Bit n of the array is CPU n, as in struct az_ioc_create. */
#define CPUSET_WORDS	(AZ_CPUS_MAX / 64)

/* cpulist.c */
int cpulist_parse(const char *text, uint64_t *set);
void cpulist_format(const uint64_t *set, char *text, size_t size);
unsigned int cpulist_count(const uint64_t *set);

/* size.c */
int size_parse(const char *text, uint64_t *bytes);
void size_format(uint64_t bytes, char *text, size_t size);

/* device.c */
int device_open(const char *no_permission);
void table_missing(const char *command, const char *path);
int installed_path(const char *beside, const char *name, char *path);

/* option.c */
void option_apply(struct az_ioc_create *request, const char *text);

/* trace.c */
void trace_select(const char *text, uint64_t *bits);

/* program.c */
int program_find(const char *name, char *path);
int program_check(const char *path);

/* script.c */
char **script_follow(char *path, char **argv, int *argc, int *status);

/* status.c */
int status_print(const char *directory, int verbose);

/* top.c */
struct top_options {
	unsigned long count;		/* how many times; 0: for ever */
	double seconds;			/* between two */
	int batch;			/* one below the other instead of in place */
};
int top_run(const char *directory, const char *proc, const struct top_options *o);

#endif
