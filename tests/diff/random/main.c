// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of system calls with a trace that is the same on every correct kernel.
 *
 *   random [-v] [-s SEED] [-f FIRST] [-n COUNT] [-o OPS] [-d OP,OP...] GROUP
 *
 * Prints one line per sequence, its number and a hash of its trace; with -v the trace itself. -o runs only the first OPS operations of
 * each sequence, -d leaves some out: the others do what they did, as far as their state allows. The current directory must be empty and
 * writable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "random.h"

#define TRACE_SIZE	(256 << 10)
#define DROPPED_MAX	256

struct trace {
	uint32_t length;
	char text[TRACE_SIZE];
};

static const struct group *const groups[] = { &memory_group, &signal_group, &futex_group, &process_group, &file_group };
static struct trace *trace;
static uint64_t choices;
static struct fault last_fault;

/* From the command line */
static bool verbose;
static uint64_t seed = 1;
static long first, count = 1, op_limit = 1 << 30;
static bool dropped[DROPPED_MAX];

uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t z = (a ^ (b * 0x9e3779b97f4a7c15)) + 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t draw(void)
{
	choices += 0x9e3779b97f4a7c15;
	return mix(choices, 1);
}

void restart_choices(uint64_t state)
{
	choices = state;
}

long pick(long n)
{
	return draw() % n;
}

bool chance(int percent)
{
	return pick(100) < percent;
}

void run_one(const struct operation *operations, int count)
{
	int i, sum = 0, n;

	for (i = 0; i < count; i++)
		sum += operations[i].weight;
	n = pick(sum);
	for (i = 0; n >= operations[i].weight; i++)
		n -= operations[i].weight;
	operations[i].op();
}

void t_str(const char *s)
{
	while (*s && trace->length < TRACE_SIZE)
		trace->text[trace->length++] = *s++;
}

void t_num(long n)
{
	char digits[24], *at = digits + sizeof(digits) - 1;
	unsigned long u = n < 0 ? -(unsigned long)n : (unsigned long)n;

	*at = '\0';
	do {
		*--at = '0' + u % 10;
		u /= 10;
	} while (u);
	if (n < 0)
		*--at = '-';
	t_str(at);
}

void t_hex(uint64_t n)
{
	char digits[17];
	int i;

	for (i = 0; i < 16; i++)
		digits[i] = "0123456789abcdef"[n >> (60 - 4 * i) & 15];
	digits[16] = '\0';
	t_str(digits);
}

void t_arg(const char *what, long n)
{
	t_str(" ");
	t_str(what);
	t_str("=");
	t_num(n);
}

long t_ret(const char *what, long ret)
{
	t_str(" ");
	t_str(what);
	t_str("=");
	if (ret < 0 && ret > -4096)
		t_str(strerrorname_np(-ret) ? strerrorname_np(-ret) : "E?");
	else
		t_num(ret);
	return ret;
}

long raw_call(long nr, const long arg[6])
{
	register long r10 asm("r10") = arg[3];
	register long r8 asm("r8") = arg[4];
	register long r9 asm("r9") = arg[5];
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

long need(const char *what, long ret)
{
	if (ret < 0 && ret > -4096) {
		fflush(stdout);
		dprintf(1, "%s: %ld (errno %d)\n", what, ret, errno);
		_exit(99);
	}
	return ret;
}

/* ---- Faults ---- */

/* Both leave by their last instruction when the page cannot be had: the handler goes on there. */
asm(".text\n"
    "probe_load:	mov (%rdi), %rax\n"
    "		mov %rax, (%rsi)\n"
    "probe_load_end: ret\n"
    "probe_store:	mov %rsi, (%rdi)\n"
    "probe_store_end: ret\n");
extern char probe_load_end[], probe_store_end[];
extern void probe_load(const void *p, uint64_t *value);
extern void probe_store(void *p, uint64_t value);
extern char probe_load_start[] asm("probe_load"), probe_store_start[] asm("probe_store");

static void fault_handler(int sig, siginfo_t *info, void *context)
{
	greg_t *ip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	last_fault = (struct fault){ sig, info->si_code, (uintptr_t)info->si_addr };
	if (*ip == (greg_t)probe_load_start) {
		*ip = (greg_t)probe_load_end;
	} else if (*ip == (greg_t)probe_store_start) {
		*ip = (greg_t)probe_store_end;
	} else {
		dprintf(1, "fault %d at %#lx, address %#lx\n", sig, (long)*ip, (long)info->si_addr);
		_exit(98);
	}
}

void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

struct fault peek(const void *p, uint64_t *value)
{
	last_fault.sig = 0;
	probe_load(p, value);
	return last_fault;
}

struct fault poke(void *p, uint64_t value)
{
	last_fault.sig = 0;
	probe_store(p, value);
	return last_fault;
}

uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *at = p;
	uint64_t word;

	for (; n >= 8; n -= 8, at += 8) {
		memcpy(&word, at, 8);
		h = (h ^ word) * 0x100000001b3;
		h ^= h >> 29;
	}
	for (; n; n--)
		h = (h ^ *at++) * 0x100000001b3;
	return h;
}

void fill_bytes(void *p, size_t n, uint64_t s)
{
	unsigned char *at = p;
	size_t i, part;
	uint64_t word;

	for (i = 0; i < n; i += 8) {
		word = (i + s) * 0x9e3779b97f4a7c15;
		part = n - i < 8 ? n - i : 8;
		memcpy(at + i, &word, part);
	}
}

/* ---- Sequences ---- */

static uint64_t line_done(uint64_t h)
{
	h = hash_bytes(h, trace->text, trace->length);
	if (verbose) {
		fwrite(trace->text, 1, trace->length, stdout);
		putchar('\n');
		fflush(stdout);
	}
	trace->length = 0;
	return h;
}

static void sequence(const struct group *g, long number)
{
	uint64_t base = mix(mix(seed, hash_bytes(0, g->name, strlen(g->name))), number), h = 0xcbf29ce484222325;
	int i, ops;

	choices = mix(base, 1 << 20);
	ops = 1 + pick(g->ops);
	if (ops > op_limit)
		ops = op_limit;
	g->begin();
	for (i = 0; i < ops; i++) {
		if (dropped[i])
			continue;
		choices = mix(base, i);
		t_num(i);
		g->op(i);
		h = line_done(h);
	}
	choices = mix(base, 2 << 20);
	t_str("end");
	g->end();
	h = line_done(h);
	printf("%s %ld %016lx\n", g->name, number, h);
	if (number % 64 == 63)
		fflush(stdout);
}

static const struct group *find_group(const char *name)
{
	size_t i;

	for (i = 0; name && i < sizeof(groups) / sizeof(*groups); i++)
		if (!strcmp(groups[i]->name, name))
			return groups[i];
	fprintf(stderr, "usage: random [-v] [-s SEED] [-f FIRST] [-n COUNT] [-o OPS] [-d OP,OP...] memory|signal|futex|process|file\n");
	exit(2);
}

static void parse_dropped(char *list)
{
	char *word;
	long n;

	for (word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		n = atol(word);
		if (n >= 0 && n < DROPPED_MAX)
			dropped[n] = true;
	}
}

int main(int argc, char **argv)
{
	static char buffer[1 << 16];
	const struct group *g;
	long i;
	int c;

	while ((c = getopt(argc, argv, "vs:f:n:o:d:")) != -1) {
		switch (c) {
		case 'v': verbose = true; break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'f': first = atol(optarg); break;
		case 'n': count = atol(optarg); break;
		case 'o': op_limit = atol(optarg); break;
		case 'd': parse_dropped(optarg); break;
		default: find_group(NULL);
		}
	}
	g = find_group(argv[optind]);
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	trace = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ALWAYS(trace == MAP_FAILED ? -1 : 0);
	if (g->prepare)
		g->prepare();
	for (i = first; i < first + count; i++)
		sequence(g, i);
	return 0;
}
