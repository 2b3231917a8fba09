/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the Azalea driver share: one driver state, and the functions that each file offers to the others.
 *
 *   partition.c   what lwkcpus= and lwkmem= set aside        job side (jobs, twins, slots, mirror, signals): az_job*()
 *   lease.c       which LWK CPU belongs to which job
 *   boot.c        starting and stopping all LWK CPUs
 *   layout.c      image and shared structures in LWK memory   pagetable.c  the LWK kernel's page tables
 *   doorbell.c    events to and from the LWK
 *   crash.c       LWK failure, watchdog, Linux panic         clock.c      the time page
 *   log.c, sysfs.c, device.c                                  topology.c   LWK CPUs' cores and packages in /sys
 *
 * Locks, outermost first: az.lock (boot, stop, failure), az.lease_lock, az_lwk_cpu.push_lock. The job side may hold its own locks
 * around az_event_to_lwk() and the lease functions, and must not call anything that takes az.lock from az_jobs_lwk_died().
 *
 * Shared memory (handover, cpus, slots, procs) is addressed through Linux's direct map and stays in place between boots, but
 * it means something only while az_lwk_running(). All of it is zero after a boot except what abi/azalea.h says the driver sets.
 */
#ifndef AZALEA_INTERNAL_H
#define AZALEA_INTERNAL_H

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <asm/msr.h>

#include "abi/azalea.h"
#include "abi/ring.h"
#include "abi/ioctl.h"

#define AZ_ERROR_SIZE 128		/* of the error text in ioctl structures */

/* An LWK CPU as the driver knows it; the index is that of handover's az_cpu[]. */
struct az_lwk_cpu {
	u32 linux_cpu;			/* I: set once at boot of Linux */
	u32 apic_id;			/* I */
	u32 node;			/* I */
	u32 wanted_util;		/* I: Linux CPU that lwkcpus= names, or AZ_NONE */
	u32 owner;			/* lease_lock: process index, or AZ_NONE */
	u32 util;			/* set by boot: index in az.util */
	struct az_cpu *shared;		/* set by boot */
	struct az_ring *to_lwk;		/* set by boot; push_lock */
	struct az_ring *to_linux;	/* set by boot; consumed only on the serving Linux CPU */
	raw_spinlock_t push_lock;
	unsigned long kicked_at;	/* push_lock: jiffies of the last IPI */
} ____cacheline_aligned;		/* twins on other CPUs wake its neighbours */

/* A Linux CPU that serves LWK CPUs. */
struct az_util_cpu {
	u32 linux_cpu;
	struct az_util *shared;
};

struct az_state {
	/* partition.c, constant once Linux has booted */
	struct az_lwk_cpu *cpu;
	u32 cpu_count;
	u32 range_count;
	struct az_range range[AZ_RANGES_MAX];	/* [0] holds image and shared structures */
	cpumask_t lwk_mask;		/* Linux numbers of all LWK CPUs */
	bool visit;			/* Linux brought the CPUs up once before we took them */

	/* boot.c */
	struct mutex lock;
	bool busy;			/* utils are in use: from boot until all is shut down */
	bool running;			/* az_lwk_running() */
	bool crashed;			/* the last boot ended by failure; cleared by boot and stop */
	char why[AZ_ERROR_SIZE];	/* of the failure */
	u32 generation;			/* counts boots */
	struct az_handover *handover;	/* NULL before the first boot */
	struct az_proc *procs;
	struct az_slot *slots;
	struct az_log *log;		/* stays readable after stop and failure, until the next boot */
	u64 log_size;
	struct az_util_cpu *util;
	u32 util_count;

	wait_queue_head_t log_wait;
	struct mutex lease_lock;
	u64 memory_leased;		/* lease_lock: bytes reserved by jobs */
};

extern struct az_state az;

static inline bool az_lwk_running(void)
{
	return smp_load_acquire(&az.running);
}

static inline struct az_slot *az_slot(u32 index)
{
	return &az.slots[index];
}

static inline struct az_proc *az_proc(u32 index)
{
	return &az.procs[index];
}

/* How long an LWK CPU has been idle since boot. */
static inline u64 az_idle_cycles(const struct az_cpu_stats *stats)
{
	u64 since = READ_ONCE(stats->idle_since), now = rdtsc_ordered();

	return READ_ONCE(stats->idle_cycles) + (since && since < now ? now - since : 0);
}

/* partition.c */
#define AZ_ERRORS_SIZE 2048
extern char az_errors[AZ_ERRORS_SIZE];			/* one line per mistake in lwkcpus= and lwkmem= */
bool az_phys_is_lwk(u64 phys, u64 length);		/* wholly inside LWK memory? */

/* topology.c */
struct az_shifts { u32 core, package; };		/* how far an APIC id is shifted to tell cores, and packages, apart */
struct az_shifts az_apic_shifts(void);
void az_topology_init(void);				/* when Linux has finished with the LWK CPUs */

/* lease.c: on failure they write one line to @error and nothing has changed. */
int az_cpus_lease(u32 proc, struct az_ioc_create *request);	/* fills request->cpus, ->cpu_count, az_proc(proc)->cpus, ->cpu_count */
void az_cpus_return(u32 proc);
int az_memory_lease(u64 bytes, char *error);
void az_memory_return(u64 bytes);

/* boot.c */
int az_boot(struct az_ioc_boot __user *user);
int az_stop(bool force);
void az_cpus_halt(void);				/* INIT to every LWK CPU */
void az_shut_down(void);				/* az.lock; CPUs halted, nothing of this driver uses the LWK any more */

/* layout.c; az.lock. On failure they write one line to @error and nothing is in use. */
int az_layout_build(const struct az_ioc_boot *request, char *error);
void az_layout_free(void);				/* what lies in Linux's memory */

/* pagetable.c */
struct az_pagetable { u64 root, next, end; };		/* pages are taken from [next, end) */
int az_pagetable_build(struct az_pagetable *table, const struct az_image *image);
int az_pagetable_start_up(struct az_pagetable *table, u64 start_up);

/* doorbell.c */
extern bool az_batch;
bool az_event_to_lwk(u32 cpu, u64 event);		/* any context; false: not running, or the ring is full and the LWK dead */
u32 az_idle_cpu(const unsigned long *cpus);		/* one of them (NULL: of all) whose event disturbs nobody; az.cpu_count if none */
void az_send_ipi(u32 apic_id, u32 command);
void az_doorbell_init(void);
void az_doorbell_quiesce(void);

/* crash.c */
void az_lwk_failed(const char *why);			/* any context; containment happens in a work item */
void az_cpu_is_deaf(struct az_lwk_cpu *cpu);		/* it fails for that; its log will say what it is at */
int az_crash(void);					/* CRASH ioctl */
void az_watchdog_start(void);
void az_watchdog_stop(void);

/* clock.c */
void az_clock_start(struct az_time *page);
void az_clock_stop(void);

/* log.c */
int az_log_read(struct az_ioc_log __user *user);

/* The job side. ioctl numbers that device.c does not know, events that concern slots and processes. */
void az_job_init(void);
int az_job_open(struct inode *inode, struct file *file);
int az_job_flush(struct file *file, fl_owner_t id);
int az_job_release(struct inode *inode, struct file *file);
int az_job_mmap(struct file *file, struct vm_area_struct *vma);
long az_job_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
void az_job_event(u32 type, u64 payload);		/* hard interrupt; payload is not checked */
bool az_jobs_exist(void);				/* also jobs of an LWK that died and whose files are still open */
void az_jobs_lwk_died(void);				/* running is false, CPUs have stopped: wake all, unmap all mirrors */

#endif
