/* SPDX-License-Identifier: GPL-2.0 */
/* The classic BPF machine: what it accepts, and what programs make of a call. */
#include "unit.h"
#include "proc/bpf.c"

#define INSN(code, jt, jf, k)	{ code, jt, jf, k }
#define CODE(c, k)		{ c, 0, 0, k }
#define RETURN(k)		CODE(RET, k)
#define RETURN_A		CODE(RET | A, 0)
#define ACCEPTED(...)		({ const struct bpf_insn p_[] = { __VA_ARGS__ }; bpf_check(p_, ARRAY_SIZE(p_)); })
#define RUN(...)		({ const struct bpf_insn p_[] = { __VA_ARGS__ }; assert_true(bpf_check(p_, ARRAY_SIZE(p_))); bpf_run(p_, &call); })

static const struct bpf_data call = { .nr = -2, .arch = 0xc000003e, .ip = 0x123456789abcdef0, .arg = { 1, 2ULL << 32 | 3, 4, 5, 6, ~0ULL } };

/* Exactly the codes that seccomp(2) knows. */
static void codes(void **state)
{
	static const u16 known[] = {
		0x00, 0x01, 0x20, 0x60, 0x61, 0x80, 0x81, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c,
		0x64, 0x6c, 0x74, 0x7c, 0x84, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87,
	};

	for (u32 code = 0; code < 0x10000; code++) {
		bool expected = false, first = code == (LD | MEM) || code == (LDX | MEM);

		for (u32 i = 0; i < ARRAY_SIZE(known); i++)
			expected |= known[i] == code;
		assert_int_equal(first ? ACCEPTED(CODE(ST, 0), CODE(code, 0), RETURN(0)) :
			ACCEPTED(CODE(code, code == (ALU | DIV) ? 1 : 0), RETURN(0)), expected);
	}
}

static void limits(void **state)
{
	struct bpf_insn many[BPF_LENGTH_MAX + 1];

	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct bpf_insn)RETURN(i);
	assert_false(bpf_check(many, 0));
	assert_true(bpf_check(many, BPF_LENGTH_MAX));
	assert_false(bpf_check(many, BPF_LENGTH_MAX + 1));
	many[0] = (struct bpf_insn)CODE(JMP | JA, BPF_LENGTH_MAX - 2);
	assert_true(bpf_check(many, BPF_LENGTH_MAX));
	assert_int_equal(bpf_run(many, &call), BPF_LENGTH_MAX - 1);
	many[0].k++;
	assert_false(bpf_check(many, BPF_LENGTH_MAX));
	many[0].k = ~0u;
	assert_false(bpf_check(many, BPF_LENGTH_MAX));
	assert_false(ACCEPTED(CODE(LD | IMM, 0)));
	assert_false(ACCEPTED(RETURN(0), CODE(JMP | JA, 0)));
	assert_true(ACCEPTED(CODE(LD | ABS, 60), RETURN(0)));
	assert_false(ACCEPTED(CODE(LD | ABS, 64), RETURN(0)));
	assert_false(ACCEPTED(CODE(LD | ABS, 2), RETURN(0)));
	assert_false(ACCEPTED(CODE(LD | ABS, ~3u), RETURN(0)));
	assert_false(ACCEPTED(CODE(ALU | DIV, 0), RETURN(0)));
	assert_false(ACCEPTED(CODE(ALU | LSH, 32), RETURN(0)));
	assert_false(ACCEPTED(CODE(ALU | RSH, 32), RETURN(0)));
	assert_false(ACCEPTED(CODE(ST, 16), RETURN(0)));
	assert_false(ACCEPTED(CODE(STX, ~0u), RETURN(0)));
	assert_false(ACCEPTED(INSN(JMP | JEQ, 1, 0, 0), RETURN(0)));
	assert_false(ACCEPTED(INSN(JMP | JEQ, 0, 1, 0), RETURN(0)));
}

static void memory(void **state)
{
	assert_false(ACCEPTED(CODE(LD | MEM, 0), RETURN(0)));
	assert_false(ACCEPTED(CODE(ST, 1), CODE(LDX | MEM, 0), RETURN(0)));
	/* written on one way only */
	assert_false(ACCEPTED(INSN(JMP | JEQ, 0, 1, 0), CODE(ST, 0), CODE(LD | MEM, 0), RETURN(0)));
	/* on both */
	assert_true(ACCEPTED(INSN(JMP | JEQ, 0, 2, 0), CODE(ST, 0), CODE(JMP | JA, 1), CODE(STX, 0), CODE(LD | MEM, 0), RETURN(0)));
	/* not on the way around */
	assert_false(ACCEPTED(CODE(JMP | JA, 1), CODE(ST, 0), CODE(LD | MEM, 0), RETURN(0)));
	assert_int_equal(RUN(CODE(LD | IMM, 9), CODE(ST, 15), CODE(LD | IMM, 0), CODE(LDX | MEM, 15), CODE(MISC | TXA, 0), RETURN_A), 9);
}

static void data(void **state)
{
	assert_int_equal(RUN(CODE(LD | ABS, 0), RETURN_A), (u32)-2);
	assert_int_equal(RUN(CODE(LD | ABS, 4), RETURN_A), 0xc000003e);
	assert_int_equal(RUN(CODE(LD | ABS, 8), RETURN_A), 0x9abcdef0);
	assert_int_equal(RUN(CODE(LD | ABS, 12), RETURN_A), 0x12345678);
	assert_int_equal(RUN(CODE(LD | ABS, 24), RETURN_A), 3);
	assert_int_equal(RUN(CODE(LD | ABS, 28), RETURN_A), 2);
	assert_int_equal(RUN(CODE(LD | ABS, 60), RETURN_A), ~0u);
	assert_int_equal(RUN(CODE(LD | LEN, 0), RETURN_A), 64);
	assert_int_equal(RUN(CODE(LDX | LEN, 0), CODE(MISC | TXA, 0), RETURN_A), 64);
}

static u32 calculated(u16 op, u32 a, u32 b)
{
	u32 by_k = RUN(CODE(LD | IMM, a), CODE(ALU | op, b), RETURN_A);
	u32 by_x = RUN(CODE(LDX | IMM, b), CODE(LD | IMM, a), CODE(ALU | op | X, 0), RETURN_A);

	assert_int_equal(by_k, by_x);
	return by_k;
}

static void arithmetic(void **state)
{
	assert_int_equal(calculated(ADD, ~0u, 2), 1);
	assert_int_equal(calculated(SUB, 1, 2), ~0u);
	assert_int_equal(calculated(MUL, 0x10001, 0x10001), 0x20001);
	assert_int_equal(calculated(DIV, ~0u, 2), 0x7fffffff);
	assert_int_equal(calculated(OR, 5, 6), 7);
	assert_int_equal(calculated(AND, 5, 6), 4);
	assert_int_equal(calculated(XOR, 5, 6), 3);
	assert_int_equal(calculated(LSH, 3, 31), 0x80000000);
	assert_int_equal(calculated(RSH, ~0u, 31), 1);
	assert_int_equal(RUN(CODE(LD | IMM, 1), CODE(ALU | NEG, 0), RETURN_A), ~0u);
	assert_int_equal(RUN(CODE(LD | IMM, 7), CODE(ALU | DIV | X, 0), RETURN(5)), 0);	/* by zero: the strictest answer */
	assert_int_equal(RUN(CODE(LDX | IMM, 33), CODE(LD | IMM, 1), CODE(ALU | LSH | X, 0), RETURN_A), 2);
	assert_int_equal(RUN(CODE(LD | IMM, 7), CODE(MISC, 0), CODE(LD | IMM, 0), CODE(MISC | TXA, 0), RETURN_A), 7);
}

static bool condition(u16 op, u32 a, u32 b)
{
	u32 by_k = RUN(CODE(LD | IMM, a), INSN(JMP | op, 1, 0, b), RETURN(0), RETURN(1));
	u32 by_x = RUN(CODE(LDX | IMM, b), CODE(LD | IMM, a), INSN(JMP | op | X, 0, 1, 77), RETURN(1), RETURN(0));

	assert_int_equal(by_k, by_x);
	return by_k;
}

static void jumps(void **state)
{
	assert_true(condition(JEQ, 5, 5) && !condition(JEQ, 5, 6));
	assert_true(condition(JGT, ~0u, 1) && !condition(JGT, 1, 1) && !condition(JGT, 1, ~0u));
	assert_true(condition(JGE, 1, 1) && condition(JGE, ~0u, 1) && !condition(JGE, 0, 1));
	assert_true(condition(JSET, 6, 2) && !condition(JSET, 6, 1));
	assert_int_equal(RUN(CODE(JMP | JA, 1), RETURN(1), RETURN(2)), 2);
}

static struct az_node_stats stats[1];

static int memory_for_checks(void **state)
{
	frame_stats_bind(stats, 1);
	frame_add_range(HOST_PHYS_START, 4 * MB, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes), cmocka_unit_test(limits), cmocka_unit_test(memory), cmocka_unit_test(data),
		cmocka_unit_test(arithmetic), cmocka_unit_test(jumps),
	};

	return cmocka_run_group_tests(tests, memory_for_checks, NULL);
}
