// SPDX-License-Identifier: GPL-2.0
/*
 * Takes memory until there is none: nomem map|touch|malloc|limit. Too much is refused by ENOMEM when it is asked for;
 * what was granted can be used to the last byte, and can be had again after it was given back.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "say.h"

#define PIECE	(4ul << 20)
#define MOST	65536

static char *piece[MOST];

static size_t take_all(int touch)
{
	size_t n;

	for (n = 0; n < MOST; n++) {
		piece[n] = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (piece[n] == MAP_FAILED)
			break;
		if (touch)
			memset(piece[n], n + 1, PIECE);
	}
	ok("refused with ENOMEM", n < MOST && errno == ENOMEM);
	return n;
}

static void give_back(size_t n, int touched)
{
	size_t bad = 0;

	while (n--) {
		bad += touched && (piece[n][0] != (char)(n + 1) || piece[n][PIECE - 1] != (char)(n + 1));
		munmap(piece[n], PIECE);
	}
	ok("contents", !bad);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	struct rlimit limit = { 512ul << 20, 512ul << 20 };
	size_t first, second;

	if (!strcmp(how, "limit"))
		need("setrlimit", setrlimit(RLIMIT_AS, &limit));
	else if (strcmp(how, "map") && strcmp(how, "touch"))
		return 98;
	first = take_all(*how != 'm');
	give_back(first, *how != 'm');
	second = take_all(*how != 'm');
	give_back(second, *how != 'm');
	/* page tables stay, so that the second time may give a little less */
	ok("as much the second time", first && second + 2 >= first && second <= first + 2);
	fprintf(stderr, "%zu MB\n", first * (PIECE >> 20));
	return 0;
}
