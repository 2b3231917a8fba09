// SPDX-License-Identifier: GPL-2.0
/*
 * Linux's aio by its bare calls: contexts, whose rings the program may read itself; reads and writes of a file, with vectors, to memory
 * that was never touched; polls that complete later; waits with a limit, a mask, a signal; cancelling; wrong arguments.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define SIZE	200000
#define MAGIC	0xa10a10a1u		/* of the ring, fs/aio.c */

struct ring_head {
	unsigned int id, nr, head, tail, magic;
};

static aio_context_t context;
static struct io_event events[8];

static long submit(struct iocb *cb)
{
	return syscall(SYS_io_submit, context, 1, &cb);
}

static void collect(const char *what, long min)
{
	struct timespec second = { 1, 0 };
	long n = syscall(SYS_io_getevents, context, min, 8, events, &second);

	say(what, n);
	for (long i = 0; i < n; i++)
		printf("  %llu: %lld\n", (unsigned long long)events[i].data, (long long)events[i].res);
}

static void run(const char *what, int op, int fd, const void *buf, size_t size, long offset)
{
	static int number;
	struct iocb cb = { .aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = (unsigned long)buf, .aio_nbytes = size,
			   .aio_offset = offset, .aio_data = ++number };

	if (say(what, submit(&cb)) == 1)
		collect(what, 1);
}

static char *fresh(void)
{
	char *m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need("mmap", m == MAP_FAILED ? -1 : 0);
	return m;
}

static void set_up(void)
{
	aio_context_t busy = 1, other = 0;

	say("context in use", syscall(SYS_io_setup, 8, &busy));
	say("no place for it", syscall(SYS_io_setup, 8, (void *)8));
	say("no events", syscall(SYS_io_setup, 0, &other));
	say("too many", syscall(SYS_io_setup, 1u << 31, &other));
	need("io_setup", syscall(SYS_io_setup, 8, &context));
	printf("magic %d\n", ((struct ring_head *)context)->magic == MAGIC);
	need("another", syscall(SYS_io_setup, 500, &other));
	ok("two", other != context);
	say("destroy", syscall(SYS_io_destroy, other));
	say("again", syscall(SYS_io_destroy, other));
	say("nonsense", syscall(SYS_io_destroy, 4096));
	say("unmapped", mmap((void *)other, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)other);
}

static void files(void)
{
	char *out = fresh(), *in = fresh();
	struct iovec v[] = { { in, 100 }, { fresh(), 1000 } };
	int fd = open("file", O_RDWR | O_CREAT, 0600);

	for (int i = 0; i < SIZE; i++)
		out[i] = i * 3 + i / 1000;
	run("write", IOCB_CMD_PWRITE, fd, out, SIZE, 0);
	run("read", IOCB_CMD_PREAD, fd, in, SIZE, 0);
	printf("equal %d\n", !memcmp(in, out, SIZE));
	run("readv", IOCB_CMD_PREADV, fd, v, 2, 50);
	printf("equal %d\n", !memcmp(v[1].iov_base, out + 150, 1000));
	run("bad buffer", IOCB_CMD_PREAD, fd, (void *)8, 10, 0);
	run("bad descriptor", IOCB_CMD_PREAD, 99, in, 10, 0);
	run("bad operation", 99, fd, in, 10, 0);
	say("bad list", syscall(SYS_io_submit, context, 1, (void *)8));
	say("bad context", syscall(SYS_io_submit, 4096, 0, NULL));
	close(fd);
}

static void later(void)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN, .aio_data = 100 };
	struct ring_head *ring = (struct ring_head *)context;
	struct timespec soon = { 0, 10000000 };
	unsigned int tail = ring->tail;
	int p[2];

	need("pipe", pipe(p));
	cb.aio_fildes = p[0];
	say("poll", submit(&cb));
	say("nothing yet", syscall(SYS_io_getevents, context, 1, 8, events, &soon));
	say("write", write(p[1], "x", 1));
	while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == tail)
		;					/* without any call */
	collect("poll", 1);
	cb.aio_fildes = p[1];
	cb.aio_buf = POLLPRI;
	say("another", submit(&cb));
	say("cancel", syscall(SYS_io_cancel, context, &cb, events));
	collect("cancelled", 1);
}

static int handled;

static void handle(int sig)
{
	handled = sig;
}

static void interrupted(void)
{
	sigset_t none, all;
	struct { sigset_t *mask; size_t size; } arg = { &none, 8 };

	sigemptyset(&none);
	sigfillset(&all);
	signal(SIGUSR2, handle);
	sigprocmask(SIG_BLOCK, &all, NULL);
	raise(SIGUSR2);
	say("wait", syscall(SYS_io_pgetevents, context, 1, 1, events, NULL, &arg));
	printf("handled %d\n", handled);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
}

int main(void)
{
	set_up();
	files();
	later();
	interrupted();
	say("destroy", syscall(SYS_io_destroy, context));
	return 0;
}
