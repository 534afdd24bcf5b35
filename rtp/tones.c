/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See tones.h. */
#include "rtp/tones.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <spandsp.h>
#include <spandsp/expose.h>

#include "rtp/g711.h"

enum { HZ = 8000, ROWS = 4, TONES = 8 };

/* Samples. spandsp's blocks are as long as two halves. */
enum { HALF = 51, BLOCK = 2 * HALF, CHUNK = 256 };

/* Samples: around a tone, and what may be missing from one. */
enum { MARGIN = 160, BRIDGE = 480 };

/* Frames that can still be marked. Those of 5 ms reach back far enough. */
enum { FRAMES = 64 };

/*
 * Both are in dB; Q.24 has tones of one key differ by up to 10 dB, and be as
 * weak as -40 dBm0. A high tone is rarely the stronger one in a network, but it
 * is in speech.
 */
enum { TWIST_DB = 9, REVERSE_TWIST_DB = 9, WEAKEST_DBM0 = -42 };

/*
 * Eager: of the energy of a block so much is of a row and a column, the weaker
 * of the two has so much, and no other row or column has more than so much of
 * the one that is heard.
 */
static const float PAIR_SHARE = 0.6F;
static const float WEAKER_SHARE = 0.07F;
static const float OTHER_SHARE = 0.25F;

/* Mean square of a sample: -46 dBm0, a sine of full scale being +3.14. */
static const float FAINTEST = 6500.0F;

static const float frequencies[TONES] = { 697,  770,  852,  941,
					  1209, 1336, 1477, 1633 };
static const char keys[] = "123A456B789C*0#D";

/* What some samples have of each frequency, as complex numbers. */
struct part {
	float re[TONES], im[TONES];
	float energy;
	uint32_t samples;
};

/* Where a frame begins. */
struct place {
	uint64_t position; /* samples since the stream began */
	uint32_t sequence;
};

struct rtp_tones {
	dtmf_rx_state_t rx;
	g722_decode_state_t g722;
	char down; /* key that spandsp hears; 0: none */

	/* Goertzel's filters, of the half that is being heard */
	float coefficient[TONES], v1[TONES], v2[TONES];
	float energy;
	uint32_t samples;
	struct part turn;    /* see there, for a half */
	struct part before;  /* the half before it; no samples: none */
	bool edge;           /* nothing is known of what was before that */
	char heard;          /* key of the last block, eagerly */
	uint64_t heard_from; /* ... and of those before it */

	uint64_t position;     /* of the next sample */
	uint64_t marked_until; /* a frame that begins before is marked */
	uint32_t timestamp;    /* of the next sample */
	bool begun;            /* there was a frame */
	uint32_t sequence;     /* of the last one */
	uint32_t places_count; /* so far */
	struct place places[FRAMES];
	struct rtp_tones_told *told; /* while a frame is heard */
	int16_t pcm[CHUNK];
};

/* ---- marks ----------------------------------------------------------------
 */

/* The frame that has this sample, or the oldest that is still known. */
static uint32_t
frame_at(const struct rtp_tones *t, uint64_t position)
{
	uint32_t oldest =
	    t->places_count > FRAMES ? t->places_count - FRAMES : 0;
	uint32_t i = t->places_count - 1;

	while (i != oldest && t->places[i % FRAMES].position > position)
		i--;
	return t->places[i % FRAMES].sequence;
}

static void
mark_frames(struct rtp_tones *t, uint32_t first)
{
	struct rtp_tones_told *told = t->told;

	if (!told->marked || (int32_t)(first - told->first) < 0)
		told->first = first;
	told->marked = true;
	told->last = t->sequence;
}

/* There is a tone between these samples. */
static void
mark(struct rtp_tones *t, uint64_t from, uint64_t until)
{
	mark_frames(t, frame_at(t, from > MARGIN ? from - MARGIN : 0));
	if (until + MARGIN > t->marked_until)
		t->marked_until = until + MARGIN;
}

/* ---- the eager test -------------------------------------------------------
 */

/* What Goertzel's filters have: the sum over n of x(n) e^(jw(N-1-n)). */
static void
finish_part(const struct rtp_tones *t, struct part *part)
{
	uint32_t i;

	for (i = 0; i < TONES; i++) {
		float cosine = t->coefficient[i] / 2;
		float sine = sqrtf(1 - cosine * cosine);

		part->re[i] = t->v1[i] - t->v2[i] * cosine;
		part->im[i] = t->v2[i] * sine;
	}
	part->energy = t->energy;
	part->samples = t->samples;
}

/* e^(jwn), by which the first of two parts is turned if the second has n
 * samples. */
static void
turn(uint32_t n, struct part *by)
{
	uint32_t i;

	for (i = 0; i < TONES; i++) {
		float angle = 2 * (float)M_PI * frequencies[i] / HZ * (float)n;

		by->re[i] = cosf(angle);
		by->im[i] = sinf(angle);
	}
	by->samples = n;
}

/* Power of each frequency in two parts, one after the other, as a share of all
 * that is in them. */
static void
shares(const struct rtp_tones *t, const struct part *second, float share[TONES])
{
	const struct part *first = &t->before, *by = &t->turn;
	float all = (first->energy + second->energy) *
		    (float)(first->samples + second->samples) / 2;
	struct part other;
	uint32_t i;

	if (second->samples != by->samples) {
		turn(second->samples, &other);
		by = &other;
	}
	for (i = 0; i < TONES; i++) {
		float re = first->re[i] * by->re[i] - first->im[i] * by->im[i] +
			   second->re[i];
		float im = first->re[i] * by->im[i] + first->im[i] * by->re[i] +
			   second->im[i];

		share[i] = (re * re + im * im) / all;
	}
}

/* The strongest of a row or column. @return TONES: it does not stand out */
static uint32_t
strongest(const float *share)
{
	uint32_t best = 0, i;

	for (i = 1; i < ROWS; i++)
		if (share[i] > share[best])
			best = i;
	for (i = 0; i < ROWS; i++)
		if (i != best && share[i] > share[best] * OTHER_SHARE)
			return TONES;
	return share[best] < WEAKER_SHARE ? TONES : best;
}

/* In the last two parts. @return 0: none */
static char
key_in(const struct rtp_tones *t, const struct part *second)
{
	const struct part *first = &t->before;
	float share[TONES];
	uint32_t row, column;

	if (first->energy + second->energy <
	    FAINTEST * (float)(first->samples + second->samples))
		return 0;
	shares(t, second, share);
	row = strongest(share);
	column = strongest(share + ROWS);
	if (row == TONES || column == TONES ||
	    share[row] + share[ROWS + column] < PAIR_SHARE)
		return 0;
	return keys[row * ROWS + column];
}

/*
 * A block ends here. Speech has a block now and then that could be of a key,
 * but rarely two that could be of the same; at an edge there may be no second.
 */
static void
judge(struct rtp_tones *t, const struct part *last, bool edge)
{
	uint64_t from = t->position - t->before.samples - last->samples;
	char key = key_in(t, last);
	bool again = key && key == t->heard;

	if (key && !again)
		t->heard_from = from;
	t->heard = key;
	if (again || (key && edge))
		mark(t, t->heard_from, t->position);
}

static void
clear_filters(struct rtp_tones *t)
{
	memset(t->v1, 0, sizeof(t->v1));
	memset(t->v2, 0, sizeof(t->v2));
	t->energy = 0;
	t->samples = 0;
}

static void
end_half(struct rtp_tones *t)
{
	struct part part;

	finish_part(t, &part);
	if (t->before.samples) {
		judge(t, &part, t->edge);
		t->edge = false;
	}
	t->before = part;
	clear_filters(t);
}

/* Sound ends here, perhaps in the middle of a half. */
static void
end_sound(struct rtp_tones *t)
{
	struct part part;

	/* The last whole block is at the edge, but for less than a half. */
	if (t->before.samples && t->heard)
		mark(t, t->heard_from, t->position);
	if (t->before.samples && t->samples >= HALF / 2) {
		finish_part(t, &part);
		judge(t, &part, true);
	}
	clear_filters(t);
	t->before.samples = 0;
	t->edge = true;
}

/* All frequencies at once: the compiler makes vectors of them. */
static void
filter(struct rtp_tones *t, const int16_t *pcm, uint32_t n)
{
	float v1[TONES], v2[TONES], energy = t->energy;
	uint32_t i, k;

	memcpy(v1, t->v1, sizeof(v1));
	memcpy(v2, t->v2, sizeof(v2));
	for (i = 0; i < n; i++) {
		float x = pcm[i];

		energy += x * x;
		for (k = 0; k < TONES; k++) {
			float v0 = t->coefficient[k] * v1[k] - v2[k] + x;

			v2[k] = v1[k];
			v1[k] = v0;
		}
	}
	memcpy(t->v1, v1, sizeof(v1));
	memcpy(t->v2, v2, sizeof(v2));
	t->energy = energy;
	t->samples += n;
}

/* ---- spandsp --------------------------------------------------------------
 */

static void
key_changed(void *ctx, int code, int level, int delay)
{
	struct rtp_tones *t = ctx;
	struct rtp_tones_told *told = t->told;
	uint64_t from = t->position > 2 * BLOCK ? t->position - 2 * BLOCK : 0;

	t->down = (char)code;
	if (!code || told->keys_count == RTP_TONES_KEYS_MAX)
		return;
	mark(t, from, t->position);
	if (t->heard == code)
		from = t->heard_from;
	told->keys[told->keys_count++] = (struct rtp_tones_key){
		.key = (char)code,
		.timestamp = t->timestamp - (uint32_t)(t->position - from),
	};
}

static void
listen_anew(struct rtp_tones *t)
{
	t->down = 0;
	t->heard = 0;
	dtmf_rx_init(&t->rx, NULL, NULL);
	dtmf_rx_parms(&t->rx, 0, TWIST_DB, REVERSE_TWIST_DB, WEAKEST_DBM0);
	dtmf_rx_set_realtime_callback(&t->rx, key_changed, t);
}

/* ---- frames ---------------------------------------------------------------
 */

/* Up to the end of a half at a time, so that all know where they are. */
static void
hear(struct rtp_tones *t, const int16_t *pcm, uint32_t n)
{
	while (n > 0) {
		uint32_t part = HALF - t->samples;

		if (part > n)
			part = n;
		filter(t, pcm, part);
		t->position += part;
		t->timestamp += part;
		if (t->samples == HALF)
			end_half(t);
		dtmf_rx(&t->rx, pcm, (int)part);
		if (t->down)
			mark(t, t->position, t->position);
		pcm += part;
		n -= part;
	}
}

enum coding { NOT_HEARD, G711, G722, L16 };

static enum coding
coding_of(const struct rtp_format *format)
{
	if (!format || format->clock_hz != HZ || format->channels > 1)
		return NOT_HEARD;
	if (rtp_g711_values(format->encoding))
		return G711;
	if (strcasecmp(format->encoding, "G722") == 0)
		return G722; /* its clock is half its rate: RFC 3551, 4.5.2 */
	if (strcasecmp(format->encoding, "L16") == 0)
		return L16;
	return NOT_HEARD;
}

bool
rtp_tones_hears(const struct rtp_format *format)
{
	return coding_of(format) != NOT_HEARD;
}

/* Some of a payload. @return samples */
static uint32_t
decode(struct rtp_tones *t, enum coding coding, const struct rtp_format *format,
       const uint8_t *payload, uint32_t n)
{
	const int16_t *values;
	uint32_t i;

	switch (coding) {
	case G711:
		values = rtp_g711_values(format->encoding);
		for (i = 0; i < n; i++)
			t->pcm[i] = values[payload[i]];
		return n;
	case G722:
		return (uint32_t)g722_decode(&t->g722, t->pcm, payload, (int)n);
	default:
		for (i = 0; i < n / 2; i++)
			t->pcm[i] =
			    (int16_t)(payload[2 * i] << 8 | payload[2 * i + 1]);
		return n / 2;
	}
}

/* What is between the last frame and this one? */
static void
bridge(struct rtp_tones *t, const struct rtp_tones_frame *frame)
{
	uint32_t missing = frame->timestamp - t->timestamp;
	bool next = t->begun && frame->sequence == t->sequence + 1;

	/* A timestamp that goes back with nothing lost is wrong by itself. */
	if (t->begun && (missing == 0 || (next && (int32_t)missing < 0)))
		return;
	end_sound(t);
	if (t->begun && missing <= BRIDGE) {
		dtmf_rx_fillin(&t->rx, (int)missing);
		t->position += missing;
	} else {
		listen_anew(t);
	}
}

void
rtp_tones_take(struct rtp_tones *t, const struct rtp_tones_frame *frame,
	       struct rtp_tones_told *told)
{
	enum coding coding = coding_of(frame->format);
	const uint8_t *payload = frame->payload;
	uint32_t left = frame->payload_bytes;

	*told = (struct rtp_tones_told){ 0 };
	if (coding == NOT_HEARD)
		return;
	t->told = told;
	bridge(t, frame);
	t->begun = true;
	t->timestamp = frame->timestamp;
	t->sequence = frame->sequence;
	t->places[t->places_count++ % FRAMES] =
	    (struct place){ t->position, frame->sequence };
	if (t->places_count == 2 * FRAMES)
		t->places_count = FRAMES;
	if (t->position < t->marked_until)
		mark_frames(t, frame->sequence);
	while (left > 0) {
		uint32_t part = left > CHUNK ? CHUNK : left;

		hear(t, t->pcm,
		     decode(t, coding, frame->format, payload, part));
		payload += part;
		left -= part;
	}
	t->told = NULL;
}

void
rtp_tones_end(struct rtp_tones *t, struct rtp_tones_told *told)
{
	*told = (struct rtp_tones_told){ 0 };
	t->told = told;
	if (t->begun)
		end_sound(t);
	t->told = NULL;
}

int
rtp_tones_new(struct rtp_tones **tones)
{
	struct rtp_tones *t = calloc(1, sizeof(*t));
	uint32_t i;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < TONES; i++)
		t->coefficient[i] =
		    2 * cosf(2 * (float)M_PI * frequencies[i] / HZ);
	turn(HALF, &t->turn);
	g722_decode_init(&t->g722, 64000, G722_SAMPLE_RATE_8000);
	t->edge = true;
	listen_anew(t);
	*tones = t;
	return 0;
}

void
rtp_tones_free(struct rtp_tones **tones)
{
	if (!*tones)
		return;
	explicit_bzero(*tones, sizeof(**tones));
	free(*tones);
	*tones = NULL;
}
