/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of ELF (gABI; System V ABI for x86-64) that loading a program needs. */
#ifndef LWK_ELF_H
#define LWK_ELF_H

#include "types.h"

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

#define ET_EXEC		2
#define ET_DYN		3
#define EM_X86_64	62
#define PT_LOAD		1
#define PT_INTERP	3
#define PF_X		1
#define PF_W		2
#define PF_R		4

#define AT_NULL		0
#define AT_PHDR		3
#define AT_PHENT	4
#define AT_PHNUM	5
#define AT_PAGESZ	6
#define AT_BASE		7
#define AT_FLAGS	8
#define AT_ENTRY	9
#define AT_UID		11
#define AT_EUID		12
#define AT_GID		13
#define AT_EGID		14
#define AT_PLATFORM	15
#define AT_HWCAP	16
#define AT_CLKTCK	17
#define AT_SECURE	23
#define AT_RANDOM	25
#define AT_HWCAP2	26
#define AT_EXECFN	31
#define AT_SYSINFO_EHDR	33
#define AT_MINSIGSTKSZ	51

#define ELF_PHDRS_MAX	(PAGE_SIZE / sizeof(struct elf_phdr))	/* as Linux */

/* An ELF file open in the proxy, and where it went. */
struct elf_image {
	int fd;
	struct elf_header header;
	struct elf_phdr phdr[ELF_PHDRS_MAX];
	u64 bias;			/* load address - link address */
	uaddr_t entry, phdrs, end;	/* after loading; end: of the bss */
	char interp[256];		/* empty if none */
};

struct aspace;

/*
 * Reads the headers of the file that the proxy has open as @fd (or an -errno that this returns), using @scratch (two pages of user
 * memory). Returns 0, or -errno with *@fault saying what kind (enum az_exec_fault) and the file closed.
 */
long elf_open(struct elf_image *e, long fd, uaddr_t scratch, u32 *fault);
/* Maps its segments at a bias chosen for its type; @base is a hint for position-independent programs, 0: as mmap likes. */
long elf_load(struct elf_image *e, struct aspace *as, uaddr_t base, u32 *fault);
void elf_close(struct elf_image *e);

/* report.c: tells Linux what /proc shows of a loaded program with its stack pointer @sp; uses @scratch. */
void program_report(const struct elf_image *e, uaddr_t sp, uaddr_t auxv, uaddr_t scratch);

#endif
