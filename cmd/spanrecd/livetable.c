/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live table: calls in progress, kept in the archive, so that a recorder
 * that was killed, or stopped for an update, goes on with them under their
 * ids, and what was paused stays paused.
 *
 * A conversation is kept as the row of its current segment, and as bytes that
 * the archive does not look into:
 *
 *   u8 version | u8 flags | u8 kind | i64 last SIP
 *   what has happened that binds the policy (struct policy_state)
 *   what of the segment is in earlier ones (struct control_before)
 *   u8 streams, for each: source 16, u16 port | destination 16, u16 port
 *                         u32 SSRC
 *   for each leg: u16 bytes | state of the SIP tracker,
 *                 or, if it may not be kept, u64 mark of it
 *
 * Of more legs than fit the first are kept.
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
#include "cmd/spanrecd/taken_back.h"

static const int64_t KEEP_NS = 100 * 1000000LL;
/* By then the archive has discarded what was decided against; killed before,
 * the next run has it done. */
static const int64_t DISCARD_NS = 10 * 1000000000LL;

enum { VERSION = 6 };
enum {
	FLAG_LOCAL_IS_CALLER = 1,
	FLAG_REACHED = 2,
	FLAG_MARKS = 4,
	TRACES_SHIFT = 3
};
enum { KIND_AT = 2, SIP_NS_AT = 3, STATE_AT = 11 };
enum { BEFORE_AT = STATE_AT + sizeof(struct policy_state) };
enum { STREAMS_AT = BEFORE_AT + sizeof(struct control_before) };
enum { BEFORE_MAX = sizeof(((struct control_before *)0)->segment) / 4 };
enum { HEAD_BYTES = STREAMS_AT + 1, STREAM_BYTES = 40, LEG_BYTES = 2 };
enum { MARK_BYTES = sizeof(uint64_t) };
enum { STATE_BYTES_MAX = STORE_LIVE_BYTES_MAX };
_Static_assert(HEAD_BYTES + WRITER_STREAMS_MAX * STREAM_BYTES + LEG_BYTES +
		       SIP_SAVE_BYTES_MAX <=
		   STATE_BYTES_MAX,
	       "one leg fits");

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
remove_at(struct control_state *c, const char *key, int64_t at_ns)
{
	struct control_gone *gone = calloc(1, sizeof(*gone));

	if (!gone) {
		/* The next run will bring it back, and time it out. */
		log_warning("out of memory: a call that is over stays in the "
			    "live table");
		return;
	}
	snprintf(gone->key, sizeof(gone->key), "%s", key);
	gone->at_ns = at_ns;
	gone->next = c->gone;
	c->gone = gone;
}

void
control__live_remove_key(struct control_state *c, const char *key)
{
	remove_at(c, key, INT64_MIN);
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
	bool discarded =
	    call->family->state.opt == POLICY_OPT_OUT || call->taken_back;

	if (is_live(c))
		remove_at(c, call->key,
			  discarded ? control__wall_ns() + DISCARD_NS
				    : INT64_MIN);
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

/* @return where they end: at `to` if there are none */
static uint8_t *
write_legs(const struct control_state *c, const struct control_call *call,
	   uint8_t *to, const uint8_t *end)
{
	const struct control_leg *leg;
	uint16_t bytes;
	int n;

	for (leg = call->legs; leg; leg = leg->next) {
		if (leg->gone)
			continue;
		if (end - to < LEG_BYTES)
			break;
		n = sip_tracker_save(c->tracker, leg->number, to + LEG_BYTES,
				     (size_t)(end - to) - LEG_BYTES);
		if (n < 0)
			continue;
		bytes = (uint16_t)n;
		memcpy(to, &bytes, sizeof(bytes));
		to += LEG_BYTES + n;
	}
	return to;
}

static bool
remove_row(struct control_state *c, const char *key)
{
	struct control_request *request =
	    control__request(c, CONTROL_LIVE_DELETE, 0);

	if (!request)
		return false;
	memcpy(request->live.key, key, sizeof(request->live.key));
	control__request_commit(c, request);
	return true;
}

/*
 * Who talks to whom may not even be kept for the next run: only by what it
 * knows the call again, which will be in its middle then (recall.c). Who has
 * opted out has no number to be known by: that is kept, and goes with the call.
 */
static bool
is_to_be_kept(const struct control_call *call)
{
	return call->verdict.traces == POLICY_TRACES_FULL ||
	       call->family->state.opt == POLICY_OPT_OUT;
}

/* @return where they end */
static uint8_t *
write_marks(const struct control_state *c, const struct control_call *call,
	    uint8_t *to, const uint8_t *end)
{
	const struct control_leg *leg;
	uint64_t mark;

	for (leg = call->legs; leg; leg = leg->next) {
		if (leg->gone)
			continue;
		if (end - to < MARK_BYTES)
			break;
		mark = sip_tracker_mark(c->tracker, leg->sip);
		memcpy(to, &mark, sizeof(mark));
		to += sizeof(mark);
	}
	return to;
}

static bool
put(struct control_state *c, struct control_call *call)
{
	static const struct writer_streams none = { 0 };
	struct control_request *request =
	    control__request(c, CONTROL_LIVE_PUT, STATE_BYTES_MAX);
	bool whole = is_to_be_kept(call);
	uint8_t *legs, *end;

	if (!request)
		return false;
	legs = write_streams(request->state + STREAMS_AT,
			     whole ? &call->streams : &none);
	end = request->state + STATE_BYTES_MAX;
	end = whole ? write_legs(c, call, legs, end)
		    : write_marks(c, call, legs, end);
	if (end == legs)
		return true; /* it is ending: its removal is on its way */
	memcpy(request->live.key, call->key, sizeof(request->live.key));
	memcpy(request->live.head, call->head, SEGMENT_HEAD_BYTES);
	request->state[0] = VERSION;
	request->state[1] =
	    (call->verdict.local_is_caller ? FLAG_LOCAL_IS_CALLER : 0) |
	    (call->reached ? FLAG_REACHED : 0) | (whole ? 0 : FLAG_MARKS) |
	    (uint8_t)(call->verdict.traces << TRACES_SHIFT);
	request->state[KIND_AT] = (uint8_t)call->kind;
	memcpy(request->state + STATE_AT, &call->family->state,
	       sizeof(call->family->state));
	memcpy(request->state + BEFORE_AT, &call->before, sizeof(call->before));
	memcpy(request->state + SIP_NS_AT, &call->sip_ns, sizeof(call->sip_ns));
	request->state_bytes = (uint32_t)(end - request->state);
	control__request_commit(c, request);
	return true;
}

static bool
remove_gone(struct control_state *c, int64_t wall_ns)
{
	struct control_gone **link = &c->gone, *gone;

	while ((gone = *link)) {
		if (gone->at_ns > wall_ns) {
			link = &gone->next;
			continue;
		}
		if (!remove_row(c, gone->key))
			return false;
		*link = gone->next;
		free(gone);
	}
	return true;
}

static bool
take_back_earlier(struct control_state *c)
{
	struct control_taken *taken;

	while ((taken = c->taken)) {
		struct control_request *request =
		    control__request(c, CONTROL_TAKE_BACK, 0);

		if (!request)
			return false;
		memcpy(request->taken.id, taken->id, sizeof(taken->id));
		memcpy(request->taken.head, taken->head, sizeof(taken->head));
		request->taken.traces = taken->traces;
		control__request_commit(c, request);
		c->taken = taken->next;
		free(taken);
	}
	return true;
}

bool
control__live_flush(struct control_state *c, bool now)
{
	int64_t wall_ns;

	if (!c->dirty && !c->gone && !c->taken)
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
	return take_back_earlier(c) && remove_gone(c, wall_ns);
}

void
control__live_take_back(struct control_state *c, struct control_call *call)
{
	uint32_t i;

	c->kept_ns = 0;
	call->taken_back = true;
	for (i = 0; i < call->before.count; i++) {
		struct control_taken *taken = calloc(1, sizeof(*taken));

		if (!taken) {
			/* The next run does it, if the call lasts. */
			log_error("out of memory: %s-%u must not be kept, and "
				  "cannot be taken back",
				  call->family->id, call->before.segment[i]);
			continue;
		}
		snprintf(taken->id, sizeof(taken->id), "%s-%u",
			 call->family->id, call->before.segment[i]);
		memcpy(taken->head, call->head, SEGMENT_HEAD_BYTES);
		taken->traces = (uint8_t)call->verdict.traces;
		taken->next = c->taken;
		c->taken = taken;
	}
}

/* ---- bringing back ------------------------------------------------------- */

static int
load_one(void *ctx, const char *key, const struct store_segment *segment,
	 const void *state, size_t n)
{
	struct control_state *c = ctx;
	struct control_saved *saved = calloc(1, sizeof(*saved) + n);

	if (!saved)
		return -ENOMEM;
	snprintf(saved->key, sizeof(saved->key), "%s", key);
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

/* Where the legs begin. @return 0: it cannot be read */
static uint32_t
legs_at(const struct control_saved *saved)
{
	uint32_t at;

	if (saved->state_bytes < HEAD_BYTES || saved->state[0] != VERSION ||
	    saved->state[STREAMS_AT] > WRITER_STREAMS_MAX ||
	    saved->state[KIND_AT] >= STORE_KIND_COUNT)
		return 0;
	at = HEAD_BYTES + saved->state[STREAMS_AT] * (uint32_t)STREAM_BYTES;
	return at <= saved->state_bytes ? at : 0;
}

/* @param found the row, if it is one that can be read */
static bool
has_row(struct control_state *c, const char *call, uint32_t segment,
	struct store_segment *found)
{
	char id[STORE_SEGMENT_ID_BYTES + 8];
	int r;

	snprintf(id, sizeof(id), "%s-%u", call, segment);
	found->id[0] = '\0';
	r = store_segment_get(c->pipeline->config.archive, id, found);
	/* It may be the beginning of the ids of several, or of another. */
	return r == -EEXIST || (r == 0 && strcmp(found->id, id) == 0);
}

/*
 * The decision got stricter, and the recorder was killed before what it had
 * recorded was taken back.
 *
 * @param row of the segment, as it is in the archive
 */
static void
take_back(struct control_state *c, const struct control_saved *saved,
	  struct store_segment *row)
{
	struct store_archive *archive = c->pipeline->config.archive;
	/* Another version of spanrecd may mean others. */
	uint8_t traces = legs_at(saved) ? (uint8_t)control__saved_traces(saved)
					: POLICY_TRACES_MINIMAL;
	int r;

	if (!taken_back_decide(row, &saved->row))
		return;
	r = store_batch_begin(archive);
	if (r == 0) {
		/* a put that fails fails the commit too */
		(void)!taken_back_begin(archive, row, traces);
		r = store_batch_commit(archive);
	}
	if (r == 0)
		r = taken_back_finish(archive, row, traces);
	if (r < 0)
		log_error("%s must not be kept, and cannot be taken back: %s",
			  row->id, strerror(-r));
	else
		log_warning("%s is taken back: it was decided against (%s)",
			    row->id, row->reason);
}

/* What is left of a segment that was decided against, of all runs. */
static void
take_back_forbidden(struct control_state *c, const struct control_saved *saved)
{
	struct control_before before;
	struct store_segment row;
	uint32_t i;

	if (saved->row.decision == STORE_RECORD ||
	    saved->row.decision == STORE_LISTEN_DENY)
		return;
	control__saved_before(saved, &before);
	for (i = 0; i < before.count; i++)
		if (has_row(c, saved->row.call, before.segment[i], &row))
			take_back(c, saved, &row);
}

/* Those of one call stand together. */
static struct control_saved *
after_call(const struct control_saved *first)
{
	struct control_saved *saved = first->next;

	while (saved && strcmp(saved->row.call, first->row.call) == 0)
		saved = saved->next;
	return saved;
}

/*
 * If the last segment that is known of a conversation has a row already, it
 * goes on with the next number that the call has not used.
 */
static void
choose_segments(struct control_state *c, struct control_saved *first)
{
	const struct control_saved *end = after_call(first);
	struct control_saved *saved;
	struct store_segment row;
	uint32_t last = 0;

	for (saved = first; saved != end; saved = saved->next)
		if (saved->row.segment > last)
			last = saved->row.segment;
	while (has_row(c, first->row.call, last + 1, &row))
		last++;
	for (saved = first; saved != end; saved = saved->next) {
		if (has_row(c, saved->row.call, saved->row.segment, &row))
			saved->recorded = saved->row.segment;
		take_back_forbidden(c, saved);
		if (saved->recorded)
			saved->row.segment = ++last;
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
	for (saved = c->saved; saved; saved = after_call(saved))
		choose_segments(c, saved);
	return r;
}

/* All legs of a conversation. @return 0 if one of them is back; else what is
 * the matter with the last */
static int
restore_legs(struct control_state *c, const struct control_saved *saved,
	     uint32_t at)
{
	const uint8_t *leg = saved->state + at;
	const uint8_t *end = saved->state + saved->state_bytes;
	int error = -EBADMSG, r;
	uint64_t with = 0;
	uint16_t bytes;

	while (end - leg >= LEG_BYTES) {
		memcpy(&bytes, leg, sizeof(bytes));
		leg += LEG_BYTES;
		if (bytes > end - leg)
			break;
		r = sip_tracker_restore(c->tracker, leg, bytes, with,
					c->pipeline->config.start_ns);
		if (r == 0 && with == 0)
			with = c->last_leg;
		error = r ? r : error;
		leg += bytes;
	}
	return with ? 0 : error;
}

static void
restore(struct control_state *c, struct control_saved *saved)
{
	uint32_t at = legs_at(saved);
	struct policy_state state;
	int r;

	if (!at) {
		log_warning("%s: kept by another version of spanrecd; it is "
			    "not gone on with",
			    saved->row.call);
		control__live_remove_key(c, saved->key);
		return;
	}
	if (saved->state[1] & FLAG_MARKS) {
		control__recall_add(c, saved, saved->state + at,
				    (saved->state_bytes - at) / MARK_BYTES);
		return;
	}
	c->restoring = saved;
	r = restore_legs(c, saved, at);
	c->restoring = NULL;
	if (r == 0) {
		counter_add(&c->pipeline->control.counters,
			    COUNTER_calls_resumed, 1);
		return;
	}
	log_warning("%s was in progress and is not gone on with: %s",
		    saved->row.call, strerror(-r));
	control__saved_state(saved, &state);
	if (state.opt != POLICY_OPT_NONE)
		control__tell_discard(c, 0, 0, saved->row.call);
	control__live_remove_key(c, saved->key);
}

bool
control__saved_local_is_caller(const struct control_saved *saved)
{
	return saved->state[1] & FLAG_LOCAL_IS_CALLER;
}

bool
control__saved_reached(const struct control_saved *saved)
{
	return saved->state[1] & FLAG_REACHED;
}

enum policy_traces
control__saved_traces(const struct control_saved *saved)
{
	unsigned traces = saved->state[1] >> TRACES_SHIFT;

	return traces < POLICY_TRACES_COUNT ? (enum policy_traces)traces
					    : POLICY_TRACES_COUNT;
}

enum store_kind
control__saved_kind(const struct control_saved *saved)
{
	return (enum store_kind)saved->state[KIND_AT];
}

void
control__saved_state(const struct control_saved *saved,
		     struct policy_state *state)
{
	memcpy(state, saved->state + STATE_AT, sizeof(*state));
	state->rule[sizeof(state->rule) - 1] = '\0';
	state->by[sizeof(state->by) - 1] = '\0';
}

void
control__saved_before(const struct control_saved *saved,
		      struct control_before *before)
{
	memset(before, 0, sizeof(*before));
	if (legs_at(saved))
		memcpy(before, saved->state + BEFORE_AT, sizeof(*before));
	if (before->count > BEFORE_MAX)
		before->count = 0;
	if (!saved->recorded)
		return;
	if (before->count == BEFORE_MAX)
		memmove(before->segment, before->segment + 1,
			--before->count * sizeof(before->segment[0]));
	before->segment[before->count++] = saved->recorded;
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
	while (c->taken) {
		struct control_taken *taken = c->taken;

		c->taken = taken->next;
		free(taken);
	}
	control__recall_free(c);
}
