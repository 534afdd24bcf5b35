/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes are no zone, or one in which instants and civil times agree. */
#include "policy/policy_priv.h"

#include <assert.h>
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check_instant(const struct policy_zone *zone, int64_t time_ns)
{
	struct policy_civil civil;

	policy_zone_civil(zone, time_ns, &civil);
	assert(civil.month >= 1 && civil.month <= 12);
	assert(civil.day >= 1 &&
	       civil.day <= policy__days_in_month(civil.year, civil.month));
	assert(civil.hour < 24 && civil.minute < 60 && civil.second < 60);
	assert(civil.nanosecond < 1000000000);
	assert(policy_zone_instant(zone, &civil, false) <= time_ns);
	assert(policy_zone_instant(zone, &civil, true) >= time_ns);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct policy_zone *zone;
	int err = policy__zone_parse(&zone, bytes, n);
	int64_t t_ns = INT64_MIN;

	if (err) {
		assert(err == -EBADMSG);
		assert(!zone);
		return 0;
	}
	/* steps of about 9 years and some hours, to the end of time */
	while (t_ns < INT64_MAX - INT64_C(284000000123456789)) {
		check_instant(zone, t_ns);
		t_ns += INT64_C(284000000123456789);
	}
	/* around the first days that the file speaks of */
	for (size_t i = 0; i + 8 <= n && i < 512; i += 4) {
		uint64_t at = 0;

		for (size_t j = 0; j < 8; j++)
			at = at << 8 | bytes[i + j];
		at %= 8000000000;
		check_instant(zone, (int64_t)at * POLICY__SECOND_NS);
		check_instant(zone, (int64_t)at * POLICY__SECOND_NS - 1);
	}
	policy_zone_free(&zone);
	return 0;
}
