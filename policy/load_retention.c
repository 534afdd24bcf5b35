/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections 'retention', 'metadata' and 'clock'. */
#include "policy/load_priv.h"

#include <string.h>

static bool
duration_is_zero(const struct policy__duration *d)
{
	return !d->days && !d->months;
}

static void
class_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__class, m)
	static const struct policy__key keys[] = {
		{ "min", false, policy__read_duration, AT(min), NULL },
		{ "max", true, policy__read_duration, AT(max), NULL },
		{ "then", false, policy__read_class, AT(then), NULL },
		{ "beyond", false, policy__read_text, AT(beyond), NULL },
		{ "gives_way", false, policy__read_flag, AT(gives_way), NULL },
	};
#undef AT
	struct policy__class *class = entry;
	uint32_t before = yaml->errors->count;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the class '%s'", class->name);
	policy__entry_read(yaml, node, what, keys, COUNT(keys), class);
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
				 "every year, or %s",
				 what,
				 class->gives_way
				     ? "there is no time in which it can give "
				       "way"
				     : "there is no time left to delete");
}

void
policy__retention_read(struct policy__yaml *yaml, yaml_node_t *node,
		       struct policy *policy)
{
	static const struct policy__list list = { "'retention'", "class",
						  sizeof(struct policy__class),
						  class_read };

	policy->classes = policy__map_read(
	    yaml, node, &list, &policy->classes_count, &yaml->load->classes);
	if (policy->classes && !policy->classes_count)
		policy__complain(yaml, node, "'retention' defines no class");
}

void
policy__metadata_read(struct policy__yaml *yaml, yaml_node_t *node,
		      struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const struct policy__key keys[] = {
		{ "max", true, policy__read_duration, AT(metadata), NULL },
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

void
policy__clock_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
#define AT(m) offsetof(struct policy, m)
	static const char *const words[] = { "optional", "required" };
	static const struct policy__words needs = { COUNT(words), words };
	static const struct policy__key keys[] = {
		{ "synchronised", true, policy__read_either,
		  AT(clock_synchronised), &needs },
	};
#undef AT

	policy__mapping_read(yaml, node, "'clock'", keys, COUNT(keys), policy);
}
