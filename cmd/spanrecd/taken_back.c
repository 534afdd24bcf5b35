/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrecd/taken_back.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/common/log.h"
#include "policy/policy.h"

enum { WHY_BYTES = 2 * STORE_NAME_BYTES };

static const char actor[] = "spanrecd";

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void
say_why(char why[WHY_BYTES], const struct store_segment *row)
{
	snprintf(why, WHY_BYTES, "decided against after it had begun: %s",
		 row->reason);
}

bool
taken_back_decide(struct store_segment *row, const struct store_segment *as)
{
	if (!row->key_day || row->state == STORE_STATE_PURGED ||
	    row->state == STORE_STATE_HELD)
		return false;
	row->decision = as->decision;
	memcpy(row->reason, as->reason, sizeof(row->reason));
	memcpy(row->rule, as->rule, sizeof(row->rule));
	memcpy(row->retention, as->retention, sizeof(row->retention));
	return true;
}

/* The row that is to be written may be older than the hold. */
static bool
is_held(struct store_archive *archive, const char *id)
{
	struct store_segment there;

	return store_segment_get(archive, id, &there) == 0 &&
	       there.state == STORE_STATE_HELD;
}

int
taken_back_begin(struct store_archive *archive, struct store_segment *row,
		 uint8_t traces)
{
	char why[WHY_BYTES];

	if (is_held(archive, row->id)) {
		log_warning("%s is held: it stays, though it was decided "
			    "against (%s)",
			    row->id, row->reason);
		return 0;
	}
	say_why(why, row);
	if (traces != POLICY_TRACES_FULL)
		store_segment_strip(row);
	return store_purge_begin(archive, row, now_ns(), actor, why,
				 traces == POLICY_TRACES_COUNT ? row->reason
							       : NULL);
}

int
taken_back_finish(struct store_archive *archive,
		  const struct store_segment *row, uint8_t traces)
{
	char why[WHY_BYTES];
	int r;

	say_why(why, row);
	if (traces == POLICY_TRACES_COUNT)
		r = store_discard(archive, row->id, now_ns(), actor, why,
				  row->reason);
	else
		r = store_purge(archive, row->id, now_ns(), actor, why);
	/* all of its call may have gone before it; or it is held */
	return r == -EALREADY || r == -ENOENT || r == -EPERM ? 0 : r;
}
