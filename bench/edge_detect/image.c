// SPDX-License-Identifier: GPL-2.0
/*
 * Opens picture files, recognises the format, and turns what the decoders of
 * the neighbouring files deliver into grey.  The grey of a colour is computed
 * here in whole numbers and not by the libraries, so that the same colours give
 * the same grey out of any format.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

#define MAX_SIDE	1000000u
#define FILE_BUFFER	(256 * 1024)

/* One file is open at a time; big pieces keep the number of calls small. */
static char file_buffer[FILE_BUFFER];

void fail(const char *format, ...)
{
	va_list args;

	fputs("edge_detect: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void raw_image_allocate(struct raw_image *raw, const char *path)
{
	if (!raw->width || !raw->height)
		fail("%s: the picture has no pixels", path);
	if (raw->width > MAX_SIDE || raw->height > MAX_SIDE)
		fail("%s: %u x %u pixels are too many; the limit is %u each way",
		     path, raw->width, raw->height, MAX_SIDE);
	raw->samples = malloc((size_t)raw->width * raw->height * raw->channels);
	if (!raw->samples)
		fail("%s: not enough memory for %u x %u pixels", path,
		     raw->width, raw->height);
}

/* Rec. 601 weights in 1/256; they add up to 256, so white stays white. */
static uint8_t grey_of(const uint8_t *rgb)
{
	return (77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2] + 128) >> 8;
}

/* In place: a grey pixel never lies behind the colours it is made of. */
static struct image image_from_raw(const struct raw_image *raw)
{
	size_t count = (size_t)raw->width * raw->height;
	struct image image = {
		.width = raw->width,
		.height = raw->height,
		.pixels = raw->samples,
	};

	if (raw->channels == 3)
		for (size_t i = 0; i < count; i++)
			image.pixels[i] = grey_of(&raw->samples[3 * i]);
	return image;
}

static void decode(FILE *file, const char *path, struct raw_image *raw)
{
	static const uint8_t png_magic[] = { 0x89, 'P', 'N', 'G' };
	static const uint8_t jpeg_magic[] = { 0xff, 0xd8, 0xff };
	uint8_t magic[4] = { 0 };
	size_t length;

	length = fread(magic, 1, sizeof(magic), file);
	if (ferror(file))
		fail("cannot read %s: %s", path, strerror(errno));
	/* Not rewind(), so that pipes work; glibc takes back all of them. */
	for (size_t i = length; i > 0; i--)
		ungetc(magic[i - 1], file);
	if (!length)
		fail("%s is empty; give a PNG, JPEG or PNM picture", path);
	if (!memcmp(magic, png_magic, sizeof(png_magic)))
		image_read_png(file, path, raw);
	else if (!memcmp(magic, jpeg_magic, sizeof(jpeg_magic)))
		image_read_jpeg(file, path, raw);
	else if (magic[0] == 'P' && magic[1] >= '1' && magic[1] <= '6')
		image_read_pnm(file, path, raw);
	else
		fail("%s is not a picture that can be read; give PNG, JPEG or PNM",
		     path);
}

struct image image_read(const char *path)
{
	struct raw_image raw = { 0 };
	FILE *file = fopen(path, "rb");

	if (!file)
		fail("cannot open %s: %s", path, strerror(errno));
	setvbuf(file, file_buffer, _IOFBF, sizeof(file_buffer));
	decode(file, path, &raw);
	fclose(file);
	return image_from_raw(&raw);
}

FILE *image_create(const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file)
		fail("cannot create %s: %s", path, strerror(errno));
	setvbuf(file, file_buffer, _IOFBF, sizeof(file_buffer));
	return file;
}
