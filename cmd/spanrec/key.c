/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key new: a key pair for an archive whose recorder must not be able to
 * listen. The public half goes to `init --public-key`. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

struct arguments {
	struct spanrec *spanrec;
	const char *action;
	const char *file;
};

static const char doc[] =
    "Make a key pair: the private key in FILE, the public key in FILE.pub. "
    "Neither may exist yet.\v"
    "Take FILE.pub to the machine that records, and keep FILE away from it. "
    "Whoever has FILE can listen; if it is lost, nobody can.\n\n"
    "Example:\n"
    "  spanrec key new archive.key\n"
    "  spanrec init /srv/calls --public-key archive.key.pub\n";

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
		if (!arguments->action || strcmp(arguments->action, "new") != 0)
			argp_error(state, "this version has 'key new FILE'");
		if (!arguments->file)
			argp_error(state, "'key new' needs a FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
key_failed(const char *path, int error)
{
	if (error == -EEXIST)
		log_error("%s exists already, and a key is never overwritten; "
			  "choose another name",
			  path);
	else
		log_error("%s cannot be written: %s", path, strerror(-error));
	/* a folder that is not there is not a recording that is not there */
	return error == -ENOENT ? EXIT_FAILED : exit_code(error);
}

/* Where a home is named, its ledger knows of keys that were made. */
static void
note_key(struct spanrec *spanrec, const struct store_public *pub,
	 const char *path)
{
	struct store_ledger_entry entry = { .action = "key-new" };
	char text[STORE_PUBLIC_TEXT_BYTES], file[128];

	if (!spanrec->home_option && !getenv("SPANREC_HOME"))
		return;
	if (spanrec_open_home(spanrec)) {
		log_warning("the key is made, but there is no ledger to enter "
			    "that into");
		return;
	}
	store_public_text(text, pub);
	spanrec_path_shorten(path, file, sizeof(file));
	(void)!snprintf(entry.detail, sizeof(entry.detail), "%s, in %s", text,
			file);
	spanrec_ledger_note(spanrec, &entry);
}

int
spanrec_key(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .parser = parse,
					  .args_doc = "new FILE",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct store_public pub;
	struct stat st;
	char path[PATH_MAX];
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = snprintf(path, sizeof(path), "%s.pub", arguments.file);
	if (rc < 0 || rc >= PATH_MAX)
		return key_failed(arguments.file, -ENAMETOOLONG);
	if (!lstat(path, &st))
		return key_failed(path, -EEXIST);
	rc = store_identity_create(arguments.file, &pub);
	if (rc < 0)
		return key_failed(arguments.file, rc);
	rc = store_public_save(&pub, path);
	if (rc < 0) {
		unlink(arguments.file);
		return key_failed(path, rc);
	}
	if (!spanrec->quiet)
		fprintf(spanrec->out,
			"Private key: %s (keep it safe, and a copy of it)\n"
			"Public key:  %s (for 'spanrec init --public-key')\n",
			arguments.file, path);
	note_key(spanrec, &pub, arguments.file);
	return 0;
}
