// SPDX-License-Identifier: GPL-2.0
/*
 * Makes, touches and sums up the planes of planes.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "planes.h"

#define BORDER_ROWS	4u	/* per thread: first and last row, twice */

void planes_shape(struct planes *planes, const struct image *image,
		  uint32_t copies)
{
	uint64_t width = (uint64_t)image->width * copies;
	uint64_t height = (uint64_t)image->height * copies;
	uint64_t stride = (width + 2 * PAD + STRIDE_MULTIPLE - 1) /
			  STRIDE_MULTIPLE * STRIDE_MULTIPLE;

	if (stride > INT32_MAX || height > UINT32_MAX / stride)
		fail("--tile %" PRIu32 " makes %" PRIu64 " x %" PRIu64
		     " pixels, more than 2^32; choose a smaller N",
		     copies, width, height);
	planes->width = width;
	planes->height = height;
	planes->stride = stride;
}

static void *plane_allocate(const struct planes *planes, size_t rows,
			    size_t element_size)
{
	size_t size = rows * planes->stride * element_size;
	void *plane = aligned_alloc(STRIDE_MULTIPLE, size);

	if (!plane)
		fail("not enough memory for %" PRIu32 " x %" PRIu32
		     " pixels; choose a smaller picture or --tile",
		     planes->width, planes->height);
	return plane;
}

void planes_allocate(struct planes *planes, unsigned int threads)
{
	size_t rows = planes->height;

	planes->source = plane_allocate(planes, rows, sizeof(uint8_t));
	planes->smooth_x = plane_allocate(planes, rows, sizeof(uint16_t));
	planes->smooth = plane_allocate(planes, rows, sizeof(uint16_t));
	planes->strength = plane_allocate(planes, rows, sizeof(uint32_t));
	planes->sector = plane_allocate(planes, rows, sizeof(uint8_t));
	planes->edges = plane_allocate(planes, rows, sizeof(uint8_t));
	planes->zeros = plane_allocate(planes, 1, sizeof(uint32_t));
	planes->borders = plane_allocate(planes, (size_t)threads * BORDER_ROWS,
					 sizeof(uint8_t));
}

/* Strips differ by one row at most, and empty ones come last. */
struct strip strip_of(uint32_t height, unsigned int index, unsigned int count)
{
	uint32_t rows = height / count;
	uint32_t larger = height % count;
	struct strip strip = { .index = index, .count = count };

	strip.first = index * rows + (index < larger ? index : larger);
	strip.end = strip.first + rows + (index < larger);
	return strip;
}

static void fill_source_row(const struct planes *planes, uint32_t row,
			    const struct image *image)
{
	uint8_t *to = planes->source + plane_index(planes, row);
	const uint8_t *from = image->pixels +
			      (size_t)(row % image->height) * image->width;

	for (uint32_t x = 0; x < planes->width; x += image->width)
		memcpy(to + x, from, image->width);
	memset(to - PAD, to[0], PAD);
	memset(to + planes->width, to[planes->width - 1], PAD);
}

void planes_prepare(const struct planes *planes, struct strip strip,
		    const struct image *image)
{
	size_t start = (size_t)strip.first * planes->stride;
	size_t count = (size_t)(strip.end - strip.first) * planes->stride;
	size_t border = (size_t)BORDER_ROWS * planes->stride;

	memset(planes->source + start, 0, count * sizeof(*planes->source));
	memset(planes->smooth_x + start, 0, count * sizeof(*planes->smooth_x));
	memset(planes->smooth + start, 0, count * sizeof(*planes->smooth));
	memset(planes->strength + start, 0, count * sizeof(*planes->strength));
	memset(planes->sector + start, 0, count * sizeof(*planes->sector));
	memset(planes->edges + start, 0, count * sizeof(*planes->edges));
	memset(planes->borders + strip.index * border, 0, border);
	if (strip.index == 0)
		memset(planes->zeros, 0,
		       planes->stride * sizeof(*planes->zeros));
	for (uint32_t row = strip.first; row < strip.end; row++)
		fill_source_row(planes, row, image);
}

/* FNV-1a over the result, row by row: the order of threads has no say. */
uint64_t planes_checksum(const struct planes *planes)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (uint32_t row = 0; row < planes->height; row++) {
		const uint8_t *edges = planes->edges + plane_index(planes, row);

		for (uint32_t x = 0; x < planes->width; x++)
			sum = (sum ^ edges[x]) * 0x100000001b3;
	}
	return sum;
}
