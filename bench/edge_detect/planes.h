/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pictures between the steps of the computation, and how threads share
 * them out.
 *
 * Every plane has the same shape: `height` rows of `stride` elements, of which
 * `width` are the picture and at least PAD on either side are padding, so that
 * a filter may look a few pixels to the left and right of its row without
 * asking where it is.  Above the first row and below the last one there is
 * nothing; filters repeat the outermost row instead.
 *
 *	|<- PAD ->|<----- width ----->|<- PAD or more ->|
 *	          ^ element plane_index(planes, row)
 *
 * A thread owns a *strip*, a contiguous run of rows, and writes to no other
 * row of any plane.  In one step it reads only what was complete at the barrier
 * before that step.  That, and whole numbers, make the result the same for any
 * number of threads.
 *
 * All memory is allocated by planes_allocate() and touched by planes_prepare(),
 * each row by the thread that will work on it, so that the steps themselves need
 * nothing from any kernel.
 */
#ifndef EDGE_DETECT_PLANES_H
#define EDGE_DETECT_PLANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define PAD		8u
#define STRIDE_MULTIPLE	64u	/* strips do not share cache lines */

struct planes {
	uint32_t width;
	uint32_t height;
	uint32_t stride;
	uint8_t *source;	/* the grey picture, N by N copies */
	uint16_t *smooth_x;	/* smoothed along rows, times 256 */
	uint16_t *smooth;	/* smoothed both ways, times 16 */
	uint32_t *strength;	/* squared length of the gradient */
	uint8_t *sector;	/* direction of the gradient, enum sector */
	uint8_t *edges;		/* the result */
	uint32_t *zeros;	/* one row: the strength outside the picture */
	uint8_t *borders;	/* rows that strips show to their neighbours */
	uint32_t weak;		/* thresholds of Canny, in units of strength */
	uint32_t strong;
};

/* Thread `index` of `count`; rows first to end - 1; maybe none. */
struct strip {
	uint32_t first;
	uint32_t end;
	unsigned int index;
	unsigned int count;
};

static inline size_t plane_index(const struct planes *planes, uint32_t row)
{
	return (size_t)row * planes->stride + PAD;
}

/* The row `offset` rows from `row`, or the outermost one on that side. */
static inline uint32_t row_near(const struct planes *planes, uint32_t row,
				int offset)
{
	int64_t wanted = (int64_t)row + offset;

	if (wanted < 0)
		return 0;
	return wanted < planes->height ? wanted : planes->height - 1;
}

/*
 * The shape for `copies` by `copies` pictures.  The program ends if that is
 * more than 2^32 - 1 elements, since the edge follower keeps 32-bit indices.
 */
void planes_shape(struct planes *planes, const struct image *image,
		  uint32_t copies);
void planes_allocate(struct planes *planes, unsigned int threads);
struct strip strip_of(uint32_t height, unsigned int index, unsigned int count);
void planes_prepare(const struct planes *planes, struct strip strip,
		    const struct image *image);
uint64_t planes_checksum(const struct planes *planes);

#endif
