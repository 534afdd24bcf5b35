/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What waits: in order, within the budget, with the media of its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/spanrecd/hold.h"

enum { PAYLOAD_BYTES = 160 };
#define ITEM_BYTES (sizeof(struct hold_item) + PAYLOAD_BYTES)

struct world {
	struct hold_budget budget;
	struct hold *hold;
	struct writer_media media;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->budget.bytes_max = 4 * ITEM_BYTES;
	w->hold = hold_new(&w->budget);
	assert_non_null(w->hold);
	w->media.number = 1;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	hold_free(&w->hold);
	assert_null(w->hold);
	assert_int_equal(w->budget.bytes, 0);
	free(w);
	return 0;
}

/* A frame of a stream, all bytes of which are its number. */
static int
put(struct world *w, uint32_t ssrc, uint32_t sequence)
{
	size_t bytes = offsetof(struct writer_media, formats) +
		       w->media.formats_count * sizeof(w->media.formats[0]);
	struct writer_media *media = malloc(bytes);
	uint8_t payload[PAYLOAD_BYTES];
	const struct hold_item item = {
		.kind = RTP_TAKE_FRAME,
		.key.ssrc = ssrc,
		.frame = { .time_ns = sequence,
			   .sequence = sequence,
			   .payload = payload,
			   .payload_bytes = PAYLOAD_BYTES },
	};
	int r;

	/* Cut, as those of the table of media are. */
	assert_non_null(media);
	memcpy(media, &w->media, bytes);
	memset(payload, (int)sequence, sizeof(payload));
	r = hold_put(w->hold, &item, media);
	memset(payload, 0xff, sizeof(payload));
	free(media);
	return r;
}

static void
expect_next(struct world *w, uint32_t sequence, bool tone)
{
	const struct hold_item *item = hold_peek(w->hold);

	assert_non_null(item);
	assert_int_equal(item->frame.sequence, sequence);
	assert_int_equal(item->tone, tone);
	for (uint32_t i = 0; i < PAYLOAD_BYTES; i++)
		assert_int_equal(item->frame.payload[i], sequence);
	hold_drop(w->hold);
}

static void
first_in_first_out(void **state)
{
	struct world *w = *state;

	assert_null(hold_peek(w->hold));
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(put(w, 1, 10 * round + i), 0);
		for (uint32_t i = 0; i < 3; i++)
			expect_next(w, 10 * round + i, false);
		assert_null(hold_peek(w->hold));
	}
}

/* What is more than all may have is refused, and there is room again for as
 * much as has left. */
static void
no_more_than_the_budget(void **state)
{
	struct world *w = *state;
	struct hold *other = hold_new(&w->budget);
	const struct hold_item gap = { .kind = RTP_TAKE_GAP };

	assert_non_null(other);
	assert_int_equal(hold_put(other, &gap, &w->media), 0);
	assert_int_equal(w->budget.bytes, sizeof(gap));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(put(w, 1, i), 0);
	assert_int_equal(put(w, 1, 3), -ENOBUFS);
	assert_int_equal(w->budget.bytes, sizeof(gap) + 3 * ITEM_BYTES);
	hold_free(&other);
	assert_int_equal(put(w, 1, 4), 0);
	for (uint32_t i = 0; i < 3; i++)
		expect_next(w, i, false);
	expect_next(w, 4, false);
}

/* What payload types meant is what they meant when it came. */
static void
media_of_its_time(void **state)
{
	struct world *w = *state;
	const struct writer_media *first, *second;

	w->media.formats_count = 1;
	w->media.formats[0].payload_type = 96;
	assert_int_equal(put(w, 1, 0), 0);
	assert_int_equal(put(w, 1, 1), 0);
	w->media.number = 2;
	w->media.formats[0].payload_type = 97;
	assert_int_equal(put(w, 1, 2), 0);
	memset(&w->media, 0, sizeof(w->media));
	first = hold_peek(w->hold)->media;
	assert_int_equal(first->formats[0].payload_type, 96);
	hold_drop(w->hold);
	assert_ptr_equal(hold_peek(w->hold)->media, first);
	hold_drop(w->hold);
	second = hold_peek(w->hold)->media;
	assert_int_equal(second->number, 2);
	assert_int_equal(second->formats[0].payload_type, 97);
}

static void
has_before(void **state)
{
	struct world *w = *state;

	assert_false(hold_has_before(w->hold, INT64_MAX));
	assert_int_equal(put(w, 1, 8), 0);
	assert_int_equal(put(w, 1, 5), 0);
	assert_false(hold_has_before(w->hold, 5));
	assert_true(hold_has_before(w->hold, 6));
}

/* Of one stream, and only the latest of these numbers. */
static void
marks_what_a_key_is_in(void **state)
{
	struct world *w = *state;
	struct capture_flow_key key = { .ssrc = 1 };

	w->budget.bytes_max = 16 * ITEM_BYTES;
	for (uint32_t i = 10; i < 14; i++) {
		assert_int_equal(put(w, 1, i), 0);
		assert_int_equal(put(w, 2, i), 0);
	}
	hold_mark(w->hold, &key, 11, 12);
	for (uint32_t i = 10; i < 14; i++) {
		expect_next(w, i, i == 11 || i == 12);
		expect_next(w, i, false);
	}
	assert_null(hold_peek(w->hold));
	hold_mark(w->hold, &key, 11, 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_in_first_out),     TEST(no_more_than_the_budget),
		TEST(media_of_its_time),      TEST(has_before),
		TEST(marks_what_a_key_is_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
