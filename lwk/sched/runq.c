/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who runs on a CPU. Each CPU has its own queue; a thread runs until it sleeps, yields or ends, or its time slice is over if its job
 * shares time (slice.c). No tick: a CPU with one thread takes no interrupt at all. An idle CPU halts until another CPU makes a thread
 * ready and kicks it.
 *
 * A thread sleeps and wakes on its CPU: the kernel may hold on to that CPU's state meanwhile. If threads wait behind one that runs while
 * another CPU idles, the one that runs moves there, on its way back to the program, or lets one of the others go there
 * (thread_give_way). Whoever makes a thread wait looks for such a CPU, and whoever begins to idle for such threads.
 *
 * A thread's registers (FPU, segment bases, page tables) stay in the CPU while it sleeps and nothing else runs, so that waiting for Linux
 * costs no reload.
 */
#include "arch/x86/x86.h"
#include "cpu.h"
#include "log.h"
#include "mm.h"

static u64 crowded[CPU_WORDS];		/* a: CPUs whose runq.crowded is set */

struct aspace *aspace_current(void)
{
	return this_cpu()->current->proc->aspace;
}

static void save_user(struct cpu *cpu)
{
	struct thread *t = cpu->user;

	if (!t)
		return;
	x86_fpu_save(t->fpu);
	t->fs_base = rdmsr(MSR_FS_BASE);
	t->gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	cpu->user = NULL;
}

void thread_set_mode(u32 mode, bool on)
{
	struct thread *t = current_thread();

	if (on)
		__atomic_fetch_or(&t->modes, mode, __ATOMIC_ACQ_REL);
	else
		__atomic_fetch_and(&t->modes, ~mode, __ATOMIC_ACQ_REL);
	x86_load_modes(this_cpu(), t->modes);
}

static void load_user(struct cpu *cpu, struct thread *t)
{
	if (cpu->user != t) {
		save_user(cpu);
		/* load_user:A, pairs with barrier_on_cpus:A: it sees whom to interrupt, or the program sees what was written before */
		__atomic_store_n(&cpu->proc, t->proc->index, __ATOMIC_SEQ_CST);
		cpu_load_aspace(t->proc->aspace);
		x86_fpu_restore(t->fpu);
		wrmsr(MSR_FS_BASE, t->fs_base);
		wrmsr(MSR_KERNEL_GS_BASE, t->gs_base);
		x86_set_kernel_stack(cpu, t->kstack);
		x86_load_modes(cpu, __atomic_load_n(&t->modes, __ATOMIC_ACQUIRE));
		cpu->user = t;
		if (t->rseq)
			__atomic_fetch_or(&t->work, WORK_RSEQ, __ATOMIC_RELAXED);
	}
	cpu->work = __atomic_load_n(&t->work, __ATOMIC_ACQUIRE);
}

static void set_crowded(struct cpu *cpu, bool is_crowded) REQUIRES(cpu->runq.lock)
{
	u64 *word = &crowded[cpu->index / 64], bit = 1ULL << (cpu->index % 64);

	if (cpu->runq.crowded == is_crowded)
		return;
	cpu->runq.crowded = is_crowded;
	if (is_crowded)
		__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
}

static bool is_idle(u32 cpu)
{
	return __atomic_load_n(&boot_cpus[cpu]->idles, __ATOMIC_RELAXED);
}

/* Of the CPUs that idle now and where @t may run the one with the fewest threads, AZ_NONE if there is none. Advice: no lock. */
static u32 idle_cpu_for(const struct thread *t)
{
	u32 best = AZ_NONE, i;

	for_each_cpu(i, t->affinity)
		if (is_idle(i) && (best == AZ_NONE || runq_placed(i) < runq_placed(best)))
			best = i;
	return best;
}

/* A CPU idles where @a or @b may run. */
static bool any_idles(const struct thread *a, const struct thread *b)
{
	for (u32 word = 0; word * 64 < boot_cpu_count; word++)
		for (u64 rest = a->affinity[word] | b->affinity[word]; rest; rest &= rest - 1)
			if (is_idle(word * 64 + __builtin_ctzll(rest)))
				return true;
	return false;
}

static bool ends(const struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_RELAXED) & WORK_KILL;
}

/*
 * Who runs on @cpu looks on its way back to the program whether it can give way. False if it was asked before, or nobody runs: then
 * pick_next() is about to look.
 */
static bool ask_way(struct cpu *cpu) REQUIRES(cpu->runq.lock)
{
	struct thread *t = cpu->current;

	if (cpu->runq.asked || t->state != THREAD_RUNNING)
		return false;
	cpu->runq.asked = true;
	__atomic_fetch_or(&t->work, WORK_GIVE_WAY, __ATOMIC_ACQ_REL);
	if (cpu == this_cpu())
		cpu->work |= WORK_GIVE_WAY;
	else
		cpu_kick(cpu->index);
	return true;
}

/*
 * @t is READY, and another thread runs there, or one is about to: pick_next() will look at the first two, and for others asks somebody
 * to look again.
 */
__attribute__((noinline)) static void wait_behind(struct cpu *cpu, struct thread *t) REQUIRES(cpu->runq.lock)
{
	if (cpu->current->state != THREAD_RUNNING) {
		if (t->run.prev != &cpu->runq.ready && t->run.prev->prev != &cpu->runq.ready)
			cpu->runq.asked = true;
		return;
	}
	set_crowded(cpu, true);
	/* wait_behind:A, pairs with look_for_work:A: we see that a CPU idles, or it sees that this one is crowded */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ends(t) || any_idles(cpu->current, t))
		ask_way(cpu);
}

/* @was_asked: whoever ran until now was asked and has not looked: the caller must runq_look_again(). */
static struct thread *pick_next(struct cpu *cpu, bool *was_asked)
{
	struct thread *next = &cpu->idle;

	spin_lock(&cpu->runq.lock);
	if (!list_empty(&cpu->runq.ready)) {
		next = list_first(&cpu->runq.ready, struct thread, run);
		list_del(&next->run);
		next->state = THREAD_RUNNING;
	}
	cpu->current = next;
	*was_asked = cpu->runq.asked;
	cpu->runq.asked = false;
	if (list_empty(&cpu->runq.ready))
		set_crowded(cpu, false);
	else
		wait_behind(cpu, list_first(&cpu->runq.ready, struct thread, run));
	slice_begin(cpu, next);
	spin_unlock(&cpu->runq.lock);
	return next;
}

static bool shares_lease(const struct cpu *a, const struct cpu *b)
{
	return a->shared->proc == b->shared->proc;
}

/* Whether one of the threads on @cpu may run on CPU @index. */
static bool any_may_run_on(struct cpu *cpu, u32 index) REQUIRES(cpu->runq.lock)
{
	struct list *at;

	if (cpus_has(cpu->current->affinity, index))
		return true;
	list_for_each(at, &cpu->runq.ready)
		if (cpus_has(list_entry(at, struct thread, run)->affinity, index))
			return true;
	return false;
}

/*
 * Asks one thread of the lease behind which others wait, if one of them all may run on @idle, which is marked as idle. One that was asked
 * before is passed over: it looks again for all CPUs that idle.
 */
static void look_for_work(const struct cpu *idle)
{
	u32 i;

	/* look_for_work:A */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for_each_cpu(i, crowded) {
		struct cpu *cpu = boot_cpus[i];
		bool asked;

		if (!shares_lease(cpu, idle))
			continue;
		spin_lock(&cpu->runq.lock);
		asked = cpu->runq.crowded && any_may_run_on(cpu, idle->index) && ask_way(cpu);
		spin_unlock(&cpu->runq.lock);
		if (asked)
			return;
	}
}

void runq_look_again(void)
{
	/* runq_look_again:A, as look_for_work:A: what has changed before is seen by a CPU that begins to idle, or that is seen here */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < boot_cpu_count; i++)
		if (shares_lease(boot_cpus[i], this_cpu()) && is_idle(i))
			look_for_work(boot_cpus[i]);
}

void schedule(void)
{
	struct cpu *cpu = this_cpu();
	bool was_asked;
	struct thread *prev = cpu->current, *next = pick_next(cpu, &was_asked);

	check(cpu->lock_count == 0);
	if (was_asked)
		runq_look_again();
	if (next == prev)
		return;
	cpu->shared->tid = next->tid;
	cpu->shared->stats.switches++;
	if (prev->proc && prev->state != THREAD_DEAD)
		cputime_end(prev);
	if (next->proc) {
		load_user(cpu, next);
		cputime_begin(next);
	}
	x86_switch(prev, next);
	finish_switch();
}

/* A READY thread is to end. That takes it a moment, and must not depend on whether the one that runs there ever sleeps. */
__attribute__((noinline)) static void run_soon(struct cpu *cpu, struct thread *t) REQUIRES(cpu->runq.lock)
{
	list_del(&t->run);
	list_add(&t->run, &cpu->runq.ready);
	ask_way(cpu);
}

static void make_ready(struct cpu *cpu, struct thread *t) REQUIRES(cpu->runq.lock)
{
	t->state = THREAD_READY;
	list_add_tail(&t->run, &cpu->runq.ready);
	if (cpu->idles) {
		cpu->idles = false;
		if (cpu != this_cpu())
			cpu_kick(cpu->index);
		return;
	}
	if (t->slice && !cpu->slice_end) {
		if (cpu != this_cpu())
			cpu_kick(cpu->index);
		else if (t != cpu->current)
			slice_begin(cpu, cpu->current);
	}
	/* make_ready:A, pairs with thread_interrupt:A by the lock: we see the bit, or it sees that the thread is READY */
	if (ends(t))
		run_soon(cpu, t);
	else
		wait_behind(cpu, t);
}

void finish_switch(void)
{
	struct cpu *cpu = this_cpu(), *to;
	struct thread *t = cpu->leaving;

	if (!t)
		return;
	cpu->leaving = NULL;
	if (t->state == THREAD_DEAD) {
		thread_recycle(t);
		return;
	}
	to = boot_cpus[t->cpu];
	spin_lock(&to->runq.lock);
	make_ready(to, t);
	spin_unlock(&to->runq.lock);
}

/* Takes the lock of the queue where @t lives now. */
static struct cpu *lock_runq_of(struct thread *t)
{
	for (;;) {
		struct cpu *cpu = boot_cpus[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];

		spin_lock(&cpu->runq.lock);
		if (cpu->index == t->cpu)
			return cpu;
		spin_unlock(&cpu->runq.lock);
	}
}

/* A late wake-up for the thread that @t was may hold the lock of that one's CPU; it must be over before @t becomes another CPU's. */
void thread_begin_on(struct thread *t, u32 to)
{
	struct cpu *cpu = lock_runq_of(t);

	__atomic_store_n(&t->cpu, to, __ATOMIC_RELAXED);
	spin_unlock(&cpu->runq.lock);
	cpu = boot_cpus[to];
	spin_lock(&cpu->runq.lock);
	make_ready(cpu, t);
	spin_unlock(&cpu->runq.lock);
}

void thread_unpark(struct thread *t)
{
	struct cpu *cpu = lock_runq_of(t);

	if (t->state == THREAD_PARKED)
		make_ready(cpu, t);
	else
		t->token = 1;
	spin_unlock(&cpu->runq.lock);
}

void thread_park(u64 deadline)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = cpu->current;
	struct timer timer = { .thread = t };
	bool sleep;

	spin_lock(&cpu->runq.lock);
	sleep = !t->token;
	t->token = 0;
	if (sleep)
		t->state = THREAD_PARKED;
	spin_unlock(&cpu->runq.lock);
	if (!sleep)
		return;
	if (deadline)
		timer_start(&timer, deadline);
	schedule();
	if (deadline)
		timer_stop(&timer);
}

void thread_yield(void)
{
	struct cpu *cpu = this_cpu();

	spin_lock(&cpu->runq.lock);
	if (!list_empty(&cpu->runq.ready))
		make_ready(cpu, cpu->current);
	spin_unlock(&cpu->runq.lock);
	if (cpu->current->state == THREAD_READY)
		schedule();
}

void thread_migrate(u32 to)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = cpu->current;

	save_user(cpu);
	cpu_load_aspace(NULL);
	spin_lock(&cpu->runq.lock);
	__atomic_store_n(&t->cpu, to, __ATOMIC_RELAXED);
	t->slot->cpu = to;
	spin_unlock(&cpu->runq.lock);
	cpu->leaving = t;
	schedule();
}

/* The first that waits on @cpu and is to end or may run on a CPU that idles, NULL if there is none. */
static struct thread *first_to_go(struct cpu *cpu) REQUIRES(cpu->runq.lock)
{
	struct list *at;

	list_for_each(at, &cpu->runq.ready) {
		struct thread *t = list_entry(at, struct thread, run);

		if (ends(t) || idle_cpu_for(t) != AZ_NONE)
			return t;
	}
	return NULL;
}

/* It moves, or lets one that can move or is to end run first; else it just goes on. */
bool thread_give_way(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = cpu->current, *next = NULL;
	u32 to = AZ_NONE;

	spin_lock(&cpu->runq.lock);
	if (!list_empty(&cpu->runq.ready)) {
		if (!ends(list_first(&cpu->runq.ready, struct thread, run)))
			to = idle_cpu_for(t);
		if (to == AZ_NONE)
			next = first_to_go(cpu);
	}
	if (next) {
		list_del(&next->run);
		list_add(&next->run, &cpu->runq.ready);
		t->state = THREAD_READY;
		list_add(&t->run, &next->run);
	}
	if (t->state == THREAD_RUNNING && to == AZ_NONE)
		cpu->runq.asked = false;
	spin_unlock(&cpu->runq.lock);
	if (t->state == THREAD_READY) {
		schedule();
		return true;
	}
	if (to == AZ_NONE) {
		runq_look_again();
		return false;
	}
	runq_add_placed(cpu->index, -1);
	runq_add_placed(to, 1);
	thread_migrate(to);
	return true;
}

void thread_interrupt(struct thread *t, u32 work)
{
	struct cpu *cpu;

	/* thread_interrupt:A */
	__atomic_fetch_or(&t->work, work, __ATOMIC_ACQ_REL);
	if (t == current_thread()) {
		this_cpu()->work |= work;
		return;
	}
	cpu = lock_runq_of(t);
	if (t->state == THREAD_PARKED) {
		make_ready(cpu, t);
	} else {
		t->token = 1;		/* it may have looked at its work already and be about to park */
		if (t->state == THREAD_RUNNING)
			cpu_kick(cpu->index);
		else if (t->state == THREAD_READY && work & WORK_KILL)
			run_soon(cpu, t);
	}
	spin_unlock(&cpu->runq.lock);
}

u32 thread_work(void)
{
	u32 work = __atomic_load_n(&current_thread()->work, __ATOMIC_ACQUIRE);

	this_cpu()->work |= work;
	return work;
}

bool thread_goes_on(void)
{
	arch_take_interrupts();
	return !(thread_work() & WORK_KILL);
}

static void idle(struct cpu *cpu)
{
	struct az_cpu_stats *stats = &cpu->shared->stats;

	__atomic_store_n(&stats->idle_since, arch_cycles(), __ATOMIC_RELAXED);
	tlb_rest_begin();
	arch_halt_until_interrupt();
	tlb_rest_end();
	stats->idle_cycles += arch_cycles() - stats->idle_since;
	__atomic_store_n(&stats->idle_since, 0, __ATOMIC_RELAXED);
}

void idle_loop(void)
{
	struct cpu *cpu = this_cpu();

	for (;;) {
		bool empty;

		events_drain();
		tlb_serve();
		spin_lock(&cpu->runq.lock);
		empty = list_empty(&cpu->runq.ready);
		cpu->idles = empty;
		spin_unlock(&cpu->runq.lock);
		if (empty) {
			look_for_work(cpu);
			idle(cpu);
		} else {
			schedule();
		}
	}
}
