// SPDX-License-Identifier: GPL-2.0
/*
 * Starting and stopping the LWK: INIT to all its CPUs, then a start-up IPI to the first, which prepares what they share and then
 * starts the others in parallel. Stopping is INIT again: a CPU then waits for the next start and executes nothing.
 *
 *   az_boot:  layout -> clock page, doorbells -> INIT, SIPI -> all online -> running -> watchdog
 *   az_stop, failure (crash.c): not running -> INIT -> az_shut_down() -> jobs are told
 */
#define pr_fmt(fmt) "azalea: " fmt

#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "internal.h"

/* Time limits. Emulated CPUs share few real ones, so each adds to the limit. */
#define ONLINE_LIMIT		(5 * HZ + az.cpu_count * HZ / 8)
#define REPEAT_AFTER		(HZ / 50 + 1)
#define JOBS_GONE_LIMIT		(5 * HZ)

static void ipi_all(u32 command)
{
	u32 i;

	for (i = 0; i < az.cpu_count; i++)
		az_send_ipi(az.cpu[i].apic_id, command);
}

void az_cpus_halt(void)
{
	ipi_all(APIC_INT_ASSERT | APIC_DM_INIT);
}

/* Old processors need 10 ms from INIT to start-up IPI. Those that Linux does not wait for, and virtual ones, need nothing. */
static void init_settle(void)
{
	const struct cpuinfo_x86 *cpu = &boot_cpu_data;
	bool modern = (cpu->x86_vendor == X86_VENDOR_INTEL && cpu->x86 == 6) ||
		      (cpu->x86_vendor == X86_VENDOR_AMD && cpu->x86 >= 0xf) ||
		      (cpu->x86_vendor == X86_VENDOR_HYGON && cpu->x86 >= 0x18);

	if (!modern && !boot_cpu_has(X86_FEATURE_HYPERVISOR))
		msleep(10);
}

/* A start-up IPI can get lost on real hardware; a CPU that has started ignores another one. The first CPU goes first. */
static void start_again(void)
{
	u32 i, end = READ_ONCE(az.cpu[0].shared->state) == AZ_CPU_OFF ? 1 : az.cpu_count;

	for (i = 0; i < end; i++) {
		if (READ_ONCE(az.cpu[i].shared->state) == AZ_CPU_OFF)
			az_send_ipi(az.cpu[i].apic_id, APIC_DM_STARTUP | az.handover->start_page);
	}
}

static bool all_online(void)
{
	return smp_load_acquire(&az.handover->online) == az.cpu_count;
}

static bool panicked(void)
{
	return READ_ONCE(az.handover->lwk_state) == AZ_LWK_PANICKED;
}

static void wait_online(void)
{
	unsigned long start = jiffies;
	bool repeated = false;

	while (!all_online() && !panicked() && time_before(jiffies, start + ONLINE_LIMIT)) {
		usleep_range(200, 500);
		if (!repeated && time_after(jiffies, start + REPEAT_AFTER)) {
			start_again();
			repeated = true;
		}
	}
}

static int name_missing(char *error)
{
	cpumask_var_t missing;
	u32 i, count = 0;

	if (panicked()) {
		strscpy(error, "the LWK failed while it started, lwkctl log says why", AZ_ERROR_SIZE);
		return -EIO;
	}
	if (!zalloc_cpumask_var(&missing, GFP_KERNEL))
		return -ENOMEM;
	for (i = 0; i < az.cpu_count; i++) {
		if (READ_ONCE(az.cpu[i].shared->state) == AZ_CPU_ONLINE)
			continue;
		cpumask_set_cpu(az.cpu[i].linux_cpu, missing);
		count++;
	}
	snprintf(error, AZ_ERROR_SIZE, "%u of %u CPUs did not start: %*pbl", count, az.cpu_count,
		 cpumask_pr_args(missing));
	free_cpumask_var(missing);
	return -ETIMEDOUT;
}

static int start_cpus(char *error)
{
	az.handover->lwk_state = AZ_LWK_BOOTING;
	az.handover->boot_tsc = rdtsc_ordered();
	az_cpus_halt();
	init_settle();
	az_send_ipi(az.cpu[0].apic_id, APIC_DM_STARTUP | az.handover->start_page);
	wait_online();
	return all_online() && !panicked() ? 0 : name_missing(error);
}

/* Jobs of an LWK that failed go by themselves, but their tasks need a moment. */
static bool jobs_gone(void)
{
	unsigned long start = jiffies;

	while (az_jobs_exist() && time_before(jiffies, start + JOBS_GONE_LIMIT))
		msleep(10);
	return !az_jobs_exist();
}

static int check_bootable(char *error)
{
	u32 i;

	if (az_lwk_running()) {
		strscpy(error, "the LWK is running already; lwkctl stop ends it", AZ_ERROR_SIZE);
		return -EBUSY;
	}
	if (!az.cpu_count || !az.range_count) {
		snprintf(error, AZ_ERROR_SIZE, "no %s set aside: boot Linux with lwkcpus= and lwkmem=, see /sys/kernel/azalea/errors",
			 az.cpu_count ? "memory is" : "CPUs are");
		return -ENODEV;
	}
	for (i = 0; i < az.cpu_count; i++) {
		if (cpu_online(az.cpu[i].linux_cpu)) {
			snprintf(error, AZ_ERROR_SIZE, "CPU %u is still used by Linux; take it offline first", az.cpu[i].linux_cpu);
			return -EBUSY;
		}
	}
	if (!jobs_gone()) {
		strscpy(error, "processes of the last boot are still there; end them first", AZ_ERROR_SIZE);
		return -EBUSY;
	}
	return 0;
}

static int boot_locked(const struct az_ioc_boot *request, char *error)
{
	int ret = check_bootable(error);

	ret = ret ?: az_layout_build(request, error);
	if (ret)
		return ret;
	az.crashed = false;
	az.memory_leased = 0;
	az.generation++;
	pr_info("LWK log at %#llx, %llu bytes\n", az.handover->log, az.handover->log_size);	/* for who can read memory only: tools/vm */
	az_clock_start(phys_to_virt(az.handover->time));
	/* boot_locked:A, pairs with doorbell(): all is filled before a handler looks */
	smp_store_release(&az.util_count, az.handover->util_count);
	ret = start_cpus(error);
	if (ret) {
		az_cpus_halt();
		az_shut_down();
		return ret;
	}
	smp_store_release(&az.running, true);
	az_watchdog_start();
	pr_info("LWK runs on CPUs %*pbl\n", cpumask_pr_args(&az.lwk_mask));
	return 0;
}

int az_boot(struct az_ioc_boot __user *user)
{
	struct az_ioc_boot request;
	int ret;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	memset(request.error, 0, sizeof(request.error));
	mutex_lock(&az.lock);
	ret = boot_locked(&request, request.error);
	mutex_unlock(&az.lock);
	if (ret && !request.error[0])
		snprintf(request.error, AZ_ERROR_SIZE, "the LWK cannot be started, error %d", -ret);
	if (copy_to_user(user, &request, sizeof(request)))
		return -EFAULT;
	return ret;
}

void az_shut_down(void)
{
	az.handover->lwk_state = AZ_LWK_OFF;
	az_doorbell_quiesce();
	az_watchdog_stop();
	az_clock_stop();
	az_layout_free();
}

int az_stop(bool force)
{
	int ret = 0;

	mutex_lock(&az.lock);
	if (!az_lwk_running()) {
		ret = az.crashed ? 0 : -ENODEV;
		az.crashed = false;
	} else if (az_jobs_exist() && !force) {
		ret = -EBUSY;
	} else {
		smp_store_release(&az.running, false);
		az_cpus_halt();
		az_shut_down();
		az_jobs_lwk_died();
		pr_info("LWK stopped\n");
	}
	mutex_unlock(&az.lock);
	return ret;
}
