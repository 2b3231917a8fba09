/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only code that touches user memory. Addresses are checked against the program's range first; a page that is not there
 * traps, and the trap handler looks the instruction up in one of two tables of { instruction, where to go on }:
 *
 *   .extable          the page is made present if it can be (may sleep); only if not, execution goes on at the fix-up
 *   .extable_nofault  straight to the fix-up: for code that holds spin locks
 *
 * SMAP is opened for single instructions. Where the CPU lacks it, STAC does not exist, so it is asked for each time.
 */
#include "azalea.h"
#include "../arch/x86/x86.h"
#include "errno.h"
#include "mm.h"

#define EXTABLE(section, insn, fixup) \
	".pushsection " section ", \"a\"\n" \
	".quad " insn ", " fixup "\n" \
	".popsection\n"

static inline void user_open(void)
{
	if (likely(x86_features.smap))
		asm volatile("stac" : : : "memory", "cc");
}

static inline void user_close(void)
{
	if (likely(x86_features.smap))
		asm volatile("clac" : : : "memory", "cc");
}

static bool in_range(uaddr_t addr, u64 len)
{
	return addr <= AZ_USER_END && len <= AZ_USER_END - addr;
}

/* Copies @len bytes of which one side is user memory; bytes not copied. */
static u64 copy(void *dst, const void *src, u64 len)
{
	user_open();
	asm volatile("1: rep movsb\n"
		     "2:\n"
		     EXTABLE(".extable", "1b", "2b")
		     : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
	user_close();
	return len;
}

long copy_from_user(void *dst, uaddr_t src, u64 len)
{
	return !in_range(src, len) || copy(dst, (const void *)src, len) ? -EFAULT : 0;
}

long copy_to_user(uaddr_t dst, const void *src, u64 len)
{
	return !in_range(dst, len) || copy((void *)dst, src, len) ? -EFAULT : 0;
}

long clear_user(uaddr_t dst, u64 len)
{
	if (!in_range(dst, len))
		return -EFAULT;
	user_open();
	asm volatile("1: rep stosb\n"
		     "2:\n"
		     EXTABLE(".extable", "1b", "2b")
		     : "+D"(dst), "+c"(len) : "a"(0) : "memory");
	user_close();
	return len ? -EFAULT : 0;
}

long copy_string_from_user(char *dst, uaddr_t src, u64 size)
{
	u64 room = src < AZ_USER_END ? min(size, AZ_USER_END - src) : 0;
	uaddr_t at = src;
	long ret;

	if (!room)
		return size ? -EFAULT : -ERANGE;
	user_open();
	asm volatile("1:	lodsb\n"
		     "	stosb\n"
		     "	test %%al, %%al\n"
		     "	jz 2f\n"
		     "	dec %[room]\n"
		     "	jnz 1b\n"
		     "	mov %[erange], %[ret]\n"
		     "	jmp 4f\n"
		     "2:	xor %k[ret], %k[ret]\n"
		     "	jmp 4f\n"
		     "3:	mov %[efault], %[ret]\n"
		     "4:\n"
		     EXTABLE(".extable", "1b", "3b")
		     : "+D"(dst), "+S"(at), [room] "+r"(room), [ret] "=&r"(ret)
		     : [erange] "i"(-ERANGE), [efault] "i"(-EFAULT) : "rax", "memory", "cc");
	user_close();
	if (ret == -ERANGE && at == AZ_USER_END)
		return -EFAULT;
	return ret ? ret : (long)(at - src - 1);
}

long user_load32(u32 *value, uaddr_t addr)
{
	long ret = 0;
	u32 v = 0;

	if (!in_range(addr, sizeof(v)))
		return -EFAULT;
	user_open();
	asm volatile("1:	mov %[mem], %[v]\n"
		     "	jmp 3f\n"
		     "2:	mov %[efault], %[ret]\n"
		     "3:\n"
		     EXTABLE(".extable_nofault", "1b", "2b")
		     : [v] "+r"(v), [ret] "+r"(ret) : [mem] "m"(*(u32 *)addr), [efault] "i"(-EFAULT));
	user_close();
	*value = v;
	return ret;
}

long user_cmpxchg32(uaddr_t addr, u32 *expected, u32 desired)
{
	u32 old = *expected;
	long ret = 0;

	if (!in_range(addr, sizeof(old)))
		return -EFAULT;
	user_open();
	asm volatile("1:	lock cmpxchg %[desired], %[mem]\n"
		     "	jz 3f\n"
		     "	mov %[eagain], %[ret]\n"
		     "	jmp 3f\n"
		     "2:	mov %[efault], %[ret]\n"
		     "3:\n"
		     EXTABLE(".extable_nofault", "1b", "2b")
		     : "+a"(old), [ret] "+r"(ret), [mem] "+m"(*(u32 *)addr)
		     : [desired] "r"(desired), [eagain] "i"(-EAGAIN), [efault] "i"(-EFAULT) : "memory", "cc");
	user_close();
	if (ret == -EAGAIN)
		*expected = old;
	return ret;
}
