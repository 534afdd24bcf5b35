/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading YAML mappings by a table of keys, and the settings that are such a
 * table as data: reader, sample file and manual come from the same rows.
 */
#include "policy/schema_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 64

static const char *
name_quoted(const char *name, char what[POLICY__WHAT_BYTES])
{
	snprintf(what, POLICY__WHAT_BYTES, "'%s'", name);
	return what;
}

const char *
policy__key_quoted(const struct policy__key *key, char what[POLICY__WHAT_BYTES])
{
	return name_quoted(key->name, what);
}

const char *
policy__node_is(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a group of keys";
	default:
		return node->data.scalar.length ? "a single value" : "empty";
	}
}

static bool
size_is_sane(struct policy__yaml *yaml, const yaml_node_t *node,
	     const char *what, ptrdiff_t count)
{
	if (count <= POLICY__ITEMS_MAX)
		return true;
	policy__complain(yaml, node, "%s has %td entries; at most %d are read",
			 what, count, POLICY__ITEMS_MAX);
	return false;
}

bool
policy__is_mapping(struct policy__yaml *yaml, const yaml_node_t *node,
		   const char *what)
{
	if (node->type == YAML_MAPPING_NODE)
		return size_is_sane(yaml, node, what,
				    node->data.mapping.pairs.top -
					node->data.mapping.pairs.start);
	policy__complain(yaml, node,
			 "%s must be a group of keys ('key: value'), but is %s",
			 what, policy__node_is(node));
	return false;
}

bool
policy__is_list(struct policy__yaml *yaml, const yaml_node_t *node,
		const char *what)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return size_is_sane(yaml, node, what,
				    node->data.sequence.items.top -
					node->data.sequence.items.start);
	policy__complain(yaml, node,
			 "%s must be a list ('[a, b]', or lines that begin "
			 "with '- '), but is %s",
			 what, policy__node_is(node));
	return false;
}

const char *
policy__scalar(struct policy__yaml *yaml, const yaml_node_t *node,
	       const char *what)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE) {
		policy__complain(yaml, node,
				 "%s must be a single value, but is %s", what,
				 policy__node_is(node));
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	if (node->data.scalar.length == 0 &&
	    node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		policy__complain(yaml, node, "%s has no value", what);
		return NULL;
	}
	if (strlen(text) != node->data.scalar.length) {
		policy__complain(yaml, node, "%s has a zero byte in it", what);
		return NULL;
	}
	return text;
}

bool
policy__text_read(struct policy__yaml *yaml, const yaml_node_t *node,
		  const char *what, char *text, size_t min, size_t bytes)
{
	const char *value = policy__scalar(yaml, node, what);
	size_t n;

	if (!value)
		return false;
	n = strlen(value);
	if (n < min || n >= bytes) {
		policy__complain(yaml, node,
				 "%s must have from %zu to %zu bytes, and "
				 "has %zu",
				 what, min, bytes - 1, n);
		return false;
	}
	memcpy(text, value, n + 1);
	return true;
}

bool
policy__number_read(struct policy__yaml *yaml, const yaml_node_t *node,
		    const struct policy_field *field, uint64_t *number)
{
	char what[POLICY__WHAT_BYTES];
	const char *text =
	    policy__scalar(yaml, node, name_quoted(field->name, what));
	const char *space = field->unit[0] ? " " : "";
	unsigned long long value;
	char *end;

	if (!text)
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end) {
		policy__complain(yaml, node,
				 "%s must be a whole number%s%s%s, but is "
				 "'%.40s'",
				 what, field->unit[0] ? " of" : "", space,
				 field->unit, text);
		return false;
	}
	if (errno || value < field->min || value > field->max) {
		policy__complain(yaml, node,
				 "%s must be from %llu to %llu%s%s, but is "
				 "%.40s",
				 what, (unsigned long long)field->min,
				 (unsigned long long)field->max, space,
				 field->unit, text);
		return false;
	}
	*number = value;
	return true;
}

static void
complain_unknown(struct policy__yaml *yaml, const yaml_node_t *node,
		 const char *what, const struct policy__key *keys, size_t count)
{
	char known[260] = "";
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t room = sizeof(known) - n;
		int w = snprintf(known + n, room, "%s%s", i ? ", " : "",
				 keys[i].name);

		if (w < 0 || (size_t)w >= room) {
			snprintf(known + n, room, ", ...");
			break;
		}
		n += (size_t)w;
	}
	policy__complain(yaml, node, "%s knows no key '%.30s'; it knows: %s",
			 what, (const char *)node->data.scalar.value, known);
}

static size_t
key_find(const struct policy__key *keys, size_t count, const char *name)
{
	size_t i = 0;

	while (i < count && strcmp(keys[i].name, name) != 0)
		i++;
	return i;
}

/** A mapping being read. */
struct walk {
	const char *what;
	const struct policy__key *keys;
	size_t count;
	void *into;
	const yaml_node_t *seen[FIELDS_MAX]; /* where each key was given */
};

static void
pair_read(struct policy__yaml *yaml, const yaml_node_pair_t *pair,
	  struct walk *walk)
{
	yaml_node_t *node = policy__node(yaml, pair->key);
	const char *name = policy__scalar(yaml, node, "a key");
	const struct policy__key *key;
	size_t i;

	if (!name)
		return;
	i = key_find(walk->keys, walk->count, name);
	key = &walk->keys[i];
	if (i == walk->count) {
		complain_unknown(yaml, node, walk->what, walk->keys,
				 walk->count);
	} else if (walk->seen[i]) {
		policy__complain(yaml, node,
				 "'%s' is given twice; first in line %zu", name,
				 walk->seen[i]->start_mark.line + 1);
	} else {
		walk->seen[i] = node;
		key->read(yaml, policy__node(yaml, pair->value), key,
			  walk->into);
	}
}

void
policy__mapping_read(struct policy__yaml *yaml, yaml_node_t *node,
		     const char *what, const struct policy__key *keys,
		     size_t count, void *into)
{
	struct walk walk = {
		.what = what, .keys = keys, .count = count, .into = into
	};

	assert(count <= FIELDS_MAX);
	if (!policy__is_mapping(yaml, node, what))
		return;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++)
		pair_read(yaml, pair, &walk);
	for (size_t i = 0; i < count; i++) {
		if (keys[i].required && !walk.seen[i])
			policy__complain(yaml, node, "%s lacks the key '%s'",
					 what, keys[i].name);
	}
}

/* ---- values ------------------------------------------------------------ */

void *
policy__items_new(struct policy__yaml *yaml, size_t count, size_t bytes)
{
	void *items = calloc(count ? count : 1, bytes);

	if (!items)
		yaml->no_memory = true;
	return items;
}

/** How many values a list has, or one alone; 0 after a complaint. */
size_t
policy__values_count(struct policy__yaml *yaml, yaml_node_t *node,
		     const char *what)
{
	size_t count;

	if (node->type == YAML_SCALAR_NODE)
		return policy__scalar(yaml, node, what) ? 1 : 0;
	if (!policy__is_list(yaml, node, what))
		return 0;
	count = (size_t)(node->data.sequence.items.top -
			 node->data.sequence.items.start);
	if (!count)
		policy__complain(yaml, node, "%s is an empty list", what);
	return count;
}

yaml_node_t *
policy__value_get(struct policy__yaml *yaml, yaml_node_t *node, size_t i)
{
	if (node->type == YAML_SCALAR_NODE)
		return node;
	return policy__node(yaml, node->data.sequence.items.start[i]);
}

void *
policy__key_member(const struct policy__key *key, void *into)
{
	return (char *)into + key->offset;
}

/** Keep a section for later. */
void
policy__read_later(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	(void)yaml;
	*(yaml_node_t **)policy__key_member(key, into) = value;
}

bool
policy__name_read(struct policy__yaml *yaml, yaml_node_t *node,
		  const char *what, char name[POLICY_NAME_BYTES])
{
	char text[POLICY_NAME_BYTES];

	if (!policy__text_read(yaml, node, what, text, 1, sizeof(text)))
		return false;
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			policy__complain(yaml, node,
					 "%s has a character in it that cannot "
					 "be printed",
					 what);
			return false;
		}
	}
	memcpy(name, text, sizeof(text));
	return true;
}

bool
policy__bool_read(struct policy__yaml *yaml, const yaml_node_t *node,
		  const char *what, bool *yes)
{
	const char *text = policy__scalar(yaml, node, what);

	if (!text)
		return false;
	*yes = !strcmp(text, "yes") || !strcmp(text, "true");
	if (*yes || !strcmp(text, "no") || !strcmp(text, "false"))
		return true;
	policy__complain(yaml, node, "%s must be yes or no, but is '%.40s'",
			 what, text);
	return false;
}

/* ---- settings ---------------------------------------------------------- */

static void
read_texts(struct policy__yaml *yaml, yaml_node_t *value, const char *what,
	   const struct policy_field *field, struct policy_texts *texts)
{
	yaml_node_item_t *items;
	size_t count;

	if (!policy__is_list(yaml, value, what))
		return;
	items = value->data.sequence.items.start;
	count = (size_t)(value->data.sequence.items.top - items);
	if (count < field->min || count > field->max) {
		policy__complain(yaml, value,
				 "%s must have from %llu to %llu entries, and "
				 "has %zu",
				 what, (unsigned long long)field->min,
				 (unsigned long long)field->max, count);
		return;
	}
	texts->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (policy__text_read(yaml, policy__node(yaml, items[i]), what,
				      texts->text[texts->count], 1,
				      POLICY_TEXT_BYTES))
			texts->count++;
	}
}

static void
read_field(struct policy__yaml *yaml, yaml_node_t *value,
	   const struct policy__key *key, void *into)
{
	const struct policy_field *field = key->arg;
	void *member = policy__key_member(key, into);
	char what[POLICY__WHAT_BYTES];
	uint64_t number;
	bool yes;

	policy__key_quoted(key, what);
	switch (field->type) {
	case POLICY_FIELD_BOOL:
		if (policy__bool_read(yaml, value, what, &yes))
			*(bool *)member = yes;
		break;
	case POLICY_FIELD_U32:
		assert(field->max <= UINT32_MAX);
		if (policy__number_read(yaml, value, field, &number))
			*(uint32_t *)member = (uint32_t)number;
		break;
	case POLICY_FIELD_U64:
		if (policy__number_read(yaml, value, field, &number))
			*(uint64_t *)member = number;
		break;
	case POLICY_FIELD_TEXT:
		assert(field->max < POLICY_TEXT_BYTES);
		policy__text_read(yaml, value, what, member, (size_t)field->min,
				  (size_t)field->max + 1);
		break;
	case POLICY_FIELD_TEXTS:
		assert(field->max <= POLICY_TEXTS_MAX);
		read_texts(yaml, value, what, field, member);
		break;
	}
}

static int
fields_read(const struct policy_field *fields, size_t count, void *into,
	    const char *text, size_t n, struct policy_errors *errors)
{
	struct policy__key keys[FIELDS_MAX];
	struct policy__yaml yaml;
	int err;

	assert(count <= FIELDS_MAX);
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct policy__key){ .name = fields[i].name,
						.read = read_field,
						.offset = fields[i].offset,
						.arg = &fields[i] };
	err = policy__yaml_open(&yaml, text, n, errors);
	if (err)
		return err == -ENODATA ? 0 : err;
	policy__mapping_read(&yaml, yaml_document_get_root_node(&yaml.document),
			     "the file", keys, count, into);
	policy__yaml_close(&yaml);
	return errors->count ? -EINVAL : 0;
}

/* The defaults are read from the file that policy_fields_write makes, so that
 * what `init` writes and what a missing line means cannot differ. */
int
policy_fields_load(const struct policy_field *fields, size_t count, void *into,
		   const char *text, size_t n, struct policy_errors *errors)
{
	char *defaults = NULL;
	size_t defaults_bytes;
	FILE *to = open_memstream(&defaults, &defaults_bytes);
	int err;

	if (!to)
		return -ENOMEM;
	err = policy_fields_write(fields, count, to);
	if (fclose(to) || err) {
		err = -ENOMEM;
		goto out;
	}
	err =
	    fields_read(fields, count, into, defaults, defaults_bytes, errors);
	assert(err != -EINVAL);
	if (!err)
		err = fields_read(fields, count, into, text, n, errors);
out:
	free(defaults);
	return err;
}

static void
write_limits(const struct policy_field *field, FILE *to)
{
	const char *unit = field->unit[0] ? " " : "";

	switch (field->type) {
	case POLICY_FIELD_BOOL:
		fprintf(to, "# yes or no\n");
		break;
	case POLICY_FIELD_U32:
	case POLICY_FIELD_U64:
		fprintf(to, "# from %llu to %llu%s%s\n",
			(unsigned long long)field->min,
			(unsigned long long)field->max, unit, field->unit);
		break;
	case POLICY_FIELD_TEXT:
		break;
	case POLICY_FIELD_TEXTS:
		fprintf(to, "# a list of at most %llu\n",
			(unsigned long long)field->max);
		break;
	}
}

int
policy_fields_write(const struct policy_field *fields, size_t count, FILE *to)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = fields[i].text;

		fputs(i ? "\n# " : "# ", to);
		for (; *text; text++) {
			fputc(*text, to);
			if (*text == '\n')
				fputs("# ", to);
		}
		fputc('\n', to);
		write_limits(&fields[i], to);
		fprintf(to, "%s: %s\n", fields[i].name, fields[i].value);
	}
	return ferror(to) ? -EIO : 0;
}
