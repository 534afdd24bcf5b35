/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is heard of recordings, and what is missing of them: what the commands
 * that play, copy and show them share. How sound is made is in audio_priv.h.
 */
#ifndef CMD_SPANREC_AUDIO_H
#define CMD_SPANREC_AUDIO_H

#include "cmd/spanrec/spanrec.h"

/* ---- gaps.c ------------------------------------------------------------ */

struct spanrec_gap {
	struct store_gap gap;
	enum store_side side;
};

/** What is missing of a recording, in order of time. */
struct spanrec_gaps {
	struct spanrec_gap *gaps;
	size_t count, capacity;
	bool known; /**< the file was read */
};

/**
 * Read them out of the recording; where there is none, or no private key was
 * opened, they are not known.
 *
 * @param gaps for spanrec_gaps_fini in any case
 * @return exit code
 */
int spanrec_gaps_read(struct spanrec *spanrec,
		      const struct store_segment *segment,
		      struct spanrec_gaps *gaps)
	__attribute__((warn_unused_result));
void spanrec_gaps_fini(struct spanrec_gaps *gaps);

/** Add one. @return 0, -ENOMEM */
int spanrec_gaps_add(struct spanrec_gaps *gaps, const struct store_gap *gap,
		     enum store_side side) __attribute__((warn_unused_result));
/** Put them in order of time, and then of sides. */
void spanrec_gaps_sort(struct spanrec_gaps *gaps);

/** "0:00.980" after the start of the segment. @return text */
const char *spanrec_gap_at(const struct store_segment *segment,
			   const struct store_gap *gap,
			   char text[SPANREC_TIME_BYTES]);
/** "left", "right" */
const char *spanrec_gap_side(const struct spanrec_gap *gap);
/** [s] */
double spanrec_gap_seconds(const struct store_gap *gap);

/* ---- withheld.c -------------------------------------------------------- */

/** Of time, both ends included. */
struct spanrec_span {
	int64_t from_ns, until_ns;
};

struct spanrec_spans {
	struct spanrec_span *spans;
	size_t count;
};

/** What was left out of one recording on purpose. All zero: nothing. */
struct spanrec_withheld {
	/** by side: all that is missing and was not lost, on purpose or not */
	struct spanrec_spans unlost[2];
	bool in_order;
	struct spanrec_withheld_gap {
		enum store_side side;
		unsigned stream;
		struct spanrec_span span;
	} *gaps;
	size_t count;
	/** what each stream must not tell, made when it is asked for */
	struct spanrec_spans of[STORE_STREAMS_MAX];
	bool gathered[STORE_STREAMS_MAX];
};

/** Note a gap, if it was left out on purpose: a digit, a pause, a decision.
 * All gaps come before the first question. @return 0, -ENOMEM */
int spanrec_withheld_add(struct spanrec_withheld *withheld,
			 enum store_side side, const struct store_gap *gap)
	__attribute__((warn_unused_result));

/**
 * Must a frame not be heard, because at that time something was left out on
 * purpose of another stream of its side?
 *
 * @param stream less than STORE_STREAMS_MAX
 * @return 1, 0, -ENOMEM
 * @cost logarithmic in gaps, but for the first question about a stream
 */
int spanrec_withheld_ask(struct spanrec_withheld *withheld,
			 enum store_side side, unsigned stream,
			 int64_t time_ns)
	__attribute__((warn_unused_result));

/** All that such a question is about: in order and apart. @param spans borrowed
 * @return 0, -ENOMEM */
int spanrec_withheld_of(struct spanrec_withheld *withheld,
			enum store_side side, unsigned stream,
			const struct spanrec_spans **spans)
	__attribute__((warn_unused_result));

/**
 * Is anything missing of a side that was not just lost? Then nothing is made
 * up in its place.
 *
 * @cost logarithmic in gaps, but for the first question
 */
bool spanrec_withheld_between(struct spanrec_withheld *withheld,
			      enum store_side side, int64_t from_ns,
			      int64_t until_ns);

/** When begins what is missing of a side and was not just lost, from a time on?
 * @return INT64_MAX: never */
int64_t spanrec_withheld_next(struct spanrec_withheld *withheld,
			      enum store_side side, int64_t time_ns);

void spanrec_withheld_fini(struct spanrec_withheld *withheld);

/* ---- audio.c ----------------------------------------------------------- */

enum spanrec_channels {
	SPANREC_STEREO, /**< left is local, right is remote */
	SPANREC_MIX,    /**< both in one channel */
	SPANREC_LEFT,
	SPANREC_RIGHT
};

/** What is going to be heard. */
struct spanrec_audio {
	const struct spanrec_selection *selection;
	enum spanrec_channels channels;
	bool no_conceal; /**< given: nothing is made up in place of a loss */
	int64_t start_ns;
	int64_t end_ns;  /**< if known where the sound ends; else the last packet
			  * came, and what it holds is heard behind it */
	bool end_known;
	uint32_t sample_hz; /**< 8000, 16000 or 48000: what a codec here needs */
	struct rtp_format rated; /**< the last one that was asked for that */
	bool rated_known;        /**< whether it can be decoded */
	uint64_t frames; /**< samples per channel, from start to end */
	uint64_t frames_unknown; /**< RTP frames without a decoder */
	char encoding[RTP_ENCODING_BYTES]; /**< of one of these */
	bool torn; /**< interrupted, and damaged where it ends */
	bool as_received; /**< given: packets are wanted, and no decoder */
	struct spanrec_withheld *withheld; /**< [segments of the selection] */
	struct spanrec_covered **covered;  /**< [likewise]; NULL: not read, or
					    * its gaps are told */
	struct spanrec_gaps gaps; /**< of all segments, in order of time */
	bool no_digits; /**< foreseen only if none was left out */
	bool surprise;  /**< a gap that was not foreseen */
	struct spanrec_audio *seen; /**< what is foreseen was not read yet, and
				     * is measured here while it is */
};

/** @param pcm [frames * channels] @return 0, or an exit code, which stops */
typedef int (*spanrec_audio_fn)(void *ctx, const int16_t *pcm, size_t frames);

/** 1 or 2 */
unsigned spanrec_audio_channels(const struct spanrec_audio *audio);

/** Samples a second. */
uint32_t spanrec_audio_hz(const struct spanrec_audio *audio);

/**
 * Is there anything to hear? Says why not. Needs no key.
 *
 * @return exit code
 */
int spanrec_audio_check(const struct spanrec *spanrec,
			const struct spanrec_selection *selection)
	__attribute__((warn_unused_result));

/**
 * Read the recordings through, and make their sound once for nobody: proves that
 * they are whole and finds out how long they are, before anything is written
 * anywhere. Of an
 * interrupted one that is damaged the part before the damage counts; torn says
 * so, a warning was printed, and the command is to end with EXIT_DAMAGED.
 *
 * @param audio selection and channels are given, the rest is zero; ended by
 *        spanrec_audio_fini, also after a failure
 * @return exit code
 */
int spanrec_audio_measure(struct spanrec *spanrec, struct spanrec_audio *audio)
	__attribute__((warn_unused_result));

/**
 * The same, for a copy that has no name until it is whole, and tells its length
 * last: the end is not known then. Where all recordings tell at their end what
 * is in them, and nothing but keyed digits was left out, that is believed for
 * now, and gaps are not known yet. Rendering proves it. Else they are read
 * through.
 */
int spanrec_audio_foresee(struct spanrec *spanrec, struct spanrec_audio *audio)
	__attribute__((warn_unused_result));

/** What has been foreseen was not so: forget what was written, measure, and
 * begin anew. */
#define SPANREC_AUDIO_AGAIN (-EAGAIN)

/** After all was read: was it as foreseen? @return 0, SPANREC_AUDIO_AGAIN */
int spanrec_audio_confirm(const struct spanrec_audio *audio)
	__attribute__((warn_unused_result));
/** ... then all is known of it, the gaps as well. @return exit code */
int spanrec_audio_settle(struct spanrec_audio *audio)
	__attribute__((warn_unused_result));

void spanrec_audio_fini(struct spanrec_audio *audio);

/** Begin so much later; it must be less than the length. */
void spanrec_audio_skip(struct spanrec_audio *audio, int64_t offset_ns);

/** Give fn the sound: audio->frames frames, if its end is known; else some more,
 * as long as it goes on. @return exit code, SPANREC_AUDIO_AGAIN */
int spanrec_audio_render(struct spanrec *spanrec,
			 const struct spanrec_audio *audio,
			 spanrec_audio_fn fn, void *ctx)
	__attribute__((warn_unused_result));

/** Open one recording. @return exit code */
int spanrec_reader_open(struct spanrec *spanrec,
			const struct store_segment *segment,
			struct store_reader **reader)
	__attribute__((warn_unused_result));
/** Say that reading failed. @return exit code */
int spanrec_reader_failed(const struct store_segment *segment, int error);

/* ---- marks.c ----------------------------------------------------------- */

/** A stretch of time in which something is missing. */
struct spanrec_mark {
	int64_t from_ns, until_ns;
	unsigned sides;     /**< 1 << enum store_side */
	bool unrecorded;    /**< a segment without sound, else a gap */
	const char *reason; /**< one word; borrowed from the selection */
};

struct spanrec_marks {
	struct spanrec_mark *marks; /**< in order of time */
	size_t count;
};

/**
 * What is missing between the start and the end of what is going to be heard:
 * gaps, and segments of the call that were not recorded.
 *
 * @param audio measured
 * @param marks for spanrec_marks_fini in any case
 * @return exit code
 */
int spanrec_marks_make(const struct spanrec_audio *audio,
		       struct spanrec_marks *marks)
	__attribute__((warn_unused_result));
void spanrec_marks_fini(struct spanrec_marks *marks);

/** "left", "right", "both sides" */
const char *spanrec_mark_sides(const struct spanrec_mark *mark);

#endif
