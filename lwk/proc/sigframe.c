/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frame that a signal handler finds on its stack, and the way back: Linux's rt_sigframe for x86-64 (its layout is part of the ABI; see
 * sigreturn(2) and asm/sigcontext.h), with the extended state behind it in XSAVE format.
 *
 *	high	XSAVE area and end marker, 64-byte aligned
 *		struct sigframe: return address (the restorer), ucontext, siginfo	<- stack pointer in the handler
 */
#include "arch/x86/asm.h"
#include "arch/x86/x86.h"
#include "cpu.h"
#include "errno.h"
#include "mm.h"
#include "signal.h"
#include "string.h"

struct sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	uaddr_t fpstate;
	u64 reserved[8];
};

struct ucontext {
	u64 flags;
	uaddr_t link;
	struct altstack stack;
	struct sigcontext mc;
	u64 sigmask;
};

struct sigframe {
	uaddr_t restorer;
	struct ucontext uc;
	u8 info[128];
};

#define UC_FP_XSTATE		1
#define UC_SIGCONTEXT_SS	2
#define UC_STRICT_RESTORE_SS	4
#define FP_MAGIC1		0x46505853u
#define FP_MAGIC2		0x46505845u
#define FP_SW_OFFSET		464	/* of struct fp_sw in the legacy area */
#define RED_ZONE		128

struct fp_sw {				/* what follows the legacy area, for the handler and for sigreturn */
	u32 magic1, extended_size;
	u64 xfeatures;
	u32 xstate_size, padding[7];
};

static bool is_on_altstack(const struct thread *t, uaddr_t sp)
{
	return t->altstack.size && sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

/* A stack that is disarmed when a handler begins can be used by the next one. */
static bool on_altstack(const struct thread *t, uaddr_t sp)
{
	return !(t->altstack.flags & SS_AUTODISARM) && is_on_altstack(t, sp);
}

u32 altstack_flags(const struct thread *t, uaddr_t sp)
{
	if (!t->altstack.size)
		return SS_DISABLE;
	return on_altstack(t, sp) ? SS_ONSTACK : 0;
}

static uaddr_t choose_stack(const struct thread *t, const struct ksigaction *act, uaddr_t sp)
{
	if (act->flags & SA_ONSTACK && t->altstack.size && !on_altstack(t, sp))
		return t->altstack.sp + t->altstack.size;
	return sp - RED_ZONE;
}

/* Writes the extended state at @at; the caller has room for xsave_size and the end marker. */
static long put_fpu(struct thread *t, uaddr_t at)
{
	u32 size = x86_features.xsave_size, magic2 = FP_MAGIC2;
	struct fp_sw sw = { FP_MAGIC1, size + sizeof(magic2), x86_features.xcr0, size, { 0 } };

	x86_fpu_save(t->fpu);
	memcpy((u8 *)t->fpu + FP_SW_OFFSET, &sw, sizeof(sw));
	if (copy_to_user(at, t->fpu, size) || copy_to_user(at + size, &magic2, sizeof(magic2)))
		return -EFAULT;
	return 0;
}

static void fill_context(struct sigcontext *mc, const struct thread *t, const struct frame *f)
{
	*mc = (struct sigcontext){
		.r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11, .r12 = f->r12, .r13 = f->r13, .r14 = f->r14, .r15 = f->r15,
		.di = f->di, .si = f->si, .bp = f->bp, .bx = f->bx, .dx = f->dx, .ax = f->ax, .cx = f->cx, .sp = f->sp, .ip = f->ip,
		.flags = f->flags, .cs = f->cs, .ss = f->ss, .err = t->trap_error, .trapno = t->trap_nr, .cr2 = t->trap_addr,
	};
}

long sigframe_push(struct thread *t, struct frame *f, const struct ksigaction *act, const u8 info[128], u64 oldmask)
{
	struct sigframe frame;
	uaddr_t sp = choose_stack(t, act, f->sp), fp;
	bool alternate = on_altstack(t, f->sp) || is_on_altstack(t, sp);

	if (!(act->flags & SA_RESTORER) || act->handler >= AZ_USER_END)
		return -EFAULT;
	fp = ALIGN_DOWN(sp - (x86_features.xsave_size + sizeof(u32)), 64);
	sp = ALIGN_DOWN(fp - sizeof(frame), 16) - 8;
	if (alternate && !is_on_altstack(t, sp))
		return -EFAULT;		/* it would overflow */
	if (sp >= AZ_USER_END || put_fpu(t, fp))
		return -EFAULT;
	memset(&frame, 0, sizeof(frame));
	frame.restorer = act->restorer;
	frame.uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	frame.uc.stack = t->altstack;
	fill_context(&frame.uc.mc, t, f);
	frame.uc.mc.oldmask = oldmask;
	frame.uc.mc.fpstate = fp;
	frame.uc.sigmask = oldmask;
	memcpy(frame.info, info, sizeof(frame.info));
	if (copy_to_user(sp, &frame, sizeof(frame)))
		return -EFAULT;
	f->di = *(const u32 *)info;
	f->si = sp + offsetof(struct sigframe, info);
	f->dx = sp + offsetof(struct sigframe, uc);
	f->ax = 0;
	f->ip = act->handler;
	f->sp = sp;
	f->flags &= ~(u64)(FLAGS_DF | FLAGS_RF | FLAGS_TF);
	x86_fpu_init(t->fpu);
	x86_fpu_restore(t->fpu);
	return 0;
}

/* The state may be anything the program wrote; XRSTOR decides, and a refused one becomes the initial state. */
static long get_fpu(struct thread *t, uaddr_t at)
{
	struct fp_sw *sw = (struct fp_sw *)((u8 *)t->fpu + FP_SW_OFFSET);
	u64 *header = (u64 *)((u8 *)t->fpu + 512);
	long err = 0;

	if (!at) {
		x86_fpu_init(t->fpu);
	} else {
		/* first, because a copy that sleeps would find the area used for what the registers hold now */
		err = aspace_populate(t->proc->aspace, at, x86_features.xsave_size, false);
		if (!err)
			err = copy_from_user(t->fpu, at, x86_features.xsave_size);
		if (sw->magic1 != FP_MAGIC1)
			header[0] = 3;		/* legacy state only */
		header[0] &= x86_features.xcr0;
		header[1] = 0;			/* also after an error: the next XSAVE leaves these words as they are */
		memset(header + 2, 0, 48);
	}
	if (!err)
		x86_fpu_restore(t->fpu);
	return err;
}

long sigframe_pop(struct thread *t, struct frame *f)
{
	struct sigframe frame;
	struct sigcontext *mc = &frame.uc.mc;

	if (copy_from_user(&frame, f->sp - 8, sizeof(frame)) || get_fpu(t, mc->fpstate))
		return -EFAULT;
	f->r8 = mc->r8, f->r9 = mc->r9, f->r10 = mc->r10, f->r11 = mc->r11;
	f->r12 = mc->r12, f->r13 = mc->r13, f->r14 = mc->r14, f->r15 = mc->r15;
	f->di = mc->di, f->si = mc->si, f->bp = mc->bp, f->bx = mc->bx, f->dx = mc->dx, f->ax = mc->ax, f->cx = mc->cx;
	f->sp = mc->sp;
	f->ip = mc->ip < AZ_USER_END ? mc->ip : 0;	/* elsewhere there is nothing but a fault, and IRETQ would take it in the kernel */
	f->flags = (mc->flags & FLAGS_USER) | (f->flags & ~(u64)FLAGS_USER) | FLAGS_IF;
	f->cs = USER_CS;
	f->ss = USER_DS;
	signal_set_mask(t, frame.uc.sigmask);
	if (!on_altstack(t, f->sp))
		altstack_set(t, &frame.uc.stack);
	return 0;
}
