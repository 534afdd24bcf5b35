/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which calls are legs of one conversation, and which follow another: what
 * people call one call has as many Call-IDs as a switch, a transfer or a
 * question to a colleague gives it.
 *
 * A call that begins is looked at for, in this order, the first that fits:
 *
 *   Replaces       names a call: its sender takes part in its place
 *   REFER, 3xx     somebody was asked to call this number, and is who calls
 *   Referred-By    ... and the REFER itself was missed
 *   ids            Session-ID, P-Charging-Vector, those of vendors
 *   numbers        a switch was just called by the same for the same
 *   hold           who calls has somebody on hold: a consultation
 *
 * Later, descriptions tell: a switch that passes on where its other leg wants
 * to receive RTP makes one conversation of both. And where a REFER with
 * Replaces goes to a switch, that joins what is left of two conversations when
 * the transferor leaves.
 *
 * Nothing here trusts that an address is one telephone: ids and numbers are
 * looked at too, and where two calls fit equally well none is linked. What is
 * looked up is found by keyed hashes, and of one hash only the newest are
 * looked at, so that no flood makes this slow.
 */
#include <string.h>

#include "sip/sip_priv.h"

#define SECOND_NS 1000000000LL
/** A REFER is acted on at once; its subscription lasts no longer than this
 * (RFC 3515 leaves that open, the transaction of the INVITE takes 32 s). */
#define REFER_NS (64 * SECOND_NS)
/** ... and all telephones of one person are called within. */
#define BRANCHES_NS (SECOND_NS / 2)
/** A switch calls on within. */
#define CALLS_ON_NS (5 * SECOND_NS)
/** Calls of one hash that are looked at. */
#define LOOK_MAX 16
/** Numbers that end with so many same digits are the same. */
#define TAIL_DIGITS 7

const char *
sip_link_by_name(enum sip_link_by by)
{
	static const char *const names[] = {
		[SIP_BY_REFER] = "refer",
		[SIP_BY_REFERRED] = "referred-by",
		[SIP_BY_REPLACES] = "replaces",
		[SIP_BY_REDIRECT] = "redirect",
		[SIP_BY_SESSION] = "session-id",
		[SIP_BY_CHARGING] = "charging-vector",
		[SIP_BY_VENDOR] = "vendor-id",
		[SIP_BY_MEDIA] = "same media",
		[SIP_BY_NUMBERS] = "same numbers",
		[SIP_BY_HOLD] = "hold",
	};

	return names[by];
}

/* ---- what calls are found by ----------------------------------------------
 */

/** @return 0 if there is no text */
static uint64_t
text_hash(const struct sip_tracker *t, enum sip_key_type type,
	  struct sip_text text)
{
	const uint64_t parts[] = { type, sip__tracker_hash(t, text) };

	return text.n ? sip__tracker_hash(t, SIP_BYTES(parts)) : 0;
}

/** A number without what is dialled in front of it from here or there; a name
 * as it is. */
static struct sip_text
tail(const char *user)
{
	size_t digits = 0, n = strlen(user);

	while (digits < n && user[n - 1 - digits] >= '0' &&
	       user[n - 1 - digits] <= '9')
		digits++;
	if (digits > TAIL_DIGITS)
		return (struct sip_text){ user + n - TAIL_DIGITS, TAIL_DIGITS };
	return (struct sip_text){ user, n };
}

static bool
same_user(const char *a, const char *b)
{
	return sip__is_named(a) && sip__text_equal(tail(a), tail(b));
}

static uint64_t
address_hash(const struct sip_tracker *t, enum sip_key_type type,
	     const struct capture_endpoint *at, const char *user)
{
	const uint64_t parts[] = {
		type,
		sip__tracker_hash(t, SIP_BYTES(at->addr)),
		type == SIP_KEY_MEDIA ? at->port : 0,
		sip__tracker_hash(t, tail(user)),
	};

	return sip__tracker_hash(t, SIP_BYTES(parts));
}

/** By which the call of a switch that calls on is found. 0: nobody is. */
static uint64_t
numbers_hash(const struct sip_tracker *t, const struct capture_endpoint *at,
	     const struct sip_call *call)
{
	const uint64_t parts[] = {
		address_hash(t, SIP_KEY_NUMBERS, at,
			     call->party[SIP_CALLER].user),
		sip__tracker_hash(t, tail(call->party[SIP_CALLEE].user)),
	};

	if (call->party[SIP_CALLER].anonymous ||
	    !sip__is_named(call->party[SIP_CALLER].user) ||
	    !call->party[SIP_CALLEE].user[0])
		return 0;
	return sip__tracker_hash(t, SIP_BYTES(parts));
}

/* ---- a call begins ------------------------------------------------------- */

/** Which party of a call has this tag? The callee's are many. */
static enum sip_party
party_of_tag(const struct sip_call_state *call, const char *tag)
{
	uint64_t hash = sip__tracker_hash(
	    call->tracker, (struct sip_text){ tag, strlen(tag) });

	for (uint32_t i = 0; i < call->caller_tags_count; i++)
		if (call->caller_tags[i] == hash)
			return SIP_CALLER;
	return SIP_CALLEE;
}

/** Who of a call is asked to replace it? */
static enum sip_party
replaced_at(const struct sip_call_state *call, const struct sip_dialog_id *id,
	    const struct sip_turn *turn)
{
	if (id->to_tag[0])
		return party_of_tag(call, id->to_tag);
	if (id->from_tag[0])
		return sip__other(party_of_tag(call, id->from_tag));
	return sip__same_host(&call->pub.signalling[SIP_CALLER], turn->dst)
		   ? SIP_CALLER
		   : SIP_CALLEE;
}

static bool
is_open(const struct sip_refer *refer, int64_t now_ns)
{
	return refer->open && now_ns <= refer->until_ns;
}

static void
refer_over(struct sip_call_state *call)
{
	call->refer.open = false;
	call->refer.replaces = 0;
	sip__key_drop(&call->refer.key);
}

/** Has somebody of this name part in the conversation? */
static bool
has_part(const struct sip_call_state *call, const char *user)
{
	const struct sip_call_state *leg = call;

	do {
		const struct sip_call *pub = &leg->pub;

		for (int p = SIP_CALLER; p <= SIP_CALLEE; p++)
			if (same_user(user, pub->party[p].user))
				return true;
		for (uint32_t i = 0; i < pub->others_count; i++)
			if (same_user(user, pub->others[i]))
				return true;
		leg = leg->leg_next;
	} while (leg != call);
	return false;
}

/**
 * Who was asked: does the call come from him, or for him from his switch? His
 * address does not tell, since a switch calls the same for others.
 */
static bool
is_asked(const struct sip_call_state *asked, const struct sip_call_state *call,
	 const struct sip_turn *turn)
{
	enum sip_party by = asked->refer.by;
	const struct sip_call *pub = &asked->pub;
	const char *user = call->pub.party[SIP_CALLER].user;
	const struct sip_call_state *anchor =
	    sip__call_find(call->tracker, asked->refer.anchor);
	struct sip_identity referrer = { 0 };

	sip__identity_set(&referrer, &turn->msg->related.referred_by);
	if (asked->refer.redirect)
		return same_user(user, pub->party[sip__other(by)].user);
	/* who asked may call there himself */
	if (same_user(user, pub->party[by].user) &&
	    !sip__same_host(turn->src, &pub->signalling[sip__other(by)]))
		return false;
	return same_user(referrer.user, pub->party[by].user) ||
	       has_part(asked, user) || (anchor && has_part(anchor, user));
}

/** Nobody says who calls, nor who was asked: only the address tells. */
static bool
may_be_asked(const struct sip_call_state *asked,
	     const struct sip_call_state *call, const struct sip_turn *turn)
{
	enum sip_party of = sip__other(asked->refer.by);

	return !sip__is_named(call->pub.party[SIP_CALLER].user) &&
	       !sip__is_named(asked->pub.party[of].user) &&
	       sip__same_host(turn->src, &asked->pub.signalling[of]);
}

/** The call that was made for it, if this is another branch of that: a call of
 * the same to the same at once. Any other is for somebody else. */
static struct sip_call_state *
find_branch(const struct sip_call_state *asked,
	    const struct sip_call_state *call)
{
	struct sip_call_state *made =
	    sip__call_find(call->tracker, asked->refer.made);
	const struct sip_call *pub = &call->pub;

	return made && made->pub.answer_ns == 0 &&
		       sip__same_host(&made->pub.signalling[SIP_CALLER],
				      &pub->signalling[SIP_CALLER]) &&
		       same_user(made->pub.party[SIP_CALLER].user,
				 pub->party[SIP_CALLER].user)
		   ? made
		   : NULL;
}

/** What a party is called by. */
static struct sip_text
name_of(const struct sip_identity *identity)
{
	if (identity->user[0])
		return tail(identity->user);
	return (struct sip_text){ identity->host, strlen(identity->host) };
}

static struct sip_call_state *
find_asked_for(const struct sip_call_state *call, const struct sip_turn *turn,
	       struct sip_text name)
{
	const struct sip_tracker *t = call->tracker;
	const struct sip_key *key =
	    sip__key_first(t, text_hash(t, SIP_KEY_TARGET, name));

	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next) {
		struct sip_call_state *asked = key->call;

		if (asked == call || !is_open(&asked->refer, turn->time_ns) ||
		    (asked->refer.made && !find_branch(asked, call)))
			continue;
		if (is_asked(asked, call, turn) ||
		    may_be_asked(asked, call, turn))
			return asked;
	}
	return NULL;
}

/** A call in which somebody was asked to make this one. */
static struct sip_call_state *
find_asked(const struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_call *pub = &call->pub;
	struct sip_call_state *asked =
	    find_asked_for(call, turn, name_of(&pub->party[SIP_CALLEE]));

	for (uint32_t i = 0; i < pub->others_count && !asked; i++)
		asked = find_asked_for(call, turn, tail(pub->others[i]));
	return asked;
}

/**
 * The party that goes on is the caller of a new call. Where a switch makes it,
 * whose other leg of the conversation stays, it is one more leg.
 */
static void
follow(struct sip_call_state *call, struct sip_call_state *with,
       enum sip_party stays, struct sip_link *link)
{
	link->with = with->pub.conversation;
	link->end = sip_end(&with->pub, stays);
	link->party = SIP_CALLER;
	if (!sip__call_lives(with))
		with = sip__call_find(call->tracker, with->refer.anchor);
	else if (!sip__leg_has_others(with))
		with = NULL;
	if (with && with->pub.conversation == link->with)
		sip__leg_join(call, with, link->end != SIP_CALLER);
	else
		sip__leg_alone(call);
}

static bool
by_replaces(struct sip_call_state *call, const struct sip_turn *turn,
	    struct sip_link *link)
{
	const struct sip_dialog_id *id = &turn->msg->related.replaces;
	struct sip_call_state *replaced =
	    id->call_id[0] ? sip__call_find_id(call->tracker, id->call_id)
			   : NULL;
	struct sip_call_state *asked;

	if (!replaced || replaced == call)
		return false;
	asked = sip__call_find(call->tracker, replaced->consulted);
	if (asked && asked->refer.replaces == replaced->pub.number &&
	    is_open(&asked->refer, turn->time_ns)) {
		link->type = SIP_LINK_TRANSFER;
		link->by = SIP_BY_REFER;
		follow(call, asked, sip__other(asked->refer.by), link);
		refer_over(asked);
		return true;
	}
	asked = find_asked(call, turn);
	if (asked)
		refer_over(asked);
	link->type =
	    replaced->pub.answer_ns ? SIP_LINK_TRANSFER : SIP_LINK_PICKUP;
	link->by = SIP_BY_REPLACES;
	link->with = replaced->pub.conversation;
	link->end = sip_end(&replaced->pub, replaced_at(replaced, id, turn));
	link->party = SIP_CALLEE;
	if (sip__call_lives(replaced) &&
	    (link->type == SIP_LINK_PICKUP || sip__leg_has_others(replaced)))
		sip__leg_join(call, replaced, link->end != SIP_CALLEE);
	else
		sip__leg_alone(call);
	return true;
}

static void
join_as_branch(struct sip_call_state *call, struct sip_call_state *with,
	       enum sip_link_by by, struct sip_link *link)
{
	link->type = SIP_LINK_SAME;
	link->by = by;
	link->with = with->pub.conversation;
	link->end = sip_end(&with->pub, SIP_CALLER);
	link->party = SIP_CALLER;
	sip__leg_join(call, with, with->pub.crossed);
}

static bool
by_refer(struct sip_call_state *call, const struct sip_turn *turn,
	 struct sip_link *link)
{
	struct sip_call_state *asked = find_asked(call, turn);
	struct sip_refer *refer = asked ? &asked->refer : NULL;

	if (!asked || (refer->redirect && !sip__call_lives(asked)))
		return false;
	if (refer->redirect) {
		join_as_branch(call, asked, SIP_BY_REDIRECT, link);
	} else if (refer->made) {
		join_as_branch(call, find_branch(asked, call), SIP_BY_REFER,
			       link);
	} else {
		link->type = SIP_LINK_TRANSFER;
		link->by = SIP_BY_REFER;
		follow(call, asked, sip__other(refer->by), link);
	}
	if (!refer->made && refer->until_ns > turn->time_ns + BRANCHES_NS)
		refer->until_ns = turn->time_ns + BRANCHES_NS;
	if (!refer->made)
		refer->made = call->pub.number;
	return true;
}

/** Who calls talks to who is said to have referred him, in one call only. */
static bool
by_referred(struct sip_call_state *call, const struct sip_turn *turn,
	    struct sip_link *link)
{
	const struct sip_tracker *t = call->tracker;
	const struct sip_key *key, *found = NULL;
	struct sip_identity by = { 0 };
	uint64_t hash;

	if (turn->msg->related.referred_by.user.n == 0)
		return false;
	sip__identity_set(&by, &turn->msg->related.referred_by);
	hash = address_hash(t, SIP_KEY_PEER, turn->src, by.user);
	key = sip__key_first(t, hash);
	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next) {
		if (key->call == call || !sip__call_lives(key->call) ||
		    !key->call->pub.answer_ns)
			continue;
		if (found && found->call->pub.conversation !=
				 key->call->pub.conversation)
			return false;
		found = key;
	}
	if (!found)
		return false;
	link->type = SIP_LINK_TRANSFER;
	link->by = SIP_BY_REFERRED;
	follow(call, found->call, found->party, link);
	return true;
}

static bool
link_same(struct sip_call_state *call, struct sip_call_state *with,
	  enum sip_link_by by, struct sip_link *link)
{
	link->type = SIP_LINK_SAME;
	link->by = by;
	link->with = with->pub.conversation;
	sip__leg_join(call, with, sip__leg_crossed(call, with));
	link->party = SIP_CALLER;
	link->end = sip_end(&call->pub, SIP_CALLER);
	return true;
}

/** Is somebody called, or calling, in both? Not every vendor's id is that of
 * one call alone. */
static bool
shares_number(const struct sip_call *a, const struct sip_call *b)
{
	for (int p = SIP_CALLER; p <= SIP_CALLEE; p++)
		for (int q = SIP_CALLER; q <= SIP_CALLEE; q++)
			if (same_user(a->party[p].user, b->party[q].user))
				return true;
	return false;
}

/** Did anybody call the host from which this comes, in its conversation? */
static bool
is_called_on(const struct sip_call_state *call)
{
	const struct sip_call_state *leg;

	for (leg = call->leg_next; leg != call; leg = leg->leg_next)
		if (sip__same_host(&leg->pub.signalling[SIP_CALLEE],
				   &call->pub.signalling[SIP_CALLER]))
			return true;
	return false;
}

/** Of two that come the same way: does a switch call several for one? */
static bool
is_fork(const struct sip_call_state *one, const struct sip_call_state *call)
{
	const struct sip_identity *a = one->pub.party, *b = call->pub.party;

	if (!is_called_on(one))
		return false;
	return sip__is_named(a[SIP_CALLER].user)
		   ? same_user(a[SIP_CALLER].user, b[SIP_CALLER].user)
		   : !same_user(a[SIP_CALLEE].user, b[SIP_CALLEE].user);
}

/**
 * Does what fits `found` fit this call as well, of another conversation? Calls
 * that were answered before may be such whose BYE was missed.
 */
static bool
is_rival(const struct sip_call_state *found, const struct sip_call_state *one)
{
	return found->pub.conversation != one->pub.conversation &&
	       (found->pub.answer_ns || !one->pub.answer_ns);
}

/** The newest call with an id of this one, if not even that is of many. */
static struct sip_call_state *
find_id(const struct sip_call_state *call, uint64_t hash)
{
	const struct sip_key *key = sip__key_first(call->tracker, hash);
	struct sip_call_state *found = NULL;

	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next) {
		struct sip_call_state *one = key->call;

		if (one == call || !sip__call_lives(one))
			continue;
		if (sip__same_way(&call->pub, &one->pub)) {
			if (!is_fork(one, call))
				return NULL;
		} else if (!found) {
			found = one;
		} else if (is_rival(found, one)) {
			return NULL;
		}
	}
	return found;
}

static bool
by_ids(struct sip_call_state *call, struct sip_link *link)
{
	static const struct {
		enum sip_key_type type;
		enum sip_link_by by;
	} ids[] = {
		{ SIP_KEY_SESSION, SIP_BY_SESSION },
		{ SIP_KEY_CHARGING, SIP_BY_CHARGING },
		{ SIP_KEY_VENDOR, SIP_BY_VENDOR },
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct sip_call_state *found =
		    find_id(call, call->ids[ids[i].type].hash);

		if (found && (ids[i].by != SIP_BY_VENDOR ||
			      shares_number(&call->pub, &found->pub)))
			return link_same(call, found, ids[i].by, link);
	}
	return false;
}

/** May a switch be calling on for this one now? */
static bool
calls_on(const struct sip_call_state *one, const struct sip_turn *turn)
{
	return one->pub.answer_ns == 0 &&
	       turn->time_ns - one->pub.start_ns <= CALLS_ON_NS;
}

/** Exactly one conversation, or it may be a mistake: also if one waits, in a
 * queue, for whom nobody was called yet. */
static bool
by_numbers(struct sip_call_state *call, const struct sip_turn *turn,
	   struct sip_link *link)
{
	const struct sip_tracker *t = call->tracker;
	const struct sip_key *key =
	    sip__key_first(t, numbers_hash(t, turn->src, &call->pub));
	struct sip_call_state *found = NULL, *waits = NULL;

	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next) {
		struct sip_call_state *one = key->call;

		if (one == call || !sip__call_lives(one) ||
		    sip__same_host(&one->pub.signalling[SIP_CALLER], turn->dst))
			continue;
		if (!calls_on(one, turn)) {
			waits = sip__leg_has_others(one) ? waits : one;
			continue;
		}
		if (found && found->pub.conversation != one->pub.conversation)
			return false;
		found = one;
	}
	return found && !waits && link_same(call, found, SIP_BY_NUMBERS, link);
}

/** Is it a switch of the conversation that is at this address? */
static bool
is_between(const struct sip_call_state *call, const struct capture_endpoint *at)
{
	const struct sip_call_state *leg;

	for (leg = call->leg_next; leg != call; leg = leg->leg_next)
		for (int p = SIP_CALLER; p <= SIP_CALLEE; p++)
			if (sip__same_host(&leg->pub.signalling[p], at))
				return true;
	return false;
}

/** Who calls holds somebody, and talks to nobody: else it is a switch, of which
 * all calls bear one number. */
static bool
by_hold(struct sip_call_state *call, const struct sip_turn *turn,
	struct sip_link *link)
{
	const struct sip_tracker *t = call->tracker;
	const char *user = call->pub.party[SIP_CALLER].user;
	const struct sip_key *found = NULL,
			     *key = sip__key_first(
				 t, address_hash(t, SIP_KEY_SELF, turn->src,
						 user));

	if (!sip__is_named(user))
		return false;
	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next) {
		if (key->call == call || !sip__call_lives(key->call) ||
		    !key->call->pub.answer_ns)
			continue;
		if (!key->call->pub.hold[key->party])
			return false;
		if (!found && !is_between(key->call, turn->src))
			found = key;
	}
	if (!found)
		return false;
	sip__leg_alone(call);
	link->type = SIP_LINK_CONSULT;
	link->by = SIP_BY_HOLD;
	link->with = found->call->pub.conversation;
	link->end = sip_end(&found->call->pub, found->party);
	link->party = SIP_CALLER;
	return true;
}

/** From now on others may find it. */
static void
publish(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_related *related = &turn->msg->related;
	struct sip_tracker *t = call->tracker;
	const struct sip_call *pub = &call->pub;
	struct sip_key *ids = call->ids;

	sip__key_set(call, &ids[SIP_KEY_SESSION],
		     text_hash(t, SIP_KEY_SESSION, related->session),
		     SIP_CALLER);
	sip__key_set(call, &ids[SIP_KEY_CHARGING],
		     text_hash(t, SIP_KEY_CHARGING, related->charging),
		     SIP_CALLER);
	sip__key_set(call, &ids[SIP_KEY_VENDOR],
		     text_hash(t, SIP_KEY_VENDOR, related->vendor), SIP_CALLER);
	sip__key_set(call, &ids[SIP_KEY_NUMBERS],
		     numbers_hash(t, turn->dst, pub), SIP_CALLER);
	/* found by the address of the one and the number of the other */
	sip__key_set(call, &ids[SIP_KEY_PEER],
		     address_hash(t, SIP_KEY_PEER, turn->src,
				  pub->party[SIP_CALLEE].user),
		     SIP_CALLER);
	sip__key_set(call, &call->peer,
		     address_hash(t, SIP_KEY_PEER, turn->dst,
				  pub->party[SIP_CALLER].user),
		     SIP_CALLEE);
	sip__link_self(call, SIP_CALLER, turn->src);
	sip__link_self(call, SIP_CALLEE, turn->dst);
}

bool
sip__link_begin(struct sip_call_state *call, const struct sip_turn *turn,
		struct sip_link *link)
{
	bool linked;

	publish(call, turn);
	linked = by_replaces(call, turn, link) || by_refer(call, turn, link) ||
		 by_referred(call, turn, link) || by_ids(call, link) ||
		 by_numbers(call, turn, link) || by_hold(call, turn, link);
	if (!linked)
		sip__leg_alone(call);
	call->told = true;
	call->tracker->counters.calls_linked += linked;
	return linked;
}

/* ---- transfers ----------------------------------------------------------- */

static void
expect(struct sip_call_state *call, const struct sip_address *target,
       struct sip_refer refer, struct sip_identity *identity)
{
	struct sip_tracker *t = call->tracker;
	uint64_t hash;

	memset(identity, 0, sizeof(*identity));
	sip__identity_set(identity, target);
	sip__key_drop(&call->refer.key);
	call->refer = refer;
	hash = text_hash(t, SIP_KEY_TARGET, name_of(identity));
	sip__key_set(call, &call->refer.key, hash, sip__other(refer.by));
}

static void
refer_request(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_related *related = &turn->msg->related;
	struct sip_call_state *replaced = NULL;
	struct sip_identity target;
	struct sip_refer refer = { .open = true,
				   .by = turn->party,
				   .until_ns = turn->time_ns + REFER_NS };

	if (related->refer_to.user.n == 0 && related->refer_to.host.n == 0)
		return;
	if (related->replaces.call_id[0])
		replaced =
		    sip__call_find_id(call->tracker, related->replaces.call_id);
	if (replaced && replaced != call && sip__call_lives(replaced)) {
		refer.replaces = replaced->pub.number;
		replaced->consulted = call->pub.number;
	}
	expect(call, &related->refer_to, refer, &target);
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_REFER,
					    .time_ns = turn->time_ns,
					    .party = turn->party,
					    .target = &target });
}

void
sip__link_message(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_msg *msg = turn->msg;

	if (msg->method == SIP_METHOD_REFER && msg->status == 0)
		refer_request(call, turn);
	else if (msg->method == SIP_METHOD_REFER ? msg->status >= 300
						 : msg->related.fragment >= 300)
		refer_over(call);
}

void
sip__link_redirected(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_refer refer = { .open = true,
				   .redirect = true,
				   .by = SIP_CALLEE,
				   .until_ns = turn->time_ns + REFER_NS };
	struct sip_identity target;

	if (turn->msg->contact.user.n)
		expect(call, &turn->msg->contact, refer, &target);
}

/**
 * A switch was asked to join two conversations of the transferor, who leaves:
 * what is left of the second goes on in the first, at the transferor's end.
 */
static void
join_rest(struct sip_call_state *asked, struct sip_call_state *consult,
	  int64_t time_ns)
{
	enum sip_party by = asked->refer.by;
	enum sip_party end = sip_end(&asked->pub, by), there;
	struct sip_link link = { .type = SIP_LINK_TRANSFER,
				 .by = SIP_BY_REFER,
				 .end = sip__other(end),
				 .party = SIP_CALLER };
	struct sip_call_state *anchor = asked->leg_next;

	if (!sip__leg_has_others(asked) || !sip__leg_has_others(consult) ||
	    asked->pub.conversation == consult->pub.conversation)
		return;
	there = sip__same_host(&consult->pub.signalling[SIP_CALLEE],
			       &asked->pub.signalling[by])
		    ? SIP_CALLEE
		    : SIP_CALLER;
	there = sip_end(&consult->pub, there);
	/* who is left was at the other end there */
	sip__legs_move(consult, consult, anchor, there == end, link, time_ns);
}

/* ---- descriptions -------------------------------------------------------- */

void
sip__link_stream(struct sip_call_state *call, struct sip_stream *stream,
		 bool open)
{
	if (open)
		sip__key_set(call, &stream->key,
			     address_hash(call->tracker, SIP_KEY_MEDIA,
					  &stream->media.receive, ""),
			     stream->media.party);
	else
		sip__key_drop(&stream->key);
}

/**
 * Does a switch pass on in `near` what the far end of its other leg declares?
 * Then who declares it there stands before the switch, and is the switch here.
 */
static bool
passes_on(const struct sip_key *far, const struct sip_key *near)
{
	return sip__same_host(
	    &far->call->pub.signalling[sip__other(far->party)],
	    &near->call->pub.signalling[near->party]);
}

/** Is it known from whom a switch has what it declares? From another leg of its
 * conversation than this. */
static bool
has_source(const struct sip_key *near, const struct sip_call_state *but)
{
	const struct sip_key *key = near->slot->first;

	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next)
		if (key->call != near->call && key->call != but &&
		    key->call->pub.conversation ==
			near->call->pub.conversation &&
		    sip__call_lives(key->call) && passes_on(key, near))
			return true;
	return false;
}

static bool
is_source(const struct sip_key *far, const struct sip_key *near)
{
	return passes_on(far, near) && !has_source(near, far->call);
}

/**
 * Another conversation's stream at the same address. Telephones behind NAT and
 * calls that hear one music server have addresses in common.
 */
static const struct sip_key *
find_media(const struct sip_call_state *call, const struct sip_stream *stream)
{
	const struct sip_key *mine = &stream->key, *found = NULL;
	const struct sip_key *key = mine->slot ? mine->slot->first : NULL;

	for (int n = 0; key && n < LOOK_MAX; n++, key = key->next) {
		if (key->call == call || !sip__call_lives(key->call) ||
		    sip__same_way(&call->pub, &key->call->pub) ||
		    !(is_source(mine, key) || is_source(key, mine)))
			continue;
		if (!found)
			found = key;
		else if (is_rival(found->call, key->call))
			return NULL;
	}
	return found && found->call->pub.conversation != call->pub.conversation
		   ? found
		   : NULL;
}

/** At which end of the older conversation is who stays in it? Not that of the
 * newcomer, whose address it is, or to whom it is passed on. */
static enum sip_party
end_that_stays(const struct sip_call_state *old, const struct sip_key *a,
	       const struct sip_key *b)
{
	const struct sip_key *far = is_source(a, b) ? a : b;
	const struct sip_key *near = far == a ? b : a;

	if (far->call->pub.conversation == old->pub.conversation)
		return sip_end(&far->call->pub, far->party);
	return sip__other(sip_end(&near->call->pub, near->party));
}

void
sip__link_described(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_key *key = NULL;
	const struct sip_stream *s;
	struct sip_call_state *young = call, *old;
	struct sip_link link = { .by = SIP_BY_MEDIA };
	bool turned;

	for (s = call->streams; s; s = s->next) {
		key = s->applied == call->applied ? find_media(call, s) : NULL;
		if (key)
			break;
	}
	if (!key)
		return;
	old = key->call;
	if (old->pub.conversation > young->pub.conversation) {
		young = key->call;
		old = call;
	}
	turned = sip_end(&call->pub, s->key.party) !=
		 sip_end(&key->call->pub, key->party);
	link.type = old->pub.answer_ns && sip__leg_has_others(old)
			? SIP_LINK_TRANSFER
			: SIP_LINK_SAME;
	link.end = end_that_stays(old, &s->key, key);
	link.party = SIP_CALLER;
	sip__legs_move(young, NULL, old, turned, link, turn->time_ns);
}

/* ---- hold ---------------------------------------------------------------- */

void
sip__link_self(struct sip_call_state *call, enum sip_party party,
	       const struct capture_endpoint *at)
{
	sip__key_set(call, &call->self[party],
		     address_hash(call->tracker, SIP_KEY_SELF, at,
				  call->pub.party[party].user),
		     party);
}

/* ---- the end ------------------------------------------------------------- */

void
sip__link_left(struct sip_call_state *call, int64_t time_ns)
{
	struct sip_tracker *t = call->tracker;
	struct sip_call_state *asked = sip__call_find(t, call->consulted);
	struct sip_call_state *consult =
	    sip__call_find(t, call->refer.replaces);

	if (asked && asked->refer.replaces == call->pub.number) {
		join_rest(asked, call, time_ns);
		refer_over(asked);
	} else if (consult) {
		join_rest(call, consult, time_ns);
		refer_over(call);
	}
}

void
sip__link_drop(struct sip_call_state *call)
{
	struct sip_stream *s;

	for (int type = 0; type < SIP_KEYS_COUNT; type++)
		sip__key_drop(&call->ids[type]);
	sip__key_drop(&call->peer);
	sip__key_drop(&call->self[SIP_CALLER]);
	sip__key_drop(&call->self[SIP_CALLEE]);
	for (s = call->streams; s; s = s->next)
		sip__key_drop(&s->key);
	if (call->told && sip__leg_has_others(call))
		call->refer.anchor = call->leg_next->pub.number;
	if (call->told)
		sip__leg_leave(call);
	call->told = false;
}

void
sip__link_forget(struct sip_call_state *call)
{
	sip__link_drop(call);
	sip__key_drop(&call->refer.key);
}

static void
key_again(struct sip_call_state *call, struct sip_key *key,
	  enum sip_party party)
{
	sip__key_set(call, key, key->hash, party);
}

void
sip__link_restore(struct sip_call_state *call, uint64_t with)
{
	struct sip_call_state *leg =
	    with ? sip__call_find(call->tracker, with) : NULL;
	bool crossed = call->pub.crossed;
	struct sip_stream *s;

	sip__leg_alone(call);
	call->pub.crossed = crossed;
	if (leg && leg != call)
		sip__leg_join(call, leg, crossed);
	call->told = true;
	for (int type = 0; type < SIP_KEYS_COUNT; type++)
		key_again(call, &call->ids[type], SIP_CALLER);
	key_again(call, &call->peer, SIP_CALLEE);
	key_again(call, &call->self[SIP_CALLER], SIP_CALLER);
	key_again(call, &call->self[SIP_CALLEE], SIP_CALLEE);
	key_again(call, &call->refer.key, sip__other(call->refer.by));
	for (s = call->streams; s; s = s->next)
		sip__link_stream(call, s, true);
}
