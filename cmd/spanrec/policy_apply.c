/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy apply: a draft becomes the policy of the home.
 *
 * Everything that may be wrong is found out first. Then the new file is
 * written beside the old one, the ledger says who put it in force, and it takes
 * the old one's name at once: there is never half a policy. Last, a recorder
 * that runs is asked to read it.
 */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { MINOR = 0x200, UNTESTED, EXISTING, DELETES };

struct arguments {
	struct spanrec *spanrec;
	const char *file, *untested, *deletes;
	bool minor, existing;
};

static const struct argp_option options[] = {
	{ "minor", MINOR, NULL, 0,
	  "It is a minor amendment: needed if the policy says 'change: minor' "
	  "of itself, and refused if it does not",
	  0 },
	{ "untested", UNTESTED, "REASON", 0,
	  "Put it in force although a test fails; the reason is written into "
	  "the ledger",
	  0 },
	{ "existing", EXISTING, NULL, 0,
	  "For recordings that there are as well: those that would be deleted "
	  "earlier or later are counted first",
	  0 },
	{ "deletes", DELETES, "N", 0,
	  "With --existing: so many of them, and no more, may be due for "
	  "deletion at once",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Put a policy in force. Its mistakes are found and its tests are run "
    "first; what it says otherwise than the one before is printed. It becomes "
    "the policy of the home, who applied it is written into the ledger of the "
    "archive, and a recorder that runs takes it over.\v"
    "Refused if a test fails, or if recordings that there are would be deleted "
    "earlier or later; 'spanrec policy simulate' shows which. A retention "
    "class with another name holds for new calls only; --existing changes the "
    "time of those that there are, and says what would go before it goes.\n\n"
    "Examples:\n"
    "  spanrec policy apply draft.yaml\n"
    "  spanrec policy apply draft.yaml --minor\n"
    "  spanrec policy apply draft.yaml --existing\n"
    "  spanrec policy apply draft.yaml --existing --deletes 3120\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case MINOR:
		arguments->minor = true;
		return 0;
	case UNTESTED:
		arguments->untested = value;
		return 0;
	case EXISTING:
		arguments->existing = true;
		return 0;
	case DELETES:
		arguments->deletes = value;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			argp_error(state, "one FILE at a time");
		arguments->file = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which policy? Give its FILE");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- may it be applied? -------------------------------------------------- */

static int
check_minor(const struct arguments *arguments, const struct policy *policy)
{
	struct policy_document document;

	policy_document_peek(policy, &document);
	if (document.minor == arguments->minor)
		return 0;
	if (document.minor)
		log_error("the policy says 'change: minor' of itself; if that "
			  "is so, apply it with --minor");
	else
		log_error("the policy does not say 'change: minor' of itself "
			  "(in 'approval'), so it is no minor amendment");
	return EXIT_NOT_ALLOWED;
}

static int
check_tests(const struct arguments *arguments,
	    const struct spanrec_draft *draft)
{
	struct policy_test_result result = { 0 };
	int rc = spanrec_draft_test(draft, &result);

	if (!rc || !result.failed)
		return rc;
	if (arguments->untested && *arguments->untested) {
		log_warning("%" PRIu32 " of its tests fail; it is applied all "
			    "the same, as asked for",
			    result.failed);
		return 0;
	}
	log_error("%" PRIu32 " of its tests fail, so it was not applied; "
		  "--untested REASON applies it all the same",
		  result.failed);
	return EXIT_FAILED;
}

/* @return exit code */
static int
check(const struct arguments *arguments, const struct spanrec_draft *draft,
      struct spanrec_existing *existing)
{
	int rc = check_minor(arguments, draft->policy);
	if (!rc)
		rc = check_tests(arguments, draft);
	if (!rc)
		rc = spanrec_existing_check(arguments->spanrec, draft->policy,
					    existing);
	return rc;
}

/* ---- the file ------------------------------------------------------------ */

/* A file that takes the place of another one. */
struct replacement {
	char path[PATH_MAX]; /* what is replaced; no symbolic link */
	char part[PATH_MAX];
};

static int
file_failed(const char *path, int error)
{
	log_error("cannot write %s: %s; the policy is as it was", path,
		  strerror(error));
	return exit_code(-error);
}

/* Mode and owner are those of the old one. @return 0, -errno */
static int
fill(int fd, const struct stat *old, const struct spanrec_draft *draft)
{
	const char *text = draft->text;
	size_t left = draft->bytes;
	struct stat own;

	if (fstat(fd, &own) || fchmod(fd, old->st_mode & 07777))
		return -errno;
	if ((own.st_uid != old->st_uid || own.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid))
		return -errno;
	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

/* @return exit code */
static int
replacement_write(struct replacement *r, const char *path,
		  const struct spanrec_draft *draft)
{
	struct stat old;
	int fd, error;

	r->part[0] = '\0';
	if (!realpath(path, r->path) || stat(r->path, &old))
		return file_failed(path, errno);
	if (snprintf(r->part, sizeof(r->part), "%s.XXXXXX", r->path) >=
	    (int)sizeof(r->part))
		return file_failed(path, ENAMETOOLONG);
	fd = mkostemp(r->part, O_CLOEXEC);
	if (fd < 0) {
		error = errno;
		r->part[0] = '\0';
		return file_failed(r->path, error);
	}
	error = -fill(fd, &old, draft);
	if (close(fd) && !error)
		error = errno;
	return error ? file_failed(r->path, error) : 0;
}

/* @return exit code */
static int
replacement_finish(struct replacement *r)
{
	int error;

	if (rename(r->part, r->path))
		return file_failed(r->path, errno);
	r->part[0] = '\0';
	error = home_folder_sync(r->path);
	if (error)
		log_warning("%s is written, but may not survive a power cut: "
			    "%s",
			    r->path, strerror(-error));
	return 0;
}

static void
replacement_fini(struct replacement *r)
{
	if (r->part[0])
		unlink(r->part);
}

/* ---- the archive --------------------------------------------------------- */

/* Of the policy that it takes the place of, as much as tells it from others. */
static void
hash_before(const struct spanrec *spanrec, char before[17])
{
	char hex[2 * STORE_HASH_BYTES + 1] = "none";
	uint8_t hash[STORE_HASH_BYTES];
	char *text;
	size_t n;

	if (!home_file_read(spanrec->home.policy_path, &text, &n)) {
		store_hash(hash, text, n);
		store_hex(hex, hash, sizeof(hash));
		free(text);
	}
	snprintf(before, 17, "%.16s", hex);
}

/* What the ledger says: the hash first, policy log reads it. */
static void
make_entry(const struct arguments *arguments, const struct policy *policy,
	   const uint8_t hash[STORE_HASH_BYTES],
	   const struct spanrec_existing *existing,
	   struct store_ledger_entry *entry)
{
	char hex[2 * STORE_HASH_BYTES + 1], changed[96] = "", before[17];
	struct policy_document document;

	hash_before(arguments->spanrec, before);

	policy_document_peek(policy, &document);
	memset(entry, 0, sizeof(*entry));
	store_hex(hex, hash, STORE_HASH_BYTES);
	entry->time_ns = arguments->spanrec->now_ns;
	snprintf(entry->action, sizeof(entry->action), "policy");
	snprintf(entry->subject, sizeof(entry->subject), "%.16s", hex);
	spanrec_actor(entry->actor);
	if (existing->earlier || existing->later || existing->notes)
		snprintf(changed, sizeof(changed),
			 ", existing: %" PRIu64 " earlier, %" PRIu64
			 " later, %" PRIu64 " at once, notes: %" PRIu64
			 ", %" PRIu64,
			 existing->earlier, existing->later, existing->due,
			 existing->notes, existing->notes_due);
	snprintf(entry->detail, sizeof(entry->detail),
		 "%s after %s%s%.30s%s%s%.40s%s%s%s%s%.40s", hex, before,
		 *document.revision ? " revision '" : "", document.revision,
		 *document.revision ? "'" : "",
		 *document.approver ? " approved by '" : "", document.approver,
		 *document.approver ? "'" : "", changed,
		 arguments->minor ? ", minor" : "",
		 arguments->untested ? ", untested: " : "",
		 arguments->untested ? arguments->untested : "");
}

/* The archive keeps the policy, and its ledger says who applied it. Beside a
 * recorder that keeps it when it reads it. @return exit code */
static int
enter(const struct arguments *arguments, const struct spanrec_draft *draft,
      const struct spanrec_existing *existing)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct store_ledger_entry entry;
	uint8_t hash[STORE_HASH_BYTES];
	int r = store_archive_keep_policy(spanrec->archive, draft->text,
					  draft->bytes, hash);

	if (r && !spanrec->beside) {
		log_error("the archive could not be written (%s), so the "
			  "policy is as it was",
			  strerror(-r));
		return exit_code(r);
	}
	make_entry(arguments, draft->policy, hash, existing, &entry);
	return spanrec_ledger_enter(spanrec, &entry);
}

/* @return exit code */
static int
tell_recorder(struct spanrec *spanrec)
{
	json_t *answer;
	int rc;

	if (!spanrec->beside)
		return 0;
	rc = spanrec_ask(spanrec, json_pack("{ss}", "op", "reload"),
			 CONTROL_TIMEOUT_MS, &answer);
	json_decref(answer);
	if (rc)
		log_error("the policy is in the home, but the recorder that "
			  "runs has not taken it over; 'spanrec reload' asks "
			  "it again");
	return rc;
}

/* ---- all of it ----------------------------------------------------------- */

/* @return exit code; < 0: there is nothing to do */
static int
show_difference(const struct spanrec *spanrec,
		const struct spanrec_draft *draft)
{
	char *text;
	size_t n;
	bool same = false;
	int count;

	if (!home_file_read(spanrec->home.policy_path, &text, &n)) {
		same = n == draft->bytes && !memcmp(text, draft->text, n);
		free(text);
	}
	if (same) {
		if (!spanrec->quiet)
			fputs("it is the policy in force\n", spanrec->out);
		return -1;
	}
	count = policy_diff(spanrec->policy, draft->policy, spanrec->out);
	if (count < 0) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	if (!count && !spanrec->quiet)
		fputs("it says the same as the one before\n", spanrec->out);
	return 0;
}

/* Who applies a policy by which he may not apply another is told: it may be a
 * slip in the name of the owner. */
static void
warn_of_lockout(const struct spanrec *spanrec,
		const struct spanrec_draft *draft)
{
	const struct policy_wish wish = { .right = POLICY_RIGHT_POLICY,
					  .area = "" };
	struct spanrec after = *spanrec;
	char why[256];

	after.policy = draft->policy;
	if (!spanrec_may(&after, &wish, why, sizeof(why)))
		log_warning("from now on %s", why);
}

static int
apply(const struct arguments *arguments, const struct spanrec_draft *draft,
      const struct spanrec_existing *existing)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct replacement replacement = { .part = "" };
	int rc =
	    replacement_write(&replacement, spanrec->home.policy_path, draft);

	if (!rc)
		rc = enter(arguments, draft, existing);
	if (!rc)
		rc = replacement_finish(&replacement);
	replacement_fini(&replacement);
	if (!rc)
		warn_of_lockout(spanrec, draft);
	if (!rc)
		rc = tell_recorder(spanrec);
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out, "in force: %s%s\n",
			spanrec->home.policy_path,
			spanrec->beside ? ", and the recorder has taken it over"
					: "");
	return rc;
}

int
spanrec_policy_apply(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "FILE",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_existing existing;
	struct spanrec_draft draft = { 0 };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_existing_parse(&existing, arguments.existing,
				    arguments.deletes);
	if (rc)
		return rc;
	rc = spanrec_draft_load(spanrec, arguments.file, &draft);
	if (!rc)
		rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_POLICY);
	if (!rc)
		rc = show_difference(spanrec, &draft);
	if (!rc)
		rc = check(&arguments, &draft, &existing);
	if (!rc)
		rc = apply(&arguments, &draft, &existing);
	spanrec_draft_fini(&draft);
	return rc < 0 ? EXIT_DONE : rc;
}
