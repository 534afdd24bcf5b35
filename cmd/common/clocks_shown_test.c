/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The retention clocks, to be read by people who answer for them. Each row of
 * the table below is a call: when it began, until when it must be kept (if that
 * is promised), when it must be gone. The test records it, lets the purge run
 * at both times, and each time tries to listen: before the one there is sound,
 * after the other there is no file, no key, and a note that says when it was
 * deleted. It prints what it found.
 *
 * Times are those of a clock on the wall in the United Kingdom or in Jersey:
 * GMT in winter, BST in summer. The purge runs each minute, and begins ten
 * minutes before a recording must be gone.
 */
#include <time.h>
#include <unistd.h>

#include "cmd/common/fixture_priv.h"

#define FRAMES 50

static const char policy_text[] =
    FIXTURE_POLICY("  14 days: {max: 14 days}\n"
		   "  90 days: {max: 90 days}\n"
		   "  6 months: {max: 6 months}\n"
		   "  12 months: {max: 12 months}\n"
		   "  12 to 24 months: {min: 12 months, max: 24 months}\n",
		   "6 years", "14 days");

static const struct shown {
	const char *clock;      /* retention class */
	const char *why;        /* what is shown by it */
	const char *began;      /* the call */
	const char *kept_until; /* "": nothing is promised */
	const char *gone_by;
	const char *there, *gone; /* the purge runs, somebody listens */
} table[] = {
	/* 14 days: Jersey, Reigate and Banstead */
	{ "14 days", "an ordinary fortnight", "2026-06-01 14:15 BST", "",
	  "2026-06-15 14:15 BST", "2026-06-15 14:04 BST",
	  "2026-06-15 14:06 BST" },
	{ "14 days", "14 times 24 hours, over the begin of summer time",
	  "2026-03-15 09:30 GMT", "", "2026-03-29 10:30 BST",
	  "2026-03-29 10:19 BST", "2026-03-29 10:21 BST" },
	{ "14 days", "over the turn of the year", "2026-12-24 17:00 GMT", "",
	  "2027-01-07 17:00 GMT", "2027-01-07 16:49 GMT",
	  "2027-01-07 16:51 GMT" },

	/* 90 days: North Wales Housing */
	{ "90 days", "90 times 24 hours, over the end of summer time",
	  "2026-09-01 12:00 BST", "", "2026-11-30 11:00 GMT",
	  "2026-11-30 10:49 GMT", "2026-11-30 10:51 GMT" },
	{ "90 days", "with 29 February in it", "2028-01-31 08:00 GMT", "",
	  "2028-04-30 09:00 BST", "2028-04-30 08:49 BST",
	  "2028-04-30 08:51 BST" },

	/* 6 months: West Lindsey */
	{ "6 months", "the same day of the month, the same time of day",
	  "2026-01-15 10:00 GMT", "", "2026-07-15 10:00 BST",
	  "2026-07-15 09:49 BST", "2026-07-15 09:51 BST" },
	{ "6 months", "31 August: there is no 31 February",
	  "2025-08-31 17:00 BST", "", "2026-02-28 17:00 GMT",
	  "2026-02-28 16:49 GMT", "2026-02-28 16:51 GMT" },
	{ "6 months", "31 August before a leap year", "2027-08-31 17:00 BST",
	  "", "2028-02-29 17:00 GMT", "2028-02-29 16:49 GMT",
	  "2028-02-29 16:51 GMT" },
	{ "6 months", "01:30 comes twice that night: the first counts",
	  "2026-04-25 01:30 BST", "", "2026-10-25 01:30 BST",
	  "2026-10-25 01:19 BST", "2026-10-25 01:21 BST" },
	{ "6 months", "01:30 does not come that night: the change counts",
	  "2025-09-29 01:30 BST", "", "2026-03-29 02:00 BST",
	  "2026-03-29 00:49 GMT", "2026-03-29 00:51 GMT" },

	/* 12 months */
	{ "12 months", "a year", "2026-05-04 11:11 BST", "",
	  "2027-05-04 11:11 BST", "2027-05-04 11:00 BST",
	  "2027-05-04 11:02 BST" },
	{ "12 months", "29 February: there is none a year later",
	  "2028-02-29 10:00 GMT", "", "2029-02-28 10:00 GMT",
	  "2029-02-28 09:49 GMT", "2029-02-28 09:51 GMT" },

	/* kept for 12 months, gone within 24: Conwy */
	{ "12 to 24 months", "kept to the day, then deleted",
	  "2026-01-15 10:00 GMT", "2027-01-15 10:00 GMT",
	  "2028-01-15 10:00 GMT", "2027-01-15 09:59 GMT",
	  "2027-01-15 10:01 GMT" },
	{ "12 to 24 months", "01:30 comes twice that night: the second counts",
	  "2025-10-25 01:30 BST", "2026-10-25 01:30 GMT",
	  "2027-10-25 01:30 BST", "2026-10-25 01:29 GMT",
	  "2026-10-25 01:31 GMT" },
	{ "12 to 24 months", "29 February", "2028-02-29 10:00 GMT",
	  "2029-02-28 10:00 GMT", "2030-02-28 10:00 GMT",
	  "2029-02-28 09:59 GMT", "2029-02-28 10:01 GMT" },
};

/* "2026-03-29 10:30 BST" */
static int64_t
time_of(const char *text)
{
	struct tm tm = { 0 };
	const char *zone = strptime(text, "%Y-%m-%d %H:%M ", &tm);

	assert_non_null(zone);
	if (!strcmp(zone, "BST"))
		return (timegm(&tm) - 3600) * SECOND;
	assert_string_equal(zone, "GMT");
	return timegm(&tm) * SECOND;
}

/* ---- a recording --------------------------------------------------------- */

static void
put_sound(struct store_recording *recording, int64_t start_ns)
{
	const struct store_stream_info info = { .side = STORE_LEFT, .ssrc = 7 };
	const struct store_format format = { .payload_type = 8,
					     .channels = 1,
					     .clock_hz = 8000,
					     .encoding = "PCMA" };
	uint8_t payload[160];
	struct store_frame frame = { .payload = payload,
				     .payload_bytes = sizeof(payload),
				     .payload_type = 8 };

	memset(payload, 0x2a, sizeof(payload));
	assert_int_equal(store_recording_stream(recording, &info), 0);
	assert_int_equal(store_recording_format(recording, 0, &format), 0);
	for (uint16_t i = 0; i < FRAMES; i++) {
		frame.time_ns = start_ns + i * SECOND / 50;
		frame.timestamp = i * 160U;
		frame.sequence = i;
		assert_int_equal(store_recording_frame(recording, &frame), 0);
	}
}

static void
describe(struct fixture *f, struct store_segment *segment,
	 const struct shown *shown)
{
	make(f, segment, shown->clock, time_of(shown->began));
	segment->end_ns = segment->start_ns + SECOND;
	segment->key_day = store_day(segment->start_ns);
	segment->streams[0].first_ns = segment->start_ns;
	segment->streams[0].last_ns = segment->end_ns;
}

static void
record(struct fixture *f, struct store_segment *segment,
       struct store_sealed_key *sealed)
{
	const struct store_recording_spec spec = { .id = segment->id,
						   .start_ns =
						       segment->start_ns };
	struct store_recording_result result;
	struct store_recording *recording;

	assert_int_equal(store_recording_new(&recording, f->archive, &spec), 0);
	store_recording_seal_key(recording, sealed);
	assert_int_equal(store_keyring_add(f->archive, segment->key_day, sealed,
					   &segment->key_slot),
			 0);
	assert_int_equal(store_keyring_sync(f->archive), 0);
	assert_int_equal(store_recording_begin(recording, segment->key_day,
					       segment->key_slot),
			 0);
	put_sound(recording, segment->start_ns);
	assert_int_equal(store_recording_finish(recording, segment, &result),
			 0);
	store_recording_free(&recording, false);
	segment->bytes = result.payload_bytes;
	segment->chunks = result.chunks;
	memcpy(segment->file_hash, result.file_hash, STORE_HASH_BYTES);
	put(f, segment);
}

/* Is there a file, is there its key? By looking at the disk. */
static void
check_disk(const struct fixture *f, const struct store_segment *segment,
	   const struct store_sealed_key *sealed, bool there)
{
	unsigned year = segment->key_day / 10000;
	unsigned month = segment->key_day / 100 % 100;
	unsigned day = segment->key_day % 100;
	char path[512];
	uint8_t *keys;
	size_t n;

	snprintf(path, sizeof(path), "%s/audio/%04u/%02u/%02u/%s.rec", f->dir,
		 year, month, day, segment->id);
	assert_int_equal(access(path, F_OK) == 0, there);
	snprintf(path, sizeof(path), "%s/keyring/%04u-%02u-%02u.keys", f->dir,
		 year, month, day);
	keys = testing_read_file(path, &n);
	assert_int_equal(memmem(keys, n, sealed->sealed[0],
				sizeof(sealed->sealed[0])) != NULL,
			 there);
	free(keys);
}

/* @return frames of sound; -1: it cannot be opened */
static int
listen_to(struct fixture *f, const struct store_segment *segment)
{
	struct store_reader *reader;
	struct store_item item;
	int frames = 0, r;

	if (store_reader_open(&reader, f->archive, f->identity, segment))
		return -1;
	while ((r = store_reader_next(reader, &item)) == 1)
		frames += item.type == STORE_ITEM_FRAME;
	assert_int_equal(r, 0);
	store_reader_close(&reader);
	return frames;
}

/* ---- one row of the table ------------------------------------------------ */

static void
check_promise(const struct fixture *f, const struct shown *shown,
	      int64_t start_ns)
{
	struct policy_clock clock;

	assert_int_equal(
	    policy_clock(f->policy, shown->clock, start_ns, &clock), 0);
	assert_int_equal(clock.ceiling_ns, time_of(shown->gone_by));
	if (*shown->kept_until)
		assert_int_equal(clock.floor_ns, time_of(shown->kept_until));
	/* the table itself makes sense */
	assert_true(time_of(shown->there) < time_of(shown->gone));
	assert_true(time_of(shown->gone) < time_of(shown->gone_by));
}

static void
show(struct fixture *f, const struct shown *shown)
{
	struct store_segment segment, row;
	struct store_sealed_key sealed;

	describe(f, &segment, shown);
	check_promise(f, shown, segment.call_start_ns);
	record(f, &segment, &sealed);

	assert_int_equal(sweep_at(f, time_of(shown->there), 0).overdue, 0);
	assert_int_equal(listen_to(f, &segment), FRAMES);
	check_disk(f, &segment, &sealed, true);

	assert_int_equal(sweep_at(f, time_of(shown->gone), 0).overdue, 0);
	assert_int_equal(listen_to(f, &segment), -1);
	check_disk(f, &segment, &sealed, false);
	assert_int_equal(store_segment_get(f->archive, segment.id, &row), 0);
	assert_int_equal(row.state, STORE_STATE_PURGED);
	assert_int_equal(row.purged_ns, time_of(shown->gone));

	print_message("#\n# %s: %s\n#   the call began          %s\n",
		      shown->clock, shown->why, shown->began);
	if (*shown->kept_until)
		print_message("#   it must be kept until   %s\n",
			      shown->kept_until);
	print_message("#   it must be gone by      %s\n"
		      "#   it can be heard         %s\n"
		      "#   it is gone, and noted   %s\n",
		      shown->gone_by, shown->there, shown->gone);
}

static void
test_clocks_shown(void **state)
{
	for (size_t i = 0; i < COUNT(table); i++)
		show(*state, &table[i]);
}

static int
setup(void **state)
{
	struct fixture *f = fixture_new(policy_text);

	f->like = (struct store_segment){ .decision = STORE_RECORD,
					  .state = STORE_STATE_STORED,
					  .streams_count = 1 };
	f->like.streams[0] = (struct store_stream){ .side = STORE_LEFT,
						    .ssrc = 7,
						    .codec = "PCMA",
						    .seen = FRAMES,
						    .stored = FRAMES,
						    .expected = FRAMES };
	*state = f;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clocks_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
