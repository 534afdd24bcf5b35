/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit: what was done to the archive, and the proof that it is all. */
#include "cmd/spanrec/audit_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/audit.h"
#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/audit.h"

static const struct spanrec_action list[] = {
	{ "list", "[--from T] [--id ID]", "who did what, when and why",
	  spanrec_audit_list },
	{ "verify", "[--anchor F]", "is it all that was written?",
	  spanrec_audit_verify },
	{ "anchor", "[--out F]", "a signed head, to be kept elsewhere",
	  spanrec_audit_anchor },
	{ "export", "--out F", "a copy for an investigation",
	  spanrec_audit_export },
};

int
spanrec_audit(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_actions actions = {
		.command = "audit",
		.summary =
		    "Each act on the archive is an entry of its ledger, which "
		    "holds the hash of the one before: who listened, copied, "
		    "deleted, changed the policy, started and stopped the "
		    "recorder, and who was refused.",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}

/* ---- anchor -------------------------------------------------------------- */

enum { OUT = 0x200 };

struct arguments {
	struct spanrec *spanrec;
	const char *path;
};

static const struct argp_option options[] = {
	{ "out", OUT, "FILE", 0,
	  "Add the line to FILE, instead of printing it; it is made if need be",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Sign the ledger as it is now, and print that as one line: an anchor. Keep "
    "it where those who run the recorder cannot change it: on another machine, "
    "in an e-mail to yourself, on paper.\v"
    "'spanrec audit verify --anchor FILE' then proves that everything up to "
    "the anchor is still what it was: nothing was edited, inserted, taken out, "
    "or cut off. The line has the number and the hash of the last entry, the "
    "time, the archive, the public key and the signature; nothing in it is "
    "secret. One a day is a good habit.\n\n"
    "Examples:\n"
    "  spanrec audit anchor\n"
    "  spanrec audit anchor --out /mnt/compliance/anchors.txt\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case OUT:
		arguments->path = value;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "audit anchor takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Opened before anything is signed, so that it does not fail at the end.
 * @return exit code */
static int
open_out(const char *path, FILE **to)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	*to = fd < 0 ? NULL : fdopen(fd, "a");
	if (*to)
		return 0;
	log_error("%s cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return EXIT_FAILED;
}

/* Beside a recorder that does it. @return exit code */
static int
sign_beside(struct spanrec *spanrec, const char *detail,
	    struct store_head *head)
{
	char clean[SPANREC_TEXT_BYTES];
	json_t *answer;
	int r, rc;

	rc = spanrec_ask(
	    spanrec,
	    json_pack("{ss ss}", "op", "sign", "detail",
		      spanrec_text_clean(detail, clean, sizeof(clean))),
	    CONTROL_TIMEOUT_MS, &answer);
	json_decref(answer);
	if (rc)
		return rc;
	r = store_head_last(spanrec->archive, head);
	if (r)
		log_error("the head that the recorder signed cannot be read: "
			  "%s",
			  strerror(-r));
	return r ? exit_code(r) : 0;
}

/* @return exit code */
static int
sign_here(struct spanrec *spanrec, const char *detail, struct store_head *head)
{
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns,
					    .action = "anchor" };
	int r;

	store_signer_free(&spanrec->signer);
	spanrec->signer = audit_signer(&spanrec->home, false);
	if (!spanrec->signer)
		return EXIT_FAILED;
	(void)!snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	spanrec_actor(entry.actor);
	r = audit_enter(spanrec->archive, spanrec->signer, &entry, 1);
	if (!r)
		r = store_head_last(spanrec->archive, head);
	if (r)
		log_error("the ledger of the archive could not be signed: %s",
			  strerror(-r));
	return r ? exit_code(r) : 0;
}

/* @return exit code */
static int
print_anchor(const struct arguments *arguments, FILE *to,
	     const struct store_head *head)
{
	char text[STORE_ANCHOR_BYTES];

	store_anchor_text(text, head);
	if (fprintf(to, "%s\n", text) >= 0 && fflush(to) == 0 &&
	    (!arguments->path || fsync(fileno(to)) == 0))
		return 0;
	log_error("%s cannot be written: %s",
		  arguments->path ? arguments->path : "the anchor",
		  strerror(errno));
	return EXIT_FAILED;
}

int
spanrec_audit_anchor(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	char detail[256] = "";
	struct store_head head;
	FILE *to = spanrec->out;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_REPORT);
	if (!rc && arguments.path) {
		rc = open_out(arguments.path, &to);
		if (!rc) {
			memcpy(detail, "to ", 4);
			spanrec_path_shorten(arguments.path, detail + 3,
					     sizeof(detail) - 3);
		}
	}
	if (!rc)
		rc = spanrec->beside ? sign_beside(spanrec, detail, &head)
				     : sign_here(spanrec, detail, &head);
	if (!rc)
		rc = print_anchor(&arguments, to, &head);
	if (to && to != spanrec->out)
		fclose(to);
	return rc;
}
