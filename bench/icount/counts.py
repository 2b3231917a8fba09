# SPDX-License-Identifier: GPL-2.0
"""Read what the counting plug-in wrote (README.md describes the file)."""
import csv
import re


class Closing:
    """One closing of one window: what each CPU executed in it."""

    def __init__(self):
        self.counts = {}        # vcpu: (user, kernel)
        self.marker = None      # the CPU that set the marks, if it was one

    def own(self, mode):
        """Instructions on the marking CPU; of a global window, on all."""
        if self.marker is None:
            return sum(count[mode] for count in self.counts.values())
        return self.counts[self.marker][mode]

    def others(self, mode):
        return sum(c[mode] for c in self.counts.values()) - self.own(mode)

    def total(self, vcpus):
        return sum(sum(count) for vcpu, count in self.counts.items()
                   if vcpu in vcpus)


USER, KERNEL = 0, 1


def read_closings(path):
    """Return {window: [Closing...]} and {window: times lost}."""
    closings, lost = {}, {}
    with open(path) as file:
        for row in csv.DictReader(file):
            window, vcpu = int(row["window"]), int(row["vcpu"])
            if row["scope"] == "lost":
                lost[window] = lost.get(window, 0) + 1
                continue
            one = closings.setdefault(window, {}).setdefault(
                int(row["closing"]), Closing())
            one.counts[vcpu] = int(row["user"]), int(row["kernel"])
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


def read_names(headers):
    """Return {number: name} from lines '#define WINDOW_NAME number' and from
    callcost's list, whose windows are called linux_NAME and lwk_NAME."""
    names = {}
    pattern = re.compile(r"#define\s+WINDOW_(\w+)\s+(0x[0-9a-fA-F]+|\d+)\b")
    for header in headers:
        with open(header) as file:
            for name, number in pattern.findall(file.read()):
                names[int(number, 0)] = name.lower()
        for name, (_, linux, lwk) in read_calls(header).items():
            names[linux], names[lwk] = f"linux_{name}", f"lwk_{name}"
    return names
