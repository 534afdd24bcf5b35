/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The entry to the decoders: which layer comes first is the one thing that
 * the frame does not say itself.
 */
#include "capture/decode_priv.h"

/* tcpdump.org/linktypes.html */
enum {
	LINKTYPE_NULL = 0,
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW = 101,
	LINKTYPE_LOOP = 108,
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_LINUX_SLL2 = 276
};

const char *
capture_outcome_name(enum capture_outcome outcome)
{
	static const char *const names[] = {
#define X(name, text) #name,
		CAPTURE_OUTCOMES(X)
#undef X
	};

	return names[outcome];
}

enum capture_outcome
capture_decode(const struct capture_frame *frame, struct capture_pkt *pkt)
{
	struct capture_rd rd =
	    capture_rd_init(frame->bytes, frame->captured_bytes);

	pkt->time_ns = frame->time_ns;
	switch (frame->link_type) {
	case LINKTYPE_ETHERNET:
		return capture__ether_read(&rd, pkt);
	case LINKTYPE_LINUX_SLL:
		return capture__cooked1_read(&rd, pkt);
	case LINKTYPE_LINUX_SLL2:
		return capture__cooked2_read(&rd, pkt);
	case LINKTYPE_RAW:
		return capture__ip_read(&rd, pkt);
	case LINKTYPE_IPV4:
		return capture__ip4_read(&rd, pkt);
	case LINKTYPE_IPV6:
		return capture__ip6_read(&rd, pkt);
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return capture__loopback_read(&rd, pkt);
	default:
		return CAPTURE_other_link;
	}
}
