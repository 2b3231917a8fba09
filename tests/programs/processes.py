# SPDX-License-Identifier: GPL-2.0
"""Processes of Python: subprocess, multiprocessing by fork, pipes, shared memory, signals, exit codes."""
import multiprocessing
import os
import signal
import subprocess
import sys
import time

print(subprocess.run(["sort", "-n"], input="3\n1\n2\n", capture_output=True, text=True, check=True).stdout.split())
print(subprocess.run("exit 7", shell=True, check=False).returncode,
      subprocess.run(["sh", "-c", "kill -SEGV $$"], check=False, stderr=subprocess.DEVNULL).returncode)
try:
    subprocess.run(["/none"], check=True)
except FileNotFoundError as error:
    print(error.strerror)
with subprocess.Popen(["tr", "a-z", "A-Z"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
    print(child.communicate(b"text " * 20000)[0][-5:])
try:
    subprocess.run(["sleep", "100"], timeout=0.3, check=True)
except subprocess.TimeoutExpired:
    print("timeout")

pid = os.fork()
if pid == 0:
    os._exit(42)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
big = bytearray(b"x" * (8 << 20))
reader, writer = os.pipe()
if os.fork() == 0:
    big[5] = ord("y")
    os.write(writer, big[4:7])
    os._exit(0)
os.wait()
print(os.read(reader, 3), big[4:7])
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(9))
    os.write(writer, b"r")
    while True:
        time.sleep(1)
os.read(reader, 1)
os.kill(pid, signal.SIGUSR1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
sys.stdout.flush()


def square(n):
    return n * n, os.getpid()


def consume(work, done):
    while (n := work.get()) is not None:
        done.put(n + 1)


def count(total):
    for _ in range(200):
        with total.get_lock():
            total.value += 1


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(3) as pool:
        results = pool.map(square, range(100), chunksize=5)
    print(sum(n for n, _ in results), os.getpid() in {pid for _, pid in results})
    work, done = multiprocessing.Queue(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=consume, args=(work, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for n in range(50):
        work.put(n)
    print(sum(done.get() for _ in range(50)))
    for _ in workers:
        work.put(None)
    for worker in workers:
        worker.join()
    print([worker.exitcode for worker in workers])
    total = multiprocessing.Value("i", 0)
    workers = [multiprocessing.Process(target=count, args=(total,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(total.value)
