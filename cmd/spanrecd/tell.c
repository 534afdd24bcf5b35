/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the control thread tells the writers of conversations: their segments,
 * and whose media is whose.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/common/crypto.h"
#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"

enum { NAP_MS = 1 };

static uint32_t
event_bytes(const struct writer_event *event)
{
	switch (event->type) {
	case WRITER_MEDIA_OPEN:
	case WRITER_MEDIA_CLOSE:
		return (uint32_t)(offsetof(struct writer_event, media.formats) +
				  event->media.formats_count *
				      sizeof(event->media.formats[0]));
	case WRITER_DOUBT:
		return (uint32_t)(offsetof(struct writer_event,
					   known.streams.stream) +
				  event->known.streams.count *
				      sizeof(event->known.streams.stream[0]));
	case WRITER_KEYS:
		return (uint32_t)(offsetof(struct writer_event, keys.key) +
				  event->keys.count *
				      sizeof(event->keys.key[0]));
	case WRITER_FIRST:
	case WRITER_TRUST:
		return (uint32_t)offsetof(struct writer_event, media);
	case WRITER_REPORT:
		return (uint32_t)(offsetof(struct writer_event, report) +
				  sizeof(event->report));
	case WRITER_END:
		return (uint32_t)(offsetof(struct writer_event, end) +
				  sizeof(event->end));
	case WRITER_PAUSE:
	case WRITER_RESUME:
	case WRITER_HOLD:
	case WRITER_RELEASE:
	case WRITER_KEEP:
		return (uint32_t)(offsetof(struct writer_event, at_ns) +
				  sizeof(event->at_ns));
	case WRITER_DISCARD:
		return (uint32_t)(offsetof(struct writer_event, id) +
				  sizeof(event->id));
	case WRITER_SEGMENT:
	case WRITER_UPDATE:
		break;
	}
	return (uint32_t)(offsetof(struct writer_event, head) +
			  SEGMENT_HEAD_BYTES);
}

/*
 * Tell a writer. Where the ring is full it must act on what it was told, and
 * for that the watermark must reach the time of this event, since all in the
 * ring may bear that time: when the input ends, every open call ends at once.
 * No harm in that: what an event changes for frames that are due by then, it
 * changes whenever it comes.
 */
static void
send_to(struct control_state *c, uint32_t writer,
	const struct writer_event *event)
{
	struct capture_ring *ring = c->pipeline->writers[writer].events;
	uint32_t bytes = event_bytes(event);
	void *room;

	if (event->time_ns > c->sent_ns)
		c->sent_ns = event->time_ns;
	while (!(room = capture_ring_reserve(ring, bytes))) {
		control__publish(c, event->time_ns);
		/* All of these may be of one moment, up to which it has looked
		 * already: it would wait for a later one. */
		atomic_store_explicit(&c->pipeline->writers[writer].full, 1,
				      memory_order_release);
		/* The writer may be waiting for room for its reports. */
		control__collect_reports(c);
		sem_post(&c->pipeline->writers[writer].wake);
		uv_sleep(NAP_MS);
	}
	memcpy(room, event, bytes);
	capture_ring_commit(ring, bytes);
}

static void
send_to_all(struct control_state *c, const struct writer_event *event)
{
	uint32_t i;

	if ((event->type == WRITER_MEDIA_OPEN ||
	     event->type == WRITER_MEDIA_CLOSE) &&
	    control__orphans_media(c, event) < 0)
		log_error("out of memory: media of a call may be taken for "
			  "that of another");
	for (i = 0; i < c->pipeline->writers_count; i++)
		send_to(c, i, event);
}

void
control__tell_all(struct control_state *c, const struct writer_event *event)
{
	send_to_all(c, event);
}

static struct writer_lookback
lookback_of(const struct control_call *call)
{
	const struct policy_verdict *v = &call->verdict;
	struct writer_lookback lookback = { .lookback_ns = v->lookback_ns,
					    .tones = v->tones };

	if (v->announcement_ns)
		lookback.until_ns = call->answer_ns
					? call->answer_ns + v->announcement_ns
					: INT64_MAX;
	return lookback;
}

void
control__tell_head(struct control_state *c, struct control_call *call,
		   enum writer_event_type type, bool resumed, int64_t time_ns)
{
	struct writer_event event = { .type = type,
				      .writer = call->writer,
				      .time_ns = time_ns,
				      .call = call->number,
				      .left_is_caller =
					  call->verdict.local_is_caller,
				      .resumed = resumed,
				      .traces = (uint8_t)call->verdict.traces,
				      .lookback = lookback_of(call) };

	memcpy(event.head, call->head, SEGMENT_HEAD_BYTES);
	send_to(c, call->writer, &event);
	control__live_change(c, call);
}

/* Behind all that is in the ring. */
static int64_t
behind_all(const struct control_state *c)
{
	return c->sent_ns > c->published_ns ? c->sent_ns : c->published_ns;
}

void
control__tell_discard(struct control_state *c, uint64_t call, uint32_t writer,
		      const char id[STORE_CALL_ID_BYTES])
{
	struct writer_event event = { .type = WRITER_DISCARD,
				      .writer = writer,
				      .time_ns = behind_all(c),
				      .call = call };

	memcpy(event.id, id, sizeof(event.id));
	send_to(c, writer, &event);
}

void
control__tell_pause(struct control_state *c, uint64_t call, uint32_t writer,
		    enum writer_event_type type, enum store_reason reason,
		    int64_t at_ns)
{
	const struct writer_event event = { .type = type,
					    .writer = writer,
					    .time_ns = behind_all(c),
					    .call = call,
					    .reason = reason,
					    .at_ns = at_ns };

	send_to(c, writer, &event);
}

/* What else goes over its ports may be of another call. */
void
control__tell_doubt(struct control_state *c, const struct control_call *call,
		    enum writer_event_type type, int64_t time_ns)
{
	const struct writer_event event = { .type = type,
					    .writer = call->writer,
					    .time_ns = time_ns,
					    .call = call->number,
					    .known = { call->sip_ns,
						       call->streams } };

	send_to_all(c, &event);
}

void
control__tell_first(struct control_state *c, int64_t time_ns)
{
	const struct writer_event event = { .type = WRITER_FIRST,
					    .time_ns = time_ns };

	send_to_all(c, &event);
}

/* Only who decrypts by them is told. */
static void
tell_keys(struct control_state *c, const struct control_call *call,
	  const struct sip_event *sip)
{
	struct counters *counters = &c->pipeline->control.counters;
	const struct sip_crypto_list *list = sip->media->crypto;
	struct writer_event event = { .type = WRITER_KEYS,
				      .writer = call->writer,
				      .time_ns = sip->time_ns,
				      .call = call->number };

	event.keys.end = sip_end(sip->call, sip->media->party);
	for (uint32_t i = 0; i < list->count; i++) {
		struct writer_key *key = &event.keys.key[event.keys.count];

		key->tag = list->crypto[i].tag;
		if (crypto_key(&key->key, &list->crypto[i]) == 0) {
			event.keys.count++;
			continue;
		}
		counter_add(counters, COUNTER_srtp_unsupported, 1);
		if (!c->unsupported_told)
			log_warning(
			    "SRTP by %s, with a key of %u bytes, is not "
			    "supported: such calls are not recorded",
			    list->crypto[i].suite, list->crypto[i].key_bytes);
		c->unsupported_told = true;
	}
	counter_add(counters, COUNTER_srtp_keys, event.keys.count);
	if (event.keys.count)
		send_to(c, call->writer, &event);
	explicit_bzero(&event.keys, sizeof(event.keys));
}

void
control__tell_report(struct control_state *c, const struct sip_report *report,
		     int64_t time_ns)
{
	const struct writer_event event = { .type = WRITER_REPORT,
					    .time_ns = time_ns,
					    .report = *report };

	send_to_all(c, &event);
}

void
control__tell_media(struct control_state *c, const struct control_call *call,
		    const struct sip_event *sip)
{
	const struct sip_media *media = sip->media;
	struct writer_event event = {
		.type = sip->type == SIP_EVENT_MEDIA_OPEN ? WRITER_MEDIA_OPEN
							  : WRITER_MEDIA_CLOSE,
		.writer = call->writer,
		.time_ns = sip->time_ns,
		.call = call->number,
	};
	uint32_t i;
	size_t n;

	if (event.type == WRITER_MEDIA_OPEN && media->crypto)
		tell_keys(c, call, sip);
	/* Keys are nowhere but in memory. */
	else if (c->restoring && media->secure)
		counter_add(&c->pipeline->control.counters,
			    COUNTER_srtp_keys_gone, 1);
	event.media.number = media->number;
	event.media.receive = media->receive;
	event.media.receiver = sip_end(sip->call, media->party);
	event.media.secure = media->secure;
	event.media.weak = media->candidate;
	event.media.moved = sip->moved;
	event.media.formats_count = media->formats_count;
	for (i = 0; i < media->formats_count; i++) {
		struct rtp_format *format = &event.media.formats[i];

		memcpy(format->encoding, media->formats[i].encoding,
		       sizeof(format->encoding));
		snprintf(format->parameters, sizeof(format->parameters), "%s",
			 sip_format_parameters(media, &media->formats[i]));
		/* That is for us to say. */
		if (rtp_format_parameter(format, RTP_FORMAT_STORED_RATE, &n))
			format->parameters[0] = '\0';
		format->clock_hz = media->formats[i].clock_hz;
		format->payload_type = media->formats[i].payload_type;
		format->channels = media->formats[i].channels;
	}
	send_to_all(c, &event);
	control__live_change(c, (struct control_call *)call);
}

void
control__tell_end(struct control_state *c, const struct control_call *call,
		  const struct sip_event *sip)
{
	const char *const causes[] = {
		[SIP_END_BYE] = "bye",
		[SIP_END_CANCEL] = "cancel",
		[SIP_END_REJECTED] = "rejected",
		[SIP_END_TIMEOUT] = "timeout",
		[SIP_END_SHED] = "shed",
		[SIP_END_INPUT] =
		    c->pipeline->config.live ? "stopped" : "input-ended",
	};
	struct writer_event event = { .type = WRITER_END,
				      .writer = call->writer,
				      .time_ns = sip->time_ns,
				      .call = call->number };

	event.end.joined = call->joined;
	if (call->joined)
		memcpy(event.end.cause, "joined", sizeof("joined"));
	/* Nobody says BYE in such a call: SIP has announced its media. */
	else if (call->orphan && sip->cause == SIP_END_BYE)
		memcpy(event.end.cause, "signalled", sizeof("signalled"));
	else if (sip->cause == SIP_END_REJECTED)
		snprintf(event.end.cause, sizeof(event.end.cause), "%s %d",
			 causes[sip->cause], sip->status);
	else
		snprintf(event.end.cause, sizeof(event.end.cause), "%s",
			 causes[sip->cause]);
	event.end.by_media = call->orphan;
	event.end.silent = event.end.by_media ||
			   (sip->cause == SIP_END_TIMEOUT && !call->joined);
	send_to(c, call->writer, &event);
}
