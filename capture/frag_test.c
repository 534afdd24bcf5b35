/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments of both IPs: in every order, doubled, overlapping, contradicting,
 * too late, too many; in tunnels and of tunnels.
 */
#include "capture/decode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/frames.h"
#include "cmd/testing/testing.h"
#include "cmd/testing/wrap.h"

static const int64_t SECOND_NS = 1000000000;

enum { DATAGRAM_MAX = 65507 + 8, PIECES_MAX = 200 };

/* A UDP datagram to be cut into pieces. */
struct cut {
	uint8_t bytes[DATAGRAM_MAX];
	uint32_t n;
	uint32_t id;
	bool v6;
};

struct piece {
	uint32_t from, to;
};

static struct capture_decoder *decoder;
static int64_t now_ns;

static int
setup(void **state)
{
	const struct capture_decode_config config = {
		.datagrams_max = 8,
		.fragment_bytes = 200000,
		.hash_key = "key",
	};

	now_ns = 0;
	return capture_decoder_new(&decoder, &config);
}

static int
teardown(void **state)
{
	capture_decoder_free(&decoder);
	return 0;
}

static const struct capture_decode_counters *
counters(void)
{
	return capture_decoder_counters_peek(decoder);
}

/* ---- making fragments ---------------------------------------------------- */

static void
cut_init(struct cut *c, uint32_t payload_bytes, uint32_t id, bool v6)
{
	uint32_t i;

	*c = (struct cut){ .n = payload_bytes + 8, .id = id, .v6 = v6 };
	c->bytes[0] = 5060 >> 8;
	c->bytes[1] = 5060 & 0xff;
	c->bytes[2] = 40000 >> 8;
	c->bytes[3] = 40000 & 0xff;
	c->bytes[4] = (uint8_t)(c->n >> 8);
	c->bytes[5] = (uint8_t)c->n;
	for (i = 8; i < c->n; i++)
		c->bytes[i] = (uint8_t)(i * 7 + i / 256 + id);
}

static void
build(struct built *b, const struct cut *c, uint32_t from, uint32_t to)
{
	bool more = to < c->n;
	uint32_t n = to - from;

	b->n = 0;
	put_ether(b, c->v6 ? 0x86dd : 0x0800);
	if (c->v6) {
		put_ip6(b, 8 + n, 44);
		put_u16(b, 17 << 8);
		put_u16(b, from | more);
		put_u32(b, c->id);
	} else {
		put_ip4(b, 0, 20 + n, (more ? 0x2000u : 0) | from / 8, 17);
		b->bytes[14 + 4] = (uint8_t)(c->id >> 8);
		b->bytes[14 + 5] = (uint8_t)c->id;
	}
	put(b, c->bytes + from, n);
}

static enum capture_outcome
decode(const struct built *b, struct capture_pkt *pkt)
{
	uint8_t *copy = testing_copy(b->bytes, b->n);
	const struct capture_frame frame = {
		.bytes = copy,
		.captured_bytes = b->n,
		.wire_bytes = b->n,
		.link_type = FRAMES_ETHERNET,
	};
	enum capture_outcome outcome =
	    capture_decode(decoder, &frame, now_ns, pkt);

	explicit_bzero(copy, b->n); /* a datagram does not lie in it */
	free(copy);
	return outcome;
}

static enum capture_outcome
send_piece(const struct cut *c, uint32_t from, uint32_t to,
	   struct capture_pkt *pkt)
{
	struct built b;

	build(&b, c, from, to);
	return decode(&b, pkt);
}

static void
check_whole(const struct cut *c, const struct capture_pkt *pkt)
{
	assert_int_equal(pkt->src.port, 5060);
	assert_int_equal(pkt->dst.port, 40000);
	assert_int_equal(pkt->payload_bytes, c->n - 8);
	assert_int_equal(pkt->missing_bytes, 0);
	assert_memory_equal(pkt->payload, c->bytes + 8, c->n - 8);
}

static uint32_t
pieces_of(const struct cut *c, uint32_t bytes, struct piece *pieces)
{
	uint32_t count = 0, at;

	for (at = 0; at < c->n; at += bytes, count++) {
		assert_true(count < PIECES_MAX);
		pieces[count].from = at;
		pieces[count].to = at + bytes < c->n ? at + bytes : c->n;
	}
	return count;
}

/* Send them; the last, and only that, gives the datagram. */
static void
check_pieces(const struct cut *c, const struct piece *pieces, uint32_t count)
{
	struct capture_pkt pkt;
	uint32_t i;

	for (i = 0; i + 1 < count; i++)
		assert_int_equal(
		    send_piece(c, pieces[i].from, pieces[i].to, &pkt),
		    CAPTURE_fragment);
	assert_int_equal(send_piece(c, pieces[i].from, pieces[i].to, &pkt),
			 CAPTURE_udp);
	check_whole(c, &pkt);
}

static void
shuffle(struct piece *pieces, uint32_t count, uint32_t seed)
{
	uint32_t i, k;

	for (i = count; i > 1; i--) {
		struct piece last = pieces[i - 1];

		seed = seed * 1664525 + 1013904223;
		k = (seed >> 8) % i;
		pieces[i - 1] = pieces[k];
		pieces[k] = last;
	}
}

/* ---- tests --------------------------------------------------------------- */

static void
test_orders(void **state)
{
	static const uint32_t sizes[] = { 8, 16, 400, 552, 1480 };
	struct piece pieces[PIECES_MAX];
	static struct cut c;
	uint32_t count, seed, i;

	for (seed = 0; seed < 200; seed++)
		for (i = 0; i < 5; i++) {
			cut_init(&c, sizes[i] * 3 + seed, seed * 5 + i,
				 seed & 1);
			count = pieces_of(&c, sizes[i], pieces);
			if (seed > 1)
				shuffle(pieces, count, seed);
			check_pieces(&c, pieces, count);
			now_ns += 6 * SECOND_NS;
		}
	assert_int_equal(counters()->reassembled, 1000);
	assert_int_equal(counters()->fragments_timeout, 0);
	assert_int_equal(counters()->fragments_contradict, 0);
}

static void
test_longest(void **state)
{
	struct piece pieces[PIECES_MAX];
	static struct cut c;
	uint32_t count;

	cut_init(&c, 65507, 1, false);
	count = pieces_of(&c, 1480, pieces);
	shuffle(pieces, count, 1);
	check_pieces(&c, pieces, count);
}

/* Each fragment twice, as a mirror of two ports shows them. */
static void
test_doubled(void **state)
{
	static struct cut c;
	struct capture_pkt pkt;
	unsigned whole = 0, v6, i;

	for (v6 = 0; v6 < 2; v6++) {
		whole = 0;
		cut_init(&c, 1000, 7, v6);
		for (i = 0; i < 6; i++) {
			uint32_t from = i / 2 * 400;
			uint32_t to = from + 400 < c.n ? from + 400 : c.n;

			whole += send_piece(&c, from, to, &pkt) == CAPTURE_udp;
		}
		assert_int_equal(whole, 1);
	}
	assert_int_equal(counters()->fragments_doubled, 6);
	/* All of them once more, within the time. */
	for (i = 0; i < 3; i++)
		assert_int_equal(
		    send_piece(&c, i * 400, i < 2 ? i * 400 + 400 : c.n, &pkt),
		    CAPTURE_fragment);
	assert_int_equal(counters()->reassembled, 2);
	now_ns += 6 * SECOND_NS;
	capture_decoder_tick(decoder, now_ns);
	assert_int_equal(counters()->fragments_timeout, 0);
}

/* It may be SIP that tells a key of SRTP: nothing of it stays in memory that
 * was given back, nor while its buffer grew, nor where the decoder goes. */
static void
test_wiped(void **state)
{
	static struct cut c;
	struct piece pieces[PIECES_MAX];
	uint32_t count, round;

	for (round = 0; round < 3; round++) {
		cut_init(&c, 9000, round, round == 1);
		count = pieces_of(&c, 1480, pieces);
		testing_watch_free(c.bytes + 100, 64);
		check_pieces(&c, pieces, count);
		now_ns += 6 * SECOND_NS;
		if (round == 2)
			capture_decoder_free(&decoder);
		else
			capture_decoder_tick(decoder, now_ns);
		assert_int_equal(testing_not_wiped(), 0);
		testing_watch_free(NULL, 0);
	}
}

/* The same bytes twice in fragments of other sizes are no harm. */
static void
test_overlap_agrees(void **state)
{
	static struct cut c;
	struct capture_pkt pkt;

	cut_init(&c, 992, 7, false);
	assert_int_equal(send_piece(&c, 0, 400, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 320, 720, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 640, 1000, &pkt), CAPTURE_udp);
	check_whole(&c, &pkt);
}

static void
test_overlap_contradicts(void **state)
{
	static struct cut c, other;
	struct capture_pkt pkt;

	cut_init(&c, 992, 7, true);
	other = c;
	other.bytes[350] ^= 1;
	assert_int_equal(send_piece(&c, 0, 400, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&other, 320, 720, &pkt), CAPTURE_fragment);
	/* Nothing of either any more, whatever comes. */
	assert_int_equal(send_piece(&c, 0, 400, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 400, 800, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_fragment);
	assert_int_equal(counters()->fragments_contradict, 1);
	assert_int_equal(counters()->reassembled, 0);
	/* When its time is over the number is free. */
	now_ns += 6 * SECOND_NS;
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_udp);
	check_whole(&c, &pkt);
}

/* Two lengths of one datagram. */
static void
test_lengths_contradict(void **state)
{
	static struct cut c, shorter;
	struct capture_pkt pkt;

	cut_init(&c, 992, 7, false);
	cut_init(&shorter, 792, 7, false);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&shorter, 400, 800, &pkt),
			 CAPTURE_fragment);
	assert_int_equal(counters()->fragments_contradict, 1);
	cut_init(&c, 992, 8, false);
	cut_init(&shorter, 792, 8, false);
	assert_int_equal(send_piece(&c, 800, 960, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&shorter, 400, 800, &pkt),
			 CAPTURE_fragment);
	assert_int_equal(counters()->fragments_contradict, 2);
}

/* A sender may use a number again soon; what is whole is no part of that. */
static void
test_number_used_again(void **state)
{
	static struct cut c, next;
	struct capture_pkt pkt;

	cut_init(&c, 992, 7, false);
	cut_init(&next, 992, 7, false);
	next.bytes[10] ^= 1;
	next.bytes[900] ^= 1;
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_udp);
	assert_int_equal(send_piece(&next, 0, 800, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&next, 800, 1000, &pkt), CAPTURE_udp);
	check_whole(&next, &pkt);
}

static void
test_timeout(void **state)
{
	static struct cut c;
	struct capture_pkt pkt;

	cut_init(&c, 992, 7, false);
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_fragment);
	now_ns += 6 * SECOND_NS;
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_fragment);
	assert_int_equal(counters()->fragments_timeout, 1);
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_udp);
	check_whole(&c, &pkt);
}

/* More datagrams than places: the oldest gives way, and is counted. */
static void
test_too_many(void **state)
{
	static struct cut c;
	struct capture_pkt pkt;
	uint32_t i;

	for (i = 0; i < 20; i++) {
		cut_init(&c, 992, i, false);
		assert_int_equal(send_piece(&c, 0, 800, &pkt),
				 CAPTURE_fragment);
	}
	assert_int_equal(counters()->fragments_shed, 12);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_udp);
	cut_init(&c, 992, 12, false);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_udp);
	check_whole(&c, &pkt);
	cut_init(&c, 992, 11, false);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_fragment);
}

/* Few datagrams, but as large as they can be: the bytes are bounded too. */
static void
test_too_large(void **state)
{
	struct piece pieces[PIECES_MAX];
	static struct cut c;
	struct capture_pkt pkt;
	uint32_t i, id, count;

	for (id = 0; id < 8; id++) {
		cut_init(&c, 65507, id, false);
		count = pieces_of(&c, 1480, pieces);
		for (i = 1; i < count; i++)
			assert_int_equal(
			    send_piece(&c, pieces[i].from, pieces[i].to, &pkt),
			    CAPTURE_fragment);
	}
	assert_int_equal(counters()->fragments_shed, 5);
	assert_int_equal(send_piece(&c, 0, 1480, &pkt), CAPTURE_udp);
	check_whole(&c, &pkt);
}

static void
test_malformed(void **state)
{
	static struct cut c;
	struct capture_pkt pkt;
	struct built b;

	cut_init(&c, 992, 7, false);
	/* not a multiple of 8, and more to come */
	assert_int_equal(send_piece(&c, 0, 399, &pkt), CAPTURE_malformed);
	/* beyond 65,535 bytes */
	build(&b, &c, 0, 400);
	b.bytes[14 + 6] = 0x1f;
	b.bytes[14 + 7] = 0xff;
	assert_int_equal(decode(&b, &pkt), CAPTURE_malformed);
	/* nothing in it */
	assert_int_equal(send_piece(&c, 400, 400, &pkt), CAPTURE_malformed);
	assert_int_equal(counters()->reassembled, 0);
}

/* Cut by the snap length: the last fragment may be, another leaves a hole. */
static void
test_cut_by_snap_length(void **state)
{
	static struct cut c;
	struct capture_pkt pkt;
	struct built b;

	cut_init(&c, 992, 7, false);
	build(&b, &c, 800, 1000);
	b.n -= 100;
	assert_int_equal(decode(&b, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_udp);
	assert_int_equal(pkt.payload_bytes, 892);
	assert_int_equal(pkt.missing_bytes, 100);
	assert_memory_equal(pkt.payload, c.bytes + 8, 892);

	cut_init(&c, 992, 8, false);
	build(&b, &c, 0, 800);
	b.n -= 100;
	assert_int_equal(decode(&b, &pkt), CAPTURE_fragment);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_fragment);
	/* ... which another copy may fill */
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_udp);
	check_whole(&c, &pkt);
}

/* Fragments behind every wrapping. */
static void
test_in_tunnels(void **state)
{
	static struct cut c;
	struct built b, wrapped;
	struct capture_pkt pkt;
	int i, v6;

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < WRAP_COUNT; i++) {
			if (i == WRAP_hep)
				continue;
			cut_init(&c, 992, (uint32_t)i, v6);
			build(&b, &c, 800, 1000);
			wrapped.n = wrap_frame((enum wrap)i, b.bytes, b.n,
					       wrapped.bytes);
			assert_int_equal(decode(&wrapped, &pkt),
					 CAPTURE_fragment);
			build(&b, &c, 0, 800);
			wrapped.n = wrap_frame((enum wrap)i, b.bytes, b.n,
					       wrapped.bytes);
			assert_int_equal(decode(&wrapped, &pkt), CAPTURE_udp);
			check_whole(&c, &pkt);
		}
}

/* A tunnel that is itself in fragments, of which one ends in the middle of the
 * headers of the inside; and fragments within fragments. */
static void
test_of_tunnels(void **state)
{
	static const enum wrap wraps[] = { WRAP_vxlan, WRAP_geneve, WRAP_gtpu,
					   WRAP_tzsp };
	static struct cut outer, inner;
	struct built plain, wrapped;
	struct capture_pkt pkt;
	unsigned i, half;

	for (i = 0; i < 4; i++)
		for (half = 0; half < 2; half++) {
			cut_init(&inner, 992, 100 + i, false);
			build(&plain, &inner, half ? 800 : 0,
			      half ? 1000 : 800);
			wrapped.n = wrap_frame(wraps[i], plain.bytes, plain.n,
					       wrapped.bytes);
			/* the outer datagram, without Ethernet and IPv4 */
			outer = (struct cut){ .n = wrapped.n - 34,
					      .id = 200 + i * 2 + half };
			memcpy(outer.bytes, wrapped.bytes + 34, outer.n);
			assert_int_equal(send_piece(&outer, 24, outer.n, &pkt),
					 CAPTURE_fragment);
			assert_int_equal(send_piece(&outer, 0, 24, &pkt),
					 half ? CAPTURE_udp : CAPTURE_fragment);
		}
	check_whole(&inner, &pkt);
}

/* What is in fragments holds a fragment of that very datagram. */
static void
test_within_itself(void **state)
{
	static struct cut outer;
	struct built b, inner;
	struct capture_pkt pkt;

	/* IPv6 in IPv6: the inner packet is a fragment of the same number and
	 * the same ends, with other bytes. */
	b.n = 0;
	put_ip6(&b, 8 + 16, 44);
	put_u16(&b, 41 << 8);
	put_u16(&b, 0 | 1);
	put_u32(&b, 5);
	put_fill(&b, 16, 0x55);
	outer = (struct cut){ .n = b.n, .id = 5, .v6 = true };
	memcpy(outer.bytes, b.bytes, b.n);
	build(&inner, &outer, 0, 24);
	inner.bytes[14 + 40] = 41;
	assert_int_equal(decode(&inner, &pkt), CAPTURE_fragment);
	build(&inner, &outer, 24, outer.n);
	inner.bytes[14 + 40] = 41;
	assert_int_equal(decode(&inner, &pkt), CAPTURE_fragment);
	assert_int_equal(counters()->reassembled, 1);
	assert_int_equal(counters()->tunnelled, 1); /* the one that is whole */
}

static void
test_no_memory(void **state)
{
	const struct capture_decode_config config = { .datagrams_max = 8 };
	struct capture_decoder *d = NULL;
	static struct cut c;
	struct capture_pkt pkt;
	unsigned i;
	int r;

	for (i = 1; i < 10; i++) {
		testing_fail_allocation(i);
		r = capture_decoder_new(&d, &config);
		testing_fail_allocation(0);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_true(i > 1);
	capture_decoder_free(&d);
	cut_init(&c, 992, 7, false);
	testing_fail_allocation(1);
	assert_int_equal(send_piece(&c, 0, 800, &pkt), CAPTURE_fragment);
	testing_fail_allocation(0);
	assert_int_equal(send_piece(&c, 800, 1000, &pkt), CAPTURE_fragment);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_orders),
		TEST(test_longest),
		TEST(test_doubled),
		TEST(test_wiped),
		TEST(test_overlap_agrees),
		TEST(test_overlap_contradicts),
		TEST(test_lengths_contradict),
		TEST(test_number_used_again),
		TEST(test_timeout),
		TEST(test_too_many),
		TEST(test_too_large),
		TEST(test_malformed),
		TEST(test_cut_by_snap_length),
		TEST(test_in_tunnels),
		TEST(test_of_tunnels),
		TEST(test_within_itself),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
