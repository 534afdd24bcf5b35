/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/testing/calls.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define PACKET (SECOND / 50)

#define START_B (TESTING_CALL_A_NS + 300 * SECOND)
#define START_C (TESTING_CALL_A_NS + 900 * SECOND)
#define START_D (TESTING_CALL_A_NS + 1500 * SECOND)
#define START_E (TESTING_CALL_A_NS + 1800 * SECOND)

#define GAP_AT     50 /**< packets before it */
#define GAP_LENGTH 10

/* A test without its archive is no test. */
static void
must(int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "testing_calls_fill: %s\n", strerror(-rc));
	abort();
}

/* G.711 A-law: sign, three bits of exponent, four of mantissa, every other
 * bit inverted. */
static uint8_t
alaw(double sample)
{
	int value = (int)(sample * 4095.0), sign = 0xD5, exponent = 0;

	if (value < 0) {
		value = -value - 1;
		sign = 0x55;
	}
	while (exponent < 7 && value >> (exponent + 5))
		exponent++;
	value = exponent << 4 |
		((exponent < 2 ? value >> 1 : value >> exponent) & 15);
	return (uint8_t)(value ^ sign);
}

static void
tone(uint8_t payload[160], double hz, uint32_t timestamp)
{
	uint32_t i;

	for (i = 0; i < 160; i++)
		payload[i] =
		    alaw(0.5 * sin(2 * M_PI * hz * (timestamp + i) / 8000.0));
}

static void
describe(struct store_segment *segment, const char *call, uint32_t number,
	 int64_t call_start_ns, int64_t start_ns)
{
	*segment = (struct store_segment){
		.segment = number,
		.kind = STORE_AGENT,
		.from = "+441534440440",
		.to = "2750",
		.local = "2750",
		.remote = "+441534440440",
		.direction = STORE_IN,
		.area = "office",
		.call_start_ns = call_start_ns,
		.start_ns = start_ns,
		.answer_ns = call_start_ns,
		.end_cause = "bye",
		.decision = STORE_RECORD,
		.reason = "record",
		.rule = "everything",
		.retention = "standard",
		.sip_call_ids = "a84b4c76e66710@10.0.0.1\nleg-2@10.0.0.2",
		.began = "transfer: refer",
		.from_sent = "01534440440",
		.to_sent = "2750",
		.from_name = "Anne Lee",
		.others = "2751\n+441534445505",
		.state = STORE_STATE_NONE,
	};
	snprintf(segment->call, sizeof(segment->call), "%s", call);
	snprintf(segment->id, sizeof(segment->id), "%s-%u", call, number);
}

/* What is written of one side. */
struct side {
	double hz;
	unsigned packets;
	bool gap;
};

static void
put_stream(struct store_recording *recording, int stream,
	   const struct side *side, int64_t start_ns)
{
	uint8_t payload[160];
	struct store_frame frame = { .payload = payload,
				     .payload_bytes = 160,
				     .payload_type = 8,
				     .stream = (uint8_t)stream };
	struct store_gap gap = { .stream = (uint8_t)stream,
				 .reason = STORE_REASON_loss,
				 .packets = GAP_LENGTH };
	unsigned i;

	for (i = 0; i < side->packets; i++) {
		frame.time_ns = start_ns + i * PACKET;
		frame.timestamp = i * 160;
		frame.sequence = (uint16_t)(65500 + i);
		frame.marker = i == 0;
		if (side->gap && i >= GAP_AT && i < GAP_AT + GAP_LENGTH) {
			gap.from_ns = start_ns + (GAP_AT - 1) * PACKET;
			gap.until_ns =
			    start_ns + (GAP_AT + GAP_LENGTH) * PACKET;
			if (i == GAP_AT)
				must(store_recording_gap(recording, &gap));
			continue;
		}
		tone(payload, side->hz, frame.timestamp);
		must(store_recording_frame(recording, &frame));
	}
}

static void
count_stream(struct store_segment *segment, int stream, const struct side *side,
	     uint32_t ssrc)
{
	struct store_stream *s = &segment->streams[stream];
	unsigned lost = side->gap ? GAP_LENGTH : 0;

	s->side = stream ? STORE_RIGHT : STORE_LEFT;
	s->ssrc = ssrc;
	snprintf(s->codec, sizeof(s->codec), "PCMA");
	s->expected = side->packets;
	s->seen = s->stored = side->packets - lost;
	s->lost = lost;
	s->gaps = lost ? 1 : 0;
	s->first_ns = segment->start_ns;
	s->last_ns = segment->start_ns + (side->packets - 1) * PACKET;
	segment->streams_count = (uint32_t)stream + 1;
}

static void
commit(struct store_archive *archive, const struct store_segment *segment)
{
	must(store_batch_begin(archive));
	must(store_segment_put(archive, segment));
	must(store_batch_commit(archive));
}

static void
record(struct store_archive *archive, struct store_segment *segment,
       const struct side sides[2], testing_call_fn before_end)
{
	const struct store_recording_spec spec = {
		.id = segment->id,
		.start_ns = segment->start_ns,
	};
	const struct store_format format = { .payload_type = 8,
					     .channels = 1,
					     .clock_hz = 8000,
					     .encoding = "PCMA" };
	struct store_recording_result result;
	struct store_recording *recording;
	struct store_sealed_key sealed;
	int i;

	must(store_recording_new(&recording, archive, &spec));
	store_recording_seal_key(recording, &sealed);
	segment->key_day = 20190328;
	must(store_keyring_add(archive, segment->key_day, &sealed,
			       &segment->key_slot));
	must(store_keyring_sync(archive));
	must(store_recording_begin(recording, segment->key_day,
				   segment->key_slot));
	for (i = 0; i < 2; i++) {
		const struct store_stream_info info = {
			.side = i ? STORE_RIGHT : STORE_LEFT,
			.ssrc = 0x1000 + (uint32_t)i,
			.src_port = (uint16_t)(4000 + 2 * i),
			.dst_port = (uint16_t)(4002 - 2 * i),
		};

		must(store_recording_stream(recording, &info) == i ? 0 : -EIO);
		must(store_recording_format(recording, i, &format));
		put_stream(recording, i, &sides[i], segment->start_ns);
		count_stream(segment, i, &sides[i], info.ssrc);
	}
	if (before_end)
		must(before_end(recording, segment));
	must(store_recording_finish(recording, segment, &result));
	store_recording_free(&recording, false);
	segment->bytes = result.payload_bytes;
	segment->chunks = result.chunks;
	memcpy(segment->file_hash, result.file_hash, STORE_HASH_BYTES);
	segment->state = STORE_STATE_STORED;
	must(store_archive_sync(archive));
	commit(archive, segment);
}

void
testing_calls_fill(const char *dir,
		   char call[TESTING_CALLS][STORE_CALL_ID_BYTES])
{
	static const int64_t starts[] = { TESTING_CALL_A_NS, START_B, START_C,
					  START_D };
	const struct side a1[] = { { 440, 150, false }, { 880, 150, true } };
	const struct side a2[] = { { 440, 150, false }, { 880, 150, false } };
	const struct side b[] = { { 600, 100, false }, { 1100, 100, false } };
	struct store_segment *segment = malloc(sizeof(*segment));
	struct store_archive *archive;
	unsigned i;

	must(segment ? 0 : -ENOMEM);
	must(store_archive_open(&archive, dir, STORE_WRITE, NULL, NULL));
	for (i = 0; i < 4; i++)
		store_call_id_make(call[i], starts[i], "call-id", "tag", i);

	describe(segment, call[0], 1, TESTING_CALL_A_NS, TESTING_CALL_A_NS);
	segment->end_ns = TESTING_CALL_A_NS + 3 * SECOND;
	record(archive, segment, a1, NULL);
	describe(segment, call[0], 2, TESTING_CALL_A_NS,
		 TESTING_CALL_A_NS + 3 * SECOND);
	segment->end_ns = TESTING_CALL_A_NS + 6 * SECOND;
	record(archive, segment, a2, NULL);
	describe(segment, call[1], 1, START_B, START_B);
	segment->end_ns = START_B + 2 * SECOND;
	/* what a phone may send as its name */
	snprintf(segment->from, sizeof(segment->from), "J\xFCrgen\x1B[2J");
	snprintf(segment->local, sizeof(segment->local), "2751");
	record(archive, segment, b, NULL);

	describe(segment, call[2], 1, START_C, START_C);
	segment->end_ns = START_C + 20 * SECOND;
	commit(archive, segment);
	describe(segment, call[3], 1, START_D, START_D);
	segment->end_ns = START_D + 60 * SECOND;
	segment->decision = STORE_DROP;
	snprintf(segment->reason, sizeof(segment->reason), "exempt");
	snprintf(segment->rule, sizeof(segment->rule), "works council");
	commit(archive, segment);
	free(segment);
	store_archive_close(&archive);
}

void
testing_call_add(const char *dir, char id[STORE_SEGMENT_ID_BYTES],
		 testing_call_fn before_end)
{
	const struct side sides[] = { { 600, 100, false },
				      { 1100, 100, false } };
	struct store_segment *segment = malloc(sizeof(*segment));
	char call[STORE_CALL_ID_BYTES];
	struct store_archive *archive;

	must(segment ? 0 : -ENOMEM);
	must(store_archive_open(&archive, dir, STORE_WRITE, NULL, NULL));
	store_call_id_make(call, START_E, "call-id", "tag", 0);
	describe(segment, call, 1, START_E, START_E);
	segment->end_ns = START_E + 2 * SECOND;
	record(archive, segment, sides, before_end);
	memcpy(id, segment->id, STORE_SEGMENT_ID_BYTES);
	free(segment);
	store_archive_close(&archive);
}
