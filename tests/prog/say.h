/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs share: every step prints one line that is the same on every correct kernel, so that the
 * output on Linux and on the LWK can be compared. Addresses, times and process numbers are never printed.
 */
#ifndef SAY_H
#define SAY_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call gave: its value, or the name of its error. Returns the value. */
static inline long say(const char *what, long value)
{
	if (value == -1)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, value);
	return value;
}

/* Prints whether something holds that is too variable to print itself. */
static inline int ok(const char *what, int holds)
{
	printf("%s: %s\n", what, holds ? "yes" : "NO");
	return holds;
}

/* Ends the program: a step that the others need has failed. */
static inline __attribute__((noreturn)) void fail(const char *what)
{
	printf("%s: %s\n", what, strerrorname_np(errno));
	fflush(stdout);
	exit(99);
}

static inline long need(const char *what, long value)
{
	if (value == -1)
		fail(what);
	return value;
}

/* A pattern that differs at every position, and whether memory holds it. */
static inline void fill(unsigned char *p, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = (i * 2654435761u + seed) >> 13;
}

static inline int is_filled(const unsigned char *p, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i] != (unsigned char)((i * 2654435761u + seed) >> 13))
			return 0;
	}
	return 1;
}

static inline int is_zero(const unsigned char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i])
			return 0;
	}
	return 1;
}

#endif
