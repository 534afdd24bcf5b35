/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the archive costs: frames, sealing, keys, rows, searches. Prints ns per
 * operation; the file system is that of $TMPDIR or /tmp. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_priv.h"

#define START_NS      INT64_C(1553782503000000000)
#define RECORDINGS    1000
#define SECONDS       10
#define PAYLOAD_BYTES 172
#define ROWS          100000

/** Processor time, which others on the machine do not spoil, and the time on
 * the wall, which waits for the disk too. */
struct took {
	int64_t cpu_ns, wall_ns;
};

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct took
begin(void)
{
	return (struct took){ .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
			      .wall_ns = clock_ns(CLOCK_MONOTONIC) };
}

static void
report(const char *what, struct took began, uint64_t count)
{
	const struct took now = begin();

	printf("%-46s %12.1f %12.1f\n", what,
	       (double)(now.cpu_ns - began.cpu_ns) / (double)count,
	       (double)(now.wall_ns - began.wall_ns) / (double)count);
}

static void
must(int r)
{
	if (r < 0) {
		fprintf(stderr, "store_bench: %s\n", strerror(-r));
		exit(1);
	}
}

static long
resident_kib(void)
{
	char text[128] = "";
	long total = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fgets(text, sizeof(text), f)) {
		char *end;

		total = strtol(text, &end, 10);
		resident = strtol(end, NULL, 10);
	}
	if (f)
		fclose(f);
	return total ? resident * (sysconf(_SC_PAGESIZE) / 1024) : 0;
}

static void
segment_make(struct store_segment *s, unsigned nth)
{
	char dialog[32];

	memset(s, 0, sizeof(*s));
	snprintf(dialog, sizeof(dialog), "d%u", nth);
	s->call_start_ns = START_NS + nth * NS_PER_S;
	s->start_ns = s->call_start_ns;
	s->end_ns = s->start_ns + 180 * NS_PER_S;
	store_call_id_make(s->call, s->call_start_ns, dialog, "t", 0);
	s->segment = 1;
	store__segment_id_make(s->id, s->call, 1);
	snprintf(s->from, sizeof(s->from), "+441495%06u", nth % 50000);
	snprintf(s->to, sizeof(s->to), "%u", 2000 + nth % 300);
	memcpy(s->local, s->to, sizeof(s->to));
	memcpy(s->remote, s->from, sizeof(s->from));
	snprintf(s->retention, sizeof(s->retention), "standard");
	s->state = STORE_STATE_STORED;
	s->streams_count = 2;
	for (unsigned i = 0; i < 2; i++)
		s->streams[i] = (struct store_stream){ .codec = "PCMA",
						       .seen = 9000,
						       .stored = 9000,
						       .expected = 9000 };
}

/* ---- sealing ----------------------------------------------------------- */

static void
bench_seal(uint8_t id, const char *name)
{
	const struct store__cipher *cipher = store__cipher_find(id);
	static uint8_t text[16384 + STORE__TAG_BYTES];
	uint8_t key[STORE_FILE_KEY_BYTES] = { 1 }, ad[STORE__AD_BYTES] = { 2 };
	uint8_t nonce[STORE__NONCE_BYTES];
	const unsigned rounds = 20000;
	struct took began;

	if (!cipher) {
		printf("%-46s not on this processor\n", name);
		return;
	}
	began = begin();
	for (unsigned i = 0; i < rounds; i++) {
		store__nonce_make(nonce, i, false);
		cipher->seal(text, 16384, ad, sizeof(ad), nonce, key);
	}
	report(name, began, (uint64_t)rounds * 16384);
}

/* ---- frames ------------------------------------------------------------ */

static struct store_recording *recs[RECORDINGS];

static void
recordings_begin(struct store_archive *archive, uint8_t cipher)
{
	const struct store_stream_info info = { .ssrc = 1 };
	const struct store_format format = { .payload_type = 8,
					     .clock_hz = 8000,
					     .encoding = "PCMA" };
	struct store_segment s;
	struct took began = begin();

	for (unsigned i = 0; i < RECORDINGS; i++) {
		struct store_recording_spec spec = { .id = s.id,
						     .start_ns = START_NS };

		segment_make(&s, i + cipher * RECORDINGS);
		must(store_recording_new(&recs[i], archive, &spec));
		for (int side = 0; side < 2; side++) {
			must(store_recording_stream(recs[i], &info));
			must(store_recording_format(recs[i], side, &format));
		}
	}
	report("recording: new, two streams", began, RECORDINGS);
	began = begin();
	for (unsigned i = 0; i < RECORDINGS; i++)
		must(store_recording_begin(recs[i], 20190328, i));
	report("recording: begin (creates the file)", began, RECORDINGS);
}

/** One second of two sides, in passes of 100 ms over all recordings. */
static void
second_append(unsigned second)
{
	uint8_t payload[PAYLOAD_BYTES] = { 0xd5 };
	struct store_frame frame = { .payload = payload,
				     .payload_type = 8,
				     .payload_bytes = PAYLOAD_BYTES };

	for (unsigned n = second * 50; n < (second + 1) * 50; n += 5)
		for (unsigned i = 0; i < RECORDINGS; i++)
			for (unsigned j = 0; j < 10; j++) {
				frame.stream = j >= 5;
				frame.sequence = (uint16_t)(n + j % 5);
				frame.time_ns =
				    START_NS +
				    frame.sequence * INT64_C(20000000);
				must(store_recording_frame(recs[i], &frame));
			}
}

static void
bench_frames(struct store_archive *archive, const char *name, uint8_t cipher)
{
	const uint64_t frames = RECORDINGS * 100;
	struct store_recording_result result;
	struct store_segment s = { .streams_count = 0 };
	struct took began;
	long kib = resident_kib();

	archive->cipher = store__cipher_find(cipher);
	if (!archive->cipher)
		return;
	printf("%s\n", name);
	recordings_begin(archive, cipher);
	for (unsigned second = 0; second < SECONDS; second++) {
		began = begin();
		second_append(second);
		if (second < 2)
			report(second ? "frame: append"
				      : "frame: append, into new memory",
			       began, frames);
		began = begin();
		for (unsigned i = 0; i < RECORDINGS; i++)
			must(store_recording_flush(
			    recs[i], START_NS + (second + 1) * NS_PER_S));
		if (second == 1)
			report("frame: its part of sealing and writing", began,
			       frames);
	}
	printf("%-46s %12.1f KiB\n", "resident, each of 1000 recordings",
	       (double)(resident_kib() - kib) / RECORDINGS);
	began = begin();
	for (unsigned i = 0; i < RECORDINGS; i++) {
		must(store_recording_finish(recs[i], &s, &result));
		store_recording_free(&recs[i], true);
	}
	report("recording: finish, free, unlink", began, RECORDINGS);
}

/* ---- keys -------------------------------------------------------------- */

static void
bench_keys(struct store_archive *archive)
{
	const struct store_recording_spec spec = { .id = "bench-1" };
	struct store_sealed_key sealed;
	struct store_recording *rec;
	const unsigned count = 5000;
	uint32_t slot;
	struct took began;

	must(store_recording_new(&rec, archive, &spec));
	began = begin();
	for (unsigned i = 0; i < 1000; i++)
		store_recording_seal_key(rec, &sealed);
	report("key: seal to one recipient", began, 1000);
	began = begin();
	for (unsigned i = 0; i < count; i++) {
		must(store_keyring_add(archive, 20190328, &sealed, &slot));
		if (i % 100 == 99)
			must(store_keyring_sync(archive));
	}
	report("keyring: add, a sync per 100", began, count);
	store_recording_free(&rec, false);
}

/* ---- index ------------------------------------------------------------- */

static unsigned
bench_puts(struct store_archive *archive, unsigned from, unsigned count,
	   unsigned batch)
{
	struct store_segment s;
	char what[64];
	struct took began = begin();

	for (unsigned i = 0; i < count; i++) {
		if (i % batch == 0)
			must(store_batch_begin(archive));
		segment_make(&s, from + i);
		must(store_segment_put(archive, &s));
		if (i % batch == batch - 1 || i == count - 1)
			must(store_batch_commit(archive));
	}
	snprintf(what, sizeof(what), "index: put, batches of %u", batch);
	report(what, began, count);
	return from + count;
}

static int
count_one(void *ctx, const struct store_segment *segment)
{
	++*(unsigned *)ctx;
	return 0;
}

static void
bench_search(struct store_archive *archive, const struct store_query *query,
	     const char *name, unsigned rounds)
{
	char what[80];
	unsigned found = 0;
	struct took began = begin();

	for (unsigned i = 0; i < rounds; i++) {
		found = 0;
		must(store_search(archive, query, count_one, &found));
	}
	snprintf(what, sizeof(what), "%s (%u found)", name, found);
	report(what, began, rounds);
}

static void
bench_index(struct store_archive *archive)
{
	unsigned next = 0;

	next = bench_puts(archive, next, 500, 1);
	next = bench_puts(archive, next, 5000, 100);
	next = bench_puts(archive, next, 20000, 1000);
	bench_puts(archive, next, ROWS - next, 10000);
	bench_search(archive,
		     &(struct store_query){ .number = "+441495000123" },
		     "search: a number among 100,000 rows", 2000);
	bench_search(
	    archive,
	    &(struct store_query){ .number = "2100",
				   .from_ns = START_NS + 90000 * NS_PER_S,
				   .to_ns = START_NS + 91000 * NS_PER_S },
	    "search: a number in 17 minutes", 2000);
	bench_search(
	    archive,
	    &(struct store_query){ .from_ns = START_NS + 90000 * NS_PER_S,
				   .to_ns = START_NS + 91000 * NS_PER_S },
	    "search: 17 minutes", 20);
	bench_search(archive, &(struct store_query){ 0 }, "search: everything",
		     1);
}

int
main(void)
{
	const char *base = getenv("TMPDIR");
	struct store_archive *archive;
	struct store_public pub;
	char home[256], path[300];
	int status;

	must(store_init());
	snprintf(home, sizeof(home), "%s/store-bench-XXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(home))
		must(-errno);
	snprintf(path, sizeof(path), "%s/key", home);
	must(store_identity_create(path, &pub));
	snprintf(path, sizeof(path), "%s/archive", home);
	must(store_archive_create(path, &pub, 1));
	must(store_archive_open(&archive, path, STORE_WRITE, NULL, NULL));

	printf("%-46s %12s %12s\n", "ns per operation", "processor", "wall");
	bench_seal(STORE__XCHACHA20_POLY1305,
		   "seal: XChaCha20-Poly1305, 16 KiB, a byte");
	bench_seal(STORE__AES256_GCM, "seal: AES-256-GCM, 16 KiB, a byte");
	bench_frames(archive, "AES-256-GCM:", STORE__AES256_GCM);
	bench_frames(archive, "XChaCha20-Poly1305:", STORE__XCHACHA20_POLY1305);
	printf("keys and index:\n");
	bench_keys(archive);
	bench_index(archive);
	store_archive_close(&archive);
	snprintf(path, sizeof(path), "rm -rf '%s'", home);
	status = system(path);
	return status != 0;
}
