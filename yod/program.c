// SPDX-License-Identifier: GPL-2.0
/*
 * The program to run: found as execvp(3) finds it, and looked at before anything is leased.
 *
 * The LWK's own loader has the last word; what is checked here are the mistakes that people make, so that they get the
 * message and the exit status that a shell would give: 127 if something does not exist, 126 if it cannot be executed.
 * Both functions print one line on failure.
 */
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools.h"

#define NOT_EXECUTABLE	126
#define NOT_FOUND	127

/* Returns 0 if @path could be handed to execve(2), else an errno. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return EACCES;
	return 0;
}

/* Searches PATH for @name. Returns 0 with @path filled, EACCES if only files that cannot be run were found, or ENOENT. */
static int path_search(const char *name, char *path)
{
	char standard[256] = "";
	const char *dir = getenv("PATH");
	int length, found = ENOENT;

	if (!dir) {
		confstr(_CS_PATH, standard, sizeof(standard));
		dir = standard;
	}
	for (;; dir += length + 1) {
		length = strcspn(dir, ":");
		/* an empty entry is the current directory */
		if (snprintf(path, PATH_MAX, "%.*s%s%s", length, dir, length ? "/" : "./", name) < PATH_MAX) {
			switch (executable(path)) {
			case 0:
				return 0;
			case EACCES:
				found = EACCES;
			}
		}
		if (!dir[length])
			return found;
	}
}

/* Fills @path (PATH_MAX) with the file that running @name means. Returns 0 or the exit status. */
int program_find(const char *name, char *path)
{
	int error;

	if (!strchr(name, '/')) {
		error = *name ? path_search(name, path) : ENOENT;
		if (error == ENOENT)
			warnx("%s: command not found in PATH", name);
	} else if (strlen(name) >= PATH_MAX) {
		error = ENAMETOOLONG;
	} else {
		strcpy(path, name);
		error = executable(name);
		if (error == ENOENT)
			warnx("%s: no such file", name);
	}
	if (error == EACCES)
		warnx("%s: permission denied: not an executable file for you (chmod +x?)", name);
	else if (error && error != ENOENT)
		warnx("%s: %s", name, strerror(error));
	return error == 0 ? 0 : error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

/* Does the file hold [offset, offset + length)? */
static int within(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* Checks the dynamic linker that @ph of the open program names. Returns 0 or the exit status. */
static int interpreter_check(const char *path, int fd, const Elf64_Phdr *ph)
{
	char name[PATH_MAX];

	if (ph->p_filesz < 2 || ph->p_filesz > sizeof(name) ||
	    pread(fd, name, ph->p_filesz, ph->p_offset) != (ssize_t)ph->p_filesz || name[ph->p_filesz - 1]) {
		warnx("%s: corrupt ELF file: bad name of the dynamic linker", path);
		return NOT_EXECUTABLE;
	}
	switch (executable(name)) {
	case 0:
		return 0;
	case ENOENT:
		warnx("%s: its dynamic linker %s does not exist: install the program's C library", path, name);
		return NOT_FOUND;
	default:
		warnx("%s: its dynamic linker %s cannot be executed", path, name);
		return NOT_EXECUTABLE;
	}
}

static int segments_check(const char *path, int fd, const Elf64_Ehdr *eh, uint64_t size)
{
	Elf64_Phdr ph;
	int i, status, loads = 0;

	for (i = 0; i < eh->e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), eh->e_phoff + i * sizeof(ph)) != sizeof(ph) ||
		    ((ph.p_type == PT_LOAD || ph.p_type == PT_INTERP) && !within(ph.p_offset, ph.p_filesz, size))) {
			warnx("%s: truncated ELF file: segment %d lies beyond its end", path, i);
			return NOT_EXECUTABLE;
		}
		loads += ph.p_type == PT_LOAD;
		status = ph.p_type == PT_INTERP ? interpreter_check(path, fd, &ph) : 0;
		if (status)
			return status;
	}
	if (loads)
		return 0;
	warnx("%s: corrupt ELF file: nothing to load", path);
	return NOT_EXECUTABLE;
}

/* What is wrong with the header, of which @length bytes were read; NULL if nothing. */
static const char *header_mistake(const Elf64_Ehdr *eh, ssize_t length)
{
	if (length < SELFMAG || memcmp(eh->e_ident, ELFMAG, SELFMAG))
		return "neither an ELF program nor a script that begins with #!";
	if (length < (ssize_t)sizeof(*eh))
		return "truncated ELF file: no complete header";
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return "program for another machine: the LWK runs 64-bit x86-64 programs only";
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return "not a program: an ELF object file or core dump";
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum)
		return "corrupt ELF file: bad program headers";
	return NULL;
}

/* Looks into the file @path, which program_find() found and which is no script. Returns 0 or the exit status. */
int program_check(const char *path)
{
	Elf64_Ehdr eh = { 0 };
	const char *mistake;
	struct stat st;
	ssize_t length;
	int fd, status = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		warnx("%s: cannot be read (%s), and the LWK must read a program to load it", path, strerror(errno));
		return NOT_EXECUTABLE;
	}
	length = pread(fd, &eh, sizeof(eh), 0);
	mistake = header_mistake(&eh, length);
	if (mistake) {
		warnx("%s: %s", path, mistake);
		status = NOT_EXECUTABLE;
	} else {
		status = segments_check(path, fd, &eh, st.st_size);
	}
	close(fd);
	return status;
}
