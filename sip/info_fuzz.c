/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of an INFO in a call, whole and cut, of one of two types. It tells
 * of one key at most, and of none when it is sent again. */
#include "sip/sip.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { BODY_MAX = 1024 };

#define HEAD(method, cseq)                                                     \
	method " sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK" cseq    \
	       "\r\nFrom: <sip:1@h>;tag=a\r\nTo: <sip:2@h>\r\nCall-ID: 1\r\n"  \
	       "CSeq: " cseq " " method "\r\n"

static unsigned keys;

static void
count(void *ctx, const struct sip_event *event)
{
	(void)ctx;
	if (event->type != SIP_EVENT_KEY)
		return;
	keys++;
	assert(event->keyed->key &&
	       strchr("0123456789*#ABCD", event->keyed->key));
}

static void
input(struct sip_tracker *tracker, const char *head, const uint8_t *body,
      size_t n, uint32_t missing)
{
	char text[512 + BODY_MAX];
	int head_bytes = snprintf(text, sizeof(text), "%s\r\n", head);
	struct capture_pkt pkt = {
		.payload = (const uint8_t *)text,
		.payload_bytes = (uint32_t)((size_t)head_bytes + n),
		.missing_bytes = missing,
	};

	memcpy(text + head_bytes, body, n);
	assert(sip_tracker_input(tracker, &pkt) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const heads[] = {
		HEAD("INFO", "2") "Content-Type: application/dtmf-relay\r\n",
		HEAD("INFO", "2") "Content-Type: application/dtmf\r\n"
	};
	struct sip_tracker *tracker;
	const char *head;

	if (n == 0 || n > BODY_MAX ||
	    sip_tracker_new(&tracker, NULL, count, NULL))
		return 0;
	keys = 0;
	head = heads[bytes[0] & 1];
	input(tracker, HEAD("INVITE", "1"), bytes, 0, 0);
	input(tracker, head, bytes + 1, n - 1, bytes[0] & 2 ? 1 : 0);
	assert(keys <= 1);
	if (keys == 1)
		input(tracker, head, bytes + 1, n - 1, 0);
	assert(keys <= 1);
	sip_tracker_free(&tracker);
	return 0;
}
