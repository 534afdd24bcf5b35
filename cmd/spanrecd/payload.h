/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the payload of a packet is, by the media that it belongs to. */
#ifndef CMD_SPANRECD_PAYLOAD_H
#define CMD_SPANRECD_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/spanrecd/events.h"
#include "rtp/jitter.h"

/** What a payload type means. @return false: nobody explained it */
bool payload_format(const struct writer_media *media, uint8_t payload_type,
		    struct rtp_format *format);

/**
 * Does this packet tell of keyed digits? As the SDP says; and a payload type
 * that nobody explained and that is as long as a telephone event (RFC 4733
 * section 2.3) is taken for one.
 *
 * @param format what its payload type means; NULL if nobody explained it
 */
bool payload_is_event(const struct rtp_format *format,
		      const struct rtp_frame *frame);

/** Are its payloads several in one (RFC 2198)? */
bool payload_is_red(const struct rtp_format *format);

/** Is a keyed digit among the blocks of a packet of several? Of one that cannot
 * be taken apart nobody knows: it may be. */
bool payload_has_event(const struct writer_media *media,
		       const struct rtp_frame *frame);

#endif
