/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The jobs that a mix is made of. Each does a fixed amount of work, some hundred thousand instructions and some hundred calls at most,
 * with numbers that @random gives, leaves nothing behind, and returns whether all results were right. Jobs that need files work in the
 * current folder, which is the task's own and in which task.c has put the file and the tree named below.
 *
 * The list gives each job's class, by which the published mixes are told apart. Each job has a window (bench/icount/mark.h): the first
 * one plus its place in the list. run-mix reads this list as well.
 */
#ifndef AZALEA_JOBS_H
#define AZALEA_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#define FIRST_WINDOW_JOB	4096

#define JOBS(JOB)			\
	JOB(add_int, cpu)		\
	JOB(mul_int, cpu)		\
	JOB(div_int, cpu)		\
	JOB(add_double, cpu)		\
	JOB(mul_double, cpu)		\
	JOB(div_double, cpu)		\
	JOB(newton, cpu)		\
	JOB(series, cpu)		\
	JOB(trig, cpu)			\
	JOB(matrix, cpu)		\
	JOB(array, cpu)			\
	JOB(sieve, cpu)			\
	JOB(sort, cpu)			\
	JOB(lists, cpu)			\
	JOB(strings, cpu)		\
	JOB(copy, cpu)			\
	JOB(calls, cpu)			\
	JOB(brk, memory)		\
	JOB(pages, memory)		\
	JOB(file_create, file)		\
	JOB(file_write, file)		\
	JOB(file_read, file)		\
	JOB(file_random, file)		\
	JOB(file_copy, file)		\
	JOB(file_sync, file)		\
	JOB(file_link, file)		\
	JOB(dir_make, file)		\
	JOB(dir_search, file)		\
	JOB(tcp, network)		\
	JOB(udp, network)		\
	JOB(stream_pair, network)	\
	JOB(dgram_pair, network)	\
	JOB(pipe, other)		\
	JOB(shm, other)			\
	JOB(signal, other)		\
	JOB(ids, other)			\
	JOB(fork, process)		\
	JOB(exec, process)		\
	JOB(shell, process)

/* A generator of numbers that are the same in each run: Knuth's linear congruence, its weak low bits mixed with the high ones. */
struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	random->state = random->state * 6364136223846793005 + 1442695040888963407;
	return random->state ^ random->state >> 32;
}

/* A number below @limit. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
	return random_next(random) % limit;
}

#define JOB_DECLARE(name, class)	bool job_##name(struct random *random);
JOBS(JOB_DECLARE)

#define JOB_NUMBER(name, class)		JOB_##name,
enum { JOBS(JOB_NUMBER) JOB_COUNT };

extern const char *const job_names[JOB_COUNT];

/* What task.c prepares: the word at place i of the file is DATA_WORD(i); leaves of the tree are called leaf-N below dir-N/dir-N. */
#define DATA_NAME	"data"
#define DATA_WORDS	(32u << 10)
#define DATA_WORD(i)	((uint64_t)(i) * 0x9e3779b97f4a7c15 ^ (i))
#define BLOCK_WORDS	512u
#define TREE_NAME	"tree"
#define TREE_WIDTH	4

#endif
