/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is logged in where: the contacts of each address-of-record, by what
 * servers accept (RFC 3261 section 10.3).
 *
 * A request becomes a claim: what it asks for is noted at the contact, with the
 * transaction that may bring it about. A 2xx makes it so. The same request may
 * be seen on several hops; the one nearest to the telephone, which has fewest
 * Via headers, tells where it is. Each 2xx lists all that its server has: what
 * it leaves out is gone there, but not what another server has, since an SBC
 * that registers for others has its own idea of where they are.
 *
 * Whoever can send may claim at will. Claims are found by the address-of-record
 * alone, and the oldest gives way; what is confirmed never does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "sip/sip_priv.h"

static const int64_t SECOND_NS = 1000000000LL;
/** For so long a request is sent again: Timer F (section 17.1.2.2). */
static const int64_t CLAIM_NS = 32 * 1000000000LL;

struct binding;

/** By what a binding is found. */
struct key {
	struct sip_key key; /* comes first */
	struct binding *binding;
};

enum key_type {
	KEY_RECORD,  /* address-of-record */
	KEY_USER,    /* its user part */
	KEY_FROM,    /* address and port of who sends REGISTER */
	KEY_CONTACT, /* ... of the contact, where that is another port */
	KEY_SERVER,  /* address of the server */
	KEY_COUNT
};

/** What a request asks for, until it is answered. */
struct asked {
	uint64_t txn; /* 0: nothing */
	uint32_t expires_s;
	uint32_t hops;
	struct capture_endpoint from;
};

struct binding {
	struct sip_registration pub;
	struct capture_endpoint at; /* the contact; port 0: a name */
	struct key keys[KEY_COUNT];
	struct binding *prev, *next; /* claims: the oldest first */
	size_t heap_at;
	int64_t settled_ns; /* until then, but for what is asked */
	uint32_t from_hops, server_hops;
	struct asked asked;
	uint64_t answered;    /* its own transaction, the last with a 2xx */
	uint64_t answered_by; /* ... with the server that sent that */
	uint64_t listed;      /* by the last 2xx: the same of anybody's */
	uint64_t record;      /* hash of the address-of-record */
	uint64_t call_id;     /* hash */
	uint32_t cseq;
};

struct sip_registrar {
	const struct sip_config *config;
	struct sip_counters *counters;
	struct sip_slot *slots; /* by hash */
	struct binding *claims;
	struct binding **heap; /* the next to end is at the root */
	size_t count, capacity;
};

/** One message. */
struct reading {
	struct sip_register reg;
	const struct capture_endpoint *from, *server;
	int64_t time_ns;
	uint64_t record; /* hash of the address-of-record */
	uint64_t call_id;
	uint32_t cseq;
	uint64_t txn;   /* hash of Call-ID and CSeq */
	uint64_t heard; /* ... and server */
};

/* ---- hashes -------------------------------------------------------------- */

/** Of two texts, for one type of key; never 0. */
static uint64_t
hash_of(const struct sip_registrar *r, enum key_type type, struct sip_text a,
	struct sip_text b)
{
	const uint8_t *key = r->config->hash_key;
	uint64_t parts[3] = { (uint64_t)type, sip__hash(key, a),
			      sip__hash(key, b) };
	uint64_t hash = sip__hash(key, SIP_BYTES(parts));

	return hash ? hash : 1;
}

static struct sip_text
text_of(const char *string)
{
	return (struct sip_text){ string, strlen(string) };
}

static uint64_t
user_hash(const struct sip_registrar *r, const char *user)
{
	return hash_of(r, KEY_USER, text_of(user), text_of(""));
}

/** Who registers from an address is looked for by one kind of hash. */
static uint64_t
endpoint_hash(const struct sip_registrar *r,
	      const struct capture_endpoint *endpoint)
{
	return hash_of(r, KEY_FROM, SIP_BYTES(endpoint->addr),
		       (struct sip_text){ (const char *)&endpoint->port,
					  sizeof(endpoint->port) });
}

static uint64_t
server_hash(const struct sip_registrar *r,
	    const struct capture_endpoint *endpoint)
{
	return hash_of(r, KEY_SERVER, SIP_BYTES(endpoint->addr), text_of(""));
}

/* ---- keys ---------------------------------------------------------------- */

static void
key_drop(struct sip_registrar *r, struct key *key)
{
	sip__slot_leave(&r->slots, &key->key);
}

/** Find a binding by this too. @return false: out of memory, it is not */
static bool
key_set(struct sip_registrar *r, struct binding *b, enum key_type type,
	uint64_t hash)
{
	struct key *key = &b->keys[type];

	key_drop(r, key);
	key->binding = b;
	key->key.hash = hash;
	sip__slot_enter(&r->slots, &key->key);
	return key->key.slot != NULL;
}

static struct binding *
binding_of(struct sip_key *key)
{
	return key ? ((struct key *)key)->binding : NULL;
}

/** The newest of those with a hash. */
static struct binding *
find_first(const struct sip_registrar *r, uint64_t hash)
{
	return binding_of(sip__slot_first(r->slots, hash));
}

/* ---- what ends next: a heap ---------------------------------------------- */

static void
heap_put(struct sip_registrar *r, size_t at, struct binding *b)
{
	r->heap[at] = b;
	b->heap_at = at;
}

/** A binding ends earlier or later than it did. */
static void
heap_move(struct sip_registrar *r, struct binding *b)
{
	int64_t until_ns = b->pub.until_ns;
	size_t at = b->heap_at, next;

	while (at > 0 && r->heap[(at - 1) / 2]->pub.until_ns > until_ns) {
		heap_put(r, at, r->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	while ((next = 2 * at + 1) < r->count) {
		if (next + 1 < r->count && r->heap[next + 1]->pub.until_ns <
					       r->heap[next]->pub.until_ns)
			next++;
		if (r->heap[next]->pub.until_ns >= until_ns)
			break;
		heap_put(r, at, r->heap[next]);
		at = next;
	}
	heap_put(r, at, b);
}

/** @return false when out of memory */
static bool
heap_add(struct sip_registrar *r, struct binding *b)
{
	size_t capacity = r->capacity ? 2 * r->capacity : 64;

	if (r->count == r->capacity) {
		void *heap = realloc(r->heap, capacity * sizeof(r->heap[0]));

		if (!heap)
			return false;
		r->heap = heap;
		r->capacity = capacity;
	}
	heap_put(r, r->count++, b);
	heap_move(r, b);
	return true;
}

static void
heap_remove(struct sip_registrar *r, const struct binding *b)
{
	struct binding *last = r->heap[--r->count];

	if (last == b)
		return;
	heap_put(r, b->heap_at, last);
	heap_move(r, last);
}

static void
set_until(struct sip_registrar *r, struct binding *b, int64_t until_ns)
{
	b->pub.until_ns = until_ns;
	heap_move(r, b);
}

/* ---- bindings ------------------------------------------------------------ */

static void
binding_free(struct sip_registrar *r, struct binding *b)
{
	for (int type = 0; type < KEY_COUNT; type++)
		key_drop(r, &b->keys[type]);
	if (!b->pub.confirmed)
		DL_DELETE(r->claims, b);
	heap_remove(r, b);
	free(b);
}

/** The next of the same address-of-record; the first one after NULL. */
static struct binding *
next_of(const struct sip_registrar *r, uint64_t record,
	const struct binding *after)
{
	return after ? binding_of(after->keys[KEY_RECORD].key.next)
		     : find_first(r, record);
}

static struct binding *
find_contact(const struct sip_registrar *r, uint64_t record, const char *text)
{
	struct binding *b = NULL;

	while ((b = next_of(r, record, b)))
		if (strcmp(b->pub.contact, text) == 0)
			break;
	return b;
}

/**
 * Is there room for one more of this address-of-record? An old claim gives
 * way, one of its own where it has too many.
 */
static bool
make_room(struct sip_registrar *r, uint64_t record)
{
	struct binding *b = NULL, *oldest = NULL;
	uint32_t n = 0;

	while ((b = next_of(r, record, b))) {
		n++;
		if (!b->pub.confirmed)
			oldest = b;
	}
	if (n < SIP_CONTACTS_MAX && r->count < r->config->registrations_max)
		return true;
	if (n < SIP_CONTACTS_MAX)
		oldest = r->claims;
	if (oldest) {
		r->counters->registrations_unanswered++;
		binding_free(r, oldest);
	}
	return oldest != NULL;
}

/** A claim. @return NULL: there is no room for it, or no memory */
static struct binding *
binding_new(struct sip_registrar *r, const struct reading *in,
	    const struct sip_contact *contact)
{
	struct binding *b =
	    make_room(r, in->record) ? calloc(1, sizeof(*b)) : NULL;

	if (!b) {
		r->counters->registrations_shed++;
		return NULL;
	}
	memcpy(b->pub.user, in->reg.user, sizeof(b->pub.user));
	memcpy(b->pub.host, in->reg.host, sizeof(b->pub.host));
	memcpy(b->pub.contact, contact->text, sizeof(b->pub.contact));
	b->at = contact->at;
	b->record = in->record;
	b->pub.server = *in->server;
	b->pub.since_ns = in->time_ns;
	b->pub.until_ns = b->settled_ns = in->time_ns + CLAIM_NS;
	b->from_hops = b->server_hops = UINT32_MAX;
	if (!heap_add(r, b)) {
		free(b);
		r->counters->registrations_shed++;
		return NULL;
	}
	DL_APPEND(r->claims, b);
	if (key_set(r, b, KEY_RECORD, in->record))
		return b;
	binding_free(r, b);
	r->counters->registrations_shed++;
	return NULL;
}

static bool
same_address(const struct capture_endpoint *a, const struct capture_endpoint *b)
{
	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

/** It is found by where its telephone is. Without memory it is not. */
static void
set_place(struct sip_registrar *r, struct binding *b)
{
	key_drop(r, &b->keys[KEY_FROM]);
	key_drop(r, &b->keys[KEY_CONTACT]);
	if (!b->pub.direct || !b->pub.confirmed)
		return;
	(void)key_set(r, b, KEY_FROM, endpoint_hash(r, &b->pub.from));
	/* Behind NAT a contact may be anybody's. */
	if (b->at.port && b->at.port != b->pub.from.port &&
	    same_address(&b->at, &b->pub.from))
		(void)key_set(r, b, KEY_CONTACT, endpoint_hash(r, &b->at));
}

/** A request came from there. */
static void
note_from(struct sip_registrar *r, struct binding *b, const struct asked *asked)
{
	if (asked->hops <= b->from_hops) {
		b->from_hops = asked->hops;
		b->pub.from = asked->from;
		b->pub.direct = asked->hops <= 1;
	}
	set_place(r, b);
}

static void
confirm(struct sip_registrar *r, struct binding *b, const struct reading *in)
{
	if (b->pub.confirmed)
		return;
	DL_DELETE(r->claims, b);
	b->pub.confirmed = true;
	b->pub.since_ns = in->time_ns;
	r->counters->registrations++;
}

/** A server says that a contact is bound for so long. */
static void
settle(struct sip_registrar *r, struct binding *b, const struct reading *in,
       uint32_t expires_s)
{
	confirm(r, b, in);
	(void)key_set(r, b, KEY_USER, user_hash(r, b->pub.user));
	if (in->reg.hops <= b->server_hops) {
		b->server_hops = in->reg.hops;
		b->pub.server = *in->server;
		(void)key_set(r, b, KEY_SERVER, server_hash(r, in->server));
	}
	b->listed = in->heard;
	if (!b->answered || b->asked.txn == in->txn)
		b->answered = in->txn;
	if (b->answered == in->txn)
		b->answered_by = in->heard;
	if (b->asked.txn == in->txn) {
		note_from(r, b, &b->asked);
		b->asked.txn = 0;
		b->call_id = in->call_id;
		b->cseq = in->cseq;
	}
	b->settled_ns = in->time_ns + expires_s * SECOND_NS;
	set_until(r, b, b->settled_ns);
}

/** A server says that a contact is not bound. */
static void
end(struct sip_registrar *r, struct binding *b)
{
	r->counters->registrations_ended += b->pub.confirmed;
	binding_free(r, b);
}

/* ---- requests ------------------------------------------------------------ */

/** Of the same series (section 10.2), and older than what is known. */
static bool
is_stale(const struct binding *b, const struct reading *in)
{
	return b->call_id == in->call_id && in->cseq < b->cseq;
}

static void
ask(struct sip_registrar *r, struct binding *b, const struct reading *in,
    uint32_t expires_s)
{
	const struct asked asked = { .txn = in->txn,
				     .expires_s = expires_s,
				     .hops = in->reg.hops,
				     .from = *in->from };
	int64_t claim_ns = in->time_ns + CLAIM_NS;
	bool sooner = claim_ns < b->settled_ns;

	if (b->answered == in->txn) {
		note_from(r, b, &asked); /* the answer overtook it */
		return;
	}
	if (is_stale(b, in))
		return;
	if (b->asked.txn != in->txn || asked.hops < b->asked.hops)
		b->asked = asked;
	b->call_id = in->call_id;
	b->cseq = in->cseq;
	if (!b->pub.confirmed)
		note_from(r, b, &asked);
	/* until it is answered: whichever it asks for, sooner or later */
	if (b->pub.confirmed && sooner != (expires_s == 0))
		claim_ns = b->settled_ns;
	set_until(r, b, claim_ns);
}

static uint32_t
expires_of(const struct reading *in, const struct sip_contact *contact,
	   uint32_t otherwise_s)
{
	if (contact && contact->expires)
		return contact->expires_s;
	return in->reg.expires ? in->reg.expires_s : otherwise_s;
}

static void
input_request(struct sip_registrar *r, const struct reading *in)
{
	struct binding *b = NULL;

	if (in->reg.all && in->reg.expires && in->reg.expires_s == 0)
		while ((b = next_of(r, in->record, b)))
			ask(r, b, in, 0);
	for (uint32_t i = 0; i < in->reg.count; i++) {
		const struct sip_contact *contact = &in->reg.contact[i];
		uint32_t expires_s =
		    expires_of(in, contact, SIP_EXPIRES_DEFAULT_S);

		b = find_contact(r, in->record, contact->text);
		if (!b && expires_s)
			b = binding_new(r, in, contact);
		if (b)
			ask(r, b, in, expires_s);
	}
}

/* ---- responses ----------------------------------------------------------- */

static void
input_refusal(struct sip_registrar *r, const struct reading *in)
{
	struct binding *b, *next;

	for (b = next_of(r, in->record, NULL); b; b = next) {
		next = next_of(r, in->record, b);
		if (b->asked.txn != in->txn)
			continue;
		b->asked.txn = 0;
		if (b->pub.confirmed)
			set_until(r, b, b->settled_ns);
		else
			binding_free(r, b);
	}
}

/**
 * A server may list a contact as it sees it, and not as it was asked for: from
 * behind NAT. That is plain where both are the only one.
 */
static void
follow_rewritten(struct sip_registrar *r, const struct reading *in)
{
	const struct sip_contact *listed = &in->reg.contact[0];
	struct binding *b = NULL, *asked = NULL, *known;
	uint32_t n = 0;

	while ((b = next_of(r, in->record, b))) {
		if (b->asked.txn != in->txn || !b->asked.expires_s)
			continue;
		asked = b;
		n++;
	}
	if (n != 1 || in->reg.count != 1 ||
	    strcmp(asked->pub.contact, listed->text) == 0)
		return;
	known = find_contact(r, in->record, listed->text);
	if (known) {
		known->asked = asked->asked;
	} else if (!asked->pub.confirmed) {
		memcpy(asked->pub.contact, listed->text,
		       sizeof(asked->pub.contact));
		asked->at = listed->at;
	}
}

/** Those that a server does not list. */
static void
end_unlisted(struct sip_registrar *r, const struct reading *in)
{
	struct binding *b, *next;

	for (b = next_of(r, in->record, NULL); b; b = next) {
		bool mine = b->asked.txn == in->txn;
		bool there = b->pub.confirmed && !is_stale(b, in) &&
			     same_address(&b->pub.server, in->server);

		next = next_of(r, in->record, b);
		if (b->listed != in->heard && (mine || there))
			end(r, b);
	}
}

/** @return was the response seen before? */
static bool
is_repeated(const struct sip_registrar *r, const struct reading *in, bool here)
{
	const struct binding *b = NULL;

	while ((b = next_of(r, in->record, b)))
		if (here ? b->answered_by == in->heard : b->answered == in->txn)
			return true;
	return false;
}

static void
input_list(struct sip_registrar *r, const struct reading *in)
{
	bool again = is_repeated(r, in, true);

	follow_rewritten(r, in);
	for (uint32_t i = 0; i < in->reg.count; i++) {
		const struct sip_contact *contact = &in->reg.contact[i];
		struct binding *b = find_contact(r, in->record, contact->text);
		uint32_t expires_s = SIP_EXPIRES_DEFAULT_S;

		if (b && b->asked.txn == in->txn)
			expires_s = b->asked.expires_s;
		expires_s = expires_of(in, contact, expires_s);
		if (b && is_stale(b, in))
			continue;
		if (!b && expires_s)
			b = binding_new(r, in, contact);
		if (b && expires_s)
			settle(r, b, in, expires_s);
	}
	/* of a list that is too long, the end was not read */
	if (!again && (in->reg.count < SIP_CONTACTS_MAX || !in->reg.left_out))
		end_unlisted(r, in);
}

/**
 * A 2xx without a list: nothing is left, or the server does not tell what it
 * ought to, and has done what it was asked for.
 */
static void
input_empty(struct sip_registrar *r, const struct reading *in)
{
	bool again = is_repeated(r, in, false);
	struct binding *b, *next;
	bool any = false;

	for (b = next_of(r, in->record, NULL); b; b = next) {
		next = next_of(r, in->record, b);
		if (b->asked.txn != in->txn || !b->asked.expires_s)
			continue;
		any = true;
		settle(r, b, in, expires_of(in, NULL, b->asked.expires_s));
	}
	if (!any && !again)
		end_unlisted(r, in);
}

/* ---- input and time ------------------------------------------------------ */

static bool
read_turn(struct sip_registrar *r, const struct sip_turn *turn,
	  struct reading *in)
{
	const struct sip_msg *msg = turn->msg;
	bool request = msg->status == 0;
	struct sip_text cseq = { (const char *)&msg->cseq, sizeof(msg->cseq) };

	if (!sip__register_read(&in->reg, msg))
		return false;
	in->time_ns = turn->time_ns;
	in->from = request ? turn->src : turn->dst;
	in->server = request ? turn->dst : turn->src;
	in->record = hash_of(r, KEY_RECORD, text_of(in->reg.user),
			     text_of(in->reg.host));
	in->call_id = hash_of(r, KEY_COUNT, msg->call_id, text_of(""));
	in->cseq = msg->cseq;
	in->txn = hash_of(r, KEY_COUNT, msg->call_id, cseq);
	in->heard = hash_of(
	    r, KEY_COUNT, SIP_BYTES(in->server->addr),
	    (struct sip_text){ (const char *)&in->txn, sizeof(in->txn) });
	return true;
}

void
sip__registrar_input(struct sip_registrar *registrar,
		     const struct sip_turn *turn)
{
	int status = turn->msg->status;
	struct reading in;

	if (!read_turn(registrar, turn, &in)) {
		registrar->counters->registrations_shed += status == 0;
		return;
	}
	registrar->counters->registrations_shed += in.reg.left_out;
	if (status == 0)
		input_request(registrar, &in);
	else if (status >= 300)
		input_refusal(registrar, &in);
	else if (status >= 200 && in.reg.count)
		input_list(registrar, &in);
	else if (status >= 200 && !in.reg.left_out)
		input_empty(registrar, &in);
}

void
sip__registrar_tick(struct sip_registrar *registrar, int64_t now_ns)
{
	struct sip_counters *counters = registrar->counters;

	while (registrar->count && registrar->heap[0]->pub.until_ns <= now_ns) {
		struct binding *b = registrar->heap[0];

		/* who asked to be logged out is believed */
		if (!b->pub.confirmed)
			counters->registrations_unanswered++;
		else if (b->asked.txn && !b->asked.expires_s)
			counters->registrations_ended++;
		else
			counters->registrations_expired++;
		binding_free(registrar, b);
	}
}

/* ---- who ----------------------------------------------------------------- */

const struct sip_registration *
sip_registrar_find_user(const struct sip_registrar *registrar, const char *user)
{
	const struct binding *b =
	    find_first(registrar, user_hash(registrar, user));

	return b ? &b->pub : NULL;
}

const struct sip_registration *
sip_registrar_find_address(const struct sip_registrar *registrar,
			   const struct capture_endpoint *at)
{
	uint64_t hash = endpoint_hash(registrar, at);
	struct binding *first = find_first(registrar, hash);
	struct sip_key *key = sip__slot_first(registrar->slots, hash);

	if (find_first(registrar, server_hash(registrar, at)))
		return NULL;
	for (; key; key = key->next)
		if (binding_of(key)->record != first->record)
			return NULL;
	return first ? &first->pub : NULL;
}

void
sip_registrar_walk(const struct sip_registrar *registrar,
		   sip_registration_fn fn, void *ctx)
{
	for (size_t i = 0; i < registrar->count; i++)
		fn(ctx, &registrar->heap[i]->pub);
}

uint32_t
sip_registrar_count(const struct sip_registrar *registrar)
{
	return (uint32_t)registrar->count;
}

int
sip__registrar_new(struct sip_registrar **registrar,
		   const struct sip_config *config,
		   struct sip_counters *counters)
{
	*registrar = calloc(1, sizeof(**registrar));
	if (!*registrar)
		return -ENOMEM;
	(*registrar)->config = config;
	(*registrar)->counters = counters;
	return 0;
}

void
sip__registrar_free(struct sip_registrar **registrar)
{
	struct sip_registrar *r = *registrar;

	if (!r)
		return;
	while (r->count)
		binding_free(r, r->heap[r->count - 1]);
	free(r->heap);
	free(r);
	*registrar = NULL;
}
