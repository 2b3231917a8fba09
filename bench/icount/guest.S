/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of the plug-in's self-test: a bare program for two processors (guest_boot.S starts it). The number of instructions in each
 * of its windows is known by reading; the script selftest holds the numbers.
 *
 * Where the processors must wait for each other, they do so in high code, so
 * that the low counts stay exact.
 */
#include "guest_boot.S"

#define ROUNDS		1000

/* Low code of the first CPU: the simple windows, one after the other. */
	.balign	4096
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

	/* The last of three instructions ends in the next page. */
	jmp	1f
	.balign	4096
	.skip	4096 - 8 - 2 - 3		/* the mark, two instructions, a part of the third */
1:	open(23)
	nop
	nop
	mov	$1, %ecx
	close(23)

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

	mov	$high_entries + HIGH, %rax
	call	*%rax

	open(22)
	mov	$high_calls + HIGH, %rax
	call	*%rax
	close(22)

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

/* Each entry is known to the plug-in by the address of its label (selftest). */
entry_syscall:
	jmp	*%rcx
entry_interrupt:
	push	%rcx
	call	calls_moving
	pop	%rax
	pop	%rcx
	iretq
entry_exception:				/* ud2 is two bytes */
	addq	$2, (%rsp)
	iretq
entry_ipi:
	mov	$APIC_SVR - 0x40, %eax		/* end of interrupt */
	movl	$0, (%rax)
	iretq

/* The forms of a store that kernels use. The jumps let QEMU take the interrupt before the next one is sent. */
.macro command_apic value
	movl	$\value, (%rdi)
	jmp	1f
1:	mov	$\value, %eax
	mov	%eax, (%rdi)
	jmp	1f
1:	mov	$\value, %eax
	xchg	%eax, (%rdi)
	jmp	1f
1:
.endm

high_entries:
	mov	$0xc0000080, %ecx		/* EFER.SCE */
	rdmsr
	or	$1, %eax
	wrmsr
	mov	$0xc0000081, %ecx		/* STAR */
	xor	%eax, %eax
	mov	$32, %edx
	wrmsr
	inc	%ecx				/* LSTAR */
	mov	$entry_syscall, %eax		/* its upper half is that of HIGH, if added */
	mov	$0xffffffff, %edx
	or	$0x80000000, %eax
	wrmsr
	mov	$APIC_SVR, %edi
	movl	$0x1ff, (%rdi)			/* enabled */
	mov	$APIC_ICR, %edi
	mov	$0xff, %al			/* no devices */
	out	%al, $0x21
	out	%al, $0xa1
	sti
	nop

	open(15)
	.rept	3
	syscall
	.endr
	close(15)

	open(16)
	ud2
	ud2
	close(16)

	open(17)
	.rept	5
	int	$LAST_VECTOR
	.endr
	close(17)

	open(18)				/* to itself, three times */
	command_apic 0x44000 + IPI_VECTOR
	close(18)
	cli

	open(19)				/* to the other */
	start_others
	close(19)
	ret

/* Chains of calls, for window 22. */
high_calls:
	nop
	call	calls_b
	call	calls_b
	mov	$calls_d + HIGH, %rdx
	call	calls_thunk
	int	$LAST_VECTOR
	call	calls_switch
	jmp	calls_tail
calls_tail:
	nop
	ret
calls_b:
	call	calls_c
	nop
	ret
calls_c:
	nop
	ret
calls_thunk:					/* as retpolines do */
	call	1f
1:	mov	%rdx, (%rsp)
	ret
calls_d:
	nop
	ret
calls_moving:					/* as Linux's entries: one place further down */
	pop	%rcx
	push	%rax
	push	%rcx
	ret
calls_switch:					/* to another stack, and so to calls_other */
	mov	%rsp, saved_stack
	mov	$other_stack, %esp
	ret
calls_other:
	call	calls_c
	mov	saved_stack, %rsp
	ret

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

	mov	$1, %eax
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
idt:
	gate	6, entry_exception
	gate	14, high_page_fault
	gate	IPI_VECTOR, entry_ipi
	gate	LAST_VECTOR, entry_interrupt
scratch:
	.fill	4096
turn:
	.long	0
	.balign	8
saved_stack:
	.quad	0
	.fill	64
other_stack:
	.quad	calls_other + HIGH
