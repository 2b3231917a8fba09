/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading and mapping ELF files, by Linux's rules (static, position independent, with interpreter). The file is read by forwarded calls into
 * scratch pages of the new program and believed in nothing: every offset, size and address is checked here before use.
 */
#include "azalea.h"
#include "elf.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "string.h"

#define NR_CLOSE	3
#define NR_PREAD64	17

#define PROT_READ	1
#define PROT_WRITE	2
#define PROT_EXEC	4
#define MAP_PRIVATE	0x02
#define MAP_FIXED	0x10
#define MAP_ANONYMOUS	0x20
#define MAP_FIXED_NOREPLACE	0x100000

/* Exactly @len bytes at @offset of the file into @dst; -ENOEXEC if the file ends before. */
static long read_file(struct elf_image *e, u64 offset, void *dst, u64 len, uaddr_t scratch)
{
	long n;

	if (offset > INT64_MAX - len)
		return -ENOEXEC;
	n = FORWARD(NR_PREAD64, e->fd, scratch, len, offset);
	if (n < 0)
		return n;
	return (u64)n == len ? copy_from_user(dst, scratch, len) : -ENOEXEC;
}

static u32 header_fault(const struct elf_header *h)
{
	if (memcmp(h->ident, "\177ELF", 4))
		return AZ_EXEC_NOT_ELF;
	if (h->ident[4] != 2 || h->ident[5] != 1 || h->machine != EM_X86_64)
		return AZ_EXEC_OTHER_MACHINE;
	if ((h->type != ET_EXEC && h->type != ET_DYN) || h->phentsize != sizeof(struct elf_phdr) || !h->phnum ||
	    h->phnum > ELF_PHDRS_MAX)
		return AZ_EXEC_CORRUPT;
	return AZ_EXEC_OTHER;
}

static long read_interp(struct elf_image *e, uaddr_t scratch)
{
	for (u32 i = 0; i < e->header.phnum; i++) {
		struct elf_phdr *p = &e->phdr[i];
		long ret;

		if (p->type != PT_INTERP)
			continue;
		if (p->filesz < 2 || p->filesz > sizeof(e->interp))
			return -ENOEXEC;
		ret = read_file(e, p->offset, e->interp, p->filesz, scratch);
		return ret ? ret : e->interp[p->filesz - 1] ? -ENOEXEC : 0;
	}
	return 0;
}

long elf_open(struct elf_image *e, long fd, uaddr_t scratch, u32 *fault)
{
	long ret;

	memset(e, 0, sizeof(*e));
	*fault = AZ_EXEC_OTHER;
	if (fd < 0)
		return fd;
	e->fd = fd;
	ret = read_file(e, 0, &e->header, sizeof(e->header), scratch);
	if (ret) {
		*fault = ret == -ENOEXEC ? AZ_EXEC_NOT_ELF : AZ_EXEC_OTHER;
		goto close;
	}
	*fault = header_fault(&e->header);
	ret = *fault ? -ENOEXEC : 0;
	if (!ret)
		ret = read_file(e, e->header.phoff, e->phdr, e->header.phnum * sizeof(struct elf_phdr), scratch);
	if (!ret)
		ret = read_interp(e, scratch);
	if (!ret)
		return 0;
	if (!*fault && ret == -ENOEXEC)
		*fault = AZ_EXEC_CORRUPT;
close:
	elf_close(e);
	return ret;
}

void elf_close(struct elf_image *e)
{
	FORWARD(NR_CLOSE, e->fd);
}

/* The span of all PT_LOAD segments, checked for sanity: ordered, inside the program's range, file part not larger than memory. */
static bool load_span(const struct elf_image *e, u64 *low, u64 *high)
{
	*low = *high = 0;
	for (u32 i = 0; i < e->header.phnum; i++) {
		const struct elf_phdr *p = &e->phdr[i];

		if (p->type != PT_LOAD)
			continue;
		if (p->filesz > p->memsz || p->memsz > AZ_USER_END || p->vaddr > AZ_USER_END - p->memsz ||
		    (p->vaddr - p->offset) % PAGE_SIZE || (*high && p->vaddr < *high))
			return false;
		if (!*high)
			*low = ALIGN_DOWN(p->vaddr, PAGE_SIZE);
		*high = p->vaddr + p->memsz;
	}
	return *high > *low;
}

static u32 segment_prot(const struct elf_phdr *p)
{
	return (p->flags & PF_R ? PROT_READ : 0) | (p->flags & PF_W ? PROT_WRITE : 0) | (p->flags & PF_X ? PROT_EXEC : 0);
}

/* The part of a segment beyond its file contents: the rest of the last file page, then anonymous pages. */
static long map_bss(struct elf_image *e, struct aspace *as, const struct elf_phdr *p)
{
	uaddr_t start = e->bias + p->vaddr + p->filesz, end = e->bias + p->vaddr + p->memsz;
	uaddr_t page = ALIGN_UP(start, PAGE_SIZE);
	struct map_args a = { page, ALIGN_UP(end, PAGE_SIZE) - page, segment_prot(p), MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0 };
	long ret = 0;

	if (page < end)
		ret = aspace_map(as, &a);
	if (ret >= 0 && p->flags & PF_W && p->filesz && start < page)
		ret = clear_user(start, page - start);	/* ld.so counts on zeroes to the end of the page */
	return ret < 0 ? ret : 0;
}

static long map_segment(struct elf_image *e, struct aspace *as, const struct elf_phdr *p)
{
	uaddr_t start = ALIGN_DOWN(e->bias + p->vaddr, PAGE_SIZE);
	u64 skew = (e->bias + p->vaddr) - start;
	struct map_args a = { start, ALIGN_UP(p->filesz + skew, PAGE_SIZE), segment_prot(p), MAP_PRIVATE | MAP_FIXED, e->fd,
		p->offset - skew };
	long ret = 0;

	if (p->filesz)
		ret = aspace_map(as, &a);
	if (ret >= 0 && p->memsz > p->filesz)
		ret = map_bss(e, as, p);
	return ret < 0 ? ret : 0;
}

/* The largest that a segment asks for; what is no power of two means nothing. */
static u64 load_alignment(const struct elf_image *e)
{
	u64 align = PAGE_SIZE;

	for (u32 i = 0; i < e->header.phnum; i++) {
		const struct elf_phdr *p = &e->phdr[i];

		if (p->type == PT_LOAD && !(p->align & (p->align - 1)))
			align = max(align, p->align);
	}
	return align;
}

/* Room for the whole span, so that segments cannot land on anything else. The bias is a multiple of the alignment. */
static long reserve_span(struct elf_image *e, struct aspace *as, uaddr_t base, u64 low, u64 high)
{
	u64 align = load_alignment(e), size = ALIGN_UP(high, PAGE_SIZE) - low, before, after;
	struct map_args a = { .flags = MAP_PRIVATE | MAP_ANONYMOUS, .fd = -1 };
	long at;

	if (e->header.type == ET_EXEC) {
		a = (struct map_args){ low, size, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0 };
		return aspace_map(as, &a);
	}
	if (align > AZ_USER_END)
		return -ENOMEM;
	a.addr = base ? ALIGN_DOWN(base, align) + (low & (align - 1)) : 0;
	a.len = size + align - PAGE_SIZE;
	at = aspace_map(as, &a);
	if (at < 0)
		return at;
	before = (low - at) & (align - 1);
	after = align - PAGE_SIZE - before;
	e->bias = at + before - low;
	if ((before && aspace_unmap(as, at, before)) || (after && aspace_unmap(as, at + before + size, after)))
		return -ENOMEM;
	return 0;
}

long elf_load(struct elf_image *e, struct aspace *as, uaddr_t base, u32 *fault)
{
	u64 low, high;
	long ret;

	*fault = AZ_EXEC_CORRUPT;
	if (!load_span(e, &low, &high) || (e->header.type == ET_EXEC && low < AZ_USER_START))
		return -ENOEXEC;
	ret = reserve_span(e, as, base, low, high);
	if (ret < 0) {
		*fault = AZ_EXEC_NO_MEMORY;
		return ret;
	}
	for (u32 i = 0; i < e->header.phnum; i++) {
		const struct elf_phdr *p = &e->phdr[i];

		if (p->type != PT_LOAD)
			continue;
		ret = map_segment(e, as, p);
		if (ret < 0) {
			if (ret != -EFAULT)	/* a file that ends before its segments is damaged */
				*fault = ret == -ENOMEM ? AZ_EXEC_NO_MEMORY : AZ_EXEC_OTHER;
			return ret;
		}
		if (e->header.phoff >= p->offset && e->header.phoff < p->offset + p->filesz)
			e->phdrs = e->bias + p->vaddr + (e->header.phoff - p->offset);
	}
	e->entry = e->bias + e->header.entry;
	e->end = e->bias + high;
	return e->entry < AZ_USER_END ? 0 : -ENOEXEC;
}
