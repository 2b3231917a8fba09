/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paths of views, within /proc, /sys or a cgroup hierarchy: patterns in which # stands for a number, and * at the start for folders,
 * if any. Includes nothing, so that a host test can include it.
 */
#ifndef AZALEA_VIEW_PATH_H
#define AZALEA_VIEW_PATH_H

/* Takes the number at *@text off; one that is too large becomes one that nothing has. */
static inline bool take_number(const char **text, u32 *number)
{
	u64 value = 0;

	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; ++*text) {
		value = value * 10 + (**text - '0');
		if (value > 0xffffffffu)
			value = 0xffffffffu;
	}
	*number = value;
	return true;
}

/* Does all of @path match? The numbers in it go to @number. */
static inline bool path_matches(const char *pattern, const char *path, u32 number[2])
{
	const char *at;
	u32 count = 0;

	if (*pattern == '*') {
		for (at = path; *at; at++)
			path = *at == '/' ? at : path;
		pattern++;
	}
	for (; *pattern; pattern++) {
		if (*pattern == '#' && count < 2) {
			if (!take_number(&path, &number[count++]))
				return false;
		} else if (*pattern != *path++) {
			return false;
		}
	}
	return !*path;
}

/* The folder of a thread is like that of a process: "/7/task/8/maps" is "/8/maps". Other paths are returned as they are. */
static inline const char *without_group(const char *path)
{
	static const char task[] = "/task/";
	const char *at = path + 1;
	u32 group;

	if (*path != '/' || !take_number(&at, &group) || strncmp(at, task, sizeof(task) - 1))
		return path;
	return at + sizeof(task) - 2;
}

#endif
