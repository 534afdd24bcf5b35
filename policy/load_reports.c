/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people do, and are told: the sections 'release', 'reminders',
 * 'announced' and 'sampling'. */
#include "policy/load_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- release ------------------------------------------------------------- */

static void
release_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__release, m)
	static const char *const words[] = { "inside", "outside" };
	static const struct policy__words to = { COUNT(words), words };
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(name), NULL },
		{ "to", true, policy__read_either, AT(outside), &to },
		{ "reasons", false, policy__read_names, AT(reasons), NULL },
		{ "authorisers", true, policy__read_roles, AT(authorisers),
		  NULL },
		{ "advice_from", false, policy__read_text, AT(advice_from),
		  NULL },
		{ "needs", false, policy__read_text, AT(needs), NULL },
		{ "dispose_within", false, policy__read_duration,
		  AT(dispose_within), NULL },
	};
#undef AT

	policy__entry_read(yaml, node, "an entry of 'release'", keys,
			   COUNT(keys), entry);
}

void
policy__releases_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
	static const struct policy__list list = {
		"'release'", "release", sizeof(struct policy__release),
		release_read
	};

	policy->releases =
	    policy__list_read(yaml, node, &list, &policy->releases_count);
}

/* ---- reminders ----------------------------------------------------------- */

static void
reminder_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__reminder, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(name), NULL },
		{ "who", true, policy__read_text, AT(who), NULL },
		{ "every", false, policy__read_duration, AT(every), NULL },
		{ "first_use", false, policy__read_flag, AT(first_use), NULL },
		{ "since", false, policy__read_date, AT(since), NULL },
		{ "text", false, policy__read_text, AT(text), NULL },
	};
#undef AT
	struct policy__reminder *reminder = entry;
	uint32_t before = yaml->errors->count;

	policy__entry_read(yaml, node, "a reminder", keys, COUNT(keys),
			   reminder);
	if (yaml->errors->count == before && !reminder->every.days &&
	    !reminder->every.months && !reminder->first_use)
		policy__complain(yaml, node,
				 "the reminder '%s' needs 'every', or "
				 "'first_use: yes': it is never due",
				 reminder->name);
}

void
policy__reminders_read(struct policy__yaml *yaml, yaml_node_t *node,
		       struct policy *policy)
{
	static const struct policy__list list = {
		"'reminders'", "reminder", sizeof(struct policy__reminder),
		reminder_read
	};

	policy->reminders =
	    policy__list_read(yaml, node, &list, &policy->reminders_count);
}

/* ---- announced ----------------------------------------------------------- */

/** Texts, one alone or a list; kept as one, a line each. */
static void
read_lines(struct policy__yaml *yaml, yaml_node_t *value,
	   const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES], *lines = NULL;
	size_t bytes, count;
	const char *kept;
	FILE *to;

	count =
	    policy__values_count(yaml, value, policy__key_quoted(key, what));
	to = open_memstream(&lines, &bytes);
	for (size_t i = 0; to && i < count; i++) {
		const char *text = policy__text_value(
		    yaml, policy__value_get(yaml, value, i), what);

		if (text)
			fprintf(to, "%s%s", i ? "\n" : "", text);
	}
	if (!to || fclose(to)) {
		yaml->no_memory = true;
		free(lines);
		return;
	}
	kept = policy__text_keep(yaml->load->policy, lines);
	free(lines);
	if (kept)
		*(const char **)policy__key_member(key, into) = kept;
	else
		yaml->no_memory = true;
}

static void
announced_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__announced, m)
	static const struct policy__key keys[] = {
		{ "numbers", true, policy__read_numbers, AT(numbers), NULL },
		{ "announced", true, policy__read_flag, AT(announced), NULL },
		{ "since", false, policy__read_date, AT(since), NULL },
		{ "actions", false, read_lines, AT(actions), NULL },
	};
#undef AT
	struct policy__announced *announced = entry;

	announced->at = policy__place_of(node);
	announced->actions = "";
	policy__entry_read(yaml, node, "an entry of 'announced'", keys,
			   COUNT(keys), announced);
}

void
policy__announced_read(struct policy__yaml *yaml, yaml_node_t *node,
		       struct policy *policy)
{
	static const struct policy__list list = {
		"'announced'", NULL, sizeof(struct policy__announced),
		announced_read
	};

	policy->announced =
	    policy__list_read(yaml, node, &list, &policy->announced_count);
}

/* ---- sampling ------------------------------------------------------------ */

static void
read_per_agent(struct policy__yaml *yaml, yaml_node_t *value,
	       const struct policy__key *key, void *into)
{
	static const struct policy_field field = {
		.name = "per_agent", .min = 1, .max = 100, .unit = ""
	};
	uint64_t number;

	if (policy__number_read(yaml, value, &field, &number))
		*(uint32_t *)policy__key_member(key, into) = (uint32_t)number;
}

/** As durations are written, or "week" for "1 week". */
static void
read_per(struct policy__yaml *yaml, yaml_node_t *value,
	 const struct policy__key *key, void *into)
{
	static const struct {
		const char *name;
		struct policy__duration length;
	} names[] = { { "day", { .days = 1 } },
		      { "week", { .days = 7 } },
		      { "month", { .months = 1 } },
		      { "year", { .months = 12 } } };
	struct policy__duration *per = policy__key_member(key, into);
	const char *text = policy__scalar(yaml, value, "'per'");

	if (!text)
		return;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (!strcmp(text, names[i].name)) {
			*per = names[i].length;
			return;
		}
	}
	policy__read_duration(yaml, value, key, into);
}

static void
read_outbound(struct policy__yaml *yaml, yaml_node_t *value,
	      const struct policy__key *key, void *into)
{
	struct policy__sample *sample = into;
	const char *text = policy__scalar(yaml, value, "'outbound'");
	unsigned long percent;
	char *end;

	(void)key;
	if (!text)
		return;
	percent = strtoul(text, &end, 10);
	end += strspn(end, " ");
	if (text[0] < '0' || text[0] > '9' || strcmp(end, "%") != 0 ||
	    percent > 100) {
		policy__complain(yaml, value,
				 "'outbound' is '%.40s', but must be from 0 %% "
				 "to 100 %%",
				 text);
		return;
	}
	sample->has_outbound = true;
	sample->outbound_percent = (uint32_t)percent;
}

static void
sample_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__sample, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(name), NULL },
		{ "areas", false, policy__read_areas, AT(areas), NULL },
		{ "purpose", false, policy__read_purpose, AT(purpose), NULL },
		{ "per_agent", true, read_per_agent, AT(per_agent), NULL },
		{ "per", true, read_per, AT(per), NULL },
		{ "outbound", false, read_outbound, 0, NULL },
		{ "play_only", false, policy__read_flag, AT(play_only), NULL },
	};
#undef AT

	policy__entry_read(yaml, node, "an entry of 'sampling'", keys,
			   COUNT(keys), entry);
}

void
policy__sampling_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
	static const struct policy__list list = { "'sampling'", "sample",
						  sizeof(struct policy__sample),
						  sample_read };

	policy->samples =
	    policy__list_read(yaml, node, &list, &policy->samples_count);
}
