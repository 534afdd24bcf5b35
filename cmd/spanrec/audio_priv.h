/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files share that make sound of recordings:
 *
 *   source.c    one recording, frame by frame
 *   measure.c   how long it is, and with which gaps
 *   order.c     the frames of several in order of time, those that are heard
 *   withheld.c  what no other hop may tell
 *   follow.c    which frames follow each other
 *   audio.c     sound
 */
#ifndef CMD_SPANREC_AUDIO_PRIV_H
#define CMD_SPANREC_AUDIO_PRIV_H

#include <strings.h>

#include "cmd/spanrec/spanrec.h"
#include "rtp/red.h"
#include "rtp/rtp.h"

/* ---- source.c ------------------------------------------------------------ */

#define SPANREC_PAYLOAD_TYPES 128

/** A recording that is being read, and what it said of its streams so far. */
struct spanrec_source {
	const struct store_segment *segment;
	struct store_reader *reader;
	bool torn; /**< interrupted, and damaged where that was: what lies before
		    * was given out, all of it genuine */
	struct store_stream_info info[STORE_STREAMS_MAX];
	/** by payload type; clock 0: not told */
	struct rtp_format format[STORE_STREAMS_MAX][SPANREC_PAYLOAD_TYPES];
};

/** @return exit code, told */
int spanrec_source_open(struct spanrec_source **source,
			struct spanrec *spanrec,
			const struct store_segment *segment);
void spanrec_source_close(struct spanrec_source **source);

/**
 * The next frame or gap, in the order of the file.
 *
 * @param item frames are borrowed until the next call
 * @param more false: there is none
 * @return exit code, told
 */
int spanrec_source_next(struct spanrec_source *source, struct store_item *item,
			bool *more);

/** What a payload type means: as told, else as RFC 3551 assigns it. @param
 * fallback room for the latter */
const struct rtp_format *
spanrec_source_format(const struct spanrec_source *source,
		      const struct store_frame *frame,
		      struct rtp_format *fallback);

/** A format as it is stored. */
void spanrec_format_read(struct rtp_format *format,
			 const struct store_format *stored);

/** Is it made of several payloads (RFC 2198)? */
static inline bool
spanrec_format_is_red(const struct rtp_format *format)
{
	return (format->encoding[0] == 'r' || format->encoding[0] == 'R') &&
	       strcasecmp(format->encoding, "red") == 0;
}

/** What a packet carries of those before it (RFC 2198). */
struct spanrec_spares {
	uint32_t count;
	struct rtp_render_spare spares[RTP_RED_BLOCKS_MAX];
	struct rtp_format formats[RTP_RED_BLOCKS_MAX];
};

/**
 * Take a packet with redundancy apart: it becomes what it is of itself.
 *
 * @param frame of any format
 * @param spares filled, if it is such a packet; NULL: not wanted. They borrow
 *        the frame's payload and point into themselves
 * @return whether it was one
 */
bool spanrec_source_unpack(const struct spanrec_source *source,
			   struct store_frame *frame,
			   struct spanrec_spares *spares);

/* ---- measure.c ----------------------------------------------------------- */

/**
 * A frame or a gap of a recording, in the order of its file.
 *
 * @param segment of the selection
 * @return exit code, told
 */
int spanrec_measure_item(struct spanrec_audio *audio, size_t segment,
			 const struct spanrec_source *source,
			 const struct store_item *item);

/* ---- follow.c ------------------------------------------------------------ */

/**
 * RTP streams of a selection. In a recording each has a number; in the next one
 * of the call it goes on under another.
 */
struct spanrec_follow {
	struct spanrec_followed *streams;
	uint32_t count;
};

void spanrec_follow_fini(struct spanrec_follow *follow);

struct spanrec_ordered;

/**
 * @param number which stream of the selection a frame is of, from 0
 * @param gap whether what is missing between it and the one before was not, or
 *        may not have been, lost
 * @return 0, -ENOMEM
 */
int spanrec_follow_frame(struct spanrec_follow *follow,
			 const struct spanrec_ordered *ordered,
			 struct spanrec_withheld *withheld, uint32_t *number,
			 bool *gap) __attribute__((warn_unused_result));

/* ---- order.c ------------------------------------------------------------- */

/** A frame of one of several recordings. */
struct spanrec_ordered {
	size_t segment; /**< of the selection */
	enum store_side side;
	const struct store_stream_info *info; /**< borrowed for the call */
	struct rtp_format format;
	struct store_frame frame;
	/** When it was captured; the first of a stream or a talkspurt, if later
	 * ones passed it: when it would have been without that. */
	int64_t in_time_ns;
	const struct spanrec_spares *spares; /**< NULL: none */
	bool resumes; /**< the one before it in its stream was not heard */
};

/** Which frames of a selection. All zero: those that are heard. */
struct spanrec_wanted {
	/** All of them, in order of capture time; else those of one stream stay
	 * as they lie in its file. */
	bool as_received;
	int64_t from_ns; /**< nothing long before is read; 0: from the start */
	/** What is read is measured for this, all of it; NULL: it was before */
	struct spanrec_audio *seen;
};

/** @return exit code, which stops */
typedef int (*spanrec_ordered_fn)(void *ctx,
				  const struct spanrec_ordered *ordered);

/**
 * The frames of a selection in order of time. Of the same frames it is always
 * the same order, whatever threads wrote them.
 *
 * Of segments that run side by side one is heard at a time: rather a
 * consultation than the hold meanwhile, rather the call than a consultation,
 * and else the one that began first.
 *
 * @param hidden set if not all was heard for that
 * @return exit code, told
 */
int spanrec_order_run(struct spanrec *spanrec,
		      const struct spanrec_selection *selection,
		      const struct spanrec_wanted *wanted,
		      spanrec_ordered_fn fn, void *ctx, bool *hidden);

#endif
