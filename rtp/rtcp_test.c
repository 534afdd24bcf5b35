/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/rtcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static struct rtp_rtcp_report reports[RTP_RTCP_REPORTS_MAX];

static int
read_copy(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	int r = rtp_rtcp_read(reports, copy, n);

	free(copy);
	return r;
}

/* Sender report with one block, SDES with a name, and extended reports: a
 * receiver's reference time (stepped over), then VoIP metrics. */
/* clang-format off */
static const uint8_t compound[] = {
	0x81, 200, 0, 12, 0x11, 0x22, 0x33, 0x44,
	0xe8, 0x00, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, /* NTP */
	0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3,
	/* block */
	0xaa, 0xbb, 0xcc, 0xdd, 64, 0xff, 0xff, 0xfe,
	0, 1, 0x00, 0x05, 0, 0, 0, 77,
	0x01, 0x02, 0x03, 0x04, 0, 0, 0x80, 0,
	/* SDES */
	0x81, 202, 0, 2, 0x11, 0x22, 0x33, 0x44, 1, 1, 'a', 0,
	/* XR */
	0x80, 207, 0, 13, 0x11, 0x22, 0x33, 0x44,
	4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8,
	7, 0, 0, 8, 0xaa, 0xbb, 0xcc, 0xdd,
	8, 16, 1, 2, 0, 10, 0, 20, 0, 123, 0, 5,
	0xec, 0xbf, 40, 16, 86, 127, 41, 39, 0xb0, 0, 0, 40, 0, 60, 0, 200,
};
/* clang-format on */

static void
whole_compound(void **state)
{
	assert_int_equal(read_copy(compound, sizeof(compound)), 3);
	assert_int_equal(reports[0].kind, RTP_RTCP_SENT);
	assert_int_equal(reports[0].reporter, 0x11223344);
	assert_int_equal(reports[0].source, 0x11223344);
	assert_int_equal(reports[0].sent_ntp, 0x12345678);
	assert_int_equal(reports[1].kind, RTP_RTCP_HEARD);
	assert_int_equal(reports[1].reporter, 0x11223344);
	assert_int_equal(reports[1].source, 0xaabbccdd);
	assert_int_equal(reports[1].heard.fraction, 64);
	assert_int_equal(reports[1].heard.lost, -2);
	assert_int_equal(reports[1].heard.highest, 0x10005);
	assert_int_equal(reports[1].heard.jitter, 77);
	assert_int_equal(reports[1].heard.last_sent, 0x01020304);
	assert_int_equal(reports[1].heard.delay, 0x8000);
	assert_int_equal(reports[2].kind, RTP_RTCP_VOIP);
	assert_int_equal(reports[2].source, 0xaabbccdd);
	assert_int_equal(reports[2].voip.loss, 8);
	assert_int_equal(reports[2].voip.discard, 16);
	assert_int_equal(reports[2].voip.round_trip_ms, 123);
	assert_int_equal(reports[2].voip.r, 86);
	assert_int_equal(reports[2].voip.mos_lq, 41);
	assert_int_equal(reports[2].voip.mos_cq, 39);
}

/* Where a packet ends the rest is one of its own (RFC 5506); anywhere else it
 * is refused. */
static void
truncations(void **state)
{
	for (size_t n = 0; n < sizeof(compound); n++) {
		int count = read_copy(compound, n);

		assert_int_equal(count, n == 52 || n == 64 ? 2 : -EBADMSG);
	}
}

static void
reduced_size(void **state)
{
	static const uint8_t alone[] = { 0x80, 201, 0, 1, 1, 2, 3, 4 };

	assert_int_equal(read_copy(compound + 64, sizeof(compound) - 64), 1);
	assert_int_equal(reports[0].kind, RTP_RTCP_VOIP);
	assert_int_equal(read_copy(alone, sizeof(alone)), 0);
}

static void
what_is_none(void **state)
{
	uint8_t bytes[sizeof(compound)];

	/* RTP of payload type 8, whatever is in it. */
	memcpy(bytes, compound, sizeof(bytes));
	bytes[1] = 8;
	assert_int_equal(read_copy(bytes, sizeof(bytes)), -EBADMSG);
	assert_false(rtp_rtcp_may_be(bytes, sizeof(bytes)));
	/* Another version. */
	memcpy(bytes, compound, sizeof(bytes));
	bytes[0] = 0x41;
	assert_int_equal(read_copy(bytes, sizeof(bytes)), -EBADMSG);
	/* Two blocks are said, one is there. */
	bytes[0] = 0x82;
	assert_int_equal(read_copy(bytes, sizeof(bytes)), -EBADMSG);
	/* Padding in front of the last. */
	bytes[0] = 0xa1;
	assert_int_equal(read_copy(bytes, sizeof(bytes)), -EBADMSG);
	/* Encrypted: an index and a tag behind it (RFC 3711 section 3.4). */
	assert_int_equal(read_copy(compound, 52), 2);
	memcpy(bytes, compound, 66);
	assert_int_equal(read_copy(bytes, 66), -EBADMSG);
	memset(bytes + 52, 0xe7, 14);
	assert_int_equal(read_copy(bytes, 66), -EBADMSG);
	assert_int_equal(rtp_rtcp_read(reports, NULL, 0), -EBADMSG);
}

static void
padding_at_the_end(void **state)
{
	uint8_t bytes[12] = { 0xa0, 201, 0, 2, 1, 2, 3, 4, 0, 0, 0, 4 };

	assert_int_equal(read_copy(bytes, sizeof(bytes)), 0);
}

/* Block lengths of an extended report that lead out of it. */
static void
extended_out_of_bounds(void **state)
{
	uint8_t bytes[sizeof(compound) - 64];

	memcpy(bytes, compound + 64, sizeof(bytes));
	bytes[11] = 200;
	assert_int_equal(read_copy(bytes, sizeof(bytes)), -EBADMSG);
	/* VoIP metrics that are too short to be them are stepped over. */
	memcpy(bytes, compound + 64, sizeof(bytes));
	bytes[23] = 7;
	bytes[52] = 9;
	bytes[54] = bytes[55] = 0;
	assert_int_equal(read_copy(bytes, sizeof(bytes)), 0);
}

static void
more_than_fit(void **state)
{
	enum { BLOCK = 24, BLOCKS = 31, PACKET = 8 + BLOCKS * BLOCK };
	uint8_t bytes[2 * PACKET] = { 0 };

	for (int i = 0; i < 2; i++) {
		uint8_t *p = bytes + (size_t)i * PACKET;

		p[0] = 0x80 | BLOCKS;
		p[1] = 201;
		p[3] = PACKET / 4 - 1;
	}
	assert_int_equal(read_copy(bytes, sizeof(bytes)), RTP_RTCP_REPORTS_MAX);
}

/* What SRTCP may be is no RTCP, and the other way round. */
static void
secure(void **state)
{
	enum { TAIL = 14 };
	uint8_t bytes[sizeof(compound) + TAIL] = { 0 };

	assert_false(rtp_rtcp_may_be_secure(bytes, sizeof(bytes)));
	memcpy(bytes, compound, sizeof(compound));
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		uint8_t *copy = testing_copy(bytes, n);
		size_t first = 4 * ((size_t)bytes[3] + 1);

		assert_int_equal(rtp_rtcp_may_be_secure(copy, n),
				 n >= first + TAIL);
		free(copy);
	}
	assert_int_equal(read_copy(bytes, sizeof(bytes)), -EBADMSG);
	bytes[1] = 205;
	assert_false(rtp_rtcp_may_be_secure(bytes, sizeof(bytes)));
	bytes[1] = 204;
	assert_true(rtp_rtcp_may_be_secure(bytes, sizeof(bytes)));
	bytes[0] &= 0x7f;
	assert_false(rtp_rtcp_may_be_secure(bytes, sizeof(bytes)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_compound),
		cmocka_unit_test(truncations),
		cmocka_unit_test(reduced_size),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(padding_at_the_end),
		cmocka_unit_test(extended_out_of_bounds),
		cmocka_unit_test(more_than_fit),
		cmocka_unit_test(secure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
