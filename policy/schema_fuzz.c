/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes are settings within their limits, or mistakes. */
#include "policy/policy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct sample {
	bool quick;
	uint32_t size;
	uint64_t large;
	char path[POLICY_TEXT_BYTES];
	struct policy_texts names;
};

static const struct policy_field fields[] = {
	{ "q", POLICY_FIELD_BOOL, offsetof(struct sample, quick), 0, 0, "",
	  "yes", "" },
	{ "s", POLICY_FIELD_U32, offsetof(struct sample, size), 4, 64, "KiB",
	  "16", "" },
	{ "l", POLICY_FIELD_U64, offsetof(struct sample, large), 10, UINT64_MAX,
	  "", "10", "" },
	{ "p", POLICY_FIELD_TEXT, offsetof(struct sample, path), 1,
	  POLICY_TEXT_BYTES - 1, "", "'/'", "" },
	{ "n", POLICY_FIELD_TEXTS, offsetof(struct sample, names), 1,
	  POLICY_TEXTS_MAX, "", "[a]", "" },
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct policy_errors errors;
	struct sample sample;
	int err;

	memset(&sample, 0xee, sizeof(sample));
	err = policy_fields_load(fields, 5, &sample, (const char *)bytes, n,
				 &errors);
	if (err) {
		assert(err == -EINVAL && errors.count > 0);
		return 0;
	}
	assert(sample.size >= 4 && sample.size <= 64);
	assert(sample.large >= 10);
	assert(memchr(sample.path, '\0', sizeof(sample.path)));
	assert(sample.path[0]);
	assert(sample.names.count >= 1 &&
	       sample.names.count <= POLICY_TEXTS_MAX);
	for (uint32_t i = 0; i < sample.names.count; i++)
		assert(memchr(sample.names.text[i], '\0', POLICY_TEXT_BYTES));
	return 0;
}
