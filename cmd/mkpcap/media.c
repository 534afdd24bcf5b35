/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tones as G.711 (ITU-T G.711), or bytes as they are, in RTP (RFC 3550); keyed
 * digits as RFC 4733.
 * The frequency is what a test recognises a side, a call or a segment by.
 */
#include <math.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

#define SAMPLE_HZ 8000
#define AMPLITUDE 8000

/** A key in the sound. */
#define HEARD_NS (100 * INT64_C(1000000))
/** A keyed digit: five packets while the key is down, three that it is up. */
#define DIGIT_DOWN  5
#define DIGIT_SLOTS 8

uint64_t
mkpcap__hash(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t
mkpcap__random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

bool
mkpcap__picked(const struct mkpcap_pick *pick, uint32_t number,
	       uint64_t *random)
{
	for (uint32_t i = 0; i < pick->ranges_count; i++)
		if (number >= pick->ranges[i].first &&
		    number <= pick->ranges[i].last)
			return true;
	return pick->per_million &&
	       mkpcap__random(random) % 1000000 < pick->per_million;
}

uint32_t
mkpcap__slots(const struct mkpcap_media *media)
{
	int64_t slots =
	    (media->to_ns - media->from_ns) / mkpcap__step_ns(media);

	return slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
}

bool
mkpcap__slot_sent(const struct mkpcap_media *media, uint32_t slot)
{
	int64_t at_ns = mkpcap__slot_ns(media, slot);

	for (uint32_t i = 0; i < media->pauses_count; i++)
		if (at_ns >= media->pauses[i].from_ns &&
		    at_ns < media->pauses[i].to_ns)
			return false;
	return true;
}

void
mkpcap__sine_init(struct mkpcap_sine *sine)
{
	for (int i = 0; i < SAMPLE_HZ; i++)
		sine->at[i] =
		    (int16_t)lrint(AMPLITUDE * sin(2 * M_PI * i / SAMPLE_HZ));
}

/* Sign, three bits of exponent, four of mantissa; even bits inverted. */
uint8_t
mkpcap__alaw(int16_t sample)
{
	unsigned sign = sample >= 0 ? 0x80 : 0;
	unsigned magnitude =
	    (unsigned)(sample >= 0 ? sample : -(sample + 1)) >> 4;
	unsigned exponent = 0;

	while (magnitude >> exponent > 31)
		exponent++;
	if (exponent)
		magnitude =
		    (magnitude >> exponent) - 16 + ((exponent + 1) << 4);
	return (uint8_t)((sign | magnitude) ^ 0x55);
}

/* Likewise with a bias of 33 (in units of 4), all bits inverted. */
uint8_t
mkpcap__ulaw(int16_t sample)
{
	unsigned sign = sample < 0 ? 0x80 : 0;
	unsigned magnitude = (unsigned)(sample < 0 ? -(int)sample : sample);
	unsigned exponent = 0;

	magnitude = (magnitude < 32635 ? magnitude : 32635) + 132;
	while (magnitude >> (exponent + 3) > 31)
		exponent++;
	return (uint8_t) ~(sign | exponent << 4 |
			   (magnitude >> (exponent + 3) & 15));
}

static uint32_t
tone_at(const struct mkpcap_media *media, int64_t at_ns)
{
	uint32_t hz = 0;

	for (uint32_t i = 0; i < media->tones_count; i++)
		if (at_ns >= media->tones[i].at_ns)
			hz = media->tones[i].hz;
	return hz;
}

/* Of a key that is heard at a sample: two sines, by its row and column (ITU-T
 * Q.23). @return false: there is none */
static bool
key_sample(const struct mkpcap_media *media, const struct mkpcap_sine *sine,
	   uint64_t n, int16_t *sample)
{
	static const uint16_t rows[] = { 697, 770, 852, 941 };
	static const uint16_t columns[] = { 1209, 1336, 1477, 1633 };
	/* of 0 to 9, *, #, A to D: row times four and column */
	static const uint8_t places[] = { 13, 0,  1,  2,  4, 5, 6,  8,
					  9,  10, 12, 14, 3, 7, 11, 15 };
	int64_t at_ns = media->from_ns + (int64_t)n * (SECOND_NS / SAMPLE_HZ);

	for (uint32_t i = 0; i < media->digits_count; i++) {
		int64_t key_ns = media->digits[i].at_ns;
		uint8_t place = places[media->digits[i].event];

		if (!media->digits[i].heard || at_ns < key_ns ||
		    at_ns >= key_ns + HEARD_NS)
			continue;
		*sample =
		    (int16_t)(sine->at[n * rows[place / 4] % SAMPLE_HZ] +
			      sine->at[n * columns[place % 4] % SAMPLE_HZ]);
		return true;
	}
	return false;
}

/* The last pattern that has begun goes on from its own beginning. */
static void
pattern_put(const struct mkpcap_media *media, uint32_t slot, uint32_t samples,
	    uint8_t *payload)
{
	uint32_t first = 0, which = 0;

	for (uint32_t i = 1; i < media->patterns_count; i++) {
		int64_t after_ns = media->patterns[i].at_ns - media->from_ns;

		if (after_ns > slot * mkpcap__step_ns(media))
			continue;
		which = i;
		first =
		    after_ns > 0
			? (uint32_t)((after_ns - 1) / mkpcap__step_ns(media)) +
			      1
			: 0;
	}
	for (uint64_t i = 0, n = (uint64_t)(slot - first) * samples;
	     i < samples; i++, n++)
		payload[i] = mkpcap__hex_at(
		    &media->patterns[which].hex,
		    (uint32_t)(n % (media->patterns[which].hex.n / 2)));
}

static uint32_t
sound_put(const struct mkpcap_stream *stream, const struct mkpcap_sine *sine,
	  uint32_t slot, uint8_t *payload)
{
	const struct mkpcap_media *media = stream->media;
	uint32_t samples = (uint32_t)(media->ptime_ns * SAMPLE_HZ / SECOND_NS);
	uint64_t n = (uint64_t)slot * samples;
	uint32_t hz = tone_at(media, mkpcap__slot_ns(media, slot));

	if (hz)
		hz = (hz + stream->tone_shift_hz) % (SAMPLE_HZ / 2);
	if (media->patterns_count)
		pattern_put(media, slot, samples, payload);
	for (uint32_t i = 0; i < samples; i++, n++) {
		int16_t sample = sine->at[n * hz % SAMPLE_HZ];

		if (!key_sample(media, sine, n, &sample) &&
		    media->patterns_count)
			continue;
		payload[i] = stream->codec->payload_type == 8
				 ? mkpcap__alaw(sample)
				 : mkpcap__ulaw(sample);
	}
	return samples;
}

/* RFC 4733 section 2.3: event, E bit and volume, duration. */
static uint32_t
digit_put(const struct mkpcap_media *media, uint8_t event, uint32_t place,
	  uint8_t *payload)
{
	bool up = place >= DIGIT_DOWN;
	uint32_t duration = (up ? DIGIT_DOWN : place + 1) *
			    (uint32_t)(media->ptime_ns * SAMPLE_HZ / SECOND_NS);

	payload[0] = event;
	payload[1] = up ? 0x80 | 10 : 10;
	payload[2] = (uint8_t)(duration >> 8);
	payload[3] = (uint8_t)duration;
	return 4;
}

/* Which digit is sent in this slot, and how far it is; -1: none. */
static int
digit_at(const struct mkpcap_media *media, uint32_t slot, uint32_t *place)
{
	for (uint32_t i = 0; i < media->digits_count; i++) {
		int64_t first = (media->digits[i].at_ns - media->from_ns) /
				mkpcap__step_ns(media);

		if (!media->digits[i].heard && first >= 0 && slot >= first &&
		    slot < first + DIGIT_SLOTS) {
			*place = slot - (uint32_t)first;
			return media->digits[i].event;
		}
	}
	return -1;
}

static void
put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

uint32_t
mkpcap__rtp(const struct mkpcap_stream *stream, const struct mkpcap_sine *sine,
	    const struct mkpcap_packet *packet, uint8_t *bytes)
{
	const struct mkpcap_media *media = stream->media;
	uint32_t samples = (uint32_t)(media->ptime_ns * SAMPLE_HZ / SECOND_NS);
	uint32_t slot = packet->slot;
	uint16_t seq = (uint16_t)(stream->seq + packet->number);
	/* The first of a talkspurt (RFC 3551 section 4.1). */
	bool marker = slot == 0 || !mkpcap__slot_sent(media, slot - 1);
	uint8_t payload_type = stream->codec->payload_type;
	uint32_t place, n;
	int event = digit_at(media, slot, &place);

	if (event >= 0) {
		n = digit_put(media, (uint8_t)event, place, bytes + 12);
		marker = place == 0;
		payload_type = 101;
		slot -= place;
	} else {
		n = sound_put(stream, sine, slot, bytes + 12);
	}
	bytes[0] = 0x80; /* version 2 */
	bytes[1] = (uint8_t)(payload_type | (marker ? 0x80 : 0));
	bytes[2] = (uint8_t)(seq >> 8);
	bytes[3] = (uint8_t)seq;
	put32(bytes + 4, stream->ts + slot * samples);
	put32(bytes + 8, stream->ssrc);
	return 12 + n;
}
