// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs that only compute. Each result is checked in a second way: by a law of arithmetic, a known number or the way back. The numbers
 * come from @random, so the compiler cannot compute anything in advance.
 */
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

/* Fibonacci's sequence by adding, and by F(m+n) = F(m)F(n+1) + F(m-1)F(n), all modulo 2^64. */
bool job_add_int(struct random *random)
{
	uint64_t a = 0, b = 1, half_a = 0, half_b = 1;
	unsigned int half = 40000 + random_below(random, 64);

	for (unsigned int i = 0; i < 2 * half; i++) {
		uint64_t next = a + b;

		a = b;
		b = next;
		if (i == half - 1) {
			half_a = a;
			half_b = b;
		}
	}
	return a == half_a * (2 * half_b - half_a);
}

static uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t modulus)
{
	uint64_t result = 1;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			result = result * base % modulus;
		base = base * base % modulus;
	}
	return result;
}

/* Fermat: a^(p-1) is 1 modulo a prime. */
bool job_mul_int(struct random *random)
{
	const uint64_t prime = 4294967291;

	for (int i = 0; i < 700; i++)
		if (power_mod(1 + random_below(random, prime - 1), prime - 1, prime) != 1)
			return false;
	return true;
}

/* Euclid: the divisor that two numbers were given divides what he finds. */
bool job_div_int(struct random *random)
{
	for (int i = 0; i < 1500; i++) {
		uint64_t common = 1 + random_below(random, 1 << 20);
		uint64_t a = common * (1 + random_below(random, 1 << 30)), b = common * (1 + random_below(random, 1 << 30));

		while (b) {
			uint64_t rest = a - a / b * b;

			a = b;
			b = rest;
		}
		if (!a || a % common)
			return false;
	}
	return true;
}

/* An arithmetic progression of numbers that a double holds exactly. */
bool job_add_double(struct random *random)
{
	unsigned int count = 100000 + random_below(random, 64);
	double step = 1 + random_below(random, 1000), sum = 0, term = 0;

	for (unsigned int i = 0; i < count; i++) {
		sum += term;
		term += step;
	}
	return sum == step * count * (count - 1.0) / 2;
}

/* Growth by a small rate, many times, is the exponential function. */
bool job_mul_double(struct random *random)
{
	unsigned int count = 120000 + random_below(random, 64);
	double rate = 1e-6 * (1 + random_below(random, 9)), product = 1;

	for (unsigned int i = 0; i < count; i++)
		product *= 1 + rate;
	return near(product, exp(count * log1p(rate)));
}

/* The continued fraction of a square root: x = n + (a - n^2) / (n + x). */
bool job_div_double(struct random *random)
{
	for (int i = 0; i < 2500; i++) {
		double a = 2 + random_below(random, 1000), whole = floor(sqrt(a)), x = whole;

		for (int j = 0; j < 30; j++)
			x = whole + (a - whole * whole) / (whole + x);
		if (!near(x * x, a))
			return false;
	}
	return true;
}

/* Cube roots. */
bool job_newton(struct random *random)
{
	for (int i = 0; i < 2000; i++) {
		double a = 1 + random_below(random, 1 << 20), x = a, before;

		do {
			before = x;
			x -= (x * x * x - a) / (3 * x * x);
		} while (fabs(x - before) > 1e-12 * before);
		if (!near(x * x * x, a))
			return false;
	}
	return true;
}

static double exp_series(double x)
{
	double sum = 1, term = 1;

	for (int i = 1; i < 40; i++) {
		term *= x / i;
		sum += term;
	}
	return sum;
}

/* The series of e^x, at x and -x. */
bool job_series(struct random *random)
{
	for (int i = 0; i < 1500; i++) {
		double x = random_below(random, 4000) / 1000.0;

		if (!near(exp_series(x) * exp_series(-x), 1))
			return false;
	}
	return true;
}

/* The angle comes back from its tangent. */
bool job_trig(struct random *random)
{
	for (int i = 0; i < 2000; i++) {
		double angle = random_below(random, 1500000) / 1e6, s = sin(angle), c = cos(angle);

		if (!near(s * s + c * c, 1) || !near(atan(s / c), angle))
			return false;
	}
	return true;
}

#define ORDER	36

/* (A B) v = A (B v). */
bool job_matrix(struct random *random)
{
	static uint64_t a[ORDER][ORDER], b[ORDER][ORDER], ab[ORDER][ORDER];
	uint64_t v[ORDER], bv[ORDER] = { 0 };

	for (int i = 0; i < ORDER; i++) {
		v[i] = random_next(random);
		for (int j = 0; j < ORDER; j++) {
			a[i][j] = random_next(random);
			b[i][j] = random_next(random);
			ab[i][j] = 0;
		}
	}
	for (int i = 0; i < ORDER; i++)
		for (int j = 0; j < ORDER; j++) {
			bv[i] += b[i][j] * v[j];
			for (int k = 0; k < ORDER; k++)
				ab[i][j] += a[i][k] * b[k][j];
		}
	for (int i = 0; i < ORDER; i++) {
		uint64_t one = 0, other = 0;

		for (int j = 0; j < ORDER; j++) {
			one += ab[i][j] * v[j];
			other += a[i][j] * bv[j];
		}
		if (one != other)
			return false;
	}
	return true;
}

#define SIDE		32
#define CUBE		(SIDE * SIDE * SIDE)
#define AT(x, y, z)	(((x) * SIDE + (y)) * SIDE + (z))

/* Turns a cube of numbers; three times are once around. */
bool job_array(struct random *random)
{
	static uint32_t cube[CUBE], turned[CUBE];
	uint64_t seed = random_next(random);
	struct random numbers = { seed };

	for (int i = 0; i < CUBE; i++)
		cube[i] = random_next(&numbers);
	for (int turn = 0; turn < 3; turn++) {
		for (int x = 0; x < SIDE; x++)
			for (int y = 0; y < SIDE; y++)
				for (int z = 0; z < SIDE; z++)
					turned[AT(y, z, x)] = cube[AT(x, y, z)];
		memcpy(cube, turned, sizeof(cube));
	}
	numbers.state = seed;
	for (int i = 0; i < CUBE; i++)
		if (cube[i] != (uint32_t)random_next(&numbers))
			return false;
	return true;
}

#define SIEVE_SIZE	30000
#define SIEVE_PRIMES	3245	/* primes below that */

/* Eratosthenes; the table begins somewhere else each time. */
bool job_sieve(struct random *random)
{
	static char table[SIEVE_SIZE + 64];
	char *composite = table + random_below(random, 64);
	unsigned int primes = 0;

	memset(composite, 0, SIEVE_SIZE);
	for (unsigned int i = 2; i < SIEVE_SIZE; i++) {
		if (composite[i])
			continue;
		primes++;
		for (unsigned int j = 2 * i; j < SIEVE_SIZE; j += i)
			composite[j] = 1;
	}
	return primes == SIEVE_PRIMES;
}

#define SORT_COUNT	3000

static void sort_range(uint32_t *numbers, int first, int last)
{
	while (first < last) {
		uint32_t pivot = numbers[first + (last - first) / 2];
		int i = first - 1, j = last + 1;

		for (;;) {
			while (numbers[++i] < pivot)
				;
			while (numbers[--j] > pivot)
				;
			if (i >= j)
				break;
			uint32_t swap = numbers[i];

			numbers[i] = numbers[j];
			numbers[j] = swap;
		}
		sort_range(numbers, first, j);
		first = j + 1;
	}
}

/* In order afterwards, and still the same numbers: their sum and their exclusive or. */
bool job_sort(struct random *random)
{
	static uint32_t numbers[SORT_COUNT];
	uint64_t sum = 0, xor = 0;

	for (int i = 0; i < SORT_COUNT; i++) {
		numbers[i] = random_next(random);
		sum += numbers[i];
		xor ^= numbers[i];
	}
	sort_range(numbers, 0, SORT_COUNT - 1);
	for (int i = 0; i < SORT_COUNT; i++) {
		if (i && numbers[i - 1] > numbers[i])
			return false;
		sum -= numbers[i];
		xor ^= numbers[i];
	}
	return !sum && !xor;
}

struct item {
	struct item *next;
	uint64_t value;
	char fill[];
};

/* A list of pieces of all sizes from malloc, turned around and given back. */
bool job_lists(struct random *random)
{
	struct item *list = NULL, *turned = NULL;
	uint64_t value = random_next(random);
	const int count = 1500;
	bool good = true;

	for (int i = 0; i < count; i++) {
		size_t size = 1 + random_below(random, 500);
		struct item *item = malloc(sizeof(*item) + size);

		if (!item)
			return false;
		item->value = value + i;
		item->fill[size - 1] = i;
		item->next = list;
		list = item;
	}
	while (list) {
		struct item *item = list;

		list = item->next;
		item->next = turned;
		turned = item;
	}
	for (int i = 0; turned; i++) {
		struct item *item = turned;

		good = good && i < count && item->value == value + i;
		turned = item->next;
		free(item);
		if (i == count - 1)
			good = good && !turned;
	}
	return good;
}

/* Puts words together and finds each of them again. */
bool job_strings(struct random *random)
{
	for (int round = 0; round < 25; round++) {
		char text[1024] = "", word[16], copy[1024];
		int at[50];

		for (int i = 0; i < 50; i++) {
			int length = 3 + random_below(random, 9);

			word[0] = ' ';
			for (int j = 1; j < length; j++)
				word[j] = 'a' + random_below(random, 26);
			word[length] = 0;
			at[i] = strlen(text);
			strcat(text, word);
		}
		strcpy(copy, text);
		for (int i = 0; i < 50; i++) {
			int end = i < 49 ? at[i + 1] : (int)strlen(text);
			char *found;

			copy[end] = 0;
			found = strstr(text, copy + at[i]);
			if (strrchr(copy, ' ') != copy + at[i] || !found || found > text + at[i])
				return false;
			strcpy(copy, text);
		}
	}
	return true;
}

#define COPY_WORDS	(16 << 10)

/* Copies memory to and fro, at odd distances. */
bool job_copy(struct random *random)
{
	static uint64_t from[COPY_WORDS], to[COPY_WORDS + 1];
	uint64_t seed = random_next(random), sum = 0;

	for (int i = 0; i < COPY_WORDS; i++) {
		from[i] = seed * i;
		sum += from[i];
	}
	for (int round = 0; round < 4; round++) {
		char *target = (char *)to + random_below(random, 8);

		memcpy(target, from, sizeof(from));
		memset(from, 0, sizeof(from));
		memmove(from, target, sizeof(from));
		for (int i = 0; i < COPY_WORDS; i += 64)
			if (from[i] != seed * i)
				return false;
	}
	for (int i = 0; i < COPY_WORDS; i++)
		sum -= from[i];
	return !sum;
}

static __attribute__((noinline)) unsigned int ackermann(unsigned int m, unsigned int n)
{
	if (!m)
		return n + 1;
	return n ? ackermann(m - 1, ackermann(m, n - 1)) : ackermann(m - 1, 1);
}

/* Returns its depth, or jumps. */
static __attribute__((noinline)) int fall(jmp_buf *back, int depth)
{
	if (depth)
		return fall(back, depth - 1) + 1;
	if (back)
		longjmp(*back, 1);
	return 0;
}

/* Deep calls, and jumps out of every second one. */
bool job_calls(struct random *random)
{
	volatile int landed = 0;

	for (volatile int i = 0; i < 2000; i++) {
		volatile int depth = random_below(random, 60);
		jmp_buf back;

		if (setjmp(back))
			landed++;
		else if (fall(i % 2 ? &back : NULL, depth) != depth)
			return false;
	}
	return landed == 1000 && ackermann(2, 60) == 2 * 60 + 3;
}
