// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets: pairs, local and over the loopback interface, messages with vectors, ancillary data, options, and two threads
 * that talk to each other while both wait for the other's data.
 *
 *   sockets map    may a TCP socket be mapped?
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "say.h"

static void pairs(void)
{
	char a[4] = "", b[8] = "";
	struct iovec out[2] = { { "mes", 3 }, { "sage", 4 } }, in[2] = { { a, 3 }, { b, 8 } };
	struct msghdr header = { .msg_iov = out, .msg_iovlen = 2 };
	int s[2];

	say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	say("send", send(s[0], "pair", 4, 0));
	say("peek", recv(s[1], b, 8, MSG_PEEK));
	say("recv", recv(s[1], b, 8, 0));
	printf("text: %s\n", b);
	memset(b, 0, 8);
	say("recv empty", recv(s[1], b, 8, MSG_DONTWAIT));
	say("sendmsg", sendmsg(s[0], &header, 0));
	header.msg_iov = in;
	say("recvmsg", recvmsg(s[1], &header, 0));
	printf("text: %s %.4s\n", a, b);
	say("shutdown", shutdown(s[0], SHUT_WR));
	say("recv at the end", recv(s[1], b, 8, 0));
	close(s[1]);
	signal(SIGPIPE, SIG_IGN);
	say("send after close", send(s[0], "x", 1, 0));
	close(s[0]);
	say("socketpair of inet", socketpair(AF_INET, SOCK_STREAM, 0, s));
	say("bad family", socket(9999, SOCK_STREAM, 0));
}

static void pass_descriptor(void)
{
	union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control = { { 0 } };
	char byte = 'x', text[8] = "";
	struct iovec v = { &byte, 1 };
	struct msghdr header = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);
	int s[2], ends[2], fd;

	need("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	need("pipe", pipe(ends));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
	say("send descriptor", sendmsg(s[0], &header, 0));
	memset(&control, 0, sizeof(control));
	say("receive descriptor", recvmsg(s[1], &header, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(int));
	say("write to it", write(fd, "passed", 6));
	say("read", read(ends[0], text, 8));
	printf("text: %s\n", text);
}

static void *answer(void *arg)
{
	int listener = (long)arg, s, i;
	char buffer[100];
	ssize_t n;

	s = need("accept", accept(listener, NULL, NULL));
	for (i = 0; i < 20; i++) {
		n = need("recv", recv(s, buffer, sizeof(buffer), 0));
		if (send(s, buffer, n, 0) != n)
			fail("send");
	}
	close(s);
	return NULL;
}

static void network(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, peer;
	socklen_t length = sizeof(address), size = sizeof(int);
	int listener = say("socket", socket(AF_INET, SOCK_STREAM, 0)), s, i, value = 1, right = 0;
	char buffer[100];
	pthread_t t;

	say("setsockopt", setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)));
	say("bind", bind(listener, (struct sockaddr *)&address, length));
	say("getsockname", getsockname(listener, (struct sockaddr *)&address, &length));
	say("listen", listen(listener, 5));
	pthread_create(&t, NULL, answer, (void *)(long)listener);
	s = need("socket", socket(AF_INET, SOCK_STREAM, 0));
	say("connect", connect(s, (struct sockaddr *)&address, length));
	say("getpeername", getpeername(s, (struct sockaddr *)&peer, &length));
	ok("peer", peer.sin_port == address.sin_port);
	say("getsockopt", getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &value, &size));
	for (i = 0; i < 20; i++) {
		sprintf(buffer, "ping %d", i);
		if (send(s, buffer, 8, 0) != 8 || recv(s, buffer, sizeof(buffer), MSG_WAITALL & 0) != 8)
			break;
		right += atoi(buffer + 5) == i;
	}
	say("echoes", right);
	pthread_join(t, NULL);
	say("end", recv(s, buffer, 1, 0));
	close(s);
	close(listener);
	s = socket(AF_INET, SOCK_STREAM, 0);
	say("connect to nobody", connect(s, (struct sockaddr *)&address, length));
	close(s);
}

static void datagrams(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" }, from;
	int a = need("socket", socket(AF_UNIX, SOCK_DGRAM, 0)), b = need("socket", socket(AF_UNIX, SOCK_DGRAM, 0));
	socklen_t length = sizeof(from);
	char buffer[32];

	say("bind", bind(a, (struct sockaddr *)&address, sizeof(address)));
	say("bind again", bind(b, (struct sockaddr *)&address, sizeof(address)));
	say("sendto", sendto(b, "datagram", 8, 0, (struct sockaddr *)&address, sizeof(address)));
	say("recvfrom", recvfrom(a, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length));
	say("connect to missing", (strcpy(address.sun_path, "nothing"), connect(b, (struct sockaddr *)&address, sizeof(address))));
	unlink("socket");
}

static int map(void)
{
	int s = need("socket", socket(AF_INET, SOCK_STREAM, 0));

	say("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, s, 0) == MAP_FAILED ? -1 : 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "map"))
		return map();
	setvbuf(stdout, NULL, _IOLBF, 0);
	pairs();
	pass_descriptor();
	network();
	datagrams();
	return 0;
}
