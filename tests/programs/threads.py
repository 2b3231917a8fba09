# SPDX-License-Identifier: GPL-2.0
"""Threads of Python and what they wait for."""
import concurrent.futures
import hashlib
import queue
import threading
import time

THREADS = 8
lock = threading.Lock()
total = 0


def add(count):
    global total
    for _ in range(count):
        with lock:
            total += 1


threads = [threading.Thread(target=add, args=(300,)) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total)

work, done = queue.Queue(maxsize=5), queue.Queue()


def serve():
    while (item := work.get()) is not None:
        done.put(hashlib.sha256(b"%d" % item * 20000).hexdigest())   # without the interpreter's lock
    done.put(None)


threads = [threading.Thread(target=serve) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for n in range(60):
    work.put(n)
for _ in threads:
    work.put(None)
results, ended = [], 0
while ended < THREADS:
    result = done.get()
    if result is None:
        ended += 1
    else:
        results.append(result)
print(len(results), hashlib.md5("".join(sorted(results)).encode()).hexdigest())

barrier = threading.Barrier(THREADS)
rounds = []


def meet():
    for step in range(5):
        if barrier.wait() == 0:
            rounds.append(step)
        barrier.wait()


threads = [threading.Thread(target=meet) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(rounds)

with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
    print(sum(pool.map(lambda n: n * n, range(200))))
    print(sorted(pool.map(lambda n: time.sleep(0.01) or n, range(16))))
ready = threading.Condition()
with ready:
    print(ready.wait(0.05))
timer = threading.Timer(0.05, print, ("timer",))
timer.start()
timer.join()
local = threading.local()
print(hasattr(local, "value"), threading.active_count())
