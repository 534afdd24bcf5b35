/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of several recordings in order of time.
 *
 * In a file frames lie by seconds, in each one stream after the other, and
 * which one comes first depends on the threads of the recorder. So frames wait
 * here until none that is earlier can come, and frames of one moment go by what
 * streams are called, not by where they lie.
 */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/** The writer drains the buffers of all streams once a second; with room to
 * spare. */
#define WAIT_NS INT64_C(10000000000)

/** A first packet that comes so much later than those after it would have it
 * was passed by others, or held up; less is usual. More is no such thing. */
#define LATE_MIN_NS INT64_C(20000000)
#define LATE_MAX_NS INT64_C(500000000)

/** So many frames after it tell. */
#define AFTER_FRAMES 16

/** Packets of a stream that come closer to each other were sent at once. */
#define AT_ONCE_NS INT64_C(8000000)

/** A frame that waits. */
struct waiting {
	struct waiting *prev, *next; /**< by time */
	int64_t due_ns;              /**< never before that of its stream */
	struct store_stream_info info;
	struct spanrec_ordered ordered;
	struct spanrec_spares *spares;
	size_t room; /**< for payload */
	uint8_t payload[];
};

/** A recording of the selection. */
struct input {
	struct spanrec_source *source; /**< NULL: not yet, or not any more */
	bool over;
	int64_t newest_ns;         /**< nothing much earlier comes of it */
	int64_t from_ns, until_ns; /**< when there is sound of it */
	int weight;                /**< who is heard, of several */
	int64_t due_ns[STORE_STREAMS_MAX];
	struct waiting *last[STORE_STREAMS_MAX]; /**< NULL: none waits */
	bool skipped[STORE_STREAMS_MAX]; /**< the last one was not heard */
	bool began[STORE_STREAMS_MAX];
};

struct order {
	struct spanrec *spanrec;
	const struct spanrec_selection *selection;
	const struct spanrec_wanted *wanted;
	struct input *inputs;    /**< [selection->count] */
	struct waiting *waiting; /**< the earliest first */
	struct waiting *idle;    /**< to be used again, by next */
	bool hidden;
};

/* ---- who is heard -------------------------------------------------------- */

static int
weight(enum store_kind kind)
{
	switch (kind) {
	case STORE_HOLD:
		return 0;
	case STORE_CONSULT:
		return 1;
	default:
		return 2;
	}
}

/* Of one that was interrupted nobody knows when its streams ended. */
static void
note_span(struct input *input, const struct store_segment *segment)
{
	uint32_t i;

	input->from_ns = INT64_MAX;
	input->until_ns = INT64_MIN;
	for (i = 0; i < segment->streams_count; i++) {
		const struct store_stream *stream = &segment->streams[i];

		if (stream->stored == 0)
			continue;
		if (stream->first_ns < input->from_ns)
			input->from_ns = stream->first_ns;
		if (stream->last_ns > input->until_ns)
			input->until_ns = stream->last_ns;
	}
	if (segment->streams_count > 0)
		return;
	input->from_ns = segment->start_ns;
	input->until_ns = segment->end_ns;
}

static bool
is_heard(const struct order *order, size_t mine, int64_t time_ns)
{
	const struct input *me = &order->inputs[mine];
	size_t i;

	for (i = 0; i < order->selection->count; i++) {
		const struct input *other = &order->inputs[i];

		if (i == mine || time_ns < other->from_ns ||
		    time_ns > other->until_ns)
			continue;
		if (other->weight > me->weight ||
		    (other->weight == me->weight && i < mine))
			return false;
	}
	return true;
}

/* ---- waiting ------------------------------------------------------------- */

#define BY(member)                                                             \
	if (a->member != b->member)                                            \
	return a->member < b->member

static bool
stream_precedes(const struct store_stream_info *a,
		const struct store_stream_info *b)
{
	int by_src = memcmp(a->src_addr, b->src_addr, sizeof(a->src_addr));
	int by_dst = memcmp(a->dst_addr, b->dst_addr, sizeof(a->dst_addr));

	BY(side);
	BY(ssrc);
	if (by_src)
		return by_src < 0;
	BY(src_port);
	if (by_dst)
		return by_dst < 0;
	return a->dst_port < b->dst_port;
}

static bool
precedes(const struct waiting *a, const struct waiting *b)
{
	BY(due_ns);
	BY(ordered.segment);
	return stream_precedes(&a->info, &b->info);
}

#undef BY

static int
out_of_memory(void)
{
	log_error("not enough memory for the sound");
	return exit_code(-ENOMEM);
}

/* NOLINTBEGIN(readability-function-size): the macros of utlist nest */

/* A file has a second of one stream, then of the next: most come soon after
 * the one before of their stream, or last. */
static void
put(struct order *order, struct waiting *w)
{
	struct waiting *last = order->waiting ? order->waiting->prev : NULL;
	struct waiting **own =
	    &order->inputs[w->ordered.segment].last[w->ordered.frame.stream];
	struct waiting *at = *own;

	if (at && !precedes(w, at)) {
		while (at->next && !precedes(w, at->next))
			at = at->next;
	} else {
		at = last;
		while (at && precedes(w, at))
			at = at == order->waiting ? NULL : at->prev;
	}
	*own = w;
	if (at)
		DL_APPEND_ELEM(order->waiting, at, w);
	else
		DL_PREPEND(order->waiting, w);
}

static struct waiting *
take_first(struct order *order)
{
	struct waiting *w = order->waiting;
	struct waiting **own =
	    &order->inputs[w->ordered.segment].last[w->ordered.frame.stream];

	DL_DELETE(order->waiting, w);
	if (*own == w)
		*own = NULL;
	return w;
}

/* NOLINTEND(readability-function-size) */

static void
free_waiting(struct waiting *w)
{
	free(w->spares);
	free(w);
}

/* The next one is as long, most likely. */
static void
put_aside(struct order *order, struct waiting *w)
{
	free(w->spares);
	w->spares = NULL;
	w->next = order->idle;
	order->idle = w;
}

/* @return NULL: no memory */
static struct waiting *
new_waiting(struct order *order, size_t payload_bytes)
{
	struct waiting *w = order->idle;

	if (w) {
		order->idle = w->next;
		if (w->room >= payload_bytes)
			return w;
		free_waiting(w);
	}
	w = malloc(sizeof(*w) + payload_bytes);
	if (w)
		w->room = payload_bytes;
	return w;
}

/* Of packets with redundancy. @return 0, -ENOMEM */
static int
take_apart(const struct spanrec_source *source, struct waiting *w)
{
	struct store_frame *frame = &w->ordered.frame;
	struct store_frame whole = *frame;

	if (!spanrec_source_unpack(source, frame, NULL))
		return 0;
	w->spares = calloc(1, sizeof(*w->spares));
	if (!w->spares)
		return -ENOMEM;
	spanrec_source_unpack(source, &whole, w->spares);
	w->ordered.spares = w->spares;
	return 0;
}

/* @return exit code */
static int
wait_for_turn(struct order *order, size_t i, const struct store_frame *frame)
{
	struct input *input = &order->inputs[i];
	struct waiting *w = new_waiting(order, frame->payload_bytes);
	struct rtp_format fallback;
	const struct rtp_format *format;

	if (!w)
		return out_of_memory();
	if (order->wanted->as_received ||
	    frame->time_ns > input->due_ns[frame->stream])
		input->due_ns[frame->stream] = frame->time_ns;
	w->due_ns = input->due_ns[frame->stream];
	w->info = input->source->info[frame->stream];
	w->spares = NULL;
	w->ordered = (struct spanrec_ordered){ .segment = i,
					       .side = w->info.side,
					       .info = &w->info,
					       .frame = *frame };
	memcpy(w->payload, frame->payload, frame->payload_bytes);
	w->ordered.frame.payload = w->payload;
	format = spanrec_source_format(input->source, frame, &fallback);
	if (!order->wanted->as_received && spanrec_format_is_red(format)) {
		if (take_apart(input->source, w) < 0) {
			free_waiting(w);
			return out_of_memory();
		}
		format = spanrec_source_format(input->source, &w->ordered.frame,
					       &fallback);
	}
	w->ordered.format = *format;
	put(order, w);
	return 0;
}

/* When a frame would have come on the way that another one took, which is
 * behind it by its timestamp. */
static int64_t
by_another(const struct waiting *w, const struct waiting *other)
{
	const struct store_frame *a = &w->ordered.frame,
				 *b = &other->ordered.frame;
	int64_t ticks = (int32_t)(b->timestamp - a->timestamp);
	uint32_t clock_hz = other->ordered.format.clock_hz;

	if (ticks < 0 || !clock_hz || clock_hz != w->ordered.format.clock_hz)
		return INT64_MAX;
	return b->time_ns - ticks * 1000000000 / clock_hz;
}

/*
 * All that follows is placed by the first frame. So if that came late, it goes
 * by those after it: packets may be late, but none is early, except where
 * several are sent at once: of these the first one counts.
 */
static int64_t
in_time(const struct order *order, const struct waiting *w)
{
	const struct store_frame *frame = &w->ordered.frame;
	struct input *input = &order->inputs[w->ordered.segment];
	int64_t least_ns = frame->time_ns, before_ns = least_ns, other_ns;
	const struct waiting *next;
	unsigned n = 0;

	if (input->began[frame->stream] && !frame->marker)
		return frame->time_ns;
	input->began[frame->stream] = true;
	for (next = order->waiting; next && n < AFTER_FRAMES;
	     next = next->next) {
		if (next->ordered.segment != w->ordered.segment ||
		    next->ordered.frame.stream != frame->stream)
			continue;
		n++;
		other_ns = next->ordered.frame.time_ns - before_ns;
		before_ns = next->ordered.frame.time_ns;
		if (other_ns >= 0 && other_ns < AT_ONCE_NS)
			continue;
		other_ns = by_another(w, next);
		if (other_ns < least_ns &&
		    frame->time_ns - other_ns <= LATE_MAX_NS)
			least_ns = other_ns;
	}
	return frame->time_ns - least_ns > LATE_MIN_NS ? least_ns
						       : frame->time_ns;
}

/* @return exit code */
static int
let_go(struct order *order, struct waiting *w, spanrec_ordered_fn fn, void *ctx)
{
	struct input *input = &order->inputs[w->ordered.segment];
	bool *skipped = &input->skipped[w->ordered.frame.stream];

	if (!order->wanted->as_received &&
	    !is_heard(order, w->ordered.segment, w->ordered.frame.time_ns)) {
		order->hidden = *skipped = true;
		return 0;
	}
	w->ordered.resumes = *skipped;
	w->ordered.in_time_ns = in_time(order, w);
	*skipped = false;
	return fn(ctx, &w->ordered);
}

/* Those that no earlier one can come before any more. @return exit code */
static int
release(struct order *order, int64_t until_ns, spanrec_ordered_fn fn, void *ctx)
{
	int rc = 0;

	while (!rc && order->waiting && order->waiting->due_ns < until_ns) {
		struct waiting *w = take_first(order);

		rc = let_go(order, w, fn, ctx);
		put_aside(order, w);
	}
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

/* The one that is least far. @return NULL: all are over */
static struct input *
next_input(const struct order *order)
{
	struct input *least = NULL;
	size_t i;

	for (i = 0; i < order->selection->count; i++) {
		struct input *input = &order->inputs[i];

		if (!input->over &&
		    (!least || input->newest_ns < least->newest_ns))
			least = input;
	}
	return least;
}

/* Begin to read, not long before what is wanted. @return exit code */
static int
open_source(struct order *order, struct input *input, size_t i)
{
	const struct store_segment *segment = &order->selection->segments[i];
	int rc = spanrec_source_open(&input->source, order->spanrec, segment);
	int64_t from_ns = order->wanted->from_ns - WAIT_NS;

	if (rc || order->wanted->seen || order->wanted->from_ns < WAIT_NS ||
	    from_ns <= segment->start_ns)
		return rc;
	rc = store_reader_seek(input->source->reader, from_ns);
	return rc < 0 ? spanrec_reader_failed(segment, rc) : 0;
}

/* @return exit code */
static int
step(struct order *order, struct input *input)
{
	size_t i = (size_t)(input - order->inputs);
	struct store_item item;
	bool more;
	int rc = 0;

	if (!input->source)
		rc = open_source(order, input, i);
	if (rc == 0)
		rc = spanrec_source_next(input->source, &item, &more);
	if (rc)
		return rc;
	input->over = !more;
	if (!more)
		spanrec_source_close(&input->source);
	else if (order->wanted->seen)
		rc = spanrec_measure_item(order->wanted->seen, i, input->source,
					  &item);
	if (rc || !more || item.type != STORE_ITEM_FRAME)
		return rc;
	if (item.frame.time_ns > input->newest_ns)
		input->newest_ns = item.frame.time_ns;
	return wait_for_turn(order, i, &item.frame);
}

static void
begin(struct order *order)
{
	size_t i, k;

	for (i = 0; i < order->selection->count; i++) {
		const struct store_segment *segment =
		    &order->selection->segments[i];
		struct input *input = &order->inputs[i];

		input->newest_ns = segment->start_ns;
		input->weight = weight(segment->kind);
		for (k = 0; k < STORE_STREAMS_MAX; k++)
			input->due_ns[k] = INT64_MIN;
		input->over = !spanrec_segment_audible(segment);
		if (input->over)
			input->from_ns = INT64_MAX;
		else
			note_span(input, segment);
	}
}

static void
finish(struct order *order)
{
	struct waiting *w, *next;
	size_t i;

	DL_FOREACH_SAFE(order->waiting, w, next)
	{
		free_waiting(w);
	}
	while ((w = order->idle)) {
		order->idle = w->next;
		free_waiting(w);
	}
	for (i = 0; i < order->selection->count; i++)
		spanrec_source_close(&order->inputs[i].source);
	free(order->inputs);
}

int
spanrec_order_run(struct spanrec *spanrec,
		  const struct spanrec_selection *selection,
		  const struct spanrec_wanted *wanted, spanrec_ordered_fn fn,
		  void *ctx, bool *hidden)
{
	struct order order = { .spanrec = spanrec,
			       .selection = selection,
			       .wanted = wanted };
	struct input *input;
	int rc = 0;

	order.inputs = calloc(selection->count, sizeof(*order.inputs));
	if (!order.inputs)
		return out_of_memory();
	begin(&order);
	while (!rc && (input = next_input(&order))) {
		rc = release(&order, input->newest_ns - WAIT_NS, fn, ctx);
		if (!rc)
			rc = step(&order, input);
	}
	if (!rc)
		rc = release(&order, INT64_MAX, fn, ctx);
	*hidden = order.hidden;
	finish(&order);
	return rc;
}
