/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML -> struct policy. The sections are collected first and read in a fixed
 * order, since rules speak of numbers and of retention classes, and a file
 * may have its sections in any order.
 */
#include "policy/load_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** A list of names, none of them twice. */
static void
read_names(struct policy__yaml *yaml, yaml_node_t *value,
	   const struct policy__key *key, void *into)
{
	struct policy__names *names = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];
	size_t count =
	    policy__values_count(yaml, value, policy__key_quoted(key, what));

	names->items = policy__items_new(yaml, count, sizeof(names->items[0]));
	for (size_t i = 0; names->items && i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		char *name = names->items[names->count];
		size_t same = 0;

		if (!policy__name_read(yaml, node, what, name))
			continue;
		while (strcmp(names->items[same], name) != 0)
			same++;
		if (same == names->count)
			names->count++;
		else
			policy__complain(yaml, node, "%s names '%s' twice",
					 what, name);
	}
}

static void
read_duration(struct policy__yaml *yaml, yaml_node_t *value,
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

/* ---- version, organisation, access
 * --------------------------------------------- */

static void
version_read(struct policy__yaml *yaml, yaml_node_t *node)
{
	const char *text = policy__scalar(yaml, node, "'version'");

	if (text && strcmp(text, "1") != 0)
		policy__complain(yaml, node,
				 "'version' must be 1, the only one that this "
				 "program knows, but is '%.20s'",
				 text);
}

static void
read_site_name(struct policy__yaml *yaml, yaml_node_t *value,
	       const struct policy__key *key, void *into)
{
	policy__text_read(yaml, value, "'name'", policy__key_member(key, into),
			  1, POLICY_TEXT_BYTES);
}

static void
read_zone(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
	struct policy_zone **zone = policy__key_member(key, into);
	const char *name = policy__scalar(yaml, value, "'time_zone'");
	int err;

	if (!name)
		return;
	err = policy_zone_load(zone, name);
	if (err == -ENOMEM)
		yaml->no_memory = true;
	else if (err)
		policy__complain(yaml, value,
				 "'time_zone' is '%.60s', which this machine "
				 "does not know; write it like Europe/London "
				 "(or install tzdata)",
				 name);
}

static void
organisation_read(struct policy__yaml *yaml, yaml_node_t *node,
		  struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const struct policy__key keys[] = {
		{ "name", true, read_site_name, AT(organisation), NULL },
		{ "time_zone", true, read_zone, AT(zone), NULL },
	};
#undef AT

	policy__mapping_read(yaml, node, "'organisation'", keys, COUNT(keys),
			     policy);
}

static void
access_read(struct policy__yaml *yaml, yaml_node_t *node, struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const struct policy__key keys[] = {
		{ "owner", true, read_names, AT(owners), NULL },
	};
#undef AT

	policy__mapping_read(yaml, node, "'access'", keys, COUNT(keys), policy);
}

static void
purposes_read(struct policy__yaml *yaml, yaml_node_t *node,
	      struct policy *policy)
{
	static const struct policy__key key = { .name = "purposes" };
	struct policy__names names = { 0 };

	read_names(yaml, node, &key, &names);
	policy->purposes =
	    policy__items_new(yaml, names.count, sizeof(policy->purposes[0]));
	for (size_t i = 0; policy->purposes && i < names.count; i++)
		memcpy(policy->purposes[policy->purposes_count++].name,
		       names.items[i], POLICY_NAME_BYTES);
	free(names.items);
}

/* ---- retention --------------------------------------------------------- */

static bool
duration_is_zero(const struct policy__duration *d)
{
	return !d->days && !d->months;
}

static void
class_read(struct policy__yaml *yaml, yaml_node_t *node,
	   struct policy__class *class)
{
#define AT(m) offsetof(struct policy__class, m)
	static const struct policy__key keys[] = {
		{ "min", false, read_duration, AT(min), NULL },
		{ "max", true, read_duration, AT(max), NULL },
	};
#undef AT
	uint32_t before = yaml->errors->count;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the class '%s'", class->name);
	policy__mapping_read(yaml, node, what, keys, COUNT(keys), class);
	class->has_min = !duration_is_zero(&class->min);
	if (yaml->errors->count != before)
		return;
	if (duration_is_zero(&class->max))
		policy__complain(yaml, node,
				 "%s has a 'max' of nothing; to keep nothing, "
				 "use a rule that drops",
				 what);
	else if (class->has_min &&
		 !policy__duration_below(&class->min, &class->max))
		policy__complain(yaml, node,
				 "%s: 'min' must be over before 'max' is, in "
				 "every year, or there is no time left to "
				 "delete",
				 what);
}

static void
retention_read(struct policy__yaml *yaml, yaml_node_t *node,
	       struct policy *policy)
{
	yaml_node_pair_t *pair, *top;

	if (!policy__is_mapping(yaml, node, "'retention'"))
		return;
	pair = node->data.mapping.pairs.start;
	top = node->data.mapping.pairs.top;
	if (pair == top)
		policy__complain(yaml, node, "'retention' defines no class");
	policy->classes = policy__items_new(yaml, (size_t)(top - pair),
					    sizeof(policy->classes[0]));
	for (; policy->classes && pair < top; pair++) {
		struct policy__class *class =
		    &policy->classes[policy->classes_count];
		yaml_node_t *key = policy__node(yaml, pair->key);
		size_t same = 0;

		if (!policy__name_read(yaml, key, "the name of a class",
				       class->name))
			continue;
		while (strcmp(policy->classes[same].name, class->name) != 0)
			same++;
		if (same < policy->classes_count) {
			policy__complain(yaml, key,
					 "the class '%s' is defined twice",
					 class->name);
			continue;
		}
		policy->classes_count++;
		class_read(yaml, policy__node(yaml, pair->value), class);
	}
}

static void
metadata_read(struct policy__yaml *yaml, yaml_node_t *node,
	      struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const struct policy__key keys[] = {
		{ "max", true, read_duration, AT(metadata), NULL },
	};
#undef AT
	uint32_t before = yaml->errors->count;

	policy__mapping_read(yaml, node, "'metadata'", keys, COUNT(keys),
			     policy);
	for (size_t i = 0; i < policy->classes_count; i++) {
		const struct policy__class *class = &policy->classes[i];
		const struct policy__duration *max = &class->max;
		bool same = max->days == policy->metadata.days &&
			    max->months == policy->metadata.months;

		if (yaml->errors->count == before && !same &&
		    !policy__duration_below(max, &policy->metadata))
			policy__complain(yaml, node,
					 "'metadata' ends before the "
					 "recordings of class '%s' do",
					 class->name);
	}
}

/* ---- the whole --------------------------------------------------------- */

struct sections {
	yaml_node_t *version, *organisation, *access, *numbering, *networks;
	yaml_node_t *purposes, *retention, *metadata, *rules;
};

static void
policy_read(struct policy__yaml *yaml, struct policy *policy)
{
#define AT(m) offsetof(struct sections, m)
	static const struct policy__key keys[] = {
		{ "version", true, policy__read_later, AT(version), NULL },
		{ "organisation", true, policy__read_later, AT(organisation),
		  NULL },
		{ "access", true, policy__read_later, AT(access), NULL },
		{ "purposes", true, policy__read_later, AT(purposes), NULL },
		{ "numbering", true, policy__read_later, AT(numbering), NULL },
		{ "networks", false, policy__read_later, AT(networks), NULL },
		{ "retention", true, policy__read_later, AT(retention), NULL },
		{ "metadata", true, policy__read_later, AT(metadata), NULL },
		{ "rules", true, policy__read_later, AT(rules), NULL },
	};
#undef AT
	struct sections sections = { 0 };

	policy__mapping_read(yaml, yaml_document_get_root_node(&yaml->document),
			     "the policy", keys, COUNT(keys), &sections);
	if (sections.version)
		version_read(yaml, sections.version);
	if (sections.organisation)
		organisation_read(yaml, sections.organisation, policy);
	if (sections.access)
		access_read(yaml, sections.access, policy);
	if (sections.purposes)
		purposes_read(yaml, sections.purposes, policy);
	if (sections.numbering)
		policy__numbering_read(yaml, sections.numbering,
				       &policy->numbering);
	if (sections.networks)
		policy__networks_read(yaml, sections.networks, policy);
	if (sections.retention)
		retention_read(yaml, sections.retention, policy);
	if (sections.metadata)
		metadata_read(yaml, sections.metadata, policy);
	if (sections.rules)
		policy__rules_read(yaml, sections.rules, policy);
}

/** Mistakes were found section by section; people read from the top. */
static int
error_compare(const void *a, const void *b)
{
	const struct policy_error *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

int
policy_load(struct policy **policy, const char *text, size_t n,
	    struct policy_errors *errors)
{
	struct policy *made;
	struct policy__yaml yaml;
	int err;

	*policy = NULL;
	err = policy__yaml_open(&yaml, text, n, errors);
	if (err == -ENODATA) {
		policy__complain_at(errors, 0, 0,
				    "the file is empty; a policy that works "
				    "is made by: spanrec init");
		return -EINVAL;
	}
	if (err)
		return err;
	made = calloc(1, sizeof(*made));
	if (made) {
		memcpy(made->numbering.international_prefix, "00", 3);
		memcpy(made->numbering.national_prefix, "0", 2);
		made->numbering.extension_min = 2;
		made->numbering.extension_max = 6;
		policy_read(&yaml, made);
	}
	policy__yaml_close(&yaml);
	if (!made || yaml.no_memory) {
		policy_free(&made);
		return -ENOMEM;
	}
	if (errors->count) {
		qsort(errors->errors, errors->count, sizeof(errors->errors[0]),
		      error_compare);
		policy_free(&made);
		return -EINVAL;
	}
	if (policy__lookup_new(made) < 0) {
		policy_free(&made);
		return -ENOMEM;
	}
	*policy = made;
	return 0;
}

void
policy_free(struct policy **policy)
{
	struct policy *p = *policy;

	*policy = NULL;
	if (!p)
		return;
	policy__lookup_free(&p->lookup);
	policy_zone_free(&p->zone);
	free(p->numbering.internal.items);
	free(p->numbering.external.items);
	free(p->networks.items);
	free(p->purposes);
	free(p->owners.items);
	free(p->classes);
	for (size_t i = 0; i < p->rules_count; i++) {
		free(p->rules[i].numbers.items);
		free(p->rules[i].from.items);
		free(p->rules[i].to.items);
	}
	free(p->rules);
	free(p);
}

/* ---- looking ----------------------------------------------------------- */

const struct policy_zone *
policy_zone_peek(const struct policy *policy)
{
	return policy->zone;
}

const char *
policy_organisation_peek(const struct policy *policy)
{
	return policy->organisation;
}

const char *
policy_purpose_peek(const struct policy *policy, size_t i)
{
	return i < policy->purposes_count ? policy->purposes[i].name : NULL;
}

bool
policy_user_is_owner(const struct policy *policy, const char *user)
{
	for (size_t i = 0; i < policy->owners.count; i++) {
		if (!strcmp(policy->owners.items[i], user))
			return true;
	}
	return false;
}
