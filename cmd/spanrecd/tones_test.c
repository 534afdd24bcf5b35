/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys in the sound of what waits: told once, and what has a tone in it marked.
 */
#include "cmd/spanrecd/tones.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

enum {
	SAMPLES = 160,
	PACKET_MS = 20,
	L16 = 96,
	G729 = 18,
	CN = 13,
	EVENT = 101
};
static const int64_t MS_NS = 1000000;

static const struct writer_media media = {
	.number = 1,
	.formats_count = 2,
	.formats = { { "L16", 8000, L16, 1, "" },
		     { "telephone-event", 8000, EVENT, 1, "" } },
};

struct world {
	struct hold_budget budget;
	struct hold *hold;
	struct keyed keyed;
	struct counters counters;
	struct capture_flow_key flow;
	uint32_t sequence; /* of the next frame */
	int64_t time_ns;
	uint64_t samples; /* so far */
	bool over;
	unsigned fail_at; /* allocation, of hearing the next frame */
	uint32_t told_count;
	struct writer_report told[8];
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->budget.bytes_max = 1 << 24;
	w->hold = hold_new(&w->budget);
	assert_non_null(w->hold);
	w->flow.ssrc = 1;
	w->sequence = 70000;
	w->time_ns = 5000 * MS_NS;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	hold_free(&w->hold);
	assert_int_equal(w->budget.bytes, 0);
	keyed_clear(&w->keyed);
	free(w);
	return 0;
}

static void
tell(void *ctx, const struct writer_report *key)
{
	struct world *w = ctx;

	assert_true(w->told_count < 8);
	w->told[w->told_count++] = *key;
}

static int
frame(struct world *w, uint8_t payload_type, const uint8_t *bytes, uint32_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	/* as long as in the media table */
	struct writer_media *shorter =
	    testing_copy(&media, offsetof(struct writer_media, formats[2]));
	struct rtp_frame f = {
		.time_ns = w->time_ns,
		.sequence = w->sequence,
		.timestamp = w->sequence * SAMPLES,
		.payload_type = payload_type,
		.payload_bytes = (uint16_t)n,
		.payload = copy,
	};
	const struct hold_item item = { .kind = RTP_TAKE_FRAME,
					.key = w->flow,
					.frame = f };
	const struct keyed_frame in = {
		.call = 7,
		.over = w->over,
		.left_is_caller = true,
		.end = SIP_CALLEE,
		.flow = &w->flow,
		.media = shorter,
		.frame = &f,
		.tell = tell,
		.ctx = w,
	};
	int r;

	assert_int_equal(hold_put(w->hold, &item, shorter), 0);
	testing_fail_allocation(w->fail_at);
	r = tones_hear(&w->keyed, w->hold, &in, &w->counters);
	testing_fail_allocation(0);
	free(copy);
	free(shorter);
	w->sequence++;
	w->time_ns += PACKET_MS * MS_NS;
	return r;
}

/* Key 5 in samples from to until of a frame; silence else. */
static int
sound(struct world *w, uint32_t from, uint32_t until)
{
	uint8_t bytes[2 * SAMPLES];
	uint32_t i;

	for (i = 0; i < SAMPLES; i++) {
		double at = 2 * M_PI * (double)w->samples++ / 8000;
		double x = i < from || i >= until
			       ? 0
			       : 6000 * (sin(770 * at) + sin(1336 * at));
		int16_t sample = (int16_t)x;

		bytes[2 * i] = (uint8_t)((uint16_t)sample >> 8);
		bytes[2 * i + 1] = (uint8_t)sample;
	}
	return frame(w, L16, bytes, sizeof(bytes));
}

static void
sounds(struct world *w, uint32_t count, bool tone)
{
	while (count-- > 0)
		assert_int_equal(sound(w, 0, tone ? SAMPLES : 0), 0);
}

/* What waits, the oldest first: x for a frame that is marked. It leaves. */
static const char *
marks(struct world *w)
{
	static char text[256];
	const struct hold_item *item;
	size_t n = 0;

	while ((item = hold_peek(w->hold))) {
		assert_true(n + 1 < sizeof(text));
		text[n++] = item->tone ? 'x' : '.';
		hold_drop(w->hold);
	}
	text[n] = 0;
	return text;
}

static void
a_key_is_told_once_and_goes(void **state)
{
	struct world *w = *state;
	const struct key_report *key = &w->told[0].key;

	sounds(w, 5, false);
	sounds(w, 5, true);
	sounds(w, 5, false);
	assert_int_equal(w->told_count, 1);
	assert_int_equal(w->told[0].type, REPORT_KEY);
	assert_int_equal(w->told[0].call, 7);
	assert_int_equal(key->key, '5');
	assert_int_equal(key->end, SIP_CALLEE);
	assert_false(key->left);
	assert_false(key->info);
	assert_int_equal(key->ssrc, 1);
	assert_in_range(key->timestamp - 70000 * SAMPLES, 4 * SAMPLES,
			6 * SAMPLES);
	assert_in_range(key->time_ns, 5100 * MS_NS, 5160 * MS_NS);
	assert_int_equal(counter_get(&w->counters, COUNTER_keys_heard), 1);
	assert_string_equal(marks(w), "...xxxxxxxxx...");
}

/* As an event it may be shown too: that is no second press. */
static void
it_is_not_the_stream_of_events(void **state)
{
	struct world *w = *state;

	sounds(w, 5, true);
	sounds(w, 5, false);
	assert_int_equal(w->told_count, 1);
	assert_true(w->told[0].key.source !=
		    keyed_stream(&w->keyed, SIP_CALLEE, &w->flow)->number);
}

static void
other_streams_are_not_marked(void **state)
{
	struct world *w = *state;
	uint32_t i;

	for (i = 0; i < 10; i++) {
		w->flow.ssrc = 1;
		assert_int_equal(sound(w, 0, i < 4 ? SAMPLES : 0), 0);
		w->sequence--;
		w->flow.ssrc = 2;
		assert_int_equal(sound(w, 0, 0), 0);
	}
	assert_string_equal(marks(w), "x.x.x.x.x.x.........");
}

static void
after_the_end_it_is_no_key(void **state)
{
	struct world *w = *state;

	w->over = true;
	sounds(w, 4, true);
	sounds(w, 4, false);
	assert_int_equal(w->told_count, 0);
	assert_string_equal(marks(w), "xxxxxx..");
}

/* 10 ms of a tone, and then nothing more comes. */
static void
half_a_tone_before_a_pause(void **state)
{
	struct world *w = *state;

	sounds(w, 3, false);
	assert_int_equal(sound(w, 80, SAMPLES), 0);
	tones_settle(&w->keyed, w->hold, w->time_ns);
	sounds(w, 1, false); /* it was to come yet */
	assert_string_equal(marks(w), ".....");

	sounds(w, 3, false);
	assert_int_equal(sound(w, 60, SAMPLES), 0);
	tones_settle(&w->keyed, w->hold, w->time_ns + 90 * MS_NS);
	assert_string_equal(marks(w), "..xx");

	/* whichever sees it first: time, or the next frame */
	w->time_ns += 200 * MS_NS;
	sounds(w, 3, false);
	assert_int_equal(sound(w, 80, SAMPLES), 0);
	w->time_ns += 200 * MS_NS;
	sounds(w, 1, false);
	assert_string_equal(marks(w), "x.xxx");
	assert_int_equal(w->told_count, 0);
}

/* The number of the stream goes back, and its numbers may be those of before:
 * the latest are meant. */
static void
a_stream_that_begins_anew(void **state)
{
	struct world *w = *state;

	sounds(w, 3, false);
	assert_int_equal(sound(w, 80, SAMPLES), 0);
	w->sequence = 69990;
	sounds(w, 5, false);
	assert_string_equal(marks(w), "..xx.....");

	sounds(w, 6, false);
	w->sequence -= 6;
	sounds(w, 2, false);
	sounds(w, 2, true);
	sounds(w, 2, false);
	assert_string_equal(marks(w), "......xxxxxx");
}

static void
what_is_not_heard_is_counted(void **state)
{
	static const uint8_t bytes[20];
	struct world *w = *state;

	assert_int_equal(frame(w, G729, bytes, sizeof(bytes)), 0);
	assert_int_equal(frame(w, 119, bytes, sizeof(bytes)), 0);
	assert_int_equal(frame(w, CN, bytes, 1), 0);
	assert_int_equal(frame(w, EVENT, bytes, 4), 0);
	assert_int_equal(counter_get(&w->counters, COUNTER_tones_unheard), 2);
	assert_null(w->keyed.first);
}

/* What cannot be heard for want of memory is left out. */
static void
no_memory(void **state)
{
	struct world *w = *state;

	w->fail_at = 1;
	assert_int_equal(sound(w, 0, 0), -ENOMEM);
	w->fail_at = 2;
	assert_int_equal(sound(w, 0, 0), -ENOMEM);
	w->fail_at = 0;
	assert_int_equal(sound(w, 0, 0), 0);
	assert_string_equal(marks(w), "xx.");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_told_once_and_goes),
		TEST(it_is_not_the_stream_of_events),
		TEST(other_streams_are_not_marked),
		TEST(after_the_end_it_is_no_key),
		TEST(half_a_tone_before_a_pause),
		TEST(a_stream_that_begins_anew),
		TEST(what_is_not_heard_is_counted),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
