// SPDX-License-Identifier: GPL-2.0
/*
 * A driver for tests, loaded into yod and lwkctl by LD_PRELOAD: /dev/azalea is /dev/full, and the requests are answered
 * here. FAKE_ERROR makes every request fail with that errno, FAKE_TEXT is what the driver would say about it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "../../abi/ioctl.h"

#define FAKE_LOG	"one\ntwo\nthree\n"

int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");

	return real(strcmp(path, AZ_DEVICE) ? path : "/dev/full", flags);
}

static int fail(char *text)
{
	const char *say = getenv("FAKE_TEXT");

	if (text && say)
		snprintf(text, 128, "%s", say);
	errno = atoi(getenv("FAKE_ERROR"));
	return -1;
}

/* Leases CPUs 2 to 5, or as many from 2 on as are asked for, or those in the request. */
static int create(struct az_ioc_create *c)
{
	uint64_t any = 0;
	int i;

	if (getenv("FAKE_ERROR"))
		return fail(c->error);
	for (i = 0; i < AZ_CPUS_MAX / 64; i++)
		any |= c->cpus[i];
	if (!any)
		c->cpus[0] = ((1ULL << (c->cpu_count ? c->cpu_count : 4)) - 1) << 2;
	return 0;
}

static int log_read(struct az_ioc_log *l)
{
	uint64_t left = sizeof(FAKE_LOG) - 1 - l->offset;

	l->size = left < 5 ? left : 5;
	memcpy((void *)l->buffer, FAKE_LOG + l->offset, l->size);
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;

	(void)fd;
	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (request == AZ_IOC_CREATE)
		return create(arg);
	if (getenv("FAKE_ERROR"))
		return fail(request == AZ_IOC_BOOT ? ((struct az_ioc_boot *)arg)->error : NULL);
	if (request == AZ_IOC_LOG)
		return log_read(arg);
	if (request == AZ_IOC_STOP)
		printf("stop %p\n", arg);
	if (request == AZ_IOC_BOOT)
		printf("boot %llu\n", (unsigned long long)((struct az_ioc_boot *)arg)->size);
	return 0;
}
