/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an instruction of the guest is, by its bytes.
 */
#ifndef AZALEA_ICOUNT_INSN_H
#define AZALEA_ICOUNT_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mark (mark.h); its number is stored. */
bool insn_is_mark(const uint8_t *byte, size_t size, uint16_t *number);

/* A string instruction with a prefix that repeats it. */
bool insn_is_rep(const uint8_t *byte, size_t size);

/* A plain 32-bit store: mov from a register or a constant to memory, or xchg. Device registers are written so. */
bool insn_is_store32(const uint8_t *byte, size_t size);

/* A near call, a near return, a return from an interrupt. */
bool insn_is_call(const uint8_t *byte, size_t size);
bool insn_is_return(const uint8_t *byte, size_t size);
bool insn_is_iret(const uint8_t *byte, size_t size);

#endif
