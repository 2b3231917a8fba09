/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state a program is entered with, seen before any library: stack aligned, registers and flags clear, argc on the
 * stack. Writes "start\n" and exits with 7; with 1 to 5 if something is wrong.
 */
	.globl	_start
_start:
	mov	$1, %edi
	test	$15, %spl
	jnz	fail
	mov	$2, %edi
	mov	(%rsp), %rax			/* argc */
	cmp	$1, %rax
	jb	fail
	cmpq	$0, 8(%rsp, %rax, 8)		/* argv[argc] */
	jne	fail
	mov	$3, %edi
	pushfq
	pop	%rax
	test	$0x0500, %eax			/* direction and trap flags */
	jnz	fail
	test	$0x0200, %eax			/* interrupts are on */
	jz	fail
	mov	$4, %edi
	sub	$8, %rsp
	stmxcsr	(%rsp)
	cmpl	$0x1f80, (%rsp)
	jne	fail
	fnstcw	(%rsp)
	cmpw	$0x37f, (%rsp)
	jne	fail
	mov	$5, %edi
	pxor	%xmm1, %xmm1
	pcmpeqb	%xmm0, %xmm1
	pmovmskb %xmm1, %eax
	cmp	$0xffff, %eax
	jne	fail

	mov	$1, %eax			/* write */
	mov	$1, %edi
	lea	text(%rip), %rsi
	mov	$6, %edx
	syscall
	mov	$9, %edi
	cmp	$6, %rax
	jne	fail
	mov	$7, %edi
fail:
	mov	$231, %eax			/* exit_group */
	syscall
	ud2

	.section .rodata
text:	.ascii	"start\n"

	.section .note.GNU-stack, "", @progbits
