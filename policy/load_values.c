/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of one kind: texts, names, days, spans, words. */
#include "policy/load_priv.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 2000

void
policy__entry_read(struct policy__yaml *yaml, yaml_node_t *node,
		   const char *what, const struct policy__key *keys,
		   size_t count, void *into)
{
	for (size_t i = 0; i < count; i++) {
		void *member = policy__key_member(&keys[i], into);

		if (keys[i].read == policy__read_text)
			*(const char **)member = "";
		else if (keys[i].read == policy__read_areas ||
			 keys[i].read == policy__read_sites)
			((struct policy__set *)member)->all = true;
	}
	if (node)
		policy__mapping_read(yaml, node, what, keys, count, into);
}

/* ---- texts and names ----------------------------------------------------- */

const char *
policy__text_value(struct policy__yaml *yaml, const yaml_node_t *node,
		   const char *what)
{
	const char *text = policy__scalar(yaml, node, what);
	char copy[TEXT_BYTES_MAX + 1];
	const char *kept;
	size_t n;

	if (!text)
		return NULL;
	n = strlen(text);
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--; /* a block of lines ends with one */
	if (n < 1 || n > TEXT_BYTES_MAX) {
		policy__complain(yaml, node,
				 "%s must have from 1 to %d bytes, and has %zu",
				 what, TEXT_BYTES_MAX, n);
		return NULL;
	}
	memcpy(copy, text, n);
	copy[n] = '\0';
	for (const char *c = copy; *c; c++) {
		if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f) {
			policy__complain(yaml, node,
					 "%s has a character in it that cannot "
					 "be printed",
					 what);
			return NULL;
		}
	}
	kept = policy__text_keep(yaml->load->policy, copy);
	if (!kept)
		yaml->no_memory = true;
	return kept;
}

void
policy__read_text(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__text_value(yaml, value, policy__key_quoted(key, what));

	if (text)
		*(const char **)policy__key_member(key, into) = text;
}

void
policy__read_name(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];

	policy__name_read(yaml, value, policy__key_quoted(key, what),
			  policy__key_member(key, into));
}

void
policy__read_names(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	struct policy__names *names = policy__key_member(key, into);
	struct policy__index index;
	char what[POLICY__WHAT_BYTES];
	size_t count, at = 0, i;

	policy__key_quoted(key, what);
	count = policy__values_count(yaml, value, what);
	names->items = policy__items_new(yaml, count, sizeof(names->items[0]));
	if (!names->items)
		return;
	names->count = count;
	for (i = 0; i < count; i++)
		policy__name_read(yaml, policy__value_get(yaml, value, i), what,
				  names->items[i]);
	policy__index_init(yaml, &index, "", names->items, count,
			   sizeof(names->items[0]));
	while ((i = policy__index_twice(&index, &at)) != SIZE_MAX)
		policy__complain(yaml, policy__value_get(yaml, value, i),
				 "%s names '%s' twice", what, names->items[i]);
	policy__index_fini(&index);
}

/** Names, each of which must be in the index. */
static void
read_known(struct policy__yaml *yaml, yaml_node_t *value,
	   const struct policy__key *key, void *into,
	   const struct policy__index *index)
{
	const struct policy__names *names = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];

	policy__key_quoted(key, what);
	policy__read_names(yaml, value, key, into);
	for (size_t i = 0; i < names->count; i++) {
		if (names->items[i][0])
			policy__index_want(yaml,
					   policy__value_get(yaml, value, i),
					   what, index, names->items[i]);
	}
}

void
policy__read_roles(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	read_known(yaml, value, key, into, &yaml->load->roles);
}

void
policy__read_purposes(struct policy__yaml *yaml, yaml_node_t *value,
		      const struct policy__key *key, void *into)
{
	read_known(yaml, value, key, into, &yaml->load->purposes);
}

/** One name that must be in the index. */
static void
read_one(struct policy__yaml *yaml, yaml_node_t *value,
	 const struct policy__key *key, void *into,
	 const struct policy__index *index)
{
	char *name = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];

	policy__key_quoted(key, what);
	if (policy__name_read(yaml, value, what, name))
		policy__index_want(yaml, value, what, index, name);
}

void
policy__read_class(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	read_one(yaml, value, key, into, &yaml->load->classes);
}

void
policy__read_role(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	read_one(yaml, value, key, into, &yaml->load->roles);
}

void
policy__read_purpose(struct policy__yaml *yaml, yaml_node_t *value,
		     const struct policy__key *key, void *into)
{
	read_one(yaml, value, key, into, &yaml->load->purposes);
}

/* ---- sets ---------------------------------------------------------------- */

static int
number_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
read_set(struct policy__yaml *yaml, yaml_node_t *value,
	 const struct policy__key *key, void *into,
	 const struct policy__index *index)
{
	const struct policy__key names_key = { .name = key->name };
	struct policy__set *set = policy__key_member(key, into);
	struct policy__names names = { 0 };

	read_known(yaml, value, &names_key, &names, index);
	set->all = false;
	set->items =
	    policy__items_new(yaml, names.count, sizeof(set->items[0]));
	for (size_t i = 0; set->items && i < names.count; i++) {
		size_t item = policy__index_find(index, names.items[i]);

		if (item != SIZE_MAX)
			set->items[set->count++] = (uint32_t)item;
	}
	if (set->items)
		qsort(set->items, set->count, sizeof(set->items[0]),
		      number_compare);
	free(names.items);
}

void
policy__read_areas(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	read_set(yaml, value, key, into, &yaml->load->areas);
}

void
policy__read_sites(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	read_set(yaml, value, key, into, &yaml->load->sites);
}

/* ---- time ---------------------------------------------------------------- */

bool
policy__date_parse(const char *text, size_t n, int64_t *day)
{
	static const char form[] = "0000-00-00";
	unsigned year, month, day_of_month;

	if (n != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == '-' ? text[i] != '-' : !digit)
			return false;
	}
	year = (unsigned)strtoul(text, NULL, 10);
	month = (unsigned)strtoul(text + 5, NULL, 10);
	day_of_month = (unsigned)strtoul(text + 8, NULL, 10);
	if (year < 1900 || year > 2999 || month < 1 || month > 12 ||
	    day_of_month < 1 ||
	    day_of_month > policy__days_in_month(year, month))
		return false;
	*day = policy__days_from_civil(year, month, day_of_month);
	return true;
}

void
policy__read_date(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	struct policy__date *date = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));

	if (!text)
		return;
	date->set = policy__date_parse(text, strlen(text), &date->day);
	if (!date->set)
		policy__complain(yaml, value,
				 "%s is '%.40s'; write a day of the calendar "
				 "like 2019-09-30",
				 what, text);
}

void
policy__read_duration(struct policy__yaml *yaml, yaml_node_t *value,
		      const struct policy__key *key, void *into)
{
	struct policy__duration d = { 0 };
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));

	if (!text)
		return;
	if (!policy__duration_parse(text, &d))
		policy__complain(yaml, value,
				 "%s is '%.40s'; write it like 14 days, 6 "
				 "months or 2 years, at most 100 years",
				 what, text);
	else
		*(struct policy__duration *)policy__key_member(key, into) = d;
}

static bool
span_parse(const char *text, int64_t *span_ns)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {
		{ "s", 1 },    { "second", 1 },  { "seconds", 1 },
		{ "min", 60 }, { "minute", 60 }, { "minutes", 60 },
		{ "h", 3600 }, { "hour", 3600 }, { "hours", 3600 },
	};
	size_t digits = strspn(text, "0123456789");
	const char *name = text + digits + strspn(text + digits, " ");

	if (digits == 0 || digits > 6)
		return false;
	for (size_t i = 0; i < COUNT(units); i++) {
		if (strcmp(name, units[i].name) != 0)
			continue;
		*span_ns = strtol(text, NULL, 10) * units[i].seconds *
			   POLICY__SECOND_NS;
		return true;
	}
	return false;
}

void
policy__read_span(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	const struct policy__span *limits = key->arg;
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));
	int64_t span_ns;

	if (!text)
		return;
	if (!span_parse(text, &span_ns))
		policy__complain(yaml, value,
				 "%s is '%.40s'; write it like 10 s, 5 minutes "
				 "or 1 hour",
				 what, text);
	else if (span_ns < limits->min_ns || span_ns > limits->max_ns)
		policy__complain(yaml, value, "%s must be %s, but is '%.40s'",
				 what, limits->limits, text);
	else
		*(int64_t *)policy__key_member(key, into) = span_ns;
}

/* ---- words --------------------------------------------------------------- */

void
policy__read_flag(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	bool yes;

	if (policy__bool_read(yaml, value, policy__key_quoted(key, what), &yes))
		*(bool *)policy__key_member(key, into) = yes;
}

/** "in, out, internal or transit" */
static void
words_list(const struct policy__words *words, char *text, size_t bytes)
{
	size_t n = 0, last = 0;

	for (size_t i = 0; i < words->count; i++)
		last = words->words[i] ? i : last;
	text[0] = '\0';
	for (size_t i = 0; i <= last && n < bytes; i++) {
		const char *before = !n ? "" : i == last ? " or " : ", ";
		int w;

		if (!words->words[i])
			continue;
		w = snprintf(text + n, bytes - n, "%s%s", before,
			     words->words[i]);
		n += w > 0 ? (size_t)w : 0;
	}
}

int
policy__word_value(struct policy__yaml *yaml, const yaml_node_t *node,
		   const char *what, const struct policy__words *words)
{
	const char *text = policy__scalar(yaml, node, what);
	char known[120];

	if (!text)
		return -1;
	for (size_t i = 0; i < words->count; i++) {
		if (words->words[i] && !strcmp(words->words[i], text))
			return (int)i;
	}
	words_list(words, known, sizeof(known));
	policy__complain(yaml, node, "%s is '%.30s', but must be %s", what,
			 text, known);
	return -1;
}

void
policy__read_word(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	int word = policy__word_value(yaml, value,
				      policy__key_quoted(key, what), key->arg);

	/* an enum, of whatever signedness, or an int */
	if (word >= 0)
		memcpy(policy__key_member(key, into), &word, sizeof(word));
}

void
policy__read_either(struct policy__yaml *yaml, yaml_node_t *value,
		    const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	int word = policy__word_value(yaml, value,
				      policy__key_quoted(key, what), key->arg);

	if (word >= 0)
		*(bool *)policy__key_member(key, into) = word == 1;
}

void
policy__read_bits(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	uint32_t *bits = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];
	size_t count =
	    policy__values_count(yaml, value, policy__key_quoted(key, what));

	*bits = 0;
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		int word = policy__word_value(yaml, node, what, key->arg);

		if (word < 0)
			continue;
		if (*bits & 1U << word)
			policy__complain(yaml, node, "%s names '%s' twice",
					 what,
					 (const char *)node->data.scalar.value);
		*bits |= 1U << word;
	}
}

void
policy__read_code(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, value, policy__key_quoted(key, what));
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return;
	if (n < 1 || n >= POLICY__CODE_BYTES ||
	    text[strspn(text, "0123456789*#ABCD")])
		policy__complain(yaml, value,
				 "%s is '%.40s', but must be from 1 to %d keys "
				 "of a telephone: 0 to 9, *, #, A to D",
				 what, text, POLICY__CODE_BYTES - 1);
	else
		memcpy(policy__key_member(key, into), text, n + 1);
}
