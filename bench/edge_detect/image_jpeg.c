// SPDX-License-Identifier: GPL-2.0
/*
 * JPEG in, by libjpeg-turbo.  The library goes on after damage with a warning
 * and invents the missing pixels; here a warning is an error, because a picture
 * that was not read in full must not pass for one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>

#include "image.h"

struct reader {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	const char *path;
};

static void on_error(j_common_ptr jpeg)
{
	struct reader *reader = jpeg->client_data;
	char message[JMSG_LENGTH_MAX];

	jpeg->err->format_message(jpeg, message);
	fail("%s is a corrupt JPEG file: %s", reader->path, message);
}

/* Level -1 is a warning about damage; other levels are chatter. */
static void on_message(j_common_ptr jpeg, int level)
{
	if (level < 0)
		on_error(jpeg);
}

static void read_header(struct reader *reader, FILE *file)
{
	j_decompress_ptr jpeg = &reader->jpeg;

	jpeg->err = jpeg_std_error(&reader->errors);
	reader->errors.error_exit = on_error;
	reader->errors.emit_message = on_message;
	jpeg_create_decompress(jpeg);
	jpeg->client_data = reader;
	jpeg_stdio_src(jpeg, file);
	jpeg_read_header(jpeg, TRUE);
	if (jpeg->num_components != 1 && jpeg->num_components != 3)
		fail("%s is a CMYK JPEG file; convert it to RGB first",
		     reader->path);
	jpeg->out_color_space = jpeg->num_components == 1 ? JCS_GRAYSCALE
							  : JCS_RGB;
}

void image_read_jpeg(FILE *file, const char *path, struct raw_image *raw)
{
	struct reader reader = { .path = path };
	j_decompress_ptr jpeg = &reader.jpeg;

	read_header(&reader, file);
	jpeg_start_decompress(jpeg);
	raw->width = jpeg->output_width;
	raw->height = jpeg->output_height;
	raw->channels = jpeg->output_components;
	raw_image_allocate(raw, path);
	while (jpeg->output_scanline < jpeg->output_height) {
		JSAMPROW row = raw->samples + (size_t)jpeg->output_scanline *
					      raw->width * raw->channels;

		jpeg_read_scanlines(jpeg, &row, 1);
	}
	jpeg_finish_decompress(jpeg);
	jpeg_destroy_decompress(jpeg);
}
