/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can be asked through the control socket: one JSON object a line, as is
 * one answer (cmd/common/control.h has the other end).
 *
 *   {"op":"status"}                       how the recorder is
 *   {"op":"calls"}                        calls in progress
 *   {"op":"registrations"}                who is logged in where
 *   {"op":"pause","extension":"2041"}     or "call": beginning of a call's id
 *   {"op":"resume",...}                   likewise
 *   {"op":"reload"}                       settings and policy
 *   {"op":"ledger","action":A,"subjects":[id,...],"detail":D}
 *   {"op":"purge"}                        "clock_is_right":true confirms it
 *   {"op":"sign","detail":D}              a head of the ledger, for an anchor
 *   {"op":"act",...}                      on a case: cmd/common/act.h
 *   {"op":"scrub","step":S,...}           cmd/common/scrub.h
 *   {"op":"key","step":S,...}             cmd/common/rekey.h
 *
 *   {"ok":true,...}  or  {"ok":false,"error":"in words","exit":code}
 *
 * What must be durable before it is answered waits in a list for the archive
 * thread. A pause holds at once; the answer says that it will hold after a
 * crash too.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "cmd/common/act.h"
#include "cmd/common/exit.h"
#include "cmd/common/guard.h"
#include "cmd/common/home.h"
#include "cmd/common/log.h"
#include "cmd/common/person.h"
#include "cmd/common/rekey.h"
#include "cmd/common/scrub.h"
#include "cmd/spanrecd/control_priv.h"
#include "store/cases.h"

/* Refusals are entered so often at most. */
static const int64_t REFUSED_NS = 60 * 1000000000LL;

/** A request that cannot be answered yet. */
struct command {
	struct command *prev, *next;
	struct control_asker asker;
	json_t *request; /* NULL once it is done, and waits to be durable */
	json_t *answer;
	uint64_t token;
	uint32_t waits; /* for so many answers of the archive thread */
	int error;      /* the worst of them */
	/* of whose scrub it is a step; what fails is told in its words */
	char scrub[STORE_SEGMENT_ID_BYTES];
	bool rekey; /* likewise, of keys */
};

/* ---- answers ------------------------------------------------------------- */

static void
reply(struct control_state *c, const struct control_asker *asker, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	control__server_reply(c->server, asker->client,
			      text ? text
				   : "{\"ok\":false,\"error\":\"out of "
				     "memory\",\"exit\":1}");
	free(text);
	json_decref(json);
}

static json_t *
refusal(int exit, const char *text)
{
	return json_pack("{s:b,s:s,s:i}", "ok", 0, "error", text, "exit", exit);
}

static void
command_free(struct control_state *c, struct command *command)
{
	DL_DELETE(c->commands, command);
	json_decref(command->request);
	json_decref(command->answer);
	free(command);
}

/* By the policy: that is entered into the ledger. @return the answer */
static json_t *
deny(struct control_state *c, const struct command *command, const char *id,
     const char *why)
{
	char text[sizeof(((struct act_refusal *)0)->text) +
		  STORE_SEGMENT_ID_BYTES + 2];

	(void)control__ledger(c, command->asker.name, "denied", id, why);
	snprintf(text, sizeof(text), "%s%s%s", id, *id ? ": " : "", why);
	return refusal(EXIT_NOT_ALLOWED, text);
}

/* Has who asks a right wherever it may be, by the policy in force?
 * @return NULL, or the answer */
static json_t *
lacks_right(struct control_state *c, const struct command *command,
	    enum policy_right right)
{
	struct person *person = person_new(command->asker.name);
	const struct person_asked asked = { .person = person,
					    .policy = c->policy,
					    .right = right };
	char why[256];
	bool may = person && person_may_all(&asked, why, sizeof(why));

	person_free(&person);
	return may ? NULL : deny(c, command, "", why);
}

/* All of it is durable, or something failed. */
static void
command_end(struct control_state *c, struct command *command)
{
	json_t *answer = command->answer;
	char text[160];

	if (command->error == -ETIME) {
		answer = refusal(
		    EXIT_FAILED,
		    guard_text(atomic_load(&c->pipeline->clock_verdict)));
	} else if (command->error == -EINTR) {
		answer = refusal(EXIT_FAILED,
				 "somebody asked for a purge once more, and is "
				 "told what it comes to");
	} else if (command->error == -EACCES && *command->scrub) {
		answer = deny(c, command, command->scrub,
			      scrub_step_error(command->error));
	} else if (command->error < 0 && *command->scrub) {
		snprintf(text, sizeof(text), "%s: %s", command->scrub,
			 scrub_step_error(command->error));
		answer = refusal(exit_code(command->error), text);
	} else if (command->error < 0 && command->rekey) {
		answer = refusal(exit_code(command->error),
				 rekey_step_error(command->error));
	} else if (command->error < 0) {
		snprintf(text, sizeof(text),
			 "the archive could not be written: %s",
			 strerror(-command->error));
		answer = refusal(exit_code(command->error), text);
	} else {
		command->answer = NULL;
	}
	reply(c, &command->asker, answer);
	command_free(c, command);
}

/* ---- to the archive thread ----------------------------------------------- */

/* The command waits for the answer. */
static void
hand_over(struct control_state *c, struct command *command,
	  struct control_request *request)
{
	request->token = command->token;
	control__request_commit(c, request);
	command->waits++;
}

static bool
ledger(struct control_state *c, uint64_t token, const char *actor,
       const char *action, const char *subject, const char *detail)
{
	struct control_request *request =
	    control__request(c, CONTROL_LEDGER, 0);
	struct store_ledger_entry *entry;

	if (!request)
		return false;
	entry = &request->entry;
	memset(entry, 0, sizeof(*entry));
	entry->time_ns = control__wall_ns();
	snprintf(entry->action, sizeof(entry->action), "%s", action);
	snprintf(entry->subject, sizeof(entry->subject), "%s", subject);
	snprintf(entry->actor, sizeof(entry->actor), "%s", actor);
	snprintf(entry->detail, sizeof(entry->detail), "%s", detail);
	request->token = token;
	control__request_commit(c, request);
	return true;
}

bool
control__ledger(struct control_state *c, const char *actor, const char *action,
		const char *subject, const char *detail)
{
	bool entered = ledger(c, 0, actor, action, subject, detail);

	if (!entered)
		log_error("no room for an entry of the ledger: %s %s: %s",
			  action, subject, detail);
	return entered;
}

/* An entry of the ledger; the command waits for it. */
static void
enter(struct control_state *c, struct command *command, const char *action,
      const char *subject, const char *detail)
{
	if (ledger(c, command->token, command->asker.name, action, subject,
		   detail))
		command->waits++;
	else
		command->error = -EBUSY;
}

/* ---- pause and resume ---------------------------------------------------- */

static const char *
text_of(const json_t *request, const char *name)
{
	const char *text = json_string_value(json_object_get(request, name));

	return text ? text : "";
}

static bool
is_party(const struct control_call *call, const char *number)
{
	return strcmp(call->verdict.local, number) == 0 ||
	       strcmp(call->verdict.from, number) == 0 ||
	       strcmp(call->verdict.to, number) == 0;
}

/* Of a conversation that leaves no number nobody is told that an extension is
 * in it. */
enum meant { NOT_MEANT, MEANT_UNTOLD, MEANT };

/* A call that one of its conversations is meant by. */
static enum meant
is_meant(const struct control_state *c, const json_t *request,
	 const struct control_family *family)
{
	enum meant meant = NOT_MEANT;
	const char *extension = text_of(request, "extension");
	const char *id = text_of(request, "call");
	const struct control_call *call;
	char number[POLICY_NUMBER_BYTES];

	if (!family->first)
		return NOT_MEANT;
	if (*id)
		return strncmp(family->id, id, strlen(id)) == 0 ? MEANT
								: NOT_MEANT;
	policy_number_normalise(c->policy, extension, number);
	for (call = family->first; call && meant != MEANT; call = call->next)
		if (is_party(call, number))
			meant = call->verdict.traces == POLICY_TRACES_FULL
				    ? MEANT
				    : MEANT_UNTOLD;
	return meant;
}

static uint32_t
count_meant(const struct control_state *c, const json_t *request)
{
	const struct control_family *family;
	uint32_t n = 0;

	for (family = c->families; family; family = family->hh.next)
		n += is_meant(c, request, family) == MEANT;
	return n;
}

static void
pause_call(struct control_state *c, struct command *command,
	   struct control_family *family, bool pause)
{
	bool already = pause == (family->state.pause != POLICY_NOT_PAUSED);
	json_t *list =
	    json_object_get(command->answer, already ? "already" : "calls");
	struct control_call *call;

	if (!control__pause(c, family, pause)) {
		list = json_object_get(command->answer, "refused");
		log_warning("%s stays paused, though %s asked for it to be "
			    "recorded again",
			    family->id, command->asker.name);
	}
	(void)json_array_append_new(list, json_string(family->id));
	/* The table before the ledger: the entry's answer is for both. Also
	 * where it was paused already, for that may not be durable yet. */
	DL_FOREACH(family->first, call)
	{
		control__live_change(c, call);
	}
	if (!control__live_flush(c, true))
		command->error = -EBUSY;
	enter(c, command, pause ? "pause" : "resume", family->id,
	      already ? "it was so already" : "");
}

static void
pause_untold(struct control_state *c, const json_t *request, bool pause)
{
	struct control_family *family;

	for (family = c->families; family; family = family->hh.next)
		if (is_meant(c, request, family) == MEANT_UNTOLD)
			(void)control__pause(c, family, pause);
}

/* @return why not, or NULL */
static json_t *
pause_calls(struct control_state *c, struct command *command, bool pause)
{
	const json_t *request = command->request;
	const char *id = text_of(request, "call");
	struct control_family *family;
	uint32_t n;

	if (!*id == !*text_of(request, "extension"))
		return refusal(EXIT_USAGE, "name an extension or a call");
	pause_untold(c, request, pause);
	n = count_meant(c, request);
	if (n == 0)
		return refusal(EXIT_NOT_FOUND,
			       "there is no such call in progress");
	if (*id && n > 1)
		return refusal(EXIT_USAGE,
			       "several calls in progress begin like that");
	command->answer = json_pack("{s:b,s:[],s:[],s:[]}", "ok", 1, "calls",
				    "already", "refused");
	for (family = c->families; family; family = family->hh.next)
		if (is_meant(c, request, family) == MEANT)
			pause_call(c, command, family, pause);
	log_info("%s by %s: %u calls", pause ? "paused" : "resumed",
		 command->asker.name, n);
	return NULL;
}

/* ---- ledger, purge ------------------------------------------------------- */

/* What spanrec does by itself, and has entered. What the recorder does, it
 * enters: nobody is to ask for the certificate of a purge that was none. */
static const struct entry_kind {
	const char *action;
	enum policy_right right; /* COUNT: none, or one for a purpose, which
				  * spanrec asks about */
} entry_kinds[] = {
	{ "audit-export", POLICY_RIGHT_REPORT },
	{ "backup", POLICY_RIGHT_OPERATE },
	{ "canary", POLICY_RIGHT_OPERATE },
	{ "denied", POLICY_RIGHT_COUNT },
	{ "export", POLICY_RIGHT_COUNT },
	{ "key-escrow", POLICY_RIGHT_COUNT },
	{ "key-new", POLICY_RIGHT_COUNT },
	{ "key-passphrase", POLICY_RIGHT_COUNT },
	{ "play", POLICY_RIGHT_COUNT },
	{ "policy", POLICY_RIGHT_POLICY },
	{ "sar certificate", POLICY_RIGHT_HOLD },
	{ "verify", POLICY_RIGHT_COUNT },
};

/* @return NULL, or the answer */
static json_t *
may_enter(struct control_state *c, const struct command *command,
	  const char *action)
{
	for (size_t i = 0; i < sizeof(entry_kinds) / sizeof(*entry_kinds); i++)
		if (strcmp(entry_kinds[i].action, action) == 0)
			return entry_kinds[i].right == POLICY_RIGHT_COUNT
				   ? NULL
				   : lacks_right(c, command,
						 entry_kinds[i].right);
	return refusal(EXIT_USAGE,
		       "that is no entry that is made for somebody else");
}

static json_t *
write_ledger(struct control_state *c, struct command *command)
{
	const json_t *subjects = json_object_get(command->request, "subjects");
	const char *action = text_of(command->request, "action");
	json_t *refused = may_enter(c, command, action);
	size_t i;

	if (refused)
		return refused;
	if (json_array_size(subjects) == 0)
		return refusal(EXIT_USAGE, "an entry needs a subject");
	for (i = 0; i < json_array_size(subjects); i++) {
		const char *id = json_string_value(json_array_get(subjects, i));

		enter(c, command, action, id ? id : "",
		      text_of(command->request, "detail"));
	}
	command->answer = json_pack("{s:b}", "ok", 1);
	return NULL;
}

/* The act itself is the last entry that the head vouches for. */
static json_t *
sign_ledger(struct control_state *c, struct command *command)
{
	json_t *denied = lacks_right(c, command, POLICY_RIGHT_REPORT);
	struct control_request *request;

	if (denied)
		return denied;
	if (!c->pipeline->config.signer)
		return refusal(EXIT_FAILED,
			       "the recorder has no key to sign with: its log "
			       "says why");
	enter(c, command, "anchor", "", text_of(command->request, "detail"));
	request = control__request(c, CONTROL_HEAD, 0);
	if (!request)
		return refusal(EXIT_FAILED, "the archive does not keep up");
	hand_over(c, command, request);
	command->answer = json_pack("{s:b}", "ok", 1);
	return NULL;
}

/* Room for what the archive thread is to do for who asks, who is looked up
 * here: that may take a while. @return NULL: there is none */
static struct control_request *
request_by(struct control_state *c, const struct command *command,
	   enum control_request_type type)
{
	struct person *by = person_new(command->asker.name);
	struct control_request *request =
	    by ? control__request(c, type, 0) : NULL;

	if (request)
		request->by = by;
	else
		person_free(&by);
	return request;
}

/* A hold, a case: the archive thread looks whether it is allowed, does it, and
 * says what became of it. */
static json_t *
begin_act(struct control_state *c, struct command *command)
{
	struct control_request *request;
	struct store_act *act;

	if (act_parse(command->request, &act) < 0)
		return refusal(EXIT_USAGE, "that is nothing to do with a case");
	act->now_ns = control__wall_ns();
	snprintf(act->actor, sizeof(act->actor), "%s", command->asker.name);
	request = request_by(c, command, CONTROL_ACT);
	if (!request) {
		act_free(&act);
		return refusal(EXIT_FAILED, "the archive does not keep up");
	}
	request->act = act;
	hand_over(c, command, request);
	return NULL;
}

/* @return the answer to an act, or to what was not tried */
static json_t *
act_answer(struct control_state *c, const struct command *command,
	   const struct control_answer *answer)
{
	const struct act_refusal *why = &answer->refusal;
	char text[sizeof(why->text) + sizeof(why->id) + 2];
	int exit;

	if (answer->refused == EXIT_NOT_ALLOWED)
		return deny(c, command, why->id, why->text);
	if (answer->refused) {
		snprintf(text, sizeof(text), "%s%s%s", why->id,
			 *why->id ? ": " : "", why->text);
		return refusal(answer->refused, text);
	}
	if (answer->error >= 0)
		return json_pack("{s:b}", "ok", 1);
	exit = act_error(answer->act, answer->error, answer->failed, text,
			 sizeof(text));
	return refusal(exit, text);
}

static json_t *
begin_purge(struct control_state *c, struct command *command)
{
	json_t *denied = lacks_right(c, command, POLICY_RIGHT_DELETE);
	struct control_request *request;

	if (denied)
		return denied;
	request = control__request(c, CONTROL_SWEEP, 0);
	if (!request)
		return refusal(EXIT_FAILED, "the archive does not keep up");
	request->sweep.clock_is_right =
	    json_is_true(json_object_get(command->request, "clock_is_right"));
	memcpy(request->sweep.by, command->asker.name,
	       sizeof(request->sweep.by));
	hand_over(c, command, request);
	return NULL;
}

/* ---- scrub --------------------------------------------------------------- */

static json_t *
begin_scrub(struct control_state *c, struct command *command)
{
	struct control_request *request;
	struct scrub_step *step;

	if (scrub_step_parse(&step, command->request) < 0)
		return refusal(EXIT_USAGE, "that is no step of a scrub");
	step->who.uid = command->asker.uid;
	memcpy(step->who.name, command->asker.name, sizeof(step->who.name));
	request = request_by(c, command, CONTROL_SCRUB);
	if (!request) {
		free(step);
		return refusal(EXIT_FAILED, "the archive does not keep up");
	}
	request->scrub = step;
	memcpy(command->scrub, step->scrub.id, sizeof(command->scrub));
	hand_over(c, command, request);
	return NULL;
}

/* ---- keys ---------------------------------------------------------------- */

/* Who may listen is a matter of the owners. */
static json_t *
begin_rekey(struct control_state *c, struct command *command)
{
	struct control_request *request;
	struct rekey_step *step;

	if (!policy_user_is_owner(c->policy, command->asker.name))
		return deny(c, command, "",
			    "keys are changed by an owner, whom the policy "
			    "names under 'access'");
	if (rekey_step_parse(&step, command->request) < 0)
		return refusal(EXIT_USAGE, "that is nothing to do with keys");
	snprintf(step->actor, sizeof(step->actor), "%s", command->asker.name);
	request = control__request(c, CONTROL_REKEY, 0);
	if (!request) {
		free(step);
		return refusal(EXIT_FAILED, "the archive does not keep up");
	}
	request->rekey = step;
	command->rekey = true;
	hand_over(c, command, request);
	return NULL;
}

static json_t *
purge_answer(const struct sweep_result *swept)
{
	return json_pack(
	    "{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "ok", 1, "segments",
	    (json_int_t)swept->segments, "recordings",
	    (json_int_t)swept->recordings, "bytes", (json_int_t)swept->bytes,
	    "tombstones", (json_int_t)swept->tombstones, "cases",
	    (json_int_t)swept->cases, "held", (json_int_t)swept->held, "failed",
	    (json_int_t)swept->failed);
}

static void
take_answer(struct control_state *c, const struct control_answer *answer)
{
	struct command *command;

	if (answer->swept) {
		c->swept = answer->sweep;
		c->swept_ns = control__wall_ns();
	}
	DL_FOREACH(c->commands, command)
	{
		if (command->token != answer->token || command->waits == 0)
			continue;
		command->waits--;
		if (answer->swept)
			command->answer = purge_answer(&answer->sweep);
		else if (answer->act || answer->refused)
			command->answer = act_answer(c, command, answer);
		else if (answer->error < 0)
			command->error = answer->error;
		else if (!command->answer)
			command->answer = json_pack("{s:b}", "ok", 1);
		if (command->waits == 0)
			command_end(c, command);
		return;
	}
}

void
control__answers_take(struct control_state *c)
{
	struct capture_ring *ring = c->pipeline->control.answers;
	const struct control_answer *answer;

	while ((answer = capture_ring_peek(ring, NULL))) {
		struct store_act *act = answer->act;

		take_answer(c, answer);
		act_free(&act);
		capture_ring_release(ring);
	}
}

/* ---- reload -------------------------------------------------------------- */

static json_t *
reload(struct control_state *c, const struct command *command)
{
	char text[512];
	int r = control__reload(c, command->asker.name, text, sizeof(text));

	if (r != 0)
		return refusal(r, text);
	return json_pack("{s:b,s:s}", "ok", 1, "text", text);
}

/* ---- what is asked ------------------------------------------------------- */

/* @return the answer, or NULL: the command waits */
static json_t *
run(struct control_state *c, struct command *command)
{
	const char *op = text_of(command->request, "op");

	if (strcmp(op, "pause") == 0)
		return pause_calls(c, command, true);
	if (strcmp(op, "resume") == 0)
		return pause_calls(c, command, false);
	if (strcmp(op, "ledger") == 0)
		return write_ledger(c, command);
	if (strcmp(op, "sign") == 0)
		return sign_ledger(c, command);
	if (strcmp(op, "purge") == 0)
		return begin_purge(c, command);
	if (strcmp(op, "act") == 0)
		return begin_act(c, command);
	if (strcmp(op, "scrub") == 0)
		return begin_scrub(c, command);
	if (strcmp(op, "key") == 0)
		return begin_rekey(c, command);
	if (strcmp(op, "reload") == 0)
		return reload(c, command);
	if (strcmp(op, "status") == 0)
		return json_pack("{s:b,s:o}", "ok", 1, "status",
				 control__status(c));
	if (strcmp(op, "calls") == 0)
		return json_pack("{s:b,s:o}", "ok", 1, "calls",
				 control__calls(c));
	if (strcmp(op, "registrations") == 0)
		return json_pack("{s:b,s:o}", "ok", 1, "registrations",
				 control__registrations(c));
	return refusal(EXIT_USAGE, "this recorder does not know that request");
}

void
control__commands_run(struct control_state *c)
{
	struct command *command, *next;

	DL_FOREACH_SAFE(c->commands, command, next)
	{
		json_t *answer;

		if (!command->request)
			continue;
		/* Not while other events wait: it would take effect after
		 * them. */
		if (!control__may_act(c))
			return;
		answer = run(c, command);
		json_decref(command->request);
		command->request = NULL;
		if (answer) {
			reply(c, &command->asker, answer);
			command_free(c, command);
		} else if (command->waits == 0) {
			command_end(c, command);
		}
	}
	if (c->server)
		control__server_next(c->server);
}

/* Whoever may not ask anything shall not fill the ledger either. */
static void
note_refused(struct control_state *c, const struct control_asker *asker)
{
	int64_t now_ns = control__wall_ns();

	if (now_ns - c->refused_ns < REFUSED_NS && now_ns >= c->refused_ns)
		return;
	c->refused_ns = now_ns;
	log_warning("%s may not control the recorder, and tried", asker->name);
	(void)control__ledger(c, asker->name, "denied", "",
			      "to control the recorder; told once a minute");
}

void
control__command(struct control_state *c, const struct control_asker *asker,
		 const char *line, size_t n)
{
	struct command *command;
	json_t *request;

	if (!asker->allowed) {
		note_refused(c, asker);
		reply(c, asker,
		      refusal(EXIT_NOT_ALLOWED,
			      "this user may not control the recorder"));
		return;
	}
	request = json_loadb(line, n, 0, NULL);
	if (!json_is_object(request)) {
		json_decref(request);
		reply(c, asker, refusal(EXIT_USAGE, "no request in JSON"));
		return;
	}
	command = calloc(1, sizeof(*command));
	if (!command) {
		json_decref(request);
		reply(c, asker, NULL);
		return;
	}
	command->asker = *asker;
	command->request = request;
	command->token = ++c->last_token;
	DL_APPEND(c->commands, command);
	uv_async_send(&c->pipeline->control.kick);
}

void
control__commands_free(struct control_state *c)
{
	while (c->commands)
		command_free(c, c->commands);
}
