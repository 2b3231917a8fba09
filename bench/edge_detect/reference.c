// SPDX-License-Identifier: GPL-2.0
/*
 * The same computation a second time, for the tests: one thread, one pixel at a
 * time, no padding, no strips, and hysteresis by sweeping over the picture until
 * nothing changes.  Slow and plain, so that it can be seen to be right.
 *
 *	reference METHOD LOW HIGH COPIES < PGM     prints the checksum
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 2048

enum { WEAK = -1, EDGE = 255 };

static int width, height;
static int source[MAX_SIDE][MAX_SIDE];
static int smooth_x[MAX_SIDE][MAX_SIDE];
static int smooth[MAX_SIDE][MAX_SIDE];
static int gradient_x[MAX_SIDE][MAX_SIDE];
static int gradient_y[MAX_SIDE][MAX_SIDE];
static int edges[MAX_SIDE][MAX_SIDE];

static int clamp(int value, int count)
{
	return value < 0 ? 0 : value < count ? value : count - 1;
}

static int at(int plane[][MAX_SIDE], int x, int y)
{
	return plane[clamp(y, height)][clamp(x, width)];
}

static void read_source(int copies)
{
	int w, h;

	if (scanf("P5 %d %d 255%*c", &w, &h) != 2 ||
	    w * copies > MAX_SIDE || h * copies > MAX_SIDE)
		exit(EXIT_FAILURE);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			source[y][x] = getchar();
	width = w * copies;
	height = h * copies;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			source[y][x] = source[y % h][x % w];
}

static void find_gradient(int plane[][MAX_SIDE])
{
	static const int weight[] = { 1, 2, 1 };

	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			int gx = 0, gy = 0;

			for (int i = -1; i <= 1; i++) {
				gx += weight[i + 1] * (at(plane, x + 1, y + i) -
						       at(plane, x - 1, y + i));
				gy += weight[i + 1] * (at(plane, x + i, y + 1) -
						       at(plane, x + i, y - 1));
			}
			gradient_x[y][x] = gx;
			gradient_y[y][x] = gy;
		}
	}
}

static void find_smooth(void)
{
	static const int weight[] = { 7, 27, 57, 74, 57, 27, 7 };

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			for (int i = -3; i <= 3; i++)
				smooth_x[y][x] += weight[i + 3] *
						  at(source, x + i, y);
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			for (int i = -3; i <= 3; i++)
				smooth[y][x] += weight[i + 3] *
						at(smooth_x, x, y + i);
			smooth[y][x] /= 4096;
		}
	}
}

static long strength(int x, int y)
{
	if (x < 0 || y < 0 || x >= width || y >= height)
		return 0;
	return (long)gradient_x[y][x] * gradient_x[y][x] +
	       (long)gradient_y[y][x] * gradient_y[y][x];
}

/* Whether no neighbour on the line of the gradient is stronger. */
static bool is_peak(int x, int y)
{
	int gx = gradient_x[y][x], gy = gradient_y[y][x];
	int dx = 1, dy = 0;

	if (256 * abs(gx) <= 106 * abs(gy)) {
		dx = 0;
		dy = 1;
	} else if (256 * abs(gy) > 106 * abs(gx)) {
		dx = (gx < 0) == (gy < 0) ? 1 : -1;
		dy = 1;
	}
	return strength(x, y) > strength(x - dx, y - dy) &&
	       strength(x, y) >= strength(x + dx, y + dy);
}

static bool touches_edge(int x, int y)
{
	for (int j = y - 1; j <= y + 1; j++)
		for (int i = x - 1; i <= x + 1; i++)
			if (i >= 0 && j >= 0 && i < width && j < height &&
			    edges[j][i] == EDGE)
				return true;
	return false;
}

static void link_edges(void)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (int y = 0; y < height; y++) {
			for (int x = 0; x < width; x++) {
				if (edges[y][x] == WEAK && touches_edge(x, y)) {
					edges[y][x] = EDGE;
					changed = true;
				}
			}
		}
	}
}

static void canny(long low, long high)
{
	find_smooth();
	find_gradient(smooth);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			if (is_peak(x, y) && strength(x, y) >= low * low * 256)
				edges[y][x] = strength(x, y) >=
					      high * high * 256 ? EDGE : WEAK;
	link_edges();
}

static void sobel(void)
{
	find_gradient(source);
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			int length = sqrt(strength(x, y));

			edges[y][x] = length < 255 ? length : 255;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t sum = 0xcbf29ce484222325;

	if (argc != 5)
		return EXIT_FAILURE;
	read_source(atoi(argv[4]));
	if (!strcmp(argv[1], "sobel"))
		sobel();
	else
		canny(atol(argv[2]), atol(argv[3]));
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			sum = (sum ^ (edges[y][x] == WEAK ? 0 : edges[y][x])) *
			      0x100000001b3;
	printf("%016" PRIx64 "\n", sum);
	return EXIT_SUCCESS;
}
