/* SPDX-License-Identifier: GPL-3.0-or-later */
/* why: what decided about a segment, as one paragraph of plain English. */
#include "cmd/spanrec/cases_priv.h"
#include "cmd/spanrec/audio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"
#include "store/scrub.h"

struct arguments {
	struct spanrec *spanrec;
	const char *id;
};

static const char doc[] =
    "Say in plain English why a call was recorded or not, by which rule of "
    "which policy, what was left out of it, and when it will be deleted.\v"
    "Example:\n"
    "  spanrec why 20190328T141503Z-k7q2\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->id)
			argp_error(state, "one ID at a time");
		arguments->id = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which call? Give its ID");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *
decision_words(enum store_decision decision)
{
	switch (decision) {
	case STORE_RECORD:
		return "to record it";
	case STORE_DROP:
		return "not to record it";
	case STORE_LISTEN_DENY:
		return "that nobody may listen to it";
	default:
		return "that it is out of scope";
	}
}

/* "the rule 'everything'": what decided is not always a rule. */
static void
tell_rule(FILE *to, const struct store_segment *segment)
{
	static const struct {
		const char *reason, *what;
	} whats[] = {
		{ "exempt", "" },
		{ "payment", "the payment " },
		{ "not-approved", "the area " },
		{ "opt-out", "" },
		{ "unknown-party", "" },
	};
	const char *what = "the rule ";
	char text[SPANREC_TEXT_BYTES];

	if (!segment->rule[0])
		return;
	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++)
		if (!strcmp(segment->reason, whats[i].reason))
			what = whats[i].what;
	spanrec_text_clean(segment->rule, text, sizeof(text));
	fprintf(to, ", by %s'%s'", what, text);
}

static void
tell_parties(FILE *to, const struct spanrec *spanrec,
	     const struct store_segment *segment)
{
	char when[SPANREC_TIME_BYTES], from[SPANREC_TEXT_BYTES],
	    text[SPANREC_TEXT_BYTES];

	spanrec_time_zoned(spanrec->zone, segment->start_ns, when);
	spanrec_text_clean(segment->from, from, sizeof(from));
	spanrec_text_clean(segment->to, text, sizeof(text));
	fprintf(to, "%s is segment %u of ", segment->id, segment->segment);
	if (!*from && !*text && segment->decision == STORE_DROP)
		fprintf(to, "a call on %s of which no number is kept. ", when);
	else
		fprintf(to, "the call from %s to %s on %s. ",
			*from ? from : "an unknown party",
			*text ? text : "an unknown party", when);
}

/* In the words of the policy that decided, if the archive has it. */
static void
tell_reason(FILE *to, const struct spanrec *spanrec,
	    const struct store_segment *segment)
{
	const struct policy_decided decided = {
		.reason = segment->reason,
		.rule = segment->rule,
		.area = segment->area,
		.start_ns = segment->call_start_ns,
	};
	const struct policy *policy;

	/* without memory for it less is told */
	if (clocks_policy(spanrec->clocks, spanrec->archive, segment->policy,
			  &policy) ||
	    !policy)
		return;
	policy_explain_decision(policy, &decided, to);
}

/* Where the policy that decided can be read, if it is there. */
static void
tell_policy(FILE *to, const struct spanrec *spanrec,
	    const struct store_segment *segment)
{
	static const uint8_t none[STORE_HASH_BYTES];
	char hash[2 * STORE_HASH_BYTES + 1], *text;
	size_t n;
	int r;

	if (memcmp(segment->policy, none, sizeof(none)) == 0)
		return;
	r = store_archive_policy(spanrec->archive, segment->policy, &text, &n);
	free(text);
	store_hex(hash, segment->policy, STORE_HASH_BYTES);
	fprintf(to, " That policy is kept in the archive as policy/%s.yaml%s",
		hash, r ? ", but is missing there, or not what it was." : ".");
}

static void
tell_decision(FILE *to, const struct spanrec *spanrec,
	      const struct store_segment *segment)
{
	char text[SPANREC_TEXT_BYTES];

	tell_parties(to, spanrec, segment);
	fprintf(to, "The policy decided %s", decision_words(segment->decision));
	tell_rule(to, segment);
	spanrec_text_clean(segment->reason, text, sizeof(text));
	fprintf(to, " (reason code '%s').", text);
	tell_reason(to, spanrec, segment);
	tell_policy(to, spanrec, segment);
	fputs(" ", to);
}

/* "(294 encrypted, 3 paused)" */
static void
tell_reasons(FILE *to, const uint64_t dropped[STORE_REASON_COUNT])
{
	const char *before = "(";
	unsigned i;

	for (i = 0; i < STORE_REASON_COUNT; i++) {
		if (!dropped[i])
			continue;
		fprintf(to, "%s%" PRIu64 " %s", before, dropped[i],
			store_reason_name((enum store_reason)i));
		before = ", ";
	}
	fputs(")", to);
}

/* It was to be recorded, and there is nothing: was there anything to hear? */
static void
tell_silence(FILE *to, const struct store_segment *segment)
{
	uint64_t dropped[STORE_REASON_COUNT] = { 0 }, all = 0;
	uint32_t i;
	unsigned k;

	for (i = 0; i < segment->streams_count; i++) {
		for (k = 0; k < STORE_REASON_COUNT; k++) {
			dropped[k] += segment->streams[i].dropped[k];
			all += segment->streams[i].dropped[k];
		}
	}
	if (!all)
		fputs("No audio was seen", to);
	else
		fprintf(to, "%" PRIu64 " packet%s of its audio %s seen", all,
			all == 1 ? "" : "s", all == 1 ? "was" : "were");
	if (all && dropped[STORE_REASON_encrypted] == all) {
		fputs(" encrypted (SRTP) and none could be stored", to);
	} else if (all) {
		fputs(" and none was stored ", to);
		tell_reasons(to, dropped);
	}
	fputs(", so there is nothing to hear. ", to);
}

struct telling {
	FILE *to;
	const struct spanrec *spanrec;
};

static int
tell_hold(void *ctx, const struct store_hold *hold)
{
	const struct telling *t = ctx;
	char when[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES];

	if (hold->ended_ns)
		return 0;
	spanrec_case_date(t->spanrec, hold->held_ns, when);
	/* what the law wants held nobody has to approve */
	fprintf(t->to, "%s %s holds it since %s (%s)",
		*hold->approver ? "Case" : "Request", hold->name, when,
		spanrec_text_clean(hold->reason, clean, sizeof(clean)));
	if (*hold->approver)
		fprintf(
		    t->to, ", approved by %s",
		    spanrec_text_clean(hold->approver, clean, sizeof(clean)));
	spanrec_case_date(t->spanrec, hold->review_ns, when);
	fprintf(t->to, ", to be looked at on %s. ", when);
	if (!hold->reviewed_ns)
		return 0;
	spanrec_case_date(t->spanrec, hold->reviewed_ns, when);
	fprintf(t->to, "On %s %s saw that it is needed for longer (%s). ", when,
		hold->reviewed_by,
		spanrec_text_clean(hold->review_reason, clean, sizeof(clean)));
	return 0;
}

/* What cannot be read here is told by `hold list`. */
static void
tell_holds(FILE *to, const struct spanrec *spanrec,
	   const struct store_segment *segment)
{
	struct telling t = { .to = to, .spanrec = spanrec };

	(void)!store_holds(spanrec->archive, NULL, segment->id, tell_hold, &t);
}

/* A hold that ended: nothing goes by surprise. */
static void
tell_successors(FILE *to, const struct spanrec *spanrec,
		const struct store_segment *segment)
{
	char when[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES];

	for (size_t i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		const struct store_successor *one = &segment->successors[i];

		if (!one->retention[0])
			continue;
		spanrec_time_zoned(spanrec->zone, one->from_ns, when);
		fprintf(
		    to,
		    "It was held before; since that hold ended on %s the "
		    "retention class '%s' counts from then too. ",
		    when,
		    spanrec_text_clean(one->retention, clean, sizeof(clean)));
	}
}

/* ---- what the ledger says ------------------------------------------------ */

/* What was done with a segment. */
struct acts {
	const struct store_segment *segment;
	struct spanrec_applied_list applied; /**< before it was deleted */
	struct store_ledger_entry purge;     /**< number 0: none */
	struct store_ledger_entry copy;      /**< the last one */
	uint64_t copies;
	bool known; /**< to its end */
};

static int
see_act(void *ctx, const struct store_ledger_entry *entry)
{
	struct acts *acts = ctx;

	if (!acts->purge.number && spanrec_applied_add(&acts->applied, entry))
		return -ENOMEM;
	if (strcmp(entry->subject, acts->segment->id) != 0)
		return 0;
	if (strcmp(entry->action, "purge") == 0) {
		acts->purge = *entry;
	} else if (strcmp(entry->action, "export") == 0) {
		acts->copy = *entry;
		acts->copies++;
	}
	return 0;
}

static void
read_acts(const struct spanrec *spanrec, const struct store_segment *segment,
	  struct acts *acts)
{
	*acts = (struct acts){ .segment = segment };
	acts->known = !store_ledger_walk(spanrec->archive, see_act, acts);
}

/* ", by ann: its time was over (entry 12 of the ledger is the certificate)" */
static void
tell_certificate(FILE *to, const struct acts *acts)
{
	char clean[SPANREC_TEXT_BYTES];

	if (!acts->purge.number) {
		fputs(acts->known ? ", but the ledger has no certificate of "
				    "it. "
				  : "; the ledger cannot be read to its end, "
				    "and 'spanrec verify' tells where. ",
		      to);
		return;
	}
	fprintf(to, " by %s",
		spanrec_text_clean(acts->purge.actor, clean, sizeof(clean)));
	fprintf(to,
		" (%s); the certificate is entry %" PRIu64 " of the ledger. ",
		spanrec_text_clean(acts->purge.detail, clean, sizeof(clean)),
		acts->purge.number);
}

/* Copies are out of reach of every clock. */
static void
tell_copies(FILE *to, const struct spanrec *spanrec, const struct acts *acts)
{
	char when[SPANREC_TIME_BYTES], clean[SPANREC_TEXT_BYTES];

	if (!acts->copies)
		return;
	spanrec_time_zoned(spanrec->zone, acts->copy.time_ns, when);
	fprintf(to, "It was exported %" PRIu64 " time%s, ", acts->copies,
		acts->copies == 1 ? "" : "s");
	fprintf(to, "%son %s by %s", acts->copies == 1 ? "" : "at last ", when,
		spanrec_text_clean(acts->copy.actor, clean, sizeof(clean)));
	fprintf(to,
		" (entry %" PRIu64
		"); what became of the copies is not known here. ",
		acts->copy.number);
}

/* The policy whose clock it was, where that is not the one that decided. */
static void
tell_applied(FILE *to, const struct spanrec *spanrec,
	     const struct store_segment *segment, const struct acts *acts)
{
	const struct spanrec_applied *last;
	char hex[2 * STORE_HASH_BYTES + 1], when[SPANREC_TIME_BYTES],
	    clean[SPANREC_TEXT_BYTES];

	if (!acts->applied.count || !spanrec_segment_recorded(segment))
		return;
	last = &acts->applied.items[acts->applied.count - 1];
	if (memcmp(last->hash, segment->policy, sizeof(last->hash)) == 0)
		return;
	store_hex(hex, last->hash, sizeof(last->hash));
	spanrec_time_zoned(spanrec->zone, last->time_ns, when);
	fprintf(to,
		"How long it %s kept was decided by the policy that %s put in "
		"force on %s, policy/%s.yaml. ",
		segment->state == STORE_STATE_PURGED ? "was" : "is",
		spanrec_text_clean(last->by, clean, sizeof(clean)), when, hex);
}

/* "Nothing was heard", "it is stored", "it was deleted on ...". */
static void
tell_state(FILE *to, const struct spanrec *spanrec,
	   const struct store_segment *segment, const struct acts *acts)
{
	const char *unfinished = spanrec_unfinished(spanrec, segment);
	char when[SPANREC_TIME_BYTES];

	if (unfinished) {
		spanrec_time_zoned(spanrec->zone, segment->purged_ns, when);
		fprintf(to,
			"Its deletion was begun on %s, and is not finished: "
			"%s. 'spanrec purge' goes on with it when the disk can "
			"be written. ",
			when, unfinished);
	} else if (segment->state == STORE_STATE_PURGED) {
		spanrec_time_zoned(spanrec->zone, segment->purged_ns, when);
		fprintf(to,
			spanrec_segment_recorded(segment)
			    ? "It was deleted on %s"
			    : "It became a note alone on %s",
			when);
		tell_certificate(to, acts);
		if (segment->gave_way)
			fputs("That was before its time: the disk was full, "
			      "and the policy says that its class gives way. ",
			      to);
	} else if (spanrec_segment_silent(segment)) {
		tell_silence(to, segment);
	} else if (segment->state == STORE_STATE_NONE) {
		fprintf(to, "So no audio was stored. ");
	} else if (segment->state == STORE_STATE_HELD) {
		fprintf(to, "It is held, and is not deleted before the hold "
			    "ends. ");
		tell_holds(to, spanrec, segment);
	} else if (segment->state == STORE_STATE_INTERRUPTED) {
		fprintf(to,
			"The recorder stopped before the call ended: "
			"interrupted, %" PRId64 " seconds on disk. ",
			spanrec_seconds_stored(segment));
	}
}

/* By which the policy, or who was in the call, left something out. */
static bool
was_left_out(enum store_reason reason)
{
	return reason != STORE_REASON_loss && reason != STORE_REASON_kernel &&
	       reason != STORE_REASON_overrun;
}

/* Of what was lost there may be hundreds. "0.040 s in 2 gaps (loss)" */
static void
tell_lost(FILE *to, const struct spanrec_gaps *gaps, enum store_reason reason,
	  const char **before)
{
	double seconds = 0;
	size_t count = 0;

	for (size_t i = 0; i < gaps->count; i++) {
		if (gaps->gaps[i].gap.reason != reason)
			continue;
		seconds += spanrec_gap_seconds(&gaps->gaps[i].gap);
		count++;
	}
	if (!count)
		return;
	fprintf(to, "%s%.3f s in %zu gap%s (%s)", *before, seconds, count,
		count == 1 ? "" : "s", store_reason_name(reason));
	*before = ", ";
}

static void
tell_gaps(FILE *to, const struct store_segment *segment,
	  const struct spanrec_gaps *gaps)
{
	static const char left_out[] = "Left out of the recording: ";
	const char *before = left_out;
	char at[SPANREC_TIME_BYTES];

	if (!spanrec_segment_audible(segment))
		return;
	if (!gaps->known) {
		fputs("Whether something was left out of the recording stands "
		      "inside the sealed file; the private key is not here. ",
		      to);
		return;
	}
	for (size_t i = 0; i < gaps->count; i++) {
		const struct store_gap *gap = &gaps->gaps[i].gap;

		if (!was_left_out(gap->reason))
			continue;
		fprintf(to, "%s%.3f s of the %s side from %s on (%s)", before,
			spanrec_gap_seconds(gap),
			spanrec_gap_side(&gaps->gaps[i]),
			spanrec_gap_at(segment, gap, at),
			store_reason_name(gap->reason));
		before = ", ";
	}
	if (before != left_out)
		fputs(". ", to);
	before = "Missing: ";
	tell_lost(to, gaps, STORE_REASON_loss, &before);
	tell_lost(to, gaps, STORE_REASON_kernel, &before);
	tell_lost(to, gaps, STORE_REASON_overrun, &before);
	if (*before == ',')
		fputs(". ", to);
}

/* What was taken out, and what is to be. */
static void
tell_scrubs(FILE *to, const struct spanrec *spanrec,
	    const struct store_segment *segment)
{
	struct store_scrub scrub;
	uint64_t packets = 0;

	for (uint32_t i = 0; i < segment->streams_count; i++)
		packets += segment->streams[i].dropped[STORE_REASON_scrub];
	if (segment->scrubs)
		fprintf(to,
			"A part of it was taken out afterwards, by two "
			"people: %" PRIu64 " packet%s. ",
			packets, packets == 1 ? "" : "s");
	if (store_scrub_get(spanrec->archive, segment->id, &scrub) == 0)
		fputs("A part of it is to be taken out, once a second person "
		      "agrees ('spanrec scrub list'). ",
		      to);
}

static void
tell_clocks(FILE *to, const struct spanrec *spanrec,
	    const struct store_segment *segment)
{
	struct spanrec_until until;
	char text[SPANREC_TEXT_BYTES], when[SPANREC_TIME_BYTES];
	int rc = spanrec_until(spanrec, segment, &until);

	if (!spanrec_segment_recorded(segment)) {
		spanrec_time_zoned(spanrec->zone, until.note_ns, when);
		fprintf(to,
			"There is nothing to delete but this entry, which "
			"goes on %s.",
			when);
		return;
	}
	spanrec_text_clean(segment->retention, text, sizeof(text));
	if (rc == -ENOENT)
		fprintf(to,
			"Its retention class '%s' is not in the policy any "
			"more, so the shortest time that is allowed "
			"holds. ",
			text);
	else if (rc == CLOCKS_KEPT)
		fprintf(to,
			"Its retention class '%s' is not in the policy of "
			"today; the policy that decided says how long it is "
			"kept. ",
			text);
	else if (*text)
		fprintf(to, "Its retention class is '%s'. ", text);
	tell_successors(to, spanrec, segment);
	if (segment->state == STORE_STATE_PURGED) {
		spanrec_time_zoned(spanrec->zone, until.note_ns, when);
		fprintf(to, "This entry goes on %s.", when);
		return;
	}
	if (until.floor_ns) {
		spanrec_time_zoned(spanrec->zone, until.floor_ns, when);
		fprintf(to, "%s until %s. ",
			until.floor_ns == segment->not_before_ns
			    ? "Since an earlier hold ended, it stays"
			    : "It must be kept",
			when);
	}
	spanrec_time_zoned(spanrec->zone, until.ceiling_ns, when);
	if (segment->state == STORE_STATE_HELD) {
		fprintf(to, "Without the hold it would have to be gone by %s.",
			when);
		return;
	}
	fprintf(to, "It must be gone by %s; ", when);
	spanrec_time_zoned(spanrec->zone, until.due_ns, when);
	fprintf(to, "the next purge after %s deletes it.", when);
}

/* What cannot be read is not told; the rest is. @return exit code */
static int
tell_segment(struct spanrec *spanrec, const struct store_segment *segment)
{
	struct spanrec_gaps gaps;
	struct acts acts;
	int rc = spanrec_gaps_read(spanrec, segment, &gaps);
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	if (!to) {
		spanrec_gaps_fini(&gaps);
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	read_acts(spanrec, segment, &acts);
	tell_decision(to, spanrec, segment);
	tell_state(to, spanrec, segment, &acts);
	if (!rc)
		tell_gaps(to, segment, &gaps);
	spanrec_gaps_fini(&gaps);
	tell_scrubs(to, spanrec, segment);
	tell_copies(to, spanrec, &acts);
	tell_applied(to, spanrec, segment, &acts);
	tell_clocks(to, spanrec, segment);
	spanrec_applied_fini(&acts.applied);
	if (fclose(to) == EOF) {
		free(text);
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	spanrec_text_wrap(spanrec->out, text, 0);
	free(text);
	return rc;
}

int
spanrec_why(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = parse,
					  .args_doc = "ID",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_selection selection = { 0 };
	size_t i;
	int rc, error;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_open_key(spanrec, false);
	if (!rc)
		rc = spanrec_select(spanrec, arguments.id, &selection);
	if (rc)
		goto out;
	for (i = 0; i < selection.count; i++) {
		if (i)
			fputc('\n', spanrec->out);
		error = tell_segment(spanrec, &selection.segments[i]);
		if (error)
			rc = error;
	}
out:
	spanrec_selection_fini(&selection);
	return rc;
}
