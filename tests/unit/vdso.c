/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vDSO as it will lie in the image: what a C library looks for is there, nothing needs relocation, and its functions read the
 * time page in front of them. System calls that it makes here are Linux's.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <cpuid.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <x86intrin.h>

#include "unit.h"
#include "timepage.h"

#define SHIFT	22
#define SECOND	((u64)NSEC_PER_SEC)

static struct az_time *page;
static u8 *image;
static const Elf64_Ehdr *ehdr;
static const Elf64_Dyn *dynamic;

static long (*vdso_clock_gettime)(int clock, struct time_value *ts);
static long (*vdso_clock_getres)(int clock, struct time_value *res);
static long (*vdso_gettimeofday)(struct time_value *tv, s32 zone[2]);
static s64 (*vdso_time)(s64 *t);
static long (*vdso_getcpu)(u32 *cpu, u32 *node, void *unused);

static int load(void **state)
{
	int fd = open(VDSO, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	page = mmap(NULL, PAGE_SIZE + st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	image = (u8 *)page + PAGE_SIZE;
	if (page == MAP_FAILED || read(fd, image, st.st_size) != st.st_size || mprotect(image, st.st_size, PROT_READ | PROT_EXEC))
		return -1;
	close(fd);
	ehdr = (const Elf64_Ehdr *)image;
	return 0;
}

static int set_page(void **state)
{
	*page = (struct az_time){
		.seq = 2, .mode = 1, .cycle_last = __rdtsc(), .mult = 1 << SHIFT, .shift = SHIFT,
		.wall_sec = 1000, .wall_snsec = (SECOND - 1) << SHIFT, .mono_sec = 50, .mono_snsec = 5 << SHIFT,
		.raw_sec = 9, .raw_mult = 2 << SHIFT, .raw_shift = SHIFT, .boot_offset_ns = 7 * SECOND + 3, .tai_offset = 37,
		.tz_minuteswest = -60, .tz_dsttime = 1,
	};
	return 0;
}

static u64 dynamic_value(s64 tag)
{
	for (const Elf64_Dyn *d = dynamic; d->d_tag; d++)
		if (d->d_tag == tag)
			return d->d_un.d_val;
	return 0;
}

/* Name and version, as dlvsym(3) would. */
static void *symbol(const char *name)
{
	const Elf64_Sym *sym = (const Elf64_Sym *)(image + dynamic_value(DT_SYMTAB));
	const u16 *version = (const u16 *)(image + dynamic_value(DT_VERSYM));
	const u32 *hash = (const u32 *)(image + dynamic_value(DT_HASH));
	const char *strings = (const char *)image + dynamic_value(DT_STRTAB);

	for (u32 i = 1; i < hash[1]; i++) {
		const Elf64_Verdef *def = (const Elf64_Verdef *)(image + dynamic_value(DT_VERDEF));

		if (strcmp(strings + sym[i].st_name, name) || ELF64_ST_TYPE(sym[i].st_info) != STT_FUNC)
			continue;
		while (def->vd_ndx != version[i])
			def = (const Elf64_Verdef *)((const u8 *)def + def->vd_next);
		assert_string_equal(strings + ((const Elf64_Verdaux *)((const u8 *)def + def->vd_aux))->vda_name, "LINUX_2.6");
		assert_int_equal(ELF64_ST_BIND(sym[i].st_info), STB_GLOBAL);
		return image + sym[i].st_value;
	}
	fail_msg("the vDSO has no %s", name);
	return NULL;
}

static void one_segment_without_relocations(void **state)
{
	static const s64 unwanted[] = { DT_REL, DT_RELA, DT_JMPREL, DT_TEXTREL, DT_NEEDED, DT_INIT, DT_FINI, DT_PLTGOT };
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + ehdr->e_phoff);
	u32 loads = 0;

	assert_memory_equal(ehdr->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(ehdr->e_type, ET_DYN);
	for (u32 i = 0; i < ehdr->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			dynamic = (const Elf64_Dyn *)(image + ph[i].p_vaddr);
		if (ph[i].p_type != PT_LOAD)
			continue;
		loads++;
		assert_int_equal(ph[i].p_flags, PF_R | PF_X);
		assert_int_equal(ph[i].p_vaddr | ph[i].p_offset, 0);
		assert_int_equal(ph[i].p_filesz, ph[i].p_memsz);
	}
	assert_int_equal(loads, 1);
	assert_non_null(dynamic);
	assert_string_equal((const char *)image + dynamic_value(DT_STRTAB) + dynamic_value(DT_SONAME), "linux-vdso.so.1");
	assert_true(dynamic_value(DT_GNU_HASH));
	for (u32 i = 0; i < ARRAY_SIZE(unwanted); i++)
		assert_int_equal(dynamic_value(unwanted[i]), 0);
}

static void functions_have_their_names(void **state)
{
	vdso_clock_gettime = symbol("__vdso_clock_gettime");
	vdso_clock_getres = symbol("__vdso_clock_getres");
	vdso_gettimeofday = symbol("__vdso_gettimeofday");
	vdso_time = symbol("__vdso_time");
	vdso_getcpu = symbol("__vdso_getcpu");
}

/* The clock must read @sec and @nsec, @rate times the cycles since cycle_last later. */
static void expect_clock(int clock, u64 sec, u64 nsec, u32 rate)
{
	u64 base = sec * SECOND + nsec, least = (__rdtsc() - page->cycle_last) * rate, value;
	struct time_value ts;

	assert_int_equal(vdso_clock_gettime(clock, &ts), 0);
	assert_true(ts.nsec < SECOND);
	value = ts.sec * SECOND + ts.nsec;
	assert_in_range(value - base, least, (__rdtsc() - page->cycle_last) * rate);
}

static void clocks_come_from_the_page(void **state)
{
	expect_clock(CLOCK_REALTIME, 1000, SECOND - 1, 1);
	expect_clock(CLOCK_REALTIME_COARSE, 1000, SECOND - 1, 1);
	expect_clock(CLOCK_MONOTONIC, 50, 5, 1);
	expect_clock(CLOCK_MONOTONIC_COARSE, 50, 5, 1);
	expect_clock(CLOCK_MONOTONIC_RAW, 9, 0, 2);
	expect_clock(CLOCK_BOOTTIME, 57, 8, 1);
	expect_clock(CLOCK_TAI, 1037, SECOND - 1, 1);
}

static void updates_may_be_long_ago_or_ahead(void **state)
{
	struct time_value ts;

	page->cycle_last = 0;
	page->mult = 1u << 31;		/* more than fits into 64 bits when multiplied */
	page->shift = 31;
	page->mono_snsec = 5ULL << 31;
	expect_clock(CLOCK_MONOTONIC, 50, 5, 1);
	page->cycle_last = __rdtsc() + (1ULL << 40);	/* this CPU's counter is behind */
	assert_int_equal(vdso_clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	assert_int_equal(ts.sec, 50);
	assert_int_equal(ts.nsec, 5);
}

static void seconds_and_microseconds(void **state)
{
	struct time_value tv;
	s32 zone[2];
	s64 t;

	page->cycle_last = __rdtsc() + (1ULL << 40);
	assert_int_equal(vdso_gettimeofday(&tv, zone), 0);
	assert_int_equal(tv.sec, 1000);
	assert_int_equal(tv.nsec, 999999);
	assert_int_equal(zone[0], -60);
	assert_int_equal(zone[1], 1);
	assert_int_equal(vdso_gettimeofday(NULL, NULL), 0);
	assert_int_equal(vdso_time(&t), 1000);
	assert_int_equal(t, 1000);
	assert_int_equal(vdso_time(NULL), 1000);
}

static void linux_is_asked_otherwise(void **state)
{
	struct time_value ts;
	struct timespec now;
	s64 t, before;

	assert_int_equal(vdso_clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	assert_true(ts.sec < 50);
	assert_int_equal(vdso_clock_gettime(77, &ts), -22);
	assert_int_equal(vdso_clock_getres(CLOCK_MONOTONIC, &ts), 0);
	page->mode = 0;
	assert_int_equal(vdso_clock_gettime(CLOCK_REALTIME, &ts), 0);
	clock_gettime(CLOCK_REALTIME, &now);
	assert_in_range(now.tv_sec - ts.sec, 0, 100);
	assert_int_equal(vdso_gettimeofday(&ts, NULL), 0);
	assert_in_range(now.tv_sec - ts.sec + 1, 0, 100);
	before = time(NULL);		/* of the last tick, which may be a second behind now */
	assert_in_range(vdso_time(&t) - before, 0, 100);
}

static void *late_update(void *arg)
{
	usleep(20000);
	page->mono_sec = 60;
	__atomic_store_n(&page->seq, 4, __ATOMIC_RELEASE);
	return NULL;
}

static void updates_are_waited_for(void **state)
{
	pthread_t thread;

	page->seq = 3;
	page->mono_sec = 12345;
	assert_int_equal(pthread_create(&thread, NULL, late_update, NULL), 0);
	expect_clock(CLOCK_MONOTONIC, 60, 5, 1);
	pthread_join(thread, NULL);
}

/* Some virtual machines hide RDTSCP; then Linux keeps no CPU number for it, and the LWK maps no vDSO. */
static bool has_rdtscp(void)
{
	unsigned int a, b, c, d = 0;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && d & 1u << 27;
}

static void the_cpu_is_known(void **state)
{
	cpu_set_t one;
	u32 cpu, node;

	if (!has_rdtscp())
		skip();
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(vdso_getcpu(&cpu, &node, NULL), 0);
	assert_true(CPU_ISSET(cpu, &one));
	assert_true(node < 64);
	assert_int_equal(vdso_getcpu(NULL, NULL, NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup(f, set_page)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_segment_without_relocations), TEST(functions_have_their_names), TEST(clocks_come_from_the_page),
		TEST(updates_may_be_long_ago_or_ahead), TEST(seconds_and_microseconds), TEST(linux_is_asked_otherwise),
		TEST(updates_are_waited_for), TEST(the_cpu_is_known),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
