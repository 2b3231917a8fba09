/* SPDX-License-Identifier: GPL-2.0 */
/* How traces write system calls: arguments of every kind, wrong pointers, results, signals; and that no arguments lead out of the line. */
#include "fake_user.h"
#include "trace.h"

long copy_string_from_user(char *dst, uaddr_t src, u64 size)
{
	for (u64 i = 0; i < size; i++) {
		if (copy_from_user(dst + i, src + i, 1))
			return -EFAULT;
		if (!dst[i])
			return i;
	}
	return -ERANGE;
}

#define PAST_RESULT_COLUMN	40

static char line[TRACE_TEXT + 8];

/* The text of call @nr with this result; "|" is where the call runs; no blanks before the result. */
static const char *said(u32 nr, const u64 value[6], long ret)
{
	struct trace_call c = { .nr = nr };
	struct text t = { line, 0 };

	memcpy(c.value, value, sizeof(c.value));
	c.desc = syscall_desc_find(nr, c.value);
	c.row = c.desc ? &syscall_descs[syscall_desc_index(nr)] : NULL;
	decode_begin(&t, &c);
	text_add(&t, "|");
	decode_end(&t, &c, ret, PAST_RESULT_COLUMN);
	return line;
}

#define assert_said(text, nr, ret, ...) assert_string_equal(said(nr, (const u64[6]){ __VA_ARGS__ }, ret), text)

static uaddr_t put(u32 offset, const void *bytes, u64 length)
{
	memcpy(memory + offset, bytes, length);
	return MEMORY + offset;
}

static uaddr_t put_text(u32 offset, const char *text)
{
	return put(offset, text, strlen(text) + 1);
}

static void numbers_and_names(void **state)
{
	assert_said("getpid(|) = 100", 39, 100, 0);
	assert_said("close(3|) = 0", 3, 0, 0xffffffff00000003);
	assert_said("close(-1|) = -1 EBADF (Bad file descriptor)", 3, -9, 0xffffffff);
	assert_said("lseek(3, -5, SEEK_END|) = 7", 8, 7, 3, -5ULL, 2);
	assert_said("lseek(3, 0, 0x9|) = -1 EINVAL (Invalid argument)", 8, -22, 3, 0, 9);
	assert_said("mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|0x80000000, -1, 0|) = 0x7f0000", 9, 0x7f0000,
		0, 4096, 3, 0x80000022, 0xffffffff, 0);
	assert_said("mprotect(0x1000, 1, PROT_NONE|) = 0", 10, 0, 0x1000, 1, 0);
	assert_said("kill(-1, SIGUSR1|) = 0", 62, 0, -1ULL, 10);
	assert_said("tkill(1, SIGRT_2|) = 0", 200, 0, 1, 34);
	assert_said("fchmod(3, 0644|) = 0", 91, 0, 3, 0644);
	assert_said("umask(0|) = 18", 95, 18, 0);
	assert_said("fcntl(3, F_SETFD, FD_CLOEXEC|) = 0", 72, 0, 3, 2, 1);
	assert_said("fcntl(3, F_GETFL, 0|) = 2", 72, 2, 3, 3);
	assert_said("fcntl(3, 0x63, 0x63|) = -1 EINVAL (Invalid argument)", 72, -22, 3, 99, 99);
	assert_said("getrusage(RUSAGE_CHILDREN, |0x1000 /* rusage, 144 bytes */) = 0", 98, 0, -1ULL, 0x1000);
	assert_said("syscall_0x14f(0x1, 0x2, 0x3, 0x0, 0x0, 0x0|) = -1 ENOSYS (Function not implemented)", 335, -38, 1, 2, 3);
}

static void strings_and_buffers(void **state)
{
	uaddr_t path = put_text(0, "/etc/a \"b\"\n\033" "1\001x\377"), text = put_text(256, "0123456789012345678901234567890123456789");
	char name[2000];

	assert_said("openat(AT_FDCWD, \"/etc/a \\\"b\\\"\\n\\0331\\1x\\377\", O_RDONLY|O_CLOEXEC|) = 3", 257, 3, -100ULL, path, 02000000);
	assert_said("open(\"/etc/a \\\"b\\\"\\n\\0331\\1x\\377\", O_WRONLY|O_CREAT|O_TRUNC, 0600|) = 3", 2, 3, path, 01101, 0600);
	assert_said("write(1, \"0123\", 4|) = 4", 1, 4, 1, text, 4);
	assert_said("write(1, \"01234567890123456789012345678901\"..., 40|) = 40", 1, 40, 1, text, 40);
	assert_said("write(1, \"\", 0|) = 0", 1, 0, 1, text, 0);
	assert_said("read(0, |\"012\", 40) = 3", 0, 3, 0, text, 40);
	assert_said("read(0, |0x200100, 40) = -1 EINTR (Interrupted system call)", 0, -4, 0, text, 40);
	assert_said("unlink(NULL|) = -1 EFAULT (Bad address)", 87, -14, 0);
	assert_said("unlink(0x202000|) = -1 EFAULT (Bad address)", 87, -14, UNMAPPED);
	assert_said("write(1, 0x201ffc, 8|) = -1 EFAULT (Bad address)", 1, -14, 1, UNMAPPED - 4, 8);
	assert_said("write(1, 0xffff800000000000, 18446744073709551615|) = -1 EFAULT (Bad address)", 1, -14, 1, 0xffff800000000000, -1ULL);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_non_null(strstr(said(87, (const u64[6]){ put_text(512, name) }, 0), "nnnn\"...|) = 0"));
}

static void lists_and_structures(void **state)
{
	s32 pipe[2] = { 3, -4 };
	s64 time[2] = { 1, 500000000 }, set = 1;
	uaddr_t text = put_text(0, "word"), iov, args;
	u64 v[4] = { text, 4, text, 2 }, strings[3] = { text, text, 0 };

	assert_said("pipe(|[3, -4]) = 0", 22, 0, put(64, pipe, sizeof(pipe)));
	assert_said("nanosleep({tv_sec=1, tv_nsec=500000000}, |NULL) = 0", 35, 0, put(64, time, sizeof(time)), 0);
	assert_said("nanosleep(0x202000 /* timespec, 16 bytes */, |NULL) = -1 EFAULT (Bad address)", 35, -14, UNMAPPED, 0);
	assert_said("rt_sigprocmask(SIG_BLOCK, [0x1], |NULL, 8) = 0", 14, 0, 0, put(64, &set, 8), 0, 8);
	iov = put(128, v, sizeof(v));
	assert_said("writev(1, [{iov_base=\"word\", iov_len=4}, {iov_base=\"wo\", iov_len=2}], 2|) = 6", 20, 6, 1, iov, 2);
	assert_said("readv(1, |[{iov_base=\"word\", iov_len=4}, {iov_base=\"w\", iov_len=2}], 2) = 5", 19, 5, 1, iov, 2);
	assert_said("writev(1, 0x202000, 1|) = -1 EFAULT (Bad address)", 20, -14, 1, UNMAPPED, 1);
	args = put(192, strings, sizeof(strings));
	assert_said("execve(\"word\", [\"word\", \"word\"], NULL|) = -1 ENOENT (No such file or directory)", 59, -2, text, args, 0);
	set = 0x3d0f00;
	assert_said("clone3({CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|"
		"CLONE_CHILD_CLEARTID, ...}, 88|) = 7", 435, 7, put(64, &set, 8), 88);
	assert_said("fstat(3, |0x200040 /* stat, 144 bytes */) = 0", 5, 0, 3, MEMORY + 64);
	assert_said("futex(0x200000, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 1, 0x200000, NULL, 0|) = 0", 202, 0, MEMORY, 0x81, 1, MEMORY, 0, 0);
}

static void results(void **state)
{
	assert_said("pause(|) = ? ERESTARTNOHAND (To be restarted if no handler)", 34, -514, 0);
	assert_said("getpid(|) = -1 (errno 4000)", 39, -4000, 0);
	assert_said("brk(NULL|) = 0x10000", 12, 0x10000, 0);
	assert_said("getpid(|) = -5000", 39, -5000, 0);
}

static void signals(void **state)
{
	struct { s32 word[4]; u64 rest[14]; } info = { { 11, 0, 1 }, { 0x1234 } };
	struct text t = { line, 0 };

	decode_signal(&t, (const u8 *)&info);
	assert_string_equal(line, "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x1234} ---");
	info.word[0] = 10;
	info.word[2] = 0;
	((s32 *)info.rest)[0] = 77;
	((s32 *)info.rest)[1] = 1000;
	t.used = 0;
	decode_signal(&t, (const u8 *)&info);
	assert_string_equal(line, "--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=77, si_uid=1000} ---");
	info.word[0] = 17;
	info.word[2] = 1;
	((s32 *)info.rest)[2] = 3;
	t.used = 0;
	decode_signal(&t, (const u8 *)&info);
	assert_string_equal(line,
		"--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=77, si_uid=1000, si_status=3} ---");
	info.word[0] = -7;
	t.used = 0;
	decode_signal(&t, (const u8 *)&info);
}

/* Numbers that programs get wrong, and pointers to anything. */
static u64 garbage(u32 *state)
{
	static const u64 favourites[] = { 0, 1, 2, -1ULL, -100ULL, 0xffffffff, MEMORY, MEMORY + 8, ABSENT, UNMAPPED - 1, UNMAPPED, 1ULL << 63 };
	u32 choice = next_random(state) % 16;

	if (choice < ARRAY_SIZE(favourites))
		return favourites[choice];
	if (choice < 14)
		return MEMORY + next_random(state) % (2 * PAGE_SIZE);
	return (u64)next_random(state) << (next_random(state) % 64);
}

static void any_call_fits_the_line(void **state)
{
	u32 seed = 1;
	u64 value[6];

	for (u32 i = 0; i < 200000; i++) {
		u32 nr = next_random(&seed) % 460;
		const struct syscall_desc *row = syscall_desc_index(nr) < 0 ? NULL : &syscall_descs[syscall_desc_index(nr)];

		for (u32 k = 0; k < 6; k++)
			value[k] = garbage(&seed);
		if (row && row->op_arg)
			value[row->op_arg - 1] = syscall_descs[row->first_sub + next_random(&seed) % row->sub_count].nr;
		for (u32 k = 0; k < 64; k++)
			*(u64 *)(memory + next_random(&seed) % 8 * 1000) = garbage(&seed);
		memset(line + TRACE_TEXT, 'x', 8);
		said(nr, value, next_random(&seed) % 4 ? -(long)(next_random(&seed) % 5000) : (long)garbage(&seed));
		assert_true(strlen(line) < TRACE_TEXT);
		assert_int_equal(line[TRACE_TEXT], 'x');
	}
}

static void a_line_that_is_too_long_says_so(void **state)
{
	struct text t = { line, 0 };

	for (u32 i = 0; i < TRACE_TEXT; i++)
		text_add(&t, "%c", 'a');
	assert_int_equal(t.used, TRACE_TEXT - 1);
	assert_string_equal(line + TRACE_TEXT - 6, "aa...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_names), cmocka_unit_test(strings_and_buffers), cmocka_unit_test(lists_and_structures),
		cmocka_unit_test(results), cmocka_unit_test(signals), cmocka_unit_test(any_call_fits_the_line),
		cmocka_unit_test(a_line_that_is_too_long_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
