// SPDX-License-Identifier: GPL-2.0
/*
 * Where CPUs are in the machine: in which package and core, told by their APIC ids. Linux makes the folder `topology` of a CPU in
 * /sys when it brings it up and removes it when it takes it down; LWK CPUs get one of the same files here, because libraries (hwloc,
 * and with it Open MPI) take a CPU without it for none. The siblings that a program of the LWK reads about are its own CPUs.
 */
#define pr_fmt(fmt) "azalea: " fmt

#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/sysfs.h>
#include <asm/processor.h>
#include <asm/smp.h>

#include "view.h"

struct az_shifts az_apic_shifts(void)
{
	struct az_shifts shifts = { .core = 0, .package = boot_cpu_data.x86_coreid_bits };
	u32 level, eax, ebx, ecx, edx;

	if (boot_cpu_data.cpuid_level < 0xb)
		return shifts;
	for (level = 0; level < 8; level++) {
		cpuid_count(0xb, level, &eax, &ebx, &ecx, &edx);
		if (!(ebx & 0xffff))
			break;
		if ((ecx >> 8 & 0xff) == 1)
			shifts.core = eax & 0x1f;
		shifts.package = eax & 0x1f;
	}
	return shifts;
}

static u32 apic_id(u32 cpu)
{
	return per_cpu(x86_cpu_to_apicid, cpu);
}

static ssize_t physical_package_id_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "%u\n", apic_id(dev->id) >> az_apic_shifts().package);
}

/* Linux knows of dies only what it finds on CPUs that it brings up: one in each package, as most processors have. */
static ssize_t die_id_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0\n");
}

static ssize_t core_id_show(struct device *dev, struct device_attribute *attr, char *page)
{
	struct az_shifts shifts = az_apic_shifts();

	return sysfs_emit(page, "%u\n", (apic_id(dev->id) & ((1U << shifts.package) - 1)) >> shifts.core);
}

/*
 * Keeps of @cpus those that the caller knows: a program of the LWK those of its job. For others the siblings of an LWK CPU are Linux's, as
 * they are for these, so that whoever counts different sets of siblings counts as many packages as ever.
 */
static void keep_known(cpumask_t *cpus)
{
	struct az_job *job = current->mm ? az_job_look(current->mm) : NULL;
	cpumask_t known = *cpu_online_mask;

	if (job) {
		az_view_cpus(job, &known);
		az_job_look_away();
	}
	if (cpumask_intersects(cpus, &known))
		cpumask_and(cpus, cpus, &known);
}

/* A file that names the CPUs of one core, or of one package; as a list or as a mask. */
struct siblings {
	struct device_attribute file;
	bool package, list;
};

static ssize_t siblings_show(struct device *dev, struct device_attribute *attr, char *page)
{
	const struct siblings *siblings = container_of(attr, struct siblings, file);
	struct az_shifts shifts = az_apic_shifts();
	u32 cpu, shift = siblings->package ? shifts.package : shifts.core;
	cpumask_t cpus = CPU_MASK_NONE;

	for_each_present_cpu(cpu) {
		if (apic_id(cpu) >> shift == apic_id(dev->id) >> shift)
			cpumask_set_cpu(cpu, &cpus);
	}
	keep_known(&cpus);
	return sysfs_emit(page, siblings->list ? "%*pbl\n" : "%*pb\n", cpumask_pr_args(&cpus));
}

#define SIBLINGS(name, of_package, as_list) \
	{ .file = __ATTR(name, 0444, siblings_show, NULL), .package = of_package, .list = as_list }

static struct siblings siblings[] = {
	SIBLINGS(thread_siblings, false, false),
	SIBLINGS(thread_siblings_list, false, true),
	SIBLINGS(core_cpus, false, false),
	SIBLINGS(core_cpus_list, false, true),
	SIBLINGS(core_siblings, true, false),
	SIBLINGS(core_siblings_list, true, true),
	SIBLINGS(die_cpus, true, false),
	SIBLINGS(die_cpus_list, true, true),
	SIBLINGS(package_cpus, true, false),
	SIBLINGS(package_cpus_list, true, true),
};

static DEVICE_ATTR_RO(physical_package_id);
static DEVICE_ATTR_RO(die_id);
static DEVICE_ATTR_RO(core_id);

static struct attribute *files[ARRAY_SIZE(siblings) + 4] = {
	&dev_attr_physical_package_id.attr, &dev_attr_die_id.attr, &dev_attr_core_id.attr,
};

void __init az_topology_init(void)
{
	static const struct attribute_group group = { .name = "topology", .attrs = files };
	struct device *dev;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(siblings); i++)
		files[3 + i] = &siblings[i].file.attr;
	for (i = 0; i < az.cpu_count; i++) {
		dev = get_cpu_device(az.cpu[i].linux_cpu);
		if (!dev || sysfs_create_group(&dev->kobj, &group))
			pr_warn("CPU %u gets no topology in /sys\n", az.cpu[i].linux_cpu);
	}
}
