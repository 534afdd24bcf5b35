/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section 'tests': calls, what happens in them, and what must come of it.
 */
#include "policy/load_priv.h"
#include "policy/test_priv.h"

#include <stdlib.h>
#include <string.h>

#define OFFSET_MAX_NS (INT64_C(24) * 3600 * POLICY__SECOND_NS)
#define END_AFTER_NS  (60 * POLICY__SECOND_NS)

/* ---- times --------------------------------------------------------------- */

/** Two digits at least of 0 to 59, but as many as one likes at first. */
static bool
sexagesimal(const char **text, bool first, int64_t *value)
{
	size_t n = strspn(*text, "0123456789");

	if (n < 1 || n > 4 || (!first && n != 2))
		return false;
	*value = strtol(*text, NULL, 10);
	*text += n;
	return first || *value < 60;
}

/** "0:30", "0:30.250", "1:02:03". */
static bool
offset_parse(const char *text, int64_t *offset_ns)
{
	int64_t part, seconds = 0, fraction_ns = 0, unit_ns = POLICY__SECOND_NS;
	int parts = 0;

	for (;; text++) {
		if (!sexagesimal(&text, parts == 0, &part))
			return false;
		seconds = seconds * 60 + part;
		parts++;
		if (*text != ':')
			break;
	}
	if (parts < 2 || parts > 3)
		return false;
	if (*text == '.') {
		size_t digits = strspn(++text, "0123456789");

		if (digits < 1 || digits > 9)
			return false;
		for (; digits; digits--, text++) {
			unit_ns /= 10;
			fraction_ns += (*text - '0') * unit_ns;
		}
	}
	*offset_ns = seconds * POLICY__SECOND_NS + fraction_ns;
	return !*text && *offset_ns <= OFFSET_MAX_NS;
}

static void
read_offset(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));

	if (text && !offset_parse(text, policy__key_member(key, into)))
		policy__complain(yaml, value,
				 "%s is '%.40s'; write the time since the call "
				 "began like 0:30, 0:30.250 or 1:00:00",
				 what, text);
}

/** "2019-10-01 10:00" on the clock of the organisation. */
static bool
time_parse(const struct policy_zone *zone, const char *text, int64_t *time_ns)
{
	struct policy_civil civil = { 0 };
	int64_t day, hour, minute, second = 0;
	const char *at = text + 11;

	if (strlen(text) < 16 || text[10] != ' ' ||
	    !policy__date_parse(text, 10, &day) ||
	    !sexagesimal(&at, false, &hour) || hour > 23 || *at++ != ':' ||
	    !sexagesimal(&at, false, &minute))
		return false;
	if (*at == ':') {
		at++;
		if (!sexagesimal(&at, false, &second))
			return false;
	}
	if (*at)
		return false;
	civil.year = (int32_t)strtol(text, NULL, 10);
	civil.month = (uint8_t)strtol(text + 5, NULL, 10);
	civil.day = (uint8_t)strtol(text + 8, NULL, 10);
	civil.hour = (uint8_t)hour;
	civil.minute = (uint8_t)minute;
	civil.second = (uint8_t)second;
	/* the zone may be among the mistakes */
	if (zone)
		*time_ns = policy_zone_instant(zone, &civil, false);
	return true;
}

static void
read_time(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));

	if (text && !time_parse(yaml->load->policy->zone, text,
				policy__key_member(key, into)))
		policy__complain(yaml, value,
				 "%s is '%.40s'; write a time of the calendar "
				 "and the clock like 2019-10-01 10:00",
				 what, text);
}

/* ---- the call ------------------------------------------------------------ */

static const char *const kinds[] = {
	[POLICY_KIND_AGENT] = "agent",       [POLICY_KIND_QUEUE] = "queue",
	[POLICY_KIND_HOLD] = "hold",         [POLICY_KIND_CONSULT] = "consult",
	[POLICY_KIND_TRANSFER] = "transfer", [POLICY_KIND_PAYMENT] = "payment"
};

static void
read_sent(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
	struct policy__sent *sent = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];
	size_t count =
	    policy__values_count(yaml, value, policy__key_quoted(key, what));

	sent->items = policy__items_new(yaml, count, sizeof(sent->items[0]));
	for (size_t i = 0; sent->items && i < count; i++) {
		const char *text = policy__text_value(
		    yaml, policy__value_get(yaml, value, i), what);

		if (text)
			sent->items[sent->count++] = text;
	}
}

static void
read_answered(struct policy__yaml *yaml, yaml_node_t *value,
	      const struct policy__key *key, void *into)
{
	struct policy__test_call *call = into;
	const char *text = policy__scalar(yaml, value, "'answered'");

	(void)key;
	if (!text)
		return;
	call->answered = strcmp(text, "no") != 0;
	if (call->answered && !offset_parse(text, &call->answer_ns))
		policy__complain(yaml, value,
				 "'answered' is '%.40s'; write the time since "
				 "the call began like 0:05, or no",
				 text);
}

static void
read_logged_in(struct policy__yaml *yaml, yaml_node_t *value,
	       const struct policy__key *key, void *into)
{
	static const char *const words[] = { "from", "to" };
	static const struct policy__words sides = { COUNT(words), words };
	const struct policy__key bits_key = { .name = key->name,
					      .arg = &sides };
	struct policy__test_call *call = into;
	uint32_t bits = 0;

	policy__read_bits(yaml, value, &bits_key, &bits);
	call->from_logged_in = bits & 1;
	call->to_logged_in = bits & 2;
}

static void
read_address(struct policy__yaml *yaml, yaml_node_t *value,
	     const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));

	if (text && !policy__address_parse(text, policy__key_member(key, into)))
		policy__complain(yaml, value,
				 "%s is '%.60s'; write it like 10.20.4.1 or "
				 "fd00::1",
				 what, text);
}

static void
read_call(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
#define AT(m) offsetof(struct policy__test_call, m)
	static const struct policy__words kind_words = { POLICY_KIND_QUEUE + 1,
							 kinds };
	static const struct policy__key keys[] = {
		{ "from", true, policy__read_text, AT(from), NULL },
		{ "to", true, policy__read_text, AT(to), NULL },
		{ "start", false, read_time, AT(start_ns), NULL },
		{ "answered", false, read_answered, 0, NULL },
		{ "kind", false, policy__read_word, AT(kind), &kind_words },
		{ "dialled", false, read_sent, AT(dialled), NULL },
		{ "also", false, read_sent, AT(also), NULL },
		{ "logged_in", false, read_logged_in, 0, NULL },
		{ "from_address", false, read_address, AT(from_addr), NULL },
		{ "to_address", false, read_address, AT(to_addr), NULL },
	};
#undef AT
	static const char start[] = "2024-01-08 10:00";
	struct policy__test_call *call = policy__key_member(key, into);

	(void)time_parse(yaml->load->policy->zone, start, &call->start_ns);
	call->answered = true;
	policy__entry_read(yaml, value, "'call'", keys, COUNT(keys), call);
}

/* ---- what happens -------------------------------------------------------- */

/** An event as it is written: one key says what it is. */
struct event_load {
	struct policy__test_event event;
	yaml_node_t *by;
	yaml_node_t *what[POLICY__TEST_END + 1];
};

/** Who is said to do it: inside is true. */
static void
side_read(struct policy__yaml *yaml, yaml_node_t *value, const char *name,
	  bool *inside)
{
	static const char *const words[] = { "outside", "inside" };
	static const struct policy__words sides = { COUNT(words), words };
	const struct policy__key key = { .name = name, .arg = &sides };

	policy__read_either(yaml, value, &key, inside);
}

/** Keys one after another; spaces are for the eye. */
static const char *
keys_value(struct policy__yaml *yaml, const yaml_node_t *value)
{
	const char *text = policy__scalar(yaml, value, "'keys'");
	char keys[64];
	size_t n = 0;

	if (!text)
		return "";
	for (const char *c = text; *c && n < sizeof(keys) - 1; c++) {
		if (*c != ' ')
			keys[n++] = *c;
	}
	keys[n] = '\0';
	if (!n || n == sizeof(keys) - 1 ||
	    keys[strspn(keys, "0123456789*#ABCD")])
		policy__complain(yaml, value,
				 "'keys' is '%.40s', but must be from 1 to %zu "
				 "keys of a telephone: 0 to 9, *, #, A to D",
				 text, sizeof(keys) - 2);
	text = policy__text_keep(yaml->load->policy, keys);
	if (!text)
		yaml->no_memory = true;
	return text;
}

static void
event_header_read(struct policy__yaml *yaml, yaml_node_t *value,
		  const char *what, struct policy__test_event *event)
{
#define AT(m) offsetof(struct policy__test_event, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_text, AT(name), NULL },
		{ "value", false, policy__read_text, AT(text), NULL },
	};
#undef AT

	policy__entry_read(yaml, value, what, keys, COUNT(keys), event);
}

static void
event_value_read(struct policy__yaml *yaml, yaml_node_t *value,
		 const char *name, struct policy__test_event *event)
{
	char what[POLICY__WHAT_BYTES];
	bool yes;

	snprintf(what, sizeof(what), "'%s'", name);
	switch (event->what) {
	case POLICY__TEST_KEYS:
		event->text = keys_value(yaml, value);
		break;
	case POLICY__TEST_HEADER:
	case POLICY__TEST_INFO:
		event_header_read(yaml, value, what, event);
		break;
	case POLICY__TEST_AGENT:
	case POLICY__TEST_ASKED:
	case POLICY__TEST_TRANSFERRED:
	case POLICY__TEST_CONSULTS:
		event->text = policy__text_value(yaml, value, what);
		break;
	case POLICY__TEST_HOLD:
		side_read(yaml, value, name, &event->inside);
		break;
	case POLICY__TEST_UNHOLD:
	case POLICY__TEST_PAUSE:
	case POLICY__TEST_RESUME:
	case POLICY__TEST_END:
		if (policy__bool_read(yaml, value, what, &yes) && !yes)
			policy__complain(yaml, value,
					 "%s can only be yes; leave it out "
					 "where it does not happen",
					 what);
		break;
	}
}

static void
event_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct event_load, m)
#define WHAT(w, n)                                                             \
	[2 + (w)] = {                                                          \
		n,                                                             \
		false,                                                         \
		policy__read_later,                                            \
		AT(what) + (w) * sizeof(yaml_node_t *),                        \
		NULL                                                           \
	}
	static const struct policy__key keys[] = {
		{ "at", true, read_offset, AT(event.offset_ns), NULL },
		{ "by", false, policy__read_later, AT(by), NULL },
		WHAT(POLICY__TEST_KEYS, "keys"),
		WHAT(POLICY__TEST_HEADER, "header"),
		WHAT(POLICY__TEST_INFO, "info"),
		WHAT(POLICY__TEST_AGENT, "agent"),
		WHAT(POLICY__TEST_HOLD, "hold"),
		WHAT(POLICY__TEST_UNHOLD, "unhold"),
		WHAT(POLICY__TEST_ASKED, "asked_to_call"),
		WHAT(POLICY__TEST_TRANSFERRED, "transferred_to"),
		WHAT(POLICY__TEST_CONSULTS, "consults"),
		WHAT(POLICY__TEST_PAUSE, "pause"),
		WHAT(POLICY__TEST_RESUME, "resume"),
		WHAT(POLICY__TEST_END, "end"),
	};
#undef WHAT
#undef AT
	struct event_load load = { .event = { .name = "", .text = "" } };
	uint32_t before = yaml->errors->count;
	size_t what = 0, count = 0;

	load.event.at = policy__place_of(node);
	load.event.offset_ns = -1;
	policy__mapping_read(yaml, node, "an event", keys, COUNT(keys), &load);
	for (size_t i = 0; i < COUNT(load.what); i++) {
		if (load.what[i] && count++ == 0)
			what = i;
	}
	load.event.what = (enum policy__test_what)what;
	if (count == 1)
		event_value_read(yaml, load.what[what], keys[2 + what].name,
				 &load.event);
	else if (yaml->errors->count == before)
		policy__complain(yaml, node,
				 "an event has one key that says what "
				 "happens, and this has %s",
				 count ? "several" : "none");
	if (load.by)
		side_read(yaml, load.by, "by", &load.event.inside);
	if (load.by && count == 1 && what != POLICY__TEST_KEYS)
		policy__complain(yaml, load.by,
				 "'by' says who presses 'keys'; '%s' has none",
				 keys[2 + what].name);
	else if (!load.by && count == 1 && what == POLICY__TEST_KEYS)
		policy__complain(yaml, node,
				 "'keys' need 'by', inside or outside: who "
				 "presses them");
	*(struct policy__test_event *)entry = load.event;
}

static void
read_events(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	static const struct policy__list list = {
		"'then'", NULL, sizeof(struct policy__test_event), event_read
	};
	struct policy__test *test = into;
	size_t count = 0;

	(void)key;
	test->events = policy__list_read(yaml, value, &list, &count);
	test->events_count = (uint32_t)count;
	for (size_t i = 1; i < count; i++) {
		const struct policy__test_event *event = &test->events[i];

		if (event->offset_ns >= 0 &&
		    event->offset_ns < event[-1].offset_ns)
			policy__complain_at(yaml->errors, event->at.line,
					    event->at.column,
					    "this event is earlier than the "
					    "one before it");
		else if (event[-1].what == POLICY__TEST_END)
			policy__complain_at(yaml->errors, event->at.line,
					    event->at.column,
					    "nothing happens after the end");
	}
}

/* ---- what must come of it ------------------------------------------------ */

static const char *const decisions[] = { [POLICY_RECORD] = "record",
					 [POLICY_DROP] = "drop",
					 [POLICY_LISTEN_DENY] = "listen-deny",
					 [POLICY_OUT_OF_SCOPE] =
					     "out-of-scope" };
static const char *const routes[] = { [POLICY_IN] = "in",
				      [POLICY_OUT] = "out",
				      [POLICY_INTERNAL] = "internal",
				      [POLICY_TRANSIT] = "transit" };
static const char *const traces[] = { [POLICY_TRACES_FULL] = "full",
				      [POLICY_TRACES_MINIMAL] = "minimal",
				      [POLICY_TRACES_COUNT] = "count-only" };
static const char *const reasons[] = { "record",       "payment",
				       "opt-out",      "exempt",
				       "not-approved", "unknown-party",
				       "listen-deny",  "out-of-scope",
				       "no-rule" };
static const char *const gap_reasons[] = { "payment", "paused", "dtmf",
					   "opt-out" };

/** One of some words, kept as that word. */
static void
read_one_of(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	const struct policy__words *words = key->arg;
	char what[POLICY__WHAT_BYTES];
	int word = policy__word_value(yaml, value,
				      policy__key_quoted(key, what), words);

	if (word >= 0)
		*(const char **)policy__key_member(key, into) =
		    words->words[word];
}

static void
gap_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__test_gap, m)
	static const struct policy__words words = { COUNT(gap_reasons),
						    gap_reasons };
	static const struct policy__key keys[] = {
		{ "from", true, read_offset, AT(from_ns), NULL },
		{ "until", true, read_offset, AT(until_ns), NULL },
		{ "reason", true, read_one_of, AT(reason), &words },
	};
#undef AT
	struct policy__test_gap *gap = entry;
	uint32_t before = yaml->errors->count;

	policy__mapping_read(yaml, node, "a gap", keys, COUNT(keys), gap);
	if (yaml->errors->count == before && gap->until_ns <= gap->from_ns)
		policy__complain(yaml, node,
				 "a gap must end ('until') after it begins "
				 "('from')");
}

static void
read_gaps(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
	static const struct policy__list list = {
		"'gaps'", NULL, sizeof(struct policy__test_gap), gap_read
	};
	struct policy__test_expect *expect = into;
	size_t count = 0;

	(void)key;
	expect->has_gaps = true;
	expect->gaps = policy__list_read(yaml, value, &list, &count);
	expect->gaps_count = (uint32_t)count;
}

static void
read_class_text(struct policy__yaml *yaml, yaml_node_t *value,
		const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__text_value(yaml, value, policy__key_quoted(key, what));

	if (text && policy__index_want(yaml, value, what, &yaml->load->classes,
				       text) != SIZE_MAX)
		*(const char **)policy__key_member(key, into) = text;
}

/** A time, from which on it does; or no. */
static void
read_gives_way(struct policy__yaml *yaml, yaml_node_t *value,
	       const struct policy__key *key, void *into)
{
	struct policy__test_expect *expect = into;
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));

	if (!text)
		return;
	expect->stays = strcmp(text, "no") == 0;
	if (!expect->stays &&
	    !time_parse(yaml->load->policy->zone, text, &expect->room_ns))
		policy__complain(yaml, value,
				 "%s is '%.40s'; write from when on, such as "
				 "2019-10-01 10:00, or no",
				 what, text);
}

static void
expect_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__test_expect, m)
	static const struct policy__words kind_words = { COUNT(kinds), kinds },
					  decision_words = { COUNT(decisions),
							     decisions },
					  route_words = { COUNT(routes),
							  routes },
					  traces_words = { COUNT(traces),
							   traces },
					  reason_words = { COUNT(reasons),
							   reasons };
	static const struct policy__key keys[] = {
		{ "at", true, read_offset, AT(offset_ns), NULL },
		{ "kind", false, policy__read_word, AT(kind), &kind_words },
		{ "decision", true, policy__read_word, AT(decision),
		  &decision_words },
		{ "reason", false, read_one_of, AT(reason), &reason_words },
		{ "rule", false, policy__read_text, AT(rule), NULL },
		{ "area", false, policy__read_text, AT(area), NULL },
		{ "direction", false, policy__read_word, AT(route),
		  &route_words },
		{ "retention", false, read_class_text, AT(retention), NULL },
		{ "kept_until", false, read_time, AT(due_ns), NULL },
		{ "gone_by", false, read_time, AT(ceiling_ns), NULL },
		{ "gives_way", false, read_gives_way, 0, NULL },
		{ "traces", false, policy__read_word, AT(traces),
		  &traces_words },
		{ "gaps", false, read_gaps, 0, NULL },
		{ "consult", false, policy__read_flag, AT(consult), NULL },
		{ "discarded", false, policy__read_flag, AT(discarded), NULL },
	};
#undef AT
	struct policy__test_expect *expect = entry;

	expect->at = policy__place_of(node);
	expect->offset_ns = -1;
	expect->kind = expect->decision = -1;
	expect->route = expect->traces = -1;
	policy__mapping_read(yaml, node, "an entry of 'expect'", keys,
			     COUNT(keys), expect);
}

static void
read_expects(struct policy__yaml *yaml, yaml_node_t *value,
	     const struct policy__key *key, void *into)
{
	static const struct policy__list list = {
		"'expect'", NULL, sizeof(struct policy__test_expect),
		expect_read
	};
	struct policy__test *test = into;
	size_t count = 0;

	(void)key;
	test->expects = policy__list_read(yaml, value, &list, &count);
	test->expects_count = (uint32_t)count;
	if (test->expects && !count)
		policy__complain(yaml, value,
				 "'expect' is an empty list: a call has one "
				 "segment at least");
	for (size_t i = 1; i < count; i++) {
		const struct policy__test_expect *expect = &test->expects[i];

		if (expect->offset_ns >= 0 &&
		    expect->offset_ns < expect[-1].offset_ns)
			policy__complain_at(yaml->errors, expect->at.line,
					    expect->at.column,
					    "this segment is earlier than the "
					    "one before it");
	}
}

/* ---- the tests ----------------------------------------------------------- */

/** What was not said: it ends a minute after the last that happens. */
static void
test_end(struct policy__yaml *yaml, struct policy__test *test)
{
	size_t count = test->events_count;
	struct policy__test_event *grown;
	struct policy__test_event end = {
		.at = test->at,
		.offset_ns = test->call.answer_ns,
		.what = POLICY__TEST_END,
		.name = "",
		.text = "",
	};

	if (count) {
		const struct policy__test_event *last =
		    &test->events[count - 1];

		if (last->what == POLICY__TEST_END)
			return;
		if (last->offset_ns > end.offset_ns)
			end.offset_ns = last->offset_ns;
	}
	end.offset_ns += END_AFTER_NS;
	grown = policy__items_new(yaml, count + 1, sizeof(*grown));
	if (!grown)
		return;
	if (count)
		memcpy(grown, test->events, count * sizeof(*grown));
	grown[count] = end;
	free(test->events);
	test->events = grown;
	test->events_count++;
}

static void
test_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__test, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_text, AT(name), NULL },
		{ "call", true, read_call, AT(call), NULL },
		{ "then", false, read_events, 0, NULL },
		{ "expect", true, read_expects, 0, NULL },
	};
#undef AT
	struct policy__test *test = entry;

	test->at = policy__place_of(node);
	policy__entry_read(yaml, node, "a test", keys, COUNT(keys), test);
	test_end(yaml, test);
}

void
policy__tests_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	static const struct policy__list list = { "'tests'", NULL,
						  sizeof(struct policy__test),
						  test_read };

	policy->tests =
	    policy__list_read(yaml, node, &list, &policy->tests_count);
}

void
policy__tests_free(struct policy *policy)
{
	for (size_t i = 0; i < policy->tests_count; i++) {
		struct policy__test *test = &policy->tests[i];

		free(test->call.dialled.items);
		free(test->call.also.items);
		free(test->events);
		for (uint32_t j = 0; j < test->expects_count; j++)
			free(test->expects[j].gaps);
		free(test->expects);
	}
	free(policy->tests);
}
