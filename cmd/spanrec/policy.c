/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy: what is done with policies, by the word that follows. */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static const struct spanrec_action list[] = {
	{ "check", "[FILE]", "find the mistakes, and what is unwise",
	  spanrec_policy_check },
	{ "test", "[FILE]", "run the tests that it brings along",
	  spanrec_policy_test },
	{ "explain", "[FILE]", "say in plain English what it says",
	  spanrec_policy_explain },
	{ "diff", "FILE [FILE]", "what another one says otherwise",
	  spanrec_policy_diff },
	{ "simulate", "[FILE]", "what it would make of stored calls",
	  spanrec_policy_simulate },
	{ "apply", "FILE", "put it in force", spanrec_policy_apply },
	{ "log", "", "which policies were in force", spanrec_policy_log },
};

int
spanrec_policy(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_actions actions = {
		.command = "policy",
		.summary = "What can be done with a policy; FILE is a draft, "
			   "without it it is the policy of the home:",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}

/* ---- files --------------------------------------------------------------- */

error_t
spanrec_draft_parse(int key, char *value, struct argp_state *state)
{
	struct spanrec_draft_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			argp_error(state, "one FILE at a time");
		arguments->file = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
spanrec_draft_load(struct spanrec *spanrec, const char *path,
		   struct spanrec_draft *draft)
{
	int rc = 0;

	*draft = (struct spanrec_draft){ .path = path };
	if (!path)
		rc = home_open(&spanrec->home, spanrec->home_option);
	if (rc)
		return rc;
	if (!path)
		draft->path = spanrec->home.policy_path;
	return home_policy(&spanrec->home, draft->path, &draft->policy,
			   &draft->text, &draft->bytes);
}

void
spanrec_draft_fini(struct spanrec_draft *draft)
{
	policy_free(&draft->policy);
	free(draft->text);
	draft->text = NULL;
}

/* From when on it may be gone. */
static int64_t
may_go_ns(const struct policy_clock *clock)
{
	return clock->gives_way ? clock->floor_ns : clock->due_ns;
}

bool
spanrec_gives_way_now(const struct policy_clock *before,
		      const struct policy_clock *after)
{
	return after->gives_way && may_go_ns(after) < may_go_ns(before);
}

int
spanrec_draft_clocks(const struct spanrec *spanrec, const struct policy *policy,
		     const struct store_segment *segment,
		     struct policy_clock *before, struct policy_clock *after)
{
	int r = clocks_of(spanrec->clocks, spanrec->archive, spanrec->policy,
			  segment, before);

	/* a class that none of them knows is none of our business here */
	if (r >= 0 || r == -ENOENT)
		r = clocks_if_applied(spanrec->clocks, spanrec->archive, policy,
				      segment, after);
	return r >= 0 || r == -ENOENT ? 0 : r;
}
