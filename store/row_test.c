/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows as bytes: there and back, every field, every truncation, newer fields,
 * newer versions. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

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
	memset(s->sip_call_id, 'c', sizeof(s->sip_call_id) - 1);
	s->bytes = UINT64_MAX;
	s->chunks = 77;
	s->key_day = 20190328;
	s->key_slot = 256;
	memset(s->file_hash, 0x5a, sizeof(s->file_hash));
	s->purged_ns = 12;
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
	memcpy(row + n, "\xc8\x03\x00new", 6);
	assert_int_equal(store__row_decode(&b, row, n + 6), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	/* ... another version of the whole is not. */
	row[0] = 2;
	assert_int_equal(store__row_decode(&b, row, n), -EPROTO);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "\x01", 1 }, /* no call */
		{ "\x01\x01\x01\x00"
		  "c\x02",
		  6 }, /* half a head */
		{ "\x01\x01\x02\x00"
		  "c",
		  5 },                     /* value too short */
		{ "\x01\x01\x01\x00", 4 }, /* no value */
		{ "\x01\x01\x03\x00"
		  "c\x00"
		  "d",
		  7 }, /* NUL in a text */
		{ "\x01\x01\x01\x00"
		  "c\x03\x01\x00\x06",
		  9 }, /* kind too large */
		{ "\x01\x01\x01\x00"
		  "c\x14\x01\x00\x07",
		  9 }, /* state too large */
		{ "\x01\x01\x01\x00"
		  "c\x02\x05\x00\x01\x00\x00\x00\x01",
		  13 }, /* segment too large */
		{ "\x01\x01\x01\x00"
		  "c\x12\x01\x00\x01",
		  9 }, /* short hash */
		{ "\x01\x01\x01\x00"
		  "/",
		  5 }, /* no name for a file */
		{ "\x01\x01\x01\x00"
		  "c\x40\x04\x00\x01\x01\x00\x02",
		  12 }, /* a third side */
	};
	struct store_segment s;
	void *copy;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		copy = testing_copy(rows[i].bytes, rows[i].n);
		assert_int_equal(store__row_decode(&s, copy, rows[i].n),
				 -EBADMSG);
		free(copy);
	}
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_entry),
	};

	return store_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
