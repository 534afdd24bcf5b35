/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sar: requests of those who were recorded. A request is a case with a subject
 * and a clock of the law: what is found for it is held until it is answered,
 * and what is not there any more, or never was, is told of in a certificate
 * (sar_certificate.c).
 */
#include "cmd/spanrec/sar_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/act.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"

/* A hold is looked at when the answer is due; that may be past. */
#define DAY_NS (INT64_C(86400) * 1000000000)

/* ---- dates --------------------------------------------------------------- */

static struct policy_date
date_of(const struct spanrec *spanrec, int64_t time_ns)
{
	struct policy_civil civil;

	policy_zone_civil(spanrec->zone, time_ns, &civil);
	return (struct policy_date){ civil.year, civil.month, civil.day };
}

/* Of the pause that is not over; one that was answered in a pause waits no
 * more. */
static uint32_t
paused_days(const struct spanrec *spanrec, const struct store_case *found)
{
	struct policy_date since,
	    now = date_of(spanrec, found->closed_ns ? found->closed_ns
						    : spanrec->now_ns);
	int32_t days;

	if (!found->paused_ns)
		return 0;
	since = date_of(spanrec, found->paused_ns);
	days = policy_date_days(&since, &now);
	return days > 0 ? (uint32_t)days : 0;
}

void
spanrec_sar_due(const struct spanrec *spanrec, const struct store_case *found,
		struct policy_date *due)
{
	const struct policy_date received =
	    date_of(spanrec, found->received_ns);
	int law = policy_law_find(found->law);

	policy_law_due(law < 0 ? POLICY_LAW_JERSEY : (enum policy_law)law,
		       &received,
		       found->paused_days + paused_days(spanrec, found), due);
}

static int64_t
due_ns(const struct spanrec *spanrec, const struct store_case *found)
{
	struct policy_date due;
	struct policy_civil civil = { 0 };

	spanrec_sar_due(spanrec, found, &due);
	civil.year = due.year;
	civil.month = due.month;
	civil.day = due.day;
	return policy_zone_instant(spanrec->zone, &civil, false);
}

/* ---- what is found ------------------------------------------------------- */

static int
take(void *ctx, const struct store_segment *segment)
{
	struct spanrec_sar_found *found = ctx;
	size_t capacity = found->capacity ? 2 * found->capacity : 16;
	void *grown;

	if (found->count == found->capacity) {
		grown = reallocarray(found->segments, capacity,
				     sizeof(*found->segments));
		if (!grown)
			return -ENOMEM;
		found->segments = grown;
		found->capacity = capacity;
	}
	found->segments[found->count++] = *segment;
	return 0;
}

static int
by_start(const void *a, const void *b)
{
	const struct store_segment *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* In order of time, each once: several of the numbers may have had part. */
static void
sort(struct spanrec_sar_found *found)
{
	struct store_segment *segments = found->segments;
	size_t kept = 0;

	if (!found->count)
		return;
	qsort(segments, found->count, sizeof(*segments), by_start);
	for (size_t i = 1; i < found->count; i++)
		if (strcmp(segments[i].id, segments[kept].id) != 0 &&
		    ++kept != i)
			segments[kept] = segments[i];
	found->count = kept + 1;
}

int
spanrec_sar_find(struct spanrec *spanrec, const struct store_case *sar,
		 struct spanrec_sar_found *found)
{
	struct store_query query = { .from_ns = sar->from_ns,
				     .to_ns = sar->to_ns,
				     .purged = true };
	char number[STORE_NUMBER_BYTES];
	const char *line = sar->subjects;
	size_t n;
	int r = 0;

	*found = (struct spanrec_sar_found){ 0 };
	for (; *line && !r; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		if (n >= sizeof(number))
			continue;
		memcpy(number, line, n);
		number[n] = '\0';
		query.number = number;
		r = store_search(spanrec->archive, &query, take, found);
		found->skipped += store_rows_skipped(spanrec->archive);
	}
	sort(found);
	if (!r)
		return 0;
	log_error("the archive could not be searched: %s", strerror(-r));
	return exit_code(r);
}

void
spanrec_sar_found_fini(struct spanrec_sar_found *found)
{
	free(found->segments);
	*found = (struct spanrec_sar_found){ 0 };
}

/* ---- open ---------------------------------------------------------------- */

/* @return exit code */
static int
add_subject(const struct spanrec *spanrec, const char *text,
	    char subjects[STORE_OTHERS_BYTES])
{
	char number[POLICY_NUMBER_BYTES];
	size_t used = strlen(subjects);

	policy_number_normalise(spanrec->policy, text, number);
	if (!*number) {
		log_error("--subject: '%s' is no number", text);
		return EXIT_USAGE;
	}
	if ((size_t)snprintf(subjects + used, STORE_OTHERS_BYTES - used, "%s%s",
			     used ? "\n" : "",
			     number) < STORE_OTHERS_BYTES - used)
		return 0;
	log_error("--subject: too many numbers for one request");
	return EXIT_USAGE;
}

static int
read_subjects(const struct spanrec *spanrec, const char *list,
	      char subjects[STORE_OTHERS_BYTES])
{
	char *copy = strdup(list), *rest = copy, *one;
	int rc = copy ? 0 : EXIT_FAILED;

	while (!rc && (one = strsep(&rest, ",")))
		rc = add_subject(spanrec, one, subjects);
	free(copy);
	return rc;
}

static int
read_law(const char *name, struct store_case *sar)
{
	if (policy_law_find(name) < 0) {
		log_error("--clock: 'uk' or 'jersey', not '%.40s'", name);
		return EXIT_USAGE;
	}
	snprintf(sar->law, sizeof(sar->law), "%s", name);
	return 0;
}

static int
read_past_day(const struct spanrec *spanrec, const char *option,
	      const char *text, int64_t *time_ns)
{
	int rc = spanrec_case_day(spanrec, option, text, time_ns);

	if (rc || *time_ns <= spanrec->now_ns)
		return rc;
	log_error("--%s %s: that day has not come yet", option, text);
	return EXIT_USAGE;
}

static int
begin(struct spanrec_case_options *o, const struct spanrec_case_usage *usage,
      int argc, char **argv, enum store_mode mode)
{
	int rc = spanrec_case_parse(o, usage, argc, argv);

	if (!rc)
		rc = mode == STORE_READ ? spanrec_open(o->spanrec, mode)
					: spanrec_open_beside(o->spanrec, mode);
	return rc ? rc : spanrec_may_all(o->spanrec, POLICY_RIGHT_HOLD);
}

static void
tell_due(const struct spanrec *spanrec, const struct store_case *sar)
{
	struct policy_date due;
	int law = policy_law_find(sar->law);

	if (spanrec->quiet || law < 0)
		return;
	spanrec_sar_due(spanrec, sar, &due);
	fprintf(spanrec->out, "%s: the answer is due by %04d-%02u-%02u (%s)\n",
		sar->name, (int)due.year, (unsigned)due.month,
		(unsigned)due.day, policy_law_text((enum policy_law)law));
}

static int
sar_open(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Note that somebody asks what is kept of him.\v"
		       "The day by which he has to be answered is computed: "
		       "it does not wait for working days. Search next.\n\n"
		       "Example:\n"
		       "  spanrec sar open SAR-12 --subject 07700900123 "
		       "--received 2019-04-01 --clock uk\n",
		.takes = SPANREC_CASE_SUBJECT | SPANREC_CASE_RECEIVED |
			 SPANREC_CASE_CLOCK | SPANREC_CASE_REQUESTER,
		.needs = SPANREC_CASE_SUBJECT | SPANREC_CASE_RECEIVED |
			 SPANREC_CASE_CLOCK,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_OPEN,
				 .of.kind = STORE_CASE_SAR };
	int rc = begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_text(act.of.name, sizeof(act.of.name), "name",
				       o.name);
	if (!rc)
		rc = read_law(o.clock, &act.of);
	if (!rc)
		rc = read_past_day(spanrec, "received", o.received,
				   &act.of.received_ns);
	if (!rc)
		rc = read_subjects(spanrec, o.subjects, act.of.subjects);
	if (!rc)
		rc = spanrec_case_text(act.of.title, sizeof(act.of.title),
				       "requester", o.requester);
	if (!rc)
		rc = spanrec_case_act(spanrec, &act);
	if (!rc)
		tell_due(spanrec, &act.of);
	return rc;
}

/* ---- search -------------------------------------------------------------- */

/* Recordings are held, a thousand at a time. @return exit code */
static int
freeze(struct spanrec *spanrec, struct store_act *act,
       const struct spanrec_sar_found *found)
{
	struct spanrec_ids ids = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; i < found->count && !rc; i++)
		if (spanrec_segment_audible(&found->segments[i]) &&
		    spanrec_ids_add(&ids, found->segments[i].id))
			rc = EXIT_FAILED;
	for (i = 0; !rc && (i < ids.count || i == 0); i += ACT_IDS_MAX) {
		size_t left = ids.count - i;

		act->ids = ids.ids ? ids.ids + i : NULL;
		act->count =
		    (uint32_t)(left < ACT_IDS_MAX ? left : ACT_IDS_MAX);
		rc = spanrec_case_act(spanrec, act);
	}
	spanrec_ids_fini(&ids);
	return rc;
}

/* As they are now: some may have been purged before they could be held. */
static void
look_again(struct spanrec *spanrec, struct spanrec_sar_found *found)
{
	struct store_segment now;

	for (size_t i = 0; i < found->count; i++)
		if (!store_segment_get(spanrec->archive, found->segments[i].id,
				       &now))
			found->segments[i] = now;
}

static int
print_found(struct spanrec *spanrec, const struct spanrec_sar_found *found,
	    enum spanrec_format format)
{
	struct spanrec_output *output;
	int rc = spanrec_output_new(&output, spanrec, format);

	for (size_t i = 0; !rc && i < found->count; i++)
		rc = spanrec_output_segment(output, &found->segments[i]);
	if (!rc)
		rc = spanrec_output_end(output);
	spanrec_output_free(&output);
	if (!rc)
		return 0;
	log_error("not enough memory");
	return EXIT_FAILED;
}

static void
print_counts(struct spanrec *spanrec, const struct spanrec_sar_found *found)
{
	size_t frozen = 0, purged = 0, growing = 0, i;

	for (i = 0; i < found->count; i++) {
		const struct store_segment *segment = &found->segments[i];

		frozen += spanrec_segment_audible(segment);
		purged += segment->state == STORE_STATE_PURGED;
		growing += segment->state == STORE_STATE_RECORDING;
	}
	fprintf(spanrec->out,
		"%zu found: %zu recorded and held until this is answered, %zu "
		"purged before, %zu without a recording\n",
		found->count, frozen, purged,
		found->count - frozen - purged - growing);
	if (growing)
		fprintf(spanrec->out,
			"%zu being recorded now: search again when the call is "
			"over\n",
			growing);
}

static int
read_period(const struct spanrec_case_options *o, struct store_case *sar)
{
	struct store_query query = { 0 };
	struct spanrec_period period;
	int rc;

	if (!o->around) {
		rc = spanrec_period_option(o->spanrec, o->from, o->to, &query);
		sar->from_ns = query.from_ns;
		sar->to_ns = query.to_ns;
		return rc;
	}
	if (o->from || o->to) {
		log_error("--around says where the period begins and ends; "
			  "leave out --from and --to");
		return EXIT_USAGE;
	}
	if (spanrec_time_option(o->spanrec, "around", o->around, &period))
		return EXIT_USAGE;
	sar->from_ns = period.from_ns;
	sar->to_ns = period.to_ns < 1 ? 1 : period.to_ns;
	return 0;
}

static int
sar_search(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Find the calls in which the subject had any part, and "
		       "hold what is recorded of them until the request is "
		       "answered.\v"
		       "Calls are listed that were purged before, and that "
		       "were not recorded. The last search is what the "
		       "certificate is about.\n\n"
		       "Examples:\n"
		       "  spanrec sar search SAR-12\n"
		       "  spanrec sar search SAR-12 --from 2019-03-01 --to "
		       "2019-04-01\n",
		.takes = SPANREC_CASE_PERIOD | SPANREC_CASE_LIST,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_SEARCH };
	struct spanrec_sar_found found = { 0 };
	struct store_case sar;
	int rc = begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE_SAR, &sar);
	if (!rc)
		rc = read_period(&o, &sar);
	if (!rc)
		rc = spanrec_sar_find(spanrec, &sar, &found);
	if (!rc) {
		memcpy(act.of.name, sar.name, sizeof(act.of.name));
		act.of.from_ns = sar.from_ns;
		act.of.to_ns = sar.to_ns;
		act.review_ns = due_ns(spanrec, &sar);
		snprintf(act.reason, sizeof(act.reason),
			 "request of a subject");
		snprintf(act.approver, sizeof(act.approver), "the law");
		rc = freeze(spanrec, &act, &found);
	}
	if (!rc) {
		look_again(spanrec, &found);
		rc = print_found(spanrec, &found, o.format);
	}
	if (!rc && o.format == SPANREC_TABLE && !spanrec->quiet)
		print_counts(spanrec, &found);
	if (!rc)
		rc = spanrec_rows_skipped(found.skipped);
	spanrec_sar_found_fini(&found);
	return rc;
}

/* ---- pause, resume, answer ------------------------------------------------
 */

static int
change(struct spanrec *spanrec, const struct spanrec_case_options *o,
       struct store_act *act)
{
	struct store_case sar;
	int rc = spanrec_case_get(spanrec, o->name, STORE_CASE_SAR, &sar);

	if (!rc)
		rc = spanrec_case_text(act->reason, sizeof(act->reason),
				       "reason", o->reason);
	if (!rc && act->of.answered_ns &&
	    act->of.answered_ns < sar.received_ns) {
		log_error("--sent %s: that is before the request was received",
			  o->sent);
		rc = EXIT_USAGE;
	}
	if (rc)
		return rc;
	memcpy(act->of.name, sar.name, sizeof(act->of.name));
	act->of.paused_days = paused_days(spanrec, &sar);
	rc = spanrec_case_act(spanrec, act);
	if (rc || act->type == STORE_ACT_CLOSE)
		return rc;
	sar.paused_days += act->of.paused_days;
	sar.paused_ns = 0;
	if (act->type == STORE_ACT_RESUME)
		tell_due(spanrec, &sar);
	return 0;
}

static int
sar_pause(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Stop the clock of a request, while it is awaited who "
		       "asks or what he means.",
		.takes = SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_REASON,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_PAUSE };
	int rc = begin(&o, &usage, argc, argv, STORE_WRITE);

	return rc ? rc : change(spanrec, &o, &act);
}

static int
sar_resume(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Let the clock of a request run again: the answer is "
		       "due so many days later as it stood still.",
		.takes = SPANREC_CASE_REASON,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_RESUME };
	int rc = begin(&o, &usage, argc, argv, STORE_WRITE);

	return rc ? rc : change(spanrec, &o, &act);
}

static int
sar_answer(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Note that a request was answered: what was held for it "
		       "is deleted by the policy again, but not within seven "
		       "days.",
		.takes = SPANREC_CASE_SENT | SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_SENT,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_CLOSE,
				 .reason = "answered" };
	int rc = begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc =
		    read_past_day(spanrec, "sent", o.sent, &act.of.answered_ns);
	if (!rc)
		rc = change(spanrec, &o, &act);
	if (rc || spanrec->quiet)
		return rc;
	fprintf(spanrec->out, "%s is answered\n", act.of.name);
	return spanrec_holds_print(spanrec, act.of.name, false, SPANREC_TABLE);
}

/* ---- list ---------------------------------------------------------------- */

struct listing {
	struct spanrec *spanrec;
	json_t *list;
};

static const char *
state_of(const struct spanrec *spanrec, const struct store_case *sar)
{
	if (sar->closed_ns)
		return "answered";
	if (sar->paused_ns)
		return "paused";
	if (due_ns(spanrec, sar) + DAY_NS <= spanrec->now_ns)
		return "overdue";
	return sar->searched_ns ? "searched" : "open";
}

static int
add_sar(void *ctx, const struct store_case *sar)
{
	struct listing *l = ctx;
	char received[SPANREC_TIME_BYTES], sent[SPANREC_TIME_BYTES] = "",
					   due[16];
	struct policy_date date;

	if (sar->kind != STORE_CASE_SAR)
		return 0;
	spanrec_sar_due(l->spanrec, sar, &date);
	snprintf(due, sizeof(due), "%04d-%02u-%02u", (int)date.year,
		 (unsigned)date.month, (unsigned)date.day);
	spanrec_case_date(l->spanrec, sar->received_ns, received);
	if (sar->answered_ns)
		spanrec_case_date(l->spanrec, sar->answered_ns, sent);
	return json_array_append_new(
		   l->list,
		   json_pack("{ss ss ss ss ss ss ss* si}", "name", sar->name,
			     "state", state_of(l->spanrec, sar), "received",
			     received, "clock", sar->law, "due", due, "sent",
			     sent, "requester", sar->title, "paused_days",
			     (int)sar->paused_days))
		   ? -ENOMEM
		   : 0;
}

static const char *const headings[] = { "NAME", "STATE", "RECEIVED", "CLOCK",
					"DUE",  "SENT",  "REQUESTER" };
static const char *const members[] = { "name",      "state",      "received",
				       "clock",     "due",        "sent",
				       "requester", "paused_days" };

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	(void)spanrec;
	(void)text;
	return spanrec_json_text(row, members[column]);
}

static int
sar_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "",
		.doc = "Show all requests, and by when they have to be "
		       "answered.",
		.takes = SPANREC_CASE_LIST,
	};
	static const struct spanrec_rows rows = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1 << 6,
		.names = members,
		.names_count = sizeof(members) / sizeof(*members),
		.none = "There are no requests.",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct listing l = { .spanrec = spanrec };
	int rc = begin(&o, &usage, argc, argv, STORE_READ), r;

	if (rc)
		return rc;
	l.list = json_array();
	r = l.list ? store_cases(spanrec->archive, add_sar, &l) : -ENOMEM;
	if (r) {
		log_error("the requests cannot be read: %s", strerror(-r));
		rc = exit_code(r);
	} else {
		rc = spanrec_rows_print(spanrec, &rows, l.list, o.format);
	}
	json_decref(l.list);
	return rc;
}

static int
sar_certificate(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc =
		    "Write down in plain English what the last search found: "
		    "what is kept, what was purged and when, what was never "
		    "recorded and by which rule, or that no such call was "
		    "seen.\v"
		    "Example:\n"
		    "  spanrec sar certificate SAR-12 --out SAR-12.txt\n",
		.takes = SPANREC_CASE_OUT,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_case sar;
	int rc = begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE_SAR, &sar);
	if (!rc && !sar.searched_ns) {
		log_error("nothing was searched for it yet: spanrec sar search "
			  "%s",
			  sar.name);
		rc = EXIT_USAGE;
	}
	return rc ? rc : spanrec_sar_certify(spanrec, &sar, o.out);
}

int
spanrec_sar(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_action list[] = {
		{ "open", "NAME --subject N ...", "somebody asks", sar_open },
		{ "search", "NAME", "find and hold what there is", sar_search },
		{ "certificate", "NAME [--out F]",
		  "what was found, and what was not", sar_certificate },
		{ "pause", "NAME --reason R", "stop its clock", sar_pause },
		{ "resume", "NAME", "let it run again", sar_resume },
		{ "answer", "NAME --sent DATE", "it is answered", sar_answer },
		{ "list", "", "all requests, and when they are due", sar_list },
	};
	static const struct spanrec_actions actions = {
		.command = "sar",
		.summary =
		    "Subject access requests: somebody asks what is kept of "
		    "him. What is found is held until he is answered.",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}
