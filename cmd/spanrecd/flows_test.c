/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a flow: begun, detached for each reason, handed over, given
 * back, and what happens when there are none left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/spanrecd/flows.h"

#define MS      1000000LL
#define T0      (1000000 * MS)
#define WINDOW  (200 * MS)
#define IDLE    (10000 * MS)
#define WRITERS 2

static struct flows *flows;

static int
setup(void **state)
{
	const struct flows_config config = {
		.flows_max = 4,
		.jitter = { .slots = 128,
			    .log_bytes = 4096,
			    .window_ns = WINDOW },
		.idle_ns = IDLE,
		.writers = WRITERS,
		.probe = true,
	};
	static const uint8_t key[16] = "fixed for tests";

	(void)state;
	return flows_new(&flows, &config, key);
}

static int
teardown(void **state)
{
	(void)state;
	flows_free(&flows);
	return 0;
}

static const struct rtp_probe *stream; /* of the packet put last */

static enum flows_put
put_any(uint16_t port, uint16_t sequence, int64_t time_ns, bool shed)
{
	static const uint8_t payload[160];
	const struct rtp_hdr hdr = { .ssrc = 7,
				     .sequence = sequence,
				     .timestamp = sequence * 160u,
				     .payload_type = 8,
				     .payload = payload,
				     .payload_bytes = sizeof(payload) };
	struct flows_packet packet = { .pkt = { .time_ns = time_ns },
				       .hdr = hdr };
	enum flows_put r;

	packet.pkt.src.port = port;
	flows_prepare(flows, &packet, 1);
	r = flows_put(flows, &packet, shed);
	stream = r == FLOWS_STREAM ? flows_stream(flows, &packet) : NULL;
	return r;
}

/* Whatever it is a part of. */
static enum flows_put
put(uint16_t port, uint16_t sequence, int64_t time_ns, bool shed)
{
	enum flows_put r = put_any(port, sequence, time_ns, shed);

	return r == FLOWS_STREAM ? FLOWS_PUT : r;
}

/* The state of a flow for its writer: 'f'ree, 'a'ctive, 'd'etached. */
static char
state_of(uint32_t index, uint32_t writer)
{
	bool detached;

	if (!flows_claim(flows, index, writer, &detached))
		return 'f';
	return detached ? 'd' : 'a';
}

static void
drain(uint32_t index)
{
	struct rtp_frame frame;

	while (rtp_jitter_take(flows_jitter(flows, index), INT64_MAX / 2,
			       &frame) != RTP_TAKE_NONE)
		;
}

static void
test_one_flow(void **state)
{
	bool detached;

	(void)state;
	assert_int_equal(put(1000, 1, T0, false), FLOWS_PUT);
	assert_int_equal(put(1000, 2, T0 + 20 * MS, false), FLOWS_PUT);
	assert_int_equal(flows_used(flows), 1);
	assert_int_equal(flows_high(flows), 1);
	assert_int_equal(state_of(0, 0), 'a');
	assert_int_equal(state_of(0, 1), 'f'); /* not its flow */
	assert_int_equal(flows_claim(flows, 0, 0, &detached)->key.src.port,
			 1000);
}

/* Each flow that shows to be a stream is told of, once; one that begins anew
 * again. */
static void
test_streams(void **state)
{
	(void)state;
	assert_int_equal(put_any(1, 1, T0, false), FLOWS_PUT);
	assert_int_equal(put_any(2, 1, T0 + 10 * MS, false), FLOWS_PUT);
	assert_int_equal(put_any(1, 2, T0 + 20 * MS, false), FLOWS_PUT);
	assert_int_equal(put_any(2, 2, T0 + 30 * MS, false), FLOWS_PUT);
	assert_int_equal(put_any(1, 3, T0 + 40 * MS, false), FLOWS_STREAM);
	assert_int_equal(stream->first_ns, T0);
	assert_int_equal(put_any(2, 3, T0 + 50 * MS, false), FLOWS_STREAM);
	assert_int_equal(stream->first_ns, T0 + 10 * MS);
	assert_int_equal(put_any(1, 4, T0 + 60 * MS, false), FLOWS_PUT);
	assert_int_equal(put_any(1, 5, T0 + 2 * IDLE, false), FLOWS_PUT);
	assert_int_equal(put_any(1, 6, T0 + 2 * IDLE + 1, false), FLOWS_PUT);
	assert_int_equal(put_any(1, 7, T0 + 2 * IDLE + 2, false), FLOWS_STREAM);
	assert_int_equal(stream->first_ns, T0 + 2 * IDLE);
}

static void
test_idle_flow_begins_anew(void **state)
{
	(void)state;
	put(1000, 1, T0, false);
	put(1000, 2, T0 + IDLE, false);
	assert_int_equal(flows_high(flows), 1);
	put(1000, 3, T0 + 2 * IDLE + 1, false);
	assert_int_equal(flows_high(flows), 2);
	assert_int_equal(state_of(0, 0), 'd');
	assert_int_equal(state_of(1, 1), 'a');
}

static void
test_jump_begins_anew(void **state)
{
	(void)state;
	put(1000, 1, T0, false);
	assert_int_equal(put(1000, 5000, T0 + 20 * MS, false), FLOWS_PUT);
	assert_int_equal(state_of(0, 0), 'd');
	assert_int_equal(state_of(1, 1), 'a');
}

static void
test_sweep(void **state)
{
	(void)state;
	put(1000, 1, T0, false);
	put(1001, 1, T0 + IDLE, false);
	flows_sweep(flows, T0 + IDLE);
	assert_int_equal(state_of(0, 0), 'a');
	flows_sweep(flows, T0 + IDLE + 1);
	assert_int_equal(state_of(0, 0), 'd');
	assert_int_equal(state_of(1, 1), 'a');
	flows_detach_all(flows);
	assert_int_equal(state_of(1, 1), 'd');
}

static void
test_none_left_and_given_back(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 4; port++)
		assert_int_equal(put(port, 1, T0, false), FLOWS_PUT);
	assert_int_equal(put(5, 1, T0, false), FLOWS_EXHAUSTED);
	assert_int_equal(flows_used(flows), 4);
	flows_detach_all(flows);
	assert_false(rtp_jitter_empty(flows_jitter(flows, 2)));
	drain(2);
	assert_true(rtp_jitter_empty(flows_jitter(flows, 2)));
	flows_release(flows, 2);
	assert_int_equal(flows_used(flows), 3);
	assert_int_equal(put(5, 1, T0, false), FLOWS_PUT);
	assert_int_equal(flows_high(flows), 4);
	assert_int_equal(state_of(2, 0), 'a');
}

static void
test_hand_over(void **state)
{
	(void)state;
	put(1000, 1, T0, false);
	flows_hand_over(flows, 0, 1);
	assert_int_equal(state_of(0, 0), 'f');
	assert_int_equal(state_of(0, 1), 'a');
}

static unsigned
take_all(unsigned *shed)
{
	struct rtp_frame frame;
	unsigned frames = 0;
	enum rtp_take kind;

	*shed = 0;
	while ((kind = rtp_jitter_take(flows_jitter(flows, 0), INT64_MAX / 2,
				       &frame)) != RTP_TAKE_NONE) {
		frames += kind == RTP_TAKE_FRAME;
		*shed += kind == RTP_TAKE_SHED;
	}
	return frames;
}

/* Too much at one time: waiting does not help, it is shed at once. */
static void
test_sheds(void **state)
{
	unsigned shed, n;

	(void)state;
	for (n = 0; n < 100; n++)
		assert_int_equal(put(1000, (uint16_t)n, T0, false), FLOWS_PUT);
	assert_int_equal(take_all(&shed) + shed, 100);
	assert_true(shed > 0);
}

/* What is there is due: the writer can make room. */
static void
test_waits(void **state)
{
	enum flows_put r = FLOWS_PUT;
	unsigned shed, n = 0;

	(void)state;
	while (r == FLOWS_PUT && n < 100) {
		r = put(1000, (uint16_t)n, T0 + n * 20 * MS, false);
		n++;
	}
	assert_int_equal(r, FLOWS_WAIT);
	assert_int_equal(take_all(&shed), n - 1);
	assert_int_equal(shed, 0);
	assert_int_equal(put(1000, (uint16_t)(n - 1), T0 + n * 20 * MS, false),
			 FLOWS_PUT);
}

/* With none left the search rests. */
static void
test_closed(void **state)
{
	(void)state;
	flows_close(flows, T0 + 10);
	assert_true(flows_closed(flows, T0 + 9));
	assert_int_equal(put(1, 1, T0 + 9, false), FLOWS_EXHAUSTED);
	assert_false(flows_closed(flows, T0 + 10));
	assert_int_equal(put(1, 1, T0 + 10, false), FLOWS_PUT);
	/* Flows that are there go on. */
	flows_close(flows, T0 + 100);
	assert_int_equal(put(1, 2, T0 + 50, false), FLOWS_PUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_one_flow),
		T(test_streams),
		T(test_idle_flow_begins_anew),
		T(test_jump_begins_anew),
		T(test_sweep),
		T(test_none_left_and_given_back),
		T(test_hand_over),
		T(test_sheds),
		T(test_waits),
		T(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
