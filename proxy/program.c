// SPDX-License-Identifier: GPL-2.0
/*
 * execve(2): the proxy executes itself for the new program, so that Linux does what exec does to a process (descriptors, credentials,
 * names, signals), and the new proxy has the LWK load the program. Scripts are followed here, by Linux's rules. What is not an x86-64
 * program, gains rights by being executed (set-user-id, file capabilities), or was named by yod's --linux, Linux executes itself, on
 * its own CPUs.
 *
 * Pointers into the program's memory are followed by Linux only, never here: they may be wrong.
 */
#include <linux/limits.h>
#include <linux/stat.h>

#include "proxy.h"

#define AT_EMPTY_PATH		0x1000
#define AT_SYMLINK_NOFOLLOW	0x100
#define AT_FDCWD		(-100)
#define O_RDONLY_CLOEXEC	02000000
#define O_NOFOLLOW		0400000

#define F_GETFD			1
#define F_SETFD			2
#define PR_GET_NO_NEW_PRIVS	39

#define LINE			256	/* Linux looks no further into a script */
#define LEVELS			5	/* scripts run by scripts */
#define ARGUMENTS_MAX		(6UL << 20)	/* of their pointers: Linux's limit of the total size is never more */

/* What is to be run in the end, and the words that scripts put before the program's own arguments. */
struct plan {
	int fd;				/* the file, or < 0 */
	const char *path;		/* what execve() was given */
	const char *words[2 * LEVELS + 1];	/* used from the end */
	uint32_t first;
	uint32_t level;
	char line[LEVELS + 1][LINE + 1];	/* of each script, and the beginning of what is no script */
	char fd_path[32 + PATH_MAX];
	const char *name;		/* of the process, in file_name */
	char file_name[PATH_MAX];
	int vanishes;			/* the descriptor that path names is gone after the exec */
	int unnamed;			/* the file is named by its descriptor only */
	long own;			/* the program's own arguments, or -errno */
	const char *argv[];
};

#define WORDS	(sizeof(((struct plan *)0)->words) / sizeof(char *))

static long read_program(void *to, uint64_t from, size_t size)
{
	uint64_t local[2] = { (uint64_t)to, size }, remote[2] = { from, size };
	const uint64_t rest[3] = { (uint64_t)remote, 1, 0 };
	long ret = sys6(__NR_process_vm_readv, sys3(__NR_getpid, 0, 0, 0), (uint64_t)local, 1, rest);

	return ret == (long)size ? 0 : -EFAULT;
}

/* ---- Which file ------------------------------------------------------------------------------------------------ */

static void put_word(struct plan *p, const char *word)
{
	p->words[--p->first] = word;
}

static char *skip_blanks(char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static char *skip_word(char *s)
{
	while (*s && *s != ' ' && *s != '\t')
		s++;
	return s;
}

/*
 * Ends the first line of a script, @length bytes of which were read. Blanks at its end are cut, but not in a file that ends there. False if
 * a name may be cut off, or a line that does not end with the file has none.
 */
static int end_line(char *line, long length)
{
	char *end = line;
	int cut;

	while (end < line + length && *end != '\n' && *end)
		end++;
	cut = end >= line + LINE - 1 || (end < line + length && *end == '\n');
	if (end == line + LINE) {
		if (!*skip_word(skip_blanks(line + 2)))
			return 0;
		end--;
	}
	while (cut && end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = 0;
	return !cut || *skip_blanks(line + 2);
}

/*
 * Opens a file to be executed; a descriptor or -errno. What is no regular file is not even opened: with a FIFO that waits for a writer,
 * with a device it may do anything. @fd_path: the name to open for one that has none, or NULL.
 */
static long open_regular(uint64_t dirfd, uint64_t path, uint64_t flags, const char *fd_path)
{
	const uint64_t follow = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
	struct statx st;
	const uint64_t rest[3] = { STATX_TYPE, (uint64_t)&st };
	long ret = sys6(__NR_statx, dirfd, path, flags, rest);

	if (ret)
		return ret;
	if ((st.stx_mode & S_IFMT) == S_IFLNK)
		return -ELOOP;
	if ((st.stx_mode & S_IFMT) != S_IFREG)
		return -EACCES;
	if (fd_path)
		return sys3(__NR_openat, (uint64_t)AT_FDCWD, (uint64_t)fd_path, O_RDONLY_CLOEXEC);
	return sys3(__NR_openat, dirfd, path, O_RDONLY_CLOEXEC | follow);
}

/* The script's interpreter becomes the file. 0 or -errno. */
static long follow_script(struct plan *p, long length)
{
	char *line = p->line[p->level], *name, *argument;

	if (p->level++ == LEVELS)
		return -ELOOP;
	if (!end_line(line, length))
		return -ENOEXEC;
	name = skip_blanks(line + 2);
	if (!*name)
		return -EACCES;
	if (p->vanishes)
		return -ENOENT;
	argument = skip_word(name);
	if (*argument) {
		*argument = 0;
		argument = skip_blanks(argument + 1);
	} else {
		argument = NULL;
	}
	if (p->level == 1)
		put_word(p, p->path);	/* that of later ones is there: the name that the script before gave */
	if (argument)
		put_word(p, argument);
	put_word(p, name);
	sys3(__NR_close, p->fd, 0, 0);
	p->fd = open_regular((uint64_t)AT_FDCWD, (uint64_t)name, 0, NULL);
	return p->fd < 0 ? p->fd : 0;
}

/* Copies a string of the program, or as much of it as can be read and is no longer than Linux takes. */
static void copy_name(char *to, uint64_t from)
{
	for (long left = PATH_MAX - 1, size; left; to += size, from += size, left -= size) {
		size = 4096 - from % 4096;
		size = size < left ? size : left;
		if (read_program(to, from, size))
			size = 0;
		to[size] = 0;
		if (!size || string_length(to) < (size_t)size)
			return;
	}
}

/* The name by which a script's interpreter finds what execveat() names by a descriptor, and behind it by @name unless that is empty. */
static void name_by_descriptor(struct plan *p, uint64_t dirfd, uint64_t name)
{
	static const char prefix[] = "/dev/fd/";
	char digits[24], *n = number(digits, (int)dirfd), *end = p->fd_path + sizeof(prefix) - 1 + string_length(n);

	__builtin_memcpy(p->fd_path, prefix, sizeof(prefix) - 1);
	__builtin_memcpy(p->fd_path + sizeof(prefix) - 1, n, string_length(n) + 1);
	copy_name(end + 1, name);
	if (end[1])
		*end = '/';
	p->path = p->fd_path;
	p->vanishes = sys3(__NR_fcntl, (int)dirfd, F_GETFD, 0) > 0;
}

/* Errors are Linux's own words. */
static long open_program(struct plan *p, const uint64_t arg[6])
{
	const uint64_t flags = arg[4] & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	char first = 0;

	p->path = (const char *)arg[1];
	if (read_program(&first, arg[1], 1))
		return -EFAULT;
	if ((int)arg[0] != AT_FDCWD && first != '/')
		name_by_descriptor(p, arg[0], arg[1]);
	p->unnamed = !first;
	p->fd = open_regular(arg[0], arg[1], p->unnamed ? flags & ~(uint64_t)AT_SYMLINK_NOFOLLOW : flags, p->unnamed ? p->fd_path : NULL);
	return p->fd < 0 ? p->fd : 0;
}

static int gains_rights(int fd)
{
	static const char capabilities[] = "security.capability";
	const uint64_t no_buffer[3] = { 0 };
	struct statx st;
	const uint64_t rest[3] = { STATX_MODE, (uint64_t)&st };

	if (sys6(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, no_buffer) > 0)
		return 0;
	if (sys6(__NR_statx, fd, (uint64_t)"", AT_EMPTY_PATH, rest))
		return 1;
	if (st.stx_mode & 04000 || (st.stx_mode & 02010) == 02010)
		return 1;
	return sys6(__NR_fgetxattr, fd, (uint64_t)capabilities, 0, no_buffer) > 0;
}

static int is_ours(const char *header, long length)
{
	static const char elf64[6] = { 0x7f, 'E', 'L', 'F', 2, 1 };

	if (length < 64 || header[18] != 62 || header[19])	/* EM_X86_64 */
		return 0;
	for (int i = 0; i < 6; i++)
		if (header[i] != elf64[i])
			return 0;
	return 1;
}

/* 1: the LWK runs it; 0: Linux does; or -errno. */
static long look(struct plan *p, const uint64_t arg[6])
{
	long ret = open_program(p, arg), length;
	const uint64_t at_start[3] = { 0 };
	char *line;

	while (!ret) {
		ret = sys3(__NR_ioctl, start_info.fd, AZ_IOC_EXECUTABLE, p->fd);
		if (ret)
			return ret < 0 ? ret : 0;
		line = p->line[p->level];
		length = sys6(__NR_pread64, p->fd, (uint64_t)line, LINE, at_start);
		if (length < 0)
			return 0;
		if (length < 2 || line[0] != '#' || line[1] != '!')
			return is_ours(line, length) && !gains_rights(p->fd);
		ret = follow_script(p, length);
	}
	/* it may be executable even if we cannot read it */
	return ret == -EACCES && !(arg[4] & AZ_EXEC_ON_LWK) ? 0 : ret;
}

static int is_equal(const char *s, const char *t)
{
	while (*s && *s == *t) {
		s++;
		t++;
	}
	return *s == *t;
}

/* That of the path; of a file that was named by its descriptor only, its own, without what Linux says behind that of a deleted one. */
static void name_process(struct plan *p)
{
	static const char deleted[] = " (deleted)";
	char link[32] = "/proc/self/fd/", digits[24], *n = number(digits, p->fd);
	long length = -1;

	__builtin_memcpy(link + string_length(link), n, string_length(n) + 1);
	if (p->unnamed)
		length = sys3(__NR_readlink, (uint64_t)link, (uint64_t)p->file_name, PATH_MAX - 1);
	else
		copy_name(p->file_name, (uint64_t)p->path);
	length -= sizeof(deleted) - 1;
	if (length > 0 && is_equal(p->file_name + length, deleted))
		p->file_name[length] = 0;
	p->name = base_name(p->file_name);
}

/* ---- Arguments ------------------------------------------------------------------------------------------------- */

/* Number of the program's own argument pointers, or -errno. */
static long count_arguments(uint64_t argv)
{
	uint64_t word;
	long n = 0;

	while (argv) {
		if (read_program(&word, argv + n * sizeof(word), sizeof(word)))
			return -EFAULT;
		if (!word)
			break;
		if (++n == ARGUMENTS_MAX / (long)sizeof(word))
			return -E2BIG;
	}
	return n;
}

static char *put_number(char *at, long value, const char **word)
{
	char digits[24], *n = number(digits, value);

	*word = at;
	__builtin_memcpy(at, n, string_length(n) + 1);
	return at + string_length(n) + 1;
}

/*
 * Executes the proxy for the program in @p; returns only if that fails. p->argv has room for the arguments that were counted: another
 * thread may lengthen the program's own array meanwhile.
 */
static long execute(struct plan *p, const uint64_t arg[6], const struct az_ioc_child *child)
{
	const uint64_t rest[3] = { arg[3], AT_EMPTY_PATH };
	uint64_t scripts = WORDS - p->first, own = p->own;
	const char **word = p->argv;
	char numbers[48];

	*word++ = "azalea-proxy";
	put_number(put_number(numbers, child->fd, word), p->fd, word + 1);
	word += 2;
	*word++ = p->path;
	*word++ = p->name;
	if (scripts) {
		__builtin_memcpy(word, p->words + p->first, scripts * sizeof(*word));
		word += scripts;
		if (own > 1 && read_program(word, arg[2] + sizeof(*word), (own - 1) * sizeof(*word)))
			return -EFAULT;
		word += own ? own - 1 : 0;
	} else if (own) {
		if (read_program(word, arg[2], own * sizeof(*word)))
			return -EFAULT;
		word += own;
	} else {
		*word++ = "";		/* as Linux: nobody is started without a name */
	}
	*word = NULL;
	sys3(__NR_fcntl, p->fd, F_SETFD, 0);	/* the LWK reads it after the exec */
	return sys6(__NR_execveat, child->proxy, (uint64_t)"", (uint64_t)p->argv, rest);
}

static long exec_on_lwk(struct plan *p, const uint64_t arg[6])
{
	struct az_ioc_child child = { 0 };
	long ret;

	if (p->own < 0)
		return p->own;
	name_process(p);
	ret = sys3(__NR_ioctl, start_info.fd, AZ_IOC_CHILD, (uint64_t)&child);
	if (!ret) {
		ret = execute(p, arg, &child);
		sys3(__NR_close, child.fd, 0, 0);
		sys3(__NR_close, child.proxy, 0, 0);
	}
	return ret;
}

long exec_program(const uint64_t arg[6], struct left *left)
{
	const uint64_t rest[3] = { arg[3], (uint32_t)arg[4] };
	long own = count_arguments(arg[2]), ret;
	size_t size = sizeof(struct plan) + (own + 5 + WORDS + 2) * sizeof(char *);
	struct plan *p;

	if (own < 0)
		size = sizeof(*p);
	p = map_memory(size);
	if (!p)
		return -ENOMEM;
	*left = (struct left){ p, size };
	p->own = own;
	p->first = WORDS;
	p->fd = -1;
	ret = look(p, arg);
	if (ret > 0)
		ret = exec_on_lwk(p, arg);
	else if (!ret && arg[4] & AZ_EXEC_ON_LWK)
		ret = -EPERM;
	else if (!ret)
		ret = sys6(__NR_execveat, arg[0], arg[1], arg[2], rest);
	if (p->fd >= 0)
		sys3(__NR_close, p->fd, 0, 0);
	left->memory = NULL;	/* first: a process that shares our memory would free it again */
	unmap_memory(p, size);
	return ret;
}
