/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The flows of one capture thread: where that thread puts RTP, and from where
 * the writers take it. One slab of memory, reserved at its full size and
 * touched as it is used; flows are named by their index in it.
 *
 * The life of a flow:
 *
 *   FREE ──capture thread──► ACTIVE ──capture thread──► DETACHED
 *    ▲                                                     │
 *    └───────────────── writer, once it is empty ──────────┘
 *
 * Only the capture thread detaches: when a packet comes after flow_idle of
 * silence, when the sequence numbers jump, or when its sweep finds a flow
 * silent for so long. This is decided by packet times alone.
 *
 * One writer at a time consumes a flow; it hands the flow over by storing
 * another writer's number in `writer`.
 */
#ifndef CMD_SPANRECD_FLOWS_H
#define CMD_SPANRECD_FLOWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/pkt.h"
#include "capture/table.h"
#include "rtp/jitter.h"
#include "rtp/probe.h"

/** Packets that may be prepared at a time. */
enum { FLOWS_BATCH = 32 };

struct flows;
struct segment;
struct media_entry;

enum flow_state { FLOW_FREE, FLOW_ACTIVE, FLOW_DETACHED };

/** What the writer that consumes a flow knows about it. */
struct flow_binding {
	const struct media_entry *entry; /**< whose it is; NULL: nobody's */
	uint64_t media;                  /**< number of the last entry */
	uint32_t media_generation; /**< entry is good until it changes */
	uint32_t segment_generation; /**< segment is good until it changes */
	int64_t until_ns;  /**< entry is good for frames before */
	uint64_t call;     /**< that the flow is stuck to; 0: none */
	uint8_t speaker;   /**< enum sip_party: the end of the conversation */
	bool encrypted;
	bool events;       /**< keys are sent as events, not as sound */
	bool over;         /**< the claim is over, it lingers */
	uint8_t frames;    /**< of it so far, as far as it matters */
	struct segment *segment; /**< of the last frame; NULL: look it up */
	uint64_t segment_serial; /**< which one `stream` is of */
	int stream;              /**< of the flow, in that segment */
	int64_t last_ns;         /**< of the last frame taken ... */
	uint32_t last_timestamp; /**< ... RTP */
	uint64_t last_call; /**< whose it was */
};

struct flow {
	struct capture_flow_key key; /**< written before it becomes ACTIVE */
	struct flow_binding binding; /**< the consuming writer's */
};

struct flows_config {
	uint32_t flows_max;
	struct rtp_jitter_config jitter;
	int64_t idle_ns;
	uint32_t writers;
	bool probe; /**< say which flows are streams: FLOWS_STREAM */
};

/** How a packet fared. */
enum flows_put {
	FLOWS_PUT,       /**< taken in, whatever the jitter buffer made of it */
	FLOWS_STREAM,    /**< likewise; and by now the flow is known to be a
			  * stream of RTP: once for each, if asked for */
	FLOWS_WAIT,      /**< no room now */
	FLOWS_EXHAUSTED  /**< no flow is free */
};

/** @return 0, -ENOMEM, -EINVAL */
int flows_new(struct flows **flows, const struct flows_config *config,
	      const uint8_t *hash_key) __attribute__((warn_unused_result));
void flows_free(struct flows **flows);

/** An RTP packet on its way to its flow. */
struct flows_packet {
	struct capture_pkt pkt; /**< its payload is not looked at */
	struct rtp_hdr hdr;
	uint64_t frame; /**< number of its frame in the input */
	/* by flows_prepare */
	struct capture_flow_key key;
	uint32_t hash;
};

/**
 * Get several packets ready to be put, in order. What is slow about a put is
 * waiting for memory, since each flow has its own: here the memory of all of
 * them is asked for at once.
 *
 * @thread capture
 */
void flows_prepare(struct flows *flows, struct flows_packet *packets,
		   uint32_t count);

/**
 * Put a prepared packet into the jitter buffer of its flow; begin a flow if
 * need be.
 *
 * @param shed give the packet up if there is no room (the answer is then
 *        FLOWS_PUT), instead of FLOWS_WAIT
 * @thread capture
 * @cost no allocation, no system call
 */
enum flows_put flows_put(struct flows *flows, const struct flows_packet *packet,
			 bool shed);

/**
 * The stream of the packet that was just put.
 *
 * @return borrowed until the next packet is put
 * @thread capture
 */
const struct rtp_probe *flows_stream(const struct flows *flows,
				     const struct flows_packet *packet);

/**
 * Begin no flow before a time: there is none, and looking for one takes long.
 * By packet time, so that it is the same for any timing of the threads.
 *
 * @thread capture
 */
void flows_close(struct flows *flows, int64_t until_ns);
bool flows_closed(const struct flows *flows, int64_t time_ns);

/** Detach flows that fell silent; looks at a part of them. @thread capture */
void flows_sweep(struct flows *flows, int64_t now_ns);
/** The input is over: detach all. @thread capture */
void flows_detach_all(struct flows *flows);

/** Flows in use now. @thread capture; a gauge for others */
uint32_t flows_used(const struct flows *flows);

/* ---- writers ---- */

/** No flow at or above this index was ever used. @thread any */
uint32_t flows_high(const struct flows *flows);

/**
 * The flow, if this writer is its consumer now.
 *
 * @param detached set if nothing more will be put into it
 * @return NULL if it is free or another writer's
 * @thread writer
 */
struct flow *flows_claim(struct flows *flows, uint32_t index, uint32_t writer,
			 bool *detached);
/** Fetch the memory of a flow that will be claimed soon. @thread writer */
void flows_prefetch(struct flows *flows, uint32_t index);
struct rtp_jitter *flows_jitter(struct flows *flows, uint32_t index);
/** Let another writer consume it from here on. @thread its writer */
void flows_hand_over(struct flows *flows, uint32_t index, uint32_t writer);
/** Give a detached, empty flow back. @thread its writer */
void flows_release(struct flows *flows, uint32_t index);

#endif
