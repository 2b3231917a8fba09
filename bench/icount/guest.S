/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of the plug-in's self-test: a bare program for two processors that
 * QEMU starts with -kernel (multiboot).  The number of instructions in each of
 * its windows is known by reading; the script selftest holds the numbers.
 *
 * Memory from 0 on is mapped twice, at 0 and at HIGH.  Everything runs in ring
 * 0, so "user" code is code executed at its low address and "kernel" code is
 * code executed at its high address.  The two live in pages of their own,
 * because the plug-in cannot tell two addresses of one page apart.
 *
 * Where the processors must wait for each other, they do so in high code, so
 * that the low counts stay exact.
 */
#include "mark.h"

#define HIGH		0xffffffff80000000
#define TRAMPOLINE	0x8000			/* page of the second CPU */
#define APIC_ICR	0xfee00300
#define EXIT_PORT	0xf4
#define ROUNDS		1000

#define open(w)		azalea_mark(AZALEA_OPEN(w))
#define close(w)	azalea_mark(AZALEA_CLOSE(w))

	.text
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
	.word	31
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
gdt_pointer:
	.word	31
	.long	gdt
idt_pointer:
	.word	15 * 16 - 1
	.quad	idt

/* Low code of the first CPU: the simple windows, one after the other. */
	.balign	4096
	.code64
low:
	mov	$24, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	test	%ebx, %ebx
	jz	low_second
	mov	$0x80000, %esp

	open(1)
	close(1)

	open(2)
	.rept	10
	nop
	.endr
	close(2)

	mov	$high_straight + HIGH, %rax
	call	*%rax

	open(4)
	mov	$ROUNDS, %ecx
1:	dec	%ecx
	jnz	1b
	close(4)

	open(5)
	mov	$scratch, %esi
	mov	$scratch + 2048, %edi
	mov	$1000, %ecx
	rep movsb
	close(5)

	open(6)
	xor	%ecx, %ecx
	rep stosq
	nop
	close(6)

	open(7)
	mov	$scratch, %esi
	mov	$scratch + 2048, %edi
	mov	$1000, %ecx
	repe cmpsb
	repe cmpsb
	nop
	close(7)

	open(8)
	.rept	3
	nop
	.endr
	open(9)
	.rept	4
	nop
	.endr
	close(9)
	.rept	5
	nop
	.endr
	close(8)

	open(10)
	.rept	1500
	nop
	.endr
	close(10)

	mov	$100, %ebp
1:	open(11)
	.rept	5
	nop
	.endr
	close(11)
	dec	%ebp
	jnz	1b

	/* The page at 1 GB is absent: the handler supplies it half-way. */
	lidt	idt_pointer
	mov	$0x40000000 + scratch, %edi
	mov	$1000, %ecx
	xor	%eax, %eax
	open(12)
	rep stosb
	close(12)

	close(20)				/* never opened */
	open(21)				/* never closed */

	movl	$0x000c4500, %eax		/* INIT, then SIPI, to the other */
	mov	$APIC_ICR, %edi
	mov	%eax, (%rdi)
	mov	$0x000c4600 + (TRAMPOLINE >> 12), %eax
	mov	%eax, (%rdi)

	mov	$high_first + HIGH, %rax
	jmp	*%rax

low_second:
	mov	$0x70000, %esp
	mov	$high_second + HIGH, %rax
	jmp	*%rax

/* Low code that both CPUs call while windows are open: 2 * ROUNDS + 2. */
	.balign	4096
low_work:
	mov	$ROUNDS, %ecx
1:	dec	%ecx
	jnz	1b
	ret

	.balign	4096
high_straight:
	open(3)
	.rept	10
	nop
	.endr
	close(3)
	ret

high_page_fault:				/* six instructions */
	push	%rax
	mov	$0x83, %eax
	mov	%rax, pdpt + 8
	pop	%rax
	add	$8, %rsp
	iretq

/* turn counts up; each CPU waits for its numbers. */
.macro wait_for number
1:	pause
	cmpl	$\number, turn
	jne	1b
.endm

high_first:
	wait_for 1				/* the other one is up */
	open(13)				/* counts the other's work */
	movl	$2, turn
	wait_for 3
	close(13)

	azalea_mark(0x8000)			/* the other one closes it */
	movl	$4, turn
	wait_for 5

	mov	$low_work, %eax
	open(14)				/* open on both at once */
	movl	$6, turn
	wait_for 7
	call	*%rax
	close(14)
	movl	$8, turn
	wait_for 9

	xor	%eax, %eax
	out	%eax, $EXIT_PORT
1:	hlt
	jmp	1b

high_second:
	mov	$low_work, %eax
	movl	$1, turn
	wait_for 2
	call	*%rax
	movl	$3, turn

	wait_for 4
	call	*%rax
	azalea_mark(0x8001)
	movl	$5, turn

	wait_for 6
	open(14)
	movl	$7, turn
	wait_for 8
	call	*%rax
	close(14)
	movl	$9, turn
1:	hlt
	jmp	1b

	.balign	4096
pml4:
	.quad	pdpt + 3
	.fill	510, 8, 0
	.quad	pdpt + 3
pdpt:
	.quad	0x83, 0, 0, 0xc0000083		/* 1 GB pages; 3: the APIC */
	.fill	506, 8, 0
	.quad	0x83, 0				/* 510: HIGH */
idt:
	.fill	28, 8, 0
	.word	high_page_fault - start		/* 14: page fault; image at 1 MB */
	.word	8, 0x8e00, 0x8010
	.long	0xffffffff, 0
scratch:
	.fill	4096
turn:
	.long	0
	.balign	4096
end:
