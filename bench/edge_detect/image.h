/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pictures in and out.  Whatever the format of the file, a picture that was
 * read is grey, 8 bits per pixel, rows without gaps.  Every function here ends
 * the program with one line on stderr and exit status 1 if it cannot do its
 * job (a missing, corrupt or too big file, no memory), so callers see success
 * only.
 */
#ifndef EDGE_DETECT_IMAGE_H
#define EDGE_DETECT_IMAGE_H

#include <stdint.h>
#include <stdio.h>

struct image {
	uint32_t width;
	uint32_t height;
	uint8_t *pixels;
};

/* Decoded samples as a file holds them; channels is 1 (grey) or 3 (RGB). */
struct raw_image {
	uint32_t width;
	uint32_t height;
	unsigned int channels;
	uint8_t *samples;
};

/* PNG, JPEG or PNM, told apart by the first bytes and not by the name. */
struct image image_read(const char *path);

/*
 * Opens early, so that a path that cannot be written is reported before hours
 * of work, and writes later.  A file that could not be written in full is
 * removed, unless it is a device.
 */
FILE *image_create(const char *path);
void image_write_png(FILE *file, const char *path, const struct image *image,
		     uint32_t stride);

void raw_image_allocate(struct raw_image *raw, const char *path);
void image_read_png(FILE *file, const char *path, struct raw_image *raw);
void image_read_jpeg(FILE *file, const char *path, struct raw_image *raw);
void image_read_pnm(FILE *file, const char *path, struct raw_image *raw);

/* One line "edge_detect: ..." on stderr and exit status 1. */
void fail(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif
