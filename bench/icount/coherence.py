# SPDX-License-Identifier: GPL-2.0
"""What the model of caches wrote (the plug-in's option coherence=), with names.

The file has a line per window, CPU, line of memory and instruction; the line is
0 for all that missed without travelling between cores.
"""
import collections
import csv

from symbols import DATA, DIRECT_MAP, DIRECT_MAP_SIZE, symbols_of

LINE_SIZE = 64


class Names:
    """Functions and variables of both kernels."""

    def __init__(self, first_lwk_cpu):
        self.first_lwk_cpu = first_lwk_cpu

    def kernel(self, vcpu):
        return "lwk" if vcpu >= self.first_lwk_cpu else "linux"

    def function(self, vcpu, address):
        return symbols_of(self.kernel(vcpu)).name(address)

    def datum(self, vcpu, address):
        """What is there.  Memory that both kernels share, and what a kernel
        allocates, is known by its physical address only."""
        kernel = self.kernel(vcpu)
        if address < 1 << 63:
            return f"user {address:#x}"
        if 0 <= address - DIRECT_MAP[kernel] < DIRECT_MAP_SIZE:
            return f"memory {address - DIRECT_MAP[kernel]:#x}"
        found = symbols_of(kernel, DATA).place(address)
        place = "{}+{:#x}".format(*found) if found else f"{address:#x}"
        return f"{kernel} {place}"


class Line:
    """A line of memory that travelled."""

    def __init__(self):
        self.transfers = self.invalidations = 0
        self.data = {}                  # names of the datum, in order
        self.users = collections.Counter()      # of (kernel, function): times
        self.cpus = collections.defaultdict(set)        # the same: CPUs

    def add(self, names, row):
        vcpu, data, code = (int(row["vcpu"]), int(row["data"], 16),
                            int(row["code"], 16))
        transfers, invalidations = (int(row["transfers"]),
                                    int(row["invalidations"]))
        user = names.kernel(vcpu), names.function(vcpu, code)
        self.transfers += transfers
        self.invalidations += invalidations
        self.data[names.datum(vcpu, data & -LINE_SIZE)] = True
        self.users[user] += transfers + invalidations
        self.cpus[user].add(vcpu)


def read_lines(path, window, names):
    """Return ([Line...], hottest first; misses of all other lines)."""
    lines = collections.defaultdict(Line)
    others = 0
    with open(path) as file:
        for row in csv.DictReader(file):
            if int(row["window"]) != window:
                continue
            if int(row["line"], 16):
                lines[row["line"]].add(names, row)
            else:
                others += int(row["misses"])
    hottest = sorted(lines.values(), reverse=True,
                     key=lambda line: line.transfers + line.invalidations)
    return hottest, others


def read_functions(path, window, names):
    """Return [((kernel, function), [misses, transfers, invalidations])...],
    most misses and invalidations first."""
    sums = collections.defaultdict(lambda: [0, 0, 0])
    with open(path) as file:
        for row in csv.DictReader(file):
            if int(row["window"]) != window:
                continue
            vcpu = int(row["vcpu"])
            user = (names.kernel(vcpu),
                    names.function(vcpu, int(row["code"], 16)))
            for i, column in enumerate(("misses", "transfers",
                                        "invalidations")):
                sums[user][i] += int(row[column])
    return sorted(sums.items(), key=lambda item: -item[1][0] - item[1][2])
