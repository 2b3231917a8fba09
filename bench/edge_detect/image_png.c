// SPDX-License-Identifier: GPL-2.0
/*
 * PNG in and out by libpng.  All kinds of PNG come in as grey or RGB of 8 bits;
 * transparency is ignored.  libpng's way to report an error is a function that
 * must not return, and ours ends the program.
 */
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

static void on_read_error(png_structp png, png_const_charp message)
{
	const char *path = png_get_error_ptr(png);

	fail("%s is a corrupt PNG file: %s", path, message);
}

/* Odd but readable files are read without a word. */
static void on_warning(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void read_bytes(png_structp png, png_bytep data, png_size_t length)
{
	FILE *file = png_get_io_ptr(png);

	if (fread(data, 1, length, file) == length)
		return;
	png_error(png, ferror(file) ? strerror(errno) : "it ends too early");
}

/* Asks libpng to deliver nothing but grey or RGB of 8 bits. */
static void normalise(png_structp png, png_infop info)
{
	png_set_expand(png);
	png_set_scale_16(png);
	png_set_strip_alpha(png);
	png_set_interlace_handling(png);
	png_read_update_info(png, info);
}

void image_read_png(FILE *file, const char *path, struct raw_image *raw)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING,
						 (void *)path, on_read_error,
						 on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	png_bytepp rows;

	if (!info)
		fail("not enough memory to read %s", path);
	png_set_read_fn(png, file, read_bytes);
	png_read_info(png, info);
	normalise(png, info);
	raw->width = png_get_image_width(png, info);
	raw->height = png_get_image_height(png, info);
	raw->channels = png_get_channels(png, info);
	raw_image_allocate(raw, path);

	rows = malloc(raw->height * sizeof(*rows));
	if (!rows)
		fail("not enough memory to read %s", path);
	for (uint32_t y = 0; y < raw->height; y++)
		rows[y] = raw->samples +
			  (size_t)y * raw->width * raw->channels;
	png_read_image(png, rows);
	png_read_end(png, NULL);
	free(rows);
	png_destroy_read_struct(&png, &info, NULL);
}

/* Leaves no half-written picture behind, but never removes /dev/full. */
static void write_failed(FILE *file, const char *path, const char *reason)
{
	struct stat status;

	if (!fstat(fileno(file), &status) && S_ISREG(status.st_mode))
		unlink(path);
	fail("cannot write %s: %s", path, reason);
}

struct output {
	FILE *file;
	const char *path;
};

static void on_write_error(png_structp png, png_const_charp message)
{
	struct output *output = png_get_error_ptr(png);

	write_failed(output->file, output->path, message);
	abort();	/* not reached; libpng wants a function without return */
}

static void write_bytes(png_structp png, png_bytep data, png_size_t length)
{
	FILE *file = png_get_io_ptr(png);

	if (fwrite(data, 1, length, file) != length)
		png_error(png, strerror(errno));
}

void image_write_png(FILE *file, const char *path, const struct image *image,
		     uint32_t stride)
{
	struct output output = { .file = file, .path = path };
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING,
						  &output, on_write_error,
						  on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	if (!info)
		write_failed(file, path, "not enough memory");
	png_set_write_fn(png, file, write_bytes, NULL);
	png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
	png_set_IHDR(png, info, image->width, image->height, 8,
		     PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (uint32_t y = 0; y < image->height; y++)
		png_write_row(png, image->pixels + (size_t)y * stride);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	if (fflush(file))
		write_failed(file, path, strerror(errno));
	if (fclose(file))
		fail("cannot write %s: %s", path, strerror(errno));
}
