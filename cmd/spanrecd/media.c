/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See media.h for the rules. Buckets of claims on one address; the bucket
 * also holds the generation that tells flows when to look again. */
#include "cmd/spanrecd/media.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

/* A call has two claims or a few; 20,000 calls fill a bucket with six. */
enum { BUCKET_BITS = 13, BUCKETS = 1 << BUCKET_BITS, EXPIRE_BUCKETS = 64 };

struct bucket {
	struct media_entry *first;
	uint32_t generation;
};

/* A call of an earlier run. They stay: there are no more than were brought
 * back at the start. */
struct media_doubt {
	UT_hash_handle hh;
	uint64_t call;
	int64_t sip_ns;   /* the last of it, before this run */
	int64_t trust_ns; /* from then on it has none; INT64_MAX: not yet */
	uint32_t count;
	struct capture_flow_key known[]; /* streams */
};

struct media_table {
	struct media_times times;
	struct media_doubt *doubts; /* uthash by call */
	uint32_t trusts;            /* so far: part of each generation */
	struct bucket buckets[BUCKETS];
	uint32_t count;
	uint32_t expire_at;
	uint64_t hash_key;
};

int
media_table_new(struct media_table **table, const struct media_times *times,
		const uint8_t *hash_key)
{
	*table = calloc(1, sizeof(**table));
	if (!*table)
		return -ENOMEM;
	(*table)->times = *times;
	memcpy(&(*table)->hash_key, hash_key, sizeof((*table)->hash_key));
	return 0;
}

static void
free_doubts(struct media_table *table)
{
	struct media_doubt *doubt = table->doubts, *next;

	HASH_CLEAR(hh, table->doubts);
	for (; doubt; doubt = next) {
		next = doubt->hh.next;
		free(doubt);
	}
}

void
media_table_free(struct media_table **table)
{
	uint32_t i;

	if (!*table)
		return;
	free_doubts(*table);
	for (i = 0; i < BUCKETS; i++) {
		while ((*table)->buckets[i].first) {
			struct media_entry *entry = (*table)->buckets[i].first;

			(*table)->buckets[i].first = entry->next;
			free(entry);
		}
	}
	free(*table);
	*table = NULL;
}

static uint32_t
bucket_of(const struct media_table *table, const struct capture_endpoint *ep)
{
	uint64_t a, b, h;

	memcpy(&a, ep->addr, 8);
	memcpy(&b, ep->addr + 8, 8);
	/* Multiply and shift; keyed, since the addresses are not ours. */
	h = table->hash_key ^ ep->port;
	h = (h ^ a) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29 ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
	/* The highest bits alone depend on all of the address. */
	return (uint32_t)(h >> (64 - BUCKET_BITS));
}

static struct media_entry *
find_open(struct bucket *bucket, uint64_t number)
{
	struct media_entry *entry;

	for (entry = bucket->first; entry; entry = entry->next)
		if (entry->media.number == number &&
		    entry->until_ns == INT64_MAX)
			return entry;
	return NULL;
}

static struct media_doubt *
find_doubt(const struct media_table *table, uint64_t call)
{
	struct media_doubt *doubt;

	HASH_FIND (hh, table->doubts, &call, sizeof(call), doubt)
		;
	return doubt;
}

static int
add_doubt(struct media_table *table, const struct writer_event *event)
{
	const struct writer_streams *known = &event->known.streams;
	size_t bytes = known->count * sizeof(known->stream[0]);
	struct media_doubt *doubt = malloc(sizeof(*doubt) + bytes);

	if (!doubt)
		return -ENOMEM;
	doubt->call = event->call;
	doubt->sip_ns = event->known.sip_ns;
	doubt->trust_ns = INT64_MAX;
	doubt->count = known->count;
	memcpy(doubt->known, known->stream, bytes);
	HASH_ADD(hh, table->doubts, call, sizeof(doubt->call), doubt);
	return 0;
}

/* What was trusted before stays so. */
static void
lift(struct media_table *table, struct media_doubt *doubt, int64_t from_ns)
{
	if (from_ns >= doubt->trust_ns)
		return;
	doubt->trust_ns = from_ns;
	table->trusts++;
}

/* Where the clock was set back meanwhile, nobody knows how long it was. */
static bool
is_fresh(const struct media_doubt *doubt, int64_t first_ns)
{
	return doubt->count == 0 && doubt->sip_ns <= first_ns &&
	       first_ns - doubt->sip_ns <= MEDIA_FRESH_NS;
}

static int
begin(struct media_table *table, const struct writer_event *event)
{
	struct media_doubt *doubt;

	for (doubt = table->doubts; doubt; doubt = doubt->hh.next)
		if (is_fresh(doubt, event->time_ns))
			lift(table, doubt, INT64_MIN);
	return 0;
}

static int
trust(struct media_table *table, const struct writer_event *event)
{
	struct media_doubt *doubt = find_doubt(table, event->call);

	if (doubt)
		lift(table, doubt, event->time_ns);
	return 0;
}

static int
close_claim(struct media_table *table, const struct writer_event *event)
{
	struct bucket *bucket =
	    &table->buckets[bucket_of(table, &event->media.receive)];
	struct media_entry *entry = find_open(bucket, event->media.number);

	if (entry) {
		entry->until_ns = event->time_ns;
		entry->moved = event->media.moved;
		bucket->generation++;
	}
	return 0;
}

static int
open_claim(struct media_table *table, const struct writer_event *event)
{
	struct bucket *bucket =
	    &table->buckets[bucket_of(table, &event->media.receive)];
	struct media_entry *entry;
	size_t bytes;

	/* As many formats as it has: so many bytes were sent, too. */
	bytes = offsetof(struct writer_media, formats) +
		event->media.formats_count * sizeof(event->media.formats[0]);
	entry = malloc(offsetof(struct media_entry, media) + bytes);
	if (!entry)
		return -ENOMEM;
	memcpy(&entry->media, &event->media, bytes);
	entry->call = event->call;
	entry->writer = event->writer;
	entry->from_ns = event->time_ns;
	entry->until_ns = INT64_MAX;
	entry->moved = false;
	entry->doubt = find_doubt(table, event->call);
	entry->next = bucket->first;
	bucket->first = entry;
	bucket->generation++;
	table->count++;
	return 0;
}

int
media_apply(struct media_table *table, const struct writer_event *event)
{
	switch (event->type) {
	case WRITER_MEDIA_CLOSE:
		return close_claim(table, event);
	case WRITER_DOUBT:
		return add_doubt(table, event);
	case WRITER_FIRST:
		return begin(table, event);
	case WRITER_TRUST:
		return trust(table, event);
	default:
		return open_claim(table, event);
	}
}

uint32_t
media_generation(const struct media_table *table,
		 const struct capture_endpoint *src,
		 const struct capture_endpoint *dst)
{
	return table->buckets[bucket_of(table, src)].generation +
	       table->buckets[bucket_of(table, dst)].generation + table->trusts;
}

/* BOUND, then the five kinds of media.h, best first. */
enum kind { BOUND, OPEN, SOON, LINGERING, LATER, ORPHAN, NOT };

/* Since when a flow is one that this claim is for. */
static int64_t
from_of(const struct media_entry *entry, const struct capture_flow_key *flow)
{
	const struct media_doubt *doubt = entry->doubt;
	uint32_t i;

	if (!doubt || doubt->trust_ns <= entry->from_ns)
		return entry->from_ns;
	for (i = 0; i < doubt->count; i++)
		if (capture_flow_key_equal(&doubt->known[i], flow))
			return entry->from_ns;
	return doubt->trust_ns;
}

static enum kind
kind_of(const struct media_table *table, const struct media_entry *entry,
	int64_t from_ns, int64_t time_ns)
{
	if (entry->media.orphan)
		return from_ns <= time_ns && entry->until_ns > time_ns ? ORPHAN
								       : NOT;
	if (from_ns > time_ns + table->times.claim_ns)
		return NOT;
	if (from_ns > time_ns + table->times.window_ns)
		return LATER;
	if (from_ns > time_ns)
		return SOON;
	if (entry->until_ns > time_ns)
		return OPEN;
	if (media_entry_until(table, entry) > time_ns)
		return LINGERING;
	return NOT;
}

/* A claim as a frame has it. */
struct match {
	const struct media_entry *entry; /* NULL: none */
	enum kind kind;
	int64_t from_ns;
	bool stranger; /* one there is for known streams only */
};

/* Is a better than b, both of one kind? */
static bool
better(const struct match *a, const struct match *b)
{
	if (a->entry->media.weak != b->entry->media.weak)
		return b->entry->media.weak;
	if (a->kind == SOON || a->kind == LATER)
		return a->from_ns < b->from_ns;
	return a->entry->call > b->entry->call;
}

/* When does what kind_of says of this claim change next? */
static int64_t
next_change(const struct media_table *table, const struct media_entry *entry,
	    int64_t from_ns, int64_t time_ns)
{
	const int64_t changes[] = {
		from_ns - table->times.claim_ns,
		from_ns - table->times.window_ns,
		from_ns,
		entry->until_ns,
		media_entry_until(table, entry),
	};
	int64_t next_ns = INT64_MAX;
	size_t i;

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (changes[i] > time_ns && changes[i] < next_ns)
			next_ns = changes[i];
	return next_ns;
}

/* Is it for what is between this address of a flow and its other one? */
static bool
is_for(const struct media_entry *entry, const struct capture_endpoint *at,
       const struct capture_flow_key *flow)
{
	const struct capture_endpoint *peer =
	    at == &flow->dst ? &flow->src : &flow->dst;

	return capture_endpoint_equal(&entry->media.receive, at) &&
	       (!entry->media.orphan ||
		capture_endpoint_equal(&entry->media.peer, peer));
}

static struct match
look(const struct media_table *table, const struct capture_endpoint *at,
     const struct media_question *q, int64_t *until_ns)
{
	const struct media_entry *entry =
	    table->buckets[bucket_of(table, at)].first;
	struct match best = { .kind = NOT };

	for (; entry; entry = entry->next) {
		struct match one = { .entry = entry };
		int64_t change_ns;

		if (!is_for(entry, at, q->flow))
			continue;
		one.from_ns = from_of(entry, q->flow);
		change_ns = next_change(table, entry, one.from_ns, q->time_ns);
		if (change_ns < *until_ns)
			*until_ns = change_ns;
		one.kind = kind_of(table, entry, one.from_ns, q->time_ns);
		if (one.kind == NOT) {
			best.stranger |= one.from_ns > entry->from_ns;
			continue;
		}
		if (entry->call == q->bound &&
		    (one.kind == OPEN || one.kind == LINGERING))
			one.kind = BOUND;
		one.stranger = best.stranger;
		if (one.kind < best.kind ||
		    (one.kind == best.kind && better(&one, &best)))
			best = one;
	}
	return best;
}

/* An offer of keys in plain RTP/AVP may be turned down: where the SDP of both
 * ends is known, both must have them. */
static bool
encrypted(const struct media_entry *owner, const struct media_entry *other)
{
	if (other && other->call == owner->call)
		return owner->media.secure && other->media.secure;
	return owner->media.secure;
}

static bool
takes_events(const struct media_entry *entry)
{
	uint32_t i;

	for (i = 0; i < entry->media.formats_count; i++)
		if (strcasecmp(entry->media.formats[i].encoding,
			       "telephone-event") == 0)
			return true;
	return false;
}

enum media_answer
media_find(const struct media_table *table, const struct media_question *q,
	   struct media_owner *owner)
{
	int64_t until_ns = INT64_MAX;
	struct match by_dst = look(table, &q->flow->dst, q, &until_ns);
	struct match by_src = look(table, &q->flow->src, q, &until_ns);
	const struct media_entry *other;
	bool from_source;

	if (!by_dst.entry && !by_src.entry) {
		if (q->watermark_ns <=
		    q->time_ns + table->times.claim_ns + table->times.orphan_ns)
			return MEDIA_WAIT;
		return by_dst.stranger || by_src.stranger ? MEDIA_STRANGER
							  : MEDIA_NOBODY;
	}
	from_source = !by_dst.entry ||
		      (by_src.entry && by_src.kind < by_dst.kind) ||
		      (by_src.entry && by_src.kind == by_dst.kind &&
		       better(&by_src, &by_dst));
	owner->entry = from_source ? by_src.entry : by_dst.entry;
	if (owner->entry->media.orphan) {
		/* Until then whoever announces it has it. */
		int64_t sure_ns = q->watermark_ns - table->times.claim_ns;

		if (sure_ns <= q->time_ns)
			return MEDIA_WAIT;
		if (sure_ns < until_ns)
			until_ns = sure_ns;
	}
	owner->speaker = owner->entry->media.receiver;
	if (!from_source)
		owner->speaker =
		    owner->speaker == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
	owner->sticky = (from_source ? by_src.kind : by_dst.kind) <= SOON;
	owner->until_ns = until_ns;
	owner->over = owner->entry->until_ns <= q->time_ns;
	other = from_source ? by_dst.entry : by_src.entry;
	owner->encrypted = encrypted(owner->entry, other);
	owner->events = other && other->call == owner->entry->call &&
			takes_events(owner->entry) && takes_events(other);
	return MEDIA_OWNED;
}

int64_t
media_entry_until(const struct media_table *table,
		  const struct media_entry *entry)
{
	return entry->until_ns == INT64_MAX || entry->moved
		   ? entry->until_ns
		   : entry->until_ns + table->times.linger_ns;
}

void
media_expire(struct media_table *table, int64_t due_ns)
{
	uint32_t n;

	for (n = 0; n < EXPIRE_BUCKETS; n++) {
		struct bucket *bucket = &table->buckets[table->expire_at];
		struct media_entry **link = &bucket->first;

		while (*link) {
			struct media_entry *entry = *link;

			if (media_entry_until(table, entry) > due_ns ||
			    entry->until_ns == INT64_MAX) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			free(entry);
			table->count--;
			bucket->generation++;
		}
		table->expire_at = (table->expire_at + 1) % BUCKETS;
	}
}

uint32_t
media_count(const struct media_table *table)
{
	return table->count;
}
