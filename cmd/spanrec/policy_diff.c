/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy diff: what one policy says otherwise than another. */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

struct arguments {
	struct spanrec *spanrec;
	const char *files[2];
	unsigned count;
};

static const char doc[] =
    "Say what a policy says otherwise than another one: what is new, what is "
    "gone, what is different. Notes and the way in which it is written are no "
    "difference. With one FILE: what it would change in the policy of the "
    "home.\v"
    "Examples:\n"
    "  spanrec policy diff draft.yaml\n"
    "  spanrec policy diff of-2019.yaml of-2020.yaml\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->count == 2)
			argp_error(state, "two FILEs at most");
		arguments->files[arguments->count++] = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which policy? Give its FILE");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
spanrec_policy_diff(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = parse,
					  .args_doc = "FILE [FILE]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_draft before, after = { 0 };
	const char *const *files = arguments.files;
	int rc, count = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_draft_load(spanrec, files[1] ? files[0] : NULL, &before);
	if (!rc)
		rc = spanrec_draft_load(spanrec, files[1] ? files[1] : files[0],
					&after);
	if (!rc) {
		count = policy_diff(before.policy, after.policy, spanrec->out);
		if (count < 0) {
			log_error("not enough memory");
			rc = EXIT_FAILED;
		}
	}
	if (!rc && !count && !spanrec->quiet)
		fputs("they say the same\n", spanrec->out);
	spanrec_draft_fini(&before);
	spanrec_draft_fini(&after);
	return rc;
}
