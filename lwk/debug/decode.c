/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes a system call as strace(1) does, from what the call table knows of its arguments. Everything that a pointer leads to is the
 * program's: it is copied piece by piece, and where that fails the address is written instead.
 *
 *	openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3
 *
 * Arguments that the call fills in are written after it; so are those behind them, that their order stays. Of bytes and lists a part is
 * written, then "...".
 */
#include "trace.h"
#include "errno.h"
#include "format.h"
#include "mm.h"
#include "syscall_names.h"
#include "syscall_signals.h"

#define STRING_SHOWN	32	/* bytes of a buffer, as strace */
#define PATH_SHOWN	1024
#define LIST_SHOWN	8	/* elements of a list of numbers or strings */
#define VECTOR_SHOWN	4	/* buffers of an iovec */
#define RESULT_COLUMN	39
#define ERRORS		4096
#define AT_FDCWD	(-100)
#define NR_OPEN		2
#define NR_OPENAT	257
#define MAKES_FILE	020000100	/* O_CREAT, the own bit of O_TMPFILE */

void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->used += format_args(t->at + t->used, TRACE_TEXT - t->used, fmt, args);
	va_end(args);
	if (t->used == TRACE_TEXT - 1)
		format(t->at + t->used - 3, 4, "...");
}

void text_pad(struct text *t, u32 column)
{
	for (column += t->used; column < RESULT_COLUMN; column++)
		text_add(t, " ");
}

/* ---- Strings --------------------------------------------------------------------------------------------------- */

static bool is_digit(u8 c)
{
	return c >= '0' && c <= '9';
}

static void put_byte(struct text *t, u8 c, bool before_digit)
{
	static const char control[] = "tnvfr";	/* 9 to 13 */

	if (c >= '\t' && c <= '\r')
		text_add(t, "\\%c", control[c - '\t']);
	else if (c == '"' || c == '\\')
		text_add(t, "\\%c", c);
	else if (c >= ' ' && c < 0x7f)
		text_add(t, "%c", c);
	else if (before_digit || c >= 0100)
		text_add(t, "\\%u%u%u", c >> 6, c >> 3 & 7, c & 7);
	else if (c >= 010)
		text_add(t, "\\%u%u", c >> 3, c & 7);
	else
		text_add(t, "\\%u", c);
}

static void put_bytes(struct text *t, const u8 *s, u64 length)
{
	text_add(t, "\"");
	for (u64 i = 0; i < length; i++)
		put_byte(t, s[i], i + 1 < length && is_digit(s[i + 1]));
	text_add(t, "\"");
}

static void put_address(struct text *t, u64 addr)
{
	if (addr)
		text_add(t, "0x%lx", addr);
	else
		text_add(t, "NULL");
}

static void put_buffer(struct text *t, uaddr_t addr, u64 length)
{
	u8 bytes[STRING_SHOWN];
	u64 shown = min(length, (u64)STRING_SHOWN);

	if (!addr || copy_from_user(bytes, addr, shown)) {
		put_address(t, addr);
		return;
	}
	put_bytes(t, bytes, shown);
	if (shown < length)
		text_add(t, "...");
}

static void put_string(struct text *t, uaddr_t addr, u32 limit)
{
	u8 bytes[PATH_SHOWN];
	long length;

	limit = min(limit, (u32)sizeof(bytes));
	length = addr ? copy_string_from_user((char *)bytes, addr, limit) : -EFAULT;
	if (length == -EFAULT) {
		put_address(t, addr);
		return;
	}
	put_bytes(t, bytes, length < 0 ? limit : (u64)length);
	if (length < 0)
		text_add(t, "...");
}

/* A list of strings that ends with NULL, as of arguments. */
static void put_strings(struct text *t, uaddr_t addr)
{
	uaddr_t string;

	if (!addr || copy_from_user(&string, addr, sizeof(string))) {
		put_address(t, addr);
		return;
	}
	text_add(t, "[");
	for (u32 i = 0; string; i++) {
		text_add(t, i ? ", " : "");
		if (i == LIST_SHOWN) {
			text_add(t, "...");
			break;
		}
		put_string(t, string, STRING_SHOWN);
		addr += sizeof(string);
		if (copy_from_user(&string, addr, sizeof(string))) {
			text_add(t, ", ... 0x%lx", addr);
			break;
		}
	}
	text_add(t, "]");
}

/* @bytes: how many the buffers hold together. */
static void put_iovec(struct text *t, uaddr_t addr, u64 count, u64 bytes)
{
	struct { u64 base, len; } v;

	if (!addr || copy_from_user(&v, addr, sizeof(v))) {
		put_address(t, addr);
		return;
	}
	text_add(t, "[");
	for (u64 i = 0; i < count; i++) {
		text_add(t, i ? ", " : "");
		if (i == VECTOR_SHOWN || copy_from_user(&v, addr + i * sizeof(v), sizeof(v))) {
			text_add(t, "...");
			break;
		}
		text_add(t, "{iov_base=");
		put_buffer(t, v.base, min(v.len, bytes));
		text_add(t, ", iov_len=%lu}", v.len);
		bytes -= min(v.len, bytes);
	}
	text_add(t, "]");
}

/* ---- Structures ------------------------------------------------------------------------------------------------ */

static bool read_word(uaddr_t addr, u32 size, s64 *value)
{
	s32 narrow;

	if (size == sizeof(*value))
		return copy_from_user(value, addr, size) == 0;
	if (copy_from_user(&narrow, addr, sizeof(narrow)))
		return false;
	*value = narrow;
	return true;
}

/* Words as numbers, with the names of fields if there are any; several structures one after the other. */
static void put_words(struct text *t, uaddr_t addr, u64 bytes, const struct syscall_type *type)
{
	u32 fields = type->field ? type->bytes / type->word : 0;
	u64 count = bytes / type->word;
	s64 value;

	text_add(t, fields ? "" : "[");
	for (u64 i = 0; i < count; i++) {
		text_add(t, i ? ", " : "");
		if (i == LIST_SHOWN || !read_word(addr + i * type->word, type->word, &value)) {
			text_add(t, "...");
			break;
		}
		if (fields)
			text_add(t, i % fields ? "%s=" : "{%s=", type->field[i % fields]);
		text_add(t, type->hex ? "0x%lx" : "%ld", value);
		text_add(t, fields && i % fields == fields - 1 ? "}" : "");
	}
	text_add(t, fields ? "" : "]");
}

static void put_structure(struct text *t, uaddr_t addr, u64 bytes, const struct syscall_type *type)
{
	u8 probe;

	if (type->word && addr && bytes >= type->bytes && !copy_from_user(&probe, addr, 1))
		put_words(t, addr, bytes, type);
	else if (addr)
		text_add(t, "0x%lx /* %s, %lu bytes */", addr, type->name, bytes);
	else
		put_address(t, addr);
}

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

static void put_names(struct text *t, const struct syscall_form *form, u64 value, bool first)
{
	u64 rest = value;

	for (u32 i = 0; i < form->count; i++) {
		const struct syscall_name *n = &form->name[i];

		if ((value & n->mask) != n->value || (rest & n->value) != n->value)
			continue;
		text_add(t, "%s%s", first ? "" : "|", n->name);
		rest &= ~n->mask;
		first = false;
	}
	if (rest >> 32 == ~0U)
		rest = (u32)rest;		/* a negative int */
	if (rest)
		text_add(t, "%s0x%lx", first ? "" : "|", rest);
	else if (first)
		text_add(t, "0");
}

static void put_signal(struct text *t, u32 sig)
{
	if (sig > 0 && sig < ARRAY_SIZE(syscall_signals))
		text_add(t, "%s", syscall_signals[sig]);
	else if (sig >= 32 && sig <= 64)
		text_add(t, "SIGRT_%u", sig - 32);
	else
		text_add(t, "%d", sig);
}

/* The op by the name of its sub-row, then the bits that do not select it. */
static void put_op(struct text *t, const struct trace_call *c, u32 value)
{
	u32 rest = value & ~c->row->op_mask;
	const struct syscall_form *form = &syscall_forms[c->row->arg[c->row->op_arg - 1].form];

	if (c->desc == c->row || c->desc->nr == SYSCALL_OP_OTHER) {
		text_add(t, "0x%x", value);
		return;
	}
	text_add(t, "%s", c->desc->name);
	if (rest)
		put_names(t, form, rest, false);
}

/* As wide as the call looks at it. */
static u64 at_width(const struct syscall_arg *arg, u64 value)
{
	switch (arg->kind) {
	case SYSCALL_ARG_UINT:
	case SYSCALL_ARG_OP:
		return (u32)value;
	case SYSCALL_ARG_INT:
	case SYSCALL_ARG_FD:
	case SYSCALL_ARG_PID:
	case SYSCALL_ARG_SIG:
		return (s32)value;
	}
	return value;
}

static void put_number(struct text *t, const struct trace_call *c, const struct syscall_arg *arg, u64 value)
{
	switch (arg->kind) {
	case SYSCALL_ARG_OP:
		put_op(t, c, value);
		return;
	case SYSCALL_ARG_SIG:
		put_signal(t, value);
		return;
	case SYSCALL_ARG_ADDR:
		put_address(t, value);
		return;
	case SYSCALL_ARG_UINT:
	case SYSCALL_ARG_SIZE:
		text_add(t, "%lu", value);
		return;
	case SYSCALL_ARG_U64:
		text_add(t, value < 10 ? "%lu" : "0x%lx", value);
		return;
	}
	if (arg->kind == SYSCALL_ARG_FD && (s64)value == AT_FDCWD)
		text_add(t, "AT_FDCWD");
	else
		text_add(t, "%ld", value);
}

static void put_octal(struct text *t, u64 value)
{
	char digits[24];
	u32 at = sizeof(digits) - 1;

	for (digits[at] = 0; value && at > 1; value >>= 3)
		digits[--at] = '0' + (value & 7);
	digits[--at] = '0';
	text_add(t, "%s", digits + at);
}

static void put_formed(struct text *t, const struct syscall_arg *arg, u64 value)
{
	const struct syscall_form *form = &syscall_forms[arg->form];

	if (form->kind == SYSCALL_FORM_OCTAL)
		put_octal(t, value);
	else if (form->kind == SYSCALL_FORM_STRINGS)
		put_strings(t, value);
	else
		put_names(t, form, value, true);
}

/* ---- Arguments ------------------------------------------------------------------------------------------------- */

/* Bytes of argument @i; where the call has filled a buffer whose size it was told, the result says how many are meant. */
static u64 argument_bytes(const struct trace_call *c, u32 i, long ret)
{
	const struct syscall_arg *arg = &c->desc->arg[i];
	u64 bytes = syscall_arg_bytes(c->desc, i, c->value);
	u32 count;

	if (arg->count_deref)
		bytes = copy_from_user(&count, c->value[arg->count_arg - 1], sizeof(count)) ? 0 : count;
	else if (arg->direction == SYSCALL_OUT && arg->count_arg && arg->each == 1)
		bytes = min(bytes, (u64)ret);
	return bytes;
}

static void put_memory(struct text *t, const struct trace_call *c, u32 i, long ret)
{
	const struct syscall_arg *arg = &c->desc->arg[i];
	u64 bytes = argument_bytes(c, i, ret), addr = c->value[i], first;

	if (arg->form && bytes >= sizeof(first) && !copy_from_user(&first, addr, sizeof(first))) {
		text_add(t, "{");
		put_names(t, &syscall_forms[arg->form], first, true);
		text_add(t, ", ...}");
	} else if (arg->type) {
		put_structure(t, addr, bytes, &syscall_types[arg->type]);
	} else if (bytes || arg->count_arg) {
		put_buffer(t, addr, bytes);
	} else {
		put_address(t, addr);
	}
}

/* After a failed call nothing is known of what it should have filled in. */
static void put_pointer(struct text *t, const struct trace_call *c, u32 i, long ret)
{
	const struct syscall_arg *arg = &c->desc->arg[i];
	bool unknown = arg->direction == SYSCALL_OUT && ret < 0;
	u64 addr = c->value[i];

	switch (arg->kind) {
	case SYSCALL_ARG_PATH:
		put_string(t, addr, PATH_SHOWN);
		return;
	case SYSCALL_ARG_STR:
		put_string(t, addr, STRING_SHOWN);
		return;
	case SYSCALL_ARG_MEM:
		if (!unknown) {
			put_memory(t, c, i, ret);
			return;
		}
		break;
	case SYSCALL_ARG_IOVEC:
		if (!unknown) {
			put_iovec(t, addr, syscall_arg_bytes(c->desc, i, c->value) / 16, arg->direction == SYSCALL_OUT ? (u64)ret : ~0ULL);
			return;
		}
		break;
	}
	put_address(t, addr);
}

/* Open's mode is looked at only if it makes a file. */
static u32 argument_count(const struct trace_call *c)
{
	if (c->nr == NR_OPEN && !(c->value[1] & MAKES_FILE))
		return 2;
	if (c->nr == NR_OPENAT && !(c->value[2] & MAKES_FILE))
		return 3;
	return c->row ? c->desc->arg_count : 0;
}

static bool is_address(const struct syscall_arg *arg)
{
	return syscall_forms[arg->form].kind == SYSCALL_FORM_ADDRESS;
}

static bool known_before(const struct syscall_arg *arg)
{
	return !(arg->direction & SYSCALL_OUT) || is_address(arg);
}

static void put_argument(struct text *t, const struct trace_call *c, u32 i, long ret)
{
	const struct syscall_arg *arg = &c->desc->arg[i];
	u64 value = at_width(arg, c->value[i]);

	if (is_address(arg))
		put_address(t, value);
	else if (arg->direction)
		put_pointer(t, c, i, ret);
	else if (arg->form && arg->kind != SYSCALL_ARG_OP)
		put_formed(t, arg, value);
	else
		put_number(t, c, arg, value);
	text_add(t, i + 1 < argument_count(c) ? ", " : "");
}

void decode_name(struct text *t, const struct trace_call *c)
{
	if (c->row)
		text_add(t, "%s", c->row->name);
	else
		text_add(t, "syscall_0x%x", c->nr);
}

void decode_begin(struct text *t, struct trace_call *c)
{
	decode_name(t, c);
	text_add(t, "(");
	if (!c->row) {
		for (u32 i = 0; i < ARRAY_SIZE(c->value); i++)
			text_add(t, i ? ", 0x%lx" : "0x%lx", c->value[i]);
		return;
	}
	for (c->next = 0; c->next < argument_count(c) && known_before(&c->desc->arg[c->next]); c->next++)
		put_argument(t, c, c->next, 0);
}

/* ---- Results --------------------------------------------------------------------------------------------------- */

static const char *restart_text(long ret)
{
	switch (ret) {
	case -ERESTARTSYS:
		return "ERESTARTSYS (To be restarted if SA_RESTART is set)";
	case -ERESTARTNOINTR:
		return "ERESTARTNOINTR (To be restarted)";
	case -ERESTARTNOHAND:
		return "ERESTARTNOHAND (To be restarted if no handler)";
	case -ERESTART_RESTARTBLOCK:
		return "ERESTART_RESTARTBLOCK (Interrupted by signal)";
	}
	return NULL;
}

static void put_result(struct text *t, const struct trace_call *c, long ret)
{
	const char *restart = restart_text(ret);

	if (restart)
		text_add(t, "? %s", restart);
	else if (ret >= 0 || ret <= -ERRORS)
		text_add(t, syscall_returns_address(c->nr) ? "0x%lx" : "%ld", ret);
	else if (-ret < SYSCALL_ERRORS && syscall_errors[-ret].name)
		text_add(t, "-1 %s (%s)", syscall_errors[-ret].name, syscall_errors[-ret].text);
	else
		text_add(t, "-1 (errno %ld)", -ret);
}

void decode_end(struct text *t, struct trace_call *c, long ret, u32 column)
{
	for (; c->next < argument_count(c); c->next++)
		put_argument(t, c, c->next, ret);
	text_add(t, ")");
	text_pad(t, column);
	text_add(t, " = ");
	put_result(t, c, ret);
}

/* ---- Signals --------------------------------------------------------------------------------------------------- */

#define SI_USER		0
#define SI_QUEUE	(-1)
#define SI_TKILL	(-6)
#define SIGILL		4
#define SIGTRAP		5
#define SIGBUS		7
#define SIGFPE		8
#define SIGSEGV		11
#define SIGCHLD		17

static const char *code_name(u32 sig, s32 code)
{
	static const char *const segv[] = { "SEGV_MAPERR", "SEGV_ACCERR" };
	static const char *const chld[] = { "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED" };

	if (sig == SIGSEGV && code >= 1 && code <= 2)
		return segv[code - 1];
	if (sig == SIGCHLD && code >= 1 && code <= 6)
		return chld[code - 1];
	switch (code) {
	case SI_USER:
		return "SI_USER";
	case SI_QUEUE:
		return "SI_QUEUE";
	case SI_TKILL:
		return "SI_TKILL";
	case -2:
		return "SI_TIMER";
	case 0x80:
		return "SI_KERNEL";
	}
	return NULL;
}

static bool has_address(u32 sig, s32 code)
{
	return code > 0 && (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP);
}

void decode_signal(struct text *t, const u8 info[128])
{
	const s32 *word = (const s32 *)info;
	u32 sig = word[0];
	s32 code = word[2];
	const char *name = code_name(sig, code);

	text_add(t, "--- ");
	put_signal(t, sig);
	text_add(t, " {si_signo=");
	put_signal(t, sig);
	if (name)
		text_add(t, ", si_code=%s", name);
	else
		text_add(t, ", si_code=%d", code);
	if (has_address(sig, code))
		text_add(t, ", si_addr=0x%lx", *(const u64 *)(info + 16));
	else if (code == SI_USER || code == SI_QUEUE || code == SI_TKILL || sig == SIGCHLD)
		text_add(t, ", si_pid=%d, si_uid=%u", word[4], (u32)word[5]);
	if (sig == SIGCHLD && code > 0)
		text_add(t, ", si_status=%d", word[6]);
	text_add(t, "} ---");
}
