/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is missing on one hop, and what another one has there. */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define MS    INT64_C(1000000)
#define START (INT64_C(1553782503) * 1000 * MS)

/** A stream of 10 s. */
struct sent {
	uint32_t ssrc;
	enum store_side side;
	int behind_ms;
	uint32_t timestamp; /* of its first frame */
	const char
	    *missing; /* '.': there, '-': lost, 'd': a digit ... by 20 ms */
	bool unknown;
};

static struct spanrec_gaps gaps;
static struct spanrec_withheld withheld;

static enum store_reason
reason_of(char c)
{
	switch (c) {
	case 'd':
		return STORE_REASON_dtmf;
	case 'p':
		return STORE_REASON_paused;
	case 'e':
		return STORE_REASON_encrypted;
	case 'i':
		return STORE_REASON_interrupted;
	default:
		return STORE_REASON_loss;
	}
}

static int64_t
time_of(const struct sent *sent, size_t i)
{
	return START + (20 * (int64_t)i + sent->behind_ms) * MS;
}

static int
send_gap(struct spanrec_covered *covered, const struct sent *sent,
	 uint8_t stream, size_t first, size_t end)
{
	const struct store_stream_info info = { .side = sent->side,
						.ssrc = sent->ssrc };
	const struct store_gap gap = {
		.stream = stream,
		.reason = reason_of(sent->missing[first]),
		.packets = (uint32_t)(end - first),
		.from_ns = time_of(sent, first ? first - 1 : 0),
		.until_ns = time_of(sent, end),
	};
	int rc = spanrec_withheld_add(&withheld, sent->side, &gap);

	return rc ? rc : spanrec_covered_gap(covered, &info, &gap);
}

/* Until its text ends. */
static int
send(struct spanrec_covered *covered, const struct sent *sent, uint8_t stream)
{
	const struct store_stream_info info = { .side = sent->side,
						.ssrc = sent->ssrc };
	size_t i, first = 0;
	int rc = 0;

	for (i = 0; rc == 0 && sent->missing[i]; i++) {
		const struct store_frame frame = {
			.stream = stream,
			.time_ns = time_of(sent, i),
			.timestamp = sent->timestamp + 160 * (uint32_t)i,
			.sequence = (uint16_t)i,
		};

		if (i && sent->missing[i] != sent->missing[i - 1] &&
		    sent->missing[i - 1] != '.')
			rc = send_gap(covered, sent, stream, first, i);
		if (i == 0 || sent->missing[i] != sent->missing[i - 1])
			first = i;
		if (rc == 0 && sent->missing[i] == '.')
			rc = spanrec_covered_frame(covered, &info, &frame,
						   !sent->unknown);
	}
	if (rc == 0 && i && sent->missing[i - 1] != '.')
		rc = send_gap(covered, sent, stream, first, i - 1);
	return rc;
}

static int
find(const struct sent *sent, uint8_t count)
{
	struct spanrec_covered *covered = spanrec_covered_new();
	int rc = covered ? 0 : -ENOMEM;

	for (uint8_t i = 0; rc == 0 && i < count; i++)
		rc = send(covered, &sent[i], i);
	if (rc == 0)
		rc = spanrec_covered_rest(covered, &withheld, &gaps);
	spanrec_covered_free(&covered);
	return rc;
}

static int
clear(void **state)
{
	spanrec_gaps_fini(&gaps);
	spanrec_withheld_fini(&withheld);
	return 0;
}

/* What is left of gaps, as "from-until reason", in milliseconds. */
static void
check(const char *expected)
{
	char text[500] = "";
	size_t n = 0;

	spanrec_gaps_sort(&gaps);
	for (size_t i = 0; i < gaps.count; i++) {
		const struct store_gap *gap = &gaps.gaps[i].gap;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d-%d %s",
				      n ? ", " : "",
				      (int)((gap->from_ns - START) / MS),
				      (int)((gap->until_ns - START) / MS),
				      store_reason_name(gap->reason));
	}
	assert_string_equal(text, expected);
	clear(NULL);
}

#define FIND(...)                                                              \
	do {                                                                   \
		const struct sent sent[] = { __VA_ARGS__ };                    \
		assert_int_equal(find(sent, sizeof(sent) / sizeof(sent[0])),   \
				 0);                                           \
	} while (0)

static void
one_has_it(void **state)
{
	/* alone, on the other side, and beside what cannot be decoded */
	FIND({ 1, STORE_LEFT, 0, 0, "...--.....", false });
	check("40-100 loss");
	FIND({ 1, STORE_LEFT, 0, 0, "...--.....", false },
	     { 2, STORE_RIGHT, 0, 0, "..........", false });
	check("40-100 loss");
	FIND({ 1, STORE_LEFT, 0, 0, "...--.....", false },
	     { 2, STORE_LEFT, 0, 0, "..........", true });
	check("40-100 loss");
	/* beside another hop, that is behind or before */
	FIND({ 1, STORE_LEFT, 0, 0, "...--.....", false },
	     { 2, STORE_LEFT, 30, 0, "..........", false });
	check("");
	FIND({ 1, STORE_LEFT, 0, 0, "...--.....", false },
	     { 2, STORE_LEFT, -15, 0, "..........", false });
	check("");
	/* all of it encrypted */
	FIND({ 1, STORE_LEFT, 0, 0, "eeeeeeeeee", false },
	     { 2, STORE_LEFT, 5, 0, "..........", false });
	check("");
}

static void
one_has_a_part(void **state)
{
	FIND({ 1, STORE_LEFT, 0, 0, "......------..", false },
	     { 2, STORE_LEFT, 0, 0, "........", false });
	check("160-240 loss");
	FIND({ 1, STORE_LEFT, 0, 0, "eeeeeeeeeeeee", false },
	     { 2, STORE_LEFT, 100, 0, "...", false });
	check("0-99 encrypted, 160-240 encrypted");
	/* two that end where the other begins */
	FIND({ 1, STORE_LEFT, 0, 0, "eeeeeeeeeeeee", false },
	     { 2, STORE_LEFT, 0, 0, ".....", false },
	     { 3, STORE_LEFT, 100, 0, "........", false });
	check("");
}

static void
both_miss_it(void **state)
{
	/* perhaps the same, and perhaps not */
	FIND({ 1, STORE_LEFT, 0, 0, "..........--..........", false },
	     { 2, STORE_LEFT, 30, 0, ".......-..............", false });
	check("150-190 loss, 180-240 loss");
	FIND({ 1, STORE_LEFT, 0, 0, "..........--..........", false },
	     { 2, STORE_LEFT, 30, 0, ".-....................", false });
	check("");
	/* by their timestamps others, or the same */
	FIND({ 1, STORE_LEFT, 0, 0, "..........--..........", false },
	     { 1, STORE_LEFT, 30, 0, ".........-..-.........", false });
	check("");
	FIND(
	    { 1, STORE_LEFT, 0, 0xffffff00, "..........--..........", false },
	    { 1, STORE_LEFT, 30, 0xffffff00, "...........-..........", false });
	check("180-240 loss, 230-270 loss");
	FIND({ 1, STORE_LEFT, 0, 0, "-..........", false },
	     { 1, STORE_LEFT, 30, 0, "..-........", false });
	check("0-20 loss, 50-90 loss");
}

/* What must not be heard is missing, whoever has it; and what is hidden for it
 * helps nobody. */
static void
on_purpose(void **state)
{
	FIND({ 1, STORE_LEFT, 0, 0, "....dd....", false },
	     { 2, STORE_LEFT, 0, 0, "..........", false });
	check("60-120 dtmf");
	FIND({ 1, STORE_LEFT, 0, 0, "....pp....", false },
	     { 2, STORE_LEFT, 0, 0, "..........", false });
	check("60-120 paused");
	FIND({ 1, STORE_LEFT, 0, 0, "....ii....", false },
	     { 2, STORE_LEFT, 0, 0, "..........", false });
	check("60-120 interrupted");
	FIND({ 1, STORE_LEFT, 0, 0, "..........dd...-....--....", false },
	     { 2, STORE_LEFT, 0, 0, "..........................", false });
	check("180-240 dtmf, 280-320 loss");
}

static void
no_memory(void **state)
{
	const struct sent sent[] = {
		{ 1, STORE_LEFT, 0, 0, "..dd...-....--....", false },
		{ 2, STORE_LEFT, 9, 0, "..............-...", false },
	};
	unsigned nth;
	int rc = -ENOMEM;

	for (nth = 1; rc == -ENOMEM; nth++) {
		assert_true(nth < 1000);
		clear(NULL);
		testing_fail_allocation(nth);
		rc = find(sent, 2);
		testing_fail_allocation(0);
	}
	assert_int_equal(rc, 0);
	assert_true(nth > 10);
	assert_int_equal(gaps.count, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_has_it, clear),
		cmocka_unit_test_teardown(one_has_a_part, clear),
		cmocka_unit_test_teardown(both_miss_it, clear),
		cmocka_unit_test_teardown(on_purpose, clear),
		cmocka_unit_test_teardown(no_memory, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
