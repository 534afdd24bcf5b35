/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live table: calls in progress, kept in the archive, so that a recorder
 * that was killed, or stopped for an update, goes on with them under their
 * ids, and what was paused stays paused.
 *
 * A call is kept as the row of its current segment, and as bytes that the
 * archive does not look into:
 *
 *   u8 version | u8 flags | i64 paused since | state of the SIP tracker
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

enum { VERSION = 1, FLAG_LOCAL_IS_CALLER = 1, HEAD_BYTES = 10 };

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

static bool
put(struct control_state *c, struct control_call *call)
{
	struct control_request *request = control__request(
	    c, CONTROL_LIVE_PUT, HEAD_BYTES + SIP_SAVE_BYTES_MAX);
	int n;

	if (!request)
		return false;
	n = sip_tracker_save(c->tracker, call->number,
			     request->state + HEAD_BYTES, SIP_SAVE_BYTES_MAX);
	if (n < 0)
		return true; /* it is ending: its removal is on its way */
	memcpy(request->head, call->head, SEGMENT_HEAD_BYTES);
	request->state[0] = VERSION;
	request->state[1] =
	    call->verdict.local_is_caller ? FLAG_LOCAL_IS_CALLER : 0;
	memcpy(request->state + 2, &call->paused_ns, sizeof(call->paused_ns));
	request->state_bytes = HEAD_BYTES + (uint32_t)n;
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

static void
restore(struct control_state *c, struct control_saved *saved)
{
	int r;

	if (saved->state_bytes < HEAD_BYTES || saved->state[0] != VERSION) {
		log_warning("%s: kept by another version of spanrecd; it is "
			    "not gone on with",
			    saved->row.call);
		remove_id(c, saved->row.call);
		return;
	}
	c->restoring = saved;
	r = sip_tracker_restore(c->tracker, saved->state + HEAD_BYTES,
				saved->state_bytes - HEAD_BYTES,
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

	memcpy(&paused_ns, saved->state + 2, sizeof(paused_ns));
	return paused_ns;
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
