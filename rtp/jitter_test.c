/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS 1000000LL

#define SLOTS  128u
#define WINDOW (200 * MS)

/* The number that the first packet's own cycle starts at. */
#define CYCLE 65536u

static const struct rtp_jitter_config config = {
	.slots = SLOTS,
	.log_bytes = 32768,
	.window_ns = WINDOW,
};

static struct rtp_jitter *
make(const struct rtp_jitter_config *c, uint16_t first)
{
	size_t n = rtp_jitter_bytes(c);
	void *memory = aligned_alloc(64, n);

	/* An old buffer, as far as the code knows. */
	assert_non_null(memory);
	memset(memory, 0xa5, n);
	return rtp_jitter_init(memory, c,
			       &(struct rtp_hdr){ .sequence = first });
}

/* The payload says which packet it was; its length goes with the number. */
static void
fill(uint8_t *payload, uint32_t n, uint32_t seed)
{
	for (uint32_t i = 0; i < n; i++)
		payload[i] = (uint8_t)(seed * 31 + i);
}

static enum rtp_put
put_bytes(struct rtp_jitter *j, uint16_t sequence, int64_t time_ns, uint32_t n)
{
	uint8_t payload[RTP_JITTER_PAYLOAD_MAX + 1];
	struct rtp_hdr hdr = {
		.timestamp = sequence * 160u,
		.sequence = sequence,
		.payload_type = 8,
		.marker = sequence % 3 == 0,
		.payload = payload,
		.payload_bytes = n,
	};

	fill(payload, n, sequence);
	return rtp_jitter_put(j, &hdr, time_ns);
}

static enum rtp_put
put(struct rtp_jitter *j, uint16_t sequence, int64_t time_ms)
{
	return put_bytes(j, sequence, time_ms * MS, 160);
}

static void
shed(struct rtp_jitter *j, uint16_t sequence, int64_t time_ms)
{
	rtp_jitter_shed(j, &(struct rtp_hdr){ .sequence = sequence },
			time_ms * MS);
}

static void
expect_frame_bytes(struct rtp_jitter *j, uint32_t sequence, int64_t time_ns,
		   uint32_t n)
{
	uint8_t payload[RTP_JITTER_PAYLOAD_MAX];
	struct rtp_frame f;

	fill(payload, n, sequence & 0xffff);
	assert_int_equal(rtp_jitter_take(j, INT64_MAX, &f), RTP_TAKE_FRAME);
	assert_int_equal(f.sequence, sequence);
	assert_int_equal(f.time_ns, time_ns);
	assert_int_equal(f.timestamp, (sequence & 0xffff) * 160);
	assert_int_equal(f.payload_type, 8);
	assert_int_equal(f.marker, (sequence & 0xffff) % 3 == 0);
	assert_int_equal(f.payload_bytes, n);
	assert_memory_equal(f.payload, payload, n);
}

static void
expect_frame(struct rtp_jitter *j, uint32_t sequence, int64_t time_ms)
{
	expect_frame_bytes(j, sequence, time_ms * MS, 160);
}

static void
expect_gap(struct rtp_jitter *j, uint32_t sequence, uint32_t missing,
	   uint32_t shed_count, int64_t after_ms)
{
	struct rtp_frame f;

	assert_int_equal(rtp_jitter_take(j, INT64_MAX, &f), RTP_TAKE_GAP);
	assert_int_equal(f.sequence, sequence);
	assert_int_equal(f.missing, missing);
	assert_int_equal(f.shed, shed_count);
	assert_int_equal(f.time_ns, after_ms * MS);
	assert_null(f.payload);
}

static void
expect_note(struct rtp_jitter *j, enum rtp_take kind, uint32_t sequence,
	    int64_t time_ms)
{
	struct rtp_frame f;

	assert_int_equal(rtp_jitter_take(j, INT64_MAX, &f), kind);
	assert_int_equal(f.sequence, sequence);
	assert_int_equal(f.time_ns, time_ms * MS);
	assert_null(f.payload);
}

static void
expect_none(struct rtp_jitter *j, int64_t due_ns)
{
	struct rtp_frame f;

	assert_int_equal(rtp_jitter_peek(j, due_ns, &f), RTP_TAKE_NONE);
	assert_int_equal(rtp_jitter_take(j, due_ns, &f), RTP_TAKE_NONE);
}

static void
bytes_are_exact(void **state)
{
	assert_int_equal(rtp_jitter_bytes(&config),
			 3 * 64 + 128 * 8 + 32768 + 512);
	assert_int_equal(rtp_jitter_bytes(&(struct rtp_jitter_config){
			     .slots = 256, .log_bytes = 4096 }),
			 3 * 64 + 256 * 8 + 4096 + 512);
}

static void
in_order(void **state)
{
	struct rtp_jitter *j = make(&config, 1000);
	struct rtp_frame f;

	expect_none(j, INT64_MAX);
	assert_true(rtp_jitter_empty(j));
	for (uint16_t i = 0; i < 5; i++)
		assert_int_equal(put(j, 1000 + i, 20LL * i), RTP_PUT_STORED);
	assert_int_equal(rtp_jitter_last_ns(j), 80 * MS);
	assert_false(rtp_jitter_empty(j));
	expect_none(j, -1);
	assert_int_equal(rtp_jitter_take(j, 20 * MS - 1, &f), RTP_TAKE_FRAME);
	assert_int_equal(f.sequence, CYCLE + 1000);
	expect_none(j, 20 * MS - 1);
	assert_int_equal(rtp_jitter_peek(j, 20 * MS, &f), RTP_TAKE_FRAME);
	assert_int_equal(f.sequence, CYCLE + 1001);
	for (uint32_t i = 1; i < 5; i++)
		expect_frame(j, CYCLE + 1000 + i, 20LL * i);
	expect_none(j, INT64_MAX);
	assert_true(rtp_jitter_empty(j));
	free(j);
}

static void
reordered(void **state)
{
	static const uint16_t order[] = { 10, 12, 11, 15, 14, 13, 16 };
	struct rtp_jitter *j = make(&config, 10);

	for (int i = 0; i < 7; i++)
		assert_int_equal(put(j, order[i], i), RTP_PUT_STORED);
	expect_frame(j, CYCLE + 10, 0);
	expect_frame(j, CYCLE + 11, 2);
	/* 13 came last: the three before it wait for it. */
	expect_frame(j, CYCLE + 12, 1);
	expect_none(j, 4 * MS);
	expect_frame(j, CYCLE + 13, 5);
	expect_frame(j, CYCLE + 14, 4);
	expect_frame(j, CYCLE + 15, 3);
	expect_frame(j, CYCLE + 16, 6);
	expect_none(j, INT64_MAX);
	assert_true(rtp_jitter_empty(j));
	free(j);
}

/* What comes before the first, and in time, is the first. */
static void
first_is_lowered(void **state)
{
	struct rtp_jitter *j = make(&config, 0);
	struct rtp_frame f;

	assert_int_equal(put(j, 0, 0), RTP_PUT_STORED);
	assert_int_equal(put(j, 65534, 199), RTP_PUT_STORED);
	assert_int_equal(put(j, 65533, 200), RTP_PUT_LATE);
	assert_int_equal(put(j, 65533, 201), RTP_PUT_DUPLICATE);
	expect_none(j, 199 * MS - 1);
	expect_frame(j, CYCLE - 2, 199);
	expect_gap(j, CYCLE - 1, 1, 0, 0);
	expect_frame(j, CYCLE, 0);
	assert_int_equal(rtp_jitter_take(j, INT64_MAX, &f), RTP_TAKE_LATE);
	assert_int_equal(f.sequence, CYCLE - 3);
	assert_false(f.in_range);
	expect_note(j, RTP_TAKE_DUPLICATE, CYCLE - 3, 201);
	assert_true(rtp_jitter_empty(j));
	free(j);
}

static void
sequence_wraps(void **state)
{
	struct rtp_jitter *j = make(&config, 65500);

	for (uint32_t i = 0; i < 200000; i++) {
		assert_int_equal(put(j, (uint16_t)(65500 + i), 20LL * i),
				 RTP_PUT_STORED);
		if (i >= 10)
			expect_frame(j, CYCLE + 65490 + i, 20LL * (i - 10));
	}
	free(j);
}

static void
duplicates(void **state)
{
	struct rtp_jitter *j = make(&config, 7);

	assert_int_equal(put(j, 7, 0), RTP_PUT_STORED);
	assert_int_equal(put(j, 7, 1), RTP_PUT_DUPLICATE);
	assert_int_equal(put(j, 8, 20), RTP_PUT_STORED);
	expect_frame(j, CYCLE + 7, 0);
	expect_note(j, RTP_TAKE_DUPLICATE, CYCLE + 7, 1);
	expect_frame(j, CYCLE + 8, 20);
	/* Of what was taken, too. */
	assert_int_equal(put(j, 7, 30), RTP_PUT_DUPLICATE);
	assert_int_equal(put(j, 8, 2000), RTP_PUT_DUPLICATE);
	expect_none(j, 30 * MS - 1);
	expect_note(j, RTP_TAKE_DUPLICATE, CYCLE + 7, 30);
	expect_note(j, RTP_TAKE_DUPLICATE, CYCLE + 8, 2000);
	expect_none(j, INT64_MAX);
	free(j);
}

static void
late(void **state)
{
	struct rtp_jitter *j = make(&config, 1);
	struct rtp_frame f;

	assert_int_equal(put(j, 1, 0), RTP_PUT_STORED);
	assert_int_equal(put(j, 4, 60), RTP_PUT_STORED);
	assert_int_equal(put(j, 2, 259), RTP_PUT_STORED);
	assert_int_equal(put(j, 3, 260), RTP_PUT_LATE);
	assert_int_equal(put(j, 3, 261), RTP_PUT_DUPLICATE);
	assert_int_equal(put(j, 5, 270), RTP_PUT_STORED);
	expect_frame(j, CYCLE + 1, 0);
	expect_frame(j, CYCLE + 2, 259);
	expect_gap(j, CYCLE + 3, 1, 0, 60);
	expect_frame(j, CYCLE + 4, 60);
	assert_int_equal(rtp_jitter_take(j, INT64_MAX, &f), RTP_TAKE_LATE);
	assert_int_equal(f.sequence, CYCLE + 3);
	assert_int_equal(f.time_ns, 260 * MS);
	assert_true(f.in_range);
	expect_note(j, RTP_TAKE_DUPLICATE, CYCLE + 3, 261);
	expect_frame(j, CYCLE + 5, 270);
	expect_none(j, INT64_MAX);
	free(j);
}

/* The clock of the caller ran ahead: 2 and 3 came after their gap was out. */
static void
consumer_runs_ahead(void **state)
{
	struct rtp_jitter *j = make(&config, 1);
	struct rtp_frame f;

	put(j, 1, 0);
	put(j, 4, 60);
	expect_frame(j, CYCLE + 1, 0);
	assert_int_equal(rtp_jitter_peek(j, INT64_MAX, &f), RTP_TAKE_GAP);
	assert_int_equal(f.missing, 2);
	/* Not published: stored, found to be late when its turn comes. */
	assert_int_equal(put(j, 3, 70), RTP_PUT_STORED);
	expect_gap(j, CYCLE + 2, 2, 0, 60);
	expect_frame(j, CYCLE + 4, 60);
	expect_note(j, RTP_TAKE_LATE, CYCLE + 3, 70);
	expect_none(j, INT64_MAX);
	assert_int_equal(put(j, 2, 80), RTP_PUT_LATE);
	expect_note(j, RTP_TAKE_LATE, CYCLE + 2, 80);
	assert_true(rtp_jitter_empty(j));
	free(j);
}

static void
time_steps_back(void **state)
{
	struct rtp_jitter *j = make(&config, 1);

	put(j, 1, 100000);
	put(j, 2, 100020);
	/* Reported as captured, due with what came before. */
	assert_int_equal(put(j, 3, 99990), RTP_PUT_STORED);
	assert_int_equal(rtp_jitter_last_ns(j), 100020 * MS);
	expect_frame(j, CYCLE + 1, 100000);
	expect_none(j, 100019 * MS);
	expect_frame(j, CYCLE + 2, 100020);
	expect_frame(j, CYCLE + 3, 99990);
	/* More than 32 bits of nanoseconds are cut. */
	put(j, 4, 0);
	expect_frame_bytes(j, CYCLE + 4, 100020 * MS - UINT32_MAX, 160);
	/* A note moves the clock as well. */
	put(j, 4, 100050);
	put(j, 5, 100040);
	expect_note(j, RTP_TAKE_DUPLICATE, CYCLE + 4, 100050);
	expect_none(j, 100049 * MS);
	expect_frame(j, CYCLE + 5, 100040);
	free(j);
}

static void
jumps_restart(void **state)
{
	struct rtp_jitter *j = make(&config, 5000);

	put(j, 5000, 0);
	assert_int_equal(put(j, 8001, 20), RTP_PUT_RESTART);
	assert_int_equal(put(j, 4899, 20), RTP_PUT_RESTART);
	assert_int_equal(put(j, 4900, 20), RTP_PUT_STORED);
	assert_int_equal(put(j, 8000, 20), RTP_PUT_STORED);
	expect_frame(j, CYCLE + 4900, 20);
	expect_gap(j, CYCLE + 4901, 99, 0, 0);
	expect_frame(j, CYCLE + 5000, 0);
	expect_gap(j, CYCLE + 5001, 2999, 0, 20);
	expect_frame(j, CYCLE + 8000, 20);
	expect_none(j, INT64_MAX);
	/* Into the slot of a frame that is not due; then it is. */
	assert_int_equal(put(j, 8001, 40), RTP_PUT_STORED);
	assert_int_equal(put(j, 8001 + SLOTS, 240), RTP_PUT_RESTART);
	assert_int_equal(put(j, 8001 + SLOTS, 241), RTP_PUT_FULL);
	free(j);
}

/* 2^31 numbers end a flow: 720,000 jumps of 2999 get there. */
static void
flow_ends(void **state)
{
	struct rtp_jitter *j = make(&config, 0);
	uint32_t sequence = CYCLE;
	uint64_t missing = 0;
	uint64_t frames = 0;
	enum rtp_put result;
	struct rtp_frame f = { 0 };

	while ((result = put_bytes(j, (uint16_t)sequence, sequence, 8)) ==
	       RTP_PUT_STORED) {
		enum rtp_take kind;

		while ((kind = rtp_jitter_take(j, INT64_MAX, &f))) {
			frames += kind == RTP_TAKE_FRAME;
			missing += f.missing;
		}
		assert_int_equal(f.sequence, sequence);
		sequence += 2999;
	}
	assert_int_equal(result, RTP_PUT_RESTART);
	assert_true(sequence >= 1u << 31 && sequence < (1u << 31) + 2999);
	assert_int_equal(frames + missing, f.sequence - CYCLE + 1);
	free(j);
}

static void
full_slots(void **state)
{
	struct rtp_jitter *j = make(&config, 0);

	for (uint16_t i = 0; i < SLOTS; i++)
		assert_int_equal(put_bytes(j, i, i, 40), RTP_PUT_STORED);
	/* All within the window: the consumer may not take any. */
	assert_int_equal(put_bytes(j, SLOTS, 200 * MS, 40), RTP_PUT_NO_ROOM);
	assert_int_equal(put_bytes(j, SLOTS, 200 * MS + 1, 40), RTP_PUT_FULL);
	expect_frame_bytes(j, CYCLE, 0, 40);
	expect_none(j, 0);
	assert_int_equal(put_bytes(j, SLOTS, 200 * MS + 1, 40), RTP_PUT_STORED);
	for (uint32_t i = 1; i < SLOTS; i++)
		expect_frame_bytes(j, CYCLE + i, i, 40);
	expect_frame_bytes(j, CYCLE + SLOTS, 200 * MS + 1, 40);
	free(j);
}

/* The whole of the log can be used: 16 blocks, each of 11 frames. */
static void
full_log(void **state)
{
	struct rtp_jitter_config c = config;
	struct rtp_jitter *j;

	c.slots = 256;
	j = make(&c, 0);
	for (uint16_t i = 0; i < 176; i++)
		assert_int_equal(put(j, i, 20LL * i), RTP_PUT_STORED);
	assert_int_equal(put(j, 176, 3520), RTP_PUT_FULL);
	for (uint32_t i = 0; i < 10; i++)
		expect_frame(j, CYCLE + i, 20LL * i);
	expect_none(j, 180 * MS);
	assert_int_equal(put(j, 176, 3520), RTP_PUT_FULL);
	/* A block is given back as a whole. */
	expect_frame(j, CYCLE + 10, 200);
	expect_none(j, 200 * MS);
	assert_int_equal(put(j, 176, 3520), RTP_PUT_STORED);
	assert_int_equal(
	    put_bytes(j, 177, 3540 * MS, RTP_JITTER_PAYLOAD_MAX + 1),
	    RTP_PUT_NO_ROOM);
	for (uint32_t i = 11; i < 177; i++)
		expect_frame(j, CYCLE + i, 20LL * i);
	assert_true(rtp_jitter_empty(j));
	free(j);
}

/* Blocked frames, not only the oldest, decide whether waiting helps. */
static void
full_behind_a_frame_not_due(void **state)
{
	struct rtp_jitter_config c = config;
	struct rtp_jitter *j;

	c.log_bytes = 4096;
	j = make(&c, 0);
	put(j, 0, 0);
	put(j, 2, 10);
	put(j, 1, 205);
	expect_frame(j, CYCLE, 0);
	expect_none(j, 5 * MS);
	for (uint16_t i = 3; i < 22; i++)
		assert_int_equal(put(j, i, 206), RTP_PUT_STORED);
	/* 2 is due at 210, but its turn comes after 1, which is not. */
	assert_int_equal(put(j, 22, 210), RTP_PUT_NO_ROOM);
	assert_int_equal(put(j, 22, 406), RTP_PUT_FULL);
	free(j);
}

static void
shed_is_told(void **state)
{
	struct rtp_jitter_config c = config;
	struct rtp_jitter *j;

	c.log_bytes = 4096;
	j = make(&c, 0);
	for (uint16_t i = 0; i < 22; i++)
		assert_int_equal(put(j, i, i), RTP_PUT_STORED);
	for (uint16_t i = 22; i < 26; i++) {
		assert_int_equal(put(j, i, i), RTP_PUT_NO_ROOM);
		shed(j, i, i);
	}
	assert_int_equal(rtp_jitter_last_ns(j), 25 * MS);
	for (uint32_t i = 0; i < 22; i++)
		expect_frame(j, CYCLE + i, i);
	expect_none(j, 24 * MS);
	/* 24 comes again, and finds room now; 26 is lost. */
	assert_int_equal(put(j, 24, 30), RTP_PUT_STORED);
	assert_int_equal(put(j, 27, 31), RTP_PUT_STORED);
	for (int i = 0; i < 4; i++)
		expect_note(j, RTP_TAKE_SHED, CYCLE + 25, 25);
	expect_gap(j, CYCLE + 22, 2, 2, 30);
	expect_frame(j, CYCLE + 24, 30);
	expect_gap(j, CYCLE + 25, 2, 1, 31);
	expect_frame(j, CYCLE + 27, 31);
	expect_none(j, INT64_MAX);
	assert_true(rtp_jitter_empty(j));
	free(j);
}

/* Copies of what was shed find room: the next lap of the shed numbers does
 * not remember them. */
static void
shed_and_stored_after_all(void **state)
{
	struct rtp_jitter *j = make(&config, 0);

	put(j, 0, 0);
	expect_frame(j, CYCLE, 0);
	expect_none(j, 0);
	shed(j, 1, 1);
	shed(j, 2, 2);
	shed(j, 3, 3);
	for (uint16_t i = 1; i <= 2; i++)
		assert_int_equal(put(j, i, 3 + i), RTP_PUT_STORED);
	assert_int_equal(put(j, 4, 6), RTP_PUT_STORED);
	for (uint32_t i = 1; i <= 3; i++)
		expect_note(j, RTP_TAKE_SHED, CYCLE + i, i);
	expect_frame(j, CYCLE + 1, 4);
	expect_frame(j, CYCLE + 2, 5);
	expect_gap(j, CYCLE + 3, 1, 1, 6);
	expect_frame(j, CYCLE + 4, 6);
	put(j, 3000, 7);
	expect_gap(j, CYCLE + 5, 2995, 0, 7);
	expect_frame(j, CYCLE + 3000, 7);
	put(j, 5000, 8);
	expect_gap(j, CYCLE + 3001, 1999, 0, 8);
	expect_frame(j, CYCLE + 5000, 8);
	expect_none(j, INT64_MAX);
	free(j);
}

/* Nothing comes after what was shed: it is told all the same, once. */
static void
shed_at_the_end(void **state)
{
	struct rtp_jitter_config c = config;
	struct rtp_jitter *j;
	struct rtp_frame f;

	c.log_bytes = 4096;
	j = make(&c, 0);
	for (uint16_t i = 0; i < 22; i++)
		put(j, i, i);
	shed(j, 22, 22);
	shed(j, 23, 23);
	for (uint32_t i = 0; i < 22; i++)
		expect_frame(j, CYCLE + i, i);
	assert_false(rtp_jitter_empty(j));
	expect_none(j, 23 * MS - 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rtp_jitter_take(j, 23 * MS, &f),
				 RTP_TAKE_SHED);
		assert_int_equal(f.time_ns, 23 * MS);
	}
	expect_none(j, INT64_MAX);
	assert_true(rtp_jitter_empty(j));
	put(j, 24, 24);
	expect_gap(j, CYCLE + 22, 2, 2, 24);
	expect_frame(j, CYCLE + 24, 24);
	expect_none(j, INT64_MAX);
	free(j);
}

/* 450 ms held: how much of the log is ever written to? */
static void
little_memory_is_touched(void **state)
{
	struct rtp_jitter *j = make(&config, 0);
	size_t n = rtp_jitter_bytes(&config);
	const uint8_t *bytes = (const uint8_t *)j;
	size_t touched = n;

	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(put(j, (uint16_t)i, 20LL * i), RTP_PUT_STORED);
		if (i >= 22)
			expect_frame(j, CYCLE + i - 22, 20LL * (i - 22));
		expect_none(j, 20LL * (i - 22LL) * MS);
	}
	while (touched && bytes[touched - 1] == 0xa5)
		touched--;
	assert_in_range(touched, 3 * 64 + 1024, 3 * 64 + 1024 + 4 * 2048);
	free(j);
}

static void
payload_sizes(void **state)
{
	struct rtp_jitter *j = make(&config, 0);
	uint32_t n;

	for (n = 0; n <= 1500; n++) {
		assert_int_equal(put_bytes(j, (uint16_t)n, n, n),
				 RTP_PUT_STORED);
		if (n >= 3)
			expect_frame_bytes(j, CYCLE + n - 3, n - 3, n - 3);
	}
	assert_int_equal(put_bytes(j, (uint16_t)n, n, RTP_JITTER_PAYLOAD_MAX),
			 RTP_PUT_STORED);
	for (uint32_t i = n - 3; i < n; i++)
		expect_frame_bytes(j, CYCLE + i, i, i);
	expect_frame_bytes(j, CYCLE + n, n, RTP_JITTER_PAYLOAD_MAX);
	free(j);
}

/* ---- against a model --------------------------------------------------- */

#define PACKETS 600
#define OUTPUTS (3 * PACKETS)

struct packet {
	uint16_t sequence;
	uint32_t bytes;
	int64_t arrival; /* sorts */
	int64_t time_ns;
};

struct output {
	enum rtp_take kind;
	uint32_t sequence;
	uint32_t missing;
	uint32_t shed;
	bool in_range;
	int64_t time_ns;
};

/* Outputs by kind: frames and gaps in one row, each kind of note in its own. */
struct outputs {
	uint32_t n[RTP_TAKE_SHED + 1];
	struct output rows[RTP_TAKE_SHED + 1][OUTPUTS];
};

static uint32_t
rnd(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(*seed >> 4) * below >> 28);
}

static int
by_arrival(const void *a, const void *b)
{
	const struct packet *x = a;
	const struct packet *y = b;

	return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

/* A stream of one packet each `every_ms`, with losses, copies and delays. */
static uint32_t
scramble(struct packet *packets, uint32_t *seed, uint32_t every_ms)
{
	uint16_t sequence = (uint16_t)rnd(seed, 65536);
	uint32_t n = 0;

	while (n < PACKETS - 2) {
		uint32_t copies = 1 + (rnd(seed, 20) == 0);

		sequence++;
		if (rnd(seed, 100) == 0)
			sequence = (uint16_t)(sequence + rnd(seed, 20));
		if (rnd(seed, 15) == 0)
			copies = 0;
		while (copies--) {
			int64_t at = 1000 + n * every_ms + rnd(seed, 5);

			if (rnd(seed, 10) == 0)
				at += rnd(seed, 30 * every_ms);
			packets[n].sequence = sequence;
			packets[n].bytes = rnd(seed, 4) ? 160 : rnd(seed, 600);
			packets[n].arrival = at * PACKETS + n;
			/* Stamps of two captures can be out of step. */
			packets[n].time_ns = at * MS - rnd(seed, 3) * MS;
			n++;
		}
	}
	qsort(packets, n, sizeof(*packets), by_arrival);
	return n;
}

static void
note_output(struct outputs *o, struct output x)
{
	enum rtp_take row = x.kind == RTP_TAKE_GAP ? RTP_TAKE_FRAME : x.kind;

	assert_true(o->n[row] < OUTPUTS);
	o->rows[row][o->n[row]++] = x;
}

static int
by_sequence(const void *a, const void *b)
{
	const struct output *x = a;
	const struct output *y = b;

	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* The definition, by looking at everything each time. */
static void
model(struct outputs *o, const struct packet *packets, uint32_t n)
{
	static struct output frames[PACKETS];
	static int64_t due_ns[PACKETS];
	static struct output kept[PACKETS];
	uint32_t newest = CYCLE + packets[0].sequence;
	int64_t clock_ns = 0;
	uint32_t count = 0;
	uint32_t i, k;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < n; i++) {
		uint32_t s =
		    newest + (uint32_t)rtp_seq_distance((uint16_t)newest,
							packets[i].sequence);
		struct output x = { .kind = RTP_TAKE_FRAME,
				    .sequence = s,
				    .time_ns = packets[i].time_ns };

		if (packets[i].time_ns > clock_ns)
			clock_ns = packets[i].time_ns;
		for (k = 0; k < count; k++)
			if (frames[k].sequence > s &&
			    due_ns[k] <= clock_ns - WINDOW)
				x.kind = RTP_TAKE_LATE;
		for (k = 0; k < count; k++)
			if (frames[k].sequence == s)
				x.kind = RTP_TAKE_DUPLICATE;
		for (k = 0; k < o->n[RTP_TAKE_LATE]; k++)
			if (o->rows[RTP_TAKE_LATE][k].sequence == s)
				x.kind = RTP_TAKE_DUPLICATE;
		if (x.kind != RTP_TAKE_FRAME) {
			note_output(o, x);
			continue;
		}
		due_ns[count] = clock_ns;
		frames[count++] = x;
		newest = s > newest ? s : newest;
	}
	memcpy(kept, frames, sizeof(kept));
	qsort(kept, count, sizeof(*kept), by_sequence);
	for (k = 0; k < count; k++) {
		if (k && kept[k].sequence - kept[k - 1].sequence > 1)
			note_output(o, (struct output){
					   .kind = RTP_TAKE_GAP,
					   .sequence = kept[k - 1].sequence + 1,
					   .missing = kept[k].sequence -
						      kept[k - 1].sequence - 1,
					   .time_ns = kept[k].time_ns });
		note_output(o, kept[k]);
	}
	for (k = 0; k < o->n[RTP_TAKE_LATE]; k++)
		o->rows[RTP_TAKE_LATE][k].in_range =
		    o->rows[RTP_TAKE_LATE][k].sequence >= kept[0].sequence;
}

static void
check_payload(const struct rtp_frame *f)
{
	uint8_t payload[RTP_JITTER_PAYLOAD_MAX];

	fill(payload, f->payload_bytes, f->sequence & 0xffff);
	assert_memory_equal(f->payload, payload, f->payload_bytes);
}

/* Take up to `takes`, sometimes looking first. False when nothing is left. */
static bool
drain(struct rtp_jitter *j, struct outputs *o, uint32_t *seed, int64_t due_ns,
      uint32_t takes)
{
	while (takes--) {
		struct rtp_frame f = { 0 };
		struct rtp_frame peeked = { 0 };
		bool peek = rnd(seed, 2);
		enum rtp_take first = RTP_TAKE_NONE;
		enum rtp_take kind;

		if (peek)
			first = rtp_jitter_peek(j, due_ns, &peeked);
		kind = rtp_jitter_take(j, due_ns, &f);
		if (peek) {
			assert_int_equal(first, kind);
			assert_int_equal(f.time_ns, peeked.time_ns);
			assert_int_equal(f.sequence, peeked.sequence);
			assert_int_equal(f.missing, peeked.missing);
			assert_int_equal(f.shed, peeked.shed);
			assert_ptr_equal(f.payload, peeked.payload);
		}
		if (kind == RTP_TAKE_NONE)
			return false;
		if (kind == RTP_TAKE_FRAME)
			check_payload(&f);
		note_output(o, (struct output){ .kind = kind,
						.sequence = f.sequence,
						.missing = f.missing,
						.shed = f.shed,
						.in_range = f.in_range,
						.time_ns = f.time_ns });
	}
	return true;
}

/* Put everything as a file reader does: wait while it is FULL, then shed. */
static void
replay(struct outputs *o, const struct packet *packets, uint32_t n,
       const struct rtp_jitter_config *c, uint32_t seed)
{
	struct rtp_jitter *j = make(c, packets[0].sequence);
	uint32_t lazy = 1 + rnd(&seed, 60);
	int64_t clock_ns = 0;
	int64_t due_ns = 0;

	memset(o, 0, sizeof(*o));
	for (uint32_t i = 0; i < n; i++) {
		const struct packet *p = &packets[i];
		enum rtp_put result;

		if (p->time_ns > clock_ns)
			clock_ns = p->time_ns;
		while ((result = put_bytes(j, p->sequence, p->time_ns,
					   p->bytes)) == RTP_PUT_FULL) {
			due_ns = clock_ns - c->window_ns - 1;
			drain(j, o, &seed, due_ns, UINT32_MAX);
		}
		assert_int_not_equal(result, RTP_PUT_RESTART);
		if (result == RTP_PUT_NO_ROOM)
			shed(j, p->sequence, p->time_ns / MS);
		if (rnd(&seed, lazy) == 0) {
			int64_t latest = clock_ns - c->window_ns - 1;

			if (due_ns < latest)
				due_ns += rnd(&seed, 4) ? latest - due_ns
							: (latest - due_ns) / 2;
			drain(j, o, &seed, due_ns, 1 + rnd(&seed, 40));
		}
	}
	assert_false(drain(j, o, &seed, INT64_MAX, UINT32_MAX));
	assert_true(rtp_jitter_empty(j));
	free(j);
}

static void
compare(const struct outputs *a, const struct outputs *b, enum rtp_take kind)
{
	assert_int_equal(a->n[kind], b->n[kind]);
	for (uint32_t i = 0; i < a->n[kind]; i++) {
		const struct output *x = &a->rows[kind][i];
		const struct output *y = &b->rows[kind][i];

		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->sequence, y->sequence);
		assert_int_equal(x->missing, y->missing);
		assert_int_equal(x->shed, y->shed);
		assert_int_equal(x->in_range, y->in_range);
		assert_int_equal(x->time_ns, y->time_ns);
	}
}

static struct packet packets[PACKETS];
static struct outputs expected;
static struct outputs got;

static void
same_as_the_model(void **state)
{
	struct rtp_jitter_config c = config;
	uint64_t seen[RTP_TAKE_SHED + 1] = { 0 };

	c.slots = 1024;
	c.log_bytes = 1 << 20;
	for (uint32_t round = 1; round <= 60; round++) {
		uint32_t seed = round;
		uint32_t n = scramble(packets, &seed, 20);

		model(&expected, packets, n);
		for (uint32_t schedule = 0; schedule < 10; schedule++) {
			replay(&got, packets, n, &c, seed + schedule);
			for (int kind = 0; kind <= RTP_TAKE_SHED; kind++)
				compare(&expected, &got, (enum rtp_take)kind);
		}
		for (int kind = 0; kind <= RTP_TAKE_SHED; kind++)
			seen[kind] += expected.n[kind];
	}
	assert_true(seen[RTP_TAKE_FRAME] > 30000);
	assert_true(seen[RTP_TAKE_LATE] > 500);
	assert_true(seen[RTP_TAKE_DUPLICATE] > 500);
	assert_int_equal(seen[RTP_TAKE_SHED], 0);
}

static uint64_t
sum(const struct outputs *o, bool shed_only)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < o->n[RTP_TAKE_FRAME]; i++)
		total += shed_only ? o->rows[RTP_TAKE_FRAME][i].shed
				   : o->rows[RTP_TAKE_FRAME][i].missing;
	return total;
}

/* Too little room: what is shed is the same for every schedule, too. */
static void
same_when_room_is_short(void **state)
{
	struct rtp_jitter_config c = config;
	uint64_t shed_count = 0;
	uint64_t frames = 0;

	c.log_bytes = 8192;
	for (uint32_t round = 1; round <= 60; round++) {
		uint32_t seed = round;
		uint32_t n = scramble(packets, &seed, 3 + round % 20);

		replay(&expected, packets, n, &c, seed);
		for (uint32_t schedule = 1; schedule < 10; schedule++) {
			replay(&got, packets, n, &c, seed + schedule);
			for (int kind = 0; kind < RTP_TAKE_SHED; kind++)
				compare(&expected, &got, (enum rtp_take)kind);
			assert_int_equal(got.n[RTP_TAKE_SHED],
					 expected.n[RTP_TAKE_SHED]);
		}
		shed_count += sum(&expected, true);
		frames += expected.n[RTP_TAKE_FRAME];
	}
	assert_true(shed_count > 1000);
	assert_true(frames > 10000);
}

/* Conservation: nothing put in is not told, nothing in range is not told. */
static void
nothing_is_lost(void **state)
{
	struct rtp_jitter_config c = config;

	c.log_bytes = 4096;
	for (uint32_t round = 1; round <= 200; round++) {
		uint32_t seed = round;
		uint32_t n = scramble(packets, &seed, 1 + round % 20);
		const struct output *rows;
		uint32_t frames = 0;
		uint32_t told = 0;

		replay(&got, packets, n, &c, seed);
		rows = got.rows[RTP_TAKE_FRAME];
		for (uint32_t i = 0; i < got.n[RTP_TAKE_FRAME]; i++)
			frames += rows[i].kind == RTP_TAKE_FRAME;
		told = frames + got.n[RTP_TAKE_DUPLICATE] +
		       got.n[RTP_TAKE_LATE] + got.n[RTP_TAKE_SHED];
		assert_int_equal(told, n);
		assert_int_equal(frames + sum(&got, false),
				 rows[got.n[RTP_TAKE_FRAME] - 1].sequence -
				     rows[0].sequence + 1);
	}
}

/* Of what was taken, in order and out of it, late and twice, no sound is left.
 */
static void
sound_is_wiped(void **state)
{
	struct rtp_jitter *j = make(&config, 1);
	size_t bytes = rtp_jitter_bytes(&config);
	uint8_t sound[8];
	struct rtp_frame f;

	(void)state;
	put(j, 1, 0);
	put(j, 3, 20);
	put(j, 2, 40);
	put(j, 2, 41);
	for (uint16_t i = 4; i < 40; i++)
		put(j, i, 20 * i);
	fill(sound, sizeof(sound), 2);
	assert_non_null(memmem(j, bytes, sound, sizeof(sound)));
	while (rtp_jitter_take(j, INT64_MAX, &f) != RTP_TAKE_NONE)
		;
	put(j, 2, 2000);
	while (rtp_jitter_take(j, INT64_MAX, &f) != RTP_TAKE_NONE)
		;
	for (uint16_t i = 1; i < 40; i++) {
		fill(sound, sizeof(sound), i);
		if (memmem(j, bytes, sound, sizeof(sound)))
			fail_msg("packet %u can be found", i);
	}
	free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_exact),
		cmocka_unit_test(in_order),
		cmocka_unit_test(reordered),
		cmocka_unit_test(first_is_lowered),
		cmocka_unit_test(sequence_wraps),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(late),
		cmocka_unit_test(consumer_runs_ahead),
		cmocka_unit_test(time_steps_back),
		cmocka_unit_test(jumps_restart),
		cmocka_unit_test(flow_ends),
		cmocka_unit_test(full_slots),
		cmocka_unit_test(full_log),
		cmocka_unit_test(full_behind_a_frame_not_due),
		cmocka_unit_test(shed_is_told),
		cmocka_unit_test(shed_and_stored_after_all),
		cmocka_unit_test(shed_at_the_end),
		cmocka_unit_test(little_memory_is_touched),
		cmocka_unit_test(payload_sizes),
		cmocka_unit_test(same_as_the_model),
		cmocka_unit_test(same_when_room_is_short),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(sound_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
