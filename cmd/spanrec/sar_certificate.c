/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate of a search: what there is, and the truth about what there is
 * not, in plain English. */
#include "cmd/spanrec/sar_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"

/* ---- one call ------------------------------------------------------------ */

static const char *
party(const char *number, char clean[SPANREC_TEXT_BYTES])
{
	return *number ? spanrec_text_clean(number, clean, SPANREC_TEXT_BYTES)
		       : "an unknown party";
}

/* In the words of the policy that decided. */
static void
tell_rule(const struct spanrec *spanrec, const struct store_segment *segment,
	  FILE *to)
{
	const struct policy_decided decided = { .reason = segment->reason,
						.rule = segment->rule,
						.area = segment->area,
						.start_ns =
						    segment->call_start_ns };
	const struct policy *policy;
	char clean[SPANREC_TEXT_BYTES];

	if (*segment->rule)
		fprintf(
		    to, ", by the rule '%s'",
		    spanrec_text_clean(segment->rule, clean, sizeof(clean)));
	fprintf(to, " (%s).",
		spanrec_text_clean(segment->reason, clean, sizeof(clean)));
	if (!clocks_policy(spanrec->clocks, spanrec->archive, segment->policy,
			   &policy) &&
	    policy)
		policy_explain_decision(policy, &decided, to);
}

static bool
was_recorded(const struct store_segment *segment)
{
	return segment->key_day || segment->chunks;
}

static void
tell_purged(const struct spanrec *spanrec, const struct store_segment *segment,
	    FILE *to)
{
	char when[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES];

	spanrec_time_zoned(spanrec->zone, segment->purged_ns, when);
	if (segment->decision != STORE_RECORD &&
	    segment->decision != STORE_LISTEN_DENY) {
		fprintf(
		    to,
		    "Not to be recorded; what had been recorded before that "
		    "was known was destroyed with its key on %s",
		    when);
		tell_rule(spanrec, segment, to);
		return;
	}
	fprintf(to,
		"Recorded, and purged on %s under the retention class '%s' of "
		"the policy: the recording and its key do not exist any more.",
		when,
		spanrec_text_clean(segment->retention, clean, sizeof(clean)));
}

static void
tell_state(const struct spanrec *spanrec, const struct store_case *sar,
	   const struct store_segment *segment, FILE *to)
{
	if (spanrec_segment_audible(segment)) {
		fprintf(to, "Recorded and kept (%s).%s%s", segment->id,
			segment->scrubs ? " A part of it was taken out." : "",
			segment->state == STORE_STATE_HELD && !sar->closed_ns
			    ? " It is held until this request is answered."
			    : "");
		if (segment->decision == STORE_LISTEN_DENY)
			fputs(" Nobody may listen to it by the policy.", to);
	} else if (segment->state == STORE_STATE_RECORDING) {
		fputs("Being recorded when this was written.", to);
	} else if (segment->state == STORE_STATE_PURGED &&
		   was_recorded(segment)) {
		tell_purged(spanrec, segment, to);
	} else if (spanrec_segment_silent(segment)) {
		fputs("Never recorded: no sound of it was seen.", to);
	} else {
		fputs("Never recorded", to);
		tell_rule(spanrec, segment, to);
	}
}

/* @return 0, -ENOMEM */
static int
tell_call(const struct spanrec *spanrec, const struct store_case *sar,
	  const struct store_segment *segment, size_t number, FILE *to)
{
	char from[SPANREC_TEXT_BYTES], clean[SPANREC_TEXT_BYTES],
	    when[SPANREC_TIME_BYTES], length[SPANREC_TIME_BYTES];
	char *text = NULL;
	size_t n;
	FILE *words = open_memstream(&text, &n);

	if (!words)
		return -ENOMEM;
	spanrec_time_zoned(spanrec->zone, segment->start_ns, when);
	spanrec_duration(spanrec_span_ns(segment->start_ns, segment->end_ns),
			 length);
	fprintf(words, "%zu. %s, from %s to %s, %s long. ", number, when,
		party(segment->from, from), party(segment->to, clean), length);
	tell_state(spanrec, sar, segment, words);
	if (fclose(words) == EOF) {
		free(text);
		return -ENOMEM;
	}
	spanrec_text_wrap(to, text, 3);
	free(text);
	return 0;
}

/* ---- around it ----------------------------------------------------------- */

static void
tell_search(const struct spanrec *spanrec, const struct store_case *sar,
	    FILE *to)
{
	char time[SPANREC_TIME_BYTES], number[STORE_OTHERS_BYTES],
	    clean[SPANREC_TEXT_BYTES];
	const char *line = sar->subjects;
	size_t n;

	fputs("Searched    calls in which one of these had any part:", to);
	for (; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		(void)!snprintf(number, sizeof(number), "%.*s", (int)n, line);
		fprintf(to, " %s",
			spanrec_text_clean(number, clean, sizeof(clean)));
	}
	fputc('\n', to);
	if (sar->from_ns) {
		spanrec_time_zoned(spanrec->zone, sar->from_ns, time);
		fprintf(to, "From        %s\n", time);
	}
	if (sar->to_ns) {
		spanrec_time_zoned(spanrec->zone, sar->to_ns, time);
		fprintf(to, "To          %s\n", time);
	}
}

static void
tell_head(const struct spanrec *spanrec, const struct store_case *sar, FILE *to)
{
	char time[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES];
	struct policy_date due;
	int law = policy_law_find(sar->law);

	fprintf(to, "Certificate of search\n\n%s\n\n",
		policy_organisation_peek(spanrec->policy));
	fprintf(to, "Request     %s%s%s\n", sar->name, *sar->title ? ", " : "",
		spanrec_text_clean(sar->title, clean, sizeof(clean)));
	spanrec_case_date(spanrec, sar->received_ns, time);
	fprintf(to, "Received    %s\n", time);
	spanrec_sar_due(spanrec, sar, &due);
	fprintf(to, "Due         %04d-%02u-%02u (%s)\n", (int)due.year,
		(unsigned)due.month, (unsigned)due.day,
		law < 0 ? "?" : policy_law_text((enum policy_law)law));
	spanrec_time_zoned(spanrec->zone, spanrec->now_ns, time);
	fprintf(to, "Written     %s\n", time);
	tell_search(spanrec, sar, to);
	fputc('\n', to);
}

static void
tell_foot(const struct spanrec_sar_found *found, FILE *to)
{
	fputc('\n', to);
	if (found->skipped) {
		fprintf(to,
			"%" PRIu64 " entries of the index cannot be read: this "
			"certificate may not be complete.\n\n",
			found->skipped);
	}
	spanrec_text_wrap(
	    to,
	    "What this cannot show: calls whose note was deleted too, when the "
	    "time of the policy for notes was over; calls of which the policy "
	    "keeps no number, or no more than a count; and calls that the "
	    "recorder did not see.",
	    0);
}

/* @return exit code */
static int
write_all(const struct spanrec *spanrec, const struct store_case *sar,
	  const struct spanrec_sar_found *found, FILE *to)
{
	tell_head(spanrec, sar, to);
	if (!found->count)
		fputs("No such call was seen.\n", to);
	for (size_t i = 0; i < found->count; i++) {
		if (!tell_call(spanrec, sar, &found->segments[i], i + 1, to))
			continue;
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	tell_foot(found, to);
	return 0;
}

static int
write_file(const struct spanrec *spanrec, const struct store_case *sar,
	   const struct spanrec_sar_found *found, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	int error = errno, rc = 0;

	if (to) {
		rc = write_all(spanrec, sar, found, to);
		error = fflush(to) || fsync(fd) ? errno : 0;
		fclose(to);
	} else if (fd >= 0) {
		close(fd);
	}
	if (fd >= 0 && (rc || error))
		unlink(path);
	if (rc || !error)
		return rc;
	log_error("cannot write %s: %s", path, strerror(error));
	return exit_code(-error);
}

int
spanrec_sar_certify(struct spanrec *spanrec, const struct store_case *sar,
		    const char *path)
{
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns,
					    .action = "sar certificate" };
	struct spanrec_sar_found found;
	int rc = spanrec_sar_find(spanrec, sar, &found);

	memcpy(entry.subject, sar->name, sizeof(entry.subject));
	/* written down before it leaves */
	if (!rc)
		rc = spanrec_ledger_enter(spanrec, &entry);
	if (!rc)
		rc = path ? write_file(spanrec, sar, &found, path)
			  : write_all(spanrec, sar, &found, spanrec->out);
	if (!rc)
		rc = spanrec_rows_skipped(found.skipped);
	spanrec_sar_found_fini(&found);
	return rc;
}
