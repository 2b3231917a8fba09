// SPDX-License-Identifier: GPL-2.0
/* Jobs that work with files and folders, in the current one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs.h"

#define BLOCK		(BLOCK_WORDS * sizeof(uint64_t))
#define DATA_BLOCKS	(DATA_WORDS / BLOCK_WORDS)
#define SCRATCH		"scratch"

static uint64_t block[BLOCK_WORDS];

static void block_fill(unsigned int number, uint64_t seed)
{
	for (unsigned int i = 0; i < BLOCK_WORDS; i++)
		block[i] = DATA_WORD(number * BLOCK_WORDS + i) + seed;
}

static bool block_right(unsigned int number, uint64_t seed)
{
	for (unsigned int i = 0; i < BLOCK_WORDS; i++)
		if (block[i] != DATA_WORD(number * BLOCK_WORDS + i) + seed)
			return false;
	return true;
}

static bool block_read(int fd, unsigned int number, uint64_t seed)
{
	return read(fd, block, BLOCK) == BLOCK && block_right(number, seed);
}

static bool block_write(int fd, unsigned int number, uint64_t seed)
{
	block_fill(number, seed);
	return write(fd, block, BLOCK) == BLOCK;
}

static bool size_is(const char *name, off_t size)
{
	struct stat st;

	return !stat(name, &st) && S_ISREG(st.st_mode) && st.st_size == size;
}

/* Small files come and go. */
bool job_file_create(struct random *random)
{
	for (int i = 0; i < 40; i++) {
		char name[32];
		unsigned int size = random_below(random, 100);
		int fd;

		snprintf(name, sizeof(name), "new-%u", (unsigned int)random_below(random, 1000000));
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || write(fd, block, size) != (ssize_t)size || close(fd) || !size_is(name, size) ||
		    chmod(name, 0400) || unlink(name) || !access(name, F_OK))
			return false;
	}
	return true;
}

bool job_file_write(struct random *random)
{
	uint64_t seed = random_next(random);
	int fd = open(SCRATCH, O_RDWR | O_CREAT | O_EXCL, 0600);
	bool good = fd >= 0;

	for (unsigned int i = 0; good && i < DATA_BLOCKS; i++)
		good = block_write(fd, i, seed);
	good = good && size_is(SCRATCH, DATA_BLOCKS * BLOCK) && pread(fd, block, BLOCK, 5 * BLOCK) == BLOCK && block_right(5, seed);
	return !close(fd) && !unlink(SCRATCH) && good;
}

bool job_file_read(struct random *random)
{
	int fd = open(DATA_NAME, O_RDONLY);
	unsigned int first = random_below(random, 8);
	bool good = fd >= 0 && lseek(fd, first * BLOCK, SEEK_SET) == (off_t)(first * BLOCK);

	for (unsigned int i = first; good && i < DATA_BLOCKS; i++)
		good = block_read(fd, i, 0);
	return good && read(fd, block, BLOCK) == 0 && !close(fd);
}

/* Blocks are written in any order, then read in another. */
bool job_file_random(struct random *random)
{
	uint64_t seed = random_next(random);
	unsigned int turn = 2 * random_below(random, DATA_BLOCKS / 2) + 1;
	int fd = open(SCRATCH, O_RDWR | O_CREAT | O_EXCL, 0600);
	bool good = fd >= 0;

	for (unsigned int i = 0; good && i < DATA_BLOCKS / 2; i++) {
		unsigned int number = i * turn % (DATA_BLOCKS / 2);

		good = lseek(fd, number * BLOCK, SEEK_SET) >= 0 && block_write(fd, number, seed);
	}
	for (unsigned int i = 0; good && i < DATA_BLOCKS / 2; i++) {
		unsigned int number = random_below(random, DATA_BLOCKS / 2);

		good = lseek(fd, number * BLOCK, SEEK_SET) >= 0 && block_read(fd, number, seed);
	}
	return !close(fd) && !unlink(SCRATCH) && good;
}

bool job_file_copy(struct random *random)
{
	int from = open(DATA_NAME, O_RDONLY), to = open(SCRATCH, O_RDWR | O_CREAT | O_EXCL, 0600);
	unsigned int look = random_below(random, DATA_BLOCKS);
	bool good = from >= 0 && to >= 0;

	for (unsigned int i = 0; good && i < DATA_BLOCKS; i++)
		good = read(from, block, BLOCK) == BLOCK && write(to, block, BLOCK) == BLOCK;
	good = good && size_is(SCRATCH, DATA_BLOCKS * BLOCK) && lseek(to, look * BLOCK, SEEK_SET) >= 0 && block_read(to, look, 0);
	return !close(from) && !close(to) && !unlink(SCRATCH) && good;
}

/* Each block must be on the disk before the next is written. */
bool job_file_sync(struct random *random)
{
	uint64_t seed = random_next(random);
	int fd = open(SCRATCH, O_RDWR | O_CREAT | O_EXCL, 0600);
	bool good = fd >= 0;

	for (unsigned int i = 0; good && i < DATA_BLOCKS / 4; i++)
		good = block_write(fd, i, seed) && !(i % 2 ? fsync(fd) : fdatasync(fd));
	good = good && !lseek(fd, 0, SEEK_SET);
	for (unsigned int i = 0; good && i < DATA_BLOCKS / 4; i++)
		good = block_read(fd, i, seed);
	return !close(fd) && !unlink(SCRATCH) && good;
}

static bool links_are(nlink_t count)
{
	struct stat st;

	return !stat(DATA_NAME, &st) && st.st_nlink == count;
}

/* More names for one file, hard and symbolic. */
bool job_file_link(struct random *random)
{
	for (int i = 0; i < 25; i++) {
		char name[32], target[32];
		ssize_t length;

		snprintf(name, sizeof(name), "link-%u", (unsigned int)random_below(random, 1000000));
		if (link(DATA_NAME, name) || !links_are(2) || rename(name, SCRATCH) || unlink(SCRATCH) || !links_are(1) ||
		    symlink(DATA_NAME, name))
			return false;
		length = readlink(name, target, sizeof(target));
		if (length != (ssize_t)strlen(DATA_NAME) || memcmp(target, DATA_NAME, length) ||
		    !size_is(name, DATA_BLOCKS * BLOCK) || unlink(name))
			return false;
	}
	return true;
}

bool job_dir_make(struct random *random)
{
	char before[4096], now[4096], name[32];

	snprintf(name, sizeof(name), "dir-%u", (unsigned int)random_below(random, 1000000));
	if (!getcwd(before, sizeof(before)))
		return false;
	for (int i = 0; i < 25; i++)
		if (mkdir(name, 0700) || chdir(name) || !getcwd(now, sizeof(now)) || strcmp(strrchr(now, '/') + 1, name) ||
		    chdir("..") || rmdir(name))
			return false;
	return getcwd(now, sizeof(now)) && !strcmp(before, now);
}

/* The folder's entries but . and .., or -1. */
static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* Walks the whole tree, then looks for some leaves by name, present and missing ones. */
bool job_dir_search(struct random *random)
{
	char path[64];

	if (entries(TREE_NAME) != TREE_WIDTH)
		return false;
	for (int i = 0; i < TREE_WIDTH * TREE_WIDTH; i++) {
		snprintf(path, sizeof(path), TREE_NAME "/dir-%d/dir-%d", i / TREE_WIDTH, i % TREE_WIDTH);
		if (entries(path) != TREE_WIDTH)
			return false;
	}
	for (int i = 0; i < 40; i++) {
		int leaf = random_below(random, 2 * TREE_WIDTH), dir = random_below(random, TREE_WIDTH * TREE_WIDTH);

		snprintf(path, sizeof(path), TREE_NAME "/dir-%d/dir-%d/leaf-%d", dir / TREE_WIDTH, dir % TREE_WIDTH, leaf);
		if (size_is(path, 0) != (leaf < TREE_WIDTH))
			return false;
	}
	return true;
}
