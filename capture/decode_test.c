/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All layers, through their one entry. Frames are put together here byte by
 * byte, each decoded whole and at every truncation.
 */
#include "capture/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/frames.h"
#include "cmd/testing/testing.h"

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

/* ---- checks ------------------------------------------------------------ */

/* Decode the first n bytes, in a block of their own. */
static enum capture_outcome
decode_cut(const struct built *b, uint32_t n, struct capture_pkt *pkt,
	   char *payload)
{
	uint8_t *copy = testing_copy(b->bytes, n);
	struct capture_frame frame = {
		.time_ns = 1234567890123456789,
		.bytes = copy,
		.captured_bytes = n,
		.wire_bytes = b->n,
		.link_type = b->link_type,
	};
	enum capture_outcome outcome =
	    capture_decode(decoder, &frame, frame.time_ns, pkt);

	if (outcome == CAPTURE_udp) {
		assert_true(pkt->payload >= copy &&
			    pkt->payload + pkt->payload_bytes <= copy + n);
		memcpy(payload, pkt->payload, pkt->payload_bytes);
	}
	free(copy);
	return outcome;
}

/* The frame holds our datagram, and at every truncation what is left of it.
 * after: bytes behind the payload. */
static void
check_udp(const struct built *b, uint32_t after, const char *src,
	  const char *dst)
{
	uint32_t begin = b->n - after - FRAMES_PAYLOAD_BYTES;
	char payload[FRAMES_PAYLOAD_BYTES];
	struct capture_pkt pkt;
	uint32_t n;

	for (n = 0; n < begin; n++)
		assert_int_equal(decode_cut(b, n, &pkt, payload), CAPTURE_cut);
	for (n = begin; n <= b->n; n++) {
		char text[CAPTURE_ENDPOINT_TEXT_BYTES];
		uint32_t captured = n - begin;

		if (captured > FRAMES_PAYLOAD_BYTES)
			captured = FRAMES_PAYLOAD_BYTES;
		assert_int_equal(decode_cut(b, n, &pkt, payload), CAPTURE_udp);
		assert_int_equal(pkt.payload_bytes, captured);
		assert_int_equal(pkt.missing_bytes,
				 FRAMES_PAYLOAD_BYTES - captured);
		assert_memory_equal(payload, FRAMES_PAYLOAD, captured);
		assert_int_equal(pkt.time_ns, 1234567890123456789);
		assert_string_equal(capture_endpoint_text(&pkt.src, text), src);
		assert_string_equal(capture_endpoint_text(&pkt.dst, text), dst);
	}
}

static void
check_udp4(const struct built *b, uint32_t after)
{
	check_udp(b, after, "192.0.2.1:5060", "198.51.100.2:40000");
}

static void
check_udp6(const struct built *b, uint32_t after)
{
	check_udp(b, after, "[2001:db8::1]:5060", "[2001:db8::2]:40000");
}

/* The frame gives this outcome; cut anywhere, this one or `cut`. */
static void
check_outcome(const struct built *b, enum capture_outcome expected)
{
	char payload[512];
	struct capture_pkt pkt;
	uint32_t n;

	for (n = 0; n < b->n; n++) {
		enum capture_outcome outcome = decode_cut(b, n, &pkt, payload);

		assert_true(outcome == expected || outcome == CAPTURE_cut);
	}
	assert_int_equal(decode_cut(b, b->n, &pkt, payload), expected);
}

/* ---- link layers ------------------------------------------------------- */

static void
test_ethernet(void **state)
{
	struct built ip4 = { 0 }, ip6 = { 0 };

	put_ether(&ip4, 0x0800);
	put_ip4_datagram(&ip4);
	check_udp4(&ip4, 0);
	put_ether(&ip6, 0x86dd);
	put_ip6_datagram(&ip6);
	check_udp6(&ip6, 0);
}

static void
test_ethernet_padding(void **state)
{
	struct built ip4 = { 0 }, ip6 = { 0 };

	put_ether(&ip4, 0x0800);
	put_ip4_datagram(&ip4);
	put_fill(&ip4, 8, 0xee);
	check_udp4(&ip4, 8);
	put_ether(&ip6, 0x86dd);
	put_ip6_datagram(&ip6);
	put_fill(&ip6, 8, 0xee);
	check_udp6(&ip6, 8);
}

static void
test_vlan_tags(void **state)
{
	static const uint32_t outer[] = { 0x8100, 0x88a8, 0x9100 };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct built one = { 0 }, two = { 0 };

		put_ether(&one, outer[i]);
		put_tag(&one, 0x0800);
		put_ip4_datagram(&one);
		check_udp4(&one, 0);
		put_ether(&two, outer[i]);
		put_tag(&two, 0x8100);
		put_tag(&two, 0x86dd);
		put_ip6_datagram(&two);
		check_udp6(&two, 0);
	}
}

static void
test_nothing_but_tags(void **state)
{
	struct built b = { 0 };

	put_ether(&b, 0x8100);
	while (b.n + 4 <= sizeof b.bytes)
		put_tag(&b, 0x8100);
	check_outcome(&b, CAPTURE_cut);
}

/* A pseudo-wire without a control word: the address of a device may begin as IP
 * does, and that of an IP packet be where an Ethernet type would be. */
static void
test_labels(void **state)
{
	static const uint8_t first[] = { 0x40, 0x45, 0x4c, 0x60, 0x64 };
	struct built ip4 = { 0 }, ip6 = { 0 };
	struct capture_pkt pkt;
	char payload[64];
	size_t i;

	for (i = 0; i < sizeof(first); i++) {
		struct built b = { 0 };

		put_ether(&b, 0x8847);
		put_u32(&b, 0x00010140);
		put_ether(&b, i % 2 ? 0x0800 : 0x86dd);
		b.bytes[18] = first[i];
		if (i % 2)
			put_ip4_datagram(&b);
		else
			put_ip6_datagram(&b);
		assert_int_equal(decode_cut(&b, b.n, &pkt, payload),
				 CAPTURE_udp);
		assert_int_equal(pkt.src.port, 5060);
	}
	put_ether(&ip4, 0x8847);
	put_u32(&ip4, 0x00010140);
	put_ip4_datagram(&ip4);
	memcpy(ip4.bytes + 18 + 12, "\x08\x00", 2);
	put_ether(&ip6, 0x8847);
	put_u32(&ip6, 0x00010140);
	put_ip6_datagram(&ip6);
	memcpy(ip6.bytes + 18 + 12, "\x08\x00", 2);
	assert_int_equal(decode_cut(&ip4, ip4.n, &pkt, payload), CAPTURE_udp);
	assert_int_equal(pkt.src.addr[12], 8);
	assert_int_equal(decode_cut(&ip6, ip6.n, &pkt, payload), CAPTURE_udp);
	assert_int_equal(pkt.src.addr[4], 8);
}

static void
test_other_network(void **state)
{
	static const uint32_t types[] = { 0x0806, 0x88cc, 0x0026, 0x05dc, 0 };
	size_t i;

	for (i = 0; i < sizeof types / sizeof *types; i++) {
		struct built b = { 0 };

		put_ether(&b, types[i]);
		put_ip4_datagram(&b);
		check_outcome(&b, CAPTURE_other_network);
	}
}

static void
test_linux_cooked(void **state)
{
	struct built v1 = { .link_type = FRAMES_SLL },
		     v2 = { .link_type = FRAMES_SLL2 };
	struct built tagged = { .link_type = FRAMES_SLL };

	put_fill(&v1, 14, 0);
	put_u16(&v1, 0x0800);
	put_ip4_datagram(&v1);
	check_udp4(&v1, 0);

	put_u16(&v2, 0x86dd);
	put_fill(&v2, 18, 0);
	put_ip6_datagram(&v2);
	check_udp6(&v2, 0);

	put_fill(&tagged, 14, 0);
	put_u16(&tagged, 0x8100);
	put_tag(&tagged, 0x0800);
	put_ip4_datagram(&tagged);
	check_udp4(&tagged, 0);
}

static void
test_raw_ip(void **state)
{
	static const int types4[] = { FRAMES_RAW, FRAMES_IP4 },
			 types6[] = { FRAMES_RAW, FRAMES_IP6 };
	struct built ip4 = { 0 }, ip6 = { 0 },
		     ip5 = { .link_type = FRAMES_RAW };
	size_t i;

	put_ip4_datagram(&ip4);
	put_ip6_datagram(&ip6);
	for (i = 0; i < 2; i++) {
		ip4.link_type = types4[i];
		check_udp4(&ip4, 0);
		ip6.link_type = types6[i];
		check_udp6(&ip6, 0);
	}
	/* The link type promises a version that the header denies. */
	ip4.link_type = FRAMES_IP6;
	check_outcome(&ip4, CAPTURE_cut);
	put_fill(&ip4, 40, 0);
	check_outcome(&ip4, CAPTURE_malformed);
	ip6.link_type = FRAMES_IP4;
	check_outcome(&ip6, CAPTURE_malformed);
	put_fill(&ip5, 60, 0x55);
	check_outcome(&ip5, CAPTURE_other_network);
}

static void
test_loopback(void **state)
{
	struct built little = { 0 }, big = { .link_type = FRAMES_LOOP };

	put(&little, "\x02\x00\x00\x00", 4);
	put_ip4_datagram(&little);
	check_udp4(&little, 0);
	put(&big, "\x00\x00\x00\x1e", 4);
	put_ip6_datagram(&big);
	check_udp6(&big, 0);
}

static void
test_capture_card(void **state)
{
	static const uint8_t types[] = { 2, 11, 16, 20, 22, 23 };
	size_t i, more;

	for (i = 0; i < sizeof types; i++)
		for (more = 0; more < 3; more++) {
			struct built b = { .link_type = FRAMES_ERF };
			size_t k;

			put_fill(&b, 8, 0x11);
			put_u8(&b, types[i] | (more ? 0x80u : 0));
			put_fill(&b, 7, 4);
			for (k = 1; k <= more; k++) {
				put_u8(&b, k < more ? 0x83 : 0x03);
				put_fill(&b, 7, 0);
			}
			if (types[i] < 22) {
				put_fill(&b, 2, 0);
				put_ether(&b, 0x0800);
				put_ip4_datagram(&b);
				check_udp4(&b, 0);
			} else if (types[i] == 22) {
				put_ip4_datagram(&b);
				check_udp4(&b, 0);
			} else {
				put_ip6_datagram(&b);
				check_udp6(&b, 0);
			}
		}
}

static void
test_serial_lines(void **state)
{
	struct built ppp = { .link_type = FRAMES_PPP };
	struct built bare = { .link_type = FRAMES_PPP };
	struct built hdlc = { .link_type = FRAMES_C_HDLC };

	put(&ppp, "\xff\x03\x00\x21", 4);
	put_ip4_datagram(&ppp);
	check_udp4(&ppp, 0);
	put_u8(&bare, 0x57);
	put_ip6_datagram(&bare);
	check_udp6(&bare, 0);
	put(&hdlc, "\x0f\x00\x08\x00", 4);
	put_ip4_datagram(&hdlc);
	check_udp4(&hdlc, 0);
	hdlc.link_type = FRAMES_PPP_HDLC; /* is either */
	check_udp4(&hdlc, 0);
	hdlc.bytes[0] = 0x8f;
	check_udp4(&hdlc, 0);
	ppp.link_type = FRAMES_PPP_HDLC;
	check_udp4(&ppp, 0);
}

static void
test_other_link(void **state)
{
	struct built b = { .link_type = 105 };

	check_outcome(&b, CAPTURE_other_link);
	put_fill(&b, 100, 0x45);
	check_outcome(&b, CAPTURE_other_link);
}

/* ---- IP ---------------------------------------------------------------- */

static void
test_ip4_options(void **state)
{
	uint32_t options;

	for (options = 4; options <= 40; options += 4) {
		struct built b = { .link_type = FRAMES_RAW };

		put_ip4(&b, options, 28 + options + FRAMES_PAYLOAD_BYTES, 0,
			17);
		put_datagram(&b);
		check_udp4(&b, 0);
	}
}

static void
test_ip4_malformed(void **state)
{
	/* version and length, total length */
	static const struct {
		uint8_t first;
		uint16_t total;
	} cases[] = {
		{ 0x65, 38 }, { 0x44, 38 }, { 0x40, 38 },
		{ 0x45, 19 }, { 0x45, 1 },  { 0x46, 23 },
		{ 0x4f, 59 }, { 0x45, 27 }, /* no room for a UDP header */
		{ 0x46, 31 }, { 0x45, 37 }, /* less than UDP says */
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct built b = { .link_type = FRAMES_IP4 };

		put_ip4_datagram(&b);
		put_fill(&b, 40, 0);
		b.bytes[0] = cases[i].first;
		b.bytes[2] = 0;
		b.bytes[3] = (uint8_t)cases[i].total;
		check_outcome(&b, CAPTURE_malformed);
	}
}

/* The reserved bit and DF say nothing of fragments; of those, see frag_test. */
static void
test_ip4_not_fragments(void **state)
{
	static const uint16_t whole[] = { 0x4000, 0x8000, 0xc000 };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct built b = { .link_type = FRAMES_RAW };

		put_ip4(&b, 0, 28 + FRAMES_PAYLOAD_BYTES, whole[i], 17);
		put_datagram(&b);
		check_udp4(&b, 0);
	}
}

/* A host's own packet, which its network card is to cut. */
static void
test_ip4_without_length(void **state)
{
	struct built b = { .link_type = FRAMES_RAW };
	char payload[FRAMES_PAYLOAD_BYTES];
	struct capture_pkt pkt;

	put_ip4(&b, 0, 0, 0, 17);
	put_datagram(&b);
	assert_int_equal(decode_cut(&b, b.n, &pkt, payload), CAPTURE_udp);
	assert_int_equal(pkt.payload_bytes, FRAMES_PAYLOAD_BYTES);
}

/* The same of IPv6, and more than its length can say (RFC 2675). */
static void
test_ip6_without_length(void **state)
{
	static const uint8_t hops[] = { 6, 0, 0xc2, 4, 0, 0, 0, 28 };
	struct capture_pkt pkt;
	char payload[8];
	int jumbo;

	for (jumbo = 0; jumbo < 2; jumbo++) {
		struct built b = { .link_type = FRAMES_RAW };

		put_ip6(&b, 0, jumbo ? 0 : 6);
		if (jumbo)
			put(&b, hops, sizeof(hops));
		put_u32(&b, 5060 << 16 | 40000);
		put_fill(&b, 8, 0);
		put_u32(&b, 0x50100000);
		put_fill(&b, 4, 0);
		put(&b, "bytes", 5);
		assert_int_equal(decode_cut(&b, b.n, &pkt, payload),
				 CAPTURE_tcp);
		assert_int_equal(pkt.payload_bytes, 5);
	}
}

static void
test_other_transport(void **state)
{
	/* ICMP, RSVP, L2TPv3; no next header, ESP, and a number without meaning
	 */
	static const uint8_t protocols[] = { 1, 46, 115, 59, 50, 255 };
	size_t i;

	for (i = 0; i < sizeof protocols; i++) {
		struct built ip4 = { .link_type = FRAMES_RAW };
		struct built ip6 = { .link_type = FRAMES_RAW };

		put_ip4(&ip4, 0, 28 + FRAMES_PAYLOAD_BYTES, 0, protocols[i]);
		put_datagram(&ip4);
		check_outcome(&ip4, CAPTURE_other_transport);
		put_ip6(&ip6, 8 + FRAMES_PAYLOAD_BYTES, protocols[i]);
		put_datagram(&ip6);
		check_outcome(&ip6, CAPTURE_other_transport);
	}
}

static void
test_ip6_extensions(void **state)
{
	struct built b = { .link_type = FRAMES_RAW };

	put_ip6(&b, 8 + 24 + 8 + 8 + 8 + FRAMES_PAYLOAD_BYTES, 0);
	put(&b, "\x2b\x00\x01\x04\x00\x00\x00\x00", 8); /* hop-by-hop */
	put(&b, "\x2c\x02\x00\x00", 4);                 /* routing */
	put_fill(&b, 20, 0);
	put(&b, "\x3c\xff\x00\x06\x12\x34\x56\x78", 8); /* atomic fragment */
	put(&b, "\x11\x00\x01\x04\x00\x00\x00\x00", 8); /* destination */
	put_datagram(&b);
	check_udp6(&b, 0);
}

/* Behind the authentication header, too (RFC 8200 section 4.1). */
static void
test_ip6_authentication(void **state)
{
	struct built b = { .link_type = FRAMES_RAW };

	put_ip6(&b, 16 + 8 + 8 + FRAMES_PAYLOAD_BYTES, 51);
	put(&b, "\x3c\x02\x00\x00", 4);
	put_fill(&b, 12, 0x55);
	put(&b, "\x11\x00\x01\x04\x00\x00\x00\x00", 8);
	put_datagram(&b);
	check_udp6(&b, 0);
}

static void
test_ip6_malformed(void **state)
{
	struct built version = { .link_type = FRAMES_IP6 };
	struct built longer = { .link_type = FRAMES_IP6 };
	struct built shorter = { .link_type = FRAMES_IP6 };
	struct built empty = { .link_type = FRAMES_IP6 };

	put_ip6_datagram(&version);
	version.bytes[0] = 0x50;
	check_outcome(&version, CAPTURE_malformed);

	/* The extension is longer than all that IP carries. */
	put_ip6(&longer, 16 + FRAMES_PAYLOAD_BYTES, 60);
	put(&longer, "\x11\x20\x01\x04\x00\x00\x00\x00", 8);
	put_datagram(&longer);
	check_outcome(&longer, CAPTURE_malformed);

	/* It ends where the UDP header should begin. */
	put_ip6(&shorter, 15, 60);
	put(&shorter, "\x11\x00\x01\x04\x00\x00\x00\x00", 8);
	put_datagram(&shorter);
	check_outcome(&shorter, CAPTURE_malformed);

	put_ip6(&empty, 0, 17);
	put_datagram(&empty);
	check_outcome(&empty, CAPTURE_malformed);
}

/* As many extension headers as fit: the work is bounded by the frame. */
static void
test_ip6_nothing_but_extensions(void **state)
{
	struct built b = { .link_type = FRAMES_RAW };

	put_ip6(&b, 400, 60);
	while (b.n < 440)
		put(&b, "\x3c\x00\x01\x04\x00\x00\x00\x00", 8);
	check_outcome(&b, CAPTURE_malformed);
}

/* ---- UDP --------------------------------------------------------------- */

static void
test_udp_lengths(void **state)
{
	uint32_t length;

	for (length = 0; length < 24; length++) {
		struct built b = { .link_type = FRAMES_RAW };
		char payload[FRAMES_PAYLOAD_BYTES];
		struct capture_pkt pkt;

		put_ip4(&b, 0, 28 + FRAMES_PAYLOAD_BYTES, 0, 17);
		put_udp(&b, length);
		put(&b, FRAMES_PAYLOAD, FRAMES_PAYLOAD_BYTES);
		if (length < 8 || length > 8 + FRAMES_PAYLOAD_BYTES) {
			check_outcome(&b, CAPTURE_malformed);
			continue;
		}
		/* Less than IP carries: the rest is not ours. */
		assert_int_equal(decode_cut(&b, b.n, &pkt, payload),
				 CAPTURE_udp);
		assert_int_equal(pkt.payload_bytes, length - 8);
		assert_int_equal(pkt.missing_bytes, 0);
		assert_memory_equal(payload, FRAMES_PAYLOAD, length - 8);
	}
}

static void
test_udp_longest(void **state)
{
	struct built b = { .link_type = FRAMES_RAW };
	char payload[FRAMES_PAYLOAD_BYTES];
	struct capture_pkt pkt;

	put_ip4(&b, 0, 65535, 0, 17);
	put_udp(&b, 65515);
	put(&b, FRAMES_PAYLOAD, FRAMES_PAYLOAD_BYTES);
	assert_int_equal(decode_cut(&b, b.n, &pkt, payload), CAPTURE_udp);
	assert_int_equal(pkt.payload_bytes, FRAMES_PAYLOAD_BYTES);
	assert_int_equal(pkt.missing_bytes, 65507 - FRAMES_PAYLOAD_BYTES);
}

static void
test_tcp(void **state)
{
	uint32_t header;

	for (header = 0; header <= 60; header += 4) {
		struct built b = { .link_type = FRAMES_RAW };
		char payload[512];
		struct capture_pkt pkt;
		enum capture_outcome outcome;

		put_ip4(&b, 0, 20 + 60 + FRAMES_PAYLOAD_BYTES, 0, 6);
		put_u16(&b, 5060);
		put_u16(&b, 40000);
		put_u32(&b, 0xfffffff0);
		put_u32(&b, 7);
		put_u8(&b, header / 4 << 4);
		put_u8(&b, CAPTURE_TCP_ACK | CAPTURE_TCP_FIN);
		put_fill(&b, 6 + 40, 1);
		put(&b, FRAMES_PAYLOAD, FRAMES_PAYLOAD_BYTES);
		outcome = decode_cut(&b, b.n, &pkt, payload);
		if (header < 20) {
			assert_int_equal(outcome, CAPTURE_malformed);
			continue;
		}
		assert_int_equal(outcome, CAPTURE_tcp);
		assert_int_equal(pkt.payload_bytes,
				 60 - header + FRAMES_PAYLOAD_BYTES);
		assert_int_equal(pkt.tcp.sequence, 0xfffffff0);
		assert_int_equal(pkt.tcp.acknowledged, 7);
		assert_int_equal(pkt.tcp.flags,
				 CAPTURE_TCP_ACK | CAPTURE_TCP_FIN);
		assert_int_equal(decode_cut(&b, b.n - 3, &pkt, payload),
				 CAPTURE_tcp);
		assert_int_equal(pkt.missing_bytes, 3);
		assert_int_equal(decode_cut(&b, 39, &pkt, payload),
				 CAPTURE_cut);
	}
}

static void
test_outcome_names(void **state)
{
	assert_string_equal(capture_outcome_name(CAPTURE_udp), "udp");
	assert_string_equal(capture_outcome_name(CAPTURE_other_link),
			    "other_link");
	assert_string_equal(capture_outcome_name(CAPTURE_malformed),
			    "malformed");
	assert_int_equal(CAPTURE_OUTCOME_COUNT, CAPTURE_malformed + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ethernet),
		cmocka_unit_test(test_ethernet_padding),
		cmocka_unit_test(test_vlan_tags),
		cmocka_unit_test(test_nothing_but_tags),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_other_network),
		cmocka_unit_test(test_linux_cooked),
		cmocka_unit_test(test_raw_ip),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_capture_card),
		cmocka_unit_test(test_serial_lines),
		cmocka_unit_test(test_other_link),
		cmocka_unit_test(test_ip4_options),
		cmocka_unit_test(test_ip4_malformed),
		cmocka_unit_test(test_ip4_not_fragments),
		cmocka_unit_test(test_ip4_without_length),
		cmocka_unit_test(test_ip6_without_length),
		cmocka_unit_test(test_other_transport),
		cmocka_unit_test(test_ip6_extensions),
		cmocka_unit_test(test_ip6_authentication),
		cmocka_unit_test(test_ip6_malformed),
		cmocka_unit_test(test_ip6_nothing_but_extensions),
		cmocka_unit_test(test_udp_lengths),
		cmocka_unit_test(test_udp_longest),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_outcome_names),
	};

	return cmocka_run_group_tests(tests, make_decoder, free_decoder);
}
