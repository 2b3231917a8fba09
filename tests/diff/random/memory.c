// SPDX-License-Identifier: GPL-2.0
/*
 * Random memory calls on an arena of fixed addresses.
 *
 * What Linux leaves open, and what is done about it:
 *   addresses it chooses     what it maps elsewhere is moved into the arena at once
 *   which mappings merge     mremap takes one mapping, and whether neighbours are one depends on what was touched when: each page has an
 *                            identity that changes with whatever could part it from its neighbours, and only pages of one identity, or
 *                            ranges with a hole, are remapped
 *   MADV_FREE                when pages go is open: MADV_DONTNEED follows
 *   private file mappings    whether they see later changes of the file is open: their file never changes
 *   mincore                  what is present beyond what was asked for is open: only the errors are told
 *   execute-only memory      can be read where the processor or the kernel has no protection keys: PROT_EXEC comes with PROT_READ
 *   MADV_WILLNEED            a Linux without swap refuses it for anonymous memory: not asked for
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "random.h"

#define BASE		((char *)0x200000000000)
#define LARGE		512l				/* pages */
#define PAGES		(5 * LARGE)
#define CONSTANT_BYTES	(21 * PAGE + 1234)		/* of the file that never changes */
#define SHARED_BYTES	(13 * PAGE + 777)		/* of those that are shared, at first */
#define SHARED_MOST	(40 * PAGE)
#define FILES		3
#define BUFFER		(12 * PAGE)
#define MAPS_FIRST	4				/* operations */
#define RW		(PROT_READ | PROT_WRITE)

static int constant, constant_rw, shared_file[FILES], pipes[2];
static long shared_bytes[FILES];
static bool shared_used[FILES];
static uint64_t id[PAGES];		/* 0: not mapped */
static uint64_t stamp;			/* of the operation */
static char *heap;
static char buffer[BUFFER + PAGE];

/* ---- Ranges ---- */

struct range {
	long page, count;
};

static char *at(long page)
{
	return BASE + page * PAGE;
}

static struct range some_range(void)
{
	struct range r;
	int kind = pick(20);

	if (kind < 13)
		r.page = pick(48);
	else if (kind < 17)
		r.page = LARGE * (1 + pick(4)) + pick(17) - 8;
	else
		r.page = LARGE * pick(5);
	kind = pick(20);
	if (kind < 18)
		r.count = 1 + pick(12);
	else if (kind < 19)
		r.count = LARGE + pick(17) - 8;
	else
		r.count = LARGE * (1 + pick(2));
	if (r.page + r.count > PAGES)
		r.count = PAGES - r.page;
	return r;
}

static void t_range(struct range r)
{
	t_arg("page", r.page);
	t_arg("count", r.count);
}

/* The pages are not what their neighbours are any more. */
static void part(struct range r)
{
	long i;

	for (i = r.page; i < r.page + r.count; i++)
		if (id[i])
			id[i] = mix(id[i], stamp);
}

static void set_ids(struct range r, uint64_t value)
{
	long i;

	for (i = r.page; i < r.page + r.count; i++)
		id[i] = value;
}

static bool has_hole(struct range r)
{
	long i;

	for (i = r.page; i < r.page + r.count; i++)
		if (!id[i])
			return true;
	return false;
}

/* A range that is one mapping for certain, or certainly none. */
static struct range one_mapping(struct range r)
{
	long n = 1;

	if (has_hole(r))
		return r;
	while (n < r.count && id[r.page + n] == id[r.page])
		n++;
	r.count = n;
	return r;
}

/* ---- Contents ---- */

static void t_fault(struct fault f, char *p)
{
	t_arg("sig", f.sig);
	t_arg("code", f.code);
	if (f.addr != (uintptr_t)p)
		t_arg("WRONG address", f.addr - (uintptr_t)BASE);
}

static void look(long page)
{
	static const int offsets[] = { 0, 2048, PAGE - 8 };
	uint64_t h = 1, value;
	struct fault f;
	int i;

	t_arg("p", page);
	for (i = 0; i < 3; i++) {
		f = peek(at(page) + offsets[i], &value);
		if (f.sig) {
			t_fault(f, at(page) + offsets[i]);
			return;
		}
		h = hash_bytes(h, &value, 8);
	}
	t_str(":");
	t_hex(h);
}

static void write_page(long page)
{
	char *p = at(page) + pick_of(0, 2048, PAGE - 8);
	struct fault f = poke(p, mix(stamp, page));

	t_arg("w", page);
	if (f.sig)
		t_fault(f, p);
}

static void look_at_some(struct range r)
{
	long i, n = r.count < 6 ? r.count : 6;

	for (i = 0; i < n; i++)
		look(r.count <= 6 ? r.page + i : r.page + pick(r.count));
}

/* Whatever anybody may have touched. Of what is not mapped a part. */
static void look_at_all(int percent_of_holes)
{
	long i;

	for (i = 0; i < PAGES; i++) {
		if (i >= 64 && (i + 8) % LARGE > 16)
			continue;
		if (id[i] ? chance(60) : chance(percent_of_holes))
			look(i);
	}
}

/* ---- Operations ---- */

static long some_prot(void)
{
	return pick_of(RW, RW, RW, RW, PROT_READ, PROT_READ, PROT_NONE, PROT_WRITE, PROT_READ | PROT_EXEC, RW | PROT_EXEC);
}

static long some_map_flags(void)
{
	long flags = pick_of(MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE, 0);

	if (chance(10))
		flags |= MAP_NORESERVE;
	if (chance(10))
		flags |= MAP_POPULATE;
	if (chance(5))
		flags |= MAP_LOCKED;
	if (chance(5))
		flags |= MAP_STACK;
	if (chance(3))
		flags |= MAP_DENYWRITE;
	if (chance(3))
		flags |= MAP_NONBLOCK;
	return flags;
}

/* Says where something has been mapped; brings it into the arena if it is elsewhere. */
static void settle(struct range r, long ret)
{
	if (ret < 0 && ret > -4096) {
		t_ret("map", ret);
		return;
	}
	if ((char *)ret == at(r.page)) {
		t_str(" placed");
	} else {
		t_str(" elsewhere");
		if (t_ret("moved", raw(mremap, ret, r.count * PAGE, r.count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(r.page)) -
			  (long)BASE) < 0)
			raw(munmap, ret, r.count * PAGE);
	}
	set_ids(r, stamp);
}

static void do_map(struct range r, long flags, long fd, long offset)
{
	long prot = some_prot();

	t_range(r);
	t_arg("prot", prot);
	t_arg("flags", flags);
	t_arg("offset", offset);
	settle(r, raw(mmap, at(r.page), r.count * PAGE - pick_of(0, 0, 0, 1, 4095), prot, flags, fd, offset));
}

static void op_map_private(void)
{
	t_str(" map-private");
	do_map(some_range(), some_map_flags() | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void op_map_shared(void)
{
	struct range r = some_range();

	t_str(" map-shared");
	do_map(r, some_map_flags() | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void op_map_constant(void)
{
	t_str(" map-constant");
	do_map(some_range(), some_map_flags() | MAP_PRIVATE, pick_of(constant, constant, constant_rw), PAGE * pick(24));
}

static void op_map_file(void)
{
	int n = pick(FILES);
	struct range r = some_range();

	t_str(" map-file");
	t_arg("file", n);
	shared_used[n] = true;
	do_map(r, some_map_flags() | pick_of(MAP_SHARED, MAP_SHARED, MAP_SHARED_VALIDATE), shared_file[n], PAGE * pick(14));
}

static void op_map_read_only(void)
{
	t_str(" map-read-only");
	do_map(some_range(), some_map_flags() | MAP_SHARED, constant, PAGE * pick(24));
}

static void op_unmap(void)
{
	struct range r = some_range();

	t_str(" unmap");
	t_range(r);
	if (!t_ret("ret", raw(munmap, at(r.page), r.count * PAGE - pick_of(0, 0, 0, 1))))
		set_ids(r, 0);
}

static void op_protect(void)
{
	struct range r = some_range();
	long prot = some_prot();

	t_str(" protect");
	t_range(r);
	t_arg("prot", prot);
	t_ret("ret", raw(mprotect, at(r.page), r.count * PAGE - pick_of(0, 0, 0, 1), prot));
	part(r);
}

static void drop(struct range r)
{
	raw(munmap, at(r.page), r.count * PAGE);
	set_ids(r, 0);
}

/* What has moved from @from, as far as that was, is at @to now; nor is it one with what stays of the old ones. */
static void ids_moved(struct range from, struct range to, long flags)
{
	uint64_t value = mix(mix(id[from.page], stamp), 1);

	if (from.count && !(flags & MREMAP_DONTUNMAP))
		set_ids(from, 0);
	else
		part(from);
	set_ids(to, value);
}

static void op_remap(void)
{
	struct range from = one_mapping(some_range()), to = some_range();
	long flags = pick_of(0, MREMAP_MAYMOVE, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED,
			     MREMAP_MAYMOVE | MREMAP_DONTUNMAP, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP);
	long ret;

	if (chance(60) || (flags & MREMAP_DONTUNMAP))
		to.count = from.count;
	if (!(flags & MREMAP_FIXED))
		to.page = from.page;
	if (to.page + to.count > PAGES)
		to.count = PAGES - to.page;
	if (chance(3))
		from.count = 0;
	t_str(" remap");
	t_range(from);
	t_str(" to");
	t_range(to);
	t_arg("flags", flags);
	ret = raw(mremap, at(from.page), from.count * PAGE, to.count * PAGE, flags, at(to.page));
	if (ret < 0 && ret > -4096) {
		t_ret("ret", ret);
		look_at_some(from);
		look_at_some(to);
		if (flags & MREMAP_FIXED) {	/* where it gave up is told now, so that the identities can be simple */
			drop(from);
			drop(to);
		}
	} else if ((char *)ret == at(to.page) && to.page == from.page) {
		t_str(" in place");
		if (from.count > to.count)
			set_ids((struct range){ to.page + to.count, from.count - to.count }, 0);
		set_ids(to, mix(id[from.page], stamp));
	} else if ((char *)ret == at(to.page)) {
		t_str(" placed");
		ids_moved(from, to, flags);
	} else {
		t_str(" elsewhere");
		ids_moved(from, (struct range){ 0, 0 }, flags);
		to.page = some_range().page;
		if (to.page + to.count > PAGES)
			to.page = PAGES - to.count;
		t_arg("then", to.page);
		settle(to, ret);
	}
}

static void op_advise(void)
{
	struct range r = some_range();
	long advice = pick_of(MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED,
			      MADV_DONTNEED, MADV_FREE, MADV_FREE, MADV_NORMAL, MADV_NORMAL, MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE,
			      MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT,
			      MADV_REMOVE, MADV_REMOVE, 22, 22, 23, 23, 23, 24, MADV_MERGEABLE, 1234);

	t_str(" advise");
	t_range(r);
	t_arg("advice", advice);
	t_ret("ret", raw(madvise, at(r.page), r.count * PAGE - pick_of(0, 0, 0, 1), advice));
	if (advice == MADV_FREE)
		t_ret("then", raw(madvise, at(r.page), r.count * PAGE, MADV_DONTNEED));
	part(r);
}

static void op_write(void)
{
	struct range r = some_range();
	int i, n = 1 + pick(5);

	t_str(" write");
	for (i = 0; i < n; i++)
		write_page(r.page + (i && r.count > 1 ? pick(r.count) : 0));
}

static void op_look(void)
{
	t_str(" look");
	look_at_some(some_range());
}

/* Empties the pipe into the buffer. */
static long drain(void)
{
	long n, sum = 0;

	while ((n = raw(read, pipes[0], buffer + sum, BUFFER + PAGE - sum)) > 0)
		sum += n;
	return sum;
}

static void t_buffer(long n)
{
	t_str(" ");
	t_hex(hash_bytes(1, buffer, n));
}

static long some_length(struct range r)
{
	long most = r.count * PAGE < BUFFER ? r.count * PAGE : BUFFER;

	return chance(50) ? most : 1 + pick(most);
}

/* Linux reads the memory. */
static void op_pipe_out(void)
{
	struct range r = some_range();
	long offset = chance(50) ? 0 : pick(PAGE), n = some_length(r);

	t_str(" pipe-out");
	t_range(r);
	t_arg("offset", offset);
	t_arg("bytes", n);
	t_ret("ret", raw(write, pipes[1], at(r.page) + offset, n));
	n = drain();
	t_arg("arrived", n);
	t_buffer(n);
}

/* Linux writes to the memory. */
static void op_pipe_in(void)
{
	struct range r = some_range();
	long offset = chance(50) ? 0 : pick(PAGE), n = some_length(r);

	t_str(" pipe-in");
	t_range(r);
	t_arg("offset", offset);
	t_arg("bytes", n);
	fill_bytes(buffer, n, stamp);
	ALWAYS(raw(write, pipes[1], buffer, n));
	t_ret("ret", raw(read, pipes[0], at(r.page) + offset, n));
	n = drain();
	t_arg("left", n);
	t_buffer(n);
	look_at_some(r);
}

static void some_vector(struct iovec v[4])
{
	struct range r;
	int i;

	for (i = 0; i < 4; i++) {
		r = some_range();
		v[i].iov_base = at(r.page) + (chance(50) ? 0 : pick(PAGE));
		v[i].iov_len = chance(10) ? 0 : 1 + pick(3 * PAGE);
		t_arg("at", (char *)v[i].iov_base - BASE);
		t_arg("+", v[i].iov_len);
	}
}

static void op_vector(void)
{
	struct iovec v[4];
	int n = 1 + pick(4);
	long bytes;

	t_str(" vector");
	some_vector(v);
	if (chance(50)) {
		t_ret("writev", raw(writev, pipes[1], v, n));
	} else {
		fill_bytes(buffer, BUFFER, stamp);
		ALWAYS(raw(write, pipes[1], buffer, BUFFER));
		t_ret("readv", raw(readv, pipes[0], v, n));
	}
	bytes = drain();
	t_arg("left", bytes);
	t_buffer(bytes);
}

static void op_file_in(void)
{
	struct range r = some_range();
	long offset = pick(CONSTANT_BYTES), n = some_length(r);

	t_str(" file-in");
	t_range(r);
	t_ret("ret", raw(pread64, constant, at(r.page), n, offset));
	look_at_some(r);
}

static void op_file_out(void)
{
	struct range r = some_range();
	int file = pick(FILES);
	long n = some_length(r), offset = pick(SHARED_BYTES), ret;

	shared_used[file] = true;
	t_str(" file-out");
	t_range(r);
	t_arg("file", file);
	ret = t_ret("ret", raw(pwrite64, shared_file[file], at(r.page), n, offset));
	if (ret > 0 && offset + ret > shared_bytes[file])
		shared_bytes[file] = offset + ret;
}

static void op_file_check(void)
{
	int file = pick(FILES);
	long offset = pick(SHARED_BYTES), n = 1 + pick(BUFFER), ret;

	t_str(" file-check");
	t_arg("file", file);
	ret = t_ret("ret", raw(pread64, shared_file[file], buffer, n, offset));
	t_buffer(ret > 0 ? ret : 0);
}

static void op_file_size(void)
{
	int file = pick(FILES);

	shared_bytes[file] = chance(50) ? shared_bytes[file] + pick(3 * PAGE) : pick(SHARED_MOST);
	if (shared_bytes[file] > SHARED_MOST)
		shared_bytes[file] = SHARED_MOST;
	shared_used[file] = true;
	t_str(" file-size");
	t_arg("file", file);
	t_arg("bytes", shared_bytes[file]);
	t_ret("ret", raw(ftruncate, shared_file[file], shared_bytes[file]));
}

static void op_file_allocate(void)
{
	int file = pick(FILES), hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int mode = pick_of(hole, hole, hole, FALLOC_FL_KEEP_SIZE, 0, FALLOC_FL_ZERO_RANGE, FALLOC_FL_PUNCH_HOLE);
	long offset = pick(SHARED_BYTES), n = 1 + pick(6 * PAGE);

	shared_used[file] = true;
	t_str(" file-allocate");
	t_arg("file", file);
	t_arg("mode", mode);
	t_arg("offset", offset);
	t_arg("bytes", n);
	if (!t_ret("ret", raw(fallocate, shared_file[file], mode, offset, n)) && !mode && offset + n > shared_bytes[file])
		shared_bytes[file] = offset + n;
}

static void op_lock(void)
{
	struct range r = some_range();
	int kind = pick(5);
	char *p = at(r.page) + (chance(20) ? pick(PAGE) : 0);

	t_str(" lock");
	t_range(r);
	t_arg("kind", kind);
	if (kind < 2)
		t_ret("ret", raw(mlock, p, r.count * PAGE));
	else if (kind == 2)
		t_ret("ret", raw(mlock2, p, r.count * PAGE, pick_of(0, 1, 1, 2)));
	else
		t_ret("ret", raw(munlock, p, r.count * PAGE));
	r.count = r.page + r.count < PAGES ? r.count + 1 : r.count;
	part(r);
}

static void op_present(void)
{
	struct range r = some_range();

	t_str(" present");
	t_range(r);
	t_ret("ret", raw(mincore, at(r.page), r.count * PAGE - pick_of(0, 0, 1), buffer));
}

static void op_sync(void)
{
	struct range r = some_range();

	t_str(" sync");
	t_range(r);
	t_ret("ret", raw(msync, at(r.page), r.count * PAGE, pick_of(MS_SYNC, MS_SYNC, MS_ASYNC, MS_INVALIDATE, MS_SYNC | MS_INVALIDATE, 0,
								     MS_SYNC | MS_ASYNC)));
}

static void op_break(void)
{
	char *wanted = heap + pick(30 * PAGE) - pick_of(0, 0, 0, 0, PAGE);
	long i, end;

	t_str(" break");
	t_arg("wanted", wanted - heap);
	end = raw(brk, wanted) - (long)heap;
	t_arg("is", end);
	for (i = 0; i < 4; i++) {
		char *p = heap + pick(32 * PAGE) / 8 * 8;
		uint64_t value = 0;
		struct fault f = chance(50) ? peek(p, &value) : poke(p, stamp + i);

		t_arg("at", p - heap);
		if (f.sig)
			t_fault(f, p);
		else
			t_arg("is", value);
	}
}

/* A child sees the same, and what it does the parent does not see, except in shared memory. */
static void op_fork(void)
{
	long pid, i;
	int status;

	t_str(" fork");
	pid = ALWAYS(fork());
	if (!pid) {
		t_str(" child");
		look_at_all(3);
		for (i = 0; i < 12; i++)
			write_page(some_range().page);
		if (chance(50))
			op_protect();
		look_at_all(0);
		_exit(7);
	}
	draw();
	ALWAYS(waitpid(pid, &status, 0));
	t_arg("status", status);
	t_str(" parent");
	look_at_all(0);
}

static void op_wrong(void)
{
	struct range r = some_range();
	uintptr_t p = (uintptr_t)at(r.page), wrong = pick_of(1, 4095, 1l << 47, -(1l << 47), -PAGE, 0);
	long n = pick_of(0, 1, PAGE, -PAGE, -1, 1l << 47, 1l << 62);
	int kind = pick(9);

	t_str(" wrong");
	t_range(r);
	t_arg("kind", kind);
	t_arg("by", wrong);
	t_arg("bytes", n);
	if (n > PAGE || n < 0 || !wrong)
		p += chance(50) ? 1 : 0;
	switch (kind) {
	case 0: t_ret("munmap", raw(munmap, p + wrong, 0)); break;
	case 1: t_ret("mprotect", raw(mprotect, p + wrong, 0, PROT_READ)); break;
	case 2: t_ret("mprotect", raw(mprotect, p + 1, n, pick_of(PROT_READ, 0x40, PROT_GROWSDOWN, PROT_GROWSUP))); break;
	case 3: t_ret("madvise", raw(madvise, p + wrong, 0, pick_of(MADV_DONTNEED, 77))); break;
	case 4: t_ret("msync", raw(msync, p + 1, n, MS_SYNC)); break;
	case 5: t_ret("mremap", raw(mremap, p + 1, n, n, MREMAP_MAYMOVE, 0)); break;
	case 6: t_ret("mmap", raw(mmap, p + 1, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); break;
	case 7: t_ret("mmap", raw(mmap, p, 0, PROT_READ, MAP_FIXED | MAP_PRIVATE, pick_of(-1, constant, pipes[0]), 0)); break;
	case 8: t_ret("mincore", raw(mincore, p + 1, n, buffer)); break;
	}
}

static const struct operation operations[] = {
	{ 14, op_map_private }, { 5, op_map_shared }, { 8, op_map_constant }, { 6, op_map_file }, { 1, op_map_read_only },
	{ 8, op_unmap }, { 10, op_protect }, { 12, op_remap }, { 12, op_advise }, { 16, op_write }, { 10, op_look },
	{ 6, op_pipe_out }, { 6, op_pipe_in }, { 4, op_vector }, { 3, op_file_in }, { 3, op_file_out }, { 2, op_file_check },
	{ 3, op_file_size }, { 3, op_file_allocate }, { 5, op_lock }, { 2, op_present }, { 3, op_sync }, { 3, op_break }, { 1, op_fork },
	{ 3, op_wrong },
};

static void memory_op(int index)
{
	stamp = draw() | 1;
	run_one(operations, index < MAPS_FIRST ? 4 : sizeof(operations) / sizeof(*operations));
}

/* In one call: this is done for each sequence. */
static void fill_file(int fd, long bytes, uint64_t pattern)
{
	static char contents[CONSTANT_BYTES];

	fill_bytes(contents, bytes, pattern);
	ALWAYS(ftruncate(fd, 0));
	ALWAYS(pwrite(fd, contents, bytes, 0));
}

static void reset_file(int number)
{
	fill_file(shared_file[number], SHARED_BYTES, 5 + number);
	shared_bytes[number] = SHARED_BYTES;
	shared_used[number] = false;
}

static void memory_prepare(void)
{
	char path[] = "/proc/self/fd/XX";
	int i;

	catch_faults();
	constant_rw = ALWAYS(memfd_create("random", 0));
	fill_file(constant_rw, CONSTANT_BYTES, 1);
	path[14] = '0' + constant_rw / 10;
	path[15] = '0' + constant_rw % 10;
	if (constant_rw < 10)
		path[14] = '0' + constant_rw, path[15] = '\0';
	constant = ALWAYS(open(path, O_RDONLY));
	for (i = 0; i < FILES; i++) {
		shared_file[i] = ALWAYS(memfd_create("random", 0));
		reset_file(i);
	}
	ALWAYS(pipe2(pipes, O_NONBLOCK));
	ALWAYS(fcntl(pipes[1], F_SETPIPE_SZ, 256 * PAGE));
	heap = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & -PAGE);
}

static void memory_begin(void)
{
	int i;

	raw(brk, heap);
	for (i = 0; i < FILES; i++)
		if (shared_used[i])
			reset_file(i);
}

static void memory_end(void)
{
	look_at_all(4);
	ALWAYS(raw(munmap, BASE, PAGES * PAGE));
	memset(id, 0, sizeof(id));
}

const struct group memory_group = { "memory", 40, memory_prepare, memory_begin, memory_op, memory_end };
