/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scrub agree: the second person, who has the private key, makes the new file
 * here and hands it over to whoever writes the archive. It is sealed when it
 * leaves this process; the one in the folder for temporary files has no name.
 */
#include "cmd/spanrec/scrub_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/audio_priv.h"
#include "cmd/spanrec/cases_priv.h"
#include "store/scrub.h"

/** One segment. */
struct agreeing {
	struct spanrec *spanrec;
	const struct store_segment *segment;
	struct scrub_step *step;
	struct store_recording *recording; /**< the new one */
	FILE *file;
	struct store_scrub begun;
	struct store_scrub_result result;
};

/* @return exit code */
static int
failed(const struct agreeing *a, int error)
{
	log_error("%s: the part could not be taken out, so it is as it was: %s",
		  a->segment->id, scrub_step_error(error));
	return exit_code(error);
}

/* The new key gets its place. @return exit code */
static int
begin(struct agreeing *a)
{
	const struct store_recording_spec spec = { .id = a->segment->id,
						   .start_ns =
						       a->segment->start_ns };
	struct spanrec *spanrec = a->spanrec;
	int rc, r = store_recording_new(&a->recording, spanrec->archive, &spec);

	if (r)
		return failed(a, r);
	a->step->type = SCRUB_BEGIN;
	memcpy(a->step->scrub.id, a->segment->id, sizeof(a->step->scrub.id));
	store_recording_seal_key(a->recording, &a->step->sealed);
	rc = spanrec_scrub_step(spanrec, a->step);
	return rc ? rc
		  : spanrec_scrub_known(spanrec, a->segment->id, &a->begun);
}

static int64_t
earlier_ns(const struct store_format *stored, const struct store_frame *frame)
{
	struct rtp_format format;

	if (!stored)
		return 0;
	spanrec_format_read(&format, stored);
	return spanrec_earlier_ns(&format, frame);
}

/* @return exit code */
static int
make(struct agreeing *a)
{
	const struct store_scrub_reading reading = { a->spanrec->identity,
						     earlier_ns };
	int r;

	if (a->begun.state != STORE_SCRUB_BEGUN)
		return failed(a, -ESTALE);
	a->file = tmpfile();
	if (!a->file)
		return failed(a, -errno);
	r = store_scrub_make(a->spanrec->archive, &reading, &a->begun,
			     a->recording, fileno(a->file), &a->result);
	return r ? failed(a, r) : 0;
}

/* @return exit code */
static int
hand_over(struct agreeing *a)
{
	struct scrub_step *step = a->step;
	uint64_t offset = 0;
	ssize_t n;
	int rc = 0;

	while (!rc && offset < a->result.file_bytes) {
		memset(step, 0, sizeof(*step));
		step->type = SCRUB_WRITE;
		step->scrub = a->begun;
		step->piece.offset = offset;
		n = pread(fileno(a->file), step->piece.bytes, SCRUB_PIECE_BYTES,
			  (off_t)offset);
		if (n <= 0)
			return failed(a, n ? -errno : -EIO);
		step->piece.n = (size_t)n;
		offset += (uint64_t)n;
		rc = spanrec_scrub_step(a->spanrec, step);
	}
	return rc;
}

/* @return exit code */
static int
commit(struct agreeing *a)
{
	memset(a->step, 0, sizeof(*a->step));
	a->step->type = SCRUB_COMMIT;
	a->step->scrub = a->begun;
	a->step->result = a->result;
	return spanrec_scrub_step(a->spanrec, a->step);
}

static void
report(const struct agreeing *a)
{
	char words[2 * SPANREC_TIME_BYTES + 48];
	uint64_t removed = 0;

	if (a->spanrec->quiet)
		return;
	for (uint32_t i = 0; i < STORE_STREAMS_MAX; i++)
		removed += a->result.removed[i];
	spanrec_scrub_words(&a->begun, a->segment, words, sizeof(words));
	fprintf(a->spanrec->out,
		"%s: %s taken out (%" PRIu64
		" packet%s); the key of what was before is destroyed\n",
		a->segment->id, words, removed, removed == 1 ? "" : "s");
}

/* @return exit code */
static int
agree_segment(struct spanrec *spanrec, const struct store_segment *segment,
	      struct scrub_step *step)
{
	struct agreeing a = { .spanrec = spanrec,
			      .segment = segment,
			      .step = step };
	int rc = spanrec_scrub_may(spanrec, segment);

	memset(step, 0, sizeof(*step));
	if (!rc)
		rc = begin(&a);
	if (!rc)
		rc = make(&a);
	if (!rc)
		rc = hand_over(&a);
	if (!rc)
		rc = commit(&a);
	if (!rc)
		report(&a);
	store_recording_free(&a.recording, false);
	if (a.file)
		fclose(a.file);
	return rc;
}

/* @return exit code */
static int
agree_all(struct spanrec *spanrec, const struct spanrec_selection *selection)
{
	struct scrub_step *step = calloc(1, sizeof(*step));
	struct store_scrub scrub;
	size_t found = 0;
	int rc = 0;

	if (!step)
		return exit_code(-ENOMEM);
	for (size_t i = 0; !rc && i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		rc = spanrec_scrub_known(spanrec, segment->id, &scrub);
		if (rc || !*scrub.id)
			continue;
		found++;
		rc = agree_segment(spanrec, segment, step);
	}
	free(step);
	if (rc || found)
		return rc;
	log_error("nobody proposed to take a part out of %s; that is what "
		  "comes first: spanrec scrub %s --range FROM-TO --why TEXT",
		  selection->segments[0].call, selection->segments[0].call);
	return EXIT_NOT_FOUND;
}

int
spanrec_scrub_agree(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "ID",
		.doc = "Agree to what somebody else proposed: the part is "
		       "taken out of the recording, and cannot come back.\v"
		       "It takes the private key. Exit code 4: it was you who "
		       "proposed it, or the recording is held.\n\n"
		       "Example:\n"
		       "  spanrec scrub list\n"
		       "  spanrec scrub agree 20190328T1415\n",
		.what = "call",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct spanrec_selection selection = { 0 };
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_select(spanrec, o.name, &selection);
	if (!rc)
		rc = spanrec_open_key(spanrec, true);
	if (!rc)
		rc = agree_all(spanrec, &selection);
	spanrec_selection_fini(&selection);
	return rc;
}
