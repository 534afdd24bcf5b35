/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command lines of hold, case, sar and scrub, and having done what they say
 * about cases. */
#include "cmd/spanrec/cases_priv.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/act.h"
#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"

/* ---- options ------------------------------------------------------------- */

enum { FIRST = 0x300, JSON = 0x380, CSV, DUE };

#define TEXT_OPTION(bit, name, argument, member, words)                        \
	{                                                                      \
		(bit), (name), (argument),                                     \
		    offsetof(struct spanrec_case_options, member), (words)     \
	}

static const struct case_option {
	unsigned bit;
	const char *name, *argument;
	size_t offset;
	const char *words;
} texts[] = {
	TEXT_OPTION(SPANREC_CASE_CASE, "case", "C", name,
		    "The case, made by 'spanrec case open'"),
	TEXT_OPTION(SPANREC_CASE_REASON, "reason", "R", reason,
		    "Why; it is written into the ledger, so no number and no "
		    "name of a caller belongs in it"),
	TEXT_OPTION(SPANREC_CASE_APPROVER, "approver", "A", approver,
		    "Who allowed it"),
	TEXT_OPTION(SPANREC_CASE_REVIEW, "review", "DATE", review,
		    "When it is to be seen whether it is still needed: within "
		    "a year"),
	TEXT_OPTION(SPANREC_CASE_UNTIL, "until", "DATE", review,
		    "When it is to be seen again: within a year"),
	TEXT_OPTION(SPANREC_CASE_TITLE, "title", "T", title,
		    "What it is about"),
	TEXT_OPTION(SPANREC_CASE_THEN, "then", "CLASS", then,
		    "Retention class that counts from when it is closed. "
		    "Without it: the class that each recording has"),
	TEXT_OPTION(SPANREC_CASE_SUBJECT, "subject", "N[,N...]", subjects,
		    "Numbers or extensions of who asks"),
	TEXT_OPTION(SPANREC_CASE_RECEIVED, "received", "DATE", received,
		    "Day on which the request came in"),
	TEXT_OPTION(SPANREC_CASE_CLOCK, "clock", "uk|jersey", clock,
		    "By which law it has to be answered: one calendar month, "
		    "or four weeks"),
	TEXT_OPTION(SPANREC_CASE_REQUESTER, "requester", "TEXT", requester,
		    "Who asks"),
	TEXT_OPTION(SPANREC_CASE_SENT, "sent", "DATE", sent,
		    "Day on which the answer was sent"),
	TEXT_OPTION(SPANREC_CASE_PERIOD, "from", "T", from,
		    "Calls from this time on"),
	TEXT_OPTION(SPANREC_CASE_PERIOD, "to", "T", to,
		    "Calls before this time"),
	TEXT_OPTION(SPANREC_CASE_PERIOD, "around", "\"T +-20m\"", around,
		    "Calls near a time"),
	TEXT_OPTION(SPANREC_CASE_OUT, "out", "FILE", out,
		    "Write it into a new file, which only its owner can read"),
};
#define TEXTS (sizeof(texts) / sizeof(*texts))

struct parsing {
	struct spanrec_case_options *options;
	const struct spanrec_case_usage *usage;
};

static const char **
member_of(struct spanrec_case_options *options, size_t i)
{
	return (const char **)((char *)options + texts[i].offset);
}

static int
check_words(const struct parsing *p, struct argp_state *state)
{
	const struct spanrec_case_usage *usage = p->usage;
	struct spanrec_case_options *options = p->options;

	options->ids = state->argv + state->next;
	options->ids_count = state->argc - state->next;
	state->next = state->argc;
	if (options->ids_count > (usage->many ? ACT_IDS_MAX : 1) ||
	    (options->ids_count && !usage->what))
		argp_error(state, "%s: that is too much",
			   options->ids[options->ids_count - 1]);
	return 0;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct parsing *p = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = p->options->spanrec;
		return 0;
	case JSON:
		return spanrec_format_option(state, &p->options->format,
					     SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &p->options->format,
					     SPANREC_CSV);
	case DUE:
		p->options->due = true;
		return 0;
	case ARGP_KEY_ARGS:
		return check_words(p, state);
	default:
		if (key < FIRST || (size_t)(key - FIRST) >= TEXTS)
			return ARGP_ERR_UNKNOWN;
		*member_of(p->options, (size_t)(key - FIRST)) = value;
		return 0;
	}
}

/* What has to be there and is not, each by its name. */
static int
check_needs(const struct parsing *p)
{
	const bool one = !p->usage->what || p->options->ids_count;
	int rc = one ? 0 : EXIT_USAGE;

	if (!one)
		log_error("%s is missing: which %s?", p->usage->arguments,
			  p->usage->what);
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = *member_of(p->options, i);

		if (!(p->usage->needs & texts[i].bit) || (text && *text))
			continue;
		log_error("--%s %s is missing: %s", texts[i].name,
			  texts[i].argument, texts[i].words);
		rc = EXIT_USAGE;
	}
	return rc;
}

int
spanrec_case_parse(struct spanrec_case_options *options,
		   const struct spanrec_case_usage *usage, int argc,
		   char **argv)
{
	struct argp_option list[TEXTS + 4] = { { 0 } };
	const struct argp argp = { .options = list,
				   .parser = parse,
				   .args_doc = usage->arguments,
				   .doc = usage->doc,
				   .children = spanrec_global_options };
	struct parsing p = { .options = options, .usage = usage };
	size_t n = 0;

	for (size_t i = 0; i < TEXTS; i++)
		if (usage->takes & texts[i].bit)
			list[n++] =
			    (struct argp_option){ .name = texts[i].name,
						  .key = FIRST + (int)i,
						  .arg = texts[i].argument,
						  .doc = texts[i].words };
	if (usage->takes & SPANREC_CASE_DUE)
		list[n++] = (struct argp_option){
			.name = "due-review",
			.key = DUE,
			.doc = "Only those whose review is due"
		};
	if (usage->takes & (SPANREC_CASE_LIST | SPANREC_CASE_JSON))
		list[n++] =
		    (struct argp_option){ .name = "json",
					  .key = JSON,
					  .doc = "One JSON object a line" };
	if (usage->takes & SPANREC_CASE_LIST)
		list[n++] = (struct argp_option){ .name = "csv",
						  .key = CSV,
						  .doc = "Comma-separated" };
	if (argp_parse(&argp, argc, argv, 0, NULL, &p))
		return EXIT_USAGE;
	if (usage->what && !usage->many && options->ids_count)
		options->name = options->ids[0];
	return check_needs(&p);
}

int
spanrec_case_text(char *to, size_t bytes, const char *option, const char *text)
{
	char clean[SPANREC_TEXT_BYTES];

	if (!text)
		return 0;
	spanrec_text_clean(text, clean, sizeof(clean));
	if (strlen(clean) < bytes) {
		memcpy(to, clean, strlen(clean) + 1);
		return 0;
	}
	log_error("--%s: at most %zu characters", option, bytes - 1);
	return EXIT_USAGE;
}

int
spanrec_case_day(const struct spanrec *spanrec, const char *option,
		 const char *text, int64_t *time_ns)
{
	struct spanrec_period period;

	if (!text)
		return 0;
	if (spanrec_time_option(spanrec, option, text, &period))
		return EXIT_USAGE;
	*time_ns = period.from_ns;
	return 0;
}

void
spanrec_case_date(const struct spanrec *spanrec, int64_t time_ns,
		  char text[SPANREC_TIME_BYTES])
{
	spanrec_time_local(spanrec->zone, time_ns, text);
	text[strcspn(text, " ")] = '\0';
}

/* ---- doing it ------------------------------------------------------------ */

static int
ask_act(struct spanrec *spanrec, const struct store_act *act)
{
	json_t *request = act_json(act), *answer;
	int rc;

	if (request && json_object_set_new(request, "op", json_string("act"))) {
		json_decref(request);
		request = NULL;
	}
	rc = spanrec_ask(spanrec, request, CONTROL_TIMEOUT_MS, &answer);
	json_decref(answer);
	return rc;
}

/* @return exit code */
static int
check(struct spanrec *spanrec, struct store_act *act)
{
	struct person person;
	struct person_asked asked = { .person = &person,
				      .policy = spanrec->policy,
				      .archive = spanrec->archive };
	struct act_refusal refusal;
	int rc;

	person_init(&person, act->actor);
	rc = act_check(&asked, act, &refusal);
	person_fini(&person);
	if (rc == EXIT_NOT_ALLOWED)
		return spanrec_deny(spanrec, refusal.id, "%s", refusal.text);
	if (rc)
		log_error("%s%s%s", refusal.id, *refusal.id ? ": " : "",
			  refusal.text);
	return rc;
}

int
spanrec_case_act(struct spanrec *spanrec, struct store_act *act)
{
	char failed[STORE_SEGMENT_ID_BYTES], text[320];
	int rc;

	act->now_ns = spanrec->now_ns;
	spanrec_actor(act->actor);
	rc = check(spanrec, act);
	if (rc)
		return rc;
	if (spanrec->beside)
		return ask_act(spanrec, act);
	rc = store_act(spanrec->archive, act, failed);
	if (!rc)
		return 0;
	rc = act_error(act, rc, failed, text, sizeof(text));
	log_error("%s", text);
	return rc;
}

/* @param what "case", "request" */
static int
get(const struct spanrec *spanrec, const char *name, const char *what,
    struct store_case *found)
{
	char clean[SPANREC_TEXT_BYTES];
	int rc = store_case_get(spanrec->archive, name, found);

	if (!rc)
		return 0;
	spanrec_text_clean(name, clean, sizeof(clean));
	if (rc == -ENOENT)
		log_error("there is no %s '%s'; 'spanrec %s list' shows those "
			  "that there are",
			  what, clean, *what == 'c' ? "case" : "sar");
	else
		log_error("%s '%s' cannot be read: %s", what, clean,
			  strerror(-rc));
	return exit_code(rc);
}

int
spanrec_case_any(struct spanrec *spanrec, const char *name,
		 struct store_case *found)
{
	return get(spanrec, name, "case", found);
}

int
spanrec_case_get(struct spanrec *spanrec, const char *name,
		 enum store_case_kind kind, struct store_case *found)
{
	char clean[SPANREC_TEXT_BYTES];
	int rc =
	    get(spanrec, name, kind == STORE_CASE ? "case" : "request", found);

	if (rc || found->kind == kind)
		return rc;
	spanrec_text_clean(name, clean, sizeof(clean));
	log_error("'%s' is %s; 'spanrec %s' is about those", clean,
		  kind == STORE_CASE ? "a request of a subject"
				     : "no request of a subject",
		  kind == STORE_CASE ? "sar" : "case");
	return EXIT_USAGE;
}
