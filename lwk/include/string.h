/* SPDX-License-Identifier: GPL-2.0 */
/* The few string functions the LWK needs; the compiler may also call the mem* ones itself. */
#ifndef LWK_STRING_H
#define LWK_STRING_H

#include "types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

#endif
