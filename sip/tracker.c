/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All calls: the map by Call-ID, time-outs, and limits.
 *
 * A call waits in one of six lists, each with one time-out: a sign of life
 * moves it to the end of its list. So the next to expire is always at the
 * front, and a tick costs what it ends, not what there is. The map of uthash
 * keeps the order in which calls were added, which is that of their numbers,
 * so that what `finish` tells does not depend on the hash.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "sip/sip_priv.h"

#define SECOND_NS 1000000000LL
/** A response older than this is not one to an INVITE that comes now. */
#define EARLY_NS SECOND_NS
/** Calls that ended are remembered beside `calls_max`: its 8th part. */
#define REMEMBERED_SHARE 8

static const struct sip_config defaults = {
	.calls_max = 20000,
	.registrations_max = 20000,
	.message_bytes_max = SIP_MESSAGE_BYTES_MAX,
	.headers_max = 256,
	.line_bytes_max = 8192,
	.separators_max = 512,
	.idle_timeout_ns = 60 * SECOND_NS,
	.hold_timeout_ns = 7200 * SECOND_NS,
	.setup_timeout_ns = 180 * SECOND_NS,
	.linger_ns = 32 * SECOND_NS,
};

static int
config_fill(struct sip_config *config, const struct sip_config *given)
{
	*config = given ? *given : defaults;
#define OR_DEFAULT(member)                                                     \
	if (config->member == 0)                                               \
	config->member = defaults.member
	OR_DEFAULT(calls_max);
	OR_DEFAULT(registrations_max);
	OR_DEFAULT(message_bytes_max);
	OR_DEFAULT(headers_max);
	OR_DEFAULT(line_bytes_max);
	OR_DEFAULT(separators_max);
	OR_DEFAULT(idle_timeout_ns);
	OR_DEFAULT(hold_timeout_ns);
	OR_DEFAULT(setup_timeout_ns);
	OR_DEFAULT(linger_ns);
#undef OR_DEFAULT
	return config->idle_timeout_ns < 0 || config->hold_timeout_ns < 0 ||
		       config->setup_timeout_ns < 0 || config->linger_ns < 0 ||
		       config->message_bytes_max > SIP_MESSAGE_BYTES_MAX
		   ? -EINVAL
		   : 0;
}

int
sip_tracker_new(struct sip_tracker **tracker, const struct sip_config *config,
		sip_event_fn fn, void *ctx)
{
	struct sip_config filled;
	struct sip_tracker *t;

	*tracker = NULL;
	if (!fn || config_fill(&filled, config))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->config = filled;
	t->fn = fn;
	t->ctx = ctx;
	if (sip__parser_new(&t->parser, &t->config) ||
	    sip__registrar_new(&t->registrar, &t->config, &t->counters)) {
		sip__parser_free(&t->parser);
		free(t);
		return -ENOMEM;
	}
	*tracker = t;
	return 0;
}

uint64_t
sip__tracker_hash(const struct sip_tracker *tracker, struct sip_text text)
{
	return sip__hash(tracker->config.hash_key, text);
}

uint64_t
sip_tracker_mark(const struct sip_tracker *tracker, const struct sip_call *call)
{
	return sip__tracker_hash(
	    tracker, (struct sip_text){ call->call_id, strlen(call->call_id) });
}

void
sip__emit(struct sip_call_state *call, struct sip_event event)
{
	if (event.time_ns < call->clock_ns)
		event.time_ns = call->clock_ns;
	call->clock_ns = event.time_ns;
	event.call = &call->pub;
	call->tracker->fn(call->tracker->ctx, &event);
}

/* ---- the map ------------------------------------------------------------- */

/* NOLINTBEGIN(readability-function-size): the macros of uthash nest */

static unsigned
map_hash(const struct sip_tracker *tracker, const char *id, size_t n)
{
	uint64_t hash = sip__tracker_hash(tracker, (struct sip_text){ id, n });

	return (unsigned)(hash ^ hash >> 32);
}

static struct sip_call_state *
map_find(const struct sip_tracker *tracker, const char *id)
{
	size_t n = strlen(id);
	struct sip_call_state *call;

	HASH_FIND_BYHASHVALUE(by_id, tracker->calls, id, n,
			      map_hash(tracker, id, n), call);
	return call;
}

struct sip_call_state *
sip__call_find_id(const struct sip_tracker *tracker, const char *call_id)
{
	return map_find(tracker, call_id);
}

struct sip_call_state *
sip__call_find(const struct sip_tracker *tracker, uint64_t number)
{
	struct sip_call_state *call;

	HASH_FIND (by_number, tracker->numbers, &number, sizeof(number), call)
		;
	return call;
}

static void
map_remove(struct sip_call_state *call)
{
	HASH_DELETE(by_id, call->tracker->calls, call);
}

static void
map_remove_number(struct sip_call_state *call)
{
	HASH_DELETE(by_number, call->tracker->numbers, call);
}

/** @return 0 or -ENOMEM */
static int
map_add(struct sip_call_state *call)
{
	struct sip_tracker *tracker = call->tracker;
	const char *id = call->pub.call_id;
	size_t n = strlen(id);

	HASH_ADD_KEYPTR_BYHASHVALUE(by_id, tracker->calls, id, n,
				    map_hash(tracker, id, n), call);
	if (!call->by_id.tbl)
		return -ENOMEM;
	HASH_ADD(by_number, tracker->numbers, pub.number,
		 sizeof(call->pub.number), call);
	if (call->by_number.tbl)
		return 0;
	map_remove(call);
	return -ENOMEM;
}

/* NOLINTEND(readability-function-size) */

static void
call_forget(struct sip_call_state *call)
{
	sip__link_forget(call);
	map_remove(call);
	DL_DELETE(call->tracker->waiting[call->wait], call);
	free(call->told_headers);
	free(call);
}

/** Put a call at the end of a list; again for a sign of life. */
void
sip__call_wait(struct sip_call_state *call, enum sip_wait wait)
{
	struct sip_tracker *tracker = call->tracker;

	if (wait == SIP_WAIT_GONE && call->wait != SIP_WAIT_GONE)
		map_remove_number(call);
	DL_DELETE(tracker->waiting[call->wait], call);
	call->wait = wait;
	DL_APPEND(tracker->waiting[wait], call);
}

static bool
is_full(const struct sip_tracker *tracker)
{
	return sip_tracker_calls(tracker) >= tracker->config.calls_max;
}

/**
 * Make room for a call that begins. Who floods a telephone system sends
 * INVITEs and seldom hears a telephone ring: so what rings goes late, what was
 * answered last, and what was refused, which begins anew if the caller tries
 * again, first. Of each kind the one that was not heard of for longest.
 */
static void
shed(struct sip_tracker *tracker, int64_t time_ns)
{
	static const enum sip_wait order[] = { SIP_WAIT_RETRY, SIP_WAIT_SETUP,
					       SIP_WAIT_RINGING,
					       SIP_WAIT_TALKING,
					       SIP_WAIT_HOLDING };
	struct sip_call_state *call = NULL;

	for (size_t i = 0; !call && i < sizeof(order) / sizeof(*order); i++)
		call = tracker->waiting[order[i]];
	tracker->counters.calls_shed++;
	sip__call_end(call, (struct sip_event){ .time_ns = time_ns,
						.cause = SIP_END_SHED });
	call_forget(call);
}

/**
 * Calls that ended take the room that those in progress leave, and a part
 * beside it: else a flood would have each forgotten at once, and what is sent
 * again of a call would be of none, or begin it a second time.
 */
static void
remember_less(struct sip_tracker *tracker)
{
	uint64_t max = tracker->config.calls_max;

	max += max / REMEMBERED_SHARE;
	if (HASH_CNT(by_id, tracker->calls) >= max)
		call_forget(tracker->waiting[SIP_WAIT_GONE]);
}

/** Number a call, and put it where it is found. @return 0 or -ENOMEM */
static int
call_add(struct sip_call_state *call)
{
	struct sip_tracker *tracker = call->tracker;

	call->pub.number = tracker->last_call + 1;
	if (map_add(call))
		return -ENOMEM;
	DL_APPEND(tracker->waiting[call->wait], call);
	tracker->last_call++;
	return 0;
}

int
sip__call_adopt(struct sip_call_state *call)
{
	if (map_find(call->tracker, call->pub.call_id))
		return -EEXIST;
	if (is_full(call->tracker))
		return -ENOSPC;
	remember_less(call->tracker);
	return call_add(call);
}

/** @return NULL when out of memory */
static struct sip_call_state *
call_new(struct sip_tracker *tracker, const char *id, int64_t time_ns)
{
	struct sip_call_state *call;

	if (is_full(tracker))
		shed(tracker, time_ns);
	remember_less(tracker);
	call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->tracker = tracker;
	memcpy(call->pub.call_id, id, strlen(id));
	if (call_add(call)) {
		free(call);
		return NULL;
	}
	tracker->counters.calls++;
	return call;
}

/* ---- responses that overtook their INVITE -------------------------------- */

/** There may be keys of SRTP in it. */
static void
early_drop(struct sip_early *early)
{
	if (early->bytes)
		explicit_bzero(early->bytes, early->n);
	free(early->bytes);
	early->bytes = NULL;
}

static void
early_expire(struct sip_tracker *tracker, int64_t now_ns)
{
	for (uint32_t i = 0; i < SIP_EARLY_MAX; i++)
		if (tracker->early[i].bytes &&
		    tracker->early[i].time_ns < now_ns - EARLY_NS)
			early_drop(&tracker->early[i]);
}

/**
 * Two mirror ports, or the two directions of one, are not in step: the first
 * responses may be captured before the INVITE. They are kept for a moment.
 */
static void
early_keep(struct sip_tracker *tracker, const struct sip_turn *turn,
	   struct sip_text message, size_t missing_bytes)
{
	struct sip_early *early = &tracker->early[tracker->early_next];
	uint8_t *bytes;

	if (turn->msg->status == 0 || turn->msg->method != SIP_METHOD_INVITE ||
	    message.n > SIP_EARLY_BYTES_MAX)
		return;
	bytes = malloc(message.n);
	if (!bytes)
		return;
	memcpy(bytes, message.p, message.n);
	early_drop(early);
	*early = (struct sip_early){ .call = sip__tracker_hash(
					 tracker, turn->msg->call_id),
				     .time_ns = turn->time_ns,
				     .src = *turn->src,
				     .dst = *turn->dst,
				     .missing_bytes = missing_bytes,
				     .n = message.n,
				     .bytes = bytes };
	tracker->early_next = (tracker->early_next + 1) % SIP_EARLY_MAX;
}

/* ---- messages ------------------------------------------------------------ */

static void
sign_of_life(struct sip_call_state *call, int64_t time_ns)
{
	if (time_ns > call->alive_ns)
		call->alive_ns = time_ns;
	sip__call_wait(call, call->wait);
}

/** An INVITE that may begin a call: outside a dialog. */
static bool
is_beginning(const struct sip_msg *msg)
{
	return msg->status == 0 && msg->method == SIP_METHOD_INVITE &&
	       msg->to.tag.n == 0;
}

/**
 * Does a new message show that its call is there? Not what ends it, or says
 * that it is not known, or that this was understood: the ACK of a refusal. Nor
 * what has no part in a call (SIP_METHOD_OTHER): what REFER and NOTIFY are
 * about may outlive it in the same dialog (RFC 5057 section 4).
 */
static bool
shows_life(const struct sip_call_state *call, const struct sip_msg *msg)
{
	switch (msg->method) {
	case SIP_METHOD_INVITE:
	case SIP_METHOD_PRACK:
	case SIP_METHOD_UPDATE:
		return msg->status < 300;
	case SIP_METHOD_ACK:
		return call->pub.answer_ns != 0;
	default:
		return false;
	}
}

static void
go_on(struct sip_call_state *call, const struct sip_turn *turn)
{
	if (!call->doubtful || !shows_life(call, turn->msg))
		return;
	call->doubtful = false;
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_GOES_ON,
					    .time_ns = turn->time_ns });
}

static void
input_known(struct sip_call_state *call, struct sip_turn *turn)
{
	struct sip_counters *counters = &call->tracker->counters;

	if (sip__call_seen(call, turn->msg, turn->src)) {
		counters->retransmissions++;
		sign_of_life(call, turn->time_ns);
		return;
	}
	sign_of_life(call, turn->time_ns);
	if (call->wait == SIP_WAIT_GONE)
		return;
	go_on(call, turn);
	sip__call_input(call, turn);
}

/** Responses that were kept for this call. They are counted already. */
static void
early_replay(struct sip_call_state *call, uint64_t hash, int64_t time_ns)
{
	struct sip_tracker *tracker = call->tracker;

	for (uint32_t i = 0; i < SIP_EARLY_MAX; i++) {
		struct sip_early *early =
		    &tracker->early[(tracker->early_next + i) % SIP_EARLY_MAX];
		struct sip_turn turn = { .msg = &tracker->msg,
					 .src = &early->src,
					 .dst = &early->dst,
					 .time_ns = time_ns };
		struct sip_text message = { (const char *)early->bytes,
					    early->n };

		if (!early->bytes || early->call != hash ||
		    early->time_ns < time_ns - EARLY_NS ||
		    early->time_ns > time_ns + EARLY_NS ||
		    sip__msg_parse(tracker->parser, &tracker->msg, message,
				   early->missing_bytes))
			continue;
		tracker->counters.stray--;
		input_known(call, &turn);
		early_drop(early);
	}
}

/** Was a response to an INVITE of this call kept? */
static bool
early_has(const struct sip_tracker *tracker, uint64_t hash, int64_t time_ns)
{
	for (uint32_t i = 0; i < SIP_EARLY_MAX; i++)
		if (tracker->early[i].bytes && tracker->early[i].call == hash &&
		    tracker->early[i].time_ns >= time_ns - EARLY_NS)
			return true;
	return false;
}

/**
 * Of a call whose INVITE was not seen: an INVITE within its dialog, or the ACK
 * to a response that was. Both name the parties, so that the policy can be
 * asked, and tell where there is media.
 */
static bool
is_midway(const struct sip_tracker *tracker, const struct sip_turn *turn)
{
	const struct sip_msg *msg = turn->msg;

	if (msg->status || msg->to.tag.n == 0)
		return false;
	return msg->method == SIP_METHOD_INVITE ||
	       (msg->method == SIP_METHOD_ACK &&
		early_has(tracker, sip__tracker_hash(tracker, msg->call_id),
			  turn->time_ns));
}

static void
input_beginning(struct sip_tracker *tracker, struct sip_turn *turn,
		const char *id)
{
	uint64_t hash = sip__tracker_hash(tracker, turn->msg->call_id);
	struct sip_call_state *call = call_new(tracker, id, turn->time_ns);

	if (!call) {
		tracker->counters.calls_shed++;
		return;
	}
	sip__call_begin(call, turn->msg, turn->src, turn->dst, turn->time_ns);
	input_known(call, turn);
	early_replay(call, hash, turn->time_ns);
}

/** What changes no media, but may tell who is called next, or what was keyed,
 * or have a header that is watched. */
static void
input_beside(struct sip_call_state *call, struct sip_turn *turn)
{
	sign_of_life(call, turn->time_ns);
	if (turn->msg->method == SIP_METHOD_OTHER)
		sip__call_beside(call, turn);
	else if (turn->msg->method == SIP_METHOD_INFO ||
		 ((turn->msg->method == SIP_METHOD_REFER ||
		   turn->msg->method == SIP_METHOD_NOTIFY) &&
		  !sip__call_seen(call, turn->msg, turn->src)))
		sip__call_input(call, turn);
}

/** Does the method change a call? */
static bool
has_part(enum sip_method method)
{
	return method >= SIP_METHOD_INVITE && method <= SIP_METHOD_UPDATE;
}

/** One message that was understood. */
static void
dispatch(struct sip_tracker *tracker, struct sip_turn *turn,
	 struct sip_text message, size_t missing_bytes)
{
	struct sip_call_state *call;
	char id[SIP_CALL_ID_BYTES];
	bool whole;

	whole = sip__text_clean(id, sizeof(id), turn->msg->call_id);
	call = map_find(tracker, id);
	if (turn->msg->method == SIP_METHOD_REGISTER)
		sip__registrar_input(tracker->registrar, turn);
	if (!has_part(turn->msg->method)) {
		tracker->counters.other_method++;
		if (call && call->wait != SIP_WAIT_GONE)
			input_beside(call, turn);
		return;
	}
	if (call && call->wait == SIP_WAIT_GONE && is_beginning(turn->msg) &&
	    !sip__call_seen(call, turn->msg, turn->src)) {
		call_forget(call); /* the same Call-ID, but a new call */
		call = NULL;
	}
	if (call) {
		input_known(call, turn);
	} else if (is_beginning(turn->msg) || is_midway(tracker, turn)) {
		tracker->counters.text_cut += !whole;
		tracker->counters.calls_midway += turn->msg->to.tag.n > 0;
		input_beginning(tracker, turn, id);
	} else {
		tracker->counters.stray++;
		early_keep(tracker, turn, message, missing_bytes);
	}
}

int
sip_tracker_input(struct sip_tracker *tracker, const struct capture_pkt *pkt)
{
	struct sip_text message = { (const char *)pkt->payload,
				    pkt->payload_bytes };
	struct sip_turn turn = { .msg = &tracker->msg,
				 .src = &pkt->src,
				 .dst = &pkt->dst,
				 .time_ns = pkt->time_ns };

	if (sip__msg_parse(tracker->parser, &tracker->msg, message,
			   pkt->missing_bytes)) {
		tracker->counters.malformed++;
		return -EBADMSG;
	}
	tracker->counters.messages++;
	tracker->counters.fallback += tracker->msg.reading == SIP_READ_FALLBACK;
	tracker->counters.over_limit +=
	    tracker->msg.reading == SIP_READ_OVER_LIMIT;
	dispatch(tracker, &turn, message, pkt->missing_bytes);
	return 0;
}

/* ---- time ---------------------------------------------------------------- */

void
sip_tracker_alive(struct sip_tracker *tracker, uint64_t call_number,
		  int64_t time_ns)
{
	struct sip_call_state *call = sip__call_find(tracker, call_number);

	if (call)
		sign_of_life(call, time_ns);
}

/** What became of a call that nothing was heard of for so long. */
static void
expire(struct sip_call_state *call)
{
	if (call->wait == SIP_WAIT_GONE)
		call_forget(call);
	else if (call->wait == SIP_WAIT_RETRY)
		sip__call_give_up(call);
	else
		sip__call_end(call,
			      (struct sip_event){ .time_ns = call->alive_ns,
						  .cause = SIP_END_TIMEOUT });
}

void
sip_tracker_tick(struct sip_tracker *tracker, int64_t now_ns)
{
	const int64_t timeouts[SIP_WAIT_COUNT] = {
		[SIP_WAIT_SETUP] = tracker->config.setup_timeout_ns,
		[SIP_WAIT_RETRY] = tracker->config.linger_ns,
		[SIP_WAIT_RINGING] = tracker->config.setup_timeout_ns,
		[SIP_WAIT_TALKING] = tracker->config.idle_timeout_ns,
		[SIP_WAIT_HOLDING] = tracker->config.hold_timeout_ns,
		[SIP_WAIT_GONE] = tracker->config.linger_ns,
	};

	for (int w = 0; w < SIP_WAIT_COUNT; w++) {
		int64_t until = now_ns - timeouts[w];

		while (tracker->waiting[w] &&
		       tracker->waiting[w]->alive_ns <= until)
			expire(tracker->waiting[w]);
	}
	early_expire(tracker, now_ns);
	sip__registrar_tick(tracker->registrar, now_ns);
}

void
sip_tracker_finish(struct sip_tracker *tracker, int64_t now_ns)
{
	struct sip_call_state *call, *next;

	HASH_ITER (by_id, tracker->calls, call, next) {
		if (call->wait != SIP_WAIT_GONE)
			sip__call_end(
			    call, (struct sip_event){ .time_ns = now_ns,
						      .cause = SIP_END_INPUT });
		call_forget(call);
	}
}

void
sip_tracker_free(struct sip_tracker **tracker)
{
	struct sip_tracker *t = *tracker;
	struct sip_call_state *call, *next;

	if (!t)
		return;
	HASH_ITER (by_id, t->calls, call, next) {
		sip__dialog_drop(call);
		if (call->wait != SIP_WAIT_GONE)
			map_remove_number(call);
		call_forget(call);
	}
	for (uint32_t i = 0; i < SIP_EARLY_MAX; i++)
		early_drop(&t->early[i]);
	sip__registrar_free(&t->registrar);
	sip__parser_free(&t->parser);
	free(t);
	*tracker = NULL;
}

void
sip_tracker_set_timeouts(struct sip_tracker *tracker, int64_t idle_ns,
			 int64_t setup_ns)
{
	tracker->config.idle_timeout_ns = idle_ns;
	tracker->config.setup_timeout_ns = setup_ns;
}

const struct sip_counters *
sip_tracker_counters_peek(const struct sip_tracker *tracker)
{
	return &tracker->counters;
}

uint32_t
sip_tracker_calls(const struct sip_tracker *tracker)
{
	return HASH_CNT(by_number, tracker->numbers);
}

const struct sip_registrar *
sip_tracker_registrar_peek(const struct sip_tracker *tracker)
{
	return tracker->registrar;
}
