// SPDX-License-Identifier: GPL-2.0
/*
 * Where the rest of Azalea is, seen from a tool: the driver's device, and files installed with the tools.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools.h"

#define NO_AZALEA "this kernel has no Azalea (no %s): boot the Azalea kernel with lwkcpus= and lwkmem=, see azalea(7)"

/* Opens the driver's device, close-on-exec. On failure says why (@no_permission: what to do about it), returns -1. */
int device_open(const char *no_permission)
{
	int fd = open(AZ_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		warnx(NO_AZALEA, AZ_DEVICE);
	else if (errno == EACCES || errno == EPERM)
		warnx("no permission to use %s: %s", AZ_DEVICE, no_permission);
	else
		warn("cannot open %s", AZ_DEVICE);
	return -1;
}

/* Says why lwkctl's @command could not open the driver's file @path: errno tells. */
void table_missing(const char *command, const char *path)
{
	if (errno == ENOENT)
		warnx("%s: " NO_AZALEA, command, path);
	else
		warn("%s: %s", command, path);
}

/*
 * Finds a file that belongs to this very build or installation: as DIR/@beside, where DIR holds the running binary,
 * else as DIR/../lib/azalea/@name, else in /usr/lib/azalea. Fills @path (PATH_MAX) and returns 0; if there is none,
 * @path is the last one tried and -1 is returned.
 */
int installed_path(const char *beside, const char *name, char *path)
{
	char self[PATH_MAX - 64];	/* leaves room for what is appended */
	ssize_t length;

	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length < 0)
		err(1, "cannot read /proc/self/exe (is /proc mounted?)");
	self[length] = '\0';
	*strrchr(self, '/') = '\0';

	snprintf(path, PATH_MAX, "%s/%s", self, beside);
	if (!access(path, R_OK))
		return 0;
	snprintf(path, PATH_MAX, "%s/../lib/azalea/%s", self, name);
	if (!access(path, R_OK))
		return 0;
	snprintf(path, PATH_MAX, "/usr/lib/azalea/%s", name);
	return access(path, R_OK);
}
