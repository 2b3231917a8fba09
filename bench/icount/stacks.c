// SPDX-License-Identifier: GPL-2.0
/*
 * Every chain of calls is a node of a tree: a function, the node of its caller, the address of the call. Each CPU is at one node.
 *
 * The plug-in cannot read the stack pointer, but QEMU tells where a call stores its return address and where a return reads it from. So
 * a call leaves the caller's node at that address, in a map of all kernel stacks, and a return takes it from there. Nothing has to
 * be known of stacks, and a switch to another stack or thread is right by itself: the next return reads the other thread's address.
 *
 *	call			the next instruction begins a node below this one
 *	return			back to the node at its stack address
 *	  ... elsewhere		(a retpoline: a call whose return address was replaced at once) as a call
 *	  ... of nobody		(the return address was moved, as Linux does at entries) back to the nearest node above that called from there,
 *				or (a new thread) to a node below the root
 *	user, then kernel	a node below the root
 *	entry in the kernel	a node below the interrupted one (needs the addresses of entries: entries.h)
 *	interrupt return	to the node that the nearest entry above had interrupted
 *
 * A jump to another function does not change the node. The address of the instructions counted tells it, and so does that of a call; the
 * reader adds these functions (bench/icount/profile).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "entries.h"
#include "insn.h"
#include "stacks.h"
#include "table.h"

#define PAGE_SHIFT	12
#define PAGE_MASK	0xfffu
#define PAGE_SLOTS	512
#define MAX_PAGES	(1u << 18)	/* of kernel stacks: 1 GB */
#define MAX_NODES	(1u << 20)
#define MAX_DEPTH	200
#define MAX_SAVED	8
#define CACHE_SIZE	4096		/* a CPU's nodes found last; a power of two */
#define ROOT		0u
#define KEYS		3		/* of a node: parent, return address, function; of a count: window, node, address */

/* Written by who makes it, before anybody else can know its number. */
struct node {
	uint32_t parent;
	uint16_t depth;
	bool is_entry;
	uint64_t back, function;	/* where its call returns to, 0: it was not called; where it begins */
};

/* Where a return address lies. A stack is used by one CPU at a time. */
struct slot {
	uint32_t caller;		/* node; ROOT: no call is known */
	uint64_t back;			/* the return address */
};

struct page {
	uint64_t number;
	struct slot *slots;
};

/* What the last instruction was, for the next one. */
enum last { OTHER, CALL, RETURN, IRET };

struct arrival {
	enum last last;
	uint64_t back;			/* of the call; of the return: where it should lead */
	uint32_t from;			/* node of the return */
	bool is_forged;			/* the return address was stored by the call just before */
};

struct cached {
	uint64_t key[KEYS];
	uint32_t node;
};

struct cpu {
	uint32_t node;
	bool in_user;
	struct arrival arrival;
	uint64_t last_slot;		/* of the last call, if nothing returned since */
	struct saved {
		uint32_t entry;
		struct arrival arrival;	/* what the interrupt came between */
	} saved[MAX_SAVED];
	unsigned int saved_count;
	struct cached cache[CACHE_SIZE];
	struct table counts;
} __attribute__((aligned(64)));

static struct cpu *cpus;		/* each is its CPU's thread's */
static struct page *pages;		/* a hash table; an entry never changes once its slots are there */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* covers the next three and new pages */
static struct node *nodes;
static uint32_t node_count = 1;
static struct table node_numbers;
static FILE *out;

/* ---- Nodes ------------------------------------------------------------------------------------------------- */

/* Zeroed memory that exists only where it is touched. */
static void *memory(size_t size)
{
	void *new = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (new == MAP_FAILED) {
		perror("icount: stacks");
		exit(1);
	}
	return new;
}

static uint32_t node_make_locked(const uint64_t *key)
{
	uint64_t *number = table_at(&node_numbers, KEYS, 1, key);
	uint32_t parent = key[0];

	if (*number)
		return *number;
	if (node_count == MAX_NODES) {
		*number = MAX_NODES - 1;
		return *number;
	}
	*number = node_count++;
	nodes[*number] = (struct node){ parent, nodes[parent].depth + 1, entry_is(key[2]), key[1], key[2] };
	return *number;
}

static uint32_t node_find(struct cpu *cpu, uint32_t parent, uint64_t back, uint64_t function)
{
	uint64_t key[KEYS] = { nodes[parent].depth < MAX_DEPTH ? parent : ROOT, back, function };
	struct cached *cached = &cpu->cache[((key[0] * 31 + function) ^ back >> 4) & (CACHE_SIZE - 1)];

	if (memcmp(cached->key, key, sizeof(key)) || !cached->node) {
		pthread_mutex_lock(&lock);
		cached->node = node_make_locked(key);
		pthread_mutex_unlock(&lock);
		memcpy(cached->key, key, sizeof(key));
	}
	return cached->node;
}

/* The caller of the nearest node at or above @node whose call returns to @back; ROOT: there is none. */
static uint32_t node_caller(uint32_t node, uint64_t back)
{
	while (node != ROOT && nodes[node].back != back)
		node = nodes[node].parent;
	return nodes[node].parent;
}

/* The nearest entry into the kernel at or above @node; ROOT: there is none. */
static uint32_t node_entry(uint32_t node)
{
	while (node != ROOT && !nodes[node].is_entry)
		node = nodes[node].parent;
	return node;
}

/* ---- Stack addresses --------------------------------------------------------------------------------------- */

static struct slot *page_make_locked(struct page *page, uint64_t number)
{
	page->number = number;
	__atomic_store_n(&page->slots, memory(PAGE_SLOTS * sizeof(struct slot)), __ATOMIC_RELEASE);
	return page->slots;
}

/* NULL: more stacks than this can know. */
static struct slot *page_slots(uint64_t number)
{
	for (uint32_t i = 0; i < MAX_PAGES; i++) {
		struct page *page = &pages[(number * 0x9e3779b1u + i) & (MAX_PAGES - 1)];
		struct slot *slots = __atomic_load_n(&page->slots, __ATOMIC_ACQUIRE);

		if (!slots) {
			pthread_mutex_lock(&lock);
			slots = page->slots ? page->slots : page_make_locked(page, number);
			pthread_mutex_unlock(&lock);
		}
		if (page->number == number)
			return slots;
	}
	return NULL;
}

static struct slot *slot_find(uint64_t vaddr)
{
	static struct slot nobody;
	struct slot *slots = page_slots(vaddr >> PAGE_SHIFT);

	return slots ? &slots[(vaddr & PAGE_MASK) / 8] : &nobody;
}

/* ---- What the CPU does ------------------------------------------------------------------------------------- */

static void called(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	uint64_t back = (uintptr_t)data;
	struct cpu *cpu = &cpus[vcpu];

	if (!qemu_plugin_mem_is_store(info))
		return;			/* of the function's address */
	*slot_find(vaddr) = (struct slot){ cpu->node, back };
	cpu->arrival = (struct arrival){ .last = CALL, .back = back };
	cpu->last_slot = vaddr;
}

static void returned(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct slot *slot = slot_find(vaddr);
	struct cpu *cpu = &cpus[vcpu];

	(void)info;
	(void)data;
	cpu->arrival = (struct arrival){ RETURN, slot->back, cpu->node, vaddr == cpu->last_slot };
	cpu->node = slot->caller;
	cpu->last_slot = 0;
	slot->caller = ROOT;
}

static void iret_executed(unsigned int vcpu, void *data)
{
	(void)data;
	cpus[vcpu].arrival = (struct arrival){ .last = IRET };
}

static void entry_arrive(struct cpu *cpu, uint64_t vaddr)
{
	struct saved *saved = &cpu->saved[cpu->saved_count % MAX_SAVED];

	cpu->node = node_find(cpu, cpu->node, 0, vaddr);
	*saved = (struct saved){ cpu->node, cpu->arrival };
	cpu->saved_count++;
	cpu->arrival.last = OTHER;
}

/* Back where the entry came between; that is not known any more if the kernel has slept since. */
static void entry_leave(struct cpu *cpu)
{
	uint32_t entry = node_entry(cpu->node);
	struct saved *saved = &cpu->saved[(cpu->saved_count - 1) % MAX_SAVED];

	cpu->arrival.last = OTHER;
	if (cpu->saved_count) {
		cpu->saved_count--;
		if (entry == ROOT)
			entry = saved->entry;
		if (saved->entry == entry)
			cpu->arrival = saved->arrival;
	}
	cpu->node = nodes[entry].parent;
}

static void return_arrive(struct cpu *cpu, uint64_t vaddr)
{
	if (cpu->node != ROOT && vaddr == cpu->arrival.back)
		return;
	if (cpu->node != ROOT && cpu->arrival.is_forged) {
		cpu->node = node_find(cpu, cpu->node, cpu->arrival.back, vaddr);
		return;
	}
	cpu->node = node_caller(cpu->arrival.from, vaddr);
	if (cpu->node == ROOT)
		cpu->node = node_find(cpu, ROOT, 0, vaddr);
}

/* Moves the CPU to the node of the kernel code at @vaddr, which it executes now. */
static void arrive(struct cpu *cpu, uint64_t vaddr, bool is_entry)
{
	if (cpu->in_user) {
		cpu->in_user = false;
		cpu->saved_count = 0;
		cpu->node = node_find(cpu, ROOT, 0, vaddr);
		cpu->arrival.last = OTHER;
		return;
	}
	if (cpu->arrival.last == IRET)
		entry_leave(cpu);
	if (is_entry) {
		entry_arrive(cpu, vaddr);
		return;
	}
	if (cpu->arrival.last == CALL)
		cpu->node = node_find(cpu, cpu->node, cpu->arrival.back, vaddr);
	else if (cpu->arrival.last == RETURN)
		return_arrive(cpu, vaddr);
	cpu->arrival.last = OTHER;
}

void stacks_add(unsigned int vcpu, uint64_t vaddr, uint64_t n, bool is_entry)
{
	struct cpu *cpu = &cpus[vcpu];
	uint64_t key[KEYS] = { 0 };

	if (!out)
		return;
	if (mode_of(vaddr) == USER) {
		cpu->in_user = true;
	} else {
		arrive(cpu, vaddr, is_entry);
		key[1] = cpu->node;
		key[2] = vaddr;
	}
	key[0] = window_of(vcpu);
	if (key[0])
		*table_at(&cpu->counts, KEYS, 1, key) += n;
}

/* ---- The plug-in's side ------------------------------------------------------------------------------------ */

bool stacks_begin(const char *path)
{
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		return false;
	}
	cpus = memory(MAX_CPUS * sizeof(*cpus));
	pages = memory(MAX_PAGES * sizeof(*pages));
	nodes = memory(MAX_NODES * sizeof(*nodes));
	return true;
}

bool stacks_are_followed(void)
{
	return out;
}

void stacks_watch(struct qemu_plugin_insn *insn)
{
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);
	uint64_t vaddr = qemu_plugin_insn_vaddr(insn);

	if (!out || mode_of(vaddr) == USER)
		return;
	if (insn_is_call(bytes, size))
		qemu_plugin_register_vcpu_mem_cb(insn, called, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, (void *)(uintptr_t)(vaddr + size));
	else if (insn_is_return(bytes, size))
		qemu_plugin_register_vcpu_mem_cb(insn, returned, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
	else if (insn_is_iret(bytes, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, iret_executed, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

void stacks_end(void)
{
	const uint64_t *entry;
	size_t position;

	if (!out)
		return;
	for (uint32_t i = 1; i < node_count; i++)
		fprintf(out, "node,%" PRIu32 ",%" PRIu32 ",%" PRIx64 ",%" PRIx64 "\n", i, nodes[i].parent, nodes[i].back, nodes[i].function);
	for (unsigned int vcpu = 0; vcpu < MAX_CPUS; vcpu++)
		for (position = 0; (entry = table_next(&cpus[vcpu].counts, KEYS + 1, &position));)
			fprintf(out, "count,%" PRIu64 ",%u,%" PRIu64 ",%" PRIx64 ",%" PRIu64 "\n", entry[1], vcpu, entry[2], entry[3], entry[0]);
	fclose(out);
}
