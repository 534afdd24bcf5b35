/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies that were put in force one after the other, and what each of them
 * said about a recording. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
spanrec_applied_add(struct spanrec_applied_list *list,
		    const struct store_ledger_entry *entry)
{
	size_t capacity = list->capacity ? 2 * list->capacity : 8;
	char hex[2 * STORE_HASH_BYTES + 1];
	struct spanrec_applied one = { .time_ns = entry->time_ns }, *grown;

	memcpy(hex, entry->detail, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	if (strcmp(entry->action, "policy") != 0 ||
	    store_unhex(one.hash, sizeof(one.hash), hex))
		return 0;
	memcpy(one.by, entry->actor, sizeof(one.by));
	if (list->count == list->capacity) {
		grown = reallocarray(list->items, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->capacity = capacity;
	}
	list->items[list->count++] = one;
	return 0;
}

void
spanrec_applied_fini(struct spanrec_applied_list *list)
{
	free(list->items);
	*list = (struct spanrec_applied_list){ 0 };
}

/* ---- what it said -------------------------------------------------------- */

static int
clock_today(const struct spanrec *spanrec, const struct store_segment *segment,
	    struct policy_clock *clock)
{
	int r = clocks_of(spanrec->clocks, spanrec->archive, spanrec->policy,
			  segment, clock);

	return r < 0 && r != -ENOENT ? r : 0;
}

/* Of one that is missing, what today's says. */
static int
clock_by(const struct spanrec *spanrec, const uint8_t hash[STORE_HASH_BYTES],
	 const struct store_segment *segment, struct policy_clock *clock)
{
	const struct policy *policy;
	int r = clocks_policy(spanrec->clocks, spanrec->archive, hash, &policy);

	if (r)
		return r;
	if (!policy)
		return clock_today(spanrec, segment, clock);
	r = clocks_if_applied(spanrec->clocks, spanrec->archive, policy,
			      segment, clock);
	return r < 0 && r != -ENOENT ? r : 0;
}

/* In force until now: today's, which may be longer in its file. What an older
 * version applied the archive does not know to be the last. */
static int
clock_of_last(const struct spanrec *spanrec, const struct spanrec_applied *last,
	      const struct store_segment *segment, struct policy_clock *clock)
{
	uint8_t hash[STORE_HASH_BYTES];
	int r = store_policy_applied(spanrec->archive, hash);

	if (r && r != -ENOENT)
		return r;
	if (!r && memcmp(hash, last->hash, sizeof(hash)) == 0)
		return clock_today(spanrec, segment, clock);
	return clock_by(spanrec, last->hash, segment, clock);
}

int
spanrec_clock_then(const struct spanrec *spanrec,
		   const struct spanrec_applied_list *list,
		   const struct store_segment *segment,
		   struct policy_clock *clock)
{
	struct policy_clock before;
	size_t i = list->count;
	int r;

	if (!i)
		return clock_today(spanrec, segment, clock);
	r = clock_of_last(spanrec, &list->items[i - 1], segment, clock);
	/* was it overdue already by the one before? */
	while (!r && i-- && clock->ceiling_ns < list->items[i].time_ns) {
		const int64_t applied_ns = list->items[i].time_ns;

		r = clock_by(spanrec,
			     i ? list->items[i - 1].hash : segment->policy,
			     segment, &before);
		if (r)
			break;
		if (before.ceiling_ns >= applied_ns) {
			clock->ceiling_ns = applied_ns + CLOCKS_MARGIN_NS;
			break;
		}
		clock->ceiling_ns = before.ceiling_ns;
	}
	return r;
}
