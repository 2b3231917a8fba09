// SPDX-License-Identifier: GPL-2.0
/*
 * Dies in the way that its argument names: by a signal it sends itself, or by doing what a processor or kernel must not
 * let a program do. Whoever runs it looks at the status; "alive" on standard output means that nothing happened.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

#define NONCANONICAL	0x0000800000000000ul

static int zero;
static const long constant = 1;

static void jump(unsigned long address)
{
	((void (*)(void))address)();
}

static void load(unsigned long address)
{
	(void)*(volatile char *)address;
}

static void store(unsigned long address)
{
	*(volatile char *)address = 1;
}

static long overflow(volatile long depth)
{
	volatile char frame[4096];

	frame[0] = depth;
	return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

static void way_raise(const char *arg)
{
	raise(strtol(arg, NULL, 0));
}

static void way_kill(const char *arg)
{
	kill(getpid(), strtol(arg, NULL, 0));
}

static void way_abort(const char *arg)
{
	(void)arg;
	abort();
}

static void way_load(const char *arg)
{
	load(strtoul(arg, NULL, 0));
}

static void way_store(const char *arg)
{
	store(strtoul(arg, NULL, 0));
}

static void way_jump(const char *arg)
{
	jump(strtoul(arg, NULL, 0));
}

static void way_constant(const char *arg)
{
	(void)arg;
	store((unsigned long)&constant);
}

static void way_text(const char *arg)
{
	void (*volatile code)(unsigned long) = load;

	(void)arg;
	store((unsigned long)code);
}

static void way_data(const char *arg)
{
	static unsigned char ret = 0xc3;

	(void)arg;
	jump((unsigned long)&ret);
}

static void way_stack_code(const char *arg)
{
	volatile unsigned char ret = 0xc3;

	(void)arg;
	jump((unsigned long)&ret);
}

static void way_overflow(const char *arg)
{
	(void)arg;
	overflow(0);
}

static void *thread_overflow(void *arg)
{
	overflow(0);
	return arg;
}

static void way_thread_overflow(const char *arg)
{
	pthread_t t;

	(void)arg;
	pthread_create(&t, NULL, thread_overflow, NULL);
	pthread_join(t, NULL);
}

static void way_divide(const char *arg)
{
	(void)arg;
	asm volatile("mov $1, %%eax; cltd; idivl %0" :: "m" (zero) : "eax", "edx", "cc");
}

static void way_bus(const char *arg)
{
	FILE *f = tmpfile();
	char *p;

	(void)arg;
	need("ftruncate", ftruncate(fileno(f), 100));
	p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fileno(f), 0);
	if (p == MAP_FAILED)
		fail("mmap");
	load((unsigned long)p + 4096);
}

/* The kernel that has to push a frame on this stack must not believe in it. */
static void way_bad_stack(const char *arg)
{
	unsigned long stack = strtoul(arg, NULL, 0);

	asm volatile("mov %0, %%rsp; push %%rax; ud2" :: "r" (stack) : "memory");
}

static void way_bad_stack_handler(const char *arg)
{
	signal(SIGSEGV, (void (*)(int))abort);
	signal(SIGILL, (void (*)(int))abort);
	way_bad_stack(arg);
}

/* A call with a stack pointer that is none works: the kernel does not use it. */
static void way_bad_stack_call(const char *arg)
{
	unsigned long stack = strtoul(arg, NULL, 0), result = SYS_getpid;

	asm volatile("mov %%rsp, %%r12; mov %1, %%rsp; syscall; mov %%r12, %%rsp"
		     : "+a" (result) : "r" (stack) : "rcx", "r11", "r12", "memory");
	ok("getpid", (long)result == getpid());
	way_bad_stack(arg);
}

static void way_bad_handler(const char *arg)
{
	signal(SIGUSR1, (void (*)(int))strtoul(arg, NULL, 0));
	raise(SIGUSR1);
}

/* Returning from a handler to a frame that a program made up. */
static void way_sigreturn(const char *arg)
{
	(void)arg;
	asm volatile("xor %%esp, %%esp; mov $15, %%eax; syscall" ::: "memory");
}

static unsigned long frame_ip;

static void mangle_frame(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = frame_ip;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP] = NONCANONICAL;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] = -1 & ~0x100;	/* all but single step */
	((ucontext_t *)context)->uc_mcontext.gregs[REG_CSGSFS] = 0;
}

static void way_frame(const char *arg)
{
	struct sigaction action = { .sa_sigaction = mangle_frame, .sa_flags = SA_SIGINFO };

	frame_ip = strtoul(arg, NULL, 0);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

/* Garbage in the floating-point part of the frame, which the kernel loads on the way back. */
static void mangle_fpu(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	memset(((ucontext_t *)context)->uc_mcontext.fpregs, 0xff, 832);
}

static void way_fpu_frame(const char *arg)
{
	struct sigaction action = { .sa_sigaction = mangle_fpu, .sa_flags = SA_SIGINFO };

	(void)arg;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static void way_step(const char *arg)
{
	(void)arg;
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
}

static void way_step_syscall(const char *arg)
{
	(void)arg;
	asm volatile("mov $39, %%eax; pushfq; orq $0x100, (%%rsp); popfq; syscall; nop" ::: "rax", "rcx", "r11", "memory");
}

/* An unaligned access with alignment checks on. */
static void way_align(const char *arg)
{
	char bytes[16];

	(void)arg;
	asm volatile("pushfq; orq $0x40000, (%%rsp); popfq; mov 1(%0), %%eax" :: "r" (bytes) : "rax", "memory");
}

#define INSTRUCTION(name, code) \
	static void way_##name(const char *arg) { (void)arg; asm volatile(code ::: "rax", "rcx", "rdx", "memory"); }

INSTRUCTION(ud2, "ud2")
INSTRUCTION(int3, "int3")
INSTRUCTION(icebp, ".byte 0xf1")
INSTRUCTION(hlt, "hlt")
INSTRUCTION(cli, "cli")
INSTRUCTION(sti, "sti")
INSTRUCTION(in, "mov $0x3f8, %%dx; in %%dx, %%al")
INSTRUCTION(out, "mov $0x64, %%dx; mov $0xfe, %%al; out %%al, %%dx")
INSTRUCTION(cr0, "mov %%cr0, %%rax")
INSTRUCTION(cr3, "xor %%eax, %%eax; mov %%rax, %%cr3")
INSTRUCTION(cr8, "mov %%rax, %%cr8")
INSTRUCTION(dr7, "mov %%rax, %%dr7")
INSTRUCTION(wrmsr, "mov $0xc0000082, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr")
INSTRUCTION(rdmsr, "mov $0x1b, %%ecx; rdmsr")
INSTRUCTION(invd, "invd")
INSTRUCTION(wbinvd, "wbinvd")
INSTRUCTION(invlpg, "invlpg (%%rsp)")
INSTRUCTION(clts, "clts")
INSTRUCTION(swapgs, "swapgs")
INSTRUCTION(sysret, "sysretq")
INSTRUCTION(lidt, "lidt -16(%%rsp)")
INSTRUCTION(lgdt, "lgdt -16(%%rsp)")
INSTRUCTION(ltr, "xor %%eax, %%eax; ltr %%ax")
INSTRUCTION(lmsw, "lmsw %%ax")
INSTRUCTION(int13, "int $13")
INSTRUCTION(int14, "int $14")
INSTRUCTION(int2, "int $2")
INSTRUCTION(int8, "int $8")
INSTRUCTION(int_timer, "int $0xec")
INSTRUCTION(int_ipi, "int $0xf0")
INSTRUCTION(int_local, "int $0xff")
INSTRUCTION(bad_ss, "mov $0x1234, %%eax; mov %%ax, %%ss")
INSTRUCTION(bad_fs, "mov $0x1234, %%eax; mov %%ax, %%fs")
INSTRUCTION(xsetbv, "xor %%ecx, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; xsetbv")
/* A segment register load that delays a breakpoint's delivery until the kernel's first instruction. */
INSTRUCTION(mov_ss_int3, "mov %%ss, %%eax; mov %%ax, %%ss; int3")

#define WAY(name) { #name, way_##name }
static const struct { const char *name; void (*run)(const char *); } ways[] = {
	WAY(raise), WAY(kill), WAY(abort), WAY(load), WAY(store), WAY(jump), WAY(constant), WAY(text), WAY(data),
	WAY(stack_code), WAY(overflow), WAY(thread_overflow), WAY(divide), WAY(bus), WAY(bad_stack), WAY(bad_stack_handler),
	WAY(bad_stack_call), WAY(bad_handler), WAY(sigreturn), WAY(frame), WAY(fpu_frame), WAY(step), WAY(step_syscall),
	WAY(align), WAY(ud2), WAY(int3), WAY(icebp), WAY(hlt), WAY(cli), WAY(sti), WAY(in), WAY(out), WAY(cr0), WAY(cr3), WAY(cr8),
	WAY(dr7), WAY(wrmsr), WAY(rdmsr), WAY(invd), WAY(wbinvd), WAY(invlpg), WAY(clts), WAY(swapgs), WAY(sysret), WAY(lidt),
	WAY(lgdt), WAY(ltr), WAY(lmsw), WAY(int13), WAY(int14), WAY(int2), WAY(int8), WAY(int_timer), WAY(int_ipi),
	WAY(int_local), WAY(bad_ss), WAY(bad_fs), WAY(xsetbv), WAY(mov_ss_int3),
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return 98;
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(ways[i].name, argv[1])) {
			ways[i].run(argc > 2 ? argv[2] : "");
			puts("alive");
			return 0;
		}
	}
	printf("%s: no such way\n", argv[1]);
	return 98;
}
