/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SRTCP, made by libsrtp2, and who listens to it. */
#include "rtp/decrypt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "rtp/rtcp.h"

enum { SSRC = 0x11223344, KEYS = 4, PLAIN = 32, HEAD = 8 };

/* A receiver report with one block, which nobody else makes. */
static size_t
make(uint8_t *packet, uint8_t lost)
{
	memset(packet, 0, PLAIN);
	memcpy(packet,
	       (uint8_t[HEAD]){ 0x81, 201, 0, 7, 0x11, 0x22, 0x33, 0x44 },
	       HEAD);
	packet[11] = 99;
	packet[15] = lost;
	return PLAIN;
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

	assert_int_equal(rtp_srtp_new_rtcp(&srtp, key, SSRC, sender), 0);
	return srtp;
}

/* ---- one key ------------------------------------------------------------- */

/* What is changed anywhere, or cut, is not proved. */
static void
check_damage(struct rtp_srtp *from, const struct rtp_srtp_key *key,
	     const uint8_t *packet, size_t n)
{
	alignas(8) uint8_t bad[512];

	for (size_t k = 4; k < n; k++) {
		size_t m = n;

		memcpy(bad, packet, n);
		bad[k] ^= 1 << k % 8;
		assert_int_equal(rtp_srtp_unprotect_rtcp(from, bad, &m),
				 -EBADMSG);
	}
	for (size_t k = 0; k < n; k++) {
		size_t m = k;
		uint8_t *copy = testing_copy(packet, k);

		(void)rtp_srtp_is_encrypted_rtcp(key, copy, k);
		assert_int_equal(rtp_srtp_unprotect_rtcp(from, copy, &m),
				 -EBADMSG);
		free(copy);
	}
}

/* All suites, with and without a master key identifier and encryption; tags are
 * long ones. */
static void
there_and_back(void **state)
{
	alignas(8) uint8_t packet[512], again[512], plain[PLAIN];

	for (int i = 0; i < RTP_SRTP_SUITES_COUNT * 4; i++) {
		struct rtp_srtp_key key = key_of(i / 4, 3);
		bool aead = strstr(rtp_srtp_suite_name(key.suite), "AEAD");
		struct rtp_srtp *to, *from;
		size_t n, m;

		key.mki_bytes = i & 1 ? 4 : 0;
		key.mki = 0x12345678;
		key.unencrypted_rtcp = i & 2;
		key.unencrypted = key.unauthenticated = !aead && i & 1;
		to = session(&key, true);
		from = session(&key, false);
		n = make(packet, (uint8_t)i);
		memcpy(plain, packet, n);
		assert_int_equal(rtp_srtp_protect_rtcp(to, packet, &n), 0);
		assert_int_equal(n,
				 PLAIN + 4 + key.mki_bytes + (aead ? 16 : 10));
		assert_int_equal(
		    memcmp(packet + HEAD, plain + HEAD, PLAIN - HEAD) == 0,
		    key.unencrypted_rtcp);
		assert_int_equal(rtp_srtp_is_encrypted_rtcp(&key, packet, n),
				 !key.unencrypted_rtcp);
		assert_true(rtp_rtcp_may_be_secure(packet, n));
		check_damage(from, &key, packet, n);
		memcpy(again, packet, n);
		m = n;
		assert_int_equal(rtp_srtp_unprotect_rtcp(from, packet, &n), 0);
		assert_int_equal(n, PLAIN);
		assert_memory_equal(packet, plain, n);
		assert_int_equal(rtp_srtp_unprotect_rtcp(from, again, &m),
				 -EALREADY);
		rtp_srtp_free(&to);
		rtp_srtp_free(&from);
	}
}

/* ---- several ------------------------------------------------------------- */

/* A reporter, and who listens to it. */
struct fixture {
	struct rtp_srtp_key key[KEYS];
	struct rtp_decrypt_key list[KEYS];
	struct rtp_decrypt_keys keys;
	struct rtp_srtp *sender;
	struct rtp_decrypt_rtcp *stream;
};

static void
begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	for (int i = 0; i < KEYS; i++) {
		f->key[i] = key_of(i % 2 ? RTP_SRTP_AEAD_AES_256_GCM
					 : RTP_SRTP_AES_CM_128_HMAC_SHA1_32,
				   (uint8_t)(17 * i));
		f->list[i] =
		    (struct rtp_decrypt_key){ (uint64_t)i + 1, &f->key[i] };
	}
	f->keys = (struct rtp_decrypt_keys){ .generation = 1,
					     .count = KEYS,
					     .key = f->list };
	assert_int_equal(rtp_decrypt_rtcp_new(&f->stream, SSRC), 0);
}

static void
end(struct fixture *f)
{
	rtp_srtp_free(&f->sender);
	rtp_decrypt_rtcp_free(&f->stream);
	assert_null(f->stream);
}

static void
send_by(struct fixture *f, const struct rtp_srtp_key *key)
{
	rtp_srtp_free(&f->sender);
	f->sender = session(key, true);
}

static int
take(struct fixture *f, const uint8_t *packet, size_t n, uint8_t lost)
{
	alignas(8) uint8_t plain[RTP_DECRYPT_RTCP_MAX];
	struct rtp_rtcp_report reports[RTP_RTCP_REPORTS_MAX];
	int r = rtp_decrypt_rtcp(f->stream, &f->keys, packet, n, plain);

	if (r < 0)
		return r;
	assert_int_equal(r, PLAIN);
	assert_int_equal(rtp_rtcp_read(reports, plain, PLAIN), 1);
	assert_int_equal(reports[0].source, 99);
	assert_int_equal(reports[0].heard.lost, lost);
	return 0;
}

/* One more, and it is heard. */
static int
report(struct fixture *f, uint8_t lost)
{
	alignas(8) uint8_t packet[512];
	size_t n = make(packet, lost);

	assert_int_equal(rtp_srtp_protect_rtcp(f->sender, packet, &n), 0);
	return take(f, packet, n, lost);
}

/* Whichever key it is, one after the other, and encrypted or not. */
static void
one_of_several(void **state)
{
	struct fixture f;

	begin(&f);
	for (int i = 0; i < 4 * KEYS; i++) {
		struct rtp_srtp_key key = f.key[i % KEYS];

		key.unencrypted_rtcp = i / KEYS % 2;
		send_by(&f, &key);
		for (int k = 0; k < 5; k++)
			assert_int_equal(report(&f, (uint8_t)k), 0);
	}
	end(&f);
}

/* It is never believed, and does not keep us busy; the right one, told in
 * between, is heard at once. */
static void
no_key_fits(void **state)
{
	struct rtp_srtp_key other = key_of(0, 200);
	struct fixture f;

	begin(&f);
	send_by(&f, &other);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(report(&f, 1), -EBADMSG);
	f.key[2] = other;
	f.keys.generation++;
	assert_int_equal(report(&f, 2), 0);
	f.keys.count = 0;
	assert_int_equal(report(&f, 3), 0);
	send_by(&f, &f.key[0]);
	assert_int_equal(report(&f, 4), -EBADMSG);
	end(&f);
}

/* Copies are none; but who counts from the start again is heard, soon. */
static void
seen_before(void **state)
{
	alignas(8) uint8_t packet[512];
	size_t n = make(packet, 7);
	struct fixture f;
	int missed = 0;

	begin(&f);
	send_by(&f, &f.key[1]);
	assert_int_equal(rtp_srtp_protect_rtcp(f.sender, packet, &n), 0);
	assert_int_equal(take(&f, packet, n, 7), 0);
	assert_int_equal(take(&f, packet, n, 7), -EALREADY);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(report(&f, 1), 0);
		assert_int_equal(take(&f, packet, n, 7), -EALREADY);
	}
	send_by(&f, &f.key[1]);
	while (report(&f, 2) == -EALREADY)
		missed++;
	assert_in_range(missed, 1, 5);
	assert_int_equal(report(&f, 3), 0);
	end(&f);
}

static void
no_memory(void **state)
{
	alignas(8) uint8_t packet[512];
	size_t n = make(packet, 7);
	struct rtp_decrypt_rtcp *stream;
	struct fixture f;

	testing_fail_allocation(1);
	assert_int_equal(rtp_decrypt_rtcp_new(&stream, SSRC), -ENOMEM);
	testing_fail_allocation(0);
	assert_null(stream);
	rtp_decrypt_rtcp_free(&stream);
	begin(&f);
	send_by(&f, &f.key[0]);
	assert_int_equal(rtp_srtp_protect_rtcp(f.sender, packet, &n), 0);
	testing_fail_allocation(1);
	assert_int_equal(take(&f, packet, n, 7), -ENOMEM);
	testing_fail_allocation(0);
	assert_int_equal(take(&f, packet, n, 7), 0);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(one_of_several),
		cmocka_unit_test(no_key_fits),
		cmocka_unit_test(seen_before),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
