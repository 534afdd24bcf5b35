/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readers of the sections of a policy, one file for each few, and what
 * they share. */
#ifndef POLICY_LOAD_PRIV_H
#define POLICY_LOAD_PRIV_H

#include "policy/policy_priv.h"
#include "policy/schema_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Numbers of all lists of a file, groups counted wherever they are named. */
#define POLICY__PATTERNS_MAX 200000

/** The names of a list, to find one, and those that are there twice. */
struct policy__index {
	const char *kind;    /**< "area" */
	const char *items;   /**< each begins with its name */
	size_t count, bytes; /**< bytes of an item */
	const char **sorted;
};

/** What the readers of one policy share. */
struct policy__load {
	struct policy *policy;
	struct policy__index groups, sites, areas, classes, roles, purposes;
	bool groups_known;
	size_t patterns; /**< numbers read so far */
	uint32_t needs;  /**< of areas that do not say: enum policy__need */
};

/* ---- load_lists.c -------------------------------------------------------- */

/** Entries that have a name, and right behind it a struct policy__place. */
struct policy__list {
	const char *section; /**< "'areas'", for messages */
	const char *kind;    /**< "area"; NULL: they have no name */
	size_t bytes;        /**< of an entry */
	void (*read)(struct policy__yaml *yaml, yaml_node_t *node, void *entry);
};

/**
 * Read "NAME: ..." for each entry. All names are in the index before the first
 * entry is read.
 *
 * @return the entries, *count of them; NULL if there are none
 */
void *policy__map_read(struct policy__yaml *yaml, yaml_node_t *node,
		       const struct policy__list *list, size_t *count,
		       struct policy__index *index);

/** Read a list of entries with a 'name' each, which `read` reads. */
void *policy__list_read(struct policy__yaml *yaml, yaml_node_t *node,
			const struct policy__list *list, size_t *count);

/** Sort the names. Without memory it finds nothing, and the load fails. */
void policy__index_init(struct policy__yaml *yaml, struct policy__index *index,
			const char *kind, const void *items, size_t count,
			size_t bytes);
void policy__index_fini(struct policy__index *index);

/** @return which item has that name; SIZE_MAX: none */
size_t policy__index_find(const struct policy__index *index, const char *name);

/** @param at 0 at first
 * @return the next item whose name an earlier one has; SIZE_MAX: no more */
size_t policy__index_twice(const struct policy__index *index, size_t *at);

/** "standard, telecare", in the order of the file; "none". */
void policy__index_list(const struct policy__index *index, char *text,
			size_t bytes);

/** Find a name, or complain that it is not defined, and what is.
 * @return which; SIZE_MAX after a complaint */
size_t policy__index_want(struct policy__yaml *yaml, const yaml_node_t *node,
			  const char *what, const struct policy__index *index,
			  const char *name);

/** The value of a key of a mapping; the mapping itself, where it has none. */
const yaml_node_t *policy__value_of(struct policy__yaml *yaml,
				    const yaml_node_t *node, const char *key);

struct policy__place policy__place_of(const yaml_node_t *node);

/* ---- load_values.c ------------------------------------------------------- */

/**
 * Read a mapping as policy__mapping_read does, after texts have become "" and
 * sets all.
 *
 * @param node NULL: that alone
 */
void policy__entry_read(struct policy__yaml *yaml, yaml_node_t *node,
			const char *what, const struct policy__key *keys,
			size_t count, void *into);

/** Words that a value may be; by their number. NULL: that number is none. */
struct policy__words {
	size_t count;
	const char *const *words;
};

/** Span of time within limits, for key->arg. */
struct policy__span {
	int64_t min_ns, max_ns;
	const char *limits; /**< "from 0 s to 60 s" */
};

/* Each is a policy__read_fn. */
#define POLICY__READER(name)                                                   \
	void name(struct policy__yaml *yaml, yaml_node_t *value,               \
		  const struct policy__key *key, void *into)

POLICY__READER(policy__read_name);     /**< char[POLICY_NAME_BYTES] */
POLICY__READER(policy__read_text);     /**< const char *, the policy's */
POLICY__READER(policy__read_names);    /**< struct policy__names */
POLICY__READER(policy__read_roles);    /**< likewise, of `roles` */
POLICY__READER(policy__read_purposes); /**< likewise, of `purposes` */
POLICY__READER(policy__read_class);    /**< a name, of `retention` */
POLICY__READER(policy__read_role);     /**< ... of `roles` */
POLICY__READER(policy__read_purpose);  /**< ... of `purposes` */
POLICY__READER(policy__read_areas);    /**< struct policy__set */
POLICY__READER(policy__read_sites);    /**< struct policy__set */
POLICY__READER(policy__read_date);     /**< struct policy__date */
POLICY__READER(policy__read_duration); /**< struct policy__duration */
POLICY__READER(policy__read_span);     /**< int64_t; arg: policy__span */
POLICY__READER(policy__read_flag);     /**< bool: yes or no */
POLICY__READER(policy__read_either);   /**< bool, true for the second of the
					* policy__words in arg */
POLICY__READER(policy__read_word);     /**< an enum or int; arg: policy__words */
POLICY__READER(policy__read_bits);     /**< uint32_t, 1 << number of each word;
					* arg: policy__words */
POLICY__READER(policy__read_code);     /**< char[POLICY__CODE_BYTES] */

/** Keep a text of at most 2,000 bytes. NULL after a complaint. */
const char *policy__text_value(struct policy__yaml *yaml,
			       const yaml_node_t *node, const char *what);

/** One of the words, by number. -1 after a complaint. */
int policy__word_value(struct policy__yaml *yaml, const yaml_node_t *node,
		       const char *what, const struct policy__words *words);

/** "2019-09-30". False: not a day that the calendar has. */
bool policy__date_parse(const char *text, size_t n, int64_t *day);

/* ---- load_numbers.c ------------------------------------------------------ */

POLICY__READER(policy__read_numbers);  /**< struct policy__patterns */
POLICY__READER(policy__read_networks); /**< struct policy__networks */

/** IPv4 becomes ::ffff:0:0/96. */
bool policy__address_parse(const char *text, uint8_t address[16]);

/* ---- load_areas.c -------------------------------------------------------- */

POLICY__READER(policy__read_needs); /**< uint32_t, enum policy__need or'd */

/* ---- the sections -------------------------------------------------------- */

#define POLICY__SECTION(name)                                                  \
	void name(struct policy__yaml *yaml, yaml_node_t *node,                \
		  struct policy *policy)

POLICY__SECTION(policy__numbering_read);
POLICY__SECTION(policy__networks_read);
POLICY__SECTION(policy__groups_read);
POLICY__SECTION(policy__sites_read);
POLICY__SECTION(policy__areas_read);
POLICY__SECTION(policy__exemptions_read);
POLICY__SECTION(policy__listen_denies_read);
POLICY__SECTION(policy__payments_read);
POLICY__SECTION(policy__opt_out_read);
POLICY__SECTION(policy__rules_read);
POLICY__SECTION(policy__retention_read);
POLICY__SECTION(policy__metadata_read);
POLICY__SECTION(policy__clock_read);
POLICY__SECTION(policy__approval_read);
POLICY__SECTION(policy__roles_read);
POLICY__SECTION(policy__purposes_read);
POLICY__SECTION(policy__access_read);
POLICY__SECTION(policy__releases_read);
POLICY__SECTION(policy__reminders_read);
POLICY__SECTION(policy__announced_read);
POLICY__SECTION(policy__sampling_read);
POLICY__SECTION(policy__tests_read);

/** The keys of a struct policy__approval that is a member of a struct. */
#define POLICY__APPROVAL_KEYS(type, member, wanted)                            \
	{ "proposed_by", false, policy__read_text,                             \
	  offsetof(type, member.proposed_by), NULL },                          \
	    { "approved_by", wanted, policy__read_text,                        \
	      offsetof(type, member.approved_by), NULL },                      \
	    { "approved", wanted, policy__read_date,                           \
	      offsetof(type, member.approved), NULL },                         \
	    { "reference", false, policy__read_text,                           \
	      offsetof(type, member.reference), NULL },                        \
	    { "review_by", false, policy__read_date,                           \
	      offsetof(type, member.review_by), NULL },                        \
	{                                                                      \
		"ends", false, policy__read_date,                              \
		    offsetof(type, member.ends), NULL                          \
	}

/** What must hold between the dates of an approval. */
void policy__approval_check(struct policy__yaml *yaml, const yaml_node_t *node,
			    const char *what,
			    const struct policy__approval *approval);

#endif
