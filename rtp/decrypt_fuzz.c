/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any packets, under any key: what is handed out lies within what was copied,
 * and is no longer than the packet was.
 *
 * Input: suite, bits, bytes of the MKI, what its bytes are; then packets: their
 * length, the first byte, and what comes after the fixed header.
 */
#include "rtp/decrypt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { HEAD = 4, BEFORE = 2, PACKETS_MAX = 24 };

/* Its bytes are the fixed ones, so that a run finds MKIs in heads. */
static struct rtp_srtp_key
key_of(const uint8_t *bytes)
{
	struct rtp_srtp_key key = {
		.suite =
		    (enum rtp_srtp_suite)(bytes[0] % RTP_SRTP_SUITES_COUNT),
		.unencrypted = bytes[1] & 1,
		.unauthenticated = bytes[1] & 2,
		.mki_bytes = bytes[2] % (RTP_SRTP_MKI_MAX + 1),
		.mki = bytes[3],
	};

	memset(key.bytes, 0x5a, sizeof(key.bytes));
	return key;
}

static void
one_frame(struct rtp_decrypt *stream, const struct rtp_decrypt_keys *keys,
	  struct rtp_frame *frame)
{
	uint16_t before = frame->body_bytes;

	if (rtp_decrypt_frame(stream, frame, keys) == RTP_DECRYPT_DONE) {
		assert(frame->body_bytes <= before);
		assert(frame->payload_bytes <= frame->body_bytes);
		assert(frame->payload_bytes == 0 ||
		       (frame->payload >= frame->body &&
			frame->payload + frame->payload_bytes <=
			    frame->body + frame->body_bytes));
	}
	rtp_decrypt_forget(stream);
}

static void
all_frames(struct rtp_decrypt *stream, const struct rtp_decrypt_keys *keys,
	   const uint8_t *bytes, size_t n)
{
	for (uint32_t i = 0; i < PACKETS_MAX && n >= BEFORE; i++) {
		size_t left = n - BEFORE;
		size_t body = bytes[0] < left ? bytes[0] : left;
		uint8_t *copy = malloc(body ? body : 1);
		struct rtp_frame frame = {
			.sequence = 0x10000 + i,
			.time_ns = i * 20000000LL,
			.flags = bytes[1] & 0x3f,
			.body = copy,
			.body_bytes = (uint16_t)body,
		};

		assert(copy);
		memcpy(copy, bytes + BEFORE, body);
		one_frame(stream, keys, &frame);
		free(copy);
		bytes += BEFORE + body;
		n -= BEFORE + body;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtp_decrypt_budget budget = { 0 };
	struct rtp_decrypt_key one = { .id = 1 };
	struct rtp_decrypt_keys keys = { .generation = 1,
					 .count = 1,
					 .secure = true,
					 .key = &one,
					 .budget = &budget };
	struct rtp_decrypt *stream;
	struct rtp_srtp_key key;

	if (n < HEAD)
		return 0;
	key = key_of(bytes);
	one.key = &key;
	if (key.unauthenticated)
		keys.unproved = &one;
	if (rtp_decrypt_new(&stream, bytes[1] & 4 ? 0 : bytes[3]) < 0)
		abort();
	all_frames(stream, &keys, bytes + HEAD, n - HEAD);
	rtp_decrypt_free(&stream);
	return 0;
}
