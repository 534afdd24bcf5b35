/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading YAML by tables of keys. A reader never stops at the first mistake:
 * it complains, leaves its member alone and goes on, so that the user sees
 * every mistake of a file at once.
 */
#ifndef POLICY_SCHEMA_PRIV_H
#define POLICY_SCHEMA_PRIV_H

#include <yaml.h>

#include "policy/policy.h"

#define POLICY__FILE_BYTES_MAX ((size_t)4 * 1024 * 1024)
/** Collections in collections. A policy needs eight. */
#define POLICY__DEPTH_MAX 16
/** Keys of a mapping or items of a list. */
#define POLICY__ITEMS_MAX 20000

struct policy__load;

struct policy__yaml {
	yaml_document_t document;
	struct policy_errors *errors;
	bool no_memory; /**< a reader could not allocate: the load fails */
	struct policy__load *load; /**< what readers of a policy share */
};

struct policy__key;

/** Reads the value of one key into a member of *into. */
typedef void (*policy__read_fn)(struct policy__yaml *yaml, yaml_node_t *value,
				const struct policy__key *key, void *into);

/** One key that a mapping may have. */
struct policy__key {
	const char *name;
	bool required;
	policy__read_fn read;
	size_t offset;   /**< of the member in *into */
	const void *arg; /**< what else `read` wants to know */
};

/**
 * Parse. Refused are: more than 4 MiB, deep nesting, anchors and aliases (a
 * small file could unfold to a huge one), tags, a second document.
 *
 * @param errors emptied first
 * @return 0, -EINVAL (see errors), -ENODATA (nothing but comments), -ENOMEM
 */
int policy__yaml_open(struct policy__yaml *yaml, const char *text, size_t n,
		      struct policy_errors *errors)
	__attribute__((warn_unused_result));
void policy__yaml_close(struct policy__yaml *yaml);

/** Note a mistake at a node; NULL: in the file as a whole. */
void policy__complain(struct policy__yaml *yaml, const yaml_node_t *node,
		      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Note a mistake at a line and column, from 1; 0: the file as a whole. */
void policy__complain_at(struct policy_errors *errors, size_t line,
			 size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Mistakes are found section by section; people read from the top. */
void policy__errors_sort(struct policy_errors *errors);

/** What a node is, in words: "a list". */
const char *policy__node_is(const yaml_node_t *node);

/**
 * Read a mapping by its table: unknown keys, keys given twice and missing
 * required keys are mistakes.
 *
 * @param what "'site'", for the messages
 */
void policy__mapping_read(struct policy__yaml *yaml, yaml_node_t *node,
			  const char *what, const struct policy__key *keys,
			  size_t count, void *into);

/** Complain unless the node is a mapping (a list) of a sane size. */
bool policy__is_mapping(struct policy__yaml *yaml, const yaml_node_t *node,
			const char *what);
bool policy__is_list(struct policy__yaml *yaml, const yaml_node_t *node,
		     const char *what);

/** The text of a scalar, NUL-terminated, borrowed; NULL after a complaint. */
const char *policy__scalar(struct policy__yaml *yaml, const yaml_node_t *node,
			   const char *what);

/** Copy a scalar of min to bytes - 1 bytes. False after a complaint. */
bool policy__text_read(struct policy__yaml *yaml, const yaml_node_t *node,
		       const char *what, char *text, size_t min, size_t bytes);

/** A whole number within limits. False after a complaint. */
bool policy__number_read(struct policy__yaml *yaml, const yaml_node_t *node,
			 const struct policy_field *field, uint64_t *number);

/** yes or no (true, false). False after a complaint. */
bool policy__bool_read(struct policy__yaml *yaml, const yaml_node_t *node,
		       const char *what, bool *yes);

/** A name of at most POLICY_NAME_BYTES - 1 printable characters. */
bool policy__name_read(struct policy__yaml *yaml, yaml_node_t *node,
		       const char *what, char name[POLICY_NAME_BYTES]);

/** How many values a list has, or one alone has; 0 after a complaint. */
size_t policy__values_count(struct policy__yaml *yaml, yaml_node_t *node,
			    const char *what);
yaml_node_t *policy__value_get(struct policy__yaml *yaml, yaml_node_t *node,
			       size_t i);

/** Zeroed room for a list. NULL: yaml->no_memory is set. */
void *policy__items_new(struct policy__yaml *yaml, size_t count, size_t bytes);

/** A policy__read_fn: keep the node, a yaml_node_t * in *into, for later. */
void policy__read_later(struct policy__yaml *yaml, yaml_node_t *value,
			const struct policy__key *key, void *into);

/** Where the value of a key goes. */
void *policy__key_member(const struct policy__key *key, void *into);

#define POLICY__WHAT_BYTES 80
/** "'key'", for messages. */
const char *policy__key_quoted(const struct policy__key *key,
			       char what[POLICY__WHAT_BYTES]);

static inline yaml_node_t *
policy__node(struct policy__yaml *yaml, int index)
{
	return yaml_document_get_node(&yaml->document, index);
}

#endif
