/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a CPU begins: the image header, the start-up page that takes a CPU from real mode to long mode, and the entry that
 * finds out which CPU this is. All CPUs but the first run this at the same time, so until a CPU has its own stack it touches no memory
 * that another one writes.
 */
#include "arch/x86/asm.h"
#include "offsets.h"

#define TRAMP_PARAMS	(4096 - 32)	/* struct az_tramp: entry, handover, efer, cr3, cr4 */
#define TRAMP_ENTRY	(TRAMP_PARAMS + 0)
#define TRAMP_HANDOVER	(TRAMP_PARAMS + 8)
#define TRAMP_EFER	(TRAMP_PARAMS + 16)
#define TRAMP_CR3	(TRAMP_PARAMS + 24)
#define TRAMP_CR4	(TRAMP_PARAMS + 28)

	.section .tramp, "ax"
	.code16
tramp:
	cli
	cld
	xorl %ebx, %ebx
	mov %cs, %bx
	mov %bx, %ds
	shll $4, %ebx			/* physical address of this page */

	/* The page may be anywhere below 1 MB: far pointers and the GDT base are computed. */
	leal (tramp_gdt - tramp)(%ebx), %eax
	movl %eax, (tramp_gdtr + 2 - tramp)
	leal (tramp32 - tramp)(%ebx), %eax
	movl %eax, (tramp_far32 - tramp)
	leal (tramp64 - tramp)(%ebx), %eax
	movl %eax, (tramp_far64 - tramp)
	lgdtl (tramp_gdtr - tramp)
	movl $0x11, %eax		/* PE, ET; caches on */
	movl %eax, %cr0
	ljmpl *(tramp_far32 - tramp)

	.code32
tramp32:
	movl $0x18, %eax
	movl %eax, %ds
	movl TRAMP_CR4(%ebx), %eax
	movl %eax, %cr4
	movl TRAMP_CR3(%ebx), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	movl TRAMP_EFER(%ebx), %eax
	movl TRAMP_EFER+4(%ebx), %edx
	wrmsr
	movl $0x80050033, %eax		/* PG, AM, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	ljmpl *(tramp_far64 - tramp)(%ebx)

	.code64
tramp64:
	movl %ebx, %ebx
	movq TRAMP_HANDOVER(%rbx), %rdi
	jmpq *TRAMP_ENTRY(%rbx)

	.balign 8
tramp_far32:
	.long 0
	.word 0x08
	.balign 8
tramp_far64:
	.long 0
	.word 0x10
	.balign 8
tramp_gdtr:
	.word 4 * 8 - 1
	.long 0
	.balign 8
tramp_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00af9b000000ffff	/* 0x10: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x18: data */

	.section .header, "ax"
	.globl image_entry
	.quad 0x41454c415a41		/* struct az_image */
	.long 1
	.long AZ_SIZEOF_HANDOVER, AZ_SIZEOF_CPU, AZ_SIZEOF_SLOT, AZ_SIZEOF_PROC
	.long tramp_offset, tramp_size, text_size, rodata_size, file_size, mem_size	/* link.ld */
	.org 128			/* AZ_IMAGE_ENTRY */

/*
 * Long mode, interrupts off, no stack, RDI = hand-over, CR3 = a copy of the kernel tables below 4 GB. Find our index by APIC id;
 * index 0 prepares the kernel on the boot stack; the others find boot_cpus[] filled, or wait for that.
 */
image_entry:
	movq %rdi, %rbp
	xorl %eax, %eax
	movq %rax, %ss
	movq HANDOVER_PGD(%rbp), %rax
	movq %rax, %cr3

	xorl %eax, %eax			/* APIC id: leaf 0xb where it exists, else leaf 1 */
	cpuid
	cmpl $0xb, %eax
	jb 1f
	movl $0xb, %eax
	xorl %ecx, %ecx
	cpuid
	testl %ebx, %ebx
	jz 1f
	movl %edx, %r8d
	jmp 2f
1:	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movl %ebx, %r8d
2:	xorl %esi, %esi
	movl HANDOVER_CPU_COUNT(%rbp), %ecx
	movq HANDOVER_CPUS(%rbp), %rdx
	movabsq $0xffff800000000000, %rax
	addq %rax, %rdx
3:	cmpl %ecx, %esi
	jae 9f
	cmpl %r8d, AZ_CPU_APIC_ID(%rdx)
	je 4f
	addq $AZ_SIZEOF_CPU, %rdx
	incl %esi
	jmp 3b
4:	testl %esi, %esi
	jnz 5f
	leaq boot_stack_top(%rip), %rsp
	movq %rbp, %rdi
	xorl %ebp, %ebp
	call boot_main
9:	hlt				/* a CPU that is not ours to start */
	jmp 9b
5:	pause
	cmpl $0, boot_ready(%rip)
	je 5b
	leaq boot_cpus(%rip), %rax
	movq (%rax,%rsi,8), %rdi
	leaq CPU_BOOT_STACK_TOP(%rdi), %rsp
	xorl %ebp, %ebp
	call cpu_start
	jmp 9b

	.section .bss
	.balign 16
	.skip 8192
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
