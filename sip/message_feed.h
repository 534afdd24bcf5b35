/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What fuzzers of calls share: messages that are built of a number, out of a
 * few of each kind, so that what belongs together meets.
 *
 *   feed_message   one or two calls; what transactions and dialogs are made of
 *   feed_linked    eight calls of four numbers; what links calls: REFER,
 *                  NOTIFY, Replaces, 302, ids, hold, addresses passed on
 */
#ifndef SIP_MESSAGE_FEED_H
#define SIP_MESSAGE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The next bits of a number. */
static inline unsigned
feed_bits(uint64_t *seed, unsigned n)
{
	unsigned bits = (unsigned)(*seed & ((1U << n) - 1));

	*seed >>= n;
	return bits;
}

/** @param seed 24 bits. @return its length */
static inline size_t
feed_message(char *text, size_t room, uint32_t seed)
{
	static const char *const starts[] = {
		"INVITE sip:a SIP/2.0",  "ACK sip:a SIP/2.0",
		"BYE sip:a SIP/2.0",     "CANCEL sip:a SIP/2.0",
		"PRACK sip:a SIP/2.0",   "UPDATE sip:a SIP/2.0",
		"SIP/2.0 183 Progress",  "SIP/2.0 200 OK",
		"SIP/2.0 200 OK",        "SIP/2.0 486 Busy",
		"SIP/2.0 401 Challenge", "SIP/2.0 487 Cancelled",
		"INVITE sip:a SIP/2.0",  "INVITE sip:a SIP/2.0",
		"SIP/2.0 180 Ringing",   "SIP/2.0 491 Pending",
	};
	static const char *const methods[] = { "INVITE", "ACK",   "BYE",
					       "CANCEL", "PRACK", "UPDATE" };
	static const char *const directions[] = { "sendrecv", "sendonly",
						  "recvonly", "inactive" };
	unsigned start = seed % 16;
	unsigned method = start < 6 ? start : start < 12 ? seed >> 4 & 3 : 0;
	int n;

	if (start >= 6 && start < 12 && method)
		method = method == 1 ? 2 : method + 2;
	n = snprintf(text, room,
		     "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u\r\n"
		     "From: <sip:1@h>;tag=%u\r\nTo: <sip:2@h>%s%u\r\n"
		     "Call-ID: %u\r\nCSeq: %u %s\r\n"
		     "P-Asserted-Identity: <sip:%u@h>\r\n"
		     "Content-Type: application/sdp\r\n\r\n",
		     starts[start], seed >> 6 & 7, seed >> 9 & 1,
		     seed >> 10 & 1 ? ";tag=" : ";x=", seed >> 11 & 3,
		     seed >> 13 & 1, seed >> 14 & 3, methods[method],
		     seed >> 16 & 1);
	if (seed >> 17 & 1)
		n += snprintf(text + n, room - (size_t)n,
			      "v=0\r\nc=IN IP4 %s\r\nm=audio %u RTP/AVP %u\r\n"
			      "a=%s\r\n",
			      seed >> 18 & 1 ? "10.0.0.1" : "0.0.0.0",
			      seed >> 19 & 3, seed >> 21 & 1,
			      directions[seed >> 22 & 3]);
	return (size_t)n;
}

/** The line of another dialog, or an id, or nothing. */
static inline int
feed_link_line(char *text, size_t room, uint64_t *seed)
{
	unsigned kind = feed_bits(seed, 3), other = feed_bits(seed, 3);

	switch (kind) {
	case 0:
		return snprintf(text, room, "Session-ID: %032x;remote=0\r\n",
				1 + other % 2);
	case 1:
		return snprintf(text, room,
				"P-Charging-Vector: icid-value=1234567%u\r\n",
				other % 2);
	case 2:
		return snprintf(text, room, "Cisco-Guid: 1-2-3-4-%u\r\n",
				other % 2);
	case 3:
		return snprintf(text, room,
				"Replaces: %u;to-tag=t%u;from-tag=f%u\r\n",
				other, other, other);
	case 4:
		return snprintf(text, room, "Referred-By: <sip:200%u@h>\r\n",
				other % 4);
	case 5:
		return snprintf(text, room, "Diversion: <sip:200%u@h>\r\n",
				other % 4);
	default:
		text[0] = '\0';
		return 0;
	}
}

/** Who is to be called: by REFER, with or without Replaces, or a 302. */
static inline int
feed_target_line(char *text, size_t room, const char *header, uint64_t *seed)
{
	unsigned user = feed_bits(seed, 2), other = feed_bits(seed, 3);

	if (feed_bits(seed, 1))
		return snprintf(text, room, "%s: <sip:200%u@h>\r\n", header,
				user);
	return snprintf(text, room,
			"%s: <sip:200%u@h?Replaces=%u%%3Bto-tag%%3Dt%u"
			"%%3Bfrom-tag%%3Df%u>\r\n",
			header, user, other, other, other);
}

static inline int
feed_description(char *text, size_t room, uint64_t *seed)
{
	static const char *const directions[] = { "sendrecv", "sendrecv",
						  "sendonly", "inactive" };
	unsigned host = feed_bits(seed, 2), port = feed_bits(seed, 1);

	return snprintf(text, room,
			"Content-Type: application/sdp\r\n\r\nv=0\r\n"
			"c=IN IP4 10.0.0.%u\r\nm=audio %u RTP/AVP 8\r\n"
			"a=%s\r\n",
			host, 4000 + 2 * port, directions[feed_bits(seed, 2)]);
}

/** @param seed 48 bits. @return its length */
static inline size_t
feed_linked(char *text, size_t room, uint64_t seed)
{
	static const struct {
		const char *start, *method, *target;
	} kinds[] = {
		{ "INVITE sip:a SIP/2.0", "INVITE", NULL },
		{ "INVITE sip:a SIP/2.0", "INVITE", NULL },
		{ "INVITE sip:a SIP/2.0", "INVITE", NULL },
		{ "INVITE sip:a SIP/2.0", "INVITE", NULL },
		{ "SIP/2.0 200 OK", "INVITE", NULL },
		{ "SIP/2.0 200 OK", "INVITE", NULL },
		{ "SIP/2.0 200 OK", "INVITE", NULL },
		{ "ACK sip:a SIP/2.0", "ACK", NULL },
		{ "SIP/2.0 180 Ringing", "INVITE", NULL },
		{ "SIP/2.0 302 Moved", "INVITE", "Contact" },
		{ "REFER sip:a SIP/2.0", "REFER", "Refer-To" },
		{ "REFER sip:a SIP/2.0", "REFER", "Refer-To" },
		{ "SIP/2.0 603 Decline", "REFER", NULL },
		{ "NOTIFY sip:a SIP/2.0", "NOTIFY", NULL },
		{ "BYE sip:a SIP/2.0", "BYE", NULL },
		{ "BYE sip:a SIP/2.0", "BYE", NULL },
	};
	unsigned kind = feed_bits(&seed, 4), call = feed_bits(&seed, 3);
	bool by_callee = feed_bits(&seed, 1);
	bool in_dialog = kind >= 4 || feed_bits(&seed, 1);
	unsigned cseq = 1 + feed_bits(&seed, 3);
	unsigned from = feed_bits(&seed, 2), to = feed_bits(&seed, 2);
	size_t n;

	n = (size_t)snprintf(
	    text, room,
	    "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%s%u\r\n"
	    "From: <sip:200%u@h>;tag=%c%u\r\nTo: <sip:200%u@h>%s%c%u\r\n"
	    "Call-ID: %u\r\nCSeq: %u %s\r\n",
	    kinds[kind].start, kinds[kind].method, cseq, from,
	    by_callee ? 't' : 'f', call, to, in_dialog ? ";tag=" : ";x=",
	    by_callee ? 'f' : 't', call, call, cseq, kinds[kind].method);
	n += (size_t)feed_link_line(text + n, room - n, &seed);
	if (kinds[kind].target)
		n += (size_t)feed_target_line(text + n, room - n,
					      kinds[kind].target, &seed);
	if (kind == 13)
		n += (size_t)snprintf(text + n, room - n,
				      "Content-Type: message/sipfrag\r\n\r\n"
				      "SIP/2.0 %u Whatever\r\n",
				      feed_bits(&seed, 1) ? 200 : 503);
	else if (kind < 8 && feed_bits(&seed, 2))
		n += (size_t)feed_description(text + n, room - n, &seed);
	else
		n += (size_t)snprintf(text + n, room - n, "\r\n");
	return n;
}

#endif
