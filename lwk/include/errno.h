/* SPDX-License-Identifier: GPL-2.0 */
/* Linux's error numbers for x86-64 that the LWK returns (uapi/asm-generic/errno*.h), and the restart codes that stay inside kernels. */
#ifndef LWK_ERRNO_H
#define LWK_ERRNO_H

#define EPERM		1
#define ENOENT		2
#define ESRCH		3
#define EINTR		4
#define EIO		5
#define E2BIG		7
#define ENOEXEC		8
#define EBADF		9
#define EAGAIN		11
#define ENOMEM		12
#define EACCES		13
#define EFAULT		14
#define EBUSY		16
#define EEXIST		17
#define ENODEV		19
#define EINVAL		22
#define ENOTTY		25
#define ENOSPC		28
#define ERANGE		34
#define EDEADLK		35
#define ENOSYS		38
#define EIDRM		43
#define EOVERFLOW	75
#define EOPNOTSUPP	95
#define ETIMEDOUT	110

#define ERESTARTSYS		512
#define ERESTARTNOINTR		513
#define ERESTARTNOHAND		514
#define ERESTART_RESTARTBLOCK	516

/* Is it one of those, which say that a signal came before the call had done anything? */
#define must_restart(ret)	((ret) <= -ERESTARTSYS && (ret) >= -ERESTART_RESTARTBLOCK)

#endif
