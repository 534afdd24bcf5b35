/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times that people type: any text is read or refused; what is read is a period
 * that does not end before it begins. */
#include "cmd/spanrec/spanrec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1553782503000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct policy_zone *zone;
	struct spanrec_period period;
	char *text, utc[SPANREC_TIME_BYTES];
	int64_t offset_ns;

	if (!zone && policy_zone_load(&zone, "Europe/London"))
		abort();
	text = malloc(n + 1);
	if (!text)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';

	if (!spanrec_period_parse(text, zone, NOW, &period)) {
		assert(period.from_ns <= period.to_ns);
		/* what is printed can be typed, to the millisecond */
		spanrec_time_utc(period.from_ns, utc);
		if (period.from_ns >= 0) {
			assert(!spanrec_period_parse(utc, zone, NOW, &period));
			spanrec_time_zoned(zone, period.to_ns, utc);
		}
	}
	if (!spanrec_around_parse(text, zone, NOW, &period))
		assert(period.from_ns <= period.to_ns);
	if (!spanrec_offset_parse(text, &offset_ns))
		assert(offset_ns >= 0);
	free(text);
	return 0;
}
