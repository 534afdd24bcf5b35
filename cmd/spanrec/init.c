/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * init: a home with all its parts. Everything is made, or nothing is left.
 * With --public-key no private key ever exists on this machine, so whoever
 * breaks into it cannot listen to what it recorded.
 */
#include "cmd/spanrec/folder_priv.h"
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/audit.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/audit.h"

enum { PUBLIC_KEY = 0x200 };

struct arguments {
	struct spanrec *spanrec;
	const char *home;
	const char *public_key;
};

static const struct argp_option options[] = {
	{ "public-key", PUBLIC_KEY, "FILE", 0,
	  "Seal recordings to this public key and make no private key here; "
	  "'spanrec key new' makes a pair on another machine",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Make a home: an archive, a key pair, a policy and settings, all ready to "
    "record. HOME must not exist yet, or be empty.\v"
    "The policy that is written records every call and keeps it for 90 days: "
    "read and change HOME/policy.yaml first. Keep a copy of HOME/vault.key in "
    "a safe place: without it nobody can listen to anything.\n\n"
    "Examples:\n"
    "  spanrec init ~/calls\n"
    "  spanrec init /srv/calls --public-key archive.key.pub\n";

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
	case ARGP_KEY_ARG:
		if (arguments->home)
			argp_error(state, "one HOME at a time");
		arguments->home = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "where? Give the HOME to make");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- the directory ----------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	/* depth 0 is the home itself, which may not be ours to remove */
	return ftw->level ? remove(path) : 0;
}

/* The home was empty or new: all that is in it was made here. */
static void
undo(const char *home, bool made)
{
	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	if (made)
		rmdir(home);
}

/* ---- its parts --------------------------------------------------------- */

typedef int (*write_fn)(FILE *to);

/* The policy names its owner at "%s". */
static int
write_policy(FILE *to)
{
	const char *text = policy_default_text(), *mark;
	char owner[STORE_NAME_BYTES];

	spanrec_actor(owner);
	while ((mark = strstr(text, "%s"))) {
		fwrite(text, 1, (size_t)(mark - text), to);
		fputs(owner, to);
		text = mark + 2;
	}
	return fputs(text, to) == EOF ? -EIO : 0;
}

/* @return 0, -errno */
static int
write_file(const char *path, write_fn fn)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to;
	int rc;

	if (fd < 0)
		return -errno;
	to = fdopen(fd, "w");
	if (!to) {
		rc = -errno;
		close(fd);
		return rc;
	}
	errno = 0;
	rc = fn(to);
	if (!rc && (fflush(to) == EOF || ferror(to) || fsync(fd) < 0))
		rc = errno ? -errno : -EIO;
	if (fclose(to) == EOF && !rc)
		rc = -errno;
	return rc;
}

static int
part_path(char path[PATH_MAX], const char *home, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", home, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* @return exit code */
static int
make_file(const char *home, const char *name, write_fn fn)
{
	char path[PATH_MAX];
	int rc = part_path(path, home, name);

	if (!rc)
		rc = write_file(path, fn);
	if (rc < 0) {
		log_error("%s/%s cannot be written: %s", home, name,
			  strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}

static int
load_public(const char *path, struct store_public *pub)
{
	int rc = store_public_load(pub, path);

	if (!rc)
		return 0;
	if (rc == -EBADMSG) {
		log_error("%s is no public key of spanrec; 'spanrec key new "
			  "FILE' makes one as FILE.pub",
			  path);
		return EXIT_FAILED;
	}
	log_error("the public key %s cannot be read: %s", path, strerror(-rc));
	return exit_code(rc);
}

/* Its first entry says what it is sealed to. @return 0, -errno */
static int
begin_ledger(const char *archive_path, const char *home,
	     const struct store_public *pub)
{
	const struct store_archive_config config = { .map_bytes = 1 << 20 };
	struct store_ledger_entry entry = { .action = "init" };
	char path[PATH_MAX], text[STORE_PUBLIC_TEXT_BYTES];
	struct store_archive *archive = NULL;
	struct store_signer *signer = NULL;
	struct timespec now;
	int rc = part_path(path, home, "audit.key");

	if (!rc)
		rc = store_signer_create(path);
	if (!rc)
		rc = store_signer_load(&signer, path);
	if (!rc)
		rc = store_archive_open(&archive, archive_path, STORE_WRITE,
					&config, NULL);
	if (!rc) {
		clock_gettime(CLOCK_REALTIME, &now);
		entry.time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
		spanrec_actor(entry.actor);
		store_public_text(text, pub);
		(void)!snprintf(entry.detail, sizeof(entry.detail),
				"spanrec " SPANREC_VERSION ", sealed to %s",
				text);
		rc = audit_enter(archive, signer, &entry, 1);
	}
	store_archive_close(&archive);
	store_signer_free(&signer);
	return rc;
}

/* @return exit code */
static int
make_archive(const char *home, const struct store_public *given)
{
	struct store_public pub;
	char path[PATH_MAX];
	int rc;

	if (given) {
		pub = *given;
	} else {
		rc = part_path(path, home, "vault.key");
		if (!rc)
			rc = store_identity_create(path, &pub);
		if (rc < 0) {
			log_error("the private key %s/vault.key cannot be "
				  "made: %s",
				  home, strerror(-rc));
			return exit_code(rc);
		}
	}
	rc = part_path(path, home, "archive");
	if (!rc)
		rc = store_archive_create(path, &pub, 1);
	if (rc < 0) {
		log_error("the archive %s/archive cannot be made: %s", home,
			  strerror(-rc));
		return exit_code(rc);
	}
	rc = begin_ledger(path, home, &pub);
	if (rc < 0)
		log_error("the ledger of %s/archive cannot be begun: %s", home,
			  strerror(-rc));
	return rc < 0 ? exit_code(rc) : 0;
}

static void
report(const struct arguments *arguments)
{
	const struct spanrec *spanrec = arguments->spanrec;
	const char *home = arguments->home;

	if (spanrec->quiet)
		return;
	fprintf(
	    spanrec->out,
	    "Made %s. What is in it:\n"
	    "  policy.yaml   records every call, keeps it 90 days: read and "
	    "change it first\n"
	    "  spanrec.yaml  settings\n",
	    home);
	if (arguments->public_key)
		fprintf(spanrec->out,
			"  archive       sealed to %s; no private key is "
			"here\n",
			arguments->public_key);
	else
		fprintf(
		    spanrec->out,
		    "  vault.key     the private key: keep a copy in a safe "
		    "place\n"
		    "  archive       where recordings go\n");
	fprintf(spanrec->out,
		"  audit.key     signs what is done to the archive\n"
		"Record with: spanrecd --home %s --interface IF, or --read "
		"FILE.pcap\n",
		home);
}

int
spanrec_home_make(const char *home, const struct store_public *pub)
{
	bool made;
	int rc;

	umask(077);
	rc = spanrec_folder_make(home, &made);
	if (rc)
		return rc;
	rc = make_file(home, "spanrec.yaml", home_settings_write);
	if (!rc)
		rc = make_file(home, "policy.yaml", write_policy);
	if (!rc)
		rc = make_archive(home, pub);
	if (rc)
		undo(home, made);
	return rc;
}

int
spanrec_init(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "HOME",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct store_public pub;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.public_key) {
		rc = load_public(arguments.public_key, &pub);
		if (rc)
			return rc;
	}
	rc = spanrec_home_make(arguments.home,
			       arguments.public_key ? &pub : NULL);
	if (rc)
		return rc;
	report(&arguments);
	return 0;
}
