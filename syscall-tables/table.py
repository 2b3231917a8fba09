# SPDX-License-Identifier: GPL-2.0
"""The call table as objects. Reads the grammar that x86_64.tbl explains at its top; every mistake is a TableError
that names file and line. Knows nothing about what is generated from it."""

import errno
import os
import re

NUMBERS = {		# type in the table -> (descriptor kind, C type)
	"int": ("INT", "int"), "uint": ("UINT", "unsigned int"), "long": ("LONG", "long"), "u64": ("U64", "u64"),
	"size": ("SIZE", "u64"), "fd": ("FD", "int"), "pid": ("PID", "int"), "sig": ("SIG", "int"), "op": ("OP", "int"),
	"uaddr": ("ADDR", "uaddr_t"),
}
POINTERS = {		# type in the table -> (descriptor kind, bytes per element)
	"path": ("PATH", 0), "str": ("STR", 0), "buf": ("MEM", 1), "iovec": ("IOVEC", 16), "msghdr": ("MSGHDR", 56),
	"mmsghdr": ("MMSGHDR", 64), "fdset": ("FDSET", 0), "sigarg": ("SIGARG", 16), "ioctl": ("IOCTL", 0),
}
DIRECTIONS = {"in": 1, "out": 2, "inout": 3}
DISPOSITIONS = ("local", "split", "forward", "refuse")

ARGUMENT = re.compile(r"(?:(\w+):)?(\w+)(?:=(\w+))?(?:\[([^\]]*)\])?$")
COUNT = re.compile(r"(?:(\d+)|(\*?)arg([1-6])(?:\+(\d+))?)$")


class TableError(Exception):
	def __init__(self, path, line, message):
		super().__init__(f"{os.path.basename(path)}:{line}: {message}")


class Argument:
	"""kind, direction (0 for numbers), C type and name, and for pointers the length: fixed + each * value(count_arg)"""
	def __init__(self, kind, direction, ctype, name):
		self.kind, self.direction, self.ctype, self.name = kind, direction, ctype, name
		self.type_name = None		# of a structure with a `type` line
		self.form = 0			# names.py
		self.fixed = self.each = self.count_arg = self.deref = 0
		self.mask = 0xffffffff


class Row:
	"""A call, or with `parent` set one op of a call; then nr is the op, or None for the last sub-row, `.*`"""
	def __init__(self, line, nr, name, parent=None):
		self.line, self.nr, self.name, self.parent = line, nr, name, parent
		self.disposition, self.errno, self.full, self.stamp = None, 0, False, False
		self.args, self.note, self.subs = [], "", []

	@property
	def op_arg(self):
		return next((i for i, a in enumerate(self.args, 1) if a.kind == "OP"), 0)

	@property
	def takes_frame(self):
		return self.full or self.disposition == "split"

	@property
	def errno_name(self):
		return errno.errorcode[self.errno]


def parse_argument(text, types):
	match = ARGUMENT.match(text)
	if not match:
		raise ValueError(f"argument '{text}' is not [direction:]type[=name][[count]]")
	direction, type_name, name, count = match.groups()
	if type_name in NUMBERS:
		kind, ctype = NUMBERS[type_name]
		if direction:
			raise ValueError(f"'{text}': '{type_name}' is a number and takes no direction")
		arg = Argument(kind, 0, ctype, name)
		if count is not None and kind != "OP":
			raise ValueError(f"'{text}': '{type_name}' is a number and takes no count")
		arg.mask = int(count, 0) if count else arg.mask
		return arg
	if type_name not in POINTERS and type_name not in types:
		raise ValueError(f"'{text}': unknown type '{type_name}'; add a `type` line or use one from the list at the top")
	if direction not in DIRECTIONS:
		raise ValueError(f"'{text}': a pointer needs a direction: in:, out: or inout:")
	kind, size = POINTERS.get(type_name) or ("MEM", types[type_name])
	arg = Argument(kind, DIRECTIONS[direction], "uaddr_t", name)
	arg.type_name = None if type_name in POINTERS else type_name
	set_length(arg, text, type_name, size, count)
	return arg


def set_length(arg, text, type_name, size, count):
	if count is None:
		if type_name == "fdset":
			raise ValueError(f"'{text}': fdset needs a count of bits, such as [arg1]")
		arg.fixed = 0 if type_name == "buf" else size
		return
	if type_name in ("path", "str", "sigarg", "ioctl"):
		raise ValueError(f"'{text}': '{type_name}' takes no count")
	match = COUNT.match(count)
	if not match:
		raise ValueError(f"'{text}': count '{count}' is none of N, argN, argN+K, *argN")
	number, star, count_arg, addend = match.groups()
	if number:
		arg.fixed = int(number) * size
	else:
		arg.each, arg.count_arg, arg.deref, arg.fixed = size, int(count_arg), int(bool(star)), int(addend or 0)
	if arg.fixed > 0xffff:
		raise ValueError(f"'{text}': longer than 65535 bytes")


def parse_disposition(row, text):
	word, _, flag = text.partition(",")
	word, _, error = word.partition(":")
	if word not in DISPOSITIONS:
		raise ValueError(f"unknown disposition '{text}'; use {', '.join(DISPOSITIONS)}")
	if word == "refuse":
		row.errno = getattr(errno, error, 0) if error.startswith("E") else 0
		if not row.errno:
			raise ValueError(f"'{text}': refuse needs an errno Linux has, such as refuse:ENOSYS")
		if not row.note:
			raise ValueError(f"'{row.name}' is refused without a reason: add `# note`")
	elif error:
		raise ValueError(f"'{text}': only refuse takes an errno")
	if flag and (word, flag) not in (("local", "full"), ("forward", "stamp")):
		raise ValueError(f"'{text}': the only flags are `full`, after local, and `stamp`, after forward")
	if flag == "full" and row.parent:
		raise ValueError(f"'{text}': `full` is not for a sub-row")
	row.disposition, row.full, row.stamp = word, flag == "full", flag == "stamp"


def check_arguments(row):
	if len(row.args) > 6:
		raise ValueError(f"'{row.name}' has {len(row.args)} arguments; the limit is 6")
	if sum(a.kind == "OP" for a in row.args) > 1:
		raise ValueError(f"'{row.name}' has more than one op")
	for number, arg in enumerate(row.args, 1):
		if arg.count_arg > len(row.args) or arg.count_arg == number:
			raise ValueError(f"'{row.name}': argument {number} takes its count from arg{arg.count_arg}, which is not another argument")
		if not arg.count_arg:
			continue
		counter = row.args[arg.count_arg - 1]
		if bool(arg.deref) != bool(counter.direction):
			raise ValueError(f"'{row.name}': argument {number} counts with arg{arg.count_arg}; use argN for a number, *argN for a pointer")


def check_subs(row):
	if bool(row.subs) != bool(row.op_arg):
		raise ValueError(f"'{row.name}': an `op` argument and sub-rows go together")
	if row.subs and (row.subs[-1].nr is not None or any(s.nr is None for s in row.subs[:-1])):
		raise ValueError(f"'{row.name}': the last sub-row, and only the last, must be `.*`")
	if row.disposition == "refuse" and row.subs:
		raise ValueError(f"'{row.name}' is refused as a whole and cannot have sub-rows")
	mask = row.args[row.op_arg - 1].mask if row.subs else 0
	for sub in row.subs[:-1]:
		if sub.nr & ~mask:
			raise ValueError(f"'{row.name}': op {sub.nr:#x} has bits outside the op's mask")


class Table:
	def __init__(self, path):
		self.path, self.types, self.rows, self.line = path, {}, [], 0
		with open(path, encoding="utf-8") as file:
			for self.line, text in enumerate(file, 1):
				self.guard(self.parse_line, text)
		for row in self.rows:
			self.line = row.line
			self.guard(check_subs, row)

	def guard(self, function, *args):
		try:
			function(*args)
		except ValueError as error:
			raise TableError(self.path, self.line, error) from None

	def parse_line(self, text):
		code, _, note = text.partition("#")
		words = code.split()
		if not words:
			return
		if words[0] == "type":
			self.add_type(words)
		elif text[0].isspace():
			self.add_sub(words, note.strip())
		else:
			self.add_row(words, note.strip())

	def add_type(self, words):
		if len(words) != 3 or not words[2].isdigit():
			raise ValueError("a type line is: type name bytes")
		if words[1] in self.types or words[1] in NUMBERS or words[1] in POINTERS:
			raise ValueError(f"type '{words[1]}' is defined twice")
		self.types[words[1]] = int(words[2])

	def add_row(self, words, note):
		if len(words) < 3:
			raise ValueError("a row is: nr disposition name arguments # note")
		if not words[0].isdigit():
			raise ValueError(f"'{words[0]}' is not a call number")
		row = Row(self.line, int(words[0]), words[2])
		if self.rows and row.nr <= self.rows[-1].nr:
			raise ValueError(f"number {row.nr} comes after {self.rows[-1].nr}; numbers must rise")
		if any(r.name == row.name for r in self.rows):
			raise ValueError(f"'{row.name}' has a row already")
		row.note = note
		parse_disposition(row, words[1])
		row.args = [parse_argument(word, self.types) for word in words[3:]]
		check_arguments(row)
		self.rows.append(row)

	def add_sub(self, words, note):
		if len(words) < 3 or not re.match(r"\.(\*|\d+|0x[0-9a-f]+)$", words[0]):
			raise ValueError("a sub-row is: .op disposition NAME arguments # note (op: decimal, 0x… or *)")
		if not self.rows or not self.rows[-1].op_arg:
			raise ValueError("a sub-row needs a row with an `op` argument above it")
		parent = self.rows[-1]
		op = None if words[0] == ".*" else int(words[0][1:], 0)
		if any(s.nr == op or s.name == words[2] for s in parent.subs):
			raise ValueError(f"'{parent.name}' has op {words[0]} or name {words[2]} already")
		row = Row(self.line, op, words[2], parent)
		row.note = note
		parse_disposition(row, words[1])
		if row.disposition in ("local", "split") and parent.disposition not in ("local", "split"):
			raise ValueError(f"'{parent.name}' is {parent.disposition}: no handler that could do {row.name} in the LWK")
		own = [parse_argument(word, self.types) for word in words[3:]]
		row.args = parent.args[:parent.op_arg] + own if own else parent.args
		check_arguments(row)
		parent.subs.append(row)
