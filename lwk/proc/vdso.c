/* SPDX-License-Identifier: GPL-2.0 */
/* Gives a program the vDSO: the time page and behind it the code of lwk/vdso, which image.S has put into the LWK's image. */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "mm.h"

#define PROT_READ	1
#define PROT_EXEC	4

extern const char vdso_start[], vdso_end[];

static paddr_t image_phys(const char *v)
{
	return handover->image + ((u64)v - AZ_IMAGE_BASE);
}

/* __vdso_getcpu() needs RDTSCP. */
long vdso_map(struct aspace *as)
{
	const struct borrowed parts[] = {
		{ handover->time, PAGE_SIZE, PROT_READ },
		{ image_phys(vdso_start), vdso_end - vdso_start, PROT_READ | PROT_EXEC },
	};
	long start = x86_features.rdtscp ? aspace_borrow(as, parts, ARRAY_SIZE(parts)) : 0;

	return start > 0 ? start + (long)PAGE_SIZE : 0;
}
