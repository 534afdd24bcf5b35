/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Coded speech for tests:
 *
 *   speech encode amr|amr-wb|g729 MODE [dtx] <pcm >frames
 *       by the codec's own library; AMR with the header octet of RFC 4867
 *       section 5
 *   speech plain amr|amr-wb|g729|opus <frames >pcm
 *       decoded by that library, one frame after the other; one without bytes
 *       was not sent
 *   speech decode ENCODING HZ CHANNELS [PARAMETERS] <payloads >pcm
 *       as the recorder plays them; one of length 65535 is missing, and takes
 *       as long as the one before
 *
 * Frames and payloads are bytes behind their length, 16 bits, high byte first;
 * PCM is 16 bits, mono, as the machine has them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>
#include <opencore-amrwb/dec_if.h>
#include <opus/opus.h>
#include <vo-amrwbenc/enc_if.h>

#include "rtp/decoder.h"

#define FRAME_SAMPLES_MAX 320
#define MISSING           65535

static void
put(const uint8_t *bytes, size_t n)
{
	putchar((int)(n >> 8));
	putchar((int)(n & 0xff));
	fwrite(bytes, 1, n, stdout);
}

static int
number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static bool
read_frame(int16_t *pcm, size_t samples)
{
	return fread(pcm, sizeof(*pcm), samples, stdin) == samples;
}

static void
encode_amr(int mode, bool dtx)
{
	void *encoder = Encoder_Interface_init(dtx);
	int16_t pcm[FRAME_SAMPLES_MAX];
	uint8_t frame[64];

	while (read_frame(pcm, 160))
		put(frame, (size_t)Encoder_Interface_Encode(
			       encoder, (enum Mode)mode, pcm, frame, 0));
	Encoder_Interface_exit(encoder);
}

static void
encode_amr_wb(int mode, bool dtx)
{
	void *encoder = E_IF_init();
	int16_t pcm[FRAME_SAMPLES_MAX];
	uint8_t frame[64];

	while (read_frame(pcm, 320))
		put(frame, (size_t)E_IF_encode(encoder, mode, pcm, frame, dtx));
	E_IF_exit(encoder);
}

static void
encode_g729(int mode, bool dtx)
{
	bcg729EncoderChannelContextStruct *encoder =
	    initBcg729EncoderChannel(dtx);
	int16_t pcm[FRAME_SAMPLES_MAX];
	uint8_t frame[10], n;

	while (read_frame(pcm, 80)) {
		bcg729Encoder(encoder, pcm, frame, &n);
		put(frame, n);
	}
	closeBcg729EncoderChannel(encoder);
}

static int
encode(const char *codec, int mode, bool dtx)
{
	if (!strcmp(codec, "amr"))
		encode_amr(mode, dtx);
	else if (!strcmp(codec, "amr-wb"))
		encode_amr_wb(mode, dtx);
	else if (!strcmp(codec, "g729"))
		encode_g729(mode, dtx);
	else
		return 2;
	return 0;
}

/* @return bytes, MISSING, or -1: the end */
static int
get(uint8_t *bytes)
{
	int high = getchar(), low = getchar();

	if (low == EOF)
		return -1;
	if ((high << 8 | low) == MISSING)
		return MISSING;
	return (int)fread(bytes, 1, (size_t)(high << 8 | low), stdin);
}

static void
plain_amr(bool wide)
{
	void *decoder = wide ? D_IF_init() : Decoder_Interface_init();
	static uint8_t frame[MISSING];
	int16_t pcm[FRAME_SAMPLES_MAX];

	while (get(frame) >= 0) {
		if (wide)
			D_IF_decode(decoder, frame, pcm, 0);
		else
			Decoder_Interface_Decode(decoder, frame, pcm, 0);
		fwrite(pcm, sizeof(*pcm), wide ? 320 : 160, stdout);
	}
	if (wide)
		D_IF_exit(decoder);
	else
		Decoder_Interface_exit(decoder);
}

static void
plain_g729(void)
{
	bcg729DecoderChannelContextStruct *decoder = initBcg729DecoderChannel();
	static uint8_t frame[MISSING];
	int16_t pcm[FRAME_SAMPLES_MAX];
	int n;

	/* Nothing was sent where the noise goes on. */
	while ((n = get(frame)) >= 0) {
		bcg729Decoder(decoder, n ? frame : NULL, (uint8_t)n, n == 0,
			      n == 2, 0, pcm);
		fwrite(pcm, sizeof(*pcm), 80, stdout);
	}
	closeBcg729DecoderChannel(decoder);
}

static void
plain_opus(void)
{
	OpusDecoder *decoder = opus_decoder_create(48000, 1, NULL);
	static uint8_t frame[MISSING];
	static int16_t pcm[RTP_DECODER_SAMPLES_MAX];
	int n, samples = 0;

	while ((n = get(frame)) >= 0) {
		samples = opus_decode(decoder, n ? frame : NULL, n, pcm,
				      n ? RTP_DECODER_SAMPLES_MAX : samples, 0);
		if (samples > 0)
			fwrite(pcm, sizeof(*pcm), (size_t)samples, stdout);
	}
	opus_decoder_destroy(decoder);
}

static int
plain(const char *codec)
{
	if (!strcmp(codec, "g729"))
		plain_g729();
	else if (!strcmp(codec, "opus"))
		plain_opus();
	else
		plain_amr(!strcmp(codec, "amr-wb"));
	return 0;
}

static int
decode(const struct rtp_format *format)
{
	static uint8_t payload[MISSING], next[MISSING];
	static int16_t pcm[RTP_DECODER_SAMPLES_MAX];
	struct rtp_decoder *decoder;
	int r = rtp_decoder_open(&decoder, format);
	int n = get(payload), next_n, samples = 0;

	if (r < 0) {
		fprintf(stderr, "speech: %s\n", strerror(-r));
		return 1;
	}
	for (; n >= 0; n = next_n) {
		next_n = get(next);
		if (n == MISSING) {
			rtp_decoder_conceal(decoder, pcm, (size_t)samples,
					    next_n == MISSING ? NULL : next,
					    next_n < 0 ? 0 : (size_t)next_n);
		} else {
			r = rtp_decoder_decode(decoder, pcm,
					       RTP_DECODER_SAMPLES_MAX, payload,
					       (size_t)n);
			if (r < 0)
				fprintf(stderr, "speech: %s\n", strerror(-r));
			else
				samples = r;
		}
		if (r >= 0)
			fwrite(pcm, sizeof(*pcm), (size_t)samples, stdout);
		memcpy(payload, next, sizeof(payload));
	}
	rtp_decoder_close(&decoder);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "encode"))
		return encode(argv[2], number(argv[3]), argc > 4);
	if (argc >= 3 && !strcmp(argv[1], "plain"))
		return plain(argv[2]);
	if (argc >= 5 && !strcmp(argv[1], "decode")) {
		struct rtp_format format = {
			.clock_hz = (uint32_t)number(argv[3]),
			.channels = (uint8_t)number(argv[4]),
		};

		snprintf(format.encoding, sizeof(format.encoding), "%s",
			 argv[2]);
		if (argc > 5)
			snprintf(format.parameters, sizeof(format.parameters),
				 "%s", argv[5]);
		return decode(&format);
	}
	fputs("usage: see the head of cmd/testing/speech.c\n", stderr);
	return 2;
}
