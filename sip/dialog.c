/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Offers and answers (RFC 3264): which media is valid, from when to when.
 *
 * A description tells where its sender wants to receive. It is believed from
 * the moment it is seen, for early media and the first packets after a
 * re-INVITE do not wait for the answer:
 *
 *   offer in an INVITE that begins the call   opens at once
 *   offer in mid-call                         opens at once, "pending":
 *       answered                              ... what it replaces is closed
 *       refused                               ... it is closed again
 *   answer                                    opens, and closes what it
 *                                             replaces, at the same time
 *
 * A mirror port may show one message on two hops, with the addresses in it
 * changed by a media relay between them. So within one transaction, what
 * another hop declares is added, and only what the same hop says differently
 * is replaced.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "capture/secret.h"
#include "sip/sip_priv.h"

static void
emit_media(struct sip_call_state *call, enum sip_event_type type,
	   const struct sip_media *media, int64_t time_ns)
{
	sip__emit(call, (struct sip_event){ .type = type,
					    .time_ns = time_ns,
					    .media = media,
					    .party = media->party });
}

/* With as many as there are: whoever offers many streams offers few keys. */
static size_t
crypto_bytes(const struct sip_crypto_list *list)
{
	return offsetof(struct sip_crypto_list, crypto) +
	       list->count * sizeof(list->crypto[0]);
}

static void
stream_free(struct sip_stream *s)
{
	if (s->media.crypto)
		capture_secret_free((void *)s->media.crypto,
				    crypto_bytes(s->media.crypto));
	free(s);
}

/** Of a copy that was made of the media of a description: the keys, too. Out of
 * memory it has none. */
static void
stream_keys(struct sip_stream *s)
{
	struct sip_crypto_list *own;

	if (!s->media.crypto)
		return;
	own = capture_secret_new(crypto_bytes(s->media.crypto));
	if (own)
		memcpy(own, s->media.crypto, crypto_bytes(s->media.crypto));
	s->media.crypto = own;
}

static void
stream_close(struct sip_call_state *call, struct sip_stream *s, int64_t time_ns)
{
	sip__link_stream(call, s, false);
	DL_DELETE(call->streams, s);
	call->streams_count--;
	emit_media(call, SIP_EVENT_MEDIA_CLOSE, &s->media, time_ns);
	stream_free(s);
}

static bool
same_formats(const struct sip_media *a, const struct sip_media *b)
{
	if (a->formats_count != b->formats_count)
		return false;
	for (uint32_t i = 0; i < a->formats_count; i++) {
		const struct sip_format *f = &a->formats[i],
					*g = &b->formats[i];

		if (f->payload_type != g->payload_type ||
		    f->clock_hz != g->clock_hz || f->channels != g->channels ||
		    strcmp(f->encoding, g->encoding) != 0 ||
		    strcmp(sip_format_parameters(a, f),
			   sip_format_parameters(b, g)) != 0)
			return false;
	}
	return true;
}

static struct sip_stream *
stream_find(const struct sip_call_state *call, const struct sip_media *media)
{
	struct sip_stream *s;

	for (s = call->streams; s; s = s->next) {
		if (s->media.party == media->party &&
		    s->media.secure == media->secure &&
		    sip__crypto_same(s->media.crypto, media->crypto) &&
		    capture_endpoint_equal(&s->media.receive,
					   &media->receive) &&
		    same_formats(&s->media, media))
			return s;
	}
	return NULL;
}

/** @return NULL: too many, or out of memory; counted */
static struct sip_stream *
stream_open(struct sip_call_state *call, const struct sip_media *media,
	    int64_t time_ns)
{
	struct sip_tracker *tracker = call->tracker;
	struct sip_stream *s = NULL;

	if (call->streams_count < SIP_STREAMS_MAX)
		s = calloc(1, sizeof(*s));
	if (!s) {
		tracker->counters.sdp_cut++;
		return NULL;
	}
	s->media = *media;
	stream_keys(s);
	s->media.number = ++tracker->last_media;
	DL_APPEND(call->streams, s);
	call->streams_count++;
	sip__link_stream(call, s, true);
	tracker->counters.secure_media += media->secure;
	tracker->counters.keyed_media += media->crypto != NULL;
	tracker->counters.dtls_media += media->dtls;
	emit_media(call, SIP_EVENT_MEDIA_OPEN, &s->media, time_ns);
	return s;
}

/** Does the description just applied replace this stream? */
static bool
is_replaced(const struct sip_call_state *call, const struct sip_stream *s,
	    const struct sip_turn *turn)
{
	const struct sip_offer *offer = &call->offer;

	if (s->media.party != turn->party || s->tag != turn->tag ||
	    s->applied == call->applied)
		return false;
	if (s->pending && offer->open && s->txn == offer->txn)
		return false; /* its own answer is still to come */
	return s->txn != turn->txn ||
	       memcmp(s->hop, turn->src->addr, sizeof(s->hop)) == 0;
}

/** What the sender declares is valid from now on. */
static void
apply(struct sip_call_state *call, const struct sip_turn *turn, bool pending)
{
	struct sip_sdp *sdp = &call->tracker->sdp;
	struct sip_stream *s, *next;

	call->applied++;
	for (uint32_t i = 0; i < sdp->count; i++) {
		bool opened = false;

		sdp->audio[i].party = turn->party;
		s = stream_find(call, &sdp->audio[i]);
		if (!s) {
			s = stream_open(call, &sdp->audio[i], turn->time_ns);
			opened = true;
		}
		if (!s)
			continue;
		s->media.direction = sdp->audio[i].direction;
		s->pending = pending && (opened || s->pending);
		s->applied = call->applied;
		s->txn = turn->txn;
		s->tag = turn->tag;
		memcpy(s->hop, turn->src->addr, sizeof(s->hop));
	}
	if (pending)
		return;
	for (s = call->streams; s; s = next) {
		next = s->next;
		if (is_replaced(call, s, turn))
			stream_close(call, s, turn->time_ns);
	}
}

/* ---- hold --------------------------------------------------------------- */

static void
set_hold(struct sip_call_state *call, enum sip_party party, bool hold,
	 int64_t time_ns)
{
	if (call->pub.hold[party] == hold)
		return;
	call->pub.hold[party] = hold;
	if (hold)
		sip__link_self(call, party, &call->offer.src);
	sip__call_wait(call,
		       call->pub.hold[SIP_CALLER] || call->pub.hold[SIP_CALLEE]
			   ? SIP_WAIT_HOLDING
			   : SIP_WAIT_TALKING);
	sip__emit(call, (struct sip_event){ .type = hold ? SIP_EVENT_HOLD
							 : SIP_EVENT_RESUME,
					    .time_ns = time_ns,
					    .party = party });
}

static bool
stops_sending(enum sip_direction direction)
{
	return direction == SIP_SENDONLY || direction == SIP_INACTIVE;
}

/**
 * Who holds whom after an exchange (RFC 3264 section 8.4). The first one of a
 * call only sets what is normal: announcements and recording sessions are one
 * way from the start. Whoever answers "inactive" to a hold does not hold, nor
 * when repeating that in a session refresh of its own.
 */
static void
settle_hold(struct sip_call_state *call, bool answer_directed,
	    enum sip_direction answer, int64_t time_ns)
{
	const struct sip_offer *offer = &call->offer;
	enum sip_party by = offer->party;
	enum sip_party peer = by == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
	bool repeats = offer->direction == SIP_INACTIVE &&
		       call->declared[by] == SIP_INACTIVE &&
		       !call->pub.hold[by];

	if (!offer->directed)
		return;
	if (call->agreed && call->pub.answer_ns) {
		if (!repeats)
			set_hold(call, by, stops_sending(offer->direction),
				 time_ns);
		if (answer_directed && offer->direction == SIP_SENDRECV)
			set_hold(call, peer, stops_sending(answer), time_ns);
	}
	call->declared[by] = offer->direction;
	if (answer_directed)
		call->declared[peer] = answer;
}

/* ---- offers and answers -------------------------------------------------- */

static void
offer_begin(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_sdp *sdp = &call->tracker->sdp;
	/* where its sender is, the first hop tells */
	struct capture_endpoint src =
	    call->offer.txn == turn->txn ? call->offer.src : *turn->src;

	/* within a dialog something was agreed on, seen or not */
	call->agreed |= turn->msg->status == 0 && turn->msg->to.tag.n > 0 &&
			turn->msg->method == SIP_METHOD_INVITE;
	call->offer = (struct sip_offer){ .open = true,
					  .txn = turn->txn,
					  .tag = turn->tag,
					  .party = turn->party,
					  .directed = sdp->directed,
					  .direction = sdp->direction,
					  .src = src };
}

/**
 * The offer was answered: what it left out is over, and so is what the answer
 * left out, if a provisional response told it before.
 */
static void
offer_complete(struct sip_call_state *call, bool answer_directed,
	       enum sip_direction answer, int64_t time_ns)
{
	struct sip_offer *offer = &call->offer;
	struct sip_stream *s, *next;
	const struct sip_stream *early = NULL;

	for (s = call->streams; s; s = s->next) {
		if (!s->pending || s->txn != offer->txn)
			continue;
		s->pending = false;
		if (s->media.party != offer->party)
			early = s;
	}
	for (s = call->streams; s; s = next) {
		bool by_offerer = s->media.party == offer->party;

		next = s->next;
		if (s->txn != offer->txn &&
		    (by_offerer ? s->tag == offer->tag
				: early && s->tag == early->tag))
			stream_close(call, s, time_ns);
	}
	settle_hold(call, answer_directed, answer, time_ns);
	call->agreed = true;
	call->answered_txn = offer->txn;
	offer->open = false;
}

/** Refused: the media that was valid before stays so. */
static void
offer_fail(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_stream *s, *next;

	for (s = call->streams; s; s = next) {
		next = s->next;
		if (s->pending && s->txn == turn->txn)
			stream_close(call, s, turn->time_ns);
	}
	if (call->offer.open && call->offer.txn == turn->txn)
		call->offer.open = false;
}

static bool
is_answer(const struct sip_call_state *call, const struct sip_turn *turn)
{
	return call->offer.open && call->offer.party != turn->party;
}

static void
input_request(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_sdp *sdp = &call->tracker->sdp;
	enum sip_method method = turn->msg->method;
	bool answers = method == SIP_METHOD_ACK ||
		       (method == SIP_METHOD_PRACK && is_answer(call, turn));

	if (answers) {
		apply(call, turn, false);
		if (is_answer(call, turn))
			offer_complete(call, sdp->directed, sdp->direction,
				       turn->time_ns);
	} else if (method == SIP_METHOD_INVITE || method == SIP_METHOD_UPDATE ||
		   method == SIP_METHOD_PRACK) {
		apply(call, turn,
		      method != SIP_METHOD_INVITE || call->pub.answer_ns);
		offer_begin(call, turn);
	}
}

/** An SDP in a 1xx: early media, or the answer to a re-INVITE to come. */
static void
input_provisional(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_sdp *sdp = &call->tracker->sdp;

	if (turn->txn == call->answered_txn)
		return; /* overtaken by its own 2xx */
	apply(call, turn, call->pub.answer_ns != 0);
	if (is_answer(call, turn) && call->offer.txn == turn->txn) {
		call->offer.answer_directed = sdp->directed;
		call->offer.answer_direction = sdp->direction;
	} else {
		offer_begin(call, turn);
	}
}

static void
input_success(struct sip_call_state *call, const struct sip_turn *turn,
	      bool has_sdp)
{
	const struct sip_sdp *sdp = &call->tracker->sdp;
	const struct sip_offer *offer = &call->offer;
	bool answers = is_answer(call, turn) && offer->txn == turn->txn;

	if (has_sdp)
		apply(call, turn, false);
	if (answers && has_sdp)
		offer_complete(call, sdp->directed, sdp->direction,
			       turn->time_ns);
	else if (answers)
		offer_complete(call, offer->answer_directed,
			       offer->answer_direction, turn->time_ns);
	else if (has_sdp && turn->txn != call->answered_txn)
		offer_begin(call, turn); /* the ACK has the answer */
}

void
sip__dialog_input(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_tracker *tracker = call->tracker;
	const struct sip_msg *msg = turn->msg;
	bool has_sdp = msg->sdp.n > 0;

	if (has_sdp && sip__sdp_parse(&tracker->sdp, msg->sdp, msg->cut)) {
		tracker->counters.sdp_malformed++;
		has_sdp = false;
	}
	if (has_sdp) {
		tracker->counters.sdp_no_address += tracker->sdp.no_address;
		tracker->counters.sdp_cut += tracker->sdp.cut;
	}
	if (msg->status >= 300)
		offer_fail(call, turn);
	else if (msg->status >= 200)
		input_success(call, turn, has_sdp);
	else if (has_sdp && msg->status)
		input_provisional(call, turn);
	else if (has_sdp)
		input_request(call, turn);
	if (has_sdp && msg->status < 300)
		sip__link_described(call, turn);
	if (has_sdp)
		sip__sdp_wipe(&tracker->sdp);
}

/* ---- forks --------------------------------------------------------------- */

static uint32_t
leg_find(const struct sip_call_state *call, uint64_t tag)
{
	uint32_t i = 0;

	while (i < call->legs_count && call->legs[i].tag != tag)
		i++;
	return i;
}

static bool
is_leg(const struct sip_call_state *call, uint64_t tag)
{
	return leg_find(call, tag) < call->legs_count;
}

void
sip__dialog_confirm(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_stream *s, *next;
	bool has_media = false;

	if (is_leg(call, turn->tag) || turn->party != SIP_CALLEE)
		return;
	if (call->legs_count < SIP_LEGS_MAX)
		call->legs[call->legs_count++].tag = turn->tag;
	for (s = call->streams; s; s = s->next)
		has_media |=
		    s->media.party == SIP_CALLEE && s->tag == turn->tag;
	for (s = call->streams; s && has_media; s = next) {
		next = s->next;
		if (s->media.party == SIP_CALLEE && s->tag != turn->tag &&
		    !is_leg(call, s->tag))
			stream_close(call, s, turn->time_ns);
	}
}

bool
sip__dialog_leave(struct sip_call_state *call, uint64_t tag, int64_t time_ns)
{
	uint32_t i = leg_find(call, tag), talking = 0;
	struct sip_stream *s, *next;

	if (i == call->legs_count)
		return false;
	if (call->legs[i].gone)
		return true; /* the same BYE on another hop */
	for (uint32_t j = 0; j < call->legs_count; j++)
		talking += !call->legs[j].gone;
	if (talking < 2)
		return false;
	call->legs[i].gone = true;
	for (s = call->streams; s; s = next) {
		next = s->next;
		if (s->media.party == SIP_CALLEE && s->tag == tag)
			stream_close(call, s, time_ns);
	}
	return true;
}

void
sip__dialog_end(struct sip_call_state *call, int64_t time_ns)
{
	while (call->streams)
		stream_close(call, call->streams, time_ns);
}

/* ---- another run, another conversation ----------------------------------- */

void
sip__dialog_suspend(struct sip_call_state *call, int64_t time_ns)
{
	struct sip_stream *s;

	for (s = call->streams; s; s = s->next)
		sip__emit(call,
			  (struct sip_event){ .type = SIP_EVENT_MEDIA_CLOSE,
					      .time_ns = time_ns,
					      .media = &s->media,
					      .party = s->media.party,
					      .moved = true });
}

void
sip__dialog_reopen(struct sip_call_state *call, int64_t time_ns)
{
	struct sip_stream *s;

	for (s = call->streams; s; s = s->next) {
		s->media.number = ++call->tracker->last_media;
		emit_media(call, SIP_EVENT_MEDIA_OPEN, &s->media, time_ns);
	}
}

void
sip__dialog_drop(struct sip_call_state *call)
{
	struct sip_stream *s, *next;

	for (s = call->streams; s; s = next) {
		next = s->next;
		sip__key_drop(&s->key);
		stream_free(s);
	}
	call->streams = NULL;
	call->streams_count = 0;
}
