// SPDX-License-Identifier: GPL-2.0
/* NUMA policy as seen on node 0, which every machine has: modes, masks, errors, and where pages are. */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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

int main(void)
{
	of_a_thread();
	of_a_range();
	return 0;
}
