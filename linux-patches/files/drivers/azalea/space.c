// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces: what hangs on the memory of a program and not on one process, because clone(2) with CLONE_VM (vfork, posix_spawn)
 * lets several processes share it: the mirror, files that are mapped privately, Linux's pages on loan, and who serves faults.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "job.h"

struct az_space *az_space_create(struct file *file, u32 proc)
{
	struct az_space *space = kzalloc(sizeof(*space), GFP_KERNEL);

	if (!space)
		return NULL;
	refcount_set(&space->users, 1);
	space->file = file;
	space->device = file_inode(file);
	ihold(space->device);
	space->first_page = (pgoff_t)proc << AZ_SPACE_PAGES_SHIFT;
	init_rwsem(&space->mirror);
	xa_init(&space->twins);
	xa_init_flags(&space->files, XA_FLAGS_ALLOC);
	xa_init(&space->pins);
	az_withdraw_init(space);
	return space;
}

struct az_space *az_space_share(struct az_space *space)
{
	refcount_inc(&space->users);
	return space;
}

long az_space_copy_files(struct az_space *to, struct az_space *from)
{
	unsigned long handle;
	struct file *file;
	int ret;

	xa_for_each(&from->files, handle, file) {
		ret = xa_insert(&to->files, handle, file, GFP_KERNEL);
		if (ret)
			return ret;
		get_file(file);
	}
	return 0;
}

bool az_space_leave(struct az_space *space)
{
	return refcount_dec_and_test(&space->users);
}

void az_space_free(struct az_space *space)
{
	az_files_release(space);
	az_foreign_release(space);
	xa_destroy(&space->twins);
	xa_destroy(&space->files);
	xa_destroy(&space->pins);
	iput(space->device);
	kfree(space);
}
