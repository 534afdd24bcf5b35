/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections 'numbering' and 'networks', and lists of numbers elsewhere. */
#include "policy/load_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbering --------------------------------------------------------- */

void
policy__patterns_read(struct policy__yaml *yaml, yaml_node_t *value,
		      const char *what,
		      const struct policy__numbering *numbering,
		      struct policy__patterns *patterns)
{
	size_t count = policy__values_count(yaml, value, what);

	patterns->items =
	    policy__items_new(yaml, count, sizeof(patterns->items[0]));
	for (size_t i = 0; patterns->items && i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		const char *text = policy__scalar(yaml, node, what);
		const char *wrong;

		if (!text)
			continue;
		wrong = policy__pattern_parse(
		    numbering, text, &patterns->items[patterns->count]);
		if (wrong)
			policy__complain(yaml, node, "%s: '%.60s' %s", what,
					 text, wrong);
		else
			patterns->count++;
	}
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
		       struct policy__numbering *numbering)
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
		policy__patterns_read(yaml, load.internal, "'internal'",
				      numbering, &numbering->internal);
	if (load.external)
		policy__patterns_read(yaml, load.external, "'external'",
				      numbering, &numbering->external);
}

/* ---- networks ---------------------------------------------------------- */

static bool
network_parse(const char *text, struct policy__network *network)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char address[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "/");
	uint32_t offset = 0;
	unsigned long bits;
	char *end;

	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	memset(network, 0, sizeof(*network));
	if (inet_pton(AF_INET, address, network->address + 12) == 1) {
		memcpy(network->address, mapped, sizeof(mapped));
		offset = 96;
	} else if (inet_pton(AF_INET6, address, network->address) != 1) {
		return false;
	}
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

static void
read_networks(struct policy__yaml *yaml, yaml_node_t *value,
	      const struct policy__key *key, void *into)
{
	struct policy *policy = into;
	size_t count = policy__values_count(yaml, value, "'internal'");

	(void)key;
	policy->networks.items =
	    policy__items_new(yaml, count, sizeof(policy->networks.items[0]));
	for (size_t i = 0; policy->networks.items && i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		const char *text = policy__scalar(yaml, node, "'internal'");
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
			policy->networks.items[policy->networks.count++] =
			    network;
	}
}

void
policy__networks_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
	static const struct policy__key keys[] = {
		{ "internal", true, read_networks, 0, NULL },
	};

	policy__mapping_read(yaml, node, "'networks'", keys, COUNT(keys),
			     policy);
}
