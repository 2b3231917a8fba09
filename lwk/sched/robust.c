/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Robust futexes (man 2 set_robust_list): a program keeps a list in its memory of the locks that a thread holds. When the thread
 * ends, its locks are marked so that the next owner learns of it. The list is the program's, so nothing in it is believed.
 *
 * Here a thread ends alone. When the whole process dies its threads just stop, and Linux walks the lists that the slots tell it,
 * because locks in memory shared with other processes may be among them; nobody can miss the others.
 */
#include "futex.h"
#include "syscall_proto.h"

#define LIST_LIMIT		2048	/* a program may have made a circle */
#define INHERITING		1u	/* in an entry's address: a priority-inheritance lock, which futex_exit_pi() hands over */

struct robust_list_head {		/* linux/futex.h */
	uaddr_t next;
	s64 futex_offset;
	uaddr_t pending;		/* being locked or unlocked just now */
};

/* Replaces the word by @new if it is *@old, making its page present; 0, -EAGAIN with *@old updated, or -EFAULT. */
static long replace_word(uaddr_t addr, u32 *old, u32 new)
{
	int code;
	long err;

	while ((err = user_cmpxchg32(addr, old, new)) == -EFAULT)
		if (aspace_fault(current_thread()->proc->aspace, addr, FAULT_WRITE, &code))
			return -EFAULT;
	return err;
}

/* The dying thread's lock, if it is its own. Errors end the walk. */
static long release_lock(struct thread *t, uaddr_t entry, s64 offset, bool pending)
{
	uaddr_t addr = (entry & ~(uaddr_t)INHERITING) + offset;
	bool inheriting = entry & INHERITING;
	u32 word;
	long err;

	if (addr % sizeof(u32) || copy_from_user(&word, addr, sizeof(word)))
		return -EFAULT;
	do {
		if (pending && !inheriting && !word) {
			futex_wake_addr(addr, 1);	/* died between unlocking and waking */
			return 0;
		}
		if ((word & FUTEX_TID_MASK) != t->tid)
			return 0;
		err = replace_word(addr, &word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
	} while (err == -EAGAIN);
	if (!err && !inheriting && word & FUTEX_WAITERS)
		futex_wake_addr(addr, 1);
	return err;
}

void futex_exit_robust(struct thread *t)
{
	struct robust_list_head head;
	uaddr_t entry, next;
	u32 n = 0;

	if (!t->robust_list || copy_from_user(&head, t->robust_list, sizeof(head)))
		return;
	for (entry = head.next; (entry & ~(uaddr_t)INHERITING) != t->robust_list && n < LIST_LIMIT; entry = next, n++) {
		/* first, because the lock's next owner may reuse the entry at once */
		bool last = copy_from_user(&next, entry & ~(uaddr_t)INHERITING, sizeof(next));

		if ((entry | INHERITING) != (head.pending | INHERITING) && release_lock(t, entry, head.futex_offset, false))
			return;
		if (last)
			return;
	}
	if (head.pending & ~(uaddr_t)INHERITING)
		release_lock(t, head.pending, head.futex_offset, true);
}

long sys_set_robust_list(uaddr_t head, u64 length)
{
	if (length != sizeof(struct robust_list_head))
		return -EINVAL;
	current_thread()->robust_list = head;
	__atomic_store_n(&current_thread()->slot->robust_list, head, __ATOMIC_RELAXED);
	return 0;
}

static bool find_robust_list(struct proc *proc, u32 tid, uaddr_t *head)
{
	struct thread *t;

	spin_lock(&proc->lock);
	t = thread_find(proc, tid);
	if (t)
		*head = __atomic_load_n(&t->robust_list, __ATOMIC_RELAXED);
	spin_unlock(&proc->lock);
	return t;
}

long sys_get_robust_list(struct frame *f, int pid, uaddr_t head, uaddr_t length)
{
	struct thread *t = current_thread();
	u64 size = sizeof(struct robust_list_head);
	uaddr_t found;

	if (!find_robust_list(t->proc, pid ? (u32)pid : t->tid, &found))
		return forward_call(274, f);
	if (copy_to_user(length, &size, sizeof(size)) || copy_to_user(head, &found, sizeof(found)))
		return -EFAULT;
	return 0;
}
