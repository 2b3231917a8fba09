/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the instructions of a window went: counts per window, virtual CPU and kernel address, for bench/icount/profile to name.
 */
#ifndef AZALEA_ICOUNT_PROFILE_H
#define AZALEA_ICOUNT_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

/* Begins a profile to be written to @path. False after a message: the file cannot be written. At most once. */
bool profile_begin(const char *path);

/* @vcpu has executed @n instructions from @vaddr on; USER addresses are all counted as one. Cheap without a profile. */
void profile_add(unsigned int vcpu, uint64_t vaddr, uint64_t n);

/* Writes the file; no CPU executes any more. */
void profile_end(void);

#endif
