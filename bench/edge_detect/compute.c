// SPDX-License-Identifier: GPL-2.0
/*
 * The parallel part.  Every thread works on one strip of rows from start to end.
 *
 * The work of a thread in a step, without the barrier behind it, is enclosed in
 * marks (bench/icount/mark.h, harmless instructions that a counting plug-in of
 * an emulator sees), so that instructions which a kernel executes while a thread
 * computes can be told from those that waiting costs.  For the same reason
 * everything a step needs is touched beforehand.
 */
#define _GNU_SOURCE
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../icount/mark.h"
#include "../icount/windows.h"
#include "compute.h"
#include "steps.h"

#define IN_WINDOW(work)							\
	do {								\
		azalea_mark(AZALEA_OPEN(WINDOW_EDGE_COMPUTE));		\
		work;							\
		azalea_mark(AZALEA_CLOSE(WINDOW_EDGE_COMPUTE));		\
	} while (0)

struct step {
	const char *name;
	void (*run)(const struct planes *planes, struct strip strip);
};

static const struct step sobel_steps[] = {
	{ "sobel", step_sobel },
	{ NULL, NULL },
};

static const struct step canny_steps[] = {
	{ "smooth x", step_smooth_x },
	{ "smooth y", step_smooth_y },
	{ "gradient", step_gradient },
	{ "thin", step_thin },
	{ NULL, NULL },
};

struct job {
	const struct planes *planes;
	enum method method;
	struct report *report;
	double lap_start;	/* of thread 0 only */
	bool changed[3];	/* see any_changed() */
};

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

/*
 * Runs every step once on a picture of a few pixels, in two strips so that edges
 * cross from one to the other.  The planes are on the stack: that maps the
 * thread's stack deeper than the computation will need it.
 */
static void warm_up(void)
{
	enum { WIDTH = 32, HEIGHT = 16, STRIDE = 64, SIZE = HEIGHT * STRIDE };
	uint8_t pixels[WIDTH * HEIGHT], source[SIZE], sector[SIZE], edges[SIZE];
	uint8_t borders[8 * STRIDE];
	uint16_t smooth_x[SIZE], smooth[SIZE];
	uint32_t strength[SIZE], zeros[STRIDE];
	const struct image image = { WIDTH, HEIGHT, pixels };
	const struct planes planes = {
		.width = WIDTH, .height = HEIGHT, .stride = STRIDE,
		.source = source, .smooth_x = smooth_x, .smooth = smooth,
		.strength = strength, .sector = sector, .edges = edges,
		.zeros = zeros, .borders = borders, .weak = 1, .strong = 1 << 24,
	};
	const struct strip strips[] = {
		strip_of(HEIGHT, 0, 2), strip_of(HEIGHT, 1, 2)
	};

	/* A bar whose contrast, and with it its edges, fade downwards. */
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		pixels[i] = i % WIDTH < WIDTH / 2 ? 255 - i / WIDTH * 16 : 0;
	for (int i = 0; i < 2; i++)
		planes_prepare(&planes, strips[i], &image);
	for (int i = 0; i < 2; i++)
		step_sobel(&planes, strips[i]);
	for (const struct step *step = canny_steps; step->run; step++)
		for (int i = 0; i < 2; i++)
			step->run(&planes, strips[i]);
	for (int i = 0; i < 2; i++)
		step_link_own(&planes, strips[i]);
	for (int i = 0; i < 2; i++)
		step_link_across(&planes, strips[i], 1);
	for (int i = 0; i < 2; i++)
		step_finish(&planes, strips[i]);
}

static struct strip own_strip(const struct planes *planes)
{
	return strip_of(planes->height, omp_get_thread_num(),
			omp_get_num_threads());
}

void prepare(struct planes *planes, const struct image *image)
{
	planes_allocate(planes, omp_get_max_threads());
#pragma omp parallel
	{
		planes_prepare(planes, own_strip(planes), image);
		warm_up();
	}
}

/* Called by all threads behind a barrier; thread 0 keeps the clock. */
static void end_lap(struct job *job, struct strip strip, unsigned int number,
		    const char *name)
{
	struct step_time *time = &job->report->step[number];
	double now, lap;

	if (strip.index != 0)
		return;
	now = seconds_now();
	lap = now - job->lap_start;
	if (!time->name || lap < time->best)
		time->best = lap;
	time->name = name;
	time->total += lap;
	job->lap_start = now;
	job->report->steps = number + 1;
}

/*
 * A barrier that tells every thread whether any has said `changed`.  The flag
 * of this round is read until the next barrier, so the flag that is cleared now
 * is the one of the next round, which nobody has read for two barriers.
 */
static bool any_changed(struct job *job, struct strip strip, unsigned int round,
			bool changed)
{
	bool any;

	if (strip.index == 0)
		job->changed[(round + 1) % 3] = false;
	if (changed) {
#pragma omp atomic write
		job->changed[round % 3] = true;
	}
#pragma omp barrier
#pragma omp atomic read
	any = job->changed[round % 3];
	return any;
}

static void link_edges(struct job *job, struct strip strip)
{
	unsigned int round = 0;
	bool changed = true;

	IN_WINDOW(step_link_own(job->planes, strip));
	while (any_changed(job, strip, round, changed)) {
		round++;
		IN_WINDOW(changed = step_link_across(job->planes, strip,
						     round));
	}
	IN_WINDOW(step_finish(job->planes, strip));
}

static void repeat_once(struct job *job, struct strip strip)
{
	const struct step *step = job->method == SOBEL ? sobel_steps
						       : canny_steps;
	unsigned int number = 0;

	for (; step->run; step++, number++) {
		IN_WINDOW(step->run(job->planes, strip));
#pragma omp barrier
		end_lap(job, strip, number, step->name);
	}
	if (job->method == CANNY) {
		link_edges(job, strip);
#pragma omp barrier
		end_lap(job, strip, number, "link");
	}
}

void compute(const struct planes *planes, enum method method,
	     unsigned int repetitions, struct report *report)
{
	struct job job = {
		.planes = planes, .method = method, .report = report,
	};

	report->placement = calloc(omp_get_max_threads(),
				   sizeof(*report->placement));
	if (!report->placement)
		fail("not enough memory for the list of threads");
#pragma omp parallel
	{
		struct strip strip = own_strip(planes);
		struct placement *placement = &report->placement[strip.index];

		placement->first_cpu = sched_getcpu();
		if (strip.index == 0) {
			report->threads = strip.count;
			job.lap_start = seconds_now();
		}
		for (unsigned int i = 0; i < repetitions; i++)
			repeat_once(&job, strip);
		placement->last_cpu = sched_getcpu();
	}
}
