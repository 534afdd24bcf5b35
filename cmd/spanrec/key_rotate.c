/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key rotate, escrow, remove: whom recordings are sealed to.
 *
 * A rotation without a FILE changes the key of the home: the new one is made
 * as vault.key.new, becomes a recipient, the keys of all recordings are sealed
 * anew, and then it takes the name vault.key. Each step is found to be done
 * when the command is given again.
 */
#include "cmd/spanrec/key_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { PUBLIC_KEY = 0x200, EXISTING, PASSPHRASE, NEW_FILE };

/* Of a fingerprint, so many digits at least. */
#define DIGITS_MIN 4

struct arguments {
	struct spanrec *spanrec;
	const char *name, *public_key, *new_file;
	bool existing, sealed;
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case PUBLIC_KEY:
		arguments->public_key = value;
		return 0;
	case PASSPHRASE:
		arguments->sealed = true;
		return 0;
	case NEW_FILE:
		arguments->new_file = value;
		return 0;
	case EXISTING:
		arguments->existing = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->name)
			argp_error(state, "one at a time");
		arguments->name = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
load_public(const char *path, struct store_public *pub)
{
	int r = store_public_load(pub, path);

	if (r == 0)
		return 0;
	if (r == -EBADMSG)
		log_error("%s is no public key of spanrec; 'spanrec key new "
			  "FILE' makes one as FILE.pub",
			  path);
	else
		log_error("the public key %s cannot be read: %s", path,
			  strerror(-r));
	return r == -EBADMSG ? EXIT_FAILED : exit_code(r);
}

/* @return its place, or -1 */
static int
find_recipient(struct spanrec *spanrec, const struct store_public *pub)
{
	struct store_recipient all[STORE_RECIPIENTS_MAX];
	int count = store_recipients(spanrec->archive, all);

	for (int i = 0; i < count; i++)
		if (memcmp(&all[i].pub, pub, sizeof(*pub)) == 0)
			return i;
	return -1;
}

/* ---- rotate -------------------------------------------------------------- */

static const struct argp_option rotate_options[] = {
	{ "public-key", PUBLIC_KEY, "F", 0,
	  "Of a key pair that was made elsewhere, instead of FILE", 0 },
	{ "passphrase", PASSPHRASE, NULL, 0,
	  "Seal the new key by a new passphrase, for which the terminal is asked. "
	  "Without it: by that of the old one, if this has one",
	  0 },
	{ "new-passphrase-file", NEW_FILE, "F", 0,
	  "The new passphrase is the first line of this file", 0 },
	{ 0 },
};

static const char rotate_doc[] =
    "Put a new key in the place of the one at hand (that of the home, or "
    "--key): new recordings are sealed to it at once, also by a recorder that "
    "runs; then the keys of all recordings are sealed to it anew. Sound is not "
    "touched. Without FILE the new key takes the place of the home's, sealed by "
    "the same passphrase, and the old one stays beside it under another "
    "name.\v"
    "With FILE a key pair is made there (or is there), and files stay where they "
    "are. A rotation that was interrupted goes on when the command is given "
    "again.\n\n"
    "Afterwards the old key opens nothing in this archive, but everything in "
    "copies of its keyrings from before: keep it as long as there are backups "
    "that shall be of use, and destroy it when nobody else may have such "
    "copies.\n\n"
    "Example:\n"
    "  spanrec key rotate\n"
    "  spanrec key rotate --key escrow.key new.key     the other one is lost\n"
    "  spanrec key rotate --key old.key --public-key new.key.pub\n";

/* One that nothing is sealed to is left from a rotation that did not come so
 * far: as the key of the home it would open nothing. @return exit code */
static int
check_left(struct spanrec *spanrec, const char *new)
{
	char fingerprint[STORE_FINGERPRINT_TEXT];
	struct store_key_file found;
	int r = store_key_file_look(&found, new);

	if (r)
		return spanrec_key_failed(spanrec, new, r);
	if (find_recipient(spanrec, &found.pub) >= 0)
		return 0;
	store_fingerprint_text(fingerprint, &found.pub);
	log_error("%s is missing, and %s (key %s) is left from a rotation that "
		  "ended before anything was sealed to it, so it does not take "
		  "that name; nothing was changed. Put a copy of %s back, or "
		  "take another key: spanrec key rotate FILE --key F",
		  spanrec_key_path(spanrec), new, fingerprint,
		  spanrec_key_path(spanrec));
	return EXIT_FAILED;
}

/* One that a crash kept from its name.
 * @param done set if there was one: nothing else is left to be done */
static int
finish_move(struct spanrec *spanrec, const char *new, bool *done)
{
	const char *path = spanrec_key_path(spanrec);
	struct stat st;
	int rc;

	if (!lstat(path, &st) || errno != ENOENT || lstat(new, &st))
		return 0;
	rc = check_left(spanrec, new);
	if (rc)
		return rc;
	if (rename(new, path)) {
		log_error("%s cannot take the name %s: %s", new, path,
			  strerror(errno));
		return EXIT_FAILED;
	}
	*done = true;
	fprintf(spanrec->out,
		"An earlier rotation was finished but for the name of its key: "
		"that is %s now.\n",
		path);
	return 0;
}

/* The new key pair: made, or there already. That of the home has no file of its
 * public half: `recipients` has it. */
static int
new_key(const struct arguments *arguments, const char *file,
	struct store_public *pub)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct store_passphrase *passphrase = NULL;
	struct store_key_file found;
	bool named = arguments->name != NULL;
	int rc, r = store_key_file_look(&found, file);

	if (r == -ENOENT && !arguments->sealed && !arguments->new_file)
		return spanrec_key_make(file, spanrec->passphrase, named, pub);
	if (r == -ENOENT) {
		rc = spanrec_passphrase_new("--new-passphrase-file",
					    arguments->new_file, &passphrase);
		if (!rc)
			rc = spanrec_key_make(file, passphrase, named, pub);
		store_passphrase_free(&passphrase);
		return rc;
	}
	if (r)
		return spanrec_key_failed(spanrec, file, r);
	*pub = found.pub;
	return 0;
}

/* The new key takes the name of the old one. */
static int
move_keys(struct spanrec *spanrec, const char *new,
	  const struct store_public *old_pub)
{
	const char *path = spanrec_key_path(spanrec);
	char fingerprint[STORE_FINGERPRINT_TEXT], old[PATH_MAX];
	char pub[PATH_MAX + 16];
	struct stat st;
	int n, r;

	store_fingerprint_text(fingerprint, old_pub);
	n = snprintf(old, sizeof(old), "%s.old-%s", path, fingerprint);
	if (n < 0 || n >= PATH_MAX) {
		log_error("%s: the path is too long", path);
		return EXIT_FAILED;
	}
	/* Those who may listen may go on. */
	if (stat(path, &st) == 0 &&
	    (chown(new, st.st_uid, st.st_gid) == 0 || !(st.st_mode & S_IRWXG)))
		(void)chmod(new, st.st_mode & 0777);
	r = rename(path, old) || rename(new, path) ? -errno
						   : home_folder_sync(path);
	if (r) {
		log_error("%s cannot take the name %s: %s", new, path,
			  strerror(-r));
		return EXIT_FAILED;
	}
	snprintf(pub, sizeof(pub), "%s.pub", new);
	(void)unlink(pub); /* `recipients` has it */
	fprintf(spanrec->out,
		"%s is the new key now; the old one is %s.\n"
		"It opens copies of keyrings from before, such as backups, and "
		"nothing here.\nMake a copy of the new key, and destroy the "
		"old one when nothing needs it.\n",
		path, old);
	return 0;
}

/* Whose place the new key takes: that of the key at hand; or, if this is one of
 * escrow, that of the key of the archive, which is lost.
 * @param old the key at hand; then the one that goes */
static int
replaced(struct spanrec *spanrec, struct store_public *old)
{
	struct store_recipient all[STORE_RECIPIENTS_MAX];
	int count = store_recipients(spanrec->archive, all);
	int place = find_recipient(spanrec, old), of_archive = 0;

	if (place < 0 || all[place].role != STORE_RECIPIENT_ESCROW)
		return 0;
	for (int i = 0; i < count; i++) {
		if (all[i].role != STORE_RECIPIENT_ARCHIVE)
			continue;
		of_archive++;
		*old = all[i].pub;
	}
	if (of_archive == 1)
		return 0;
	log_error("the escrow key cannot tell which of %d keys of the archive "
		  "is to be replaced; take one of those",
		  of_archive);
	return EXIT_FAILED;
}

/* @param pub of the new key @return exit code */
static int
rotate_to(struct spanrec *spanrec, const struct store_public *pub)
{
	char old_text[STORE_FINGERPRINT_TEXT], new_text[STORE_FINGERPRINT_TEXT];
	struct store_public hand, old;
	bool escrow;
	int rc;

	store_identity_public(spanrec->identity, &hand);
	old = hand;
	rc = replaced(spanrec, &old);
	if (rc)
		return rc;
	escrow = memcmp(&old, &hand, sizeof(old)) != 0;
	store_fingerprint_text(old_text, &old);
	store_fingerprint_text(new_text, pub);
	if (memcmp(&old, pub, sizeof(old)) == 0 && !escrow) {
		log_error("that is the key that is to be replaced");
		return EXIT_USAGE;
	}
	/* It took its place before this was interrupted. */
	if (memcmp(&old, pub, sizeof(old)) == 0)
		return spanrec_reseal_all(spanrec);
	if (find_recipient(spanrec, &old) < 0 &&
	    find_recipient(spanrec, pub) < 0) {
		log_error("the key at hand (%s) is none that new recordings "
			  "are sealed to; 'spanrec key list' shows them",
			  old_text);
		return EXIT_NOT_ALLOWED;
	}
	rc = spanrec_rekey_change(spanrec, &old, pub, STORE_RECIPIENT_ARCHIVE);
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out,
			"New recordings are sealed to %s instead of %s.\n",
			new_text, old_text);
	return rc ? rc : spanrec_reseal_all(spanrec);
}

int
spanrec_key_rotate(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = rotate_options,
					  .parser = parse,
					  .args_doc = "[FILE]",
					  .doc = rotate_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct store_public pub, old;
	char file[PATH_MAX + 4];
	bool home, done = false;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.name && arguments.public_key) {
		log_error("give FILE, or --public-key F");
		return EXIT_USAGE;
	}
	home = !arguments.name && !arguments.public_key;
	if (home && spanrec->key_option) {
		log_error("with --key, say where the new one is: FILE, or "
			  "--public-key F");
		return EXIT_USAGE;
	}
	rc = spanrec_key_open(spanrec);
	snprintf(file, sizeof(file), "%s.new", spanrec_key_path(spanrec));
	if (!rc && home)
		rc = finish_move(spanrec, file, &done);
	if (rc || done)
		return rc;
	rc = spanrec_open_key(spanrec, true);
	if (!rc && arguments.public_key)
		rc = load_public(arguments.public_key, &pub);
	else if (!rc)
		rc = new_key(&arguments, home ? file : arguments.name, &pub);
	if (!rc)
		rc = rotate_to(spanrec, &pub);
	if (rc || !home)
		return rc;
	store_identity_public(spanrec->identity, &old);
	return move_keys(spanrec, file, &old);
}

/* ---- escrow -------------------------------------------------------------- */

static const struct argp_option escrow_options[] = {
	{ "public-key", PUBLIC_KEY, "F", 0, "The public half of it", 0 },
	{ "existing", EXISTING, NULL, 0,
	  "Also seal the keys of all recordings that are stored to it; that "
	  "takes the private key of the archive",
	  0 },
	{ 0 },
};

static const char escrow_doc[] =
    "Add an escrow key: its private half is kept away, in a safe, and opens "
    "recordings when the key of the archive is lost. That it was used is entered "
    "into the ledger, with the name of who did.\v"
    "It opens what is recorded from now on; with --existing, what is stored "
    "too. To listen with it: --key FILE.\n\n"
    "Example:\n"
    "  spanrec key new /media/stick/escrow.key --passphrase\n"
    "  spanrec key escrow --public-key /media/stick/escrow.key.pub "
    "--existing\n"
    "  spanrec play 20190328T1415 --purpose dispute --key "
    "/media/stick/escrow.key\n";

int
spanrec_key_escrow(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = escrow_options,
					  .parser = parse,
					  .doc = escrow_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	char fingerprint[STORE_FINGERPRINT_TEXT];
	struct store_public pub;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.name || !arguments.public_key) {
		log_error("give --public-key F");
		return EXIT_USAGE;
	}
	rc = load_public(arguments.public_key, &pub);
	if (!rc)
		rc = spanrec_key_open(spanrec);
	if (!rc && arguments.existing)
		rc = spanrec_open_key(spanrec, true);
	if (!rc)
		rc = spanrec_rekey_change(spanrec, NULL, &pub,
					  STORE_RECIPIENT_ESCROW);
	if (rc)
		return rc;
	store_fingerprint_text(fingerprint, &pub);
	if (!spanrec->quiet)
		fprintf(spanrec->out,
			"Escrow key %s opens what is recorded from now on%s\n",
			fingerprint,
			arguments.existing
			    ? "."
			    : "; with --existing, what is stored too.");
	return arguments.existing ? spanrec_reseal_all(spanrec) : 0;
}

/* ---- remove -------------------------------------------------------------- */

static const struct argp_option remove_options[] = {
	{ "existing", EXISTING, NULL, 0,
	  "Also take it out of the keys of all recordings that are stored; that "
	  "takes the private key of the archive",
	  0 },
	{ 0 },
};

static const char remove_doc[] =
    "Seal to a key no longer. FINGERPRINT is that of 'spanrec key list', or as "
    "much of its beginning as fits one key only.\v"
    "What was sealed to it before it opens all the same, but with --existing; "
    "and copies of keyrings from before it opens in any case. The last key of "
    "the archive is not removed: key rotate puts another in its place.\n\n"
    "Example:\n"
    "  spanrec key remove 5f0962 --existing\n";

/* @return exit code */
static int
find_fingerprint(struct spanrec *spanrec, const char *text,
		 struct store_public *pub)
{
	struct store_recipient all[STORE_RECIPIENTS_MAX];
	char fingerprint[STORE_FINGERPRINT_TEXT], clean[SPANREC_TEXT_BYTES];
	int found = 0, count = store_recipients(spanrec->archive, all);

	for (int i = 0; i < count && strlen(text) >= DIGITS_MIN; i++) {
		store_fingerprint_text(fingerprint, &all[i].pub);
		if (strncmp(fingerprint, text, strlen(text)) == 0) {
			*pub = all[i].pub;
			found++;
		}
	}
	if (found == 1)
		return 0;
	log_error("%s is the beginning of %s fingerprint of a key that is "
		  "sealed to; 'spanrec key list' shows them",
		  spanrec_text_clean(text, clean, sizeof(clean)),
		  found ? "more than one" : "no");
	return EXIT_NOT_FOUND;
}

int
spanrec_key_remove(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = remove_options,
					  .parser = parse,
					  .args_doc = "FINGERPRINT",
					  .doc = remove_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	char fingerprint[STORE_FINGERPRINT_TEXT];
	struct store_public pub;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (!arguments.name) {
		log_error("which key? Give its FINGERPRINT");
		return EXIT_USAGE;
	}
	rc = spanrec_key_open(spanrec);
	if (!rc)
		rc = find_fingerprint(spanrec, arguments.name, &pub);
	if (!rc && arguments.existing)
		rc = spanrec_open_key(spanrec, true);
	if (!rc)
		rc = spanrec_rekey_change(spanrec, &pub, NULL,
					  STORE_RECIPIENT_ARCHIVE);
	if (rc)
		return rc;
	store_fingerprint_text(fingerprint, &pub);
	if (!spanrec->quiet)
		fprintf(spanrec->out,
			"New recordings are not sealed to %s any more%s\n",
			fingerprint,
			arguments.existing ? "."
					   : "; it still opens older ones.");
	return arguments.existing ? spanrec_reseal_all(spanrec) : 0;
}
