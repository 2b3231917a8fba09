/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who called whom in the kernels: the instructions of a window by chain of calls, for a flame graph.
 */
#ifndef AZALEA_ICOUNT_STACKS_H
#define AZALEA_ICOUNT_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu-api.h"

/* Begins to follow calls; the chains will be written to @path. False after a message. At most once. */
bool stacks_begin(const char *path);

/* True after stacks_begin(). */
bool stacks_are_followed(void);

/* Adds to an instruction that is being translated what follows calls and returns; after the callback that counts it. */
void stacks_watch(struct qemu_plugin_insn *insn);

/* @vcpu has executed @n instructions from @vaddr on, where it may have entered the kernel. Cheap without stacks_begin(). */
void stacks_add(unsigned int vcpu, uint64_t vaddr, uint64_t n, bool is_entry);

/* Writes the file; no CPU executes any more. */
void stacks_end(void);

#endif
