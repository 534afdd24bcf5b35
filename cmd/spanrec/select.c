/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what people type as an id to the segments of one call. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* So many calls are named when an id fits several. */
#define CALLS_NAMED 10

struct search {
	struct spanrec_selection *selection;
	char calls[CALLS_NAMED + 1][STORE_CALL_ID_BYTES];
	size_t calls_count;
};

/* Keep the segments of the first call, and the ids of the others. */
static int
take_segment(void *ctx, const struct store_segment *segment)
{
	struct search *search = ctx;
	struct spanrec_selection *selection = search->selection;
	size_t n = search->calls_count;
	void *grown;

	if (!n || strcmp(search->calls[n - 1], segment->call) != 0) {
		if (n == CALLS_NAMED + 1)
			return 1;
		snprintf(search->calls[n], STORE_CALL_ID_BYTES, "%s",
			 segment->call);
		search->calls_count++;
	}
	if (search->calls_count > 1)
		return 0;
	grown = reallocarray(selection->segments, selection->count + 1,
			     sizeof(*selection->segments));
	if (!grown)
		return -ENOMEM;
	selection->segments = grown;
	selection->segments[selection->count++] = *segment;
	return 0;
}

static int
compare_segments(const void *a, const void *b)
{
	const struct store_segment *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return (x->segment > y->segment) - (x->segment < y->segment);
}

/* "X-1" is also the beginning of "X-10": the whole id wins. */
static void
prefer_exact(struct spanrec_selection *selection, const char *id)
{
	size_t i;

	for (i = 0; i < selection->count; i++) {
		if (strcmp(selection->segments[i].id, id) != 0)
			continue;
		selection->segments[0] = selection->segments[i];
		selection->count = 1;
		return;
	}
}

static int
several_calls(const char *id, const struct search *search)
{
	size_t i;

	log_error("'%s' fits several calls; give more of the id:", id);
	for (i = 0; i < search->calls_count && i < CALLS_NAMED; i++)
		fprintf(stderr, "  %s\n", search->calls[i]);
	if (search->calls_count > CALLS_NAMED)
		fprintf(stderr, "  and more\n");
	return EXIT_USAGE;
}

/* What somebody may not find in a list he may not look at by its id either.
 * @return exit code */
static int
keep_found(const struct spanrec *spanrec, struct spanrec_selection *selection)
{
	char why[256] = "";
	size_t kept = 0;

	for (size_t i = 0; i < selection->count; i++) {
		const struct policy_wish wish = {
			.right = POLICY_RIGHT_FIND,
			.area = selection->segments[i].area,
		};

		if (!spanrec_may(spanrec, &wish, why, sizeof(why)))
			continue;
		if (kept != i)
			selection->segments[kept] = selection->segments[i];
		kept++;
	}
	selection->count = kept;
	if (kept)
		return 0;
	log_error("%s", why);
	return EXIT_NOT_ALLOWED;
}

int
spanrec_select(struct spanrec *spanrec, const char *id,
	       struct spanrec_selection *selection)
{
	const struct store_query query = { .id_prefix = id, .purged = true };
	struct search search = { .selection = selection };
	char clean[SPANREC_TEXT_BYTES];
	uint64_t skipped;
	int rc;

	*selection = (struct spanrec_selection){ 0 };
	if (!*id) {
		log_error("the id is empty; 'spanrec list' shows the ids");
		return EXIT_USAGE;
	}
	spanrec_text_clean(id, clean, sizeof(clean));
	rc = store_search(spanrec->archive, &query, take_segment, &search);
	if (rc < 0) {
		log_error("'%s' could not be looked up: %s", clean,
			  strerror(-rc));
		return exit_code(rc);
	}
	skipped = store_rows_skipped(spanrec->archive);
	if (skipped)
		log_error("%" PRIu64 " of the segments that '%s' fits cannot "
			  "be read in the index; 'spanrec verify' names them",
			  skipped, clean);
	if (skipped && !selection->count)
		return EXIT_DAMAGED;
	if (!selection->count) {
		log_error("there is no call and no recording '%s'; 'spanrec "
			  "list' shows the ids",
			  clean);
		return EXIT_NOT_FOUND;
	}
	if (search.calls_count > 1)
		return several_calls(clean, &search);
	prefer_exact(selection, id);
	rc = keep_found(spanrec, selection);
	if (rc)
		return rc;
	qsort(selection->segments, selection->count,
	      sizeof(*selection->segments), compare_segments);
	return 0;
}

void
spanrec_id_meant(const struct spanrec *spanrec, const char *id,
		 char meant[STORE_SEGMENT_ID_BYTES])
{
	const struct store_query query = { .id_prefix = id, .purged = true };
	struct spanrec_selection selection = { 0 };
	struct search search = { .selection = &selection };

	snprintf(meant, STORE_SEGMENT_ID_BYTES, "%s", id);
	if (*id && spanrec->archive &&
	    store_search(spanrec->archive, &query, take_segment, &search) >=
		0 &&
	    search.calls_count == 1) {
		prefer_exact(&selection, id);
		snprintf(meant, STORE_SEGMENT_ID_BYTES, "%s",
			 selection.count == 1 ? selection.segments[0].id
					      : selection.segments[0].call);
	}
	spanrec_selection_fini(&selection);
}

void
spanrec_selection_fini(struct spanrec_selection *selection)
{
	free(selection->segments);
	*selection = (struct spanrec_selection){ 0 };
}

int
spanrec_ids_add(struct spanrec_ids *ids, const char *id)
{
	if (ids->count == ids->capacity) {
		size_t capacity = ids->capacity ? 2 * ids->capacity : 64;
		void *grown =
		    reallocarray(ids->ids, capacity, sizeof(*ids->ids));

		if (!grown)
			return -ENOMEM;
		ids->ids = grown;
		ids->capacity = capacity;
	}
	snprintf(ids->ids[ids->count++], STORE_SEGMENT_ID_BYTES, "%s", id);
	return 0;
}

void
spanrec_ids_fini(struct spanrec_ids *ids)
{
	free(ids->ids);
	*ids = (struct spanrec_ids){ 0 };
}
