// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/azalea: the door for yod, lwkctl and the proxy. Everybody may start jobs; boot, stop and crash need CAP_SYS_ADMIN.
 */
#include <linux/capability.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "internal.h"

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case AZ_IOC_BOOT:
		return capable(CAP_SYS_ADMIN) ? az_boot(user) : -EPERM;
	case AZ_IOC_STOP:
		return capable(CAP_SYS_ADMIN) ? az_stop(arg == 1) : -EPERM;
	case AZ_IOC_CRASH:
		return capable(CAP_SYS_ADMIN) ? az_crash() : -EPERM;
	case AZ_IOC_LOG:
		return az_log_read(user);
	default:
		return az_job_ioctl(file, cmd, arg);
	}
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = az_job_open,
	.flush = az_job_flush,
	.release = az_job_release,
	.mmap = az_job_mmap,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "azalea",
	.fops = &operations,
	.mode = 0666,
};

static int __init device_init(void)
{
	az_doorbell_init();
	az_job_init();
	return misc_register(&device);
}
device_initcall(device_init);
