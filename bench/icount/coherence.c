// SPDX-License-Identifier: GPL-2.0
/*
 * The model: every virtual CPU is a core with a first-level data cache of 32 KB in 8 ways and a second-level cache of 1 MB in 16 ways, both
 * of lines of 64 bytes, replacing the line that was used longest ago; the second level contains the first. A directory keeps the cores
 * coherent by the states M, E, S and I (the MESI protocol). It is exact: a core that drops a line tells it.
 *
 *	state of a core's line		in the directory
 *	I				its bit in holders is clear
 *	S				set, no owner
 *	E or M				the only one set, and the owner
 *
 * E and M differ only in who must write the line back, which is not counted. What is counted, for the core that makes the access:
 *
 *	access		one piece of at most 8 bytes, as QEMU cuts them; an atomic operation is one or two
 *	L1, L2 miss	the line was not there, for whatever reason
 *	transfer	an L2 miss for which another core owned the line, which then came from its cache
 *	invalidation	a copy in another core's cache that a store destroyed
 *
 * Left out: instruction fetches, page-table walks, what the CPU itself reads and writes at interrupts, devices that access memory,
 * prefetching, and any order of events within an instruction. Lines are told apart by where QEMU keeps the guest's memory, which differs
 * between any two physical addresses.
 *
 * Cores run in parallel, and so does the model: each entry of the directory has a lock, and a core's tags are its own thread's. A
 * tag whose bit in the directory is clear is stale. A hit that changes nothing takes no lock. QEMU reports an access after it was made,
 * so two CPUs that access a line at the same time may be seen in the other order, and their counts vary as they would from run to
 * run on a machine. What CPUs hand to each other by synchronising (a lock, a flag) is seen in the right order: the report comes before
 * the CPU's next store.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "coherence.h"
#include "counters.h"
#include "table.h"

#define PAGE_MASK	0xfffu
#define LINE_SHIFT	6
#define LINE_SIZE	(1u << LINE_SHIFT)
#define L1_SETS		64
#define L1_WAYS		8
#define L2_SETS		1024
#define L2_WAYS		16
#define CHUNK_SHIFT	15		/* lines of 2 MB share a chunk of the directory */
#define CHUNK_LINES	(1ul << CHUNK_SHIFT)
#define KEYS		3		/* of an event: window, line, instruction */
#define VALUES		5		/* events, misses, transfers, invalidations; the datum */
#define CHUNKS		(1ul << 19)	/* 1 TB */

/* An entry of the directory; the holders' words beyond the last CPU do not exist. */
struct line {
	uint8_t lock;
	uint16_t owner;			/* CPU + 1; 0: none */
	uint64_t holders[];		/* a bit per CPU */
};

struct core {
	uint64_t l1[L1_SETS][L1_WAYS], l2[L2_SETS][L2_WAYS];	/* line + 1, 0: free; what was used last comes first */
	struct table events;
};

/* What an access did. */
struct outcome {
	bool missed;			/* its core did not hold the line */
	bool transferred;
	unsigned int invalidated;
};

static struct core *cores[MAX_CPUS];	/* each is its CPU's thread's */
static char *chunks[CHUNKS];
static size_t line_size;
static unsigned int holder_words;
static bool running;
static FILE *out;

/* ---- The directory ----------------------------------------------------------------------------------------- */

static char *chunk_new(char **place)
{
	char *chunk = mmap(NULL, CHUNK_LINES * line_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *other = NULL;

	if (chunk == MAP_FAILED) {
		perror("icount: coherence");
		exit(1);
	}
	if (__atomic_compare_exchange_n(place, &other, chunk, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return chunk;
	munmap(chunk, CHUNK_LINES * line_size);
	return other;
}

static struct line *line_find(uint64_t number)
{
	char **place = &chunks[number >> CHUNK_SHIFT];
	char *chunk = __atomic_load_n(place, __ATOMIC_ACQUIRE);

	if (!chunk)
		chunk = chunk_new(place);
	return (struct line *)(chunk + (number & (CHUNK_LINES - 1)) * line_size);
}

static void line_lock(struct line *line)
{
	while (__atomic_exchange_n(&line->lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&line->lock, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static void line_unlock(struct line *line)
{
	__atomic_store_n(&line->lock, 0, __ATOMIC_RELEASE);
}

static bool line_is_held(const struct line *line, unsigned int vcpu)
{
	return __atomic_load_n(&line->holders[vcpu / 64], __ATOMIC_RELAXED) >> vcpu % 64 & 1;
}

static bool line_is_owned(const struct line *line, unsigned int vcpu)
{
	return __atomic_load_n(&line->owner, __ATOMIC_RELAXED) == vcpu + 1;
}

static unsigned int line_count_holders(const struct line *line)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < holder_words; i++)
		n += __builtin_popcountll(line->holders[i]);
	return n;
}

static void line_read_locked(struct line *line, unsigned int vcpu, struct outcome *outcome)
{
	if (!outcome->missed)
		return;
	outcome->transferred = line->owner;
	__atomic_store_n(&line->owner, line_count_holders(line) ? 0 : vcpu + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&line->holders[vcpu / 64], line->holders[vcpu / 64] | 1ull << vcpu % 64, __ATOMIC_RELAXED);
}

static void line_write_locked(struct line *line, unsigned int vcpu, struct outcome *outcome)
{
	outcome->transferred = outcome->missed && line->owner;
	outcome->invalidated = line_count_holders(line) - !outcome->missed;
	for (unsigned int i = 0; i < holder_words; i++)
		__atomic_store_n(&line->holders[i], i == vcpu / 64 ? 1ull << vcpu % 64 : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&line->owner, vcpu + 1, __ATOMIC_RELAXED);
}

static void line_drop(uint64_t number, unsigned int vcpu)
{
	struct line *line = line_find(number);

	line_lock(line);
	__atomic_store_n(&line->holders[vcpu / 64], line->holders[vcpu / 64] & ~(1ull << vcpu % 64), __ATOMIC_RELAXED);
	if (line->owner == vcpu + 1)
		__atomic_store_n(&line->owner, 0, __ATOMIC_RELAXED);
	line_unlock(line);
}

/* ---- A core's caches --------------------------------------------------------------------------------------- */

/* Puts @tag first and moves those before @way back by one; what was at @way is gone. */
static void ways_rotate(uint64_t *ways, unsigned int way, uint64_t tag)
{
	memmove(ways + 1, ways, way * sizeof(*ways));
	ways[0] = tag;
}

/* True if the line is there, stale or not; it then is the one used last. */
static bool ways_use(uint64_t *ways, unsigned int count, uint64_t number)
{
	for (unsigned int way = 0; way < count; way++)
		if (ways[way] == number + 1) {
			if (way)
				ways_rotate(ways, way, number + 1);
			return true;
		}
	return false;
}

/* Makes room for the line, rather at the cost of a stale one than of one that is used. Returns the tag that had to go, 0: none. */
static uint64_t ways_insert(uint64_t *ways, unsigned int count, uint64_t number, unsigned int vcpu)
{
	unsigned int way = count - 1;
	uint64_t victim;

	for (unsigned int i = 0; i < count; i++)
		if (!ways[i] || !line_is_held(line_find(ways[i] - 1), vcpu)) {
			ways_rotate(ways, i, number + 1);
			return 0;
		}
	victim = ways[way];
	ways_rotate(ways, way, number + 1);
	return victim;
}

static void core_fill(struct core *core, unsigned int vcpu, uint64_t number, bool in_l1)
{
	uint64_t *ways = core->l2[number % L2_SETS];
	uint64_t victim = 0;

	if (!ways_use(ways, L2_WAYS, number))
		victim = ways_insert(ways, L2_WAYS, number, vcpu);
	if (victim)
		line_drop(victim - 1, vcpu);		/* its tag in the first level is stale by that */
	if (!in_l1)
		ways_insert(core->l1[number % L1_SETS], L1_WAYS, number, vcpu);
}

static struct core *core_of(unsigned int vcpu)
{
	if (!cores[vcpu])
		cores[vcpu] = calloc(1, sizeof(*cores[vcpu]));
	if (!cores[vcpu]) {
		perror("icount: coherence");
		exit(1);
	}
	return cores[vcpu];
}

/* ---- Accesses ------------------------------------------------------------------------------------------------ */

struct access {
	unsigned int vcpu;
	bool stores;
	uint64_t line, data, code;	/* number of the line; addresses of the datum and the instruction */
};

/* Lines that did not travel are one: only who missed is of interest there. */
static void event_record(struct core *core, const struct access *access, const struct outcome *outcome)
{
	bool travelled = outcome->transferred || outcome->invalidated;
	uint64_t key[KEYS] = {
		window_of(access->vcpu),
		travelled ? access->line : 0,
		mode_of(access->code) == KERNEL ? access->code : 0,
	};
	uint64_t *values;

	if (!key[0])
		return;
	values = table_at(&core->events, KEYS, VALUES, key);
	values[0]++;
	values[1] += outcome->missed;
	values[2] += outcome->transferred;
	values[3] += outcome->invalidated;
	values[4] = travelled ? access->data : 0;
}

static void access_model(const struct access *access)
{
	struct core *core = core_of(access->vcpu);
	struct line *line = line_find(access->line);
	unsigned int vcpu = access->vcpu, kernel = mode_of(access->code) == KERNEL;
	bool in_l1 = ways_use(core->l1[access->line % L1_SETS], L1_WAYS, access->line);
	struct outcome outcome = { 0 };

	counter_add(vcpu, USER_ACCESSES + kernel, 1);
	if (in_l1 && line_is_held(line, vcpu) && (!access->stores || line_is_owned(line, vcpu)))
		return;
	line_lock(line);
	outcome.missed = !line_is_held(line, vcpu);
	if (access->stores)
		line_write_locked(line, vcpu, &outcome);
	else
		line_read_locked(line, vcpu, &outcome);
	line_unlock(line);
	if (outcome.missed || !in_l1) {
		counter_add(vcpu, USER_L1_MISSES + kernel, 1);
		core_fill(core, vcpu, access->line, in_l1);
	}
	counter_add(vcpu, USER_L2_MISSES + kernel, outcome.missed);
	counter_add(vcpu, USER_TRANSFERS + kernel, outcome.transferred);
	counter_add(vcpu, USER_INVALIDATIONS + kernel, outcome.invalidated);
	if (outcome.missed || outcome.invalidated)
		event_record(core, access, &outcome);
}

static void accessed(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *code)
{
	struct access access = { vcpu, qemu_plugin_mem_is_store(info), 0, vaddr, (uintptr_t)code };
	unsigned int size = 1u << qemu_plugin_mem_size_shift(info);
	struct qemu_plugin_hwaddr *where;
	uint64_t paddr;

	if (!__atomic_load_n(&running, __ATOMIC_RELAXED))
		return;
	where = qemu_plugin_get_hwaddr(info, vaddr);
	if (!where || qemu_plugin_hwaddr_is_io(where))
		return;
	paddr = qemu_plugin_hwaddr_phys_addr(where);
	access.line = paddr >> LINE_SHIFT;
	if (access.line + 1 >= CHUNKS * CHUNK_LINES)
		return;
	access_model(&access);
	/* An access that lies on two lines; where the second page of one on two pages is, is not known. */
	if (paddr % LINE_SIZE + size > LINE_SIZE && (vaddr & PAGE_MASK) + size <= PAGE_MASK + 1) {
		access.line++;
		access_model(&access);
	}
}

bool coherence_begin(const char *path)
{
	for (int i = USER_ACCESSES; i <= KERNEL_INVALIDATIONS; i++)
		counted[i] = true;
	out = fopen(path, "w");
	if (!out)
		perror(path);
	return out;
}

void coherence_size(unsigned int cpu_count)
{
	holder_words = (cpu_count + 63) / 64;
	line_size = sizeof(struct line) + holder_words * sizeof(uint64_t);
}

void coherence_start(void)
{
	__atomic_store_n(&running, true, __ATOMIC_RELAXED);
}

void coherence_watch(struct qemu_plugin_insn *insn)
{
	if (out)
		qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
			(void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
}

void coherence_end(void)
{
	const uint64_t *entry;
	size_t position;

	if (!out)
		return;
	fprintf(out, "window,vcpu,line,data,code,misses,transfers,invalidations\n");
	for (unsigned int vcpu = 0; vcpu < MAX_CPUS; vcpu++)
		for (position = 0; cores[vcpu] && (entry = table_next(&cores[vcpu]->events, KEYS + VALUES, &position));)
			fprintf(out, "%" PRIu64 ",%u,%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", entry[5], vcpu,
				entry[6], entry[4], entry[7], entry[1], entry[2], entry[3]);
	fclose(out);
}
