/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first code of a process, in its first thread: fetch arguments and environment from the proxy, load program and interpreter, lay
 * out the initial stack (System V ABI for x86-64, "Process Initialization"), go.
 *
 *	stack top	struct az_exec and its strings, as the proxy wrote them
 *			auxiliary vector, environment pointers, argument pointers, argc	<- stack pointer
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "elf.h"
#include "errno.h"
#include "mm.h"
#include "offload.h"
#include "string.h"

#define PIE_BASE	0x555555554000ULL
#define AUX_MAX		24
#define SCRATCH		(2 * PAGE_SIZE)

#define NR_OPENAT	257
#define AT_FDCWD	(-100)
#define O_CLOEXEC	02000000
#define O_LARGEFILE	0100000

struct stack_builder {
	uaddr_t at;
	long error;
};

static void put(struct stack_builder *b, u64 value)
{
	if (!b->error)
		b->error = copy_to_user(b->at, &value, sizeof(value));
	b->at += sizeof(value);
}

/* Pointers to @count NUL-terminated strings from *@string on, then a null pointer. */
static void put_strings(struct stack_builder *b, u32 count, uaddr_t *string, uaddr_t end)
{
	while (count-- && !b->error) {
		put(b, *string);
		for (u8 c = 1; c && !b->error; (*string)++) {
			if (*string >= end)
				b->error = -EFAULT;
			else
				b->error = copy_from_user(&c, *string, 1);
		}
	}
	put(b, 0);
}

static void put_aux(struct stack_builder *b, u64 type, u64 value)
{
	put(b, type);
	put(b, value);
}

static void put_auxv(struct stack_builder *b, const struct az_exec *x, uaddr_t block, const struct elf_image *program,
	const struct elf_image *interp)
{
	uaddr_t vdso = current_thread()->proc->vdso_base;

	if (vdso)
		put_aux(b, AT_SYSINFO_EHDR, vdso);
	put_aux(b, AT_MINSIGSTKSZ, x86_features.xsave_size + 1024);
	put_aux(b, AT_HWCAP, x->hwcap);
	put_aux(b, AT_PAGESZ, PAGE_SIZE);
	put_aux(b, AT_CLKTCK, x->clktck);
	put_aux(b, AT_PHDR, program->phdrs);
	put_aux(b, AT_PHENT, sizeof(struct elf_phdr));
	put_aux(b, AT_PHNUM, program->header.phnum);
	put_aux(b, AT_BASE, interp ? interp->bias : 0);
	put_aux(b, AT_FLAGS, 0);
	put_aux(b, AT_ENTRY, program->entry);
	put_aux(b, AT_UID, x->uid);
	put_aux(b, AT_EUID, x->euid);
	put_aux(b, AT_GID, x->gid);
	put_aux(b, AT_EGID, x->egid);
	put_aux(b, AT_SECURE, x->secure);
	put_aux(b, AT_RANDOM, block + offsetof(struct az_exec, random));
	put_aux(b, AT_HWCAP2, x86_features.fsgsbase ? x->hwcap2 | 2 : x->hwcap2 & ~2ULL);
	put_aux(b, AT_EXECFN, block + x->path);
	put_aux(b, AT_PLATFORM, block + offsetof(struct az_exec, platform));
	put_aux(b, AT_NULL, 0);
}

/* The initial stack below @scratch; its pointer, or -errno. */
static long build_stack(const struct az_exec *x, uaddr_t block, uaddr_t scratch, const struct elf_image *program,
	const struct elf_image *interp)
{
	uaddr_t string = block + x->strings, end = block + x->length;
	u64 words = 1 + x->argc + 1 + x->envc + 1 + 2 * AUX_MAX;
	struct stack_builder b = { ALIGN_DOWN(scratch - words * 8, 16), 0 };
	uaddr_t sp = b.at;

	put(&b, x->argc);
	put_strings(&b, x->argc, &string, end);
	put_strings(&b, x->envc, &string, end);
	put_auxv(&b, x, block, program, interp);
	return b.error ? b.error : (long)sp;
}

/* The block that the proxy wrote, checked: every offset inside it. */
static bool exec_info_valid(const struct az_exec *x, u64 size)
{
	return x->length <= size && x->length >= sizeof(*x) && x->path >= sizeof(*x) && x->path < x->length &&
		x->strings >= sizeof(*x) && x->strings <= x->length && x->argc < x->length && x->envc < x->length;
}

static long load_interp(struct elf_image *interp, const struct elf_image *program, struct aspace *as, uaddr_t scratch, u32 *fault)
{
	long ret = copy_to_user(scratch, program->interp, sizeof(program->interp));

	if (!ret)
		ret = elf_open(interp, FORWARD(NR_OPENAT, AT_FDCWD, scratch, O_CLOEXEC | O_LARGEFILE), scratch, fault);
	if (!ret) {
		ret = elf_load(interp, as, 0, fault);
		elf_close(interp);
	}
	if (ret)
		*fault = AZ_EXEC_INTERPRETER;
	return ret;
}

static long load_program(struct elf_image *program, struct aspace *as, long fd, uaddr_t scratch, u32 *fault)
{
	long ret = elf_open(program, fd, scratch, fault);

	if (ret)
		return ret;
	ret = elf_load(program, as, program->header.type == ET_DYN && program->interp[0] ? PIE_BASE : 0, fault);
	elf_close(program);
	if (!ret)
		aspace_set_brk(as, ALIGN_UP(program->end, PAGE_SIZE));
	return ret;
}

static long exec(struct frame *f, struct elf_image *image, u32 *fault)
{
	struct proc *proc = current_thread()->proc;
	struct elf_image *program = &image[0], *interp = NULL;
	u64 size = ALIGN_UP(proc->shared->exec_size, 16);
	uaddr_t block, scratch;
	struct az_exec x;
	long ret = aspace_map_stack(proc->aspace);

	if (ret < 0 || size > proc->shared->rlimit_stack / 2)
		return ret < 0 ? ret : -E2BIG;
	block = ret - size;
	scratch = ALIGN_DOWN(block, PAGE_SIZE) - SCRATCH;
	if (aspace_populate(proc->aspace, scratch, ret - scratch, true))
		return -ENOMEM;
	ret = FORWARD(AZ_CALL_EXEC_INFO, block, size);
	if (ret < 0 || copy_from_user(&x, block, sizeof(x)))
		return ret < 0 ? ret : -EFAULT;
	if (!exec_info_valid(&x, size))
		return -EINVAL;
	ret = load_program(program, proc->aspace, x.exe, scratch, fault);
	if (!ret && program->interp[0]) {
		interp = &image[1];
		ret = load_interp(interp, program, proc->aspace, scratch, fault);
	}
	if (ret)
		return ret;
	proc->uid = x.uid;
	proc->vdso_base = vdso_map(proc->aspace);
	ret = build_stack(&x, block, scratch, program, interp);
	if (ret < 0)
		return ret;
	program_report(program, ret, ret + (1 + x.argc + 1 + x.envc + 1) * sizeof(u64), scratch);
	memset(f, 0, sizeof(*f));
	*f = (struct frame){ .ip = interp ? interp->entry : program->entry, .sp = ret, .cs = USER_CS, .ss = USER_DS, .flags = FLAGS_IF,
		.orig_ax = -1ULL };
	return 0;
}

void exec_main(void *arg)
{
	struct thread *t = current_thread();
	struct frame *f = (struct frame *)t->kstack - 1;
	struct elf_image *image = kmalloc(2 * sizeof(*image));
	u32 fault = AZ_EXEC_OTHER;
	long ret = image ? exec(f, image, &fault) : -ENOMEM;

	kfree(image);
	if (ret) {
		FORWARD(AZ_CALL_EXEC_FAILED, -ret, ret == -ENOMEM ? AZ_EXEC_NO_MEMORY : fault);
		thread_exit(127);	/* whatever the proxy does: the frame is not one to return to */
	}
	if (t->work)
		leave_kernel(f);
	x86_enter_user(f);
}
