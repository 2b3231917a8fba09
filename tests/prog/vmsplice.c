// SPDX-License-Identifier: GPL-2.0
/*
 * vmsplice in both directions: whole and in parts, into a pipe that is full, without readers, and what is no pipe.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "say.h"

#define SIZE	(1 << 20)

static unsigned char data[SIZE], back[SIZE];
static int fd[2];

static long put(size_t from, size_t length, unsigned int flags)
{
	struct iovec iov[2] = { { data + from, length / 2 }, { data + from + length / 2, length - length / 2 } };

	return vmsplice(fd[1], iov, 2, flags);
}

/* Slowly, so that the writer has to wait. */
static void *reader(void *arg)
{
	size_t have = 0;
	ssize_t n;

	(void)arg;
	usleep(100000);
	while (have < SIZE && (n = read(fd[0], back + have, 30000)) > 0)
		have += n;
	ok("all arrived", have == SIZE && is_filled(back, SIZE, 7));
	return NULL;
}

static void through_full_pipe(void)
{
	size_t done = 0;
	pthread_t t;
	long n;

	pthread_create(&t, NULL, reader, NULL);
	while (done < SIZE && (n = put(done, SIZE - done, 0)) > 0)
		done += n;
	say("put", done);
	pthread_join(t, NULL);
}

static void to_memory(void)
{
	struct iovec iov = { back, 100 };

	say("write", write(fd[1], "some text", 9));
	memset(back, 0, 100);
	say("out of the pipe", vmsplice(fd[0], &iov, 1, 0));
	say("text", memcmp(back, "some text", 9));
	say("nothing there", vmsplice(fd[0], &iov, 1, SPLICE_F_NONBLOCK));
}

static void wrong(void)
{
	struct iovec iov = { data, 10 }, nowhere = { (void *)8, 10 }, none = { data, 0 };
	int file = open("file", O_RDWR | O_CREAT, 0666), path = open("file", O_PATH);

	say("no pipe", vmsplice(file, &iov, 1, 0));
	say("no pipe, nothing", vmsplice(file, &none, 1, 0));
	say("a path", vmsplice(path, &iov, 1, 0));
	say("closed", vmsplice(99, &iov, 1, 0));
	say("flags", vmsplice(fd[1], &iov, 1, 0x100));
	say("nowhere", vmsplice(fd[1], &nowhere, 1, 0));
	say("vector nowhere", vmsplice(fd[1], (void *)8, 1, 0));
	say("too many", vmsplice(fd[1], &iov, 1025, 0));
	say("nothing", vmsplice(fd[1], &none, 1, 0));
	say("none", vmsplice(fd[1], NULL, 0, 0));
	signal(SIGPIPE, SIG_IGN);
	close(fd[0]);
	say("no reader", vmsplice(fd[1], &iov, 1, 0));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	fill(data, SIZE, 7);
	need("pipe", pipe(fd));
	say("small", put(0, 1000, 0));
	say("gift", put(1000, 8192, SPLICE_F_GIFT));
	say("read", read(fd[0], back, SIZE));
	ok("as it was", is_filled(back, 9192, 7));
	say("until full", put(0, SIZE, SPLICE_F_NONBLOCK) > 0);
	while (put(0, SIZE, SPLICE_F_NONBLOCK) > 0)
		;
	say("full", put(0, 100, SPLICE_F_NONBLOCK));
	close(fd[0]);
	close(fd[1]);
	need("pipe", pipe(fd));
	through_full_pipe();
	to_memory();
	wrong();
	return 0;
}
