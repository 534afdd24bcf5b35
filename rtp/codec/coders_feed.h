/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every codec as its library has it, for benches: packets of 20 ms of something
 * like a voice, and decoding them without anything of ours.
 */
#ifndef RTP_CODEC_CODERS_FEED_H
#define RTP_CODEC_CODERS_FEED_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
#include <gsm.h>
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>
#include <opencore-amrwb/dec_if.h>
#include <opus/opus.h>
#include <spandsp.h>
#include <speex/speex.h>
#include <vo-amrwbenc/enc_if.h>

#define FRAME_MAX   960
#define PAYLOAD_MAX 1920
#define G722_RATE   64000
#define G726_RATE   32000

struct packet {
	uint8_t bytes[PAYLOAD_MAX];
	size_t n;
};

static volatile int64_t sink;

/* ---- coding, and the library's decoding ----------------------------------- */

/** What a codec makes of a frame, and a frame of that. */
struct way {
	const char *encoding;
	uint32_t clock_hz, sample_hz;
	const char *parameters;
	void *(*open_encoder)(void);
	size_t (*encode)(void *, const int16_t *, uint8_t *);
	void *(*open_decoder)(void); /**< NULL: there is no library */
	void (*decode)(void *, const struct packet *, int16_t *);
};

static size_t
encode_pcma(void *ctx, const int16_t *pcm, uint8_t *out)
{
	for (int i = 0; i < 160; i++)
		out[i] = linear_to_alaw(pcm[i]);
	return 160;
}

static void
decode_pcma(void *ctx, const struct packet *p, int16_t *pcm)
{
	for (size_t i = 0; i < p->n; i++)
		pcm[i] = alaw_to_linear(p->bytes[i]);
}

static void *
no_state(void)
{
	return NULL;
}

static size_t
encode_l16(void *ctx, const int16_t *pcm, uint8_t *out)
{
	for (int i = 0; i < 320; i++) {
		out[2 * i] = (uint8_t)((uint16_t)pcm[i] >> 8);
		out[2 * i + 1] = (uint8_t)pcm[i];
	}
	return 640;
}

static void *
g722_encoder(void)
{
	return g722_encode_init(NULL, G722_RATE, 0);
}

static size_t
encode_g722(void *ctx, const int16_t *pcm, uint8_t *out)
{
	return (size_t)g722_encode(ctx, out, pcm, 320);
}

static void *
g722_decoder(void)
{
	return g722_decode_init(NULL, G722_RATE, 0);
}

static void
decode_g722(void *ctx, const struct packet *p, int16_t *pcm)
{
	g722_decode(ctx, pcm, p->bytes, (int)p->n);
}

static void *
g726_coder(void)
{
	return g726_init(NULL, G726_RATE, G726_ENCODING_LINEAR,
			 G726_PACKING_RIGHT);
}

static size_t
encode_g726(void *ctx, const int16_t *pcm, uint8_t *out)
{
	return (size_t)g726_encode(ctx, out, pcm, 160);
}

static void
decode_g726(void *ctx, const struct packet *p, int16_t *pcm)
{
	g726_decode(ctx, pcm, p->bytes, (int)p->n);
}

static void *
g729_encoder(void)
{
	return initBcg729EncoderChannel(0);
}

static size_t
encode_g729(void *ctx, const int16_t *pcm, uint8_t *out)
{
	uint8_t n;

	bcg729Encoder(ctx, pcm, out, &n);
	bcg729Encoder(ctx, pcm + 80, out + 10, &n);
	return 20;
}

static void *
g729_decoder(void)
{
	return initBcg729DecoderChannel();
}

static void
decode_g729(void *ctx, const struct packet *p, int16_t *pcm)
{
	bcg729Decoder(ctx, p->bytes, 10, 0, 0, 0, pcm);
	bcg729Decoder(ctx, p->bytes + 10, 10, 0, 0, 0, pcm + 80);
}

static void *
gsm_coder(void)
{
	return gsm_create();
}

static size_t
encode_gsm(void *ctx, const int16_t *pcm, uint8_t *out)
{
	gsm_encode(ctx, (gsm_signal *)pcm, out);
	return 33;
}

static void
decode_gsm(void *ctx, const struct packet *p, int16_t *pcm)
{
	gsm_decode(ctx, (gsm_byte *)p->bytes, pcm);
}

/* Octet-aligned, one frame: a request, and then what the library has. */
static void *
amr_encoder(void)
{
	return Encoder_Interface_init(0);
}

static size_t
encode_amr(void *ctx, const int16_t *pcm, uint8_t *out)
{
	out[0] = 0xf0;
	return 1 +
	       (size_t)Encoder_Interface_Encode(ctx, MR122, pcm, out + 1, 0);
}

static void
decode_amr(void *ctx, const struct packet *p, int16_t *pcm)
{
	Decoder_Interface_Decode(ctx, p->bytes + 1, pcm, 0);
}

static size_t
encode_amr_wb(void *ctx, const int16_t *pcm, uint8_t *out)
{
	out[0] = 0xf0;
	return 1 + (size_t)E_IF_encode(ctx, 2, pcm, out + 1, 0);
}

static void
decode_amr_wb(void *ctx, const struct packet *p, int16_t *pcm)
{
	D_IF_decode(ctx, p->bytes + 1, pcm, 0);
}

/** Speex wants its bits in a buffer of its own. */
struct speex {
	void *coder;
	SpeexBits bits;
};

static void *
speex_coder(void *coder)
{
	struct speex *s = malloc(sizeof(*s));

	s->coder = coder;
	speex_bits_init(&s->bits);
	return s;
}

static void *
speex_encoder(void)
{
	return speex_coder(speex_encoder_init(&speex_wb_mode));
}

static size_t
encode_speex(void *ctx, const int16_t *pcm, uint8_t *out)
{
	struct speex *s = ctx;
	int16_t copy[320];

	memcpy(copy, pcm, sizeof(copy));
	speex_bits_reset(&s->bits);
	speex_encode_int(s->coder, copy, &s->bits);
	return (size_t)speex_bits_write(&s->bits, (char *)out, PAYLOAD_MAX);
}

static void *
speex_decoder(void)
{
	return speex_coder(speex_decoder_init(&speex_wb_mode));
}

static void
decode_speex(void *ctx, const struct packet *p, int16_t *pcm)
{
	struct speex *s = ctx;

	speex_bits_read_from(&s->bits, (const char *)p->bytes, (int)p->n);
	speex_decode_int(s->coder, &s->bits, pcm);
}

static void *
opus_encoder(void)
{
	return opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, NULL);
}

static size_t
encode_opus(void *ctx, const int16_t *pcm, uint8_t *out)
{
	return (size_t)opus_encode(ctx, pcm, 960, out, PAYLOAD_MAX);
}

static void *
opus_decoder(void)
{
	return opus_decoder_create(48000, 1, NULL);
}

static void
decode_opus(void *ctx, const struct packet *p, int16_t *pcm)
{
	sink += opus_decode(ctx, p->bytes, (opus_int32)p->n, pcm, 960, 0);
}

static const struct way ways[] = {
	{ "PCMA", 8000, 8000, "", no_state, encode_pcma, no_state,
	  decode_pcma },
	{ "L16", 16000, 16000, "", no_state, encode_l16, NULL, NULL },
	{ "G722", 8000, 16000, "", g722_encoder, encode_g722, g722_decoder,
	  decode_g722 },
	{ "G726-32", 8000, 8000, "", g726_coder, encode_g726, g726_coder,
	  decode_g726 },
	{ "G729", 8000, 8000, "", g729_encoder, encode_g729, g729_decoder,
	  decode_g729 },
	{ "GSM", 8000, 8000, "", gsm_coder, encode_gsm, gsm_coder, decode_gsm },
	{ "AMR", 8000, 8000, "octet-align=1", amr_encoder, encode_amr,
	  Decoder_Interface_init, decode_amr },
	{ "AMR-WB", 16000, 16000, "octet-align=1", E_IF_init, encode_amr_wb,
	  D_IF_init, decode_amr_wb },
	{ "speex", 16000, 16000, "", speex_encoder, encode_speex, speex_decoder,
	  decode_speex },
	{ "opus", 48000, 48000, "", opus_encoder, encode_opus, opus_decoder,
	  decode_opus },
};

/* ---- a voice -------------------------------------------------------------- */

/* A voice of a sort: pulses whose pitch goes up and down, and noise. */
static inline void
speak(int16_t *sound, size_t packet, size_t samples, uint32_t hz)
{
	static unsigned random = 1;

	for (size_t i = 0; i < samples; i++) {
		double t = (double)(packet * samples + i) / hz;
		double pitch = 130 * t + 6 * sin(2 * M_PI * 2 * t);
		double x = 0;

		for (int k = 1; k < 12; k++)
			x += sin(2 * M_PI * k * pitch) / k;
		random = random * 1664525 + 1013904223;
		sound[i] = (int16_t)(x * 4000 + random / 4194304.0);
	}
}

/* So many packets of a voice. */
static inline void
code(const struct way *way, struct packet *packets, size_t count)
{
	void *encoder = way->open_encoder();
	int16_t sound[FRAME_MAX];

	for (size_t i = 0; i < count; i++) {
		speak(sound, i, way->sample_hz / 50, way->sample_hz);
		packets[i].n = way->encode(encoder, sound, packets[i].bytes);
	}
}

#endif
