/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keyed digits on their way to the policy: each once.
 *
 * One key may be shown several times: by several streams of one end of a
 * conversation, where the mirror sees RTP before and behind a relay or a
 * switch; by INFO, which some telephones send besides RTP, and switches from
 * leg to leg; by INFO sent again after a challenge. So each key is remembered
 * for a moment, with all that has shown it. What is shown again is the same key
 * only if this stream, or INFO of this leg, has not shown it yet: two streams
 * that show "5" and "5" again show two keys, however fast they follow.
 *
 * Writers tell of keys as they take frames, the SIP tracker tells at once. To
 * come out the same for any timing of the threads, keys wait until every frame
 * up to their time was taken, and are then looked at by time.
 *
 * A digit is in memory only, and only until it was looked at and cannot be
 * shown again: no counter, log or row is told which key it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/spanrecd/control_priv.h"

static const int64_t MS_NS = 1000000LL;
/* What a relay may be behind. */
static const int64_t STREAMS_NS = 250 * 1000000LL;
/* What INFO may be behind RTP, or before it: some send it when the key is up
 * again, and say for how long it was down. */
static const int64_t INFO_NS = 1000000000LL;
static const int64_t HELD_NS_MAX = 5 * 1000000000LL;

enum {
	SHOWN_MAX = 6,   /* streams that have shown a key */
	LATEST_MAX = 16, /* keys of a call that may be shown again */
	WAITING_MAX = 16384
};

/* What has shown a key. */
struct source {
	bool info;
	uint64_t number;
};

/* A key of which the policy knows. */
struct key {
	bool by_rtp, by_info;
	int64_t rtp_ns, info_ns; /* first shown */
	enum sip_party end;
	char key;
	uint32_t ssrc, timestamp;
	uint32_t shown_count;
	struct source shown[SHOWN_MAX];
};

/* A conversation in which something was keyed a moment ago. */
struct key_call {
	UT_hash_handle hh;
	uint64_t number;
	int64_t last_ns;
	uint32_t count; /* so far */
	struct key latest[LATEST_MAX];
};

/* What was shown, and is not yet due. */
struct key_shown {
	uint64_t call;
	struct key_report report;
};

struct keys {
	struct key_call *calls; /* uthash by number, last keyed in last */
	uint32_t count;
	struct key_shown waiting[WAITING_MAX]; /* a heap, the earliest first */
};

/* ---- each once ----------------------------------------------------------- */

static bool
within(int64_t a_ns, int64_t b_ns, int64_t window_ns)
{
	return a_ns - b_ns <= window_ns && b_ns - a_ns <= window_ns;
}

static bool
shown_by(const struct key *key, const struct key_report *r)
{
	uint32_t i;

	for (i = 0; i < key->shown_count; i++)
		if (key->shown[i].info == r->info &&
		    key->shown[i].number == r->source)
			return true;
	return false;
}

static bool
is_same_by_info(const struct key *key, const struct key_report *r)
{
	if (r->again && key->by_info)
		return r->time_ns - key->info_ns <= HELD_NS_MAX;
	if (shown_by(key, r))
		return false;
	/* It is sent when the key is down, or when it is up again. */
	if (key->by_rtp && key->rtp_ns - r->time_ns <= INFO_NS &&
	    r->time_ns - r->held_ns - key->rtp_ns <= INFO_NS)
		return true;
	return key->by_info && within(r->time_ns, key->info_ns, INFO_NS);
}

static bool
is_same_by_rtp(const struct key *key, const struct key_report *r)
{
	if (shown_by(key, r))
		return false;
	if (!key->by_rtp)
		return within(r->time_ns, key->info_ns, INFO_NS);
	return (key->ssrc == r->ssrc && key->timestamp == r->timestamp) ||
	       within(r->time_ns, key->rtp_ns, STREAMS_NS);
}

/* Is this key shown once more? */
static bool
is_same(const struct key *key, const struct key_report *r)
{
	if (key->end != r->end || key->key != r->key)
		return false;
	return r->info ? is_same_by_info(key, r) : is_same_by_rtp(key, r);
}

static void
note_shown(struct control_state *c, struct key *key, const struct key_report *r)
{
	if (r->info && !key->by_info) {
		key->by_info = true;
		key->info_ns = r->time_ns;
		counter_add(&c->pipeline->control.counters, COUNTER_keys_info,
			    1);
	} else if (!r->info && !key->by_rtp) {
		key->by_rtp = true;
		key->rtp_ns = r->time_ns;
		key->ssrc = r->ssrc;
		key->timestamp = r->timestamp;
	}
	if (key->shown_count < SHOWN_MAX)
		key->shown[key->shown_count++] =
		    (struct source){ r->info, r->source };
}

static struct key *
find_same(struct key_call *call, const struct key_report *r)
{
	uint32_t i = call->count < LATEST_MAX ? 0 : call->count - LATEST_MAX;

	for (; i < call->count; i++)
		if (is_same(&call->latest[i % LATEST_MAX], r))
			return &call->latest[i % LATEST_MAX];
	return NULL;
}

static void
key_call_free(struct key_call *call)
{
	explicit_bzero(call, sizeof(*call));
	free(call);
}

/* Nothing is shown again after so long. */
static void
forget_before(struct keys *keys, int64_t time_ns)
{
	struct key_call *call, *next;

	for (call = keys->calls; call; call = next) {
		next = call->hh.next;
		if (call->last_ns >= time_ns - HELD_NS_MAX - INFO_NS)
			break;
		HASH_DEL(keys->calls, call); /* NOLINT: uthash confuses it */
		key_call_free(call);
	}
}

/* The call becomes the last in the hash. @return NULL: out of memory */
static struct key_call *
find_call(struct keys *keys, uint64_t number, int64_t time_ns)
{
	struct key_call *call;

	HASH_FIND (hh, keys->calls, &number, sizeof(number), call)
		;
	if (call)
		HASH_DEL(keys->calls, call);
	else
		call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->number = number;
	call->last_ns = time_ns;
	HASH_ADD(hh, keys->calls, number, sizeof(call->number), call);
	return call;
}

static void
look_at(struct control_state *c, const struct key_shown *shown)
{
	const struct key_report *r = &shown->report;
	struct key_call *call;
	struct key *key;

	forget_before(c->keys, r->time_ns);
	call = find_call(c->keys, shown->call, r->time_ns);
	if (!call) {
		counter_add(&c->pipeline->control.counters, COUNTER_keys_shed,
			    1);
		return;
	}
	key = find_same(call, r);
	if (key) {
		note_shown(c, key, r);
		return;
	}
	key = &call->latest[call->count++ % LATEST_MAX];
	*key = (struct key){ .end = r->end, .key = r->key };
	note_shown(c, key, r);
	control__key_pressed(c, shown->call, r);
}

/* ---- by time ------------------------------------------------------------- */

#define DIFFER(x, y)                                                           \
	if ((x) != (y))                                                        \
	return (x) < (y)

static bool
is_before(const struct key_shown *x, const struct key_shown *y)
{
	DIFFER(x->report.time_ns, y->report.time_ns);
	DIFFER(x->call, y->call);
	DIFFER(x->report.end, y->report.end);
	DIFFER(x->report.key, y->report.key);
	DIFFER(x->report.info, y->report.info);
	DIFFER(x->report.ssrc, y->report.ssrc);
	return x->report.timestamp < y->report.timestamp;
}

/* The earliest of a node and its children. */
static uint32_t
earliest_of(const struct keys *keys, uint32_t at)
{
	uint32_t child, best = at;

	for (child = 2 * at + 1; child <= 2 * at + 2; child++)
		if (child < keys->count &&
		    is_before(&keys->waiting[child], &keys->waiting[best]))
			best = child;
	return best;
}

/* The earliest is out; the last one takes its place and sinks. */
static void
drop_earliest(struct keys *keys)
{
	struct key_shown *last = &keys->waiting[--keys->count], moved = *last;
	uint32_t at = 0, child;

	keys->waiting[0] = moved;
	explicit_bzero(last, sizeof(*last));
	while ((child = earliest_of(keys, at)) != at) {
		keys->waiting[at] = keys->waiting[child];
		keys->waiting[child] = moved;
		at = child;
	}
	explicit_bzero(&moved, sizeof(moved));
}

void
control__key_shown(struct control_state *c, uint64_t call,
		   const struct key_report *report)
{
	struct keys *keys = c->keys;
	struct key_shown shown = { .call = call, .report = *report };
	uint32_t at = keys->count;

	if (at == WAITING_MAX) {
		counter_add(&c->pipeline->control.counters, COUNTER_keys_shed,
			    1);
		return;
	}
	keys->count++;
	while (at > 0 && is_before(&shown, &keys->waiting[(at - 1) / 2])) {
		keys->waiting[at] = keys->waiting[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	keys->waiting[at] = shown;
	explicit_bzero(&shown, sizeof(shown));
}

void
control__key_by_info(struct control_state *c, const struct control_call *call,
		     const struct sip_event *event)
{
	const struct sip_keyed *keyed = event->keyed;
	enum sip_party end = sip_end(event->call, event->party);
	struct key_report report = {
		.time_ns = event->time_ns,
		.info = true,
		.source = event->call->number,
		.held_ns = (int64_t)keyed->duration_ms * MS_NS,
		.end = end,
		.left = (end == SIP_CALLER) == call->verdict.local_is_caller,
		.again = keyed->again,
		.key = keyed->key,
	};

	if (report.held_ns > HELD_NS_MAX)
		report.held_ns = HELD_NS_MAX;
	control__key_shown(c, call->number, &report);
	explicit_bzero(&report, sizeof(report));
}

void
control__keys_settle(struct control_state *c, int64_t drained_ns)
{
	struct keys *keys = c->keys;

	while (keys->count > 0 &&
	       keys->waiting[0].report.time_ns <= drained_ns) {
		look_at(c, &keys->waiting[0]);
		drop_earliest(keys);
	}
}

int
control__keys_new(struct control_state *c)
{
	c->keys = calloc(1, sizeof(*c->keys));
	return c->keys ? 0 : -ENOMEM;
}

void
control__keys_free(struct control_state *c)
{
	struct keys *keys = c->keys;
	struct key_call *call, *next;

	if (!keys)
		return;
	call = keys->calls;
	HASH_CLEAR(hh, keys->calls);
	for (; call; call = next) {
		next = call->hh.next;
		key_call_free(call);
	}
	explicit_bzero(keys, sizeof(*keys));
	free(keys);
	c->keys = NULL;
}
