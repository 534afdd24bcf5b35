/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A segment in the making: its row of the index, its streams and, if it is
 * recorded and has media, its recording. Belongs to the writer of its call.
 *
 *   IDLE ──first frame──► OPENING ──key durable──► OPEN ──► closed
 *                            └──────disk error──────┴─────► FAILED
 *
 * A decision that gets stricter in mid-call takes the recording back at once:
 * from OPEN to GONE, and the archive thread destroys the key.
 */
#ifndef CMD_SPANRECD_SEGMENT_H
#define CMD_SPANRECD_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/table.h"
#include "cmd/common/counters.h"
#include "cmd/spanrecd/copies.h"
#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/figures.h"
#include "cmd/spanrecd/hold.h"
#include "cmd/spanrecd/redundant.h"
#include "cmd/spanrecd/reports.h"
#include "rtp/jitter.h"
#include "rtp/transcode.h"
#include "store/store.h"

struct secrets;

enum segment_state { SEGMENT_IDLE, SEGMENT_OPENING, SEGMENT_OPEN,
		     SEGMENT_FAILED, SEGMENT_GONE };

/** Packets left out in a row: becomes a gap when it ends. */
struct segment_run {
	uint32_t packets;
	enum store_reason reason;
	int64_t from_ns;  /**< of the frame before */
	int64_t until_ns; /**< of the last one left out */
};

/** A gap of before the first frame that is stored. */
struct segment_gap {
	struct segment_gap *next; /**< one that ended later */
	struct store_gap gap;
};

/** A time in which a call was not recorded because somebody paused it. */
struct segment_pause {
	struct segment_pause *next; /**< the one before it */
	int64_t from_ns, until_ns;  /**< INT64_MAX while it lasts */
	enum store_reason reason;
};

struct segment {
	struct segment *next; /**< of the same call, later */
	uint64_t serial; /**< unlike an address, never used again */
	uint64_t call;
	int64_t start_ns; /**< frames from here on ... */
	int64_t end_ns;   /**< ... and before here; INT64_MAX while it lasts */
	int64_t alive_s;  /**< second of packet time last reported alive */
	enum segment_state state;
	bool last;        /**< the call ended with it ... */
	bool silent;      /**< ... and with its last frame, if not before */
	bool by_media;    /**< ... with that */
	bool take_back;   /**< recorded, then decided against: to be GONE */
	bool left_is_caller; /**< the end of the conversation whose side is left */
	bool if_media;    /**< without media it never was: the one before was
			   * recorded by an earlier run, or it goes on elsewhere */
	enum store_reason refusal; /**< of a decision not to record */
	uint8_t traces; /**< enum policy_traces: what may stay of it then */
	struct writer_lookback lookback;
	struct hold **hold; /**< of the call: what waits */
	struct secrets *secrets; /**< of the call: its keys of SRTP */
	struct segment_pause *const *pauses; /**< of the call, newest first */
	struct store_recording *recording;
	struct store_stream_info info[STORE_STREAMS_MAX];
	struct segment_run left_out[STORE_STREAMS_MAX];
	struct segment_gap *early, **early_end; /**< the recording has yet to be
						 * told of them */
	struct copies *copies[STORE_STREAMS_MAX]; /**< where several mirror
						   * ports show a stream */
	struct figures *figures[STORE_STREAMS_MAX]; /**< how they fared */
	struct figures_heard heard;
	const struct reports *reports; /**< of the call; NULL: there are none */
	uint32_t introduced; /**< streams that the recording was told of */
	uint64_t told[STORE_STREAMS_MAX][2]; /**< ... formats: bit per payload
					      * type */
	uint64_t media[STORE_STREAMS_MAX]; /**< what they meant, where they
					    * waited: number of the media */
	/** where sound is stored as Opus */
	struct rtp_transcoder *transcoders[STORE_STREAMS_MAX];
	bool strange; /**< a segment before it had other rules */
	struct redundant redundant[STORE_STREAMS_MAX];
	uint64_t told_opus[STORE_STREAMS_MAX][2]; /**< ... told as such */
	struct store_segment row;
};

/** What a frame of a segment is done with. */
struct segment_input {
	const struct store_archive *archive;
	struct counters *counters;
	const struct rtp_transcode_config *opus; /**< NULL: as received */
	int64_t dead_air_ns; /**< nobody is heard for so long; 0: never mind */
	_Atomic int *error; /**< first error of a recording, negative errno */
	/** Room for a request to the archive thread; never NULL. */
	struct archive_request *(*request)(void *ctx, uint32_t bytes);
	void (*commit)(void *ctx, uint32_t bytes);
	void *ctx;
};

/**
 * @param event SEGMENT: its call, head, side, traces and look-back
 * @param pauses of the call, newest first; borrowed
 * @param hold of the call; borrowed
 * @param reports of the call; borrowed; may be NULL
 * @return NULL: out of memory
 */
struct segment *segment_new(const struct writer_event *event,
			    struct segment_pause *const *pauses,
			    struct hold **hold, const struct reports *reports);
void segment_free(struct segment **segment);

/** More is known: numbers, the answer, perhaps a stricter decision.
 * @param event UPDATE */
void segment_update(struct segment *segment, const struct writer_event *event);

/** The caller has opted out: it is not recorded, nor was it. */
void segment_discard(struct segment *segment);

/** If its recording is to be taken back and can be, do it. */
void segment_take_back(struct segment *segment, const struct segment_input *in,
		       int64_t now_ns);

/** The first streams of a segment have their place at once; later ones, when
 * they have so many packets: who makes up a stream for each packet may not take
 * the place of one that is. */
#define SEGMENT_STREAMS_AT_ONCE (STORE_STREAMS_MAX / 2)
#define SEGMENT_RUN_MAX         3

/** How many packets the next stream must have, where there are so many. */
static inline uint32_t
segment_run_wanted(uint32_t streams)
{
	if (streams < SEGMENT_STREAMS_AT_ONCE)
		return 1;
	return streams < SEGMENT_STREAMS_AT_ONCE * 3 / 2 ? 2 : SEGMENT_RUN_MAX;
}

/**
 * The stream of a flow in this segment, made if need be.
 *
 * @param speaker the end of the conversation that sends it
 * @param run packets of it so far, and those that are there already
 * @return its number, or -ENOSPC: there are too many, or this one is too short
 */
int segment_stream(struct segment *segment, enum sip_party speaker,
		   const struct capture_flow_key *key, uint32_t run);

/** A packet of a stream that finds no place: counted with the last one. */
void segment_overflow(struct segment *segment, const struct segment_input *in,
		      enum rtp_take kind);

/** A packet that there is no room for while it waits. */
void segment_shed(struct segment *segment, const struct segment_input *in,
		  int stream);

/** What the payload types of a stream mean may have changed. */
void segment_forget_formats(struct segment *segment, int stream);

/** Where a frame comes from. */
struct segment_flow {
	int stream;     /**< from segment_stream */
	bool encrypted; /**< there is no sound to be had */
	const struct writer_media *media; /**< what its payload types mean */
	int64_t last_ns; /**< of the frame before, for gaps */
	bool kernel; /**< a gap: while the kernel dropped frames */
	bool several; /**< other mirror ports may show the same packets */
	bool tone; /**< a key is heard in the sound */
	bool withheld; /**< whether the caller wants it was not said */
};

/**
 * Account for what the jitter buffer gave, and store it if it is a frame to
 * be stored.
 *
 * @return 0, or -ENOBUFS: nothing was done, the recording is not open yet
 */
int segment_take(struct segment *segment, const struct segment_input *in,
		 const struct segment_flow *flow, enum rtp_take kind,
		 const struct rtp_frame *frame)
	__attribute__((warn_unused_result));

/** The key is durable (or not): begin the file. */
void segment_opened(struct segment *segment, const struct segment_input *in,
		    const struct archive_answer *answer);

/** Write what waits for more than a second. */
void segment_flush(struct segment *segment, const struct segment_input *in,
		   int64_t now_ns);

/**
 * Finish the recording and hand the row to the archive thread.
 *
 * @return 0, or -EAGAIN: the key is not durable yet
 */
int segment_close(struct segment *segment, const struct segment_input *in)
	__attribute__((warn_unused_result));

#endif
