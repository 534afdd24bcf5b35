/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls of an earlier run of which no more may be kept than that they are not
 * recorded. Nothing of them is brought back. But a message in their middle,
 * such as a refresh of the session, begins them anew for the SIP tracker, and
 * may not name who it was that is exempt: who diverted the call, or was called
 * by a switch for it. So they are known again by a mark of each leg, and what
 * was decided binds them until others talk.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/spanrecd/control_priv.h"

/* No call lasts longer; and who ended while nobody looked is forgotten. */
static const int64_t MARK_NS = 24 * 3600 * 1000000000LL;

struct control_mark {
	UT_hash_handle hh; /* by mark */
	uint64_t mark;
	char key[STORE_SEGMENT_ID_BYTES]; /* in the live table */
	struct policy_state state;
	enum policy_traces traces;
	char reason[POLICY_NAME_BYTES], rule[POLICY_NAME_BYTES];
};

static void
add(struct control_state *c, const struct control_saved *saved, uint64_t mark)
{
	struct control_mark *one;

	HASH_FIND (hh, c->marks, &mark, sizeof(mark), one)
		;
	if (one)
		return;
	one = calloc(1, sizeof(*one));
	if (!one)
		return;
	one->mark = mark;
	memcpy(one->key, saved->key, sizeof(one->key));
	control__saved_state(saved, &one->state);
	one->traces = control__saved_traces(saved);
	snprintf(one->reason, sizeof(one->reason), "%s", saved->row.reason);
	snprintf(one->rule, sizeof(one->rule), "%s", saved->row.rule);
	HASH_ADD(hh, c->marks, mark, sizeof(one->mark), one);
}

void
control__recall_add(struct control_state *c, const struct control_saved *saved,
		    const uint8_t *marks, uint32_t count)
{
	int64_t age_ns =
	    c->pipeline->config.start_ns - saved->row.call_start_ns;
	uint64_t mark;
	uint32_t i;

	if (age_ns > MARK_NS || count == 0) {
		control__live_remove_key(c, saved->key);
		return;
	}
	for (i = 0; i < count; i++) {
		memcpy(&mark, marks + i * sizeof(mark), sizeof(mark));
		add(c, saved, mark);
	}
}

/* Its other legs are known by it until they come too. */
static bool
is_last_of(const struct control_state *c, const struct control_mark *one)
{
	const struct control_mark *other;

	for (other = c->marks; other; other = other->hh.next)
		if (other != one && strcmp(other->key, one->key) == 0)
			return false;
	return true;
}

void
control__recall(struct control_state *c, struct control_call *call,
		const struct sip_call *sip)
{
	struct policy_verdict bound = { .decision = POLICY_DROP };
	struct control_mark *one;
	uint64_t mark;

	if (!c->marks)
		return;
	mark = sip_tracker_mark(c->tracker, sip);
	HASH_FIND (hh, c->marks, &mark, sizeof(mark), one)
		;
	if (!one)
		return;
	bound.traces = one->traces;
	memcpy(bound.reason, one->reason, sizeof(bound.reason));
	memcpy(bound.rule, one->rule, sizeof(bound.rule));
	call->bound[0] = call->bound[1] = bound;
	call->is_bound[0] = call->is_bound[1] = true;
	memcpy(call->policy, c->policy_hash, sizeof(call->policy));
	if (call->family->segments == 0)
		call->family->state = one->state;
	if (is_last_of(c, one))
		control__live_remove_key(c, one->key);
	HASH_DEL(c->marks, one); /* NOLINT: uthash confuses it */
	free(one);
}

void
control__recall_free(struct control_state *c)
{
	struct control_mark *one = c->marks, *next;

	HASH_CLEAR(hh, c->marks);
	for (; one; one = next) {
		next = one->hh.next;
		free(one);
	}
}
