/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

/* MARK is no bit of an event: it makes the marker of the packet. */
enum { HZ = 8000, PACKET = 160, END = 0x80, MARK = 0x100 };

struct stream {
	struct rtp_events events;
	char keys[64]; /* so far */
	size_t n;
};

static void
payload(struct stream *s, uint32_t timestamp, uint32_t clock_hz, bool marker,
	const uint8_t *bytes, uint32_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	const struct rtp_event_packet packet = { .timestamp = timestamp,
						 .clock_hz = clock_hz,
						 .marker = marker,
						 .payload = copy,
						 .payload_bytes = n };
	char keys[RTP_EVENT_KEYS_MAX];
	uint32_t count = rtp_events_take(&s->events, &packet, keys);

	memcpy(s->keys + s->n, keys, count);
	s->n += count;
	free(copy);
}

/* One packet of one event at 8000 Hz. */
static void
packet(struct stream *s, uint32_t timestamp, uint8_t code, unsigned flags,
       uint32_t duration)
{
	const uint8_t bytes[] = { code, (uint8_t)(flags | 10),
				  (uint8_t)(duration >> 8), (uint8_t)duration };

	payload(s, timestamp, HZ, flags & MARK, bytes, sizeof(bytes));
}

/* A key from its first to its last packet, of these [first, last] only: five
 * while it is down, then three that it is up. */
static void
press(struct stream *s, uint32_t timestamp, uint8_t code, uint32_t first,
      uint32_t last)
{
	uint32_t i;

	for (i = first; i <= last; i++)
		packet(s, timestamp, code,
		       i > 5    ? END
		       : i == 1 ? MARK
				: 0,
		       (i > 5 ? 5 : i) * PACKET);
}

static void
one_key_of_eight_packets(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 5, 1, 8);
	assert_string_equal(s.keys, "5");
}

static void
the_same_key_again_is_another(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 5, 1, 8);
	press(&s, 1000 + 8 * PACKET, 5, 1, 8);
	assert_string_equal(s.keys, "55");
}

static void
lost_start(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 10, 3, 8);
	assert_string_equal(s.keys, "*");
}

static void
only_an_end_packet_came(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 11, 8, 8);
	assert_string_equal(s.keys, "#");
}

static void
lost_ends_then_another_key(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 1, 1, 4);
	press(&s, 3000, 2, 2, 4);
	press(&s, 5000, 2, 1, 4);
	assert_string_equal(s.keys, "122");
}

/* Of the first press no end was seen, of the second no start. */
static void
lost_ends_then_the_same_key_without_its_start(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 7, 1, 2);
	press(&s, 1000 + 9 * PACKET, 7, 4, 8);
	assert_string_equal(s.keys, "77");
}

/* Of the second press only its last packet was seen. */
static void
the_same_key_for_as_long(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 7, 1, 8);
	press(&s, 1000 + 9 * PACKET, 7, 8, 8);
	assert_string_equal(s.keys, "77");
}

static void
a_marker_begins_another(void **state)
{
	struct stream s = { 0 };

	packet(&s, 1000, 7, MARK, PACKET);
	packet(&s, 1000 + PACKET, 7, MARK, 2 * PACKET);
	assert_string_equal(s.keys, "77");
}

static void
packets_twice(void **state)
{
	struct stream s = { 0 };
	uint32_t i;

	for (i = 1; i <= 8; i++) {
		press(&s, 1000, 3, i, i);
		press(&s, 1000, 3, i, i);
	}
	assert_string_equal(s.keys, "3");
}

static void
end_packets_after_the_next_key_began(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 1, 1, 6);
	press(&s, 3000, 2, 1, 2);
	press(&s, 1000, 1, 7, 8);
	press(&s, 3000, 2, 3, 8);
	assert_string_equal(s.keys, "12");
}

static void
all_late_packets_of_many_keys(void **state)
{
	struct stream s = { 0 };
	uint8_t code;

	for (code = 0; code < 16; code++)
		press(&s, 1000 + code * 2000u, code, 1, 8);
	for (code = 0; code < 16; code++)
		press(&s, 1000 + code * 2000u, code, 1, 8);
	assert_string_equal(s.keys, "0123456789*#ABCD");
}

/* Held for 25 s: four segments, each of which begins where the last ended. */
static void
hold_key(struct stream *s, uint32_t segment, uint32_t packet_ticks)
{
	uint32_t start = 1000, at, i;

	for (i = 0; i < 4; i++, start += segment)
		for (at = packet_ticks; at <= segment; at += packet_ticks)
			packet(s, start, 9,
			       i == 3 && at > 30000                ? END
			       : start + at == 1000 + packet_ticks ? MARK
								   : 0,
			       at + packet_ticks > segment ? segment : at);
}

static void
segments_of_a_long_key(void **state)
{
	struct stream s = { 0 };

	hold_key(&s, 0xffff, PACKET);
	assert_string_equal(s.keys, "9");
}

static void
segments_in_whole_packets(void **state)
{
	struct stream s = { 0 };

	hold_key(&s, 409 * PACKET, PACKET);
	assert_string_equal(s.keys, "9");
}

static void
a_segment_lost(void **state)
{
	struct stream s = { 0 };

	packet(&s, 1000, 4, 0, PACKET);
	packet(&s, 1000 + 2 * 0xffff, 4, 0, 3 * PACKET);
	assert_string_equal(s.keys, "4");
}

static void
packets_of_an_earlier_segment_come_late(void **state)
{
	struct stream s = { 0 };

	packet(&s, 1000, 4, 0, PACKET);
	packet(&s, 1000 + 0xffff, 4, 0, PACKET);
	packet(&s, 1000 + 2 * 0xffff, 4, 0, PACKET);
	packet(&s, 1000 + 0xffff, 4, 0, 2 * PACKET);
	packet(&s, 1000, 4, 0, 2 * PACKET);
	assert_string_equal(s.keys, "4");
}

static void
no_segment_follows_an_end(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 4, 1, 8);
	press(&s, 1000 + 0xffff, 4, 1, 8);
	assert_string_equal(s.keys, "44");
}

static void
timestamp_wraps_in_a_segment(void **state)
{
	struct stream s = { 0 };

	press(&s, 0xffffff00, 6, 1, 5);
	packet(&s, 0xffffff00 + 0xffff, 6, 0, PACKET);
	press(&s, 0xffffff00, 6, 6, 8);
	assert_string_equal(s.keys, "6");
}

static void
timestamp_runs_on(void **state)
{
	struct stream s = { 0 };
	uint32_t i, key;

	for (key = 0; key < 2; key++)
		for (i = 0; i < 8; i++)
			packet(&s, 1000 + (key * 20 + i) * PACKET, 8,
			       i >= 5 ? END : 0, (i < 5 ? i + 1 : 6) * PACKET);
	assert_string_equal(s.keys, "88");
}

static void
first_duration_is_zero(void **state)
{
	struct stream s = { 0 };

	packet(&s, 1000, 5, 0, 0);
	press(&s, 1000, 5, 1, 8);
	assert_string_equal(s.keys, "5");
}

static void
flash_and_tones_are_no_keys(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 16, 1, 8);
	press(&s, 3000, 36, 1, 8);
	press(&s, 5000, 255, 1, 8);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.events.count, 0);
}

/* The third begins where the second ends, at 1000 + 320 + 480. */
static void
several_events_in_a_packet(void **state)
{
	static const uint8_t bytes[] = { 1, END, 320 >> 8, 320 & 255,
					 2, END, 480 >> 8, 480 & 255,
					 2, 0,   0,        160 };
	struct stream s = { 0 };

	payload(&s, 1000, HZ, true, bytes, sizeof(bytes));
	assert_string_equal(s.keys, "122");
	payload(&s, 1000, HZ, true, bytes, sizeof(bytes));
	packet(&s, 1000 + 320 + 480, 2, 0, 2 * PACKET);
	assert_string_equal(s.keys, "122");
}

static void
cut_payloads(void **state)
{
	static const uint8_t bytes[] = { 1, 0, 0, 160, 2, 0, 0 };
	struct stream s = { 0 };
	uint32_t n;

	for (n = 0; n < RTP_EVENT_BYTES; n++)
		payload(&s, 1000, HZ, true, bytes, n);
	assert_int_equal(s.n, 0);
	payload(&s, 1000, HZ, true, bytes, sizeof(bytes));
	assert_string_equal(s.keys, "1");
}

static void
no_more_than_fit(void **state)
{
	uint8_t bytes[4 * RTP_EVENT_KEYS_MAX + 8] = { 0 };
	struct stream s = { 0 };
	uint32_t i;

	for (i = 0; i < sizeof(bytes); i += 4)
		bytes[i] = (uint8_t)(i / 4 % 10);
	payload(&s, 1000, HZ, true, bytes, sizeof(bytes));
	assert_string_equal(s.keys, "01234567");
}

/* Payload types of two clock rates: their timestamps have nothing in common. */
static void
two_clock_rates(void **state)
{
	static const uint8_t bytes[] = { 5, 0, 3, 192 };
	struct stream s = { 0 };

	press(&s, 1000, 5, 1, 8);
	payload(&s, 1000, 48000, true, bytes, sizeof(bytes));
	payload(&s, 1000, 48000, false, bytes, sizeof(bytes));
	assert_string_equal(s.keys, "55");
}

static void
another_key_with_the_same_timestamp(void **state)
{
	struct stream s = { 0 };

	press(&s, 1000, 5, 1, 8);
	press(&s, 1000, 6, 1, 8);
	press(&s, 1000, 5, 1, 8);
	assert_string_equal(s.keys, "56");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_key_of_eight_packets),
		cmocka_unit_test(the_same_key_again_is_another),
		cmocka_unit_test(lost_start),
		cmocka_unit_test(only_an_end_packet_came),
		cmocka_unit_test(lost_ends_then_another_key),
		cmocka_unit_test(lost_ends_then_the_same_key_without_its_start),
		cmocka_unit_test(the_same_key_for_as_long),
		cmocka_unit_test(a_marker_begins_another),
		cmocka_unit_test(packets_twice),
		cmocka_unit_test(end_packets_after_the_next_key_began),
		cmocka_unit_test(all_late_packets_of_many_keys),
		cmocka_unit_test(segments_of_a_long_key),
		cmocka_unit_test(segments_in_whole_packets),
		cmocka_unit_test(a_segment_lost),
		cmocka_unit_test(packets_of_an_earlier_segment_come_late),
		cmocka_unit_test(no_segment_follows_an_end),
		cmocka_unit_test(timestamp_wraps_in_a_segment),
		cmocka_unit_test(timestamp_runs_on),
		cmocka_unit_test(first_duration_is_zero),
		cmocka_unit_test(flash_and_tones_are_no_keys),
		cmocka_unit_test(several_events_in_a_packet),
		cmocka_unit_test(cut_payloads),
		cmocka_unit_test(no_more_than_fit),
		cmocka_unit_test(two_clock_rates),
		cmocka_unit_test(another_key_with_the_same_timestamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
