// SPDX-License-Identifier: GPL-2.0
/*
 * yod -o NAME[=VALUE]: what is asked of the LWK for one program. Each option is a row of the table; mOS's names for the same
 * things are rows too.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "tools.h"

#define SLICE_DEFAULT	10	/* ms */

/* -1: no number from @min to @max, in decimal digits. */
static long number(const char *text, long min, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text < '0' || *text > '9' || *end || n < min || n > max ? -1 : n;
}

static void set_slice(struct az_ioc_create *request, uint32_t ms)
{
	request->flags &= ~(AZ_PROC_SLICE_MAX << AZ_PROC_SLICE_SHIFT);
	request->flags |= ms << AZ_PROC_SLICE_SHIFT;
}

/* @value: NULL if there is none. What is wrong with it, or NULL. */
static const char *timeshare(struct az_ioc_create *request, const char *value)
{
	long ms = value ? number(value, 1, AZ_PROC_SLICE_MAX) : SLICE_DEFAULT;

	if (ms < 0)
		return "not a time slice in milliseconds between 1 and 65535";
	set_slice(request, ms);
	return NULL;
}

/* mOS: 0 is off. */
static const char *enable_rr(struct az_ioc_create *request, const char *value)
{
	long ms = number(value, 0, AZ_PROC_SLICE_MAX);

	if (ms < 0)
		return "not a time slice in milliseconds between 0 (off) and 65535";
	set_slice(request, ms);
	return NULL;
}

static const struct {
	const char *name;
	const char *needs;		/* what the value is, if it must be given */
	const char *(*apply)(struct az_ioc_create *request, const char *value);
} options[] = {
	{ "timeshare", NULL, timeshare },
	{ "lwksched-enable-rr", "MS", enable_rr },
};

/* Ends the process if @text is no option. */
void option_apply(struct az_ioc_create *request, const char *text)
{
	size_t length = strcspn(text, "="), i;
	const char *value = text[length] ? text + length + 1 : NULL, *wrong;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strlen(options[i].name) != length || memcmp(options[i].name, text, length))
			continue;
		if (options[i].needs && !value)
			errx(1, "-o %s: give a value, as in -o %s=%s", text, text, options[i].needs);
		wrong = options[i].apply(request, value);
		if (wrong)
			errx(1, "-o %s: %s", text, wrong);
		return;
	}
	errx(1, "-o %s: no such option, see yod(1)", text);
}
