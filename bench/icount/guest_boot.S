/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the bare guests of the self-test start: QEMU loads them with -kernel (multiboot), and every CPU arrives at `low` in long mode with
 * EBX = 1 on the first CPU and 0 on all others, which run only when the first has sent them INIT and SIPI (start_others).
 *
 * Memory from 0 on is mapped twice, at 0 and at HIGH. Everything runs in ring 0, so "user" code is code executed at its low address
 * and "kernel" code is code executed at its high address. The two live in pages of their own, because the plug-in cannot tell two
 * addresses of one page apart.
 *
 * The guests put their code and data into subsection 1, between the code here and the tables.
 */
#include "mark.h"

#define HIGH		0xffffffff80000000
#define TRAMPOLINE	0x8000			/* page of the second CPU */
#define APIC_SVR	0xfee000f0
#define APIC_ICR	0xfee00300
#define EXIT_PORT	0xf4

#define IPI_VECTOR	0x40
#define LAST_VECTOR	0x41			/* of the interrupt table */

#define open(w)		azalea_mark(AZALEA_OPEN(w))
#define close(w)	azalea_mark(AZALEA_CLOSE(w))

/* INIT, then SIPI, to all others. */
.macro start_others
	movl	$0x000c4500, %eax
	mov	$APIC_ICR, %edi
	mov	%eax, (%rdi)
	mov	$0x000c4600 + (TRAMPOLINE >> 12), %eax
	mov	%eax, (%rdi)
.endm

/* Vector @number of the interrupt table leads to @handler, which must lie in high code. */
.macro gate number, handler
	.org	idt + \number * 16
	.word	\handler - start		/* the image is at 1 MB */
	.word	8, 0x8e00, 0x8010
	.long	0xffffffff, 0
.endm

	.text	0
	.code32
start:
	.balign	4
header:
	.long	0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
	.long	header, start, end, end, entry

entry:
	cld
	mov	$trampoline, %esi
	mov	$TRAMPOLINE, %edi
	mov	$trampoline_end - trampoline, %ecx
	rep movsb
	mov	$1, %ebx			/* this is the first CPU */
	lgdt	gdt_pointer
enter_long:
	mov	%cr4, %eax
	or	$0x20, %eax			/* PAE */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx		/* EFER.LME */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$8, $low

	.code16
trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + gdt_copy - trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$16, $second
gdt_copy:
	.word	47
	.long	gdt
trampoline_end:

	.code32
second:
	mov	$24, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	xor	%ebx, %ebx
	jmp	enter_long

	.balign	16
gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* 8: 64-bit code */
	.quad	0x00cf9b000000ffff		/* 16: 32-bit code */
	.quad	0x00cf93000000ffff		/* 24: data */
	.quad	0x00af9b000000ffff		/* 32 and 40: code and stack after SYSCALL */
	.quad	0x00cf93000000ffff
gdt_pointer:
	.word	47
	.long	gdt
idt_pointer:
	.word	(LAST_VECTOR + 1) * 16 - 1
	.quad	idt

	.text	2
	.balign	4096
pml4:
	.quad	pdpt + 3
	.fill	510, 8, 0
	.quad	pdpt + 3
pdpt:
	.quad	0x83, 0, 0, 0xc0000083		/* 1 GB pages; 3: the APIC */
	.fill	506, 8, 0
	.quad	0x83, 0				/* 510: HIGH */
	.balign	4096
	.text	3
	.balign	4096
end:

	.text	1
	.code64
