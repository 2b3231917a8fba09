// SPDX-License-Identifier: GPL-2.0
/*
 * edge_detect: finds the edges in a photograph, on as many threads as there are
 * CPUs in its affinity mask.  An ordinary program for Linux that serves as a
 * demonstration and a benchmark.  This file reads the command line, calls the
 * phases in their order (read, prepare, compute, write), and reports.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compute.h"

#define EXIT_USAGE	2

/* The greatest gradient of 8-bit grey in one direction is 4 * 255. */
#define MAX_THRESHOLD	1442
#define MAX_REPEAT	1000000
#define MAX_TILE	65535

/* Gradients are computed on 16 times the grey, and compared squared. */
#define STRENGTH(threshold) \
	((uint32_t)(16 * (threshold)) * (16 * (threshold)))

struct options {
	const char *input;
	const char *output;	/* NULL: the checksum is all that is wanted */
	enum method method;
	unsigned int low;
	unsigned int high;
	unsigned int repeat;
	unsigned int tile;
	bool is_verbose;
};

static const char help[] =
"Usage: edge_detect [OPTION]... INPUT [OUTPUT]\n"
"Find the edges in the picture INPUT (PNG, JPEG or PNM) and write them to\n"
"OUTPUT (PNG, white on black).  Without OUTPUT only the report is printed.\n"
"\n"
"  -m, --method=METHOD  canny (default) or sobel\n"
"  -l, --low=N          Canny: weakest gradient that continues an edge (30)\n"
"  -u, --high=N         Canny: gradient that begins an edge (80)\n"
"  -r, --repeat=N       compute N times (1)\n"
"  -t, --tile=N         work on N by N copies of the picture (1)\n"
"  -v, --verbose        print on which CPU each thread ran\n"
"  -h, --help           print this text\n"
"\n"
"There is one thread per CPU of the affinity mask; OMP_NUM_THREADS changes\n"
"that.  The result does not depend on the number of threads.\n"
"Exit status: 0 success, 1 failure, 2 wrong usage.\n";

static void __attribute__((noreturn)) usage_error(void)
{
	fputs("Try 'edge_detect --help'.\n", stderr);
	exit(EXIT_USAGE);
}

static unsigned int parse_number(const char *option, const char *text,
				 unsigned int min, unsigned int max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < min ||
	    value > max) {
		fprintf(stderr,
			"edge_detect: %s needs a number from %u to %u, not '%s'\n",
			option, min, max, text);
		usage_error();
	}
	return value;
}

static enum method parse_method(const char *text)
{
	if (!strcmp(text, "canny"))
		return CANNY;
	if (!strcmp(text, "sobel"))
		return SOBEL;
	fprintf(stderr, "edge_detect: --method is canny or sobel, not '%s'\n",
		text);
	usage_error();
}

static void parse_option(struct options *options, int option)
{
	switch (option) {
	case 'm':
		options->method = parse_method(optarg);
		break;
	case 'l':
		options->low = parse_number("--low", optarg, 1, MAX_THRESHOLD);
		break;
	case 'u':
		options->high = parse_number("--high", optarg, 1,
					     MAX_THRESHOLD);
		break;
	case 'r':
		options->repeat = parse_number("--repeat", optarg, 1,
					       MAX_REPEAT);
		break;
	case 't':
		options->tile = parse_number("--tile", optarg, 1, MAX_TILE);
		break;
	case 'v':
		options->is_verbose = true;
		break;
	case 'h':
		fputs(help, stdout);
		exit(EXIT_SUCCESS);
	default:
		usage_error();
	}
}

static struct options parse_command_line(int argc, char **argv)
{
	static const struct option names[] = {
		{ "method", required_argument, NULL, 'm' },
		{ "low", required_argument, NULL, 'l' },
		{ "high", required_argument, NULL, 'u' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "tile", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = {
		.method = CANNY, .low = 30, .high = 80, .repeat = 1, .tile = 1,
	};
	int option;

	while ((option = getopt_long(argc, argv, "m:l:u:r:t:vh", names,
				     NULL)) != -1)
		parse_option(&options, option);
	if (options.low > options.high) {
		fprintf(stderr,
			"edge_detect: --low %u is greater than --high %u\n",
			options.low, options.high);
		usage_error();
	}
	if (argc - optind < 1 || argc - optind > 2) {
		fputs(optind == argc ? "edge_detect: INPUT is missing\n"
				     : "edge_detect: too many file names\n",
		      stderr);
		usage_error();
	}
	options.input = argv[optind];
	options.output = argv[optind + 1];
	return options;
}

static void print_seconds(const char *name, double seconds)
{
	printf("%-12s%.6f s\n", name, seconds);
}

static void print_compute(const struct report *report, unsigned int repeat)
{
	double total = 0;

	for (unsigned int i = 0; i < report->steps; i++)
		total += report->step[i].total;
	print_seconds("compute", total);
	for (unsigned int i = 0; i < report->steps; i++) {
		const struct step_time *step = &report->step[i];

		printf("  %-10s%.6f s", step->name, step->total);
		if (repeat > 1)
			printf("  (best %.6f s, mean %.6f s)", step->best,
			       step->total / repeat);
		putchar('\n');
	}
}

static void print_placement(const struct report *report)
{
	for (unsigned int i = 0; i < report->threads; i++) {
		const struct placement *placement = &report->placement[i];

		printf("thread %u on CPU %d", i, placement->first_cpu);
		if (placement->last_cpu != placement->first_cpu)
			printf(", at the end on CPU %d", placement->last_cpu);
		putchar('\n');
	}
}

/* A report that got lost, on a full disk say, is a failure too. */
static void finish_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		fail("cannot write the report: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct options options = parse_command_line(argc, argv);
	struct planes planes = {
		.weak = STRENGTH(options.low), .strong = STRENGTH(options.high),
	};
	struct report report = { 0 };
	FILE *output = NULL;
	struct image image;
	double start, before_read = seconds_now();

	/* Line by line even into a pipe: a long run can be watched. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	image = image_read(options.input);
	print_seconds("read", seconds_now() - before_read);

	start = seconds_now();
	planes_shape(&planes, &image, options.tile);
	prepare(&planes, &image);
	print_seconds("prepare", seconds_now() - start);

	if (options.output)
		output = image_create(options.output);
	compute(&planes, options.method, options.repeat, &report);
	print_compute(&report, options.repeat);

	if (output) {
		struct image edges = {
			.width = planes.width, .height = planes.height,
			.pixels = planes.edges + PAD,
		};

		start = seconds_now();
		image_write_png(output, options.output, &edges, planes.stride);
		print_seconds("write", seconds_now() - start);
	}
	print_seconds("total", seconds_now() - before_read);
	printf("%-12s%" PRIu32 " x %" PRIu32 " pixels\n", "picture",
	       planes.width, planes.height);
	printf("%-12s%u\n", "threads", report.threads);
	printf("%-12s%016" PRIx64 "\n", "checksum", planes_checksum(&planes));
	if (options.is_verbose)
		print_placement(&report);
	finish_output();
	return EXIT_SUCCESS;
}
