/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Speex (RFC 5574) at 8, 16 and 32 kHz: frames of 20 ms, several in a packet.
 * A frame is a layer of 8 kHz, then up to two that make it wider; how long each
 * is, the mode in its first bits says.
 *
 *   0 | mode, 4 bits | ...     8 kHz; from 13 on no sound: see below
 *   1 | mode, 3 bits | ...     a layer that makes it wider
 *
 * What is not so is found here: libspeex would print what it thinks of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <speex/speex.h>

#include "rtp/codec/codec_priv.h"

/** No layer of 8 kHz is shorter: what is left is padding, which begins with 0.
 */
#define LAYER_BITS_MIN 5
#define WIDER_MAX      2
/** libspeex begins with room for so much, and would print that it needs more.
 */
#define PACKET_BYTES_MAX 2000

enum { MODE_USER = 13, MODE_IN_BAND = 14, MODE_END = 15 };

struct state {
	void *decoder;
	SpeexBits bits;
	size_t frame_samples;
};

/** A packet, and how far it is read. */
struct walk {
	const uint8_t *bytes;
	size_t n; /**< bits */
	size_t at;
	unsigned layers; /**< wider ones that the decoder takes */
	unsigned taken;  /**< so many of these: the rest it skips */
	unsigned wider;  /**< since the last of 8 kHz, which are ... */
	size_t frames;
};

static unsigned
take(struct walk *w, unsigned n)
{
	unsigned value = 0;

	for (; n && w->at < w->n; n--, w->at++)
		value =
		    value << 1 | (w->bytes[w->at / 8] >> (7 - w->at % 8) & 1);
	return value << n;
}

/* Requests to the other end, or of a program's own. */
static void
skip_request(struct walk *w, unsigned mode)
{
	static const uint8_t bits[16] = { 1, 1, 4,  4,  4,  4,  4,  4,
					  8, 8, 16, 16, 32, 32, 64, 64 };

	const unsigned kind = take(w, 4);

	w->at += mode == MODE_USER ? 5 + 8 * kind : bits[kind];
}

/* A wider layer. @return is it one? */
static bool
walk_wider(struct walk *w)
{
	static const uint16_t bits[] = { 4, 36, 112, 192, 352 };
	const unsigned mode = take(w, 3);

	w->wider++;
	if (w->frames == 0 || w->wider > WIDER_MAX ||
	    mode >= sizeof(bits) / sizeof(bits[0]))
		return false;
	w->at += bits[mode] - 4;
	/* One without bits libspeex cannot skip; of the widest, there is only
	 * one that has some. */
	if (w->wider > w->taken)
		return mode > 0;
	return w->wider < WIDER_MAX || mode <= 1;
}

/*
 * A layer, or what is in the place of one.
 *
 * @return 1: go on, 0: the end, -EBADMSG
 */
static int
walk_layer(struct walk *w)
{
	static const uint16_t bits[] = {
		5, 43, 119, 160, 220, 300, 364, 492, 79
	};
	unsigned mode;

	if (take(w, 1))
		return walk_wider(w) ? 1 : -EBADMSG;
	mode = take(w, 4);
	if (mode == MODE_END)
		return 0;
	if (mode == MODE_IN_BAND || mode == MODE_USER) {
		skip_request(w, mode);
		w->taken = 0;
		return 1;
	}
	if (mode >= sizeof(bits) / sizeof(bits[0]))
		return -EBADMSG;
	w->at += bits[mode] - 5;
	w->taken = w->layers;
	w->wider = 0;
	w->frames++;
	return 1;
}

static bool
is_over(struct walk w)
{
	if (w.at + LAYER_BITS_MIN <= w.n)
		return false;
	return w.at >= w.n || w.wider >= w.taken || take(&w, 1) == 0;
}

/* @return frames, or -EBADMSG */
static int
count_frames(const struct state *s, const uint8_t *payload, size_t n)
{
	struct walk w = { .bytes = payload,
			  .n = n * 8,
			  .layers = (unsigned)s->frame_samples / 320 };
	int r = 1;

	while (r > 0 && !is_over(w))
		r = walk_layer(&w);
	if (r < 0 || w.at > w.n)
		return -EBADMSG;
	return (int)w.frames;
}

static int
decode_speex(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	     size_t n)
{
	struct state *s = state;
	int frames =
	    n > PACKET_BYTES_MAX ? -EBADMSG : count_frames(s, payload, n);

	if (frames < 0)
		return frames;
	if ((size_t)frames > capacity / s->frame_samples)
		return -ENOSPC;
	speex_bits_read_from(&s->bits, (const char *)payload, (int)n);
	for (int i = 0; i < frames; i++)
		if (speex_decode_int(s->decoder, &s->bits,
				     pcm + (size_t)i * s->frame_samples))
			return -EBADMSG;
	return (int)((size_t)frames * s->frame_samples);
}

static void
conceal_speex(void *state, int16_t *pcm)
{
	struct state *s = state;

	if (speex_decode_int(s->decoder, NULL, pcm))
		memset(pcm, 0, s->frame_samples * sizeof(*pcm));
}

static bool
accepts_speex(const struct rtp_format *format)
{
	return format->clock_hz == 8000 || format->clock_hz == 16000 ||
	       format->clock_hz == 32000;
}

static int
open_speex(void **state, const struct rtp_format *format)
{
	const int mode = format->clock_hz == 8000    ? SPEEX_MODEID_NB
			 : format->clock_hz == 16000 ? SPEEX_MODEID_WB
						     : SPEEX_MODEID_UWB;
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->decoder = speex_decoder_init(speex_lib_get_mode(mode));
	if (!s->decoder) {
		free(s);
		return -ENOMEM;
	}
	speex_bits_init(&s->bits);
	s->frame_samples = format->clock_hz / 50;
	*state = s;
	return 0;
}

static void
close_speex(void *state)
{
	struct state *s = state;

	speex_bits_destroy(&s->bits);
	speex_decoder_destroy(s->decoder);
	free(s);
}

const struct rtp__codec rtp__codec_speex = {
	.encoding = "speex",
	.channels_max = 1,
	.accepts = accepts_speex,
	.open = open_speex,
	.close = close_speex,
	.decode = decode_speex,
	.conceal_frame = conceal_speex,
	.frame_ms = 20,
};
