/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is missing of a recording, or was left out of it. It stands inside the
 * sealed file. */
#include "cmd/spanrec/audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
spanrec_gaps_add(struct spanrec_gaps *gaps, const struct store_gap *gap,
		 enum store_side side)
{
	size_t capacity = gaps->capacity ? 2 * gaps->capacity : 16;
	struct spanrec_gap *grown;

	if (gaps->count == gaps->capacity) {
		grown = reallocarray(gaps->gaps, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		gaps->gaps = grown;
		gaps->capacity = capacity;
	}
	gaps->gaps[gaps->count++] = (struct spanrec_gap){ *gap, side };
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct spanrec_gap *x = a, *y = b;

	if (x->gap.from_ns != y->gap.from_ns)
		return x->gap.from_ns < y->gap.from_ns ? -1 : 1;
	return (x->side > y->side) - (x->side < y->side);
}

void
spanrec_gaps_sort(struct spanrec_gaps *gaps)
{
	if (gaps->count)
		qsort(gaps->gaps, gaps->count, sizeof(*gaps->gaps), compare);
}

/* @return 0, -errno */
static int
collect(struct store_reader *reader, struct spanrec_gaps *gaps)
{
	enum store_side side[STORE_STREAMS_MAX] = { STORE_LEFT };
	struct store_item item;
	int error;

	while ((error = store_reader_next(reader, &item)) == 1) {
		if (item.stream >= STORE_STREAMS_MAX)
			error = -EBADMSG;
		else if (item.type == STORE_ITEM_STREAM)
			side[item.stream] = item.info.side;
		else if (item.type == STORE_ITEM_GAP)
			error = spanrec_gaps_add(gaps, &item.gap,
						 side[item.stream]);
		if (error < 0)
			break;
	}
	return error;
}

int
spanrec_gaps_read(struct spanrec *spanrec, const struct store_segment *segment,
		  struct spanrec_gaps *gaps)
{
	struct store_reader *reader = NULL;
	int rc, error;

	*gaps = (struct spanrec_gaps){ 0 };
	if (!spanrec->identity || !spanrec_segment_audible(segment))
		return 0;
	rc = spanrec_reader_open(spanrec, segment, &reader);
	if (rc)
		return rc;
	error = collect(reader, gaps);
	store_reader_close(&reader);
	if (error < 0)
		return spanrec_reader_failed(segment, error);
	spanrec_gaps_sort(gaps);
	gaps->known = true;
	return 0;
}

void
spanrec_gaps_fini(struct spanrec_gaps *gaps)
{
	free(gaps->gaps);
	*gaps = (struct spanrec_gaps){ 0 };
}

const char *
spanrec_gap_at(const struct store_segment *segment, const struct store_gap *gap,
	       char text[SPANREC_TIME_BYTES])
{
	int64_t at_ns = spanrec_span_ns(segment->start_ns, gap->from_ns);
	int64_t ms = at_ns / 1000000 % 1000;
	size_t n;

	spanrec_duration(at_ns, text);
	n = strlen(text);
	snprintf(text + n, SPANREC_TIME_BYTES - n, ".%03d",
		 ms < 0 ? 0 : (int)ms);
	return text;
}

const char *
spanrec_gap_side(const struct spanrec_gap *gap)
{
	return gap->side == STORE_LEFT ? "left" : "right";
}

double
spanrec_gap_seconds(const struct store_gap *gap)
{
	return (double)spanrec_span_ns(gap->from_ns, gap->until_ns) / 1e9;
}
