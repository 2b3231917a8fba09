/* SPDX-License-Identifier: GPL-2.0 */
/* Selectors and vectors that assembly and C share. Offsets of C structures come from offsets.c. */
#ifndef X86_ASM_H
#define X86_ASM_H

/* Segment selectors in the order that SYSCALL and SYSRET want (Intel SDM, SYSRET); those of programs are as on Linux. */
#define KERNEL_CS	0x08
#define KERNEL_DS	0x10
#define USER32_CS	0x23
#define USER_DS		0x2b
#define USER_CS		0x33
#define TSS_SEL		0x38

#define VECTOR_TIMER	0xef
#define VECTOR_PEER	0xf1	/* from another LWK CPU; Linux's doorbell is AZ_VECTOR_LWK */
#define VECTOR_SPURIOUS	0xff

#endif
