/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The call of a test takes place: the policy is asked and told as the recorder
 * asks and tells it (cmd/spanrecd/segments.c, calls.c, happen.c), with a call
 * that is written down in place of SIP.
 *
 * Who is inside, of an internal call, is who was called: he transfers, and he
 * asks colleagues.
 */
#include "policy/test_run_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Keys follow one another so fast. */
#define KEY_NS (POLICY__SECOND_NS / 5)

enum { NO_SEGMENT = -1 };

/** Numbers that are known of a conversation; room for all there may be. */
struct numbers {
	uint32_t count;
	const char **items;
};

/** A conversation. */
struct talk {
	const char *from, *to;
	bool from_logged_in, to_logged_in;
	uint8_t from_addr[16], to_addr[16];
	struct numbers dialled, also;
	const char *target; /**< who was asked to be called; NULL */
	enum policy_kind kind;
	bool held, reached, over;
	struct policy_verdict verdict;
	struct policy_verdict
	    bound[2]; /**< [held] what may only get stricter */
	bool is_bound[2];
	int current; /**< index of its segment */
};

struct runner {
	const struct policy *policy;
	const struct policy__test *test;
	struct policy__run *run;
	struct policy_state state;
	struct policy_keys keys;
	size_t talks_count;
	struct talk *talks; /**< [1 + events of the test] */
};

/* ---- memory -------------------------------------------------------------- */

static bool
grow(void **items, size_t count, size_t *capacity, size_t bytes)
{
	size_t more = *capacity ? 2 * *capacity : 8;
	void *grown;

	if (count < *capacity)
		return true;
	grown = reallocarray(*items, more, bytes);
	if (!grown)
		return false;
	*items = grown;
	*capacity = more;
	return true;
}

static struct talk *
talk_new(struct runner *r)
{
	const struct policy__test_call *call = &r->test->call;
	size_t room = (size_t)r->test->events_count + call->also.count +
		      call->dialled.count + 2;
	struct talk *talk = &r->talks[r->talks_count];

	talk->dialled.items = calloc(room, sizeof(*talk->dialled.items));
	talk->also.items = calloc(room, sizeof(*talk->also.items));
	talk->current = NO_SEGMENT;
	r->talks_count++;
	r->run->failed |= !talk->dialled.items || !talk->also.items;
	return r->run->failed ? NULL : talk;
}

static void
add(struct numbers *numbers, const char *number)
{
	numbers->items[numbers->count++] = number;
}

/* ---- decisions ----------------------------------------------------------- */

static void
ask(const struct runner *r, struct talk *talk, struct policy_verdict *verdict)
{
	uint32_t also = talk->also.count;
	struct policy_facts facts = {
		.from = talk->from,
		.to = talk->to,
		.also = talk->also.items,
		.dialled = talk->dialled.items,
		.dialled_count = talk->dialled.count,
		.from_logged_in = talk->from_logged_in,
		.to_logged_in = talk->to_logged_in,
		.kind = talk->kind,
		.held = talk->held,
		.state = &r->state,
		.start_ns = r->test->call.start_ns,
	};

	if (talk->target)
		talk->also.items[also++] = talk->target;
	facts.also_count = also;
	memcpy(facts.from_addr, talk->from_addr, sizeof(facts.from_addr));
	memcpy(facts.to_addr, talk->to_addr, sizeof(facts.to_addr));
	policy_decide(r->policy, &facts, verdict);
}

static int
strictness(enum policy_decision decision)
{
	switch (decision) {
	case POLICY_RECORD:
		return 0;
	case POLICY_LISTEN_DENY:
		return 1;
	default:
		return 2;
	}
}

/** While the same talk a decision only ever gets stricter. */
static void
keep_strict(const struct talk *talk, struct policy_verdict *v)
{
	const struct policy_verdict *old = &talk->bound[talk->held];

	if (!talk->is_bound[talk->held] ||
	    strictness(v->decision) >= strictness(old->decision))
		return;
	v->decision = old->decision;
	v->traces = old->traces;
	memcpy(v->reason, old->reason, sizeof(v->reason));
	memcpy(v->rule, old->rule, sizeof(v->rule));
	memcpy(v->retention, old->retention, sizeof(v->retention));
}

/** @param anew what was decided before does not bind */
static void
decide(const struct runner *r, struct talk *talk, bool anew)
{
	struct policy_verdict v;

	ask(r, talk, &v);
	if (anew)
		talk->is_bound[0] = talk->is_bound[1] = false;
	keep_strict(talk, &v);
	talk->verdict = talk->bound[talk->held] = v;
	talk->is_bound[talk->held] = true;
}

/* ---- segments ------------------------------------------------------------ */

static struct policy__run_segment *
current(const struct runner *r, const struct talk *talk)
{
	return talk->current == NO_SEGMENT ? NULL
					   : &r->run->segments[talk->current];
}

static struct policy__run_segment *
segment_new(struct runner *r, struct talk *talk)
{
	struct policy__run *run = r->run;

	if (!grow((void **)&run->segments, run->segments_count,
		  &run->segments_capacity, sizeof(*run->segments))) {
		run->failed = true;
		return NULL;
	}
	talk->current = (int)run->segments_count;
	return &run->segments[run->segments_count++];
}

/** What was decided last holds from then on. Several causes at one moment begin
 * one segment. */
static void
begin(struct runner *r, struct talk *talk, int64_t offset_ns)
{
	struct policy__run_segment *segment = current(r, talk);

	if (!segment || segment->from_ns != offset_ns) {
		if (segment)
			segment->until_ns = offset_ns;
		segment = segment_new(r, talk);
		if (!segment)
			return;
	}
	*segment = (struct policy__run_segment){
		.from_ns = offset_ns,
		.until_ns = INT64_MAX,
		.talk = (uint32_t)(talk - r->talks),
		.kind = talk->held ? POLICY_KIND_HOLD : talk->kind,
		.verdict = talk->verdict,
	};
}

/** Who must not be recorded may be heard of before he comes. Of what was not
 * recorded anyway nothing was said. */
static int64_t
reach_back(struct runner *r, const struct talk *talk, int64_t offset_ns)
{
	const struct policy__run_segment *segment = current(r, talk);
	int64_t from_ns = offset_ns - talk->verdict.reach_ns;

	if (!segment || strictness(segment->verdict.decision) == 2)
		return offset_ns;
	return from_ns > segment->from_ns ? from_ns : segment->from_ns;
}

static void
segment_begin(struct runner *r, struct talk *talk, bool anew, int64_t offset_ns)
{
	decide(r, talk, anew);
	if (talk->verdict.reach_ns)
		offset_ns = reach_back(r, talk, offset_ns);
	begin(r, talk, offset_ns);
}

/** Something more is known: is it stricter now? */
static void
review(struct runner *r, struct talk *talk, int64_t offset_ns)
{
	enum policy_decision before = talk->verdict.decision;

	decide(r, talk, false);
	if (strictness(talk->verdict.decision) > strictness(before))
		begin(r, talk, reach_back(r, talk, offset_ns));
}

/* ---- what happens -------------------------------------------------------- */

static void
gap_end(struct runner *r, int64_t offset_ns)
{
	struct policy__run *run = r->run;

	if (run->gaps_count &&
	    run->gaps[run->gaps_count - 1].until_ns == INT64_MAX)
		run->gaps[run->gaps_count - 1].until_ns = offset_ns;
}

static void
gap_begin(struct runner *r, int64_t offset_ns)
{
	struct policy__run *run = r->run;

	gap_end(r, offset_ns);
	if (!grow((void **)&run->gaps, run->gaps_count, &run->gaps_capacity,
		  sizeof(*run->gaps))) {
		run->failed = true;
		return;
	}
	run->gaps[run->gaps_count++] =
	    (struct policy__run_gap){ offset_ns, INT64_MAX, r->state.pause };
}

/** Nothing of it is recorded from then on, for good. */
static void
stop_all(struct runner *r, int64_t from_ns)
{
	bool payment = r->state.pause == POLICY_PAUSED_FOR_PAYMENT;

	for (size_t i = 0; i < r->talks_count; i++) {
		struct talk *talk = &r->talks[i];
		int64_t start_ns;

		/* or left out for a payment already */
		if (talk->over ||
		    (payment && !strcmp(talk->verdict.reason, "payment")))
			continue;
		if (payment)
			talk->kind = POLICY_KIND_PAYMENT;
		start_ns = current(r, talk)->from_ns;
		segment_begin(r, talk, false,
			      from_ns > start_ns ? from_ns : start_ns);
	}
}

static void
discard(struct runner *r)
{
	for (size_t i = 0; i < r->run->segments_count; i++) {
		struct policy__run_segment *segment = &r->run->segments[i];

		segment->discarded = strictness(segment->verdict.decision) < 2;
	}
}

/** Tell the policy, and do what it says. */
static void
happened(struct runner *r, const struct talk *talk, struct policy_event event,
	 int64_t offset_ns)
{
	const int64_t start_ns = r->test->call.start_ns;
	struct policy_effect effect;

	event.time_ns = start_ns + offset_ns;
	policy_call_event(r->policy, &talk->verdict, &event, &r->state,
			  &r->keys, &effect);
	if (effect.paused)
		gap_begin(r, effect.from_ns - start_ns);
	if (effect.resumed)
		gap_end(r, effect.from_ns - start_ns);
	if (effect.decide && event.type != POLICY_EVENT_END)
		stop_all(r,
			 effect.paused ? effect.from_ns - start_ns : offset_ns);
	if (effect.discard)
		discard(r);
}

/** Until then, what happens by itself. */
static void
time_passes(struct runner *r, int64_t offset_ns)
{
	const struct policy_event event = { .type = POLICY_EVENT_TIME };
	const int64_t start_ns = r->test->call.start_ns;
	int64_t last_ns = INT64_MIN, due_ns = policy_call_due(&r->state);

	/* each time something is done, so that it is not due any more */
	while (due_ns <= start_ns + offset_ns && due_ns > last_ns) {
		happened(r, &r->talks[0], event, due_ns - start_ns);
		last_ns = due_ns;
		due_ns = policy_call_due(&r->state);
	}
}

static bool
is_inside(const struct talk *talk, bool inside)
{
	switch (talk->verdict.route) {
	case POLICY_INTERNAL:
		return true;
	case POLICY_TRANSIT:
		return false;
	default:
		return inside;
	}
}

static void
target_asked(struct runner *r, const struct talk *talk, const char *number,
	     int64_t offset_ns)
{
	happened(r, talk,
		 (struct policy_event){ .type = POLICY_EVENT_TARGET,
					.value = number },
		 offset_ns);
}

static void
press_keys(struct runner *r, const struct policy__test_event *e)
{
	int64_t offset_ns = e->offset_ns;

	for (const char *key = e->text; *key; key++, offset_ns += KEY_NS) {
		const struct talk *talk = &r->talks[0];

		time_passes(r, offset_ns);
		happened(
		    r, talk,
		    (struct policy_event){ .type = POLICY_EVENT_KEY,
					   .inside = is_inside(talk, e->inside),
					   .key = *key },
		    offset_ns);
	}
}

/** Who answered for who was called. The first whom a queue reaches is an agent,
 * whoever comes next was passed on to. */
static void
agent(struct runner *r, struct talk *talk, const struct policy__test_event *e)
{
	if (talk->reached && talk->kind != POLICY_KIND_TRANSFER)
		talk->dialled.count = 0;
	if (talk->reached || talk->kind == POLICY_KIND_TRANSFER) {
		talk->kind = POLICY_KIND_TRANSFER;
	} else {
		talk->kind = POLICY_KIND_AGENT;
		if (!talk->held)
			current(r, talk)->kind = POLICY_KIND_QUEUE;
	}
	add(&talk->also, talk->to);
	talk->to = e->text;
	add(&talk->dialled, talk->to);
	talk->reached = true;
	segment_begin(r, talk, true, e->offset_ns);
}

static void
hold(struct runner *r, struct talk *talk, const struct policy__test_event *e)
{
	if (talk->held)
		return;
	talk->held = true;
	happened(r, talk,
		 (struct policy_event){ .type = POLICY_EVENT_HOLD,
					.inside = is_inside(talk, e->inside) },
		 e->offset_ns);
	segment_begin(r, talk, false, e->offset_ns);
}

/** Colleagues are asked while the call waits. */
static void
consultations_end(struct runner *r, int64_t offset_ns)
{
	for (size_t i = 1; i < r->talks_count; i++) {
		if (!r->talks[i].over)
			current(r, &r->talks[i])->until_ns = offset_ns;
		r->talks[i].over = true;
	}
}

static void
unhold(struct runner *r, struct talk *talk, const struct policy__test_event *e)
{
	consultations_end(r, e->offset_ns);
	if (!talk->held)
		return;
	talk->held = false;
	segment_begin(r, talk, false, e->offset_ns);
}

static void
asked(struct runner *r, struct talk *talk, const struct policy__test_event *e)
{
	talk->target = e->text;
	target_asked(r, talk, e->text, e->offset_ns);
	review(r, talk, e->offset_ns);
}

static void
transferred(struct runner *r, struct talk *talk,
	    const struct policy__test_event *e)
{
	bool from_inside = talk->verdict.route == POLICY_OUT;

	consultations_end(r, e->offset_ns);
	talk->target = NULL;
	/* as things were before */
	target_asked(r, talk, e->text, e->offset_ns);
	talk->held = false;
	talk->kind = POLICY_KIND_TRANSFER;
	*(from_inside ? &talk->from : &talk->to) = e->text;
	talk->dialled.count = 0;
	add(&talk->dialled, e->text);
	segment_begin(r, talk, true, e->offset_ns);
}

static void
consults(struct runner *r, const struct talk *talk,
	 const struct policy__test_event *e)
{
	bool from_inside = talk->verdict.route == POLICY_OUT;
	struct talk *beside = talk_new(r);

	if (!beside)
		return;
	beside->kind = POLICY_KIND_CONSULT;
	beside->from = from_inside ? talk->from : talk->to;
	beside->from_logged_in =
	    from_inside ? talk->from_logged_in : talk->to_logged_in;
	memcpy(beside->from_addr, from_inside ? talk->from_addr : talk->to_addr,
	       sizeof(beside->from_addr));
	beside->to = e->text;
	add(&beside->dialled, e->text);
	segment_begin(r, beside, true, e->offset_ns);
}

static void
end(struct runner *r, struct talk *talk, int64_t offset_ns)
{
	happened(r, talk, (struct policy_event){ .type = POLICY_EVENT_END },
		 offset_ns);
	gap_end(r, offset_ns);
	consultations_end(r, offset_ns);
	current(r, talk)->until_ns = offset_ns;
	talk->over = true;
}

static void
event(struct runner *r, const struct policy__test_event *e)
{
	struct talk *talk = &r->talks[0];
	struct policy_event told = { .name = e->name, .value = e->text };

	time_passes(r, e->offset_ns);
	switch (e->what) {
	case POLICY__TEST_KEYS:
		press_keys(r, e);
		break;
	case POLICY__TEST_HEADER:
	case POLICY__TEST_INFO:
		told.type = e->what == POLICY__TEST_INFO ? POLICY_EVENT_INFO
							 : POLICY_EVENT_HEADER;
		happened(r, talk, told, e->offset_ns);
		break;
	case POLICY__TEST_AGENT:
		agent(r, talk, e);
		break;
	case POLICY__TEST_HOLD:
		hold(r, talk, e);
		break;
	case POLICY__TEST_UNHOLD:
		unhold(r, talk, e);
		break;
	case POLICY__TEST_ASKED:
		asked(r, talk, e);
		break;
	case POLICY__TEST_TRANSFERRED:
		transferred(r, talk, e);
		break;
	case POLICY__TEST_CONSULTS:
		consults(r, talk, e);
		break;
	case POLICY__TEST_PAUSE:
	case POLICY__TEST_RESUME:
		told.type = e->what == POLICY__TEST_PAUSE ? POLICY_EVENT_PAUSE
							  : POLICY_EVENT_RESUME;
		happened(r, talk, told, e->offset_ns);
		break;
	case POLICY__TEST_END:
		end(r, talk, e->offset_ns);
		break;
	}
}

/* ---- the call ------------------------------------------------------------ */

/** Who called a queue talks to nobody yet. */
static enum policy_kind
kind_of(const struct policy *policy, const struct policy__test_call *call)
{
	char number[POLICY_NUMBER_BYTES];

	policy_number_normalise(policy, call->to, number);
	return policy_is_queue(policy, number) ? POLICY_KIND_QUEUE : call->kind;
}

static void
call_begins(struct runner *r)
{
	const struct policy__test_call *call = &r->test->call;
	struct talk *talk = talk_new(r);

	if (!talk)
		return;
	talk->from = call->from;
	talk->to = call->to;
	talk->from_logged_in = call->from_logged_in;
	talk->to_logged_in = call->to_logged_in;
	memcpy(talk->from_addr, call->from_addr, sizeof(talk->from_addr));
	memcpy(talk->to_addr, call->to_addr, sizeof(talk->to_addr));
	talk->kind = kind_of(r->policy, call);
	for (uint32_t i = 0; i < call->dialled.count; i++)
		add(&talk->dialled, call->dialled.items[i]);
	for (uint32_t i = 0; i < call->also.count; i++)
		add(&talk->also, call->also.items[i]);
	add(&talk->dialled, call->to);
	segment_begin(r, talk, true, 0);
}

static int
compare_segments(const void *x, const void *y)
{
	const struct policy__run_segment *a = x, *b = y;

	if (a->from_ns != b->from_ns)
		return a->from_ns < b->from_ns ? -1 : 1;
	return (a->talk > b->talk) - (a->talk < b->talk);
}

int
policy__run_test(const struct policy *policy, const struct policy__test *test,
		 struct policy__run *run)
{
	struct runner r = { .policy = policy, .test = test, .run = run };
	size_t i;

	memset(run, 0, sizeof(*run));
	r.talks = calloc((size_t)test->events_count + 1, sizeof(*r.talks));
	if (!r.talks)
		return -ENOMEM;
	call_begins(&r);
	for (i = 0; !run->failed && i < test->events_count; i++)
		event(&r, &test->events[i]);
	if (!run->failed && run->segments_count)
		qsort(run->segments, run->segments_count,
		      sizeof(*run->segments), compare_segments);
	for (i = 0; i < r.talks_count; i++) {
		free(r.talks[i].dialled.items);
		free(r.talks[i].also.items);
	}
	free(r.talks);
	policy_keys_wipe(&r.keys);
	return run->failed ? -ENOMEM : 0;
}

void
policy__run_free(struct policy__run *run)
{
	free(run->segments);
	free(run->gaps);
	memset(run, 0, sizeof(*run));
}
