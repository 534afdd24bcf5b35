/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pause and resume: the recording of a call that is in progress. The recorder
 * answers when it would still be so after a restart. */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { EXTENSION = 0x200, CALL };

struct arguments {
	struct spanrec *spanrec;
	const char *extension, *call;
};

static const struct argp_option options[] = {
	{ "extension", EXTENSION, "E", 0,
	  "The calls in which this extension is", 0 },
	{ "call", CALL, "ID", 0,
	  "One call: its id, or as much of its beginning as fits one call that "
	  "is in progress",
	  0 },
	{ 0 },
};

static const char pause_doc[] =
    "Stop recording a call that is in progress, until 'spanrec resume'. The "
    "rest of it is recorded; what was said meanwhile is a gap in it.\v"
    "It holds when this command has ended: also if the recorder is restarted. "
    "Exit code 3: there is no such call, or no recorder.\n\n"
    "Examples:\n"
    "  spanrec pause --extension 2041\n"
    "  spanrec pause --call 20190328T1415\n"
    "  spanrec list --live\n";

static const char resume_doc[] =
    "Go on recording a call that was paused.\v"
    "Exit code 3: there is no such call, or no recorder.\n\n"
    "Examples:\n"
    "  spanrec resume --extension 2041\n"
    "  spanrec resume --call 20190328T1415\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case EXTENSION:
		arguments->extension = value;
		return 0;
	case CALL:
		arguments->call = value;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state,
			   "'%s' of what? Give --extension %s or --call %s",
			   value, value, value);
		return EINVAL;
	case ARGP_KEY_END:
		if (!arguments->extension == !arguments->call)
			argp_error(state, "which call? Give --extension E or "
					  "--call ID");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What is no text is no number and no id either. @return exit code */
static int
check_text(const char *what, const char *text)
{
	char clean[SPANREC_TEXT_BYTES];

	spanrec_text_clean(text, clean, sizeof(clean));
	if (*text && !strcmp(text, clean))
		return 0;
	log_error("'%s' is no %s", clean, what);
	return EXIT_USAGE;
}

static void
print_calls(const struct spanrec *spanrec, const json_t *calls,
	    const char *what)
{
	char clean[SPANREC_TEXT_BYTES];
	size_t i;

	for (i = 0; i < json_array_size(calls); i++) {
		const char *id = json_string_value(json_array_get(calls, i));

		if (id)
			fprintf(spanrec->out, "%s %s\n",
				spanrec_text_clean(id, clean, sizeof(clean)),
				what);
	}
}

/* @return exit code */
static int
report(const struct spanrec *spanrec, const json_t *answer, bool pause)
{
	const json_t *calls = json_object_get(answer, "calls"),
		     *already = json_object_get(answer, "already"),
		     *refused = json_object_get(answer, "refused");

	print_calls(spanrec, calls, pause ? "paused" : "recorded again");
	print_calls(spanrec, already,
		    pause ? "was paused already" : "was not paused");
	print_calls(spanrec, refused,
		    "stays paused: the policy records no more of it");
	if (json_array_size(refused))
		return EXIT_NOT_ALLOWED;
	if (json_array_size(calls) || json_array_size(already))
		return 0;
	log_error("there is no such call in progress; 'spanrec list --live' "
		  "shows those there are");
	return EXIT_NOT_FOUND;
}

static int
run(struct arguments *arguments, bool pause)
{
	const char *name = arguments->extension ? "extension" : "call";
	const char *value =
	    arguments->extension ? arguments->extension : arguments->call;
	struct spanrec *spanrec = arguments->spanrec;
	json_t *answer = NULL;
	int rc = check_text(arguments->extension ? "extension" : "id", value);

	if (!rc)
		rc = spanrec_open_home(spanrec);
	if (!rc)
		rc = spanrec_ask(spanrec,
				 json_pack("{ss ss}", "op",
					   pause ? "pause" : "resume", name,
					   value),
				 CONTROL_TIMEOUT_MS, &answer);
	if (!rc)
		rc = report(spanrec, answer, pause);
	json_decref(answer);
	return rc;
}

int
spanrec_pause(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = pause_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	return run(&arguments, true);
}

int
spanrec_resume(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = resume_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	return run(&arguments, false);
}
