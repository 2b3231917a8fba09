// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plug-in that counts the instructions a guest executes between two
 * marks (see mark.h).  Load it with -plugin icount.so,out=FILE[,...];
 * README.md describes the files it writes.
 *
 * Every virtual CPU has running totals (counters.h).  Opening a window remembers
 * the totals of all CPUs, closing it writes the differences.  So a window costs nothing
 * while it is open, any number may overlap, and one mark serves all CPUs.
 *
 * Counting is by runs: when QEMU translates a block of guest code, the block
 * is cut into runs of plain instructions, and the first instruction of each
 * run calls run_executed() with the length of the run.  Marks and repeated
 * string instructions are runs of their own.  Hence what is exact and what is
 * not:
 *
 *  - Code that takes no exception in a window is counted exactly.
 *  - An exception inside a run has counted the rest of the run too early: the
 *    error is at most the length of that run, once per exception.  Interrupts
 *    are only taken between blocks and cause no error.
 *  - Totals of the other CPUs are read while they execute: the error is at
 *    most one run per CPU at each end of the window.
 *
 * QEMU shares a translated block between all addresses at which the same page
 * of memory is mapped.  Only the offset in the page is therefore reliable, and
 * code that the same privilege level executes from a low and from a high
 * address is counted under whichever came first.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence.h"
#include "counters.h"
#include "entries.h"
#include "insn.h"
#include "profile.h"
#include "qemu-api.h"
#include "stacks.h"

#define MAX_OPEN	16		/* windows open at once, per owner */
#define PAGE_MASK	0xfffu
#define LONGEST_INSTRUCTION	15u
#define FIRST_GLOBAL	0x4000u		/* window number of mark 0x8000 */

struct window {
	bool is_open;
	unsigned int number;
	unsigned long opening;		/* running number of the opening */
	struct counts *start;		/* one per CPU, made at first use */
};

struct cpu {
	const struct run *rep;		/* the last instruction, if a rep */
	struct window windows[MAX_OPEN];	/* this CPU's thread only */
} __attribute__((aligned(64)));

static struct cpu cpus[MAX_CPUS];
static unsigned int cpu_count;

/* The lock covers global windows, the output file and the closing number. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct window global_windows[MAX_OPEN];
static FILE *out;
static unsigned long openings, closings;

/* What the callback of a run is told. Never freed: QEMU does not say when it forgets a block. */
struct run {
	uint64_t vaddr;			/* of its first byte */
	uint16_t length;		/* instructions; of a rep: its bytes */
	enum counter mode;
	bool is_entry;			/* into the kernel */
};

static void run_count(unsigned int vcpu, const struct run *run, uint64_t n)
{
	counter_add(vcpu, run->mode, n);
	profile_add(vcpu, run->vaddr, n);
	stacks_add(vcpu, run->vaddr, n, run->is_entry);
}

/*
 * A repeated string instruction is entered once per iteration but retires
 * once.  It is counted when its successor executes: if something else follows
 * instead (a page fault, an interrupt), it will be entered again later.
 */
static void rep_settle(unsigned int vcpu, uint64_t next)
{
	const struct run *rep = cpus[vcpu].rep;

	cpus[vcpu].rep = NULL;
	if (((rep->vaddr + rep->length) & PAGE_MASK) == (next & PAGE_MASK))
		run_count(vcpu, rep, 1);
}

static void run_executed(unsigned int vcpu, void *data)
{
	const struct run *run = data;

	if (__builtin_expect(cpus[vcpu].rep != NULL, 0))
		rep_settle(vcpu, run->vaddr);
	run_count(vcpu, run, run->length);
}

static void rep_executed(unsigned int vcpu, void *data)
{
	const struct run *run = data;

	if (cpus[vcpu].rep)
		rep_settle(vcpu, run->vaddr);
	cpus[vcpu].rep = run;
}

static struct window *window_find(struct window *set, unsigned int number)
{
	for (int i = 0; i < MAX_OPEN; i++)
		if (set[i].is_open && set[i].number == number)
			return &set[i];
	return NULL;
}

/* The number of the window that this CPU, or for global ones any, opened last of those still open; 0: none. */
static unsigned int window_innermost(const struct window *set)
{
	const struct window *last = NULL;

	for (int i = 0; i < MAX_OPEN; i++)
		if (set[i].is_open && (!last || set[i].opening > last->opening))
			last = &set[i];
	return last ? last->number : 0;
}

static struct window *window_find_free(struct window *set)
{
	for (int i = 0; i < MAX_OPEN; i++)
		if (!set[i].is_open)
			return &set[i];
	return NULL;
}

static void row_write_locked(unsigned int number, unsigned int vcpu,
			     const char *scope, const struct counts *counts)
{
	fprintf(out, "%u,%lu,%u,%s", number, closings, vcpu, scope);
	for (int i = 0; i < COUNTERS; i++)
		if (counted[i])
			fprintf(out, ",%" PRIu64, counts->count[i]);
	fputc('\n', out);
}

static void header_write(void)
{
#define COUNTER_NAME(name, column)	#column,
	static const char *const names[] = { ALL_COUNTERS(COUNTER_NAME) };

	fprintf(out, "window,closing,vcpu,scope");
	for (int i = 0; i < COUNTERS; i++)
		if (counted[i])
			fprintf(out, ",%s", names[i]);
	fputc('\n', out);
	fflush(out);
}

static void lost_write_locked(unsigned int number, unsigned int vcpu)
{
	static const struct counts nothing;

	closings++;
	row_write_locked(number, vcpu, "lost", &nothing);
	fflush(out);
}

/* Returns false if a window was lost: opened twice, or one too many. */
static bool window_open(struct window *set, unsigned int number)
{
	struct window *window = window_find(set, number);
	bool is_new = !window;

	if (!window)
		window = window_find_free(set);
	if (!window)
		return false;
	if (!window->start)
		window->start = calloc(cpu_count, sizeof(*window->start));
	if (!window->start)
		return false;
	for (unsigned int i = 0; i < cpu_count; i++)
		window->start[i] = counts_read(i);
	window->number = number;
	window->opening = ++openings;
	window->is_open = true;
	return is_new;
}

/* What was counted since @before; true if that is anything. */
static bool counts_since(unsigned int vcpu, const struct counts *before,
			 struct counts *difference)
{
	uint64_t any = 0;

	*difference = counts_read(vcpu);
	for (int i = 0; i < COUNTERS; i++) {
		difference->count[i] -= before->count[i];
		any |= difference->count[i];
	}
	return any;
}

/* Writes a row for the closing CPU and one for each other that did anything. */
static void window_close_locked(struct window *window, unsigned int vcpu)
{
	bool is_global = window->number >= FIRST_GLOBAL;
	struct counts row;
	const char *scope;

	closings++;
	for (unsigned int i = 0; i < cpu_count; i++) {
		if (!counts_since(i, &window->start[i], &row) && i != vcpu)
			continue;
		scope = is_global ? "global" : i == vcpu ? "own" : "other";
		row_write_locked(window->number, i, scope, &row);
	}
	fflush(out);
	window->is_open = false;
}

static void mark_executed(unsigned int vcpu, void *data)
{
	unsigned int number = (uintptr_t)data / 2;
	bool closes = (uintptr_t)data & 1;
	struct window *set = cpus[vcpu].windows;
	const struct run *rep = cpus[vcpu].rep;
	struct window *window;
	unsigned int own;

	if (rep)
		rep_settle(vcpu, rep->vaddr + rep->length);
	coherence_start();
	pthread_mutex_lock(&lock);
	if (number >= FIRST_GLOBAL)
		set = global_windows;
	if (!closes) {
		if (!window_open(set, number))
			lost_write_locked(number, vcpu);
	} else {
		window = window_find(set, number);
		if (window)
			window_close_locked(window, vcpu);
		else
			lost_write_locked(number, vcpu);
	}
	own = window_innermost(cpus[vcpu].windows);
	window_set(vcpu, own, own ? own : window_innermost(global_windows));
	pthread_mutex_unlock(&lock);
}

static struct run *run_new(uint64_t vaddr)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run) {
		perror("icount");
		exit(1);
	}
	run->vaddr = vaddr;
	run->mode = mode_of(vaddr);
	run->is_entry = entry_is(vaddr);
	return run;
}

/* Gives marks and reps their callback; returns false for any other. */
static bool insn_is_special(struct qemu_plugin_insn *insn)
{
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);
	struct run *run;
	uint16_t number;

	if (insn_is_mark(bytes, size, &number)) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_executed,
			QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)number);
		return true;
	}
	if (insn_is_rep(bytes, size)) {
		run = run_new(qemu_plugin_insn_vaddr(insn));
		run->length = size;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, rep_executed,
			QEMU_PLUGIN_CB_NO_REGS, run);
		return true;
	}
	return false;
}

/*
 * QEMU 7.2 gives up an instruction that turns out to reach into the next page, to translate it by itself afterwards, but leaves it in
 * the list: it must not be counted with those before it. How long it would have been cannot be seen, so it is asked of all that
 * begin where an instruction of the greatest length would end in the next page.
 */
static bool may_cross_page(const struct qemu_plugin_insn *insn)
{
	return (qemu_plugin_insn_vaddr(insn) & PAGE_MASK) > PAGE_MASK + 1 - LONGEST_INSTRUCTION;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	struct run *run = NULL;

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		entries_watch(insn);
		coherence_watch(insn);
		if (insn_is_special(insn)) {
			run = NULL;
			continue;
		}
		if (!run || may_cross_page(insn)) {
			run = run_new(qemu_plugin_insn_vaddr(insn));
			qemu_plugin_register_vcpu_insn_exec_cb(insn, run_executed,
				QEMU_PLUGIN_CB_NO_REGS, run);
		}
		run->length++;
		stacks_watch(insn);
	}
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < MAX_OPEN; i++)
		if (global_windows[i].is_open)
			lost_write_locked(global_windows[i].number, 0);
	for (unsigned int cpu = 0; cpu < cpu_count; cpu++)
		for (int i = 0; i < MAX_OPEN; i++)
			if (cpus[cpu].windows[i].is_open)
				lost_write_locked(cpus[cpu].windows[i].number,
						  cpu);
	profile_end();
	stacks_end();
	coherence_end();
	pthread_mutex_unlock(&lock);
}

static const char usage[] = "icount: say where to write: -plugin icount.so,out=FILE[,profile=FILE][,entries=FILE[,stacks=FILE]]"
	"[,coherence=FILE]\n";

static bool out_begin(const char *path)
{
	out = fopen(path, "w");
	if (!out)
		perror(path);
	return out;
}

/* Returns false after a message. */
static bool option(const char *text)
{
	static const struct {
		const char *name;
		bool (*begin)(const char *path);
	} options[] = {
		{ "out", out_begin }, { "profile", profile_begin }, { "entries", entries_begin },
		{ "stacks", stacks_begin }, { "coherence", coherence_begin },
	};
	const char *path = strchr(text, '=');

	for (size_t i = 0; path && i < sizeof(options) / sizeof(*options); i++)
		if (strlen(options[i].name) == (size_t)(path - text) && !strncmp(text, options[i].name, path - text))
			return options[i].begin(path + 1);
	fprintf(stderr, "%s", usage);
	return false;
}

QEMU_EXPORT int qemu_plugin_version = QEMU_API_VERSION;

QEMU_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
				    int argc, char **argv);

QEMU_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
				    int argc, char **argv)
{
	if (!info->system_emulation || info->system.max_vcpus > MAX_CPUS) {
		fprintf(stderr, "icount: works with qemu-system-x86_64 and at most %d CPUs\n",
			MAX_CPUS);
		return -1;
	}
	for (int i = 0; i < argc; i++)
		if (!option(argv[i]))
			return -1;
	if (!out || (stacks_are_followed() && !counted[SYSCALLS])) {
		fprintf(stderr, "%s", usage);
		return -1;
	}
	cpu_count = info->system.max_vcpus;
	coherence_size(cpu_count);
	header_write();
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
