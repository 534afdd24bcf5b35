/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy check: every mistake in a policy file, before it decides anything. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <string.h>

#include "cmd/common/exit.h"

struct arguments {
	struct spanrec *spanrec;
	const char *action;
	const char *file;
};

static const char doc[] =
    "Read a policy and print every mistake in it, with its line and column; if "
    "there is none, what is allowed but unwise. Without FILE it is the policy "
    "of the home.\v"
    "Examples:\n"
    "  spanrec policy check\n"
    "  spanrec policy check draft.yaml\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			arguments->action = value;
		else if (state->arg_num == 1)
			arguments->file = value;
		else
			argp_error(state, "one FILE at a time");
		return 0;
	case ARGP_KEY_END:
		if (!arguments->action ||
		    strcmp(arguments->action, "check") != 0)
			argp_error(state, "this version has 'policy check'");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
spanrec_policy(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = parse,
					  .args_doc = "check [FILE]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	int rc = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	/* a draft can be checked where there is no home */
	if (!arguments.file)
		rc = home_open(&spanrec->home, spanrec->home_option);
	if (!rc)
		rc = home_policy(&spanrec->home, arguments.file,
				 &spanrec->policy, NULL, NULL);
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out, "%s: no mistakes\n",
			arguments.file ? arguments.file
				       : spanrec->home.policy_path);
	if (!rc)
		home_policy_lint(&spanrec->home, arguments.file,
				 spanrec->policy, true);
	return rc;
}
