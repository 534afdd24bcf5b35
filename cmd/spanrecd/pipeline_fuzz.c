/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole recorder on hostile frames: all threads, a real archive in memory.
 * The first byte chooses the link type, the number of threads, whether streams
 * that no SIP announces are recorded, and the policy, which may have payments
 * and a way to opt out; then come frames: two bytes of length, one of time step
 * in milliseconds, the bytes.
 *
 * If the first byte has its top bit set, frames are built, so that calls link:
 *
 *   u8 what    SIP (see sip/message_feed.h) or RTP; 2 bits for who sends, 2 for
 *              who it is sent to
 *   u32 seed   top 8 bits: time that passes, in 16 ms
 *   u32 more   of the seed
 *
 * Invariants: it ends; every packet of every stream is accounted for; segments
 * are within their call, and numbered; what was written verifies.
 */
#include <assert.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/pipeline.h"
#include "sip/message_feed.h"

static const int64_t START_NS = 1700000000LL * 1000000000;
enum { FRAMES_MAX = 4096, ROW_BYTES = 9, BUILT_MAX = 1200, HEAD_BYTES = 42 };

struct input {
	uint8_t *records; /* as capture_mem_open wants them */
	size_t bytes;
	int link_type;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
add_record(struct input *in, int64_t time_ns, const uint8_t *frame, uint32_t n)
{
	uint8_t *to = in->records + in->bytes;

	memcpy(to, &time_ns, 8);
	memcpy(to + 8, &n, 4);
	memcpy(to + 12, &n, 4);
	memcpy(to + 16, frame, n);
	in->bytes += 16 + n;
}

static void
read_frames(struct input *in, const uint8_t *data, size_t n)
{
	int64_t time_ns = START_NS;
	size_t frames = 0;

	in->records = malloc(n * 6 + 16);
	assert(in->records);
	while (n >= 3 && frames++ < FRAMES_MAX) {
		uint32_t bytes = (uint32_t)(data[0] << 8 | data[1]);

		time_ns += data[2] * 1000000LL;
		data += 3;
		n -= 3;
		if (bytes > n)
			bytes = (uint32_t)n;
		add_record(in, time_ns, data, bytes);
		data += bytes;
		n -= bytes;
	}
}

/* From one to another of the telephones that the built messages are about. */
static void
write_head(uint8_t *frame, unsigned who, const uint16_t port[2],
	   uint32_t payload_bytes)
{
	uint8_t head[HEAD_BYTES] = { 2, 0, 0,    0, 0, 1, 2,  0, 0, 0, 0,  2,
				     8, 0, 0x45, 0, 0, 0, 0,  0, 0, 0, 64, 17,
				     0, 0, 10,   0, 0, 0, 10, 0, 0, 0 };
	uint32_t udp = 8 + payload_bytes, ip = 20 + udp;

	head[16] = (uint8_t)(ip >> 8);
	head[17] = (uint8_t)ip;
	head[29] = who & 3;
	head[33] = who >> 2 & 3;
	head[34] = (uint8_t)(port[0] >> 8);
	head[35] = (uint8_t)port[0];
	head[36] = (uint8_t)(port[1] >> 8);
	head[37] = (uint8_t)port[1];
	head[38] = (uint8_t)(udp >> 8);
	head[39] = (uint8_t)udp;
	memcpy(frame, head, sizeof(head));
}

/* One packet of sound, 20 ms. @return its length */
static size_t
build_rtp(uint8_t *payload, uint64_t seed)
{
	unsigned sequence = feed_bits(&seed, 8);
	uint8_t head[12] = { 0x80, 8, 0, (uint8_t)sequence };

	head[6] = (uint8_t)(sequence * 160 >> 8);
	head[7] = (uint8_t)(sequence * 160);
	head[11] = (uint8_t)feed_bits(&seed, 1);
	memcpy(payload, head, sizeof(head));
	memset(payload + sizeof(head), 0x55, 160);
	return sizeof(head) + 160;
}

static void
build_frames(struct input *in, const uint8_t *data, size_t n)
{
	int64_t time_ns = START_NS;

	in->records =
	    malloc(n / ROW_BYTES * (16 + HEAD_BYTES + BUILT_MAX) + 16);
	assert(in->records);
	for (; n >= ROW_BYTES; n -= ROW_BYTES, data += ROW_BYTES) {
		uint8_t frame[HEAD_BYTES + BUILT_MAX];
		uint16_t port[2] = { 5060, 5060 };
		uint64_t seed = 0;
		size_t bytes;

		for (unsigned i = 0; i < 4; i++)
			seed |= (uint64_t)data[5 + i] << 8 * (6 - i);
		for (unsigned i = 0; i < 3; i++)
			seed |= (uint64_t)data[2 + i] << 8 * (2 - i);
		time_ns += data[1] * 16000000LL;
		if (!(data[0] & 8)) {
			port[0] = (uint16_t)(4000 + 2 * (seed >> 9 & 1));
			port[1] = (uint16_t)(4000 + 2 * (seed >> 10 & 1));
			bytes = build_rtp(frame + HEAD_BYTES, seed);
		} else {
			bytes = feed_linked((char *)frame + HEAD_BYTES,
					    BUILT_MAX, seed);
		}
		assert(bytes < BUILT_MAX);
		write_head(frame, data[0] >> 4, port, (uint32_t)bytes);
		add_record(in, time_ns, frame, (uint32_t)(HEAD_BYTES + bytes));
	}
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
check_row(void *ctx, const struct store_segment *row)
{
	struct store_archive *archive = ctx;
	struct store_finding finding;
	uint32_t i, r;

	for (i = 0; i < row->streams_count; i++) {
		const struct store_stream *s = &row->streams[i];
		uint64_t sum = s->stored + s->late + s->duplicate;

		for (r = 0; r < STORE_REASON_COUNT; r++)
			sum += s->dropped[r];
		assert(s->seen == sum);
		assert(s->expected == s->seen - s->duplicate + s->lost);
	}
	assert(row->state != STORE_STATE_RECORDING);
	assert(row->segment > 0 && row->start_ns >= row->call_start_ns);
	assert(strncmp(row->id, row->call, strlen(row->call)) == 0);
	if (store_verify(archive, NULL, row, &finding) != 0) {
		fprintf(stderr, "%s: %s\n", row->id, finding.detail);
		abort();
	}
	return 0;
}

/* All that makes audio wait, with little room for it. */
static const char look_back[] =
    "version: 1\n"
    "organisation: {name: us, time_zone: UTC}\n"
    "access: {owner: [root]}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44, international_prefix: '00', "
    "national_prefix: '0', extension_digits: 2-6}\n"
    "networks: {internal: [10.0.0.0/8]}\n"
    "retention: {standard: {max: 90 days}}\n"
    "metadata: {max: 24 months}\n"
    "payments:\n"
    "  - {name: a, triggers: {keys: '*', hold: yes, tones: yes, "
    "card_numbers: yes}, look_back: 5 s, resume_keys: '1'}\n"
    "  - {name: b, triggers: {keys: '3'}, resume: never}\n"
    "opt_out: {keys: '#', return: '2', by: anybody, announcement: 1 s, "
    "wait: 2 s}\n"
    "rules:\n"
    "  - {name: all, match: {direction: [in, out, internal, transit]}, "
    "decision: record, retention: standard}\n";

static void
run(struct input *in, uint32_t threads, bool orphans, const char *text,
    struct store_archive *archive)
{
	static const struct home_settings settings = {
		.reorder_ms = 200,
		.claim_ms = 2000,
		.linger_ms = 500,
		.flows_max = 64,
		.flow_slots = 128,
		.flow_log_kib = 8,
		.flow_idle_ms = 10000,
		.sip_ring_kib = 512,
		.fragments_mib = 1,
		.tcp_connections_max = 8,
		.tcp_mib = 1,
		.lookback_mib = 1,
		.calls_max = 64,
		.idle_timeout_s = 60,
		.setup_timeout_s = 180,
		.sync_s = 60,
	};
	struct capture_source *sources[3];
	struct policy_errors errors;
	struct pipeline_config config = {
		.settings = &settings,
		.archive = archive,
		.sources = sources,
		.sources_count = threads,
		.writers_count = threads,
		.orphans = orphans,
	};
	char error[CAPTURE_ERROR_BYTES];
	struct pipeline *pipeline;
	struct policy *policy;
	uint32_t i;

	for (i = 0; i < threads; i++)
		assert(capture_mem_open(&sources[i], in->records, in->bytes,
					in->link_type) == 0);
	assert(policy_load(&policy, text, strlen(text), &errors) == 0);
	config.policy = policy;
	assert(pipeline_start(&pipeline, &config, error) == 0);
	pipeline_join(pipeline);
	pipeline_free(&pipeline);
	policy_free(&policy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int link_types[] = { 1, 113, 276, 101 };
	const struct store_archive_config small = { .map_bytes = 16 << 20 };
	static const struct store_query all;
	char dir[] = "/dev/shm/spanrec-fuzz-XXXXXX";
	static const struct store_public recipient = { { 9 } };
	struct store_archive *archive;
	struct input in = { 0 };

	if (n < 1 || store_init() < 0)
		return 0;
	log_init("fuzz", LOG_LEVEL_ERROR);
	if (data[0] & 0x80) {
		in.link_type = link_types[0];
		build_frames(&in, data + 1, n - 1);
	} else {
		in.link_type = link_types[data[0] & 3];
		read_frames(&in, data + 1, n - 1);
	}
	assert(mkdtemp(dir));
	assert(store_archive_create(dir, &recipient, 1) == 0);
	assert(store_archive_open(&archive, dir, STORE_WRITE, &small, NULL) ==
	       0);
	run(&in, 1 + (data[0] >> 2 & 15) % 3, data[0] & 0x20,
	    data[0] & 0x40 ? look_back : policy_default_text(), archive);
	assert(store_search(archive, &all, check_row, archive) == 0);
	store_archive_close(&archive);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(in.records);
	return 0;
}
