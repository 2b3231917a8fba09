// SPDX-License-Identifier: GPL-2.0
/*
 * lwkctl: boots, stops and watches the LWK.
 *
 * Each command is one ioctl on the driver's device, except status, which reads sysfs (status.c) and so works for
 * everybody. Commands that succeed print nothing that was not asked for.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bench/icount/mark.h"
#include "../bench/icount/windows.h"
#include "tools.h"

#define EXIT_USAGE	2
#define LOG_CHUNK	65536

static const char help[] =
"Usage: lwkctl COMMAND [OPTION]...\n"
"Boot, stop and watch the lightweight kernel (LWK).\n"
"\n"
"  boot [IMAGE]           boot the LWK (default: the image installed with lwkctl)\n"
"  stop [-f]              stop it; -f: even if programs run, which are killed\n"
"  status [-v]            show its state; -v: one line for each LWK CPU too\n"
"  top [-b] [-d SECONDS] [-n TIMES]\n"
"                         show what runs, each second anew; -b: one below the other\n"
"  log [-f] [-n LINES]    show its log; -f: go on as it grows; -n: the last LINES only\n"
"  crash                  test aid: make the LWK fail a check on purpose;\n"
"                         every program on it ends\n"
"  -h, --help             print this help\n"
"      --version          print the version\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage; 'status' also gives 3 if no LWK is\n"
"booted and 4 if it has failed. Details: man lwkctl. See also yod(1).\n";

/* What the command line gave to a command. */
struct options {
	const char *operand;
	int force, follow, verbose, batch;
	unsigned long lines;		/* of the log; of top: how many times */
	double seconds;
};

/* What the device said no to, in a form that names the way out. */
static __attribute__((noreturn)) void refused(const char *command, const char *driver_text)
{
	if (errno == EPERM || errno == EACCES)
		errx(1, "%s: only root may do this: sudo lwkctl %s", command, command);
	if (driver_text && *driver_text)
		errx(1, "%s: %s", command, driver_text);
	if (errno == ENODEV || errno == ENXIO)
		errx(1, "%s: no LWK is booted: lwkctl boot", command);
	err(1, "%s", command);
}

static int open_for(const char *command)
{
	char way_out[64];
	int fd;

	snprintf(way_out, sizeof(way_out), "run as root: sudo lwkctl %s", command);
	fd = device_open(way_out);
	if (fd < 0)
		exit(1);
	return fd;
}

/* Maps the image file @path and describes it in @boot. Ends the process if it cannot be read. */
static void image_map(const char *path, struct az_ioc_boot *boot)
{
	struct stat st;
	void *image;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		err(1, "boot: cannot read the image %s", path);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		errx(1, "boot: %s is not an LWK image", path);
	image = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED)
		err(1, "boot: cannot read the image %s", path);
	boot->image = (uintptr_t)image;
	boot->size = st.st_size;
	close(fd);
}

static int boot_command(const struct options *o)
{
	const char *path = o->operand;
	struct az_ioc_boot boot = { 0 };
	char found[PATH_MAX];
	int fd;

	if (!path) {
		if (installed_path("../lwk/azalea.img", "azalea.img", found))
			errx(1, "boot: cannot find the image %s: install it or name one: lwkctl boot IMAGE", found);
		path = found;
	}
	image_map(path, &boot);
	fd = open_for("boot");
	azalea_mark(MARK_BOOT_DRIVER_OPEN);
	azalea_mark(MARK_BOOT_OPEN);	/* closed by the first program: see bench/icount */
	if (ioctl(fd, AZ_IOC_BOOT, &boot)) {
		boot.error[sizeof(boot.error) - 1] = '\0';
		refused("boot", boot.error);
	}
	return 0;
}

static int stop_command(const struct options *o)
{
	if (!ioctl(open_for("stop"), AZ_IOC_STOP, (unsigned long)o->force))
		return 0;
	if (errno == EBUSY)
		errx(1, "stop: programs are running on the LWK: wait for them, or kill them with lwkctl stop -f");
	refused("stop", NULL);
}

static int crash_command(const struct options *o)
{
	(void)o;
	if (ioctl(open_for("crash"), AZ_IOC_CRASH))
		refused("crash", NULL);
	return 0;
}

/* Reads log text from *@offset on into @buffer and moves *@offset past it. Returns the number of bytes. */
static size_t log_read(int fd, uint64_t *offset, char *buffer, int wait)
{
	struct az_ioc_log request = {
		.offset = *offset, .buffer = (uintptr_t)buffer, .size = LOG_CHUNK, .wait = wait
	};

	if (ioctl(fd, AZ_IOC_LOG, &request))
		refused("log", NULL);
	*offset = request.offset + request.size;
	return request.size;
}

static void print(const char *text, size_t size)
{
	if (fwrite(text, 1, size, stdout) != size || fflush(stdout))
		err(1, "log: standard output");
}

/* Where the last @lines lines of @text begin. */
static size_t tail(const char *text, size_t size, unsigned long lines)
{
	size_t i = size;

	if (i && text[i - 1] == '\n')
		i--;
	for (; i; i--) {
		if (text[i - 1] == '\n' && --lines == 0)
			break;
	}
	return i;
}

static int log_command(const struct options *o)
{
	char chunk[LOG_CHUNK], *text = NULL;
	int fd = open_for("log");
	size_t n, start, size = 0;
	uint64_t offset = 0;

	while ((n = log_read(fd, &offset, chunk, 0))) {
		text = realloc(text, size + n);
		if (!text)
			err(1, "log");
		memcpy(text + size, chunk, n);
		size += n;
	}
	start = o->lines ? tail(text, size, o->lines) : 0;
	print(text + start, size - start);
	free(text);
	while (o->follow)
		print(chunk, log_read(fd, &offset, chunk, 1));
	return 0;
}

static int status_command(const struct options *o)
{
	return status_print("/sys/kernel/azalea", o->verbose);
}

static int top_command(const struct options *o)
{
	struct top_options top = { .count = o->lines, .seconds = o->seconds, .batch = o->batch || !isatty(STDOUT_FILENO) };

	return top_run("/sys/kernel/azalea", "/proc", &top);
}

static double seconds_option(const char *text)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0.01 && seconds <= 86400))
		errx(EXIT_USAGE, "top: -d %s: not a number of seconds between 0.01 and 86400", text);
	return seconds;
}

static unsigned long number_option(const char *command, const char *text)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !n)
		errx(EXIT_USAGE, "%s: -n %s: not a number from 1 on", command, text);
	return n;
}

struct command {
	const char *name, *letters;	/* getopt's */
	int operands;			/* how many may follow */
	int (*run)(const struct options *o);
};

static const struct command commands[] = {
	{ "boot", "", 1, boot_command },
	{ "stop", "f", 0, stop_command },
	{ "status", "v", 0, status_command },
	{ "top", "bd:n:", 0, top_command },
	{ "log", "fn:", 0, log_command },
	{ "crash", "", 0, crash_command },
};

static const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	errx(EXIT_USAGE, "%s: no such command: one of boot, stop, status, top, log, crash; see lwkctl --help", name);
}

/* Reads the options after the command's name; argv[optind] is the first operand afterwards. */
static void command_options(const struct command *command, struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, command->letters)) != -1) {
		switch (c) {
		case 'f':
			o->force = o->follow = 1;
			break;
		case 'v':
			o->verbose = 1;
			break;
		case 'b':
			o->batch = 1;
			break;
		case 'd':
			o->seconds = seconds_option(optarg);
			break;
		case 'n':
			o->lines = number_option(command->name, optarg);
			break;
		default:
			fputs("Try 'lwkctl --help' for more information.\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind > command->operands)
		errx(EXIT_USAGE, "%s: '%s' is too much; see lwkctl --help", command->name, argv[optind + command->operands]);
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct options o = { .seconds = 1 };

	if (argc < 2)
		errx(EXIT_USAGE, "no command given: one of boot, stop, status, top, log, crash; see lwkctl --help");
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "--version")) {
		if (fputs(argv[1][2] == 'v' ? "lwkctl (Azalea) " TOOLS_VERSION "\n" : help, stdout) == EOF || fflush(stdout))
			err(1, "standard output");
		return 0;
	}
	command = command_find(argv[1]);
	argv[1] = program_invocation_short_name;	/* getopt's messages begin with it */
	command_options(command, &o, argc - 1, argv + 1);
	o.operand = argv[1 + optind];
	return command->run(&o);
}
