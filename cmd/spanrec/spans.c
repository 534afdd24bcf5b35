/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of spans of time. */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <stdlib.h>

int
spanrec_spans_add(struct spanrec_spans *row, struct spanrec_span span)
{
	/* doubled each time it is full */
	if (!(row->count & (row->count - 1))) {
		size_t capacity = row->count ? 2 * row->count : 1;
		struct spanrec_span *spans =
		    realloc(row->spans, capacity * sizeof(*spans));

		if (!spans)
			return -ENOMEM;
		row->spans = spans;
	}
	row->spans[row->count++] = span;
	return 0;
}

struct spanrec_span
spanrec_span_widened(struct spanrec_span span, int64_t by_ns)
{
	struct spanrec_span wide;

	if (__builtin_sub_overflow(span.from_ns, by_ns, &wide.from_ns))
		wide.from_ns = INT64_MIN;
	if (__builtin_add_overflow(span.until_ns, by_ns, &wide.until_ns))
		wide.until_ns = INT64_MAX;
	return wide;
}

static int
compare(const void *a, const void *b)
{
	const struct spanrec_span *x = a, *y = b;

	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

void
spanrec_spans_order(struct spanrec_spans *row)
{
	size_t i, n = 0;

	if (row->count)
		qsort(row->spans, row->count, sizeof(*row->spans), compare);
	for (i = 0; i < row->count; i++) {
		const struct spanrec_span *span = &row->spans[i];

		if (!n || span->from_ns > row->spans[n - 1].until_ns)
			row->spans[n++] = *span;
		else if (span->until_ns > row->spans[n - 1].until_ns)
			row->spans[n - 1].until_ns = span->until_ns;
	}
	row->count = n;
}

const struct spanrec_span *
spanrec_spans_from(const struct spanrec_spans *row, int64_t time_ns)
{
	size_t low = 0, high = row->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (row->spans[middle].until_ns < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low < row->count ? &row->spans[low] : NULL;
}

bool
spanrec_spans_touch(const struct spanrec_spans *row, struct spanrec_span span)
{
	const struct spanrec_span *first =
	    spanrec_spans_from(row, span.from_ns);

	return first && first->from_ns <= span.until_ns;
}

/* One span, less what begins at `*k` or later in the other row; `*k` becomes
 * the first that the next span may need. @return 0, -ENOMEM */
static int
subtract_from(struct spanrec_spans *rest, struct spanrec_span span,
	      const struct spanrec_spans *what, size_t *k)
{
	int rc;

	while (*k < what->count && what->spans[*k].until_ns < span.from_ns)
		++*k;
	for (; *k < what->count && what->spans[*k].from_ns <= span.until_ns;
	     ++*k) {
		const struct spanrec_span *gone = &what->spans[*k];
		struct spanrec_span before = { span.from_ns,
					       gone->from_ns - 1 };

		if (gone->from_ns > span.from_ns) {
			rc = spanrec_spans_add(rest, before);
			if (rc < 0)
				return rc;
		}
		if (gone->until_ns >= span.until_ns)
			return 0;
		span.from_ns = gone->until_ns + 1;
	}
	return spanrec_spans_add(rest, span);
}

int
spanrec_spans_subtract(struct spanrec_spans *rest,
		       const struct spanrec_spans *from,
		       const struct spanrec_spans *what)
{
	size_t i, k = 0;
	int rc = 0;

	*rest = (struct spanrec_spans){ 0 };
	for (i = 0; rc == 0 && i < from->count; i++)
		rc = subtract_from(rest, from->spans[i], what, &k);
	if (rc < 0) {
		free(rest->spans);
		*rest = (struct spanrec_spans){ 0 };
	}
	return rc;
}
