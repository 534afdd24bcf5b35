/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of one stream, each of a length byte, a timestamp and so much
 * payload. What was told once the same packet does not tell again. */
#include "rtp/event.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { HEAD = 4 };

static void
take(struct rtp_events *events, const uint8_t *bytes, uint32_t n)
{
	const struct rtp_event_packet packet = {
		.timestamp = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 8,
		.clock_hz = bytes[3] & 1 ? 8000 : 48000,
		.marker = bytes[3] & 2,
		.payload = bytes + HEAD,
		.payload_bytes = n,
	};
	char keys[RTP_EVENT_KEYS_MAX];
	uint32_t count = rtp_events_take(events, &packet, keys), i;

	assert(count <= n / RTP_EVENT_BYTES && count <= RTP_EVENT_KEYS_MAX);
	for (i = 0; i < count; i++)
		assert(keys[i] && strchr("0123456789*#ABCD", keys[i]));
	/* Of several, new ones may take the place of one just seen. */
	if (n / RTP_EVENT_BYTES == 1)
		assert(rtp_events_take(events, &packet, keys) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtp_events events = { 0 };

	while (n >= HEAD) {
		uint32_t payload = bytes[0];

		if (payload > n - HEAD)
			payload = (uint32_t)(n - HEAD);
		take(&events, bytes, payload);
		bytes += HEAD + payload;
		n -= HEAD + payload;
	}
	return 0;
}
