/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets of any formats in a row: what is made Opus can be decoded, and what
 * is not stays as it is. An input is a row of packets: which format, how far
 * the sequence and the timestamp go on, how long it is, and the payload.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <opus/opus.h>

#include "rtp/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct rtp_format formats[] = {
	{ "PCMA", 8000, 8, 1, "" },     { "PCMU", 8000, 0, 1, "" },
	{ "PCMU", 16000, 96, 1, "" },   { "G722", 8000, 9, 1, "" },
	{ "L16", 44100, 11, 1, "" },    { "L16", 44100, 10, 2, "" },
	{ "L16", 16000, 97, 1, "" },    { "L16", 48000, 98, 2, "" },
	{ "G726-32", 8000, 99, 1, "" }, { "AAL2-G726-40", 8000, 100, 1, "" },
	{ "CN", 8000, 13, 1, "" },      { "GSM", 8000, 3, 1, "" },
	{ "opus", 48000, 111, 2, "" },  { "", 0, 101, 1, "" },
	{ "PCMA", 0, 102, 1, "" },      { "PCMA", UINT32_MAX, 103, 1, "" },
};

static void
check(const struct rtp_transcoded *opus)
{
	if (rtp_format_is(&opus->format, "CN"))
		return;
	assert(rtp_format_is(&opus->format, "opus"));
	assert(opus->format.clock_hz == 48000);
	assert(opus_packet_get_nb_samples(opus->payload,
					  (opus_int32)opus->bytes, 48000) > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct rtp_transcode_config config = { .bit_rate = 16000,
						     .complexity = 0 };
	struct rtp_transcoder *transcoder;
	struct rtp_transcoded packet = { 0 }, opus, again;
	uint32_t sequence = 0;
	int r;

	if (rtp_transcoder_new(&transcoder, &config) < 0)
		return 0;
	while (n >= 4) {
		packet.format =
		    formats[bytes[0] % (sizeof(formats) / sizeof(formats[0]))];
		sequence += 1 + (bytes[1] & 3);
		packet.timestamp += (uint32_t)(int8_t)bytes[2] * 80;
		packet.bytes = bytes[3] * 8u;
		bytes += 4;
		n -= 4;
		if (packet.bytes > n)
			packet.bytes = (uint32_t)n;
		packet.payload = bytes;
		r = rtp_transcode(transcoder, sequence, &packet, &opus);
		if (r == 0)
			check(&opus);
		/* as where there was no room */
		assert(rtp_transcode(transcoder, sequence, &packet, &again) ==
		       r);
		assert(r < 0 || again.bytes == opus.bytes);
		bytes += packet.bytes;
		n -= packet.bytes;
	}
	rtp_transcoder_free(&transcoder);
	return 0;
}
