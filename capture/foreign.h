/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telephony that is seen and cannot be recorded, because its signalling is
 * encrypted or of a kind that is not read. It is recognised by content, so
 * that a recorder that records nothing can say why.
 *
 * What is counted is what begins something: a connection, a handshake, a
 * command. Not every packet that follows.
 */
#ifndef CAPTURE_FOREIGN_H
#define CAPTURE_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

#include "capture/pkt.h"

/** One row per kind: name, unit of what is counted, text for people. */
#define CAPTURE_FOREIGN_KINDS(X)                                               \
	X(sip_tls, "sessions", "SIP over TLS")                                 \
	X(dtls_srtp, "sessions", "DTLS-SRTP (keys of encrypted media)")        \
	X(sccp, "sessions", "SCCP (Skinny)")                                   \
	X(h323, "requests", "H.323")                                           \
	X(mgcp, "commands", "MGCP")                                            \
	X(ws_deflate, "sessions", "SIP over compressed WebSocket")

enum capture_foreign {
#define X(name, unit, text) CAPTURE_FOREIGN_##name,
	CAPTURE_FOREIGN_KINDS(X)
#undef X
	    CAPTURE_FOREIGN_COUNT
};

/** Name as in counters ("sip_tls"). */
const char *capture_foreign_name(enum capture_foreign kind);
/** @return the kind of this name, or -1 */
int capture_foreign_kind(const char *name);
/** Text for people ("SIP over TLS"). */
const char *capture_foreign_text(enum capture_foreign kind);

/** Unit of what is counted, of several ("sessions"). */
const char *capture_foreign_unit(enum capture_foreign kind);

/**
 * Is this datagram, which is neither RTP nor SIP, one of them: a DTLS
 * ClientHello that offers SRTP, H.323 RAS or an MGCP command?
 *
 * @return the kind, or -1
 * @thread any @cost no allocation; ordinary traffic is told by its first byte
 */
int capture_foreign_udp(const struct capture_pkt *pkt);

/**
 * Are these the first bytes that one side of a TCP connection sent, or the
 * first seen of it, and is it one of them? What is not there any more (a
 * ClientHello in several segments) is not waited for.
 *
 * @return the kind, or -1
 * @thread any @cost as capture_foreign_udp
 */
int capture_foreign_tcp(const uint8_t *bytes, size_t n, uint16_t src_port,
			uint16_t dst_port);

/**
 * Which of the two ends such a thing is told of: the side with the well-known
 * port, else where the first bytes went, for that is what people have to
 * configure. Of DTLS, where every phone is on its own, and of a WebSocket,
 * which its server has agreed to compress, it is the sender.
 *
 * @return one of src and dst
 */
const struct capture_endpoint *
capture_foreign_host(enum capture_foreign kind,
		     const struct capture_endpoint *src,
		     const struct capture_endpoint *dst);

#endif
