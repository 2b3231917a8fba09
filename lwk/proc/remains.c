/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What remains of a thread that was killed with its process, until Linux has the process freed:
 *
 *   registers  for the core file that Linux may be about to write. Nearly every killed thread ends on its way back to the program, with a
 *              complete frame
 *   leftovers  memory that it had handed to its twin, which may be inside that call still and read or write there
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "mm.h"
#include "string.h"

/* A frame is what az_registers begins with. */
_Static_assert(offsetof(struct frame, r15) == offsetof(struct az_registers, r15), "first register");
_Static_assert(offsetof(struct frame, orig_ax) == offsetof(struct az_registers, orig_ax), "order of registers");
_Static_assert(offsetof(struct frame, ss) == offsetof(struct az_registers, ss), "last register");

void remains_leave(struct thread *t, const struct frame *f)
{
	struct az_registers *r = t->registers;

	memcpy(r, f, sizeof(*f));
	r->fs_base = rdmsr(MSR_FS_BASE);
	r->gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	r->xsave_size = x86_features.xsave_size;
	x86_fpu_save(r->xsave);
	this_cpu()->user = NULL;	/* nobody saves to that area any more */
	t->registers = NULL;
	t->slot->registers = virt_to_phys(r);
	spin_lock(&t->proc->lock);
	r->next = (u64)t->proc->remains;
	t->proc->remains = r;
	spin_unlock(&t->proc->lock);
}

void remains_keep(struct proc *proc, struct leftover *l)
{
	spin_lock(&proc->lock);
	l->next = proc->leftovers;
	proc->leftovers = l;
	spin_unlock(&proc->lock);
}

void remains_free(struct proc *proc)
{
	struct az_registers *r;
	struct leftover *l;

	while ((l = proc->leftovers)) {
		proc->leftovers = l->next;
		kfree(l);
	}
	while ((r = proc->remains)) {
		proc->remains = (struct az_registers *)r->next;
		kfree(r);
	}
}
