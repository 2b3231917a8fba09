// SPDX-License-Identifier: GPL-2.0
/*
 * The last part of Canny: a weak pixel is an edge if a chain of weak pixels
 * leads from it to a strong one (hysteresis).
 *
 * Which pixels these are is a property of the picture, so any order in which
 * they are found gives the same answer; what takes care is that threads do not
 * look at pixels while others change them.  So each thread follows edges inside
 * its own strip only and afterwards *shows* copies of its first and last row.
 * In the next round its neighbours continue from there, and so on until a round
 * in which no strip has changed.
 *
 * Copies for even and odd rounds lie in different places: a thread that is
 * ahead, in round r + 1, does not overwrite what a slow one reads in round r.
 *
 * The pixels still to be visited are kept on a stack.  Each pixel is promoted
 * at most once, so the strip's part of `strength`, which is not needed any more,
 * is large enough for it.
 */
#include <string.h>

#include "steps.h"

enum border { FIRST_ROW, LAST_ROW, BORDERS };

struct follower {
	uint8_t *edges;		/* the strip, with padding */
	uint32_t *stack;
	uint32_t stride;
	uint32_t size;		/* elements in the strip */
};

static struct follower follower_of(const struct planes *planes,
				   struct strip strip)
{
	size_t start = (size_t)strip.first * planes->stride;

	return (struct follower){
		.edges = planes->edges + start,
		.stack = planes->strength + start,
		.stride = planes->stride,
		.size = (strip.end - strip.first) * planes->stride,
	};
}

/*
 * Promotes all weak pixels of the strip that are linked to `pixel`.  Padding
 * is never weak, so only the upper and lower limit need a test, and a neighbour
 * above the strip has a huge index.
 */
static void follow(const struct follower *f, uint32_t pixel)
{
	const uint32_t step[] = {
		-f->stride - 1, -f->stride, -f->stride + 1, -1, 1,
		f->stride - 1, f->stride, f->stride + 1,
	};
	uint32_t depth = 0;

	f->stack[depth++] = pixel;
	while (depth) {
		pixel = f->stack[--depth];
		for (int i = 0; i < 8; i++) {
			uint32_t next = pixel + step[i];

			if (next >= f->size || f->edges[next] != WEAK_EDGE)
				continue;
			f->edges[next] = EDGE;
			f->stack[depth++] = next;
		}
	}
}

static uint8_t *border_row(const struct planes *planes, unsigned int index,
			   unsigned int round, enum border border)
{
	size_t number = (size_t)index * 2 * BORDERS +
			(round & 1) * BORDERS + border;

	return planes->borders + number * planes->stride;
}

static void show_borders(const struct planes *planes, struct strip strip,
			 unsigned int round)
{
	const uint8_t *edges = planes->edges;
	size_t stride = planes->stride;

	memcpy(border_row(planes, strip.index, round, FIRST_ROW),
	       edges + strip.first * stride, stride);
	memcpy(border_row(planes, strip.index, round, LAST_ROW),
	       edges + (strip.end - 1) * stride, stride);
}

void step_link_own(const struct planes *planes, struct strip strip)
{
	struct follower f = follower_of(planes, strip);

	if (strip.first == strip.end)
		return;
	for (uint32_t pixel = 0; pixel < f.size; pixel++)
		if (f.edges[pixel] == EDGE)
			follow(&f, pixel);
	show_borders(planes, strip, 0);
}

/* Continues the edges of `shown`, a neighbour's row, in the row at `start`. */
static bool enter(const struct follower *f, const uint8_t *shown,
		  uint32_t start)
{
	bool changed = false;

	for (uint32_t x = PAD; x < f->stride - PAD; x++) {
		if (shown[x] != EDGE)
			continue;
		for (uint32_t near = x - 1; near <= x + 1; near++) {
			uint32_t pixel = start + near;

			if (f->edges[pixel] != WEAK_EDGE)
				continue;
			f->edges[pixel] = EDGE;
			follow(f, pixel);
			changed = true;
		}
	}
	return changed;
}

bool step_link_across(const struct planes *planes, struct strip strip,
		      unsigned int round)
{
	struct follower f = follower_of(planes, strip);
	bool changed = false;

	if (strip.first == strip.end)
		return false;
	if (strip.first > 0)
		changed |= enter(&f, border_row(planes, strip.index - 1,
						round - 1, LAST_ROW), 0);
	if (strip.end < planes->height)
		changed |= enter(&f, border_row(planes, strip.index + 1,
						round - 1, FIRST_ROW),
				 f.size - f.stride);
	show_borders(planes, strip, round);
	return changed;
}

void step_finish(const struct planes *planes, struct strip strip)
{
	size_t stride = planes->stride;

	for (size_t i = strip.first * stride; i < strip.end * stride; i++)
		if (planes->edges[i] == WEAK_EDGE)
			planes->edges[i] = NO_EDGE;
}
