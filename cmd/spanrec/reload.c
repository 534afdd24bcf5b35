/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reload: the recorder reads its policy and settings again, and says what it
 * made of them; with a mistake in them, all stays as it was. */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"

static const char doc[] =
    "Let the recorder read its policy and settings again. If there is a "
    "mistake in them, every one is told, and the recorder goes on with what it "
    "had.\v"
    "Calls in progress go on. 'spanrec policy check' finds the mistakes of a "
    "policy before it counts.\n\n"
    "Examples:\n"
    "  spanrec policy check && spanrec reload\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "reload takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Line by line, since a newline is no character of a text. */
static void
print_text(FILE *to, const char *text)
{
	char line[SPANREC_TEXT_BYTES], clean[SPANREC_TEXT_BYTES];

	while (*text) {
		size_t n = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		fprintf(to, "%s\n",
			spanrec_text_clean(line, clean, sizeof(clean)));
		text += n;
		text += *text == '\n';
	}
}

/* The log of the recorder names the mistakes; here is who made them. */
static void
show_mistakes(const struct spanrec *spanrec)
{
	struct policy *policy;

	if (home_policy(&spanrec->home, NULL, &policy, NULL, NULL) == 0)
		policy_free(&policy);
}

int
spanrec_reload(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	json_t *answer = NULL;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, spanrec))
		return EXIT_USAGE;
	rc = spanrec_open_home(spanrec);
	if (!rc)
		rc = spanrec_ask(spanrec, json_pack("{ss}", "op", "reload"),
				 CONTROL_TIMEOUT_MS, &answer);
	if (!rc && !spanrec->quiet)
		print_text(spanrec->out, spanrec_json_text(answer, "text"));
	if (rc == EXIT_FAILED)
		show_mistakes(spanrec);
	json_decref(answer);
	return rc;
}
