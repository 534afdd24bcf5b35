/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What it costs to decrypt 20 ms of G.711, by suite; what libsrtp2 alone takes
 * of it; and what is refused, where all keys and rollovers are tried. */
#include "rtp/decrypt.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PACKETS = 20000, ROOM = 256, SSRC = 5, BODY = 160 };

static alignas(8) uint8_t packets[PACKETS][ROOM];
static size_t bytes[PACKETS];

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static struct rtp_srtp *
session(const struct rtp_srtp_key *key, bool sender)
{
	struct rtp_srtp *srtp;

	if (rtp_srtp_new(&srtp, key, SSRC, sender) < 0)
		abort();
	return srtp;
}

static void
make_packets(const struct rtp_srtp_key *key)
{
	struct rtp_srtp *sender = session(key, true);

	for (uint32_t i = 0; i < PACKETS; i++) {
		memset(packets[i], 0, ROOM);
		packets[i][0] = 0x80;
		packets[i][2] = (uint8_t)(i >> 8);
		packets[i][3] = (uint8_t)i;
		packets[i][11] = SSRC;
		bytes[i] = RTP_FIXED_BYTES + BODY;
		if (rtp_srtp_protect(sender, packets[i], &bytes[i]) < 0)
			abort();
	}
	rtp_srtp_free(&sender);
}

static uint32_t
decrypt_all(const struct rtp_srtp_key *key)
{
	const struct rtp_decrypt_key one = { 1, key };
	struct rtp_decrypt_budget budget = { 0 };
	const struct rtp_decrypt_keys keys = { .generation = 1,
					       .count = 1,
					       .secure = true,
					       .key = &one,
					       .budget = &budget };
	struct rtp_decrypt *stream;
	uint32_t done = 0;

	if (rtp_decrypt_new(&stream, SSRC) < 0)
		abort();
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct rtp_frame frame = {
			.sequence = 0x10000 + i,
			.body = packets[i] + RTP_FIXED_BYTES,
			.body_bytes = (uint16_t)(bytes[i] - RTP_FIXED_BYTES),
		};

		done += rtp_decrypt_frame(stream, &frame, &keys) ==
			RTP_DECRYPT_DONE;
		rtp_decrypt_forget(stream);
	}
	rtp_decrypt_free(&stream);
	return done;
}

static void
library_alone(const struct rtp_srtp_key *key)
{
	struct rtp_srtp *receiver = session(key, false);

	for (uint32_t i = 0; i < PACKETS; i++)
		if (rtp_srtp_unprotect(receiver, packets[i], &bytes[i]) < 0)
			abort();
	rtp_srtp_free(&receiver);
}

static void
one_suite(enum rtp_srtp_suite suite)
{
	struct rtp_srtp_key key = { .suite = suite, .bytes = { 1, 2, 3 } };
	struct rtp_srtp_key wrong = { .suite = suite, .bytes = { 3, 2, 1 } };
	double began_us, refused_us, decrypted_us, alone_us;

	make_packets(&key);
	began_us = now_us();
	if (decrypt_all(&wrong) != 0)
		abort();
	refused_us = now_us() - began_us;
	began_us = now_us();
	if (decrypt_all(&key) != PACKETS)
		abort();
	decrypted_us = now_us() - began_us;
	began_us = now_us();
	library_alone(&key);
	alone_us = now_us() - began_us;
	printf("%-26s %6.2f us a packet, %6.2f the library alone, %6.2f "
	       "refused\n",
	       rtp_srtp_suite_name(suite), decrypted_us / PACKETS,
	       alone_us / PACKETS, refused_us / PACKETS);
}

int
main(void)
{
	double began_us = now_us();

	if (rtp_srtp_init() < 0)
		abort();
	printf("%-26s %6.2f ms\n", "to load the library",
	       (now_us() - began_us) / 1e3);
	for (int i = 0; i < RTP_SRTP_SUITES_COUNT; i++)
		one_suite((enum rtp_srtp_suite)i);
	return 0;
}
