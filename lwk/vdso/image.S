/* SPDX-License-Identifier: GPL-2.0 */
/* The finished vDSO inside the LWK's image: whole pages, because programs map them. */
	.section .rodata, "a"
	.balign 4096
	.globl vdso_start, vdso_end
vdso_start:
	.incbin VDSO
	.balign 4096
vdso_end:
	.section .note.GNU-stack, "", @progbits
