/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AMR (3GPP TS 26.071) and AMR-WB (TS 26.171), payloads of RFC 4867: a request
 * for a mode, which is of no use to a listener, a table of contents with an
 * entry for each frame of 20 ms, and the bits of the frames.
 *
 *   octet-aligned          | CMR     | F FT     Q 0 0 | ... | frame, to the
 * octet bandwidth-efficient    | CMR | F FT     Q | ... | frame bits | ... 4
 * bits  1 4 bits 1
 *
 * Which it is, only the SDP says. But lengths follow from the table of
 * contents, and a payload that does not fit what was declared and fits the
 * other is that.
 *
 * Until the first frame of speech there is silence: what opencore-amr makes of
 * noise or of nothing before it depends on memory that it did not set.
 *
 * opencore-amr takes frames as the file format of RFC 4867 section 5 has them,
 * and no length: it gets a frame of the longest length, zeros after its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrwb/dec_if.h>

#include "rtp/codec/codec_priv.h"

#define TYPES           16
#define NO_DATA         15
#define RESERVED        (-1)
#define CMR_BITS        4
#define FRAME_BYTES_MAX 64

/** What the two differ in. */
struct kind {
	int16_t bits[TYPES]; /**< of a frame, by its type */
	uint8_t sid;         /**< types up to this one are heard as they are */
	size_t frame_samples;
	void (*decode)(void *state, const unsigned char *frame, short *pcm,
		       int bad);
};

struct state {
	const struct kind *kind;
	bool aligned;
	bool begun; /**< there was speech */
	bool noisy; /**< the last frame described noise, or it goes on */
	void *decoder;
};

/** A payload, and how far it is read. */
struct bits {
	const uint8_t *bytes;
	size_t n; /**< bits */
	size_t at;
	bool aligned;
};

/* TS 26.101 table 1a; 12 to 14 are of no use, 9 to 11 of other codecs. */
static const struct kind narrow = {
	.bits = { 95, 103, 118, 134, 148, 159, 204, 244, 39, RESERVED, RESERVED,
		  RESERVED, RESERVED, RESERVED, RESERVED, 0 },
	.sid = 8,
	.frame_samples = 160,
	.decode = Decoder_Interface_Decode,
};

/* TS 26.201 table 2; 14 is speech that was lost before it was sent. */
static const struct kind wide = {
	.bits = { 132, 177, 253, 285, 317, 365, 397, 461, 477, 40, RESERVED,
		  RESERVED, RESERVED, RESERVED, 0, 0 },
	.sid = 9,
	.frame_samples = 320,
	.decode = D_IF_decode,
};

/* n bits, at most 8, in the low ones; zeros after the end. */
static unsigned
take(struct bits *bits, unsigned n)
{
	unsigned value = 0;

	for (unsigned i = 0; i < n; i++, bits->at++) {
		unsigned bit = 0;

		if (bits->at < bits->n)
			bit = bits->bytes[bits->at / 8] >> (7 - bits->at % 8);
		value = value << 1 | (bit & 1);
	}
	return value;
}

/** An entry of the table of contents. */
struct entry {
	bool more;
	uint8_t type;
	bool good;
};

static struct entry
take_entry(struct bits *toc)
{
	struct entry entry = { .more = take(toc, 1) };

	entry.type = (uint8_t)take(toc, 4);
	entry.good = take(toc, 1);
	if (toc->aligned)
		take(toc, 2);
	return entry;
}

static struct bits
begin(const uint8_t *payload, size_t n, bool aligned)
{
	struct bits bits = { payload, n * 8, 0, aligned };

	take(&bits, aligned ? 8 : CMR_BITS);
	return bits;
}

static size_t
room_of(const struct kind *kind, uint8_t type, bool aligned)
{
	size_t bits = (size_t)kind->bits[type];

	return aligned ? (bits + 7) / 8 * 8 : bits;
}

/*
 * Read the table of contents.
 *
 * @param table bits of it, and of the request before it
 * @return frames (> 0), or 0: it does not tell the length of this payload
 */
static size_t
read_table(const struct kind *kind, struct bits toc, size_t *table)
{
	size_t frames = 0, needed = 0;
	struct entry entry;

	do {
		entry = take_entry(&toc);
		if (toc.at > toc.n || kind->bits[entry.type] == RESERVED)
			return 0;
		needed += room_of(kind, entry.type, toc.aligned);
		frames++;
	} while (entry.more);
	*table = toc.at;
	return (toc.at + needed + 7) / 8 * 8 == toc.n ? frames : 0;
}

static void
decode_bits(struct state *s, const uint8_t frame[FRAME_BYTES_MAX], int16_t *pcm,
	    uint8_t type)
{
	if (type < s->kind->sid)
		s->begun = true;
	if (s->begun)
		s->kind->decode(s->decoder, frame, pcm, type == NO_DATA);
	else
		memset(pcm, 0, s->kind->frame_samples * sizeof(*pcm));
}

static void
decode_frame(struct state *s, struct entry entry, struct bits *frames,
	     int16_t *pcm)
{
	const struct kind *kind = s->kind;
	const size_t end =
	    frames->at + room_of(kind, entry.type, frames->aligned);
	uint8_t frame[FRAME_BYTES_MAX] = { 0 };
	unsigned left = (unsigned)kind->bits[entry.type];

	/* Bits of no data and of bad ones are not looked at. */
	if (!entry.good || entry.type > kind->sid)
		entry.type = NO_DATA;
	if (entry.type != NO_DATA)
		s->noisy = entry.type == kind->sid;
	frame[0] = (uint8_t)(entry.type << 3 | 1 << 2);
	for (size_t i = 1; left; i++) {
		unsigned part = left < 8 ? left : 8;

		frame[i] = (uint8_t)(take(frames, part) << (8 - part));
		left -= part;
	}
	frames->at = end;
	decode_bits(s, frame, pcm, entry.type);
	explicit_bzero(frame, sizeof(frame));
}

static int
decode_amr(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	   size_t n)
{
	struct state *s = state;
	struct bits toc = begin(payload, n, s->aligned), frames;
	size_t table, count;

	if (n == 0)
		return 0;
	count = read_table(s->kind, toc, &table);
	if (!count) {
		toc = begin(payload, n, !s->aligned);
		count = read_table(s->kind, toc, &table);
	}
	if (!count)
		return -EBADMSG;
	if (count > capacity / s->kind->frame_samples)
		return -ENOSPC;
	frames = toc;
	frames.at = table;
	for (size_t i = 0; i < count; i++)
		decode_frame(s, take_entry(&toc), &frames,
			     pcm + i * s->kind->frame_samples);
	return (int)(count * s->kind->frame_samples);
}

static bool
noisy_amr(const void *state)
{
	const struct state *s = state;

	return s->noisy;
}

/* After a SID this is the noise that goes on. */
static void
conceal_amr(void *state, int16_t *pcm)
{
	static const uint8_t frame[FRAME_BYTES_MAX] = { NO_DATA << 3 | 1 << 2 };

	decode_bits(state, frame, pcm, NO_DATA);
}

/* Nobody was ever seen to use the rest of RFC 4867. */
static bool
accepts_amr(const struct rtp_format *format)
{
	size_t n;

	return !rtp_format_flag(format, "crc") &&
	       !rtp_format_flag(format, "robust-sorting") &&
	       !rtp_format_parameter(format, "interleaving", &n);
}

static int
open_kind(void **state, const struct rtp_format *format,
	  const struct kind *kind, void *(*init)(void))
{
	struct state *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->kind = kind;
	s->aligned = rtp_format_flag(format, "octet-align");
	s->begun = false;
	s->noisy = false;
	s->decoder = init();
	if (!s->decoder) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static int
open_amr(void **state, const struct rtp_format *format)
{
	return open_kind(state, format, &narrow, Decoder_Interface_init);
}

static int
open_amr_wb(void **state, const struct rtp_format *format)
{
	return open_kind(state, format, &wide, D_IF_init);
}

static void
close_amr(void *state)
{
	struct state *s = state;

	Decoder_Interface_exit(s->decoder);
	free(s);
}

static void
close_amr_wb(void *state)
{
	struct state *s = state;

	D_IF_exit(s->decoder);
	free(s);
}

const struct rtp__codec rtp__codec_amr = {
	.encoding = "AMR",
	.clock_hz = 8000,
	.channels_max = 1,
	.accepts = accepts_amr,
	.open = open_amr,
	.close = close_amr,
	.decode = decode_amr,
	.noisy = noisy_amr,
	.conceal_frame = conceal_amr,
	.frame_ms = 20,
};

const struct rtp__codec rtp__codec_amr_wb = {
	.encoding = "AMR-WB",
	.clock_hz = 16000,
	.channels_max = 1,
	.accepts = accepts_amr,
	.open = open_amr_wb,
	.close = close_amr_wb,
	.decode = decode_amr,
	.noisy = noisy_amr,
	.conceal_frame = conceal_amr,
	.frame_ms = 20,
};
