/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever the payloads of any codec hold, and whatever is missing between
 * them: nothing is read or written past an end. The first byte picks the
 * format; then come payloads behind their length. Length 255 is a gap.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rtp/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define GAP       255
#define GUARD     12345
#define ROOM      24000
#define STEPS_MAX 64

static const struct rtp_format formats[] = {
	{ "PCMA", 8000, 8, 1, "" },
	{ "PCMU", 8000, 0, 1, "" },
	{ "G722", 8000, 9, 1, "" },
	{ "G726-16", 8000, 97, 1, "" },
	{ "G726-24", 8000, 97, 1, "" },
	{ "AAL2-G726-32", 8000, 97, 1, "" },
	{ "AAL2-G726-40", 8000, 97, 1, "" },
	{ "G729", 8000, 18, 1, "" },
	{ "GSM", 8000, 3, 1, "" },
	{ "AMR", 8000, 97, 1, "" },
	{ "AMR", 8000, 97, 1, "octet-align=1" },
	{ "AMR-WB", 16000, 97, 1, "" },
	{ "AMR-WB", 16000, 97, 1, "octet-align=1" },
	{ "speex", 8000, 97, 1, "" },
	{ "speex", 16000, 97, 1, "" },
	{ "speex", 32000, 97, 1, "" },
	{ "opus", 48000, 97, 2, "" },
	{ "L16", 8000, 97, 1, "" },
	{ "L16", 48000, 97, 2, "" },
};

static int16_t pcm[ROOM + 1];

/* @return bytes used */
static size_t
step(struct rtp_decoder *decoder, const uint8_t *bytes, size_t n)
{
	/* Rooms that are just enough, too small, and ample. */
	static const size_t rooms[] = { 160, 960, ROOM };
	size_t length = bytes[0], room = rooms[n % 3];
	uint8_t *payload;
	int r;

	if (length == GAP) {
		size_t samples = n > 1 ? (size_t)bytes[1] * 7 : 0;
		size_t next = n > 2 && bytes[2] < n - 3 ? bytes[2] : 0;

		payload = malloc(next);
		memcpy(payload, bytes + n - next, next);
		pcm[samples] = GUARD;
		rtp_decoder_conceal(decoder, pcm, samples,
				    next ? payload : NULL, next);
		assert(pcm[samples] == GUARD);
		free(payload);
		return n < 3 ? n : 3;
	}
	length = length < n - 1 ? length : n - 1;
	payload = malloc(length);
	memcpy(payload, bytes + 1, length);
	pcm[room] = GUARD;
	r = rtp_decoder_decode(decoder, pcm, room, payload, length);
	assert(pcm[room] == GUARD);
	assert(r == -EBADMSG || r == -ENOSPC || (r >= 0 && (size_t)r <= room));
	free(payload);
	return length + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const size_t count = sizeof(formats) / sizeof(formats[0]);
	struct rtp_decoder *decoder;
	size_t used;

	if (n < 2)
		return 0;
	if (rtp_decoder_open(&decoder, &formats[bytes[0] % count]) < 0)
		return 0;
	bytes++;
	n--;
	for (int i = 0; n && i < STEPS_MAX; i++) {
		used = step(decoder, bytes, n);
		bytes += used;
		n -= used;
	}
	rtp_decoder_close(&decoder);
	return 0;
}
