/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the cores' caches: which lines they hold, and which travel between them. Costs time at every access to memory, so it is
 * there only when asked for.
 */
#ifndef AZALEA_ICOUNT_COHERENCE_H
#define AZALEA_ICOUNT_COHERENCE_H

#include <stdbool.h>

#include "qemu-api.h"

/* Begins to model; the lines that travelled will be written to @path. False after a message. At most once. */
bool coherence_begin(const char *path);

/* How many CPUs there are; before the guest starts. */
void coherence_size(unsigned int cpu_count);

/* The first mark has been executed: caches fill from now on. Before, they stay empty. */
void coherence_start(void);

/* Adds to an instruction that is being translated what follows its accesses. */
void coherence_watch(struct qemu_plugin_insn *insn);

/* Writes the file; no CPU executes any more. */
void coherence_end(void);

#endif
