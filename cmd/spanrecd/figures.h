/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the streams of a segment fared, while it lasts: what rtp/quality.h
 * measures, and in which seconds anybody was heard. Belongs to the writer of the
 * call.
 */
#ifndef CMD_SPANRECD_FIGURES_H
#define CMD_SPANRECD_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/spanrecd/events.h"
#include "rtp/jitter.h"
#include "rtp/quality.h"
#include "store/store.h"

/** What its frames are, as far as it matters here. */
enum figures_sound {
	FIGURES_NO_SOUND, /**< keyed digits, comfort noise */
	FIGURES_PCMA,
	FIGURES_PCMU,
	FIGURES_OTHER /**< not looked into: there is sound if it comes */
};

/** One stream. All zero: nothing came. */
struct figures {
	struct rtp_quality quality;
	/* what the payload type of the last frame means */
	bool known;
	uint64_t media; /**< number of the description that said so */
	uint8_t payload_type;
	enum figures_sound sound;
	uint16_t noise_bytes; /**< a payload up to so long is comfort noise */
	uint32_t clock_hz; /**< 0: not known, or it does not tell time */
};

/** Seconds of a segment in which a side was heard. All zero: none. */
struct figures_heard {
	uint8_t *bits; /**< one each, from the start of the segment */
	uint32_t bytes;
};

/** Longest segment of which every second is known: a day. */
#define FIGURES_SECONDS_MAX 86400

/**
 * A frame of the stream came, the next in order of sequence.
 *
 * @param secret its sound is none of our business: it counts as heard
 * @return whether somebody is heard in it
 * @cost no allocation; of G.711 that is not silent a look at some bytes
 */
bool figures_frame(struct figures *figures, const struct writer_media *media,
		   const struct rtp_frame *frame, bool secret);

/** Somebody was heard so long after the start; before it and after a day it is
 * nothing. @return 0, -ENOMEM */
int figures_heard(struct figures_heard *heard, int64_t after_ns)
	__attribute__((warn_unused_result));
void figures_heard_fini(struct figures_heard *heard);

/**
 * Longest time in which nobody was heard.
 *
 * @param from_ns, until_ns part of the segment, from its start
 * @return whole seconds
 */
uint32_t figures_quiet_s(const struct figures_heard *heard, int64_t from_ns,
			 int64_t until_ns);

/** What was measured, into the row. Of `stream` its counts are filled. */
void figures_fill(const struct figures *figures, struct store_stream *stream);

/** Once all else of the stream's quality is filled: its MOS. 0 where there is no
 * telling. */
void figures_rate(const struct figures *figures, struct store_stream *stream);

#endif
