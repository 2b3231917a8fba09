// SPDX-License-Identifier: GPL-2.0
/*
 * Host test of the tools' parts: CPU lists, sizes, and the status table made from a directory that looks like
 * /sys/kernel/azalea. TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tools.h"

static int count, failed;

static void ok(int passed, const char *name)
{
	failed += !passed;
	printf("%sok %d - %s\n", passed ? "" : "not ", ++count, name);
}

static void test_cpulist(const char *text, const char *wanted)
{
	uint64_t set[CPUSET_WORDS];
	char again[5 * AZ_CPUS_MAX], name[128];
	int ret = cpulist_parse(text, set);

	snprintf(name, sizeof(name), "CPU list '%s' is %s", text, wanted ? wanted : "refused");
	if (wanted)
		cpulist_format(set, again, sizeof(again));
	ok(wanted ? !ret && !strcmp(again, wanted) : ret == -1, name);
}

static void test_cpulists(void)
{
	static const char *const wrong[] = { "", ",", "1,", ",1", "a", "1-", "-1", "3-2", "1-2-3", "1 ", " 1", "1024", "0-1024",
		"99999999999", "1;2", "0x1" };
	uint64_t odd[CPUSET_WORDS];
	char text[5 * AZ_CPUS_MAX];
	size_t i;

	test_cpulist("0", "0");
	test_cpulist("2-5,8,10-11", "2-5,8,10-11");
	test_cpulist("8,2,4,3,5", "2-5,8");
	test_cpulist("1-1,1", "1");
	test_cpulist("62-65,1023", "62-65,1023");
	test_cpulist("0-1023", "0-1023");
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		test_cpulist(wrong[i], NULL);
	for (i = 0; i < CPUSET_WORDS; i++)
		odd[i] = 0xaaaaaaaaaaaaaaaaULL;
	cpulist_format(odd, text, sizeof(text));
	ok(cpulist_count(odd) == 512 && !strcmp(text + strlen(text) - 5, ",1023"), "every second CPU");
}

static void test_option(const char *text, uint32_t ms)
{
	static struct az_ioc_create request = { .flags = 1 };
	char name[128];

	option_apply(&request, text);
	snprintf(name, sizeof(name), "-o %s is slices of %u ms", text, ms);
	ok(AZ_PROC_SLICE_MS(request.flags) == ms && (request.flags & 0xffff) == 1, name);
}

static void test_options(void)
{
	test_option("timeshare", 10);
	test_option("timeshare=1", 1);
	test_option("timeshare=65535", 65535);
	test_option("lwksched-enable-rr=0", 0);
	test_option("lwksched-enable-rr=250", 250);
}

static int is_traced(const char *calls, unsigned int number)
{
	uint64_t bits[AZ_TRACE_WORDS] = { 0 };

	trace_select(calls, bits);
	return bits[number / 64] >> number % 64 & 1;
}

static void test_trace(void)
{
	ok(is_traced("read,write", 0) && is_traced("read,write", 1) && !is_traced("read,write", 2), "--trace=read,write");
	ok(is_traced("%file", 2) && is_traced("%file", 59) && !is_traced("%file", 0), "--trace=%file");
	ok(is_traced("%desc", 0) && !is_traced("%desc", 2), "--trace=%desc");
	ok(is_traced("%signal", 13) && is_traced("%signal", 62) && !is_traced("%signal", 0), "--trace=%signal");
	ok(is_traced("local,refuse", 39) && is_traced("local,refuse", 172) && !is_traced("local", 0), "--trace=local,refuse");
	ok(is_traced("forward", 0) && !is_traced("forward", 59) && is_traced("split", 59), "--trace=forward and split");
	ok(is_traced("all", AZ_TRACE_UNKNOWN) && is_traced("all", 450) && !is_traced("all", 335), "--trace=all");
}

static void test_size(const char *text, uint64_t wanted, const char *again)
{
	uint64_t bytes = 0;
	char formatted[32], name[128];
	int ret = size_parse(text, &bytes);

	snprintf(name, sizeof(name), "size '%s' is %s", text, wanted ? again : "refused");
	size_format(bytes, formatted, sizeof(formatted));
	ok(wanted ? !ret && bytes == wanted && !strcmp(formatted, again) : ret == -1, name);
}

static void test_sizes(void)
{
	static const char *const wrong[] = { "", "0", "0G", "-1", "+1", " 1", "1 ", "G", "1X", "1GB", "1.5G", "18446744073709551616",
		"16777216T", "0x10" };
	size_t i;

	test_size("1", 1, "1");
	test_size("4096", 4096, "4K");
	test_size("512M", 512ULL << 20, "512M");
	test_size("8g", 8ULL << 30, "8G");
	test_size("1024G", 1ULL << 40, "1T");
	test_size("2048T", 2048ULL << 40, "2048T");
	test_size("1536", 1536, "1536");
	test_size("18446744073709551615", UINT64_MAX, "18446744073709551615");
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		test_size(wrong[i], 0, "");
}

/* What the driver shows when two of four CPUs are leased. */
static const char *const files[][2] = {
	{ "state", "running\n" },
	{ "cpus", "2-5\n" },
	{ "cpus_free", "4-5\n" },
	{ "cpu_table", "  cpu  util node state        job      tid\n"
		"    2     0    0 online        77       77\n    3     0    0 online        77       78\n"
		"    4     1    0 online         0        0\n    5     1    0 off            0        0\n" },
	{ "memory", "node   set_aside_kb       total_kb        free_kb quarantined_kb\n"
		"   0        1048576        1040000        1039996              4\n" },
	{ "processes", "     pid state    threads  cpus    reserved_kb    resident_kb   committed_kb\n"
		"      77 running        2     2              0          40960          50000\n" },
	{ "threads", "2\n" },
	{ "slots", "6 of 4096\n" },
	{ "mitigations", "page table isolation none\nretpolines Linux only\nspec_ctrl 0x1\n" },
	{ "errors", "" },
	{ "version", "1\n" },
	{ "boots", "3\n" },
};

static void file_write(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(text, file) == EOF || fclose(file)) {
		perror(name);
		exit(1);
	}
}

static int status_here(int verbose)
{
	return status_print(".", verbose);
}

/* Calls @print and returns what it printed in @out. */
static int output_of(int (*print)(int), int argument, char *out, size_t size)
{
	int saved = dup(1), status;
	FILE *file = tmpfile();

	fflush(stdout);
	dup2(fileno(file), 1);
	status = print(argument);
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	rewind(file);
	out[fread(out, 1, size - 1, file)] = '\0';
	fclose(file);
	return status;
}

static int status_of(char *out, size_t size, int verbose)
{
	return output_of(status_here, verbose, out, size);
}

#define CPU_HEADER	"  cpu  util node state         job      tid     calls_local calls_forwarded       faults   interrupts    ipis_sent     switches      idle_us\n"

static const char cpus_before[] = CPU_HEADER
	"    2     0    0 online         77       77            1000             100           10            5            5            2      4000000\n"
	"    3     0    0 online         77        0            2000             200           20            5            5            2      4000000\n"
	"    4     1    1 online          0        0               0               0            0            0            0            1      5000000\n";
static const char cpus_after[] = CPU_HEADER
	"    2     0    0 online         77       77         1001000           50100           10            5            5            2      4000000\n"
	"    3     0    0 online         77        0            2000             200         7020            5            5           42   3604000000\n"
	"    4     1    1 online          0        0               0               0            0            0            0            1   3605000000\n";

/* The tables change while top waits between its two looks. */
static int top_here(int count)
{
	struct top_options o = { .count = count, .seconds = 0.4, .batch = 1 };

	if (!fork()) {
		usleep(100000);
		file_write("cpu_table", cpus_after);
		_exit(0);
	}
	return top_run(".", ".", &o);
}

static int top_of(char *out, size_t size, int count)
{
	return output_of(top_here, count, out, size);
}

/* The number in column @column of the line that begins with @first below the heading @heading. */
static double cell(const char *out, const char *heading, const char *first, int column)
{
	const char *at = strstr(out, heading);

	while (at && (at = strchr(at, '\n'))) {
		at += strspn(at, "\n ");
		if (!strncmp(at, first, strlen(first)))
			break;
	}
	while (at && column--)
		at += strcspn(at, " "), at += strspn(at, " ");
	return at ? atof(at) : -1;
}

static void test_top(void)
{
	char out[8192];

	file_write("cpu_table", cpus_before);
	mkdir("77", 0700);
	file_write("77/comm", "program\n");
	ok(top_of(out, sizeof(out), 1) == 0, "top, once");
	ok(strstr(out, "CPUs: 3, leased 2, with a thread 1; jobs: 1; memory: 1015 of 1015 MB free\n") != NULL, "top: the first line");
	ok(strstr(out, " program\n") && cell(out, "program", "77 ", 1) == 2, "top: the job");
	ok(cell(out, "\n  cpu", "2 ", 5) > 500000 && cell(out, "\n  cpu", "2 ", 5) < 2600000, "top: calls of a CPU per second");
	ok(cell(out, "\n  cpu", "2 ", 6) * 19 < cell(out, "\n  cpu", "2 ", 5) && cell(out, "\n  cpu", "3 ", 5) == 0, "top: forwarded");
	ok(cell(out, "\n  cpu", "2 ", 4) == 100 && cell(out, "\n  cpu", "4 ", 4) == 0, "top: busy and idle");
	ok(cell(out, "job", "77 ", 3) == 100 && cell(out, "job", "77 ", 7) == cell(out, "\n  cpu", "3 ", 7), "top: sums of the job");
	unlink("77/comm");
	rmdir("77");
}

static void test_status(void)
{
	char directory[] = "/tmp/azalea-status-XXXXXX", out[8192];
	size_t i;

	if (!mkdtemp(directory) || chdir(directory)) {
		perror(directory);
		exit(1);
	}
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		file_write(files[i][0], files[i][1]);
	ok(status_of(out, sizeof(out), 0) == 0, "status of a running LWK");
	ok(strstr(out, "LWK CPUs     all 2-5 (4), online 3, free 4-5 (2)\n") != NULL, "CPUs counted");
	ok(strstr(out, "processes    1\n") && strstr(out, "      77 running"), "processes counted and listed");
	ok(strstr(out, "mitigations  page table isolation none, retpolines Linux only, spec_ctrl 0x1\n") != NULL, "mitigations");
	ok(strstr(out, "boot errors  none\n") && !strstr(out, "online  "), "no boot errors, no CPU lines without -v");
	ok(status_of(out, sizeof(out), 1) == 0 && strstr(out, "    5     1    0 off"), "CPU lines with -v");
	test_top();
	file_write("cpus_free", "\n");
	file_write("errors", "lwkcpus=0: CPU 0 stays with Linux\nlwkmem=: missing\n");
	status_of(out, sizeof(out), 0);
	ok(strstr(out, "free none (0)\n") != NULL, "no free CPU");
	ok(strstr(out, "boot errors  lwkcpus=0: CPU 0 stays with Linux\n             lwkmem=: missing\n") != NULL, "two boot errors");
	file_write("state", "off\n");
	ok(status_of(out, sizeof(out), 0) == 3, "status of no LWK");
	file_write("state", "failed: check\n");
	ok(status_of(out, sizeof(out), 0) == 4 && strstr(out, "failed: check\n"), "status of a failed LWK");
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(files[i][0]);
	rmdir(directory);
}

int main(void)
{
	test_cpulists();
	test_options();
	test_trace();
	test_sizes();
	test_status();
	printf("1..%d\n", count);
	return failed != 0;
}
