/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What verify costs beside reading and decrypting alone, and without the
 * private key. Prints ns per byte of the files; the archive is made in $TMPDIR
 * or /tmp, and is in memory when it is read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store_priv.h"

#define START_NS      INT64_C(1553782503000000000)
#define RECORDINGS    60
#define SECONDS       180
#define PAYLOAD_BYTES 160
#define ROUNDS        5

static struct store_segment segments[RECORDINGS];

static void
must(int r)
{
	if (r < 0) {
		fprintf(stderr, "verify_bench: %s\n", strerror(-r));
		exit(1);
	}
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void
segment_make(struct store_segment *s, unsigned nth)
{
	char dialog[32];

	snprintf(dialog, sizeof(dialog), "d%u", nth);
	s->call_start_ns = s->start_ns = START_NS + nth * NS_PER_S;
	s->end_ns = s->start_ns + SECONDS * NS_PER_S;
	store_call_id_make(s->call, s->call_start_ns, dialog, "t", 0);
	s->segment = 1;
	store__segment_id_make(s->id, s->call, 1);
	s->key_day = store_day(s->call_start_ns);
	s->key_slot = nth;
	s->decision = STORE_RECORD;
	s->streams_count = 2;
	for (unsigned i = 0; i < 2; i++)
		s->streams[i] =
		    (struct store_stream){ .side = i ? STORE_RIGHT : STORE_LEFT,
					   .ssrc = i,
					   .codec = "PCMA",
					   .seen = SECONDS * 50,
					   .stored = SECONDS * 50,
					   .expected = SECONDS * 50 };
}

static void
speak(struct store_recording *rec, const struct store_segment *s)
{
	static const uint8_t payload[PAYLOAD_BYTES] = { 0xd5, 1, 2 };
	struct store_frame frame = { .payload = payload,
				     .payload_type = 8,
				     .payload_bytes = PAYLOAD_BYTES };

	for (unsigned side = 0; side < 2; side++) {
		struct store_stream_info info = { .side = side ? STORE_RIGHT
							       : STORE_LEFT,
						  .ssrc = side };

		must(store_recording_stream(rec, &info));
	}
	for (unsigned n = 0; n < SECONDS * 100; n++) {
		frame.stream = n % 2;
		frame.sequence = (uint16_t)(n / 2);
		frame.time_ns = s->start_ns + n / 2 * INT64_C(20000000);
		must(store_recording_frame(rec, &frame));
	}
}

static void
record(struct store_archive *archive, struct store_segment *s, unsigned nth)
{
	struct store_recording_spec spec = { .id = s->id };
	struct store_recording_result result;
	struct store_sealed_key sealed;
	struct store_recording *rec;

	segment_make(s, nth);
	spec.start_ns = s->start_ns;
	must(store_recording_new(&rec, archive, &spec));
	store_recording_seal_key(rec, &sealed);
	must(store_keyring_add(archive, s->key_day, &sealed, &s->key_slot));
	must(store_recording_begin(rec, s->key_day, s->key_slot));
	speak(rec, s);
	must(store_recording_finish(rec, s, &result));
	store_recording_free(&rec, false);
	s->state = STORE_STATE_STORED;
	s->bytes = result.payload_bytes;
	s->chunks = result.chunks;
	memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
}

static void
read_one(struct store_archive *archive, const struct store_identity *identity,
	 const struct store_segment *s)
{
	struct store_reader *reader;
	struct store_item item;
	int r;

	must(store_reader_open(&reader, archive, identity, s));
	while ((r = store_reader_next(reader, &item)) > 0)
		;
	must(r);
	store_reader_close(&reader);
}

static void
verify_one(struct store_archive *archive, const struct store_identity *identity,
	   const struct store_segment *s)
{
	struct store_finding finding;
	int r = store_verify(archive, identity, s, &finding);

	must(r);
	if (r) {
		fprintf(stderr, "verify_bench: %s\n", finding.detail);
		exit(1);
	}
}

typedef void (*one_fn)(struct store_archive *archive,
		       const struct store_identity *identity,
		       const struct store_segment *s);

/** @return ns per byte, the best of some rounds */
static double
each(const char *what, one_fn fn, struct store_archive *archive,
     const struct store_identity *identity)
{
	double best = 0, bytes = 0;

	for (unsigned i = 0; i < RECORDINGS; i++)
		bytes += (double)segments[i].bytes;
	for (unsigned round = 0; round < ROUNDS; round++) {
		int64_t began = now_ns();
		double ns;

		for (unsigned i = 0; i < RECORDINGS; i++)
			fn(archive, identity, &segments[i]);
		ns = (double)(now_ns() - began) / bytes;
		if (!round || ns < best)
			best = ns;
	}
	printf("%-46s %12.3f\n", what, best);
	return best;
}

int
main(void)
{
	const char *base = getenv("TMPDIR");
	struct store_identity *identity;
	struct store_archive *archive;
	struct store_public pub;
	char home[256], path[300];
	double reading, verifying;

	must(store_init());
	snprintf(home, sizeof(home), "%s/verify-bench-XXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(home))
		must(-errno);
	snprintf(path, sizeof(path), "%s/key", home);
	must(store_identity_create(path, &pub));
	must(store_identity_load(&identity, path));
	snprintf(path, sizeof(path), "%s/archive", home);
	must(store_archive_create(path, &pub, 1));
	must(store_archive_open(&archive, path, STORE_WRITE, NULL, NULL));
	for (unsigned i = 0; i < RECORDINGS; i++)
		record(archive, &segments[i], i);
	printf("%-46s %12s\n", "ns per byte of sound", "processor");
	reading = each("reading and decrypting", read_one, archive, identity);
	verifying = each("verify", verify_one, archive, identity);
	printf("%-46s %12.2f (wanted: 1.50 at most)\n", "  so many times that",
	       verifying / reading);
	each("verify, without the private key", verify_one, archive, NULL);
	store_identity_free(&identity);
	store_archive_close(&archive);
	snprintf(path, sizeof(path), "rm -rf '%s'", home);
	return system(path) != 0 || verifying > 1.5 * reading;
}
