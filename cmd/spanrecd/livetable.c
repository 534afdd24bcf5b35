/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live table: calls in progress, kept in the archive, so that a recorder
 * that was killed, or stopped for an update, goes on with them under their
 * ids, and what was paused stays paused.
 *
 * A call is kept as the row of its current segment, and as bytes that the
 * archive does not look into:
 *
 *   u8 version | u8 flags | i64 paused since | i64 last SIP | u8 streams
 *   for each: source 16, u16 port | destination 16, u16 port | u32 SSRC
 *   state of the SIP tracker
 *
 * The streams are those that it has had: by the time that it is brought back
 * it may be over, and its ports another call's (see media.h).
 *
 * What has changed is handed over a few times a second, all at once, since
 * each transaction is a sync; a pause at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"

static const int64_t KEEP_NS = 100 * 1000000LL;

enum { VERSION = 3, FLAG_LOCAL_IS_CALLER = 1 };
enum { PAUSED_AT = 2, SIP_NS_AT = 10, STREAMS_AT = 18 };
enum { HEAD_BYTES = 19, STREAM_BYTES = 40 };
enum {
	STATE_BYTES_MAX =
	    HEAD_BYTES + WRITER_STREAMS_MAX * STREAM_BYTES + SIP_SAVE_BYTES_MAX
};
_Static_assert(STATE_BYTES_MAX <= STORE_LIVE_BYTES_MAX, "it fits");

static bool
is_live(const struct control_state *c)
{
	return c->pipeline->config.live;
}

/* ---- keeping ------------------------------------------------------------- */

void
control__live_change(struct control_state *c, struct control_call *call)
{
	if (!is_live(c) || call->dirty)
		return;
	call->dirty = true;
	call->next_dirty = c->dirty;
	c->dirty = call;
}

void
control__live_stream(struct control_state *c, uint64_t call_number,
		     const struct capture_flow_key *stream)
{
	struct control_call *call = control__call_find(c, call_number);
	struct writer_streams *s;
	uint32_t i;

	if (!call)
		return;
	s = &call->streams;
	for (i = 0; i < s->count; i++)
		if (capture_flow_key_equal(&s->stream[i], stream))
			return;
	if (s->count == WRITER_STREAMS_MAX)
		memmove(s->stream, s->stream + 1,
			--s->count * sizeof(s->stream[0]));
	s->stream[s->count++] = *stream;
	control__live_change(c, call);
}

static void
remove_id(struct control_state *c, const char *id)
{
	struct control_gone *gone = calloc(1, sizeof(*gone));

	if (!gone) {
		/* The next run will bring it back, and time it out. */
		log_warning("out of memory: a call that is over stays in the "
			    "live table");
		return;
	}
	snprintf(gone->id, sizeof(gone->id), "%s", id);
	gone->next = c->gone;
	c->gone = gone;
}

void
control__live_forget(struct control_state *c, const struct control_call *call)
{
	struct control_call **link = &c->dirty;

	while (*link && *link != call)
		link = &(*link)->next_dirty;
	if (*link)
		*link = call->next_dirty;
}

void
control__live_remove(struct control_state *c, const struct control_call *call)
{
	if (is_live(c))
		remove_id(c, call->id);
}

static uint8_t *
write_endpoint(uint8_t *to, const struct capture_endpoint *ep)
{
	memcpy(to, ep->addr, sizeof(ep->addr));
	memcpy(to + sizeof(ep->addr), &ep->port, sizeof(ep->port));
	return to + sizeof(ep->addr) + sizeof(ep->port);
}

/* @return what comes behind them */
static uint8_t *
write_streams(uint8_t *to, const struct writer_streams *s)
{
	uint32_t i;

	*to++ = (uint8_t)s->count;
	for (i = 0; i < s->count; i++) {
		to = write_endpoint(to, &s->stream[i].src);
		to = write_endpoint(to, &s->stream[i].dst);
		memcpy(to, &s->stream[i].ssrc, sizeof(s->stream[i].ssrc));
		to += sizeof(s->stream[i].ssrc);
	}
	return to;
}

static bool
put(struct control_state *c, struct control_call *call)
{
	struct control_request *request =
	    control__request(c, CONTROL_LIVE_PUT, STATE_BYTES_MAX);
	uint8_t *sip;
	int n;

	if (!request)
		return false;
	sip = write_streams(request->state + STREAMS_AT, &call->streams);
	n = sip_tracker_save(c->tracker, call->number, sip, SIP_SAVE_BYTES_MAX);
	if (n < 0)
		return true; /* it is ending: its removal is on its way */
	memcpy(request->head, call->head, SEGMENT_HEAD_BYTES);
	request->state[0] = VERSION;
	request->state[1] =
	    call->verdict.local_is_caller ? FLAG_LOCAL_IS_CALLER : 0;
	memcpy(request->state + PAUSED_AT, &call->paused_ns,
	       sizeof(call->paused_ns));
	memcpy(request->state + SIP_NS_AT, &call->sip_ns, sizeof(call->sip_ns));
	request->state_bytes = (uint32_t)(sip - request->state) + (uint32_t)n;
	control__request_commit(c, request);
	return true;
}

static bool
remove_row(struct control_state *c, const char *id)
{
	struct control_request *request =
	    control__request(c, CONTROL_LIVE_DELETE, 0);

	if (!request)
		return false;
	memcpy(request->call, id, sizeof(request->call));
	control__request_commit(c, request);
	return true;
}

bool
control__live_flush(struct control_state *c, bool now)
{
	int64_t wall_ns;

	if (!c->dirty && !c->gone)
		return true;
	wall_ns = control__wall_ns();
	if (!now && wall_ns - c->kept_ns < KEEP_NS && wall_ns >= c->kept_ns)
		return true;
	c->kept_ns = wall_ns;
	while (c->dirty) {
		struct control_call *call = c->dirty;

		if (!put(c, call))
			return false;
		c->dirty = call->next_dirty;
		call->dirty = false;
	}
	while (c->gone) {
		struct control_gone *gone = c->gone;

		if (!remove_row(c, gone->id))
			return false;
		c->gone = gone->next;
		free(gone);
	}
	return true;
}

/* ---- bringing back ------------------------------------------------------- */

static int
load_one(void *ctx, const struct store_segment *segment, const void *state,
	 size_t n)
{
	struct control_state *c = ctx;
	struct control_saved *saved = calloc(1, sizeof(*saved) + n);

	if (!saved)
		return -ENOMEM;
	memcpy(&saved->row, segment, SEGMENT_HEAD_BYTES);
	saved->state_bytes = (uint32_t)n;
	memcpy(saved->state, state, n);
	/* In order, so that they are numbered as they began. */
	if (c->saved_last)
		c->saved_last->next = saved;
	else
		c->saved = saved;
	c->saved_last = saved;
	return 0;
}

static bool
has_row(struct control_state *c, const char *call, uint32_t segment)
{
	char id[STORE_SEGMENT_ID_BYTES + 8];
	struct store_segment found;
	int r;

	snprintf(id, sizeof(id), "%s-%u", call, segment);
	r = store_segment_get(c->pipeline->config.archive, id, &found);
	/* It may be the beginning of the ids of several, or of another. */
	return r == -EEXIST || (r == 0 && strcmp(found.id, id) == 0);
}

/* If the last segment that is known has a row already, the one after it. */
static void
choose_segment(struct control_state *c, struct control_saved *saved)
{
	while (has_row(c, saved->row.call, saved->row.segment)) {
		saved->row.segment++;
		saved->recorded = true;
	}
}

int
control__live_load(struct control_state *c)
{
	struct store_archive *archive = c->pipeline->config.archive;
	struct control_saved *saved;
	uint64_t skipped = 0;
	int r;

	if (!is_live(c))
		return 0;
	r = store_live_walk(archive, load_one, c, &skipped);
	if (skipped)
		log_warning("%llu calls in progress cannot be read: they are "
			    "lost",
			    (unsigned long long)skipped);
	for (saved = c->saved; saved; saved = saved->next)
		choose_segment(c, saved);
	return r;
}

/* Where the state of the SIP tracker begins. @return 0: it cannot be read */
static uint32_t
sip_at(const struct control_saved *saved)
{
	uint32_t at;

	if (saved->state_bytes < HEAD_BYTES || saved->state[0] != VERSION ||
	    saved->state[STREAMS_AT] > WRITER_STREAMS_MAX)
		return 0;
	at = HEAD_BYTES + saved->state[STREAMS_AT] * (uint32_t)STREAM_BYTES;
	return at <= saved->state_bytes ? at : 0;
}

static void
restore(struct control_state *c, struct control_saved *saved)
{
	uint32_t at = sip_at(saved);
	int r;

	if (!at) {
		log_warning("%s: kept by another version of spanrecd; it is "
			    "not gone on with",
			    saved->row.call);
		remove_id(c, saved->row.call);
		return;
	}
	c->restoring = saved;
	r = sip_tracker_restore(c->tracker, saved->state + at,
				saved->state_bytes - at, 0,
				c->pipeline->config.start_ns);
	c->restoring = NULL;
	if (r == 0) {
		counter_add(&c->pipeline->control.counters,
			    COUNTER_calls_resumed, 1);
		return;
	}
	log_warning("%s was in progress and is not gone on with: %s",
		    saved->row.call, strerror(-r));
	remove_id(c, saved->row.call);
}

bool
control__saved_local_is_caller(const struct control_saved *saved)
{
	return saved->state[1] & FLAG_LOCAL_IS_CALLER;
}

int64_t
control__saved_paused_ns(const struct control_saved *saved)
{
	int64_t paused_ns;

	memcpy(&paused_ns, saved->state + PAUSED_AT, sizeof(paused_ns));
	return paused_ns;
}

int64_t
control__saved_sip_ns(const struct control_saved *saved)
{
	int64_t sip_ns;

	memcpy(&sip_ns, saved->state + SIP_NS_AT, sizeof(sip_ns));
	return sip_ns;
}

static const uint8_t *
read_endpoint(const uint8_t *from, struct capture_endpoint *ep)
{
	memcpy(ep->addr, from, sizeof(ep->addr));
	memcpy(&ep->port, from + sizeof(ep->addr), sizeof(ep->port));
	return from + sizeof(ep->addr) + sizeof(ep->port);
}

void
control__saved_streams(const struct control_saved *saved,
		       struct writer_streams *s)
{
	const uint8_t *from = saved->state + STREAMS_AT;
	uint32_t i;

	s->count = *from++;
	for (i = 0; i < s->count; i++) {
		from = read_endpoint(from, &s->stream[i].src);
		from = read_endpoint(from, &s->stream[i].dst);
		memcpy(&s->stream[i].ssrc, from, sizeof(s->stream[i].ssrc));
		from += sizeof(s->stream[i].ssrc);
	}
}

void
control__live_restore(struct control_state *c)
{
	uint64_t n;

	while (c->saved) {
		struct control_saved *saved = c->saved;

		c->saved = saved->next;
		restore(c, saved);
		free(saved);
	}
	n = counter_get(&c->pipeline->control.counters, COUNTER_calls_resumed);
	if (n)
		log_info("%llu calls in progress go on", (unsigned long long)n);
}

void
control__live_free(struct control_state *c)
{
	while (c->saved) {
		struct control_saved *saved = c->saved;

		c->saved = saved->next;
		free(saved);
	}
	while (c->gone) {
		struct control_gone *gone = c->gone;

		c->gone = gone->next;
		free(gone);
	}
}
