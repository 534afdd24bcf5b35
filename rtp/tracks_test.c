/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of several streams is heard. A stream's samples are its own number. */
#include "rtp/tracks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define HZ    8000
#define BLOCK ((int64_t)HZ)
#define RELAY ((int64_t)RTP_TRACKS_RELAY_NS * HZ / 1000000000)

static int16_t heard[3 * HZ];

static int
try_put(struct rtp_tracks *t, uint32_t stream, uint32_t group, int64_t from,
	int64_t until)
{
	const struct rtp_tracks_owner owner = { stream, group, false };
	static int16_t pcm[3 * HZ];

	for (int64_t i = 0; i < until - from; i++)
		pcm[i] = (int16_t)stream;
	return rtp_tracks_put(t, &owner, from, pcm, (size_t)(until - from));
}

static void
put(struct rtp_tracks *t, uint32_t stream, uint32_t group, int64_t from,
    int64_t until)
{
	assert_int_equal(try_put(t, stream, group, from, until), 0);
}

/* Take all, so much at a time, and end. */
static void
take(struct rtp_tracks *t, int64_t samples, int64_t step)
{
	assert_true(samples <= (int64_t)(sizeof(heard) / sizeof(*heard)));
	memset(heard, 0x55, sizeof(heard));
	for (int64_t at = 0; at < samples; at += step)
		rtp_tracks_take(
		    t, heard + at, 1, at,
		    (size_t)(at + step < samples ? step : samples - at));
	rtp_tracks_fini(t);
}

/* From here to there this stream is heard; 0: none. */
static void
check(int64_t from, int64_t until, int16_t stream)
{
	for (int64_t i = from; i < until; i++)
		if (heard[i] != stream)
			fail_msg("at %lld: %d, not %d", (long long)i, heard[i],
				 stream);
}

static void
one_stream(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };

	put(&t, 1, 1, 100, 200);
	put(&t, 1, 1, 300, BLOCK + 50);
	put(&t, 1, 1, 2 * BLOCK, 2 * BLOCK + 1);
	take(&t, 3 * BLOCK, 3 * BLOCK);
	check(0, 100, 0);
	check(100, 200, 1);
	check(200, 300, 0);
	check(300, BLOCK + 50, 1);
	check(BLOCK + 50, 2 * BLOCK, 0);
	check(2 * BLOCK, 2 * BLOCK + 1, 1);
	check(2 * BLOCK + 1, 3 * BLOCK, 0);
	assert_int_equal(t.overlapped, 0);
}

static void
what_is_heard_stays(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };

	put(&t, 2, 2, 0, 5000);
	put(&t, 1, 1, 1000, 7000);
	put(&t, 2, 2, 5500, 9000);
	put(&t, 1, 1, 7500, 10000);
	take(&t, 10000, 10000);
	check(0, 5000, 2);
	check(5000, 7000, 1);
	check(7000, 9000, 2);
	check(9000, 10000, 1);
}

static void
one_after_the_other(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };

	/* even if the next one is short, and begins at once */
	put(&t, 1, 1, 0, 1000);
	put(&t, 2, 2, 1000, 1160);
	put(&t, 3, 3, 1200, 1360);
	take(&t, 2000, 2000);
	check(0, 1000, 1);
	check(1000, 1160, 2);
	check(1160, 1200, 0);
	check(1200, 1360, 3);
	check(1360, 2000, 0);
}

static void
own_group_first(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };

	put(&t, 3, 3, 0, 5000);
	put(&t, 1, 1, 0, 5000);
	put(&t, 2, 3, 0, 5000);
	put(&t, 1, 1, 6000, 7000);
	put(&t, 2, 3, 6000, 7000);
	rtp_tracks_take(&t, heard, 1, 0, 10);
	assert_int_equal(heard[9], 3);
	rtp_tracks_fini(&t);

	t = (struct rtp_tracks){ .sample_hz = HZ };
	put(&t, 3, 3, 0, 3000);
	put(&t, 1, 1, 0, 5000);
	/* the rest of the group is heard, however short */
	put(&t, 2, 3, 0, 3100);
	take(&t, 5000, 5000);
	check(0, 3000, 3);
	check(3000, 3100, 2);
	check(3100, 5000, 1);

	/* and in it, too, what is heard stays */
	t = (struct rtp_tracks){ .sample_hz = HZ };
	put(&t, 1, 3, 0, 1000);
	put(&t, 2, 3, 0, 4000);
	put(&t, 1, 3, 2000, 5000);
	take(&t, 5000, 160);
	check(0, 1000, 1);
	check(1000, 4000, 2);
	check(4000, 5000, 1);
}

/* 250 samples behind: in the pauses its rest is not heard, whatever sizes the
 * sound is taken in, and across the seam of two blocks as well. */
static void
last_words_are_not_repeated(void **state)
{
	static const int64_t steps[] = { 1, 7, 800, 8000, 24000 };
	static const int64_t ends[] = { 4000, BLOCK - 100, BLOCK, BLOCK + 1 };

	for (int k = 0; k < 20; k++) {
		int64_t end = ends[k % 4];
		struct rtp_tracks t = { .sample_hz = HZ };

		put(&t, 1, 1, 0, end);
		put(&t, 2, 2, 250, end + 250);
		put(&t, 3, 3, 251, end + 251);
		put(&t, 1, 1, end + 2000, end + 4000);
		put(&t, 2, 2, end + 2250, end + 4250);
		take(&t, end + 5000, steps[k / 4]);
		check(0, end, 1);
		check(end, end + 2000, 0);
		check(end + 2000, end + 4000, 1);
		check(end + 4000, end + 5000, 0);
	}
}

/* A loss of the first, and the second has lost something soon after. */
static void
rest_is_heard_if_long(void **state)
{
	for (int64_t rest = RELAY - 1; rest <= RELAY; rest++) {
		struct rtp_tracks t = { .sample_hz = HZ };

		put(&t, 1, 1, 0, 4000);
		put(&t, 2, 2, 0, 4000 + rest);
		put(&t, 2, 2, 5000, 5100);
		take(&t, 6000, 160);
		check(0, 4000, 1);
		check(4000, 4000 + rest, rest == RELAY ? 2 : 0);
		check(4000 + rest, 5000, 0);
		check(5000, 5100, 2);
	}
}

static void
new_sound_ends_the_wait(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };

	put(&t, 1, 1, 0, 4000);
	put(&t, 2, 2, 250, 4250);
	put(&t, 3, 3, 4100, 6000);
	take(&t, 6000, 160);
	check(0, 4000, 1);
	check(4000, 4100, 0);
	check(4100, 6000, 3);
}

static void
own_sound_is_replaced(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };
	const struct rtp_tracks_owner owner = { 1, 1, false };
	const int16_t again[4] = { 5, 6, 7, 8 };

	put(&t, 1, 1, 0, 10);
	put(&t, 2, 2, 0, 10);
	assert_int_equal(rtp_tracks_put(&t, &owner, 8, again, 4), 0);
	assert_int_equal(t.overlapped, 2);
	take(&t, 12, 12);
	check(0, 8, 1);
	assert_memory_equal(heard + 8, again, sizeof(again));
}

/* What was received stays; what is made up is heard where nobody has more, and
 * changes nothing of who is heard next. */
static void
made_up_is_second(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };
	const struct rtp_tracks_owner owner = { 1, 1, true };
	static int16_t guess[1000];

	for (size_t i = 0; i < 1000; i++)
		guess[i] = 99;
	put(&t, 1, 1, 0, 1000);
	assert_int_equal(rtp_tracks_put(&t, &owner, 500, guess, 1000), 0);
	put(&t, 2, 2, 1200, 1300);
	assert_int_equal(rtp_tracks_put(&t, &owner, 2000, guess, 1000), 0);
	put(&t, 1, 1, 2500, 4000);
	assert_int_equal(t.overlapped, 0);
	take(&t, 5000, 700);
	check(0, 1000, 1);
	check(1000, 1200, 99);
	check(1200, 1300, 2);
	check(1300, 1500, 99);
	check(1500, 2000, 0);
	check(2000, 2500, 99);
	check(2500, 4000, 1);
	check(4000, 5000, 0);
}

static void
steps_of_two(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };
	int16_t pcm[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
	const int16_t expected[8] = { 0, 9, 1, 9, 1, 9, 0, 9 };

	put(&t, 1, 1, 1, 3);
	rtp_tracks_take(&t, pcm, 2, 0, 4);
	assert_memory_equal(pcm, expected, sizeof(pcm));
	rtp_tracks_fini(&t);
}

static void
memory_is_limited(void **state)
{
	struct rtp_tracks t = { .sample_hz = HZ };

	for (int64_t i = 0; i < RTP_TRACKS_BLOCKS_MAX; i++)
		put(&t, 1, 1, 2 * i * BLOCK, 2 * i * BLOCK + 1);
	assert_int_equal(try_put(&t, 1, 1, BLOCK, BLOCK + 1), -ENOBUFS);
	put(&t, 2, 2, 0, 1);
	rtp_tracks_take(&t, heard, 1, 0, HZ);
	put(&t, 1, 1, BLOCK, BLOCK + 1);
	rtp_tracks_fini(&t);
	assert_int_equal(t.blocks_count, 0);

	for (unsigned nth = 1; nth <= 2; nth++) {
		testing_fail_allocation(nth);
		assert_int_equal(try_put(&t, 1, 1, 0, 1), -ENOMEM);
		testing_fail_allocation(0);
	}
	put(&t, 1, 1, 0, 1);
	rtp_tracks_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_stream),
		cmocka_unit_test(what_is_heard_stays),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(own_group_first),
		cmocka_unit_test(last_words_are_not_repeated),
		cmocka_unit_test(rest_is_heard_if_long),
		cmocka_unit_test(new_sound_ends_the_wait),
		cmocka_unit_test(own_sound_is_replaced),
		cmocka_unit_test(made_up_is_second),
		cmocka_unit_test(steps_of_two),
		cmocka_unit_test(memory_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
