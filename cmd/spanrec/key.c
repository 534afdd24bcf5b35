/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key: key pairs, and who can open recordings.
 * key new: a key pair for an archive whose recorder must not be able to listen.
 * The public half goes to `init --public-key`. key passphrase: what seals the
 * private half.
 */
#include "cmd/spanrec/key_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* ---- key new ------------------------------------------------------------ */

enum { PASSPHRASE = 0x200, NEW_FILE, NONE };

struct new_arguments {
	struct spanrec *spanrec;
	const char *file;
	bool sealed;
};

static const struct argp_option new_options[] = {
	{ "passphrase", PASSPHRASE, NULL, 0,
	  "Seal the private key by a passphrase: that of --passphrase-file, else "
	  "the terminal is asked",
	  0 },
	{ 0 },
};

static const char new_doc[] =
    "Make a key pair: the private key in FILE, the public key in FILE.pub. "
    "Neither may exist yet.\v"
    "Take FILE.pub to the machine that records, and keep FILE away from it. "
    "Whoever has FILE (and its passphrase, if it has one) can listen. If it or "
    "its passphrase is lost, nobody can, but who has an escrow key.\n\n"
    "Example:\n"
    "  spanrec key new archive.key --passphrase\n"
    "  spanrec init /srv/calls --public-key archive.key.pub\n";

static error_t
parse_new(int key, char *value, struct argp_state *state)
{
	struct new_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case PASSPHRASE:
		arguments->sealed = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			argp_error(state, "one FILE at a time");
		arguments->file = value;
		return 0;
	case ARGP_KEY_END:
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

/* Where a home is named, its ledger knows what was done with keys. */
static void
note_key(struct spanrec *spanrec, const char *action,
	 const struct store_public *pub, const char *path)
{
	struct store_ledger_entry entry = { 0 };
	char text[STORE_PUBLIC_TEXT_BYTES], file[128];

	if (!spanrec->zone && !spanrec->home_option && !getenv("SPANREC_HOME"))
		return;
	/* That of the key is open already. */
	if (!spanrec->zone && spanrec_open_home(spanrec)) {
		log_warning("that is done, but there is no ledger to enter it "
			    "into");
		return;
	}
	snprintf(entry.action, sizeof(entry.action), "%s", action);
	store_public_text(text, pub);
	spanrec_path_shorten(path, file, sizeof(file));
	(void)!snprintf(entry.detail, sizeof(entry.detail), "%s, in %s", text,
			file);
	spanrec_ledger_note(spanrec, &entry);
}

int
spanrec_key_make(const char *file, const struct store_passphrase *passphrase,
		 bool public_half, struct store_public *pub)
{
	char path[PATH_MAX];
	struct stat st;
	int rc = snprintf(path, sizeof(path), "%s.pub", file);

	if (rc < 0 || rc >= PATH_MAX)
		return key_failed(file, -ENAMETOOLONG);
	if (public_half && !lstat(path, &st))
		return key_failed(path, -EEXIST);
	rc = store_identity_make(file, passphrase, pub);
	if (rc < 0)
		return key_failed(file, rc);
	rc = public_half ? store_public_save(pub, path) : 0;
	if (rc < 0) {
		unlink(file);
		return key_failed(path, rc);
	}
	return 0;
}

int
spanrec_key_new(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = new_options,
					  .parser = parse_new,
					  .args_doc = "FILE",
					  .doc = new_doc,
					  .children = spanrec_global_options };
	struct new_arguments arguments = { .spanrec = spanrec };
	struct store_passphrase *passphrase = NULL;
	char fingerprint[STORE_FINGERPRINT_TEXT];
	struct store_public pub;
	int rc = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.sealed || spanrec->passphrase_option)
		rc = spanrec_passphrase_new("--passphrase-file",
					    spanrec->passphrase_option,
					    &passphrase);
	if (!rc)
		rc = spanrec_key_make(arguments.file, passphrase, true, &pub);
	store_passphrase_free(&passphrase);
	if (rc)
		return rc;
	store_fingerprint_text(fingerprint, &pub);
	if (!spanrec->quiet)
		fprintf(spanrec->out,
			"Private key: %s (keep it safe, and a copy of it)\n"
			"Public key:  %s.pub (for 'spanrec init --public-key')"
			"\nFingerprint: %s\n",
			arguments.file, arguments.file, fingerprint);
	note_key(spanrec, "key-new", &pub, arguments.file);
	return 0;
}

/* ---- key passphrase ------------------------------------------------------ */

struct passphrase_arguments {
	struct spanrec *spanrec;
	const char *file, *new_file;
	bool none;
};

static const struct argp_option passphrase_options[] = {
	{ "new-passphrase-file", NEW_FILE, "F", 0,
	  "The new one is the first line of this file. Without it the terminal "
	  "is asked, twice",
	  0 },
	{ "none", NONE, NULL, 0, "Take the passphrase away", 0 },
	{ 0 },
};

static const char passphrase_doc[] =
    "Set, change or take away the passphrase that seals a private key: FILE, or "
    "that of the home.\v"
    "A new file takes the place of the old one, which is overwritten before "
    "that. On copy-on-write file systems, on flash and in backups the old bytes "
    "may stay all the same: a key that was ever there plain, or under a "
    "passphrase that somebody knows, is better replaced (key rotate).\n\n"
    "A passphrase that is forgotten is a key that is lost.\n\n"
    "Example:\n"
    "  spanrec key passphrase\n"
    "  spanrec key passphrase escrow.key\n";

static error_t
parse_passphrase(int key, char *value, struct argp_state *state)
{
	struct passphrase_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case NEW_FILE:
		arguments->new_file = value;
		return 0;
	case NONE:
		arguments->none = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			argp_error(state, "one FILE at a time");
		arguments->file = value;
		return 0;
	case ARGP_KEY_END:
		if (arguments->none && arguments->new_file)
			argp_error(state, "a new passphrase, or --none");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* @return exit code */
static int
change_passphrase(const struct passphrase_arguments *arguments,
		  const char *path)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct store_passphrase *passphrase = NULL;
	int rc = 0, r;

	if (!arguments->none)
		rc = spanrec_passphrase_new("--new-passphrase-file",
					    arguments->new_file, &passphrase);
	if (rc)
		return rc;
	r = store_identity_change(spanrec->identity, path, passphrase, NULL);
	store_passphrase_free(&passphrase);
	if (r) {
		log_error("%s cannot be written, and is what it was: %s", path,
			  strerror(-r));
		return exit_code(r);
	}
	if (!spanrec->quiet)
		fprintf(spanrec->out, "%s: %s\n", path,
			arguments->none ? "has no passphrase any more"
					: "is sealed by the new passphrase");
	return 0;
}

/* The file of the one that the key has, given for the one that it gets.
 * @return exit code */
static int
check_files(const struct passphrase_arguments *arguments, const char *path)
{
	struct store_key_file found;

	if (!arguments->spanrec->passphrase_option || arguments->new_file ||
	    arguments->none || store_key_file_look(&found, path) ||
	    found.sealed)
		return 0;
	log_error("--passphrase-file is for the passphrase that a key has, and "
		  "%s has none; for the one that it gets, give "
		  "--new-passphrase-file F",
		  path);
	return EXIT_USAGE;
}

int
spanrec_key_passphrase(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = passphrase_options,
					  .parser = parse_passphrase,
					  .args_doc = "[FILE]",
					  .doc = passphrase_doc,
					  .children = spanrec_global_options };
	struct passphrase_arguments arguments = { .spanrec = spanrec };
	struct store_public pub;
	const char *path;
	int rc = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.file)
		spanrec->key_option = arguments.file;
	else if (!spanrec->key_option)
		rc = spanrec_open_home(spanrec);
	path = spanrec_key_path(spanrec);
	if (!rc)
		rc = check_files(&arguments, path);
	if (!rc)
		rc = spanrec_open_key(spanrec, true);
	if (!rc)
		rc = change_passphrase(&arguments, path);
	if (rc)
		return rc;
	store_identity_public(spanrec->identity, &pub);
	note_key(spanrec, "key-passphrase", &pub, path);
	return 0;
}

/* ---- key ----------------------------------------------------------------- */

int
spanrec_key(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_action list[] = {
		{ "new", "FILE [--passphrase]", "make a key pair",
		  spanrec_key_new },
		{ "list", "[--json]", "who can open recordings, and how many",
		  spanrec_key_list },
		{ "rotate", "[FILE]", "put a new key in the place of this one",
		  spanrec_key_rotate },
		{ "escrow", "--public-key F", "add a key that is kept away",
		  spanrec_key_escrow },
		{ "remove", "FINGERPRINT", "seal to a key no longer",
		  spanrec_key_remove },
		{ "passphrase", "[FILE]", "set, change or take away one",
		  spanrec_key_passphrase },
	};
	static const struct spanrec_actions actions = {
		.command = "key",
		.summary =
		    "Keys. Each recording is sealed to all recipients of "
		    "its time: the key of the archive and, if wanted, "
		    "escrow keys that are kept elsewhere. Any one of them "
		    "opens it.",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}
