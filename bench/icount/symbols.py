# SPDX-License-Identifier: GPL-2.0
"""The symbols of the two kernels' images, by address."""
import bisect
import functools
import os
import re
import subprocess

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
IMAGES = {"linux": os.path.join(ROOT, "build", "linux", "src", "vmlinux"),
          "lwk": os.path.join(ROOT, "build", "lwk", "azalea.elf")}
DIRECT_MAP = {"linux": 0xffff888000000000, "lwk": 0xffff800000000000}
DIRECT_MAP_SIZE = 1 << 40
LARGEST = 1 << 20               # no variable is larger
CODE, DATA = "tTwW", "bBdDrRvV"


class Symbols:
    """The functions of a kernel image, or with kinds=DATA its variables."""

    def __init__(self, image, kinds=CODE):
        lines = subprocess.run(["nm", image], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines()
        fields = [line.split() for line in lines]
        found = sorted((int(f[0], 16), f[2]) for f in fields
                       if len(f) == 3 and f[1] in kinds)
        self.addresses = [address for address, _ in found]
        self.names = [name for _, name in found]

    def name(self, address):
        if not address:
            return "(user)"
        i = bisect.bisect_right(self.addresses, address)
        return self.names[i - 1] if i else hex(address)

    def place(self, address):
        """(name, offset), or None if no symbol is near."""
        i = bisect.bisect_right(self.addresses, address)
        if not i or address - self.addresses[i - 1] > LARGEST:
            return None
        return self.names[i - 1], address - self.addresses[i - 1]

    def __iter__(self):
        return zip(self.addresses, self.names)


@functools.lru_cache(maxsize=None)
def symbols_of(kernel, kinds=CODE):
    """The symbols of the kernel that make has built, read once."""
    return Symbols(IMAGES[kernel], kinds)


def read_constant(path, name):
    """The number that '#define NAME NUMBER' of a header of this tree says."""
    with open(os.path.join(ROOT, path)) as file:
        found = re.search(rf"#define\s+{name}\s+(0x[0-9a-f]+|\d+)", file.read())
    return int(found[1], 0)
