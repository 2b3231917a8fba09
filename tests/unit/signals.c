/* SPDX-License-Identifier: GPL-2.0 */
/* Signals on the fake machine: what Linux is told of handlers, what waits and comes first. */
#include "fake_user.h"
/* The C library's names, which unit.h brings along: the LWK has its own. */
#undef SIG_DFL
#undef SIG_IGN
#undef SS_ONSTACK
#undef SS_DISABLE
#undef SI_KERNEL
#undef SI_TKILL
#undef SIGRTMIN
#undef SEGV_PKUERR
#undef BUS_ADRERR
#undef MINSIGSTKSZ
#include "proc/signal.c"
#include "proc/sys_signal.c"

#define SET		MEMORY		/* places that the tests use */
#define ACTION		(MEMORY + 64)
#define OLD		(MEMORY + 128)
#define TIMESPEC	(MEMORY + 256)
#define HANDLER		0x1000

static struct az_handover no_handover;
struct az_handover *handover = &no_handover;
struct x86_features x86_features = { .xsave_size = 832 };
static struct az_slot slots[THREADS];
static struct thread threads[THREADS];
static struct proc proc;
static u64 told[65], told_with[65];	/* a: what Linux does with each signal, and by which flags */
static u64 tells;			/* a */
static u32 framed[8], frames;		/* signals whose handlers have frames, in order */
static s32 framed_code[8];

long forward(u32 nr, const u64 arg[6])
{
	if (nr == NR_RT_SIGACTION) {
		assert_int_equal(__atomic_fetch_add(&tells, 1, __ATOMIC_SEQ_CST) & 1, 0);	/* one at a time */
		__atomic_store_n(&told[arg[0]], arg[1], __ATOMIC_SEQ_CST);
		__atomic_store_n(&told_with[arg[0]], arg[2], __ATOMIC_SEQ_CST);
		sched_yield();
		__atomic_fetch_add(&tells, 1, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static u32 forwards;

long forward_call(u64 nr, struct frame *f)
{
	forwards++;
	return 0;
}

void *kmalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

bool clock_now(u32 clock, u64 *sec, u64 *nsec)
{
	u64 now = arch_cycles();

	*sec = now / NSEC_PER_SEC;
	*nsec = now % NSEC_PER_SEC;
	return true;
}

u32 altstack_flags(const struct thread *t, uaddr_t sp)
{
	return t->altstack.size ? 0 : SS_DISABLE;
}

static u32 no_room_for;			/* the signal whose frame has no place */

long sigframe_push(struct thread *t, struct frame *f, const struct ksigaction *act, const u8 info[128], u64 oldmask)
{
	if (info_signal(info) == no_room_for)
		return -EFAULT;
	framed[frames] = info_signal(info);
	framed_code[frames++] = ((const s32 *)info)[2];
	return 0;
}

/* Not reached here. */
void log_fatal_signal(u32 sig, s32 code, uaddr_t addr) { }
bool rseq_interrupted(struct thread *t, u64 *ip) { return true; }
bool thread_give_way(void) { return false; }
void thread_yield(void) { }
void thread_set_mode(u32 mode, bool on) { }
void thread_move_if_needed(struct thread *t) { }
long syscall_deferred(struct frame *f) { return 0; }
void trace_signal(struct trace *tr, const u8 info[128]) { }
void trace_deferred(struct trace *tr, long ret) { }
void remains_leave(struct thread *t, const struct frame *f) { }
void thread_exit(u32 status) { abort(); }
void slot_signals_seen(struct az_slot *slot) { slot->sig_due = 0; }

static int setup(void **state)
{
	memset(&proc, 0, sizeof(proc));
	memset(threads, 0, sizeof(threads));
	memset(slots, 0, sizeof(slots));
	memset(told, 0, sizeof(told));
	list_init(&proc.threads);
	list_init(&proc.tellers);
	for (u32 i = 0; i < THREADS; i++) {
		threads[i].proc = &proc;
		threads[i].slot = &slots[i];
		list_init(&threads[i].sigqueue);
	}
	host_thread = &threads[0];
	frames = 0;
	present = true;
	return 0;
}

static void put_set(uaddr_t to, u64 set)
{
	copy_to_user(to, &set, sizeof(set));
}

static long set_handler(u32 sig, uaddr_t handler)
{
	struct ksigaction act = { .handler = handler, .flags = SA_RESTORER };

	copy_to_user(ACTION, &act, sizeof(act));
	return sys_rt_sigaction(NULL, sig, ACTION, OLD, sizeof(u64));
}

static void post(struct thread *t, u32 sig, s32 code)
{
	u8 info[128];

	set_info(info, sig, code, 0);
	signal_post(t, info);
}

static void deliver_all(struct thread *t)
{
	struct frame f = { 0 };
	bool syscall = false;
	u8 info[128];
	u32 sig;

	while ((sig = next_signal(t, info)))
		deliver(t, &f, sig, info, &syscall);
}

/* ---- Tests ---- */

static void linux_is_told_of_handlers(void **state)
{
	struct ksigaction old;

	assert_int_equal(set_handler(SIGTERM, HANDLER), 0);
	assert_int_equal(told[SIGTERM], CLASS_HANDLER);
	assert_int_equal(set_handler(SIGTERM, SIG_IGN), 0);
	assert_int_equal(told[SIGTERM], CLASS_IGNORE);
	copy_from_user(&old, OLD, sizeof(old));
	assert_int_equal(old.handler, HANDLER);
	assert_int_equal(set_handler(SIGTERM, SIG_DFL), 0);
	assert_int_equal(told[SIGTERM], CLASS_DEFAULT);
	assert_int_equal(set_handler(SIGKILL, SIG_DFL), -EINVAL);
	assert_int_equal(set_handler(65, SIG_DFL), -EINVAL);
}

struct wait {
	pthread_t pthread;
	struct thread *thread;
	long result;
};

static void *wait_body(void *arg)
{
	struct wait *w = arg;

	host_thread = w->thread;
	w->result = sys_rt_sigtimedwait(SET, 0, 0, sizeof(u64));
	return NULL;
}

static void start_wait(struct wait *w, u32 i)
{
	*w = (struct wait){ .thread = &threads[i] };
	assert_int_equal(pthread_create(&w->pthread, NULL, wait_body, w), 0);
	for (u64 awaited = 0; !awaited; sched_yield()) {
		spin_lock(&proc.lock);
		awaited = threads[i].awaited;
		spin_unlock(&proc.lock);
	}
}

static long end_wait(struct wait *w, u32 sig)
{
	post(w->thread, sig, 0);
	assert_int_equal(pthread_join(w->pthread, NULL), 0);
	return w->result;
}

static void a_signal_has_its_default_action_when_nobody_waits(void **state)
{
	struct wait a, b;
	u64 before;

	put_set(SET, SIGBIT(SIGTERM) | SIGBIT(SIGCHLD));
	for (u32 i = 0; i < THREADS; i++)
		threads[i].sigmask = SIGBIT(SIGTERM) | SIGBIT(SIGCHLD);
	start_wait(&a, 1);
	start_wait(&b, 2);
	assert_int_equal(told[SIGTERM], CLASS_HANDLER);
	assert_int_equal(end_wait(&a, SIGTERM), SIGTERM);
	assert_int_equal(told[SIGTERM], CLASS_HANDLER);
	assert_int_equal(set_handler(SIGTERM, HANDLER), 0);
	before = tells;
	assert_int_equal(set_handler(SIGTERM, SIG_IGN), 0);
	assert_int_equal(tells - before, 4);	/* twice: what is pending is dropped, then it has a handler again */
	assert_int_equal(told[SIGTERM], CLASS_HANDLER);
	assert_int_equal(set_handler(SIGTERM, SIG_DFL), 0);
	assert_int_equal(told[SIGTERM], CLASS_HANDLER);
	assert_int_equal(end_wait(&b, SIGCHLD), SIGCHLD);
	assert_int_equal(told[SIGTERM], AZ_ACTION_KEEPS + CLASS_DEFAULT);
	assert_int_equal(told[SIGCHLD], AZ_ACTION_KEEPS + CLASS_DEFAULT);
}

static void *claim_often(void *arg)
{
	host_thread = &threads[(uintptr_t)arg];
	for (u32 i = 0; i < 200; i++) {
		claim_signals(&proc, SIGBIT(SIGTERM), true);
		assert_int_equal(__atomic_load_n(&told[SIGTERM], __ATOMIC_SEQ_CST), CLASS_HANDLER);
		claim_signals(&proc, SIGBIT(SIGTERM), false);
	}
	return NULL;
}

static void waits_that_begin_and_end_together(void **state)
{
	run_threads(claim_often);
	assert_int_equal(told[SIGTERM], AZ_ACTION_KEEPS + CLASS_DEFAULT);
	assert_int_equal(proc.claims[SIGTERM - 1], 0);
}

/* Both have come: the awaited one is the result, whatever else ends the wait. */
static void an_awaited_signal_is_not_missed(void **state)
{
	put_set(SET, SIGBIT(SIGTERM));
	set_handler(SIGUSR1, HANDLER);
	threads[0].sigmask = SIGBIT(SIGTERM);
	post(&threads[0], SIGUSR1, 0);
	post(&threads[0], SIGTERM, 0);
	assert_int_equal(sys_rt_sigtimedwait(SET, 0, 0, sizeof(u64)), SIGTERM);
	assert_int_equal(sys_rt_sigtimedwait(SET, 0, 0, sizeof(u64)), -EINTR);
	deliver_all(&threads[0]);
	assert_int_equal(framed[0], SIGUSR1);
	threads[0].work = 0;
	put_pair(TIMESPEC, 0, 0);
	assert_int_equal(sys_rt_sigtimedwait(SET, 0, TIMESPEC, sizeof(u64)), -EAGAIN);
}

static void faults_come_first(void **state)
{
	set_handler(SIGUSR1, HANDLER);
	set_handler(SIGSEGV, HANDLER);
	post(&threads[0], SIGUSR1, 0);
	signal_force(SIGSEGV, 1, 0x1234);
	deliver_all(&threads[0]);
	assert_int_equal(frames, 2);
	assert_int_equal(framed[0], SIGSEGV);
	assert_int_equal(framed_code[0], 1);
	assert_int_equal(framed[1], SIGUSR1);
	assert_int_equal(threads[0].sigpending, 0);
}

static void a_frame_without_a_place_is_a_fault(void **state)
{
	set_handler(SIGUSR1, HANDLER);
	set_handler(SIGSEGV, HANDLER);
	no_room_for = SIGUSR1;
	post(&threads[0], SIGUSR1, 0);
	deliver_all(&threads[0]);
	no_room_for = 0;
	assert_int_equal(frames, 1);
	assert_int_equal(framed[0], SIGSEGV);
	assert_int_equal(framed_code[0], SI_KERNEL);
}

static void a_handler_for_once(void **state)
{
	set_handler(SIGUSR1, HANDLER);
	proc.action[SIGUSR1 - 1].flags |= SA_RESETHAND | SA_NODEFER;
	post(&threads[0], SIGUSR1, 0);
	deliver_all(&threads[0]);
	assert_int_equal(frames, 1);
	assert_int_equal(signal_action(&proc, SIGUSR1).handler, SIG_DFL);
}

/* What Linux has no part in does not go there. */
static void a_thread_signals_itself(void **state)
{
	struct frame f = { 0 };

	host_thread->pid = 7;
	host_thread->tid = 8;
	forwards = 0;
	assert_int_equal(sys_tgkill(&f, 7, 8, SIGUSR1), 0);	/* Linux performs the default action */
	set_handler(SIGUSR1, HANDLER);
	set_handler(34, HANDLER);
	sys_tgkill(&f, 7, 9, SIGUSR1);
	sys_tgkill(&f, 6, 8, SIGUSR1);
	sys_tkill(&f, 8, 34);
	sys_tkill(&f, 8, 0);
	host_thread->sigmask = SIGBIT(SIGUSR1);
	sys_tkill(&f, 8, SIGUSR1);
	host_thread->sigmask = 0;
	host_thread->stamp = 1;
	sys_tkill(&f, 8, SIGUSR1);
	host_thread->stamp = 0;
	proc.uid = UID_UNKNOWN;
	sys_tkill(&f, 8, SIGUSR1);
	proc.uid = 1000;
	assert_int_equal(forwards, 8);
	assert_int_equal(host_thread->sigpending, 0);
	assert_int_equal(sys_tgkill(&f, 7, 8, SIGUSR1), 0);
	assert_int_equal(forwards, 8);
	deliver_all(host_thread);
	assert_int_equal(frames, 1);
	assert_int_equal(framed[0], SIGUSR1);
	assert_int_equal(framed_code[0], SI_TKILL);
}

#define ROUNDS	500

static void *change_often(void *arg)
{
	struct ksigaction act, seen;

	host_thread = &threads[(uintptr_t)arg];
	for (u32 i = 0; i < ROUNDS; i++) {
		act = (struct ksigaction){ .handler = HANDLER + i, .flags = SA_RESTORER | i % 2, .restorer = HANDLER + i };
		if ((uintptr_t)arg % 2)
			set_action(&proc, SIGUSR1, &act, &seen);
		else
			sched_yield();
		seen = signal_action(&proc, SIGUSR1);
		if ((uintptr_t)arg == 1)
			seen = take_action(&proc, SIGUSR1);
		assert_int_equal(seen.handler, seen.restorer);
	}
	return NULL;
}

static void actions_are_copied_whole(void **state)
{
	run_threads(change_often);
}

static void alternate_stacks_have_linuxs_least_size(void **state)
{
	struct altstack s = { .sp = MEMORY, .size = 2047 };

	assert_int_equal(altstack_set(&threads[0], &s), -ENOMEM);
	s.size = 2048;
	assert_int_equal(altstack_set(&threads[0], &s), 0);
	s.flags = 3;
	assert_int_equal(altstack_set(&threads[0], &s), -EINVAL);
}

static void who_ignores_children_has_no_zombies(void **state)
{
	struct wait a;

	assert_int_equal(set_handler(SIGCHLD, SIG_IGN), 0);
	put_set(SET, SIGBIT(SIGCHLD));
	threads[1].sigmask = SIGBIT(SIGCHLD);
	start_wait(&a, 1);
	assert_int_equal(told[SIGCHLD], CLASS_HANDLER);
	assert_int_equal(told_with[SIGCHLD], SA_NOCLDWAIT);
	post(&threads[1], SIGCHLD, 1);		/* CLD_EXITED */
	assert_int_equal(threads[1].sigpending, 0);
	assert_int_equal(end_wait(&a, SIGCHLD), SIGCHLD);
	assert_int_equal(set_handler(SIGCHLD, HANDLER), 0);
	assert_int_equal(told_with[SIGCHLD], 0);
	post(&threads[1], SIGCHLD, 1);
	assert_int_equal(threads[1].sigpending, SIGBIT(SIGCHLD));
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(linux_is_told_of_handlers), TEST(a_signal_has_its_default_action_when_nobody_waits),
		TEST(waits_that_begin_and_end_together), TEST(an_awaited_signal_is_not_missed), TEST(faults_come_first),
		TEST(a_frame_without_a_place_is_a_fault), TEST(a_handler_for_once), TEST(a_thread_signals_itself), TEST(actions_are_copied_whole),
		TEST(alternate_stacks_have_linuxs_least_size), TEST(who_ignores_children_has_no_zombies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
