// SPDX-License-Identifier: GPL-2.0
/*
 * Writes the pictures of the tests into the current folder: one small picture in
 * every format and variety that edge_detect reads, a spiral on which hysteresis
 * has to travel far, and one that must be refused.
 *
 * Names tell what is the same: grey.* are equal in grey, colour.* in colour,
 * bits.* in black and white.  JPEG is lossy, so jpeg.ppm holds what libjpeg
 * makes of colour.jpg.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
#include <png.h>

enum { WIDTH = 61, HEIGHT = 47, COUNT = WIDTH * HEIGHT, SPIRAL = 160 };

static uint8_t grey[COUNT];
static uint8_t colour[3 * COUNT];

static FILE *create(const char *name)
{
	FILE *file = fopen(name, "wb");

	if (!file) {
		perror(name);
		exit(EXIT_FAILURE);
	}
	return file;
}

/* Discs and bars, so that there are edges in all directions, and some noise. */
static void draw(void)
{
	uint32_t noise = 1;

	for (int i = 0; i < COUNT; i++) {
		int x = i % WIDTH, y = i / WIDTH;
		int disc = (x - 20) * (x - 20) + (y - 22) * (y - 22) < 200;
		int bar = x + y > 70 && x + y < 84;

		noise = noise * 1664525 + 1013904223;
		grey[i] = 40 + 100 * disc + 70 * bar + (noise >> 28);
		colour[3 * i] = grey[i];
		colour[3 * i + 1] = 200 - grey[i] / 2;
		colour[3 * i + 2] = 4 * x;
	}
}

static void write_pnm_bytes(void)
{
	FILE *file = create("grey.pgm");

	fprintf(file, "P5\n# a comment\n%d %d\n255\n", WIDTH, HEIGHT);
	fwrite(grey, 1, COUNT, file);
	fclose(file);

	file = create("plain.pgm");	/* for the reference: no comment */
	fprintf(file, "P5 %d %d 255\n", WIDTH, HEIGHT);
	fwrite(grey, 1, COUNT, file);
	fclose(file);

	file = create("grey.16.pgm");
	fprintf(file, "P5 %d %d 65535\n", WIDTH, HEIGHT);
	for (int i = 0; i < COUNT; i++) {
		putc(grey[i], file);
		putc(grey[i], file);
	}
	fclose(file);

	file = create("colour.ppm");
	fprintf(file, "P6 %d %d 255\n", WIDTH, HEIGHT);
	fwrite(colour, 1, sizeof(colour), file);
	fclose(file);
}

static void write_pnm_text(void)
{
	FILE *file = create("grey.text.pgm");

	fprintf(file, "P2 %d %d 255\n", WIDTH, HEIGHT);
	for (int i = 0; i < COUNT; i++)
		fprintf(file, "%d ", grey[i]);
	fclose(file);

	file = create("colour.text.ppm");
	fprintf(file, "P3 %d %d 255", WIDTH, HEIGHT);
	for (int i = 0; i < 3 * COUNT; i++)
		fprintf(file, "\n%d", colour[i]);
	fclose(file);

	file = create("bits.text.pbm");
	fprintf(file, "P1 %d %d\n", WIDTH, HEIGHT);
	for (int i = 0; i < COUNT; i++)
		putc(grey[i] > 128 ? '1' : '0', file);
	fclose(file);
}

static void write_bits(void)
{
	FILE *file = create("bits.pbm");

	fprintf(file, "P4 %d %d\n", WIDTH, HEIGHT);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x += 8) {
			int byte = 0;

			for (int i = 0; i < 8 && x + i < WIDTH; i++)
				if (grey[y * WIDTH + x + i] > 128)
					byte |= 0x80 >> i;
			putc(byte, file);
		}
	}
	fclose(file);
}

/* One sample of `bits` bits per channel, of the channels that `type` has. */
static void put_samples(png_bytep *to, const uint8_t *from, int channels,
			int bits)
{
	for (int i = 0; i < channels; i++) {
		*(*to)++ = from[i];
		if (bits == 16)
			*(*to)++ = from[i];
	}
}

static void write_png(const char *name, int type, int bits, int interlace)
{
	FILE *file = create(name);
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL,
						  NULL, NULL);
	png_infop info = png_create_info_struct(png);
	int channels = type & PNG_COLOR_MASK_COLOR ? 3 : 1;
	static png_byte data[COUNT * 8];
	png_bytep rows[HEIGHT], to = data;
	png_color palette[256];

	for (int i = 0; i < COUNT; i++) {
		if (i % WIDTH == 0)
			rows[i / WIDTH] = to;
		if (type == PNG_COLOR_TYPE_PALETTE)
			*to++ = grey[i];
		else
			put_samples(&to, channels == 3 ? &colour[3 * i]
						       : &grey[i],
				    channels, bits);
		if (type & PNG_COLOR_MASK_ALPHA)
			*to++ = i;
	}
	for (int i = 0; i < 256; i++)
		palette[i] = (png_color){ i, i, i };
	png_init_io(png, file);
	png_set_IHDR(png, info, WIDTH, HEIGHT, bits, type, interlace,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	if (type == PNG_COLOR_TYPE_PALETTE)
		png_set_PLTE(png, info, palette, 256);
	png_write_info(png, info);
	png_write_image(png, rows);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	fclose(file);
}

static void write_jpeg(const char *name, J_COLOR_SPACE space, int channels,
		       const uint8_t *samples)
{
	FILE *file = create(name);
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	JSAMPLE row[WIDTH * 4] = { 0 };

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_stdio_dest(&jpeg, file);
	jpeg.image_width = WIDTH;
	jpeg.image_height = HEIGHT;
	jpeg.in_color_space = space;
	jpeg.input_components = channels;
	jpeg_set_defaults(&jpeg);
	jpeg_start_compress(&jpeg, TRUE);
	for (int y = 0; y < HEIGHT; y++) {
		JSAMPROW rows = row;

		for (int i = 0; samples && i < WIDTH * channels; i++)
			row[i] = samples[y * WIDTH * channels + i];
		jpeg_write_scanlines(&jpeg, &rows, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	fclose(file);
}

static void decode_jpeg(const char *name, const char *to)
{
	FILE *in = fopen(name, "rb"), *out = create(to);
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	JSAMPLE row[WIDTH * 3];

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_decompress(&jpeg);
	jpeg_stdio_src(&jpeg, in);
	jpeg_read_header(&jpeg, TRUE);
	jpeg_start_decompress(&jpeg);
	fprintf(out, "P6 %d %d 255\n", WIDTH, HEIGHT);
	for (int y = 0; y < HEIGHT; y++) {
		JSAMPROW rows = row;

		jpeg_read_scanlines(&jpeg, &rows, 1);
		fwrite(row, 1, sizeof(row), out);
	}
	jpeg_destroy_decompress(&jpeg);
	fclose(in);
	fclose(out);
}

/*
 * A spiral whose contrast fades outwards: it is strong in the middle only, and
 * from there its edge winds through every strip of rows again and again.
 */
static void write_spiral(void)
{
	FILE *file = create("spiral.pgm");

	fprintf(file, "P5 %d %d 255\n", SPIRAL, SPIRAL);
	for (int i = 0; i < SPIRAL * SPIRAL; i++) {
		double x = i % SPIRAL - SPIRAL / 2 + 0.5;
		double y = i / SPIRAL - SPIRAL / 2 + 0.5;
		double radius = sqrt(x * x + y * y);
		double phase = radius / 16 - atan2(y, x) / 6.283185307;

		putc(phase - floor(phase) < 0.5 ? 150 - (int)radius / 2 : 60,
		     file);
	}
	fclose(file);
}

int main(void)
{
	draw();
	write_pnm_bytes();
	write_pnm_text();
	write_bits();
	write_png("grey.png", PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE);
	write_png("grey.alpha.png", PNG_COLOR_TYPE_GRAY_ALPHA, 8,
		  PNG_INTERLACE_NONE);
	write_png("grey.palette.png", PNG_COLOR_TYPE_PALETTE, 8,
		  PNG_INTERLACE_NONE);
	write_png("colour.png", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7);
	write_png("colour.16.png", PNG_COLOR_TYPE_RGB, 16, PNG_INTERLACE_NONE);
	write_jpeg("colour.jpg", JCS_RGB, 3, colour);
	write_jpeg("gray.jpg", JCS_GRAYSCALE, 1, grey);
	write_jpeg("cmyk.jpg", JCS_CMYK, 4, NULL);
	decode_jpeg("colour.jpg", "jpeg.ppm");
	write_spiral();
	return EXIT_SUCCESS;
}
