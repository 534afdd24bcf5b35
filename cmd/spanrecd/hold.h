/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The look-back: what the jitter buffers gave of a conversation and is not
 * sealed yet, since something may still happen that reaches back to it. In
 * memory only, out of swap as far as may be, and wiped before it is given back:
 * it may be a card number that somebody reads out.
 *
 * What an item is, and to which segment it belongs, is decided when it leaves:
 * a segment may begin in the past.
 */
#ifndef CMD_SPANRECD_HOLD_H
#define CMD_SPANRECD_HOLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/table.h"
#include "cmd/spanrecd/events.h"
#include "rtp/jitter.h"

/** What all conversations together may hold. */
struct hold_budget {
	_Atomic uint64_t bytes;
	uint64_t bytes_max;
};

/** What the jitter buffer of a flow gave. */
struct hold_item {
	struct hold_item *next, *before;
	enum rtp_take kind;
	enum sip_party speaker;
	bool encrypted;
	bool kernel; /**< a gap: while the kernel dropped frames */
	bool tone;   /**< a key is heard in it: it is not to be stored */
	uint8_t run; /**< for segment_stream */
	uint32_t bytes; /**< of the item, with its payload */
	struct capture_flow_key key;
	const struct writer_media *media; /**< a copy that lives with the hold */
	int64_t last_ns;        /**< of the frame before */
	struct rtp_frame frame; /**< its payload is a copy too */
	uint8_t payload[];
};

struct hold;

/** @param budget borrowed. @return NULL: out of memory */
struct hold *hold_new(struct hold_budget *budget);
void hold_free(struct hold **hold);

/**
 * Put a copy behind all others.
 *
 * @param item all but next, before, bytes, media and payload
 * @param media what its payload types mean, with as many formats as it has;
 *        copied once for each number
 * @return 0; -ENOBUFS: the budget is used up; -ENOMEM
 * @cost an allocation
 */
int hold_put(struct hold *hold, const struct hold_item *item,
	     const struct writer_media *media)
	__attribute__((warn_unused_result));

/** The first item; NULL: there is none. */
const struct hold_item *hold_peek(const struct hold *hold);
/** It leaves, and is wiped. */
void hold_drop(struct hold *hold);

/** Is there anything of before a time? @cost O(what is held) */
bool hold_has_before(const struct hold *hold, int64_t time_ns);

/** A key is heard in these frames of a stream, both included: the latest whose
 * sequence numbers these are. @cost O(what came since) */
void hold_mark(struct hold *hold, const struct capture_flow_key *key,
	       uint32_t first, uint32_t last);

#endif
