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

/* ---- version, organisation ----------------------------------------------- */

static void
version_read(struct policy__yaml *yaml, yaml_node_t *node,
	     struct policy *policy)
{
	const char *text = policy__scalar(yaml, node, "'version'");

	(void)policy;
	if (text && strcmp(text, "1") != 0)
		policy__complain(yaml, node,
				 "'version' must be 1, the only one that this "
				 "program knows, but is '%.20s'",
				 text);
}

static void
read_organisation(struct policy__yaml *yaml, yaml_node_t *value,
		  const struct policy__key *key, void *into)
{
	policy__text_read(yaml, value, "'name'", policy__key_member(key, into),
			  1, POLICY_TEXT_BYTES);
}

static void
read_zone(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
	struct policy *policy = into;
	const char *name = policy__scalar(yaml, value, "'time_zone'");
	int err;

	if (!name)
		return;
	snprintf(policy->zone_name, sizeof(policy->zone_name), "%s", name);
	err = policy_zone_load(&policy->zone, name);
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
read_areas_need(struct policy__yaml *yaml, yaml_node_t *value,
		const struct policy__key *key, void *into)
{
	(void)into;
	policy__read_needs(yaml, value, key, &yaml->load->needs);
}

static void
organisation_read(struct policy__yaml *yaml, yaml_node_t *node,
		  struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const char *const words[] = { "drop", "record" };
	static const struct policy__words unknown = { COUNT(words), words };
	static const struct policy__key keys[] = {
		{ "name", true, read_organisation, AT(organisation), NULL },
		{ "time_zone", true, read_zone, 0, NULL },
		{ "unknown_party", false, policy__read_either,
		  AT(unknown_recorded), &unknown },
		{ "areas_need", false, read_areas_need, 0, NULL },
	};
#undef AT

	policy__mapping_read(yaml, node, "'organisation'", keys, COUNT(keys),
			     policy);
}

/* ---- the whole --------------------------------------------------------- */

typedef void (*section_fn)(struct policy__yaml *yaml, yaml_node_t *node,
			   struct policy *policy);

/** In the order in which they are read: what others name comes first. */
static const struct {
	const char *name;
	bool required;
	section_fn read;
} sections[] = {
	{ "version", true, version_read },
	{ "organisation", true, organisation_read },
	{ "numbering", true, policy__numbering_read },
	{ "networks", false, policy__networks_read },
	{ "groups", false, policy__groups_read },
	{ "sites", false, policy__sites_read },
	{ "areas", false, policy__areas_read },
	{ "roles", false, policy__roles_read },
	{ "purposes", true, policy__purposes_read },
	{ "access", true, policy__access_read },
	{ "retention", true, policy__retention_read },
	{ "metadata", true, policy__metadata_read },
	{ "clock", false, policy__clock_read },
	{ "exemptions", false, policy__exemptions_read },
	{ "listen_deny", false, policy__listen_denies_read },
	{ "payments", false, policy__payments_read },
	{ "opt_out", false, policy__opt_out_read },
	{ "rules", true, policy__rules_read },
	{ "approval", false, policy__approval_read },
	{ "release", false, policy__releases_read },
	{ "reminders", false, policy__reminders_read },
	{ "announced", false, policy__announced_read },
	{ "sampling", false, policy__sampling_read },
	{ "tests", false, policy__tests_read },
};

static void
policy_read(struct policy__yaml *yaml, struct policy *policy)
{
	struct policy__load load = {
		.policy = policy,
		/* also of a section that is not there */
		.groups = { .kind = "group" },
		.sites = { .kind = "site" },
		.areas = { .kind = "area" },
		.classes = { .kind = "class" },
		.roles = { .kind = "role" },
		.purposes = { .kind = "purpose" },
	};
	struct policy__key keys[COUNT(sections)];
	yaml_node_t *nodes[COUNT(sections)] = { 0 };

	yaml->load = &load;
	policy__approval_read(yaml, NULL, policy);
	for (size_t i = 0; i < COUNT(sections); i++)
		keys[i] = (struct policy__key){
			.name = sections[i].name,
			.required = sections[i].required,
			.read = policy__read_later,
			.offset = i * sizeof(nodes[0]),
		};
	policy__mapping_read(yaml, yaml_document_get_root_node(&yaml->document),
			     "the policy", keys, COUNT(keys), nodes);
	for (size_t i = 0; i < COUNT(sections); i++) {
		if (nodes[i])
			sections[i].read(yaml, nodes[i], policy);
		/* numbers may name groups from here on, if there are any */
		if (sections[i].read == policy__groups_read)
			load.groups_known = true;
	}
	policy__index_fini(&load.groups);
	policy__index_fini(&load.sites);
	policy__index_fini(&load.areas);
	policy__index_fini(&load.classes);
	policy__index_fini(&load.roles);
	policy__index_fini(&load.purposes);
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
		policy__errors_sort(errors);
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

/* ---- looking ----------------------------------------------------------- */

const struct policy_zone *
policy_zone_peek(const struct policy *policy)
{
	return policy->zone;
}

const char *
policy_zone_name_peek(const struct policy *policy)
{
	return policy->zone_name;
}

const char *
policy_organisation_peek(const struct policy *policy)
{
	return policy->organisation;
}

void
policy_document_peek(const struct policy *policy,
		     struct policy_document *document)
{
	const struct policy__document *d = &policy->document;

	*document = (struct policy_document){
		.title = d->title,
		.revision = d->revision,
		.owner = d->owner,
		.author = d->author,
		.approver = d->approver,
		.minor = d->minor,
	};
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
