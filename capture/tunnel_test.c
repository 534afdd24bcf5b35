/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same datagram behind every wrapping, and behind every two and three of
 * them one in another; and what looks like a tunnel and is none.
 */
#include "capture/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/frames.h"
#include "cmd/testing/testing.h"
#include "cmd/testing/wrap.h"

static struct capture_decoder *decoder;

static int
make_decoder(void **state)
{
	const struct capture_decode_config config = { .hash_key = "key" };

	return capture_decoder_new(&decoder, &config);
}

static int
free_decoder(void **state)
{
	capture_decoder_free(&decoder);
	return 0;
}

/* Decode the first n bytes, in a block of their own.
 *
 * @param payload [2048] */
static enum capture_outcome
decode(const uint8_t *bytes, uint32_t n, struct capture_pkt *pkt,
       uint8_t *payload)
{
	uint8_t *copy = testing_copy(bytes, n);
	const struct capture_frame frame = {
		.bytes = copy,
		.captured_bytes = n,
		.wire_bytes = n,
		.link_type = FRAMES_ETHERNET,
	};
	enum capture_outcome outcome = capture_decode(decoder, &frame, 1, pkt);

	if (outcome == CAPTURE_udp)
		memcpy(payload, pkt->payload, pkt->payload_bytes);
	free(copy);
	return outcome;
}

static void
check_ours(const struct capture_pkt *pkt, const uint8_t *payload, bool v6)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];

	assert_string_equal(capture_endpoint_text(&pkt->src, text),
			    v6 ? "[2001:db8::1]:5060" : "192.0.2.1:5060");
	assert_string_equal(capture_endpoint_text(&pkt->dst, text),
			    v6 ? "[2001:db8::2]:40000" : "198.51.100.2:40000");
	assert_int_equal(pkt->payload_bytes, FRAMES_PAYLOAD_BYTES);
	assert_int_equal(pkt->missing_bytes, 0);
	assert_memory_equal(payload, FRAMES_PAYLOAD, FRAMES_PAYLOAD_BYTES);
}

static void
build(struct built *b, bool v6)
{
	b->n = 0;
	put_ether(b, v6 ? 0x86dd : 0x0800);
	if (v6)
		put_ip6_datagram(b);
	else
		put_ip4_datagram(b);
}

/* @return false: b cannot be put into this. Into HEP no tunnel is put. */
static bool
into(enum wrap wrap, const struct built *b, struct built *out)
{
	out->n = wrap_frame(wrap, b->bytes, b->n, out->bytes);
	return out->n > 0;
}

static void
check(const struct built *b, bool v6, const char *what)
{
	uint8_t payload[2048];
	struct capture_pkt pkt;
	enum capture_outcome outcome = decode(b->bytes, b->n, &pkt, payload);

	if (outcome != CAPTURE_udp)
		fail_msg("%s: %s", what, capture_outcome_name(outcome));
	if (pkt.payload_bytes != FRAMES_PAYLOAD_BYTES)
		fail_msg("%s: another datagram", what);
	check_ours(&pkt, payload, v6);
}

/* Cut anywhere, it is nothing, or the outer datagram, or a part of ours. */
static void
check_cuts(const struct built *b)
{
	uint8_t payload[2048];
	struct capture_pkt pkt;
	uint32_t n;

	for (n = 0; n < b->n; n++)
		switch (decode(b->bytes, n, &pkt, payload)) {
		case CAPTURE_udp:
			assert_true(pkt.payload_bytes <= n);
			break;
		case CAPTURE_cut:
		case CAPTURE_other_network:
			break;
		default:
			fail_msg("cut at %u", n);
		}
}

static void
test_each(void **state)
{
	struct built plain, one;
	int i, v6;

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < WRAP_COUNT; i++) {
			build(&plain, v6);
			assert_true(into((enum wrap)i, &plain, &one));
			check(&one, v6, wrap_name((enum wrap)i));
			check_cuts(&one);
		}
}

static void
test_each_two_and_three(void **state)
{
	struct built plain, one, two, three;
	unsigned pairs = 0, triples = 0;
	char what[128];
	int i, k, m, v6;

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < WRAP_COUNT; i++)
			for (k = 0; k < WRAP_COUNT; k++) {
				build(&plain, v6);
				(void)into((enum wrap)i, &plain, &one);
				if (k == WRAP_hep ||
				    !into((enum wrap)k, &one, &two))
					continue;
				snprintf(what, sizeof(what), "%s in %s",
					 wrap_name((enum wrap)i),
					 wrap_name((enum wrap)k));
				check(&two, v6, what);
				pairs++;
				for (m = 0; m < WRAP_COUNT; m++) {
					if (m == WRAP_hep ||
					    !into((enum wrap)m, &two, &three))
						continue;
					check(&three, v6, what);
					triples++;
				}
			}
	/* Every two that make sense: those that carry frames, all; those that
	 * carry packets, 28 kinds of them. */
	assert_true(pairs > 2000);
	assert_true(triples > 50000);
	assert_true(capture_decoder_counters_peek(decoder)->tunnelled >
		    pairs + triples);
}

static void
test_too_deep(void **state)
{
	struct built b, out;
	uint8_t payload[2048];
	struct capture_pkt pkt;
	unsigned i;

	build(&b, false);
	for (i = 1; i <= CAPTURE_TUNNELS_MAX + 1; i++) {
		assert_true(into(WRAP_ipip, &b, &out));
		b = out;
		assert_int_equal(decode(b.bytes, b.n, &pkt, payload),
				 i <= CAPTURE_TUNNELS_MAX ? CAPTURE_udp
							  : CAPTURE_too_deep);
	}
}

/* Ports of tunnels carry other things, too. */
static void
test_other_datagrams(void **state)
{
	static const uint16_t ports[] = { 1701, 2152, 4789,  4790,
					  6081, 8472, 37008, 9060 };
	static const char *const payloads[] = {
		"INVITE sip:a@b SIP/2.0\r\n",
		"\x80\x08\x00\x01\x00\x00\x00\x01\x12\x34\x56\x78\xd5\xd5",
		"\x88\x08\x00\x01\x00\x00\x00\x01\x12\x34\x56\x78\xd5\xd5",
		"\x30\x01\x00\x00\x00\x00\x00\x00\x00\x00", /* GTP-U echo */
		"\xc8\x02\x00\x0c\x00\x00",                 /* L2TP control */
		"\x01\x00\x00\x12\x01",                     /* TZSP of 802.11 */
		"\x08\x00\x00\x00\x00\x00\x00\x01", /* VXLAN, not 0 at the end
						     */
		"\x40\x00\x65\x58\x00\x00\x00\x00",
		"HEP3",
		"HEP3\x00\x06",
		"HEP3\x00\x20\x00\x00\x00\x0f\x00\x0axxxx",
	};
	static const uint32_t bytes[] = {
		24, 14, 14, 10, 6, 5, 8, 8, 4, 6, 16
	};
	size_t i, k;

	for (i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		for (k = 0; k < sizeof(bytes) / sizeof(*bytes); k++) {
			struct built b = { 0 };
			uint8_t payload[2048];
			struct capture_pkt pkt;

			put_ether(&b, 0x0800);
			put_ip4(&b, 0, 28 + bytes[k], 0, 17);
			put_u16(&b, 5060);
			put_u16(&b, ports[i]);
			put_u16(&b, 8 + bytes[k]);
			put_u16(&b, 0);
			put(&b, payloads[k], bytes[k]);
			if (decode(b.bytes, b.n, &pkt, payload) != CAPTURE_udp)
				fail_msg("%s to %u", payloads[k], ports[i]);
			assert_int_equal(pkt.dst.port, ports[i]);
			assert_int_equal(pkt.payload_bytes, bytes[k]);
			assert_memory_equal(payload, payloads[k], bytes[k]);
		}
}

/* Bytes that say what is inside, changed one by one: never a crash, and never
 * a datagram that is not there. */
static void
test_every_byte_changed(void **state)
{
	struct built plain, one;
	uint8_t payload[2048];
	struct capture_pkt pkt;
	unsigned value;
	uint32_t at;
	int i;

	build(&plain, false);
	for (i = 0; i < WRAP_COUNT; i++) {
		assert_true(into((enum wrap)i, &plain, &one));
		for (at = 0; at < one.n; at++)
			for (value = 0; value < 256; value += 5) {
				uint8_t was = one.bytes[at];

				one.bytes[at] = (uint8_t)value;
				if (decode(one.bytes, one.n, &pkt, payload) ==
				    CAPTURE_udp)
					assert_true(pkt.payload_bytes <= one.n);
				one.bytes[at] = was;
			}
	}
}

static void
test_link_types(void **state)
{
	static const int known[] = { 0,   1,   9,   50,  51,  101, 104,
				     108, 113, 197, 228, 229, 276 };
	static const int unknown[] = { 105, 127, 147, 220, -1 };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_true(capture_link_known(known[i]));
	for (i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		assert_false(capture_link_known(unknown[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_each_two_and_three),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_other_datagrams),
		cmocka_unit_test(test_every_byte_changed),
		cmocka_unit_test(test_link_types),
	};

	return cmocka_run_group_tests(tests, make_decoder, free_decoder);
}
