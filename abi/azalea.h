/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every byte that crosses between Linux and the LWK is described here, once.
 *
 * The driver (Linux), the LWK and the proxy include this file; nothing in it depends on any of them. All addresses in
 * shared structures are physical. The driver writes everything before it starts the first LWK CPU; afterwards each
 * member has one writer, named in its comment: [D] driver, [L] LWK, [DL] both, atomically.
 *
 *   LWK memory, first range (2 MB aligned)
 *   +-----------------+-------------+----------+-----------+-------+-------+-----+------------------------------
 *   | image and bss   | page tables | handover | cpus,rings| procs | slots | log | first_free: the LWK's to use ...
 *   +-----------------+-------------+----------+-----------+-------+-------+-----+------------------------------
 */
#ifndef AZALEA_ABI_H
#define AZALEA_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define AZ_MAGIC		0x41454c415a41ULL	/* "AZALEA" */
#define AZ_VERSION		1

#define AZ_CPUS_MAX		1024
#define AZ_NODES_MAX		64
#define AZ_RANGES_MAX		128
#define AZ_PROCS		512
#define AZ_SLOTS		4096
/*
 * A slot has at most one event of each kind outstanding (DONE, SIGNAL, PAUSE, or only SPARE), a process three: enough for 2,500 threads that
 * are all on one CPU while it is busy in the LWK.
 */
#define AZ_RING_ENTRIES		8192

/* ---- Address space ------------------------------------------------------------------------------------------- */

#define AZ_USER_START		0x0000000000010000ULL
#define AZ_USER_END		0x0000700000000000ULL	/* the proxy lives above */
#define AZ_DIRECT_BASE		0xffff800000000000ULL	/* + physical address; LWK memory only */
#define AZ_IMAGE_BASE		0xffffffff80000000ULL
#define AZ_APIC_VA		0xffffffffc0000000ULL	/* local APIC, uncached, when not x2APIC */

/* Software bits of the LWK's user page-table entries that the driver reads or sets. */
#define AZ_PTE_MIRRORED		(1ULL << 9)	/* [D] cmpxchg on a present entry: Linux may map this frame */
#define AZ_PTE_PINNED		(1ULL << 10)	/* [D] during a zap: Linux still uses the frame; not the LWK's to free. Not set again before
						   the event AZ_EV_FRAME_FREE, so a frame is not counted twice */
#define AZ_PTE_FOREIGN		(1ULL << 11)	/* [L] frame belongs to Linux, or to the LWK as a whole; never freed */
#define AZ_PTE_COW		(1ULL << 52)	/* [L] other address spaces may have the frame: not writable, never mirrored */

/* Of an entry that leads to a table of pages: the LWK has looked through the table and found nothing, and has put nothing in since. */
#define AZ_PTE_EMPTY		(1ULL << 53)	/* [L] */

/* ---- Image header: the first bytes of azalea.img ------------------------------------------------------------- */

/* A flat image, copied to the start of the first range and mapped at AZ_IMAGE_BASE. Offsets from its start, page aligned. */
struct az_image {
	uint64_t magic;
	uint32_t version;
	uint32_t handover_size, cpu_size, slot_size, proc_size;	/* sizeof() as the LWK was compiled */
	uint32_t tramp_offset, tramp_size;	/* start-up code, copied to a page below 1 MB; see struct az_tramp */
	uint32_t text_end;	/* [0, text_end) is mapped read and execute */
	uint32_t rodata_end;	/* [text_end, rodata_end) read only */
	uint32_t file_size;	/* [rodata_end, mem_size) read and write */
	uint32_t mem_size;	/* file_size and bss */
};
#define AZ_IMAGE_ENTRY		128	/* offset of the first instruction in long mode, behind this header */

/*
 * The last bytes of the start-up page, filled by the driver. A CPU arrives in real mode at the page's start. The page
 * after it is a copy of the kernel's top-level page table that also maps these two pages one to one, because a CPU can
 * load CR3 only below 4 GB before it reaches long mode.
 */
struct az_tramp {
	uint64_t entry;		/* virtual address to jump to in long mode, handover in RDI, CR3 the copy */
	uint64_t handover;	/* direct-map virtual address of struct az_handover */
	uint64_t efer;		/* value for EFER: LME, NXE, SCE */
	uint32_t cr3;		/* physical address of the copy: this page + 4096 */
	uint32_t cr4;		/* PAE, PGE */
};
#define AZ_TRAMP_PARAMS		(4096 - sizeof(struct az_tramp))

/* ---- Rings: see ring.h --------------------------------------------------------------------------------------- */

struct az_ring {
	uint32_t head __attribute__((aligned(64)));	/* next to take, written by the consumer */
	uint32_t tail __attribute__((aligned(64)));	/* next to fill, written by the producer */
	uint64_t entry[AZ_RING_ENTRIES] __attribute__((aligned(64)));
};

/* An event: type in bits 63..56, payload below. */
#define AZ_EVENT(type, payload)	(((uint64_t)(type) << 56) | (payload))
#define AZ_EVENT_TYPE(e)	((uint32_t)((e) >> 56))
#define AZ_EVENT_PAYLOAD(e)	((e) & 0x00ffffffffffffffULL)

enum az_event_to_linux {
	AZ_EV_CALL = 1,		/* slot: its twin sleeps and has a request */
	AZ_EV_SIG_TAKEN,	/* slot: its signal mailbox is empty again */
	AZ_EV_STOPPED,		/* proc: no thread of it will ever run again */
	AZ_EV_GONE,		/* proc: everything given back; the entry is the driver's again */
	AZ_EV_PANIC,		/* LWK has failed; state says AZ_LWK_PANICKED */
	AZ_EV_LOG,		/* something to read in the log */
	AZ_EV_ANSWER,		/* proc: struct az_query, az_page_query or az_withdraw is answered */
};

enum az_event_to_lwk {
	AZ_EV_DONE = 1,		/* slot: its waiter sleeps and the state changed (DONE or FAULT) */
	AZ_EV_SIGNAL,		/* slot: its signal mailbox is full */
	AZ_EV_PROC_START,	/* proc: create it and start its first thread */
	AZ_EV_PROC_KILL,	/* proc: end all its threads, then AZ_EV_STOPPED */
	AZ_EV_PROC_FREE,	/* proc (STOPPED): free everything not PINNED, then AZ_EV_GONE */
	AZ_EV_FRAME_FREE,	/* (frame number << 8 | order): a formerly PINNED frame is the LWK's again */
	AZ_EV_SPARE,		/* slot: a new twin is ready; the slot is SPARE and belongs to slot->proc */
	AZ_EV_PAUSE,		/* slot: `paused` has changed */
	AZ_EV_CRASH,		/* test aid: fail a check on purpose */
	AZ_EV_UNBORN,		/* id of a nascent process (AZ_CALL_FORK, AZ_CALL_EXEC) that will not be started */
	AZ_EV_QUERY,		/* proc: fill in struct az_query; the driver sees to it that the process is not freed meanwhile */
	AZ_EV_PAGE,		/* proc: answer struct az_page_query; likewise */
	AZ_EV_WITHDRAW,		/* proc: do what struct az_withdraw says; likewise */
};

/* ---- Per LWK CPU --------------------------------------------------------------------------------------------- */

enum az_cpu_state { AZ_CPU_OFF, AZ_CPU_ONLINE };

struct az_cpu_stats {			/* [L], read by anyone, monotonic */
	uint64_t calls_local, calls_forwarded;
	uint64_t faults;
	uint64_t interrupts;
	uint64_t timers;		/* those of the interrupts that the CPU's own timer made */
	uint64_t ipis_sent;		/* to Linux and to LWK CPUs */
	uint64_t switches;
	uint64_t idle_cycles;		/* without the idle time that lasts */
	uint64_t idle_since;		/* cycle counter, 0: not idle */
};

/*
 * Doorbells. The producer pushes its event and then does xchg(kicked, 1); only if it was 0 it sends the IPI. The
 * consumer does xchg(kicked, 0) and then drains the ring. xchg is a full barrier on both sides: a producer that saw 1
 * knows its event is seen by the drain that follows the consumer's xchg.
 */
struct az_cpu {
	/* set once by the driver */
	uint32_t linux_cpu;		/* the number that programs see */
	uint32_t apic_id;
	uint32_t node;
	uint32_t util;			/* index of the serving Linux CPU in az_handover.util[] */
	uint64_t to_lwk;		/* physical address of struct az_ring; several producers, the driver locks */
	uint64_t to_linux;		/* one producer: this CPU */
	uint32_t state;			/* [L] enum az_cpu_state; the driver sets OFF */
	uint32_t proc;			/* [D] process the CPU is leased to, AZ_NONE if free */

	uint32_t kicked __attribute__((aligned(64)));	/* [DL] doorbell of to_lwk */

	uint32_t tid __attribute__((aligned(64)));	/* [L] thread on the CPU now, 0 if idle */
	uint64_t free_frames;		/* [L] of its node, at hand for this CPU; az_node_stats does not have them */
	struct az_cpu_stats stats;
} __attribute__((aligned(64)));

/*
 * A Linux CPU serves many rings and looks only at those that are marked: the producer marks its CPU between pushing and kicking, the consumer
 * takes the marks after it has cleared kicked.
 */
struct az_util {
	uint32_t linux_cpu;		/* [D] */
	uint32_t apic_id;		/* [D] */
	uint32_t kicked __attribute__((aligned(64)));	/* [DL] doorbell of the to_linux rings of all CPUs it serves */
	uint64_t marked[AZ_CPUS_MAX / 64];	/* [DL] whose rings to look at, by index of the LWK CPU */
} __attribute__((aligned(64)));

#define AZ_NONE			0xffffffffu

#define AZ_VECTOR_LWK		0xf0	/* interrupt vector that Linux sends to an LWK CPU */

/* ---- Slots: one per LWK thread and its twin ------------------------------------------------------------------- */

/*
 *            driver, new twin        LWK, clone
 *   FREE -----------------> SPARE ---------------> IDLE <------------------------------+
 *    ^                                              | LWK: nr, arg, state=CALL         | LWK takes ret
 *    |                                              v          driver: ret, state=DONE |
 *    |                                             CALL ----------------------------> DONE
 *    |                                              ^ |
 *    |                     LWK: fault_ret, state=CALL | driver: fault_addr, state=FAULT (the twin touched a page that
 *    |                                              | v  is not there; the waiting thread makes it present)
 *    |  driver, twin gone                          FAULT <--> INNER (the thread needs a call for that, and the twin runs it
 *    |                                                              inside the other one: LWK: inner_nr, inner_arg, state=INNER;
 *    |                                                              driver: inner_ret, state=FAULT)
 *    +---------- EXIT: LWK is done with it for good; the twin ends by exit(2)
 *
 * And CALL -> BACK, by the driver, instead of beginning the call: sig_due says that the thread has a signal which it had not seen when it
 * made the call. Linux would find that signal pending and not wait; the LWK runs the handler first, or makes the call again.
 *
 * Sleeping: the LWK stores state=CALL, then (full barrier) reads twin_sleeping, and if set sends AZ_EV_CALL; the twin
 * stores twin_sleeping=1, then (full barrier) reads state, and sleeps only if there is no request. The other
 * direction is the same with lwk_waiting and AZ_EV_DONE to the CPU in slot->cpu; the waker clears the flag by xchg.
 */
enum az_slot_state { AZ_SLOT_FREE, AZ_SLOT_SPARE, AZ_SLOT_IDLE, AZ_SLOT_CALL, AZ_SLOT_FAULT, AZ_SLOT_DONE, AZ_SLOT_EXIT, AZ_SLOT_INNER, AZ_SLOT_BACK };

#define AZ_LENT_MAX		16

struct az_slot {
	uint32_t state;			/* [DL] enum az_slot_state, release/acquire */
	uint32_t nr;			/* [L] call number, or enum az_call */
	uint64_t arg[6];		/* [L] */
	uint32_t twin_sleeping;		/* [DL] */
	uint32_t cpu;			/* [L] index of the LWK CPU whose ring wakes the thread */

	int64_t ret __attribute__((aligned(64)));	/* [D] result or -errno, also -ERESTART* (512..516) */
	uint64_t fault_addr;		/* [D] */
	uint32_t fault_write;		/* [D]; if 0 the page is made the program's own all the same, so that it can be mirrored */
	int32_t fault_ret;		/* [L] 0 or -EFAULT */
	uint32_t lwk_waiting;		/* [DL] */
	uint32_t twin_masked;		/* [D] the twin has applied a sigmask that is not empty: after unblocking, the LWK
					   must forward rt_sigprocmask so that Linux delivers what it holds back */
	uint64_t sigmask;		/* [L] blocked signals; the twin applies it when a signal arrives. The driver starts a
					   slot with what the twin blocks: the inherited mask (first thread) or all */
	uint32_t tid;			/* [D] Linux thread id of the twin */
	uint32_t proc;			/* [D] index in procs */
	uint64_t robust_list;		/* [L] set_robust_list(2): the twin's own when the whole process dies */
	uint64_t cpu_time;		/* [L] of the thread, as below */
	uint64_t faults;		/* [L] page faults of the thread */
	uint64_t inner_arg[4];		/* [L] */
	uint32_t inner_nr;		/* [L] AZ_CALL_FILE_READ or FILE_CLOSE, which need nothing of the proxy's memory */
	int64_t inner_ret;		/* [D] */

	uint32_t sig_full __attribute__((aligned(64)));	/* [DL] D sets 1 after filling siginfo, L sets 0 after taking it */
	uint32_t paused;		/* [D] 1: the twin has left for a signal and may be stopped: the thread does not compute */
	uint8_t siginfo[128];		/* [D] Linux's siginfo_t */
	uint32_t sig_due;		/* [L] 1 before sig_full is set to 0, 0 before the thread looks at its signals */
	uint32_t pause_told;		/* [DL] D sets 1 and, if it was 0, sends AZ_EV_PAUSE; L sets 0 before it looks at paused */
	uint64_t registers;		/* [L] physical address of struct az_registers, once the process is killed; 0: none. For the driver
					   from AZ_EV_STOPPED on, until it sends AZ_EV_PROC_FREE */

	uint64_t lent[AZ_LENT_MAX] __attribute__((aligned(64)));	/* [D] with the result of AZ_CALL_LINUX_FAULT */
} __attribute__((aligned(64)));

/* What a thread was doing in the program when its process was killed: in the order of Linux's user_regs_struct, then the extended state. */
struct az_registers {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss, fs_base, gs_base;
	uint64_t xsave_size;
	uint64_t next;			/* the LWK's own: a list of these */
	uint8_t xsave[] __attribute__((aligned(64)));	/* XSAVE's standard format */
};

/*
 * CPU time of a thread, in cycles, in one word so that it is read whole. While the thread is off its CPU: what it has had so far. While it
 * runs, with AZ_CPU_TIME_RUNS: the cycle count at which it would have begun had it never paused, in 63 bits. The LWK writes it
 * only where it switches threads.
 */
#define AZ_CPU_TIME_RUNS	(1ULL << 63)

/* A counter of another CPU may be a little behind: the difference is signed, and less than nothing counts as nothing. */
static inline uint64_t az_cpu_time_cycles(uint64_t time, uint64_t now)
{
	int64_t cycles = time & AZ_CPU_TIME_RUNS ? (int64_t)((now - time) << 1) >> 1 : (int64_t)time;

	return cycles < 0 ? 0 : cycles;
}

/*
 * Private calls; anything below AZ_CALL_PRIVATE is a Linux system call number. Two of those mean something else here:
 * rt_sigaction (signal, what: 0 default, 1 ignore, 2 the program has a handler; plus AZ_ACTION_KEEPS; sa_flags) and rt_sigprocmask ():
 * apply sigmask.
 */
enum az_call {
	AZ_CALL_PRIVATE = 0x1000,
	AZ_CALL_EXEC_INFO = 0x1000,	/* (buf, len) proxy writes struct az_exec and its strings to user memory; length used */
	AZ_CALL_FORK,			/* (flags of clone3 | exit signal << 56, pidfd address, set_tid address, its size, cgroup, nascent id)
					   the proxy clones itself and has the nascent process started; pid */
	AZ_CALL_EXEC,			/* (dirfd, path, argv, envp, flags of execveat and AZ_EXEC_ON_LWK, nascent id) the proxy executes itself
					   anew, or the program itself if it is not one for the LWK; returns only if that fails */
	AZ_CALL_MORE_TWINS,		/* (n, stamp, which of CLONE_FS and CLONE_FILES not) proxy makes n twins, each announced by AZ_EV_SPARE
					   before this call returns, with the stamp as arg[0] of its SPARE slot; number made, or why none was */
	AZ_CALL_DIE,			/* (signal, si_code, address) the process dies by this signal, never returns */
	AZ_CALL_EXEC_FAILED,		/* (errno, enum az_exec_fault) proxy says so and exits 126 or 127, never returns */
	AZ_CALL_NO_MEMORY,		/* (bytes reserved for the program) proxy says that it is about to die for lack of memory */
	AZ_CALL_FILE_OPEN,		/* (fd, prot, flags) for mmap: checks as Linux does, holds the file; handle >= 0, or AZ_FILE_ZERO */
	AZ_CALL_FILE_READ,		/* (handle, offset, physical address, length) into LWK frames; bytes read */
	AZ_CALL_FILE_CLOSE,		/* (handle) */
	AZ_CALL_ZAP,			/* (address, length) remove the mirror; entries are already not present but keep frame
					   and MIRRORED; sets PINNED where Linux still uses the frame */
	AZ_CALL_LINUX_MAP,		/* (address, length, prot, flags, fd, offset) really map in the proxy, MAP_FIXED. Above its 32 bits flags has
					   log2 of the size of the pages that the LWK takes the file to have, 0: 4 KB. If they have another
					   size, nothing is mapped and log2 of theirs returned; else 0 */
	AZ_CALL_LINUX_UNMAP,		/* (address, length) back to the device mapping, frames released */
	AZ_CALL_LINUX_FAULT,		/* (address, write, start, pages, may write) make present, hold; physical address of the 4 KB frame, or
					   -errno; bit 0 of the result: writable. Of the pages from start on the slot's `lent` says the same, or 0
					   where Linux has none at hand */
	AZ_CALL_PROGRAM,		/* (address, length) of struct az_program in user memory: what Linux shows of the program */
	AZ_CALL_NAME,			/* (handle, physical address, length) writes the path of the file, or for handle -1 the name of the
					   calling thread, into LWK memory, NUL-terminated */
	AZ_CALL_SHM_SIZE,		/* (id, prot) bytes of a System V segment that the process may attach so, whole pages; plus log2 of the
					   size of its pages if that is not 4 KB */
	AZ_CALL_SHM_ATTACH,		/* (address, length, id, prot) as LINUX_MAP; the length must be the segment's */
	AZ_CALL_AIO_SETUP,		/* (count, address of the context) io_setup; bytes of the ring */
	AZ_CALL_AIO_ATTACH,		/* (address, length, address of the context) moves the ring there, and says so in the context */
	AZ_CALL_AIO_DESTROY,		/* (context) io_destroy; bytes of the ring, 0 if the program has unmapped it already */
	AZ_CALL_CAPABLE,		/* (capability, whether in its own user namespace) 1 if the thread has it, else 0 */
	AZ_CALL_NO_NEW_PRIVS,		/* () if the thread can gain no privileges, all threads of its process cannot either */
	AZ_CALL_TRACE,			/* (physical address, length, enum az_trace_kind, length of the name) text for the trace, in LWK memory */
	AZ_CALL_ALONE,			/* () 1 if the process has no other thread, else 0 after a moment, in which one may have ended */
	AZ_CALL_LINUX_NODE,		/* (address) NUMA node of the page that Linux has there */
};

#define AZ_FILE_ZERO	(1LL << 32)	/* no file: what is mapped is /dev/zero, which means memory without one */

#define AZ_ACTION_KEEPS	4		/* what is pending stays, also if it is ignored now */
#define AZ_EXEC_ON_LWK	(1ULL << 32)	/* a program that would run on Linux is refused: the LWK judges its calls */

enum az_exec_fault { AZ_EXEC_OTHER, AZ_EXEC_NOT_ELF, AZ_EXEC_OTHER_MACHINE, AZ_EXEC_CORRUPT, AZ_EXEC_INTERPRETER, AZ_EXEC_NO_MEMORY };

/* A call's line is begun before it runs and ended by its result; if others write meanwhile, Linux says "unfinished" and "resumed". */
enum az_trace_kind {
	AZ_TRACE_LINE,			/* a whole line; none carries its newline */
	AZ_TRACE_BEGIN,			/* a call begins */
	AZ_TRACE_EXEC,			/* a call begins that has no result if it succeeds, since a new program begins then */
	AZ_TRACE_END,			/* the call's name, which is wanted only if others have written, then the end of its line */
};

#define AZ_TRACE_LENGTH		4096	/* of a text */
#define AZ_TRACE_WORDS		8	/* a bit for each call number */
#define AZ_TRACE_UNKNOWN	511	/* the bit of all numbers that are no call */

/* What a program starts with, in user memory at buf: this header, then argc+envc NUL-terminated strings. */
struct az_exec {
	uint32_t length;		/* of all */
	uint32_t argc, envc;
	uint32_t path;			/* offset of the path to open, NUL-terminated */
	uint32_t strings;		/* offset of argv[0] */
	int32_t exe;			/* the proxy's descriptor of the program's file */
	uint32_t uid, euid, gid, egid, secure;	/* for the auxiliary vector */
	uint64_t hwcap, hwcap2, clktck;	/* as Linux gave them to the proxy */
	uint8_t random[16];
	char platform[8];		/* "x86_64", NUL-terminated */
};

/* What Linux's /proc/PID/{stat,auxv} tell of a program, taken from where the LWK has put it; all are user addresses. */
struct az_program {
	uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack;
	uint64_t auxv;			/* the auxiliary vector, up to AT_NULL */
};

/* ---- Processes ------------------------------------------------------------------------------------------------ */

/* Bits 16 to 31: time sharing, in slices of so many milliseconds; 0: a thread keeps its CPU until it waits. */
#define AZ_PROC_SLICE_SHIFT	16
#define AZ_PROC_SLICE_MAX	0xffffu
#define AZ_PROC_SLICE_MS(flags)	((flags) >> AZ_PROC_SLICE_SHIFT)
#define AZ_PROC_FLAGS		(AZ_PROC_SLICE_MAX << AZ_PROC_SLICE_SHIFT)	/* all that have a meaning */

enum az_proc_state { AZ_PROC_FREE, AZ_PROC_RUNNING };

struct az_memory {			/* in bytes */
	uint64_t resident, committed;
	uint64_t peak;			/* of resident, but for what it is now if that is more */
};

struct az_proc {
	/* [D], before AZ_EV_PROC_START */
	uint32_t pid;
	uint32_t slot;			/* of the first thread; its tid is pid */
	uint32_t cpu_count;
	uint32_t flags;			/* AZ_PROC_*: options of yod */
	uint32_t nascent;		/* from CHILD on: id of the process that the LWK has prepared; 0: yod's program */
	uint32_t small_pages;		/* 1: it has no large pages (PR_SET_THP_DISABLE) */
	uint64_t cpus[AZ_CPUS_MAX / 64];	/* leased CPUs, by index */
	uint64_t memory;		/* bytes reserved by -M; 0: share what nobody reserved */
	uint64_t exec_size;		/* bytes that struct az_exec will need */
	uint64_t ignored;		/* signals that Linux ignores for it, one bit each */
	uint64_t rlimit_stack, rlimit_as, rlimit_data, rlimit_memlock;	/* soft limits; ~0 is infinite */
	uint64_t trace[AZ_TRACE_WORDS];	/* calls to trace, by number; none: it is not traced at all */

	/* [L] */
	uint32_t state __attribute__((aligned(64)));	/* enum az_proc_state; the driver sets FREE */
	uint32_t threads;
	uint64_t pgd;			/* physical address of the top-level page table, 0 before RUNNING */
	struct az_memory used;
} __attribute__((aligned(64)));

/* ---- Queries: what a process has mapped, asked by the driver for those who look at it ---------------------------- */

enum az_region_kind { AZ_REGION_PLAIN, AZ_REGION_HEAP, AZ_REGION_STACK, AZ_REGION_TIME, AZ_REGION_VDSO };

/* What of a mapping belongs in a core file, unless Linux's settings for such memory say otherwise. */
enum az_core { AZ_CORE_NOTHING, AZ_CORE_FILE, AZ_CORE_MEMORY, AZ_CORE_ALWAYS };	/* FILE: is as in the file, so nothing but an ELF header */

struct az_region {
	uint64_t start, end;
	uint64_t offset;		/* in the file */
	int64_t handle;			/* AZ_CALL_FILE_OPEN's; -1: anonymous, or Linux-backed */
	uint32_t prot;			/* Linux's PROT_* */
	uint8_t kind;			/* enum az_region_kind */
	uint8_t shared, linux_backed;
	uint8_t core;			/* enum az_core */
};

/* One question at a time: the driver fills in proc and from, sends AZ_EV_QUERY, and waits until answered equals asked. */
#define AZ_QUERY_REGIONS	100
struct az_query {
	uint32_t asked;			/* [D] */
	uint32_t answered;		/* [L] release */
	uint64_t from;			/* [D] regions that end above this address, lowest first */
	uint32_t count;			/* [L] fewer than AZ_QUERY_REGIONS: there are no more */
	uint32_t reserved;
	struct az_region region[AZ_QUERY_REGIONS];	/* [L] */
};

/*
 * A page that somebody else than the program wants to see, and no thread waits for. One at a time, as above. For a page of a private file the
 * LWK gives a frame: the driver reads the file into it and asks once more.
 */
#define AZ_PAGE_READ	1
struct az_page_query {
	uint32_t asked;			/* [D] */
	uint32_t answered;		/* [L] release */
	uint64_t addr;			/* [D] */
	uint32_t write;			/* [D] */
	int32_t ret;			/* [L] 0: is present; AZ_PAGE_READ; -EAGAIN: not at this moment; or another -errno */
	uint64_t frame;			/* [DL] D: 0, or L's with AZ_PAGE_READ */
	int64_t handle;			/* [L] with AZ_PAGE_READ */
	uint64_t offset;		/* [L] with AZ_PAGE_READ */
	uint64_t file;			/* [L] its own, with AZ_PAGE_READ */
	uint32_t filled;		/* [D] the frame has the contents */
	uint32_t reserved;
};

/*
 * Linux has taken pages out of a file: the LWK drops its FOREIGN entries, and answers to LINUX_FAULT that it has not used yet. One
 * at a time, as above.
 */
struct az_withdraw {
	uint32_t asked;			/* [D] */
	uint32_t answered;		/* [L] release */
	uint64_t start, end;		/* [D] */
};

/* ---- Time: fed by Linux's timekeeping, read under seq by the LWK and by programs (vDSO) ------------------------- */

/*
 * ns = (((tsc - cycle_last) * mult) + base_shifted) >> shift. seq is odd while the driver writes. mode 0: Linux's clock is not
 * the TSC, ask Linux. One page of its own.
 */
struct az_time {
	uint32_t seq;
	uint32_t mode;			/* 1: TSC */
	uint64_t cycle_last;
	uint32_t mult, shift;
	uint64_t wall_sec, wall_snsec;	/* CLOCK_REALTIME at cycle_last; nanoseconds shifted left */
	uint64_t mono_sec, mono_snsec;	/* CLOCK_MONOTONIC */
	uint64_t raw_sec, raw_snsec;	/* CLOCK_MONOTONIC_RAW */
	uint32_t raw_mult, raw_shift;
	uint64_t boot_offset_ns;	/* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
	int32_t tai_offset;
	int32_t tz_minuteswest, tz_dsttime;
	uint64_t wall_coarse_nsec, mono_coarse_nsec;	/* nanoseconds within the second, unshifted */
};

/* ---- Log: bytes of text lines --------------------------------------------------------------------------------- */

struct az_log {
	uint64_t size;			/* [D] bytes of data that follow, a power of two */
	uint64_t written;		/* [L] bytes ever written; byte n is at n % size; release */
	uint8_t data[] __attribute__((aligned(64)));
};

/* ---- Hand-over ------------------------------------------------------------------------------------------------- */

/* What an NMI from Linux means. */
enum az_stop {
	AZ_STOP_NOT,
	AZ_STOP_HALT,			/* Linux panics: halt at once */
	AZ_STOP_TELL,			/* the CPU does not answer: say in the log where it is, and panic */
};

enum az_lwk_state { AZ_LWK_OFF, AZ_LWK_BOOTING, AZ_LWK_RUNNING, AZ_LWK_PANICKED };

struct az_range { uint64_t start, size; uint32_t node, reserved; };	/* 2 MB aligned */

#define AZ_KERNEL_SHARE		64	/* one byte in so many of the total is never promised to programs: page tables alone need one in 512 */

struct az_node_stats {			/* [L], in 4 KB frames */
	uint64_t total;			/* the allocator's from the start */
	uint64_t free;			/* allocatable now, but for those of CPUs: az_cpu */
	uint64_t quarantined;		/* wanted back but PINNED */
};

/* Every member is set by the driver before the first CPU starts unless marked [L]. */
struct az_handover {
	uint64_t magic;
	uint32_t version;
	uint32_t size;			/* sizeof(struct az_handover) */
	uint64_t phys;			/* of this structure */

	uint64_t image;			/* where the image lies */
	uint64_t pgd;			/* kernel page tables: image, direct map, APIC */
	uint64_t first_free;		/* in range[0]; all below is in use */
	uint64_t cpus, procs, slots, log, time;	/* physical: az_cpu[], az_proc[AZ_PROCS], az_slot[AZ_SLOTS], az_log, az_time */
	uint64_t query, page_query, withdraw;	/* physical: az_query, az_page_query, az_withdraw */
	uint64_t log_size;
	uint32_t cpu_count, range_count, util_count, node_count;

	uint32_t x2apic;		/* 1: Linux uses x2APIC, the LWK must too */
	uint32_t vector_linux;		/* vector that an LWK CPU sends to a Linux CPU */
	uint32_t start_page;		/* frame number of the start-up page: the driver starts the first CPU, that one the others */
	uint32_t tsc_khz;
	uint32_t apic_timer_khz;	/* APIC timer counts per millisecond at divide-by-one */
	uint32_t tsc_deadline;		/* 1: usable */
	uint64_t xcr0;			/* state components that programs may use */
	uint64_t spec_ctrl;		/* value of IA32_SPEC_CTRL that Linux chose; 0: leave alone */
	uint64_t boot_tsc;		/* just before the first start-up IPI */

	uint32_t lwk_state;		/* [L] enum az_lwk_state; the driver sets OFF and BOOTING */
	uint32_t stop;			/* [D] enum az_stop */
	uint32_t online;		/* [L] atomic count of CPUs in their idle loop */
	uint32_t hypervisor;		/* 1: spin little */
	uint32_t slots_used;		/* [L] bound to threads */
	uint32_t threads;		/* [L] */
	uint32_t each_event_rings;	/* 1: an interrupt is sent for each event, to compare */
	uint32_t reserved;

	struct az_range range[AZ_RANGES_MAX];
	struct az_util util[AZ_CPUS_MAX];
	struct az_node_stats node[AZ_NODES_MAX];	/* [L] */
};

/* Same layout on both sides or nothing works: the image header carries these and the driver compares. */
_Static_assert(sizeof(struct az_slot) == 512, "slot");
_Static_assert(sizeof(struct az_tramp) == 32, "tramp");

#endif
