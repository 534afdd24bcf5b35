/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands about policies share. */
#ifndef CMD_SPANREC_POLICY_PRIV_H
#define CMD_SPANREC_POLICY_PRIV_H

#include "cmd/spanrec/spanrec.h"

/** A policy out of a file. */
struct spanrec_draft {
	const char *path; /**< borrowed */
	struct policy *policy;
	char *text;
	size_t bytes;
};

/** Of a command that has no option of its own. */
struct spanrec_draft_arguments {
	struct spanrec *spanrec;
	const char *file; /**< NULL: the policy of the home */
};
/** Its parser. */
error_t spanrec_draft_parse(int key, char *value, struct argp_state *state);

/**
 * Load a policy, or say what is wrong with it. A draft can be read where there
 * is no home.
 *
 * @param path NULL: that of the home, which is opened
 * @param draft free with spanrec_draft_fini, also on failure
 * @return exit code
 */
int spanrec_draft_load(struct spanrec *spanrec, const char *path,
		       struct spanrec_draft *draft)
	__attribute__((warn_unused_result));
void spanrec_draft_fini(struct spanrec_draft *draft);

/** Run the tests of a policy; those that fail are named on stderr.
 * @return exit code; EXIT_FAILED: a test failed */
int spanrec_draft_test(const struct spanrec_draft *draft,
		       struct policy_test_result *result)
	__attribute__((warn_unused_result));

/** May a recording give way by the one clock earlier than it may go by the
 * other? */
bool spanrec_gives_way_now(const struct policy_clock *before,
			   const struct policy_clock *after);

/**
 * Until when a recording is kept by the policy of the home, and by another.
 *
 * @return 0, -ENOMEM, -EMFILE, -ENFILE
 */
int spanrec_draft_clocks(const struct spanrec *spanrec,
			 const struct policy *policy,
			 const struct store_segment *segment,
			 struct policy_clock *before,
			 struct policy_clock *after)
	__attribute__((warn_unused_result));

/** Recordings that there are whose time another policy changes. */
struct spanrec_existing {
	bool agreed;       /**< it shall hold for them as well */
	uint64_t most_due; /**< of which so many may be due at once */
	uint64_t earlier, later, due; /**< found: segments with audio; of the
				       * earlier ones those that are due now */
	uint64_t notes, notes_due; /**< without audio: the note goes earlier,
				    * now */
};

/** @param deletes a number, or NULL: none may be due at once
 * @return exit code */
int spanrec_existing_parse(struct spanrec_existing *existing, bool agreed,
			   const char *deletes)
	__attribute__((warn_unused_result));

/**
 * May a policy take the place of that of the home, as far as what is stored is
 * concerned? Says what would change, by retention class.
 *
 * @return exit code; EXIT_NOT_ALLOWED: not as it was agreed
 * @cost reads every row
 */
int spanrec_existing_check(struct spanrec *spanrec, const struct policy *policy,
			   struct spanrec_existing *existing)
	__attribute__((warn_unused_result));

/* One command each, in a file of its own; exit code. */
int spanrec_policy_check(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy_test(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy_explain(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy_simulate(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy_apply(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy_log(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy_diff(struct spanrec *spanrec, int argc, char **argv);

#endif
