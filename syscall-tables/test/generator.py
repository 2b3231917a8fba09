#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests the call table and its generator (TAP): mistakes are named with their line, what is generated compiles and
behaves, and every number, size and op agrees with Linux's own headers."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = os.path.dirname(HERE)
sys.path.insert(0, TABLES)

import generate		# noqa: E402
from names import Names		# noqa: E402
from table import Table, TableError		# noqa: E402

FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{TABLES}/../lwk/include"]

BAD_TABLES = [		# text, line, part of the message
	("0 forward", 1, "a row is: nr disposition name"),
	("zero local read", 1, "'zero' is not a call number"),
	("\n# x\n0 locale read", 3, "unknown disposition 'locale'"),
	("0 refuse read # because", 1, "refuse needs an errno"),
	("0 refuse:ENOSUCH read # because", 1, "refuse needs an errno"),
	("0 refuse:ENOSYS read", 1, "refused without a reason"),
	("0 local:EPERM read", 1, "only refuse takes an errno"),
	("0 forward,full read", 1, "the only flags are `full`"),
	("0 local,stamp read", 1, "the only flags are `full`"),
	("0 local,fast read", 1, "the only flags are `full`"),
	("1 local a\n0 local b", 2, "numbers must rise"),
	("0 local a\n0 local b", 2, "numbers must rise"),
	("0 local a\n1 local a", 2, "'a' has a row already"),
	("0 forward read fd buf", 1, "a pointer needs a direction"),
	("0 forward read fd to:buf", 1, "a pointer needs a direction"),
	("0 forward read in:fd", 1, "is a number and takes no direction"),
	("0 forward read fd[3]", 1, "is a number and takes no count"),
	("0 forward read fd out:blob", 1, "unknown type 'blob'"),
	("0 forward read fd out:buf[", 1, "is not [direction:]type[=name][[count]]"),
	("0 forward read fd out:buf[len] size", 1, "count 'len' is none of"),
	("0 forward read fd out:buf[arg4] size", 1, "takes its count from arg4"),
	("0 forward read fd out:buf[arg2] size", 1, "takes its count from arg2"),
	("0 forward read fd out:buf[*arg3] size", 1, "use argN for a number"),
	("0 forward read fd out:buf[arg3] in:buf[8]", 1, "use argN for a number"),
	("0 forward read fd out:buf[65536]", 1, "longer than 65535"),
	("0 forward open in:path[8]", 1, "takes no count"),
	("0 forward select inout:fdset", 1, "fdset needs a count"),
	("0 local a int int int int int int int", 1, "the limit is 6"),
	("0 local a op op", 1, "more than one op"),
	("0 local a op", 1, "an `op` argument and sub-rows go together"),
	("0 local a int\n  .1 local A", 2, "needs a row with an `op` argument"),
	("0 local a op\n  1 local A", 2, "a sub-row is:"),
	("0 local a op\n  .1 local A", 1, "must be `.*`"),
	("0 local a op\n  .* local X\n  .1 local A", 1, "must be `.*`"),
	("0 local a op\n  .1 local A\n  .1 local B", 3, "already"),
	("0 forward a op\n  .1 local A\n  .* forward X", 2, "no handler"),
	("0 refuse:EPERM a op # no\n  .* refuse:EPERM X # no", 1, "cannot have sub-rows"),
	("0 local a op[0xf]\n  .16 local A\n  .* local X", 1, "bits outside the op's mask"),
	("type stat", 1, "a type line is"),
	("type stat 144\ntype stat 8", 2, "defined twice"),
]

BAD_NAMES = [		# text for a table that has `0 forward read fd out:buf[arg3] size` and the type i32, line, part of the message
	("flags read.1", 1, "is none of names, octal"),
	("  A=1", 1, "names without a line"),
	("names read.1\n  A", 2, "is not NAME=VALUE"),
	("names read.1\n  A=one", 2, "invalid literal"),
	("names read.4", 1, "is no argument"),
	("names read.x", 1, "is no argument"),
	("\nnames write.1", 2, "no call 'write'"),
	("octal read.2", 1, "is a pointer"),
	("address read.1", 1, "is a number"),
	("octal read.1\nnames read.1", 2, "has a form already"),
	("address write", 1, "no call 'write'"),
	("words i32 3", 1, "has 4 bytes"),
	("words i32", 1, "a words line is"),
	("fields i32", 1, "a fields line is"),
	("fields i64 a b", 1, "no type 'i64'"),
]

LINUX_HEADERS = """asm/ioctls.h asm/termbits.h asm/termios.h linux/sockios.h linux/fs.h asm/mman.h linux/time.h linux/time_types.h
	linux/sem.h linux/msg.h linux/shm.h linux/fcntl.h linux/prctl.h asm/prctl.h linux/futex.h asm/stat.h asm/statfs.h
	linux/stat.h linux/resource.h linux/sched/types.h asm/signal.h asm/siginfo.h linux/sysinfo.h linux/timex.h linux/times.h
	linux/utime.h linux/utsname.h linux/mqueue.h linux/eventpoll.h asm/poll.h linux/socket.h linux/capability.h
	linux/keyctl.h linux/kcmp.h linux/mman.h linux/sched.h linux/wait.h linux/timerfd.h linux/membarrier.h linux/mempolicy.h
	linux/ipc.h linux/memfd.h linux/random.h linux/uio.h linux/aio_abi.h linux/io_uring.h""".split()
C_HEADERS = "sys/socket.h netinet/in.h netinet/tcp.h netinet/udp.h sys/file.h sys/eventfd.h unistd.h".split()
IN_C_HEADERS = re.compile("(AF|EFD|SOCK|MSG|SHUT|SOL|LOCK)_|[FRWX]_OK$")
NOT_IN_HEADERS = {"ARCH_CET_STATUS", "O_ASYNC", "SCHED_OTHER"}		# of Linux 6.1; glibc has them of its own
C_TYPES = {		# where `struct name` is not it; None: no fixed structure in Linux's headers
	"epoll_slot": "struct kcmp_epoll_slot", "cap_data": "struct __user_cap_data_struct", "cap_header": "struct __user_cap_header_struct",
	"f_owner": "struct f_owner_ex", "shminfo": "struct shminfo64", "file_handle": None, "ifreq": None, "gid": "__kernel_gid32_t", "i32": "int", "i64": "long",
	"itimerspec": "struct __kernel_itimerspec", "itimerval": "struct __kernel_old_itimerval",
	"msqid_ds": "struct msqid64_ds", "sched_param": None, "semid_ds": "struct semid64_ds", "shmid_ds": "struct shmid64_ds",
	"siginfo": "siginfo_t", "sigset": "sigset_t", "span": "struct iovec", "stack": "stack_t", "timespec": "struct __kernel_timespec",
	"sigevent": "sigevent_t", "timeval": "struct __kernel_old_timeval", "timex": "struct __kernel_timex", "ustat": None,
	"utsname": "struct new_utsname",
}

count = failures = 0


def ok(good, name, detail=""):
	global count, failures
	count += 1
	failures += not good
	print(f"{'ok' if good else 'not ok'} {count} - {name}")
	for line in str(detail).splitlines() if not good else ():
		print(f"# {line}")


def run(*command, **options):
	return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def write(path, text):
	with open(path, "w", encoding="utf-8") as file:
		file.write(text)


def test_mistakes(work):
	path = os.path.join(work, "bad.tbl")
	for text, line, message in BAD_TABLES:
		write(path, text + "\n")
		got = run(sys.executable, "-B", f"{TABLES}/generate.py", path, "--out", os.path.join(work, "none"))
		good = got.returncode == 1 and got.stderr.startswith(f"bad.tbl:{line}: ") and message in got.stderr
		good = good and got.stderr.count("\n") == 1 and not os.path.exists(os.path.join(work, "none"))
		ok(good, f"mistake is named: {message}", f"{text!r}\n{got.returncode}: {got.stderr}")
	got = run(sys.executable, "-B", f"{TABLES}/generate.py", os.path.join(work, "absent.tbl"))
	ok(got.returncode == 1 and "absent.tbl" in got.stderr and got.stderr.count("\n") == 1, "a missing table is named", got.stderr)


def test_mistakes_in_names(work):
	table, names = os.path.join(work, "bad.tbl"), os.path.join(work, "names.tbl")
	write(table, "type i32 4\n0 forward read fd out:buf[arg3] size\n")
	for text, line, message in BAD_NAMES:
		write(names, text + "\n")
		got = run(sys.executable, "-B", f"{TABLES}/generate.py", table, "--out", os.path.join(work, "none"))
		good = got.returncode == 1 and got.stderr.startswith(f"names.tbl:{line}: ") and message in got.stderr
		ok(good and got.stderr.count("\n") == 1, f"mistake in names is named: {message}", f"{text!r}\n{got.returncode}: {got.stderr}")
	os.remove(names)


def test_check(work, table_text):
	table, doc, linux = (os.path.join(work, name) for name in ("x.tbl", "x.md", "syscall_64.tbl"))
	write(table, table_text)
	run(sys.executable, "-B", f"{TABLES}/generate.py", table, "--doc", doc)
	check = [sys.executable, "-B", f"{TABLES}/generate.py", table, "--check", "--doc", doc, "--linux", linux]
	calls = "".join(f"{r.nr}\tcommon\t{r.name}\tsys_{r.name}\n" for r in Table(table).rows)
	write(linux, calls + "512\tx32\trt_sigaction\tcompat\n")
	ok(run(*check).returncode == 0, "check passes when all agree", run(*check).stderr)
	write(linux, calls + "451\tcommon\tcachestat\tsys_cachestat\n")
	got = run(*check)
	ok(got.returncode == 1 and "Linux has 451 cachestat" in got.stderr, "check finds a Linux number without a row", got.stderr)
	write(linux, calls.replace("39\tcommon\tgetpid", "39\tcommon\tgetpit"))
	ok("39 is getpit in Linux" in run(*check).stderr, "check finds a name that differs")
	write(linux, calls)
	write(doc, open(doc, encoding="utf-8").read() + "x")
	got = run(*check)
	ok(got.returncode == 1 and "x.md is stale" in got.stderr, "check finds a stale document", got.stderr)


def stubs(table):
	"""Handlers that note their registers and return 1000 + number; six longs take any arguments on x86-64"""
	lines = ["#include <string.h>", "unsigned long seen[6];", "struct frame;"]
	for row in table.rows:
		if row.disposition in ("local", "split"):
			lines.append(f"long sys_{row.name}(unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, "
				f"unsigned long f)\n{{\n\tmemcpy(seen, (unsigned long[]){{ a, b, c, d, e, f }}, sizeof(seen));\n\treturn {1000 + row.nr};\n}}")
	return "\n".join(lines) + "\n"


def test_generated_c(work, table):
	out = os.path.join(work, "gen")
	run(sys.executable, "-B", f"{TABLES}/generate.py", table.path, "--out", out)
	write(os.path.join(work, "stubs.c"), stubs(table))
	program = os.path.join(work, "interfaces")
	sources = [os.path.join(HERE, "interfaces.c"), os.path.join(out, "syscall_desc.c"), os.path.join(work, "stubs.c")]
	for compiler in filter(shutil.which, ("clang", "gcc")):
		got = run(compiler, *FLAGS, f"-I{out}", *sources, "-o", program)
		ok(got.returncode == 0, f"generated C compiles with {compiler}", got.stderr)
	got = run(program)
	for line in got.stdout.splitlines():
		ok(line.startswith("ok "), line.removeprefix("not ").removeprefix("ok "))
	ok(got.returncode == 0 and got.stdout, "the generated switch, descriptors and bitmap were tested", got.returncode)
	wrong = os.path.join(work, "wrong.c")
	write(wrong, '#include "syscall_proto.h"\nlong sys_getpid(int x) { return x; }\n')
	got = run("gcc", *FLAGS, f"-I{out}", "-c", wrong, "-o", "/dev/null")
	ok(got.returncode != 0 and "sys_getpid" in got.stderr, "a handler with a wrong signature does not compile")
	got = run("gcc", *FLAGS, f"-I{out}", "-S", os.path.join(HERE, "interfaces.c"), "-o", "-")
	ok(re.search(r"jmp\s+\*", got.stdout), "the switch compiles to a jump table")


def test_linux_agrees(work, table):
	names = [s for r in table.rows for s in r.subs if s.nr is not None and not s.name.islower()]
	lines = [f"#include <{h}>" for h in LINUX_HEADERS]
	lines += [f'_Static_assert((unsigned int){s.name} == {s.nr:#x}u, "{s.name}");' for s in names if s.name not in NOT_IN_HEADERS]
	sizes = {t: C_TYPES.get(t, f"struct {t}") for t in table.types}
	lines += [f'_Static_assert(sizeof({c}) == {table.types[t]}, "{t}");' for t, c in sizes.items() if c]
	write(os.path.join(work, "agree.c"), "\n".join(lines) + "\n")
	got = run("gcc", "-std=gnu11", "-fsyntax-only", os.path.join(work, "agree.c"))
	ok(len(names) > 100 and got.returncode == 0, f"{len(names)} ops and {len(sizes)} sizes agree with Linux's headers", got.stderr)


def agree(work, headers, names):
	"""What the compiler says to names with these headers, "" if all have these values"""
	lines = [f"#include <{h}>" for h in headers]
	lines += [f'_Static_assert((unsigned int){name} == {value & 0xffffffff:#x}u, "{name}");' for name, value, _ in names]
	write(os.path.join(work, "names.c"), "\n".join(lines) + "\n")
	return run("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", os.path.join(work, "names.c")).stderr


def test_names_agree(work, table):
	names = sorted({n for form in Names(os.path.join(TABLES, "names.tbl"), table).forms for n in form.names})
	ours = [n for n in names if IN_C_HEADERS.match(n[0])]
	said = agree(work, C_HEADERS, ours) + agree(work, LINUX_HEADERS, [n for n in names if n not in ours and n[0] not in NOT_IN_HEADERS])
	ok(len(names) > 200 and not said, f"{len(names)} names of arguments agree with the headers", said)


def main():
	path = os.path.join(TABLES, "x86_64.tbl")
	with tempfile.TemporaryDirectory() as work:
		test_mistakes(work)
		test_mistakes_in_names(work)
		with open(path, encoding="utf-8") as file:
			test_check(work, file.read())
		try:
			table = Table(path)
			test_generated_c(work, table)
			test_linux_agrees(work, table)
			test_names_agree(work, Table(path))
			rows = [r for r in table.rows + [s for r in table.rows for s in r.subs] if r.disposition == "refuse"]
			ok(len(rows) > 50 and all(len(r.note) > 5 for r in rows), "every refusal says why")
			listed = generate.tests_list(table)
			ok("bad-pointer read 2\n" in listed and "differential getpid\n" in listed and "userfaultfd" not in listed, "tests are listed")
		except TableError as error:
			ok(False, "x86_64.tbl can be read", error)
	print(f"1..{count}")
	return 1 if failures else 0


if __name__ == "__main__":
	sys.exit(main())
