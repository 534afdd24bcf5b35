/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/drift.h"

#include <stdlib.h>

#define WINDOW_S 10

/* Of so few frames the least late one may still be late. */
#define FRAMES_MIN 100

/* Clocks are off by 100 ppm at the worst, which is 1 ms in a window; the least
 * jitter of 10 s changes by less than this [1/s]: 3 ms. */
#define DIVISOR (1000 / 3)

static int64_t
judge(struct rtp_drift *drift, uint32_t sample_hz)
{
	int64_t off = drift->least - drift->reference, before = drift->before;

	if (!drift->compared) {
		drift->compared = true;
		drift->reference = drift->least;
		return 0;
	}
	drift->before = 0;
	if (llabs(off) < sample_hz / DIVISOR)
		return 0;
	if (before == 0 || (before < 0) != (off < 0)) {
		drift->before = off;
		return 0;
	}
	return off;
}

int64_t
rtp_drift_note(struct rtp_drift *drift, int64_t at, int64_t off,
	       uint32_t sample_hz)
{
	int64_t move = 0;

	if (drift->running &&
	    (at < drift->from ||
	     at - drift->from >= WINDOW_S * (int64_t)sample_hz)) {
		if (drift->frames >= FRAMES_MIN)
			move = judge(drift, sample_hz);
		drift->running = false;
	}
	if (!drift->running) {
		drift->running = true;
		drift->from = at;
		drift->least = off;
		drift->frames = 0;
	}
	if (off < drift->least)
		drift->least = off;
	drift->frames++;
	return move;
}

void
rtp_drift_wait(struct rtp_drift *drift)
{
	drift->running = false;
	drift->before = 0;
}
