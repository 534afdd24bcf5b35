/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The entry to the decoders: which layer comes first is the one thing that
 * the frame does not say itself.
 */
#include "capture/decode_priv.h"

#include <errno.h>
#include <stdlib.h>

/* tcpdump.org/linktypes.html */
enum {
	LINKTYPE_NULL = 0,
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_PPP = 9,
	LINKTYPE_PPP_HDLC = 50,
	LINKTYPE_PPP_ETHER = 51,
	LINKTYPE_RAW = 101,
	LINKTYPE_C_HDLC = 104,
	LINKTYPE_LOOP = 108,
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_ERF = 197,
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

static capture__read_fn
reader_of(int link_type)
{
	switch (link_type) {
	case LINKTYPE_ETHERNET:
		return capture__ether_read;
	case LINKTYPE_LINUX_SLL:
		return capture__cooked1_read;
	case LINKTYPE_LINUX_SLL2:
		return capture__cooked2_read;
	case LINKTYPE_RAW:
		return capture__ip_read;
	case LINKTYPE_IPV4:
		return capture__ip4_read;
	case LINKTYPE_IPV6:
		return capture__ip6_read;
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return capture__loopback_read;
	case LINKTYPE_ERF:
		return capture__erf_read;
	case LINKTYPE_PPP:
		return capture__ppp_read;
	case LINKTYPE_PPP_HDLC:
		return capture__ppp_hdlc_read;
	case LINKTYPE_PPP_ETHER:
		return capture__pppoe_read;
	case LINKTYPE_C_HDLC:
		return capture__chdlc_read;
	default:
		return NULL;
	}
}

bool
capture_link_known(int link_type)
{
	return reader_of(link_type) != NULL;
}

int
capture_decoder_new(struct capture_decoder **decoder,
		    const struct capture_decode_config *config)
{
	struct capture_decoder *d = calloc(1, sizeof(*d));
	int r = -ENOMEM;

	if (d)
		r = capture__frags_new(&d->frags, config);
	if (r < 0) {
		free(d);
		return r;
	}
	*decoder = d;
	return 0;
}

void
capture_decoder_free(struct capture_decoder **decoder)
{
	if (*decoder)
		capture__frags_free(&(*decoder)->frags);
	free(*decoder);
	*decoder = NULL;
}

enum capture_outcome
capture_decode(struct capture_decoder *d, const struct capture_frame *frame,
	       int64_t now_ns, struct capture_pkt *pkt)
{
	struct capture_rd rd =
	    capture_rd_init(frame->bytes, frame->captured_bytes);
	enum capture_outcome outcome;
	capture__read_fn read;

	pkt->time_ns = d->now_ns = now_ns;
	d->frame++;
	/* Nearly all of them, and without a jump through a pointer. */
	if (frame->link_type == LINKTYPE_ETHERNET) {
		outcome = capture__ether_read(&rd, pkt, d);
	} else {
		read = reader_of(frame->link_type);
		if (!read)
			return CAPTURE_other_link;
		outcome = read(&rd, pkt, d);
	}
	if (d->tunnels)
		d->counters.tunnelled++;
	d->tunnels = d->within = 0;
	return outcome;
}

void
capture_decoder_tick(struct capture_decoder *d, int64_t now_ns)
{
	capture__frags_tick(d, now_ns);
}

const struct capture_decode_counters *
capture_decoder_counters_peek(const struct capture_decoder *d)
{
	return &d->counters;
}
