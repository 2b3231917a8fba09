// SPDX-License-Identifier: GPL-2.0
/* Jobs that send messages through sockets of this machine, from one end to the other and back, in one thread. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jobs.h"

#define MESSAGE_WORDS	64
#define TURNS		60

struct message {
	uint64_t words[MESSAGE_WORDS];
};

static const struct sockaddr_in any_port = { .sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f };	/* 127.0.0.1 */

/* A stream may deliver a message in pieces. */
static bool receive(int fd, void *buffer, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t now = recv(fd, (char *)buffer + got, size - got, 0);

		if (now <= 0)
			return false;
		got += now;
	}
	return true;
}

static bool deliver(int from, int to, const struct message *message, size_t size)
{
	struct message received = { { 0 } };

	return send(from, message, size, 0) == (ssize_t)size && receive(to, &received, size) && !memcmp(message, &received, size);
}

/* Messages of all lengths, there and back; closes both ends. */
static bool ping_pong(int a, int b, struct random *random)
{
	struct message message;
	bool good = true;

	for (int i = 0; good && i < TURNS; i++) {
		size_t size = 1 + random_below(random, sizeof(message));

		message.words[i % MESSAGE_WORDS] = random_next(random);
		memset(&message, i, size / 2);
		good = deliver(a, b, &message, size) && deliver(b, a, &message, size);
	}
	return !close(a) && !close(b) && good;
}

/* A socket with a port of its own, whose address is stored in @address. */
static int socket_bound(int type, struct sockaddr_in *address)
{
	int fd = socket(AF_INET, type, 0);
	socklen_t size = sizeof(*address);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any_port, sizeof(any_port)) ||
	    getsockname(fd, (struct sockaddr *)address, &size))
		return -1;
	return fd;
}

bool job_tcp(struct random *random)
{
	struct sockaddr_in address;
	int listening = socket_bound(SOCK_STREAM, &address), out = socket(AF_INET, SOCK_STREAM, 0), in, one = 1;

	if (listening < 0 || out < 0 || listen(listening, 1) || setsockopt(out, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    connect(out, (struct sockaddr *)&address, sizeof(address)))
		return false;
	in = accept(listening, NULL, NULL);
	return in >= 0 && !close(listening) && ping_pong(out, in, random);
}

bool job_udp(struct random *random)
{
	struct sockaddr_in a_address, b_address;
	int a = socket_bound(SOCK_DGRAM, &a_address), b = socket_bound(SOCK_DGRAM, &b_address);

	if (a < 0 || b < 0 || connect(a, (struct sockaddr *)&b_address, sizeof(b_address)) ||
	    connect(b, (struct sockaddr *)&a_address, sizeof(a_address)))
		return false;
	return ping_pong(a, b, random);
}

static bool pair(int type, struct random *random)
{
	int ends[2];

	return !socketpair(AF_UNIX, type, 0, ends) && ping_pong(ends[0], ends[1], random);
}

bool job_stream_pair(struct random *random)
{
	return pair(SOCK_STREAM, random);
}

bool job_dgram_pair(struct random *random)
{
	return pair(SOCK_DGRAM, random);
}
