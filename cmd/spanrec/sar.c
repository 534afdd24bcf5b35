/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sar: requests of those who were recorded. A request is a case with a subject
 * and a clock of the law (sar_clock.c): what is found for it is held until it
 * is answered, and what is not there any more, or never was, is told of in a
 * certificate (sar_certificate.c). Searches add up.
 */
#include "cmd/spanrec/sar_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/act.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/request.h"
#include "store/cases.h"

/* ---- what is found ------------------------------------------------------- */

static int
take(void *ctx, const struct store_segment *segment)
{
	struct spanrec_sar_found *found = ctx;
	size_t room = found->capacity ? 2 * found->capacity : 16;
	void *grown;

	if (found->count == found->capacity) {
		grown = reallocarray(found->segments, room,
				     sizeof(*found->segments));
		if (!grown)
			return -ENOMEM;
		found->segments = grown;
		found->capacity = room;
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

/* In order, and none twice. */
static void
settle(struct spanrec_sar_found *found)
{
	size_t kept = 0;

	if (!found->count)
		return;
	qsort(found->segments, found->count, sizeof(*found->segments),
	      by_start);
	for (size_t i = 1; i < found->count; i++) {
		if (!strcmp(found->segments[i].id, found->segments[kept].id))
			continue;
		if (++kept != i)
			found->segments[kept] = found->segments[i];
	}
	found->count = kept + 1;
}

/* @return 0, -errno */
static int
find_one(struct spanrec *spanrec, const struct store_case *sar,
	 const struct store_case_search *search,
	 struct spanrec_sar_found *found)
{
	struct store_query query = { .from_ns = search->from_ns,
				     .to_ns = search->to_ns,
				     .purged = true };
	char number[STORE_NUMBER_BYTES];
	const char *line = sar->subjects;
	size_t n;
	int r = 0;

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
	return r;
}

struct holding {
	struct spanrec *spanrec;
	struct spanrec_sar_found *found;
};

/* What cannot be read is told by verify. */
static int
see_held(void *ctx, const struct store_hold *hold)
{
	struct holding *h = ctx;
	struct store_segment segment;

	if (store_segment_get(h->spanrec->archive, hold->id, &segment)) {
		h->found->skipped++;
		return 0;
	}
	return take(h->found, &segment);
}

int
spanrec_sar_find(struct spanrec *spanrec, const struct store_case *sar,
		 const struct store_case_search *only,
		 struct spanrec_sar_found *found)
{
	const struct store_case_search *searches = only ? only : sar->searches;
	const size_t count = only ? 1 : store_case_searches(sar);
	struct holding h = { .spanrec = spanrec, .found = found };
	int r = 0;

	*found = (struct spanrec_sar_found){ 0 };
	for (size_t i = 0; i < count && !r; i++)
		r = find_one(spanrec, sar, &searches[i], found);
	/* nothing that is held for it is left out */
	if (!r && !only)
		r = store_holds(spanrec->archive, sar->name, NULL, see_held,
				&h);
	settle(found);
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

/* ---- what the parts share ------------------------------------------------ */

int
spanrec_sar_begin(struct spanrec_case_options *o,
		  const struct spanrec_case_usage *usage, int argc, char **argv,
		  enum store_mode mode)
{
	int rc = spanrec_case_parse(o, usage, argc, argv);

	if (!rc)
		rc = mode == STORE_READ ? spanrec_open(o->spanrec, mode)
					: spanrec_open_beside(o->spanrec, mode);
	return rc ? rc : spanrec_may_all(o->spanrec, POLICY_RIGHT_HOLD);
}

void
spanrec_sar_tell_due(const struct spanrec *spanrec,
		     const struct store_case *sar)
{
	char due[REQUEST_DAY_BYTES], words[REQUEST_WORDS_BYTES];

	if (spanrec->quiet)
		return;
	fprintf(spanrec->out, "%s: the answer is due by %s (%s)\n", sar->name,
		request_due(spanrec->zone, sar, spanrec->now_ns, due),
		request_due_words(spanrec->zone, sar, spanrec->now_ns, words));
}

const char *
spanrec_sar_period(const struct spanrec *spanrec,
		   const struct store_case_search *search,
		   char text[2 * SPANREC_TIME_BYTES + 16])
{
	char from[SPANREC_TIME_BYTES] = "the first call",
	     to[SPANREC_TIME_BYTES] = "the last one";

	if (search->from_ns)
		spanrec_time_zoned(spanrec->zone, search->from_ns, from);
	if (search->to_ns)
		spanrec_time_zoned(spanrec->zone, search->to_ns, to);
	snprintf(text, 2 * SPANREC_TIME_BYTES + 16, "from %s to %s", from, to);
	return text;
}

const char *
spanrec_sar_subjects(const struct store_case *sar,
		     char text[SPANREC_TEXT_BYTES])
{
	char list[2 * STORE_OTHERS_BYTES], *to = list;

	for (const char *p = sar->subjects; *p; p++) {
		if (*p == '\n') {
			*to++ = ',';
			*to++ = ' ';
			continue;
		}
		*to++ = *p;
	}
	*to = '\0';
	return spanrec_text_clean(list, text, SPANREC_TEXT_BYTES);
}

/* ---- open ---------------------------------------------------------------- */

/* @return exit code */
static int
add_subject(const struct spanrec *spanrec, const char *text,
	    char subjects[STORE_OTHERS_BYTES])
{
	char number[POLICY_NUMBER_BYTES];
	size_t used = strlen(subjects);
	int rc = spanrec_number_option(spanrec, "subject", text, number);

	if (rc)
		return rc;
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
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_text(act.of.name, sizeof(act.of.name), "name",
				       o.name);
	if (!rc)
		rc = read_law(o.clock, &act.of);
	if (!rc)
		rc = spanrec_case_day(spanrec, "received", o.received,
				      &act.of.received_ns);
	if (!rc)
		rc = read_subjects(spanrec, o.subjects, act.of.subjects);
	if (!rc)
		rc = spanrec_case_text(act.of.title, sizeof(act.of.title),
				       "requester", o.requester);
	if (!rc)
		rc = spanrec_case_act(spanrec, &act);
	if (!rc)
		spanrec_sar_tell_due(spanrec, &act.of);
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
read_period(const struct spanrec_case_options *o,
	    struct store_case_search *search)
{
	struct store_query query = { 0 };
	struct spanrec_period period;
	int rc;

	if (!o->around) {
		rc = spanrec_period_option(o->spanrec, o->from, o->to, &query);
		search->from_ns = query.from_ns;
		search->to_ns = query.to_ns;
		return rc;
	}
	if (o->from || o->to) {
		log_error("--around says where the period begins and ends; "
			  "leave out --from and --to");
		return EXIT_USAGE;
	}
	if (spanrec_time_option(o->spanrec, "around", o->around, &period))
		return EXIT_USAGE;
	search->from_ns = period.from_ns;
	search->to_ns = period.to_ns < 1 ? 1 : period.to_ns;
	return 0;
}

/* What it finds is held, and that it was searched is noted. */
static int
search_for(struct spanrec *spanrec, const struct store_case *sar,
	   const struct store_case_search *search,
	   struct spanrec_sar_found *found)
{
	struct store_act act = { .type = STORE_ACT_SEARCH,
				 .reason = "request of a subject" };

	if (spanrec_sar_find(spanrec, sar, search, found))
		return EXIT_FAILED;
	act.of.kind = STORE_CASE_SAR;
	memcpy(act.of.name, sar->name, sizeof(act.of.name));
	act.of.searches[0] = *search;
	act.of.searches[0].found = (uint32_t)found->count;
	return freeze(spanrec, &act, found);
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
		       "were not recorded. Searches of other periods add up: "
		       "the certificate is about all of them.\n\n"
		       "Examples:\n"
		       "  spanrec sar search SAR-12\n"
		       "  spanrec sar search SAR-12 --from 2019-03-01 --to "
		       "2019-04-01\n",
		.takes = SPANREC_CASE_PERIOD | SPANREC_CASE_LIST,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_case_search search = { 0 };
	struct spanrec_sar_found found = { 0 };
	struct store_case sar;
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE_SAR, &sar);
	if (!rc)
		rc = read_period(&o, &search);
	if (!rc)
		rc = search_for(spanrec, &sar, &search, &found);
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

/* ---- certificate --------------------------------------------------------- */

static int
sar_certificate(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc =
		    "Write down in plain English what the searches found: "
		    "what is kept, what was purged and when, what was never "
		    "recorded and by which rule, or that nothing is kept.\v"
		    "Numbers of others than who asks are left out, but for "
		    "those of the organisation. The certificate gets a number "
		    "in the ledger, which keeps its hash.\n\n"
		    "Example:\n"
		    "  spanrec sar certificate SAR-12 --out SAR-12.txt\n",
		.takes = SPANREC_CASE_OUT,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_case sar;
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE_SAR, &sar);
	if (!rc && !store_case_searches(&sar)) {
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
		{ "pause", "NAME --reason R", "stop its clock",
		  spanrec_sar_pause },
		{ "resume", "NAME", "let it run again", spanrec_sar_resume },
		{ "extend", "NAME --reason R", "take more time",
		  spanrec_sar_extend },
		{ "answer", "NAME --sent DATE", "it is answered",
		  spanrec_sar_answer },
		{ "reopen", "NAME --reason R", "it is not, after all",
		  spanrec_sar_reopen },
		{ "list", "", "all requests, and when they are due",
		  spanrec_sar_list },
		{ "show", "NAME", "one, with its searches and holds",
		  spanrec_sar_show },
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
