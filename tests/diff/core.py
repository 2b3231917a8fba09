# SPDX-License-Identifier: GPL-2.0
"""Runs inside gdb (gdb -batch -x core.py PROGRAM CORE) and prints what it
makes of the core file, without what differs from run to run: addresses and
numbers of processes, and the order of threads.
"""
import re

import gdb

MEMORY = """initialized
zero_at_first
relocated
constant
*list
*list->next
(char *)anonymous
(char *)anonymous + 4096
(char *)untouched
(char *)secret
(char *)shared
(char *)locked
(char *)protected
(char *)file
(char *)file + 4096
(char *)file + 4096 * 1500
environ[0][0] != 0""".splitlines()


def plain(text):
    text = re.sub(r"^warning: .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\b0x(0000)?[0-9a-f]{9,12}\b", "ADDRESS", text)
    text = re.sub(r"LWP \d+", "LWP", text)
    text = re.sub(r"(MINSIGSTKSZ.*) 0x.*", r"\1", text)   # the LWK has no protection keys
    return re.sub(r"\$\d+ = ", "", text).rstrip()


def ask(command):
    try:
        return plain(gdb.execute(command, to_string=True))
    except gdb.error as error:
        return plain(str(error))


def show(*commands):
    return "\n".join(f"{command}: {ask(command)}" for command in commands)


def thread_facts():
    facts = [ask("bt"), show("p (long)$rax", "p/x $eflags", "p $fs", "p $cs",
                             "p $ss", "p (long)$orig_rax", "p own")]
    if "computes" in facts[0]:
        facts.append(show("p/x $rbx", "p/x $r9", "p/x $xmm3.v2_int64", "p $st0", "x/i $pc"))
    return "\n".join(facts)


def threads():
    blocks = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        blocks.append(thread_facts())
    return sorted(blocks)


def columns(text, first):
    """Lines without their first columns and without empty ones, sorted."""
    rows = (line.split(None, first)[-1] for line in text.splitlines() if line.strip())
    return "\n".join(sorted(rows))


def died():
    yield show("p $_siginfo.si_signo", "p $_siginfo.si_code", "p/x $_siginfo._sifields._sigfault.si_addr")
    yield ask("bt full")
    yield show(*(f"p/x ${name}" for name in "rbx rcx rdx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 eflags".split()))
    yield show("p/x $ymm0.v4_int64", "p/x $ymm7.v4_int64", "p $st0", "p $mxcsr", "x/i $pc")


def main():
    fault = "die_by_fault" in ask("bt")
    if fault:
        print("\n".join(died()))
    else:
        print(show("p $_siginfo.si_signo", "p $_siginfo.si_code"))
    for block in threads():
        print("---- thread\n" + block)
    print("---- memory")
    for what in MEMORY:
        print(show(("x/s " if "char" in what else "p ") + what))
    print("---- process")
    print(columns(ask("info auxv"), 0))
    print(columns(ask("info proc mappings"), 2))
    print(ask("info proc exe"))
    print(columns(ask("info sharedlibrary"), 0))


gdb.execute("set width 0")
print("[core]")
main()
