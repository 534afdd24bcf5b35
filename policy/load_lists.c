/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of what has a name, and finding it again by that name. */
#include "policy/load_priv.h"

#include <stdlib.h>
#include <string.h>

/* An entry begins with its name; where it was written comes next. */
#define CHECK(type)                                                            \
	_Static_assert(offsetof(type, name) == 0 &&                            \
			   offsetof(type, at) == POLICY_NAME_BYTES,            \
		       "see struct policy__list")
CHECK(struct policy__class);
CHECK(struct policy__rule);
CHECK(struct policy__group);
CHECK(struct policy__site);
CHECK(struct policy__area);
CHECK(struct policy__exemption);
CHECK(struct policy__listen_deny);
CHECK(struct policy__payment);
CHECK(struct policy__purpose);
CHECK(struct policy__role);
CHECK(struct policy__release);
CHECK(struct policy__reminder);
CHECK(struct policy__sample);

struct policy__place
policy__place_of(const yaml_node_t *node)
{
	return (struct policy__place){
		.line = (uint32_t)node->start_mark.line + 1,
		.column = (uint32_t)node->start_mark.column + 1,
	};
}

const yaml_node_t *
policy__value_of(struct policy__yaml *yaml, const yaml_node_t *node,
		 const char *key)
{
	if (node->type != YAML_MAPPING_NODE)
		return node;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = policy__node(yaml, pair->key);

		if (name->type == YAML_SCALAR_NODE &&
		    !strcmp((const char *)name->data.scalar.value, key))
			return policy__node(yaml, pair->value);
	}
	return node;
}

/* ---- names --------------------------------------------------------------- */

/** Of two with one name the earlier comes first. */
static int
name_compare(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int order = strcmp(x, y);

	return order ? order : (x > y) - (x < y);
}

void
policy__index_init(struct policy__yaml *yaml, struct policy__index *index,
		   const char *kind, const void *items, size_t count,
		   size_t bytes)
{
	*index = (struct policy__index){ .kind = kind,
					 .items = items,
					 .bytes = bytes };
	index->sorted = policy__items_new(yaml, count, sizeof(char *));
	if (!index->sorted)
		return;
	index->count = count;
	for (size_t i = 0; i < count; i++)
		index->sorted[i] = index->items + i * bytes;
	qsort(index->sorted, count, sizeof(char *), name_compare);
}

void
policy__index_fini(struct policy__index *index)
{
	free(index->sorted);
	memset(index, 0, sizeof(*index));
}

static size_t
item_of(const struct policy__index *index, const char *name)
{
	return (size_t)(name - index->items) / index->bytes;
}

size_t
policy__index_find(const struct policy__index *index, const char *name)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->sorted[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == index->count || strcmp(index->sorted[low], name) != 0)
		return SIZE_MAX;
	return item_of(index, index->sorted[low]);
}

size_t
policy__index_twice(const struct policy__index *index, size_t *at)
{
	while (++*at < index->count) {
		const char *name = index->sorted[*at];

		/* one that could not be read is complained of already */
		if (name[0] && !strcmp(name, index->sorted[*at - 1]))
			return item_of(index, name);
	}
	return SIZE_MAX;
}

void
policy__index_list(const struct policy__index *index, char *text, size_t bytes)
{
	size_t n = 0;

	snprintf(text, bytes, "none");
	for (size_t i = 0; i < index->count && n < bytes; i++) {
		int w = snprintf(text + n, bytes - n, "%s%s", i ? ", " : "",
				 index->items + i * index->bytes);

		n += w > 0 ? (size_t)w : 0;
	}
}

size_t
policy__index_want(struct policy__yaml *yaml, const yaml_node_t *node,
		   const char *what, const struct policy__index *index,
		   const char *name)
{
	size_t i = policy__index_find(index, name);
	char known[120];

	if (i != SIZE_MAX)
		return i;
	policy__index_list(index, known, sizeof(known));
	policy__complain(yaml, node,
			 "%s names the %s '%s', which is not defined; defined "
			 "are: %s",
			 what, index->kind, name, known);
	return SIZE_MAX;
}

/* ---- entries ------------------------------------------------------------- */

static void
entry_begin(char *entry, const yaml_node_t *node)
{
	struct policy__place at = policy__place_of(node);

	/* until, and unless, its name is read */
	snprintf(entry, POLICY_NAME_BYTES, "in line %u, column %u", at.line,
		 at.column);
	memcpy(entry + POLICY_NAME_BYTES, &at, sizeof(at));
}

static void
complain_of_twins(struct policy__yaml *yaml, const struct policy__index *index)
{
	size_t at = 0, i;

	while ((i = policy__index_twice(index, &at)) != SIZE_MAX) {
		const char *entry = index->items + i * index->bytes;
		struct policy__place place;

		memcpy(&place, entry + POLICY_NAME_BYTES, sizeof(place));
		policy__complain_at(yaml->errors, place.line, place.column,
				    "the %s '%s' is defined twice", index->kind,
				    entry);
	}
}

void *
policy__map_read(struct policy__yaml *yaml, yaml_node_t *node,
		 const struct policy__list *list, size_t *count,
		 struct policy__index *index)
{
	yaml_node_pair_t *pairs;
	char *entries, what[POLICY__WHAT_BYTES];
	size_t n;

	*index = (struct policy__index){ .kind = list->kind };
	if (!policy__is_mapping(yaml, node, list->section))
		return NULL;
	pairs = node->data.mapping.pairs.start;
	n = (size_t)(node->data.mapping.pairs.top - pairs);
	entries = policy__items_new(yaml, n, list->bytes);
	if (!entries)
		return NULL;
	*count = n;
	snprintf(what, sizeof(what), "a name in %s", list->section);
	for (size_t i = 0; i < n; i++) {
		yaml_node_t *key = policy__node(yaml, pairs[i].key);

		entry_begin(entries + i * list->bytes, key);
		policy__name_read(yaml, key, what, entries + i * list->bytes);
	}
	policy__index_init(yaml, index, list->kind, entries, n, list->bytes);
	complain_of_twins(yaml, index);
	for (size_t i = 0; i < n; i++)
		list->read(yaml, policy__node(yaml, pairs[i].value),
			   entries + i * list->bytes);
	return entries;
}

void *
policy__list_read(struct policy__yaml *yaml, yaml_node_t *node,
		  const struct policy__list *list, size_t *count)
{
	struct policy__index index;
	yaml_node_item_t *items;
	char *entries;
	size_t n;

	if (!policy__is_list(yaml, node, list->section))
		return NULL;
	items = node->data.sequence.items.start;
	n = (size_t)(node->data.sequence.items.top - items);
	entries = policy__items_new(yaml, n, list->bytes);
	if (!entries)
		return NULL;
	*count = n;
	for (size_t i = 0; i < n; i++) {
		yaml_node_t *item = policy__node(yaml, items[i]);

		if (list->kind)
			entry_begin(entries + i * list->bytes, item);
		list->read(yaml, item, entries + i * list->bytes);
	}
	if (!list->kind)
		return entries;
	policy__index_init(yaml, &index, list->kind, entries, n, list->bytes);
	complain_of_twins(yaml, &index);
	policy__index_fini(&index);
	return entries;
}
