/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeps calls, or parts of them, from being recorded or heard: the
 * sections 'exemptions', 'listen_deny', 'payments' and 'opt_out'. */
#include "policy/load_priv.h"

#include <string.h>

static const struct policy__span spans[] = {
	{ 0, 60 * POLICY__SECOND_NS, "from 0 s to 60 s" },
	{ POLICY__SECOND_NS, 24 * 3600 * POLICY__SECOND_NS,
	  "from 1 s to 24 hours" },
	{ 0, 600 * POLICY__SECOND_NS, "from 0 s to 10 minutes" },
};
#define SPAN_LOOK_BACK    (&spans[0])
#define SPAN_ANY          (&spans[1])
#define SPAN_ANNOUNCEMENT (&spans[2])

/* ---- exemptions, listen_deny --------------------------------------------- */

static void
exemption_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__exemption, m)
	static const char *const words[] = { [POLICY_TRACES_FULL] = "full",
					     [POLICY_TRACES_MINIMAL] =
						 "minimal",
					     [POLICY_TRACES_COUNT] =
						 "count-only" };
	static const struct policy__words traces = { COUNT(words), words };
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(name), NULL },
		{ "numbers", true, policy__read_numbers, AT(numbers), NULL },
		{ "reason", true, policy__read_text, AT(reason), NULL },
		POLICY__APPROVAL_KEYS(struct policy__exemption, approval,
				      false),
		{ "metadata", false, policy__read_word, AT(traces), &traces },
		{ "look_back", false, policy__read_span, AT(lookback_ns),
		  SPAN_LOOK_BACK },
	};
#undef AT
	struct policy__exemption *exemption = entry;

	policy__entry_read(yaml, node, "an exemption", keys, COUNT(keys),
			   exemption);
	exemption->approval.at = exemption->at;
	exemption->approval.given = exemption->approval.approved_by[0];
	policy__approval_check(yaml, node, "an exemption",
			       &exemption->approval);
}

void
policy__exemptions_read(struct policy__yaml *yaml, yaml_node_t *node,
			struct policy *policy)
{
	static const struct policy__list list = {
		"'exemptions'", "exemption", sizeof(struct policy__exemption),
		exemption_read
	};

	policy->exemptions =
	    policy__list_read(yaml, node, &list, &policy->exemptions_count);
}

static void
listen_deny_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__listen_deny, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(name), NULL },
		{ "numbers", true, policy__read_numbers, AT(numbers), NULL },
		{ "reason", true, policy__read_text, AT(reason), NULL },
		POLICY__APPROVAL_KEYS(struct policy__listen_deny, approval,
				      false),
	};
#undef AT
	struct policy__listen_deny *deny = entry;

	policy__entry_read(yaml, node, "an entry of 'listen_deny'", keys,
			   COUNT(keys), deny);
	deny->approval.at = deny->at;
	deny->approval.given = deny->approval.approved_by[0];
	policy__approval_check(yaml, node, "an entry of 'listen_deny'",
			       &deny->approval);
}

void
policy__listen_denies_read(struct policy__yaml *yaml, yaml_node_t *node,
			   struct policy *policy)
{
	static const struct policy__list list = {
		"'listen_deny'", "entry of 'listen_deny'",
		sizeof(struct policy__listen_deny), listen_deny_read
	};

	policy->listen_denies =
	    policy__list_read(yaml, node, &list, &policy->listen_denies_count);
}

/* ---- payments ------------------------------------------------------------ */

enum { HEADER_NAME_MAX = 63, HEADER_VALUE_MAX = 127 };

/** A SIP header that a trigger waits for. */
struct header {
	const char *name, *value;
};

static void
read_header(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
#define AT(m) offsetof(struct header, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_text, AT(name), NULL },
		{ "value", false, policy__read_text, AT(value), NULL },
	};
#undef AT
	/* RFC 3261 section 25.1 */
	static const char token[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-.!%*_+`'~";
	const char **name = policy__key_member(key, into);
	struct header header;
	char what[POLICY__WHAT_BYTES];

	policy__entry_read(yaml, value, policy__key_quoted(key, what), keys,
			   COUNT(keys), &header);
	if (strlen(header.name) > HEADER_NAME_MAX)
		policy__complain(yaml, value,
				 "%s: the name of a SIP header has at most %d "
				 "characters here",
				 what, HEADER_NAME_MAX);
	if (strlen(header.value) > HEADER_VALUE_MAX)
		policy__complain(yaml, value,
				 "%s: the value of a SIP header has at most %d "
				 "characters here",
				 what, HEADER_VALUE_MAX);
	if (header.name[strspn(header.name, token)])
		policy__complain(yaml, value,
				 "%s: '%.40s' is not the name of a SIP header",
				 what, header.name);
	name[0] = header.name;
	name[1] = header.value;
}

static void
read_triggers(struct policy__yaml *yaml, yaml_node_t *value,
	      const struct policy__key *key, void *into)
{
#define AT(m) offsetof(struct policy__payment, m)
	/* the value of a header stands behind its name */
	_Static_assert(AT(header_value) == AT(header) + sizeof(char *) &&
			   AT(info_value) == AT(info) + sizeof(char *),
		       "see read_header");
	static const struct policy__key keys[] = {
		{ "keys", false, policy__read_code, AT(keys), NULL },
		{ "header", false, read_header, AT(header), NULL },
		{ "info", false, read_header, AT(info), NULL },
		{ "call", false, policy__read_numbers, AT(targets), NULL },
		{ "hold", false, policy__read_flag, AT(hold), NULL },
		{ "by_hand", false, policy__read_flag, AT(by_hand), NULL },
		{ "tones", false, policy__read_flag, AT(tones), NULL },
		{ "card_numbers", false, policy__read_flag, AT(card_numbers),
		  NULL },
	};
#undef AT
	struct policy__payment *payment = into;
	uint32_t before = yaml->errors->count;

	policy__entry_read(yaml, value, "'triggers'", keys, COUNT(keys),
			   payment);
	if (yaml->errors->count != before || payment->keys[0] ||
	    payment->header[0] || payment->info[0] || payment->targets.count ||
	    payment->hold || payment->by_hand)
		return;
	if (payment->card_numbers)
		policy__complain(yaml, value,
				 "'card_numbers' is never the only control: "
				 "the number has been said or keyed by then; "
				 "add keys, header, info, call, hold or "
				 "by_hand");
	else if (payment->tones)
		policy__complain(yaml, value,
				 "'tones' only hears keys, it is no trigger of "
				 "its own; add keys, header, info, call, hold "
				 "or by_hand");
	else
		policy__complain(yaml, value,
				 "'triggers' has none; there are keys, header, "
				 "info, call, hold and by_hand");
}

/** explicit, never, or "after 10 minutes". */
static void
read_resume(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	static const char after[] = "after ";
	struct policy__payment *payment = into;
	const char *text = policy__scalar(yaml, value, "'resume'");
	uint32_t before = yaml->errors->count;
	yaml_node_t span;
	const struct policy__key span_key = {
		.name = key->name,
		.offset = offsetof(struct policy__payment, after_ns),
		.arg = SPAN_ANY
	};

	if (!text)
		return;
	if (!strcmp(text, "explicit")) {
		payment->resume = POLICY__RESUME_EXPLICIT;
	} else if (!strcmp(text, "never")) {
		payment->resume = POLICY__RESUME_NEVER;
	} else if (!strncmp(text, after, sizeof(after) - 1)) {
		span = *value;
		span.data.scalar.value += sizeof(after) - 1;
		span.data.scalar.length -= sizeof(after) - 1;
		policy__read_span(yaml, &span, &span_key, payment);
		if (yaml->errors->count == before)
			payment->resume = POLICY__RESUME_AFTER;
	} else {
		policy__complain(yaml, value,
				 "'resume' is '%.40s', but must be explicit, "
				 "never, or a time like 'after 10 minutes'",
				 text);
	}
}

/** Is one code the end of the other, so that it would be keyed with it? */
static bool
codes_overlap(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	return n && m &&
	       (n < m ? !strcmp(a, b + m - n) : !strcmp(b, a + n - m));
}

static void
payment_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__payment, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(name), NULL },
		{ "areas", false, policy__read_areas, AT(areas), NULL },
		{ "triggers", true, read_triggers, 0, NULL },
		{ "look_back", false, policy__read_span, AT(lookback_ns),
		  SPAN_LOOK_BACK },
		{ "resume", false, read_resume, 0, NULL },
		{ "resume_keys", false, policy__read_code, AT(resume_keys),
		  NULL },
	};
#undef AT
	struct policy__payment *payment = entry;

	payment->header = payment->header_value = "";
	payment->info = payment->info_value = "";
	payment->lookback_ns = 10 * POLICY__SECOND_NS;
	policy__entry_read(yaml, node, "a payment", keys, COUNT(keys), payment);
	if (payment->resume_keys[0] && payment->resume == POLICY__RESUME_NEVER)
		policy__complain(yaml,
				 policy__value_of(yaml, node, "resume_keys"),
				 "the payment '%s' has 'resume_keys', but "
				 "'resume' is never",
				 payment->name);
	if (codes_overlap(payment->keys, payment->resume_keys))
		policy__complain(yaml,
				 policy__value_of(yaml, node, "resume_keys"),
				 "the payment '%s': of 'keys' and "
				 "'resume_keys' one is the end of the other",
				 payment->name);
}

void
policy__payments_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
	static const struct policy__list list = {
		"'payments'", "payment", sizeof(struct policy__payment),
		payment_read
	};

	policy->payments =
	    policy__list_read(yaml, node, &list, &policy->payments_count);
	if (policy->payments_count > POLICY_PAYMENTS_MAX)
		policy__complain(yaml, node,
				 "'payments' has %zu entries; there may be %d",
				 policy->payments_count, POLICY_PAYMENTS_MAX);
}

/* ---- opt_out ------------------------------------------------------------- */

void
policy__opt_out_read(struct policy__yaml *yaml, yaml_node_t *node,
		     struct policy *policy)
{
#define AT(m) offsetof(struct policy__opt_out, m)
	static const char *const words[] = { "caller", "anybody" };
	static const struct policy__words by = { COUNT(words), words };
	static const struct policy__key keys[] = {
		{ "keys", true, policy__read_code, AT(keys), NULL },
		{ "return", false, policy__read_code, AT(return_keys), NULL },
		{ "by", false, policy__read_either, AT(anybody), &by },
		{ "areas", false, policy__read_areas, AT(areas), NULL },
		{ "announcement", false, policy__read_span, AT(announcement_ns),
		  SPAN_ANNOUNCEMENT },
		{ "wait", false, policy__read_span, AT(wait_ns), SPAN_ANY },
	};
#undef AT
	struct policy__opt_out *opt_out = &policy->opt_out;

	opt_out->given = true;
	opt_out->at = policy__place_of(node);
	opt_out->announcement_ns = opt_out->wait_ns = 30 * POLICY__SECOND_NS;
	policy__entry_read(yaml, node, "'opt_out'", keys, COUNT(keys), opt_out);
	if (codes_overlap(opt_out->keys, opt_out->return_keys))
		policy__complain(yaml, policy__value_of(yaml, node, "return"),
				 "'opt_out': of 'keys' and 'return' one is the "
				 "end of the other");
}
