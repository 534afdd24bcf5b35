/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See figures.h. */
#include "cmd/spanrecd/figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/spanrecd/payload.h"
#include "rtp/emodel.h"

static const int64_t SECOND_NS = 1000000000LL;

/* G.711 below 1/256 of full scale (-48 dB) is silence; a click in it, too. */
enum { QUIET_CODES = 8, LOUD_SHARE = 16 };

/* Memory for what is heard grows by so much. */
enum { HEARD_STEP_BYTES = 64 };

/* ---- frames -------------------------------------------------------------- */

/* How codecs tell that there is only noise: a SID is shorter than any frame of
 * speech, in either packing of RFC 4867, too; RFC 7587 section 3.1.3. */
static uint16_t
noise_bytes_of(const char *encoding)
{
	static const struct {
		const char *encoding;
		uint16_t bytes;
	} codecs[] = { { "G729", 2 },   { "G729A", 2 }, { "G729B", 2 },
		       { "G729AB", 2 }, { "AMR", 7 },   { "AMR-WB", 7 },
		       { "opus", 2 } };
	size_t i;

	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (strcasecmp(codecs[i].encoding, encoding) == 0)
			return codecs[i].bytes;
	return 0;
}

static void
look_up(struct figures *f, const struct writer_media *media,
	const struct rtp_frame *frame)
{
	struct rtp_format format;
	bool known = payload_format(media, frame->payload_type, &format);
	const char *encoding = known ? format.encoding : "";
	bool event = payload_is_event(known ? &format : NULL, frame);

	f->known = true;
	f->media = media->number;
	f->payload_type = frame->payload_type;
	f->clock_hz = known && !event ? format.clock_hz : 0;
	f->noise_bytes = noise_bytes_of(encoding);
	if (event || strcasecmp(encoding, "CN") == 0)
		f->sound = FIGURES_NO_SOUND;
	else if (strcasecmp(encoding, "PCMA") == 0)
		f->sound = FIGURES_PCMA;
	else if (strcasecmp(encoding, "PCMU") == 0)
		f->sound = FIGURES_PCMU;
	else
		f->sound = FIGURES_OTHER;
}

/* A-law and mu-law: sign, then magnitude, inverted in part or as a whole. */
static bool
is_loud(const struct rtp_frame *frame, uint8_t inverted, uint8_t quiet)
{
	uint32_t loud_max = frame->payload_bytes / LOUD_SHARE, loud = 0, i;

	for (i = 0; i < frame->payload_bytes; i++) {
		loud += ((frame->payload[i] ^ inverted) & 0x7f) >= quiet;
		if (loud > loud_max)
			return true;
	}
	return false;
}

bool
figures_frame(struct figures *f, const struct writer_media *media,
	      const struct rtp_frame *frame, bool secret)
{
	struct rtp_quality_frame measured = {
		.time_ns = frame->time_ns,
		.timestamp = frame->timestamp,
		.sequence = (uint16_t)frame->sequence,
	};

	if (!f->known || f->media != media->number ||
	    f->payload_type != frame->payload_type)
		look_up(f, media, frame);
	measured.clock_hz = f->clock_hz;
	rtp_quality_frame(&f->quality, &measured);
	if (secret)
		return true;
	switch (f->sound) {
	case FIGURES_NO_SOUND:
		return false;
	case FIGURES_PCMA:
		return is_loud(frame, 0x55, QUIET_CODES);
	case FIGURES_PCMU:
		/* its steps are half as high */
		return is_loud(frame, 0xff, 2 * QUIET_CODES);
	case FIGURES_OTHER:
		break;
	}
	return !f->noise_bytes || frame->payload_bytes > f->noise_bytes;
}

/* ---- who is heard when --------------------------------------------------- */

int
figures_heard(struct figures_heard *heard, int64_t after_ns)
{
	int64_t s = after_ns / SECOND_NS;
	uint32_t byte = (uint32_t)(s / 8);

	if (after_ns < 0 || s >= FIGURES_SECONDS_MAX)
		return 0;
	if (byte >= heard->bytes) {
		uint32_t bytes =
		    (byte / HEARD_STEP_BYTES + 1) * HEARD_STEP_BYTES;
		uint8_t *bits = realloc(heard->bits, bytes);

		if (!bits)
			return -ENOMEM;
		memset(bits + heard->bytes, 0, bytes - heard->bytes);
		heard->bits = bits;
		heard->bytes = bytes;
	}
	heard->bits[byte] |= (uint8_t)(1 << s % 8);
	return 0;
}

void
figures_heard_fini(struct figures_heard *heard)
{
	free(heard->bits);
	*heard = (struct figures_heard){ NULL, 0 };
}

uint32_t
figures_quiet_s(const struct figures_heard *heard, int64_t from_ns,
		int64_t until_ns)
{
	/* Whole seconds only, of those that are known. */
	int64_t s = from_ns > 0 ? (from_ns + SECOND_NS - 1) / SECOND_NS : 0;
	int64_t end = until_ns / SECOND_NS;
	uint32_t quiet = 0, longest = 0;

	if (end > FIGURES_SECONDS_MAX)
		end = FIGURES_SECONDS_MAX;
	for (; s < end; s++) {
		bool known = s / 8 < heard->bytes;

		if (known && heard->bits[s / 8] >> s % 8 & 1)
			quiet = 0;
		else
			quiet++;
		if (quiet > longest)
			longest = quiet;
	}
	return longest;
}

/* ---- into the row -------------------------------------------------------- */

static uint32_t
number(double value)
{
	if (!(value > 0))
		return 0;
	return value < UINT32_MAX ? (uint32_t)(value + 0.5) : UINT32_MAX;
}

static uint32_t
count(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

void
figures_fill(const struct figures *figures, struct store_stream *stream)
{
	struct store_quality *q = &stream->quality;
	struct rtp_figures f;

	rtp_quality_figures(&figures->quality, &f);
	q->measured = count(f.measured);
	q->reordered = count(f.reordered);
	q->jitter_us = number(f.jitter_us);
	q->jitter_max_us = number(f.jitter_max_us);
	q->ptime_us = number(f.ptime_us);
	q->span_ms = number(f.span_ms);
	q->silence_ms = number(f.silence_ms);
	q->longest_gap_ms = number(f.longest_gap_ms);
	q->bursts = count(f.bursts);
	q->burst_packets = count(f.burst.packets);
	q->burst_lost = count(f.burst.lost);
	q->gaps = count(f.gaps);
	q->gap_packets = count(f.gap.packets);
	q->gap_lost = count(f.gap.lost);
}

/* The part of what was lost that the mirror port lost was heard by whom it was
 * meant for. What no report speaks of is taken to be like the rest. */
static double
lost_to_people(const struct store_quality *q, uint64_t lost)
{
	double known = (double)q->mirror_lost + q->network_lost;

	return q->mirror_lost ? (double)lost * q->network_lost / known
			      : (double)lost;
}

void
figures_rate(const struct figures *figures, struct store_stream *stream)
{
	struct rtp_impairment impairment;
	struct rtp_figures f;
	double lost, r;

	rtp_quality_figures(&figures->quality, &f);
	if (!f.measured || !f.gap.packets ||
	    !rtp_emodel_impairment(stream->codec, &impairment))
		return;
	lost = lost_to_people(&stream->quality, f.lost);
	if (rtp_emodel_r(
		&impairment, 100 * lost / (double)figures->quality.total,
		rtp_figures_burst_ratio(&f, figures->quality.total), &r))
		stream->quality.mos = number(100 * rtp_emodel_mos(r));
}
