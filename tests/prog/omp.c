// SPDX-License-Identifier: GPL-2.0
/*
 * OpenMP: one thread per core of the affinity mask; a reduction, a parallel loop, tasks, a critical section.
 * omp [THREADS]: how many there must be. Tells on standard error which CPUs they ran on.
 */
#include <omp.h>
#include <sched.h>

#include "say.h"

static long tasks(int n)
{
	long a, b;

	if (n < 2)
		return n;
	#pragma omp task shared(a) if (n > 8)
	a = tasks(n - 1);
	#pragma omp task shared(b) if (n > 8)
	b = tasks(n - 2);
	#pragma omp taskwait
	return a + b;
}

int main(int argc, char **argv)
{
	static int cpu[1024], array[100000];
	cpu_set_t set;
	long i, sum = 0, inside = 0, fibonacci = 0, used = 0;
	int threads = 0, distinct = 1, j, k;

	sched_getaffinity(0, sizeof(set), &set);
	ok("as many threads as CPUs", omp_get_max_threads() == CPU_COUNT(&set));
	#pragma omp parallel
	{
		#pragma omp master
		threads = omp_get_num_threads();
		cpu[omp_get_thread_num()] = sched_getcpu();
	}
	for (j = 0; j < threads; j++) {
		used += CPU_ISSET(cpu[j], &set) != 0;
		for (k = 0; k < j; k++)
			distinct &= cpu[j] != cpu[k];
		fprintf(stderr, "thread %d on CPU %d\n", j, cpu[j]);
	}
	ok("on CPUs of the mask", used == threads);
	if (argc > 1) {
		ok("one thread per CPU", distinct);
		ok("threads", threads == atoi(argv[1]));
	}
	#pragma omp parallel for reduction(+:sum) schedule(dynamic, 100)
	for (i = 0; i < 100000; i++) {
		array[i] = i & 7;
		sum += i;
	}
	say("sum", sum);
	#pragma omp parallel for
	for (i = 0; i < 1000; i++) {
		#pragma omp critical
		inside += array[i];
	}
	say("critical", inside);
	#pragma omp parallel
	#pragma omp single
	fibonacci = tasks(14);
	say("tasks", fibonacci);
	return 0;
}
