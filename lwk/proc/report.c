/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells Linux where the parts of a program are, for those who look at it from there: /proc/PID/stat and /proc/PID/auxv. The limits of code
 * and data are Linux's: the lowest and highest address of segments of either kind, as far as they come from the file.
 */
#include "azalea.h"
#include "elf.h"
#include "mm.h"
#include "offload.h"

static void add_segment(struct az_program *p, uaddr_t start, uaddr_t end, bool executable)
{
	if (executable && start < p->start_code)
		p->start_code = start;
	if (executable && end > p->end_code)
		p->end_code = end;
	p->start_data = max(p->start_data, start);
	p->end_data = max(p->end_data, end);
}

/* Only for show, so a failure has no consequence. */
void program_report(const struct elf_image *e, uaddr_t sp, uaddr_t auxv, uaddr_t scratch)
{
	struct az_program p = { .start_code = ~0ULL, .start_brk = ALIGN_UP(e->end, PAGE_SIZE), .start_stack = sp, .auxv = auxv };

	for (u32 i = 0; i < e->header.phnum; i++) {
		const struct elf_phdr *s = &e->phdr[i];

		if (s->type == PT_LOAD)
			add_segment(&p, e->bias + s->vaddr, e->bias + s->vaddr + s->filesz, s->flags & PF_X);
	}
	if (p.start_code > p.end_code)
		p.start_code = p.end_code;
	if (copy_to_user(scratch, &p, sizeof(p)) == 0)
		FORWARD(AZ_CALL_PROGRAM, scratch, sizeof(p));
}
