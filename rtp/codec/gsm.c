/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * GSM full rate (ETSI GSM 06.10; RFC 3551 section 4.5.8): frames of 33 bytes
 * for 20 ms, each beginning with the four bits 0xD. What is missing is replaced
 * as GSM 06.11 has it: the last frame once more, then softer by 4 steps of its
 * block amplitudes each time, silence after 320 ms.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gsm.h>

#include "rtp/codec/codec_priv.h"

#define FRAME_BYTES   33
#define FRAME_SAMPLES 160
#define MAGIC         0xd0

/* Parameters of a frame: 8 log area ratios, then 17 of each quarter. */
#define PARAMETERS         76
#define QUARTERS           4
#define AMPLITUDE(quarter) (8 + 17 * (quarter) + 3)
#define SOFTER             4
#define LOST_MAX           16

struct state {
	gsm gsm;
	uint8_t last[FRAME_BYTES];
	unsigned lost; /**< frames since the last */
};

static int
open_gsm(void **state, const struct rtp_format *format)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->gsm = gsm_create();
	if (!s->gsm) {
		free(s);
		return -ENOMEM;
	}
	s->lost = LOST_MAX;
	*state = s;
	return 0;
}

static void
close_gsm(void *state)
{
	struct state *s = state;

	gsm_destroy(s->gsm);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static int
decode_gsm(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	   size_t n)
{
	struct state *s = state;
	const size_t frames = n / FRAME_BYTES;

	if (n % FRAME_BYTES)
		return -EBADMSG;
	for (size_t i = 0; i < frames; i++)
		if ((payload[i * FRAME_BYTES] & 0xf0) != MAGIC)
			return -EBADMSG;
	if (frames > capacity / FRAME_SAMPLES)
		return -ENOSPC;
	for (size_t i = 0; i < frames; i++) {
		memcpy(s->last, payload + i * FRAME_BYTES, FRAME_BYTES);
		if (gsm_decode(s->gsm, s->last, pcm + i * FRAME_SAMPLES))
			return -EBADMSG;
		s->lost = 0;
	}
	return (int)(frames * FRAME_SAMPLES);
}

static void
soften(struct state *s)
{
	gsm_signal parameters[PARAMETERS];

	gsm_explode(s->gsm, s->last, parameters);
	for (int quarter = 0; quarter < QUARTERS; quarter++) {
		gsm_signal *x = &parameters[AMPLITUDE(quarter)];

		*x = (gsm_signal)(*x > SOFTER ? *x - SOFTER : 0);
	}
	gsm_implode(s->gsm, parameters, s->last);
}

static void
conceal_gsm(void *state, int16_t *pcm)
{
	struct state *s = state;

	if (s->lost && s->lost < LOST_MAX)
		soften(s);
	if (s->lost >= LOST_MAX || gsm_decode(s->gsm, s->last, pcm))
		memset(pcm, 0, FRAME_SAMPLES * sizeof(*pcm));
	else
		s->lost++;
}

const struct rtp__codec rtp__codec_gsm = {
	.encoding = "GSM",
	.clock_hz = 8000,
	.channels_max = 1,
	.open = open_gsm,
	.close = close_gsm,
	.decode = decode_gsm,
	.conceal_frame = conceal_gsm,
	.frame_ms = 20,
};
