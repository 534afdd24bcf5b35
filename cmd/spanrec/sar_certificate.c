/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificate of the searches for a request: what there is, and the truth
 * about what there is not, in plain English. It may leave the house, so the
 * numbers of others than who asks stay out of it, but for our own.
 */
#include "cmd/spanrec/sar_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/home.h"
#include "cmd/common/log.h"
#include "cmd/common/request.h"
#include "store/cases.h"

/** What is being written. */
struct certificate {
	struct spanrec *spanrec;
	const struct store_case *sar;
	const struct spanrec_sar_found *found;
	struct known *known; /* [found->count], by id */
	FILE *to;
};

/* ---- what the ledger knows ----------------------------------------------- */

/** Of one call. */
struct known {
	const struct store_segment *segment;
	uint64_t purge; /* number of the certificate; 0: none */
	char purged_by[STORE_NAME_BYTES];
	char *copies, *scrubs; /* "on 2019-04-01 by ann (entry 12)", ... */
};

static int
by_id(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return strcmp(x->segment->id, y->segment->id);
}

static struct known *
known_find(const struct certificate *c, const char *id)
{
	struct store_segment segment;
	const struct known key = { .segment = &segment };

	if (!c->found->count)
		return NULL;
	snprintf(segment.id, sizeof(segment.id), "%s", id);
	return bsearch(&key, c->known, c->found->count, sizeof(*c->known),
		       by_id);
}

/* @return 0, -ENOMEM */
static int
add_act(const struct spanrec *spanrec, char **list,
	const struct store_ledger_entry *entry)
{
	char when[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES], *text;
	int n;

	spanrec_case_date(spanrec, entry->time_ns, when);
	n = asprintf(&text, "%s%son %s by %s (entry %" PRIu64 ")",
		     *list ? *list : "", *list ? ", " : "", when,
		     spanrec_text_clean(entry->actor, clean, sizeof(clean)),
		     entry->number);
	if (n < 0)
		return -ENOMEM;
	free(*list);
	*list = text;
	return 0;
}

static int
see_entry(void *ctx, const struct store_ledger_entry *entry)
{
	const struct certificate *c = ctx;
	struct known *known;

	if (strcmp(entry->action, "purge") != 0 &&
	    strcmp(entry->action, "export") != 0 &&
	    strcmp(entry->action, "scrub") != 0)
		return 0;
	known = known_find(c, entry->subject);
	if (!known)
		return 0;
	if (*entry->action == 'e')
		return add_act(c->spanrec, &known->copies, entry);
	if (*entry->action == 's')
		return add_act(c->spanrec, &known->scrubs, entry);
	known->purge = entry->number;
	memcpy(known->purged_by, entry->actor, sizeof(known->purged_by));
	return 0;
}

/* @return exit code */
static int
know(struct certificate *c)
{
	int r;

	c->known = calloc(c->found->count + 1, sizeof(*c->known));
	for (size_t i = 0; c->known && i < c->found->count; i++)
		c->known[i].segment = &c->found->segments[i];
	if (c->known)
		qsort(c->known, c->found->count, sizeof(*c->known), by_id);
	r = c->known ? store_ledger_walk(c->spanrec->archive, see_entry, c)
		     : -ENOMEM;
	if (r >= 0)
		return 0;
	log_error("the ledger cannot be read: %s", strerror(-r));
	return exit_code(r);
}

static void
known_free(struct certificate *c)
{
	for (size_t i = 0; c->known && i < c->found->count; i++) {
		free(c->known[i].copies);
		free(c->known[i].scrubs);
	}
	free(c->known);
}

/* ---- one call ------------------------------------------------------------ */

static bool
is_subject(const struct store_case *sar, const char *number)
{
	const char *line = sar->subjects;
	size_t n;

	for (; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		if (strlen(number) == n && !strncmp(line, number, n))
			return true;
	}
	return false;
}

static const char *
party(const struct certificate *c, const char *number,
      char text[SPANREC_TEXT_BYTES])
{
	const bool subject = is_subject(c->sar, number);
	char clean[SPANREC_TEXT_BYTES];

	if (!*number)
		return "an unknown party";
	if (!subject && !policy_number_internal(c->spanrec->policy, number))
		return "somebody else";
	spanrec_text_clean(number, clean, sizeof(clean));
	snprintf(text, SPANREC_TEXT_BYTES, "%s%.*s",
		 subject ? "who asks, " : "", SPANREC_TEXT_BYTES - 16, clean);
	return text;
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
tell_scrubs(const struct known *known, const struct store_segment *segment,
	    FILE *to)
{
	if (segment->scrubs)
		fprintf(to, " A part of it was taken out%s%s.",
			known && known->scrubs ? " " : "",
			known && known->scrubs ? known->scrubs : "");
}

static void
tell_purged(const struct certificate *c, const struct store_segment *segment,
	    const struct known *known, FILE *to)
{
	char when[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES];

	spanrec_time_zoned(c->spanrec->zone, segment->purged_ns, when);
	if (segment->decision != STORE_RECORD &&
	    segment->decision != STORE_LISTEN_DENY) {
		fprintf(to,
			"Not to be recorded; what had been recorded before "
			"that was known was destroyed with its key on %s",
			when);
		tell_rule(c->spanrec, segment, to);
		return;
	}
	fprintf(
	    to,
	    "Recorded, and purged on %s under the retention class '%s' of "
	    "the policy%s: the recording and its key do not exist any "
	    "more.",
	    when, spanrec_text_clean(segment->retention, clean, sizeof(clean)),
	    segment->gave_way ? ", which gave way when the disk was full" : "");
	tell_scrubs(known, segment, to);
	if (known && known->purge)
		fprintf(
		    to,
		    " It was done by %s; the certificate is entry %" PRIu64
		    " of the ledger.",
		    spanrec_text_clean(known->purged_by, clean, sizeof(clean)),
		    known->purge);
}

static void
tell_kept(const struct certificate *c, const struct store_segment *segment,
	  FILE *to)
{
	fprintf(to, "Recorded and kept (%s).", segment->id);
	tell_scrubs(known_find(c, segment->id), segment, to);
	fprintf(to, "%s",
		segment->state == STORE_STATE_HELD && !c->sar->closed_ns
		    ? " It is held until this request is answered."
		    : "");
	if (segment->decision == STORE_LISTEN_DENY)
		fputs(" Nobody may listen to it by the policy.", to);
}

static void
tell_state(const struct certificate *c, const struct store_segment *segment,
	   FILE *to)
{
	const struct known *known = known_find(c, segment->id);

	if (spanrec_segment_audible(segment)) {
		tell_kept(c, segment, to);
	} else if (segment->state == STORE_STATE_RECORDING) {
		fputs("Being recorded when this was written.", to);
	} else if (segment->state == STORE_STATE_PURGED &&
		   was_recorded(segment)) {
		tell_purged(c, segment, known, to);
	} else if (spanrec_segment_silent(segment)) {
		fputs("Never recorded: no sound of it was seen.", to);
	} else {
		fputs("Never recorded", to);
		tell_rule(c->spanrec, segment, to);
	}
	if (known && known->copies)
		fprintf(to, " Copies of it were exported: %s.", known->copies);
}

/* @return 0, -ENOMEM */
static int
tell_call(const struct certificate *c, size_t i)
{
	const struct store_segment *segment = &c->found->segments[i];
	char from[SPANREC_TEXT_BYTES], called[SPANREC_TEXT_BYTES],
	    when[SPANREC_TIME_BYTES], length[SPANREC_TIME_BYTES];
	char *text = NULL;
	size_t n;
	FILE *words = open_memstream(&text, &n);

	if (!words)
		return -ENOMEM;
	spanrec_time_zoned(c->spanrec->zone, segment->start_ns, when);
	spanrec_duration(spanrec_span_ns(segment->start_ns, segment->end_ns),
			 length);
	fprintf(words, "%zu. %s, from %s to %s, %s long. ", i + 1, when,
		party(c, segment->from, from), party(c, segment->to, called),
		length);
	tell_state(c, segment, words);
	if (fclose(words) == EOF) {
		free(text);
		return -ENOMEM;
	}
	spanrec_text_wrap(c->to, text, 3);
	free(text);
	return 0;
}

/* ---- around it ----------------------------------------------------------- */

static void
tell_searches(const struct certificate *c)
{
	char day[REQUEST_DAY_BYTES], period[2 * SPANREC_TIME_BYTES + 16],
	    subjects[SPANREC_TEXT_BYTES];

	fprintf(c->to,
		"Searched    calls in which one of these had any part: %s\n",
		spanrec_sar_subjects(c->sar, subjects));
	for (size_t i = 0; i < store_case_searches(c->sar); i++) {
		const struct store_case_search *search = &c->sar->searches[i];

		fprintf(c->to, "  on %s  %s: %u found\n",
			request_day(c->spanrec->zone, search->time_ns, day),
			spanrec_sar_period(c->spanrec, search, period),
			search->found);
	}
}

/* By which policy, and in what words of it. @return exit code */
static int
tell_policy(const struct certificate *c)
{
	const char *path = c->spanrec->home.policy_path;
	char hex[2 * STORE_HASH_BYTES + 1], *text;
	struct policy_document document;
	uint8_t hash[STORE_HASH_BYTES];
	size_t n;
	int rc = home_file_read(path, &text, &n);

	if (rc) {
		log_error("cannot read %s: %s", path, strerror(-rc));
		return exit_code(rc);
	}
	store_hash(hash, text, n);
	free(text);
	store_hex(hex, hash, sizeof(hash));
	policy_document_peek(c->spanrec->policy, &document);
	fprintf(c->to, "Policy      %.16s%s%s%s%s\n", hex,
		*document.revision ? ", revision " : "", document.revision,
		*document.approver ? ", approved by " : "", document.approver);
	return 0;
}

static void
tell_answer(const struct certificate *c)
{
	const struct policy_zone *zone = c->spanrec->zone;
	const uint32_t late =
	    request_days_late(zone, c->sar, c->spanrec->now_ns);
	char day[REQUEST_DAY_BYTES];

	if (!c->sar->closed_ns)
		fputs("Answered    not yet", c->to);
	else
		fprintf(c->to, "Answered    %s",
			request_day(zone, c->sar->answered_ns, day));
	if (late)
		fprintf(c->to, ", %u day%s late", late, late == 1 ? "" : "s");
	fputc('\n', c->to);
}

/* @return exit code */
static int
tell_head(const struct certificate *c)
{
	const struct spanrec *spanrec = c->spanrec;
	const struct store_case *sar = c->sar;
	char time[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES],
	    day[REQUEST_DAY_BYTES], words[REQUEST_WORDS_BYTES],
	    actor[STORE_NAME_BYTES];
	FILE *to = c->to;
	int rc;

	fprintf(to, "Certificate of search\n\n%s\n\n",
		policy_organisation_peek(spanrec->policy));
	fprintf(to, "Request     %s%s%s\n", sar->name, *sar->title ? ", " : "",
		spanrec_text_clean(sar->title, clean, sizeof(clean)));
	fprintf(to, "Received    %s\n",
		request_day(spanrec->zone, sar->received_ns, day));
	fprintf(to, "Due         %s (%s)\n",
		request_due(spanrec->zone, sar, spanrec->now_ns, day),
		request_due_words(spanrec->zone, sar, spanrec->now_ns, words));
	tell_answer(c);
	spanrec_time_zoned(spanrec->zone, spanrec->now_ns, time);
	spanrec_actor(actor);
	fprintf(to, "Written     %s by %s\n", time, actor);
	rc = tell_policy(c);
	tell_searches(c);
	fputc('\n', to);
	return rc;
}

/* Of which no more is kept than how many they were on a day. @return exit code
 */
static int
tell_counts(const struct certificate *c)
{
	for (size_t i = 0; i < store_case_searches(c->sar); i++) {
		const struct store_case_search *search = &c->sar->searches[i];
		char period[2 * SPANREC_TIME_BYTES + 16], *text = NULL;
		struct spanrec_counts counts;
		size_t n;
		FILE *words;
		int r = spanrec_counts_read(c->spanrec, search->from_ns,
					    search->to_ns, &counts);

		if (r) {
			log_error("the counts cannot be read: %s",
				  strerror(-r));
			return exit_code(r);
		}
		words = counts.count ? open_memstream(&text, &n) : NULL;
		if (!words)
			continue;
		fprintf(words,
			"Calls of the days %s, whoever's they were, of which "
			"the policy keeps no more than a count of each day: ",
			spanrec_sar_period(c->spanrec, search, period));
		spanrec_counts_print(words, &counts);
		fputc('.', words);
		fclose(words);
		fputc('\n', c->to);
		spanrec_text_wrap(c->to, text, 0);
		free(text);
	}
	return 0;
}

static void
tell_foot(const struct certificate *c)
{
	fputc('\n', c->to);
	if (c->found->skipped) {
		fprintf(c->to,
			"%" PRIu64 " entries of the index cannot be read: this "
			"certificate may not be complete.\n\n",
			c->found->skipped);
	}
	spanrec_text_wrap(
	    c->to,
	    "What this cannot show: calls whose note was deleted too, when the "
	    "time of the policy for notes was over; calls of which the policy "
	    "keeps no number, or no more than a count; and calls that the "
	    "recorder did not see. Numbers of others than who asks are left "
	    "out, but for those of the organisation.",
	    0);
}

/* All but the line that tells where it is entered. @return exit code */
static int
write_body(const struct certificate *c)
{
	int rc = tell_head(c);

	if (!rc && !c->found->count)
		fputs("Nothing is kept of such a call.\n", c->to);
	for (size_t i = 0; !rc && i < c->found->count; i++) {
		if (!tell_call(c, i))
			continue;
		log_error("not enough memory");
		rc = EXIT_FAILED;
	}
	if (!rc)
		rc = tell_counts(c);
	if (!rc)
		tell_foot(c);
	return rc;
}

/* ---- entered, and written ------------------------------------------------ */

struct own {
	const char *detail; /* which has its hash */
	uint64_t number;
};

static int
see_own(void *ctx, const struct store_ledger_entry *entry)
{
	struct own *own = ctx;

	if (!strcmp(entry->action, "sar certificate") &&
	    !strcmp(entry->detail, own->detail))
		own->number = entry->number;
	return 0;
}

/* It is in the ledger before it leaves: with what it says, by its hash.
 * @return exit code */
static int
enter(const struct certificate *c, const char *hex, uint64_t *number)
{
	struct store_ledger_entry entry = { .time_ns = c->spanrec->now_ns,
					    .action = "sar certificate" };
	struct own own = { .detail = entry.detail };
	char received[REQUEST_DAY_BYTES], due[REQUEST_DAY_BYTES];
	int rc, r;

	memcpy(entry.subject, c->sar->name, sizeof(entry.subject));
	snprintf(
	    entry.detail, sizeof(entry.detail),
	    "%zu found in %zu searches, received %s, due %s, BLAKE2b-256 %s",
	    c->found->count, store_case_searches(c->sar),
	    request_day(c->spanrec->zone, c->sar->received_ns, received),
	    request_due(c->spanrec->zone, c->sar, c->spanrec->now_ns, due),
	    hex);
	rc = spanrec_ledger_enter(c->spanrec, &entry);
	if (rc)
		return rc;
	r = store_ledger_walk(c->spanrec->archive, see_own, &own);
	*number = own.number;
	if (r >= 0)
		return 0;
	log_error("the ledger cannot be read: %s", strerror(-r));
	return exit_code(r);
}

/* @return exit code */
static int
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	int error = errno;

	if (to) {
		error =
		    fputs(text, to) < 0 || fflush(to) || fsync(fd) ? errno : 0;
		fclose(to);
	} else if (fd >= 0) {
		close(fd);
	}
	if (!error)
		return 0;
	if (fd >= 0)
		unlink(path);
	log_error("cannot write %s: %s", path, strerror(error));
	return exit_code(-error);
}

/* @param text to be freed @return exit code */
static int
make(struct certificate *c, char **text)
{
	char hex[2 * STORE_HASH_BYTES + 1];
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t number = 0;
	size_t n = 0;
	int rc;

	c->to = open_memstream(text, &n);
	if (!c->to) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	rc = write_body(c);
	fflush(c->to);
	if (!rc) {
		store_hash(hash, *text, n);
		store_hex(hex, hash, sizeof(hash));
		rc = enter(c, hex, &number);
	}
	fprintf(
	    c->to,
	    "\nEntry %" PRIu64 " of the ledger has the BLAKE2b-256 of all "
	    "that stands above this\nline and the empty one before it (b2sum -l 256):\n%s\n",
	    number, hex);
	fclose(c->to);
	return rc;
}

int
spanrec_sar_certify(struct spanrec *spanrec, const struct store_case *sar,
		    const char *path)
{
	struct spanrec_sar_found found;
	struct certificate c = { .spanrec = spanrec,
				 .sar = sar,
				 .found = &found };
	char *text = NULL;
	int rc = spanrec_sar_find(spanrec, sar, NULL, &found);

	if (!rc && path && !access(path, F_OK)) {
		log_error("%s exists already", path);
		rc = EXIT_FAILED;
	}
	if (!rc)
		rc = know(&c);
	if (!rc)
		rc = make(&c, &text);
	if (!rc && path)
		rc = write_file(path, text);
	else if (!rc)
		fputs(text, spanrec->out);
	if (!rc)
		rc = spanrec_rows_skipped(found.skipped);
	free(text);
	known_free(&c);
	spanrec_sar_found_fini(&found);
	return rc;
}
