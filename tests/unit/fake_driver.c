/* SPDX-License-Identifier: GPL-2.0 */
/* See fake_driver.h. Insists on what the contract in azalea.h promises to the driver. */
#include <string.h>

#include "fake_driver.h"
#include "syscall_proto.h"
#include "log.h"
#include "mm/aspace.h"
#include "offload.h"

#define MAP_ANONYMOUS	0x20
#define LINUX_MPROTECT	10
#define LINUX_MREMAP	25
#define LINUX_MSYNC	26
#define LINUX_MINCORE	27
#define LINUX_MADVISE	28
#define LINUX_MUNLOCK	150
#define LINUX_MLOCK2	325

struct fake_driver fake;
_Thread_local struct aspace *fake_own_as;

static struct aspace *served(void)
{
	return fake_own_as ? fake_own_as : fake.as;
}

u8 fake_buffer[PAGE_SIZE];

long copy_to_user(uaddr_t dst, const void *src, u64 len)
{
	if (dst < BUFFER || len > PAGE_SIZE || dst + len > BUFFER + PAGE_SIZE)
		return -EFAULT;
	memcpy(fake_buffer + (dst - BUFFER), src, len);
	return 0;
}

long copy_from_user(void *dst, uaddr_t src, u64 len)
{
	if (src < BUFFER || len > PAGE_SIZE || src + len > BUFFER + PAGE_SIZE)
		return -EFAULT;
	memcpy(dst, fake_buffer + (src - BUFFER), len);
	return 0;
}

long clear_user(uaddr_t dst, u64 len)
{
	static const u8 zeros[PAGE_SIZE];

	return len > PAGE_SIZE ? -EFAULT : copy_to_user(dst, zeros, len);
}

static void count(u32 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

u8 fake_file_byte(u64 offset)
{
	return offset / PAGE_SIZE * 7 + offset % 251 + 1;
}

bool fake_mirror(u64 addr)
{
	u64 span, *entry = pt_find(served()->pgd, addr, &span);
	u64 e = entry ? pte_load(entry) : 0;

	while (pte_present(e) && !(e & (AZ_PTE_FOREIGN | AZ_PTE_COW))) {
		if (__atomic_compare_exchange_n(entry, &e, e | AZ_PTE_MIRRORED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	}
	return false;
}

static long file_open(int fd)
{
	if (fd != 3)
		return fd == 5 ? -EACCES : -EBADF;
	count(&fake.opened);
	return 77;
}

static long file_read(u64 offset, paddr_t p, u64 len)
{
	u8 *dst = phys_to_virt(p);
	u64 n = offset < FILE_SIZE ? min(len, FILE_SIZE - offset) : 0;

	count(&fake.reads);
	memset(dst, 0xee, len);		/* what Linux did not write must not be seen */
	for (u64 i = 0; i < n; i++)
		dst[i] = fake_file_byte(offset + i);
	return n;
}

static long zap(uaddr_t addr, u64 len)
{
	uaddr_t end = addr + len;
	u64 span, *entry;

	check(addr >= AZ_USER_START && end <= AZ_USER_END);
	count(&fake.zaps);
	for (u32 i = 0; fake.threads && i < 20; i++)
		arch_relax();	/* time for others to get in the way */
	for_each_entry(served()->pgd, entry, addr, end, span) {
		u64 e = pte_load(entry);

		if (e & AZ_PTE_MIRRORED) {
			check(!pte_present(e) && !(e & AZ_PTE_COW));
			if (fake.pin) {
				__atomic_fetch_or(entry, AZ_PTE_PINNED, __ATOMIC_SEQ_CST);
				fake.pinned = pte_frame(e);
				fake.pin_order = span == LARGE_SIZE ? LARGE_ORDER : 0;
				fake.pins++;
			}
		}
	}
	return 0;
}

/* Linux's own calls on what it backs, all of which succeed, and what only it knows. */
static long dispatch_whole_calls(u32 nr, const u64 arg[6])
{
	switch (nr) {
	case LINUX_MREMAP:
		count(&fake.remaps);
		return 0;
	case LINUX_MADVISE:
		count(&fake.advices);
		return 0;
	case LINUX_MSYNC:
		count(&fake.syncs);
		return 0;
	case LINUX_MINCORE:
		count(&fake.cores);
		memset(fake_buffer + (arg[2] - BUFFER), 1, arg[1] / PAGE_SIZE);
		return 0;
	case LINUX_MUNLOCK:
		count(&fake.unlocks);
		return 0;
	case LINUX_MLOCK2:
		count(&fake.locks);
		return 0;
	case AZ_CALL_CAPABLE:
		return fake.privileged;
	case AZ_CALL_SHM_SIZE:
		return arg[0] == 7 ? (long)fake.segment : -EINVAL;
	case AZ_CALL_SHM_ATTACH:
		count(&fake.maps);
		return arg[2] == 7 && arg[1] == fake.segment ? 0 : -EIDRM;
	default:
		return -ENOSYS;
	}
}

static _Thread_local u64 lent[AZ_LENT_MAX];

const u64 *slot_lent(void)
{
	return lent;
}

static long dispatch(u32 nr, const u64 arg[6])
{
	switch (nr) {
	case AZ_CALL_FILE_OPEN:
		return file_open(arg[0]);
	case AZ_CALL_FILE_READ:
		return file_read(arg[1], arg[2], arg[3]);
	case AZ_CALL_FILE_CLOSE:
		count(&fake.closed);
		return 0;
	case AZ_CALL_ZAP:
		return zap(arg[0], arg[1]);
	case AZ_CALL_LINUX_MAP:
		count(&fake.maps);
		if (arg[4] != 4 && !(arg[3] & MAP_ANONYMOUS))
			return -EBADF;
		return arg[3] >> 32 == fake.shift ? 0 : fake.shift;
	case AZ_CALL_LINUX_UNMAP:
		count(&fake.unmaps);
		return 0;
	case AZ_CALL_LINUX_FAULT:
		count(&fake.faults);
		for (u64 i = 0; i < AZ_LENT_MAX; i++)
			lent[i] = !fake.lends_around || i >= arg[3] ? 0 : (FOREIGN_BASE + arg[2] + i * PAGE_SIZE) | (arg[4] & i);
		return (FOREIGN_BASE + arg[0]) | (fake.read_only || !arg[1] ? 0 : 1);
	case LINUX_MPROTECT:
		count(&fake.protects);
		return 0;
	default:
		return dispatch_whole_calls(nr, arg);
	}
}

long forward(u32 nr, const u64 arg[6])
{
	void (*during)(void) = fake.during;
	long ret = fake.fail;

	check(fake.threads || !spin_is_locked(&served()->lock));
	count(&fake.calls);
	if (during) {
		fake.during = NULL;
		during();
	}
	if (ret) {
		fake.fail = 0;
		return ret;
	}
	return dispatch(nr, arg);
}

/* Of other processes Linux is asked, and knows none. */
long forward_call(u64 nr, struct frame *f)
{
	return -ESRCH;
}
