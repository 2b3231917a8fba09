# SPDX-License-Identifier: GPL-2.0
"""What Python computes with its standard library."""
import base64
import collections
import decimal
import fractions
import functools
import hashlib
import heapq
import itertools
import json
import math
import pickle
import random
import re
import statistics
import struct
import zlib

random.seed(1)
rows = [{"n": n, "x": random.random(), "s": "s%d" % (n % 17)} for n in range(5000)]
text = json.dumps(rows, sort_keys=True)
print(len(text), hashlib.sha256(text.encode()).hexdigest(), json.loads(text) == rows)
packed = zlib.compress(text.encode(), 9)
print(len(packed), zlib.crc32(packed), zlib.decompress(packed).decode() == text)
print(pickle.loads(pickle.dumps(rows)) == rows, base64.b64encode(packed[:30]))
for name in ("md5", "sha1", "sha3_256", "blake2s"):
    print(name, hashlib.new(name, packed).hexdigest())

decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 7)
print(sum(fractions.Fraction(1, n) for n in range(1, 60)))
print(math.factorial(300) % (10 ** 9 + 7), pow(3, 10 ** 18, 2 ** 89 - 1), math.isqrt(10 ** 81))
print(statistics.mean(row["x"] for row in rows), statistics.pstdev(row["x"] for row in rows))

words = re.findall(r"\b\w+(?=,)", "to be, or not to be, that is the question, " * 200)
print(collections.Counter(words).most_common(3))
print(re.sub(r"(?P<a>\d+)-(?P<b>\d+)", lambda m: str(int(m["a"]) * int(m["b"])), "12-34 5-6"))
print(heapq.nsmallest(3, (row["x"] for row in rows)), sorted(rows, key=lambda row: row["x"])[-1]["n"])
print(struct.pack("<IdhQ", 7, math.pi, -3, 2 ** 63).hex())


@functools.lru_cache(None)
def partitions(total, largest):
    if total == 0:
        return 1
    return sum(partitions(total - part, part) for part in range(1, min(total, largest) + 1))


print(partitions(80, 80), len(list(itertools.permutations(range(7)))))


def queens(size, row=0, columns=0, left=0, right=0):
    if row == size:
        return 1
    count = 0
    free = ~(columns | left | right) & ((1 << size) - 1)
    while free:
        bit = free & -free
        free ^= bit
        count += queens(size, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    return count


print(queens(7))
