// SPDX-License-Identifier: GPL-2.0
/*
 * The program's name in Linux: what /proc/PID/{cmdline,exe,stat,auxv}, and with them ps, pgrep and top, say of the proxy is said of
 * the program. Linux keeps these facts in the address space and only shows them, so a wrong one misleads nobody but its reader.
 *
 * The argument strings shown are the proxy's own copy: Linux reads them in its ordinary memory only. The environment is the
 * proxy's as well.
 *
 * And the other way round: the LWK, which knows no names, asks for those of files and threads that it logs.
 */
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "job.h"

/*
 * /proc/PID/exe is the program, not the proxy: dynamic linkers look there for what $ORIGIN means. Allowed is what exec would allow;
 * for anything else it stays the proxy.
 */
void az_name_exe(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return;
	if (!az_exec_check(file))
		set_mm_exe_file(current->mm, file);
	fput(file);
}

/* The proxy's arguments are its name, a descriptor and a path, then those of the program, from @arg_start on. */
void az_name_arguments(u64 arg_start)
{
	struct mm_struct *mm = current->mm;

	spin_lock(&mm->arg_lock);
	if (arg_start >= mm->arg_start && arg_start < mm->arg_end)
		mm->arg_start = arg_start;
	spin_unlock(&mm->arg_lock);
}

/* Copies the pairs at @from up to AT_NULL, or as many as Linux has room for. Returns 0 or -EFAULT. */
static int auxv_copy(unsigned long *auxv, const unsigned long __user *from)
{
	int i;

	for (i = 0; i < AT_VECTOR_SIZE - 2; i += 2) {
		if (copy_from_user(auxv + i, from + i, 2 * sizeof(*auxv)))
			return -EFAULT;
		if (auxv[i] == AT_NULL)
			break;
	}
	auxv[i] = auxv[i + 1] = 0;
	return 0;
}

static bool is_in_program(const struct az_program *p)
{
	return max(max3(p->start_code, p->end_code, p->start_data), max3(p->end_data, p->start_brk, p->start_stack)) < AZ_USER_END &&
	       p->auxv < AZ_USER_END;
}

/* (address, length) of struct az_program */
long az_name_program(const u64 *arg)
{
	unsigned long auxv[AT_VECTOR_SIZE] = { 0 };
	struct mm_struct *mm = current->mm;
	struct az_program p;

	if (arg[1] != sizeof(p))
		return -EINVAL;
	if (copy_from_user(&p, u64_to_user_ptr(arg[0]), sizeof(p)) || !is_in_program(&p) || auxv_copy(auxv, u64_to_user_ptr(p.auxv)))
		return -EFAULT;
	mmap_write_lock(mm);
	spin_lock(&mm->arg_lock);
	mm->start_code = p.start_code;
	mm->end_code = p.end_code;
	mm->start_data = p.start_data;
	mm->end_data = p.end_data;
	mm->start_brk = mm->brk = p.start_brk;
	mm->start_stack = p.start_stack;
	memcpy(mm->saved_auxv, auxv, sizeof(auxv));
	spin_unlock(&mm->arg_lock);
	mmap_write_unlock(mm);
	return 0;
}

/* (handle, physical address, length) */
long az_name_write(struct az_job *job, const u64 *arg)
{
	char *to = __va(arg[1]), *path;
	struct file *file;

	if (!az_phys_is_lwk(arg[1], arg[2]) || arg[2] < TASK_COMM_LEN || arg[2] > PAGE_SIZE)
		return -EINVAL;
	if ((s64)arg[0] < 0) {
		strscpy(to, current->comm, arg[2]);
		return 0;
	}
	file = az_file_get(job, arg[0]);
	if (!file)
		return -EBADF;
	path = d_path(&file->f_path, to, arg[2]);
	if (!IS_ERR(path))
		memmove(to, path, strlen(path) + 1);
	fput(file);
	return PTR_ERR_OR_ZERO(path);
}
