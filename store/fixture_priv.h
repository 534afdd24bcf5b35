/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the archive share: an archive in a temporary folder with
 * its key, segments, and recordings with marked payloads. Goes behind
 * cmd/testing/testing.h, which only tests may include. */
#ifndef STORE_FIXTURE_PRIV_H
#define STORE_FIXTURE_PRIV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

/** 2019-03-28 14:15:03 UTC */
#define FIXTURE_START_NS INT64_C(1553782503000000000)
#define FIXTURE_DAY 20190328

struct fixture {
	char *home;
	char dir[256]; /**< the archive */
	char key_path[256];
	struct store_public pub;
	struct store_identity *identity;
	struct store_archive *archive;
};

/** Small, so that sanitizers do not have to reserve much. */
static const struct store_archive_config fixture_config = {
	.map_bytes = UINT64_C(32) << 20,
	.now_ns = 5555,
};

static inline void
fixture_open(struct fixture *fx)
{
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, NULL),
			 0);
}

static inline void
fixture_init(struct fixture *fx)
{
	memset(fx, 0, sizeof(*fx));
	assert_int_equal(store_init(), 0);
	fx->home = testing_folder();
	snprintf(fx->dir, sizeof(fx->dir), "%s/archive", fx->home);
	snprintf(fx->key_path, sizeof(fx->key_path), "%s/vault.key", fx->home);
	assert_int_equal(store_identity_create(fx->key_path, &fx->pub), 0);
	assert_int_equal(store_identity_load(&fx->identity, fx->key_path), 0);
	assert_int_equal(store_archive_create(fx->dir, &fx->pub, 1), 0);
	fixture_open(fx);
}

static inline void
fixture_fini(struct fixture *fx)
{
	store_archive_close(&fx->archive);
	store_identity_free(&fx->identity);
	testing_folder_remove(fx->home);
}

/** Of a test; its state is the fixture. */
static inline int
fixture_setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fixture_init(fx);
	*state = fx;
	return 0;
}

static inline int
fixture_teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

/** Segment 1 of the nth call; calls begin a minute apart. */
static inline void
fixture_segment(struct store_segment *s, unsigned nth)
{
	char dialog[32];

	memset(s, 0, sizeof(*s));
	snprintf(dialog, sizeof(dialog), "dialog-%u", nth);
	s->call_start_ns = FIXTURE_START_NS + nth * 60 * NS_PER_S;
	s->start_ns = s->call_start_ns;
	s->end_ns = s->start_ns + 10 * NS_PER_S;
	store_call_id_make(s->call, s->call_start_ns, dialog, "tag", 0);
	s->segment = 1;
	store__segment_id_make(s->id, s->call, s->segment);
	snprintf(s->from, sizeof(s->from), "+4414951234%02u", nth % 100);
	snprintf(s->to, sizeof(s->to), "2041");
	memcpy(s->local, s->to, sizeof(s->to));
	memcpy(s->remote, s->from, sizeof(s->from));
	snprintf(s->retention, sizeof(s->retention), "standard");
	snprintf(s->area, sizeof(s->area), "office");
	s->state = STORE_STATE_NONE;
}

static inline void
fixture_put(struct fixture *fx, const struct store_segment *s)
{
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_segment_put(fx->archive, s), 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
}

/** Marked with stream and sequence, so that a swap shows. */
#define FIXTURE_PAYLOAD_BYTES 160
static inline void
fixture_payload(uint8_t payload[FIXTURE_PAYLOAD_BYTES], unsigned stream,
		unsigned sequence)
{
	char mark[32];
	size_t n = (size_t)snprintf(mark, sizeof(mark), "PLAINTEXT-%u-%05u.",
				    stream, sequence);

	for (size_t i = 0; i < FIXTURE_PAYLOAD_BYTES; i++)
		payload[i] = (uint8_t)mark[i % n];
}

static inline int
fixture_frame(struct store_recording *rec, unsigned stream, unsigned sequence,
	      int64_t time_ns)
{
	uint8_t payload[FIXTURE_PAYLOAD_BYTES];
	struct store_frame frame = {
		.time_ns = time_ns,
		.timestamp = sequence * 160,
		.sequence = (uint16_t)sequence,
		.payload_bytes = sizeof(payload),
		.stream = (uint8_t)stream,
		.payload_type = 8,
		.marker = sequence == 0,
		.payload = payload,
	};

	fixture_payload(payload, stream, sequence);
	return store_recording_frame(rec, &frame);
}

/** Two streams of PCMA, told. */
static inline void
fixture_streams(struct store_recording *rec)
{
	const struct store_format format = { .payload_type = 8,
					     .channels = 1,
					     .clock_hz = 8000,
					     .encoding = "PCMA" };

	for (int i = 0; i < 2; i++) {
		struct store_stream_info info = {
			.side = i ? STORE_RIGHT : STORE_LEFT,
			.ssrc = 0x1000u + (uint32_t)i,
			.src_port = 4000,
			.dst_port = 5000,
		};

		assert_int_equal(store_recording_stream(rec, &info), i);
		assert_int_equal(store_recording_format(rec, i, &format), 0);
	}
}

/** Key durable, row in state recording, recording begun. */
static inline struct store_recording *
fixture_begin(struct fixture *fx, struct store_segment *s)
{
	struct store_recording_spec spec = { .id = s->id,
					     .start_ns = s->start_ns };
	struct store_sealed_key sealed;
	struct store_recording *rec;

	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	store_recording_seal_key(rec, &sealed);
	s->state = STORE_STATE_RECORDING;
	s->decision = STORE_RECORD;
	s->key_day = store_day(s->call_start_ns);
	assert_int_equal(store_keyring_add(fx->archive, s->key_day, &sealed,
					   &s->key_slot),
			 0);
	assert_int_equal(store_keyring_sync(fx->archive), 0);
	fixture_put(fx, s);
	assert_int_equal(store_recording_begin(rec, s->key_day, s->key_slot),
			 0);
	fixture_streams(rec);
	return rec;
}

/** Both sides speak for a time, 50 frames a second each. */
static inline int
fixture_speak(struct store_recording *rec, const struct store_segment *s,
	      unsigned from_ms, unsigned until_ms)
{
	int r = 0;

	for (unsigned ms = from_ms; ms < until_ms && r == 0; ms += 20) {
		int64_t time_ns = s->start_ns + ms * INT64_C(1000000);

		r = fixture_frame(rec, 0, ms / 20, time_ns);
		if (r == 0)
			r = fixture_frame(rec, 1, ms / 20, time_ns + 5000000);
	}
	return r;
}

/** Totals as they should be after fixture_speak from 0 to ms. */
static inline void
fixture_totals(struct store_segment *s, unsigned ms)
{
	s->streams_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		s->streams[i] = (struct store_stream){
			.side = i ? STORE_RIGHT : STORE_LEFT,
			.ssrc = 0x1000 + i,
			.codec = "PCMA",
			.seen = ms / 20,
			.stored = ms / 20,
			.expected = ms / 20,
			.first_ns = s->start_ns,
			.last_ns = s->end_ns,
		};
	}
}

/** As the archive thread enters a finished recording. */
static inline void
fixture_finish(struct fixture *fx, struct store_segment *s,
	       struct store_recording *rec, unsigned ms)
{
	struct store_recording_result result;

	s->end_ns = s->start_ns + ms * INT64_C(1000000);
	fixture_totals(s, ms);
	assert_int_equal(store_recording_finish(rec, s, &result), 0);
	s->state = STORE_STATE_STORED;
	s->bytes = result.payload_bytes;
	s->chunks = result.chunks;
	memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
	store_recording_free(&rec, false);
	assert_int_equal(store_archive_sync(fx->archive), 0);
	fixture_put(fx, s);
}

/** A whole recording of so many milliseconds. */
static inline void
fixture_record(struct fixture *fx, struct store_segment *s, unsigned nth,
	       unsigned ms)
{
	struct store_recording *rec;

	fixture_segment(s, nth);
	rec = fixture_begin(fx, s);
	assert_int_equal(fixture_speak(rec, s, 0, ms), 0);
	fixture_finish(fx, s, rec, ms);
}

/** Held for a case of its own. */
static inline void
fixture_hold(struct fixture *fx, const char *id)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act act = { .type = STORE_ACT_OPEN,
				 .now_ns = 1,
				 .reason = "needed",
				 .approver = "bob",
				 .review_ns = 2,
				 .ids = ids };

	snprintf(act.of.name, sizeof(act.of.name), "for-%.30s", id);
	snprintf(ids[0], sizeof(ids[0]), "%s", id);
	assert_int_equal(store_act(fx->archive, &act, failed), 0);
	act.type = STORE_ACT_HOLD;
	act.count = 1;
	assert_int_equal(store_act(fx->archive, &act, failed), 0);
}

/** Write the index past all that keeps it sound. @param value NULL: delete */
static inline void
fixture_index_set(struct fixture *fx, MDB_dbi table,
		  const struct store__key *key, const void *value, size_t n)
{
	struct store__key copy = *key;
	MDB_val k = store__key_val(&copy);
	MDB_val v = { .mv_size = n, .mv_data = (void *)(uintptr_t)value };
	MDB_txn *txn;

	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	assert_int_equal(value ? mdb_put(txn, table, &k, &v, 0)
			       : mdb_del(txn, table, &k, NULL),
			 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

/** The key of its row. */
static inline struct store__key
fixture_key(const struct store_segment *s)
{
	struct store__key key = { 0 };

	store__key_segment(&key, s->call, s->segment);
	return key;
}

static inline void
fixture_path(const struct fixture *fx, const struct store_segment *s,
	     char path[512])
{
	char below[STORE__PATH_BYTES];

	store__recording_path(below, s->key_day, s->id, s->scrubs);
	snprintf(path, 512, "%s/%s", fx->dir, below);
}

#endif
