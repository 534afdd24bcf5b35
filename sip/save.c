/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of a call as bytes, so that a recorder which was killed goes on
 * with the calls in progress when it is started again.
 *
 *   u8  version
 *   u32 hash of a constant under the key of the run
 *       the call: see walk_state and what it calls
 *   u64 hash of all bytes before
 *
 * Integers are little-endian, texts have a u8 of their length before them,
 * lists one of their count. What is not in the bytes: numbers of calls and
 * media, which each run gives anew, and the last sign of life.
 *
 * Saving and restoring are one walk over the state, in two directions, so that
 * they cannot differ: what is written from a member when saving is read into
 * it when restoring. (Saving stores to a member the value that it has.)
 *
 * Tags, branches and transactions are hashes under the key, which tell nothing
 * to who does not have it; so a restored call needs that key. The hash at the
 * end is there because damage must not go unseen: one wrong bit of a port, and
 * the call would be recorded with the voice of another. Bytes with the right
 * hash are not trusted for that: whatever they say, nothing breaks.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "capture/rd.h"
#include "sip/sip_priv.h"

struct walk {
	bool saving;
	int error;              /**< the first one; then nothing is done */
	struct capture_rd from; /**< restoring */
	uint8_t *to;            /**< saving */
	size_t to_bytes;
	size_t done; /**< bytes walked */
};

/* ---- integers and texts -------------------------------------------------- */

static void
fail(struct walk *w, int error)
{
	if (w->error == 0)
		w->error = error;
}

static void
walk_bytes(struct walk *w, void *p, size_t n)
{
	const uint8_t *from;

	if (w->error)
		return;
	if (w->saving && n <= w->to_bytes - w->done) {
		memcpy(w->to + w->done, p, n);
	} else if (w->saving) {
		fail(w, -ENOBUFS);
	} else {
		from = capture_rd_take(&w->from, n);
		if (from)
			memcpy(p, from, n);
		else
			fail(w, -EBADMSG);
	}
	w->done += n;
}

/** @return saving: value; restoring: what is there instead, 0 on error */
static uint64_t
walk_number(struct walk *w, uint64_t value, size_t bytes)
{
	uint64_t le = w->saving ? htole64(value) : 0;

	walk_bytes(w, &le, bytes);
	return w->saving ? value : le64toh(le);
}

static void
walk_u8(struct walk *w, uint8_t *value)
{
	*value = (uint8_t)walk_number(w, *value, 1);
}

static void
walk_u32(struct walk *w, uint32_t *value)
{
	*value = (uint32_t)walk_number(w, *value, 4);
}

static void
walk_u64(struct walk *w, uint64_t *value)
{
	*value = walk_number(w, *value, 8);
}

static void
walk_time(struct walk *w, int64_t *time_ns)
{
	*time_ns = (int64_t)walk_number(w, (uint64_t)*time_ns, 8);
}

/** A number of which the last one is known. @return 0 if it is beyond */
static uint32_t
walk_choice(struct walk *w, uint32_t value, uint32_t last)
{
	value = (uint32_t)walk_number(w, value, 1);
	if (value <= last)
		return value;
	fail(w, -EBADMSG);
	return 0;
}

static void
walk_count(struct walk *w, uint32_t *count, uint32_t max)
{
	*count = walk_choice(w, *count, max);
}

static void
walk_flag(struct walk *w, bool *flag)
{
	*flag = walk_choice(w, *flag, 1);
}

static void
walk_party(struct walk *w, enum sip_party *party)
{
	*party = walk_choice(w, *party, SIP_CALLEE);
}

static void
walk_direction(struct walk *w, enum sip_direction *direction)
{
	*direction = walk_choice(w, *direction, SIP_INACTIVE);
}

/**
 * A text as sip__text_clean leaves them.
 *
 * @param text [room], at most 256; all zeros when restoring
 */
static void
walk_text(struct walk *w, char *text, size_t room)
{
	uint32_t n = walk_choice(w, (uint32_t)strlen(text), (uint32_t)room - 1);
	char clean[256];

	walk_bytes(w, text, n);
	sip__text_clean(clean, room, (struct sip_text){ text, n });
	if (strcmp(clean, text) != 0)
		fail(w, -EBADMSG);
}

#define WALK_TEXT(w, array)                                                    \
	do {                                                                   \
		_Static_assert(sizeof(array) <= 256, "its length is a u8");    \
		walk_text(w, array, sizeof(array));                            \
	} while (0)

/** Bytes that can only be these. */
static void
walk_constant(struct walk *w, uint64_t value, size_t bytes, int error)
{
	if (walk_number(w, value, bytes) != value)
		fail(w, error);
}

/* ---- what others see of a call ------------------------------------------- */

static void
walk_endpoint(struct walk *w, struct capture_endpoint *ep)
{
	walk_bytes(w, ep->addr, sizeof(ep->addr));
	ep->port = (uint16_t)walk_number(w, ep->port, 2);
}

static void
walk_identity(struct walk *w, struct sip_identity *identity)
{
	WALK_TEXT(w, identity->user);
	WALK_TEXT(w, identity->host);
	WALK_TEXT(w, identity->display);
	walk_flag(w, &identity->anonymous);
}

static void
walk_call(struct walk *w, struct sip_call *call)
{
	WALK_TEXT(w, call->call_id);
	WALK_TEXT(w, call->from_tag);
	walk_time(w, &call->start_ns);
	walk_time(w, &call->answer_ns);
	for (int party = SIP_CALLER; party <= SIP_CALLEE; party++) {
		walk_identity(w, &call->party[party]);
		walk_endpoint(w, &call->signalling[party]);
		walk_flag(w, &call->hold[party]);
	}
	walk_flag(w, &call->crossed);
	walk_count(w, &call->others_count, SIP_OTHERS_MAX);
	for (uint32_t i = 0; i < call->others_count; i++)
		WALK_TEXT(w, call->others[i]);
}

static void
walk_format(struct walk *w, struct sip_media *media, struct sip_format *format)
{
	char parameters[SIP_PARAMETERS_BYTES] = "";

	WALK_TEXT(w, format->encoding);
	walk_u32(w, &format->clock_hz);
	format->payload_type =
	    (uint8_t)walk_choice(w, format->payload_type, 127);
	walk_u8(w, &format->channels);
	if (w->saving)
		strncpy(parameters, sip_format_parameters(media, format),
			sizeof(parameters) - 1);
	WALK_TEXT(w, parameters);
	if (!w->saving && !sip__parameters_keep(media, format, parameters))
		fail(w, -EBADMSG);
}

static void
walk_media(struct walk *w, struct sip_media *media)
{
	walk_endpoint(w, &media->receive);
	if (media->receive.port == 0)
		fail(w, -EBADMSG);
	walk_party(w, &media->party);
	walk_direction(w, &media->direction);
	walk_u32(w, &media->index);
	walk_flag(w, &media->secure);
	walk_flag(w, &media->candidate);
	walk_count(w, &media->formats_count, SIP_FORMATS_MAX);
	for (uint32_t i = 0; i < media->formats_count; i++)
		walk_format(w, media, &media->formats[i]);
}

/* ---- what decides how it goes on ----------------------------------------- */

static void
walk_stream(struct walk *w, struct sip_stream *s)
{
	walk_media(w, &s->media);
	walk_u64(w, &s->tag);
	walk_u64(w, &s->txn);
	walk_bytes(w, s->hop, sizeof(s->hop));
	walk_u32(w, &s->applied);
	walk_flag(w, &s->pending);
}

/** @param s NULL: before the first. @return the next; restoring: a new one */
static struct sip_stream *
stream_after(struct walk *w, struct sip_call_state *call, struct sip_stream *s)
{
	if (w->saving)
		return s ? s->next : call->streams;
	s = calloc(1, sizeof(*s));
	if (s)
		DL_APPEND(call->streams, s);
	else
		fail(w, -ENOMEM);
	return s;
}

static void
walk_streams(struct walk *w, struct sip_call_state *call)
{
	struct sip_stream *s = NULL;

	walk_count(w, &call->streams_count, SIP_STREAMS_MAX);
	for (uint32_t i = 0; i < call->streams_count; i++) {
		s = stream_after(w, call, s);
		if (!s)
			return;
		walk_stream(w, s);
	}
}

static void
walk_offer(struct walk *w, struct sip_offer *offer)
{
	walk_flag(w, &offer->open);
	walk_u64(w, &offer->txn);
	walk_u64(w, &offer->tag);
	walk_party(w, &offer->party);
	walk_flag(w, &offer->directed);
	walk_direction(w, &offer->direction);
	walk_flag(w, &offer->answer_directed);
	walk_direction(w, &offer->answer_direction);
	walk_endpoint(w, &offer->src);
}

/** What a call is found by. Which other call is to end for a transfer is not
 * kept: that takes a moment. */
static void
walk_links(struct walk *w, struct sip_call_state *call)
{
	for (int type = 0; type < SIP_KEYS_COUNT; type++)
		walk_u64(w, &call->ids[type].hash);
	walk_u64(w, &call->peer.hash);
	for (int party = SIP_CALLER; party <= SIP_CALLEE; party++)
		walk_u64(w, &call->self[party].hash);
	walk_flag(w, &call->refer.open);
	walk_flag(w, &call->refer.redirect);
	walk_party(w, &call->refer.by);
	walk_time(w, &call->refer.until_ns);
	walk_u64(w, &call->refer.key.hash);
}

static void
walk_dialogs(struct walk *w, struct sip_call_state *call)
{
	walk_count(w, &call->caller_tags_count, SIP_LEGS_MAX);
	for (uint32_t i = 0; i < call->caller_tags_count; i++)
		walk_u64(w, &call->caller_tags[i]);
	walk_count(w, &call->legs_count, SIP_LEGS_MAX);
	for (uint32_t i = 0; i < call->legs_count; i++) {
		walk_u64(w, &call->legs[i].tag);
		walk_flag(w, &call->legs[i].gone);
	}
	walk_count(w, &call->branches_count, SIP_BRANCHES_MAX);
	for (uint32_t i = 0; i < call->branches_count; i++) {
		struct sip_branch *b = &call->branches[i];

		walk_u64(w, &b->branch);
		walk_u64(w, &b->tag);
		walk_u32(w, &b->cseq);
		walk_flag(w, &b->refused);
	}
}

/** Messages seen, the oldest first: the ring begins at 0 in the next run. */
static void
walk_seen(struct walk *w, struct sip_call_state *call)
{
	uint32_t first = call->seen_count, n = call->seen_count;

	if (n > SIP_SEEN_MAX)
		n = SIP_SEEN_MAX;
	first -= n;
	walk_count(w, &n, SIP_SEEN_MAX);
	for (uint32_t i = 0; i < n; i++)
		walk_u64(w, &call->seen[(first + i) % SIP_SEEN_MAX]);
	call->seen_count = first + n;
}

static void
walk_state(struct walk *w, struct sip_call_state *call)
{
	walk_call(w, &call->pub);
	call->wait = walk_choice(w, call->wait, SIP_WAIT_RINGING);
	walk_time(w, &call->clock_ns);
	walk_flag(w, &call->ringing);
	call->retry_status =
	    (int)walk_number(w, (uint64_t)call->retry_status, 2);
	walk_time(w, &call->retry_ns);
	walk_dialogs(w, call);
	walk_seen(w, call);
	walk_streams(w, call);
	walk_u32(w, &call->applied);
	walk_offer(w, &call->offer);
	walk_u64(w, &call->answered_txn);
	walk_flag(w, &call->agreed);
	for (int party = SIP_CALLER; party <= SIP_CALLEE; party++) {
		walk_u64(w, &call->asserted_txn[party]);
		walk_direction(w, &call->declared[party]);
	}
	walk_links(w, call);
}

static void
walk_all(struct walk *w, struct sip_call_state *call, const uint8_t *bytes)
{
	const struct sip_tracker *t = call->tracker;

	walk_constant(w, SIP_SAVE_VERSION, 1, -EPROTO);
	walk_constant(w, (uint32_t)sip__tracker_hash(t, SIP_SAVE_KEY_CHECK), 4,
		      -EPROTO);
	walk_state(w, call);
	if (w->error == 0)
		walk_constant(
		    w,
		    sip__tracker_hash(
			t, (struct sip_text){ (const char *)bytes, w->done }),
		    8, -EBADMSG);
}

/* ---- save and restore ---------------------------------------------------- */

int
sip_tracker_save(const struct sip_tracker *tracker, uint64_t call_number,
		 uint8_t *bytes, size_t bytes_max)
{
	struct sip_call_state *call = sip__call_find(tracker, call_number);
	struct walk w = { .saving = true, .to = bytes, .to_bytes = bytes_max };

	if (!call)
		return -ENOENT;
	walk_all(&w, call, bytes);
	return w.error ? w.error : (int)w.done;
}

/**
 * Do the parts of a state fit together? Only what others rely on: that times
 * run forward, and that a call is on hold only after its answer. The answer
 * itself may be older than the start, where the mirror was out of order.
 */
static bool
is_sound(const struct sip_call_state *call)
{
	const struct sip_call *pub = &call->pub;
	bool answered =
	    call->wait == SIP_WAIT_TALKING || call->wait == SIP_WAIT_HOLDING;
	bool holds = pub->hold[SIP_CALLER] || pub->hold[SIP_CALLEE];

	return answered == (pub->answer_ns != 0) &&
	       holds == (call->wait == SIP_WAIT_HOLDING) &&
	       pub->start_ns <= call->clock_ns &&
	       (!answered || pub->answer_ns <= call->clock_ns) &&
	       (call->retry_status == 0 ||
		(call->retry_status >= 300 && call->retry_status <= 699));
}

int
sip_tracker_restore(struct sip_tracker *tracker, const uint8_t *bytes, size_t n,
		    uint64_t with, int64_t now_ns)
{
	struct walk w = { .from = capture_rd_init(bytes, n) };
	struct sip_call_state *call = calloc(1, sizeof(*call));

	if (!call)
		return -ENOMEM;
	call->tracker = tracker;
	walk_all(&w, call, bytes);
	if (capture_rd_left(&w.from) || !is_sound(call))
		fail(&w, -EBADMSG);
	if (w.error == 0)
		fail(&w, sip__call_adopt(call));
	if (w.error) {
		sip__dialog_drop(call);
		free(call);
		return w.error;
	}
	call->alive_ns = now_ns;
	call->doubtful = true;
	sip__link_restore(call, with);
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_CALL,
					    .time_ns = now_ns });
	sip__dialog_reopen(call, now_ns);
	return 0;
}
