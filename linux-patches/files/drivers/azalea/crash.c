// SPDX-License-Identifier: GPL-2.0
/*
 * When something fails: the LWK (it says so, or it stops answering) or Linux.
 *
 * A failed LWK is contained in a work item, because the news arrives in interrupts: its CPUs are stopped, jobs are told, the log
 * stays. The watchdog only looks at shared memory; no computing CPU is ever interrupted to prove that it is alive.
 */
#define pr_fmt(fmt) "azalea: " fmt

#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/workqueue.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>

#include "internal.h"

#define WATCHDOG_PERIOD		(2 * HZ)
#define WATCHDOG_PATIENCE	(boot_cpu_has(X86_FEATURE_HYPERVISOR) ? 60 * HZ : 10 * HZ)

static u32 failed_generation;		/* the boot that failed; compared, never waited for */

static struct az_lwk_cpu *deaf_cpu;	/* the work comes after it is set */

/* The LWK's log will say in what it is caught: it panics, unless it cannot do even that. */
static void ask(struct az_lwk_cpu *cpu)
{
	int i;

	WRITE_ONCE(az.handover->stop, AZ_STOP_TELL);
	az_send_ipi(cpu->apic_id, APIC_DM_NMI);
	for (i = 0; i < 100 && READ_ONCE(az.handover->lwk_state) != AZ_LWK_PANICKED; i++)
		msleep(10);
	msleep(10);		/* it has told the other CPUs to stop as well */
}

static void contain(struct work_struct *work)
{
	mutex_lock(&az.lock);
	if (az_lwk_running() && READ_ONCE(failed_generation) == az.generation) {
		pr_err("the LWK has failed: %s\n", az.why);
		if (deaf_cpu)
			ask(deaf_cpu);
		deaf_cpu = NULL;
		az.crashed = true;	/* first: who finds it not running looks why */
		smp_store_release(&az.running, false);
		az_cpus_halt();
		az_shut_down();
		az_jobs_lwk_died();
		wake_up_interruptible(&az.log_wait);
	}
	mutex_unlock(&az.lock);
}
static DECLARE_WORK(contain_work, contain);

void az_lwk_failed(const char *why)
{
	u32 generation = READ_ONCE(az.generation);

	if (xchg(&failed_generation, generation) == generation)
		return;
	strscpy(az.why, why, sizeof(az.why));
	schedule_work(&contain_work);
}

void az_cpu_is_deaf(struct az_lwk_cpu *cpu)
{
	char why[64];

	snprintf(why, sizeof(why), "CPU %u does not answer, see lwkctl log", cpu->linux_cpu);
	deaf_cpu = cpu;
	az_lwk_failed(why);
}

int az_crash(void)
{
	return az_lwk_running() && az_event_to_lwk(0, AZ_EVENT(AZ_EV_CRASH, 0)) ? 0 : -ENODEV;
}

/* ---- Watchdog -------------------------------------------------------------------------------------------------- */

static void watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(watch_work, watch);

/* An interrupt was sent long ago and the CPU has not taken note. */
static bool is_deaf(struct az_lwk_cpu *cpu)
{
	bool deaf;

	raw_spin_lock_irq(&cpu->push_lock);
	deaf = READ_ONCE(cpu->shared->kicked) && READ_ONCE(cpu->to_lwk->head) != cpu->to_lwk->tail &&
	       time_after(jiffies, cpu->kicked_at + WATCHDOG_PATIENCE);
	raw_spin_unlock_irq(&cpu->push_lock);
	return deaf;
}

static void watch(struct work_struct *work)
{
	u32 i;

	if (READ_ONCE(az.handover->lwk_state) == AZ_LWK_PANICKED)
		az_lwk_failed("a check failed in it, see lwkctl log");
	for (i = 0; i < az.cpu_count; i++) {
		if (is_deaf(&az.cpu[i]))
			az_cpu_is_deaf(&az.cpu[i]);
	}
	schedule_delayed_work(&watch_work, WATCHDOG_PERIOD);
}

void az_watchdog_start(void)
{
	schedule_delayed_work(&watch_work, WATCHDOG_PERIOD);
}

void az_watchdog_stop(void)
{
	cancel_delayed_work_sync(&watch_work);
}

/* ---- Linux panics, reboots, takes a CPU down ------------------------------------------------------------------- */

static int linux_panics(struct notifier_block *block, unsigned long event, void *data)
{
	u32 i;

	if (az_lwk_running()) {
		WRITE_ONCE(az.handover->stop, AZ_STOP_HALT);
		for (i = 0; i < az.cpu_count; i++)
			az_send_ipi(az.cpu[i].apic_id, APIC_DM_NMI);
	}
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = { .notifier_call = linux_panics };

static int linux_reboots(struct notifier_block *block, unsigned long event, void *data)
{
	az_stop(true);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = linux_reboots };

static int cpu_goes_offline(unsigned int cpu)
{
	u32 i;

	for (i = 0; az.busy && i < az.handover->util_count; i++) {
		if (az.util[i].linux_cpu == cpu) {
			pr_warn("CPU %u serves LWK CPUs and stays online until lwkctl stop\n", cpu);
			return -EBUSY;
		}
	}
	return 0;
}

static int __init crash_init(void)
{
	int ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "azalea:serving", NULL, cpu_goes_offline);

	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	register_reboot_notifier(&reboot_block);
	return ret < 0 ? ret : 0;
}
device_initcall(crash_init);
