/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections 'numbering' and 'networks', and lists of numbers elsewhere. */
#include "policy/load_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbering --------------------------------------------------------- */

/** "group NAME" -> NAME; NULL: a number, or a name. */
static const char *
group_named(const char *text)
{
	static const char word[] = "group ";

	if (strncmp(text, word, sizeof(word) - 1) != 0)
		return NULL;
	text += sizeof(word) - 1;
	return text + strspn(text, " ");
}

/** @return NULL after a complaint */
static const struct policy__group *
group_get(struct policy__yaml *yaml, const yaml_node_t *node, const char *what,
	  const char *name)
{
	const struct policy__load *load = yaml->load;
	size_t i;

	if (!load->groups_known) {
		policy__complain(yaml, node,
				 "%s cannot name a group ('%.48s'): write its "
				 "numbers",
				 what, name);
		return NULL;
	}
	i = policy__index_want(yaml, node, what, &load->groups, name);
	return i == SIZE_MAX ? NULL : &load->policy->groups[i];
}

/** Room for all numbers of a list, those of its groups included. */
static bool
patterns_room(struct policy__yaml *yaml, yaml_node_t *value, size_t count,
	      struct policy__patterns *patterns)
{
	struct policy__load *load = yaml->load;
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		const char *name = NULL;
		size_t group = SIZE_MAX;

		if (node->type == YAML_SCALAR_NODE)
			name =
			    group_named((const char *)node->data.scalar.value);
		if (name && load->groups_known)
			group = policy__index_find(&load->groups, name);
		total += group == SIZE_MAX
			     ? 1
			     : load->policy->groups[group].numbers.count;
	}
	if (total > POLICY__PATTERNS_MAX - load->patterns) {
		policy__complain(yaml, value,
				 "with this list there are more than %d "
				 "numbers in the file, its groups counted "
				 "wherever they are named",
				 POLICY__PATTERNS_MAX);
		return false;
	}
	load->patterns += total;
	patterns->items =
	    policy__items_new(yaml, total, sizeof(patterns->items[0]));
	return patterns->items;
}

static void
pattern_read(struct policy__yaml *yaml, yaml_node_t *node, const char *what,
	     struct policy__patterns *patterns)
{
	struct policy__pattern *pattern = &patterns->items[patterns->count];
	const char *text = policy__scalar(yaml, node, what);
	const struct policy__group *group;
	const char *wrong;

	if (!text)
		return;
	if (group_named(text)) {
		group = group_get(yaml, node, what, group_named(text));
		if (!group)
			return;
		if (group->numbers.count)
			memcpy(pattern, group->numbers.items,
			       group->numbers.count * sizeof(*pattern));
		patterns->count += group->numbers.count;
		return;
	}
	wrong = policy__pattern_parse(&yaml->load->policy->numbering, text,
				      pattern);
	if (wrong)
		policy__complain(yaml, node, "%s: '%.60s' %s", what, text,
				 wrong);
	else
		patterns->count++;
}

static void
patterns_read(struct policy__yaml *yaml, yaml_node_t *value, const char *what,
	      struct policy__patterns *patterns)
{
	size_t count = policy__values_count(yaml, value, what);

	if (!patterns_room(yaml, value, count, patterns))
		return;
	for (size_t i = 0; i < count; i++)
		pattern_read(yaml, policy__value_get(yaml, value, i), what,
			     patterns);
}

void
policy__read_numbers(struct policy__yaml *yaml, yaml_node_t *value,
		     const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES];

	patterns_read(yaml, value, policy__key_quoted(key, what),
		      policy__key_member(key, into));
}

/** Some digits of a dialling plan, up to seven; none unless required. */
static void
read_digits(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	char what[POLICY__WHAT_BYTES], digits[POLICY__PREFIX_BYTES];

	if (!policy__text_read(yaml, value, policy__key_quoted(key, what),
			       digits, key->required, sizeof(digits)))
		return;
	if (digits[strspn(digits, "0123456789")])
		policy__complain(yaml, value,
				 "%s must be digits only, but is '%s'", what,
				 digits);
	else
		memcpy(policy__key_member(key, into), digits, sizeof(digits));
}

static void
read_national_digits(struct policy__yaml *yaml, yaml_node_t *value,
		     const struct policy__key *key, void *into)
{
	static const struct policy_field field = {
		.name = "national_digits", .min = 4, .max = 15, .unit = ""
	};
	uint64_t number;

	if (policy__number_read(yaml, value, &field, &number))
		*(uint32_t *)policy__key_member(key, into) = (uint32_t)number;
}

/** "2-6", or "4". */
static void
read_extension_digits(struct policy__yaml *yaml, yaml_node_t *value,
		      const struct policy__key *key, void *into)
{
	struct policy__numbering *numbering = policy__key_member(key, into);
	const char *text = policy__scalar(yaml, value, "'extension_digits'");
	unsigned long min, max;
	char *end;

	(void)key;
	if (!text)
		return;
	min = max = strtoul(text, &end, 10);
	if (*end == '-')
		max = strtoul(end + 1, &end, 10);
	if (*end || min < 1 || max < min || max > 10) {
		policy__complain(yaml, value,
				 "'extension_digits' must be one number or two "
				 "('2-6'), from 1 to 10, but is '%.20s'",
				 text);
		return;
	}
	numbering->extension_min = (uint32_t)min;
	numbering->extension_max = (uint32_t)max;
}

/** Patterns wait until it is known how numbers are written. */
struct numbering_load {
	struct policy__numbering numbering;
	yaml_node_t *internal, *external;
};

void
policy__numbering_read(struct policy__yaml *yaml, yaml_node_t *node,
		       struct policy *policy)
{
#define AT(m) offsetof(struct numbering_load, m)
	static const struct policy__key keys[] = {
		{ "country", true, read_digits, AT(numbering.country), NULL },
		{ "international_prefix", false, read_digits,
		  AT(numbering.international_prefix), NULL },
		{ "national_prefix", false, read_digits,
		  AT(numbering.national_prefix), NULL },
		{ "outside_line", false, read_digits,
		  AT(numbering.outside_line), NULL },
		{ "national_digits", false, read_national_digits,
		  AT(numbering.national_digits), NULL },
		{ "extension_digits", false, read_extension_digits,
		  AT(numbering), NULL },
		{ "internal", false, policy__read_later, AT(internal), NULL },
		{ "external", false, policy__read_later, AT(external), NULL },
	};
#undef AT
	struct policy__numbering *numbering = &policy->numbering;
	struct numbering_load load = { .numbering = *numbering };

	policy__mapping_read(yaml, node, "'numbering'", keys, COUNT(keys),
			     &load);
	*numbering = load.numbering;
	if (!strcmp(numbering->national_prefix,
		    numbering->international_prefix) &&
	    numbering->national_prefix[0])
		policy__complain(yaml, node,
				 "'national_prefix' and 'international_prefix' "
				 "must differ");
	if (load.internal)
		patterns_read(yaml, load.internal, "'internal'",
			      &numbering->internal);
	if (load.external)
		patterns_read(yaml, load.external, "'external'",
			      &numbering->external);
}

/* ---- networks ---------------------------------------------------------- */

/** @return 4 or 6; 0: no address */
static int
address_parse(const char *text, uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(address, 0, 16);
	if (inet_pton(AF_INET, text, address + 12) == 1) {
		memcpy(address, mapped, sizeof(mapped));
		return 4;
	}
	return inet_pton(AF_INET6, text, address) == 1 ? 6 : 0;
}

bool
policy__address_parse(const char *text, uint8_t address[16])
{
	return address_parse(text, address) != 0;
}

static bool
network_parse(const char *text, struct policy__network *network)
{
	char address[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "/");
	uint32_t offset;
	unsigned long bits;
	char *end;
	int version;

	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	version = address_parse(address, network->address);
	if (!version)
		return false;
	offset = version == 4 ? 96 : 0;
	network->bits = 128;
	if (text[n] == '\0')
		return true;
	bits = strtoul(text + n + 1, &end, 10);
	if (text[n + 1] < '0' || text[n + 1] > '9' || *end ||
	    bits > 128 - offset)
		return false;
	network->bits = offset + (uint32_t)bits;
	return true;
}

static bool
network_is_whole(const struct policy__network *network)
{
	for (uint32_t bit = network->bits; bit < 128; bit++) {
		if (network->address[bit / 8] & 0x80 >> bit % 8)
			return false;
	}
	return true;
}

void
policy__read_networks(struct policy__yaml *yaml, yaml_node_t *value,
		      const struct policy__key *key, void *into)
{
	struct policy__networks *networks = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];
	size_t count =
	    policy__values_count(yaml, value, policy__key_quoted(key, what));

	networks->items =
	    policy__items_new(yaml, count, sizeof(networks->items[0]));
	for (size_t i = 0; networks->items && i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		const char *text = policy__scalar(yaml, node, what);
		struct policy__network network;

		if (!text)
			continue;
		if (!network_parse(text, &network))
			policy__complain(yaml, node,
					 "'%.60s' is not a network; write it "
					 "like 10.20.4.0/22 or fd00::/8",
					 text);
		else if (!network_is_whole(&network))
			policy__complain(
			    yaml, node,
			    "'%.60s' is not a network: its address "
			    "goes on after /%lu",
			    text, strtoul(strchr(text, '/') + 1, NULL, 10));
		else
			networks->items[networks->count++] = network;
	}
}

void
policy__networks_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const struct policy__key keys[] = {
		{ "internal", true, policy__read_networks, AT(networks), NULL },
	};
#undef AT

	policy__mapping_read(yaml, node, "'networks'", keys, COUNT(keys),
			     policy);
}

/* ---- groups and sites ---------------------------------------------------- */

static void
group_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
	struct policy__group *group = entry;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the group '%s'", group->name);
	patterns_read(yaml, node, what, &group->numbers);
}

void
policy__groups_read(struct policy__yaml *yaml, yaml_node_t *node,
		    struct policy *policy)
{
	static const struct policy__list list = { "'groups'", "group",
						  sizeof(struct policy__group),
						  group_read };

	policy->groups = policy__map_read(
	    yaml, node, &list, &policy->groups_count, &yaml->load->groups);
}

static void
site_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__site, m)
	static const struct policy__key keys[] = {
		{ "extensions", false, policy__read_numbers, AT(extensions),
		  NULL },
		{ "networks", false, policy__read_networks, AT(networks),
		  NULL },
	};
#undef AT
	uint32_t before = yaml->errors->count;
	struct policy__site *site = entry;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the site '%s'", site->name);
	policy__mapping_read(yaml, node, what, keys, COUNT(keys), site);
	if (yaml->errors->count == before && !site->extensions.count &&
	    !site->networks.count)
		policy__complain(yaml, node,
				 "%s needs 'extensions' or 'networks', or "
				 "both: nothing is in it",
				 what);
}

void
policy__sites_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	static const struct policy__list list = { "'sites'", "site",
						  sizeof(struct policy__site),
						  site_read };

	policy->sites = policy__map_read(
	    yaml, node, &list, &policy->sites_count, &yaml->load->sites);
}
