// SPDX-License-Identifier: GPL-2.0
/*
 * yod: runs a program on CPUs of the LWK.
 *
 * What yod does itself is little: it reads the options, looks at the program, leases CPUs and memory from the driver
 * and becomes the proxy by exec. The lease lives with the open device, so from here to the program's end there is one
 * process, one pid and one exit status, and whatever ends that process ends the lease. proxy/main.c says what the proxy is given.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools.h"

static const char help[] =
"Usage: yod [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
"Run PROGRAM, an ordinary Linux program, on CPUs of the lightweight kernel.\n"
"\n"
"  -c, --cores N       on N free CPUs (default: all free ones)\n"
"      --cpus LIST     on exactly these CPUs, such as 2-5,8; 'all' means all free ones\n"
"  -M, --mem SIZE      reserve SIZE bytes of memory (suffix K, M, G or T) for the\n"
"                      program alone (default: share what nobody reserved)\n"
"      --linux NAMES   run programs of these names, separated by commas, on Linux's\n"
"                      CPUs when PROGRAM or its children execute them\n"
"      --trace[=CALLS] print system calls on standard error: all, or names and classes\n"
"                      such as open,read,%file,local, separated by commas\n"
"      --trace-output FILE  print them into FILE instead\n"
"  -o, --option NAME[=VALUE]  such as timeshare: see yod(1)\n"
"  -v, --verbose       say on standard error what was leased\n"
"  -h, --help          print this help\n"
"      --version       print the version\n"
"\n"
"The exit status is PROGRAM's; 127 if it does not exist, 126 if it cannot be\n"
"executed, 1 for any other mistake. Details: man yod. See also lwkctl(8).\n";

enum { OPT_CPUS = 256, OPT_LINUX, OPT_TRACE, OPT_TRACE_OUTPUT, OPT_VERSION };

static const struct option long_options[] = {
	{ "cores", required_argument, NULL, 'c' },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "mem", required_argument, NULL, 'M' },
	{ "linux", required_argument, NULL, OPT_LINUX },
	{ "trace", optional_argument, NULL, OPT_TRACE },
	{ "trace-output", required_argument, NULL, OPT_TRACE_OUTPUT },
	{ "option", required_argument, NULL, 'o' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

struct request {
	struct az_ioc_create create;
	const char *trace_output;
	int cores_given, cpus_given, trace_given, verbose;
};

static void cores_option(struct request *r, const char *text)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < 1 || n > AZ_CPUS_MAX)
		errx(1, "-c %s: not a number of CPUs between 1 and %d", text, AZ_CPUS_MAX);
	r->create.cpu_count = n;
	r->cores_given = 1;
}

static void cpus_option(struct request *r, const char *text)
{
	r->cpus_given = 1;
	if (!strcmp(text, "all"))
		memset(r->create.cpus, 0, sizeof(r->create.cpus));
	else if (cpulist_parse(text, r->create.cpus))
		errx(1, "--cpus %s: not a CPU list such as 2-5,8 with numbers below %d", text, AZ_CPUS_MAX);
}

static void linux_option(struct request *r, const char *text)
{
	if (!*text || *text == ',' || text[strlen(text) - 1] == ',' || strstr(text, ",,") || strchr(text, '/'))
		errx(1, "--linux '%s': give names such as cc1,ld, not paths", text);
	if (strlen(text) >= sizeof(r->create.linux_programs))
		errx(1, "--linux: more than %zu characters", sizeof(r->create.linux_programs) - 1);
	strcpy(r->create.linux_programs, text);
}

static void print_and_exit(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout))
		err(1, "standard output");
	exit(0);
}

/* Fills @r; the program's name is argv[optind] afterwards. Ends the process on a mistake. */
static void options(struct request *r, int argc, char **argv)
{
	int c;

	argv[0] = program_invocation_short_name;	/* getopt's messages begin with it */
	/* "+": the first word that is no option is the program, what follows belongs to it */
	while ((c = getopt_long(argc, argv, "+c:M:o:vh", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			cores_option(r, optarg);
			break;
		case OPT_CPUS:
			cpus_option(r, optarg);
			break;
		case 'M':
			if (size_parse(optarg, &r->create.memory))
				errx(1, "-M %s: not a size such as 512M or 8G", optarg);
			break;
		case OPT_LINUX:
			linux_option(r, optarg);
			break;
		case OPT_TRACE:
			trace_select(optarg ? optarg : "all", r->create.trace);
			r->trace_given = 1;
			break;
		case OPT_TRACE_OUTPUT:
			r->trace_output = optarg;
			break;
		case 'o':
			option_apply(&r->create, optarg);
			break;
		case 'v':
			r->verbose = 1;
			break;
		case 'h':
			print_and_exit(help);
			break;
		case OPT_VERSION:
			print_and_exit("yod (Azalea) " TOOLS_VERSION "\n");
			break;
		default:	/* getopt_long has named the mistake */
			fputs("Try 'yod --help' for more information.\n", stderr);
			exit(1);
		}
	}
	if (r->cores_given && r->cpus_given)
		errx(1, "-c and --cpus exclude each other: give a number of CPUs or a list");
	if (r->trace_output && !r->trace_given)
		errx(1, "--trace-output without --trace: say which calls, or just --trace");
	if (optind == argc)
		errx(1, "no program given: yod [OPTION]... PROGRAM [ARGUMENT]..., see yod --help");
}

/* The driver keeps the file open. Its old contents stay until there is a lease: until then the program may yet be refused. */
static void trace_open(struct request *r)
{
	if (!r->trace_output)
		return;
	r->create.trace_fd = open(r->trace_output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (r->create.trace_fd < 0)
		err(1, "--trace-output %s", r->trace_output);
}

static void trace_empty(const struct request *r)
{
	if (r->trace_output && ftruncate(r->create.trace_fd, 0) && errno != EINVAL)	/* which is no regular file */
		err(1, "--trace-output %s", r->trace_output);
}

/* Leases what @r asks for, through @fd. */
static void lease(int fd, struct request *r)
{
	char cpus[5 * AZ_CPUS_MAX], memory[32];

	if (ioctl(fd, AZ_IOC_CREATE, &r->create)) {
		r->create.error[sizeof(r->create.error) - 1] = '\0';
		if (r->create.error[0])
			errx(1, "%s%s", r->create.error, errno == EBUSY ? "; lwkctl status shows who uses the others" : "");
		err(1, "cannot lease CPUs and memory");
	}
	if (!r->verbose)
		return;
	cpulist_format(r->create.cpus, cpus, sizeof(cpus));
	size_format(r->create.memory, memory, sizeof(memory));
	fprintf(stderr, "yod: CPUs %s (%u), memory %s\n", cpus, cpulist_count(r->create.cpus),
		r->create.memory ? memory : "shared");
}

/* @path: the file to be loaded; @name: what the program was called by */
static void become_proxy(int fd, char *path, char *name, char **argv, int argc)
{
	char proxy[PATH_MAX], number[16];
	char **args;

	if (installed_path("azalea-proxy", "azalea-proxy", proxy))
		errx(1, "cannot find azalea-proxy beside yod nor as %s: is Azalea installed completely?", proxy);
	args = calloc(argc + 6, sizeof(*args));
	if (!args)
		err(1, "arguments");
	if (fcntl(fd, F_SETFD, 0))
		err(1, "cannot keep the device open");
	snprintf(number, sizeof(number), "%d", fd);
	args[0] = "azalea-proxy";
	args[1] = number;
	args[2] = path;
	args[3] = name;
	args[4] = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	memcpy(args + 5, argv, argc * sizeof(*argv));
	execv(proxy, args);
	err(1, "cannot execute %s", proxy);
}

int main(int argc, char **argv)
{
	struct request r = { .create.trace_fd = STDERR_FILENO };
	char path[PATH_MAX], name[PATH_MAX], **words;
	int fd, status, count;

	options(&r, argc, argv);
	status = program_find(argv[optind], path);
	if (status)
		return status;
	strcpy(name, path);
	count = argc - optind;
	words = script_follow(path, argv + optind, &count, &status);
	if (words)
		status = program_check(path);
	if (status)
		return status;
	fd = device_open("ask the administrator for access to it");
	if (fd < 0)
		return 1;
	trace_open(&r);
	lease(fd, &r);
	trace_empty(&r);
	become_proxy(fd, path, name, words, count);
}
