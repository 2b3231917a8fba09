/* SPDX-License-Identifier: GPL-2.0 */
/* The classic BPF machine, see bpf.h. Codes and rules are those of Linux (linux/filter.h, seccomp(2)). */
#include "bpf.h"
#include "mm.h"

/* Class, and what is left of a code in each class. */
#define LD	0x00u
#define LDX	0x01u
#define ST	0x02u
#define STX	0x03u
#define ALU	0x04u
#define JMP	0x05u
#define RET	0x06u
#define MISC	0x07u
#define CLASS	0x07u

#define IMM	0x00u		/* modes of LD and LDX; the size is always a word */
#define ABS	0x20u
#define MEM	0x60u
#define LEN	0x80u

#define ADD	0x00u
#define SUB	0x10u
#define MUL	0x20u
#define DIV	0x30u
#define OR	0x40u
#define AND	0x50u
#define LSH	0x60u
#define RSH	0x70u
#define NEG	0x80u
#define XOR	0xa0u

#define JA	0x00u
#define JEQ	0x10u
#define JGT	0x20u
#define JGE	0x30u
#define JSET	0x40u

#define X	0x08u		/* the operand is register X, otherwise k */
#define A	0x10u		/* RET: register A */
#define TXA	0x80u		/* MISC: otherwise TAX */

#define WORDS	16u		/* of memory */
#define ALL_WORDS	((1u << WORDS) - 1)

static bool check_alu(const struct bpf_insn *i)
{
	u32 op = i->code & 0xf0u;

	if (op == NEG)
		return i->code == (ALU | NEG);
	if (i->code > 0xff || (op > RSH && op != XOR))
		return false;
	if (i->code & X)
		return true;
	return op == DIV ? i->k : op == LSH || op == RSH ? i->k < 32 : true;
}

static bool check_jump(const struct bpf_insn *i, u32 left)
{
	if (i->code == (JMP | JA))
		return i->k < left;
	return i->code >= (JMP | JEQ) && i->code <= (JMP | JSET | X) && i->jt < left && i->jf < left;
}

static bool check_load(const struct bpf_insn *i)
{
	switch (i->code) {
	case LD | ABS:
		return i->k < sizeof(struct bpf_data) && i->k % 4 == 0;
	case LD | MEM:
	case LDX | MEM:
		return i->k < WORDS;
	case LD | IMM:
	case LDX | IMM:
	case LD | LEN:
	case LDX | LEN:
		return true;
	}
	return false;
}

/* @left: instructions that follow. */
static bool check_insn(const struct bpf_insn *i, u32 left)
{
	switch (i->code & CLASS) {
	case LD:
	case LDX:
		return check_load(i);
	case ST:
	case STX:
		return i->code <= STX && i->k < WORDS;
	case ALU:
		return check_alu(i);
	case JMP:
		return check_jump(i, left);
	case RET:
		return i->code == RET || i->code == (RET | A);
	default:
		return i->code == MISC || i->code == (MISC | TXA);
	}
}

static bool is_load_of_memory(const struct bpf_insn *i)
{
	return i->code == (LD | MEM) || i->code == (LDX | MEM);
}

/*
 * No word of memory is read before every way to the reader has written it. Jumps go forward only, so one pass is enough: @written has for
 * each instruction the words that are written on all ways to it, ALL_WORDS where no jump has arrived yet.
 */
static bool check_memory(const struct bpf_insn *program, u32 length, u16 *written)
{
	u32 now = 0;

	for (u32 at = 0; at < length; at++)
		written[at] = ALL_WORDS;
	for (u32 at = 0; at < length; at++) {
		const struct bpf_insn *i = &program[at];

		now &= written[at];
		if (i->code == ST || i->code == STX)
			now |= 1u << i->k;
		if (is_load_of_memory(i) && !(now >> i->k & 1))
			return false;
		if (i->code == (JMP | JA)) {
			written[at + 1 + i->k] &= now;
		} else if ((i->code & CLASS) == JMP) {
			written[at + 1 + i->jt] &= now;
			written[at + 1 + i->jf] &= now;
		}
		if ((i->code & CLASS) == JMP)
			now = ALL_WORDS;	/* nothing comes from the line above */
	}
	return true;
}

bool bpf_check(const struct bpf_insn *program, u32 length)
{
	u16 *written;
	bool good;

	if (!length || length > BPF_LENGTH_MAX || (program[length - 1].code & CLASS) != RET)
		return false;
	for (u32 at = 0; at < length; at++)
		if (!check_insn(&program[at], length - 1 - at))
			return false;
	written = kmalloc(length * sizeof(*written));
	good = written && check_memory(program, length, written);
	kfree(written);
	return good;
}

static u32 calculate(u32 op, u32 a, u32 b)
{
	switch (op) {
	case ADD: return a + b;
	case SUB: return a - b;
	case MUL: return a * b;
	case DIV: return a / b;
	case OR: return a | b;
	case AND: return a & b;
	case LSH: return a << (b & 31);
	case RSH: return a >> (b & 31);
	case XOR: return a ^ b;
	default: return -a;
	}
}

static bool holds(u32 op, u32 a, u32 b)
{
	switch (op) {
	case JEQ: return a == b;
	case JGT: return a > b;
	case JGE: return a >= b;
	default: return a & b;
	}
}

static u32 load(const struct bpf_insn *i, const struct bpf_data *data, const u32 *memory)
{
	switch (i->code & ~CLASS) {
	case ABS: return ((const u32 *)data)[i->k / 4];
	case MEM: return memory[i->k];
	case LEN: return sizeof(*data);
	default: return i->k;
	}
}

u32 bpf_run(const struct bpf_insn *program, const struct bpf_data *data)
{
	u32 a = 0, x = 0, memory[WORDS];

	for (const struct bpf_insn *i = program;; i++) {
		u32 op = i->code & 0xf0u, operand = i->code & X ? x : i->k;

		switch (i->code & CLASS) {
		case LD: a = load(i, data, memory); break;
		case LDX: x = load(i, data, memory); break;
		case ST: memory[i->k] = a; break;
		case STX: memory[i->k] = x; break;
		case ALU:
			if (op == DIV && !operand)
				return 0;
			a = calculate(op, a, operand);
			break;
		case JMP: i += op == JA ? i->k : holds(op, a, operand) ? i->jt : i->jf; break;
		case RET: return i->code & A ? a : i->k;
		default:
			if (i->code & TXA)
				a = x;
			else
				x = a;
		}
	}
}
