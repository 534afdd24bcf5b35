/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of one stream, each of a head and so much payload; or, where the first
 * byte says so, a tone that the head describes, since random bytes are none.
 * What is told is of frames that were there, and of sound that goes on the same
 * is told whichever packets it comes in.
 */
#include "rtp/tones.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { HEAD = 4, PAYLOAD_MAX = 1024 };

static const struct rtp_format formats[] = {
	{ "PCMA", 8000, 8, 1, "" },  { "PCMU", 8000, 0, 1, "" },
	{ "G722", 8000, 9, 1, "" },  { "L16", 8000, 96, 1, "" },
	{ "G729", 8000, 18, 1, "" },
};

struct input {
	const uint8_t *bytes;
	size_t n;
};

/* Two sines in linear sound, by two bytes. */
static uint32_t
make_tone(uint8_t *payload, uint32_t n, uint8_t which, uint8_t level)
{
	static const float hz[] = {
		697, 770, 852, 941, 1209, 1336, 1477, 1633
	};

	for (uint32_t i = 0; i < n / 2; i++) {
		float at = 2 * (float)M_PI * (float)i / 8000;
		float x =
		    (float)level * 60 *
		    (sinf(hz[which & 7] * at) + sinf(hz[which >> 4 & 7] * at));
		int16_t sample = (int16_t)x;

		payload[2 * i] = (uint8_t)((uint16_t)sample >> 8);
		payload[2 * i + 1] = (uint8_t)sample;
	}
	return n / 2 * 2;
}

/* @return bytes of payload, or -1: no more */
static int
next_payload(struct input *in, uint8_t head[HEAD], uint8_t *payload)
{
	uint32_t n;

	if (in->n < HEAD)
		return -1;
	memcpy(head, in->bytes, HEAD);
	in->bytes += HEAD;
	in->n -= HEAD;
	n = head[0] * 4U;
	if (head[1] & 0x80)
		return (int)make_tone(payload, n, head[2], head[3]);
	if (n > in->n)
		n = (uint32_t)in->n;
	memcpy(payload, in->bytes, n);
	in->bytes += n;
	in->n -= n;
	return (int)n;
}

static void
check(const struct rtp_tones_told *told, uint32_t first, uint32_t last)
{
	uint32_t i;

	assert(told->keys_count <= RTP_TONES_KEYS_MAX);
	for (i = 0; i < told->keys_count; i++)
		assert(told->keys[i].key &&
		       strchr("0123456789*#ABCD", told->keys[i].key));
	if (told->keys_count)
		assert(told->marked);
	if (told->marked)
		assert(last - told->last <= last - told->first &&
		       last - told->first <= last - first);
}

/* Anything may happen to timestamps and formats. */
static void
stream(struct input in)
{
	struct rtp_tones_frame frame = { .sequence = 0xffffff00 };
	uint8_t payload[PAYLOAD_MAX], head[HEAD];
	struct rtp_tones_told told;
	struct rtp_tones *tones;
	int n;

	if (rtp_tones_new(&tones) < 0)
		return;
	while ((n = next_payload(&in, head, payload)) >= 0) {
		uint32_t format = head[1] & 0x80 ? 3 : (head[1] & 7) % 5;

		frame.sequence += 1 + (head[1] >> 3 & 1);
		frame.timestamp += (uint32_t)n / (format == 3 ? 2 : 1);
		frame.timestamp += head[1] & 0x10 ? head[2] * 40U : 0;
		frame.timestamp -= head[1] & 0x20 ? head[2] * 999U : 0;
		frame.format = &formats[format];
		frame.payload = payload;
		frame.payload_bytes = (uint32_t)n;
		rtp_tones_take(tones, &frame, &told);
		check(&told, 0xffffff00, frame.sequence);
		if (head[1] & 0x40) {
			rtp_tones_end(tones, &told);
			check(&told, 0xffffff00, frame.sequence);
		}
	}
	rtp_tones_free(&tones);
}

/* The same sound in packets of so many samples. @return keys */
static uint32_t
keys_of(const uint8_t *bytes, uint32_t n, uint32_t packet, char *keys,
	uint32_t max)
{
	struct rtp_tones_frame frame = { .format = &formats[3] };
	struct rtp_tones_told told;
	struct rtp_tones *tones;
	uint32_t count = 0, i;

	if (rtp_tones_new(&tones) < 0)
		return 0;
	while (n > 0) {
		frame.payload = bytes;
		frame.payload_bytes = n < packet * 2 ? n : packet * 2;
		rtp_tones_take(tones, &frame, &told);
		for (i = 0; i < told.keys_count && count < max; i++)
			keys[count++] = told.keys[i].key;
		bytes += frame.payload_bytes;
		n -= frame.payload_bytes;
		frame.sequence++;
		frame.timestamp += frame.payload_bytes / 2;
	}
	rtp_tones_free(&tones);
	return count;
}

static void
split(struct input in)
{
	static uint8_t sound[16 * PAYLOAD_MAX];
	uint8_t head[HEAD];
	char one[256], other[256];
	uint32_t n = 0, count;
	int more;

	while (n + PAYLOAD_MAX <= sizeof(sound) &&
	       (more = next_payload(&in, head, sound + n)) >= 0)
		n += (uint32_t)more / 2 * 2;
	count = keys_of(sound, n, 80, one, sizeof(one));
	assert(keys_of(sound, n, 240, other, sizeof(other)) == count);
	assert(memcmp(one, other, count) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct input in = { bytes, n };

	stream(in);
	split(in);
	return 0;
}
