/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows as bytes: there and back, every field, every truncation, newer fields,
 * newer versions. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"
#include "store/scrub.h"

#include <errno.h>

/** Every member set, to something that differs from its neighbours. */
static void
full_segment(struct store_segment *s)
{
	uint64_t v = 1000;

	memset(s, 0, sizeof(*s));
	snprintf(s->call, sizeof(s->call), "20190328T141503Z-k7q2mx4p");
	s->segment = 4000000000;
	store__segment_id_make(s->id, s->call, s->segment);
	s->kind = STORE_TRANSFER;
	snprintf(s->from, sizeof(s->from), "+441495123456");
	memset(s->to, '9', sizeof(s->to) - 1); /* as long as can be */
	snprintf(s->local, sizeof(s->local), "2041");
	snprintf(s->remote, sizeof(s->remote),
		 "al\xc3\xaf"
		 "ce");
	s->direction = STORE_TRANSIT;
	snprintf(s->area, sizeof(s->area), "housing");
	s->call_start_ns = FIXTURE_START_NS;
	s->start_ns = -5; /* before 1970 */
	s->end_ns = INT64_MAX;
	s->answer_ns = FIXTURE_START_NS + 1;
	snprintf(s->end_cause, sizeof(s->end_cause), "bye");
	s->decision = STORE_LISTEN_DENY;
	snprintf(s->reason, sizeof(s->reason), "exempt");
	snprintf(s->rule, sizeof(s->rule), "rule 7");
	memset(s->policy, 0xa5, sizeof(s->policy));
	snprintf(s->retention, sizeof(s->retention), "long");
	s->state = STORE_STATE_HELD;
	memset(s->sip_call_ids, 'c', sizeof(s->sip_call_ids) - 1);
	s->bytes = UINT64_MAX;
	s->chunks = 77;
	s->key_day = 20190328;
	s->key_slot = 256;
	memset(s->file_hash, 0x5a, sizeof(s->file_hash));
	s->purged_ns = 12;
	s->gave_way = 1;
	s->flags = STORE_ONE_WAY | STORE_DEAD_AIR;
	s->dead_air_s = 61;
	s->scrubs = 3;
	memset(s->replaced, 0x3c, sizeof(s->replaced));
	s->streams_count = STORE_STREAMS_MAX;
	for (unsigned i = 0; i < STORE_STREAMS_MAX; i++) {
		struct store_stream *t = &s->streams[i];

		t->side = i % 2 ? STORE_RIGHT : STORE_LEFT;
		t->ssrc = UINT32_MAX - i;
		snprintf(t->codec, sizeof(t->codec), "PCMA/%u", i);
		t->seen = v++;
		t->stored = v++;
		t->late = v++;
		t->duplicate = v++;
		t->lost = v++;
		t->expected = v++;
		for (unsigned j = 0; j < STORE_REASON_COUNT; j++)
			t->dropped[j] = v++;
		t->gaps = v++;
		t->first_ns = (int64_t)v++;
		t->last_ns = -(int64_t)v++;
		for (unsigned j = 0; j < sizeof(t->quality) / 4; j++) {
			uint32_t n = (uint32_t)v++;

			memcpy((char *)&t->quality + 4 * (size_t)j, &n, 4);
		}
	}
}

static void
test_round_trip(void **state)
{
	struct store_segment *a = calloc(1, sizeof(*a));
	struct store_segment *b = calloc(1, sizeof(*b));
	uint8_t row[STORE__ROW_BYTES], *copy;
	size_t n;

	full_segment(a);
	n = store__row_encode(row, a);
	assert_in_range(n, 1, sizeof(row));
	copy = testing_copy(row, n);
	memset(b, 0xff, sizeof(*b));
	assert_int_equal(store__row_decode(b, copy, n), 0);
	assert_memory_equal(a, b, sizeof(*a));
	/* Cut anywhere: refused, or the fields before the cut. */
	free(copy);
	for (size_t i = 0; i < n; i++) {
		copy = testing_copy(row, i);
		if (store__row_decode(b, copy, i) == 0)
			assert_string_equal(b->call, a->call);
		free(copy);
	}
	assert_int_equal(store__row_decode(b, row, 0), -EBADMSG);
	free(a);
	free(b);
}

static void
test_longest(void **state)
{
	struct store_segment *a = calloc(1, sizeof(*a));
	uint8_t *row = malloc(STORE__ROW_BYTES);

	/* All ones but for the NULs: nothing can be longer. */
	memset(a, 0xff, sizeof(*a));
	a->streams_count = STORE_STREAMS_MAX;
	assert_in_range(store__row_encode(row, a), 1, STORE__ROW_BYTES);
	free(row);
	free(a);
}

static void
test_empty(void **state)
{
	struct store_segment a = { .call = "c", .segment = 1, .id = "c-1" };
	uint8_t row[STORE__ROW_BYTES];
	struct store_segment b;
	size_t n = store__row_encode(row, &a);

	/* version, call, segment; all else is zero */
	assert_int_equal(n, 1 + 3 + 1 + 3 + 1);
	assert_int_equal(store__row_decode(&b, row, n), 0);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void
test_newer(void **state)
{
	struct store_segment a = { .call = "c", .segment = 1, .id = "c-1" }, b;
	uint8_t row[STORE__ROW_BYTES];
	size_t n = store__row_encode(row, &a);

	/* A field of a later version is stepped over ... */
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(row + n, "\xc8\x03\x00new", 6);
	assert_int_equal(store__row_decode(&b, row, n + 6), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	/* ... another version of the whole is not. */
	row[0] = 2;
	assert_int_equal(store__row_decode(&b, row, n), -EPROTO);
}

/** What is wrong behind a row that is sound so far. */
static void
test_refused(void **state)
{
	static const uint8_t sound[] = { 1, 1, 1, 0, 'c', 2, 1, 0, 1 };
	static const struct {
		uint8_t bytes[12];
		size_t n;
	} rest[] = {
		{ { 3 }, 1 },                          /* half a head */
		{ { 4, 2, 0, 'x' }, 4 },               /* value too short */
		{ { 4, 3, 0, 'x', 0, 'y' }, 6 },       /* NUL in a text */
		{ { 3, 1, 0, STORE_KIND_COUNT }, 4 },  /* kind */
		{ { 8, 1, 0, STORE_ROUTE_COUNT }, 4 }, /* direction */
		{ { 15, 1, 0, STORE_DECISION_COUNT }, 4 },
		{ { 20, 1, 0, STORE_STATE_COUNT }, 4 },
		{ { 2, 5, 0, 1, 0, 0, 0, 1 }, 8 }, /* segment too large */
		{ { 10, 9, 0 }, 12 },              /* more than 64 bits */
		{ { 18, 1, 0, 1 }, 4 },            /* short hash */
		{ { 1, 1, 0, '/' }, 4 },           /* no name for a file */
		{ { 1, 0, 0 }, 3 },                /* no call */
		{ { 2, 0, 0 }, 3 },                /* segment 0 */
		{ { 64, 4, 0, 1, 1, 0, 2 }, 7 },   /* a third side */
		{ { 64, 2, 0, 1, 1 }, 5 },         /* half a stream */
	};
	uint8_t row[sizeof(sound) + 12], *copy;
	struct store_segment s;

	assert_int_equal(store__row_decode(&s, sound, sizeof(sound)), 0);
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++) {
		memcpy(row, sound, sizeof(sound));
		memcpy(row + sizeof(sound), rest[i].bytes, rest[i].n);
		copy = testing_copy(row, sizeof(sound) + rest[i].n);
		assert_int_equal(
		    store__row_decode(&s, copy, sizeof(sound) + rest[i].n),
		    -EBADMSG);
		free(copy);
	}
}

/** One stream more than there may be. */
static void
test_too_many_streams(void **state)
{
	struct store_segment s = { .call = "c", .segment = 1, .id = "c-1" };
	uint8_t row[STORE__ROW_BYTES];
	size_t n;

	s.streams_count = STORE_STREAMS_MAX;
	n = store__row_encode(row, &s);
	assert_int_equal(store__row_decode(&s, row, n), 0);
	assert_int_equal(s.streams_count, STORE_STREAMS_MAX);
	memcpy(row + n, "\x40\0", 3);
	assert_int_equal(store__row_decode(&s, row, n + 3), -EBADMSG);
}

static void
test_entry(void **state)
{
	struct store_ledger_entry a = { .time_ns = FIXTURE_START_NS,
					.action = "purge",
					.subject = "c-1",
					.actor = "root",
					.detail = "retention" },
				  b;
	uint8_t row[STORE__ROW_BYTES], *copy;
	size_t n = store__entry_encode(row, &a);

	copy = testing_copy(row, n);
	assert_int_equal(store__entry_decode(&b, copy, n), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	free(copy);
	for (size_t i = 0; i < n; i++) {
		copy = testing_copy(row, i);
		(void)!store__entry_decode(&b, copy, i);
		free(copy);
	}
	row[0] = 9;
	assert_int_equal(store__entry_decode(&b, row, n), -EPROTO);
}

static void
test_scrub(void **state)
{
	struct store_scrub a = { .state = STORE_SCRUB_DONE,
				 .from_ns = -1,
				 .until_ns = FIXTURE_START_NS,
				 .sides = STORE_SIDES_BOTH,
				 .why = "a card number",
				 .proposer = { .uid = 0, .name = "root" },
				 .agreer = { .uid = UINT32_MAX, .name = "bob" },
				 .proposed_ns = 5,
				 .agreed_ns = 6,
				 .key_day = 20190328,
				 .key_slot = 7,
				 .scrubs = 8 },
			   b;
	uint8_t row[STORE__ROW_BYTES], *copy;
	size_t n;

	memset(a.file_hash, 0xa5, sizeof(a.file_hash));
	n = store__scrub_encode(row, &a);
	copy = testing_copy(row, n);
	assert_int_equal(store__scrub_decode(&b, copy, n), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	free(copy);
	for (size_t i = 0; i < n; i++) {
		copy = testing_copy(row, i);
		(void)!store__scrub_decode(&b, copy, i);
		free(copy);
	}
	/* A state, and a side, that there is not. */
	a.state = STORE_SCRUB_STATE_COUNT;
	n = store__scrub_encode(row, &a);
	assert_int_equal(store__scrub_decode(&b, row, n), -EBADMSG);
	a.state = STORE_SCRUB_DONE;
	a.sides = 4;
	n = store__scrub_encode(row, &a);
	assert_int_equal(store__scrub_decode(&b, row, n), -EBADMSG);
	row[0] = 9;
	assert_int_equal(store__scrub_decode(&b, row, n), -EPROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many_streams),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_scrub),
	};

	return store_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
