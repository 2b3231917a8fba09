// SPDX-License-Identifier: GPL-2.0
/*
 * What a program reads about itself in /proc, held against what it knows better:
 *
 *   auxv      /proc/self/auxv is the auxiliary vector on the stack
 *   name      command line, environment, file and name, as Linux shows them to everybody
 *   maps      its mappings and what is there, in maps, smaps, numa_maps, status, stat and statm
 *   peak      the most memory that it has had, there and in getrusage(2) and wait4(2)
 *   folders   its threads and descriptors
 *   machine   CPUs and memory: only those that it may use (true of Linux too where that is all of them)
 */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "say.h"

static char text[1 << 20];

/* The whole of a file in @text, which ends with a NUL. Returns its size. */
static size_t slurp(const char *path)
{
	int fd = need(path, open(path, O_RDONLY));
	size_t size = 0;
	ssize_t n;

	while ((n = need("read", read(fd, text + size, sizeof(text) - 1 - size))) > 0)
		size += n;
	close(fd);
	text[size] = '\0';
	return size;
}

static void auxv(void)
{
	size_t i, size = slurp("/proc/self/auxv");
	const Elf64_auxv_t *a = (const void *)text;
	char **e = environ;

	for (i = 0; i < size / sizeof(*a) && a[i].a_type; i++)
		;
	while (*e++)
		;
	ok("auxv: as on the stack", !memcmp(e, a, (i + 1) * sizeof(*a)));
	ok("auxv: enough of it", i > 15);
	ok("auxv: ends with AT_NULL", i == size / sizeof(*a) - 1);
	say("auxv: prctl PR_SET_MM", prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0) == -1 && (errno == EPERM || errno == EINVAL) ? 0 : 1);
}

static void name(char **argv)
{
	const char *base = strrchr(argv[0], '/');
	size_t size = slurp("/proc/self/cmdline"), at = 0;
	char link[4096] = "";
	int i;

	for (i = 0; argv[i] && at < size; at += strlen(text + at) + 1, i++)
		printf("cmdline %d: %s\n", i, strcmp(argv[i], text + at) ? "WRONG" : "right");
	ok("cmdline: all", at == size && !argv[i]);
	text[slurp("/proc/self/comm") - 1] = '\0';
	ok("comm", base && !strcmp(text, base + 1));
	slurp("/proc/self/environ");
	ok("environ", getenv("TEST_A") && strstr(text, "TEST_A="));
	need("readlink", readlink("/proc/self/exe", link, sizeof(link) - 1));
	ok("exe", base && strstr(link, base));
}

/* ---- Mappings -------------------------------------------------------------------------------------------------- */

struct mapping {
	unsigned long start, end, offset, inode;
	char rights[5], file[1024];
};

/* The line of maps, already in text, that covers an address. */
static int mapping_of(const void *address, struct mapping *m)
{
	char *line;

	for (line = text; line && *line; line = strchr(line, '\n'), line += !!line) {
		m->file[0] = '\0';
		if (sscanf(line, "%lx-%lx %4s %lx %*s %lu%*[ ]%1023[^\n]", &m->start, &m->end, m->rights, &m->offset, &m->inode, m->file) >= 5 &&
		    (unsigned long)address >= m->start && (unsigned long)address < m->end)
			return 1;
	}
	return 0;
}

static void is_mapped(const char *what, const void *address, const char *rights, const char *file)
{
	struct mapping m = { 0 };

	if (!mapping_of(address, &m)) {
		printf("%s: not mapped, WRONG\n", what);
		return;
	}
	printf("%s: %s\n", what, m.rights);
	ok("  as it should be", !strcmp(m.rights, rights));
	ok("  its name", strstr(m.file, file) != NULL);
}

/* The number behind a name at the start of a line of the text. */
static long number_of(const char *key)
{
	char *at = text;

	while (at && strncmp(at, key, strlen(key)))
		at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
	return at ? atol(at + strlen(key)) : -1;
}

#define PAGES	64

static void maps_lines(char *memory, char *file, int fd)
{
	char *heap = malloc(100);
	size_t size = slurp("/proc/self/maps");
	struct mapping m = { 0 };
	struct stat st;

	is_mapped("code", number_of, "r-xp", "/self");
	is_mapped("data", text, "rw-p", "");
	is_mapped("stack", &m, "rw-p", "[stack]");
	is_mapped("heap", heap, "rw-p", "[heap]");
	is_mapped("memory", memory, "rw-p", "");
	is_mapped("a page read only", memory + 4096, "r--p", "");
	is_mapped("a page without rights", memory + 2 * 4096, "---p", "");
	is_mapped("a file", file, "r--p", "/mapped");
	need("fstat", fstat(fd, &st));
	ok("inode and offset", mapping_of(file, &m) && m.inode == st.st_ino && m.offset == 4096);
	ok("nothing in the page after it", !mapping_of(file + 4096, &m) || m.inode != st.st_ino);
	ok("ends with a newline", size && text[size - 1] == '\n');
}

/* The part of smaps about one mapping, moved to the start of text; its header line too. */
static void smaps_of(const void *address)
{
	unsigned long start, end;
	char *line, *next;

	slurp("/proc/self/smaps");
	for (line = text; line; line = next) {
		next = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && (unsigned long)address >= start && (unsigned long)address < end)
			break;
	}
	if (!line)
		return;
	memmove(text, line, strlen(line) + 1);
	line = strstr(text, "VmFlags");
	if (line)
		*line = '\0';
}

static void maps_sizes(char *memory)
{
	long size, rss;

	smaps_of(memory + 3 * 4096);
	ok("smaps: size", number_of("Size:") >= (PAGES - 3) * 4);
	ok("smaps: what was touched", number_of("Rss:") >= (PAGES - 3) * 4 && number_of("Rss:") <= number_of("Size:"));
	ok("smaps: anonymous", number_of("Anonymous:") == number_of("Rss:"));
	slurp("/proc/self/smaps_rollup");
	rss = number_of("Rss:");
	slurp("/proc/self/status");
	ok("status: size", number_of("VmSize:") > PAGES * 4);
	ok("status: resident", number_of("VmRSS:") >= PAGES * 4 - 8 && labs(number_of("VmRSS:") - rss) < 8192);
	size = number_of("VmSize:");
	slurp("/proc/self/statm");
	ok("statm: size", labs(atol(text) * 4 - size) < 1024);
	slurp("/proc/self/stat");
	ok("stat", atol(text) == getpid() && strchr(text, ')'));
	ok("numa_maps", slurp("/proc/self/numa_maps") > 0 && strstr(text, "anon="));
}

/* The ways of reading a file other than from start to end. */
static void maps_ways(void)
{
	int folder = need("open", open("/proc/self", O_RDONLY | O_DIRECTORY)), fd = need("openat", openat(folder, "maps", O_RDONLY));
	char first[200], again[200];
	struct stat st;

	need("fstat", fstat(fd, &st));
	ok("a regular file of size 0", S_ISREG(st.st_mode) && !st.st_size);
	ok("readable by all as far as it goes", (st.st_mode & 0777) == 0444);
	ok("one byte", read(fd, first, 1) == 1);
	ok("the rest", read(fd, first + 1, 99) == 99);
	ok("from the start", lseek(fd, 0, SEEK_SET) == 0 && read(fd, again, 100) == 100 && !memcmp(first, again, 100));
	ok("pread", pread(fd, again, 50, 50) == 50 && !memcmp(first + 50, again, 50));
	say("write", write(fd, "x", 1));
	close(fd);
	close(folder);
}

static void maps(void)
{
	char *memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *file;
	int fd = need("open", open("mapped", O_RDWR | O_CREAT, 0600));

	need("ftruncate", ftruncate(fd, 8192));
	file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	if (memory == MAP_FAILED || file == MAP_FAILED)
		fail("mmap");
	memset(memory, 1, PAGES * 4096);
	need("mprotect", mprotect(memory + 4096, 4096, PROT_READ));
	need("mprotect", mprotect(memory + 2 * 4096, 4096, PROT_NONE));
	maps_lines(memory, file, fd);
	maps_sizes(memory);
	maps_ways();
}

/* ---- Folders --------------------------------------------------------------------------------------------------- */

/* Entries of a folder whose names are a prefix and a number. */
#define PEAK	(32l << 20)

/* Has so much memory for a moment. */
static void touch(long size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, size);
	munmap(p, size);
}

/* What is there besides is some MB. */
static int is_peak(long kb, long size)
{
	return kb >= size >> 10 && kb < (size >> 10) + (12 << 10);
}

static void peak(void)
{
	struct rusage usage;
	int status;
	pid_t pid;

	touch(PEAK);
	need("getrusage", getrusage(RUSAGE_SELF, &usage));
	ok("its own peak", is_peak(usage.ru_maxrss, PEAK));
	slurp("/proc/self/status");
	ok("in its status", is_peak(number_of("VmHWM:"), PEAK));
	ok("is not what it has", number_of("VmRSS:") < PEAK >> 10);
	pid = need("fork", fork());
	if (!pid) {
		touch(2 * PEAK);
		_exit(0);
	}
	wait4(pid, &status, 0, &usage);
	ok("a child's that exits", is_peak(usage.ru_maxrss, 2 * PEAK));
	pid = need("fork", fork());
	if (!pid) {
		touch(3 * PEAK);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	wait4(pid, &status, 0, &usage);
	ok("one's that executes another program", is_peak(usage.ru_maxrss, 3 * PEAK));
	pid = need("fork", fork());
	if (!pid) {
		touch(4 * PEAK);
		abort();
	}
	wait4(pid, &status, 0, &usage);
	ok("one's that dies", is_peak(usage.ru_maxrss, 4 * PEAK));
	need("getrusage", getrusage(RUSAGE_CHILDREN, &usage));
	ok("the most of all children", is_peak(usage.ru_maxrss, 4 * PEAK));
}

static int entries(const char *path, const char *prefix)
{
	DIR *folder = opendir(path);
	struct dirent *e;
	int count = 0;

	if (!folder)
		fail(path);
	while ((e = readdir(folder)))
		count += !strncmp(e->d_name, prefix, strlen(prefix)) && isdigit(e->d_name[strlen(prefix)]);
	closedir(folder);
	return count;
}

static pthread_barrier_t barrier;

static void *thread(void *unused)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static int links(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (int)st.st_nlink;
}

#define THREADS	3

static void folders(void)
{
	pthread_t t[THREADS];
	int i;

	closefrom(3);
	printf("threads: %d, links %d\n", entries("/proc/self/task", ""), links("/proc/self/task"));
	printf("descriptors: %d\n", entries("/proc/self/fd", ""));
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, thread, NULL);
	pthread_barrier_wait(&barrier);
	printf("threads: %d, links %d\n", entries("/proc/self/task", ""), links("/proc/self/task"));
	slurp("/proc/self/status");
	printf("status: %ld\n", number_of("Threads:"));
	slurp("/proc/thread-self/status");
	printf("of a thread: %ld\n", number_of("Threads:"));
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("descriptors: %d\n", entries("/proc/self/fd", ""));
}

/* ---- The machine ----------------------------------------------------------------------------------------------- */

static int lines_with(const char *path, const char *prefix)
{
	int count = 0;
	char *at;

	slurp(path);
	for (at = text; at && *at; at = strchr(at, '\n'), at += !!at)
		count += !strncmp(at, prefix, strlen(prefix)) && (isdigit(at[strlen(prefix)]) || isspace(at[strlen(prefix)]));
	return count;
}

/* The number of CPUs in a list such as 2-5,8. */
static int list_length(const char *path)
{
	int count = 0, first, last, n;
	char *at = text;

	slurp(path);
	while (sscanf(at, "%d%n", &first, &n) == 1) {
		at += n;
		last = first;
		if (*at == '-' && sscanf(at + 1, "%d%n", &last, &n) == 1)
			at += n + 1;
		count += last - first + 1;
		at += *at == ',';
	}
	return count;
}

static void machine(void)
{
	struct sysinfo info;
	cpu_set_t mask;
	int cpus;

	need("sched_getaffinity", sched_getaffinity(0, sizeof(mask), &mask));
	cpus = CPU_COUNT(&mask);
	ok("sysconf: online", sysconf(_SC_NPROCESSORS_ONLN) == cpus);
	ok("sysconf: configured", sysconf(_SC_NPROCESSORS_CONF) == cpus);
	ok("cpuinfo", lines_with("/proc/cpuinfo", "processor") == cpus);
	ok("stat", lines_with("/proc/stat", "cpu") == cpus + 1);
	ok("online", list_length("/sys/devices/system/cpu/online") == cpus);
	ok("present", list_length("/sys/devices/system/cpu/present") == cpus);
	ok("possible", list_length("/sys/devices/system/cpu/possible") == cpus);
	ok("none offline", list_length("/sys/devices/system/cpu/offline") == 0);
	ok("folders", entries("/sys/devices/system/cpu", "cpu") == cpus);
	ok("the bus's folders", entries("/sys/bus/cpu/devices", "cpu") == cpus);
	ok("nodes", entries("/sys/devices/system/node", "node") == list_length("/sys/devices/system/node/online"));
	slurp("/proc/self/status");
	ok("status", strstr(text, "Cpus_allowed_list:") != NULL);
	need("sysinfo", sysinfo(&info));
	slurp("/proc/meminfo");
	ok("meminfo: total", number_of("MemTotal:") == (long)(info.totalram * info.mem_unit >> 10));
	ok("meminfo: free", number_of("MemFree:") > 0 && number_of("MemFree:") <= number_of("MemTotal:"));
	slurp("/proc/loadavg");
	ok("loadavg", strchr(text, '/') != NULL);
	printf("%d CPUs, %ld MB\n", cpus, (long)(info.totalram * info.mem_unit >> 20));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "auxv"))
		auxv();
	else if (!strcmp(what, "name"))
		name(argv);
	else if (!strcmp(what, "maps"))
		maps();
	else if (!strcmp(what, "peak"))
		peak();
	else if (!strcmp(what, "folders"))
		folders();
	else if (!strcmp(what, "machine"))
		machine();
	else
		return 98;
	return 0;
}
