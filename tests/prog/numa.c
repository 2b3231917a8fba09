// SPDX-License-Identifier: GPL-2.0
/* NUMA policy as seen on node 0, which every machine has: modes, masks, errors, and where pages are. */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define PAGE	4096ul
#define BITS	65ul

static unsigned char *map(size_t size)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static long set(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, &nodes, BITS);
}

static long bind(void *addr, size_t size, int mode, unsigned long nodes, int flags)
{
	return syscall(SYS_mbind, addr, size, mode, &nodes, BITS, flags);
}

static void show(const char *what, void *addr, int flags)
{
	unsigned long nodes[16] = { 0 };
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, nodes, 1024ul, addr, flags) == -1)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %#x of %lx\n", what, mode, nodes[0]);
}

static void of_a_thread(void)
{
	show("at first", NULL, 0);
	show("allowed", NULL, MPOL_F_MEMS_ALLOWED);
	say("BIND", set(MPOL_BIND, 1));
	show("is", NULL, 0);
	say("BIND static", set(MPOL_BIND | MPOL_F_STATIC_NODES, 1));
	show("is", NULL, 0);
	say("INTERLEAVE", set(MPOL_INTERLEAVE, 1));
	show("next node", NULL, MPOL_F_NODE);
	say("PREFERRED", set(MPOL_PREFERRED, 1));
	show("is", NULL, 0);
	say("PREFERRED_MANY", set(MPOL_PREFERRED_MANY, 1));
	show("is", NULL, 0);
	say("PREFERRED none", set(MPOL_PREFERRED, 0));
	show("is", NULL, 0);
	say("BIND none", set(MPOL_BIND, 0));
	say("BIND elsewhere", set(MPOL_BIND, 1ul << 40));
	say("wrong mode", set(99, 1));
	say("wrong flags", set(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, 1));
	say("DEFAULT with nodes", set(MPOL_DEFAULT, 1));
	say("wrong mask", syscall(SYS_set_mempolicy, MPOL_BIND, 8, BITS));
	say("DEFAULT", syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
	show("is", NULL, 0);
	show("node, but no interleaving", NULL, MPOL_F_NODE);
	show("address without flag", &errno, 0);
	show("wrong flag", NULL, 64);
}

static void of_a_range(void)
{
	unsigned char *p = map(16 * PAGE);

	say("mbind", bind(p + 4 * PAGE, 4 * PAGE, MPOL_BIND, 1, 0));
	show("inside", p + 4 * PAGE, MPOL_F_ADDR);
	show("outside", p + 8 * PAGE, MPOL_F_ADDR);
	show("node", p + 4 * PAGE, MPOL_F_ADDR | MPOL_F_NODE);
	say("mbind strict", bind(p, 16 * PAGE, MPOL_INTERLEAVE, 1, MPOL_MF_STRICT | MPOL_MF_MOVE));
	say("home", syscall(SYS_set_mempolicy_home_node, p, PAGE, 0, 0));
	say("mbind", bind(p, 16 * PAGE, MPOL_BIND, 1, 0));
	say("home", syscall(SYS_set_mempolicy_home_node, p, PAGE, 0, 0));
	say("home, wrong flag", syscall(SYS_set_mempolicy_home_node, p, PAGE, 0, 1));
	say("mbind unaligned", bind(p + 1, PAGE, MPOL_BIND, 1, 0));
	say("mbind wrong flag", bind(p, PAGE, MPOL_BIND, 1, 64));
	say("mbind of nothing", bind(p, 0, MPOL_BIND, 1, 0));
	munmap(p + 8 * PAGE, PAGE);
	say("mbind over a hole", bind(p, 16 * PAGE, MPOL_BIND, 1, 0));
	show("a hole", p + 8 * PAGE, MPOL_F_ADDR);
}

static void show_status(const char *what, long result, const int *status)
{
	printf("%s: %s;", what, result == -1 ? strerrorname_np(errno) : result ? "some" : "all");
	for (int i = 0; i < 4; i++)
		printf(" %s", status[i] < 0 ? strerrorname_np(-status[i]) : status[i] < 64 ? "a node" : "-");
	puts("");
}

/* Shared memory is Linux's on every kernel. */
static void of_shared_memory(void)
{
	unsigned char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *pages[4] = { p, p + PAGE, p + 2 * PAGE, p + 3 * PAGE };
	int status[4] = { 77, 77, 77, 77 };

	if (p == MAP_FAILED)
		fail("mmap");
	show("node of shared memory", p, MPOL_F_ADDR | MPOL_F_NODE);
	fill(p, 4 * PAGE, 1);
	show_status("where", syscall(SYS_move_pages, 0, 4ul, pages, NULL, status, 0), status);
}

/* To every node of the machine in turn; what is in the pages goes with them. */
static void to_all_nodes(unsigned char *p, void **pages)
{
	unsigned long nodes = 0;
	int bad = 0, wanted[4], status[4];

	syscall(SYS_get_mempolicy, NULL, &nodes, 64ul, NULL, MPOL_F_MEMS_ALLOWED);
	for (int node = 0; node < 64; node++) {
		if (!(nodes >> node & 1))
			continue;
		for (int i = 0; i < 4; i++)
			wanted[i] = node;
		bad += syscall(SYS_move_pages, 0, 2ul, pages, wanted, status, MPOL_MF_MOVE) != 0;
		bad += status[0] != node || status[1] != node;
	}
	ok("to all nodes and back", !bad && is_filled(p, 2 * PAGE, 5));
}

static void moves(void)
{
	unsigned char *p = map(16 * PAGE);
	void *pages[4] = { p, p + PAGE, p + 2 * PAGE, NULL };
	int nodes[4] = { 0 }, status[4] = { 77, 77, 77, 77 }, far[4] = { 0, 900, 0, 0 };
	unsigned long none = 0, all = ~0ul, first = 1;

	madvise(p, 16 * PAGE, MADV_NOHUGEPAGE);
	fill(p, 2 * PAGE, 5);
	mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
	pages[2] = p + 12 * PAGE;
	munmap(p + 12 * PAGE, PAGE);
	show_status("where", syscall(SYS_move_pages, 0, 4ul, pages, NULL, status, 0), status);
	show_status("to node 0", syscall(SYS_move_pages, getpid(), 4ul, pages, nodes, status, MPOL_MF_MOVE), status);
	say("to a node that is not there", syscall(SYS_move_pages, 0, 4ul, pages, far, status, MPOL_MF_MOVE));
	say("flags", syscall(SYS_move_pages, 0, 4ul, pages, nodes, status, 64));
	say("pages nowhere", syscall(SYS_move_pages, 0, 4ul, 8, nodes, status, MPOL_MF_MOVE));
	say("nodes nowhere", syscall(SYS_move_pages, 0, 4ul, pages, 8, status, MPOL_MF_MOVE));
	say("status nowhere", syscall(SYS_move_pages, 0, 4ul, pages, NULL, 8, MPOL_MF_MOVE));
	say("nobody", syscall(SYS_move_pages, 99999999, 4ul, pages, nodes, status, MPOL_MF_MOVE));
	say("nothing", syscall(SYS_move_pages, 0, 0ul, pages, nodes, status, MPOL_MF_MOVE));
	to_all_nodes(p, pages);
	say("migrate", syscall(SYS_migrate_pages, 0, BITS, &first, &first));
	say("migrate to nowhere", syscall(SYS_migrate_pages, 0, BITS, &first, &none));
	say("migrate by a wrong mask", syscall(SYS_migrate_pages, 0, BITS, 8, &all));
	say("migrate nobody", syscall(SYS_migrate_pages, 99999999, BITS, &first, &first));
	ok("as it was", is_filled(p, 2 * PAGE, 5));
}

/* As numactl(8) does it. */
static void of_a_program(const char *self)
{
	int status = 0;

	fflush(stdout);
	if (need("fork", fork()) == 0) {
		say("BIND", set(MPOL_BIND | MPOL_F_STATIC_NODES, 1));
		fflush(stdout);
		execl(self, self, "executed", NULL);
		_exit(1);
	}
	need("wait", wait(&status));
	say("status", status);
	show("afterwards", NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		show("after execve", NULL, 0);
		return 0;
	}
	of_a_thread();
	of_a_program(argv[0]);
	of_a_range();
	of_shared_memory();
	moves();
	return 0;
}
