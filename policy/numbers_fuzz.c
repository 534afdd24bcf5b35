/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text has one spelling, and that is its own. */
#include "policy/policy_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct policy__numbering plans[] = {
	{ .country = "44",
	  .international_prefix = "00",
	  .national_prefix = "0",
	  .outside_line = "9",
	  .extension_min = 2,
	  .extension_max = 6 },
	{ .country = "1",
	  .international_prefix = "011",
	  .national_prefix = "1",
	  .outside_line = "9",
	  .national_digits = 10,
	  .extension_min = 3,
	  .extension_max = 5 },
	{ .country = "39",
	  .international_prefix = "00",
	  .extension_min = 3,
	  .extension_max = 4 },
	{ .country = "7",
	  .international_prefix = "810",
	  .national_prefix = "8",
	  .extension_min = 3,
	  .extension_max = 4 },
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct policy__numbering *plan;
	char once[POLICY_NUMBER_BYTES], twice[POLICY_NUMBER_BYTES];
	struct policy__pattern pattern;
	char *text;

	if (!n)
		return 0;
	plan = &plans[bytes[0] % 4];
	text = malloc(n);
	assert(text);
	memcpy(text, bytes + 1, n - 1);
	text[n - 1] = '\0';
	policy__number_normalise(plan, text, once);
	assert(memchr(once, '\0', sizeof(once)));
	if (strlen(text) < POLICY_NUMBER_BYTES) {
		policy__number_normalise(plan, once, twice);
		assert(!strcmp(once, twice));
	}
	/* a pattern that is one number fits it */
	if (!policy__pattern_parse(plan, text, &pattern)) {
		const struct policy__patterns one = { 1, &pattern };

		if (pattern.kind != POLICY__PREFIX)
			assert(policy__patterns_fit(&one, pattern.first));
		if (pattern.kind == POLICY__RANGE)
			assert(policy__patterns_fit(&one, pattern.last));
		if (pattern.kind == POLICY__EXACT)
			assert(policy__patterns_fit(&one, once));
	}
	free(text);
	return 0;
}
