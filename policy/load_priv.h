/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readers of the sections of a policy, one file for each few. */
#ifndef POLICY_LOAD_PRIV_H
#define POLICY_LOAD_PRIV_H

#include "policy/policy_priv.h"
#include "policy/schema_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void policy__numbering_read(struct policy__yaml *yaml, yaml_node_t *node,
			    struct policy__numbering *numbering);
void policy__networks_read(struct policy__yaml *yaml, yaml_node_t *node,
			   struct policy *policy);
void policy__rules_read(struct policy__yaml *yaml, yaml_node_t *node,
			struct policy *policy);

/** Numbers, ranges and prefixes, one alone or a list. */
void policy__patterns_read(struct policy__yaml *yaml, yaml_node_t *value,
			   const char *what,
			   const struct policy__numbering *numbering,
			   struct policy__patterns *patterns);

#endif
