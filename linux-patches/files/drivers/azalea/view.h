/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A view: a file of /proc or /sys that shows the LWK instead of Linux. view.c finds out whether a file is one and for whom,
 * view_machine.c and view_process.c write the text.
 */
#ifndef AZALEA_VIEW_H
#define AZALEA_VIEW_H

#include <linux/seq_file.h>

#include "job.h"

/* Somebody reads a view. */
struct az_look {
	struct seq_file *out;
	struct az_job *job;		/* az_job_look() */
	struct mm_struct *mm;		/* of the proxy */
	struct task_struct *task;	/* whose folder of /proc it is, or who reads about the machine */
	u32 number[2];			/* where the path has one */
};

/* What a folder shows of a job: a copy, because who reads a folder may take his time. */
struct az_folder {
	u32 proc;			/* the job's */
	unsigned int fd;		/* of its device */
	cpumask_t cpus;
	nodemask_t nodes;
};

/* view.c: Linux's own text of the file, NUL-terminated, for kvfree(); ERR_PTR on failure. */
char *az_view_original(const struct az_look *look);
/* Writes Linux's text line by line; @line writes another one and returns true, or returns false. */
typedef bool az_view_line(const struct az_look *look, const char *text, const void *arg);
int az_view_rewrite(const struct az_look *look, az_view_line *line, const void *arg);
/* The job's CPUs by Linux's numbers; the nodes where it has CPUs or could have memory. */
void az_view_cpus(const struct az_job *job, cpumask_t *cpus);
void az_view_nodes(const struct az_job *job, nodemask_t *nodes);
u64 az_view_memory(const struct az_job *job, u64 *free);	/* bytes in all */
bool az_view_runs(const struct az_job *job, u32 tid);		/* on one of its CPUs at this moment? */

/* view_machine.c */
int az_view_cpuinfo(const struct az_look *look);
int az_view_meminfo(const struct az_look *look);
int az_view_machine_stat(const struct az_look *look);
int az_view_loadavg(const struct az_look *look);
int az_view_cpu_list(const struct az_look *look);
int az_view_no_cpu(const struct az_look *look);
int az_view_cpu_online(const struct az_look *look);
int az_view_node_list(const struct az_look *look);
int az_view_node_memory_list(const struct az_look *look);
int az_view_node_cpu_list(const struct az_look *look);
int az_view_node_cpu_map(const struct az_look *look);
int az_view_node_meminfo(const struct az_look *look);
bool az_view_has_cpu(const struct az_folder *folder, const char *name);
bool az_view_has_node(const struct az_folder *folder, const char *name);

/* view_process.c */
int az_view_maps(const struct az_look *look);
int az_view_smaps(const struct az_look *look);
int az_view_smaps_rollup(const struct az_look *look);
int az_view_numa_maps(const struct az_look *look);
int az_view_status(const struct az_look *look);
int az_view_process_stat(const struct az_look *look);
int az_view_statm(const struct az_look *look);
bool az_view_has_thread(const struct az_folder *folder, const char *name);
bool az_view_has_descriptor(const struct az_folder *folder, const char *name);

#endif
