/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock of a request, and what of it may be changed when. */
#include "cmd/common/request.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/common/act.h"
#include "cmd/common/exit.h"

/* ---- days ---------------------------------------------------------------- */

static struct policy_date
date_of(const struct policy_zone *zone, int64_t time_ns)
{
	struct policy_civil civil;

	policy_zone_civil(zone, time_ns, &civil);
	return (struct policy_date){ civil.year, civil.month, civil.day };
}

static const char *
date_text(const struct policy_date *date, char text[REQUEST_DAY_BYTES])
{
	snprintf(text, REQUEST_DAY_BYTES, "%04d-%02u-%02u",
		 (int)(date->year % 10000), (unsigned)date->month % 100,
		 (unsigned)date->day % 100);
	return text;
}

const char *
request_day(const struct policy_zone *zone, int64_t time_ns,
	    char text[REQUEST_DAY_BYTES])
{
	const struct policy_date date = date_of(zone, time_ns);

	return date_text(&date, text);
}

/* The clock of one that was answered ran until then. */
static int64_t
until_ns(const struct store_case *sar, int64_t now_ns)
{
	return sar->answered_ns ? sar->answered_ns : now_ns;
}

uint32_t
request_paused_days(const struct policy_zone *zone,
		    const struct store_case *sar, int64_t now_ns)
{
	struct policy_date since, until;
	int32_t days;

	if (!sar->paused_ns)
		return sar->paused_days;
	since = date_of(zone, sar->paused_ns);
	until = date_of(zone, until_ns(sar, now_ns));
	days = policy_date_days(&since, &until);
	return sar->paused_days + (days > 0 ? (uint32_t)days : 0);
}

/* Rows may say anything: of no law is as of the strictest one. */
static enum policy_law
law_of(const struct store_case *sar)
{
	int law = policy_law_find(sar->law);

	return law < 0 ? POLICY_LAW_JERSEY : (enum policy_law)law;
}

static struct policy_date
due_date(const struct policy_zone *zone, const struct store_case *sar,
	 int64_t now_ns)
{
	const struct policy_asking asking = {
		.received = date_of(zone, sar->received_ns),
		.paused_days = request_paused_days(zone, sar, now_ns),
		.extended = sar->extended_ns != 0,
	};
	struct policy_date due;

	policy_law_due(law_of(sar), &asking, &due);
	return due;
}

const char *
request_due(const struct policy_zone *zone, const struct store_case *sar,
	    int64_t now_ns, char text[REQUEST_DAY_BYTES])
{
	const struct policy_date due = due_date(zone, sar, now_ns);

	return date_text(&due, text);
}

int64_t
request_due_ns(const struct policy_zone *zone, const struct store_case *sar,
	       int64_t now_ns)
{
	const struct policy_date due = due_date(zone, sar, now_ns);
	const struct policy_civil civil = { .year = due.year,
					    .month = due.month,
					    .day = due.day };

	return policy_zone_instant(zone, &civil, false);
}

const char *
request_due_words(const struct policy_zone *zone, const struct store_case *sar,
		  int64_t now_ns, char text[REQUEST_WORDS_BYTES])
{
	const uint32_t paused = request_paused_days(zone, sar, now_ns);
	const enum policy_law law = law_of(sar);
	int n = snprintf(text, REQUEST_WORDS_BYTES, "%s%s%s",
			 policy_law_text(law), sar->extended_ns ? ", and " : "",
			 sar->extended_ns ? policy_law_more_text(law) : "");

	if (paused && n >= 0 && n < REQUEST_WORDS_BYTES)
		snprintf(text + n, REQUEST_WORDS_BYTES - (size_t)n,
			 ", and %u day%s in which the clock stood still",
			 paused, paused == 1 ? "" : "s");
	return text;
}

uint32_t
request_days_late(const struct policy_zone *zone, const struct store_case *sar,
		  int64_t now_ns)
{
	const struct policy_date due = due_date(zone, sar, now_ns);
	const struct policy_date at = date_of(zone, until_ns(sar, now_ns));
	const int32_t days = policy_date_days(&due, &at);

	return days > 0 ? (uint32_t)days : 0;
}

const char *
request_state(const struct policy_zone *zone, const struct store_case *sar,
	      int64_t now_ns)
{
	const bool late = request_days_late(zone, sar, now_ns) > 0;

	if (sar->closed_ns)
		return late ? "answered late" : "answered";
	if (late)
		return "overdue";
	if (sar->paused_ns)
		return "paused";
	return store_case_searches(sar) ? "searched" : "open";
}

/* ---- what somebody has to see to ----------------------------------------- */

struct watching {
	const struct policy_zone *zone;
	int64_t now_ns;
	struct request_watch *watch;
};

static int
watch_case(void *ctx, const struct store_case *found)
{
	const struct watching *w = ctx;

	w->watch->overdue += found->kind == STORE_CASE_SAR &&
			     !found->closed_ns &&
			     request_days_late(w->zone, found, w->now_ns) > 0;
	return 0;
}

/* Those of a request are looked at when it is answered. */
static int
watch_hold(void *ctx, const struct store_hold *hold)
{
	const struct watching *w = ctx;

	w->watch->reviews +=
	    !hold->ended_ns && *hold->approver && hold->review_ns <= w->now_ns;
	return 0;
}

int
request_watch(struct store_archive *archive, const struct policy_zone *zone,
	      int64_t now_ns, struct request_watch *watch)
{
	struct watching w = { .zone = zone, .now_ns = now_ns, .watch = watch };
	int r;

	*watch = (struct request_watch){ 0 };
	r = store_cases(archive, watch_case, &w);
	return r ? r : store_holds(archive, NULL, NULL, watch_hold, &w);
}

const char *
request_watch_words(const struct request_watch *watch, unsigned which,
		    char text[REQUEST_WORDS_BYTES])
{
	if (watch->overdue && which-- == 0)
		snprintf(text, REQUEST_WORDS_BYTES,
			 "%" PRIu64 " request%s of subjects %s overdue: see "
			 "'spanrec sar list'",
			 watch->overdue, watch->overdue == 1 ? "" : "s",
			 watch->overdue == 1 ? "is" : "are");
	else if (watch->reviews && which == 0)
		snprintf(text, REQUEST_WORDS_BYTES,
			 "%" PRIu64 " hold%s %s to be looked at again: see "
			 "'spanrec hold list --due-review'",
			 watch->reviews, watch->reviews == 1 ? "" : "s",
			 watch->reviews == 1 ? "is" : "are");
	else
		return NULL;
	return text;
}

/* ---- what may be changed ------------------------------------------------- */

struct checking {
	const struct policy_zone *zone;
	struct store_act *act;
	struct act_refusal *refusal;
	struct store_case sar; /* as it is, then as it will be */
};

static int refuse(const struct checking *c, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* @return code */
static int
refuse(const struct checking *c, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->refusal->text, sizeof(c->refusal->text), format,
		  arguments);
	va_end(arguments);
	return code;
}

static int
check_running(const struct checking *c, const char *what)
{
	char due[REQUEST_DAY_BYTES];

	if (!request_days_late(c->zone, &c->sar, c->act->now_ns))
		return 0;
	return refuse(c, EXIT_FAILED,
		      "the answer was due by %s: %s while the clock runs",
		      request_due(c->zone, &c->sar, c->act->now_ns, due), what);
}

static void
note_due(const struct checking *c, const char *before)
{
	char due[REQUEST_DAY_BYTES];

	c->act->review_ns = request_due_ns(c->zone, &c->sar, c->act->now_ns);
	snprintf(c->act->note, sizeof(c->act->note), "%sdue %s", before,
		 request_due(c->zone, &c->sar, c->act->now_ns, due));
}

static int
check_resume(struct checking *c)
{
	const uint32_t all =
	    request_paused_days(c->zone, &c->sar, c->act->now_ns);
	char before[48];

	c->act->of.paused_days = all - c->sar.paused_days;
	snprintf(before, sizeof(before), "paused for %u day%s, ",
		 c->act->of.paused_days,
		 c->act->of.paused_days == 1 ? "" : "s");
	note_due(c, before);
	return 0;
}

static int
check_extend(struct checking *c)
{
	char before[48];
	int rc = check_running(c, "more time can be taken, and who asks be "
				  "told so, only");

	c->sar.extended_ns = c->act->now_ns;
	snprintf(before, sizeof(before), "%s, ",
		 policy_law_more_text(law_of(&c->sar)));
	note_due(c, before);
	return rc;
}

static int
check_answer(struct checking *c)
{
	const int64_t sent_ns = c->act->of.answered_ns;
	const struct policy_date sent = date_of(c->zone, sent_ns);
	const struct policy_date came = date_of(c->zone, c->sar.received_ns);
	char day[REQUEST_DAY_BYTES], other[REQUEST_DAY_BYTES], late[48] = "";
	uint32_t days;

	date_text(&sent, day);
	if (!sent_ns || sent_ns > c->act->now_ns)
		return refuse(c, EXIT_USAGE,
			      "the day on which the answer was sent has not "
			      "come yet");
	if (policy_date_days(&came, &sent) < 0)
		return refuse(c, EXIT_USAGE,
			      "an answer of %s is older than the request, "
			      "which was received on %s",
			      day, date_text(&came, other));
	c->sar.answered_ns = sent_ns;
	days = request_days_late(c->zone, &c->sar, c->act->now_ns);
	if (days)
		snprintf(late, sizeof(late), ", %u day%s late", days,
			 days == 1 ? "" : "s");
	snprintf(c->act->note, sizeof(c->act->note), "sent %s, due %s%s", day,
		 request_due(c->zone, &c->sar, c->act->now_ns, other), late);
	return 0;
}

static int
check_reopen(struct checking *c)
{
	char before[48], day[REQUEST_DAY_BYTES];

	if (!c->sar.closed_ns)
		return 0; /* store_act says so */
	snprintf(before, sizeof(before), "answer of %s taken back, ",
		 request_day(c->zone, c->sar.answered_ns, day));
	c->sar.closed_ns = c->sar.answered_ns = 0;
	note_due(c, before);
	return 0;
}

static int
check_search(struct checking *c)
{
	const struct store_case_search *search = &c->act->of.searches[0];
	char from[REQUEST_DAY_BYTES], to[REQUEST_DAY_BYTES], before[128];

	snprintf(before, sizeof(before), "calls from %s to %s: %u found, ",
		 search->from_ns ? request_day(c->zone, search->from_ns, from)
				 : "the first",
		 search->to_ns ? request_day(c->zone, search->to_ns, to)
			       : "the last",
		 search->found);
	note_due(c, before);
	c->act->approver[0] = '\0';
	return 0;
}

static int
check_known(struct checking *c)
{
	switch (c->act->type) {
	case STORE_ACT_SEARCH:
		return check_search(c);
	case STORE_ACT_PAUSE:
		note_due(c, "");
		return check_running(c, "it can be stopped only");
	case STORE_ACT_RESUME:
		return check_resume(c);
	case STORE_ACT_EXTEND:
		return check_extend(c);
	case STORE_ACT_CLOSE:
		return check_answer(c);
	case STORE_ACT_REOPEN:
		return check_reopen(c);
	default:
		return 0;
	}
}

/* What it is that is answered on that day stays with it. */
static int
check_new(struct checking *c)
{
	char before[STORE_NAME_BYTES + 64], day[REQUEST_DAY_BYTES];

	c->sar = c->act->of;
	snprintf(before, sizeof(before), "clock %s, received %s, ", c->sar.law,
		 request_day(c->zone, c->sar.received_ns, day));
	note_due(c, before);
	return 0;
}

int
request_check(struct store_archive *archive, const struct policy_zone *zone,
	      struct store_act *act, struct act_refusal *refusal)
{
	struct checking c = { .zone = zone, .act = act, .refusal = refusal };

	if (act->type == STORE_ACT_OPEN)
		return act->of.kind == STORE_CASE_SAR ? check_new(&c) : 0;
	if (store_case_get(archive, act->of.name, &c.sar) ||
	    c.sar.kind != STORE_CASE_SAR)
		return 0;
	return check_known(&c);
}
