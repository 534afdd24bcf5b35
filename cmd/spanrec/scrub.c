/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scrub: a part of a recording must go, and the rest must stay. One person
 * proposes it, another one agrees (scrub_agree.c).
 */
#include "cmd/spanrec/scrub_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/audio.h"
#include "cmd/spanrec/cases_priv.h"
#include "rtp/tracks.h"
#include "store/scrub.h"

_Static_assert(STORE_RELAY_NS >= RTP_TRACKS_RELAY_NS,
	       "what a relay passes on is taken out with what it is a copy of");

/* ---- what the parts share ------------------------------------------------ */

int
spanrec_scrub_step(struct spanrec *spanrec, struct scrub_step *step)
{
	json_t *answer;
	int r;

	step->who.uid = getuid();
	spanrec_actor(step->who.name);
	if (spanrec->beside) {
		/* The recorder sees for itself who asks. */
		r = spanrec_ask(spanrec, scrub_step_json(step),
				CONTROL_TIMEOUT_MS, &answer);
		json_decref(answer);
		return r;
	}
	r = scrub_step_run(spanrec->archive, step, spanrec->now_ns);
	if (r == 0)
		return 0;
	if (r == -EACCES)
		return spanrec_deny(spanrec, step->scrub.id, "%s",
				    scrub_step_error(r));
	log_error("%s: %s", step->scrub.id, scrub_step_error(r));
	return exit_code(r);
}

int
spanrec_scrub_known(struct spanrec *spanrec, const char *id,
		    struct store_scrub *scrub)
{
	int r = store_scrub_get(spanrec->archive, id, scrub);

	if (r == 0)
		return 0;
	memset(scrub, 0, sizeof(*scrub));
	if (r == -ENOENT)
		return 0;
	log_error("%s: what is to be taken out of it cannot be read: %s", id,
		  strerror(-r));
	return exit_code(r);
}

int
spanrec_scrub_may(struct spanrec *spanrec, const struct store_segment *segment)
{
	const struct policy_wish wish = { .right = POLICY_RIGHT_DELETE,
					  .area = segment->area };
	char why[256];

	if (spanrec_may(spanrec, &wish, why, sizeof(why)))
		return 0;
	return spanrec_deny(spanrec, segment->id, "%s", why);
}

static const char *
sides_words(uint32_t sides)
{
	return sides == STORE_SIDES_BOTH   ? "both sides"
	       : sides == 1u << STORE_LEFT ? "the left side"
					   : "the right side";
}

/* "1:10", "1:10.5": two people agree to no less than what was meant. */
static void
place(const struct store_segment *segment, int64_t time_ns,
      char text[SPANREC_TIME_BYTES])
{
	const int64_t span_ns = spanrec_span_ns(segment->start_ns, time_ns);
	const int ms = span_ns < 0 ? 0 : (int)(span_ns / 1000000 % 1000);
	size_t n;

	spanrec_duration(span_ns, text);
	n = strlen(text);
	if (ms)
		(void)!snprintf(text + n, SPANREC_TIME_BYTES - n, ".%03d", ms);
	for (n = strlen(text); ms && text[n - 1] == '0'; n--)
		text[n - 1] = '\0';
}

void
spanrec_scrub_words(const struct store_scrub *scrub,
		    const struct store_segment *segment, char *text, size_t n)
{
	char from[SPANREC_TIME_BYTES], until[SPANREC_TIME_BYTES];

	place(segment, scrub->from_ns, from);
	place(segment, scrub->until_ns, until);
	snprintf(text, n, "%s to %s of %s%s", from, until,
		 sides_words(scrub->sides),
		 scrub->although_held ? ", although held" : "");
}

/* ---- propose ------------------------------------------------------------- */

enum { RANGE = 0x200, SIDE, WHY, HELD };

struct arguments {
	struct spanrec *spanrec;
	const char *id, *range, *why;
	uint32_t sides, although_held;
};

static const struct argp_option options[] = {
	{ "range", RANGE, "FROM-TO", 0,
	  "From where to where, as 'play' counts: 1:10-1:25, 70-85.5", 0 },
	{ "side", SIDE, "SIDE", 0,
	  "Only of this side: left (local) or right (remote). Without it: both",
	  0 },
	{ "why", WHY, "TEXT", 0,
	  "The reason. It is kept for ever, so write no number or name into it",
	  0 },
	{ "although-held", HELD, NULL, 0,
	  "Also where the recording is held: that must go all the same, such as "
	  "a card number; the rest stays held",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Take a part out of a recording: a card number got in, a third party has to "
    "go. It is proposed by one person, and done when another one agrees. "
    "What stays is sealed anew, under another key; the key of what was "
    "before is destroyed, as in a purge. Silence of the same length marks the "
    "place, and a certificate goes into the ledger.\v"
    "Then:\n"
    "  spanrec scrub list          what was proposed and waits\n"
    "  spanrec scrub agree ID      do it; by somebody else\n"
    "  spanrec scrub withdraw ID   forget it\n\n"
    "The two are told apart by their user accounts: while a recorder runs, it "
    "sees for itself who asks. A recording that is held stays as it is, but "
    "for what is taken out --although-held.\n\n"
    "Example:\n"
    "  spanrec scrub 20190328T1415 --range 1:10-1:25 --why \"card number\"\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case RANGE:
		arguments->range = value;
		return 0;
	case SIDE:
		if (strcmp(value, "left") != 0 && strcmp(value, "right") != 0)
			argp_error(state, "--side is left or right");
		arguments->sides =
		    *value == 'l' ? 1u << STORE_LEFT : 1u << STORE_RIGHT;
		return 0;
	case WHY:
		arguments->why = value;
		return 0;
	case HELD:
		arguments->although_held = 1;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->id)
			argp_error(state, "one ID at a time");
		arguments->id = value;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->id)
			argp_error(state, "of which call? Give its ID; or "
					  "list, agree ID, withdraw ID");
		if (!arguments->range || !arguments->why || !*arguments->why)
			argp_error(state,
				   "give --range FROM-TO and --why TEXT");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* @return exit code */
static int
parse_range(const char *text, int64_t *from_ns, int64_t *until_ns)
{
	const char *dash = strchr(text, '-');
	char clean[SPANREC_TEXT_BYTES], from[64];

	if (dash && (size_t)(dash - text) < sizeof(from)) {
		memcpy(from, text, (size_t)(dash - text));
		from[dash - text] = '\0';
		if (!spanrec_offset_parse(from, from_ns) &&
		    !spanrec_offset_parse(dash + 1, until_ns) &&
		    *from_ns < *until_ns)
			return 0;
	}
	log_error("--range '%s' is no range; write 1:10-1:25",
		  spanrec_text_clean(text, clean, sizeof(clean)));
	return EXIT_USAGE;
}

/* Is there anything to take something out of? @return exit code */
static int
check_selection(struct spanrec *spanrec,
		const struct spanrec_selection *selection)
{
	size_t audible = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		if (segment->state == STORE_STATE_RECORDING)
			return spanrec_audio_check(spanrec, selection);
		if (!spanrec_segment_audible(segment))
			continue;
		audible++;
		rc = spanrec_scrub_may(spanrec, segment);
	}
	return rc || audible ? rc : spanrec_audio_check(spanrec, selection);
}

/* From places in what 'play' plays to times. @return exit code */
static int
find_times(struct spanrec *spanrec, const struct arguments *arguments,
	   const struct spanrec_selection *selection, struct store_scrub *scrub)
{
	struct spanrec_audio audio = { .selection = selection,
				       .channels = SPANREC_STEREO };
	char length[SPANREC_TIME_BYTES];
	int64_t from_ns = 0, until_ns = 0;
	int rc = parse_range(arguments->range, &from_ns, &until_ns);

	if (!rc)
		rc = spanrec_audio_measure(spanrec, &audio);
	if (!rc && audio.torn)
		rc = EXIT_DAMAGED; /* it was said where */
	if (!rc && until_ns > audio.end_ns - audio.start_ns) {
		spanrec_duration(audio.end_ns - audio.start_ns, length);
		log_error("--range '%s': %s is only %s long", arguments->range,
			  selection->segments[0].call, length);
		rc = EXIT_USAGE;
	}
	scrub->from_ns = audio.start_ns + from_ns;
	scrub->until_ns = audio.start_ns + until_ns;
	spanrec_audio_fini(&audio);
	return rc;
}

/* @return exit code */
static int
propose_segment(struct spanrec *spanrec, const struct store_segment *segment,
		struct scrub_step *step)
{
	char words[2 * SPANREC_TIME_BYTES + 48];
	int rc;

	memcpy(step->scrub.id, segment->id, sizeof(step->scrub.id));
	rc = spanrec_scrub_step(spanrec, step);
	if (rc || spanrec->quiet)
		return rc;
	spanrec_scrub_words(&step->scrub, segment, words, sizeof(words));
	fprintf(spanrec->out,
		"%s: %s is to be taken out, once somebody else agrees: "
		"spanrec scrub agree %s\n",
		segment->id, words, segment->id);
	return 0;
}

/* Of each segment that is heard then. @return exit code */
static int
propose_all(struct spanrec *spanrec, const struct spanrec_selection *selection,
	    struct scrub_step *step)
{
	size_t found = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		if (!spanrec_segment_audible(segment) ||
		    segment->start_ns >= step->scrub.until_ns ||
		    (segment->end_ns > segment->start_ns &&
		     segment->end_ns + STORE_RELAY_NS <= step->scrub.from_ns))
			continue;
		found++;
		rc = propose_segment(spanrec, segment, step);
	}
	if (rc || found)
		return rc;
	log_error("there is no recording of that part");
	return EXIT_NOT_FOUND;
}

static int
propose(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "ID\nlist\nagree ID\n"
						      "withdraw ID",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec,
				       .sides = STORE_SIDES_BOTH };
	struct spanrec_selection selection = { 0 };
	struct scrub_step *step;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	step = calloc(1, sizeof(*step));
	if (!step)
		return exit_code(-ENOMEM);
	step->type = SCRUB_PROPOSE;
	step->scrub.sides = arguments.sides;
	step->scrub.although_held = arguments.although_held;
	spanrec_text_clean(arguments.why, step->scrub.why,
			   sizeof(step->scrub.why));
	rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_select(spanrec, arguments.id, &selection);
	if (!rc)
		rc = check_selection(spanrec, &selection);
	if (!rc)
		rc = spanrec_open_key(spanrec, true);
	if (!rc)
		rc = find_times(spanrec, &arguments, &selection, &step->scrub);
	if (!rc)
		rc = propose_all(spanrec, &selection, step);
	spanrec_selection_fini(&selection);
	free(step);
	return rc;
}

/* ---- withdraw ------------------------------------------------------------ */

/* @return exit code */
static int
withdraw_all(struct spanrec *spanrec, const struct spanrec_selection *selection,
	     struct scrub_step *step)
{
	struct store_scrub scrub;
	size_t found = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		rc = spanrec_scrub_known(spanrec, segment->id, &scrub);
		if (rc || !*scrub.id)
			continue;
		found++;
		rc = spanrec_scrub_may(spanrec, segment);
		memcpy(step->scrub.id, segment->id, sizeof(step->scrub.id));
		if (!rc)
			rc = spanrec_scrub_step(spanrec, step);
		if (!rc && !spanrec->quiet)
			fprintf(spanrec->out,
				"%s: withdrawn, it stays as it is\n",
				segment->id);
	}
	if (rc || found)
		return rc;
	log_error("nobody proposed to take a part out of %s",
		  selection->segments[0].call);
	return EXIT_NOT_FOUND;
}

static int
withdraw(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "ID",
		.doc = "Forget what was proposed: nothing is taken out.\v"
		       "Example:\n"
		       "  spanrec scrub withdraw 20190328T1415\n",
		.what = "call",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct spanrec_selection selection = { 0 };
	struct scrub_step *step;
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (rc)
		return rc;
	step = calloc(1, sizeof(*step));
	if (!step)
		return exit_code(-ENOMEM);
	step->type = SCRUB_WITHDRAW;
	rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_select(spanrec, o.name, &selection);
	if (!rc)
		rc = withdraw_all(spanrec, &selection, step);
	spanrec_selection_fini(&selection);
	free(step);
	return rc;
}

/* ---- list ---------------------------------------------------------------- */

struct listing {
	struct spanrec *spanrec;
	json_t *rows;
	struct spanrec_asked asked;
};

static const char *
state_words(enum store_scrub_state state)
{
	return state == STORE_SCRUB_PROPOSED ? "proposed"
	       : state == STORE_SCRUB_BEGUN  ? "begun"
					     : "unfinished";
}

static int
list_one(void *ctx, const struct store_scrub *scrub)
{
	struct listing *listing = ctx;
	char from[SPANREC_TIME_BYTES], until[SPANREC_TIME_BYTES],
	    when[SPANREC_TIME_BYTES], words[2 * SPANREC_TIME_BYTES + 48];
	struct store_segment segment;
	json_t *row;
	int r =
	    store_segment_get(listing->spanrec->archive, scrub->id, &segment);

	if (r == -ENOENT || r == -EBADMSG || r == -EPROTO)
		return 0; /* verify tells */
	if (r)
		return r;
	if (!spanrec_may_area(listing->spanrec, &listing->asked, segment.area))
		return 0;
	spanrec_time_utc(scrub->from_ns, from);
	spanrec_time_utc(scrub->until_ns, until);
	spanrec_time_utc(scrub->proposed_ns, when);
	spanrec_scrub_words(scrub, &segment, words, sizeof(words));
	row = json_pack("{ss ss ss ss ss ss}", "id", scrub->id, "state",
			state_words(scrub->state), "part", words, "from", from,
			"until", until, "proposed", when);
	r = row ? 0 : -1;
	r |= spanrec_json_set(row, "side",
			      scrub->sides == STORE_SIDES_BOTH   ? "both"
			      : scrub->sides == 1u << STORE_LEFT ? "left"
								 : "right");
	r |= json_object_set_new(row, "although_held",
				 json_boolean(scrub->although_held));
	r |= spanrec_json_set(row, "proposed_by", scrub->proposer.name);
	r |= spanrec_json_set(row, "agreed_by", scrub->agreer.name);
	r |= spanrec_json_set(row, "why", scrub->why);
	if (json_array_append_new(listing->rows, row) || r)
		return -ENOMEM;
	return 0;
}

static const char *const headings[] = { "RECORDING",   "TO BE TAKEN OUT",
					"PROPOSED BY", "ON",
					"WHY",         "STATE" };
static const char *const members[] = { "id",       "part", "proposed_by",
				       "proposed", "why",  "state" };
static const char *const names[] = {
	"id",          "state",     "part", "from",
	"until",       "proposed",  "side", "although_held",
	"proposed_by", "agreed_by", "why"
};

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const char *value = spanrec_json_text(row, members[column]);

	return column == 3 ? spanrec_rows_time(spanrec, value, text) : value;
}

static int
list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "",
		.doc = "Show what is to be taken out of recordings, once a "
		       "second person agrees.\v"
		       "Example:\n"
		       "  spanrec scrub list\n",
		.takes = SPANREC_CASE_LIST,
	};
	static const struct spanrec_rows rows = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1u << 4,
		.names = names,
		.names_count = sizeof(names) / sizeof(*names),
		.none = "Nothing was proposed.",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct listing listing = { .spanrec = spanrec };
	int r, rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = spanrec_open(spanrec, STORE_READ);
	if (rc)
		return rc;
	listing.rows = json_array();
	r = store_scrubs(spanrec->archive, list_one, &listing);
	if (r < 0) {
		log_error("what was proposed cannot be read: %s", strerror(-r));
		rc = exit_code(r);
	} else {
		rc = spanrec_rows_print(spanrec, &rows, listing.rows, o.format);
	}
	json_decref(listing.rows);
	return rc;
}

/* ---- the command --------------------------------------------------------- */

static const struct spanrec_action actions_list[] = {
	{ "list", "", "what was proposed and waits", list },
	{ "agree", "ID", "do it, as the second person", spanrec_scrub_agree },
	{ "withdraw", "ID", "forget it", withdraw },
};

int
spanrec_scrub(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_actions actions = {
		.command = "scrub",
		.summary = "Take a part out of a recording.",
		.list = actions_list,
		.count = sizeof(actions_list) / sizeof(*actions_list),
	};

	for (size_t i = 0; argc > 1 && i < actions.count; i++)
		if (!strcmp(argv[1], actions_list[i].name))
			return spanrec_actions_run(spanrec, &actions, argc,
						   argv);
	return propose(spanrec, argc, argv);
}
