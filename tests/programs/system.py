# SPDX-License-Identifier: GPL-2.0
"""What Python asks of the system: mappings, C functions, files, signals, sockets."""
import asyncio
import ctypes
import mmap
import os
import resource
import select
import signal
import socket
import sqlite3
import stat
import tempfile

with open("file", "wb+") as file:
    file.write(bytes(range(256)) * 64)
    file.flush()
    with mmap.mmap(file.fileno(), 0) as shared:
        shared[0:5] = b"hello"
        shared[8192:8196] = b"page"
        print(shared.find(b"page"), shared.size())
        shared.flush()
    file.seek(0)
    print(file.read(5), os.pread(file.fileno(), 4, 8192))
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as private:
        private[0] = 1
        print(private[0], os.pread(file.fileno(), 1, 0))
with mmap.mmap(-1, 1 << 20) as anonymous:
    anonymous.write(b"x" * 5000)
    print(anonymous[4999], anonymous[5000])

libc = ctypes.CDLL(None, use_errno=True)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 100)(*[n * 37 % 101 for n in range(100)])
libc.qsort(numbers, 100, 4, compare(lambda a, b: a[0] - b[0]))
print(list(numbers) == sorted(numbers), libc.open(b"/none", 0), os.strerror(ctypes.get_errno()))

base = sqlite3.connect("base.db")
with base:
    base.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, s TEXT)")
    base.executemany("INSERT INTO t VALUES (?, ?)", ((n, "s%d" % n) for n in range(1000)))
print(base.execute("SELECT count(*), sum(n), max(s) FROM t").fetchone())
base.close()

with tempfile.TemporaryDirectory(dir=".") as folder:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        print(oct(stat.S_IMODE(os.stat(file.name).st_mode)), len(os.listdir(folder)))
os.utime("file", ns=(10 ** 9, 2 * 10 ** 9 + 5))
print(os.stat("file").st_mtime_ns, os.path.getsize("file"), os.access("file", os.X_OK))
print(len(os.sched_getaffinity(0)) > 0, os.cpu_count() > 0, os.getpid() == os.getpgid(0) or os.getppid() > 0)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0, os.get_terminal_size.__name__)

caught = []
signal.signal(signal.SIGALRM, lambda *_: caught.append("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
print(caught, signal.sigwait([signal.SIGUSR1]) == signal.SIGUSR1)

reader, writer = os.pipe()
poll = select.epoll()
poll.register(reader, select.EPOLLIN)
os.write(writer, b"data")
print(len(poll.poll(1)), os.read(reader, 10))


async def handle(source, sink):
    while line := await source.readline():
        sink.write(line.upper())
        await sink.drain()
    sink.close()


async def client(port, n):
    source, sink = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for k in range(5):
        sink.write(b"client %d line %d\n" % (n, k))
        answers.append(await source.readline())
    sink.close()
    return answers[-1]


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        print(await asyncio.gather(*(client(port, n) for n in range(10))))
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, sum, range(1000)), socket.gethostname() != "")


asyncio.run(main())
