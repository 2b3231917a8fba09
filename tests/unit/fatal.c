/* SPDX-License-Identifier: GPL-2.0 */
/* What is logged of a program that dies, by a thread that is killed meanwhile: its twin writes the name later. */
#include "unit.h"
#include "cpu.h"
#include "errno.h"
#include "arch/x86/x86.h"

static struct cpu cpu;

static struct cpu *fake_cpu(void)
{
	return &cpu;
}

#define this_cpu fake_cpu
#define virt_to_phys(p)	((paddr_t)(p))	/* so that the sanitizer watches who writes there */
#include "debug/fatal.c"
#include "proc/remains.c"

/* Not reached here. */
struct x86_features x86_features;
void x86_fpu_save(void *area) { }

static struct frame frame;
static struct proc proc;
static struct thread thread = { .proc = &proc };
static u32 calls, killed_in;		/* 0: in none */
static char *written;			/* what the twin writes when all others go on */
static u32 frees;

void *kmalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	frees += p != NULL;
	free(p);
}

bool aspace_region_at(struct aspace *as, uaddr_t addr, struct az_region *r)
{
	*r = (struct az_region){ .start = addr, .end = addr + 1, .handle = 3 };
	return true;
}

long forward(u32 nr, const u64 arg[6])
{
	calls++;
	assert_int_equal(nr, AZ_CALL_NAME);
	if (thread.work & WORK_KILL)
		return -EINTR;
	if (calls == killed_in) {
		thread.work |= WORK_KILL;
		written = (char *)arg[1];
		return -EINTR;
	}
	strcpy((char *)arg[1], "name");
	return 0;
}

static void one(u32 kill)
{
	memset(&proc, 0, sizeof(proc));
	thread.work = calls = frees = 0;
	killed_in = kill;
	cpu.frame = &frame;
	host_thread = &thread;
	log_fatal_signal(11, 1, 0x1000);
}

static void report_is_freed(void **state)
{
	one(0);
	assert_int_equal(calls, 3);
	assert_int_equal(frees, 1);
	assert_null(proc.leftovers);
}

static void report_is_kept_for_the_twin(void **state)
{
	for (u32 i = 1; i <= 3; i++) {
		one(i);
		memset(written, 'x', NAME_SIZE);
		assert_int_equal(frees, 0);
		remains_free(&proc);
		assert_int_equal(frees, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_is_freed),
		cmocka_unit_test(report_is_kept_for_the_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
