/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The steps of the computation, each on one strip.  None allocates, locks or
 * calls anything but string functions.  Every thread runs the steps in the order
 * given here with a barrier between two of them.
 *
 * Sobel: step_sobel alone.
 * Canny: smooth_x, smooth_y, gradient, thin, then link_own, then link_across
 * for round = 1, 2, ... until no thread returns true, then finish.
 */
#ifndef EDGE_DETECT_STEPS_H
#define EDGE_DETECT_STEPS_H

#include "planes.h"

void step_sobel(const struct planes *planes, struct strip strip);

void step_smooth_x(const struct planes *planes, struct strip strip);
void step_smooth_y(const struct planes *planes, struct strip strip);
void step_gradient(const struct planes *planes, struct strip strip);
void step_thin(const struct planes *planes, struct strip strip);

/* Follows edges inside the strip, then shows its outermost rows (round 0). */
void step_link_own(const struct planes *planes, struct strip strip);

/*
 * Follows edges that come in from what the neighbouring strips showed in round
 * - 1, then shows the own rows.  Returns whether the strip has changed.
 */
bool step_link_across(const struct planes *planes, struct strip strip,
		      unsigned int round);

/* The last step: what was not linked to a strong pixel is no edge. */
void step_finish(const struct planes *planes, struct strip strip);

/* What `edges` holds between the steps. */
enum { NO_EDGE = 0, WEAK_EDGE = 128, EDGE = 255 };

/* The line, of the four through a pixel, that the gradient is closest to. */
enum sector { ALONG_X, ALONG_DOWN, ALONG_Y, ALONG_UP };

#endif
