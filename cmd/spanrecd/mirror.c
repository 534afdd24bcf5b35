/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the mirror port lost of calls that ended: since the start, and lately.
 */
#include <jansson.h>
#include <time.h>

#include "cmd/spanrecd/control_priv.h"

enum { MINUTE_S = 60 };

/* Not by the wall clock, which may be set. */
static int64_t
minute_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec / MINUTE_S + 1;
}

void
control__mirror_note(struct control_state *c)
{
	struct control_minutes *m = &c->minutes;
	int64_t now = minute_now(), first = m->minute;

	if (now == m->minute)
		return;
	if (first < now - CONTROL_MINUTES)
		first = now - CONTROL_MINUTES;
	for (; m->minute && first < now; first++) {
		size_t at = (size_t)(first % CONTROL_MINUTES);

		m->at[at].reported =
		    pipeline_counter(c->pipeline, COUNTER_reported);
		m->at[at].mirror_lost =
		    pipeline_counter(c->pipeline, COUNTER_mirror_lost);
	}
	m->minute = now;
}

static json_t *
loss_json(uint64_t packets, uint64_t lost)
{
	json_t *percent =
	    packets ? json_real(100.0 * (double)lost / (double)packets)
		    : json_null();

	return json_pack("{s:I,s:I,s:o}", "packets", (json_int_t)packets,
			 "lost", (json_int_t)lost, "percent", percent);
}

json_t *
control__mirror_json(struct control_state *c)
{
	uint64_t packets = pipeline_counter(c->pipeline, COUNTER_reported);
	uint64_t lost = pipeline_counter(c->pipeline, COUNTER_mirror_lost);
	size_t oldest;

	control__mirror_note(c);
	/* That of an hour ago is the next to be overwritten. */
	oldest = (size_t)(c->minutes.minute % CONTROL_MINUTES);
	return json_pack("{s:o,s:o}", "since_start", loss_json(packets, lost),
			 "last_hour",
			 loss_json(packets - c->minutes.at[oldest].reported,
				   lost - c->minutes.at[oldest].mirror_lost));
}
