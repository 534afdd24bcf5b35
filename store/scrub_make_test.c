/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stays of a recording: gaps of true length among any others, packets that
 * are heard at other times than they came, and the same sound twice. */
#include "cmd/testing/testing.h"
#include "store/scrub_fixture_priv.h"

/* ---- gaps -------------------------------------------------------------- */

struct told {
	unsigned frames, gaps, scrub_gaps;
	int64_t from_ns, until_ns; /* of the scrub's last gap */
	uint32_t packets;
};

static void
read_stream(struct fixture *fx, const struct store_segment *s, unsigned stream,
	    struct told *told)
{
	struct store_reader *reader;
	struct store_item item;
	int r;

	memset(told, 0, sizeof(*told));
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), 0);
	while ((r = store_reader_next(reader, &item)) > 0) {
		if (item.type == STORE_ITEM_SCRUBBED || item.stream != stream)
			continue;
		told->frames += item.type == STORE_ITEM_FRAME;
		if (item.type != STORE_ITEM_GAP)
			continue;
		told->gaps++;
		if (item.gap.reason != STORE_REASON_scrub)
			continue;
		told->scrub_gaps++;
		told->from_ns = item.gap.from_ns;
		told->until_ns = item.gap.until_ns;
		told->packets = item.gap.packets;
	}
	assert_int_equal(r, 0);
	store_reader_close(&reader);
}

/** The gap reaches from the packet before to the packet behind; at the ends, as
 * far as there was one. */
static void
test_true_length(void **state)
{
	struct fixture *fx = *state;
	/* milliseconds: range; gap: packets, from, until */
	const struct {
		int from, until, packets, gap_from, gap_until;
	} rows[] = {
		{ 4000, 6000, 100, 3980, 6000 },
		{ 0, 2000, 100, 0, 2000 },
		{ -5000, 1000, 50, 0, 1000 },
		{ 8000, 10000, 100, 7980, 9980 },
		{ 8000, 99000, 100, 7980, 9980 },
		{ -1000, 99000, 500, 0, 9980 },
		/* Into the middle of a packet: all of it goes. */
		{ 4010, 4011, 1, 3980, 4020 },
		{ 4019, 4021, 2, 3980, 4040 },
	};
	struct store_segment s, now;
	struct told told;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_record(fx, &s, i, LONG_MS);
		assert_int_equal(propose_range(fx, &s, 1 << STORE_LEFT,
					       s.start_ns + rows[i].from * MS,
					       s.start_ns + rows[i].until * MS),
				 0);
		assert_int_equal(agree(fx, s.id, &bob), 0);
		expect_sound(fx, s.id, &now);
		read_stream(fx, &now, 0, &told);
		assert_int_equal(told.scrub_gaps, 1);
		assert_int_equal(told.packets, rows[i].packets);
		assert_int_equal(told.from_ns - s.start_ns,
				 rows[i].gap_from * MS);
		assert_int_equal(told.until_ns - s.start_ns,
				 rows[i].gap_until * MS);
		assert_int_equal(now.streams[0].stored,
				 500 - (unsigned)rows[i].packets);
		assert_int_equal(now.streams[0].dropped[STORE_REASON_scrub],
				 rows[i].packets);
		assert_int_equal(now.streams[0].seen, 500);
		assert_int_equal(now.streams[0].gaps, 1);
		assert_int_equal(now.streams[1].stored, 500);
		assert_int_equal(now.bytes,
				 s.bytes - (unsigned)rows[i].packets *
					       FIXTURE_PAYLOAD_BYTES);
		read_stream(fx, &now, 1, &told);
		assert_int_equal(told.frames, 500);
		assert_int_equal(told.gaps, 0);
	}
}

/** A stream by hand: packets, and gaps of other reasons between them. */
static void
record_random(struct fixture *fx, struct store_segment *s, unsigned nth)
{
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_gap gap = { .stream = 0 };
	struct store_stream *t = &s->streams[0];
	unsigned sequence = 0;

	fixture_segment(s, nth);
	rec = fixture_begin(fx, s);
	fixture_totals(s, 0);
	s->streams[1].first_ns = s->streams[1].last_ns = 0;
	while (sequence < 200) {
		int64_t at_ns = s->start_ns + sequence * PACKET_MS * MS;
		unsigned n = 1 + randombytes_uniform(30);

		if (randombytes_uniform(3)) {
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(
				    fixture_frame(rec, 0, sequence + i,
						  at_ns + i * PACKET_MS * MS),
				    0);
			t->stored += n;
			t->seen += n;
		} else {
			gap.reason = randombytes_uniform(2)
					 ? STORE_REASON_dtmf
					 : STORE_REASON_payment;
			gap.packets = n;
			gap.from_ns = sequence ? at_ns - PACKET_MS * MS : at_ns;
			gap.until_ns = at_ns + n * PACKET_MS * MS;
			assert_int_equal(store_recording_gap(rec, &gap), 0);
			t->dropped[gap.reason] += n;
			t->seen += n;
			t->gaps++;
		}
		sequence += n;
	}
	t->expected = t->seen;
	s->end_ns = s->start_ns + sequence * PACKET_MS * MS;
	assert_int_equal(store_recording_finish(rec, s, &result), 0);
	s->state = STORE_STATE_STORED;
	s->bytes = result.payload_bytes;
	s->chunks = result.chunks;
	memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
	store_recording_free(&rec, false);
	fixture_put(fx, s);
}

/** In any order of gaps, any part, and again: what was in the range is gone,
 * what was not is there, packets add up, and between the first and the last
 * packet there is no time that neither a packet nor a gap tells of. */
static void
expect_told(struct fixture *fx, const struct store_segment *s, int64_t from_ns,
	    int64_t until_ns, unsigned stored)
{
	struct store_reader *reader;
	struct store_item item;
	int64_t told_ns = INT64_MIN;
	unsigned frames = 0;

	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), 0);
	while (store_reader_next(reader, &item) > 0) {
		int64_t begin_ns, end_ns;

		if (item.type == STORE_ITEM_FRAME) {
			begin_ns = item.frame.time_ns;
			end_ns = begin_ns + PACKET_MS * MS;
			assert_true(end_ns <= from_ns || begin_ns >= until_ns);
			frames++;
		} else if (item.type == STORE_ITEM_GAP) {
			begin_ns = item.gap.from_ns;
			end_ns = item.gap.until_ns;
			assert_true(begin_ns <= end_ns);
		} else {
			continue;
		}
		if (told_ns != INT64_MIN)
			assert_in_range(begin_ns, told_ns - PACKET_MS * MS,
					told_ns + PACKET_MS * MS);
		if (end_ns > told_ns)
			told_ns = end_ns;
	}
	store_reader_close(&reader);
	assert_int_equal(frames, s->streams[0].stored);
	assert_int_equal(stored - frames,
			 s->streams[0].dropped[STORE_REASON_scrub]);
}

static void
test_any_gaps(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, now;

	for (unsigned i = 0; i < 20; i++) {
		record_random(fx, &s, i);
		for (unsigned again = 0; again < 3; again++) {
			const int64_t length = s.end_ns - s.start_ns;
			int64_t from_ns =
			    s.start_ns + randombytes_uniform(4000) * MS;
			int64_t until_ns =
			    from_ns + MS +
			    (int64_t)randombytes_uniform(2000) * MS;

			assert_true(length > 0);
			assert_int_equal(propose_range(fx, &s, STORE_SIDES_BOTH,
						       from_ns, until_ns),
					 0);
			assert_int_equal(agree(fx, s.id, &bob), 0);
			expect_sound(fx, s.id, &now);
			assert_int_equal(now.scrubs, again + 1);
			expect_told(fx, &now, from_ns, until_ns,
				    (unsigned)s.streams[0].stored);
		}
	}
}

/** As fixture_finish, with packets by hand: [count] of each stream. */
static void
finish_with(struct fixture *fx, struct store_segment *s,
	    struct store_recording *rec, const unsigned *count,
	    unsigned streams_count)
{
	struct store_recording_result result;

	s->streams_count = streams_count;
	s->end_ns = s->start_ns + LONG_MS * MS;
	for (unsigned i = 0; i < streams_count; i++)
		s->streams[i] = (struct store_stream){ .side = i == 1,
						       .ssrc = 0x1000 + i,
						       .codec = "PCMA",
						       .seen = count[i],
						       .stored = count[i],
						       .expected = count[i] };
	assert_int_equal(store_recording_finish(rec, s, &result), 0);
	s->state = STORE_STATE_STORED;
	s->bytes = result.payload_bytes;
	s->chunks = result.chunks;
	memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
	store_recording_free(&rec, false);
	fixture_put(fx, s);
}

/** The network held packets back: what they say is heard before they came. */
static void
test_late_packets(void **state)
{
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_segment s, now;
	struct told told;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(
		    fixture_frame(rec, 0, i,
				  s.start_ns + i * PACKET_MS * MS +
				      (i >= 200 && i < 260 ? 110 * MS : 0)),
		    0);
	finish_with(fx, &s, rec, (const unsigned[]){ 500, 0 }, 2);
	/* 250 to 255 are heard then, and came 110 ms later. */
	assert_int_equal(propose_range(fx, &s, STORE_SIDES_BOTH,
				       s.start_ns + 5000 * MS,
				       s.start_ns + 5100 * MS),
			 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	read_stream(fx, &now, 0, &told);
	assert_in_range(told.packets, 10, 11);
}

/** Two streams of one side at once may be the same sound, one behind the
 * other. */
static void
test_relay(void **state)
{
	struct fixture *fx = *state;
	const struct store_stream_info info = { .side = STORE_LEFT,
						.ssrc = 0x1002 };
	struct store_recording *rec;
	struct store_segment s, now;
	struct told told;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(store_recording_stream(rec, &info), 2);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(
		    fixture_frame(rec, 0, i, s.start_ns + i * PACKET_MS * MS),
		    0);
		assert_int_equal(
		    fixture_frame(rec, 2, i,
				  s.start_ns + (i * PACKET_MS + 90) * MS),
		    0);
	}
	finish_with(fx, &s, rec, (const unsigned[]){ 500, 0, 500 }, 3);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	/* What was said from 4 s to 6 s came by the relay until 6.09 s. */
	for (unsigned stream = 0; stream < 3; stream += 2) {
		read_stream(fx, &now, stream, &told);
		assert_true(told.from_ns < s.start_ns + 4000 * MS - MS);
		assert_true(told.until_ns >= s.start_ns + 6090 * MS);
		assert_in_range(told.packets, 110, 122);
	}
}

/** Packets behind the range that bring some of it along go, too. */
static void
test_brought_along(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, now;
	struct told told;

	fixture_record(fx, &s, 0, LONG_MS);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	brought_ns = 50 * MS;
	assert_int_equal(agree(fx, s.id, &bob), 0);
	brought_ns = 0;
	expect_sound(fx, s.id, &now);
	/* 4000 to 5980, and of 6000, 6020 and 6040 what they bring */
	read_stream(fx, &now, 0, &told);
	assert_int_equal(told.packets, 103);
	assert_int_equal(told.from_ns - s.start_ns, 3980 * MS);
	assert_int_equal(told.until_ns - s.start_ns, 6060 * MS);
	/* This side speaks 5 ms later. */
	read_stream(fx, &now, 1, &told);
	assert_int_equal(told.packets, 104);
	assert_int_equal(told.until_ns - s.start_ns, 6065 * MS);
}

/** One that was cut off by a crash has no counts, neither before nor after. */
static void
test_interrupted(void **state)
{
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_segment s, now;
	struct told told;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, LONG_MS), 0);
	store_recording_free(&rec, false);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
	assert_int_equal(s.state, STORE_STATE_INTERRUPTED);
	assert_int_equal(s.streams_count, 0);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.state, STORE_STATE_INTERRUPTED);
	read_stream(fx, &now, 0, &told);
	assert_int_equal(told.packets, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_true_length),   TEST(test_any_gaps),
		TEST(test_late_packets),  TEST(test_relay),
		TEST(test_brought_along), TEST(test_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
