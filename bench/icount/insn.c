// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of x86-64, as far as the plug-in must tell them apart (Intel SDM volume 2: prefixes, then the opcode, then ModRM).
 */
#include <string.h>

#include "insn.h"

static const uint8_t legacy_prefixes[] = {
	0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3
};

static bool is_prefix(uint8_t byte)
{
	return memchr(legacy_prefixes, byte, sizeof(legacy_prefixes)) || (byte & 0xf0) == 0x40;
}

/* Where the opcode is; @size: all are prefixes. */
static size_t opcode_at(const uint8_t *byte, size_t size)
{
	size_t i = 0;

	while (i < size && is_prefix(byte[i]))
		i++;
	return i;
}

bool insn_is_mark(const uint8_t *byte, size_t size, uint16_t *number)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x84, 0x00 };
	static const uint8_t tag[] = { 0x5a, 0x41 };

	if (size != 8 || memcmp(byte, nop, 4) || memcmp(byte + 6, tag, 2))
		return false;
	*number = byte[4] | byte[5] << 8;
	return true;
}

/* A string opcode (ins, outs, movs, cmps, stos, lods, scas) after f2 or f3. */
bool insn_is_rep(const uint8_t *byte, size_t size)
{
	size_t at = opcode_at(byte, size);
	uint8_t opcode = at < size ? byte[at] : 0;

	if (!memchr(byte, 0xf2, at) && !memchr(byte, 0xf3, at))
		return false;
	return (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf);
}

bool insn_is_store32(const uint8_t *byte, size_t size)
{
	size_t at = opcode_at(byte, size);
	bool wide = at && (byte[at - 1] & 0xf8) == 0x48;	/* REX.W comes last */

	if (at + 1 >= size || wide || memchr(byte, 0x66, at))
		return false;
	if (byte[at] == 0xa3)
		return true;
	return (byte[at] == 0x87 || byte[at] == 0x89 || byte[at] == 0xc7) && byte[at + 1] >> 6 != 3;
}

bool insn_is_call(const uint8_t *byte, size_t size)
{
	size_t at = opcode_at(byte, size);

	return at < size && (byte[at] == 0xe8 || (byte[at] == 0xff && at + 1 < size && (byte[at + 1] & 0x38) == 0x10));
}

bool insn_is_return(const uint8_t *byte, size_t size)
{
	size_t at = opcode_at(byte, size);

	return at < size && (byte[at] == 0xc3 || byte[at] == 0xc2);
}

bool insn_is_iret(const uint8_t *byte, size_t size)
{
	size_t at = opcode_at(byte, size);

	return at < size && byte[at] == 0xcf;
}
