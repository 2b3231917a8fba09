# SPDX-License-Identifier: GPL-2.0
"""Chains of calls, from what the plug-in's option stacks= wrote (stacks.c).

The file has a line per chain, 'node,NUMBER,PARENT,BACK,FUNCTION', and a line
per place where instructions were counted, 'count,WINDOW,VCPU,NODE,ADDRESS,N'.
"""
import collections
import functools
import re

from symbols import symbols_of

USER = "(user)"
# Not functions but ways to call them.
THUNKS = re.compile(r"__x86_(indirect|return)_thunk\w*|retbleed_\w+|"
                    r"zen_\w+|srso_\w+")


class Chains:
    """The tree of one file, with the names of functions put in."""

    def __init__(self, path):
        self.nodes = {}                 # number: (parent, back, function)
        self.counts = []                # (window, vcpu, node, address, n)
        with open(path) as file:
            for line in file:
                kind, *fields = line.strip().split(",")
                if kind == "node":
                    number, parent, back, function = fields
                    self.nodes[int(number)] = (int(parent), int(back, 16),
                                               int(function, 16))
                else:
                    window, vcpu, node, address, n = fields
                    self.counts.append((int(window), int(vcpu), int(node),
                                        int(address, 16), int(n)))

    def chain(self, node, address, name):
        """Names from the first function to that at address.  Who was jumped
        to instead of called shows by where calls and counts are."""
        path = [address]
        while node:
            parent, back, function = self.nodes[node]
            path += [function] + [back - 1] * (back != 0)   # in the call
            node = parent
        names = []
        for where in reversed(path):
            found = name(where)
            if not THUNKS.fullmatch(found) and names[-1:] != [found]:
                names.append(found)
        return names

    def fold(self, name_of, windows):
        """Return {(window, vcpu group, function, ...): n} for windows; the
        function name_of(vcpu) returns (group, function to name addresses)."""
        sums = collections.Counter()
        for window, vcpu, node, address, n in self.counts:
            if window not in windows:
                continue
            group, name = name_of(vcpu)
            chain = self.chain(node, address, name) if address else [USER]
            sums[(window, group, *chain)] += n
        return sums


read_chains = functools.lru_cache(maxsize=1)(Chains)


def read_folded(path, window, first_lwk_cpu):
    """Return {'kernel;function;function': instructions} of one window."""
    def name_of(vcpu):
        kernel = "lwk" if vcpu >= first_lwk_cpu else "linux"
        return kernel, symbols_of(kernel).name

    chains = read_chains(path).fold(name_of, [window])
    return {";".join(chain): count for (_, *chain), count in chains.items()}
