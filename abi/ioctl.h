/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What yod, lwkctl and the proxy ask of /dev/azalea. Structures are fixed in size on x86-64; unused members are zero.
 *
 * Administration (CAP_SYS_ADMIN): BOOT, STOP, CRASH. State is read in sysfs (/sys/kernel/azalea/), the log by LOG_READ.
 * Jobs: an open file is one process: CREATE leases its CPUs and memory, START (in the proxy) maps the program range and
 * makes the LWK run it, SERVE is where twins live, SIGNAL hands a signal to the LWK. The last close ends everything. CHILD, by a
 * twin that was handed AZ_CALL_FORK or AZ_CALL_EXEC, makes the file of the process that comes out of it; it shares the lease.
 */
#ifndef AZALEA_IOCTL_H
#define AZALEA_IOCTL_H

#include <linux/ioctl.h>
#include "azalea.h"

#define AZ_DEVICE		"/dev/azalea"

struct az_ioc_boot {
	uint64_t image;			/* user address of azalea.img */
	uint64_t size;
	char error[128];		/* on failure: what was wrong, for people */
};

struct az_ioc_create {
	uint32_t cpu_count;		/* in: how many, 0: as in cpus; all free ones if that is empty too; out: leased */
	uint32_t flags;			/* in: AZ_PROC_* */
	uint64_t memory;		/* in: bytes to reserve, 0: share */
	uint64_t cpus[AZ_CPUS_MAX / 64];	/* in: wanted, by Linux number; out: leased, by Linux number */
	char error[128];
	int32_t trace_fd;		/* in: where the trace is written, if trace has a bit */
	uint32_t reserved;
	uint64_t trace[AZ_TRACE_WORDS];	/* in: calls to trace, by number */
	char linux_programs[256];	/* in: names, separated by commas, of what runs on Linux when a process of this lease executes it */
};

struct az_ioc_start {
	uint64_t exec_size;
	uint64_t handler, restorer;	/* the proxy's signal handler, installed where the program has one */
	uint32_t fd;			/* this file's descriptor, which moves out of the program's way: START returns where; after a fork the
					   parent's, which this replaces */
	int32_t exe;			/* descriptor of the program's file; < 0 after a fork: the parent's */
	uint64_t arg_start;		/* the program's argv[0] among the proxy's own argument strings, for /proc/PID/cmdline; 0 after a fork */
};

struct az_ioc_child {
	int32_t fd;			/* out: the new job */
	int32_t proxy;			/* out, for EXEC: the proxy's own program, to be executed, closed by that */
};

/*
 * SERVE returns 0 with a call for the proxy to make: a Linux number (real system call) or a private one. EINTR: a signal came, call
 * again. EIO: the LWK has failed. ESHUTDOWN: it was stopped. With AZ_SERVE_NEW it returns 0 as soon as the slot is announced:
 * call again to serve.
 */
struct az_ioc_serve {
	uint32_t nr;			/* out */
	uint32_t flags;			/* in: AZ_SERVE_RESULT: ret answers the call handed out before; AZ_SERVE_NEW: a new twin; out, until
					   that call is answered: AZ_SERVE_SIGNALLED: a signal was passed on meanwhile */
	uint64_t arg[6];		/* out; in with AZ_SERVE_NEW: arg[0] is the stamp, as of AZ_CALL_MORE_TWINS */
	int64_t ret;			/* in; -ERESTARTNOINTR: a signal came before the call was made */
};
#define AZ_SERVE_RESULT		1
#define AZ_SERVE_NEW		2
#define AZ_SERVE_SIGNALLED	4

/* The proxy's handler has caught a signal of the program. */
struct az_ioc_signal {
	uint64_t siginfo;		/* in: address of Linux's siginfo_t */
	uint64_t mask;			/* in, out: what the twin blocks from when the handler returns */
};

struct az_ioc_log {
	uint64_t offset;		/* in: first byte wanted, counted from boot; out: first byte given (older ones are lost) */
	uint64_t buffer;
	uint32_t size;			/* in: room; out: bytes */
	uint32_t wait;			/* in: 1: sleep until there is something new */
};

#define AZ_IOC_BOOT		_IOWR('Z', 1, struct az_ioc_boot)
#define AZ_IOC_STOP		_IO('Z', 2)	/* EBUSY while jobs run, unless the argument is 1 */
#define AZ_IOC_CRASH		_IO('Z', 3)
#define AZ_IOC_LOG		_IOWR('Z', 4, struct az_ioc_log)
#define AZ_IOC_CREATE		_IOWR('Z', 5, struct az_ioc_create)
#define AZ_IOC_START		_IOW('Z', 6, struct az_ioc_start)
#define AZ_IOC_SERVE		_IOWR('Z', 7, struct az_ioc_serve)
#define AZ_IOC_SIGNAL		_IOWR('Z', 8, struct az_ioc_signal)
#define AZ_IOC_CHILD		_IOR('Z', 9, struct az_ioc_child)
#define AZ_IOC_EXECUTABLE	_IO('Z', 10)	/* may the caller execute the file of this descriptor: EACCES, ETXTBSY;
						   0: yes; 1: and yod wants it to run on Linux */

#endif
