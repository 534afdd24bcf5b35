/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See segment.h. */
#include "cmd/spanrecd/segment_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/payload.h"
#include "cmd/spanrecd/smaller.h"
#include "rtp/event.h"

/* What a packet is counted under that the decision leaves out. */
static enum store_reason
refusal(const struct segment *s)
{
	static const struct {
		const char *code;
		enum store_reason reason;
	} codes[] = {
		{ OVERLOAD_REASON, STORE_REASON_overrun },
		{ "payment", STORE_REASON_payment },
		{ OPT_OUT_REASON, STORE_REASON_opt_out },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(s->row.reason, codes[i].code) == 0)
			return codes[i].reason;
	return STORE_REASON_policy;
}

struct segment *
segment_new(const struct writer_event *event,
	    struct segment_pause *const *pauses, struct hold **hold,
	    const struct reports *reports)
{
	struct segment *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	memcpy(&s->row, event->head, SEGMENT_HEAD_BYTES);
	s->refusal = refusal(s);
	s->left_is_caller = event->left_is_caller;
	s->traces = event->traces;
	s->lookback = event->lookback;
	s->if_media = event->resumed;
	s->pauses = pauses;
	s->hold = hold;
	s->reports = reports;
	s->call = event->call;
	s->start_ns = s->row.start_ns;
	s->end_ns = INT64_MAX;
	s->alive_s = INT64_MIN;
	s->early_end = &s->early;
	return s;
}

void
segment_free(struct segment **segment)
{
	if (!*segment)
		return;
	store_recording_free(&(*segment)->recording, false);
	while ((*segment)->early) {
		struct segment_gap *gap = (*segment)->early;

		(*segment)->early = gap->next;
		free(gap);
	}
	for (size_t i = 0; i < STORE_STREAMS_MAX; i++) {
		free((*segment)->copies[i]);
		free((*segment)->figures[i]);
	}
	figures_heard_fini(&(*segment)->heard);
	smaller_fini(*segment);
	free(*segment);
	*segment = NULL;
}

static int
strictness(enum store_decision decision)
{
	switch (decision) {
	case STORE_RECORD:
		return 0;
	case STORE_LISTEN_DENY:
		return 1;
	default:
		return 2; /* not even stored */
	}
}

static void
copy_people(struct store_segment *to, const struct store_segment *from)
{
#define COPY(member) memcpy(to->member, from->member, sizeof(to->member))
	COPY(from);
	COPY(to);
	COPY(from_sent);
	COPY(to_sent);
	COPY(from_name);
	COPY(to_name);
	COPY(others);
	COPY(area);
	COPY(sip_call_ids);
#undef COPY
}

static void
decide(struct segment *s, const struct store_segment *row, uint8_t traces)
{
	if (strictness(row->decision) < strictness(s->row.decision))
		return;
	if (s->recording && strictness(row->decision) == 2)
		s->take_back = true;
	s->row.decision = row->decision;
	memcpy(s->row.reason, row->reason, sizeof(row->reason));
	memcpy(s->row.rule, row->rule, sizeof(row->rule));
	memcpy(s->row.retention, row->retention, sizeof(row->retention));
	s->traces = traces;
	s->refusal = refusal(s);
}

void
segment_discard(struct segment *s)
{
	struct store_segment row = { .decision = STORE_DROP,
				     .reason = OPT_OUT_REASON,
				     .rule = OPT_OUT_REASON };

	if (s->state != SEGMENT_GONE)
		decide(s, &row, POLICY_TRACES_COUNT);
}

void
segment_update(struct segment *s, const struct writer_event *event)
{
	bool left_is_caller = event->left_is_caller;
	struct store_segment row;

	memcpy(&row, event->head, SEGMENT_HEAD_BYTES);
	s->lookback = event->lookback;
	/* The segment stays what it is; who is in it, what the policy says of
	 * that, and what it turns out to be, may change. The decision only ever
	 * gets stricter. */
	copy_people(&s->row, &row);
	/* Streams have a side for good. */
	if (s->row.streams_count == 0 || left_is_caller == s->left_is_caller) {
		s->left_is_caller = left_is_caller;
		memcpy(s->row.local, row.local, sizeof(row.local));
		memcpy(s->row.remote, row.remote, sizeof(row.remote));
		s->row.direction = row.direction;
	}
	s->row.kind = row.kind;
	memcpy(s->row.began, row.began, sizeof(row.began));
	s->row.answer_ns = row.answer_ns;
	decide(s, &row, event->traces);
}

/* ---- streams ------------------------------------------------------------- */

static bool
same_stream(const struct store_stream_info *info, enum store_side side,
	    const struct capture_flow_key *key)
{
	return info->side == side && info->ssrc == key->ssrc &&
	       info->src_port == key->src.port &&
	       info->dst_port == key->dst.port &&
	       memcmp(info->src_addr, key->src.addr, 16) == 0 &&
	       memcmp(info->dst_addr, key->dst.addr, 16) == 0;
}

int
segment_stream(struct segment *s, enum sip_party speaker,
	       const struct capture_flow_key *key, uint32_t run)
{
	bool left = (speaker == SIP_CALLER) == s->left_is_caller;
	enum store_side side = left ? STORE_LEFT : STORE_RIGHT;
	struct store_stream_info *info;
	uint32_t i;

	for (i = 0; i < s->row.streams_count; i++)
		if (same_stream(&s->info[i], side, key))
			return (int)i;
	if (i == STORE_STREAMS_MAX || run < segment_run_wanted(i))
		return -ENOSPC;
	info = &s->info[i];
	info->side = side;
	info->ssrc = key->ssrc;
	info->src_port = key->src.port;
	info->dst_port = key->dst.port;
	memcpy(info->src_addr, key->src.addr, 16);
	memcpy(info->dst_addr, key->dst.addr, 16);
	redundant_begin(&s->redundant[i], s->strange);
	memset(&s->row.streams[i], 0, sizeof(s->row.streams[i]));
	s->row.streams[i].side = side;
	s->row.streams[i].ssrc = key->ssrc;
	s->row.streams_count++;
	return (int)i;
}

/* ---- accounting ---------------------------------------------------------- */

static void
drop(struct segment *s, const struct segment_input *in, int stream,
     enum store_reason reason)
{
	static const enum counter counters[STORE_REASON_COUNT] = {
		[STORE_REASON_overrun] = COUNTER_dropped_overrun,
		[STORE_REASON_encrypted] = COUNTER_dropped_encrypted,
		[STORE_REASON_dtmf] = COUNTER_dropped_dtmf,
		[STORE_REASON_policy] = COUNTER_dropped_policy,
		[STORE_REASON_paused] = COUNTER_dropped_paused,
		[STORE_REASON_payment] = COUNTER_dropped_payment,
		[STORE_REASON_opt_out] = COUNTER_dropped_opt_out,
	};

	s->row.streams[stream].dropped[reason]++;
	counter_add(in->counters, counters[reason], 1);
}

static void
note_time(struct store_stream *stream, int64_t time_ns)
{
	if (stream->first_ns == 0 || time_ns < stream->first_ns)
		stream->first_ns = time_ns;
	if (time_ns > stream->last_ns)
		stream->last_ns = time_ns;
}

/* ---- the recording ------------------------------------------------------- */

static uint32_t
day_of(const struct segment *s)
{
	/* The id begins with the start of the call: "20190328T..." */
	return (uint32_t)strtoul(s->row.id, NULL, 10);
}

static void
fail(struct segment *s, const struct segment_input *in, int error)
{
	int none = 0;

	if (s->state == SEGMENT_FAILED)
		return;
	(void)atomic_compare_exchange_strong(in->error, &none, error);
	s->state = SEGMENT_FAILED;
	log_error("%s is not recorded to its end: %s", s->row.id,
		  strerror(-error));
	counter_add(in->counters, COUNTER_recordings_failed, 1);
}

/* Room that is asked for may make writers wait: never inside a take. */
static void
open_recording(struct segment *s, const struct segment_input *in)
{
	const struct store_recording_spec spec = { .id = s->row.id,
						   .start_ns = s->start_ns };
	uint32_t bytes = (uint32_t)offsetof(struct archive_request, row) +
			 (uint32_t)SEGMENT_HEAD_BYTES;
	struct archive_request *request;

	int r = store_recording_new(&s->recording, in->archive, &spec);

	if (r < 0) {
		fail(s, in, r);
		return;
	}
	s->state = SEGMENT_OPENING;
	counter_add(in->counters, COUNTER_recordings, 1);
	request = in->request(in->ctx, bytes);
	request->type = ARCHIVE_OPEN;
	request->segment = s;
	store_recording_seal_key(s->recording, &request->key);
	memcpy(&request->row, &s->row, SEGMENT_HEAD_BYTES);
	request->row.state = STORE_STATE_RECORDING;
	request->row.end_ns = s->row.start_ns;
	request->row.streams_count = 0;
	request->row.key_day = day_of(s);
	in->commit(in->ctx, bytes);
}

void
segment_opened(struct segment *s, const struct segment_input *in,
	       const struct archive_answer *answer)
{
	int r = answer->error;

	if (r == 0) {
		s->row.key_day = answer->day;
		s->row.key_slot = answer->slot;
		r = store_recording_begin(s->recording, answer->day,
					  answer->slot);
	}
	if (r < 0)
		fail(s, in, r);
	else
		s->state = SEGMENT_OPEN;
}

/*
 * May this packet be stored? A keyed digit may not.
 *
 * @return true and *format, or false and *reason
 */
static bool
storable(const struct segment_flow *flow, const struct rtp_frame *frame,
	 struct rtp_format *format, enum store_reason *reason)
{
	bool known = payload_format(flow->media, frame->payload_type, format);

	if (flow->encrypted) {
		*reason = STORE_REASON_encrypted;
		return false;
	}
	*reason = STORE_REASON_dtmf;
	if (payload_is_event(known ? format : NULL, frame) ||
	    (known && payload_is_red(format) &&
	     payload_has_event(flow->media, frame)))
		return false;
	if (known)
		return true;
	*format = (struct rtp_format){ .payload_type = frame->payload_type,
				       .clock_hz = 8000,
				       .channels = 1 };
	snprintf(format->encoding, sizeof(format->encoding), "unknown-%u",
		 frame->payload_type);
	return true;
}

static int
store(struct segment *s, const struct segment_input *in, int stream,
      const struct rtp_frame *frame)
{
	const struct store_frame f = {
		.time_ns = frame->time_ns,
		.timestamp = frame->timestamp,
		.sequence = (uint16_t)frame->sequence,
		.payload_bytes = frame->payload_bytes,
		.stream = (uint8_t)stream,
		.payload_type = frame->payload_type,
		.marker = frame->marker,
		.payload = frame->payload,
	};
	int r = store_recording_frame(s->recording, &f);

	if (r < 0)
		return r;
	s->row.streams[stream].stored++;
	s->row.bytes += frame->payload_bytes;
	counter_add(in->counters, COUNTER_stored, 1);
	counter_add(in->counters, COUNTER_payload_bytes, frame->payload_bytes);
	return 0;
}

/* There is no recording yet. If one is made, it begins with these. */
static int
keep_early(struct segment *s, const struct store_gap *gap)
{
	struct segment_gap *early;

	if (strictness(s->row.decision) == 2)
		return 0;
	early = calloc(1, sizeof(*early));
	if (!early)
		return -ENOMEM;
	early->gap = *gap;
	*s->early_end = early;
	s->early_end = &early->next;
	return 0;
}

static int
write_gap(struct segment *s, const struct store_gap *gap)
{
	int r = segment__introduce_streams(s, gap->stream + 1U);

	return r < 0 ? r : store_recording_gap(s->recording, gap);
}

/* What was left out or lost before the first frame that is stored.
 * @return 0; -ENOBUFS: not all of it yet; what the disk said */
static int
write_early(struct segment *s)
{
	struct segment_gap *early;
	int r;

	while ((early = s->early)) {
		r = write_gap(s, &early->gap);
		if (r < 0)
			return r;
		s->early = early->next;
		free(early);
	}
	s->early_end = &s->early;
	return 0;
}

/* Count a gap, and tell the recording of it, or that which may begin yet.
 * @return 0, or -ENOBUFS: not yet */
static int
put_gap(struct segment *s, const struct segment_input *in,
	const struct store_gap *gap)
{
	int r = 0;

	if (s->state == SEGMENT_IDLE) {
		r = keep_early(s, gap);
	} else if (s->state == SEGMENT_OPENING || s->state == SEGMENT_OPEN) {
		/* Those of a stream stand in order. */
		r = write_early(s);
		if (r == 0)
			r = write_gap(s, gap);
	}
	if (r == -ENOBUFS)
		return r;
	if (r < 0)
		fail(s, in, r);
	s->row.streams[gap->stream].gaps++;
	return 0;
}

/* A digit's gap hides the other hops of its side when it is played: it must not
 * reach over a silence, to where somebody talks. */
enum { DIGIT_APART_NS = 1000000000 };

static bool
apart(enum store_reason reason, int64_t before_ns, int64_t after_ns)
{
	return reason == STORE_REASON_dtmf &&
	       after_ns - before_ns > DIGIT_APART_NS;
}

/* What was left out in a row becomes a gap. */
static int
end_run(struct segment *s, const struct segment_input *in, int stream,
	int64_t until_ns)
{
	struct segment_run *run = &s->left_out[stream];
	const struct store_gap gap = {
		.stream = (uint8_t)stream,
		.reason = run->reason,
		.packets = run->packets,
		.from_ns = run->from_ns,
		.until_ns = apart(run->reason, run->until_ns, until_ns)
				? run->until_ns
				: until_ns,
	};
	int r;

	if (run->packets == 0)
		return 0;
	r = put_gap(s, in, &gap);
	if (r < 0)
		return r;
	run->packets = 0;
	return 0;
}

/* After the frame before, if that is of this segment. */
static int64_t
run_begins(const struct segment *s, const struct segment_flow *flow,
	   const struct rtp_frame *frame, enum store_reason reason)
{
	if (!flow->last_ns || apart(reason, flow->last_ns, frame->time_ns))
		return frame->time_ns;
	if (flow->last_ns < s->start_ns && frame->time_ns >= s->start_ns)
		return s->start_ns;
	return flow->last_ns;
}

static int
leave_out(struct segment *s, const struct segment_input *in,
	  const struct segment_flow *flow, const struct rtp_frame *frame,
	  enum store_reason reason)
{
	struct segment_run *run = &s->left_out[flow->stream];
	struct rtp_format format;
	int r = 0;

	if (run->reason != reason ||
	    apart(reason, run->until_ns, frame->time_ns))
		r = end_run(s, in, flow->stream, frame->time_ns);
	if (r < 0)
		return r;
	if (run->packets == 0)
		run->from_ns = run_begins(s, flow, frame, reason);
	run->reason = reason;
	run->until_ns = frame->time_ns;
	run->packets++;
	redundant_left_out(
	    &s->redundant[flow->stream],
	    payload_format(flow->media, frame->payload_type, &format) ? &format
								      : NULL,
	    frame, reason);
	drop(s, in, flow->stream, reason);
	return 0;
}

/* @param format NULL: the recording was told of it */
static int
store_smaller(struct segment *s, const struct segment_input *in,
	      const struct segment_flow *flow, const struct rtp_frame *frame,
	      const struct rtp_format *format)
{
	char *codec = s->row.streams[flow->stream].codec;
	struct rtp_format received = { .payload_type = frame->payload_type };
	struct smaller smaller;
	int r;

	if (format)
		received = *format;
	else
		(void)payload_format(flow->media, frame->payload_type,
				     &received);
	r = smaller_make(s, in, flow, frame, &received, &smaller);
	if (r < 0)
		return r;
	/* The row says what was received; its file, what is stored. */
	if (smaller.opus && (codec[0] == '\0' || strcasecmp(codec, "CN") == 0))
		snprintf(codec, sizeof(s->row.streams[0].codec), "%s",
			 received.encoding);
	if (format || !smaller_told(s, flow->stream, &smaller)) {
		r = segment__introduce(s, flow, &smaller.frame,
				       &smaller.format);
		if (r < 0)
			return r;
		smaller_tell(s, flow->stream, &smaller);
	}
	return store(s, in, flow->stream, &smaller.frame);
}

/* @param format NULL: the recording was told of it */
static int
introduce_and_store(struct segment *s, const struct segment_input *in,
		    const struct segment_flow *flow,
		    const struct rtp_frame *frame,
		    const struct rtp_format *format)
{
	int r = 0;

	if (in->opus)
		return store_smaller(s, in, flow, frame, format);
	if (format)
		r = segment__introduce(s, flow, frame, format);
	return r < 0 ? r : store(s, in, flow->stream, frame);
}

static int
record(struct segment *s, const struct segment_input *in,
       const struct segment_flow *flow, const struct rtp_frame *frame,
       const struct rtp_format *format)
{
	int r;

	if (s->state == SEGMENT_IDLE)
		open_recording(s, in);
	if (s->state != SEGMENT_FAILED) {
		r = write_early(s);
		if (r == 0)
			r = end_run(s, in, flow->stream, frame->time_ns);
		if (r == 0)
			r = introduce_and_store(s, in, flow, frame, format);
		if (r == 0 || r == -ENOBUFS)
			return r;
		fail(s, in, r);
	}
	return leave_out(s, in, flow, frame, STORE_REASON_overrun);
}

/*
 * Is this packet left out, and why?
 *
 * @param format what it is, if it stays and the recording was not told
 */
static bool
is_left_out(struct segment *s, const struct segment_flow *flow,
	    const struct rtp_frame *frame, bool told, struct rtp_format *format,
	    enum store_reason *reason)
{
	const struct segment_pause *over,
	    *pause = segment__paused(s, flow->stream, frame->time_ns, &over);

	if (over)
		redundant_paused(&s->redundant[flow->stream], over->until_ns,
				 over->reason);
	if (s->row.decision != STORE_RECORD &&
	    s->row.decision != STORE_LISTEN_DENY)
		*reason = s->refusal;
	else if (pause)
		*reason = pause->reason;
	else if (flow->withheld)
		*reason = STORE_REASON_opt_out;
	else if (flow->tone)
		*reason = STORE_REASON_dtmf;
	else
		return !told && !storable(flow, frame, format, reason);
	return true;
}

/*
 * A packet that stays, without what it brings along and must not.
 *
 * @param format NULL: the recording was told of it, and it is none of several
 * @return false: it does not stay
 */
static bool
cut(struct segment *s, const struct segment_flow *flow,
    const struct rtp_format *format, struct rtp_frame *frame,
    uint8_t room[RTP_JITTER_PAYLOAD_MAX])
{
	struct redundant *r = &s->redundant[flow->stream];
	struct rtp_format known;

	if (!format) {
		/* It reaches back by one packet. */
		if (r->clean ||
		    !payload_format(flow->media, frame->payload_type, &known))
			return true;
		format = &known;
	}
	return redundant_cut(r, format, frame, room);
}

/* It goes for what it brings along; its own sound may come again. */
static int
leave_out_for_it(struct segment *s, const struct segment_input *in,
		 const struct segment_flow *flow, const struct rtp_frame *frame)
{
	const struct redundant before = s->redundant[flow->stream];
	int r = leave_out(s, in, flow, frame, before.reason);

	s->redundant[flow->stream] = before;
	return r;
}

static int
take_frame(struct segment *s, const struct segment_input *in,
	   const struct segment_flow *flow, const struct rtp_frame *frame)
{
	struct store_stream *row = &s->row.streams[flow->stream];
	struct redundant *redundant = &s->redundant[flow->stream];
	uint8_t pt = frame->payload_type, room[RTP_JITTER_PAYLOAD_MAX];
	/* What is as short as a keyed digit is looked at each time, and so is
	 * what may be encrypted by now. */
	bool told = !flow->encrypted &&
		    s->told[flow->stream][pt >> 6] >> (pt & 63) & 1 &&
		    frame->payload_bytes > RTP_EVENT_BYTES;
	struct rtp_frame kept = *frame;
	struct rtp_format format;
	enum store_reason reason;
	bool passed = false;
	int r;

	if (is_left_out(s, flow, frame, told, &format, &reason)) {
		r = leave_out(s, in, flow, frame, reason);
	} else {
		passed = true;
		if (cut(s, flow, told ? NULL : &format, &kept, room))
			r = record(s, in, flow, &kept, told ? NULL : &format);
		else
			r = leave_out_for_it(s, in, flow, frame);
	}
	if (r < 0)
		return r;
	if (passed)
		redundant_passed(redundant, frame);
	row->seen++;
	note_time(row, frame->time_ns);
	segment__measure(s, flow, frame);
	return 0;
}

static void
count_lost(struct segment *s, const struct segment_input *in, int stream,
	   uint64_t packets, bool kernel)
{
	s->row.streams[stream].lost += packets;
	counter_add(in->counters, COUNTER_lost, packets);
	if (kernel)
		counter_add(in->counters, COUNTER_lost_here, packets);
}

/* What other mirror ports have shown of a stream; NULL: there is no other, or
 * no memory to know it. */
static struct copies *
copies_of(struct segment *s, const struct segment_flow *flow)
{
	struct copies **copies = &s->copies[flow->stream];

	if (!flow->several)
		return NULL;
	if (!*copies)
		*copies = calloc(1, sizeof(**copies));
	return *copies;
}

static void
take_copy(struct segment *s, const struct segment_input *in, int stream)
{
	s->row.streams[stream].seen++;
	s->row.streams[stream].duplicate++;
	counter_add(in->counters, COUNTER_duplicate, 1);
}

/* Other mirror ports may have brought it, or missed it. It is the only caller
 * of take_frame, which so becomes a part of it: this is at packet rate. */
static int
take_frame_once(struct segment *s, const struct segment_input *in,
		const struct segment_flow *flow, const struct rtp_frame *frame)
{
	struct copies *copies = copies_of(s, flow);
	uint16_t sequence = (uint16_t)frame->sequence;
	enum copies_answer answer =
	    copies ? copies_look(copies, sequence, frame->timestamp)
		   : COPIES_NEW;
	int r;

	if (answer == COPIES_AGAIN) {
		take_copy(s, in, flow->stream);
		return 0;
	}
	r = take_frame(s, in, flow, frame);
	if (r < 0)
		return r;
	if (copies)
		copies_note(copies, sequence, frame->timestamp);
	if (answer == COPIES_FOUND && s->row.streams[flow->stream].lost)
		count_lost(s, in, flow->stream, (uint64_t)-1, false);
	return 0;
}

static enum store_reason
gap_reason(const struct segment_flow *flow, const struct rtp_frame *frame)
{
	if (frame->shed == frame->missing)
		return STORE_REASON_overrun;
	return flow->kernel ? STORE_REASON_kernel : STORE_REASON_loss;
}

static int
take_gap(struct segment *s, const struct segment_input *in,
	 const struct segment_flow *flow, const struct rtp_frame *frame)
{
	struct store_stream *row = &s->row.streams[flow->stream];
	struct store_gap gap = {
		.stream = (uint8_t)flow->stream,
		.reason = gap_reason(flow, frame),
		.packets = frame->missing,
		.from_ns = flow->last_ns,
		.until_ns = frame->time_ns,
	};
	struct copies *copies = copies_of(s, flow);
	uint32_t missing, shed;
	int r;

	if (row->seen == 0 && flow->last_ns < s->row.call_start_ns)
		return 0; /* the flow was another call's before */
	if (copies) {
		/* Nobody knows yet whether another mirror port has it: it is
		 * counted, and a hole in the sound says the rest. */
		missing = copies_gap(copies, (uint16_t)frame->sequence,
				     frame->missing);
		shed = frame->shed < missing ? frame->shed : missing;
		count_lost(s, in, flow->stream, missing - shed, flow->kernel);
		segment__miss(s, flow, missing - shed, shed);
		return 0;
	}
	r = put_gap(s, in, &gap);
	if (r < 0)
		return r;
	count_lost(s, in, flow->stream, frame->missing - frame->shed,
		   flow->kernel);
	segment__miss(s, flow, frame->missing - frame->shed, frame->shed);
	return 0;
}

void
segment_overflow(struct segment *s, const struct segment_input *in,
		 enum rtp_take kind)
{
	struct store_stream *last =
	    &s->row.streams[SEGMENT_STREAMS_AT_ONCE - 1];

	if (kind == RTP_TAKE_GAP)
		return;
	counter_add(in->counters, COUNTER_streams_shed, 1);
	last->seen++;
	if (kind == RTP_TAKE_DUPLICATE)
		last->duplicate++;
	else if (kind == RTP_TAKE_LATE)
		last->late++;
	else
		last->dropped[STORE_REASON_overrun]++;
}

void
segment_shed(struct segment *s, const struct segment_input *in, int stream)
{
	s->row.streams[stream].seen++;
	drop(s, in, stream, STORE_REASON_overrun);
}

int
segment_take(struct segment *s, const struct segment_input *in,
	     const struct segment_flow *flow, enum rtp_take kind,
	     const struct rtp_frame *frame)
{
	struct store_stream *row = &s->row.streams[flow->stream];

	switch (kind) {
	case RTP_TAKE_FRAME:
		return take_frame_once(s, in, flow, frame);
	case RTP_TAKE_GAP:
		return take_gap(s, in, flow, frame);
	case RTP_TAKE_DUPLICATE:
		row->seen++;
		row->duplicate++;
		counter_add(in->counters, COUNTER_duplicate, 1);
		return 0;
	case RTP_TAKE_LATE:
		row->seen++;
		row->late++;
		if (frame->in_range && row->lost)
			count_lost(s, in, flow->stream, (uint64_t)-1, false);
		counter_add(in->counters, COUNTER_late, 1);
		return 0;
	case RTP_TAKE_SHED:
		counter_add(in->counters, COUNTER_rtp_shed, 1);
		segment_shed(s, in, flow->stream);
		return 0;
	case RTP_TAKE_NONE:
		break;
	}
	return 0;
}

void
segment_flush(struct segment *s, const struct segment_input *in, int64_t now_ns)
{
	int r;

	if (s->state != SEGMENT_OPEN)
		return;
	r = store_recording_flush(s->recording, now_ns);
	if (r < 0)
		fail(s, in, r);
}

/* ---- the end ------------------------------------------------------------- */

/* Of a recording that failed only what reached the file is stored. */
static void
count_written(struct segment *s, const struct store_recording_result *result)
{
	uint32_t i;

	for (i = 0; i < s->row.streams_count; i++) {
		struct store_stream *row = &s->row.streams[i];

		row->dropped[STORE_REASON_overrun] +=
		    row->stored - result->frames[i];
		row->stored = result->frames[i];
	}
	s->row.bytes = result->payload_bytes;
}

static void
finish_recording(struct segment *s, const struct segment_input *in)
{
	struct store_recording_result result = { 0 };
	int r = 0;

	if (s->state == SEGMENT_OPEN)
		r = segment__introduce_streams(s, s->row.streams_count);
	if (r == 0)
		r = store_recording_finish(s->recording, &s->row, &result);
	if (r < 0)
		fail(s, in, r);
	if (s->state == SEGMENT_FAILED)
		count_written(s, &result);
	s->row.chunks = result.chunks;
	memcpy(s->row.file_hash, result.file_hash, sizeof(s->row.file_hash));
	s->row.state = s->state == SEGMENT_FAILED ? STORE_STATE_INTERRUPTED
						  : STORE_STATE_STORED;
}

/* Finish the recording, if there is one, and hand the row over. */
static void
hand_in(struct segment *s, const struct segment_input *in,
	enum archive_request_type type)
{
	uint32_t bytes =
	    (uint32_t)offsetof(struct archive_request, row.streams) +
	    s->row.streams_count * (uint32_t)sizeof(struct store_stream);
	struct archive_request *request;
	uint32_t i;

	for (i = 0; i < s->row.streams_count; i++) {
		struct store_stream *stream = &s->row.streams[i];

		(void)end_run(s, in, (int)i, s->left_out[i].until_ns);
		stream->expected =
		    stream->seen - stream->duplicate + stream->lost;
		/* The time-out knows of media to the second only. */
		if (s->silent && stream->last_ns > s->row.end_ns)
			s->row.end_ns = stream->last_ns;
	}
	if (type == ARCHIVE_CLOSE)
		segment__rate(s, in);
	if (s->recording)
		finish_recording(s, in);
	request = in->request(in->ctx, bytes);
	request->type = type;
	request->segment = NULL;
	request->traces = s->traces;
	memcpy(&request->row, &s->row,
	       bytes - offsetof(struct archive_request, row));
	in->commit(in->ctx, bytes);
}

void
segment_take_back(struct segment *s, const struct segment_input *in,
		  int64_t now_ns)
{
	if (!s->take_back || s->state == SEGMENT_OPENING ||
	    s->state == SEGMENT_GONE)
		return;
	s->row.end_ns = now_ns < s->end_ns ? now_ns : s->end_ns;
	hand_in(s, in, ARCHIVE_TAKE_BACK);
	store_recording_free(&s->recording, false);
	s->state = SEGMENT_GONE;
}

int
segment_close(struct segment *s, const struct segment_input *in)
{
	if (s->state == SEGMENT_OPENING)
		return -EAGAIN;
	/* Of what was taken back there is a tombstone. */
	if (s->state == SEGMENT_GONE)
		return 0;
	if (s->if_media && s->row.streams_count == 0)
		return 0;
	s->row.end_ns = s->by_media ? s->start_ns : s->end_ns;
	hand_in(s, in, ARCHIVE_CLOSE);
	return 0;
}
