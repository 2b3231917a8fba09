#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Makes C sources and documents from the call table: `generate.py --help`. The output depends on the table alone."""

import argparse
import errno
import os
import re
import signal
import sys

from names import Names
from table import Table, TableError

REGISTERS = ("di", "si", "dx", "r10", "r8", "r9")
WHERE = {"local": "LWK", "split": "LWK and Linux", "forward": "Linux", "refuse": "-"}


def banner(purpose, comment="/* {} */"):
	lines = ("SPDX-License-Identifier: GPL-2.0", "Generated from syscall-tables/x86_64.tbl: do not edit.", purpose)
	return "".join(comment.format(line) + "\n" for line in lines)


def parameters(row):
	frame = ["struct frame *f"] if row.takes_frame else []
	return ", ".join(frame + [a.ctype + (f" {a.name}" if a.name else "") for a in row.args]) or "void"


def call(row):
	frame = ["f"] if row.takes_frame else []
	values = [f"({a.ctype})f->{REGISTERS[i]}" for i, a in enumerate(row.args)]
	return f"return sys_{row.name}({', '.join(frame + values)});"


def action(row, handler):
	"""The statement for a row or sub-row; handler is the row whose sys_ function does local and split work"""
	if row.disposition == "refuse":
		return f"return -{row.errno}; /* {row.errno_name} */"
	if row.disposition == "forward":
		return f"return {'forward_stamp' if row.stamp else 'forward_call'}({handler.nr}, f);"
	return call(handler)


def proto_header(table):
	handlers = [r for r in table.rows if r.disposition in ("local", "split")]
	return "\n".join([banner("Prototypes of the calls the LWK handles itself."), "#pragma once", "",
		'#include "types.h"', "", "struct frame;", "",
		"/* has the twin of the calling thread run call nr with the arguments in f; -ERRNO or the result */",
		"long forward_call(u64 nr, struct frame *f);",
		"/* the same for a call that changes what a new thread inherits from the calling one */",
		"long forward_stamp(u64 nr, struct frame *f);", "",
		*(f"long sys_{r.name}({parameters(r)});" for r in handlers), ""])


def sub_function(row):
	"""A switch over the ops, with equal outcomes gathered so that it compiles to a test of a few bits"""
	default = action(row.subs[-1], row)
	outcomes = {}
	for sub in row.subs[:-1]:
		outcomes.setdefault(action(sub, row), []).append(sub)
	outcomes.pop(default, None)
	op = row.args[row.op_arg - 1]
	lines = [f"static inline long syscall_sub_{row.name}(struct frame *f)", "{",
		f"\tswitch ((u32)f->{REGISTERS[row.op_arg - 1]} & {op.mask:#x}u) {{"]
	for outcome, subs in outcomes.items():
		lines += [f"\tcase {sub.nr:#x}:\t/* {sub.name} */" for sub in subs] + [f"\t\t{outcome}"]
	return lines + ["\tdefault:", f"\t\t{default}", "\t}", "}", ""]


def has_sub_function(row):
	return len({action(s, row) for s in row.subs}) > 1


def dispatch_header(table):
	lines = [banner("The LWK's switch over call numbers; include once, after the definition of struct frame."),
		"#pragma once", "", '#include "syscall_proto.h"', ""]
	for row in filter(has_sub_function, table.rows):
		lines += sub_function(row)
	lines += ["static inline long syscall_switch(struct frame *f, u64 nr)", "{", "\tswitch (nr) {"]
	groups = {}
	for row in table.rows:
		done = f"return syscall_sub_{row.name}(f);" if has_sub_function(row) else action(row, row)
		key = "return forward_call(nr, f);" if done.startswith("return forward_call(") else done
		groups.setdefault(key, []).append(row)
	for done, rows in groups.items():
		lines += [f"\tcase {r.nr}:\t/* {r.name} */" for r in rows] + [f"\t\t{done}"]
	return "\n".join(lines + ["\tdefault:", "\t\treturn -38; /* ENOSYS */", "\t}", "}", ""])


def all_descriptors(table):
	return table.rows + [sub for row in table.rows for sub in row.subs]


def dense_ranges(table):
	"""[(first number, last number, index of the first)]: numbers without holes map to consecutive descriptors"""
	ranges = []
	for index, row in enumerate(table.rows):
		if ranges and ranges[-1][1] + 1 == row.nr:
			ranges[-1][1] = row.nr
		else:
			ranges.append([row.nr, row.nr, index])
	return ranges


def c_argument(arg, types):
	type_index = types.index(arg.type_name) + 1 if arg.type_name else 0
	return (f"{{ SYSCALL_ARG_{arg.kind}, {arg.direction}, {arg.count_arg}, {arg.deref}, {arg.each}, {arg.fixed}, {type_index}, "
		f"{arg.form} }}")


def c_descriptor(row, index, types):
	number = "SYSCALL_OP_OTHER" if row.nr is None else f"{row.nr:#x}u" if row.parent else row.nr
	op_mask = row.args[row.op_arg - 1].mask if row.op_arg else 0
	args = ", ".join(c_argument(a, types) for a in row.args) or "{ 0 }"
	first = index[row.subs[0]] if row.subs else 0
	return (f"\t[{index[row]}] = {{ \"{row.name}\", {number}, {op_mask:#x}u, SYSCALL_{row.disposition.upper()}, {row.errno}, "
		f"{len(row.args)}, {row.op_arg}, {first}, {len(row.subs)},\n\t\t{{ {args} }} }},")


def desc_header(table):
	lines = [f"#define SYSCALL_DESC_COUNT {len(all_descriptors(table))}", f"#define SYSCALL_NR_MAX {table.rows[-1].nr}", "",
		"extern const struct syscall_desc syscall_descs[SYSCALL_DESC_COUNT];", "",
		"/* index of call nr in syscall_descs, or -1 */", "static inline int syscall_desc_index(unsigned long nr)", "{"]
	for first, last, index in dense_ranges(table):
		low = f"nr >= {first} && " if first else ""
		lines += [f"\tif ({low}nr <= {last})", f"\t\treturn (int)nr - {first - index};"]
	with open(os.path.join(os.path.dirname(__file__), "desc.h.in"), encoding="utf-8") as template:
		text = template.read().replace("@tables@", "\n".join(lines + ["\treturn -1;", "}"]))
	return banner("What is known about the arguments of every call; needs no other header.") + text


def desc_source(table):
	rows = all_descriptors(table)
	index = {row: i for i, row in enumerate(rows)}
	types = list(table.types)
	return "\n".join([banner("The descriptors of all calls, then of all sub-rows."), '#include "syscall_desc.h"', "",
		"const struct syscall_desc syscall_descs[SYSCALL_DESC_COUNT] = {", *(c_descriptor(r, index, types) for r in rows), "};", ""])


NAMES_TYPES = """/* An argument has a name if its bits in mask are value. */
struct syscall_name {
	unsigned long value, mask;
	const char *name;
};

enum syscall_form_kind { SYSCALL_FORM_NUMBER, SYSCALL_FORM_OCTAL, SYSCALL_FORM_STRINGS, SYSCALL_FORM_ADDRESS, SYSCALL_FORM_NAMES };

struct syscall_form {
	unsigned char kind;
	unsigned char count;
	const struct syscall_name *name;
};

/* A structure that consists of words of one size; word is 0 for all others. */
struct syscall_type {
	const char *name;
	unsigned short bytes;
	unsigned char word, hex;
	const char *const *field;	/* a name for each word, or a null pointer */
};

struct syscall_error { const char *name, *text; };
"""


def names_header(table):
	cases = "".join(f"\tcase {row.nr}:\t/* {row.name} */\n" for row in table.names.addresses)
	return "\n".join([banner("How calls are written in traces."), "#pragma once", "", NAMES_TYPES,
		f"#define SYSCALL_ERRORS {max(errno.errorcode) + 1}", "",
		"extern const struct syscall_form syscall_forms[];", "extern const struct syscall_type syscall_types[];",
		"extern const struct syscall_error syscall_errors[SYSCALL_ERRORS];\t/* by number; some have no name */", "",
		"static inline int syscall_returns_address(unsigned long nr)", "{", "\tswitch (nr) {", cases + "\t\treturn 1;", "\t}", "\treturn 0;",
		"}", ""])


def c_form(index, form):
	if not form.names:
		return f"\t[{index}] = {{ SYSCALL_FORM_{form.kind}, 0, (void *)0 }},"
	names = "".join(f"\n\t\t{{ {value:#x}ul, {mask:#x}ul, \"{name}\" }}," for name, value, mask in form.names)
	return (f"\t[{index}] = {{ SYSCALL_FORM_{form.kind}, {len(form.names)}, (const struct syscall_name[]){{{names}\n\t}} }},")


def c_type(index, name, size, layout):
	word, is_hex, fields = layout or (0, False, [])
	names = ", ".join(f'"{field}"' for field in fields)
	field = f"(const char *const[]){{ {names} }}" if fields else "(void *)0"
	return f'\t[{index}] = {{ "{name}", {size}, {word}, {int(is_hex)}, {field} }},'


def names_source(table):
	layouts = table.names.layout
	return "\n".join([banner("How calls are written in traces."), '#include "syscall_names.h"', "", "const struct syscall_form syscall_forms[] = {",
		*(c_form(i, form) for i, form in enumerate(table.names.forms)), "};", "", "const struct syscall_type syscall_types[] = {",
		*(c_type(i, name, size, layouts.get(name)) for i, (name, size) in enumerate(table.types.items(), 1)), "};", "",
		"const struct syscall_error syscall_errors[SYSCALL_ERRORS] = {",
		*(f'\t[{number}] = {{ "{name}", "{os.strerror(number)}" }},' for number, name in sorted(errno.errorcode.items())), "};", ""])


def signals_header(table):
	del table
	names = {number: signal.Signals(number).name for number in range(1, 32)}
	return "\n".join([banner("Names of signals, by number."), "#pragma once", "", "static const char *const syscall_signals[32] = {",
		*(f'\t[{number}] = "{name}",' for number, name in names.items()), "};", ""])


def allow_header(table):
	words = [0] * (table.rows[-1].nr // 64 + 1)
	for row in table.rows:
		if row.disposition in ("forward", "split"):
			words[row.nr // 64] |= 1 << row.nr % 64
	return "\n".join([banner("Numbers a twin may run for the LWK: forward and split."), "#pragma once", "",
		f"#define SYSCALL_ALLOW_WORDS {len(words)}", "",
		"static const unsigned long long syscall_allow[SYSCALL_ALLOW_WORDS] = {", *(f"\t{w:#018x}ull," for w in words), "};", "",
		"static inline int syscall_is_allowed(unsigned long nr)", "{",
		"\treturn nr < SYSCALL_ALLOW_WORDS * 64 && (syscall_allow[nr / 64] >> (nr % 64) & 1);", "}", ""])


def tests_list(table):
	lines = [banner("Tests that must exist: one per line, `differential call[.op]` or `bad-pointer call[.op] argument`.", "# {}")]
	for row in table.rows:
		for case in row.subs or [row]:
			if case.disposition == "refuse" or row.disposition == "refuse":
				continue
			name = f"{row.name}.{case.name}" if row.subs else row.name
			lines.append(f"differential {name}")
			lines += [f"bad-pointer {name} {i}" for i, a in enumerate(case.args, 1) if a.direction]
	return "\n".join(lines) + "\n"


def state(row):
	if row.disposition == "refuse":
		return f"refuse {row.errno_name}"
	return row.disposition


def document(table):
	def count(test):
		return sum(map(test, table.rows))
	kinds = [("local", "the LWK does it alone", count(lambda r: r.disposition == "local")),
		("split", "the LWK does it and has Linux do a part", count(lambda r: r.disposition == "split")),
		("forward", "Linux does it, in the twin of the calling thread", count(lambda r: r.disposition == "forward")),
		("refuse", "fails with the errno shown, for the reason in the note", count(lambda r: r.disposition == "refuse"))]
	lines = ["<!-- SPDX-License-Identifier: GPL-2.0 -->", "<!-- Generated from syscall-tables/x86_64.tbl by `make -C syscall-tables`: do not edit. -->",
		"# System calls", "", "Every x86-64 system call of Linux 6.1 and who serves it when an LWK program makes it. Nothing is ignored silently:",
		"a call that does not work here fails with an errno.", "", "| disposition | meaning | calls |", "|---|---|---:|"]
	lines += [f"| {name} | {meaning} | {number} |" for name, meaning, number in kinds]
	lines += [f"| all | | {len(table.rows)} |", "", "| nr | call | disposition | where | note |", "|---:|---|---|---|---|"]
	for row in table.rows:
		lines.append(f"| {row.nr} | {row.name} | {state(row)} | {WHERE[row.disposition]} | {row.note} |")
		for sub in row.subs:
			name = "any other" if sub.nr is None else sub.name
			lines.append(f"| | &nbsp;&nbsp;{name} | {state(sub)} | {WHERE[sub.disposition]} | {sub.note} |")
	return "\n".join(lines) + "\n"


def linux_calls(path):
	"""{number: name} from the kernel's syscall_64.tbl, or from asm/unistd_64.h"""
	pattern = r"#define __NR_(?P<name>\w+)\s+(?P<nr>\d+)" if path.endswith(".h") else r"(?P<nr>\d+)\s+(?:common|64)\s+(?P<name>\w+)"
	with open(path, encoding="utf-8") as file:
		matches = (re.match(pattern, line) for line in file)
		return {int(m["nr"]): m["name"] for m in matches if m}


def compare_with_linux(table, path):
	linux, ours = linux_calls(path), {row.nr: row.name for row in table.rows}
	problems = [f"Linux has {nr} {name}, the table has no row for it" for nr, name in linux.items() if nr not in ours]
	problems += [f"the table has {nr} {name}, which Linux lacks" for nr, name in ours.items() if nr not in linux]
	problems += [f"{nr} is {linux[nr]} in Linux, {name} in the table" for nr, name in ours.items() if linux.get(nr, name) != name]
	return problems


def newest_input(table):
	here = os.path.dirname(os.path.abspath(__file__))
	return max(map(os.path.getmtime, [table.path] + [os.path.join(here, n) for n in ("generate.py", "table.py", "names.py", "names.tbl", "desc.h.in")]))


def update(path, text, input_time):
	"""Leaves a file alone that is right and newer than its inputs, so that make rebuilds nothing without need"""
	if os.path.exists(path) and open(path, encoding="utf-8").read() == text:
		if os.path.getmtime(path) < input_time:
			os.utime(path)
		return
	os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
	with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
		file.write(text)
	os.rename(file.name, path)


OUTPUTS = {"syscall_proto.h": proto_header, "syscall_dispatch.h": dispatch_header, "syscall_desc.h": desc_header,
	"syscall_desc.c": desc_source, "syscall_allow.h": allow_header, "syscall_names.h": names_header, "syscall_names.c": names_source,
	"syscall_signals.h": signals_header, "syscall_tests.txt": tests_list}


def check(table, options):
	problems = compare_with_linux(table, options.linux) if options.linux else []
	if options.doc and (not os.path.exists(options.doc) or open(options.doc, encoding="utf-8").read() != document(table)):
		problems.append(f"{os.path.basename(options.doc)} is stale: run `make -C syscall-tables`")
	for problem in problems:
		print(f"{os.path.basename(table.path)}: {problem}", file=sys.stderr)
	return 1 if problems else 0


def main():
	parser = argparse.ArgumentParser(description="Generate sources and documents from the call table.")
	parser.add_argument("table")
	parser.add_argument("--out", metavar="DIR", help="write the C sources and the list of tests there")
	parser.add_argument("--doc", metavar="FILE", help="write SYSCALLS.md there; with --check: compare with it")
	parser.add_argument("--check", action="store_true", help="write nothing, fail if something is stale or missing")
	parser.add_argument("--linux", metavar="FILE", help="with --check: syscall_64.tbl or unistd_64.h to compare with")
	options = parser.parse_args()
	try:
		table = Table(options.table)
		table.names = Names(os.path.join(os.path.dirname(options.table), "names.tbl"), table)
		if options.check:
			return check(table, options)
		for name, make in OUTPUTS.items() if options.out else ():
			update(os.path.join(options.out, name), make(table), newest_input(table))
		if options.doc:
			update(options.doc, document(table), newest_input(table))
	except (TableError, OSError) as error:
		print(error, file=sys.stderr)
		return 1
	return 0


if __name__ == "__main__":
	sys.exit(main())
