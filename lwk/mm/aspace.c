/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address spaces: birth and death, the lock and who may change mappings, accounts, the heap and the main stack.
 *
 *   0x10000 | program, heap --> ...          <-- mappings | guard | <-- main stack | AZ_USER_END
 */
#include "aspace.h"
#include "offload.h"
#include "string.h"
#include "thread.h"

#define STACK_MIN	(128ULL << 10)
#define STACK_MAX	(4ULL << 40)	/* also for "unlimited": more than there is memory, and enough left for mappings */
#define STACK_STEP	(8ULL << 20)	/* the main stack begins with so much, and grows by it */
#define STACK_ROOM	(128ULL << 20)	/* left free for the stack even if it is smaller, as Linux does */
#define STACK_GUARD	(1ULL << 20)

struct waiter {
	struct list link;
	struct thread *thread;
};

/* A number for as->changes that no other address space has had or will get by counting on. */
static u64 changes_first(void)
{
	static u64 created;

	return __atomic_add_fetch(&created, 1, __ATOMIC_RELAXED) << 32;
}

static u64 stack_size(u64 limit)
{
	return ALIGN_DOWN(min(max(limit, STACK_MIN), STACK_MAX), PAGE_SIZE);
}

struct aspace *aspace_create(struct budget *budget, u64 stack_limit)
{
	struct aspace *as = kmalloc(sizeof(*as));
	paddr_t pgd = frame_alloc(0, arch_node());

	if (!as || !pgd) {
		if (pgd)
			frame_free(pgd, 0);
		kfree(as);
		return NULL;
	}
	as->refs = 1;
	as->changes = changes_first();
	list_init(&as->waiters);
	list_init(&as->turns);
	as->pgd = phys_to_virt(pgd);
	arch_zero(as->pgd, PAGE_SIZE / 2);
	memcpy(as->pgd + 256, arch_kernel_pgd() + 256, PAGE_SIZE / 2);
	as->stack_size = stack_size(stack_limit);
	as->mmap_top = AZ_USER_END - max(as->stack_size, STACK_ROOM) - STACK_GUARD;
	as->budget = budget_get(budget);
	as->limit_as = as->limit_data = as->limit_locked = ~0ULL;
	as->keys = arch_keys() != 0;	/* key 0 is everybody's */
	as->exec_key = -1;
	as->used = &as->own_used;
	return as;
}

struct budget *aspace_budget(struct aspace *as)
{
	return as->budget;
}

void aspace_bind(struct aspace *as, struct az_memory *used)
{
	spin_lock(&as->lock);
	*used = *as->used;
	as->used = used;
	spin_unlock(&as->lock);
}

void aspace_unbind(struct aspace *as, struct az_memory *used)
{
	spin_lock(&as->lock);
	if (as->used == used) {
		as->own_used = *used;
		as->used = &as->own_used;
	}
	*used = (struct az_memory){ 0 };
	spin_unlock(&as->lock);
}

void aspace_set_stack_limit(struct aspace *as, u64 bytes)
{
	spin_lock(&as->lock);
	as->stack_size = stack_size(bytes);
	spin_unlock(&as->lock);
}

void aspace_set_limits(struct aspace *as, u64 limit_as, u64 limit_data)
{
	spin_lock(&as->lock);
	as->limit_as = limit_as;
	as->limit_data = limit_data;
	spin_unlock(&as->lock);
}

void aspace_set_small_pages(struct aspace *as, bool small)
{
	spin_lock(&as->lock);
	as->small_pages = small;
	spin_unlock(&as->lock);
}

paddr_t aspace_pgd(struct aspace *as)
{
	return virt_to_phys(as->pgd);
}

void aspace_set_active(struct aspace *as, u32 cpu, bool active)
{
	u64 bit = 1ULL << (cpu % 64);

	/* aspace_set_active:A, pairs with arch_tlb_flush:B: either the flush sees us or we see the new entries */
	if (active)
		__atomic_fetch_or(&as->active[cpu / 64], bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&as->active[cpu / 64], ~bit, __ATOMIC_SEQ_CST);
}

bool aspace_is_active(const struct aspace *as, u32 cpu)
{
	return __atomic_load_n(&as->active[cpu / 64], __ATOMIC_SEQ_CST) >> (cpu % 64) & 1;
}

void aspace_active(const struct aspace *as, u64 *cpus, u32 words)
{
	for (u32 i = 0; i < words; i++)
		cpus[i] = __atomic_load_n(&as->active[i], __ATOMIC_SEQ_CST);
}

static void destroy_regions(struct aspace *as)
{
	struct region *r;
	struct file_ref *f;
	struct limbo *l;

	while ((r = as->regions.root)) {
		aspace_remove(as, r);
		if (r->file)
			file_put(as, r->file);
		kfree(r);
	}
	/* the driver closes the files itself */
	while ((f = as->closing)) {
		as->closing = f->next;
		kfree(f);
	}
	while ((l = as->limbo)) {
		as->limbo = l->next;
		frame_free(l->block, l->order);
		kfree(l);
	}
}

static void aspace_destroy(struct aspace *as)
{
	uaddr_t addr = 0;
	u64 *entry, span;

	check(!as->changing && list_empty(&as->waiters) && list_empty(&as->turns) && !as->detached);
	spin_lock(&as->lock);
	for_each_entry(as->pgd, entry, addr, AZ_USER_END, span)
		entry_release(as, entry, span, true);
	destroy_regions(as);
	aspace_uncharge(as, as->used->committed);
	check(as->used->resident == 0 && as->mapped == 0 && as->data == 0 && as->region_count == 0);
	spin_unlock(&as->lock);
	budget_put(as->budget);
	pt_destroy(as->pgd);
	kfree(as);
}

struct aspace *aspace_get(struct aspace *as)
{
	__atomic_fetch_add(&as->refs, 1, __ATOMIC_RELAXED);
	return as;
}

void aspace_put(struct aspace *as)
{
	/* aspace_put:A, pairs with itself: who destroys it sees what all others have done to it */
	if (__atomic_sub_fetch(&as->refs, 1, __ATOMIC_ACQ_REL) == 0)
		aspace_destroy(as);
}

/* ---- One thread at a time changes mappings ---- */

void aspace_wait(struct aspace *as)
{
	struct waiter w = { .thread = current_thread() };

	list_add_tail(&w.link, &as->waiters);
	spin_unlock(&as->lock);
	thread_park(0);
	spin_lock(&as->lock);
	list_del(&w.link);
}

void aspace_wake(struct aspace *as)
{
	struct list *l;

	list_for_each(l, &as->waiters)
		thread_unpark(list_entry(l, struct waiter, link)->thread);
}

/* First come, first served, but for those who find nobody changing anything: who is woken may have to wait again, at the same place. */
static void wait_for_turn(struct aspace *as) REQUIRES(as->lock)
{
	struct waiter w = { .thread = current_thread() };

	list_add_tail(&w.link, &as->turns);
	while (as->changing) {
		spin_unlock(&as->lock);
		thread_park(0);
		spin_lock(&as->lock);
	}
	list_del(&w.link);
}

void aspace_begin(struct aspace *as)
{
	spin_lock(&as->lock);
	if (as->changing)
		wait_for_turn(as);
	as->changing = true;
}

void aspace_end(struct aspace *as)
{
	as->changing = false;
	if (!list_empty(&as->turns))	/* one only: the others would find it changing again */
		thread_unpark(list_first(&as->turns, struct waiter, link)->thread);
	spin_unlock(&as->lock);
	aspace_close_files(as);
}

void file_put(struct aspace *as, struct file_ref *f)
{
	if (--f->refs)
		return;
	f->next = as->closing;
	__atomic_store_n(&as->closing, f, __ATOMIC_RELAXED);
}

void aspace_close_files(struct aspace *as)
{
	struct file_ref *f, *next;

	if (!__atomic_load_n(&as->closing, __ATOMIC_RELAXED))
		return;
	spin_lock(&as->lock);
	f = as->closing;
	__atomic_store_n(&as->closing, NULL, __ATOMIC_RELAXED);
	spin_unlock(&as->lock);
	for (; f; f = next) {
		next = f->next;
		if (f->handle >= 0)
			FORWARD(AZ_CALL_FILE_CLOSE, f->handle);
		kfree(f);
	}
}

/* ---- Accounts ---- */

bool aspace_charge(struct aspace *as, u64 bytes)
{
	if (!budget_reserve(as->budget, bytes))
		return false;
	as->used->committed += bytes;
	return true;
}

bool aspace_promise(struct aspace *as, u64 bytes)
{
	if (!budget_promise(as->budget, bytes))
		return false;
	as->used->committed += bytes;
	return true;
}

void aspace_uncharge(struct aspace *as, u64 bytes)
{
	check(as->used->committed >= bytes);
	as->used->committed -= bytes;
	budget_release(as->budget, bytes);
}

bool region_is_data(const struct region *r)
{
	return (r->prot & PROT_WRITE) && !(r->flags & (REGION_SHARED | REGION_SMALL));
}

/* @bytes more, or less if that is negative, belong to @r. */
static void account(struct aspace *as, const struct region *r, u64 bytes) REQUIRES(as->lock)
{
	as->mapped += bytes;
	if (region_is_data(r))
		as->data += bytes;
	if (r->flags & REGION_LOCKED)
		as->locked += bytes;
}

void aspace_add(struct aspace *as, struct region *r)
{
	region_insert(&as->regions, r);
	as->region_count++;
	account(as, r, r->end - r->start);
}

void aspace_remove(struct aspace *as, struct region *r)
{
	region_remove(&as->regions, r);
	as->changes++;
	as->region_count--;
	account(as, r, r->start - r->end);
}

void aspace_resize(struct aspace *as, struct region *r, uaddr_t start, uaddr_t end)
{
	account(as, r, (end - start) - (r->end - r->start));
	region_resize(&as->regions, r, start, end);
}

bool aspace_absorb(struct aspace *as, const struct region *new)
{
	if (!region_absorb(&as->regions, new))
		return false;
	account(as, new, new->end - new->start);
	return true;
}

/* Cuts @r at @at, which lies inside; *@upper is the upper part. */
static long split_region(struct aspace *as, struct region *r, uaddr_t at, struct region **upper) REQUIRES(as->lock)
{
	if (at & (region_unit(r) - 1))
		return -EINVAL;
	if (range_split(as, at) || as->region_count >= REGIONS_MAX)
		return -ENOMEM;
	*upper = region_split(&as->regions, r, at);
	if (!*upper)
		return -ENOMEM;
	as->region_count++;
	return 0;
}

long aspace_split(struct aspace *as, uaddr_t at)
{
	struct region *r = region_find(&as->regions, at), *upper;

	return r && r->start < at ? split_region(as, r, at, &upper) : 0;
}

long aspace_split_ends(struct aspace *as, uaddr_t start, uaddr_t end)
{
	long ret = aspace_split(as, start);

	return ret ? ret : aspace_split(as, end);
}

long aspace_cut(struct aspace *as, uaddr_t start, uaddr_t end, struct region **first)
{
	struct region *r = region_next(&as->regions, start), *upper;
	long ret = r && r->start < start ? split_region(as, r, start, &r) : 0;

	if (ret)
		return ret;
	*first = r;
	if (!r || r->start >= end || r->end == end)
		return 0;
	if (r->end < end)
		return aspace_split(as, end);
	return split_region(as, r, end, &upper);
}

void aspace_join(struct aspace *as, struct region *r)
{
	if (!region_join(&as->regions, r))
		return;
	as->changes++;
	as->region_count--;
	if (r->file)
		file_put(as, r->file);
	kfree(r);
}

void aspace_merge(struct aspace *as, uaddr_t at)
{
	struct region *r = region_find(&as->regions, at);

	if (r && r->start == at)
		aspace_join(as, r);
}

void aspace_set_flags(struct aspace *as, struct region *r, u32 clear, u32 set)
{
	u64 len = r->end - r->start;

	as->locked -= r->flags & REGION_LOCKED ? len : 0;
	r->flags = (r->flags & ~clear) | set;
	as->locked += r->flags & REGION_LOCKED ? len : 0;
}

bool region_copy_next(struct aspace *as, uaddr_t start, uaddr_t end, struct region *copy)
{
	struct region *r;

	spin_lock(&as->lock);
	r = region_next(&as->regions, start);
	if (r)
		*copy = *r;
	spin_unlock(&as->lock);
	if (!r || copy->start >= end)
		return false;
	copy->start = max(copy->start, start);
	copy->end = min(copy->end, end);
	return true;
}

long aspace_room(struct aspace *as, u64 len, u64 data, u64 old)
{
	if (as->region_count >= REGIONS_MAX)
		return -ENOMEM;
	if (as->mapped - old + len > as->limit_as)
		return -ENOMEM;
	return data && as->data + data > as->limit_data ? -ENOMEM : 0;
}

/* An entry lies in one region. A frame that others have is known to be shared; one that Linux may map is not. */
static void check_entries(struct aspace *as) REQUIRES(as->lock)
{
	uaddr_t addr = 0;
	u64 span, *entry;

	for_each_entry(as->pgd, entry, addr, AZ_USER_END, span) {
		struct region *r = region_find(&as->regions, addr);
		u64 e = pte_load(entry);

		check(r && span <= r->end - addr && ALIGN_DOWN(addr, span) >= r->start);
		if (e & AZ_PTE_COW)
			check(!pte_writable(e) && !(e & (AZ_PTE_FOREIGN | AZ_PTE_MIRRORED | AZ_PTE_PINNED)));
		else if (!(e & AZ_PTE_FOREIGN))
			check(!frame_is_shared(pte_frame(e), span_order(span)));
	}
}

long aspace_check(struct aspace *as)
{
	u64 mapped = 0, data = 0, locked = 0, charged = 0, resident, total;
	struct region *r;

	spin_lock(&as->lock);
	check(region_check(&as->regions) == as->region_count);
	for (r = region_next(&as->regions, 0); r; r = r->next) {
		u64 len = r->end - r->start;

		check(r->end <= AZ_USER_END && (!r->file || r->file->refs > 0));
		mapped += len;
		data += region_is_data(r) ? len : 0;
		locked += r->flags & REGION_LOCKED ? len : 0;
		charged += r->flags & REGION_CHARGED ? len : range_touched(as, r->start, r->end);
	}
	check_entries(as);
	resident = range_touched(as, 0, AZ_USER_END);
	total = as->region_count;
	check(mapped == as->mapped && data == as->data && locked == as->locked);
	check(charged == as->used->committed && resident == as->used->resident && resident <= charged);
	spin_unlock(&as->lock);
	return total;
}

/* ---- Heap and main stack ---- */

static struct region *region_new(uaddr_t start, uaddr_t end, u32 prot, u32 flags)
{
	struct region *r = kmalloc(sizeof(*r));

	if (r) {
		r->start = start;
		r->end = end;
		r->prot = prot;
		r->flags = flags;
	}
	return r;
}

long aspace_map_stack(struct aspace *as)
{
	struct region *r = region_new(AZ_USER_END - min(as->stack_size, STACK_STEP), AZ_USER_END, PROT_READ | PROT_WRITE,
				      REGION_LAZY | REGION_SMALL | REGION_GROWSDOWN);

	if (!r)
		return -ENOMEM;
	aspace_begin(as);
	if (region_next(&as->regions, r->start)) {
		aspace_end(as);
		kfree(r);
		return -EEXIST;
	}
	aspace_add(as, r);
	aspace_end(as);
	return AZ_USER_END;
}

/* May @stack begin at @start? It must not come close to what is below. */
static bool stack_may_begin(struct aspace *as, const struct region *stack, uaddr_t start) REQUIRES(as->lock)
{
	struct region *r;

	if (start < AZ_USER_START || stack->end - start > as->stack_size || aspace_room(as, stack->start - start, 0, 0))
		return false;
	for_each_region(as, r, start - min(start, STACK_GUARD), start) {
		if (r->prot & PROT_ALL && !(r->flags & REGION_GROWSDOWN))
			return false;
	}
	return true;
}

/*
 * The stack that a touch of @addr extends, and where it will begin; NULL if there is none. The main stack grows ahead where it can: deep
 * ones would have a fault for each page otherwise.
 */
static struct region *stack_above(struct aspace *as, uaddr_t addr, uaddr_t *start) REQUIRES(as->lock)
{
	struct region *stack = region_next(&as->regions, addr);
	uaddr_t page = ALIGN_DOWN(addr, PAGE_SIZE), ahead = max(ALIGN_DOWN(addr, STACK_STEP), AZ_USER_END - as->stack_size);

	if (!stack || stack->start <= addr || !(stack->flags & REGION_GROWSDOWN))
		return NULL;
	*start = stack->end == AZ_USER_END && ahead < page && stack_may_begin(as, stack, ahead) ? ahead : page;
	return stack_may_begin(as, stack, *start) ? stack : NULL;
}

bool aspace_extend_stack(struct aspace *as, uaddr_t addr)
{
	struct region *stack;
	uaddr_t start;

	spin_lock(&as->lock);
	stack = stack_above(as, addr, &start);
	spin_unlock(&as->lock);
	if (!stack)
		return false;
	aspace_begin(as);
	stack = stack_above(as, addr, &start);	/* anything may have happened meanwhile */
	if (stack)
		aspace_resize(as, stack, start, stack->end);
	aspace_end(as);
	return true;
}

void aspace_set_brk(struct aspace *as, uaddr_t start)
{
	as->brk_start = as->brk = ALIGN_UP(start, PAGE_SIZE);
}

/* Adds [start, end) to the heap. */
static bool brk_grow(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct region *next = region_next(&as->regions, start), *r;

	if (end > as->mmap_top || (next && next->start < end) || aspace_room(as, end - start, end - start, 0))
		return false;
	r = region_new(start, end, PROT_READ | PROT_WRITE, REGION_CHARGED | as->lock_new);
	if (!r || !aspace_promise(as, end - start)) {
		kfree(r);
		return false;
	}
	aspace_add(as, r);
	aspace_merge(as, end);
	aspace_merge(as, start);
	return true;
}

uaddr_t aspace_brk(struct aspace *as, uaddr_t brk)
{
	uaddr_t from, to;
	u64 locked;
	u32 lock = 0;

	spin_lock(&as->lock);
	locked = as->lock_new && brk > as->brk ? brk - as->brk : 0;
	spin_unlock(&as->lock);
	/* may have to ask Linux, so without the lock; a race with another thread's brk only makes the answer a little old */
	if (locked && aspace_lock_new(as, 0, ALIGN_UP(locked, PAGE_SIZE), &lock))
		brk = 0;
	aspace_begin(as);
	from = ALIGN_UP(as->brk, PAGE_SIZE);
	to = ALIGN_UP(brk, PAGE_SIZE);
	if (brk >= as->brk_start && brk < AZ_USER_END) {
		if (to == from || (to > from && brk_grow(as, from, to)) || (to < from && range_unmap(as, to, from) == 0))
			as->brk = brk;
	}
	brk = as->brk;
	aspace_end(as);
	if (brk > from)
		lock_populate(as, from, ALIGN_UP(brk, PAGE_SIZE));
	return brk;
}

bool aspace_is_linux(struct aspace *as, uaddr_t addr)
{
	struct region *r;
	bool shared;

	spin_lock(&as->lock);
	r = region_find(&as->regions, addr);
	shared = r && r->flags & REGION_LINUX;
	spin_unlock(&as->lock);
	return shared;
}
