/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of which the policy keeps no more than a count of each day. */
#include "cmd/spanrec/spanrec.h"

#include <inttypes.h>
#include <string.h>

/* More kinds than there is room for are no reason to say nothing. */
static int
add_count(void *ctx, uint32_t day, const char *name, uint64_t count)
{
	struct spanrec_counts *counts = ctx;
	size_t i = 0;

	(void)day;
	while (i < counts->count && strcmp(counts->of[i].name, name) != 0)
		i++;
	if (i == SPANREC_COUNTS_MAX)
		return 0;
	if (i == counts->count)
		snprintf(counts->of[counts->count++].name, STORE_NAME_BYTES,
			 "%s", name);
	counts->of[i].count += count;
	return 0;
}

int
spanrec_counts_read(const struct spanrec *spanrec, int64_t from_ns,
		    int64_t to_ns, struct spanrec_counts *counts)
{
	*counts = (struct spanrec_counts){ 0 };
	return store_counters(
	    spanrec->archive, from_ns ? store_day(from_ns) : 0,
	    to_ns ? store_day(to_ns - 1) : UINT32_MAX, add_count, counts);
}

void
spanrec_counts_print(FILE *to, const struct spanrec_counts *counts)
{
	for (size_t i = 0; i < counts->count; i++)
		fprintf(to, "%s%" PRIu64 " %s", i ? ", " : "",
			counts->of[i].count, counts->of[i].name);
}
