// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring by its bare calls: rings that are mapped, reads and writes of a file, vectors, buffers that are registered, pipes and timeouts
 * that complete later, links, advice, a wait that a signal ends, wrong arguments. Says every result.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "say.h"

#define ENTRIES	8
#define SIZE	300000

struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;
	struct io_uring_sqe *sqes;
	unsigned int queued;
};

static struct ring ring;

static unsigned int *at(unsigned int offset)
{
	return (unsigned int *)(ring.rings + offset);
}

static int enter(unsigned int complete, unsigned int flags, void *arg, size_t size)
{
	int ret = syscall(SYS_io_uring_enter, ring.fd, ring.queued, complete, flags, arg, size);

	ring.queued = 0;
	return ret;
}

static struct io_uring_sqe *queue(int op, int fd, const void *addr, unsigned int len, unsigned long offset)
{
	unsigned int tail = *at(ring.p.sq_off.tail), mask = *at(ring.p.sq_off.ring_mask);
	struct io_uring_sqe *sqe = &ring.sqes[tail & mask];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (unsigned long)addr;
	sqe->len = len;
	sqe->off = offset;
	sqe->user_data = tail;
	at(ring.p.sq_off.array)[tail & mask] = tail & mask;
	__atomic_store_n(at(ring.p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	ring.queued++;
	return sqe;
}

/* Takes one completion, waiting for it if need be. */
static void complete(const char *what)
{
	unsigned int head = *at(ring.p.cq_off.head), mask = *at(ring.p.cq_off.ring_mask);
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(ring.rings + ring.p.cq_off.cqes) + (head & mask);

	if (ring.queued || head == __atomic_load_n(at(ring.p.cq_off.tail), __ATOMIC_ACQUIRE)) {
		if (enter(1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			say("enter", -1);
	}
	if (head == __atomic_load_n(at(ring.p.cq_off.tail), __ATOMIC_ACQUIRE)) {
		printf("%s: nothing\n", what);
		return;
	}
	printf("%s: %d, number %llu\n", what, cqe->res, (unsigned long long)cqe->user_data);
	__atomic_store_n(at(ring.p.cq_off.head), head + 1, __ATOMIC_RELEASE);
}

static void set_up(void)
{
	size_t size;

	say("no entries", syscall(SYS_io_uring_setup, 0, &ring.p));
	say("no parameters", syscall(SYS_io_uring_setup, ENTRIES, (void *)8));
	need("io_uring_setup", ring.fd = syscall(SYS_io_uring_setup, ENTRIES, &ring.p));
	printf("entries %u %u, features %x\n", ring.p.sq_entries, ring.p.cq_entries, ring.p.features);
	size = ring.p.cq_off.cqes + ring.p.cq_entries * sizeof(struct io_uring_cqe);
	ring.rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING);
	need("rings", ring.rings == MAP_FAILED ? -1 : 0);
	ring.sqes = mmap(NULL, ENTRIES * sizeof(*ring.sqes), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
	need("entries", ring.sqes == MAP_FAILED ? -1 : 0);
}

static char *fresh(size_t size)
{
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need("mmap", m == MAP_FAILED ? -1 : 0);
	return m;
}

static unsigned int sum(const char *p, size_t size)
{
	unsigned int n = 0;

	while (size--)
		n = n * 31 + (unsigned char)*p++;
	return n;
}

static void files(void)
{
	char *out = fresh(SIZE), *in = fresh(SIZE), *half = fresh(SIZE);
	struct iovec v[] = { { half, 1000 }, { half + 150000, 100000 } };
	int fd = open("file", O_RDWR | O_CREAT, 0600);

	for (int i = 0; i < SIZE; i++)
		out[i] = i * 7 + i / 256;
	queue(IORING_OP_WRITE, fd, out, SIZE, 0);
	complete("write");
	queue(IORING_OP_READ, fd, in, SIZE, 0);		/* memory that was never touched */
	complete("read");
	printf("equal %d\n", sum(in, SIZE) == sum(out, SIZE));
	queue(IORING_OP_READV, fd, v, 2, 500);
	complete("readv");
	printf("sums %u %u\n", sum(half, 1000), sum(half + 150000, 100000));
	queue(IORING_OP_READ, fd, (void *)8, 100, 0);
	complete("bad address");
	queue(IORING_OP_READ, 99, in, 100, 0);
	complete("bad descriptor");
	queue(IORING_OP_FSYNC, fd, NULL, 0, 0);
	complete("fsync");
	queue(IORING_OP_WRITE, fd, "one", 3, 0)->flags = IOSQE_IO_LINK;
	queue(IORING_OP_READ, fd, in, 4, 0);
	complete("linked write");
	complete("linked read");
	printf("%.3s\n", in);
	queue(IORING_OP_READ, fd, fresh(SIZE), SIZE, 0)->flags = IOSQE_ASYNC;	/* by a worker of Linux's */
	complete("asynchronous read");
	close(fd);
}

static void registered(void)
{
	char *m = fresh(SIZE);
	struct iovec v = { m, SIZE };
	int fd = open("file", O_RDWR);
	struct io_uring_sqe *sqe;

	m[0] = 1;
	say("register", syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &v, 1));
	sqe = queue(IORING_OP_READ_FIXED, fd, m + 5000, 250000, 0);
	sqe->buf_index = 0;
	complete("fixed read");
	printf("sum %u\n", sum(m, SIZE));
	sqe = queue(IORING_OP_READ_FIXED, fd, m + SIZE, 1, 0);
	complete("beyond");
	say("unregister", syscall(SYS_io_uring_register, ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
	v.iov_base = (void *)8;
	say("bad buffer", syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &v, 1));
	close(fd);
}

/* What completes while nobody is in a call; the memory for it was touched, or not. */
static void later(void)
{
	struct __kernel_timespec soon = { 0, 20000000 };
	char *touched = fresh(4096), *untouched = fresh(4096);
	int p[2];

	need("pipe", pipe(p));
	touched[0] = 'x';
	queue(IORING_OP_READ, p[0], touched, 10, -1);
	say("submit", enter(0, 0, NULL, 0));
	say("write", write(p[1], "hello", 5));
	complete("read of a pipe");
	printf("%.5s\n", touched);
	queue(IORING_OP_READ, p[0], untouched, 10, -1);
	say("submit", enter(0, 0, NULL, 0));
	say("write", write(p[1], "there", 5));
	complete("read of a pipe into fresh memory");
	printf("%.5s\n", untouched);
	queue(IORING_OP_TIMEOUT, -1, &soon, 1, 0);
	complete("timeout");
	queue(IORING_OP_POLL_ADD, p[0], NULL, 0, 0)->poll32_events = POLLIN;
	say("submit", enter(0, 0, NULL, 0));
	say("write", write(p[1], "!", 1));
	while (*at(ring.p.cq_off.head) == __atomic_load_n(at(ring.p.cq_off.tail), __ATOMIC_ACQUIRE))
		;					/* without any call */
	complete("poll");
	queue(IORING_OP_NOP, -1, NULL, 0, 0);
	complete("nop");
}

/* Advice is followed or refused, nothing in between. */
static void advice(void)
{
	char *m = fresh(4096);
	unsigned int head = *at(ring.p.cq_off.head), mask = *at(ring.p.cq_off.ring_mask);
	int result;

	m[0] = 'x';
	queue(IORING_OP_MADVISE, -1, m, 4096, 0)->fadvise_advice = MADV_DONTNEED;
	enter(1, IORING_ENTER_GETEVENTS, NULL, 0);
	result = ((struct io_uring_cqe *)(ring.rings + ring.p.cq_off.cqes))[head & mask].res;
	__atomic_store_n(at(ring.p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	ok("madvise", result == 0 ? !m[0] : result == -EINVAL && m[0] == 'x');
}

static int handled;

static void handle(int sig)
{
	handled = sig;
}

static void interrupted(void)
{
	struct __kernel_timespec soon = { 0, 20000000 };
	struct io_uring_getevents_arg arg = { .ts = (unsigned long)&soon };
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	signal(SIGUSR1, handle);
	sigprocmask(SIG_BLOCK, &all, NULL);
	raise(SIGUSR1);
	say("wait", enter(1, IORING_ENTER_GETEVENTS, &none, 8));
	printf("handled %d\n", handled);
	handled = 0;
	say("wait with a limit", enter(1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg)));
	raise(SIGUSR1);
	arg.sigmask = (unsigned long)&none;
	arg.sigmask_sz = 8;
	say("wait with a mask and a limit", enter(1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg)));
	printf("handled %d\n", handled);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	say("wrong flags", enter(0, 1u << 20, NULL, 0));
}

int main(void)
{
	set_up();
	files();
	registered();
	later();
	advice();
	interrupted();
	return 0;
}
