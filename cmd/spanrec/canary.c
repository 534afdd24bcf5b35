/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * canary: does the policy in force keep payments out? Calls in which somebody
 * pays are played to the recorder itself, into a scratch archive; what was said
 * then must not be found in it. That it can fail is as important: what was said
 * before has to be found.
 */
#include "cmd/spanrec/canary_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { POLICY = 0x200, OUT, KEEP };

struct arguments {
	struct spanrec *spanrec;
	const char *policy, *out, *keep;
};

static const struct argp_option options[] = {
	{ "policy", POLICY, "FILE", 0,
	  "A draft, instead of the policy in force", 0 },
	{ "out", OUT, "FILE", 0,
	  "Write the certificate to this file, which must not exist yet", 0 },
	{ "keep", KEEP, "DIR", 0,
	  "Make this folder for captures and scratch archive, and leave them "
	  "there",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Prove that the policy keeps payments out of recordings: play calls in "
    "which somebody pays, by each trigger of each payment, to the recorder, "
    "into a scratch archive, search all of it for what was said and keyed, and "
    "print a certificate.\v"
    "Nothing of it comes near the real archive, but that an entry in its "
    "ledger says what came out; with --policy there is none. Exit code 0 if "
    "nothing was found that should not be there, 1 if it was, 3 if there is "
    "nothing to test.\n\n"
    "Examples:\n"
    "  spanrec canary\n"
    "  spanrec canary --out canary-2026-03.txt\n"
    "  spanrec canary --policy draft.yaml\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case POLICY:
		arguments->policy = value;
		return 0;
	case OUT:
		arguments->out = value;
		return 0;
	case KEEP:
		arguments->keep = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* That in force is for those who may operate the recorder; a draft can be
 * tested where there is no home. @return exit code */
static int
open_policy(struct canary *canary, const char *draft)
{
	struct spanrec *spanrec = canary->spanrec;
	int rc = 0;

	canary->is_draft = draft != NULL;
	if (!draft)
		rc = spanrec_open(spanrec, STORE_READ);
	if (!rc && !draft)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_OPERATE);
	if (rc)
		return rc;
	snprintf(canary->file, sizeof(canary->file), "%s",
		 draft ? draft : spanrec->home.policy_path);
	rc = spanrec_draft_load(spanrec, canary->file, &canary->draft);
	if (!rc)
		store_hash(canary->hash, canary->draft.text,
			   canary->draft.bytes);
	return rc;
}

/* @return exit code */
static int
test(struct canary *canary)
{
	size_t i, tested = 0;
	int rc = canary_plan(canary);

	if (rc) {
		log_error("the calls cannot be made: %s", strerror(-rc));
		return exit_code(rc);
	}
	for (i = 0; i < canary->tests_count; i++)
		tested += !canary->tests[i].untested;
	if (!tested)
		return 0;
	rc = canary_run(canary);
	if (rc)
		return rc;
	rc = canary_search(canary);
	canary_wipe(canary);
	return rc;
}

/* ---- the ledger ---------------------------------------------------------- */

/* The archive was opened to read: it may be a recorder's. @return exit code */
static int
enter(struct canary *canary)
{
	struct spanrec *spanrec = canary->spanrec;
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns };
	char summary[128], hash[2 * STORE_HASH_BYTES + 1];
	int rc;

	canary_summary(canary, summary, sizeof(summary));
	store_hex(hash, canary->hash, sizeof(canary->hash));
	snprintf(entry.action, sizeof(entry.action), "canary");
	snprintf(entry.subject, sizeof(entry.subject), "%.16s", hash);
	snprintf(entry.detail, sizeof(entry.detail), "%s; policy %s", summary,
		 hash);
	spanrec_fini(spanrec);
	rc = spanrec_open_beside(spanrec, STORE_WRITE);
	return rc ? rc : spanrec_ledger_enter(spanrec, &entry);
}

/* ---- the certificate ----------------------------------------------------- */

/* @param to the file; NULL: where results go @return exit code */
static int
tell(const struct canary *canary, FILE *to, const char *path)
{
	int rc = 0;

	if (!to) {
		canary_tell(canary, canary->spanrec->out);
		return 0;
	}
	errno = 0;
	canary_tell(canary, to);
	if (fflush(to) == EOF || ferror(to) || fsync(fileno(to)) < 0)
		rc = errno ? -errno : -EIO;
	if (!rc)
		return 0;
	log_error("%s cannot be written: %s", path, strerror(-rc));
	return EXIT_FAILED;
}

/* Before anything is done: it must not fail at the end.
 * @return exit code */
static int
open_out(const char *path, FILE **to)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	*to = fd < 0 ? NULL : fdopen(fd, "w");
	if (*to)
		return 0;
	log_error("%s cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return EXIT_FAILED;
}

/* @return exit code */
static int
certify(struct canary *canary, const struct arguments *arguments)
{
	char summary[SPANREC_TEXT_BYTES];
	FILE *to = NULL;
	int rc = open_policy(canary, arguments->policy), entered;

	if (!rc && arguments->out)
		rc = open_out(arguments->out, &to);
	if (rc)
		return rc;
	rc = test(canary);
	if (!rc)
		rc = tell(canary, to, arguments->out);
	if (to) {
		fclose(to);
		if (rc)
			unlink(arguments->out);
	}
	if (rc)
		return rc;
	rc = canary_verdict(canary);
	if (rc != EXIT_DONE && arguments->out) {
		canary_summary(canary, summary, sizeof(summary));
		log_error("%s", summary);
	}
	entered = canary->is_draft ? 0 : enter(canary);
	return rc == EXIT_DONE ? entered : rc;
}

int
spanrec_canary(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct canary *canary;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	canary = calloc(1, sizeof(*canary));
	if (!canary) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	canary->spanrec = spanrec;
	canary->keep = arguments.keep;
	rc = certify(canary, &arguments);
	free(canary->tests);
	spanrec_draft_fini(&canary->draft);
	free(canary);
	return rc;
}
