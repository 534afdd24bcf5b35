/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The conversations of a writer: their segments, what they are told by control,
 * and what waits in them before it is sealed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/tones.h"
#include "cmd/spanrecd/writer_priv.h"

static const int64_t SECOND_NS = 1000000000LL;

/* Of what was not decided when a conversation was over: so long may the call go
 * on without it, until nothing is told to it any more; so long after a digit
 * may come the next of a card number. */
static const int64_t PENDING_NS = 60 * 1000000000LL;
static const int64_t DIGITS_NS = 10 * 1000000000LL;

/* ---- calls and segments -------------------------------------------------- */

struct writer_call *
writer__call_find(const struct writer_state *w, uint64_t number)
{
	struct writer_call *call;

	HASH_FIND (hh, w->calls, &number, sizeof(number), call)
		;
	return call;
}

static struct writer_call *
add_call(struct writer_state *w, uint64_t number)
{
	struct writer_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->number = number;
	call->keep_ns = INT64_MAX;
	HASH_ADD(hh, w->calls, number, sizeof(call->number), call);
	return call;
}

void
writer__call_free(struct writer_call *call)
{
	while (call->first) {
		struct segment *segment = call->first;

		call->first = segment->next;
		segment_free(&segment);
	}
	while (call->pauses) {
		struct segment_pause *pause = call->pauses;

		call->pauses = pause->next;
		free(pause);
	}
	hold_free(&call->hold);
	keyed_clear(&call->keyed);
	secrets_clear(&call->secrets);
	reports_fini(&call->reports);
	free(call);
}

static bool
is_recorded(const struct segment *segment)
{
	return segment->row.decision == STORE_RECORD;
}

static int
add_segment(struct writer_state *w, const struct writer_event *event)
{
	struct writer_call *call = writer__call_find(w, event->call);
	struct segment *segment;

	if (!call)
		call = add_call(w, event->call);
	if (!call)
		return -ENOMEM;
	segment =
	    segment_new(event, &call->pauses, &call->hold, &call->reports);
	if (!segment) {
		if (!call->first) {
			HASH_DEL(w->calls, call);
			writer__call_free(call);
		}
		return -ENOMEM;
	}
	segment->secrets = &call->secrets;
	segment->serial = ++w->last_serial;
	segment->strange =
	    segment->row.segment > 1 &&
	    !(call->last && is_recorded(call->last) && is_recorded(segment));
	if (call->last) {
		call->last->end_ns = segment->start_ns;
		call->last->next = segment;
	} else {
		call->first = segment;
	}
	call->last = segment;
	return 0;
}

/* Something may reach back from now on. */
static int
begin_hold(struct writer_state *w, struct writer_call *call)
{
	if (call->hold || !call->last || !call->last->lookback.lookback_ns)
		return 0;
	call->hold = hold_new(&w->pipeline->held);
	if (call->hold)
		return 0;
	/* What might have to be taken back is not recorded at all. */
	call->last->row.decision = STORE_DROP;
	return -ENOMEM;
}

static int
apply_pause(struct writer_call *call, const struct writer_event *event)
{
	struct segment_pause *pause = calloc(1, sizeof(*pause));

	if (!pause) {
		/* What must not be recorded is not, and never again. */
		call->last->row.decision = STORE_DROP;
		return -ENOMEM;
	}
	pause->from_ns = event->at_ns;
	pause->until_ns = INT64_MAX;
	pause->reason = event->reason;
	pause->next = call->pauses;
	call->pauses = pause;
	return 0;
}

/*
 * All of the call, in the archive too.
 *
 * @param call NULL: all of this conversation was closed before
 */
static void
discard_call(struct writer_state *w, struct writer_call *call,
	     const struct writer_event *event)
{
	uint32_t bytes = (uint32_t)offsetof(struct archive_request, row) +
			 (uint32_t)SEGMENT_HEAD_BYTES;
	struct archive_request *request;
	struct segment *segment;

	if (call)
		call->pending = false;
	for (segment = call ? call->first : NULL; segment;
	     segment = segment->next) {
		segment_discard(segment);
		segment_take_back(segment, &w->input, event->time_ns);
	}
	request = writer__request_room(w, bytes);
	memset(request, 0, bytes);
	request->type = ARCHIVE_DISCARD;
	memcpy(request->row.call, event->id, sizeof(event->id));
	memcpy(request->row.reason, OPT_OUT_REASON, sizeof(OPT_OUT_REASON));
	writer__request_commit(w, bytes);
}

static void
end_segments(struct writer_call *call, const struct writer_event *event)
{
	call->over = true;
	call->last->end_ns = event->time_ns;
	call->last->last = true;
	call->last->silent = event->end.silent;
	call->last->by_media = event->end.by_media;
	call->last->if_media |= event->end.joined;
	memcpy(call->last->row.end_cause, event->end.cause,
	       sizeof(call->last->row.end_cause));
}

int
writer__call_event(struct writer_state *w, const struct writer_event *event)
{
	struct writer_call *call;
	int r;

	w->segment_generation++;
	if (event->type == WRITER_SEGMENT) {
		r = add_segment(w, event);
		call = writer__call_find(w, event->call);
		return r == 0 && call ? begin_hold(w, call) : r;
	}
	call = writer__call_find(w, event->call);
	if (event->type == WRITER_DISCARD) {
		discard_call(w, call, event);
		return 0;
	}
	if (!call || !call->last)
		return 0; /* its memory was not to be had, or all is closed */
	switch (event->type) {
	case WRITER_UPDATE:
		segment_update(call->last, event);
		segment_take_back(call->last, &w->input, event->time_ns);
		return begin_hold(w, call);
	case WRITER_PAUSE:
		return apply_pause(call, event);
	case WRITER_KEYS:
		return secrets_add(&call->secrets, event);
	case WRITER_RESUME:
		if (call->pauses)
			call->pauses->until_ns = event->at_ns;
		return 0;
	case WRITER_HOLD:
	case WRITER_RELEASE:
		call->pending = event->type == WRITER_HOLD;
		return 0;
	case WRITER_KEEP:
		call->keep_ns = event->at_ns;
		return 0;
	default:
		end_segments(call, event);
		return 0;
	}
}

/* Frames of a call that came after its end, lingering, are its last
 * segment's; those before its first, its first's. */
static struct segment *
segment_at(const struct writer_call *call, int64_t time_ns)
{
	struct segment *segment;

	for (segment = call->first; segment; segment = segment->next)
		if (time_ns < segment->end_ns || !segment->next)
			return segment;
	return NULL;
}

struct segment *
writer__segment_find(const struct writer_state *w, uint64_t number,
		     int64_t time_ns)
{
	const struct writer_call *call = writer__call_find(w, number);

	return call ? segment_at(call, time_ns) : NULL;
}

/* May anything come yet that belongs before a time, or change what is there? */
static bool
is_waited_for(const struct writer_state *w, const struct writer_call *call,
	      int64_t until_ns)
{
	return call->hold &&
	       (w->keys_ns < until_ns || hold_has_before(call->hold, until_ns));
}

/* Segments are closed when every writer has handed over what it had. */
static void
close_call_segments(struct writer_state *w, struct writer_call *call,
		    int64_t drained_ns)
{
	while (call->first) {
		struct segment *segment = call->first;
		int64_t until_ns = segment->end_ns;

		if (until_ns == INT64_MAX)
			break;
		if (segment->last)
			until_ns += w->pipeline->times.linger_ns;
		if (until_ns > drained_ns || is_waited_for(w, call, until_ns) ||
		    segment_close(segment, &w->input) == -EAGAIN)
			break;
		call->first = segment->next;
		if (!call->first)
			call->last = NULL;
		segment_free(&segment);
		w->segment_generation++;
		if (!call->first) {
			HASH_DEL(w->calls, call);
			writer__call_free(call);
			return;
		}
	}
}

void
writer__segments_close(struct writer_state *w, int64_t drained_ns)
{
	struct writer_call *call, *next;

	HASH_ITER (hh, w->calls, call, next) {
		close_call_segments(w, call, drained_ns);
	}
}

void
writer__segments_flush(struct writer_state *w)
{
	struct segment *segment;
	struct writer_call *call;

	if (w->due_ns - w->flushed_ns < SECOND_NS / 4)
		return;
	w->flushed_ns = w->due_ns;
	for (call = w->calls; call; call = call->hh.next)
		for (segment = call->first; segment; segment = segment->next)
			segment_flush(segment, &w->input, w->due_ns);
}

/* ---- what waits ---------------------------------------------------------- */

/* What an item is of is found out now. @return 0, or -ENOBUFS: not yet */
static int
take_held(struct writer_state *w, const struct writer_call *call,
	  const struct hold_item *item)
{
	struct segment *segment = segment_at(call, item->frame.time_ns);
	int stream =
	    segment_stream(segment, item->speaker, &item->key, item->run);
	const struct segment_flow from = {
		.stream = stream,
		.encrypted = item->encrypted,
		.media = item->media,
		.last_ns = item->last_ns,
		.several = w->pipeline->config.several,
		.kernel = item->kernel,
		.tone = item->tone,
		.withheld = call->pending,
	};

	if (stream < 0) {
		segment_overflow(segment, &w->input, item->kind);
		return 0;
	}
	if (segment->media[stream] != item->media->number) {
		segment->media[stream] = item->media->number;
		segment_forget_formats(segment, stream);
	}
	return segment_take(segment, &w->input, &from, item->kind,
			    &item->frame);
}

static bool
is_over(const struct writer_state *w, const struct writer_call *call,
	int64_t now_ns)
{
	return call->over &&
	       now_ns >= call->last->end_ns + w->pipeline->times.linger_ns;
}

/* Does it matter to a conversation that is over what happens in another one of
 * its call: whether the caller comes back, whether digits are a card number? */
static bool
is_undecided(const struct writer_call *call, int64_t now_ns)
{
	int64_t wait_ns = call->pending               ? PENDING_NS
			  : call->keep_ns < INT64_MAX ? DIGITS_NS
						      : 0;

	return now_ns - wait_ns < call->last->end_ns;
}

/* Before when may nothing reach back any more? What happens now may reach to
 * just that moment. */
static int64_t
sealed_until(const struct writer_state *w, const struct writer_call *call,
	     const struct hold_item *item)
{
	int64_t now_ns = w->taken_ns < w->keys_ns ? w->taken_ns : w->keys_ns;
	const struct segment *segment = segment_at(call, item->frame.time_ns);
	int64_t lookback_ns = segment->lookback.lookback_ns;

	if (call->heard && lookback_ns < TONES_WAIT_NS)
		lookback_ns = TONES_WAIT_NS;
	/* Another conversation of the call may go on, and reach back. */
	if (is_over(w, call, now_ns) && !is_undecided(call, now_ns) &&
	    now_ns - lookback_ns >= call->last->end_ns)
		return INT64_MAX;
	if (call->pending || now_ns < segment->lookback.until_ns)
		return INT64_MIN;
	now_ns -= lookback_ns;
	return now_ns < call->keep_ns ? now_ns : call->keep_ns;
}

static void
release_call(struct writer_state *w, struct writer_call *call)
{
	const struct hold_item *item;

	if (call->heard)
		tones_settle(&call->keyed, call->hold,
			     is_over(w, call, w->taken_ns) ? INT64_MAX
							   : w->taken_ns);
	while ((item = hold_peek(call->hold)) &&
	       item->frame.time_ns < sealed_until(w, call, item) &&
	       take_held(w, call, item) == 0)
		hold_drop(call->hold);
}

void
writer__held_release(struct writer_state *w)
{
	struct writer_call *call;

	for (call = w->calls; call; call = call->hh.next)
		if (call->hold && call->first)
			release_call(w, call);
}
