/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files share that make sound of recordings:
 *
 *   source.c    one recording, frame by frame
 *   measure.c   how long it is, and with which gaps
 *   order.c     the frames of several in order of time, those that are heard
 *   spans.c     rows of spans of time
 *   withheld.c  what no other hop may tell
 *   covered.c   what another hop does tell
 *   follow.c    which frames follow each other
 *   audio.c     sound
 */
#ifndef CMD_SPANREC_AUDIO_PRIV_H
#define CMD_SPANREC_AUDIO_PRIV_H

#include <strings.h>

#include "cmd/spanrec/audio.h"
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
	int64_t last_ns; /**< the latest of its packets so far; 0: none */
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

/** How much sound of before it a packet has, as its sender made it, or as the
 * recorder did. @return [ns]; 2 s (RFC 2198) of one that cannot be read */
int64_t spanrec_earlier_ns(const struct rtp_format *format,
			   const struct store_frame *frame);

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

/* ---- spans.c ------------------------------------------------------------- */

/** @return 0, -ENOMEM */
int spanrec_spans_add(struct spanrec_spans *row, struct spanrec_span span)
	__attribute__((warn_unused_result));
/** With what is so shortly before and after. */
struct spanrec_span spanrec_span_widened(struct spanrec_span span,
					 int64_t by_ns);
/** In order and apart: what touches becomes one. */
void spanrec_spans_order(struct spanrec_spans *row);
/** Of a row in order and apart the first that is not over before a time.
 * @return NULL: there is none */
const struct spanrec_span *spanrec_spans_from(const struct spanrec_spans *row,
					      int64_t time_ns);
bool spanrec_spans_touch(const struct spanrec_spans *row,
			 struct spanrec_span span);
/** What of one row is not in the other, both in order and apart. @param rest to
 * be freed @return 0, -ENOMEM: it is empty */
int spanrec_spans_subtract(struct spanrec_spans *rest,
			   const struct spanrec_spans *from,
			   const struct spanrec_spans *what)
	__attribute__((warn_unused_result));

/* ---- covered.c ----------------------------------------------------------- */

/**
 * Gaps of a recording, and what its other hops have there. A mirror shows one
 * talker on several hops: what is missing on one, and not left out on purpose,
 * is heard of another one that has it, so that nothing is missing.
 */
struct spanrec_covered;

/** @return NULL: no memory */
struct spanrec_covered *spanrec_covered_new(void);
void spanrec_covered_free(struct spanrec_covered **covered);

/** A frame, in the order of its stream. @param known it can be decoded, or is
 * comfort noise. @return 0, -ENOMEM */
int spanrec_covered_frame(struct spanrec_covered *covered,
			  const struct store_stream_info *info,
			  const struct store_frame *frame, bool known)
	__attribute__((warn_unused_result));
/** A gap, likewise. @return 0, -ENOMEM */
int spanrec_covered_gap(struct spanrec_covered *covered,
			const struct store_stream_info *info,
			const struct store_gap *gap)
	__attribute__((warn_unused_result));

/**
 * What is missing in spite of that: gaps, or what is left of them. Where both
 * hops miss something at nearly the same time, it is taken to be the same,
 * unless timestamps of the same SSRC tell that it is not.
 *
 * @param withheld of this recording: what is hidden is not told either
 * @return 0, -ENOMEM
 */
int spanrec_covered_rest(struct spanrec_covered *covered,
			 struct spanrec_withheld *withheld,
			 struct spanrec_gaps *gaps)
	__attribute__((warn_unused_result));

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

/* ---- audio.c ------------------------------------------------------------- */

/** Make the sound once, for nobody: where does it end? @return exit code */
int spanrec_audio_find_end(struct spanrec *spanrec,
			   const struct spanrec_audio *audio, int64_t *end_ns);

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
