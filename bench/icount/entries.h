/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entries into the kernels, and interrupts from CPU to CPU. A file, made by bench/icount/entries, says where each kernel is entered.
 */
#ifndef AZALEA_ICOUNT_ENTRIES_H
#define AZALEA_ICOUNT_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu-api.h"

/* Begins to count the entries at the addresses that the file @path names. False after a message. At most once. */
bool entries_begin(const char *path);

/* True if the kernel is entered at @vaddr. */
bool entry_is(uint64_t vaddr);

/* Adds to an instruction that is being translated what counts it. */
void entries_watch(struct qemu_plugin_insn *insn);

#endif
