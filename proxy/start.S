/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What C cannot say: the entry point, a system call whose instruction has a name, a new thread on a stack of its own, the
 * end of a thread that frees the stack it stands on, and the return from a signal handler.
 */
#include <asm/unistd_64.h>

#define ERESTARTNOINTR	513	/* which Linux never lets out */

/* struct az_ioc_serve, checked in twin.c */
#define SERVE_NR	0
#define SERVE_FLAGS	4
#define SERVE_ARG	8
#define SERVE_SIGNALLED	4

	.text
	.globl	_start
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	proxy_main
	ud2

/*
 * long user_call(const struct az_ioc_serve *request): the call is not made if a signal was passed on since it was handed out. For one that
 * comes between the look at that and the call, on_signal() in twin.c compares with the two addresses.
 */
	.globl	user_call, user_call_looked, user_call_insn
user_call:
	mov	%rdi, %rcx
	mov	SERVE_NR(%rcx), %eax
	mov	SERVE_ARG(%rcx), %rdi
	mov	SERVE_ARG+8(%rcx), %rsi
	mov	SERVE_ARG+16(%rcx), %rdx
	mov	SERVE_ARG+24(%rcx), %r10
	mov	SERVE_ARG+32(%rcx), %r8
	mov	SERVE_ARG+40(%rcx), %r9
	testl	$SERVE_SIGNALLED, SERVE_FLAGS(%rcx)
user_call_looked:
	jnz	1f
user_call_insn:
	syscall
	ret
1:	mov	$-ERESTARTNOINTR, %rax
	ret

/* long thread_start(unsigned long flags, void *stack_top, void (*fn)(void *), void *arg): thread id or -errno */
	.globl	thread_start
thread_start:
	sub	$16, %rsi
	mov	%rdx, (%rsi)
	mov	%rcx, 8(%rsi)
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	mov	$__NR_clone, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	xor	%ebp, %ebp
	pop	%rax
	pop	%rdi
	call	*%rax
	ud2

/*
 * long process_start(const uint64_t *clone_args, size_t size, void (*fn)(void *), void *arg): process id or -errno; the new process calls
 * fn on the stack that clone_args names.
 */
	.globl	process_start
process_start:
	mov	%rcx, %r8
	mov	$__NR_clone3, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	xor	%ebp, %ebp
	mov	%r8, %rdi
	call	*%rdx
	ud2

/* void thread_end(void *stack, size_t size, int status): no signal may come from here on */
	.globl	thread_end
thread_end:
	mov	%edx, %ebx
	mov	$__NR_munmap, %eax
	syscall
	mov	%ebx, %edi
	mov	$__NR_exit, %eax
	syscall
	ud2

	.globl	signal_return
signal_return:
	mov	$__NR_rt_sigreturn, %eax
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
