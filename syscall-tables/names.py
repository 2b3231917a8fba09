# SPDX-License-Identifier: GPL-2.0
"""How numbers and structures of calls are written in traces: names.tbl, whose top explains it, read onto a Table. Afterwards
arg.form of its arguments is an index into Names.forms; every mistake is a TableError. A table without that file has no names."""

import os

from table import TableError

ALL = (1 << 64) - 1


class Form:
	"""How an argument is written: kind NUMBER, OCTAL, STRINGS, ADDRESS or NAMES, then with [(name, value, mask)]"""
	def __init__(self, kind):
		self.kind, self.names = kind, []


class Names:
	def __init__(self, path, table):
		self.path, self.table, self.line = path, table, 0
		self.forms = [Form("NUMBER"), Form("OCTAL"), Form("STRINGS"), Form("ADDRESS")]
		self.layout = {}		# type -> (bytes of a word, written in hex, field names)
		self.addresses = []		# rows whose result is an address
		self.open_form = None
		if not os.path.exists(path):
			return
		with open(path, encoding="utf-8") as file:
			for self.line, text in enumerate(file, 1):
				try:
					self.parse_line(text)
				except ValueError as error:
					raise TableError(path, self.line, error) from None

	def parse_line(self, text):
		words = text.partition("#")[0].split()
		if not words:
			return
		if text[0].isspace():
			self.add_names(words)
			return
		self.open_form = None
		what, words = words[0], words[1:]
		parse = {"names": self.begin_names, "octal": lambda w: self.assign(w, 1), "strings": lambda w: self.assign(w, 2),
			"address": self.add_addresses, "fields": self.add_fields, "words": self.add_words}.get(what)
		if not parse:
			raise ValueError(f"'{what}' is none of names, octal, strings, address, fields, words")
		parse(words)

	def add_addresses(self, words):
		for word in words:
			if "." in word:
				self.assign([word], 3)
			else:
				self.addresses.append(self.find_row(word))

	def begin_names(self, words):
		self.open_form = Form("NAMES")
		self.forms.append(self.open_form)
		if len(self.forms) > 255:
			raise ValueError("more than 255 forms")
		self.assign(words, len(self.forms) - 1)

	def add_names(self, words):
		if not self.open_form:
			raise ValueError("names without a line `names CALL.N` above them")
		for word in words:
			name, _, number = word.partition("=")
			value, _, mask = number.partition("/")
			if not name or not value:
				raise ValueError(f"'{word}' is not NAME=VALUE[/MASK]")
			value = parse_number(value)
			mask = parse_number(mask) if mask else value if value else ALL
			self.open_form.names.append((name, value, mask))

	def find_row(self, name):
		for row in self.table.rows:
			if row.name == name:
				return row
		raise ValueError(f"no call '{name}'")

	def assign(self, words, form):
		for word in words:
			name, _, number = word.rpartition(".")
			name, _, op = name.partition(".")
			row = self.find_row(name)
			if op:
				row = next((s for s in row.subs if s.name == op), None)
			if not row or not number.isdigit() or not 1 <= int(number) <= len(row.args):
				raise ValueError(f"'{word}' is no argument of a call")
			arg = row.args[int(number) - 1]
			if arg.form or (form <= 3 and bool(arg.direction) != (form == 3)):
				raise ValueError(f"'{word}' " + ("has a form already" if arg.form else f"is {'a pointer' if arg.direction else 'a number'}"))
			arg.form = form

	def add_layout(self, name, word, fields, is_hex):
		if name not in self.table.types:
			raise ValueError(f"no type '{name}'")
		if word not in (4, 8) or self.table.types[name] % word:
			raise ValueError(f"'{name}' has {self.table.types[name]} bytes")
		self.layout[name] = (word, is_hex, fields)

	def add_fields(self, words):
		if len(words) < 2:
			raise ValueError("a fields line is: fields TYPE NAME...")
		self.add_layout(words[0], self.table.types.get(words[0], 0) // len(words[1:]), words[1:], False)

	def add_words(self, words):
		if len(words) < 2 or not words[1].isdigit() or words[2:] not in ([], ["hex"]):
			raise ValueError("a words line is: words TYPE BYTES [hex]")
		self.add_layout(words[0], int(words[1]), [], len(words) > 2)


def parse_number(text):
	"""Decimal, 0x…, C's octal, or ~0 and negative numbers as 64 bits"""
	if text == "~0":
		return ALL
	return int(text, 8 if text.startswith("0") and text.isdigit() else 0) & ALL
