/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock of a request: it is stopped, runs again, is given more time, and
 * ends with the answer. When that may be, cmd/common/request.c knows. */
#include "cmd/spanrec/sar_priv.h"

#include <string.h>

#include "cmd/common/exit.h"
#include "store/cases.h"

static int
change(struct spanrec *spanrec, const struct spanrec_case_options *o,
       struct store_act *act)
{
	struct store_case sar;
	int rc = spanrec_case_get(spanrec, o->name, STORE_CASE_SAR, &sar);

	if (!rc)
		rc = spanrec_case_text(act->reason, sizeof(act->reason),
				       "reason", o->reason);
	if (rc)
		return rc;
	act->of.kind = STORE_CASE_SAR;
	memcpy(act->of.name, sar.name, sizeof(act->of.name));
	return spanrec_case_act(spanrec, act);
}

/* ... and by when the answer is due now. */
static int
change_due(struct spanrec *spanrec, const struct spanrec_case_options *o,
	   struct store_act *act)
{
	struct store_case sar;
	int rc = change(spanrec, o, act);

	if (!rc)
		rc = spanrec_case_get(spanrec, o->name, STORE_CASE_SAR, &sar);
	if (!rc)
		spanrec_sar_tell_due(spanrec, &sar);
	return rc;
}

int
spanrec_sar_pause(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Stop the clock of a request, while it is awaited who "
		       "asks or what he means.\v"
		       "One that has run out cannot be stopped.\n",
		.takes = SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_REASON,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_PAUSE };
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	return rc ? rc : change(spanrec, &o, &act);
}

int
spanrec_sar_resume(struct spanrec *spanrec, int argc, char **argv)
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
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	return rc ? rc : change_due(spanrec, &o, &act);
}

int
spanrec_sar_extend(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Take the further time that the law allows where a "
		       "request is complex: uk two months, jersey eight "
		       "weeks.\v"
		       "It can be done once, and before the first time is "
		       "over: who asks has to be told by then, and why.\n\n"
		       "Example:\n"
		       "  spanrec sar extend SAR-12 --reason \"800 calls\"\n",
		.takes = SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_REASON,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_EXTEND };
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	return rc ? rc : change_due(spanrec, &o, &act);
}

int
spanrec_sar_answer(struct spanrec *spanrec, int argc, char **argv)
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
	struct store_case sar;
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_day(spanrec, "sent", o.sent,
				      &act.of.answered_ns);
	if (!rc)
		rc = change(spanrec, &o, &act);
	if (rc || spanrec->quiet)
		return rc;
	rc = spanrec_case_get(spanrec, o.name, STORE_CASE_SAR, &sar);
	if (rc)
		return rc;
	spanrec_sar_print_answer(spanrec, &sar);
	return spanrec_holds_print(spanrec, act.of.name, false, SPANREC_TABLE);
}

int
spanrec_sar_reopen(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Take an answer back that was none, or not the whole "
		       "one.\v"
		       "The clock of the request runs as if there had been no "
		       "answer. What was held until then, and is there yet, is "
		       "held again; what was purged is gone.\n\n"
		       "Example:\n"
		       "  spanrec sar reopen SAR-12 --reason \"wrong date\"\n",
		.takes = SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_REASON,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_REOPEN };
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_WRITE);

	return rc ? rc : change_due(spanrec, &o, &act);
}
