/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * L16 (RFC 3551 section 4.5.11): samples of 16 bits, the high byte first; of
 * two channels in turn, which are mixed.
 */
#include <errno.h>
#include <stdlib.h>

#include "rtp/codec/codec_priv.h"

struct state {
	unsigned channels;
};

static bool
accepts_l16(const struct rtp_format *format)
{
	return format->clock_hz >= 8000 && format->clock_hz <= 48000;
}

static int
open_l16(void **state, const struct rtp_format *format)
{
	struct state *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->channels = format->channels > 1 ? format->channels : 1;
	*state = s;
	return 0;
}

static int
decode_l16(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	   size_t n)
{
	const struct state *s = state;
	const size_t samples = n / 2 / s->channels;

	if (n % (2 * s->channels))
		return -EBADMSG;
	if (samples > capacity)
		return -ENOSPC;
	for (size_t i = 0; i < samples; i++) {
		int sum = 0;

		for (unsigned c = 0; c < s->channels; c++, payload += 2)
			sum += (int16_t)(payload[0] << 8 | payload[1]);
		pcm[i] = (int16_t)(sum / (int)s->channels);
	}
	return (int)samples;
}

const struct rtp__codec rtp__codec_l16 = {
	.encoding = "L16",
	.channels_max = 2,
	.accepts = accepts_l16,
	.open = open_l16,
	.state_bytes = sizeof(struct state),
	.decode = decode_l16,
};
