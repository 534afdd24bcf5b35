/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy test: the calls that a policy brings along, and what becomes of them.
 */
#include "cmd/spanrec/policy_priv.h"

#include <inttypes.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static const char doc[] =
    "Run the tests that a policy brings along: calls, what happens in them, "
    "and what the policy has to make of it. What fails is printed with its "
    "line. Without FILE it is the policy of the home.\v"
    "Exit code 1: a test failed.\n\n"
    "Examples:\n"
    "  spanrec policy test\n"
    "  spanrec policy test draft.yaml\n";

int
spanrec_draft_test(const struct spanrec_draft *draft,
		   struct policy_test_result *result)
{
	if (policy_test_run(draft->policy, draft->path, stderr, result)) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	return result->failed ? EXIT_FAILED : 0;
}

static void
print_result(const struct spanrec *spanrec,
	     const struct policy_test_result *result)
{
	if (spanrec->quiet)
		return;
	if (!result->passed && !result->failed)
		fputs("the policy brings no tests along\n", spanrec->out);
	else
		fprintf(spanrec->out, "%" PRIu32 " test%s passed",
			result->passed, result->passed == 1 ? "" : "s");
	if (result->failed)
		fprintf(spanrec->out, ", %" PRIu32 " failed", result->failed);
	if (result->passed || result->failed)
		fputc('\n', spanrec->out);
}

int
spanrec_policy_test(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = spanrec_draft_parse,
					  .args_doc = "[FILE]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct spanrec_draft_arguments arguments = { spanrec, NULL };
	struct policy_test_result result = { 0 };
	struct spanrec_draft draft;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_draft_load(spanrec, arguments.file, &draft);
	if (!rc) {
		rc = spanrec_draft_test(&draft, &result);
		print_result(spanrec, &result);
	}
	spanrec_draft_fini(&draft);
	return rc;
}
