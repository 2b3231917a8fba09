/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every way into the kernel from a program or a device, and back. GS is the program's outside and struct cpu inside.
 *
 * SYSCALL saves only what C may change and the program must get back; bx, bp and r12..r15 survive in C's own hands. A handler
 * that needs them defers its work to leave_kernel(). The way out is short unless cpu->work is set; then the frame is completed
 * and leave_kernel() decides.
 */
#include "arch/x86/asm.h"
#include "offsets.h"

/* Ends with a complete frame at RSP. */
	.macro restore_and_return
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $8, %rsp
	iretq
	.endm

	.macro syscall_path entry, dispatch
	.globl \entry
	.balign 64
\entry:
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_FRAME, %rsp
	movq %rcx, F_IP(%rsp)
	movq %gs:CPU_USER_RSP, %rcx
	movq %rcx, F_SP(%rsp)
	movq %r11, F_FLAGS(%rsp)
	movl %eax, %eax			/* Linux too looks at 32 bits; with more, the call would pass for a trap in leave_kernel() */
	movq %rax, F_ORIG_AX(%rsp)
	movq %rdi, F_DI(%rsp)
	movq %rsi, F_SI(%rsp)
	movq %rdx, F_DX(%rsp)
	movq %r10, F_R10(%rsp)
	movq %r8, F_R8(%rsp)
	movq %r9, F_R9(%rsp)
	movq %gs:CPU_SHARED, %rcx
	incq CALLS_LOCAL(%rcx)
	movq %rsp, %rdi
	call \dispatch
	cmpl $0, %gs:CPU_WORK
	jne syscall_slow
	movq F_DI(%rsp), %rdi
	movq F_SI(%rsp), %rsi
	movq F_DX(%rsp), %rdx
	movq F_R10(%rsp), %r10
	movq F_R8(%rsp), %r8
	movq F_R9(%rsp), %r9
	movq F_IP(%rsp), %rcx
	movq F_FLAGS(%rsp), %r11
	movq F_SP(%rsp), %rsp
	swapgs
	sysretq
	.endm

	.text
	syscall_path syscall_entry, syscall_dispatch
	syscall_path syscall_entry_traced, syscall_dispatch_traced	/* of threads whose calls are traced: debug/trace.c */
	syscall_path syscall_entry_judged, syscall_dispatch_judged	/* of threads whose calls are looked at first: proc/seccomp.c */

syscall_slow:
	call frame_complete
	movq %rax, F_AX(%rsp)
	movq %rsp, %rdi
	call leave_kernel
	jmp frame_return

/* Fills in what the SYSCALL entry left out of the frame just above the return address. Keeps all registers but rcx. */
frame_complete:
	movq %rbx, 8+F_BX(%rsp)
	movq %rbp, 8+F_BP(%rsp)
	movq %r12, 8+F_R12(%rsp)
	movq %r13, 8+F_R13(%rsp)
	movq %r14, 8+F_R14(%rsp)
	movq %r15, 8+F_R15(%rsp)
	movq 8+F_IP(%rsp), %rcx
	movq %rcx, 8+F_CX(%rsp)
	movq 8+F_FLAGS(%rsp), %rcx
	movq %rcx, 8+F_R11(%rsp)
	movq $USER_CS, 8+F_CS(%rsp)
	movq $USER_DS, 8+F_SS(%rsp)
	ret

/* Back to the program from a complete frame at RSP. */
	.globl frame_return
frame_return:
	swapgs
	restore_and_return

/* void x86_enter_user(struct frame *f) */
	.globl x86_enter_user
x86_enter_user:
	movq %rdi, %rsp
	jmp frame_return

/* First code of a new thread: x86_switch "returns" here; its stack holds the function and its argument. */
	.globl x86_thread_start
x86_thread_start:
	popq %rax
	popq %rdi
	xorl %ebp, %ebp
	call *%rax
	ud2

/* void x86_switch(struct thread *prev, struct thread *next): kernel stacks only; the caller did the rest. */
	.globl x86_switch
x86_switch:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, THREAD_SP(%rdi)
	movq THREAD_SP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

/* void x86_call_on(void *stack_top, void (*fn)(void)): never returns */
	.globl x86_call_on
x86_call_on:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	call *%rsi
	ud2

/* Traps and interrupts: the stub pushes (error code,) vector, then this saves the rest. */
trap_common:
	cld
	testb $3, 24(%rsp)		/* CS: vector, error, ip, cs */
	jz 1f
	swapgs
1:	xchgq %rdi, (%rsp)		/* vector into rdi, rdi into its place: the frame's di */
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rdi, %rsi
	movq %rsp, %rdi
	call x86_trap
	testb $3, F_CS(%rsp)
	jnz frame_return
	restore_and_return

/* NMI: on its own stack, in any state, GS unknown. Looks only at the hand-over; returns if it has nothing to do. */
nmi_entry:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	cld
	movq 72(%rsp), %rdi		/* where it was */
	call x86_nmi
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	iretq

/* Double fault and machine check: own stacks, GS unknown; x86_fatal() finds it, reports and stops. */
fatal_common:
	cld
	xchgq %rdi, (%rsp)
	subq $14*8, %rsp
	movq %rdi, %rsi
	movq %rsp, %rdi
	call x86_fatal
	ud2

	.altmacro
	.macro stub n
	.balign 16
stub_\n:
	.if \n == 2
	jmp nmi_entry
	.else
	.if !((\n == 8) || (\n == 10) || (\n == 11) || (\n == 12) || (\n == 13) || (\n == 14) || (\n == 17) || (\n == 21))
	pushq $-1
	.endif
	pushq $\n
	.if (\n == 8) || (\n == 18)
	jmp fatal_common
	.else
	jmp trap_common
	.endif
	.endif
	.endm

	.macro stub_address n
	.quad stub_\n
	.endm

	.set i, 0
	.rept 256
	stub %i
	.set i, i+1
	.endr

	.section .rodata
	.balign 8
	.globl x86_vector_stubs
x86_vector_stubs:
	.set i, 0
	.rept 256
	stub_address %i
	.set i, i+1
	.endr

	.section .note.GNU-stack, "", @progbits
