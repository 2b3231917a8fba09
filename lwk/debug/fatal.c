/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an operator wants to know when a program dies of a fault of its own, in two lines of the log: which program and thread, where it was
 * and which address it touched, each with the mapping as file and offset, which is what `addr2line` needs. Names are Linux's; it is asked.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "format.h"
#include "log.h"
#include "mm.h"
#include "offload.h"

#define NAME_SIZE	128		/* longer paths are not shown */

struct report {
	struct leftover leftover;	/* Linux writes program and name */
	char program[NAME_SIZE];
	char name[NAME_SIZE];
	char place[2 * NAME_SIZE];
};

/* Calls for a name into @to; what it is otherwise if Linux cannot tell. */
static void ask_name(s64 handle, char *to, const char *otherwise)
{
	if (FORWARD(AZ_CALL_NAME, handle, virt_to_phys(to), NAME_SIZE))
		format(to, NAME_SIZE, "%s", otherwise);
}

/* "at 7f0012 (/lib/libc.so.6+0x1012)" without the address: the mapping at @addr. */
static void describe(uaddr_t addr, char *name, char *to, size_t size)
{
	static const char *const kinds[] = { "memory", "heap", "stack", "clock page", "vDSO" };
	struct aspace *as = current_thread()->proc->aspace;
	struct az_region r;

	if (!aspace_region_at(as, addr, &r)) {
		format(to, size, "nothing mapped");
	} else if (r.handle >= 0) {
		ask_name(r.handle, name, "a file");
		format(to, size, "%s+%lx", name, addr - r.start + r.offset);
	} else {
		format(to, size, "%s+%lx", r.linux_backed ? "shared mapping" : kinds[r.kind], addr - r.start);
	}
}

void log_fatal_signal(u32 sig, s32 code, uaddr_t addr)
{
	struct thread *t = current_thread();
	uaddr_t ip = this_cpu()->frame->ip;
	struct report *r = kmalloc(sizeof(*r));

	if (!r) {
		log_line("process %u thread %u: signal %u code %d at %lx, ip %lx", t->proc->pid, t->tid, sig, code, addr, ip);
		return;
	}
	ask_name(-1, r->program, "?");
	describe(ip, r->name, r->place, sizeof(r->place));
	log_line("%s, process %u thread %u: signal %u code %d, ip %lx (%s)", r->program, t->proc->pid, t->tid, sig, code, ip, r->place);
	describe(addr, r->name, r->place, sizeof(r->place));
	log_line("%s, process %u thread %u: address %lx (%s)", r->program, t->proc->pid, t->tid, addr, r->place);
	if (thread_work() & WORK_KILL)
		remains_keep(t->proc, &r->leftover);	/* its twin may still be about to write a name */
	else
		kfree(r);
}
