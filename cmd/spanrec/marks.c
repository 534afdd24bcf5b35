/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is missing of a call, as it is told with its sound: in a copy, by the
 * player, in a picture. That is the gaps inside the sealed files, and segments
 * of the call that have none.
 */
#include "cmd/spanrec/audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static int
compare(const void *a, const void *b)
{
	const struct spanrec_mark *x = a, *y = b;

	if (x->from_ns != y->from_ns)
		return x->from_ns < y->from_ns ? -1 : 1;
	if (x->sides != y->sides)
		return x->sides < y->sides ? -1 : 1;
	return (x->until_ns > y->until_ns) - (x->until_ns < y->until_ns);
}

/* As far as it lies within what is heard. */
static void
add(struct spanrec_marks *marks, const struct spanrec_audio *audio,
    struct spanrec_mark mark)
{
	if (mark.from_ns < audio->start_ns)
		mark.from_ns = audio->start_ns;
	if (mark.until_ns > audio->end_ns)
		mark.until_ns = audio->end_ns;
	if (mark.until_ns >= mark.from_ns)
		marks->marks[marks->count++] = mark;
}

static const char *
why_not_recorded(const struct store_segment *segment)
{
	if (segment->decision != STORE_RECORD && *segment->reason)
		return segment->reason;
	return spanrec_segment_state(segment);
}

/* The part of a segment without sound in which no other one has any. */
static void
uncovered(const struct spanrec_selection *selection,
	  const struct store_segment *segment, struct spanrec_mark *mark)
{
	size_t i;

	mark->from_ns = segment->start_ns;
	mark->until_ns = segment->end_ns;
	for (i = 0; i < selection->count; i++) {
		const struct store_segment *other = &selection->segments[i];

		if (!spanrec_segment_audible(other))
			continue;
		if (other->start_ns <= mark->from_ns &&
		    other->end_ns > mark->from_ns)
			mark->from_ns = other->end_ns;
		if (other->start_ns < mark->until_ns &&
		    other->end_ns >= mark->until_ns)
			mark->until_ns = other->start_ns;
	}
}

static void
add_gaps(struct spanrec_marks *marks, const struct spanrec_audio *audio)
{
	size_t i;

	for (i = 0; i < audio->gaps.count; i++) {
		const struct spanrec_gap *gap = &audio->gaps.gaps[i];

		add(marks, audio,
		    (struct spanrec_mark){
			.from_ns = gap->gap.from_ns,
			.until_ns = gap->gap.until_ns,
			.sides = 1U << gap->side,
			.reason = store_reason_name(gap->gap.reason) });
	}
}

static void
add_segments(struct spanrec_marks *marks, const struct spanrec_audio *audio)
{
	const struct spanrec_selection *selection = audio->selection;
	size_t i;

	for (i = 0; i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];
		struct spanrec_mark mark = { .sides = STORE_SIDES_BOTH,
					     .unrecorded = true,
					     .reason =
						 why_not_recorded(segment) };

		if (spanrec_segment_audible(segment))
			continue;
		uncovered(selection, segment, &mark);
		if (mark.until_ns > mark.from_ns)
			add(marks, audio, mark);
	}
}

int
spanrec_marks_make(const struct spanrec_audio *audio,
		   struct spanrec_marks *marks)
{
	*marks = (struct spanrec_marks){ 0 };
	marks->marks = calloc(audio->gaps.count + audio->selection->count,
			      sizeof(*marks->marks));
	if (!marks->marks) {
		log_error("not enough memory for what is missing");
		return exit_code(-ENOMEM);
	}
	add_gaps(marks, audio);
	add_segments(marks, audio);
	qsort(marks->marks, marks->count, sizeof(*marks->marks), compare);
	return 0;
}

void
spanrec_marks_fini(struct spanrec_marks *marks)
{
	free(marks->marks);
	*marks = (struct spanrec_marks){ 0 };
}

const char *
spanrec_mark_sides(const struct spanrec_mark *mark)
{
	switch (mark->sides) {
	case 1U << STORE_LEFT:
		return "left";
	case 1U << STORE_RIGHT:
		return "right";
	default:
		return "both sides";
	}
}
