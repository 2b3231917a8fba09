// SPDX-License-Identifier: GPL-2.0
/*
 * Sobel, and the first four steps of Canny: smoothing by a Gaussian of standard
 * deviation 1.4, the gradient, and thinning (non-maximum suppression) with two
 * planes->  All in whole numbers, except for one correctly rounded square
 * root, so every compiler and every processor gives the same bits.
 */
#include <math.h>
#include <string.h>

#include "steps.h"

/* exp(-x*x / (2 * 1.4 * 1.4)) for x = 0..3, scaled: the seven add up to 256. */
enum { G0 = 74, G1 = 57, G2 = 27, G3 = 7 };

/* tan(22.5 degrees) in 1/256: where one sector of the gradient ends. */
enum { TAN_22_5 = 106 };

/* The Sobel gradient from the rows above, at and below, in both directions. */
#define SOBEL_X(a, c, b, x) \
	((a)[(x) + 1] - (a)[(x) - 1] + (b)[(x) + 1] - (b)[(x) - 1] + \
	 2 * ((c)[(x) + 1] - (c)[(x) - 1]))
#define SOBEL_Y(a, b, x) \
	((b)[(x) - 1] - (a)[(x) - 1] + (b)[(x) + 1] - (a)[(x) + 1] + \
	 2 * ((b)[x] - (a)[x]))

static void sobel_row(const struct planes *planes, uint32_t row)
{
	const uint8_t *source = planes->source;
	const uint8_t *above = source +
		plane_index(planes, row_near(planes, row, -1));
	const uint8_t *at = source + plane_index(planes, row);
	const uint8_t *below = source +
		plane_index(planes, row_near(planes, row, 1));
	uint8_t *edges = planes->edges + plane_index(planes, row);
	int width = planes->width;

	for (int x = 0; x < width; x++) {
		int gx = SOBEL_X(above, at, below, x);
		int gy = SOBEL_Y(above, below, x);
		/* Below 2^24, so the conversion to float is exact. */
		int length = sqrtf(gx * gx + gy * gy);

		edges[x] = length < 255 ? length : 255;
	}
}

void step_sobel(const struct planes *planes, struct strip strip)
{
	for (uint32_t row = strip.first; row < strip.end; row++)
		sobel_row(planes, row);
}

void step_smooth_x(const struct planes *planes, struct strip strip)
{
	int width = planes->width;

	for (uint32_t row = strip.first; row < strip.end; row++) {
		size_t start = plane_index(planes, row);
		const uint8_t *in = planes->source + start;
		uint16_t *out = planes->smooth_x + start;

		for (int x = 0; x < width; x++)
			out[x] = G0 * in[x] + G1 * (in[x - 1] + in[x + 1]) +
				 G2 * (in[x - 2] + in[x + 2]) +
				 G3 * (in[x - 3] + in[x + 3]);
	}
}

static void smooth_y_row(const struct planes *planes, uint32_t row)
{
	const uint16_t *in[7];
	uint16_t *out = planes->smooth + plane_index(planes, row);
	int width = planes->width;

	for (int i = 0; i < 7; i++)
		in[i] = planes->smooth_x +
			plane_index(planes, row_near(planes, row, i - 3));
	for (int x = 0; x < width; x++) {
		uint32_t sum = G0 * in[3][x] + G1 * (in[2][x] + in[4][x]) +
			       G2 * (in[1][x] + in[5][x]) +
			       G3 * (in[0][x] + in[6][x]);

		out[x] = sum >> 12;
	}
	out[-1] = out[0];
	out[width] = out[width - 1];
}

void step_smooth_y(const struct planes *planes, struct strip strip)
{
	for (uint32_t row = strip.first; row < strip.end; row++)
		smooth_y_row(planes, row);
}

static enum sector sector_of(int gx, int gy)
{
	int x = gx < 0 ? -gx : gx;
	int y = gy < 0 ? -gy : gy;

	if (256 * y <= TAN_22_5 * x)
		return ALONG_X;
	if (256 * x <= TAN_22_5 * y)
		return ALONG_Y;
	return (gx < 0) == (gy < 0) ? ALONG_DOWN : ALONG_UP;
}

static void gradient_row(const struct planes *planes, uint32_t row)
{
	const uint16_t *smooth = planes->smooth;
	const uint16_t *above = smooth +
		plane_index(planes, row_near(planes, row, -1));
	const uint16_t *at = smooth + plane_index(planes, row);
	const uint16_t *below = smooth +
		plane_index(planes, row_near(planes, row, 1));
	uint32_t *strength = planes->strength + plane_index(planes, row);
	uint8_t *sector = planes->sector + plane_index(planes, row);
	int width = planes->width;

	for (int x = 0; x < width; x++) {
		int gx = SOBEL_X(above, at, below, x);
		int gy = SOBEL_Y(above, below, x);

		strength[x] = gx * gx + gy * gy;
		sector[x] = sector_of(gx, gy);
	}
	/* The edge follower of an earlier repetition has used these. */
	strength[-1] = 0;
	strength[width] = 0;
}

void step_gradient(const struct planes *planes, struct strip strip)
{
	for (uint32_t row = strip.first; row < strip.end; row++)
		gradient_row(planes, row);
}

static const uint32_t *strength_row(const struct planes *planes, uint32_t row)
{
	if (row >= planes->height)	/* row 0 - 1 is a great number, too */
		return planes->zeros + PAD;
	return planes->strength + plane_index(planes, row);
}

/*
 * A pixel stays if neither neighbour on its gradient's line is stronger.  Of two
 * equal ones the first in reading order stays.
 */
static void thin_row(const struct planes *planes, uint32_t row)
{
	const uint32_t *above = strength_row(planes, row - 1);
	const uint32_t *at = strength_row(planes, row);
	const uint32_t *below = strength_row(planes, row + 1);
	const uint8_t *sector = planes->sector + plane_index(planes, row);
	uint8_t *edges = planes->edges + plane_index(planes, row);
	int width = planes->width;

	for (int x = 0; x < width; x++) {
		const uint32_t before[] = {
			[ALONG_X] = at[x - 1], [ALONG_DOWN] = above[x - 1],
			[ALONG_Y] = above[x], [ALONG_UP] = above[x + 1],
		};
		const uint32_t after[] = {
			[ALONG_X] = at[x + 1], [ALONG_DOWN] = below[x + 1],
			[ALONG_Y] = below[x], [ALONG_UP] = below[x - 1],
		};
		uint8_t value = NO_EDGE;

		if (at[x] >= planes->weak && at[x] > before[sector[x]] &&
		    at[x] >= after[sector[x]])
			value = at[x] >= planes->strong ? EDGE : WEAK_EDGE;
		edges[x] = value;
	}
}

void step_thin(const struct planes *planes, struct strip strip)
{
	for (uint32_t row = strip.first; row < strip.end; row++)
		thin_row(planes, row);
}
