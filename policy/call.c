/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What happens in a call, and what binds it from then on.
 *
 * Recording:
 *
 *                 trigger of a payment, or by hand
 *     recorded ─────────────────────────────────────► paused
 *        ▲                                              │
 *        └──────── resume keys, by hand, time ──────────┘
 *
 *   A payment whose policy says "never" pauses for good. What is asked by hand
 *   becomes a payment's when that is seen too, and what is for good stays so.
 *   Of several reasons to pause that one holds which lasts longest: time ends
 *   no pause that somebody asked for by hand. Resume keys are those of the
 *   payment that paused, wherever the call is by then.
 *
 * Opt-out:
 *
 *             code                      call over, or nobody came back
 *     none ─────────► pending ─────────────────────────────────────► out
 *       ▲                │
 *       └────────────────┘ return code
 *
 * A code is the last keys of one side, each within five seconds of the one
 * before; it is there with the last of them. Keys of payments count from those
 * inside only: whoever calls must not be able to stop the recording of himself.
 *
 *     keys (of a payment)  from the last key, less look-back
 *     header, info         from the message, less look-back
 *     call                 from the request to call, less look-back
 *     hold                 from the hold, less look-back
 *     card number          from its first digit, less look-back
 *     by hand              from when it was asked for, less the most look-back
 *
 * A card number is looked for where something is recorded: elsewhere no control
 * has failed. All else binds the call wherever it happens in it.
 *
 * Keys are kept as long as one more could make a code or a card number of them.
 */
#include "policy/policy_priv.h"

#include <string.h>
#include <strings.h>

#define KEY_GAP_NS   (5 * POLICY__SECOND_NS)
#define DIGIT_GAP_NS (10 * POLICY__SECOND_NS)

enum { OUTSIDE, INSIDE };
enum { CARD_DIGITS_MIN = 13, CARD_DIGITS_MAX = 19 };
_Static_assert(POLICY_KEYS_KEPT >= CARD_DIGITS_MAX, "a card number is kept");
_Static_assert(POLICY_KEYS_KEPT >= POLICY__CODE_BYTES, "a code is kept");

/** What all of it works on. */
struct happening {
	const struct policy *policy;
	const struct policy_verdict *verdict;
	const struct policy_event *event;
	struct policy_state *state;
	struct policy_keys *keys;
	struct policy_effect *effect;
};

void
policy_keys_wipe(struct policy_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}

/* ---- keys ---------------------------------------------------------------- */

void
policy_keys_expire(struct policy_keys *keys, int64_t now_ns)
{
	for (int side = OUTSIDE; side <= INSIDE; side++) {
		uint32_t count = keys->side[side].count;

		if (count &&
		    now_ns - keys->side[side].time_ns[count - 1] > DIGIT_GAP_NS)
			explicit_bzero(&keys->side[side],
				       sizeof(keys->side[side]));
	}
}

static void
key_keep(const struct happening *h)
{
	int side = h->event->inside ? INSIDE : OUTSIDE;
	uint32_t n = h->keys->side[side].count;
	char *key = h->keys->side[side].key;
	int64_t *time_ns = h->keys->side[side].time_ns;

	if (n == POLICY_KEYS_KEPT) {
		memmove(key, key + 1, --n * sizeof(key[0]));
		memmove(time_ns, time_ns + 1, n * sizeof(time_ns[0]));
	}
	key[n] = h->event->key;
	time_ns[n] = h->event->time_ns;
	h->keys->side[side].count = n + 1;
}

/** So many of the latest keys of a side came one after the other. */
static uint32_t
run_length(const struct policy_keys *keys, int side, int64_t gap_ns)
{
	const int64_t *time_ns = keys->side[side].time_ns;
	uint32_t count = keys->side[side].count, n = count ? 1 : 0;

	while (n < count &&
	       time_ns[count - n] - time_ns[count - n - 1] <= gap_ns)
		n++;
	return n;
}

/** Are the latest keys this code? */
static bool
code_fits(const struct policy_keys *keys, int side, const char *code)
{
	size_t n = strlen(code);
	uint32_t at;

	if (!n || run_length(keys, side, KEY_GAP_NS) < n)
		return false;
	at = keys->side[side].count - (uint32_t)n;
	return memcmp(keys->side[side].key + at, code, n) == 0;
}

/** First digits of cards and how many they have (ISO/IEC 7812, the schemes'
 * own lists). Without them two of three 16-digit references would pass, since
 * any 13 of them in a row may. */
static const struct {
	uint32_t from, until; /* of the first six digits */
	uint32_t min, max;
} schemes[] = {
	{ 400000, 499999, 13, 19 }, /* Visa; 14, 15, 17, 18 are not */
	{ 510000, 559999, 16, 16 }, /* Mastercard */
	{ 220000, 272099, 16, 19 }, /* Mastercard, Mir */
	{ 340000, 349999, 15, 15 }, /* American Express */
	{ 370000, 379999, 15, 15 },
	{ 300000, 305999, 14, 19 }, /* Diners Club */
	{ 360000, 399999, 14, 19 },
	{ 352800, 358999, 16, 19 }, /* JCB */
	{ 500000, 509999, 13, 19 }, /* Maestro, Elo, Verve */
	{ 560000, 589999, 13, 19 },
	{ 600000, 699999, 13, 19 }, /* Maestro, Discover, UnionPay, RuPay */
	{ 810000, 829999, 16, 19 }, /* UnionPay, RuPay */
	{ 979200, 979299, 16, 16 }, /* Troy */
};

static bool
is_of_scheme(const char *digits, uint32_t n)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < 6; i++)
		first = first * 10 + (uint32_t)(digits[i] - '0');
	if (digits[0] == '4' && n != 13 && n != 16 && n != 19)
		return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (first >= schemes[i].from && first <= schemes[i].until &&
		    n >= schemes[i].min && n <= schemes[i].max)
			return true;
	}
	return false;
}

/** Luhn's check digit (ISO/IEC 7812-1). One digit alone, again and again, is
 * somebody who leans on a key. */
static bool
is_card_number(const char *digits, uint32_t n)
{
	uint32_t sum = 0;
	bool differ = false;

	if (!is_of_scheme(digits, n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t digit = (uint32_t)(digits[n - 1 - i] - '0');

		differ |= digits[i] != digits[0];
		digit *= i % 2 + 1;
		sum += digit > 9 ? digit - 9 : digit;
	}
	return differ && sum % 10 == 0;
}

/** So many of the latest keys of a side are digits, at most those of a card. */
static uint32_t
digits_length(const struct policy_keys *keys, int side)
{
	uint32_t run = run_length(keys, side, DIGIT_GAP_NS), digits = 0;
	const char *end = keys->side[side].key + keys->side[side].count;

	while (digits < run && digits < CARD_DIGITS_MAX &&
	       end[-1 - (int)digits] >= '0' && end[-1 - (int)digits] <= '9')
		digits++;
	return digits;
}

/** Do the latest keys of a side end in a card number? */
static bool
card_number_keyed(const struct policy_keys *keys, int side, int64_t *first_ns)
{
	uint32_t count = keys->side[side].count, n;
	uint32_t digits = digits_length(keys, side);
	const char *end = keys->side[side].key + count;

	/* the end of one may pass for one too */
	for (n = digits; n >= CARD_DIGITS_MIN; n--) {
		if (is_card_number(end - n, n)) {
			*first_ns = keys->side[side].time_ns[count - n];
			return true;
		}
	}
	return false;
}

/** Of the payments that look for card numbers, of any area: the rest of one may
 * be keyed after a transfer. @return -1: none does */
static int64_t
card_lookback(const struct policy *policy)
{
	int64_t most_ns = -1;

	for (size_t i = 0; i < policy->payments_count; i++) {
		const struct policy__payment *payment = &policy->payments[i];

		if (payment->card_numbers && payment->lookback_ns > most_ns)
			most_ns = payment->lookback_ns;
	}
	return most_ns;
}

int64_t
policy_keys_since(const struct policy *policy, const struct policy_keys *keys,
		  int64_t now_ns)
{
	int64_t lookback_ns = card_lookback(policy);
	int64_t since_ns = INT64_MAX;

	for (int side = OUTSIDE; lookback_ns >= 0 && side <= INSIDE; side++) {
		const int64_t *time_ns = keys->side[side].time_ns;
		uint32_t count = keys->side[side].count;
		uint32_t digits = digits_length(keys, side);

		if (digits && now_ns - time_ns[count - 1] <= DIGIT_GAP_NS &&
		    time_ns[count - digits] - lookback_ns < since_ns)
			since_ns = time_ns[count - digits] - lookback_ns;
	}
	return since_ns;
}

/* ---- pauses -------------------------------------------------------------- */

static void
text_copy(char to[POLICY_NAME_BYTES], const char *from)
{
	snprintf(to, POLICY_NAME_BYTES, "%s", from);
}

/** @param from_ns look-back included */
static void
pause_now(const struct happening *h, enum policy_pause pause, int64_t from_ns)
{
	struct policy_state *state = h->state;

	h->effect->changed = true;
	if (state->pause == pause && from_ns >= state->paused_ns)
		return;
	h->effect->paused = true;
	h->effect->from_ns = from_ns;
	if (state->pause == POLICY_NOT_PAUSED || from_ns < state->paused_ns)
		state->paused_ns = from_ns;
	state->pause = pause;
}

/** Of two ends of a pause; 0 is no end at all. */
static int64_t
later(int64_t a_ns, int64_t b_ns)
{
	if (!a_ns || !b_ns)
		return 0;
	return a_ns > b_ns ? a_ns : b_ns;
}

/** @param trigger_ns from here look-back counts */
static void
pay(const struct happening *h, const struct policy__payment *payment,
    const char *by, int64_t trigger_ns)
{
	struct policy_state *state = h->state;
	int64_t resume_ns = payment->resume == POLICY__RESUME_AFTER
				? h->event->time_ns + payment->after_ns
				: 0;

	if (h->keys && h->event->time_ns > h->keys->paid_ns)
		h->keys->paid_ns = h->event->time_ns;
	if (state->for_good)
		return;
	state->resume_ns = state->pause == POLICY_NOT_PAUSED
			       ? resume_ns
			       : later(state->resume_ns, resume_ns);
	pause_now(h, POLICY_PAUSED_FOR_PAYMENT,
		  trigger_ns - payment->lookback_ns);
	state->for_good = payment->resume == POLICY__RESUME_NEVER;
	text_copy(state->rule, payment->name);
	text_copy(state->by, by);
	h->effect->decide |= state->for_good;
}

/** The most that a payment reaches back in any conversation of the call. */
static int64_t
most_lookback(const struct happening *h)
{
	int64_t most_ns = 0;

	for (size_t i = 0; i < h->policy->payments_count; i++) {
		if (h->verdict->payments >> i & 1 &&
		    h->policy->payments[i].lookback_ns > most_ns)
			most_ns = h->policy->payments[i].lookback_ns;
	}
	return most_ns;
}

static const struct policy__payment *
payment_at(const struct happening *h, size_t i)
{
	return h->verdict->payments >> i & 1 ? &h->policy->payments[i] : NULL;
}

static void
pause_by_hand(const struct happening *h)
{
	struct policy_state *state = h->state;
	bool pays = false;

	for (size_t i = 0; i < h->policy->payments_count; i++) {
		const struct policy__payment *payment = payment_at(h, i);

		if (!payment || !payment->by_hand)
			continue;
		pay(h, payment, "hand", h->event->time_ns);
		pays = true;
	}
	if (pays)
		return;
	if (state->pause != POLICY_NOT_PAUSED) {
		h->effect->changed |= state->resume_ns != 0;
		state->resume_ns = 0;
		return;
	}
	pause_now(h, POLICY_PAUSED_BY_HAND,
		  h->event->time_ns - most_lookback(h));
	state->rule[0] = '\0';
	text_copy(state->by, "hand");
}

static void
resume(const struct happening *h, int64_t from_ns)
{
	struct policy_state *state = h->state;

	h->effect->refused = state->for_good;
	if (state->for_good || state->pause == POLICY_NOT_PAUSED)
		return;
	state->pause = POLICY_NOT_PAUSED;
	state->paused_ns = state->resume_ns = 0;
	state->rule[0] = state->by[0] = '\0';
	/* what was keyed in the pause is no card number that was recorded */
	if (h->keys)
		policy_keys_wipe(h->keys);
	h->effect->resumed = h->effect->changed = true;
	h->effect->from_ns = from_ns;
}

/* ---- opt-out ------------------------------------------------------------- */

static void
opt_out_pending(const struct happening *h)
{
	h->state->opt = POLICY_OPT_PENDING;
	h->state->opt_ns = h->event->time_ns + h->policy->opt_out.wait_ns;
	h->effect->pending = h->effect->changed = true;
}

static void
opt_out_returns(const struct happening *h)
{
	h->state->opt = POLICY_OPT_NONE;
	h->state->opt_ns = 0;
	h->state->returns++;
	h->effect->released = h->effect->changed = true;
}

static void
opt_out_final(const struct happening *h)
{
	h->state->opt = POLICY_OPT_OUT;
	h->state->opt_ns = 0;
	h->effect->discard = h->effect->decide = h->effect->changed = true;
}

/* ---- events -------------------------------------------------------------- */

static void
card_number(const struct happening *h, const struct policy__payment *payment,
	    int64_t first_ns)
{
	bool seen = h->state->pause == POLICY_NOT_PAUSED;

	pay(h, payment, "card number", first_ns);
	h->effect->card_number |= seen;
}

/** Every payment of which the latest keys are the code. @return any? */
static bool
keys_pay(const struct happening *h)
{
	bool any = false;

	for (size_t i = 0; i < h->policy->payments_count; i++) {
		const struct policy__payment *payment = payment_at(h, i);

		if (!payment || !code_fits(h->keys, INSIDE, payment->keys))
			continue;
		pay(h, payment, "keys", h->event->time_ns);
		any = true;
	}
	return any;
}

static void
keys_resume(const struct happening *h)
{
	const struct policy_state *state = h->state;

	if (state->pause != POLICY_PAUSED_FOR_PAYMENT ||
	    h->event->time_ns < h->keys->paid_ns)
		return;
	for (size_t i = 0; i < h->policy->payments_count; i++) {
		const struct policy__payment *payment = &h->policy->payments[i];

		if (!strcmp(state->rule, payment->name) &&
		    code_fits(h->keys, INSIDE, payment->resume_keys)) {
			resume(h, h->event->time_ns);
			return;
		}
	}
}

static void
key_of_opt_out(const struct happening *h, int side)
{
	const struct policy__opt_out *opt_out = &h->policy->opt_out;

	if (side == INSIDE && !opt_out->anybody)
		return;
	if (h->state->opt == POLICY_OPT_PENDING) {
		if (code_fits(h->keys, side, opt_out->return_keys))
			opt_out_returns(h);
	} else if (h->state->opt == POLICY_OPT_NONE && h->verdict->opt_out &&
		   code_fits(h->keys, side, opt_out->keys)) {
		opt_out_pending(h);
	}
}

static void
on_key(const struct happening *h)
{
	int side = h->event->inside ? INSIDE : OUTSIDE;
	int64_t first_ns;

	if (!h->keys)
		return;
	key_keep(h);
	if (side == INSIDE && !keys_pay(h))
		keys_resume(h);
	for (size_t i = 0;
	     policy__is_recorded(h->verdict) && i < h->policy->payments_count;
	     i++) {
		const struct policy__payment *payment = payment_at(h, i);

		if (payment && payment->card_numbers &&
		    card_number_keyed(h->keys, side, &first_ns))
			card_number(h, payment, first_ns);
	}
	key_of_opt_out(h, side);
}

static bool
header_fits(const struct policy_event *event, const char *name,
	    const char *value)
{
	return name[0] && !strcasecmp(event->name, name) &&
	       (!value[0] || !strcasecmp(event->value, value));
}

/** @return what the trigger is called, or NULL: it is none */
static const char *
trigger_of(const struct happening *h, const struct policy__payment *payment)
{
	const struct policy_event *event = h->event;
	char number[POLICY_NUMBER_BYTES];

	switch (event->type) {
	case POLICY_EVENT_HEADER:
		return header_fits(event, payment->header,
				   payment->header_value)
			   ? "header"
			   : NULL;
	case POLICY_EVENT_INFO:
		if (header_fits(event, payment->info, payment->info_value))
			return "info";
		/* it is a message of the call like others */
		return header_fits(event, payment->header,
				   payment->header_value)
			   ? "header"
			   : NULL;
	case POLICY_EVENT_TARGET:
		policy_number_normalise(h->policy, event->value, number);
		return policy__patterns_fit(&payment->targets, number)
			   ? "transfer"
			   : NULL;
	case POLICY_EVENT_HOLD:
		return payment->hold && event->inside ? "hold" : NULL;
	default:
		return NULL;
	}
}

static void
on_trigger(const struct happening *h)
{
	for (size_t i = 0; i < h->policy->payments_count; i++) {
		const struct policy__payment *payment = payment_at(h, i);
		const char *by = payment ? trigger_of(h, payment) : NULL;

		if (by)
			pay(h, payment, by, h->event->time_ns);
	}
}

static void
on_time(const struct happening *h)
{
	const struct policy_state *state = h->state;
	int64_t back_ns = policy__lookup_back_ns(h->policy), waiting_ns;

	/* Others of the call wait though this one may not be recorded. */
	if (h->verdict->lookback_ns > back_ns)
		back_ns = h->verdict->lookback_ns;
	waiting_ns = h->event->time_ns - back_ns;
	/* It was over then, but what is sealed by now stays left out. */
	if (state->resume_ns && h->event->time_ns >= state->resume_ns)
		resume(h, state->resume_ns > waiting_ns ? state->resume_ns
							: waiting_ns);
	if (state->opt == POLICY_OPT_PENDING &&
	    h->event->time_ns >= state->opt_ns)
		opt_out_final(h);
}

void
policy_call_event(const struct policy *policy,
		  const struct policy_verdict *verdict,
		  const struct policy_event *event, struct policy_state *state,
		  struct policy_keys *keys, struct policy_effect *effect)
{
	const struct happening h = {
		policy, verdict, event, state, keys, effect
	};

	memset(effect, 0, sizeof(*effect));
	if (keys)
		policy_keys_expire(keys, event->time_ns);
	switch (event->type) {
	case POLICY_EVENT_KEY:
		on_key(&h);
		break;
	case POLICY_EVENT_HEADER:
	case POLICY_EVENT_INFO:
	case POLICY_EVENT_TARGET:
	case POLICY_EVENT_HOLD:
		on_trigger(&h);
		break;
	case POLICY_EVENT_PAUSE:
		pause_by_hand(&h);
		break;
	case POLICY_EVENT_RESUME:
		resume(&h, event->time_ns);
		break;
	case POLICY_EVENT_TIME:
		on_time(&h);
		break;
	case POLICY_EVENT_END:
		if (state->opt == POLICY_OPT_PENDING)
			opt_out_final(&h);
		break;
	}
}

int64_t
policy_call_due(const struct policy_state *state)
{
	int64_t due_ns = INT64_MAX;

	if (state->resume_ns)
		due_ns = state->resume_ns;
	if (state->opt == POLICY_OPT_PENDING && state->opt_ns < due_ns)
		due_ns = state->opt_ns;
	return due_ns;
}

/* ---- what is waited for -------------------------------------------------- */

static uint32_t
name_add(const char *names[2 * POLICY_PAYMENTS_MAX], uint32_t count,
	 const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!strcasecmp(names[i], name))
			return count;
	}
	if (name[0])
		names[count++] = name;
	return count;
}

uint32_t
policy_watched(const struct policy *policy,
	       const char *names[2 * POLICY_PAYMENTS_MAX])
{
	uint32_t count = 0;

	for (size_t i = 0; i < policy->payments_count; i++) {
		count = name_add(names, count, policy->payments[i].header);
		count = name_add(names, count, policy->payments[i].info);
	}
	return count;
}
