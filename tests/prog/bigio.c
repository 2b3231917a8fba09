// SPDX-License-Identifier: GPL-2.0
/*
 * Large reads and writes: bigio FILE [direct]. From and to memory that was never touched, memory that was, memory in the
 * middle of a page, memory given back and taken again in between, and a file's contents that nobody has read yet. With `direct` past Linux's page cache, which
 * means that a device reads and writes the program's own frames.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

#define MB (1 << 20)

static int flags;
static const char *name;

static unsigned char *take(size_t size)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static void one_size(size_t size)
{
	unsigned char *out = take(size), *in = take(size + 4096);
	int fd = need("open", open(name, O_RDWR | O_CREAT | O_TRUNC | flags, 0600));

	printf("%zu KB\n", size >> 10);
	fill(out, size, size);
	say("write", write(fd, out, size));
	need("lseek", lseek(fd, 0, SEEK_SET));
	say("read into untouched memory", read(fd, in, size));
	ok("right", is_filled(in, size, size));
	munmap(in, size + 4096);
	in = take(size + 4096);		/* most likely the same addresses and frames */
	ok("new memory is zero", is_zero(in, size));
	memset(in, 1, size);
	say("pread into touched memory", pread(fd, in + 512, size, 0));
	ok("right", is_filled(in + 512, size, size) && in[511] == 1);
	if (mprotect(in, size, PROT_READ))
		fail("mprotect");
	say("pread into read-only memory", pread(fd, in, size, 0));
	munmap(in, size + 4096);
	say("pread into no memory", pread(fd, in, size, 0));
	munmap(out, size);
	in = take(size);
	say("write from untouched memory", pwrite(fd, in, size, 0));
	say("read it", pread(fd, in, size, 0));
	ok("zero", is_zero(in, size));
	munmap(in, size);
	close(fd);
}

/* A buffer that ends before the length does. */
static void short_buffer(void)
{
	unsigned char *p = take(16384);
	int fd = need("open", open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));

	fill(p, 16384, 1);
	need("write", write(fd, p, 16384));
	munmap(p + 8192, 8192);
	memset(p, 0, 8192);
	say("read past the buffer's end", pread(fd, p, 16384, 0));
	ok("first part right", is_filled(p, 8192, 1));
	say("write past the buffer's end", pwrite(fd, p + 4096, 8192, 0));
	close(fd);
}

/* A thread's stack, static memory and the heap are buffers too. */
static void places(void)
{
	static unsigned char bss[8192] __attribute__((aligned(4096))), data[8192] __attribute__((aligned(4096))) = { 1 };
	unsigned char stack[12288], *aligned = (void *)(((uintptr_t)stack + 4095) & -4096ul), *heap;
	int fd = need("open", open(name, O_RDWR | O_CREAT | O_TRUNC | flags, 0600));

	if (posix_memalign((void **)&heap, 4096, 8192))
		fail("posix_memalign");
	fill(heap, 8192, 5);
	say("write from the heap", write(fd, heap, 8192));
	say("read into bss", pread(fd, bss, 8192, 0));
	say("read into data", pread(fd, data, 8192, 0));
	say("read into the stack", pread(fd, aligned, 8192, 0));
	ok("right", is_filled(bss, 8192, 5) && is_filled(data, 8192, 5) && is_filled(aligned, 8192, 5));
	free(heap);
	close(fd);
}

/*
 * A mapped file whose pages only a call looks at, the last ones of 2 MB and the first ones of the next: a path that goes from one into the
 * other, and a structure that points there.
 */
static void untouched_file(void)
{
	enum { SIZE = 4 * MB, MIDDLE = 2 * MB, BEFORE = 1500, LENGTH = 3000 };
	char *place = (char *)(((uintptr_t)take(3 * SIZE) + MIDDLE - 1) & -(uintptr_t)MIDDLE), *map, *path = malloc(LENGTH + 1);
	int fd = need("open", open(name, O_RDWR | O_CREAT | O_TRUNC, 0600)), from = need("open", open(name, O_RDONLY | flags)), i;
	struct iovec part = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int sockets[2];

	need("ftruncate", ftruncate(fd, SIZE));
	for (i = 0; i < LENGTH; i += 2)
		memcpy(path + i, "./", 2);
	strcpy(path + LENGTH - strlen(name) - (strlen(name) & 1), name);
	need("write the path", pwrite(fd, path, LENGTH + 1, MIDDLE - BEFORE));
	map = mmap(place, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, from, 0);
	if (map == MAP_FAILED)
		fail("mmap");
	say("a path in an untouched file", access(map + MIDDLE - BEFORE, F_OK));
	ok("and it is there", !memcmp(map + MIDDLE - BEFORE, path, LENGTH + 1));
	map = mmap(place, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, from, 0);
	need("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	part = (struct iovec){ map + MIDDLE - BEFORE, LENGTH };
	say("send it", sendmsg(sockets[0], &message, 0));
	part.iov_base = map + 100;
	say("receive it beside", recvmsg(sockets[1], &message, 0));
	ok("right", !memcmp(map + 100, path, LENGTH) && !map[99] && !map[100 + LENGTH]);
	close(from);
	close(fd);
}

int main(int argc, char **argv)
{
	size_t size;

	if (argc < 2)
		return 98;
	setvbuf(stdout, NULL, _IOLBF, 0);
	name = argv[1];
	if (argc > 2)
		flags = O_DIRECT;
	for (size = MB; size <= (flags ? 4 : 64) * MB; size *= flags ? 4 : 8)
		one_size(size);
	one_size(12288);
	short_buffer();
	places();
	untouched_file();
	unlink(name);
	return 0;
}
