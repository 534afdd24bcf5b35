/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy as a heap of facts. */
#ifndef POLICY_DIFF_PRIV_H
#define POLICY_DIFF_PRIV_H

#include "policy/words_priv.h"

enum policy__section {
	POLICY__IN_APPROVAL, POLICY__IN_CONSULTED, POLICY__IN_HISTORY,
	POLICY__IN_ORGANISATION, POLICY__IN_NUMBERING, POLICY__IN_NETWORKS,
	POLICY__IN_GROUP, POLICY__IN_SITE, POLICY__IN_AREA,
	POLICY__IN_EXEMPTION, POLICY__IN_LISTEN_DENY, POLICY__IN_PAYMENT,
	POLICY__IN_OPT_OUT, POLICY__IN_RULE, POLICY__IN_RETENTION,
	POLICY__IN_METADATA, POLICY__IN_CLOCK, POLICY__IN_PURPOSE,
	POLICY__IN_OWNER, POLICY__IN_ROLE, POLICY__IN_ACCESS, POLICY__IN_RELEASE,
	POLICY__IN_REMINDER, POLICY__IN_ANNOUNCED, POLICY__IN_SAMPLING,
	POLICY__IN_TEST, POLICY__SECTIONS
};
/** What one of them is called: "exemption". */
extern const char *const policy__section_names[POLICY__SECTIONS];

struct policy__fact {
	enum policy__section section;
	const char *object; /**< its name; "" where there is one only.
			     * Borrowed of the policy */
	const char *label;  /**< "": that the object is there */
	char *words;
};

struct policy__facts {
	size_t count, capacity;
	struct policy__fact *items;
	bool failed; /**< out of memory */
	/* what is being written */
	enum policy__section section;
	const char *object;
	FILE *stream;
	size_t words_bytes;
};

/** Write a fact of the current object. @return where to; NULL: no memory, and
 * there is no fact to end */
FILE *policy__fact_begin(struct policy__facts *facts, const char *label);
void policy__fact_end(struct policy__facts *facts);

/** Everything that a policy says. */
void policy__facts_of(const struct policy *policy, struct policy__facts *facts);
void policy__facts_free(struct policy__facts *facts);

#endif
