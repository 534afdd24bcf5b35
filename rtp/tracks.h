/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sound of one side, kept by stream until it is taken out as one.
 *
 * A mirror often shows one talker on several hops: before and behind a media
 * relay, on both legs of a B2BUA. Streams of a side that overlap in time are
 * therefore alternatives, and at each moment one of them is heard:
 *
 *  - the one that was heard, as long as it has sound;
 *  - where it has none (a loss, a pause, its end), another one that has, first
 *    of all one of the same group; and that one is stayed with, so that there
 *    are as few changes as can be;
 *  - but not the rest of what was just heard: a hop that is behind still has
 *    the last words when a talkspurt ends.
 *
 * A group are streams whose sound is at the same place to the sample. A change
 * between others repeats or skips what the relay between them delays.
 *
 * What was made up in place of a loss, or of silence, is heard where no stream
 * has sound that was received.
 *
 * Two parties who talk on one side at once, each in a stream of its own, cannot
 * be told from this, and are alternatives too.
 */
#ifndef RTP_TRACKS_H
#define RTP_TRACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_TRACKS_BLOCKS_MAX 60 /**< memory comes in seconds */

/** A hop is behind another by less than this: what a jitter buffer on the way
 * may hold. */
#define RTP_TRACKS_RELAY_NS 100000000LL

struct rtp_tracks_block;

/** All else zero: nothing is there. Positions and counts are samples, from 0. */
struct rtp_tracks {
	uint32_t sample_hz; /**< given; 10 or more */
	struct rtp_tracks_block *blocks; /**< by time */
	uint32_t blocks_count;
	/* what was heard last, and where it ended */
	uint32_t stream, group;
	int64_t end;
	int64_t rest_end; /**< until here hops that are behind are not heard */
	uint64_t overlapped; /**< samples of a stream over its own, received */
};

void rtp_tracks_fini(struct rtp_tracks *tracks);

/** Whose sound it is. */
struct rtp_tracks_owner {
	uint32_t stream; /**< any number */
	uint32_t group;  /**< any number; may change from time to time */
	bool made_up;    /**< not received */
};

/**
 * Put sound at a position; a stream that goes back over its own replaces it,
 * but never what was received by what is made up.
 *
 * @param position not before what was taken
 * @return 0, -ENOMEM, -ENOBUFS: RTP_TRACKS_BLOCKS_MAX seconds wait
 * @cost an allocation for each stream in each second
 */
int rtp_tracks_put(struct rtp_tracks *tracks,
		   const struct rtp_tracks_owner *owner, int64_t position,
		   const int16_t *pcm, size_t samples)
	__attribute__((warn_unused_result));

/**
 * Take out what is heard from a position on, which is where the last take
 * ended; zeros where there is nothing. All sound up to
 * RTP_TRACKS_RELAY_NS after the last sample must be there.
 *
 * @param pcm [samples * step], written at 0, step, 2 * step ...
 * @cost linear in samples times streams that have sound there
 */
void rtp_tracks_take(struct rtp_tracks *tracks, int16_t *pcm, size_t step,
		     int64_t position, size_t samples);

#endif
