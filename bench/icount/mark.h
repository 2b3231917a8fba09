/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks: instructions that do nothing on a processor, and that the counting
 * plug-in of this folder recognises when they run under QEMU.  A program (or
 * kernel code) brackets the piece to be counted with two marks:
 *
 *	azalea_mark(AZALEA_OPEN(5));
 *	... what is to be counted ...
 *	azalea_mark(AZALEA_CLOSE(5));
 *
 * A mark is the eight-byte no-operation nopl disp32(%rax,%rax,1), bytes
 * 0f 1f 84 00 followed by disp32, whose displacement is 0x415a0000 | n.
 * The 16-bit number n must be a constant known at compile time:
 *
 *	n even		opens window n / 2
 *	n odd		closes window n / 2
 *	n < 0x8000	processor window: opened and closed by the same CPU
 *	n >= 0x8000	global window: any CPU opens it and any CPU closes it
 *
 * The two marks themselves are never part of the count.  A mark changes no
 * register, flag or memory, so it needs no privilege and costs one
 * instruction.  The compiler does not move memory accesses across it.
 *
 * The header also serves assembly files, with the same azalea_mark(n).
 */
#ifndef AZALEA_MARK_H
#define AZALEA_MARK_H

#define AZALEA_OPEN(window)	((window) * 2)
#define AZALEA_CLOSE(window)	((window) * 2 + 1)

#ifdef __ASSEMBLER__

#define azalea_mark(n)							\
	.byte 0x0f, 0x1f, 0x84, 0x00;					\
	.long 0x415a0000 + (n)

#else

/* For an asm statement of its own: n is the text of an operand, as "%c0". */
#define AZALEA_MARK_ASM(n)						\
	".byte 0x0f, 0x1f, 0x84, 0x00\n\t"				\
	".long 0x415a0000 + " n "\n\t"

#define azalea_mark(n)							\
	asm volatile(AZALEA_MARK_ASM("%c0") : : "i" (n) : "memory")

#endif
#endif
