/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acts on cases as JSON, and their errors in words. */
#include "cmd/common/act.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/clocks.h"
#include "cmd/common/exit.h"
#include "cmd/common/request.h"
#include "store/cases.h"

/* Nothing is held without somebody looking at it once a year. */
#define REVIEW_MAX_NS (INT64_C(366) * 86400 * 1000000000)

enum kind { TEXT, TIME, COUNT };

struct member {
	const char *name;
	enum kind kind;
	size_t offset, bytes;
};

#define MEMBER(n, k, m)                                                        \
	{                                                                      \
		.name = (n), .kind = (k),                                      \
		.offset = offsetof(struct store_act, m),                       \
		.bytes = sizeof(((struct store_act *)0)->m)                    \
	}

static const struct member members[] = {
	MEMBER("case", TEXT, of.name),
	MEMBER("title", TEXT, of.title),
	MEMBER("opener", TEXT, of.approver),
	MEMBER("then", TEXT, of.then),
	MEMBER("subjects", TEXT, of.subjects),
	MEMBER("law", TEXT, of.law),
	MEMBER("received", TIME, of.received_ns),
	MEMBER("answered", TIME, of.answered_ns),
	MEMBER("paused_days", COUNT, of.paused_days),
	MEMBER("from", TIME, of.searches[0].from_ns),
	MEMBER("to", TIME, of.searches[0].to_ns),
	MEMBER("found", COUNT, of.searches[0].found),
	MEMBER("reason", TEXT, reason),
	MEMBER("approver", TEXT, approver),
	MEMBER("review", TIME, review_ns),
};
#define MEMBERS (sizeof(members) / sizeof(*members))

static json_t *
member_json(const struct store_act *act, const struct member *member)
{
	const char *at = (const char *)act + member->offset;
	int64_t time_ns;
	uint32_t count;

	switch (member->kind) {
	case TEXT:
		return json_string(at);
	case TIME:
		memcpy(&time_ns, at, sizeof(time_ns));
		return json_integer(time_ns);
	case COUNT:
		memcpy(&count, at, sizeof(count));
		return json_integer(count);
	}
	return NULL;
}

json_t *
act_json(const struct store_act *act)
{
	json_t *json = json_pack("{si si}", "type", (int)act->type, "kind",
				 (int)act->of.kind);
	json_t *ids = json_array();
	int failed = !json || !ids;

	for (size_t i = 0; !failed && i < MEMBERS; i++)
		failed = json_object_set_new(json, members[i].name,
					     member_json(act, &members[i]));
	for (uint32_t i = 0; !failed && i < act->count; i++)
		failed = json_array_append_new(ids, json_string(act->ids[i]));
	if (!failed)
		failed = json_object_set(json, "ids", ids);
	json_decref(ids);
	if (!failed)
		return json;
	json_decref(json);
	return NULL;
}

static int
member_parse(const json_t *json, const struct member *member,
	     struct store_act *act)
{
	const json_t *value = json_object_get(json, member->name);
	char *at = (char *)act + member->offset;
	json_int_t number = json_integer_value(value);
	int64_t time_ns = number;
	uint32_t count = (uint32_t)number;

	if (!value)
		return 0;
	switch (member->kind) {
	case TEXT:
		if (!json_is_string(value) ||
		    json_string_length(value) >= member->bytes)
			return -EINVAL;
		memcpy(at, json_string_value(value),
		       json_string_length(value) + 1);
		return 0;
	case TIME:
		memcpy(at, &time_ns, sizeof(time_ns));
		break;
	case COUNT:
		if (number < 0 || number > UINT32_MAX)
			return -EINVAL;
		memcpy(at, &count, sizeof(count));
		break;
	}
	return json_is_integer(value) ? 0 : -EINVAL;
}

static int
ids_parse(const json_t *ids, struct store_act *act)
{
	size_t n = json_array_size(ids);

	if (n > ACT_IDS_MAX)
		return -EINVAL;
	act->ids = calloc(n + 1, sizeof(*act->ids));
	if (!act->ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *id = json_array_get(ids, i);

		if (!json_is_string(id) ||
		    json_string_length(id) >= sizeof(*act->ids))
			return -EINVAL;
		memcpy(act->ids[i], json_string_value(id),
		       json_string_length(id) + 1);
	}
	act->count = (uint32_t)n;
	return 0;
}

int
act_parse(const json_t *json, struct store_act **act)
{
	json_int_t type = json_integer_value(json_object_get(json, "type"));
	json_int_t kind = json_integer_value(json_object_get(json, "kind"));
	int r = 0;

	*act = NULL;
	if (type < 0 || type >= STORE_ACT_COUNT || kind < STORE_CASE ||
	    kind > STORE_CASE_SAR)
		return -EINVAL;
	*act = calloc(1, sizeof(**act));
	if (!*act)
		return -ENOMEM;
	(*act)->type = (enum store_act_type)type;
	(*act)->of.kind = (enum store_case_kind)kind;
	for (size_t i = 0; i < MEMBERS && r == 0; i++)
		r = member_parse(json, &members[i], *act);
	if (r == 0)
		r = ids_parse(json_object_get(json, "ids"), *act);
	if (r)
		act_free(act);
	return r;
}

void
act_free(struct store_act **act)
{
	if (*act)
		free((*act)->ids);
	free(*act);
	*act = NULL;
}

/* ---- what has to be there ------------------------------------------------ */

static int refuse(struct act_refusal *refusal, int code, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));

/* @return code */
static int
refuse(struct act_refusal *refusal, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(refusal->text, sizeof(refusal->text), format, arguments);
	va_end(arguments);
	return code;
}

static int
check_texts(const struct store_act *act, struct act_refusal *refusal)
{
	const bool hold =
	    act->type == STORE_ACT_HOLD || act->type == STORE_ACT_REVIEW;
	const bool open =
	    act->type == STORE_ACT_OPEN && act->of.kind == STORE_CASE;

	if (!*act->reason && act->type != STORE_ACT_OPEN &&
	    act->type != STORE_ACT_RESUME)
		return refuse(refusal, EXIT_USAGE, "it needs a reason");
	if ((hold && !*act->approver) || (open && !*act->of.approver))
		return refuse(refusal, EXIT_USAGE,
			      "it needs somebody who allowed it");
	if (open && !*act->of.title)
		return refuse(refusal, EXIT_USAGE, "it needs a title");
	if (hold && (act->review_ns <= act->now_ns ||
		     act->review_ns - act->now_ns > REVIEW_MAX_NS))
		return refuse(refusal, EXIT_USAGE,
			      "the day of the review has to come, and within "
			      "12 months: a hold is looked at once a year at "
			      "least");
	return 0;
}

/* A class that the policy of today knows; a law that there is. */
static int
check_opened(const struct policy *policy, const struct store_act *act,
	     struct act_refusal *refusal)
{
	const struct store_case *of = &act->of;
	struct policy_clock clock;

	if (*of->then && policy_clock(policy, of->then, act->now_ns, &clock))
		return refuse(refusal, EXIT_NOT_FOUND,
			      "the policy has no retention class '%s'",
			      of->then);
	if (of->kind != STORE_CASE_SAR)
		return 0;
	if (policy_law_find(of->law) < 0 || !*of->subjects || *of->then)
		return refuse(refusal, EXIT_USAGE,
			      "a request needs numbers, and the clock of a "
			      "law; no retention class");
	return of->received_ns <= act->now_ns
		   ? 0
		   : refuse(refusal, EXIT_USAGE,
			    "the day on which it was received has not come "
			    "yet");
}

/* Of segments it is their area that counts; of a case, all of them. */
static int
check_rights(struct person_asked *asked, const struct store_act *act,
	     struct act_refusal *refusal)
{
	const bool some = act->type == STORE_ACT_HOLD ||
			  act->type == STORE_ACT_END ||
			  act->type == STORE_ACT_REVIEW;

	asked->right = POLICY_RIGHT_HOLD;
	if (!some &&
	    !person_may_all(asked, refusal->text, sizeof(refusal->text)))
		return EXIT_NOT_ALLOWED;
	for (uint32_t i = 0; some && i < act->count; i++) {
		int r = person_may_segment(asked, act->ids[i], refusal->text,
					   sizeof(refusal->text));

		if (!r)
			continue;
		snprintf(refusal->id, sizeof(refusal->id), "%s", act->ids[i]);
		if (r == -EACCES)
			return EXIT_NOT_ALLOWED;
		return refuse(refusal, exit_code(r), "it cannot be read: %s",
			      strerror(-r));
	}
	return 0;
}

int
act_check(struct person_asked *asked, struct store_act *act,
	  struct act_refusal *refusal)
{
	int rc;

	*refusal = (struct act_refusal){ 0 };
	rc = check_rights(asked, act, refusal);
	if (!rc)
		rc = check_texts(act, refusal);
	if (!rc && act->type == STORE_ACT_OPEN)
		rc = check_opened(asked->policy, act, refusal);
	if (!rc)
		rc = request_check(asked->archive,
				   policy_zone_peek(asked->policy), act,
				   refusal);
	if (act->type == STORE_ACT_END || act->type == STORE_ACT_CLOSE)
		act->not_before_ns = act->now_ns + CLOCKS_GRACE_NS;
	return rc;
}

/* ---- errors -------------------------------------------------------------- */

/** What is wrong with the case. @return NULL: it is something else */
static const char *
case_words(const struct store_act *act, int error)
{
	const enum store_act_type type = act->type;

	switch (error) {
	case -EEXIST:
		return type == STORE_ACT_PAUSE    ? "it is paused already"
		       : type == STORE_ACT_EXTEND ? "its time was extended "
						    "before, and that can be "
						    "done once"
						  : "there is one of that name";
	case -ENOENT:
		return "there is none of that name";
	case -ESTALE:
		if (type == STORE_ACT_REOPEN)
			return "it is open";
		return act->of.kind == STORE_CASE_SAR
			   ? "it is answered; 'spanrec sar reopen' takes that "
			     "back"
			   : "it is closed";
	case -EINVAL:
		if (type == STORE_ACT_OPEN)
			return "a name has 1 to 39 characters, and no blank";
		if (type == STORE_ACT_HOLD || type == STORE_ACT_REVIEW)
			return "a hold needs a reason, an approver and a day "
			       "to come on which it is reviewed";
		return type == STORE_ACT_RESUME
			   ? "it is no request of a subject that is paused"
			   : "it is no request of a subject";
	case -E2BIG:
		return "so many times were searched for it that there is no "
		       "room for another one; search a time that holds them";
	default:
		return NULL;
	}
}

/** What is wrong with a segment. */
static const char *
segment_words(enum store_act_type type, int error)
{
	switch (error) {
	case -ENOENT:
		return type == STORE_ACT_END || type == STORE_ACT_REVIEW
			   ? "it is not held for it"
			   : "there is no such segment";
	case -EEXIST:
		return "it is held for it already";
	case -EALREADY:
		return "it was purged before";
	case -EAGAIN:
		return "it is being recorded; hold it when the call is over";
	case -EOVERFLOW:
		return "too many retention classes would count for it in the "
		       "end; a case with one of those that do is possible";
	default:
		return NULL;
	}
}

int
act_error(const struct store_act *act, int error, const char *failed,
	  char *text, size_t text_bytes)
{
	const char *kind = act->of.kind == STORE_CASE_SAR ? "request" : "case";
	const char *words =
	    *failed ? segment_words(act->type, error) : case_words(act, error);

	if (!words) {
		snprintf(text, text_bytes,
			 "the archive could not be written: %s",
			 strerror(-error));
		return exit_code(error);
	}
	if (*failed)
		snprintf(text, text_bytes, "%s: %s (%s %s); nothing was done",
			 failed, words, kind, act->of.name);
	else
		snprintf(text, text_bytes, "%s '%s': %s", kind, act->of.name,
			 words);
	if (error == -EINVAL && act->type == STORE_ACT_OPEN)
		return EXIT_USAGE;
	return error == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
}
