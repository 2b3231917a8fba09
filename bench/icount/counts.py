# SPDX-License-Identifier: GPL-2.0
"""Read what the counting plug-in wrote (README.md describes the file)."""
import csv
import os
import re

PLACE = ("window", "closing", "vcpu", "scope")         # not counters
USER, KERNEL = "user", "kernel"
ENTRIES = ("syscalls", "exceptions", "interrupts")      # of the kernel


class Closing:
    """One closing of one window: what was counted on each CPU.

    Counters are called as the columns of the file.  The plug-in counts only
    what it was asked for; to read another column is a KeyError.
    """

    def __init__(self, number):
        self.number = number    # of the closing, in the order of time
        self.counts = {}        # vcpu: {counter: number}
        self.marker = None      # the CPU that set the marks, if it was one

    def own(self, counter):
        """The marking CPU's; of a global window, the sum over all CPUs."""
        if self.marker is None:
            return sum(count[counter] for count in self.counts.values())
        return self.counts[self.marker][counter]

    def all(self, counter, vcpus=None):
        """The sum over all CPUs, or over those in vcpus."""
        return sum(count[counter] for vcpu, count in self.counts.items()
                   if vcpus is None or vcpu in vcpus)

    def others(self, counter):
        return self.all(counter) - self.own(counter)

    def total(self, vcpus):
        return self.all(USER, vcpus) + self.all(KERNEL, vcpus)


def read_closings(path):
    """Return {window: [Closing...]} and {window: times lost}."""
    closings, lost = {}, {}
    with open(path) as file:
        for row in csv.DictReader(file):
            window, vcpu = int(row["window"]), int(row["vcpu"])
            if row["scope"] == "lost":
                lost[window] = lost.get(window, 0) + 1
                continue
            number = int(row["closing"])
            one = closings.setdefault(window, {}).setdefault(
                number, Closing(number))
            one.counts[vcpu] = {counter: int(count)
                                for counter, count in row.items()
                                if counter not in PLACE}
            if row["scope"] == "own":
                one.marker = vcpu
    return {w: list(c.values()) for w, c in closings.items()}, lost


def read_calls(header):
    """Return callcost's list: {operation: (rounds, Linux's window, LWK's)}."""
    with open(header) as file:
        text = file.read()
    first = dict(re.findall(r"#define FIRST_WINDOW_(\w+)\s+(\d+)", text))
    found = re.findall(r"\bCALL\((\w+), (\d+)\)", text)
    return {name: (int(rounds), int(first["LINUX"]) + i, int(first["LWK"]) + i)
            for i, (name, rounds) in enumerate(found)} if first else {}


def read_jobs(header):
    """Return the mix's list: {job: (class, window)}."""
    with open(header) as file:
        text = file.read()
    first = re.search(r"#define FIRST_WINDOW_JOB\s+(\d+)", text)
    found = re.findall(r"\bJOB\((\w+), (\w+)\)", text)
    return {name: (kind, int(first[1]) + i)
            for i, (name, kind) in enumerate(found)} if first else {}


def read_names(headers):
    """Return {number: name} from lines '#define WINDOW_NAME number', from
    callcost's list, whose windows are called linux_NAME and lwk_NAME, and from
    the mix's, called job_NAME."""
    names = {}
    pattern = re.compile(r"#define\s+WINDOW_(\w+)\s+(0x[0-9a-fA-F]+|\d+)\b")
    for header in headers:
        with open(header) as file:
            for name, number in pattern.findall(file.read()):
                names[int(number, 0)] = name.lower()
        for name, (_, linux, lwk) in read_calls(header).items():
            names[linux], names[lwk] = f"linux_{name}", f"lwk_{name}"
        for name, (_, number) in read_jobs(header).items():
            names[number] = f"job_{name}"
    return names


def read_window(text):
    """The number of a window given by number or name: one of windows.h, linux_
    or lwk_ and an operation of callcost, or job_ and a job of the mix.
    ValueError: none of them."""
    here = os.path.dirname(os.path.abspath(__file__))
    names = read_names([os.path.join(here, "windows.h"),
                        os.path.join(here, "..", "callcost", "calls.h"),
                        os.path.join(here, "..", "mix", "jobs.h")])
    found = [number for number, name in names.items() if name == text.lower()]
    return found[0] if found else int(text, 0)
