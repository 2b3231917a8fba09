// SPDX-License-Identifier: GPL-2.0
/*
 * PNM in: the six formats P1 to P6 (bitmap, grey, colour; each as text and as
 * bytes), up to 65535 levels, which are scaled to 0..255.  Nothing in the file
 * is believed: every number is checked against what the header promised.
 */
#include <ctype.h>
#include <stdbool.h>

#include "image.h"

struct reader {
	FILE *file;
	const char *path;
	unsigned int max_value;
	bool is_text;
	bool is_bitmap;
};

static int next_char(struct reader *reader)
{
	int c = getc_unlocked(reader->file);

	if (c == EOF)
		fail("%s is a corrupt PNM file: it ends too early",
		     reader->path);
	return c;
}

/* The next character that is neither white space nor in a comment. */
static int next_token_char(struct reader *reader)
{
	int c = next_char(reader);

	while (isspace(c) || c == '#') {
		if (c == '#')
			while (c != '\n' && c != '\r')
				c = next_char(reader);
		c = next_char(reader);
	}
	return c;
}

/*
 * A decimal number and the one character behind it.  In a text file the last
 * number may end with the file.
 */
static unsigned int next_number(struct reader *reader, unsigned int limit)
{
	int c = next_token_char(reader);
	unsigned int value = 0;

	if (!isdigit(c))
		fail("%s is a corrupt PNM file: a number was expected",
		     reader->path);
	while (c != EOF && isdigit(c)) {
		value = value * 10 + (c - '0');
		if (value > limit)
			fail("%s is a corrupt PNM file: a number is greater than %u",
			     reader->path, limit);
		c = getc_unlocked(reader->file);
	}
	if (c != EOF && !isspace(c))
		fail("%s is a corrupt PNM file: a number ends in garbage",
		     reader->path);
	return value;
}

static uint8_t next_sample(struct reader *reader)
{
	unsigned int value;

	if (reader->is_text) {
		value = next_number(reader, reader->max_value);
	} else {
		value = next_char(reader);
		if (reader->max_value > 255)
			value = value << 8 | next_char(reader);
		if (value > reader->max_value)
			fail("%s is a corrupt PNM file: a sample is greater than %u",
			     reader->path, reader->max_value);
	}
	return (value * 255 + reader->max_value / 2) / reader->max_value;
}

/* A bitmap's digits need no space between them, and 1 is black. */
static uint8_t next_bit(struct reader *reader)
{
	int c = next_token_char(reader);

	if (c != '0' && c != '1')
		fail("%s is a corrupt PNM file: a pixel is neither 0 nor 1",
		     reader->path);
	return c == '1' ? 0 : 255;
}

static void read_packed_bits(struct reader *reader, struct raw_image *raw)
{
	uint8_t *pixel = raw->samples;
	int bits = 0;

	for (uint32_t y = 0; y < raw->height; y++) {
		for (uint32_t x = 0; x < raw->width; x++) {
			if (x % 8 == 0)
				bits = next_char(reader);
			*pixel++ = bits & (0x80 >> x % 8) ? 0 : 255;
		}
	}
}

static void read_samples(struct reader *reader, struct raw_image *raw)
{
	size_t count = (size_t)raw->width * raw->height * raw->channels;

	if (reader->is_bitmap && !reader->is_text) {
		read_packed_bits(reader, raw);
		return;
	}
	for (size_t i = 0; i < count; i++)
		raw->samples[i] = reader->is_bitmap ? next_bit(reader)
						    : next_sample(reader);
}

void image_read_pnm(FILE *file, const char *path, struct raw_image *raw)
{
	struct reader reader = { .file = file, .path = path };
	int kind;

	next_char(&reader);
	kind = next_char(&reader) - '0';
	reader.is_text = kind <= 3;
	reader.is_bitmap = kind == 1 || kind == 4;
	raw->channels = kind == 3 || kind == 6 ? 3 : 1;
	raw->width = next_number(&reader, INT32_MAX / 10);
	raw->height = next_number(&reader, INT32_MAX / 10);
	if (!reader.is_bitmap) {
		reader.max_value = next_number(&reader, 65535);
		if (!reader.max_value)
			fail("%s is a corrupt PNM file: the greatest value is 0",
			     path);
	}
	raw_image_allocate(raw, path);
	read_samples(&reader, raw);
}
