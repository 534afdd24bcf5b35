/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the control thread share. All of it is that thread's own.
 *
 *   control.c   the loop: SIP of all capture threads by time, ticks, watermark
 *   calls.c     calls: their ids, decisions, segments; what writers are told
 */
#ifndef CMD_SPANRECD_CONTROL_PRIV_H
#define CMD_SPANRECD_CONTROL_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/pipeline.h"

/** A call in progress. */
struct control_call {
	UT_hash_handle hh;
	uint64_t number; /**< of the SIP tracker */
	uint32_t writer;
	uint32_t segments; /**< begun so far */
	bool held[2];      /**< [party]: has put the other on hold */
	char id[STORE_CALL_ID_BYTES];
	struct policy_verdict verdict;
};

/** An id given in this run. */
struct given_id {
	UT_hash_handle hh;
	struct given_id *next;
	int64_t start_ns;
	char id[STORE_CALL_ID_BYTES];
};

struct control_state {
	struct pipeline *pipeline;
	struct sip_tracker *tracker;
	struct control_call *calls; /**< uthash by number */
	struct given_id *ids;       /**< uthash by id */
	struct given_id *oldest, *newest;
	struct alive_report *reports; /**< not yet due */
	size_t reports_count, reports_capacity;
	int64_t grid_ns; /**< the last tick */
	int64_t published_ns;
	bool finished;
	bool loop_made, kick_made;
};

/* control.c */

/** Publish a watermark: all SIP up to it was understood. */
void control__publish(struct control_state *c, int64_t watermark_ns);
/** Take the writers' signs of life out of their rings. */
void control__collect_reports(struct control_state *c);

/* calls.c */

/** What the SIP tracker tells: sip_event_fn, ctx is the control_state. */
void control__on_sip_event(void *ctx, const struct sip_event *event);
void control__calls_free(struct control_state *c);

#endif
