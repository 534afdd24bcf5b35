/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One call, from its INVITE to its end.
 *
 * All dialogs of one Call-ID are one call: a forked INVITE and its branches,
 * and the hops of a proxy that the mirror port shows one after the other. The
 * call is over when its last answered leg hung up, or when every INVITE
 * transaction seen was refused. A challenge is not the end: the caller is
 * given time to ask again.
 *
 * The mirror may show messages twice, out of order, or not at all; each of
 * these moves a call forward or is without effect, never an error.
 */
#include <string.h>

#include "sip/sip_priv.h"

/* ---- seen before? -------------------------------------------------------- */

/**
 * A retransmission has the branch, CSeq and status of the first one (RFC 3261
 * section 17), and its body: a second 183 may bring early media. A response
 * passed on, or an INVITE passed on by a proxy, has another branch.
 */
bool
sip__call_seen(struct sip_call_state *call, const struct sip_msg *msg,
	       const struct capture_endpoint *src)
{
	const struct sip_tracker *t = call->tracker;
	const uint64_t parts[] = {
		(uint64_t)msg->status << 32 | msg->method,
		msg->cseq,
		sip__tracker_hash(t, msg->branch),
		sip__tracker_hash(t, msg->from.tag),
		sip__tracker_hash(t, msg->to.tag),
		sip__tracker_hash(t, msg->body),
		sip__tracker_hash(t, SIP_BYTES(src->addr)),
	};
	uint64_t hash = sip__tracker_hash(t, SIP_BYTES(parts));
	uint32_t known =
	    call->seen_count < SIP_SEEN_MAX ? call->seen_count : SIP_SEEN_MAX;

	for (uint32_t i = 0; i < known; i++)
		if (call->seen[i] == hash)
			return true;
	call->seen[call->seen_count++ % SIP_SEEN_MAX] = hash;
	return false;
}

/* ---- who sent it --------------------------------------------------------- */

static bool
has_tag(const uint64_t *tags, uint32_t count, uint64_t tag)
{
	for (uint32_t i = 0; i < count; i++)
		if (tags[i] == tag)
			return true;
	return false;
}

/** The caller is who sent an INVITE that opens a dialog: one without To tag. Of
 * a call that is met in the middle it is who says so first. */
static void
learn_caller(struct sip_call_state *call, const struct sip_msg *msg)
{
	uint64_t tag = sip__tracker_hash(call->tracker, msg->from.tag);

	if (call->caller_tags_count > 0 &&
	    (msg->status || msg->method != SIP_METHOD_INVITE || msg->to.tag.n))
		return;
	if (call->caller_tags_count == SIP_LEGS_MAX ||
	    has_tag(call->caller_tags, call->caller_tags_count, tag))
		return;
	call->caller_tags[call->caller_tags_count++] = tag;
}

/**
 * From and To are those of the request, in responses too (RFC 3261 section
 * 8.2.6.2); in a re-INVITE by the callee they are the other way round.
 */
static void
place(const struct sip_call_state *call, struct sip_turn *turn)
{
	const struct sip_msg *msg = turn->msg;
	const struct sip_tracker *tracker = call->tracker;
	uint64_t from = sip__tracker_hash(tracker, msg->from.tag);
	uint64_t to = sip__tracker_hash(tracker, msg->to.tag);
	const uint64_t *tags = call->caller_tags;
	uint32_t n = call->caller_tags_count;
	bool by_caller = has_tag(tags, n, from) || !has_tag(tags, n, to);
	const uint64_t txn[] = { from, msg->cseq };

	turn->party = by_caller == (msg->status == 0) ? SIP_CALLER : SIP_CALLEE;
	turn->tag = msg->status ? to : from;
	turn->peer_tag = msg->status ? from : to;
	turn->txn = sip__tracker_hash(tracker, SIP_BYTES(txn));
}

/** Connected lines change in mid-call (RFC 5876), but not between two hops. */
static void
learn_identity(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_identity *identity = &call->pub.party[turn->party];
	struct sip_identity before = *identity;

	if (turn->msg->asserted.user.n == 0 || turn->msg->status >= 300 ||
	    call->asserted_txn[turn->party] == turn->txn)
		return;
	call->asserted_txn[turn->party] = turn->txn;
	call->tracker->counters.text_cut +=
	    !sip__identity_assert(identity, &turn->msg->asserted);
	/* another answers than was dialled: both have part in the call. After
	 * that, who talked so far has none in what follows. */
	if (!call->pub.answer_ns)
		sip__identity_other(&call->pub, before.user);
	if (memcmp(&before, identity, sizeof(before)) != 0)
		sip__emit(call, (struct sip_event){ .type = SIP_EVENT_IDENTITY,
						    .time_ns = turn->time_ns,
						    .party = turn->party });
}

void
sip__call_begin(struct sip_call_state *call, const struct sip_msg *msg,
		const struct capture_endpoint *src,
		const struct capture_endpoint *dst, int64_t time_ns)
{
	struct sip_call *pub = &call->pub;
	struct sip_turn turn = {
		.msg = msg, .src = src, .dst = dst, .time_ns = time_ns
	};
	struct sip_address to = msg->to;
	struct sip_link link;
	bool whole, linked;

	whole = sip__text_clean(pub->from_tag, sizeof(pub->from_tag),
				msg->from.tag);
	whole &= sip__identity_set(&pub->party[SIP_CALLER], &msg->from);
	if (to.user.n == 0) {
		to.user = msg->uri.user;
		to.escaped = msg->uri.escaped;
	}
	whole &= sip__identity_set(&pub->party[SIP_CALLEE], &to);
	pub->signalling[SIP_CALLER] = *src;
	pub->signalling[SIP_CALLEE] = *dst;
	pub->start_ns = call->alive_ns = call->clock_ns = time_ns;
	learn_caller(call, msg);
	if (msg->asserted.user.n) {
		place(call, &turn);
		call->asserted_txn[SIP_CALLER] = turn.txn;
		whole &= sip__identity_assert(&pub->party[SIP_CALLER],
					      &msg->asserted);
	}
	/* who is not to be shown, but whose number the network tells */
	pub->party[SIP_CALLER].anonymous |= msg->related.withheld;
	whole &= sip__identity_others(pub, msg);
	call->tracker->counters.text_cut += !whole;
	linked = sip__link_begin(call, &turn, &link);
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_CALL,
					    .time_ns = time_ns,
					    .link = linked ? &link : NULL });
}

void
sip__call_give_up(struct sip_call_state *call)
{
	bool cancelled = call->retry_status == 0;

	sip__call_end(
	    call, (struct sip_event){
		      .time_ns = call->retry_ns,
		      .party = cancelled ? SIP_CALLER : SIP_CALLEE,
		      .cause = cancelled ? SIP_END_CANCEL : SIP_END_REJECTED,
		      .status = call->retry_status });
}

/**
 * The other legs of a conversation whose last one ends, where they only wait
 * for another attempt: they would keep it, and end it when they were refused.
 */
static void
give_up_others(struct sip_call_state *call)
{
	struct sip_call_state *leg = call, *next;

	if (call->wait == SIP_WAIT_RETRY)
		return;
	while ((leg = leg->leg_next) != call)
		if (leg->wait != SIP_WAIT_RETRY)
			return;
	for (leg = call->leg_next; leg != call; leg = next) {
		next = leg->leg_next;
		sip__call_give_up(leg);
	}
}

void
sip__call_end(struct sip_call_state *call, struct sip_event end)
{
	if (call->told)
		give_up_others(call);
	end.type = SIP_EVENT_END;
	sip__dialog_end(call, end.time_ns);
	if (end.cause == SIP_END_BYE)
		sip__link_left(call, end.time_ns);
	sip__link_drop(call);
	sip__emit(call, end);
	sip__call_wait(call, SIP_WAIT_GONE);
}

/* ---- INVITE transactions before the answer ------------------------------- */

static struct sip_branch *
branch_find(struct sip_call_state *call, uint64_t branch)
{
	for (uint32_t i = 0; i < call->branches_count; i++)
		if (call->branches[i].branch == branch)
			return &call->branches[i];
	return NULL;
}

static void
branch_note(struct sip_call_state *call, struct sip_branch branch)
{
	if (call->branches_count < SIP_BRANCHES_MAX)
		call->branches[call->branches_count++] = branch;
}

/** Another attempt of the same caller takes the place of the one before. */
static void
branch_add(struct sip_call_state *call, const struct sip_turn *turn,
	   uint64_t branch)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < call->branches_count; i++)
		if (call->branches[i].tag != turn->tag ||
		    call->branches[i].cseq >= turn->msg->cseq)
			call->branches[kept++] = call->branches[i];
	call->branches_count = kept;
	if (!branch_find(call, branch))
		branch_note(call,
			    (struct sip_branch){ .branch = branch,
						 .tag = turn->tag,
						 .cseq = turn->msg->cseq });
}

static void
wait_for_retry(struct sip_call_state *call, int status, int64_t time_ns)
{
	call->retry_status = status;
	call->retry_ns = time_ns;
	sip__call_wait(call, SIP_WAIT_RETRY);
}

/** Refusals after which the caller tries again by itself, with the same
 * Call-ID (RFC 3261 sections 8.1.3.4 and 8.1.3.5, RFC 4028 section 7.3). */
static bool
is_retried(int status)
{
	switch (status) {
	case 401:
	case 407:
	case 413:
	case 415:
	case 416:
	case 420:
	case 421:
	case 422:
	case 494:
		return true;
	default:
		return status < 400;
	}
}

/**
 * One INVITE transaction was refused. A proxy may have others under way, and
 * the caller's own is among them: the call ends with the last. Its media ends
 * now in any case: the next attempt has an offer of its own, and somebody else
 * may get the port before that.
 */
static void
refused(struct sip_call_state *call, const struct sip_turn *turn,
	uint64_t branch)
{
	struct sip_branch *b = branch_find(call, branch);
	int status = turn->msg->status;

	/* on a hop whose INVITE was not seen: noted, for its ACK will come */
	if (!b)
		branch_note(call, (struct sip_branch){ .branch = branch,
						       .tag = turn->peer_tag,
						       .cseq = turn->msg->cseq,
						       .refused = true });
	if (!b || b->refused)
		return;
	b->refused = true;
	for (uint32_t i = 0; i < call->branches_count; i++)
		if (!call->branches[i].refused)
			return;
	if (is_retried(status)) {
		if (status < 400)
			sip__link_redirected(call, turn);
		sip__dialog_end(call, turn->time_ns);
		wait_for_retry(call, status, turn->time_ns);
		return;
	}
	sip__call_end(
	    call,
	    (struct sip_event){
		.time_ns = turn->time_ns,
		.party = status == 487 ? SIP_CALLER : SIP_CALLEE,
		.cause = status == 487 ? SIP_END_CANCEL : SIP_END_REJECTED,
		.status = status });
}

/* ---- messages ------------------------------------------------------------ */

static void
answered(struct sip_call_state *call, int64_t time_ns)
{
	if (call->pub.answer_ns)
		return;
	call->pub.answer_ns = time_ns;
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_ANSWER,
					    .time_ns = time_ns });
	sip__call_wait(call, SIP_WAIT_TALKING);
}

static bool
waits_for_answer(const struct sip_call_state *call)
{
	return call->wait == SIP_WAIT_SETUP || call->wait == SIP_WAIT_RINGING;
}

/**
 * The ACK to a 2xx is a transaction of its own, the ACK to a refusal belongs
 * to that of the INVITE (RFC 3261 section 17.1.1.3). So an ACK with a branch
 * never seen tells that the call was answered, though the mirror lost the 2xx.
 */
static bool
is_ack_of_answer(struct sip_call_state *call, const struct sip_turn *turn,
		 uint64_t branch)
{
	const struct sip_msg *msg = turn->msg;

	if (!waits_for_answer(call) || msg->to.tag.n == 0 ||
	    msg->branch.n == 0 || branch_find(call, branch) ||
	    call->branches_count == SIP_BRANCHES_MAX)
		return false;
	for (uint32_t i = 0; i < call->branches_count; i++)
		if (call->branches[i].tag == turn->tag &&
		    call->branches[i].cseq == msg->cseq &&
		    !call->branches[i].refused)
			return true;
	return false;
}

static void
ack(struct sip_call_state *call, const struct sip_turn *turn, uint64_t branch)
{
	struct sip_turn callee = *turn;

	if (is_ack_of_answer(call, turn, branch)) {
		callee.party = SIP_CALLEE;
		callee.tag = turn->peer_tag;
		answered(call, turn->time_ns);
		sip__dialog_confirm(call, &callee);
	}
	sip__dialog_input(call, turn);
}

static void
invite_response(struct sip_call_state *call, const struct sip_turn *turn,
		uint64_t branch)
{
	int status = turn->msg->status;

	if (status < 200 && status > 100 && !call->ringing &&
	    call->pub.answer_ns == 0) {
		call->ringing = true;
		if (call->wait == SIP_WAIT_SETUP)
			sip__call_wait(call, SIP_WAIT_RINGING);
		sip__emit(call, (struct sip_event){ .type = SIP_EVENT_RINGING,
						    .time_ns = turn->time_ns });
	}
	if (status >= 200 && status < 300)
		answered(call, turn->time_ns);
	sip__dialog_input(call, turn);
	if (status >= 200 && status < 300)
		sip__dialog_confirm(call, turn);
	else if (status >= 300 && call->pub.answer_ns == 0)
		refused(call, turn, branch);
}

/** @param by who hung up, @param leg tag of the callee's end of that leg */
static void
hung_up(struct sip_call_state *call, enum sip_party by, uint64_t leg,
	int64_t time_ns)
{
	if (!sip__dialog_leave(call, leg, time_ns))
		sip__call_end(call, (struct sip_event){ .time_ns = time_ns,
							.party = by,
							.cause = SIP_END_BYE });
}

/** After a 3xx the caller may call who it named under the same Call-ID (RFC
 * 3261 section 8.1.3.4): only the Request-URI tells. */
static void
call_another(struct sip_call_state *call, const struct sip_turn *turn)
{
	if (call->wait != SIP_WAIT_RETRY || call->retry_status / 100 != 3 ||
	    !sip__identity_redirect(&call->pub, &turn->msg->uri))
		return;
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_IDENTITY,
					    .time_ns = turn->time_ns,
					    .party = SIP_CALLEE });
}

static void
request(struct sip_call_state *call, const struct sip_turn *turn,
	uint64_t branch)
{
	switch (turn->msg->method) {
	case SIP_METHOD_INVITE:
		if (call->pub.answer_ns == 0) {
			call_another(call, turn);
			branch_add(call, turn, branch);
			sip__call_wait(call, call->ringing ? SIP_WAIT_RINGING
							   : SIP_WAIT_SETUP);
		}
		sip__dialog_input(call, turn);
		break;
	case SIP_METHOD_ACK:
		ack(call, turn, branch);
		break;
	case SIP_METHOD_BYE:
		hung_up(call, turn->party,
			turn->party == SIP_CALLER ? turn->peer_tag : turn->tag,
			turn->time_ns);
		break;
	case SIP_METHOD_CANCEL:
		/* a proxy cancels its own branches; only the first is the
		 * caller's */
		if (call->pub.answer_ns == 0 && call->branches_count &&
		    call->branches[0].branch == branch)
			wait_for_retry(call, 0, turn->time_ns);
		break;
	case SIP_METHOD_PRACK:
	case SIP_METHOD_UPDATE:
		sip__dialog_input(call, turn);
		break;
	case SIP_METHOD_REFER:
	case SIP_METHOD_NOTIFY:
		sip__link_message(call, turn);
		break;
	case SIP_METHOD_INFO:
		sip__info_input(call, turn);
		break;
	default:
		break;
	}
}

static void
response(struct sip_call_state *call, const struct sip_turn *turn,
	 uint64_t branch)
{
	enum sip_party by = turn->party == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
	int status = turn->msg->status;

	switch (turn->msg->method) {
	case SIP_METHOD_INVITE:
		invite_response(call, turn, branch);
		break;
	case SIP_METHOD_BYE:
		/* its request was missed; 481: the other side knows of no call
		 */
		if ((status >= 200 && status < 300) || status == 481)
			hung_up(call, by,
				by == SIP_CALLER ? turn->tag : turn->peer_tag,
				turn->time_ns);
		break;
	case SIP_METHOD_PRACK:
	case SIP_METHOD_UPDATE:
		sip__dialog_input(call, turn);
		break;
	case SIP_METHOD_REFER:
		sip__link_message(call, turn);
		break;
	case SIP_METHOD_INFO:
		sip__info_input(call, turn);
		break;
	default:
		break;
	}
}

void
sip__call_input(struct sip_call_state *call, struct sip_turn *turn)
{
	uint64_t branch = sip__tracker_hash(call->tracker, turn->msg->branch);

	learn_caller(call, turn->msg);
	place(call, turn);
	learn_identity(call, turn);
	if (call->tracker->watch.count)
		sip__watch_message(call, turn);
	if (turn->msg->status)
		response(call, turn, branch);
	else
		request(call, turn, branch);
}

void
sip__call_beside(struct sip_call_state *call, struct sip_turn *turn)
{
	if (call->tracker->watch.count == 0)
		return;
	place(call, turn);
	sip__watch_message(call, turn);
}
