/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message is read by libosip2 and by the tolerant scan; whatever libosip2
 * accepts, the scan must too, and agree on what makes a call.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct sip_config limits = { .message_bytes_max = 65535,
					  .headers_max = 256,
					  .line_bytes_max = 8192,
					  .separators_max = 512 };

static bool
is_within(struct sip_text slice, const char *start, size_t n)
{
	return slice.n == 0 ||
	       (slice.p >= start && slice.p + slice.n <= start + n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct sip_parser *parser;
	static char copy[SIP_HEAD_BYTES];
	char *input = malloc(n);
	struct sip_text text = { input, n };
	struct sip_identity identity;
	struct sip_msg msg, scanned;
	struct sip_head head;

	if (!parser && sip__parser_new(&parser, &limits))
		abort();
	if (n)
		memcpy(input, bytes, n);
	if (sip__msg_parse(parser, &msg, text, 0) == 0) {
		assert(msg.call_id.n > 0);
		assert(msg.status == 0 ||
		       (msg.status >= 100 && msg.status <= 699));
		assert(is_within(msg.body, input, n));
		assert(is_within(msg.sdp, input, n));
		sip__identity_set(&identity, &msg.from);
		sip__identity_set(&identity, &msg.to);
		sip__identity_assert(&identity, &msg.asserted);
		assert(sip__head_read(&head, copy, text) == 0);
		assert(sip__scan(&scanned, &head) == 0);
		assert(scanned.status == msg.status);
		assert(scanned.cseq == msg.cseq);
	}
	free(input);
	return 0;
}
