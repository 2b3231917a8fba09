/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hooks in Linux call these; everything else about Azalea is in drivers/azalea/.
 */
#ifndef _LINUX_AZALEA_H
#define _LINUX_AZALEA_H

#include <linux/types.h>

struct coredump_params;
struct file;
struct mm_struct;
struct page;
struct task_struct;
struct vm_area_struct;

#ifdef CONFIG_AZALEA
void azalea_reserve_memory(void);		/* lwkmem=: once memblock knows the nodes, before the page allocator exists */
bool azalea_refuses_cpu(unsigned int cpu);	/* lwkcpus=: this CPU must not be brought up */
void azalea_exit(void);				/* the calling thread exits and still has its memory */
/* This one is the scheduler's, for the driver. */
bool azalea_account_user_time(struct task_struct *p, u64 ns, unsigned long faults);
void azalea_view(struct file *file);		/* just before a file is opened: may have the LWK describe itself in it */
int azalea_threads(struct task_struct *task);	/* of its process: the program's if it is one of the LWK. May sleep */
bool azalea_is_twin(void);			/* the calling thread carries out calls of an LWK program */
bool azalea_is_mirror(const struct vm_area_struct *vma);	/* maps memory of an LWK program */
bool azalea_limits(const struct mm_struct *mm);	/* the LWK enforces RLIMIT_AS and RLIMIT_DATA there */
void azalea_zapped(struct vm_area_struct *vma, unsigned long start, unsigned long end);	/* a file has lost pages that may be mapped there */
/* A core file is written by the calling thread, the others of its process have stopped. */
void azalea_core_begin(struct coredump_params *cprm);		/* what is mapped is known */
bool azalea_core_skips(const struct task_struct *task);		/* this thread is none of the program's */
void azalea_core_registers(const struct task_struct *task, int note, void *data, size_t size);	/* corrects what Linux found */
struct page *azalea_core_page(const struct coredump_params *cprm, unsigned long addr);	/* in place of get_dump_page() */
#else
static inline void azalea_reserve_memory(void) { }
static inline bool azalea_refuses_cpu(unsigned int cpu) { return false; }
static inline void azalea_exit(void) { }
static inline void azalea_view(struct file *file) { }
#define azalea_threads(task) get_nr_threads(task)
static inline bool azalea_is_twin(void) { return false; }
static inline bool azalea_is_mirror(const struct vm_area_struct *vma) { return false; }
static inline bool azalea_limits(const struct mm_struct *mm) { return false; }
static inline void azalea_zapped(struct vm_area_struct *vma, unsigned long start, unsigned long end) { }
static inline void azalea_core_begin(struct coredump_params *cprm) { }
static inline bool azalea_core_skips(const struct task_struct *task) { return false; }
static inline void azalea_core_registers(const struct task_struct *task, int note, void *data, size_t size) { }
#define azalea_core_page(cprm, addr) get_dump_page(addr)
#endif

#endif
