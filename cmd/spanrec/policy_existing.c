/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy apply --existing: what another policy makes of the recordings that
 * there are. Due times are computed from the policy in force, so a changed
 * class changes the time of everything that is stored in it; that has to be
 * meant, and known to its extent, before it happens.
 */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* Of one retention class. */
struct change {
	struct spanrec *spanrec;
	const struct policy *policy;
	struct spanrec_existing *all;
	const char *class;
	uint64_t earlier, later, due, held;
	uint64_t giving; /* of the earlier ones: only where the disk is full */
	int64_t oldest_ns, youngest_ns; /* calls of those that are due */
	bool headed;
};

int
spanrec_existing_parse(struct spanrec_existing *existing, bool agreed,
		       const char *deletes)
{
	char *end;

	*existing = (struct spanrec_existing){ .agreed = agreed };
	if (!deletes)
		return 0;
	if (!agreed) {
		log_error("--deletes says how many recordings that there are "
			  "may go: it needs --existing");
		return EXIT_USAGE;
	}
	errno = 0;
	existing->most_due = strtoull(deletes, &end, 10);
	if (strspn(deletes, "0123456789") != strlen(deletes) || !*deletes ||
	    errno) {
		log_error("--deletes %s: that is no number of recordings",
			  deletes);
		return EXIT_USAGE;
	}
	return 0;
}

/* Held ones stay, whatever the clock says. */
static void
note_due(struct change *change, const struct store_segment *segment)
{
	if (segment->state == STORE_STATE_HELD) {
		change->held++;
		return;
	}
	if (!change->due || segment->call_start_ns < change->oldest_ns)
		change->oldest_ns = segment->call_start_ns;
	if (!change->due || segment->call_start_ns > change->youngest_ns)
		change->youngest_ns = segment->call_start_ns;
	change->due++;
}

static int
compare_clocks(void *ctx, const struct store_segment *segment)
{
	struct change *change = ctx;
	int64_t now_ns = change->spanrec->now_ns;
	struct policy_clock before, after;
	int r;

	if (!spanrec_segment_audible(segment))
		return 0;
	r = spanrec_draft_clocks(change->spanrec, change->policy, segment,
				 &before, &after);
	if (r)
		return r;
	if (after.due_ns < before.due_ns ||
	    after.ceiling_ns < before.ceiling_ns) {
		change->earlier++;
	} else if (spanrec_gives_way_now(&before, &after)) {
		change->earlier++;
		change->giving++;
	} else if (after.due_ns > before.due_ns ||
		   after.ceiling_ns > before.ceiling_ns) {
		change->later++;
	}
	if (after.due_ns <= now_ns && before.due_ns > now_ns)
		note_due(change, segment);
	return 0;
}

/* What there is of calls that were not recorded, or whose recording is gone. */
static int
compare_notes(void *ctx, const struct store_segment *segment)
{
	struct change *change = ctx;
	const int64_t now_ns = change->spanrec->now_ns;
	struct policy_clock before, after;
	int r;

	if (spanrec_segment_audible(segment) ||
	    segment->state == STORE_STATE_RECORDING)
		return 0;
	r = spanrec_draft_clocks(change->spanrec, change->policy, segment,
				 &before, &after);
	if (r)
		return r;
	change->all->notes += after.metadata_ns < before.metadata_ns;
	change->all->notes_due +=
	    after.metadata_ns <= now_ns && before.metadata_ns > now_ns;
	return 0;
}

/* ---- in words ------------------------------------------------------------ */

static const char *
recordings(uint64_t count)
{
	return count == 1 ? "recording" : "recordings";
}

static void
complain_class(const struct change *change)
{
	char clean[SPANREC_TEXT_BYTES];
	uint64_t count = change->earlier + change->later;

	log_error("%" PRIu64 " %s of the retention class '%s' would be "
		  "deleted %s than %s now",
		  count, recordings(count),
		  spanrec_text_clean(change->class, clean, sizeof(clean)),
		  !change->later     ? "earlier"
		  : !change->earlier ? "later"
				     : "at other times",
		  count == 1 ? "it is" : "they are");
	if (change->giving)
		log_error("%" PRIu64 " of these would give way: earlier only "
			  "where the disk is full",
			  change->giving);
}

static void
tell_class(struct change *change)
{
	const struct policy_zone *zone = change->spanrec->zone;
	FILE *out = change->spanrec->out;
	char clean[SPANREC_TEXT_BYTES], oldest[SPANREC_TIME_BYTES],
	    youngest[SPANREC_TIME_BYTES];

	if (!change->headed)
		fputs("recordings that there are:\n", out);
	change->headed = true;
	fprintf(out,
		"  class '%s': %" PRIu64 " to be deleted earlier, %" PRIu64
		" later\n",
		spanrec_text_clean(change->class, clean, sizeof(clean)),
		change->earlier, change->later);
	if (change->giving)
		fprintf(out,
			"    %" PRIu64 " of these give way: earlier only where "
			"the disk is full\n",
			change->giving);
	if (change->due) {
		spanrec_time_zoned(zone, change->oldest_ns, oldest);
		spanrec_time_zoned(zone, change->youngest_ns, youngest);
		fprintf(out,
			"    %" PRIu64 " at once, of calls from %s to %s\n",
			change->due, oldest, youngest);
	}
	if (change->held)
		fprintf(out,
			"    %" PRIu64 " would be past their time and stay, "
			"since they are held\n",
			change->held);
}

/* ---- all classes --------------------------------------------------------- */

static int
check_class(void *ctx, const char *class)
{
	struct change *change = ctx;
	int r;

	if (!*class)
		return 0;
	change->class = class;
	change->earlier = change->later = change->due = change->held = 0;
	change->giving = 0;
	r = store_due(change->spanrec->archive, class, INT64_MAX,
		      compare_clocks, change);
	if (r)
		return r;
	if (!change->earlier && !change->later)
		return 0;
	if (change->all->agreed)
		tell_class(change);
	else
		complain_class(change);
	change->all->earlier += change->earlier;
	change->all->later += change->later;
	change->all->due += change->due;
	return 0;
}

static int
check_notes(struct change *change)
{
	const struct store_query query = { .purged = true };
	const struct spanrec_existing *all = change->all;
	int r = store_search(change->spanrec->archive, &query, compare_notes,
			     change);

	if (r || !all->notes)
		return r;
	if (all->agreed)
		fprintf(change->spanrec->out,
			"notes of calls without a recording, or deleted: "
			"%" PRIu64 " to be deleted earlier, %" PRIu64
			" of them at once\n",
			all->notes, all->notes_due);
	else
		log_error("%" PRIu64 " note%s of calls without a recording, or "
			  "deleted, would be deleted earlier than now, "
			  "%" PRIu64 " of them at once",
			  all->notes, all->notes == 1 ? "" : "s",
			  all->notes_due);
	return 0;
}

int
spanrec_existing_check(struct spanrec *spanrec, const struct policy *policy,
		       struct spanrec_existing *existing)
{
	struct change change = { .spanrec = spanrec,
				 .policy = policy,
				 .all = existing };
	int r = store_classes(spanrec->archive, check_class, &change);

	if (!r)
		r = check_notes(&change);
	if (r < 0) {
		log_error("the archive cannot be read: %s", strerror(-r));
		return exit_code(r);
	}
	if (!existing->earlier && !existing->later && !existing->notes)
		return 0;
	if (!existing->agreed) {
		log_error("a policy holds for new calls; give a class "
			  "another name, so that those that there are stay as "
			  "they are, or change their time with --existing");
		return EXIT_NOT_ALLOWED;
	}
	if (existing->due <= existing->most_due)
		return 0;
	log_error("%" PRIu64 " %s would be deleted at once, so the policy is "
		  "as it was; if that is meant: --existing --deletes %" PRIu64,
		  existing->due, recordings(existing->due), existing->due);
	return EXIT_NOT_ALLOWED;
}
