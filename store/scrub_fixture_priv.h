/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of scrubs share: from the proposal to the certificate, as two
 * people do it. Goes behind cmd/testing/testing.h. */
#ifndef STORE_SCRUB_FIXTURE_PRIV_H
#define STORE_SCRUB_FIXTURE_PRIV_H

#include "store/fixture_priv.h"
#include "store/scrub.h"

#include <sys/mman.h>
#include <unistd.h>

#define MS        INT64_C(1000000)
#define LONG_MS   10000 /* of a recording here */
#define FROM_MS   4000
#define UNTIL_MS  6000
#define PACKET_MS 20

static const struct store_person ann = { .uid = 1001, .name = "ann" };
static const struct store_person bob = { .uid = 1002, .name = "bob" };

static inline int
count_finding(void *ctx, const struct store_finding *finding)
{
	if (finding->type != STORE_FINDING_KEY_UNUSED) {
		++*(unsigned *)ctx;
		print_message("%s: %s\n", finding->id, finding->detail);
	}
	return 0;
}

static inline unsigned
findings(struct fixture *fx)
{
	unsigned count = 0;

	assert_int_equal(
	    store_verify_orphans(fx->archive, count_finding, &count), 0);
	return count;
}

static inline void
expect_sound(struct fixture *fx, const char *id, struct store_segment *now)
{
	struct store_finding finding;
	int r;

	assert_int_equal(store_segment_get(fx->archive, id, now), 0);
	r = store_verify(fx->archive, fx->identity, now, &finding);
	if (r)
		print_message("%s\n", finding.detail);
	assert_int_equal(r, 0);
	assert_int_equal(findings(fx), 0);
}

/* ---- scrubbing --------------------------------------------------------- */

static inline int
propose_range(struct fixture *fx, const struct store_segment *s, uint32_t sides,
	      int64_t from_ns, int64_t until_ns)
{
	struct store_scrub scrub = { .from_ns = from_ns,
				     .until_ns = until_ns,
				     .sides = sides,
				     .why = "a card number",
				     .proposer = ann,
				     .proposed_ns = 1111 };

	memcpy(scrub.id, s->id, sizeof(scrub.id));
	return store_scrub_propose(fx->archive, &scrub);
}

static inline int
propose(struct fixture *fx, const struct store_segment *s, uint32_t sides)
{
	return propose_range(fx, s, sides, s->start_ns + FROM_MS * MS,
			     s->start_ns + UNTIL_MS * MS);
}

static inline int
hand_over(struct fixture *fx, const struct store_scrub *begun, int fd)
{
	uint8_t piece[5000];
	uint64_t offset = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 &&
	       (n = pread(fd, piece, sizeof(piece), (off_t)offset)) > 0) {
		r = store_scrub_write(fx->archive, begun, offset, piece,
				      (size_t)n);
		offset += (uint64_t)n;
	}
	return r;
}

/** [ns] What each packet brings along of before it. */
static int64_t brought_ns;

static inline int64_t
brings_earlier(const struct store_format *format,
	       const struct store_frame *frame)
{
	assert_non_null(frame->payload);
	return brought_ns;
}

/** From the agreement to the file in memory. @return its descriptor, or errno
 * of the first step that failed */
static inline int
make(struct fixture *fx, const char *id, const struct store_person *who,
     struct store_scrub *begun, struct store_scrub_result *result)
{
	struct store_recording_spec spec = { .id = id };
	struct store_sealed_key sealed;
	const struct store_scrub_reading reading = { fx->identity,
						     brings_earlier };
	struct store_recording *rec;
	struct store_segment s;
	int fd, r;

	r = store_segment_get(fx->archive, id, &s);
	if (r)
		return r;
	spec.start_ns = s.start_ns;
	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	store_recording_seal_key(rec, &sealed);
	r = store_scrub_begin(fx->archive, id, who, 2222, &sealed, begun);
	if (r) {
		store_recording_free(&rec, false);
		return r;
	}
	fd = memfd_create("scrub", MFD_CLOEXEC);
	assert_true(fd >= 0);
	r = store_scrub_make(fx->archive, &reading, begun, rec, fd, result);
	store_recording_free(&rec, false);
	if (r)
		close(fd);
	return r ? r : fd;
}

static inline int
agree(struct fixture *fx, const char *id, const struct store_person *who)
{
	struct store_scrub_result result;
	struct store_scrub begun;
	int r, fd = make(fx, id, who, &begun, &result);

	if (fd < 0)
		return fd;
	r = hand_over(fx, &begun, fd);
	close(fd);
	return r ? r : store_scrub_commit(fx->archive, &begun, &result, 3333);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
