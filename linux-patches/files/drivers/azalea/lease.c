// SPDX-License-Identifier: GPL-2.0
/*
 * Leases: which LWK CPU and how much reserved memory belongs to which process. A lease lasts from CREATE until yod's program and all
 * its descendants, whose jobs share it, are gone. Nothing here talks to the LWK: it learns its CPUs from struct az_proc.
 *
 * CPUs are chosen on one NUMA node if one has enough free ones (the node where the fewest remain), else lowest first.
 */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "internal.h"

static u32 free_on_node(u32 node)
{
	u32 i, count = 0;

	for (i = 0; i < az.cpu_count; i++)
		count += az.cpu[i].owner == AZ_NONE && (node == AZ_NONE || az.cpu[i].node == node);
	return count;
}

/* The node that @count CPUs fit on most tightly, or AZ_NONE. */
static u32 node_choose(u32 count)
{
	u32 node, best = AZ_NONE, best_free = AZ_NONE;

	for (node = 0; node < AZ_NODES_MAX; node++) {
		u32 available = free_on_node(node);

		if (available >= count && available < best_free) {
			best = node;
			best_free = available;
		}
	}
	return best;
}

static void lease_one(u32 index, u32 proc, struct az_ioc_create *request)
{
	struct az_lwk_cpu *cpu = &az.cpu[index];

	cpu->owner = proc;
	cpu->shared->proc = proc;
	__set_bit(index, (unsigned long *)az_proc(proc)->cpus);
	__set_bit(cpu->linux_cpu, (unsigned long *)request->cpus);
}

static int lease_count(u32 proc, struct az_ioc_create *request, u32 count)
{
	u32 i, left = count, available = free_on_node(AZ_NONE), node = node_choose(count);

	if (count > az.cpu_count) {
		snprintf(request->error, AZ_ERROR_SIZE, "%u CPUs wanted, the LWK has only %u", count, az.cpu_count);
		return -EINVAL;
	}
	if (!available || count > available) {
		snprintf(request->error, AZ_ERROR_SIZE, "%u CPU%s wanted, %u of %u LWK CPUs are free", count,
			 count == 1 ? "" : "s", available, az.cpu_count);
		return -EBUSY;
	}
	for (i = 0; i < az.cpu_count && left; i++) {
		if (az.cpu[i].owner == AZ_NONE && (node == AZ_NONE || az.cpu[i].node == node)) {
			lease_one(i, proc, request);
			left--;
		}
	}
	return 0;
}

static u32 index_of(u32 linux_cpu)
{
	u32 i;

	for (i = 0; i < az.cpu_count; i++) {
		if (az.cpu[i].linux_cpu == linux_cpu)
			return i;
	}
	return AZ_NONE;
}

static int lease_list(u32 proc, struct az_ioc_create *request)
{
	unsigned long wanted[BITS_TO_LONGS(AZ_CPUS_MAX)];
	unsigned int number;

	memcpy(wanted, request->cpus, sizeof(wanted));
	for_each_set_bit(number, wanted, AZ_CPUS_MAX) {
		u32 index = index_of(number);

		if (index == AZ_NONE) {
			snprintf(request->error, AZ_ERROR_SIZE, "CPU %u is not an LWK CPU; those are %*pbl", number,
				 cpumask_pr_args(&az.lwk_mask));
			return -EINVAL;
		}
		if (az.cpu[index].owner != AZ_NONE) {
			snprintf(request->error, AZ_ERROR_SIZE, "CPU %u is in use by another job", number);
			return -EBUSY;
		}
	}
	for_each_set_bit(number, wanted, AZ_CPUS_MAX)
		lease_one(index_of(number), proc, request);
	return 0;
}

int az_cpus_lease(u32 proc, struct az_ioc_create *request)
{
	bool list = memchr_inv(request->cpus, 0, sizeof(request->cpus));
	u32 count = request->cpu_count;
	int ret;

	mutex_lock(&az.lease_lock);
	memset(az_proc(proc)->cpus, 0, sizeof(az_proc(proc)->cpus));
	if (list && !count)
		ret = lease_list(proc, request);
	else
		ret = lease_count(proc, request, count ?: max(free_on_node(AZ_NONE), 1U));
	mutex_unlock(&az.lease_lock);
	if (ret)
		return ret;
	request->cpu_count = bitmap_weight((unsigned long *)az_proc(proc)->cpus, AZ_CPUS_MAX);
	az_proc(proc)->cpu_count = request->cpu_count;
	return 0;
}

void az_cpus_return(u32 proc)
{
	u32 i;

	mutex_lock(&az.lease_lock);
	for (i = 0; i < az.cpu_count; i++) {
		if (az.cpu[i].owner != proc)
			continue;
		az.cpu[i].owner = AZ_NONE;
		az.cpu[i].shared->proc = AZ_NONE;
	}
	mutex_unlock(&az.lease_lock);
}

/* What the LWK can promise to programs. */
static u64 memory_to_lease(void)
{
	u64 total = 0;
	u32 node;

	for (node = 0; node < az.handover->node_count; node++)
		total += READ_ONCE(az.handover->node[node].total) * PAGE_SIZE;
	return total - total / AZ_KERNEL_SHARE;
}

int az_memory_lease(u64 bytes, char *error)
{
	u64 total = memory_to_lease();
	int ret = 0;

	mutex_lock(&az.lease_lock);
	if (bytes > total - min(total, az.memory_leased)) {
		snprintf(error, AZ_ERROR_SIZE, "%llu MB of memory wanted, %llu of %llu MB are not reserved", bytes >> 20,
			 (total - min(total, az.memory_leased)) >> 20, total >> 20);
		ret = -ENOMEM;
	} else {
		az.memory_leased += bytes;
	}
	mutex_unlock(&az.lease_lock);
	return ret;
}

void az_memory_return(u64 bytes)
{
	mutex_lock(&az.lease_lock);
	az.memory_leased -= bytes;
	mutex_unlock(&az.lease_lock);
}
