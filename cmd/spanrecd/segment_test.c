/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left out or lost of a segment, for whatever reasons one after
 * another, and wherever: the sealed file says so, with its true length. */
#include "cmd/spanrecd/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

enum { STREAMS = 2, TICKS_MAX = 600, GAPS_MAX = TICKS_MAX, PAUSES_MAX = 64 };

static const int64_t TICK_NS = 20 * 1000000;
static const int64_t SECOND_NS = 1000 * 1000000;
static const int64_t APART_NS = 1000 * 1000000;

/* What becomes of a packet. Those of one pause are the same in all streams. */
enum fate {
	SOUND,
	TONE,
	WITHHELD,
	ENCRYPTED,
	LOST,
	DROPPED_BY_KERNEL,
	SHED,
	NOT_SENT,
	PAYMENT,
	PAUSED,
	FATES
};

static const enum store_reason reasons[FATES] = {
	[TONE] = STORE_REASON_dtmf,
	[WITHHELD] = STORE_REASON_opt_out,
	[ENCRYPTED] = STORE_REASON_encrypted,
	[LOST] = STORE_REASON_loss,
	[DROPPED_BY_KERNEL] = STORE_REASON_kernel,
	[SHED] = STORE_REASON_overrun,
	[PAYMENT] = STORE_REASON_payment,
	[PAUSED] = STORE_REASON_paused,
};

struct gap_list {
	uint32_t count;
	struct store_gap gap[GAPS_MAX];
};

struct plan {
	uint32_t ticks;
	uint8_t fate[STREAMS][TICKS_MAX];
};

struct world {
	char *folder;
	struct store_identity *identity;
	struct store_archive *archive;
	unsigned nth;     /* recording ... */
	int64_t start_ns; /* ... begins then */
	struct plan plan;
	struct segment *segment;
	struct segment_pause pauses[PAUSES_MAX], *last_pause;
	struct counters counters;
	_Atomic int error;
	struct segment_input in;
	struct archive_request request, open;
	bool opening;
	struct store_segment row; /* when it is over */
	struct writer_media media;
	uint32_t sequence[STREAMS];
	int64_t last_ns[STREAMS];
	uint32_t next[STREAMS];
	bool waiting[STREAMS];
	struct gap_list expected[STREAMS], found[STREAMS];
	uint32_t sounds[STREAMS];
};

/* ---- the archive thread -------------------------------------------------- */

static struct archive_request *
request(void *ctx, uint32_t bytes)
{
	struct world *w = ctx;

	assert_true(bytes <= sizeof(w->request));
	memset(&w->request, 0, sizeof(w->request));
	return &w->request;
}

static void
commit(void *ctx, uint32_t bytes)
{
	struct world *w = ctx;

	if (w->request.type == ARCHIVE_OPEN) {
		w->open = w->request;
		w->opening = true;
	} else {
		assert_int_equal(w->request.type, ARCHIVE_CLOSE);
		w->row = w->request.row;
	}
}

static void
answer(struct world *w)
{
	struct archive_answer answer = { .segment = w->segment };

	if (!w->opening)
		return;
	w->opening = false;
	answer.day = w->open.row.key_day;
	assert_int_equal(store_keyring_add(w->archive, answer.day, &w->open.key,
					   &answer.slot),
			 0);
	segment_opened(w->segment, &w->in, &answer);
}

static void advance(struct world *w, int stream);

/* ---- the segment --------------------------------------------------------- */

static int64_t
time_of(const struct world *w, int stream, uint32_t tick)
{
	return w->start_ns + tick * TICK_NS + stream * TICK_NS / 4;
}

/* The only segment of the nth call. */
static void
name(struct store_segment *row, unsigned nth)
{
	char dialog[32];

	memset(row, 0, sizeof(*row));
	snprintf(dialog, sizeof(dialog), "dialog-%u", nth);
	row->call_start_ns = (1553782503 + nth * INT64_C(60)) * SECOND_NS;
	row->start_ns = row->call_start_ns;
	store_call_id_make(row->call, row->call_start_ns, dialog, "tag", 0);
	row->segment = 1;
	snprintf(row->id, sizeof(row->id), "%s-1", row->call);
	row->state = STORE_STATE_NONE;
	row->decision = STORE_RECORD;
}

static void
begin(struct world *w)
{
	struct segment_pause **pauses = &w->last_pause;
	struct writer_event event = { .type = WRITER_SEGMENT };
	static struct hold *no_hold;
	struct store_segment row;

	name(&row, ++w->nth);
	w->start_ns = row.start_ns;
	memcpy(event.head, &row, SEGMENT_HEAD_BYTES);
	w->last_pause = NULL;
	w->media.formats_count = 1;
	w->media.formats[0] = (struct rtp_format){ .encoding = "PCMA",
						   .clock_hz = 8000,
						   .channels = 1,
						   .parameters = "a=1;b",
						   .payload_type = 8 };
	w->segment = segment_new(&event, pauses, &no_hold, NULL);
	assert_non_null(w->segment);
	memset(w->expected, 0, sizeof(w->expected));
	memset(w->found, 0, sizeof(w->found));
	memset(w->sounds, 0, sizeof(w->sounds));
	for (int i = 0; i < STREAMS; i++) {
		struct capture_flow_key key = { .ssrc = 100 + (uint32_t)i };

		w->sequence[i] = 65536;
		w->last_ns[i] = 0;
		w->next[i] = 0;
		assert_int_equal(segment_stream(w->segment,
						i ? SIP_CALLEE : SIP_CALLER,
						&key, 1),
				 i);
	}
}

static void
make_pauses(struct world *w)
{
	const uint8_t *fate = w->plan.fate[0];
	uint32_t i, count = 0;

	for (i = 0; i < w->plan.ticks; i++) {
		struct segment_pause *pause = &w->pauses[count];
		bool anew = i == 0 || fate[i] != fate[i - 1];

		if (fate[i] < PAYMENT)
			continue;
		if (!anew) {
			w->last_pause->until_ns = time_of(w, 0, i + 1);
			continue;
		}
		assert_true(count++ < PAUSES_MAX);
		pause->from_ns = time_of(w, 0, i);
		pause->until_ns = time_of(w, 0, i + 1);
		pause->reason = reasons[fate[i]];
		pause->next = w->last_pause;
		w->last_pause = pause;
	}
}

/* Until the key is durable the other streams may get further. */
static void
wait_for_key(struct world *w, int stream)
{
	enum { AHEAD = 100 };
	int other = 1 - stream;
	uint32_t i;

	assert_true(w->opening);
	if (!w->waiting[other]) {
		w->waiting[stream] = true;
		for (i = 0; i < AHEAD && w->opening; i++)
			advance(w, other);
		w->waiting[stream] = false;
	}
	answer(w);
}

static void
take(struct world *w, int stream, enum rtp_take kind, enum fate fate,
     const struct rtp_frame *frame)
{
	const struct segment_flow flow = {
		.stream = stream,
		.media = &w->media,
		.last_ns = w->last_ns[stream],
		.encrypted = fate == ENCRYPTED,
		.kernel = fate == DROPPED_BY_KERNEL,
		.tone = fate == TONE,
		.withheld = fate == WITHHELD,
	};

	while (segment_take(w->segment, &w->in, &flow, kind, frame) < 0)
		wait_for_key(w, stream);
}

static bool
is_missing(enum fate fate)
{
	return fate == LOST || fate == DROPPED_BY_KERNEL || fate == SHED;
}

/* What is missing is told of when there is a packet before it and one behind
 * it; what is so for several reasons, each by itself. */
static void
take_missing(struct world *w, int stream, uint32_t tick)
{
	const uint8_t *fate = w->plan.fate[stream];
	struct rtp_frame gap = { .time_ns = time_of(w, stream, tick) };
	struct gap_list *list = &w->expected[stream];
	uint32_t first = tick, i;

	while (first > 0 && is_missing(fate[first - 1]) &&
	       fate[first - 1] == fate[tick - 1])
		first--;
	if (first == tick)
		return;
	gap.missing = tick - first;
	gap.sequence = w->sequence[stream];
	w->sequence[stream] += gap.missing;
	if (!w->last_ns[stream])
		return;
	gap.shed = fate[first] == SHED ? gap.missing : 0;
	take(w, stream, RTP_TAKE_GAP, fate[first], &gap);
	for (i = 0; i < gap.shed; i++)
		take(w, stream, RTP_TAKE_SHED, SHED, &gap);
	list->gap[list->count++] = (struct store_gap){
		.stream = (uint8_t)stream,
		.reason = reasons[fate[first]],
		.packets = gap.missing,
		.from_ns = w->last_ns[stream],
		.until_ns = gap.time_ns,
	};
}

static void
take_tick(struct world *w, int stream, uint32_t tick)
{
	static const uint8_t payload[20] = { 1 };
	enum fate fate = w->plan.fate[stream][tick];
	const struct rtp_frame frame = {
		.time_ns = time_of(w, stream, tick),
		.sequence = w->sequence[stream],
		.payload_type = 8,
		.payload_bytes = sizeof(payload),
		.payload = payload,
	};

	if (is_missing(fate) || fate == NOT_SENT)
		return;
	take_missing(w, stream, tick);
	take(w, stream, RTP_TAKE_FRAME, fate, &frame);
	w->sequence[stream]++;
	w->last_ns[stream] = frame.time_ns;
	w->sounds[stream] += fate == SOUND;
}

static void
advance(struct world *w, int stream)
{
	if (w->next[stream] < w->plan.ticks)
		take_tick(w, stream, w->next[stream]++);
}

/* ---- what must come of it ------------------------------------------------ */

static bool
left_out(enum fate fate)
{
	return fate != SOUND && fate != NOT_SENT && !is_missing(fate);
}

static bool
came(enum fate fate)
{
	return fate == SOUND || left_out(fate);
}

/* Of the packet before or after another one; that one where there is none, or,
 * of a digit, where it is too far. */
static int64_t
next_to(const struct world *w, int stream, uint32_t tick, int step)
{
	const uint8_t *fate = w->plan.fate[stream];
	int64_t at_ns = time_of(w, stream, tick), other_ns;
	uint32_t i = tick;

	do {
		i += (uint32_t)step;
		if (i >= w->plan.ticks)
			return at_ns;
	} while (!came(fate[i]));
	other_ns = time_of(w, stream, i);
	return fate[tick] == TONE && llabs(other_ns - at_ns) > APART_NS
		   ? at_ns
		   : other_ns;
}

static void
expect_left_out(struct world *w, int stream)
{
	const uint8_t *fate = w->plan.fate[stream];
	struct gap_list *list = &w->expected[stream];
	struct store_gap *gap = NULL;
	uint32_t i, last = 0;

	for (i = 0; i < w->plan.ticks; i++) {
		if (!came(fate[i]))
			continue;
		if (!left_out(fate[i])) {
			gap = NULL;
			continue;
		}
		if (!gap || gap->reason != reasons[fate[i]] ||
		    next_to(w, stream, last, 1) != time_of(w, stream, i)) {
			gap = &list->gap[list->count++];
			gap->stream = (uint8_t)stream;
			gap->reason = reasons[fate[i]];
			gap->packets = 0;
			gap->from_ns = next_to(w, stream, i, -1);
		}
		gap->packets++;
		gap->until_ns = next_to(w, stream, i, 1);
		last = i;
	}
}

static int
compare(const void *a, const void *b)
{
	const struct store_gap *x = a, *y = b;

	if (x->from_ns != y->from_ns)
		return x->from_ns < y->from_ns ? -1 : 1;
	if (x->until_ns != y->until_ns)
		return x->until_ns < y->until_ns ? -1 : 1;
	return (int)x->reason - (int)y->reason;
}

static bool
is_lost(enum store_reason reason)
{
	return reason == STORE_REASON_loss || reason == STORE_REASON_kernel ||
	       reason == STORE_REASON_overrun;
}

/* Frames and gaps of the file. Those of a stream stand in order. */
static void
read_back(struct world *w)
{
	int64_t until_ns[STREAMS] = { 0 };
	struct store_reader *reader;
	struct store_item item;
	int r;

	assert_int_equal(
	    store_reader_open(&reader, w->archive, w->identity, &w->row), 0);
	while ((r = store_reader_next(reader, &item)) > 0) {
		struct gap_list *list = &w->found[item.stream];

		if (item.type == STORE_ITEM_FRAME)
			w->sounds[item.stream]--;
		if (item.type == STORE_ITEM_FORMAT) {
			assert_string_equal(item.format.encoding, "PCMA");
			assert_string_equal(item.format.parameters, "a=1;b");
		}
		if (item.type != STORE_ITEM_GAP)
			continue;
		/* What is lost while others are left out stands first. */
		if (!is_lost(item.gap.reason)) {
			assert_true(item.gap.until_ns >= until_ns[item.stream]);
			until_ns[item.stream] = item.gap.until_ns;
		}
		list->gap[list->count++] = item.gap;
	}
	assert_int_equal(r, 0);
	store_reader_close(&reader);
}

static void
expect_counts(const struct world *w, int stream)
{
	const struct store_stream *row = &w->row.streams[stream];
	uint64_t packets[STORE_REASON_COUNT] = { 0 };
	const struct gap_list *list = &w->found[stream];
	uint32_t i;

	assert_int_equal(row->gaps, list->count);
	for (i = 0; i < list->count; i++)
		packets[list->gap[i].reason] += list->gap[i].packets;
	assert_int_equal(packets[STORE_REASON_loss] +
			     packets[STORE_REASON_kernel],
			 row->lost);
	packets[STORE_REASON_loss] = packets[STORE_REASON_kernel] = 0;
	for (i = 0; i < STORE_REASON_COUNT; i++)
		assert_int_equal(packets[i], row->dropped[i]);
}

static void
expect_gaps(struct world *w, int stream)
{
	struct gap_list *expected = &w->expected[stream];
	struct gap_list *found = &w->found[stream];
	uint32_t i;

	expect_left_out(w, stream);
	assert_int_equal(found->count, expected->count);
	qsort(expected->gap, expected->count, sizeof(expected->gap[0]),
	      compare);
	qsort(found->gap, found->count, sizeof(found->gap[0]), compare);
	for (i = 0; i < found->count; i++) {
		const struct store_gap *a = &found->gap[i];
		const struct store_gap *b = &expected->gap[i];

		assert_int_equal(a->reason, b->reason);
		assert_int_equal(a->packets, b->packets);
		assert_int_equal(a->from_ns, b->from_ns);
		assert_int_equal(a->until_ns, b->until_ns);
	}
	expect_counts(w, stream);
	assert_int_equal(w->sounds[stream], 0);
}

/* Record the plan, and look what is in the file. */
static void
record_plan(struct world *w)
{
	struct store_finding finding;
	bool sound = false;
	uint32_t tick;
	int i;

	begin(w);
	make_pauses(w);
	for (tick = 0; tick < w->plan.ticks; tick++)
		for (i = 0; i < STREAMS; i++)
			advance(w, i);
	answer(w);
	w->segment->end_ns = time_of(w, 0, tick);
	assert_int_equal(segment_close(w->segment, &w->in), 0);
	segment_free(&w->segment);
	assert_int_equal(w->error, 0);
	for (i = 0; i < STREAMS; i++)
		sound |= w->sounds[i] != 0;
	if (sound) {
		read_back(w);
		for (i = 0; i < STREAMS; i++)
			expect_gaps(w, i);
		assert_int_equal(
		    store_verify(w->archive, w->identity, &w->row, &finding),
		    0);
	} else {
		assert_int_equal(w->row.state, STORE_STATE_NONE);
	}
}

static void
fill(struct plan *plan, enum fate first, enum fate second, uint32_t ticks)
{
	uint32_t i;

	for (i = 0; i < ticks; i++) {
		plan->fate[0][plan->ticks] = (uint8_t)first;
		/* What is by hand is so for all. */
		plan->fate[1][plan->ticks] =
		    (uint8_t)(first >= PAYMENT ? first : second);
		plan->ticks++;
	}
}

static void
any_two_at_the_start_in_the_middle_at_the_end(void **state)
{
	struct world *w = *state;
	unsigned where, a, b;

	for (a = TONE; a < FATES; a++) {
		for (b = TONE; b < FATES; b++) {
			for (where = 0; where < 8; where++) {
				w->plan.ticks = 0;
				if (where & 1)
					fill(&w->plan, SOUND, SOUND, 3);
				fill(&w->plan, a,
				     where & 4 && b < PAYMENT ? b : SOUND, 60);
				fill(&w->plan, b,
				     where & 4 && a < PAYMENT ? a : SOUND, 70);
				if (where & 2)
					fill(&w->plan, SOUND, SOUND, 3);
				record_plan(w);
			}
		}
	}
}

static uint32_t
pick(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

static void
whatever_follows_what(void **state)
{
	struct world *w = *state;
	uint32_t seed, until, random;

	for (seed = 0; seed < 200; seed++) {
		random = seed;
		w->plan.ticks = 0;
		until = 1 + pick(&random, TICKS_MAX - 80);
		while (w->plan.ticks < until) {
			enum fate first = pick(&random, FATES);
			/* pauses are of the first stream */
			enum fate second = pick(&random, PAYMENT);

			fill(&w->plan, first, second,
			     1 + pick(&random, pick(&random, 4) ? 12 : 80));
		}
		record_plan(w);
	}
}

/* From the last packet of the segment before. */
static void
a_loss_across_the_start(void **state)
{
	static const uint8_t payload[20] = { 1 };
	struct rtp_frame frame = { .payload_type = 8,
				   .payload_bytes = sizeof(payload),
				   .payload = payload,
				   .missing = 7 };
	struct world *w = *state;
	const struct gap_list *list = &w->found[0];

	begin(w);
	w->segment->start_ns += SECOND_NS;
	w->last_ns[0] = w->segment->start_ns - TICK_NS;
	frame.time_ns = w->last_ns[0] + 8 * TICK_NS;
	take(w, 0, RTP_TAKE_GAP, LOST, &frame);
	take(w, 0, RTP_TAKE_FRAME, SOUND, &frame);
	w->sounds[0] = 1;
	answer(w);
	assert_int_equal(segment_close(w->segment, &w->in), 0);
	segment_free(&w->segment);
	read_back(w);
	assert_int_equal(list->count, 1);
	assert_int_equal(list->gap[0].packets, 7);
	assert_int_equal(list->gap[0].reason, STORE_REASON_loss);
	assert_int_equal(list->gap[0].from_ns, w->last_ns[0]);
	assert_int_equal(list->gap[0].until_ns, frame.time_ns);
	expect_counts(w, 0);
}

static void
without_memory_nothing_is_recorded(void **state)
{
	struct world *w = *state;
	const struct rtp_frame frame = { .payload_type = 8 };

	begin(w);
	take(w, 0, RTP_TAKE_FRAME, WITHHELD, &frame);
	testing_fail_allocation(1);
	take(w, 0, RTP_TAKE_FRAME, TONE, &frame);
	testing_fail_allocation(0);
	take(w, 0, RTP_TAKE_FRAME, SOUND, &frame);
	assert_int_equal(w->error, -ENOMEM);
	w->error = 0;
	assert_int_equal(segment_close(w->segment, &w->in), 0);
	segment_free(&w->segment);
	assert_int_equal(w->row.state, STORE_STATE_NONE);
	assert_int_equal(w->row.streams[0].dropped[STORE_REASON_overrun], 1);
}

/* Streams of one packet have half of the places; the others are for those that
 * have shown two or three. One that has its place keeps it. */
static void
places_for_streams_that_go_on(void **state)
{
	struct capture_flow_key key = { .ssrc = 1000 };
	uint32_t run = 1, taken;
	struct world *w = *state;

	begin(w);
	for (taken = STREAMS; taken < STORE_STREAMS_MAX; key.ssrc++) {
		int stream = segment_stream(w->segment, SIP_CALLER, &key, run);

		if (stream >= 0)
			assert_int_equal(stream, taken++);
		else
			assert_int_equal(segment_run_wanted(taken), ++run);
	}
	assert_int_equal(run, SEGMENT_RUN_MAX);
	assert_int_equal(segment_run_wanted(SEGMENT_STREAMS_AT_ONCE - 1), 1);
	assert_int_equal(segment_run_wanted(SEGMENT_STREAMS_AT_ONCE), 2);
	assert_int_equal(segment_stream(w->segment, SIP_CALLER, &key, 100),
			 -ENOSPC);
	key.ssrc = 1000;
	assert_int_equal(segment_stream(w->segment, SIP_CALLER, &key, 1),
			 STREAMS);
	segment_free(&w->segment);
}

static int
setup(void **state)
{
	/* Small, so that sanitizers do not have to reserve much. */
	static const struct store_archive_config config = { .map_bytes =
								UINT64_C(32)
								<< 20 };
	struct world *w = calloc(1, sizeof(*w));
	char key[256], archive[256];
	struct store_public pub;

	assert_non_null(w);
	assert_int_equal(store_init(), 0);
	w->folder = testing_folder();
	snprintf(key, sizeof(key), "%s/vault.key", w->folder);
	snprintf(archive, sizeof(archive), "%s/archive", w->folder);
	assert_int_equal(store_identity_create(key, &pub), 0);
	assert_int_equal(store_identity_load(&w->identity, key), 0);
	assert_int_equal(store_archive_create(archive, &pub, 1), 0);
	assert_int_equal(store_archive_open(&w->archive, archive, STORE_WRITE,
					    &config, NULL),
			 0);
	w->in = (struct segment_input){ .archive = w->archive,
					.counters = &w->counters,
					.error = &w->error,
					.request = request,
					.commit = commit,
					.ctx = w };
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	store_archive_close(&w->archive);
	store_identity_free(&w->identity);
	testing_folder_remove(w->folder);
	free(w);
	return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(any_two_at_the_start_in_the_middle_at_the_end),
		TEST(whatever_follows_what),
		TEST(a_loss_across_the_start),
		TEST(places_for_streams_that_go_on),
		TEST(without_memory_nothing_is_recorded),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
