/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest that checks the model of caches: a bare program for CPUS processors (guest_boot.S starts it), whose misses and transfers are
 * known by reasoning; the script selftest holds the numbers. What is measured is low code; the CPUs wait for each other, take turns
 * and set marks in high code.
 */
#include "guest_boot.S"

#define CPUS		4
#define TURNS		100			/* of each CPU */
#define WALKED		0x1000000		/* free memory */

	.balign	4096
low:
	mov	$24, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	$1, %ebp			/* our number */
	lock xadd %ebp, next_number
	imul	$-0x1000, %rbp, %rax
	lea	0x80000(%rax), %rsp
	xor	%r12d, %r12d			/* arrivals that the next barrier waits for */
	mov	$high + HIGH, %rax
	jmp	*%rax

/* What is measured: accesses at RDI. */
low_count:
	incl	(%rdi)
	ret
low_count_atomically:
	lock incl (%rdi)
	ret
low_count_often:
	mov	$1000, %ecx
1:	incl	(%rdi)
	dec	%ecx
	jnz	1b
	ret
low_read_often:
	mov	$1000, %ecx
1:	cmpl	$0, (%rdi)
	dec	%ecx
	jnz	1b
	ret

/* ECX lines from RDI on. */
.macro walk
1:	cmpl	$0, (%rdi)
	add	$64, %rdi
	dec	%ecx
	jnz	1b
.endm

low_walk:
	mov	$WALKED, %edi			/* 64 KB: twice the first level */
	mov	$1024, %ecx
	open(40)
	walk
	close(40)
	mov	$WALKED, %edi
	mov	$1024, %ecx
	open(41)
	walk
	close(41)
	mov	$WALKED, %edi			/* 16 KB: half of it */
	mov	$256, %ecx
	walk
	mov	$WALKED, %edi
	mov	$256, %ecx
	open(42)
	walk
	close(42)
	mov	$WALKED, %edi			/* 2 MB: twice the second level */
	mov	$0x8000, %ecx
	walk
	mov	$WALKED, %edi
	mov	$0x8000, %ecx
	open(43)
	walk
	close(43)
	mov	$WALKED + 0x400000 + 60, %edi	/* 8 bytes on two lines */
	open(44)
	cmpq	$0, (%rdi)
	close(44)
	ret

	.balign	4096
.macro barrier
	add	$CPUS, %r12d
	lock incl arrived
1:	pause
	cmpl	%r12d, arrived
	jb	1b
.endm

.macro call_low function
	mov	$\function, %eax
	call	*%rax
.endm

/* All CPUs go through @body within global window @window, which the first opens and closes. */
.macro together window, body:vararg
	barrier
	test	%ebp, %ebp
	jnz	2f
	azalea_mark(AZALEA_OPEN(\window))
2:	barrier
	\body
	barrier
	test	%ebp, %ebp
	jnz	2f
	azalea_mark(AZALEA_CLOSE(\window))
2:
.endm

/* TURNS times each, one CPU after the other. */
.macro in_turns function
	lea	(%rbp), %ebx
	mov	$TURNS, %esi
3:	pause
	cmpl	%ebx, turn
	jne	3b
	call_low \function
	incl	turn
	add	$CPUS, %ebx
	dec	%esi
	jnz	3b
	barrier
	movl	$0, turn
.endm

high:
	test	%ebp, %ebp
	jnz	1f
	start_others
1:
	mov	$counter, %edi
	together 0x4001, in_turns low_count
	mov	$atomic_counter, %edi
	together 0x4002, in_turns low_count_atomically

	lea	counters_in_one_line(, %ebp, 4), %edi
	together 0x4003, in_turns low_count

	mov	%ebp, %edi
	shl	$6, %edi
	add	$private_lines, %edi
	together 0x4004, call_low low_count_often

	mov	$read_by_all, %edi
	together 0x4005, in_turns low_read_often

	test	%ebp, %ebp
	jnz	1f
	open(45)				/* destroys three copies */
	incl	read_by_all
	close(45)
1:	barrier

	test	%ebp, %ebp
	jnz	1f
	call_low low_walk
	mov	$1, %eax
	out	%eax, $EXIT_PORT
1:	hlt
	jmp	1b

	.balign	64
idt:					/* no exceptions here */
next_number:
	.long	0
	.balign	64
arrived:
	.long	0
	.balign	64
turn:
	.long	0
	.balign	64
counter:
	.long	0
	.balign	64
atomic_counter:
	.long	0
	.balign	64
counters_in_one_line:
	.fill	CPUS, 4, 0
	.balign	64
private_lines:
	.fill	CPUS * 64
read_by_all:
	.fill	64
