/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/rtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static int
parse(struct rtp_hdr *hdr, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	int result = rtp_hdr_parse(hdr, copy, n);

	if (result >= 0)
		assert_ptr_equal(hdr->payload, copy + result);
	free(copy);
	return result;
}

/* Two CSRCs, an extension of one word, three bytes of payload and two of
 * padding. */
static const uint8_t everything[] = {
	0xb2, 0x88, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xde, 0xad, 0xbe,
	0xef, 0,    0,    0,    1,    0,    0,    0,    2,    0xbe, 0xde,
	0,    1,    'e',  'x',  't',  '!',  'a',  'b',  'c',  0,    2,
};

static void
whole_header(void **state)
{
	struct rtp_hdr hdr;

	assert_int_equal(parse(&hdr, everything, sizeof(everything)), 28);
	assert_int_equal(hdr.ssrc, 0xdeadbeef);
	assert_int_equal(hdr.timestamp, 0x00010203);
	assert_int_equal(hdr.sequence, 0x1234);
	assert_int_equal(hdr.payload_type, 8);
	assert_true(hdr.marker);
	assert_int_equal(hdr.payload_bytes, 3);
	assert_int_equal(hdr.flags, 0x32);
	assert_int_equal(hdr.head_bytes, 16);
	assert_int_equal(hdr.tail_bytes, 2);
	assert_int_equal(rtp_hdr_body_bytes(&hdr), sizeof(everything) - 12);
}

/* Cut in the header: refused. Cut later: what was the last byte then says how
 * much is padding; zero and too much are refused. */
static void
truncations(void **state)
{
	struct rtp_hdr hdr;

	for (size_t n = 0; n < sizeof(everything); n++)
		assert_int_equal(parse(&hdr, everything, n), -EBADMSG);
}

static void
shortest(void **state)
{
	uint8_t bytes[14] = { 0x80, 0x00, 0xff, 0xff };
	struct rtp_hdr hdr;

	assert_int_equal(parse(&hdr, bytes, 12), 12);
	assert_int_equal(hdr.payload_bytes, 0);
	assert_int_equal(hdr.sequence, 0xffff);
	assert_false(hdr.marker);
	assert_int_equal(parse(&hdr, bytes, 11), -EBADMSG);
	/* All padding is a payload of nothing. */
	bytes[0] = 0xa0;
	bytes[13] = 2;
	assert_int_equal(parse(&hdr, bytes, 14), 12);
	assert_int_equal(hdr.payload_bytes, 0);
	bytes[13] = 3;
	assert_int_equal(parse(&hdr, bytes, 14), -EBADMSG);
	bytes[13] = 0;
	assert_int_equal(parse(&hdr, bytes, 14), -EBADMSG);
	assert_int_equal(parse(&hdr, bytes, 12), -EBADMSG);
	/* An extension without words. */
	bytes[0] = 0x90;
	assert_int_equal(parse(&hdr, bytes, 14), -EBADMSG);
}

static void
other_versions(void **state)
{
	uint8_t bytes[12] = { 0 };
	struct rtp_hdr hdr;

	for (unsigned version = 0; version < 4; version++) {
		bytes[0] = (uint8_t)(version << 6);
		assert_int_equal(parse(&hdr, bytes, sizeof(bytes)),
				 version == 2 ? 12 : -EBADMSG);
	}
}

static void
rtcp_is_refused(void **state)
{
	uint8_t bytes[12] = { 0x80 };
	struct rtp_hdr hdr;

	for (unsigned type = 0; type < 256; type++) {
		bytes[1] = (uint8_t)type;
		assert_int_equal(parse(&hdr, bytes, sizeof(bytes)),
				 type % 128 >= 72 && type % 128 <= 76 ? -EBADMSG
								      : 12);
	}
}

static void
distance(void **state)
{
	assert_int_equal(rtp_seq_distance(1, 3), 2);
	assert_int_equal(rtp_seq_distance(65535, 0), 1);
	assert_int_equal(rtp_seq_distance(0, 65535), -1);
	assert_int_equal(rtp_seq_distance(0, 32767), 32767);
	assert_int_equal(rtp_seq_distance(0, 32768), -32768);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_header),
		cmocka_unit_test(truncations),
		cmocka_unit_test(shortest),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(rtcp_is_refused),
		cmocka_unit_test(distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
