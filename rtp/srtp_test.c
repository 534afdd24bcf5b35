/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/srtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

enum { HEADER = 12, PAYLOAD = 160 };

/* The header of the vectors: sequence 0x1234, SSRC 0xcafebabe. */
#define HEAD                                                                   \
	0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe

/*
 * Those by which libsrtp checks itself (test/srtp_driver.c): 16 bytes 0xab,
 * under a master key and salt. RFC 3711 has vectors of the key derivation
 * alone, whose key and salt the first one is.
 */
static const struct {
	const char *suite;
	uint8_t key[RTP_SRTP_KEY_MAX];
	uint8_t packet[64];
	size_t n;
} vectors[] = {
	{ "AES_CM_128_HMAC_SHA1_80",
	  { 0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f,
	    0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e, 0xc6, 0x75, 0xad,
	    0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6 },
	  { HEAD, 0x4e, 0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8,
	    0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24, 0x02, 0xb7,
	    0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb },
	  38 },
	{ "AES_CM_256_HMAC_SHA1_80",
	  { 0xf0, 0xf0, 0x49, 0x14, 0xb5, 0x13, 0xf2, 0x76, 0x3a, 0x1b,
	    0x1f, 0xa1, 0x30, 0xf1, 0x0e, 0x29, 0x98, 0xf6, 0xf6, 0xe4,
	    0x3e, 0x43, 0x09, 0xd1, 0xe6, 0x22, 0xa0, 0xe3, 0x32, 0xb9,
	    0xf1, 0xb6, 0x3b, 0x04, 0x80, 0x3d, 0xe5, 0x1e, 0xe7, 0xc9,
	    0x64, 0x23, 0xab, 0x5b, 0x78, 0xd2 },
	  { HEAD, 0xf1, 0xd9, 0xde, 0x17, 0xff, 0x25, 0x1f, 0xf1,
	    0xaa, 0x00, 0x77, 0x74, 0xb0, 0xb4, 0xb4, 0x0d, 0xa0,
	    0x8d, 0x9d, 0x9a, 0x5b, 0x3a, 0x55, 0xd8, 0x87, 0x3b },
	  38 },
	{ "AEAD_AES_128_GCM",
	  { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
	    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0xa0, 0xa1, 0xa2, 0xa3,
	    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab },
	  { HEAD, 0xc5, 0x00, 0x2e, 0xde, 0x04, 0xcf, 0xdd, 0x2e, 0xb9, 0x11,
	    0x59, 0xe0, 0x88, 0x0a, 0xa0, 0x6e, 0xd2, 0x97, 0x68, 0x26, 0xf7,
	    0x96, 0xb2, 0x01, 0xdf, 0x31, 0x31, 0xa1, 0x27, 0xe8, 0xa3, 0x92 },
	  44 },
};

static void
known_packets(void **state)
{
	static const uint8_t head[] = { HEAD };

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct rtp_srtp_key key = { 0 };
		alignas(8) uint8_t packet[64 + RTP_SRTP_TRAILER_MAX];
		struct rtp_srtp *srtp;
		size_t n = 28;

		key.suite =
		    (enum rtp_srtp_suite)rtp_srtp_suite(vectors[i].suite);
		memcpy(key.bytes, vectors[i].key, sizeof(key.bytes));
		memcpy(packet, head, sizeof(head));
		memset(packet + sizeof(head), 0xab, 16);
		assert_int_equal(rtp_srtp_new(&srtp, &key, 0xcafebabe, true),
				 0);
		assert_int_equal(rtp_srtp_protect(srtp, packet, &n), 0);
		assert_int_equal(n, vectors[i].n);
		assert_memory_equal(packet, vectors[i].packet, n);
		rtp_srtp_free(&srtp);
		assert_int_equal(rtp_srtp_new(&srtp, &key, 0xcafebabe, false),
				 0);
		assert_int_equal(rtp_srtp_unprotect(srtp, packet, &n), 0);
		assert_int_equal(n, 28);
		for (size_t k = HEADER; k < n; k++)
			assert_int_equal(packet[k], 0xab);
		rtp_srtp_free(&srtp);
	}
}

static struct rtp_srtp_key
key_of(int suite, uint8_t seed)
{
	struct rtp_srtp_key key = { .suite = (enum rtp_srtp_suite)suite };

	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)(seed + i * 7);
	return key;
}

static struct rtp_srtp *
session(const struct rtp_srtp_key *key, bool sender)
{
	struct rtp_srtp *srtp;

	assert_int_equal(rtp_srtp_new(&srtp, key, 0x01020304, sender), 0);
	return srtp;
}

static size_t
make(uint8_t *packet, uint16_t sequence)
{
	memset(packet, sequence & 0xff, HEADER + PAYLOAD);
	memcpy(packet,
	       (uint8_t[HEADER]){ 0x80, 8, (uint8_t)(sequence >> 8),
				  (uint8_t)sequence, 0, 0, 0, 0, 1, 2, 3, 4 },
	       HEADER);
	return HEADER + PAYLOAD;
}

/* There and back, with all that an attribute may say; a flipped bit anywhere
 * is seen, but where nothing proves it. */
static void
there_and_back(void **state)
{
	static const uint8_t mki[] = { 0x12, 0x34, 0x56, 0x78 };
	alignas(8) uint8_t plain[HEADER + PAYLOAD], packet[512], bad[512];

	for (int i = 0; i < RTP_SRTP_SUITES_COUNT * 8; i++) {
		struct rtp_srtp_key key = key_of(i / 8, 3);
		bool aead = strstr(rtp_srtp_suite_name(key.suite), "AEAD");
		struct rtp_srtp *to, *from;
		size_t n, m;

		key.mki_bytes = i & 1 ? 4 : 0;
		key.mki = 0x12345678;
		key.unencrypted = (i & 2) && !aead;
		key.unauthenticated = (i & 4) && !aead;
		to = session(&key, true);
		from = session(&key, false);
		n = make(packet, 7);
		memcpy(plain, packet, sizeof(plain));
		assert_int_equal(rtp_srtp_protect(to, packet, &n), 0);
		assert_int_equal(n, sizeof(plain) + key.mki_bytes +
					(key.unauthenticated
					     ? 0
					     : rtp_srtp_tag_bytes(key.suite)));
		assert_int_equal(
		    memcmp(packet + HEADER, plain + HEADER, PAYLOAD) == 0,
		    key.unencrypted);
		if (key.mki_bytes && !aead) /* before the tag */
			assert_memory_equal(packet + sizeof(plain), mki, 4);
		for (size_t k = 4; k < n && !key.unauthenticated; k += 5) {
			memcpy(bad, packet, n);
			bad[k] ^= 1 << k % 8;
			m = n;
			assert_int_equal(rtp_srtp_unprotect(from, bad, &m),
					 -EBADMSG);
		}
		assert_int_equal(rtp_srtp_unprotect(from, packet, &n), 0);
		assert_int_equal(n, sizeof(plain));
		assert_memory_equal(packet, plain, n);
		rtp_srtp_free(&to);
		rtp_srtp_free(&from);
	}
}

/* The number goes round, and a session may begin anywhere. */
static void
rollover(void **state)
{
	struct rtp_srtp_key key = key_of(0, 1);
	struct rtp_srtp *to = session(&key, true);
	struct rtp_srtp *from = session(&key, false);
	alignas(8) uint8_t packet[512];
	size_t n;

	rtp_srtp_set_roc(to, 5);
	for (uint32_t i = 65500; i < 65600; i++) {
		n = make(packet, (uint16_t)i);
		assert_int_equal(rtp_srtp_protect(to, packet, &n), 0);
		if (i == 65500) {
			size_t m = n;
			alignas(8) uint8_t copy[512];

			memcpy(copy, packet, n);
			assert_int_equal(rtp_srtp_unprotect(from, copy, &m),
					 -EBADMSG);
			rtp_srtp_set_roc(from, 5);
		}
		assert_int_equal(rtp_srtp_unprotect(from, packet, &n), 0);
		assert_int_equal(rtp_srtp_roc(from), i < 65536 ? 5 : 6);
	}
	rtp_srtp_free(&to);
	rtp_srtp_free(&from);
}

static void
seen_before(void **state)
{
	struct rtp_srtp_key key = key_of(0, 1);
	struct rtp_srtp *to = session(&key, true);
	struct rtp_srtp *from = session(&key, false);
	alignas(8) uint8_t packet[512], copy[512];
	size_t n = make(packet, 1), m;

	assert_int_equal(rtp_srtp_protect(to, packet, &n), 0);
	memcpy(copy, packet, n);
	m = n;
	assert_int_equal(rtp_srtp_unprotect(from, copy, &m), 0);
	assert_int_equal(rtp_srtp_unprotect(from, packet, &n), -EALREADY);
	rtp_srtp_free(&to);
	rtp_srtp_free(&from);
}

/* Cut anywhere: refused, and nothing is read past its end. */
static void
truncations(void **state)
{
	for (int suite = 0; suite < RTP_SRTP_SUITES_COUNT; suite++) {
		struct rtp_srtp_key key = key_of(suite, 1);
		struct rtp_srtp *to = session(&key, true);
		struct rtp_srtp *from = session(&key, false);
		alignas(8) uint8_t packet[512];
		size_t n = make(packet, 1);

		assert_int_equal(rtp_srtp_protect(to, packet, &n), 0);
		for (size_t k = HEADER; k < n; k++) {
			uint8_t *copy = testing_copy(packet, k);
			size_t m = k;

			assert_int_not_equal(rtp_srtp_unprotect(from, copy, &m),
					     0);
			free(copy);
		}
		rtp_srtp_free(&to);
		rtp_srtp_free(&from);
	}
}

/* Where there is no room for MKI and tag behind the head, the bytes of the head
 * are not taken for the MKI: it is its SSRC, or zeros as in the payload. */
static void
mki_in_the_head(void **state)
{
	static const uint8_t flags[] = { 0x80, 0x81, 0x90, 0xb0, 0x92 };

	for (int i = 0; i < RTP_SRTP_SUITES_COUNT * 4; i++) {
		struct rtp_srtp_key key = key_of(i / 4, 3);
		size_t end = HEADER + 12 + rtp_srtp_tag_bytes(key.suite) + 4;
		struct rtp_srtp *srtp;

		key.mki_bytes = i & 1 ? 4 : 1;
		key.mki = i & 1 ? 0x01020304 : 0;
		key.unauthenticated = i & 2;
		srtp = session(&key, false);
		for (size_t n = 0; n < end * sizeof(flags); n++) {
			size_t m = n / sizeof(flags);
			uint8_t *packet = calloc(1, m + 1), *copy;

			assert_non_null(packet);
			packet[0] = flags[n % sizeof(flags)];
			if (m >= HEADER)
				memcpy(packet + 8, "\1\2\3\4", 4);
			copy = testing_copy(packet, m);
			if (!key.unauthenticated)
				assert_int_equal(
				    rtp_srtp_unprotect(srtp, copy, &m),
				    -EBADMSG);
			else
				(void)!rtp_srtp_unprotect(srtp, copy, &m);
			free(copy);
			free(packet);
		}
		rtp_srtp_free(&srtp);
	}
}

static void
suites_by_name(void **state)
{
	assert_int_equal(rtp_srtp_suite("aes_cm_128_hmac_sha1_80"),
			 RTP_SRTP_AES_CM_128_HMAC_SHA1_80);
	assert_int_equal(rtp_srtp_suite("AES_CM_256_HMAC_SHA1_32"),
			 RTP_SRTP_AES_256_CM_HMAC_SHA1_32);
	assert_int_equal(rtp_srtp_suite("F8_128_HMAC_SHA1_80"), -ENOENT);
	assert_int_equal(rtp_srtp_suite("NULL_HMAC_SHA1_80"), -ENOENT);
	assert_int_equal(rtp_srtp_suite(""), -ENOENT);
	assert_int_equal(rtp_srtp_key_bytes(RTP_SRTP_AEAD_AES_256_GCM), 44);
	assert_int_equal(rtp_srtp_key_bytes(RTP_SRTP_AES_192_CM_HMAC_SHA1_80),
			 38);
}

static void
no_memory(void **state)
{
	struct rtp_srtp_key key = key_of(0, 1);
	struct rtp_srtp *srtp;

	testing_fail_allocation(1);
	assert_int_equal(rtp_srtp_new(&srtp, &key, 1, false), -ENOMEM);
	testing_fail_allocation(0);
	assert_null(srtp);
	rtp_srtp_free(&srtp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_packets),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(rollover),
		cmocka_unit_test(seen_before),
		cmocka_unit_test(truncations),
		cmocka_unit_test(mki_in_the_head),
		cmocka_unit_test(suites_by_name),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
