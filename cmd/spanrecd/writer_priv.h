/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of a writer thread share. All of it is that thread's own.
 *
 *   writer.c        the loop: out of the jitter buffers, whose is it
 *   writer_calls.c  conversations: their segments, and what waits in them
 *   writer_reports.c  what telephones report of their streams
 */
#ifndef CMD_SPANRECD_WRITER_PRIV_H
#define CMD_SPANRECD_WRITER_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "cmd/spanrecd/keyed.h"
#include "cmd/spanrecd/pipeline.h"
#include "cmd/spanrecd/secrets.h"
#include "cmd/spanrecd/segment.h"

/** A conversation whose writer this is. */
struct writer_call {
	UT_hash_handle hh;
	uint64_t number;
	struct segment *first; /* oldest not closed */
	struct segment *last;
	struct segment_pause *pauses; /* newest first */
	struct hold *hold; /* what waits; NULL: nothing ever has to */
	bool pending;      /* nothing is sealed */
	bool heard;        /* keys are heard for in its sound */
	int64_t keep_ns;   /* nothing later is sealed */
	bool over;         /* it has ended: nothing more can happen */
	struct keyed keyed;
	struct secrets secrets;
	struct reports reports; /* of telephones */
};

/** What a writer thread has. */
struct writer_state {
	struct writer *writer;
	struct pipeline *pipeline;
	struct media_table *media;
	const struct capture_thread *capture; /* whose flows are drained */
	struct writer_call *calls;            /* uthash by number */
	/* Changes when a segment begins, ends or goes: flows look again. */
	uint32_t segment_generation;
	uint64_t last_serial; /* of a segment */
	struct rtp_transcode_config opus;
	int64_t watermark_ns; /* of this pass */
	int64_t due_ns;
	int64_t taken_ns; /* all up to it was, or is on its way to its writer;
			   * but for what is stuck */
	int64_t keys_ns;  /* what came of keys up to it was told */
	int64_t stuck_ns; /* oldest frame that could not be stored yet */
	int64_t flushed_ns;
	uint64_t handovers; /* when this pass began */
	struct segment_input input;
};

/* writer.c */

/** Room for a request to the archive thread; waits for it. Never inside a take:
 * answers are looked at meanwhile. */
struct archive_request *writer__request_room(void *ctx, uint32_t bytes);
void writer__request_commit(void *ctx, uint32_t bytes);

/* writer_reports.c */

/** Reports that are due, to the conversations they are of. */
void writer__reports_take(struct writer_state *w);
/** One that came in SIP. @param event REPORT */
void writer__report_told(struct writer_state *w,
			 const struct writer_event *event);

/* writer_calls.c */

/** @return NULL: no such conversation is here */
struct writer_call *writer__call_find(const struct writer_state *w,
				      uint64_t number);
void writer__call_free(struct writer_call *call);
/** The segment of a conversation at a time: what came after its end, lingering,
 * is its last one's; what came before its first, its first's. NULL: there is
 * none, or no such conversation. */
struct segment *writer__segment_find(const struct writer_state *w,
				     uint64_t number, int64_t time_ns);
/** A segment begins or changes, a call is paused, is over, ... @return 0,
 * -ENOMEM */
int writer__call_event(struct writer_state *w, const struct writer_event *event);
/** Seal what nothing can reach back to any more. */
void writer__held_release(struct writer_state *w);
/** Write what waits for its chunk to be full. */
void writer__segments_flush(struct writer_state *w);
/** Close what is over, once every writer has handed over what it had. */
void writer__segments_close(struct writer_state *w, int64_t drained_ns);

#endif
