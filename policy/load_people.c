/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who: the sections 'approval', 'roles', 'purposes' and 'access'. */
#include "policy/load_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- approval ------------------------------------------------------------ */

static void
consulted_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__consulted, m)
	static const struct policy__key keys[] = {
		{ "who", true, policy__read_text, AT(who), NULL },
		{ "date", false, policy__read_date, AT(date), NULL },
		{ "note", false, policy__read_text, AT(note), NULL },
	};
#undef AT

	policy__entry_read(yaml, node, "an entry of 'consulted'", keys,
			   COUNT(keys), entry);
}

static void
read_consulted(struct policy__yaml *yaml, yaml_node_t *value,
	       const struct policy__key *key, void *into)
{
	static const struct policy__list list = {
		"'consulted'", NULL, sizeof(struct policy__consulted),
		consulted_read
	};
	struct policy__document *document = into;

	(void)key;
	document->consulted =
	    policy__list_read(yaml, value, &list, &document->consulted_count);
}

static void
revision_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__revision, m)
	static const struct policy__key keys[] = {
		{ "revision", true, policy__read_text, AT(number), NULL },
		{ "date", false, policy__read_date, AT(date), NULL },
		{ "summary", false, policy__read_text, AT(summary), NULL },
		{ "author", false, policy__read_text, AT(author), NULL },
		{ "approver", false, policy__read_text, AT(approver), NULL },
	};
#undef AT

	policy__entry_read(yaml, node, "an entry of 'history'", keys,
			   COUNT(keys), entry);
}

static void
read_history(struct policy__yaml *yaml, yaml_node_t *value,
	     const struct policy__key *key, void *into)
{
	static const struct policy__list list = {
		"'history'", NULL, sizeof(struct policy__revision),
		revision_read
	};
	struct policy__document *document = into;

	(void)key;
	document->history =
	    policy__list_read(yaml, value, &list, &document->history_count);
}

void
policy__approval_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
#define AT(m) offsetof(struct policy__document, m)
	static const char *const words[] = { "major", "minor" };
	static const struct policy__words changes = { COUNT(words), words };
	static const struct policy__key keys[] = {
		{ "title", false, policy__read_text, AT(title), NULL },
		{ "revision", false, policy__read_text, AT(revision), NULL },
		{ "owner", false, policy__read_text, AT(owner), NULL },
		{ "author", false, policy__read_text, AT(author), NULL },
		{ "approver", false, policy__read_text, AT(approver), NULL },
		{ "approved", false, policy__read_date, AT(approved), NULL },
		{ "in_force", false, policy__read_date, AT(in_force), NULL },
		{ "review_by", false, policy__read_date, AT(review_by), NULL },
		{ "change", false, policy__read_either, AT(minor), &changes },
		{ "law", false, policy__read_text, AT(law), NULL },
		{ "contact", false, policy__read_text, AT(contact), NULL },
		{ "consulted", false, read_consulted, 0, NULL },
		{ "history", false, read_history, 0, NULL },
	};
#undef AT
	struct policy__document *document = &policy->document;

	policy__entry_read(yaml, node, "'approval'", keys, COUNT(keys),
			   document);
	if (!node)
		return;
	document->given = true;
	document->at = policy__place_of(node);
	if (document->review_by.set && document->approved.set &&
	    document->review_by.day < document->approved.day)
		policy__complain(yaml,
				 policy__value_of(yaml, node, "review_by"),
				 "'approval': 'review_by' is before "
				 "'approved'");
}

/* ---- roles, purposes ----------------------------------------------------- */

/** `NAME:` alone is enough of it. */
static bool
node_is_nothing(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && !node->data.scalar.length &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static void
role_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__role, m)
	static const struct policy__key keys[] = {
		{ "users", false, policy__read_names, AT(users), NULL },
		{ "groups", false, policy__read_names, AT(groups), NULL },
	};
#undef AT
	struct policy__role *role = entry;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the role '%s'", role->name);
	if (!node_is_nothing(node))
		policy__mapping_read(yaml, node, what, keys, COUNT(keys), role);
}

void
policy__roles_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	static const struct policy__list list = { "'roles'", "role",
						  sizeof(struct policy__role),
						  role_read };

	policy->roles = policy__map_read(
	    yaml, node, &list, &policy->roles_count, &yaml->load->roles);
}

static void
read_purpose_needs(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	static const char *const words[] = { "case", "approver", "advice" };
	static const struct policy__words needs = { COUNT(words), words };
	const struct policy__key bits_key = { .name = key->name,
					      .arg = &needs };
	struct policy__purpose *purpose = into;
	uint32_t bits = 0;

	policy__read_bits(yaml, value, &bits_key, &bits);
	purpose->needs_case = bits & 1;
	purpose->needs_approver = bits & 2;
	purpose->needs_advice = bits & 4;
}

static void
purpose_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__purpose, m)
	static const struct policy__key keys[] = {
		{ "needs", false, read_purpose_needs, 0, NULL },
		{ "authorisers", false, policy__read_roles, AT(authorisers),
		  NULL },
		{ "play_only", false, policy__read_flag, AT(play_only), NULL },
	};
#undef AT
	struct policy__purpose *purpose = entry;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the purpose '%s'", purpose->name);
	if (!node_is_nothing(node))
		policy__mapping_read(yaml, node, what, keys, COUNT(keys),
				     purpose);
}

/** A list of names alone, for those who need no more. */
static void
purpose_names_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	static const struct policy__key key = { .name = "purposes" };
	struct policy__names names = { 0 };

	policy__read_names(yaml, node, &key, &names);
	policy->purposes =
	    policy__items_new(yaml, names.count, sizeof(policy->purposes[0]));
	for (size_t i = 0; policy->purposes && i < names.count; i++) {
		struct policy__purpose *purpose =
		    &policy->purposes[policy->purposes_count++];

		memcpy(purpose->name, names.items[i], sizeof(purpose->name));
		purpose->at =
		    policy__place_of(policy__value_get(yaml, node, i));
	}
	free(names.items);
	policy__index_init(yaml, &yaml->load->purposes, "purpose",
			   policy->purposes, policy->purposes_count,
			   sizeof(policy->purposes[0]));
}

void
policy__purposes_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
	static const struct policy__list list = {
		"'purposes'", "purpose", sizeof(struct policy__purpose),
		purpose_read
	};

	if (node->type != YAML_MAPPING_NODE) {
		purpose_names_read(yaml, node, policy);
		return;
	}
	policy->purposes = policy__map_read(
	    yaml, node, &list, &policy->purposes_count, &yaml->load->purposes);
	if (policy->purposes && !policy->purposes_count)
		policy__complain(yaml, node, "'purposes' defines none");
}

/* ---- access -------------------------------------------------------------- */

static void
read_rights(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	const char *names[POLICY_RIGHT_COUNT];
	const struct policy__words rights = { COUNT(names), names };
	struct policy__key bits_key = *key;

	for (size_t i = 0; i < COUNT(names); i++)
		names[i] = policy_right_name((enum policy_right)i);
	bits_key.arg = &rights;
	policy__read_bits(yaml, value, &bits_key, into);
}

static void
grant_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__grant, m)
	static const struct policy__key keys[] = {
		{ "role", true, policy__read_role, AT(role), NULL },
		{ "may", true, read_rights, AT(rights), NULL },
		{ "areas", false, policy__read_areas, AT(areas), NULL },
		{ "purposes", false, policy__read_purposes, AT(purposes),
		  NULL },
	};
#undef AT
	struct policy__grant *grant = entry;

	grant->at = policy__place_of(node);
	policy__entry_read(yaml, node, "a line of 'matrix'", keys, COUNT(keys),
			   grant);
}

static void
read_matrix(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	static const struct policy__list list = { "'matrix'", NULL,
						  sizeof(struct policy__grant),
						  grant_read };
	struct policy *policy = into;

	(void)key;
	policy->grants =
	    policy__list_read(yaml, value, &list, &policy->grants_count);
}

void
policy__access_read(struct policy__yaml *yaml, yaml_node_t *node,
		    struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const struct policy__key keys[] = {
		{ "owner", true, policy__read_names, AT(owners), NULL },
		{ "matrix", false, read_matrix, 0, NULL },
	};
#undef AT

	policy__mapping_read(yaml, node, "'access'", keys, COUNT(keys), policy);
}
