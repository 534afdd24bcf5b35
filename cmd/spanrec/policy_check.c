/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy check: every mistake in a policy file, before it decides anything. */
#include "cmd/spanrec/policy_priv.h"

#include "cmd/common/exit.h"

static const char doc[] =
    "Read a policy and print every mistake in it, with its line and column; if "
    "there is none, what is allowed but unwise. Without FILE it is the policy "
    "of the home.\v"
    "Examples:\n"
    "  spanrec policy check\n"
    "  spanrec policy check draft.yaml\n";

int
spanrec_policy_check(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = spanrec_draft_parse,
					  .args_doc = "[FILE]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct spanrec_draft_arguments arguments = { spanrec, NULL };
	struct spanrec_draft draft;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_draft_load(spanrec, arguments.file, &draft);
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out, "%s: no mistakes\n", draft.path);
	/* warnings come after it, also where both go into one file */
	fflush(spanrec->out);
	if (!rc)
		home_policy_lint(&spanrec->home, draft.path, draft.policy,
				 true);
	spanrec_draft_fini(&draft);
	return rc;
}
