/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media table, versioned in time: which conversation, and which end of it,
 * owned an address at a moment. The control thread decides what is in it; each writer keeps a
 * copy of its own, built from the same events in the same order, so that
 * looking up needs neither locks nor reclamation.
 *
 * Who owns a frame of a flow is a function of capture times alone. Of the
 * claims on its destination (its sender is the other party) and on its source
 * (symmetric RTP, RFC 4961: its sender is that party), in this order:
 *
 *   1. open at the time of the frame
 *   2. announced within the reorder window after it (RTP before its SDP)
 *   3. closed less than `linger` before it (RTP after the BYE)
 *   4. announced within `claim` after it
 *   5. of a pair of addresses that nobody announced (an orphan). Since 4 comes
 *      before it, such a frame waits until the watermark is `claim` past it
 *
 * Among claims of one kind the newest call wins, and a claim on the
 * destination before one on the source; of kinds 2 and 4 the earliest. A claim
 * that is weak (ICE tries it) gives way to one of its kind that is not. A flow
 * that is bound stays with its owner until that claim is over, linger
 * included, so that a port used again 20 ms after a BYE is not a leak.
 *
 * A call that is brought back after a restart may have been over before it, and
 * its ports another's whose INVITE nobody saw. So until its SIP shows that it
 * goes on it has a claim on the streams only that it is known to have had. To
 * all others it is as if its claims were announced at that moment. One of which
 * nothing was heard yet has no streams to be known by: it is not in doubt if
 * its last SIP is from just before the first frame of this run.
 */
#ifndef CMD_SPANRECD_MEDIA_H
#define CMD_SPANRECD_MEDIA_H

#include <stdint.h>

#include "cmd/spanrecd/events.h"

struct media_table;
struct media_doubt;

/**
 * [ns] From the last SIP of a call without streams to the first frame after a
 * restart, at most, for it not to be in doubt. Long enough for a recorder that
 * is killed and started again, short for a call to be over, and its ports
 * another's.
 */
#define MEDIA_FRESH_NS (5 * INT64_C(1000000000))

/** One claim. Valid until media_expire passes it. */
struct media_entry {
	struct media_entry *next; /**< in its bucket, newest first */
	uint64_t call;
	uint32_t writer;
	int64_t from_ns;
	int64_t until_ns; /**< INT64_MAX while open */
	bool moved;       /**< it does not linger */
	const struct media_doubt *doubt; /**< NULL: none */
	struct writer_media media; /**< with as many formats as it has */
};

struct media_times {
	int64_t window_ns; /**< reorder window */
	int64_t claim_ns;
	int64_t linger_ns;
	/** Where orphans are recorded: a frame that nobody has claimed waits so
	 * much longer than `claim` for one to be made of it. Else 0 */
	int64_t orphan_ns;
};

enum media_answer {
	MEDIA_NOBODY, /**< and nobody ever will: forget the frame */
	MEDIA_STRANGER, /**< likewise, on ports of a call that is in doubt */
	MEDIA_WAIT,   /**< somebody may still claim it */
	MEDIA_OWNED
};

struct media_owner {
	const struct media_entry *entry;
	enum sip_party speaker; /**< the end of the conversation */
	bool sticky; /**< the flow is this call's until the claim is over */
	bool encrypted; /**< as far as both ends are known, both keys are */
	bool events; /**< both ends are known, and both take keys as events
		      * (RFC 4733): none is keyed in the sound */
	bool over;      /**< the claim was closed at the time of the frame */
	int64_t until_ns; /**< by time alone the answer stays as it is until */
};

/** A frame: whose is it? */
struct media_question {
	const struct capture_flow_key *flow;
	int64_t time_ns;      /**< at most watermark_ns - window */
	int64_t watermark_ns; /**< all events up to then were applied */
	uint64_t bound;       /**< call that the flow is stuck to, or 0 */
};

/** @return 0, -ENOMEM */
int media_table_new(struct media_table **table,
		    const struct media_times *times,
		    const uint8_t *hash_key)
	__attribute__((warn_unused_result));
void media_table_free(struct media_table **table);

/**
 * WRITER_MEDIA_OPEN or WRITER_MEDIA_CLOSE; WRITER_DOUBT, before the first
 * claim of its call; WRITER_FIRST, once, after them; or WRITER_TRUST.
 *
 * @return 0, -ENOMEM
 */
int media_apply(struct media_table *table, const struct writer_event *event)
	__attribute__((warn_unused_result));

/**
 * Changes whenever a claim on one of these addresses does: an answer may be
 * kept until then.
 */
uint32_t media_generation(const struct media_table *table,
			  const struct capture_endpoint *src,
			  const struct capture_endpoint *dst);

enum media_answer media_find(const struct media_table *table,
			     const struct media_question *question,
			     struct media_owner *owner);

/** Until when a bound flow stays with this claim. */
int64_t media_entry_until(const struct media_table *table,
			  const struct media_entry *entry);

/** Forget claims that no frame at or after due_ns can have any use for. */
void media_expire(struct media_table *table, int64_t due_ns);

uint32_t media_count(const struct media_table *table);

#endif
