/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of a policy: reasons, names of people, notes. */
#include "policy/policy_priv.h"

#include <stdlib.h>
#include <string.h>

struct policy__text {
	struct policy__text *next;
	char text[];
};

const char *
policy__text_keep(struct policy *policy, const char *text)
{
	size_t n = strlen(text) + 1;
	struct policy__text *kept = malloc(sizeof(*kept) + n);

	if (!kept)
		return NULL;
	memcpy(kept->text, text, n);
	kept->next = policy->texts;
	policy->texts = kept;
	return kept->text;
}

void
policy__texts_free(struct policy__text **texts)
{
	while (*texts) {
		struct policy__text *next = (*texts)->next;

		free(*texts);
		*texts = next;
	}
}
