/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that is short on request. The program is linked with --wrap for these functions. Included once per test program. */
#ifndef SCARCE_H
#define SCARCE_H

#include "mm.h"

static _Thread_local s64 fail_after = -1;	/* so many allocations succeed; -1: all */
static _Thread_local bool no_large;		/* no 2 MB block is to be had */

static bool fails(void)
{
	return fail_after >= 0 && fail_after-- == 0;
}

paddr_t __real_frame_alloc(u32 order, u32 node);
paddr_t __wrap_frame_alloc(u32 order, u32 node)
{
	return fails() || (no_large && order == LARGE_ORDER) ? 0 : __real_frame_alloc(order, node);
}

paddr_t __real_frame_alloc_from(u32 order, u32 first, u64 nodes);
paddr_t __wrap_frame_alloc_from(u32 order, u32 first, u64 nodes)
{
	return fails() || (no_large && order == LARGE_ORDER) ? 0 : __real_frame_alloc_from(order, first, nodes);
}

void *__real_kmalloc(size_t size);
void *__wrap_kmalloc(size_t size)
{
	return fails() ? NULL : __real_kmalloc(size);
}

#endif
