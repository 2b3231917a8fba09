// SPDX-License-Identifier: GPL-2.0
/*
 * Scripts: a file that begins with "#!" is run by the program that its first line names, by Linux's rules (execve(2)): one
 * optional argument, then the script's path in place of argv[0]; the interpreter may be a script itself, a few levels deep.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools.h"

#define LOOKED_AT	256	/* Linux looks no further */
#define LEVELS		5

/*
 * Reads the first line of the script @path into @line, without blanks at its end unless the file ends there. Returns 1, or 0 if it is no
 * script (or cannot be read).
 */
static int first_line(const char *path, char line[LOOKED_AT + 1])
{
	char *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : pread(fd, line, LOOKED_AT, 0);

	if (fd >= 0)
		close(fd);
	if (length < 2 || line[0] != '#' || line[1] != '!')
		return 0;
	line[length] = '\0';
	end = strchr(line, '\n');
	if (!end && strlen(line) >= LOOKED_AT - 1)
		end = line + LOOKED_AT - 1;
	if (end) {
		while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		*end = '\0';
	}
	return 1;
}

/* Splits "#! interpreter argument" in place; *@argument is NULL if there is none. Returns NULL if nobody is named. */
static char *interpreter(char *line, char **argument)
{
	char *name = line + 2 + strspn(line + 2, " \t");

	*argument = name + strcspn(name, " \t");
	if (**argument) {
		*(*argument)++ = '\0';
		*argument += strspn(*argument, " \t");
	} else {
		*argument = NULL;
	}
	return *name ? name : NULL;
}

/* argv becomes @name, @argument if there is one, @path and the old argv without its first word. */
static char **new_arguments(char **argv, int *argc, const char *name, const char *argument, const char *path)
{
	char **words = calloc(*argc + 3, sizeof(*words)), **word = words;

	if (!words)
		err(1, "arguments");
	*word++ = strdup(name);
	if (argument)
		*word++ = strdup(argument);
	*word++ = strdup(path);
	memcpy(word, argv + 1, *argc * sizeof(*word));	/* with the NULL behind the last */
	*argc += word - words - 1;
	return words;
}

/*
 * If @path (PATH_MAX) is a script, makes it the interpreter's path and returns the arguments that this one gets; else
 * returns @argv. On failure prints one line, stores the exit status and returns NULL.
 */
char **script_follow(char *path, char **argv, int *argc, int *status)
{
	char line[LOOKED_AT + 1], here[LOOKED_AT + 3], *name, *argument;
	int level;

	for (level = 0; first_line(path, line); level++) {
		name = interpreter(line, &argument);
		if (!name || level == LEVELS) {
			warnx("%s: %s", path, name ? "too many scripts that run scripts" : "a script that names no interpreter after #!");
			*status = 126;
			return NULL;
		}
		argv = new_arguments(argv, argc, name, argument, path);
		if (access(name, F_OK) && errno == ENOENT) {
			warnx("%s: its interpreter %s does not exist", path, name);
			*status = 127;
			return NULL;
		}
		snprintf(here, sizeof(here), "%s%s", strchr(name, '/') ? "" : "./", name);
		*status = program_find(here, path);	/* a name without a slash is not searched for */
		if (*status)
			return NULL;
	}
	return argv;
}
