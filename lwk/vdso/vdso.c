/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vDSO: code of the LWK that programs run in user mode instead of a system call. A C library finds it by AT_SYSINFO_EHDR and its
 * functions by name and version, as in Linux (man 7 vdso). It is one read-only segment without relocations; the time page lies
 * right before it:
 *
 *	time page, r--  |  this file's ELF header, tables and code, r-x
 */
#include "azalea.h"
#include "timepage.h"

#define NR_GETTIMEOFDAY		96
#define NR_TIME			201
#define NR_CLOCK_GETTIME	228
#define NR_CLOCK_GETRES		229

#define PUBLIC			__attribute__((visibility("default")))

/* vdso.ld knows where. Not const, or the compiler would read it but once. */
extern struct az_time time_page __attribute__((visibility("hidden")));

PUBLIC long __vdso_clock_gettime(int clock, struct time_value *ts);
PUBLIC long __vdso_clock_getres(int clock, struct time_value *res);
PUBLIC long __vdso_gettimeofday(struct time_value *tv, s32 zone[2]);
PUBLIC s64 __vdso_time(s64 *t);
PUBLIC long __vdso_getcpu(u32 *cpu, u32 *node, void *unused);

/* LFENCE: not before the loads that precede it, so that time never seems to run backwards between threads. */
static u64 cycles(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (u64)hi << 32;
}

static long system_call(long nr, long a, void *b)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return ret;
}

long __vdso_clock_gettime(int clock, struct time_value *ts)
{
	return timepage_read(&time_page, clock, cycles, ts) ? 0 : system_call(NR_CLOCK_GETTIME, clock, ts);
}

long __vdso_clock_getres(int clock, struct time_value *res)
{
	return system_call(NR_CLOCK_GETRES, clock, res);
}

long __vdso_gettimeofday(struct time_value *tv, s32 zone[2])
{
	struct time_value now;

	if (!timepage_read(&time_page, CLOCK_REALTIME, cycles, &now))
		return system_call(NR_GETTIMEOFDAY, (long)tv, zone);
	if (tv)
		*tv = (struct time_value){ now.sec, now.nsec / 1000 };
	if (zone) {
		zone[0] = time_page.tz_minuteswest;
		zone[1] = time_page.tz_dsttime;
	}
	return 0;
}

s64 __vdso_time(s64 *t)
{
	struct time_value now;

	if (!timepage_read(&time_page, CLOCK_REALTIME, cycles, &now))
		return system_call(NR_TIME, (long)t, NULL);
	if (t)
		*t = now.sec;
	return now.sec;
}

/* The LWK keeps node << 12 | CPU in TSC_AUX; without RDTSCP it maps no vDSO. */
long __vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	u32 aux;

	asm volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
	if (cpu)
		*cpu = aux & 0xfff;
	if (node)
		*node = aux >> 12;
	return 0;
}
