/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Timestamps: Opus counts in 48000 Hz, whatever the rate of the sound. Those of
 * the packets go on from each other, so what is between two of them stays, and
 * nothing has to be known of where they began.
 *
 * A packet may hold 30 ms, or 100, which no Opus frame does: it becomes several
 * frames of one length in one payload (RFC 6716 section 3.2).
 */
#include "rtp/transcode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <opus/opus.h>

#include "rtp/decoder.h"

#define OPUS_HZ     48000
#define SAMPLES_MAX (OPUS_HZ * 120 / 1000)

/* The encoder is behind by 6.5 ms at most, and what it predicts from that rings
 * on in the frame after. */
#define BEHIND_NS (30 * INT64_C(1000000))

/* 120 ms at 93 kbit/s; the encoder keeps to the room that it is given. */
#define PAYLOAD_BYTES 1400

struct rtp_transcoder {
	struct rtp_transcode_config config;
	struct rtp_decoder *decoder;
	struct rtp_format format; /* of the decoder */
	bool refused;             /* there is none for it */
	OpusEncoder *encoder;
	OpusRepacketizer *packetizer;
	uint32_t sample_hz; /* of the encoder */
	/* the last packet */
	bool begun;
	uint32_t sequence;
	uint32_t received; /* its timestamp as received */
	uint32_t timestamp;
	int result;
	int16_t pcm[SAMPLES_MAX];
	uint8_t frames[PAYLOAD_BYTES]; /* not put together yet */
	uint8_t payload[PAYLOAD_BYTES];
};

int
rtp_transcoder_new(struct rtp_transcoder **transcoder,
		   const struct rtp_transcode_config *config)
{
	struct rtp_transcoder *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->packetizer = opus_repacketizer_create();
	if (!t->packetizer) {
		free(t);
		return -ENOMEM;
	}
	*transcoder = t;
	return 0;
}

int64_t
rtp_transcode_behind_ns(const struct rtp_format *format)
{
	size_t n;

	return rtp_format_parameter(format, RTP_FORMAT_STORED_RATE, &n)
		   ? BEHIND_NS
		   : 0;
}

static void
free_encoder(struct rtp_transcoder *t)
{
	if (!t->encoder)
		return;
	explicit_bzero(t->encoder, (size_t)opus_encoder_get_size(1));
	opus_encoder_destroy(t->encoder);
	t->encoder = NULL;
}

void
rtp_transcoder_free(struct rtp_transcoder **transcoder)
{
	struct rtp_transcoder *t = *transcoder;

	*transcoder = NULL;
	if (!t)
		return;
	rtp_decoder_close(&t->decoder);
	free_encoder(t);
	opus_repacketizer_destroy(t->packetizer);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static bool
is_noise(const struct rtp_format *format)
{
	return rtp_format_is(format, "CN");
}

bool
rtp_transcode_takes(const struct rtp_format *format)
{
	static const char *const large[] = {
		"PCMA",    "PCMU",    "G722",         "L16",
		"G726-40", "G726-32", "AAL2-G726-40", "AAL2-G726-32",
	};

	if (is_noise(format))
		return true;
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		if (rtp_format_is(format, large[i]))
			return rtp_decoder_knows(format);
	return false;
}

/* @return 0, -EBADMSG: Opus has no such rate, -ENOMEM */
static int
set_encoder(struct rtp_transcoder *t, uint32_t sample_hz)
{
	int err = OPUS_OK;

	if (t->encoder && t->sample_hz == sample_hz)
		return 0;
	free_encoder(t);
	t->encoder = opus_encoder_create((opus_int32)sample_hz, 1,
					 OPUS_APPLICATION_VOIP, &err);
	if (!t->encoder)
		return err == OPUS_BAD_ARG ? -EBADMSG : -ENOMEM;
	t->sample_hz = sample_hz;
	opus_encoder_ctl(t->encoder, OPUS_SET_BITRATE(t->config.bit_rate));
	opus_encoder_ctl(t->encoder, OPUS_SET_COMPLEXITY(t->config.complexity));
	opus_encoder_ctl(t->encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	return 0;
}

/* @return 0, -EBADMSG, -ENOMEM */
static int
set_decoder(struct rtp_transcoder *t, const struct rtp_format *format)
{
	int err;

	if ((t->decoder || t->refused) && rtp_format_equal(&t->format, format))
		return t->refused ? -EBADMSG : 0;
	rtp_decoder_close(&t->decoder);
	t->format = *format;
	t->refused = false;
	err = rtp_transcode_takes(format)
		  ? rtp_decoder_open(&t->decoder, format)
		  : -ENOTSUP;
	if (err == 0)
		err = set_encoder(t, rtp_decoder_sample_hz(t->decoder));
	if (err < 0)
		rtp_decoder_close(&t->decoder);
	/* Without memory it is tried again. */
	t->refused = err == -ENOTSUP || err == -EBADMSG;
	return t->refused ? -EBADMSG : err;
}

/* The longest Opus frame of which a whole number is so long, in samples; 0:
 * there is none. */
static uint32_t
frame_samples(uint32_t samples, uint32_t sample_hz)
{
	static const uint32_t tenths_ms[] = { 600, 400, 200, 100, 50, 25 };

	for (size_t i = 0; i < sizeof(tenths_ms) / sizeof(tenths_ms[0]); i++) {
		uint32_t frame = sample_hz / 1000 * tenths_ms[i] / 10;

		if (samples % frame == 0)
			return frame;
	}
	return 0;
}

/* @return bytes of the payload, -EBADMSG */
static int
encode(struct rtp_transcoder *t, uint32_t samples)
{
	uint32_t frame = frame_samples(samples, t->sample_hz);
	uint8_t *to = t->frames, *end = to + sizeof(t->frames);
	opus_int32 n;

	if (samples == 0 || frame == 0 || samples > t->sample_hz * 120 / 1000)
		return -EBADMSG;
	opus_repacketizer_init(t->packetizer);
	for (uint32_t at = 0; at < samples; at += frame) {
		n = opus_encode(t->encoder, t->pcm + at, (int)frame, to,
				(opus_int32)(end - to));
		/* Frames of one payload are of one mode. */
		if (n < 0 ||
		    opus_repacketizer_cat(t->packetizer, to, n) != OPUS_OK)
			return -EBADMSG;
		to += n;
	}
	n = opus_repacketizer_out(t->packetizer, t->payload,
				  sizeof(t->payload));
	return n < 0 ? -EBADMSG : n;
}

/* @return bytes of the payload, -EBADMSG, -ENOMEM */
static int
transcode(struct rtp_transcoder *t, const struct rtp_transcoded *packet)
{
	int r;

	if (is_noise(&packet->format)) {
		if (packet->bytes > sizeof(t->payload))
			return -EBADMSG;
		memcpy(t->payload, packet->payload, packet->bytes);
		return (int)packet->bytes;
	}
	r = set_decoder(t, &packet->format);
	if (r < 0)
		return r;
	r = rtp_decoder_decode(t->decoder, t->pcm, SAMPLES_MAX, packet->payload,
			       packet->bytes);
	return r < 0 ? -EBADMSG : encode(t, (uint32_t)r);
}

/* The timestamp goes on from the packet before, also where that was stored as
 * it came. */
static uint32_t
next_timestamp(const struct rtp_transcoder *t,
	       const struct rtp_transcoded *packet)
{
	int64_t step = (int32_t)(packet->timestamp - t->received);

	if (!t->begun)
		return packet->timestamp;
	return t->timestamp +
	       (uint32_t)(step * OPUS_HZ / (int64_t)packet->format.clock_hz);
}

int
rtp_transcode(struct rtp_transcoder *t, uint32_t sequence,
	      const struct rtp_transcoded *packet, struct rtp_transcoded *opus)
{
	bool again = t->begun && t->sequence == sequence &&
		     t->received == packet->timestamp;

	if (packet->format.clock_hz == 0)
		return -EBADMSG;
	if (!again) {
		t->timestamp = next_timestamp(t, packet);
		t->received = packet->timestamp;
		t->sequence = sequence;
		t->begun = true;
		t->result = transcode(t, packet);
	}
	if (t->result < 0)
		return t->result;
	*opus = (struct rtp_transcoded){
		.format = packet->format,
		.timestamp = t->timestamp,
		.payload = t->payload,
		.bytes = (uint32_t)t->result,
	};
	opus->format.clock_hz = OPUS_HZ;
	if (!is_noise(&packet->format)) {
		snprintf(opus->format.encoding, sizeof(opus->format.encoding),
			 "opus");
		opus->format.channels = 2; /* RFC 7587 section 7: always */
		snprintf(opus->format.parameters,
			 sizeof(opus->format.parameters),
			 RTP_FORMAT_STORED_RATE "=%u", t->sample_hz);
	}
	return 0;
}
