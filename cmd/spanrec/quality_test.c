/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of a stream: all that is known, and nothing that is not. */
#include "cmd/spanrec/spanrec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

static struct store_segment
two_sides(void)
{
	struct store_segment segment = { .streams_count = 2 };
	struct store_stream *left = &segment.streams[0];
	struct store_stream *right = &segment.streams[1];

	left->side = STORE_LEFT;
	left->ssrc = 0x1111;
	left->expected = 1000;
	left->lost = 30;
	left->quality = (struct store_quality){
		.measured = 970,
		.jitter_us = 1234,
		.jitter_max_us = 5678,
		.ptime_us = 20000,
		.span_ms = 20000,
		.silence_ms = 5000,
		.longest_gap_ms = 160,
		.bursts = 2,
		.burst_packets = 40,
		.burst_lost = 20,
		.gaps = 3,
		.gap_packets = 960,
		.gap_lost = 10,
		.mos = 435,
		.mirror_lost = 24,
		.network_lost = 6,
		.reports = 4,
		.reported_packets = 800,
		.reported_lost = 14,
		.reported_jitter_us = 2500,
	};
	right->side = STORE_RIGHT;
	right->ssrc = 0x2222;
	right->expected = 500;
	right->quality.measured = 500;
	right->quality.mos = 410;
	return segment;
}

static void
assert_figure(const json_t *object, const char *name, double value)
{
	const json_t *figure = json_object_get(object, name);

	if (!json_is_number(figure) ||
	    json_number_value(figure) - value > 1e-9 ||
	    value - json_number_value(figure) > 1e-9)
		fail_msg("%s is %f, not %f", name, json_number_value(figure),
			 value);
}

static void
assert_null_figure(const json_t *object, const char *name)
{
	if (!json_is_null(json_object_get(object, name)))
		fail_msg("%s is not null", name);
}

static void
figures(void **state)
{
	struct store_segment segment = two_sides();
	json_t *object = spanrec_quality_json(&segment.streams[0]), *reported;

	assert_figure(object, "mos_tap", 4.35);
	assert_figure(object, "loss_percent", 3);
	assert_figure(object, "jitter_ms", 1.234);
	assert_figure(object, "jitter_max_ms", 5.678);
	assert_figure(object, "ptime_ms", 20);
	assert_figure(object, "longest_gap_ms", 160);
	assert_figure(object, "burst_density_percent", 50);
	assert_figure(object, "burst_duration_ms", 400);
	assert_figure(object, "gap_density_percent", 1.042);
	assert_figure(object, "gap_duration_ms", 6400);
	assert_figure(object, "silence_percent", 25);
	assert_figure(object, "mirror_loss_percent", 3);
	assert_figure(object, "network_loss_percent", 0.75);
	reported = json_object_get(object, "reported");
	assert_figure(reported, "loss_percent", 1.75);
	assert_figure(reported, "jitter_max_ms", 2.5);
	assert_null_figure(reported, "tap_round_trip_ms");
	assert_null_figure(reported, "voip_loss_percent");
	assert_null_figure(reported, "voip_mos_lq");
	json_decref(object);
}

static void
what_was_not_measured(void **state)
{
	struct store_segment segment = two_sides();
	struct store_stream *right = &segment.streams[1];
	json_t *object;

	right->quality.mos = 0;
	object = spanrec_quality_json(right);
	assert_null_figure(object, "mos_tap");
	assert_null_figure(object, "ptime_ms");
	assert_null_figure(object, "silence_percent");
	assert_null_figure(object, "mirror_lost");
	assert_null_figure(object, "mirror_loss_percent");
	assert_null_figure(object, "reported");
	json_decref(object);
	right->quality.measured = 0;
	object = spanrec_quality_json(right);
	assert_true(json_is_null(object));
	json_decref(object);
}

/* Of the worse side; of a side, by packets; null, not 4.5, of nothing. */
static void
mos_of_a_call(void **state)
{
	struct store_segment segment = two_sides();
	json_t *mos;

	assert_true(spanrec_segment_mos(&segment) == 4.1);
	segment.streams[1].quality.mos = 0;
	assert_true(spanrec_segment_mos(&segment) == 4.35);
	segment.streams[1].side = STORE_LEFT;
	segment.streams[1].quality.mos = 135;
	assert_true(spanrec_segment_mos(&segment) > 3.34 &&
		    spanrec_segment_mos(&segment) < 3.36);
	segment.streams_count = 0;
	mos = spanrec_mos_json(&segment);
	assert_true(json_is_null(mos));
	json_decref(mos);
}

static void
flags(void **state)
{
	struct store_segment segment = { 0 };
	char text[SPANREC_TEXT_BYTES], *dump;
	json_t *list;

	spanrec_flags_text(&segment, text);
	assert_string_equal(text, "");
	segment.flags = STORE_ONE_WAY | STORE_DEAD_AIR;
	segment.dead_air_s = 17;
	spanrec_flags_text(&segment, text);
	assert_string_equal(text, "one-way: only one side sent any media; "
				  "nobody was heard for 17 s");
	segment.flags |= STORE_NO_MEDIA;
	list = spanrec_flags_json(&segment);
	dump = json_dumps(list, JSON_COMPACT);
	assert_string_equal(dump, "[\"one-way\",\"dead-air\",\"no-media\"]");
	free(dump);
	json_decref(list);
}

static char *
show(const struct store_segment *segment)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_int_equal(spanrec_quality_show(to, segment), 0);
	fclose(to);
	return text;
}

static void
for_people(void **state)
{
	struct store_segment segment = two_sides();
	char *text = show(&segment);

	assert_non_null(strstr(text, "MOS-TAP"));
	assert_non_null(strstr(text, "4.35 1.2 ms 5.7 ms 20 ms"));
	assert_non_null(strstr(text, "mirror loss 3.00 %"));
	assert_non_null(strstr(text, "network loss 0.75 %"));
	assert_non_null(strstr(text, "lost between here and there 1.00 %"));
	free(text);
	/* A row may say anything. */
	memset(&segment.streams[0].quality, 0xff,
	       sizeof(segment.streams[0].quality));
	free(show(&segment));
	json_decref(spanrec_quality_json(&segment.streams[0]));
	/* Without figures there is no table. */
	segment.streams_count = 0;
	text = show(&segment);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures),
		cmocka_unit_test(what_was_not_measured),
		cmocka_unit_test(mos_of_a_call),
		cmocka_unit_test(flags),
		cmocka_unit_test(for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
