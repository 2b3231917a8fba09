/* SPDX-License-Identifier: GPL-2.0 */
/* Plays Linux's part for address spaces: forward() ends here. Two files: fd 3 with FILE_SIZE bytes, and fd 4 for shared mappings. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include "types.h"

struct aspace;

#define FILE_SIZE	(3 * LARGE_SIZE + 5000)
#define FOREIGN_BASE	0x7f00000000ULL	/* frames of Linux: outside the arena */

struct fake_driver {
	struct aspace *as;	/* whose proxy it plays... */
	u32 calls;		/* a: all forwarded calls */
	u32 opened, closed;	/* a */
	u32 reads, zaps, maps, unmaps, faults, protects, advices, remaps;	/* a */
	u32 locks, unlocks, syncs, cores;	/* a: mlock2, munlock, msync, mincore */
	bool privileged;	/* has every capability */
	u64 segment;		/* bytes of System V segment 7 */
	u32 shift;		/* of all that Linux backs: log2 of the size of its pages, 0: 4 KB */
	u32 pin_order;		/* pins taken by zaps, of this order... */
	paddr_t pinned;		/* ...the last of them */
	u32 pins;
	bool threads;		/* several run: the lock may well be held by another during a call */
	bool pin;		/* a zap finds every mirrored frame in use */
	bool lends_around;	/* shared pages come with those around them, every second one for reading only */
	bool read_only;		/* Linux grants shared pages for reading only */
	long fail;		/* the next call fails so, if not 0 */
	void (*during)(void);	/* what other threads do while Linux is busy; once */
};

extern struct fake_driver fake;
/* ...for a thread of another address space that is not fake.as */
extern _Thread_local struct aspace *fake_own_as;

/* The program's buffer for what calls write. */
#define BUFFER		0x20000ULL
extern u8 fake_buffer[PAGE_SIZE];

/* Byte @offset of the file. */
u8 fake_file_byte(u64 offset);
/* The driver mirrors the page at @addr. False if it is not present or may not be mirrored. */
bool fake_mirror(u64 addr);

#endif
