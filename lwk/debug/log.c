/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log ring: lines for operators, kept in memory that the driver reads at any time, also after a crash. A line carries the
 * time since boot and the CPU by Linux's number. Lines never wait for a reader; old ones are overwritten.
 */
#include "cpu.h"
#include "format.h"
#include "log.h"
#include "string.h"

static struct spinlock log_lock;	/* rank: log, the last */

static void log_bytes(const char *s, size_t n) REQUIRES(log_lock)
{
	struct az_log *log = phys_to_virt(handover->log);
	u64 at = log->written;

	for (size_t i = 0; i < n; i++)
		log->data[(at + i) & (log->size - 1)] = s[i];
	/* log_bytes:A, pairs with the driver's acquire load: bytes before the count */
	__atomic_store_n(&log->written, at + n, __ATOMIC_RELEASE);
}

void log_args(const char *fmt, va_list args)
{
	char line[256];
	u64 us = (arch_cycles() - handover->boot_tsc) / (handover->tsc_khz / 1000 + 1);
	size_t n = format(line, sizeof(line), "[%5lu.%06lu] cpu%u: ", us / 1000000, us % 1000000, this_cpu()->shared->linux_cpu);

	n += format_args(line + n, sizeof(line) - 1 - n, fmt, args);
	line[n++] = '\n';
	spin_lock(&log_lock);
	log_bytes(line, n);
	spin_unlock(&log_lock);
}

void log_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_args(fmt, args);
	va_end(args);
	event_to_linux(AZ_EVENT(AZ_EV_LOG, 0));
}
