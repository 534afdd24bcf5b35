/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A script worked out: messages are made once and kept; of RTP packets only
 * time, stream and number are kept until the frame is written, so that hours
 * of traffic fit into memory.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

/* One packet of the capture. */
struct item {
	int64_t time_ns;
	uint32_t source; /* stream, or STORED */
	uint32_t number; /* of the stream's packet, or which stored message */
	uint32_t order;  /* in which it was made: ties are broken by it */
	uint32_t slot : 30;
	uint32_t late : 1;
	uint32_t copy : 1;
};

#define STORED UINT32_MAX

/* A datagram whose payload is kept. */
struct stored {
	struct mkpcap_endpoint from, to;
	size_t payload;
	uint32_t bytes;
	const char *method; /* for "again"; NULL: plain */
	uint32_t call;      /* MKPCAP_NONE: plain */
	uint32_t status;
	bool rtcp;
};

struct mkpcap_capture {
	const struct mkpcap_script *script;
	struct item *items;
	struct stored *stored;
	struct mkpcap_stream *streams;
	struct mkpcap_count *counts;
	uint8_t *payload;
	uint32_t items_count, stored_count, streams_count;
	size_t payload_bytes;
};

struct builder {
	struct mkpcap_capture *capture;
	struct mkpcap_errors *errors;
	char text[MKPCAP_MESSAGE_MAX];
};

/* The array with room for one more element. Grows by doubling. */
static void *
grow(void *array, uint32_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return realloc(array, (count ? (size_t)count * 2 : 1) * size);
}

static int
item_add(struct builder *builder, const struct item *item)
{
	struct mkpcap_capture *capture = builder->capture;
	struct item *items =
	    grow(capture->items, capture->items_count, sizeof(*items));

	if (!items)
		return -ENOMEM;
	capture->items = items;
	if (capture->items_count == MKPCAP_PACKETS_MAX) {
		mkpcap__error(builder->errors, 0, 0,
			      "the capture would have more than %u packets",
			      MKPCAP_PACKETS_MAX);
		return -EINVAL;
	}
	items[capture->items_count] = *item;
	items[capture->items_count].order = capture->items_count;
	capture->items_count++;
	return 0;
}

/* ---- messages ------------------------------------------------------------ */

static int64_t
shift_ns(const struct mkpcap_script *script, uint32_t repeat, uint32_t instance)
{
	return repeat == MKPCAP_NONE
		   ? 0
		   : script->repeats[repeat].every_ns * instance;
}

static uint32_t
instances(const struct mkpcap_script *script, uint32_t repeat)
{
	return repeat == MKPCAP_NONE ? 1 : script->repeats[repeat].count;
}

/* Keep the payload in builder->text and give it its place in time. */
static int
stored_add(struct builder *builder, const struct stored *stored,
	   int64_t time_ns)
{
	struct mkpcap_capture *capture = builder->capture;
	struct item item = { .time_ns = time_ns,
			     .source = STORED,
			     .number = capture->stored_count };
	struct stored *all =
	    grow(capture->stored, capture->stored_count, sizeof(*all));
	uint8_t *payload;
	int rc;

	if (!all)
		return -ENOMEM;
	capture->stored = all;
	payload = realloc(capture->payload,
			  capture->payload_bytes + stored->bytes + 1);
	if (!payload)
		return -ENOMEM;
	capture->payload = payload;
	memcpy(payload + capture->payload_bytes, builder->text, stored->bytes);
	all[capture->stored_count] = *stored;
	all[capture->stored_count].payload = capture->payload_bytes;
	rc = item_add(builder, &item);
	if (rc)
		return rc;
	capture->stored_count++;
	capture->payload_bytes += stored->bytes;
	return 0;
}

/* The same once more: the last of this call with that method and status. */
static int
again_add(struct builder *builder, const struct mkpcap_step *step,
	  uint32_t first, int64_t time_ns)
{
	const struct mkpcap_capture *capture = builder->capture;
	uint32_t i = capture->stored_count;
	struct item item = { .time_ns = time_ns, .source = STORED };

	while (i-- > first) {
		const struct stored *stored = &capture->stored[i];

		if (stored->status != step->status ||
		    (step->method && strcmp(stored->method, step->method) != 0))
			continue;
		item.number = i;
		return item_add(builder, &item);
	}
	mkpcap__error(builder->errors, step->line, 1,
		      "there is no such message before, to be sent again");
	return -EINVAL;
}

static int
message_error(struct builder *builder, const struct mkpcap_step *step, int rc)
{
	if (rc == -ENOENT)
		mkpcap__error(builder->errors, step->line, 1,
			      "there is no request before that this could "
			      "belong to");
	else if (rc == -ENXIO)
		mkpcap__error(builder->errors, step->line, 1,
			      "no \"rtp PORT\" of this side so far");
	else if (rc == -EMSGSIZE)
		mkpcap__error(builder->errors, step->line, 1,
			      "longer than a datagram of %d bytes",
			      MKPCAP_MESSAGE_MAX);
	else
		return rc;
	return -EINVAL;
}

static int
message_add(struct builder *builder, struct mkpcap_dialog *dialog,
	    const struct mkpcap_step *step, uint32_t first)
{
	const struct mkpcap_script *script = builder->capture->script;
	const struct mkpcap_call *call = &script->calls[step->call];
	int64_t time_ns = script->start_ns + step->at_ns + step->delay_ns +
			  shift_ns(script, step->repeat, dialog->instance);
	struct stored stored = { .status = step->status, .call = step->call };
	enum mkpcap_side from;
	int n;

	if (step->again)
		return again_add(builder, step, first, time_ns);
	n = mkpcap__message(dialog, step, builder->text, &from);
	if (n < 0)
		return message_error(builder, step, n);
	stored.bytes = (uint32_t)n;
	stored.method = step->method ? step->method : dialog->last->method;
	stored.from.host = call->host[from];
	stored.to.host = call->host[!from];
	stored.from.port = script->hosts[stored.from.host].sip_port;
	stored.to.port = script->hosts[stored.to.host].sip_port;
	return stored_add(builder, &stored, time_ns);
}

static int
plain_add(struct builder *builder, const struct mkpcap_step *step)
{
	const struct mkpcap_script *script = builder->capture->script;
	struct stored stored = { .from = step->from,
				 .to = step->to,
				 .call = MKPCAP_NONE };
	int n = mkpcap__plain(step, builder->text);

	if (n < 0)
		return message_error(builder, step, n);
	stored.bytes = (uint32_t)n;
	for (uint32_t i = 0; i < instances(script, step->repeat); i++) {
		int rc = stored_add(builder, &stored,
				    script->start_ns + step->at_ns +
					shift_ns(script, step->repeat, i));

		if (rc)
			return rc;
	}
	return 0;
}

static int
step_compare(const void *a, const void *b)
{
	const struct mkpcap_step *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* ---- media --------------------------------------------------------------- */

static int
stream_endpoint(struct builder *builder, const struct mkpcap_dialog *dialog,
		const struct mkpcap_media *media, enum mkpcap_side side,
		struct mkpcap_endpoint *endpoint)
{
	const struct mkpcap_call *call =
	    &builder->capture->script->calls[media->call];
	const struct mkpcap_endpoint *named =
	    side == media->side ? &media->source : &media->target;

	*endpoint = *named;
	if (named->host != MKPCAP_NONE) {
		endpoint->port = (uint16_t)(named->port + dialog->port_shift);
		return 0;
	}
	endpoint->host = call->host[side];
	endpoint->port = dialog->party[side].first_port;
	if (dialog->party[side].ported)
		return 0;
	mkpcap__error(builder->errors, media->line, 1,
		      "the call names no \"rtp PORT\" of its %s; or say "
		      "\"%s HOST:PORT\" here",
		      side == MKPCAP_CALLER ? "caller" : "callee",
		      side == media->side ? "source" : "target");
	return -EINVAL;
}

/* What happens to a stream by chance. */
struct chance {
	uint64_t random;
	uint32_t lost; /* still to be lost of a run */
};

static bool
is_lost(const struct mkpcap_media *media, uint32_t counted,
	struct chance *chance)
{
	struct mkpcap_pick loss = media->loss;
	bool lost;

	if (media->burst)
		loss.per_million /= media->burst;
	lost = mkpcap__picked(&loss, counted, &chance->random);
	if (lost && media->burst)
		chance->lost = media->burst;
	if (chance->lost == 0)
		return lost;
	chance->lost--;
	return true;
}

/* A quarter after one of those behind it. */
static int64_t
passed_ns(const struct mkpcap_media *media, uint64_t *random)
{
	uint32_t by = media->reorder_by;
	int64_t packets =
	    by > 1 ? (int64_t)(mkpcap__random(random) % by) + 1 : 1;

	return packets * media->ptime_ns + media->ptime_ns / 4;
}

/* One packet of a stream, or two, or none, as the script wants it. */
static int
packet_add(struct builder *builder, const struct mkpcap_media *media,
	   struct item item, struct chance *chance)
{
	uint64_t *random = &chance->random;
	uint32_t counted = item.number + 1;
	bool lost = is_lost(media, counted, chance);
	bool dup = mkpcap__picked(&media->dup, counted, random);
	bool late = mkpcap__picked(&media->late, counted, random);
	bool reorder = mkpcap__picked(&media->reorder, counted, random);
	int rc;

	if (media->jitter_ns)
		item.time_ns += (int64_t)(mkpcap__random(random) %
					  (uint64_t)media->jitter_ns);
	if (lost)
		return 0;
	if (late)
		item.time_ns += media->late_by_ns;
	if (reorder)
		item.time_ns += passed_ns(media, random);
	item.late = late;
	rc = item_add(builder, &item);
	if (rc || !dup)
		return rc;
	item.copy = true;
	item.time_ns += MS_NS;
	return item_add(builder, &item);
}

static int
stream_packets(struct builder *builder, const struct mkpcap_stream *stream,
	       uint32_t source)
{
	const struct mkpcap_script *script = builder->capture->script;
	const struct mkpcap_media *media = stream->media;
	uint32_t slots = mkpcap__slots(media);
	struct chance chance = {
		.random = script->seed ^ (uint64_t)stream->ssrc << 32 ^ source,
	};
	uint32_t number = 0;

	if (slots > MKPCAP_PACKETS_MAX) {
		mkpcap__error(builder->errors, media->line, 1,
			      "more than %u packets", MKPCAP_PACKETS_MAX);
		return -EINVAL;
	}
	for (uint32_t slot = 0; slot < slots; slot++) {
		struct item item = { .source = source,
				     .number = number,
				     .slot = slot & 0x3fffffff };
		int rc;

		if (!mkpcap__slot_sent(media, slot))
			continue;
		item.time_ns = script->start_ns + stream->shift_ns +
			       mkpcap__slot_ns(media, slot);
		rc = packet_add(builder, media, item, &chance);
		if (rc)
			return rc;
		number++;
	}
	return 0;
}

static int
stream_add(struct builder *builder, const struct mkpcap_dialog *dialog,
	   const struct mkpcap_media *media)
{
	struct mkpcap_capture *capture = builder->capture;
	const struct mkpcap_script *script = capture->script;
	uint32_t repeat = script->calls[media->call].repeat;
	uint32_t number = (uint32_t)(media - script->media);
	uint64_t hash =
	    mkpcap__hash(MKPCAP_HASH, dialog->name, strlen(dialog->name));
	struct mkpcap_stream *stream;
	int rc;

	stream =
	    grow(capture->streams, capture->streams_count, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	capture->streams = stream;
	stream += capture->streams_count;
	hash = mkpcap__hash(hash, &number, sizeof(number));
	memset(stream, 0, sizeof(*stream));
	stream->media = media;
	stream->codec = media->codec;
	if (!stream->codec)
		stream->codec = dialog->party[media->side].sdp.codecs[0];
	if (!stream->codec)
		stream->codec = &mkpcap__pcma;
	stream->shift_ns = shift_ns(script, repeat, dialog->instance);
	stream->ssrc =
	    media->has_ssrc ? media->ssrc + dialog->instance : (uint32_t)hash;
	stream->seq = media->has_seq ? media->seq : (hash >> 32) & 0x7fff;
	stream->ts = media->has_ts ? media->ts : (uint32_t)(hash >> 16);
	if (repeat != MKPCAP_NONE)
		stream->tone_shift_hz =
		    script->repeats[repeat].tone_step * dialog->instance;
	if ((rc = stream_endpoint(builder, dialog, media, media->side,
				  &stream->source)) ||
	    (rc = stream_endpoint(builder, dialog, media, !media->side,
				  &stream->target)))
		return rc;
	if (stream->codec->payload_type != 8 &&
	    stream->codec->payload_type != 0) {
		mkpcap__error(builder->errors, media->line, 1,
			      "only PCMA and PCMU can be made: say which "
			      "codec");
		return -EINVAL;
	}
	return stream_packets(builder, stream, capture->streams_count++);
}

/* ---- calls --------------------------------------------------------------- */

static int
count_add(struct builder *builder, const struct mkpcap_dialog *dialog)
{
	struct mkpcap_capture *capture = builder->capture;
	const struct mkpcap_stream *stream =
	    &capture->streams[capture->streams_count - 1];
	uint32_t i = capture->streams_count - 1;
	struct mkpcap_count *count = grow(capture->counts, i, sizeof(*count));

	if (!count)
		return -ENOMEM;
	capture->counts = count;
	count += i;
	memset(count, 0, sizeof(*count));
	snprintf(count->call, sizeof(count->call), "%s", dialog->name);
	snprintf(count->call_id, sizeof(count->call_id), "%s", dialog->id);
	count->side = stream->media->side;
	count->ssrc = stream->ssrc;
	count->codec = stream->codec->name;
	return 0;
}

/* The first stream that a side sends in this instance of its call. */
static const struct mkpcap_stream *
stream_of(const struct mkpcap_capture *capture, uint32_t first,
	  enum mkpcap_side side)
{
	for (uint32_t i = first; i < capture->streams_count; i++)
		if (capture->streams[i].media->side == side)
			return &capture->streams[i];
	return NULL;
}

/* When the other side told its clock last, before this report; 0: never. */
static int64_t
clock_told(const struct mkpcap_script *script,
	   const struct mkpcap_report *report)
{
	int64_t told_ns = 0;

	for (uint32_t i = 0; i < script->reports_count; i++) {
		const struct mkpcap_report *other = &script->reports[i];

		if (other->call == report->call &&
		    other->side != report->side &&
		    other->at_ns < report->at_ns && other->at_ns > told_ns)
			told_ns = other->at_ns;
	}
	return told_ns;
}

/* How many this side has sent before it, the same in each instance. */
static uint32_t
reports_before(const struct mkpcap_script *script,
	       const struct mkpcap_report *report)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < script->reports_count; i++) {
		const struct mkpcap_report *other = &script->reports[i];

		count += other->call == report->call &&
			 other->side == report->side &&
			 other->at_ns < report->at_ns;
	}
	return count;
}

/* @param first stream of this instance of its call */
static int
report_add(struct builder *builder, const struct mkpcap_report *report,
	   uint32_t first)
{
	const struct mkpcap_capture *capture = builder->capture;
	const struct mkpcap_script *script = capture->script;
	uint32_t one = report->mux ? 0 : 1;
	struct stored stored = { .call = MKPCAP_NONE, .rtcp = true };
	struct mkpcap_rtcp rtcp = {
		.report = report,
		.own = stream_of(capture, first, report->side),
		.about = stream_of(capture, first, !report->side),
		.heard_ns = clock_told(script, report),
	};
	int64_t shift_ns;
	int rc;

	if (!rtcp.about) {
		mkpcap__error(builder->errors, report->line, 1,
			      "the other side sends no media to report of");
		return -EINVAL;
	}
	shift_ns = script->start_ns + rtcp.about->shift_ns;
	rtcp.time_ns = shift_ns + report->at_ns;
	if (rtcp.heard_ns)
		rtcp.heard_ns += shift_ns;
	stored.from = rtcp.about->target;
	stored.to = rtcp.about->source;
	stored.from.port = (uint16_t)(stored.from.port + one);
	stored.to.port = (uint16_t)(stored.to.port + one);
	stored.bytes = mkpcap__rtcp(&rtcp, (uint8_t *)builder->text);
	rc = mkpcap__protect_rtcp(&rtcp, reports_before(script, report),
				  (uint8_t *)builder->text, &stored.bytes);
	return rc ? rc : stored_add(builder, &stored, rtcp.time_ns);
}

static int
instance_add(struct builder *builder, uint32_t call, uint32_t instance,
	     const struct mkpcap_step *steps, uint32_t steps_count)
{
	const struct mkpcap_script *script = builder->capture->script;
	uint32_t first = builder->capture->stored_count;
	uint32_t stream = builder->capture->streams_count;
	struct mkpcap_dialog dialog;
	int rc = 0;

	mkpcap__dialog_init(&dialog, script, &script->calls[call], instance);
	for (uint32_t i = 0; rc == 0 && i < steps_count; i++)
		rc = message_add(builder, &dialog, &steps[i], first);
	for (uint32_t i = 0; rc == 0 && i < script->media_count; i++) {
		if (script->media[i].call != call)
			continue;
		rc = stream_add(builder, &dialog, &script->media[i]);
		if (rc == 0)
			rc = count_add(builder, &dialog);
	}
	for (uint32_t i = 0; rc == 0 && i < script->reports_count; i++)
		if (script->reports[i].call == call)
			rc = report_add(builder, &script->reports[i], stream);
	return rc;
}

static int
call_add(struct builder *builder, uint32_t call)
{
	const struct mkpcap_script *script = builder->capture->script;
	uint32_t repeat = script->calls[call].repeat;
	struct mkpcap_step *steps =
	    calloc(script->steps_count + 1, sizeof(*steps));
	uint32_t count = 0;
	int rc = 0;

	if (!steps)
		return -ENOMEM;
	for (uint32_t i = 0; i < script->steps_count; i++)
		if (script->steps[i].call == call)
			steps[count++] = script->steps[i];
	qsort(steps, count, sizeof(*steps), step_compare);
	for (uint32_t i = 0; rc == 0 && i < instances(script, repeat); i++)
		rc = instance_add(builder, call, i, steps, count);
	free(steps);
	return rc;
}

static int
item_compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* ---- counts -------------------------------------------------------------- */

struct extent {
	uint32_t lowest, highest;
};

static void
item_count(struct mkpcap_count *count, struct extent *extent,
	   const struct item *item)
{
	if (count->packets == 0) {
		count->first_ns = item->time_ns;
		extent->lowest = extent->highest = item->number;
	}
	count->last_ns = item->time_ns;
	if (item->copy) {
		count->duplicate++;
		return;
	}
	count->packets++;
	if (item->late)
		count->late++;
	else if (item->number < extent->highest)
		count->reordered++;
	if (item->number < extent->lowest)
		extent->lowest = item->number;
	if (item->number > extent->highest)
		extent->highest = item->number;
}

static int
capture_count(struct mkpcap_capture *capture)
{
	struct extent *extents =
	    calloc(capture->streams_count + 1, sizeof(*extents));

	if (!extents)
		return -ENOMEM;
	for (uint32_t i = 0; i < capture->items_count; i++) {
		const struct item *item = &capture->items[i];

		if (item->source != STORED)
			item_count(&capture->counts[item->source],
				   &extents[item->source], item);
	}
	for (uint32_t i = 0; i < capture->streams_count; i++) {
		struct mkpcap_count *count = &capture->counts[i];

		if (count->packets)
			count->lost = extents[i].highest - extents[i].lowest +
				      1 - count->packets;
	}
	free(extents);
	return 0;
}

/* ---- capture ------------------------------------------------------------- */

static int
capture_make(struct builder *builder)
{
	struct mkpcap_capture *capture = builder->capture;
	const struct mkpcap_script *script = capture->script;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < script->steps_count; i++)
		if (script->steps[i].what == MKPCAP_PLAIN)
			rc = plain_add(builder, &script->steps[i]);
	for (uint32_t i = 0; rc == 0 && i < script->calls_count; i++)
		rc = call_add(builder, i);
	if (rc)
		return rc;
	if (capture->items_count)
		qsort(capture->items, capture->items_count,
		      sizeof(*capture->items), item_compare);
	return capture_count(capture);
}

int
mkpcap_build(struct mkpcap_capture **capture,
	     const struct mkpcap_script *script, struct mkpcap_errors *errors)
{
	struct builder *builder = calloc(1, sizeof(*builder));
	int rc = -ENOMEM;

	errors->count = 0;
	*capture = calloc(1, sizeof(**capture));
	if (!builder || !*capture)
		goto out;
	(*capture)->script = script;
	builder->capture = *capture;
	builder->errors = errors;
	rc = capture_make(builder);
out:
	free(builder);
	if (rc)
		mkpcap_capture_free(capture);
	return rc;
}

void
mkpcap_capture_free(struct mkpcap_capture **capture)
{
	if (!*capture)
		return;
	free((*capture)->items);
	free((*capture)->stored);
	free((*capture)->streams);
	free((*capture)->counts);
	free((*capture)->payload);
	free(*capture);
	*capture = NULL;
}

/* What is needed while packets are made. */
struct maker {
	const struct mkpcap_capture *capture;
	struct mkpcap_sine sine;
	struct mkpcap_cipher *ciphers; /* [streams_count] */
	alignas(8) uint8_t rtp[MKPCAP_RTP_MAX];
	uint8_t frame[MKPCAP_FRAME_MAX];
};

static int
packet_make(struct maker *maker, const struct item *item,
	    struct mkpcap_datagram *datagram)
{
	const struct mkpcap_script *script = maker->capture->script;
	const struct mkpcap_stream *stream =
	    &maker->capture->streams[item->source];
	struct mkpcap_packet packet = { item->slot, item->number };

	datagram->from = &script->hosts[stream->source.host];
	datagram->to = &script->hosts[stream->target.host];
	datagram->from_port = stream->source.port;
	datagram->to_port = stream->target.port;
	datagram->payload = maker->rtp;
	datagram->bytes =
	    mkpcap__rtp(stream, &maker->sine, &packet, maker->rtp);
	return mkpcap__protect(&maker->ciphers[item->source], stream->media,
			       item->slot, maker->rtp, &datagram->bytes);
}

static void
message_take(const struct mkpcap_capture *capture, const struct item *item,
	     struct mkpcap_datagram *datagram)
{
	const struct mkpcap_script *script = capture->script;
	const struct stored *stored = &capture->stored[item->number];

	datagram->from = &script->hosts[stored->from.host];
	datagram->to = &script->hosts[stored->to.host];
	datagram->from_port = stored->from.port;
	datagram->to_port = stored->to.port;
	datagram->payload = capture->payload + stored->payload;
	datagram->bytes = stored->bytes;
}

static int
items_write(struct maker *maker, FILE *to)
{
	const struct mkpcap_capture *capture = maker->capture;
	int rc = mkpcap__pcap_header(capture->script->link, to);

	for (uint32_t i = 0; rc == 0 && i < capture->items_count; i++) {
		const struct item *item = &capture->items[i];
		struct mkpcap_datagram datagram;

		if (item->source == STORED)
			message_take(capture, item, &datagram);
		else
			rc = packet_make(maker, item, &datagram);
		if (rc == 0)
			rc = mkpcap__pcap_frame(item->time_ns, maker->frame,
						mkpcap__frame(capture->script,
							      &datagram,
							      maker->frame),
						to);
	}
	return rc;
}

int
mkpcap_write(const struct mkpcap_capture *capture, FILE *to)
{
	struct maker *maker = calloc(1, sizeof(*maker));
	int rc = -ENOMEM;

	if (!maker)
		return rc;
	maker->capture = capture;
	mkpcap__sine_init(&maker->sine);
	maker->ciphers =
	    calloc(capture->streams_count + 1, sizeof(*maker->ciphers));
	if (maker->ciphers)
		rc = items_write(maker, to);
	for (uint32_t i = 0; maker->ciphers && i < capture->streams_count; i++)
		mkpcap__cipher_fini(&maker->ciphers[i]);
	free(maker->ciphers);
	free(maker);
	return rc;
}

/* ---- messages, by number ------------------------------------------------- */

static bool
is_message(const struct mkpcap_capture *capture, const struct item *item)
{
	return item->source == STORED && !capture->stored[item->number].rtcp;
}

static void
message_print(const struct mkpcap_capture *capture, const struct item *item,
	      uint32_t number, FILE *to)
{
	const struct mkpcap_script *script = capture->script;
	const struct stored *stored = &capture->stored[item->number];
	const struct mkpcap_text *from = &script->hosts[stored->from.host].name;
	const struct mkpcap_text *to_host =
	    &script->hosts[stored->to.host].name;
	const uint8_t *text = capture->payload + stored->payload;
	struct mkpcap_text call = { "-", 1 };

	if (stored->call != MKPCAP_NONE)
		call = script->calls[stored->call].name;
	fprintf(to, "%u %.6f %.*s %.*s %.*s ", number,
		(double)(item->time_ns - script->start_ns) / 1e9, (int)call.n,
		call.p, (int)from->n, from->p, (int)to_host->n, to_host->p);
	for (uint32_t i = 0; i < stored->bytes && text[i] != '\r'; i++)
		putc(text[i] < ' ' || text[i] > '~' ? '?' : text[i], to);
	if (stored->status)
		fprintf(to, " to %s", stored->method);
	putc('\n', to);
}

int
mkpcap_list(const struct mkpcap_capture *capture, FILE *to)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < capture->items_count; i++)
		if (is_message(capture, &capture->items[i]))
			message_print(capture, &capture->items[i], ++number,
				      to);
	return fflush(to) || ferror(to) ? -errno : 0;
}

int
mkpcap_leave_out(struct mkpcap_capture *capture, uint32_t number)
{
	for (uint32_t i = 0; i < capture->items_count; i++) {
		struct item *item = &capture->items[i];

		if (!is_message(capture, item) || --number)
			continue;
		memmove(item, item + 1,
			(--capture->items_count - i) * sizeof(*item));
		return 0;
	}
	return -ENOENT;
}

uint32_t
mkpcap_packets(const struct mkpcap_capture *capture)
{
	return capture->items_count;
}

const struct mkpcap_count *
mkpcap_counts(const struct mkpcap_capture *capture, uint32_t *count)
{
	*count = capture->streams_count;
	return capture->counts;
}
